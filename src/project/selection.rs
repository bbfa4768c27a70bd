//! The bins to build: packages and bins that the flags select.
//!
//! Pure: the input is the workspace and the configuration.

use serde::Serialize;

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::text::list;
use crate::problem::{Problem, nearest};
use crate::project::artifact_kind::ArtifactKind;
use crate::project::config::{CdylibConfig, Config};
use crate::project::left_out::{LeftOut, NOT_CHOSEN, reason_features, reason_not_selected};
use crate::project::selection_flags::Selection;
use crate::project::wasm_bindgen::Flavor;
use crate::project::workspace::{Member, Workspace};
use crate::target::Target;
use crate::target::system::Os;

/// A bin to build.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Bin {
    /// Name of its package.
    pub package: String,
    /// Name of the bin, or of the library.
    pub bin: String,
    /// Kind of its file.
    #[serde(skip_serializing_if = "ArtifactKind::is_bin")]
    pub kind: ArtifactKind,
    /// Version of its package.
    pub version: String,
    /// cargo's ID of its package.
    #[serde(skip)]
    pub package_id: String,
    /// Name in the staged tree.
    #[serde(skip)]
    pub staged: String,
    /// Triples of the targets that have it; `None` for all.
    #[serde(skip)]
    pub only_for: Option<Vec<String>>,
    /// Packages for JavaScript that are made of it.
    #[serde(skip)]
    pub flavors: Vec<Flavor>,
}

impl Bin {
    /// Returns true if the configuration wants it for a target.
    pub fn is_for(&self, triple: &str) -> bool {
        let named = self.only_for.as_ref();
        named.is_none_or(|named| named.iter().any(|name| name == triple))
    }

    /// Returns the description for messages.
    pub fn label(&self) -> String {
        format!(
            "{} `{}` of package `{}`",
            self.kind.name(),
            self.bin,
            self.package
        )
    }
}

/// Returns the files that a target has of the selected ones: what `build` leaves out beside others
/// is not among them.
pub fn files_of<'a>(bins: &'a [Bin], target: &Target) -> impl Iterator<Item = &'a Bin> {
    let triple = target.triple().to_owned();
    let has_library = bins
        .iter()
        .any(|bin| !bin.kind.is_bin() && bin.is_for(&triple));
    let only_libraries = has_library && target.system.os == Os::None;
    bins.iter()
        .filter(move |bin| bin.is_for(&triple) && !(only_libraries && bin.kind.is_bin()))
}

/// The result of a selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// Members to pass to cargo, including those without bins: they take part in feature
    /// unification as in `cargo build`.
    pub packages: Vec<String>,
    /// Bins to build.
    pub bins: Vec<Bin>,
    /// Bins that are not built.
    pub left_out: Vec<LeftOut>,
}

