//! Progress bars of long work.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over so many pieces of work.
pub fn bar(length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len}  {elapsed} passed, {eta} to go  {msg}");
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
