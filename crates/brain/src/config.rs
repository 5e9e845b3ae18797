//! `configs/<robot>/brain.yaml`.

use std::{fmt, path::PathBuf};

use neuraxis_cortex::vlm::VlmConfig;
use neuraxis_executor::{ExecutorConfig, PrimitiveConfig};
use neuraxis_plan::Limits;
use neuraxis_scene::SceneConfig;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{BrainError, Learned};

/// Settings of the brain. Lengths in metres in the world frame, times in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BrainConfig {
    /// Looks before a plan is made, 2 to 100: what only one look has shown may be noise. Their rate is `policy_hz` of
    /// run.yaml.
    pub looks_first: u32,
    /// Latency of a look and of a plan in the lockstep clock, 0 to 10 [s]: measured p99 and more.
    pub lockstep_look_secs: f64,
    /// See `lockstep_look_secs`.
    pub lockstep_plan_secs: f64,
    /// What each call of a vision-language model takes in the lockstep clock beside that, 0 to 600 [s], whatever it takes on
    /// the wall clock.
    pub lockstep_vlm_secs: f64,
    /// Who makes plans.
    pub planner: PlannerKind,
    /// How a vision-language model is reached, where one makes plans.
    pub vlm: VlmConfig,
    /// Pictures of these cameras, as they are, go with each question for a plan to a model that takes images; at most 6.
    pub vlm_cameras: Vec<String>,
    /// A model that is shown a picture is asked about a fact that stays unknown when a new plan is needed because of it, in a
    /// call of its own, and believed for as long as things out of sight are. Default false: then only cameras and fingers say
    /// what is so.
    pub vlm_checks: bool,
    /// What no plan may exceed, whoever made it: forces 1 to 150 [N], and at most 32 boxes in which nothing is touched, in the
    /// world within 10 [m].
    pub limits: Limits,
    /// How things are found.
    pub scene: SceneConfig,
    /// What cameras do not tell about the furniture.
    pub furniture: Furniture,
    /// Drawing back for a better view.
    pub withdraw: WithdrawConfig,
    /// The plan's executor.
    pub executor: ExecutorConfig,
    /// Skills without learning.
    pub primitives: PrimitiveConfig,
    /// Skills that the learned policy does instead at the first try; what goes wrong is planned anew without it.
    pub learned: Vec<Learned>,
}

/// Who makes plans.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlannerKind {
    /// A grammar and a search; no model.
    #[default]
    Symbolic,
    /// A vision-language model, and nobody else.
    Vlm,
    /// A vision-language model, and the search where it gives no plan.
    VlmOrSymbolic,
    /// Somebody who wrote a plan down; no model.
    #[serde(untagged)]
    File(PlanIn),
}

/// A plan in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanIn {
    /// JSON in the plan language, from the workspace's folder; it is checked as every plan is.
    pub file: PathBuf,
}

/// By hand, for an error that says what is known and in which line.
impl<'de> Deserialize<'de> for PlannerKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PlannerVisitor)
    }
}

struct PlannerVisitor;

impl<'de> Visitor<'de> for PlannerVisitor {
    type Value = PlannerKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("symbolic, vlm, vlm_or_symbolic or {file: F}")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<PlannerKind, E> {
        match name {
            "symbolic" => Ok(PlannerKind::Symbolic),
            "vlm" => Ok(PlannerKind::Vlm),
            "vlm_or_symbolic" => Ok(PlannerKind::VlmOrSymbolic),
            _ => Err(E::custom(format!("{name:?}; known: symbolic, vlm, vlm_or_symbolic, {{file: F}}"))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PlannerKind, A::Error> {
        PlanIn::deserialize(MapAccessDeserializer::new(map)).map(PlannerKind::File)
    }
}

impl PlannerKind {
    /// Whether a model makes plans.
    pub fn asks_model(&self) -> bool {
        matches!(self, Self::Vlm | Self::VlmOrSymbolic)
    }
}

/// What is known of the furniture from elsewhere: how its parts are called, and how it is built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Furniture {
    /// Drawers of the one cabinet, if one is seen.
    pub drawers: Vec<DrawerConfig>,
    /// The middle of a handle is this far in front of its drawer's front, 0 to 0.2 [m].
    pub handle_out_m: f64,
    /// Things go into a drawer this far behind its front, 0.02 to 0.5 [m].
    pub inside_m: f64,
    /// The floor of a drawer under its handle's middle, 0 to 0.5 [m].
    pub floor_m: f64,
    /// Things go into a drawer up to this far from the middle of its width, 0 to 0.5 [m].
    pub across_m: f64,
    /// What crosses an open drawer passes this far above its handle's middle, 0 to 0.5 [m].
    pub cross_m: f64,
    /// Where on the table there is room for a thing that is in the way, by preference: x and y in the world [m].
    pub spots_m: Vec<[f64; 2]>,
    /// Room around such a spot to the middle of every other thing, 0.03 to 0.5 [m].
    pub room_m: f64,
}

/// When and how far the hand draws back from what it hides.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WithdrawConfig {
    /// After waiting so long for a fact, 0.1 to 30 [s].
    pub after_secs: f64,
    /// By this much, 0.02 to 0.5 [m].
    pub back_m: f64,
    /// Not higher than this in the world [m].
    pub ceiling_m: f64,
}

impl Default for WithdrawConfig {
    fn default() -> Self {
        Self { after_secs: 0.5, back_m: 0.12, ceiling_m: 1.40 }
    }
}

/// A drawer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawerConfig {
    /// Its name, which ends in `_drawer`.
    pub id: String,
    /// Height of its handle's middle in the world [m].
    pub z_m: f64,
}

