//! Lines of a sparse index of cargo, as a static registry serves them. Pure.
//!
//! cargo skips a line that it does not understand in silence, so lines are parsed strictly here.
//! Source: The Cargo Book, Registry Index.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::tree::fields::{self, is_hex};

/// Directory of the index in a release.
pub const INDEX: &str = "registry/index";

/// Directory of the packages in a release.
pub const CRATES: &str = "registry/crates";

/// Line of the index: one version of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexLine {
    /// Name of the package.
    pub name: String,
    /// Version.
    pub vers: String,
    /// Dependencies.
    pub deps: Vec<Dependency>,
    /// SHA-256 of the package, 64 lower-case hex digits.
    pub cksum: String,
    /// Features, each with what it enables.
    pub features: BTreeMap<String, Vec<String>>,
    /// True if the version must not be chosen.
    pub yanked: bool,
    /// `package.links`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<String>,
    /// `package.rust-version`: without it, users of an older compiler get compiler errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rust_version: Option<String>,
    /// Version of the format: 2 allows `dep:` and `?` in features.
    pub v: u32,
}

/// Dependency of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    /// Name in the dependent's manifest.
    pub name: String,
    /// Version requirement.
    pub req: String,
    /// Features.
    pub features: Vec<String>,
    /// True if a feature turns it on.
    pub optional: bool,
    /// True if its default features are on.
    pub default_features: bool,
    /// Target or `cfg(…)` that it is for.
    pub target: Option<String>,
    /// `normal`, `build` or `dev`.
    pub kind: String,
    /// Index of its registry; `None` for this one.
    pub registry: Option<String>,
    /// Its real name, if it is renamed.
    pub package: Option<String>,
}

impl IndexLine {
    /// Parses a line as cargo writes it into its own temporary registry, with the fields that only
    /// newer cargos know.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn from_cargo(text: &str) -> Result<Self, String> {
        let mut value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        let line = value.as_object_mut().ok_or("it is no object")?;
        // Features with `dep:` and `?`: for readers older than version 2 of the format.
        if let Some(serde_json::Value::Object(more)) = line.remove("features2")
            && let Some(features) = line
                .get_mut("features")
                .and_then(serde_json::Value::as_object_mut)
        {
            features.extend(more);
        }
        line.remove("pubtime");
        line.insert("yanked".to_owned(), false.into());
        let dependencies = line
            .get_mut("deps")
            .and_then(serde_json::Value::as_array_mut);
        for dependency in dependencies.into_iter().flatten() {
            if let Some(dependency) = dependency.as_object_mut() {
                for unstable in ["public", "artifact", "bindep_target", "lib"] {
                    dependency.remove(unstable);
                }
            }
        }
        Self::parse(&value.to_string())
    }

    /// Parses a line of this format.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let line: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let Self {
            name,
            vers,
            deps,
            cksum,
            v,
            ..
        } = &line;
        if name.is_empty() || !name.chars().all(is_plain) {
            return Err(format!("`name` is `{name}`"));
        }
        let is_version = |c: char| c.is_ascii_alphanumeric() || ".-+".contains(c);
        if vers.split('.').count() < 3 || !vers.chars().all(is_version) {
            return Err(format!("`vers` is `{vers}`"));
        }
        if !is_hex(cksum, 64) {
            return Err("`cksum` is no SHA-256".to_owned());
        }
        if ![1, 2].contains(v) {
            return Err(format!("`v` is {v}, and cargo reads 1 and 2"));
        }
        for dependency in deps {
            if !["normal", "build", "dev"].contains(&dependency.kind.as_str()) {
                return Err(format!(
                    "`kind` of `{}` is `{}`",
                    dependency.name, dependency.kind
                ));
            }
        }
        Ok(line)
    }

    /// Returns the text of the line with its end.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("a line is plain data") + "\n"
    }

    /// Returns the file name of the package.
    pub fn crate_name(&self) -> String {
        format!("{}-{}.crate", self.name, self.vers)
    }
}

/// Returns the path of a package's file in the index: `ch/at/chat-server`.
pub fn path_of(name: &str) -> String {
    let name = name.to_lowercase();
    match name.len() {
        0..=2 => format!("{}/{name}", name.len()),
        3 => format!("3/{}/{name}", &name[..1]),
        _ => format!("{}/{}/{name}", &name[..2], &name[2..4]),
    }
}

/// End of the address in `config.json`, in which cargo fills in a package.
const DOWNLOAD: &str = "/crates/{crate}-{version}.crate";

/// Returns the text of `config.json`; `url` is the address of the registry. cargo needs an absolute
/// one.
pub fn config(url: &str) -> String {
    serde_json::json!({ "dl": format!("{url}{DOWNLOAD}") }).to_string() + "\n"
}