impl Workspace {
    /// Returns the bins to build, or all problems with the selection. As in cargo, the default is
    /// the default members; `--workspace` selects all members, and `-p` some.
    pub fn select(&self, selection: &Selection, config: &Config) -> Result<Selected, Vec<Problem>> {
        let problems = self.unknown_packages(selection, config);
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut selected = Selected {
            packages: Vec::new(),
            bins: Vec::new(),
            left_out: Vec::new(),
        };
        for member in &self.members {
            let unselected = reason_not_selected(member, selection);
            let skipped = config
                .package
                .get(&member.name)
                .is_some_and(|package| package.skip);
            if unselected.is_none() && !skipped {
                selected.packages.push(member.name.clone());
            }
            for bin in &member.bins {
                let reason = unselected.clone().or_else(|| {
                    skipped
                        .then(|| "`skip = true` in its `[package.metadata.xpkg]`".to_owned())
                        .or_else(|| reason_features(member, bin, selection))
                });
                match reason {
                    None if selection.bins.is_empty() || selection.bins.contains(&bin.name) => {
                        selected
                            .bins
                            .push(planned(member, &bin.name, config, ArtifactKind::Bin));
                    }
                    None => {}
                    Some(reason) => {
                        selected.left_out.push(LeftOut {
                            package: member.name.clone(),
                            bin: bin.name.clone(),
                            reason,
                        });
                    }
                }
            }
            let Some(library) = configured_cdylib(member, config).filter(|_| !skipped) else {
                continue;
            };
            match unselected {
                None if selection.bins.is_empty() || selection.bins.contains(&library.bin) => {
                    selected.bins.push(library);
                }
                None => {}
                Some(reason) => selected.left_out.push(LeftOut {
                    package: library.package,
                    bin: library.bin,
                    reason,
                }),
            }
        }
        let bins = self.members.iter().flat_map(|member| &member.bins);
        let libraries = selected.bins.iter().filter(|bin| !bin.kind.is_bin());
        let known: Vec<String> = bins
            .map(|bin| bin.name.clone())
            .chain(libraries.map(|library| library.bin.clone()))
            .collect();
        let problems = refusals(&selected, &known, selection);
        if !problems.is_empty() {
            return Err(problems);
        }
        if !selection.packages.is_empty() {
            // With `-p` the user knows that the other packages are not built.
            selected
                .left_out
                .retain(|left_out| left_out.reason != NOT_CHOSEN);
        }
        Ok(selected)
    }

    /// Returns a problem for each package or bin name that does not exist.
    fn unknown_packages(&self, selection: &Selection, config: &Config) -> Vec<Problem> {
        let names = || self.members.iter().map(|member| member.name.as_str());
        let typed = selection.packages.iter().map(|name| (name, "-p"));
        let typed = typed.chain(selection.exclude.iter().map(|name| (name, "--exclude")));
        let configured = config.package.keys().map(|name| (name, "package"));
        let unknown = typed
            .chain(configured)
            .filter(|(spec, _)| !self.members.iter().any(|member| member.is(spec)));
        let mut problems: Vec<Problem> = unknown
            .map(|(name, place)| {
                let problem = Problem::new(
                    UNKNOWN_PACKAGE,
                    format!("`{place} {name}`: the workspace has no such package"),
                );
                match nearest(name, names()) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.help(format!("its packages are {}", list(names()))),
                }
            })
            .collect();
        for (name, package) in &config.package {
            let Some(member) = self.members.iter().find(|member| &member.name == name) else {
                continue;
            };
            for bin in package
                .rename
                .keys()
                .filter(|bin| !member.bins.iter().any(|existing| &existing.name == *bin))
                .filter(|name| {
                    let mut library = configured_cdylib(member, config).into_iter();
                    !library.any(|library| library.bin == **name)
                })
            {
                let problem = Problem::new(
                    UNKNOWN_BIN,
                    format!(
                        "`rename` of package `{name}` names a bin `{bin}` that it does not have"
                    ),
                );
                problems.push(
                    match nearest(bin, member.bins.iter().map(|bin| bin.name.as_str())) {
                        Some(near) => problem.help(format!("did you mean `{near}`?")),
                        None => problem,
                    },
                );
            }
            let has_cdylib = member.library.as_ref();
            let has_cdylib = has_cdylib.is_some_and(|library| library.is_cdylib);
            let library = configured_cdylib(member, config);
            let is_reached = library.is_some_and(|library| library.is_for(FOR_JAVASCRIPT));
            // Without the crate type, that is the problem.
            let is_other = has_cdylib || package.cdylib.is_none();
            if !package.wasm_bindgen.is_empty() && is_other && !is_reached {
                problems.push(
                    Problem::new(
                        CDYLIB_MISSING,
                        format!(
                            "`wasm-bindgen` is set for package `{name}`, which has no library for \
                             `{FOR_JAVASCRIPT}`"
                        ),
                    )
                    .help(format!(
                        "add it beside the key: `cdylib = [\"{FOR_JAVASCRIPT}\"]`"
                    )),
                );
            }
            if package.cdylib.is_some() && !has_cdylib {
                problems.push(
                    Problem::new(
                        CDYLIB_MISSING,
                        format!(
                            "`cdylib` is set for package `{name}`, whose library is not of that \
                             crate type"
                        ),
                    )
                    .help(
                        "add it to the package's Cargo.toml: `crate-type = [\"cdylib\"]` below \
                           `[lib]`",
                    ),
                );
            }
        }
        problems
    }
}

