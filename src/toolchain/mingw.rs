//! mingw-w64: GNU's compilers for Windows, and llvm-mingw's clang.
//!
//! Pure. Their names are among those of [`super::gcc`]. Two targets of Rust have the same GNU name,
//! `x86_64-w64-mingw32`: windows-gnu links with GNU's libraries, gnullvm with LLVM's.

use crate::target::Target;
use crate::target::system::Os;
use crate::toolchain::context::TargetContext;
use crate::toolchain::program::Program;

/// Ends of the names of Debian's flavors and of their versions (`12-posix`), each with the threads
/// that C++ and OpenMP have there.
const FLAVORS: &[(&str, &str)] = &[
    ("-win32", "threads of Windows (win32)"),
    ("-posix", "threads of libwinpthread (posix)"),
];

/// Returns the name of a compiler without its flavor.
pub fn without_flavor(name: &str) -> &str {
    let mut ends = FLAVORS.iter();
    ends.find_map(|(end, _)| name.strip_suffix(end))
        .unwrap_or(name)
}

/// Returns the flavor of a compiler as a noun phrase, by its version (`gcc version 12-win32 (GCC)`).
pub fn flavor(cc: &Program) -> Option<&'static str> {
    let version = cc.version.as_ref()?;
    let mut words = version.split(' ');
    words
        .find_map(|word| FLAVORS.iter().find(|(end, _)| word.ends_with(end)))
        .map(|(_, flavor)| *flavor)
}

/// Returns true for the targets that link with LLVM's libraries.
pub fn is_llvm(target: &Target) -> bool {
    target.system.suffix == "pc-windows-gnullvm"
}

/// Returns true for the targets that link with GNU's libraries.
pub fn is_gnu(target: &Target) -> bool {
    target.system.suffix == "pc-windows-gnu"
}

/// Returns the usual names of a target's compilers. Debian's plain one is a link to one of both
/// flavors.
pub fn names(target: &Target) -> Vec<String> {
    let gnu = target.gnu_name();
    let ends: &[&str] = if is_llvm(target) {
        &["clang", "gcc"]
    } else {
        &["gcc", "gcc-win32", "gcc-posix"]
    };
    ends.iter().map(|end| format!("{gnu}-{end}")).collect()
}

/// Returns the name of the compiler for the newer C runtime of Windows (Debian trixie, Fedora).
pub fn ucrt_name(target: &Target) -> Option<String> {
    is_gnu(target).then(|| format!("{}ucrt-gcc", target.gnu_name()))
}

/// Returns the reason if only a compiler for the newer C runtime is installed.
pub fn only_ucrt(case: &TargetContext) -> Option<String> {
    let name = ucrt_name(case.target)?;
    case.program(&name)?;
    Some(format!(
        "`{name}` links with the C runtime UCRT, and Rust's standard library for `{}` is built for \
         msvcrt",
        case.target
    ))
}

/// Returns those of the compilers that can link the target: what Rust makes for gnullvm links with
/// LLVM's libraries, which GNU's compiler does not know (`--unwindlib`), and the other way round.
///
/// # Errors
/// The reason if none can.
pub fn linking<'a>(
    case: &TargetContext,
    compilers: Vec<&'a Program>,
) -> Result<Vec<&'a Program>, String> {
    if case.target.system.os != Os::Windows {
        return Ok(compilers);
    }
    let is_clang = |cc: &&Program| {
        let version = cc.version.as_ref();
        version.is_some_and(|version| version.contains("clang"))
    };
    let name = compilers.first().map(|cc| cc.program.clone());
    let wants_clang = is_llvm(case.target);
    let found: Vec<&Program> = compilers
        .into_iter()
        .filter(|cc| is_clang(cc) == wants_clang)
        .collect();
    match name {
        Some(name) if found.is_empty() && wants_clang => Err(format!(
            "`{name}` is GNU's compiler, and `{}` needs LLVM's libraries (llvm-mingw)",
            case.target
        )),
        Some(name) if found.is_empty() => Err(format!(
            "`{name}` is clang (llvm-mingw), and `{}` needs GNU's libraries",
            case.target
        )),
        _ => Ok(found),
    }
}

