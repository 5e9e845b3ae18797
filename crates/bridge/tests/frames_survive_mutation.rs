//! Mutated frames are decoded or refused, and nothing else: no panic, no memory beyond what came.

use neuraxis_bridge::{Frame, FrameError, Limits, Reply, Request, conversions};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

const SEEDS: [&str; 2] = [include_str!("golden/step.hex"), include_str!("golden/obs.hex")];
/// Bytes and words with a meaning in a frame.
const WORDS: [&str; 12] = [
    "null",
    "1e999",
    "-1",
    "\"<f8\"",
    "\"|u1\"",
    "[[",
    "]]",
    "4294967296",
    "18446744073709551615",
    "NaN",
    "{",
    "\\u0000",
];

/// What the decoder made of a number of mutated frames.
#[derive(Debug, Default)]
struct Tally {
    refused: u64,
    frames: u64,
    messages: u64,
}

fn seed(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.trim().chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn mutate(bytes: &mut Vec<u8>, rng: &mut Pcg64) {
    for _ in 0..rng.random_range(1..=4) {
        let at = rng.random_range(0..bytes.len().max(1));
        match rng.random_range(0..6) {
            0 if !bytes.is_empty() => bytes[at] = rng.random(),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << rng.random_range(0..8),
            2 => bytes.truncate(at),
            3 => bytes.insert(at.min(bytes.len()), rng.random()),
            4 => {
                let word = WORDS[rng.random_range(0..WORDS.len())].bytes();
                let end = (at + word.len()).min(bytes.len());
                bytes.splice(at.min(bytes.len())..end, word);
            }
            _ if bytes.len() >= 8 => {
                // The lengths, often nearly right.
                let total = bytes.len() as u32 - 4;
                bytes[..4].copy_from_slice(&total.wrapping_add(rng.random_range(0..3)).wrapping_sub(1).to_le_bytes());
            }
            _ => {}
        }
    }
    // Half of them with a true total, so that mutations of the header get behind the first check.
    if rng.random_bool(0.5) && bytes.len() >= 4 {
        let total = bytes.len() as u32 - 4;
        bytes[..4].copy_from_slice(&total.to_le_bytes());
    }
}

fn run(cases: u64) -> Tally {
    let seeds = SEEDS.map(seed);
    let mut rng = Pcg64::seed_from_u64(0xb71d6e);
    let mut tally = Tally::default();
    for case in 0..cases {
        let mut bytes = seeds[case as usize % seeds.len()].clone();
        mutate(&mut bytes, &mut rng);
        let frame = match Frame::decode(&bytes, &Limits::REPLY) {
            Ok(frame) => frame,
            Err(error) => {
                let _: FrameError = error;
                tally.refused += 1;
                continue;
            }
        };
        tally.frames += 1;
        let held: usize = frame.arrays.iter().map(|array| array.bytes().len()).sum();
        assert!(held <= bytes.len());
        let again = frame.encode(&Limits::REPLY).unwrap();
        assert_eq!(Frame::decode(&again, &Limits::REPLY).unwrap(), frame, "case {case}");
        if Request::from_frame(&frame).is_ok() {
            tally.messages += 1;
        }
        if let Ok(reply) = Reply::from_frame(frame) {
            tally.messages += 1;
            // What is believed can be sent again, and its cameras are looked at without harm.
            reply.to_frame().unwrap();
            if let Reply::Obs(view) = reply {
                view.cameras.into_iter().for_each(|camera| drop(conversions::camera_view(camera)));
                let _ = conversions::world_from_tool(&view.gripper_pose);
                let _ = conversions::q_from_rlbench(&view.joint_positions);
            }
        }
    }
    tally
}

/// All three ends are reached, or the mutations are too weak or too strong to prove anything.
fn check(tally: &Tally, cases: u64) {
    println!("{cases} mutated frames: {tally:?}");
    assert_eq!(tally.refused + tally.frames, cases);
    assert!(tally.refused > cases / 3 && tally.frames > cases / 50 && tally.messages > cases / 100, "{tally:?}");
}

#[test]
fn five_thousand_mutated_frames() {
    check(&run(5_000), 5_000);
}

#[test]
#[ignore = "a minute in release: cargo test --release -p neuraxis-bridge --test frames_survive_mutation -- --ignored"]
fn a_million_mutated_frames() {
    check(&run(1_000_000), 1_000_000);
}
