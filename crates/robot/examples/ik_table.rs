//! Inverse kinematics over random reachable poses, and the time of everything else in this crate.
//!
//!     cargo run --release -p neuraxis-robot --example ik_table -- [--robot fr3|ur5e] [--poses 100000] [--restarts 100]
//!
//! `us` columns are wall clock, `cpu us` is the mean processor time with drawing and checking each pose (1 us).
//! Poses are those of joint positions drawn uniformly: first from the limits, then from what the solver may use
//! (`IK_SPARE_RAD` inside them). Budgets: cold 99.9 % solved in 0.4 ms on average, warm 10 us at p99, forward
//! kinematics 0.3 us, Jacobian 0.3 us, frames and clearance 3 us, inverse dynamics 1 us.

use std::{hint::black_box, path::Path, time::Instant};

use neuraxis_core::Joints;
use neuraxis_robot::{Gravity, IK_SPARE_RAD, IkRequest, Robot, RobotConfig};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

/// What a solution must keep [m], [rad]; the solver's own tolerance.
const CLOSE_M: f64 = 1e-5;
const CLOSE_RAD: f64 = 1e-4;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Fallible<()> {
    let (mut robots, mut poses, mut restarts) = (vec!["fr3".to_owned(), "ur5e".to_owned()], 100_000, 100);
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or(format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--robot" => robots = vec![value],
            "--poses" => poses = value.parse()?,
            "--restarts" => restarts = value.parse()?,
            other => return Err(format!("unknown flag {other}").into()),
        }
    }
    println!(
        "robot  draw    solver        poses  solved    rate %  mean us   p50 us   p99 us   max us   cpu us  mean move rad  failures"
    );
    for name in &robots {
        let robot = load(name)?;
        for (draw, spare_rad) in [("limits", 0.0), ("inside", IK_SPARE_RAD)] {
            cold(name, &robot, draw, spare_rad, poses, restarts, false);
        }
        cold(name, &robot, "inside", IK_SPARE_RAD, poses / 10, 20, true);
        warm(name, &robot, poses);
    }
    for name in &robots {
        speeds(name, &load(name)?);
    }
    Ok(())
}

fn load(name: &str) -> Fallible<Robot> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = root.join("configs").join(name).join("robot.yaml");
    let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let mut config: RobotConfig = serde_yaml::from_str(&text)?;
    config.urdf = root.join(&config.urdf);
    Ok(Robot::from_urdf(&config.urdf, &config)?)
}

fn draw(robot: &Robot, spare_rad: f64, rng: &mut Pcg64) -> Joints {
    let mut ranges = robot.limits().iter().map(|l| (l.lower_rad + spare_rad, l.upper_rad - spare_rad));
    Joints::from_fn(robot.dof(), |_| ranges.next().map_or(0.0, |(low, high)| rng.random_range(low..high)))
}

/// What became of the poses.
#[derive(Default)]
struct Tally {
    micros: Vec<f64>,
    solved: usize,
    moved_rad: f64,
    /// No solution; the pose was drawn nearer to a limit than the solver may go.
    at_a_limit: usize,
    /// No solution otherwise.
    not_found: usize,
    /// An answer that is no solution, or outside the limits. Always a bug.
    wrong: usize,
    /// Processor time of all solves, with drawing and checking them [ns].
    on_cpu_nanos: f64,
}

/// Processor time of this thread so far [ns]: on a busy machine the clock on the wall counts other programs too.
fn on_cpu_nanos() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(f64::NAN)
}

impl Tally {
    fn ask(&mut self, robot: &Robot, drawn: &Joints, request: &IkRequest) {
        let begin = Instant::now();
        let answer = black_box(robot.ik(black_box(request)));
        self.micros.push(begin.elapsed().as_nanos() as f64 * 1e-3);
        let near_limit = |q: &Joints, by: f64| {
            q.iter().zip(robot.limits()).any(|(v, l)| *v < l.lower_rad + by || *v > l.upper_rad - by)
        };
        match answer {
            Ok(q) => {
                let (metres, radians) = robot.base_from_tool(&q).distance(&request.base_from_tool);
                // The angle of two quaternions loses half of its digits near zero.
                let good = metres <= CLOSE_M && radians <= CLOSE_RAD + 1e-7;
                if good && !near_limit(&q, IK_SPARE_RAD * 0.999) {
                    self.solved += 1;
                    let squares = q.iter().zip(request.seed.iter()).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
                    self.moved_rad += squares.sqrt();
                } else {
                    self.wrong += 1;
                }
            }
            Err(_) if near_limit(drawn, IK_SPARE_RAD) => self.at_a_limit += 1,
            Err(_) => self.not_found += 1,
        }
    }

