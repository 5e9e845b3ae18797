//! Which answers lead the arm: those of one announced policy, to the question under way, in time; nothing else.

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::{Gripper, KeyFrame, PolicyError, Pose, Prediction, StageTimes};
use r2r::{builtin_interfaces::msg::Duration, neuraxis_msgs::msg::Observation as ObservationMsg};

use super::*;

const ROBOT: u64 = 11;
const POLICY: u64 = 21;
const OTHER: u64 = 22;

fn ms(n: u64) -> Nanos {
    Nanos::from_millis(n)
}

fn card(weights_hash: &str) -> PolicyCard {
    PolicyCard {
        embodiment: "fr3".into(),
        cameras: vec!["front".into()],
        bounds_m: [-0.3, -0.5, 0.6, 0.7, 0.5, 1.6],
        weights_hash: weights_hash.into(),
        text_encoder: "minilm".into(),
        device: "cpu".into(),
    }
}

fn link() -> Link {
    let suits = |card: &PolicyCard| match card.weights_hash.as_str() {
        "good" => Ok(()),
        hash => Err(format!("its weights are {hash}")),
    };
    let config =
        LinkConfig { max_age_secs: 0.5, min_hz: 2.0, min_xyz_m: [-0.3, -0.5, 0.6], max_xyz_m: [0.7, 0.5, 1.6] };
    let mut link = Link::new(config, ROBOT, Box::new(suits));
    link.meet(POLICY, card("good")).unwrap();
    link
}

/// An answer of a session to an observation of task 1.
fn answer(session: u64, seq: u64) -> PredictionMsg {
    let asked = ObservationMsg { robot_session: ROBOT, epoch: 1, seq, ..ObservationMsg::default() };
    let down = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
    let keyframe = KeyFrame {
        world_from_tool: Pose::from_parts(Vector3::new(0.3, 0.1, 0.9), down),
        gripper: Gripper::Closed,
        ignore_collisions: true,
    };
    let (epoch, observed_at, times) = (1, Nanos(0), StageTimes::default());
    let prediction = Prediction { seq, epoch, observed_at, keyframe, confidence: 0.8, times, path: None };
    let said = Ok((prediction, Some([Vector3::zeros(), Vector3::x()])));
    let reply = messages::Reply { policy_session: session, weights_hash: "good", ttl_secs: 0.5, held_secs: 0.03, said };
    messages::answer_to_msg(&asked, reply)
}

/// So many observations 100 ms apart from a time on, each answered after 50 ms; how the last ended, and the next number and time.
fn talk(link: &mut Link, from: u64, seq: u64, count: u64) -> Result<Answer, AnswerRefusal> {
    let mut last = Err(AnswerRefusal::Unannounced);
    for k in 0..count {
        let at = from + 100 * k;
        link.ask(1, seq + k, ms(at), ms(at + 10));
        last = link.take(&answer(POLICY, seq + k), ms(at + 50)).map_err(|(_, refusal)| refusal);
    }
    last
}

/// A link that is good at 10 s, where question 100 is under way since 30 ms.
fn good() -> Link {
    let mut link = link();
    talk(&mut link, 9_000, 1, 10).unwrap();
    link.ask(1, 100, ms(9_970), ms(9_980));
    link
}

fn refused(change: impl FnOnce(&mut PredictionMsg)) -> (Option<u64>, AnswerRefusal) {
    let mut link = good();
    let mut msg = answer(POLICY, 100);
    change(&mut msg);
    let refusal = link.take(&msg, ms(10_000)).unwrap_err();
    assert_eq!(link.refused().iter().find(|(name, _)| *name == refusal.1.name()).map(|(_, n)| *n), Some(1));
    refusal
}

#[test]
fn a_good_answer_comes_as_it_was_given_with_the_robots_own_stamp() {
    let mut link = good();
    let Answer { prediction, gaze } = link.take(&answer(POLICY, 100), ms(10_000)).unwrap();
    assert_eq!((prediction.seq, prediction.epoch, prediction.observed_at), (100, 1, ms(9_970)));
    assert!((prediction.keyframe.world_from_tool.position() - Vector3::new(0.3, 0.1, 0.9)).norm() < 1e-12);
    assert_eq!((prediction.keyframe.gripper, prediction.keyframe.ignore_collisions), (Gripper::Closed, true));
    assert_eq!(gaze, Some([Vector3::zeros(), Vector3::x()]));
    assert!(link.trouble(ms(10_000)).is_none() && link.hz(ms(10_000)) > 10.0);
    // 20 ms there and back, less what the policy says that it held it: never less than nothing.
    assert_eq!(link.wires.spread().unwrap().p50, ms(10));
}

