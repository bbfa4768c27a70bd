//! A pinned cross image: what of another system stands in it is judged by the same rules as what
//! stands here.

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

/// Variables of this machine that cargo and build scripts heed inside, besides those that name the
/// target.
const PASSED: &[&str] = &[
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "SOURCE_DATE_EPOCH",
    "TERM",
];

/// Beginnings of such names.
const PASSED_BEGINNINGS: &[&str] = &["CARGO_PROFILE_", "CARGO_TERM_"];

/// Beginnings of the names of variables of an image that change what cargo does there.
const HEEDED: &[&str] = &[
    "CARGO_BUILD_",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "CARGO_PROFILE_",
    "CARGO_TARGET_",
    "RUSTC",
    "RUSTFLAGS",
];

/// Names of programs to look for inside.
pub fn wanted(target: &Target, host: &str) -> Vec<String> {
    let own = [CC, CXX].map(str::to_owned);
    own.into_iter().chain(gcc::wanted(target, host)).collect()
}

/// Whether a variable of this machine's means something inside without being asked for.
pub fn passes(target: &Target, name: &str) -> bool {
    // These two name programs of this machine.
    let ours = [
        format!("CARGO_TARGET_{}_LINKER", target.upper()),
        format!("CARGO_TARGET_{}_RUNNER", target.upper()),
    ];
    let role = |name: &str| ENV_VARS.iter().any(|row| row.role == name);
    let scoped = [target.triple(), &target.lower(), &target.upper()]
        .iter()
        .any(|own| name.contains(*own))
        || name.strip_prefix("TARGET_").is_some_and(role);
    // Where a registry's index is, not what opens it.
    let index = name.starts_with("CARGO_REGISTRIES_") && name.ends_with("_INDEX");
    !ours.iter().any(|own| own == name)
        && (scoped
            || index
            || PASSED.contains(&name)
            || PASSED_BEGINNINGS
                .iter()
                .any(|beginning| name.starts_with(beginning)))
}

pub fn candidates(case: &TargetContext) -> Result<Vec<Candidate>, String> {
    let image = match &case.here.image {
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
    // The rules of the other kinds, on what stands inside.
    let facts = Facts {
        rustc: case.facts.rustc.clone(),
        programs: image.inside.programs.clone(),
        ..Facts::default()
    };
    let here = inside(case, image);
    let inner = TargetContext {
        facts: &facts,
        here: &here,
        sysroot: None,
        ..case.clone()
    };
    let found = match &here.linker {
        Some(setting) => configured(&inner, setting).map(|candidate| vec![candidate])?,
        None => {
            let kinds = [native::candidates, gcc::candidates, lld::candidates]
                .map(|candidates| candidates(&inner));
            let first = kinds
                .iter()
                .find_map(|judged| judged.as_ref().ok())
                .cloned();
            let [_, gcc, lld] = kinds;
            let why = [gcc.err(), lld.err()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("; ");
            first.ok_or(format!("no compiler in it serves: {why}"))?
        }
    };
    Ok(found
        .into_iter()
        .map(|candidate| contained(case, image, candidate))
        .collect())
}

/// What is known of the target inside: what its environment says there, whoever put it there.
fn inside(case: &TargetContext, image: &ImageFacts) -> TargetFacts {
    let own = &case.facts.rustc.host;
    let mut here = TargetFacts {
        self_contained: case.here.self_contained,
        rustflags: case.here.rustflags.clone(),
        reports: case.here.reports.clone(),
        ..TargetFacts::default()
    };
    let place = |name: &str| {
        if image.passed.iter().any(|passed| passed.name == name) {
            SettingOrigin::Environment
        } else {
            SettingOrigin::Image
        }
    };
    for row in ENV_VARS.iter().filter(|row| row.role != "RUNNER") {
        let mut names = row.accepted(case.target, own).into_iter();
        let there = names.find_map(|name| {
            Some(Setting {
                place: place(&name),
                value: image.environment.get(&name)?.clone(),
                name,
            })
        });
        let configured = || {
            case.here
                .settings
                .get(row.role)
                .filter(|setting| setting.place == SettingOrigin::CargoConfiguration)
                .cloned()
        };
        if let Some(setting) = there.or_else(configured) {
            match row.role {
                "LINKER" => here.linker = Some(setting),
                role => _ = here.settings.insert(role.to_owned(), setting),
            }
        }
    }
    here
}

/// A candidate of the inside as one of this machine: with the container that all of its calls run
/// in.
fn contained(case: &TargetContext, image: &ImageFacts, candidate: Candidate) -> Candidate {
    let cache = case.tools.parent().unwrap_or(case.tools);
    let target_dir = cache.join("images").join(key(image, &case.facts.rustc));
    let mut mounts = image.mounts.clone();
    if !candidate.files.is_empty() {
        mounts.push(Mount::reading(case.tools));
    }
    mounts.push(Mount::writing(&target_dir));
    let of = |name: &str, value: String| ForwardedVar {
        name: name.to_owned(),
        value: Some(value),
    };
    let path = image.variables.get("PATH").map_or(
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        String::as_str,
    );
    let sysroot = &case.facts.rustc.sysroot;
    let mut variables = vec![
        of("CARGO_HOME", image.cargo_home.to_string()),
        of("PATH", format!("{sysroot}/bin:{path}")),
    ];
    // The caller has no home in a stranger's system, and each engine would say another.
    variables.push(of("HOME", "/tmp".to_owned()));
    let ours = candidate
        .variables
        .iter()
        .filter(|variable| variable.set_by == SetBy::Xpkg);
    variables.extend(ours.map(|variable| of(&variable.name, variable.value.clone())));
    let taken: Vec<String> = variables.iter().map(|passed| passed.name.clone()).collect();
    variables.extend(
        image
            .passed
            .iter()
            .filter(|passed| !taken.contains(&passed.name))
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
        // Set where the call is made.
        cwd: Utf8PathBuf::from("/"),
    };
    let chosen = ResolvedImage {
        reference: image.reference.clone(),
        digest: image.digest.clone(),
        platform: image.platform.clone(),
        derived: image.derived.clone(),
        engine: image.engine.words(),
        target_dir,
        hidden: image.hidden.clone(),
        container,
    };
    // What the image itself says to cargo counts there, and is shown.
    let heeded = |name: &String| HEEDED.iter().any(|beginning| name.starts_with(beginning));
    let theirs = image.variables.iter().filter(|(name, _)| {
        heeded(name)
            && !taken.contains(name)
            && !image.passed.iter().any(|passed| passed.name == **name)
    });
    let theirs = theirs.map(|(name, value)| Variable {
        name: name.clone(),
        value: value.clone(),
        set_by: SetBy::Image,
    });
    let mut shown = candidate.variables.clone();
    let more: Vec<Variable> = theirs
        .filter(|variable| !shown.iter().any(|known| known.name == variable.name))
        .collect();
    shown.extend(more);
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

/// What parts one image's files from another's: the content, and the compiler that is run in it.
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

/// One name for a directory that cargo writes to, which one run holds at a time: whatever else has
/// it is of a dead run.
fn name(target_dir: &Utf8Path) -> String {
    let mut hasher = DefaultHasher::new();
    target_dir.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
