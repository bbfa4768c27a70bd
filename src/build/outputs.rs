//! The files that a target can have of the selected ones, with their paths in the tree.
//!
//! Pure. A run has the same selection for all its targets, and not every target has bins and
//! shared libraries: what nothing starts or rustc does not build is left out by name, or is a
//! problem if nothing else remains.

use crate::problem::Problem;
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::artifact_kind::ArtifactKind;
use crate::project::left_out::LeftOut;
use crate::project::request::TargetRequest;
use crate::project::selection::{Bin, Selected};
use crate::project::settings::Settings;
use crate::target::system::{Libc, Os};
use crate::toolchain::facts::TargetFacts;
use crate::tree::staged::Output;
use crate::verify::rules::machine::NOT_EXECUTABLE;

/// Files of a target.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TargetOutputs {
    /// Files to build, with their paths.
    pub outputs: Vec<Output>,
    /// Files that are not built for this target, and the reasons.
    pub left_out: Vec<LeftOut>,
}

/// What a target makes of a file.
enum Fate {
    Built,
    LeftOut(String),
    Refused(Box<Problem>),
}

/// Returns the files of a target.
///
/// # Errors
/// All problems: with the layout, and with files that the target cannot have.
pub fn of_target(
    selected: &Selected,
    settings: &Settings,
    request: &TargetRequest,
    facts: &TargetFacts,
) -> Result<TargetOutputs, Vec<Problem>> {
    let target = &request.target;
    let mut files = TargetOutputs::default();
    let mut problems = Vec::new();
    for bin in &selected.bins {
        match fate(bin, selected, settings, request, facts) {
            Fate::Built => match settings.layout.path(target, bin, &settings.cargo.profile) {
                Ok(path) => files.outputs.push(Output {
                    target: target.clone(),
                    bin: bin.clone(),
                    path,
                }),
                Err(problem) => problems.push(problem),
            },
            Fate::LeftOut(reason) => files.left_out.push(LeftOut {
                package: bin.package.clone(),
                bin: bin.bin.clone(),
                reason,
            }),
            Fate::Refused(problem) => problems.push(*problem),
        }
    }
    if problems.is_empty() && files.outputs.is_empty() {
        let reasons = files
            .left_out
            .iter()
            .map(|left_out| format!("{}: {}", left_out.bin, left_out.reason));
        problems.push(
            Problem::new(
                NOTHING_FOR_TARGET,
                format!("nothing is to be built for `{target}`"),
            )
            .note("left out", reasons)
            .help("remove the target, or add it to `cdylib` of a package"),
        );
    }
    if problems.is_empty() {
        Ok(files)
    } else {
        Err(problems)
    }
}

/// Decides about one file.
fn fate(
    bin: &Bin,
    selected: &Selected,
    settings: &Settings,
    request: &TargetRequest,
    facts: &TargetFacts,
) -> Fate {
    let target = &request.target;
    match bin.kind {
        ArtifactKind::Bin if target.system.os == Os::None => {
            let is_typed = settings.selection.bins.contains(&bin.bin);
            let is_library =
                |other: &Bin| other.kind == ArtifactKind::Cdylib && other.is_for(target.triple());
            let reason = format!("nothing starts a bin for `{target}`");
            if request.accept.contains(&NOT_EXECUTABLE) {
                Fate::Built
            } else if !is_typed && selected.bins.iter().any(is_library) {
                Fate::LeftOut(reason)
            } else {
                let problem = Problem::new(
                    NOT_EXECUTABLE,
                    format!("bin `{}` of package `{}`: {reason}", bin.bin, bin.package),
                )
                .help("build it for a system that starts programs: `--target wasm32-wasip1`")
                .help(
                    "or build a library: `crate-type = [\"cdylib\"]` below `[lib]`, and `cdylib = \
                     true` below `[package.metadata.xpkg]`",
                );
                Fate::Refused(Box::new(problem))
            }
        }
        ArtifactKind::Bin => Fate::Built,
        ArtifactKind::Cdylib if !bin.is_for(target.triple()) => {
            Fate::LeftOut(format!("`cdylib` does not name `{target}`"))
        }
        // rustc says so in a warning, and builds nothing.
        ArtifactKind::Cdylib if target.system.libc == Libc::Musl && facts.crt_static => {
            let problem = Problem::new(
                CDYLIB_UNSUPPORTED,
                format!(
                    "cdylib `{}` of package `{}`: rustc builds no shared library for `{target}`, \
                     where musl is linked statically",
                    bin.bin, bin.package
                ),
            )
            .help(
                "name the targets that have it, below `[package.metadata.xpkg]`: `cdylib = \
                 [\"x86_64-unknown-linux-gnu\"]`",
            );
            Fate::Refused(Box::new(problem))
        }
        ArtifactKind::Cdylib | ArtifactKind::WasmBindgen => Fate::Built,
    }
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[CDYLIB_UNSUPPORTED, NOTHING_FOR_TARGET];

/// A shared library for a target that has none.
pub const CDYLIB_UNSUPPORTED: Code = code(&CodeInfo {
    name: "cdylib-unsupported",
    title: "the target has no shared libraries",
    cause: "Rust links musl statically by default (`crt-static`), and then rustc drops the crate type \
            `cdylib` with a warning.",
    detection: "`target_feature=\"crt-static\"` in the output of `rustc --print cfg`, with the \
                rustflags of the build.",
    fix: "Name the targets that have the library in `cdylib` of its package.",
    page: "webassembly",
    sources: &["rust-lang/rfcs#1721"],
    waivable: false,
});

/// A target for which the selection has nothing.
pub const NOTHING_FOR_TARGET: Code = code(&CodeInfo {
    name: "nothing-for-target",
    title: "the selection has nothing to build for a target",
    cause: "The selected packages have no bins, and `cdylib` of none names the target.",
    detection: "The selection is compared with `cdylib` of each package before anything is compiled.",
    fix: "Remove the target from the run, or add it to `cdylib` of a package.",
    page: "webassembly",
    sources: &[],
    waivable: false,
});
