//! Trees, configuration and flags -> the release. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::inspect::binary::FormatName;
use crate::problem::text::printable;
use crate::problem::{Problem, Result, nearest};
use crate::project::artifact_kind::ArtifactKind;
use crate::project::config::Config;
use crate::project::config::release::{ArchiveFormat, ReleaseConfig};
use crate::project::workspace::Member;
use crate::ship::release::deb;
use crate::ship::release::installer;
use crate::ship::release::managers;
use crate::ship::release::model::{
    Build, Included, IncludedFile, Package, RELEASE_DIRTY, RELEASE_INVALID, Release, ReleasedBin,
};
use crate::ship::release::version::{check_tag, version};
use crate::target::Target;
use crate::target::glibc::Glibc;
use crate::target::system::{Format, Os};
use crate::tree::manifest::{Artifact, Manifest, TargetRecord};
use crate::tree::signature::SignatureKind;
use crate::verify::signed::Signer;

/// What a release is decided from, besides the trees.
pub struct Input<'a> {
    /// Configuration of the workspace.
    pub config: &'a Config,
    /// Members of the workspace; empty without one.
    pub members: &'a [Member],
    /// Files to include, and settings with files, by package.
    pub included: &'a BTreeMap<String, Included>,
    /// Targets to release: those of `--target`, or those that this run built; empty for all.
    pub targets: &'a [String],
    /// Packages and bins that this run built; `None` for all bins of the trees.
    pub bins: Option<&'a BTreeSet<(String, String)>>,
    /// `--tag`.
    pub tag: Option<&'a str>,
    /// `--allow-dirty`.
    pub allow_dirty: bool,
    /// True if programs that are not built yet will have the lists of their packages.
    pub auditable: bool,
}

/// A bin of one of the trees.
struct TreeBin<'a> {
    tree: usize,
    manifest: &'a Manifest,
    artifact: &'a Artifact,
}

/// Returns the release of these trees.
///
/// # Errors
/// All problems: `release-invalid`, `release-dirty`, `tag-mismatch`.
pub fn decide(trees: &[Manifest], input: &Input) -> Result<Release, Vec<Problem>> {
    let Input {
        config,
        members,
        included,
        targets,
        bins: wanted,
        tag,
        allow_dirty,
        auditable,
    } = input;
    let of_trees = trees.iter().enumerate().flat_map(|(tree, manifest)| {
        let bin = move |artifact| TreeBin {
            tree,
            manifest,
            artifact,
        };
        manifest.artifacts.iter().map(bin)
    });
    let is_wanted = |bin: &TreeBin| {
        let TreeBin { artifact, .. } = bin;
        (targets.is_empty() || targets.contains(&artifact.target))
            && wanted
                .is_none_or(|bins| bins.contains(&(artifact.package.clone(), artifact.bin.clone())))
    };
    let bins: Vec<TreeBin> = of_trees.filter(is_wanted).collect();
    let mut problems = missing(targets, &bins, trees);
    if bins.is_empty() {
        if problems.is_empty() {
            let problem = Problem::new(RELEASE_INVALID, "the trees have no bin to release");
            problems.push(problem.help("build one: `cargo xpkg build`"));
        }
        return Err(problems);
    }
    problems.extend(source_problems(&bins, *allow_dirty));
    problems.extend(stale(&bins, members));
    let packages: BTreeSet<(&str, &str)> = bins
        .iter()
        .map(|bin| (bin.artifact.package.as_str(), bin.artifact.version.as_str()))
        .collect();
    let release = &config.release;
    let version = version(&packages, release.version_of.as_deref());
    if let (Ok(version), Some(tag)) = (&version, tag) {
        let released: Vec<&str> = packages.iter().map(|(name, _)| *name).collect();
        let others: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        problems.extend(check_tag(tag, version, &released, &others).err());
    }
    let url = match &version {
        Ok(version) => url(release, version, *tag).map_err(|problem| problems.push(problem)),
        Err(_) => Ok(None),
    };
    problems.extend(invalid_words(release));
    let keys = public_keys(release).unwrap_or_else(|problem| {
        problems.push(problem);
        BTreeMap::new()
    });
    let (builds, clashes) = builds(&bins, config, included, *auditable);
    problems.extend(clashes);
    if release.installers != Some(false) {
        problems.extend(installer::problems(&builds));
    }
    let package = |(name, version): &(&str, &str)| {
        let member = members.iter().find(|member| member.name == *name);
        Package {
            name: (*name).to_owned(),
            version: (*version).to_owned(),
            description: member.and_then(|member| member.description.clone()),
            license: member.and_then(|member| member.license.clone()),
            homepage: member.and_then(|member| member.homepage.clone()),
            deb: included
                .get(*name)
                .and_then(|included| included.deb.clone()),
        }
    };
    let released: Vec<Package> = packages.iter().map(package).collect();
    problems.extend(deb::problems(&released));
    problems.extend(managers::problems(release));
    let (version, url) = match (version, url) {
        (Ok(version), Ok(url)) if problems.is_empty() => (version, url),
        (version, _) => {
            problems.extend(version.err());
            return Err(problems);
        }
    };
    let sources = bins.iter().map(|bin| &record(bin).source);
    let repository = sources.clone().find_map(|source| source.repository.clone());
    Ok(Release {
        name: name(release, &packages, repository.as_deref()),
        version: version.to_owned(),
        tag: tag.map(str::to_owned),
        commit: sources.clone().find_map(|source| source.commit.clone()),
        repository,
        url,
        sidecars: release.sidecars,
        installers: release.installers.unwrap_or(true),
        install_directory: release.install_dir.clone(),
        homebrew: release.homebrew,
        scoop: release.scoop,
        public_keys: keys,
        provenance: release.provenance.unwrap_or(true),
        packages: released,
        builds,
    })
}

