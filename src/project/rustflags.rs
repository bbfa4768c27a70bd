//! Rustflags: which of them cargo passes to rustc, and what rustc reads in them.
//!
//! Pure. cargo-config2 0.1.45 replaces `build.rustflags` by `CARGO_BUILD_RUSTFLAGS`, which cargo
//! joins, and evaluates `cfg(…)` without the rustflags, so cargo's rules are here.

use std::str::FromStr as _;

use camino::Utf8PathBuf;
use cargo_platform::{Cfg, CfgExpr, Platform};

/// A codegen option (`-C NAME[=VALUE]`) in rustflags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodegenOption {
    /// Name, with hyphens; rustc reads underscores as such.
    pub name: String,
    /// Value, if it has one.
    pub value: Option<String>,
    /// The flag as it is written: `-C link-arg=-s`.
    pub flag: String,
}

/// Returns the codegen options of rustflags, in order.
pub fn codegen_options(flags: &[String]) -> Vec<CodegenOption> {
    let mut options = Vec::new();
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        let (option, flag) = match flag.as_str() {
            "-C" | "--codegen" => {
                let Some(option) = flags.next() else {
                    break;
                };
                (option.as_str(), format!("{flag} {option}"))
            }
            text => match text
                .strip_prefix("-C")
                .or_else(|| text.strip_prefix("--codegen="))
            {
                Some(option) => (option, flag.clone()),
                None => continue,
            },
        };
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (option, None),
        };
        options.push(CodegenOption {
            name: name.replace('_', "-"),
            value,
            flag,
        });
    }
    options
}

/// Returns the last option of a name, which rustc uses.
pub fn last_option(flags: &[String], name: &str) -> Option<CodegenOption> {
    let mut options = codegen_options(flags).into_iter();
    options.rfind(|option| option.name == name)
}

/// Returns the value of the last option of a name.
pub fn value(flags: &[String], name: &str) -> Option<String> {
    last_option(flags, name)?.value
}

/// Returns the flag that turns a feature of the target off, if none after it turns it on.
pub fn switched_off(flags: &[String], feature: &str) -> Option<String> {
    let mut last = None;
    for option in codegen_options(flags) {
        let value = option.value.filter(|_| option.name == "target-feature");
        for word in value.iter().flat_map(|value| value.split(',')) {
            if word.get(1..) == Some(feature) {
                last = word.starts_with('-').then(|| option.flag.clone());
            }
        }
    }
    last
}

/// Returns the linker arguments of `link-arg` and `link-args`, each with the flag that sets it.
pub fn link_arguments(flags: &[String]) -> Vec<(String, String)> {
    let words = |option: CodegenOption| {
        let value = option.value.unwrap_or_default();
        let words: Vec<String> = match option.name.as_str() {
            "link-arg" => vec![value],
            "link-args" => value.split_whitespace().map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let flag = option.flag;
        words.into_iter().map(move |word| (flag.clone(), word))
    };
    codegen_options(flags).into_iter().flat_map(words).collect()
}

/// Returns the first flag that names a file of arguments, which rustc reads and xpkg does not.
pub fn argument_file(flags: &[String]) -> Option<&String> {
    flags.iter().find(|flag| flag.starts_with('@'))
}

/// The places that cargo takes a target's rustflags from.
///
/// Source: `extra_args` of cargo 0.96, src/cargo/core/compiler/build_context/target_info.rs.
pub struct RustflagsSources<'a> {
    /// Configuration files, that of the highest precedence first.
    pub files: &'a [(Utf8PathBuf, toml::Table)],
    /// `CARGO_ENCODED_RUSTFLAGS`.
    pub encoded: Option<&'a str>,
    /// `RUSTFLAGS`.
    pub plain: Option<&'a str>,
    /// `CARGO_TARGET_<TRIPLE>_RUSTFLAGS`.
    pub of_target: Option<&'a str>,
    /// `CARGO_BUILD_RUSTFLAGS`.
    pub of_build: Option<&'a str>,
}

