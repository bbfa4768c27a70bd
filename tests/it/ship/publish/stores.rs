//! Stores of S3's protocol: SeaweedFS, moto, a proxy that cuts every request, and fakes.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use snapbox::str;

use super::servers::{
    Cut, KEYS, Server, at, fake, moto, proxy, python, run, seaweed, unconditional,
};
use super::{Objects, index, machine, readable};
use crate::support::{Project, repository};

#[test]
fn a_release_is_published_with_types_cache_headers_and_digests() {
    const NAME: &str = "a_release_is_published_with_types_cache_headers_and_digests";
    for server in [seaweed(NAME), moto(NAME)].into_iter().flatten() {
        server.bucket("types");
        let project = machine();
        let published = run(&project, &server.address, "types", "publish releases/1.0.0").ok();
        assert!(
            published.stderr.contains("20 objects (20 put)"),
            "{}",
            published.stderr
        );
        let again = run(&project, &server.address, "types", "publish releases/1.0.0").ok();
        assert!(
            again.stderr.contains("20 objects (20 already there)"),
            "{}",
            again.stderr
        );
        readable(&server.objects("types"));
        let head = |key: &str| {
            let line =
                format!("s3api head-object --bucket types --key {key} --checksum-mode ENABLED");
            let head: serde_json::Value = serde_json::from_str(&server.aws(&line)).unwrap();
            [
                head["ContentType"].clone(),
                head["CacheControl"].clone(),
                head["Metadata"]["sha256"].clone(),
            ]
        };
        let sums = project.read("releases/1.0.0/SHA256SUMS");
        let digest = sums
            .lines()
            .find(|line| line.ends_with("  release.json"))
            .unwrap();
        assert_eq!(
            head("main/1.0.0/release.json"),
            [
                "application/json",
                "public, max-age=31536000, immutable",
                &digest[..64]
            ]
        );
        assert_eq!(head("main/latest.json")[1], "no-cache");
        assert_eq!(
            head("main/latest/install.sh")[0],
            "text/plain; charset=utf-8"
        );
        run(
            &project,
            &server.address,
            "types",
            "publish -q releases/1.1.0",
        )
        .ok();
        run(&project, &server.address, "types", "yank -q 1.1.0").ok();
        let objects = server.objects("types");
        let greeter = index(&objects["main/registry/index/gr/ee/greeter"]);
        assert_eq!(
            greeter,
            [("1.0.0".to_owned(), false), ("1.1.0".to_owned(), true)]
        );
        assert_eq!(
            objects["main/latest/install.sh"],
            objects["main/1.0.0/install.sh"]
        );
        let other = run(
            &project,
            &server.address,
            "types",
            "publish -q releases/other",
        );
        assert!(
            other.stderr.contains("error[version-immutable]: "),
            "{}",
            other.stderr
        );
        let check = run(&project, &server.address, "types", "publish --check").ok();
        assert!(
            check.stdout.contains("conditional writes  kept\n"),
            "{}",
            check.stdout
        );
        // Nothing of the probes is left.
        let left = server.aws("s3api list-objects-v2 --bucket types --prefix .xpkg/");
        assert!(!left.contains("\"Key\""), "{left}");
    }
}

#[test]
fn files_of_another_tool_are_compared_by_their_bytes() {
    const NAME: &str = "files_of_another_tool_are_compared_by_their_bytes";
    // moto tells no digest of an object, so each is read.
    let Some(server) = moto(NAME) else { return };
    server.bucket("other-tool");
    let project = machine();
    let from = project.path("releases/1.0.0/");
    let line = format!(
        "s3 cp --quiet --recursive {} s3://other-tool/main/1.0.0",
        from.display()
    );
    server.aws(&line);
    let published = run(
        &project,
        &server.address,
        "other-tool",
        "publish releases/1.0.0",
    )
    .ok();
    assert!(
        published.stderr.contains("(8 put, 12 already there)"),
        "{}",
        published.stderr
    );
    let text = project.path("text");
    std::fs::write(&text, "other").unwrap();
    server.aws(&format!(
        "s3 cp --quiet {} s3://other-tool/main/1.0.0/index.html",
        text.display()
    ));
    let refused = run(
        &project,
        &server.address,
        "other-tool",
        "publish releases/1.0.0",
    );
    assert!(
        refused
            .stderr
            .contains("  differs: main/1.0.0/index.html\n"),
        "{}",
        refused.stderr
    );
}

