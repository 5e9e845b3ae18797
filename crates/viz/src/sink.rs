//! Core types into Rerun's.

use std::{path::Path, time::Duration};

use nalgebra::{Isometry3, Point3, Vector3};
use neuraxis_core::{ArmState, CameraView, Gripper, KeyFrame, Nanos, Observation, Pose, Prediction, Tool, World};
use neuraxis_episode::{CommandSample, GazeRay, Level, Points, PredictionDetail};
use rerun::{
    Arrows3D, AsComponents, Color, DepthImage, Image, LineStrips3D, Pinhole, Points3D, RecordingStream, Scalars,
    StateChange, TextDocument, TextLog, TextLogLevel, TimePoint, Transform3D, ViewCoordinates,
    datatypes::{ChannelDatatype, Quaternion},
    external::re_importer::{
        UrdfTree,
        external::urdf_rs::{self, Joint},
    },
};

use crate::{
    VizConfig, VizError, blueprint, heat, layout, paths,
    source::{self, Target},
};

const WHITE: [u8; 3] = [245, 245, 245];
const AXES: [[u8; 3]; 3] = [[235, 80, 80], [90, 205, 90], [90, 130, 250]];
/// The tool's path keeps this many points and drops every second one when it is full.
const PATH_POINTS: usize = 2000;
/// A point is added to the path after this much motion [m].
const PATH_STEP_M: f64 = 0.002;
/// Time given to a slow disk or viewer at the end.
const FLUSH: Duration = Duration::from_secs(10);

/// Shows a run. For one thread that may allocate and block; give it a thread of its own beside a running loop.
pub struct Viz {
    pub(crate) rec: RecordingStream,
    pub(crate) config: VizConfig,
    tree: UrdfTree,
    joints: Vec<Joint>,
    gripper_joints: Vec<Joint>,
    next_state: Nanos,
    /// The state that was shown last, for the command that belongs to it.
    state: Option<ArmState>,
    pub(crate) latency: Latency,
    tool: Option<Vector3<f64>>,
    path: Vec<[f32; 3]>,
    path_step_m: f64,
    keyframe: Option<Isometry3<f64>>,
    keyframes: Vec<[f32; 3]>,
    phase: String,
    /// Instructions so far.
    told: Vec<(Nanos, String)>,
}

/// The worst of the loop's wake latencies since the last that was shown.
#[derive(Default)]
pub(crate) struct Latency {
    pub(crate) worst: Nanos,
    pub(crate) next: Nanos,
}

impl Viz {
    /// Writes a recording that `rerun FILE` opens.
    pub fn to_file(path: &Path, config: &VizConfig) -> Result<Self, VizError> {
        Self::one(&Target::File(path), config)
    }

    /// Opens the viewer (`viewer`: the program, else `rerun` on PATH) and streams to it, and to a file as well if asked.
    /// [`VizError::NoDisplay`] where there is no screen: go on with [`Viz::to_file`].
    pub fn live(viewer: Option<&Path>, also_to: Option<&Path>, config: &VizConfig) -> Result<Self, VizError> {
        Self::one(&Target::Viewer { viewer, also_to }, config)
    }

    /// Several runs in one recording, side by side; each has a root of its own in its configuration.
    pub fn together(target: &Target<'_>, configs: &[VizConfig]) -> Result<Vec<Self>, VizError> {
        let trees = configs.iter().map(tree).collect::<Result<Vec<_>, _>>()?;
        let shown: Vec<_> = configs.iter().zip(&trees).map(|(config, tree)| (config, tree.name())).collect();
        let rec = source::open(blueprint::RUNS.name, target)?;
        blueprint::send(&rec, blueprint::RUNS, &layout::layout(&shown))?;
        let titles: Vec<&str> = configs.iter().map(|config| config.title.as_str()).collect();
        rec.send_recording_name(titles.join(" | "))?;
        rec.log_static("/", &ViewCoordinates::RIGHT_HAND_Z_UP())?;
        configs.iter().zip(trees).map(|(config, tree)| Self::new(rec.clone(), config, tree)).collect()
    }

