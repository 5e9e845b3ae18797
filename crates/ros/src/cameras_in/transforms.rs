//! Where cameras are, as `/tf` and `/tf_static` tell it. One transform a child, as in tf2, but no history: a camera that is
//! calibrated this way does not move against what carries it, and one that does is refused.

use std::collections::HashMap;

use nalgebra::{Isometry3, Quaternion, Translation3, UnitQuaternion, Vector3};
use r2r::geometry_msgs::msg::TransformStamped;

use super::ViewRefusal;
use crate::{
    conversions,
    sync::Stamp,
    timeline::{AHEAD_SECS, Moment},
};

/// A chain longer than this goes round in a circle.
const LONGEST: usize = 32;
/// Frames that are remembered: a flood of names must not fill the memory.
const MOST_FRAMES: usize = 4096;
/// A transform that differs by more than this from the first one has moved [m], [rad].
const MOVED_M: f64 = 1e-3;
const MOVED_RAD: f64 = 2e-3;

struct Link {
    parent: String,
    parent_from_child: Isometry3<f64>,
    /// `None`: it holds for ever.
    stamp: Option<Stamp>,
}

/// What was heard.
#[derive(Default)]
pub(super) struct Transforms {
    by_child: HashMap<String, Link>,
}

impl Transforms {
    /// Takes a transform; the error says what is wrong with it. `holds`: it came on `/tf_static`.
    pub(super) fn take(&mut self, msg: &TransformStamped, holds: bool, moment: &Moment) -> Result<(), ViewRefusal> {
        let (parent, child) = (plain(&msg.header.frame_id), plain(&msg.child_frame_id));
        let refuse = |reason: &str| {
            Err(ViewRefusal::Message(format!("geometry_msgs/TransformStamped: {parent:?} to {child:?}: {reason}")))
        };
        let (t, q) = (&msg.transform.translation, &msg.transform.rotation);
        let translation = Vector3::new(t.x, t.y, t.z);
        let quaternion = Quaternion::new(q.w, q.x, q.y, q.z);
        if parent.is_empty() || child.is_empty() || parent == child {
            return refuse("two different frames are needed");
        }
        // NaN lies in no range.
        if !(translation.iter().all(|x| x.is_finite()) && (0.999..=1.001).contains(&quaternion.norm())) {
            return refuse("not finite, or the quaternion's length is not 1");
        }
        // It would not grow old until then.
        let ahead_secs = -moment.age_secs(&msg.header.stamp);
        if !holds && ahead_secs > AHEAD_SECS {
            return refuse(&format!("its stamp lies {ahead_secs:.3} s ahead of this machine's clock"));
        }
        if self.by_child.len() >= MOST_FRAMES && !self.by_child.contains_key(child) {
            return refuse("there are too many frames");
        }
        let rotation = UnitQuaternion::from_quaternion(quaternion);
        let parent_from_child = Isometry3::from_parts(Translation3::from(translation), rotation);
        let stamp = (!holds).then(|| conversions::stamp_nanos(&msg.header.stamp));
        self.by_child.insert(child.into(), Link { parent: parent.into(), parent_from_child, stamp });
        Ok(())
    }

    /// Forgets all that ages: the clock has leapt, and nothing knows its age any more.
    pub(super) fn clear(&mut self) {
        self.by_child.retain(|_, link| link.stamp.is_none());
    }

    /// X_AB for frames `a` and `b`, b below a, none of it older than `max_age` at `now` [ns].
    pub(super) fn find(&self, (a, b): (&str, &str), now: Stamp, max_age: Stamp) -> Result<Isometry3<f64>, ViewRefusal> {
        let (a, b) = (plain(a), plain(b));
        let (mut at, mut at_from_b) = (b, Isometry3::identity());
        for _ in 0..LONGEST {
            if at == a {
                return Ok(at_from_b);
            }
            let Some(link) = self.by_child.get(at) else {
                return Err(ViewRefusal::NoTransform { parent: a.into(), child: b.into(), ends_at: at.into() });
            };
            if let Some(age) = link.stamp.map(|stamp| now - stamp).filter(|age| *age > max_age) {
                let (secs, allowed_secs) = (age as f64 * 1e-9, max_age as f64 * 1e-9);
                return Err(ViewRefusal::OldTransform { child: at.into(), secs, allowed_secs });
            }
            at_from_b = link.parent_from_child * at_from_b;
            at = &link.parent;
        }
        Err(ViewRefusal::NoTransform { parent: a.into(), child: b.into(), ends_at: "a circle".into() })
    }
}

