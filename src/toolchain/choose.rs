//! Chooses the linker and the C compiler of a target from the machine's facts, with the reason for
//! the choice and for each rejection.
//!
//! Pure: the input is [`Facts`], never the machine. Each kind of candidate has its own file. A new
//! program to look for is added to that file's `search_names`; `look` searches for those names
//! only.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};
use crate::project::c_package::CPackage;
use crate::project::linker::{LINKER_UNFIT, LinkerChoice, LinkerKind};
use crate::project::request::TargetRequest;
use crate::project::setting::{Setting, SettingOrigin};
use crate::target::Target;
use crate::target::level::CPU_LEVEL;
use crate::target::system::{Libc, Os};
use crate::toolchain::c_usage::CUsage;
use crate::toolchain::candidate::{Candidate, Rejected, ToolchainChoice};
use crate::toolchain::clang::{self, arguments};
use crate::toolchain::configured::configured;
use crate::toolchain::context::TargetContext;
use crate::toolchain::facts::Facts;
use crate::toolchain::gate::{Blocked, SDK_MISSING};
use crate::toolchain::image::candidates;
use crate::toolchain::image::container::IMAGE_UNFIT;
use crate::toolchain::kinds::{KINDS, KindEntry};
use crate::toolchain::msvc::sdk;
use crate::toolchain::program::Program;
use crate::toolchain::zig::{self, MISSING};
use crate::toolchain::{gate, gcc, lld, mingw, msvc, native, packages, wasm};

/// Returns the names of the programs to look for, for one target. They cover all kinds, because
/// `plan` shows each kind with its reason.
pub fn search_names(target: &Target, host: &str, on_path: &BTreeSet<String>) -> BTreeSet<String> {
    let kinds = native::search_names(target, host)
        .into_iter()
        .chain(gcc::search_names(target, host, on_path))
        .chain(clang::search_names())
        .chain(msvc::search_names(target));
    kinds
        .chain(zig::search_names(target))
        .chain(wasm::search_names(target))
        .collect()
}

/// Returns true if zig must be searched for, and its wrappers be written, for this target.
pub fn wants_zig(request: &TargetRequest, host: &str) -> bool {
    let chosen = request
        .choice
        .as_ref()
        .and_then(|(choice, _)| choice.kind());
    if wasm::is_wasi(&request.target) {
        return chosen.is_none_or(|kind| kind == LinkerKind::RustLld);
    }
    chosen.is_none_or(|kind| kind == LinkerKind::Zig)
        && zig::is_worth(&request.target, host, chosen == Some(LinkerKind::Zig))
}

/// Returns true if the target's image must be resolved: it was chosen, or `auto` may fall back to
/// it.
pub fn wants_image(request: &TargetRequest) -> bool {
    let chosen = request
        .choice
        .as_ref()
        .and_then(|(choice, _)| choice.kind());
    chosen == Some(LinkerKind::Image) || chosen.is_none() && request.image.is_some()
}

/// Returns clang's arguments for a query about the target, if clang could serve it and no GNU
/// compiler is likely to.
pub fn clang_question(
    request: &TargetRequest,
    host: &str,
    found: &BTreeMap<String, Program>,
) -> Option<Vec<String>> {
    let target = &request.target;
    let chosen = request
        .choice
        .as_ref()
        .and_then(|(choice, _)| choice.kind());
    let worth = match chosen {
        Some(kind) => kind == LinkerKind::Clang,
        // A gcc may be rejected later, because its glibc is above the target's floor.
        None => {
            request.sysroot.is_some()
                || target.triple() != host
                    && (target.floor.is_some() || !gcc::is_installed(target, host, found))
        }
    };
    (worth && clang::is_worth(request, target)).then(|| arguments::arguments(request))
}

/// Returns the candidates that are viable as far as their own kind can tell. Their C compilers are
/// probed next.
pub fn viable_candidates(
    request: &TargetRequest,
    facts: &Facts,
    c: &CUsage,
    tools: &Utf8Path,
) -> Vec<Candidate> {
    let case = TargetContext::new(request, facts, c, tools);
    let chosen = explicit_choice(&case, request)
        .and_then(|(_, candidates)| candidates.ok())
        .unwrap_or_default();
    chosen
        .into_iter()
        .chain(
            KINDS
                .iter()
                .flat_map(|entry| (entry.candidates)(&case).unwrap_or_default()),
        )
        .collect()
}

