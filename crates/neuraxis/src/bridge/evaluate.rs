//! `neuraxis eval --bridge`: our policies act in whatever is at the other end, one key-frame at a time.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use neuraxis_bridge::{
    Client, Patience, Reset, SceneChoice, SceneView,
    conversions::{action, camera_view, q_from_rlbench, world_from_tool},
};
use neuraxis_core::{Gripper, Instruction, Nanos, Observation, Policy, Pose, Progress, TextEmbedder, Tool, World};
use neuraxis_sim::{Moving, Perturbation, model::CAMERAS};

use crate::{
    config::{Config, Surroundings},
    eval::{self, Actor, Meta, Report, Row, Told},
    tasks,
};

/// Key-frames of an episode, as in RVT's and PerAct's protocol.
const MOST_ACTIONS: u32 = 25;
/// How far each finger may be from the middle, as PerAct clips it [m].
const FINGER_MAX_M: f64 = 0.04;
/// Between two key-frames, where the other end tells no time [s].
const NOMINAL_SECS: f64 = 1.0;

/// One evaluation over a bridge.
#[derive(Clone, Debug)]
pub struct BridgePlan {
    /// Host and port.
    pub address: String,
    /// What acts; it must see.
    pub actor: Actor,
    /// Tasks, comma-separated, `trained`, or `all` of the other end.
    pub tasks: String,
    /// Episodes per task.
    pub episodes: u64,
    /// First seed.
    pub seed: u64,
    /// The other end's recorded episodes from 0 on in place of seeds.
    pub recorded: bool,
}

/// Runs a plan; `tell` after each episode, with how many there are. What ends it early is in [`Report::incomplete`].
///
/// # Errors
/// Nothing can be evaluated, or there is an error before the end of the first episode.
pub fn evaluate(config: &Config, plan: &BridgePlan, mut tell: impl FnMut(&Row, u64)) -> Result<Report> {
    neuraxis_policy::use_one_thread();
    let mut embedder = crate::package::text_encoder(&config.root)?;
    let eval::LearnedPolicy { mut policy, hash, device } = match &plan.actor {
        Actor::Expert | Actor::Brain => {
            bail!("only a policy that sees acts over a bridge: --policy weights, nearest:DATA, or a file of weights")
        }
        learned => eval::load_learned(config, learned, &mut embedder)?,
    };
    let named = || format!("bridge {}", plan.address);
    let mut client = Client::connect(&plan.address, Patience::CLIENT).with_context(named)?;
    let hello = client.hello().clone();
    if !hello.can_step {
        bail!("{}: {} is not_steppable: nothing can be evaluated in it", named(), hello.about);
    }
    let offered: Vec<String> = client.list_tasks().with_context(named)?.into_iter().map(|task| task.name).collect();
    let wanted: Vec<String> = match plan.tasks.as_str() {
        "all" => offered.clone(),
        "trained" => tasks::list("trained", config)?,
        listed => listed.split(',').map(String::from).collect(),
    };
    if let Some(task) = wanted.iter().find(|task| !offered.contains(task)) {
        bail!("{}: no task {task:?}; on offer: {}", named(), offered.join(", "));
    }
    let total = wanted.len() as u64 * plan.episodes;
    let scene = |i| match plan.recorded {
        true => SceneChoice::Episode(i),
        false => SceneChoice::Seed(plan.seed + i),
    };
    let (mut rows, mut incomplete) = (Vec::new(), None);
    for (task, i) in wanted.iter().flat_map(|task| (0..plan.episodes).map(move |i| (task, i))) {
        let number = rows.len() + 1;
        match episode(&mut client, &mut policy, &mut embedder, (task.as_str(), scene(i)), number).with_context(named) {
            Ok(row) => {
                tell(&row, total);
                rows.push(row);
            }
            Err(error) if rows.is_empty() => return Err(error),
            // What was measured until then is worth having.
            Err(error) => {
                incomplete = Some(format!("{error:#}"));
                break;
            }
        }
    }
    // A server that has gone by now takes nothing away.
    let _ = client.close();
    let meta = Meta {
        versions: BTreeMap::from([
            ("neuraxis".into(), env!("CARGO_PKG_VERSION").into()),
            ("commit".into(), env!("NEURAXIS_COMMIT").into()),
            ("bridge".into(), hello.about),
        ]),
        policy: plan.actor.to_string(),
        policy_hash: hash,
        seed: if plan.recorded { 0 } else { plan.seed },
        clock: format!("bridge {}, key-frame by key-frame, {MOST_ACTIONS} at most", plan.address),
        repredict: false,
        instruction: Told::Given,
        perturbation: Perturbation::default(),
        moving: Moving::Still,
        disturbance: None,
        planner: Surroundings::Off,
        without: Vec::new(),
        learned: Vec::new(),
        memory: false,
        time_limit_secs: 0.0,
        robot: config.name.clone(),
        policy_hz: 0.0,
        policy_latency_secs: 0.0,
        device,
        cameras: CAMERAS.map(|(name, _)| name).join(", "),
        grasp: "as at the other end".into(),
        judge: "the other end: its reward is above zero".into(),
    };
    Ok(Report { incomplete, ..eval::tabulate(meta, rows) })
}

