//! Looks for the library path that rustc's own `rust-objcopy` needs.
//!
//! rustc strips programs for macOS with it. That of rustup's toolchains for Linux looks for LLVM in
//! `lib/rustlib/HOST/lib`, while it is in `lib` (seen with 1.95), so it cannot start, and rustc leaves
//! the programs as they are, with a warning.

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::cache;
use crate::host::machine::Host;
use crate::host::process::Output;
use crate::invocation::Invocation;
use crate::project::look::context::ProjectContext;
use crate::target::Target;
use crate::target::system::Os;
use crate::toolchain::environment::LIBRARY_PATH;
use crate::toolchain::probe::look::subject::LIMIT;

/// Returns the directory without which `rust-objcopy` does not start; `None` if it needs none, or
/// does not start with it either: then rustc tells.
pub fn library_path(host: &Host, found: &ProjectContext, target: &Target) -> Option<Utf8PathBuf> {
    let rustc = &found.rustc;
    if target.system.os != Os::Darwin || !rustc.host.contains("linux") {
        return None;
    }
    let program = rustc
        .sysroot
        .join("lib/rustlib")
        .join(&rustc.host)
        .join("bin/rust-objcopy");
    let directory = rustc.sysroot.join("lib");
    let identity = host.identity(&program)?;
    let kept = cache::place(host, "objcopy", &identity);
    if let Some(answer) = cache::read::<Option<Utf8PathBuf>>(host, kept.as_deref()) {
        return answer;
    }
    let starts = |path: &Utf8Path| {
        let question = Invocation::new(program.as_str(), host.cwd()).arg("--version");
        let question = question.env(LIBRARY_PATH, path.as_str());
        host.capture_untrusted(&question, LIMIT)
            .is_ok_and(|output: Output| output.success())
    };
    let needed = !starts(Utf8Path::new("")) && starts(&directory);
    let answer = needed.then_some(directory);
    cache::keep(host, kept.as_deref(), &answer);
    answer
}
