//! The check of a whole subject: its integrity first, then every program, then programs compared
//! with each other.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use crate::archive::entry::{Artifacts, ArtifactsKind, Entry, Inside};
use crate::inspect::binary::Binary;
use crate::invocation;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};
use crate::project::artifact_kind::ArtifactKind;
use crate::target::Target;
use crate::tree::manifest::{Artifact, Manifest, TargetRecord};
use crate::verify::between::compare_programs;
use crate::verify::damaged::is_damaged;
use crate::verify::expected::{self, Expected, TARGET_UNKNOWN};
use crate::verify::finding::{Finding, finding};
use crate::verify::installed::{self, Role};
use crate::verify::integrity::{check_duplicates, check_entry, check_listing, is_archive};
use crate::verify::links::Links;
use crate::verify::listing::{self, LIST_MISSING, Listing};
use crate::verify::release;
use crate::verify::report::{DigestCount, FileReport, Report, Skipped};
use crate::verify::rules::context::RuleInput;
use crate::verify::rules::hardening::RPATH_SET;
use crate::verify::rules::libc::PRIVATE_GLIBC;
use crate::verify::rules::machine::{MODE_UNFIT, UNREADABLE_BINARY, WRONG_MACHINE};
use crate::verify::rules::policy::{Policy, PolicyName};
use crate::verify::rules::table;
use crate::verify::waiver::{AcceptRule, recorded_rules, split_accepted};
use crate::verify::{sbom, words};

/// Options of one run of `verify`.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// `--target`: targets of programs whose paths do not name one.
    pub targets: Vec<Target>,
    /// `--policy`, with the configuration's changes.
    pub policy: Policy,
    /// `--accept`, with `--reason`.
    pub accept: Vec<AcceptRule>,
    /// `--require-list`.
    pub require_list: bool,
    /// `--release-version`.
    pub version: Option<String>,
    /// What is taken from a tree; `None` for all.
    pub taken: Option<Taken>,
}

/// Part of a tree. What else is in it may be of another commit.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Triples of its targets; empty for all.
    pub targets: Vec<String>,
    /// Packages and bins; `None` for all.
    pub bins: Option<BTreeSet<(String, String)>>,
}

impl Taken {
    /// Returns true if a file of the tree is in this part of it.
    pub fn has(&self, artifact: &Artifact) -> bool {
        let Self { targets, bins } = self;
        let bin = (artifact.package.clone(), artifact.bin.clone());
        (targets.is_empty() || targets.contains(&artifact.target))
            && bins.as_ref().is_none_or(|bins| bins.contains(&bin))
    }
}

/// Checks a subject, and the archives in it, and returns the report, sorted by path and code.
/// Nothing is started here; see [`crate::verify::run`].
pub fn check_artifacts(subject: &Artifacts, options: &VerifyOptions) -> Report {
    let mut all = check_one(subject, options);
    if all.lists.is_empty() {
        if options.require_list {
            all.findings.push(finding(
                LIST_MISSING,
                "",
                "no list of its files",
                "manifest.json, SHA256SUMS or another list of checksums",
                "fetch the release again, with its list",
            ));
        } else {
            all.skipped.push(Skipped {
                path: subject.name.clone(),
                what: "digests".to_owned(),
                why: "no manifest.json, SHA256SUMS or other list of checksums was found".to_owned(),
            });
        }
    }
    for Inside { path, contents } in &subject.inside {
        all.add(path, check_one(contents, options));
    }
    all.findings.extend(sbom::check(subject));
    if let Some(version) = &options.version {
        all.findings
            .extend(release::check_version(subject, version));
    }
    let Checked {
        mut findings,
        skipped,
        mut files,
        digests,
        lists,
        recorded,
    } = all;
    if files.is_empty() && digests.compared == 0 && findings.is_empty() {
        let is_foreign = skipped
            .iter()
            .any(|skipped| skipped.what == installed::PROGRAM);
        let found = if is_foreign {
            "no program for the package's own machine, and no list"
        } else {
            "no program that could be read, and no list"
        };
        findings.push(finding(
            NOTHING_CHECKED,
            "",
            found,
            "at least one of them",
            "pass the directory or archive that contains them",
        ));
    }
    let (accepted, mut findings) = split_accepted(findings, options.accept.iter().chain(&recorded));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    findings.sort_by(|a, b| {
        (&a.path, a.code.name(), &a.found).cmp(&(&b.path, b.code.name(), &b.found))
    });
    let listed_by = lists.first().cloned();
    let policy = options.policy.name.name().to_owned();
    Report {
        schema_version: 1,
        subject: subject.name.clone(),
        kind: subject.kind,
        policy,
        listed_by,
        lists,
        signed: Vec::new(),
        digests,
        files,
        findings,
        accepted,
        skipped,
        fence: None,
        audit: None,
    }
}

