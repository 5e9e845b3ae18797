//! What the policy's networks saw, with the heatmaps that they put on it: `policy/<view>/image` and `policy/<view>/heat`.

use neuraxis_core::Nanos;
use r2r::{Node, Publisher, builtin_interfaces::msg::Time, sensor_msgs::msg::Image};

use crate::{
    RosError, RosStats, config, conversions,
    publish::{Stamper, is_heard, publisher},
    topics,
};

/// Every view that there may be.
pub const VIEWS: [&str; 8] =
    ["coarse_top", "coarse_front", "coarse_right", "fine_top", "fine_front", "fine_right", "dynamic_before", "dynamic"];

/// A view as the networks saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyView {
    /// Its name, e.g. `coarse_top`; part of its topics'.
    pub name: String,
    /// Width and height [px].
    pub size: [u32; 2],
    /// (height, width, 3) row-major, top row first.
    pub rgb: Vec<u8>,
    /// (height, width), probabilities; empty: no heatmap.
    pub heat: Vec<f32>,
}

/// What one prediction rests on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyLook {
    /// When the cameras saw it.
    pub stamp: Nanos,
    /// All views.
    pub views: Vec<PolicyView>,
}

/// The newest look, if there is a new one. Called on the node's thread; must not block.
pub type Looks = Box<dyn FnMut() -> Option<PolicyLook> + Send>;

/// Publishes the views of the newest prediction to those who listen.
pub(crate) struct LooksOut {
    looks: Looks,
    views: ViewsOut,
}

/// Publishes views to those who listen. A view's topics are there once it was seen.
#[derive(Default)]
pub(crate) struct ViewsOut(Vec<ViewOut>);

struct ViewOut {
    name: String,
    image: Publisher<Image>,
    heat: Publisher<Image>,
}

impl LooksOut {
    pub(crate) fn new(looks: Looks) -> Self {
        Self { looks, views: ViewsOut::default() }
    }

    pub(crate) fn publish(&mut self, node: &mut Node, stamper: &Stamper, stats: &mut RosStats) {
        let Some(look) = (self.looks)() else { return };
        let Some(stamp) = stamper.stamp(look.stamp) else {
            stats.failed += 1;
            return;
        };
        self.views.publish(node, &stamp, &look.views, stats);
    }
}

impl ViewsOut {
    pub(crate) fn publish(&mut self, node: &mut Node, stamp: &Time, views: &[PolicyView], stats: &mut RosStats) {
        for view in views {
            let place = match self.0.iter().position(|out| out.name == view.name) {
                Some(place) => place,
                None => match ViewOut::new(node, &view.name) {
                    Ok(out) => {
                        self.0.push(out);
                        self.0.len() - 1
                    }
                    Err(_) => {
                        stats.failed += 1;
                        continue;
                    }
                },
            };
            let out = &self.0[place];
            let pixels = view.size[0] as usize * view.size[1] as usize;
            if view.rgb.len() != 3 * pixels || !(view.heat.is_empty() || view.heat.len() == pixels) {
                stats.malformed += 1;
                continue;
            }
            let header = || conversions::header(stamp, &view.name);
            if is_heard(&out.image) {
                let picture = conversions::picture(header(), view.size, "rgb8", 3, view.rgb.clone());
                stats.count_published(out.image.publish(&picture).is_ok(), |stats| &mut stats.policy_views);
            }
            if is_heard(&out.heat) && !view.heat.is_empty() {
                let bytes = view.heat.iter().flat_map(|heat| heat.to_le_bytes()).collect();
                let picture = conversions::picture(header(), view.size, "32FC1", 4, bytes);
                stats.count_published(out.heat.publish(&picture).is_ok(), |stats| &mut stats.policy_views);
            }
        }
    }
}

impl ViewOut {
    fn new(node: &mut Node, name: &str) -> Result<Self, RosError> {
        config::check_name("policy view", name)?;
        Ok(Self {
            name: name.into(),
            image: publisher(node, &topics::view_image(name), topics::camera_qos())?,
            heat: publisher(node, &topics::view_heat(name), topics::camera_qos())?,
        })
    }
}
