//! Bounded queue whose producer never waits. When it is full the value offered (the newest) is dropped and counted,
//! so what the consumer reads is a gap-free run followed by a gap: right for recordings. For commands, where only
//! the newest matters, use a [`crate::mailbox()`]; for display, [`RingSender::push_newest`] drops the oldest instead.

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;

use crate::Counter;

#[derive(Debug)]
struct Shared<T> {
    queue: ArrayQueue<T>,
    dropped: Counter,
    sent: Counter,
}

/// Producing end of a [`ring`]. Cloneable: several producers may share it.
#[derive(Debug)]
pub struct RingSender<T> {
    shared: Arc<Shared<T>>,
}

/// Consuming end of a [`ring`].
#[derive(Debug)]
pub struct RingReceiver<T> {
    shared: Arc<Shared<T>>,
}

/// A queue of at most `capacity` values (at least one). Allocates here, never afterwards.
pub fn ring<T: Send>(capacity: usize) -> (RingSender<T>, RingReceiver<T>) {
    let shared = Arc::new(Shared {
        queue: ArrayQueue::new(capacity.max(1)),
        dropped: Counter::default(),
        sent: Counter::default(),
    });
    (RingSender { shared: shared.clone() }, RingReceiver { shared })
}

impl<T> Clone for RingSender<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T: Send> RingSender<T> {
    /// Appends the value; if the ring is full the value is dropped and counted. True if it went in. Lock-free.
    pub fn push(&self, value: T) -> bool {
        self.shared.sent.increment();
        let went_in = self.shared.queue.push(value).is_ok();
        if !went_in {
            self.shared.dropped.increment();
        }
        went_in
    }

    /// Appends the value; if the ring is full the oldest one is dropped and counted. True if nothing was lost.
    pub fn push_newest(&self, value: T) -> bool {
        self.shared.sent.increment();
        let lost = self.shared.queue.force_push(value).is_some();
        if lost {
            self.shared.dropped.increment();
        }
        !lost
    }

    /// Values lost so far, over all producers.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.get()
    }

    /// Values offered so far, over all producers: received + waiting + dropped.
    pub fn sent(&self) -> u64 {
        self.shared.sent.get()
    }
}

impl<T: Send> RingReceiver<T> {
    /// The oldest value waiting. Lock-free.
    pub fn pop(&self) -> Option<T> {
        self.shared.queue.pop()
    }

    /// Values waiting.
    pub fn len(&self) -> usize {
        self.shared.queue.len()
    }

    /// True if nothing is waiting.
    pub fn is_empty(&self) -> bool {
        self.shared.queue.is_empty()
    }

    /// Values lost so far.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_ring_drops_the_newest_and_counts_it() {
        let (sender, receiver) = ring(2);
        assert!(sender.push(1) && sender.push(2));
        assert!(!sender.push(3));
        assert_eq!((sender.dropped(), sender.sent()), (1, 3));
        assert_eq!((receiver.pop(), receiver.pop(), receiver.pop()), (Some(1), Some(2), None));
    }

    #[test]
    fn push_newest_drops_the_oldest_and_counts_it() {
        let (sender, receiver) = ring(2);
        assert!(sender.push_newest(1) && sender.push_newest(2));
        assert!(!sender.push_newest(3));
        assert_eq!(receiver.dropped(), 1);
        assert_eq!((receiver.pop(), receiver.pop()), (Some(2), Some(3)));
    }

    #[test]
    fn across_threads_sent_equals_received_plus_dropped_in_order() {
        const EACH: u64 = if cfg!(miri) { 200 } else { 50_000 };
        let (sender, receiver) = ring::<u64>(64);
        let producers: Vec<_> = (0..2)
            .map(|id| {
                let sender = sender.clone();
                std::thread::spawn(move || {
                    for n in 0..EACH {
                        sender.push(n * 2 + id);
                    }
                })
            })
            .collect();
        let (mut received, mut newest) = (0_u64, [None; 2]);
        loop {
            let finished = producers.iter().all(|p| p.is_finished());
            while let Some(value) = receiver.pop() {
                let previous = &mut newest[(value % 2) as usize];
                assert!(previous.is_none_or(|p| value > p), "{value} after {previous:?}");
                *previous = Some(value);
                received += 1;
            }
            if finished && receiver.is_empty() {
                break;
            }
        }
        producers.into_iter().for_each(|p| p.join().unwrap());
        assert_eq!(sender.sent(), 2 * EACH);
        assert_eq!(received + sender.dropped(), 2 * EACH);
    }
}
