//! One network per stage, both of the shape that [`PolicyConfig`] gives: three static views, and beside them the
//! dynamic stream if there is one.
//!
//! Views become tokens ([`entry`]); layers inside each view, then joint layers over all views and the language
//! ([`Stage`]); tokens become features and heatmaps ([`exit`]); at a way-point the features become orientation, gripper
//! and collision flag ([`Heads`]). (Goyal et al. 2023/2024; the dynamic stream: the paper.)
//!
//! With a pixel path (ours) two paths meet in the heatmaps: quarter-resolution features let every pixel attend to the
//! words of the instruction, so that "is this the colour that was named, and how early?" is decided where the colour
//! is. Without it patches alone become tokens, as in RVT-2. Two input channels more than RVT-2's mark the tool and the
//! last key-frame.
//!
//! Letters in shapes: b batch, v views (3, the dynamic one is the fourth), c channels, s image side, t = s / patch_px
//! token side, g = s / 4 side of the pixel path, l language tokens.

mod entry;
mod exit;
mod heads;
mod input;
mod stage;
mod upsample;

use tch::{Device, nn};

pub use heads::{HeadOutput, Heads, RotationOutput};
pub use input::{DynamicInput, StageInput};
pub use stage::{DynamicOutput, Stage, StageOutput};
pub use upsample::Upsample;

use crate::{Result, config::PolicyConfig};

/// Channels rendered per view: RVT-2's ten and the markers.
pub const VIEW_CHANNELS: i64 = 12;
/// Of these the channels that mark the tool and the last key-frame, the last ones.
pub const MARKERS: i64 = 2;
/// Static views.
pub const VIEWS: i64 = 3;
/// Numbers of proprioception that this program makes: see `sample::Body::proprio`.
pub const PROPRIO: i64 = 12;

/// Both stages and the heads of the fine one.
#[derive(Debug)]
pub struct StaticStream {
    /// Looks at the whole scene.
    pub coarse: Stage,
    /// Looks at the zoom and names orientation, gripper and collision flag.
    pub fine: Stage,
    /// Heads of the fine stage.
    pub heads: Heads,
}

impl StaticStream {
    /// Registers all weights under `path`.
    pub fn new(path: &nn::Path, config: &PolicyConfig) -> Result<Self> {
        config.validate()?;
        Ok(Self {
            coarse: Stage::new(&(path / "coarse"), config)?,
            fine: Stage::new(&(path / "fine"), config)?,
            heads: Heads::new(&(path / "heads"), config)?,
        })
    }

    /// Numbers that such a network learns, a gaze network's aside. Builds it.
    pub fn count(config: &PolicyConfig) -> Result<usize> {
        let store = nn::VarStore::new(Device::Cpu);
        Self::new(&store.root(), config)?;
        Ok(parameter_count(&store, ""))
    }
}

/// Numbers that learn, over all weights whose name begins with `prefix`.
pub fn parameter_count(store: &nn::VarStore, prefix: &str) -> usize {
    let named =
        store.variables().into_iter().filter(|(name, tensor)| name.starts_with(prefix) && tensor.requires_grad());
    named.map(|(_, tensor)| tensor.numel()).sum()
}
