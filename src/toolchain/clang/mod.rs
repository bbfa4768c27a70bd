//! clang, for targets where `--target` and a sysroot are sufficient: Debian's cross packages, or a
//! configured sysroot.
//!
//! A script calls it with both arguments. Nothing has to be added to RUSTFLAGS or CFLAGS, and CMake
//! and autotools call the same compiler as cc-rs.

pub mod arguments;
pub mod look;
pub mod ndk;

use crate::project::linker::LinkerKind;
use crate::project::request::TargetRequest;
use crate::target::Target;
use crate::target::system::{Libc, Os};
use crate::toolchain::assemble::assemble;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::context::TargetContext;
use crate::toolchain::script;
use crate::toolchain::tools::{Libraries, Tools};

const CLANG: &str = "clang";

/// Returns the names of the programs to look for.
pub fn search_names() -> [String; 2] {
    [CLANG.to_owned(), format!("{CLANG}++")]
}

/// Returns clang as a candidate if it finds the target's C library and a linker.
pub fn candidates(case: &TargetContext) -> Result<Vec<Candidate>, String> {
    let target = case.target;
    match target.system.os {
        Os::Android => return ndk::candidates(case),
        Os::Linux | Os::Illumos | Os::Solaris => {}
        other => return Err(format!("is used for Linux only, not for {}", other.name())),
    }
    if target.system.libc != Libc::Gnu && case.sysroot.is_none() {
        return Err(format!(
            "would use the host's C library for {}: it needs a sysroot",
            target.gnu_name()
        ));
    }
    let clang = case
        .program(CLANG)
        .ok_or_else(|| format!("`{CLANG}` is not on PATH"))?;
    if target.triple() == case.facts.rustc.host && case.sysroot.is_none() {
        let reason = "it compiles for the host".to_owned();
        return Ok(vec![assemble(
            case,
            LinkerKind::Clang,
            clang.clone(),
            Tools::with_companions(case, clang).linking(CLANG),
            reason,
        )]);
    }
    let arguments = case.clang_arguments.join(" ");
    let Some(finds) = &case.target_facts.clang else {
        return Err("was not queried, because a gcc for the target is installed".to_owned());
    };
    if !finds.start_file.starts_with('/') {
        return Err(match case.sysroot {
            Some(_) => format!("finds no C library with `{arguments}`"),
            None => format!("finds no C library with `{arguments}`: it needs a sysroot"),
        });
    }
    let uses_host_linker = finds.linker.rsplit('/').next() == Some("ld");
    if uses_host_linker && !finds.lld {
        return Err(format!(
            "finds no linker with `{arguments}` but the host's, `{}`, and no lld",
            finds.linker
        ));
    }
    let mut script_arguments = case.clang_arguments.to_vec();
    if uses_host_linker {
        script_arguments.extend(
            [
                "--start-no-unused-arguments",
                "-fuse-ld=lld",
                "--end-no-unused-arguments",
            ]
            .map(str::to_owned),
        );
    }
    let name = format!("{}-{CLANG}", target.gnu_name());
    let (cc, files) = script::compiler(case, clang, &name, &script_arguments);
    let cxx = case
        .program(&format!("{CLANG}++"))
        .map(|cxx| script::compiler(case, cxx, &format!("{name}++"), &script_arguments));
    let installed = |name: &str| case.program(name).map(|_| name.to_owned());
    let libraries = match case.sysroot {
        Some(sysroot) => Libraries::below(sysroot, target),
        None => Libraries::debian(target),
    };
    let tools = Tools {
        linker: Some(cc.program.clone()),
        cxx: cxx.as_ref().map(|(cxx, _)| cxx.program.clone()),
        ar: installed("llvm-ar")
            .or_else(|| installed(&format!("{}-ar", target.gnu_name())))
            .or_else(|| installed("ar")),
        ranlib: None,
        libraries: Some(libraries),
        zig: false,
        cc: Some(cc.clone()),
    };
    let linker = if uses_host_linker { "lld" } else { "linker" };
    let reason = format!("finds C library and {linker} with `{arguments}`");
    let mut candidate = assemble(case, LinkerKind::Clang, cc, tools, reason);
    candidate.files.extend(files);
    candidate
        .files
        .extend(cxx.into_iter().flat_map(|(_, files)| files));
    candidate.path = Some(script::directory(case));
    Ok(vec![candidate])
}

/// Returns true if clang may serve the target without a GNU compiler, so that the query is worth
/// its time.
pub fn is_worth(request: &TargetRequest, target: &Target) -> bool {
    let is_served = matches!(target.system.os, Os::Linux | Os::Illumos | Os::Solaris);
    is_served && (target.system.libc == Libc::Gnu || request.sysroot.is_some())
}
