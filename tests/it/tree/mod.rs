//! `show` and `clean`: the tree afterwards.

mod hostile;

use cargo_xpkg::host::shell::Shell;
use snapbox::str;

use crate::check;
use crate::support::{HOST, Project, X86_MUSL};

#[test]
fn the_tree_is_shown_as_its_manifest_tells_it() {
    let project = Project::of("corners");
    check!(
        project.xpkg("show"),
        str![[r#"
exit 1
--- stderr
error[no-tree]: there is no staged tree at `[ROOT]/target/xpkg`
  help: run `cargo xpkg build`, or name the tree with `--out-dir`

"#]]
    );
    project
        .xpkg(&format!("build -q --target {HOST},{X86_MUSL}"))
        .ok();
    check!(
        project.xpkg("show"),
        str![[r#"
exit 0
--- stdout
target                     package  bin                            size  linkage     glibc  sha256
x86_64-unknown-linux-gnu   gated    always [SIZE]  dynamic     2.34   [DIGEST]
x86_64-unknown-linux-gnu   plain    plain [SIZE]  dynamic     2.34   [DIGEST]
x86_64-unknown-linux-gnu   renamed  renamed-bin as nice-name [SIZE]  dynamic     2.34   [DIGEST]
x86_64-unknown-linux-musl  gated    always [SIZE]  static-pie  -      [DIGEST]
x86_64-unknown-linux-musl  plain    plain [SIZE]  static-pie  -      [DIGEST]
x86_64-unknown-linux-musl  renamed  renamed-bin as nice-name [SIZE]  static-pie  -      [DIGEST]

"#]]
    );
    let shown = project.xpkg("show --message-format json").ok().stdout;
    assert_eq!(shown, project.read("target/xpkg/manifest.json"));
}

#[test]
fn clean_removes_what_xpkg_made_and_nothing_else() {
    let project = Project::of("hello");
    project.xpkg("build -q").ok();
    check!(
        project.xpkg("clean"),
        str![[r#"
exit 0
--- stderr
     Removed 3 files in [ROOT]/target/xpkg

"#]]
    );
    assert!(!project.path("target/xpkg").exists());
    assert!(!project.path("target/.xpkg.lock").exists());
    assert!(!project.path("target/xpkg-cache").exists());
    assert!(
        project
            .path(&format!("target/{HOST}/release/hello"))
            .is_file()
    );
    check!(
        project.xpkg("clean"),
        str![[r#"
exit 0
--- stderr
     Removed 0 files in [ROOT]/target/xpkg

"#]]
    );
}

#[test]
fn clean_leaves_a_strangers_file() {
    let project = Project::of("hello");
    project.xpkg("build -q").ok();
    project.write("target/xpkg/notes.txt", "mine");
    check!(
        project.xpkg("clean"),
        str![[r#"
exit 1
--- stderr
     Removed 3 files in [ROOT]/target/xpkg
error[tree-foreign]: `[ROOT]/target/xpkg` contains files that xpkg did not create; they are kept
  untracked: notes.txt
  help: remove them by hand if they are not needed

"#]]
    );
    assert_eq!(project.files("target/xpkg"), ["notes.txt"]);
}

#[test]
fn data_that_cannot_be_written_is_an_error() {
    let project = Project::of("hello");
    project.xpkg("build -q").ok();
    let run = project.shell(&format!(
        "{} show > /dev/full",
        env!("CARGO_BIN_EXE_cargo-xpkg")
    ));
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr
            .contains("cannot write to stdout: No space left on device"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_reader_that_goes_away_is_no_problem() {
    let project = Project::of("corners");
    project.xpkg("build -q").ok();
    let run = project.shell(&format!(
        "({} show --message-format json; echo $? > code) | /usr/bin/head -c 1",
        env!("CARGO_BIN_EXE_cargo-xpkg")
    ));
    assert_eq!(
        (
            run.stdout.as_str(),
            run.stderr.as_str(),
            project.read("code").trim()
        ),
        ("{", "", "0")
    );
}

#[test]
fn a_lock_whose_file_was_removed_meanwhile_is_taken_anew() {
    let directory = tempfile::tempdir().unwrap();
    let path = camino::Utf8PathBuf::from_path_buf(directory.path().join("lock")).unwrap();
    let host = cargo_xpkg::host::machine::Host::new(Shell::default()).unwrap();
    let first = host.lock(&path, "in a test").unwrap();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| host.lock(&path, "in a test").unwrap());
        // It waits as soon as it has opened the file, too.
        while open_here(&path) < 2 {
            std::thread::yield_now();
        }
        std::fs::remove_file(&path).unwrap();
        drop(first);
        let _second = second.join().unwrap();
        // The file that others will lock is the one that is held.
        assert!(std::fs::File::open(&path).unwrap().try_lock().is_err());
    });
}

/// Counts this process's descriptors of a file.
fn open_here(path: &camino::Utf8Path) -> usize {
    std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|file| file == path)
        .count()
}
