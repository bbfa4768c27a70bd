//! What a finished file must be for its target. Findings, not actions.
//!
//! Pure: a [`Binary`] and a [`Target`] in, [`Problem`]s out. Every code here can be waived by
//! `--accept`.

use crate::inspect::binary::{Binary, Linkage, word};
use crate::problem::Problem;
use crate::problem::code::Code;
use crate::target::Target;
use crate::target::glibc::Glibc;
use crate::target::system::Libc;
use crate::toolchain::{leaks, probe};
use crate::verify::rules::libc::{ABOVE_FLOOR, PRIVATE_GLIBC};
use crate::verify::rules::machine::{
    NOT_EXECUTABLE, NOT_STATIC, UNREADABLE_BINARY, WRONG_MACHINE, is_for, machine_name,
};

/// Returns the codes of findings: what `--accept` takes.
pub fn findings() -> impl Iterator<Item = Code> {
    probe::table::CODES
        .iter()
        .chain(leaks::CODES)
        .chain(OF_FILES)
        .copied()
}

/// Codes of findings about a finished file.
const OF_FILES: &[Code] = &[
    UNREADABLE_BINARY,
    WRONG_MACHINE,
    NOT_EXECUTABLE,
    NOT_STATIC,
    ABOVE_FLOOR,
    PRIVATE_GLIBC,
];

/// Everything that is wrong with a file for this target. `name` is what the messages call it.
pub fn judge(name: &str, binary: &Binary, target: &Target) -> Vec<Problem> {
    // What is for another machine altogether is judged no further: the rest would be noise.
    let findings = match machine(binary, target) {
        Some(finding) => vec![finding],
        None => CHECKS
            .iter()
            .filter_map(|check| check(binary, target))
            .collect(),
    };
    findings
        .into_iter()
        .map(|finding| finding.about(name, target))
        .collect()
}

/// The finding of a file that cannot be read at all.
pub fn unreadable(name: &str, why: &str) -> Problem {
    Problem::new(UNREADABLE_BINARY, format!("{name} is no program: {why}"))
        .help("`cargo xpkg plan` shows which linker wrote it and why it was chosen")
}

struct Finding {
    code: Code,
    what: String,
    help: &'static str,
}

impl Finding {
    fn about(self, name: &str, target: &Target) -> Problem {
        Problem::new(
            self.code,
            format!("{name} {} (target `{target}`)", self.what),
        )
        .help(self.help)
    }
}

const CHECKS: &[fn(&Binary, &Target) -> Option<Finding>] =
    &[executable, static_musl, floor, private_glibc];

const ASK_PLAN: &str = "`cargo xpkg plan` shows which linker wrote it and why it was chosen";

fn machine(binary: &Binary, target: &Target) -> Option<Finding> {
    let wanted = machine_name(target.arch, target.system.format);
    let fits = is_for(
        binary,
        target.arch,
        target.system.format,
        target.system.float,
    );
    let float = |word: &str| {
        if word == "untold" {
            String::new()
        } else {
            format!(", {word}-float")
        }
    };
    (!fits).then(|| Finding {
        code: WRONG_MACHINE,
        what: format!(
            "is {} for {} ({} bit, {} endian{}), not {} ({} bit, {} endian{})",
            word(&binary.format),
            binary.machine,
            binary.class,
            word(&binary.endian),
            float(&word(&binary.float_abi)),
            wanted,
            target.arch.bits,
            format!("{:?}", target.arch.endian).to_lowercase(),
            float(&format!("{:?}", target.system.float).to_lowercase()),
        ),
        help: ASK_PLAN,
    })
}

fn executable(binary: &Binary, _: &Target) -> Option<Finding> {
    (!binary.executable).then(|| Finding {
        code: NOT_EXECUTABLE,
        what: format!("is of type {}, which cannot be started", binary.kind),
        help: "look for linker arguments such as `-r` or `-shared` in RUSTFLAGS and build scripts",
    })
}

fn static_musl(binary: &Binary, target: &Target) -> Option<Finding> {
    let musl = target.system.libc == Libc::Musl && binary.linkage == Linkage::Dynamic;
    musl.then(|| {
        let interpreter = binary
            .interpreter
            .iter()
            .map(|path| format!("the interpreter `{path}`"));
        let needed = binary.needed.iter().map(|library| format!("`{library}`"));
        let asks: Vec<String> = interpreter.chain(needed).collect();
        Finding {
            code: NOT_STATIC,
            what: format!("is not static: it asks for {}", asks.join(", ")),
            help: "let xpkg choose the linker, or pass `--accept not-static` if a dynamic musl \
                   bin is what you want",
        }
    })
}

fn floor(binary: &Binary, target: &Target) -> Option<Finding> {
    let (asked, found) = (target.floor?, binary.glibc_floor.as_ref()?);
    let needs = Glibc::parse(&found.version)?;
    (needs > asked).then(|| Finding {
        code: ABOVE_FLOOR,
        what: format!(
            "needs glibc {needs}{}, above the floor of {asked}",
            found
                .symbol
                .as_ref()
                .map(|symbol| format!(" (for `{symbol}`)"))
                .unwrap_or_default()
        ),
        help: "link against an older glibc, or raise the floor",
    })
}

fn private_glibc(binary: &Binary, _: &Target) -> Option<Finding> {
    binary.glibc_private.then(|| Finding {
        code: PRIVATE_GLIBC,
        what: "uses `GLIBC_PRIVATE` symbols, which hold for one build of glibc only".to_owned(),
        help: "find the static library that brings them in",
    })
}
