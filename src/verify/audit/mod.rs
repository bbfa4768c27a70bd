//! Packages of programs and SBOMs against a directory of RustSec's advisories: `verify --audit`.
//!
//! Nothing is fetched. Only packages of the public registry have advisories: one of the same name
//! from elsewhere is another package. Source: README.md of the advisory database.

pub mod look;
/// Packages of an SBOM.
pub mod sbom;

use std::collections::{BTreeMap, BTreeSet};

use rustsec::advisory::{Advisory, Informational};
use semver::Version;

use crate::archive::entry::{Artifacts, Entry, File};
use crate::archive::list_name::sbom_stem;
use crate::inspect::auditable::{Kind, PackageList, Source};
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::text::printable;
use crate::target::system::Os;
use crate::verify::audit::sbom::{Bom, Listed};
use crate::verify::finding::{Finding, finding};
use crate::verify::judge::VerifyOptions;
use crate::verify::report::{Accepted, Audit, Report, Skipped};
use crate::verify::rules::policy::PolicyName;
use crate::verify::waiver;

/// Advisories of a directory.
#[derive(Debug)]
pub struct Database {
    /// Directory, as the user passed it.
    pub name: String,
    /// Advisories that are not withdrawn, by package.
    pub advisories: BTreeMap<String, Vec<Advisory>>,
}

