//! The host's own `cc`, for the host's own triple: plain cargo's default, so nothing is set.

use crate::project::linker::LinkerKind;
use crate::target::Target;
use crate::toolchain::assemble::assemble;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::context::TargetContext;
use crate::toolchain::gcc;
use crate::toolchain::tools::Tools;

/// rustc's default linker on Unix hosts.
pub const CC: &str = "cc";

/// cc-rs's default C++ compiler on Unix hosts.
pub const CXX: &str = "c++";

/// Returns the names of the programs to look for.
pub fn search_names(target: &Target, host: &str) -> Vec<String> {
    if target.triple() == host {
        vec![CC.to_owned(), CXX.to_owned()]
    } else {
        Vec::new()
    }
}

/// Returns the host's `cc` if the target is the host's own triple.
pub fn candidates(case: &TargetContext) -> Result<Vec<Candidate>, String> {
    let host = &case.facts.rustc.host;
    if case.target.triple() != host {
        return Err(format!("links for the host's triple only, `{host}`"));
    }
    if let Some(sysroot) = case.sysroot {
        return Err(format!(
            "does not support a sysroot, but `{sysroot}` is configured"
        ));
    }
    let cc = case
        .program(CC)
        .ok_or_else(|| format!("`{CC}` is not on PATH"))?;
    if gcc::lacks_libc(case, cc) {
        return Err(gcc::no_libc(case, cc));
    }
    // An explicit choice of `native` overrides a linker in cargo's configuration.
    let tools = Tools {
        linker: case.target_facts.linker.as_ref().map(|_| CC.to_owned()),
        ..Tools::default()
    };
    let mut candidate = assemble(
        case,
        LinkerKind::Native,
        cc.clone(),
        tools,
        "the target is the host's own triple".to_owned(),
    );
    candidate.cxx = case.program(CXX).is_some() || case.target_facts.settings.contains_key("CXX");
    candidate.c_compiler.get_or_insert_with(|| cc.clone());
    Ok(vec![candidate])
}
