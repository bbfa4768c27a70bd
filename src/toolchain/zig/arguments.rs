//! Linker arguments that zig refuses or takes for something else, one row each.
//!
//! Pure. cargo-zigbuild's own filter comes after these rows; what it lacks stands here. A row takes
//! out only what changes no instruction and no symbol that the program is reached by; all else is
//! zig's to refuse, by name.

use crate::problem::code::{Code, CodeInfo, code};

/// What is to be done besides taking an argument out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Link with [`KEEP_SYMBOLS`].
    KeepSymbols,
}

/// What a row does with an argument of its flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Drop,
    Replace(Step),
}

/// A linker argument.
#[derive(Debug)]
pub struct ArgRewrite {
    /// As it stands behind `-Wl,`; a `=` at its end takes any value, a `,` in it stands for two
    /// words.
    pub flag: &'static str,
    pub action: Action,
    pub reason: &'static str,
    /// Where it was met.
    pub source: &'static str,
    /// The versions of zig that refuse it (or do otherwise), as tried.
    pub zig: &'static str,
}

const TRIED: &str = "0.15.2, 0.16.0, 0.17.0";

const fn drop(flag: &'static str, reason: &'static str) -> ArgRewrite {
    ArgRewrite {
        flag,
        action: Action::Drop,
        reason,
        source: "rust-cross/cargo-zigbuild#96",
        zig: TRIED,
    }
}

const SPEED: &str = "only how fast it links";

const TALK: &str = "only what the linker says";

const DEFAULT: &str = "what lld does anyway";

const LOCALS: &str = "only temporary symbols, by which nothing is reached";

pub const ARG_REWRITES: &[ArgRewrite] = &[
    ArgRewrite {
        flag: "--strip-debug",
        action: Action::Replace(Step::KeepSymbols),
        reason: "zig strips the symbols, too, where cargo's `strip = \"debuginfo\"` means to keep \
                 them",
        source: "rust-cross/cargo-zigbuild: `-g` \"prevent stripping\"; measured",
        zig: TRIED,
    },
    drop("--threads", SPEED),
    drop("--threads=", SPEED),
    drop("--threads,*", SPEED),
    drop("--no-threads", SPEED),
    drop("--thinlto-jobs=", SPEED),
    drop("--no-keep-memory", SPEED),
    drop("--no-map-whole-files", SPEED),
    drop("--reduce-memory-overheads", SPEED),
    drop("--error-limit=", TALK),
    drop("--no-demangle", TALK),
    drop("--stats", TALK),
    drop("--verbose", TALK),
    drop("-t", TALK),
    drop("--trace-symbol=", TALK),
    drop("--color-diagnostics=", TALK),
    drop("--warn-common", TALK),
    drop("--no-warn-execstack", TALK),
    drop("--no-warn-rwx-segments", TALK),
    drop("-z,noseparate-code", DEFAULT),
    drop("--icf=none", DEFAULT),
    drop("-m,elf_*", "the target says it"),
    drop("-melf_*", "the target says it"),
    drop("--no-copy-dt-needed-entries", DEFAULT),
    drop("--discard-locals", LOCALS),
    drop("-X", LOCALS),
];

/// A linker script that adds to lld's own: without debug information, with symbols.
pub const KEEP_SYMBOLS: &str = "SECTIONS { /DISCARD/ : { *(.debug_*) } } INSERT AFTER .text;\n";

impl ArgRewrite {
    fn takes(&self, words: &str) -> bool {
        match self.flag.strip_suffix(['=', '*']) {
            Some(beginning) if self.flag.ends_with('=') => words
                .strip_prefix(beginning)
                .is_some_and(|rest| rest.starts_with('=')),
            Some(beginning) => words.starts_with(beginning),
            None => words == self.flag,
        }
    }
}

/// Linker options whose value is the next word of a `-Wl,` list.
const WITH_VALUE: &[&str] = &[
    "-z",
    "-m",
    "-rpath",
    "--rpath",
    "-soname",
    "-T",
    "-Map",
    "--wrap",
    "--version-script",
    "-u",
    "--entry",
    "-e",
];

/// The arguments without those that a row takes out, and what is to be done instead.
pub fn rewrite(args: Vec<String>) -> (Vec<String>, Vec<Step>) {
    // With a linker script of the user's own there is no room for ours.
    let scripted = args
        .iter()
        .any(|arg| arg == "-T" || arg.starts_with("-Wl,-T") || arg.starts_with("-Wl,--script"));
    let mut steps = Vec::new();
    let mut taken = |words: &str| {
        let Some(row) = ARG_REWRITES.iter().find(|row| row.takes(words)) else {
            return false;
        };
        match row.action {
            Action::Drop => true,
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
            .filter(|words| !taken(words))
            .collect();
        if kept.join(",") == list {
            rewritten.push(arg);
        } else if !kept.is_empty() {
            rewritten.push(format!("-Wl,{}", kept.join(",")));
        }
    }
    (rewritten, steps)
}

/// The options of a `-Wl,` list, each with its value.
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
                // gold's and lld's `--threads` may have its number behind it.
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

/// The argument that zig says it does not know.
pub fn refused(stderr: &str) -> Option<&str> {
    let beginnings = [
        "unsupported linker arg: ",
        "unsupported linker extension flag: ",
        "unknown linker arg: ",
    ];
    let line = |line| {
        beginnings
            .iter()
            .find_map(|beginning| str::split_once(line, beginning))
            .map(|(_, argument)| argument.trim())
    };
    stderr.lines().find_map(line)
}

/// A line of rustc's file of linker arguments: `\` before each `\` and space.
pub fn escape(arg: &str) -> String {
    arg.replace('\\', "\\\\").replace(' ', "\\ ")
}

/// The argument that such a line stands for.
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
    cause: "zig links with lld, but takes only the linker arguments that it knows itself, and \
            refuses all others. Arguments that change nothing in the program are taken out \
            before; this one does.",
    detection: "xpkg's wrapper of zig reads what zig says when a link fails.",
    fix: "Take the argument out where it is set (`-C link-arg`, a build script's \
          `cargo:rustc-link-arg`), or link the target with something else.",
    source: "rust-cross/cargo-zigbuild#96; README, zig",
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
    fn each_row_takes_its_own_argument_and_says_why() {
        for row in ARG_REWRITES {
            let words = match row.flag.strip_suffix('*') {
                Some(beginning) if row.flag.contains("threads") => format!("{beginning}4"),
                Some(beginning) => format!("{beginning}x86_64"),
                None if row.flag.ends_with('=') => format!("{}2", row.flag),
                None => row.flag.to_owned(),
            };
            let (args, _) = rewrite(vec![
                "-o".to_owned(),
                format!("-Wl,{words}"),
                "-Wl,--as-needed".to_owned(),
            ]);
            assert_eq!(args, ["-o", "-Wl,--as-needed"], "{}", row.flag);
            assert!(!row.reason.is_empty() && !row.source.is_empty() && !row.zig.is_empty());
        }
    }

    #[test]
    fn what_no_row_names_stays() {
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
    fn what_zig_refuses_is_found_in_its_words() {
        assert_eq!(
            refused("x\nerror: unsupported linker arg: --foo\n"),
            Some("--foo")
        );
        assert_eq!(
            refused("error: unsupported linker extension flag: -z initfirst"),
            Some("-z initfirst")
        );
        assert_eq!(refused("error: undefined symbol: main"), None);
    }

    #[test]
    fn lines_of_rustcs_file_come_back() {
        for arg in ["-o", "/my work/a\\b", "\\ "] {
            assert_eq!(unescape(&escape(arg)), arg);
        }
    }
}
