//! What a vision-language model is told beside sentence and scene: pictures, and what has failed.

use anyhow::{Result, bail};
use neuraxis_core::Observation;
use neuraxis_cortex::vlm::{Context, Image};
use neuraxis_executor::What;

use super::story::Story;
use crate::{config::Config, film::encode_png};

/// Lines about what was done for the task and what failed, the newest.
const LINES: usize = 12;

/// For a question that is asked now, with the pictures of these cameras.
pub(super) fn context<'a>(story: &Story, seen: &Observation, cameras: impl Iterator<Item = &'a String>) -> Context {
    let is_told = |what: &What| matches!(what, What::Succeeded | What::Failed | What::Recovering(_));
    let told = story.told.since(story.task_from);
    let lines = told.filter(|(event, _)| is_told(&event.what)).map(|(_, line)| line.trim().into());
    let lines: Vec<String> = lines.collect();
    let failure = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().to_vec();
    let images = cameras.filter_map(|name| picture(seen, name)).collect();
    Context { images, failure, ..Context::default() }
}

/// A model that may be asked is shown pictures of cameras that are here.
pub fn check_cameras(config: &Config, here: &[String]) -> Result<()> {
    let missing = config.brain.vlm_cameras.iter().find(|name| !here.contains(name));
    if let Some(name) = missing.filter(|_| config.brain.planner.asks_model()) {
        bail!("configs/{}/brain.yaml: vlm_cameras: {name:?}, allowed: {}", config.name, here.join(", "));
    }
    Ok(())
}

/// As the camera has it; `None` if there is no such camera.
fn picture(seen: &Observation, name: &str) -> Option<Image> {
    let view = seen.cameras.iter().find(|view| *view.name == *name)?;
    let mut png = Vec::new();
    encode_png(&mut png, view.intrinsics.width as usize, &view.rgb).ok()?;
    Image::new(name, png, Vec::new()).ok()
}

#[cfg(test)]
mod tests {
    use neuraxis_brain::PlannerKind;

    use super::*;
    use crate::config::workspace_root;

    #[test]
    fn a_model_is_shown_pictures_of_cameras_that_are_here() {
        let mut config = Config::load(&workspace_root().unwrap(), "fr3").unwrap();
        let here = ["left", "wrist"].map(String::from);
        check_cameras(&config, &here).unwrap();
        config.brain.planner = PlannerKind::VlmOrSymbolic;
        let error = check_cameras(&config, &here).unwrap_err().to_string();
        assert_eq!(error, r#"configs/fr3/brain.yaml: vlm_cameras: "front", allowed: left, wrist"#);
        config.brain.vlm_cameras.clear();
        check_cameras(&config, &here).unwrap();
    }
}
