//! clang, where `--target` is all that it needs: it finds start files and a linker for the target by itself.
//!
//! It is called through a link named `<target>-clang`: clang takes its target from such a name, so nothing has to be
//! added to RUSTFLAGS.

use super::{Candidate, Case, Kind};
use crate::target::{Libc, Target};

const CLANG: &str = "clang";

pub fn wanted(target: &Target) -> Vec<String> {
    if target.system.libc == Libc::Gnu { vec![CLANG.to_owned(), format!("{CLANG}++")] } else { Vec::new() }
}

pub fn target_argument(target: &Target) -> String {
    format!("--target={}", target.gnu_name())
}

pub fn candidates(case: &Case) -> Result<Vec<Candidate>, String> {
    if case.target.system.libc != Libc::Gnu {
        return Err(format!("would take the host's C library for {}: it needs a sysroot", case.target.gnu_name()));
    }
    let clang = case.program(CLANG).ok_or_else(|| format!("`{CLANG}` is not on PATH"))?;
    let argument = target_argument(case.target);
    if case.target.triple() == case.facts.rustc.host {
        let linker = Some(case.linker_variable(CLANG));
        let reason = "it compiles for the host".to_owned();
        return Ok(vec![case.candidate(Kind::Clang, clang.clone(), linker, Some(clang.clone()), reason)]);
    }
    let Some(finds) = &case.here.clang else { return Err("was not asked, since a gcc for the target is there".to_owned()) };
    if !finds.start_file.starts_with('/') {
        return Err(format!("finds no C library by `{argument}`: it needs a sysroot"));
    }
    if finds.linker.rsplit('/').next() == Some("ld") {
        return Err(format!("finds no linker by `{argument}` but the host's, `{}`", finds.linker));
    }
    let Some(path) = &clang.path else { return Err(format!("`{CLANG}` is not on PATH")) };
    let link = case.tools.join(format!("{}-{CLANG}", case.target.gnu_name()));
    let linker = super::Program { program: link.to_string(), machine: Some(case.target.gnu_name()), ..clang.clone() };
    let variable = Some(case.linker_variable(link.as_str()));
    let reason = format!("finds C library and linker by `{argument}`");
    let mut candidate = case.candidate(Kind::Clang, linker, variable, Some(clang.clone()), reason);
    candidate.link = Some((link, path.clone()));
    Ok(vec![candidate])
}
