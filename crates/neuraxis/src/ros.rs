//! `neuraxis ros sim|arm`: an arm under a policy or the brain, with the ROS 2 node beside the same loop. The policy may be in
//! another process, see `ros_policy`.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, Result, bail};
use neuraxis_brainstem::MonotonicClock;
use neuraxis_channel::{RingReceiver, RingSender, ring};
use neuraxis_core::{Instruction, Nanos, TextEmbedder};
use neuraxis_ros::{
    LinkConfig, LinkNode, LinkReport, Looks, Others, PolicyCard, PolicyLook, Remote, RosConfig, RosNode, RosPorts,
    RosStats, remote_policy,
};
use serde_json::json;

use crate::{
    arm::{Which, WhichArgs},
    brain_demo,
    config::{Config, Surroundings},
    demo,
    episode_run::{Studio, instruction, simulated_cameras},
    eval::{Actor, only_for_brain},
    interrupt,
    keeping::KeepArgs,
    package,
    real::{self, Driver},
    realtime::{Drive, Outside, Report, Session, Thinker, Until},
    recorder::{Recorder, Window},
    source::{Source, Trained, load_any_policy, misfits},
    supervise,
    threads::{Seen, Shared, newest},
    world::{Side, SideReport, World, simulated, time_limit},
};

/// What leads the arm, on command lines.
pub enum Leader {
    /// In this process.
    Here(Actor),
    /// A policy in another process, over ROS 2, with these weights (16 hex digits; `None`: any).
    Remote(Option<String>),
}

impl Leader {
    /// What a `--policy` means: `remote` has the weights of run.yaml, `remote:HASH` those, `remote:any` any.
    pub fn of(policy: &str, config: &Config) -> Self {
        match (policy, policy.strip_prefix("remote:")) {
            ("remote", _) => Self::Remote(config.run.weights_hash.clone()),
            (_, Some("any")) => Self::Remote(None),
            (_, Some(hash)) => Self::Remote(Some(hash.into())),
            (policy, None) => Self::Here(Actor::of(policy, config)),
        }
    }

    fn surroundings(&self, config: &Config) -> Surroundings {
        match self {
            Self::Here(actor) => actor.surroundings(config),
            Self::Remote(_) => config.run.planner,
        }
    }
}

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
    /// File of the brain's memory, made if it is not there.
    #[arg(long, value_name = "FILE")]
    memory: Option<PathBuf>,
    #[command(flatten)]
    keep: KeepArgs,
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
    let told = words.clone();
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
        words: (!plan.wait).then_some(words),
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
            Recorder::create(out, config, &studio.robot, &told, meta, zero, Some(window))
        });
        made.transpose()
    };
    let until = if limit.is_some() { Until::TimeIsUp } else { Until::Asked };
    let mut report = session.run(until, &shared, record, serve)?;
    let judged = Some(report.outcome.success);
    close(&mut report, plan.out.is_some(), judged)?;
    Ok((report, link_was.pop()))
}

