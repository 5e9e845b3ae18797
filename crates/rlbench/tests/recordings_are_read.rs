//! Episodes as RLBench writes them, damaged ones, and hostile ones.
//!
//! The pickles in `golden/` are made by `python sim/test_rlbench_bridge.py write FOLDER`, with NumPy 2.4 (protocol 4) and
//! NumPy 1.23 (protocol 3: `write FOLDER 3`); the pictures are written here.

use std::{fs, io::BufWriter, path::Path, time::Instant};

use neuraxis_core::Gripper;
use neuraxis_episode::{Recorded, keyframes};
use neuraxis_rlbench::{Episode, episode::frames, find, pickle::Pickle};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

const SIDE: u32 = 16;
const DEMOS: [&[u8]; 2] =
    [include_bytes!("golden/numpy2_protocol4.pkl"), include_bytes!("golden/numpy1_protocol3.pkl")];
const SENTENCES: &[u8] = include_bytes!("golden/variation_descriptions.pkl");

fn colours(x: u32, y: u32, t: u32) -> [u8; 3] {
    [7 * x + t, 5 * y, x * y].map(|c| c as u8)
}

fn fixed(x: u32, y: u32) -> u32 {
    4_000_000 + 10_000 * x + 700 * y
}

fn write_png(path: &Path, width: u32, colour: png::ColorType, pixel: impl Fn(u32, u32) -> [u8; 3]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut encoder = png::Encoder::new(BufWriter::new(fs::File::create(path).unwrap()), width, SIDE);
    encoder.set_color(colour);
    let mut bytes = Vec::new();
    for (x, y) in (0..SIDE).flat_map(|y| (0..width).map(move |x| (x, y))) {
        bytes.extend(&pixel(x, y)[..colour.samples()]);
    }
    encoder.write_header().unwrap().write_image_data(&bytes).unwrap();
}

/// An episode with pictures of two cameras.
fn write_episode(root: &Path, demo: &[u8]) -> std::path::PathBuf {
    let folder = root.join("push_buttons/all_variations/episodes/episode3");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("low_dim_obs.pkl"), demo).unwrap();
    fs::write(folder.join("variation_descriptions.pkl"), SENTENCES).unwrap();
    for camera in ["front", "wrist"] {
        for t in 0..3 {
            let file = |kind: &str| folder.join(format!("{camera}_{kind}/{t}.png"));
            write_png(&file("rgb"), SIDE, png::ColorType::Rgb, |x, y| colours(x, y, t));
            write_png(&file("depth"), SIDE, png::ColorType::Rgb, |x, y| {
                let [_, high, middle, low] = fixed(x, y).to_be_bytes();
                [high, middle, low]
            });
        }
    }
    folder
}

