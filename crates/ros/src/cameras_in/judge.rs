//! What the reports of the cameras mean to whoever looks after the arm.
//!
//! | what | level |
//! |---|---|
//! | left out of the sets | error |
//! | pictures dropped, missing in the rhythm, or refused since the report before; cameras too far apart for a set | warning |
//! | pictures larger than the middleware's shared memory | warning |

use super::{CameraReport, CamerasReport};
use crate::status::{Level, Status};

impl CamerasReport {
    /// As `/diagnostics` tells it, one for each camera and one for the sets; `before` is the report of a second ago.
    pub fn statuses(&self, before: &Self) -> Vec<Status> {
        let mut all: Vec<Status> = self
            .cameras
            .iter()
            .map(|camera| one(camera, before.cameras.iter().find(|other| other.name == camera.name)))
            .collect();
        let mut sets = Status::new("driver cameras", "sets are made");
        let apart = self.apart.saturating_sub(before.apart);
        if apart > 0 {
            sets.say(Level::Warn, format!("{apart} moments at which the cameras lay too far apart for a set"));
        }
        if let Some(bytes) = self.cramped {
            sets.say(Level::Warn, cramped(bytes));
        }
        if self.failed > before.failed {
            sets.say(Level::Warn, "ROS time could not be had");
        }
        for (key, count) in
            [("sets", self.sets), ("superseded", self.superseded), ("apart", self.apart), ("failed", self.failed)]
        {
            sets.value(key, count);
        }
        all.push(sets);
        all
    }
}

/// For log and diagnostics.
pub(super) fn cramped(bytes: usize) -> String {
    format!(
        "pictures of {} KiB, and Fast DDS's shared memory is 512 KiB: many will be lost, and not all of those told; \
         FASTRTPS_DEFAULT_PROFILES_FILE is to name configs/fastdds.xml, at the drivers too, launch/README.md",
        bytes >> 10
    )
}

fn one(camera: &CameraReport, before: Option<&CameraReport>) -> Status {
    let mut status = Status::new(&format!("driver camera {}", camera.name), "its pictures are in the sets");
    let why = camera.last_refusal.as_ref().map(ToString::to_string);
    if !camera.is_in {
        let why = why.clone().unwrap_or("nothing comes".into());
        status.say(Level::Error, format!("left out of the sets: {why}"));
    }
    let tally = &camera.tally;
    let earlier = before.map(|before| before.tally).unwrap_or_default();
    let dropped = tally.dropped.named().into_iter().zip(earlier.dropped.named());
    let dropped: Vec<String> = dropped
        .filter(|((_, now), (_, then))| now > then)
        .map(|((reason, now), (_, then))| format!("{} {reason}", now - then))
        .collect();
    if !dropped.is_empty() {
        status.say(Level::Warn, format!("pictures dropped: {}", dropped.join(", ")));
    }
    if tally.missing > earlier.missing {
        let count = tally.missing - earlier.missing;
        let remedy = "for large ones: configs/fastdds.xml, launch/README.md";
        status.say(Level::Warn, format!("{count} pictures never came, by their calibrations or rhythm; {remedy}"));
    }
    if camera.refused > before.map_or(0, |before| before.refused) {
        let why = why.clone().unwrap_or_default();
        status.say(Level::Warn, format!("something was refused: {why}"));
    }
    status.value("in", camera.is_in);
    status.value("last_refusal", why.unwrap_or("none".into()));
    for (key, count) in [
        ("pictures", tally.pictures),
        ("views", tally.views),
        ("in_sets", tally.in_sets),
        ("missing", tally.missing),
        ("depths", tally.depths),
        ("depths_unused", tally.depths_unused),
        ("times_left_out", camera.lost),
    ] {
        status.value(key, count);
    }
    for (reason, count) in tally.dropped.named() {
        status.value(&format!("dropped_{reason}"), count);
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cameras_in::{Dropped, Tally, ViewRefusal};

    type Case = (fn(&mut CameraReport), Level, &'static str);

    fn report(change: impl FnOnce(&mut CameraReport)) -> CamerasReport {
        let dropped = Dropped { passed_over: 2, ..Dropped::default() };
        let tally = Tally { pictures: 30, views: 28, in_sets: 28, dropped, missing: 1, ..Tally::default() };
        let last_refusal = Some(ViewRefusal::Frozen { what: "colour" });
        let mut camera = CameraReport { name: "front".into(), is_in: true, tally, refused: 1, last_refusal, lost: 0 };
        change(&mut camera);
        CamerasReport { cameras: vec![camera], sets: 28, ..CamerasReport::default() }
    }

    #[test]
    fn pictures_larger_than_the_shared_memory_are_warned_of_as_long_as_they_are() {
        let large = CamerasReport { cramped: Some(4 * 640 * 480), ..report(|_| ()) };
        let all = large.statuses(&large);
        let [_, sets] = &all[..] else { panic!("{all:?}") };
        assert!(sets.level == Level::Warn && sets.message.contains("1200 KiB"), "{sets:?}");
        assert!(sets.message.contains("FASTRTPS_DEFAULT_PROFILES_FILE"), "{sets:?}");
    }

    #[test]
    fn new_losses_are_warned_of_with_their_reason_and_a_camera_left_out_is_an_error() {
        let cases: [Case; 5] = [
            (|_| (), Level::Ok, "its pictures are in the sets"),
            (|c| c.tally.dropped.passed_over = 5, Level::Warn, "pictures dropped: 3 passed_over"),
            (|c| c.tally.missing = 8, Level::Warn, "7 pictures never came"),
            (|c| c.refused = 2, Level::Warn, "something was refused: the stamp of colour stands still"),
            (|c| c.is_in = false, Level::Error, "left out of the sets: the stamp of colour stands still"),
        ];
        for (change, level, words) in cases {
            let all = report(change).statuses(&report(|_| ()));
            let [camera, sets] = &all[..] else { panic!("{all:?}") };
            assert_eq!((camera.level, sets.level), (level, Level::Ok), "{camera:?}");
            assert!(camera.name == "driver camera front" && camera.message.contains(words), "{camera:?}");
            assert!(camera.values.iter().any(|(key, _)| key == "dropped_passed_over"), "{camera:?}");
        }
    }
}
