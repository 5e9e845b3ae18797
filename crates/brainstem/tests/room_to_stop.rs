//! Walls, the tool's box, the arm itself and torques: what the guard keeps the arm from, checked on each command.

mod rig;

use neuraxis_brainstem::{BrainstemConfig, BrainstemError, Mode, Tick, ToolBoxConfig, WallConfig};
use neuraxis_core::{Fault, Joints, Nanos};
use neuraxis_robot::Robot;
use rig::Rig;

const TABLE_Z_M: f64 = 0.75;

fn table() -> WallConfig {
    WallConfig { name: "table".into(), normal_xyz: [0.0, 0.0, 1.0], point_xyz_m: [0.0, 0.0, TABLE_Z_M], first_link: 2 }
}

fn config() -> BrainstemConfig {
    BrainstemConfig { walls: vec![table()], lease_max_secs: 1.0, ..Default::default() }
}

/// Drives one joint at a constant speed until the brainstem stops it; the reason, and the ticks at rest and before.
fn drive(rig: &mut Rig, joint: usize, speed_rad_s: f64, each: &mut dyn FnMut(&Rig, &Tick)) -> Fault {
    let seq = rig.speed_up(joint, speed_rad_s, 1);
    drive_on(rig, joint, speed_rad_s, seq, each)
}

/// The same for a joint that moves already; `seq` is the number of the segment that it follows.
fn drive_on(rig: &mut Rig, joint: usize, speed_rad_s: f64, mut seq: u64, each: &mut dyn FnMut(&Rig, &Tick)) -> Fault {
    let mut fault = None;
    for i in 0..20_000 {
        seq += u64::from(i % 10 == 0);
        let segment = rig.segment(seq, Joints::from_fn(7, |i| if i == joint { speed_rad_s } else { 0.0 }));
        let tick = rig.tick(Some(&segment).filter(|_| fault.is_none()));
        each(rig, &tick);
        fault = fault.or(tick.fault);
        if let Some(fault) = fault.filter(|_| tick.mode == Mode::Hold) {
            return fault;
        }
    }
    panic!("nothing stopped it")
}

/// Lowest point of the capsules from link 2 on, above the table [m].
fn height_m(rig: &Rig) -> f64 {
    let frames = rig.robot.link_frames(&rig.brainstem.commanded().q);
    let world_from_base = rig.robot.world_from_base();
    let lowest = rig
        .robot
        .capsule_points(&frames)
        .filter(|(_, _, link)| *link >= 2)
        .map(|(point, radius_m, _)| (world_from_base.rotation() * point + world_from_base.position()).z - radius_m);
    lowest.fold(f64::INFINITY, f64::min) - TABLE_Z_M
}

#[test]
fn sr14_no_link_passes_a_wall_at_any_speed_and_the_stop_begins_in_time() {
    for speed in [0.1, 0.5, 1.5, 2.5] {
        let mut rig = Rig::new(config());
        rig.tick(None);
        let mut lowest = f64::INFINITY;
        // The shoulder leans forward until hand and forearm come to the table.
        let fault = drive(&mut rig, 1, speed, &mut |rig, _| lowest = lowest.min(height_m(rig)));
        assert_eq!(fault, Fault::WorkspaceLimit, "{speed} rad/s");
        assert!(lowest >= 0.005 - 1e-6, "{lowest} m above the table at {speed} rad/s");
        assert!(lowest < 0.04, "stopped needlessly early at {speed} rad/s: {lowest} m above the table");
    }
}

