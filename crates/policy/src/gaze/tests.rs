//! From a data set to a frozen stream, on a small scene made here: a table, a hand and a block that the hand goes to.

use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
};

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::{Gripper, KeyFrame, Nanos, Pose, Tool, World};
use neuraxis_episode::dataset::{CloudSample, Dataset, DatasetWriter};
use neuraxis_vision::Cloud;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use tch::Device;

use super::{
    GazeConfig, GazeStream, GazeTraining,
    checkpoint::{About, GazeCheckpoint},
    evaluate,
    samples::ClipSamples,
    train::{News, RunFiles, train},
};
use crate::{
    DeviceChoice, PolicyConfig,
    dynamic::Label,
    sample::{LabelledGoal, Record},
};

fn pose(position: Vector3<f64>) -> Pose<World, Tool> {
    Pose::from_parts(position, UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0))
}

/// A grey table, a red block at `target` and a blue hand above `tool`.
fn scene(tool: &Vector3<f64>, target: &Vector3<f64>) -> Cloud {
    let mut cloud = Cloud::default();
    let mut push = |p: [f64; 3], rgb: [u8; 3]| {
        cloud.xyz_in_world.push(p.map(|x| x as f32));
        cloud.rgb.push(rgb);
    };
    for i in 0..60 {
        for j in 0..60 {
            push([-0.2 + 0.014 * f64::from(i), -0.42 + 0.014 * f64::from(j), 0.75], [150, 150, 150]);
        }
    }
    for i in 0..8 {
        for j in 0..8 {
            let (a, b) = (0.006 * f64::from(i) - 0.021, 0.006 * f64::from(j) - 0.021);
            push([target.x + a, target.y + b, target.z], [230, 30, 30]);
            push([tool.x + a, tool.y + b, tool.z + 0.02], [30, 30, 230]);
            push([tool.x + a, tool.y, tool.z + 0.02 + 0.08 + b], [30, 30, 230]);
        }
    }
    cloud
}

pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("neuraxis-gaze-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    pub(super) fn files(&self, run: &str) -> RunFiles {
        let at = |name: &str| self.0.join(format!("{run}-{name}.safetensors"));
        RunFiles { weights: at("gaze"), state: at("state"), init: None }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `episodes` of three observations each on the way to the block.
pub(super) fn dataset(dir: &Path, episodes: u64) -> Dataset {
    let mut rng = Pcg64::seed_from_u64(9);
    let mut writer = DatasetWriter::create(dir, GazeConfig::small().bounds_m, serde_json::json!({})).unwrap();
    for seed in 0..episodes {
        let mut draw = |low: f64, high: f64| rng.random_range(low..high);
        let target = Vector3::new(draw(0.05, 0.4), draw(-0.25, 0.25), 0.8);
        let start = Vector3::new(draw(0.05, 0.4), draw(-0.25, 0.25), draw(0.95, 1.15));
        // The last of an episode comes too late after the one before in every fourth of them.
        let late = if seed % 4 == 3 { 9.0 } else { 2.0 };
        for (way, secs) in [(0.0, 0.0), (0.4, 1.0), (0.8, late)] {
            let tool = start + (target - start) * way;
            let keyframe =
                KeyFrame { world_from_tool: pose(target), gripper: Gripper::Closed, ignore_collisions: false };
            let record = Record {
                task: "reach".into(),
                seed,
                kind: 0,
                secs,
                world_from_tool: pose(tool),
                reached_world_from_tool: pose(start),
                gripper: Gripper::Open,
                gripper_width_m: 0.08,
                goals: vec![LabelledGoal { instruction: "reach the block".into(), keyframe, end_xyz_in_world: None }],
            };
            let cloud = scene(&tool, &target);
            writer.push(&CloudSample { xyz_in_world: &cloud.xyz_in_world, rgb: &cloud.rgb, record: &record }).unwrap();
        }
    }
    writer.finish().unwrap();
    Dataset::open(dir).unwrap()
}

fn tiny(label: Label) -> GazeTraining {
    GazeTraining {
        gaze: GazeConfig { label, image_px: 64, width: 8, kernel_px: 5, drop_path: 0.1, ..GazeConfig::small() },
        steps: 6,
        batch: 4,
        warmup: 2,
        checkpoint_every: 3,
        log_every: 3,
        holdout: 0.2,
        ..GazeTraining::default()
    }
}

fn about(config: &GazeTraining) -> About {
    About {
        config: config.gaze.clone(),
        embodiment: "fr3".into(),
        command: "test".into(),
        commit: "none".into(),
        seed: config.seed,
        steps: 0,
        train_secs: 0.0,
        data: "none".into(),
        licence: "Apache-2.0".into(),
        recipe: None,
    }
}

/// All weights, by name.
fn weights(path: &Path) -> Vec<(String, Vec<f32>)> {
    let mut all: Vec<_> = GazeCheckpoint::read(path)
        .unwrap()
        .tensors
        .into_iter()
        .map(|(name, tensor)| (name, Vec::<f32>::try_from(tensor.view([-1])).unwrap()))
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

#[test]
fn the_frame_before_is_of_the_same_episode() {
    let folder = Folder::new("previous");
    let samples = ClipSamples::new(dataset(&folder.0.join("data"), 4), 0.2).unwrap();
    let previous: Vec<_> = (0..samples.len()).map(|i| samples.previous(i)).collect();
    let expected = [None, Some(0), Some(1), None, Some(3), Some(4), None, Some(6), Some(7), None, Some(9), None];
    assert_eq!(previous, expected);
    // Seed 0 is held out, whole.
    assert_eq!(samples.validation(), [0, 1, 2]);
    let batch = samples.plain_batch(&tiny(Label::NextKeyframe).gaze, &[0, 2]).unwrap();
    assert_eq!(batch.clip.size(), [2, 2, 3, 64, 64]);
    assert_eq!(batch.target.size(), [2, 2, 16, 16]);
    // The first clip of an episode shows one frame twice, a later one does not.
    assert_eq!(batch.clip.get(0).get(0), batch.clip.get(0).get(1));
    assert_ne!(batch.clip.get(1).get(0), batch.clip.get(1).get(1));
    let elsewhere = GazeConfig { bounds_m: [0.0, 0.0, 0.0, 1.0, 1.0, 1.0], ..tiny(Label::Current).gaze };
    let text = samples.check_fits(&elsewhere).unwrap_err().to_string();
    assert!(text.contains("data/index.json: bounds_m = [-0.3") && text.ends_with("1.0] m"), "{text}");
    let text = ClipSamples::new(dataset(&folder.0.join("one"), 1), 0.2).err().unwrap().to_string();
    assert!(text.contains("every scene is held out"), "{text}");
}

#[test]
fn a_run_cut_anywhere_goes_on_as_the_unbroken_one() {
    let folder = Folder::new("resume");
    let samples = ClipSamples::new(dataset(&folder.0.join("data"), 6), 0.2).unwrap();
    let config = tiny(Label::NextKeyframe);
    let run = |name: &str, most: u64| {
        let taken = Cell::new(0);
        let go_on = || taken.replace(taken.get() + 1) < most;
        train(&config, &samples, about(&config), &folder.files(name), Device::Cpu, |_| (), go_on).unwrap();
        weights(&folder.files(name).weights)
    };
    // All begin with the same saved weights: other tests draw from torch's one generator at the same time.
    run("start", 0);
    for name in ["whole", "again", "cut"] {
        fs::copy(folder.files("start").state, folder.files(name).state).unwrap();
    }
    let whole = run("whole", 100);
    assert_eq!(whole, run("again", 100), "two runs of one seed differ");
    let part = run("cut", 4);
    assert_ne!(whole, part);
    assert_eq!(whole, run("cut", 100), "the resumed run differs");

    let other = GazeTraining { gaze: GazeConfig { width: 16, ..config.gaze.clone() }, ..config.clone() };
    let refused = train(&other, &samples, about(&other), &folder.files("cut"), Device::Cpu, |_| (), || true);
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("was made with gaze.width 8, this is 16; give another --out"), "{text}");
    for (other, words) in [
        (GazeTraining { seed: 2, ..config.clone() }, "seed 1, this is 2"),
        (GazeTraining { micro_batch: Some(2), ..config.clone() }, "micro_batch none, this is 2"),
    ] {
        let refused = train(&other, &samples, about(&other), &folder.files("cut"), Device::Cpu, |_| (), || true);
        let text = refused.unwrap_err().to_string();
        assert!(text.contains(&format!("was made with {words}; give another --out")), "{text}");
    }
    let elsewhere = About { data: "elsewhere".into(), ..about(&config) };
    let refused = train(&config, &samples, elsewhere, &folder.files("cut"), Device::Cpu, |_| (), || true);
    assert!(refused.unwrap_err().to_string().contains("was made with data none, this is elsewhere"));
    // Longer, and written more often, is the same run.
    let longer = GazeTraining { steps: 7, checkpoint_every: 1, ..config.clone() };
    train(&longer, &samples, about(&longer), &folder.files("cut"), Device::Cpu, |_| (), || true).unwrap();
}

#[test]
fn it_starts_from_other_weights_that_see_the_same() {
    let folder = Folder::new("init");
    let samples = ClipSamples::new(dataset(&folder.0.join("data"), 6), 0.2).unwrap();
    let config = tiny(Label::Current);
    train(&config, &samples, about(&config), &folder.files("first"), Device::Cpu, |_| (), || true).unwrap();
    let files = RunFiles { init: Some(folder.files("first").weights), ..folder.files("second") };
    let other =
        GazeTraining { gaze: GazeConfig { label: Label::NextKeyframe, ..config.gaze.clone() }, ..config.clone() };
    let started = |config: &GazeTraining, files: &RunFiles| {
        let mut warm = None;
        let keep = |news| {
            if let News::Warm(found) = news {
                warm = Some(found);
            }
        };
        train(config, &samples, about(config), files, Device::Cpu, keep, || false).unwrap();
        warm.unwrap()
    };
    let warm = started(&other, &files);
    assert!(warm.fresh.is_empty() && warm.notes.is_empty(), "{warm:?}");
    assert_eq!(weights(&files.weights), weights(&folder.files("first").weights));
    let stricter = GazeTraining { holdout: 0.3, ..config.clone() };
    let notes = started(&stricter, &RunFiles { state: folder.0.join("stricter"), ..files.clone() }).notes;
    assert!(
        matches!(&notes[..], [note] if note.starts_with("warning: trained with holdout 0.2, this is 0.3: scenes")),
        "{notes:?}"
    );

    let files = RunFiles { state: folder.0.join("none"), ..files };
    let mut turned = config.clone();
    turned.gaze.camera.hfov_deg = 60.0;
    // Fewer blocks would be no hindrance, and are not what is named.
    turned.gaze.blocks = [1, 1, 1, 1];
    let refused = train(&turned, &samples, about(&turned), &files, Device::Cpu, |_| (), || false);
    let text = refused.unwrap_err().to_string();
    assert!(
        text.contains("gaze.safetensors: sees otherwise: it was made with gaze.camera.hfov_deg 80.0, this is 60.0"),
        "{text}"
    );
}

#[test]
fn where_it_looks_is_drawn_at_every_checkpoint() {
    let folder = Folder::new("pictures");
    let samples = ClipSamples::new(dataset(&folder.0.join("data"), 6), 0.2).unwrap();
    let config = tiny(Label::NextKeyframe);
    let mut drawn = Vec::new();
    let keep = |news| {
        if let News::Looked { step, pictures } = news {
            drawn.push((step, pictures));
        }
    };
    train(&config, &samples, about(&config), &folder.files("run"), Device::Cpu, keep, || true).unwrap();
    assert_eq!(drawn.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [3, 6]);
    for (_, pictures) in &drawn {
        // The held-out scenes are 0 and 5, of three clips each.
        assert_eq!(pictures.len(), samples.validation().len());
        assert_eq!(pictures[0].name, "reach 0");
        for picture in pictures {
            let views = &picture.views;
            assert_eq!((views.side, views.rgb.len(), views.heat.len()), (64, 3, 3));
            assert!(views.rgb.iter().all(|rgb| rgb.len() == 3 * 64 * 64));
            // Probabilities on a quarter of the side, spread over sixteen pixels each.
            let sums: Vec<f32> = views.heat.iter().map(|heat| heat.iter().sum::<f32>() / 16.0).collect();
            assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 0.05), "{sums:?}");
        }
        // The first clip of an episode shows one frame twice.
        assert_eq!(pictures[0].views.rgb[0], pictures[0].views.rgb[1]);
        assert_ne!(pictures[1].views.rgb[0], pictures[1].views.rgb[1]);
    }
}

