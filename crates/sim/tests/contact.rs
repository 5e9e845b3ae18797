//! Contact is physical: friction holds a block, a finger presses a button, closed fingers pull a drawer; and
//! the judges see it.

mod driver;

use driver::{Driver, setup};
use neuraxis_core::{ArmCommand, CameraView, Gripper, Point};
use neuraxis_sim::{CameraRig, Goal, Plant, Setup, SimConfig, Spec, model::TABLE_Z_M};

/// The first seed whose goal takes this many presses.
fn buttons(presses: usize) -> Setup {
    (1..100)
        .map(|seed| setup("push_buttons", seed))
        .find(|s| s.goal().targets.len() == presses)
        .expect("a third of all scenes")
}

fn perform(driver: &mut Driver, setup: &Setup, goal: &Goal) {
    let script = setup.keyframes(goal, &driver.plant).expect("a script");
    for (i, keyframe) in script.iter().enumerate() {
        driver.reach(keyframe);
        // Away from what was touched before going on sideways.
        let sideways = script.get(i + 1).is_some_and(|next| !next.ignore_collisions);
        if keyframe.ignore_collisions && sideways {
            driver.rise(0.10);
        }
    }
}

#[test]
fn friction_lifts_a_block() {
    let setup = setup("stack_blocks", 8);
    let mut driver = Driver::new(&setup);
    let script = setup.keyframes(setup.goal(), &driver.plant).expect("a script");
    let block = |d: &Driver, i: usize| d.plant.world().body_pose(&format!("block{i}")).expect("a body").translation.z;
    let height = |d: &Driver| (0..8).map(|i| block(d, i)).fold(f64::MIN, f64::max);
    let before = height(&driver);
    driver.reach(&script[0]);
    driver.reach(&script[1]);
    let held = driver.plant.state().gripper_width_m;
    assert!((0.037..0.043).contains(&held), "the fingers stand {held:.4} m apart on a block of 0.04 m");
    let squeezes_n = |plant: &Plant| plant.state().grip_force_n.expect("the fingers measure force");
    assert!((30.0..36.0).contains(&squeezes_n(&driver.plant)), "{} N of 35", squeezes_n(&driver.plant));
    // As gently as it is told, and firmly again.
    let q = driver.plant.state().q;
    for force_n in [8.0, 35.0] {
        (0..300).for_each(|_| driver.plant.step(&ArmCommand::hold(q, 0.0, force_n)));
        let measured_n = squeezes_n(&driver.plant);
        assert!((measured_n - force_n).abs() < 1.0, "{measured_n} N of {force_n}");
    }
    driver.rise(0.15);
    let lifted = height(&driver);
    assert!(lifted - before > 0.14, "lifted by {:.3} m only", lifted - before);
    // It does not creep out of the hand, and falls when released.
    driver.wait(3000);
    assert!(lifted - height(&driver) < 2e-3, "slid {:.2} mm in 3 s", (lifted - height(&driver)) * 1e3);
    driver.grip(Gripper::Open);
    assert!((height(&driver) - before).abs() < 0.05, "still up at {:.3} m", height(&driver));
    assert!(!driver.plant.success(setup.goal()));
}

#[test]
fn a_stack_counts_when_it_stands_untouched() {
    // The first eight variations ask for two blocks.
    let spec = Spec { task: "stack_blocks".into(), seed: 9, variation: Some(1) };
    let setup = Setup::new(&spec, &SimConfig::default()).expect("a scene");
    let mut driver = Driver::new(&setup);
    let script = setup.keyframes(setup.goal(), &driver.plant).expect("a script");
    for keyframe in &script[..3] {
        driver.reach(keyframe);
        if keyframe.ignore_collisions {
            driver.rise(0.12);
        }
    }
    driver.line(&script[3].world_from_tool);
    driver.wait(1000);
    assert!(!driver.plant.success(setup.goal()), "a block in the hand is not a stack");
    driver.grip(Gripper::Open);
    driver.wait(500);
    assert!(driver.plant.success(setup.goal()) && !driver.plant.failed(setup.goal()));
    for other in setup.alternatives() {
        assert!(!driver.plant.success(other) && driver.plant.failed(other), "{}", other.instruction);
    }
}

