//! The parts of cargo's configuration that xpkg sees only in part: `--config` values and `include`d
//! files.
//!
//! Pure. cargo-config2 reads the ordinary files, but does not follow `include` and does not support
//! `--config` (measured with 0.1.45). So keys in these places that set what xpkg controls are
//! rejected by name.

use crate::problem::Problem;
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::rustflags::{self, CodegenOption};
use crate::target::Target;
use crate::variables::COMPILER_PREFIXES;

/// Configuration from a `--config` argument or an `include`d file.
pub struct OpaqueConfig {
    /// Origin, for messages: `` `--config …` `` or `` `file`, included by `file` ``.
    pub place: String,
    /// Parsed content.
    pub table: toml::Table,
    /// True for `--config`, false for an included file.
    pub argument: bool,
}

/// Returns a problem for each key in `opaque` that sets what xpkg controls for these targets.
/// `targets_given`: the targets do not come from cargo's `build.target`. `joins_flags`: xpkg merges
/// all rustflags, so it must see every one.
pub fn refusals(
    opaque: &[OpaqueConfig],
    targets: &[&Target],
    targets_given: bool,
    joins_flags: bool,
) -> Vec<Problem> {
    let is_of_run = |triple: &str| targets.iter().any(|target| target.triple() == triple);
    let of_config = |config: &OpaqueConfig| {
        let keys = controlled(&config.table, is_of_run, targets_given, joins_flags);
        let problems = keys.into_iter().map(|key| {
            let place = &config.place;
            let message =
                format!("{place} sets `{key}`, which xpkg controls and cannot read there");
            let help = format!(
                "set it in `.cargo/config.toml` of the workspace's root itself{}",
                key.elsewhere()
            );
            Problem::new(CARGO_CONFIG, message).help(help)
        });
        problems.collect::<Vec<_>>()
    };
    opaque.iter().flat_map(of_config).collect()
}

/// Returns true if a file may be passed with `--config` whatever is built: it sets nothing that xpkg
/// controls, and includes no file that might.
pub fn may_be_argument(file: &toml::Table) -> bool {
    controlled(file, |_| true, false, true).is_empty() && includes(file).is_empty()
}

/// Key of cargo's configuration that xpkg controls.
enum ControlledKey {
    /// `build.target`.
    Target,
    /// `target.NAME.linker`; the name is a triple or `cfg(…)`.
    Linker(String),
    /// `build.rustflags`.
    Rustflags,
    /// `target.NAME.rustflags`.
    TargetRustflags(String),
    /// `build.rustc`.
    Rustc,
    /// `env.NAME`.
    Variable(String),
}

impl std::fmt::Display for ControlledKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Target => f.write_str("build.target"),
            Self::Linker(name) => write!(f, "target.{name}.linker"),
            Self::Rustflags => f.write_str("build.rustflags"),
            Self::TargetRustflags(name) => write!(f, "target.{name}.rustflags"),
            Self::Rustc => f.write_str("build.rustc"),
            Self::Variable(name) => write!(f, "env.{name}"),
        }
    }
}

impl ControlledKey {
    /// Returns where else the key can be set, as the end of a sentence.
    fn elsewhere(&self) -> String {
        // A variable is for one triple.
        let variable = |name: &str, end: &str| {
            let target = Target::of_triple(name)?;
            Some(format!("`CARGO_TARGET_{}_{end}`", target.upper()))
        };
        let places = match self {
            Self::Target => vec!["`--target`".to_owned()],
            Self::Linker(name) => std::iter::once("`--linker`".to_owned())
                .chain(variable(name, "LINKER"))
                .collect(),
            Self::Rustflags => vec!["`RUSTFLAGS`".to_owned()],
            Self::TargetRustflags(name) => variable(name, "RUSTFLAGS").into_iter().collect(),
            Self::Rustc => vec!["`RUSTC`".to_owned()],
            Self::Variable(name) => vec![format!("the variable `{name}`")],
        };
        let places = places.into_iter().map(|place| format!(", or by {place}"));
        places.collect()
    }
}

/// Returns the keys that set what xpkg controls; `is_built` returns true for a triple of the run.
fn controlled(
    file: &toml::Table,
    is_built: impl Fn(&str) -> bool,
    targets_given: bool,
    joins_flags: bool,
) -> Vec<ControlledKey> {
    let mut keys = Vec::new();
    if !targets_given && lookup(file, &["build", "target"]) {
        keys.push(ControlledKey::Target);
    }
    let is_read = |flags: &toml::Value| joins_flags || decides(flags);
    for (name, value) in table(file, "target") {
        if !name.starts_with("cfg(") && !is_built(name) {
            continue;
        }
        if value.get("linker").is_some() {
            keys.push(ControlledKey::Linker(name.clone()));
        }
        if value.get("rustflags").is_some_and(is_read) {
            keys.push(ControlledKey::TargetRustflags(name.clone()));
        }
    }
    for (name, value) in table(file, "build") {
        match name.as_str() {
            "rustc" => keys.push(ControlledKey::Rustc),
            "rustflags" if is_read(value) => keys.push(ControlledKey::Rustflags),
            _ => {}
        }
    }
    // Compilers are probed with the flags that they will get, so xpkg must see all of them.
    for (name, _) in table(file, "env") {
        let mut prefixes = COMPILER_PREFIXES.iter();
        if prefixes.any(|prefix| name.starts_with(prefix)) {
            keys.push(ControlledKey::Variable(name.clone()));
        }
    }
    keys
}

