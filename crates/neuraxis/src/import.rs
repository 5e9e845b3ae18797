//! `neuraxis import`: recordings, of others and of ours, as a data set for training, and as recordings of ours.

mod episodes;
mod recordings;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use neuraxis_episode::{EpisodeReader, OwnRecording, Recorded};
use neuraxis_formats::{
    lerobot::{self, DataSet},
    rosbag::{self, Bag, CameraTopics},
};
use neuraxis_rlbench::{Episode, find};
use neuraxis_robot::Robot;

use self::{
    episodes::{Opened, all},
    recordings::recordings,
};
use crate::{
    config::Config,
    import_weights::{self, WeightsArgs},
};

/// What to import.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Episodes of RLBench or PerAct, TASK/{variationK|all_variations}/episodes/episodeN: those at or below a folder. Frames
    /// are labelled with the next key-frame (PerAct's heuristic). Pickles are read as data; nothing in them is run.
    Rlbench {
        /// A folder with episodes, of one task or of many.
        folder: PathBuf,
        #[command(flatten)]
        target: ImportTarget,
    },
    /// A bag of ROS 2 (`ros2 bag record`, MCAP or SQLite) of an arm with joint states and cameras. Frames are those of the
    /// first camera. Training needs a camera with depth and calibration, the tool's pose (from tf, or from the joints of the
    /// configured arm, wherever they stand in the messages), the gripper's width and a sentence.
    Rosbag {
        /// A bag's folder, or one of its files.
        folder: PathBuf,
        /// A camera: NAME=IMAGE[,DEPTH[,CAMERA_INFO[,POSE]]], topics; may be given again. Without it: every NAME with /NAME/image,
        /// and /NAME/depth and /NAME/camera_info where they are there.
        #[arg(long = "camera", value_name = "NAME=TOPICS")]
        cameras: Vec<CameraTopics>,
        /// Topic of joint states; /joint_states if left out.
        #[arg(long, value_name = "TOPIC")]
        joints: Option<String>,
        /// A joint of the gripper, whose positions add up to its width; may be given again. Without it: those with "finger" or
        /// "gripper" in their names.
        #[arg(long = "gripper-joint", value_name = "NAME")]
        gripper_joints: Vec<String>,
        /// Frame in which poses are given: `world`, or the root of tf, if left out. Poses in other frames are told in it by tf;
        /// so is where the arm stands, which is as configured if tf does not know its first link.
        #[arg(long, value_name = "FRAME")]
        world: Option<String>,
        /// Frame of the tool, which looks along its z: `tool` if left out.
        #[arg(long, value_name = "FRAME")]
        tool: Option<String>,
        /// Topic of the tool's pose (PoseStamped, in the world or in a frame that tf has below it), in place of tf.
        #[arg(long, value_name = "TOPIC")]
        tool_pose: Option<String>,
        /// What the arm was told; the first text on /instruction if left out.
        #[arg(long, value_name = "TEXT")]
        instruction: Option<String>,
        #[command(flatten)]
        target: ImportTarget,
    },
    /// A data set of LeRobot, version 3. It knows neither depth nor calibration, which the policy needs to learn: --mcap shows
    /// it. Videos are unpacked by the program ffmpeg.
    Lerobot {
        /// The data set's folder, which holds meta and data.
        folder: PathBuf,
        /// Only the episode of this number; may be given again.
        #[arg(long = "episode", value_name = "N")]
        episodes: Vec<usize>,
        /// Joint positions are in degrees.
        #[arg(long)]
        degrees: bool,
        #[command(flatten)]
        target: ImportTarget,
    },
    /// Recordings of ours (MCAP) with the robot that --robot names, as of `demo` or `record --demo`. Frames are their
    /// observations, of a run with several sentences those of the first. Scenes of evaluation (seeds from 900000) are not
    /// trained on, and what a judge has called a failure is left out.
    Mcap {
        /// A recording, or a folder: those below it. Parts of one run (`--part-secs`) must be joined first: `rec merge`.
        file: PathBuf,
        /// Import failures, too.
        #[arg(long)]
        failures: bool,
        #[command(flatten)]
        target: ImportTarget,
    },
    /// Weights of a policy that another program wrote, as a file that says what it is. Names and shapes must be ours.
    Weights(WeightsArgs),
}

/// What to make of it.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct ImportTarget {
    /// Folder of the new data set, for `train --data`. One set of cameras sees all of it, that of its first episode.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Folder for a recording of each episode, for `replay`; none is replaced.
    #[arg(long, value_name = "DIR")]
    mcap: Option<PathBuf>,
}

