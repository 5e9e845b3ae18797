//! How everything is, once a second on `/diagnostics`, with the thresholds from which a number is a warning or an error.
//!
//! | status | warning | error |
//! |---|---|---|
//! | `loop` | woke later than 0.25 ms (p99), decided longer than 0.5 ms (p99), any deadline missed in the last second | 50 deadlines missed in the last second; no tick |
//! | `arm` | a fault that ends by itself; a stop that was asked for; not active | a fault that an operator must reset |
//! | `policy` | something refused in the last second; a camera left out, with its reason; the newest answer was made from what is over 2 s old | |
//! | `link` | where the policy is in another process: it cannot lead the arm; an answer refused in the last second | it cannot lead the arm, which is free to move |
//! | `camera NAME` | no image yet, or the newest older than 0.5 s | the newest older than 2 s |
//! | `driver ...` | as the arm's and the cameras' drivers judge themselves: [`crate::control`], [`crate::cameras_in`] | |
//! | `recorder` | something lost in the last second | |
//! | `node` | a message or answer lost, or something malformed, in the last second | |
//!
//! A period is 1 ms: percentiles are of the whole run, so that one bad moment stays visible; the counters of missed
//! deadlines, refusals and losses are judged by how they grew since the report before.

use std::time::{Duration, Instant};

use neuraxis_core::{Fault, Nanos, Observation};
use r2r::{
    Node, Publisher,
    diagnostic_msgs::msg::{DiagnosticArray, DiagnosticStatus},
};

use crate::{
    RosError, RosStats,
    apart::LinkReport,
    conversions,
    health::{ArmHealth, Health, PolicyHealth, Spread},
    lifecycle::State,
    publish::{Stamper, publisher},
    sight,
    status::{Level, Status},
    topics,
};

const PERIOD: Duration = Duration::from_secs(1);
const WAKE_P99: Nanos = Nanos(250_000);
const COMPUTE_P99: Nanos = Nanos(500_000);
const MISSED_ERROR: u64 = 50;
const POLICY_SILENT: Duration = Duration::from_secs(2);
const CAMERA_LATE: Duration = Duration::from_millis(500);
const CAMERA_SILENT: Duration = Duration::from_secs(2);

/// What one camera delivered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CameraHealth {
    pub(crate) name: String,
    images: u64,
    newest: Option<Nanos>,
}

/// Everything that is judged.
pub(crate) struct Look<'a> {
    pub(crate) state: State,
    pub(crate) health: &'a Health,
    pub(crate) stats: &'a RosStats,
    /// Name, images since the report before, and age of the newest.
    pub(crate) cameras: Vec<(&'a str, u64, Option<Duration>)>,
    /// Since the newest answer's observation.
    pub(crate) policy_age: Option<Duration>,
    pub(crate) secs: f64,
}

/// What was counted at the report before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Before {
    health: Health,
    stats: RosStats,
}

/// The parts that were in error at the report before: a terminal is told of each error when it begins.
#[derive(Debug, Default)]
struct Errors(Vec<String>);

impl Errors {
    fn news(&mut self, all: &[Status]) -> Vec<String> {
        let now: Vec<_> = all.iter().filter(|status| status.level == Level::Error).collect();
        let is_new = |status: &&&Status| !self.0.contains(&status.name);
        let news = now.iter().filter(is_new).map(|status| format!("{}: {}", status.name, status.message)).collect();
        self.0 = now.iter().map(|status| status.name.clone()).collect();
        news
    }
}

/// Publishes how everything is.
pub(crate) struct Diagnostics {
    publisher: Publisher<DiagnosticArray>,
    health: Box<dyn FnMut() -> Health + Send>,
    cameras: Vec<CameraHealth>,
    before: Before,
    errors: Errors,
    last: Instant,
    logger: String,
    node_name: String,
    hardware_id: String,
}

impl Diagnostics {
    pub(crate) fn new(
        node: &mut Node,
        cameras: &[String],
        hardware_id: String,
        health: Box<dyn FnMut() -> Health + Send>,
    ) -> Result<Self, RosError> {
        let unseen = |name: &String| CameraHealth { name: name.clone(), images: 0, newest: None };
        Ok(Self {
            publisher: publisher(node, topics::DIAGNOSTICS, topics::diagnostics_qos())?,
            health,
            cameras: cameras.iter().map(unseen).collect(),
            before: Before::default(),
            errors: Errors::default(),
            last: Instant::now(),
            logger: node.logger().to_string(),
            node_name: node.fully_qualified_name().unwrap_or_default().trim_start_matches('/').to_string(),
            hardware_id,
        })
    }

