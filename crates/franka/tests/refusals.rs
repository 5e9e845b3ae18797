//! Robots that cannot be driven are refused in words; needs no simulated one.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
};

use neuraxis_brainstem::MonotonicClock;
use neuraxis_franka::{FrankaConfig, Realtime, connect};
use neuraxis_robot::{Robot, RobotConfig};

fn refusal(config: &FrankaConfig) -> String {
    connect(config, Arc::new(MonotonicClock)).err().unwrap().to_string()
}

fn local(port: u16) -> FrankaConfig {
    FrankaConfig { host: "127.0.0.1".into(), port, realtime: Realtime::Ignore, hand: false, ..FrankaConfig::default() }
}

#[test]
fn nobody_there_is_said_with_what_to_look_at() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let refused = refusal(&local(port));
    assert!(refused.contains(&format!("127.0.0.1:{port}")) && refused.contains("FCI activated"), "{refused}");
}

#[test]
fn another_version_of_the_interface_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 16];
        stream.read_exact(&mut request).unwrap();
        // Header as asked, 15 bytes in all; status 1: incompatible; version 9.
        let mut answer = request[..8].to_vec();
        answer.extend([15, 0, 0, 0, 1, 9, 0]);
        stream.write_all(&answer).unwrap();
        stream
    });
    let refused = refusal(&local(port));
    assert!(refused.contains("version 9") && refused.contains("this program 10"), "{refused}");
    drop(server.join().unwrap());
}

#[test]
fn a_real_robot_wants_a_real_time_kernel() {
    if franka::realtime::has_realtime_kernel() {
        return;
    }
    let refused = refusal(&FrankaConfig { realtime: Realtime::Enforce, ..local(1) });
    assert!(refused.contains("PREEMPT_RT") && refused.contains("realtime: ignore"), "{refused}");
}

/// What the brainstem keeps on the FR3 is inside what Franka demands.
#[test]
fn the_configured_limits_are_inside_frankas() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |file: &str| std::fs::read_to_string(root.join("configs/fr3").join(file)).unwrap();
    let config: RobotConfig = serde_yaml::from_str(&read("robot.yaml")).unwrap();
    let robot = Robot::from_urdf(&root.join(&config.urdf), &config).unwrap();
    let (lower, upper) = franka::rate_limiting::JOINT_POSITION_LIMITS;
    for (i, limit) in robot.limits().iter().enumerate() {
        assert!(limit.lower_rad >= lower[i] && limit.upper_rad <= upper[i], "joint {i}: {limit:?}");
        // Franka's own constants have a margin of 0.001 for its client's rate limiter.
        assert!(limit.acceleration_rad_s2 <= franka::MAX_JOINT_ACCELERATION[i] + 0.001);
        assert!(limit.jerk_rad_s3 <= franka::MAX_JOINT_JERK[i] + 0.001);
    }
    let arm: serde_yaml::Value = serde_yaml::from_str(&read("arm.yaml")).unwrap();
    let shipped: FrankaConfig = serde_yaml::from_value(arm["franka"].clone()).unwrap();
    assert_eq!(shipped, FrankaConfig::default());
    shipped.validate().unwrap();
}
