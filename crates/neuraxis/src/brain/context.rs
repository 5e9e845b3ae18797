//! What a vision-language model is told beside sentence and scene: pictures, and what has failed.

use neuraxis_core::Observation;
use neuraxis_cortex::vlm::{Context, Image};
use neuraxis_executor::What;

use super::story::Story;
use crate::film::encode_png;

/// Lines about what was done and what failed, the newest.
const LINES: usize = 12;

/// For a question that is asked now.
pub(super) fn context(story: &Story, seen: &Observation, cameras: &[String]) -> Context {
    let is_told = |what: &What| matches!(what, What::Succeeded | What::Failed | What::Recovering(_));
    let lines = story.told.iter().filter(|(event, _)| is_told(&event.what)).map(|(_, line)| line.trim().into());
    let lines: Vec<String> = lines.collect();
    let failure = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().to_vec();
    let images = cameras.iter().filter_map(|name| picture(seen, name)).collect();
    Context { images, failure, ..Context::default() }
}

/// As the camera has it; `None` if there is no such camera.
fn picture(seen: &Observation, name: &str) -> Option<Image> {
    let view = seen.cameras.iter().find(|view| *view.name == *name)?;
    let mut png = Vec::new();
    encode_png(&mut png, view.intrinsics.width as usize, &view.rgb).ok()?;
    Image::new(name, png, Vec::new()).ok()
}
