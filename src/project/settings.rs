//! What the user asked for, resolved: flags before variables before xpkg's configuration before
//! cargo's.
//!
//! Pure: variables and files were read before.

use camino::{Utf8Path, Utf8PathBuf};

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::text::list;
use crate::problem::{Problem, Result, nearest};
use crate::project::cargo_config::{self, OpaqueConfig};
use crate::project::config::parse::CONFIG_INVALID;
use crate::project::config::{Config, DockerfileTable, PreBuild, TargetConfig};
use crate::project::linker::{LINKER_UNFIT, LinkerChoice};
use crate::project::path_template::{DEFAULT_LAYOUT, PathTemplate};
use crate::project::reference::Reference;
use crate::project::request::{TargetOverrides, TargetRequest, WantedImage};
use crate::project::rustc::Rustc;
use crate::project::workspace::{Selection, Workspace};
use crate::target::{Target, UNKNOWN_TARGET};

/// How cargo is to be called, whatever the target.
#[derive(Debug, Clone)]
pub struct CargoArgs {
    /// `cargo`, or the very cargo that started us where there is no rustup.
    pub program: String,
    /// A toolchain that the user chose by `+NAME` or RUSTUP_TOOLCHAIN.
    pub rustup_toolchain: Option<String>,
    pub profile: String,
    pub jobs: Option<String>,
    pub locked: bool,
    pub offline: bool,
    pub frozen: bool,
    pub target_dir: Option<Utf8PathBuf>,
    pub config: Vec<String>,
    pub quiet: bool,
    /// `-v` for cargo; one fewer than xpkg was given.
    pub verbose: u8,
    pub color: Option<String>,
}

/// What the user asked for, resolved from flags, environment and configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    pub cargo: CargoArgs,
    pub selection: Selection,
    pub requests: Vec<TargetRequest>,
    pub out_dir: Utf8PathBuf,
    pub layout: PathTemplate,
    /// Codes of findings that do not stop the run.
    pub accept: Vec<Code>,
}

/// What was typed, and what stands in variables and in cargo's configuration.
#[derive(Debug, Clone, Default)]
pub struct CliOverrides {
    pub targets: Vec<String>,
    pub linker: Option<LinkerChoice>,
    pub out_dir: Option<Utf8PathBuf>,
    pub accept: Vec<Code>,
    pub variables: Variables,
    /// cargo's `build.target`.
    pub cargo_targets: Vec<String>,
}

/// xpkg's own variables.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    /// XPKG_TARGETS
    pub targets: Option<String>,
    /// XPKG_LINKER
    pub linker: Option<String>,
    /// XPKG_OUT_DIR, from where the user stands.
    pub out_dir: Option<Utf8PathBuf>,
}

/// The settings of a run, or everything that is wrong with them.
#[expect(
    clippy::too_many_arguments,
    reason = "each is a source of its own, and there is one caller"
)]
pub fn resolve(
    typed: CliOverrides,
    cargo: CargoArgs,
    selection: Selection,
    config: &Config,
    workspace: &Workspace,
    rustc: &Rustc,
    triples: &[String],
    elsewhere: &[OpaqueConfig],
) -> Result<Settings, Vec<Problem>> {
    let CliOverrides {
        targets,
        linker,
        out_dir,
        accept,
        variables,
        cargo_targets,
    } = typed;
    let Variables {
        targets: target_variable,
        linker: linker_variable,
        out_dir: out_dir_variable,
    } = variables;
    let mut problems = Vec::new();
    let variable = linker_variable
        .map(|name| linker_named(&name))
        .transpose()
        .unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
    // The names, and whether cargo's own `build.target` has no say in them.
    let typed_names = [
        targets,
        words(&target_variable.unwrap_or_default()),
        config.targets.clone(),
    ]
    .into_iter()
    .find(|list| !list.is_empty());
    let given = typed_names.is_some();
    let names = typed_names
        .or(Some(cargo_targets).filter(|list| !list.is_empty()))
        .unwrap_or_else(|| vec![rustc.host.clone()]);
    let mut requests: Vec<TargetRequest> = Vec::new();
    for name in names {
        let name = if name == "host-tuple" {
            &rustc.host
        } else {
            &name
        };
        match Target::parse(name, triples).and_then(|target| {
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
                problems.push(
                    Problem::new(
                        TARGET_TWICE,
                        format!(
                            "the target `{}` is asked for twice",
                            request.target.triple()
                        ),
                    )
                    .help("name each triple once"),
                )
            }
            Ok(request) => requests.push(request),
            Err(problem) => problems.push(problem),
        }
    }
    for name in config.target.keys().filter(|name| !triples.contains(name)) {
        let problem = Problem::new(
            UNKNOWN_TARGET,
            format!("the configuration has a table for `{name}`, which rustc does not know"),
        );
        problems.push(match nearest(name, triples.iter().map(String::as_str)) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem,
        });
    }
    let asked: Vec<&Target> = requests.iter().map(|request| &request.target).collect();
    // Flags of the configuration are joined with all others, so all must be seen.
    let flags = requests
        .iter()
        .any(|request| !request.own.rustflags.is_empty());
    problems.extend(cargo_config::refusals(elsewhere, &asked, given, flags));
    match PathTemplate::parse(config.layout.as_deref().unwrap_or(DEFAULT_LAYOUT)) {
        Ok(layout) if problems.is_empty() => Ok(Settings {
            cargo,
            selection,
            requests,
            out_dir: self::out_dir(out_dir, out_dir_variable, config, workspace),
            layout,
            accept,
        }),
        Ok(_) => Err(problems),
        Err(problem) => {
            problems.push(problem);
            Err(problems)
        }
    }
}

