//! A run in Rerun: the window, its clock, and where in it everything goes.

mod arm;
mod cameras;
mod policy;
mod words;

use std::{path::Path, time::Duration};

use nalgebra::{Isometry3, Vector3};
use neuraxis_core::{ArmState, Nanos};
use rerun::{
    AsComponents, RecordingStream, Scalars, TimePoint, ViewCoordinates,
    external::re_importer::{
        UrdfTree,
        external::urdf_rs::{self, Joint},
    },
};

use self::arm::PATH_STEP_M;
use crate::{
    VizConfig, VizError, blueprint, layout, paths,
    shapes::transform,
    source::{self, Target},
};

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

    /// How late the loop woke [s]. Call it with the worst of an interval rather than for every tick.
    pub fn log_wake_latency(&mut self, stamp: Nanos, latency_secs: f64) -> Result<(), VizError> {
        self.at(stamp);
        self.put(paths::LOOP_TIMING, &Scalars::new([latency_secs * 1e6]))?;
        Ok(())
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