/// One episode as a row; `number`: among all, from 1.
fn episode(
    client: &mut Client,
    policy: &mut dyn Policy,
    embedder: &mut dyn TextEmbedder,
    (task, scene): (&str, SceneChoice),
    number: usize,
) -> Result<Row> {
    let (SceneChoice::Seed(seed) | SceneChoice::Episode(seed)) = scene;
    let first = client.reset(&Reset { task: task.into(), variation: None, scene });
    let first = first.with_context(|| format!("{task}, {scene:?}"))?;
    let sentence = first.descriptions.first().context("an episode without a sentence")?;
    let words = Instruction {
        text: sentence.as_str().into(),
        epoch: u32::try_from(number).context("too many episodes")?,
        features: Some(embedder.embed(sentence).with_context(|| format!("{task}: {sentence:?}"))?),
    };
    let played = play(client, policy, &words, &first).with_context(|| format!("{task}, {scene:?}"))?;
    let Played { last, reached, refused } = played;
    let success = last.reward > 0.0;
    let row = Row {
        task: task.into(),
        seed,
        told: sentence.clone(),
        success,
        failed: last.done && !success,
        why: None,
        secs: (last.secs.unwrap_or(0.0) * 1e3).round() / 1e3,
        reached,
        first_error_m: None,
        fault: last.error.map(|error| format!("{error:?}")),
        refused,
        chance: None,
        brain: None,
    };
    Ok(row.explained())
}

/// How an episode went.
struct Played {
    last: SceneView,
    reached: u32,
    refused: Option<String>,
}

/// One episode: look, decide, act, until it is over.
fn play(client: &mut Client, policy: &mut dyn Policy, words: &Instruction, first: &SceneView) -> Result<Played> {
    let mut last = first.clone();
    let mut progress = Progress {
        reached_world_from_tool: world_from_tool(&first.gripper_pose)?,
        gripper: if first.gripper_open > 0.5 { Gripper::Open } else { Gripper::Closed },
        reached_count: 0,
    };
    for seq in 0..MOST_ACTIONS {
        let observation = observation(&last, seq, progress)?;
        let keyframe = match policy.predict(&observation, words) {
            Ok(prediction) => prediction.keyframe,
            // The scene stands still: it would not look different the next time.
            Err(error) => {
                return Ok(Played { last, reached: progress.reached_count, refused: Some(error.to_string()) });
            }
        };
        last = client.step(&action(&keyframe))?;
        if last.error.is_none() {
            let (reached_world_from_tool, gripper) = (keyframe.world_from_tool, keyframe.gripper);
            progress = Progress { reached_world_from_tool, gripper, reached_count: progress.reached_count + 1 };
        }
        if last.done {
            break;
        }
    }
    Ok(Played { last, reached: progress.reached_count, refused: None })
}

/// What a policy sees of a view: the cameras that it was trained with, in their order.
fn observation(view: &SceneView, seq: u32, progress: Progress) -> Result<Observation> {
    let mut cameras = Vec::with_capacity(CAMERAS.len());
    for (name, _) in CAMERAS {
        if let Some(image) = view.cameras.iter().find(|image| image.name == name) {
            cameras.push(camera_view(image.clone())?);
        }
    }
    let world_from_tool: Pose<World, Tool> = world_from_tool(&view.gripper_pose)?;
    Ok(Observation {
        seq: seq.into(),
        stamp: Nanos::from_secs(view.secs.unwrap_or(f64::from(seq) * NOMINAL_SECS)),
        cameras,
        q: q_from_rlbench(&view.joint_positions)?,
        world_from_tool,
        gripper_width_m: view.gripper_joint_positions.iter().map(|finger| finger.clamp(0.0, FINGER_MAX_M)).sum(),
        progress,
    })
}
