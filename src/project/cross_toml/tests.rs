//! Imports from cross, as a table: a file in, keys and reports out.

use std::collections::BTreeSet;

use crate::project::config::parse::ConfigFile;
use crate::project::config::{DockerfileTable, PreBuild, TargetConfig};
use crate::project::cross_toml::source::{CrossSources, ImportedKey, Unmapped};
use crate::project::cross_toml::{Merged, possible_scripts, read};

const T: &str = "aarch64-unknown-linux-gnu";

fn source(path: &str, text: &str) -> Option<ConfigFile> {
    Some(ConfigFile {
        path: path.into(),
        text: text.to_owned(),
    })
}

fn cross(text: &str) -> CrossSources {
    CrossSources {
        cross_toml: source("Cross.toml", text),
        ..CrossSources::default()
    }
}

/// Returns sources of Cross.toml, Cargo.toml and `NAME=value` variables, with a script at
/// `ci/setup.sh`.
fn all(cross_toml: &str, cargo_toml: &str, variables: &[&str]) -> CrossSources {
    CrossSources {
        cargo_toml: source("Cargo.toml", cargo_toml),
        variables: variables
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect(),
        scripts: BTreeSet::from(["ci/setup.sh".to_owned()]),
        ..cross(cross_toml)
    }
}

/// Returns what is imported for a target, one line per key, each with its places.
fn taken_for(triple: &str, sources: &CrossSources) -> String {
    let imported = read(sources).unwrap().target(triple);
    let pre_build = match &imported.pre_build {
        PreBuild::Lines(lines) => lines
            .iter()
            .map(|line| format!("`{line}`"))
            .collect::<Vec<_>>()
            .join(" "),
        PreBuild::Script(path) => format!("script {path}"),
    };
    let dockerfile = imported.dockerfile.as_ref().map(|dockerfile| {
        let DockerfileTable {
            file,
            context,
            build_args,
        } = dockerfile.table();
        let context = context
            .map(|context| format!(" in {context}"))
            .unwrap_or_default();
        build_args
            .iter()
            .fold(format!("{file}{context}"), |text, (name, value)| {
                format!("{text} {name}={value}")
            })
    });
    let values = [
        ("pre-build", pre_build),
        ("dockerfile", dockerfile.unwrap_or_default()),
        ("volumes", imported.volumes.join(" ")),
        ("passthrough", imported.passthrough.join(" ")),
        ("image", imported.image.unwrap_or_default()),
    ];
    let mut lines = Vec::new();
    for (key, value) in values {
        let places: Vec<&str> = imported
            .from
            .iter()
            .filter(|imported| imported.key == key)
            .map(|imported| imported.place.as_str())
            .collect();
        assert_eq!(
            value.is_empty(),
            places.is_empty(),
            "{key}: an imported key names its place"
        );
        if !value.is_empty() {
            lines.push(format!("{key} = {value} ({})", places.join(", ")));
        }
    }
    lines.join("\n")
}

fn taken(sources: &CrossSources) -> String {
    taken_for(T, sources)
}

/// Returns the keys that are not imported: of the files as a whole, then of the target.
fn unmapped(sources: &CrossSources) -> String {
    let migration = read(sources).unwrap();
    let unmapped = migration
        .unmapped
        .iter()
        .chain(&migration.target(T).unmapped)
        .map(Unmapped::to_string)
        .collect::<Vec<_>>();
    unmapped.join("\n")
}

fn rejected(sources: &CrossSources) -> String {
    let problems = read(sources).unwrap_err();
    let lines = problems
        .iter()
        .map(|problem| format!("{} [{}]", problem.message, problem.notes[0].lines.join(" ")));
    lines.collect::<Vec<_>>().join("\n")
}

fn of_target(text: &str) -> CrossSources {
    cross(&format!("[target.{T}]\n{text}"))
}

