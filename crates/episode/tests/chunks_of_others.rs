//! Recordings that other programs packed otherwise: lz4, zstd, not at all.

mod sample;

use std::{fs, io::Cursor, path::Path};

use mcap::{Compression, WriteOptions, Writer, records::MessageHeader};
use neuraxis_episode::{EpisodeReader, EpisodeWriter, Info, Record};
use rand_pcg::Pcg64;
use sample::{header, write};

/// The same messages, written by the container library with another compression.
fn repacked(source: &Path, compression: Option<Compression>, chunk_bytes: u64) -> Vec<u8> {
    let bytes = fs::read(source).unwrap();
    let mut out = Cursor::new(Vec::new());
    let options = WriteOptions::new().compression(compression).chunk_size(Some(chunk_bytes));
    let mut writer = Writer::with_options(&mut out, options).unwrap();
    for message in mcap::MessageStream::new(&bytes).unwrap() {
        let message = message.unwrap();
        let (topic, schema) = (&message.channel.topic, message.channel.schema.as_ref().unwrap());
        let schema = writer.add_schema(&schema.name, &schema.encoding, &schema.data).unwrap();
        let channel_id =
            writer.add_channel(schema, topic, &message.channel.message_encoding, &Default::default()).unwrap();
        let (sequence, log_time, publish_time) = (message.sequence, message.log_time, message.publish_time);
        let header = MessageHeader { channel_id, sequence, log_time, publish_time };
        writer.write_to_known_channel(&header, &message.data).unwrap();
    }
    writer.finish().unwrap();
    drop(writer);
    out.into_inner()
}

#[test]
fn chunks_of_every_compression_are_read_to_the_last_bit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("e.mcap");
    let mut rng = Pcg64::new(41, 1);
    let mut writer = EpisodeWriter::create(&path, &header(&mut rng)).unwrap();
    let expected = write(&mut writer, &mut rng, 600);
    writer.finish().unwrap();
    let other = dir.path().join("other.mcap");
    for compression in [Some(Compression::Lz4), Some(Compression::Zstd), None] {
        // Chunks of one block and of many.
        for chunk_bytes in [10_000, 4 << 20] {
            fs::write(&other, repacked(&path, compression, chunk_bytes)).unwrap();
            let reader = EpisodeReader::open(&other).unwrap();
            let found: Vec<Record> = reader.records().map(Result::unwrap).collect();
            assert!(found == expected, "{compression:?}: {} records of {}", found.len(), expected.len());
            assert_eq!(Info::of(&reader).ends, "complete");
        }
    }
}

#[test]
fn a_spoilt_lz4_chunk_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("e.mcap");
    let mut rng = Pcg64::new(42, 1);
    let mut writer = EpisodeWriter::create(&path, &header(&mut rng)).unwrap();
    write(&mut writer, &mut rng, 200);
    writer.finish().unwrap();
    let whole = repacked(&path, Some(Compression::Lz4), 50_000);
    let mut noticed = 0;
    for at in (whole.len() / 4..whole.len() / 2).step_by(whole.len() / 200) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        fs::write(&path, bytes).unwrap();
        let Ok(reader) = EpisodeReader::open(&path) else { continue };
        noticed += reader
            .records()
            .filter(|record| matches!(record, Err(error) if error.to_string().contains("e.mcap")))
            .count();
    }
    // What is no chunk but its index is not looked at.
    assert!(noticed > 35, "{noticed} of 50 noticed");
}