/// Torch has one generator for the whole process, from which other tests draw: in a process of its own the seed decides.
#[test]
fn it_learns_where_the_hand_is() {
    let alone = ["--exact", "gaze::tests::learning_alone", "--ignored", "--nocapture"];
    let output = std::process::Command::new(std::env::current_exe().unwrap()).args(alone).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "started by the test above"]
fn learning_alone() {
    let folder = Folder::new("learns");
    let samples = ClipSamples::new(dataset(&folder.0.join("data"), 40), 0.2).unwrap();
    let config = GazeTraining { steps: 200, lr: 3e-3, warmup: 20, ema: 0.98, ..tiny(Label::Current) };
    let files = folder.files("run");
    let mut losses = Vec::new();
    let keep = |news| {
        if let News::Progress(progress) = news {
            losses.push(progress.loss);
        }
    };
    train(&config, &samples, about(&config), &files, Device::Cpu, keep, || true).unwrap();
    let stream = GazeStream::load(&files.weights, DeviceChoice::Cpu).unwrap();
    let held_out = samples.validation();
    let score = evaluate::score(stream.net(), &samples, held_out, Device::Cpu).unwrap().unwrap();
    let baselines = evaluate::baselines(&config.gaze, &samples, held_out).unwrap().unwrap();
    println!("network:  {score}\nconstant: {}\ntool:     {}", baselines.constant, baselines.tool);
    assert!(losses[losses.len() - 1] < 0.5 * losses[0], "{losses:?}");
    assert!(score.median < 0.5 * baselines.constant.median);
    // The label is the tool: forward kinematics has no error at all.
    assert_eq!(baselines.tool.median, 0.0);
}

