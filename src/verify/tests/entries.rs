//! Entries of a subject and the archives in it, as tables.

use super::*;

/// Returns an archive in a directory.
fn inside(path: &str, kind: ArtifactsKind, lines: &[&str]) -> Inside {
    Inside {
        path: path.to_owned(),
        contents: Artifacts {
            kind,
            name: format!("tree/{path}"),
            entries: lines.iter().map(|line| entry(line)).collect(),
            inside: Vec::new(),
        },
    }
}

/// Returns the report of a directory with archives in it.
fn report_of(lines: &[&str], inside: Vec<Inside>) -> Report {
    let subject = Artifacts {
        kind: ArtifactsKind::Directory,
        name: "tree".to_owned(),
        entries: lines.iter().map(|line| entry(line)).collect(),
        inside,
    };
    check_artifacts(&subject, &options(PolicyName::Default, &[], &[]))
}

#[test]
fn an_archive_in_a_directory_is_checked_as_one_alone() {
    use ArtifactsKind::{Archive, Package};
    let report = report_of(
        &[
            "SHA256SUMS text:SUM  app-linux-arm64.tar.gz|SUM  app-linux-amd64.deb|SUM  bad.zip|",
            "app-linux-amd64.deb",
            "app-linux-arm64.tar.gz",
            "bad.zip",
        ],
        vec![
            inside("app-linux-amd64.deb", Package, &["usr/bin/app x86"]),
            inside(
                "app-linux-arm64.tar.gz",
                Archive,
                &["../out", "SHA256SUMS text:SUM  app|", "app x86", "in.zip"],
            ),
            inside("bad.zip", Archive, &[" unread:it is truncated"]),
        ],
    );
    assert_eq!(
        rendered(&report),
        [
            "app-linux-arm64.tar.gz!/../out file-unlisted: a file that is not listed / only what `SHA256SUMS` lists",
            "app-linux-arm64.tar.gz!/../out path-unsafe: a path that has a `..` component / a path below the tree",
            "app-linux-arm64.tar.gz!/app wrong-machine: elf for EM_X86_64 (64 bit, little endian) / elf for EM_AARCH64 (64 bit, little endian)",
            "app-linux-arm64.tar.gz!/in.zip file-unlisted: a file that is not listed / only what `SHA256SUMS` lists",
            "bad.zip archive-unfit: it is truncated / a readable entry",
        ]
    );
    let paths: Vec<&str> = report.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "app-linux-amd64.deb!/usr/bin/app",
            "app-linux-arm64.tar.gz!/app"
        ]
    );
    assert!(report.files.iter().all(|file| file.is_packed));
    assert_eq!(
        report.lists,
        ["SHA256SUMS", "app-linux-arm64.tar.gz!/SHA256SUMS"]
    );
    // The files of an archive with a list of its own are counted, too.
    assert_eq!((report.digests.compared, report.digests.files), (4, 6));
    let skipped: Vec<String> = report
        .skipped
        .iter()
        .map(|skipped| format!("{} {}: {}", skipped.path, skipped.what, skipped.why))
        .collect();
    assert_eq!(
        skipped,
        [
            "app-linux-arm64.tar.gz!/in.zip contents: archives in an archive are not looked into; unpack it to verify them"
        ]
    );
}

#[test]
fn archives_that_are_not_looked_into_are_named_up_to_a_number() {
    let names: Vec<String> = (0..12).map(|number| format!("d/{number:02}.gz")).collect();
    let lines: Vec<&str> = names.iter().map(String::as_str).collect();
    let archive = inside("a.deb", ArtifactsKind::Package, &lines);
    let report = check_artifacts(&archive.contents, &options(PolicyName::Default, &[], &[]));
    let said: Vec<&str> = report
        .skipped
        .iter()
        .map(|skipped| skipped.path.as_str())
        .collect();
    assert_eq!(said[..2], ["d/00.gz", "d/01.gz"]);
    assert_eq!(
        report.skipped[9].why,
        "archives in an archive are not looked into; unpack it to verify them; 2 more like this"
    );
    assert_eq!(said.len(), 11);
}