/// Returns true in the slow matrix (`cargo xtask stores`).
fn is_slow() -> bool {
    std::env::var_os("XPKG_EVERY_REQUEST").is_some()
}

/// Returns the numbers of requests to try: all in the slow matrix, else every seventh.
fn requests() -> impl Iterator<Item = usize> {
    (1..).step_by(if is_slow() { 1 } else { 7 })
}

/// Returns the servers to try: both in the slow matrix, else the faster one.
fn servers(test: &str) -> Vec<&'static Server> {
    let second = is_slow().then(|| moto(test)).flatten();
    [seaweed(test), second].into_iter().flatten().collect()
}

/// Fails with the names of the objects that differ.
#[track_caller]
fn same(found: &Objects, expected: &Objects, what: &str) {
    let keys = found.keys().chain(expected.keys());
    let differs = |key: &&String| found.get(*key) != expected.get(*key);
    let differing: Vec<&String> = keys.filter(differs).collect();
    assert!(differing.is_empty(), "{what}: {differing:?}");
}

/// Objects of the two versions at a store.
fn before_and_after(project: &Project, server: &Server, bucket: &str) -> [Objects; 2] {
    let whole = format!("{bucket}/whole");
    let whole = whole.as_str();
    server.bucket(bucket);
    run(project, &server.address, whole, "publish -q releases/1.0.0").ok();
    let before = server.objects(whole);
    run(project, &server.address, whole, "publish -q releases/1.1.0").ok();
    [before, server.objects(whole)]
}

#[test]
fn every_request_may_be_lost_or_its_answer() {
    const NAME: &str = "every_request_may_be_lost_or_its_answer";
    for server in servers(NAME) {
        lose(server);
    }
}

/// Loses each request in turn, or its answer: the client sends it again.
fn lose(server: &Server) {
    let project = machine();
    let [_, after] = before_and_after(&project, server, "lost");
    let mut number = 0;
    for cut in [Cut::Before, Cut::After] {
        for k in requests() {
            let bucket = format!("lost/{number}");
            number += 1;
            run(
                &project,
                &server.address,
                &bucket,
                "publish -q releases/1.0.0",
            )
            .ok();
            let between = proxy(&server.address, k, cut, || ());
            run(
                &project,
                &between.address,
                &bucket,
                "publish -q releases/1.1.0",
            )
            .ok();
            same(&server.objects(&bucket), &after, &format!("{cut:?} {k}"));
            if between.seen.load(Ordering::SeqCst) < k {
                assert!(k > 30, "{k}");
                break;
            }
        }
    }
}

#[test]
fn killed_at_every_request_readers_see_a_whole_version_and_the_next_run_ends_it() {
    const NAME: &str =
        "killed_at_every_request_readers_see_a_whole_version_and_the_next_run_ends_it";
    for server in servers(NAME) {
        kill(server, 9);
        kill(server, 15);
    }
}

