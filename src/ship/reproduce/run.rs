//! Clones the recorded commits of a tree, builds them again, and compares the programs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use camino::{Utf8Path, Utf8PathBuf};
use clap::ValueEnum as _;

use crate::build::cargo_call::toml_text;
use crate::build::look::options::{self, RunOptions};
use crate::build::look::session::Session;
use crate::build::plan::Plan;
use crate::build::record::record;
use crate::build::run::{self, OnFailure};
use crate::host::machine::Host;
use crate::problem::{Failure, Problem, Result, text};
use crate::project::asked::Asked;
use crate::project::linker::{LinkerChoice, LinkerKind};
use crate::project::look::context::{self, WORKSPACE_UNREADABLE};
use crate::project::path_template::JSON_NAME;
use crate::project::selection_flags::Selection;
use crate::project::workspace::Workspace;
use crate::ship::reproduce::difference::{Likeness, difference};
use crate::ship::reproduce::{NOT_REPRODUCED, REPRODUCE_UNFIT, tools};
use crate::tree;
use crate::tree::manifest::{Artifact, Manifest, TargetRecord};
use crate::tree::source::{GIT_LIMIT, Source, git};
use crate::verify::finding::{Finding, finding};

/// Programs that one call builds again: those of one record.
pub struct Group<'a> {
    /// How they were built.
    record: &'a TargetRecord,
    /// Records of the parts of universal programs.
    slices: Vec<&'a TargetRecord>,
    artifacts: Vec<&'a Artifact>,
}

/// What distinguishes groups: commit, profile, ID of the record.
pub type GroupKey<'a> = (&'a str, &'a str, &'a str);

/// Builds all programs of a tree again, and returns a finding for each that has other bytes. The
/// workspace is the one here, which must have the commits.
///
/// # Errors
/// `reproduce-unfit`: there is no manifest, or a record names no commit, or other tools. Those of a
/// build.
pub fn reproduce(
    host: &Host,
    tree: &Utf8Path,
    manifest_path: Option<PathBuf>,
) -> Result<Vec<Finding>, Failure> {
    let manifest = tree::look::read(host, tree)?.map(|(manifest, _)| manifest);
    let manifest = manifest.ok_or_else(|| {
        let message = format!("`{tree}` is no staged tree: it has no `{JSON_NAME}`");
        Problem::new(REPRODUCE_UNFIT, message)
            .help("name a staged tree, an archive unpacked: `cargo xpkg verify --reproduce DIR`")
    })?;
    let groups = groups(&manifest)?;
    let options = options::cargo_options(host, None);
    let named = options::manifest_path(host, manifest_path)?;
    let project = context::workspace(host, &options, named.as_deref())?;
    let scratch = host.scratch()?;
    let scratch = Utf8Path::from_path(scratch.path()).unwrap_or(Utf8Path::new("/tmp"));
    let checkout = Checkout::clone(host, &project.workspace, scratch)?;
    let mut findings = Vec::new();
    for (at, (key, group)) in groups.iter().enumerate() {
        checkout.move_to(host, key.0)?;
        let place = scratch.join(format!("build-{at}"));
        let rebuilt = rebuild(host, key, group, &checkout, &place)?;
        for artifact in &group.artifacts {
            let path = tree.join(&artifact.path);
            let mine = || host.read(&path).map(Some);
            let again = (&*place.join("tree"), &rebuilt);
            findings.extend(compared(host, artifact, mine, again)?);
        }
    }
    let count = text::count(manifest.artifacts.len(), "program");
    host.shell
        .status("Rebuilt", &format!("{count}, {} differ", findings.len()));
    Ok(findings)
}

