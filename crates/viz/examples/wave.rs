//! Writes a short recording of the arm waving past two cameras, to look at the layout without a simulator:
//! `cargo run -p neuraxis-viz --example wave -- urdf/fr3.urdf /tmp/wave.rrd`, then `rerun /tmp/wave.rrd`.

use std::{env, error::Error, path::Path};

use nalgebra::{Rotation3, UnitQuaternion, Vector3};
use neuraxis_core::{
    ArmState, CameraView, Gripper, Intrinsics, Joints, KeyFrame, Nanos, Observation, Pose, Prediction, Progress,
    StageTimes, Tool, World,
};
use neuraxis_episode::CommandSample;
use neuraxis_viz::{Level, Points, PredictionDetail, VirtualView, Viz, VizConfig};

const SIZE: u32 = 64;
const HOME: [f64; 7] = [0.0, 0.1752, 0.0, -0.943, 0.0, 1.1182, 0.785];

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let (Some(urdf), Some(out)) = (args.next(), args.next()) else {
        return Err("usage: wave URDF OUT.rrd".into());
    };
    let config = VizConfig {
        urdf: urdf.into(),
        world_from_base: Pose::from_parts(Vector3::new(-0.268, -0.0064, 0.75), UnitQuaternion::identity()),
        joint_names: (1..=7).map(|i| format!("fr3_joint{i}")).collect(),
        gripper_joint_names: vec!["fr3_finger_joint1".into(), "fr3_finger_joint2".into()],
        cameras: vec!["front".into(), "left_shoulder".into()],
        virtual_views: vec!["top".into(), "front".into(), "right".into()],
        title: "wave".into(),
        ..Default::default()
    };
    let mut viz = Viz::to_file(Path::new(&out), &config)?;
    viz.log_instruction(Nanos(0), "wave to the left, then to the right")?;
    for i in 0..400_u64 {
        let stamp = Nanos::from_millis(i * 10);
        let wave = (stamp.secs() * 1.5).sin();
        let q = Joints::from_fn(7, |j| HOME[j] + 0.2 * wave * (1.0 + j as f64 * 0.1));
        let width = 0.04 + 0.04 * wave;
        let command =
            CommandSample { stamp, q: Joints::from_fn(7, |j| q[j] + 0.002 * wave), qd: q, gripper_width_m: width };
        let state = ArmState { stamp, q, qd: q, tau_nm: q, gripper_width_m: width, grip_force_n: None };
        viz.log_state(&state)?;
        viz.log_command(&command)?;
        viz.log_wake_latency(stamp, 20e-6 + 15e-6 * wave.abs())?;
        viz.log_phase(stamp, if i % 100 < 60 { "Moving" } else { "Gripper" })?;
        if i % 10 == 0 {
            let tool = pose(Vector3::new(0.2 + 0.02 * wave, 0.2 * wave, 1.1 - 0.1 * wave.abs()), Vector3::zeros());
            let observation = observation(i / 10, stamp, q, tool, width);
            viz.log_observation(&observation)?;
            let (xyz_in_world, rgb) = board();
            viz.log_cloud(stamp, &Points { xyz_in_world, rgb })?;
            viz.log_prediction(&prediction(i / 10, stamp))?;
            viz.log_detail(stamp, &detail(wave))?;
        }
    }
    viz.log_event(Nanos::from_millis(3900), Level::Warning, "the wave is about to end")?;
    viz.log_success(Nanos::from_millis(3990), true)?;
    viz.finish()?;
    println!("{out}");
    Ok(())
}

fn pose<A: neuraxis_core::Frame>(position: Vector3<f64>, toward: Vector3<f64>) -> Pose<World, A> {
    let forward = (toward - position).normalize();
    let right = forward.cross(&Vector3::z());
    let right = if right.norm() < 1e-6 { Vector3::x() } else { right.normalize() };
    let axes = nalgebra::Matrix3::from_columns(&[right, forward.cross(&right), forward]);
    Pose::from_parts(position, UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(axes)))
}

fn observation(seq: u64, stamp: Nanos, q: Joints, tool: Pose<World, Tool>, width: f64) -> Observation {
    let pixels = || (0..SIZE * SIZE).map(|i| (i % SIZE, i / SIZE));
    let view = |name: &str, position: Vector3<f64>| CameraView {
        name: name.into(),
        intrinsics: Intrinsics { width: SIZE, height: SIZE, fx: 88.0, fy: 88.0, cx: 31.5, cy: 31.5 },
        world_from_camera: pose(position, Vector3::new(0.2, 0.0, 0.8)),
        rgb: pixels()
            .flat_map(|(x, y)| [(4 * x) as u8, (4 * y) as u8, if (x / 8 + y / 8) % 2 == 0 { 40 } else { 200 }])
            .collect(),
        depth_m: pixels().map(|(x, y)| 1.0 + 0.01 * (x + y) as f32).collect(),
    };
    let progress = Progress { reached_world_from_tool: tool, gripper: Gripper::Open, reached_count: 0 };
    Observation {
        seq,
        stamp,
        cameras: vec![view("front", Vector3::new(1.3, 0.0, 1.5)), view("left_shoulder", Vector3::new(-0.2, 0.8, 1.6))],
        q,
        world_from_tool: tool,
        gripper_width_m: width,
        progress,
    }
}

fn board() -> (Vec<[f32; 3]>, Vec<[u8; 3]>) {
    (0..10_000)
        .map(|i| {
            let (x, y) = (i % 100, i / 100);
            let shade = if (x / 10 + y / 10) % 2 == 0 { 90 } else { 150 };
            ([-0.2 + 0.009 * x as f32, -0.45 + 0.009 * y as f32, 0.75], [shade, shade, shade + 20])
        })
        .unzip()
}

fn prediction(seq: u64, observed_at: Nanos) -> Prediction {
    let side = if seq % 20 < 10 { 0.2 } else { -0.2 };
    let world_from_tool = pose(Vector3::new(0.25, side, 0.85), Vector3::new(0.25, side, 0.0));
    let keyframe = KeyFrame { world_from_tool, gripper: Gripper::Closed, ignore_collisions: seq % 20 < 10 };
    let times = StageTimes {
        render_secs: 0.012,
        host_to_device_secs: 0.0005,
        coarse_secs: 0.03,
        fine_secs: 0.028,
        device_to_host_secs: 0.0002,
        total_secs: 0.071,
    };
    Prediction { seq, epoch: 0, observed_at, keyframe, confidence: 0.8, times, path: None }
}

fn detail(wave: f64) -> PredictionDetail {
    let view = |name: &str| {
        let peak = [40.0 + 20.0 * wave as f32, 30.0];
        let distance = |x: u32, y: u32| (x as f32 - peak[0]).powi(2) + (y as f32 - peak[1]).powi(2);
        VirtualView {
            name: name.into(),
            size: [SIZE, SIZE],
            rgb: (0..SIZE * SIZE).flat_map(|i| [(i % SIZE) as u8 * 2, 90, (i / SIZE) as u8 * 2]).collect(),
            heat: (0..SIZE * SIZE).map(|i| (-distance(i % SIZE, i / SIZE) / 20.0).exp()).collect(),
        }
    };
    PredictionDetail { views: ["top", "front", "right"].map(view).into(), gaze: None }
}
