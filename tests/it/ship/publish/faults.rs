//! Stores, releases and settings that are not as they should be.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::directory::{objects, run};
use super::servers::{self, KEYS, at, body, fake, honest, listing, unconditional};
use super::{index, machine, release};
use crate::ship::release::registry::workspace_at;
use crate::support::{Project, Run};

/// Returns the first line of an error.
fn error(run: &Run) -> String {
    let text = run.text();
    let lines = text.lines().filter(|line| line.starts_with("error["));
    lines.take(1).collect()
}

/// A package whose configuration has these lines, and the releases beside it.
fn configured(lines: &str) -> Project {
    let project = machine();
    let manifest = "[package]\nname = \"site\"\nversion = \"0.0.0\"\nedition = \"2024\"\n";
    project.write("Cargo.toml", manifest);
    project.write("src/lib.rs", "");
    project.write("xpkg.toml", lines);
    project
}

/// Copies a release, with another version in its documents.
fn copied(project: &Project, version: &str) {
    let line = format!(
        "PATH=/usr/bin:/bin; cp -rL releases/1.0.0 copy; cd copy; \
         sed -i 's/^  \"version\": \"1.0.0\"/  \"version\": \"{version}\"/' release.json; \
         p=provenance.intoto.json; o=$(sha256sum $p); \
         sed -i 's/\"version\": \"1.0.0\"/\"version\": \"{version}\"/' $p; \
         n=$(sha256sum $p); sed -i \"s/${{o%% *}}/${{n%% *}}/\" release.json SHA256SUMS; \
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
fn a_release_that_changes_after_its_verification_is_refused() {
    let project = machine();
    copied(&project, "1.0.1");
    let script = format!(
        "#!/bin/sh\nPATH=/usr/bin:/bin; cd {}/copy\nsed -i 's/\"greeter\"/\"better\"/' release.json\n\
         d=$(sha256sum release.json); sed -i \"s/.*  release.json/$d/\" SHA256SUMS\nexit 1\n",
        project.path("").display()
    );
    let project = project.fake("aws", "");
    std::fs::remove_file(project.bin.join("aws")).unwrap();
    std::fs::write(project.bin.join("aws"), script).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(project.bin.join("aws"), executable).unwrap();
    // The AWS CLI is asked for a region between the verification and the publication.
    let args = "publish copy --accept publish-url";
    let refused = project.xpkg(&at(&honest(|_, _| None), "get", args));
    assert!(
        error(&refused).starts_with("error[tree-changed]: `[ROOT]/copy/release.json` was changed"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_site_inside_the_release_is_refused() {
    let project = machine();
    copied(&project, "1.0.1");
    for site in ["copy", "copy/site"] {
        let to = format!("--to file://{}", project.path(site).display());
        let refused = project.xpkg(&format!(
            "publish copy {to} --channel main --accept publish-url"
        ));
        assert_eq!(
            error(&refused),
            format!("error[publish-invalid]: the store `[ROOT]/{site}` is in the release")
        );
    }
    assert!(!project.path("copy/main").exists() && !project.path("copy/.xpkg").exists());
}

#[test]
fn a_template_that_is_wrong_is_refused_before_anything_is_written() {
    for (after, expected) in [
        (
            "[\"cdn\", \"{path}\"]",
            "`after` has the field `{path}`, which there is not",
        ),
        (
            "[]",
            "`after` of `[workspace.metadata.xpkg.publish]` names no program",
        ),
    ] {
        let project = configured(&format!("[publish]\nafter = {after}\n"));
        let refused = run(&project, "publish releases/1.0.0");
        assert_eq!(
            error(&refused),
            format!("error[publish-invalid]: {expected}")
        );
        assert!(!project.path("site").exists());
    }
}

#[test]
fn the_channel_is_the_branch_whatever_the_tags_are() {
    let project = machine();
    project
        .shell("git init --quiet -b main && git -c user.name=a -c user.email=a@b.example commit --quiet \
             --allow-empty -m x && git tag main")
        .ok();
    let to = format!("--to file://{}", project.path("site").display());
    let planned = project.xpkg(&format!("publish releases/1.0.0 {to} --dry-run"));
    assert!(planned.ok().stderr.contains("/site/main: "));
    project.shell("git checkout --quiet -b 日本").ok();
    assert_eq!(
        error(&project.xpkg(&format!("publish releases/1.0.0 {to}"))),
        "error[publish-invalid]: there is no channel to publish to: the branch `日本` has no letter \
         or digit of ASCII"
    );
}

#[test]
fn a_check_of_a_release_that_is_not_there_fails() {
    let project = machine();
    let refused = run(&project, "publish nowhere --check");
    assert_eq!(
        error(&refused),
        "error[publish-invalid]: there is no release at `[ROOT]/nowhere`: it has no `release.json`"
    );
    assert_eq!(refused.stdout, "");
}

#[test]
fn documents_at_the_store_have_a_largest_size() {
    let project = machine();
    project.write("site/main/latest.json", "");
    let file = std::fs::File::options()
        .write(true)
        .open(project.path("site/main/latest.json"));
    file.unwrap().set_len(65 << 20).unwrap();
    assert_eq!(
        error(&run(&project, "publish releases/1.0.0")),
        "error[file-access]: cannot read `[ROOT]/site/main/latest.json`: it is larger than 67108864 \
         bytes"
    );
    let large = fake(|request| match request.query.contains("list-type=2") {
        true => listing(""),
        false => ("200 OK\r\nETag: \"x\"".to_owned(), vec![b' '; 65 << 20]),
    });
    let refused = servers::run(&project, &large, "get", "publish releases/1.0.0 --dry-run");
    assert!(
        error(&refused).ends_with("`: it is larger than 67108864 bytes"),
        "{}",
        refused.stderr
    );
}

#[test]
fn only_versions_of_the_channel_are_yanked() {
    let project = machine();
    run(&project, "publish releases/1.0.0").ok();
    let before = objects(&project);
    for version in ["../../releases/1.0.0", "latest", "registry", "1.0"] {
        assert_eq!(
            error(&run(&project, &format!("yank {version}"))),
            format!(
                "error[version-unknown]: `file://[ROOT]/site/main/latest.json` has no version \
                 `{version}`"
            )
        );
    }
    assert_eq!(objects(&project), before);
    // The only version is yanked: none stays the latest.
    run(&project, "yank 1.0.0").ok();
    let again = run(&project, "publish releases/1.0.0").ok();
    assert!(
        again
            .stderr
            .contains("     Noting there is no latest version: 1.0.0 is yanked\n"),
        "{}",
        again.stderr
    );
    // Its files are gone: which packages are its own is not known.
    std::fs::remove_file(project.path("site/main/1.0.0/release.json")).unwrap();
    let undone = run(&project, "yank 1.0.0 --undo").ok();
    assert!(
        undone.text().contains(
            "     Noting the index of the registry stays as it is: there is no \
             `file://[ROOT]/site/main/1.0.0/release.json`\n"
        ),
        "{}",
        undone.stderr
    );
}

#[test]
fn a_package_of_two_versions_is_yanked_with_the_last_of_them() {
    let project = workspace_at("http://127.0.0.1:9/main/registry", "1.0.0");
    let manifest = "[package]\nname = \"greeting\"\nversion = \"0.5.0\"\nedition = \"2024\"\n";
    project.write("greeting/Cargo.toml", manifest);
    for version in ["1.0.0", "1.1.0"] {
        release(&project, "http://127.0.0.1:9", version, "one", version);
    }
    let is_yanked = || {
        let line = project.read("site/main/registry/index/gr/ee/greeting");
        index(line.as_bytes())[0].1
    };
    run(&project, "publish -q out/1.0.0").ok();
    run(&project, "publish -q out/1.1.0").ok();
    let both = objects(&project);
    run(&project, "yank -q 1.0.0").ok();
    assert!(!is_yanked());
    run(&project, "yank -q 1.1.0").ok();
    assert!(is_yanked());
    run(&project, "yank -q 1.0.0 --undo").ok();
    assert!(!is_yanked());
    run(&project, "yank -q 1.1.0 --undo").ok();
    assert!(objects(&project) == both);
    // One that was yanked with its only version is offered again by the next version.
    std::fs::remove_dir_all(project.path("site")).unwrap();
    run(&project, "publish -q out/1.0.0").ok();
    run(&project, "yank -q 1.0.0").ok();
    assert!(is_yanked());
    run(&project, "publish -q out/1.1.0").ok();
    assert!(!is_yanked());
    run(&project, "yank -q 1.0.0 --undo").ok();
    assert!(objects(&project) == both);
}

#[test]
fn what_follows_from_the_latest_version_does_when_another_publisher_is_in_between() {
    let project = Arc::new(machine());
    let server = honest(|_, _| None);
    for version in ["1.0.0", "1.1.0"] {
        let args = format!("publish -q releases/{version}");
        servers::run(&project, &server, "get", &args).ok();
    }
    let keys = [
        "registry/index/gr/ee/greeter",
        "latest/install.sh",
        "index.html",
    ];
    for key in keys {
        servers::run(&project, &server, "get", "yank -q 1.1.0").ok();
        let (other, address) = (Arc::clone(&project), server.clone());
        let writes = AtomicUsize::new(0);
        let between = fake(move |request| {
            let is_write = request.method == "PUT" && request.path.ends_with(key);
            if is_write && writes.fetch_add(1, Ordering::SeqCst) == 0 {
                // Somebody else yanks the version again, and finds nothing to write here.
                servers::run(&other, &address, "get", "yank -q 1.1.0").ok();
                return ("503 Slow Down".to_owned(), Vec::new());
            }
            servers::passed_on(&address, request)
        });
        servers::run(&project, &between, "get", "yank -q 1.1.0 --undo").ok();
        let at = |path: &str| body(&server, &format!("/get/main/{path}"));
        let latest: serde_json::Value = serde_json::from_slice(&at("latest.json")).unwrap();
        assert_eq!(latest["version"], "1.0.0", "{key}");
        assert!(at("latest/install.sh") == at("1.0.0/install.sh"), "{key}");
        let page = String::from_utf8(at("index.html")).unwrap();
        assert!(page.contains("Latest version: <a href=\"1.0.0/"), "{key}");
        for package in ["greeter", "greeting"] {
            let lines = index(&at(&format!("registry/index/gr/ee/{package}")));
            assert_eq!(lines[1], ("1.1.0".to_owned(), true), "{key}");
        }
    }
}

#[test]
fn a_version_is_listed_once() {
    let project = machine();
    run(&project, "publish releases/1.0.0").ok();
    let text = project.read("site/main/latest.json");
    let (start, end) = text.split_once("  \"versions\": [").unwrap();
    let (entry, _) = end.rsplit_once(']').unwrap();
    let doubled = format!("{start}  \"versions\": [{entry},{entry}]\n}}\n");
    project.write("site/main/latest.json", &doubled);
    assert_eq!(
        error(&run(&project, "publish releases/1.1.0")),
        "error[channel-unreadable]: cannot read `file://[ROOT]/site/main/latest.json`: `1.0.0` is \
         listed twice"
    );
}

#[test]
fn a_store_that_hides_what_is_missing_is_planned_for_and_yanked_at() {
    let project = machine();
    let server = honest(|request, there| {
        let is_hidden = there.is_none() && ["GET", "HEAD"].contains(&request.method.as_str());
        let body = b"<Error><Code>AccessDenied</Code></Error>".to_vec();
        is_hidden.then(|| ("403 Forbidden".to_owned(), body))
    });
    let run = |args: &str| servers::run(&project, &server, "get", args);
    let accept = "--accept store-hides-missing";
    for refused in ["publish releases/1.0.0 --dry-run", "publish releases/1.0.0"] {
        assert_eq!(
            error(&run(refused)),
            "error[store-hides-missing]: `s3://get` answers 403 to these credentials for what is \
             not there, and cargo stops at a 403"
        );
    }
    run(&format!("publish releases/1.0.0 --dry-run {accept}")).ok();
    run(&format!("publish releases/1.0.0 {accept}")).ok();
    run(&format!("publish releases/1.1.0 {accept}")).ok();
    let yanked = run(&format!("yank 1.1.0 {accept}")).ok();
    assert!(
        yanked.stderr.contains("latest is 1.0.0"),
        "{}",
        yanked.stderr
    );
}

#[test]
fn a_yank_is_as_careful_with_the_store_as_a_publication() {
    let project = machine();
    let server = unconditional();
    let run = |args: &str| servers::run(&project, &server, "get", args);
    run("publish releases/1.0.0 --accept store-unconditional").ok();
    assert_eq!(
        error(&run("yank 1.0.0")),
        "error[store-unconditional]: `s3://get` overwrites what a condition protects"
    );
    run("yank 1.0.0 --accept store-unconditional").ok();
}

#[test]
fn the_probe_finds_a_store_that_could_not_exchange_a_pointer() {
    let project = machine();
    let written: Arc<Mutex<Vec<String>>> = Arc::default();
    let check = |server: &str, expected: &str| {
        let refused = servers::run(&project, server, "get", "publish releases/1.0.0");
        assert!(
            error(&refused).starts_with("error[store-refused]: ")
                && error(&refused).ends_with(expected),
            "{}",
            refused.stderr
        );
        let written = written.lock().unwrap();
        assert!(
            written.iter().all(|path| path.contains("/.xpkg/")),
            "{written:?}"
        );
    };
    let log = |request: &servers::Asked, written: &Mutex<Vec<String>>| {
        if request.method == "PUT" {
            written.lock().unwrap().push(request.path.clone());
        }
    };
    let known = Arc::clone(&written);
    let untagged = honest(move |request, there| {
        log(request, &known);
        let bytes = there.filter(|_| request.method == "GET")?;
        Some(("200 OK".to_owned(), bytes.to_vec()))
    });
    check(&untagged, "`: the answer has no ETag");
    // A server in front that compresses makes another tag of it.
    let known = Arc::clone(&written);
    let weak = honest(move |request, there| {
        log(request, &known);
        let bytes = there.filter(|_| request.method == "GET")?;
        Some(("200 OK\r\nETag: W/\"x\"".to_owned(), bytes.to_vec()))
    });
    check(
        &weak,
        "`s3://get` does not exchange an object: it refuses the state W/\"x\", which it told",
    );
    let known = Arc::clone(&written);
    let stale = honest(move |request, there| {
        log(request, &known);
        there.filter(|_| request.method == "GET")?;
        Some(("200 OK\r\nETag: \"0\"".to_owned(), b"older".to_vec()))
    });
    check(
        &stale,
        "`s3://get` does not exchange an object: it answers other bytes than were written",
    );
}

#[test]
fn a_listing_without_an_end_is_refused() {
    let project = machine();
    let server = honest(|request, _| {
        let more = "<IsTruncated>true</IsTruncated>\
                    <NextContinuationToken>again</NextContinuationToken>";
        request.query.contains("list-type=2").then(|| listing(more))
    });
    assert_eq!(
        error(&servers::run(
            &project,
            &server,
            "get",
            "publish releases/1.0.0"
        )),
        "error[store-refused]: cannot list `.xpkg/`: each answer continues at the same key"
    );
}

#[test]
fn a_signature_that_is_not_of_now_is_a_matter_of_the_clock() {
    let project = machine();
    // What S3 answers to an address that was signed at another time.
    let server = fake(|_| {
        let body = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
        let head = "403 Forbidden\r\nDate: Tue, 29 Nov 2095 02:00:00 GMT";
        (head.to_owned(), body.into())
    });
    let refused = servers::run(&project, &server, "get", "publish releases/1.0.0");
    assert!(
        error(&refused).starts_with("error[store-clock]: "),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("s behind the store's"),
        "{}",
        refused.stderr
    );
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

#[test]
fn each_scheme_has_its_proxy_and_one_that_cannot_be_used_is_refused() {
    let project = machine();
    let server = honest(|_, _| None);
    let args = at(&server, "get", "publish releases/1.0.0 --dry-run");
    let with =
        |variables: &[(&str, &str)]| project.xpkg_with(&[&KEYS[..], variables].concat(), &args);
    // The address is one of HTTP.
    let nowhere = "http://user:pa55word@127.0.0.1:9";
    with(&[("HTTPS_PROXY", nowhere)]).ok();
    with(&[("HTTP_PROXY", nowhere), ("NO_PROXY", "127.0.0.1")]).ok();
    for (name, value, expected) in [
        ("HTTP_PROXY", nowhere, "error[store-unreachable]: "),
        ("http_proxy", nowhere, "error[store-unreachable]: "),
        ("ALL_PROXY", nowhere, "error[store-unreachable]: "),
        (
            "HTTP_PROXY",
            "socks5://user:pa55word@127.0.0.1:9",
            "error[publish-invalid]: cannot use the proxy of `HTTP_PROXY`",
        ),
        (
            "HTTP_PROXY",
            ":pa55word:",
            "error[publish-invalid]: cannot use the proxy of `HTTP_PROXY`",
        ),
    ] {
        let refused = with(&[(name, value)]);
        assert!(!refused.text().contains("pa55word"), "{}", refused.text());
        assert!(
            error(&refused).starts_with(expected),
            "{name}={value}: {}",
            refused.stderr
        );
    }
}

#[test]
fn credentials_that_expire_soon_are_not_asked_for_at_each_request() {
    let project = machine();
    let asked = project.path("asked");
    let script = format!(
        "#!/bin/sh\necho x >>{}\nexport PATH=/usr/bin:/bin\n\
         printf '{{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\
         \"Expiration\":\"%s\"}}' $(date -u -d '+120 sec' +%Y-%m-%dT%H:%M:%SZ)\n",
        asked.display()
    );
    let project = project.fake("aws", "");
    std::fs::remove_file(project.bin.join("aws")).unwrap();
    std::fs::write(project.bin.join("aws"), script).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(project.bin.join("aws"), executable).unwrap();
    let args = at(&honest(|_, _| None), "get", "publish releases/1.0.0");
    project
        .xpkg_with(&[("AWS_REGION", "us-east-1")], &args)
        .ok();
    assert_eq!(project.read("asked"), "x\n");
}

#[test]
fn credentials_that_a_store_calls_expired_are_asked_for_once_more() {
    let project = machine();
    let exported = "{\"Version\": 1, \"AccessKeyId\": \"A\", \"SecretAccessKey\": \"s\"}";
    let project = project.fake(
        "aws",
        &format!("on export-credentials out {exported}\nexit 0\n"),
    );
    let writes = AtomicUsize::new(0);
    let server = honest(move |request, _| {
        let is_first = request.path.contains("/1.0.0/install.sh")
            && request.method == "PUT"
            && writes.fetch_add(1, Ordering::SeqCst) == 0;
        let body = b"<Error><Code>ExpiredToken</Code></Error>".to_vec();
        is_first.then(|| ("400 Bad Request".to_owned(), body))
    });
    let args = at(&server, "get", "publish releases/1.0.0");
    project
        .xpkg_with(&[("AWS_REGION", "us-east-1")], &args)
        .ok();
    // Those of variables do not change.
    let expired = fake(|_| {
        let body = b"<Error><Code>ExpiredToken</Code></Error>".to_vec();
        ("400 Bad Request".to_owned(), body)
    });
    let refused = servers::run(&project, &expired, "get", "publish releases/1.0.0");
    assert!(
        error(&refused).starts_with("error[store-credentials]: "),
        "{}",
        refused.stderr
    );
}
