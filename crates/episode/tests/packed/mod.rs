//! Records of a container by hand, packed as far as they can be. Other crates' tests use it by its path.

#![allow(dead_code)]

/// What a file starts with.
pub const MAGIC: &[u8] = b"\x89MCAP0\r\n";

fn record(opcode: u8, parts: &[&[u8]]) -> Vec<u8> {
    let data = parts.concat();
    [&[opcode], &(data.len() as u64).to_le_bytes()[..], &data].concat()
}

/// Bytes after their number.
fn counted(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_le_bytes()[..], bytes].concat()
}

/// A type whose definition is nothing but zeros.
pub fn schema(id: u16, name: &str, zeros: usize) -> Vec<u8> {
    record(3, &[&id.to_le_bytes(), &counted(name.as_bytes()), &counted(b"ros2msg"), &counted(&vec![0; zeros])])
}

/// A topic of a type.
pub fn channel(id: u16, schema: u16, topic: &str) -> Vec<u8> {
    let (id, schema) = (id.to_le_bytes(), schema.to_le_bytes());
    record(4, &[&id, &schema, &counted(topic.as_bytes()), &counted(b"cdr"), &counted(b"")])
}

/// A message of the first moment.
pub fn message(channel: u16, data: &[u8]) -> Vec<u8> {
    record(5, &[&channel.to_le_bytes(), &[0; 4], &[0; 16], data])
}

/// What a whole file ends with: no summary.
pub fn end() -> Vec<u8> {
    [record(15, &[&[0; 4]]), record(2, &[&[0; 20]]), MAGIC.to_vec()].concat()
}

/// Records in a chunk.
pub fn chunk(records: &[u8]) -> Vec<u8> {
    let packed = zstd::bulk::compress(records, 1).unwrap();
    let (size, packed_size) = ((records.len() as u64).to_le_bytes(), (packed.len() as u64).to_le_bytes());
    record(6, &[&[0; 16], &size, &[0; 4], &counted(b"zstd"), &packed_size, &packed])
}
