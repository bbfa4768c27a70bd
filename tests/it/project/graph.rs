//! Which C is compiled for the target: the graph as cargo builds it, not as it could be.

use std::os::unix::fs::MetadataExt as _;

use crate::support::{ARM_MUSL, Project, X86_MUSL, cross};

/// A crate at `path` whose build script would compile C by a `cc` of its own making, optional
/// behind the feature `c`.
fn c_crate(project: &Project, path: &str, optional: bool) {
    let dependency = if optional {
        "cc = { path = \"../cc\", optional = true }\n[features]\nc = [\"dep:cc\"]"
    } else {
        "cc = { path = \"../cc\" }"
    };
    let manifest = format!(
        "[package]\nname = \"{path}\"\nversion = \"0.1.0\"\nedition = \
         \"2024\"\n[build-dependencies]\n{dependency}\n"
    );
    project.write(&format!("{path}/Cargo.toml"), &manifest);
    project.write(&format!("{path}/src/lib.rs"), "");
    project.write(&format!("{path}/build.rs"), "fn main() {}");
    project.write(
        "cc/Cargo.toml",
        "[package]\nname = \"cc\"\nversion = \"1.0.0\"\nedition = \"2024\"\n",
    );
    project.write("cc/src/lib.rs", "");
}

/// hello, with these tables added.
fn hello(tables: &str) -> Project {
    let project = Project::of("hello");
    project.append("Cargo.toml", tables);
    project
}

/// The packages with C that `plan` names for musl.
fn c_in(project: &Project) -> String {
    let run = project.xpkg(&format!("plan --target {ARM_MUSL}"));
    let line = run
        .stdout
        .lines()
        .chain(run.stderr.lines())
        .map(str::trim)
        .find(|line| line.starts_with("C "))
        .map(str::to_owned);
    let line = line.unwrap_or_else(|| panic!("{}{}", run.stdout, run.stderr));
    line.trim_start_matches("C in:")
        .trim_start_matches("C ")
        .trim()
        .to_owned()
}

const NONE: &str = "none in the target's graph";
const MORE: &str = "more 0.1.0 (by `cc`)";

/// A crate of crates.io, and a `cc` of its own making, both vendored.
fn public_c_crate(project: &Project, name: &str, version: &str, more: &str) {
    for (name, version, more) in [
        (
            name,
            version,
            format!("[build-dependencies]\ncc = \"1\"\n{more}"),
        ),
        ("cc", "1.0.0", String::new()),
    ] {
        project.write(
            &format!("vendor/{name}/Cargo.toml"),
            &format!(
                "[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2024\"\n{more}"
            ),
        );
        project.write(&format!("vendor/{name}/src/lib.rs"), "");
        project.write(
            &format!("vendor/{name}/.cargo-checksum.json"),
            "{\"files\":{},\"package\":null}",
        );
    }
    project.write(&format!("vendor/{name}/build.rs"), "fn main() {}");
    project.write(
        ".cargo/config.toml",
        "[source.crates-io]\nreplace-with = \"vendored\"\n[source.vendored]\ndirectory = \
         \"vendor\"\n",
    );
}

/// Versions whose build script nobody has read count.
#[test]
fn c_that_a_build_script_compiles_for_other_platforms_only_does_not_count() {
    for (name, version, features, counts) in [
        ("backtrace", "0.3.69", "", false),
        ("backtrace", "0.3.40", "", true),
        ("stacker", "0.1.25", "", false),
        ("blake3", "1.8.7", "", true),
        ("blake3", "1.8.7", "\"pure\"", false),
        ("blake3", "1.8.7", "\"no_neon\"", false),
        ("blake3", "1.8.7", "\"neon\"", true),
    ] {
        let project = hello(&format!(
            "[dependencies]\n{name} = {{ version = \"={version}\", features = [{features}] }}\n"
        ));
        public_c_crate(
            &project,
            name,
            version,
            "[features]\npure = []\nno_neon = []\nneon = []\n",
        );
        let expected = if counts {
            format!("{name} {version} (by `cc`)")
        } else {
            NONE.to_owned()
        };
        assert_eq!(c_in(&project), expected, "{features}");
    }
}

