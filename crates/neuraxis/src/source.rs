//! Where key-frames come from in a run that people watch: the trained policy, a script, an errand, a survey.

use std::path::Path;

use anyhow::{Context, Result, bail};
use nalgebra::Vector3;
use neuraxis_core::{Instruction, Nanos, Observation, Policy, PolicyError, Prediction};
use neuraxis_policy::{CorticalPolicy, Error, checkpoint::About};

use crate::{
    config::Config,
    errand::Errands,
    looked::{Looked, Sight},
    script::Script,
    survey::Survey,
};

/// Predictions on a made-up scene before the first that counts.
const WARM_UP: u32 = 3;
/// Bounds that differ by less are the same [m].
const SAME_BOUNDS_M: f64 = 0.001;

/// What a `--policy` may be where the arm is simulated; each command's help says which of them it takes.
const ALLOWED: &str =
    "weights (the shipped ones), expert, brain, nearest:DATA, or a file of weights (--help: which here)";
/// And where weights alone are meant.
const WEIGHTS_ALONE: &str = "`weights` (the shipped ones) or a file of weights";
/// Where a robot has no weights of its own.
const WAY_OUT: &str = "; watch the scripted expert (--policy expert), or train some (configs/README.md)";

/// Whether these are the weights of the configuration.
fn is_own(config: &Config, weights: &Path) -> bool {
    weights == config.root.join(&config.run.weights)
}

/// The policy in a file of weights, if it is the one that the configuration means and made for its robot.
pub fn load_policy(config: &Config, weights: &Path, text_encoder: &str) -> Result<CorticalPolicy> {
    let policy = load(config, weights, text_encoder, ALLOWED)?;
    let made_for = &policy.about().embodiment;
    if *made_for != config.name {
        let name = &config.name;
        let way_out = if is_own(config, weights) { WAY_OUT } else { "" };
        bail!("{}: trained for robot {made_for:?}, this is {name:?}{way_out}", weights.display());
    }
    Ok(policy)
}

/// What tables say of a policy: the hash of its weights, and where its networks run.
pub fn hash_and_device(policy: &CorticalPolicy) -> (Option<String>, String) {
    (Some(format!("{:016x}", policy.hash())), format!("{:?}, 1 torch thread", policy.device()))
}

/// The policy in a file of weights, if it is the one that the configuration means; of whatever robot. It has inferred
/// before: its first tick with an arm takes no longer than the others, and weights that answer no numbers never meet one.
pub fn load_any_policy(config: &Config, weights: &Path, text_encoder: &str) -> Result<CorticalPolicy> {
    load(config, weights, text_encoder, WEIGHTS_ALONE)
}

/// `allowed`: what might have been meant in the place of a file that is not there.
fn load(config: &Config, weights: &Path, text_encoder: &str, allowed: &str) -> Result<CorticalPolicy> {
    if weights.is_dir() {
        let weights = weights.display();
        bail!("{weights} is a folder; give {weights}/policy.safetensors");
    }
    let run = config.file("run.yaml");
    if !weights.exists() {
        let named = weights.display();
        match is_own(config, weights) {
            true => bail!("{run}: weights: {named}: no such file{WAY_OUT}"),
            false => bail!("--policy {named}: no such file; allowed: {allowed}"),
        }
    }
    let mut policy = match CorticalPolicy::load(weights, config.run.device.parse()?, text_encoder) {
        Err(Error::Device { asked, reason }) => bail!("{run}: device: {asked}: {reason}"),
        loaded => loaded.with_context(|| format!("{}: no usable weights", weights.display()))?,
    };
    let hash = format!("{:016x}", policy.hash());
    if is_own(config, weights)
        && let Some(expected) = &config.run.weights_hash
        && *expected != hash
    {
        bail!("{}: hash {hash}, {run} wants weights_hash: {expected}", weights.display());
    }
    policy.warm_up(WARM_UP).with_context(|| format!("{}: these weights give no answer", weights.display()))?;
    Ok(policy)
}