/// Parses a `config.json` as [`config`] writes it, and returns the address of its registry.
///
/// # Errors
/// A clause that says what is wrong.
pub fn parse_config(text: &str) -> Result<String, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        dl: String,
    }
    let Config { dl } = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let url = dl.strip_suffix(DOWNLOAD).and_then(address);
    let url = url.filter(|url| format!("{url}{DOWNLOAD}") == dl);
    let shown = fields::excerpt(&dl);
    let url = url.ok_or_else(|| format!("`dl` is `{shown}`, not `https://…{DOWNLOAD}`"))?;
    Ok(url.to_owned())
}

/// Returns an address without its final slashes; `None` for one that is not absolute, or not of
/// HTTP.
pub fn address(url: &str) -> Option<&str> {
    let url = url.trim_end_matches('/');
    let schemes = ["https://", "http://"].iter();
    let rest = schemes
        .into_iter()
        .find_map(|scheme| url.strip_prefix(scheme))?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/%+@[]".contains(c);
    let has_host = !rest.is_empty() && !rest.starts_with('/');
    (has_host && rest.chars().all(is_plain)).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_cargo() {
        for (name, path) in [
            ("a", "1/a"),
            ("ab", "2/ab"),
            ("abc", "3/a/abc"),
            ("Chat-Server", "ch/at/chat-server"),
        ] {
            assert_eq!(path_of(name), path);
        }
    }

    #[test]
    fn a_config_has_an_absolute_address() {
        let text = config("https://get.example/a");
        assert_eq!(parse_config(&text), Ok("https://get.example/a".to_owned()));
        let not = |dl: &str| {
            let expected = "not `https://…/crates/{crate}-{version}.crate`";
            Err(format!("`dl` is `{dl}`, {expected}"))
        };
        for dl in [
            "crates/{crate}-{version}.crate",
            "file:///x/crates/{crate}-{version}.crate",
            "https:///crates/{crate}-{version}.crate",
            "https://x//crates/{crate}-{version}.crate",
            "https://x/{crate}-{version}.crate",
        ] {
            assert_eq!(
                parse_config(
                    &text.replace("https://get.example/a/crates/{crate}-{version}.crate", dl)
                ),
                not(dl)
            );
        }
        let more = text.replace("{\"dl\"", "{\"api\":\"x\",\"dl\"");
        assert!(
            parse_config(&more)
                .unwrap_err()
                .starts_with("unknown field `api`")
        );
    }

    #[test]
    fn a_line_of_cargo_becomes_one_that_every_cargo_reads() {
        let text = format!(
            r#"{{"name":"chat","vers":"1.0.0","deps":[{{"name":"axum","req":"^0.8","features":[],"optional":true,"default_features":true,"target":null,"kind":"normal","registry":"https://x","package":null,"public":null,"artifact":null,"bindep_target":null,"lib":false}}],"features":{{"a":[]}},"features2":{{"b":["dep:axum"]}},"cksum":"{}","yanked":null,"links":null,"rust_version":null,"pubtime":null,"v":2}}"#,
            "0a".repeat(32)
        );
        let mut line = IndexLine::from_cargo(&text).unwrap();
        line.rust_version = Some("1.85".to_owned());
        assert_eq!(
            line.text(),
            format!(
                "{}\n",
                format_args!(
                    r#"{{"name":"chat","vers":"1.0.0","deps":[{{"name":"axum","req":"^0.8","features":[],"optional":true,"default_features":true,"target":null,"kind":"normal","registry":"https://x","package":null}}],"cksum":"{}","features":{{"a":[],"b":["dep:axum"]}},"yanked":false,"rust_version":"1.85","v":2}}"#,
                    "0a".repeat(32)
                )
            )
        );
        assert_eq!(IndexLine::parse(line.text().trim_end()), Ok(line));
    }

    #[test]
    fn what_cargo_would_skip_in_silence_is_an_error() {
        let good = format!(
            r#"{{"name":"chat","vers":"1.0.0","deps":[],"cksum":"{}","features":{{}},"yanked":false,"v":2}}"#,
            "0a".repeat(32)
        );
        IndexLine::parse(&good).unwrap();
        for (from, to, expected) in [
            (r#""v":2"#, r#""v":3"#, "`v` is 3, and cargo reads 1 and 2"),
            ("1.0.0", "1", "`vers` is `1`"),
            ("0a0a", "xxxx", "`cksum` is no SHA-256"),
            ("chat", "ch/at", "`name` is `ch/at`"),
        ] {
            assert_eq!(
                IndexLine::parse(&good.replacen(from, to, 1)),
                Err(expected.to_owned())
            );
        }
    }
}
