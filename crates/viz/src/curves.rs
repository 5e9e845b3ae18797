//! Curves and pictures over steps, such as the losses of a training run and what it looks at.

use std::time::Duration;

use rerun::{Image, RecordingStream, Scalars};

use crate::{
    Target, VizError,
    blueprint::{self, Application, Group, Part, View},
    source,
};

/// Recordings of training.
const TRAINING: Application = Application { name: "neuraxis_training", timeline: "step" };

/// A plot: its name, and which curves it shows, as the viewer's queries have it (`+ /loss/**`), a line for each.
pub type Plot = (&'static str, &'static str);

/// Scalars by name on a step axis, as a recording that `rerun FILE` opens.
pub struct Curves {
    rec: RecordingStream,
}

impl Curves {
    /// Starts anew, with pictures named `pictures` on the left and `plots` on the right, one below the other; those of a
    /// row stand one behind the other. [`VizError::NoDisplay`] where a viewer is wanted and there is no screen for it.
    pub fn open(target: &Target<'_>, title: &str, pictures: &str, plots: &[&[Plot]]) -> Result<Self, VizError> {
        let rec = source::open(TRAINING.name, target)?;
        rec.send_recording_name(title)?;
        blueprint::send(&rec, TRAINING, &layout(pictures, plots))?;
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
        self.rec.set_time_sequence(TRAINING.timeline, i64::try_from(step).unwrap_or(i64::MAX));
    }

    /// Waits until everything is on disk.
    pub fn finish(self) -> Result<(), VizError> {
        self.rec.flush_with_timeout(Duration::from_secs(10)).map_err(|e| VizError::Stream(e.to_string()))
    }
}

fn layout(pictures: &str, plots: &[&[Plot]]) -> Part {
    let plot = |(name, query): &Plot| {
        View::new("TimeSeries", name, "/".into()).of(query.lines().map(Into::into).collect()).into()
    };
    let rows = plots.iter().map(|row| (1.0, Group::tabs(row.iter().map(plot))));
    let pictures = View::new("2D", pictures, format!("/{pictures}")).into();
    Group::row([(1.2, pictures), (1.0, Group::column(rows))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_and_every_plot_have_their_place() {
        let views = layout("seen", &[&[("loss", "+ /loss/**")], &[("near", "+ /near"), ("speed", "+ /speed")]]).views();
        let shown = |name: &str, query: &str| (name.to_string(), vec![query.to_string()]);
        let expected = [
            shown("seen", "/seen/**"),
            shown("loss", "+ /loss/**"),
            shown("near", "+ /near"),
            shown("speed", "+ /speed"),
        ];
        assert_eq!(views, expected);
    }
}