/// Target whose libraries wasm-bindgen makes packages of.
const FOR_JAVASCRIPT: &str = "wasm32-unknown-unknown";

/// Returns the library of a member that the configuration wants, selected or not.
fn configured_cdylib(member: &Member, config: &Config) -> Option<Bin> {
    let package = config.package.get(&member.name)?;
    let wanted = package.cdylib.as_ref()?;
    let library = member
        .library
        .as_ref()
        .filter(|library| library.is_cdylib)?;
    let only_for = match wanted {
        CdylibConfig::Switch(false) => return None,
        CdylibConfig::Switch(true) => None,
        CdylibConfig::Targets(targets) => Some(targets.clone()),
    };
    Some(Bin {
        only_for,
        flavors: package.wasm_bindgen.clone(),
        ..planned(member, &library.name, config, ArtifactKind::Cdylib)
    })
}

/// Returns a bin to build, with its name in the staged tree.
fn planned(member: &Member, bin: &str, config: &Config, kind: ArtifactKind) -> Bin {
    let renamed = config
        .package
        .get(&member.name)
        .and_then(|package| package.rename.get(bin));
    Bin {
        package: member.name.clone(),
        bin: bin.to_owned(),
        kind,
        only_for: None,
        flavors: Vec::new(),
        version: member.version.clone(),
        package_id: member.id.clone(),
        staged: renamed.map_or(bin, String::as_str).to_owned(),
    }
}

/// Returns the problems that show once the bins are known: unknown bins, or none selected.
fn refusals(selected: &Selected, known: &[String], selection: &Selection) -> Vec<Problem> {
    let reported = selected
        .left_out
        .iter()
        .filter(|left_out| left_out.reason != NOT_CHOSEN);
    let left_out = || {
        reported.clone().map(|left_out| {
            format!(
                "{} ({}): {}",
                left_out.bin, left_out.package, left_out.reason
            )
        })
    };
    let mut problems: Vec<Problem> = selection
        .bins
        .iter()
        .filter(|name| !selected.bins.iter().any(|bin| &bin.bin == *name))
        .map(|name| {
            let problem = Problem::new(
                UNKNOWN_BIN,
                format!("`--bin {name}`: the selected packages build no such bin"),
            );
            let left_out_bin = selected
                .left_out
                .iter()
                .find(|left_out| &left_out.bin == name);
            match (
                left_out_bin,
                nearest(name, known.iter().map(String::as_str)),
            ) {
                (Some(left_out), _) => problem.note(
                    "left out",
                    [format!(
                        "{} ({}): {}",
                        name, left_out.package, left_out.reason
                    )],
                ),
                (None, Some(near)) => problem.help(format!("did you mean `{near}`?")),
                (None, None) => problem.help(format!(
                    "the workspace's bins are {}",
                    list(known.iter().map(String::as_str))
                )),
            }
        })
        .collect();
    if problems.is_empty() && selected.bins.is_empty() {
        problems.push(
            Problem::new(NO_BINS, "the selected packages have no bin to build")
                .note("left out", left_out())
                .help("select others with `-p` or `--workspace`"),
        );
    }
    problems
}

/// The codes that this file declares.
pub const CODES: &[Code] = &[UNKNOWN_PACKAGE, UNKNOWN_BIN, NO_BINS, CDYLIB_MISSING];

