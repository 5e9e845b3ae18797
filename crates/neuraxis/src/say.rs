//! Lines for a person, who may have had enough of them (`neuraxis eval | head -1`): then nobody is told the rest, and the
//! work goes on, for whoever prints may look after an arm. `println!` would panic.

use std::{
    fmt::Arguments,
    io::{ErrorKind, Result, Write, stderr, stdout},
    sync::OnceLock,
};

use anyhow::bail;

/// Why standard output took something not, if for another reason than that nobody reads it: a full disk, say.
static LOST: OnceLock<String> = OnceLock::new();

/// A line on standard output, as `println!`.
macro_rules! say {
    () => { $crate::say::out(format_args!("\n")) };
    ($($text:tt)*) => { $crate::say::out(format_args!("{}\n", format_args!($($text)*))) };
}

/// A text on standard output, as `print!`.
macro_rules! put {
    ($($text:tt)*) => { $crate::say::out(format_args!($($text)*)) };
}

/// A line on standard error, as `eprintln!`.
macro_rules! say_err {
    ($($text:tt)*) => { $crate::say::err(format_args!("{}\n", format_args!($($text)*))) };
}

/// Writes; what cannot be written is told by [`end`]. What a test says the harness keeps: it hears `print!` alone.
#[allow(clippy::print_stdout)]
pub fn out(text: Arguments<'_>) {
    if cfg!(test) {
        print!("{text}");
    } else {
        heard(stdout().lock().write_fmt(text));
    }
}

/// Writes, if it can: there is no third place to tell it.
#[allow(clippy::print_stderr)]
pub fn err(text: Arguments<'_>) {
    if cfg!(test) {
        eprint!("{text}");
    } else {
        let _ = stderr().lock().write_fmt(text);
    }
}

/// An error if something that was to be read got lost.
pub fn end() -> anyhow::Result<()> {
    heard(stdout().lock().flush());
    match LOST.get() {
        Some(why) => bail!("standard output: {why}"),
        None => Ok(()),
    }
}

fn heard(written: Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        LOST.get_or_init(|| error.to_string());
    }
}
