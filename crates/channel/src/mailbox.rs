//! Latest-value mailbox: one writer, one reader, the newest wins. Both ends are wait-free (triple buffer).

use triple_buffer::{Input, Output, triple_buffer};

/// Writing end of a [`mailbox`].
#[derive(Debug)]
pub struct MailboxWriter<T: Copy + Send> {
    input: Input<T>,
    overwritten: u64,
}

/// Reading end of a [`mailbox`].
#[derive(Debug)]
pub struct MailboxReader<T: Copy + Send> {
    output: Output<T>,
}

/// A mailbox that holds `initial` until the first write. For several readers, use one mailbox per reader.
///
/// Allocates here, never afterwards.
pub fn mailbox<T: Copy + Send>(initial: T) -> (MailboxWriter<T>, MailboxReader<T>) {
    let (input, output) = triple_buffer(&initial);
    (MailboxWriter { input, overwritten: 0 }, MailboxReader { output })
}

impl<T: Copy + Send> MailboxWriter<T> {
    /// Replaces the value. Wait-free.
    pub fn write(&mut self, value: T) {
        *self.input.input_buffer_mut() = value;
        if self.input.publish() {
            self.overwritten += 1;
        }
    }

    /// Values that were replaced before the reader saw them.
    pub fn overwritten(&self) -> u64 {
        self.overwritten
    }
}

impl<T: Copy + Send> MailboxReader<T> {
    /// The newest value, seen before or not. Wait-free.
    pub fn latest(&mut self) -> T {
        *self.output.read()
    }

    /// The newest value if it was not read yet. Wait-free.
    pub fn fresh(&mut self) -> Option<T> {
        self.output.update().then(|| *self.output.output_buffer())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU64, Ordering},
        time::Duration,
    };

    use super::*;

    #[test]
    fn the_newest_value_wins_and_is_fresh_once() {
        let (mut writer, mut reader) = mailbox(0_u32);
        assert_eq!(reader.fresh(), None);
        assert_eq!(reader.latest(), 0);
        writer.write(1);
        writer.write(2);
        assert_eq!(writer.overwritten(), 1);
        assert_eq!(reader.fresh(), Some(2));
        assert_eq!(reader.fresh(), None);
        assert_eq!(reader.latest(), 2);
    }

    #[test]
    fn across_threads_values_are_whole_never_go_back_and_the_last_one_arrives() {
        const LAST: u64 = if cfg!(miri) { 300 } else { 200_000 };
        // Every word of a message repeats its number: a torn read would mix two numbers.
        let (mut writer, mut reader) = mailbox([0_u64; 32]);
        let producer = std::thread::spawn(move || {
            for number in 1..=LAST {
                writer.write([number; 32]);
            }
        });
        let mut previous = 0;
        while previous < LAST {
            let message = reader.latest();
            assert!(message.iter().all(|&word| word == message[0]), "torn message {message:?}");
            assert!(message[0] >= previous, "{} after {previous}", message[0]);
            previous = message[0];
            std::hint::spin_loop();
        }
        producer.join().unwrap();
        assert_eq!(reader.fresh(), None);
    }

    #[test]
    fn under_a_10_khz_writer_a_read_never_misses_what_was_written_before_it() {
        const WRITES: u64 = if cfg!(miri) { 50 } else { 5_000 };
        let (mut writer, mut reader) = mailbox([0_u64; 24]);
        let written = AtomicU64::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 1..=WRITES {
                    writer.write([number; 24]);
                    written.store(number, Ordering::Release);
                    std::thread::sleep(Duration::from_micros(100));
                }
            });
            // A loop at 1 kHz sleeps through ten writes and still sees the newest.
            while written.load(Ordering::Acquire) < WRITES {
                let before = written.load(Ordering::Acquire);
                let seen = reader.latest()[0];
                assert!(seen >= before, "read {seen} after {before} was written");
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        assert_eq!(reader.latest()[0], WRITES);
        let all = writer.overwritten();
        assert!(all > 0, "nothing was overwritten: the writer was not faster than the reader");
    }
}
