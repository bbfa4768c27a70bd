//! The settings of a run, resolved from all sources. Flags have precedence over variables,
//! variables over xpkg's configuration, and that over cargo's.
//!
//! Pure: variables and files are read by the caller.

use camino::{Utf8Path, Utf8PathBuf};

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::text::list;
use crate::problem::{Problem, Result, nearest};
use crate::project::asked::Asked;
use crate::project::cargo_config::{self, OpaqueConfig};
use crate::project::compiler_cache::CompilerCache;
use crate::project::config::parse::CONFIG_INVALID;
use crate::project::config::{CdylibConfig, Config, DockerfileTable, PreBuild, TargetConfig};
use crate::project::linker::{LINKER_UNFIT, LinkerChoice};
use crate::project::path_template::{DEFAULT_LAYOUT, PathTemplate};
use crate::project::reference::Reference;
use crate::project::request::{TargetOverrides, TargetRequest, WantedImage};
use crate::project::rustc::Rustc;
use crate::project::selection_flags::Selection;
use crate::project::workspace::Workspace;
use crate::target::{SLICES, Target, UNIVERSAL, UNKNOWN_TARGET};

/// Arguments of every cargo call, for all targets.
#[derive(Debug, Clone)]
pub struct CargoArgs {
    /// `cargo`, or without rustup the path of the cargo that started xpkg.
    pub program: String,
    /// Toolchain that the user chose with `+NAME` or RUSTUP_TOOLCHAIN.
    pub rustup_toolchain: Option<String>,
    /// `--profile`.
    pub profile: String,
    /// `--jobs`.
    pub jobs: Option<String>,
    /// `--locked`.
    pub locked: bool,
    /// `--offline`.
    pub offline: bool,
    /// `--frozen`.
    pub frozen: bool,
    /// `--target-dir`.
    pub target_dir: Option<Utf8PathBuf>,
    /// Values of `--config`.
    pub config: Vec<String>,
    /// `--quiet`.
    pub quiet: bool,
    /// Number of `-v` for cargo: one fewer than xpkg got.
    pub verbose: u8,
    /// `--color`.
    pub color: Option<String>,
}

/// The settings of a run, resolved from flags, environment and configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Arguments of every cargo call.
    pub cargo: CargoArgs,
    /// Selected packages, bins and features.
    pub selection: Selection,
    /// Requested targets, each with its settings.
    pub requests: Vec<TargetRequest>,
    /// True if universal programs are made of those for both processors of Macs.
    pub universal: bool,
    /// Root of the staged tree.
    pub out_dir: Utf8PathBuf,
    /// Layout of the staged tree.
    pub layout: PathTemplate,
    /// Codes of findings that do not stop the run.
    pub accept: Vec<Code>,
    /// True if the list of its packages is added to each program.
    pub auditable: bool,
    /// True if programs are the same on every machine.
    pub reproducible: bool,
    /// Cache of compilers, if the flag or the configuration has one.
    pub compiler_cache: Option<CompilerCache>,
}

impl Settings {
    /// Returns the targets of the staged files: those that are requested, and the universal one that
    /// is made of two of them.
    pub fn targets(&self) -> Vec<Target> {
        let requested = self.requests.iter().map(|request| request.target.clone());
        let universal = self.universal.then(Target::universal);
        requested.chain(universal).collect()
    }
}

/// Values from the command line, from variables, and from cargo's configuration.
#[derive(Debug, Clone, Default)]
pub struct CliOverrides {
    /// Values of `--target`.
    pub targets: Vec<String>,
    /// `--linker`.
    pub linker: Option<LinkerChoice>,
    /// `--out-dir`.
    pub out_dir: Option<Utf8PathBuf>,
    /// Values of `--accept`.
    pub accept: Vec<Code>,
    /// Who asks for the lists of packages in programs.
    pub auditable: Asked,
    /// Who asks for the same programs on every machine.
    pub reproducible: Asked,
    /// `--compiler-cache`.
    pub compiler_cache: Option<CompilerCache>,
    /// xpkg's own environment variables.
    pub variables: Variables,
    /// cargo's `build.target`.
    pub cargo_targets: Vec<String>,
    /// Name of the key or variable that sets it.
    pub cargo_targets_by: &'static str,
}

