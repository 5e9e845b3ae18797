//! `neuraxis replay --web`: the viewer as a page. Our Rerun crate holds none, the installed program does.

use std::{net::TcpListener, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, bail};

use crate::interrupt;

/// Serves a recording of the viewer's on this machine, until Ctrl-C.
pub fn serve(viewer: &Path, recording: &Path) -> Result<()> {
    // Two free ports; whoever takes one in between makes the program fail, loudly.
    let (data, page) = (free_port()?, free_port()?);
    let mut server = Command::new(viewer)
        .arg(recording)
        .args(["--serve-web", "--bind", "127.0.0.1"])
        // Only what goes wrong.
        .env("RUST_LOG", "warn")
        .args(["--port", &data.to_string(), "--web-viewer-port", &page.to_string()])
        .spawn()
        .with_context(|| viewer.display().to_string())?;
    say!("look at it  http://127.0.0.1:{page}/?url=rerun%2Bhttp%3A%2F%2F127.0.0.1%3A{data}%2Fproxy");
    say!("            until Ctrl-C");
    loop {
        if let Some(status) = server.try_wait()? {
            if interrupt::asked() {
                return Ok(());
            }
            bail!("{} ended: {status}", viewer.display());
        }
        if interrupt::asked() {
            // It may have heard the same Ctrl-C and be gone.
            let _ = server.kill();
            server.wait()?;
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A port of this machine that nobody listens on now.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
