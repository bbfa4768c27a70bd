//! What a program must be to be released, as data: one row a rule, one column a policy.
//!
//! Pure. A rule sees one program and what it is held to; rules over the whole tree stand in
//! [`super::judge`].

use super::expected::Expected;
use super::{File, Finding};
use crate::config::PolicyConfig;
use crate::inspect::{Binary, FormatName, Linkage, Relro};
use crate::policy::{is_for, machine_name, word};
use crate::problem::{Code, Problem, Result, nearest};
use crate::target::{Format, Glibc, Libc, Os};
use crate::toolchain::LinkerKind;

/// A named policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyName {
    /// What is broken or not what it says.
    Default,
    /// And all that hardens, shrinks or hides.
    Strict,
    /// And starts on any Linux since glibc 2.17.
    PortableLinux,
}

pub const POLICY_NAMES: &[(&str, PolicyName)] = &[
    ("default", PolicyName::Default),
    ("strict", PolicyName::Strict),
    ("portable-linux", PolicyName::PortableLinux),
];

impl PolicyName {
    pub fn parse(text: &str) -> Result<Self> {
        if let Some((_, name)) = POLICY_NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(*name);
        }
        let names = || POLICY_NAMES.iter().map(|(name, _)| *name);
        let problem = Problem::new(Code::NoSuchName, format!("there is no policy `{text}`"));
        Err(match nearest(text, names()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("it is one of {}", crate::workspace::list(names()))),
        })
    }

    pub fn name(self) -> &'static str {
        POLICY_NAMES
            .iter()
            .find(|(_, name)| *name == self)
            .map_or("", |(text, _)| text)
    }
}

/// A policy with what the configuration changes of it.
#[derive(Debug, Clone)]
pub struct Policy {
    pub name: PolicyName,
    pub config: PolicyConfig,
}

/// One program and all that its rules look at.
#[derive(Clone, Copy)]
pub struct RuleInput<'a> {
    pub file: &'a File,
    pub binary: &'a Binary,
    pub expected: Option<&'a Expected>,
    /// What linked it, where xpkg's manifest says so.
    pub linked_by: Option<LinkerKind>,
    pub policy: &'a Policy,
}

/// What a rule has against a program.
struct Violation {
    found: String,
    expected: String,
    help: &'static str,
}

fn violation(
    found: impl Into<String>,
    expected: impl Into<String>,
    help: &'static str,
) -> Option<Violation> {
    Some(Violation {
        found: found.into(),
        expected: expected.into(),
        help,
    })
}

/// When a rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RuleScope {
    Always,
    /// Where xpkg's own manifest says what linked the program, so that what it can be is known.
    Made,
    Never,
}

use RuleScope::{Always, Made, Never};

struct Rule {
    code: Code,
    check: fn(&RuleInput) -> Option<Violation>,
    default: RuleScope,
    strict: RuleScope,
    portable: RuleScope,
}

#[rustfmt::skip]
const RULES: &[Rule] = &[
    Rule { code: Code::WrongMachine,     check: machine,           default: Always, strict: Always, portable: Always },
    Rule { code: Code::NotExecutable,    check: executable,        default: Always, strict: Always, portable: Always },
    Rule { code: Code::ModeUnfit,        check: mode,              default: Always, strict: Always, portable: Always },
    Rule { code: Code::NotStatic,        check: static_musl,       default: Always, strict: Always, portable: Always },
    Rule { code: Code::InterpreterUnfit, check: interpreter,       default: Always, strict: Always, portable: Always },
    Rule { code: Code::AboveFloor,       check: floor,             default: Always, strict: Always, portable: Always },
    Rule { code: Code::PrivateGlibc,     check: private_glibc,     default: Always, strict: Always, portable: Always },
    Rule { code: Code::LibraryUnfit,     check: libraries,         default: Made,   strict: Always, portable: Always },
    Rule { code: Code::RpathSet,         check: rpath,             default: Always, strict: Always, portable: Always },
    Rule { code: Code::ExecutableStack,  check: executable_stack,  default: Always, strict: Always, portable: Always },
    Rule { code: Code::TextRelocations,  check: text_relocations,  default: Always, strict: Always, portable: Always },
    Rule { code: Code::NotPie,           check: pie,               default: Made,   strict: Always, portable: Made },
    Rule { code: Code::RelroPartial,     check: relro,             default: Made,   strict: Always, portable: Made },
    Rule { code: Code::NotStripped,      check: stripped,          default: Never,  strict: Always, portable: Never },
    Rule { code: Code::HomeLeak,         check: home,              default: Never,  strict: Always, portable: Never },
];