#[test]
fn each_form_of_an_image_becomes_a_whole_name() {
    for (form, name) in [
        ("\"my/image:1\"", "my/image:1"),
        ("\"my/image\"", "my/image"),
        (
            "\":0.2.5\"",
            "ghcr.io/cross-rs/aarch64-unknown-linux-gnu:0.2.5",
        ),
        (
            "\"@sha256:77db\"",
            "ghcr.io/cross-rs/aarch64-unknown-linux-gnu@sha256:77db",
        ),
        (
            "{ name = \":edge\" }",
            "ghcr.io/cross-rs/aarch64-unknown-linux-gnu:edge",
        ),
        (
            "{ name = \"alpine:edge\", toolchain = [\"x86_64-unknown-linux-musl\"] }",
            "alpine:edge",
        ),
    ] {
        assert_eq!(
            taken(&of_target(&format!("image = {form}\n"))),
            format!("image = {name} (Cross.toml:2)")
        );
    }
}

#[test]
fn a_pre_build_is_a_script_where_there_is_one() {
    for (form, lines) in [
        ("\"ci/setup.sh\"", "script ci/setup.sh"),
        ("\"apt-get update\"", "`apt-get update`"),
        ("\"\"\"a\nb\"\"\"", "`a\nb`"),
        (
            "[\"dpkg --add-architecture $CROSS_DEB_ARCH\", \"b\"]",
            "`dpkg --add-architecture $CROSS_DEB_ARCH` `b`",
        ),
    ] {
        let sources = all(&format!("[build]\npre-build = {form}\n"), "", &[]);
        assert_eq!(
            taken(&sources),
            format!("pre-build = {lines} (Cross.toml:2)")
        );
    }
    let variables = ["CROSS_BUILD_PRE_BUILD=ci/setup.sh\nb"];
    assert_eq!(
        taken(&all("", "", &variables)),
        "pre-build = `ci/setup.sh` `b` (CROSS_BUILD_PRE_BUILD)"
    );
    assert_eq!(
        taken(&all("", "", &["CROSS_BUILD_PRE_BUILD=ci/setup.sh"])),
        "pre-build = `ci/setup.sh` (CROSS_BUILD_PRE_BUILD)"
    );
}

#[test]
fn possible_scripts_are_found_in_every_table() {
    let text = "[build]\npre-build = \"a.sh\"\n[target.x]\npre-build = \
                [\"line\"]\n[target.y]\npre-build = \"two\\nlines\"\n";
    let sources = all(
        text,
        "[package.metadata.cross.target.z]\npre-build = \"b.sh\"\n",
        &["CROSS_BUILD_PRE_BUILD=c.sh"],
    );
    assert_eq!(
        possible_scripts(&sources).into_iter().collect::<Vec<_>>(),
        ["a.sh", "b.sh"]
    );
}

#[test]
fn a_dockerfile_is_put_together_part_by_part() {
    let build = "[build.dockerfile]\nfile = \"B\"\ncontext = \"ctx\"\nbuild-args = { A = \"1\", B \
                 = \"2\" }\n";
    assert_eq!(
        taken(&of_target("dockerfile = \"./D\"\n")),
        "dockerfile = ./D in . (Cross.toml:2)"
    );
    assert_eq!(
        taken(&cross(build)),
        "dockerfile = B in ctx A=1 B=2 (Cross.toml:1)"
    );
    let own =
        format!("{build}[target.{T}.dockerfile]\nfile = \"O\"\nbuild-args = {{ B = \"3\" }}\n");
    assert_eq!(
        taken(&cross(&own)),
        "dockerfile = O in ctx A=1 B=3 (Cross.toml:5)"
    );
    let variables = [
        "CROSS_BUILD_DOCKERFILE=E",
        "CROSS_TARGET_AARCH64_UNKNOWN_LINUX_GNU_DOCKERFILE_CONTEXT=etx",
    ];
    assert_eq!(
        taken(&all(build, "", &variables)),
        "dockerfile = E in etx A=1 B=2 (CROSS_BUILD_DOCKERFILE)"
    );
}