    /// Lays out the windows of one recording anew. Once everything is in it, each view fits itself to all that it holds and
    /// not to the first of it; whoever is looking has the window rearranged under the eyes.
    pub fn lay_out(windows: &[Self]) -> Result<(), VizError> {
        let shown: Vec<_> = windows.iter().map(|viz| (&viz.config, viz.tree.name())).collect();
        windows.first().map_or(Ok(()), |first| blueprint::send(&first.rec, blueprint::RUNS, &layout::layout(&shown)))
    }

    fn one(target: &Target<'_>, config: &VizConfig) -> Result<Self, VizError> {
        let mut all = Self::together(target, std::slice::from_ref(config))?;
        all.pop().ok_or_else(|| VizError::Stream("nothing to show".into()))
    }

    fn new(rec: RecordingStream, config: &VizConfig, tree: UrdfTree) -> Result<Self, VizError> {
        let urdf = |reason: String| VizError::Urdf { path: config.urdf.clone(), reason };
        let find = |names: &[String]| {
            let joint = |name: &String| {
                tree.get_joint_by_name(name).cloned().ok_or_else(|| urdf(format!("there is no joint {name:?}")))
            };
            names.iter().map(joint).collect::<Result<Vec<_>, _>>()
        };
        let viz = Self {
            joints: find(&config.joint_names)?,
            gripper_joints: find(&config.gripper_joint_names)?,
            rec,
            config: config.clone(),
            tree,
            next_state: Nanos(0),
            state: None,
            latency: Latency::default(),
            tool: None,
            path: Vec::new(),
            path_step_m: PATH_STEP_M,
            keyframe: None,
            keyframes: Vec::new(),
            told: Vec::new(),
            phase: String::new(),
        };
        // The robot's shapes and the transforms between its links.
        let mut send = |chunk| viz.rec.send_chunk(chunk);
        viz.tree.emit(&mut send, &TimePoint::default(), true).map_err(|e| urdf(format!("{e:#}")))?;
        // Without this tie between named frames and the entity tree the viewer leaves the robot out.
        let root = viz.tree.apply_frame_prefix(&viz.tree.root().name);
        let tie = transform(&config.world_from_base.iso).with_parent_frame("tf#/").with_child_frame(root.as_str());
        viz.put_static(paths::TRANSFORMS, &tie)?;
        viz.log_styles()?;
        Ok(viz)
    }

    /// The arm as measured. Thinned out to the configured rate.
    pub fn log_state(&mut self, state: &ArmState) -> Result<(), VizError> {
        if state.stamp < self.next_state {
            return Ok(());
        }
        self.next_state = state.stamp + Nanos::from_secs(1.0 / self.config.state_rate_hz);
        self.state = Some(*state);
        self.at(state.stamp);
        let finger_m = state.gripper_width_m / self.gripper_joints.len().max(1) as f64;
        let fingers = self.gripper_joints.iter().map(|joint| (joint, finger_m));
        for (joint, value) in self.joints.iter().zip(state.q.iter().copied()).chain(fingers) {
            let moved = self
                .tree
                .compute_joint_transform(joint, value, false)
                .map_err(|e| VizError::Urdf { path: self.config.urdf.clone(), reason: e.to_string() })?;
            self.put(paths::TRANSFORMS, &moved)?;
        }
        self.put(paths::MEASURED, &Scalars::new(state.q.iter().copied()))?;
        self.put(paths::WIDTH, &Scalars::new([state.gripper_width_m * 1e3]))
    }

    /// What the arm was told, beside the state of the same moment; without one that was shown it is left out.
    pub fn log_command(&mut self, command: &CommandSample) -> Result<(), VizError> {
        let Some(state) = self.state.filter(|state| state.stamp == command.stamp) else { return Ok(()) };
        self.at(command.stamp);
        self.put(paths::COMMANDED, &Scalars::new(command.q.iter().copied()))?;
        let errors_mrad = state.q.iter().zip(command.q.iter()).map(|(measured, wanted)| (measured - wanted) * 1e3);
        let errors_mrad: Vec<f64> = errors_mrad.collect();
        let worst_mrad = errors_mrad.iter().fold(0.0, |worst: f64, error| worst.max(error.abs()));
        self.put(paths::TRACKING, &Scalars::new(errors_mrad))?;
        self.put(paths::TRACKING_WORST, &Scalars::new([worst_mrad]))?;
        self.put(paths::WIDTH_COMMANDED, &Scalars::new([command.gripper_width_m * 1e3]))
    }

