//! `neuraxis doctor`: what this machine grants, one line each, and what to do about what is missing.

use neuraxis_brainstem::{Grant, PrivilegeConfig, request_privileges};
use neuraxis_policy::{DeviceChoice, text::MiniLm};
use neuraxis_sim::{CameraRig, SimError};

use crate::{config::Config, episode_run::Studio};

/// Prints the report; true if the main job can run.
pub fn run(config: &Config) -> bool {
    let mut sound = true;
    let mut line = |name: &str, found: Result<String, String>, needed: bool| match found {
        Ok(text) => say!("ok       {name:<12} {text}"),
        Err(text) => {
            sound &= !needed;
            say!("{}  {name:<12} {text}", if needed { "MISSING" } else { "absent " });
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    line(
        "processor",
        Ok(format!("{} cores{}", cores, if cores < 2 { ": the loop and the policy will fight" } else { "" })),
        true,
    );
    line("kernel", kernel(), false);
    line("realtime", realtime(), false);
    let torch = |choice: DeviceChoice| choice.resolve().map(|d| format!("{d:?}")).map_err(|e| e.to_string());
    line("libtorch", torch(DeviceChoice::Cpu), true);
    line("gpu", torch(DeviceChoice::Cuda(0)), false);
    line("simulator", simulator(config), true);
    line(
        "text encoder",
        crate::package::text_encoder(&config.root).map(|m| embedder_id(&m)).map_err(|e| format!("{e:#}")),
        true,
    );
    line("weights", weights(config), true);
    line("viewer", viewer(config), false);
    line("ros 2", ros(), false);
    sound
}

fn embedder_id(embedder: &MiniLm) -> String {
    neuraxis_core::TextEmbedder::id(embedder).to_string()
}

fn kernel() -> Result<String, String> {
    let read = |path: &str| std::fs::read_to_string(path).map(|s| s.trim().to_string());
    let release = read("/proc/sys/kernel/osrelease").map_err(|e| e.to_string())?;
    match read("/sys/kernel/realtime") {
        Ok(flag) if flag == "1" => Ok(format!("{release}, PREEMPT_RT")),
        _ => Err(format!("{release} without PREEMPT_RT: expect wake-ups that are milliseconds late under load")),
    }
}

/// Asked for in a thread of its own, so that this one keeps its scheduling class.
fn realtime() -> Result<String, String> {
    let asked = PrivilegeConfig { fifo_priority: 80, lock_memory: true, cpu: None };
    let report = std::thread::spawn(move || request_privileges(&asked)).join().map_err(|_| "panicked".to_string())?;
    let text = report.to_string();
    match (report.fifo, report.memory_locked) {
        (Grant::Granted, Grant::Granted) => Ok(text),
        _ => Err(format!(
            "{text}. Remedy: `ulimit -r 99 -l unlimited`, or rtprio and memlock in /etc/security/limits.conf"
        )),
    }
}

fn simulator(config: &Config) -> Result<String, String> {
    let scene = || -> anyhow::Result<usize> {
        let studio = Studio::new(config.clone())?;
        let setup = studio.setup("push_buttons", 0)?;
        let lockstep = studio.lockstep(&setup, true)?;
        Ok(CameraRig::new(&setup)?.render(lockstep.plant())?.len())
    };
    match scene() {
        Ok(cameras) => Ok(format!("MuJoCo runs, EGL draws {cameras} cameras")),
        // Of EGL the error itself says what to install.
        Err(error) => match error.downcast_ref() {
            Some(SimError::Render { .. }) => Err(format!("{error:#}")),
            _ => Err(format!("{error:#}. Remedy: `./neuraxis setup`, and the robot's files as they are shipped")),
        },
    }
}

fn weights(config: &Config) -> Result<String, String> {
    let path = config.root.join(&config.run.weights);
    let embedder = crate::package::text_encoder(&config.root).map_err(|e| format!("{e:#}"))?;
    let policy = crate::source::load_policy(config, &path, neuraxis_core::TextEmbedder::id(&embedder))
        .map_err(|e| format!("{e:#}"))?;
    let about = policy.about();
    let gaze = about.gaze.as_ref().map_or(String::new(), |gaze| format!(" (network of commit {})", gaze.commit));
    Ok(format!(
        "{}: hash {:016x}, {:.1} M numbers, dynamic stream {}{gaze}, step {}, {:.0} s of training, commit {}, seed {}, {}",
        path.display(),
        policy.hash(),
        policy.parameter_count() as f64 / 1e6,
        about.config.dynamic.name(),
        about.steps,
        about.train_secs,
        about.commit,
        about.seed,
        about.licence
    ))
}

fn viewer(config: &Config) -> Result<String, String> {
    let screen = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|v| std::env::var_os(v).is_some_and(|x| !x.is_empty()));
    match (crate::package::viewer(&config.root), screen) {
        (Some(path), true) => Ok(path.display().to_string()),
        (Some(path), false) => Err(format!("{}, but no screen: recordings only, no --live", path.display())),
        (None, _) => Err("not installed; `./neuraxis setup`".into()),
    }
}

fn ros() -> Result<String, String> {
    if cfg!(feature = "ros") {
        let range = std::env::var("ROS_AUTOMATIC_DISCOVERY_RANGE").unwrap_or_else(|_| "LOCALHOST".into());
        Ok(format!("{}, discovery {range}", std::env::var("ROS_DISTRO").unwrap_or_else(|_| "built in".into())))
    } else {
        Err("this binary was built without it; `./neuraxis setup` says why".into())
    }
}
