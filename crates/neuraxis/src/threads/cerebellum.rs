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

/// What the arm is about.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct TaskInstance {
    /// Number of the newest instruction.
    pub epoch: u32,
    /// There is one, and it is not over: somebody predicts.
    pub has_words: bool,
}

/// Ends of the cerebellum's channels.
pub struct CerebellumLinks {
    /// The body, from the brainstem.
    pub body: MailboxReader<Option<BodyState>>,
    /// The newest prediction.
    pub predictions: MailboxReader<Option<Given>>,
    /// When the newest images were taken.
    pub images: MailboxReader<Option<Nanos>>,
    /// The newest task instance.
    pub tasks: MailboxReader<TaskInstance>,
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
        let task = links.tasks.latest();
        if epoch != Some(task.epoch) {
            cerebellum.start_task(task.epoch, now, &commanded);
            epoch = Some(task.epoch);
        }
        let given = links.predictions.latest();
        let is_new = given.is_some_and(|given| looked_at.replace(given.at) != Some(given.at));
        let prediction = match &mut links.brain {
            None => {
                // Without words nobody is asked for a prediction, and none is missed.
                if !task.has_words {
                    cerebellum.rest(now);
                }
                cerebellum.set_speed_scale(body.speed_scale);
                given.map(|given| given.prediction)
            }
            Some(brain) => {
                let routed = given.filter(|_| is_new).map(|given| given.prediction);
                let (steer, routed) = brain.steer(now, task.epoch, &body, before.as_ref(), routed);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use neuraxis_brainstem::Mode;
    use neuraxis_channel::{mailbox, ring};
    use neuraxis_core::{Fault, Joints, SegmentState};

    use super::*;
    use crate::config::{Config, workspace_root};

    /// What is complained of after 0.3 s beside an arm that stands, of which 0.1 s are waited for a prediction.
    fn complaint(has_words: bool) -> Option<Fault> {
        let mut config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        config.cerebellum.waiting_timeout_secs = 0.1;
        let robot = config.load_robot().unwrap();
        let executor = Cerebellum::new(&robot, config.cerebellum.clone(), &config.brainstem.shares()).unwrap();
        let (q, zero) = (robot.home(), Joints::zeros(robot.dof()));
        let body = BodyState {
            now: Nanos(0),
            state: ArmState { stamp: Nanos(0), q, qd: zero, tau_nm: zero, gripper_width_m: 0.08, grip_force_n: None },
            commanded: SegmentState { q, qd: zero, qdd: zero },
            feed_forward_nm: zero,
            gripper_width_m: 0.08,
            mode: Mode::Track,
            fault: None,
            latches: 0,
            speed_scale: 1.0,
        };
        let (record, decisions) = ring(1000);
        let links = CerebellumLinks {
            body: mailbox(Some(body)).1,
            predictions: mailbox(None).1,
            images: mailbox(None).1,
            tasks: mailbox(TaskInstance { epoch: 1, has_words }).1,
            segments: mailbox(None).0,
            minds: Vec::new(),
            record,
            states: None,
            brain: None,
        };
        let shared = Shared::default();
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| cerebellum(executor, links, &shared));
            let (mut ticks, mut complaint) = (0, None);
            while ticks < 60 {
                assert!(!thread.is_finished(), "it ended");
                match decisions.pop() {
                    Some((_, tick)) => (ticks, complaint) = (ticks + 1, tick.fault),
                    None => std::thread::sleep(Duration::from_millis(5)),
                }
            }
            shared.end();
            thread.join().unwrap().unwrap();
            complaint
        })
    }

    #[test]
    fn silence_is_a_fault_in_a_task_and_none_between_tasks() {
        assert_eq!([complaint(true), complaint(false)], [Some(Fault::PolicyStale), None]);
    }
}
