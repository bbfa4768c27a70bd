//! The host's own `cc`, for the host's own triple: what plain cargo would use, so nothing is set.

use crate::project::linker::LinkerKind;
use crate::target::Target;
use crate::toolchain::assemble::assemble;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::context::TargetContext;
use crate::toolchain::tools::Tools;

/// rustc's default linker on this kind of host.
pub const CC: &str = "cc";

/// What cc-rs takes for C++ there.
pub const CXX: &str = "c++";

pub fn wanted(target: &Target, host: &str) -> Vec<String> {
    if target.triple() == host {
        vec![CC.to_owned(), CXX.to_owned()]
    } else {
        Vec::new()
    }
}

pub fn candidates(case: &TargetContext) -> Result<Vec<Candidate>, String> {
    let host = &case.facts.rustc.host;
    if case.target.triple() != host {
        return Err(format!("serves the host's triple only, `{host}`"));
    }
    if let Some(sysroot) = case.sysroot {
        return Err(format!("takes no sysroot, and `{sysroot}` is configured"));
    }
    let cc = case
        .program(CC)
        .ok_or_else(|| format!("`{CC}` is not on PATH"))?;
    // Who asked for this in spite of a linker in cargo's configuration must get it.
    let tools = Tools {
        linker: case.here.linker.as_ref().map(|_| CC.to_owned()),
        ..Tools::default()
    };
    let mut candidate = assemble(
        case,
        LinkerKind::Native,
        cc.clone(),
        tools,
        "the target is the host's own triple".to_owned(),
    );
    candidate.cxx = case.program(CXX).is_some() || case.here.settings.contains_key("CXX");
    candidate.c_compiler.get_or_insert_with(|| cc.clone());
    Ok(vec![candidate])
}
