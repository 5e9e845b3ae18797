//! The UR5e: its file, its kinematics and its control belong together.

mod driver;

use driver::{shipped, try_setup};
use neuraxis_core::{ArmCommand, Joints};
use neuraxis_sim::{Plant, SimConfig};

#[test]
fn the_second_arm_follows_commands_and_its_hand_is_where_its_kinematics_say() {
    let robot = shipped::robot("ur5e");
    let config = SimConfig { robot: "ur5e".into(), home_rad: robot.home(), ..SimConfig::default() };
    let mut plant = Plant::new(&try_setup("push_buttons", 1, &config).expect("a scene")).expect("physics");
    let goal = Joints::from_fn(robot.dof(), |i| robot.home()[i] + [0.3, 0.2, -0.2, 0.1, 0.1, 0.4][i]);
    let (from, steps) = (robot.home(), 2000);
    for step in 0..steps + 500 {
        let s = (step as f64 / steps as f64).min(1.0);
        let mut command = ArmCommand::hold(Joints::from_fn(6, |i| from[i] + s * (goal[i] - from[i])), 0.085, 35.0);
        command.qd = Joints::from_fn(6, |i| if s < 1.0 { (goal[i] - from[i]) * 1000.0 / steps as f64 } else { 0.0 });
        plant.step(&command);
    }
    let state = plant.state();
    assert!(state.q.max_abs_diff(&goal) < 0.01, "{:?} instead of {goal:?}", state.q);
    let off = robot.world_from_tool(&state.q).position() - plant.world().site_position("tool").expect("a site");
    assert!(off.norm() < 1e-6, "the tool is {off:?} from where the kinematics say");
}

#[test]
fn a_home_of_another_robot_is_refused_in_words() {
    let config = SimConfig { robot: "ur5e".into(), ..SimConfig::default() };
    let refused = try_setup("push_buttons", 1, &config).err().expect("a refusal").to_string();
    assert!(refused.contains("sim/ur5e.xml") && refused.contains("6 joints, home_rad has 7"), "{refused}");
    let config = SimConfig { robot: "r2d2".into(), ..SimConfig::default() };
    let refused = try_setup("push_buttons", 1, &config).err().expect("a refusal").to_string();
    assert!(refused.contains("sim/r2d2.xml"), "{refused}");
}
