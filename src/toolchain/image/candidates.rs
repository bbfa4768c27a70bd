//! Candidates in a pinned cross image, judged by the same rules as those on this machine.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use camino::{Utf8Path, Utf8PathBuf};

use crate::project::linker::LinkerKind;
use crate::project::rustc::Rustc;
use crate::project::setting::{Setting, SettingOrigin};
use crate::target::Target;
use crate::toolchain::candidate::{Candidate, SetBy, Variable};
use crate::toolchain::configured::configured;
use crate::toolchain::context::TargetContext;
use crate::toolchain::environment::ENV_VARS;
use crate::toolchain::facts::{Facts, TargetFacts};
use crate::toolchain::image::chosen::ResolvedImage;
use crate::toolchain::image::container::{Container, ForwardedVar, Mount};
use crate::toolchain::image::facts::ImageFacts;
use crate::toolchain::native::{self, CC, CXX};
use crate::toolchain::{gcc, lld};

/// Variables of this machine that cargo and build scripts read in the container, besides those with
/// the target in their names.
const FORWARDED: &[&str] = &[
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "SOURCE_DATE_EPOCH",
    "TERM",
];

/// Prefixes of further such variables.
const FORWARDED_PREFIXES: &[&str] = &["CARGO_PROFILE_", "CARGO_TERM_"];

/// Prefixes of an image's variables that change what cargo does in it.
const HEEDED: &[&str] = &[
    "CARGO_BUILD_",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "CARGO_PROFILE_",
    "CARGO_TARGET_",
    "RUSTC",
    "RUSTFLAGS",
];

/// Returns the names of programs to search for in the image.
pub fn search_names(target: &Target, host: &str) -> Vec<String> {
    let programs = [CC, CXX].map(str::to_owned);
    programs
        .into_iter()
        .chain(gcc::search_names(target, host, &BTreeSet::new()))
        .collect()
}

/// Returns true if a variable of this machine is forwarded without being configured.
pub fn passes(target: &Target, name: &str) -> bool {
    // These two contain paths of this machine's programs.
    let programs = [
        format!("CARGO_TARGET_{}_LINKER", target.upper()),
        format!("CARGO_TARGET_{}_RUNNER", target.upper()),
    ];
    let role = |name: &str| ENV_VARS.iter().any(|env_var| env_var.role == name);
    let scoped = [target.triple(), &target.lower(), &target.upper()]
        .iter()
        .any(|spelling| name.contains(*spelling))
        || name.strip_prefix("TARGET_").is_some_and(role);
    // The URL of a registry, not its credentials.
    let index = name.starts_with("CARGO_REGISTRIES_") && name.ends_with("_INDEX");
    !programs.iter().any(|spelling| spelling == name)
        && (scoped
            || index
            || FORWARDED.contains(&name)
            || FORWARDED_PREFIXES
                .iter()
                .any(|prefix| name.starts_with(prefix)))
}