/// tf's first version had slashes before names.
fn plain(frame: &str) -> &str {
    frame.trim_start_matches('/')
}

/// What carries the camera, and the frames between which it does not move.
pub(super) struct Seat {
    /// `world`, or the hand.
    pub(super) parent: String,
    pub(super) camera: String,
    first: Option<Isometry3<f64>>,
}

impl Seat {
    pub(super) fn new(parent: &str, camera: &str) -> Self {
        Self { parent: parent.into(), camera: camera.into(), first: None }
    }

    /// X_PC, as it was when it was heard first. Refused while it is missing, old, or has moved since.
    pub(super) fn look(
        &mut self,
        transforms: &Transforms,
        now: Stamp,
        max_age: Stamp,
    ) -> Result<Isometry3<f64>, ViewRefusal> {
        let found = transforms.find((&self.parent, &self.camera), now, max_age)?;
        let first = *self.first.get_or_insert(found);
        let moved = first.inv_mul(&found);
        let (by_m, by_rad) = (moved.translation.vector.norm(), moved.rotation.angle());
        if by_m > MOVED_M || by_rad > MOVED_RAD {
            let (parent, camera) = (self.parent.clone(), self.camera.clone());
            return Err(ViewRefusal::Moved { parent, camera, by_m, by_rad });
        }
        Ok(first)
    }
}

#[cfg(test)]
mod tests {
    use r2r::{
        builtin_interfaces::msg::Time,
        geometry_msgs::msg::{Quaternion as QuaternionMsg, Transform, Vector3 as VectorMsg},
        std_msgs::msg::Header,
    };

    use std::time::Duration;

    use neuraxis_core::Nanos;

    use super::*;

    const SEC: Stamp = 1_000_000_000;

    fn at(secs: u64) -> Moment {
        Moment { ours: Nanos(0), ros: Duration::from_secs(secs), leapt_secs: None }
    }

    fn transform(parent: &str, child: &str, x: f64, secs: i32) -> TransformStamped {
        TransformStamped {
            header: Header { stamp: Time { sec: secs, nanosec: 0 }, frame_id: parent.into() },
            child_frame_id: child.into(),
            transform: Transform {
                translation: VectorMsg { x, y: 0.0, z: 0.0 },
                // A quarter turn about z.
                rotation: QuaternionMsg { x: 0.0, y: 0.0, z: 0.5_f64.sqrt(), w: 0.5_f64.sqrt() },
            },
        }
    }

    fn heard() -> Transforms {
        let mut transforms = Transforms::default();
        transforms.take(&transform("/world", "mount", 1.0, 0), true, &at(100)).unwrap();
        transforms.take(&transform("mount", "camera", 2.0, 100), false, &at(100)).unwrap();
        transforms
    }

    #[test]
    fn a_chain_is_put_together_and_what_is_missing_or_old_is_told() {
        let find = |frames, at: Stamp| heard().find(frames, at, SEC);
        let found = find(("world", "camera"), 100 * SEC).unwrap();
        // Two along the mount's x, which is the world's y.
        assert!((found.translation.vector - Vector3::new(1.0, 2.0, 0.0)).norm() < 1e-12, "{found}");
        assert!((found.rotation.angle() - std::f64::consts::PI).abs() < 1e-9, "{found}");
        let old = find(("world", "camera"), 103 * SEC).unwrap_err().to_string();
        assert_eq!(old, "the transform to \"camera\" is 3.000 s old, allowed is 1 s");
        // What is static does not age.
        assert!(find(("world", "mount"), 999 * SEC).is_ok());
        let missing = find(("map", "camera"), 100 * SEC).unwrap_err().to_string();
        assert_eq!(missing, "no transform from \"map\" to \"camera\": the chain ends at \"world\"");
        let unknown = find(("world", "other"), 100 * SEC).unwrap_err().to_string();
        assert!(unknown.contains("ends at \"other\""), "{unknown}");
    }

