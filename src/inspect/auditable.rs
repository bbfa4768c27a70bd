//! cargo-auditable's list of packages: what a program was compiled from, inside the program.
//!
//! The list is JSON, compressed as zlib, in a section of its own. cargo-audit, Syft, Trivy and
//! osv-scanner read it. Pure. Source: `auditable-serde` 0.9, and PARSING.md of cargo-auditable.

use std::fmt;
use std::io::{Read as _, Write as _};

use auditable_extract::raw_auditable_data;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};

use crate::inspect::section::{SectionError, section, with_section};
use crate::inspect::wasm::custom_section;

/// First bytes of a file of WebAssembly.
const MAGIC: &[u8] = b"\0asm";

/// Name of the section.
pub const SECTION: &str = ".dep-v0";

/// Revision of the format that this program writes: from `cargo metadata`, with procedural macros
/// as packages of the build.
pub const FORMAT: u32 = 1;

/// Largest size of a compressed list that is read, in bytes.
const LONGEST_SECTION: usize = 4 * 1024 * 1024;

/// Largest size of the JSON that is read, in bytes: some 100000 packages.
const LONGEST_JSON: u64 = 16 * 1024 * 1024;

/// Largest length of a name and a version in bytes.
const LONGEST_TEXT: usize = 256;

/// List of the packages of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageList {
    /// Packages, sorted by name and version.
    pub packages: Vec<ListedPackage>,
    /// Revision of the format; 0 if it is not stated.
    #[serde(default, skip_serializing_if = "is_default")]
    pub format: u32,
}

/// Package of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedPackage {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Kind of the place that it is from.
    pub source: Source,
    /// Use of the package.
    #[serde(default, skip_serializing_if = "is_default")]
    pub kind: Kind,
    /// Indices of the packages that it depends on, ascending.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dependencies: Vec<usize>,
    /// True for the package of the program.
    #[serde(default, skip_serializing_if = "is_default")]
    pub root: bool,
}

/// Use of a package.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Compiled into the program.
    #[default]
    Runtime,
    /// Runs when the program is compiled: build scripts, procedural macros, and what these depend
    /// on.
    Build,
}

/// Kind of the place that a package is from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Source {
    /// cargo's default registry.
    Public,
    /// Another registry.
    Registry,
    /// A git repository.
    Git,
    /// A directory.
    Local,
    /// A kind that is not known here.
    Other(String),
}

/// Name of cargo's default registry in the format.
const PUBLIC: &str = concat!("crates", ".io");

impl From<String> for Source {
    fn from(name: String) -> Self {
        match name.as_str() {
            PUBLIC => Self::Public,
            "registry" => Self::Registry,
            "git" => Self::Git,
            "local" => Self::Local,
            _ => Self::Other(name),
        }
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        source.name().to_owned()
    }
}

