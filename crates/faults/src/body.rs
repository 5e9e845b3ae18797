//! The 1 kHz side of the rig: what `run_realtime` does in a tick, on the virtual clock.

use std::sync::Arc;

use neuraxis_brainstem::{BodyState, Brainstem, Mode, RefusedSegments, Signals, Tick, TickInputs, TickRecord};
use neuraxis_channel::{MailboxReader, MailboxWriter, RingSender, mailbox};
use neuraxis_core::{ArmCommand, ArmState, Fault, Joints, Nanos, Segment};

use crate::{Injector, Monitor, Plant};

/// Ends of channels that the body holds.
pub(crate) struct BodyLinks {
    pub(crate) segments: MailboxReader<Option<Segment>>,
    pub(crate) to_mind: MailboxWriter<Option<BodyState>>,
    pub(crate) to_viewer: RingSender<TickRecord>,
    pub(crate) to_recorder: RingSender<TickRecord>,
}

/// Brainstem and arm, with the states between them open to faults.
pub(crate) struct Body<P> {
    plant: P,
    brainstem: Brainstem,
    links: BodyLinks,
    /// From the arm's sensors.
    pub(crate) states: Injector<ArmState>,
    state_in: MailboxWriter<ArmState>,
    state_out: MailboxReader<ArmState>,
    state: ArmState,
    pub(crate) signals: Arc<Signals>,
    /// `read` returns an error.
    pub(crate) read_fails: bool,
    pub(crate) monitor: Monitor,
    command: Option<ArmCommand>,
    heap: fn() -> u64,
    /// Ticks so far.
    ticks: u64,
    /// Calls of the allocator within ticks.
    pub(crate) heap_calls: u64,
    states_read: u64,
    segments_read: u64,
    offered: Option<(u32, u64)>,
    refused: RefusedSegments,
    /// A tick's refusal and its counters contradicted each other.
    pub(crate) miscounted: Option<String>,
}

impl<P: Plant> Body<P> {
    pub(crate) fn new(
        plant: P,
        brainstem: Brainstem,
        monitor: Monitor,
        states: Injector<ArmState>,
        links: BodyLinks,
        heap: fn() -> u64,
    ) -> Self {
        let nothing = unreadable(brainstem.dof());
        let (state_in, state_out) = mailbox(nothing);
        Self {
            plant,
            brainstem,
            links,
            states,
            state_in,
            state_out,
            state: nothing,
            signals: Arc::default(),
            read_fails: false,
            monitor,
            command: None,
            heap,
            ticks: 0,
            heap_calls: 0,
            states_read: 0,
            segments_read: 0,
            offered: None,
            refused: RefusedSegments::default(),
            miscounted: None,
        }
    }

    /// The arm measures; what the stream brings is there for the next `read`.
    pub(crate) fn sense(&mut self, world: Nanos, now: Nanos) {
        self.states.offer(world, ArmState { stamp: now, ..self.plant.state() });
        while let Some(state) = self.states.take(world) {
            self.state_in.write(state);
        }
    }

