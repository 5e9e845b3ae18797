//! What a measurement was made on: without it a number says nothing.

use serde::Serialize;

/// Load under which nobody else was at work.
const QUIET_LOAD: f64 = 0.5;

/// Host, kernel, governor, and the processor time that a hypervisor took away.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
    preempt_rt: bool,
    governor: String,
    load_1_min: f64,
    steal_percent: Option<f64>,
    #[serde(skip)]
    start: Option<[u64; 2]>,
}

impl Machine {
    /// Looks at the machine; steal time counts from here.
    pub fn look() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).map(|text| text.trim().to_string()).ok();
        let processor = read("/proc/cpuinfo").and_then(|text| {
            text.lines().find_map(|line| Some(line.strip_prefix("model name")?.split_once(':')?.1.trim().to_string()))
        });
        let load = read("/proc/loadavg").and_then(|text| text.split(' ').next()?.parse().ok());
        Self {
            processor: processor.unwrap_or_else(|| "unknown".into()),
            cores: std::thread::available_parallelism().map_or(1, |n| n.get()),
            kernel: read("/proc/sys/kernel/osrelease").unwrap_or_else(|| "unknown".into()),
            preempt_rt: read("/sys/kernel/realtime").is_some_and(|flag| flag == "1"),
            governor: read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
                .unwrap_or_else(|| "not visible here".into()),
            load_1_min: load.unwrap_or(f64::NAN),
            steal_percent: None,
            start: cpu_time(),
        }
    }

    /// The same machine with the share of processor time stolen since [`Machine::look`].
    pub fn after(mut self) -> Self {
        self.steal_percent = self.start.zip(cpu_time()).map(|([steal, all], [steal_now, all_now])| {
            100.0 * steal_now.saturating_sub(steal) as f64 / all_now.saturating_sub(all).max(1) as f64
        });
        self
    }

    /// Steal and load in one line, after [`Machine::after`].
    pub fn weather(&self) -> String {
        format!("stolen by the hypervisor {}, load {:.1}", self.steal(), self.load_1_min)
    }

    /// Two lines.
    pub fn print(&self) {
        let rt = if self.preempt_rt { "PREEMPT_RT" } else { "not PREEMPT_RT" };
        say!("machine  {}, {} cores, load {:.1} at the start", self.processor, self.cores, self.load_1_min);
        say!("kernel   {}, {rt}; governor {}; stolen by the hypervisor {}", self.kernel, self.governor, self.steal());
        if self.load_1_min > QUIET_LOAD {
            say!("not quiet: others were at work here at the start, and are in every figure below");
        }
    }

    fn steal(&self) -> String {
        self.steal_percent.map_or("unknown".into(), |steal| format!("{steal:.1} %"))
    }
}

/// Ticks stolen and ticks in all, over all cores.
fn cpu_time() -> Option<[u64; 2]> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let numbers: Vec<u64> = text.lines().next()?.split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
    Some([*numbers.get(7)?, numbers.iter().take(8).sum()])
}
