//! What a link that failed asked for: a library that was not found, or an argument that the linker
//! cannot follow. xpkg's wrappers of rust-lld and zig read it from the linker's messages and keep it
//! in a file, and `build` reports it after cargo's own messages.
//!
//! Pure.

use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::problem::code::{Code, CodeInfo, code};
use crate::project::apple_libraries;
use crate::project::linker::LinkerKind;
use crate::target::Target;
use crate::toolchain::gate::{self, SDK_MISSING};
use crate::toolchain::lld::arguments::LLD_ARGUMENT;
use crate::toolchain::undefined;
use crate::toolchain::zig::arguments::{ZIG_ARGUMENT, rejected_argument};

/// What a failed link asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "asked-for", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LinkFailure {
    /// An argument that the linker cannot follow.
    Argument {
        /// The argument.
        argument: String,
        /// Clause that says why; `None` if the linker does not know it.
        reason: Option<String>,
    },
    /// Libraries that were not found: `pq` for `-lpq`.
    Libraries { names: Vec<String> },
    /// Frameworks and libraries of Apple's SDK that were not found.
    OfSdk { names: Vec<String> },
    /// Undefined symbols that give away their cause ([`undefined`]).
    Symbols { names: Vec<String> },
}

impl LinkFailure {
    /// Reads lld's messages. `None` if the link failed for another reason.
    pub fn of_lld(stderr: &str) -> Option<Self> {
        let argument = |line: &str| {
            let (_, rest) = line.split_once("unknown argument '")?;
            rest.split('\'').next().map(str::to_owned)
        };
        let emulation = |line: &str| {
            let (_, rest) = line.split_once("unknown emulation: ")?;
            Some(format!("-m{}", rest.trim()))
        };
        let argument = stderr
            .lines()
            .find_map(|line| argument(line).or_else(|| emulation(line)))
            .map(|argument| Self::Argument {
                argument,
                reason: None,
            });
        let names = stderr.lines().filter_map(|line| {
            let (_, name) = line.split_once("unable to find library -l")?;
            name.split_whitespace().next().map(str::to_owned)
        });
        argument
            .or_else(|| Self::libraries(names))
            .or_else(|| Self::symbols(stderr))
    }

