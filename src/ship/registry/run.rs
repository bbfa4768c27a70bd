//! Runs cargo on a shadow of the workspace, and reads the packages and index lines that it writes.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::below::Below;
use crate::host::lock::FileLock;
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result, text};
use crate::project::config::release::RegistryConfig;
use crate::project::look::context::CargoOptions;
use crate::project::workspace::{Member, Workspace};
use crate::ship::registry::manifest::{
    self, MemberRef, Members, REGISTRY, inherited, needed, normalized, shadowed,
};
use crate::ship::release::model::RELEASE_INVALID;
use crate::tree::registry::{self, IndexLine, path_of};

/// A registry of some packages.
pub struct Registry {
    /// Address of the directory with `index/` and `crates/`, without a final slash.
    pub url: String,
    /// Packages, sorted by name.
    pub packages: Vec<Packed>,
    /// Held until the packages are copied: another run would replace them.
    _lock: FileLock,
}

/// A package of cargo.
pub struct Packed {
    /// Line of the index.
    pub line: IndexLine,
    /// Path of the `.crate`.
    pub file: Utf8PathBuf,
}

/// Files that `cargo package --list` names, and cargo writes itself.
const GENERATED: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "Cargo.toml.orig",
    ".cargo_vcs_info.json",
];

/// Largest size of a manifest or a file of the index in bytes.
const LONGEST: u64 = 16 * 1024 * 1024;

/// Checks what can be known of a registry before the workspace is built: its address, the manifests
/// of its packages, and that cargo lists their files.
///
/// # Errors
/// `registry-failed` and `release-invalid`, as of [`pack`].
pub fn check(
    host: &Host,
    cargo: &CargoOptions,
    workspace: &Workspace,
    packages: &BTreeSet<&str>,
    config: &RegistryConfig,
) -> Result<()> {
    address(&config.url)?;
    let scratch = host.scratch()?;
    shadow(host, cargo, workspace, packages, &scratch).map(drop)
}

/// Writes the shadow of some packages into a directory. Returns its path and all its packages.
fn shadow<'a>(
    host: &Host,
    cargo: &CargoOptions,
    workspace: &'a Workspace,
    packages: &BTreeSet<&str>,
    scratch: &tempfile::TempDir,
) -> Result<(Utf8PathBuf, Vec<&'a Member>)> {
    let path = Utf8Path::from_path(scratch.path()).unwrap_or(Utf8Path::new("/tmp"));
    let path = host.resolve(path);
    let below = host.below(&path)?;
    let shadow = Shadow {
        host,
        cargo,
        workspace,
        members: members(workspace),
        below: &below,
    };
    let chosen = shadow.write(packages)?;
    Ok((path, chosen))
}

/// Packs packages of the workspace, and the members that they depend on.
///
/// # Errors
/// `registry-failed` if cargo fails, `release-invalid` for a package that a registry cannot have.
pub fn pack(
    host: &Host,
    cargo: &CargoOptions,
    workspace: &Workspace,
    packages: &BTreeSet<&str>,
    config: &RegistryConfig,
) -> Result<Registry> {
    let url = address(&config.url)?;
    let scratch = host.scratch()?;
    let (shadow, chosen) = shadow(host, cargo, workspace, packages, &scratch)?;
    let target_dir = workspace.target_dir.join("xpkg-registry");
    host.create_target_dir(&workspace.target_dir)?;
    host.create_dir_all(&target_dir)?;
    let lock = target_dir.join(".xpkg-lock");
    let lock = host.lock(&lock, &format!("in `{target_dir}`"))?;
    let packed = target_dir.join("package");
    if host.exists(&packed) {
        host.remove_dir_all(&packed)?;
    }
    let is_verified = config.verify.unwrap_or(true);
    let call = |invocation: Invocation| {
        let invocation = invocation.env("CARGO_TARGET_DIR", target_dir.as_str());
        host.shell.detail("Running", &format!("`{invocation}`"));
        let output = host.relay(&invocation)?;
        if output.success() {
            return Ok(());
        }
        let problem = Problem::new(REGISTRY_FAILED, "cargo could not pack the packages");
        Err(problem.help(
            "read cargo's message; `cargo package --list` shows the files of a package, and `verify \
             = false` below `release.registry` leaves out its compilation",
        ))
    };
    let index = format!("registries.{REGISTRY}.index=\"sparse+{url}/index/\"");
    let manifest = shadow.join("Cargo.toml");
    // cargo reads its configuration and the pin of the toolchain from where it is started: they are
    // the user's, with replaced sources and private registries.
    let question = |args: &[&str]| {
        Invocation::new(&cargo.program, &workspace.root)
            .args(args.iter().copied())
            .args(["--manifest-path", manifest.as_str(), "--config", &index])
    };
    let is_offline = cargo.offline || cargo.frozen;
    if is_verified && !is_offline {
        call(question(&["fetch", "--quiet"]))?;
    }
    let names = chosen.iter().map(|member| member.name.clone());
    host.shell.status(
        "Packing",
        &format!("{} for the registry", text::count(chosen.len(), "package")),
    );
    let names: Vec<String> = names.collect();
    call(
        question(&[
            "package",
            "--quiet",
            "--offline",
            "--allow-dirty",
            "--no-metadata",
        ])
        .args(["--registry", REGISTRY])
        .options("--package", &names)
        .flag("--no-verify", !is_verified),
    )?;
    let mut found = Vec::new();
    for member in chosen {
        found.push(read(host, &packed.join("tmp-registry"), member)?);
    }
    found.sort_by(|a, b| a.line.name.cmp(&b.line.name));
    Ok(Registry {
        url,
        packages: found,
        _lock: lock,
    })
}

