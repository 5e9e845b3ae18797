//! `policy.device: cpu | cuda:N | auto`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use tch::{Cuda, Device};

use crate::Error;

/// Where the networks run.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceChoice {
    /// The processor.
    Cpu,
    /// A CUDA device by index; an error where there is none.
    Cuda(usize),
    /// A CUDA device if there is one, else the processor. The choice is printed.
    Auto,
}

impl FromStr for DeviceChoice {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error::Device { asked: text.into(), reason: "allowed: cpu, cuda, cuda:N, auto".into() };
        match text {
            "cpu" => Ok(Self::Cpu),
            "auto" => Ok(Self::Auto),
            "cuda" => Ok(Self::Cuda(0)),
            _ => {
                let index = text.strip_prefix("cuda:").ok_or_else(refuse)?;
                index.parse().map(Self::Cuda).map_err(|_| refuse())
            }
        }
    }
}

impl TryFrom<String> for DeviceChoice {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<DeviceChoice> for String {
    fn from(choice: DeviceChoice) -> Self {
        choice.to_string()
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => write!(f, "cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Auto => write!(f, "auto"),
        }
    }
}

impl DeviceChoice {
    /// The torch device, or why it cannot be had.
    pub fn resolve(self) -> Result<Device, Error> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Auto if Cuda::is_available() => Ok(Device::Cuda(0)),
            Self::Auto => Ok(Device::Cpu),
            Self::Cuda(index) if Cuda::is_available() && (index as i64) < Cuda::device_count() => {
                Ok(Device::Cuda(index))
            }
            Self::Cuda(index) => Err(Error::Device {
                asked: format!("cuda:{index}"),
                reason: format!(
                    "this LibTorch sees {} CUDA devices; use cpu or auto, or set LIBTORCH to a CUDA build",
                    Cuda::device_count()
                ),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_refuses() {
        assert_eq!("cuda:3".parse::<DeviceChoice>().unwrap(), DeviceChoice::Cuda(3));
        assert_eq!("auto".parse::<DeviceChoice>().unwrap(), DeviceChoice::Auto);
        for bad in ["gpu", "cuda:", "cuda:-1", "CPU"] {
            assert!(bad.parse::<DeviceChoice>().is_err(), "{bad}");
        }
    }

    #[test]
    fn cuda_without_a_device_is_an_error() {
        if !Cuda::is_available() {
            let text = DeviceChoice::Cuda(0).resolve().unwrap_err().to_string();
            assert!(text.contains("0 CUDA devices"), "{text}");
        }
    }
}
