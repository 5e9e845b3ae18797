//! Settings of the cameras.

use nalgebra::{Quaternion, UnitQuaternion, Vector3};
use neuraxis_core::{Frame, Pose};
use serde::{Deserialize, Serialize};

use crate::{
    RosError,
    config::{check_name, check_range, check_topic, setting},
    topics,
};

/// A pose in a file.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoseConfig {
    /// Position [m].
    pub xyz_m: [f64; 3],
    /// Rotation as ROS tools print it: x, y, z, w; of length 1 within 1e-3.
    pub quaternion_xyzw: [f64; 4],
}

impl PoseConfig {
    /// `X_AB`.
    pub fn pose<A: Frame, B: Frame>(&self) -> Pose<A, B> {
        let [x, y, z, w] = self.quaternion_xyzw;
        let rotation = UnitQuaternion::from_quaternion(Quaternion::new(w, x, y, z));
        Pose::from_parts(Vector3::from(self.xyz_m), rotation)
    }

    fn validate(&self, key: &str) -> Result<(), RosError> {
        if !self.xyz_m.iter().all(|x| x.is_finite()) {
            return Err(setting(&format!("{key}.xyz_m"), format!("{:?}", self.xyz_m), "finite"));
        }
        let length = self.quaternion_xyzw.iter().map(|x| x * x).sum::<f64>().sqrt();
        check_range(&format!("length of {key}.quaternion_xyzw"), length, 0.999, 1.001)
    }
}

/// Where a camera is, from `/tf` and `/tf_static`. It must not move against what carries it: the first transform counts, and
/// pictures are refused while it is missing, older than [`CamerasConfig::max_transform_age_secs`], or another one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TfConfig {
    /// The camera's frame, optical convention: x right, y down, z forward.
    pub camera_frame: String,
    /// The camera is on the hand: the hand's frame, the URDF's `tool_link`; `null`: it is fixed in [`CamerasConfig::world_frame`].
    #[serde(default)]
    pub hand_frame: Option<String>,
}

/// One camera. Exactly one of the four ways to know where it is must be given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraConfig {
    /// Its name, as the policy knows it.
    pub name: String,
    /// Topic of colour, absolute: `sensor_msgs/Image`, `rgb8` or `bgr8`.
    pub colour: String,
    /// `colour` is a `sensor_msgs/CompressedImage` instead: JPEG or PNG.
    #[serde(default)]
    pub compressed: bool,
    /// Topic of depth, absolute: `sensor_msgs/Image`, `32FC1` [m] or `16UC1` [mm], registered to colour. Raw only: the
    /// transports `compressedDepth` and `compressed` are refused, `republish` of image_transport makes them raw.
    pub depth: String,
    /// Topic of `sensor_msgs/CameraInfo` of colour, absolute.
    pub info: String,
    /// The pictures are rectified: the intrinsics are those of matrix `p`, and distortion does not count.
    #[serde(default)]
    pub rectified: bool,
    /// `frame_id` that all its messages must have; `null`: any, but all the same.
    #[serde(default)]
    pub frame: Option<String>,
    /// Where it is: X_WC from the file, optical convention.
    #[serde(default)]
    pub world_from_camera: Option<PoseConfig>,
    /// Where it is: on the tool, X_TC from the file, optical convention.
    #[serde(default)]
    pub tool_from_camera: Option<PoseConfig>,
    /// Where it is: topic of `geometry_msgs/PoseStamped`, absolute; X_WC in the world's frame, optical convention.
    #[serde(default)]
    pub pose: Option<String>,
    /// Where it is: from tf.
    #[serde(default)]
    pub tf: Option<TfConfig>,
}

/// All cameras.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CamerasConfig {
    /// The cameras. Default none.
    pub cameras: Vec<CameraConfig>,
    /// `frame_id` of poses, and the world in tf. Default `world`.
    pub world_frame: String,
    /// Colour, depth and pose of a camera may lie this far apart, 0 to 0.5 [s]. Default 0.02.
    pub max_skew_secs: f64,
    /// The cameras of a set may lie this far apart, 0 to 0.5 [s]. Default 0.05.
    pub max_set_skew_secs: f64,
    /// What is older than this when it comes is refused, and a camera that is not heard for as long is left out, 0.05 to 5
    /// [s]. Default 0.3.
    pub max_age_secs: f64,
    /// A transform of `/tf` older than this says no longer where a camera is; those of `/tf_static` do not age; 0.05 to 60 [s].
    /// Default 1.
    pub max_transform_age_secs: f64,
    /// From the hand's frame along its z to the tool [m], for cameras with a `hand_frame`: `hand_from_tool_z_m` of robot.yaml,
    /// put here by the program.
    #[serde(skip)]
    pub hand_from_tool_z_m: f64,
    /// Ask for lost messages again: large pictures need it, drivers that publish best effort are not heard then. Default
    /// false.
    pub reliable: bool,
}

impl Default for CamerasConfig {
    fn default() -> Self {
        Self {
            cameras: Vec::new(),
            world_frame: "world".into(),
            max_skew_secs: 0.02,
            max_set_skew_secs: 0.05,
            max_age_secs: 0.3,
            max_transform_age_secs: 1.0,
            hand_from_tool_z_m: 0.0,
            reliable: false,
        }
    }
}

