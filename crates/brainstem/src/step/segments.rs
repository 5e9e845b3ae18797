//! Segments: kept until they start, put to use where they continue the motion, followed within the limits.

use neuraxis_core::{Fault, Joints, Nanos, Segment};

use super::{Brainstem, Mode, PENDING};
use crate::follow::follow;

impl Brainstem {
    /// Keeps a segment until it starts; if all places are taken, the one that starts last makes room.
    pub(super) fn keep_pending(&mut self, segment: Segment) {
        let place = match self.pending.iter().position(|slot| slot.is_none()) {
            Some(free) => self.pending.get_mut(free),
            None => self.pending.iter_mut().max_by_key(|slot| slot.map(|s| s.t0)),
        };
        if let Some(slot) = place {
            *slot = Some(segment);
        }
    }

    /// Puts a pending segment to use once it starts, if it continues from what is commanded.
    pub(super) fn promote_pending(&mut self, now: Nanos, elapsed_secs: f64) -> Option<Fault> {
        if !(self.mode == Mode::Hold || self.mode == Mode::Track) {
            self.pending = [None; PENDING];
            return None;
        }
        let is_due = |segment: &Segment| segment.t0 <= now;
        // Nor one whose lease ran out while it waited: the clock leapt, or the loop overslept.
        let may_start = |segment: &Segment| is_due(segment) && now <= segment.valid_until;
        let segment = self.pending.iter().flatten().copied().filter(may_start).max_by_key(|s| (s.epoch, s.seq));
        for slot in &mut self.pending {
            *slot = slot.filter(|segment| !is_due(segment));
        }
        let segment = segment?;

        // Compare at the same moment: what is commanded goes on with its velocity until now.
        let (wanted, from) = (segment.at(now), &self.commanded);
        let ahead = Joints::from_fn(from.q.len(), |i| {
            let get = |joints: &Joints| joints.get(i).copied().unwrap_or(0.0);
            get(&from.q) + elapsed_secs * get(&from.qd)
        });
        let continues = wanted.q.max_abs_diff(&ahead) <= self.config.jump_rad
            && wanted.qd.max_abs_diff(&from.qd) <= self.config.jump_rad_s;
        if continues {
            self.current = Some(segment);
            self.mode = Mode::Track;
            self.fault = None;
            return None;
        }
        self.gate.refused.jump += 1;
        self.trip(Fault::SegmentJump);
        Some(Fault::SegmentJump)
    }

    /// Follows the current segment within the limits; on a fault the commanded state is left untouched.
    pub(super) fn track(&mut self, now: Nanos, dt_secs: f64) -> Result<(), Fault> {
        // A lease does not hold before its time either: the clock stepped back.
        let holds = |segment: &Segment| now <= segment.valid_until && segment.t0 <= now + self.gate.lead_max;
        let segment = self.current.filter(holds).ok_or(Fault::LeaseExpired)?;
        let target = segment.at(now);
        for (limit, ((q, qd), qdd)) in
            self.limits.iter().zip(target.q.iter().zip(target.qd.iter()).zip(target.qdd.iter()))
        {
            // `contains` is false for NaN.
            if !(limit.lower_rad..=limit.upper_rad).contains(q) {
                return Err(Fault::PositionLimit);
            }
            if !(0.0..=limit.velocity_rad_s).contains(&qd.abs()) {
                return Err(Fault::VelocityLimit);
            }
            if !(0.0..=limit.acceleration_rad_s2 * (1.0 + 1e-9)).contains(&qdd.abs()) {
                return Err(Fault::AccelerationLimit);
            }
        }
        let next = follow(&self.commanded, &target, dt_secs, &self.limits);
        // Only go where there is a way to rest, all of it allowed.
        let cleared = self.guard.clear(&next, &self.limits)?;
        self.feed_forward.check(&next, &cleared.stop, &self.limits)?;
        // A target that runs away from its follower does not respect the limits, whatever it declares.
        if !(0.0..=self.config.jump_rad).contains(&next.q.max_abs_diff(&target.q)) {
            return Err(Fault::SegmentJump);
        }
        self.guard.keep_what_is_won();
        self.ranges.keep_what_is_won(&cleared.stop, &mut self.limits);
        self.commanded = next;
        (self.stop, self.clearance) = (cleared.stop, cleared.clearance);
        self.gripper_width_m = segment.gripper_width_m.clamp(0.0, self.config.gripper_width_max_m);
        self.grip_force_n = segment.grip_force_n.clamp(0.0, self.config.grip_force_max_n);
        Ok(())
    }
}
