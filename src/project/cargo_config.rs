//! Places of cargo's configuration that xpkg cannot see whole: `--config` values and `include`d
//! files.
//!
//! Pure. The ordinary files are read by cargo-config2; it follows no `include` and knows no
//! `--config` (measured with 0.1.45). So what stands there and decides what xpkg decides is refused
//! by name.

use crate::problem::Problem;
use crate::problem::code::{Code, CodeInfo, code};
use crate::target::Target;

/// A piece of configuration from such a place.
pub struct OpaqueConfig {
    /// `` `--config …` `` or `` `file`, included by `file` ``.
    pub place: String,
    pub table: toml::Table,
    /// It came by `--config`.
    pub argument: bool,
}

/// Beginnings of the names of variables that decide what build scripts compile with.
const COMPILING: &[&str] = &[
    "AR",
    "BINDGEN",
    "CC",
    "CFLAGS",
    "CMAKE",
    "CPPFLAGS",
    "CRATE_CC",
    "CXX",
    "HOST_",
    "PKG_CONFIG",
    "RANLIB",
    "TARGET_",
];

/// What in `elsewhere` sets a key that xpkg decides for these targets. `joins_flags`: xpkg sums up
/// all rustflags.
pub fn refusals(
    elsewhere: &[OpaqueConfig],
    targets: &[&Target],
    targets_given: bool,
    joins_flags: bool,
) -> Vec<Problem> {
    let touched = |piece: &OpaqueConfig| {
        let mut keys = Vec::new();
        if !targets_given && lookup(&piece.table, &["build", "target"]) {
            keys.push("build.target".to_owned());
        }
        for (name, value) in table(&piece.table, "target") {
            let ours =
                name.starts_with("cfg(") || targets.iter().any(|target| target.triple() == name);
            if ours && value.get("linker").is_some() {
                keys.push(format!("target.{name}.linker"));
            }
            if ours
                && value
                    .get("rustflags")
                    .is_some_and(|flags| joins_flags || decides_linking(flags))
            {
                keys.push(format!("target.{name}.rustflags"));
            }
        }
        for (name, value) in table(&piece.table, "build") {
            if name == "rustc" || name == "rustflags" && (joins_flags || decides_linking(value)) {
                keys.push(format!("build.{name}"));
            }
        }
        // What a C compiler is called with is probed, so all of it must be seen.
        for (name, _) in table(&piece.table, "env") {
            if COMPILING
                .iter()
                .any(|beginning| name.starts_with(beginning))
            {
                keys.push(format!("env.{name}"));
            }
        }
        keys.into_iter()
            .map(|key| (key, piece.place.clone()))
            .collect::<Vec<_>>()
    };
    elsewhere
        .iter()
        .flat_map(touched)
        .map(|(key, place)| {
            Problem::new(
                CARGO_CONFIG,
                format!("{place} sets `{key}`, which xpkg decides and cannot read there"),
            )
            .help("say it by `--target`, `--linker`, a variable, or in `.cargo/config.toml` itself")
        })
        .collect()
}

/// Rustflags that choose or bend the linker.
fn decides_linking(value: &toml::Value) -> bool {
    let text = value.to_string();
    ["linker", "fuse-ld", "crt-static"]
        .iter()
        .any(|part| text.contains(part))
}

/// The linker that rustflags name; rustc takes the last. It beats cargo's variable.
pub fn linker_flag(flags: &[String]) -> Option<String> {
    let mut found = None;
    let mut flags = flags.iter().map(String::as_str);
    while let Some(flag) = flags.next() {
        let option = match flag {
            "-C" | "--codegen" => flags.next(),
            flag => flag
                .strip_prefix("-C")
                .or_else(|| flag.strip_prefix("--codegen=")),
        };
        found = option
            .and_then(|option| option.strip_prefix("linker="))
            .or(found);
    }
    found.map(str::to_owned)
}

/// The files that a configuration includes: `include = "a"`, `["a", "b"]`, `[{ path = "a", optional
/// = true }]`.
pub fn includes(table: &toml::Table) -> Vec<String> {
    let path = |value: &toml::Value| match value {
        toml::Value::String(path) => Some(path.clone()),
        toml::Value::Table(table) => table
            .get("path")
            .and_then(toml::Value::as_str)
            .map(str::to_owned),
        _ => None,
    };
    match table.get("include") {
        Some(toml::Value::Array(values)) => values.iter().filter_map(path).collect(),
        Some(value) => path(value).into_iter().collect(),
        None => Vec::new(),
    }
}

/// The directories that a manifest names as those of packages: dependencies of every kind and
/// platform, patches.
pub fn paths(manifest: &toml::Table) -> Vec<String> {
    let mut found = Vec::new();
    let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
    let of = |table: &toml::Table, found: &mut Vec<String>| {
        for dependency in tables
            .iter()
            .flat_map(|name| self::table(table, name))
            .map(|(_, value)| value)
        {
            found.extend(
                dependency
                    .get("path")
                    .and_then(toml::Value::as_str)
                    .map(str::to_owned),
            );
        }
    };
    of(manifest, &mut found);
    for (_, platform) in table(manifest, "target") {
        of(
            platform.as_table().unwrap_or(&toml::Table::new()),
            &mut found,
        );
    }
    if let Some(workspace) = manifest.get("workspace").and_then(toml::Value::as_table) {
        of(workspace, &mut found);
    }
    let patched = table(manifest, "patch")
        .flat_map(|(_, source)| source.as_table().into_iter().flatten())
        .chain(table(manifest, "replace"));
    found.extend(patched.filter_map(|(_, value)| value.get("path")?.as_str().map(str::to_owned)));
    found
}

