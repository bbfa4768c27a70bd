//! C compilers for WebAssembly. rustc links it by itself and Rust includes WASI's C library; what C
//! needs beside them is a compiler with that library's headers.
//!
//! cc-rs passes `--target=wasm32-wasip1`, which clang 18 and older do not know: with that name they
//! find no headers of WASI, and take the host's from /usr/include. So compilers are called by scripts
//! that replace the name.

pub mod look;

use crate::project::linker::LinkerKind;
use crate::target::Target;
use crate::target::system::{Format, Os};
use crate::toolchain::assemble::assemble;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::context::TargetContext;
use crate::toolchain::facts::WasiSysroot;
use crate::toolchain::program::Program;
use crate::toolchain::script;
use crate::toolchain::tools::{ToolFile, Tools};
use crate::toolchain::{lld, zig};

/// Variable with the path of a wasi-sdk, as cc-rs reads it.
pub const SDK_VARIABLE: &str = "WASI_SDK_PATH";

/// Origin of the distribution's sysroot.
pub const PACKAGE: &str = "the package `wasi-libc`";

/// zig's name of WASI.
const ZIG_TARGET: &str = "wasm32-wasi";

/// Name of WASI's directories before those of its versions, and clang's name of the target.
pub const OLD_NAME: &str = "wasm32-wasi";

/// Returns the names of the programs to look for.
pub fn search_names(target: &Target) -> Vec<String> {
    let names = ["clang", "clang++", "llvm-ar"].map(str::to_owned);
    names.into_iter().filter(|_| serves(target)).collect()
}

/// Returns true for the versions of WASI.
pub fn is_wasi(target: &Target) -> bool {
    matches!(target.system.os, Os::WasiP1 | Os::WasiP2)
}

/// Returns true if Rust starts threads on the target, so that all its C must be compiled for them.
fn has_threads(target: &Target) -> bool {
    target.system.suffix == "wasip1-threads"
}

/// Returns rustc's own linker of components, which calls rust-lld and wraps what it links.
fn component_linker() -> Program {
    Program {
        program: "wasm-component-ld".to_owned(),
        ..Program::default()
    }
}

/// A C compiler for WebAssembly.
struct Compiler {
    /// Clause that names it.
    what: String,
    tools: Tools,
    files: Vec<ToolFile>,
}

/// Returns rustc's own linker of WebAssembly with each compiler for the C of the graph.
///
/// # Errors
/// The graph contains C, and no compiler for it exists: the reason against each.
pub fn candidates(case: &TargetContext) -> Result<Vec<Candidate>, String> {
    let linker = || match case.target.system.os {
        Os::WasiP2 => component_linker(),
        _ => lld::linker(),
    };
    let candidate =
        |tools: Tools, reason: String| assemble(case, LinkerKind::RustLld, linker(), tools, reason);
    let alone = "rustc links WebAssembly by itself";
    if !case.c.present {
        return Ok(vec![candidate(Tools::default(), alone.to_owned())]);
    }
    if let Some(setting) = case.target_facts.settings.get("CC") {
        let reason = format!("{alone}, and `{}` compiles C", setting.name);
        return Ok(vec![candidate(Tools::default(), reason)]);
    }
    let compilers = compilers(case)
        .map_err(|reason| format!("can link, but no C compiler for it was found: {reason}"))?;
    let with_compiler = |compiler: Compiler| {
        let Compiler { what, tools, files } = compiler;
        let mut candidate = candidate(tools, format!("{alone}, and {what} compiles C"));
        if !files.is_empty() {
            candidate.files.extend(files);
            candidate.path = Some(script::directory(case));
        }
        candidate
    };
    Ok(compilers.into_iter().map(with_compiler).collect())
}

/// Returns the compilers, the best first. A sysroot that was set binds.
fn compilers(case: &TargetContext) -> Result<Vec<Compiler>, String> {
    if !is_wasi(case.target) {
        return freestanding(case).map(|compiler| vec![compiler]);
    }
    let set = case.target_facts.wasi_sysroots.iter();
    let (installed, set): (Vec<_>, Vec<_>) = set.partition(|sysroot| sysroot.origin == PACKAGE);
    if let Some(sysroot) = set.first() {
        return of_sysroot(case, sysroot).map(|compiler| vec![compiler]);
    }
    let mut reasons = Vec::new();
    let tried = std::iter::once(of_zig(case)).chain(
        installed
            .into_iter()
            .map(|sysroot| of_sysroot(case, sysroot)),
    );
    let found: Vec<Compiler> = tried
        .filter_map(|tried| tried.map_err(|reason| reasons.push(reason)).ok())
        .collect();
    if found.is_empty() {
        return Err(reasons.join("; "));
    }
    Ok(found)
}

/// Returns clang for a target without a system, which has no C library at all.
fn freestanding(case: &TargetContext) -> Result<Compiler, String> {
    let clang = case
        .program("clang")
        .ok_or("`clang` is not on PATH")?
        .clone();
    Ok(Compiler {
        what: "`clang`, without a C library,".to_owned(),
        tools: Tools {
            cc: Some(clang),
            ar: case.program("llvm-ar").map(|_| "llvm-ar".to_owned()),
            ..Tools::default()
        },
        files: Vec::new(),
    })
}

