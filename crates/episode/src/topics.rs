//! The topics of a recording, and the numbers of their messages: the same over all its files.

use std::{collections::BTreeMap, sync::Arc};

use crate::container::Channel;

/// Topics that have been written to.
#[derive(Default)]
pub(crate) struct Topics {
    /// Each with the number of its next message.
    known: BTreeMap<String, (Arc<Channel>, u32)>,
}

impl Topics {
    /// The topic's channel and the number of its next message, from 0 on; `describe` is asked once.
    pub(crate) fn next(&mut self, topic: &str, describe: impl FnOnce() -> Channel) -> (Arc<Channel>, u32) {
        if let Some((channel, next)) = self.known.get_mut(topic) {
            let number = *next;
            *next = next.wrapping_add(1);
            return (Arc::clone(channel), number);
        }
        let channel = Arc::new(describe());
        self.known.insert(topic.to_owned(), (Arc::clone(&channel), 1));
        (channel, 0)
    }
}