/// What weights were trained with and this robot has not: on a real arm they are looked at before they lead it.
pub fn misfits(about: &About, config: &Config, cameras: &[String]) -> Vec<String> {
    let trained = Trained { embodiment: &about.embodiment, cameras: &about.cameras, bounds_m: &about.config.bounds_m };
    trained.misfits(config, cameras)
}

/// What weights were trained with.
pub struct Trained<'a> {
    /// The robot.
    pub embodiment: &'a str,
    /// Names of the cameras.
    pub cameras: &'a [String],
    /// Lower and upper corner of the box that they see [m].
    pub bounds_m: &'a [f64],
}

impl Trained<'_> {
    /// See [`misfits`].
    pub fn misfits(&self, config: &Config, cameras: &[String]) -> Vec<String> {
        let mut found = Vec::new();
        if self.embodiment != config.name {
            found.push(format!("trained for robot {:?}, this is {:?}", self.embodiment, config.name));
        }
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort();
            names
        };
        if sorted(self.cameras) != sorted(cameras) {
            found.push(format!("trained with cameras {}, here are {}", self.cameras.join(", "), cameras.join(", ")));
        }
        let (low, high) = (config.cerebellum.workspace_min_xyz_m, config.cerebellum.workspace_max_xyz_m);
        let here = [low, high].concat();
        if self.bounds_m.iter().zip(&here).any(|(a, b)| (a - b).abs() > SAME_BOUNDS_M) {
            found.push(format!("trained within {:?} m, the workspace of cerebellum.yaml is {here:?} m", self.bounds_m));
        }
        found
    }
}

/// A policy that can show what it looked at.
pub enum Source {
    /// Trained weights.
    Weights(Box<CorticalPolicy>),
    /// The expert's key-frames.
    Script(Script),
    /// One thing that the command line asks for.
    Errand(Box<Errands>),
    /// From pose to pose, to look from each.
    Survey(Survey),
    /// Trained weights in another process.
    #[cfg(feature = "ros")]
    Remote(Box<neuraxis_ros::RemotePolicy>),
}

impl Source {
    /// Views, heatmaps, gaze and cloud of the last prediction, which was made from what was captured then, if this source
    /// looks at any; of a policy in another process what has come since it was asked here, with the moments that it is of.
    pub fn looked(&mut self, stamp: Nanos) -> Vec<Looked> {
        match self {
            Self::Weights(policy) => vec![Looked::of(policy, stamp)],
            #[cfg(feature = "ros")]
            Self::Remote(policy) => crate::looked::of_remote(policy, stamp),
            _ => Vec::new(),
        }
    }

    /// How whole is what it sees, if it sees: at the last prediction or refusal.
    pub fn sight(&self) -> Option<Sight> {
        match self {
            Self::Weights(policy) => Some(Sight::of(policy)),
            #[cfg(feature = "ros")]
            Self::Remote(policy) => Some(policy.sight().clone().into()),
            _ => None,
        }
    }

    /// Where the eye of the last prediction was and what it looked at, in the world [m], if this source has a gaze.
    pub fn gaze(&self) -> Option<[Vector3<f64>; 2]> {
        #[cfg(feature = "ros")]
        if let Self::Remote(policy) = self {
            return policy.gaze();
        }
        let Self::Weights(policy) = self else { return None };
        gaze(policy)
    }

    /// An error where these words could never be answered, whatever is seen. A policy in another process says so with its first
    /// answer.
    pub fn check(&self, words: &Instruction) -> Result<(), PolicyError> {
        match self {
            Self::Weights(policy) => fits(words, policy.about().config.text_len),
            _ => Ok(()),
        }
    }

    /// What it is asked once and refuses will not be possible later.
    pub fn is_asked_once(&self) -> bool {
        matches!(self, Self::Errand(_) | Self::Survey(_))
    }

