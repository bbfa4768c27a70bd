//! Linker arguments that zig rejects or interprets differently, as a table of rewrites.
//!
//! Pure. cargo-zigbuild's own filter runs after these rewrites; they contain only what it lacks. A
//! rewrite removes only arguments that change no instruction and no symbol by which the program is
//! reached. All other arguments are passed on, and zig rejects them by name.

use crate::problem::code::{Code, CodeInfo, code};

/// Extra work that replaces an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Link with [`KEEP_SYMBOLS`].
    KeepSymbols,
}

/// Treatment of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Removes it.
    Drop,
    /// Removes it where a static program is linked.
    DropIfStatic,
    /// Removes it, and does this instead.
    Replace(Step),
}

/// A rewrite of a linker argument.
#[derive(Debug)]
pub struct ArgRewrite {
    /// Text after `-Wl,`. A trailing `=` accepts any value, a trailing `*` any suffix, and a `,`
    /// separates two arguments.
    pub flag: &'static str,
    /// Treatment of the argument.
    pub action: Action,
    /// Clause that says why that is safe.
    pub reason: &'static str,
    /// Issue or place where it was found.
    pub source: &'static str,
    /// Versions of zig that were tested and reject it, or treat it differently.
    pub zig: &'static str,
}

/// Versions of zig with which the rewrites were tested.
const TRIED: &str = "0.15.2, 0.16.0, 0.17.0";

/// Defines a rewrite that removes the argument.
const fn dropped(flag: &'static str, reason: &'static str) -> ArgRewrite {
    ArgRewrite {
        flag,
        action: Action::Drop,
        reason,
        source: "rust-cross/cargo-zigbuild#96",
        zig: TRIED,
    }
}

/// Defines a rewrite that removes the argument from the links of static programs.
const fn for_static(flag: &'static str) -> ArgRewrite {
    ArgRewrite {
        flag,
        action: Action::DropIfStatic,
        reason: "in a static program no loader reads which symbols are exported",
        source: "tree-sitter-cli 0.27.1; measured",
        zig: "0.17.0",
    }
}

/// Reason: affects the speed of the link only.
const SPEED: &str = "only how fast it links";

/// Reason: affects the linker's messages only.
const MESSAGES: &str = "only the linker's messages";

/// Reason: is lld's default.
const DEFAULT: &str = "what lld does anyway";

/// Reason: affects temporary symbols only.
const LOCALS: &str = "only temporary symbols, by which nothing is reached";

/// All rewrites. A flag whose value is the next word is listed in [`WITH_VALUE`], too.
pub const ARG_REWRITES: &[ArgRewrite] = &[
    ArgRewrite {
        flag: "--strip-debug",
        action: Action::Replace(Step::KeepSymbols),
        reason: "zig strips the symbols, too, where cargo's `strip = \"debuginfo\"` means to keep \
                 them",
        source: "rust-cross/cargo-zigbuild: `-g` \"prevent stripping\"; measured",
        zig: TRIED,
    },
    for_static("--dynamic-list="),
    for_static("--dynamic-list,*"),
    dropped("--threads", SPEED),
    dropped("--threads=", SPEED),
    dropped("--threads,*", SPEED),
    dropped("--no-threads", SPEED),
    dropped("--thinlto-jobs=", SPEED),
    dropped("--no-keep-memory", SPEED),
    dropped("--no-map-whole-files", SPEED),
    dropped("--reduce-memory-overheads", SPEED),
    dropped("--error-limit=", MESSAGES),
    dropped("--no-demangle", MESSAGES),
    dropped("--stats", MESSAGES),
    dropped("--verbose", MESSAGES),
    dropped("-t", MESSAGES),
    dropped("--trace-symbol=", MESSAGES),
    dropped("--color-diagnostics=", MESSAGES),
    dropped("--warn-common", MESSAGES),
    dropped("--no-warn-execstack", MESSAGES),
    dropped("--no-warn-rwx-segments", MESSAGES),
    dropped("-z,noseparate-code", DEFAULT),
    dropped("--icf=none", DEFAULT),
    dropped("-m,elf_*", "the target implies it"),
    dropped("-melf_*", "the target implies it"),
    dropped("--no-copy-dt-needed-entries", DEFAULT),
    dropped("--discard-locals", LOCALS),
    dropped("-X", LOCALS),
];

/// First argument of the wrappers. The library's `-fno-sanitize=all` switches the sanitizer of undefined
/// behavior off in C only: unless it is off by this name, too, zig compiles the sanitizer's run-time
/// library before the first link for a target, which takes four times as long as the link.
pub const NO_SANITIZER_LIBRARY: &str = "-fno-sanitize=undefined";

/// Linker script that adds to lld's own: it removes debug information and keeps symbols.
pub const KEEP_SYMBOLS: &str = "SECTIONS { /DISCARD/ : { *(.debug_*) } } INSERT AFTER .text;\n";

