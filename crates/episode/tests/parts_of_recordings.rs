//! What `neuraxis rec` does to recordings: tells what is in them, cuts, joins, and saves what is good of damaged ones.

mod sample;

use std::{fs, path::PathBuf, sync::Arc};

use neuraxis_core::Nanos;
use neuraxis_episode::{
    EpisodeReader, EpisodeWriter, Glance, Header, Info, OwnRecording, Record, Recorded, cut, merge,
};
use rand_pcg::Pcg64;
use sample::{header, observation, records};
use serde_json::json;

/// A folder with a recording of two seconds that starts at 5 s of its clock, and what is in it.
fn recorded() -> (tempfile::TempDir, PathBuf, Vec<Record>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("e.mcap");
    let mut rng = Pcg64::new(11, 1);
    let header = Header { meta: json!({"configuration": {"a": 1}, "run": {"seed": 7}}), ..header(&mut rng) };
    let mut writer = EpisodeWriter::create(&path, &header).unwrap();
    let records = records(&mut rng, 5000, 2000);
    records.iter().for_each(|record| writer.record(record).unwrap());
    writer.finish().unwrap();
    (dir, path, records)
}

fn read(path: &std::path::Path) -> Vec<Record> {
    EpisodeReader::open(path).unwrap().records().map(Result::unwrap).collect()
}

fn info(path: &std::path::Path) -> Info {
    Info::of(&EpisodeReader::open(path).unwrap())
}

#[test]
fn info_tells_what_is_there() {
    let (_dir, path, _) = recorded();
    let info = info(&path);
    assert_eq!((info.zero_nanos, info.ends.as_str()), (5_000_000_000, "complete"));
    assert!((info.duration_secs - 2.0).abs() < 1e-9, "{}", info.duration_secs);
    let topic = |name: &str| info.topics.iter().find(|topic| topic.topic == name).unwrap();
    let states = topic("/joint_states");
    assert_eq!((states.messages, states.schema.as_str()), (2000, "sensor_msgs/msg/JointState"));
    assert!((states.rate_hz - 1000.0).abs() < 1.0 && states.longest_gap_secs < 0.0021, "{states:?}");
    assert_eq!(topic("/front/image").messages, 67);
    assert_eq!(info.instructions, [(0.0, "press the \"red\" button, dann grün".to_string())]);
    assert_eq!((&info.summary, &info.drops), (&Some(json!({"success": true})), &Some(json!({"viewer": 2}))));
    assert_eq!(info.run, json!({"seed": 7}));
    assert_eq!(info.configuration_hash.len(), 16);
    // The samples count on from 5000: the loop's first ticks are not there.
    assert_eq!(serde_json::to_value(&info.gaps).unwrap(), json!([{"after": null, "missing": 5000}]));
}

