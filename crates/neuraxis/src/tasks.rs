//! `neuraxis tasks`: the suite, to read and to look at.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use neuraxis_sim::{Factor, Perturbation};

use crate::{config::Config, episode_run::Studio, eval::EVAL_SEED};

/// What to show.
#[derive(Debug, Subcommand)]
pub enum TasksCommand {
    /// Names of the tasks.
    List,
    /// What a scene asks for: instruction, other goals, chance, the expert's key-frames.
    Show {
        /// Task name.
        task: String,
        /// Seed of the scene.
        #[arg(long, default_value_t = EVAL_SEED)]
        seed: u64,
    },
    /// The expert solves a scene, as a sheet of pictures: a column for each key-frame reached.
    Film {
        /// Tasks, comma-separated; `trained`: those of the shipped weights; `all`.
        task: String,
        /// Seed of the scene.
        #[arg(long, default_value_t = EVAL_SEED)]
        seed: u64,
        /// Folder for the pictures, OUT/TASK-SEED.png.
        #[arg(long, default_value = "out/film")]
        out: PathBuf,
    },
    /// A page for each task with its picture.
    Pages {
        /// Folder.
        #[arg(long, default_value = "sim/tasks")]
        out: PathBuf,
    },
    /// What can be different from training, and by how much; as a file for `--perturb`.
    Factors,
    /// A scene under every factor, as a sheet of pictures: a column for each, in the order of `tasks factors`.
    Perturbed {
        /// Tasks, comma-separated, or `all`.
        task: String,
        /// Seed of the scene.
        #[arg(long, default_value_t = EVAL_SEED)]
        seed: u64,
        /// Folder for the pictures, OUT/TASK-SEED.png.
        #[arg(long, default_value = "out/perturbed")]
        out: PathBuf,
    },
    /// The expert solves a scene in lockstep, recorded; `--live` opens the viewer.
    Watch {
        /// Task name.
        task: String,
        /// Seed of the scene.
        #[arg(long, default_value_t = EVAL_SEED)]
        seed: u64,
        /// Folder for the recordings.
        #[arg(long, default_value = "out/watch")]
        out: PathBuf,
        /// Open the Rerun viewer and stream to it as well.
        #[arg(long)]
        live: bool,
    },
}

/// Carries out a command.
pub fn run(what: TasksCommand, config: &Config) -> Result<()> {
    match what {
        TasksCommand::List => {
            say!("{:<28} {:>10}  what is to be done", "task", "variations");
            for kind in neuraxis_sim::tasks::kinds() {
                say!("{:<28} {:>10}  {}", kind.name, kind.variations, kind.summary);
            }
            Ok(())
        }
        TasksCommand::Film { task, seed, out } => {
            let studio = Studio::new(config.clone())?;
            for task in list(&task, &studio.config)? {
                let file = out.join(format!("{task}-{seed}.png"));
                let (said, outcome) = crate::film::film(&studio, &task, seed, 2, &file)?;
                let end = if outcome.success { "success" } else { "no success" };
                say!("{task} {seed}: {said:?}: {end} after {:.1} s, {}", outcome.secs, file.display());
            }
            Ok(())
        }
        TasksCommand::Pages { out } => {
            let studio = Studio::new(config.clone())?;
            let kinds = neuraxis_sim::tasks::kinds();
            let bar = crate::progress::bar(kinds.len() as u64);
            for kind in &kinds {
                bar.set_message(kind.name);
                crate::pages::page(&studio, kind, &out)?;
                bar.inc(1);
            }
            Ok(())
        }
        TasksCommand::Factors => {
            let all = Perturbation { factors: Factor::ALL.into(), ..Perturbation::default() };
            put!("{}", serde_yaml::to_string(&all)?);
            Ok(())
        }
        TasksCommand::Perturbed { task, seed, out } => {
            let studio = Studio::new(config.clone())?;
            for task in list(&task, &studio.config)? {
                let file = out.join(format!("{task}-{seed}.png"));
                crate::film::perturbed(&studio, &task, seed, &file)?;
                say!("{task} {seed}: {}", file.display());
            }
            Ok(())
        }
        TasksCommand::Show { task, seed } => show(&Studio::new(config.clone())?, &one(&task, config)?, seed),
        TasksCommand::Watch { task, seed, out, live } => {
            let plan = crate::demo::DemoPlan {
                actor: crate::eval::Actor::Expert,
                task: one(&task, config)?,
                seed,
                memory: None,
                out,
                clock: crate::demo::ClockChoice::Lockstep,
                live,
                eye_faults: Vec::new(),
            };
            crate::demo::run(config, &plan).map(|_| ())
        }
    }
}

