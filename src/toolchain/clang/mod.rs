//! clang, where `--target` and a sysroot are all that it needs: Debian's cross packages, or one
//! that is configured.
//!
//! It is called through a script that says both: nothing has to be added to RUSTFLAGS or CFLAGS,
//! and CMake and autotools hear the same as cc-rs.

pub mod arguments;
pub mod look;

use crate::project::linker::LinkerKind;
use crate::project::request::TargetRequest;
use crate::target::Target;
use crate::target::system::{Libc, Os};
use crate::toolchain::assemble::assemble;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::context::TargetContext;
use crate::toolchain::tools::{Libraries, Tools, script};

const CLANG: &str = "clang";

pub fn wanted() -> [String; 2] {
    [CLANG.to_owned(), format!("{CLANG}++")]
}

pub fn candidates(case: &TargetContext) -> Result<Vec<Candidate>, String> {
    let target = case.target;
    if target.system.os != Os::Linux || target.system.libc != Libc::Gnu && case.sysroot.is_none() {
        return Err(format!(
            "would take the host's C library for {}: it needs a sysroot",
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
            Tools::of(case, clang).linking(CLANG),
            reason,
        )]);
    }
    let arguments = case.clang_arguments.join(" ");
    let Some(finds) = &case.here.clang else {
        return Err("was not asked, since a gcc for the target is there".to_owned());
    };
    if !finds.start_file.starts_with('/') {
        return Err(match case.sysroot {
            Some(_) => format!("finds no C library by `{arguments}`"),
            None => format!("finds no C library by `{arguments}`: it needs a sysroot"),
        });
    }
    let hosts_own = finds.linker.rsplit('/').next() == Some("ld");
    if hosts_own && !finds.lld {
        return Err(format!(
            "finds no linker by `{arguments}` but the host's, `{}`, and no lld",
            finds.linker
        ));
    }
    let mut words = case.clang_arguments.to_vec();
    if hosts_own {
        words.extend(
            [
                "--start-no-unused-arguments",
                "-fuse-ld=lld",
                "--end-no-unused-arguments",
            ]
            .map(str::to_owned),
        );
    }
    let name = format!("{}-{CLANG}", target.gnu_name());
    let (cc, file) = script(case, clang, &name, &words);
    let cxx = case
        .program(&format!("{CLANG}++"))
        .map(|cxx| script(case, cxx, &format!("{name}++"), &words));
    let there = |name: &str| case.program(name).map(|_| name.to_owned());
    let libraries = match case.sysroot {
        Some(sysroot) => Libraries::below(sysroot, target),
        None => Libraries::debian(target),
    };
    let tools = Tools {
        linker: Some(cc.program.clone()),
        cxx: cxx.as_ref().map(|(cxx, _)| cxx.program.clone()),
        ar: there("llvm-ar")
            .or_else(|| there(&format!("{}-ar", target.gnu_name())))
            .or_else(|| there("ar")),
        ranlib: None,
        libraries: Some(libraries),
        zig: false,
        cc: Some(cc.clone()),
    };
    let linker = if hosts_own { "lld" } else { "linker" };
    let reason = format!("finds C library and {linker} by `{arguments}`");
    let mut candidate = assemble(case, LinkerKind::Clang, cc, tools, reason);
    candidate.files.extend(
        [Some(file), cxx.map(|(_, file)| file)]
            .into_iter()
            .flatten(),
    );
    Ok(vec![candidate])
}

/// Whether it could serve where no GNU compiler does, so that it is worth asking.
pub fn is_worth(request: &TargetRequest, target: &Target) -> bool {
    target.system.os == Os::Linux && (target.system.libc == Libc::Gnu || request.sysroot.is_some())
}