#[test]
fn a_package_is_installed_below_the_root() {
    let check = |kind, lines: &[&str], expected: &[&str]| {
        let report = report(kind, lines, PolicyName::Default, &[], &[]);
        assert_eq!(rendered(&report), expected, "{lines:?}");
    };
    let lines = [
        "usr/bin/x86_64 x86 rpath=/usr/libexec/app:$ORIGIN/lib",
        "usr/bin/link link:/usr/bin/x86_64",
        "usr/bin/other link:/bin/sh",
        "usr/lib/a\\x2db.mount",
        "usr/share/E",
        "usr/share/e",
        "DEBIAN/md5sums text:ba7816bf8f01cfea414140de5dae2223  usr/bin/x86_64|",
    ];
    check(ArtifactsKind::Package, &lines, &[]);
    let outside = "usr/bin/up link-outside: a link to `../../../x` / a link that stays in the tree";
    check(
        ArtifactsKind::Package,
        &[lines[0], "usr/bin/up link:../../../x"],
        &[outside],
    );
    check(
        ArtifactsKind::Package,
        &["usr/bin/x86_64 x86 rpath=/home/ci/lib"],
        &["usr/bin/x86_64 rpath-set: search path `/home/ci/lib` / no RPATH other than `$ORIGIN`"],
    );
    check(
        ArtifactsKind::Archive,
        &lines[..2],
        &[
            "usr/bin/link link-outside: a link to `/usr/bin/x86_64` / a link that stays in the tree",
            "usr/bin/x86_64 rpath-set: search path `/usr/libexec/app` / no RPATH other than `$ORIGIN`",
        ],
    );
}

#[test]
fn paths_that_are_two_things_are_reported() {
    let archive = |lines: &[&str]| {
        let lines = [&["x86_64/p x86 sum=1"], lines].concat();
        rendered(&report(
            ArtifactsKind::Archive,
            &lines,
            PolicyName::Default,
            &[],
            &[],
        ))
    };
    let twice = "one entry per path, on every system";
    assert_eq!(
        archive(&["a", "a/b"]),
        [format!(
            "a path-twice: a file, and the directory `a` / {twice}"
        )]
    );
    assert_eq!(
        archive(&["A", "a/b"]),
        [format!(
            "A path-twice: a file, and the directory `a` / {twice}"
        )]
    );
    assert_eq!(
        archive(&["a", "a dir"]),
        [format!(
            "a path-twice: a file, and the directory `a` / {twice}"
        )]
    );
    let portable = "a path that is the same on every system";
    assert_eq!(
        archive(&["d/NUL.txt"]),
        [format!(
            "d/NUL.txt path-unportable: a path that is a device on Windows / {portable}"
        )]
    );
    assert_eq!(
        archive(&["d\\a"]),
        [format!(
            "d\\a path-unportable: a path that has a `\\`, which Windows reads as a `/` / {portable}"
        )]
    );
    assert_eq!(
        archive(&["x.sh script mode=4755"]),
        ["x.sh mode-unfit: mode 4755 / no setuid or setgid bit"]
    );
    check(&["x86_64/p x86", "nul", "a\\b"], &[]);
}

#[test]
fn entries_that_do_not_belong_are_reported() {
    check(
        &["a link:../x"],
        &["a link-outside: a link to `../x` / a link that stays in the tree"],
    );
    check(&["aarch64/b link:../c", "c", "x86_64/p x86 sum=1"], &[]);
    check(
        &["a link:/etc/passwd"],
        &["a link-outside: a link to `/etc/passwd` / a link that stays in the tree"],
    );
    check(&["a pipe"], &["a special-file: a pipe / a file"]);
    check(
        &["Readme", "README"],
        &[
            "README path-twice: `Readme`, which differs only by case / one entry per path, on \
             every system",
        ],
    );
    let archive = report(
        ArtifactsKind::Archive,
        &["../a", "b", "b"],
        PolicyName::Default,
        &[],
        &[],
    );
    assert_eq!(
        rendered(&archive),
        [
            "../a path-unsafe: a path that has a `..` component / a path below the tree",
            "b path-twice: two entries of this path / one entry per path, on every system"
        ]
    );
}

#[test]
fn links_are_followed_and_stay_in_the_tree() {
    // Each link stays in the tree by itself, but the chain does not.
    check(
        &["d/e/l link:../..", "o link:d/e/l/../app", "x86_64/p x86"],
        &["o link-outside: a link to `d/e/l/../app` / a link that stays in the tree"],
    );
    check(
        &["d link:real", "d/f", "real/f"],
        &["d/f link-outside: a path through the link `d` / a link that stays in the tree"],
    );
    check(
        &["a link:b", "b link:a"],
        &[
            "a link-outside: a link to `b` / a link that stays in the tree",
            "b link-outside: a link to `a` / a link that stays in the tree",
        ],
    );
    // The path of a link must not name another target.
    check(
        &["aarch64/app link:../x86_64/app", "x86_64/app x86"],
        &[
            "aarch64/app wrong-machine: elf for EM_X86_64 (64 bit, little endian) / elf for \
             EM_AARCH64 (64 bit, little endian)",
        ],
    );
    check(&["x86_64/app x86", "x86_64/tool link:app"], &[]);
    check(
        &[
            "SHA256SUMS text:SUM  x86_64/app|SUM  x86_64/tool|",
            "x86_64/app x86",
            "x86_64/tool link:app",
        ],
        &[],
    );
    check(
        &[
            LISTED,
            "x86_64/a x86",
            "x86_64/tool link:a",
            &format!("SHA256SUMS.asc {PGP}"),
            &format!("x86_64/a.sig {PGP}"),
        ],
        &[],
    );
    let archive = |lines: &[&str]| {
        rendered(&report(
            ArtifactsKind::Archive,
            lines,
            PolicyName::Default,
            &[],
            &[],
        ))
    };
    assert_eq!(
        archive(&["x86_64/a x86", "x86_64/b hard:x86_64/a"]),
        [""; 0]
    );
    assert_eq!(
        archive(&["x86_64/a x86", "x86_64/b hard:../etc/hostname"]),
        [
            "x86_64/b link-outside: a hard link to `../etc/hostname`, which is not a file of the \
             archive / a link that stays in the tree"
        ]
    );
}

