//! Recordings in numbered files, and the last seconds in memory: nothing is lost, no bound is passed, a kill costs a chunk.

mod sample;

use std::{
    fs,
    io::ErrorKind::FileTooLarge,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use neuraxis_core::Nanos;
use neuraxis_episode::{
    End, EpisodeError, EpisodeReader, EpisodeWriter, Glance, Header, Info, Keep, Record, RingConfig, Rotation, Saved,
    Saving, merge,
};
use rand::Rng;
use rand_pcg::Pcg64;
use sample::{header, observation, records, tick};
use serde_json::json;

fn read(path: &Path) -> (Vec<Record>, Option<End>) {
    let reader = EpisodeReader::open(path).unwrap();
    let mut records = reader.records();
    let all = records.by_ref().map(Result::unwrap).collect();
    (all, records.end())
}

/// Numbers of the loop's ticks, in the order of the file.
fn ticks(path: &Path) -> Vec<u64> {
    let number = |record| if let Record::Tick(tick) = record { Some(tick.number) } else { None };
    read(path).0.into_iter().filter_map(number).collect()
}

/// Three seconds from 5 s on, in files.
fn in_parts(dir: &Path, rotation: Rotation) -> (Header, Vec<Record>, Vec<PathBuf>) {
    let mut rng = Pcg64::new(31, 1);
    let header = header(&mut rng);
    let records = records(&mut rng, 5000, 3000);
    let mut writer = EpisodeWriter::keep(&dir.join("e.mcap"), &header, Keep::Parts(rotation)).unwrap();
    records.iter().for_each(|record| writer.record(record).unwrap());
    let (files, saved) = writer.finish().unwrap();
    assert!(saved.is_empty());
    (header, records, files)
}

#[test]
fn parts_are_complete_each_and_together_nothing_is_lost() {
    for rotation in
        [Rotation { time: Some(Nanos::from_millis(700)), bytes: None }, Rotation { time: None, bytes: Some(400_000) }]
    {
        let dir = tempfile::tempdir().unwrap();
        let (header, records, files) = in_parts(dir.path(), rotation);
        assert!(files.len() >= 3, "{rotation:?}: {} files", files.len());
        assert_eq!(files[1], dir.path().join("e-002.mcap"));
        for file in &files {
            let reader = EpisodeReader::open(file).unwrap();
            let info = Info::of(&reader);
            assert_eq!((reader.header(), info.ends.as_str()), (&header, "complete"));
            // Times count from the start of the run in each.
            assert_eq!((info.zero_nanos, info.instructions.len()), (5_000_000_000, 1));
            let glance = Glance::of(&reader);
            assert!(glance.has("/robot_description") && glance.cameras() == ["front", "wrist"]);
        }
        let whole = dir.path().join("whole.mcap");
        let edited = merge(&files, &whole, false).unwrap();
        assert!(edited.losses.is_empty());
        assert!(read(&whole).0 == records, "{rotation:?}: other records than were written");
    }
}

#[test]
fn a_part_is_as_long_or_as_large_as_it_may_be() {
    let dir = tempfile::tempdir().unwrap();
    let (.., files) = in_parts(dir.path(), Rotation { time: Some(Nanos::from_millis(500)), bytes: None });
    assert_eq!(files.len(), 6);
    for file in &files {
        let numbers = ticks(file);
        let first = numbers[0];
        // To the millisecond, but for the last.
        assert!((480..=501).contains(&numbers.len()), "{} ticks", numbers.len());
        assert_eq!(numbers, (first..first + numbers.len() as u64).collect::<Vec<_>>());
    }
    let dir = tempfile::tempdir().unwrap();
    let (.., files) = in_parts(dir.path(), Rotation { time: None, bytes: Some(400_000) });
    for file in files.iter().rev().skip(1) {
        // The chunk that passes the limit, and the index, come on top.
        let bytes = fs::metadata(file).unwrap().len();
        assert!((400_000..2_000_000).contains(&bytes), "{bytes} bytes");
    }
}

#[test]
fn the_next_run_replaces_no_part_of_the_last_and_is_not_joined_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let rotation = Rotation { time: Some(Nanos::from_millis(1500)), bytes: None };
    let (mut header, _, before) = in_parts(dir.path(), rotation);
    header.meta["run"] = "another".into();
    let mut writer = EpisodeWriter::keep(&dir.path().join("e.mcap"), &header, Keep::Parts(rotation)).unwrap();
    writer.record(&Record::Phase(Nanos(7), "Moving".into())).unwrap();
    let (files, _) = writer.finish().unwrap();
    assert_eq!(files, [dir.path().join("e-003.mcap")]);
    let error = merge(&[before[0].clone(), files[0].clone()], &dir.path().join("w.mcap"), false).unwrap_err();
    assert!(error.to_string().contains("not of one run: meta.run"), "{error}");
}

