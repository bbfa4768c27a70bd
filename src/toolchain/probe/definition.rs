//! The definition of a probe: one bug of a toolchain, and how it is detected.

use serde::Serialize;

use crate::problem::code::Code;
use crate::project::linker::LinkerKind;
use crate::target::Target;
use crate::toolchain::probe::facts::CompilerFacts;
use crate::toolchain::probe::linker::LinkerFacts;
use crate::toolchain::probe::report::Verdict;

/// One bug of a toolchain and how it is detected.
pub struct Probe {
    /// The code of its findings; its name keys the answers in reports.
    pub code: Code,
    /// Name of the bug in messages: `GCC bug 95189`.
    pub title: &'static str,
    /// Program that has the bug.
    pub subject: Subject,
    /// How it is detected.
    pub question: Question,
    /// Returns true if the bug is possible there. Where it is not, nothing is compiled.
    pub applies: fn(&Asked) -> bool,
    /// Weight of a finding.
    pub weight: Weight,
    /// Breaks the tie where the answer is inconclusive: returns true for affected GCC versions.
    pub by_version: fn([u32; 3]) -> bool,
    /// What the user can do.
    pub workaround: Workaround,
    /// Message or wrong behavior that the user would get; like the next four fields, a row of the
    /// manual's table.
    pub symptom: &'static str,
    /// The mistake.
    pub cause: &'static str,
    /// Affected and unaffected versions.
    pub versions: &'static str,
    /// Evidence that the probe reads.
    pub proof: &'static str,
    /// Bug reports.
    pub sources: &'static str,
}

impl Probe {
    /// Returns true for a bug of the compiler itself, which no flag, header or linker makes.
    pub fn is_of_compiler(&self) -> bool {
        self.subject == Subject::Compiler && matches!(self.question, Question::Object(_))
    }
}

/// The program that a probe examines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A C compiler, with its flags and headers.
    Compiler,
    /// The assembler that a C compiler calls.
    Assembler,
    /// The linker that a C compiler calls.
    Linker,
    /// rustc.
    Rustc,
}

impl Subject {
    /// Returns its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Compiler => "C compiler",
            Self::Assembler => "assembler",
            Self::Linker => "linker",
            Self::Rustc => "rustc",
        }
    }
}

/// How a probe detects its bug.
pub enum Question {
    /// A source is compiled to an object, without headers, libraries or a linker.
    Object(ObjectQuestion),
    /// The facts that one compile revealed are compared with the target.
    Facts(fn(&CompilerFacts, &Asked) -> Verdict),
    /// The linker that the compiler calls is asked for its name and version.
    Link(fn(&LinkerFacts, &Asked) -> Verdict),
    /// rustc's version is looked up in a table.
    Release(fn(&str, &Asked) -> Verdict),
}

/// The test case of an [`Question::Object`].
///
/// The sources of all probes are compiled as one file, so every name in them has the probe's own
/// prefix.
pub struct ObjectQuestion {
    /// C source of the object.
    pub source: &'static str,
    /// Reads the verdict from the bytes of the object.
    pub read: fn(&[u8]) -> Verdict,
    /// Reads the verdict from the compiler's message if it rejects this source; `None` if the
    /// message does not indicate the bug.
    pub rejected: fn(&str) -> Option<Verdict>,
    /// C source of a program that confirms the verdict where it can be linked and run: exit code
    /// 0 means correct, [`EXIT_AFFECTED`] affected.
    pub run_source: Option<&'static str>,
}

/// Flags of the baseline, "is the compiler affected?".
pub const BASELINE_FLAGS: &[&str] = &["-O2"];

/// Flags that come last, in the baseline and with the flags of the build. With LTO the object
/// contains no machine code, and gcc 9 would look unaffected. `-w`: warnings are irrelevant here.
pub const LAST_FLAGS: &[&str] = &["-fno-lto", "-w"];

/// What a probe may depend on besides its subject.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Target that is compiled for.
    pub target: &'a Target,
    /// C of the graph.
    pub graph: Graph<'a>,
    /// Kind of the linker that gets the objects; `None` if it is not known.
    pub linker: Option<LinkerKind>,
    /// Release of rustc; `None` if it is not known.
    pub rustc: Option<&'a str>,
    /// Effective rustflags.
    pub rustflags: &'a [String],
}

/// C of a graph, as far as it is known.
#[derive(Clone, Copy)]
pub enum Graph<'a> {
    /// Any that the compiler may meet: what is kept with the compiler serves every graph.
    Any,
    /// None: the compiler is examined for itself.
    None,
    /// These packages, as names and versions.
    Of(&'a [(&'a str, &'a str)]),
}

impl Graph<'_> {
    /// Returns true if a package of the graph, or of any, satisfies the condition.
    pub fn has(&self, condition: impl Fn(&str, &str) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::None => false,
            Self::Of(packages) => packages
                .iter()
                .any(|(name, version)| condition(name, version)),
        }
    }
}

/// Weight of a finding.
#[derive(Clone, Copy)]
pub enum Weight {
    /// It stops the run if one of these packages is in the graph, and is a warning elsewhere.
    BlocksWith {
        /// Names of packages.
        packages: &'static [&'static str],
        /// What they are: `is security-sensitive`.
        because: &'static str,
    },
    /// It stops the run: the build cannot succeed, or its result would be wrong.
    Blocks,
    /// It is a warning.
    Warns,
}

/// A way around a bug.
pub enum Workaround {
    /// Compiler flag for `CFLAGS_<target>`; it is tested before it is suggested.
    Flag(&'static str),
    /// Sentence that says what to do.
    Advice(&'static str),
}

impl Workaround {
    /// Returns the flag, if it is one.
    pub fn flag(&self) -> Option<&'static str> {
        match self {
            Self::Flag(flag) => Some(flag),
            Self::Advice(_) => None,
        }
    }
}

/// Returns false: no version is affected in general.
pub fn no_version(_: [u32; 3]) -> bool {
    false
}

/// Returns true: the bug is possible for every target.
pub fn everywhere(_: &Asked) -> bool {
    true
}

/// Returns `None`: a rejected source does not indicate the bug.
pub fn no_rejection(_: &str) -> Option<Verdict> {
    None
}

/// Returns the numbers of a version, without a prerelease: `1.98.0-nightly` is `[1, 98, 0]`.
pub fn version(text: &str) -> [u64; 3] {
    let mut parts = text.split(['.', '-', '+']).map(str::parse::<u64>);
    let mut next = || parts.next().and_then(Result::ok).unwrap_or(0);
    [next(), next(), next()]
}

/// Exit code of a run-time probe that found the bug.
pub const EXIT_AFFECTED: i32 = 10;