    /// It is not about the fingers: whatever they hold they go on holding.
    pub fn leaves_fingers(&self) -> bool {
        match self {
            Self::Errand(errand) => errand.leaves_fingers(),
            Self::Survey(_) => true,
            _ => false,
        }
    }

    /// With nothing to do: a policy in another process is asked all the same, so that it is known how good the link is before
    /// the arm may move. True if that was so.
    pub fn rehearse(&mut self, observation: &Observation) -> bool {
        #[cfg(feature = "ros")]
        if let Self::Remote(policy) = self {
            policy.rehearse(observation);
            return true;
        }
        let _ = observation;
        false
    }
}

/// An error where the words are more tokens than a policy reads.
fn fits(words: &Instruction, text_len: i64) -> Result<(), PolicyError> {
    let tokens = words.features.as_ref().map_or(0, |features| features.tokens);
    if i64::try_from(tokens).is_ok_and(|tokens| tokens <= text_len) {
        return Ok(());
    }
    let reason = format!("it has {tokens} tokens, this policy reads {text_len} (policy.text_len)");
    Err(PolicyError::Instruction { text: words.text.to_string(), reason })
}

/// Where the eye of weights was at the last prediction and what it looked at, in the world [m], if they have a gaze.
pub fn gaze(policy: &CorticalPolicy) -> Option<[Vector3<f64>; 2]> {
    let look = policy.views().dynamic.as_ref()?;
    Some([look.world_from_camera.position(), look.gaze.as_ref()?.point_in_world?])
}

impl Policy for Source {
    fn predict(&mut self, observation: &Observation, words: &Instruction) -> Result<Prediction, PolicyError> {
        match self {
            Self::Weights(policy) => policy.predict(observation, words),
            Self::Script(script) => script.predict(observation, words),
            Self::Errand(errand) => errand.predict(observation, words),
            Self::Survey(survey) => survey.predict(observation, words),
            #[cfg(feature = "ros")]
            Self::Remote(policy) => policy.predict(observation, words),
        }
    }
}

#[cfg(test)]
mod tests {
    use neuraxis_policy::PolicyConfig;

    use super::*;

    const CAMERAS: [&str; 4] = ["front", "left_shoulder", "right_shoulder", "wrist"];

    fn names(cameras: &[&str]) -> Vec<String> {
        cameras.iter().map(ToString::to_string).collect()
    }

