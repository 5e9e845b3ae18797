//! Where one camera comes in.

use r2r::{
    Node, QosProfile,
    geometry_msgs::msg::PoseStamped,
    sensor_msgs::msg::{CameraInfo, CompressedImage, Image},
};

use crate::{
    RosError,
    cameras_in::{CameraConfig, CamerasConfig, eye::Eye},
    inbox::{Inbox, inbox},
};

/// Where the colour of a camera comes.
pub(super) enum Colour {
    Raw(Inbox<Image>),
    Compressed(Inbox<CompressedImage>),
}

pub(super) struct Ear {
    pub(super) eye: Eye,
    pub(super) colour: Colour,
    pub(super) depth: Inbox<Image>,
    pub(super) info: Inbox<CameraInfo>,
    pub(super) pose: Option<Inbox<PoseStamped>>,
}

pub(super) fn ear(node: &mut Node, camera: &CameraConfig, all: &CamerasConfig) -> Result<Ear, RosError> {
    let qos = |depth: usize| {
        let qos = QosProfile::default().keep_last(depth);
        if all.reliable { qos } else { qos.best_effort() }
    };
    let colour = if camera.compressed {
        Colour::Compressed(inbox(node, &camera.colour, qos(4))?)
    } else {
        Colour::Raw(inbox(node, &camera.colour, qos(4))?)
    };
    Ok(Ear {
        eye: Eye::new(camera, all),
        colour,
        depth: inbox(node, &camera.depth, qos(4))?,
        info: inbox(node, &camera.info, qos(4))?,
        pose: camera.pose.as_ref().map(|topic| inbox(node, topic, qos(20))).transpose()?,
    })
}
