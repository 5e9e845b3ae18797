//! `neuraxis ros sim|arm`: an arm under a policy or the brain, with the ROS 2 node beside the same loop.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, Result, bail};
use neuraxis_brainstem::MonotonicClock;
use neuraxis_core::{Instruction, Nanos, TextEmbedder};
use neuraxis_ros::{Others, RosConfig, RosNode, RosPorts, RosStats};
use serde_json::json;

use crate::{
    arm::{Which, WhichArgs},
    brain_demo,
    config::Config,
    demo,
    episode_run::{Studio, instruction, simulated_cameras},
    eval::Actor,
    interrupt,
    keeping::KeepArgs,
    package,
    real::{self, Driver},
    realtime::{Drive, Outside, Report, Session, Thinker, Until},
    recorder::{Recorder, Window},
    source::{Source, load_any_policy, misfits},
    supervise,
    threads::Shared,
    world::{simulated, time_limit},
};

/// The simulated arm in a scene.
pub struct RosSim {
    /// What acts.
    pub actor: Actor,
    /// Task name.
    pub task: String,
    /// Seed of the scene.
    pub seed: u64,
    /// Do nothing until somebody sends an instruction.
    pub wait: bool,
    /// Folder for a recording.
    pub out: Option<PathBuf>,
}

/// A real arm: the options of `neuraxis ros arm`.
#[derive(Debug, clap::Args)]
pub struct ArmOptions {
    #[command(flatten)]
    which: WhichArgs,
    /// `weights` (the shipped ones), `brain` (plans and skills), or a file of weights.
    #[arg(long, default_value = "weights")]
    policy: String,
    /// What it is told at once; it waits for an instruction if left out.
    #[arg(long, value_name = "SENTENCE")]
    say: Option<String>,
    /// See and predict, send the arm nothing; so it is too for weights that do not fit this robot.
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
    #[command(flatten)]
    keep: KeepArgs,
}

/// Runs until Ctrl-C.
pub fn sim(config: &Config, plan: &RosSim) -> Result<()> {
    interrupt::listen()?;
    neuraxis_policy::use_one_thread();
    let mut studio = Studio::new(config.clone())?;
    studio.surroundings = plan.actor.surroundings(config);
    let setup = studio.setup(&plan.task, plan.seed)?;
    let (thinker, words) = match plan.actor {
        Actor::Brain => (brain_demo::thinker(&studio, None)?, instruction(setup.goal(), None)?),
        _ => {
            let (source, words, embedder) = demo::source(&studio, &setup, &plan.actor)?;
            (Thinker::Source { source, embedder }, words)
        }
    };
    println!("task        {}, seed {}: {}", plan.task, plan.seed, words.text);
    let told = words.clone();
    if plan.wait {
        println!("waiting     for an instruction on topic `instruction` or a goal of action `~/execute_task`");
    }
    let shared = Arc::new(Shared::default());
    let session = Session {
        config,
        robot: studio.robot.clone(),
        surroundings: studio.surroundings,
        world: simulated(config, &studio.robot, &setup, None)?,
        thinker,
        words: (!plan.wait).then_some(words),
        limit: time_limit(config, &setup),
        judged: Some(setup.goal().instruction.clone()),
        drive: Drive::Thinker,
    };
    let reset = shared.signals.clone();
    let serve = serve(
        config,
        &studio,
        &shared,
        (simulated_cameras(), Others::default()),
        true,
        Box::new(move || reset.reset.raise()),
    );
    let record = |zero| {
        let made = plan.out.as_ref().map(|out| {
            let meta = json!({ "task": plan.task, "seed": plan.seed, "actor": plan.actor });
            let window = Window { live: false, brain: plan.actor == Actor::Brain, cameras: simulated_cameras() };
            Recorder::create(out, config, &studio.robot, &told, meta, zero, Some(window))
        });
        made.transpose()
    };
    let mut report = session.run(Until::Asked, &shared, record, serve)?;
    demo::print_rates(&report);
    close(&mut report, plan.out.is_some())
}

/// Ends the recording, if there is one.
fn close(report: &mut Report, is_recorded: bool) -> Result<()> {
    if is_recorded {
        let mut recorder = report.film.take()?;
        recorder.dropped(report.dropped)?;
        let summary = json!({ "rates": demo::rates_json(report) });
        demo::print_files(&recorder.finish(report.outcome.success, &summary)?);
    }
    Ok(())
}