impl Default for BrainConfig {
    fn default() -> Self {
        Self {
            looks_first: 3,
            lockstep_look_secs: 0.03,
            lockstep_plan_secs: 0.2,
            lockstep_vlm_secs: 5.0,
            planner: PlannerKind::default(),
            vlm: VlmConfig::default(),
            vlm_cameras: vec!["front".into()],
            vlm_checks: false,
            limits: Limits::default(),
            scene: SceneConfig { remember_secs: 5.0, ..SceneConfig::default() },
            furniture: Furniture::default(),
            withdraw: WithdrawConfig::default(),
            executor: ExecutorConfig::default(),
            primitives: PrimitiveConfig::default(),
            learned: Vec::new(),
        }
    }
}

impl Default for Furniture {
    /// The cabinet and the table of the simulation's workbench.
    fn default() -> Self {
        let drawer = |id: &str, z_m: f64| DrawerConfig { id: id.into(), z_m };
        Self {
            drawers: vec![drawer("bottom_drawer", 0.94), drawer("middle_drawer", 1.05), drawer("top_drawer", 1.16)],
            handle_out_m: 0.045,
            inside_m: 0.06,
            floor_m: 0.041,
            across_m: 0.09,
            cross_m: 0.11,
            spots_m: vec![[0.14, 0.31], [0.14, -0.31], [0.26, 0.31], [0.26, -0.31]],
            room_m: 0.09,
        }
    }
}

impl BrainConfig {
    /// Says which value is out of its range.
    pub fn validate(&self) -> Result<(), BrainError> {
        let furniture = &self.furniture;
        let values = [
            ("looks_first", f64::from(self.looks_first), 2.0, 100.0, "2 to 100"),
            ("lockstep_look_secs", self.lockstep_look_secs, 0.0, 10.0, "0 to 10 s"),
            ("lockstep_plan_secs", self.lockstep_plan_secs, 0.0, 10.0, "0 to 10 s"),
            ("lockstep_vlm_secs", self.lockstep_vlm_secs, 0.0, 600.0, "0 to 600 s"),
            ("withdraw.after_secs", self.withdraw.after_secs, 0.1, 30.0, "0.1 to 30 s"),
            ("withdraw.back_m", self.withdraw.back_m, 0.02, 0.5, "0.02 to 0.5 m"),
            ("withdraw.ceiling_m", self.withdraw.ceiling_m, -10.0, 10.0, "-10 to 10 m"),
            ("furniture.handle_out_m", furniture.handle_out_m, 0.0, 0.2, "0 to 0.2 m"),
            ("furniture.inside_m", furniture.inside_m, 0.02, 0.5, "0.02 to 0.5 m"),
            ("furniture.across_m", furniture.across_m, 0.0, 0.5, "0 to 0.5 m"),
            ("furniture.floor_m", furniture.floor_m, 0.0, 0.5, "0 to 0.5 m"),
            ("furniture.cross_m", furniture.cross_m, 0.0, 0.5, "0 to 0.5 m"),
            ("furniture.room_m", furniture.room_m, 0.03, 0.5, "0.03 to 0.5 m"),
            ("limits.grip_force_n", self.limits.grip_force_n, 1.0, 150.0, "1 to 150 N"),
            ("limits.contact_force_n", self.limits.contact_force_n, 1.0, 150.0, "1 to 150 N"),
        ];
        if let Some((key, value, .., allowed)) =
            values.into_iter().find(|(_, v, low, high, _)| !(low..=high).contains(&v))
        {
            return Err(BrainError::Config { key, value: value.to_string(), allowed });
        }
        if let Some(drawer) = furniture.drawers.iter().find(|d| !d.id.ends_with("_drawer") || !d.z_m.is_finite()) {
            let value = format!("{} at {} m", drawer.id, drawer.z_m);
            return Err(BrainError::Config {
                key: "furniture.drawers",
                value,
                allowed: "names that end in _drawer, finite heights",
            });
        }
        if self.vlm_cameras.len() > 6 {
            let value = self.vlm_cameras.join(", ");
            return Err(BrainError::Config { key: "vlm_cameras", value, allowed: "at most 6 names" });
        }
        self.check_boxes()?;
        if self.planner.asks_model() {
            self.vlm.validate().map_err(neuraxis_cortex::CortexError::from)?;
        } else if self.vlm_checks {
            let value = "true, without a model".into();
            return Err(BrainError::Config { key: "vlm_checks", value, allowed: "planner: vlm or vlm_or_symbolic" });
        }
        self.scene.validate()?;
        self.executor.validate()?;
        self.primitives.validate()?;
        Ok(())
    }