/// Sorts the programs of a tree by the builds that make them.
///
/// # Errors
/// `reproduce-unfit`: the commit of one is not known, or had changes.
pub fn groups(manifest: &Manifest) -> Result<BTreeMap<GroupKey<'_>, Group<'_>>> {
    let mut groups: BTreeMap<GroupKey, Group> = BTreeMap::new();
    for artifact in &manifest.artifacts {
        let unfit = |why: &str| {
            let message = format!("`{}` cannot be built again: {why}", artifact.path);
            Problem::new(REPRODUCE_UNFIT, message)
        };
        let mut records = manifest.targets.iter();
        let record = records
            .find(|record| record.id == artifact.built_by)
            .ok_or_else(|| unfit("the manifest has no record of its build"))?;
        let Source { commit, dirty, .. } = &record.source;
        let Some(commit) = commit else {
            return Err(unfit("its record names no commit")
                .help("build it in a git checkout: `cargo xpkg build --reproducible`"));
        };
        if *dirty != Some(false) {
            return Err(unfit("it was built from uncommitted changes")
                .help("commit them, and build it again: `cargo xpkg build --reproducible`"));
        }
        let key = (
            commit.as_str(),
            artifact.profile.as_str(),
            record.id.as_str(),
        );
        let slices = || {
            let records = manifest.targets.iter();
            records.filter(|part| record.slices.contains(&part.id))
        };
        let group = groups.entry(key).or_insert_with(|| Group {
            record,
            slices: slices().collect(),
            artifacts: Vec::new(),
        });
        group.artifacts.push(artifact);
    }
    Ok(groups)
}

/// Mode of a commit of another repository in git's index.
const GIT_LINK: &str = "160000 ";

/// A clone of the workspace's repository in a directory of another length.
pub struct Checkout<'a> {
    /// The workspace that was cloned.
    original: &'a Workspace,
    top: Utf8PathBuf,
    /// Root of the workspace in it.
    pub workspace: Utf8PathBuf,
}

impl<'a> Checkout<'a> {
    /// Clones the repository that contains a workspace, without its files.
    ///
    /// # Errors
    /// `reproduce-unfit`: git cannot.
    pub fn clone(host: &Host, original: &'a Workspace, scratch: &Utf8Path) -> Result<Self> {
        let root = original.root.as_path();
        let ask = |args: &[&str]| asked(host, root, args);
        let top = ask(&["rev-parse", "--show-toplevel"])?;
        let below = ask(&["rev-parse", "--show-prefix"])?;
        // Paths of another length move what comes after them.
        let place = |name: &str| scratch.join(name);
        let is_other =
            |place: &Utf8PathBuf| place.join(below.trim()).as_str().len() != root.as_str().len();
        let clone = Some(place("checkout"))
            .filter(is_other)
            .unwrap_or_else(|| place("another-checkout"));
        let call = git(scratch)
            // A path of this machine.
            .env("GIT_ALLOW_PROTOCOL", "file")
            .args(["-c", "core.hooksPath=/dev/null"])
            .args(["clone", "--quiet", "--shared", "--no-checkout", "--"])
            .args([top.trim_end_matches('\n'), clone.as_str()]);
        answer(host, &call)?;
        Ok(Self {
            original,
            workspace: clone.join(below.trim_end_matches('\n')),
            top: clone,
        })
    }

    /// Checks a commit out, without what an earlier one left.
    ///
    /// # Errors
    /// `reproduce-unfit`: it is not here, or has submodules or no `Cargo.lock`.
    pub fn move_to(&self, host: &Host, commit: &str) -> Result<()> {
        let ask = |args: &[&str]| asked(host, &self.top, args);
        ask(&["checkout", "--quiet", "--force", "--detach", commit]).map_err(|problem| {
            problem.help("fetch the commit: `git fetch --unshallow`, or run it in another checkout")
        })?;
        ask(&["clean", "--quiet", "-ffdx"])?;
        // A `.gitmodules` alone may be left over, as in packages of a registry.
        let entries = ask(&["ls-files", "--stage"])?;
        let submodules = entries.lines().filter(|line| line.starts_with(GIT_LINK));
        let submodules = submodules.filter_map(|line| line.split_once('\t'));
        let submodules: Vec<String> = submodules.map(|(_, path)| path.to_owned()).collect();
        if submodules.is_empty() {
            return self.check_lock(host);
        }
        let message = "the commit has submodules, which are not cloned";
        Err(Problem::new(REPRODUCE_UNFIT, message)
            .note("found", submodules)
            .help("build the commit elsewhere yourself, and compare `MANIFEST.txt`"))
    }