#[test]
fn numbers_that_somebody_takes_meanwhile_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let place = |name: &str| dir.path().join(name);
    let rotation = Rotation { time: Some(Nanos::from_millis(500)), bytes: None };
    let mut rng = Pcg64::new(34, 1);
    let header = header(&mut rng);
    let mut parts = EpisodeWriter::keep(&place("p.mcap"), &header, Keep::Parts(rotation)).unwrap();
    let mut ring = EpisodeWriter::keep(&place("r.mcap"), &header, Keep::Ring(SECOND)).unwrap();
    fs::write(place("p-002.mcap"), "somebody's").unwrap();
    fs::write(place("r-001.mcap"), "somebody's").unwrap();
    symlink(place("nowhere"), place("r-002.mcap")).unwrap();
    for record in records(&mut rng, 5000, 800) {
        parts.record(&record).unwrap();
        ring.record(&record).unwrap();
    }
    assert_eq!(ring.save("look").unwrap(), Some(Saving::Begun(place("r-003.mcap"))));
    assert_eq!(parts.finish().unwrap().0, [place("p-001.mcap"), place("p-003.mcap")]);
    assert_eq!(ring.finish().unwrap().0, [place("r-003.mcap")]);
    for name in ["p-002.mcap", "r-001.mcap"] {
        assert_eq!(fs::read(place(name)).unwrap(), b"somebody's");
    }
    assert!(!place("nowhere").exists());
    // After the last number there is none.
    fs::write(place("r-4294967295.mcap"), "somebody's").unwrap();
    let mut ring = EpisodeWriter::keep(&place("r.mcap"), &header, Keep::Ring(SECOND)).unwrap();
    let error = ring.save("look").unwrap_err().to_string();
    assert!(error.contains("r-4294967295.mcap: cannot create"), "{error}");
}

#[test]
fn a_kill_during_rotation_costs_the_last_chunk() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = Pcg64::new(32, 1);
    let header = header(&mut rng);
    let records = records(&mut rng, 5000, 2600);
    let rotation = Rotation { time: Some(Nanos::from_millis(1000)), bytes: None };
    let mut writer = EpisodeWriter::keep(&dir.path().join("e.mcap"), &header, Keep::Parts(rotation)).unwrap();
    records.iter().for_each(|record| writer.record(record).unwrap());
    // Nothing is dropped or finished: what was not handed to the system is lost.
    std::mem::forget(writer);
    let files = [1, 2, 3].map(|i| dir.path().join(format!("e-00{i}.mcap")));
    assert_eq!(files.clone().map(|file| read(&file).1), [End::Complete, End::Complete, End::Truncated].map(Some));
    let whole = dir.path().join("whole.mcap");
    let edited = merge(&files, &whole, false).unwrap();
    assert!(edited.losses.len() == 1 && edited.losses[0].contains("e-003.mcap: cut off"), "{:?}", edited.losses);
    let numbers = ticks(&whole);
    assert_eq!(numbers, (5000..5000 + numbers.len() as u64).collect::<Vec<_>>());
    // A chunk is a second, or a megabyte.
    assert!(numbers.len() > 1600, "{} ticks of 2600", numbers.len());
}

/// A ring beside which nothing is to be seen.
fn ring(dir: &Path, config: RingConfig) -> (EpisodeWriter, Pcg64) {
    let mut rng = Pcg64::new(33, 1);
    let header = header(&mut rng);
    (EpisodeWriter::keep(&dir.join("e.mcap"), &header, Keep::Ring(config)).unwrap(), rng)
}

const SECOND: RingConfig =
    RingConfig { before: Nanos::from_millis(1000), after: Nanos::from_millis(500), bytes: 64 << 20, saves: 3 };

/// Records of `from..to` into the ring, which works off its files as a recorder's thread lets it: each 20 ms.
fn feed(writer: &mut EpisodeWriter, records: &[Record], mut at: impl FnMut(&mut EpisodeWriter, u64)) -> Vec<Saved> {
    let mut told = Vec::new();
    for record in records {
        writer.record(record).unwrap();
        if let Record::Tick(tick) = record {
            at(writer, tick.number);
            if tick.number % 20 == 0 {
                told.extend(writer.step().unwrap());
            }
        }
    }
    told
}

