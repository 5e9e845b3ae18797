//! Episodes, whatever they were recorded with, as samples and as recordings of ours.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Context, Result, bail};
use neuraxis_core::{Base, Pose};
use neuraxis_episode::{
    About, Body, Recorded,
    dataset::{DatasetWriter, INDEX},
    keyframes, save, settled,
};
use neuraxis_policy::{PolicyConfig, sample::Record};
use neuraxis_robot::Robot;
use neuraxis_vision::Cloud;
use serde_json::json;

use super::ImportTarget;
use crate::{
    cli::can_write,
    config::Config,
    eval::EARLY_SEED,
    samples::{self, Lesson},
};

/// An episode, and its number: none if it was not drawn from a seed and nobody counts such episodes.
pub(super) struct Opened {
    pub(super) episode: Box<dyn Recorded>,
    pub(super) number: Option<u64>,
}

impl Opened {
    /// One whose format counts episodes.
    pub(super) fn numbered(episode: impl Recorded + 'static) -> Self {
        Self { number: Some(episode.about().number), episode: Box::new(episode) }
    }
}

/// Each episode in turn. One that cannot be used is said, and does not end the others. Those without a number are counted: their
/// recordings from 0, their samples from 1, for training would hold a number 0 out, always.
pub(super) fn all<T>(
    found: &[T],
    folder: &Path,
    target: &ImportTarget,
    config: &Config,
    is_led: bool,
    open: impl Fn(&T) -> Result<Opened>,
    name: impl Fn(&T) -> String,
) -> Result<()> {
    target.out.as_deref().map_or(Ok(()), may_create)?;
    let policy = PolicyConfig::default();
    let (mut writer, mut seen_by) = (None, None);
    let bar = crate::progress::bar(found.len() as u64);
    let (mut left_out, mut counted, mut names) = (0, 0, BTreeSet::new());
    for item in found {
        let done = open(item).and_then(|Opened { episode, number }| {
            let about = episode.about();
            let place = counted;
            counted += u64::from(number.is_none());
            for note in &about.notes {
                bar.suspend(|| say_err!("note: {}: {note}", name(item)));
            }
            if let Some(dir) = &target.mcap {
                let out = dir.join(file_name(about, number.unwrap_or(place), &mut names));
                match (record(episode.as_ref(), number, &out, folder, config), &target.out) {
                    (Ok(()), _) => {
                        bar.suspend(|| say!("written     {}, {} frames", out.display(), episode.moments().len()));
                    }
                    // It can be learned from all the same.
                    (Err(error), Some(_)) => bar.suspend(|| say_err!("not written: {}: {error:#}", name(item))),
                    (Err(error), None) => return Err(error),
                }
            }
            let Some(out) = &target.out else { return Ok(Ok(())) };
            if let Some(seed) = number.filter(|seed| *seed >= EARLY_SEED) {
                bail!("seed {seed} is a scene of evaluation, which training must not see; allowed: below {EARLY_SEED}");
            }
            // Episodes of a simulator are labelled as their own tools do; whoever leads an arm lets it stand as long as he likes.
            let script = if is_led { settled } else { keyframes };
            let number = number.unwrap_or(place + 1);
            let Lesson { samples, cameras } = samples::of(episode.as_ref(), number, &policy, script)?;
            same_cameras(&mut seen_by, &cameras)?;
            let count = samples.last().map_or(0, |(record, _)| record.kind + 1);
            bar.suspend(|| say!("key-frames  {}: {count}", name(item)));
            let begin = || create(out, about, &cameras, folder, found.len(), config, &policy);
            Ok(push(&samples, &mut writer, begin).with_context(|| format!("--out {}", out.display())))
        });
        match done {
            // What cannot be written is no fault of the episode, and others would fare no better.
            Ok(written) => written?,
            Err(error) => {
                left_out += 1;
                bar.suspend(|| say_err!("left out: {}: {error:#}", name(item)));
            }
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

/// One set of cameras has seen the whole data set.
fn same_cameras(seen_by: &mut Option<Vec<String>>, cameras: &[String]) -> Result<()> {
    let before = seen_by.get_or_insert_with(|| cameras.to_vec());
    if before.as_slice() != cameras {
        let (now, before) = (cameras.join(", "), before.join(", "));
        bail!("seen by cameras {now}, what came before by {before}: weights are for one set of cameras");
    }
    Ok(())
}

/// Before long work: an error where no new data set can be made.
fn may_create(out: &Path) -> Result<()> {
    let index = out.join(INDEX);
    if index.exists() {
        bail!("--out {}: a data set is here already; choose another folder", out.display());
    }
    can_write("--out", &index)
}

/// Adds samples to a data set, which begins with the first of them.
fn push(
    samples: &[(Record, Cloud)],
    writer: &mut Option<DatasetWriter>,
    begin: impl FnOnce() -> Result<DatasetWriter>,
) -> Result<()> {
    let writer = match writer {
        Some(writer) => writer,
        None => writer.insert(begin()?),
    };
    samples::push(samples, writer)
}

fn create(
    out: &Path,
    about: &About,
    cameras: &[String],
    folder: &Path,
    count: usize,
    config: &Config,
    policy: &PolicyConfig,
) -> Result<DatasetWriter> {
    let meta = json!({
        "source": about.source, "folder": folder, "commit": env!("NEURAXIS_COMMIT"), "embodiment": config.name,
        "cameras": cameras, "plane_z_m": policy.plane_z_m, "episodes_done": count,
    });
    Ok(DatasetWriter::create(out, policy.bounds_m, meta)?)
}

/// TASK_NUMBER.mcap; with a count where that is the name of another one of this import: each variation of a task has an episode
/// 0, and a scene may be recorded twice.
fn file_name(about: &About, number: u64, taken: &mut BTreeSet<String>) -> String {
    let task: String =
        about.task.chars().map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' }).collect();
    let (mut name, mut count) = (format!("{task}_{number}"), 1);
    while !taken.insert(name.clone()) {
        count += 1;
        name = format!("{task}_{number}_{count}");
    }
    name + ".mcap"
}

/// The episode as a recording: with the configured arm's body if it has its joints, without a shape otherwise.
fn record(episode: &dyn Recorded, number: Option<u64>, out: &Path, folder: &Path, config: &Config) -> Result<()> {
    if out.exists() {
        bail!("{}: exists already; choose another folder for --mcap", out.display());
    }
    if let Some(dir) = out.parent() {
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    let about = episode.about();
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
    save(episode, &body, &meta, out, false)?;
    Ok(())
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
    use neuraxis_episode::{EpisodeReader, Moment, OwnRecording, Picture, Pictures, dataset::Dataset};
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
            let cameras = &self.0.cameras;
            let seen = move |t: usize| -> Vec<Picture> { cameras.iter().map(|name| picture(name, t)).collect() };
            Box::new(frames.iter().map(move |t| Ok((*t, seen(*t)))))
        }
    }

    /// What a camera over the table sees; one that is `flat` has no depth, and one that is `lost` no pose after the first frame.
    fn picture(name: &str, t: usize) -> Picture {
        let is_posed = name != "lost" || t == 0;
        Picture {
            name: name.into(),
            size: [32, 32],
            rgb: (0..3 * 32 * 32).map(|i| (i % 251) as u8).collect(),
            depth_m: (name != "flat").then(|| vec![0.9; 32 * 32]),
            intrinsics: Some(Intrinsics { width: 32, height: 32, fx: 40.0, fy: 40.0, cx: 15.5, cy: 15.5 }),
            world_from_camera: is_posed.then(|| Pose::from_parts(Vector3::new(0.2, 0.0, 1.75), down())),
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
        let kept = imported("kept", &[Some(EARLY_SEED), Some(EARLY_SEED - 1)]).unwrap();
        assert_eq!(seeds(&kept), [EARLY_SEED - 1], "evaluation's scenes are left out");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    /// One with a joint, as recordings need it.
    fn jointed(number: &Option<u64>) -> Result<Opened> {
        let mut led = Led::new();
        led.0.joint_names = vec!["joint".into()];
        Ok(Opened { episode: Box::new(led), number: *number })
    }

    #[test]
    fn episodes_of_one_name_become_a_recording_each_and_what_cannot_be_written_is_learned_from() {
        let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        let dir = std::env::temp_dir().join(format!("neuraxis-import-twice-{}", std::process::id()));
        let imported = |name: &str| {
            let out = dir.join(name);
            let target = ImportTarget { out: Some(out.clone()), mcap: Some(dir.join("mcap")) };
            all(&[Some(5), Some(5)], &dir, &target, &config, true, jointed, |_| "led".into()).unwrap();
            Dataset::open(&out).unwrap().len()
        };
        let count = imported("first");
        for name in ["cup_5", "cup_5_2"] {
            assert!(dir.join("mcap").join(name).with_extension("mcap").exists(), "{name}");
        }
        assert!(count > 0 && count % 2 == 0, "{count} observations of two episodes");
        // The recordings are there already.
        assert_eq!(imported("second"), count);
        let again = ImportTarget { out: None, mcap: Some(dir.join("mcap")) };
        let none = all(&[Some(5)], &dir, &again, &config, true, jointed, |_| "led".into()).unwrap_err().to_string();
        assert!(none.ends_with("none of 1 episodes can be used"), "{none}");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_data_set_names_the_one_set_of_cameras_that_all_of_it_was_seen_by() {
        let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        let dir = std::env::temp_dir().join(format!("neuraxis-import-cameras-{}", std::process::id()));
        let imported = |name: &str, episodes: &[&[&str]]| -> Result<(usize, serde_json::Value)> {
            let out = dir.join(name);
            let target = ImportTarget { out: Some(out.clone()), mcap: None };
            let open = |cameras: &&[&str]| {
                let mut led = Led::new();
                led.0.cameras = cameras.iter().map(|name| name.to_string()).collect();
                Ok(Opened { episode: Box::new(led), number: None })
            };
            all(episodes, &dir, &target, &config, true, open, |_| "led".into())?;
            let set = Dataset::open(&out).unwrap();
            let cameras = set.metas().next().unwrap()["cameras"].clone();
            Ok((set.len(), cameras))
        };
        let (alone, cameras) = imported("flat", &[&["front", "flat"]]).unwrap();
        assert_eq!(cameras, json!(["front"]));
        // The second is left out, the third is not: their order does not matter.
        let (count, cameras) = imported("two", &[&["wrist", "front"], &["front"], &["front", "wrist"]]).unwrap();
        assert_eq!((count, cameras), (2 * alone, json!(["front", "wrist"])));
        let error = imported("lost", &[&["front", "lost"]]).unwrap_err();
        assert!(error.to_string().ends_with("none of 1 episodes can be used"), "{error}");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn where_no_data_set_can_be_written_no_episode_is_opened() {
        let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        let dir = std::env::temp_dir().join(format!("neuraxis-import-out-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("set")).unwrap();
        std::fs::write(dir.join("set/index.json"), "{}").unwrap();
        std::fs::write(dir.join("file"), "").unwrap();
        let said = |out: &str| {
            let target = ImportTarget { out: Some(dir.join(out)), mcap: None };
            let open = |_: &u64| -> Result<Opened> { panic!("an episode is opened") };
            all(&[0], &dir, &target, &config, true, open, |_| "led".into()).unwrap_err().to_string()
        };
        assert!(
            said("set").starts_with("--out ") && said("set").contains("a data set is here already"),
            "{}",
            said("set")
        );
        assert!(said("file").starts_with("--out ") && said("file").contains("cannot be written"), "{}", said("file"));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn demonstrations_without_a_seed_become_a_recording_each() {
        let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        let dir = std::env::temp_dir().join(format!("neuraxis-import-mcap-{}", std::process::id()));
        let target = ImportTarget { out: None, mcap: Some(dir.clone()) };
        all(&[None, Some(7), None], &dir, &target, &config, true, jointed, |_| "led".into()).unwrap();
        for name in ["cup_0", "cup_1", "cup_7"] {
            assert!(dir.join(name).with_extension("mcap").exists(), "{name}");
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_sentence_that_nobody_wrote_down_is_none_in_the_recording() {
        let config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        let dir = std::env::temp_dir().join(format!("neuraxis-import-mute-{}", std::process::id()));
        let target = ImportTarget { out: None, mcap: Some(dir.clone()) };
        let open = |number: &Option<u64>| {
            let mut led = Led::new();
            (led.0.joint_names, led.0.instruction) = (vec!["joint".into()], None);
            Ok(Opened { episode: Box::new(led), number: *number })
        };
        all(&[None], &dir, &target, &config, true, open, |_| "led".into()).unwrap();
        let own = OwnRecording::new(EpisodeReader::open(&dir.join("cup_0.mcap")).unwrap()).unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!((own.about().instruction.as_deref(), own.moments().len()), (None, 4));
    }
}
