//! Our simulator as a server of the contract, with RLBench's meaning of reset and step.
//!
//! An episode is a lockstep run in a thread of its own, the very one that `eval --no-repredict` makes: it waits at each
//! key-frame until the client has given the next. Time stands still meanwhile. If the first action is a dense one, that
//! run is given up, and the scene begins again under [`Dense`].

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread::{self, JoinHandle},
};

use anyhow::{Result, bail};
use neuraxis_bridge::{
    ACTION_LEN, ActionError, Backend, Code, JointAction, Refusal, Reset, SceneChoice, SceneView, TaskInfo,
    conversions::{DOF, camera_image, gripper_pose, keyframe, q_from_rlbench, q_to_rlbench},
};
use neuraxis_core::KeyFrame;
use neuraxis_sim::{CameraRig, Moving, Setup, Spec, tasks::kinds};

use super::{
    dense::{self, Dense},
    pilot::{Remote, Seen},
};
use crate::{
    config::Config,
    episode_run::{Studio, instruction},
    lockstep::Nobody,
};

/// What the rig's cameras measure [m]: everything in a scene lies between.
const DEPTHS_M: [f64; 2] = [0.01, 100.0];
/// RLBench calls a gripper open above this share of its way.
const OPEN_SHARE: f64 = 0.9;
/// The contract ends an episode after a number of actions, which clients count; no time does.
const TIME_LIMIT_SECS: f64 = 600.0;

/// Episodes on demand.
pub(super) struct Simulator {
    studio: Arc<Studio>,
    tasks: Vec<String>,
    /// The last reset, until an action follows it.
    fresh: Option<Reset>,
    episode: Option<Episode>,
    dense: Option<Dense>,
}

/// One that is under way.
struct Episode {
    sentence: String,
    keyframes: Sender<KeyFrame>,
    seen: Receiver<Seen>,
    last: SceneView,
    thread: JoinHandle<Result<End>>,
}

/// How an episode ended, and what is seen there.
struct End {
    success: bool,
    error: Option<ActionError>,
    seen: Seen,
}

impl Simulator {
    /// Offers these tasks, in scenes that move or do not.
    pub(super) fn new(mut config: Config, tasks: Vec<String>, moving: Moving) -> Result<Self> {
        config.run.time_limit_secs = TIME_LIMIT_SECS;
        let mut studio = Studio::new(config)?;
        studio.sim.moving = moving;
        if studio.robot.home().len() != DOF {
            bail!("the contract is about an arm with {DOF} joints as RLBench's Panda, {} is not", studio.config.name);
        }
        Ok(Self { studio: Arc::new(studio), tasks, fresh: None, episode: None, dense: None })
    }

    /// Finger distance of an open gripper [m].
    fn open_m(&self) -> f64 {
        self.studio.config.cerebellum.open_width_m
    }

    fn setup(&self, reset: &Reset) -> Result<Setup, Refusal> {
        let refuse = |reason| Err(Refusal::new(Code::NoSuchScene, reason));
        let kinds = kinds();
        let kind = kinds.iter().find(|kind| kind.name == reset.task && self.tasks.contains(&reset.task));
        let Some(kind) = kind else {
            return refuse(format!("no task {:?}; on offer: {}", reset.task, self.tasks.join(", ")));
        };
        let SceneChoice::Seed(seed) = reset.scene else {
            return refuse("this simulator has no recorded episodes: choose a seed".into());
        };
        let variation = reset.variation.and_then(|v| usize::try_from(v).ok());
        if reset.variation.is_some() && variation.is_none_or(|v| v >= kind.variations) {
            return refuse(format!("{} has {} variations", reset.task, kind.variations));
        }
        let spec = Spec { task: reset.task.clone(), seed, variation };
        Setup::new(&spec, &self.studio.sim).map_err(|e| Refusal::new(Code::Internal, e.to_string()))
    }
}

impl Backend for Simulator {
    fn about(&self) -> String {
        let (version, mujoco) = (env!("CARGO_PKG_VERSION"), neuraxis_sim::mujoco_version());
        let moving = self.studio.sim.moving;
        format!("neuraxis {version} {}, mujoco {mujoco}, grasp friction, scene {moving}", env!("NEURAXIS_COMMIT"))
    }

    fn can_step(&self) -> bool {
        true
    }

    fn tasks(&mut self) -> Result<Vec<TaskInfo>, Refusal> {
        let kinds = kinds();
        let offered = kinds.iter().filter(|kind| self.tasks.iter().any(|task| task == kind.name));
        Ok(offered.map(|kind| TaskInfo { name: kind.name.into(), variations: Some(kind.variations as u64) }).collect())
    }

    fn reset(&mut self, reset: &Reset) -> Result<SceneView, Refusal> {
        self.end();
        let setup = self.setup(reset)?;
        let sentence = setup.goal().instruction.clone();
        let (keyframes, given) = channel();
        let (shown, seen) = sync_channel(0);
        let studio = self.studio.clone();
        let thread = thread::spawn(move || play(&studio, &setup, &shown, &given));
        let first = match seen.recv() {
            Ok(first) => view(&sentence, &first, self.open_m(), 0.0),
            Err(_) => return Err(failure(thread)),
        };
        self.episode = Some(Episode { sentence, keyframes, seen, last: first.clone(), thread });
        self.fresh = Some(reset.clone());
        Ok(first)
    }

