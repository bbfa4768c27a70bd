//! Decides the legs of a run: one for each target, with the arguments that build it on another
//! machine. Pure.

use camino::{Utf8Path, Utf8PathBuf};
use clap::ValueEnum as _;

use crate::build::look::options::RunOptions;
use crate::build::wasm_bindgen::directories;
use crate::problem::text::list;
use crate::problem::{Problem, Result, nearest};
use crate::project::asked::Asked;
use crate::project::config::Config;
use crate::project::config::ci::SetConfig;
use crate::project::rustc::Rustc;
use crate::project::selection;
use crate::project::selection::Bin;
use crate::project::selection_flags::Selection;
use crate::project::settings::Settings;
use crate::ship::ci::codes::{LEG_PATH, MATRIX_EMPTY, SET_UNKNOWN};
use crate::ship::ci::legs::{Leg, LegFile, Legs, SCHEMA_ID, SCHEMA_VERSION};
use crate::target::{SLICES, Target};
use crate::toolchain::msvc::sdk::is_msvc;
use crate::tree::manifest::Tool;
use crate::tree::source::Source;
use crate::tree::staged::{self, Output};

/// Place of the legs' trees, with the name of the leg: below cargo's usual target directory, which
/// projects ignore, and apart, so that legs on one file system do not wait for each other.
const TREES: &str = "target/xpkg-legs/{leg}";

/// Field of `--out-dir` and `--target-dir` for the name of the leg.
const FIELD: &str = "{leg}";

/// Name of the host as a target.
const HOST_TUPLE: &str = "host-tuple";

/// What legs are decided from.
#[derive(Debug)]
pub struct Input<'a> {
    /// Resolved settings.
    pub settings: &'a Settings,
    /// Bins of every leg.
    pub bins: &'a [Bin],
    /// Options as they were typed, for the arguments of the legs.
    pub arguments: &'a Arguments,
    /// Rust compiler here, which the cache's key names.
    pub rustc: &'a Rustc,
    /// Commit and lockfile.
    pub source: Source,
    /// Name of the set.
    pub set: Option<String>,
}

/// Arguments of all legs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// Arguments but for the target and the directories.
    pub shared: Vec<String>,
    /// `--out-dir`, which may have `{leg}`.
    pub out_dir: String,
    /// `--target-dir`, which may have `{leg}`.
    pub target_dir: Option<String>,
}

/// Returns the targets of a set.
///
/// # Errors
/// `set-unknown` and `matrix-empty`.
pub fn targets_of(config: &Config, name: &str) -> Result<Vec<String>> {
    let sets = &config.ci.sets;
    let targets = match sets.get(name) {
        Some(SetConfig::Targets(targets)) => targets.clone(),
        Some(SetConfig::All(_)) if config.targets.is_empty() => {
            let message = format!("the set `{name}` is all targets, and none are configured");
            let problem = Problem::new(SET_UNKNOWN, message);
            return Err(problem.help(
                "name them in Cargo.toml: `[workspace.metadata.xpkg]`, `targets = \
                 [\"x86_64-unknown-linux-musl\"]`",
            ));
        }
        Some(SetConfig::All(_)) => config.targets.clone(),
        None => {
            let message = format!("`--set {name}`: no such set is configured");
            let problem = Problem::new(SET_UNKNOWN, message);
            let names = || sets.keys().map(String::as_str);
            return Err(match nearest(name, names()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None if sets.is_empty() => problem.help(format!(
                    "add it in Cargo.toml: `[workspace.metadata.xpkg.ci.sets]`, `{name} = \"all\"`"
                )),
                None => problem.help(format!("the sets are {}", list(names()))),
            });
        }
    };
    if targets.is_empty() {
        let message = format!("the set `{name}` has no target, so there is no leg to run");
        let help = "name a target in the set, or do not start the run";
        return Err(Problem::new(MATRIX_EMPTY, message).help(help));
    }
    Ok(targets)
}

