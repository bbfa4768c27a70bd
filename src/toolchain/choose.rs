//! Chooses what links and what compiles C for a target, from what the machine has; says why, and
//! why not the others.
//!
//! Pure: it sees [`Facts`], never the machine. One file a kind of candidate. To look for something
//! new, name it in that file's `wanted`; `look` asks only what is named.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};
use crate::project::graph::CPackage;
use crate::project::linker::{LINKER_UNFIT, LinkerChoice, LinkerKind};
use crate::project::request::TargetRequest;
use crate::project::setting::SettingOrigin;
use crate::target::Target;
use crate::target::system::{Libc, Os};
use crate::toolchain::c_usage::CUsage;
use crate::toolchain::candidate::{Candidate, Rejected, ToolchainChoice};
use crate::toolchain::clang::{self, arguments};
use crate::toolchain::configured::configured;
use crate::toolchain::context::TargetContext;
use crate::toolchain::facts::{Facts, TargetFacts};
use crate::toolchain::image::candidates;
use crate::toolchain::image::container::IMAGE_UNFIT;
use crate::toolchain::kinds::KINDS;
use crate::toolchain::program::Program;
use crate::toolchain::zig::{self, MISSING};
use crate::toolchain::{gate, gcc, lld, native};

/// Names of programs to look for, for one target. All kinds are looked for: `plan` shows them all.
pub fn wanted(target: &Target, host: &str) -> BTreeSet<String> {
    let kinds = native::wanted(target, host)
        .into_iter()
        .chain(gcc::wanted(target, host))
        .chain(clang::wanted());
    kinds.chain(zig::wanted()).collect()
}

/// Whether to look for zig, and to have it make its programs for this target.
pub fn wants_zig(request: &TargetRequest, host: &str) -> bool {
    let asked = request
        .choice
        .as_ref()
        .and_then(|(choice, _)| choice.kind());
    asked.is_none_or(|kind| kind == LinkerKind::Zig)
        && zig::is_worth(&request.target, host, asked == Some(LinkerKind::Zig))
}

/// Whether to look for the target's image: where it is asked for, or may come last in `auto`.
pub fn wants_image(request: &TargetRequest) -> bool {
    let asked = request
        .choice
        .as_ref()
        .and_then(|(choice, _)| choice.kind());
    asked == Some(LinkerKind::Image) || asked.is_none() && request.image.is_some()
}

/// What to ask clang about a target, where it could serve and no GNU compiler is likely to.
pub fn clang_question(
    request: &TargetRequest,
    host: &str,
    found: &BTreeMap<String, Program>,
) -> Option<Vec<String>> {
    let target = &request.target;
    let asked = request
        .choice
        .as_ref()
        .and_then(|(choice, _)| choice.kind());
    let worth = match asked {
        Some(kind) => kind == LinkerKind::Clang,
        // A gcc may fall, because it has a glibc of its own.
        None => {
            request.sysroot.is_some()
                || target.triple() != host
                    && (target.floor.is_some() || !gcc::is_there(target, host, found))
        }
    };
    (worth && clang::is_worth(request, target)).then(|| arguments::arguments(request))
}

/// Every candidate that serves as far as its own kind can tell: those whose C compilers are to be
/// probed.
pub fn contenders(
    request: &TargetRequest,
    facts: &Facts,
    c: &CUsage,
    tools: &Utf8Path,
) -> Vec<Candidate> {
    let nothing = TargetFacts::default();
    let case = TargetContext::new(request, facts, c, tools, &nothing);
    let bound = bound(&case, request)
        .and_then(|(_, judged)| judged.ok())
        .unwrap_or_default();
    bound
        .into_iter()
        .chain(
            KINDS
                .iter()
                .flat_map(|row| (row.candidates)(&case).unwrap_or_default()),
        )
        .collect()
}

/// The first candidate in a target's image, or why there is none.
pub fn image_candidate(
    request: &TargetRequest,
    facts: &Facts,
    c: &CUsage,
    tools: &Utf8Path,
) -> Result<Candidate, String> {
    let nothing = TargetFacts::default();
    let case = TargetContext::new(request, facts, c, tools, &nothing);
    candidates::candidates(&case)?
        .into_iter()
        .next()
        .ok_or_else(|| "no compiler in it serves".to_owned())
}

