//! What a build sees inside of a cross image, and what is built upon one.

use snapbox::str;

use crate::check;
use crate::support::{ARM_GNU, HOST, Project, starter};
use crate::toolchain::image::engines::on_each_engine;

/// A build script that tells what it sees, line by line, as warnings of cargo's.
fn spying(project: &Project, questions: &str) {
    let manifest = project.read("Cargo.toml").replace(
        "publish = false\n",
        "publish = false\nbuild = \"build.rs\"\n",
    );
    project.write("Cargo.toml", &manifest);
    project.write(
        "build.rs",
        &format!(
            "fn say(what: &str, answer: impl std::fmt::Debug) {{\n    \
             println!(\"cargo::warning={{what}}: {{answer:?}}\");\n}}\nfn main() \
             {{\n{questions}}}\n"
        ),
    );
}

/// What such a build script has said.
fn answers(talk: &str) -> Vec<&str> {
    talk.lines()
        .filter_map(|line| line.strip_prefix("warning: hello@0.1.0: "))
        .collect()
}

#[test]
fn what_runs_inside_sees_no_secrets_and_no_network_and_changes_no_source() {
    on_each_engine(|engine| {
        let more = "passthrough = [\"PASSED\", \"GIVEN=a value\", \"UNSET\"]\nvolumes = \
                    [\"MODELS\", \"DATA=shown\"]\n";
        let project = engine
            .configured("hello", &engine.by_digest("gcc12:1"), more)
            .fake("wrapper", "run\n");
        let base = project.root.parent().unwrap().to_str().unwrap().to_owned();
        let home = format!("{base}/cargo");
        // The wrapper is a program of this machine.
        let configuration = format!(
            "[build]\nrustc-wrapper = \"{base}/bin/wrapper\"\n[registry]\ntoken = \
             \"s3cret\"\n[env]\nCONFIGURED = \"yes\"\n"
        );
        for (path, text) in [
            (
                "../cargo/credentials.toml",
                "[registry]\ntoken = \"s3cret\"\n",
            ),
            ("../cargo/config.toml", &configuration),
            ("../cargo/registry/index/file", "of the registry"),
            ("../models/one", "a model"),
            ("../elsewhere", "not to be seen"),
            ("shown/two", "more"),
        ] {
            project.write(path, text);
        }
        spying(
            &project,
            &format!(
                r#"    use std::fs;
    let read = |path: &str| fs::read_to_string(path).map_err(|error| error.kind());
    say("credentials", read("{home}/credentials.toml"));
    say("configuration", read("{home}/config.toml"));
    say("registry", read("{home}/registry/index/file"));
    say("elsewhere", read("{base}/elsewhere"));
    say("volume", read("{base}/models/one"));
    say("volume of the configuration", read("shown/two"));
    say("writing a volume", fs::write("{base}/models/new", "new").is_ok());
    for path in ["Cargo.toml", "src/new.rs", "target/new", "{home}/registry/new"] {{
        say(&format!("writing {{}}", path.rsplit('/').next().unwrap()), fs::write(path, "x").map_err(|error| error.raw_os_error()));
    }}
    say("registry's port", std::net::TcpStream::connect("127.0.0.1:5055").is_ok());
    let whole: String = std::env::vars().map(|(name, value)| format!("{{name}}={{value}}\n")).collect();
    say("secret", whole.contains("s3cret"));
    for name in ["SECRET", "HOME", "PASSED", "GIVEN", "UNSET", "CONFIGURED", "CFLAGS_aarch64_unknown_linux_gnu", "CC_aarch64_unknown_linux_gnu", "RUSTC_WRAPPER", "SOURCE_DATE_EPOCH"] {{
        say(name, std::env::var(name).ok());
    }}
"#
            ),
        );
        let before = project.files("src");
        let project = project
            .env("CARGO_HOME", &home)
            .env("SECRET", "s3cret")
            .env("CARGO_REGISTRY_TOKEN", "s3cret")
            .env("CARGO_REGISTRIES_MINE_TOKEN", "s3cret")
            .env("PASSED", "passed")
            .env("MODELS", &format!("{base}/models"))
            .env("CFLAGS_aarch64_unknown_linux_gnu", "-DX")
            .env("SOURCE_DATE_EPOCH", "1");
        let run = project.xpkg("build -v").ok();
        check!(
            engine.told(&answers(&run.stderr).join("\n").replace(&base, "[BASE]")),
            str![[r#"
credentials: Err(NotFound)
configuration: Ok("[build]\n\n[env]\nCONFIGURED = \"yes\"\n\n[registry]\n")
registry: Ok("of the registry")
elsewhere: Err(NotFound)
volume: Ok("a model")
volume of the configuration: Ok("more")
writing a volume: true
writing Cargo.toml: Err(Some(30))
writing new.rs: Err(Some(30))
writing new: Err(Some(30))
writing new: Err(Some(30))
registry's port: false
secret: false
SECRET: None
HOME: Some("/tmp")
PASSED: Some("passed")
GIVEN: Some("a value")
UNSET: None
CONFIGURED: Some("yes")
CFLAGS_aarch64_unknown_linux_gnu: Some("-DX")
CC_aarch64_unknown_linux_gnu: Some("aarch64-linux-gnu-gcc")
RUSTC_WRAPPER: None
SOURCE_DATE_EPOCH: Some("1")
"#]]
        );
        assert!(!run.stderr.contains("s3cret"), "{}", run.stderr);
        assert_eq!(
            (project.files("src"), project.read("../models/new").as_str()),
            (before, "new")
        );
        assert!(!project.path("target/new").exists());
        // What is hidden, and would be missed, is told.
        let told: Vec<&str> = run
            .stderr
            .lines()
            .filter(|line| line.starts_with("     Masking "))
            .collect();
        check!(
            engine.told(&told.join("\n").replace(&base, "[BASE]")),
            str![
                "     Masking `build.rustc-wrapper` of `[BASE]/cargo/config.toml` in the image of \
                 aarch64-unknown-linux-gnu, because it refers to this machine"
            ]
        );
    });
}

#[test]
fn odd_paths_and_sources_elsewhere_are_seen_inside() {
    on_each_engine(|engine| {
        let project = engine.project("hello");
        // Below a directory with a space and a comma; a member that is called from its own
        // directory; a crate outside.
        let root = "../a place, and more/odd";
        let package = |name: &str, more: &str| {
            format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{more}")
        };
        let image = engine.by_digest("gcc12:1");
        project.write(
            &format!("{root}/Cargo.toml"),
            &format!(
                "[workspace]\nmembers = [\"inner\"]\nresolver = \"3\"\n{}",
                crate::toolchain::image::engines::table(&image, "")
            ),
        );
        project.write(
            &format!("{root}/inner/Cargo.toml"),
            &package(
                "inner",
                "[dependencies]\nouter = { path = \"../../../outer\" }\n",
            ),
        );
        project.write(
            &format!("{root}/inner/src/main.rs"),
            "fn main() { println!(\"{}\", outer::WORD) }\n",
        );
        project.write("../outer/Cargo.toml", &package("outer", ""));
        project.write(
            "../outer/src/lib.rs",
            "pub const WORD: &str = \"from outside\";\n",
        );
        let run = project.xpkg_in(&format!("{root}/inner"), "build -v").ok();
        let (out, base) = (
            project.path(root).canonicalize().unwrap(),
            project.root.parent().unwrap(),
        );
        let output = starter(
            ARM_GNU,
            &out.join(format!("target/xpkg/{ARM_GNU}/inner/inner")),
        )
        .output()
        .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "from outside\n");
        let mounts: Vec<String> = shlex::split(
            run.stderr
                .lines()
                .find(|line| line.contains(" run --rm "))
                .unwrap(),
        )
        .unwrap()
        .into_iter()
        .filter(|word| word.starts_with("type=bind,") && word.contains(base.to_str().unwrap()))
        .collect();
        check!(
            engine.told(&mounts.join("\n").replace(base.to_str().unwrap(), "[BASE]")),
            str![[r#"
type=bind,"source=[BASE]/a place, and more/odd","target=[BASE]/a place, and more/odd",readonly
type=bind,source=[BASE]/outer,target=[BASE]/outer,readonly
type=bind,"source=[BASE]/a place, and more/odd/target/xpkg-cache/tools","target=[BASE]/a place, and more/odd/target/xpkg-cache/tools",readonly
type=bind,"source=[BASE]/a place, and more/odd/target/xpkg-cache/images/[KEY]","target=[BASE]/a place, and more/odd/target/xpkg-cache/images/[KEY]"
"#]]
        );
        // What it wrote belongs to the caller.
        let own = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&project.root).unwrap());
        let owners = project
            .shell("/usr/bin/find '../a place, and more' -printf '%U\\n' | /usr/bin/sort -u")
            .ok()
            .stdout;
        assert_eq!(owners, format!("{own}\n"));
    });
}

#[test]
fn what_is_built_upon_an_image_is_pinned_by_its_inputs() {
    on_each_engine(|engine| {
        let _alone = engine.alone();
        // No other test's image has this line.
        let mark = engine.own_tag("upon");
        let line = format!(
            "pre-build = [\"echo $CROSS_DEB_ARCH $CROSS_TARGET >/made\", \"echo {mark} >>/made\"]\n"
        );
        let project = engine.configured("hello", &engine.tag("gcc12:1"), &line);
        spying(
            &project,
            "    say(\"made\", std::fs::read_to_string(\"/made\").ok());\n",
        );
        check!(
            engine.text(&project.xpkg("plan")),
            str![[r#"
exit 1
--- stderr
error[image-not-pinned]: the image `127.0.0.1:5055/xpkg/gcc12:1` of `aarch64-unknown-linux-gnu` has no digest in `xpkg.lock`
  help: pin it, and commit `xpkg.lock`: `cargo xpkg image pin --target aarch64-unknown-linux-gnu`

"#]]
        );
        let run = project.xpkg("image pin").ok();
        assert!(
            run.stderr.contains(
                "    Building the image of aarch64-unknown-linux-gnu from \
                                 127.0.0.1:5055/xpkg/gcc12:1\n"
            ),
            "{}",
            run.stderr
        );
        let lock = project.read("xpkg.lock");
        let start = lock.find("[image.derived]").unwrap();
        let derived = &lock[start..lock.find("[image.seen]").unwrap()];
        check!(
            engine.told(&crate::support::normal(derived)),
            str![[r#"
[image.derived]
inputs = "sha256:[SHA256]"
id = "sha256:[SHA256]"


"#]]
        );
        let run = project.xpkg("build").ok();
        assert_eq!(
            answers(&run.stderr),
            [format!(
                "made: Some(\"arm64 aarch64-unknown-linux-gnu\\n{mark}\\n\")"
            )]
        );
        let image = &project.json("target/xpkg/manifest.json")["targets"][0]["toolchain"]["image"];
        let id = image["derived"]["id"].as_str().unwrap();
        assert!(derived.contains(id), "{image:#}");
        assert!(
            run.stdout.contains(&format!(", derived image {id}\n")),
            "{}",
            run.stdout
        );
        // Who takes the lock to a machine that has not built it yet builds it then.
        engine.says(&format!("rmi --force {id}"));
        check!(
            engine.text(&project.xpkg("build --offline")),
            str![[r#"
exit 1
--- stderr
error[image-absent]: [ENGINE] does not have the image derived from `127.0.0.1:5055/xpkg/gcc12:1` of `aarch64-unknown-linux-gnu`
  help: pull it: `cargo xpkg image pull --target aarch64-unknown-linux-gnu`

"#]]
        );
        let again = project.xpkg("image pull").ok();
        assert!(
            again.stderr.contains("    Building the image of "),
            "{}",
            again.stderr
        );
        let fresh = project
            .xpkg("build -q")
            .ok()
            .root_json("target/xpkg/manifest.json")["targets"][0]["toolchain"]["image"]["derived"]
            .clone();
        assert_eq!(fresh["inputs"], image["derived"]["inputs"]);
        // Another line is another image.
        project.write(
            "Cargo.toml",
            &project
                .read("Cargo.toml")
                .replace("\"echo $CROSS", "\"true\", \"echo $CROSS"),
        );
        check!(
            engine.text(&project.xpkg("build")),
            str![[r#"
exit 1
--- stderr
error[image-not-pinned]: the derived image of `aarch64-unknown-linux-gnu` has other inputs than when it was pinned
  help: pin it, and commit `xpkg.lock`: `cargo xpkg image pin --target aarch64-unknown-linux-gnu`

"#]]
        );
        engine.says(&format!("rmi --force {}", fresh["id"].as_str().unwrap()));
    });
}

#[test]
fn a_script_and_a_dockerfile_make_an_image_and_their_files_count() {
    on_each_engine(|engine| {
        let _alone = engine.alone();
        let mark = engine.own_tag("file");
        let more = "dockerfile = { file = \"image/Dockerfile\", context = \"image\", build-args = \
                    { WORD = \"said\" } }\npre-build = \"image/prepare.sh\"\n";
        let project = engine.configured("hello", &engine.tag("gcc12:1"), more);
        project.write(
            "image/Dockerfile",
            &format!(
                "ARG XPKG_BASE_IMAGE\nFROM $XPKG_BASE_IMAGE\nARG WORD\nRUN echo $WORD {mark} \
                      >/made\nCOPY data /data\n"
            ),
        );
        project.write("image/data", "copied\n");
        project.write(
            "image/prepare.sh",
            "#!/bin/sh\nset -e\ncat /data >>/made\necho $1 >>/made\n",
        );
        spying(
            &project,
            "    say(\"made\", std::fs::read_to_string(\"/made\").ok());\n",
        );
        project.xpkg("image pin").ok();
        let run = project.xpkg("build").ok();
        assert_eq!(
            answers(&run.stderr),
            [format!(
                "made: Some(\"said {mark}\\ncopied\\naarch64-unknown-linux-gnu\\n\")"
            )]
        );
        let image = project.json("target/xpkg/manifest.json")["targets"][0]["toolchain"]["image"]["derived"]["id"].clone();
        let changed = |path: &str, text: &str| {
            let old = project.read(path);
            project.write(path, text);
            let run = project.xpkg("plan");
            project.write(path, &old);
            assert!(
                run.stderr
                    .contains("error[image-not-pinned]: the derived image"),
                "{path}: {}",
                run.stderr
            );
        };
        changed("image/data", "changed\n");
        changed("image/prepare.sh", "#!/bin/sh\ntrue\n");
        changed(
            "Cargo.toml",
            &project.read("Cargo.toml").replace("\"said\"", "\"other\""),
        );
        project.xpkg("plan").ok();
        engine.says(&format!("rmi --force {}", image.as_str().unwrap()));
    });
}

#[test]
fn a_command_that_fails_leaves_no_image_no_container_and_no_pin() {
    on_each_engine(|engine| {
        let _alone = engine.alone();
        let mark = engine.own_tag("fails");
        // To a file: podman mixes what a command says on two streams, in the middle of a line if
        // need be.
        let line = format!("pre-build = [\"echo {mark} >/made\", \"cat /none\", \"echo never\"]\n");
        let project = engine.configured("hello", &engine.tag("gcc12:1"), &line);
        let run = project.xpkg("image pin");
        assert!(
            run.stdout.is_empty() && run.stderr.contains("cat: /none: No such file or directory"),
            "{}{}",
            run.stdout,
            run.stderr
        );
        assert!(
            !run.stderr.lines().any(|line| line == "never"),
            "{}",
            run.stderr
        );
        let problem = &run.stderr[run.stderr.find("error[").unwrap()..];
        let text = problem.replace(project.root.parent().unwrap().to_str().unwrap(), "[BASE]");
        let text = text.replace(&format!("{} system", engine.program), "PROGRAM system");
        check!(
            engine.told(&crate::support::normal(&text)),
            str![[r#"
error[image-build]: [ENGINE] cannot build the image; its output is above
  command: cd [BASE]/tmp/cargo-xpkg-[TEMP] && [ENGINE] build --force-rm --tag localhost/cargo-xpkg/derived:[INPUTS] --file [BASE]/tmp/cargo-xpkg-[TEMP]/Dockerfile --build-arg 'CROSS_DEB_ARCH=arm64' --build-arg 'CROSS_TARGET=aarch64-unknown-linux-gnu' [BASE]/tmp/cargo-xpkg-[TEMP]/context
  help: fix the command that failed, in `pre-build` or the `dockerfile`
  help: if the engine's disk is full, remove what it does not use: `PROGRAM system prune`

"#]]
        );
        assert!(run.code == Some(1) && !project.path("xpkg.lock").exists());
        let left = engine.says("ps --all --no-trunc --format '{{.Command}}'");
        assert!(!left.contains(&mark), "{left}");
    });
}

#[test]
fn a_cross_toml_alone_is_enough() {
    on_each_engine(|engine| {
        let project = engine.project("hello").env("SHOWN", "yes");
        project.write(
            "Cross.toml",
            &format!(
                "[build]\ndefault-target = \"{ARM_GNU}\"\n\n[build.env]\npassthrough = \
                 [\"SHOWN\"]\n\n[target.{ARM_GNU}]\nimage = \"{}\"\nrunner = \"qemu-user\"\nimgae \
                 = \"x\"\n",
                engine.tag("gcc12:1")
            ),
        );
        spying(
            &project,
            "    say(\"SHOWN\", std::env::var(\"SHOWN\").ok());\n",
        );
        check!(
            engine.text(&project.xpkg("build")),
            str![[r#"
exit 1
--- stderr
   Importing `passthrough` from `[ROOT]/Cross.toml:5`, `image` from `[ROOT]/Cross.toml:8` for aarch64-unknown-linux-gnu
    Skipping `target.aarch64-unknown-linux-gnu.imgae` of `[ROOT]/Cross.toml:10`: cross has no such key; did you mean `target.<T>.image`?
    Skipping `target.aarch64-unknown-linux-gnu.runner` of `[ROOT]/Cross.toml:9`: xpkg runs no program in an image: `verify --run` chooses its own emulator
error[image-not-pinned]: the image `127.0.0.1:5055/xpkg/gcc12:1` of `aarch64-unknown-linux-gnu` has no digest in `xpkg.lock`
  help: pin it, and commit `xpkg.lock`: `cargo xpkg image pin --target aarch64-unknown-linux-gnu`

"#]]
        );
        project.xpkg("image pin").ok();
        check!(
            engine.text(&project.xpkg("build")),
            str![[r#"
exit 0
--- stdout
target                     package  bin         size  linkage  glibc  sha256
aarch64-unknown-linux-gnu  hello    hello [SIZE]  dynamic  2.34   [DIGEST]
aarch64-unknown-linux-gnu was built in 127.0.0.1:5055/xpkg/gcc12:1, sha256:[SHA256]
--- stderr
   Importing `passthrough` from `[ROOT]/Cross.toml:5`, `image` from `[ROOT]/Cross.toml:8` for aarch64-unknown-linux-gnu
    Skipping `target.aarch64-unknown-linux-gnu.imgae` of `[ROOT]/Cross.toml:10`: cross has no such key; did you mean `target.<T>.image`?
    Skipping `target.aarch64-unknown-linux-gnu.runner` of `[ROOT]/Cross.toml:9`: xpkg runs no program in an image: `verify --run` chooses its own emulator
     Linking aarch64-unknown-linux-gnu with image: `aarch64-linux-gnu-gcc` of `127.0.0.1:5055/xpkg/gcc12:1`, `CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER` in the image's environment (chosen by xpkg's configuration)
   Compiling hello v0.1.0 ([ROOT])
warning: hello@0.1.0: SHOWN: Some("yes")
    Finished `release` profile [optimized] target(s) in [TIME]
      Staged 1 bin in [ROOT]/target/xpkg

"#]]
        );
    });
}

#[test]
fn one_target_is_built_in_its_image_and_another_as_ever() {
    on_each_engine(|engine| {
        let project = engine.configured("hello", &engine.by_digest("gcc12:1"), "");
        check!(
            engine.text(&project.xpkg(&format!("build --target {ARM_GNU},{HOST}"))),
            str![[r#"
exit 0
--- stdout
target                     package  bin         size  linkage  glibc  sha256
aarch64-unknown-linux-gnu  hello    hello [SIZE]  dynamic  2.34   [DIGEST]
x86_64-unknown-linux-gnu   hello    hello [SIZE]  dynamic  2.34   [DIGEST]
aarch64-unknown-linux-gnu was built in 127.0.0.1:5055/xpkg/gcc12@sha256:[SHA256]
--- stderr
     Linking aarch64-unknown-linux-gnu with image: `aarch64-linux-gnu-gcc` of `127.0.0.1:5055/xpkg/gcc12@sha256:[SHA256]`, `CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER` in the image's environment (chosen by xpkg's configuration)
     Linking x86_64-unknown-linux-gnu with native: the target is the host's own triple
   Compiling hello v0.1.0 ([ROOT])
    Finished `release` profile [optimized] target(s) in [TIME]
   Compiling hello v0.1.0 ([ROOT])
    Finished `release` profile [optimized] target(s) in [TIME]
      Staged 2 bins in [ROOT]/target/xpkg

"#]]
        );
        let records = project.json("target/xpkg/manifest.json")["targets"].clone();
        let kinds: Vec<_> = records
            .as_array()
            .unwrap()
            .iter()
            .map(|record| {
                (
                    record["target"].as_str(),
                    record["toolchain"]["kind"].as_str(),
                )
            })
            .collect();
        assert_eq!(
            kinds,
            [(Some(ARM_GNU), Some("image")), (Some(HOST), Some("native"))]
        );
        let images = || project.files("target/xpkg-cache/images").len();
        assert!(images() > 0);
        project.xpkg("clean").ok();
        assert_eq!((images(), project.path("target/xpkg").exists()), (0, false));
        // cargo's own output stays.
        assert!(
            project
                .path(&format!("target/{HOST}/release/hello"))
                .exists()
        );
    });
}

#[test]
fn whoever_names_a_linker_needs_no_engine() {
    let image = format!("127.0.0.1:5055/xpkg/gcc12@sha256:{}", "0".repeat(64));
    let project = Project::of("hello")
        .with("aarch64-linux-gnu-gcc")
        .env("XPKG_CONTAINER_ENGINE", "nosuch");
    project.append(
        "Cargo.toml",
        &crate::toolchain::image::engines::table(&image, ""),
    );
    let kind = |line: &str| {
        project.xpkg(line).ok();
        project.json("target/xpkg/manifest.json")["targets"][0]["toolchain"]["kind"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(kind("build -q --linker gcc"), "gcc");
    let manifest = project.read("Cargo.toml");
    project.write("Cargo.toml", &format!("{manifest}linker = \"auto\"\n"));
    assert_eq!(kind("build -q"), "gcc");
    // The image comes last, and is what is left where nothing else serves.
    let project = project.without("aarch64-linux-gnu-gcc");
    let run = project.xpkg("build");
    check!(
        run,
        str![[r#"
exit 1
--- stderr
error[no-linker]: no linker found for `aarch64-unknown-linux-gnu`
  tried: native   links for the host's triple only, `x86_64-unknown-linux-gnu`
         gcc      `aarch64-linux-gnu-gcc` is not on PATH
         clang    `clang` is not on PATH
         rust-lld links for musl only: for gnu it needs a sysroot
         zig      not on PATH, and `python3 -m ziglang` failed
         image    the container engine `nosuch`, which `XPKG_CONTAINER_ENGINE` names, does not answer
  help: install a cross compiler (`apt-get install gcc-aarch64-linux-gnu`) or zig (`pip install ziglang`)

"#]]
    );
}

/// pkg-config is that of the image, with the variables of the build there. The image has the library
/// for its own processor.
#[test]
fn libraries_of_the_system_are_looked_up_in_the_image() {
    on_each_engine(|engine| {
        let needs_alsa = |target: &str, more: &str| {
            let project = engine.project("hello");
            project.append(
                "Cargo.toml",
                &format!(
                    "[dependencies]\nalsa-sys = {{ path = \"alsa-sys\" }}\n\
                     [workspace.metadata.xpkg.target.{target}]\nimage = \"{}\"\n{more}",
                    engine.tag("gcc12:1")
                ),
            );
            project.write(
                "alsa-sys/Cargo.toml",
                "[package]\nname = \"alsa-sys\"\nversion = \"0.4.0\"\nedition = \"2024\"\nlinks = \
                 \"alsa\"\n",
            );
            project.write("alsa-sys/src/lib.rs", "");
            project.write("alsa-sys/build.rs", "fn main() {}");
            project.xpkg(&format!("image pin --target {target}")).ok();
            project
        };
        let project = needs_alsa(HOST, "");
        let run = project
            .xpkg(&format!("plan --linker image --target {HOST}"))
            .ok();
        assert!(
            run.stdout
                .contains("  libraries   alsa-sys 0.4.0: alsa 1.2.8\n"),
            "{}",
            run.stdout
        );
        // pkg-config finds nothing there.
        let project = needs_alsa(HOST, "passthrough = [\"PKG_CONFIG_LIBDIR=/none\"]\n");
        let run = project.xpkg(&format!("plan --linker image --target {HOST}"));
        check!(
            engine.text(&run),
            str![[r#"
exit 1
--- stderr
error[system-library-missing]: pkg-config does not find `alsa` for `x86_64-unknown-linux-gnu`, and alsa-sys 0.4.0 does not build without it
  cause: Package alsa was not found in the pkg-config search path.
  help: add it with `pre-build = ["apt-get update && apt-get install --yes libasound2-dev"]`, then `cargo xpkg image pin`
  help: or use an image that has it for the target

"#]]
        );
        // The container that asks has no files of this machine.
        let more = "passthrough = [\"PKG_CONFIG_PATH\"]\n";
        let project = needs_alsa(HOST, more);
        let place = project.path("libraries");
        let variables = [("PKG_CONFIG_PATH", place.to_str().unwrap())];
        let line = format!("plan --linker image --target {HOST}");
        let run = project.xpkg_with(&variables, &line).ok();
        assert!(
            run.stdout.contains(&format!(
                "not checked: alsa-sys 0.4.0 (pkg-config reads `{}`, which the image does not have)",
                place.display()
            )),
            "{}",
            run.stdout
        );
        // Of another processor.
        let project = needs_alsa(ARM_GNU, "");
        let run = project.xpkg(&format!("plan --target {ARM_GNU}"));
        check!(
            engine.text(&run),
            str![[r#"
exit 1
--- stderr
error[system-library-missing]: pkg-config does not find `alsa` for `aarch64-unknown-linux-gnu`, and alsa-sys 0.4.0 does not build without it
  cause: Package alsa was not found in the pkg-config search path.
  help: add it with `pre-build = ["dpkg --add-architecture arm64 && apt-get update && apt-get install --yes libasound2-dev:arm64"]`, then `cargo xpkg image pin`
  help: or use an image that has it for the target

"#]]
        );
    });
}
