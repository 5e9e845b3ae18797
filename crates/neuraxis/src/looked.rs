//! What a policy looked at on the way to its answer, for people: its views with their heatmaps, its gaze, its cloud, and how
//! whole and how fresh all of that was.

use neuraxis_core::Nanos;
use neuraxis_episode::{GazeRay, Monitor, Points, PredictionDetail, VirtualView};
use neuraxis_policy::{CorticalPolicy, DynamicLook, PredictionViews};
use neuraxis_vision::MaskedCamera;

/// Names of the virtual views in the order of the policy's output.
pub const VIEWS: [&str; 6] = ["coarse_top", "coarse_front", "coarse_right", "fine_top", "fine_front", "fine_right"];

/// What the networks looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Looked {
    /// When the cameras saw it.
    pub stamp: Nanos,
    /// The views, and where the gaze rested.
    pub detail: PredictionDetail,
    /// The cloud they were drawn from; `None`: it stayed in another process.
    pub cloud: Option<Points>,
}

/// How whole is what a policy sees.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sight {
    /// Cameras that it did without, and why; of a refusal those that cannot be used.
    pub left_out: Vec<String>,
    /// How long before its picture the frame before it was taken [s], where it looks at two.
    pub before_age_secs: Option<f64>,
}

impl Looked {
    /// At the last prediction, from what was captured then.
    pub fn of(policy: &CorticalPolicy, stamp: Nanos) -> Self {
        let cloud = policy.cloud();
        let cloud = Points { xyz_in_world: cloud.xyz_in_world.clone(), rgb: cloud.rgb.clone() };
        Self { stamp, detail: detail(policy.views()), cloud: Some(cloud) }
    }
}

impl Sight {
    /// At the last prediction or refusal.
    pub fn of(policy: &CorticalPolicy) -> Self {
        let views = policy.views();
        Self {
            left_out: views.masked.iter().map(MaskedCamera::to_string).collect(),
            before_age_secs: views.dynamic.as_ref().and_then(|look| look.gaze.as_ref()?.previous_age_secs),
        }
    }

    /// The numbers that are watched. `age_secs`: of the picture, when it was answered; `lease_secs`: the age at which the arm
    /// stops for want of a newer answer.
    pub fn monitors(&self, age_secs: Option<f64>, lease_secs: f64) -> Vec<Monitor> {
        let monitor = |name: &str, value, limit| Monitor { name: name.into(), value, limit };
        let left_out = monitor("cameras left out", self.left_out.len() as f64, None);
        let age = age_secs.map(|secs| monitor("picture's age when answered [s]", secs, Some(lease_secs)));
        let before = self.before_age_secs.map(|secs| monitor("frame before: age [s]", secs, None));
        std::iter::once(left_out).chain(age).chain(before).collect()
    }
}

/// What has come from a policy in another process: views of answers before, and where the newest looks, at a picture that was
/// captured then.
#[cfg(feature = "ros")]
pub fn of_remote(policy: &mut neuraxis_ros::RemotePolicy, stamp: Nanos) -> Vec<Looked> {
    let mut all = Vec::new();
    while let Some(look) = policy.look() {
        all.push(look.into());
    }
    let of =
        |gaze| Looked { stamp, detail: PredictionDetail { gaze: Some(ray(gaze)), views: Vec::new() }, cloud: None };
    all.extend(policy.gaze().map(of));
    all
}

/// From an eye to what it looks at, in the world [m].
#[cfg(feature = "ros")]
pub fn ray([eye, at]: [nalgebra::Vector3<f64>; 2]) -> GazeRay {
    GazeRay {
        eye_in_world: eye.cast().into(),
        direction: (at - eye).try_normalize(f64::EPSILON).unwrap_or_default().cast().into(),
        point_in_world: Some(at.cast().into()),
    }
}

#[cfg(feature = "ros")]
impl From<neuraxis_ros::PolicyLook> for Looked {
    fn from(look: neuraxis_ros::PolicyLook) -> Self {
        let view = |neuraxis_ros::PolicyView { name, size, rgb, heat }| VirtualView { name, size, rgb, heat };
        let views = look.views.into_iter().map(view).collect();
        Self { stamp: look.stamp, detail: PredictionDetail { views, gaze: None }, cloud: None }
    }
}

#[cfg(feature = "ros")]
impl Looked {
    /// The views, as ROS carries them.
    pub fn into_views(self) -> Vec<neuraxis_ros::PolicyView> {
        let view = |VirtualView { name, size, rgb, heat }| neuraxis_ros::PolicyView { name, size, rgb, heat };
        self.detail.views.into_iter().map(view).collect()
    }
}

#[cfg(feature = "ros")]
impl From<Sight> for neuraxis_ros::PolicySight {
    fn from(sight: Sight) -> Self {
        let Sight { left_out, before_age_secs } = sight;
        Self { left_out, before_age_secs }
    }
}

#[cfg(feature = "ros")]
impl From<neuraxis_ros::PolicySight> for Sight {
    fn from(sight: neuraxis_ros::PolicySight) -> Self {
        let neuraxis_ros::PolicySight { left_out, before_age_secs } = sight;
        Self { left_out, before_age_secs }
    }
}