/// Ends a publisher by a signal at each request in turn, and runs it again.
fn kill(server: &Server, signal: i32) {
    let project = machine();
    let place = format!("killed-by-{signal}");
    let [_, after] = before_and_after(&project, server, &place);
    let mut number = 0;
    for cut in [Cut::Before, Cut::After] {
        for k in requests() {
            let bucket = format!("{place}/{number}");
            number += 1;
            run(
                &project,
                &server.address,
                &bucket,
                "publish -q releases/1.0.0",
            )
            .ok();
            let pid: Arc<Mutex<Option<i32>>> = Arc::default();
            let known = Arc::clone(&pid);
            let between = proxy(&server.address, k, cut, move || {
                let pid = crate::support::until("a process", || *known.lock().unwrap());
                let _ = std::process::Command::new("/bin/kill")
                    .args([format!("-{signal}"), pid.to_string()])
                    .status();
            });
            let args = at(&between.address, &bucket, "publish -q releases/1.1.0");
            let mut command = project.command(&args);
            command
                .envs(KEYS)
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            *pid.lock().unwrap() = i32::try_from(child.id()).ok();
            let status = child.wait().unwrap();
            readable(&server.objects(&bucket));
            if status.success() {
                assert!(k > 30, "{k}");
                break;
            }
            let ended = status.signal() == Some(signal) || status.code() == Some(128 + signal);
            assert!(ended, "{k}: {status}");
            run(
                &project,
                &server.address,
                &bucket,
                "publish -q releases/1.1.0",
            )
            .ok();
            same(
                &server.objects(&bucket),
                &after,
                &format!("{signal} {cut:?} {k}"),
            );
        }
    }
}

