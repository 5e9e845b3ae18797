//! An arm that somebody else moves, or nobody: looked at and recorded, and nothing is sent to it.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use neuraxis_core::{Instruction, KeyFrame, Nanos, TextEmbedder};
use serde_json::{Value, json};

use super::{Around, Which, WhichArgs, close, print_state};
use crate::{
    config::Config,
    demo, interrupt,
    keeping::KeepArgs,
    package,
    realtime::{Drive, Report, Until},
    recorder::Recorder,
    script::Script,
    source::{Source, load_any_policy, misfits},
    threads::Shared,
};

/// What is watched, and for how long.
pub(super) struct Watched {
    /// The sentence it is about.
    pub say: String,
    /// Until Ctrl-C if there is none [s].
    pub secs: Option<f64>,
    /// Folder for the recording.
    pub out: Option<PathBuf>,
    /// Open the viewer as well.
    pub live: bool,
}

/// Command line of `neuraxis record`.
#[derive(Debug, Args)]
pub struct RecordArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// What is being shown, in the words that a policy shall learn it by.
    #[arg(long, value_name = "SENTENCE", value_parser = sentence)]
    say: String,
    /// Folder for the recording.
    #[arg(long, value_name = "DIR", default_value = "out/record")]
    out: PathBuf,
    /// How long; until Ctrl-C if left out [s].
    #[arg(long)]
    secs: Option<f64>,
    /// A demonstration: somebody leads the arm by hand, or another program does; `import mcap` makes training data of it.
    #[arg(long)]
    demo: bool,
    /// Open the viewer as well.
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    keep: KeepArgs,
}

/// What can be learned by is said.
pub(super) fn sentence(text: &str) -> Result<String, String> {
    let words = text.trim();
    if words.is_empty() {
        Err("allowed: a sentence, such as \"put the cup on the tray\"".into())
    } else {
        Ok(words.into())
    }
}

/// Records what arm and cameras do.
pub fn record(config: &Config, args: RecordArgs) -> Result<()> {
    interrupt::listen()?;
    let mut config = config.clone();
    args.keep.apply(&mut config.run.recording)?;
    let which = Which::of(&config, &args.which)?;
    let RecordArgs { say, out, secs, demo, live, .. } = args;
    say!("recording   {say}: nothing is sent to the arm; Ctrl-C ends");
    let watched = Watched { say, secs, out: Some(out), live };
    let words = Instruction { text: watched.say.as_str().into(), epoch: 1, features: None };
    let meta = json!({ "demonstration": demo });
    watch(&config, which, Source::Script(Script::new(Vec::new())), (words, false), &watched, meta).map(|_| ())
}

/// Shows what a policy wants, also one that was trained with something else: what that is, is said.
pub(super) fn shadow(config: &Config, which: Which, weights: &Path, watched: &Watched) -> Result<()> {
    let mut embedder = package::text_encoder(&config.root)?;
    let features = Some(embedder.embed_order(&watched.say)?);
    let words = Instruction { text: watched.say.as_str().into(), epoch: 1, features };
    let policy = load_any_policy(config, weights, embedder.id())?;
    for misfit in misfits(policy.about(), config, &which.camera_names()) {
        say!("differs     {misfit}");
    }
    let source = Source::Weights(Box::new(policy));
    source.check(&words)?;
    say!("shadow      {}: nothing is sent to the arm", words.text);
    let report = watch(config, which, source, (words, true), watched, json!({ "shadow": true }))?;
    if let Some(reason) = &report.outcome.refused {
        say!("refused     {reason}");
    }
    let Some(KeyFrame { world_from_tool, gripper, .. }) = report.wanted else {
        bail!("the policy wanted nothing: it has seen no images that it could use");
    };
    let p = world_from_tool.position();
    say!("wanted      {:.3} {:.3} {:.3} m, then {gripper:?}", p.x, p.y, p.z);
    Ok(())
}

/// Runs and records; the source is asked if `words.1`.
fn watch(
    config: &Config,
    which: Which,
    source: Source,
    (words, is_asked): (Instruction, bool),
    watched: &Watched,
    mut meta: Value,
) -> Result<Report> {
    let mut config = config.clone();
    config.only_watch();
    let around = Around::new(&config, which)?;
    let robot = around.studio.robot.clone();
    let limit = watched.secs.map_or(Nanos(u64::MAX / 4), Nanos::from_secs);
    let session = around.session(source, is_asked.then(|| words.clone()), limit, Drive::Shadow, true)?;
    let out = watched.out.clone().unwrap_or("out/shadow".into());
    meta["driver"] = around.which.driver.name().into();
    let record = |zero| {
        let made = Recorder::create(&out, &config, &robot, Some(&words), meta, zero, Some(around.window(watched.live)));
        made.map(|recorder| Some(recorder.of(Drive::Shadow)))
    };
    let mut report = session.run(Until::EpisodeEnds, &Shared::default(), record, |_| Ok(None))?;
    demo::print_rates(&report);
    close(&mut report, true, None)?;
    print_state(&report, &robot);
    Ok(report)
}