#[test]
fn whoever_is_not_announced_or_does_not_suit_is_not_heard() {
    assert_eq!(refused(|msg| msg.policy_session = 99), (None, AnswerRefusal::Unannounced));
    assert!(matches!(refused(|msg| msg.weights_hash = "x".into()), (None, AnswerRefusal::OtherWeights { .. })));
    let mut link = link();
    assert_eq!(link.trouble(ms(0)), Some(LinkTrouble::Nobody));
    assert!(link.meet(OTHER, card("bad")).is_err());
    assert!(matches!(link.trouble(ms(0)), Some(LinkTrouble::Unsuited(why)) if why.contains("bad")));
    link.ask(1, 1, ms(0), ms(0));
    let refusal = link.take(&answer(OTHER, 1), ms(1)).unwrap_err();
    assert_eq!(refusal, (None, AnswerRefusal::Unsuited("its weights are bad".into())));
}

#[test]
fn an_answer_is_to_this_run_this_task_and_this_question_once_and_in_order() {
    assert_eq!(refused(|msg| msg.robot_session = 12), (None, AnswerRefusal::OtherRobot));
    assert_eq!(refused(|msg| msg.seq = 7777), (None, AnswerRefusal::NotAsked { seq: 7777 }));
    assert_eq!(refused(|msg| msg.epoch = 2).1, AnswerRefusal::OtherEpoch { found: 2, asked: 1, current: 1 });
    assert_eq!(refused(|msg| msg.seq = 10), (None, AnswerRefusal::Repeated { seq: 10 }));
    let mut link = good();
    link.ask(1, 101, ms(9_990), ms(9_990));
    link.take(&answer(POLICY, 101), ms(10_000)).unwrap();
    let refusal = link.take(&answer(POLICY, 100), ms(10_001)).unwrap_err();
    assert_eq!(refusal.1, AnswerRefusal::Reordered { seq: 100, newest: 101 });
    let mut link = good();
    link.ask(2, 101, ms(9_990), ms(9_990));
    let refusal = link.take(&answer(POLICY, 100), ms(10_000)).unwrap_err();
    assert_eq!(refusal.1, AnswerRefusal::OtherEpoch { found: 1, asked: 1, current: 2 }, "another task is under way");
}

#[test]
fn ages_are_told_by_the_robots_clock_against_the_shorter_time_to_live() {
    let mut link = good();
    let mut short = answer(POLICY, 100);
    short.ttl = Duration { sec: 0, nanosec: 25_000_000 };
    let (asked, refusal) = link.take(&short, ms(10_000)).unwrap_err();
    assert!(
        matches!(refusal, AnswerRefusal::Stale { allowed_secs, .. } if (allowed_secs - 0.025).abs() < 1e-9),
        "{refusal}"
    );
    assert_eq!(asked, Some(100), "the question is over with that");
    let mut link = good();
    let mut long = answer(POLICY, 100);
    long.ttl = Duration { sec: 3600, nanosec: 0 };
    // What it says of its own time cannot make it younger.
    long.held_secs = 1e9;
    assert!(matches!(link.take(&long, ms(10_471)), Err((_, AnswerRefusal::Stale { allowed_secs: 0.5, .. }))));
    for sec in [i32::MIN, -1, 0] {
        assert!(matches!(refused(|msg| msg.ttl = Duration { sec, nanosec: 0 }).1, AnswerRefusal::Stale { .. }));
    }
    for held_secs in [f64::NAN, f64::NEG_INFINITY, -1.0] {
        let mut link = good();
        let msg = PredictionMsg { held_secs, ..answer(POLICY, 100) };
        link.take(&msg, ms(10_000)).unwrap();
    }
}

#[test]
fn numbers_that_are_none_and_places_outside_end_the_question_and_move_nothing() {
    let changes: [fn(&mut PredictionMsg); 9] = [
        |msg| msg.tool.position.x = f64::NAN,
        |msg| msg.tool.position.z = f64::INFINITY,
        |msg| msg.tool.orientation.w = f64::NAN,
        |msg| msg.tool.orientation.x = 2.0,
        |msg| (msg.tool.orientation.x, msg.tool.orientation.w) = (0.0, 0.0),
        |msg| msg.confidence = f32::NAN,
        |msg| msg.confidence = 1.5,
        |msg| msg.total_secs = f32::INFINITY,
        |msg| msg.gaze.truncate(1),
    ];
    for (i, change) in changes.into_iter().enumerate() {
        let (asked, refusal) = refused(change);
        assert!(asked == Some(100) && matches!(refusal, AnswerRefusal::Malformed(_)), "{i}: {refusal}");
    }
    let (asked, refusal) = refused(|msg| msg.tool.position.z = 5.0);
    assert!(asked == Some(100) && refusal.to_string().contains("[0.300, 0.100, 5.000] m"), "{refusal}");
    let (_, refusal) = refused(|msg| msg.refused = "no cloud".into());
    assert_eq!(refusal, AnswerRefusal::NoAnswer("no cloud".into()));
}