#[test]
fn a_targets_own_replaces_the_builds_except_passthrough_which_joins() {
    let text = format!(
        "[build]\npre-build = [\"b\"]\n[build.env]\nvolumes = [\"V\"]\npassthrough = [\"P\"]\n\
         [target.{T}]\npre-build = []\n[target.{T}.env]\nvolumes = [\"W=/w\"]\npassthrough = [\"Q=1\"]\n"
    );
    assert_eq!(
        taken(&cross(&text)),
        "volumes = W=/w (Cross.toml:9)\npassthrough = P Q=1 (Cross.toml:5, Cross.toml:10)"
    );
    let other = "pre-build = `b` (Cross.toml:2)\nvolumes = V (Cross.toml:4)\npassthrough = P \
                 (Cross.toml:5)";
    assert_eq!(taken_for("x86_64-unknown-linux-musl", &cross(&text)), other);
}

#[test]
fn a_variable_beats_cross_toml_which_beats_cargo_toml_in_each_table() {
    let (build, own) = (
        "[build.env]\nvolumes = [\"B\"]\n",
        format!("[target.{T}.env]\nvolumes = [\"T\"]\n"),
    );
    let cargo_build = "[workspace.metadata.cross.build.env]\nvolumes = [\"C\"]\n";
    let cargo_own = format!("[package.metadata.cross.target.{T}.env]\nvolumes = [\"D\"]\n");
    let (env_build, env_own) = (
        "CROSS_BUILD_ENV_VOLUMES=E F=/f",
        "CROSS_TARGET_AARCH64_UNKNOWN_LINUX_GNU_ENV_VOLUMES=G",
    );
    for (cross_toml, cargo_toml, variables, expected) in [
        ("", cargo_build, vec![], "C (Cargo.toml:2)"),
        (build, cargo_build, vec![], "B (Cross.toml:2)"),
        (build, cargo_own.as_str(), vec![], "D (Cargo.toml:2)"),
        (
            own.as_str(),
            cargo_own.as_str(),
            vec![env_build],
            "T (Cross.toml:2)",
        ),
        (
            build,
            cargo_build,
            vec![env_build],
            "E F=/f (CROSS_BUILD_ENV_VOLUMES)",
        ),
        (
            own.as_str(),
            "",
            vec![env_build, env_own],
            "G (CROSS_TARGET_AARCH64_UNKNOWN_LINUX_GNU_ENV_VOLUMES)",
        ),
    ] {
        assert_eq!(
            taken(&all(cross_toml, cargo_toml, &variables)),
            format!("volumes = {expected}")
        );
    }
}

#[test]
fn passthrough_of_a_variable_stands_for_that_of_its_table() {
    let text =
        format!("[build.env]\npassthrough = [\"A\"]\n[target.{T}.env]\npassthrough = [\"B\"]\n");
    let own = "CROSS_TARGET_AARCH64_UNKNOWN_LINUX_GNU_ENV_PASSTHROUGH";
    for (variable, expected) in [
        (
            "CROSS_BUILD_ENV_PASSTHROUGH".to_owned(),
            "C D B (CROSS_BUILD_ENV_PASSTHROUGH, Cross.toml:4)".to_owned(),
        ),
        (own.to_owned(), format!("A C D (Cross.toml:2, {own})")),
    ] {
        assert_eq!(
            taken(&all(&text, "", &[&format!("{variable}=C  D")])),
            format!("passthrough = {expected}")
        );
    }
}

#[test]
fn a_default_target_is_the_variables_or_the_builds() {
    let text = "[build]\ndefault-target = \"a\"\n";
    for (variables, expected) in [(vec![], "a"), (vec!["CROSS_BUILD_TARGET=b"], "b")] {
        assert_eq!(
            read(&all(text, "", &variables))
                .unwrap()
                .default_target
                .as_deref(),
            Some(expected)
        );
    }
    assert_eq!(read(&CrossSources::default()).unwrap().default_target, None);
}

