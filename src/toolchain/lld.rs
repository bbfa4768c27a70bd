//! Rust's own linker with the musl that Rust brings: needs nothing that is installed for the
//! target, and no RUSTFLAGS.

use crate::project::linker::LinkerKind;
use crate::target::Target;
use crate::target::system::{Format, Libc};
use crate::toolchain::assemble::assemble;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::context::TargetContext;
use crate::toolchain::gcc;
use crate::toolchain::program::Program;
use crate::toolchain::tools::Tools;

/// The name by which rustc finds the linker in its own sysroot.
const RUST_LLD: &str = "rust-lld";

pub fn linker() -> Program {
    Program {
        program: RUST_LLD.to_owned(),
        ..Program::default()
    }
}

/// Parts of rustflags that only a C compiler as linker understands, or that take Rust's own musl
/// away.
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

pub fn breaking_flag(flags: &[String]) -> Option<&String> {
    flags
        .iter()
        .find(|flag| BREAKING.iter().any(|part| flag.contains(part)))
}

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
            "serves musl only: for {} it needs a sysroot",
            system.libc.name()
        ));
    }
    if let Some(sysroot) = case.sysroot {
        return Err(format!("takes no sysroot, and `{sysroot}` is configured"));
    }
    if !case.facts.rustc.lld {
        return Err(format!("this Rust toolchain has no `{RUST_LLD}`"));
    }
    if !case.here.self_contained {
        return Err("the target's standard library does not bring musl with it".to_owned());
    }
    if let Some(flag) = breaking_flag(&case.here.rustflags) {
        return Err(format!(
            "the rustflags in force hold `{flag}`, which it cannot follow"
        ));
    }
    if !case.c.holds {
        let reason = "the target's graph holds no C, and Rust brings musl itself".to_owned();
        return Ok(vec![assemble(
            case,
            LinkerKind::RustLld,
            linker(),
            Tools::default().linking(RUST_LLD),
            reason,
        )]);
    }
    if let Some(setting) = case.here.settings.get("CC") {
        let reason = format!("Rust brings musl itself, and `{}` compiles C", setting.name);
        return Ok(vec![assemble(
            case,
            LinkerKind::RustLld,
            linker(),
            Tools::default().linking(RUST_LLD),
            reason,
        )]);
    }
    let compilers = gcc::for_musl_c(case)
        .map_err(|reason| format!("links, but nothing here compiles C for musl: {reason}"))?;
    let with = |(cc, what): (Program, &str)| {
        let reason = format!(
            "Rust brings musl itself, and `{}` ({what}) compiles C",
            cc.program
        );
        assemble(
            case,
            LinkerKind::RustLld,
            linker(),
            Tools::of(case, &cc).linking(RUST_LLD),
            reason,
        )
    };
    Ok(compilers.into_iter().map(with).collect())
}