    /// Where the tool is; extends its path.
    pub fn log_tool(&mut self, stamp: Nanos, world_from_tool: &Pose<World, Tool>) -> Result<(), VizError> {
        let position = world_from_tool.position();
        let moved_m = self.tool.map_or(f64::INFINITY, |last| (position - last).norm());
        self.at(stamp);
        self.put(paths::TOOL, &axes(&world_from_tool.iso, 0.05, 0.002))?;
        self.put(paths::TOOL_HEIGHT, &Scalars::new([position.z * 1e3]))?;
        if moved_m < self.path_step_m {
            return Ok(());
        }
        self.tool = Some(position);
        self.path.push(array(&position));
        if self.path.len() > PATH_POINTS {
            let mut index = 0;
            self.path.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.path_step_m *= 2.0;
        }
        let line = LineStrips3D::new([self.path.clone()]).with_colors([[255, 205, 80]]).with_radii([0.0015]);
        self.put(paths::TOOL_PATH, &line)?;
        Ok(())
    }

    /// Camera images, depth and frusta, and the tool's pose.
    pub fn log_observation(&mut self, observation: &Observation) -> Result<(), VizError> {
        self.at(observation.stamp);
        for view in &observation.cameras {
            self.log_camera(view)?;
        }
        self.log_tool(observation.stamp, &observation.world_from_tool)
    }

    fn log_camera(&self, view: &CameraView) -> Result<(), VizError> {
        let camera = paths::camera(&view.name);
        let k = view.intrinsics;
        let size = [k.width, k.height];
        let pinhole =
            Pinhole::from_focal_length_and_resolution([k.fx as f32, k.fy as f32], [k.width as f32, k.height as f32])
                // Rerun counts from the corner of the first pixel, we from its centre.
                .with_principal_point([k.cx as f32 + 0.5, k.cy as f32 + 0.5])
                .with_camera_xyz(rerun::components::ViewCoordinates::RDF)
                .with_image_plane_distance(self.config.frustum_m);
        self.put(&camera, &transform(&view.world_from_camera.iso))?;
        self.put(&camera, &pinhole)?;
        self.put(&paths::rgb(&view.name), &Image::from_rgb24(view.rgb.clone(), size))?;
        let depth: Vec<u8> = view.depth_m.iter().flat_map(|depth| depth.to_le_bytes()).collect();
        let depth = DepthImage::from_data_type_and_bytes(depth, size, ChannelDatatype::F32).with_meter(1.0);
        self.put(&paths::depth(&view.name), &depth)?;
        Ok(())
    }

    /// The fused point cloud in world [m].
    pub fn log_cloud(&mut self, stamp: Nanos, cloud: &Points) -> Result<(), VizError> {
        self.at(stamp);
        let points = Points3D::new(cloud.xyz_in_world.iter().copied())
            .with_colors(cloud.rgb.iter().copied().map(Color::from))
            .with_radii([0.003]);
        self.put(paths::CLOUD, &points)
    }

    /// A policy's answer at the moment that it saw: the key-frame in the scene, how long it took.
    pub fn log_prediction(&mut self, prediction: &Prediction) -> Result<(), VizError> {
        self.log_keyframe(prediction.observed_at, &prediction.keyframe)?;
        let t = prediction.times;
        let stages =
            [t.render_secs, t.host_to_device_secs, t.coarse_secs, t.fine_secs, t.device_to_host_secs, t.total_secs];
        self.put(paths::POLICY_TIMING, &Scalars::new(stages.map(|secs| f64::from(secs) * 1e3)))?;
        self.put(paths::CONFIDENCE, &Scalars::new([f64::from(prediction.confidence)]))?;
        Ok(())
    }

