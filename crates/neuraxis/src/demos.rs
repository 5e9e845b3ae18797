//! `neuraxis demos`: expert episodes in lockstep, stored as labelled observations for training.
//!
//! Observations are taken along the whole motion and labelled with the key-frame being approached. Free key-frames
//! are executed a little off while the label stays true, so that the policy learns to correct itself. Stored too is
//! every other goal of the scene whose script has been the same so far, with the key-frame that it would ask for now:
//! the same picture teaches every colour that can be named, and with the ring in hand every peg.
//!
//! In a scene that moves labels move with it: there the policy learns that what it reaches for is not where it was.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_brainstem::TickRecord;
use neuraxis_cerebellum::CerebellumTick;
use neuraxis_core::{KeyFrame, Observation, Pose, Prediction};
use neuraxis_episode::dataset::{CloudSample, DatasetWriter};
use neuraxis_policy::{
    PolicyConfig,
    sample::{LabelledGoal, Record},
    views,
};
use neuraxis_sim::{CameraRig, Moving, lens::bell, tasks::kinds};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::json;

use crate::{
    config::Config,
    episode_run::{Studio, instruction, simulated_cameras},
    eval::Tape,
    lockstep::Witness,
    script::Expert,
};

/// What to generate.
#[derive(Clone, Debug)]
pub struct DemosPlan {
    /// Task names.
    pub tasks: Vec<String>,
    /// Episodes per task.
    pub episodes: u64,
    /// First seed; episode i uses seed + i.
    pub seed: u64,
    /// Whether the scene is displaced while the arm approaches it.
    pub moving: Moving,
    /// Folder for a recording of each episode, with what the cameras see all along.
    pub record: Option<PathBuf>,
}

/// Chance that a moment between two key-frames is kept, and the most kept per segment.
const KEEP: f64 = 0.2;
const MOST_PER_SEGMENT: u32 = 3;
/// The same in scenes that move, where what teaches is the few moments before the arm has followed.
const KEEP_MOVING: f64 = 0.5;
const MOST_PER_SEGMENT_MOVING: u32 = 6;
/// Standard deviation of the execution noise of free key-frames [m], and of their yaw [rad].
const NOISE_M: f64 = 0.008;
const NOISE_RAD: f64 = 0.06;

/// Generates one shard into `dir`; `report(done, kept, failed)` after each episode. Resumes a shard that was cut off.
pub fn generate(config: &Config, plan: &DemosPlan, dir: &Path, mut report: impl FnMut(u64, u64, u64)) -> Result<()> {
    let mut studio = Studio::new(config.clone())?;
    studio.sim.moving = plan.moving;
    if let Some(task) = plan.tasks.iter().find(|task| kinds().iter().any(|kind| kind.name == **task && kind.is_long()))
    {
        bail!("{task}: demonstrations are of single tasks; a long one is for a brain");
    }
    let policy = PolicyConfig::default();
    let total = plan.episodes * plan.tasks.len() as u64;
    let (mut writer, first) = open(dir, plan, &studio.config.name, &policy)?;
    let mut failed = 0;
    for episode in first..total {
        let task = &plan.tasks[(episode % plan.tasks.len() as u64) as usize];
        let seed = plan.seed + episode / plan.tasks.len() as u64;
        let samples = play(&studio, &policy, task, seed, plan.record.as_deref())?;
        match samples {
            Some(samples) => {
                for (record, cloud) in &samples {
                    writer.push(&CloudSample { xyz_in_world: &cloud.xyz_in_world, rgb: &cloud.rgb, record })?;
                }
            }
            None => failed += 1,
        }
        if episode % 20 == 19 || episode + 1 == total {
            writer.meta_mut()["episodes_done"] = json!(episode + 1);
            writer.checkpoint()?;
        }
        report(episode + 1, writer.len() as u64, failed);
    }
    writer.finish()?;
    Ok(())
}

/// A new shard, or the unfinished one and the episode to go on with.
fn open(dir: &Path, plan: &DemosPlan, robot: &str, policy: &PolicyConfig) -> Result<(DatasetWriter, u64)> {
    let meta = json!({
        "tasks": plan.tasks, "episodes": plan.episodes, "seed": plan.seed,
        "moving": plan.moving, "commit": env!("NEURAXIS_COMMIT"), "embodiment": robot,
        "cameras": simulated_cameras(), "episodes_done": 0,
    });
    let named = || format!("data set {}", dir.display());
    if !dir.join("index.json").exists() {
        return Ok((DatasetWriter::create(dir, policy.bounds_m, meta).with_context(named)?, 0));
    }
    let writer = DatasetWriter::append(dir).with_context(named)?;
    for key in ["tasks", "episodes", "seed", "moving", "commit", "embodiment"] {
        if writer.meta()[key] != meta[key] {
            bail!(
                "{}: begun with {key} {}, asked for now is {}; give another --out or delete it",
                named(),
                writer.meta()[key],
                meta[key]
            );
        }
    }
    let done = writer.meta()["episodes_done"].as_u64().with_context(|| format!("{}: no episodes_done", named()))?;
    Ok((writer, done))
}