/// One member is built without the feature.
#[test]
fn a_feature_of_another_member_switches_no_c_off() {
    let project = hello("[dependencies]\nblake3 = \"=1.8.7\"\n");
    public_c_crate(&project, "blake3", "1.8.7", "[features]\npure = []\n");
    let manifest = project.read("Cargo.toml");
    let manifest = manifest.replace("[workspace]", "[workspace]\nmembers = [\"other\"]");
    project.write("Cargo.toml", &manifest);
    project.write(
        "other/Cargo.toml",
        "[package]\nname = \"other\"\nversion = \"0.1.0\"\nedition = \
         \"2024\"\n[dependencies]\nblake3 = { version = \"=1.8.7\", features = [\"pure\"] }\n",
    );
    project.write("other/src/lib.rs", "");
    assert_eq!(c_in(&project), "blake3 1.8.7 (by `cc`)");
}

/// Nobody has read the build script of a fork.
#[test]
fn c_of_a_package_of_the_same_name_counts() {
    let project = hello("[dependencies]\nbacktrace = { path = \"backtrace\" }\n");
    c_crate(&project, "backtrace", false);
    let manifest = project.read("backtrace/Cargo.toml");
    let manifest = manifest.replace("\"0.1.0\"", "\"0.3.69\"");
    project.write("backtrace/Cargo.toml", &manifest);
    assert_eq!(c_in(&project), "backtrace 0.3.69 (by `cc`)");
}

#[test]
fn c_behind_a_cfg_counts_where_the_cfg_holds() {
    let project = hello("[target.'cfg(mine)'.dependencies]\nmore = { path = \"more\" }\n");
    c_crate(&project, "more", false);
    assert_eq!(c_in(&project), NONE);
    assert_eq!(c_in(&project.env("RUSTFLAGS", "--cfg mine")), MORE);
    let project = hello("[target.'cfg(windows)'.dependencies]\nmore = { path = \"more\" }\n");
    c_crate(&project, "more", false);
    assert_eq!(c_in(&project), NONE);
}

#[test]
fn c_for_the_host_does_not_count() {
    for kind in ["build-dependencies", "dev-dependencies"] {
        let project = hello(&format!("[{kind}]\nmore = {{ path = \"more\" }}\n"));
        c_crate(&project, "more", false);
        assert_eq!(c_in(&project), NONE, "{kind}");
    }
    let project = hello("[dependencies]\nderive = { path = \"derive\" }\n");
    c_crate(&project, "more", false);
    project.write(
        "derive/Cargo.toml",
        "[package]\nname = \"derive\"\nversion = \"0.1.0\"\n[lib]\nproc-macro = \
         true\n[dependencies]\nmore = { path = \"../more\" }\n",
    );
    project.write("derive/src/lib.rs", "");
    assert_eq!(c_in(&project), NONE);
}

#[test]
fn c_that_only_a_tests_features_turn_on_does_not_count() {
    let plain = "[dependencies]\nmore = { path = \"more\" }\n";
    let project = hello(&format!(
        "{plain}[dev-dependencies.more]\npath = \"more\"\nfeatures = [\"c\"]\n"
    ));
    c_crate(&project, "more", true);
    assert_eq!(c_in(&project), NONE);
    let project = hello("[dependencies]\nmore = { path = \"more\", features = [\"c\"] }\n");
    c_crate(&project, "more", true);
    assert_eq!(c_in(&project), MORE);
}

#[test]
fn whether_a_build_dependency_is_there_is_the_hosts_question() {
    let project = hello("[dependencies]\nmore = { path = \"more\" }\n");
    c_crate(&project, "more", false);
    let manifest = project.read("more/Cargo.toml");
    project.write(
        "more/Cargo.toml",
        &manifest.replace(
            "[build-dependencies]",
            "[target.'cfg(target_arch = \"aarch64\")'.build-dependencies]",
        ),
    );
    assert_eq!(c_in(&project), NONE);
    project.write(
        "more/Cargo.toml",
        &manifest.replace(
            "[build-dependencies]",
            "[target.'cfg(target_arch = \"x86_64\")'.build-dependencies]",
        ),
    );
    assert_eq!(c_in(&project), MORE);
}

