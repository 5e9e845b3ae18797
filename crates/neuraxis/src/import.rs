//! `neuraxis import`: recordings, of others and of ours, as a data set for training, and as recordings of ours.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use neuraxis_core::{Base, Pose};
use neuraxis_episode::{
    About, Body, EpisodeReader, OwnRecording, Recorded, dataset::DatasetWriter, keyframes, save, settled,
};
use neuraxis_formats::{
    lerobot::{self, DataSet},
    rosbag::{self, Bag, CameraTopics},
};
use neuraxis_policy::PolicyConfig;
use neuraxis_rlbench::{Episode, find};
use neuraxis_robot::Robot;
use serde_json::json;

use crate::{
    config::Config,
    eval::EVAL_SEED,
    import_weights::{self, WeightsArgs},
    samples,
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
    /// configured arm), the gripper's width and a sentence.
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
        /// Frame in which poses are given: `world`, or the root of tf, if left out.
        #[arg(long, value_name = "FRAME")]
        world: Option<String>,
        /// Frame of the tool, which looks along its z: `tool` if left out.
        #[arg(long, value_name = "FRAME")]
        tool: Option<String>,
        /// Topic of the tool's pose (PoseStamped), in place of tf.
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
    /// Recordings of ours (MCAP), as of `demo` or `record --demo`. Frames are their observations. Scenes of evaluation (seeds
    /// from 1000000) are not trained on.
    Mcap {
        /// A recording, or a folder: those below it.
        file: PathBuf,
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
    /// Folder of the new data set, for `train --data`.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Folder for a recording of each episode, for `replay`.
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
            let options = rosbag::Options { cameras, joints, gripper_joints, world, tool, tool_pose, instruction };
            let robot = config.load_robot()?;
            let open = |path: &PathBuf| -> Result<Opened> {
                Ok(Opened { episode: Box::new(bag(path, &options, &robot)?), number: None })
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
        ImportCommand::Mcap { file, target } => {
            let open = |path: &PathBuf| -> Result<Opened> {
                let reader = EpisodeReader::open(path)?;
                let number = reader.header().meta["run"]["seed"].as_u64();
                Ok(Opened { episode: Box::new(OwnRecording::new(reader)?), number })
            };
            let found = recordings(&file)?;
            all(&found, &file, &target, config, true, open, |path| path.display().to_string())
        }
        ImportCommand::Weights(args) => import_weights::run(args, config),
    }
}

/// A recording, or those at or below a folder, in order of their names.
fn recordings(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut found = Vec::new();
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry.with_context(|| folder.display().to_string())?.path();
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|ending| ending == "mcap") {
                found.push(entry);
            }
        }
    }
    found.sort();
    if found.is_empty() {
        bail!("{}: no recording (*.mcap) below", path.display());
    }
    Ok(found)
}

/// An episode, and its number: none if it was not drawn from a seed and nobody counts such episodes.
struct Opened {
    episode: Box<dyn Recorded>,
    number: Option<u64>,
}

impl Opened {
    /// One whose format counts episodes.
    fn numbered(episode: impl Recorded + 'static) -> Self {
        Self { number: Some(episode.about().number), episode: Box::new(episode) }
    }
}

