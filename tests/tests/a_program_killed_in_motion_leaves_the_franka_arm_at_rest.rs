//! `neuraxis arm` is killed (SIGKILL), or frozen (SIGSTOP), while a Franka arm moves by it: the arm comes to rest, and the next
//! program drives it. On franky-sim, and on franka-sim, where lost packets are counted as the robot counts them.

use std::{
    path::Path,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    thread::sleep,
    time::{Duration, Instant},
};

use neuraxis_tests::{
    Finished, binary,
    franky::Franky,
    run,
    running::{Running, domain},
};

/// One of them at a time: robot and loop both want their milliseconds.
static ALONE: Mutex<()> = Mutex::new(());

/// The jog that is broken off; it is in full motion when it has done the second [rad].
const JOG_RAD: f64 = 0.5;
const MOVES_RAD: f64 = 0.08;
const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(40);
/// Robot and loop are in real time: a machine that gives its time to others for a moment breaks off a motion that was right.
const ATTEMPTS: usize = 3;

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn arm(config: &Path, arguments: &[&str]) -> Finished {
    let mut command = Command::new(binary());
    command.args(["arm", "--config"]).arg(config).args(arguments);
    run(&mut command, Duration::from_secs(90)).expect("the command ends")
}

/// Given until it succeeds, at the last attempt at the latest.
fn arrives(config: &Path, arguments: &[&str]) -> Finished {
    for attempt in 1..=ATTEMPTS {
        let ended = arm(config, arguments);
        if ended.status.success() {
            println!("{arguments:?}: attempt {attempt} of {ATTEMPTS}");
            return ended;
        }
        eprintln!("attempt {attempt}: {arguments:?}: {}", ended.stderr);
    }
    panic!("{arguments:?}: not in {ATTEMPTS} attempts, the reasons are above");
}

/// A jog of joint 1 that has begun, and where that joint was before [rad].
fn in_motion(robot: &mut Franky, config: &Path) -> (Running, f64) {
    let file = config.to_str().expect("a path");
    for attempt in 1..=ATTEMPTS {
        let before = robot.joints_rad()[0];
        // Back and forth, so that it never comes to the end of its range.
        let by = if before > 0.0 { -JOG_RAD } else { JOG_RAD };
        let by = by.to_string();
        let jog = ["arm", "--config", file, "jog", "--joint", "1", "--by", &by];
        let program = Running::start(&jog, &domain());
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if (robot.joints_rad()[0] - before).abs() > MOVES_RAD {
                println!("in motion: attempt {attempt} of {ATTEMPTS}");
                return (program, before);
            }
            sleep(LOOK);
        }
        eprintln!("attempt {attempt}: the jog never was in motion");
    }
    panic!("no jog was in motion in {ATTEMPTS} attempts");
}

/// It did not go on to where the program wanted to bring it, and the next programs have it.
fn it_rests_and_is_driven_again(robot: &mut Franky, config: &Path, before: f64, at_the_kill: f64) {
    let rest = robot.at_rest();
    let (way, after) = ((rest[0] - before).abs(), (rest[0] - at_the_kill).abs());
    println!("at rest {way:.3} rad from where it began, {after:.4} rad after the kill");
    assert!((0.8 * MOVES_RAD..0.8 * JOG_RAD).contains(&way), "{way} rad of {JOG_RAD}");

    let recovered = arm(config, &["recover"]);
    assert!(recovered.status.success() && recovered.stdout.contains("no errors any more"), "{recovered:?}");
    let stands = robot.at_rest();
    assert!((stands[0] - rest[0]).abs() < 0.002, "recovery moved it from {rest:?} to {stands:?}");
    // Slowly: the shipped limits of the loop are the robot's own and leave franka-sim no margin for a millisecond that is late.
    arrives(config, &["--speed", "0.05", "jog", "--joint", "7", "--by", "0.15"]);
    let turned = robot.at_rest()[6] - stands[6];
    // A jog that was broken off and begun again is longer by what was done of it.
    assert!((0.14..0.46).contains(&turned), "{turned}");
}

fn file(robot: &Franky) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::with_suffix(".yaml").expect("a file");
    robot.write_arm(file.path(), "");
    file
}

/// A dead program's sockets are closed by the kernel: both servers see it go, and hold the arm.
#[test]
fn a_killed_program_leaves_either_robot_at_rest_and_the_next_one_drives_it() {
    let _alone = alone();
    for (name, mut robot) in [("franky-sim", Franky::start()), ("franka-sim", Franky::strict())] {
        println!("{name}");
        let file = file(&robot);
        let (mut program, before) = in_motion(&mut robot, file.path());
        program.kill();
        let at_the_kill = robot.joints_rad()[0];
        it_rests_and_is_driven_again(&mut robot, file.path(), before, at_the_kill);
    }
}

/// A program that is frozen keeps its sockets and sends nothing: twenty packets later franka-sim stops the arm by a reflex.
#[test]
fn a_frozen_program_is_a_reflex_of_lost_packets_and_the_next_one_drives_the_arm() {
    let _alone = alone();
    let mut robot = Franky::strict();
    let file = file(&robot);
    let lost = |robot: &mut Franky| {
        let reflexes = robot.ask("state")["reflexes"].as_array().expect("a list").clone();
        reflexes.into_iter().filter(|why| why.to_string().contains("communication_constraints_violation")).count()
    };
    let (mut program, before) = in_motion(&mut robot, file.path());
    assert_eq!(lost(&mut robot), 0, "{}", robot.ask("state"));
    program.freeze();
    let (at_the_kill, end) = (robot.joints_rad()[0], Instant::now() + PATIENCE);
    while lost(&mut robot) == 0 {
        assert!(Instant::now() < end, "no reflex: {}", robot.ask("state"));
        sleep(LOOK);
    }
    let state = robot.ask("state");
    println!("{}", state["reflexes"]);
    assert_eq!(state["mode"], "kReflex", "{state}");
    robot.at_rest();
    program.kill();
    it_rests_and_is_driven_again(&mut robot, file.path(), before, at_the_kill);
}
