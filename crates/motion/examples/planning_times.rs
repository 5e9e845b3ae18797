//! How long planning takes and how good the paths are: `cargo run --release -p neuraxis-motion --example planning_times`.
//!
//! No budget is asserted and no peer is run: the numbers are printed, by scene.

#[path = "../tests/scene/mod.rs"]
mod scene;

use std::time::Instant;

use neuraxis_core::{Gripper, JointPath, Joints, KeyFrame, PERIOD_CEREBELLUM, Pose, SegmentState, Tool, World};
use neuraxis_motion::{DistanceField, Mover, PathRequest};
use neuraxis_robot::Robot;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use scene::{ahead, cupboard, down, field, motion, planner, robot, table, wall};

const PLANS: usize = 60;

/// A way from one random pose to another.
type Way = fn(&mut Pcg64) -> (Pose<World, Tool>, Pose<World, Tool>);

fn main() {
    let robot = robot("fr3");
    let motion = motion("fr3");
    let mut cupboard_on_table = cupboard().to_vec();
    cupboard_on_table.push(table());
    let mut solids = vec![("a bare table", vec![table()]), ("a wall across", vec![table(), wall()])];
    solids.push(("a cupboard", cupboard_on_table));
    let ways: [Way; 3] = [across, across, into];
    for ((name, solids), way) in solids.iter().zip(ways) {
        let mut field = field(&motion, solids);
        let started = Instant::now();
        field.finish();
        println!("{name}: distances in {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
        measure(&robot, &field, way);
    }
}

fn across(rng: &mut Pcg64) -> (Pose<World, Tool>, Pose<World, Tool>) {
    let mut side = |y: f64| {
        down(rng.random_range(0.15..0.40), y * rng.random_range(0.18..0.35), 0.86, rng.random_range(-0.5..0.5))
    };
    (side(1.0), side(-1.0))
}

fn into(rng: &mut Pcg64) -> (Pose<World, Tool>, Pose<World, Tool>) {
    let from = across(rng).0;
    (
        Pose::from_parts(from.position() - nalgebra::Vector3::x() * 0.15, from.rotation()),
        ahead(rng.random_range(0.22..0.32), rng.random_range(-0.05..0.05), rng.random_range(0.90..1.00)),
    )
}

/// Plans and follows; prints the milliseconds to plan, the corners, the seconds to move.
fn measure(robot: &std::sync::Arc<Robot>, field: &DistanceField, way: Way) {
    let planner = planner("fr3");
    let mut mover = Mover::new(robot.clone(), motion("fr3")).unwrap();
    let mut rng = Pcg64::seed_from_u64(11);
    let (mut line_ms, mut search_ms, mut corners, mut secs, mut refused) = (vec![], vec![], vec![], vec![], vec![]);
    let mut least_m = f64::INFINITY;
    while line_ms.len() + search_ms.len() + refused.len() < PLANS {
        let (start, goal) = way(&mut rng);
        let empty = DistanceField::new(&motion("fr3").planner.field).unwrap();
        let request = |from: Joints, goal| PathRequest { from, goal, held: None, seed: 1 };
        let Ok(before) = planner.plan(&request(robot.home(), start), &empty) else { continue };
        let Some(from) = before.waypoints().last().copied() else { continue };
        // Starts inside of things say nothing.
        if planner.clearance_m(&from, None, field) < 0.0 {
            continue;
        }
        let started = Instant::now();
        let answer = planner.plan(&request(from, goal), field);
        let ms = started.elapsed().as_secs_f64() * 1e3;
        match answer {
            Ok(path) => {
                let by_search = path.waypoints().len() > 1;
                if by_search { &mut search_ms } else { &mut line_ms }.push(ms);
                corners.push(path.waypoints().len() as f64 - 1.0);
                secs.push(follow(robot, &mut mover, from, goal, &path, |q| {
                    least_m = least_m.min(planner.clearance_m(q, None, field));
                }));
            }
            Err(error) => {
                println!("  refused after {ms:.1} ms: {error}");
                refused.push(ms);
            }
        }
    }
    print("line, ms", &mut line_ms);
    print("search, ms", &mut search_ms);
    print("corners", &mut corners);
    print("motion, s", &mut secs);
    println!("  least clearance while moving, ends included: {:.1} mm; refused {}", least_m * 1e3, refused.len());
}

/// Seconds of motion.
fn follow(
    robot: &Robot,
    mover: &mut Mover,
    from: Joints,
    goal: Pose<World, Tool>,
    path: &JointPath,
    mut look: impl FnMut(&Joints),
) -> f64 {
    let still = Joints::zeros(robot.dof());
    let key = KeyFrame { world_from_tool: goal, gripper: Gripper::Open, ignore_collisions: false };
    mover.start_along(&SegmentState { q: from, qd: still, qdd: still }, &key, path).unwrap();
    let mut ticks = 0.0;
    while !mover.is_done() {
        look(&mover.step().unwrap().q);
        ticks += 1.0;
    }
    ticks * PERIOD_CEREBELLUM.secs()
}

fn print(name: &str, values: &mut [f64]) {
    values.sort_by(f64::total_cmp);
    let at =
        |share: f64| values.get(((values.len() as f64 - 1.0) * share).round() as usize).copied().unwrap_or(f64::NAN);
    println!("  {name:12} n {:3}  p50 {:7.2}  p99 {:7.2}  max {:7.2}", values.len(), at(0.5), at(0.99), at(1.0));
}