#[test]
fn sr14_the_tool_stays_in_its_box_and_an_arm_found_outside_may_come_back_in() {
    let tool_box = ToolBoxConfig { min_xyz_m: [-0.3, -0.3, 0.8], max_xyz_m: [0.7, 0.3, 1.6] };
    let boxed = BrainstemConfig { tool_box: Some(tool_box), lease_max_secs: 1.0, ..Default::default() };
    let mut rig = Rig::new(boxed.clone());
    rig.tick(None);
    let mut widest: f64 = 0.0;
    let fault = drive(&mut rig, 0, 1.0, &mut |rig, _| {
        let tool = rig.robot.world_from_tool(&rig.brainstem.commanded().q).position();
        widest = widest.max(tool.y);
    });
    assert_eq!(fault, Fault::WorkspaceLimit);
    assert!(widest <= 0.3 && widest > 0.2, "the tool went to {widest} m");

    let mut rig = Rig::new(boxed);
    rig.state.q[0] = 1.2;
    rig.tick(None);
    let outside = rig.robot.world_from_tool(&rig.brainstem.commanded().q).position().y;
    assert!(outside > 0.3);
    let further = rig.segment(1, Joints::from_fn(7, |i| if i == 0 { 0.2 } else { 0.0 }));
    let refused = (0..30).find_map(|_| rig.tick(Some(&further)).fault);
    assert_eq!(refused, Some(Fault::WorkspaceLimit));
    while rig.tick(None).mode != Mode::Hold {}
    let mut seq = rig.speed_up(0, -0.5, 2);
    let side = |rig: &Rig| rig.robot.world_from_tool(&rig.brainstem.commanded().q).position().y;
    while side(&rig) > 0.0 {
        seq += 1;
        let back = rig.segment(seq, Joints::from_fn(7, |i| if i == 0 { -0.5 } else { 0.0 }));
        for _ in 0..10 {
            assert_eq!(rig.tick(Some(&back)).fault, None);
        }
    }
    // Turned around without a rest: the face holds as if the arm had never been beyond it.
    let mut turn = rig.segment(seq + 1, Joints::from_fn(7, |i| if i == 0 { -0.5 } else { 0.0 }));
    (turn.qdd[0], turn.valid_until) = (2.0, rig.now + Nanos::from_millis(500));
    for _ in 0..500 {
        assert_eq!(rig.tick(Some(&turn)).fault, None);
    }
    let mut widest: f64 = 0.0;
    let fault = drive_on(&mut rig, 0, 0.5, seq + 1, &mut |rig, _| widest = widest.max(side(rig)));
    assert_eq!(fault, Fault::WorkspaceLimit);
    assert!((0.2..=0.3 - 0.005 + 1e-6).contains(&widest), "back out to {widest} m");
}

/// Moves the joints in a straight line from rest to rest, as fast as shipped motion does, until the brainstem stops them
/// and they rest; why.
fn drive_line(rig: &mut Rig, to: &Joints, each: &mut dyn FnMut(&Rig)) -> Option<Fault> {
    let from = rig.brainstem.commanded().q;
    let limits = rig.robot.limits().to_vec();
    let span = Joints::from_fn(7, |i| to[i] - from[i]);
    // The line is 1 long.
    let slowest = |most: &dyn Fn(usize) -> f64| (0..7).map(|i| most(i) / span[i].abs()).fold(f64::INFINITY, f64::min);
    let (speed, acceleration) = (slowest(&|i| 0.6 * limits[i].velocity_rad_s), slowest(&|_| 6.0));
    let ramp_secs = speed / acceleration;
    let cruise_secs = 1.0 / speed - ramp_secs;
    assert!(cruise_secs > 0.0);
    let (mut at, mut rate, mut fault) = (0.0, 0.0_f64, None);
    for ms in 0..3000_u64 {
        let secs = ms as f64 * 0.001;
        let change = if secs < ramp_secs {
            acceleration
        } else if secs < ramp_secs + cruise_secs || rate == 0.0 {
            0.0
        } else {
            -acceleration
        };
        let along = |scale: f64| Joints::from_fn(7, |i| scale * span[i]);
        let mut segment = rig.segment(ms + 1, along(rate));
        (segment.q, segment.qdd) = (Joints::from_fn(7, |i| from[i] + at * span[i]), along(change));
        let tick = rig.tick(Some(&segment).filter(|_| fault.is_none()));
        each(rig);
        fault = fault.or(tick.fault);
        if fault.is_some() && tick.mode == Mode::Hold {
            return fault;
        }
        at += (rate + 0.5 * change * 0.001) * 0.001;
        rate = (rate + change * 0.001).max(0.0);
    }
    None
}

