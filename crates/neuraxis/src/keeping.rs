//! What of a run's recording is kept: everything in one file, in numbered files, or the last seconds of it where
//! something happens.

use anyhow::{Result, bail};
use neuraxis_core::Nanos;
use neuraxis_episode::{Keep, RingConfig, Rotation};
use serde::{Deserialize, Serialize};

use crate::config::in_range;

/// Section `recording` of `configs/<robot>/run.yaml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordingSettings {
    /// Ring mode: only so much is kept, in memory, and written to a numbered file where something happens, 1 to 3600 [s];
    /// null: everything is written.
    pub ring_secs: Option<f64>,
    /// A ring's file goes on for so long after what it is about, 0 to 600 [s].
    pub ring_after_secs: f64,
    /// A ring's memory, 16 to 65536 [MB]; where it is full, less than `ring_secs` are kept.
    pub ring_megabytes: u64,
    /// Most files that a ring makes in one run, 1 to 10000.
    pub ring_files: u32,
    /// Rotation: the next numbered file begins where one is larger, 1 to 1000000 [MB]; null: not by size.
    pub part_megabytes: Option<u64>,
    /// Rotation: the next numbered file begins where one is longer, 1 to 86400 [s]; null: not by time.
    pub part_secs: Option<f64>,
}

impl Default for RecordingSettings {
    fn default() -> Self {
        Self {
            ring_secs: None,
            ring_after_secs: 5.0,
            ring_megabytes: 256,
            ring_files: 20,
            part_megabytes: None,
            part_secs: None,
        }
    }
}

impl RecordingSettings {
    /// Errors name key and range.
    pub fn validate(&self) -> Result<()> {
        let whole = |key: &str, value: u64, low: u64, high: u64| match (low..=high).contains(&value) {
            true => Ok(()),
            false => bail!("recording.{key} = {value}, allowed: {low} to {high}"),
        };
        self.ring_secs.map_or(Ok(()), |secs| in_range("recording.ring_secs", secs, 1.0, 3600.0))?;
        in_range("recording.ring_after_secs", self.ring_after_secs, 0.0, 600.0)?;
        whole("ring_megabytes", self.ring_megabytes, 16, 65_536)?;
        whole("ring_files", self.ring_files.into(), 1, 10_000)?;
        self.part_megabytes.map_or(Ok(()), |megabytes| whole("part_megabytes", megabytes, 1, 1_000_000))?;
        self.part_secs.map_or(Ok(()), |secs| in_range("recording.part_secs", secs, 1.0, 86_400.0))?;
        if self.ring_secs.is_some() && (self.part_megabytes.is_some() || self.part_secs.is_some()) {
            bail!("recording.ring_secs and recording.part_megabytes or part_secs: a ring keeps no parts; choose one");
        }
        Ok(())
    }

    /// For the writer.
    pub fn keep(&self) -> Keep {
        match (self.ring_secs, self.part_megabytes, self.part_secs) {
            (Some(secs), ..) => Keep::Ring(RingConfig {
                before: Nanos::from_secs(secs),
                after: Nanos::from_secs(self.ring_after_secs),
                bytes: self.ring_megabytes * 1_000_000,
                saves: self.ring_files,
            }),
            (None, None, None) => Keep::All,
            (None, megabytes, secs) => Keep::Parts(Rotation {
                bytes: megabytes.map(|megabytes| megabytes * 1_000_000),
                time: secs.map(Nanos::from_secs),
            }),
        }
    }
}

/// The same on command lines, in the place of what the file says.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct KeepArgs {
    /// Ring mode: keep the last SECS in memory, 1 to 3600 [s], and write them to a numbered file where something happens: a
    /// fault stops the arm, it is latched, the brain warns, the task fails, or somebody says `kill -USR1 PID`.
    #[arg(long, value_name = "SECS", conflicts_with_all = ["part_secs", "part_megabytes"])]
    ring: Option<f64>,
    /// In ring mode: memory, 16 to 65536 [MB]; 256 unless run.yaml says otherwise.
    #[arg(long, value_name = "MB")]
    ring_megabytes: Option<u64>,
    /// In ring mode: a file goes on for so long after what it is about, 0 to 600 [s]; 5 unless run.yaml says otherwise.
    #[arg(long, value_name = "SECS")]
    ring_after: Option<f64>,
    /// Rotation: the next numbered file begins after so long, 1 to 86400 [s]; `rec merge` joins them again.
    #[arg(long, value_name = "SECS")]
    part_secs: Option<f64>,
    /// Rotation: the next numbered file begins where one is larger, 1 to 1000000 [MB].
    #[arg(long, value_name = "MB")]
    part_megabytes: Option<u64>,
}

impl KeepArgs {
    /// Takes the command line's word; an error names what is out of range.
    pub fn apply(&self, settings: &mut RecordingSettings) -> Result<()> {
        if self.ring.is_some() {
            (settings.part_secs, settings.part_megabytes) = (None, None);
        }
        if self.part_secs.is_some() || self.part_megabytes.is_some() {
            settings.ring_secs = None;
        }
        settings.ring_secs = self.ring.or(settings.ring_secs);
        settings.ring_after_secs = self.ring_after.unwrap_or(settings.ring_after_secs);
        settings.ring_megabytes = self.ring_megabytes.unwrap_or(settings.ring_megabytes);
        settings.part_secs = self.part_secs.or(settings.part_secs);
        settings.part_megabytes = self.part_megabytes.or(settings.part_megabytes);
        if settings.ring_secs.is_none() && (self.ring_after.is_some() || self.ring_megabytes.is_some()) {
            bail!("--ring-after and --ring-megabytes are for ring mode: --ring SECS");
        }
        settings.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_comes_before_the_file_and_ranges_are_told() {
        let parts = RecordingSettings { part_secs: Some(60.0), ..Default::default() };
        let mut settings = parts.clone();
        KeepArgs { ring: Some(30.0), ring_megabytes: Some(64), ..Default::default() }.apply(&mut settings).unwrap();
        let ring = RingConfig {
            before: Nanos::from_millis(30_000),
            after: Nanos::from_millis(5000),
            bytes: 64_000_000,
            saves: 20,
        };
        assert_eq!(settings.keep(), Keep::Ring(ring));
        let args = KeepArgs { part_megabytes: Some(500), ..Default::default() };
        args.apply(&mut settings).unwrap();
        assert_eq!(settings.keep(), Keep::Parts(Rotation { bytes: Some(500_000_000), time: None }));
        KeepArgs::default().apply(&mut settings).unwrap();
        assert_eq!(RecordingSettings::default().keep(), Keep::All);

        let error = |args: KeepArgs| args.apply(&mut parts.clone()).unwrap_err().to_string();
        let told = error(KeepArgs { ring: Some(0.5), ..Default::default() });
        assert!(told.contains("recording.ring_secs = 0.5, allowed: finite, 1 to 3600"), "{told}");
        let told = error(KeepArgs { ring: Some(9.0), ring_megabytes: Some(1), ..Default::default() });
        assert!(told.contains("recording.ring_megabytes = 1, allowed: 16 to 65536"), "{told}");
        let told = error(KeepArgs { ring_after: Some(9.0), ..Default::default() });
        assert!(told.contains("--ring SECS"), "{told}");
        let both = RecordingSettings { ring_secs: Some(9.0), ..parts };
        assert!(both.validate().unwrap_err().to_string().contains("choose one"));
    }
}
