//! Alone in its file: it changes the environment of its process.

use std::path::Path;

use neuraxis_viz::{Viz, VizConfig, VizError};

#[test]
fn without_a_display_live_says_so_and_starts_nothing() {
    for name in ["DISPLAY", "WAYLAND_DISPLAY"] {
        // SAFETY: this process runs this test only; no other thread reads the environment now.
        unsafe { std::env::remove_var(name) };
    }
    let urdf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../urdf/fr3.urdf");
    let config = VizConfig { urdf, ..Default::default() };
    let error = Viz::live(None, None, &config).map(|_| ()).unwrap_err();
    assert!(matches!(error, VizError::NoDisplay), "{error}");
    assert!(error.to_string().contains("DISPLAY"));
}
