//! What the drivers of a real arm tell of themselves, for `/diagnostics`.

use neuraxis_franka::{FrankaDesk, FrankaStatus, Reflexes, RobotMode};
use neuraxis_ros::{Level, Status, cameras_in::CamerasReport, control::ControlReport};

use super::{HandTroubles, Teller};
use crate::threads::newest;

/// Share of the commands that come in time under which it is said.
const IN_TIME: f64 = 0.95;

/// An arm behind ros2_control.
pub fn ros2_control(reports: neuraxis_channel::RingReceiver<ControlReport>) -> Teller {
    let (mut now, mut before) = (ControlReport::default(), ControlReport::default());
    Box::new(move || {
        now = newest(&reports).unwrap_or_else(|| now.clone());
        let status = now.status(&before);
        before = now.clone();
        vec![status]
    })
}

/// Cameras of any driver.
pub fn cameras(reports: neuraxis_channel::RingReceiver<CamerasReport>) -> Teller {
    let (mut now, mut before) = (CamerasReport::default(), CamerasReport::default());
    Box::new(move || {
        now = newest(&reports).unwrap_or_else(|| now.clone());
        let all = now.statuses(&before);
        before = now.clone();
        all
    })
}

/// A Franka arm, and its hand if it has one.
pub fn franka(desk: FrankaDesk, hand: Option<HandTroubles>) -> Teller {
    let (mut lost, mut troubles) = (0, 0);
    Box::new(move || {
        let status = desk.status();
        let mut all = vec![arm(&status, lost)];
        lost = status.lost_packets;
        if let Some(hand) = &hand {
            let (count, last) = hand.lock().clone();
            all.push(gripper(count, troubles, last));
            troubles = count;
        }
        all
    })
}

fn arm(now: &FrankaStatus, lost_before: u64) -> Status {
    let mut status = Status::new("driver franka", if now.is_driven { "follows" } else { "ready, and not driven yet" });
    if !matches!(now.mode, RobotMode::Idle | RobotMode::Move) {
        let reason = if now.last_reflexes.is_empty() { String::new() } else { format!(": {}", now.last_reflexes) };
        status.say(Level::Error, format!("{}{reason}; {}", now.mode, now.mode.remedy()));
    }
    if let Some(trouble) = now.trouble.as_ref().filter(|_| !now.is_driven) {
        status.say(Level::Error, trouble.to_string());
    }
    let lost = now.lost_packets.saturating_sub(lost_before);
    if lost > 0 {
        status.say(Level::Warn, format!("{lost} states lost in the last second"));
    }
    if now.is_driven && now.success_rate < IN_TIME {
        status.say(Level::Warn, format!("{:.0} % of the last commands came in time", 100.0 * now.success_rate));
    }
    status.value("mode", now.mode);
    status.value("driven", now.is_driven);
    let words = |reflexes: Reflexes| if reflexes.is_empty() { "none".into() } else { reflexes.to_string() };
    status.value("errors", words(now.errors));
    status.value("last_reflexes", words(now.last_reflexes));
    status.value("success_rate", format!("{:.3}", now.success_rate));
    status.value("lost_packets", now.lost_packets);
    status
}

fn gripper(count: u64, before: u64, last: Option<String>) -> Status {
    let mut status = Status::new("driver franka hand", "answers");
    let last = last.unwrap_or("none".into());
    if count > before {
        status.say(Level::Warn, last.clone());
    }
    status.value("troubles", count);
    status.value("last_trouble", last);
    status
}

#[cfg(test)]
mod tests {
    use neuraxis_franka::FrankaError;

    use super::*;

    type Case = (fn(&mut FrankaStatus), Level, &'static str);

    fn well() -> FrankaStatus {
        FrankaStatus {
            mode: RobotMode::Move,
            is_driven: true,
            errors: Reflexes::default(),
            last_reflexes: Reflexes::default(),
            success_rate: 0.99,
            lost_packets: 4,
            trouble: None,
        }
    }

    #[test]
    fn a_franka_arm_is_judged_by_its_mode_its_packets_and_its_trouble() {
        let cases: [Case; 5] = [
            (|_| (), Level::Ok, "follows"),
            (|s| s.lost_packets += 3, Level::Warn, "3 states lost"),
            (|s| s.success_rate = 0.8, Level::Warn, "80 % of the last commands"),
            (|s| (s.mode, s.is_driven) = (RobotMode::UserStopped, false), Level::Error, "release the stop button"),
            (
                |s| (s.is_driven, s.trouble) = (false, Some(FrankaError::Silent { what: "state" })),
                Level::Error,
                "state: the robot does not answer",
            ),
        ];
        for (change, level, words) in cases {
            let mut now = well();
            change(&mut now);
            let status = arm(&now, 4);
            assert_eq!(status.level, level, "{status:?}");
            assert!(status.message.contains(words), "{status:?}");
            assert!(status.values.iter().any(|(key, _)| key == "lost_packets"), "{status:?}");
        }
    }

    #[test]
    fn trouble_of_the_hand_is_a_warning_while_it_is_new() {
        let level = |count, before| gripper(count, before, Some("lost".into())).level;
        assert_eq!((level(2, 1), level(2, 2), level(0, 0)), (Level::Warn, Level::Ok, Level::Ok));
    }
}
