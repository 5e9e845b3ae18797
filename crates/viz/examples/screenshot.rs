//! A picture of the real viewer with a recording open, without a screen:
//! `cargo run -p neuraxis-viz --example screenshot -- VIEWER FILE.rrd OUT.png [SECONDS]`.
//!
//! VIEWER is the `rerun` program (`.deps/rerun/rerun_sdk/rerun_cli/rerun`), SECONDS a moment on the timeline (the end
//! if left out). Needs a Vulkan driver; software rendering will do (`mesa-vulkan-drivers`). The viewer runs headless and
//! is steered through `rerun viewer-mcp` (JSON-RPC, one message per line).

use std::{
    env,
    error::Error,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

const PORT: &str = "9886";

/// Ends the process with its owner.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Mcp {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    calls: u64,
}

impl Mcp {
    fn call(&mut self, method: &str, params: Value) -> Result<Value, Box<dyn Error>> {
        self.calls += 1;
        writeln!(self.input, "{}", json!({"jsonrpc": "2.0", "id": self.calls, "method": method, "params": params}))?;
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line)? == 0 {
                return Err(format!("viewer-mcp ended during {method}").into());
            }
            let answer: Value = serde_json::from_str(&line)?;
            if answer["id"] == self.calls {
                return match answer.get("error") {
                    Some(error) => Err(format!("{method}: {error}").into()),
                    None if answer["result"]["isError"] == true => {
                        Err(format!("{params}: {}", answer["result"]).into())
                    }
                    None => Ok(answer["result"].clone()),
                };
            }
        }
    }

    fn tool(&mut self, name: &str, arguments: Value) -> Result<Value, Box<dyn Error>> {
        self.call("tools/call", json!({"name": name, "arguments": arguments}))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let (viewer, file, out, secs) = match &args[..] {
        [viewer, file, out] => (viewer, file, out, None),
        [viewer, file, out, secs] => (viewer, file, out, Some(secs.parse::<f64>()?)),
        _ => return Err("usage: screenshot VIEWER FILE.rrd OUT.png [SECONDS]".into()),
    };
    let flags = ["--headless", "--bind", "127.0.0.1", "--port", PORT, "--window-size", "1600x1000"];
    let _viewer = Guard(Command::new(viewer).arg(file).args(flags).stderr(Stdio::null()).spawn()?);
    let mut mcp = Command::new(viewer);
    let mcp = mcp.arg("viewer-mcp").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut guard = Guard(mcp);
    let (Some(input), Some(output)) = (guard.0.stdin.take(), guard.0.stdout.take()) else {
        return Err("viewer-mcp has no pipes".into());
    };
    let mut mcp = Mcp { input, output: BufReader::new(output), calls: 0 };
    let client = json!({"name": "neuraxis", "version": env!("CARGO_PKG_VERSION")});
    mcp.call("initialize", json!({"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": client}))?;
    writeln!(mcp.input, "{}", json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
    // The viewer takes a moment to listen, and another to draw everything once.
    let mut left = 30;
    while let Err(error) = mcp.tool("connect", json!({"endpoint": format!("http://127.0.0.1:{PORT}")})) {
        left -= 1;
        if left == 0 {
            return Err(error);
        }
        thread::sleep(Duration::from_secs(1));
    }
    thread::sleep(Duration::from_secs(4));
    if let Some(secs) = secs {
        mcp.tool("set_time", json!({"timeline": "t", "time": (secs * 1e9) as i64, "play": false}))?;
        thread::sleep(Duration::from_secs(2));
    }
    mcp.tool("screenshot", json!({"save_path": out}))?;
    // The file is written a little after the answer.
    thread::sleep(Duration::from_secs(1));
    println!("{out}");
    Ok(())
}
