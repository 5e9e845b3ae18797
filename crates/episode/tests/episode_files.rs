//! Recordings as users meet them: whole, cut off, of a killed process, damaged, not recordings at all.

use std::{fs, path::Path};

use nalgebra::{UnitQuaternion, Vector3};
use neuraxis_core::{
    ArmCommand, ArmState, CameraView, Frame, Gripper, Intrinsics, Joints, KeyFrame, Nanos, Observation, Pose,
    Prediction, Progress, Segment, StageTimes,
};
use neuraxis_episode::{CommandSample, DepthEncoding, End, EpisodeReader, EpisodeWriter, Header, Record};
use rand::Rng;
use rand_pcg::Pcg64;
use serde_json::json;

fn pose<A: Frame, B: Frame>(rng: &mut Pcg64) -> Pose<A, B> {
    Pose::from_parts(
        Vector3::from_fn(|_, _| rng.random_range(-2.0..2.0)),
        UnitQuaternion::from_euler_angles(rng.random(), rng.random(), rng.random()),
    )
}

fn joints(rng: &mut Pcg64) -> Joints {
    Joints::from_fn(7, |_| rng.random_range(-3.0..3.0))
}

fn header(rng: &mut Pcg64) -> Header {
    Header {
        joint_names: (1..=7).map(|i| format!("fr3_joint{i}")).collect(),
        gripper_joint_names: vec!["fr3_finger_joint1".into(), "fr3_finger_joint2".into()],
        robot_description: "<robot name=\"r\"><link name=\"fr3_link0\"/></robot>".into(),
        base_frame: "fr3_link0".into(),
        world_from_base: pose(rng),
        depth: DepthEncoding::Metres,
        meta: json!({"seed": 7, "rate_hz": 0.1 + 0.2}),
    }
}

fn observation(rng: &mut Pcg64, seq: u64, stamp: Nanos) -> Observation {
    let camera = |rng: &mut Pcg64, name: &str, width: u32, height: u32| CameraView {
        name: name.into(),
        intrinsics: Intrinsics { width, height, fx: rng.random(), fy: rng.random(), cx: 3.5, cy: rng.random() },
        world_from_camera: pose(rng),
        rgb: (0..3 * width * height).map(|_| rng.random()).collect(),
        depth_m: (0..width * height).map(|i| if i == 0 { f32::INFINITY } else { rng.random() }).collect(),
    };
    Observation {
        seq,
        stamp,
        cameras: vec![camera(rng, "front", 8, 6), camera(rng, "wrist", 5, 3)],
        q: joints(rng),
        world_from_tool: pose(rng),
        gripper_width_m: rng.random(),
        progress: Progress { reached_world_from_tool: pose(rng), gripper: Gripper::Open, reached_count: 2 },
    }
}

fn prediction(rng: &mut Pcg64, seq: u64, observed_at: Nanos) -> Prediction {
    Prediction {
        seq,
        epoch: 3,
        observed_at,
        keyframe: KeyFrame {
            world_from_tool: pose(rng),
            gripper: Gripper::Closed,
            ignore_collisions: seq.is_multiple_of(2),
        },
        confidence: rng.random(),
        times: StageTimes { render_secs: rng.random(), total_secs: rng.random(), ..Default::default() },
        path: None,
    }
}

/// Writes `count` milliseconds of an episode; returns what a reader must find.
fn write(writer: &mut EpisodeWriter, rng: &mut Pcg64, count: u64) -> Vec<Record> {
    let mut expected = Vec::new();
    writer.instruction(Nanos(0), 3, "press the \"red\" button, dann grün").unwrap();
    expected.push(Record::Instruction {
        stamp: Nanos(0),
        epoch: 3,
        text: "press the \"red\" button, dann grün".into(),
    });
    for i in 0..count {
        let stamp = Nanos(i * 1_000_000 + rng.random_range(0..1000));
        let state = ArmState {
            stamp,
            q: joints(rng),
            qd: joints(rng),
            tau_nm: joints(rng),
            gripper_width_m: rng.random_range(0.0..0.08),
            grip_force_n: (i % 2 == 0).then(|| rng.random_range(0.0..70.0)),
        };
        writer.state(&state).unwrap();
        let command = ArmCommand { qd: joints(rng), qdd: joints(rng), ..ArmCommand::hold(joints(rng), 0.08, 35.0) };
        writer.command(stamp, &command).unwrap();
        expected.push(Record::State(state));
        let ArmCommand { q, qd, gripper_width_m, .. } = command;
        expected.push(Record::Command(CommandSample { stamp, q, qd, gripper_width_m }));
        if i % 30 == 0 {
            let observation = observation(rng, i, stamp);
            writer.observation(&observation).unwrap();
            expected.push(Record::Observation(Box::new(observation)));
            let prediction = prediction(rng, i, stamp);
            writer.prediction(Nanos(stamp.0 + 5), &prediction).unwrap();
            expected.push(Record::Prediction(Nanos(stamp.0 + 5), Box::new(prediction)));
            let segment = Segment {
                epoch: 3,
                seq: i,
                t0: stamp,
                valid_until: stamp + Nanos::from_millis(20),
                q: joints(rng),
                qd: joints(rng),
                qdd: joints(rng),
                gripper_width_m: rng.random(),
                grip_force_n: rng.random(),
            };
            writer.segments(stamp, &[segment, segment]).unwrap();
            expected.push(Record::Segments(stamp, vec![segment; 2]));
            let tick = json!({"seq": i, "command": command});
            writer.ticks(stamp, &[&tick]).unwrap();
            expected.push(Record::Ticks(stamp, vec![tick]));
        }
    }
    let end = Nanos::from_millis(count);
    writer.event(end, "done").unwrap();
    writer.drops(end, &json!({"viewer": 2})).unwrap();
    writer.summary(end, &json!({"success": true})).unwrap();
    expected.push(Record::Event(end, "done".into()));
    expected.push(Record::Drops(end, json!({"viewer": 2})));
    expected.push(Record::Summary(end, json!({"success": true})));
    expected
}

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
    put("/events", 0, &[0, 1, 0, 0, 3, 0, 0, 0, b'o', b'k', 0]);
    writer.finish().unwrap();
    let reader = EpisodeReader::open(&path).unwrap();
    let found: Vec<_> = reader.records().collect();
    let error = found[0].as_ref().unwrap_err().to_string();
    assert!(error.contains("e.mcap: channel /joint_states, message 4 at 9 ns, byte 16: "), "{error}");
    assert_eq!(found[1].as_ref().unwrap(), &Record::Event(Nanos(9), "ok".into()));
    assert_eq!(found.len(), 2);
}