impl Source {
    /// Returns the name in the format.
    pub fn name(&self) -> &str {
        match self {
            Self::Public => PUBLIC,
            Self::Registry => "registry",
            Self::Git => "git",
            Self::Local => "local",
            Self::Other(name) => name,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Reason why a list cannot be read. Displayed as a clause: `it is no JSON of a list: …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListError {
    /// More bytes than are read.
    TooLong,
    /// The compressed data cannot be read.
    Compression,
    /// The JSON is none of a list, and why.
    Json(String),
    /// A name, a version or a source that no package has, at this index.
    Text(usize),
    /// A dependency that is not in the list, of the package at this index.
    Dangling(usize),
    /// Packages that depend on each other.
    Cycle,
    /// No package of the program, or several.
    Roots(usize),
}

impl fmt::Display for ListError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::TooLong => formatter.write_str("it is too long"),
            Self::Compression => formatter.write_str("its compressed data cannot be read"),
            Self::Json(why) => write!(formatter, "it is no JSON of a list: {why}"),
            Self::Text(index) => write!(
                formatter,
                "package {index} has a name, a version or a source that no package has"
            ),
            Self::Dangling(index) => write!(
                formatter,
                "package {index} depends on one that is not in the list"
            ),
            Self::Cycle => formatter.write_str("its packages depend on each other"),
            Self::Roots(count) => write!(
                formatter,
                "{count} packages are marked as that of the program"
            ),
        }
    }
}

impl PackageList {
    /// Returns the contents of the section.
    pub fn encode(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("a list is plain data");
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        let written = encoder.write_all(&json).and_then(|()| encoder.finish());
        written.expect("writing to memory does not fail")
    }

    /// Parses the contents of a section, of which nothing is trusted.
    ///
    /// # Errors
    /// It is too long, or no list with one package of the program and an order of its packages.
    pub fn decode(section: &[u8]) -> Result<Self, ListError> {
        if section.len() > LONGEST_SECTION {
            return Err(ListError::TooLong);
        }
        let mut json = Vec::new();
        ZlibDecoder::new(section)
            .take(LONGEST_JSON + 1)
            .read_to_end(&mut json)
            .map_err(|_| ListError::Compression)?;
        if json.len() as u64 > LONGEST_JSON {
            return Err(ListError::TooLong);
        }
        let list: Self =
            serde_json::from_slice(&json).map_err(|error| ListError::Json(error.to_string()))?;
        list.validate()?;
        Ok(list)
    }

    /// Reads the list in a program.
    ///
    /// # Errors
    /// The reason as a clause.
    pub fn of_program(program: &[u8]) -> Result<Self, String> {
        let found = match section(program, SECTION) {
            Err(SectionError::NotElf) if program.starts_with(MAGIC) => {
                custom_section(program, SECTION)
            }
            // A file for Windows or macOS.
            Err(SectionError::NotElf) => raw_auditable_data(program).ok(),
            found => found.map_err(|error| error.to_string())?,
        };
        let found = found.ok_or_else(|| "it cannot be found in this format".to_owned())?;
        Self::decode(found).map_err(|error| error.to_string())
    }

    /// Returns the package of the program.
    ///
    /// # Panics
    /// The list was not validated.
    pub fn root(&self) -> &ListedPackage {
        let mut packages = self.packages.iter();
        let root = packages.find(|package| package.root);
        root.expect("a list has the package of its program")
    }

    fn validate(&self) -> Result<(), ListError> {
        for (index, package) in self.packages.iter().enumerate() {
            let ListedPackage {
                name,
                version,
                source,
                kind: _,
                dependencies,
                root: _,
            } = package;
            let is_text = |text: &str| {
                !text.is_empty() && text.len() <= LONGEST_TEXT && !text.contains(char::is_control)
            };
            let is_version = |text: &str| {
                text.starts_with(|c: char| c.is_ascii_digit())
                    && text
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
            };
            let is_valid =
                is_text(name) && is_text(version) && is_version(version) && is_text(source.name());
            if !is_valid {
                return Err(ListError::Text(index));
            }
            if dependencies.iter().any(|to| *to >= self.packages.len()) {
                return Err(ListError::Dangling(index));
            }
        }
        match self.packages.iter().filter(|package| package.root).count() {
            1 => {}
            roots => return Err(ListError::Roots(roots)),
        }
        if self.has_cycle() {
            return Err(ListError::Cycle);
        }
        Ok(())
    }

    /// Returns true if the packages have no order in which each comes after its dependencies.
    fn has_cycle(&self) -> bool {
        let mut waiting: Vec<usize> = self
            .packages
            .iter()
            .map(|package| package.dependencies.len())
            .collect();
        let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); self.packages.len()];
        for (index, package) in self.packages.iter().enumerate() {
            for to in &package.dependencies {
                dependents[*to].push(index);
            }
        }
        let is_free = |index: &usize| waiting[*index] == 0;
        let mut free: Vec<usize> = (0..self.packages.len()).filter(is_free).collect();
        let mut ordered = 0;
        while let Some(index) = free.pop() {
            ordered += 1;
            for dependent in &dependents[index] {
                waiting[*dependent] -= 1;
                if waiting[*dependent] == 0 {
                    free.push(*dependent);
                }
            }
        }
        ordered < self.packages.len()
    }
}

/// Reason why a program gets no list. Displayed as a clause: `it has a list of other packages`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmbedError {
    /// Its sections cannot be read or completed.
    Section(SectionError),
    /// It has a list of other packages.
    Other,
}

impl fmt::Display for EmbedError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Section(error) => error.fmt(formatter),
            Self::Other => formatter.write_str("it has a list of other packages"),
        }
    }
}

/// Adds a list to an ELF file. A file that has it already, as `cargo auditable build` makes them,
/// stays as it is.
///
/// # Errors
/// The file has no sections that can be read, or a list of other packages.
pub fn embed(program: Vec<u8>, list: &PackageList) -> Result<Vec<u8>, EmbedError> {
    match section(&program, SECTION).map_err(EmbedError::Section)? {
        None => with_section(program, SECTION, &list.encode()).map_err(EmbedError::Section),
        Some(found) if PackageList::decode(found).as_ref() == Ok(list) => Ok(program),
        Some(_) => Err(EmbedError::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[usize], root: bool) -> ListedPackage {
        ListedPackage {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            source: if root { Source::Local } else { Source::Public },
            kind: if name == "cc" {
                Kind::Build
            } else {
                Kind::Runtime
            },
            dependencies: dependencies.to_vec(),
            root,
        }
    }

    fn list() -> PackageList {
        PackageList {
            packages: vec![
                package("app", &[1, 2], true),
                package("cc", &[], false),
                package("ring", &[1], false),
            ],
            format: FORMAT,
        }
    }

    fn compressed(json: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(json).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_list_is_written_as_cargo_auditable_writes_it() {
        let json = serde_json::to_string(&list()).unwrap();
        assert_eq!(
            json.replace(PUBLIC, "PUBLIC"),
            r#"{"packages":[{"name":"app","version":"1.0.0","source":"local","dependencies":[1,2],"root":true},{"name":"cc","version":"1.0.0","source":"PUBLIC","kind":"build"},{"name":"ring","version":"1.0.0","source":"PUBLIC","dependencies":[1]}],"format":1}"#
        );
        assert_eq!(PackageList::decode(&list().encode()), Ok(list()));
        assert_eq!(list().root().name, "app");
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let decoded = |json: &str| {
            let list = PackageList::decode(&compressed(json.as_bytes()));
            list.map_err(|error| error.to_string())
        };
        let one = |fields: &str| decoded(&format!(r#"{{"packages":[{{{fields}}}]}}"#));
        let named = |name: &str, version: &str, more: &str| {
            one(&format!(
                r#""name":"{name}","version":"{version}","source":"local"{more}"#
            ))
        };
        let root = r#","root":true"#;
        // An unknown field and an unknown source are of a later version of the format.
        let later = r#","root":true,"features":["x"],"kind":"runtime""#;
        assert!(named("a", "1.0.0-rc.1+b", later).is_ok());
        assert!(one(r#""name":"a","version":"1.0.0","source":"hg","root":true"#).is_ok());
        let text = "package 0 has a name, a version or a source that no package has";
        for (result, expected) in [
            (named("", "1.0.0", root), text),
            (named("a\\n", "1.0.0", root), text),
            (named(&"a".repeat(257), "1.0.0", root), text),
            (named("a", "latest", root), text),
            (named("a", "1 OR 2", root), text),
            (
                named("a", "1.0.0", ""),
                "0 packages are marked as that of the program",
            ),
            (
                named("a", "1.0.0", r#","root":true,"dependencies":[1]"#),
                "package 0 depends on one that is not in the list",
            ),
            (
                named("a", "1.0.0", r#","root":true,"dependencies":[0]"#),
                "its packages depend on each other",
            ),
        ] {
            assert_eq!(result, Err(expected.to_owned()));
        }
        for json in ["", "[]", "{}", r#"{"packages":[{"name":"a"}]}"#] {
            let error = decoded(json).unwrap_err();
            assert!(error.starts_with("it is no JSON of a list: "), "{error}");
        }
        let negative = named("a", "1.0.0", r#","dependencies":[-1]"#);
        assert!(negative.is_err());
        assert_eq!(PackageList::decode(b""), Err(ListError::Compression));
        assert_eq!(PackageList::decode(b"plain"), Err(ListError::Compression));
        // 200 MiB of blanks are a few hundred kilobytes.
        let bomb = compressed(&vec![b' '; 200 << 20]);
        assert!(bomb.len() < LONGEST_SECTION);
        assert_eq!(PackageList::decode(&bomb), Err(ListError::TooLong));
        let long = vec![0; LONGEST_SECTION + 1];
        assert_eq!(PackageList::decode(&long), Err(ListError::TooLong));
    }

    /// A module of WebAssembly with a custom section, as cargo-auditable has the linker write it.
    fn module(name: &str, contents: &[u8]) -> Vec<u8> {
        let number = |mut value: usize| {
            let mut bytes = Vec::new();
            while value >= 0x80 {
                bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
                value >>= 7;
            }
            bytes.push(u8::try_from(value).unwrap());
            bytes
        };
        let named = [&number(name.len()), name.as_bytes(), contents].concat();
        let size = number(named.len());
        [b"\0asm\x01\0\0\0", &[0][..], &size, &named].concat()
    }

    #[test]
    fn a_list_is_read_from_webassembly() {
        let encoded = list().encode();
        let of = |bytes: &[u8]| PackageList::of_program(bytes);
        assert_eq!(of(&module(SECTION, &encoded)), Ok(list()));
        let none = Err("it cannot be found in this format".to_owned());
        assert_eq!(of(&module("name", &encoded)), none);
        let cut = module(SECTION, &encoded);
        assert_eq!(of(&cut[..cut.len() - 1]), none);
        assert!(of(&module(SECTION, b"plain")).is_err());
    }

    #[test]
    fn no_damage_leads_to_a_panic() {
        let bytes = list().encode();
        for at in 0..bytes.len() {
            for value in [0, 1, 0x55, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let _ = PackageList::decode(&damaged);
            }
            let _ = PackageList::decode(&bytes[..at]);
        }
    }
}
