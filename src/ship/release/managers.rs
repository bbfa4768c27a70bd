//! Texts for package managers that take them from a repository of the user's: a formula of Homebrew,
//! a manifest of Scoop. Pure.
//!
//! Source: Homebrew's Formula Cookbook; Scoop's App Manifests.

use serde_json::{Map, Value, json};

use crate::problem::Problem;
use crate::project::config::release::{ArchiveFormat, ReleaseConfig};
use crate::ship::release::model::{Build, Package, RELEASE_INVALID, Release};
use crate::target::system::{Libc, Os};
use crate::tree::release::FileRecord;

/// Formats that Homebrew and Scoop unpack, the preferred ones first.
const FORMATS: &[ArchiveFormat] = &[
    ArchiveFormat::TarXz,
    ArchiveFormat::TarGz,
    ArchiveFormat::Zip,
];

/// Systems and processors of Homebrew: system, processor, the words of its blocks.
const HOMEBREW: &[(Os, &str, &str, &str)] = &[
    (Os::Darwin, "aarch64", "on_macos", "on_arm"),
    (Os::Darwin, "x86_64", "on_macos", "on_intel"),
    (Os::Linux, "aarch64", "on_linux", "on_arm"),
    (Os::Linux, "x86_64", "on_linux", "on_intel"),
];

/// Processors of Scoop: processor, the word of its architecture.
const SCOOP: &[(&str, &str)] = &[("x86_64", "64bit"), ("x86", "32bit"), ("aarch64", "arm64")];

/// An archive that a manager downloads.
struct Download<'a> {
    build: &'a Build,
    archive: &'a FileRecord,
}

/// Returns the problems of a configuration that asks for these texts.
pub fn problems(config: &ReleaseConfig) -> Vec<Problem> {
    if config.url.is_some() || !(config.homebrew || config.scoop) {
        return Vec::new();
    }
    let message = "`homebrew` and `scoop` need the address of the release";
    vec![Problem::new(RELEASE_INVALID, message).help(
        "set `url` in `[workspace.metadata.xpkg.release]`: \
             `url = \"https://get.example/{version}\"`",
    )]
}

/// Returns the formulas of a release, by their file names. `archives` are its archives.
pub fn formulas(release: &Release, archives: &[FileRecord]) -> Vec<(String, String)> {
    let packages = release.packages.iter().filter(|_| release.homebrew);
    let formula = |package: &Package| {
        let text = formula(release, package, archives)?;
        Some((format!("{}.rb", package.name), text))
    };
    packages.filter_map(formula).collect()
}

/// Returns the manifests of Scoop of a release, by their file names.
pub fn scoop_manifests(release: &Release, archives: &[FileRecord]) -> Vec<(String, String)> {
    let packages = release.packages.iter().filter(|_| release.scoop);
    let manifest = |package: &Package| {
        let text = scoop(release, package, archives)?;
        Some((format!("{}.scoop.json", package.name), text))
    };
    packages.filter_map(manifest).collect()
}

/// Returns the archive of a package for a system and a processor. On Linux, musl is taken: those
/// who have Homebrew there may have any glibc.
fn download<'a>(
    release: &'a Release,
    package: &Package,
    archives: &'a [FileRecord],
    os: Os,
    arch: &str,
) -> Option<Download<'a>> {
    let is_of = |build: &&Build| {
        build.package == package.name
            && build.target.system.os == os
            && (build.target.arch.name == arch || build.target.is_universal())
            && build.programs().next().is_some()
    };
    let mut builds: Vec<&Build> = release.builds.iter().filter(is_of).collect();
    builds.sort_by_key(|build| {
        let target = &build.target;
        (target.is_universal(), target.system.libc != Libc::Musl)
    });
    let build = *builds.first()?;
    let mut names = FORMATS
        .iter()
        .flat_map(|format| build.archives().filter(move |(_, made)| made == format));
    let (name, _) = names.next()?;
    let archive = archives.iter().find(|archive| archive.path == name)?;
    Some(Download { build, archive })
}

/// Returns the formula of a package; `None` if it has no build for Homebrew's systems.
fn formula(release: &Release, package: &Package, archives: &[FileRecord]) -> Option<String> {
    let url = release.url.as_deref().unwrap_or_default();
    let mut body = String::new();
    let mut bins: Vec<&str> = Vec::new();
    let mut last = "";
    for (os, arch, system, processor) in HOMEBREW {
        let Some(Download { build, archive }) = download(release, package, archives, *os, arch)
        else {
            continue;
        };
        if last != *system {
            if !last.is_empty() {
                body.push_str("  end\n\n");
            }
            body.push_str(&format!("  {system} do\n"));
            last = system;
        }
        body.push_str(&format!(
            "    {processor} do\n      url \"{url}/{}\"\n      sha256 \"{}\"\n    end\n",
            archive.path, archive.sha256
        ));
        bins = build.programs().map(|bin| bin.name.as_str()).collect();
    }
    if last.is_empty() {
        return None;
    }
    body.push_str("  end\n");
    let field = |name: &str, value: Option<&str>| {
        let line = |value| format!("  {name} {}\n", ruby(value));
        value.map(line).unwrap_or_default()
    };
    let description = package
        .description
        .as_deref()
        .and_then(|text| text.lines().next());
    let homepage = package
        .homepage
        .as_deref()
        .or(release.repository.as_deref());
    let installed: String = bins
        .iter()
        .map(|bin| format!("    bin.install {}\n", ruby(bin)))
        .collect();
    let started: String = bins
        .iter()
        .map(|bin| format!("    assert_predicate bin/{}, :executable?\n", ruby(bin)))
        .collect();
    Some(format!(
        "# Written by cargo xpkg.\nclass {class} < Formula\n{desc}{homepage}  version {version}\n\
         {license}\n{body}\n  def install\n{installed}  end\n\n  test do\n{started}  end\nend\n",
        class = class_name(&package.name),
        desc = field("desc", description),
        homepage = field("homepage", homepage),
        version = ruby(&package.version),
        license = license(package),
    ))
}