/// Returns the other kinds of linkers that could link for the target.
pub fn alternatives(
    request: &TargetRequest,
    facts: &Facts,
    c: &CUsage,
    tools: &Utf8Path,
    chosen: &ToolchainChoice,
) -> Vec<LinkerKind> {
    let case = TargetContext::new(request, facts, c, tools);
    let passes = |kind: &KindEntry| {
        let candidates = (kind.candidates)(&case).unwrap_or_default();
        candidates
            .into_iter()
            .any(|candidate| gate::pass(&case, candidate, "", true).is_ok())
    };
    KINDS
        .iter()
        .filter(|entry| entry.kind != chosen.candidate.kind && passes(entry))
        .map(|entry| entry.kind)
        .collect()
}

/// Returns the first candidate in a target's image, or the reason why there is none.
pub fn image_candidate(
    request: &TargetRequest,
    facts: &Facts,
    c: &CUsage,
    tools: &Utf8Path,
) -> Result<Candidate, String> {
    let case = TargetContext::new(request, facts, c, tools);
    candidates::candidates(&case)?
        .into_iter()
        .next()
        .ok_or_else(|| "no compiler in it works for the target".to_owned())
}

/// Chooses the toolchain of a target. An explicit choice binds or fails; without one, `auto` takes
/// the first candidate that passes (the guide's page `linkers`).
///
/// # Errors
///
/// Fails if no candidate passes; the problem lists each one's reason and the suggested fixes.
pub fn choose(
    request: &TargetRequest,
    facts: &Facts,
    c: &CUsage,
    tools: &Utf8Path,
) -> Result<ToolchainChoice> {
    let target = &request.target;
    let case = TargetContext::new(request, facts, c, tools);
    let mut rejected = Vec::new();
    let mut affected = Vec::new();
    if let Some((by, candidates)) = explicit_choice(&case, request) {
        let name = choice_name(&case, request);
        // A problem of the image has its own code.
        if let (Some(LinkerKind::Image), Some(Err(problem))) =
            (case.chosen_kind, &case.target_facts.image)
        {
            return Err(problem.clone());
        }
        let candidates = candidates.map_err(|reason| unfit(&case, name, &by, reason, request))?;
        for candidate in candidates {
            match gate::pass(&case, candidate, &by, true) {
                Ok(chosen) => return Ok(ToolchainChoice { rejected, ..chosen }),
                Err(blocked) => {
                    rejected.push(blocked.to_rejected());
                    affected.push(blocked);
                }
            }
        }
        let reasons: Vec<String> = rejected
            .iter()
            .map(|blocked| blocked.reason.clone())
            .collect();
        let problem = match affected.iter().find_map(|blocked| blocked.code) {
            Some(CPU_LEVEL) => Problem::new(
                CPU_LEVEL,
                format!("`{name}` (from {by}) links for newer processors than `{target}`"),
            )
            .note("cause", reasons),
            Some(SDK_MISSING) => Problem::new(
                SDK_MISSING,
                format!("`{name}` (from {by}) cannot link for `{target}` without Apple's SDK"),
            )
            .note("cause", reasons),
            Some(code) => Problem::new(
                code,
                format!("`{name}` (from {by}) miscompiles C for `{target}`"),
            )
            .note("cause", reasons),
            None => {
                let reason = reasons.join("; ");
                match gate::blamed_compiler(&case, &affected) {
                    Some(Setting {
                        name: set, place, ..
                    }) => {
                        let message = format!("`{name}` (from {by}) cannot link for `{target}`");
                        Problem::new(LINKER_UNFIT, message)
                            .note("cause", [reason])
                            .help(format!(
                                "correct or remove `{set}`, which is set in {place}"
                            ))
                    }
                    None => unfit(&case, name, &by, reason, request),
                }
            }
        };
        return Err(gate::suggestions(&case, &affected)
            .into_iter()
            .fold(problem, Problem::help));
    }
    let chosen_by = request.choice.as_ref().map_or("auto", |(_, by)| by);
    // Findings are accepted only if no candidate passes without that.
    for accept in [&[], case.accept] {
        let case = TargetContext {
            accept,
            ..case.clone()
        };
        (rejected, affected) = (Vec::new(), Vec::new());
        for entry in KINDS {
            let candidates = (entry.candidates)(&case).unwrap_or_else(|reason| {
                rejected.push(Rejected {
                    kind: entry.kind,
                    reason,
                    by_probe: false,
                });
                Vec::new()
            });
            for candidate in candidates {
                match gate::pass(&case, candidate, chosen_by, false) {
                    Ok(chosen) => return Ok(ToolchainChoice { rejected, ..chosen }),
                    Err(blocked) => {
                        // Two versions of one compiler are often rejected for the same reason.
                        if !rejected.contains(&blocked.to_rejected()) {
                            rejected.push(blocked.to_rejected());
                        }
                        affected.push(blocked);
                    }
                }
            }
        }
    }
    let width = rejected
        .iter()
        .map(|blocked| blocked.kind.name().len())
        .max()
        .unwrap_or(0);
    let tried = rejected
        .iter()
        .map(|blocked| format!("{:width$} {}", blocked.kind.name(), blocked.reason));
    let code = affected.iter().find_map(|blocked| blocked.code);
    let problem = match code {
        Some(CPU_LEVEL) => Problem::new(
            CPU_LEVEL,
            format!("no linker found for the processors of `{target}`"),
        ),
        Some(SDK_MISSING) => Problem::new(
            SDK_MISSING,
            format!("no linker found for `{target}`: its packages need Apple's SDK"),
        ),
        Some(code) => Problem::new(
            code,
            format!("no C compiler without a known bug found for `{target}`"),
        ),
        None => Problem::new(NO_LINKER, format!("no linker found for `{target}`")),
    };
    let c_packages = c
        .packages
        .iter()
        .filter(|_| c.present)
        .map(CPackage::to_string);
    let problem = problem.note("tried", tried).note("C in", c_packages);
    // Another compiler from the same distribution would be for the same processors.
    let others = if matches!(code, Some(CPU_LEVEL | SDK_MISSING)) {
        Vec::new()
    } else {
        suggestions(&case, &affected)
    };
    let help = gate::suggestions(&case, &affected)
        .into_iter()
        .chain(others);
    Err(help.fold(problem, Problem::help))
}

