//! Users who install from a store, while the next version is published.

use std::sync::atomic::{AtomicBool, Ordering};

use super::servers::{got, run, seaweed};
use super::{digest, release};
use crate::ship::release::installers::served;
use crate::ship::release::registry::workspace_at;
use crate::support::{Project, tool};

/// Installs the latest version by the script and by cargo, and starts it.
#[track_caller]
fn install(project: &Project, url: &str, expected: &str) {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let line = format!(
        "export PATH=/usr/bin:/bin HOME={home} && curl -fsSL {url}/main/latest/install.sh | busybox sh \
         -s -- --no-modify-path && {home}/.local/bin/greeter",
        home = home.display()
    );
    assert_eq!(
        project.shell(&line).ok().stdout.lines().last(),
        Some(expected)
    );
    // An empty home of cargo: nothing but the registry has the packages.
    let line = format!(
        "CARGO_HOME={home}/cargo {cargo} install --quiet --locked --index \
         sparse+{url}/main/registry/index/ greeter --root {home} && {home}/bin/greeter",
        home = home.display(),
        cargo = tool("cargo").display(),
    );
    assert_eq!(project.shell(&line).ok().stdout, format!("{expected}\n"));
}

#[test]
fn users_install_from_a_directory_and_get_the_next_version() {
    let place = tempfile::tempdir().unwrap();
    let url = served(place.path().to_owned());
    let project = workspace_at(&format!("{url}/main/registry"), "1.0.0");
    let to = format!("--to file://{} --channel main", place.path().display());
    let publish = |name: &str| project.xpkg(&format!("publish -q out/{name} {to}")).ok();
    release(&project, &url, "1.0.0", "one", "1.0.0");
    publish("1.0.0");
    install(&project, &url, "one");
    release(&project, &url, "1.1.0", "two", "1.1.0");
    publish("1.1.0");
    install(&project, &url, "two");
    project.xpkg(&format!("yank -q 1.1.0 {to}")).ok();
    install(&project, &url, "one");
}

/// Follows the pointers until told to stop, and returns how often. Each time one whole version is
/// there.
fn follow(host: &str, stop: &AtomicBool) -> usize {
    let mut times = 0;
    while !stop.load(Ordering::Relaxed) || times == 0 {
        let latest: serde_json::Value =
            serde_json::from_slice(&got(host, "/site/main/latest.json")).unwrap();
        let version = latest["version"].as_str().unwrap();
        let mut entries = latest["versions"].as_array().unwrap().iter();
        let entry = entries.find(|entry| entry["version"] == version).unwrap();
        assert_eq!(entry["yanked"], false);
        let sums = got(host, &format!("/site/main/{version}/SHA256SUMS"));
        assert_eq!(digest(&sums), entry["sums_sha256"].as_str().unwrap());
        for line in std::str::from_utf8(&sums).unwrap().lines() {
            let (listed, path) = line.split_once("  ").unwrap();
            let bytes = got(host, &format!("/site/main/{version}/{path}"));
            assert_eq!(digest(&bytes), listed, "{version}/{path}");
        }
        times += 1;
    }
    times
}

#[test]
fn users_install_from_a_bucket_while_readers_go_on() {
    const NAME: &str = "users_install_from_a_bucket_while_readers_go_on";
    let Some(server) = seaweed(NAME) else { return };
    server.bucket("site");
    let url = format!("{}/site", server.address);
    let project = workspace_at(&format!("{url}/main/registry"), "1.0.0");
    for (version, text) in [("1.0.0", "one"), ("1.1.0", "two")] {
        release(&project, &url, version, text, version);
    }
    // The registry's address answers readers without credentials, and was asked.
    let first = run(
        &project,
        &server.address,
        "site",
        "publish out/1.0.0 --message-format json",
    )
    .ok();
    let receipt: serde_json::Value = serde_json::from_str(&first.stdout).unwrap();
    assert_eq!(receipt["probe"]["absent_status"], 404);
    install(&project, &url, "one");
    let stop = AtomicBool::new(false);
    let host = server.address.strip_prefix("http://").unwrap();
    let times = std::thread::scope(|scope| {
        let reader = scope.spawn(|| follow(host, &stop));
        for _ in 0..3 {
            run(&project, &server.address, "site", "publish -q out/1.1.0").ok();
            run(&project, &server.address, "site", "yank -q 1.1.0").ok();
            run(&project, &server.address, "site", "yank -q 1.1.0 --undo").ok();
        }
        stop.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert!(times > 2, "{times}");
    install(&project, &url, "two");
}