    /// What weights that were trained so have against the shipped FR3 with these cameras.
    fn against(embodiment: &str, cameras: &[&str], bounds_m: &[f64], here: &[&str]) -> Vec<String> {
        let config = Config::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), "fr3").unwrap();
        Trained { embodiment, cameras: &names(cameras), bounds_m }.misfits(&config, &names(here))
    }

    /// The workspace of configs/fr3/cerebellum.yaml, lower corner and upper [m].
    fn bounds_m() -> [f64; 6] {
        let config = Config::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), "fr3").unwrap();
        let ([a, b, c], [d, e, f]) = (config.cerebellum.workspace_min_xyz_m, config.cerebellum.workspace_max_xyz_m);
        [a, b, c, d, e, f]
    }

    /// Why these weights are not loaded with a configuration changed so.
    fn refused(weights: &str, change: impl Fn(&mut Config)) -> String {
        let mut config = Config::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), "fr3").unwrap();
        change(&mut config);
        let weights = if weights.is_empty() { config.root.join(&config.run.weights) } else { weights.into() };
        let loaded = load_policy(&config, &weights, "any encoder");
        loaded.map_or_else(|error| format!("{error:#}"), |_| "loaded".into())
    }

    #[test]
    fn why_weights_are_not_loaded_is_said_each_by_its_cause() {
        let same = |_: &mut Config| ();
        let typo = refused("wieghts", same);
        assert!(
            typo.starts_with("--policy wieghts: no such file; allowed: weights (the shipped ones), expert"),
            "{typo}"
        );
        let config = Config::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), "fr3").unwrap();
        let alone = load_any_policy(&config, Path::new("expert"), "any encoder").map(|_| ()).unwrap_err().to_string();
        assert_eq!(alone, format!("--policy expert: no such file; allowed: {WEIGHTS_ALONE}"));
        let folder = std::env::temp_dir().display().to_string();
        assert_eq!(refused(&folder, same), format!("{folder} is a folder; give {folder}/policy.safetensors"));
        let device = refused("", |config| config.run.device = "cuda:99".into());
        assert!(device.contains("configs/fr3/run.yaml: device: cuda:99: "), "{device}");
        let missing = refused("", |config| config.run.weights = "none.safetensors".into());
        assert!(missing.contains("run.yaml: weights: ") && missing.ends_with(WAY_OUT), "{missing}");
        let other = std::env::temp_dir().join(format!("neuraxis-source-{}", std::process::id()));
        std::fs::write(&other, "text").unwrap();
        let damaged = refused(&other.display().to_string(), same);
        assert!(damaged.contains(": no usable weights: ") && damaged.contains("not a safetensors file"), "{damaged}");
        std::fs::remove_file(&other).unwrap();
    }

    #[test]
    fn a_sentence_that_is_longer_than_weights_read_is_refused_before_they_are_asked() {
        let root = crate::config::workspace_root().unwrap();
        let mut embedder = crate::package::text_encoder(&root).unwrap();
        let mut checked = |words: usize| {
            let text = ["push the red button then"; 6].join(" ").split(' ').take(words).collect::<Vec<_>>().join(" ");
            let features = Some(embedder.embed_order(&text).unwrap());
            let words = Instruction { text: text.into(), epoch: 1, features };
            fits(&words, PolicyConfig::default().text_len).map_err(|error| error.to_string())
        };
        assert_eq!(checked(20), Ok(()));
        let refused = checked(30).unwrap_err();
        assert!(refused.contains("it has 32 tokens, this policy reads 24 (policy.text_len)"), "{refused}");
    }

    #[test]
    fn weights_of_this_robot_its_cameras_in_any_order_and_its_bounds_fit() {
        let order = ["wrist", "front", "right_shoulder", "left_shoulder"];
        let nearly = bounds_m().map(|bound| bound + 0.5 * SAME_BOUNDS_M);
        assert_eq!(against("fr3", &CAMERAS, &nearly, &order), Vec::<String>::new());
    }

    #[test]
    fn another_robot_other_cameras_and_other_bounds_are_each_named() {
        let bounds = bounds_m();
        let robot = against("ur5e", &CAMERAS, &bounds, &CAMERAS);
        assert_eq!(robot, [r#"trained for robot "ur5e", this is "fr3""#]);

        for here in [&CAMERAS[..3], &["front", "left_shoulder", "right_shoulder", "hand"], &[]] {
            let cameras = against("fr3", &CAMERAS, &bounds, here);
            let said = format!("trained with cameras {}, here are {}", CAMERAS.join(", "), here.join(", "));
            assert_eq!(cameras, [said]);
        }
        // More of them than it knows are other cameras, too.
        assert_eq!(against("fr3", &CAMERAS[..3], &bounds, &CAMERAS).len(), 1);

        for corner in 0..6 {
            let mut other = bounds;
            other[corner] += 0.01;
            let found = against("fr3", &CAMERAS, &other, &CAMERAS);
            assert!(matches!(&found[..], [one] if one.starts_with("trained within [")), "{corner}: {found:?}");
            assert!(
                found[0].contains(&format!("{:?}", other)) && found[0].contains(&format!("{bounds:?}")),
                "{found:?}"
            );
        }
        assert_eq!(against("ur5e", &CAMERAS[..3], &[0.0; 6], &CAMERAS).len(), 3);
    }
}