/// Returns the candidates in the target's image, or the reason why there is none.
pub fn candidates(case: &TargetContext) -> Result<Vec<Candidate>, String> {
    let image = match &case.target_facts.image {
        None => return Err("none is configured for this target".to_owned()),
        Some(Err(problem)) => return Err(problem.message.clone()),
        Some(Ok(image)) => image,
    };
    if !image.inside.programs.contains_key(CC) {
        return Err(format!(
            "`{}`, which links build scripts and proc macros, is not in the image",
            CC
        ));
    }
    // The rules of the other kinds, applied to the programs in the image.
    let facts = Facts {
        rustc: case.facts.rustc.clone(),
        programs: image.inside.programs.clone(),
        ..Facts::default()
    };
    let target_facts = inside(case, image);
    let inner = TargetContext {
        facts: &facts,
        target_facts: &target_facts,
        sysroot: None,
        ..case.clone()
    };
    let found = match &target_facts.linker {
        Some(setting) => configured(&inner, setting).map(|candidate| vec![candidate])?,
        None => {
            let kinds = [native::candidates, gcc::candidates, lld::candidates]
                .map(|candidates| candidates(&inner));
            let first = kinds
                .iter()
                .find_map(|candidates| candidates.as_ref().ok())
                .cloned();
            let [_, gcc, lld] = kinds;
            let why = [gcc.err(), lld.err()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("; ");
            first.ok_or(format!("no compiler in it works for the target: {why}"))?
        }
    };
    Ok(found
        .into_iter()
        .map(|candidate| contained(case, image, candidate))
        .collect())
}

/// Collects the facts about the target in the container: variables of its environment, from this
/// machine or from the image.
fn inside(case: &TargetContext, image: &ImageFacts) -> TargetFacts {
    let host = &case.facts.rustc.host;
    let mut target_facts = TargetFacts {
        self_contained: case.target_facts.self_contained,
        crt_static: case.target_facts.crt_static,
        rustflags: case.target_facts.rustflags.clone(),
        reports: case.target_facts.reports.clone(),
        ..TargetFacts::default()
    };
    let origin = |name: &str| {
        if image.passed.iter().any(|passed| passed.name == name) {
            SettingOrigin::Environment
        } else {
            SettingOrigin::Image
        }
    };
    for env_var in ENV_VARS.iter().filter(|env_var| env_var.role != "RUNNER") {
        let mut names = env_var.accepted(case.target, host).into_iter();
        let from_environment = names.find_map(|name| {
            Some(Setting {
                place: origin(&name),
                value: image.environment.get(&name)?.clone(),
                name,
            })
        });
        let configured = || {
            case.target_facts
                .settings
                .get(env_var.role)
                .filter(|setting| setting.place == SettingOrigin::CargoConfiguration)
                .cloned()
        };
        if let Some(setting) = from_environment.or_else(configured) {
            match env_var.role {
                "LINKER" => target_facts.linker = Some(setting),
                role => _ = target_facts.settings.insert(role.to_owned(), setting),
            }
        }
    }
    target_facts
}

/// Adds to a candidate in the image the container in which its programs run.
fn contained(case: &TargetContext, image: &ImageFacts, candidate: Candidate) -> Candidate {
    let cache = case.tools.parent().unwrap_or(case.tools);
    let target_dir = cache.join("images").join(key(image, &case.facts.rustc));
    let mut mounts = image.mounts.clone();
    if !candidate.files.is_empty() {
        mounts.push(Mount::reading(case.tools));
    }
    mounts.push(Mount::writing(&target_dir));
    let forwarded = |name: &str, value: String| ForwardedVar {
        name: name.to_owned(),
        value: Some(value),
    };
    let path = image.variables.get("PATH").map_or(
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        String::as_str,
    );
    let sysroot = &case.facts.rustc.sysroot;
    let mut variables = vec![
        forwarded("CARGO_HOME", image.cargo_home.to_string()),
        forwarded("PATH", format!("{sysroot}/bin:{path}")),
    ];
    // The caller has no home directory in the image, and engines differ in the HOME they set.
    variables.push(forwarded("HOME", "/tmp".to_owned()));
    let ours = candidate
        .variables
        .iter()
        .filter(|variable| variable.set_by == SetBy::Xpkg);
    variables.extend(ours.map(|variable| forwarded(&variable.name, variable.value.clone())));
    let names: Vec<String> = variables.iter().map(|passed| passed.name.clone()).collect();
    variables.extend(
        image
            .passed
            .iter()
            .filter(|passed| !names.contains(&passed.name))
            .cloned(),
    );
    let container = Container {
        engine: image.engine.clone(),
        label: image.label,
        image: image.run.clone(),
        name: format!("xpkg-{}", name(&target_dir)),
        user: image.user.clone(),
        mounts,
        variables,
        // Set by the caller.
        cwd: Utf8PathBuf::from("/"),
    };
    let chosen = ResolvedImage {
        reference: image.reference.clone(),
        digest: image.digest.clone(),
        platform: image.platform.clone(),
        derived: image.derived.clone(),
        engine: image.engine.label(),
        target_dir,
        masked: image.hidden.clone(),
        container,
    };
    // Settings of the image for cargo are in force in it, so they are shown.
    let heeded = |name: &String| HEEDED.iter().any(|prefix| name.starts_with(prefix));
    let from_image = image.variables.iter().filter(|(name, _)| {
        heeded(name)
            && !names.contains(name)
            && !image.passed.iter().any(|passed| passed.name == **name)
    });
    let from_image = from_image.map(|(name, value)| Variable {
        name: name.clone(),
        value: value.clone(),
        set_by: SetBy::Image,
    });
    let mut shown = candidate.variables.clone();
    let unshown: Vec<Variable> = from_image
        .filter(|variable| !shown.iter().any(|known| known.name == variable.name))
        .collect();
    shown.extend(unshown);
    Candidate {
        variables: shown,
        kind: LinkerKind::Image,
        reason: format!(
            "`{}` of `{}`, {}",
            candidate.linker.program, image.reference, candidate.reason
        ),
        image: Some(chosen),
        ..candidate
    }
}

/// Returns a digest of what separates the build files of one image from another's: its content, and
/// the Rust compiler.
fn key(image: &ImageFacts, rustc: &Rustc) -> String {
    let mut hasher = DefaultHasher::new();
    (
        &image.run,
        &rustc.release,
        &rustc.commit_hash,
        &rustc.host,
        &rustc.sysroot,
    )
        .hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Returns the container's name for a target directory. Only one run uses the directory at a time,
/// so an existing container of this name was left by a run that died.
fn name(target_dir: &Utf8Path) -> String {
    let mut hasher = DefaultHasher::new();
    target_dir.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
