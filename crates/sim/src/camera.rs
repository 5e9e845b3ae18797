//! The four cameras: colour and depth in one pass each, with exact calibration.

use std::sync::Arc;

use mujoco_rs::{prelude::MjvCamera, renderer::MjRenderer};
use nalgebra::{Matrix3, Rotation3, UnitQuaternion, Vector3};
use neuraxis_core::{CameraView, Intrinsics, Pose};

use crate::{
    Plant, Setup, SimError, Snapshot,
    lens::Lens,
    model::{CAMERAS, IMAGE_PX},
    plant::{CAMERA, WorldData, named},
};

/// A renderer with its own copy of the world. Bound to the thread that made it.
pub struct CameraRig {
    renderer: MjRenderer,
    world: WorldData,
    ids: Vec<usize>,
    snapshot: Snapshot,
    lens: Lens,
}

impl CameraRig {
    /// Starts headless rendering for a scene; an error names a camera that the scene has not.
    pub fn new(setup: &Setup) -> Result<Self, SimError> {
        let find = |(name, _): &(&str, f64)| named(&setup.model, &setup.file, CAMERA, name);
        let ids = CAMERAS.iter().map(find).collect::<Result<_, _>>()?;
        let mut renderer = MjRenderer::builder()
            .width(IMAGE_PX as u32)
            .height(IMAGE_PX as u32)
            .rgb(true)
            .depth(true)
            .build(&setup.model)
            .map_err(refuse)?;
        let mut options = renderer.opts().clone();
        // Group 0 holds everything we draw; sites stay invisible.
        options.geomgroup = [1, 0, 0, 0, 0, 0];
        options.sitegroup = [0; 6];
        renderer.set_opts(options);
        Ok(Self { renderer, world: WorldData::new(setup)?, ids, snapshot: Snapshot::default(), lens: Lens::new(setup) })
    }

    /// All cameras at the plant's state.
    pub fn render(&mut self, plant: &Plant) -> Result<Vec<CameraView>, SimError> {
        let mut snapshot = std::mem::take(&mut self.snapshot);
        plant.snapshot_into(&mut snapshot);
        let views = self.render_snapshot(&snapshot);
        self.snapshot = snapshot;
        views
    }

    /// All cameras at a snapshot taken on another thread.
    pub fn render_snapshot(&mut self, snapshot: &Snapshot) -> Result<Vec<CameraView>, SimError> {
        let data = self.world.show(snapshot);
        let mut views = Vec::with_capacity(CAMERAS.len());
        for ((name, fovy_deg), &id) in CAMERAS.iter().zip(&self.ids) {
            self.renderer.set_camera(MjvCamera::new_fixed(id));
            self.renderer.sync_data(data).map_err(refuse)?;
            self.renderer.render().map_err(refuse)?;
            let (Some(rgb), Some(depth)) = (self.renderer.rgb_flat(), self.renderer.depth_flat()) else {
                return Err(SimError::Render { reason: format!("camera {name} gave no image") });
            };
            let m = data.cam_xmat()[id];
            // MuJoCo's camera looks along -z with y up; the optical frame looks along z with y down.
            let gl = Matrix3::from_row_slice(&m);
            let optical = gl * Matrix3::from_diagonal(&Vector3::new(1.0, -1.0, -1.0));
            let rotation = UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(optical));
            let focal = IMAGE_PX as f64 / 2.0 / (fovy_deg.to_radians() / 2.0).tan();
            let centre = (IMAGE_PX as f64 - 1.0) / 2.0;
            views.push(CameraView {
                name: Arc::from(*name),
                intrinsics: Intrinsics {
                    width: IMAGE_PX as u32,
                    height: IMAGE_PX as u32,
                    fx: focal,
                    fy: focal,
                    cx: centre,
                    cy: centre,
                },
                world_from_camera: Pose::from_parts(Vector3::from(data.cam_xpos()[id]), rotation),
                rgb: rgb.to_vec(),
                depth_m: depth.to_vec(),
            });
        }
        self.lens.spoil(&mut views);
        Ok(views)
    }
}

fn refuse(error: impl std::fmt::Display) -> SimError {
    SimError::Render { reason: error.to_string() }
}
