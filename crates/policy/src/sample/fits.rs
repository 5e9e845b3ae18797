//! Were the data made for the network that is to learn from them?

use neuraxis_episode::dataset::Dataset;

use crate::{Error, PolicyConfig, Result};

/// Refuses a data set of other bounds, or, where a network has such a plane, of another one that its clouds are thinned at: the
/// network would see at run time what it was never shown. The error names file, key and both values.
pub(crate) fn check_made_for(dataset: &Dataset, bounds_m: &[f64; 6], plane_z_m: Option<f64>) -> Result<()> {
    for (dir, made_in, meta) in dataset.folders() {
        let refuse = |key: &str, made: String, wanted: String| {
            let index = dir.join("index.json");
            Err(Error::Data(format!("{}: {key} = {made} m, but the network's is {wanted} m", index.display())))
        };
        if made_in != bounds_m {
            return refuse("bounds_m", format!("{made_in:?}"), format!("{bounds_m:?}"));
        }
        // Whoever does not write it has fused with the default.
        let made_at = meta["plane_z_m"].as_f64().unwrap_or(PolicyConfig::default().plane_z_m);
        if let Some(wanted) = plane_z_m.filter(|z| *z != made_at) {
            return refuse("plane_z_m", made_at.to_string(), wanted.to_string());
        }
    }
    Ok(())
}