/// The directories that a configuration takes packages from: `source.*.directory`,
/// `source.*.local-registry`, `paths`.
pub fn source_directories(configuration: &toml::Table) -> Vec<String> {
    let of = |source: &toml::Value| {
        ["directory", "local-registry"]
            .into_iter()
            .find_map(|key| source.get(key)?.as_str().map(str::to_owned))
    };
    let paths = configuration
        .get("paths")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten();
    let paths = paths.filter_map(|path| path.as_str().map(str::to_owned));
    table(configuration, "source")
        .filter_map(|(_, source)| of(source))
        .chain(paths)
        .collect()
}

/// Keys that mean this machine, or are secrets: a container has neither. The second says whether a
/// user would miss it.
const HIDDEN: &[(&[&str], bool)] = &[
    (&["build", "rustc"], true),
    (&["build", "rustc-wrapper"], true),
    (&["build", "rustc-workspace-wrapper"], true),
    (&["build", "rustdoc"], false),
    (&["build", "target-dir"], false),
    (&["build", "build-dir"], false),
    (&["target", "*", "linker"], true),
    (&["target", "*", "runner"], false),
    (&["registry", "token"], false),
    (&["registry", "secret-key"], false),
    (&["registry", "credential-provider"], false),
    (&["registry", "global-credential-providers"], false),
    (&["registries", "*", "token"], false),
    (&["registries", "*", "secret-key"], false),
    (&["registries", "*", "credential-provider"], false),
    (&["credential-alias"], false),
    (&["http"], false),
    (&["net"], false),
];

/// A file of configuration as a container may see it, and the keys that are missed there.
pub fn inside(table: &toml::Table) -> (toml::Table, Vec<String>) {
    let (mut shown, mut missed) = (table.clone(), Vec::new());
    for (path, told) in HIDDEN {
        for key in hide(&mut shown, path) {
            missed.extend(told.then(|| format!("`{key}`")));
        }
    }
    (shown, missed)
}

/// Takes out what stands at a path, and says where it stood; `*` is any key.
fn hide(table: &mut toml::Table, path: &[&str]) -> Vec<String> {
    let [first, rest @ ..] = path else {
        return Vec::new();
    };
    let names: Vec<String> = table
        .keys()
        .filter(|name| *first == "*" || name.as_str() == *first)
        .cloned()
        .collect();
    let mut hidden = Vec::new();
    for name in names {
        if rest.is_empty() {
            table.remove(&name);
            hidden.push(name);
        } else if let Some(toml::Value::Table(inner)) = table.get_mut(&name) {
            hidden.extend(
                hide(inner, rest)
                    .into_iter()
                    .map(|key| format!("{name}.{key}")),
            );
        }
    }
    hidden
}

fn table<'a>(
    root: &'a toml::Table,
    key: &str,
) -> impl Iterator<Item = (&'a String, &'a toml::Value)> {
    root.get(key)
        .and_then(toml::Value::as_table)
        .into_iter()
        .flatten()
}

fn lookup(root: &toml::Table, path: &[&str]) -> bool {
    match path {
        [last] => root.contains_key(*last),
        [first, rest @ ..] => root
            .get(*first)
            .and_then(toml::Value::as_table)
            .is_some_and(|table| lookup(table, rest)),
        [] => false,
    }
}