/// An explicit choice binds or fails; only where nobody chose, `auto` takes the first that holds
/// (README, How a linker is chosen).
pub fn choose(
    request: &TargetRequest,
    facts: &Facts,
    c: &CUsage,
    tools: &Utf8Path,
) -> Result<ToolchainChoice> {
    let target = &request.target;
    let nothing = TargetFacts::default();
    let case = TargetContext::new(request, facts, c, tools, &nothing);
    let mut refused = Vec::new();
    let mut affected = Vec::new();
    if let Some((by, judged)) = bound(&case, request) {
        let name = choice_name(&case, request);
        // What is wrong with an image has a code of its own.
        if let (Some(LinkerKind::Image), Some(Err(problem))) = (case.asked, &case.here.image) {
            return Err(problem.clone());
        }
        let candidates = judged.map_err(|reason| unfit(target, name, &by, reason, request))?;
        for candidate in candidates {
            match gate::pass(&case, candidate, &by, true) {
                Ok(chosen) => return Ok(ToolchainChoice { refused, ..chosen }),
                Err(fallen) => {
                    refused.push(fallen.told());
                    affected.push(fallen);
                }
            }
        }
        let reasons: Vec<String> = refused.iter().map(|fallen| fallen.reason.clone()).collect();
        let problem = match affected.iter().find_map(|fallen| fallen.code) {
            Some(code) => Problem::new(
                code,
                format!("`{name}`, chosen by {by}, must not compile C for `{target}`"),
            )
            .note("cause", reasons),
            None => unfit(target, name, &by, reasons.join("; "), request),
        };
        return Err(gate::suggestions(&case, &affected)
            .into_iter()
            .fold(problem, Problem::help));
    }
    let chosen_by = request.choice.as_ref().map_or("auto", |(_, by)| by);
    // What is accepted counts only where nothing passes without.
    for accept in [&[], case.accept] {
        let case = TargetContext {
            accept,
            ..case.clone()
        };
        (refused, affected) = (Vec::new(), Vec::new());
        for row in KINDS {
            let candidates = (row.candidates)(&case).unwrap_or_else(|reason| {
                refused.push(Rejected {
                    kind: row.kind,
                    reason,
                    by_probe: false,
                });
                Vec::new()
            });
            for candidate in candidates {
                match gate::pass(&case, candidate, chosen_by, false) {
                    Ok(chosen) => return Ok(ToolchainChoice { refused, ..chosen }),
                    Err(fallen) => {
                        // Two versions of one compiler often fall for one reason.
                        if !refused.contains(&fallen.told()) {
                            refused.push(fallen.told());
                        }
                        affected.push(fallen);
                    }
                }
            }
        }
    }
    let width = refused
        .iter()
        .map(|fallen| fallen.kind.name().len())
        .max()
        .unwrap_or(0);
    let tried = refused
        .iter()
        .map(|fallen| format!("{:width$} {}", fallen.kind.name(), fallen.reason));
    let problem = match affected.iter().find_map(|fallen| fallen.code) {
        Some(code) => Problem::new(
            code,
            format!("no compiler here may compile the C of `{target}`"),
        ),
        None => Problem::new(NO_LINKER, format!("nothing here can link for `{target}`")),
    };
    let c_packages = c
        .packages
        .iter()
        .filter(|_| c.holds)
        .map(CPackage::to_string);
    let problem = problem.note("tried", tried).note("C in", c_packages);
    let ways = gate::suggestions(&case, &affected)
        .into_iter()
        .chain(ways_out(&case));
    Err(ways.fold(problem, Problem::help))
}

/// Who chose, and what came of it, where somebody chose.
fn bound(
    case: &TargetContext,
    request: &TargetRequest,
) -> Option<(String, Result<Vec<Candidate>, String>)> {
    let setting = case.here.linker.as_ref();
    if let Some((choice, by)) = &request.choice {
        if let Some(flag) = setting.filter(|setting| setting.place == SettingOrigin::Rustflags) {
            let reason = format!(
                "the rustflags in force hold `{}={}`, which beats every other choice",
                flag.name, flag.value
            );
            return Some((by.clone(), Err(reason)));
        }
        let row = KINDS.iter().find(|row| Some(row.kind) == choice.kind())?;
        return Some((by.clone(), (row.candidates)(case)));
    }
    let setting = setting?;
    let by = format!("`{}` in {}", setting.name, setting.place);
    Some((
        by,
        configured(case, setting).map(|candidate| vec![candidate]),
    ))
}

/// What the choice is called in an error.
fn choice_name<'a>(case: &TargetContext<'a>, request: &'a TargetRequest) -> &'a str {
    match (&request.choice, &case.here.linker) {
        (Some((choice, _)), _) => choice.kind().map_or("auto", LinkerKind::name),
        (None, Some(setting)) => &setting.value,
        (None, None) => "",
    }
}

