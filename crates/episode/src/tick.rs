//! One millisecond of the loop as it is recorded: all that it depended on and all that it decided, bit by bit.
//!
//! A ROS message of our own (`neuraxis_msgs/msg/Tick`), whose definition is in the file: plotting tools read it.

use neuraxis_core::{ArmCommand, ArmState, Fault, Joints, Nanos, Segment};

use crate::{
    cdr::{CdrError, Decoder, Encoder},
    schemas::RosSchema,
};

/// One tick of the loop.
#[derive(Clone, Debug, PartialEq)]
pub struct TickSample {
    /// Ticks of the loop before this one: a number that is left out was dropped on the way to the recorder.
    pub number: u64,
    /// What the decision depended on.
    pub inputs: LoopInputs,
    /// What was decided.
    pub decision: Decision,
    /// How late the loop woke.
    pub wake_latency: Nanos,
    /// Time spent deciding.
    pub compute: Nanos,
    /// Deadlines skipped before this tick.
    pub missed: u64,
}

/// All that one decision of the loop depends on, beside the decisions before it.
#[derive(Clone, Debug, PartialEq)]
pub struct LoopInputs {
    /// The clock's reading.
    pub now: Nanos,
    /// What the arm reported; not finite if it could not be read.
    pub state: ArmState,
    /// The newest segment, seen before or not.
    pub segment: Option<Segment>,
    /// A stop was asked for.
    pub stop: bool,
    /// A reset was asked for.
    pub reset: bool,
    /// Why the arm could not be read.
    pub read: Option<Fault>,
    /// Why the arm did not take the command before.
    pub write: Option<Fault>,
    /// Too many deadlines were missed.
    pub overrun: bool,
}

/// What the loop decided in one tick.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Time of the tick.
    pub now: Nanos,
    /// What the arm was told.
    pub command: ArmCommand,
    /// A well-formed state has been seen.
    pub started: bool,
    /// Mode after the tick, by name.
    pub mode: String,
    /// Why the arm stops, has stopped or is latched.
    pub fault: Option<Fault>,
    /// Why the segment offered was not used.
    pub rejected: Option<Fault>,
    /// Task instance of the segment followed.
    pub segment_epoch: Option<u32>,
    /// Number of the segment followed.
    pub segment_seq: Option<u64>,
    /// Segments refused so far: malformed, out of order, expired, jumping, while stopping.
    pub refused: [u64; 5],
    /// Largest distance of a joint from its last command [rad].
    pub tracking_error_rad: f64,
    /// Room left at the end of a stop: to the joints' limits [rad], to walls, to the arm itself [m].
    pub clearance: [f64; 3],
    /// Share of its speed at which motion should go on.
    pub speed_scale: f64,
}

/// The message's definition. Faults are names, empty for none; a segment that is not there has `has_segment` false.
pub(crate) const TICK: RosSchema = RosSchema {
    name: "neuraxis_msgs/msg/Tick",
    text: "uint64 number\nuint64 now_nanos\nuint64 state_stamp_nanos\nfloat64[] state_q\nfloat64[] state_qd\n\
           float64[] state_tau_nm\nfloat64 state_gripper_width_m\nbool has_grip_force\nfloat64 state_grip_force_n\n\
           bool has_segment\nuint32 segment_epoch\nuint64 segment_seq\nuint64 segment_t0_nanos\n\
           uint64 segment_valid_until_nanos\nfloat64[] segment_q\nfloat64[] segment_qd\nfloat64[] segment_qdd\n\
           float64 segment_gripper_width_m\nfloat64 segment_grip_force_n\nbool stop\nbool reset\nstring read_fault\n\
           string write_fault\nbool overrun\nuint64 tick_nanos\nfloat64[] command_q\nfloat64[] command_qd\n\
           float64[] command_qdd\nfloat64[] command_tau_nm\nfloat64 command_gripper_width_m\n\
           float64 command_grip_force_n\nbool started\nstring mode\nstring fault\nstring rejected\n\
           bool has_followed_epoch\nuint32 followed_epoch\nbool has_followed_seq\nuint64 followed_seq\n\
           uint64[5] refused\nfloat64 tracking_error_rad\nfloat64[3] clearance\nfloat64 speed_scale\n\
           uint64 wake_latency_nanos\nuint64 compute_nanos\nuint64 missed\n",
};

