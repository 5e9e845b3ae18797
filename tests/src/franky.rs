//! A public server of the Franka control interface in a real robot's place: franky-sim with contact and a hand, or franka-sim
//! with the robot's limits.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    running::{PATIENCE, Running, script},
    workspace,
};

/// An arm whose joints stay within this for this long rests [rad].
const RESTS_RAD: f64 = 4e-4;
const RESTS: Duration = Duration::from_millis(700);
const LOOK: Duration = Duration::from_millis(20);

/// The joint that differs most [rad].
#[must_use]
pub fn farthest(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// `cameras:` of `arm.yaml` for those that `ros plant` plays.
///
/// # Panics
/// The file that has them is missing.
#[must_use]
pub fn plant_cameras() -> String {
    let text = std::fs::read_to_string(workspace().join("sim/rehearsal.yaml")).expect("sim/rehearsal.yaml");
    text[text.find("cameras:").expect("cameras")..].to_string()
}

/// The server; it ends with this.
pub struct Franky {
    child: Child,
    stdin: ChildStdin,
    lines: BufReader<ChildStdout>,
    at: Value,
}

impl Franky {
    /// franky-sim; waits until it listens.
    ///
    /// # Panics
    /// It is not installed, or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::listening("franky-sim", |command, _| {
            command.arg("contact");
        })
    }

    /// franka-sim: motion limits and the rule about lost packets are enforced, and there is no hand; waits until it listens.
    ///
    /// # Panics
    /// It is not installed, or does not start.
    #[must_use]
    pub fn strict() -> Self {
        Self::listening("franka-sim", |command, peers| {
            let model = peers.join("franky-sim/lib/python3.11/site-packages/franky_sim/assets/fr3.xml");
            command.args(["limits", "--model"]).arg(model);
        })
    }

    fn listening(peer: &str, add: impl Fn(&mut Command, &Path)) -> Self {
        let own = std::env::var_os("NEURAXIS_PEERS").map_or_else(|| workspace().join(".deps"), PathBuf::from);
        let python = own.join(peer).join("bin/python");
        assert!(python.exists(), "{} is missing: ./neuraxis setup --peers", python.display());
        let mut command = Command::new(python);
        command.arg(workspace().join("sim/franka_server.py"));
        add(&mut command, &own);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the server starts");
        let (stdin, stdout) = (child.stdin.take().expect("its input"), child.stdout.take().expect("its output"));
        let mut franky = Self { child, stdin, lines: BufReader::new(stdout), at: Value::Null };
        franky.at = franky.answer();
        franky
    }

    /// Asks it one of the things that stand at the head of `sim/franka_server.py`.
    ///
    /// # Panics
    /// It does not know that, or has ended.
    pub fn ask(&mut self, line: &str) -> Value {
        writeln!(self.stdin, "{line}").expect("the server listens");
        let answer = self.answer();
        assert!(answer.get("error").is_none(), "{answer}");
        answer
    }

    /// Where its joints are, by its own word [rad].
    ///
    /// # Panics
    /// It has ended.
    pub fn joints_rad(&mut self) -> Vec<f64> {
        let state = self.ask("state");
        state["q"].as_array().expect("joints").iter().map(|q| q.as_f64().expect("a number")).collect()
    }

    /// Waits until no joint goes anywhere for a while; where they are then [rad]. By positions: at rest franky-sim's seventh joint
    /// trembles at 500 Hz, by a tenth of a milliradian, and its velocity is as large as that of a slow motion.
    ///
    /// # Panics
    /// It never rests, or has ended.
    pub fn at_rest(&mut self) -> Vec<f64> {
        let (mut still, mut since, end) = (self.joints_rad(), Instant::now(), Instant::now() + PATIENCE);
        while since.elapsed() < RESTS {
            assert!(Instant::now() < end, "the arm never rests: {still:?}");
            sleep(LOOK);
            let now = self.joints_rad();
            if farthest(&now, &still) > RESTS_RAD {
                (still, since) = (now, Instant::now());
            }
        }
        still
    }

    /// Waits until a joint has gone so far from where it was; where they are then [rad]. `None`: none has in this time.
    ///
    /// # Panics
    /// The server has ended.
    pub fn on_its_way(&mut self, start_rad: &[f64], way_rad: f64, patience: Duration) -> Option<Vec<f64>> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            let now = self.joints_rad();
            if farthest(&now, start_rad) > way_rad {
                return Some(now);
            }
            sleep(LOOK);
        }
        None
    }

    /// The arm of a running `ros plant` goes where this one is, as long as what is returned lives.
    ///
    /// # Panics
    /// The script that passes it on does not start.
    #[must_use]
    pub fn seen_by_the_plant(&mut self, domain: &str) -> Running {
        let follower = Running::of(&mut script("follow_arm.py"), domain);
        let told = follower.wait_for("port ");
        self.ask(&format!("show {}", told.last().map_or("", |line| &line["port ".len()..])));
        follower
    }

    /// Writes a file about the arm, with these cameras (`cameras:` of `arm.yaml`).
    ///
    /// # Panics
    /// It cannot be written.
    pub fn write_arm(&self, file: &Path, cameras: &str) {
        let hand = match self.at["hand_port"].as_u64() {
            Some(port) if port > 0 => format!("hand_port: {port}"),
            _ => "hand: false".into(),
        };
        // A busy machine lets packets wait.
        let text = format!(
            "driver: franka\nrehearsal: true\nfranka: {{ host: {}, port: {}, {hand}, realtime: ignore, \
             state_timeout_secs: 1.0, hand_timeout_secs: 5.0 }}\n{cameras}",
            self.at["host"], self.at["port"]
        );
        std::fs::write(file, text).expect("the file");
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("what the server says")
    }
}

impl Drop for Franky {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