fn unfit(
    target: &Target,
    choice: &str,
    by: &str,
    reason: String,
    request: &TargetRequest,
) -> Problem {
    if let (Some((LinkerChoice::Image, _)), Some(wanted)) = (&request.choice, &request.image) {
        return Problem::new(
            IMAGE_UNFIT,
            format!(
                "the image `{}` cannot build for `{target}`",
                wanted.reference.written
            ),
        )
        .note("cause", [reason])
        .help("add what is missing by `pre-build`, or name another image");
    }
    let help = match &request.choice {
        Some((LinkerChoice::Image, _)) => {
            format!(
                "name its image in xpkg's configuration: \
                 `[workspace.metadata.xpkg.target.{target}]` with `image = \"name:tag\"`, then \
                 `cargo xpkg image pin`"
            )
        }
        Some((LinkerChoice::Zig, _)) if reason == MISSING => {
            "install zig: `pip install ziglang`".to_owned()
        }
        Some(_) => "drop the choice, and xpkg takes the first that serves".to_owned(),
        None => format!("correct or remove {by}"),
    };
    Problem::new(
        LINKER_UNFIT,
        format!("`{choice}`, chosen by {by}, cannot link for `{target}`"),
    )
    .note("cause", [reason])
    .help(help)
}

fn ways_out(case: &TargetContext) -> Vec<String> {
    let TargetContext {
        target,
        facts,
        here,
        c,
        ..
    } = case;
    let native = target.triple() == facts.rustc.host;
    let zig = || {
        (target.system.os == Os::Linux && facts.zig.is_none() && case.sysroot.is_none())
            .then(|| "zig (`pip install ziglang`)".to_owned())
    };
    let one_of = |first: Option<String>| {
        [first, zig()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" or ")
    };
    if target.floor.is_some() {
        let kind = if native { "native" } else { "gcc" };
        let install = zig().map(|zig| format!("install {zig}, which links for any glibc"));
        let others = [
            format!(
                "choose the linker yourself, and the finished bins are held to the floor: \
                 `--linker {kind}`"
            ),
            "or build on a system whose glibc is as old as the floor".to_owned(),
        ];
        return install.into_iter().chain(others).collect();
    }
    match target.system.libc {
        Libc::Gnu if native && c.holds && facts.programs.contains_key("cc") => {
            vec!["install a C++ compiler (`apt-get install g++`)".to_owned()]
        }
        Libc::Gnu if native => {
            vec!["install a C compiler (`apt-get install gcc libc6-dev`)".to_owned()]
        }
        Libc::Gnu => {
            let cxx = c.packages.iter().any(|package| package.cxx);
            let package = gcc::debian_package(target, if cxx { "g++" } else { "gcc" });
            vec![format!(
                "install {}",
                one_of(Some(format!(
                    "a cross compiler (`apt-get install {package}`)"
                )))
            )]
        }
        Libc::Musl if lld::breaking_flag(&here.rustflags).is_some() => vec![
            "take the flag out of the rustflags, or name a linker that follows it:".to_owned(),
            format!(
                "`export CARGO_TARGET_{}_LINKER={}-gcc`",
                target.upper(),
                target.gnu_name()
            ),
        ],
        Libc::Musl if c.holds => {
            let tools = target.same_arch(&facts.rustc.host)
                && !c.packages.iter().any(|package| package.cxx);
            let first = one_of(
                tools.then(|| "a C compiler for musl (`apt-get install musl-tools`)".to_owned()),
            );
            let install = (!first.is_empty()).then(|| format!("install {first}"));
            let others = [
                format!(
                    "or name a musl cross compiler of yours in `CC_{}`",
                    target.lower()
                ),
                "or, if that C is never compiled for the target, set `c-dependencies = false` in \
                 xpkg's configuration"
                    .to_owned(),
            ];
            install.into_iter().chain(others).collect()
        }
        Libc::Musl => {
            vec!["use a Rust toolchain from rustup: it brings `rust-lld` and musl".to_owned()]
        }
        Libc::System => vec![format!(
            "name a linker for it in `CARGO_TARGET_{}_LINKER`",
            target.upper()
        )],
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[NO_LINKER];

pub const NO_LINKER: Code = code(&CodeInfo {
    name: "no-linker",
    title: "nothing here can link for the target",
    cause: "Every candidate fell; each one's reason stands in the message.",
    detection: "The candidates native, gcc and clang, rust-lld were tried in this order.",
    fix: "Install what the help line names.",
    source: "README, How a linker is chosen",
    waivable: false,
});