pub const CDYLIB_MISSING: Code = code(&CodeInfo {
    name: "cdylib-missing",
    title: "a package has no library of crate type `cdylib`",
    cause: "`cdylib` below `[package.metadata.xpkg]` asks for a shared library that cargo does not build.",
    detection: "The crate types are those of `cargo metadata`.",
    fix: "Add `crate-type = [\"cdylib\"]` below `[lib]` of the package, or remove the key.",
    page: "webassembly",
    sources: &["cargo, the `crate-type` field"],
    waivable: false,
});

pub const UNKNOWN_PACKAGE: Code = code(&CodeInfo {
    name: "unknown-package",
    title: "no such package in the workspace",
    cause: "`-p` or `--exclude` names a package that is not a member.",
    detection: "The members are those of `cargo metadata`.",
    fix: "Use the nearest member, which the message names.",
    page: "tree",
    sources: &[],
    waivable: false,
});

pub const UNKNOWN_BIN: Code = code(&CodeInfo {
    name: "unknown-bin",
    title: "no such bin in the selected packages",
    cause: "`--bin` names a bin that none of the selected packages has, or that they leave out.",
    detection: "The bins are those of `cargo metadata`.",
    fix: "Use the nearest bin, which the message names, or select its package with `-p`.",
    page: "tree",
    sources: &[],
    waivable: false,
});

