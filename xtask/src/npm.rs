//! Programs of the npm registry, each at one version, beside the system.

use std::process::Command;

use crate::command::{Go as _, root};

/// Runs pipelines of GitLab: jobs, artifacts, rules and includes. Its regular expressions are compiled
/// here, which takes 4 minutes once; 111 MB on disk. The newest that Node 20 runs.
const GITLAB_CI_LOCAL: &str = "gitlab-ci-local@4.58.0";

/// Installs it. If it cannot be had, that is said, and its tests are skipped by name.
pub fn run() -> Result<(), String> {
    let place = root().join("target/toolchains/gitlab-ci-local");
    let complete = place.join(format!("complete-{GITLAB_CI_LOCAL}"));
    if complete.exists() {
        return Ok(());
    }
    // Another version, or half of one.
    let _ = std::fs::remove_dir_all(&place);
    std::fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    Command::new("timeout")
        .args([
            "900",
            "npm",
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--prefix",
        ])
        .arg(&place)
        .arg(GITLAB_CI_LOCAL)
        .stdout(std::io::stderr())
        .go()
        .map_err(|problem| {
            format!(
                "{GITLAB_CI_LOCAL} cannot be had here; its tests are skipped by name: {problem}"
            )
        })?;
    std::fs::write(&complete, "").map_err(|error| format!("{}: {error}", complete.display()))
}
