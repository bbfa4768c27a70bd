//! Faults for the tests; no plain build has them.

use std::io;

/// A fault that the tests inject at the n-th file operation: XPKG_FAULT is `kill:N`, `fail:N`, or
/// `add:N:PATH`, which writes a file as another program would.
pub struct Fault {
    left: std::sync::atomic::AtomicU64,
    kind: Kind,
}

enum Kind {
    Fail,
    Kill,
    Add(std::path::PathBuf),
}

impl Fault {
    /// Parses XPKG_FAULT; without it, or with another value, nothing is injected.
    pub fn of(text: Option<&std::ffi::OsString>) -> Self {
        let mut words = text
            .and_then(|text| text.to_str())
            .unwrap_or_default()
            .splitn(3, ':');
        let (kind, at, path) = (words.next(), words.next(), words.next());
        Self {
            left: std::sync::atomic::AtomicU64::new(at.and_then(|at| at.parse().ok()).unwrap_or(0)),
            kind: match (kind, path) {
                (Some("kill"), _) => Kind::Kill,
                (Some("add"), Some(path)) => Kind::Add(path.into()),
                _ => Kind::Fail,
            },
        }
    }

    /// Strikes if this is the n-th operation.
    ///
    /// # Errors
    /// `fail`: an injected one.
    #[expect(clippy::disallowed_methods, reason = "it plays another program")]
    pub fn strike(&self) -> io::Result<()> {
        use std::sync::atomic::Ordering::SeqCst;
        if self
            .left
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1))
            != Ok(1)
        {
            return Ok(());
        }
        match &self.kind {
            Kind::Add(path) => return std::fs::write(path, "someone else's"),
            Kind::Kill => {
                #[cfg(unix)]
                let _ = rustix::process::kill_process(
                    rustix::process::getpid(),
                    rustix::process::Signal::KILL,
                );
            }
            Kind::Fail => {}
        }
        Err(io::Error::other("an injected fault"))
    }
}
