//! Starting from the weights of another run.

use std::path::Path;

use tch::{Device, Tensor};

use crate::{
    Error, Result, TrainConfig,
    checkpoint::{About, Checkpoint, Described, Description},
};

/// What weights of another run filled.
#[derive(Clone, Debug, PartialEq)]
pub struct WarmStart {
    /// Tensors taken over.
    pub filled: usize,
    /// Tensors that keep their fresh weights: name and why.
    pub fresh: Vec<(String, String)>,
    /// What is not as it was when those weights were trained, and is no fault.
    pub notes: Vec<String>,
}

/// Copies tensors of the same name and shape from a file of weights; the rest stays as it is.
///
/// # Errors
/// A file of which nothing fits.
pub fn warm_start<A: Description>(
    path: &Path,
    from: &Described<A>,
    parameters: &[(String, Tensor)],
) -> Result<WarmStart> {
    let _guard = tch::no_grad_guard();
    let mut warm = WarmStart { filled: 0, fresh: Vec::new(), notes: Vec::new() };
    for (name, parameter) in parameters {
        match from.tensors.get(name) {
            Some(found) if found.size() == parameter.size() => {
                parameter.shallow_clone().f_copy_(found)?;
                warm.filled += 1;
            }
            Some(found) => {
                warm.fresh.push((name.clone(), format!("is {:?} there, {:?} here", found.size(), parameter.size())));
            }
            None => warm.fresh.push((name.clone(), "is not there".into())),
        }
    }
    if warm.filled == 0 {
        return Err(Error::Checkpoint { path: path.into(), reason: "no tensor fits this network".into() });
    }
    Ok(warm)
}

/// [`warm_start`] of a policy, whose network must see scenes and read words as that of the file did, unless `init_differs`.
/// `gaze`: all weights of its gaze network, under the names that they have in a policy's file; none without one.
pub(super) fn start(
    path: &Path,
    config: &TrainConfig,
    about: &About,
    parameters: &[(String, Tensor)],
    gaze: &[(String, Tensor)],
) -> Result<WarmStart> {
    let from = Checkpoint::read(path)?;
    let (policy, encoder) = (policy_differences(&from.about, about), encoder_difference(&from.about, about));
    let differences: Vec<String> = policy.iter().chain(&encoder).cloned().collect();
    if !config.init_differs && !differences.is_empty() {
        // Which encoder reads the words no setting says.
        let remedies = [
            (!policy.is_empty()).then(|| {
                let recipe = from.about.config.in_words();
                format!("put `policy: {recipe}` into --config (or init_differs: true, where it is meant)")
            }),
            encoder.map(|_| {
                "these weights read another text encoder: init_differs: true starts from them all the same".to_string()
            }),
        ];
        let remedies: Vec<String> = remedies.into_iter().flatten().collect();
        let reason = format!("trained with {}: {}", differences.join("; "), remedies.join("; "));
        return Err(Error::Checkpoint { path: path.into(), reason });
    }
    let mut warm = warm_start(path, &from, parameters)?;
    warm.notes = differences.into_iter().map(|difference| format!("trained with {difference}")).collect();
    warm.notes.extend(notes(&from.about, about, config));
    warm.notes.extend(gaze_note(&from, gaze)?);
    Ok(warm)
}

/// What decides how a scene becomes the numbers that a network sees, where it is another: with the same weights the same scene
/// means something else then.
fn policy_differences(theirs: &About, ours: &About) -> Vec<String> {
    let seen = |about: &About| {
        let c = &about.config;
        [
            ("policy.bounds_m", format!("{:?}", c.bounds_m)),
            ("policy.plane_z_m", c.plane_z_m.to_string()),
            ("policy.image_px", c.image_px.to_string()),
            ("policy.zoom", c.zoom.to_string()),
            ("policy.fovea", c.fovea.to_string()),
            ("policy.markers", c.markers.to_string()),
        ]
    };
    let both = seen(theirs).into_iter().zip(seen(ours));
    both.filter(|((_, a), (_, b))| a != b).map(|((key, a), (_, b))| format!("{key} {a}, this is {b}")).collect()
}

/// The same for what makes numbers of a sentence.
fn encoder_difference(theirs: &About, ours: &About) -> Option<String> {
    let (then, now) = (&theirs.text_encoder, &ours.text_encoder);
    (then != now).then(|| format!("text encoder {then}, this is {now}"))
}

fn notes(theirs: &About, ours: &About, config: &TrainConfig) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(robot_note(&theirs.embodiment, &ours.embodiment));
    if theirs.cameras != ours.cameras {
        notes.push(format!("trained with cameras {}, here are {}", theirs.cameras.join(", "), ours.cameras.join(", ")));
    }
    let told = theirs.recipe.as_ref().and_then(|recipe| recipe.settings::<TrainConfig>().ok());
    notes.extend(holdout_note(told.map(|told| told.holdout), TrainConfig::default().holdout, config.holdout));
    notes
}

/// What is to be known of weights that were trained with another robot.
pub(super) fn robot_note(theirs: &str, ours: &str) -> Option<String> {
    (theirs != ours).then(|| format!("warning: trained with robot {theirs}, this is {ours}"))
}

/// What was not held out `then` has been learned, and says little when it is held out `now`. Weights that do not say what they
/// held out are taken to have held out what is `usual`.
pub(crate) fn holdout_note(then: Option<f64>, usual: f64, now: f64) -> Option<String> {
    if now <= then.unwrap_or(usual) {
        return None;
    }
    let said = then.map_or("does not say its holdout".into(), |then| format!("trained with holdout {then}"));
    Some(format!("warning: {said}, this is {now}: scenes that count as held out may have been learned"))
}

/// How the gaze network is another, whose features these weights do not know.
fn gaze_note(from: &Checkpoint, gaze: &[(String, Tensor)]) -> Result<Option<String>> {
    let warning = |how: &str| Ok(Some(format!("warning: trained {how}")));
    match (from.about.gaze.is_some(), gaze.is_empty()) {
        (false, true) => return Ok(None),
        (true, true) => return warning("with a gaze network, here is none"),
        (false, false) => return warning("without a gaze network, here is one"),
        (true, false) => {}
    }
    for (name, weight) in gaze {
        let ours = weight.f_to_device(Device::Cpu)?;
        if from.tensors.get(name).is_none_or(|theirs| *theirs != ours) {
            return warning("with another gaze network, whose features say other things than those of this one");
        }
    }
    Ok(None)
}
