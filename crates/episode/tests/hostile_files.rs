//! Files that somebody made to break the reader: none panics, none makes it allocate much, each error names its place.
//!
//! Alone in its file: it counts every allocation of its process. `NEURAXIS_CASES` sets how many files are tried.

mod largest;
mod packed;
mod sample;

use std::{collections::BTreeMap, fs, path::Path};

use mcap::{McapError, WriteOptions, Writer, records::MessageHeader};
use neuraxis_episode::{EpisodeError, EpisodeReader, EpisodeWriter, Glance, Info, container::Messages, cut};
use packed::{MAGIC, channel, chunk, message, schema};
use rand::Rng;
use rand_pcg::Pcg64;
use sample::{header, records};

/// No request of the reader's is larger: the limit on a record of the container, doubled as a vector grows.
const MOST_BYTES: usize = 129 << 20;
/// Readers never keep more, with the other tests of this file beside them.
const MOST_LIVE_BYTES: usize = 1 << 30;
/// Of a hostile schema.
const LARGE: usize = 40 << 20;

fn cases() -> usize {
    std::env::var("NEURAXIS_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(4000)
}

/// A recording with everything in it.
fn whole(dir: &Path) -> Vec<u8> {
    let path = dir.join("whole.mcap");
    let mut rng = Pcg64::new(21, 1);
    let mut writer = EpisodeWriter::create(&path, &header(&mut rng)).unwrap();
    for record in records(&mut rng, 0, 12) {
        writer.record(&record).unwrap();
    }
    writer.finish().unwrap();
    fs::read(path).unwrap()
}

/// The same messages without compression and without checksums, so that what is spoilt reaches the decoders.
fn bare(whole: &[u8], mut spoil: impl FnMut(&str, &mut Vec<u8>)) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    let options = WriteOptions::new().compression(None).calculate_chunk_crcs(false).calculate_data_section_crc(false);
    let mut writer = Writer::with_options(&mut out, options).unwrap();
    let mut channels = BTreeMap::new();
    for message in mcap::MessageStream::new(whole).unwrap() {
        let message = message.unwrap();
        let topic = message.channel.topic.clone();
        let id = *channels.entry(topic.clone()).or_insert_with(|| {
            writer.add_channel(0, &topic, &message.channel.message_encoding, &BTreeMap::new()).unwrap()
        });
        let mut data = message.data.into_owned();
        spoil(&topic, &mut data);
        let (sequence, log_time, publish_time) = (message.sequence, message.log_time, message.publish_time);
        let header = MessageHeader { channel_id: id, sequence, log_time, publish_time };
        writer.write_to_known_channel(&header, &data).unwrap();
    }
    writer.finish().unwrap();
    drop(writer);
    out.into_inner()
}

/// Changes some bytes the way that damage and malice do.
fn mutate(rng: &mut Pcg64, bytes: &mut Vec<u8>) {
    for _ in 0..rng.random_range(1..4) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.random_range(0..bytes.len());
        let end = (at + rng.random_range(1..64)).min(bytes.len());
        match rng.random_range(0..8) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = rng.random(),
            // A length that lies.
            2 | 3 => {
                let lie: u64 =
                    [u64::MAX, u64::from(u32::MAX), 1 << 31, 1 << 62, 1 << 26, 0][rng.random_range(0..6usize)];
                let width = if rng.random_bool(0.5) { 4 } else { 8 };
                let end = (at + width).min(bytes.len());
                bytes[at..end].copy_from_slice(&lie.to_le_bytes()[..end - at]);
            }
            4 => bytes.truncate(at),
            5 => drop(bytes.drain(at..end)),
            6 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            _ => bytes[at..end].fill(rng.random()),
        }
    }
}

/// Reads all of a file in every way that there is; returns the errors.
fn read_all(dir: &Path, bytes: &[u8]) -> Vec<String> {
    let path = dir.join("hostile.mcap");
    // A file that is written over goes to the disk at once, a new one when there is time.
    let _ = fs::remove_file(&path);
    fs::write(&path, bytes).unwrap();
    let reader = match EpisodeReader::open(&path) {
        Ok(reader) => reader,
        Err(error) => return vec![error.to_string()],
    };
    let mut errors = Vec::new();
    for record in reader.records() {
        match record {
            Ok(_) => {}
            Err(error @ (EpisodeError::Message { .. } | EpisodeError::Damaged { .. })) => {
                errors.push(error.to_string())
            }
            Err(other) => panic!("an error without a place: {other}"),
        }
    }
    let info = Info::of(&reader);
    Glance::of(&reader);
    assert!(info.ends != "complete" || info.duration_secs.is_finite());
    errors
}