/// Returns the problems of the targets that a workflow builds: those of the sets `pr` and `main`, and
/// all that are configured. `known` are rustc's triples.
pub fn target_problems(config: &Config, known: &[String]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let is_configured = |name: &&str| config.ci.sets.contains_key(*name);
    let sets = ["pr", "main"].into_iter().filter(is_configured);
    let mut names = config.targets.clone();
    for set in sets {
        match targets_of(config, set) {
            Ok(targets) => names.extend(targets),
            Err(problem) => problems.push(problem),
        }
    }
    names.retain(|name| name != HOST_TUPLE);
    names.sort();
    names.dedup();
    let faults = names.iter().map(|name| Target::parse(name, known));
    problems.extend(faults.filter_map(Result::err));
    problems
}

/// Returns the arguments of all legs, from the options of `matrix`. `linker` is XPKG_LINKER, which
/// other machines do not have.
///
/// # Errors
/// `leg-path`: all absolute paths.
pub fn arguments(
    options: &RunOptions,
    allow_outside: &[Utf8PathBuf],
    linker: Option<&str>,
) -> Result<Arguments, Vec<Problem>> {
    let RunOptions {
        targets: _,
        linker: choice,
        out_dir,
        manifest_path,
        selection,
        profile,
        jobs,
        locked,
        offline,
        frozen,
        target_dir,
        config,
        accept,
        auditable,
        reproducible,
        compiler_cache,
    } = options;
    let Selection {
        packages,
        workspace,
        exclude,
        bins,
        features,
        all_features,
        no_default_features,
    } = selection;
    let manifest_path = manifest_path
        .as_ref()
        .map(|path| path.display().to_string());
    let choice = choice.and_then(|choice| choice.to_possible_value());
    let choice = choice.map(|value| value.get_name().to_owned());
    let linker = choice.or_else(|| linker.map(str::to_owned));
    let target_dir = target_dir.as_ref().map(Utf8PathBuf::to_string);
    let out_dir = out_dir.as_ref().map_or(TREES, |dir| dir.as_str());
    let paths = [("--out-dir", Some(out_dir))]
        .into_iter()
        .chain([("--target-dir", target_dir.as_deref())])
        .chain([("--manifest-path", manifest_path.as_deref())])
        .chain(
            config
                .iter()
                .map(|value| ("--config", Some(value.as_str()))),
        );
    let problems: Vec<Problem> = paths
        .filter_map(|(flag, path)| Some((flag, path?)))
        .filter(|(_, path)| Utf8Path::new(path).is_absolute())
        .map(|(flag, path)| {
            let message = format!("`{flag} {path}` is a path of this machine");
            Problem::new(LEG_PATH, message)
                .help("pass it relative to the current directory, in which the legs are run, too")
        })
        .collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut shared: Vec<String> = Vec::new();
    let flags = [
        ("--workspace", *workspace),
        ("--all-features", *all_features),
        ("--no-default-features", *no_default_features),
        ("--auditable", *auditable == Asked::Always),
        ("--reproducible", *reproducible == Asked::Always),
        ("--locked", *locked),
        ("--offline", *offline),
        ("--frozen", *frozen),
    ];
    let flags = flags.into_iter().filter(|(_, is_set)| *is_set);
    let allow_outside: Vec<String> = allow_outside.iter().map(Utf8PathBuf::to_string).collect();
    let features: Vec<String> = match features.as_slice() {
        [] => Vec::new(),
        features => vec![features.join(",")],
    };
    let profile = Some(profile.clone()).filter(|profile| profile != "release");
    let compiler_cache = compiler_cache.map(|cache| cache.name().to_owned());
    let values: [(&str, &[String]); 12] = [
        ("--manifest-path", manifest_path.as_slice()),
        ("--package", packages),
        ("--exclude", exclude),
        ("--bin", bins),
        ("--features", &features),
        ("--linker", linker.as_slice()),
        ("--compiler-cache", compiler_cache.as_slice()),
        ("--accept", accept),
        ("--allow-outside", &allow_outside),
        ("--profile", profile.as_slice()),
        ("--jobs", jobs.as_slice()),
        ("--config", config),
    ];
    for (name, values) in values {
        shared.extend(values.iter().flat_map(|value| option(name, value)));
    }
    shared.extend(flags.map(|(name, _)| name.to_owned()));
    Ok(Arguments {
        shared,
        out_dir: out_dir.to_owned(),
        target_dir,
    })
}

