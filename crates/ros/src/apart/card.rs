//! What a policy says of itself.

use r2r::neuraxis_msgs::msg::PolicyDescription;

use crate::{RosError, conversions::refused};

/// Longest word of a description [characters], and most cameras.
const MOST_CHARS: usize = 256;
const MOST_CAMERAS: usize = 32;

/// What a policy says of itself, so that a robot can tell whether it suits.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyCard {
    /// The robot that the weights were trained with.
    pub embodiment: String,
    /// The cameras that they were trained with.
    pub cameras: Vec<String>,
    /// The box that they see: lower, then upper corner in the world [m].
    pub bounds_m: [f64; 6],
    /// Of the weights, 16 hex digits.
    pub weights_hash: String,
    /// The encoder that reads sentences to it.
    pub text_encoder: String,
    /// Where it runs.
    pub device: String,
}

impl PolicyCard {
    pub(super) fn to_msg(&self, policy_session: u64) -> PolicyDescription {
        let Self { embodiment, cameras, bounds_m, weights_hash, text_encoder, device } = self.clone();
        PolicyDescription {
            policy_session,
            embodiment,
            cameras,
            bounds: bounds_m.to_vec(),
            weights_hash,
            text_encoder,
            device,
        }
    }

    /// The session and the card. Refuses numbers that are not finite, and texts without an end.
    pub(super) fn from_msg(msg: PolicyDescription) -> Result<(u64, Self), RosError> {
        const MESSAGE: &str = "neuraxis_msgs/PolicyDescription";
        let PolicyDescription { policy_session, embodiment, cameras, bounds, weights_hash, text_encoder, device } = msg;
        let words = [&embodiment, &weights_hash, &text_encoder, &device];
        if words.into_iter().chain(&cameras).any(|word| word.len() > MOST_CHARS) || cameras.len() > MOST_CAMERAS {
            let most = format!("longer than {MOST_CHARS} characters, or more than {MOST_CAMERAS} cameras");
            return Err(refused(MESSAGE, most));
        }
        let bounds_m = <[f64; 6]>::try_from(bounds).ok().filter(|bounds| bounds.iter().all(|x| x.is_finite()));
        let bounds_m = bounds_m.ok_or_else(|| refused(MESSAGE, "bounds are not six finite numbers".into()))?;
        Ok((policy_session, Self { embodiment, cameras, bounds_m, weights_hash, text_encoder, device }))
    }
}