/// Suggests a compiler for gnullvm.
pub fn llvm_suggestion(target: &Target) -> String {
    format!("put llvm-mingw's `{}` on PATH", names(target)[0])
}

/// Returns what cc-rs links C++ with. GNU's compiler would take a DLL that no Windows has; `-bundle`
/// leaves the search for the archive to the compiler.
pub fn cxx_library(case: &TargetContext, cc: Option<&Program>) -> Option<String> {
    let is_worth = is_gnu(case.target) && case.c.present && cc.is_some();
    is_worth.then(|| "static:-bundle=stdc++".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolchain::tests::{check_choice, chosen};

    fn check(machine: &str, triple: &str, expected: &str) {
        check_choice(machine, triple, None, expected);
    }

    #[test]
    fn the_flavor_is_that_of_the_version() {
        let flavor = |output: &str| flavor(&Program::said("gcc", None, output));
        assert_eq!(
            flavor("Thread model: win32\ngcc version 12-win32 (GCC) "),
            Some("threads of Windows (win32)")
        );
        assert_eq!(
            flavor("Thread model: posix\ngcc version 12-posix (GCC) "),
            Some("threads of libwinpthread (posix)")
        );
        assert_eq!(flavor("gcc version 14.2.0 (GCC) "), None);
    }

    #[test]
    fn a_flavor_alone_is_found_by_its_name() {
        check(
            "x86_64-w64-mingw32-gcc-posix=x86_64-w64-mingw32 x86_64-w64-mingw32-g++-posix \
             x86_64-w64-mingw32-ar",
            "x86_64-pc-windows-gnu",
            "gcc CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc-posix \
             CC_x86_64_pc_windows_gnu=x86_64-w64-mingw32-gcc-posix \
             CXX_x86_64_pc_windows_gnu=x86_64-w64-mingw32-g++-posix \
             AR_x86_64_pc_windows_gnu=x86_64-w64-mingw32-ar",
        );
        check(
            "x86_64-w64-mingw32-gcc-posix=x86_64-w64-mingw32 \
             x86_64-w64-mingw32-gcc-win32=x86_64-w64-mingw32",
            "x86_64-pc-windows-gnu",
            "gcc CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc-win32 \
             CC_x86_64_pc_windows_gnu=x86_64-w64-mingw32-gcc-win32",
        );
    }

    #[test]
    fn cpp_is_linked_statically() {
        check(
            "c++ i686-w64-mingw32-gcc=i686-w64-mingw32 i686-w64-mingw32-g++",
            "i686-pc-windows-gnu",
            "gcc CARGO_TARGET_I686_PC_WINDOWS_GNU_LINKER=i686-w64-mingw32-gcc \
             CC_i686_pc_windows_gnu=i686-w64-mingw32-gcc \
             CXX_i686_pc_windows_gnu=i686-w64-mingw32-g++ \
             CXXSTDLIB_i686_pc_windows_gnu=static:-bundle=stdc++",
        );
    }

    #[test]
    fn help_names_the_package_of_the_compiler() {
        let help = |machine: &str, triple: &str| {
            let problem = chosen(machine, triple, None).unwrap_err();
            problem.help[0].clone()
        };
        assert_eq!(
            help("", "i686-pc-windows-gnu"),
            "install a cross compiler (`apt-get install gcc-mingw-w64-i686`)"
        );
        assert_eq!(
            help("c++", "x86_64-pc-windows-gnu"),
            "install a cross compiler (`apt-get install g++-mingw-w64-x86-64`)"
        );
    }

    #[test]
    fn a_compiler_for_the_newer_runtime_is_named() {
        let problem = chosen(
            "x86_64-w64-mingw32ucrt-gcc=x86_64-w64-mingw32ucrt",
            "x86_64-pc-windows-gnu",
            None,
        );
        let problem = problem.unwrap_err();
        let lines: Vec<&String> = problem.notes.iter().flat_map(|note| &note.lines).collect();
        let expected = "gcc      `x86_64-w64-mingw32ucrt-gcc` links with the C runtime UCRT, and \
                        Rust's standard library for `x86_64-pc-windows-gnu` is built for msvcrt";
        assert!(lines.iter().any(|line| *line == expected), "{lines:?}");
    }
}