/// Returns the address of the registry without a final slash.
fn address(url: &str) -> Result<String> {
    if let Some(address) = registry::address(url) {
        return Ok(address.to_owned());
    }
    let message = format!("`url` of the registry is `{url}`: it is no address");
    Err(Problem::new(RELEASE_INVALID, message)
        .help("write it without a version: `url = \"https://get.example/stable/registry\"`"))
}

/// Returns the members by their directories.
fn members(workspace: &Workspace) -> Members {
    let member = |member: &Member| {
        let directory = member.manifest.parent()?;
        let reference = MemberRef {
            name: member.name.clone(),
            version: member.version.clone(),
        };
        Some((normalized(directory), reference))
    };
    workspace.members.iter().filter_map(member).collect()
}

/// Reads what cargo wrote of a package.
fn read(host: &Host, registry: &Utf8Path, member: &Member) -> Result<Packed> {
    let failed = |why: String| {
        let message = format!(
            "cargo's index line of `{}` cannot be used: {why}",
            member.name
        );
        Problem::new(REGISTRY_FAILED, message)
            .help("try the newest cargo: `rustup update`; then report it")
    };
    let index = registry.join("index").join(path_of(&member.name));
    let text = host.read_small_text(&index, LONGEST)?;
    let last = text.lines().rfind(|line| !line.trim().is_empty());
    let mut line = IndexLine::from_cargo(last.unwrap_or_default()).map_err(failed)?;
    if (line.name.as_str(), line.vers.as_str()) != (member.name.as_str(), member.version.as_str()) {
        return Err(failed(format!("it is of `{}` {}", line.name, line.vers)));
    }
    line.rust_version.clone_from(&member.rust_version);
    let file = registry.join(line.crate_name());
    let (digest, _) = host.hash(&file)?;
    if digest != line.cksum {
        return Err(failed("its digest is not that of the package".to_owned()));
    }
    Ok(Packed { line, file })
}

/// A shadow that is being written.
struct Shadow<'a, 'w> {
    host: &'a Host,
    cargo: &'a CargoOptions,
    workspace: &'w Workspace,
    members: Members,
    below: &'a Below<'a>,
}

