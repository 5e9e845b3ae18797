//! A real arm as the world of a run: what `configs/<robot>/arm.yaml` says of its driver and its cameras.

pub mod franka;
#[cfg(feature = "ros")]
mod ros2_control;
#[cfg(feature = "ros")]
mod told;

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    sync::Arc,
    thread::sleep,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use neuraxis_core::Arm;
use neuraxis_franka::FrankaConfig;
use neuraxis_robot::Robot;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::{
    config::{Config, read},
    realtime::Drive,
    sight::{self, Views},
    threads::{CameraLinks, Shared},
    world::{Side, World},
};

/// Which arm is driven.
#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Driver {
    /// The simulated one.
    Sim,
    /// Any arm with ros2_control controllers.
    Ros2Control,
    /// A Franka arm over its control interface.
    Franka,
}

impl Driver {
    /// People can be hurt by it.
    pub fn is_real(self) -> bool {
        self != Self::Sim
    }

    /// As in files and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Ros2Control => "ros2_control",
            Self::Franka => "franka",
        }
    }
}

#[cfg(feature = "ros")]
type ControlConfig = neuraxis_ros::control::ControlConfig;
#[cfg(feature = "ros")]
type CamerasConfig = neuraxis_ros::cameras_in::CamerasConfig;
// A program without ROS 2 reads the same file; what it cannot do it says when it is asked for it.
#[cfg(not(feature = "ros"))]
type ControlConfig = serde_yaml::Value;
#[cfg(not(feature = "ros"))]
type CamerasConfig = serde_yaml::Value;

/// `configs/<robot>/arm.yaml`, or the file of one arm among several alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmSettings {
    /// What is driven unless the command line says otherwise.
    pub driver: Driver,
    /// The arm behind the driver is a simulated one: it is driven without real-time privileges and without asking whether the
    /// space around it is free. Never for an arm that can hurt somebody.
    #[serde(default)]
    pub rehearsal: bool,
    /// Topics of the controllers, for `ros2_control`.
    #[serde(default)]
    pub ros2_control: ControlConfig,
    /// Address, thresholds and the hand, for `franka`.
    #[serde(default)]
    pub franka: FrankaConfig,
    /// Topics and places of the cameras.
    #[serde(default)]
    pub cameras: CamerasConfig,
}

impl ArmSettings {
    /// Reads a file, the robot's own if none is given; an error that says what to write if there is none.
    pub fn load(config: &Config, file: Option<&Path>) -> Result<Self> {
        let own = config.root.join("configs").join(&config.name).join("arm.yaml");
        let file: PathBuf = file.map_or(own, Path::to_path_buf);
        if !file.exists() {
            bail!("no {}: which arm? Write one, or try out the simulated arm: --driver sim", file.display());
        }
        let settings: Self = read(&file)?;
        settings.franka.validate().with_context(|| format!("{}: franka", file.display()))?;
        #[cfg(feature = "ros")]
        {
            settings.ros2_control.validate().with_context(|| format!("{}: ros2_control", file.display()))?;
            settings.cameras.validate().with_context(|| format!("{}: cameras", file.display()))?;
        }
        Ok(settings)
    }

    /// Names of the cameras.
    pub fn camera_names(&self) -> Vec<String> {
        #[cfg(feature = "ros")]
        return self.cameras.cameras.iter().map(|camera| camera.name.clone()).collect();
        #[cfg(not(feature = "ros"))]
        return Vec::new();
    }
}

/// Says how a driver is, when it is asked: once a second, by who looks after the arm. Does not block.
#[cfg(feature = "ros")]
pub type Teller = Box<dyn FnMut() -> Vec<neuraxis_ros::Status> + Send>;
/// Without ROS 2 nobody asks.
#[cfg(not(feature = "ros"))]
pub type Teller = std::convert::Infallible;

/// How often a hand was in trouble, and why the last time.
type HandTroubles = Arc<Mutex<(u64, Option<String>)>>;

/// An arm with the threads of its driver.
struct Driven {
    arm: Box<dyn Arm>,
    sides: Vec<Side<'static>>,
    tellers: Vec<Teller>,
}

/// Between two looks at whether somebody asks for a reset.
const LOOK: Duration = Duration::from_millis(20);