/// Shoulder, elbow and wrist brake for different times: on its way the tool is further out than at both ends of it, and
/// than half way along any stop.
#[test]
fn sr14_a_way_of_several_joints_that_bulges_past_a_face_is_stopped_before_it() {
    for (from, to) in
        [([0.517, -2.396, 3.113], [-0.085, -1.932, 1.811]), ([0.456, -2.496, 3.087], [-0.281, -1.429, 0.902])]
    {
        let robot = rig::fr3();
        let posture = |[shoulder, elbow, wrist]: [f64; 3]| {
            let mut q = robot.home();
            (q[1], q[3], q[5]) = (shoulder, elbow, wrist);
            q
        };
        let face_x_m = robot.world_from_base().position().x + 0.56;
        let tool_box = ToolBoxConfig { min_xyz_m: [-2.0, -2.0, 0.0], max_xyz_m: [face_x_m, 2.0, 3.0] };
        // As shipped.
        let boxed = BrainstemConfig { tool_box: Some(tool_box), acceleration_scale: 0.8, ..Default::default() };
        let mut rig = Rig::new(boxed);
        rig.state.q = posture(from);
        rig.tick(None);
        let mut furthest_m = f64::NEG_INFINITY;
        let fault = drive_line(&mut rig, &posture(to), &mut |rig| {
            furthest_m =
                furthest_m.max(rig.robot.world_from_tool(&rig.brainstem.commanded().q).position().x - face_x_m);
        });
        assert_eq!(fault, Some(Fault::WorkspaceLimit));
        assert!((-0.02..=0.0).contains(&furthest_m), "{furthest_m} m past the face, from {from:?}");
    }
}

/// Beyond one face of its box the tool is no less kept in front of the others.
#[test]
fn sr14_an_arm_found_beyond_one_plane_passes_no_other() {
    // Elbow bent over, the hand down: closing it takes the tool nearer, in front of the face, and down.
    let mut q = rig::fr3().home();
    (q[0], q[3], q[5]) = (1.2, -1.9, 2.075);
    let tool = rig::fr3().world_from_tool(&q).position();
    let lowest_z_m = tool.z - 0.05;
    let tool_box = ToolBoxConfig { min_xyz_m: [-0.3, -0.3, lowest_z_m], max_xyz_m: [0.7, tool.y - 0.1, 1.6] };
    let mut rig = Rig::new(BrainstemConfig { tool_box: Some(tool_box), ..config() });
    rig.state.q = q;
    rig.tick(None);
    let mut lowest = f64::INFINITY;
    let fault = drive(&mut rig, 3, -0.5, &mut |rig, _| {
        lowest = lowest.min(rig.robot.world_from_tool(&rig.brainstem.commanded().q).position().z);
    });
    assert_eq!(fault, Fault::WorkspaceLimit);
    assert!(lowest >= lowest_z_m + 0.005 - 1e-6, "the tool went down to {lowest} m, the floor is {lowest_z_m} m");
}

#[test]
fn sr15_the_arm_does_not_touch_itself_at_any_speed_and_slows_down_before() {
    for speed in [0.1, 1.0, 2.5] {
        let mut rig = Rig::new(BrainstemConfig { lease_max_secs: 1.0, ..Default::default() });
        // Elbow nearly folded, wrist turned towards the upper arm.
        rig.state.q = Joints::from_slice(&[0.0, 0.0, 0.0, -3.0, 0.0, 3.6, 0.785]).expect("seven joints");
        rig.tick(None);
        let (mut least, mut slowest) = (f64::INFINITY, 1.0_f64);
        let fault = drive(&mut rig, 5, -speed, &mut |rig, tick| {
            let frames = rig.robot.link_frames(&rig.brainstem.commanded().q);
            least = least.min(rig.robot.self_clearance_m(&frames));
            slowest = slowest.min(tick.speed_scale);
        });
        assert_eq!(fault, Fault::SelfCollision, "{speed} rad/s");
        assert!(least >= 0.005 - 1e-6, "{least} m at {speed} rad/s");
        assert!(slowest < 0.5, "speed scale {slowest} at {speed} rad/s");
    }
}