impl<'w> Shadow<'_, 'w> {
    /// Writes the shadow of some packages. Returns them, with the members that they depend on.
    fn write(&self, packages: &BTreeSet<&str>) -> Result<Vec<&'w Member>> {
        let Self {
            host,
            workspace,
            members,
            below,
            ..
        } = self;
        let root = &workspace.root;
        let root_text = host.read_small_text(&root.join("Cargo.toml"), LONGEST)?;
        let inherited = inherited(&root_text, root, members)?;
        let chosen = self.closure(packages, &inherited)?;
        let mut kept = Vec::new();
        for member in &chosen {
            let directory = member.manifest.parent().unwrap_or(root);
            let relative = directory.strip_prefix(root).map_err(|_| {
                let message = format!(
                    "the member `{}` is outside the workspace's root",
                    member.name
                );
                Problem::new(RELEASE_INVALID, message).help("move it below the root")
            })?;
            if !relative.as_str().is_empty() {
                kept.push(relative.to_string());
            }
        }
        let manifest = shadowed(&root_text, root, members, &kept)?;
        below.write("Cargo.toml", manifest.as_bytes(), None)?;
        let lock = root.join("Cargo.lock");
        if host.is_file(&lock) {
            below.write("Cargo.lock", &host.read(&lock)?, None)?;
        }
        let mut linked = BTreeSet::new();
        // A root with a package of its own must load, packed or not.
        let root_member = workspace.root_member();
        let is_chosen = |member: &&Member| chosen.iter().any(|other| other.name == member.name);
        for member in chosen
            .iter()
            .copied()
            .chain(root_member.filter(|m| !is_chosen(m)))
        {
            self.link(member, &kept, &mut linked)?;
        }
        Ok(chosen)
    }

    /// Returns the packages and all members that they need.
    fn closure(
        &self,
        packages: &BTreeSet<&str>,
        inherited: &BTreeMap<String, String>,
    ) -> Result<Vec<&'w Member>> {
        let mut pending: Vec<String> = packages.iter().map(ToString::to_string).collect();
        let mut found: BTreeMap<String, &Member> = BTreeMap::new();
        while let Some(name) = pending.pop() {
            let member = self
                .workspace
                .members
                .iter()
                .find(|member| member.name == name);
            let Some(member) = member else {
                continue;
            };
            if found.insert(name, member).is_some() {
                continue;
            }
            let text = self.host.read_small_text(&member.manifest, LONGEST)?;
            let directory = member.manifest.parent().unwrap_or(&self.workspace.root);
            let needs = needed(&text, directory, &self.members, inherited)?;
            pending.extend(needs.into_iter().filter(|name| !found.contains_key(name)));
        }
        Ok(found.into_values().collect())
    }

    /// Writes the manifest of a member, and links the files that cargo would pack.
    fn link(&self, member: &Member, kept: &[String], linked: &mut BTreeSet<String>) -> Result<()> {
        let Self {
            host,
            cargo,
            workspace,
            members,
            below,
        } = self;
        let root = &workspace.root;
        let directory = member.manifest.parent().unwrap_or(root);
        let relative = directory.strip_prefix(root).unwrap_or(Utf8Path::new(""));
        let within = |path: &str| match relative.as_str() {
            "" => path.to_owned(),
            relative => format!("{relative}/{path}"),
        };
        if !relative.as_str().is_empty() {
            let text = host.read_small_text(&member.manifest, LONGEST)?;
            let text = manifest::shadowed(&text, directory, members, kept)?;
            below.write(&within("Cargo.toml"), text.as_bytes(), None)?;
        }
        let question = Invocation::new(&cargo.program, root)
            .args(["package", "--list", "--allow-dirty", "--quiet", "--offline"])
            .args(["--package", &format!("{}@{}", member.name, member.version)]);
        let output = host.capture(&question)?;
        if !output.success() {
            let message = format!("cargo does not list the files of `{}`", member.name);
            let problem = Problem::new(REGISTRY_FAILED, message);
            return Err(problem
                .note("command", [question.to_string()])
                .cause(&output.stderr)
                .help("cargo reports the same error"));
        }
        let listed = output
            .stdout
            .lines()
            .filter(|path| !GENERATED.contains(path));
        let listed = listed.map(|path| directory.join(path));
        // Those may lie above the package: cargo packs them all the same.
        let elsewhere = [&member.readme, &member.license_file].into_iter().flatten();
        for file in listed.chain(elsewhere.map(|path| normalized(path))) {
            let Ok(place) = file.strip_prefix(root) else {
                continue;
            };
            if host.is_file(&file) && linked.insert(place.to_string()) {
                below.symlink(host.resolve(&file).as_str(), place.as_str())?;
            }
        }
        Ok(())
    }
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[REGISTRY_FAILED];

/// Packages that cargo does not pack.
pub const REGISTRY_FAILED: Code = code(&CodeInfo {
    name: "registry-failed",
    title: "cargo could not pack the packages of the registry",
    cause: "A package lacks a file that it needs, depends on a repository without a version, or does \
            not compile from what it contains.",
    detection: "`cargo package` runs on a copy of the workspace's manifests, and compiles each package \
                unless `verify = false` is configured.",
    fix: "Read cargo's message, which comes before this one.",
    page: "release",
    sources: &["The Cargo Book, cargo package"],
    waivable: false,
});
