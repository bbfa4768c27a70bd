//! The target that a program is for: from a list, from a flag, or parsed from its path.

use crate::inspect::binary::FormatName;
use crate::problem::code::{Code, CodeInfo, code};
use crate::target::Target;
use crate::target::arch::{Arch, FloatAbi};
use crate::target::glibc::Glibc;
use crate::target::level::{self, Level};
use crate::target::system::{Libc, Os, System};

/// Requirements of a program's target. Unknown properties are not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Processor.
    pub arch: &'static Arch,
    /// Operating system.
    pub os: Os,
    /// C library; `None` if the path does not name one.
    pub libc: Option<Libc>,
    /// Float ABI of 32-bit ARM.
    pub float: FloatAbi,
    /// Highest glibc that it may need; `None` if there is no limit.
    pub floor: Option<Glibc>,
    /// Level of processor that it may need; `None` if the path leaves it open.
    pub level: Option<Level>,
    /// Name in messages: the triple, or the parts of the path that name the target (`linux-arm64`).
    pub name: String,
}

impl Expected {
    /// Returns the requirements of a target.
    pub fn from_target(target: &Target) -> Self {
        Self {
            arch: target.arch,
            os: target.system.os,
            libc: Some(target.system.libc),
            float: target.system.float,
            floor: target.floor,
            level: target.level(),
            name: target.to_string(),
        }
    }

    /// Returns the requirements with the level of processor that the rustflags of the build allow,
    /// if they raise it.
    #[must_use]
    pub fn raised_to(self, raised: Option<&Level>) -> Self {
        Self {
            level: raised.cloned().or(self.level),
            ..self
        }
    }
}

impl Expected {
    /// Returns the processor that QEMU has to emulate for code of this level only to run. `None`
    /// if the build raised the level: which processor was meant is not known.
    pub fn cpu(&self) -> Option<&'static str> {
        let own = level::of(self.arch, self.libc)?;
        level::cpu(self.arch).filter(|_| self.os == Os::Linux && self.level.as_ref() == Some(&own))
    }
}

