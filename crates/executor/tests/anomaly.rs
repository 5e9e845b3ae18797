//! The anomaly chain against the observer alone: light touches on an arm whose friction is that of another day.
//! `cargo run --release -p neuraxis-executor --example anomaly` is the whole comparison.

mod anomaly_bench;
#[path = "../../cortex/tests/ten_tasks/mod.rs"]
mod ten_tasks;
mod world;

use anomaly_bench::{
    arm::{Arm, TICK_SECS, Trouble},
    day::Day,
    fr3,
    rivals::observer,
    study::{Size, friction, study},
};
use nalgebra::Vector3;
use neuraxis_core::Joints;
use neuraxis_cortex::{PlanRequest, Planner, SymbolicPlanner};
use neuraxis_executor::{Calibration, Channel, ExecutorConfig, Reason, Signals, What};
use neuraxis_plan::{Limits, Skill, Validator};
use neuraxis_robot::contact::{Contact, Detector, HORIZONS_SECS, Scales, Training};
use ten_tasks::TASKS;
use world::Bench;

const SIZE: Size = Size {
    train_minutes: 4.0,
    calibrate_days: 2,
    calibrate_minutes: 4.0,
    test_minutes: 4.0,
    trials: 12,
    training: Training { hidden: 24, epochs: 15, batch: 32, step_size: 3e-3, seed: 1 },
    // One run of 24, which is one alarm in the four minutes of the test.
    alpha: 1.0 / 24.0,
};

/// Only touches of 4 N. The rows are those of `anomaly_bench::rivals::RIVALS`.
#[test]
#[cfg_attr(debug_assertions, ignore = "seventeen minutes of simulation: cargo test --release")]
fn friction_that_is_learned_lets_four_newtons_be_felt_sooner_and_more_often_without_false_alarms() {
    let [alone, _, learned, chain] = study(&fr3(), 11, &SIZE, 1);
    for (name, result) in [("observer - MLP", &learned), ("observer - MLP + bank", &chain)] {
        assert!(result.share(0) >= alone.share(0), "{name}: {} of {}", result.share(0), alone.share(0));
        assert!(result.share(0) >= 0.9, "{name}: {}", result.share(0));
        assert!(result.median_secs(0) < alone.median_secs(0), "{name}: {result:?} {alone:?}");
        assert!(result.false_alarms <= 1, "{name}: {} false alarms", result.false_alarms);
    }
}

/// From the arm to the executor: scores of nominal runs arm the contact channel, and a touch ends the skill.
#[test]
fn a_touch_ends_the_skill_that_has_the_arm_and_nominal_motion_does_not() {
    let robot = fr3();
    let net = friction(&robot, Day::new(1), 1, &Size { train_minutes: 2.0, ..SIZE });
    let scales = Scales::try_from([Joints::from_fn(7, |_| 0.3); HORIZONS_SECS.len()]).unwrap();
    let mut detector = Detector::new(observer(&robot), Some(net), scales).unwrap();
    let mut arm = Arm::new(robot.clone(), Day::new(2), 2);
    let mut look = |trouble: &Trouble| -> Contact {
        let seen = arm.tick(trouble);
        detector.step(&seen.q, &seen.qd, &seen.tau_nm, TICK_SECS).unwrap()
    };
    for _ in 0..200 {
        look(&Trouble::default());
    }

    // Nineteen runs of 5 s: enough for one alarm in twenty.
    let mut calibration = Calibration::default();
    for _ in 0..19 {
        let peak = (0..1000).map(|_| look(&Trouble::default()).score.score).fold(0.0, f64::max);
        calibration.add(Skill::Grasp, Channel::Contact, peak).unwrap();
    }
    let thresholds = calibration.thresholds(0.05).unwrap();

    // Swap two blocks; the first grasp lasts a second or so.
    let scene = TASKS[4].scene();
    let request = PlanRequest { instruction: TASKS[4].say[0], scene: &scene, epoch: 0 };
    let proposal = SymbolicPlanner.plan(&request).unwrap();
    let plan = Validator::new(&scene, &Limits::default()).check(&proposal.plan).unwrap();
    let run = |force_n: f64, look: &mut dyn FnMut(&Trouble) -> Contact| {
        let mut bench = Bench::new(&scene, ExecutorConfig::default(), thresholds);
        bench.begin(&plan);
        while bench.world().starts[Skill::Grasp as usize] == 0 {
            bench.tick();
        }
        let trouble = Trouble { force_n: Vector3::new(0.0, force_n, 0.0), ..Trouble::default() };
        let mut joint = 0;
        for _ in 0..40 {
            let contact = look(&trouble);
            joint = contact.score.joint;
            bench.world().signals = Signals {
                contact: Some(contact.score.score),
                residual_nm: Some(contact.most_nm()),
                ..Signals::default()
            };
            bench.tick();
        }
        let failed = bench.log.iter().filter(|event| event.what == What::Failed).find_map(|event| event.reason);
        (failed, joint)
    };
    assert_eq!(run(0.0, &mut look).0, None);
    let (reason, joint) = run(8.0, &mut look);
    assert_eq!(reason, Some(Reason::Channel(Channel::Contact)));
    assert!(joint < 7);
}
