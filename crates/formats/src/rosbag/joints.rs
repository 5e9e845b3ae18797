//! Joint states over time, put together from whoever publishes them.

use neuraxis_core::{Joints, MAX_JOINTS, Nanos};
use neuraxis_episode::Moment;

use super::messages::JointState;

/// Most numbers that are kept of a bag.
const MOST_NUMBERS: usize = 8_000_000;
/// Most joints of all publishers together.
const MOST_NAMES: usize = 64;
/// States that follow closer are left out: no frame needs them.
const LEAST: Nanos = Nanos::from_millis(2);

/// Position, velocity, effort of each joint.
#[derive(Clone, Debug)]
struct Sample {
    stamp: Nanos,
    position: Vec<f64>,
    velocity: Option<Vec<f64>>,
    effort: Option<Vec<f64>>,
}

/// All joint states of a bag.
#[derive(Clone, Debug, Default)]
pub(super) struct JointTrack {
    names: Vec<String>,
    /// What each joint said last: position, velocity, effort.
    last: Vec<(f64, Option<f64>, Option<f64>)>,
    samples: Vec<Sample>,
}

impl JointTrack {
    /// Adds a message; joints that it does not name stay as they were.
    pub(super) fn add(&mut self, state: &JointState<'_>, log: Nanos) -> Result<(), String> {
        let stamp = state.stamp.unwrap_or(log);
        for (i, name) in state.names.iter().enumerate() {
            // A joint without a position says nothing about where the arm is.
            let Some(position) = state.position.get(i).filter(|q| q.is_finite()) else { continue };
            let of = |values: &[f64]| values.get(i).copied().filter(|x| x.is_finite());
            let said = (*position, of(&state.velocity), of(&state.effort));
            match self.names.iter().position(|known| known == name) {
                Some(known) => self.last.get_mut(known).into_iter().for_each(|last| *last = said),
                None if self.names.len() == MOST_NAMES => return Err(format!("more than {MOST_NAMES} joints")),
                None => {
                    self.names.push(name.to_string());
                    self.last.push(said);
                }
            }
        }
        if self.last.is_empty()
            || self.samples.last().is_some_and(|last| stamp < last.stamp + LEAST && stamp >= last.stamp)
        {
            return Ok(());
        }
        if (self.samples.len() + 1) * self.names.len() > MOST_NUMBERS {
            return Err(format!("more than {MOST_NUMBERS} joint positions"));
        }
        self.samples.push(Sample {
            stamp,
            position: self.last.iter().map(|(position, _, _)| *position).collect(),
            velocity: self.last.iter().map(|(_, velocity, _)| *velocity).collect(),
            effort: self.last.iter().map(|(_, _, effort)| *effort).collect(),
        });
        Ok(())
    }