pub const NO_BINS: Code = code(&CodeInfo {
    name: "no-bins",
    title: "no bin is selected",
    cause: "The selected packages have no bin, or all of them are left out.",
    detection: "No bin of the selected packages remains after those that are left out.",
    fix: "Select others with `--workspace` or `-p`; the notes list what is left out and why.",
    page: "tree",
    sources: &[],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;

    use super::*;
    use crate::project::workspace::MemberBin;

    /// Parses `name: bin, bin?feature; name!: bin`, where `!` marks a member that is not a default
    /// one.
    fn workspace(text: &str) -> Workspace {
        let members = text
            .split(';')
            .map(|member| {
                let (name, bins) = member.split_once(':').unwrap();
                let name = name.trim();
                let bins = bins
                    .split(',')
                    .map(str::trim)
                    .filter(|bin| !bin.is_empty())
                    .map(|bin| {
                        let (name, feature) = bin
                            .split_once('?')
                            .map_or((bin, None), |(name, feature)| (name, Some(feature)));
                        MemberBin {
                            name: name.to_owned(),
                            required_features: feature.iter().map(ToString::to_string).collect(),
                        }
                    });
                let features = [
                    ("default", vec!["small"]),
                    ("full", vec!["extra"]),
                    ("extra", vec![]),
                    ("small", vec![]),
                ];
                Member {
                    rust_version: None,
                    name: name.trim_end_matches('!').to_owned(),
                    version: "0.1.0".to_owned(),
                    id: name.to_owned(),
                    manifest: Utf8PathBuf::from("Cargo.toml"),
                    license: None,
                    description: None,
                    homepage: None,
                    readme: None,
                    license_file: None,
                    repository: None,
                    sources: Vec::new(),
                    default: !name.ends_with('!'),
                    build_script: None,
                    configured: false,
                    has_cross: false,
                    features: features
                        .map(|(name, enables)| {
                            (
                                name.to_owned(),
                                enables.into_iter().map(str::to_owned).collect(),
                            )
                        })
                        .into(),
                    bins: bins.collect(),
                    library: None,
                }
            })
            .collect();
        Workspace {
            root: "/w".into(),
            target_dir: "/w/target".into(),
            build_dir: None,
            members,
            repository: None,
        }
    }

    const CHAT: &str =
        "bots: bot, indexer; core:; server: server, probe?extra, small?small; xtask!: xtask";

    #[test]
    fn a_target_has_the_files_that_are_for_it() {
        let bins = [
            Bin {
                bin: "app".to_owned(),
                ..Bin::default()
            },
            Bin {
                bin: "lib".to_owned(),
                kind: ArtifactKind::Cdylib,
                only_for: Some(vec!["wasm32-unknown-unknown".to_owned()]),
                ..Bin::default()
            },
        ];
        let names = |bins: &[Bin], triple: &str| {
            let target = Target::of_triple(triple).unwrap();
            let names = files_of(bins, &target).map(|bin| bin.bin.clone());
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(&bins, "x86_64-unknown-linux-musl"), "app");
        assert_eq!(names(&bins, "wasm32-unknown-unknown"), "lib");
        // Without a library, the plan says what is wrong with the bin.
        assert_eq!(names(&bins[..1], "wasm32-unknown-unknown"), "app");
    }

    /// Checks a selection: `-p x --bin y --workspace --features f` -> `bins | left out`.
    fn check(flags: &str, expected: &str) {
        let mut selection = Selection::default();
        let mut arguments = flags.split_whitespace();
        while let Some(argument) = arguments.next() {
            match argument {
                "-p" => selection
                    .packages
                    .push(arguments.next().unwrap().to_owned()),
                "--exclude" => selection.exclude.push(arguments.next().unwrap().to_owned()),
                "--bin" => selection.bins.push(arguments.next().unwrap().to_owned()),
                "--features" => selection
                    .features
                    .push(arguments.next().unwrap().to_owned()),
                "--workspace" => selection.workspace = true,
                "--all-features" => selection.all_features = true,
                "--no-default-features" => selection.no_default_features = true,
                argument => panic!("{argument}"),
            }
        }
        let found = match workspace(CHAT).select(&selection, &Config::default()) {
            Ok(selected) => {
                let bins: Vec<String> = selected.bins.into_iter().map(|bin| bin.bin).collect();
                let left_out: Vec<String> = selected
                    .left_out
                    .into_iter()
                    .map(|left| format!("{}: {}", left.bin, left.reason))
                    .collect();
                format!("{} | {}", bins.join(" "), left_out.join("; "))
            }
            Err(problems) => {
                let messages: Vec<String> = problems
                    .iter()
                    .map(|p| format!("{}: {}; {}", p.code.name(), p.message, p.help.join("; ")))
                    .collect();
                messages.join(" + ")
            }
        };
        assert_eq!(found, expected, "{flags}");
    }

    #[test]
    fn bins_are_selected_as_cargo_selects_packages() {
        let xtask = "xtask: not a default member (`--workspace` builds it)";
        check(
            "",
            &format!("bot indexer server small | probe: needs `--features extra`; {xtask}"),
        );
        check(
            "--features full",
            &format!("bot indexer server probe small | {xtask}"),
        );
        check(
            "--features server/extra",
            &format!("bot indexer server probe small | {xtask}"),
        );
        check(
            "--no-default-features",
            &format!(
                "bot indexer server | probe: needs `--features extra`; small: needs `--features \
                 small`; {xtask}"
            ),
        );
        check(
            "-p server@0.1.0",
            "server small | probe: needs `--features extra`",
        );
        check(
            "--workspace -p server --all-features",
            "bot indexer server probe small xtask | ",
        );
        check(
            "--workspace --all-features",
            "bot indexer server probe small xtask | ",
        );
        check("-p xtask", "xtask | ");
        check(
            "-p server",
            "server small | probe: needs `--features extra`",
        );
        check(
            "--exclude server --bin bot",
            &format!("bot | server: `--exclude`; probe: `--exclude`; small: `--exclude`; {xtask}"),
        );
    }

    #[test]
    fn a_selection_of_nothing_is_rejected() {
        check(
            "-p sever",
            "unknown-package: `-p sever`: the workspace has no such package; did you mean \
             `server`?",
        );
        check(
            "-p core",
            "no-bins: the selected packages have no bin to build; select others with `-p` or \
             `--workspace`",
        );
        check(
            "--bin indxer",
            "unknown-bin: `--bin indxer`: the selected packages build no such bin; did you mean \
             `indexer`?",
        );
        check(
            "--bin probe",
            "unknown-bin: `--bin probe`: the selected packages build no such bin; ",
        );
    }
}