/// Rejects a subject that is a list alone: what it lists is beside it, and is not read.
///
/// # Errors
/// `nothing-checked`.
pub fn reject_list(subject: &Artifacts) -> Result<()> {
    let lists = listing::find(subject, &mut Vec::new()).by;
    if subject.kind != ArtifactsKind::File || lists.is_empty() {
        return Ok(());
    }
    let path = Utf8Path::new(&subject.name);
    let directory = path.parent().map_or("", Utf8Path::as_str);
    let directory = if directory.is_empty() { "." } else { directory };
    let message = format!("`{path}` is a list, and the files that it has are beside it");
    Err(Problem::new(NOTHING_CHECKED, message).help(format!(
        "pass the directory: `cargo xpkg verify {}`",
        invocation::quote(directory)
    )))
}

/// Result of the checks of a subject, or of one archive in it.
struct Checked {
    findings: Vec<Finding>,
    skipped: Vec<Skipped>,
    files: Vec<FileReport>,
    digests: DigestCount,
    /// Paths of its lists.
    lists: Vec<String>,
    /// Findings that its manifests accept.
    recorded: Vec<AcceptRule>,
}

impl Checked {
    /// Adds the result of an archive in a directory. Its paths become `ARCHIVE!/PATH`.
    fn add(&mut self, archive: &str, inside: Self) {
        let outer = |path: String| {
            if path.is_empty() {
                archive.to_owned()
            } else {
                format!("{archive}!/{path}")
            }
        };
        let Self {
            findings,
            skipped,
            files,
            digests,
            lists,
            recorded,
        } = inside;
        self.findings
            .extend(findings.into_iter().map(|finding| Finding {
                // What is said of the whole archive has no path in it.
                path: Some(outer(finding.path.unwrap_or_default())),
                ..finding
            }));
        self.skipped
            .extend(skipped.into_iter().map(|skipped| Skipped {
                path: outer(skipped.path),
                ..skipped
            }));
        self.files.extend(files.into_iter().map(|file| FileReport {
            path: outer(file.path),
            ..file
        }));
        // Without a list of its own, its files are the archive, which the outer list has.
        if !lists.is_empty() {
            self.digests.compared += digests.compared;
            self.digests.files += digests.files;
        }
        self.lists.extend(lists.into_iter().map(outer));
        self.recorded
            .extend(recorded.into_iter().map(|rule| AcceptRule {
                path: rule.path.map(outer),
                ..rule
            }));
    }
}