impl ArgRewrite {
    /// Returns true if the rewrite applies to this argument.
    fn applies_to(&self, text: &str) -> bool {
        match self.flag.strip_suffix(['=', '*']) {
            Some(prefix) if self.flag.ends_with('=') => text
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with('=')),
            Some(prefix) => text.starts_with(prefix),
            None => text == self.flag,
        }
    }
}

/// Linker options whose value is the next entry of a `-Wl,` list.
const WITH_VALUE: &[&str] = &[
    "-z",
    "-m",
    "-rpath",
    "--rpath",
    "-soname",
    "-T",
    "-Map",
    "--wrap",
    "--dynamic-list",
    "--version-script",
    "-u",
    "--entry",
    "-e",
];

/// Arguments of a link of a static program: the driver's, and Rust's own start files for musl.
const STATIC: &[&str] = &[
    "-static",
    "-static-pie",
    "self-contained/crt1.o",
    "self-contained/rcrt1.o",
];

/// Returns the arguments without those that a rewrite removes, and the steps that replace them.
pub fn rewrite(args: Vec<String>) -> (Vec<String>, Vec<Step>) {
    // With a linker script of the user's, ours cannot be added.
    let scripted = args
        .iter()
        .any(|arg| arg == "-T" || arg.starts_with("-Wl,-T") || arg.starts_with("-Wl,--script"));
    let is_static = args.iter().any(|arg| {
        STATIC
            .iter()
            .any(|end| arg == end || arg.ends_with(&format!("/{end}")))
    });
    let mut steps = Vec::new();
    let mut is_removed = |text: &str| {
        let Some(entry) = ARG_REWRITES.iter().find(|entry| entry.applies_to(text)) else {
            return false;
        };
        match entry.action {
            Action::Drop => true,
            Action::DropIfStatic => is_static,
            Action::Replace(_) if scripted => false,
            Action::Replace(step) => {
                if !steps.contains(&step) {
                    steps.push(step);
                }
                true
            }
        }
    };
    let mut rewritten = Vec::new();
    for arg in args {
        let Some(list) = arg.strip_prefix("-Wl,") else {
            rewritten.push(arg);
            continue;
        };
        let kept: Vec<String> = options(list)
            .into_iter()
            .filter(|text| !is_removed(text))
            .collect();
        if kept.join(",") == list {
            rewritten.push(arg);
        } else if !kept.is_empty() {
            rewritten.push(format!("-Wl,{}", kept.join(",")));
        }
    }
    (rewritten, steps)
}

/// Arguments of a call that compiles or preprocesses.
const COMPILES: &[&str] = &["-c", "-E", "-S", "-M", "-MM"];

/// Ends of the names of sources.
const SOURCES: &[&str] = &[".c", ".cc", ".cpp", ".cxx", ".C", ".c++", ".S"];

/// Keeps `assert()` at every level of optimization, as gcc and clang do: from `-O1` on, zig defines
/// `NDEBUG`. The user's own `-DNDEBUG` comes later, and counts.
pub fn keep_assertions(args: Vec<String>) -> Vec<String> {
    let compiles = args.iter().any(|arg| {
        COMPILES.contains(&arg.as_str()) || SOURCES.iter().any(|end| arg.ends_with(end))
    });
    let kept = compiles.then(|| "-UNDEBUG".to_owned());
    kept.into_iter().chain(args).collect()
}

/// Splits a `-Wl,` list into options, each with its value.
fn options(list: &str) -> Vec<String> {
    let mut options: Vec<String> = Vec::new();
    let mut value = false;
    for word in list.split(',') {
        match options.last_mut().filter(|_| value) {
            Some(option) => {
                option.push(',');
                option.push_str(word);
                value = false;
            }
            None => {
                value = WITH_VALUE.contains(&word);
                // The number after gold's and lld's `--threads` is optional.
                match options
                    .last_mut()
                    .filter(|last| *last == "--threads" && word.parse::<u32>().is_ok())
                {
                    Some(last) => *last = format!("--threads,{word}"),
                    None => options.push(word.to_owned()),
                }
            }
        }
    }
    options
}

/// Returns the argument that zig's error message rejects.
pub fn rejected_argument(stderr: &str) -> Option<&str> {
    let prefixes = [
        "unsupported linker arg: ",
        "unsupported linker extension flag: ",
        "unknown linker arg: ",
    ];
    let line = |line| {
        prefixes
            .iter()
            .find_map(|prefix| str::split_once(line, prefix))
            .map(|(_, argument)| argument.trim())
    };
    stderr.lines().find_map(line)
}

/// Formats a line of rustc's linker argument file: `\` before each `\` and space.
pub fn escape(arg: &str) -> String {
    arg.replace('\\', "\\\\").replace(' ', "\\ ")
}

