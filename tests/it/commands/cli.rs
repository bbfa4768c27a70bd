//! What a newcomer types: nothing, the wrong thing, in the wrong place.

use snapbox::str;

use crate::check;
use crate::support::Project;

#[test]
fn an_empty_directory_is_no_workspace() {
    check!(
        Project::empty().xpkg("build"),
        str![[r#"
exit 1
--- stderr
error[workspace-unreadable]: cargo cannot read the workspace
  cause: could not find `Cargo.toml` in `[ROOT]` or any parent directory
  help: run xpkg inside a workspace, or name one with `--manifest-path`

"#]]
    );
}

#[test]
fn the_word_xpkg_is_optional() {
    let project = Project::empty();
    assert_eq!(
        project.xpkg("xpkg build").text(),
        project.xpkg("build").text()
    );
}

#[test]
fn a_wrong_flag_is_a_usage_error() {
    check!(
        Project::empty().xpkg("build --tragets x"),
        str![[r#"
exit 2
--- stderr
error: unexpected argument '--tragets' found

  tip: a similar argument exists: '--target'

Usage: cargo xpkg build --target <TRIPLE[.GLIBC]>

For more information, try '--help'.

"#]]
    );
}

#[test]
fn an_unknown_linker_is_a_usage_error() {
    check!(
        Project::empty().xpkg("plan --linker ld"),
        str![[r#"
exit 2
--- stderr
error: invalid value 'ld' for '--linker <KIND>'
  [possible values: auto, native, gcc, clang, zig, rust-lld, image]

For more information, try '--help'.

"#]]
    );
}

#[test]
fn no_rust_at_all_names_the_way_to_it() {
    check!(
        Project::of("hello")
            .without("cargo")
            .without("rustc")
            .xpkg("build"),
        str![[r#"
exit 1
--- stderr
error[no-toolchain]: cannot start `cargo`: No such file or directory (os error 2)
  help: install Rust with rustup, and make sure that `~/.cargo/bin` is on PATH

"#]]
    );
}

#[test]
fn a_pinned_toolchain_that_is_not_installed_is_named() {
    let project = Project::of("hello");
    project.write("rust-toolchain.toml", "[toolchain]\nchannel = \"1.79.0\"\n");
    check!(
        project.xpkg("plan"),
        str![[r#"
exit 1
--- stderr
error[toolchain-not-installed]: the workspace pins the toolchain `1.79.0-x86_64-unknown-linux-gnu`, which is not installed
  help: run `rustup toolchain install 1.79.0-x86_64-unknown-linux-gnu`, or change the pin in its `rust-toolchain.toml`

"#]]
    );
}

#[test]
fn problems_are_json_where_json_was_asked_for() {
    let project = Project::of("hello");
    let run = project.xpkg("plan --message-format json --target x86_64-unknown-linux-gnux");
    check!(
        run,
        str![[r#"
exit 1
--- stdout
{
  "problems": [
    {
      "code": "unknown-target",
      "message": "rustc does not know the target `x86_64-unknown-linux-gnux`",
      "notes": [],
      "help": [
        "did you mean `x86_64-unknown-linux-gnu`?"
      ]
    }
  ]
}
--- stderr
error[unknown-target]: rustc does not know the target `x86_64-unknown-linux-gnux`
  help: did you mean `x86_64-unknown-linux-gnu`?

"#]]
    );
}

#[test]
fn a_code_is_explained() {
    check!(
        Project::empty().xpkg("--explain not-static"),
        str![[r#"
exit 0
--- stdout
not-static: a musl bin is not static

cause:     The file needs an interpreter or shared libraries, so it does not run on a machine without musl. `musl-gcc` as linker does this, and the result crashes (rust-lang/rust#95926); so does `-C target-feature=-crt-static`, which may be intended.
detection: PT_INTERP or DT_NEEDED in a file for a musl target.
fix:       Let xpkg choose the linker, or pass `--accept not-static` if you want a dynamic musl bin.
source:    rust-lang/rust#95926
page:      cargo xpkg help linkers

"#]]
    );
    check!(
        Project::empty().xpkg("--explain not-statik"),
        str![[r#"
exit 1
--- stderr
error[no-such-code]: there is no code `not-statik`
  help: did you mean `not-static`?

"#]]
    );
}

#[test]
fn the_version_is_what_a_dockerfile_compares() {
    check!(
        Project::of("hello").xpkg("--version"),
        str![[r#"
exit 0
--- stdout
cargo xpkg 0.1.0

"#]]
    );
}
