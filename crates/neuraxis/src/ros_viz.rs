//! `neuraxis ros viz`: what a robot's node publishes, in the viewer, in a process of its own. It sends nothing to the robot.

mod health;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use neuraxis_brainstem::MonotonicClock;
use neuraxis_core::{Clock, Gripper, Nanos, Observation, Pose, Progress};
use neuraxis_episode::{Level, PredictionDetail, Record};
use neuraxis_robot::Robot;
use neuraxis_ros::{
    CameraSet, CamerasConfig, CamerasIn, Gaze, RosConfig, Seen, WatchNode, WatchedJoints, cameras_in,
    cameras_in::CameraConfig, topics,
};
use neuraxis_viz::{Viz, VizConfig, VizError};

use self::health::{HealthLog, monitors};
use crate::{
    config::Config,
    episode_run::simulated_cameras,
    interrupt,
    looked::{self, Looked},
    package,
    real::{ArmSettings, Driver},
    replay::picture,
    sight::{self, Whereabouts},
    threads::{Shared, join, newest, start},
};

/// Its options.
#[derive(Debug, clap::Args)]
pub struct VizOptions {
    /// File about the arm, for the topics of its cameras and, behind ros2_control, the names and topic of its joints; if left out
    /// the simulated arm's cameras, and the URDF's joints on `joint_states`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write what is shown here as well, to look at later; without a screen this alone.
    #[arg(long, value_name = "FILE.rrd")]
    rrd: Option<PathBuf>,
    /// Write a picture of the window as it is at the end (PNG, 256 colours), instead of opening one; needs no screen.
    #[arg(long, value_name = "OUT.png")]
    picture: Option<PathBuf>,
}

/// A prediction older than this is no longer what the arm follows.
const RECENT: Nanos = Nanos::from_millis(2000);
/// Size of the picture [px].
const PICTURE_PX: [u32; 2] = [1400, 900];

/// Runs until Ctrl-C.
pub fn viz(config: &Config, options: &VizOptions) -> Result<()> {
    let Some(out) = &options.picture else { return watch(config, options, options.rrd.as_deref()).map(|_| ()) };
    let viewer = package::viewer(&config.root).context("the Rerun program is not installed: ./neuraxis setup")?;
    let scratch = std::env::temp_dir().join(format!("neuraxis-viz-{}.rrd", std::process::id()));
    let moment = picture::Moment { at_secs: None, size: PICTURE_PX };
    let shown = watch(config, options, Some(options.rrd.as_ref().unwrap_or(&scratch)));
    let taken = shown.and_then(|file| {
        let (file, end_secs) = file.context("nothing was shown")?;
        picture::take(&viewer, &file, end_secs, moment, out)
    });
    if options.rrd.is_none() && scratch.exists() {
        std::fs::remove_file(&scratch).with_context(|| scratch.display().to_string())?;
    }
    taken?;
    say!("written     {}", out.display());
    Ok(())
}