/// xpkg's own environment variables.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    /// XPKG_TARGETS: names, separated by commas or spaces.
    pub targets: Option<String>,
    /// XPKG_LINKER: a [`LinkerChoice`].
    pub linker: Option<String>,
    /// XPKG_OUT_DIR, relative to the user's working directory.
    pub out_dir: Option<Utf8PathBuf>,
}

/// Returns the settings of a run, or all problems with them.
#[expect(
    clippy::too_many_arguments,
    reason = "each is a separate source, and there is one caller"
)]
pub fn resolve(
    typed: CliOverrides,
    cargo: CargoArgs,
    selection: Selection,
    config: &Config,
    workspace: &Workspace,
    rustc: &Rustc,
    triples: &[String],
    opaque: &[OpaqueConfig],
) -> Result<Settings, Vec<Problem>> {
    let CliOverrides {
        targets,
        linker,
        out_dir,
        accept,
        auditable,
        reproducible,
        compiler_cache,
        variables,
        cargo_targets,
        cargo_targets_by,
    } = typed;
    let Variables {
        targets: target_variable,
        linker: linker_variable,
        out_dir: out_dir_variable,
    } = variables;
    let mut problems = Vec::new();
    let variable = linker_variable
        .map(|name| parse_linker(&name))
        .transpose()
        .unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
    // Names from xpkg's own sources. If there are any, cargo's `build.target` is ignored.
    let typed_names = [
        targets,
        split_names(&target_variable.unwrap_or_default()),
        config.targets.clone(),
    ]
    .into_iter()
    .find(|list| !list.is_empty());
    let targets_given = typed_names.is_some();
    // A name that the user has not typed is reported with the key that sets it.
    let named_by = (!targets_given && !cargo_targets.is_empty()).then_some(cargo_targets_by);
    let names = typed_names
        .or(Some(cargo_targets).filter(|list| !list.is_empty()))
        .unwrap_or_else(|| vec![rustc.host.clone()]);
    let of_host = |name: String| match name.as_str() {
        "host-tuple" => rustc.host.clone(),
        _ => name,
    };
    let names: Vec<String> = names.into_iter().map(of_host).collect();
    let universal = names.iter().filter(|name| *name == UNIVERSAL).count();
    let mut requests: Vec<TargetRequest> = Vec::new();
    for name in with_slices(names) {
        match Target::parse(&name, triples).and_then(|target| {
            request(
                config,
                &workspace.root,
                target,
                linker,
                variable,
                &accept,
                triples,
            )
        }) {
            Ok(request)
                if requests
                    .iter()
                    .any(|other| other.target.triple() == request.target.triple()) =>
            {
                problems.push(target_twice(request.target.triple()));
            }
            Ok(request) => requests.push(request),
            Err(problem) => {
                problems.push(problem.note("set by", named_by.map(str::to_owned)));
            }
        }
    }
    if universal > 1 {
        problems.push(target_twice(UNIVERSAL));
    }
    for name in config.target.keys().filter(|name| !triples.contains(name)) {
        let problem = Problem::new(
            UNKNOWN_TARGET,
            format!("the configuration has a table for `{name}`, which rustc does not know"),
        );
        if name == UNIVERSAL {
            problems.push(problem.help(format!(
                "write a table for each target that it is made of: {}",
                list(SLICES)
            )));
            continue;
        }
        problems.push(match nearest(name, triples.iter().map(String::as_str)) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem,
        });
    }
    for (package, name) in cdylib_targets(config).filter(|(_, name)| !triples.contains(name)) {
        let problem = Problem::new(
            UNKNOWN_TARGET,
            format!("`cdylib` of package `{package}` names `{name}`, which rustc does not know"),
        );
        problems.push(match nearest(name, triples.iter().map(String::as_str)) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem,
        });
    }
    let targets: Vec<&Target> = requests.iter().map(|request| &request.target).collect();
    let reproducible = reproducible.resolve(config.reproducible);
    // Configured rustflags are merged with all others, so xpkg must see every one.
    let joins_flags = reproducible
        || requests
            .iter()
            .any(|request| !request.overrides.rustflags.is_empty());
    problems.extend(cargo_config::refusals(
        opaque,
        &targets,
        targets_given,
        joins_flags,
    ));
    match PathTemplate::parse(config.layout.as_deref().unwrap_or(DEFAULT_LAYOUT)) {
        Ok(layout) if problems.is_empty() => Ok(Settings {
            cargo,
            selection,
            requests,
            universal: universal > 0,
            out_dir: self::out_dir(out_dir, out_dir_variable, config, workspace),
            layout,
            accept,
            auditable: auditable.resolve(config.auditable),
            reproducible,
            compiler_cache: compiler_cache.or(config.compiler_cache),
        }),
        Ok(_) => Err(problems),
        Err(problem) => {
            problems.push(problem);
            Err(problems)
        }
    }
}