#[test]
fn what_is_saved_holds_the_moments_before_and_after_and_nothing_else_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, mut rng) = ring(dir.path(), SECOND);
    let all = records(&mut rng, 5000, 6000);
    let told = feed(&mut writer, &all, |writer, number| {
        if number == 8000 {
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
            let begun = writer.save("the arm is latched").unwrap();
            assert_eq!(begun, Some(Saving::Begun(dir.path().join("e-001.mcap"))));
        }
    });
    assert!(matches!(&told[..], [Saved { reason, lost: 0, error: None, .. }] if reason == "the arm is latched"));
    let (files, _) = writer.finish().unwrap();
    assert_eq!(files, [dir.path().join("e-001.mcap")]);

    let info = Info::of(&EpisodeReader::open(&files[0]).unwrap());
    assert_eq!((info.ends.as_str(), info.zero_nanos, info.instructions.len()), ("complete", 5_000_000_000, 1));
    let numbers = ticks(&files[0]);
    let (first, last) = (numbers[0], numbers[numbers.len() - 1]);
    assert_eq!(numbers, (first..=last).collect::<Vec<_>>());
    // To the quarter of a second in which messages are packed.
    assert!((6700..=7000).contains(&first) && (8500..=8760).contains(&last), "ticks {first} to {last}");
    // The same records, whole, in their order.
    let (found, _) = read(&files[0]);
    let place = all.iter().position(|record| Some(record) == found.get(1)).unwrap();
    assert!(found[1..] == all[place..place + found.len() - 1]);
    assert!(found.iter().filter(|record| matches!(record, Record::Observation(_))).count() > 40);
}

#[test]
fn what_happens_while_a_file_is_written_makes_it_longer_and_there_is_a_last_file() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, mut rng) = ring(dir.path(), RingConfig { saves: 2, ..SECOND });
    let all = records(&mut rng, 5000, 7000);
    let mut seen = Vec::new();
    feed(&mut writer, &all, |writer, number| {
        if [7000, 7300, 9000, 11_000].contains(&number) {
            seen.push(writer.save("look").unwrap().unwrap());
        }
    });
    let begun = |i| Saving::Begun(dir.path().join(format!("e-00{i}.mcap")));
    assert_eq!(seen, [begun(1), Saving::Extended, begun(2), Saving::Enough]);
    let (files, _) = writer.finish().unwrap();
    let ends: Vec<u64> = files.iter().map(|file| *ticks(file).last().unwrap()).collect();
    assert!((7800..=8060).contains(&ends[0]) && (9500..=9760).contains(&ends[1]), "{ends:?}");
    // Both hold the second before them, and are parts of one run.
    assert!(ticks(&files[1])[0] <= 8000);
    merge(&files, &dir.path().join("both.mcap"), false).unwrap();
    let numbers = ticks(&dir.path().join("both.mcap"));
    assert_eq!(numbers, (numbers[0]..=ends[1]).collect::<Vec<_>>());
}

#[test]
fn the_end_of_the_run_ends_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, mut rng) = ring(dir.path(), SECOND);
    let all = records(&mut rng, 5000, 1500);
    feed(&mut writer, &all, |_, _| ());
    writer.save("the task was not done").unwrap();
    let (files, told) = writer.finish().unwrap();
    assert!(told.len() == 1 && told[0].error.is_none());
    let (found, end) = read(&files[0]);
    assert_eq!((found.last(), end), (all.last(), Some(End::Complete)));
}