/// Parses an advisory: `text` of the file `name` in the directory of a package.
///
/// # Errors
/// The reason as a clause.
pub fn parse(text: &str, package: &str, name: &str) -> Result<Advisory, String> {
    let advisory: Advisory = text
        .parse()
        .map_err(|error: rustsec::Error| one_line(&error.to_string()))?;
    let (id, of) = (advisory.id().as_str(), advisory.metadata.package.as_str());
    if format!("{id}.md") != name {
        return Err(format!("it has the identifier `{}`", printable(id)));
    }
    if of != package {
        return Err(format!("it is of the package `{}`", printable(of)));
    }
    Ok(advisory)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Packages of one file.
struct List {
    path: String,
    /// System that the program is for.
    os: Option<Os>,
    packages: Vec<Listed>,
    /// True for an SBOM.
    is_sbom: bool,
}

/// Looks the packages of all programs and SBOMs of a subject up, and adds what is found to the
/// report.
pub fn check(
    subject: &Artifacts,
    database: &Database,
    options: &VerifyOptions,
    report: &mut Report,
) {
    let (lists, mut findings) = lists(subject, report);
    let mut informational = Vec::new();
    let mut known: BTreeSet<(String, String, String)> = BTreeSet::new();
    let mut packages = BTreeSet::new();
    // Programs first: an SBOM repeats what its programs say.
    let (of_sboms, of_programs): (Vec<&List>, Vec<&List>) =
        lists.iter().partition(|list| list.is_sbom);
    for list in of_programs.into_iter().chain(of_sboms) {
        let mut elsewhere = Vec::new();
        for package in &list.packages {
            packages.insert((&package.name, &package.version));
            if !package.is_public {
                if !package.is_local {
                    elsewhere.push(format!("{} {}", package.name, package.version));
                }
                continue;
            }
            let Ok(version) = Version::parse(&package.version) else {
                let found = format!(
                    "the package `{}` with the version `{}`",
                    package.name, package.version
                );
                findings.push(incomplete(&list.path, found, "a version of cargo"));
                continue;
            };
            let of_package = database.advisories.get(&package.name);
            for advisory in of_package.into_iter().flatten() {
                if !advisory.versions.is_vulnerable(&version) || !concerns(advisory, list.os) {
                    continue;
                }
                let id = advisory.id().to_string();
                let key = (id, package.name.clone(), package.version.clone());
                let is_new = known.insert(key);
                if list.is_sbom && !is_new {
                    continue;
                }
                let found = of_advisory(&list.path, package, advisory);
                match &advisory.metadata.informational {
                    Some(_) => informational.push(found),
                    None => findings.push(found),
                }
            }
        }
        if !elsewhere.is_empty() {
            report.skipped.push(Skipped {
                path: list.path.clone(),
                what: "advisories".to_owned(),
                why: format!("not of the public registry: {}", elsewhere.join(", ")),
            });
        }
    }
    let dates = database.advisories.values().flatten();
    let dates = dates.map(|advisory| advisory.date().as_str());
    report.audit = Some(Audit {
        database: database.name.clone(),
        advisories: database.advisories.values().map(Vec::len).sum(),
        newest: dates.max().unwrap_or_default().to_owned(),
        lists: lists.len(),
        packages: packages.len(),
    });
    if options.policy.name == PolicyName::Strict {
        findings.append(&mut informational);
    }
    let (accepted, mut findings) = waiver::split_accepted(findings, options.accept.iter());
    report.accepted.extend(accepted);
    let (accepted, informational) = waiver::split_accepted(informational, options.accept.iter());
    report.accepted.extend(accepted);
    let as_information = |finding| Accepted {
        finding,
        reason: "the advisory is informational; the policy `strict` demands more".to_owned(),
    };
    let informational = informational.into_iter().map(as_information);
    report.accepted.extend(informational);
    findings.sort_by(|a, b| {
        (&a.path, a.code.name(), &a.found).cmp(&(&b.path, b.code.name(), &b.found))
    });
    report.findings.extend(findings);
}

/// Returns the lists of packages of the programs of a report and of all SBOMs, with a finding for
/// each program without one.
fn lists(subject: &Artifacts, report: &Report) -> (Vec<List>, Vec<Finding>) {
    let inside = subject.inside.iter().flat_map(|inside| {
        let files = inside.contents.entries.iter().filter_map(Entry::file);
        files.map(|(path, file)| (format!("{}!/{path}", inside.path), file))
    });
    let own = subject.entries.iter().filter_map(Entry::file);
    let own = own.map(|(path, file)| (path.to_owned(), file));
    let files: BTreeMap<String, &File> = inside.chain(own).collect();
    let (mut lists, mut findings, mut boms) = (Vec::new(), Vec::new(), Vec::new());
    for (path, file) in &files {
        if sbom_stem(path).is_none() {
            continue;
        }
        match Bom::parse(file.list.as_deref()) {
            Ok(bom) => boms.push((path.clone(), bom)),
            Err(why) => findings.push(incomplete(path, why, "an SBOM of CycloneDX")),
        }
    }
    for program in &report.files {
        let Some(file) = files.get(&program.path) else {
            continue;
        };
        match &file.packages {
            Some(Ok(list)) => lists.push(List {
                path: program.path.clone(),
                os: program.expected.as_ref().map(|expected| expected.os),
                packages: of_program(list),
                is_sbom: false,
            }),
            Some(Err(why)) => findings.push(incomplete(
                &program.path,
                format!("a list of packages that cannot be read: {why}"),
                "a list of packages",
            )),
            None => {
                let is_of = |(path, bom): &(String, Bom)| {
                    let stem = sbom_stem(path).unwrap_or_default();
                    let rest = program.path.strip_prefix(stem);
                    let is_named =
                        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
                    !bom.packages.is_empty() && (is_named || bom.digests.contains(&file.sha256))
                };
                if !boms.iter().any(is_of) {
                    findings.push(incomplete(
                        &program.path,
                        "no list of its packages, and no SBOM of it".to_owned(),
                        "one of them",
                    ));
                }
            }
        }
    }
    for (path, bom) in boms {
        lists.push(List {
            is_sbom: true,
            os: bom.os,
            packages: bom.packages,
            path,
        });
    }
    (lists, findings)
}

fn of_program(list: &PackageList) -> Vec<Listed> {
    let packages = list.packages.iter();
    let listed = packages.map(|package| Listed {
        name: package.name.clone(),
        version: package.version.clone(),
        is_public: package.source == Source::Public,
        is_local: package.source == Source::Local,
        is_of_build: package.kind == Kind::Build,
    });
    listed.collect()
}

/// Returns true if an advisory concerns a system; if it is unknown, all do.
fn concerns(advisory: &Advisory, os: Option<Os>) -> bool {
    // Names of Rust's `target_os`.
    let name = os.map(|os| match os {
        Os::Darwin => "macos",
        Os::WasiP1 | Os::WasiP2 => "wasi",
        os => os.name(),
    });
    let systems = advisory.affected.as_ref().map(|affected| &affected.os);
    match (name, systems) {
        (Some(name), Some(systems)) if !systems.is_empty() => {
            systems.iter().any(|system| system == name)
        }
        _ => true,
    }
}

/// Returns the finding of a package with an advisory.
fn of_advisory(path: &str, package: &Listed, advisory: &Advisory) -> Finding {
    let kind = match &advisory.metadata.informational {
        None => PACKAGE_VULNERABLE,
        Some(Informational::Unmaintained) => PACKAGE_UNMAINTAINED,
        Some(Informational::Unsound) => PACKAGE_UNSOUND,
        Some(_) => PACKAGE_NOTICE,
    };
    let Listed { name, version, .. } = package;
    let id = advisory.id().to_string();
    let others: Vec<&str> = advisory
        .metadata
        .aliases
        .iter()
        .map(|id| id.as_str())
        .collect();
    let others = if others.is_empty() {
        String::new()
    } else {
        format!(" ({})", others.join(", "))
    };
    let severity = advisory.severity();
    let severity = severity.map(|severity| format!(", {}", severity.as_str()));
    let build = if package.is_of_build {
        ", which runs during the build"
    } else {
        ""
    };
    let found = format!(
        "`{name}` {version}{build}: {id}{others}{}: {}",
        severity.unwrap_or_default(),
        advisory.title()
    );
    let patched = advisory.versions.patched();
    let patched: Vec<String> = patched.iter().map(ToString::to_string).collect();
    let (expected, help) = if patched.is_empty() {
        (
            "another package: no version is patched".to_owned(),
            format!("replace the package, or accept it: `--accept {id} --reason TEXT`"),
        )
    } else {
        (
            patched.join(" or "),
            format!("update it and build again: `cargo update {name}`"),
        )
    };
    Finding {
        advisory: Some(id),
        help,
        ..finding(kind, path, found, expected, "")
    }
}

/// Returns the finding of what could not be looked up.
fn incomplete(path: &str, found: String, expected: &str) -> Finding {
    finding(
        AUDIT_INCOMPLETE,
        path,
        found,
        expected,
        "build it with the list of its packages: `cargo xpkg build --auditable`",
    )
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[
    PACKAGE_VULNERABLE,
    PACKAGE_UNMAINTAINED,
    PACKAGE_UNSOUND,
    PACKAGE_NOTICE,
    AUDIT_INCOMPLETE,
    AUDIT_DATABASE_UNFIT,
];

/// Code of a package with a vulnerability.
pub const PACKAGE_VULNERABLE: Code = code(&CodeInfo {
    name: "package-vulnerable",
    title: "a program contains a package with a known vulnerability",
    cause: "An advisory of RustSec is about the version of a package that the program was compiled \
            from.",
    detection: "`verify --audit` looks the lists in programs and SBOMs up in the given directory of \
                advisories. Advisories for other systems than the program's do not count.",
    fix: "Update the package, and build again.",
    page: "verify",
    sources: &["RustSec advisory database"],
    waivable: false,
});

/// Code of a package that nobody maintains.
pub const PACKAGE_UNMAINTAINED: Code = code(&CodeInfo {
    name: "package-unmaintained",
    title: "a program contains a package that nobody maintains",
    cause: "An informational advisory of RustSec says so: the next vulnerability will not be \
            repaired.",
    detection: "As `package-vulnerable`. It is reported; only the policy `strict` makes it a finding.",
    fix: "Replace the package.",
    page: "verify",
    sources: &["RustSec advisory database"],
    waivable: false,
});

/// Code of a package with an unsound interface.
pub const PACKAGE_UNSOUND: Code = code(&CodeInfo {
    name: "package-unsound",
    title: "a program contains a package with an unsound interface",
    cause: "An informational advisory of RustSec says so: some use of it breaks the safety of memory.",
    detection: "As `package-vulnerable`. It is reported; only the policy `strict` makes it a finding.",
    fix: "Update or replace the package, or see that the use is not yours.",
    page: "verify",
    sources: &["RustSec advisory database"],
    waivable: false,
});

/// Code of a package with a notice.
pub const PACKAGE_NOTICE: Code = code(&CodeInfo {
    name: "package-notice",
    title: "a program contains a package with a notice",
    cause: "An informational advisory of RustSec is about it.",
    detection: "As `package-vulnerable`. It is reported; only the policy `strict` makes it a finding.",
    fix: "Read the advisory.",
    page: "verify",
    sources: &["RustSec advisory database"],
    waivable: false,
});

/// Code of what could not be looked up.
pub const AUDIT_INCOMPLETE: Code = code(&CodeInfo {
    name: "audit-incomplete",
    title: "the packages of a program are not known",
    cause: "It has no list of its packages and no SBOM beside it, or they cannot be read: C programs, \
            and Rust programs that were built without `--auditable`.",
    detection: "With `--audit`, each program must have a list (`.dep-v0`), or an SBOM of CycloneDX \
                (`NAME.cdx.json`) that has its name or digest.",
    fix: "Build it again with `--auditable`, or accept the finding for its path.",
    page: "verify",
    sources: &["cargo-auditable, PARSING.md"],
    waivable: false,
});

/// Code of a directory that is no database.
pub const AUDIT_DATABASE_UNFIT: Code = code(&CodeInfo {
    name: "audit-database-unfit",
    title: "the directory of `--audit` is no database of advisories",
    cause: "It is not a checkout of the advisory database, an empty one, or a file in it is damaged or \
            of a format that is not known.",
    detection: "`crates/PACKAGE/RUSTSEC-….md` must be there, and each must parse: an advisory that is \
                not read would be one that nothing is found by.",
    fix: "Clone or update the database, and pass its directory.",
    page: "verify",
    sources: &["RustSec advisory database"],
    waivable: false,
});

#[cfg(test)]
mod tests;
