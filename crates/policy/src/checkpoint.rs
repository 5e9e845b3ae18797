//! One self-describing file: weights as safetensors, and in its header everything needed to use them.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    fs,
    io::Write,
    path::Path,
};

use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tch::{Device, Kind, Tensor};

use crate::{Error, PolicyConfig, Result, gaze, recipe::Recipe};

/// First part of the names of an embedded gaze network's tensors.
pub const GAZE: &str = "gaze_net.";

/// How observations become the numbers that networks see: markers, colours, normalisation, virtual cameras. Who changes one
/// of them in code counts on here: weights that have seen it otherwise are refused. Files from before this have the first.
const INPUTS: u32 = 1;

/// What a file of weights says of itself.
pub trait Description: Serialize + DeserializeOwned {
    /// Header key under which it is kept as JSON.
    const KEY: &'static str;
    /// What the weights are of, for the error of a file that is of something else.
    const OF: &'static str;

    /// Refuses shapes that cannot be built.
    fn check(&self) -> Result<()>;

    /// Does a network of another kind lie in the same file, under this first part of names?
    fn embeds(&self) -> Option<&'static str> {
        None
    }
}

/// What weights are and where they come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Shape of the network.
    pub config: PolicyConfig,
    /// Text encoder whose features it was trained on.
    pub text_encoder: String,
    /// Robot the demonstrations were made with.
    pub embodiment: String,
    /// Cameras in the observations.
    pub cameras: Vec<String>,
    /// Command that made it.
    pub command: String,
    /// Repository commit at that time.
    pub commit: String,
    /// Seed.
    pub seed: u64,
    /// Optimiser steps taken.
    pub steps: u64,
    /// Seconds of training so far.
    pub train_secs: f64,
    /// Data sets it was trained on.
    pub data: String,
    /// Licence of the weights.
    pub licence: String,
    /// What it was told; none in files from before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Recipe>,
    /// The gaze network that lies in the same file, under [`GAZE`], where `config.dynamic` is `gaze`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gaze: Option<gaze::checkpoint::About>,
}

impl Description for About {
    const KEY: &'static str = "neuraxis_policy";
    const OF: &'static str = "this policy (see Checkpoint::import)";

    fn check(&self) -> Result<()> {
        self.config.validate()?;
        self.gaze.as_ref().map_or(Ok(()), Description::check)
    }

    fn embeds(&self) -> Option<&'static str> {
        self.gaze.is_some().then_some(GAZE)
    }
}

/// The header's JSON.
#[derive(Serialize)]
struct Header<'a, A> {
    inputs: u32,
    #[serde(flatten)]
    about: &'a A,
}

/// The part of the header that is read first.
#[derive(Deserialize)]
struct Inputs {
    #[serde(default = "first_inputs")]
    inputs: u32,
}

fn first_inputs() -> u32 {
    1
}

/// Weights of the policy.
pub type Checkpoint = Described<About>;

/// Named f32 tensors and their description.
#[derive(Debug)]
pub struct Described<A> {
    /// Description.
    pub about: A,
    /// Tensors by name.
    pub tensors: HashMap<String, Tensor>,
    /// FNV-1a of the file's bytes: the `policy hash` of reports.
    pub hash: u64,
}

impl<A: Description> Described<A> {
    /// Writes atomically: a kill or a loss of power leaves the old file or the new one.
    pub fn write(path: &Path, about: &A, tensors: &[(String, Tensor)]) -> Result<()> {
        let views =
            tensors.iter().map(|(name, tensor)| Ok((name.clone(), Blob::new(tensor)?))).collect::<Result<Vec<_>>>()?;
        let json = serde_json::to_string(&Header { inputs: INPUTS, about }).map_err(|e| refuse(path, e.to_string()))?;
        let header = HashMap::from([(A::KEY.to_string(), json)]);
        let bytes = safetensors::serialize(views, Some(header)).map_err(|e| refuse(path, e.to_string()))?;
        let partial = path.with_extension("partial");
        let write = || -> std::io::Result<()> {
            let mut file = fs::File::create(&partial)?;
            file.write_all(&bytes)?;
            file.sync_all()
        };
        write().map_err(Error::io(&partial))?;
        fs::rename(&partial, path).map_err(Error::io(path))
    }