    fn check_boxes(&self) -> Result<(), BrainError> {
        let boxes = &self.limits.keep_out;
        let error = |value| BrainError::Config {
            key: "limits.keep_out",
            value,
            allowed: "at most 32 boxes, corners within 10 m, min_xyz_m not above max_xyz_m",
        };
        if boxes.len() > 32 {
            return Err(error(format!("{} boxes", boxes.len())));
        }
        let is_box = |(low, high): (&f64, &f64)| (-10.0..=10.0).contains(low) && (*low..=10.0).contains(high);
        match boxes.iter().find(|b| !b.min_xyz_m.iter().zip(&b.max_xyz_m).all(is_box)) {
            Some(wrong) => Err(error(format!("{:?} to {:?}", wrong.min_xyz_m, wrong.max_xyz_m))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_faults_are_named() {
        BrainConfig::default().validate().unwrap();
        let text = |config: BrainConfig| config.validate().unwrap_err().to_string();
        let timeless = BrainConfig { lockstep_look_secs: f64::NAN, ..Default::default() };
        assert!(text(timeless).contains("lockstep_look_secs = NaN"));
        let mut config = BrainConfig::default();
        config.furniture.drawers[0].id = "bottom".into();
        assert!(text(config).contains("furniture.drawers = bottom"));
        let mut config = BrainConfig::default();
        config.primitives.above_m = 3.0;
        assert!(text(config).contains("above_m = 3"));
    }

    #[test]
    fn limits_have_ranges_and_a_planner_may_be_a_file() {
        let read = |yaml: &str| serde_yaml::from_str::<BrainConfig>(yaml).map_err(|e| e.to_string());
        let keep_out = "limits: {keep_out: [{min_xyz_m: [0, -1, 0.7], max_xyz_m: [0.1, 1, 2]}]}";
        let config = read(keep_out).unwrap();
        config.validate().unwrap();
        assert_eq!((config.limits.keep_out.len(), config.limits.grip_force_n), (1, 40.0));
        for (yaml, says) in [
            ("limits: {grip_force_n: 500}", "limits.grip_force_n = 500, allowed: 1 to 150 N"),
            ("limits: {contact_force_n: .nan}", "limits.contact_force_n = NaN, allowed: 1 to 150 N"),
            (
                "limits: {keep_out: [{min_xyz_m: [0, 0, 2], max_xyz_m: [1, 1, 1]}]}",
                "limits.keep_out = [0.0, 0.0, 2.0] to",
            ),
            (
                "limits: {keep_out: [{min_xyz_m: [0, 0, .nan], max_xyz_m: [1, 1, 1]}]}",
                "limits.keep_out = [0.0, 0.0, NaN]",
            ),
            ("vlm_checks: true", "vlm_checks = true, without a model, allowed: planner: vlm or vlm_or_symbolic"),
        ] {
            let said = read(yaml).unwrap().validate().unwrap_err().to_string();
            assert!(said.contains(says), "{yaml}: {said}");
        }
        let file = PlannerKind::File(PlanIn { file: "plans/stow.json".into() });
        assert_eq!(read("planner: {file: plans/stow.json}").unwrap().planner, file);
        assert_eq!(read("planner: vlm_or_symbolic").unwrap().planner, PlannerKind::VlmOrSymbolic);
        assert_eq!(serde_yaml::to_string(&PlannerKind::Symbolic).unwrap().trim(), "symbolic");
        let magic = read("looks_first: 9\nplanner: magic").unwrap_err();
        let known = "known: symbolic, vlm, vlm_or_symbolic, {file: F}";
        assert!(magic.starts_with(&format!("planner: \"magic\"; {known} at line 2")), "{magic}");
        let rate = read("look_hz: 9").unwrap_err();
        assert!(rate.contains("unknown field `look_hz`, expected one of `looks_first`, "), "{rate}");
        let filled = read("planner: {fill: x}").unwrap_err();
        assert!(filled.contains("unknown field `fill`, expected `file`"), "{filled}");
    }
}
