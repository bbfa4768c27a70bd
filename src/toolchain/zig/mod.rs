//! zig: links and compiles C and C++ for musl, and for any glibc floor that it knows. It brings
//! every C library itself.
//!
//! It is called through wrappers that cargo-zigbuild's library writes; they start this very
//! program, which hands on what zig understands ([`crate::zig_arguments`]).

pub mod arguments;
pub mod look;

use camino::Utf8Path;

use crate::invocation;
use crate::project::linker::LinkerKind;
use crate::target::Target;
use crate::target::glibc::Glibc;
use crate::target::system::{Libc, Os};
use crate::toolchain::assemble::assemble;
use crate::toolchain::candidate::{CacheWarmup, Candidate};
use crate::toolchain::context::TargetContext;
use crate::toolchain::facts::{Zig, ZigTools};
use crate::toolchain::gcc;
use crate::toolchain::program::Program;
use crate::toolchain::tools::{ToolFile, Tools};

const C_PROGRAM: (&str, &str) = ("first.c", "int main(void) { return 0; }\n");

const CXX_PROGRAM: (&str, &str) = (
    "first.cc",
    "#include <iostream>\nint main() { std::cout << 1; }\n",
);

fn first_uses(case: &TargetContext, zig: &Zig, programs: &ZigTools) -> Vec<CacheWarmup> {
    let (libc, long) = match case.target.system.libc {
        Libc::Musl => ("musl", "about a minute of compiling"),
        _ => ("glibc", "some seconds of compiling"),
    };
    // The wrapper's name holds a digest of what it calls zig with.
    let marker = |program: &Utf8Path| {
        zig.cache.join(format!(
            "xpkg-{}-{}",
            zig.version,
            program.file_stem().unwrap_or_default()
        ))
    };
    let c = CacheWarmup {
        what: format!("{libc} for {}, {long}", programs.target),
        compiler: programs.cc.clone(),
        source: C_PROGRAM,
        marker: marker(&programs.cc),
    };
    let cxx = CacheWarmup {
        what: format!(
            "libc++ for {}, about a minute of compiling",
            programs.target
        ),
        compiler: programs.cxx.clone(),
        source: CXX_PROGRAM,
        marker: marker(&programs.cxx),
    };
    let wants_cxx = case.c.packages.iter().any(|package| package.cxx);
    [Some(c), wants_cxx.then_some(cxx)]
        .into_iter()
        .flatten()
        .collect()
}

/// What [`super::Program::version`] says of it.
pub fn version(zig: &Zig) -> String {
    format!("zig {}", zig.version)
}

/// The reason where there is none.
pub const MISSING: &str = "not on PATH, and `python3 -m ziglang` failed";

/// Whether zig could serve it at all: worth looking for.
pub fn is_worth(target: &Target, host: &str, chosen: bool) -> bool {
    target.system.os == Os::Linux && (chosen || target.triple() != host || target.floor.is_some())
}

/// Tools that complete it.
pub fn wanted() -> [String; 2] {
    ["ar", "ranlib"].map(str::to_owned)
}

pub fn candidates(case: &TargetContext) -> Result<Vec<Candidate>, String> {
    let target = case.target;
    if target.system.os != Os::Linux {
        return Err(format!(
            "serves Linux only here, not {}",
            target.system.os.name()
        ));
    }
    if let Some(sysroot) = case.sysroot {
        return Err(format!("takes no sysroot, and `{sysroot}` is configured"));
    }
    let zig = case.facts.zig.as_ref();
    let (Some(zig), Some(tools)) = (zig, case.here.zig.as_ref()) else {
        return Err(match zig {
            // The host's own triple is the business of its own compiler, unless zig was asked for.
            Some(_) => "was not asked, since the target is the host's own triple".to_owned(),
            None if !is_worth(
                target,
                &case.facts.rustc.host,
                case.asked == Some(LinkerKind::Zig),
            ) =>
            {
                "was not looked for, since the target is the host's own triple".to_owned()
            }
            None => case
                .facts
                .zig_trouble
                .clone()
                .unwrap_or_else(|| MISSING.to_owned()),
        });
    };
    let tools = tools
        .as_ref()
        .map_err(|reason| format!("{} {reason}", version(zig)))?;
    if let Some(floor) = target.floor.filter(|floor| !knows(zig, target, *floor)) {
        return Err(format!(
            "{} links for glibc {}, not for {floor}",
            version(zig),
            range(zig, target)
        ));
    }
    let own = Program {
        program: tools.cc.to_string(),
        path: Some(zig.path.clone()),
        version: Some(version(zig)),
        machine: Some(tools.target.clone()),
    };
    let mut candidates = Vec::new();
    // zig compiles all of musl again for each `-m` flag that a build script tries a link with,
    // which takes a minute each: a gcc for musl compiles the C where there is one.
    if target.system.libc == Libc::Musl && case.c.holds {
        let compilers = gcc::for_musl_c(case).unwrap_or_default();
        candidates.extend(compilers.into_iter().map(|(cc, what)| {
            let reason = format!(
                "it brings musl and compiles C++, and `{}` ({what}) compiles C",
                cc.program
            );
            candidate(case, zig, tools, own.clone(), cc, reason)
        }));
    }
    let reason = match target.system.libc {
        Libc::Musl => "it brings musl and compiles C and C++ for it".to_owned(),
        _ => match target.floor {
            Some(floor) => format!("it links for glibc {floor} and compiles C and C++ for it"),
            None => "it brings glibc and compiles C and C++ for it".to_owned(),
        },
    };
    candidates.push(candidate(case, zig, tools, own.clone(), own, reason));
    Ok(candidates)
}

fn candidate(
    case: &TargetContext,
    zig: &Zig,
    programs: &ZigTools,
    own: Program,
    cc: Program,
    reason: String,
) -> Candidate {
    let there = |name: &str| case.program(name).map(|_| name.to_owned());
    let archiver = ToolFile::new(
        case,
        "zig-ar",
        format!(
            "#!/bin/sh\n# Written by cargo xpkg.\nexec {} ar \"$@\"\n",
            invocation::quote(zig.path.as_str())
        ),
        true,
    );
    let ar = there("ar");
    let mut files = if ar.is_some() {
        Vec::new()
    } else {
        vec![archiver.clone()]
    };
    let tools = Tools {
        linker: Some(programs.cc.to_string()),
        cc: Some(cc),
        cxx: Some(programs.cxx.to_string()),
        ar: ar.or(Some(archiver.path.into_string())),
        ranlib: there("ranlib").or_else(|| Some(programs.ranlib.to_string())),
        libraries: None,
        zig: true,
    };
    let mut candidate = assemble(case, LinkerKind::Zig, own, tools, reason);
    files.append(&mut candidate.files);
    Candidate {
        files,
        first_uses: first_uses(case, zig, programs),
        ..candidate
    }
}

/// zig lists one range for all processors.
fn versions(zig: &Zig, target: &Target) -> impl Iterator<Item = Glibc> {
    let first = target.first_glibc();
    zig.glibc
        .iter()
        .filter_map(|version| Glibc::parse(version))
        .filter(move |version| first.is_none_or(|first| *version >= first))
}

fn knows(zig: &Zig, target: &Target, floor: Glibc) -> bool {
    versions(zig, target).any(|version| version == floor)
}

fn range(zig: &Zig, target: &Target) -> String {
    let versions = || versions(zig, target);
    match (versions().min(), versions().max()) {
        (Some(first), Some(last)) => format!("{first} to {last}"),
        _ => "of no version that it names".to_owned(),
    }
}
