//! Faults for the tests; no plain build has them.

use std::io;

/// A fault that the tests inject at the n-th file operation: XPKG_FAULT is `kill:N` or `fail:N`.
pub struct Fault {
    left: std::sync::atomic::AtomicU64,
    kills: bool,
}

impl Fault {
    pub fn of(text: Option<&std::ffi::OsString>) -> Self {
        let parsed = text
            .and_then(|text| text.to_str()?.split_once(':'))
            .and_then(|(kind, at)| Some((kind, at.parse().ok()?)));
        let (kind, at) = parsed.unwrap_or(("", 0));
        Self {
            left: std::sync::atomic::AtomicU64::new(at),
            kills: kind == "kill",
        }
    }

    pub fn strike(&self) -> io::Result<()> {
        use std::sync::atomic::Ordering::SeqCst;
        if self
            .left
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1))
            != Ok(1)
        {
            return Ok(());
        }
        #[cfg(unix)]
        if self.kills {
            let _ = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::KILL,
            );
        }
        Err(io::Error::other("an injected fault"))
    }
}
