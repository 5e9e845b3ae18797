//! A real arm with the ROS 2 node beside it.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Result, bail};
use neuraxis_channel::ring;
use neuraxis_core::{Instruction, Nanos, TextEmbedder};
use neuraxis_ros::Others;
use serde_json::json;

use super::{
    Leader, close,
    remote::{remote, with_link},
    serve::serve,
};
use crate::{
    arm::{Which, WhichArgs},
    brain::check_cameras,
    brain_demo,
    config::Config,
    demo,
    episode_run::Studio,
    eval::{Actor, only_for_brain},
    interrupt,
    keeping::KeepArgs,
    package,
    real::{self, Driver},
    realtime::{Drive, Session, Thinker, Until},
    recorder::{Recorder, Window},
    source::{Source, load_any_policy, misfits},
    threads::Shared,
};

/// A real arm: the options of `neuraxis ros arm`.
#[derive(Debug, clap::Args)]
pub struct ArmOptions {
    #[command(flatten)]
    which: WhichArgs,
    /// `weights` (the shipped ones), `brain` (plans and skills), a file of weights, or `remote`: `neuraxis ros policy` in another
    /// process, with the weights of run.yaml (`remote:HASH`: those, `remote:any`: any).
    #[arg(long, default_value = "weights")]
    policy: String,
    /// What it is told at once; it waits for an instruction if left out.
    #[arg(long, value_name = "SENTENCE")]
    say: Option<String>,
    /// See and predict, send the arm nothing and refuse goals; so it is too for weights that do not fit this robot.
    // With a value, because launch files have no logic.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value_t = false, action = clap::ArgAction::Set)]
    shadow: bool,
    /// Let weights lead the arm although they were trained with another robot, other cameras or other bounds.
    #[arg(long)]
    trust_weights: bool,
    /// Folder for a recording.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// File of the brain's memory, made if it is not there.
    #[arg(long, value_name = "FILE")]
    memory: Option<PathBuf>,
    #[command(flatten)]
    keep: KeepArgs,
}

/// Runs until Ctrl-C.
pub fn arm(config: &Config, plan: ArmOptions) -> Result<()> {
    only_for_brain(&plan.policy, &[("--memory", plan.memory.is_some())])?;
    interrupt::listen()?;
    let Which { driver, settings: Some(settings) } = Which::of(config, &plan.which)? else {
        bail!("the simulated arm is driven by `neuraxis ros sim`");
    };
    let leader = Leader::of(&plan.policy, config);
    neuraxis_policy::use_one_thread();
    let mut studio = Studio::new(config.clone())?;
    studio.surroundings = leader.surroundings(config);
    let mut is_shadow = plan.shadow;
    let say = plan.say.as_deref().unwrap_or("");
    let mut link = None;
    let (thinker, words) = match &leader {
        Leader::Here(Actor::Brain) if is_shadow => {
            bail!("--shadow shows what a policy wants; the brain acts or does nothing")
        }
        Leader::Here(Actor::Brain) => {
            check_cameras(config, &settings.camera_names())?;
            let thinker = brain_demo::thinker(&studio, plan.memory.as_deref(), plan.out.as_deref())?;
            (thinker, Instruction { text: say.into(), epoch: 1, features: None })
        }
        Leader::Remote(hash) => {
            let (source, made) =
                remote(config, hash.as_deref(), settings.camera_names(), (plan.trust_weights, plan.out.is_some()))?;
            link = Some(made);
            let words = Instruction { text: say.into(), epoch: 1, features: None };
            (Thinker::Source { source, embedder: None }, words)
        }
        Leader::Here(Actor::Weights(weights)) => {
            let mut embedder = package::text_encoder(&config.root)?;
            // Without a sentence it waits for one.
            let features = plan.say.as_deref().map(|say| embedder.embed_order(say)).transpose()?;
            let policy = load_any_policy(config, weights, embedder.id())?;
            let misfits = misfits(policy.about(), config, &settings.camera_names());
            misfits.iter().for_each(|misfit| say!("differs     {misfit}"));
            is_shadow |= !(misfits.is_empty() || plan.trust_weights);
            say!("policy      {} on {:?}, hash {:016x}", weights.display(), policy.device(), policy.hash());
            let source = Source::Weights(Box::new(policy));
            let words = Instruction { text: say.into(), epoch: 1, features };
            source.check(&words)?;
            (Thinker::Source { source, embedder: Some(embedder) }, words)
        }
        Leader::Here(Actor::Expert | Actor::Nearest(_)) => {
            bail!("a real arm is led by `weights`, a file of weights, `brain` or `remote`")
        }
    };
    let (link_node, reports) = link.unzip();
    let is_brain = matches!(leader, Leader::Here(Actor::Brain));
    let mut config = config.clone();
    plan.keep.apply(&mut config.run.recording)?;
    config.brainstem.arm_when_degraded |= settings.rehearsal;
    if is_shadow {
        config.only_watch();
    }
    say!("holds       until the node is active: ros2 lifecycle set /neuraxis configure, and then activate");
    say!(
        "arm         {} over {}{}",
        config.name,
        driver.name(),
        if is_shadow { ", in its shadow: nothing is sent to it" } else { "" }
    );
    match &plan.say {
        Some(say) => say!("instruction {say}"),
        None => say!("waiting     for an instruction on topic `instruction`"),
    }
    let told = plan.say.is_some().then_some(words);
    let shared = Arc::new(Shared::default());
    let drive = if is_shadow { Drive::Shadow } else { Drive::Thinker };
    let world = real::world(&config, &studio.robot, &settings, driver, drive, true)?;
    let session = Session {
        config: &config,
        robot: studio.robot.clone(),
        surroundings: studio.surroundings,
        world: with_link(world, link_node.zip(Some(ring(1).0))),
        thinker,
        words: told.clone(),
        limit: Nanos(u64::MAX / 4),
        judged: None,
        drive,
    };
    let cameras = settings.camera_names();
    let record = |zero| {
        let made = plan.out.as_ref().map(|out| {
            let meta = json!({ "driver": driver.name(), "shadow": is_shadow, "actor": plan.policy });
            let window = Window { live: false, brain: is_brain, cameras: cameras.clone() };
            Recorder::create(out, &config, &studio.robot, told.as_ref(), meta, zero, Some(window))
                .map(|recorder| recorder.of(drive))
        });
        made.transpose()
    };
    let asked = shared.clone();
    let others = Others { publish_states: driver == Driver::Ros2Control, publish_cameras: true };
    let reset = Box::new(move || asked.reset_asked.raise());
    let serve = serve(&config, &studio, &shared, (cameras.clone(), others), reports, false, reset);
    let mut report = session.run(Until::Asked, &shared, record, serve)?;
    demo::print_rates(&report);
    // Here is no judge: whether it was done somebody has to see.
    close(&mut report, plan.out.is_some(), None)
}
