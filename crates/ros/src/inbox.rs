//! A subscription as a queue that is emptied between two spins.

use futures::{FutureExt, Stream, StreamExt};
use r2r::{Node, QosProfile, WrappedTypesupport};

use crate::RosError;

/// Messages that have come. r2r's own queue holds ten, and takes one in each spin.
pub(crate) struct Inbox<T>(Box<dyn Stream<Item = T> + Send + Unpin>);

/// Subscribes.
pub(crate) fn inbox<T: WrappedTypesupport + Send + 'static>(
    node: &mut Node,
    topic: &str,
    qos: QosProfile,
) -> Result<Inbox<T>, RosError> {
    let made = node.subscribe::<T>(topic, qos);
    let stream = made.map_err(|source| RosError::Make { what: format!("subscription {topic}"), source })?;
    Ok(Inbox(Box::new(stream)))
}

impl<T> Inbox<T> {
    /// What has come, oldest first.
    pub(crate) fn drain(&mut self) -> Vec<T> {
        let mut all = Vec::new();
        while let Some(Some(item)) = self.0.next().now_or_never() {
            all.push(item);
        }
        all
    }

    /// The newest of what has come, and how many were passed over.
    pub(crate) fn newest(&mut self) -> (Option<T>, usize) {
        let mut all = self.drain();
        let newest = all.pop();
        (newest, all.len())
    }
}