/// The work of thread `desk`: where a person asks for a reset, the arm is made ready, which may take seconds, and then the loop
/// is reset, unless somebody has asked for a stop meanwhile.
fn serve_resets<E: Display>(shared: &Shared, make_ready: impl Fn() -> Result<(), E>) {
    while !shared.done.is_raised() {
        // Before the flag is taken: a stop that comes from here on is newer than the request.
        let stops = *shared.stops.lock();
        if shared.reset_asked.take() {
            match make_ready() {
                Ok(()) if shared.reset_unless_stopped_since(stops) => {}
                Ok(()) => say_err!("no reset: a stop came after it was asked for, and holds; ask again"),
                Err(error) => say_err!("the arm is not ready again: {error}"),
            }
        }
        sleep(LOOK);
    }
}

/// Makes the arm, and with `looks` its cameras, when the run is ready for them. In the shadow the arm may be somebody else's.
pub fn world<'a>(
    config: &Config,
    robot: &Arc<Robot>,
    settings: &ArmSettings,
    driver: Driver,
    drive: Drive,
    looks: bool,
) -> Result<Box<dyn FnOnce() -> Result<World<'a>> + 'a>> {
    if looks && settings.camera_names().is_empty() {
        bail!("no cameras: name their topics in arm.yaml, `cameras` (and use a program with ROS 2)");
    }
    if driver == Driver::Franka && !settings.rehearsal {
        franka::check_limits(config, robot)?;
    }
    #[cfg_attr(not(feature = "ros"), expect(unused_mut, reason = "cameras come over ROS 2"))]
    let (robot, mut settings, camera_hz) = (robot.clone(), settings.clone(), config.run.camera_hz);
    #[cfg(feature = "ros")]
    let shares = config.brainstem.shares();
    #[cfg(feature = "ros")]
    {
        settings.cameras.hand_from_tool_z_m = config.robot.hand_from_tool_z_m;
    }
    Ok(Box::new(move || {
        let Driven { arm, mut sides, mut tellers } = match driver {
            Driver::Sim => bail!("the simulated arm needs a scene"),
            Driver::Franka => franka::driven(&settings.franka)?,
            #[cfg(feature = "ros")]
            Driver::Ros2Control => ros2_control::driven(settings.ros2_control, &robot, &shares, drive)?,
            #[cfg(not(feature = "ros"))]
            Driver::Ros2Control => bail!("this program was built without ROS 2: ./neuraxis build where there is one"),
        };
        if !looks {
            let eyes = move |links: CameraLinks, shared: &Shared| sight::blind(robot, links, shared);
            return Ok(World { arm, eyes: Box::new(eyes), sides, tellers });
        }
        let (seen_in, seen) = sight::whereabouts(robot.dof());
        let (views, side, teller) = cameras(settings.cameras, &robot, seen)?;
        sides.push(side);
        tellers.push(teller);
        let eyes =
            move |links: CameraLinks, shared: &Shared| sight::look(views, &robot, camera_hz, seen_in, links, shared);
        Ok(World { arm, eyes: Box::new(eyes), sides, tellers })
    }))
}

type Eyes = Box<dyn FnMut() -> Option<Views> + Send>;

#[cfg(feature = "ros")]
use ros2_control::cameras;

#[cfg(not(feature = "ros"))]
fn cameras(
    _: CamerasConfig,
    _: &Arc<Robot>,
    _: neuraxis_channel::MailboxReader<sight::Whereabouts>,
) -> Result<(Eyes, Side<'static>, Teller)> {
    bail!("this program was built without ROS 2, and cameras come over it")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// A reset is asked for, and this happens while the arm is made ready; then the run is over.
    fn while_it_is_made_ready(happens: impl Fn(&Shared)) -> Shared {
        let shared = Shared::default();
        shared.reset_asked.raise();
        serve_resets(&shared, || {
            happens(&shared);
            shared.done.raise();
            Ok::<(), Infallible>(())
        });
        shared
    }

    #[test]
    fn sr08_a_reset_that_takes_its_time_does_not_undo_a_stop_that_came_meanwhile() {
        let undisturbed = while_it_is_made_ready(|_| ());
        assert!(undisturbed.signals.reset.is_raised());

        let stopped = while_it_is_made_ready(Shared::stop);
        assert!(stopped.signals.stop.is_raised() && !stopped.signals.reset.is_raised());

        // Asked for again after the stop it is another request.
        let asked_again = while_it_is_made_ready(|shared| {
            shared.stop();
            shared.reset_asked.raise();
        });
        assert!(!asked_again.signals.reset.is_raised() && asked_again.reset_asked.is_raised());
    }

    #[test]
    fn sr08_a_stop_takes_back_a_reset_that_nobody_has_begun_on() {
        let shared = Shared::default();
        shared.reset_asked.raise();
        shared.stop();
        assert!(shared.signals.stop.is_raised() && !shared.reset_asked.is_raised());
    }
}
