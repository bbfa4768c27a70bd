//! Reads the sources of packages for the libraries of Apple's SDK that they link.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_platform::Cfg;

use crate::host::machine::Host;
use crate::project::apple_libraries::{self, AppleLibrary, Module, SourceFacts};
use crate::project::package_graph::SourcePackage;

/// Returns the libraries that a package links on a platform with these values of `cfg`.
pub fn libraries(host: &Host, package: &SourcePackage, cfg: &[Cfg]) -> Vec<AppleLibrary> {
    let features = package.features.iter().map(|feature| {
        let name = cargo_platform::Ident {
            name: "feature".to_owned(),
            raw: false,
        };
        Cfg::KeyPair(name, feature.clone())
    });
    let cfg: Vec<Cfg> = cfg.iter().cloned().chain(features).collect();
    let mut names = BTreeSet::new();
    if may_link(host, package) {
        let mut seen = BTreeSet::new();
        for root in &package.roots {
            let directory = root.parent().unwrap_or(root).to_owned();
            file(host, root, &directory, &cfg, &mut seen, &mut names);
        }
    }
    let library = |name: String| AppleLibrary {
        name,
        package: package.name.clone(),
        version: package.version.clone(),
    };
    names.into_iter().map(library).collect()
}

/// Returns true if some file beside a root of the package, or below, may link such a library: most
/// packages have none, and need not be split into tokens.
fn may_link(host: &Host, package: &SourcePackage) -> bool {
    let directories: BTreeSet<&Utf8Path> = package
        .roots
        .iter()
        .filter_map(|root| root.parent())
        .collect();
    directories.into_iter().any(|directory| {
        let files = host.walk(directory).unwrap_or_default();
        let mut sources = files.keys().filter(|name| name.ends_with(".rs"));
        sources.any(|name| {
            let text = host.read_text(&directory.join(name)).unwrap_or_default();
            apple_libraries::may_link(&text)
        })
    })
}

/// Reads a file and the modules that it names. `directory` is where those are looked for.
fn file(
    host: &Host,
    path: &Utf8Path,
    directory: &Utf8Path,
    cfg: &[Cfg],
    seen: &mut BTreeSet<Utf8PathBuf>,
    names: &mut BTreeSet<String>,
) {
    if !seen.insert(path.to_owned()) {
        return;
    }
    let text = host.read_text(path).unwrap_or_default();
    let Some(SourceFacts { libraries, modules }) = apple_libraries::of_source(&text, cfg) else {
        return;
    };
    names.extend(libraries);
    for Module {
        path: parts,
        file: named,
    } in modules
    {
        let inner = directory.join(parts.join("/"));
        let beside = path.parent().unwrap_or(directory);
        let candidates = match named {
            Some(named) => vec![beside.join(named)],
            None => vec![inner.with_extension("rs"), inner.join("mod.rs")],
        };
        if let Some(found) = candidates.into_iter().find(|path| host.is_file(path)) {
            // The modules of `x/mod.rs` are beside it, those of `x.rs` in `x/`.
            let directory = match found.file_name() {
                Some("mod.rs") => found.parent().unwrap_or(directory).to_owned(),
                _ => found.with_extension(""),
            };
            self::file(host, &found, &directory, cfg, seen, names);
        }
    }
}
