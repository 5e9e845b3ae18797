//! Cameras that send as many bytes as real ones do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::{CameraView, Clock, Intrinsics, Nanos, Pose};
use r2r::Node;

use crate::{
    RosConfig, RosError, RosStats,
    config::{check_name, check_range},
    environment,
    node::start,
    publish::{CameraOut, Stamper},
};

/// What to send.
#[derive(Clone, Debug, PartialEq)]
pub struct Pictures {
    /// Namespace of the topics, such as `/left`.
    pub namespace: String,
    /// Names of the cameras.
    pub cameras: Vec<String>,
    /// Pixels in a row and in a column, 1 to 4096 each.
    pub size: [u32; 2],
    /// Pictures of each camera, 0.1 to 1000 [Hz].
    pub hz: f64,
}

/// Who has found a listener waits this long before it sends: the listener finds it on its own.
const SETTLE: Duration = Duration::from_millis(500);
/// What a writer has sent is lost with the writer: it stays so long after the last picture.
const FAREWELL: Duration = Duration::from_millis(300);

/// What was sent.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct PicturesSent {
    /// How long it lasted [s].
    pub secs: f64,
    /// Moments at which nobody listened yet to colour and depth of every camera, and nothing was sent.
    pub unheard: u64,
    /// Moments at which every camera sent.
    pub moments: u64,
    /// Moments skipped because sending took longer than a period.
    pub skipped: u64,
    /// Camera views that the middleware took: colour, depth, calibration and pose of one camera count as one.
    pub views: u64,
    /// Camera views that it did not take.
    pub failed: u64,
}

struct SinceStart(Instant);

impl Clock for SinceStart {
    fn now(&self) -> Nanos {
        Nanos(u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

/// Sends until `stop` is true, all cameras at the same moments and with the same stamp, from when somebody listens to all of
/// them. Blocks; errors: a setting out of its range, whatever rcl refuses.
pub fn pictures(plan: &Pictures, stop: &AtomicBool) -> Result<PicturesSent, RosError> {
    environment::require_discovery_choice()?;
    check_range("hz", plan.hz, 0.1, 1000.0)?;
    for (key, pixels) in [("width", plan.size[0]), ("height", plan.size[1])] {
        check_range(key, f64::from(pixels), 1.0, 4096.0)?;
    }
    plan.cameras.iter().try_for_each(|name| check_name("cameras", name))?;
    let mut node = Node::create(start()?, "pictures", &plan.namespace)
        .map_err(|source| RosError::Make { what: "node pictures".into(), source })?;
    let config = RosConfig::default();
    let out: Vec<CameraOut> =
        plan.cameras.iter().map(|name| CameraOut::new(&mut node, name, &config)).collect::<Result<_, _>>()?;
    let views: Vec<CameraView> = plan.cameras.iter().map(|name| view(name, plan.size)).collect();
    let clock = Arc::new(SinceStart(Instant::now()));
    let stamper = Stamper::new(clock.clone(), &node);

    let period = Duration::from_secs_f64(1.0 / plan.hz);
    let (mut sent, mut stats, begin) = (PicturesSent::default(), RosStats::default(), Instant::now());
    let mut next = begin;
    let mut heard_since = None;
    // Acquire: pairs with the Release store of whoever ends the run.
    while !stop.load(Ordering::Acquire) {
        node.spin_once(next.saturating_duration_since(Instant::now()));
        let now = Instant::now();
        if now < next {
            continue;
        }
        if heard_since.is_none() && out.iter().all(CameraOut::is_heard) {
            heard_since = Some(now);
        }
        if heard_since.is_some_and(|since| now - since >= SETTLE) {
            let captured = clock.now();
            for (camera, view) in out.iter().zip(&views) {
                camera.publish(view, captured, &stamper, &mut stats);
            }
            sent.moments += 1;
        } else {
            sent.unheard += 1;
        }
        next += period;
        while next + period <= Instant::now() {
            next += period;
            sent.skipped += 1;
        }
    }
    (sent.views, sent.failed) = (stats.images, stats.failed + stats.malformed);
    sent.secs = begin.elapsed().as_secs_f64();
    let end = Instant::now() + FAREWELL;
    while Instant::now() < end {
        node.spin_once(end.saturating_duration_since(Instant::now()));
    }
    Ok(sent)
}

/// A floor a metre away, seen from above, coloured so that no two pixels in a row are alike.
fn view(name: &str, [width, height]: [u32; 2]) -> CameraView {
    let pixels = width as usize * height as usize;
    let down = UnitQuaternion::from_euler_angles(std::f64::consts::PI, 0.0, 0.0);
    let f = f64::from(width);
    CameraView {
        name: name.into(),
        intrinsics: Intrinsics {
            width,
            height,
            fx: f,
            fy: f,
            cx: (f - 1.0) / 2.0,
            cy: (f64::from(height) - 1.0) / 2.0,
        },
        world_from_camera: Pose::from_parts(Vector3::new(0.0, 0.0, 1.0), down),
        rgb: (0..3 * pixels).map(|i| (i % 251) as u8).collect(),
        depth_m: vec![1.0; pixels],
    }
}
