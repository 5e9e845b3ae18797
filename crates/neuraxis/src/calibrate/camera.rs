//! `neuraxis calibrate camera`: where a camera is, from a coloured ball that the arm carries, or looks at.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, ValueEnum};
use nalgebra::{Isometry3, Vector3};
use neuraxis_core::{Instruction, Nanos, Observation};
use neuraxis_sim::model::Mark;
use neuraxis_vision::{HandEye, Sighting, find_ball, hand_eye};
use parking_lot::Mutex;

use crate::{
    arm::{Around, Which, WhichArgs, confirm},
    config::Config,
    demo, interrupt,
    realtime::{Drive, Until},
    source::Source,
    survey::Survey,
    threads::Shared,
};

/// One pose takes no longer.
const POSE_LIMIT_SECS: f64 = 20.0;

/// Command line of `neuraxis calibrate camera`.
#[derive(Debug, Args)]
pub struct CameraArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Name of the camera, as in arm.yaml. Its pose there does not count now; write anything.
    #[arg(long)]
    camera: String,
    /// Where the camera is.
    #[arg(long, value_enum, default_value_t = On::World)]
    on: On,
    /// Colour of the ball: red, green, blue, yellow, orange, purple, cyan or pink. Nothing else in view may have it.
    #[arg(long, default_value = neuraxis_sim::model::MARK_COLOUR)]
    colour: String,
    /// Radius of the ball [m].
    #[arg(long, default_value_t = neuraxis_sim::model::MARK_RADIUS_M)]
    radius: f64,
    /// Poses to look from, 6 to 100.
    #[arg(long, default_value_t = 16)]
    poses: usize,
    /// Furthest that each joint goes from where it is now, 0.05 to 0.8 [rad].
    #[arg(long, default_value_t = 0.3)]
    spread: f64,
    /// Share of the configured speed and acceleration, 0.02 to 1.
    #[arg(long, default_value_t = 0.2)]
    speed: f64,
    /// Do not ask whether the space around the arm is free.
    #[arg(long)]
    yes: bool,
    /// Write the result here, as arm.yaml wants it.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// What carries the camera.
#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
enum On {
    /// It stands; the ball is held by the fingers.
    World,
    /// It rides on the hand; the ball lies still.
    Tool,
}

/// Moves the arm, looks, solves, prints.
pub fn run(mut config: Config, args: &CameraArgs) -> Result<()> {
    for (key, value, low, high) in [
        ("--poses", args.poses as f64, 6.0, 100.0),
        ("--spread", args.spread, 0.05, 0.8),
        ("--speed", args.speed, 0.02, 1.0),
        ("--radius", args.radius, 0.005, 0.2),
    ] {
        if !(low..=high).contains(&value) {
            bail!("{key} {value}: allowed: {low} to {high}");
        }
    }
    let colours = neuraxis_sim::colour::COLOURS;
    let colour = colours
        .iter()
        .find(|c| c.name == args.colour)
        .with_context(|| format!("--colour {:?}: allowed: {}", args.colour, colours.map(|c| c.name).join(", ")))?;
    interrupt::listen()?;
    let which = Which::of(&config, &args.which)?;
    if which.is_real() && !args.yes {
        confirm(&format!("{} poses up to {} rad around this one", args.poses, args.spread))?;
    }
    config.slow_down(args.speed);
    let mark = if args.on == On::World { Mark::Hand } else { Mark::Table };
    let around = Around::with_mark(&config, which, Some(mark))?;
    let robot = around.robot();

    let seen: Arc<Mutex<Vec<Result<Sighting, String>>>> = Arc::default();
    let (kept, on, name, radius, rgb) = (seen.clone(), args.on, args.camera.clone(), args.radius, colour.rgb);
    let look = move |observation: &Observation| {
        let sighting = sight(observation, on, &name, rgb, radius);
        kept.lock().push(sighting);
    };
    let workspace = [config.cerebellum.workspace_min_xyz_m, config.cerebellum.workspace_max_xyz_m];
    let survey = Survey::new(robot.clone(), args.poses, args.spread, workspace, look);
    let words = Instruction { text: format!("where is camera {}", args.camera).into(), epoch: 1, features: None };
    let limit = Nanos::from_secs(POSE_LIMIT_SECS * args.poses as f64);
    let session = around.session(Source::Survey(survey), Some(words), limit, Drive::Thinker, true)?;
    let until = Until::Reached(args.poses as u32 + 1);
    let report = session.run(until, &Shared::default(), |_| Ok(None), |_| Ok(None))?;
    demo::print_rates(&report);
    if !report.outcome.success {
        let fault = report.outcome.fault.map_or_else(|| "it took too long".to_string(), |fault| fault.to_string());
        bail!("the arm has reached {} of {} poses: {fault}", report.outcome.reached, args.poses);
    }
    let seen = std::mem::take(&mut *seen.lock());
    let sightings: Vec<Sighting> = seen.iter().filter_map(|s| s.as_ref().ok()).copied().collect();
    say!("sightings   {} of {} looks from {} poses", sightings.len(), seen.len(), args.poses);
    let found = hand_eye(&sightings).map_err(|reason| {
        let last = seen.iter().rev().find_map(|s| s.as_ref().err());
        anyhow!("{reason}{}", last.map(|why| format!("; a look in vain: {why}")).unwrap_or_default())
    })?;
    let text = as_yaml(&found, args.on);
    put!("{text}");
    say!("residuals   rms {:.2} mm, worst {:.2} mm", 1e3 * found.rms_m(), 1e3 * found.worst_m());
    if let Some(out) = &args.out {
        std::fs::write(out, text).with_context(|| out.display().to_string())?;
    }
    Ok(())
}

/// The mark in one observation, and what carried it.
fn sight(seen: &Observation, on: On, name: &str, rgb: [f64; 3], radius_m: f64) -> Result<Sighting, String> {
    let view = seen.cameras.iter().find(|view| &*view.name == name);
    let view = view.ok_or_else(|| {
        let names: Vec<&str> = seen.cameras.iter().map(|view| &*view.name).collect();
        format!("no picture of camera {name:?}; here are {}", names.join(", "))
    })?;
    let ball = find_ball(view, rgb, radius_m)?;
    let world_from_tool =
        Isometry3::from_parts(seen.world_from_tool.position().into(), seen.world_from_tool.rotation());
    let carrier = if on == On::World { world_from_tool } else { world_from_tool.inverse() };
    Ok(Sighting { carrier, mark_in_camera: ball.centre_in_camera })
}

/// A camera's entry in arm.yaml.
fn as_yaml(found: &HandEye, on: On) -> String {
    let key = if on == On::World { "world_from_camera" } else { "tool_from_camera" };
    let numbers = |values: &[f64]| values.iter().map(|v| format!("{v:.5}")).collect::<Vec<_>>().join(", ");
    let at: Vector3<f64> = found.camera.translation.vector;
    let q = found.camera.rotation.coords;
    format!("{key}: {{ xyz_m: [{}], quaternion_xyzw: [{}] }}\n", numbers(at.as_slice()), numbers(&[q.x, q.y, q.z, q.w]))
}