/// What a policy looked at on the way to its answer, under the names of its views.
pub fn detail(views: &PredictionViews) -> PredictionDetail {
    let side = views.side as u32;
    let view = |(name, (rgb, heat)): (&&str, (&Vec<u8>, &Vec<f32>))| VirtualView {
        name: name.to_string(),
        size: [side, side],
        rgb: rgb.clone(),
        heat: heat.clone(),
    };
    let pictures = views.rgb.iter().zip(&views.heat);
    let mut detail = PredictionDetail { views: VIEWS.iter().zip(pictures).map(view).collect(), gaze: None };
    if let Some(look) = &views.dynamic {
        show_dynamic(look, &mut detail);
    }
    detail
}

/// Adds the dynamic stream's view with its heatmap, and of a gaze the frame before and the ray.
fn show_dynamic(look: &DynamicLook, detail: &mut PredictionDetail) {
    let view = |name: &str, rgb: &[u8], heat: &[f32]| VirtualView {
        name: name.into(),
        size: [look.side as u32; 2],
        rgb: rgb.to_vec(),
        heat: heat.to_vec(),
    };
    if let Some(gaze) = &look.gaze {
        detail.views.push(view("dynamic_before", &gaze.before_rgb, &[]));
        detail.gaze = Some(GazeRay {
            eye_in_world: look.world_from_camera.position().cast().into(),
            direction: gaze.ray_in_world.cast().into(),
            point_in_world: gaze.point_in_world.map(|p| p.cast().into()),
        });
    }
    detail.views.push(view("dynamic", &look.rgb, &look.heat));
}

#[cfg(test)]
pub mod tests {
    use nalgebra::{UnitQuaternion, Vector3};
    use neuraxis_core::Pose;
    use neuraxis_policy::GazeLook;

    use super::*;

    /// What a policy with a gaze has looked at: two pixels wide, the frame before dark and the current one bright.
    pub fn gazing() -> PredictionViews {
        let gaze = GazeLook {
            before_rgb: vec![10; 12],
            previous_age_secs: Some(0.25),
            peak: [0.5, 0.5],
            ray_in_world: Vector3::new(0.0, 0.6, -0.8),
            point_in_world: Some(Vector3::new(0.1, 0.8, 0.7)),
        };
        let look = DynamicLook {
            side: 2,
            rgb: vec![200; 12],
            heat: vec![0.1, 0.2, 0.3, 0.4],
            world_from_camera: Pose::from_parts(Vector3::new(0.1, 0.2, 1.5), UnitQuaternion::identity()),
            hfov_rad: 1.0,
            gaze: Some(gaze),
        };
        let (rgb, heat) = (vec![vec![50; 3]; 6], vec![vec![1.0]; 6]);
        PredictionViews { side: 1, rgb, heat, dynamic: Some(look), ..PredictionViews::default() }
    }

    #[test]
    fn both_frames_of_a_clip_the_heat_on_the_newer_one_and_the_ray_are_shown() {
        let detail = detail(&gazing());
        let names: Vec<&str> = detail.views.iter().map(|view| view.name.as_str()).collect();
        assert_eq!(names, [&VIEWS[..], &["dynamic_before", "dynamic"]].concat());
        let [.., before, now] = &detail.views[..] else { panic!("{names:?}") };
        assert_eq!((before.size, &before.rgb, &before.heat), ([2, 2], &vec![10; 12], &vec![]));
        assert_eq!((now.size, &now.rgb, &now.heat), ([2, 2], &vec![200; 12], &vec![0.1, 0.2, 0.3, 0.4]));
        let gaze = detail.gaze.unwrap();
        assert_eq!((gaze.eye_in_world, gaze.direction), ([0.1, 0.2, 1.5], [0.0, 0.6, -0.8]));
        assert_eq!(gaze.point_in_world, Some([0.1, 0.8, 0.7]));
    }

    #[test]
    fn a_view_that_is_rendered_has_no_frame_before_and_no_ray() {
        let mut views = gazing();
        views.dynamic.iter_mut().for_each(|look| look.gaze = None);
        let detail = detail(&views);
        assert!(detail.views.iter().all(|view| view.name != "dynamic_before") && detail.gaze.is_none());
        assert_eq!(detail.views.last().unwrap().name, "dynamic");
        assert_eq!(self::detail(&PredictionViews { dynamic: None, ..views }).views.len(), 6);
    }

    #[test]
    fn cameras_that_are_left_out_and_the_ages_of_both_pictures_are_watched() {
        let sight = Sight { left_out: vec!["wrist: hardly any depth reading".into()], before_age_secs: Some(0.25) };
        let told = |sight: &Sight, age_secs| -> Vec<(String, f64, Option<f64>)> {
            let all = sight.monitors(age_secs, 0.5).into_iter();
            all.map(|Monitor { name, value, limit }| (name, value, limit)).collect()
        };
        let left_out = ("cameras left out".to_string(), 1.0, None);
        let age = ("picture's age when answered [s]".to_string(), 0.06, Some(0.5));
        let before = ("frame before: age [s]".to_string(), 0.25, None);
        assert_eq!(told(&sight, Some(0.06)), [left_out.clone(), age.clone(), before.clone()]);
        assert_eq!(told(&sight, None), [left_out, before], "simulated time stands still while it thinks");
        let one = Sight { before_age_secs: None, ..sight };
        assert_eq!(told(&one, Some(0.06)).len(), 2, "one frame has none before it");
    }

    /// The names under which ROS carries them.
    #[cfg(feature = "ros")]
    #[test]
    fn every_view_has_a_topic() {
        let shown = detail(&gazing()).views;
        assert!(shown.iter().all(|view| neuraxis_ros::looked::VIEWS.contains(&view.name.as_str())), "{shown:?}");
        assert_eq!(shown.len(), neuraxis_ros::looked::VIEWS.len());
    }
}