/// Runs until Ctrl-C.
pub fn arm(config: &Config, plan: ArmOptions) -> Result<()> {
    interrupt::listen()?;
    let Which { driver, settings: Some(settings) } = Which::of(config, &plan.which)? else {
        bail!("the simulated arm is driven by `neuraxis ros sim`");
    };
    let actor = Actor::of(&plan.policy, config);
    neuraxis_policy::use_one_thread();
    let mut studio = Studio::new(config.clone())?;
    studio.surroundings = actor.surroundings(config);
    let mut is_shadow = plan.shadow;
    let say = plan.say.as_deref().unwrap_or("");
    let (thinker, words) = match &actor {
        Actor::Brain if is_shadow => bail!("--shadow shows what a policy wants; the brain acts or does nothing"),
        Actor::Brain => {
            (brain_demo::thinker(&studio, None)?, Instruction { text: say.into(), epoch: 1, features: None })
        }
        Actor::Weights(weights) => {
            let mut embedder = package::text_encoder(&config.root)?;
            let features = Some(embedder.embed(say)?);
            let policy = load_any_policy(config, weights, embedder.id())?;
            let misfits = misfits(policy.about(), config, &settings.camera_names());
            misfits.iter().for_each(|misfit| println!("differs     {misfit}"));
            is_shadow |= !(misfits.is_empty() || plan.trust_weights);
            println!("policy      {} on {:?}, hash {:016x}", weights.display(), policy.device(), policy.hash());
            let source = Source::Weights(Box::new(policy));
            (Thinker::Source { source, embedder: Some(embedder) }, Instruction { text: say.into(), epoch: 1, features })
        }
        Actor::Expert | Actor::Nearest(_) => bail!("a real arm is led by `weights`, a file of weights, or `brain`"),
    };
    let mut config = config.clone();
    plan.keep.apply(&mut config.run.recording)?;
    config.brainstem.arm_when_degraded |= settings.rehearsal;
    if is_shadow {
        config.only_watch();
    }
    println!("holds       until the node is active: ros2 lifecycle set /neuraxis configure, and then activate");
    println!(
        "arm         {} over {}{}",
        config.name,
        driver.name(),
        if is_shadow { ", in its shadow: nothing is sent to it" } else { "" }
    );
    match &plan.say {
        Some(say) => println!("instruction {say}"),
        None => println!("waiting     for an instruction on topic `instruction`"),
    }
    let shared = Arc::new(Shared::default());
    let session = Session {
        config: &config,
        robot: studio.robot.clone(),
        surroundings: studio.surroundings,
        world: real::world(&config, &studio.robot, &settings, driver, true)?,
        thinker,
        words: plan.say.is_some().then(|| words.clone()),
        limit: Nanos(u64::MAX / 4),
        judged: None,
        drive: if is_shadow { Drive::Shadow } else { Drive::Thinker },
    };
    let cameras = settings.camera_names();
    let record = |zero| {
        let made = plan.out.as_ref().map(|out| {
            let meta = json!({ "driver": driver.name(), "shadow": is_shadow, "actor": actor });
            let window = Window { live: false, brain: actor == Actor::Brain, cameras: cameras.clone() };
            Recorder::create(out, &config, &studio.robot, &words, meta, zero, Some(window))
        });
        made.transpose()
    };
    let asked = shared.clone();
    let others = Others { publish_states: driver == Driver::Ros2Control, publish_cameras: true };
    let serve =
        serve(&config, &studio, &shared, (cameras.clone(), others), false, Box::new(move || asked.reset_asked.raise()));
    let mut report = session.run(Until::Asked, &shared, record, serve)?;
    demo::print_rates(&report);
    close(&mut report, plan.out.is_some())
}

/// The work of thread `ros`.
type Guest = Option<Box<dyn FnOnce() + Send>>;

/// Wires the node to a run, once the run's ends are there.
fn serve(
    config: &Config,
    studio: &Studio,
    shared: &Arc<Shared>,
    (camera_names, others): (Vec<String>, Others),
    autostart: bool,
    reset: Box<dyn FnMut() + Send>,
) -> impl FnOnce(Outside) -> Result<Guest> {
    let joint_names = studio.robot.joint_names().to_vec();
    let (requests, robot) = (shared.clone(), studio.robot.clone());
    move |outside: Outside| {
        let (stop, end) = (requests.signals.clone(), requests.ros_done.clone());
        let ports = RosPorts {
            clock: Arc::new(MonotonicClock),
            joint_names,
            base_frame: config.robot.base_link.clone(),
            world_from_base: robot.world_from_base(),
            camera_names,
            others,
            states: outside.states,
            frames: outside.frames,
            events: outside.events,
            orders: outside.orders,
            reports: outside.reports,
            stop: Box::new(move || stop.stop.raise()),
            reset,
            supervision: supervise::supervision(config, &robot, &requests, outside.insight)?,
        };
        let mut settings = RosConfig { autostart, ..RosConfig::default() };
        if let Some(joint) = config.robot.gripper_joints.first() {
            settings.finger_joint.clone_from(joint);
        }
        let node = RosNode::new(settings, ports).context("starting the ROS 2 node")?;
        println!("ros         node is up; Ctrl-C ends");
        Ok(Some(Box::new(move || print_stats(&node.run(&end)))))
    }
}

fn print_stats(stats: &RosStats) {
    println!("ros         {stats:?}");
}