/// Returns the problem of a target that is requested twice.
fn target_twice(triple: &str) -> Problem {
    Problem::new(
        TARGET_TWICE,
        format!("the target `{triple}` is requested twice"),
    )
    .help("name each triple once")
}

/// Returns the names with the universal target replaced by those that its programs are made of,
/// unless they are requested as well.
fn with_slices(names: Vec<String>) -> Vec<String> {
    let (universal, mut others): (Vec<String>, Vec<String>) =
        names.into_iter().partition(|name| name == UNIVERSAL);
    if !universal.is_empty() {
        let missing = SLICES.iter().map(|slice| (*slice).to_owned());
        let missing: Vec<String> = missing.filter(|slice| !others.contains(slice)).collect();
        others.extend(missing);
    }
    others
}

/// Returns the first of: the flag, XPKG_OUT_DIR, the configuration (relative to the workspace's
/// root), and `<target directory>/xpkg`.
pub fn out_dir(
    flag: Option<Utf8PathBuf>,
    variable: Option<Utf8PathBuf>,
    config: &Config,
    workspace: &Workspace,
) -> Utf8PathBuf {
    let configured = config.out_dir.as_ref().map(|dir| workspace.root.join(dir));
    flag.or(variable)
        .or(configured)
        .unwrap_or_else(|| workspace.target_dir.join("xpkg"))
}

/// Returns the targets that the flag names, or else the variable.
pub fn named_targets(typed: &[String], variable: Option<&str>) -> Vec<String> {
    if typed.is_empty() {
        split_names(variable.unwrap_or_default())
    } else {
        typed.to_vec()
    }
}