/// Checks a subject without the archives in it.
fn check_one(subject: &Artifacts, options: &VerifyOptions) -> Checked {
    let mut findings = Vec::new();
    let mut skipped = Vec::new();
    findings.extend(
        subject
            .entries
            .iter()
            .filter_map(|entry| check_entry(subject, entry)),
    );
    findings.extend(check_duplicates(subject));
    let links = Links::resolve(subject);
    findings.extend(
        subject
            .entries
            .iter()
            .filter_map(|entry| links.check(entry)),
    );
    let listing = listing::find(subject, &mut findings);
    findings.extend(release::check(subject, &listing));
    skipped.extend(listing.skipped.iter().cloned());
    let compared = check_listing(subject, &listing, &links);
    findings.extend(compared.findings);
    skipped.extend(compared.skipped);
    let inside = subject.inside.iter().map(|inside| inside.path.as_str());
    let inside: BTreeSet<&str> = inside.collect();
    let mut unread = Vec::new();
    let mut files = Vec::new();
    let mut programs = Vec::new();
    let mut data = Vec::new();
    let is_glibc = installed::is_glibc(subject);
    let index = index_manifest(&listing);
    let listed_modes: BTreeSet<String> = findings
        .iter()
        .filter(|finding| finding.code == MODE_UNFIT)
        .filter_map(|finding| finding.path.clone())
        .collect();
    for (path, file) in subject.entries.iter().filter_map(Entry::file) {
        let known = index.get(path).copied();
        let binary = match &file.binary {
            Ok(binary) => binary,
            Err(error)
                if is_damaged(subject.kind, path, error, file)
                    || known.is_some_and(|(artifact, _)| artifact.binary.is_some()) =>
            {
                findings.push(finding(
                    UNREADABLE_BINARY,
                    path,
                    error.to_string(),
                    "a program",
                    "build it again",
                ));
                continue;
            }
            Err(_) => {
                let is_read = listing.exempt.contains(path) || inside.contains(path);
                let is_text = subject.kind == ArtifactsKind::Package && is_documentation(path);
                if is_archive(path) && !is_read && !is_text {
                    unread.push(path);
                }
                continue;
            }
        };
        let role = installed::role(subject, path, file, binary);
        if role == Role::Data {
            data.push((path, &**binary));
            continue;
        }
        let is_own = matches!(role, Role::Own(_));
        let expected = find_expected(subject, (path, binary, role), known, options);
        let linked_by = known.map(|(_, record)| record.toolchain.kind);
        let input = RuleInput {
            mode: checked_mode(file.mode, path, subject.kind, options),
            homes: &file.homes,
            // What the manifest calls a bin may have become another one with an accepted finding.
            built: known
                .map(|(artifact, _)| artifact.kind)
                .filter(|kind| !kind.is_bin()),
            binary,
            expected: expected.as_ref(),
            linked_by,
            policy: &options.policy,
        };
        // A mode that differs from the list is reported already.
        let is_reported = listed_modes.contains(path);
        let mut searched = binary.rpath.iter().chain(&binary.runpath);
        let is_installed =
            subject.kind == ArtifactsKind::Package && searched.all(|path| is_of_system(path));
        findings.extend(
            table::check(path, &input)
                .into_iter()
                .filter(|finding| !(is_reported && finding.code == MODE_UNFIT))
                .filter(|finding| !(is_installed && finding.code == RPATH_SET))
                .filter(|finding| !(is_glibc && finding.code == PRIVATE_GLIBC)),
        );
        // The path of a link to it must not name another target.
        let aliases = links.aliases_of(path).filter(|_| !is_own);
        for alias in aliases {
            let expected = expected::from_path(alias, Some(binary));
            let input = RuleInput {
                expected: expected.as_ref(),
                linked_by: None,
                ..input
            };
            let machine = table::check(alias, &input)
                .into_iter()
                .filter(|finding| finding.code == WRONG_MACHINE);
            findings.extend(machine);
        }
        if !is_own {
            findings.extend(contradiction(path, binary, expected.as_ref()));
            findings.extend(archive_contradiction(
                subject,
                path,
                binary,
                expected.as_ref(),
            ));
        }
        let is_unknown = expected.as_ref().is_none_or(|expected| {
            // A universal file names its processors itself.
            let is_named = expected.universal || !binary.slices.is_empty();
            expected.arch.is_none() && !is_named
        });
        if is_unknown && options.policy.rule_override(TARGET_UNKNOWN).unwrap_or(true) {
            let what = format!("a program for {}", binary.machine);
            findings.push(finding(
                TARGET_UNKNOWN,
                path,
                what,
                "a target in its path, in a list or in `--target`",
                "`--target TRIPLE`",
            ));
        }
        files.push(FileReport {
            path: path.to_owned(),
            size: file.size,
            sha256: file.sha256.clone(),
            target: expected.as_ref().map(|expected| expected.name.clone()),
            binary: Some(binary.clone()),
            ran: None,
            runtime: None,
            is_packed: subject.kind.is_packed(),
            expected: expected.clone(),
        });
        // Packages for JavaScript have the same module, each with its own scripts.
        if known.is_none_or(|(artifact, _)| artifact.kind != ArtifactKind::WasmBindgen) {
            programs.push((path, file, expected));
        }
    }
    skipped.extend(unread_archives(subject, &unread));
    skipped.extend(installed::unchecked(&data));
    findings.extend(compare_programs(
        installed::may_copy(subject),
        &programs,
        &commits(&listing, options.taken.as_ref()),
        &options.policy,
    ));
    let recorded = recorded_rules(&listing);
    Checked {
        findings,
        skipped,
        files,
        digests: compared.digests,
        lists: listing.by,
        recorded,
    }
}

