//! The linker that a C compiler calls, as it names itself.

use serde::{Deserialize, Serialize};

use crate::project::rustflags;
use crate::target::Target;

/// A linker, as its own `--version` or its caller describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkerFacts {
    /// Program; `None` if the compiler cannot call its linker.
    pub program: Option<LinkerProgram>,
    /// Major and minor version; `None` if it names none.
    pub version: Option<[u32; 2]>,
    /// First line of its answer, or the compiler's error.
    pub message: String,
    /// True if the C library that it would link has `.relr.dyn`, which old linkers cannot read.
    /// Only linkers that cannot are asked.
    pub relr: bool,
}

/// Linkers that call themselves by different names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkerProgram {
    /// GNU ld.
    Bfd,
    /// GNU gold.
    Gold,
    /// LLVM's lld.
    Lld,
    /// mold.
    Mold,
    /// Another one.
    Other,
}

/// Beginnings and parts of the answer of each linker, most special first.
const NAMES: &[(&str, LinkerProgram)] = &[
    ("GNU gold", LinkerProgram::Gold),
    ("mold ", LinkerProgram::Mold),
    ("LLD ", LinkerProgram::Lld),
    ("GNU ld", LinkerProgram::Bfd),
];

impl LinkerFacts {
    /// Reads the answer to `-Wl,--version`.
    pub fn read(answer: &str) -> Self {
        let line = answer.lines().next().unwrap_or_default();
        let program = NAMES
            .iter()
            .find(|(name, _)| line.contains(name))
            .map_or(LinkerProgram::Other, |(_, program)| *program);
        let version = match program {
            // Its own version, `1.16`, has not changed for years.
            LinkerProgram::Gold => line.split(['(', ')']).nth(1),
            LinkerProgram::Bfd => line.rsplit(')').next(),
            LinkerProgram::Mold | LinkerProgram::Lld | LinkerProgram::Other => Some(line),
        };
        Self {
            program: Some(program),
            version: version.and_then(number),
            message: line.to_owned(),
            relr: false,
        }
    }

    /// Returns the facts of a linker that cannot be called.
    pub fn absent(why: String) -> Self {
        Self {
            program: None,
            version: None,
            message: why,
            relr: false,
        }
    }

    /// Returns true for a GNU ld that may not know `.relr.dyn`.
    pub fn is_before_relr(&self) -> bool {
        self.program == Some(LinkerProgram::Bfd)
            && self.version.is_some_and(|version| version < [2, 38])
    }
}

/// Returns the arguments of the linker that rustflags add: of `-C link-arg` and `-C link-args`.
pub fn link_arguments(rustflags: &[String]) -> Vec<String> {
    let arguments = rustflags::link_arguments(rustflags).into_iter();
    let mut arguments: Vec<String> = arguments.map(|(_, argument)| argument).collect();
    // Only these change which linker is called; others may need files of the build.
    arguments.retain(|argument| {
        ["-fuse-ld=", "--ld-path=", "-B", "--sysroot="]
            .iter()
            .any(|prefix| argument.starts_with(prefix))
    });
    arguments
}

/// Arguments by which rustc itself has a C compiler call lld.
pub struct RustcsLld {
    /// True if lld is the one of rustc, in `gcc-ld` beside it, and not that on PATH.
    pub is_own: bool,
}

impl RustcsLld {
    /// Returns how rustc calls lld without being told; `None` if it leaves the choice to the compiler.
    /// `release` is rustc's version.
    ///
    /// Source: release notes of Rust 1.90, "LLD is now the default linker on x86_64-unknown-linux-gnu",
    /// and `add_lld_args` of rustc 1.95.
    pub fn by_default(target: &Target, release: [u64; 3], rustflags: &[String]) -> Option<Self> {
        let option = |name: &str| rustflags::value(rustflags, name);
        let is_default = target.triple() == "x86_64-unknown-linux-gnu"
            && release >= [1, 90, 0]
            && option("linker-features").as_deref() != Some("-lld");
        let contained = option("link-self-contained").unwrap_or_default();
        let is_own = !["-linker", "n", "no", "off"]
            .iter()
            .any(|word| contained.split(',').any(|part| part == *word));
        is_default.then_some(Self { is_own })
    }
}

