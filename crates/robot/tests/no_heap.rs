//! Nothing that the tick calls touches the heap.

#[path = "../../brainstem/tests/heap/mod.rs"]
mod heap;
mod shipped;

use nalgebra::Vector3;
use neuraxis_core::{Joints, Pose};
use neuraxis_robot::{Gravity, IkRequest};
use rand::SeedableRng;
use rand_pcg::Pcg64;
use shipped::{random, robot};

#[test]
fn kinematics_dynamics_clearance_and_both_ends_of_inverse_kinematics_do_not_touch_the_heap() {
    heap::check_that_it_counts();
    for name in ["fr3", "ur5e"] {
        let robot = robot(name);
        let mut rng = Pcg64::seed_from_u64(41);
        let poses: Vec<Joints> = (0..50).map(|_| random(&robot, &mut rng)).collect();
        let far = Pose::from_parts(Vector3::new(2.0, 0.0, 0.3), Default::default());
        let (before, mut sum) = (heap::calls(), 0.0);
        for q in &poses {
            let (jacobian, base_from_tool) = robot.jacobian(q);
            sum += jacobian.twist(q).norm() + robot.base_from_tool(q).position().norm();
            let frames = robot.link_frames(q);
            sum += robot.self_clearance_m(&frames) + robot.nearest_links(&frames).map_or(0.0, |(_, _, m)| m);
            sum += robot.capsule_points(&frames).map(|(p, radius, _)| p.z - radius).fold(f64::INFINITY, f64::min);
            sum += robot.inverse_dynamics(q, q, q, Gravity::Included).iter().sum::<f64>();
            let momentum = robot.momentum(q, q);
            let still = robot.mass_matrix(q).solve(&momentum.p_nms).expect("positive definite");
            sum += still.iter().chain(momentum.coriolis_nm.iter()).chain(robot.gravity_torques(q).iter()).sum::<f64>();
            let mut request = IkRequest { base_from_tool, seed: robot.home(), restarts: 20, posture: None };
            let found = robot.ik(&request).map_or(0, |q| q.len());
            request = IkRequest { base_from_tool: far, posture: Some(robot.home()), ..request };
            sum += (found + usize::from(robot.ik(&request).is_err())) as f64;
        }
        assert_eq!(heap::calls() - before, 0, "{name}");
        assert!(sum.is_finite());
    }
}