/// Imports.
pub fn run(what: ImportCommand, config: &Config) -> Result<()> {
    match what {
        ImportCommand::Rlbench { folder, target } => {
            let found = find(&folder)?;
            all(
                &found,
                &folder,
                &target,
                config,
                false,
                |path| Ok(Opened::numbered(Episode::open(path)?)),
                |path| path.display().to_string(),
            )
        }
        ImportCommand::Rosbag {
            folder,
            cameras,
            joints,
            gripper_joints,
            world,
            tool,
            tool_pose,
            instruction,
            target,
        } => {
            let robot = config.load_robot()?;
            let arm_joints = robot.joint_names().to_vec();
            let options =
                rosbag::Options { cameras, joints, arm_joints, gripper_joints, world, tool, tool_pose, instruction };
            let open = |path: &PathBuf| -> Result<Opened> {
                let mut bag = bag(path, &options, &robot, &config.robot.base_link)?;
                judge_ours(&mut bag, config);
                Ok(Opened { episode: Box::new(bag), number: None })
            };
            all(std::slice::from_ref(&folder), &folder, &target, config, true, open, |path| path.display().to_string())
        }
        ImportCommand::Lerobot { folder, episodes, degrees, target } => {
            let data_set = DataSet::open(&folder)?;
            let episodes = if episodes.is_empty() { (0..data_set.len()).collect() } else { episodes };
            let options = lerobot::Options { degrees, ..lerobot::Options::default() };
            let open = |place: &usize| -> Result<Opened> { Ok(Opened::numbered(data_set.episode(*place, &options)?)) };
            all(&episodes, &folder, &target, config, true, open, |place| format!("episode {place}"))
        }
        ImportCommand::Mcap { file, failures, target } => {
            let open = |path: &PathBuf| own(path, config, failures);
            let found = recordings(&file)?;
            all(&found, &file, &target, config, true, open, |path| path.display().to_string())
        }
        ImportCommand::Weights(args) => import_weights::run(args, config),
    }
}

/// A bag; where nobody recorded the tool's pose it comes from the joints, if they are those of the configured arm.
fn bag(path: &Path, options: &rosbag::Options, robot: &Robot, base_link: &str) -> Result<Bag> {
    let mut bag = Bag::open(path, options)?;
    if bag.about().joint_names == robot.joint_names() {
        bag.complete(base_link, robot.world_from_base(), |q| robot.base_from_tool(q));
    }
    Ok(bag)
}

/// Joints with the names of the configured gripper's are those of that gripper, whose full width is known.
fn judge_ours(bag: &mut Bag, config: &Config) {
    let (theirs, ours) = (&bag.about().gripper_joint_names, &config.robot.gripper_joints);
    if !ours.is_empty() && theirs.len() == ours.len() && ours.iter().all(|name| theirs.contains(name)) {
        bag.opens_to(config.cerebellum.open_width_m);
    }
}

/// A recording of ours, of the configured robot; one that does not say which robot it is of may be of any. One that was judged
/// to have failed is refused, unless `failures` are wanted.
fn own(path: &Path, config: &Config, failures: bool) -> Result<Opened> {
    let reader = EpisodeReader::open(path)?;
    let meta = &reader.header().meta;
    if let Some(robot) = meta["configuration"]["name"].as_str().filter(|name| *name != config.name) {
        bail!("recorded with robot {robot:?}, this is {:?}: --robot {robot}", config.name);
    }
    let number = meta["run"]["seed"].as_u64();
    let episode = OwnRecording::new(reader)?;
    if let Some(summary) = episode.summary().filter(|summary| !failures && summary["success"] == false) {
        let why = summary["why"].as_str().map_or_else(String::new, |why| format!(": {why}"));
        bail!("it failed{why}; --failures imports it all the same");
    }
    Ok(Opened { episode: Box::new(episode), number })
}

#[cfg(test)]
mod tests {
    use neuraxis_core::{ArmState, Gripper, Joints, Nanos, Observation, Pose, Progress};
    use neuraxis_episode::{DepthEncoding, EpisodeWriter, Header};
    use serde_json::{Value, json};

    use super::*;
    use crate::config::workspace_root;

    /// Of a recording of an arm with one joint.
    pub fn header(meta: Value) -> Header {
        Header {
            joint_names: vec!["joint".into()],
            gripper_joint_names: vec!["finger".into()],
            robot_description: String::new(),
            base_frame: "base".into(),
            world_from_base: Pose::identity(),
            depth: DepthEncoding::Metres,
            meta,
        }
    }

    /// A recording of one blind observation, what was said after it, and how it ended.
    fn recorded(path: &Path, robot: &str, said_later: Option<&str>, summary: Value) {
        let header = header(json!({ "configuration": { "name": robot }, "run": { "seed": 7 } }));
        let mut writer = EpisodeWriter::create(path, &header).unwrap();
        writer.instruction(Nanos(0), 0, "wipe the table").unwrap();
        let progress =
            Progress { reached_world_from_tool: Pose::identity(), gripper: Gripper::Closed, reached_count: 0 };
        let seen = Observation {
            seq: 0,
            stamp: Nanos(1),
            cameras: Vec::new(),
            q: Joints::zeros(1),
            world_from_tool: Pose::identity(),
            gripper_width_m: 0.02,
            progress,
        };
        writer.observation(&seen).unwrap();
        said_later.into_iter().for_each(|words| writer.instruction(Nanos(2), 1, words).unwrap());
        writer.summary(Nanos(3), &summary).unwrap();
        writer.finish().unwrap();
    }