#[test]
fn sixteen_publishers_at_once_at_a_store() {
    const NAME: &str = "sixteen_publishers_at_once_at_a_store";
    let Some(server) = seaweed(NAME) else { return };
    server.bucket("many");
    let project = machine();
    let versions = ["1.0.0", "1.1.0", "2.0.0-rc.1", "1.1.0"];
    let children: Vec<_> = (0..16)
        .map(|number| {
            let version = versions[number % versions.len()];
            let args = at(
                &server.address,
                "many",
                &format!("publish -q releases/{version}"),
            );
            let mut command = project.command(&args);
            command
                .envs(KEYS)
                .stdout(Stdio::null())
                .stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let objects = server.objects("many");
    readable(&objects);
    let latest: serde_json::Value = serde_json::from_slice(&objects["main/latest.json"]).unwrap();
    assert_eq!(latest["version"], "1.1.0");
    assert_eq!(latest["versions"].as_array().unwrap().len(), 3);
    assert_eq!(
        objects["main/latest/install.sh"],
        objects["main/1.1.0/install.sh"]
    );
    assert_eq!(
        index(&objects["main/registry/index/gr/ee/greeter"]).len(),
        3
    );
}

#[test]
fn a_server_that_ignores_conditions_is_refused() {
    let project = machine();
    let server = unconditional();
    let refused = run(&project, &server, "get", "publish releases/1.0.0");
    let text = refused.text().replace(&server, "[SERVER]");
    snapbox::assert_data_eq!(
        text,
        str![[r#"
exit 1
--- stderr
      Noting what `http://127.0.0.1:9/main/registry` answers to readers is not checked: Connection refused (os error 111)
error[store-unconditional]: `s3://get` overwrites what a condition protects
  help: use a store with conditional writes; with a single publisher at a time: `--accept store-unconditional`

"#]]
    );
    let accepted = "publish releases/1.0.0 --accept store-unconditional --message-format json";
    let published = run(&project, &server, "get", accepted).ok();
    let receipt: serde_json::Value = serde_json::from_str(&published.stdout).unwrap();
    assert_eq!(receipt["probe"]["conditional"], false);
    assert_eq!(
        receipt["accepted"],
        serde_json::json!(["store-unconditional"])
    );
}

#[test]
fn what_a_server_refuses_has_a_code_and_a_fix() {
    let project = machine();
    let error = |code: &str, more: &str| {
        format!("<Error><Code>{code}</Code><Message>It says so</Message>{more}</Error>")
    };
    for (head, body, expected) in [
        ("403 Forbidden", error("AccessDenied", ""), "store-denied"),
        (
            "403 Forbidden",
            error("InvalidAccessKeyId", ""),
            "store-credentials",
        ),
        (
            "403 Forbidden\r\nDate: Sun, 29 Nov 2015 02:00:00 GMT",
            error("RequestTimeTooSkewed", ""),
            "store-clock",
        ),
        (
            "301 Moved Permanently\r\nx-amz-bucket-region: eu-west-1",
            error("PermanentRedirect", ""),
            "store-region",
        ),
        (
            "400 Bad Request",
            error("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"),
            "store-region",
        ),
        (
            "503 Service Unavailable",
            error("SlowDown", ""),
            "store-busy",
        ),
        ("409 Conflict", error("OperationAborted", ""), "store-busy"),
        (
            "501 Not Implemented",
            error("NotImplemented", ""),
            "store-refused",
        ),
        ("404 Not Found", error("NoSuchBucket", ""), "store-refused"),
    ] {
        let (head, body) = (head.to_owned(), body.into_bytes());
        let server = fake(move |_| (head.clone(), body.clone()));
        let refused = run(&project, &server, "get", "publish releases/1.0.0");
        assert_eq!(refused.code, Some(1));
        let code = format!("error[{expected}]: ");
        assert!(
            refused.stderr.contains(&code),
            "{expected}:\n{}",
            refused.stderr
        );
        assert!(
            refused.stderr.contains("  help: ") || expected == "store-refused",
            "{}",
            refused.stderr
        );
        assert!(!refused.stderr.contains("X-Amz-"), "{}", refused.stderr);
        if expected == "store-clock" {
            assert!(
                refused.stderr.contains("s ahead of the store's"),
                "{}",
                refused.stderr
            );
        }
        if expected == "store-region" {
            assert!(
                refused.stderr.contains("export AWS_REGION=eu-west-1"),
                "{}",
                refused.stderr
            );
        }
    }
    let refused = run(
        &project,
        "http://127.0.0.1:9",
        "get",
        "publish releases/1.0.0",
    );
    assert!(
        refused.stderr.contains("error[store-unreachable]: "),
        "{}",
        refused.stderr
    );
}

#[test]
fn credentials_come_from_the_first_source_and_are_never_printed() {
    let project = machine();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&seen);
    let server = fake(move |request| {
        log.lock().unwrap().push(request.query.clone());
        let text = String::from_utf8_lossy(&request.body).into_owned();
        if text.contains("AssumeRoleWithWebIdentity") {
            assert!(text.contains("WebIdentityToken=the%2Etoken"), "{text}");
            let body = "<AssumeRoleWithWebIdentityResponse><AccessKeyId>FROMSTS</AccessKeyId>\
                        <SecretAccessKey>hidden</SecretAccessKey><SessionToken>hidden2</SessionToken>\
                        <Expiration>2096-01-01T00:00:00Z</Expiration>\
                        </AssumeRoleWithWebIdentityResponse>";
            return ("200 OK".to_owned(), body.into());
        }
        ("501 Not Implemented".to_owned(), Vec::new())
    });
    let args = at(&server, "get", "publish -v releases/1.0.0");
    let check = |project: &Project, variables: &[(&str, &str)], key: &str| {
        let run = project.xpkg_with(variables, &args);
        let text = format!("{}{}", run.stdout, run.stderr);
        assert!(!text.contains("hidden"), "{text}");
        let asked = seen.lock().unwrap().pop().unwrap_or_default();
        assert!(
            asked.contains(&format!("X-Amz-Credential={key}")),
            "{asked}\n{text}"
        );
    };
    let region = ("AWS_REGION", "us-east-1");
    let pair = [
        ("AWS_ACCESS_KEY_ID", "FROMENV"),
        ("AWS_SECRET_ACCESS_KEY", "hidden"),
        region,
    ];
    check(&project, &pair, "FROMENV");
    project.write("token", "the.token\n");
    let web = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "token"),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
        ("AWS_ENDPOINT_URL_STS", server.as_str()),
        region,
    ];
    check(&project, &web, "FROMSTS");
    let exported =
        "{\"Version\": 1, \"AccessKeyId\": \"FROMCLI\", \"SecretAccessKey\": \"hidden\"}";
    let project = project.fake(
        "aws",
        &format!("on export-credentials out {exported}\nexit 0\n"),
    );
    check(&project, &[region], "FROMCLI");
    // A CLI without that command, one that is not logged in, and none.
    let lacking = |project: &Project| {
        let refused = project.xpkg_with(&[region], &args);
        let lines = refused
            .stderr
            .lines()
            .filter(|line| !line.contains("Running"));
        let text: Vec<&str> = lines
            .skip_while(|line| !line.starts_with("error["))
            .collect();
        text.join("\n") + "\n"
    };
    let project = project.fake(
        "aws",
        "err aws: error: argument subcommand: Invalid choice\nexit 2\n",
    );
    let first = lacking(&project);
    let project = project.fake(
        "aws",
        "err Error loading SSO Token: hidden away\nexit 255\n",
    );
    let second = lacking(&project);
    let third = lacking(&project.without("aws"));
    snapbox::assert_data_eq!(
        format!("{first}{second}{third}"),
        str![[r#"
error[store-credentials]: there are no credentials for the store
  variables: AWS_ACCESS_KEY_ID and AWS_WEB_IDENTITY_TOKEN_FILE are not set
  aws: the AWS CLI here is version 1, which exports no credentials
  help: set them: `export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…`
  help: or log in with the AWS CLI: `aws sso login`, `aws configure`
error[store-credentials]: there are no credentials for the store
  variables: AWS_ACCESS_KEY_ID and AWS_WEB_IDENTITY_TOKEN_FILE are not set
  aws: `aws configure export-credentials` found none
  cause: Error loading SSO Token: hidden away
  help: set them: `export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…`
  help: or log in with the AWS CLI: `aws sso login`, `aws configure`
error[store-credentials]: there are no credentials for the store
  variables: AWS_ACCESS_KEY_ID and AWS_WEB_IDENTITY_TOKEN_FILE are not set
  aws: the AWS CLI is not on PATH
  help: set them: `export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…`
  help: or log in with the AWS CLI: `aws sso login`, `aws configure`

"#]]
    );
}

#[test]
fn a_role_of_moto_publishes() {
    let Some(server) = moto("a_role_of_moto_publishes") else {
        return;
    };
    server.bucket("role");
    let project = machine();
    project.write("token", "t\n");
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "token"),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r"),
        ("AWS_ENDPOINT_URL", server.address.as_str()),
        ("AWS_REGION", "us-east-1"),
    ];
    let args = "publish -q --to s3://role/cli --channel main releases/1.0.0";
    project.xpkg_with(&variables, args).ok();
    assert!(server.objects("role").contains_key("cli/main/latest.json"));
}

#[test]
fn a_distribution_of_cloudfront_is_invalidated() {
    const NAME: &str = "a_distribution_of_cloudfront_is_invalidated";
    let Some(server) = moto(NAME) else { return };
    server.bucket("cdn");
    let created =
        server.aws("cloudfront create-distribution --origin-domain-name cdn.s3.amazonaws.com");
    let created: serde_json::Value = serde_json::from_str(&created).unwrap();
    let id = created["Distribution"]["Id"].as_str().unwrap();
    let project = machine();
    let manifest = "[package]\nname = \"site\"\nversion = \"0.0.0\"\nedition = \"2024\"\n";
    project.write("Cargo.toml", manifest);
    project.write("src/lib.rs", "");
    project.write(
        "xpkg.toml",
        &format!(
            "[publish]\nto = \"s3://cdn\"\nchannel = \"main\"\nendpoint = \"{}\"\nregion = \
             \"us-east-1\"\nafter = [\"python3\", \"-m\", \"awscli\", \"--endpoint-url\", \"{}\", \
             \"cloudfront\", \"create-invalidation\", \"--distribution-id\", \"{id}\", \"--paths\", \
             \"{{paths}}\"]\n",
            server.address, server.address
        ),
    );
    let stores = repository().join("target/toolchains/stores");
    let project = project
        .with_tool("python3", &python())
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("PYTHONPATH", stores.to_str().unwrap());
    project
        .xpkg_with(&KEYS[..2], "publish -q releases/1.0.0")
        .ok();
    let listed = server.aws(&format!(
        "cloudfront list-invalidations --distribution-id {id}"
    ));
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let invalidation = listed["InvalidationList"]["Items"][0]["Id"]
        .as_str()
        .unwrap();
    let got = server.aws(&format!(
        "cloudfront get-invalidation --distribution-id {id} --id {invalidation}"
    ));
    for path in [
        "/main/latest.json",
        "/main/latest/install.sh",
        "/main/index.html",
    ] {
        assert!(got.contains(&format!("\"{path}\"")), "{got}");
    }
}

#[test]
fn a_large_file_goes_in_parts_and_nothing_of_it_is_left_after_a_signal() {
    const NAME: &str = "a_large_file_goes_in_parts_and_nothing_of_it_is_left_after_a_signal";
    let Some(server) = seaweed(NAME) else { return };
    server.bucket("large");
    let project =
        crate::ship::release::registry::workspace_at("http://127.0.0.1:9/main/registry", "1.0.0");
    // 70 MB that no compression makes smaller.
    let mut state = 1_u64;
    let bytes: Vec<u8> = (0..70 << 17)
        .flat_map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state.rotate_left(29).to_le_bytes()
        })
        .collect();
    std::fs::write(project.path("model.bin"), bytes).unwrap();
    project.write(
        "xpkg.toml",
        "[release]\ninclude = { \"model.bin\" = \"\" }\ninstallers = false\n",
    );
    project.write(".gitignore", "/target\n/model.bin\n");
    project.commit();
    project.xpkg("release -q").ok();
    let open = || server.aws("s3api list-multipart-uploads --bucket large");
    // The fourth part never arrives, and the signal comes while it is on its way.
    let pid: Arc<Mutex<Option<u32>>> = Arc::default();
    let known = Arc::clone(&pid);
    let upstream = server.address.clone();
    let parts = std::sync::atomic::AtomicUsize::new(0);
    let between = fake(move |request| {
        if request.query.contains("partNumber=3") && parts.fetch_add(1, Ordering::SeqCst) == 0 {
            let pid = crate::support::until("a process", || *known.lock().unwrap());
            let _ = std::process::Command::new("/bin/kill")
                .arg(pid.to_string())
                .status();
            std::thread::sleep(std::time::Duration::from_millis(300));
            return ("503 Slow Down".to_owned(), Vec::new());
        }
        super::servers::passed_on(&upstream, request)
    });
    let args = at(&between, "large", "publish -q");
    let mut command = project.command(&args);
    command
        .envs(KEYS)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    *pid.lock().unwrap() = Some(child.id());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(143), "{stderr}");
    assert!(!open().contains("UploadId"), "{}", open());
    // S3 may say 200 before it knows, and then that it was too much.
    let upstream = server.address.clone();
    let ends = std::sync::atomic::AtomicUsize::new(0);
    let late = fake(move |request| {
        let is_end = request.method == "POST" && request.query.contains("uploadId=");
        if is_end && ends.fetch_add(1, Ordering::SeqCst) == 0 {
            let body = b"<?xml version=\"1.0\"?><Error><Code>InternalError</Code></Error>".to_vec();
            return ("200 OK".to_owned(), body);
        }
        super::servers::passed_on(&upstream, request)
    });
    run(&project, &late, "large", "publish -q").ok();
    assert!(!open().contains("UploadId"), "{}", open());
    readable(&server.objects("large"));
    let again = run(&project, &server.address, "large", "publish").ok();
    assert!(
        again.stderr.contains(" already there); "),
        "{}",
        again.stderr
    );
}
