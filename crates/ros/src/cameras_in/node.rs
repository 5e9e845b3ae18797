//! The node that listens to the cameras: one loop in one thread.

mod ear;
mod report;
mod tf;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use neuraxis_channel::RingSender;
use neuraxis_core::{CameraView, Clock, Nanos};
use r2r::Node;

pub use self::report::{CameraReport, CamerasReport};
use self::{
    ear::{Colour, Ear, ear},
    report::refuse,
    tf::TfIn,
};
use super::{CameraConfig, CameraSet, CamerasConfig, Tally, ToolAt, ViewRefusal, judge};
use crate::{
    RosError, config, environment,
    inbox::Inbox,
    node::start,
    sync::{Look, Sets},
    timeline::{Moment, Timeline},
};

/// Name of the node.
const NAME: &str = "neuraxis_cameras";
/// Longest that a picture waits for the node to look.
const POLL: Duration = Duration::from_millis(2);
/// Messages taken from one subscription in a row.
const BURST: usize = 10;
/// At the start each camera is waited for this long [s]: discovery takes its time.
const PATIENCE_SECS: f64 = 3.0;
const REPORT: Nanos = Nanos::from_millis(100);
/// Fast DDS's shared memory as it comes [bytes].
const SHARED_MEMORY: usize = 512 << 10;

/// Listens to all cameras. Allocates and waits for the middleware: give it a thread of its own, of ordinary priority.
pub struct CamerasNode {
    node: Node,
    timeline: Timeline,
    ears: Vec<Ear>,
    /// Where cameras are, if one of them asks tf.
    tf: Option<TfIn>,
    /// Made at the first look, when it is known what time it is.
    sets: Option<Sets<CameraView>>,
    config: CamerasConfig,
    tool_at: Option<ToolAt>,
    /// Views of each camera that went into a set.
    in_sets: Vec<u64>,
    sets_in: RingSender<CameraSet>,
    reports_in: RingSender<CamerasReport>,
    report: CamerasReport,
    reported: Nanos,
    /// The middleware has the shared memory that it comes with.
    is_small: bool,
}

impl CamerasNode {
    pub(super) fn new(
        config: CamerasConfig,
        clock: Arc<dyn Clock>,
        tool_at: Option<ToolAt>,
        sets_in: RingSender<CameraSet>,
        reports_in: RingSender<CamerasReport>,
    ) -> Result<Self, RosError> {
        environment::require_discovery_choice()?;
        config.validate()?;
        let is_on_arm = |camera: &CameraConfig| {
            camera.tool_from_camera.is_some() || camera.tf.as_ref().is_some_and(|tf| tf.hand_frame.is_some())
        };
        if let Some(i) = config.cameras.iter().position(is_on_arm)
            && tool_at.is_none()
        {
            let key = format!("cameras[{i}].tool_from_camera, .tf.hand_frame");
            return Err(config::setting(&key, "given", "only where somebody knows where the tool is"));
        }
        let mut node = Node::create(start()?, NAME, "")
            .map_err(|source| RosError::Make { what: format!("node {NAME}"), source })?;
        let ears =
            config.cameras.iter().map(|camera| ear(&mut node, camera, &config)).collect::<Result<Vec<_>, _>>()?;
        let tf = if ears.iter().any(|ear| ear.eye.asks_tf()) { Some(TfIn::new(&mut node)?) } else { None };
        let cameras = ears.iter().map(|ear| CameraReport {
            name: ear.eye.name().clone(),
            is_in: true,
            tally: Tally::default(),
            refused: 0,
            last_refusal: None,
            lost: 0,
        });
        let report = CamerasReport { cameras: cameras.collect(), ..Default::default() };
        let timeline = Timeline::new(clock.clone(), &node);
        Ok(Self {
            node,
            timeline,
            in_sets: vec![0; ears.len()],
            ears,
            tf,
            sets: None,
            config,
            tool_at,
            sets_in,
            reports_in,
            report,
            reported: clock.now(),
            is_small: environment::has_small_shared_memory(),
        })
    }

    /// Listens until `stop` is true; looks at it at least every 2 ms when nothing comes.
    pub fn run(mut self, stop: &AtomicBool) -> CamerasReport {
        // Acquire: pairs with the Release store of whoever ends the run.
        while !stop.load(Ordering::Acquire) {
            self.node.spin_once(POLL);
            for _ in 0..BURST {
                match self.timeline.now() {
                    Some(moment) => {
                        if !self.hear(&moment) {
                            break;
                        }
                    }
                    None => {
                        self.report.failed += 1;
                        break;
                    }
                }
                self.node.spin_once(Duration::ZERO);
            }
            if let Some(moment) = self.timeline.now() {
                self.leapt(&moment);
                self.look(&moment);
            }
        }
        self.count();
        self.report
    }