#[test]
fn a_stream_reports_what_it_saw_and_how_old_it_was() {
    let folder = Folder::new("stream");
    let samples = ClipSamples::new(dataset(&folder.0.join("data"), 3), 0.2).unwrap();
    let config = GazeTraining { steps: 2, ..tiny(Label::Current) };
    let files = folder.files("run");
    train(&config, &samples, about(&config), &files, Device::Cpu, |_| (), || true).unwrap();
    let mut stream = GazeStream::load(&files.weights, DeviceChoice::Cpu).unwrap();
    assert_eq!((stream.about().steps, stream.config().label), (2, Label::Current));

    let (tool, target) = (Vector3::new(0.2, 0.1, 1.0), Vector3::new(0.3, 0.0, 0.8));
    let first = stream.look(&scene(&tool, &target), &pose(tool), Nanos::from_millis(100)).unwrap();
    assert_eq!(first.previous_age_secs, None);
    assert_eq!(first.frames[0], first.frames[1]);
    let moved = tool + Vector3::new(0.0, -0.05, -0.02);
    let second = stream.look(&scene(&moved, &target), &pose(moved), Nanos::from_millis(200)).unwrap();
    assert!((second.previous_age_secs.unwrap() - 0.1).abs() < 1e-9);
    assert_ne!(second.frames[0], second.frames[1]);
    assert_eq!(second.observed_at, Nanos::from_millis(200));
    assert_eq!(second.output.features.size(), [1, 128, 2, 2]);
    assert!(!second.output.features.requires_grad());
    assert_eq!((second.map.len(), second.frames[1].len()), (16 * 16, 64 * 64 * 3));
    assert!((second.map.iter().sum::<f32>() - 1.0).abs() < 1e-4);
    // The ray starts at the camera and goes through the peak; the point is one of the cloud's.
    let view = neuraxis_vision::PerspectiveView::new(second.world_from_camera, second.hfov_rad, 64).unwrap();
    let on_ray = second.world_from_camera.position() + second.ray_in_world;
    let pixel = view.project(&on_ray).unwrap().pixel;
    assert!((0..2).all(|a| (pixel[a] - second.peak[a]).abs() < 1e-6), "{pixel:?} {:?}", second.peak);
    let point = second.point_in_world.unwrap().cast::<f32>();
    assert!(scene(&moved, &target).xyz_in_world.contains(&point.into()));

    // Too old, later than now, or forgotten: no frame before.
    let look = |stream: &mut GazeStream, millis: u64| {
        stream.look(&scene(&tool, &target), &pose(tool), Nanos::from_millis(millis)).unwrap().previous_age_secs
    };
    assert_eq!(look(&mut stream, 9000), None);
    assert_eq!(look(&mut stream, 8000), None);
    assert!(look(&mut stream, 8100).is_some());
    stream.reset();
    assert_eq!(look(&mut stream, 8200), None);
    // Asked ten times a second, half a second.
    let ages = [1, 2, 3, 4, 5, 6, 7].map(|tick| look(&mut stream, 8200 + 100 * tick).unwrap());
    let wanted = [0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5];
    assert!(ages.iter().zip(wanted).all(|(age, wanted)| (age - wanted).abs() < 1e-9), "{ages:?}");
}

