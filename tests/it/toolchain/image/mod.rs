//! Cross images by real engines: pinned, planned, built in.

mod compiler_cache;
mod context;
mod edges;
pub mod engines;
mod failures;
mod hostile;
mod inside;
mod together;
mod ways;

use std::os::unix::fs::MetadataExt as _;

use snapbox::str;

use crate::check;
use crate::support::{ARM_GNU, Project, normal, starter};
use crate::toolchain::image::engines::{on_each_engine, target_table};

/// What the bin of `with-c` says when it is right.
const SAYS: &str = "with-c: same 6, other -1\n";

#[test]
fn an_image_is_examined_before_it_is_pinned() {
    on_each_engine(|engine| {
        let project = engine.configured("with-c", &engine.tag("gcc12:1"), "");
        let check = |image: &str| {
            let image = engine.tag(image);
            let line = format!("doctor --image {image} --target {ARM_GNU} --message-format json");
            let run = project.xpkg(&line);
            let check: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
            let answers = &check["compilers"][0]["report"]["answers"];
            let verdict = answers[0]["baseline"]["verdict"].as_str().unwrap();
            (run.code, verdict.to_owned())
        };
        assert_eq!(check("gcc12:1"), (Some(0), "ok".to_owned()));
        assert_eq!(check("gcc9:1"), (Some(1), "affected".to_owned()));
        assert!(!project.path("xpkg.lock").exists());
    });
}