#[test]
fn speed_is_full_where_there_is_room() {
    let mut rig = Rig::new(config());
    assert_eq!(rig.tick(None).speed_scale, 1.0);
}

#[test]
fn sr04_feed_forward_torques_stay_within_limit_and_rate() {
    let mut rig = Rig::new(config());
    rig.tick(None);
    let rates = rig.robot.torque_rate_limits_nm_s().to_vec();
    assert_eq!(rates.len(), 7, "the FR3's torque rates are configured");
    let mut last: Option<Joints> = None;
    let mut moved_nm: f64 = 0.0;
    let robot = rig.robot.clone();
    drive(&mut rig, 1, 2.0, &mut |_, tick| {
        let tau_nm = tick.command.tau_nm;
        for (i, (now, before)) in tau_nm.iter().zip(last.unwrap_or(tau_nm).iter()).enumerate() {
            assert!((now - before).abs() <= rates[i] * 0.001 + 1e-9, "joint {i}: {before} to {now} N m");
            assert!(now.abs() <= robot.limits()[i].effort_nm);
            moved_nm = moved_nm.max(now.abs());
        }
        last = Some(tau_nm);
    });
    assert!(moved_nm > 1.0, "no torque was sent along: {moved_nm}");
}

#[test]
fn every_shipped_robot_has_room_at_home() {
    for name in ["fr3", "ur5e"] {
        let file = rig::shipped::root().join("configs").join(name).join("brainstem.yaml");
        let config: BrainstemConfig =
            serde_yaml::from_str(&std::fs::read_to_string(&file).expect("the file")).expect("a configuration");
        let robot = std::sync::Arc::new(rig::shipped::robot(name));
        let mut brainstem = neuraxis_brainstem::Brainstem::new(robot.clone(), config.clone()).expect(name);
        let tick = brainstem.step(rig::TICK, &rig::at_rest(robot.home()), None);
        let margin_m = config.clearance_margin_m;
        assert!(tick.clearance.walls_m > margin_m && tick.clearance.self_m > margin_m, "{name}: {:?}", tick.clearance);
        assert_eq!(tick.speed_scale, 1.0, "{name}: {:?}", tick.clearance);
    }
}

#[test]
fn walls_that_are_none_are_refused_by_name() {
    let refused = |change: fn(&mut BrainstemConfig)| {
        let mut config = config();
        change(&mut config);
        let error = neuraxis_brainstem::Brainstem::new(rig::fr3(), config).err().expect("refused");
        assert!(matches!(error, BrainstemError::Wall { .. }));
        error.to_string()
    };
    assert!(refused(|c| c.walls[0].normal_xyz = [0.0; 3]).contains("wall table: normal_xyz"));
    assert!(refused(|c| c.walls[0].normal_xyz[1] = f64::NAN).contains("normal_xyz"));
    assert!(refused(|c| c.walls[0].point_xyz_m[2] = f64::INFINITY).contains("point_xyz_m"));
    assert!(refused(|c| c.walls[0].first_link = 9).contains("first_link"));
    let mut bare = rig::shipped::config("fr3");
    bare.capsules.retain(|capsule| capsule.link == "fr3_link0");
    let bare = std::sync::Arc::new(Robot::from_urdf(&bare.urdf, &bare).unwrap());
    let error = neuraxis_brainstem::Brainstem::new(bare, config()).err().expect("refused");
    assert!(error.to_string().contains("wall table") && error.to_string().contains("guards nothing"), "{error}");
    let low_above_high = ToolBoxConfig { min_xyz_m: [1.0; 3], max_xyz_m: [0.0; 3] };
    let mut config = config();
    config.tool_box = Some(low_above_high);
    let error = neuraxis_brainstem::Brainstem::new(rig::fr3(), config).err().expect("refused");
    assert!(error.to_string().contains("tool_box"), "{error}");
}