    /// Read, serve, decide, write, publish: the order of the realtime loop. No allocation.
    pub(crate) fn tick(&mut self, world: Nanos, now: Nanos) -> Tick {
        let calls_before = (self.heap)();
        if let Some(state) = self.state_out.fresh() {
            self.state = state;
            self.states_read += 1;
        }
        let read = self.read_fails.then_some(Fault::ReadFailed);
        let state = if self.read_fails { unreadable(self.brainstem.dof()) } else { self.state };
        let mode_before = self.brainstem.mode();
        self.segments_read += u64::from(self.links.segments.fresh().is_some());
        let segment = self.links.segments.latest();
        let requests = self.signals.requests(mode_before);
        let inputs = TickInputs { now, state, segment, requests, read, write: None, overrun: false };
        let tick = self.brainstem.tick(&inputs);
        if mode_before == Mode::Latched && matches!(tick.mode, Mode::Hold | Mode::Track) {
            self.monitor.forget();
        }
        let body = BodyState {
            now: tick.now,
            state,
            commanded: self.brainstem.commanded(),
            feed_forward_nm: tick.command.tau_nm,
            gripper_width_m: tick.command.gripper_width_m,
            mode: tick.mode,
            fault: tick.fault,
            latches: self.brainstem.latches(),
            speed_scale: tick.speed_scale,
        };
        if tick.started {
            self.command = Some(tick.command);
            self.links.to_mind.write(Some(body));
        }
        let record =
            TickRecord { number: self.ticks, inputs, tick, wake_latency: Nanos(0), compute: Nanos(0), missed: 0 };
        self.ticks += 1;
        self.links.to_viewer.push_newest(record);
        self.links.to_recorder.push(record);
        self.signals.heartbeat.increment();
        self.heap_calls += (self.heap)() - calls_before;

        if tick.started {
            self.monitor.see(world, now, &tick.command);
        }
        self.count(segment.as_ref(), &tick);
        tick
    }

    /// One millisecond of physics under the last command.
    pub(crate) fn live(&mut self) {
        if let Some(command) = &self.command {
            self.plant.step(command);
        }
    }

    /// Fastest measured joint [rad/s].
    pub(crate) fn speed_rad_s(&self) -> f64 {
        self.plant.state().qd.iter().fold(0.0, |most, qd| most.max(qd.abs()))
    }

    /// The state that the loop read last.
    pub(crate) fn seen(&self) -> ArmState {
        self.state
    }

    /// What the arm was told last, for a cerebellum that starts anew.
    pub(crate) fn brainstem(&self) -> &Brainstem {
        &self.brainstem
    }

    /// States and segments: what arrived was read or overwritten; what was read was used or refused, and said so.
    pub(crate) fn adds_up(&self, segments_delivered: u64, segments_overwritten: u64) -> Result<(), String> {
        let states = self.states.counts();
        let left = states.delivered.checked_sub(self.states_read + self.state_in.overwritten());
        // One value may still lie in a mailbox.
        if !self.states.adds_up() || left.is_none_or(|left| left > 1) {
            return Err(format!(
                "states: {states:?}, {} read, {} overwritten",
                self.states_read,
                self.state_in.overwritten()
            ));
        }
        if let Some(what) = &self.miscounted {
            return Err(what.clone());
        }
        let left = segments_delivered.checked_sub(self.segments_read + segments_overwritten);
        if left.is_none_or(|left| left > 1) {
            return Err(format!(
                "segments: {segments_delivered} delivered, {} read, {segments_overwritten} overwritten",
                self.segments_read
            ));
        }
        Ok(())
    }

    /// Each refusal is counted once, and each count has its reason.
    fn count(&mut self, segment: Option<&Segment>, tick: &Tick) {
        let id = segment.map(|segment| (segment.epoch, segment.seq));
        let is_new = id.is_some() && id != self.offered;
        self.offered = id.or(self.offered);
        let before = std::mem::replace(&mut self.refused, tick.refused);
        let jumps = tick.refused.jump - before.jump;
        let at_gate = (tick.refused.total() - tick.refused.jump) - (before.total() - before.jump);
        let fits = at_gate <= u64::from(is_new) && tick.rejected.is_some() == (at_gate + jumps > 0);
        if !fits && self.miscounted.is_none() {
            self.miscounted = Some(format!("refused {at_gate} at the gate, {jumps} jumps, said {:?}", tick.rejected));
        }
    }
}

/// What stands for a state that could not be read.
fn unreadable(dof: usize) -> ArmState {
    let nan = Joints::from_fn(dof, |_| f64::NAN);
    ArmState { stamp: Nanos(0), q: nan, qd: nan, tau_nm: nan, gripper_width_m: f64::NAN, grip_force_n: None }
}