    /// Counts what arrived, published or not.
    pub(crate) fn note(&mut self, observation: &Observation) {
        for view in &observation.cameras {
            if let Some(camera) = self.cameras.iter_mut().find(|camera| *camera.name == *view.name) {
                camera.images += 1;
                camera.newest = Some(observation.stamp);
            }
        }
    }

    /// Publishes if a second has passed.
    pub(crate) fn publish(&mut self, state: State, stamper: &Stamper, stats: &mut RosStats) {
        let elapsed = self.last.elapsed();
        if elapsed < PERIOD {
            return;
        }
        self.last = Instant::now();
        let health = (self.health)();
        let age = |captured: Option<Nanos>| captured.map(|stamp| stamper.age(stamp));
        let look = Look {
            state,
            health: &health,
            stats,
            cameras: self.cameras.iter().map(|c| (c.name.as_str(), c.images, age(c.newest))).collect(),
            policy_age: age(health.policy.observed_at),
            secs: elapsed.as_secs_f64(),
        };
        let all = judge(&look, &self.before);
        for news in self.errors.news(&all) {
            r2r::log_error!(&self.logger, "{news}");
        }
        let status = all.into_iter().map(|status| self.to_msg(status)).collect();
        self.before = Before { stats: *stats, health };
        self.cameras.iter_mut().for_each(|camera| camera.images = 0);
        let stamp = stamper.now().map(conversions::time_to_msg).unwrap_or_default();
        let message = DiagnosticArray { header: conversions::header(&stamp, ""), status };
        let sent = self.publisher.publish(&message).is_ok();
        stats.count_published(sent, |stats| &mut stats.diagnostics);
    }

    fn to_msg(&self, status: Status) -> DiagnosticStatus {
        status.to_msg(&self.node_name, &self.hardware_id)
    }
}

/// One status for each part.
pub(crate) fn judge(look: &Look<'_>, before: &Before) -> Vec<Status> {
    let mut all = vec![
        control_loop(look.health, &before.health),
        arm(look.health.arm, look.state),
        policy(&look.health.policy, &before.health.policy, look.policy_age, look.secs),
    ];
    all.extend(look.health.link.as_ref().map(|now| link(now, before.health.link.as_ref(), look.state)));
    all.extend(look.cameras.iter().map(|&(name, images, age)| camera(name, images, age, look.secs)));
    all.extend(look.health.drivers.iter().cloned());
    all.push(recorder(&look.health.unrecorded, &before.health.unrecorded));
    all.push(node(look.stats, &before.stats, look.state));
    all
}

fn control_loop(now: &Health, before: &Health) -> Status {
    let mut status = Status::new("loop", "in time");
    status.value("ticks", now.ticks);
    match now.ticks {
        0 => status.say(Level::Warn, "not started yet"),
        ticks if ticks == before.ticks => status.say(Level::Error, "no tick in the last second: the loop stands still"),
        _ => {}
    }
    let Some(timing) = now.timing else { return status };
    let missed = timing.missed.saturating_sub(before.timing.map_or(0, |timing| timing.missed));
    if missed >= MISSED_ERROR {
        status.say(Level::Error, format!("{missed} deadlines missed in the last second"));
    } else if missed > 0 {
        status.say(Level::Warn, format!("{missed} deadlines missed in the last second"));
    }
    if timing.compute.p99 > COMPUTE_P99 {
        status.say(Level::Warn, format!("decides too slowly: {} us (p99)", micros(timing.compute.p99)));
    }
    if timing.wake.p99 > WAKE_P99 {
        status.say(Level::Warn, format!("wakes too late: {} us (p99)", micros(timing.wake.p99)));
    }
    for (name, Spread { p50, p99, p999 }) in
        [("wake", timing.wake), ("compute", timing.compute), ("period", timing.period)]
    {
        for (percentile, value) in [("p50", p50), ("p99", p99), ("p999", p999)] {
            status.value(&format!("{name}_{percentile}_us"), micros(value));
        }
    }
    status.value("missed", timing.missed);
    status
}

fn arm(arm: Option<ArmHealth>, state: State) -> Status {
    let mut status = Status::new("arm", "free to move");
    let Some(arm) = arm else {
        status.say(Level::Warn, "no state yet");
        return status;
    };
    status.value("mode", arm.mode);
    status.value("fault", arm.fault.map_or("none".into(), |fault| format!("{fault:?}")));
    match (arm.fault, arm.latched) {
        (Some(Fault::StopRequested), _) => status.say(Level::Warn, Fault::StopRequested.to_string()),
        (Some(fault), true) => status.say(Level::Error, fault.to_string()),
        (None, true) => status.say(Level::Error, "latched; reset when it is safe"),
        // Who is not active has no lease, by intent.
        (Some(fault), false) if state.moves() => status.say(Level::Warn, fault.to_string()),
        (_, false) => {}
    }
    if !state.moves() {
        status.say(Level::Warn, format!("holds: the node is {}", state.label()));
    }
    status
}

