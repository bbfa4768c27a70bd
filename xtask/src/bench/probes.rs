//! What the probes of compilers cost: all of them, with an empty cache and with their answers kept.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::bench::measure::Times;
use crate::bench::place::Bench;

/// Bound for one compiler with an empty cache.
const COLD: Duration = Duration::from_millis(300);

impl Bench {
    /// `doctor --compilers` of every compiler on this machine.
    pub fn probes(&self, rounds: usize) -> Result<(), String> {
        let cache = self.scratch.join("probes");
        let (mut cold, mut kept, mut count) = (Vec::new(), Vec::new(), 0);
        for _ in 0..rounds {
            let _ = std::fs::remove_dir_all(&cache);
            for times in [&mut cold, &mut kept] {
                let began = Instant::now();
                let mut doctor = Command::new(&self.xpkg);
                doctor
                    .args(["doctor", "--compilers", "--message-format", "json"])
                    .env("XDG_CACHE_HOME", &cache)
                    .env_remove("RUSTUP_TOOLCHAIN");
                let answer = doctor
                    .output()
                    .map_err(|error| format!("{doctor:?}: {error}"))?;
                times.push(began.elapsed());
                // It ends with 1 where a compiler has a bug.
                let report: serde_json::Value = serde_json::from_slice(&answer.stdout)
                    .map_err(|error| format!("{doctor:?}: {error}"))?;
                count = report["compilers"].as_array().map_or(0, Vec::len);
            }
        }
        let compilers = u32::try_from(count).map_err(|error| error.to_string())?;
        if compilers == 0 {
            return Err("doctor found no compiler".to_owned());
        }
        let (cold, kept) = (Times::of(cold), Times::of(kept));
        let row = |case: &str, times: &Times, bound: &str| {
            println!(
                "| probes of {count} compilers, {case} | | | {:.3} s | {:.3}–{:.3} | | {:.0} ms a compiler | {bound} |",
                times.median.as_secs_f64(),
                times.least.as_secs_f64(),
                times.most.as_secs_f64(),
                times.median.as_secs_f64() * 1000.0 / f64::from(compilers)
            );
        };
        row(
            "cold",
            &cold,
            &format!("at most {} ms a compiler", COLD.as_millis()),
        );
        row("kept", &kept, "");
        if cold.median / compilers <= COLD {
            Ok(())
        } else {
            Err("a bound is not held".to_owned())
        }
    }
}