#[test]
fn bad_input_is_refused_by_name_and_leaves_the_stream_as_it_was() {
    let folder = Folder::new("bad");
    let samples = ClipSamples::new(dataset(&folder.0.join("data"), 3), 0.2).unwrap();
    let config = GazeTraining { steps: 1, ..tiny(Label::Current) };
    let files = folder.files("run");
    train(&config, &samples, about(&config), &files, Device::Cpu, |_| (), || true).unwrap();
    let mut stream = GazeStream::load(&files.weights, DeviceChoice::Cpu).unwrap();
    let (tool, target) = (Vector3::new(0.2, 0.1, 1.0), Vector3::new(0.3, 0.0, 0.8));
    stream.look(&scene(&tool, &target), &pose(tool), Nanos::from_millis(100)).unwrap();

    let now = Nanos::from_millis(200);
    let text = stream.look(&Cloud::default(), &pose(tool), now).unwrap_err().to_string();
    assert!(text.contains("the cloud has 0 points"), "{text}");
    let broken = pose(Vector3::new(f64::NAN, 0.0, 1.0));
    let text = stream.look(&scene(&tool, &target), &broken, now).unwrap_err().to_string();
    assert!(text.contains("the tool's pose is not a rigid motion"), "{text}");
    let after = stream.look(&scene(&tool, &target), &pose(tool), now).unwrap();
    assert!((after.previous_age_secs.unwrap() - 0.1).abs() < 1e-9);

    // Two by two tokens of this stream against the policy's six by six.
    let text = stream.frozen().check_fits(&PolicyConfig::default()).unwrap_err().to_string();
    assert!(text.contains("gaze.image_px = 64"), "{text}");
    let elsewhere = PolicyConfig { bounds_m: [0.0, 0.0, 0.0, 1.0, 1.0, 1.0], ..PolicyConfig::default() };
    assert!(stream.frozen().check_fits(&elsewhere).unwrap_err().to_string().contains("gaze.bounds_m"));
    let narrow = PolicyConfig { image_px: 32, gaze_dim: 192, ..PolicyConfig::default() };
    let text = stream.frozen().check_fits(&narrow).unwrap_err().to_string();
    assert_eq!(text, "policy.gaze_dim = 192, but the features of this gaze network are 128 wide");
    stream.frozen().check_fits(&PolicyConfig { gaze_dim: 128, ..narrow }).unwrap();

    // Files: of another network, of another shape than they say, cut short, no weights at all.
    let refused = |path: &Path| GazeStream::load(path, DeviceChoice::Cpu).err().unwrap().to_string();
    let path = folder.0.join("other.safetensors");
    let read = GazeCheckpoint::read(&files.weights).unwrap();
    let tensors: Vec<_> = read.tensors.into_iter().collect();
    let mut wider = read.about.clone();
    wider.config.width = 16;
    GazeCheckpoint::write(&path, &wider, &tensors).unwrap();
    assert!(refused(&path).contains("expected ["), "{}", refused(&path));
    let mut odd = read.about.clone();
    odd.config.image_px = 100;
    GazeCheckpoint::write(&path, &odd, &tensors).unwrap();
    assert!(refused(&path).contains("image_px = 100"), "{}", refused(&path));
    let bytes = fs::read(&files.weights).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    assert!(refused(&path).contains("other.safetensors"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/weights/small.safetensors");
    assert!(refused(&root).contains("not weights of a gaze network"), "{}", refused(&root));
    assert!(refused(Path::new("/nowhere/gaze.safetensors")).contains("/nowhere/gaze.safetensors"));
}
