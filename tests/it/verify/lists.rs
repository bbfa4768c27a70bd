//! Lists of checksums as the machine's own tools write them, read by `verify`.

use snapbox::str;

use crate::check;
use crate::support::{Project, skipped_in_part};
use crate::verify::shell;

/// A list: the name that it gets, the command that writes it, and the tool that this needs. `$F` is
/// the file.
const WRITTEN: &[(&str, &str, &str)] = &[
    ("SHA256SUMS", "sha256sum $F", "sha256sum"),
    ("SHA256SUMS.txt", "sha256sum -b $F", "sha256sum"),
    ("CHECKSUM", "sha256sum --tag $F", "sha256sum"),
    ("app.dmg.sha256", "sha256sum < $F", "sha256sum"),
    (
        "app.dmg.sha256sum",
        "sha256sum $F | cut -d' ' -f1",
        "sha256sum",
    ),
    (
        "checksums.txt",
        "sha256sum ./$F | sed 's/$/\\r/'",
        "sha256sum",
    ),
    (
        "app_1.0_checksums.txt",
        "printf '\\357\\273\\277'; sha256sum $F",
        "sha256sum",
    ),
    ("SHA1SUMS", "sha1sum $F", "sha1sum"),
    ("SHA224SUMS", "sha224sum $F", "sha224sum"),
    ("SHA384SUMS", "sha384sum $F", "sha384sum"),
    ("SHA512SUMS", "sha512sum $F", "sha512sum"),
    ("SHA512", "sha512sum --tag $F", "sha512sum"),
    ("b2sums.txt", "b2sum $F", "b2sum"),
    ("B2", "b2sum --tag $F", "b2sum"),
    ("SHASUMS256.txt", "shasum -a 256 $F", "shasum"),
    ("app.dmg.sha1", "shasum $F", "shasum"),
    ("app.dmg.sha512", "shasum -a 512 -b $F", "shasum"),
    ("sha512-256.txt", "shasum -a 512256 $F", "shasum"),
    ("sha256.sum", "openssl dgst -sha256 $F", "openssl"),
    ("sha512.sum", "openssl dgst -sha512 $F", "openssl"),
    ("sha256sum.txt", "openssl dgst -sha256 -r $F", "openssl"),
    ("app.dmg.sha384", "openssl dgst -sha384 < $F", "openssl"),
    ("hashes", "openssl dgst -sha512-256 $F", "openssl"),
];

/// Returns true if a tool is on this machine; its tests are skipped by name where it is not.
fn has(tool: &str) -> bool {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .any(|directory| directory.join(tool).is_file());
    if !found {
        skipped_in_part("verify::lists", &format!("no `{tool}`"));
    }
    found
}

#[test]
fn lists_of_the_machines_tools_are_read_and_a_changed_file_is_found() {
    let project = Project::empty();
    for (name, command, needs) in WRITTEN {
        if !has(needs) {
            continue;
        }
        let make = format!(
            "rm -rf rel && mkdir -p rel && cd rel && printf hello >app.dmg && {{ {}; }} >../list && mv ../list {name}",
            command.replace("$F", "app.dmg")
        );
        let (made, said) = shell(&project.root, &make);
        assert!(made, "{command}: {said}");
        let run = project.xpkg("verify rel --message-format json");
        let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(
            (
                run.code,
                &report["findings"],
                &report["lists"],
                &report["digests"]
            ),
            (
                Some(0),
                &serde_json::json!([]),
                &serde_json::json!([name]),
                &serde_json::json!({ "compared": 1, "files": 1 })
            ),
            "{command} >{name}"
        );
        project.write("rel/app.dmg", "jello");
        let run = project.xpkg("verify rel --message-format json");
        let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let codes: Vec<_> = report["findings"].as_array().unwrap().iter().collect();
        assert_eq!(codes.len(), 1, "{command} >{name}: {codes:?}");
        assert_eq!(codes[0]["code"], "digest-mismatch", "{command} >{name}");
    }
}