#[test]
fn words_that_are_never_answered_are_told_from_a_picture_that_is_not() {
    let said = |error: PolicyError| {
        let asked = ObservationMsg { robot_session: ROBOT, epoch: 1, seq: 100, ..ObservationMsg::default() };
        let (policy_session, weights_hash, said) = (POLICY, "good", Err(error));
        let reply = messages::Reply { policy_session, weights_hash, ttl_secs: 0.5, held_secs: 0.03, said };
        refused(|msg| *msg = messages::answer_to_msg(&asked, reply)).1
    };
    // However long the sentence: the reason comes whole.
    let (text, reason) = ("push the red button then ".repeat(20), "it has 102 tokens, this policy reads 24");
    let of_words = said(PolicyError::Instruction { text, reason: reason.into() });
    assert_eq!(of_words, AnswerRefusal::Words(reason.into()));
    let of_picture = said(PolicyError::Observation { seq: 100, reason: "no cloud".into() });
    assert_eq!(of_picture, AnswerRefusal::NoAnswer("observation 100 refused: no cloud".into()));
}

#[test]
fn a_policy_leads_after_five_good_answers_and_while_they_come_often_enough() {
    let mut link = link();
    let few = talk(&mut link, 1_000, 1, 4).unwrap_err();
    assert_eq!(few, AnswerRefusal::Link(LinkTrouble::TooFew { good: 4, needed: NEEDED }));
    assert_eq!(link.trouble(ms(1_400)), Some(LinkTrouble::TooFew { good: 4, needed: NEEDED }));
    talk(&mut link, 1_400, 5, 1).unwrap();
    assert_eq!(link.trouble(ms(1_450)), None);
    // Each in time, and one in 700 ms: not enough to lead an arm by.
    let mut refusals = Vec::new();
    for k in 0..6 {
        let at = 2_150 + 700 * k;
        link.ask(1, 10 + k, ms(at), ms(at));
        refusals.push(link.take(&answer(POLICY, 10 + k), ms(at + 50)).is_err());
    }
    assert_eq!(refusals[3..], [true; 3], "{refusals:?}");
    assert!(matches!(link.trouble(ms(5_700)), Some(LinkTrouble::TooSlow { .. })));
    // Fast again, it leads again.
    talk(&mut link, 6_200, 22, 8).unwrap();
    assert!(matches!(link.trouble(ms(10_000)), Some(LinkTrouble::Silent { .. })), "{:?}", link.trouble(ms(10_000)));
}

#[test]
fn sr18_a_second_policy_is_refused_while_the_first_is_heard_and_takes_its_place_when_it_is_gone() {
    let mut link = good();
    link.meet(OTHER, card("good")).unwrap();
    assert_eq!(link.take(&answer(OTHER, 100), ms(9_990)), Err((None, AnswerRefusal::SecondPolicy)));
    assert_eq!(link.trouble(ms(9_990)), Some(LinkTrouble::TwoPolicies));
    link.take(&answer(POLICY, 100), ms(10_000)).unwrap();
    // The first is killed; the second, a restarted one, has to show itself first.
    let mut ends = Vec::new();
    for k in 0..8 {
        let at = 11_100 + 100 * k;
        link.ask(1, 200 + k, ms(at), ms(at));
        ends.push(link.take(&answer(OTHER, 200 + k), ms(at + 50)).is_ok());
    }
    assert_eq!(ends, [false, false, false, false, true, true, true, true]);
    assert_eq!(link.trouble(ms(11_850)), None);
    // What the dead one had sent is no answer any more.
    link.ask(1, 300, ms(11_900), ms(11_900));
    assert_eq!(link.take(&answer(POLICY, 300), ms(11_910)), Err((None, AnswerRefusal::SecondPolicy)));
}

#[test]
fn a_crowd_of_descriptions_does_not_push_out_the_policy_that_is_heard() {
    let mut link = good();
    (1000..1100).for_each(|session| link.meet(session, card("good")).unwrap());
    link.take(&answer(POLICY, 100), ms(10_000)).unwrap();
}
