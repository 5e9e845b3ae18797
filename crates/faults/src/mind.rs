//! The 200 Hz side of the rig: the cerebellum's thread.

use std::sync::Arc;

use neuraxis_brainstem::{BodyState, Brainstem};
use neuraxis_cerebellum::{Cerebellum, CerebellumConfig, CerebellumError, CerebellumTick};
use neuraxis_channel::{MailboxReader, MailboxWriter, mailbox};
use neuraxis_core::{Nanos, Prediction, Segment};
use neuraxis_robot::{Robot, Shares};

use crate::{Injector, thinker::unwind};

/// Cerebellum, with the segments it sends and the predictions it gets open to faults.
pub(crate) struct Mind {
    robot: Arc<Robot>,
    config: CerebellumConfig,
    shares: Shares,
    /// `None` once its thread has panicked.
    /// In a box, as other large things of the rig are: tests have small stacks.
    cerebellum: Option<Box<Cerebellum>>,
    epoch: u32,
    body: MailboxReader<Option<BodyState>>,
    pub(crate) predictions: Injector<Prediction>,
    prediction_in: MailboxWriter<Option<Prediction>>,
    prediction_out: MailboxReader<Option<Prediction>>,
    pub(crate) segments: Injector<Segment>,
    segment_in: MailboxWriter<Option<Segment>>,
    pub(crate) tick: Option<CerebellumTick>,
    sent: Option<(u32, u64)>,
    heap: fn() -> u64,
    pub(crate) heap_calls: u64,
    predictions_read: u64,
    refused: u64,
    miscounted: Option<String>,
}

impl Mind {
    pub(crate) fn new(
        robot: Arc<Robot>,
        config: CerebellumConfig,
        shares: Shares,
        body: MailboxReader<Option<BodyState>>,
        predictions: Injector<Prediction>,
        segments: (Injector<Segment>, MailboxWriter<Option<Segment>>),
        heap: fn() -> u64,
    ) -> Result<Self, CerebellumError> {
        let (prediction_in, prediction_out) = mailbox(None);
        Ok(Self {
            cerebellum: Some(Box::new(Cerebellum::new(&robot, config.clone(), &shares)?)),
            robot,
            config,
            shares,
            epoch: 0,
            body,
            predictions,
            prediction_in,
            prediction_out,
            segments: segments.0,
            segment_in: segments.1,
            tick: None,
            sent: None,
            heap,
            heap_calls: 0,
            predictions_read: 0,
            refused: 0,
            miscounted: None,
        })
    }

    /// A new task, for a cerebellum that may itself be new.
    pub(crate) fn start_task(&mut self, epoch: u32, now: Nanos, brainstem: &Brainstem) -> Result<(), CerebellumError> {
        if self.cerebellum.is_none() {
            self.cerebellum = Some(Box::new(Cerebellum::new(&self.robot, self.config.clone(), &self.shares)?));
        }
        if let Some(cerebellum) = &mut self.cerebellum {
            let commanded = brainstem.to_continue();
            cerebellum.start_task(epoch, now, &commanded);
        }
        (self.epoch, self.refused) = (epoch, 0);
        Ok(())
    }

    /// Images have reached the policy.
    pub(crate) fn see_images(&mut self, stamp: Nanos) {
        if let Some(cerebellum) = &mut self.cerebellum {
            cerebellum.see_images(stamp);
        }
    }

    /// Its thread panics, for real, and is gone.
    pub(crate) fn panic(&mut self) {
        unwind(self.cerebellum.take());
    }

    /// Is there a thread to step?
    pub(crate) fn is_alive(&self) -> bool {
        self.cerebellum.is_some()
    }

    /// One step of 5 ms, if the body has spoken. No allocation within the cerebellum.
    pub(crate) fn step(&mut self, world: Nanos, now: Nanos) {
        let (Some(cerebellum), Some(body)) = (&mut self.cerebellum, self.body.latest()) else { return };
        self.predictions_read += u64::from(self.prediction_out.fresh().is_some());
        let prediction = self.prediction_out.latest();
        let commanded = body.to_continue();
        let calls_before = (self.heap)();
        let tick = cerebellum.step(now, &body.state, &commanded, prediction.as_ref());
        self.heap_calls += (self.heap)() - calls_before;

        let refused = tick.refused.total();
        if (refused - self.refused != u64::from(tick.refusal.is_some())) && self.miscounted.is_none() {
            self.miscounted =
                Some(format!("predictions: {} counted as refused, {:?} said", refused - self.refused, tick.refusal));
        }
        self.refused = refused;
        // Called too early it repeats itself.
        let id = (tick.segment.epoch, tick.segment.seq);
        if self.sent != Some(id) {
            self.sent = Some(id);
            self.segments.offer(world, tick.segment);
        }
        self.tick = Some(tick);
    }

    /// What the streams have brought by now is in the mailboxes.
    pub(crate) fn deliver(&mut self, world: Nanos) {
        while let Some(segment) = self.segments.take(world) {
            self.segment_in.write(Some(segment));
        }
        while let Some(prediction) = self.predictions.take(world) {
            self.prediction_in.write(Some(prediction));
        }
    }

    /// Segments that reached the mailbox, and those overwritten there.
    pub(crate) fn segments_delivered(&self) -> (u64, u64) {
        (self.segments.counts().delivered, self.segment_in.overwritten())
    }

    /// Predictions: what arrived was read or overwritten; each refusal was said and counted.
    pub(crate) fn adds_up(&self) -> Result<(), String> {
        if let Some(what) = &self.miscounted {
            return Err(what.clone());
        }
        let counts = self.predictions.counts();
        let left = counts.delivered.checked_sub(self.predictions_read + self.prediction_in.overwritten());
        if !self.predictions.adds_up() || left.is_none_or(|left| left > 1) || !self.segments.adds_up() {
            return Err(format!(
                "predictions: {counts:?}, {} read, {} overwritten; segments {:?}",
                self.predictions_read,
                self.prediction_in.overwritten(),
                self.segments.counts()
            ));
        }
        Ok(())
    }
}