#[test]
fn a_name_that_gnu_escapes_is_the_files() {
    let project = Project::empty();
    let make = "mkdir rel && cd rel && printf hello >'a\\b' && printf hello >'a\nb' && sha256sum * >../list && mv \
                ../list SHA256SUMS && grep -c '^\\\\' SHA256SUMS";
    assert_eq!(shell(&project.root, make), (true, "2\n".to_owned()));
    check!(
        project.xpkg("verify rel"),
        str![[r#"
exit 0
--- stdout
passed: `rel`, policy `default`, listed by `SHA256SUMS`: 0 programs, 2 of 2 files compared, 0 findings, 0 accepted, 0 not checked

"#]]
    );
    project.write("rel/a\nb", "jello");
    check!(
        project.xpkg("verify rel"),
        str![[r#"
exit 1
--- stdout

error[digest-mismatch]: a file differs from the listed one
  a\nb: digest 187c9bceeb91…, expected 2cf24dba5fb0…
  help: fetch or build it again; do not update the list without knowing why the file changed

failed: `rel`, policy `default`, listed by `SHA256SUMS`: 0 programs, 2 of 2 files compared, 1 finding, 0 accepted, 0 not checked

"#]]
    );
}

#[test]
fn a_release_of_several_lists_is_one_verdict() {
    let project = Project::empty();
    let make = "mkdir -p rel/linux rel/mac && cd rel && printf one >linux/app.dmg && printf two >mac/app.dmg && \
                (cd linux && sha256sum app.dmg >SHA256SUMS && sha512sum app.dmg >app.dmg.sha512) && (cd mac && \
                openssl dgst -sha256 app.dmg >app.dmg.sha256 && md5sum app.dmg >MD5SUMS) && printf notes >README.md";
    let (made, said) = shell(&project.root, make);
    assert!(made, "{said}");
    check!(
        project.xpkg("verify rel"),
        str![[r#"
exit 0
--- stdout

not checked
  mac/MD5SUMS: digests of MD5: they are too weak; another list has the same files
  README.md: digest: no list has it
  linux/app.dmg: contents: archives of its format are not looked into
  mac/app.dmg: contents: archives of its format are not looked into

passed: `rel`, policy `default`, listed by `linux/SHA256SUMS` and 2 more: 0 programs, 2 of 3 files compared, 0 findings, 0 accepted, 4 not checked

"#]]
    );
    // Both of one file's digests must be right.
    let forge = "cd rel/linux && printf three >app.dmg && sha256sum app.dmg >SHA256SUMS && rm ../mac/app.dmg.sha256";
    assert!(shell(&project.root, forge).0);
    check!(
        project.xpkg("verify rel"),
        str![[r#"
exit 1
--- stdout

error[digest-mismatch]: a file differs from the listed one
  linux/app.dmg: SHA-512 digest 62758e4a57b7…, expected 05f70341078a…
  help: fetch or build it again; do not update the list without knowing why the file changed

error[list-weak]: a list has digests that can be forged
  mac/MD5SUMS: MD5 as the only digest of `mac/app.dmg`, expected SHA-256, or another digest that cannot be made for a changed file
  help: write it again: `sha256sum FILE… > SHA256SUMS`

error[file-unlisted]: untracked file
  mac/app.dmg: a file that is not listed, expected a digest in a list, as `linux/SHA256SUMS` has others
  help: remove it, or build the tree again

not checked
  README.md: digest: no list has it
  linux/app.dmg: contents: archives of its format are not looked into
  mac/app.dmg: contents: archives of its format are not looked into

failed: `rel`, policy `default`, listed by `linux/SHA256SUMS` and 1 more: 0 programs, 1 of 3 files compared, 3 findings, 0 accepted, 3 not checked

"#]]
    );
}

#[test]
fn a_list_that_gpg_signed_is_read_and_its_signature_is_not_checked() {
    if !has("gpg") {
        return;
    }
    let project = Project::empty();
    let sign = |how: &str| format!("gpg -q --batch {how}");
    let make = [
        "mkdir -m 700 keys rel && cd rel && export GNUPGHOME=../keys",
        "printf hello >app.dmg && sha256sum app.dmg >SHA256SUMS",
        &sign("--passphrase '' --quick-gen-key t@example.org default default never"),
        &sign("-o SHA256SUMS.asc --clearsign SHA256SUMS"),
        &sign("-o SHA256SUMS.sig -b SHA256SUMS"),
        &sign("-o SHA256SUMS.gpg -s SHA256SUMS"),
        &sign("-o app.dmg.asc -ab app.dmg"),
        "gpgconf --kill all",
    ]
    .join(" && ");
    let (made, said) = shell(&project.root, &make);
    assert!(made, "{said}");
    check!(
        project.xpkg("verify rel"),
        str![[r#"
exit 0
--- stdout

not checked
  SHA256SUMS.asc: signature: it is signed by PGP, and signatures are not checked
  SHA256SUMS.gpg: contents: it is a PGP signature, which is not checked
  SHA256SUMS.sig: contents: it is a PGP signature, which is not checked
  app.dmg.asc: contents: it is a PGP signature, which is not checked
  app.dmg: contents: archives of its format are not looked into

passed: `rel`, policy `default`, listed by `SHA256SUMS` and 1 more: 0 programs, 1 of 1 file compared, 0 findings, 0 accepted, 5 not checked

"#]]
    );
    // A program is no signature for its name, and the signed list is a list.
    std::fs::write(
        project.path("rel/SHA256SUMS.sig"),
        crate::archive::mutants::elf(&[]),
    )
    .unwrap();
    std::fs::remove_file(project.path("rel/SHA256SUMS")).unwrap();
    project.write("rel/app.dmg", "jello");
    let run = project.xpkg("verify rel --message-format json");
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    let found: Vec<String> = findings
        .filter(|finding| finding["path"] != "SHA256SUMS.sig" || finding["code"] == "file-unlisted")
        .map(|finding| {
            format!(
                "{} {}",
                finding["path"].as_str().unwrap(),
                finding["code"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "SHA256SUMS.gpg file-unlisted",
            "SHA256SUMS.sig file-unlisted",
            "app.dmg digest-mismatch"
        ],
        "{}",
        run.stdout
    );
}

#[test]
fn one_line_that_is_not_understood_is_named_and_the_others_are_checked() {
    let project = Project::empty();
    let make = "mkdir rel && cd rel && printf hello >a.dmg && printf hello >b.dmg && { echo 'SHA256 of 1.0:'; \
                sha256sum *.dmg; } >../list && mv ../list SHA256SUMS && printf jello >b.dmg";
    assert!(shell(&project.root, make).0);
    check!(
        project.xpkg("verify rel"),
        str![[r#"
exit 1
--- stdout

error[list-unreadable]: a list of files cannot be read
  SHA256SUMS: line 1 has no digest and path: `SHA256 of 1.0:`, expected a line `<digest>  <path>` for each file
  help: write it again: `sha256sum FILE… > SHA256SUMS`, or build the tree again

error[digest-mismatch]: a file differs from the listed one
  b.dmg: digest 187c9bceeb91…, expected 2cf24dba5fb0…
  help: fetch or build it again; do not update the list without knowing why the file changed

not checked
  a.dmg: contents: archives of its format are not looked into
  b.dmg: contents: archives of its format are not looked into

failed: `rel`, policy `default`, listed by `SHA256SUMS`: 0 programs, 2 of 2 files compared, 2 findings, 0 accepted, 2 not checked

"#]]
    );
}

#[test]
fn a_release_without_a_list_and_without_a_program_does_not_pass() {
    let project = Project::empty();
    project.write("rel/app-linux-amd64.tar.xz", "x");
    project.write("rel/app.deb", "x");
    check!(
        project.xpkg("verify rel"),
        str![[r#"
exit 1
--- stdout

error[archive-unfit]: an archive cannot be read within the limits
  app-linux-amd64.tar.xz: its name is an archive's, but its first bytes are not, expected a readable entry
  app.deb: its name is an archive's, but its first bytes are not, expected a readable entry
  help: pack or fetch it again

not checked
  rel: digests: no manifest.json, SHA256SUMS or other list of checksums was found

failed: `rel`, policy `default`, listed by nothing: 0 programs, 0 of 2 files compared, 2 findings, 0 accepted, 1 not checked

"#]]
    );
    std::fs::remove_file(project.path("rel/app-linux-amd64.tar.xz")).unwrap();
    std::fs::rename(project.path("rel/app.deb"), project.path("rel/app.dmg")).unwrap();
    check!(
        project.xpkg("verify rel"),
        str![[r#"
exit 1
--- stdout

error[nothing-checked]: nothing was checked
  (all): no program that could be read, and no list, expected at least one of them
  help: pass the directory or archive that contains them

not checked
  app.dmg: contents: archives of its format are not looked into
  rel: digests: no manifest.json, SHA256SUMS or other list of checksums was found

failed: `rel`, policy `default`, listed by nothing: 0 programs, 0 of 1 file compared, 1 finding, 0 accepted, 2 not checked

"#]]
    );
}

#[test]
fn names_of_one_program_are_no_copies() {
    let project = Project::empty();
    std::fs::create_dir_all(project.path("rel/x86_64-unknown-linux-gnu")).unwrap();
    let program = project.path("rel/x86_64-unknown-linux-gnu/git");
    std::fs::write(&program, crate::archive::mutants::elf(&["-Wl,-z,now"])).unwrap();
    std::fs::hard_link(&program, program.with_file_name("git-add")).unwrap();
    let shell = |line: &str| assert!(shell(&project.root, line).0, "{line}");
    shell("chmod 755 rel/*/git");
    if std::env::consts::ARCH == "x86_64" {
        project.xpkg("verify rel").ok();
    }
    // Debug symbols that were split off are no program, and are not started.
    if has("objcopy") {
        shell(
            "cd rel/* && cc -g -o git -x c - <<'.'\nint main(void) { return 0; }\n.\nrm git-add; objcopy --only-keep-debug git git.debug && chmod 644 git.debug",
        );
        if std::env::consts::ARCH == "x86_64" {
            project.xpkg("verify rel").ok();
        }
    }
}

/// What a list has is beside it.
#[test]
fn a_list_alone_is_refused_with_the_command_that_reads_its_files() {
    let project = Project::empty();
    let sum = cargo_xpkg::digest::sha256(b"x");
    project.write("the dist/a", "x");
    project.write("the dist/SHA256SUMS", &format!("{sum}  a\n"));
    project.write("the dist/a.sha256", &format!("{sum}  a\n"));
    let refused = |run: crate::support::Run| {
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
        run.stderr
    };
    for name in ["SHA256SUMS", "a.sha256"] {
        assert_eq!(
            refused(project.xpkg(&format!("verify 'the dist/{name}'"))),
            format!(
                "error[nothing-checked]: `the dist/{name}` is a list, and the files that it has are \
                 beside it\n  help: pass the directory: `cargo xpkg verify 'the dist'`\n"
            )
        );
        let inside = refused(project.xpkg_in("the dist", &format!("verify {name}")));
        let help = "  help: pass the directory: `cargo xpkg verify .`\n";
        assert!(inside.ends_with(help), "{inside}");
    }
    project.xpkg_in("the dist", "verify .").ok();
}