#[test]
fn an_episode_is_read_as_it_was_written() {
    for demo in DEMOS {
        let dir = tempfile::tempdir().unwrap();
        let folder = write_episode(dir.path(), demo);
        assert_eq!(find(dir.path()).unwrap(), std::slice::from_ref(&folder));
        let episode = Episode::open(&folder).unwrap();
        let about = episode.about();
        assert_eq!((about.task.as_str(), about.number, episode.frames.len()), ("push_buttons", 3, 3));
        assert_eq!(about.cameras, ["front", "wrist"]);
        assert_eq!(episode.descriptions, ["push the maroon button", "press the button"]);
        for (t, frame) in episode.frames.iter().enumerate() {
            let position = frame.world_from_tool.position();
            // Half a turn about y: our tool point is 6.6 mm above RLBench's tip.
            assert!((position.x - (0.2785 + 0.01 * t as f64)).abs() < 1e-9, "{position}");
            assert!((position.z - 1.4785).abs() < 1e-9, "{position}");
            assert_eq!(frame.gripper, if t < 2 { Gripper::Open } else { Gripper::Closed });
            assert_eq!(frame.joint_velocities, [0.01 * t as f64; 7]);
            assert_eq!((frame.gripper_width_m, frame.ignore_collisions), (0.08, Some(true)));
        }
        assert_eq!(keyframes(episode.moments()), [2]);
        // Joint 4 counts from 4 degrees further on.
        let q = episode.moments()[1].q.unwrap();
        assert!((q[3] - (-0.8732 + 0.01 + 4f64.to_radians())).abs() < 1e-9 && (q[1] - 0.1852).abs() < 1e-9, "{q:?}");
        assert!(episode.keyframe(2).unwrap().ignore_collisions && episode.keyframe(3).is_none());
        let views = episode.cameras(1).unwrap();
        assert_eq!(views.iter().map(|view| &*view.name).collect::<Vec<_>>(), ["front", "wrist"]);
        for view in views {
            assert_eq!((view.intrinsics.width, view.intrinsics.fx, view.intrinsics.cx), (SIDE, 20.0, 8.0));
            for i in 0..SIDE * SIDE {
                let (x, y, at) = (i % SIDE, i / SIDE, i as usize);
                assert_eq!(view.rgb[3 * at..3 * at + 3], colours(x, y, 1));
                let metres = 0.01 + f64::from(fixed(x, y)) / f64::from((1 << 24) - 1) * 3.49;
                assert!((f64::from(view.depth_m[at]) - metres).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn what_is_wrong_is_said_with_the_file() {
    let dir = tempfile::tempdir().unwrap();
    assert!(find(dir.path()).unwrap_err().to_string().contains("no low_dim_obs.pkl here or below"));
    let folder = write_episode(dir.path(), DEMOS[0]);
    let said = || Episode::open(&folder).and_then(|episode| episode.cameras(0)).unwrap_err().to_string();
    write_png(&folder.join("front_rgb/0.png"), SIDE, png::ColorType::Grayscale, |x, _| [x as u8; 3]);
    assert!(said().contains("front_rgb/0.png: Grayscale of Eight bits, wanted: 8-bit RGB"), "{}", said());
    write_png(&folder.join("front_rgb/0.png"), SIDE / 2, png::ColorType::Rgb, |x, y| colours(x, y, 0));
    assert!(said().contains("front_depth/0.png: 16 x 16 pixels, the colours have 8 x 16"), "{}", said());
    fs::write(folder.join("front_rgb/0.png"), b"no picture").unwrap();
    assert!(said().contains("front_rgb/0.png: "), "{}", said());
    fs::remove_file(folder.join("front_depth/0.png")).unwrap();
    fs::write(folder.join("low_dim_obs.pkl"), &DEMOS[0][..500]).unwrap();
    assert!(said().contains("low_dim_obs.pkl: no pickle of a recording: byte "), "{}", said());
    fs::remove_file(folder.join("variation_descriptions.pkl")).unwrap();
    assert!(said().contains("variation_descriptions.pkl: No such file"), "{}", said());
}

/// Opcodes after the protocol, and a stop.
fn refusal(opcodes: &[u8]) -> String {
    frames(&[b"\x80\x04", opcodes, b"."].concat()).unwrap_err()
}

#[test]
fn hostile_pickles_are_data_and_no_more() {
    // os.system("echo"): the class of the root is not a demo, and nothing was called.
    assert_eq!(refusal(b"cos\nsystem\n\x8c\x04echo\x85R"), "no rlbench.demo.Demo");
    assert!(refusal(b"N2").contains("opcode 0x32 is not part of a recording"));
    assert!(refusal(b"\x82\x01").contains("opcode 0x82"));
    // Sixty levels of a tuple that holds the one before twice, 2^60 leaves for who copies.
    let mut bomb = b"N\x94".to_vec();
    for level in 0..60u8 {
        bomb.extend([b'h', level, b'h', level, 0x86, 0x94]);
    }
    let started = Instant::now();
    assert_eq!(refusal(&bomb), "no rlbench.demo.Demo");
    assert!(started.elapsed().as_secs() < 5);
    // A list that holds itself, in place of the observations.
    let circle = b"crlbench.demo\nDemo\n)\x81}\x8c\x0d_observations]\x94h\x00asb";
    assert_eq!(refusal(circle), "frame 0: no rlbench.backend.observation.Observation");
    // A hundred thousand times the same observation.
    let mut crowd = b"crlbench.demo\nDemo\n)\x81}\x8c\x0d_observations](N\x94".to_vec();
    crowd.extend(b"h\x00".repeat(100_000));
    crowd.extend(b"esb");
    assert_eq!(refusal(&crowd), "100001 frames, allowed: 20000");
    for (opcodes, said) in [
        (&b"a"[..], "the stack is empty"),
        (b"(a", "the stack is empty"),
        (b"t", "no mark"),
        (b"N\x8c\x01\xff", "utf-8"),
        (b"h\x07", "never kept"),
        (b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff", "length beyond"),
        (b"B\xff\xff\xff\x7f", "ends too early"),
        (b"\x8a\x09123456789", "more than 64 bits"),
        (b"}(Nu", "a key without a value"),
        (b"Nb", "the stack is empty"),
        (b"NNb", "a state for what is no object"),
    ] {
        assert!(refusal(opcodes).contains(said), "{said}: {}", refusal(opcodes));
    }
}

/// Mutated demos: refused, or read; how many of each.
fn mutate(cases: u64) -> (u64, u64) {
    let mut rng = Pcg64::seed_from_u64(0x9ca1);
    let (mut read, mut refused) = (0, 0);
    for case in 0..cases {
        let mut bytes = DEMOS[case as usize % DEMOS.len()].to_vec();
        for _ in 0..rng.random_range(1..=4) {
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(0..4) {
                0 => bytes[at] = rng.random(),
                1 => bytes[at] ^= 1 << rng.random_range(0..8),
                2 => bytes.insert(at, rng.random()),
                _ => {
                    let other = rng.random_range(0..bytes.len());
                    bytes.swap(at, other);
                }
            }
        }
        if case % 16 == 0 {
            bytes.truncate(rng.random_range(0..bytes.len()));
        }
        if let Ok(pickle) = Pickle::parse(&bytes) {
            pickle.field(pickle.root(), "_observations");
        }
        match frames(&bytes) {
            Ok(found) => {
                assert!(found.iter().all(|frame| frame.world_from_tool.is_valid()));
                read += 1;
            }
            Err(reason) => {
                assert!(!reason.is_empty());
                refused += 1;
            }
        }
    }
    (read, refused)
}

#[test]
fn three_thousand_mutated_demos() {
    let (read, refused) = mutate(3_000);
    println!("{read} read, {refused} refused");
    assert!(read > 100 && refused > 1000, "{read} read, {refused} refused");
}

#[test]
#[ignore = "minutes in release: cargo test --release -p neuraxis-rlbench -- --ignored"]
fn a_million_mutated_demos() {
    let (read, refused) = mutate(1_000_000);
    println!("{read} read, {refused} refused");
    assert!(read > 30_000 && refused > 300_000, "{read} read, {refused} refused");
}
