//! What the cameras see: images, depth and frusta, and the cloud fused of them.

use neuraxis_core::{CameraView, Nanos, Observation};
use neuraxis_episode::Points;
use rerun::{Color, DepthImage, Image, Pinhole, Points3D, datatypes::ChannelDatatype};

use super::Viz;
use crate::{VizError, paths, shapes::transform};

impl Viz {
    /// Camera images, depth and frusta, and the tool's pose.
    pub fn log_observation(&mut self, observation: &Observation) -> Result<(), VizError> {
        self.at(observation.stamp);
        for view in &observation.cameras {
            self.log_camera(view)?;
        }
        self.log_tool(observation.stamp, &observation.world_from_tool)
    }

    fn log_camera(&self, view: &CameraView) -> Result<(), VizError> {
        let camera = paths::camera(&view.name);
        let k = view.intrinsics;
        let size = [k.width, k.height];
        let pinhole =
            Pinhole::from_focal_length_and_resolution([k.fx as f32, k.fy as f32], [k.width as f32, k.height as f32])
                // Rerun counts from the corner of the first pixel, we from its centre.
                .with_principal_point([k.cx as f32 + 0.5, k.cy as f32 + 0.5])
                .with_camera_xyz(rerun::components::ViewCoordinates::RDF)
                .with_image_plane_distance(self.config.frustum_m);
        self.put(&camera, &transform(&view.world_from_camera.iso))?;
        self.put(&camera, &pinhole)?;
        self.put(&paths::rgb(&view.name), &Image::from_rgb24(view.rgb.clone(), size))?;
        let depth: Vec<u8> = view.depth_m.iter().flat_map(|depth| depth.to_le_bytes()).collect();
        let depth = DepthImage::from_data_type_and_bytes(depth, size, ChannelDatatype::F32).with_meter(1.0);
        self.put(&paths::depth(&view.name), &depth)?;
        Ok(())
    }

    /// The fused point cloud in world [m].
    pub fn log_cloud(&mut self, stamp: Nanos, cloud: &Points) -> Result<(), VizError> {
        self.at(stamp);
        let points = Points3D::new(cloud.xyz_in_world.iter().copied())
            .with_colors(cloud.rgb.iter().copied().map(Color::from))
            .with_radii([0.003]);
        self.put(paths::CLOUD, &points)
    }
}