/// Returns the public keys of the configuration by their kinds.
fn public_keys(config: &ReleaseConfig) -> Result<BTreeMap<SignatureKind, String>> {
    let mut keys = BTreeMap::new();
    for text in &config.public_keys {
        let invalid = |why: &str| {
            let message = format!("`public-keys` has `{}`, which is {why}", printable(text));
            Problem::new(RELEASE_INVALID, message).help(
                "write one line of a key of each kind: `minisign.pub`'s second, `id_ed25519.pub`'s",
            )
        };
        let signer = Signer::parse(text, text).map_err(|_| invalid("no public key"))?;
        // An address at the end of an SSH key is nobody's business.
        let words: Vec<&str> = text.split_whitespace().take(2).collect();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "+/=@.- ".contains(c);
        let key = words.join(" ");
        if !key.chars().all(is_plain) {
            return Err(invalid("no line of a key"));
        }
        if keys.insert(signer.kind(), key).is_some() {
            return Err(invalid("a second key of its kind"));
        }
    }
    Ok(keys)
}

/// Returns the record of a bin's build.
fn record<'a>(bin: &TreeBin<'a>) -> &'a TargetRecord {
    let TreeBin {
        manifest, artifact, ..
    } = bin;
    let record = manifest
        .targets
        .iter()
        .find(|record| record.id == artifact.built_by);
    record.expect("a manifest that was parsed has the record of each file")
}

/// Returns a problem for each requested target that has no bin.
fn missing(targets: &[String], bins: &[TreeBin], trees: &[Manifest]) -> Vec<Problem> {
    let has = |target: &&String| bins.iter().any(|bin| bin.artifact.target == **target);
    let available: BTreeSet<&str> = trees
        .iter()
        .flat_map(|tree| &tree.targets)
        .map(|record| record.target.as_str())
        .collect();
    let problem = |target: &String| {
        let message = format!("the trees have no bin for the requested target `{target}`");
        let problem = Problem::new(RELEASE_INVALID, message)
            .note("available", available.iter().map(ToString::to_string));
        match nearest(target, available.iter().copied()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("build it: `cargo xpkg build --target {target}`")),
        }
    };
    let absent = targets.iter().filter(|target| !has(target));
    absent.map(problem).collect()
}

/// Returns the problems of the sources: uncommitted changes, and several commits.
fn source_problems(bins: &[TreeBin], allow_dirty: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    let dirty: BTreeSet<&str> = bins
        .iter()
        .map(record)
        .filter(|record| record.source.dirty == Some(true))
        .map(|record| record.target.as_str())
        .collect();
    if !dirty.is_empty() && !allow_dirty {
        problems.push(
            Problem::new(
                RELEASE_DIRTY,
                "the trees were built with uncommitted changes, so nobody can build them again",
            )
            .note("targets", dirty.iter().map(ToString::to_string))
            .help(
                "commit the changes and build again, or release them as they are: `--allow-dirty`",
            ),
        );
    }
    let mut commits: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for record in bins.iter().map(record) {
        let commit = record.source.commit.as_deref().unwrap_or("no commit");
        commits.entry(commit).or_default().insert(&record.target);
    }
    if commits.len() > 1 {
        let line = |(commit, targets): (&&str, &BTreeSet<&str>)| {
            let targets: Vec<&str> = targets.iter().copied().collect();
            format!("{commit}: {}", targets.join(", "))
        };
        problems.push(
            Problem::new(
                RELEASE_INVALID,
                "the trees were built from different commits",
            )
            .note("commits", commits.iter().map(line))
            .help("build all targets at one commit"),
        );
    }
    problems
}

