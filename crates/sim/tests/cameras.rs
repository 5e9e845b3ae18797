//! What the cameras measure is where things are.

mod driver;

use driver::setup;
use nalgebra::{Isometry3, Point3, Vector3};
use neuraxis_core::{CameraView, Point};
use neuraxis_sim::{
    CameraRig, Plant,
    model::{CAMERAS, TABLE_Z_M},
};

/// Half the side of a block [m].
const HALF_M: f64 = 0.02;

fn views(task: &str, seed: u64) -> (Plant, Vec<CameraView>) {
    let setup = setup(task, seed);
    let plant = Plant::new(&setup).expect("physics");
    let views = CameraRig::new(&setup).expect("EGL").render(&plant).expect("images");
    (plant, views)
}

/// A pixel back in the world, by the calibration that observations carry.
fn back(view: &CameraView, column: usize, row: usize) -> Point3<f64> {
    let k = &view.intrinsics;
    let z = f64::from(view.depth_m[row * k.width as usize + column]);
    let in_camera = Point3::new((column as f64 - k.cx) / k.fx * z, (row as f64 - k.cy) / k.fy * z, z);
    (view.world_from_camera * Point::new(in_camera)).xyz
}

/// A point of the world in the image [px], and its depth [m].
fn project(view: &CameraView, world: &Point3<f64>) -> ([f64; 2], f64) {
    let k = &view.intrinsics;
    let p = (view.world_from_camera.inverse() * Point::<neuraxis_core::World>::new(*world)).xyz;
    ([k.fx * p.x / p.z + k.cx, k.fy * p.y / p.z + k.cy], p.z)
}

fn colour(view: &CameraView, column: usize, row: usize) -> [u8; 3] {
    let at = 3 * (row * view.intrinsics.width as usize + column);
    [view.rgb[at], view.rgb[at + 1], view.rgb[at + 2]]
}

#[test]
fn four_cameras_with_whole_images() {
    let (_, views) = views("push_buttons", 4);
    assert_eq!(views.iter().map(|v| &*v.name).collect::<Vec<_>>(), CAMERAS.map(|(name, _)| name));
    for (view, (_, fovy_deg)) in views.iter().zip(CAMERAS) {
        let k = &view.intrinsics;
        assert_eq!((k.width, k.height), (128, 128));
        assert_eq!((view.rgb.len(), view.depth_m.len()), (3 * 128 * 128, 128 * 128));
        assert!((2.0 * (64.0 / k.fy).atan().to_degrees() - fovy_deg).abs() < 1e-9);
        assert!(view.world_from_camera.is_valid());
    }
}

/// The table's own colour marks its pixels; nothing else in this scene has it.
#[test]
fn the_table_is_flat_and_at_its_height_in_every_camera() {
    let (_, views) = views("push_buttons", 4);
    for view in &views {
        let (mut seen, mut worst) = (0, 0.0f64);
        for row in 0..128 {
            for column in 0..128 {
                let [r, g, b] = colour(view, column, row).map(f64::from);
                let wood = (g / r - 0.66 / 0.72).abs() < 0.04 && (b / r - 0.58 / 0.72).abs() < 0.04;
                let p = back(view, column, row);
                // Neither the table's edge, where its sides show, nor the border of another thing.
                let inside = (-0.38..0.88).contains(&p.x) && p.y.abs() < 0.63;
                if wood && inside {
                    seen += 1;
                    worst = worst.max((p.z - TABLE_Z_M).abs());
                }
            }
        }
        assert!(seen > 2000, "{} sees only {seen} pixels of the table", view.name);
        assert!(worst < 1e-3, "{}: the table is {:.2} mm off", view.name, worst * 1e3);
    }
}

/// The corners of every block, projected, must span the pixels whose measured points lie on it.
#[test]
fn blocks_appear_where_they_are() {
    let mut compared = [0; CAMERAS.len()];
    for seed in 20..24 {
        let (plant, views) = views("stack_blocks", seed);
        for (view, compared) in views.iter().zip(&mut compared) {
            for block in 0..4 {
                let world_from_block = plant.world().body_pose(&format!("block{block}")).expect("a body");
                *compared += usize::from(compare(view, &world_from_block));
            }
        }
    }
    for ((name, _), compared) in CAMERAS.iter().zip(compared) {
        assert!(compared >= 4, "{name} saw only {compared} whole blocks");
    }
}

/// False if the block is not wholly visible.
fn compare(view: &CameraView, world_from_block: &Isometry3<f64>) -> bool {
    let corners = (0..8).map(|i| {
        let sign = |bit: usize| if i & bit == 0 { -HALF_M } else { HALF_M };
        project(view, &(world_from_block * Point3::new(sign(1), sign(2), sign(4))))
    });
    let (mut low, mut high) = ([f64::MAX; 2], [f64::MIN; 2]);
    for (pixel, depth) in corners {
        if depth < 0.05 || pixel.iter().any(|x| !(4.0..124.0).contains(x)) {
            return false;
        }
        for axis in 0..2 {
            low[axis] = low[axis].min(pixel[axis]);
            high[axis] = high[axis].max(pixel[axis]);
        }
    }
    let (mut seen_low, mut seen_high) = ([f64::MAX; 2], [f64::MIN; 2]);
    for row in low[1] as usize - 3..=high[1] as usize + 3 {
        for column in low[0] as usize - 3..=high[0] as usize + 3 {
            let in_block = world_from_block.inverse() * back(view, column, row);
            // 2 mm of slack, and none of the table under it.
            let on_it = in_block.coords.amax() < HALF_M + 2e-3 && in_block.z > -HALF_M + 3e-3;
            if on_it {
                for (axis, at) in [column, row].into_iter().enumerate() {
                    seen_low[axis] = seen_low[axis].min(at as f64);
                    seen_high[axis] = seen_high[axis].max(at as f64);
                }
            }
        }
    }
    // Hidden in part by the arm or another block: then its box is not fully seen, and says nothing.
    let hidden = (0..2).any(|a| seen_high[a] - seen_low[a] < 0.7 * (high[a] - low[a]) - 1.0);
    if hidden {
        return false;
    }
    for axis in 0..2 {
        let (expected, seen) = ((low[axis] + high[axis]) / 2.0, (seen_low[axis] + seen_high[axis]) / 2.0);
        let off = (expected - seen).abs();
        assert!(off < 1.5, "{}: {off:.2} px off along axis {axis}, box {low:?} {high:?}", view.name);
    }
    true
}

#[test]
fn the_wrist_camera_rides_on_the_hand() {
    let setup = setup("push_buttons", 4);
    let mut driver = driver::Driver::new(&setup);
    let mut rig = CameraRig::new(&setup).expect("EGL");
    let in_tool = |driver: &driver::Driver, rig: &mut CameraRig| {
        let views = rig.render(&driver.plant).expect("images");
        let world_from_camera = views.iter().find(|v| &*v.name == "wrist").expect("a wrist camera").world_from_camera;
        driver.robot.world_from_tool(&driver.plant.state().q).inverse() * world_from_camera
    };
    let before = in_tool(&driver, &mut rig);
    driver.rise(-0.15);
    let after = in_tool(&driver, &mut rig);
    let (metres, radians) = before.distance(&after);
    assert!(metres < 1e-4 && radians < 1e-4, "{before:?} then {after:?}");
    // Behind the tool point and looking along the approach.
    assert!(before.position().z < -0.05, "{before:?}");
    assert!((before.rotation() * Vector3::z()).z > 0.98, "{before:?}");
}
