//! What can go wrong between two ends of a bridge.

use std::io;

use crate::Code;

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BridgeError {
    /// Nobody answers there.
    #[error("no bridge at {address}: {source}")]
    Connect {
        /// Host and port.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The peer takes too long.
    #[error("the peer hangs: {part} did not go through within {secs:.1} s")]
    Timeout {
        /// What was waited for.
        part: &'static str,
        /// How long [s].
        secs: f64,
    },
    /// The peer has gone.
    #[error("the peer closed the connection before it answered")]
    Closed,
    /// The peer has gone in the middle of a frame.
    #[error("the connection broke off inside a frame: {got} of {wanted} bytes of its {part} came")]
    Truncated {
        /// Part of the frame.
        part: &'static str,
        /// Bytes that came.
        got: usize,
        /// Bytes that were announced.
        wanted: usize,
    },
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// Bytes that are no frame.
    #[error("not a frame: {0}")]
    Frame(#[from] FrameError),
    /// A frame that is no message.
    #[error("not a message: {0}")]
    Message(#[from] MessageError),
    /// The peer speaks another version.
    #[error("the peer speaks version {theirs} of the contract, this program {ours}")]
    Version {
        /// The peer's.
        theirs: u64,
        /// Ours.
        ours: u64,
    },
    /// A message that is no answer to what was asked.
    #[error("asked for {wanted}, the peer answered with {got}")]
    Unexpected {
        /// Kind that was to come.
        wanted: &'static str,
        /// Kind that came.
        got: &'static str,
    },
    /// The peer refused.
    #[error("the peer refused ({code}): {message}")]
    Refused {
        /// Why, for programs.
        code: Code,
        /// Why, for people.
        message: String,
    },
}

/// Why bytes are no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Larger than allowed.
    #[error("its {part} has {size} bytes, allowed: {most} at most")]
    TooLarge {
        /// The whole, or its header.
        part: &'static str,
        /// As announced.
        size: u64,
        /// Limit.
        most: u64,
    },
    /// The two lengths contradict each other.
    #[error("a header of {header} bytes does not fit into a frame of {total}")]
    Lengths {
        /// Length of the header.
        header: u64,
        /// Length of what follows the first number.
        total: u64,
    },
    /// The header is no JSON object.
    #[error("its header is no JSON object: {0}")]
    Header(String),
    /// The list of arrays is none.
    #[error("header.arrays[{index}] is {found}, allowed: [name, dtype, shape]")]
    Entry {
        /// Place in the list.
        index: usize,
        /// What stands there.
        found: String,
    },
    /// `arrays` itself is missing or no list.
    #[error("header.arrays is {0}, allowed: a list of [name, dtype, shape]")]
    Arrays(String),
    /// More arrays than allowed.
    #[error("header.arrays has {count} entries, allowed: {most} at most")]
    TooMany {
        /// As announced.
        count: usize,
        /// Limit.
        most: usize,
    },
    /// A name that is none.
    #[error("array name {0:?}, allowed: 1 to 64 letters, digits and _, each once")]
    Name(String),
    /// An element type that is not used here.
    #[error("array {name} has dtype {dtype:?}, allowed: \"|u1\", \"<f4\", \"<f8\"")]
    Dtype {
        /// The array.
        name: String,
        /// As announced.
        dtype: String,
    },
    /// A shape that is none.
    #[error("array {name} has shape {shape}, allowed: up to 4 whole numbers from 0, all bytes within the frame")]
    Shape {
        /// The array.
        name: String,
        /// As announced.
        shape: String,
    },
    /// Arrays and frame do not agree on the number of bytes.
    #[error("its arrays have {announced} bytes by their shapes, the frame has {present} for them")]
    Blobs {
        /// By the shapes.
        announced: u64,
        /// By the lengths.
        present: u64,
    },
    /// Fewer or more bytes than the frame says.
    #[error("{present} bytes, by its length it has {announced}")]
    Length {
        /// By the first number, with it.
        announced: u64,
        /// At hand.
        present: u64,
    },
}

/// Why a frame is no message.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// A field of the header.
    #[error("header.{field}: {reason}")]
    Field {
        /// Its name.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The header as a whole.
    #[error("header: {0}")]
    Header(String),
    /// An array that should be there.
    #[error("array {0} is missing")]
    Missing(String),
    /// An array that should not be there.
    #[error("array {0} is not part of this message")]
    Unknown(String),
    /// An array of another type or shape.
    #[error("array {name} is {dtype} {shape:?}, wanted: {wanted}")]
    Array {
        /// The array.
        name: String,
        /// Its type.
        dtype: &'static str,
        /// Its shape.
        shape: Vec<usize>,
        /// What it should be.
        wanted: String,
    },
    /// NaN or infinity.
    #[error("array {name}, element {index}: {value} is not finite")]
    NotFinite {
        /// The array.
        name: String,
        /// Which of its numbers.
        index: usize,
        /// The number.
        value: f64,
    },
    /// A calibration that no camera has.
    #[error("camera {camera}: {reason}")]
    Camera {
        /// The camera.
        camera: String,
        /// What is wrong.
        reason: String,
    },
    /// A pose that is none.
    #[error("{name} is no pose: {reason}")]
    Pose {
        /// Whose.
        name: &'static str,
        /// What is wrong.
        reason: String,
    },
}
