//! Packages to look up, and those in an SBOM of CycloneDX. Pure.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::target::Target;
use crate::target::system::Os;

/// Maximum depth of components in components.
const DEEPEST: usize = 16;

/// Package to look up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// True if it is of the public registry.
    pub is_public: bool,
    /// True if it is of the workspace.
    pub is_local: bool,
    /// True if it only runs during the build.
    pub is_of_build: bool,
}

/// What an SBOM says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bom {
    /// Packages of cargo, each once.
    pub packages: Vec<Listed>,
    /// SHA-256 of the files that it names.
    pub digests: BTreeSet<String>,
    /// System that they are for, if it says so.
    pub os: Option<Os>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    bom_format: String,
    metadata: Option<Metadata>,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Metadata {
    component: Option<Component>,
}

#[derive(Deserialize)]
struct Component {
    purl: Option<String>,
    scope: Option<String>,
    #[serde(default)]
    hashes: Vec<Hash>,
    #[serde(default)]
    properties: Vec<Property>,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Hash {
    alg: String,
    content: String,
}

#[derive(Deserialize)]
struct Property {
    name: String,
    value: Option<String>,
}

impl Bom {
    /// Parses an SBOM.
    ///
    /// # Errors
    /// A noun phrase: what it is instead.
    pub fn parse(contents: Option<&[u8]>) -> Result<Self, String> {
        let bytes = contents.ok_or("an SBOM that is too long to be read")?;
        let document: Document = serde_json::from_slice(bytes)
            .map_err(|error| format!("no CycloneDX document that can be read: {error}"))?;
        if document.bom_format != "CycloneDX" {
            return Err("a document of another format".to_owned());
        }
        let main = document.metadata.and_then(|metadata| metadata.component);
        let mut bom = Self {
            os: main.as_ref().and_then(Component::os),
            ..Self::default()
        };
        let mut packages = BTreeSet::new();
        for component in main.iter().chain(&document.components) {
            component.add(&mut packages, &mut bom.digests, DEEPEST)?;
        }
        if packages.is_empty() {
            return Err("no package of cargo".to_owned());
        }
        bom.packages = packages.into_iter().collect();
        Ok(bom)
    }
}

impl Component {
    fn property(&self, name: &str) -> Option<&str> {
        let property = self
            .properties
            .iter()
            .find(|property| property.name == name);
        property?.value.as_deref()
    }

    /// Returns the system of xpkg's own property.
    fn os(&self) -> Option<Os> {
        let target = Target::of_triple(self.property("cargo-xpkg:target")?)?;
        Some(target.system.os)
    }

    fn add(
        &self,
        packages: &mut BTreeSet<Listed>,
        digests: &mut BTreeSet<String>,
        depth: usize,
    ) -> Result<(), String> {
        let depth = depth
            .checked_sub(1)
            .ok_or("components in components that are too deep")?;
        let known = self.hashes.iter().filter(|hash| hash.alg == "SHA-256");
        digests.extend(known.map(|hash| hash.content.to_ascii_lowercase()));
        if let Some(rest) = self
            .purl
            .as_deref()
            .and_then(|purl| purl.strip_prefix("pkg:cargo/"))
        {
            packages.insert(self.package(rest)?);
        }
        let mut inner = self.components.iter();
        inner.try_for_each(|component| component.add(packages, digests, depth))
    }

    /// Returns the package of `NAME@VERSION?QUALIFIERS#PATH`.
    fn package(&self, rest: &str) -> Result<Listed, String> {
        let rest = rest.split('#').next().unwrap_or_default();
        let (named, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (name, version) = named
            .rsplit_once('@')
            .ok_or_else(|| format!("the package `{named}` without a version"))?;
        let keys = qualifiers
            .split('&')
            .filter_map(|pair| pair.split('=').next());
        let is_elsewhere = keys
            .into_iter()
            .any(|key| ["repository_url", "vcs_url", "download_url"].contains(&key));
        let source = self.property("cargo-xpkg:source");
        Ok(Listed {
            name: decoded(name),
            version: decoded(version),
            is_public: source.is_none() && !is_elsewhere,
            is_local: source == Some("local"),
            is_of_build: self.scope.as_deref() == Some("excluded"),
        })
    }
}
