//! The simulated arm on ROS 2.

use std::{path::PathBuf, sync::Arc};

use anyhow::Result;
use neuraxis_channel::ring;
use neuraxis_core::Nanos;
use neuraxis_ros::{LinkReport, Others};
use serde_json::json;

use super::{
    Leader, close,
    remote::{remote, with_link},
    serve::serve,
};
use crate::{
    brain::check_cameras,
    brain_demo,
    config::Config,
    demo,
    episode_run::{Studio, instruction, simulated_cameras},
    eval::Actor,
    interrupt,
    realtime::{Drive, Report, Session, Thinker, Until},
    recorder::{Recorder, Window},
    threads::Shared,
    world::{simulated, time_limit},
};

/// The simulated arm in a scene.
pub struct RosSim {
    /// What acts.
    pub leader: Leader,
    /// Task name.
    pub task: String,
    /// Seed of the scene.
    pub seed: u64,
    /// Do nothing until somebody sends an instruction.
    pub wait: bool,
    /// Folder for a recording.
    pub out: Option<PathBuf>,
    /// File of the brain's memory; without it there is none.
    pub memory: Option<PathBuf>,
}

/// Runs until Ctrl-C.
pub fn sim(config: &Config, plan: &RosSim) -> Result<()> {
    interrupt::listen()?;
    let (report, _) = run(config, plan, None)?;
    demo::print_rates(&report);
    Ok(())
}

/// Runs for that long, or until Ctrl-C. Returns also how the link to a policy in another process was, if there was one.
pub fn run(config: &Config, plan: &RosSim, limit: Option<Nanos>) -> Result<(Report, Option<LinkReport>)> {
    neuraxis_policy::use_one_thread();
    let mut studio = Studio::new(config.clone())?;
    studio.surroundings = plan.leader.surroundings(config);
    let setup = studio.setup(&plan.task, plan.seed)?;
    let mut link = None;
    let (thinker, words) = match &plan.leader {
        Leader::Here(Actor::Brain) => {
            check_cameras(config, &simulated_cameras())?;
            let thinker = brain_demo::thinker(&studio, plan.memory.as_deref(), plan.out.as_deref())?;
            (thinker, instruction(setup.goal(), None)?)
        }
        Leader::Here(actor) => {
            let (source, words, embedder) = demo::source(&studio, &setup, actor)?;
            (Thinker::Source { source, embedder }, words)
        }
        Leader::Remote(hash) => {
            let (source, made) = remote(config, hash.as_deref(), simulated_cameras(), (false, plan.out.is_some()))?;
            link = Some(made);
            (Thinker::Source { source, embedder: None }, instruction(setup.goal(), None)?)
        }
    };
    let (link_node, reports) = link.unzip();
    let (last, link_was) = ring(1);
    say!("task        {}, seed {}: {}", plan.task, plan.seed, words.text);
    let told = (!plan.wait).then_some(words);
    if plan.wait {
        say!("waiting     for an instruction on topic `instruction` or a goal of action `~/execute_task`");
    }
    let shared = Arc::new(Shared::default());
    let session = Session {
        config,
        robot: studio.robot.clone(),
        surroundings: studio.surroundings,
        world: with_link(simulated(config, &studio.robot, &setup, &[])?, link_node.zip(Some(last))),
        thinker,
        words: told.clone(),
        limit: limit.unwrap_or_else(|| time_limit(config, &setup)),
        judged: Some(setup.goal().instruction.clone()),
        drive: Drive::Thinker,
    };
    let reset = shared.signals.clone();
    let serve = serve(
        config,
        &studio,
        &shared,
        (simulated_cameras(), Others::default()),
        reports,
        true,
        Box::new(move || reset.reset.raise()),
    );
    let is_brain = matches!(plan.leader, Leader::Here(Actor::Brain));
    let actor = match &plan.leader {
        Leader::Here(actor) => json!(actor),
        Leader::Remote(_) => json!("remote"),
    };
    let record = |zero| {
        let made = plan.out.as_ref().map(|out| {
            let meta = json!({ "task": plan.task, "seed": plan.seed, "actor": actor });
            let window = Window { live: false, brain: is_brain, cameras: simulated_cameras() };
            Recorder::create(out, config, &studio.robot, told.as_ref(), meta, zero, Some(window))
        });
        made.transpose()
    };
    let until = if limit.is_some() { Until::TimeIsUp } else { Until::Asked };
    let mut report = session.run(until, &shared, record, serve)?;
    // What it is told then need not be what the scene's judge looks for.
    let judged = (!plan.wait).then_some(report.outcome.success);
    close(&mut report, plan.out.is_some(), judged)?;
    Ok((report, link_was.pop()))
}