    fn step(&mut self, action: &[f64; ACTION_LEN]) -> Result<SceneView, Refusal> {
        if self.dense.is_some() {
            return Err(Refusal::new(Code::BadRequest, "this episode has dense actions: a key-frame needs a reset"));
        }
        self.fresh = None;
        let mut episode = self.episode.take().ok_or_else(no_episode)?;
        let wanted = match keyframe(action) {
            Ok(wanted) => wanted,
            Err(error) => return Ok(SceneView { error: Some(error), done: true, reward: 0.0, ..episode.last }),
        };
        // If the goal was met while the arm stood, the run is over already and takes no more.
        let _ = episode.keyframes.send(wanted);
        if let Ok(seen) = episode.seen.recv() {
            episode.last = view(&episode.sentence, &seen, self.open_m(), 0.0);
            episode.last.ignore_collisions = Some(wanted.ignore_collisions);
            let seen = episode.last.clone();
            self.episode = Some(episode);
            return Ok(seen);
        }
        match episode.thread.join() {
            Ok(Ok(End { success, error, seen })) => Ok(SceneView {
                done: true,
                error: error.filter(|_| !success),
                ignore_collisions: Some(wanted.ignore_collisions),
                ..view(&episode.sentence, &seen, self.open_m(), if success { 1.0 } else { 0.0 })
            }),
            Ok(Err(error)) => Err(Refusal::new(Code::Internal, format!("{error:#}"))),
            Err(_) => Err(Refusal::new(Code::Internal, "the episode's thread died")),
        }
    }

    fn joints(&mut self, action: &JointAction) -> Result<SceneView, Refusal> {
        let internal = |error: anyhow::Error| Refusal::new(Code::Internal, format!("{error:#}"));
        if let Some(reset) = self.fresh.take() {
            self.end();
            self.dense = Some(Dense::new(&self.studio, &self.setup(&reset)?).map_err(internal)?);
        }
        if self.episode.is_some() {
            return Err(Refusal::new(Code::BadRequest, "this episode has key-frames: a dense action needs a reset"));
        }
        let mut dense = self.dense.take().ok_or_else(no_episode)?;
        let q = q_from_rlbench(&action.positions).map_err(|e| Refusal::new(Code::BadRequest, e.to_string()))?;
        let end = dense.step(q, action.width_m, action.secs);
        let reward = if end == dense::End::Success { 1.0 } else { 0.0 };
        let seen = dense.look().map_err(internal)?;
        let mut view = view(&dense.sentence, &seen, self.open_m(), reward);
        view.done = end != dense::End::Open || dense.secs() > TIME_LIMIT_SECS;
        view.error = (end == dense::End::Failure { latched: true }).then_some(ActionError::NoPath);
        if !view.done {
            self.dense = Some(dense);
        }
        Ok(view)
    }

    fn end(&mut self) {
        (self.fresh, self.dense) = (None, None);
        if let Some(Episode { keyframes, seen, thread, .. }) = self.episode.take() {
            drop((keyframes, seen));
            // However it ended, nobody asks any more.
            let _ = thread.join();
        }
    }
}

fn no_episode() -> Refusal {
    Refusal::new(Code::NoEpisode, "no episode is under way: reset first")
}

/// An episode from beginning to end.
fn play(studio: &Studio, setup: &Setup, shown: &SyncSender<Seen>, given: &Receiver<KeyFrame>) -> Result<End> {
    let mut rig = CameraRig::new(setup)?;
    let mut lockstep = studio.lockstep(setup, false)?;
    let mut pilot = Remote::new(shown, given);
    let words = instruction(setup.goal(), None)?;
    let outcome = lockstep.run(&mut pilot, &words, setup.goal(), Some(&mut rig), &mut Nobody)?;
    let seen = Seen { observation: lockstep.first_observation(&mut rig)?, state: lockstep.plant().state() };
    Ok(End { success: outcome.success, error: pilot.error(), seen })
}

/// Why an episode did not begin.
fn failure(thread: JoinHandle<Result<End>>) -> Refusal {
    let reason = match thread.join() {
        Ok(Ok(_)) => "the goal was met before anything had moved".into(),
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => "the episode's thread died".into(),
    };
    Refusal::new(Code::Internal, reason)
}

/// In RLBench's terms.
fn view(sentence: &str, Seen { observation, state }: &Seen, open_m: f64, reward: f64) -> SceneView {
    let each_m = (observation.gripper_width_m / 2.0).max(0.0);
    SceneView {
        descriptions: vec![sentence.into()],
        reward,
        done: false,
        error: None,
        gripper_open: if observation.gripper_width_m > OPEN_SHARE * open_m { 1.0 } else { 0.0 },
        ignore_collisions: None,
        secs: Some(observation.stamp.secs()),
        cameras: observation.cameras.iter().map(|camera| camera_image(camera, DEPTHS_M)).collect(),
        joint_positions: q_to_rlbench(&observation.q),
        joint_velocities: Some(state.qd.to_vec()),
        joint_forces: Some(state.tau_nm.to_vec()),
        gripper_pose: gripper_pose(&observation.world_from_tool),
        gripper_joint_positions: [each_m; 2],
        gripper_touch_forces: None,
        task_low_dim_state: None,
    }
}
