//! Paths of the configuration that lead out of the workspace. A checkout that names them gets nothing
//! of this machine unless the user names them, too.

use camino::Utf8Path;

use crate::host::machine::Host;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};

/// Checks that a path of the configuration is in the workspace at `root`, or below a path of
/// `--allow-outside`. Links are resolved; `setting` is the key that names it.
///
/// # Errors
/// `outside-workspace`.
pub fn check(host: &Host, root: &Utf8Path, path: &Utf8Path, setting: &str) -> Result<()> {
    let real = host.resolve(&host.absolute(path));
    let allowed = host
        .allowed_outside
        .iter()
        .map(|allowed| host.resolve(allowed));
    if [host.resolve(root)]
        .into_iter()
        .chain(allowed)
        .any(|directory| real.starts_with(directory))
    {
        return Ok(());
    }
    let problem = Problem::new(
        OUTSIDE_WORKSPACE,
        format!("{setting} leads to `{real}`, which is outside the workspace"),
    );
    Err(problem.help(format!(
        "move it into the workspace, or allow it if you trust this configuration: \
         `--allow-outside {}`",
        crate::invocation::quote(real.as_str())
    )))
}

/// Checks an out-dir that the configuration alone names, like [`check`].
///
/// # Errors
/// `outside-workspace`.
pub fn check_out_dir(host: &Host, root: &Utf8Path, out_dir: &Utf8Path) -> Result<()> {
    check(host, root, out_dir, "`out-dir` of the configuration").map_err(|problem| Problem {
        help: vec![format!(
            "name it, if it is yours: `--out-dir {}`",
            crate::invocation::quote(out_dir.as_str())
        )],
        ..problem
    })
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[OUTSIDE_WORKSPACE];

/// Code of a path of the configuration outside the workspace that no flag allows.
pub const OUTSIDE_WORKSPACE: Code = code(&CodeInfo {
    name: "outside-workspace",
    title: "the configuration leads out of the workspace",
    cause: "`volumes`, `pre-build`, `dockerfile`, `files`, `base` or `out-dir` names a path outside \
            the workspace, or a link to one. A checkout could mount the whole machine writable in a \
            container, put its files into an image, or replace the tree of another project.",
    detection: "The links of the path are resolved, and the result is compared with the workspace's \
                root and with the values of `--allow-outside`. A volume whose directory comes from \
                the environment (`volumes = [\"NAME\"]`) is the user's own choice.",
    fix: "Move it into the workspace, or name it: `--allow-outside PATH`, and an out-dir by \
          `--out-dir DIR`.",
    page: "cross-images",
    sources: &[],
    waivable: false,
});
