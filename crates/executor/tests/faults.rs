//! What goes wrong is noticed for its own reason, in time, and is answered by the mildest means that are left.

mod swap;
#[path = "../../cortex/tests/ten_tasks/mod.rs"]
mod ten_tasks;
mod world;

use neuraxis_core::Fault as BodyFault;
use neuraxis_executor::{
    Calibration, Channel, ExecutorConfig, ExecutorError, Outcome, Reason, Signals, Tally, Thresholds, What,
};
use neuraxis_plan::Skill;
use swap::{begun, levels, planned, reasons, scene, until_started};
use world::{ACT, Bench, Fault};

#[test]
fn a_skill_that_always_fails_climbs_the_whole_ladder_and_ends_with_a_person() {
    let (mut bench, _) = begun(ExecutorConfig::default());
    bench.world().always = Some(Fault::Fails);
    let outcome = bench.run(200.0);
    assert!(matches!(outcome, Outcome::Yielded(Reason::Skill(_))), "{outcome:?}");
    assert_eq!(levels(&bench), [2, 2, 4, 5, 6]);
    assert_eq!(bench.world().starts[Skill::Grasp as usize], 3);
    // Each try is another one.
    let ranks: Vec<u8> = bench.world().orders.iter().map(|order| order.1.grasp_rank).collect();
    assert_eq!(ranks, [0, 1, 0]);
    let debrief = bench.debrief();
    assert_eq!(debrief.last_failure.map(|(node, _)| node), Some(3));
    assert_eq!(debrief.spent.map(|spent| spent.count), [0, 0, 2, 0, 1, 1, 0]);
    assert!((debrief.spent[5].secs - 30.0).abs() < 0.1, "{:?}", debrief.spent[5]);
}

#[test]
fn a_hanging_skill_ends_at_its_time_a_silent_one_at_its_lease() {
    for (fault, reason, secs) in [(Fault::Hangs, Reason::Timeout, 30.0), (Fault::Silent, Reason::Silent, 1.0)] {
        let (mut bench, plan) = begun(ExecutorConfig::default());
        bench.world().cues.push((Skill::Grasp, 0, fault));
        assert_eq!(bench.run(200.0), Outcome::Succeeded);
        assert!(bench.is_done(&plan));
        let at = |what: What| bench.log.iter().find(|event| event.what == what).map(|event| event.at).unwrap();
        let took = at(What::Failed).secs_since(at(What::Started));
        assert_eq!(reasons(&bench), [reason]);
        assert!((took - secs).abs() < 0.02, "{fault:?} {took}");
    }
}

#[test]
fn a_push_against_something_trips_at_the_second_of_three_looks_and_a_spike_does_not() {
    let (mut bench, _) = begun(ExecutorConfig::default());
    let mut tally = Tally::default();
    until_started(&mut bench, Skill::Grasp, 1);
    bench.world().force_n = 90.0;
    bench.tick();
    bench.world().force_n = 1.0;
    bench.ticks(10);
    assert!(reasons(&bench).is_empty(), "one look");
    bench.world().force_n = 90.0;
    for _ in 0..4 {
        let before = reasons(&bench).len();
        bench.tick();
        tally.look(bench.now, true, reasons(&bench).len() > before);
    }
    assert_eq!(reasons(&bench), [Reason::Guard(0)]);
    assert_eq!(tally.counts().detected, 1);
    assert!((tally.counts().delay_secs.1 - 0.005).abs() < 1e-9, "the second look");
}

#[test]
fn nothing_is_begun_under_half_of_the_force_that_would_end_it() {
    let (mut bench, plan) = begun(ExecutorConfig::default());
    bench.world().force_n = 20.0;
    bench.ticks(100);
    assert_eq!(bench.world().starts, [0; 8]);
    bench.world().force_n = 10.0;
    assert_eq!(bench.run(100.0), Outcome::Succeeded);
    assert!(bench.is_done(&plan));
}

#[test]
fn a_force_that_is_no_number_is_blindness_and_ends_the_skill() {
    let (mut bench, plan) = begun(ExecutorConfig::default());
    until_started(&mut bench, Skill::Grasp, 1);
    bench.world().cues.push((Skill::Place, 0, Fault::Hangs));
    bench.world().force_n = f64::NAN;
    until_started(&mut bench, Skill::Place, 1);
    bench.ticks(100);
    assert!(reasons(&bench).is_empty(), "0.5 s are borne");
    bench.ticks(10);
    assert_eq!(reasons(&bench), [Reason::Blind(0)]);
    bench.world().force_n = 1.0;
    assert_eq!(bench.run(100.0), Outcome::Succeeded);
    assert!(bench.is_done(&plan));
}