#[test]
fn an_answer_is_not_kept_past_a_change_of_cargos_configuration() {
    let project = hello("[dependencies]\ncfg-if = \"1\"\n");
    assert_eq!(c_in(&project), NONE);
    c_crate(&project, "more", false);
    let lock = project.read("Cargo.lock");
    let version = lock
        .split("name = \"cfg-if\"\nversion = \"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let manifest = project
        .read("more/Cargo.toml")
        .replace("name = \"more\"", "name = \"cfg-if\"")
        .replace("0.1.0", version);
    project.write("more/Cargo.toml", &manifest);
    project.write(
        ".cargo/config.toml",
        "[patch.crates-io]\ncfg-if = { path = \"more\" }\n",
    );
    assert_eq!(c_in(&project), format!("cfg-if {version} (by `cc`)"));
}

#[test]
fn what_rustc_says_of_a_target_is_kept_with_its_flags() {
    let project = Project::of("hello");
    let cache = project
        .root
        .parent()
        .unwrap()
        .join(".cache/cargo-xpkg/rustc");
    let kept = || -> Vec<_> {
        std::fs::read_dir(&cache)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect()
    };
    let plan = |flags: &str| {
        project
            .xpkg_with(
                &[("RUSTFLAGS", flags)],
                &format!("plan --target {X86_MUSL}"),
            )
            .stdout
    };
    let first = plan("");
    assert_eq!(kept().len(), 1);
    // An answer that is read is not written again.
    let inode = || std::fs::metadata(&kept()[0]).unwrap().ino();
    let written = inode();
    assert_eq!((plan(""), inode()), (first.clone(), written));
    let text = std::fs::read_to_string(&kept()[0]).unwrap();
    std::fs::write(&kept()[0], text.replace("/lib/rustlib/", "/nowhere/")).unwrap();
    assert_eq!(plan(""), first);
    assert_ne!(inode(), written);
    for damage in ["", "\"\"", "{}"] {
        std::fs::write(&kept()[0], damage).unwrap();
        assert_eq!(plan(""), first, "{damage}");
    }
    plan("--cfg more");
    assert_eq!(kept().len(), 2);
    // This machine's own processor may be another tomorrow.
    plan("-C target-cpu=native");
    assert_eq!(kept().len(), 2);
}

/// The first run on a lockfile asks cargo for the whole graph. A terminal says so at once, and no longer
/// than that; the next run has the answer.
#[test]
fn a_terminal_shows_that_the_graph_is_resolved() {
    let Some(script) = cross(
        "script",
        "graph::a_terminal_shows_that_the_graph_is_resolved",
    ) else {
        return;
    };
    let project = Project::of("hello").env("TERM", "xterm");
    let on_terminal = || {
        let line = format!(
            "{} plan --target {X86_MUSL}",
            env!("CARGO_BIN_EXE_cargo-xpkg")
        );
        let args = ["-qec", &line, "/dev/null"].map(str::to_owned);
        project.run(script.to_str().unwrap(), "", &args).ok().stdout
    };
    let first = on_terminal();
    let begin = "   Resolving\u{1b}[0m the dependency graph";
    let (before, after) = first
        .split_once(begin)
        .unwrap_or_else(|| panic!("{first:?}"));
    assert!(!before.contains("toolchain"), "{first:?}");
    let (line, rest) = after
        .split_once("\r\u{1b}[2K")
        .unwrap_or_else(|| panic!("{first:?}"));
    assert_eq!(line.trim(), "", "{first:?}");
    assert!(rest.contains("toolchain   rust-lld"), "{first:?}");
    let second = on_terminal();
    assert!(!second.contains("Resolving"), "{second:?}");
    // Without colors.
    std::fs::remove_dir_all(project.path("target")).unwrap();
    let xpkg = env!("CARGO_BIN_EXE_cargo-xpkg");
    let line = format!("{xpkg} plan --color never --target {X86_MUSL}");
    let args = ["-qec", &line, "/dev/null"].map(str::to_owned);
    let run = project.run(script.to_str().unwrap(), "", &args).ok();
    let plain = run.stdout;
    assert!(
        plain.contains("   Resolving the dependency graph"),
        "{plain:?}"
    );
    // A log has no such line.
    let other = Project::of("hello");
    let run = other.xpkg(&format!("plan --target {X86_MUSL}")).ok();
    assert!(!run.stderr.contains("Resolving"), "{}", run.stderr);
}
