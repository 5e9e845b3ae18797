//! Recordings as users meet them: whole, cut off, of a killed process, damaged, not recordings at all.

mod sample;

use std::{
    fs,
    os::unix::fs::{FileTypeExt, symlink},
    path::Path,
};

use neuraxis_core::Nanos;
use neuraxis_episode::{DepthEncoding, End, EpisodeReader, EpisodeWriter, Header, Level, Record};
use rand::Rng;
use rand_pcg::Pcg64;
use sample::{header, observation, write};

fn read(path: &Path) -> (Vec<Record>, Option<End>) {
    let reader = EpisodeReader::open(path).unwrap();
    let mut records = reader.records();
    let all = records.by_ref().map(Result::unwrap).collect();
    (all, records.end())
}

#[test]
fn what_is_written_is_read_back_to_the_last_bit() {
    let dir = tempfile::tempdir().unwrap();
    for seed in 0..4 {
        let mut rng = Pcg64::new(seed, 5);
        let path = dir.path().join(format!("{seed}.mcap"));
        let header = header(&mut rng);
        let mut writer = EpisodeWriter::create(&path, &header).unwrap();
        let expected = write(&mut writer, &mut rng, 300);
        writer.finish().unwrap();
        assert_eq!(*EpisodeReader::open(&path).unwrap().header(), header);
        let (found, end) = read(&path);
        assert_eq!(end, Some(End::Complete));
        assert!(found == expected, "seed {seed}: {} records found, {} written", found.len(), expected.len());
    }
}

#[test]
fn millimetre_depth_is_rounded_and_drops_infinity() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("e.mcap");
    let mut rng = Pcg64::new(1, 1);
    let header = Header { depth: DepthEncoding::Millimetres, ..header(&mut rng) };
    let mut writer = EpisodeWriter::create(&path, &header).unwrap();
    let written = observation(&mut rng, 0, Nanos(5));
    writer.observation(&written).unwrap();
    writer.finish().unwrap();
    let (records, _) = read(&path);
    let [Record::Observation(found)] = &records[..] else { panic!("{} records", records.len()) };
    for (found, written) in found.cameras.iter().zip(&written.cameras) {
        assert_eq!(found.depth_m[0], 0.0);
        for (found, written) in found.depth_m.iter().zip(&written.depth_m).skip(1) {
            assert!((found - written).abs() <= 0.000_501, "{found} {written}");
        }
    }
}

#[test]
fn of_a_killed_process_all_but_the_last_chunk_is_readable() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("e.mcap");
    let mut rng = Pcg64::new(2, 1);
    let mut writer = EpisodeWriter::create(&path, &header(&mut rng)).unwrap();
    let expected = write(&mut writer, &mut rng, 2500);
    // What a kill leaves: the file as it is now, no destructor run.
    std::mem::forget(writer);
    let (found, end) = read(&path);
    assert_eq!(end, Some(End::Truncated));
    assert!(found == expected[..found.len()]);
    let Some(Record::State(last)) = found.iter().rfind(|r| matches!(r, Record::State(_))) else { panic!("no state") };
    assert!(last.stamp >= Nanos::from_millis(1400), "only {:?} of 2500 ms are there", last.stamp);
}

#[test]
fn a_recording_that_takes_the_place_of_another_leaves_it_to_who_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let (path, link) = (dir.path().join("e.mcap"), dir.path().join("link.mcap"));
    let mut rng = Pcg64::new(3, 1);
    let header = header(&mut rng);
    let mut writer = EpisodeWriter::create(&path, &header).unwrap();
    let expected = write(&mut writer, &mut rng, 300);
    writer.finish().unwrap();
    symlink(&path, &link).unwrap();
    for path in [&path, &link] {
        let reader = EpisodeReader::open(path).unwrap();
        let mut writer = EpisodeWriter::create(path, &header).unwrap();
        assert!(reader.records().map(Result::unwrap).eq(expected.iter().cloned()));
        expected.iter().for_each(|record| writer.record(record).unwrap());
        writer.finish().unwrap();
        assert!(read(path).0 == expected);
    }
    assert!(link.is_symlink());
    // A device is written to, and stays.
    EpisodeWriter::create(Path::new("/dev/full"), &header).err().expect("there is no room");
    assert!(fs::metadata("/dev/full").unwrap().file_type().is_char_device());
}

