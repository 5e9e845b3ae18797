//! A fixed number of heavy values (camera images) that travel by ownership and come back when dropped.

use std::{
    mem::ManuallyDrop,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use crossbeam::queue::ArrayQueue;

use crate::Counter;

#[derive(Debug)]
struct Shared<T> {
    free: ArrayQueue<Box<T>>,
    capacity: usize,
    refused: Counter,
}

/// A pool of pre-allocated values. Cloneable; all clones share the same slots.
#[derive(Debug)]
pub struct SlotPool<T> {
    shared: Arc<Shared<T>>,
}

/// One value on loan. Dropping it, on any thread, puts it back without freeing memory; it keeps its last contents.
#[derive(Debug)]
pub struct Slot<T> {
    value: ManuallyDrop<Box<T>>,
    shared: Arc<Shared<T>>,
}

impl<T: Send> SlotPool<T> {
    /// `capacity` values (at least one), made by `make`. Allocates here, never afterwards.
    pub fn new(capacity: usize, mut make: impl FnMut() -> T) -> Self {
        let capacity = capacity.max(1);
        let free = ArrayQueue::new(capacity);
        for _ in 0..capacity {
            // The queue has room for exactly these.
            let _ = free.push(Box::new(make()));
        }
        Self { shared: Arc::new(Shared { free, capacity, refused: Counter::default() }) }
    }

    /// A free slot with whatever it held before; `None`, counted, if all are on loan. Lock-free.
    pub fn take(&self) -> Option<Slot<T>> {
        match self.shared.free.pop() {
            Some(value) => Some(Slot { value: ManuallyDrop::new(value), shared: self.shared.clone() }),
            None => {
                self.shared.refused.increment();
                None
            }
        }
    }

    /// Slots in all.
    pub fn capacity(&self) -> usize {
        self.shared.capacity
    }

    /// Slots free at this moment.
    pub fn free(&self) -> usize {
        self.shared.free.len()
    }

    /// How often [`SlotPool::take`] found nothing.
    pub fn refused(&self) -> u64 {
        self.shared.refused.get()
    }
}

impl<T> Clone for SlotPool<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T> Deref for Slot<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Slot<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T> Drop for Slot<T> {
    fn drop(&mut self) {
        // SAFETY: `value` is taken nowhere else and never touched after this, since `drop` runs once and last.
        let value = unsafe { ManuallyDrop::take(&mut self.value) };
        // Never full: there are as many places as slots.
        let _ = self.shared.free.push(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_come_back_with_their_memory_and_exhaustion_is_counted() {
        let pool = SlotPool::new(2, || Vec::<u8>::with_capacity(64));
        let mut first = pool.take().unwrap();
        first.push(7);
        let address = first.as_ptr();
        let second = pool.take().unwrap();
        assert!(pool.take().is_none());
        assert_eq!((pool.refused(), pool.free()), (1, 0));
        drop(first);
        let again = pool.take().unwrap();
        assert_eq!((again.as_ptr(), again.as_slice()), (address, [7].as_slice()));
        drop((second, again));
        assert_eq!(pool.free(), pool.capacity());
    }

    #[test]
    fn slots_cross_threads_and_none_is_lost() {
        let pool = SlotPool::new(4, || 0_u64);
        let (sender, receiver) = crate::ring::<Slot<u64>>(4);
        let producer = {
            let pool = pool.clone();
            std::thread::spawn(move || {
                for number in 0..if cfg!(miri) { 200 } else { 50_000 } {
                    if let Some(mut slot) = pool.take() {
                        *slot = number;
                        sender.push(slot);
                    }
                }
            })
        };
        let mut newest = None;
        loop {
            let finished = producer.is_finished();
            while let Some(slot) = receiver.pop() {
                assert!(newest.is_none_or(|n| *slot > n));
                newest = Some(*slot);
            }
            if finished && receiver.is_empty() {
                break;
            }
        }
        producer.join().unwrap();
        assert_eq!(pool.free(), 4);
    }
}