    /// A key-frame in the scene, with the trail of those before it and the way there from the tool.
    pub fn log_keyframe(&mut self, stamp: Nanos, keyframe: &KeyFrame) -> Result<(), VizError> {
        self.at(stamp);
        let iso = keyframe.world_from_tool.iso;
        let gripper = match keyframe.gripper {
            Gripper::Open => "open",
            Gripper::Closed => "close",
        };
        let way = if keyframe.ignore_collisions { "straight" } else { "around" };
        self.put(paths::KEYFRAME, &axes(&iso, 0.11, 0.004))?;
        self.put(paths::KEYFRAME_LABEL, &label(&iso, &format!("next: {way}, then {gripper}"), WHITE))?;
        // The trail keeps a key-frame when the next one is elsewhere.
        if self.keyframe.is_none_or(|last| (last.translation.vector - iso.translation.vector).norm() > 0.005) {
            self.keyframes.push(array(&iso.translation.vector));
            let trail = Points3D::new(self.keyframes.clone()).with_colors([[80, 220, 255]]).with_radii([0.01]);
            self.put(paths::KEYFRAME_TRAIL, &trail)?;
        }
        self.keyframe = Some(iso);
        if let Some(tool) = self.tool {
            let link = LineStrips3D::new([[array(&tool), array(&iso.translation.vector)]])
                .with_colors([[80, 220, 255]])
                .with_radii([0.001]);
            self.put(paths::KEYFRAME_LINK, &link)?;
        }
        Ok(())
    }

    /// What a policy saw and thought: its views with their heatmaps, where its gaze rested.
    pub fn log_detail(&mut self, stamp: Nanos, detail: &PredictionDetail) -> Result<(), VizError> {
        self.at(stamp);
        self.make_room(detail)?;
        if let Some(gaze) = &detail.gaze {
            self.log_gaze(gaze)?;
        }
        for view in &detail.views {
            if let Some(picture) = heat::overlay(view) {
                self.put(&paths::virtual_view(&view.name), &Image::from_rgb24(picture, view.size))?;
            }
        }
        Ok(())
    }

    /// Views that the layout does not have yet, as those of a dynamic stream, get a place in it.
    fn make_room(&mut self, detail: &PredictionDetail) -> Result<(), VizError> {
        let known = self.config.virtual_views.len();
        for view in &detail.views {
            if !self.config.virtual_views.contains(&view.name) {
                self.config.virtual_views.push(view.name.clone());
            }
        }
        // Beside others the layout is made by [`Viz::lay_out`].
        if self.config.virtual_views.len() > known && self.config.root.is_empty() {
            Self::lay_out(std::slice::from_ref(self))?;
        }
        Ok(())
    }

    /// The ray from the eye to what it rests on, and that point.
    fn log_gaze(&self, gaze: &GazeRay) -> Result<(), VizError> {
        let ray = Arrows3D::from_vectors([heat::gaze_vector(gaze)])
            .with_origins([gaze.eye_in_world])
            .with_colors([[255, 170, 60]])
            .with_radii([0.002]);
        self.put(paths::GAZE_RAY, &ray)?;
        let point = Points3D::new(gaze.point_in_world).with_colors([[255, 170, 60]]).with_radii([0.015]);
        self.put(paths::GAZE_POINT, &point)?;
        Ok(())
    }

    /// How late the loop woke [s]. Call it with the worst of an interval rather than for every tick.
    pub fn log_wake_latency(&mut self, stamp: Nanos, latency_secs: f64) -> Result<(), VizError> {
        self.at(stamp);
        self.put(paths::LOOP_TIMING, &Scalars::new([latency_secs * 1e6]))?;
        Ok(())
    }

    /// What the cerebellum is doing; logged when it changes.
    pub fn log_phase(&mut self, stamp: Nanos, phase: &str) -> Result<(), VizError> {
        if self.phase != phase {
            self.phase = phase.to_owned();
            self.at(stamp);
            self.put(paths::PHASE, &StateChange::single(phase))?;
        }
        Ok(())
    }

    /// A new instruction (empty: nothing is to be done): shown in large, and in the log. Starts a new trail of key-frames.
    pub fn log_instruction(&mut self, stamp: Nanos, text: &str) -> Result<(), VizError> {
        self.keyframes.clear();
        self.keyframe = None;
        self.at(stamp);
        let (text, event) = match text {
            "" => ("no instruction", "no instruction".to_string()),
            text => (text, format!("instruction: {text}")),
        };
        self.told.push((stamp, text.to_string()));
        self.put_instruction(text)?;
        self.log_event(stamp, Level::Info, &event)
    }

