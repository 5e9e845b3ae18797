//! `neuraxis replay --picture` and `ros viz --picture`: the viewer's window as a PNG, on a machine without a screen.
//!
//! The viewer runs headless and is steered through `rerun viewer-mcp` (JSON-RPC, one message a line). It needs a Vulkan
//! driver; one that draws in software will do (`mesa-vulkan-drivers`).

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{page::free_port, palette};

/// The viewer is given so long to listen, and as long to read the recording and to write the picture.
const PATIENCE: Duration = Duration::from_secs(90);
/// After it has read everything it draws some more: meshes and images are prepared one after the other.
const SETTLES: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_millis(300);

/// What the picture is of.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// On the time line; `None`: its end [s].
    pub at_secs: Option<f64>,
    /// Width and height of the window [px].
    pub size: [u32; 2],
}

/// Takes a picture of a recording of the viewer's, which ends at `end_secs`, with 256 colours.
pub fn take(viewer: &Path, recording: &Path, end_secs: f64, moment: Moment, out: &Path) -> Result<()> {
    let (port, [width, height]) = (free_port()?.to_string(), moment.size);
    let mut command = Command::new(viewer);
    command.arg(recording).args(["--headless", "--bind", "127.0.0.1", "--port", &port]);
    command.args(["--window-size", &format!("{width}x{height}")]);
    let mut window = Guard(command.stderr(Stdio::null()).spawn().with_context(|| viewer.display().to_string())?);
    let mut mcp = Mcp::start(viewer)?;
    let endpoint = json!({ "endpoint": format!("http://127.0.0.1:{port}") });
    patiently("the viewer does not answer", || {
        if let Some(status) = window.0.try_wait()? {
            bail!("the viewer ended ({status}); it needs a Vulkan driver, such as Debian's mesa-vulkan-drivers");
        }
        Ok(mcp.tool("connect", &endpoint).ok())
    })?;
    patiently("the viewer does not read the recording to its end", || {
        let state = mcp.tool("viewer_state", &json!({}))?;
        Ok(newest_secs(&state).filter(|secs| *secs >= end_secs - 0.1))
    })?;
    thread::sleep(SETTLES);
    if let Some(secs) = moment.at_secs {
        mcp.tool("set_time", &json!({ "timeline": "t", "time": (secs * 1e9) as i64, "play": false }))?;
        thread::sleep(SETTLES);
    }
    let raw = std::env::temp_dir().join(format!("neuraxis-picture-{}.png", std::process::id()));
    mcp.tool("screenshot", &json!({ "save_path": raw }))?;
    // The file is written a little after the answer.
    let picture = patiently("the viewer writes no picture", || Ok(read(&raw).ok()));
    let _ = std::fs::remove_file(&raw);
    let (width, rgb) = picture?;
    palette::write(out, width, &rgb)
}

/// Width and (height, width, 3) colours of a picture that the viewer wrote.
fn read(file: &Path) -> Result<(usize, Vec<u8>)> {
    let mut reader = png::Decoder::new(BufReader::new(File::open(file)?)).read_info()?;
    let mut pixels = vec![0; reader.output_buffer_size().context("a picture of unknown size")?];
    let info = reader.next_frame(&mut pixels)?;
    match info.color_type {
        png::ColorType::Rgb => {}
        png::ColorType::Rgba => {
            pixels = pixels.as_chunks::<4>().0.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect();
        }
        other => bail!("a picture of {other:?}"),
    }
    Ok((info.width as usize, pixels))
}

/// The end of the viewer's time line as it knows it.
fn newest_secs(state: &Value) -> Option<f64> {
    let text = state["content"][0]["text"].as_str()?;
    let state: Value = serde_json::from_str(text).ok()?;
    let lines = state["recordings"][0]["timelines"].as_array()?;
    let line = lines.iter().find(|line| line["timeline"] == "t")?;
    Some(line["max"].as_f64()? * 1e-9)
}

/// Asks again until there is an answer.
fn patiently<T>(or_else: &str, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if started.elapsed() > PATIENCE {
            bail!("{or_else} within {} s", PATIENCE.as_secs());
        }
        thread::sleep(LOOK);
    }
}

/// Ends the process with its owner.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The viewer's remote control.
struct Mcp {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    calls: u64,
    _process: Guard,
}

impl Mcp {
    fn start(viewer: &Path) -> Result<Self> {
        let mut command = Command::new(viewer);
        command.arg("viewer-mcp").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Guard(command.spawn().with_context(|| viewer.display().to_string())?);
        let (Some(input), Some(output)) = (process.0.stdin.take(), process.0.stdout.take()) else {
            bail!("{}: no pipes", viewer.display())
        };
        let mut mcp = Self { input, output: BufReader::new(output), calls: 0, _process: process };
        let client = json!({ "name": "neuraxis", "version": env!("CARGO_PKG_VERSION") });
        let hello = json!({ "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": client });
        mcp.call("initialize", &hello)?;
        writeln!(mcp.input, "{}", json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        Ok(mcp)
    }

    fn call(&mut self, method: &str, params: &Value) -> Result<Value> {
        self.calls += 1;
        let id = self.calls;
        writeln!(self.input, "{}", json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line)? == 0 {
                bail!("the viewer's remote control ended during {method}");
            }
            let answer: Value = serde_json::from_str(&line)?;
            if answer["id"] != id {
                continue;
            }
            if let Some(error) = answer.get("error") {
                bail!("{method}: {error}");
            }
            if answer["result"]["isError"] == true {
                bail!("{params}: {}", answer["result"]);
            }
            return Ok(answer["result"].clone());
        }
    }

    fn tool(&mut self, name: &str, arguments: &Value) -> Result<Value> {
        self.call("tools/call", &json!({ "name": name, "arguments": arguments }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_time_line_is_read_from_what_the_viewer_says() {
        let line = |name: &str, max: u64| json!({ "timeline": name, "min": 0, "max": max });
        let state = json!({ "recordings": [{ "timelines": [line("log_time", 5), line("t", 3_299_000_000)] }] });
        let said = json!({ "content": [{ "type": "text", "text": state.to_string() }] });
        assert!(newest_secs(&said).is_some_and(|secs| (secs - 3.299).abs() < 1e-9), "{said}");
        assert_eq!(newest_secs(&json!({ "content": [] })), None);
    }
}