#[test]
fn each_key_without_a_counterpart_is_reported() {
    let no_std = "xpkg uses the standard library that rustup installs; to build it needs a \
                  nightly cargo and `-Z build-std`";
    let zig = "xpkg uses zig without an image: set `linker = \"zig\"` in xpkg's configuration of \
               the target";
    let zig_217 = "xpkg uses zig without an image: set `linker = \"zig\"` and `glibc = \"2.17\"` \
                   in xpkg's configuration of the target";
    for (text, expected) in [
        (
            "[build]\nbuild-std = true\n",
            format!("`build.build-std` of `Cross.toml:2`: {no_std}"),
        ),
        (
            "[build]\nbuild-std = [\"core\"]\n",
            format!("`build.build-std` of `Cross.toml:2`: {no_std}"),
        ),
        (
            "[build]\nxargo = true\n",
            format!("`build.xargo` of `Cross.toml:2`: {no_std}"),
        ),
        (
            "[build]\nbuild-std = false\nxargo = false\nzig = false\n",
            String::new(),
        ),
        (
            "[build]\nbuild-std = []\nzig = { version = \"2.17\" }\n",
            String::new(),
        ),
        (
            "[build]\nzig = true\n",
            format!("`build.zig` of `Cross.toml:2`: {zig}"),
        ),
        (
            "[build]\nzig = \"2.17\"\n",
            format!("`build.zig` of `Cross.toml:2`: {zig_217}"),
        ),
        (
            "[build.zig]\nenable = true\nversion = \"2.17\"\nimage = \"z\"\n",
            format!("`build.zig` of `Cross.toml:1`: {zig_217}"),
        ),
    ] {
        assert_eq!(unmapped(&cross(text)), expected, "{text}");
        // The target's own key has precedence, and disables it.
        assert_eq!(
            unmapped(&cross(&format!(
                "{text}[target.{T}]\nbuild-std = false\nxargo = false\nzig = false\n"
            ))),
            "",
            "{text}"
        );
    }
    let own = |key: &str| format!("`target.{T}.{key}` of `Cross.toml:2`: ");
    for (text, expected) in [
        (
            "runner = \"qemu-user\"\n",
            own("runner")
                + "xpkg runs no program in an image: `verify --run` chooses its own emulator",
        ),
        ("build-std = true\n", own("build-std") + no_std),
        ("zig = true\nimage = \"a\"\n", own("zig") + zig),
        (
            "image = { name = \"a\", toolchain = [\"linux/arm64=aarch64-unknown-linux-musl\"] }\n",
            own("image.toolchain")
                + "xpkg has no such key: it does not check which toolchain the image is for",
        ),
        (
            "image = \"-centos\"\npre-build = [\"a\"]\n",
            own("image")
                + "cross inserts its own version before `-centos`, which xpkg does not know: \
                   write the full name, \
                   `\"ghcr.io/cross-rs/aarch64-unknown-linux-gnu:<version>-centos\"`",
        ),
        (
            "image = \"a\"\ndockerfile = \"D\"\n",
            own("image")
                + "with `dockerfile`, cross gives this name to the image that is built; xpkg uses \
                   it as the base image",
        ),
    ] {
        assert_eq!(unmapped(&of_target(text)), expected);
    }
    assert_eq!(
        unmapped(&all("", "", &["CROSS_BUILD_OPTS=--pull"])),
        "`CROSS_BUILD_OPTS` of `the environment`: flags for the engine are not passed on"
    );
    assert_eq!(
        unmapped(&all("", "", &["CROSS_BUILD_STD=1"])),
        format!("`build.build-std` of `CROSS_BUILD_STD`: {no_std}")
    );
}

#[test]
fn the_image_key_is_ignored_if_cross_links_with_zig() {
    assert_eq!(taken(&of_target("zig = true\nimage = \"a\"\n")), "");
}

