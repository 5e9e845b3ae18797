//! Postures that reach a goal, the best first.

use neuraxis_core::Joints;
use neuraxis_robot::{IkError, IkRequest, Robot};
use rand::Rng;
use rand_pcg::Pcg64;

use super::{PathError, PathRequest};
use crate::posture::{DOWN_Z, facing};

/// Restarts of the inverse kinematics, by seed.
const RESTARTS: usize = 6;
/// Postures this near to each other are one [rad].
const SAME_RAD: f64 = 0.1;
/// A posture far from the one that the arm likes costs this share of one that is far from the start.
const LIKING: f64 = 1.5;

/// A posture that reaches the goal.
#[derive(Copy, Clone, Debug)]
pub(super) struct Posture {
    pub(super) q: Joints,
    /// Distance from the start and from the posture that the arm likes [rad].
    pub(super) cost_rad: f64,
}

/// Postures that reach the goal, by their distance from the start and from the posture that the arm likes:
/// home, or for a tool that does not point down the forward posture. At most one per seed.
pub(super) fn postures(
    robot: &Robot,
    forward: &Joints,
    request: &PathRequest,
    seeds: usize,
    rng: &mut Pcg64,
) -> Result<Vec<Posture>, PathError> {
    let base_from_tool = robot.world_from_base().inverse() * request.goal;
    let is_forward = (base_from_tool.rotation() * nalgebra::Vector3::z()).z > DOWN_Z && !forward.is_empty();
    let liked = if is_forward { facing(forward, &base_from_tool) } else { robot.home() };
    // The first one is what the motion layer would choose without a planner.
    let mut starts = vec![
        (if is_forward { liked } else { request.from }, Some(liked)),
        (request.from, None),
        (robot.home(), Some(robot.home())),
    ];
    for _ in 0..seeds {
        let anywhere = Joints::from_fn(robot.dof(), |i| {
            robot.limits().get(i).map_or(0.0, |l| l.lower_rad + rng.random::<f64>() * (l.upper_rad - l.lower_rad))
        });
        starts.push((anywhere, Some(anywhere)));
    }
    let distance = |a: &Joints, b: &Joints| a.iter().zip(b.iter()).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
    let (mut found, mut nearest_m) = (Vec::<Posture>::new(), f64::INFINITY);
    for (seed, posture) in starts {
        match robot.ik(&IkRequest { base_from_tool, seed, restarts: RESTARTS, posture }) {
            Ok(q) if found.iter().all(|other| other.q.max_abs_diff(&q) > SAME_RAD) => {
                let cost_rad = distance(&q, &request.from) + LIKING * distance(&q, &liked);
                found.push(Posture { q, cost_rad });
            }
            Ok(_) => {}
            Err(IkError::Unreachable { metres }) => nearest_m = nearest_m.min(metres),
            Err(_) => return Err(PathError::Malformed { what: "the goal" }),
        }
    }
    if found.is_empty() {
        return Err(PathError::Unreachable { metres: nearest_m });
    }
    found.sort_by(|a, b| a.cost_rad.total_cmp(&b.cost_rad));
    Ok(found)
}