/// The names of the rules that a configuration may switch, and of those over the whole tree.
pub fn rule_names() -> impl Iterator<Item = &'static str> {
    let whole = [
        Code::BuildIdTwice,
        Code::SameFileTwice,
        Code::CommitsDiffer,
        Code::TargetUnknown,
    ];
    RULES
        .iter()
        .map(|row| row.code.name())
        .chain(whole.into_iter().map(Code::name))
}

impl Policy {
    /// Whether the configuration has a word on a rule.
    pub fn switched(&self, code: Code) -> Option<bool> {
        self.config.rules.get(code.name()).copied()
    }
}

/// Everything that the policy has against a program.
pub fn judge(path: &str, case: &RuleInput) -> Vec<Finding> {
    let mut findings = Vec::new();
    for row in RULES {
        let when = match case.policy.name {
            PolicyName::Default => row.default,
            PolicyName::Strict => row.strict,
            PolicyName::PortableLinux => row.portable,
        };
        let holds = case
            .policy
            .switched(row.code)
            .unwrap_or(when == Always || when == Made && case.linked_by.is_some());
        let Some(Violation {
            found,
            expected,
            help,
        }) = holds.then(|| (row.check)(case)).flatten()
        else {
            continue;
        };
        let target = case.expected.map(|expected| expected.name.clone());
        findings.push(Finding {
            code: row.code,
            path: Some(path.to_owned()),
            target,
            found,
            expected,
            help: help.to_owned(),
        });
        // What is for another machine altogether is judged no further: the rest would be noise.
        if row.code == Code::WrongMachine {
            break;
        }
    }
    findings
}

fn format_of(os: Os) -> Format {
    match os {
        Os::Darwin => Format::MachO,
        Os::Windows => Format::Pe,
        Os::Wasi | Os::None => Format::Wasm,
        Os::Linux => Format::Elf,
    }
}

fn machine(case: &RuleInput) -> Option<Violation> {
    let Expected {
        arch, os, float, ..
    } = case.expected?;
    let (binary, format) = (case.binary, format_of(*os));
    let wanted = machine_name(arch, format);
    let fits = is_for(binary, arch, format, *float);
    if fits {
        return None;
    }
    let said =
        |format: &str, machine: &str, bits: u8| format!("{format} for {machine} ({bits} bit)");
    violation(
        said(&word(&binary.format), &binary.machine, binary.class),
        said(
            &format!("{format:?}")
                .to_lowercase()
                .replace("macho", "mach-o"),
            &wanted,
            arch.bits,
        ),
        "build it for its target, or move it to where its own target's files stand",
    )
}

/// A library may be released, too, under a name that says so.
fn is_library(binary: &Binary) -> bool {
    binary.format == FormatName::Elf
        && binary.kind == "ET_DYN"
        && binary.interpreter.is_none()
        && !binary.executable
}

fn executable(case: &RuleInput) -> Option<Violation> {
    // An object file for others to link is no mistake where it says what it is.
    let object =
        case.binary.kind == "ET_REL" && case.file.mode.is_none_or(|mode| mode & 0o111 == 0);
    let refused = !case.binary.executable && !is_library(case.binary) && !object;
    refused.then(|| {
        violation(
            format!("type {}", case.binary.kind),
            "a program that can be started",
            "look for linker arguments such as `-r`",
        )
    })?
}

fn mode(case: &RuleInput) -> Option<Violation> {
    let mode = case.file.mode?;
    if mode & 0o7000 != 0 {
        return violation(
            format!("mode {mode:04o}"),
            "no setuid, setgid or sticky bit",
            "`chmod a-s` it: who installs it decides that",
        );
    }
    // A group that may write is the habit of many systems.
    let others = if case.policy.name == PolicyName::Strict {
        0o022
    } else {
        0o002
    };
    if mode & others != 0 {
        return violation(
            format!("mode {mode:04o}"),
            "nobody but its owner may write it",
            "`chmod go-w` it",
        );
    }
    let started = case.binary.executable
        && case.binary.format != FormatName::Wasm
        && case.binary.format != FormatName::Pe;
    (started && mode & 0o111 != 0o111).then(|| {
        violation(
            format!("mode {mode:04o}"),
            "everyone may start it",
            "`chmod a+x` it",
        )
    })?
}