    /// Reads and checks the description; names and shapes are checked when the weights are put to use.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(Error::io(path))?;
        let (_, header) =
            SafeTensors::read_metadata(&bytes).map_err(|e| refuse(path, format!("not a safetensors file: {e}")))?;
        let json = header
            .metadata()
            .as_ref()
            .and_then(|m| m.get(A::KEY))
            .ok_or_else(|| refuse(path, format!("its header has no `{}`: not weights of {}", A::KEY, A::OF)))?;
        let bad_header = |e: serde_json::Error| refuse(path, format!("header `{}`: {e}", A::KEY));
        let Inputs { inputs } = serde_json::from_str(json).map_err(bad_header)?;
        if inputs != INPUTS {
            let reason = format!("its networks see inputs of kind {inputs}, this program makes kind {INPUTS}");
            return Err(refuse(path, reason));
        }
        let about: A = serde_json::from_str(json).map_err(bad_header)?;
        Self::from_bytes(path, &bytes, about)
    }

    /// Reads tensors that somebody else made, whose description the caller knows. Their names must be ours.
    pub fn import(path: &Path, about: A) -> Result<Self> {
        let bytes = fs::read(path).map_err(Error::io(path))?;
        Self::from_bytes(path, &bytes, about)
    }

    fn from_bytes(path: &Path, bytes: &[u8], about: A) -> Result<Self> {
        about.check()?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| refuse(path, format!("not a safetensors file: {e}")))?;
        let mut tensors = HashMap::new();
        for (name, view) in file.tensors() {
            if view.dtype() != Dtype::F32 {
                return Err(refuse(path, format!("tensor {name} is {:?}, expected F32", view.dtype())));
            }
            let values: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            if let Some(bad) = values.iter().position(|x| !x.is_finite()) {
                return Err(refuse(path, format!("tensor {name} holds a non-finite number at {bad}")));
            }
            let shape: Vec<i64> = view.shape().iter().map(|&n| n as i64).collect();
            tensors.insert(name.to_string(), Tensor::f_from_slice(&values)?.f_view(&shape[..])?);
        }
        Ok(Self { about, tensors, hash: fnv1a(bytes) })
    }

    /// Copies weights into the parameters of a network. Nothing is copied unless names and shapes match exactly, an
    /// embedded network left aside; the error counts all that do not and names the first of them.
    pub fn load_into(&self, path: &Path, parameters: &[(String, Tensor)]) -> Result<()> {
        self.load_part_into(path, "", parameters)
    }

    /// [`Described::load_into`] of those tensors whose names begin with `prefix`, where a file holds others too.
    pub fn load_part_into(&self, path: &Path, prefix: &str, parameters: &[(String, Tensor)]) -> Result<()> {
        let mut wrong = Vec::new();
        let mut found = Vec::with_capacity(parameters.len());
        let mut wanted = HashSet::new();
        for (name, parameter) in parameters {
            let name = format!("{prefix}{name}");
            match self.tensors.get(&name) {
                None => wrong.push(format!("{name} is missing")),
                Some(tensor) if tensor.size() != parameter.size() => {
                    wrong.push(format!("{name} is {:?}, expected {:?}", tensor.size(), parameter.size()));
                }
                Some(tensor) => found.push((parameter, tensor)),
            }
            wanted.insert(name);
        }
        // All names begin with an empty prefix, those of an embedded network too.
        let embedded = self.about.embeds().filter(|_| prefix.is_empty());
        let of_this = |name: &str| name.starts_with(prefix) && !embedded.is_some_and(|other| name.starts_with(other));
        let mut unused: Vec<&String> =
            self.tensors.keys().filter(|name| of_this(name) && !wanted.contains(*name)).collect();
        unused.sort_unstable();
        wrong.extend(unused.into_iter().map(|name| format!("{name} is not used by this network")));
        if !wrong.is_empty() {
            return Err(refuse(path, misfits(&wrong)));
        }
        let _guard = tch::no_grad_guard();
        for (parameter, tensor) in found {
            parameter.shallow_clone().f_copy_(tensor)?;
        }
        Ok(())
    }

    /// One tensor by name.
    pub fn find(&self, path: &Path, name: &str) -> Result<Tensor> {
        let tensor = self.tensors.get(name).ok_or_else(|| refuse(path, format!("tensor {name} is missing")))?;
        Ok(tensor.shallow_clone())
    }
}