impl TickSample {
    pub(crate) fn encode(&self, buffer: Vec<u8>) -> Vec<u8> {
        let mut out = Encoder::new(buffer);
        out.u64(self.number);
        self.inputs.put(&mut out);
        self.decision.put(&mut out);
        out.u64(self.wake_latency.0);
        out.u64(self.compute.0);
        out.u64(self.missed);
        out.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CdrError> {
        let mut data = Decoder::new(bytes)?;
        Ok(Self {
            number: data.u64()?,
            inputs: LoopInputs::take(&mut data)?,
            decision: Decision::take(&mut data)?,
            wake_latency: Nanos(data.u64()?),
            compute: Nanos(data.u64()?),
            missed: data.u64()?,
        })
    }
}

impl LoopInputs {
    fn put(&self, out: &mut Encoder) {
        let Self { now, state, segment, stop, reset, read, write, overrun } = self;
        out.u64(now.0);
        let ArmState { stamp, q, qd, tau_nm, gripper_width_m, grip_force_n } = state;
        out.u64(stamp.0);
        [q, qd, tau_nm].iter().for_each(|joints| out.f64s(joints));
        out.f64(*gripper_width_m);
        out.u8(u8::from(grip_force_n.is_some()));
        out.f64(grip_force_n.unwrap_or(0.0));
        out.u8(u8::from(segment.is_some()));
        let none = Joints::zeros(0);
        let absent = Segment {
            epoch: 0,
            seq: 0,
            t0: Nanos(0),
            valid_until: Nanos(0),
            q: none,
            qd: none,
            qdd: none,
            gripper_width_m: 0.0,
            grip_force_n: 0.0,
        };
        let Segment { epoch, seq, t0, valid_until, q, qd, qdd, gripper_width_m, grip_force_n } =
            segment.unwrap_or(absent);
        out.u32(epoch);
        [seq, t0.0, valid_until.0].iter().for_each(|number| out.u64(*number));
        [q, qd, qdd].iter().for_each(|joints| out.f64s(joints));
        out.f64(gripper_width_m);
        out.f64(grip_force_n);
        out.u8(u8::from(*stop));
        out.u8(u8::from(*reset));
        put_fault(out, *read);
        put_fault(out, *write);
        out.u8(u8::from(*overrun));
    }

    fn take(data: &mut Decoder<'_>) -> Result<Self, CdrError> {
        let now = Nanos(data.u64()?);
        let stamp = Nanos(data.u64()?);
        let [q, qd, tau_nm] = [take_joints(data)?, take_joints(data)?, take_joints(data)?];
        let gripper_width_m = data.f64()?;
        let grip_force_n = take_option(data, Decoder::f64)?;
        let state = ArmState { stamp, q, qd, tau_nm, gripper_width_m, grip_force_n };
        let has_segment = take_bool(data)?;
        let (epoch, seq, t0, valid_until) = (data.u32()?, data.u64()?, Nanos(data.u64()?), Nanos(data.u64()?));
        let [q, qd, qdd] = [take_joints(data)?, take_joints(data)?, take_joints(data)?];
        let (gripper_width_m, grip_force_n) = (data.f64()?, data.f64()?);
        let segment = Segment { epoch, seq, t0, valid_until, q, qd, qdd, gripper_width_m, grip_force_n };
        Ok(Self {
            now,
            state,
            segment: has_segment.then_some(segment),
            stop: take_bool(data)?,
            reset: take_bool(data)?,
            read: take_fault(data)?,
            write: take_fault(data)?,
            overrun: take_bool(data)?,
        })
    }
}

impl Decision {
    /// As it is recorded: equal bytes are the same decision to the last bit.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Encoder::new(Vec::new());
        self.put(&mut out);
        out.finish()
    }

    /// The first field that differs from another decision's, with both values; `None` if all bits are the same.
    pub fn first_difference(&self, other: &Self) -> Option<(&'static str, String, String)> {
        if self.to_bytes() == other.to_bytes() {
            return None;
        }
        let (ours, theirs) = (self.fields(), other.fields());
        let named = ours.into_iter().zip(theirs).find(|((_, a), (_, b))| a != b);
        // Only NaNs of different bits print alike.
        let same = || ("a NaN", "other bits".to_string(), "other bits".to_string());
        Some(named.map_or_else(same, |((name, a), (_, b))| (name, a, b)))
    }

