use std::fs;

use rand::Rng;
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    index::{CLOUDS, INDEX, Index},
    points::STEP_M,
    *,
};
use crate::EpisodeError;

const BOUNDS: Bounds = [-0.3, -0.5, 0.6, 0.7, 0.5, 1.6];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Label {
    instruction: String,
    q: Vec<f64>,
}

type Sample = (Vec<[f32; 3]>, Vec<[u8; 3]>, Label);

fn samples(seed: u64, count: usize) -> Vec<Sample> {
    let mut rng = Pcg64::new(seed.into(), 1);
    (0..count)
        .map(|i| {
            let n = rng.random_range(0..400);
            let point = |rng: &mut Pcg64| -> [f32; 3] {
                std::array::from_fn(|k| rng.random_range(BOUNDS[k] as f32..=BOUNDS[k + 3] as f32))
            };
            let xyz = (0..n).map(|_| point(&mut rng)).collect();
            let rgb = (0..n).map(|_| rng.random()).collect();
            let q = (0..7).map(|_| rng.random()).collect();
            (xyz, rgb, Label { instruction: format!("press \"{i}\"\n"), q })
        })
        .collect()
}

fn push_all(writer: &mut DatasetWriter, samples: &[Sample]) {
    for (xyz, rgb, record) in samples {
        writer.push(&CloudSample { xyz_in_world: xyz, rgb, record }).unwrap();
    }
}

fn check(dataset: &Dataset, samples: &[Sample]) {
    assert_eq!(dataset.len(), samples.len());
    let (mut xyz, mut rgb) = (vec![[9.0; 3]; 5], vec![[1; 3]; 5]);
    for (i, sample) in samples.iter().enumerate() {
        dataset.cloud_into(i, &mut xyz, &mut rgb).unwrap();
        assert_eq!(rgb, sample.1);
        assert_eq!(xyz.len(), sample.0.len());
        for (read, written) in xyz.iter().flatten().zip(sample.0.iter().flatten()) {
            // Half a step, and the rounding of f32 near 1.6.
            assert!((read - written).abs() <= 0.5 * STEP_M as f32 + 2e-7, "{read} {written}");
        }
        assert_eq!(dataset.record::<Label>(i).unwrap(), sample.2);
    }
}

#[test]
fn what_is_written_is_read_back_over_shards() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    let all = samples(3, 25);
    for (dir, part) in [(&a, &all[..10]), (&b, &all[10..])] {
        let mut writer = DatasetWriter::create(dir, BOUNDS, json!({"seed": 3})).unwrap();
        push_all(&mut writer, part);
        assert_eq!(writer.finish().unwrap(), part.len());
    }
    let dataset = Dataset::open_all(&[&a, &b]).unwrap();
    check(&dataset, &all);
    assert!(dataset.metas().all(|meta| *meta == json!({"seed": 3})));
    let error = dataset.record::<Label>(25).unwrap_err();
    assert_eq!(error.to_string(), "record 25 asked for, the data set has 25");
}

#[test]
fn an_unfinished_writer_loses_only_what_follows_the_last_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let all = samples(4, 12);
    let mut writer = DatasetWriter::create(dir.path(), BOUNDS, json!(null)).unwrap();
    push_all(&mut writer, &all[..5]);
    writer.checkpoint().unwrap();
    push_all(&mut writer, &all[7..]);
    drop(writer);
    check(&Dataset::open(dir.path()).unwrap(), &all[..5]);

    let mut writer = DatasetWriter::append(dir.path()).unwrap();
    assert_eq!(writer.len(), 5);
    push_all(&mut writer, &all[5..]);
    writer.finish().unwrap();
    check(&Dataset::open(dir.path()).unwrap(), &all);
    assert!(matches!(DatasetWriter::create(dir.path(), BOUNDS, json!(null)), Err(EpisodeError::AlreadyExists { .. })));
}

