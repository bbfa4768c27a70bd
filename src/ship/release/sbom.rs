//! SBOM of a build: CycloneDX 1.6, made of the lists in its programs. Pure.
//!
//! There is one truth: what a scanner reads from a program and what the document says is the same
//! list. It contains no path, no serial number and no time but the release's, so the same trees give
//! the same bytes. Source: <https://cyclonedx.org/docs/1.6/json/>

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::inspect::auditable::{Kind, ListedPackage, PackageList, Source};
use crate::problem::{Problem, Result};
use crate::project::package_graph::GraphPackage;
use crate::ship::release::model::{Build, Package, RELEASE_INVALID, ReleasedBin};

/// SBOM of a build, to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sbom {
    /// Path in the directory of the release.
    pub path: String,
    /// Package that was built.
    pub package: String,
    /// Target triple that it was built for.
    pub target: String,
    /// Contents.
    pub text: String,
}

/// What cargo knows of a package besides the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageFacts {
    /// `package.license`.
    pub license: Option<String>,
    /// SHA-256 of the package's archive, from Cargo.lock.
    pub checksum: Option<String>,
}

/// Facts of packages, by the package.
pub type Facts = BTreeMap<(String, String, Source), PackageFacts>;

/// CycloneDX document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bom<'a> {
    bom_format: &'static str,
    spec_version: &'static str,
    version: u32,
    metadata: Metadata<'a>,
    components: Vec<Component<'a>>,
    dependencies: Vec<Dependency>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    timestamp: String,
    lifecycles: [Lifecycle; 1],
    tools: Tools<'a>,
    component: Component<'a>,
}

#[derive(Serialize)]
struct Lifecycle {
    phase: &'static str,
}

#[derive(Serialize)]
struct Tools<'a> {
    components: [Component<'a>; 1],
}

#[derive(Serialize, Default)]
struct Component<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<License<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    components: Vec<Component<'a>>,
}

#[derive(Serialize)]
struct Hash<'a> {
    alg: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum License<'a> {
    Expression(String),
    License { name: &'a str },
}

#[derive(Serialize)]
struct Property<'a> {
    name: &'static str,
    value: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    r#ref: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    depends_on: Vec<String>,
}