/// Returns zig's C and C++ compilers. They bring the headers; the library is Rust's.
fn of_zig(case: &TargetContext) -> Result<Compiler, String> {
    if has_threads(case.target) {
        return Err("zig's C library for WASI has no threads".to_owned());
    }
    let Some(found) = &case.facts.zig else {
        let reason = case.facts.zig_trouble.clone();
        return Err(format!(
            "zig: {}",
            reason.unwrap_or_else(|| zig::MISSING.to_owned())
        ));
    };
    let program = format!(
        "xpkg-zig-{}",
        script::short(&format!("{} {}", found.version, found.digest))
    );
    let about = format!("# zig {}, SHA-256 {}.\n", found.version, found.digest);
    let compiler = |tool: &str, end: &str| {
        // zig defines NDEBUG from `-O1` on, and stops at undefined behavior at `-O0`: gcc and clang
        // do neither.
        let text = format!(
            "{about}{}exec {} {tool} -target {ZIG_TARGET} -fno-sanitize=all -UNDEBUG \"$@\"\n",
            script::WITHOUT_TARGET,
            script::beside(&program)
        );
        script::named(case, &format!("{ZIG_TARGET}-{end}"), &text)
    };
    let (cc, cc_file) = compiler("cc", "clang");
    let (cxx, cxx_file) = compiler("c++", "clang++");
    let ar = format!("{about}exec {} ar \"$@\"\n", script::beside(&program));
    let (ar, ar_file) = script::named(case, "zig-ar", &ar);
    let version = zig::version(found);
    let program_file = script::of_machine(case, &program, &found.path);
    Ok(Compiler {
        what: version.clone(),
        tools: Tools {
            cc: Some(Program {
                program: cc,
                path: Some(found.path.clone()),
                version: Some(version),
                machine: Some(OLD_NAME.to_owned()),
            }),
            cxx: Some(cxx),
            ar: Some(ar),
            ..Tools::default()
        },
        files: vec![program_file, cc_file, cxx_file, ar_file],
    })
}

/// Returns clang with the headers of a sysroot, and no others: the directories that clang adds by
/// itself may be the host's.
fn of_sysroot(case: &TargetContext, sysroot: &WasiSysroot) -> Result<Compiler, String> {
    let WasiSysroot {
        origin,
        path,
        headers,
        clang,
        cxx,
        ar,
    } = sysroot;
    let Some((headers, name)) = headers else {
        return Err(format!(
            "`{path}` ({origin}) has no headers of WASI for `{}`",
            case.target
        ));
    };
    let clang = clang
        .as_ref()
        .or_else(|| case.program("clang"))
        .ok_or_else(|| format!("`clang` is not on PATH, which would compile for {origin}"))?;
    let flags = |headers: Vec<String>| -> Vec<String> {
        let threads = ["-pthread", "-matomics", "-mbulk-memory"].map(str::to_owned);
        let threads = threads.into_iter().filter(|_| has_threads(case.target));
        [format!("--target={name}")]
            .into_iter()
            .chain(threads)
            .chain(headers)
            .collect()
    };
    let of_c = flags(vec![
        "-nostdlibinc".to_owned(),
        "-isystem".to_owned(),
        headers.to_string(),
    ]);
    let (cc, files) = script::compiler_for(case, clang, &format!("{OLD_NAME}-clang"), &of_c);
    let mut files = files.to_vec();
    let of_path = || {
        case.program("clang++")
            .filter(|_| *origin != PACKAGE && sysroot.clang.is_none())
    };
    let cxx = cxx.as_ref().or_else(of_path).map(|cxx| {
        // libc++'s headers are beside the C library's, in a place of clang's choice.
        let of_cxx = flags(vec![format!("--sysroot={path}")]);
        let (cxx, scripts) =
            script::compiler_for(case, cxx, &format!("{OLD_NAME}-clang++"), &of_cxx);
        files.extend(scripts);
        cxx.program
    });
    let ar = match ar {
        Some(ar) => {
            let text = format!("exec {} \"$@\"\n", crate::invocation::quote(ar.as_str()));
            let (name, file) = script::named(case, "llvm-ar", &text);
            files.push(file);
            Some(name)
        }
        None => case.program("llvm-ar").map(|_| "llvm-ar".to_owned()),
    };
    Ok(Compiler {
        what: format!("`{}` with the headers of {origin}", clang.program),
        tools: Tools {
            cc: Some(Program {
                machine: Some(name.clone()),
                ..cc
            }),
            cxx,
            ar,
            ..Tools::default()
        },
        files,
    })
}

/// Returns suggestions for a target of WebAssembly whose C nothing compiles.
pub fn suggestions(case: &TargetContext) -> Vec<String> {
    if !is_wasi(case.target) {
        return vec!["install clang (`apt-get install clang`)".to_owned()];
    }
    let sdk = format!("set `{SDK_VARIABLE}` to the directory of a wasi-sdk");
    let is_set = case
        .target_facts
        .wasi_sysroots
        .iter()
        .find(|sysroot| sysroot.origin != PACKAGE);
    match is_set {
        Some(set) => vec![format!("correct or remove {}", set.origin)],
        None if has_threads(case.target) => vec![sdk],
        None => vec![
            format!("install zig (`{}`)", zig::install_command(case.facts)),
            format!("or {sdk}"),
        ],
    }
}

/// Returns true if the candidates of a target are these.
pub fn serves(target: &Target) -> bool {
    target.system.format == Format::Wasm
}