/// Returns a problem for each package whose version in the workspace is not that of the trees.
fn stale(bins: &[TreeBin], members: &[Member]) -> Vec<Problem> {
    let mut found: BTreeSet<(&str, &str, &str)> = BTreeSet::new();
    for TreeBin { artifact, .. } in bins {
        let member = members
            .iter()
            .find(|member| member.name == artifact.package);
        if let Some(member) = member.filter(|member| member.version != artifact.version) {
            found.insert((&member.name, &artifact.version, &member.version));
        }
    }
    let problem = |(name, built, now): &(&str, &str, &str)| {
        let message =
            format!("the trees have `{name}` {built}, and the workspace is at version {now}");
        Problem::new(RELEASE_INVALID, message).help("build it again: `cargo xpkg build`")
    };
    found.iter().map(problem).collect()
}

/// Returns the name of the release: the configured one, that of its only package or of the package
/// whose version it has, the last part of the repository's address, or that of its first package.
fn name(
    config: &ReleaseConfig,
    packages: &BTreeSet<(&str, &str)>,
    repository: Option<&str>,
) -> String {
    let only = packages.first().filter(|_| packages.len() == 1);
    let repository = repository.and_then(|address| {
        let last = address.trim_end_matches('/').rsplit('/').next()?;
        Some(last.trim_end_matches(".git")).filter(|name| is_name(name))
    });
    let chosen = config
        .name
        .as_deref()
        .or(only.map(|(name, _)| *name))
        .or(config.version_of.as_deref())
        .or(repository)
        .or(packages.first().map(|(name, _)| *name));
    chosen.unwrap_or_default().to_owned()
}

/// Returns true for a name that file names and variables can be made of.
fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !name.is_empty() && name.chars().all(is_plain) && !name.starts_with(['.', '-'])
}

/// Returns the problems of the configured words that scripts contain.
fn invalid_words(config: &ReleaseConfig) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(name) = config.name.as_ref().filter(|name| !is_name(name)) {
        let message = format!("`name` of the release is `{name}`");
        problems.push(
            Problem::new(RELEASE_INVALID, message)
                .help("write it with letters, digits, `.`, `_` and `-`"),
        );
    }
    let is_plain = |part: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        !part.is_empty() && part != "." && part != ".." && part.chars().all(is_plain)
    };
    if let Some(directory) = config.install_dir.as_ref()
        && !directory.split('/').all(is_plain)
    {
        let message = format!("`install-dir` of the release is `{directory}`");
        problems.push(
            Problem::new(RELEASE_INVALID, message)
                .help("write a path below the home directory: `install-dir = \".chat/bin\"`"),
        );
    }
    problems
}

/// Returns the address of the release, with the fields of the configured one filled in.
fn url(config: &ReleaseConfig, version: &str, tag: Option<&str>) -> Result<Option<String>> {
    let Some(template) = &config.url else {
        return Ok(None);
    };
    let invalid = |why: String, help: &str| {
        Problem::new(RELEASE_INVALID, format!("`url` is `{template}`: {why}")).help(help)
    };
    let help = "write it as `url = \"https://get.example/stable/{version}\"`";
    if template.contains("{tag}") && tag.is_none() {
        let help = format!("pass the tag: `--tag v{version}`");
        return Err(invalid(
            "it has `{tag}`, and `--tag` is not given".to_owned(),
            &help,
        ));
    }
    let filled = template
        .replace("{version}", version)
        .replace("{tag}", tag.unwrap_or_default());
    let filled = filled.trim_end_matches('/');
    let rest = ["https://", "http://"]
        .iter()
        .find_map(|scheme| filled.strip_prefix(scheme));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/%+@[]".contains(c);
    match rest {
        Some(rest) if !rest.is_empty() && rest.chars().all(is_plain) => Ok(Some(filled.to_owned())),
        _ => Err(invalid(
            "it is no address with `https://` or `http://`".to_owned(),
            help,
        )),
    }
}