/// Returns true if a search path of libraries has directories of the system only. A package knows
/// where its own are.
fn is_of_system(path: &str) -> bool {
    const DIRECTORIES: &[&str] = &["$ORIGIN", "${ORIGIN}", "/lib", "/opt/", "/usr/lib"];
    let is_below = |one: &str| DIRECTORIES.iter().any(|below| one.starts_with(below));
    path.split(':')
        .all(|one| is_below(one) && !one.contains(".."))
}

/// Returns the permission bits of a program that are checked. What a package installs has the bits
/// that it is meant to have; a program in a template (`app.in`) gets its own later.
fn checked_mode(
    mode: Option<u32>,
    path: &str,
    kind: ArtifactsKind,
    options: &VerifyOptions,
) -> Option<u32> {
    let checked = match (kind, options.policy.name) {
        (ArtifactsKind::Package, PolicyName::Default | PolicyName::PortableLinux) => 0o777,
        _ => 0o7777,
    };
    mode.filter(|_| !path.ends_with(".in"))
        .map(|mode| mode & checked)
}

/// Returns true for a compressed text of a package, which holds no programs.
fn is_documentation(path: &str) -> bool {
    const DIRECTORIES: &[&str] = &["usr/share/doc/", "usr/share/man/", "usr/share/info/"];
    path.ends_with(".gz") && DIRECTORIES.iter().any(|below| path.starts_with(below))
}

/// Maximum number of archives that were not looked into and are named one by one.
const MOST_UNREAD: usize = 10;

/// Returns what is said of archives that were not looked into.
fn unread_archives(subject: &Artifacts, paths: &[&str]) -> Vec<Skipped> {
    let why = |path: &str| {
        // Unpacked, a static library is not looked into either.
        if subject.kind.is_packed() && !path.ends_with(".a") {
            "archives in an archive are not looked into; unpack it to verify them"
        } else {
            "archives of its format are not looked into"
        }
    };
    let shown = if paths.len() > MOST_UNREAD {
        MOST_UNREAD - 1
    } else {
        paths.len()
    };
    let each = paths[..shown].iter().map(|path| Skipped {
        path: (*path).to_owned(),
        what: "contents".to_owned(),
        why: why(path).to_owned(),
    });
    let more = paths.len() - shown;
    let rest = (more > 0).then(|| Skipped {
        path: paths[shown].to_owned(),
        what: "contents".to_owned(),
        why: format!("{}; {} more like this", why(paths[shown]), more - 1),
    });
    each.chain(rest).collect()
}

/// Returns the records of the manifests' builds, as far as files of them are taken.
fn commits<'a>(listing: &'a Listing, taken: Option<&Taken>) -> Vec<&'a TargetRecord> {
    let of_manifest = |manifest: &'a Manifest| {
        let is_taken = move |record: &&TargetRecord| {
            let mut artifacts = manifest.artifacts.iter();
            taken.is_none_or(|taken| {
                artifacts.any(|artifact| artifact.built_by == record.id && taken.has(artifact))
            })
        };
        manifest.targets.iter().filter(is_taken)
    };
    let manifests = listing.manifests.iter();
    manifests
        .flat_map(|(_, manifest)| of_manifest(manifest))
        .collect()
}

/// Returns the manifest's entries by path, each with the record of its target.
fn index_manifest(listing: &Listing) -> BTreeMap<String, (&Artifact, &TargetRecord)> {
    let records = listing.manifests.iter().flat_map(|(base, manifest)| {
        manifest.artifacts.iter().filter_map(move |artifact| {
            let mut records = manifest.targets.iter();
            let record = records.find(|record| record.id == artifact.built_by)?;
            Some((format!("{base}{}", artifact.path), (artifact, record)))
        })
    });
    records.collect()
}