fn static_musl(case: &RuleInput) -> Option<Violation> {
    let musl = case.expected?.libc == Some(Libc::Musl)
        && case.binary.linkage == Linkage::Dynamic
        && !is_library(case.binary);
    let interpreter = case
        .binary
        .interpreter
        .iter()
        .map(|path| format!("the interpreter `{path}`"));
    let needed = case
        .binary
        .needed
        .iter()
        .map(|library| format!("`{library}`"));
    let asks: Vec<String> = interpreter.chain(needed).collect();
    musl.then(|| {
        violation(
            format!("asks for {}", asks.join(", ")),
            "a static program",
            "link it with Rust's own musl: `cargo xpkg build`",
        )
    })?
}

/// The loader of each platform: its file in PT_INTERP.
#[rustfmt::skip]
const LOADERS: &[(&str, &str, &str)] = &[
    // arch       glibc                                   musl
    ("x86_64",      "/lib64/ld-linux-x86-64.so.2",        "/lib/ld-musl-x86_64.so.1"),
    ("aarch64",     "/lib/ld-linux-aarch64.so.1",         "/lib/ld-musl-aarch64.so.1"),
    ("armv7",       "/lib/ld-linux-armhf.so.3",           "/lib/ld-musl-armhf.so.1"),
    ("thumbv7neon", "/lib/ld-linux-armhf.so.3",           "/lib/ld-musl-armhf.so.1"),
    ("i686",        "/lib/ld-linux.so.2",                 "/lib/ld-musl-i386.so.1"),
    ("i586",        "/lib/ld-linux.so.2",                 "/lib/ld-musl-i386.so.1"),
    ("riscv64gc",   "/lib/ld-linux-riscv64-lp64d.so.1",   "/lib/ld-musl-riscv64.so.1"),
    ("powerpc64le", "/lib64/ld64.so.2",                   "/lib/ld-musl-powerpc64le.so.1"),
    ("s390x",       "/lib/ld64.so.1",                     "/lib/ld-musl-s390x.so.1"),
    ("loongarch64", "/lib64/ld-linux-loongarch-lp64d.so.1", "/lib/ld-musl-loongarch64.so.1"),
];

fn interpreter(case: &RuleInput) -> Option<Violation> {
    let asked = case.binary.interpreter.as_ref()?;
    let expected = case.expected?;
    let (_, glibc, musl) = LOADERS
        .iter()
        .find(|(prefix, ..)| *prefix == expected.arch.prefix)?;
    let allowed: Vec<&str> = match expected.libc {
        Some(Libc::Gnu) => vec![glibc],
        Some(Libc::Musl) => vec![musl],
        _ => vec![glibc, musl],
    };
    let help = "link it with the target's own toolchain, not with one of Nix's or another libc's";
    (!allowed.contains(&asked.as_str()))
        .then(|| violation(format!("`{asked}`"), allowed.join(" or "), help))?
}

/// The floor of `portable-linux`: the oldest that Rust's own standard library starts on.
const PORTABLE_FLOOR: Glibc = Glibc {
    major: 2,
    minor: 17,
    patch: 0,
};

fn floor(case: &RuleInput) -> Option<Violation> {
    let found = case.binary.glibc_floor.as_ref()?;
    let configured = case
        .policy
        .config
        .glibc
        .as_ref()
        .and_then(|text| Glibc::parse(text));
    let portable = (case.policy.name == PolicyName::PortableLinux).then_some(PORTABLE_FLOOR);
    let asked = case
        .expected
        .and_then(|expected| expected.floor)
        .or(configured)
        .or(portable)?;
    let needs = Glibc::parse(&found.version)?;
    let symbol = found
        .symbol
        .as_ref()
        .map(|symbol| format!(" (for `{symbol}`)"))
        .unwrap_or_default();
    let help = "link it for that glibc: `cargo xpkg build --target TRIPLE.GLIBC`";
    (needs > asked).then(|| {
        violation(
            format!("needs glibc {needs}{symbol}"),
            format!("glibc {asked} or older"),
            help,
        )
    })?
}

fn private_glibc(case: &RuleInput) -> Option<Violation> {
    let help = "find the static library that brings them in";
    case.binary.glibc_private.then(|| {
        violation(
            "`GLIBC_PRIVATE` symbols",
            "none: they hold for one build of glibc",
            help,
        )
    })?
}

