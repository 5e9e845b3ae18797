//! How long each stage of vision takes, on one thread: `cargo run --release -p neuraxis-vision --example stages`.
//!
//! Budgets: fuse four 128 x 128 cameras 1.5 ms; three views of side 112 from about 16,000 points 1.5 ms; arg-max of
//! peaked maps 1 ms. Peer: RVT-2's published stack renders and decodes on a GPU; on a CPU its exhaustive decoding takes
//! 14-16 ms in numpy at side 224. Prints p50, p99 and max with host and kernel.

use std::{hint::black_box, time::Instant};

use nalgebra::{Rotation3, UnitQuaternion, Vector3};
use neuraxis_core::{CameraView, Gripper, Intrinsics, Joints, Nanos, Observation, Pose, Progress};
use neuraxis_vision::{CHANNELS, Cloud, CubeFrame, FuseConfig, OrthoView, RenderConfig, Renderer};
use neuraxis_vision::{arg_max_3d, fuse_into, gaussian_target};

const RUNS: usize = 1000;
const TABLE_Z: f64 = 0.75;

fn main() {
    let read = |path: &str| std::fs::read_to_string(path).map_or("unknown".into(), |s| s.trim().to_string());
    let governor = read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    println!(
        "host {} kernel {} governor {governor}",
        read("/proc/sys/kernel/hostname"),
        read("/proc/sys/kernel/osrelease")
    );

    let observation = scene();
    let config = FuseConfig::default();
    let mut cloud = Cloud::default();
    measure("fuse 4 x 128 x 128", || fuse_into(black_box(&observation), &config, &mut cloud).expect("a full scene"));
    let unthinned = FuseConfig { plane_z_m: None, ..FuseConfig::default() };
    let mut all = Cloud::default();
    measure("fuse, table not thinned", || {
        fuse_into(black_box(&observation), &unthinned, &mut all).expect("a full scene")
    });
    println!("{} points, {} with the whole table", cloud.len(), all.len());

    let coarse = CubeFrame::from_bounds(&config.bounds_m);
    let fine = coarse.zoomed(&coarse.cube_from_world(&Vector3::new(0.25, 0.1, 0.8)), 4.0);
    for side in [112, 224] {
        let mut renderer = Renderer::new(RenderConfig { side, splat_px: 1.5 });
        let mut out = vec![0.0; 3 * CHANNELS * side * side];
        for (name, frame) in [("coarse", coarse), ("fine", fine)] {
            measure(&format!("render {name}, side {side}"), || {
                renderer.render_into(black_box(&cloud.xyz_in_world), &cloud.rgb, &frame, CHANNELS, &mut out);
            });
        }
        let mut peaked = Vec::new();
        measure(&format!("targets, side {side}"), || {
            peaked.clear();
            for view in OrthoView::ALL {
                gaussian_target(&mut peaked, view.pixel(black_box([0.11, -0.37, -0.62]), side), side, 1.5);
            }
        });
        measure(&format!("arg-max of peaks, side {side}"), || {
            black_box(arg_max_3d(black_box(&peaked), side).expect("finite maps"));
        });
        // What a network gives: logits with a floor that is not flat.
        let noisy: Vec<f32> = peaked.iter().enumerate().map(|(i, p)| 100.0 * p + (i as f32 * 0.7).sin()).collect();
        measure(&format!("arg-max of noisy logits, side {side}"), || {
            black_box(arg_max_3d(black_box(&noisy), side).expect("finite maps"));
        });
    }
}

/// Runs a stage often and prints its percentiles.
fn measure(name: &str, mut run: impl FnMut()) {
    for _ in 0..RUNS / 10 {
        run();
    }
    let mut micros: Vec<f64> = (0..RUNS)
        .map(|_| {
            let clock = Instant::now();
            run();
            clock.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    micros.sort_by(f64::total_cmp);
    println!(
        "{name:36} p50 {:7.0}  p99 {:7.0}  max {:7.0} µs",
        micros[RUNS / 2],
        micros[RUNS * 99 / 100],
        micros[RUNS - 1]
    );
}

/// Four cameras around a table with three balls on it, seen by ray casting.
fn scene() -> Observation {
    let target = Vector3::new(0.2, 0.0, TABLE_Z);
    let eyes = [
        Vector3::new(1.35, 0.0, 1.58),
        Vector3::new(-0.18, 0.7, 1.7),
        Vector3::new(-0.18, -0.7, 1.7),
        Vector3::new(0.3, 0.05, 1.3),
    ];
    let names = ["front", "left_shoulder", "right_shoulder", "wrist"];
    Observation {
        seq: 0,
        stamp: Nanos(0),
        cameras: eyes.iter().zip(names).map(|(eye, name)| camera(name, eye, &target)).collect(),
        q: Joints::zeros(7),
        world_from_tool: Pose::identity(),
        gripper_width_m: 0.08,
        progress: Progress { reached_world_from_tool: Pose::identity(), gripper: Gripper::Open, reached_count: 0 },
    }
}

fn camera(name: &str, eye: &Vector3<f64>, target: &Vector3<f64>) -> CameraView {
    let side = 128;
    let focal = f64::from(side) / 2.0 / 20f64.to_radians().tan();
    let centre = f64::from(side - 1) / 2.0;
    let forward = (target - eye).normalize();
    let right = forward.cross(&Vector3::z()).normalize();
    let axes = Rotation3::from_basis_unchecked(&[right, forward.cross(&right), forward]);
    let (mut rgb, mut depth_m) = (Vec::new(), Vec::new());
    for i in 0..side * side {
        let (u, v) = (f64::from(i % side), f64::from(i / side));
        let ray = axes * Vector3::new((u - centre) / focal, (v - centre) / focal, 1.0);
        let (depth, colour) = cast(eye, &ray);
        depth_m.push(depth as f32);
        rgb.extend(colour);
    }
    CameraView {
        name: name.into(),
        intrinsics: Intrinsics { width: side, height: side, fx: focal, fy: focal, cx: centre, cy: centre },
        world_from_camera: Pose::from_parts(*eye, UnitQuaternion::from_rotation_matrix(&axes)),
        rgb,
        depth_m,
    }
}

/// Depth along the ray (in units of its length) and colour of the nearest thing; 0 without one.
fn cast(eye: &Vector3<f64>, ray: &Vector3<f64>) -> (f64, [u8; 3]) {
    let table = (TABLE_Z - eye.z) / ray.z;
    let mut nearest = if table > 0.0 { (table, [150, 120, 90]) } else { (0.0, [0; 3]) };
    for (x, y, colour) in [(0.1, 0.15, [220, 30, 30]), (0.3, -0.1, [30, 200, 40]), (0.25, 0.1, [40, 60, 220])] {
        let from_centre = eye - Vector3::new(x, y, 0.83);
        let (a, b) = (ray.norm_squared(), from_centre.dot(ray));
        let under_root = b * b - a * (from_centre.norm_squared() - 0.08 * 0.08);
        if under_root > 0.0 {
            let distance = (-b - under_root.sqrt()) / a;
            if distance > 0.0 && (nearest.0 == 0.0 || distance < nearest.0) {
                nearest = (distance, colour);
            }
        }
    }
    nearest
}