/// Ends the recording, if there is one. `judged`: what the judge said of the task, where there is one.
fn close(report: &mut Report, is_recorded: bool, judged: Option<bool>) -> Result<()> {
    if is_recorded {
        let mut recorder = report.film.take()?;
        recorder.dropped(report.dropped)?;
        let summary = json!({ "rates": demo::rates_json(report) });
        demo::print_files(&recorder.finish(judged, &summary)?);
    }
    Ok(())
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
    let shared = Arc::new(Shared::default());
    let drive = if is_shadow { Drive::Shadow } else { Drive::Thinker };
    let world = real::world(&config, &studio.robot, &settings, driver, drive, true)?;
    let session = Session {
        config: &config,
        robot: studio.robot.clone(),
        surroundings: studio.surroundings,
        world: with_link(world, link_node.zip(Some(ring(1).0))),
        thinker,
        words: plan.say.is_some().then(|| words.clone()),
        limit: Nanos(u64::MAX / 4),
        judged: None,
        drive,
    };
    let cameras = settings.camera_names();
    let record = |zero| {
        let made = plan.out.as_ref().map(|out| {
            let meta = json!({ "driver": driver.name(), "shadow": is_shadow, "actor": plan.policy });
            let window = Window { live: false, brain: is_brain, cameras: cameras.clone() };
            Recorder::create(out, &config, &studio.robot, &words, meta, zero, Some(window))
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

/// The robot's end of a policy in another process, and the thread's work behind it. `trusts`: whatever it was trained with;
/// `records`: what it looks at is wanted here, too.
fn remote(
    config: &Config,
    hash: Option<&str>,
    cameras: Vec<String>,
    (trusts, records): (bool, bool),
) -> Result<(Source, (LinkNode, RingReceiver<LinkReport>))> {
    let cerebellum = &config.cerebellum;
    let link = LinkConfig {
        max_age_secs: cerebellum.prediction_lease_secs,
        min_hz: config.run.remote_min_hz,
        min_xyz_m: cerebellum.workspace_min_xyz_m,
        max_xyz_m: cerebellum.workspace_max_xyz_m,
    };
    let (here, wanted) = (config.clone(), hash.map(String::from));
    let suits = move |card: &PolicyCard| {
        let trained = Trained { embodiment: &card.embodiment, cameras: &card.cameras, bounds_m: &card.bounds_m };
        let mut against = if trusts { Vec::new() } else { trained.misfits(&here, &cameras) };
        if let Some(wanted) = wanted.as_ref().filter(|wanted| **wanted != card.weights_hash) {
            against.push(format!("its weights are {}, wanted are {wanted}", card.weights_hash));
        }
        if against.is_empty() { Ok(()) } else { Err(against.join("; ")) }
    };
    let made =
        remote_policy(link, &RosConfig::default().world_frame, Box::new(suits), Arc::new(MonotonicClock), records);
    let Remote { policy, node, reports } = made.context("starting the link to the policy")?;
    say!("policy      in another process: neuraxis ros policy; weights {}", hash.unwrap_or("whatever it has"));
    Ok((Source::Remote(Box::new(policy)), (node, reports)))
}

/// A world with the link's thread beside it, if there is a link; what it reports at its end goes to the ring.
fn with_link<'a>(
    world: Box<dyn FnOnce() -> Result<World<'a>> + 'a>,
    link: Option<(LinkNode, RingSender<LinkReport>)>,
) -> Box<dyn FnOnce() -> Result<World<'a>> + 'a> {
    let Some((node, last)) = link else { return world };
    Box::new(move || {
        let mut world = world()?;
        let run = move |shared: &Shared| {
            let report = node.run(&shared.ros_done);
            let said = Some(format!("ros_policy  {report:?}"));
            last.push(report);
            Ok(SideReport { said, ..SideReport::default() })
        };
        world.sides.push(Side { name: "ros_policy", run: Box::new(run) });
        Ok(world)
    })
}

/// The work of thread `ros`.
type Guest = Option<Box<dyn FnOnce() + Send>>;

/// Wires the node to a run, once the run's ends are there.
fn serve(
    config: &Config,
    studio: &Studio,
    shared: &Arc<Shared>,
    (camera_names, others): (Vec<String>, Others),
    link: Option<RingReceiver<LinkReport>>,
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
            // What a policy in another process looks at its own node publishes.
            looks: if link.is_some() { Box::new(|| None) } else { looks(outside.looks) },
            stop: Box::new(move || stop.stop.raise()),
            reset,
            supervision: supervise::supervision(config, &robot, &requests, outside.insight, link)?,
        };
        let mut settings = RosConfig { autostart, ..RosConfig::default() };
        if let Some(joint) = config.robot.gripper_joints.first() {
            settings.finger_joint.clone_from(joint);
        }
        let node = RosNode::new(settings, ports).context("starting the ROS 2 node")?;
        say!("ros         node is up; Ctrl-C ends");
        Ok(Some(Box::new(move || print_stats(&node.run(&end)))))
    }
}

/// The newest prediction's views, as the node publishes them.
fn looks(seen: RingReceiver<Arc<Seen>>) -> Looks {
    Box::new(move || {
        let seen = newest(&seen)?;
        let looked = seen.looked.last()?;
        Some(PolicyLook { stamp: looked.stamp, views: looked.clone().into_views() })
    })
}

fn print_stats(stats: &RosStats) {
    say!("ros         {stats:?}");
}