/// The flag, XPKG_OUT_DIR, the configuration (from the workspace's root), `<target
/// directory>/xpkg`.
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

/// The targets that a flag or the variable names.
pub fn named_targets(typed: &[String], variable: Option<&str>) -> Vec<String> {
    if typed.is_empty() {
        words(variable.unwrap_or_default())
    } else {
        typed.to_vec()
    }
}

fn words(text: &str) -> Vec<String> {
    text.split([',', ' '])
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn linker_named(name: &str) -> Result<LinkerChoice> {
    <LinkerChoice as clap::ValueEnum>::from_str(name, false).map_err(|_| {
        let names = <LinkerChoice as clap::ValueEnum>::value_variants()
            .iter()
            .filter_map(clap::ValueEnum::to_possible_value);
        let names: Vec<String> = names.map(|value| value.get_name().to_owned()).collect();
        Problem::new(
            LINKER_UNFIT,
            format!("`XPKG_LINKER={name}` is no kind of linker"),
        )
        .help(format!(
            "it is one of {}",
            list(names.iter().map(String::as_str))
        ))
    })
}

/// One target with what its own table in the configuration says.
fn request(
    config: &Config,
    root: &Utf8Path,
    mut target: Target,
    flag: Option<LinkerChoice>,
    variable: Option<LinkerChoice>,
    accept: &[Code],
    triples: &[String],
) -> Result<TargetRequest> {
    let own = config.target.get(target.triple());
    if let (None, Some(floor)) = (target.floor, own.and_then(|own| own.glibc.as_ref())) {
        target = Target::parse(&format!("{}.{floor}", target.triple()), triples)?;
    }
    let image = own
        .map(|own| wanted_image(root, own))
        .transpose()?
        .flatten();
    // Who names an image for a target wants it, unless a linker is named as near.
    let named = image.as_ref().map(|_| LinkerChoice::Image);
    let table = own.and_then(|own| own.linker).or(named).or(config.linker);
    let choices = [
        (flag, "`--linker`"),
        (variable, "`XPKG_LINKER`"),
        (table, "xpkg's configuration"),
    ];
    let choice = choices
        .into_iter()
        .find_map(|(choice, by)| Some((choice?, by.to_owned())));
    let c_dependencies = own
        .and_then(|own| own.c_dependencies)
        .or(config.c_dependencies);
    let sysroot = own
        .and_then(|own| own.sysroot.as_ref())
        .map(|sysroot| root.join(sysroot));
    let build = own.map(|own| {
        let mut profile = own.profile.table();
        // The nearer word counts: `strip` of the target before that of all.
        if let Some(strip) = own.strip {
            profile
                .entry("strip")
                .or_insert_with(|| strip.name().into());
        }
        TargetOverrides {
            profile,
            rustflags: own.rustflags.clone(),
            features: own.features.clone(),
        }
    });
    let mut build = build.unwrap_or_default();
    if let Some(strip) = config.strip {
        build
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
        own: build,
        accept: accept.to_vec(),
    })
}

/// A target of the configuration as it is built in its image; `None`: it has none.
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
    Ok(request.image.clone().map(|wanted| (request, wanted)))
}

/// The image that a target's table names, with all that belongs to it.
fn wanted_image(root: &Utf8Path, own: &TargetConfig) -> Result<Option<WantedImage>> {
    let TargetConfig {
        image,
        pre_build,
        dockerfile,
        passthrough,
        volumes,
        ..
    } = own;
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
        return match orphans.iter().find(|(_, there)| *there) {
            Some((key, _)) => Err(Problem::new(
                CONFIG_INVALID,
                format!("`{key}` is of an image, and the target's table names none"),
            )
            .help("name one: `image = \"registry/name:tag\"`")),
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

/// Codes that this file declares.
pub const CODES: &[Code] = &[TARGET_TWICE];

pub const TARGET_TWICE: Code = code(&CodeInfo {
    name: "target-twice",
    title: "the same triple is asked for twice",
    cause: "Two targets of one triple (with different glibc floors, say) would be staged in one \
            place.",
    detection: "The list of targets holds the triple twice.",
    fix: "Name each triple once; run twice with two `--out-dir` for two floors.",
    source: "README, Tasks",
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    /// The targets and their choices that these sources give: `flag; variable; config; cargo`.
    fn check(flag: &str, variable: &str, config: &str, cargo: &str, expected: &str) {
        let typed = CliOverrides {
            targets: words(flag),
            variables: Variables {
                targets: Some(variable.to_owned()),
                ..Variables::default()
            },
            cargo_targets: words(cargo),
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
                        Some((choice, by)) => format!("{} {choice:?} by {by}", request.target),
                        None => request.target.to_string(),
                    });
                format!(
                    "{} in {}",
                    requests.collect::<Vec<_>>().join(", "),
                    settings.out_dir
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
    fn a_targets_own_table_is_nearer_than_the_whole_configuration() {
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
    fn all_that_is_wrong_is_told_at_once() {
        check(
            "x86_64-linux,x86_64-unknown-linux-gnu,x86_64-unknown-linux-gnu.2.17",
            "",
            "layout = '../{bin}'\n[target.x86_64-unknown-linux-mus]\n",
            "",
            "rustc does not know the target `x86_64-linux`; the target `x86_64-unknown-linux-gnu` is asked \
             for twice; the configuration has a table for `x86_64-unknown-linux-mus`, which rustc \
             does not know; `../{bin}` is no layout: it has a part `..`",
        );
    }
}
