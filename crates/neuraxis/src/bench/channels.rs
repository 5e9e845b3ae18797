//! Mailbox and ring with a command's 192 bytes, on one thread and from one thread to another, beside crate rtrb.

use std::{
    hint::black_box,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use anyhow::{Result, anyhow};
use neuraxis_brainstem::MonotonicClock;
use neuraxis_channel::{mailbox, ring};
use neuraxis_core::{Clock, Nanos};

use super::Measured;

type Message = [u64; 24];

/// Batches of a hundred calls.
const SAMPLES: u32 = 20_000;
/// Messages sent from thread to thread, fewer where they take longer than `LONGEST`.
const SENT: usize = 200_000;
/// A busy machine shall not spin for minutes.
const LONGEST: Nanos = Nanos::from_millis(5_000);
/// Time between two of them.
const APART: Nanos = Nanos(3_000);

/// All rows.
pub fn channels() -> Result<Vec<Measured>> {
    let mut rows = same_thread();
    rows.extend(across_threads()?);
    Ok(rows)
}

fn same_thread() -> Vec<Measured> {
    let (mut writer, mut reader) = mailbox::<Message>([0; 24]);
    let clean = Measured::calls("mailbox.read.clean", SAMPLES, || {
        black_box(black_box(&mut reader).fresh());
    });
    let mut number = 0;
    let dirty = Measured::calls("mailbox.write+read", SAMPLES, || {
        number += 1;
        writer.write(black_box([number; 24]));
        black_box(reader.fresh());
    });
    let (sender, receiver) = ring::<Message>(1024);
    let ours = Measured::calls("ring.push+pop", SAMPLES, || {
        number += 1;
        sender.push(black_box([number; 24]));
        black_box(receiver.pop());
    });
    let (mut producer, mut consumer) = rtrb::RingBuffer::<Message>::new(1024);
    let theirs = Measured::calls("rtrb push+pop", SAMPLES, || {
        number += 1;
        let _ = producer.push(black_box([number; 24]));
        let _ = black_box(consumer.pop());
    });
    vec![clean.target("2 ns"), dirty.target("25 ns"), ours.beside(theirs).target("40 ns")]
}

/// One-way latency, two readings of the clock included. Both threads spin: on a machine with fewer than two free cores
/// the tail is the scheduler's.
fn across_threads() -> Result<Vec<Measured>> {
    say!("one_way: both threads spin; where fewer than two cores are free the figures are the scheduler's");
    let (mut writer, mut reader) = mailbox::<Message>([0; 24]);
    let mailbox = one_way("mailbox.one_way", |message| writer.write(message), || reader.fresh())?;
    let (sender, receiver) = ring::<Message>(1024);
    let send = |message| {
        sender.push(message);
    };
    let ring = one_way("ring.one_way", send, || receiver.pop())?;
    let (mut producer, mut consumer) = rtrb::RingBuffer::<Message>::new(1024);
    let send = |message| {
        let _ = producer.push(message);
    };
    let theirs = one_way("rtrb", send, || consumer.pop().ok())?;
    let clock = Measured::calls("clock.read", 2_000, || {
        black_box(MonotonicClock.now());
    });
    Ok(vec![mailbox.beside(theirs.clone()), ring.beside(theirs).target("p99 110 ns"), clock])
}

/// The first word of a message is the time at which it was sent. The next one waits until it has been taken: a reader
/// that the scheduler holds back makes one late message, not a thousand.
fn one_way(
    name: &str,
    mut send: impl FnMut(Message) + Send,
    mut take: impl FnMut() -> Option<Message>,
) -> Result<Measured> {
    let (taken, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let end = MonotonicClock.now() + LONGEST;
    let mut nanos = Vec::with_capacity(SENT);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            for number in 0..SENT {
                let next = MonotonicClock.now() + APART;
                // Acquire: pairs with the Release where it is stored.
                while MonotonicClock.now() < next || taken.load(Ordering::Acquire) < number {
                    std::hint::spin_loop();
                }
                if next > end {
                    break;
                }
                send([MonotonicClock.now().0; 24]);
            }
            // Release: pairs with the Acquire below, so that the last message is seen before the end.
            over.store(true, Ordering::Release);
        });
        loop {
            let ended = over.load(Ordering::Acquire);
            match take() {
                Some(message) => {
                    nanos.push((MonotonicClock.now() - Nanos(message[0])).0 as f64);
                    taken.store(nanos.len(), Ordering::Release);
                }
                None if ended => break,
                None => std::hint::spin_loop(),
            }
        }
        sender.join().map_err(|_| anyhow!("the sending thread panicked"))
    })?;
    Ok(Measured::samples(name, "ns", &nanos))
}
