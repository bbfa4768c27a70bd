//! Stores, releases and settings that are not as they should be.

use super::directory::run;
use super::machine;
use crate::support::Project;

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