/// Codegen options that xpkg decides by, besides those whose names begin with `linker`.
const DECIDING: &[&str] = &["link-self-contained", "target-cpu", "target-feature"];

/// Linker arguments that xpkg decides by: they choose another linker.
const DECIDING_ARGUMENTS: &[&str] = &["-fuse-ld", "--ld-path"];

/// Returns true if rustflags have what xpkg decides by: the linker, how it links, and the level of
/// the processor.
fn decides(value: &toml::Value) -> bool {
    let flags = rustflags::words_of(value);
    let option = |option: &CodegenOption| {
        option.name.starts_with("linker") || DECIDING.contains(&option.name.as_str())
    };
    let chooses = |(_, argument): &(String, String)| {
        let mut starts = DECIDING_ARGUMENTS.iter();
        starts.any(|start| argument.starts_with(start))
    };
    rustflags::argument_file(&flags).is_some()
        || rustflags::codegen_options(&flags).iter().any(option)
        || rustflags::link_arguments(&flags).iter().any(chooses)
}

/// Returns the files that a configuration includes: `include = "a"`, `["a", "b"]` or
/// `[{ path = "a", optional = true }]`.
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

/// Returns the build scripts that a configuration replaces: the triple and `links` of each
/// `[target.<triple>.<links>]` table.
///
/// Source: <https://doc.rust-lang.org/cargo/reference/build-scripts.html#overriding-build-scripts>
pub fn replaced_scripts(configuration: &toml::Table) -> Vec<(String, String)> {
    let of_target = |(triple, keys): (&String, &toml::Value)| {
        let keys = keys.as_table().into_iter().flatten();
        let triple = triple.clone();
        keys.filter(|(_, value)| value.is_table())
            .map(move |(links, _)| (triple.clone(), links.clone()))
            .collect::<Vec<_>>()
    };
    table(configuration, "target").flat_map(of_target).collect()
}

/// Returns true if a configuration makes cargo compile the standard library: `build-std` of
/// `[unstable]` names crates.
pub fn builds_std(configuration: &toml::Table) -> bool {
    let crates = configuration
        .get("unstable")
        .and_then(|unstable| unstable.get("build-std"));
    match crates {
        Some(toml::Value::Array(crates)) => !crates.is_empty(),
        Some(toml::Value::String(crates)) => !crates.is_empty(),
        Some(toml::Value::Boolean(on)) => *on,
        _ => false,
    }
}

