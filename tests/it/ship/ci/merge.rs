//! `merge`: the trees of two machines are the tree of one.

use snapbox::str;

use super::legs::Legs;
use crate::check;
use crate::support::{ARM_MUSL, X86_MUSL};

#[test]
fn legs_of_two_checkouts_are_the_tree_of_one_machine() {
    let legs = Legs::new();
    check!(
        legs.merge(""),
        str![[r#"
exit 0
--- stdout
target                      package  bin         size  linkage     glibc  sha256
aarch64-unknown-linux-musl  hello    hello [SIZE]  static      -      [DIGEST]
x86_64-unknown-linux-musl   hello    hello [SIZE]  static-pie  -      [DIGEST]
--- stderr
      Noting 2 manifests taken as carried: no digest was passed (`--leg NAME=DIGEST`)
      Merged 2 legs: 2 files in [ROOT]/merged

"#]]
    );
    let project = &legs.project;
    assert_eq!(
        project.read("merged/MANIFEST.txt"),
        project.read("one/MANIFEST.txt")
    );
    project.xpkg("verify merged").ok();
    // Nothing changes, in whatever order the legs are named.
    let manifest = project.read("merged/manifest.json");
    check!(
        legs.merge_these(&format!("legs/{ARM_MUSL} legs/{X86_MUSL} -q")),
        str![[r#"
exit 0

"#]]
    );
    check!(
        legs.merge_these(&format!("legs/{ARM_MUSL} legs/{X86_MUSL}")),
        str![[r#"
exit 0
--- stdout
target                      package  bin         size  linkage     glibc  sha256
aarch64-unknown-linux-musl  hello    hello [SIZE]  static      -      [DIGEST]
x86_64-unknown-linux-musl   hello    hello [SIZE]  static-pie  -      [DIGEST]
--- stderr
      Noting 2 manifests taken as carried: no digest was passed (`--leg NAME=DIGEST`)
   Unchanged 2 legs: 2 files in [ROOT]/merged

"#]]
    );
    assert_eq!(project.read("merged/manifest.json"), manifest);
    project
        .xpkg("release -q --from merged --release-dir release")
        .ok();
    project
        .xpkg("release -q --from one --release-dir other")
        .ok();
    assert_eq!(
        project.read("release/SHA256SUMS"),
        project.read("other/SHA256SUMS")
    );
    let document = project.xpkg("show --out-dir merged --message-format json");
    let document = serde_json::from_str(&document.ok().stdout).unwrap();
    crate::build::chat::the_schema_holds(&document);
}

#[test]
fn archives_and_lost_modes_are_no_obstacle() {
    let legs = Legs::new();
    let project = &legs.project;
    let line = format!(
        "PATH=/usr/bin:/bin; tar -czf x86.tar.gz -C legs/{X86_MUSL} . && chmod 644 \
         legs/{ARM_MUSL}/{ARM_MUSL}/hello/hello"
    );
    project.shell(&line).ok();
    check!(
        legs.merge_these(&format!("x86.tar.gz legs/{ARM_MUSL}")),
        str![[r#"
exit 0
--- stdout
target                      package  bin         size  linkage     glibc  sha256
aarch64-unknown-linux-musl  hello    hello [SIZE]  static      -      [DIGEST]
x86_64-unknown-linux-musl   hello    hello [SIZE]  static-pie  -      [DIGEST]
--- stderr
   Restoring the modes of 1 file of [ROOT]/legs/aarch64-unknown-linux-musl
      Noting 2 manifests taken as carried: no digest was passed (`--leg NAME=DIGEST`)
      Merged 2 legs: 2 files in [ROOT]/merged

"#]]
    );
    project.xpkg("verify merged").ok();
    assert_eq!(
        project.read("merged/MANIFEST.txt"),
        project.read("one/MANIFEST.txt")
    );
}