/// Returns the program that a C compiler calls as its linker with these arguments, as the compiler is
/// asked for it (`ld.lld`), or its path.
pub fn called(arguments: &[String]) -> CalledLinker<'_> {
    let last = |prefix: &str| {
        let mut values = arguments.iter().rev();
        values.find_map(|argument| argument.strip_prefix(prefix))
    };
    // clang takes it before `-fuse-ld`; gcc does not know it.
    let chosen = last("--ld-path=").or_else(|| last("-fuse-ld="));
    match chosen {
        Some(path) if path.contains('/') => CalledLinker::Path(path),
        // The compiler's default, to clang.
        None | Some("" | "ld") => CalledLinker::Name("ld".to_owned()),
        Some(name) => match last("--ld-path=") {
            Some(name) => CalledLinker::Name(name.to_owned()),
            None => CalledLinker::Name(format!("ld.{name}")),
        },
    }
}

/// Linker that a C compiler calls.
#[derive(Debug, PartialEq, Eq)]
pub enum CalledLinker<'a> {
    /// Name, which the compiler looks up among its own programs first.
    Name(String),
    /// Path of the program.
    Path(&'a str),
}

/// Returns the first two numbers of the first word that begins with a digit.
fn number(text: &str) -> Option<[u32; 2]> {
    let word = text
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let mut parts = word.split(['.', '-']).map(|part| part.parse().ok());
    Some([parts.next()??, parts.next().flatten().unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linkers_are_known_by_their_own_words() {
        let check = |answer: &str, program, version| {
            let read = LinkerFacts::read(answer);
            assert_eq!((read.program, read.version), (Some(program), version));
        };
        // Answers of Debian's packages (bullseye, bookworm, trixie, sid), of Fedora and of zig.
        check(
            "GNU ld (GNU Binutils for Debian) 2.35.2\nCopyright",
            LinkerProgram::Bfd,
            Some([2, 35]),
        );
        check(
            "GNU ld (GNU Binutils for Debian) 2.47.50.20261021",
            LinkerProgram::Bfd,
            Some([2, 47]),
        );
        check(
            "GNU ld version 2.41-37.fc40",
            LinkerProgram::Bfd,
            Some([2, 41]),
        );
        check(
            "GNU gold (GNU Binutils for Debian 2.44) 1.16",
            LinkerProgram::Gold,
            Some([2, 44]),
        );
        check(
            "Debian LLD 14.0.6 (compatible with GNU linkers)",
            LinkerProgram::Lld,
            Some([14, 0]),
        );
        check(
            "mold 2.37.1 (compatible with GNU ld)",
            LinkerProgram::Mold,
            Some([2, 37]),
        );
        check("zig ld 0.17.0", LinkerProgram::Other, Some([0, 17]));
        check("", LinkerProgram::Other, None);
    }

    #[test]
    fn arguments_choose_the_linker_that_is_called() {
        let check = |arguments: &str, expected: CalledLinker| {
            let words: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
            assert_eq!(called(&words), expected, "{arguments}");
        };
        let name = |name: &str| CalledLinker::Name(name.to_owned());
        check("", name("ld"));
        check("-B/dir", name("ld"));
        check("-fuse-ld=lld -B/dir -fuse-ld=gold", name("ld.gold"));
        check("-fuse-ld=bfd", name("ld.bfd"));
        check("-fuse-ld=ld", name("ld"));
        check("-fuse-ld=/opt/wild", CalledLinker::Path("/opt/wild"));
        check(
            "--ld-path=/opt/mold -fuse-ld=lld",
            CalledLinker::Path("/opt/mold"),
        );
        check("--ld-path=mold -fuse-ld=lld", name("mold"));
    }

    #[test]
    fn rustc_calls_its_own_lld_unless_it_is_told_otherwise() {
        let check = |triple: &str, release: [u64; 3], flags: &str, expected: Option<bool>| {
            let target = Target::of_triple(triple).unwrap();
            let flags: Vec<String> = flags.split(' ').map(str::to_owned).collect();
            let lld = RustcsLld::by_default(&target, release, &flags);
            assert_eq!(lld.map(|lld| lld.is_own), expected, "{triple} {flags:?}");
        };
        let x86 = "x86_64-unknown-linux-gnu";
        check(x86, [1, 95, 0], "", Some(true));
        check(x86, [1, 89, 0], "", None);
        check(x86, [1, 95, 0], "-Clinker-features=-lld", None);
        check(
            x86,
            [1, 95, 0],
            "-C link-self-contained=-linker",
            Some(false),
        );
        check("aarch64-unknown-linux-gnu", [1, 95, 0], "", None);
    }
}