/// Returns the SBOM of a build. `lists` are those of its bins, in their order; `epoch` is the time of
/// the release, in seconds since 1970.
///
/// # Errors
/// `release-invalid`: a list is that of another package, or the time is out of range.
pub fn sbom(
    build: &Build,
    package: &Package,
    lists: &[PackageList],
    facts: &Facts,
    epoch: u64,
) -> Result<Sbom> {
    for (bin, list) in build.bins.iter().zip(lists) {
        let ListedPackage { name, version, .. } = list.root();
        if (name, version) != (&package.name, &package.version) {
            let Package {
                name: of,
                version: at,
                ..
            } = package;
            let message = format!(
                "the list of packages in `{}` is that of `{name}` {version}, and the bin is of \
                 `{of}` {at}",
                bin.path
            );
            return Err(
                Problem::new(RELEASE_INVALID, message).help("build it again: `cargo xpkg build`")
            );
        }
    }
    let timestamp = i64::try_from(epoch)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let Some(timestamp) = timestamp else {
        let message = format!("{epoch} seconds after 1970 is out of range for the time of an SBOM");
        return Err(Problem::new(RELEASE_INVALID, message)
            .help("set `SOURCE_DATE_EPOCH` to seconds, not to milliseconds"));
    };
    let packages = merged(lists);
    let root = packages.keys().find(|of| {
        let GraphPackage { name, version, .. } = of;
        (name, version) == (&package.name, &package.version) && packages[*of].is_root
    });
    let root = root.expect("each list was found to be of this package");
    let others = packages.iter().filter(|(of, _)| *of != root);
    let file = |bin: &ReleasedBin| Dependency {
        r#ref: file_reference(&bin.name),
        depends_on: Vec::new(),
    };
    let dependency = |(of, entry): (&GraphPackage, &Entry)| Dependency {
        r#ref: reference(of),
        depends_on: entry.dependencies.iter().map(reference).collect(),
    };
    let bom = Bom {
        bom_format: "CycloneDX",
        spec_version: "1.6",
        version: 1,
        metadata: Metadata {
            timestamp: timestamp.to_string(),
            lifecycles: [Lifecycle { phase: "build" }],
            tools: Tools {
                components: [Component {
                    kind: "application",
                    name: env!("CARGO_PKG_NAME"),
                    version: Some(env!("CARGO_PKG_VERSION")),
                    ..Component::default()
                }],
            },
            component: Component {
                kind: "application",
                properties: vec![Property {
                    name: "cargo-xpkg:target",
                    value: build.target.triple(),
                }],
                components: build.bins.iter().map(bin_file).collect(),
                licenses: package
                    .license
                    .as_deref()
                    .map(license)
                    .into_iter()
                    .collect(),
                scope: None,
                ..library(root, Kind::Runtime, None)
            },
        },
        components: others
            .map(|(of, entry)| {
                let GraphPackage {
                    name,
                    version,
                    source,
                } = of;
                let key = (name.clone(), version.clone(), source.clone());
                library(of, entry.kind, facts.get(&key))
            })
            .collect(),
        dependencies: packages
            .iter()
            .map(dependency)
            .chain(build.bins.iter().map(file))
            .collect(),
    };
    let text = serde_json::to_string_pretty(&bom).expect("a document is plain data") + "\n";
    Ok(Sbom {
        path: build.sbom_name(),
        package: build.package.clone(),
        target: build.target.triple().to_owned(),
        text,
    })
}

/// Package of a build: what all lists of its bins say.
struct Entry {
    kind: Kind,
    is_root: bool,
    dependencies: BTreeSet<GraphPackage>,
}

/// Returns the packages of all lists, sorted.
fn merged(lists: &[PackageList]) -> BTreeMap<GraphPackage, Entry> {
    let mut found: BTreeMap<GraphPackage, Entry> = BTreeMap::new();
    for list in lists {
        for package in &list.packages {
            let entry = found.entry(key(package)).or_insert(Entry {
                kind: Kind::Build,
                is_root: false,
                dependencies: BTreeSet::new(),
            });
            if package.kind == Kind::Runtime {
                entry.kind = Kind::Runtime;
            }
            entry.is_root |= package.root;
            let dependencies = package.dependencies.iter();
            let keys = dependencies.map(|index| key(&list.packages[*index]));
            entry.dependencies.extend(keys);
        }
    }
    found
}

fn key(package: &ListedPackage) -> GraphPackage {
    GraphPackage {
        name: package.name.clone(),
        version: package.version.clone(),
        source: package.source.clone(),
    }
}

/// Returns the component of a package.
fn library<'a>(
    package: &'a GraphPackage,
    kind: Kind,
    facts: Option<&'a PackageFacts>,
) -> Component<'a> {
    let source = match &package.source {
        Source::Public => None,
        source => Some(Property {
            name: "cargo-xpkg:source",
            value: source.name(),
        }),
    };
    let checksum = facts.and_then(|facts| facts.checksum.as_deref());
    let licenses = facts.and_then(|facts| facts.license.as_deref());
    Component {
        kind: "library",
        reference: Some(reference(package)),
        name: &package.name,
        version: Some(&package.version),
        // A build script does not run where the program does.
        scope: Some(match kind {
            Kind::Runtime => "required",
            Kind::Build => "excluded",
        }),
        hashes: checksum.map(sha256).into_iter().collect(),
        licenses: licenses.map(license).into_iter().collect(),
        purl: Some(purl(package)),
        properties: source.into_iter().collect(),
        components: Vec::new(),
    }
}