/// Returns the words of an option. A value that begins with `-` would be taken for a flag in a word
/// of its own.
fn option(name: &str, value: &str) -> Vec<String> {
    if value.starts_with('-') {
        vec![format!("{name}={value}")]
    } else {
        vec![name.to_owned(), value.to_owned()]
    }
}

/// Returns the legs.
///
/// # Errors
/// All problems of the layout: two legs whose files would have one path in the joined tree, too.
pub fn decide(input: Input) -> Result<Legs, Vec<Problem>> {
    let Input {
        settings,
        bins,
        arguments,
        rustc,
        source,
        set,
    } = input;
    let profile = &settings.cargo.profile;
    let mut problems = Vec::new();
    let mut outputs = Vec::new();
    for target in &settings.targets() {
        for bin in selection::files_of(bins, target) {
            match settings.layout.path(target, bin, profile) {
                Ok(path) => outputs.push(Output {
                    target: target.clone(),
                    bin: bin.clone(),
                    path,
                }),
                Err(problem) => problems.push(problem),
            }
        }
    }
    problems.extend(staged::clashes(&outputs));
    if !problems.is_empty() {
        return Err(problems);
    }
    // The leg of a universal target builds what its programs are made of.
    let is_part = |target: &Target| settings.universal && SLICES.contains(&target.triple());
    let legs = settings
        .targets()
        .iter()
        .filter(|target| !is_part(target))
        .map(|target| Leg {
            native: is_native(target, settings),
            ..leg(target, &outputs, arguments, profile, rustc)
        })
        .collect();
    Ok(Legs {
        schema: SCHEMA_ID.to_owned(),
        schema_version: SCHEMA_VERSION,
        tool: Tool {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        set,
        source,
        profile: profile.clone(),
        legs,
    })
}

/// Returns true if a target is linked on its own system only: with Microsoft's libraries, unless a copy
/// of them is named.
fn is_native(target: &Target, settings: &Settings) -> bool {
    let mut requests = settings.requests.iter();
    let request = requests.find(|request| request.target == *target);
    is_msvc(target) && request.is_some_and(|request| request.sysroot.is_none())
}

/// Returns the leg of a target.
fn leg(
    target: &Target,
    outputs: &[Output],
    arguments: &Arguments,
    profile: &str,
    rustc: &Rustc,
) -> Leg {
    let Arguments {
        shared,
        out_dir,
        target_dir,
    } = arguments;
    // A dot can be in the name of a processor: `thumbv8m.main-none-eabi`.
    let name = target.triple().replace('.', "-");
    let tree = out_dir.replace(FIELD, &name);
    let target_dir = target_dir
        .as_ref()
        .map(|directory| directory.replace(FIELD, &name));
    let own = [
        ("--target", Some(target.to_string())),
        ("--out-dir", Some(tree.clone())),
        ("--target-dir", target_dir),
    ];
    let own = own
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    let own = own.flat_map(|(name, value)| option(name, &value));
    let args = own.chain(shared.iter().cloned()).collect();
    let is_of_leg =
        |output: &&Output| output.target == *target || target.holds(output.target.triple());
    let packages = outputs.iter().filter(is_of_leg).flat_map(directories);
    let mut files: Vec<LegFile> = outputs
        .iter()
        .filter(is_of_leg)
        .map(|output| LegFile {
            path: output.path.clone(),
            package: output.bin.package.clone(),
            version: output.bin.version.clone(),
            bin: output.bin.bin.clone(),
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Leg {
        target: target.to_string(),
        platform: target.platform(),
        native: false,
        args,
        tree,
        artifact: format!("xpkg-{name}"),
        cache_prefix: format!("xpkg-{name}-{profile}-rustc{}-", rustc.release),
        files,
        packages: packages.map(|(_, directory)| directory).collect(),
        name,
    }
}