/// A short stable hash, for reports and determinism checks.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

/// Tensors named in an error.
const NAMED: usize = 8;

fn misfits(wrong: &[String]) -> String {
    let more = wrong.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{} tensors do not fit: {}{more}", wrong.len(), wrong[..wrong.len().min(NAMED)].join("; "))
}

fn refuse(path: &Path, reason: String) -> Error {
    Error::Checkpoint { path: path.into(), reason }
}

/// A tensor's bytes in the form that safetensors asks for.
struct Blob {
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Blob {
    fn new(tensor: &Tensor) -> Result<Self> {
        let flat = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?.f_view([-1])?;
        let values = Vec::<f32>::try_from(&flat)?;
        Ok(Self {
            shape: tensor.size().iter().map(|&n| n as usize).collect(),
            bytes: values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        })
    }
}

impl View for Blob {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        About {
            config: PolicyConfig::default(),
            text_encoder: "none".into(),
            embodiment: "fr3".into(),
            cameras: vec!["front".into()],
            command: "test".into(),
            commit: "none".into(),
            seed: 3,
            steps: 7,
            train_secs: 0.5,
            data: "none".into(),
            licence: "Apache-2.0".into(),
            recipe: None,
            gaze: None,
        }
    }

    #[test]
    fn sr27_weights_round_trip_and_wrong_ones_are_refused() {
        let dir = std::env::temp_dir().join(format!("neuraxis-checkpoint-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("w.safetensors");
        let weight = Tensor::from_slice(&[1.0f32, -2.0, 3.0, 4.5]).view([2, 2]);
        Checkpoint::write(&path, &about(), &[("a.weight".into(), weight.copy())]).unwrap();
        let read = Checkpoint::read(&path).unwrap();
        assert_eq!(read.about, about());
        let target = Tensor::zeros([2, 2], (Kind::Float, Device::Cpu));
        read.load_into(&path, &[("a.weight".into(), target.shallow_clone())]).unwrap();
        assert_eq!(target, weight);

        let other = Tensor::zeros([3, 2], (Kind::Float, Device::Cpu));
        let text = read.load_into(&path, &[("a.weight".into(), other)]).unwrap_err().to_string();
        assert!(text.contains("a.weight is [2, 2], expected [3, 2]"), "{text}");
        assert!(text.contains("1 tensors do not fit"), "{text}");
        let text = read.find(&path, "b").unwrap_err().to_string();
        assert!(text.contains("tensor b is missing"), "{text}");

        let bytes = fs::read(&path).unwrap();
        let key = br#"\"inputs\":1"#;
        let at = bytes.windows(key.len()).position(|window| window == key).unwrap();
        let mut otherwise = bytes.clone();
        otherwise[at + key.len() - 1] = b'2';
        fs::write(&path, otherwise).unwrap();
        let text = Checkpoint::read(&path).unwrap_err().to_string();
        assert!(text.contains("inputs of kind 2, this program makes kind 1"), "{text}");
        fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
        assert!(Checkpoint::read(&path).unwrap_err().to_string().contains("w.safetensors"));
        fs::write(&path, b"garbage").unwrap();
        assert!(Checkpoint::read(&path).unwrap_err().to_string().contains("not a safetensors file"));
        fs::remove_dir_all(&dir).unwrap();
    }

    fn zeros(shape: &[i64]) -> Tensor {
        Tensor::zeros(shape, (Kind::Float, Device::Cpu))
    }

    fn checkpoint(tensors: &[(&str, &[i64])]) -> Checkpoint {
        let tensors = tensors.iter().map(|(name, shape)| (name.to_string(), zeros(shape) + 1.0)).collect();
        Checkpoint { about: about(), tensors, hash: 0 }
    }

    #[test]
    fn everything_that_does_not_fit_is_counted_and_nothing_is_copied() {
        let found = checkpoint(&[("a", &[2]), ("b", &[3]), ("mean.a", &[2]), ("z", &[1])]);
        let wanted = [("a".into(), zeros(&[2])), ("b".into(), zeros(&[4])), ("c".into(), zeros(&[1]))];
        let path = Path::new("w.safetensors");
        let text = found.load_into(path, &wanted).unwrap_err().to_string();
        assert_eq!(
            text,
            "w.safetensors: 4 tensors do not fit: b is [3], expected [4]; c is missing; \
             mean.a is not used by this network; z is not used by this network"
        );
        assert_eq!(wanted[0].1, zeros(&[2]));
        let many: Vec<(String, Tensor)> = (0..30).map(|i| (format!("{i:02}"), zeros(&[1]))).collect();
        let text = found.load_part_into(path, "w", &many).unwrap_err().to_string();
        assert!(
            text.contains("30 tensors do not fit: w00 is missing") && text.ends_with("w07 is missing; and 22 more")
        );
        // A part of a file that holds more.
        found.load_part_into(path, "mean.", &[("a".into(), wanted[0].1.shallow_clone())]).unwrap();
        assert_eq!(wanted[0].1, zeros(&[2]) + 1.0);
    }

    #[test]
    fn an_embedded_network_is_left_aside_where_the_description_names_it() {
        let mut found = checkpoint(&[("a", &[2]), ("gaze_net.a", &[3])]);
        let (path, own, inner) = (Path::new("w.safetensors"), zeros(&[2]), zeros(&[3]));
        let text = found.load_into(path, &[("a".into(), own.shallow_clone())]).unwrap_err().to_string();
        assert!(text.contains("gaze_net.a is not used by this network"), "{text}");
        // A description without one, or without a recipe, is written as before there were any.
        let plain = serde_json::to_string(&found.about).unwrap();
        assert!(!plain.contains("\"gaze\"") && !plain.contains("\"recipe\""), "{plain}");
        found.about.gaze = Some(gaze::checkpoint::About {
            config: gaze::GazeConfig::small(),
            embodiment: "fr3".into(),
            command: "test".into(),
            commit: "none".into(),
            seed: 1,
            steps: 2,
            train_secs: 0.0,
            data: "none".into(),
            licence: "Apache-2.0".into(),
            recipe: None,
        });
        found.load_into(path, &[("a".into(), own.shallow_clone())]).unwrap();
        found.load_part_into(path, GAZE, &[("a".into(), inner.shallow_clone())]).unwrap();
        assert_eq!((own, inner), (zeros(&[2]) + 1.0, zeros(&[3]) + 1.0));
        let json = serde_json::to_string(&found.about).unwrap();
        assert_eq!(serde_json::from_str::<About>(&json).unwrap(), found.about);
    }

    #[test]
    fn foreign_tensors_are_imported_with_a_description_of_ours() {
        let dir = std::env::temp_dir().join(format!("neuraxis-import-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("foreign.safetensors");
        let views = [("a", Blob::new(&(zeros(&[2]) + 3.0)).unwrap())];
        fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        let text = Checkpoint::read(&path).unwrap_err().to_string();
        assert!(text.contains("no `neuraxis_policy`"), "{text}");
        let imported = Checkpoint::import(&path, about()).unwrap();
        let target = zeros(&[2]);
        imported.load_into(&path, &[("a".into(), target.shallow_clone())]).unwrap();
        assert_eq!(target, zeros(&[2]) + 3.0);
        fs::remove_dir_all(&dir).unwrap();
    }
}