    /// Checks that the commit says which packages are built.
    fn check_lock(&self, host: &Host) -> Result<()> {
        const LOCK: &str = "Cargo.lock";
        if host.has_file(&self.workspace.join(LOCK)) {
            return Ok(());
        }
        let message = "the commit has no `Cargo.lock`, which says what packages were built";
        Err(Problem::new(REPRODUCE_UNFIT, message).help(
            "commit it, and build the tree again: `git add --force Cargo.lock && git commit \
             --message Cargo.lock`",
        ))
    }
}

/// Asks git in a directory.
fn asked(host: &Host, directory: &Utf8Path, args: &[&str]) -> Result<String> {
    let call = git(directory)
        .args(["-c", "core.hooksPath=/dev/null"])
        .args(args.iter().copied());
    answer(host, &call)
}

/// Returns git's answer.
fn answer(host: &Host, call: &crate::invocation::Invocation) -> Result<String> {
    let output = host.capture_bounded(call, GIT_LIMIT)?;
    if output.success() && !output.timed_out {
        return Ok(output.stdout);
    }
    let said = output.stderr.lines().next().unwrap_or("git did not answer");
    Err(Problem::new(
        REPRODUCE_UNFIT,
        format!("the recorded commit cannot be had: {said}"),
    ))
}

/// Builds a group again, after its recorded tools were found here.
///
/// # Errors
/// `reproduce-unfit`: they are others, or the clone lacks what the workspace needs. Those of a build.
pub fn rebuild(
    host: &Host,
    (_, profile, _): &GroupKey,
    group: &Group,
    checkout: &Checkout,
    place: &Utf8Path,
) -> Result<Manifest, Failure> {
    let record = group.record;
    let selected = record.selection.as_ref().ok_or_else(|| {
        let message = format!(
            "the programs for `{}` cannot be built again: their record does not say what cargo was \
             asked to build",
            record.target
        );
        Problem::new(REPRODUCE_UNFIT, message).help("build the tree again: `cargo xpkg build`")
    })?;
    let target = match &record.glibc {
        Some(glibc) => format!("{}.{glibc}", record.target),
        None => record.target.clone(),
    };
    let records = || std::iter::once(record).chain(group.slices.iter().copied());
    let waivers = records().flat_map(|record| &record.waivers);
    let of_files = group
        .artifacts
        .iter()
        .flat_map(|artifact| &artifact.waivers);
    let accept: BTreeSet<String> = waivers
        .chain(of_files)
        .map(|waiver| waiver.code.clone())
        .filter(|code| options::acceptable(code).is_ok())
        .collect();
    let target_dir = place.join("target");
    // A directory for the intermediate files of all workspaces has those of the first build.
    let build_dir = checkout.original.build_dir.as_ref();
    let config = build_dir.map(|_| format!("build.build-dir={}", toml_text(target_dir.as_str())));
    let run = RunOptions {
        targets: vec![target],
        linker: linker(records()),
        out_dir: Some(place.join("tree")),
        manifest_path: Some(checkout.workspace.join("Cargo.toml").into_std_path_buf()),
        selection: Selection {
            packages: selected.packages.clone(),
            workspace: false,
            exclude: Vec::new(),
            bins: selected.bins.clone(),
            features: selected.features.clone(),
            all_features: selected.all_features,
            no_default_features: selected.no_default_features,
        },
        profile: (*profile).to_owned(),
        jobs: None,
        locked: true,
        offline: false,
        frozen: false,
        target_dir: Some(target_dir),
        config: config.into_iter().collect(),
        accept: accept.into_iter().collect(),
        auditable: Asked::by_flag(selected.auditable),
        reproducible: Asked::by_flag(record.reproducible),
        compiler_cache: None,
    };
    let check = |session: &Session, plan: &Plan| {
        let records: Vec<&TargetRecord> = records().collect();
        check_tools(host, session, plan, checkout, &records)
    };
    match run::make(host, run, OnFailure::Stop, check) {
        Ok(made) => Ok(made.manifest),
        Err(failure) => Err(in_clone(failure)),
    }
}