type Sampled = Vec<(Record, neuraxis_vision::Cloud)>;

/// One expert episode; `None` if the expert failed.
fn play(
    studio: &Studio,
    policy: &PolicyConfig,
    task: &str,
    seed: u64,
    recordings: Option<&Path>,
) -> Result<Option<Sampled>> {
    let setup = studio.setup(task, seed)?;
    let mut rig = CameraRig::new(&setup)?;
    let is_moving = studio.sim.moving != Moving::Still;
    let mut lockstep = studio.lockstep(&setup, is_moving)?;
    let goal = setup.goal().clone();
    let script = studio.script(&setup, &lockstep, &goal)?;
    let mut rng = Pcg64::seed_from_u64(seed ^ 0x5eed);
    let executed: Vec<KeyFrame> =
        script.iter().map(|k| if k.ignore_collisions { *k } else { jittered(k, &mut rng) }).collect();
    let alternatives = setup
        .alternatives()
        .iter()
        .map(|other| Ok((other.instruction.clone(), studio.script(&setup, &lockstep, other)?)))
        .collect::<Result<_>>()?;
    let instruction = instruction(&goal, None)?;
    let mut witness = Sampler {
        task,
        seed,
        sentence: goal.instruction.clone(),
        script,
        alternatives,
        executed: executed.clone(),
        policy,
        rng,
        keep: if is_moving { (KEEP_MOVING, MOST_PER_SEGMENT_MOVING) } else { (KEEP, MOST_PER_SEGMENT) },
        segment: u32::MAX,
        kept_in_segment: 0,
        seen: None,
        sampled: Vec::new(),
        is_wanted: false,
        tape: match recordings {
            Some(dir) => Some(Tape::record(dir, task, seed, studio, &instruction)?),
            None => None,
        },
    };
    let mut expert = Expert::new(&setup, goal.clone(), executed);
    // The rig is lent to the run, but images are rendered only when the sampler wants them.
    let outcome = lockstep.run(&mut expert, &instruction, &goal, Some(&mut rig), &mut witness)?;
    if let Some(tape) = witness.tape {
        tape.finish(outcome.success, &json!({ "task": task, "seed": seed }))?;
    }
    Ok(outcome.success.then_some(witness.sampled))
}

/// The key-frame a little off.
fn jittered(keyframe: &KeyFrame, rng: &mut Pcg64) -> KeyFrame {
    let mut noise = |deviation: f64| bell(rng) * deviation;
    let pose = keyframe.world_from_tool;
    let position = pose.position() + Vector3::new(noise(NOISE_M), noise(NOISE_M), noise(NOISE_M));
    let yaw = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), noise(NOISE_RAD));
    KeyFrame { world_from_tool: Pose::from_parts(position, yaw * pose.rotation()), ..*keyframe }
}

/// What was asked for, in a scene that has moved.
fn move_label(goal: &mut LabelledGoal, shift: &Vector3<f64>) {
    let pose = goal.keyframe.world_from_tool;
    goal.keyframe.world_from_tool = Pose::from_parts(pose.position() + shift, pose.rotation());
    goal.end_xyz_in_world = goal.end_xyz_in_world.map(|end| (Vector3::from(end) + shift).into());
}

/// Decides which observations are kept and labels them.
struct Sampler<'a> {
    task: &'a str,
    seed: u64,
    sentence: String,
    script: Vec<KeyFrame>,
    /// Other goals of the scene and their scripts.
    alternatives: Vec<(String, Vec<KeyFrame>)>,
    /// What the expert does instead of the script, as long as nothing moves.
    executed: Vec<KeyFrame>,
    policy: &'a PolicyConfig,
    rng: Pcg64,
    /// Chance that a moment is kept, and the most in a segment.
    keep: (f64, u32),
    segment: u32,
    kept_in_segment: u32,
    /// Waits for the expert's prediction, which says how far the scene has moved.
    seen: Option<(Record, neuraxis_vision::Cloud)>,
    sampled: Sampled,
    /// The observation due now is to be kept, if it can be labelled.
    is_wanted: bool,
    /// Records everything.
    tape: Option<Tape>,
}

