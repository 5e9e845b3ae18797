//! Where the records go: a file, a viewer, or both.

use std::path::Path;

use rerun::{
    RecordingStream, RecordingStreamBuilder, SpawnOptions,
    sink::{FileSink, GrpcSink},
};

use crate::{VizConfig, VizError, layout};

fn builder(config: &VizConfig, robot: &str) -> RecordingStreamBuilder {
    // Made active, not only default: a layout that the viewer keeps from an older run must not win.
    RecordingStreamBuilder::new("neuraxis").with_blueprint(layout::blueprint(config, robot))
}

pub(crate) fn to_file(path: &Path, config: &VizConfig, robot: &str) -> Result<RecordingStream, VizError> {
    builder(config, robot).set_sinks((file(path)?,)).map_err(Into::into)
}

/// Starts the viewer (or finds the one that listens already) and connects to it.
pub(crate) fn live(
    viewer: Option<&Path>,
    also_to: Option<&Path>,
    config: &VizConfig,
    robot: &str,
) -> Result<RecordingStream, VizError> {
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
    let viewer = GrpcSink::new(url);
    match also_to {
        Some(path) => builder(config, robot).set_sinks((file(path)?, viewer)),
        None => builder(config, robot).set_sinks((viewer,)),
    }
    .map_err(Into::into)
}

fn file(path: &Path) -> Result<FileSink, VizError> {
    FileSink::new(path).map_err(|e| VizError::File { path: path.to_path_buf(), reason: e.to_string() })
}
