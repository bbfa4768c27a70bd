//! Rust's own linker with the musl that Rust ships. It needs nothing installed for the target, and
//! no RUSTFLAGS.

use crate::project::linker::LinkerKind;
use crate::target::Target;
use crate::target::system::{Format, Libc};
use crate::toolchain::assemble::assemble;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::context::TargetContext;
use crate::toolchain::gcc;
use crate::toolchain::program::Program;
use crate::toolchain::tools::Tools;

/// Name by which rustc finds the linker in its own sysroot.
const RUST_LLD: &str = "rust-lld";

/// Returns it as a program; rustc knows its path.
pub fn linker() -> Program {
    Program {
        program: RUST_LLD.to_owned(),
        ..Program::default()
    }
}

/// Parts of rustflags that only a C compiler as linker understands, or that remove Rust's own musl.
const BREAKING: &[&str] = &[
    "-crt-static",
    "-fuse-ld",
    "-Wl,",
    "-nostartfiles",
    "-nostdlib",
    "-static-pie",
    "link-self-contained=n",
    "link-self-contained=off",
    "linker-flavor",
];

/// Returns the first flag that rust-lld cannot link with.
pub fn breaking_flag(flags: &[String]) -> Option<&String> {
    flags
        .iter()
        .find(|flag| BREAKING.iter().any(|part| flag.contains(part)))
}

/// Returns a candidate for each compiler of the target's C, or one without if the graph contains no
/// C.
pub fn candidates(case: &TargetContext) -> Result<Vec<Candidate>, String> {
    let Target { system, .. } = case.target;
    if system.format == Format::Wasm {
        let reason = "rustc links WebAssembly by itself".to_owned();
        return Ok(vec![assemble(
            case,
            LinkerKind::RustLld,
            linker(),
            Tools::default(),
            reason,
        )]);
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
    if let Some(flag) = breaking_flag(&case.target_facts.rustflags) {
        return Err(format!(
            "the effective rustflags contain `{flag}`, which it does not support"
        ));
    }
    if !case.c.present {
        let reason = "the target's graph contains no C, and Rust includes musl".to_owned();
        return Ok(vec![assemble(
            case,
            LinkerKind::RustLld,
            linker(),
            Tools::default().linking(RUST_LLD),
            reason,
        )]);
    }
    if let Some(setting) = case.target_facts.settings.get("CC") {
        let reason = format!("Rust includes musl, and `{}` compiles C", setting.name);
        return Ok(vec![assemble(
            case,
            LinkerKind::RustLld,
            linker(),
            Tools::default().linking(RUST_LLD),
            reason,
        )]);
    }
    let compilers = gcc::for_musl_c(case)
        .map_err(|reason| format!("can link, but no C compiler for musl was found: {reason}"))?;
    let candidate = |(cc, description): (Program, &str)| {
        let reason = format!(
            "Rust includes musl, and `{}` ({description}) compiles C",
            cc.program
        );
        assemble(
            case,
            LinkerKind::RustLld,
            linker(),
            Tools::with_companions(case, &cc).linking(RUST_LLD),
            reason,
        )
    };
    Ok(compilers.into_iter().map(candidate).collect())
}