#[test]
fn a_file_cut_anywhere_gives_what_is_before_the_cut() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("e.mcap");
    let mut rng = Pcg64::new(3, 1);
    let mut writer = EpisodeWriter::create(&path, &header(&mut rng)).unwrap();
    let mut expected = write(&mut writer, &mut rng, 20);
    writer.flush().unwrap();
    expected.extend(write(&mut writer, &mut rng, 20));
    writer.finish().unwrap();
    let whole = fs::read(&path).unwrap();
    let cut = dir.path().join("cut.mcap");
    let mut most = 0;
    for length in (0..whole.len()).step_by(97) {
        fs::write(&cut, &whole[..length]).unwrap();
        let Ok(reader) = EpisodeReader::open(&cut) else {
            assert_eq!(most, 0, "opens when cut shorter, but not at {length}");
            continue;
        };
        let mut records = reader.records();
        let found: Vec<_> = records.by_ref().map(Result::unwrap).collect();
        assert_eq!(records.end(), Some(End::Truncated), "cut at {length}");
        assert!(found == expected[..found.len()], "cut at {length}");
        most = most.max(found.len());
    }
    assert_eq!(most, expected.len());
}

#[test]
fn damage_never_panics_and_garbage_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("e.mcap");
    let mut rng = Pcg64::new(4, 1);
    let mut writer = EpisodeWriter::create(&path, &header(&mut rng)).unwrap();
    write(&mut writer, &mut rng, 10);
    writer.finish().unwrap();
    let whole = fs::read(&path).unwrap();
    let mut refused = 0;
    for _ in 0..300 {
        let mut bytes = whole.clone();
        let at = rng.random_range(0..bytes.len());
        bytes[at] = rng.random();
        fs::write(&path, &bytes).unwrap();
        match EpisodeReader::open(&path) {
            Ok(reader) => refused += reader.records().filter(Result::is_err).count(),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 50, "{refused} of 300 damaged files noticed");

    for (bytes, word) in
        [(&b"garbage, not a recording"[..], "not a recording"), (b"", "not a recording"), (mcap::MAGIC, "e.mcap: ")]
    {
        fs::write(&path, bytes).unwrap();
        let error = EpisodeReader::open(&path).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(word) && error.contains("e.mcap"), "{error}");
    }
    let error = EpisodeReader::open(&dir.path().join("none.mcap")).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("none.mcap: cannot open"), "{error}");
}

#[test]
fn an_undecodable_message_is_named_by_channel_and_offset() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("e.mcap");
    let mut rng = Pcg64::new(6, 1);
    let header = header(&mut rng);
    let mut writer = mcap::Writer::new(fs::File::create(&path).unwrap()).unwrap();
    let mut put = |topic: &str, sequence: u32, data: &[u8]| {
        let channel_id = writer.add_channel(0, topic, "any", &Default::default()).unwrap();
        let header = mcap::records::MessageHeader { channel_id, sequence, log_time: 9, publish_time: 9 };
        writer.write_to_known_channel(&header, data).unwrap();
    };
    put("/neuraxis/meta", 0, &serde_json::to_vec(&header).unwrap());
    put("/joint_states", 4, &[0, 1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    // Older recordings had these two on one topic.
    put("/events", 0, &[0, 1, 0, 0, 3, 0, 0, 0, b'o', b'k', 0]);
    put("/events", 1, b"\0\x01\0\0\x07\0\0\0Moving\0");
    writer.finish().unwrap();
    let reader = EpisodeReader::open(&path).unwrap();
    let found: Vec<_> = reader.records().collect();
    let error = found[0].as_ref().unwrap_err().to_string();
    assert!(error.contains("e.mcap: channel /joint_states, message 4 at 9 ns, byte 16: "), "{error}");
    assert_eq!(found[1].as_ref().unwrap(), &Record::Event(Nanos(9), Level::Info, "ok".into()));
    assert_eq!(found[2].as_ref().unwrap(), &Record::Phase(Nanos(9), "Moving".into()));
    assert_eq!(found.len(), 3);
}