#[test]
fn an_unknown_key_is_reported_with_the_nearest_and_the_rest_is_imported() {
    for (text, key, hint) in [
        (
            "[build]\npre_build = [\"a\"]\n",
            "`build.pre_build` of `Cross.toml:2`",
            "; did you mean `build.pre-build`?",
        ),
        (
            "[build]\nimage = \"a\"\n",
            "`build.image` of `Cross.toml:2`",
            "; did you mean `target.<T>.image`?",
        ),
        (
            "[build.env]\npassthru = []\n",
            "`build.env.passthru` of `Cross.toml:2`",
            "; did you mean `build.env.passthrough`?",
        ),
        (
            "[targets.x]\nimage = \"a\"\n",
            "`targets` of `Cross.toml:1`",
            "; did you mean `target`?",
        ),
        (
            "[env]\npassthrough = []\n",
            "`env` of `Cross.toml:1`",
            "; did you mean `build.env`?",
        ),
        ("[build]\nzzz = 1\n", "`build.zzz` of `Cross.toml:2`", ""),
        (
            "[build.dockerfile]\nfile = \"a\"\nbuild-args = { zzz = \"1\" }\nargs = 1\n",
            "`build.dockerfile.args` of `Cross.toml:4`",
            "",
        ),
    ] {
        assert!(
            unmapped(&cross(text)).starts_with(&format!("{key}: cross has no such key{hint}")),
            "{}",
            unmapped(&cross(text))
        );
    }
    let own = "passthrough = [\"A\"]\n";
    let expected = format!(
        "`target.{T}.passthrough` of `Cross.toml:2`: cross has no such key; did you mean \
         `target.<T>.env.passthrough`?"
    );
    assert_eq!(unmapped(&of_target(own)), expected);
    assert_eq!(
        unmapped(&cross(&format!(
            "[target.other]\n{own}runner = \"native\"\nimage = \"-a\"\n"
        ))),
        "",
        "another target's"
    );
}

#[test]
fn a_table_that_no_target_has_the_name_of_is_reported() {
    for (name, expected) in [
        (
            "aarch64_unknown_linux_gnu",
            format!("not the target's name: did you mean `target.{T}`?"),
        ),
        (
            "aarch64-unknown-linux-gun",
            format!("rustc has no such target; did you mean `target.{T}`?"),
        ),
        ("zzz", "rustc has no such target".to_owned()),
        (
            "'cfg(target_env = \"musl\")'",
            "cross names targets by their triples alone: write a table for each".to_owned(),
        ),
    ] {
        let sources = CrossSources {
            triples: vec![T.to_owned()],
            ..cross(&format!("[build]\n[target.{name}]\nimage = \"a\"\n"))
        };
        let key = name.trim_matches('\'');
        assert_eq!(
            unmapped(&sources),
            format!("`target.{key}` of `Cross.toml:2`: {expected}")
        );
    }
}

#[test]
fn a_packages_table_is_ignored_beside_the_workspaces() {
    let text = format!(
        "[package.metadata.cross.target.{T}]\nimage = \
         \"p\"\n[workspace.metadata.cross.target.{T}]\nimage = \"w\"\n"
    );
    let sources = all("", &text, &[]);
    assert_eq!(taken(&sources), "image = w (Cargo.toml:4)");
    let expected = "`package.metadata.cross` of `Cargo.toml:1`: ignored beside \
                    `workspace.metadata.cross` of `Cargo.toml`, as in cross: write one \
                    `[workspace.metadata.cross]`";
    assert_eq!(unmapped(&sources), expected);
}

#[test]
fn one_table_of_all_members_counts() {
    let member = |path: &str, image: &str| {
        let text = format!("[package]\n[package.metadata.cross.target.{T}]\nimage = \"{image}\"\n");
        source(path, &text).unwrap()
    };
    let sources = CrossSources {
        members: vec![member("a/Cargo.toml", "a"), member("b/Cargo.toml", "b")],
        ..all("", "[workspace]\n", &[])
    };
    assert_eq!(taken(&sources), "image = a (a/Cargo.toml:3)");
    let expected = "`package.metadata.cross` of `b/Cargo.toml:2`: ignored beside \
                    `package.metadata.cross` of `a/Cargo.toml`, as in cross: write one \
                    `[workspace.metadata.cross]`";
    assert_eq!(unmapped(&sources), expected);
    let own = all("", "[workspace.metadata.cross.build]\nzzz = 1\n", &[]);
    let sources = CrossSources {
        members: sources.members,
        ..own
    };
    assert_eq!(taken(&sources), "");
    assert_eq!(
        unmapped(&sources).lines().count(),
        3,
        "{}",
        unmapped(&sources)
    );
    let cased = all("", "[package.metadata.Cross.build]\nxargo = true\n", &[]);
    assert_eq!(
        unmapped(&cased),
        "`package.metadata.Cross` of `Cargo.toml:1`: cross has no such table; did you mean \
         `package.metadata.cross`?"
    );
}