/// Returns the requirements of a program: from the manifest, else from its path or the subject's
/// name, else from `--target`. A flag overrides what the path says where the two disagree.
fn find_expected(
    subject: &Artifacts,
    (path, binary, role): (&str, &Binary, Role),
    known: Option<(&Artifact, &TargetRecord)>,
    options: &VerifyOptions,
) -> Option<Expected> {
    if let Some((artifact, record)) = known
        && let Some(target) = Target::of_triple(&artifact.target)
    {
        return Some(Expected::of_record(&target, record));
    }
    // A release is often named after its target: the archive, or the directory that was passed.
    let release_name: Vec<&str> = subject.name.rsplit('/').take(2).collect();
    let release_name = release_name.into_iter().rev().collect::<Vec<_>>().join("/");
    let is_of_node = path.ends_with(".node") || installed::is_of_npm(subject);
    let from_path = |path: &str| {
        let found = expected::from_path(path, Some(binary))?;
        Some(if is_of_node {
            found.in_words_of_node(binary)
        } else {
            found
        })
    };
    let of_release = from_path(&release_name);
    let of_path = match role {
        Role::Own(own) => Some(own),
        Role::ByPath | Role::Data => from_path(path),
    };
    let guessed = match of_path {
        // `app.exe` in `app-x86_64-pc-windows-msvc.zip`.
        Some(guess) if guess.arch.is_none() && !guess.universal => {
            let same = |other: &Expected| other.os == guess.os;
            Some(of_release.filter(same).unwrap_or(guess))
        }
        // `app-x86_64-unknown-linux-gnu.2.17.tar.gz` with `x86_64-unknown-linux-gnu/app` in it.
        Some(guess) if guess.floor.is_none() => {
            let same = |other: &Expected| {
                other.arch == guess.arch && other.os == guess.os && other.libc == guess.libc
            };
            let floor = of_release.filter(same).and_then(|other| other.floor);
            Some(Expected { floor, ..guess })
        }
        Some(guess) => Some(guess),
        None if words::names_processor(path) => None,
        None => of_release,
    };
    let flags = options.targets.iter();
    match (&guessed, options.targets.as_slice()) {
        (_, []) => guessed,
        // The path tells which of the flags it is.
        (Some(guess), _) => {
            let fits = |target: &&Target| {
                guess.arch.is_none_or(|arch| arch == target.arch)
                    && target.system.os.may_be(guess.os)
                    && guess.libc.is_none_or(|libc| libc == target.system.libc)
            };
            // If no flag agrees with the path, the first flag wins: it is what the user requires.
            flags
                .clone()
                .find(fits)
                .or_else(|| flags.clone().next())
                .map(Expected::from_target)
        }
        (None, [only]) => Some(Expected::from_target(only)),
        (None, _) => None,
    }
}

/// Checks whether a path names another target than the list or the flag does.
fn contradiction(path: &str, binary: &Binary, expected: Option<&Expected>) -> Option<Finding> {
    let (guess, expected) = (expected::from_path(path, Some(binary))?, expected?);
    contradicts(&guess, expected).then(|| Finding {
        code: WRONG_MACHINE,
        path: Some(path.to_owned()),
        target: Some(expected.name.clone()),
        found: format!("a path for {}", guess.name),
        expected: expected.name.clone(),
        help: "move it to the directory of its target".to_owned(),
        advisory: None,
    })
}

/// Returns true if two names promise different processors or systems.
fn contradicts(one: &Expected, other: &Expected) -> bool {
    let arches = one.arch.zip(other.arch);
    !one.os.may_be(other.os) || arches.is_some_and(|(one, other)| one.name != other.name)
}

/// Checks whether the name of the archive promises another target than what a program in it is for.
fn archive_contradiction(
    subject: &Artifacts,
    path: &str,
    binary: &Binary,
    expected: Option<&Expected>,
) -> Option<Finding> {
    if !subject.kind.is_packed() || !installed::binds(subject, path) {
        return None;
    }
    let name = subject.name.rsplit('/').next().unwrap_or_default();
    // `arm.tar.gz` may hold anything.
    let is_promise = words::promise(name)
        .is_some_and(|promise| promise.system.is_some() && promise.processor.is_some());
    if !is_promise {
        return None;
    }
    let (promised, expected) = (expected::from_path(name, Some(binary))?, expected?);
    contradicts(&promised, expected).then(|| Finding {
        code: WRONG_MACHINE,
        path: Some(path.to_owned()),
        target: Some(promised.name.clone()),
        found: format!("a program for {}", expected.name),
        expected: format!("{}, as the archive's name says", promised.name),
        help: "rename the archive, or pack the program of its target".to_owned(),
        advisory: None,
    })
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[NOTHING_CHECKED];

/// Code of a subject in which nothing could be checked.
pub const NOTHING_CHECKED: Code = code(&CodeInfo {
    name: "nothing-checked",
    title: "nothing was checked",
    cause: "The directory, archive or file has no program that can be read, and no list of checksums; or \
            the file is such a list, without what it lists.",
    detection: "At least one program, or one file of a list, must have been looked at.",
    fix: "Pass the directory or archive that contains the programs.",
    page: "verify",
    sources: &[],
    waivable: false,
});
