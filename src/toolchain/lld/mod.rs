//! Rust's own linker with the musl that Rust ships. It needs nothing installed for the target, and
//! no RUSTFLAGS.
//!
//! A script of ours stands before it. It starts this program, which translates what is meant for a
//! compiler driver ([`arguments`]), calls rust-lld, and keeps what a failed link asked for
//! ([`crate::toolchain::link_failure`]).

pub mod arguments;

use crate::project::linker::LinkerKind;
use crate::project::rustflags;
use crate::target::Target;
use crate::target::system::{Libc, Os};
use crate::toolchain::assemble::assemble;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::context::TargetContext;
use crate::toolchain::lld::arguments::translate;
use crate::toolchain::msvc::sdk;
use crate::toolchain::program::Program;
use crate::toolchain::script;
use crate::toolchain::tools::{ToolFile, Tools};
use crate::toolchain::{gcc, msvc};

/// Name by which rustc finds the linker in its own sysroot.
pub const RUST_LLD: &str = "rust-lld";

/// Returns it as a program; rustc knows its path.
pub fn linker() -> Program {
    Program {
        program: RUST_LLD.to_owned(),
        ..Program::default()
    }
}

/// Name of xpkg's script before it. rustc infers the linker's flavor from a name, and ignores a
/// number at its end. The plain name would find rustc's own first, whose directory rustc puts
/// before PATH.
pub const WRAPPER: &str = "rust-lld-1";

/// Hidden subcommand that the script starts.
pub const SUBCOMMAND: &str = "__lld";

/// Variable with the path of the file to which the wrapper writes what a failed link asked for.
pub const FAILURE_VARIABLE: &str = "XPKG_LINK_FAILURE";

/// Values of `link-self-contained` that remove Rust's own musl.
const NOT_SELF_CONTAINED: &[&str] = &["n", "no", "off", "false"];

/// Processors whose static programs for musl are position-independent unless the rustflags choose
/// otherwise.
///
/// Source: `static-position-independent-executables` of rustc 1.95's targets for musl.
const STATIC_PIE: &[&str] = &["s390x", "x86_64"];

/// Returns the flag that makes musl a shared library.
pub fn dynamic_flag(flags: &[String]) -> Option<String> {
    rustflags::switched_off(flags, "crt-static")
}

/// Returns the first flag that rust-lld cannot link with.
pub fn breaking_flag(target: &Target, flags: &[String]) -> Option<String> {
    let contained = rustflags::last_option(flags, "link-self-contained").filter(|option| {
        let value = option.value.as_deref().unwrap_or_default();
        NOT_SELF_CONTAINED.contains(&value)
    });
    let flavor = || rustflags::last_option(flags, "linker-flavor");
    let breaking = contained.or_else(flavor).map(|option| option.flag);
    let start = start_arguments(target, flags);
    let refused = |(flag, arg): (String, String)| {
        let link = start.map(str::to_owned).into_iter().chain([arg]).collect();
        translate(link, &|_, _| true).err().map(|_| flag)
    };
    let refused = || {
        rustflags::link_arguments(flags)
            .into_iter()
            .find_map(refused)
    };
    dynamic_flag(flags).or(breaking).or_else(refused)
}

/// Returns the start file of a static program, and the argument of its kind, as rustc passes them.
///
/// Source: `rustc --print link-args` of 1.95 for aarch64, i686, powerpc64 and x86_64.
fn start_arguments(target: &Target, flags: &[String]) -> [&'static str; 2] {
    let model = rustflags::value(flags, "relocation-model");
    let is_relocatable = model.is_none_or(|model| ["pic", "pie"].contains(&model.as_str()));
    if STATIC_PIE.contains(&target.arch.name) && is_relocatable {
        ["rcrt1.o", "-pie"]
    } else {
        ["crt1.o", "-no-pie"]
    }
}

/// Returns the reason if it cannot link as the target or the rustflags ask.
pub fn unfollowed(case: &TargetContext) -> Option<String> {
    if let Some(flag) = breaking_flag(case.target, &case.target_facts.rustflags) {
        return Some(format!(
            "the effective rustflags contain `{flag}`, which it does not support"
        ));
    }
    (!case.target_facts.crt_static).then(|| {
        "Rust links this target's musl as a shared library by default, which Rust does not include"
            .to_owned()
    })
}

/// Returns the wrapper, and the script that it starts. `None` if the path of this program is
/// unknown.
fn wrapper(case: &TargetContext) -> Option<[ToolFile; 2]> {
    let (own, own_file) = script::own_program(case)?;
    let text = format!("exec {} {SUBCOMMAND} \"$@\"\n", script::beside(&own));
    Some([own_file, script::file(case, WRAPPER, &text)])
}

/// Builds the candidate, with the wrapper before rust-lld.
fn candidate(case: &TargetContext, tools: Tools, reason: String) -> Candidate {
    let wrapper = wrapper(case);
    let name = if wrapper.is_some() { WRAPPER } else { RUST_LLD };
    let mut candidate = assemble(
        case,
        LinkerKind::RustLld,
        linker(),
        tools.linking(name),
        reason,
    );
    if let Some(files) = wrapper {
        candidate.files.extend(files);
        candidate.path = Some(script::directory(case));
    }
    candidate
}

/// Returns a candidate for each compiler of the target's C, or one without if the graph contains no
/// C.
pub fn candidates(case: &TargetContext) -> Result<Vec<Candidate>, String> {
    let Target { system, .. } = case.target;
    if sdk::is_msvc(case.target) {
        return msvc::candidates(case);
    }
    if system.os == Os::Windows {
        return Err("links with Microsoft's libraries only, for windows-msvc".to_owned());
    }
    if system.libc == Libc::System {
        return Err("links for musl only".to_owned());
    }
    if system.libc != Libc::Musl {
        return Err(format!(
            "links for musl only: for {} it needs a sysroot",
            system.libc.name()
        ));
    }
    if let Some(sysroot) = case.sysroot {
        return Err(format!(
            "does not support a sysroot, but `{sysroot}` is configured"
        ));
    }
    if !case.facts.rustc.lld {
        return Err(format!("this Rust toolchain has no `{RUST_LLD}`"));
    }
    if !case.target_facts.self_contained {
        return Err("the target's standard library does not include musl".to_owned());
    }
    if let Some(reason) = unfollowed(case) {
        return Err(reason);
    }
    if !case.c.present {
        let reason = "the target's graph contains no C, and Rust includes musl".to_owned();
        return Ok(vec![candidate(case, Tools::default(), reason)]);
    }
    if let Some(setting) = case.target_facts.settings.get("CC") {
        let reason = format!("Rust includes musl, and `{}` compiles C", setting.name);
        return Ok(vec![candidate(case, Tools::default(), reason)]);
    }
    let compilers = gcc::for_musl_c(case)
        .map_err(|reason| format!("can link, but no C compiler for musl was found: {reason}"))?;
    let with_compiler = |(cc, description): (Program, &str)| {
        let reason = format!(
            "Rust includes musl, and `{}` ({description}) compiles C",
            cc.program
        );
        candidate(case, Tools::with_companions(case, &cc), reason)
    };
    Ok(compilers.into_iter().map(with_compiler).collect())
}
