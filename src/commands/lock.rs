//! `lock`: records the tools of targets by content in `xpkg.lock`.

use clap::Args;

use crate::build::look::locked::{toolchain, unneeded};
use crate::build::look::session::Session;
use crate::commands::args::{MessageFormat, RunArgs};
use crate::host::lock::lock_path;
use crate::host::machine::Host;
use crate::host::shell;
use crate::problem::{Failure, Problem, Result, text};
use crate::toolchain::image::lockfile::{LOCK_CHANGED, NAME};
use crate::toolchain::image::look::store::{PullPolicy, lock_target, read_lock};
use crate::toolchain::locked::LockedToolchain;

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "cargo xpkg lock --toolchains",
    "cargo xpkg lock --toolchains --target aarch64-unknown-linux-musl --linker zig",
    "cargo xpkg lock --toolchains --locked",
];

/// Arguments of `lock`.
#[derive(Debug, Args)]
pub struct LockArgs {
    /// Record compilers, linkers and standard libraries by their content; `build --locked` then
    /// refuses others
    #[arg(long, required = true)]
    pub toolchains: bool,

    /// Options of the run.
    #[command(flatten)]
    pub run: RunArgs,
}

/// Runs `lock`.
///
/// # Errors
/// The build cannot be planned, a tool cannot be read, or `--locked` forbids the changes.
pub fn run(host: &Host, args: LockArgs) -> Result<(), Failure> {
    let LockArgs { toolchains: _, run } = args;
    let format = run.message_format;
    let session = Session::look(host, run.options(), PullPolicy::Never)?;
    let plan = session.plan()?;
    let project = &session.request.project;
    let path = lock_target(host, project);
    let options = &session.request.cargo_options;
    let _held = host.temporary_lock(&lock_path(&path), &format!("on `{path}`"))?;
    let old = read_lock(host, project)?;
    let mut found: Vec<LockedToolchain> = Vec::new();
    let mut changes = Vec::new();
    for target in &plan.targets {
        let triple = target.target.triple();
        // A triple with two glibc floors has one toolchain.
        if found.iter().any(|known| known.target == triple) {
            continue;
        }
        let here = toolchain(host, &session, &plan, target)?;
        match old.toolchains.iter().find(|known| known.target == triple) {
            None => {
                changes.push(format!("{triple}: not pinned yet"));
                found.push(here);
            }
            Some(old) => {
                let unneeded = unneeded(&session, target);
                changes.extend(old.differences(&here, &unneeded));
                found.push(here.keeping(old, &unneeded));
            }
        }
    }
    let new = old.with_toolchains(found.clone());
    if new != old && (options.locked || options.frozen) {
        let message = format!("`{NAME}` would change, and `--locked` was given");
        return Err(Problem::new(LOCK_CHANGED, message)
            .note("changes", changes)
            .help("run it without `--locked`, look at the difference, and commit it")
            .into());
    }
    if new == old {
        host.shell.status("Unchanged", path.as_str());
    } else {
        for line in &changes {
            host.shell.status("Pinning", line);
        }
        host.replace_durably(&path, new.text().as_bytes())?;
        let tools = text::count(found.iter().map(|one| one.tools.len()).sum(), "tool");
        host.shell
            .status("Writing", &format!("{tools} into {path}"));
    }
    if format == MessageFormat::Json {
        shell::data(&shell::json(&found))?;
    }
    Ok(())
}