#[test]
fn a_glance_says_what_reading_it_all_says_with_and_without_an_index() {
    let (dir, path, _) = recorded();
    let glance = |path: &std::path::Path| Glance::of(&EpisodeReader::open(path).unwrap());
    let same = |path: &std::path::Path| {
        let (glance, info) = (glance(path), info(path));
        assert_eq!((glance.zero_nanos, glance.duration_secs), (info.zero_nanos, info.duration_secs));
        assert_eq!(glance.instruction.as_deref(), info.instructions.first().map(|(_, text)| text.as_str()));
        assert_eq!(glance.cameras(), ["front", "wrist"]);
        assert_eq!(glance.views(), ["coarse_top", "dynamic_before"]);
        assert!(glance.has_brain());
        let known = |topic: &str| info.topics.iter().any(|known| known.topic == topic);
        for topic in ["/joint_states", "/front/image", "/nothing"] {
            assert_eq!(glance.has(topic), known(topic), "{topic}");
        }
    };
    same(&path);
    let whole = fs::read(&path).unwrap();
    let other = dir.path().join("other.mcap");
    // Cut off within its index, and long before it; an index that is spoilt.
    for length in [whole.len() - 5, whole.len() / 2] {
        fs::write(&other, &whole[..length]).unwrap();
        same(&other);
    }
    for from_the_end in [12, 20, 28, 36, 60, 200] {
        let mut spoilt = whole.clone();
        let at = spoilt.len() - from_the_end;
        spoilt[at] ^= 0x40;
        fs::write(&other, &spoilt).unwrap();
        same(&other);
    }
    // A part of a run of which the first instruction is not in the first messages, and one that was told nothing.
    let mut writer = EpisodeWriter::create(&other, EpisodeReader::open(&path).unwrap().header()).unwrap();
    for i in 0..1500 {
        writer.record(&Record::Phase(Nanos::from_millis(100 + i), "Waiting".into())).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!((glance(&other).zero_nanos, glance(&other).instruction), (100_000_000, None));
}

#[test]
fn of_a_run_that_waits_and_is_told_several_things_the_first_is_an_episode_and_another_can_be_cut_out() {
    let dir = tempfile::tempdir().unwrap();
    let (path, part) = (dir.path().join("e.mcap"), dir.path().join("part.mcap"));
    let mut rng = Pcg64::new(13, 1);
    let mut writer = EpisodeWriter::create(&path, &header(&mut rng)).unwrap();
    let at = Nanos::from_millis;
    let say = |ms, epoch, text: &str| Record::Instruction { stamp: at(ms), epoch, text: text.into() };
    let mut see = |ms| Record::Observation(Arc::new(observation(&mut rng, ms, at(ms))));
    for record in [
        say(1000, 0, ""),
        see(1100),
        say(1200, 1, "open it"),
        see(1300),
        see(1400),
        say(1500, 2, "open it"),
        see(1600),
        say(1700, 3, ""),
        see(1800),
        say(1900, 4, "close it"),
        see(2000),
        Record::Summary(at(2100), json!({"success": false})),
    ] {
        writer.record(&record).unwrap();
    }
    writer.finish().unwrap();

    let told: Vec<String> = info(&path).instructions.into_iter().map(|(_, text)| text).collect();
    assert_eq!(
        (info(&path).zero_nanos, told),
        (1_000_000_000, ["open it", "open it", "close it"].map(String::from).to_vec())
    );
    let glance = Glance::of(&EpisodeReader::open(&path).unwrap());
    assert_eq!((glance.zero_nanos, glance.instruction.as_deref()), (1_000_000_000, Some("open it")));

    let own = |path: &std::path::Path| OwnRecording::new(EpisodeReader::open(path).unwrap()).unwrap();
    let stamps = |own: &OwnRecording| own.moments().iter().map(|moment| moment.stamp).collect::<Vec<_>>();
    let first = own(&path);
    assert_eq!(
        (first.about().instruction.as_deref(), stamps(&first)),
        (Some("open it"), [1300, 1400, 1600].map(at).to_vec())
    );
    let notes = &first.about().notes;
    assert!(notes.len() == 1 && notes[0].contains("changed 0.4 s after its first frame"), "{notes:?}");
    assert_eq!(first.summary(), Some(&json!({"success": false})), "the verdict is on all of it");
    cut(&path, 0.85, f64::INFINITY, &part, false).unwrap();
    let second = own(&part);
    assert_eq!((second.about().instruction.as_deref(), stamps(&second)), (Some("close it"), vec![at(2000)]));
}

#[test]
fn a_folder_is_no_recording_and_the_one_in_it_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = EpisodeReader::open(dir.path()).err().map(|error| error.to_string());
    let place = dir.path().display();
    assert_eq!(error, Some(format!("{place}: is a folder; a recording is {place}/episode.mcap")));
}

#[test]
fn ticks_that_were_dropped_are_a_gap_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("e.mcap");
    let mut rng = Pcg64::new(12, 1);
    let mut writer = EpisodeWriter::create(&path, &header(&mut rng)).unwrap();
    for record in records(&mut rng, 0, 100) {
        if !matches!(&record, Record::Tick(tick) if (40..47).contains(&tick.number)) {
            writer.record(&record).unwrap();
        }
    }
    writer.finish().unwrap();
    assert_eq!(serde_json::to_value(info(&path).gaps).unwrap(), json!([{"after": 39, "missing": 7}]));
}

