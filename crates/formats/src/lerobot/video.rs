//! Frames of a video, unpacked by the program `ffmpeg` beside us.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    thread::JoinHandle,
};

use neuraxis_episode::EpisodeError;

/// What the program says is kept up to here [bytes].
const MOST_SAID: u64 = 4096;
/// Starts so much before the first frame, in frames: rounded times must not lose it.
const EARLY: f64 = 0.25;

/// Frames from a time on, one after another.
pub(super) struct Frames {
    path: PathBuf,
    child: Child,
    frames: ChildStdout,
    said: Option<JoinHandle<String>>,
    bytes: usize,
}

impl Frames {
    /// Starts the program, without a shell. The file is taken for MP4 whatever its name, and nothing but it is read.
    ///
    /// # Errors
    /// The program is not there.
    pub(super) fn open(
        program: &Path,
        path: &Path,
        from_secs: f64,
        fps: f64,
        [width, height]: [u32; 2],
    ) -> Result<Self, EpisodeError> {
        if !path.exists() {
            return Err(EpisodeError::format(path, "the video is missing"));
        }
        let mut source = std::ffi::OsString::from("file:");
        source.push(path);
        let from = (from_secs - EARLY / fps).max(0.0);
        let mut child = Command::new(program)
            .args(["-nostdin", "-v", "error", "-protocol_whitelist", "file,pipe", "-f", "mov"])
            .args(["-ss", &format!("{from:.6}"), "-i"])
            .arg(source)
            .args(["-map", "0:v:0", "-vf", &format!("scale={width}:{height}")])
            .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| {
                let program = program.display();
                EpisodeError::format(
                    path,
                    format!("videos are unpacked by the program {program}, which cannot be started: {e}"),
                )
            })?;
        let (Some(frames), Some(errors)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(EpisodeError::format(path, "no pipe to the program"));
        };
        // Read on a thread of its own: a program that nobody listens to stands still.
        let said = std::thread::spawn(move || {
            let mut errors = errors;
            let mut said = Vec::new();
            let _ = errors.by_ref().take(MOST_SAID).read_to_end(&mut said);
            let _ = io::copy(&mut errors, &mut io::sink());
            String::from_utf8_lossy(&said).trim().to_string()
        });
        let bytes = 3 * width as usize * height as usize;
        Ok(Self { path: path.into(), child, frames, said: Some(said), bytes })
    }

    /// The next frame: (height, width, 3) row-major.
    ///
    /// # Errors
    /// The video ends, or the program does, with its words.
    pub(super) fn next(&mut self) -> Result<Vec<u8>, EpisodeError> {
        let mut rgb = vec![0; self.bytes];
        self.frames.read_exact(&mut rgb).map_err(|_| {
            let _ = self.child.kill();
            let said = self.said.take().and_then(|said| said.join().ok()).filter(|said| !said.is_empty());
            EpisodeError::format(
                &self.path,
                said.unwrap_or_else(|| "the video has fewer frames than the data set".into()),
            )
        })?;
        Ok(rgb)
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
