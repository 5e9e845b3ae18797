//! `configs/<robot>/*.yaml`: one file, one struct of the crate that it configures. Only the binary knows YAML.

mod check;

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, Result, bail};
use neuraxis_brain::{BrainConfig, MonitorConfig, PlannerKind};
use neuraxis_brainstem::BrainstemConfig;
use neuraxis_cerebellum::CerebellumConfig;
use neuraxis_policy::DeviceChoice;
use neuraxis_robot::{Robot, RobotConfig, contact::ContactModel};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{keeping::RecordingSettings, package};

/// What the path planner knows of the world.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Surroundings {
    /// Nothing: no planner, free key-frames go over via points.
    #[default]
    Off,
    /// The cloud fused from the cameras, the arm taken out of it.
    Cloud,
    /// The simulator's geometry; for reference runs in lockstep.
    Simulator,
}

impl Surroundings {
    const ALL: [(Self, &str); 3] = [(Self::Off, "off"), (Self::Cloud, "cloud"), (Self::Simulator, "simulator")];

    /// As on command lines.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(value, _)| *value == self).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Surroundings {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match Self::ALL.iter().find(|(_, name)| *name == text) {
            Some((value, _)) => Ok(*value),
            None => bail!("unknown planner {text:?}; known: off, cloud, simulator"),
        }
    }
}

/// Rates and limits of a run, `configs/<robot>/run.yaml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunSettings {
    /// Rate at which the policy re-predicts, 1 to 100 [Hz].
    pub policy_hz: f64,
    /// Observation-to-prediction latency of the lockstep clock, 0.001 to 1 [s]: the measured p99 and more.
    pub lockstep_latency_secs: f64,
    /// A run is a failure after this time, 1 to 600 [s]; long tasks have a multiple of it.
    pub time_limit_secs: f64,
    /// Policy weights, relative to the workspace.
    pub weights: PathBuf,
    /// Tasks that these weights were trained on: `--tasks trained`.
    pub weights_tasks: Vec<String>,
    /// Hash that the weights must have (`neuraxis doctor` prints it); null: any.
    pub weights_hash: Option<String>,
    /// Where the policy runs: cpu, cuda, cuda:N or auto.
    pub device: String,
    /// What the path planner knows of the world: off, cloud or, in lockstep only, simulator.
    pub planner: Surroundings,
    /// Rate of the camera thread in the realtime clock, 1 to 60 [Hz].
    pub camera_hz: f64,
    /// A policy in another process that gives fewer good answers a second cannot lead the arm, 0.1 to 100 [Hz].
    pub remote_min_hz: f64,
    /// What a recording keeps.
    pub recording: RecordingSettings,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            policy_hz: 10.0,
            lockstep_latency_secs: 0.08,
            time_limit_secs: 20.0,
            weights: "configs/weights/small.safetensors".into(),
            weights_tasks: vec!["all".into()],
            weights_hash: None,
            device: "cpu".into(),
            planner: Surroundings::Cloud,
            camera_hz: 15.0,
            remote_min_hz: 2.0,
            recording: RecordingSettings::default(),
        }
    }
}

impl RunSettings {
    fn validate(&self) -> Result<()> {
        in_range("policy_hz", self.policy_hz, 1.0, 100.0)?;
        in_range("lockstep_latency_secs", self.lockstep_latency_secs, 0.001, 1.0)?;
        in_range("time_limit_secs", self.time_limit_secs, 1.0, 600.0)?;
        in_range("camera_hz", self.camera_hz, 1.0, 60.0)?;
        in_range("remote_min_hz", self.remote_min_hz, 0.1, 100.0)?;
        if self.device.parse::<DeviceChoice>().is_err() {
            bail!("device = {:?}, allowed: cpu, cuda, cuda:N, auto", self.device);
        }
        let is_digit = |byte: u8| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase();
        if let Some(hash) = &self.weights_hash
            && !(hash.len() == 16 && hash.bytes().all(is_digit))
        {
            bail!("weights_hash = {hash:?}, allowed: 16 hex digits (neuraxis doctor prints them), or null");
        }
        self.recording.validate()
    }
}

/// Everything resolved.
#[derive(Clone, Debug, Serialize)]
pub struct Config {
    /// Name of the folder under `configs/`.
    pub name: String,
    /// Kinematics and limits.
    pub robot: RobotConfig,
    /// The 1 kHz loop.
    pub brainstem: BrainstemConfig,
    /// The 200 Hz executor and its motion.
    pub cerebellum: CerebellumConfig,
    /// Scene, plan executor and skills.
    pub brain: BrainConfig,
    /// When signals of the body are strange: from `monitors.yaml`, if there is one.
    pub monitors: MonitorConfig,
    /// What touches the arm, learned from recordings: from `contact.json`, if there is one.
    #[serde(serialize_with = "where_from")]
    pub contact: Option<ContactModel>,
    /// Rates and limits of a run.
    pub run: RunSettings,
    /// The workspace that relative paths start from.
    #[serde(skip)]
    pub root: PathBuf,
}

