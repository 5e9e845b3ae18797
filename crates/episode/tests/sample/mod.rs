//! Recordings with everything in them, made of a seed.

#![allow(dead_code)]

use std::sync::Arc;

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::{
    ArmCommand, ArmState, CameraView, Fault, Frame, Gripper, Intrinsics, Joints, KeyFrame, Nanos, Observation, Pose,
    Prediction, Progress, Segment, StageTimes,
};
use neuraxis_episode::{
    BrainPanel, CommandSample, Decision, DepthEncoding, EpisodeWriter, GazeRay, Header, Level, LoopInputs, Monitor,
    Points, PredictionDetail, Record, SeenThing, TickSample, VirtualView,
};
use rand::Rng;
use rand_pcg::Pcg64;
use serde_json::json;

fn pose<A: Frame, B: Frame>(rng: &mut Pcg64) -> Pose<A, B> {
    Pose::from_parts(
        Vector3::from_fn(|_, _| rng.random_range(-2.0..2.0)),
        UnitQuaternion::from_euler_angles(rng.random(), rng.random(), rng.random()),
    )
}

fn joints(rng: &mut Pcg64) -> Joints {
    Joints::from_fn(7, |_| rng.random_range(-3.0..3.0))
}

pub fn header(rng: &mut Pcg64) -> Header {
    Header {
        joint_names: (1..=7).map(|i| format!("fr3_joint{i}")).collect(),
        gripper_joint_names: vec!["fr3_finger_joint1".into(), "fr3_finger_joint2".into()],
        robot_description: "<robot name=\"r\"><link name=\"fr3_link0\"/></robot>".into(),
        base_frame: "fr3_link0".into(),
        world_from_base: pose(rng),
        depth: DepthEncoding::Metres,
        meta: json!({"seed": 7, "rate_hz": 0.1 + 0.2}),
    }
}

pub fn observation(rng: &mut Pcg64, seq: u64, stamp: Nanos) -> Observation {
    let camera = |rng: &mut Pcg64, name: &str, width: u32, height: u32| CameraView {
        name: name.into(),
        intrinsics: Intrinsics { width, height, fx: rng.random(), fy: rng.random(), cx: 3.5, cy: rng.random() },
        world_from_camera: pose(rng),
        rgb: (0..3 * width * height).map(|_| rng.random()).collect(),
        depth_m: (0..width * height).map(|i| if i == 0 { f32::INFINITY } else { rng.random() }).collect(),
    };
    Observation {
        seq,
        stamp,
        cameras: vec![camera(rng, "front", 8, 6), camera(rng, "wrist", 5, 3)],
        q: joints(rng),
        world_from_tool: pose(rng),
        gripper_width_m: rng.random(),
        progress: Progress { reached_world_from_tool: pose(rng), gripper: Gripper::Open, reached_count: 2 },
    }
}

fn prediction(rng: &mut Pcg64, seq: u64, observed_at: Nanos) -> Prediction {
    Prediction {
        seq,
        epoch: 3,
        observed_at,
        keyframe: KeyFrame {
            world_from_tool: pose(rng),
            gripper: Gripper::Closed,
            ignore_collisions: seq.is_multiple_of(2),
        },
        confidence: rng.random(),
        times: StageTimes { render_secs: rng.random(), total_secs: rng.random(), ..Default::default() },
        path: None,
    }
}

/// One millisecond of the loop.
pub fn tick(rng: &mut Pcg64, number: u64, state: ArmState) -> TickSample {
    let now = state.stamp;
    let segment = Segment {
        epoch: 3,
        seq: number,
        t0: now,
        valid_until: now + Nanos::from_millis(20),
        q: joints(rng),
        qd: joints(rng),
        qdd: joints(rng),
        gripper_width_m: rng.random(),
        grip_force_n: rng.random(),
    };
    let command = ArmCommand { qd: joints(rng), qdd: joints(rng), ..ArmCommand::hold(joints(rng), 0.08, 35.0) };
    TickSample {
        number,
        inputs: LoopInputs {
            now,
            state,
            segment: (!number.is_multiple_of(3)).then_some(segment),
            stop: number % 7 == 1,
            reset: number % 7 == 2,
            read: (number % 5 == 1).then_some(Fault::ReadFailed),
            write: (number % 5 == 2).then_some(Fault::WriteFailed),
            overrun: number % 5 == 3,
        },
        decision: Decision {
            now,
            command,
            started: true,
            mode: "Track".into(),
            fault: (number % 4 == 1).then_some(Fault::SegmentJump),
            rejected: (number % 4 == 2).then_some(Fault::SegmentOutOfOrder),
            segment_epoch: (number % 2 == 1).then_some(3),
            segment_seq: (number % 2 == 1).then_some(number),
            refused: [1, 2, 3, 4, number],
            tracking_error_rad: rng.random(),
            clearance: [rng.random(), f64::INFINITY, rng.random()],
            speed_scale: 1.0,
        },
        wake_latency: Nanos(rng.random_range(0..100_000)),
        compute: Nanos(rng.random_range(0..100_000)),
        missed: number % 2,
    }
}