#[test]
fn a_second_writer_is_refused_and_spoils_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let all = samples(7, 3);
    let mut first = DatasetWriter::create(dir.path(), BOUNDS, json!(null)).unwrap();
    push_all(&mut first, &all[..1]);
    assert!(matches!(DatasetWriter::create(dir.path(), BOUNDS, json!(null)), Err(EpisodeError::InUse { .. })));
    first.checkpoint().unwrap();
    push_all(&mut first, &all[1..]);
    let error = DatasetWriter::append(dir.path()).map(|_| ()).unwrap_err().to_string();
    assert!(error.ends_with(": another process writes this data set; wait until it has ended"), "{error}");
    first.finish().unwrap();
    check(&Dataset::open(dir.path()).unwrap(), &all);
    assert_eq!(DatasetWriter::append(dir.path()).unwrap().len(), 3);
}

#[test]
fn a_bad_sample_is_refused_and_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let all = samples(5, 2);
    let mut writer = DatasetWriter::create(dir.path(), BOUNDS, json!(null)).unwrap();
    push_all(&mut writer, &all[..1]);
    for (xyz, rgb, word) in [
        (vec![[0.0, 0.0, 0.5]], vec![[0; 3]], "outside the bounds"),
        (vec![[0.0, f32::NAN, 1.0]], vec![[0; 3]], "outside the bounds"),
        (vec![[0.0, 0.0, 1.0]], vec![], "1 points, but 0 colours"),
        (vec![[0.0, 0.0, 1.0]; 1 << 21], vec![[0; 3]; 1 << 21], "2097152 points, allowed: 2097151"),
    ] {
        let error = writer.push(&CloudSample { xyz_in_world: &xyz, rgb: &rgb, record: &1 }).unwrap_err().to_string();
        assert!(error.contains(word) && error.contains("sample 1"), "{error}");
    }
    push_all(&mut writer, &all[1..]);
    writer.finish().unwrap();
    check(&Dataset::open(dir.path()).unwrap(), &all);
}

#[test]
fn damage_is_named_with_file_and_record() {
    let dir = tempfile::tempdir().unwrap();
    let all = samples(6, 4);
    let mut writer = DatasetWriter::create(dir.path(), BOUNDS, json!(null)).unwrap();
    push_all(&mut writer, &all);
    writer.finish().unwrap();
    let in_second = Index::read(dir.path()).unwrap().entries[1].cloud_at as usize + 4;
    let clouds = dir.path().join(CLOUDS);
    let whole = fs::read(&clouds).unwrap();

    let mut flipped = whole.clone();
    flipped[in_second] ^= 1;
    fs::write(&clouds, &flipped).unwrap();
    let dataset = Dataset::open(dir.path()).unwrap();
    let (mut xyz, mut rgb) = (Vec::new(), Vec::new());
    dataset.cloud_into(0, &mut xyz, &mut rgb).unwrap();
    let error = dataset.cloud_into(1, &mut xyz, &mut rgb).unwrap_err().to_string();
    assert!(error.contains("clouds.bin: record 1: checksum"), "{error}");
    drop(dataset);

    // On request it is left out, of several folders too.
    let mut dataset = Dataset::open_all(&[dir.path(), dir.path()]).unwrap();
    let named: Vec<String> = dataset.leave_out_damaged().iter().map(ToString::to_string).collect();
    assert_eq!(named.len(), 2);
    assert!(named.iter().all(|error| error.contains("clouds.bin: record 1: checksum")), "{named:?}");
    let sound = [&all[..1], &all[2..]].concat();
    check(&dataset, &[sound.clone(), sound].concat());
    assert!(dataset.leave_out_damaged().is_empty());
    drop(dataset);

    fs::write(&clouds, &whole[..whole.len() - 1]).unwrap();
    let error = Dataset::open(dir.path()).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("clouds.bin: record 3: is cut off"), "{error}");
    assert!(DatasetWriter::append(dir.path()).is_err());

    let mut index = Index::read(dir.path()).unwrap();
    index.entries[2].points = 1 << 21;
    fs::write(dir.path().join(INDEX), serde_json::to_vec(&index).unwrap()).unwrap();
    let error = Dataset::open(dir.path()).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("index.json: record 2: has 2097152 points, allowed: 2097151"), "{error}");

    fs::write(dir.path().join(INDEX), "garbage").unwrap();
    let error = Dataset::open(dir.path()).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("index.json: not a data set index"), "{error}");
    let error = Dataset::open(&dir.path().join("none")).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("cannot read"), "{error}");
}
