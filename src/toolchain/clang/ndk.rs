//! clang of Android's NDK, which has the C library of every Android.

use crate::project::linker::LinkerKind;
use crate::toolchain::assemble::assemble;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::context::TargetContext;
use crate::toolchain::facts::Ndk;
use crate::toolchain::program::Program;
use crate::toolchain::script;
use crate::toolchain::tools::Tools;

/// Variables with the NDK's directory, in the order in which they are read.
pub const VARIABLES: &[&str] = &["ANDROID_NDK_HOME", "ANDROID_NDK_ROOT"];

/// Oldest API level of Android that Rust's standard library supports.
///
/// Source: the rustc book, `*-linux-android`, since Rust 1.82.
const OLDEST: u32 = 21;

/// Names of processors in the names of the NDK's compilers, where they are not the triples' own.
const PREFIXES: &[(&str, &str)] = &[
    ("armv7", "armv7a"),
    ("thumbv7neon", "armv7a"),
    ("arm", "armv7a"),
];

/// Returns the start of the names of the target's compilers: `aarch64-linux-android`.
pub fn compiler_prefix(triple: &str) -> String {
    let (arch, system) = triple.split_once('-').unwrap_or((triple, ""));
    let prefix = PREFIXES.iter().find(|(name, _)| *name == arch);
    format!("{}-{system}", prefix.map_or(arch, |(_, prefix)| prefix))
}

/// Returns the C compiler for the oldest Android that Rust supports, among the names of the NDK's
/// programs, and its API level.
pub fn oldest<'a>(
    prefix: &str,
    programs: impl IntoIterator<Item = &'a str>,
) -> Option<(u32, &'a str)> {
    let level = |name: &'a str| {
        let level = name.strip_prefix(prefix)?.strip_suffix("-clang")?;
        Some((level.parse::<u32>().ok()?, name))
    };
    let fitting = programs.into_iter().filter_map(level);
    fitting.filter(|(level, _)| *level >= OLDEST).min()
}

/// Returns the NDK's compiler as a candidate.
pub fn candidates(case: &TargetContext) -> Result<Vec<Candidate>, String> {
    let ndk = match &case.target_facts.ndk {
        Some(Ok(ndk)) => ndk,
        Some(Err(reason)) => return Err(reason.clone()),
        None => {
            return Err(format!(
                "needs Android's NDK, and neither `{}` is set",
                VARIABLES.join("` nor `")
            ));
        }
    };
    let Ndk {
        programs,
        compiler,
        level,
        version,
    } = ndk;
    let named = |name: &str| Program {
        program: name.to_owned(),
        path: Some(programs.join(name)),
        version: Some(format!("NDK {version}")),
        machine: None,
    };
    let (cc, files) = script::compiler(case, &named(compiler), compiler, &[]);
    let cxx = format!("{compiler}++");
    let (cxx, cxx_files) = script::compiler(case, &named(&cxx), &cxx, &[]);
    let (ar, ar_files) = script::compiler(case, &named("llvm-ar"), "llvm-ar", &[]);
    let (ranlib, ranlib_files) = script::compiler(case, &named("llvm-ranlib"), "llvm-ranlib", &[]);
    let tools = Tools {
        linker: Some(cc.program.clone()),
        cc: Some(cc.clone()),
        cxx: Some(cxx.program),
        ar: Some(ar.program),
        ranlib: Some(ranlib.program),
        libraries: None,
        zig: false,
    };
    let reason = format!("`{compiler}` of NDK {version} links for Android API {level} and later");
    let mut candidate = assemble(case, LinkerKind::Clang, cc, tools, reason);
    for files in [files, cxx_files, ar_files, ranlib_files] {
        candidate.files.extend(files);
    }
    candidate.path = Some(script::directory(case));
    Ok(vec![candidate])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_for_the_oldest_android_is_taken() {
        for (triple, expected) in [
            (
                "aarch64-linux-android",
                Some((21, "aarch64-linux-android21-clang")),
            ),
            (
                "armv7-linux-androideabi",
                Some((24, "armv7a-linux-androideabi24-clang")),
            ),
            ("x86_64-linux-android", None),
        ] {
            let programs = [
                "aarch64-linux-android35-clang",
                "aarch64-linux-android21-clang",
                "aarch64-linux-android21-clang++",
                "aarch64-linux-android19-clang",
                "armv7a-linux-androideabi24-clang",
                "clang",
            ];
            assert_eq!(oldest(&compiler_prefix(triple), programs), expected);
        }
    }
}