#[test]
fn what_is_there_and_was_not_checked_is_reported() {
    check(
        &["SHA256SUMS", "x86_64/a x86"],
        &[
            "SHA256SUMS list-unreadable: it is longer than lists may be (8388608 bytes each, and eight \
             times as much together) / a line `<digest>  <path>` for each file",
        ],
    );
    check(
        &["x86_64/app", "x86_64/notes.txt mode=644"],
        &[
            "x86_64/app unreadable-binary: it begins with [00], which is none of ELF, Mach-O, PE \
             and wasm / a program",
        ],
    );
    check(
        &["x86_64/a x86 mode=4755"],
        &["x86_64/a mode-unfit: mode 4755 / no setuid, setgid or sticky bit"],
    );
    check(&["x86_64/a x86 mode=775"], &[]);
}

#[test]
fn a_gate_that_looked_at_nothing_does_not_pass() {
    let nothing =
        "- nothing-checked: no program that could be read, and no list / at least one of them";
    check(&["README.md mode=644"], &[nothing]);
    check(&["app-aarch64-linux.tar.gz mode=644"], &[nothing]);
    check(&["app.deb"], &[nothing]);
    check(&["SHA256SUMS.asc"], &[nothing]);
    check(&[], &[nothing]);
    check(
        &[
            "SHA256SUMS text:SUM  app-aarch64-linux.tar.gz|",
            "app-aarch64-linux.tar.gz",
        ],
        &[],
    );
}

#[test]
fn what_is_no_program_is_no_false_alarm() {
    let passes = |lines: &[&str]| check(&[&["x86_64/p x86 sum=1"], lines].concat(), &[]);
    passes(&[
        "x86_64/LICENSE first=MIT",
        "x86_64/LICENSE-APACHE first=Apa",
        "x86_64/COPYING first=GNU",
    ]);
    passes(&["x86_64/_app first=#com"]);
    passes(&["x86_64/p.debug debug mode=644", "x86_64/p.dbg debug"]);
    passes(&["x86_64-pc-windows-msvc/p.dll x86 sum=2 dll"]);
    passes(&["wasm32-wasip2/app.wasm component mode=644"]);
    passes(&[
        "x86_64/git x86 sum=2 inode=7",
        "x86_64/git-add x86 sum=2 inode=7",
    ]);
    check(
        &["x86_64/a x86 inode=7", "x86_64/b x86 inode=8"],
        &["x86_64/b same-file-twice: the same bytes as `x86_64/a` / a different program"],
    );
    check(
        &["x86_64/p x86 sum=1", "x86_64/app first=Not"],
        &[
            "x86_64/app unreadable-binary: it begins with [4e, 6f, 74], which is none of ELF, Mach-O, PE and wasm / a program",
        ],
    );
}

#[test]
fn one_file_needs_a_target_too() {
    let of_file = |path: &str, targets: &[&str]| {
        rendered(&report(
            ArtifactsKind::File,
            &[path],
            PolicyName::Default,
            targets,
            &[],
        ))
    };
    assert_eq!(
        of_file("a x86", &[]),
        [
            "a target-unknown: a program for EM_X86_64 / a target in its path, in a list or in `--target`"
        ]
    );
    assert_eq!(of_file("a x86", &["x86_64-unknown-linux-musl"]), [""; 0]);
    assert!(of_file("a x86", &["aarch64-unknown-linux-musl"])[0].starts_with("a wrong-machine: "));
}

#[test]
fn what_shows_between_programs_is_reported() {
    check(
        &["x86_64/a x86", "x86_64/b x86"],
        &["x86_64/b same-file-twice: the same bytes as `x86_64/a` / a different program"],
    );
    check(
        &["aarch64/a arm sum=1 id=ab", "x86_64/a x86 id=ab"],
        &[
            "x86_64/a build-id-twice: the build ID of `aarch64/a`, which is for aarch64 / a \
             unique build ID",
        ],
    );
}