/// Parses such a line.
pub fn unescape(line: &str) -> String {
    let mut arg = String::new();
    let mut escaped = false;
    for letter in line.chars() {
        if letter == '\\' && !escaped {
            escaped = true;
        } else {
            escaped = false;
            arg.push(letter);
        }
    }
    arg
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[ZIG_ARGUMENT];

pub const ZIG_ARGUMENT: Code = code(&CodeInfo {
    name: "zig-argument",
    title: "zig does not know a linker argument",
    cause: "zig links with lld, but accepts only the linker arguments that it knows itself, and \
            rejects all others. xpkg removes arguments that change nothing in the program; this \
            one is not among them.",
    detection: "xpkg's wrapper of zig reads zig's output when a link fails.",
    fix: "Remove the argument where it is set (`-C link-arg`, a build script's \
          `cargo:rustc-link-arg`), or use another linker for the target.",
    page: "zig",
    sources: &["rust-cross/cargo-zigbuild#96"],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    fn check(args: &str, expected: &str) {
        let (args, steps) = rewrite(args.split(' ').map(str::to_owned).collect());
        assert_eq!(format!("{} {steps:?}", args.join(" ")), expected);
    }

    #[test]
    fn exported_symbols_matter_in_dynamic_programs_only() {
        let list = "-Wl,--dynamic-list=/o/list";
        check(&format!("-static {list} a.o"), "-static a.o []");
        check(
            &format!("/r/self-contained/crt1.o {list}"),
            "/r/self-contained/crt1.o []",
        );
        check(
            "-static-pie -Wl,--dynamic-list,/o/list,-O1",
            "-static-pie -Wl,-O1 []",
        );
        check(&format!("-pie {list} a.o"), &format!("-pie {list} a.o []"));
    }

    #[test]
    fn each_row_takes_its_own_argument_and_says_why() {
        for entry in ARG_REWRITES {
            let text = match entry.flag.strip_suffix('*') {
                Some(prefix) if entry.flag.contains("threads") => format!("{prefix}4"),
                Some(prefix) => format!("{prefix}x86_64"),
                None if entry.flag.ends_with('=') => format!("{}2", entry.flag),
                None => entry.flag.to_owned(),
            };
            let (args, _) = rewrite(vec![
                "-static".to_owned(),
                format!("-Wl,{text}"),
                "-Wl,--as-needed".to_owned(),
            ]);
            assert_eq!(args, ["-static", "-Wl,--as-needed"], "{}", entry.flag);
            assert!(!entry.reason.is_empty() && !entry.source.is_empty() && !entry.zig.is_empty());
        }
    }

    #[test]
    fn assertions_are_kept_in_compiles_only() {
        let check = |args: &str, expected: &str| {
            let args = args.split(' ').map(str::to_owned).collect();
            assert_eq!(keep_assertions(args).join(" "), expected);
        };
        check("-O2 -DNDEBUG -c a.c", "-UNDEBUG -O2 -DNDEBUG -c a.c");
        check("-O2 a.c b.o", "-UNDEBUG -O2 a.c b.o");
        check("a.o -o a", "a.o -o a");
    }

    #[test]
    fn other_arguments_stay() {
        check(
            "-Wl,--export-dynamic-symbol=x -Wl,-z,now,--push-state main.o",
            "-Wl,--export-dynamic-symbol=x -Wl,-z,now,--push-state main.o []",
        );
        check("-t -X --threads", "-t -X --threads []");
        check(
            "-Wl,--threadsafe -Wl,--icf",
            "-Wl,--threadsafe -Wl,--icf []",
        );
    }

    #[test]
    fn a_list_loses_one_and_keeps_the_others() {
        check(
            "-Wl,-z,relro,--threads=2,--threads,4,-rpath,-t -Wl,-z,noseparate-code",
            "-Wl,-z,relro,-rpath,-t []",
        );
    }

    #[test]
    fn debug_information_goes_and_symbols_stay() {
        check("-Wl,--strip-debug a.o", "a.o [KeepSymbols]");
        check(
            "-Wl,--strip-debug -Wl,-T,mine.ld",
            "-Wl,--strip-debug -Wl,-T,mine.ld []",
        );
        check("-Wl,--strip-all", "-Wl,--strip-all []");
    }

    #[test]
    fn rejected_argument_is_found_in_zigs_message() {
        assert_eq!(
            rejected_argument("x\nerror: unsupported linker arg: --foo\n"),
            Some("--foo")
        );
        assert_eq!(
            rejected_argument("error: unsupported linker extension flag: -z initfirst"),
            Some("-z initfirst")
        );
        assert_eq!(rejected_argument("error: undefined symbol: main"), None);
    }

    #[test]
    fn lines_of_rustcs_file_come_back() {
        for arg in ["-o", "/my work/a\\b", "\\ "] {
            assert_eq!(unescape(&escape(arg)), arg);
        }
    }
}