#[test]
fn a_cut_keeps_what_lies_between_its_times_and_the_instruction() {
    let (dir, path, records) = recorded();
    let out = dir.path().join("part.mcap");
    let edited = cut(&path, 0.5, 1.0, &out, false).unwrap();
    assert!(edited.losses.is_empty(), "{:?}", edited.losses);
    let stamp = |record: &Record| match record {
        Record::State(state) => Some(state.stamp),
        _ => None,
    };
    let expected: Vec<&Record> = records
        .iter()
        .filter(|record| {
            stamp(record).is_some_and(|at| (Nanos::from_millis(5500)..=Nanos::from_millis(6000)).contains(&at))
        })
        .collect();
    let found = read(&out);
    assert!(matches!(&found[0], Record::Instruction { stamp: Nanos(5_000_000_000), .. }), "{:?}", found[0]);
    let states: Vec<&Record> = found.iter().filter(|record| stamp(record).is_some()).collect();
    assert!(states == expected && states.len() > 490, "{} states, {} expected", states.len(), expected.len());
    // Whole observations, views and clouds, and times as in the source.
    assert!(found.iter().any(|record| matches!(record, Record::Detail(..))));
    assert!((info(&out).duration_secs - 1.0).abs() < 0.002);
    assert_eq!(info(&out).summary, None);
}

#[test]
fn parts_join_to_the_whole_and_what_both_hold_is_there_once() {
    let (dir, path, records) = recorded();
    let [first, second, out] = ["a.mcap", "b.mcap", "c.mcap"].map(|name| dir.path().join(name));
    cut(&path, 0.0, 1.2, &first, false).unwrap();
    cut(&path, 0.8, f64::INFINITY, &second, false).unwrap();
    merge(&[first.clone(), second.clone()], &out, false).unwrap();
    let found = read(&out);
    assert!(found == records, "{} records joined, {} recorded", found.len(), records.len());
    // The other way round as well.
    merge(&[second, first], &out, true).unwrap();
    assert_eq!(read(&out).len(), records.len());
}

#[test]
fn recordings_of_two_runs_are_not_joined() {
    let (dir, path, _) = recorded();
    let other = dir.path().join("other.mcap");
    let mut header = EpisodeReader::open(&path).unwrap().header().clone();
    header.meta["run"]["seed"] = json!(8);
    EpisodeWriter::create(&other, &header).unwrap().finish().unwrap();
    let error = merge(&[path, other], &dir.path().join("c.mcap"), false).unwrap_err().to_string();
    assert!(error.contains("not of one run") && error.contains("meta.run.seed is 7 and 8"), "{error}");
    assert!(!dir.path().join("c.mcap").exists());
}

#[test]
fn nothing_is_overwritten_unless_told() {
    let (dir, path, _) = recorded();
    let out = dir.path().join("mine.mcap");
    fs::write(&out, "precious").unwrap();
    let error = cut(&path, 0.0, 1.0, &out, false).unwrap_err().to_string();
    assert!(error.contains("mine.mcap") && error.contains("--force"), "{error}");
    assert_eq!(fs::read(&out).unwrap(), b"precious");
    cut(&path, 0.0, 1.0, &out, true).unwrap();
    assert!(read(&out).len() > 1000);
    let error = cut(&path, 0.0, 1.0, &path, true).unwrap_err().to_string();
    assert!(error.contains("e.mcap") && error.contains("another --out"), "{error}");
    // An edit that fails leaves the file that was there, and nothing half done.
    let before = fs::read(&out).unwrap();
    cut(&dir.path().join("none.mcap"), 0.0, 1.0, &out, true).unwrap_err();
    assert_eq!(fs::read(&out).unwrap(), before);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn of_a_truncated_or_damaged_recording_the_good_part_is_saved() {
    let (dir, path, records) = recorded();
    let whole = fs::read(&path).unwrap();
    let (broken, out) = (dir.path().join("broken.mcap"), dir.path().join("saved.mcap"));
    let third = whole.len() / 3;
    let mut flipped = whole.clone();
    flipped[2 * third] ^= 0xff;
    for (bytes, ends, loss) in
        [(whole[..2 * third].to_vec(), "truncated", "cut off"), (flipped, "damaged before byte", "damaged before byte")]
    {
        fs::write(&broken, bytes).unwrap();
        assert!(info(&broken).ends.contains(ends), "{}", info(&broken).ends);
        let edited = cut(&broken, 0.0, f64::INFINITY, &out, true).unwrap();
        assert!(edited.losses.len() == 1 && edited.losses[0].contains(loss), "{:?}", edited.losses);
        assert!(edited.losses[0].contains("broken.mcap"), "{:?}", edited.losses);
        let saved = read(&out);
        assert!(saved == records[..saved.len()] && saved.len() > records.len() / 4, "{} records", saved.len());
        assert_eq!(info(&out).ends, "complete");
    }
}