    fn put_instruction(&mut self, text: &str) -> Result<(), VizError> {
        // A heading would take half of the view.
        let told = format!("**{text}**\n\n{}", self.config.subtitle);
        self.put(paths::INSTRUCTION, &TextDocument::from_markdown(told.trim_end()))
    }

    /// Another line below every instruction: how the run ended, say, which is known late.
    pub fn log_subtitle(&mut self, subtitle: &str) -> Result<(), VizError> {
        self.config.subtitle = subtitle.to_owned();
        for (stamp, text) in self.told.clone() {
            self.at(stamp);
            self.put_instruction(&text)?;
        }
        Ok(())
    }

    /// A line in the log.
    pub fn log_event(&mut self, stamp: Nanos, level: Level, text: &str) -> Result<(), VizError> {
        self.at(stamp);
        let level = match level {
            Level::Info => TextLogLevel::INFO,
            Level::Warning => TextLogLevel::WARN,
            Level::Error => TextLogLevel::ERROR,
        };
        self.put(paths::LOG, &TextLog::new(text).with_level(level))?;
        Ok(())
    }

    /// How the task ended.
    pub fn log_success(&mut self, stamp: Nanos, success: bool) -> Result<(), VizError> {
        let (level, text) = if success { (Level::Info, "success") } else { (Level::Error, "no success") };
        self.log_event(stamp, level, text)
    }

    /// Hands everything to the file or viewer and waits for it, ten seconds at most.
    pub fn finish(self) -> Result<(), VizError> {
        self.rec.flush_with_timeout(FLUSH).map_err(|e| VizError::Stream(e.to_string()))
    }

    pub(crate) fn put(&self, path: &str, what: &impl AsComponents) -> Result<(), VizError> {
        Ok(self.rec.log(format!("{}{path}", self.config.root), what)?)
    }

    pub(crate) fn put_static(&self, path: &str, what: &impl AsComponents) -> Result<(), VizError> {
        Ok(self.rec.log_static(format!("{}{path}", self.config.root), what)?)
    }

    pub(crate) fn at(&self, stamp: Nanos) {
        self.rec.set_time(paths::TIMELINE, Duration::from_nanos((stamp - self.config.zero).0));
    }
}

fn tree(config: &VizConfig) -> Result<UrdfTree, VizError> {
    let root = (!config.root.is_empty()).then(|| config.root.as_str().into());
    let tree = match &config.robot_description {
        None => UrdfTree::from_file_path(&config.urdf, root),
        Some(text) => urdf_rs::read_from_string(text)
            .map_err(Into::into)
            .and_then(|robot| UrdfTree::new(robot, config.urdf.parent().map(Path::to_path_buf), root)),
    };
    let tree = tree.map_err(|e| VizError::Urdf { path: config.urdf.clone(), reason: format!("{e:#}") })?;
    // Two robots of one kind have links of the same names.
    Ok(match config.root.as_str() {
        "" => tree,
        root => tree.with_frame_prefix(format!("{root}/")).with_static_transform_entity(format!("{root}/tf_static")),
    })
}

pub(crate) fn array(v: &Vector3<f64>) -> [f32; 3] {
    [v.x as f32, v.y as f32, v.z as f32]
}

fn transform(iso: &Isometry3<f64>) -> Transform3D {
    let q = iso.rotation.quaternion();
    Transform3D::from_translation_rotation(
        array(&iso.translation.vector),
        Quaternion::from_xyzw([q.i as f32, q.j as f32, q.k as f32, q.w as f32]),
    )
}

/// A frame as three arrows in world.
pub(crate) fn axes(iso: &Isometry3<f64>, length_m: f64, radius_m: f32) -> Arrows3D {
    let origin = array(&(iso * Point3::origin()).coords);
    let vectors = [Vector3::x(), Vector3::y(), Vector3::z()].map(|axis| array(&(iso.rotation * axis * length_m)));
    Arrows3D::from_vectors(vectors).with_origins([origin; 3]).with_colors(AXES).with_radii([radius_m])
}

/// Words at a frame, readable on any colour.
pub(crate) fn label(iso: &Isometry3<f64>, words: &str, color: [u8; 3]) -> Points3D {
    Points3D::new([array(&iso.translation.vector)])
        .with_colors([color])
        .with_radii([0.002])
        .with_labels([words])
        .with_show_labels(true)
}
