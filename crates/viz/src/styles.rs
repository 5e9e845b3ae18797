//! Names, colours and widths of the curves.

use rerun::{Color, SeriesLines, SeriesPoints};

use crate::{Viz, VizError, paths};

/// Joints are told apart by these colours, measured and commanded alike; and runs beside each other.
const PALETTE: [[u8; 3]; 8] = [
    [232, 93, 93],
    [240, 160, 60],
    [225, 210, 80],
    [110, 200, 100],
    [80, 190, 205],
    [95, 140, 240],
    [180, 120, 235],
    [235, 130, 190],
];
/// Runs next to each other are so many colours apart; with the palette's length it has no common divisor.
const STRIDE: usize = 5;

impl Viz {
    /// Logged once, for all times.
    pub(crate) fn log_styles(&self) -> Result<(), VizError> {
        let config = &self.config;
        let count = config.joint_names.len();
        let colors = |scale: f32| {
            let shade = move |c: &[u8; 3]| c.map(|v| (f32::from(v) * scale) as u8);
            PALETTE.iter().cycle().take(count).map(shade).map(Color::from).collect::<Vec<_>>()
        };
        let names = |what: &str| config.joint_names.iter().map(|name| format!("{name}{what}")).collect::<Vec<_>>();
        let lines = |what: &str, scale: f32, width: f32| {
            SeriesLines::new().with_colors(colors(scale)).with_names(names(what)).with_widths(vec![width; count])
        };
        self.put_static(paths::MEASURED, &lines("", 1.0, 2.0))?;
        self.put_static(paths::COMMANDED, &lines(" commanded", 0.6, 1.0))?;
        self.put_static(paths::TRACKING, &lines(" error", 1.0, 1.5))?;
        let stages = ["render", "host to device", "coarse", "fine", "device to host", "total"];
        let widths = [1.0, 1.0, 1.0, 1.0, 1.0, 2.5];
        self.put_static(paths::POLICY_TIMING, &SeriesLines::new().with_names(stages).with_widths(widths))?;
        // Beside others a curve is called after its run and has its colour.
        let one = |what: &str| {
            let line = SeriesLines::new();
            match (config.name.as_str(), PALETTE.get(STRIDE * config.place % PALETTE.len())) {
                ("", _) | (_, None) => line.with_names([what]),
                (name, Some(color)) => line.with_names([name]).with_colors([Color::from(*color)]).with_widths([2.0]),
            }
        };
        for (path, what) in [
            (paths::WIDTH, "width measured"),
            (paths::LOOP_TIMING, "wake latency"),
            (paths::CONFIDENCE, "confidence"),
            (paths::TOOL_HEIGHT, "tool's height"),
            (paths::TRACKING_WORST, "worst tracking error"),
        ] {
            self.put_static(path, &one(what))?;
        }
        if config.other.is_some() {
            // Decisions are seconds apart: what matters are the points, the line only leads from one to the next.
            let called = if config.name.is_empty() { "apart".to_string() } else { config.name.clone() };
            for path in [paths::APART, paths::TURNED] {
                self.put_static(path, &one("apart").with_widths([1.0]))?;
                self.put_static(path, &SeriesPoints::new().with_names([called.as_str()]).with_marker_sizes([4.0]))?;
            }
        }
        self.put_static(paths::WIDTH_COMMANDED, &SeriesLines::new().with_names(["width commanded"]))
    }
}