#[test]
fn a_stop_of_the_brainstem_is_retried_and_a_latched_one_is_for_a_person() {
    let (mut bench, plan) = begun(ExecutorConfig::default());
    until_started(&mut bench, Skill::Grasp, 1);
    bench.world().fault = Some(BodyFault::Unreachable);
    bench.tick();
    assert_eq!(reasons(&bench), [Reason::Body(BodyFault::Unreachable)]);
    until_started(&mut bench, Skill::Grasp, 2);
    // It stays until the next key-frame is begun: no reason to fail again at once.
    bench.ticks(10);
    bench.world().fault = None;
    assert_eq!(bench.run(100.0), Outcome::Succeeded);
    assert!(bench.is_done(&plan) && reasons(&bench).len() == 1);

    // One that no try gets over is not waited for until the time of the skill is over.
    let (mut bench, _) = begun(ExecutorConfig::default());
    bench.world().always = Some(Fault::Hangs);
    until_started(&mut bench, Skill::Grasp, 1);
    bench.world().fault = Some(BodyFault::Unreachable);
    let begin = bench.now;
    until_started(&mut bench, Skill::Grasp, 3);
    assert_eq!(reasons(&bench), [Reason::Body(BodyFault::Unreachable); 2]);
    assert!(bench.now.secs_since(begin) < 2.0, "{}", bench.now.secs_since(begin));

    let (mut bench, _) = begun(ExecutorConfig::default());
    until_started(&mut bench, Skill::Grasp, 1);
    bench.world().fault = Some(BodyFault::StopRequested);
    assert_eq!(bench.run(100.0), Outcome::Yielded(Reason::Body(BodyFault::StopRequested)));
    assert!(levels(&bench).is_empty());
}

#[test]
fn reports_of_another_run_are_dropped_and_counted() {
    let (mut bench, plan) = begun(ExecutorConfig::default());
    bench.world().cues.push((Skill::Place, 0, Fault::Late));
    assert_eq!(bench.run(100.0), Outcome::Succeeded);
    assert!(bench.is_done(&plan));
    assert_eq!(reasons(&bench), [Reason::Silent]);
    assert!(bench.counts().late_reports >= 199, "{:?}", bench.counts());
    assert_eq!(bench.count(|what| *what == What::Late) as u64, bench.counts().late_reports);
}

/// M1 from end to end: nominal runs arm the channel, and a hanging skill is noticed long before its time is over.
#[test]
fn nominal_runs_arm_a_threshold_that_notices_a_hanging_skill_at_once() {
    let mut calibration = Calibration::default();
    let mut runs = 0;
    while runs < 99 {
        let (mut bench, _) = begun(ExecutorConfig::default());
        assert_eq!(bench.run(100.0), Outcome::Succeeded);
        for event in &bench.log {
            if let What::Peak(channel) = event.what {
                // The third of the plan's nodes and every other one are grasps.
                let skill = if [3, 6, 9].contains(&event.node) { Skill::Grasp } else { Skill::Place };
                calibration.add(skill, channel, event.value).unwrap();
                runs += usize::from(skill == Skill::Grasp && channel == Channel::Duration);
            }
        }
        if runs == 98 {
            let need = calibration.threshold(Skill::Grasp, Channel::Duration, 0.01);
            assert!(matches!(need, Err(ExecutorError::TooFewRuns { have: 98, need: 99, .. })));
        }
    }
    let thresholds = calibration.thresholds(0.01).unwrap();
    let threshold = thresholds.of(Skill::Grasp, Channel::Duration).unwrap();
    assert!((threshold - ACT.secs()).abs() < 0.02, "{threshold}");
    assert_eq!(thresholds.of(Skill::Grasp, Channel::Stall), None, "no signal, no threshold");

    let plan = planned(&scene());
    let mut bench = Bench::new(&scene(), ExecutorConfig::default(), thresholds);
    bench.world().cues.push((Skill::Grasp, 0, Fault::Hangs));
    bench.begin(&plan);
    assert_eq!(bench.run(100.0), Outcome::Succeeded);
    assert_eq!(reasons(&bench), [Reason::Channel(Channel::Duration)]);
    let at = |what: What| bench.log.iter().find(|event| event.what == what).map(|event| event.at).unwrap();
    let delay = at(What::Failed).secs_since(at(What::Started)) - threshold;
    assert!((0.0..0.03).contains(&delay), "{delay}");
}

#[test]
fn motion_is_slowed_before_a_threshold_is_passed() {
    let mut thresholds = Thresholds::default();
    thresholds.arm(Skill::Grasp, Channel::Stall, 0.2).unwrap();
    let mut bench = Bench::new(&scene(), ExecutorConfig::default(), thresholds);
    bench.begin(&planned(&scene()));
    until_started(&mut bench, Skill::Grasp, 1);
    bench.world().signals = Signals { distance_m: Some(0.1), ..Signals::default() };
    let speeds: Vec<f64> = (0..40).map(|_| bench.tick().wish.speed).collect();
    assert_eq!((speeds[5], speeds[37]), (1.0, 0.5));
    assert!(reasons(&bench).is_empty());
    bench.world().signals = Signals { distance_m: Some(f64::INFINITY), ..Signals::default() };
    assert_eq!(bench.tick().wish.speed, 1.0);
    assert_eq!(bench.count(|what| matches!(what, What::Slowed | What::Resumed)), 2);
    assert_eq!(bench.debrief().spent[1].count, 1);
}
