//! Variables that xpkg, cargo and compilers read, and paths in cargo's configuration.
//!
//! cargo resolves such paths against the directory that it is started in: the user's, where xpkg starts
//! it in the workspace's root.

use camino::Utf8Path;
use toml_edit::{DocumentMut, Item, TableLike, Value};

/// Beginnings of the names of variables that decide what C compilers do.
pub const COMPILER_PREFIXES: &[&str] = &[
    "AR",
    "BINDGEN",
    "CC",
    "CFLAGS",
    "CMAKE",
    "CPPFLAGS",
    "CRATE_CC",
    "CXX",
    "HOST_",
    "JEMALLOC",
    "MACOSX_DEPLOYMENT_TARGET",
    "PKG_CONFIG",
    "RANLIB",
    "SDKROOT",
    "SOURCE_DATE_EPOCH",
    "TARGET_",
];

/// Beginnings of the names of variables that xpkg and cargo read.
const OWN_PREFIXES: &[&str] = &["CARGO", "RUSTC", "RUSTFLAGS", "RUSTUP", "XPKG"];

/// What a path in cargo's configuration names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// A program, which is searched for on PATH if there is no separator in it.
    Program,
    /// A file or a directory.
    File,
    /// A directory, or a template of cargo's, which begins with `{`.
    Template,
    /// A target: a triple, or a file whose name ends in `.json`.
    Target,
}

/// Paths in cargo's configuration, by key; `*` stands for any name. Source: cargo's reference, "Configuration
/// Format". Not `target.*.runner`, which no build starts.
const PATHS: &[(&[&str], Named)] = &[
    (&["build", "build-dir"], Named::Template),
    (&["build", "rustc"], Named::Program),
    (&["build", "rustc-workspace-wrapper"], Named::Program),
    (&["build", "rustc-wrapper"], Named::Program),
    (&["build", "rustdoc"], Named::Program),
    (&["build", "target"], Named::Target),
    (&["build", "target-dir"], Named::File),
    (&["http", "cainfo"], Named::File),
    (&["http", "proxy-cainfo"], Named::File),
    (&["patch", "*", "*", "path"], Named::File),
    (&["paths"], Named::File),
    (&["source", "*", "directory"], Named::File),
    (&["source", "*", "local-registry"], Named::File),
    (&["target", "*", "linker"], Named::Program),
];

/// Variables with paths beside those of [`PATHS`], which have cargo's names for keys.
const OTHERS: &[(&str, Named)] = &[
    ("CARGO_HOME", Named::File),
    ("CARGO_TARGET_DIR", Named::File),
    ("RUSTC", Named::Program),
    ("RUSTC_WORKSPACE_WRAPPER", Named::Program),
    ("RUSTC_WRAPPER", Named::Program),
    ("RUSTDOC", Named::Program),
    ("RUSTUP_HOME", Named::File),
];

impl Named {
    /// Returns an absolute path in place of one that begins at the current directory.
    fn absolute(self, value: &str, cwd: &Utf8Path) -> Option<String> {
        let is_path = match self {
            Self::Program => value.contains(std::path::is_separator),
            Self::File => !value.is_empty(),
            Self::Template => !value.is_empty() && !value.starts_with('{'),
            Self::Target => value.ends_with(".json"),
        };
        (is_path && Utf8Path::new(value).is_relative()).then(|| cwd.join(value).into_string())
    }
}

/// Returns true if a variable has the name that cargo gives to a key: `CARGO_BUILD_TARGET_DIR` is
/// `build.target-dir`.
fn is_key(variable: &str, key: &[&str]) -> bool {
    let part = |part: &&str| match *part {
        "*" => "*".to_owned(),
        part => part.to_uppercase().replace('-', "_"),
    };
    let name: Vec<String> = ["cargo"].iter().chain(key).map(part).collect();
    match name.join("_").split_once('*') {
        Some((start, end)) => variable
            .strip_prefix(start)
            .and_then(|rest| rest.strip_suffix(end))
            .is_some_and(|name| !name.is_empty()),
        None => variable == name.join("_"),
    }
}

