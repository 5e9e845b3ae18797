//! Common Data Representation, the byte form of ROS 2 messages: little endian, plain (XCDR1).
//!
//! Four bytes 00 01 00 00, then fields in order, each number aligned to its own size counted from after those four
//! bytes; a string is its length with the closing zero, its bytes, a zero; a sequence is its length, then its items.
//! OMG DDS-RTPS 2.5, section 10.2; CORBA 3.3 part 2, section 9.3.

use neuraxis_core::Nanos;

const ENCAPSULATION: [u8; 4] = [0, 1, 0, 0];

/// Builds one message.
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// Starts a message in a buffer whose contents are dropped.
    pub fn new(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        buffer.extend_from_slice(&ENCAPSULATION);
        Self { bytes: buffer }
    }

    /// The bytes.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn align(&mut self, size: usize) {
        let body = self.bytes.len() - ENCAPSULATION.len();
        self.bytes.resize(self.bytes.len() + body.next_multiple_of(size) - body, 0);
    }

    /// `uint8`
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// `uint32`, `int32`
    pub fn u32(&mut self, value: u32) {
        self.align(4);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// `uint64`
    pub fn u64(&mut self, value: u64) {
        self.align(8);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// `float64`
    pub fn f64(&mut self, value: f64) {
        self.align(8);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// `string`
    pub fn string(&mut self, text: &str) {
        self.u32(text.len() as u32 + 1);
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
    }

    /// `uint8[]`
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.u32(bytes.len() as u32);
        self.bytes.extend_from_slice(bytes);
    }

    /// `float64[]`
    pub fn f64s(&mut self, values: &[f64]) {
        self.u32(values.len() as u32);
        values.iter().for_each(|value| self.f64(*value));
    }

    /// `builtin_interfaces/Time`.
    pub fn time(&mut self, stamp: Nanos) {
        // int32 seconds last 68 years of a monotonic clock.
        self.u32(i32::try_from(stamp.0 / 1_000_000_000).unwrap_or(i32::MAX) as u32);
        self.u32((stamp.0 % 1_000_000_000) as u32);
    }

    /// `std_msgs/Header`.
    pub fn header(&mut self, stamp: Nanos, frame: &str) {
        self.time(stamp);
        self.string(frame);
    }
}

/// Why and where a message cannot be decoded.
#[derive(Debug, PartialEq)]
pub struct CdrError {
    /// Offset in the message.
    pub offset: usize,
    /// What is wrong there.
    pub reason: String,
}

/// Reads one message; every length is compared with what is left before it is believed.
pub struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    /// Starts at the first field.
    ///
    /// # Errors
    /// Another byte order or form than little-endian CDR.
    pub fn new(bytes: &'a [u8]) -> Result<Self, CdrError> {
        match bytes.first_chunk::<4>() {
            // The last two bytes are options; some writers put padding counts there.
            Some([0, 1, _, _]) => Ok(Self { bytes, at: 4 }),
            _ => Err(CdrError { offset: 0, reason: "does not start as little-endian CDR (00 01)".into() }),
        }
    }

    /// An error at this place.
    pub fn error(&self, reason: impl Into<String>) -> CdrError {
        CdrError { offset: self.at, reason: reason.into() }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], CdrError> {
        let left = self.bytes.len() - self.at;
        if count > left {
            return Err(self.error(format!("{count} bytes needed, {left} left")));
        }
        let taken = &self.bytes[self.at..self.at + count];
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CdrError> {
        let body = self.at - ENCAPSULATION.len();
        self.take(body.next_multiple_of(N) - body)?;
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// `uint8`
    pub fn u8(&mut self) -> Result<u8, CdrError> {
        Ok(self.take(1)?[0])
    }

    /// `uint32`, `int32`
    pub fn u32(&mut self) -> Result<u32, CdrError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// `uint64`
    pub fn u64(&mut self) -> Result<u64, CdrError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// `float64`
    pub fn f64(&mut self) -> Result<f64, CdrError> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    /// `string`, without its closing zero.
    pub fn string(&mut self) -> Result<&'a str, CdrError> {
        let length = self.u32()? as usize;
        let start = self.at;
        let Some((0, text)) = self.take(length)?.split_last() else {
            return Err(CdrError { offset: start, reason: "string without closing zero".into() });
        };
        std::str::from_utf8(text).map_err(|e| CdrError { offset: start, reason: e.to_string() })
    }

    /// `uint8[]`
    pub fn bytes(&mut self) -> Result<&'a [u8], CdrError> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    /// `float64[]`
    pub fn f64s(&mut self) -> Result<Vec<f64>, CdrError> {
        let length = self.u32()? as usize;
        if length > (self.bytes.len() - self.at) / 8 {
            return Err(self.error(format!("a sequence of {length} numbers does not fit into the message")));
        }
        (0..length).map(|_| self.f64()).collect()
    }

    /// `N` numbers of a fixed-length array.
    pub fn array_f64<const N: usize>(&mut self) -> Result<[f64; N], CdrError> {
        let mut numbers = [0.0; N];
        for number in &mut numbers {
            *number = self.f64()?;
        }
        Ok(numbers)
    }

    /// Length of a sequence of which each item takes `least_bytes` at least.
    pub fn length(&mut self, least_bytes: usize) -> Result<usize, CdrError> {
        let length = self.u32()? as usize;
        if length > (self.bytes.len() - self.at) / least_bytes.max(1) {
            return Err(self.error(format!("a sequence of {length} items does not fit into the message")));
        }
        Ok(length)
    }

    /// `builtin_interfaces/Time`; `None` before the clock's start.
    pub fn time(&mut self) -> Result<Option<Nanos>, CdrError> {
        let (secs, nanos) = (self.u32()? as i32, self.u32()?);
        let since = |secs: u64| Nanos(secs * 1_000_000_000 + u64::from(nanos));
        Ok(u64::try_from(secs).ok().map(since))
    }

    /// Skips a `std_msgs/Header`: the log time of our messages is their stamp; returns the frame.
    pub fn header(&mut self) -> Result<&'a str, CdrError> {
        self.time()?;
        self.string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `sensor_msgs/JointState` of one joint as Fast-CDR lays it out, written down by hand.
    #[test]
    fn layout_is_that_of_ros() {
        let mut encoder = Encoder::new(vec![9; 3]);
        encoder.header(Nanos(2_000_000_003), "w");
        encoder.u32(1);
        encoder.string("j1");
        encoder.f64s(&[1.0]);
        encoder.f64s(&[]);
        encoder.bytes(&[7]);
        let expected: &[&[u8]] = &[
            &[0, 1, 0, 0],
            &[2, 0, 0, 0, 3, 0, 0, 0],
            &[2, 0, 0, 0, b'w', 0, 0, 0],
            &[1, 0, 0, 0, 3, 0, 0, 0, b'j', b'1', 0, 0],
            &[1, 0, 0, 0],
            // Body byte 32 needs no padding before the 8-byte number.
            &[0, 0, 0, 0, 0, 0, 0xf0, 0x3f],
            &[0, 0, 0, 0],
            &[1, 0, 0, 0, 7],
        ];
        assert_eq!(encoder.finish(), expected.concat());
    }

    #[test]
    fn lengths_are_not_believed() {
        let mut encoder = Encoder::new(Vec::new());
        encoder.u32(u32::MAX);
        let bytes = encoder.finish();
        for error in [
            Decoder::new(&bytes).unwrap().f64s().unwrap_err(),
            Decoder::new(&bytes).unwrap().string().unwrap_err(),
            Decoder::new(&bytes).unwrap().bytes().unwrap_err(),
        ] {
            assert_eq!(error.offset, 8);
        }
        assert!(Decoder::new(&[0, 0, 0, 0]).is_err());
        assert!(Decoder::new(&[0, 1]).is_err());
    }
}