#[test]
fn buttons_count_in_the_order_named() {
    for presses in 1..=3 {
        let setup = buttons(presses);
        let mut driver = Driver::new(&setup);
        assert!(!driver.plant.success(setup.goal()) && !driver.plant.failed(setup.goal()));
        perform(&mut driver, &setup, setup.goal());
        assert!(driver.plant.success(setup.goal()), "{}", setup.goal().instruction);
        for other in setup.alternatives() {
            assert!(!driver.plant.success(other) && driver.plant.failed(other), "{}", other.instruction);
        }
    }
}

#[test]
fn a_wrong_first_button_cannot_be_made_good() {
    let setup = buttons(1);
    let mut driver = Driver::new(&setup);
    perform(&mut driver, &setup, &setup.alternatives()[0]);
    assert!(driver.plant.failed(setup.goal()));
    driver.rise(0.10);
    perform(&mut driver, &setup, setup.goal());
    assert!(driver.plant.failed(setup.goal()) && !driver.plant.success(setup.goal()));
}

#[test]
fn a_pressed_button_stays_dark() {
    let setup = buttons(1);
    let mut driver = Driver::new(&setup);
    let order = &setup.goal().targets;
    let mut rig = CameraRig::new(&setup).expect("EGL");
    let pressed = driver.plant.world().body_pose(&format!("cap{}", order[0])).expect("a body").translation.vector;
    // The wrist camera looks straight down on it from the start.
    let mut spread = |driver: &Driver| {
        let views = rig.render(&driver.plant).expect("images");
        let view = views.into_iter().find(|v| &*v.name == "wrist").expect("a wrist camera");
        let [low, high] = pixel(&view, pressed.x, pressed.y);
        (u16::from(high) - u16::from(low), high)
    };
    let start = driver.world_from_tool();
    let (before, _) = spread(&driver);
    assert!(before > 60, "no strong colour before: {before}");
    perform(&mut driver, &setup, setup.goal());
    driver.rise(0.10);
    driver.line(&start);
    driver.wait(500);
    let (after, brightest) = spread(&driver);
    assert!(after < 12 && brightest < 70, "spread {after}, brightest {brightest} after the press");
}

#[test]
fn closed_fingers_pull_each_drawer_open() {
    for drawer in 0..3 {
        let spec = Spec { task: "open_drawer".into(), seed: 1, variation: Some(drawer) };
        let setup = Setup::new(&spec, &SimConfig::default()).expect("a scene");
        let mut driver = Driver::new(&setup);
        let place =
            |d: &Driver| d.plant.world().body_pose(&format!("drawer{drawer}")).expect("a body").translation.vector;
        let shut = place(&driver);
        let script = setup.keyframes(setup.goal(), &driver.plant).expect("a script");
        driver.reach(&script[0]);
        assert!((place(&driver) - shut).norm() < 1e-3, "moved before it was touched");
        for keyframe in &script[1..] {
            driver.reach(keyframe);
        }
        let opened = (place(&driver) - shut).norm();
        assert!(opened > 0.15 && driver.plant.success(setup.goal()), "{}: {opened:.3} m", setup.goal().instruction);
        for other in setup.alternatives() {
            assert!(!driver.plant.success(other) && driver.plant.failed(other), "{}", other.instruction);
        }
        // Friction in the guides holds it where it was left.
        let left = place(&driver);
        driver.grip(Gripper::Open);
        driver.wait(1000);
        assert!((place(&driver) - left).norm() < 5e-3, "slid by {:.1} mm", (place(&driver) - left).norm() * 1e3);
    }
}

/// Least and greatest of red, green and blue at the middle of a cap.
fn pixel(view: &CameraView, x: f64, y: f64) -> [u8; 2] {
    let top = Point::<neuraxis_core::World>::new([x, y, TABLE_Z_M + 0.045].into());
    let p = (view.world_from_camera.inverse() * top).xyz;
    let k = &view.intrinsics;
    let column = (k.fx * p.x / p.z + k.cx).round() as usize;
    let row = (k.fy * p.y / p.z + k.cy).round() as usize;
    let at = 3 * (row * k.width as usize + column);
    let rgb = &view.rgb[at..at + 3];
    [*rgb.iter().min().expect("three"), *rgb.iter().max().expect("three")]
}
