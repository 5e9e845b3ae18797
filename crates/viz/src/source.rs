//! Where the records go: a file, a viewer, or both.

use std::path::Path;

use rerun::{
    RecordingStream, RecordingStreamBuilder, SpawnOptions,
    sink::{FileSink, GrpcSink},
};

use crate::VizError;

/// Where a run is shown.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// A recording that `rerun FILE` opens.
    File(&'a Path),
    /// The viewer on this machine's screen.
    Viewer {
        /// The program; `rerun` on PATH if none is named.
        viewer: Option<&'a Path>,
        /// A recording beside it.
        also_to: Option<&'a Path>,
    },
}

pub(crate) fn open(application: &'static str, target: &Target<'_>) -> Result<RecordingStream, VizError> {
    let builder = RecordingStreamBuilder::new(application);
    match *target {
        Target::File(path) => builder.set_sinks((file(path)?,)),
        Target::Viewer { viewer, also_to: None } => builder.set_sinks((window(viewer)?,)),
        Target::Viewer { viewer, also_to: Some(path) } => builder.set_sinks((file(path)?, window(viewer)?)),
    }
    .map_err(Into::into)
}

/// Starts the viewer (or finds the one that listens already) and connects to it.
fn window(viewer: Option<&Path>) -> Result<GrpcSink, VizError> {
    let has = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if !has("DISPLAY") && !has("WAYLAND_DISPLAY") {
        return Err(VizError::NoDisplay);
    }
    let options = SpawnOptions {
        executable_path: viewer.map(|path| path.display().to_string()),
        // What a robot sees is nobody's business on the network.
        extra_args: vec!["--bind".into(), "127.0.0.1".into()],
        memory_limit: "2GB".into(),
        ..Default::default()
    };
    rerun::spawn(&options).map_err(|e| VizError::Viewer { reason: e.to_string() })?;
    let url = format!("rerun+http://{}/proxy", options.connect_addr());
    let url = url.parse().map_err(|e| VizError::Viewer { reason: format!("{url}: {e}") })?;
    Ok(GrpcSink::new(url))
}

fn file(path: &Path) -> Result<FileSink, VizError> {
    FileSink::new(path).map_err(|e| VizError::File { path: path.to_path_buf(), reason: e.to_string() })
}