/// Names and groups, comma-separated: `all` (the single tasks), `long`, `trained` (what the configuration says of its
/// weights). Each task once.
pub fn list(text: &str, config: &Config) -> Result<Vec<String>> {
    let mut tasks: Vec<String> = Vec::new();
    for name in text.split(',') {
        let group = match name {
            "trained" => trained(config)?,
            name => expand(name)?,
        };
        for task in group {
            if !tasks.contains(&task) {
                tasks.push(task);
            }
        }
    }
    Ok(tasks)
}

fn trained(config: &Config) -> Result<Vec<String>> {
    let key = || format!("{}: weights_tasks", config.file("run.yaml"));
    let groups: Result<Vec<_>> = config.run.weights_tasks.iter().map(|name| expand(name)).collect();
    let tasks = groups.with_context(key)?.concat();
    if tasks.is_empty() {
        bail!("{} = [], allowed: names of tasks, or all", key());
    }
    Ok(tasks)
}

/// The task of a name, or those of a group.
fn expand(name: &str) -> Result<Vec<String>> {
    use neuraxis_sim::tasks::{KINDS, kinds, long, names};
    let owned = |names: Vec<&str>| names.into_iter().map(String::from).collect();
    let known = names(&kinds());
    match name {
        "all" => Ok(owned(names(KINDS))),
        "long" => Ok(owned(names(&long()))),
        name if known.contains(&name) => Ok(vec![name.into()]),
        _ => bail!("unknown task {name:?}; known: {} (and all, long, trained)", known.join(", ")),
    }
}

/// The name of one task.
pub fn one(text: &str, config: &Config) -> Result<String> {
    match &list(text, config)?[..] {
        [task] => Ok(task.clone()),
        _ => bail!("{text}: one task at a time"),
    }
}

/// Prints a scene.
fn show(studio: &Studio, task: &str, seed: u64) -> Result<()> {
    let setup = studio.setup(task, seed)?;
    let lockstep = studio.lockstep(&setup, true)?;
    say!("{task}, seed {seed}: {:?}", setup.goal().instruction);
    for other in setup.alternatives() {
        say!("  also valid here: {:?}", other.instruction);
    }
    say!("  a goal drawn at random is this one with probability {:.3}", setup.chance());
    say!("  expert's key-frames, tool in the world frame [m], approach direction:");
    for (i, key) in studio.script(&setup, &lockstep, setup.goal())?.iter().enumerate() {
        let (p, z) = (key.world_from_tool.position(), key.world_from_tool.rotation() * nalgebra::Vector3::z());
        let contact = if key.ignore_collisions { "contact" } else { "free" };
        say!(
            "  {i}: {:.3} {:.3} {:.3}, approach {:.2} {:.2} {:.2}, gripper {:?}, {contact}",
            p.x,
            p.y,
            p.z,
            z.x,
            z.y,
            z.z,
            key.gripper
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn groups_stand_in_lists_and_no_task_comes_twice() {
        let mut config = Config::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), "fr3").unwrap();
        config.run.weights_tasks = vec!["turn_tap".into(), "stack_cups".into()];
        assert_eq!(list("trained,close_jar,turn_tap", &config).unwrap(), ["turn_tap", "stack_cups", "close_jar"]);
        let (all, long) = (list("all", &config).unwrap(), list("long", &config).unwrap());
        assert_eq!(list("all,long", &config).unwrap(), [all, long].concat());
        let error = list("trained,nope", &config).unwrap_err().to_string();
        assert!(error.starts_with("unknown task \"nope\"; known: "), "{error}");
        config.run.weights_tasks.clear();
        let error = list("trained", &config).unwrap_err().to_string();
        assert!(
            error.ends_with("configs/fr3/run.yaml: weights_tasks = [], allowed: names of tasks, or all"),
            "{error}"
        );
    }
}