/// Returns the component of a bin.
fn bin_file(bin: &ReleasedBin) -> Component<'_> {
    Component {
        kind: "file",
        reference: Some(file_reference(&bin.name)),
        name: &bin.name,
        hashes: vec![sha256(&bin.sha256)],
        ..Component::default()
    }
}

fn sha256(content: &str) -> Hash<'_> {
    Hash {
        alg: "SHA-256",
        content,
    }
}

fn file_reference(name: &str) -> String {
    format!("file:{name}")
}

/// Returns the reference to a package in the document. Packages of two sources may share name and
/// version.
fn reference(package: &GraphPackage) -> String {
    match &package.source {
        Source::Public => purl(package),
        source => format!("{}#{}", purl(package), source.name()),
    }
}

/// Returns the URL of a package.
///
/// Source: <https://github.com/package-url/purl-spec>
fn purl(package: &GraphPackage) -> String {
    let encoded = |text: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        let mut buffer = [0; 4];
        let mut encoded = String::new();
        for c in text.chars() {
            if plain(c) {
                encoded.push(c);
            } else {
                let bytes = c.encode_utf8(&mut buffer).bytes();
                encoded.extend(bytes.map(|byte| format!("%{byte:02X}")));
            }
        }
        encoded
    };
    let GraphPackage { name, version, .. } = package;
    format!("pkg:cargo/{}@{}", encoded(name), encoded(version))
}

/// Returns a license as CycloneDX has it. cargo once took `MIT/Apache-2.0` for an alternative.
fn license(text: &str) -> License<'_> {
    let expression = text.replace('/', " OR ");
    let words = expression
        .split([' ', '(', ')'])
        .filter(|word| !word.is_empty());
    let is_id = |word: &str| {
        word.chars()
            .all(|c| c.is_ascii_alphanumeric() || "-.+:".contains(c))
    };
    // Identifiers and operators take turns.
    let is_in_turn = |(index, word): (usize, &str)| {
        is_id(word) && (index % 2 == 1) == matches!(word, "AND" | "OR" | "WITH")
    };
    let count = words.clone().count();
    if count % 2 == 1 && words.enumerate().all(is_in_turn) {
        License::Expression(expression.split_whitespace().collect::<Vec<_>>().join(" "))
    } else {
        License::License { name: text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licenses_are_expressions_where_they_can_be() {
        let of = |text: &str| match license(text) {
            License::Expression(expression) => expression,
            License::License { name } => format!("named {name}"),
        };
        for (text, expected) in [
            ("MIT", "MIT"),
            ("MIT/Apache-2.0", "MIT OR Apache-2.0"),
            ("MIT / Apache-2.0", "MIT OR Apache-2.0"),
            (
                "(MIT OR Apache-2.0) AND Unicode-3.0",
                "(MIT OR Apache-2.0) AND Unicode-3.0",
            ),
            (
                "Apache-2.0 WITH LLVM-exception OR MIT",
                "Apache-2.0 WITH LLVM-exception OR MIT",
            ),
            ("GPL-2.0+", "GPL-2.0+"),
            ("see LICENSE", "named see LICENSE"),
            ("MIT OR", "named MIT OR"),
            ("", "named "),
        ] {
            assert_eq!(of(text), expected);
        }
    }

    #[test]
    fn addresses_and_references_are_of_one_package() {
        let package = |name: &str, version: &str, source| GraphPackage {
            name: name.to_owned(),
            version: version.to_owned(),
            source,
        };
        let plain = package("libc", "0.2.1", Source::Public);
        assert_eq!(reference(&plain), "pkg:cargo/libc@0.2.1");
        let build = package("zstd-sys", "2.0.16+zstd.1.5.7", Source::Git);
        assert_eq!(purl(&build), "pkg:cargo/zstd-sys@2.0.16%2Bzstd.1.5.7");
        assert_eq!(
            reference(&build),
            "pkg:cargo/zstd-sys@2.0.16%2Bzstd.1.5.7#git"
        );
    }
}