/// Shows until Ctrl-C; the file that was written, and how long it is [s].
fn watch(config: &Config, options: &VizOptions, rrd: Option<&Path>) -> Result<Option<(PathBuf, f64)>> {
    interrupt::listen()?;
    let robot = Arc::new(config.load_robot()?);
    let settings = options.config.as_ref().map(|file| ArmSettings::load(config, Some(file))).transpose()?;
    let joints = joints(config, &robot, settings.as_ref())?;
    let cameras = match settings {
        Some(settings) => settings.cameras,
        None => CamerasConfig {
            cameras: simulated_cameras().iter().map(|name| ours(name)).collect(),
            ..CamerasConfig::default()
        },
    };
    let names = cameras.cameras.iter().map(|camera| camera.name.clone()).collect();
    let zero = MonotonicClock.now();
    let mut window = window(config, (options.picture.is_none(), rrd), &robot, names, zero)?;
    let mut newest_state = zero;

    let (mut whereabouts, mut seen) = sight::whereabouts(robot.dof());
    let tool = robot.clone();
    let tool_at = move |time| sight::tool_at(&tool, &mut seen, time);
    let made = cameras_in(cameras, Arc::new(MonotonicClock), Some(Box::new(tool_at)));
    let CamerasIn { node: eyes, sets, .. } = made.context("cameras")?;
    let node = WatchNode::new(joints, Arc::new(MonotonicClock)).context("starting the ROS 2 node")?;
    say!("ros         viewer is up; Ctrl-C ends");

    let shared = Shared::default();
    let mut past = Whereabouts::new(robot.dof());
    let mut number = 0;
    let (mut health, mut predicted) = (HealthLog::default(), None);
    let mut show = |seen: Option<Seen>| -> Result<()> {
        let record = match seen {
            Some(Seen::State(state)) => {
                newest_state = newest_state.max(state.stamp);
                past.note(state.stamp, state.q, state.gripper_width_m);
                whereabouts.write(past);
                Record::State(*state)
            }
            Some(Seen::Prediction(prediction)) => {
                predicted = Some(prediction.observed_at);
                Record::Prediction(prediction.observed_at, prediction)
            }
            // What a policy in another process says of its key-frames is more than what is drawn.
            Some(Seen::Intent(stamp, intent)) => {
                if predicted.is_none_or(|at| stamp - at > RECENT) {
                    window.log_keyframe(stamp, &intent.keyframe)?;
                }
                let Some(Gaze { from, at }) = intent.gaze else { return Ok(()) };
                let detail = PredictionDetail { views: Vec::new(), gaze: Some(looked::ray([from, at])) };
                Record::Detail(stamp, Box::new(detail))
            }
            Some(Seen::Look(look)) => {
                let Looked { stamp, detail, .. } = look.into();
                Record::Detail(stamp, Box::new(detail))
            }
            Some(Seen::Health(stamp, statuses)) => {
                for (level, text) in health.news("", &statuses) {
                    window.show(&Record::Event(stamp, level, text))?;
                }
                Record::Monitors(stamp, monitors(&statuses))
            }
            Some(Seen::PolicyHealth(stamp, statuses)) => {
                for (level, text) in health.news("the policy's node: ", &statuses) {
                    window.show(&Record::Event(stamp, level, text))?;
                }
                return Ok(());
            }
            Some(Seen::Instruction(stamp, text)) => Record::Instruction { stamp, epoch: 0, text },
            Some(Seen::Event(stamp, text)) => Record::Event(stamp, Level::Info, text),
            None => {
                if shared.broken.is_raised() {
                    bail!("the cameras' thread has ended");
                }
                let Some(CameraSet { stamp, views }) = newest(&sets) else { return Ok(()) };
                number += 1;
                // Without joints nobody knows where the tool is.
                let Some((q, gripper_width_m)) = past.then(stamp) else { return Ok(()) };
                let world_from_tool = robot.world_from_tool(&q);
                let progress =
                    Progress { reached_world_from_tool: Pose::identity(), gripper: Gripper::Open, reached_count: 0 };
                let cameras = views;
                let seen = Observation { seq: number, stamp, cameras, q, world_from_tool, gripper_width_m, progress };
                Record::Observation(Arc::new(seen))
            }
        };
        Ok(window.show(&record)?)
    };
    let stats = std::thread::scope(|scope| {
        let eyes = start(scope, "ros_cameras", &shared, || Ok(eyes.run(&shared.ros_done)))?;
        let watched = node.run(interrupt::flag(), &mut show);
        shared.end();
        let report = join(eyes, "ros_cameras")?;
        say!("ros_cameras {} sets of {} cameras", report.sets, report.cameras.len());
        watched
    })?;
    window.finish()?;
    say!("ros         {stats:?}");
    if let Some(file) = &options.rrd {
        say!("written     {}", file.display());
    }
    Ok(rrd.map(|file| (file.to_path_buf(), (newest_state - zero).secs())))
}

/// Whose joints are shown. Our own node publishes them, but for an arm behind ros2_control, whose controllers do.
fn joints(config: &Config, robot: &Robot, settings: Option<&ArmSettings>) -> Result<WatchedJoints> {
    let usual = RosConfig::default().finger_joint;
    let finger = config.robot.gripper_joints.first().unwrap_or(&usual);
    let joints = WatchedJoints::ours(robot.joint_names().to_vec(), finger)?;
    match settings.filter(|settings| settings.driver == Driver::Ros2Control) {
        Some(settings) => joints.behind(&settings.ros2_control).context("arm.yaml: ros2_control"),
        None => Ok(joints),
    }
}

/// A camera as our own nodes publish it.
fn ours(name: &str) -> CameraConfig {
    let topic = |topic: String| format!("/{topic}");
    CameraConfig {
        name: name.into(),
        colour: topic(topics::image(name)),
        compressed: false,
        depth: topic(topics::depth(name)),
        info: topic(topics::camera_info(name)),
        rectified: false,
        frame: None,
        world_from_camera: None,
        tool_from_camera: None,
        pose: Some(topic(topics::pose(name))),
        tf: None,
    }
}

/// The viewer's window if it shall open, and the file if there is one.
fn window(
    config: &Config,
    (opens, rrd): (bool, Option<&Path>),
    robot: &Robot,
    cameras: Vec<String>,
    zero: Nanos,
) -> Result<Viz> {
    let shown = VizConfig {
        urdf: config.robot.urdf.clone(),
        world_from_base: robot.world_from_base(),
        joint_names: robot.joint_names().to_vec(),
        gripper_joint_names: config.robot.gripper_joints.clone(),
        cameras,
        title: format!("{} over ROS 2", config.name),
        zero,
        ..VizConfig::default()
    };
    if let (false, Some(file)) = (opens, rrd) {
        return Ok(Viz::to_file(file, &shown)?);
    }
    let viewer = package::viewer(&config.root);
    match (Viz::live(viewer.as_deref(), rrd, &shown), rrd) {
        (Err(error @ VizError::NoDisplay), Some(file)) => {
            say!("viewer      {error}");
            Ok(Viz::to_file(file, &shown)?)
        }
        (Err(VizError::NoDisplay), None) => bail!("no screen: --rrd FILE.rrd writes what a machine with one shows"),
        (viz, _) => Ok(viz?),
    }
}