/// Meaning of one token of a path.
#[derive(Debug, Clone, Copy)]
enum Token {
    Arch(&'static str),
    Os(Os),
    Libc(Libc),
}

/// Tokens that projects name their files with. `Arch` holds the prefix of a triple.
#[rustfmt::skip]
const TOKENS: &[(&str, Token)] = &[
    ("x86_64", Token::Arch("x86_64")), ("x86-64", Token::Arch("x86_64")), ("amd64", Token::Arch("x86_64")), ("x64", Token::Arch("x86_64")),
    ("aarch64", Token::Arch("aarch64")), ("arm64", Token::Arch("aarch64")),
    ("armv7", Token::Arch("armv7")), ("armv7l", Token::Arch("armv7")), ("armhf", Token::Arch("armv7")), ("arm/v7", Token::Arch("armv7")),
    ("armv6", Token::Arch("arm")), ("arm/v6", Token::Arch("arm")), ("arm", Token::Arch("arm")),
    ("i686", Token::Arch("i686")), ("i386", Token::Arch("i686")), ("386", Token::Arch("i686")), ("x86", Token::Arch("i686")),
    ("riscv64", Token::Arch("riscv64gc")), ("riscv64gc", Token::Arch("riscv64gc")),
    ("ppc64le", Token::Arch("powerpc64le")), ("powerpc64le", Token::Arch("powerpc64le")), ("sparc64", Token::Arch("sparc64")), ("s390x", Token::Arch("s390x")),
    ("loongarch64", Token::Arch("loongarch64")), ("loong64", Token::Arch("loongarch64")),
    ("wasm32", Token::Arch("wasm32")),
    ("linux", Token::Os(Os::Linux)), ("darwin", Token::Os(Os::Darwin)), ("macos", Token::Os(Os::Darwin)), ("apple", Token::Os(Os::Darwin)),
    ("windows", Token::Os(Os::Windows)), ("win64", Token::Os(Os::Windows)), ("wasi", Token::Os(Os::Wasi)), ("wasip1", Token::Os(Os::Wasi)),
    ("musl", Token::Libc(Libc::Musl)), ("musleabihf", Token::Libc(Libc::Musl)), ("musleabi", Token::Libc(Libc::Musl)),
    ("gnu", Token::Libc(Libc::Gnu)), ("glibc", Token::Libc(Libc::Gnu)), ("gnueabihf", Token::Libc(Libc::Gnu)), ("gnueabi", Token::Libc(Libc::Gnu)),
];

/// Parses the target from a path: a triple in one of its components, or tokens such as
/// `linux-arm64`, `linux/amd64`, `darwin_x86_64`. If the path does not name the system, `format`
/// decides.
///
/// Returns `None` for a path that names no processor, or two different ones.
pub fn from_path(path: &str, format: Option<FormatName>) -> Option<Expected> {
    let tokens = tokens(&path.to_lowercase());
    let mut arches = tokens.iter().filter_map(|(_, token)| match token {
        Token::Arch(prefix) => Arch::of_prefix(prefix),
        _ => None,
    });
    let arch = arches.next();
    if let Some(first) = arch
        && arches.any(|other| other.name != first.name)
    {
        return None;
    }
    let triples: Vec<Target> = path.split('/').filter_map(triple_in).collect();
    if let Some(target) = triples.first() {
        // Any of several directories may tell the floor.
        let floor = triples.iter().filter_map(|target| target.floor).min();
        return Some(Expected {
            floor: floor.filter(|_| target.system.libc == Libc::Gnu),
            ..Expected::from_target(target)
        });
    }
    let arch = arch?;
    let os = tokens.iter().find_map(|(_, token)| {
        if let Token::Os(os) = token {
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
    let libc = tokens.iter().find_map(|(_, token)| {
        if let Token::Libc(libc) = token {
            Some(*libc)
        } else {
            None
        }
    });
    let libc = libc.filter(|_| os == Os::Linux);
    // Projects call every 32-bit Arm `arm`, ARMv7 included.
    let names_version =
        |(text, token): &(&str, Token)| *text != "arm" && matches!(token, Token::Arch(_));
    let level = level::of(arch, libc)
        .filter(|_| tokens.iter().any(names_version))
        .filter(|_| !names_x86_level(&path.to_lowercase()));
    let name = tokens
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
        level,
        name,
    })
}

/// Returns true if a path names a level of x86-64, as in `x86_64-v3` and `amd64v2`. `v2.1` is a
/// version.
fn names_x86_level(path: &str) -> bool {
    let is_level = |(at, _): (usize, &str)| {
        let rest = path[at + 2..].trim_start_matches(['-', '_']);
        let mut letters = rest.chars();
        letters.next() == Some('v')
            && matches!(letters.next(), Some('2'..='4'))
            && letters
                .next()
                .is_none_or(|letter| !letter.is_alphanumeric() && letter != '.')
    };
    path.match_indices("64").any(is_level)
}

/// Returns true if a path names at least one processor.
pub fn names_arch(path: &str) -> bool {
    tokens(&path.to_lowercase())
        .iter()
        .any(|(_, token)| matches!(token, Token::Arch(_)))
}

/// Parses a triple that begins or ends a path component: `x86_64-unknown-linux-musl`,
/// `app-v1-x86_64-unknown-linux-musl`.
fn triple_in(part: &str) -> Option<Target> {
    let part = part.strip_suffix(".exe").unwrap_or(part);
    System::suffixes().find_map(|suffix| {
        let (before, after) = part.split_once(&format!("-{suffix}"))?;
        // `…-gnux32` is a different system from `…-gnu`.
        if after.chars().next().is_some_and(char::is_alphanumeric) {
            return None;
        }
        let arch = before.rsplit(['-', '.']).next()?;
        let mut target = Target::of_triple(&format!("{arch}-{suffix}"))?;
        // `x86_64-unknown-linux-gnu.2.17`, as `--target` accepts it; in the name of an archive, a
        // suffix follows (`.tar.gz`).
        let floor = after
            .strip_prefix('.')
            .filter(|_| target.system.libc == Libc::Gnu)
            .and_then(leading_version);
        target.floor = floor;
        Some(target)
    })
}

/// Parses the glibc version that a text begins with: `2.17.tar.gz`. A number of another kind, such
/// as the version of the program, does not begin with 2.
fn leading_version(text: &str) -> Option<Glibc> {
    let mut numbers = text.split('.').map_while(|part| part.parse::<u32>().ok());
    let (major, minor) = (numbers.next()?, numbers.next()?);
    let patch = numbers.next().unwrap_or(0);
    (major == 2).then_some(Glibc {
        major,
        minor,
        patch,
    })
}

/// Returns the known tokens of a path, in the path's order. A token is bounded by characters that
/// are not letters or digits. Longer tokens win over shorter ones that overlap them.
fn tokens(path: &str) -> Vec<(&'static str, Token)> {
    let mut known: Vec<&(&'static str, Token)> = TOKENS.iter().collect();
    known.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    let mut taken: Vec<(usize, usize, &'static str, Token)> = Vec::new();
    let is_boundary = |at: Option<char>| at.is_none_or(|letter| !letter.is_alphanumeric());
    for (text, token) in known {
        for (start, _) in path.match_indices(text) {
            let end = start + text.len();
            let is_free = taken
                .iter()
                .all(|(from, to, ..)| end <= *from || start >= *to);
            if is_free
                && is_boundary(path[..start].chars().next_back())
                && is_boundary(path[end..].chars().next())
            {
                taken.push((start, end, text, *token));
            }
        }
    }
    taken.sort_by_key(|(start, ..)| *start);
    taken
        .into_iter()
        .map(|(_, _, text, token)| (text, token))
        .collect()
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[TARGET_UNKNOWN];

/// Code of a program whose target is not known.
pub const TARGET_UNKNOWN: Code = code(&CodeInfo {
    name: "target-unknown",
    title: "the target of a program is unknown",
    cause: "No list, no part of its path and no flag names its target, so it cannot be checked \
            against one.",
    detection: "The path is searched for triples and for names such as `x86_64`, `linux-arm64` and \
                `linux/amd64`.",
    fix: "Name it: `--target TRIPLE`.",
    page: "verify",
    sources: &[],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: &str) {
        let found = from_path(path, Some(FormatName::Elf)).map(|expected| {
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
    fn targets_are_parsed_from_paths() {
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
        let floor = from_path("dist/x86_64-unknown-linux-gnu.2.17/app", None)
            .unwrap()
            .floor;
        assert_eq!(floor, Glibc::parse("2.17"));
        let floor = |path: &str| from_path(path, None).unwrap().floor;
        for path in [
            "app-1.0-x86_64-unknown-linux-gnu.2.17.tar.gz",
            "app-x86_64-unknown-linux-gnu.2.17.zip",
            "app-x86_64-unknown-linux-gnu.2.17/x86_64-unknown-linux-gnu/app",
            "x86_64-unknown-linux-gnu/app-x86_64-unknown-linux-gnu.2.17",
        ] {
            assert_eq!(floor(path), Glibc::parse("2.17"), "{path}");
        }
        assert_eq!(floor("app-x86_64-unknown-linux-gnu.tar.gz"), None);
        assert_eq!(floor("app-x86_64-unknown-linux-gnu.1.2.3.tar.gz"), None);
        assert_eq!(floor("app-x86_64-unknown-linux-musl.2.17.tar.gz"), None);
    }
}