#[test]
fn a_pin_is_written_once_and_then_left_alone() {
    on_each_engine(|engine| {
        // It asks the image itself, and is not told of an earlier answer.
        let project = engine
            .configured("with-c", &engine.tag("gcc12:1"), "")
            .unset("XDG_CACHE_HOME");
        check!(
            engine.text(&project.xpkg("build")),
            str![[r#"
exit 1
--- stderr
error[image-not-pinned]: the image `127.0.0.1:5055/xpkg/gcc12:1` of `aarch64-unknown-linux-gnu` has no digest in `xpkg.lock`
  help: pin it, and commit `xpkg.lock`: `cargo xpkg image pin --target aarch64-unknown-linux-gnu`

"#]]
        );
        check!(
            engine.text(&project.xpkg("image pin")),
            str![[r#"
exit 0
--- stderr
     Pulling 127.0.0.1:5055/xpkg/gcc12:1
     Pinning aarch64-unknown-linux-gnu to 127.0.0.1:5055/xpkg/gcc12:1
             digest    sha256:[SHA256]
             platform  linux/amd64
             created   [CREATED]
             os        Debian GNU/Linux 12 (bookworm)
             compiler  gcc version [VERSION]
             libc      glibc 2.36
             host cc   gcc version [VERSION]
             probes    gcc-95189 ok, host-gcc-95189 ok
     Writing [ROOT]/xpkg.lock

"#]]
        );
        let lock = project.read("xpkg.lock");
        check!(
            engine.told(&normal(&lock)),
            str![[r##"
# Cross images by digest, written by `cargo xpkg image`. Commit it; do not edit it by hand.
version = 1

[[image]]
target = "aarch64-unknown-linux-gnu"
reference = "127.0.0.1:5055/xpkg/gcc12:1"
digest = "sha256:[SHA256]"

[image.seen]
platform = "linux/amd64"
created = "[CREATED]"
os = "Debian GNU/Linux 12 (bookworm)"
compiler = "gcc version [VERSION]"
libc = "glibc 2.36"
host-compiler = "gcc version [VERSION]"

[image.seen.probes]
gcc-95189 = "ok"
host-gcc-95189 = "ok"

"##]]
        );
        assert!(lock.contains(engine.digest("gcc12:1")), "{lock}");
        let identity = || {
            std::fs::metadata(project.path("xpkg.lock"))
                .map(|file| (file.ino(), file.mtime_nsec()))
                .unwrap()
        };
        let before = identity();
        check!(
            engine.text(&project.xpkg("image pin --locked")),
            str![[r#"
exit 0
--- stderr
   Unchanged aarch64-unknown-linux-gnu: 127.0.0.1:5055/xpkg/gcc12:1

"#]]
        );
        for line in ["image pin", "image pin --offline", "image update"] {
            project.xpkg(line).ok();
        }
        assert_eq!(
            (identity(), project.read("xpkg.lock")),
            (before, lock.clone())
        );
        check!(
            engine.text(&project.xpkg("image list")),
            str![[r#"
exit 0
--- stdout
aarch64-unknown-linux-gnu  pinned
  image     127.0.0.1:5055/xpkg/gcc12:1
  digest    sha256:[SHA256]
  platform  linux/amd64
  created   [CREATED]
  os        Debian GNU/Linux 12 (bookworm)
  compiler  gcc version [VERSION]
  libc      glibc 2.36
  host cc   gcc version [VERSION]
  probes    gcc-95189 ok, host-gcc-95189 ok

"#]]
        );

        // Another image in the configuration: the pin is none of its.
        project.write(
            "Cargo.toml",
            &project.read("Cargo.toml").replace("gcc12:1", "gcc12:2"),
        );
        check!(
            engine.text(&project.xpkg("plan")),
            str![[r#"
exit 1
--- stderr
error[image-not-pinned]: `xpkg.lock` has a digest of `127.0.0.1:5055/xpkg/gcc12:1` for `aarch64-unknown-linux-gnu`, and the configuration names `127.0.0.1:5055/xpkg/gcc12:2`
  help: pin it, and commit `xpkg.lock`: `cargo xpkg image pin --target aarch64-unknown-linux-gnu`

"#]]
        );
        check!(
            engine.text(&project.xpkg("image pin --locked")),
            str![[r#"
exit 1
--- stderr
     Pulling 127.0.0.1:5055/xpkg/gcc12:2
    Updating aarch64-unknown-linux-gnu
             reference 127.0.0.1:5055/xpkg/gcc12:1 -> 127.0.0.1:5055/xpkg/gcc12:2
             digest    sha256:[SHA256] -> sha256:[SHA256]
error[lock-changed]: `xpkg.lock` would change, and `--locked` was given
  changes: Updating aarch64-unknown-linux-gnu
  help: run it without `--locked`, look at the difference, and commit it

"#]]
        );
        assert_eq!((identity(), project.read("xpkg.lock")), (before, lock));
        assert_eq!(engine.containers(&project), [""; 0]);
    });
}

#[test]
fn an_update_shows_old_against_new_and_builds_use_the_old_until_then() {
    on_each_engine(|engine| {
        let tag = engine.own_tag("moving");
        engine.push("gcc9:1", &tag);
        let project = engine.configured("hello", &tag, "");
        check!(
            engine.text(&project.xpkg("image pin")),
            str![[r#"
exit 0
--- stderr
     Pulling 127.0.0.1:5055/xpkg-tests/moving-[ENGINE]-[PID]:1
warning[gcc-95189]: `aarch64-linux-gnu-gcc` in the image of `aarch64-unknown-linux-gnu` is affected (the call of `xpkg_95189_reached` is gone from its object)
warning[gcc-95189]: `cc` in the image of `aarch64-unknown-linux-gnu` is affected (the call of `xpkg_95189_reached` is gone from its object)
     Pinning aarch64-unknown-linux-gnu to 127.0.0.1:5055/xpkg-tests/moving-[ENGINE]-[PID]:1
             digest    sha256:[SHA256]
             platform  linux/amd64
             created   [CREATED]
             os        Debian GNU/Linux 11 (bullseye)
             compiler  gcc version [VERSION]
             libc      glibc 2.31
             host cc   gcc version [VERSION]
             probes    gcc-95189 affected, host-gcc-95189 affected
     Writing [ROOT]/xpkg.lock

"#]]
        );
        let lock = project.read("xpkg.lock");
        engine.push("gcc12:1", &tag);
        check!(
            engine.text(&project.xpkg("image list")),
            str![[r#"
exit 0
--- stdout
aarch64-unknown-linux-gnu  moved
  image     127.0.0.1:5055/xpkg-tests/moving-[ENGINE]-[PID]:1
  digest    sha256:[SHA256]
  platform  linux/amd64
  created   [CREATED]
  os        Debian GNU/Linux 11 (bullseye)
  compiler  gcc version [VERSION]
  libc      glibc 2.31
  host cc   gcc version [VERSION]
  probes    gcc-95189 affected, host-gcc-95189 affected
  note      the tag refers to another image now: `cargo xpkg image update` shows which

"#]]
        );
        check!(
            engine.text(&project.xpkg("image list --offline")),
            str![[r#"
exit 0
--- stdout
aarch64-unknown-linux-gnu  pinned
  image     127.0.0.1:5055/xpkg-tests/moving-[ENGINE]-[PID]:1
  digest    sha256:[SHA256]
  platform  linux/amd64
  created   [CREATED]
  os        Debian GNU/Linux 11 (bullseye)
  compiler  gcc version [VERSION]
  libc      glibc 2.31
  host cc   gcc version [VERSION]
  probes    gcc-95189 affected, host-gcc-95189 affected
  note      the registry was not asked

"#]]
        );
        check!(
            engine.text(&project.xpkg("image update --dry-run")),
            str![[r#"
exit 0
--- stderr
     Pulling 127.0.0.1:5055/xpkg-tests/moving-[ENGINE]-[PID]:1
    Updating aarch64-unknown-linux-gnu
             digest    sha256:[SHA256] -> sha256:[SHA256]
             os        Debian GNU/Linux 11 (bullseye) -> Debian GNU/Linux 12 (bookworm)
             compiler  gcc version [VERSION] -> gcc version [VERSION]
             libc      glibc 2.31 -> glibc 2.36
             host cc   gcc version [VERSION] -> gcc version [VERSION]
             probes    gcc-95189 affected, host-gcc-95189 affected -> gcc-95189 ok, host-gcc-95189 ok
   Unchanged xpkg.lock (`--dry-run`)

"#]]
        );
        check!(
            engine.text(&project.xpkg("image update --locked")),
            str![[r#"
exit 1
--- stderr
     Pulling 127.0.0.1:5055/xpkg-tests/moving-[ENGINE]-[PID]:1
    Updating aarch64-unknown-linux-gnu
             digest    sha256:[SHA256] -> sha256:[SHA256]
             os        Debian GNU/Linux 11 (bullseye) -> Debian GNU/Linux 12 (bookworm)
             compiler  gcc version [VERSION] -> gcc version [VERSION]
             libc      glibc 2.31 -> glibc 2.36
             host cc   gcc version [VERSION] -> gcc version [VERSION]
             probes    gcc-95189 affected, host-gcc-95189 affected -> gcc-95189 ok, host-gcc-95189 ok
error[lock-changed]: `xpkg.lock` would change, and `--locked` was given
  changes: Updating aarch64-unknown-linux-gnu
  help: run it without `--locked`, look at the difference, and commit it

"#]]
        );
        assert_eq!(project.read("xpkg.lock"), lock);
        // The tag is here with its new meaning; what is built goes by the old digest.
        project.xpkg("build -q").ok();
        let digest = |path: &str| {
            project.json(path)["targets"][0]["toolchain"]["image"]["digest"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        assert!(
            lock.contains(&digest("target/xpkg/manifest.json")),
            "{lock}"
        );
        let said = project.xpkg("image update --message-format json").ok();
        let document: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
        let new = document["image"][0]["digest"].as_str().unwrap();
        assert!(
            project.read("xpkg.lock").contains(new) && !lock.contains(new),
            "{document:#}"
        );
        project.xpkg("build -q").ok();
        assert_eq!(digest("target/xpkg/manifest.json"), new);
        let list: serde_json::Value =
            serde_json::from_str(&project.xpkg("image list --message-format json").ok().stdout)
                .unwrap();
        assert_eq!(
            (list[0]["state"].as_str(), list[0]["digest"].as_str()),
            (Some("pinned"), Some(new))
        );
        engine.forget(&tag);
    });
}

#[test]
fn a_digest_in_the_configuration_needs_no_lock() {
    on_each_engine(|engine| {
        let project = engine.configured("with-c", &engine.by_digest("gcc12:1"), "");
        check!(
            engine.text(&project.xpkg("image pin")),
            str![[r#"
exit 0
--- stderr
   Unchanged aarch64-unknown-linux-gnu: the configuration has the digest of 127.0.0.1:5055/xpkg/gcc12@sha256:[SHA256]

"#]]
        );
        check!(
            engine.text(&project.xpkg("image list")),
            str![[r#"
exit 0
--- stdout
aarch64-unknown-linux-gnu  pinned
  image     127.0.0.1:5055/xpkg/gcc12@sha256:[SHA256]
  digest    sha256:[SHA256]

"#]]
        );
        check!(
            engine.text(&project.xpkg("image pull")),
            str![[r#"
exit 0
--- stderr
       Ready aarch64-unknown-linux-gnu: 127.0.0.1:5055/xpkg/gcc12@sha256:[SHA256]

"#]]
        );
        let built = project.xpkg("build").ok();
        let manifest = project.json("target/xpkg/manifest.json");
        let image = &manifest["targets"][0]["toolchain"]["image"];
        assert_eq!(
            (image["reference"].as_str(), image["digest"].as_str()),
            (
                Some(&*engine.by_digest("gcc12:1")),
                Some(engine.digest("gcc12:1"))
            )
        );
        crate::build::chat::the_schema_holds(&manifest);
        assert!(
            built.stdout.ends_with(&format!(
                "{ARM_GNU} was built in {}\n",
                engine.by_digest("gcc12:1")
            )),
            "{}",
            built.stdout
        );
        assert_eq!(project.xpkg("show").ok().stdout, built.stdout);
        let output = starter(
            ARM_GNU,
            &project.path(&format!("target/xpkg/{ARM_GNU}/with-c/with-c")),
        )
        .output()
        .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), SAYS);
        assert!(!project.path("xpkg.lock").exists());
    });
}

/// Every line that `plan` prints is a line that `build -v` runs, and one that a user can run.
#[test]
fn the_line_of_plan_is_that_of_build_and_can_be_pasted() {
    on_each_engine(|engine| {
        let project = engine
            .configured("with-c", &engine.by_digest("gcc12:1"), "")
            .env("CFLAGS_aarch64_unknown_linux_gnu", "-DA=1 -DB=2");
        check!(
            engine.text(&project.xpkg("plan")),
            str![[r#"
exit 0
--- stdout
workspace  [ROOT]
out-dir    [ROOT]/target/xpkg
profile    release

aarch64-unknown-linux-gnu
  toolchain   image: `aarch64-linux-gnu-gcc` of `127.0.0.1:5055/xpkg/gcc12@sha256:[SHA256]`, `CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER` in the image's environment (chosen by xpkg's configuration)
  compiler    aarch64-linux-gnu-gcc (gcc version [VERSION])
              gcc-95189: ok at -O2, ok with this build's flags
  C           with-c 0.1.0 (by `cc`)
  std         installed
  environment CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc  # set by the image
              AR_aarch64_unknown_linux_gnu=aarch64-linux-gnu-ar
              RANLIB_aarch64_unknown_linux_gnu=aarch64-linux-gnu-ranlib
              CFLAGS_aarch64_unknown_linux_gnu='-DA=1 -DB=2'  # set by you
              CMAKE_TOOLCHAIN_FILE_aarch64_unknown_linux_gnu=[ROOT]/target/xpkg-cache/tools/[KEY]/aarch64-unknown-linux-gnu.cmake
              PKG_CONFIG_LIBDIR_aarch64_unknown_linux_gnu=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig
              PKG_CONFIG_SYSROOT_DIR_aarch64_unknown_linux_gnu=/
              CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc  # set by the image
  image       127.0.0.1:5055/xpkg/gcc12@sha256:[SHA256] (linux/amd64), by [ENGINE]
  fetches     cd [ROOT] && cargo fetch --target aarch64-unknown-linux-gnu --target x86_64-unknown-linux-gnu
  runs        cd [ROOT] && [ENGINE] run --rm [NO PROXIES] --name xpkg-[NAME] --network none --pull never --stop-timeout 0 --user 0:0 --mount 'type=bind,source=[ROOT],target=[ROOT],readonly' --mount 'type=bind,source=[CARGO_HOME]/registry,target=[CARGO_HOME]/registry,readonly' --mount 'type=bind,source=[CARGO_HOME]/git,target=[CARGO_HOME]/git,readonly' --mount 'type=bind,source=[RUSTUP_HOME]/toolchains/[TOOLCHAIN],target=[RUSTUP_HOME]/toolchains/[TOOLCHAIN],readonly' --mount 'type=bind,source=[ROOT]/target/xpkg-cache/tools,target=[ROOT]/target/xpkg-cache/tools,readonly' --mount 'type=bind,source=[ROOT]/target/xpkg-cache/images/[KEY],target=[ROOT]/target/xpkg-cache/images/[KEY]' --env 'CARGO_HOME=[CARGO_HOME]' --env 'PATH=[RUSTUP_HOME]/toolchains/[TOOLCHAIN]/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' --env 'HOME=/tmp' --env 'AR_aarch64_unknown_linux_gnu=aarch64-linux-gnu-ar' --env 'RANLIB_aarch64_unknown_linux_gnu=aarch64-linux-gnu-ranlib' --env 'CMAKE_TOOLCHAIN_FILE_aarch64_unknown_linux_gnu=[ROOT]/target/xpkg-cache/tools/[KEY]/aarch64-unknown-linux-gnu.cmake' --env 'PKG_CONFIG_LIBDIR_aarch64_unknown_linux_gnu=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig' --env 'PKG_CONFIG_SYSROOT_DIR_aarch64_unknown_linux_gnu=/' --env CFLAGS_aarch64_unknown_linux_gnu --workdir [ROOT] --entrypoint cargo 127.0.0.1:5055/xpkg/gcc12@sha256:[SHA256] build --message-format json-render-diagnostics --target aarch64-unknown-linux-gnu --profile release --target-dir [ROOT]/target/xpkg-cache/images/[KEY] --offline --package with-c --bins
  stages      aarch64-unknown-linux-gnu/with-c/with-c

"#]]
        );
        let plan: serde_json::Value =
            serde_json::from_str(&project.xpkg("plan --message-format json").ok().stdout).unwrap();
        let of = |value: &serde_json::Value| value["line"].as_str().unwrap().to_owned();
        let planned = [
            of(&plan["targets"][0]["fetch"]),
            of(&plan["targets"][0]["calls"][0]["invocation"]),
        ];
        let talk = project.xpkg("build -v").ok().stderr;
        let ran: Vec<&str> = talk
            .lines()
            .filter_map(|line| line.strip_prefix("     Running `")?.strip_suffix('`'))
            .collect();
        assert_eq!(ran, planned);
        assert!(
            plan["targets"][0]["toolchain"]["image"]["digest"] == engine.digest("gcc12:1"),
            "{plan:#}"
        );
        // The source changes, so that the line has something to do.
        project.append("src/main.rs", "\n// pasted\n");
        let pasted = project
            .shell(&format!("{} && {}", planned[0], planned[1]))
            .ok();
        assert!(
            pasted.stderr.contains("Compiling with-c")
                && pasted.stdout.contains("\"success\":true"),
            "{}",
            pasted.stderr
        );
        assert_eq!(engine.containers(&project), [""; 0]);
    });
}

#[test]
fn only_what_may_fetch_fetches_and_by_digest() {
    on_each_engine(|engine| {
        let tag = engine.own_tag("absent");
        engine.push_new("gcc12:1", &tag);
        let project = engine.configured("hello", &tag, "");
        project.xpkg("image pin").ok();
        let lock = project.read("xpkg.lock");
        let digest = lock
            .lines()
            .find_map(|line| line.strip_prefix("digest = \"")?.strip_suffix('"'))
            .unwrap();
        let name = tag.trim_end_matches(":1");
        engine.says(&format!("rmi {tag}"));
        let here = || {
            engine
                .command()
                .args(["image", "inspect", &format!("{name}@{digest}")])
                .output()
                .unwrap()
                .status
                .success()
        };
        assert!(!here());
        check!(
            engine.text(&project.xpkg("plan")),
            str![[r#"
exit 1
--- stderr
error[image-absent]: [ENGINE] does not have the image `127.0.0.1:5055/xpkg-tests/absent-[ENGINE]-[PID]@sha256:[SHA256]` of `aarch64-unknown-linux-gnu`
  help: pull it: `cargo xpkg image pull --target aarch64-unknown-linux-gnu`

"#]]
        );
        check!(
            engine.text(&project.xpkg("build --offline")),
            str![[r#"
exit 1
--- stderr
error[image-absent]: [ENGINE] does not have the image `127.0.0.1:5055/xpkg-tests/absent-[ENGINE]-[PID]@sha256:[SHA256]` of `aarch64-unknown-linux-gnu`
  help: pull it: `cargo xpkg image pull --target aarch64-unknown-linux-gnu`

"#]]
        );
        check!(
            engine.text(&project.xpkg("image pull --offline")),
            str![[r#"
exit 1
--- stderr
error[image-absent]: [ENGINE] does not have the image `127.0.0.1:5055/xpkg-tests/absent-[ENGINE]-[PID]@sha256:[SHA256]` of `aarch64-unknown-linux-gnu`
  help: pull it: `cargo xpkg image pull --target aarch64-unknown-linux-gnu`

"#]]
        );
        assert!(!here());
        // The tag may go where it will.
        engine.push("gcc9:1", &tag);
        check!(
            engine.text(&project.xpkg("build")),
            str![[r#"
exit 0
--- stdout
target                     package  bin         size  linkage  glibc  sha256
aarch64-unknown-linux-gnu  hello    hello [SIZE]  dynamic  2.34   [DIGEST]
aarch64-unknown-linux-gnu was built in 127.0.0.1:5055/xpkg-tests/absent-[ENGINE]-[PID]:1, sha256:[SHA256]
--- stderr
     Pulling 127.0.0.1:5055/xpkg-tests/absent-[ENGINE]-[PID]@sha256:[SHA256]
     Linking aarch64-unknown-linux-gnu with image: `aarch64-linux-gnu-gcc` of `127.0.0.1:5055/xpkg-tests/absent-[ENGINE]-[PID]:1`, `CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER` in the image's environment (chosen by xpkg's configuration)
   Compiling hello v0.1.0 ([ROOT])
    Finished `release` profile [optimized] target(s) in [TIME]
      Staged 1 bin in [ROOT]/target/xpkg

"#]]
        );
        assert!(here());
        check!(
            engine.text(&project.xpkg("image pull")),
            str![[r#"
exit 0
--- stderr
       Ready aarch64-unknown-linux-gnu: 127.0.0.1:5055/xpkg-tests/absent-[ENGINE]-[PID]@sha256:[SHA256]

"#]]
        );
        engine.says(&format!("rmi {name}@{digest}"));
        engine.forget(&tag);
    });
}

/// The main job in an image: every service of a workspace, the same bytes by whatever engine.
#[test]
fn six_services_are_the_same_by_every_engine() {
    let trees = std::cell::RefCell::new(Vec::new());
    on_each_engine(|engine| {
        let project = engine.with_engine(Project::kept_as("image-chat", "chat"));
        // What differs from engine to engine would differ unoptimized, too, and that is compiled in
        // 60% of the time.
        if !engines::all() {
            project.append("Cargo.toml", "\n[profile.release]\nopt-level = 0\n");
        }
        project.append(
            "Cargo.toml",
            &target_table(&engine.by_digest("gcc12:1"), ""),
        );
        // Each engine's files in their turn at one place, for paths stand in programs.
        let (images, own) = (
            project.path("target/xpkg-cache/images"),
            project.path(&format!("target/images-{}", engine.name)),
        );
        std::fs::create_dir_all(images.parent().unwrap()).unwrap();
        if !own.exists() {
            seed(&project, &own);
        }
        let _ = std::fs::remove_dir_all(&images);
        std::fs::rename(&own, &images).unwrap();
        let run = project.xpkg(&format!("build --target {ARM_GNU}"));
        std::fs::rename(&images, &own).unwrap();
        run.ok();
        let manifest = project.json("target/xpkg/manifest.json");
        assert_eq!(manifest["artifacts"].as_array().unwrap().len(), 6);
        assert_eq!(
            manifest["targets"][0]["toolchain"]["image"]["digest"],
            engine.digest("gcc12:1")
        );
        let output = starter(
            ARM_GNU,
            &project.path(&format!("target/xpkg/{ARM_GNU}/chat-server/chat-server")),
        )
        .arg("--version")
        .output()
        .unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            "chat-server 0.1.0\n"
        );
        trees
            .borrow_mut()
            .push(project.read("target/xpkg/MANIFEST.txt"));
        assert_eq!(engine.containers(&project), [""; 0]);
    });
    let trees = trees.into_inner();
    assert!(
        trees.windows(2).all(|pair| pair[0] == pair[1]),
        "{}",
        trees.join("---\n")
    );
}

/// What the other engine compiled of strangers' crates serves this one, too: two minutes less. The
/// workspace's own it compiles and links itself.
fn seed(project: &Project, own: &std::path::Path) {
    let Some(other) = ["podman", "docker"]
        .iter()
        .map(|name| project.path(&format!("target/images-{name}")))
        .find(|path| path.exists())
    else {
        return std::fs::create_dir_all(own).unwrap();
    };
    project
        .shell(&format!(
            "/bin/cp -a '{}' '{}'",
            other.display(),
            own.display()
        ))
        .ok();
    let members = [
        "analytics-server-",
        "bot-server-",
        "chat-",
        "notify-server-",
    ];
    for path in project.files(own.to_str().unwrap()) {
        let name = path
            .split_once("/.fingerprint/")
            .and_then(|(_, rest)| rest.split_once('/'))
            .map(|(name, _)| name);
        if name.is_some_and(|name| members.iter().any(|member| name.starts_with(member))) {
            std::fs::remove_file(own.join(&path)).unwrap();
        }
    }
}