impl Sampler<'_> {
    /// What may be asked for after `reached` key-frames, the goal being executed first; `None` at the script's end.
    fn goals(&self, reached: usize) -> Option<Vec<LabelledGoal>> {
        let (so_far, next) = (self.script.get(..reached)?, self.script.get(reached)?);
        let goal = |sentence: &String, script: &[KeyFrame], next: &KeyFrame| LabelledGoal {
            instruction: sentence.clone(),
            keyframe: *next,
            end_xyz_in_world: script.last().map(|end| end.world_from_tool.position().into()),
        };
        let mut goals = vec![goal(&self.sentence, &self.script, next)];
        for (sentence, script) in &self.alternatives {
            if let (Some(before), Some(next)) = (script.get(..reached), script.get(reached))
                && before == so_far
            {
                goals.push(goal(sentence, script, next));
            }
        }
        Some(goals)
    }
}

impl Witness for Sampler<'_> {
    fn wants_images(&mut self, mind: &CerebellumTick) -> bool {
        let segment = mind.progress.reached_count;
        if segment != self.segment {
            (self.segment, self.kept_in_segment) = (segment, 0);
        }
        let (chance, most) = self.keep;
        let wanted = self.kept_in_segment == 0 || (self.kept_in_segment < most && self.rng.random_bool(chance));
        self.is_wanted = wanted && (segment as usize) < self.script.len();
        self.is_wanted || self.tape.is_some()
    }

    fn observation(&mut self, observation: &Observation, mind: &CerebellumTick) -> Result<()> {
        self.seen = None;
        if let Some(tape) = &mut self.tape {
            tape.observation(observation, mind)?;
        }
        if observation.cameras.is_empty() || !self.is_wanted {
            return Ok(());
        }
        let kind = mind.progress.reached_count;
        let Some(goals) = self.goals(kind as usize) else { return Ok(()) };
        let mut cloud = neuraxis_vision::Cloud::default();
        views::fuse(observation, self.policy, &mut cloud)?;
        self.kept_in_segment += 1;
        let record = Record {
            task: self.task.into(),
            seed: self.seed,
            kind,
            secs: observation.stamp.secs(),
            world_from_tool: observation.world_from_tool,
            reached_world_from_tool: observation.progress.reached_world_from_tool,
            gripper: observation.progress.gripper,
            gripper_width_m: observation.gripper_width_m,
            goals,
        };
        self.seen = Some((record, cloud));
        Ok(())
    }

    fn prediction(&mut self, prediction: &Prediction) -> Result<()> {
        if let Some((mut record, cloud)) = self.seen.take()
            && let Some(executed) = self.executed.get(record.kind as usize)
        {
            let shift = prediction.keyframe.world_from_tool.position() - executed.world_from_tool.position();
            record.goals.iter_mut().for_each(|goal| move_label(goal, &shift));
            self.sampled.push((record, cloud));
        }
        self.tape.as_mut().map_or(Ok(()), |tape| tape.prediction(prediction))
    }

    fn tick(&mut self, record: &TickRecord, mind: Option<&CerebellumTick>) -> Result<()> {
        self.tape.as_mut().map_or(Ok(()), |tape| tape.tick(record, mind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::workspace_root;

    /// Key-frame by key-frame, where the executed goal's labels lie.
    fn labels(moving: Moving) -> Vec<(u32, Vector3<f64>)> {
        let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        let mut studio = Studio::new(config).unwrap();
        studio.sim.moving = moving;
        let samples = play(&studio, &PolicyConfig::default(), "close_jar", 40_001, None).unwrap().expect("a success");
        let place = |record: &Record| record.goals[0].keyframe.world_from_tool.position();
        samples.iter().map(|(record, _)| (record.kind, place(record))).collect()
    }

    #[test]
    fn labels_go_with_a_scene_that_moves() {
        let (still, moved) = (labels(Moving::Still), labels(Moving::Displaced));
        let shifts: Vec<Vector3<f64>> = moved
            .iter()
            .map(|(kind, place)| {
                let script: Vec<_> = still.iter().filter(|(k, _)| k == kind).collect();
                assert!(script.iter().all(|(_, other)| *other == script[0].1), "nothing has moved");
                place - script[0].1
            })
            .collect();
        let (first, last) = (shifts[0], shifts[shifts.len() - 1]);
        assert_eq!(first.norm(), 0.0);
        assert!((0.03..0.061).contains(&last.norm()) && last.z.abs() < 1e-9, "{last:?}");
        // The approach in which it happens has labels of before and of after.
        let halfway = moved.windows(2).zip(shifts.windows(2)).filter(|(m, s)| m[0].0 == m[1].0 && s[0] != s[1]);
        assert!(halfway.count() > 0, "{shifts:?}");
    }
}
