//! Curves and pictures over steps, such as the losses of a training run and what it looks at.

use std::time::Duration;

use rerun::{Image, RecordingStream, Scalars};

use crate::{Target, VizError, source};

/// Scalars by name on a step axis, as a recording that `rerun FILE` opens.
pub struct Curves {
    rec: RecordingStream,
}

impl Curves {
    /// Starts anew. [`VizError::NoDisplay`] where a viewer is wanted and there is no screen for it.
    pub fn open(target: &Target<'_>, title: &str) -> Result<Self, VizError> {
        let rec = source::open("neuraxis_training", target)?;
        rec.send_recording_name(title)?;
        Ok(Self { rec })
    }

    /// One value per curve at a step.
    pub fn push(&self, step: u64, values: &[(&str, f64)]) -> Result<(), VizError> {
        self.at(step);
        for (name, value) in values {
            self.rec.log(*name, &Scalars::single(*value))?;
        }
        Ok(())
    }

    /// A picture at a step: (height, width, 3) row-major, `size` is width and height [px].
    pub fn push_picture(&self, step: u64, name: &str, rgb: &[u8], size: [u32; 2]) -> Result<(), VizError> {
        self.at(step);
        self.rec.log(name, &Image::from_rgb24(rgb.to_vec(), size))?;
        Ok(())
    }

    fn at(&self, step: u64) {
        self.rec.set_time_sequence("step", i64::try_from(step).unwrap_or(i64::MAX));
    }

    /// Waits until everything is on disk.
    pub fn finish(self) -> Result<(), VizError> {
        self.rec.flush_with_timeout(Duration::from_secs(10)).map_err(|e| VizError::Stream(e.to_string()))
    }
}
