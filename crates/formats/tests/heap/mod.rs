//! What hostile files have in common: how they are made, and the largest allocation that they cause.

#![allow(dead_code)]

#[path = "../../../episode/tests/largest/mod.rs"]
mod largest;

pub use largest::largest;
use rand::Rng;
use rand_pcg::Pcg64;

pub fn cases() -> usize {
    std::env::var("NEURAXIS_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000)
}

/// A few bytes changed, a length made huge, a piece cut out, or the end cut off.
pub fn mutated(whole: &[u8], rng: &mut Pcg64) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..10) {
            0..5 => bytes[at] = rng.random(),
            5 => bytes[at] ^= 1 << rng.random_range(0..8),
            6..8 => {
                let value = [0u32, 1, u32::MAX, i32::MAX as u32, 1 << 30, 0xffff][rng.random_range(0..6)];
                bytes.iter_mut().skip(at).zip(value.to_le_bytes()).for_each(|(byte, new)| *byte = new);
            }
            8 => {
                let end = (at + rng.random_range(1..64)).min(bytes.len());
                bytes.drain(at..end);
            }
            _ => bytes.truncate(at),
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}
