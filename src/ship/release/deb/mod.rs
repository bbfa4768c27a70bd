//! Packages of Debian: their names, their control files and what they install. Pure.
//!
//! Dependencies are read from the programs: the glibc floor, and the libraries that they need.
//! Source: Debian Policy 3, 5, 7 and 12.

/// Scripts that dpkg runs for units of systemd.
mod scripts;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::inspect::binary::{Binary, Linkage};
use crate::problem::{Problem, Result};
use crate::ship::release::model::{
    Build, DebSettings, IncludedFile, Package, RELEASE_INVALID, Release, ReleasedBin,
};
use crate::target::glibc::Glibc;
use crate::target::system::{Libc, Os};

/// A package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deb<'a> {
    /// File name: `app_1.0.0-1_amd64.deb`.
    pub file_name: String,
    /// Build that it is made of.
    pub build: &'a Build,
    /// Fields of `control` but `Installed-Size`.
    pub control: String,
    /// Paths of the files that belong to the administrator, `conffiles`.
    pub conffiles: String,
    /// Scripts, by the names of their control files.
    pub scripts: Vec<(&'static str, String)>,
    /// Contents by path below `/`, without directories.
    pub contents: BTreeMap<String, Contents<'a>>,
}

/// Contents of an installed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents<'a> {
    /// A bin of a tree.
    Bin(&'a ReleasedBin),
    /// A file of the workspace.
    File(&'a IncludedFile),
    /// A text.
    Text(String),
    /// A text that is compressed with gzip.
    Compressed(String),
}

/// Libraries of glibc itself.
const OF_GLIBC: &[&str] = &[
    "libc.so.6",
    "libm.so.6",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
    "libanl.so.1",
];

/// First release of GCC with a version of libstdc++'s symbols. Source: libstdc++ manual, ABI Policy
/// and Guidelines.
const LIBSTDCXX: &[(&str, &str)] = &[
    ("3.4.34", "15.1"),
    ("3.4.33", "14.1"),
    ("3.4.32", "13.2"),
    ("3.4.31", "13.1"),
    ("3.4.30", "12.1"),
    ("3.4.29", "11.1"),
    ("3.4.28", "9.3"),
    ("3.4.26", "9.1"),
    ("3.4.25", "8.1"),
    ("3.4.22", "6.1"),
    ("3.4.21", "5.1"),
];

/// Returns the packages of a release; `time` is that of the changelog, in seconds since 1970. A
/// processor gets one: for glibc, where there is a build, else for musl.
///
/// # Errors
/// All problems: `release-invalid`.
pub fn debs(release: &Release, time: u64) -> Result<Vec<Deb<'_>>, Vec<Problem>> {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for package in &release.packages {
        let Some(settings) = &package.deb else {
            continue;
        };
        for build in builds(release, package) {
            match deb(release, package, settings, build, time) {
                Ok(deb) => found.push(deb),
                Err(problem) => problems.push(problem),
            }
        }
    }
    if problems.is_empty() {
        Ok(found)
    } else {
        Err(problems)
    }
}

/// Returns the problems of packages that are known before anything is built.
pub fn problems(packages: &[Package]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for package in packages {
        let Some(settings) = &package.deb else {
            continue;
        };
        problems.extend(debian_name(&package.name).err());
        let first = package
            .description
            .as_deref()
            .unwrap_or_default()
            .lines()
            .next();
        if first.is_none_or(|line| line.trim().is_empty()) {
            let message = format!("the package `{}` has no description", package.name);
            problems.push(
                Problem::new(RELEASE_INVALID, message)
                    .help("set `description` below `[package]` in its Cargo.toml: one line"),
            );
        }
        let DebSettings {
            maintainer,
            revision,
            section,
            depends,
            recommends,
            libraries,
            files: _,
            units: _,
        } = settings;
        // A line of its own would be another field.
        let values = [maintainer, revision, section].into_iter().chain(depends);
        let values = values.chain(recommends).chain(libraries.values());
        for value in values.filter(|value| value.contains(|c: char| c.is_control())) {
            let message = format!("`{}` of `deb` has control characters", value.escape_debug());
            problems.push(Problem::new(RELEASE_INVALID, message).help("write it as one line"));
        }
    }
    problems
}

/// Returns the builds of a package for Linux, one for each processor of Debian.
fn builds<'a>(release: &'a Release, package: &Package) -> Vec<&'a Build> {
    let mut chosen: BTreeMap<&str, &Build> = BTreeMap::new();
    let is_of = |build: &&Build| {
        let is_of_package = build.package == package.name && build.target.system.os == Os::Linux;
        is_of_package && build.programs().next().is_some()
    };
    // Later ones replace earlier ones: within musl and within glibc, the higher level of processor.
    let of_package = release.builds.iter().filter(is_of);
    let is_glibc = |build: &Build| build.target.system.libc == Libc::Gnu;
    let musl = of_package.clone().filter(|build| !is_glibc(build));
    for build in musl.chain(of_package.filter(|build| is_glibc(build))) {
        chosen.insert(build.target.debian_arch(), build);
    }
    chosen.into_values().collect()
}