/// Returns the line of the license, in Homebrew's words for SPDX expressions of one operator.
fn license(package: &Package) -> String {
    let Some(license) = package.license.as_deref() else {
        return String::new();
    };
    // cargo still accepts the slash for OR.
    let license = license.replace('/', " OR ");
    let parts = |operator: &str| -> Vec<String> {
        license
            .split(operator)
            .map(|part| part.trim().to_owned())
            .collect()
    };
    let list = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| ruby(name)).collect();
        names.join(", ")
    };
    let has = |text: &str| license.contains(text);
    if has("(") || has(" WITH ") || has(" OR ") && has(" AND ") {
        // An expression that its words cannot say as one line.
        return "  license :cannot_represent\n".to_owned();
    }
    if has(" OR ") {
        return format!("  license any_of: [{}]\n", list(&parts(" OR ")));
    }
    if has(" AND ") {
        return format!("  license all_of: [{}]\n", list(&parts(" AND ")));
    }
    format!("  license {}\n", ruby(&license))
}

/// Returns a literal of Ruby.
fn ruby(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            // `#{…}` is code in a string.
            '#' => quoted.push_str("\\#"),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Returns the name of a formula's class: `chat-server` is `ChatServer`.
fn class_name(package: &str) -> String {
    let words = package.split(['-', '_', '.']);
    let capital = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    words.map(capital).collect()
}

/// Returns the manifest of a package for Scoop; `None` if it has no build for Windows.
fn scoop(release: &Release, package: &Package, archives: &[FileRecord]) -> Option<String> {
    let url = release.url.as_deref().unwrap_or_default();
    let mut architecture = Map::new();
    let mut bins: Vec<&str> = Vec::new();
    for (arch, word) in SCOOP {
        if let Some(Download { build, archive }) =
            download(release, package, archives, Os::Windows, arch)
        {
            let download = json!({
                "url": format!("{url}/{}", archive.path),
                "hash": archive.sha256,
                "extract_dir": build.stem,
            });
            architecture.insert((*word).to_owned(), download);
            bins = build.programs().map(|bin| bin.name.as_str()).collect();
        }
    }
    if architecture.is_empty() {
        return None;
    }
    let mut manifest = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            manifest.insert(name.to_owned(), value);
        }
    };
    let text = |text: Option<&str>| text.map(|text| Value::String(text.to_owned()));
    let homepage = package
        .homepage
        .as_deref()
        .or(release.repository.as_deref());
    put("version", text(Some(&package.version)));
    put("description", text(package.description.as_deref()));
    put("homepage", text(homepage));
    put("license", text(package.license.as_deref()));
    put("architecture", Some(Value::Object(architecture)));
    put("bin", Some(json!(bins)));
    Some(serde_json::to_string_pretty(&manifest).expect("a manifest is plain data") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_of_ruby_contain_no_code() {
        assert_eq!(
            ruby("a \"b\" #{`id`} \\\n"),
            "\"a \\\"b\\\" \\#{`id`} \\\\ \""
        );
        assert_eq!(class_name("chat-server_2.x"), "ChatServer2X");
    }

    #[test]
    fn licenses_are_written_in_homebrews_words() {
        let line = |license: &str| license_line(license).trim().to_owned();
        fn license_line(text: &str) -> String {
            license(&Package {
                name: "a".to_owned(),
                version: "1.0.0".to_owned(),
                description: None,
                license: Some(text.to_owned()),
                homepage: None,
                deb: None,
            })
        }
        assert_eq!(line("MIT"), "license \"MIT\"");
        assert_eq!(
            line("MIT OR Apache-2.0"),
            "license any_of: [\"MIT\", \"Apache-2.0\"]"
        );
        assert_eq!(
            line("MIT/Apache-2.0"),
            "license any_of: [\"MIT\", \"Apache-2.0\"]"
        );
        assert_eq!(line("MIT AND Zlib"), "license all_of: [\"MIT\", \"Zlib\"]");
        assert_eq!(line("(MIT OR Zlib) AND ISC"), "license :cannot_represent");
    }
}