fn link(now: &LinkReport, before: Option<&LinkReport>, state: State) -> Status {
    let mut status = Status::new("link", "the policy can lead the arm");
    if let Some(trouble) = &now.trouble {
        status.say(if state.moves() { Level::Error } else { Level::Warn }, trouble.to_string());
    }
    let refused = |report: &LinkReport| report.refused.iter().map(|(_, count)| count).sum::<u64>();
    let more = refused(now) - before.map_or(0, refused).min(refused(now));
    if let (1.., Some(why)) = (more, &now.last_refusal) {
        status.say(Level::Warn, format!("{more} answers refused in the last second, the last: {why}"));
    }
    if let Some(policy) = &now.policy {
        status.value("weights_hash", &policy.weights_hash);
        status.value("device", &policy.device);
    }
    status.value("hz", format!("{:.1}", now.hz));
    for (name, spread) in [("age", now.age), ("wire", now.wire)] {
        let Some(Spread { p50, p99, .. }) = spread else { continue };
        status.value(&format!("{name}_p50_ms"), format!("{:.1}", p50.secs() * 1e3));
        status.value(&format!("{name}_p99_ms"), format!("{:.1}", p99.secs() * 1e3));
    }
    for (key, count) in [("sent", now.sent), ("answers", now.answers), ("failed", now.failed)] {
        status.value(key, count);
    }
    for (reason, count) in &now.refused {
        status.value(&format!("refused_{reason}"), count);
    }
    status
}

fn policy(now: &PolicyHealth, before: &PolicyHealth, age: Option<Duration>, secs: f64) -> Status {
    let mut status = Status::new("policy", "answers");
    let answers = now.answers.saturating_sub(before.answers);
    let refused = now.refused.saturating_sub(before.refused);
    let why = now.last_refusal.as_deref().unwrap_or("without a reason");
    if now.answers == 0 {
        status.message = "no answer yet".into();
    } else if age.is_some_and(|age| age > POLICY_SILENT) {
        status.say(Level::Warn, "silent: the newest answer is old");
    }
    if refused > 0 {
        status.say(Level::Warn, format!("{refused} refused in the last second, the last: {why}"));
    }
    sight::say(&mut status, &now.left_out, now.before_age_secs);
    status.value("answers", now.answers);
    status.value("rate_hz", format!("{:.1}", answers as f64 / secs));
    status.value("refused", now.refused);
    if let Some(latency_secs) = now.latency_secs.filter(|secs| secs.is_finite()) {
        status.value("latency_ms", format!("{:.1}", latency_secs * 1e3));
    }
    if let Some(why) = &now.last_refusal {
        status.value("last_refusal", why);
    }
    if let Some(age) = age {
        status.value("age_ms", age.as_millis());
    }
    status
}

fn camera(name: &str, images: u64, age: Option<Duration>, secs: f64) -> Status {
    let mut status = Status::new(&format!("camera {name}"), "delivers");
    match age {
        None => status.say(Level::Warn, "no image yet"),
        Some(age) if age > CAMERA_SILENT => status.say(Level::Error, "silent"),
        Some(age) if age > CAMERA_LATE => status.say(Level::Warn, "late"),
        Some(_) => {}
    }
    status.value("rate_hz", format!("{:.1}", images as f64 / secs));
    if let Some(age) = age {
        status.value("age_ms", age.as_millis());
    }
    status
}

fn recorder(now: &[(&'static str, u64)], before: &[(&'static str, u64)]) -> Status {
    let mut status = Status::new("recorder", "nothing lost");
    if now.is_empty() {
        status.message = "nothing is recorded".into();
    }
    for &(kind, lost) in now {
        let earlier = before.iter().find(|(name, _)| *name == kind).map_or(0, |(_, lost)| *lost);
        if lost > earlier {
            status.say(Level::Warn, format!("{} {kind} lost in the last second", lost - earlier));
        }
        status.value(kind, lost);
    }
    status
}

fn node(now: &RosStats, before: &RosStats, state: State) -> Status {
    let mut status = Status::new("node", state.label());
    status.value("state", state.label());
    if now.failed > before.failed {
        status.say(Level::Warn, format!("{} messages or answers not delivered", now.failed - before.failed));
    }
    if now.malformed > before.malformed {
        status.say(Level::Warn, format!("{} states or views were not whole", now.malformed - before.malformed));
    }
    for (key, count) in now.named() {
        status.value(key, count);
    }
    status
}

fn micros(duration: Nanos) -> String {
    format!("{:.1}", duration.0 as f64 / 1e3)
}

#[cfg(test)]
#[path = "diagnostics_tests.rs"]
mod tests;