    /// Reads zig's messages. `None` if the link failed for another reason.
    pub fn of_zig(stderr: &str) -> Option<Self> {
        let argument = rejected_argument(stderr);
        // Versions of zig quote names in two ways.
        let named = |kind: &'static str| {
            stderr.lines().filter_map(move |line| {
                let (_, rest) = line.split_once("unable to find ")?;
                let (_, name) = rest.split_once(kind)?;
                let name = name.trim_start().strip_prefix(['\'', '"'])?;
                name.split(['\'', '"']).next().map(str::to_owned)
            })
        };
        let is_of_sdk = |name: &String| apple_libraries::is_of_sdk(name);
        let of_sdk = named("system framework ").chain(named(" system library ").filter(is_of_sdk));
        argument
            .map(|argument| Self::Argument {
                argument: argument.to_owned(),
                reason: None,
            })
            .or_else(|| match Self::libraries(of_sdk)? {
                Self::Libraries { names } => Some(Self::OfSdk { names }),
                other => Some(other),
            })
            .or_else(|| Self::libraries(named(" system library ")))
            .or_else(|| Self::symbols(stderr))
    }

    /// Reads the undefined symbols that give away one cause, the first one's; `None` if there are
    /// none.
    fn symbols(stderr: &str) -> Option<Self> {
        let all = stderr.lines().filter_map(|line| {
            let (_, rest) = line.split_once("undefined symbol: ")?;
            rest.split_whitespace().next()
        });
        let known: Vec<&str> = all.filter(|name| undefined::find(name).is_some()).collect();
        let cause = undefined::find(known.first()?)?.cause;
        let mut names: Vec<String> = Vec::new();
        for name in known {
            let is_same = undefined::find(name).is_some_and(|row| row.cause == cause);
            if is_same && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        Some(Self::Symbols { names })
    }

    /// Returns the failure of these libraries, each once; `None` if there are none.
    fn libraries(names: impl Iterator<Item = String>) -> Option<Self> {
        let mut unique: Vec<String> = Vec::new();
        for name in names {
            if !unique.contains(&name) {
                unique.push(name);
            }
        }
        (!unique.is_empty()).then_some(Self::Libraries { names: unique })
    }

    /// Returns the problem of a link with `used`. `others` are the kinds that could link for the
    /// target instead.
    pub fn problem(
        &self,
        target: Option<&Target>,
        used: LinkerKind,
        others: &[LinkerKind],
    ) -> Problem {
        let problem = match self {
            Self::Argument { argument, reason } => {
                let (code, verb) = match (used, reason) {
                    (LinkerKind::Zig, _) => (ZIG_ARGUMENT, "does not know"),
                    (_, None) => (LLD_ARGUMENT, "does not know"),
                    (_, Some(_)) => (LLD_ARGUMENT, "cannot follow"),
                };
                let what = format!("{} {verb} the linker argument `{argument}`", used.name());
                let problem = Problem::new(code, what).note("cause", reason.clone()).help(
                    "remove it where it is set: `-C link-arg` in rustflags, \
                     `cargo:rustc-link-arg` in a build script, a `CFLAGS` variable",
                );
                // zig ignores another linker's name, and links with its lld, too.
                if argument.starts_with("-fuse-ld=") || argument.starts_with("--ld-path=") {
                    problem
                } else {
                    problem.help(other_linker(used, others))
                }
            }
            Self::OfSdk { names } => {
                let what = format!(
                    "{} found no `{}`, which Apple's SDK has",
                    used.name(),
                    names.join("`, no `")
                );
                let place = target.map_or("TRIPLE", |target| target.triple());
                Problem::new(SDK_MISSING, what).help(gate::set_sdk(place))
            }
            Self::Libraries { names } => {
                let asked: Vec<String> = names.iter().map(|name| format!("`-l{name}`")).collect();
                let what = format!("{} found no library for {}", used.name(), asked.join(", "));
                let problem = Problem::new(LIBRARY_MISSING, what).note(
                    "cause",
                    ["a crate or a build script names it, and no directory of the link has it for \
                      this target"
                        .to_owned()],
                );
                // zig includes the run-time libraries of compilers.
                if used != LinkerKind::Zig && names.iter().all(|name| is_runtime(name)) {
                    problem.help(other_linker(used, others))
                } else {
                    let table = target.map_or("TRIPLE", |target| target.triple());
                    problem
                        .help(
                            "use the crate's feature that builds the library with it (`vendored`, \
                             `bundled`, `static`), if it has one",
                        )
                        .help(format!(
                            "or name the directory of a `lib{}.a` for this target in the root's \
                             Cargo.toml: `[workspace.metadata.xpkg.target.{table}]` with \
                             `rustflags = [\"-Lnative=DIR\"]`",
                            names[0]
                        ))
                }
            }
            Self::Symbols { names } => {
                let shown: Vec<String> = names
                    .iter()
                    .take(4)
                    .map(|name| format!("`{name}`"))
                    .collect();
                let more = if names.len() > 4 { ", …" } else { "" };
                let row = names.first().and_then(|name| undefined::find(name));
                let what = format!("{} found no {}{more}", used.name(), shown.join(", "));
                let problem = Problem::new(SYMBOL_MISSING, what)
                    .note("cause", row.map(|row| row.cause.to_owned()));
                match row {
                    Some(row) => problem.help(match target {
                        Some(target) => row.help.replace("<target>", &target.lower()),
                        None => row.help.to_owned(),
                    }),
                    None => problem,
                }
            }
        };
        problem.note("target", target.map(ToString::to_string))
    }
}

/// Returns true if a library is a compiler's own run-time library.
fn is_runtime(name: &str) -> bool {
    ["stdc++", "c++", "c++abi", "gcc", "gcc_s", "gcc_eh"].contains(&name)
}