fn deb<'a>(
    release: &'a Release,
    package: &'a Package,
    settings: &'a DebSettings,
    build: &'a Build,
    time: u64,
) -> Result<Deb<'a>> {
    let DebSettings {
        maintainer,
        revision,
        section,
        depends: more,
        recommends,
        libraries,
        files,
        units,
    } = settings;
    let name = debian_name(&package.name)?;
    let arch = build.target.debian_arch();
    let version = format!("{}-{revision}", package.version.replacen('-', "~", 1));
    let mut depends = depends(build, libraries)?;
    depends.extend(more.iter().cloned());
    let mut contents = BTreeMap::new();
    let mut put = |path: String, what: Contents<'a>| contents.insert(path, what).is_none();
    for bin in build.programs() {
        put(format!("usr/bin/{}", bin.name), Contents::Bin(bin));
    }
    let doc = format!("usr/share/doc/{name}");
    let is_license = |file: &&IncludedFile| {
        let upper = file.to.to_uppercase();
        ["LICEN", "COPYING", "NOTICE", "UNLICENSE"]
            .iter()
            .any(|start| upper.starts_with(start))
    };
    for file in build.files.iter().filter(is_license) {
        put(format!("{doc}/{}", file.to), Contents::File(file));
    }
    put(
        format!("{doc}/copyright"),
        Contents::Text(copyright(release, package)),
    );
    let changelog = changelog(&name, &version, &package.version, maintainer, time)?;
    put(
        format!("{doc}/changelog.Debian.gz"),
        Contents::Compressed(changelog),
    );
    let overrides = overrides(&name, build);
    if !overrides.is_empty() {
        let path = format!("usr/share/lintian/overrides/{name}");
        put(path, Contents::Text(overrides));
    }
    for unit in units {
        let path = format!("usr/lib/systemd/system/{}", unit.to);
        put(path, Contents::File(unit));
    }
    for file in files {
        if !put(file.to.clone(), Contents::File(file)) {
            let message = format!(
                "`files` of the package `{name}` puts two files at `/{}`",
                file.to
            );
            return Err(Problem::new(RELEASE_INVALID, message).help("choose another place for it"));
        }
    }
    let above = |path: &String| {
        let mut above = path
            .match_indices('/')
            .map(|(end, _)| path[..end].to_owned());
        above.find(|directory| contents.contains_key(directory))
    };
    if let Some((path, file)) = contents.keys().find_map(|path| Some((path, above(path)?))) {
        let message =
            format!("the package `{name}` has `/{path}` below `/{file}`, which is a file");
        return Err(Problem::new(RELEASE_INVALID, message).help("choose another place in `files`"));
    }
    let etc = contents.keys().filter(|path| path.starts_with("etc/"));
    let conffiles = etc.map(|path| format!("/{path}\n")).collect();
    let fields = [
        ("Package", name.clone()),
        ("Version", version.clone()),
        ("Architecture", arch.to_owned()),
        ("Maintainer", maintainer.clone()),
        ("Depends", depends.join(", ")),
        ("Recommends", recommends.join(", ")),
        ("Section", section.clone()),
        ("Priority", "optional".to_owned()),
        (
            "Homepage",
            homepage(release, package).unwrap_or_default().to_owned(),
        ),
        ("Description", description(package, build)),
    ];
    let is_set = |(_, value): &&(&str, String)| !value.is_empty();
    let line = |(field, value): &(&str, String)| format!("{field}: {value}\n");
    Ok(Deb {
        file_name: format!("{name}_{version}_{arch}.deb"),
        build,
        control: fields.iter().filter(is_set).map(line).collect(),
        conffiles,
        scripts: scripts::of_units(units.iter().map(|unit| unit.to.as_str())),
        contents,
    })
}

/// Returns the name of a package in Debian: lower case letters, digits, `+`, `-` and `.`.
fn debian_name(package: &str) -> Result<String> {
    let name = package.to_lowercase().replace('_', "-");
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if name.len() >= 2 && starts && name.chars().all(is_plain) {
        return Ok(name);
    }
    let message = format!("`{package}` cannot be the name of a package of Debian");
    Err(Problem::new(RELEASE_INVALID, message)
        .help("leave `deb` out of the package's `[package.metadata.xpkg.release]`"))
}