    #[test]
    fn a_transform_from_the_future_is_refused_and_the_one_before_it_grows_old() {
        let mut transforms = heard();
        let refused =
            transforms.take(&transform("mount", "camera", 3.0, 1000), false, &at(101)).unwrap_err().to_string();
        assert!(
            refused.ends_with(r#""mount" to "camera": its stamp lies 899.000 s ahead of this machine's clock"#),
            "{refused}"
        );
        let find = |transforms: &Transforms, secs: Stamp| transforms.find(("world", "camera"), secs * SEC, SEC);
        assert_eq!(find(&transforms, 101), find(&heard(), 100));
        assert!(matches!(find(&transforms, 102), Err(ViewRefusal::OldTransform { .. })));
        // What is static has no time.
        transforms.take(&transform("mount", "camera", 3.0, 1000), true, &at(101)).unwrap();
        assert!(find(&transforms, 102).is_ok());
    }

    #[test]
    fn after_a_leap_of_the_clock_only_what_is_static_is_known() {
        let mut transforms = heard();
        transforms.clear();
        assert!(transforms.find(("world", "mount"), 0, SEC).is_ok());
        assert!(matches!(transforms.find(("world", "camera"), 0, SEC), Err(ViewRefusal::NoTransform { .. })));
    }

    #[test]
    fn a_circle_ends_and_nonsense_is_refused() {
        let mut transforms = heard();
        transforms.take(&transform("camera", "mount", 1.0, 100), false, &at(100)).unwrap();
        let circle = transforms.find(("world", "camera"), 100 * SEC, SEC).unwrap_err().to_string();
        assert!(circle.contains("a circle"), "{circle}");
        let mut refused = |change: fn(&mut TransformStamped)| {
            let mut msg = transform("a", "b", 0.0, 0);
            change(&mut msg);
            transforms.take(&msg, true, &at(100)).unwrap_err().to_string()
        };
        assert!(refused(|msg| msg.transform.translation.y = f64::NAN).contains("not finite"));
        assert!(refused(|msg| msg.transform.rotation.w = 0.0).contains("length is not 1"));
        assert!(refused(|msg| msg.child_frame_id = "a".into()).contains("two different frames"));
        for number in 0..2 * MOST_FRAMES {
            let _ = transforms.take(&transform("a", &format!("f{number}"), 0.0, 0), true, &at(100));
        }
        assert_eq!(transforms.by_child.len(), MOST_FRAMES);
    }

    #[test]
    fn a_camera_that_moves_against_what_carries_it_is_refused_until_it_is_back() {
        let (mut transforms, mut seat) = (Transforms::default(), Seat::new("world", "camera"));
        assert!(seat.look(&transforms, 0, SEC).is_err(), "it is waited for");
        transforms.take(&transform("world", "camera", 1.0, 0), false, &at(0)).unwrap();
        let first = seat.look(&transforms, 0, SEC).unwrap();
        transforms.take(&transform("world", "camera", 1.0005, 0), false, &at(0)).unwrap();
        assert_eq!(seat.look(&transforms, 0, SEC), Ok(first), "noise");
        transforms.take(&transform("world", "camera", 1.02, 0), false, &at(0)).unwrap();
        let moved = seat.look(&transforms, 0, SEC).unwrap_err().to_string();
        assert!(moved.contains("\"camera\" has moved in \"world\" by 0.0200 m and 0.0000 rad"), "{moved}");
        transforms.take(&transform("world", "camera", 1.0, 0), false, &at(0)).unwrap();
        assert_eq!(seat.look(&transforms, 0, SEC), Ok(first));
    }
}