/// Returns the builds, with the problems of names that clash.
fn builds(
    bins: &[TreeBin],
    config: &Config,
    included: &BTreeMap<String, Included>,
    auditable: bool,
) -> (Vec<Build>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut groups: BTreeMap<(&str, &str), Vec<&TreeBin>> = BTreeMap::new();
    for bin in bins {
        let key = (bin.artifact.package.as_str(), bin.artifact.target.as_str());
        groups.entry(key).or_default().push(bin);
    }
    let mut found = Vec::new();
    for ((package, triple), group) in groups {
        let Some(mut target) = Target::of_triple(triple) else {
            continue;
        };
        let records = group.iter().map(|bin| record(bin));
        target.floor = records
            .filter_map(|record| record.glibc.as_deref())
            .find_map(Glibc::parse);
        let mut released: Vec<ReleasedBin> = Vec::new();
        for bin in &group {
            let made = released_bin(bin, config);
            match released.iter().find(|other| other.name == made.name) {
                None => released.push(made),
                // The same file in two trees, as legs that share a target have it.
                Some(other) if other.sha256 == made.sha256 => {}
                Some(_) => problems.push(
                    Problem::new(
                        RELEASE_INVALID,
                        format!(
                            "two bins of `{package}` for `{triple}` are named `{}`",
                            made.name
                        ),
                    )
                    .help("leave out one of the trees, or `rename` one of the bins"),
                ),
            }
        }
        released.sort_by(|a, b| a.name.cmp(&b.name));
        let files = included.get(package);
        let files = files
            .map(|included| included.files.clone())
            .unwrap_or_default();
        problems.extend(clashes(package, &released, &files));
        let version = &group[0].artifact.version;
        found.push(Build {
            package: package.to_owned(),
            platform: record(group[0]).platform.clone(),
            stem: format!("{package}-{version}-{triple}"),
            formats: formats(&config.release, &target),
            is_listed: released.iter().all(|bin| match &bin.binary {
                Some(binary) => binary.format == FormatName::Elf && binary.auditable,
                None => auditable && target.system.format == Format::Elf,
            }),
            target,
            bins: released,
            files,
        });
    }
    (found, problems)
}

/// Returns a problem for each file to include whose place is that of a program, or that is a
/// directory for another file.
fn clashes(package: &str, bins: &[ReleasedBin], files: &[IncludedFile]) -> Vec<Problem> {
    let places = files.iter().map(|file| file.to.as_str());
    let places: Vec<&str> = places
        .chain(bins.iter().map(|bin| bin.name.as_str()))
        .collect();
    let clash = |file: &IncludedFile| {
        if bins.iter().any(|bin| bin.name == file.to) {
            let message = format!("`include` puts `{}` where a bin of `{package}` is", file.to);
            return Some(
                Problem::new(RELEASE_INVALID, message).help("choose another place for it"),
            );
        }
        let above = file.to.match_indices('/').map(|(end, _)| &file.to[..end]);
        let other = above
            .into_iter()
            .find(|directory| places.contains(directory))?;
        let message = format!(
            "`include` puts `{}` of `{package}` into `{other}`, which is a file",
            file.to
        );
        Some(Problem::new(RELEASE_INVALID, message).help("choose another place for one of them"))
    };
    files.iter().filter_map(clash).collect()
}

/// Returns the formats of the archives for a target.
fn formats(config: &ReleaseConfig, target: &Target) -> Vec<ArchiveFormat> {
    let ReleaseConfig {
        archives,
        windows_archives,
        ..
    } = config;
    let (configured, default) = if target.system.os == Os::Windows {
        (windows_archives, ArchiveFormat::Zip)
    } else {
        (archives, ArchiveFormat::TarGz)
    };
    let mut formats = configured.clone().unwrap_or_else(|| vec![default]);
    formats.sort();
    formats.dedup();
    formats
}

fn released_bin(bin: &TreeBin, config: &Config) -> ReleasedBin {
    let TreeBin { tree, artifact, .. } = bin;
    let renamed = config
        .package
        .get(&artifact.package)
        .and_then(|package| package.rename.get(&artifact.bin));
    let suffix = [".exe", ".wasm"]
        .into_iter()
        .find(|suffix| artifact.path.ends_with(suffix))
        .unwrap_or_default();
    let name = renamed.unwrap_or(&artifact.bin);
    let target = Target::of_triple(&artifact.target).filter(|_| !artifact.kind.is_bin());
    ReleasedBin {
        kind: artifact.kind,
        name: match target {
            // In a directory of its own, which has the name that it has in the tree.
            Some(_) if artifact.kind == ArtifactKind::WasmBindgen => {
                let mut parts = artifact.path.rsplitn(3, '/');
                let (file, directory) = (parts.next(), parts.next());
                format!(
                    "{}/{}",
                    directory.unwrap_or_default(),
                    file.unwrap_or_default()
                )
            }
            Some(target) => artifact.kind.file_name(&target, name),
            None => format!("{name}{suffix}"),
        },
        tree: *tree,
        path: artifact.path.clone(),
        size: artifact.size,
        sha256: artifact.sha256.clone(),
        binary: artifact.binary.clone(),
    }
}
