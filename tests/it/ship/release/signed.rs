//! Signatures: made by minisign and ssh-keygen, verified by us and by them.

use snapbox::str;

use crate::check;
use crate::support::{Project, X86_MUSL};

/// A release of `hello` that both kinds of keys have signed, and the keys.
fn signed() -> Project {
    let project = Project::of("hello").with("minisign").with("ssh-keygen");
    project.write(
        ".gitignore",
        "/target\n/key*\n/out\n/site\n/copy\n/allowed\n/unsigned\n",
    );
    project.commit();
    let line = "minisign -G -W -p key.pub -s key.min >/dev/null && ssh-keygen -q -t ed25519 -N '' -C \
                a@b -f key.ssh && minisign -G -W -p key2.pub -s key2.min >/dev/null";
    project.shell(line).ok();
    project
        .xpkg(&sign("out", "--sign minisign:key.min --sign ssh:key.ssh"))
        .ok();
    project
}

fn sign(place: &str, keys: &str) -> String {
    format!("release -q --target {X86_MUSL} --release-dir {place} {keys}")
}

#[test]
fn a_signed_release_is_verified_by_the_key_and_by_the_tools() {
    let project = signed();
    let document = project.json("out/release.json");
    assert_eq!(
        document["signatures"],
        serde_json::json!(["minisign", "ssh"])
    );
    project
        .shell("cd out && minisign -V -q -p ../key.pub -m SHA256SUMS")
        .ok();
    let line = "cd out && echo \"a $(cat ../key.ssh.pub)\" >../allowed && ssh-keygen -Y verify -f \
                ../allowed -I a -n file -s SHA256SUMS.sig <SHA256SUMS";
    project
        .shell(&format!("PATH=\"$PATH:/usr/bin:/bin\"; {line}"))
        .ok();
    for key in ["key.pub", "key.ssh.pub"] {
        project.xpkg(&format!("verify out --signed-by {key}")).ok();
    }
    let verified = project.xpkg("verify out --signed-by key.pub");
    check!(
        verified,
        str![[r#"
exit 0
--- stdout
file                                                                                       target                          size  linkage     glibc  sha256
hello-0.1.0-x86_64-unknown-linux-musl.tar.gz!/hello-0.1.0-x86_64-unknown-linux-musl/hello  x86_64-unknown-linux-musl [SIZE]  static-pie  -      [DIGEST]

not checked
  SHA256SUMS.sig: contents: it is an SSH signature, which is not checked

signed: `SHA256SUMS` by minisign, `hello 0.1.0`

passed: `out`, policy `default`, listed by `release.json` and 1 more: 1 program, 5 of 5 files compared, 0 findings, 0 accepted, 1 not checked

"#]]
    );
    // The same bytes each time.
    let again =
        project.xpkg(&sign("out", "--sign minisign:key.min --sign ssh:key.ssh").replace(" -q", ""));
    assert!(again.ok().stderr.contains("   Unchanged release 0.1.0: "));
    // The signatures go to the store, too.
    let to = format!(
        "--to file://{} --channel main",
        project.path("site").display()
    );
    project.xpkg(&format!("publish -q out {to}")).ok();
    let published = project.path("site/main/0.1.0");
    project
        .xpkg(&format!(
            "verify {} --signed-by key.pub",
            published.display()
        ))
        .ok();
}

/// A complete older release, which the key has signed, is told from the one that is wanted.
#[test]
fn an_older_release_in_place_of_a_newer_one_is_found() {
    let project = signed();
    let line = "verify out --signed-by key.pub --release-version";
    project.xpkg(&format!("{line} 0.1.0")).ok();
    check!(
        project.xpkg(&format!("{line} 0.2.0")),
        str![[r#"
exit 1
--- stdout
file                                                                                       target                          size  linkage     glibc  sha256
hello-0.1.0-x86_64-unknown-linux-musl.tar.gz!/hello-0.1.0-x86_64-unknown-linux-musl/hello  x86_64-unknown-linux-musl [SIZE]  static-pie  -      [DIGEST]

error[release-other-version]: the release is of another version than the one that was asked for
  release.json: version 0.1.0, expected version 0.2.0
  help: fetch that version from where it was published

not checked
  SHA256SUMS.sig: contents: it is an SSH signature, which is not checked

signed: `SHA256SUMS` by minisign, `hello 0.1.0`

failed: `out`, policy `default`, listed by `release.json` and 1 more: 1 program, 5 of 5 files compared, 1 finding, 0 accepted, 1 not checked

"#]]
    );
    // What has no version is not of this one.
    check!(
        project.xpkg("verify --release-version 0.1.0"),
        str![[r#"
exit 1
--- stdout
file                                   target                          size  linkage     glibc  sha256
x86_64-unknown-linux-musl/hello/hello  x86_64-unknown-linux-musl [SIZE]  static-pie  -      [DIGEST]

error[release-other-version]: the release is of another version than the one that was asked for
  (all): no `release.json`, which has the version, expected version 0.1.0
  help: fetch that version from where it was published

failed: `[ROOT]/target/xpkg`, policy `default`, listed by `manifest.json`: 1 program, 1 of 1 file compared, 1 finding, 0 accepted, 0 not checked

"#]]
    );
}

#[test]
fn what_the_key_did_not_sign_is_found() {
    let project = signed();
    let copy = |change: &str| {
        let line = format!(
            "PATH=\"$PATH:/usr/bin:/bin\"; rm -rf copy && cp -r out copy && cd copy && {change}"
        );
        project.shell(&line).ok();
    };
    let found = |key: &str| {
        let run = project.xpkg(&format!(
            "verify copy --signed-by {key} --message-format json"
        ));
        let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap().iter();
        let codes = findings.map(|finding| finding["code"].as_str().unwrap().to_owned());
        codes.collect::<Vec<String>>()
    };
    let both = ["key.pub", "key.ssh.pub"];
    // A list that somebody else has written, with the digests of his own files.
    copy(
        "echo x >>index.html && sha256sum * | grep -v 'SHA256SUMS' >../sums && mv ../sums SHA256SUMS",
    );
    for key in both {
        assert!(
            found(key).contains(&"list-signature-invalid".to_owned()),
            "{:?}",
            found(key)
        );
    }
    copy("rm SHA256SUMS.minisig SHA256SUMS.sig");
    for key in both {
        assert!(found(key).contains(&"list-signature-missing".to_owned()));
    }
    copy("true");
    assert_eq!(found("key2.pub"), ["list-signature-invalid"]);
    // The same key, another version.
    let key = project.path("key.min");
    let line = format!(
        "cd copy && minisign -S -q -s {} -m SHA256SUMS -x SHA256SUMS.minisig -t 'hello 0.0.9'",
        key.display()
    );
    project.shell(&line).ok();
    assert_eq!(found("key.pub"), ["list-signature-invalid"]);
    check!(
        project.xpkg("verify copy --signed-by key.pub"),
        str![[r#"
exit 1
--- stdout
file                                                                                       target                          size  linkage     glibc  sha256
hello-0.1.0-x86_64-unknown-linux-musl.tar.gz!/hello-0.1.0-x86_64-unknown-linux-musl/hello  x86_64-unknown-linux-musl [SIZE]  static-pie  -      [DIGEST]

error[list-signature-invalid]: a list is not signed by the key, or is another version's
  SHA256SUMS.minisig: a signature of `hello 0.0.9`, and this is `hello 0.1.0`, expected a signature of `SHA256SUMS` by the key
  help: get the files from where the signer publishes them

not checked
  SHA256SUMS.minisig: contents: it is a minisign signature, which is not checked
  SHA256SUMS.sig: contents: it is an SSH signature, which is not checked

failed: `copy`, policy `default`, listed by `release.json` and 1 more: 1 program, 5 of 5 files compared, 1 finding, 0 accepted, 2 not checked

"#]]
    );
    check!(
        project.xpkg("verify out --signed-by nothing"),
        str![[r#"
exit 1
--- stderr
error[list-signature-invalid]: `--signed-by nothing` is no public key
  file: there is no `[ROOT]/nothing`
  help: pass a public key of minisign or SSH, or its file: `--signed-by minisign.pub`

"#]]
    );
    // A list that the signed one names with another digest, and one that it only names.
    let key = project.path("key.min");
    let line = format!(
        "cp hello-*.gz x && sha512sum x >SHA512SUMS && sha256sum x >>SHA256SUMS && echo '{}  \
         SHA512SUMS' >>SHA256SUMS && rm SHA256SUMS.minisig && minisign -S -q -s {} -m SHA256SUMS -x \
         SHA256SUMS.minisig -t 'hello 0.1.0' </dev/null",
        "0".repeat(64),
        key.display()
    );
    copy(&line);
    let codes = found("key.pub");
    assert!(
        codes.contains(&"list-signature-missing".to_owned()),
        "{codes:?}"
    );
    project.xpkg(&sign("unsigned", "")).ok();
    std::fs::copy(project.path("key.pub"), project.path("out/key.pub")).unwrap();
    let within = project.xpkg("verify out --signed-by out/key.pub");
    check!(
        within,
        str![[r#"
exit 1
--- stderr
error[list-signature-invalid]: `--signed-by out/key.pub` is a key among the files to verify
  help: pass a key that you have from elsewhere: `--signed-by KEY`

"#]]
    );
    check!(
        project.xpkg("verify unsigned --signed-by key.pub"),
        str![[r#"
exit 1
--- stdout
file                                                                                       target                          size  linkage     glibc  sha256
hello-0.1.0-x86_64-unknown-linux-musl.tar.gz!/hello-0.1.0-x86_64-unknown-linux-musl/hello  x86_64-unknown-linux-musl [SIZE]  static-pie  -      [DIGEST]

error[list-signature-missing]: no list is signed, or a signature that a release has is gone
  release.json: no signature beside it, expected `release.json.minisig`
  SHA256SUMS: no signature beside it, expected `SHA256SUMS.minisig`
  help: sign the release: `cargo xpkg release --sign KIND:FILE`

failed: `unsigned`, policy `default`, listed by `release.json` and 1 more: 1 program, 5 of 5 files compared, 2 findings, 0 accepted, 0 not checked

"#]]
    );
}

#[test]
fn a_release_that_cannot_be_signed_is_not_written() {
    let project = Project::of("hello").with("ssh-keygen");
    project.write("key", "no key\n");
    for (keys, expected) in [
        (
            "--sign minisign:key",
            "error[signing-failed]: `minisign` is not on PATH",
        ),
        (
            "--sign ssh:absent",
            "error[signing-failed]: there is no key at `[ROOT]/absent`",
        ),
        (
            "--sign ssh:key",
            "error[signing-failed]: `ssh-keygen` does not sign with `[ROOT]/key`",
        ),
        (
            "--sign pgp:key",
            "error[signing-failed]: `--sign pgp:key` is not a kind of signature and a key",
        ),
        (
            "--sign ssh:key --sign ssh:key2",
            "error[signing-failed]: two keys of ssh would both sign into `SHA256SUMS.sig`",
        ),
    ] {
        let refused = project.xpkg(&sign("out", keys));
        assert_eq!(refused.code, Some(1));
        assert!(refused.text().contains(expected), "{}", refused.text());
        assert!(!project.path("out").exists());
    }
}

/// The directory itself would be the key's file.
#[test]
fn an_empty_key_is_refused_by_the_name_of_its_flag() {
    let project = Project::empty();
    for (flag, name) in [("signed-by", "KEY"), ("release-version", "VERSION")] {
        let run = project.xpkg(&format!("verify . --{flag}="));
        assert_eq!(run.code, Some(2));
        let line = format!("a value is required for '--{flag} <{name}>' but none was supplied");
        assert!(run.stderr.contains(&line), "{}", run.stderr);
    }
}
