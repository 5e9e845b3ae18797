//! What the model is told beside the sentence and the scene.

use super::chat::Image;

/// Most entries of memory: episodes, facts.
pub(super) const MOST_EPISODES: usize = 3;
pub(super) const MOST_LEARNED: usize = 5;
/// Most characters of an entry.
pub(super) const MOST_ENTRY: usize = 2000;
/// Most images of a request.
pub(super) const MOST_IMAGES: usize = 6;

/// Belongs to one request: it is used up by it. What is more than the contract allows is left out, the last first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    /// What the robot is like and how it is: limits, fingers, what is held.
    pub robot: Vec<String>,
    /// Overview first, then crops; at most 6.
    pub images: Vec<Image>,
    /// Earlier tasks of the kind: how they were done, how they went, what mended them; at most 3.
    pub episodes: Vec<String>,
    /// What was learned about such things; at most 5.
    pub learned: Vec<String>,
    /// On a new plan: what was done so far, the leaf that failed, its monitor with score and threshold, the last facts that
    /// changed.
    pub failure: Vec<String>,
    /// Repairs that were tried and must not be tried again.
    pub tried: Vec<String>,
}
