//! Cameras of any driver, put together into sets of one moment.
//!
//! Each camera has topics of colour (raw or compressed), depth that is registered to colour, and `camera_info`; where it
//! is comes from the file, from a topic, from tf, or from the tool that it is mounted on. [`CamerasNode`] runs in a thread of its
//! own and hands over the newest complete set; a camera that is not heard for `max_age_secs` is left out of the sets
//! until it is heard again: the policy does without it, see `neuraxis_vision::health`.
//!
//! What cannot be used is refused with a reason and counted, camera by camera; the node goes on. A picture that stays the
//! same while its stamp goes on cannot be told from a scene that does, until the arm moves: see `neuraxis_vision::FrozenWatch`.

mod config;
mod eye;
mod foretold;
mod images;
mod judge;
mod node;
mod refusal;
mod rhythm;
mod tally;
mod transforms;

use std::sync::Arc;

use neuraxis_channel::{RingReceiver, ring};
use neuraxis_core::{CameraView, Clock, Nanos, Pose, Tool, World};

pub use config::{CameraConfig, CamerasConfig, PoseConfig, TfConfig};
pub use images::{Depth, Picture, compressed_from_msg, depth_from_msg, picture_from_msg};
pub use node::{CameraReport, CamerasNode, CamerasReport};
pub use refusal::ViewRefusal;
pub use tally::{Dropped, Tally};

use crate::RosError;

/// Views of one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraSet {
    /// When the oldest of them was captured, in the loop's clock.
    pub stamp: Nanos,
    /// The cameras that are in, in the order of the configuration.
    pub views: Vec<CameraView>,
}

/// Where the tool was at a time of the loop's clock, X_WT; `None` if that is not known. Called on the node's thread.
pub type ToolAt = Box<dyn FnMut(Nanos) -> Option<Pose<World, Tool>> + Send>;

/// The ends of the cameras.
pub struct CamerasIn {
    /// For a thread of its own, of ordinary priority: `node.run(&stop)`.
    pub node: CamerasNode,
    /// The newest two sets; the newest replaces the oldest.
    pub sets: RingReceiver<CameraSet>,
    /// What the node did, ten times a second; for diagnostics.
    pub reports: RingReceiver<CamerasReport>,
}

/// Starts ROS 2 in this process, if it is not yet, and makes the node. `tool_at` is needed where a camera is on the tool.
///
/// Errors: a setting out of its range; [`RosError::DiscoveryRangeUnset`]; whatever rcl refuses.
pub fn cameras_in(
    config: CamerasConfig,
    clock: Arc<dyn Clock>,
    tool_at: Option<ToolAt>,
) -> Result<CamerasIn, RosError> {
    let (sets_in, sets) = ring(2);
    let (reports_in, reports) = ring(2);
    let node = CamerasNode::new(config, clock, tool_at, sets_in, reports_in)?;
    Ok(CamerasIn { node, sets, reports })
}
