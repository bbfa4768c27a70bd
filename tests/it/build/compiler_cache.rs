//! What two machines share: the keys of caches of compilers, and the records of a build. Two
//! directories stand for the machines.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::support::{ARM_GNU, Project, X86_MUSL, cross, repository, skipped, until};
use crate::toolchain::zig::zig;

/// A redis that holds what sccache stores; it ends with the test.
struct Store {
    redis: Child,
    port: u16,
    sccache: PathBuf,
    directory: tempfile::TempDir,
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = Command::new(&self.sccache)
            .arg("--stop-server")
            .envs(self.variables())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let _ = self.redis.kill();
        let _ = self.redis.wait();
    }
}

impl Store {
    /// Starts it; without sccache or redis the test is skipped, by name.
    fn start(test: &str) -> Option<Self> {
        let sccache = repository().join("target/toolchains/sccache/bin/sccache");
        if !sccache.exists() {
            assert_ne!(
                std::env::var("XPKG_SKIP").as_deref(),
                Ok("never"),
                "sccache is not there: `cargo xtask setup` says why"
            );
            skipped(test, "sccache is not there: `cargo xtask setup` says why");
            return None;
        }
        let program = cross("redis-server", test)?;
        let directory = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap()
            .port();
        let redis = Command::new(program)
            .args(["--bind", "127.0.0.1", "--save", "", "--port"])
            .arg(port.to_string())
            .arg("--dir")
            .arg(directory.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let store = Self {
            redis,
            port,
            sccache,
            directory,
        };
        until("redis answers", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Some(store)
    }

    /// Variables by which sccache finds it, and a server of the test's own.
    fn variables(&self) -> [(String, String); 2] {
        let socket = self.directory.path().join("server");
        [
            (
                "SCCACHE_REDIS_ENDPOINT",
                format!("redis://127.0.0.1:{}", self.port),
            ),
            ("SCCACHE_SERVER_UDS", socket.to_str().unwrap().to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
    }

    /// A copy of a fixture in a directory of its own, with these tools.
    fn machine(&self, fixture: &str, tools: &[&str]) -> Project {
        let project = tools
            .iter()
            .fold(Project::of(fixture), |project, name| project.with(name));
        let project = project.with_tool("sccache", &self.sccache);
        self.variables()
            .iter()
            .fold(project, |project, (name, value)| project.env(name, value))
    }

    /// What the server has counted since it was asked last: `hit 3 Rust, 1 C/C++; missed 2 Rust`.
    fn counted(&self) -> String {
        let ask = |argument: &[&str]| {
            let output = Command::new(&self.sccache)
                .args(argument)
                .envs(self.variables())
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let text = ask(&["--show-stats", "--stats-format=json"]);
        let stats: serde_json::Value = serde_json::from_str(&text).unwrap();
        ask(&["--zero-stats"]);
        let stats = &stats["stats"];
        let counts = |name: &str| {
            let counts = stats[name]["counts"].as_object().unwrap();
            let mut counts: Vec<String> = counts
                .iter()
                .map(|(language, count)| format!("{count} {language}"))
                .collect();
            counts.sort_by_key(|count| count.ends_with("C/C++"));
            match counts.join(", ") {
                none if none.is_empty() => "nothing".to_owned(),
                counts => counts,
            }
        };
        assert_eq!(stats["cache_errors"]["counts"], serde_json::json!({}));
        format!(
            "hit {}; missed {}",
            counts("cache_hits"),
            counts("cache_misses")
        )
    }
}

/// Builds with the user's own sccache, and returns the record.
fn build(project: &Project, flags: &str) -> String {
    project
        .xpkg_with(
            &[("RUSTC_WRAPPER", "sccache")],
            &format!("build -q {flags}"),
        )
        .ok();
    let manifest = project.json("target/xpkg/manifest.json");
    let base = project.root.parent().unwrap().to_str().unwrap();
    let targets = serde_json::to_string(&manifest["targets"]).unwrap();
    assert!(!targets.contains(base), "{targets}");
    serde_json::to_string_pretty(&manifest["targets"]).unwrap()
}

/// Compares two records, and shows only where they differ.
#[track_caller]
fn is_same(found: &str, expected: &str, flags: &str) {
    let lines = found.lines().zip(expected.lines());
    let different: Vec<_> = lines
        .filter(|(found, expected)| found != expected)
        .collect();
    assert!(different.is_empty(), "{flags}: {different:#?}");
}

/// Builds in one directory, there again, and in another one.
fn all_is_shared(store: &Store, flags: &str, tools: &[&str], more: fn(Project) -> Project) {
    let one = more(store.machine("cached", tools));
    let record = build(&one, flags);
    assert_eq!(
        store.counted(),
        "hit nothing; missed 6 Rust, 1 C/C++",
        "{flags}"
    );
    std::fs::remove_dir_all(one.path("target")).unwrap();
    is_same(&build(&one, flags), &record, flags);
    assert_eq!(
        store.counted(),
        "hit 6 Rust, 1 C/C++; missed nothing",
        "{flags}"
    );
    let other = more(store.machine("cached", tools));
    is_same(&build(&other, flags), &record, flags);
    // `part` is of the workspace, and serde_core includes a file below OUT_DIR: sccache has the
    // directories of both in their keys.
    assert_eq!(
        store.counted(),
        "hit 4 Rust, 1 C/C++; missed 2 Rust",
        "{flags}"
    );
}

#[test]
fn another_directory_hits_with_rust_lld() {
    let Some(store) = Store::start("another_directory_hits_with_rust_lld") else {
        return;
    };
    let tools = [
        "x86_64-linux-musl-gcc",
        "gcc",
        "x86_64-linux-gnu-gcc",
        "ar",
        "ranlib",
    ];
    let flags = format!("--target {X86_MUSL}");
    all_is_shared(&store, &flags, &tools, |project| project);
}

#[test]
fn another_directory_hits_with_gcc() {
    let Some(store) = Store::start("another_directory_hits_with_gcc") else {
        return;
    };
    let tools = ["gcc", "ar"].map(|tool| format!("aarch64-linux-gnu-{tool}"));
    let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
    all_is_shared(&store, &format!("--target {ARM_GNU}"), &tools, |project| {
        project.fake("qemu-aarch64-static", "exit 1")
    });
}

#[test]
fn another_directory_hits_with_clang() {
    let Some(store) = Store::start("another_directory_hits_with_clang") else {
        return;
    };
    let flags = format!("--target {ARM_GNU} --linker clang");
    all_is_shared(&store, &flags, &["clang", "ld.lld", "ar"], |project| {
        project
    });
}

#[test]
fn another_directory_hits_with_zig() {
    let test = "another_directory_hits_with_zig";
    if zig(test).is_none() {
        return;
    }
    let Some(store) = Store::start(test) else {
        return;
    };
    all_is_shared(
        &store,
        &format!("--target {ARM_GNU}.2.17"),
        &[],
        |project| {
            let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("zig-cache");
            let project = project.with_tool("zig", &zig("").unwrap());
            project.env("ZIG_GLOBAL_CACHE_DIR", cache.to_str().unwrap())
        },
    );
}