    /// Each field by name; numbers to the last bit.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let Self {
            now,
            command,
            started,
            mode,
            fault,
            rejected,
            segment_epoch,
            segment_seq,
            refused,
            tracking_error_rad,
            clearance,
            speed_scale,
        } = self;
        let ArmCommand { q, qd, qdd, tau_nm, gripper_width_m, grip_force_n } = command;
        vec![
            ("now", format!("{now:?}")),
            ("mode", mode.clone()),
            ("fault", format!("{fault:?}")),
            ("rejected", format!("{rejected:?}")),
            ("started", format!("{started:?}")),
            ("segment_epoch", format!("{segment_epoch:?}")),
            ("segment_seq", format!("{segment_seq:?}")),
            ("command.q", format!("{q:?}")),
            ("command.qd", format!("{qd:?}")),
            ("command.qdd", format!("{qdd:?}")),
            ("command.tau_nm", format!("{tau_nm:?}")),
            ("command.gripper_width_m", format!("{gripper_width_m:?}")),
            ("command.grip_force_n", format!("{grip_force_n:?}")),
            ("refused", format!("{refused:?}")),
            ("tracking_error_rad", format!("{tracking_error_rad:?}")),
            ("clearance", format!("{clearance:?}")),
            ("speed_scale", format!("{speed_scale:?}")),
        ]
    }

    fn put(&self, out: &mut Encoder) {
        out.u64(self.now.0);
        let ArmCommand { q, qd, qdd, tau_nm, gripper_width_m, grip_force_n } = &self.command;
        [q, qd, qdd, tau_nm].iter().for_each(|joints| out.f64s(joints));
        out.f64(*gripper_width_m);
        out.f64(*grip_force_n);
        out.u8(u8::from(self.started));
        out.string(&self.mode);
        put_fault(out, self.fault);
        put_fault(out, self.rejected);
        out.u8(u8::from(self.segment_epoch.is_some()));
        out.u32(self.segment_epoch.unwrap_or(0));
        out.u8(u8::from(self.segment_seq.is_some()));
        out.u64(self.segment_seq.unwrap_or(0));
        self.refused.iter().for_each(|count| out.u64(*count));
        out.f64(self.tracking_error_rad);
        self.clearance.iter().for_each(|room| out.f64(*room));
        out.f64(self.speed_scale);
    }

    fn take(data: &mut Decoder<'_>) -> Result<Self, CdrError> {
        let now = Nanos(data.u64()?);
        let [q, qd, qdd, tau_nm] = [take_joints(data)?, take_joints(data)?, take_joints(data)?, take_joints(data)?];
        let (gripper_width_m, grip_force_n) = (data.f64()?, data.f64()?);
        Ok(Self {
            now,
            command: ArmCommand { q, qd, qdd, tau_nm, gripper_width_m, grip_force_n },
            started: take_bool(data)?,
            mode: data.string()?.to_owned(),
            fault: take_fault(data)?,
            rejected: take_fault(data)?,
            segment_epoch: take_option(data, Decoder::u32)?,
            segment_seq: take_option(data, Decoder::u64)?,
            refused: [data.u64()?, data.u64()?, data.u64()?, data.u64()?, data.u64()?],
            tracking_error_rad: data.f64()?,
            clearance: [data.f64()?, data.f64()?, data.f64()?],
            speed_scale: data.f64()?,
        })
    }
}

fn put_fault(out: &mut Encoder, fault: Option<Fault>) {
    out.string(&fault.map_or_else(String::new, |fault| format!("{fault:?}")));
}

fn take_fault(data: &mut Decoder<'_>) -> Result<Option<Fault>, CdrError> {
    let name = data.string()?;
    let known = Fault::ALL.iter().copied().find(|fault| format!("{fault:?}") == name);
    if known.is_none() && !name.is_empty() {
        return Err(data.error(format!("there is no fault {name:?}")));
    }
    Ok(known)
}

fn take_joints(data: &mut Decoder<'_>) -> Result<Joints, CdrError> {
    let values = data.f64s()?;
    Joints::from_slice(&values).ok_or_else(|| data.error(format!("{} joints are too many", values.len())))
}

fn take_bool(data: &mut Decoder<'_>) -> Result<bool, CdrError> {
    Ok(data.u8()? != 0)
}

fn take_option<'a, T>(
    data: &mut Decoder<'a>,
    take: impl FnOnce(&mut Decoder<'a>) -> Result<T, CdrError>,
) -> Result<Option<T>, CdrError> {
    let is_there = take_bool(data)?;
    let value = take(data)?;
    Ok(is_there.then_some(value))
}