impl RustflagsSources<'_> {
    /// Returns the flags of a target. `cfg` has what rustc answers with the flags so far; `None`
    /// before it was asked.
    pub fn flags(&self, triple: &str, cfg: Option<&[Cfg]>) -> Vec<String> {
        if let Some(encoded) = self.encoded {
            let flags = encoded.split('\x1f').filter(|_| !encoded.is_empty());
            return flags.map(str::to_owned).collect();
        }
        if let Some(plain) = self.plain {
            let flags = plain.split(' ').map(str::trim);
            return flags
                .filter(|flag| !flag.is_empty())
                .map(str::to_owned)
                .collect();
        }
        let mut flags = self.list(&["target", triple, "rustflags"], self.of_target);
        for key in self.applying(cfg) {
            flags.extend(self.list(&["target", &key, "rustflags"], None));
        }
        if flags.is_empty() {
            flags = self.list(&["build", "rustflags"], self.of_build);
        }
        flags
    }

    /// Returns a list that may be in several files and a variable. Arrays are joined, the one of the
    /// lowest precedence first; of strings the one of the highest precedence counts.
    fn list(&self, path: &[&str], variable: Option<&str>) -> Vec<String> {
        let at = |table: &toml::Table| {
            let (last, tables) = path.split_last()?;
            let table = tables
                .iter()
                .try_fold(table, |table, name| table.get(*name)?.as_table());
            table?.get(*last).cloned()
        };
        let mut flags: Vec<String> = Vec::new();
        for value in self.files.iter().rev().filter_map(|(_, table)| at(table)) {
            if value.is_str() {
                flags.clear();
            }
            flags.extend(words_of(&value));
        }
        flags.extend(variable.map(words).into_iter().flatten());
        flags
    }

    /// Returns the `cfg(…)` keys below `target` that apply, sorted.
    fn applying(&self, cfg: Option<&[Cfg]>) -> Vec<String> {
        let Some(cfg) = cfg else {
            return Vec::new();
        };
        let mut keys: Vec<String> = cfg_tables(self.files)
            .map(|(_, key, _)| key.clone())
            .filter(|key| applies(key, cfg))
            .collect();
        keys.sort();
        keys.dedup();
        keys
    }
}

