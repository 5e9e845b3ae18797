//! Thread `cerebellum`: from predictions to segments.

use anyhow::Result;
use neuraxis_brainstem::BodyState;
use neuraxis_cerebellum::{Cerebellum, CerebellumTick};
use neuraxis_channel::{MailboxReader, MailboxWriter, RingSender};
use neuraxis_core::{ArmState, Nanos, PERIOD_CEREBELLUM, Segment};

use super::{Rate, Shared, periodic};
use crate::{
    brain::live::LiveReflex,
    given::{Given, ToSegment},
};

/// Ends of the cerebellum's channels.
pub struct CerebellumLinks {
    /// The body, from the brainstem.
    pub body: MailboxReader<Option<BodyState>>,
    /// The newest prediction.
    pub predictions: MailboxReader<Option<Given>>,
    /// When the newest images were taken.
    pub images: MailboxReader<Option<Nanos>>,
    /// Number of the newest instruction.
    pub epochs: MailboxReader<u32>,
    /// To the brainstem.
    pub segments: MailboxWriter<Option<Segment>>,
    /// To the cameras, for progress is part of an observation, and to whoever watches the run.
    pub minds: Vec<MailboxWriter<Option<CerebellumTick>>>,
    /// To the recorder.
    pub record: RingSender<(Nanos, CerebellumTick)>,
    /// To ROS: what the arm measures.
    pub states: Option<MailboxWriter<ArmState>>,
    /// With a brain: its fast half.
    pub brain: Option<LiveReflex>,
}

/// The 200 Hz executor; also how long pictures and predictions took to become a segment.
pub fn cerebellum(
    mut cerebellum: Cerebellum,
    mut links: CerebellumLinks,
    shared: &Shared,
) -> Result<(Rate, ToSegment)> {
    let (mut epoch, mut before) = (None, None);
    let (mut to_segment, mut looked_at) = (ToSegment::default(), None);
    let rate = periodic("cerebellum", PERIOD_CEREBELLUM, &shared.done, |now| {
        // Until the arm has said where it is there is nothing to plan from.
        let Some(body) = links.body.latest() else { return Ok(false) };
        let commanded = body.to_continue();
        let newest = links.epochs.latest();
        if epoch != Some(newest) {
            cerebellum.start_task(newest, now, &commanded);
            epoch = Some(newest);
        }
        let given = links.predictions.latest();
        let is_new = given.is_some_and(|given| looked_at.replace(given.at) != Some(given.at));
        let prediction = match &mut links.brain {
            None => {
                cerebellum.set_speed_scale(body.speed_scale);
                given.map(|given| given.prediction)
            }
            Some(brain) => {
                let routed = given.filter(|_| is_new).map(|given| given.prediction);
                let (steer, routed) = brain.steer(now, newest, &body, before.as_ref(), routed);
                steer.pass_on(&mut cerebellum, now, routed, body.speed_scale)
            }
        };
        if let Some(stamp) = links.images.latest() {
            cerebellum.see_images(stamp);
        }
        let tick = cerebellum.step(now, &body.state, &commanded, prediction.as_ref());
        before = Some(tick);
        links.segments.write(Some(tick.segment));
        if let Some(given) = given.filter(|_| is_new) {
            to_segment.note(&given);
        }
        for mind in &mut links.minds {
            mind.write(Some(tick));
        }
        links.record.push((now, tick));
        if let Some(states) = links.states.as_mut() {
            states.write(body.state);
        }
        Ok(true)
    })?;
    Ok((rate, to_segment))
}
