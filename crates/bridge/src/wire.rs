//! A connection that sends and receives whole frames, each within its time.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use crate::{
    BridgeError, Frame, Limits,
    frame::{Layout, PREFIX_LEN, Prefix},
};

/// Room that is made before bytes have come; more only as they do.
const FIRST_ROOM: usize = 64 << 10;
/// How long, and how many bytes, a connection that is given up is still listened to.
const FAREWELL: Duration = Duration::from_millis(500);
const MOST_SCRAP: usize = 1 << 20;

/// How long this end waits.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the first byte before hello was said: who does not greet keeps others away.
    pub hello: Duration,
    /// For the first byte of a frame: the other end thinks, simulates or rests.
    pub first: Duration,
    /// For all of a frame from there on, and for sending one.
    pub frame: Duration,
}

impl Patience {
    /// A client's: a reset or a step of a simulator may take minutes.
    pub const CLIENT: Self = Self { first: Duration::from_secs(300), ..Self::SERVER };
    /// A server's: a client may think for long, and one that has gone without a word is let go.
    pub const SERVER: Self =
        Self { hello: Duration::from_secs(20), first: Duration::from_secs(1800), frame: Duration::from_secs(20) };

    /// Until hello was said.
    pub(crate) fn until_hello(self) -> Self {
        Self { first: self.hello, ..self }
    }
}

/// One end of a connection.
pub struct Wire {
    stream: TcpStream,
    /// What the other end may send.
    limits: Limits,
    patience: Patience,
}

impl Wire {
    /// Frames are small and answered one by one: they are sent at once.
    pub fn new(stream: TcpStream, limits: Limits, patience: Patience) -> Result<Self, BridgeError> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, limits, patience })
    }

    /// From here on this end waits as long as that.
    pub fn set_patience(&mut self, patience: Patience) {
        self.patience = patience;
    }

    /// Sends a frame that the other end accepts under `limits`.
    ///
    /// # Errors
    /// Too large, or it does not go through in time.
    pub fn send(&mut self, frame: &Frame, limits: &Limits) -> Result<(), BridgeError> {
        let bytes = frame.encode(limits)?;
        let until = Instant::now() + self.patience.frame;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let left = left(until).ok_or_else(|| self.hangs("a frame that was sent", self.patience.frame))?;
            self.stream.set_write_timeout(Some(left))?;
            match self.stream.write(rest) {
                Ok(0) => return Err(BridgeError::Closed),
                Ok(n) => rest = rest.get(n..).unwrap_or_default(),
                Err(e) if is_wait(&e) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    /// The next frame; `None` if the other end has closed the connection instead.
    ///
    /// # Errors
    /// Silence, bytes that are no frame, or a connection that breaks off.
    pub fn receive(&mut self) -> Result<Option<Frame>, BridgeError> {
        let Some(first) = self.first_byte()? else { return Ok(None) };
        let until = Instant::now() + self.patience.frame;
        let mut prefix = [first; PREFIX_LEN];
        let rest = self.read("lengths", PREFIX_LEN - 1, until)?;
        for (to, from) in prefix.iter_mut().skip(1).zip(rest) {
            *to = from;
        }
        let prefix = Prefix::parse(prefix, &self.limits)?;
        let header = self.read("header", prefix.header, until)?;
        let layout = Layout::parse(&header, prefix.blobs, &self.limits)?;
        let mut arrays = Vec::with_capacity(layout.entries.len());
        for entry in layout.entries {
            let blob = self.read("arrays", entry.len, until)?;
            arrays.push(entry.fill(blob));
        }
        Ok(Some(Frame { header: layout.header, arrays }))
    }

    /// Ends the connection, and what was sent last still arrives: closed over bytes that nobody has read, a connection is
    /// reset, and the other end may lose it. So what comes is thrown away, for a while.
    pub fn hang_up(&mut self) {
        // A connection that is gone already is what is wanted.
        let _ = self.stream.shutdown(Shutdown::Write);
        let until = Instant::now() + FAREWELL;
        let (mut scrap, mut room) = (vec![0; FIRST_ROOM], MOST_SCRAP);
        while let Some(left) = left(until).filter(|_| room > 0) {
            let read = self.stream.set_read_timeout(Some(left)).and_then(|()| self.stream.read(&mut scrap));
            match read {
                Ok(0) => break,
                Ok(n) => room = room.saturating_sub(n),
                Err(e) if is_wait(&e) => {}
                Err(_) => break,
            }
        }
    }

    fn first_byte(&mut self) -> Result<Option<u8>, BridgeError> {
        let until = Instant::now() + self.patience.first;
        let mut byte = [0];
        loop {
            let left = left(until).ok_or_else(|| self.hangs("an answer", self.patience.first))?;
            self.stream.set_read_timeout(Some(left))?;
            match self.stream.read(&mut byte) {
                Ok(0) => return Ok(None),
                Ok(_) => return Ok(byte.first().copied()),
                Err(e) if is_wait(&e) => {}
                Err(e) if e.kind() == ErrorKind::ConnectionReset => return Ok(None),
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// `wanted` bytes: room grows as they come, and the time is that of the whole frame however slowly they drip.
    fn read(&mut self, part: &'static str, wanted: usize, until: Instant) -> Result<Vec<u8>, BridgeError> {
        let mut bytes = vec![0; wanted.min(FIRST_ROOM)];
        let mut got = 0;
        while got < wanted {
            if got == bytes.len() {
                bytes.resize(wanted.min(2 * got), 0);
            }
            let left = left(until).ok_or_else(|| self.hangs(part, self.patience.frame))?;
            self.stream.set_read_timeout(Some(left))?;
            match self.stream.read(bytes.get_mut(got..).unwrap_or_default()) {
                Ok(0) => return Err(BridgeError::Truncated { part, got, wanted }),
                Ok(n) => got += n,
                Err(e) if is_wait(&e) => {}
                Err(e) if e.kind() == ErrorKind::ConnectionReset => {
                    return Err(BridgeError::Truncated { part, got, wanted });
                }
                Err(e) => return Err(e.into()),
            }
        }
        Ok(bytes)
    }

    fn hangs(&self, part: &'static str, waited: Duration) -> BridgeError {
        BridgeError::Timeout { part, secs: waited.as_secs_f64() }
    }
}

/// Time left, if any; the system takes no timeout of zero for one.
fn left(until: Instant) -> Option<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    (left > Duration::ZERO).then(|| left.max(Duration::from_millis(1)))
}

/// A read or write that only has to be tried again.
fn is_wait(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