/// Splits names at commas and spaces.
fn split_names(text: &str) -> Vec<String> {
    text.split([',', ' '])
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Parses the value of XPKG_LINKER.
fn parse_linker(name: &str) -> Result<LinkerChoice> {
    <LinkerChoice as clap::ValueEnum>::from_str(name, false).map_err(|_| {
        let names = <LinkerChoice as clap::ValueEnum>::value_variants()
            .iter()
            .filter_map(clap::ValueEnum::to_possible_value);
        let names: Vec<String> = names.map(|value| value.get_name().to_owned()).collect();
        Problem::new(
            LINKER_UNFIT,
            format!("`XPKG_LINKER={name}` is not a known linker"),
        )
        .help(format!(
            "use one of {}",
            list(names.iter().map(String::as_str))
        ))
    })
}

/// Returns the request for one target, with the settings of its table in the configuration.
fn request(
    config: &Config,
    root: &Utf8Path,
    mut target: Target,
    flag: Option<LinkerChoice>,
    variable: Option<LinkerChoice>,
    accept: &[Code],
    triples: &[String],
) -> Result<TargetRequest> {
    let target_config = config.target.get(target.triple());
    if let (None, Some(floor)) = (
        target.floor,
        target_config.and_then(|target| target.glibc.as_ref()),
    ) {
        target = Target::parse(&format!("{}.{floor}", target.triple()), triples)?;
    }
    let image = target_config
        .map(|target| target_image(root, target))
        .transpose()?
        .flatten();
    // An image in the target's table chooses itself, unless the table sets a linker, too.
    let image_linker = image.as_ref().map(|_| LinkerChoice::Image);
    let configured = target_config
        .and_then(|target| target.linker)
        .or(image_linker)
        .or(config.linker);
    let choices = [
        (flag, "`--linker`"),
        (variable, "`XPKG_LINKER`"),
        (configured, "xpkg's configuration"),
    ];
    let choice = choices
        .into_iter()
        .find_map(|(choice, source)| Some((choice?, source.to_owned())));
    let c_dependencies = target_config
        .and_then(|target| target.c_dependencies)
        .or(config.c_dependencies);
    let sysroot = target_config
        .and_then(|target| target.sysroot.as_ref())
        .map(|sysroot| root.join(sysroot));
    let overrides = target_config.map(|target| {
        let mut profile = target.profile.table();
        // The target's `strip` has precedence over the general one.
        if let Some(strip) = target.strip {
            profile
                .entry("strip")
                .or_insert_with(|| strip.name().into());
        }
        TargetOverrides {
            profile,
            rustflags: target.rustflags.clone(),
            features: target.features.clone(),
            reproducible: None,
        }
    });
    let mut overrides = overrides.unwrap_or_default();
    if let Some(strip) = config.strip {
        overrides
            .profile
            .entry("strip")
            .or_insert_with(|| strip.name().into());
    }
    Ok(TargetRequest {
        target,
        choice,
        c_dependencies,
        sysroot,
        image,
        overrides,
        accept: accept.to_vec(),
    })
}

/// Returns the request for a configured target that is built in its image, with that image; `None`
/// if it has no image.
pub fn image_request(
    config: &Config,
    root: &Utf8Path,
    name: &str,
    triples: &[String],
) -> Result<Option<(TargetRequest, WantedImage)>> {
    let target = Target::parse(name, triples)?;
    let request = request(
        config,
        root,
        target,
        Some(LinkerChoice::Image),
        None,
        &[],
        triples,
    )?;
    Ok(request.image.clone().map(|image| (request, image)))
}

/// Returns the targets that `cdylib` names, each with its package.
fn cdylib_targets(config: &Config) -> impl Iterator<Item = (&String, &String)> {
    config.package.iter().flat_map(|(name, package)| {
        let targets = match &package.cdylib {
            Some(CdylibConfig::Targets(targets)) => targets.as_slice(),
            _ => &[],
        };
        targets.iter().map(move |target| (name, target))
    })
}

/// Returns the image that a target's table names, with its settings.
fn target_image(root: &Utf8Path, target: &TargetConfig) -> Result<Option<WantedImage>> {
    let TargetConfig {
        image,
        pre_build,
        dockerfile,
        passthrough,
        volumes,
        ..
    } = target;
    let dockerfile = dockerfile.as_ref().map(|dockerfile| {
        let DockerfileTable {
            file,
            context,
            build_args,
        } = dockerfile.table();
        DockerfileTable {
            file: root.join(file),
            context: context.map(|context| root.join(context)),
            build_args,
        }
    });
    let pre_build = match pre_build {
        PreBuild::Script(script) => PreBuild::Script(root.join(script)),
        lines => lines.clone(),
    };
    let Some(image) = image else {
        let orphans = [
            ("pre-build", pre_build != PreBuild::default()),
            ("dockerfile", dockerfile.is_some()),
            ("passthrough", !passthrough.is_empty()),
            ("volumes", !volumes.is_empty()),
        ];
        return match orphans.iter().find(|(_, present)| *present) {
            Some((key, _)) => Err(Problem::new(
                CONFIG_INVALID,
                format!("`{key}` needs an image, and the target's table names none"),
            )
            .help("name one: `image = \"registry/name:tag\"`, or start a `dockerfile` from one")),
            None => Ok(None),
        };
    };
    let reference = Reference::parse(image)?;
    Ok(Some(WantedImage {
        reference,
        pre_build,
        dockerfile,
        passthrough: passthrough.clone(),
        volumes: volumes.clone(),
    }))
}

/// The codes that this file declares.
pub const CODES: &[Code] = &[TARGET_TWICE];

pub const TARGET_TWICE: Code = code(&CodeInfo {
    name: "target-twice",
    title: "the same triple is requested twice",
    cause: "Two targets of one triple (with different glibc floors, say) would be staged at \
            the same path.",
    detection: "The list of targets contains the triple twice.",
    fix: "Name each triple once; run twice with two `--out-dir` for two floors.",
    page: "configuration",
    sources: &[],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the targets and linkers that these sources give: `flag; variable; config; cargo`.
    fn check(flag: &str, variable: &str, config: &str, cargo: &str, expected: &str) {
        let typed = CliOverrides {
            targets: split_names(flag),
            variables: Variables {
                targets: Some(variable.to_owned()),
                ..Variables::default()
            },
            cargo_targets: split_names(cargo),
            ..CliOverrides::default()
        };
        let cargo = CargoArgs {
            program: "cargo".to_owned(),
            rustup_toolchain: None,
            profile: "release".to_owned(),
            jobs: None,
            locked: false,
            offline: false,
            frozen: false,
            target_dir: None,
            config: Vec::new(),
            quiet: false,
            verbose: 0,
            color: None,
        };
        let config: Config = toml::from_str(config).unwrap();
        let workspace = Workspace {
            root: "/w".into(),
            target_dir: "/w/target".into(),
            build_dir: None,
            members: Vec::new(),
            repository: None,
        };
        let rustc = Rustc {
            host: "x86_64-unknown-linux-gnu".to_owned(),
            ..Rustc::default()
        };
        let triples = [
            "x86_64-unknown-linux-gnu",
            "x86_64-unknown-linux-musl",
            "aarch64-unknown-linux-gnu",
            "aarch64-apple-darwin",
            "x86_64-apple-darwin",
        ]
        .map(str::to_owned);
        let found = match resolve(
            typed,
            cargo,
            Selection::default(),
            &config,
            &workspace,
            &rustc,
            &triples,
            &[],
        ) {
            Ok(settings) => {
                let requests = settings
                    .requests
                    .iter()
                    .map(|request| match &request.choice {
                        Some((choice, source)) => {
                            format!("{} {choice:?} by {source}", request.target)
                        }
                        None => request.target.to_string(),
                    });
                format!(
                    "{} in {}",
                    requests
                        .chain(settings.universal.then(|| "joined".to_owned()))
                        .collect::<Vec<_>>()
                        .join(", "),
                    settings.out_dir.as_str().replace('\\', "/")
                )
            }
            Err(problems) => problems
                .iter()
                .map(|problem| problem.message.clone())
                .collect::<Vec<_>>()
                .join("; "),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn the_first_source_that_names_targets_counts() {
        check("", "", "", "", "x86_64-unknown-linux-gnu in /w/target/xpkg");
        check(
            "",
            ", ",
            "",
            "host-tuple",
            "x86_64-unknown-linux-gnu in /w/target/xpkg",
        );
        check(
            "",
            "",
            "targets = ['x86_64-unknown-linux-musl']\nout-dir = 'dist'",
            "x86_64-unknown-linux-gnu",
            "x86_64-unknown-linux-musl in /w/dist",
        );
        check(
            "aarch64-unknown-linux-gnu",
            "x86_64-unknown-linux-musl",
            "",
            "",
            "aarch64-unknown-linux-gnu in /w/target/xpkg",
        );
    }

    #[test]
    fn a_universal_target_is_both_others_once() {
        check(
            "universal2-apple-darwin,aarch64-apple-darwin",
            "",
            "",
            "",
            "aarch64-apple-darwin, x86_64-apple-darwin, joined in /w/target/xpkg",
        );
        check(
            "universal2-apple-darwin,universal2-apple-darwin",
            "",
            "[target.universal2-apple-darwin]\nlinker = 'zig'",
            "",
            "the target `universal2-apple-darwin` is requested twice; the configuration has a table \
             for `universal2-apple-darwin`, which rustc does not know",
        );
    }

    #[test]
    fn a_targets_own_table_has_precedence_over_the_general_configuration() {
        check(
            "aarch64-unknown-linux-gnu,x86_64-unknown-linux-musl",
            "",
            "linker = 'rust-lld'\n[target.aarch64-unknown-linux-gnu]\nlinker = 'gcc'\nglibc = \
             '2.31'",
            "",
            "aarch64-unknown-linux-gnu.2.31 Gcc by xpkg's configuration, \
             x86_64-unknown-linux-musl RustLld by xpkg's configuration in /w/target/xpkg",
        );
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        check(
            "x86_64-linux,x86_64-unknown-linux-gnu,x86_64-unknown-linux-gnu.2.17",
            "",
            "layout = '../{bin}'\n[target.x86_64-unknown-linux-mus]\n",
            "",
            "rustc does not know the target `x86_64-linux`; the target `x86_64-unknown-linux-gnu` is \
             requested twice; the configuration has a table for `x86_64-unknown-linux-mus`, which \
             rustc does not know; invalid layout `../{bin}`: it has a component `..`",
        );
    }
}