#[test]
fn a_ring_never_exceeds_its_bound_whatever_comes() {
    const BOUND: u64 = 600_000;
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, mut rng) =
        ring(dir.path(), RingConfig { bytes: BOUND, before: Nanos::from_millis(600_000), ..SECOND });
    let mut most = 0;
    for i in 0..6000 {
        let stamp = Nanos::from_millis(5000 + i);
        let record = match rng.random_range(0..40) {
            // Noise that cannot be packed, sometimes more than there is room for.
            0 => {
                let mut seen = observation(&mut rng, i, stamp);
                let camera = &mut seen.cameras[0];
                let side: u32 = if i % 977 == 0 { 700 } else { rng.random_range(8..120) };
                (camera.intrinsics.width, camera.intrinsics.height) = (side, side);
                camera.rgb = (0..3 * side * side).map(|_| rng.random()).collect();
                camera.depth_m = (0..side * side).map(|_| rng.random()).collect();
                Record::Observation(seen.into())
            }
            _ => {
                let mut tick = tick(&mut rng, i, sample_state(stamp));
                tick.inputs.now = stamp;
                Record::Tick(Box::new(tick))
            }
        };
        writer.record(&record).unwrap();
        assert!(writer.ring_bytes() <= BOUND, "{} bytes after record {i}", writer.ring_bytes());
        most = most.max(writer.ring_bytes());
    }
    assert!(most > BOUND / 2, "{most} bytes at most: the ring was never full");
    writer.save("full").unwrap();
    let (files, _) = writer.finish().unwrap();
    // The newest are there, up to the last.
    let numbers = ticks(&files[0]);
    assert!(numbers.len() > 50 && *numbers.last().unwrap() > 5900, "{} ticks", numbers.len());
}

fn sample_state(stamp: Nanos) -> neuraxis_core::ArmState {
    let zeros = neuraxis_core::Joints::zeros(7);
    neuraxis_core::ArmState { stamp, q: zeros, qd: zeros, tau_nm: zeros, gripper_width_m: 0.08, grip_force_n: None }
}

#[test]
fn a_kill_leaves_what_was_saved_until_then() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, mut rng) = ring(dir.path(), SECOND);
    let all = records(&mut rng, 5000, 4400);
    feed(&mut writer, &all[..all.len() - 3], |writer, number| {
        if [6500, 9100].contains(&number) {
            writer.save("killed soon").unwrap();
        }
    });
    std::mem::forget(writer);
    let files = [1, 2].map(|i| dir.path().join(format!("e-00{i}.mcap")));
    assert_eq!(files.clone().map(|file| read(&file).1), [Some(End::Complete), Some(End::Truncated)]);
    // The second was under way: all of before is there, and of after what was packed.
    let numbers = ticks(&files[1]);
    assert!(numbers[0] <= 8100 && *numbers.last().unwrap() >= 9100, "{} to {:?}", numbers[0], numbers.last());
}

const PLACE: &str = "NEURAXIS_TEST_RING_ON_A_FULL_DISK";

/// Not a test of its own: the next one runs it where no file may grow above some megabytes.
#[test]
fn the_child_whose_disk_is_full() {
    let Ok(dir) = std::env::var(PLACE) else { return };
    let dir = Path::new(&dir);
    let (mut writer, mut rng) = ring(dir, RingConfig { saves: 1, ..SECOND });
    let names = || fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    // The counters stand in every file: these do not fit, even packed.
    let many: String = (0..8 << 20).map(|_| char::from(rng.random_range(b'0'..b'z'))).collect();
    writer.drops(Nanos::from_millis(4000), &json!({"viewer": many})).unwrap();
    let all = records(&mut rng, 5000, 6000);
    let mut failed = None;
    let told = feed(&mut writer, &all, |writer, number| match number {
        7000 => {
            failed = writer.save("first").err();
            assert!(names().is_empty(), "{:?}", names());
            writer.drops(Nanos::from_millis(7000), &json!({"viewer": 0})).unwrap();
        }
        // The only file that there may be.
        9000 => assert!(matches!(writer.save("second"), Ok(Some(Saving::Begun(_))))),
        10_900 => assert_eq!(writer.save("third").unwrap(), Some(Saving::Enough)),
        _ => {}
    });
    let error = failed.expect("a full disk is told");
    assert!(error.to_string().contains("e-001.mcap"), "{error}");
    assert!(
        matches!(&error, EpisodeError::Mcap { source: mcap::McapError::Io(why), .. } if why.kind() == FileTooLarge),
        "{error:?}"
    );
    assert!(matches!(&told[..], [Saved { reason, error: None, .. }] if reason == "second"), "{told:?}");
    let (files, _) = writer.finish().unwrap();
    assert_eq!((files.len(), names().len()), (1, 1));
    assert!(ticks(&files[0])[0] <= 8000);
}

#[test]
fn a_full_disk_is_told_leaves_no_stub_and_uses_no_file_up() {
    let dir = tempfile::tempdir().unwrap();
    // In blocks of 512 bytes: 4 MB.
    let script = "trap '' XFSZ; ulimit -f 8192; exec \"$0\" --exact the_child_whose_disk_is_full";
    let child = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env(PLACE, dir.path())
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}