#[test]
fn each_key_without_an_image_is_reported_at_its_own_line() {
    let text = "[build]\npre-build = [\"a\"]\n[build.env]\npassthrough = [\"P\"]\nvolumes = []\n";
    let own = format!("{text}[target.{T}.env]\npassthrough = [\"Q\"]\n");
    let line = |key: &str, line: usize| {
        format!(
            "`{key}` of `Cross.toml:{line}`: used in an image alone; `{T}` has none, and xpkg has \
             none of its own: set `image = \"ghcr.io/cross-rs/{T}:<version>\"` in \
             `[target.{T}]` of Cross.toml, or in xpkg's configuration"
        )
    };
    let expected = [
        line("build.pre-build", 2),
        line("build.env.passthrough", 4),
        line(&format!("target.{T}.env.passthrough"), 7),
    ];
    assert_eq!(unmapped(&cross(&own)), expected.join("\n"));
    // A Dockerfile may name its own base.
    let own = format!(
        "[build]\ndockerfile = \"D\"\n{}",
        &text["[build]\n".len()..]
    );
    assert_eq!(unmapped(&cross(&own)), "");
}

#[test]
fn a_file_that_cross_does_not_read_is_reported() {
    let sources = CrossSources {
        strays: vec!["/w/cross.toml".into(), "/w/a/Cross.toml".into()],
        ..CrossSources::default()
    };
    assert_eq!(
        unmapped(&sources),
        "`cross.toml` of `/w`: cross reads `Cross.toml` in the workspace's root: rename it to \
         `Cross.toml`\n`Cross.toml` of `/w/a`: cross reads `Cross.toml` in the workspace's root: move \
         it there"
    );
}

#[test]
fn a_syntax_or_type_error_names_its_place() {
    for (text, expected) in [
        (
            "[build\n",
            "unclosed table, expected `]` in cross's configuration [Cross.toml:1:7]",
        ),
        (
            "build = 1\n",
            "invalid type: integer `1`, expected a table in cross's configuration [Cross.toml:1:9]",
        ),
        (
            "[build.env]\nvolumes = \"A\"\n",
            "invalid type: string \"A\", expected a sequence in cross's configuration \
             [Cross.toml:2:11]",
        ),
        (
            "[build]\npre-build = 1\n",
            "lines of shell, or the path of a script in cross's configuration [Cross.toml:2:13]",
        ),
        (
            "[build.dockerfile]\ncontext = \".\"\n",
            "the path of a Dockerfile, or a table with `file`, `context` and `build-args` in \
             cross's configuration [Cross.toml:1:1]",
        ),
        (
            "[target.x]\nimage = 1\n",
            "an image's name, or a table with `name` and `toolchain` in cross's configuration \
             [Cross.toml:2:9]",
        ),
    ] {
        assert_eq!(rejected(&cross(text)), expected);
    }
    let both = all(
        "[build\n",
        "[package.metadata.cross.build]\nxargo = 1\n",
        &[],
    );
    assert!(
        rejected(&both).ends_with("expected a boolean in cross's configuration [Cargo.toml:2:9]"),
        "{}",
        rejected(&both)
    );
}

#[test]
fn xpkgs_own_entries_have_precedence_key_by_key() {
    let text = "image = \"-centos\"\npre-build = [\"theirs\"]\nzig = \
                false\n[build.env]\npassthrough = [\"P\"]\n";
    let imported = read(&of_target(text)).unwrap().target(T);
    let own = TargetConfig {
        image: Some("mine:1".to_owned()),
        pre_build: PreBuild::Lines(vec!["mine".to_owned()]),
        glibc: Some("2.31".to_owned()),
        ..TargetConfig::default()
    };
    let Merged {
        config,
        imported,
        unmapped,
    } = imported.under(&own);
    assert_eq!(
        config,
        TargetConfig {
            passthrough: vec!["P".to_owned()],
            ..own
        }
    );
    assert_eq!(
        imported
            .iter()
            .map(ImportedKey::to_string)
            .collect::<Vec<_>>(),
        ["`passthrough` from `Cross.toml:6`"]
    );
    assert_eq!(
        unmapped,
        [],
        "xpkg's own image supersedes the report on cross's"
    );
}