impl Config {
    /// Reads and checks every file of a robot.
    pub fn load(root: &Path, name: &str) -> Result<Self> {
        let dir = root.join("configs").join(name);
        // Not every folder here is a robot's.
        if !dir.join("robot.yaml").exists() {
            let mut known: Vec<String> = std::fs::read_dir(root.join("configs"))
                .with_context(|| format!("no configuration folder {}", root.join("configs").display()))?
                .filter_map(|e| e.ok())
                .filter(|e| e.path().join("robot.yaml").exists())
                .map(|e| e.file_name().to_string_lossy().into_owned())
                .collect();
            known.sort();
            bail!(
                "no robot {name:?}: {} does not exist; known: {}",
                dir.join("robot.yaml").display(),
                known.join(", ")
            );
        }
        let robot_file = dir.join("robot.yaml");
        let mut robot: RobotConfig = read(&robot_file)?;
        if robot.urdf.is_relative() {
            robot.urdf = root.join(&robot.urdf);
        }
        let brainstem_file = dir.join("brainstem.yaml");
        let brainstem: BrainstemConfig = read(&brainstem_file)?;
        brainstem.validate().with_context(|| brainstem_file.display().to_string())?;
        let cerebellum_file = dir.join("cerebellum.yaml");
        let mut cerebellum: CerebellumConfig = read(&cerebellum_file)?;
        let motion_file = dir.join("motion.yaml");
        cerebellum.motion = read(&motion_file)?;
        cerebellum.motion.validate().with_context(|| motion_file.display().to_string())?;
        cerebellum.validate().with_context(|| cerebellum_file.display().to_string())?;
        let brain_file = dir.join("brain.yaml");
        let mut brain: BrainConfig = read(&brain_file)?;
        if let PlannerKind::File(plan) = &mut brain.planner {
            plan.file = root.join(&plan.file);
        }
        brain.validate().with_context(|| brain_file.display().to_string())?;
        let monitors_file = dir.join("monitors.yaml");
        let monitors: MonitorConfig =
            if monitors_file.exists() { read(&monitors_file)? } else { MonitorConfig::default() };
        monitors.armed().with_context(|| monitors_file.display().to_string())?;
        let contact_file = dir.join("contact.json");
        let contact = contact_file.exists().then(|| ContactModel::read(&contact_file)).transpose();
        let contact = contact.with_context(|| contact_file.display().to_string())?;
        let run_file = dir.join("run.yaml");
        let run: RunSettings = read(&run_file)?;
        run.validate().with_context(|| run_file.display().to_string())?;
        Ok(Self { name: name.into(), robot, brainstem, cerebellum, brain, monitors, contact, run, root: root.into() })
    }
}

impl Config {
    /// Takes the command line's word for who plans and where a model is; checks the model's settings, which count from
    /// here on.
    pub fn ask_of(&mut self, planner: Option<PlannerKind>, vlm_url: Option<String>) -> Result<()> {
        if let Some(planner) = planner {
            self.brain.planner = planner;
        }
        if let Some(url) = vlm_url {
            if !self.brain.planner.asks_model() {
                bail!("--vlm-url without a model: --cortex vlm or vlm_or_symbolic");
            }
            self.brain.vlm.base_url = url;
        }
        self.brain.validate().with_context(|| format!("{}, --cortex, --vlm-url", self.file("brain.yaml")))
    }

    /// For an arm that is only watched: nothing follows from predictions, so that to wait for them is no fault.
    pub fn only_watch(&mut self) {
        self.cerebellum.waiting_timeout_secs = 600.0;
    }

    /// Moves at a share of the configured speed and acceleration.
    pub fn slow_down(&mut self, share: f64) {
        let motion = &mut self.cerebellum.motion;
        motion.velocity_scale *= share;
        motion.acceleration_rad_s2 *= share;
        motion.contact_speed_m_s *= share;
    }

    /// The robot of this configuration; errors name the file.
    pub fn load_robot(&self) -> Result<Robot> {
        let file = self.file("robot.yaml");
        for (key, list) in [
            ("acceleration_limits_rad_s2", &self.robot.acceleration_limits_rad_s2),
            ("jerk_limits_rad_s3", &self.robot.jerk_limits_rad_s3),
        ] {
            for (i, value) in list.iter().enumerate() {
                if !(value.is_finite() && *value > 0.0) {
                    bail!("{file}: {key}[{i}] = {value}, allowed: finite, positive");
                }
            }
        }
        Robot::from_urdf(&self.robot.urdf, &self.robot)
            .with_context(|| format!("{file}: urdf, base_link, tool_link or a limit"))
    }
}

/// The workspace: the folder given by `NEURAXIS_ROOT`, else the share folder of the package that this program is
/// installed as, else the clone that it was built in.
pub fn workspace_root() -> Result<PathBuf> {
    let root = match std::env::var_os("NEURAXIS_ROOT") {
        Some(dir) => PathBuf::from(dir),
        None => package::installed().unwrap_or_else(package::clone),
    };
    root.canonicalize().with_context(|| format!("workspace {} not found; set NEURAXIS_ROOT", root.display()))
}

/// Reads one YAML file; errors name the file and the key.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_yaml::from_str(&text).with_context(|| path.display().to_string())
}

/// The shard folders of data sets.
pub fn shards(data: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for dir in data {
        if dir.join("index.json").exists() {
            all.push(dir.clone());
            continue;
        }
        let mut inside: Vec<PathBuf> = std::fs::read_dir(dir)
            .with_context(|| dir.display().to_string())?
            .filter_map(|e| e.ok().map(|e| e.path()))
            .filter(|p| p.join("index.json").exists())
            .collect();
        if inside.is_empty() {
            bail!("{}: no data set here (no index.json)", dir.display());
        }
        inside.sort();
        all.append(&mut inside);
    }
    Ok(all)
}

/// A network says little to people: how it was made stands for it.
fn where_from<S: serde::Serializer>(model: &Option<ContactModel>, serializer: S) -> Result<S::Ok, S::Error> {
    model.as_ref().map(|model| &model.made).serialize(serializer)
}

/// An error that names key and range unless the value is within.
pub fn in_range(key: &str, value: f64, low: f64, high: f64) -> Result<()> {
    if !(value.is_finite() && (low..=high).contains(&value)) {
        bail!("{key} = {value}, allowed: finite, {low} to {high}");
    }
    Ok(())
}
