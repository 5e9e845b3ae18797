//! Named shapes of the network, and how a configuration file chooses one: `policy: {preset: full, dynamic: gaze}`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value};

use crate::{
    Error, PolicyConfig, Result,
    choices::{Dynamic, FeedForward, Head, HeadFeatures, RotationForm, Upsampling},
};

/// Names that [`PolicyConfig::preset`] knows.
pub const PRESETS: [&str; 3] = ["small", "full", "paper"];

impl PolicyConfig {
    /// `small` (shipped), `full` (published shapes for a GPU) or `paper` (published inputs too, for shapes and counts).
    pub fn preset(name: &str) -> Result<Self> {
        match name {
            "small" => Ok(Self::small()),
            "full" => Ok(Self::full()),
            "paper" => Ok(Self::paper()),
            _ => Err(Error::Config { key: "preset", value: format!("{name:?}"), allowed: "small, full, paper" }),
        }
    }

    /// How a file says it with the fewest keys: `{preset: small, fovea: 0.6}`.
    pub fn in_words(&self) -> String {
        let keys = |config: &Self| match Self::serialize(config, serde_json::value::Serializer) {
            Ok(Value::Object(keys)) => keys,
            _ => Map::new(),
        };
        let said = |(name, base): (&str, Self)| {
            let base = keys(&base);
            let other = keys(self).into_iter().filter(|(key, value)| base.get(key) != Some(value));
            let other: String = other.map(|(key, value)| format!(", {key}: {value}")).collect();
            format!("{{preset: {name}{other}}}")
        };
        let presets = PRESETS.iter().zip([Self::small(), Self::full(), Self::paper()]);
        presets.map(|(name, base)| said((name, base))).min_by_key(String::len).unwrap_or_default()
    }

    /// Trains on two processor cores in an hour and answers in tens of milliseconds.
    pub fn small() -> Self {
        Self {
            bounds_m: [-0.3, -0.5, 0.6, 0.7, 0.5, 1.6],
            image_px: 96,
            zoom: 4.0,
            fovea: 1.0,
            patch_px: 16,
            pixel_path: true,
            pixel_dim: 64,
            feature_dim: 128,
            dim: 128,
            heads: 4,
            depth_view: 2,
            depth_joint: 2,
            attention_bias: true,
            feed_forward: FeedForward::Gelu,
            dropout: 0.0,
            upsampling: Upsampling::Shuffle,
            head: Head::Compact,
            head_features: HeadFeatures::MaxLocal,
            rotation: RotationForm::Bins,
            rotation_bins: 72,
            text_dim: 384,
            text_len: 24,
            proprio_dim: 12,
            markers: true,
            dynamic: Dynamic::Off,
            gaze_dim: 256,
            plane_z_m: 0.75,
        }
    }

    /// The published shapes (RVT-2) with our inputs: markers, twelve numbers of proprioception, MiniLM's words,
    /// no time step. Layer instead of batch normalisation in the heads.
    pub fn full() -> Self {
        Self {
            image_px: 224,
            patch_px: 14,
            pixel_path: false,
            dim: 512,
            heads: 8,
            depth_view: 4,
            depth_joint: 4,
            attention_bias: false,
            feed_forward: FeedForward::Geglu,
            dropout: 0.1,
            upsampling: Upsampling::Convex,
            head: Head::Deep,
            text_len: 32,
            gaze_dim: 1536,
            ..Self::small()
        }
    }

    /// RVT-2 as published: ten channels, four numbers of proprioception (one is time), 77 words of CLIP. It can be built
    /// and counted; this program does not make its inputs.
    pub fn paper() -> Self {
        Self { head: Head::DeepBatchNorm, text_dim: 512, text_len: 77, proprio_dim: 4, markers: false, ..Self::full() }
    }
}

impl Default for PolicyConfig {
    /// The `small` preset.
    fn default() -> Self {
        Self::small()
    }
}

impl Serialize for PolicyConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        // The derived form, see `serde(remote = "Self")` on the struct.
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for PolicyConfig {
    /// Keys that are not given come from `preset`, which is `small` unless named.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let mut given = Map::deserialize(deserializer)?;
        let base = match given.remove("preset") {
            None => Self::small(),
            Some(Value::String(name)) => Self::preset(&name).map_err(D::Error::custom)?,
            Some(other) => return Err(D::Error::custom(format!("preset: {other}, expected a name"))),
        };
        let mut all = match Self::serialize(&base, serde_json::value::Serializer).map_err(D::Error::custom)? {
            Value::Object(all) => all,
            other => return Err(D::Error::custom(format!("a configuration became {other}"))),
        };
        all.append(&mut given);
        Self::deserialize(Value::Object(all)).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_valid_and_others_are_refused_by_name() {
        for name in PRESETS {
            PolicyConfig::preset(name).unwrap().validate().unwrap();
        }
        assert_eq!(PolicyConfig::preset("small").unwrap(), PolicyConfig::default());
        let text = PolicyConfig::preset("large").unwrap_err().to_string();
        assert_eq!(text, "policy configuration: preset = \"large\", allowed: small, full, paper");
    }

    #[test]
    fn a_file_names_a_preset_and_what_differs_from_it() {
        let read = |text: &str| serde_json::from_str::<PolicyConfig>(text);
        assert_eq!(read("{}").unwrap(), PolicyConfig::small());
        let config = read(r#"{"preset": "full", "dynamic": "gaze", "zoom": 3.0}"#).unwrap();
        assert_eq!(config, PolicyConfig { dynamic: Dynamic::Gaze, zoom: 3.0, ..PolicyConfig::full() });
        for (text, part) in [
            (r#"{"preset": "huge"}"#, "allowed: small, full, paper"),
            (r#"{"preset": 3}"#, "expected a name"),
            (r#"{"dims": 3}"#, "unknown field `dims`"),
            (r#"{"rotation": "quaternion"}"#, "expected `bins` or `six_d`"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_configuration_is_said_with_the_fewest_keys_and_read_again() {
        let foveated = PolicyConfig { fovea: 0.6, ..PolicyConfig::small() };
        assert_eq!(foveated.in_words(), "{preset: small, fovea: 0.6}");
        let gazing = PolicyConfig { dynamic: Dynamic::Gaze, ..PolicyConfig::full() };
        assert_eq!(gazing.in_words(), r#"{preset: full, dynamic: "gaze"}"#);
        assert_eq!(PolicyConfig::paper().in_words(), "{preset: paper}");
    }

    #[test]
    fn every_preset_survives_a_checkpoint_header() {
        for name in PRESETS {
            let config = PolicyConfig::preset(name).unwrap();
            let text = serde_json::to_string(&config).unwrap();
            assert!(!text.contains("preset"), "{text}");
            assert_eq!(serde_json::from_str::<PolicyConfig>(&text).unwrap(), config);
        }
    }

    #[test]
    fn headers_written_before_there_were_presets_still_mean_small() {
        let old = r#"{"bounds_m":[-0.3,-0.5,0.6,0.7,0.5,1.6],"image_px":96,"zoom":4.0,"pixel_dim":64,"dim":128,"heads":4,
            "depth_view":2,"depth_joint":2,"text_dim":384,"text_len":24,"rotation_bins":72,"plane_z_m":0.75}"#;
        assert_eq!(serde_json::from_str::<PolicyConfig>(old).unwrap(), PolicyConfig::small());
    }
}
