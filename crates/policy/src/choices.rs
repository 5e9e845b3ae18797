//! What a [`PolicyConfig`](crate::PolicyConfig) chooses by name. Each variant is written in snake case.

use serde::{Deserialize, Serialize};

/// The map after each attention.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedForward {
    /// Two linear maps with a GELU between them.
    Gelu,
    /// A linear map gated by another (RVT-2).
    Geglu,
}

/// From the finest features to a heatmap of full resolution.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upsampling {
    /// A convolution whose channels are the sub-pixels.
    Shuffle,
    /// Each sub-pixel is a learned convex combination of the 3 x 3 coarse pixels around it (RAFT, RVT-2).
    Convex,
}

/// The maps from features at the way-point to rotation, gripper and collision flag.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// Two layers that also see the proprioception; known angles are appended as harmonics.
    Compact,
    /// Three layers of RVT-2; known angles are added as sinusoids; features of the rotation are layer-normalised, which,
    /// unlike RVT-2's batch statistics, depends neither on the batch nor on how it is split.
    Deep,
    /// As `deep` with the batch normalisation of RVT-2. Learns from two samples or more at a time.
    DeepBatchNorm,
}

/// What of each view's features F_j and heatmap H_j the heads see. phi: sum of F_j weighted by H_j; psi: maximum of F_j;
/// local: F_j at the way-point's projection. In the dynamic view, into which no way-point is projected, phi is the local one.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadFeatures {
    /// psi and local (RVT-2).
    MaxLocal,
    /// phi and psi (the paper).
    Weighted,
    /// phi, psi and local.
    WeightedLocal,
}

/// How the fine stage says an orientation.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RotationForm {
    /// Three binned angles, each told to the next head.
    Bins,
    /// Two columns of the rotation matrix before they are made orthonormal (Zhou et al. 2019).
    SixD,
}

/// The dynamic stream: an arm of the ablation each.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dynamic {
    /// Three static views only.
    Off,
    /// A fourth rendered view, its heatmap learned like the others but without a vote on the point.
    WristView,
    /// A fourth rendered view whose heatmap is given: a Gaussian at the tool by forward kinematics.
    FkHeatmap,
    /// Features and heatmap of the gaze network.
    Gaze,
}

impl Dynamic {
    /// Is there a fourth rendered view?
    pub fn has_view(self) -> bool {
        matches!(self, Self::WristView | Self::FkHeatmap)
    }

    /// As written in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::WristView => "wrist_view",
            Self::FkHeatmap => "fk_heatmap",
            Self::Gaze => "gaze",
        }
    }
}
