//! Both simulated robots do what every arm must do.

mod rig;

use std::{
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use neuraxis_brainstem::MonotonicClock;
use neuraxis_channel::Flag;
use neuraxis_core::Arm;
use neuraxis_faults::{
    CountingAllocator,
    conformance::{Bench, Conformance},
};
use neuraxis_franka::{FrankaDesk, connect};
use rig::server::{Kind, Server};

#[global_allocator]
static HEAP: CountingAllocator = CountingAllocator;

struct Robot {
    server: Mutex<Server>,
    desk: Mutex<Option<FrankaDesk>>,
    hand: Mutex<Option<JoinHandle<()>>>,
    stop: Arc<Flag>,
}

impl Robot {
    fn new(kind: Kind) -> Self {
        let server = Mutex::new(Server::start(kind, &[]));
        Self { server, desk: Mutex::default(), hand: Mutex::default(), stop: Arc::default() }
    }
}

impl Bench for Robot {
    fn arm(&self) -> Result<Box<dyn Arm>, String> {
        let config = rig::config(&self.server.lock().unwrap());
        let franka = connect(&config, Arc::new(MonotonicClock)).map_err(|error| error.to_string())?;
        let stop = self.stop.clone();
        *self.hand.lock().unwrap() =
            franka.gripper.map(|mut gripper| std::thread::spawn(move || gripper.run(&stop, |_| ())));
        *self.desk.lock().unwrap() = Some(franka.desk);
        Ok(Box::new(franka.arm))
    }

    fn lose(&self) -> Result<(), String> {
        self.server.lock().unwrap().kill();
        Ok(())
    }

    fn restore(&self) -> Result<(), String> {
        let mut server = self.server.lock().unwrap();
        *server = server.again();
        self.desk.lock().unwrap().as_ref().unwrap().recover().map_err(|error| error.to_string())
    }
}

impl Drop for Robot {
    fn drop(&mut self) {
        self.stop.raise();
        if let Some(hand) = self.hand.lock().unwrap().take() {
            hand.join().unwrap();
        }
    }
}

fn conforms(kind: Kind) {
    let _alone = rig::alone();
    let robot = Robot::new(kind);
    let mut suite = Conformance::new(rig::fr3(), rig::brainstem(), CountingAllocator::calls);
    (suite.swing_rad, suite.swing_secs) = (0.15, 1.0);
    let report = suite.run(&robot);
    println!("Franka, {kind:?}\n{report}");
    assert!(report.is_ok(), "{kind:?}\n{report}");
}

#[test]
fn sr07_the_robot_with_contact_conforms() {
    rig::attempts(|| conforms(Kind::Contact));
}

#[test]
fn sr07_the_robot_with_enforced_limits_conforms() {
    rig::attempts(|| conforms(Kind::Limits));
}
