//! `neuraxis ros policy`: the policy alone, for a machine that infers. It answers a robot in another process, which keeps the
//! cameras, the cerebellum and the loop, and judges every answer by its own clock: `neuraxis_ros::apart`.

use anyhow::{Context, Result};
use neuraxis_brainstem::MonotonicClock;
use neuraxis_core::{Clock, Instruction, Observation, Policy, TextEmbedder, TextFeatures};
use neuraxis_ros::{PolicyCard, PolicyNode, Said, Thought};

use crate::{
    config::Config,
    interrupt,
    lack::{Lack, say},
    looked::{Looked, Sight},
    package,
    source::{Source, load_any_policy},
};

/// What a robot without anything to do is answered about; it does not act on the answer.
const REHEARSED: &str = "push the red button";

/// Its options.
#[derive(Debug, clap::Args)]
pub struct PolicyOptions {
    /// `weights` (the shipped ones), or a file of weights.
    #[arg(long, default_value = "weights")]
    policy: String,
    /// An answer is good for this long after its image, 0.02 to 10 [s]; `prediction_lease_secs` of cerebellum.yaml if left out.
    #[arg(long, value_name = "SECS")]
    ttl: Option<f64>,
}

/// Runs until Ctrl-C.
pub fn policy(config: &Config, options: &PolicyOptions) -> Result<()> {
    interrupt::listen()?;
    neuraxis_policy::use_one_thread();
    let weights = match options.policy.as_str() {
        "weights" => config.root.join(&config.run.weights),
        file => file.into(),
    };
    let mut embedder = package::text_encoder(&config.root)?;
    let policy = load_any_policy(config, &weights, embedder.id())?;
    let about = policy.about();
    let card = PolicyCard {
        embodiment: about.embodiment.clone(),
        cameras: about.cameras.clone(),
        bounds_m: about.config.bounds_m,
        weights_hash: format!("{:016x}", policy.hash()),
        text_encoder: embedder.id().into(),
        device: format!("{:?}", policy.device()),
    };
    say!("policy      {} on {}, hash {}", weights.display(), card.device, card.weights_hash);
    say!("trained     for robot {} with cameras {}", card.embodiment, card.cameras.join(", "));
    let ttl_secs = options.ttl.unwrap_or(config.cerebellum.prediction_lease_secs);
    let node = PolicyNode::new(card, ttl_secs).context("starting the policy's node")?;
    say!("ros         policy is up; Ctrl-C ends");

    let mut source = Source::Weights(Box::new(policy));
    let mut lack = Lack::default();
    // A sentence is read once, not for each picture.
    let mut read: Option<(String, TextFeatures)> = None;
    // The answer, and how whole was what it rests on.
    let mut answer = |observation: &Observation, text: &str, epoch: u32, source: &mut Source| -> (Said, Sight) {
        // A rehearsal: it shall take as long as what it is a rehearsal of.
        let text = if text.is_empty() { REHEARSED } else { text };
        let features = match read.take().filter(|(sentence, _)| sentence == text) {
            Some((_, features)) => features,
            None => match embedder.embed_order(text) {
                Ok(features) => features,
                // Nothing was looked at.
                Err(error) => return (Err(error), Sight::default()),
            },
        };
        read = Some((text.into(), features.clone()));
        let words = Instruction { text: text.into(), epoch, features: Some(features) };
        // As the robot checks a policy of its own: before anything is looked at.
        if let Err(error) = source.check(&words) {
            return (Err(error), Sight::default());
        }
        let predicted = source.predict(observation, &words);
        (predicted.map(|prediction| (prediction, source.gaze())), source.sight().unwrap_or_default())
    };
    let mut think = |observation: &Observation, text: &str, epoch: u32| -> Thought {
        let (said, sight) = answer(observation, text, epoch, &mut source);
        let refused = said.as_ref().err().map(ToString::to_string);
        say(&lack.hears(MonotonicClock.now(), refused.as_deref(), &sight.left_out));
        // The heat of a rehearsal is about a sentence that nobody has said.
        let is_shown = said.is_ok() && !text.is_empty();
        let looked = if is_shown { source.looked(observation.stamp) } else { Vec::new() };
        Thought { said, sight: sight.into(), views: looked.into_iter().flat_map(Looked::into_views).collect() }
    };
    let stats = node.run(interrupt::flag(), &mut think);
    say!("ros         {stats:?}");
    Ok(())
}
