//! `neuraxis tasks pages`: a page for each task with its picture, from what the code knows.

use std::{collections::BTreeSet, fmt::Write, path::Path};

use anyhow::{Context, Result};
use neuraxis_sim::tasks::Kind;

use crate::{episode_run::Studio, eval::EVAL_SEED, film::film};

/// Scenes from which sentences are collected.
const SCENES: u64 = 60;
/// Sentences shown.
const MOST_SENTENCES: usize = 8;

/// Writes `out/NAME.md` and `out/NAME.png`.
pub fn page(studio: &Studio, kind: &Kind, out: &Path) -> Result<()> {
    let name = kind.name;
    let (_, outcome) = film(studio, name, EVAL_SEED, 1, &out.join(format!("{name}.png")))?;
    let setup = studio.setup(name, EVAL_SEED)?;
    let lockstep = studio.lockstep(&setup, false)?;
    // A long task's script goes on when it is at its end.
    let keyframes = match kind.is_long() {
        true => outcome.reached as usize,
        false => studio.script(&setup, &lockstep, setup.goal())?.len(),
    };
    let mut sentences = BTreeSet::new();
    for seed in EVAL_SEED..EVAL_SEED + SCENES {
        sentences.insert(studio.setup(name, seed)?.goal().instruction.clone());
    }
    let step = sentences.len().div_ceil(MOST_SENTENCES).max(1);
    let mut text = String::new();
    writeln!(text, "# {name}\n\n{}{}.\n", kind.summary[..1].to_uppercase(), &kind.summary[1..])?;
    writeln!(text, "![the expert]({name}.png)\n")?;
    writeln!(
        text,
        "The scripted expert at seed {EVAL_SEED}, {}: a column for each key-frame reached and one for the end; the \
         front, left shoulder and wrist cameras.\n",
        if outcome.success { format!("success after {:.1} s", outcome.secs) } else { "no success".into() }
    )?;
    let fails =
        if kind.is_long() { "a button has been pressed out of turn" } else { "that has been done to something else" };
    writeln!(text, "- Succeeds when {}; it fails when {fails}.", kind.success)?;
    writeln!(
        text,
        "- Variations: {}. Goals that are valid in one scene: {}.",
        kind.variations,
        1 + setup.alternatives().len()
    )?;
    writeln!(
        text,
        "- Time limit: {:.0} s. Key-frames of the expert: {}.",
        studio.config.run.time_limit_secs * setup.length(),
        keyframes
    )?;
    writeln!(text, "\nWhat is said, for example:\n")?;
    for sentence in sentences.iter().step_by(step) {
        writeln!(text, "- {sentence}")?;
    }
    writeln!(
        text,
        "\n```\n./neuraxis tasks watch {name}\n./neuraxis eval --policy expert --tasks {name} --episodes 100\n```"
    )?;
    writeln!(text, "\nMade by `./neuraxis tasks pages`.")?;
    let file = out.join(format!("{name}.md"));
    std::fs::write(&file, text).with_context(|| file.display().to_string())
}