/// Suggests the other linkers of this machine for the target, or zig.
fn other_linker(used: LinkerKind, others: &[LinkerKind]) -> String {
    let choices: Vec<String> = others
        .iter()
        .filter(|kind| **kind != used)
        .map(|kind| format!("`--linker {}`", kind.name()))
        .collect();
    match choices.is_empty() {
        false => format!(
            "or choose another linker for this target: {}",
            choices.join(", ")
        ),
        true if used == LinkerKind::Zig => "or install a cross compiler for this target".to_owned(),
        true => "or install zig (`cargo xpkg help zig`), and choose it: `--linker zig`".to_owned(),
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[LIBRARY_MISSING, SYMBOL_MISSING];

pub const LIBRARY_MISSING: Code = code(&CodeInfo {
    name: "library-missing",
    title: "the link asks for a library that was not found for the target",
    cause: "A crate or a build script of the graph names a library (`#[link]`, \
            `cargo:rustc-link-lib`), and no directory of the link has it for this target. The \
            host's libraries are never used for another target.",
    detection: "xpkg's wrappers of rust-lld and zig read the linker's messages if a link fails.",
    fix: "Enable the crate's feature that builds the library with it, or add the directory of a \
          library for the target with `-Lnative=DIR` in the target's `rustflags`.",
    page: "linkers",
    sources: &["rust-lang/rust_libloading#195", "x11-rs#173"],
    waivable: false,
});

pub const SYMBOL_MISSING: Code = code(&CodeInfo {
    name: "symbol-missing",
    title: "the link lacks a function that gives away its cause",
    cause: "An object asks for a function of another C library or of a runtime: it was compiled \
            with glibc's headers, for an older musl, with a sanitizer or with helpers for atomics.",
    detection: "xpkg's wrappers of rust-lld and zig read the linker's messages if a link fails, and \
                look the undefined symbols up in a table.",
    fix: "Follow the help: it depends on the symbol.",
    page: "compiler-bugs",
    sources: &[
        "rust-lang/libc#2934",
        "rust-lang/rust#125692",
        "rust-lang/git2-rs#706",
    ],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    fn libraries(names: &[&str]) -> Option<LinkFailure> {
        Some(LinkFailure::Libraries {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        })
    }

    fn argument(argument: &str) -> Option<LinkFailure> {
        Some(LinkFailure::Argument {
            argument: argument.to_owned(),
            reason: None,
        })
    }

    #[test]
    fn llds_messages_are_read() {
        let missing = "rust-lld: error: unable to find library -lpq\nrust-lld: error: unable to \
                       find library -lxml2\nrust-lld: error: unable to find library -lpq\n";
        assert_eq!(LinkFailure::of_lld(missing), libraries(&["pq", "xml2"]));
        let unknown = "rust-lld: error: unknown argument '-rpoth', did you mean '-rpath'\n";
        assert_eq!(LinkFailure::of_lld(unknown), argument("-rpoth"));
        let emulation = "rust-lld: error: unknown emulation: 32\n";
        assert_eq!(LinkFailure::of_lld(emulation), argument("-m32"));
        let other = "rust-lld: error: undefined symbol: uuid_generate\n";
        assert_eq!(LinkFailure::of_lld(other), None);
        let known = "rust-lld: error: undefined symbol: mine\nrust-lld: error: undefined symbol: \
                     open64\nrust-lld: error: undefined symbol: __memcpy_chk\nrust-lld: error: \
                     undefined symbol: open64\n";
        let names = vec!["open64".to_owned()];
        assert_eq!(
            LinkFailure::of_lld(known),
            Some(LinkFailure::Symbols { names })
        );
    }

    #[test]
    fn zigs_messages_are_read() {
        let missing = "error: unable to find dynamic system library 'pq' using strategy \
                       paths_first. searched paths: none\n";
        assert_eq!(LinkFailure::of_zig(missing), libraries(&["pq"]));
        let missing = missing.replace('\'', "\"");
        assert_eq!(LinkFailure::of_zig(&missing), libraries(&["pq"]));
        let of_sdk = |name: &str| {
            Some(LinkFailure::OfSdk {
                names: vec![name.to_owned()],
            })
        };
        let missing = "error: unable to find system framework \"Security\". searched paths: none\n";
        assert_eq!(LinkFailure::of_zig(missing), of_sdk("Security"));
        let missing = "error: unable to find dynamic system library \"objc\" using strategy \
                       paths_first. searched paths: none\n";
        assert_eq!(LinkFailure::of_zig(missing), of_sdk("objc"));
        let problem = of_sdk("objc").unwrap().problem(None, LinkerKind::Zig, &[]);
        assert_eq!(
            problem.message,
            "zig found no `objc`, which Apple's SDK has"
        );
        let unknown = "error: unsupported linker arg: --foo\n";
        assert_eq!(LinkFailure::of_zig(unknown), argument("--foo"));
        assert_eq!(LinkFailure::of_zig("error: undefined symbol: main\n"), None);
    }
}
