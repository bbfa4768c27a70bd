//! Rust's own linker with a given copy of Microsoft's libraries, for `*-windows-msvc`.
//!
//! rust-lld finds the libraries through the variable LIB, whose directories it splits at `;` on every
//! system. clang compiles C in the manner of Microsoft's `cl`, through a script that passes the
//! headers. Nothing is downloaded: Microsoft's license is the user's to accept.

pub mod look;
pub mod sdk;

use crate::project::linker::LinkerKind;
use crate::target::Target;
use crate::toolchain::assemble::assemble;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::context::TargetContext;
use crate::toolchain::facts::WindowsSdk;
use crate::toolchain::msvc::sdk::is_msvc;
use crate::toolchain::program::Program;
use crate::toolchain::script;
use crate::toolchain::tools::Tools;

/// clang's own names for its driver.
const CLANG: &str = "clang";

/// Archiver that writes libraries as Microsoft's `lib` does.
const ARCHIVER: &str = "llvm-lib";

/// Name by which rustc finds the linker in its own sysroot.
const RUST_LLD: &str = "rust-lld";

/// Returns the names of the programs to look for.
pub fn search_names(target: &Target) -> Option<String> {
    is_msvc(target).then(|| ARCHIVER.to_owned())
}

/// Returns clang's arguments for a target with these headers.
fn arguments(target: &Target, sdk: &WindowsSdk) -> Vec<String> {
    let headers = sdk.headers.iter();
    let headers = headers.flat_map(|path| ["/imsvc".to_owned(), path.to_string()]);
    let driver = [
        "--driver-mode=cl".to_owned(),
        format!("--target={}", target.triple()),
    ];
    driver.into_iter().chain(headers).collect()
}

/// Returns a command that makes the configured directory, for help lines.
pub fn suggestion(target: &Target) -> String {
    format!(
        "name the directory of Microsoft's libraries in xpkg's configuration: \
         `[workspace.metadata.xpkg.target.{target}]` with `sysroot = \"DIR\"`, as `xwin \
         --accept-license splat --output DIR` makes it (`cargo xpkg help windows`)"
    )
}

/// Returns rust-lld with the libraries of the configured directory.
///
/// # Errors
/// The reason why it cannot link.
pub fn candidates(case: &TargetContext) -> Result<Vec<Candidate>, String> {
    let Some(sysroot) = case.sysroot else {
        return Err("needs Microsoft's libraries: no `sysroot` is configured".to_owned());
    };
    if !case.facts.rustc.lld {
        return Err(format!("this Rust toolchain has no `{RUST_LLD}`"));
    }
    let sdk = match &case.target_facts.windows_sdk {
        Some(Ok(sdk)) => sdk,
        Some(Err(reason)) => return Err(reason.clone()),
        None => return Err(format!("`{sysroot}` was not read")),
    };
    let linker = Program {
        program: RUST_LLD.to_owned(),
        ..Program::default()
    };
    let with = |tools: Tools, reason: String| {
        let reason = format!("links with the libraries below `{sysroot}`{reason}");
        let tools = tools.linking(RUST_LLD);
        assemble(case, LinkerKind::RustLld, linker.clone(), tools, reason)
    };
    if !case.c.present {
        return Ok(vec![with(Tools::default(), String::new())]);
    }
    if let Some(setting) = case.target_facts.settings.get("CC") {
        let reason = format!(", and `{}` compiles C", setting.name);
        return Ok(vec![with(Tools::default(), reason)]);
    }
    let found = |name: &str| {
        case.program(name)
            .ok_or_else(|| format!("can link, but cannot compile C: `{name}` is not on PATH"))
    };
    let (clang, archiver) = (found(CLANG)?, found(ARCHIVER)?);
    if let Some(missing) = &sdk.without_headers {
        return Err(format!("can link, but cannot compile C: {missing}"));
    }
    // cc-rs knows by the end of its name how to call it.
    let (cc, files) = script::compiler(case, clang, "clang-cl", &arguments(case.target, sdk));
    let tools = Tools {
        cxx: Some(cc.program.clone()),
        cc: Some(cc),
        ar: Some(archiver.program.clone()),
        ..Tools::default()
    };
    let mut candidate = with(tools, ", and clang compiles C".to_owned());
    candidate.files.extend(files);
    candidate.path = Some(script::directory(case));
    Ok(vec![candidate])
}

#[cfg(test)]
mod tests {
    use crate::toolchain::tests::check_choice;

    const TARGET: &str = "x86_64-pc-windows-msvc";

    const LINKER: &str = "CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_LINKER=rust-lld";

    #[test]
    fn rust_is_linked_with_a_given_sdk() {
        check_choice(
            "lld sdk",
            TARGET,
            None,
            &format!("rust-lld {LINKER} LIB=/sdk/crt;/sdk/um"),
        );
    }

    #[test]
    fn c_is_compiled_by_clang() {
        check_choice(
            "lld sdk c++ clang=x86_64-pc-linux-gnu llvm-lib",
            TARGET,
            None,
            &format!(
                "rust-lld {LINKER} CC_x86_64_pc_windows_msvc=xpkg-clang-cl \
                 CXX_x86_64_pc_windows_msvc=xpkg-clang-cl AR_x86_64_pc_windows_msvc=llvm-lib \
                 LIB=/sdk/crt;/sdk/um"
            ),
        );
        check_choice(
            "lld sdk c CC:my-cl my-cl",
            TARGET,
            None,
            &format!("rust-lld {LINKER} TARGET_CC=my-cl (user) LIB=/sdk/crt;/sdk/um"),
        );
    }
}
