//! Stores, releases and settings that are not as they should be.

use super::directory::run;
use super::machine;
use super::servers::{KEYS, at};
use crate::support::{Project, Run};

/// Returns the first line of an error.
fn error(run: &Run) -> String {
    let text = run.text();
    let lines = text.lines().filter(|line| line.starts_with("error["));
    lines.take(1).collect()
}

/// Copies a release, with another version in its documents.
fn copied(project: &Project, version: &str) {
    let line = format!(
        "PATH=/usr/bin:/bin; cp -rL releases/1.0.0 copy; cd copy; \
         sed -i 's/^  \"version\": \"1.0.0\"/  \"version\": \"{version}\"/' release.json; \
         d=$(sha256sum release.json); sed -i \"s/.*  release.json/$d/\" SHA256SUMS"
    );
    project.shell(&line).ok();
}

#[test]
fn a_version_that_is_none_never_becomes_a_key() {
    for version in ["latest", "registry", "1.2"] {
        let project = machine();
        copied(&project, version);
        let refused = run(&project, "publish copy --accept publish-url");
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        let expected = format!("`version` is `{version}`, not a version");
        assert!(refused.stderr.contains(&expected), "{}", refused.stderr);
        assert!(!project.path("site").exists());
    }
}

#[test]
fn an_address_with_a_password_is_refused_and_not_printed() {
    let project = machine();
    for endpoint in [
        "http://user:pa55word@127.0.0.1:9",
        "http://127.0.0.1:9?token=pa55word",
        "http://127.0.0.1:9#pa55word",
    ] {
        let args = at(endpoint, "get", "publish releases/1.0.0");
        let refused = project.xpkg_with(&KEYS, &args);
        assert!(!refused.text().contains("pa55word"), "{}", refused.text());
        assert_eq!(
            error(&refused),
            "error[publish-invalid]: the address of the server has more than a host and a path"
        );
    }
}