impl CamerasConfig {
    /// Errors name the key and its allowed range.
    pub fn validate(&self) -> Result<(), RosError> {
        for (i, camera) in self.cameras.iter().enumerate() {
            camera.validate(&format!("cameras[{i}]"))?;
            if self.cameras[..i].iter().any(|other| other.name == camera.name) {
                return Err(setting(&format!("cameras[{i}].name"), &camera.name, "each camera once"));
            }
        }
        if self.world_frame.is_empty() {
            return Err(setting("world_frame", "empty", "a frame_id"));
        }
        check_range("max_skew_secs", self.max_skew_secs, 0.0, 0.5)?;
        check_range("max_set_skew_secs", self.max_set_skew_secs, 0.0, 0.5)?;
        check_range("max_transform_age_secs", self.max_transform_age_secs, 0.05, 60.0)?;
        check_range("max_age_secs", self.max_age_secs, 0.05, 5.0)
    }
}

impl CameraConfig {
    fn validate(&self, key: &str) -> Result<(), RosError> {
        check_name(&format!("{key}.name"), &self.name)?;
        check_topic(&format!("{key}.colour"), &self.colour)?;
        check_topic(&format!("{key}.depth"), &self.depth)?;
        let transports = ["compressedDepth", "compressed", "theora", "zstd", "ffmpeg"];
        if self.depth.rsplit('/').next().is_some_and(|last| transports.contains(&last)) {
            let allowed = "a raw sensor_msgs/Image, as `republish` of image_transport makes it of a compressed one";
            return Err(setting(&format!("{key}.depth"), &self.depth, allowed));
        }
        check_topic(&format!("{key}.info"), &self.info)?;
        let poses = [("world_from_camera", self.world_from_camera), ("tool_from_camera", self.tool_from_camera)];
        for (name, pose) in &poses {
            if let Some(pose) = pose {
                pose.validate(&format!("{key}.{name}"))?;
            }
        }
        if let Some(topic) = &self.pose {
            check_topic(&format!("{key}.pose"), topic)?;
        }
        if let Some(tf) = &self.tf {
            // This program says there where it takes the cameras to be: it would believe itself.
            if tf.camera_frame.is_empty() || tf.camera_frame == topics::optical_frame(&self.name) {
                let allowed =
                    format!("a frame that the camera's driver publishes, not {}", topics::optical_frame(&self.name));
                return Err(setting(&format!("{key}.tf.camera_frame"), format!("{:?}", tf.camera_frame), &allowed));
            }
            if tf.hand_frame.as_ref().is_some_and(String::is_empty) {
                return Err(setting(&format!("{key}.tf.hand_frame"), "empty", "the hand's frame, or null"));
            }
        }
        let told = usize::from(self.pose.is_some()) + usize::from(self.tf.is_some());
        let ways = poses.iter().filter(|(_, pose)| pose.is_some()).count() + told;
        if ways != 1 {
            let what = format!("{ways} of world_from_camera, tool_from_camera, pose, tf");
            return Err(setting(key, what, "exactly one of them"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use neuraxis_core::{Camera, World};

    use super::*;

    const YAML: &str = "
cameras:
  - name: front
    colour: /front/color/image_raw
    depth: /front/aligned_depth_to_color/image_raw
    info: /front/color/camera_info
    world_from_camera: { xyz_m: [1, 2, 3], quaternion_xyzw: [0, 0, 0.7071068, 0.7071068] }
  - { name: wrist, colour: /wrist/image, compressed: true, depth: /wrist/depth, info: /wrist/info, pose: /wrist/pose }
max_skew_secs: 0.01
";

    #[test]
    fn a_file_is_read_and_quaternions_are_in_the_order_of_ros() {
        let config: CamerasConfig = serde_yaml::from_str(YAML).unwrap();
        config.validate().unwrap();
        let pose = config.cameras[0].world_from_camera.unwrap().pose::<World, Camera>();
        let turned = pose.iso * nalgebra::Point3::new(1.0, 0.0, 0.0);
        assert!((turned - nalgebra::Point3::new(1.0, 3.0, 3.0)).norm() < 1e-6, "{turned}");
    }

    #[test]
    fn errors_name_key_value_and_range() {
        let refused = |change: fn(&mut CamerasConfig)| {
            let mut config: CamerasConfig = serde_yaml::from_str(YAML).unwrap();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        for (text, parts) in [
            (refused(|c| c.max_age_secs = f64::NAN), ["max_age_secs", "NaN", "0.05 to 5"]),
            (refused(|c| c.cameras[1].name = "front".into()), ["cameras[1].name", "front", "once"]),
            (refused(|c| c.cameras[0].colour = "front".into()), ["cameras[0].colour", "front", "/name"]),
            (
                refused(|c| c.cameras[0].depth = "/front/depth/compressedDepth".into()),
                ["cameras[0].depth", "/front/depth/compressedDepth", "a raw sensor_msgs/Image"],
            ),
            (refused(|c| c.cameras[1].pose = None), ["cameras[1]", "0 of", "exactly one"]),
            (refused(|c| c.cameras[0].pose = Some("/p".into())), ["cameras[0]", "2 of", "exactly one"]),
            (
                refused(|c| {
                    c.cameras[1].tf = Some(TfConfig { camera_frame: "wrist_optical_frame".into(), hand_frame: None })
                }),
                ["cameras[1].tf.camera_frame", "wrist_optical_frame", "driver publishes"],
            ),
            (refused(|c| c.max_transform_age_secs = 0.0), ["max_transform_age_secs", "0", "0.05 to 60"]),
            (
                refused(|c| {
                    c.cameras[0].world_from_camera = Some(PoseConfig { xyz_m: [0.0; 3], quaternion_xyzw: [0.0; 4] })
                }),
                ["cameras[0].world_from_camera.quaternion_xyzw", "0", "0.999 to 1.001"],
            ),
        ] {
            assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        }
    }
}