/// Returns the packages that the programs of a build need.
///
/// # Errors
/// `release-invalid`: a library whose package is unknown.
fn depends(build: &Build, known: &BTreeMap<String, String>) -> Result<Vec<String>> {
    let programs = build.programs().filter_map(|bin| bin.binary.as_ref());
    let dynamic: Vec<&Binary> = programs
        .filter(|binary| binary.linkage == Linkage::Dynamic)
        .collect();
    let mut found = BTreeSet::new();
    if build.target.system.libc == Libc::Gnu && !dynamic.is_empty() {
        let floors = dynamic
            .iter()
            .filter_map(|binary| Some(binary.glibc_floor.as_ref()?.version.as_str()));
        match floors.max_by_key(|version| Glibc::parse(version)) {
            Some(floor) => found.insert(format!("libc6 (>= {floor})")),
            None => found.insert("libc6".to_owned()),
        };
    } else if !dynamic.is_empty() {
        found.insert("musl".to_owned());
    }
    let needed: BTreeSet<&String> = dynamic.iter().flat_map(|binary| &binary.needed).collect();
    for library in needed {
        if let Some(package) = known.get(library) {
            found.insert(package.clone());
            continue;
        }
        match library.as_str() {
            library if OF_GLIBC.contains(&library) || library.starts_with("ld-linux") => {}
            library if library.starts_with("libc.musl-") || library == "libc.so" => {}
            "libgcc_s.so.1" => {
                found.insert("libgcc-s1".to_owned());
            }
            "libstdc++.so.6" => {
                found.insert(libstdcxx(&dynamic));
            }
            library => {
                let triple = build.target.triple();
                let message = format!(
                    "bins of `{}` for `{triple}` need `{library}`, and its package of Debian is \
                     unknown",
                    build.package
                );
                return Err(Problem::new(RELEASE_INVALID, message).help(format!(
                    "name it below `deb`: `libraries = {{ \"{library}\" = \"PACKAGE\" }}`; \
                     `dpkg -S {library}` tells where it is installed"
                )));
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// Returns the dependency on libstdc++, with the version that has the needed symbols.
fn libstdcxx(programs: &[&Binary]) -> String {
    let versions = programs
        .iter()
        .filter_map(|binary| binary.glibcxx.as_deref());
    let highest = versions.max_by_key(|version| Glibc::parse(version));
    let number = |version: &str| -> Vec<u32> {
        let parts = version.split('.');
        parts.map(|part| part.parse().unwrap_or(0)).collect()
    };
    let release = highest.and_then(|version| {
        let rows = LIBSTDCXX.iter();
        let at_most = |row: &&(&str, &str)| number(row.0) <= number(version);
        rows.clone()
            .find(at_most)
            .filter(|row| number(row.0) == number(version))
            // Between two rows, the higher one has it.
            .or_else(|| rows.rev().find(|row| number(row.0) > number(version)))
    });
    match release {
        Some((_, release)) => format!("libstdc++6 (>= {release})"),
        None => "libstdc++6".to_owned(),
    }
}

/// Returns the address that `Homepage` names.
fn homepage<'a>(release: &'a Release, package: &'a Package) -> Option<&'a str> {
    let repository = release.repository.as_deref();
    package.homepage.as_deref().or(repository)
}

/// Returns the value of `Description`: a synopsis, the rest of a longer text, and the programs.
fn description(package: &Package, build: &Build) -> String {
    let text = package.description.as_deref().unwrap_or_default();
    let mut lines = text.lines().map(str::trim);
    let first = lines.next().unwrap_or_default().trim_end_matches('.');
    let rest = lines.map(|line| if line.is_empty() { "." } else { line });
    let mut value = first.to_owned();
    for line in rest.skip_while(|line| *line == ".") {
        value.push_str("\n ");
        value.push_str(line);
    }
    let names: Vec<&str> = build.programs().map(|bin| bin.name.as_str()).collect();
    value.push_str(&format!("\n Its programs: {}.", names.join(", ")));
    value
}

/// Returns the text of `copyright`, machine-readable.
fn copyright(release: &Release, package: &Package) -> String {
    let source = homepage(release, package);
    let source = source.map(|source| format!("Source: {source}\n"));
    let license = package.license.as_deref().unwrap_or("unknown");
    // SPDX writes the operators in upper case, Debian in lower case.
    let license = license
        .replace(" OR ", " or ")
        .replace(" AND ", " and ")
        .replace('/', " or ");
    format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Name: {name}\n{source}\nFiles: *\nCopyright: the authors of {name}\n\
         License: {license}\n",
        name = package.name,
        source = source.unwrap_or_default(),
    )
}

/// Returns the text of the changelog, which names the release alone.
fn changelog(
    name: &str,
    version: &str,
    release: &str,
    maintainer: &str,
    time: u64,
) -> Result<String> {
    let invalid = || {
        let message = format!("`SOURCE_DATE_EPOCH={time}` is no date of a changelog");
        Problem::new(RELEASE_INVALID, message).help("set it to seconds since 1970")
    };
    let seconds = i64::try_from(time).map_err(|_| invalid())?;
    let date = Timestamp::from_second(seconds).map_err(|_| invalid())?;
    let date = date.strftime("%a, %d %b %Y %H:%M:%S +0000");
    Ok(format!(
        "{name} ({version}) unstable; urgency=medium\n\n  * Release {release}.\n\n -- {maintainer}  \
         {date}\n"
    ))
}

/// Returns the lines for lintian: programs of Rust are linked statically with intent.
fn overrides(name: &str, build: &Build) -> String {
    let is_static = |bin: &&ReleasedBin| {
        let binary = bin.binary.as_ref();
        binary.is_some_and(|binary| binary.linkage != Linkage::Dynamic)
    };
    let line =
        |bin: &ReleasedBin| format!("{name}: statically-linked-binary [usr/bin/{}]\n", bin.name);
    build.programs().filter(is_static).map(line).collect()
}