    /// Puts states in order, and leaves out those from before all joints were known.
    pub(super) fn sort(&mut self) {
        let joints = self.names.len();
        self.samples.retain(|sample| sample.position.len() == joints);
        self.samples.sort_by_key(|sample| sample.stamp);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    pub(super) fn stamps(&self) -> impl Iterator<Item = Nanos> {
        self.samples.iter().map(|sample| sample.stamp)
    }

    /// Which joints are the arm's and which the gripper's; `known`: those of a known arm, see
    /// [`super::Options::arm_joints`].
    pub(super) fn parts(&self, gripper: &[String], known: &[String]) -> Result<Parts, String> {
        if let Some(missing) = gripper.iter().find(|name| !self.names.contains(name)) {
            return Err(format!("no joint {missing:?}; there are {:?}", self.names));
        }
        let is_gripper = |name: &String| match gripper {
            [] => ["finger", "gripper"].iter().any(|part| name.to_ascii_lowercase().contains(part)),
            named => named.contains(name),
        };
        let (gripper, others): (Vec<usize>, Vec<usize>) =
            (0..self.names.len()).partition(|i| self.names.get(*i).is_some_and(is_gripper));
        let place = |name: &String| others.iter().copied().find(|i| self.names.get(*i) == Some(name));
        let known: Option<Vec<usize>> = known.iter().map(place).collect();
        let arm = known.filter(|arm| !arm.is_empty()).unwrap_or_else(|| others.clone());
        let left_out: Vec<usize> = others.into_iter().filter(|i| !arm.contains(i)).collect();
        if arm.len() > MAX_JOINTS {
            return Err(format!("{} joints beside the gripper's, allowed: {MAX_JOINTS}", arm.len()));
        }
        let named = |of: &[usize]| of.iter().filter_map(|i| self.names.get(*i).cloned()).collect();
        let (arm_names, gripper_names) = (named(&arm), named(&gripper));
        Ok(Parts { arm_names, gripper_names, left_out: named(&left_out), arm, gripper })
    }

    /// Fills a frame from the state that is nearest in time; false if none is near.
    pub(super) fn fill(&self, moment: &mut Moment, parts: &Parts, most_secs: f64) -> bool {
        let after = self.samples.partition_point(|sample| sample.stamp < moment.stamp);
        let around = [after.checked_sub(1), Some(after)].into_iter().flatten().filter_map(|i| self.samples.get(i));
        let far = |sample: &&Sample| sample.stamp.secs_since(moment.stamp).abs();
        let Some(sample) = around.min_by(|a, b| far(a).total_cmp(&far(b))).filter(|sample| far(sample) <= most_secs)
        else {
            return false;
        };
        let pick =
            |of: &[usize], values: &[f64]| -> Vec<f64> { of.iter().filter_map(|i| values.get(*i).copied()).collect() };
        let arm = |values: Option<&Vec<f64>>| values.and_then(|values| Joints::from_slice(&pick(&parts.arm, values)));
        moment.q = arm(Some(&sample.position));
        moment.qd = arm(sample.velocity.as_ref());
        moment.tau_nm = arm(sample.effort.as_ref());
        if !parts.gripper.is_empty() {
            moment.gripper_width_m = Some(pick(&parts.gripper, &sample.position).iter().sum());
        }
        true
    }
}

/// The arm's joints and the gripper's among those of the messages.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    pub(super) arm_names: Vec<String>,
    pub(super) gripper_names: Vec<String>,
    /// Names of those that are neither.
    pub(super) left_out: Vec<String>,
    arm: Vec<usize>,
    gripper: Vec<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_and_a_gripper_may_speak_apart() {
        let state = |names: &[&'static str], position: &[f64], millis| JointState {
            stamp: Some(Nanos::from_millis(millis)),
            names: names.to_vec(),
            position: position.to_vec(),
            velocity: position.to_vec(),
            effort: Vec::new(),
        };
        let mut track = JointTrack::default();
        let add = |track: &mut JointTrack, state: JointState<'_>| track.add(&state, Nanos(0)).unwrap();
        add(&mut track, state(&["j1", "j2"], &[1.0, 2.0], 10));
        add(&mut track, state(&["left_finger", "right_finger"], &[0.04, 0.03], 20));
        add(&mut track, state(&["j2", "j1"], &[2.5, 1.5], 30));
        add(&mut track, state(&["j1"], &[9.0], 31));
        track.sort();
        let parts = track.parts(&[], &[]).unwrap();
        assert_eq!(parts.arm_names, ["j1", "j2"]);
        assert_eq!(track.stamps().map(|s| s.0 / 1_000_000).collect::<Vec<_>>(), [20, 30]);
        let mut moment = Moment { stamp: Nanos::from_millis(28), ..Moment::default() };
        assert!(track.fill(&mut moment, &parts, 0.05));
        assert_eq!(*moment.q.unwrap(), [1.5, 2.5]);
        assert_eq!((moment.qd.map(|qd| qd[0]), moment.tau_nm), (Some(1.5), None));
        assert!((moment.gripper_width_m.unwrap() - 0.07).abs() < 1e-12);
        assert!(!track.fill(&mut Moment { stamp: Nanos::from_millis(500), ..Moment::default() }, &parts, 0.05));
        assert!(track.parts(&["thumb".into()], &[]).unwrap_err().contains("no joint \"thumb\""));
    }

    #[test]
    fn a_known_arm_decides_the_order_of_its_joints() {
        let names = vec!["finger", "j2", "wheel", "j1"];
        let values = |sign: f64| (1..=4).map(|i| sign * f64::from(i)).collect();
        let stamp = Some(Nanos::from_millis(10));
        let state = JointState { stamp, names, position: values(1.0), velocity: values(-1.0), effort: values(0.5) };
        let mut track = JointTrack::default();
        track.add(&state, Nanos(0)).unwrap();
        let parts = track.parts(&[], &["j1".into(), "j2".into()]).unwrap();
        assert_eq!((parts.arm_names.join(" "), parts.gripper_names.join(" ")), ("j1 j2".into(), "finger".into()));
        assert_eq!(parts.left_out, ["wheel"]);
        let mut moment = Moment { stamp: Nanos::from_millis(10), ..Moment::default() };
        assert!(track.fill(&mut moment, &parts, 0.05));
        let found = [moment.q, moment.qd, moment.tau_nm].map(|joints| joints.unwrap().to_vec());
        assert_eq!(found, [[4.0, 2.0], [-4.0, -2.0], [2.0, 1.0]]);
        // One that is not there: this is another arm.
        let others = track.parts(&[], &["j1".into(), "j3".into()]).unwrap();
        assert_eq!((others.arm_names.join(" "), others.left_out.len()), ("j2 wheel j1".to_string(), 0));
    }
}
