//! The mutants of `tests/it/archive/mutants.rs` for as long as one likes, with other seeds each
//! time.

use std::time::SystemTime;

use crate::command::{Go as _, cargo};

/// Seconds without a number.
const SECONDS: &str = "120";

/// Runs the mutants: `[SECONDS] [NAME…]`, the names of the seeds that are changed.
pub fn run(args: &[String]) -> Result<(), String> {
    let seconds = args.first().map_or(SECONDS, String::as_str);
    seconds
        .parse::<u64>()
        .map_err(|_| format!("`{seconds}` is no number of seconds"))?;
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(1, |time| time.as_secs());
    let seed = std::env::var("XPKG_FUZZ_SEED").unwrap_or_else(|_| (now & 0xffff_ffff).to_string());
    eprintln!("xtask: seed {seed}; an input that fails is left in target/fuzz");
    let mut command = cargo(&[
        "test",
        "--test",
        "it",
        "--",
        "no_mutant_makes_a_panic",
        "--show-output",
    ]);
    command
        .env("XPKG_FUZZ_SECONDS", seconds)
        .env("XPKG_FUZZ_SEED", seed)
        .env(
            "XPKG_FUZZ_ONLY",
            args.get(1..).unwrap_or_default().join(","),
        )
        .env("RUST_BACKTRACE", "0")
        .go()
}