    fn print(mut self, robot: &str, draw: &str, solver: &str) {
        self.micros.sort_by(f64::total_cmp);
        let count = self.micros.len();
        let share =
            |p: f64| self.micros.get((p * count as f64) as usize).or(self.micros.last()).copied().unwrap_or(0.0);
        println!(
            "{robot:6} {draw:7} {solver:12} {count:6}  {:6}  {:8.4}  {:7.1}  {:7.1}  {:7.1}  {:7.0}  {:7.1}  {:13.3}  \
             at a limit {}, not found {}, wrong {}",
            self.solved,
            100.0 * self.solved as f64 / count as f64,
            self.micros.iter().sum::<f64>() / count as f64,
            share(0.5),
            share(0.99),
            share(1.0),
            1e-3 * self.on_cpu_nanos / count as f64,
            self.moved_rad / self.solved.max(1) as f64,
            self.at_a_limit,
            self.not_found,
            self.wrong
        );
    }
}

/// From home; with a posture as the mover asks.
fn cold(name: &str, robot: &Robot, region: &str, spare_rad: f64, poses: usize, restarts: usize, posture: bool) {
    let (mut tally, mut rng) = (Tally::default(), Pcg64::seed_from_u64(1));
    let begin_nanos = on_cpu_nanos();
    for _ in 0..poses {
        let drawn = draw(robot, spare_rad, &mut rng);
        let base_from_tool = robot.base_from_tool(&drawn);
        let posture = posture.then(|| robot.home());
        tally.ask(robot, &drawn, &IkRequest { base_from_tool, seed: robot.home(), restarts, posture });
    }
    tally.on_cpu_nanos = on_cpu_nanos() - begin_nanos;
    tally.print(name, region, &format!("{restarts}{}", if posture { " posture" } else { "" }));
}

/// From up to 0.02 rad beside the solution, without restarts.
fn warm(name: &str, robot: &Robot, poses: usize) {
    let (mut tally, mut rng) = (Tally::default(), Pcg64::seed_from_u64(2));
    let begin_nanos = on_cpu_nanos();
    for _ in 0..poses {
        let drawn = draw(robot, IK_SPARE_RAD, &mut rng);
        let seed = Joints::from_fn(robot.dof(), |i| drawn.get(i).unwrap_or(&0.0) + rng.random_range(-0.02..0.02));
        let base_from_tool = robot.base_from_tool(&drawn);
        tally.ask(robot, &drawn, &IkRequest { base_from_tool, seed, restarts: 0, posture: None });
    }
    tally.on_cpu_nanos = on_cpu_nanos() - begin_nanos;
    tally.print(name, "inside", "warm");
}

/// Nanoseconds per call, over batches of 100; the least is that of an undisturbed processor.
fn speeds(name: &str, robot: &Robot) {
    let mut rng = Pcg64::seed_from_u64(3);
    let some: Vec<Joints> = (0..1000).map(|_| draw(robot, 0.0, &mut rng)).collect();
    let time = |what: &str, call: &dyn Fn(&Joints)| {
        let mut nanos: Vec<f64> = (0..3000)
            .map(|batch| {
                let begin = Instant::now();
                some.iter().cycle().skip(batch * 7 % 1000).take(100).for_each(call);
                begin.elapsed().as_nanos() as f64 / 100.0
            })
            .collect();
        nanos.sort_by(f64::total_cmp);
        let share = |p: usize| nanos.get(p * nanos.len() / 100).copied().unwrap_or(f64::NAN);
        println!("{name:6} {what:24} least {:5.0} ns, p50 {:5.0} ns, p99 {:5.0} ns", share(0), share(50), share(99));
    };
    time("forward kinematics", &|q| {
        black_box(robot.base_from_tool(black_box(q)));
    });
    time("Jacobian", &|q| {
        black_box(robot.jacobian(black_box(q)));
    });
    time("link frames", &|q| {
        black_box(robot.link_frames(black_box(q)));
    });
    time("link frames + clearance", &|q| {
        black_box(robot.self_clearance_m(&robot.link_frames(black_box(q))));
    });
    time("inverse dynamics", &|q| {
        black_box(robot.inverse_dynamics(black_box(q), q, q, Gravity::Included));
    });
    time("momentum", &|q| {
        black_box(robot.momentum(black_box(q), q));
    });
    time("mass matrix", &|q| {
        black_box(robot.mass_matrix(black_box(q)));
    });
}
