//! What a program is for: by a list, by a flag, or read off the parts of its path.

use crate::inspect::binary::FormatName;
use crate::problem::code::{Code, CodeInfo, code};
use crate::target::Target;
use crate::target::arch::{Arch, FloatAbi};
use crate::target::glibc::Glibc;
use crate::target::system::{Libc, Os, System};

/// What a program is held to. What is not known is not held against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub arch: &'static Arch,
    pub os: Os,
    pub libc: Option<Libc>,
    pub float: FloatAbi,
    /// The highest glibc that it may ask for.
    pub floor: Option<Glibc>,
    /// As it is named: a triple, or the words of the path.
    pub name: String,
}

impl Expected {
    pub fn of(target: &Target) -> Self {
        Self {
            arch: target.arch,
            os: target.system.os,
            libc: Some(target.system.libc),
            float: target.system.float,
            floor: target.floor,
            name: target.to_string(),
        }
    }
}

/// What a word of a path means.
#[derive(Debug, Clone, Copy)]
enum Word {
    Arch(&'static str),
    Os(Os),
    Libc(Libc),
}

/// Words that projects name their files with. `Arch` names the prefix of a triple.
#[rustfmt::skip]
const WORDS: &[(&str, Word)] = &[
    ("x86_64", Word::Arch("x86_64")), ("x86-64", Word::Arch("x86_64")), ("amd64", Word::Arch("x86_64")), ("x64", Word::Arch("x86_64")),
    ("aarch64", Word::Arch("aarch64")), ("arm64", Word::Arch("aarch64")),
    ("armv7", Word::Arch("armv7")), ("armv7l", Word::Arch("armv7")), ("armhf", Word::Arch("armv7")), ("arm/v7", Word::Arch("armv7")),
    ("armv6", Word::Arch("arm")), ("arm/v6", Word::Arch("arm")), ("arm", Word::Arch("arm")),
    ("i686", Word::Arch("i686")), ("i386", Word::Arch("i686")), ("386", Word::Arch("i686")), ("x86", Word::Arch("i686")),
    ("riscv64", Word::Arch("riscv64gc")), ("riscv64gc", Word::Arch("riscv64gc")),
    ("ppc64le", Word::Arch("powerpc64le")), ("powerpc64le", Word::Arch("powerpc64le")), ("s390x", Word::Arch("s390x")),
    ("loongarch64", Word::Arch("loongarch64")), ("loong64", Word::Arch("loongarch64")),
    ("wasm32", Word::Arch("wasm32")),
    ("linux", Word::Os(Os::Linux)), ("darwin", Word::Os(Os::Darwin)), ("macos", Word::Os(Os::Darwin)), ("apple", Word::Os(Os::Darwin)),
    ("windows", Word::Os(Os::Windows)), ("win64", Word::Os(Os::Windows)), ("wasi", Word::Os(Os::Wasi)), ("wasip1", Word::Os(Os::Wasi)),
    ("musl", Word::Libc(Libc::Musl)), ("musleabihf", Word::Libc(Libc::Musl)), ("musleabi", Word::Libc(Libc::Musl)),
    ("gnu", Word::Libc(Libc::Gnu)), ("glibc", Word::Libc(Libc::Gnu)), ("gnueabihf", Word::Libc(Libc::Gnu)), ("gnueabi", Word::Libc(Libc::Gnu)),
];

/// Reads a target off a path: a triple as one of its parts, or words such as `linux-arm64`,
/// `linux/amd64`, `darwin_x86_64`. What the path leaves open the file itself may say.
///
/// A path that names two processors names none.
pub fn of_path(path: &str, format: Option<FormatName>) -> Option<Expected> {
    let words = words(&path.to_lowercase());
    let mut arches = words.iter().filter_map(|(_, word)| match word {
        Word::Arch(prefix) => Arch::of_prefix(prefix),
        _ => None,
    });
    let arch = arches.next();
    if let Some(first) = arch
        && arches.any(|other| other.name != first.name)
    {
        return None;
    }
    if let Some(target) = path.split('/').find_map(triple_in) {
        return Some(Expected::of(&target));
    }
    let arch = arch?;
    let os = words.iter().find_map(|(_, word)| {
        if let Word::Os(os) = word {
            Some(*os)
        } else {
            None
        }
    });
    let os = os.unwrap_or(match format {
        Some(FormatName::MachO) => Os::Darwin,
        Some(FormatName::Pe) => Os::Windows,
        Some(FormatName::Wasm) => Os::Wasi,
        Some(FormatName::Elf) | None => Os::Linux,
    });
    let libc = words.iter().find_map(|(_, word)| {
        if let Word::Libc(libc) = word {
            Some(*libc)
        } else {
            None
        }
    });
    let libc = libc.filter(|_| os == Os::Linux);
    let name = words
        .iter()
        .map(|(text, _)| *text)
        .collect::<Vec<_>>()
        .join("-");
    Some(Expected {
        arch,
        os,
        libc,
        float: FloatAbi::Unspecified,
        floor: None,
        name,
    })
}

/// Whether a path names a processor, or several.
pub fn names_arch(path: &str) -> bool {
    words(&path.to_lowercase())
        .iter()
        .any(|(_, word)| matches!(word, Word::Arch(_)))
}

/// A triple that begins or ends a part of a path: `x86_64-unknown-linux-musl`,
/// `app-v1-x86_64-unknown-linux-musl`.
fn triple_in(part: &str) -> Option<Target> {
    let part = part.strip_suffix(".exe").unwrap_or(part);
    System::suffixes().find_map(|suffix| {
        let (before, after) = part.split_once(&format!("-{suffix}"))?;
        // `…-gnux32` is another system than `…-gnu`.
        if after.chars().next().is_some_and(char::is_alphanumeric) {
            return None;
        }
        let arch = before.rsplit(['-', '.']).next()?;
        let mut target = Target::of_triple(&format!("{arch}-{suffix}"))?;
        // `x86_64-unknown-linux-gnu.2.17`, as it is asked for.
        let floor = after
            .strip_prefix('.')
            .filter(|_| target.system.libc == Libc::Gnu)
            .and_then(Glibc::parse);
        target.floor = floor;
        Some(target)
    })
}

/// The known words of a path, each bounded by what is no letter or digit, the longest first, in the
/// path's order.
fn words(path: &str) -> Vec<(&'static str, Word)> {
    let mut known: Vec<&(&'static str, Word)> = WORDS.iter().collect();
    known.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    let mut taken: Vec<(usize, usize, &'static str, Word)> = Vec::new();
    let bound = |at: Option<char>| at.is_none_or(|letter| !letter.is_alphanumeric());
    for (text, word) in known {
        for (start, _) in path.match_indices(text) {
            let end = start + text.len();
            let free = taken
                .iter()
                .all(|(from, to, ..)| end <= *from || start >= *to);
            if free && bound(path[..start].chars().next_back()) && bound(path[end..].chars().next())
            {
                taken.push((start, end, text, *word));
            }
        }
    }
    taken.sort_by_key(|(start, ..)| *start);
    taken
        .into_iter()
        .map(|(_, _, text, word)| (text, word))
        .collect()
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[TARGET_UNKNOWN];

pub const TARGET_UNKNOWN: Code = code(&CodeInfo {
    name: "target-unknown",
    title: "nothing says what a program is for",
    cause: "No list, no part of its path and no flag names its target, so nothing can be \
            promised of it.",
    detection: "Triples, `x86_64`, `linux-arm64`, `linux/amd64` and their like are read off the \
                path.",
    fix: "Name it: `--target TRIPLE`.",
    source: "README, Verifying a release",
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: &str) {
        let found = of_path(path, Some(FormatName::Elf)).map(|expected| {
            format!(
                "{} {} {}",
                expected.arch.prefix,
                expected.os.name(),
                expected.libc.map_or("?", Libc::name)
            )
        });
        assert_eq!(found.as_deref().unwrap_or("nothing"), expected, "{path}");
    }

    #[test]
    fn targets_are_read_off_paths() {
        check("x86_64-unknown-linux-musl/app/app", "x86_64 linux musl");
        check(
            "dist/app-v1.2-aarch64-unknown-linux-gnu/app",
            "aarch64 linux gnu",
        );
        check("linux/amd64/app", "x86_64 linux ?");
        check("linux/arm/v7/app", "armv7 linux ?");
        check("bin/app-linux-arm64", "aarch64 linux ?");
        check("app_darwin_x86_64", "x86_64 darwin ?");
        check("darwin-aarch64/app", "aarch64 darwin ?");
        check("x86_64/app", "x86_64 linux ?");
        check("app-windows-x64.exe", "x86_64 windows ?");
        check("x86_64-pc-windows-msvc/app.exe", "x86_64 windows system");
        check("musl/arm64/app", "aarch64 linux musl");
        check("charm/alarm", "nothing");
        check("app", "nothing");
        check("x86/app", "i686 linux ?");
        check("x86_64-unknown-linux-gnu/aarch64-app", "nothing");
        let floor = of_path("dist/x86_64-unknown-linux-gnu.2.17/app", None)
            .unwrap()
            .floor;
        assert_eq!(floor, Glibc::parse("2.17"));
    }
}