/// Puts the failure of a build in a clone into words of the checkout: the clone is gone when they
/// are read.
fn in_clone(failure: Failure) -> Failure {
    let Failure::Problems(problems) = failure else {
        return failure;
    };
    let problems = problems.into_iter().map(|problem| {
        if problem.code != WORKSPACE_UNREADABLE {
            return problem;
        }
        let message = "cargo cannot read the workspace in a clone of its repository";
        let unfit = Problem::new(REPRODUCE_UNFIT, message);
        let notes = problem.notes;
        Problem { notes, ..unfit }.help(
            "commit what the clone lacks: a path dependency outside of the repository, or a file \
             that git ignores",
        )
    });
    Failure::Problems(problems.collect())
}

/// Returns the linker that a flag or a variable chose; what files choose, they choose again.
fn linker<'a>(mut records: impl Iterator<Item = &'a TargetRecord>) -> Option<LinkerChoice> {
    let is_typed = |record: &&TargetRecord| {
        let by = record.toolchain.chosen_by.as_str();
        ["`--linker`", "`XPKG_LINKER`"].contains(&by)
    };
    let kind: LinkerKind = records.find(is_typed)?.toolchain.kind;
    let choices = LinkerChoice::value_variants().iter();
    choices.copied().find(|choice| choice.kind() == Some(kind))
}

/// Refuses a second build by other tools.
fn check_tools(
    host: &Host,
    session: &Session,
    plan: &Plan,
    checkout: &Checkout,
    records: &[&TargetRecord],
) -> Result<(), Failure> {
    // Variables may name files of the workspace that was cloned.
    let places = session.places(host).with_checkout(checkout.original);
    let mut problems = Vec::new();
    for target in &plan.targets {
        let source = Source::default();
        let here = record(&session.facts, plan, target, &source, &places);
        let mut records = records.iter();
        let Some(recorded) = records.find(|record| record.target == here.target) else {
            continue;
        };
        let others = tools::others(recorded, &here);
        if !others.is_empty() {
            let message = format!("the tools for `{}` are others here", recorded.target);
            problems.push(Problem::new(REPRODUCE_UNFIT, message).note("found", others).help(
                "run it with the tools that built the tree; `cargo xpkg plan` shows those here",
            ));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.into())
    }
}

/// Returns true if two records are of builds of one program.
pub fn is_same(one: &Artifact, other: &Artifact) -> bool {
    (&other.target, &other.package, &other.bin) == (&one.target, &one.package, &one.bin)
}

/// Compares a program, whose bytes `mine` reads, with its second build: a tree and its manifest.
///
/// # Errors
/// A file cannot be read.
pub fn compared(
    host: &Host,
    artifact: &Artifact,
    mine: impl FnOnce() -> Result<Option<Vec<u8>>>,
    (rebuilt_tree, rebuilt): (&Utf8Path, &Manifest),
) -> Result<Option<Finding>> {
    let mut others = rebuilt.artifacts.iter();
    let Some(other) = others.find(|other| is_same(artifact, other)) else {
        let help = "the commit does not build it";
        let found = "no second build";
        return Ok(Some(finding(
            NOT_REPRODUCED,
            &artifact.path,
            found,
            "the same program",
            help,
        )));
    };
    if other.sha256 == artifact.sha256 {
        return Ok(None);
    }
    let Some(mine) = mine()? else {
        return Ok(None);
    };
    let theirs = host.read(&rebuilt_tree.join(&other.path))?;
    let Some(difference) = difference(&mine, &theirs) else {
        // The file is not the one that the manifest lists, which is a finding of its own.
        return Ok(None);
    };
    let records = rebuilt.targets.iter();
    let is_reproducible = records
        .filter(|record| record.id == other.built_by)
        .any(|record| record.reproducible);
    let help = match difference.likeness {
        Likeness::Path if is_reproducible => {
            "its code or a build script asks for the directory (`CARGO_MANIFEST_DIR`), which no flag \
             changes"
        }
        Likeness::Path => "build it with `--reproducible`, which names directories",
        Likeness::Date => {
            "make the build take `SOURCE_DATE_EPOCH`, which `--reproducible` sets, for now"
        }
        Likeness::BuildId | Likeness::SymbolHash | Likeness::Other => {
            "compare both with `diffoscope`"
        }
    };
    let mut found = finding(
        NOT_REPRODUCED,
        &artifact.path,
        difference.to_string(),
        format!("`{}`", difference.rebuilt),
        help,
    );
    found.target = Some(artifact.target.clone());
    Ok(Some(found))
}
