//! What a frame costs on loopback, without the simulator: `cargo run --release -p neuraxis-bridge --example speed`.
//!
//! Budget: 5 ms. An answer has four or five cameras of 128 x 128 RGB-D and all vectors (458 or 573 kB); the time is that of
//! a whole `step`: request, answer, and the check of every number on both sides.

use std::{net::TcpListener, ops::ControlFlow, thread, time::Instant};

use neuraxis_bridge::{
    ACTION_LEN, Backend, Calibration, CameraImage, Client, Event, Patience, Refusal, Reset, SceneChoice, SceneView,
    TaskInfo, serve,
};

const SIDE: usize = 128;
const STEPS: usize = 1000;

struct Still {
    cameras: usize,
}

impl Backend for Still {
    fn about(&self) -> String {
        "a still picture".into()
    }
    fn can_step(&self) -> bool {
        true
    }
    fn tasks(&mut self) -> Result<Vec<TaskInfo>, Refusal> {
        Ok(Vec::new())
    }
    fn reset(&mut self, _: &Reset) -> Result<SceneView, Refusal> {
        let calibration = Calibration {
            k: [[-175.0, 0.0, 64.0], [0.0, -175.0, 64.0], [0.0, 0.0, 1.0]],
            world_from_camera: [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]],
            near: 0.01,
            far: 4.5,
        };
        let camera = |i: usize| CameraImage {
            name: format!("camera_{i}"),
            width: SIDE,
            height: SIDE,
            rgb: vec![i as u8; 3 * SIDE * SIDE],
            depth_m: vec![1.0; SIDE * SIDE],
            calibration,
        };
        Ok(SceneView {
            descriptions: vec!["look".into()],
            reward: 0.0,
            done: false,
            error: None,
            gripper_open: 1.0,
            ignore_collisions: None,
            secs: None,
            cameras: (0..self.cameras).map(camera).collect(),
            joint_positions: vec![0.0; 7],
            joint_velocities: Some(vec![0.0; 7]),
            joint_forces: Some(vec![0.0; 7]),
            gripper_pose: [0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0],
            gripper_joint_positions: [0.04; 2],
            gripper_touch_forces: Some(vec![0.0; 6]),
            task_low_dim_state: Some(vec![0.0; 20]),
        })
    }
    fn step(&mut self, _: &[f64; ACTION_LEN]) -> Result<SceneView, Refusal> {
        self.reset(&Reset { task: "still".into(), variation: None, scene: SceneChoice::Seed(0) })
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{:>8} {:>10} {:>10} {:>10}", "cameras", "p50 [ms]", "p99 [ms]", "max [ms]");
    for cameras in [4, 5] {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let server = thread::spawn(move || {
            serve(&listener, &mut Still { cameras }, Patience::SERVER, |event| match event {
                Event::Went(..) => ControlFlow::Break(()),
                Event::Came(_) => ControlFlow::Continue(()),
            })
        });
        let mut client = Client::connect(&address, Patience::CLIENT)?;
        let mut times = Vec::with_capacity(STEPS);
        for _ in 0..STEPS {
            let clock = Instant::now();
            client.step(&[0.0; ACTION_LEN])?;
            times.push(clock.elapsed().as_secs_f64() * 1e3);
        }
        client.close()?;
        server.join().map_err(|_| "the server died")??;
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((STEPS - 1) as f64 * share) as usize];
        println!("{cameras:>8} {:>10.2} {:>10.2} {:>10.2}", at(0.5), at(0.99), at(1.0));
    }
    Ok(())
}