/// Returns the words of a value that is a string or an array of strings.
pub fn words_of(value: &toml::Value) -> Vec<String> {
    match value {
        toml::Value::String(text) => words(text),
        toml::Value::Array(values) => {
            let values = values.iter().filter_map(toml::Value::as_str);
            values.map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// Splits a text at white space.
fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Returns the tables below `target` whose keys are `cfg(…)`: file, key, table.
fn cfg_tables(
    files: &[(Utf8PathBuf, toml::Table)],
) -> impl Iterator<Item = (&Utf8PathBuf, &String, &toml::Table)> {
    files.iter().flat_map(|(file, table)| {
        let targets = table.get("target").and_then(toml::Value::as_table);
        let targets = targets.into_iter().flatten();
        targets
            .filter(|(key, _)| key.starts_with("cfg("))
            .filter_map(move |(key, value)| Some((file, key, value.as_table()?)))
    })
}

/// Returns true if a `cfg(…)` table sets what differs with the target: rustflags, linker or runner.
pub fn depends_on_cfg(files: &[(Utf8PathBuf, toml::Table)]) -> bool {
    cfg_tables(files).any(|(_, _, table)| {
        ["rustflags", "linker", "runner"]
            .iter()
            .any(|key| table.contains_key(*key))
    })
}

/// Returns true if a `cfg(…)` key applies.
fn applies(key: &str, cfg: &[Cfg]) -> bool {
    let expression = match Platform::from_str(key) {
        Ok(Platform::Cfg(expression)) => expression,
        _ => return false,
    };
    CfgExpr::matches(&expression, cfg)
}

/// A value that a `cfg(…)` table of cargo's configuration sets.
#[derive(Debug, Clone, PartialEq)]
pub struct CfgValue {
    /// Key of the table: `cfg(unix)`.
    pub key: String,
    /// File of the highest precedence that sets it.
    pub file: Utf8PathBuf,
    /// The value.
    pub value: toml::Value,
}

/// Returns the values of a key in the `cfg(…)` tables that apply, one a table.
pub fn cfg_values(files: &[(Utf8PathBuf, toml::Table)], cfg: &[Cfg], name: &str) -> Vec<CfgValue> {
    let mut values: Vec<CfgValue> = Vec::new();
    for (file, key, table) in cfg_tables(files) {
        let Some(value) = table.get(name) else {
            continue;
        };
        if applies(key, cfg) && !values.iter().any(|value| value.key == *key) {
            values.push(CfgValue {
                key: key.clone(),
                file: file.clone(),
                value: value.clone(),
            });
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(text: &str) -> Vec<String> {
        words(text)
    }

    #[test]
    fn the_last_option_counts_in_every_spelling() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(value(&flags(text), "linker").as_deref(), expected, "{text}");
        };
        check("-C linker=a -Clinker=b", Some("b"));
        check("--codegen linker=a", Some("a"));
        check("--codegen=linker=a -Copt-level=2", Some("a"));
        check("-Clink-arg=x --cfg linker", None);
        check("-C", None);
        let model = value(&flags("-Crelocation_model=static"), "relocation-model");
        assert_eq!(model.as_deref(), Some("static"));
    }

    #[test]
    fn the_last_word_about_a_feature_counts() {
        let check = |text: &str, expected: Option<&str>| {
            let found = switched_off(&flags(text), "crt-static");
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check(
            "-Ctarget-feature=-crt-static",
            Some("-Ctarget-feature=-crt-static"),
        );
        check(
            "-C target_feature=+avx,-crt-static",
            Some("-C target_feature=+avx,-crt-static"),
        );
        check(
            "-Ctarget-feature=-crt-static -Ctarget-feature=+crt-static",
            None,
        );
        check("--remap-path-prefix=/my-crt-static=/build", None);
        check("-Ctarget-feature=+crt-static", None);
    }

    #[test]
    fn linker_arguments_are_found_in_every_spelling() {
        let flags = [
            "-Clink-arg=-s",
            "-C",
            "link-args=-a -b",
            "--codegen=link_arg=-c",
            "-Copt=1",
        ];
        let found = link_arguments(&flags.map(str::to_owned));
        let found: Vec<String> = found
            .iter()
            .map(|(flag, arg)| format!("{arg} by {flag}"))
            .collect();
        assert_eq!(
            found,
            [
                "-s by -Clink-arg=-s",
                "-a by -C link-args=-a -b",
                "-b by -C link-args=-a -b",
                "-c by --codegen=link_arg=-c"
            ]
        );
    }

    fn files(texts: &[&str]) -> Vec<(Utf8PathBuf, toml::Table)> {
        let numbered = texts.iter().enumerate();
        numbered
            .map(|(at, text)| (format!("/{at}").into(), text.parse().unwrap()))
            .collect()
    }

    #[test]
    fn cargo_joins_files_and_variables_of_the_first_place_that_has_flags() {
        const NEAR: &str = "[build]\nrustflags = ['near']\n[target.x]\nrustflags = 'a b'\n\
                            [target.'cfg(unix)']\nrustflags = ['u']\n\
                            [target.'cfg(avx)']\nrustflags = ['v']\n";
        const FAR: &str = "[build]\nrustflags = ['far']\n[target.x]\nrustflags = 'c'\n\
                           [target.'cfg(unix)']\nrustflags = ['t']\n";
        let files = files(&[NEAR, FAR]);
        let unix: Vec<Cfg> = vec!["unix".parse().unwrap()];
        let check = |sources: RustflagsSources, triple: &str, cfg: Option<&[Cfg]>, text: &str| {
            assert_eq!(sources.flags(triple, cfg).join(" "), text);
        };
        let sources = |files, variables: [Option<&'static str>; 4]| {
            let [encoded, plain, of_target, of_build] = variables;
            RustflagsSources {
                files,
                encoded,
                plain,
                of_target,
                of_build,
            }
        };
        let none = [None; 4];
        check(sources(&files, none), "y", None, "far near");
        check(sources(&files, none), "y", Some(&unix), "t u");
        check(sources(&files, none), "x", Some(&unix), "a b t u");
        let of_build = [None, None, None, Some("e f")];
        check(sources(&files, of_build), "y", None, "far near e f");
        check(sources(&files, of_build), "x", None, "a b");
        let of_target = [None, None, Some("d"), Some("e")];
        check(sources(&files, of_target), "x", None, "a b d");
        check(sources(&files, of_target), "y", None, "d");
        let plain = [None, Some("  p  q"), Some("d"), None];
        check(sources(&files, plain), "x", Some(&unix), "p q");
        check(sources(&files, [None, Some(""), None, None]), "x", None, "");
        let encoded = [Some("-C\x1fa b"), Some("p"), None, None];
        check(sources(&files, encoded), "x", None, "-C a b");
    }

    #[test]
    fn a_value_of_a_table_that_applies_comes_from_the_nearest_file() {
        let files = files(&[
            "[target.'cfg(unix)']\nlinker = 'near'\n[target.'cfg(windows)']\nlinker = 'w'\n",
            "[target.'cfg(unix)']\nlinker = 'far'\n",
        ]);
        assert!(depends_on_cfg(&files));
        let found = cfg_values(&files, &["unix".parse().unwrap()], "linker");
        let found: Vec<String> = found
            .iter()
            .map(|value| format!("{} {} {}", value.key, value.file, value.value))
            .collect();
        assert_eq!(found, ["cfg(unix) /0 \"near\""]);
    }
}
