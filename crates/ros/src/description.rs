//! What arm this is, for those who draw it or compute with it.

use r2r::{Node, Publisher, std_msgs::msg::String as Text};

use crate::{RosError, RosStats, publish::publisher, topics};

/// The arm's URDF, published once; the middleware keeps it for late comers as long as this lives.
pub(crate) struct Description {
    _kept: Publisher<Text>,
}

impl Description {
    pub(crate) fn publish(node: &mut Node, urdf: String, stats: &mut RosStats) -> Result<Self, RosError> {
        let publisher = publisher::<Text>(node, topics::ROBOT_DESCRIPTION, topics::latched_qos())?;
        stats.failed += u64::from(publisher.publish(&Text { data: urdf }).is_err());
        Ok(Self { _kept: publisher })
    }
}