#[test]
fn hostile_files_neither_panic_nor_allocate_much_and_errors_name_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let whole = whole(dir.path());
    let plain = bare(&whole, |_, _| {});
    assert!(read_all(dir.path(), &whole).is_empty() && read_all(dir.path(), &plain).is_empty());
    let mut rng = Pcg64::new(22, 1);
    let (mut noticed, mut in_messages) = (0, 0);
    for case in 0..cases() {
        let bytes = match case % 4 {
            // The container, compressed and not.
            0 => {
                let mut bytes = whole.clone();
                mutate(&mut rng, &mut bytes);
                bytes
            }
            1 | 2 => {
                let mut bytes = plain.clone();
                mutate(&mut rng, &mut bytes);
                bytes
            }
            // A good container with spoilt messages.
            _ => bare(&whole, |_, data| {
                if rng.random_bool(0.1) {
                    mutate(&mut rng, data);
                }
            }),
        };
        largest::forget();
        let errors = read_all(dir.path(), &bytes);
        let largest = largest::largest();
        assert!(largest <= MOST_BYTES, "case {case}: {largest} bytes were asked for at once");
        noticed += usize::from(!errors.is_empty());
        for error in &errors {
            assert!(error.contains("hostile.mcap"), "case {case}: {error}");
            in_messages += usize::from(error.contains("channel /") && error.contains("byte "));
        }
        // Cutting is reading and writing.
        if case % 50 == 0 {
            let saved = cut(&dir.path().join("hostile.mcap"), 0.0, f64::INFINITY, &dir.path().join("saved.mcap"), true);
            if let Err(error) = saved {
                assert!(error.to_string().contains(".mcap"), "case {case}: {error}");
            }
        }
    }
    println!("{} files: {noticed} refused in part or whole, {in_messages} messages named", cases());
    assert!(noticed > cases() / 3 && in_messages > cases() / 20, "{noticed} noticed, {in_messages} messages named");
}

#[test]
fn a_chunk_that_claims_to_be_huge_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    // A chunk record whose lengths are those of a bomb: 1 TB from a few bytes.
    let mut bytes = mcap::MAGIC.to_vec();
    let mut chunk = Vec::new();
    [0_u64, 1, 1 << 40].iter().for_each(|number| chunk.extend(number.to_le_bytes()));
    chunk.extend(0_u32.to_le_bytes());
    chunk.extend(4_u32.to_le_bytes());
    chunk.extend(b"zstd");
    chunk.extend(8_u64.to_le_bytes());
    chunk.extend([0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0]);
    bytes.push(6);
    bytes.extend((chunk.len() as u64).to_le_bytes());
    bytes.extend(chunk);
    largest::forget();
    let errors = read_all(dir.path(), &bytes);
    assert!(largest::largest() <= MOST_BYTES);
    assert!(errors.len() == 1 && errors[0].contains("hostile.mcap: damaged before byte"), "{errors:?}");
}

#[test]
fn a_large_schema_of_many_channels_is_kept_once() {
    let channels: Vec<u8> = (0..60).flat_map(|id| channel(id, 1, &format!("/{id}"))).collect();
    let bytes = [MAGIC, &chunk(&[schema(1, "Large", LARGE), channels, message(59, &[7; 8])].concat())].concat();
    assert!(bytes.len() < 20_000, "{} bytes", bytes.len());
    let mut messages = Messages::new(&bytes);
    let first = messages.next().unwrap().unwrap();
    let live = largest::live();
    assert!(live <= MOST_LIVE_BYTES, "{live} bytes are kept of {}", bytes.len());
    assert_eq!((first.channel.topic.as_str(), first.channel.schema.bytes.len()), ("/59", LARGE));
}

#[test]
fn what_is_told_again_costs_nothing_and_what_is_told_anew_has_an_end() {
    let told = |number: u16, name: &str| {
        chunk(
            &[schema(number, name, LARGE), channel(number, number, &format!("/{name}")), message(number, &[7; 8])]
                .concat(),
        )
    };
    let again = [MAGIC, &told(1, "Same").repeat(6)].concat();
    assert_eq!(Messages::new(&again).map(Result::unwrap).take(6).count(), 6);
    // Other schemas, and another schema of the same number.
    for number in [|i| i, |_| 1] {
        let chunks: Vec<u8> = (1..=6).flat_map(|i| told(number(i), &i.to_string())).collect();
        let bytes = [MAGIC, &chunks].concat();
        let ends: Vec<_> = Messages::new(&bytes).map(|found| found.err()).collect();
        assert!(matches!(&ends[..], [None, None, None, Some(McapError::RecordTooLarge { .. })]), "{ends:?}");
    }
    // Each channel has its topic for itself.
    let long = [MAGIC, &chunk(&channel(1, 0, &"x".repeat(1025)))].concat();
    assert!(matches!(Messages::new(&long).next(), Some(Err(McapError::RecordTooLarge { len: 1025, .. }))));
}