/// Each episode in turn. One that cannot be used is said, and does not end the others. Those without a number are counted: their
/// recordings from 0, their samples from 1, for training would hold a number 0 out, always.
fn all<T>(
    found: &[T],
    folder: &Path,
    target: &ImportTarget,
    config: &Config,
    is_led: bool,
    open: impl Fn(&T) -> Result<Opened>,
    name: impl Fn(&T) -> String,
) -> Result<()> {
    let policy = PolicyConfig::default();
    let mut writer = None;
    let bar = crate::progress::bar(found.len() as u64);
    let (mut left_out, mut counted) = (0, 0);
    for item in found {
        let done = open(item).and_then(|Opened { episode, number }| {
            let about = episode.about();
            let place = counted;
            counted += u64::from(number.is_none());
            for note in &about.notes {
                bar.suspend(|| say_err!("note: {}: {note}", name(item)));
            }
            if let Some(dir) = &target.mcap {
                let path = record(episode.as_ref(), (number, place), dir, folder, config)?;
                bar.suspend(|| say!("written     {}, {} frames", path.display(), episode.moments().len()));
            }
            let Some(out) = &target.out else { return Ok(()) };
            if let Some(seed) = number.filter(|seed| *seed >= EVAL_SEED) {
                bail!("seed {seed} is a scene of evaluation, which training must not see; allowed: below {EVAL_SEED}");
            }
            // Episodes of a simulator are labelled as their own tools do; whoever leads an arm lets it stand as long as he likes.
            let script = if is_led { settled } else { keyframes };
            let samples = samples::of(episode.as_ref(), number.unwrap_or(place + 1), &policy, script)?;
            let count = samples.last().map_or(0, |(record, _)| record.kind + 1);
            bar.suspend(|| say!("key-frames  {}: {count}", name(item)));
            let writer = match &mut writer {
                Some(writer) => writer,
                None => writer.insert(create(out, about, folder, found.len(), config, &policy)?),
            };
            samples::push(&samples, writer)
        });
        if let Err(error) = done {
            left_out += 1;
            bar.suspend(|| say_err!("left out: {}: {error:#}", name(item)));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if left_out == found.len() {
        bail!("{}: none of {} episodes can be used", folder.display(), found.len());
    }
    if let (Some(writer), Some(out)) = (writer, &target.out) {
        let count = writer.finish()?;
        say!("{count} observations of {} episodes in {}; {left_out} left out", found.len() - left_out, out.display());
    }
    Ok(())
}

fn create(
    out: &Path,
    about: &About,
    folder: &Path,
    count: usize,
    config: &Config,
    policy: &PolicyConfig,
) -> Result<DatasetWriter> {
    let meta = json!({
        "source": about.source, "folder": folder, "commit": env!("NEURAXIS_COMMIT"), "embodiment": config.name,
        "cameras": about.cameras, "plane_z_m": policy.plane_z_m, "episodes_done": count,
    });
    Ok(DatasetWriter::create(out, policy.bounds_m, meta)?)
}

/// A bag; where nobody recorded the tool's pose it comes from the joints, if they are those of the configured arm.
fn bag(path: &Path, options: &rosbag::Options, robot: &Robot) -> Result<Bag> {
    let mut bag = Bag::open(path, options)?;
    if bag.about().joint_names == robot.joint_names() {
        bag.complete(|moment| {
            let from_joints = || moment.q.as_ref().map(|q| robot.world_from_tool(q));
            moment.world_from_tool = moment.world_from_tool.or_else(from_joints);
        });
    }
    Ok(bag)
}

/// The episode as a recording: with the configured arm's body if it has its joints, without a shape otherwise. `place`: among
/// those without a number.
fn record(
    episode: &dyn Recorded,
    (number, place): (Option<u64>, u64),
    dir: &Path,
    folder: &Path,
    config: &Config,
) -> Result<PathBuf> {
    std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    let about = episode.about();
    let task: String =
        about.task.chars().map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' }).collect();
    let out = dir.join(format!("{task}_{}.mcap", number.unwrap_or(place)));
    let robot = config.load_robot()?;
    let is_ours = about.joint_names == robot.joint_names();
    let body = match is_ours {
        true => body(about, &robot, config)?,
        false => Body::without_shape(about),
    };
    let meta = json!({
        // Where replay looks for the arm's meshes.
        "configuration": if is_ours { serde_json::to_value(config)? } else { serde_json::Value::Null },
        "run": { "task": about.task, "seed": number, "source": about.source, "folder": folder },
        "version": { "neuraxis": env!("CARGO_PKG_VERSION"), "commit": env!("NEURAXIS_COMMIT") },
    });
    save(episode, &body, &meta, &out, false)?;
    Ok(out)
}

fn body(about: &About, robot: &Robot, config: &Config) -> Result<Body> {
    let urdf = &config.robot.urdf;
    let robot_description = std::fs::read_to_string(urdf).with_context(|| urdf.display().to_string())?;
    let world_from_base: Pose<neuraxis_core::World, Base> = about.world_from_base.unwrap_or(robot.world_from_base());
    Ok(Body {
        robot_description,
        base_frame: config.robot.base_link.clone(),
        world_from_base,
        gripper_joint_names: config.robot.gripper_joints.clone(),
    })
}

#[cfg(test)]
mod tests {
    use nalgebra::{UnitQuaternion, Vector3};
    use neuraxis_core::{Gripper, Intrinsics, Nanos, PolicyError, TextEmbedder, TextFeatures};
    use neuraxis_episode::{Moment, Picture, Pictures, dataset::Dataset};
    use neuraxis_policy::{TrainConfig, sample::Samples};

    use super::*;
    use crate::config::workspace_root;

    /// Somebody leads the tool down to the table, over which a camera hangs.
    struct Led(About, Vec<Moment>);

    impl Led {
        fn new() -> Self {
            let about = About {
                source: "test",
                task: "cup".into(),
                number: 0,
                instruction: Some("lift it".into()),
                joint_names: Vec::new(),
                gripper_joint_names: Vec::new(),
                cameras: vec!["front".into()],
                robot_description: None,
                world_from_base: None,
                notes: Vec::new(),
            };
            let at = |t: u64| Moment {
                stamp: Nanos::from_millis(500 * t),
                gripper_width_m: Some(0.08),
                gripper: Some(Gripper::Open),
                world_from_tool: Some(Pose::from_parts(Vector3::new(0.2, 0.0, 1.2 - 0.1 * t as f64), down())),
                ..Moment::default()
            };
            Self(about, (0..4).map(at).collect())
        }
    }

    fn down() -> UnitQuaternion<f64> {
        UnitQuaternion::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI)
    }

    impl Recorded for Led {
        fn about(&self) -> &About {
            &self.0
        }
        fn moments(&self) -> &[Moment] {
            &self.1
        }
        fn pictures<'a>(&'a self, frames: &'a [usize]) -> Pictures<'a> {
            let picture = || Picture {
                name: "front".into(),
                size: [32, 32],
                rgb: (0..3 * 32 * 32).map(|i| (i % 251) as u8).collect(),
                depth_m: Some(vec![0.9; 32 * 32]),
                intrinsics: Some(Intrinsics { width: 32, height: 32, fx: 40.0, fy: 40.0, cx: 15.5, cy: 15.5 }),
                world_from_camera: Some(Pose::from_parts(Vector3::new(0.2, 0.0, 1.75), down())),
            };
            Box::new(frames.iter().map(move |t| Ok((*t, vec![picture()]))))
        }
    }

    /// Any sentence is one token.
    struct Mute;

    impl TextEmbedder for Mute {
        fn id(&self) -> &str {
            "mute"
        }
        fn embed(&mut self, _: &str) -> Result<TextFeatures, PolicyError> {
            Ok(TextFeatures { tokens: 1, width: 1, values: vec![0.0].into() })
        }
    }

    #[test]
    fn demonstrations_without_a_seed_are_counted_from_one_and_trained_on() {
        let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        let dir = std::env::temp_dir().join(format!("neuraxis-import-{}", std::process::id()));
        let imported = |name: &str, numbers: &[Option<u64>]| {
            let out = dir.join(name);
            let target = ImportTarget { out: Some(out.clone()), mcap: None };
            let open = |number: &Option<u64>| Ok(Opened { episode: Box::new(Led::new()), number: *number });
            all(numbers, &dir, &target, &config, true, open, |_| "led".into()).unwrap();
            Samples::new(Dataset::open(&out).unwrap(), TrainConfig::default().holdout, &mut Mute)
        };
        let seeds = |samples: &Samples| -> Vec<u64> {
            let mut seeds: Vec<u64> = (0..samples.counts().0).map(|i| samples.record(i).unwrap().seed).collect();
            seeds.dedup();
            seeds
        };
        let led = imported("led", &[None, None]).unwrap();
        assert_eq!((seeds(&led), led.validation().len()), (vec![1, 2], 0));
        // Whoever counts keeps the numbers, and with them what is held out of a scene.
        let drawn = imported("drawn", &[Some(0), None, Some(5)]).unwrap();
        assert_eq!(seeds(&drawn), [0, 1, 5]);
        assert_eq!(drawn.validation().len(), led.counts().0 / 2);
        assert!(imported("zero", &[Some(0)]).is_err(), "a scene of seed 0 is held out, as ever");
        let kept = imported("kept", &[Some(EVAL_SEED), Some(EVAL_SEED - 1)]).unwrap();
        assert_eq!(seeds(&kept), [EVAL_SEED - 1], "evaluation's scenes are left out");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn demonstrations_without_a_seed_become_a_recording_each() {
        let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        let dir = std::env::temp_dir().join(format!("neuraxis-import-mcap-{}", std::process::id()));
        let target = ImportTarget { out: None, mcap: Some(dir.clone()) };
        let open = |number: &Option<u64>| {
            let mut led = Led::new();
            led.0.joint_names = vec!["joint".into()];
            Ok(Opened { episode: Box::new(led), number: *number })
        };
        all(&[None, Some(7), None], &dir, &target, &config, true, open, |_| "led".into()).unwrap();
        for name in ["cup_0", "cup_1", "cup_7"] {
            assert!(dir.join(name).with_extension("mcap").exists(), "{name}");
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