/// The directories that stand in for registries, repositories and packages, as a file of cargo's
/// configuration or the root's Cargo.toml names them: from the root.
pub fn directories(file: &toml::Table) -> Vec<String> {
    let sources = table(file, "source").filter_map(|(_, source)| {
        source
            .get("directory")
            .or_else(|| source.get("local-registry"))
    });
    let patches = table(file, "patch").filter_map(|(_, patches)| patches.as_table());
    let patches = patches
        .flat_map(|patches| patches.values())
        .filter_map(|patch| patch.get("path"));
    sources
        .chain(patches)
        .filter_map(|path| path.as_str().map(str::to_owned))
        .collect()
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[CARGO_CONFIG];

pub const CARGO_CONFIG: Code = code(&CodeInfo {
    name: "cargo-config",
    title: "cargo's configuration decides what xpkg decides, from a place xpkg cannot honour",
    cause: "A `--config` argument or an `include`d configuration file sets a linker, the build \
            target or a C compiler. xpkg would choose without having seen it.",
    detection: "Each `--config` value and each included file is read for the keys that xpkg \
                decides.",
    fix: "Say it where xpkg reads it: `--linker`, `--target`, `CARGO_TARGET_<T>_LINKER`, or \
          `.cargo/config.toml` itself.",
    source: "README, How a linker is chosen",
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_for_a_registry_is_named_by_its_directory() {
        let text = "source.crates-io.replace-with = 'v'\nsource.v.directory = 'third party'\nsource.l.local-registry = '/r'\n\
                    patch.crates-io.a.path = 'a'\npatch.crates-io.b.git = 'https://b.example'\n";
        let mut found = directories(&text.parse().unwrap());
        found.sort();
        assert_eq!(found, ["/r", "a", "third party"]);
    }

    fn check(text: &str, expected: &[&str]) {
        check_joining(text, false, expected);
    }

    fn check_joining(text: &str, joins: bool, expected: &[&str]) {
        let target = Target::parse(
            "aarch64-unknown-linux-musl",
            &["aarch64-unknown-linux-musl".to_owned()],
        )
        .unwrap();
        let elsewhere = OpaqueConfig {
            place: "`--config x`".to_owned(),
            table: text.parse().unwrap(),
            argument: true,
        };
        let found = refusals(&[elsewhere], &[&target], false, joins);
        let found: Vec<&str> = found
            .iter()
            .map(|problem| problem.message.split('`').nth(3).unwrap())
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn what_xpkg_decides_is_refused_by_name_and_the_rest_is_cargos() {
        check(
            "target.aarch64-unknown-linux-musl.linker = 'x'",
            &["target.aarch64-unknown-linux-musl.linker"],
        );
        check(
            "target.'cfg(unix)'.linker = 'x'",
            &["target.cfg(unix).linker"],
        );
        check("target.x86_64-unknown-linux-gnu.linker = 'x'", &[]);
        check("build.target = 'x'", &["build.target"]);
        check("build.rustflags = ['-Clinker=x']", &["build.rustflags"]);
        check_joining("build.rustflags = ['--cfg=x']", false, &[]);
        check_joining("build.rustflags = ['--cfg=x']", true, &["build.rustflags"]);
        check("build.rustflags = ['--cfg=x']", &[]);
        check("build.rustc = 'x'", &["build.rustc"]);
        check(
            "build.jobs = 1\nprofile.release.lto = true\nnet.offline = true",
            &[],
        );
        check(
            "env.CC_aarch64_unknown_linux_musl = 'x'\nenv.TARGET_AR = 'y'\nenv.CFLAGS = \
             '-O3'\nenv.MINE = 'z'",
            &[
                "env.CC_aarch64_unknown_linux_musl",
                "env.CFLAGS",
                "env.TARGET_AR",
            ],
        );
    }

    #[test]
    fn the_last_linker_flag_counts_in_every_spelling() {
        let check = |flags: &str, expected: Option<&str>| {
            let flags: Vec<String> = flags.split(' ').map(str::to_owned).collect();
            assert_eq!(linker_flag(&flags).as_deref(), expected);
        };
        check("-C linker=a -Clinker=b", Some("b"));
        check("-Clinker=a --codegen linker=b", Some("b"));
        check("--codegen=linker=a -Copt-level=2", Some("a"));
        check("-Clink-arg=x --cfg linker", None);
    }

    #[test]
    fn a_container_sees_neither_secrets_nor_what_means_this_machine() {
        let text = "[build]\nrustc-wrapper = 'sccache'\nrustflags = ['--cfg=x']\n[target.a]\nlinker = 'l'\nrustflags = []\n\
                    [registries.mine]\nindex = 'sparse+https://r.example/'\ntoken = 's3cret'\n[http]\nproxy = 'user:s3cret@p'\n";
        let (shown, missed) = inside(&text.parse().unwrap());
        assert!(!shown.to_string().contains("s3cret"), "{shown}");
        assert_eq!(
            shown.to_string(),
            "[build]\nrustflags = [\"--cfg=x\"]\n\n[registries.mine]\nindex = \
             \"sparse+https://r.example/\"\n\n[target.a]\nrustflags = []\n"
        );
        assert_eq!(missed, ["`build.rustc-wrapper`", "`target.a.linker`"]);
    }

    #[test]
    fn every_directory_of_packages_is_named() {
        let manifest = "dependencies.a.path = '../a'\ndependencies.b = '1'\ntarget.'cfg(windows)'.build-dependencies.c.path = 'c'\n\
                        workspace.dependencies.d.path = 'd'\npatch.crates-io.e.path = '../e'\n";
        assert_eq!(
            paths(&manifest.parse().unwrap()),
            ["../a", "c", "d", "../e"]
        );
        let configuration = "paths = ['p']\nsource.v.directory = \
                             'vendor'\nsource.l.local-registry = '/l'\nsource.x.replace-with = \
                             'v'\n";
        assert_eq!(
            source_directories(&configuration.parse().unwrap()),
            ["/l", "vendor", "p"]
        );
    }

    #[test]
    fn includes_have_three_forms() {
        let files = |text: &str| includes(&text.parse().unwrap());
        assert_eq!(files("include = 'a.toml'"), ["a.toml"]);
        assert_eq!(
            files("include = ['a.toml', { path = 'b.toml', optional = true }]"),
            ["a.toml", "b.toml"]
        );
    }
}