    /// Takes what has come; true if there was anything.
    fn hear(&mut self, moment: &Moment) -> bool {
        self.leapt(moment);
        let mut heard = 0;
        if let Some(tf) = &mut self.tf {
            heard += tf.hear(moment);
            let max_age = (self.config.max_transform_age_secs * 1e9) as i128;
            self.ears.iter_mut().for_each(|ear| ear.eye.sit(&tf.transforms, moment, max_age));
        }
        for (ear, report) in self.ears.iter_mut().zip(&mut self.report.cameras) {
            let mut note = |result: Result<(), ViewRefusal>| {
                heard += 1;
                if let Err(refusal) = result {
                    refuse(report, refusal);
                }
            };
            // What others wait for comes first.
            ear.info.drain().iter().for_each(|msg| note(ear.eye.take_info(msg, moment)));
            let poses = ear.pose.iter_mut().flat_map(Inbox::drain);
            poses.for_each(|msg| note(ear.eye.take_pose(&msg, moment)));
            ear.depth.drain().iter().for_each(|msg| note(ear.eye.take_depth(msg, moment)));
            match &mut ear.colour {
                Colour::Raw(inbox) => inbox.drain().iter().for_each(|msg| note(ear.eye.take_colour(msg, moment))),
                Colour::Compressed(inbox) => {
                    inbox.drain().iter().for_each(|msg| note(ear.eye.take_compressed(msg, moment)));
                }
            }
        }
        heard > 0
    }

    /// Puts views together, and views into a set.
    fn look(&mut self, moment: &Moment) {
        let now = moment.ros.as_nanos() as i128;
        let nanos = |secs: f64| (secs * 1e9) as i128;
        let config = &self.config;
        let sets = self.sets.get_or_insert_with(|| {
            let patience_until = now + nanos(PATIENCE_SECS.max(config.max_age_secs));
            let (skew, max_age) = (nanos(config.max_set_skew_secs), nanos(config.max_age_secs));
            Sets::new(self.ears.len(), skew, max_age, patience_until)
        });
        for (i, (ear, report)) in self.ears.iter_mut().zip(&mut self.report.cameras).enumerate() {
            let tool_at = |at: Nanos| self.tool_at.as_mut().and_then(|tool_at| tool_at(at));
            match ear.eye.assemble(moment, tool_at) {
                Some(Ok((stamp, view))) => sets.push(i, stamp, view),
                Some(Err(refusal)) => refuse(report, refusal),
                None => {}
            }
        }
        match sets.look(now) {
            Look::Nothing => {}
            Look::Apart(nanos) => {
                self.report.apart += 1;
                if self.report.apart.is_power_of_two() {
                    let (secs, count) = (nanos as f64 * 1e-9, self.report.apart);
                    r2r::log_warn!(NAME, "the cameras lie {secs:.3} s apart: no set ({count} times)");
                }
            }
            Look::Set(views) => {
                let oldest = views.iter().map(|(_, stamp, _)| *stamp).min().unwrap_or(now);
                let age = Nanos(u64::try_from((now - oldest).max(0)).unwrap_or(u64::MAX));
                for (i, _, _) in &views {
                    self.in_sets.get_mut(*i).into_iter().for_each(|in_sets| *in_sets += 1);
                }
                let views = views.into_iter().map(|(_, _, view)| view).collect();
                self.report.sets += 1;
                let in_time = self.sets_in.push_newest(CameraSet { stamp: moment.ours - age, views });
                self.report.superseded += u64::from(!in_time);
            }
        }
        for (report, &is_in) in self.report.cameras.iter_mut().zip(sets.is_in()) {
            if report.is_in != is_in {
                report.is_in = is_in;
                let name = &report.name;
                if is_in {
                    r2r::log_info!(NAME, "camera {name} is heard again");
                } else {
                    report.lost += 1;
                    let why = report.last_refusal.as_ref().map_or("nothing comes".to_string(), ToString::to_string);
                    r2r::log_warn!(NAME, "camera {name} is left out until it is heard again: {why}");
                }
            }
        }
        if moment.ours - self.reported >= REPORT {
            self.reported = moment.ours;
            self.count();
            self.reports_in.push_newest(self.report.clone());
        }
    }

    /// Brings the counts of the report up to date.
    fn count(&mut self) {
        let largest = self.ears.iter().filter_map(|ear| ear.eye.depth_bytes()).max();
        let cramped = largest.filter(|&bytes| self.is_small && bytes > SHARED_MEMORY);
        if let (Some(bytes), None) = (cramped, self.report.cramped) {
            r2r::log_warn!(NAME, "{}", judge::cramped(bytes));
        }
        self.report.cramped = cramped;
        for (i, (ear, report)) in self.ears.iter().zip(&mut self.report.cameras).enumerate() {
            let in_sets = self.in_sets.get(i).copied().unwrap_or(0);
            let among_others = self.sets.as_ref().map(|sets| sets.left(i)).unwrap_or_default();
            report.tally = ear.eye.tally().with_sets(in_sets, among_others);
        }
    }

    /// Stamps from before a leap mean nothing any more.
    fn leapt(&mut self, moment: &Moment) {
        let Some(secs) = moment.leapt_secs else { return };
        for (ear, report) in self.ears.iter_mut().zip(&mut self.report.cameras) {
            ear.eye.clear();
            refuse(report, ViewRefusal::ClockLeapt { secs });
        }
        if let Some(sets) = &mut self.sets {
            sets.clear(moment.ros.as_nanos() as i128);
        }
        if let Some(tf) = &mut self.tf {
            tf.transforms.clear();
        }
    }
}
