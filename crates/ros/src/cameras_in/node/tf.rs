//! Where tf comes in.

use r2r::{Node, QosProfile, tf2_msgs::msg::TFMessage};

use super::NAME;
use crate::{
    RosError,
    cameras_in::transforms::Transforms,
    inbox::{Inbox, inbox},
    timeline::Moment,
    topics,
};

/// Where tf comes.
pub(super) struct TfIn {
    moving: Inbox<TFMessage>,
    fixed: Inbox<TFMessage>,
    pub(super) transforms: Transforms,
    refused: u64,
}

impl TfIn {
    pub(super) fn new(node: &mut Node) -> Result<Self, RosError> {
        let fixed = QosProfile::default().keep_last(100).transient_local();
        Ok(Self {
            moving: inbox(node, topics::TF, topics::tf_qos())?,
            fixed: inbox(node, topics::TF_STATIC, fixed)?,
            transforms: Transforms::default(),
            refused: 0,
        })
    }

    /// Takes what has come; how many messages that were.
    pub(super) fn hear(&mut self, moment: &Moment) -> usize {
        let all = [(self.fixed.drain(), true), (self.moving.drain(), false)];
        let heard = all.iter().map(|(messages, _)| messages.len()).sum();
        for (messages, holds) in all {
            for transform in messages.iter().flat_map(|message| &message.transforms) {
                if let Err(refusal) = self.transforms.take(transform, holds, moment) {
                    self.refused += 1;
                    if self.refused.is_power_of_two() {
                        r2r::log_warn!(NAME, "{refusal} ({} refused so far)", self.refused);
                    }
                }
            }
        }
        heard
    }
}