    #[test]
    fn a_recording_of_another_robot_is_refused_by_both_names() {
        let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        let path = std::env::temp_dir().join(format!("neuraxis-import-robot-{}.mcap", std::process::id()));
        recorded(&path, "fr3", None, Value::Null);
        assert_eq!(own(&path, &config, false).unwrap().number, Some(7));
        recorded(&path, "ur5e", None, Value::Null);
        let text = own(&path, &config, false).err().unwrap().to_string();
        assert_eq!(text, "recorded with robot \"ur5e\", this is \"fr3\": --robot ur5e");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn the_full_width_of_the_configured_gripper_holds_for_bags_that_name_its_joints() {
        let root = workspace_root().unwrap();
        let mut config = Config::load(&root, "fr3").unwrap();
        config.cerebellum.open_width_m = 1.0;
        let bag = root.join("crates/formats/tests/data/bag_mcap");
        let mut bag = Bag::open(&bag, &rosbag::Options::default()).unwrap();
        let is_open = |bag: &Bag| bag.moments().iter().any(|moment| moment.gripper == Some(Gripper::Open));
        judge_ours(&mut bag, &config);
        assert!(is_open(&bag), "another gripper");
        config.robot.gripper_joints = bag.about().gripper_joint_names.iter().rev().cloned().collect();
        judge_ours(&mut bag, &config);
        assert!(!is_open(&bag));
    }

    #[test]
    fn failures_are_left_out_unless_they_are_wanted() {
        let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        let path = std::env::temp_dir().join(format!("neuraxis-import-failures-{}.mcap", std::process::id()));
        for (summary, words) in [
            (
                json!({ "success": false, "why": "time is over" }),
                Some("it failed: time is over; --failures imports it"),
            ),
            (json!({ "success": false }), Some("it failed; --failures imports it")),
            (json!({ "success": true }), None),
            // Nobody judged.
            (json!({ "success": null }), None),
        ] {
            // The verdict comes at the end, whatever else was said before.
            for said_later in [None, Some("wipe the floor")] {
                recorded(&path, "fr3", said_later, summary.clone());
                let refused = own(&path, &config, false).err().map(|error| error.to_string());
                assert_eq!(refused.as_deref().map(|text| text.trim_end_matches(" all the same")), words);
                assert!(own(&path, &config, true).is_ok());
            }
        }
        std::fs::remove_file(&path).unwrap();
    }

    /// A recording of ours is a bag, too; its joints may stand in any order.
    #[test]
    fn joints_of_the_arm_are_found_wherever_they_stand() {
        let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        let robot = config.load_robot().unwrap();
        let path = std::env::temp_dir().join(format!("neuraxis-import-bag-{}.mcap", std::process::id()));
        let backwards = robot.joint_names().iter().rev().cloned();
        let header = Header {
            joint_names: std::iter::once("wheel".to_string()).chain(backwards).collect(),
            gripper_joint_names: config.robot.gripper_joints.clone(),
            robot_description: String::new(),
            base_frame: config.robot.base_link.clone(),
            world_from_base: robot.world_from_base(),
            depth: DepthEncoding::Metres,
            meta: Value::Null,
        };
        let home: Vec<f64> = std::iter::once(9.0).chain(robot.home().iter().rev().copied()).collect();
        let q = Joints::from_slice(&home).unwrap();
        let (qd, tau_nm) = (Joints::zeros(q.len()), Joints::zeros(0));
        let mut writer = EpisodeWriter::create(&path, &header).unwrap();
        let stamp = Nanos::from_millis(1000);
        writer.state(&ArmState { stamp, q, qd, tau_nm, gripper_width_m: 0.08, grip_force_n: None }).unwrap();
        writer.finish().unwrap();

        let options = rosbag::Options { arm_joints: robot.joint_names().to_vec(), ..rosbag::Options::default() };
        let bag = bag(&path, &options, &robot, &config.robot.base_link).unwrap();
        assert_eq!(bag.about().joint_names, robot.joint_names());
        assert!(bag.about().notes[0].ends_with("left out: wheel"), "{:?}", bag.about().notes);
        let moment = bag.moments()[0].clone();
        assert_eq!(
            (moment.q, moment.world_from_tool),
            (Some(robot.home()), Some(robot.world_from_tool(&robot.home())))
        );
        std::fs::remove_file(&path).unwrap();
    }
}