fn detail(rng: &mut Pcg64) -> PredictionDetail {
    let view = |rng: &mut Pcg64, name: &str, with_heat: bool| {
        // Heat that is a whole share of its peak comes back to the last bit.
        let shares: Vec<f32> =
            (0..12).map(|i| if i == 5 { 1.0 } else { f32::from(rng.random_range(0..2u8)) }).collect();
        let rgb = (0..36).map(|_| rng.random()).collect();
        VirtualView { name: name.into(), size: [4, 3], rgb, heat: if with_heat { shares } else { Vec::new() } }
    };
    PredictionDetail {
        views: vec![view(rng, "coarse_top", true), view(rng, "dynamic_before", false)],
        gaze: Some(GazeRay {
            eye_in_world: [0.1, 0.2, 0.3],
            direction: [0.0, 0.6, 0.8],
            point_in_world: Some([1.0, 2.0, rng.random()]),
        }),
    }
}

fn thing(rng: &mut Pcg64, name: &str) -> SeenThing {
    SeenThing {
        name: name.into(),
        centre_in_world: Vector3::from_fn(|_, _| rng.random()),
        half_m: Vector3::from_fn(|_, _| rng.random()),
        yaw_rad: rng.random(),
        is_named: true,
        is_held: false,
    }
}

/// Records of `count` milliseconds from `from` on, in the order that a recorder would have them.
pub fn records(rng: &mut Pcg64, from: u64, count: u64) -> Vec<Record> {
    let at = |i: u64| Nanos::from_millis(from + i);
    let text = "press the \"red\" button, dann grün".to_string();
    let mut all = vec![Record::Instruction { stamp: at(0), epoch: 3, text }];
    for i in 0..count {
        let stamp = Nanos(at(i).0 + rng.random_range(0..1000));
        let state = ArmState {
            stamp,
            q: joints(rng),
            qd: joints(rng),
            tau_nm: joints(rng),
            gripper_width_m: rng.random_range(0.0..0.08),
            grip_force_n: (i % 2 == 0).then(|| rng.random_range(0.0..70.0)),
        };
        all.push(Record::State(state));
        all.push(Record::Command(CommandSample { stamp, q: joints(rng), qd: joints(rng), gripper_width_m: 0.08 }));
        all.push(Record::Tick(Box::new(tick(rng, from + i, state))));
        if i % 30 == 0 {
            all.push(Record::Observation(Arc::new(observation(rng, i, stamp))));
            all.push(Record::Prediction(Nanos(stamp.0 + 5), Box::new(prediction(rng, i, stamp))));
            all.push(Record::Detail(stamp, Box::new(detail(rng))));
            let xyz_in_world = (0..40).map(|k| [k as f32 / 2048.0, -0.5, 1.25]).collect();
            let rgb = (0..40).map(|_| [rng.random(), rng.random(), rng.random()]).collect();
            all.push(Record::Cloud(stamp, Box::new(Points { xyz_in_world, rgb })));
            all.push(Record::Phase(stamp, "Moving".into()));
            let words = |word: &str| format!("{word} {i} | grün\n");
            let panel = BrainPanel { tree: words("tree"), facts: words("facts"), costs: words("costs") };
            all.push(Record::Brain(stamp, Box::new(panel)));
            all.push(Record::Things(stamp, vec![thing(rng, "red_block"), thing(rng, "box")]));
            let monitor = Monitor { name: "force [N]".into(), value: rng.random(), limit: Some(30.0) };
            all.push(Record::Monitors(stamp, vec![monitor.clone(), Monitor { limit: None, ..monitor }]));
            all.push(Record::Event(stamp, Level::Warning, format!("slipped, {i}")));
        }
    }
    let end = at(count);
    all.push(Record::Event(end, Level::Info, "done".into()));
    all.push(Record::Drops(end, json!({"viewer": 2})));
    all.push(Record::Summary(end, json!({"success": true})));
    all
}

/// Writes `count` milliseconds of an episode; returns what a reader must find.
pub fn write(writer: &mut EpisodeWriter, rng: &mut Pcg64, count: u64) -> Vec<Record> {
    let records = records(rng, 0, count);
    records.iter().for_each(|record| writer.record(record).unwrap());
    records
}