/// Returns the package directories that a manifest names: path dependencies of every kind and
/// platform, and patches.
pub fn paths(manifest: &toml::Table) -> Vec<String> {
    let mut found = Vec::new();
    let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
    let add_dependencies = |table: &toml::Table, found: &mut Vec<String>| {
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
    add_dependencies(manifest, &mut found);
    for (_, platform) in table(manifest, "target") {
        add_dependencies(
            platform.as_table().unwrap_or(&toml::Table::new()),
            &mut found,
        );
    }
    if let Some(workspace) = manifest.get("workspace").and_then(toml::Value::as_table) {
        add_dependencies(workspace, &mut found);
    }
    let patched = table(manifest, "patch")
        .flat_map(|(_, source)| source.as_table().into_iter().flatten())
        .chain(table(manifest, "replace"));
    found.extend(patched.filter_map(|(_, value)| value.get("path")?.as_str().map(str::to_owned)));
    found
}

/// Returns the directories that a configuration takes packages from: `source.*.directory`,
/// `source.*.local-registry` and `paths`.
pub fn source_directories(configuration: &toml::Table) -> Vec<String> {
    let directory = |source: &toml::Value| {
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
        .filter_map(|(_, source)| directory(source))
        .chain(paths)
        .collect()
}

/// Keys to leave out in a container: they refer to this machine, or hold secrets. The flag is true
/// if the build may behave differently without the key, so the user is informed.
const MASKED: &[(&[&str], bool)] = &[
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

/// Returns a configuration file without its masked keys, and the names of the removed keys to
/// report.
pub fn for_container(table: &toml::Table) -> (toml::Table, Vec<String>) {
    let (mut shown, mut removed) = (table.clone(), Vec::new());
    for (path, reported) in MASKED {
        for key in mask(&mut shown, path) {
            removed.extend(reported.then(|| format!("`{key}`")));
        }
    }
    (shown, removed)
}

/// Removes the values at a path, and returns their full keys; `*` matches any key.
fn mask(table: &mut toml::Table, path: &[&str]) -> Vec<String> {
    let [first, rest @ ..] = path else {
        return Vec::new();
    };
    let names: Vec<String> = table
        .keys()
        .filter(|name| *first == "*" || name.as_str() == *first)
        .cloned()
        .collect();
    let mut masked = Vec::new();
    for name in names {
        if rest.is_empty() {
            table.remove(&name);
            masked.push(name);
        } else if let Some(toml::Value::Table(inner)) = table.get_mut(&name) {
            masked.extend(
                mask(inner, rest)
                    .into_iter()
                    .map(|key| format!("{name}.{key}")),
            );
        }
    }
    masked
}

/// Returns the entries of a table of the root; none if it is absent.
fn table<'a>(
    root: &'a toml::Table,
    key: &str,
) -> impl Iterator<Item = (&'a String, &'a toml::Value)> {
    root.get(key)
        .and_then(toml::Value::as_table)
        .into_iter()
        .flatten()
}

/// Returns true if the key at a path is set.
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

/// Returns the directories that replace registries, repositories and packages, as a configuration
/// file of cargo's or the root's Cargo.toml names them, relative to the root.
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

/// The codes that this file declares.
pub const CODES: &[Code] = &[CARGO_CONFIG, CONFIG_IGNORED];

/// A file that cargo would read where the user stands.
pub const CONFIG_IGNORED: Code = code(&CodeInfo {
    name: "config-ignored",
    title: "a file of cargo or rustup in the working directory is ignored",
    cause: "cargo reads `.cargo/config.toml`, and rustup `rust-toolchain.toml`, in the working \
            directory and its parents. xpkg builds the same programs from each directory of a \
            workspace, so it runs cargo in the workspace's root, and a file below the root, or \
            elsewhere with `--manifest-path`, does not count.",
    detection: "The working directory and its parents that are not parents of the root are \
                searched for these files.",
    fix: "Move the file to the root. One that sets nothing that xpkg controls (`cargo-config`) can be \
          passed with `--config FILE`, too. Or choose the toolchain: `cargo +NAME xpkg`.",
    page: "configuration",
    sources: &["cargo's reference, Configuration, Hierarchical structure"],
    waivable: false,
});

pub const CARGO_CONFIG: Code = code(&CodeInfo {
    name: "cargo-config",
    title: "cargo's configuration sets what xpkg controls, in a place that xpkg cannot read",
    cause: "A `--config` argument or an `include`d configuration file sets a linker, the build \
            target, a C compiler, or rustflags that xpkg joins with others (`--reproducible`, \
            `release`). xpkg would choose without knowing of it.",
    detection: "Each `--config` value and each included file is checked for the keys that \
                xpkg controls.",
    fix: "Set it where xpkg reads it: `.cargo/config.toml` of the workspace's root itself, or as the \
          help says.",
    page: "linkers",
    sources: &[],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_of_a_registry_is_named_by_its_directory() {
        let text = "source.crates-io.replace-with = 'v'\nsource.v.directory = 'third party'\n\
                    source.l.local-registry = '/r'\n\
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
        let opaque = OpaqueConfig {
            place: "`--config x`".to_owned(),
            table: text.parse().unwrap(),
            argument: true,
        };
        let found = refusals(&[opaque], &[&target], false, joins);
        let found: Vec<&str> = found
            .iter()
            .map(|problem| problem.message.split('`').nth(3).unwrap())
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn keys_that_xpkg_controls_are_rejected_by_name_and_the_rest_is_cargos() {
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
    fn a_standard_library_is_compiled_where_crates_are_named() {
        let check = |text: &str| builds_std(&text.parse().unwrap());
        assert!(check("unstable.build-std = ['core', 'alloc']"));
        assert!(check("unstable.build-std = 'core'"));
        assert!(!check("unstable.build-std = []"));
        assert!(!check("unstable.mtime-on-use = true"));
    }

    #[test]
    fn a_container_sees_neither_secrets_nor_keys_for_this_machine() {
        let text = "[build]\nrustc-wrapper = 'sccache'\nrustflags = ['--cfg=x']\n\
                    [target.a]\nlinker = 'l'\nrustflags = []\n\
                    [registries.mine]\nindex = 'sparse+https://r.example/'\ntoken = 's3cret'\n\
                    [http]\nproxy = 'user:s3cret@p'\n";
        let (shown, removed) = for_container(&text.parse().unwrap());
        assert!(!shown.to_string().contains("s3cret"), "{shown}");
        assert_eq!(
            shown.to_string(),
            "[build]\nrustflags = [\"--cfg=x\"]\n\n[registries.mine]\nindex = \
             \"sparse+https://r.example/\"\n\n[target.a]\nrustflags = []\n"
        );
        assert_eq!(removed, ["`build.rustc-wrapper`", "`target.a.linker`"]);
    }

    #[test]
    fn every_directory_of_packages_is_named() {
        let manifest = "dependencies.a.path = '../a'\ndependencies.b = '1'\n\
                        target.'cfg(windows)'.build-dependencies.c.path = 'c'\n\
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