/// Libraries that come with every glibc, and the one that comes with every gcc.
const SYSTEM: &[&str] = &[
    "libc.so.6",
    "libm.so.6",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
    "libgcc_s.so.1",
];

fn libraries(case: &RuleInput) -> Option<Violation> {
    if case.binary.format != FormatName::Elf {
        return None;
    }
    let allowed = |library: &&String| {
        SYSTEM.contains(&library.as_str())
            || library.starts_with("ld-linux")
            || library.starts_with("ld64.so")
            || library.as_str() == "libc.so"
            || case.policy.config.libraries.contains(library)
    };
    let others: Vec<String> = case
        .binary
        .needed
        .iter()
        .filter(|library| !allowed(library))
        .map(|library| format!("`{library}`"))
        .collect();
    let help = "link it statically (a `vendored` or `bundled` feature), or allow it: `policy = { \
                libraries = [\"…\"] }`";
    (!others.is_empty()).then(|| {
        violation(
            format!("needs {}", others.join(", ")),
            "only libraries that every system has",
            help,
        )
    })?
}

fn rpath(case: &RuleInput) -> Option<Violation> {
    let directories = case
        .binary
        .rpath
        .iter()
        .chain(&case.binary.runpath)
        .flat_map(|list| list.split(':'));
    let fixed: Vec<String> = directories
        .filter(|path| !path.starts_with("$ORIGIN") && !path.starts_with("${ORIGIN}"))
        .map(|path| format!("`{path}`"))
        .collect();
    (!fixed.is_empty()).then(|| {
        violation(
            format!("looks into {}", fixed.join(", ")),
            "no RPATH but `$ORIGIN`",
            "link it without `-rpath`",
        )
    })?
}

fn executable_stack(case: &RuleInput) -> Option<Violation> {
    // An object file says nothing of the stack that it will have.
    let elf = case.binary.format == FormatName::Elf && case.binary.kind != "ET_REL";
    let help = "find the assembler file without `.note.GNU-stack`, or link with `-z noexecstack`";
    (elf && !case.binary.nx).then(|| violation("an executable stack", "one that is not", help))?
}

fn text_relocations(case: &RuleInput) -> Option<Violation> {
    case.binary.text_relocations.then(|| {
        violation(
            "DT_TEXTREL",
            "code that the loader does not write",
            "compile its C with `-fPIC`",
        )
    })?
}

/// Whether a program of this kind can be position-independent at all, as its linker makes it
/// (measured, README).
fn can_be_pie(case: &RuleInput) -> bool {
    let Some(expected) = case.expected else {
        return true;
    };
    match (expected.libc, case.linked_by) {
        (Some(Libc::Musl), Some(LinkerKind::Zig)) => false,
        (Some(Libc::Musl), _) => expected.arch.prefix == "x86_64",
        _ => true,
    }
}

fn pie(case: &RuleInput) -> Option<Violation> {
    let binary = case.binary;
    let linux = binary.format == FormatName::Elf && binary.executable && can_be_pie(case);
    let independent = binary.pie || binary.linkage == Linkage::StaticPie;
    (linux && !independent).then(|| {
        violation(
            format!("type {}", binary.kind),
            "PIE or static-pie",
            "build it without `relocation-model=static`",
        )
    })?
}

fn relro(case: &RuleInput) -> Option<Violation> {
    let binary = case.binary;
    let dynamic = binary.format == FormatName::Elf && binary.linkage == Linkage::Dynamic;
    let help = "link it with `-z relro -z now`, rustc's default";
    (dynamic && binary.relro != Relro::Full)
        .then(|| violation(format!("{} RELRO", word(&binary.relro)), "full RELRO", help))?
}

fn stripped(case: &RuleInput) -> Option<Violation> {
    let help = "`strip = \"symbols\"` in the profile, or in xpkg's configuration";
    match (case.binary.debug_info, case.binary.stripped) {
        (true, _) => violation("debug information", "none", help),
        (false, false) if case.binary.format == FormatName::Elf => {
            violation("a symbol table", "none", help)
        }
        _ => None,
    }
}

fn home(case: &RuleInput) -> Option<Violation> {
    let homes = &case.file.homes;
    let named: Vec<String> = homes.iter().map(|home| format!("`{home}`")).collect();
    let help = "`--remap-path-prefix` in rustflags, or build below a neutral directory";
    (!homes.is_empty()).then(|| {
        violation(
            format!("names {}", named.join(", ")),
            "nothing of the builder's home",
            help,
        )
    })?
}