// Three configurations as projects have them.

#[test]
fn openssl_by_apt_for_every_target() {
    let text = r#"
[build]
pre-build = [
    "dpkg --add-architecture $CROSS_DEB_ARCH",
    "apt-get update && apt-get install --assume-yes libssl-dev:$CROSS_DEB_ARCH pkg-config:$CROSS_DEB_ARCH",
]

[build.env]
passthrough = ["RUST_BACKTRACE", "CARGO_INCREMENTAL=0", "OPENSSL_STATIC"]

[target.aarch64-unknown-linux-gnu]
image = "ghcr.io/cross-rs/aarch64-unknown-linux-gnu:0.2.5"
"#;
    let expected = "\
pre-build = `dpkg --add-architecture $CROSS_DEB_ARCH` `apt-get update && apt-get install --assume-yes libssl-dev:$CROSS_DEB_ARCH pkg-config:$CROSS_DEB_ARCH` (Cross.toml:3)
passthrough = RUST_BACKTRACE CARGO_INCREMENTAL=0 OPENSSL_STATIC (Cross.toml:9)
image = ghcr.io/cross-rs/aarch64-unknown-linux-gnu:0.2.5 (Cross.toml:12)";
    assert_eq!(taken(&cross(text)), expected);
    assert_eq!(unmapped(&cross(text)), "");
}

#[test]
fn aws_lc_with_a_newer_clang_and_an_edge_image() {
    let text = r#"
[build.env]
passthrough = ["AWS_LC_SYS_CMAKE_BUILDER", "BINDGEN_EXTRA_CLANG_ARGS"]
volumes = ["SCCACHE_DIR=/sccache"]

[target.aarch64-unknown-linux-gnu]
image = ":edge"
pre-build = ["apt-get update", "apt-get install -y cmake clang libclang-dev golang-go"]
runner = "qemu-user"

[target.aarch64-unknown-linux-gnu.env]
passthrough = ["AWS_LC_SYS_EXTERNAL_BINDGEN=1"]
"#;
    let expected = "\
pre-build = `apt-get update` `apt-get install -y cmake clang libclang-dev golang-go` (Cross.toml:8)
volumes = SCCACHE_DIR=/sccache (Cross.toml:4)
passthrough = AWS_LC_SYS_CMAKE_BUILDER BINDGEN_EXTRA_CLANG_ARGS AWS_LC_SYS_EXTERNAL_BINDGEN=1 (Cross.toml:3, Cross.toml:12)
image = ghcr.io/cross-rs/aarch64-unknown-linux-gnu:edge (Cross.toml:7)";
    assert_eq!(taken(&cross(text)), expected);
    let runner = "`target.aarch64-unknown-linux-gnu.runner` of `Cross.toml:9`: xpkg runs no \
                  program in an image: `verify --run` chooses its own emulator";
    assert_eq!(unmapped(&cross(text)), runner);
}

#[test]
fn a_dockerfile_a_target_in_cargo_toml() {
    let text = r#"
[package]
name = "server"

[package.metadata.cross.build]
default-target = "aarch64-unknown-linux-gnu"

[package.metadata.cross.target.aarch64-unknown-linux-gnu.dockerfile]
file = "docker/cross/aarch64.Dockerfile"
context = "docker/cross"
build-args = { PROTOC_VERSION = "25.1" }

[package.metadata.cross.target.x86_64-unknown-linux-gnu]
image = "-centos"
"#;
    let sources = all("", text, &[]);
    let expected = "dockerfile = docker/cross/aarch64.Dockerfile in docker/cross \
                    PROTOC_VERSION=25.1 (Cargo.toml:8)";
    assert_eq!(taken(&sources), expected);
    assert_eq!(unmapped(&sources), "");
    assert_eq!(read(&sources).unwrap().default_target.as_deref(), Some(T));
}
