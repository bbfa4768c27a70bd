//! Injected faults, for tests only: a build without the feature `test-fakes` has none.

use std::io;

/// Fault that the tests inject at the n-th file operation. XPKG_FAULT is `kill:N`, `fail:N`, or
/// `add:N:PATH`, which writes a file as another program would; `unlockable:1` is a file system
/// without locks.
pub struct Fault {
    left: std::sync::atomic::AtomicU64,
    kind: Kind,
}

enum Kind {
    Fail,
    Kill,
    Add(std::path::PathBuf),
    Unlockable,
}

impl Fault {
    /// Parses XPKG_FAULT. Without it, or with an unknown value, nothing is injected.
    pub fn parse(text: Option<&std::ffi::OsString>) -> Self {
        let mut parts = text
            .and_then(|text| text.to_str())
            .unwrap_or_default()
            .splitn(3, ':');
        let (kind, at, path) = (parts.next(), parts.next(), parts.next());
        Self {
            left: std::sync::atomic::AtomicU64::new(at.and_then(|at| at.parse().ok()).unwrap_or(0)),
            kind: match (kind, path) {
                (Some("kill"), _) => Kind::Kill,
                (Some("unlockable"), _) => Kind::Unlockable,
                (Some("add"), Some(path)) => Kind::Add(path.into()),
                _ => Kind::Fail,
            },
        }
    }

    /// Plays a file system without locks.
    ///
    /// # Errors
    /// The error of such a file system.
    pub fn refuse_lock(&self) -> io::Result<()> {
        match self.kind {
            Kind::Unlockable => Err(io::ErrorKind::Unsupported.into()),
            _ => Ok(()),
        }
    }

    /// Counts an operation, and injects the fault if it is the n-th.
    ///
    /// # Errors
    /// The injected error of `fail:N`.
    #[expect(clippy::disallowed_methods, reason = "it plays another program")]
    pub fn strike(&self) -> io::Result<()> {
        use std::sync::atomic::Ordering::SeqCst;
        if matches!(self.kind, Kind::Unlockable) {
            return Ok(());
        }
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
            Kind::Fail | Kind::Unlockable => {}
        }
        Err(io::Error::other("an injected fault"))
    }
}