/// Returns the value of a variable with an absolute path in place of one that begins at the current
/// directory. Several targets are separated by spaces.
pub fn absolute_variable(name: &str, value: &str, cwd: &Utf8Path) -> Option<String> {
    let other = OTHERS.iter().find(|(other, _)| *other == name);
    let key = || PATHS.iter().find(|(key, _)| is_key(name, key));
    let named = other
        .map(|(_, named)| named)
        .or_else(|| key().map(|(_, named)| named))?;
    if *named != Named::Target {
        return named.absolute(value, cwd);
    }
    let absolute = |target: &str| named.absolute(target, cwd);
    let targets: Vec<&str> = value.split_whitespace().collect();
    targets
        .iter()
        .any(|target| absolute(target).is_some())
        .then(|| {
            let targets = targets
                .iter()
                .map(|target| absolute(target).unwrap_or_else(|| (*target).to_owned()));
            targets.collect::<Vec<_>>().join(" ")
        })
}

/// Returns a `KEY=VALUE` of `--config` with absolute paths in place of those that begin at the current
/// directory; `None` if it has none, or cargo will refuse it.
pub fn absolute_argument(argument: &str, cwd: &Utf8Path) -> Option<String> {
    let mut document: DocumentMut = argument.parse().ok()?;
    let mut is_changed = variables(document.as_table_mut(), cwd);
    for (key, named) in PATHS {
        is_changed |= rewrite(document.as_table_mut(), key, *named, cwd);
    }
    is_changed.then(|| document.to_string().trim_end().to_owned())
}

/// Makes the values below a table absolute whose key is `key`. Returns true if there is one.
fn rewrite(table: &mut dyn TableLike, key: &[&str], named: Named, cwd: &Utf8Path) -> bool {
    let [first, rest @ ..] = key else {
        return false;
    };
    let mut is_changed = false;
    for (name, item) in table.iter_mut() {
        if *first != "*" && *first != name.get() {
            continue;
        }
        is_changed |= match item.as_table_like_mut() {
            Some(table) => rewrite(table, rest, named, cwd),
            None => rest.is_empty() && replace(item, named, cwd),
        };
    }
    is_changed
}

/// Makes a text absolute, or the texts of an array.
fn replace(item: &mut Item, named: Named, cwd: &Utf8Path) -> bool {
    let one = |value: &mut Value| {
        let Some(path) = value.as_str().and_then(|text| named.absolute(text, cwd)) else {
            return false;
        };
        // cargo takes one line.
        let mut absolute = Value::from(path);
        *absolute.decor_mut() = value.decor().clone();
        *value = absolute;
        true
    };
    match item.as_value_mut() {
        Some(Value::Array(values)) => {
            let changed: Vec<bool> = values.iter_mut().map(one).collect();
            changed.contains(&true)
        }
        Some(value) => one(value),
        None => false,
    }
}

/// Makes the values of variables of `env` absolute that are paths: `{ value = "a", relative = true }`.
fn variables(document: &mut dyn TableLike, cwd: &Utf8Path) -> bool {
    let Some(env) = document
        .get_mut("env")
        .and_then(|env| env.as_table_like_mut())
    else {
        return false;
    };
    let mut is_changed = false;
    for (_, item) in env.iter_mut() {
        if let Some(table) = item.as_table_like_mut()
            && table.get("relative").and_then(Item::as_bool) == Some(true)
        {
            is_changed |= rewrite(table, &["value"], Named::File, cwd);
        }
    }
    is_changed
}