/// Returns the origin of an explicit choice and its candidates; `None` if nothing was chosen.
fn explicit_choice(
    case: &TargetContext,
    request: &TargetRequest,
) -> Option<(String, Result<Vec<Candidate>, String>)> {
    let setting = case.target_facts.linker.as_ref();
    if let Some((choice, by)) = &request.choice {
        if let Some(flag) = setting.filter(|setting| setting.place == SettingOrigin::Rustflags) {
            let reason = format!(
                "the effective rustflags contain `{}={}`, which overrides every other choice",
                flag.name, flag.value
            );
            return Some((by.clone(), Err(reason)));
        }
        let entry = KINDS
            .iter()
            .find(|entry| Some(entry.kind) == choice.kind())?;
        return Some((by.clone(), (entry.candidates)(case)));
    }
    let setting = setting?;
    let by = format!("`{}` in {}", setting.name, setting.place);
    Some((
        by,
        configured(case, setting).map(|candidate| vec![candidate]),
    ))
}

/// Returns the name of the choice for an error message.
fn choice_name<'a>(case: &TargetContext<'a>, request: &'a TargetRequest) -> &'a str {
    match (&request.choice, &case.target_facts.linker) {
        (Some((choice, _)), _) => choice.kind().map_or("auto", LinkerKind::name),
        (None, Some(setting)) => &setting.value,
        (None, None) => "",
    }
}

