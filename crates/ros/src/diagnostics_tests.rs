use super::*;
use crate::{
    apart::{AnswerRefusal, LinkTrouble},
    health::LoopTiming,
};

fn well() -> Health {
    let spread = |p50, p99, p999| Spread { p50: Nanos(p50), p99: Nanos(p99), p999: Nanos(p999) };
    Health {
        ticks: 2000,
        timing: Some(LoopTiming {
            wake: spread(20_000, 90_000, 200_000),
            compute: spread(30_000, 60_000, 90_000),
            period: spread(1_000_000, 1_050_000, 1_200_000),
            missed: 3,
        }),
        arm: Some(ArmHealth { mode: "track", latched: false, fault: None }),
        policy: PolicyHealth {
            answers: 20,
            latency_secs: Some(0.08),
            observed_at: Some(Nanos(5)),
            refused: 1,
            last_refusal: None,
            left_out: Vec::new(),
            before_age_secs: None,
        },
        drivers: Vec::new(),
        link: None,
        unrecorded: vec![("ticks", 0), ("images", 4)],
    }
}

/// The status of a part a second after all was well, with a change.
fn after(name: &str, change: impl FnOnce(&mut Health, &mut RosStats, &mut Look<'_>)) -> Status {
    let before = Before { health: Health { ticks: 1000, ..well() }, stats: RosStats::default() };
    let (mut health, mut stats) = (well(), RosStats::default());
    let (no_health, no_stats) = (Health::default(), RosStats::default());
    let mut look = Look {
        state: State::Active,
        health: &no_health,
        stats: &no_stats,
        cameras: vec![("front", 15, Some(Duration::from_millis(40)))],
        policy_age: Some(Duration::from_millis(120)),
        secs: 1.0,
    };
    change(&mut health, &mut stats, &mut look);
    (look.health, look.stats) = (&health, &stats);
    let all = judge(&look, &before);
    all.into_iter().find(|status| status.name == name).expect("every part has a status")
}

fn level(name: &str, change: impl FnOnce(&mut Health, &mut RosStats, &mut Look<'_>)) -> Level {
    after(name, change).level
}

#[test]
fn all_is_well_and_every_number_is_a_number() {
    for name in ["loop", "arm", "policy", "camera front", "recorder", "node"] {
        let status = after(name, |_, _, _| ());
        assert_eq!(status.level, Level::Ok, "{status:?}");
        let words = ["mode", "fault", "state"];
        let numbers = status.values.iter().filter(|(key, _)| !words.contains(&key.as_str()));
        assert!(numbers.clone().all(|(_, value)| value.parse::<f64>().is_ok_and(f64::is_finite)), "{status:?}");
    }
    let timing = after("loop", |_, _, _| ()).values;
    assert!(timing.contains(&("wake_p99_us".into(), "90.0".into())), "{timing:?}");
    assert!(after("policy", |h, _, _| h.policy.answers = 30).values.contains(&("rate_hz".into(), "10.0".into())));
}

#[test]
fn sr20_the_loop_is_judged_by_its_thresholds() {
    let timing =
        |change: fn(&mut LoopTiming)| level("loop", move |health, _, _| health.timing.iter_mut().for_each(change));
    assert_eq!(timing(|t| t.wake.p99 = Nanos(250_001)), Level::Warn);
    assert_eq!(timing(|t| t.wake.p99 = Nanos(250_000)), Level::Ok);
    assert_eq!(timing(|t| t.compute.p99 = Nanos(500_001)), Level::Warn);
    assert_eq!(timing(|t| t.missed += 1), Level::Warn);
    assert_eq!(timing(|t| t.missed += 49), Level::Warn);
    assert_eq!(timing(|t| t.missed += 50), Level::Error);
    assert_eq!(level("loop", |health, _, _| health.ticks = 1000), Level::Error, "it stands still");
    assert_eq!(level("loop", |health, _, _| (health.ticks, health.timing) = (0, None)), Level::Warn);
}

#[test]
fn the_worst_is_said() {
    let status = after("loop", |health, _, _| {
        let timing = health.timing.as_mut().unwrap();
        (timing.wake.p99, timing.missed) = (Nanos(1_000_000), 100);
    });
    assert_eq!((status.level, status.message.as_str()), (Level::Error, "97 deadlines missed in the last second"));
}

#[test]
fn a_latch_is_an_error_unless_somebody_asked_for_it() {
    let arm = |latched, fault| {
        level("arm", move |health, _, _| health.arm = Some(ArmHealth { mode: "latched", latched, fault }))
    };
    assert_eq!(arm(true, Some(Fault::TrackingError)), Level::Error);
    assert_eq!(arm(true, None), Level::Error);
    assert_eq!(arm(true, Some(Fault::StopRequested)), Level::Warn);
    assert_eq!(arm(false, Some(Fault::PolicyStale)), Level::Warn);
    assert_eq!(level("arm", |health, _, _| health.arm = None), Level::Warn);
}

#[test]
fn an_error_is_told_when_it_begins() {
    let mut errors = Errors::default();
    let latched =
        || after("arm", |health, _, _| health.arm = Some(ArmHealth { mode: "latched", latched: true, fault: None }));
    let silent = || after("camera front", |_, _, look| look.cameras[0].2 = Some(Duration::from_secs(3)));
    let fine = || after("policy", |_, _, _| ());
    assert_eq!(errors.news(&[fine()]), [""; 0]);
    assert_eq!(errors.news(&[latched(), fine()]), ["arm: latched; reset when it is safe"]);
    assert_eq!(errors.news(&[latched(), silent()]), ["camera front: silent"]);
    assert_eq!(errors.news(&[silent()]), [""; 0]);
    assert_eq!(errors.news(&[latched(), silent()]), ["arm: latched; reset when it is safe"], "once more");
}

#[test]
fn who_is_not_active_says_so_and_its_lease_is_no_fault() {
    let status = after("arm", |health, _, look| {
        look.state = State::Inactive;
        health.arm = Some(ArmHealth { mode: "hold", latched: false, fault: Some(Fault::LeaseExpired) });
    });
    assert_eq!((status.level, status.message.as_str()), (Level::Warn, "holds: the node is inactive"));
    let latched = level("arm", |health, _, look| {
        look.state = State::Inactive;
        health.arm = Some(ArmHealth { mode: "latched", latched: true, fault: Some(Fault::TrackingError) });
    });
    assert_eq!(latched, Level::Error);
}

#[test]
fn silence_of_policy_and_cameras_is_noticed() {
    let age = |millis| Some(Duration::from_millis(millis));
    assert_eq!(level("policy", |_, _, look| look.policy_age = age(2001)), Level::Warn);
    assert_eq!(level("policy", |health, _, _| health.policy.refused += 1), Level::Warn);
    let without =
        after("policy", |health, _, _| health.policy.left_out = vec!["wrist: hardly any depth reading".into()]);
    assert_eq!(
        (without.level, without.message.as_str()),
        (Level::Warn, "does without wrist: hardly any depth reading")
    );
    assert!(without.values.contains(&("cameras_left_out".into(), "1".into())), "{without:?}");
    let refusing = after("policy", |health, _, _| {
        health.policy.refused += 2;
        health.policy.last_refusal = Some("no camera can be used".into());
    });
    let said = "2 refused in the last second, the last: no camera can be used";
    assert_eq!((refusing.level, refusing.message.as_str()), (Level::Warn, said));
    let later = after("policy", |health, _, _| health.policy.last_refusal = Some("no camera can be used".into()));
    assert!(later.level == Level::Ok && later.values.iter().any(|(key, _)| key == "last_refusal"), "{later:?}");
    let asked_nothing = after("policy", |health, _, look| {
        (health.policy, look.policy_age) = (PolicyHealth::default(), None);
    });
    assert_eq!((asked_nothing.level, asked_nothing.message.as_str()), (Level::Ok, "no answer yet"));
    for (millis, expected) in [(500, Level::Ok), (501, Level::Warn), (2000, Level::Warn), (2001, Level::Error)] {
        assert_eq!(level("camera front", |_, _, look| look.cameras[0].2 = age(millis)), expected, "{millis}");
    }
    assert_eq!(level("camera front", |_, _, look| look.cameras[0].2 = None), Level::Warn);
}

#[test]
fn new_losses_are_warned_of_and_old_ones_only_told() {
    assert_eq!(level("recorder", |health, _, _| health.unrecorded[1].1 += 1), Level::Warn);
    assert_eq!(level("recorder", |health, _, _| health.unrecorded.clear()), Level::Ok);
    assert_eq!(level("node", |_, stats, _| stats.failed = 1), Level::Warn);
    assert_eq!(level("node", |_, stats, _| stats.malformed = 1), Level::Warn);
}

#[test]
fn what_a_driver_says_of_itself_is_told_as_it_is() {
    let mut told = Status::new("driver franka", "follows");
    told.say(Level::Error, "the robot is stopped by its user");
    told.value("lost_packets", 7);
    let expected = told.clone();
    assert_eq!(after("driver franka", move |health, _, _| health.drivers.push(told)), expected);
}

#[test]
fn a_link_that_cannot_lead_the_arm_is_an_error_once_the_arm_is_free_to_move() {
    let slow = || LinkReport {
        trouble: Some(LinkTrouble::TooSlow { hz: 0.5, least_hz: 2.0 }),
        refused: vec![("stale", 3)],
        last_refusal: Some(AnswerRefusal::Stale { secs: 0.7, allowed_secs: 0.5 }),
        ..LinkReport::default()
    };
    let status = after("link", |health, _, _| health.link = Some(slow()));
    assert!(status.level == Level::Error && status.message.contains("0.5 good answers a second"), "{status:?}");
    assert!(status.values.contains(&("refused_stale".into(), "3".into())), "{status:?}");
    let held = level("link", |health, _, look| {
        health.link = Some(slow());
        look.state = State::Inactive;
    });
    assert_eq!(held, Level::Warn);
    assert_eq!(level("link", |health, _, _| health.link = Some(LinkReport::default())), Level::Ok);
    let refusing = after("link", |health, _, _| health.link = Some(LinkReport { trouble: None, ..slow() }));
    assert!(refusing.level == Level::Warn && refusing.message.contains("3 answers refused"), "{refusing:?}");
    let stats = RosStats::default();
    let (health, cameras, policy_age) = (&well(), Vec::new(), None);
    let look = Look { state: State::Active, health, stats: &stats, cameras, policy_age, secs: 1.0 };
    let all = judge(&look, &Before::default());
    assert!(all.iter().all(|status| status.name != "link"), "in one process there is no link");
}
