//! The simulated arm does what every arm must do (`neuraxis_faults::conformance`).

mod driver;

use std::{
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use driver::{robot, setup};
use neuraxis_brainstem::{BrainstemConfig, MonotonicClock};
use neuraxis_channel::Flag;
use neuraxis_core::{Arm, Clock};
use neuraxis_faults::{
    CountingAllocator,
    conformance::{Bench, Conformance},
};
use neuraxis_sim::{Plant, realtime};

#[global_allocator]
static HEAP: CountingAllocator = CountingAllocator;

/// Physics in a thread of its own; lost, it stands still and says nothing new.
#[derive(Default)]
struct World {
    lost: Arc<Flag>,
    over: Arc<Flag>,
    physics: Mutex<Option<JoinHandle<()>>>,
}

impl Bench for World {
    fn arm(&self) -> Result<Box<dyn Arm>, String> {
        let setup = setup("push_buttons", 6);
        let plant = Plant::new(&setup).map_err(|error| error.to_string())?;
        let ends = realtime(plant, setup.goal().clone(), MonotonicClock.now()).map_err(|error| error.to_string())?;
        let (mut physics, arm, _) = ends;
        let (lost, over) = (self.lost.clone(), self.over.clone());
        *self.physics.lock().unwrap() = Some(thread::spawn(move || {
            while !over.is_raised() {
                if !lost.is_raised() {
                    physics.advance(MonotonicClock.now());
                }
                thread::sleep(Duration::from_micros(500));
            }
        }));
        Ok(Box::new(arm))
    }

    fn lose(&self) -> Result<(), String> {
        self.lost.raise();
        Ok(())
    }

    fn restore(&self) -> Result<(), String> {
        self.lost.take();
        Ok(())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.over.raise();
        if let Some(physics) = self.physics.lock().unwrap().take() {
            physics.join().unwrap();
        }
    }
}

#[test]
fn sr07_the_simulated_arm_conforms() {
    let world = World::default();
    let suite = Conformance::new(Arc::new(robot()), BrainstemConfig::default(), CountingAllocator::calls);
    let report = suite.run(&world);
    println!("MuJoCo\n{report}");
    assert!(report.is_ok(), "{report}");
}