/// Builds the problem of an explicit choice that cannot serve the target.
fn unfit(
    case: &TargetContext,
    choice: &str,
    by: &str,
    reason: String,
    request: &TargetRequest,
) -> Problem {
    let target = case.target;
    if let (Some((LinkerChoice::Image, _)), Some(image)) = (&request.choice, &request.image) {
        return Problem::new(
            IMAGE_UNFIT,
            format!(
                "the image `{}` cannot build for `{target}`",
                image.reference.written
            ),
        )
        .note("cause", [reason])
        .help("add what is missing by `pre-build`, or name another image");
    }
    let help = match &request.choice {
        Some((LinkerChoice::Image, _)) => set_image(target),
        Some((LinkerChoice::Zig, _)) if matches!(case.target_facts.sdk, Some(Err(_))) => {
            SET_SDK.to_owned()
        }
        Some((LinkerChoice::Zig, _)) if reason == MISSING => {
            format!("install zig: `{}`", zig::install_command(case.facts))
        }
        Some(_) => "remove the choice, and xpkg uses the first linker that works".to_owned(),
        None => format!("correct or remove {by}"),
    };
    Problem::new(
        LINKER_UNFIT,
        format!("`{choice}` (from {by}) cannot link for `{target}`"),
    )
    .note("cause", [reason])
    .help(help)
}

/// Suggests a directory that is an SDK.
const SET_SDK: &str = "set `sysroot` to the directory of an SDK for macOS: `…/MacOSX.sdk`";

/// Suggests an image.
fn set_image(target: &Target) -> String {
    format!(
        "set its image in xpkg's configuration: `[workspace.metadata.xpkg.target.{target}]` with \
         `image = \"name:tag\"`, then `cargo xpkg image pin`"
    )
}

/// Suggests to say that there is no C.
const NO_C: &str = "or, if that C is never compiled for the target, set `c-dependencies = false` in \
                    xpkg's configuration";