/// Returns true if xpkg, cargo or compilers read a variable of this name.
pub fn is_read(name: &str) -> bool {
    let mut prefixes = OWN_PREFIXES.iter().chain(COMPILER_PREFIXES);
    prefixes.any(|prefix| {
        let rest = name.strip_prefix(prefix);
        let rest = rest.map(|rest| rest.strip_prefix("FLAGS").unwrap_or(rest));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_') || prefix.ends_with('_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_variable(name: &str, value: &str) -> Option<String> {
        absolute_variable(name, value, Utf8Path::new("/here"))
    }

    // Absolute paths are others on Windows.
    #[cfg(unix)]
    #[test]
    fn paths_of_variables_begin_at_the_current_directory() {
        let linker = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER";
        for (name, value, expected) in [
            (linker, "./ld", Some("/here/./ld")),
            (linker, "tools/ld", Some("/here/tools/ld")),
            (linker, "ld", None),
            (linker, "/usr/bin/ld", None),
            ("CARGO_TARGET__LINKER", "./ld", None),
            (
                "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUNNER",
                "./run -v",
                None,
            ),
            ("RUSTC", "../rustc", Some("/here/../rustc")),
            ("RUSTC", "rustc", None),
            ("RUSTC_LOG", "a/b", None),
            ("RUSTFLAGS", "-Clinker=./ld", None),
            (
                "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
                "a/b",
                Some("/here/a/b"),
            ),
            ("CARGO_HOME", "home", Some("/here/home")),
            ("CARGO_HOME", "", None),
            ("CARGO_TARGET_DIR", "out", Some("/here/out")),
            ("CARGO_BUILD_TARGET_DIR", "out", Some("/here/out")),
            ("CARGO_BUILD_BUILD_DIR", "out", Some("/here/out")),
            ("CARGO_BUILD_BUILD_DIR", "{workspace-root}/out", None),
            ("CARGO_TARGET_DIR", "{out}", Some("/here/{out}")),
            ("CARGO_HTTP_CAINFO", "ca.pem", Some("/here/ca.pem")),
            ("CARGO_BUILD_TARGET", "x86_64-unknown-linux-musl", None),
            (
                "CARGO_BUILD_TARGET",
                "x86_64-unknown-linux-musl ./own.json",
                Some("x86_64-unknown-linux-musl /here/./own.json"),
            ),
        ] {
            assert_eq!(
                of_variable(name, value).as_deref(),
                expected,
                "{name}={value}"
            );
        }
    }

    // Absolute paths are others on Windows.
    #[cfg(unix)]
    #[test]
    fn paths_of_arguments_begin_at_the_current_directory() {
        for (argument, expected) in [
            (
                "build.rustc-wrapper=\"tools/w\"",
                Some("build.rustc-wrapper=\"/here/tools/w\""),
            ),
            ("build.rustc-wrapper=\"sccache\"", None),
            (
                "build.target-dir = 'out'",
                Some("build.target-dir = \"/here/out\""),
            ),
            ("build.target-dir=\"/out\"", None),
            (
                "build={target-dir=\"a\",build-dir=\"{workspace-root}/b\"}",
                Some("build={target-dir=\"/here/a\",build-dir=\"{workspace-root}/b\"}"),
            ),
            (
                "paths=[\"a\", \"/b\", \"c\"]",
                Some("paths=[\"/here/a\", \"/b\", \"/here/c\"]"),
            ),
            (
                "patch.crates-io.foo.path=\"../foo\"",
                Some("patch.crates-io.foo.path=\"/here/../foo\""),
            ),
            (
                "target.'cfg(unix)'.linker=\"./ld\"",
                Some("target.'cfg(unix)'.linker=\"/here/./ld\""),
            ),
            (
                "env.X={value=\"a\",relative=true}",
                Some("env.X={value=\"/here/a\",relative=true}"),
            ),
            ("env.X={value=\"a\"}", None),
            ("env.X=\"a/b\"", None),
            ("profile.release.lto=true", None),
            ("no configuration", None),
        ] {
            let absolute = absolute_argument(argument, Utf8Path::new("/here"));
            assert_eq!(absolute.as_deref(), expected, "{argument}");
        }
    }

    #[test]
    fn variables_that_are_read_are_known_by_their_beginnings() {
        for name in [
            "AR",
            "CC_x86_64_unknown_linux_musl",
            "CFLAGS",
            "CXXFLAGS",
            "CARGO_HOME",
            "HOST_CC",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
            "XPKG_LINKER",
        ] {
            assert!(is_read(name), "{name}");
        }
        for name in ["ARTIST", "CCOUNT", "HOSTNAME", "LANG", "XPKGS", "rustc"] {
            assert!(!is_read(name), "{name}");
        }
    }
}
