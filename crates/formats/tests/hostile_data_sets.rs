//! Data sets that somebody made to break the reader: none panics, none makes it allocate much.
//!
//! Alone in its file: it counts every allocation of its process. `NEURAXIS_CASES` sets how many are tried.

mod heap;

use std::{fs, path::Path, sync::Arc};

use neuraxis_episode::Recorded;
use neuraxis_formats::lerobot::{DataSet, Options};
use parquet::{
    data_type::Int64Type, file::properties::WriterProperties, file::writer::SerializedFileWriter,
    schema::parser::parse_message_type,
};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

/// No request is larger: the limit on a page of a table.
const MOST_BYTES: usize = 257 << 20;

#[test]
fn mutated_data_sets_are_refused_or_read() {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/lerobot");
    let files = ["meta/info.json", "meta/episodes/chunk-000/file-000.parquet", "data/chunk-000/file-000.parquet"];
    let whole: Vec<Vec<u8>> = files.iter().map(|file| fs::read(data.join(file)).unwrap()).collect();
    for (file, bytes) in files.iter().zip(&whole) {
        fs::create_dir_all(dir.path().join(file).parent().unwrap()).unwrap();
        fs::write(dir.path().join(file), bytes).unwrap();
    }
    // A program that is not there: a mutated description may turn pictures into a video.
    let options = Options { ffmpeg: "/nonexistent/ffmpeg".into(), degrees: false };
    let mut rng = Pcg64::seed_from_u64(32);
    let (mut good, mut frames) = (0, 0);
    let cases = heap::cases();
    for _ in 0..cases {
        let broken = [0, 1, 1, 2, 2, 2][rng.random_range(0..6)];
        let path = dir.path().join(files[broken]);
        fs::write(&path, heap::mutated(&whole[broken], &mut rng)).unwrap();
        if let Ok(data_set) = DataSet::open(dir.path()) {
            for place in 0..data_set.len().min(3) {
                let Ok(episode) = data_set.episode(place, &options) else { continue };
                good += 1;
                let all: Vec<usize> = (0..episode.moments().len()).collect();
                frames += episode.pictures(&all).filter(Result::is_ok).count();
            }
        }
        fs::write(&path, &whole[broken]).unwrap();
    }
    let largest = heap::largest();
    println!("{cases} data sets: {good} episodes opened, {frames} frames, largest allocation {} MB", largest >> 20);
    assert!(good > cases / 10 && good < 2 * cases, "{good} of {cases}: the mutations do not do their work");
    assert!(largest <= MOST_BYTES, "{largest} bytes at once");
}

/// A table of so many million rows without any value.
fn nulls(millions: usize) -> Vec<u8> {
    let schema = parse_message_type("message m { OPTIONAL INT64 episode_index; }").unwrap();
    let properties = WriterProperties::builder().set_data_page_row_count_limit(1_000_000).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties)).unwrap();
    for _ in 0..millions {
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&[], Some(&vec![0; 1_000_000]), None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

#[test]
fn countless_rows_without_values_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/lerobot");
    let files = ["meta/info.json", "meta/episodes/chunk-000/file-000.parquet", "data/chunk-000/file-000.parquet"];
    for file in files {
        fs::create_dir_all(dir.path().join(file).parent().unwrap()).unwrap();
        fs::copy(data.join(file), dir.path().join(file)).unwrap();
    }
    let bytes = nulls(17);
    assert!(bytes.len() < 10_000, "{} bytes", bytes.len());
    fs::write(dir.path().join(files[2]), bytes).unwrap();
    let data_set = DataSet::open(dir.path()).unwrap();
    let error = data_set.episode(0, &Options::default()).err().unwrap().to_string();
    assert!(error.ends_with("file-000.parquet: 17000000 rows, read at once: 16000000"), "{error}");
}

#[test]
fn mutated_pictures_are_refused_or_decoded() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let files = ["picture.jpg", "grey.png"].map(|name| fs::read(data.join(name)).unwrap());
    let mut rng = Pcg64::seed_from_u64(33);
    let cases = heap::cases();
    let mut good = 0;
    for case in 0..cases {
        good += usize::from(neuraxis_picture::decode(&heap::mutated(&files[case % 2], &mut rng)).is_ok());
    }
    println!("{cases} pictures: {good} decoded, largest allocation {} MB", heap::largest() >> 20);
    assert!(good > cases / 20 && good < cases, "{good} of {cases}: the mutations do not do their work");
    assert!(heap::largest() <= MOST_BYTES, "{} bytes at once", heap::largest());
}