/// Suggests fixes for a target without a linker.
fn suggestions(case: &TargetContext, blocked: &[Box<Blocked>]) -> Vec<String> {
    let TargetContext {
        target,
        facts,
        target_facts,
        c,
        ..
    } = case;
    let native = target.triple() == facts.rustc.host;
    let zig = || {
        (zig::may_serve(target) && facts.zig.is_none() && case.sysroot.is_none())
            .then(|| format!("zig (`{}`)", zig::install_command(facts)))
    };
    let one_of = |first: Option<String>| {
        [first, zig()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" or ")
    };
    let cxx = c.present && c.has_cxx();
    let compiler = if cxx { "g++" } else { "gcc" };
    let cross = packages::cross_compiler(target, compiler, facts.installer)
        .map(|command| format!("a cross compiler (`{command}`)"));
    if target.floor.is_some() {
        let install = zig().map(|zig| format!("install {zig}, which links for any glibc"));
        let keeps = |candidate: Candidate| gate::pass(case, candidate, "", true).is_ok();
        let own = if native {
            native::candidates(case)
        } else {
            gcc::candidates(case)
        };
        let own = own
            .unwrap_or_default()
            .into_iter()
            .find(|own| keeps(own.clone()));
        let choice = own.map(|own| {
            format!(
                "choose the linker yourself; then only the finished binaries are checked against \
                 the floor: `--linker {}`",
                own.kind.name()
            )
        });
        let other = "or build on a system whose glibc is as old as the floor".to_owned();
        return install.into_iter().chain(choice).chain([other]).collect();
    }
    // Nothing comes before a variable with the target in its name.
    let is_general = |setting: &&Setting| !setting.name.starts_with("CC_");
    if let Some(setting) = gate::misplaced_compiler(case).filter(is_general) {
        return vec![format!(
            "set a compiler for the target, which comes before `{}`: `export CC_{}={}`",
            setting.name,
            target.lower(),
            if native { "cc" } else { "COMPILER" }
        )];
    }
    if let Some(setting) = gate::blamed_compiler(case, blocked) {
        let Setting { name, place, .. } = setting;
        let correct = format!("correct or remove `{name}`, which is set in {place}");
        return vec![correct, NO_C.to_owned()];
    }
    if wasm::serves(target) {
        return wasm::suggestions(case);
    }
    match target.system.libc {
        Libc::Gnu if native && c.present && facts.programs.contains_key("cc") => {
            vec![format!(
                "install a C++ compiler (`{}`)",
                packages::cxx_compiler(facts.installer)
            )]
        }
        Libc::Gnu if gcc::is_incomplete(case) => {
            if let Some(sysroot) = gcc::sdk_sysroot(case) {
                return vec![sysroot];
            }
            vec![format!(
                "install {}",
                one_of(Some(format!(
                    "the compiler's C library{}",
                    gcc::libc_command(case)
                )))
            )]
        }
        Libc::Gnu if native => {
            vec![format!(
                "install a C compiler (`{}`)",
                packages::c_compiler(facts.installer)
            )]
        }
        Libc::Gnu => {
            let first = one_of(cross);
            let install = (!first.is_empty()).then(|| format!("install {first}"));
            vec![install.unwrap_or_else(|| set_image(target))]
        }
        Libc::Musl if let Some(flag) = lld::breaking_flag(target, &target_facts.rustflags) => {
            let shared = lld::dynamic_flag(&target_facts.rustflags).map(|_| {
                format!(
                    "or put a cross compiler with a shared musl on PATH, as `{}-gcc`",
                    target.gnu_name()
                )
            });
            [format!("remove `{flag}` from the rustflags")]
                .into_iter()
                .chain(shared)
                .collect()
        }
        Libc::Musl if !target_facts.crt_static => {
            let install = zig().map(|zig| format!("install {zig}"));
            let rustflags = format!(
                "link it statically: `export CARGO_TARGET_{}_RUSTFLAGS=\"-C \
                 target-feature=+crt-static\"`",
                target.upper()
            );
            [rustflags]
                .into_iter()
                .chain(install.map(|install| format!("or {install}")))
                .collect()
        }
        Libc::Musl if c.present => {
            let tools = target.same_arch(&facts.rustc.host) && !c.has_cxx();
            let first = one_of(
                tools
                    .then(|| packages::musl_compiler(target, facts.installer))
                    .flatten()
                    .map(|command| format!("a C compiler for musl (`{command}`)")),
            );
            let install = (!first.is_empty()).then(|| format!("install {first}"));
            let others = [
                format!(
                    "or set a musl cross compiler of your own in `CC_{}`",
                    target.lower()
                ),
                NO_C.to_owned(),
            ];
            install.into_iter().chain(others).collect()
        }
        Libc::Musl => {
            vec!["use a Rust toolchain from rustup: it includes `rust-lld` and musl".to_owned()]
        }
        Libc::System => {
            let set = format!(
                "set a linker for it in `CARGO_TARGET_{}_LINKER`",
                target.upper()
            );
            let first = one_of(cross);
            let install = match (target.system.os, &target_facts.sdk) {
                (_, Some(Err(_))) => return vec![SET_SDK.to_owned()],
                (Os::Android, _) => Some(
                    "install Android's NDK, and set `ANDROID_NDK_HOME` to its directory".to_owned(),
                ),
                _ if sdk::is_msvc(target) => Some(msvc::suggestion(target)),
                _ if mingw::is_llvm(target) => {
                    let compiler = mingw::llvm_suggestion(target);
                    Some(match zig() {
                        Some(zig) => format!("install {zig} or {compiler}"),
                        None => compiler,
                    })
                }
                _ => (!first.is_empty()).then(|| format!("install {first}")),
            };
            let or = if install.is_some() { "or " } else { "" };
            let set = format!("{or}{set}");
            install.into_iter().chain([set]).collect()
        }
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[NO_LINKER];

pub const NO_LINKER: Code = code(&CodeInfo {
    name: "no-linker",
    title: "no linker found for the target",
    cause: "Every candidate was rejected; the message gives the reason for each.",
    detection: "Candidates are tried in this order: native, gcc, clang, rust-lld, zig, image.",
    fix: "Install what the help line names, or set an image for the target (`cargo xpkg help \
          cross-images`) and run `cargo xpkg image pin`.",
    page: "linkers",
    sources: &[],
    waivable: false,
});
