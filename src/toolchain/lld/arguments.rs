//! Linker arguments that are meant for a compiler driver, translated for a bare lld.
//!
//! Build scripts (`cargo:rustc-link-arg`), `#[link]` attributes and rustflags assume that `cc`
//! links, as it does in plain cargo. lld rejects some of these arguments and misreads others:
//! `-fPIC` is an auxiliary filter to it, and `-no-pie` beside a static PIE's start file makes a
//! program that crashes at start. An argument is translated, removed because it changes nothing in
//! a link by rustc, or refused by name. lld itself judges all others.
//!
//! Pure: files are looked for by the caller's function.

use crate::problem::code::{Code, CodeInfo, code};

/// Treatment of a driver's argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// Removes it; the clause says why that changes nothing.
    Remove(&'static str),
    /// Replaces it by lld's own spelling.
    Replace(&'static str),
    /// Refuses the link; the clause says why.
    Refuse(&'static str),
}

/// Reason: rustc passes start files and libraries itself, for `cc`, too.
const RUSTC: &str = "rustc names the start files and libraries itself";

/// Reason: affects a compile only.
const COMPILE: &str = "it affects compiling only";

/// Reason: the driver would add a library of its own.
const RUNTIME: &str = "it needs a library that only a compiler adds to a link";

/// A driver's arguments; a trailing `*` accepts any suffix. The first row that applies counts.
const DRIVER: &[(&str, Action)] = &[
    ("-rdynamic", Action::Replace("--export-dynamic")),
    ("-pthread", Action::Remove("musl's libc contains threads")),
    ("-fuse-ld=lld", Action::Remove("lld links anyway")),
    ("-fuse-ld=*", Action::Refuse("it names another linker")),
    ("--ld-path=*", Action::Refuse("it names another linker")),
    ("-nostartfiles", Action::Remove(RUSTC)),
    ("-nodefaultlibs", Action::Remove(RUSTC)),
    ("-nostdlib", Action::Remove(RUSTC)),
    ("-nostdlib++", Action::Remove(RUSTC)),
    ("-nolibc", Action::Remove(RUSTC)),
    ("-static-libgcc", Action::Remove(RUSTC)),
    ("-shared-libgcc", Action::Remove(RUSTC)),
    ("-static-libstdc++", Action::Remove(RUSTC)),
    ("-m64", Action::Remove("the target implies it")),
    ("-march=*", Action::Remove(COMPILE)),
    ("-mcpu=*", Action::Remove(COMPILE)),
    ("-mtune=*", Action::Remove(COMPILE)),
    ("-mfpu=*", Action::Remove(COMPILE)),
    ("-mfloat-abi=*", Action::Remove(COMPILE)),
    ("-mabi=*", Action::Remove(COMPILE)),
    ("-O", Action::Remove(COMPILE)),
    ("-Os", Action::Remove(COMPILE)),
    ("-Oz", Action::Remove(COMPILE)),
    ("-Og", Action::Remove(COMPILE)),
    ("-Ofast", Action::Remove(COMPILE)),
    ("-g", Action::Remove(COMPILE)),
    ("-g0", Action::Remove(COMPILE)),
    ("-g1", Action::Remove(COMPILE)),
    ("-g2", Action::Remove(COMPILE)),
    ("-g3", Action::Remove(COMPILE)),
    ("-ggdb*", Action::Remove(COMPILE)),
    ("-gdwarf*", Action::Remove(COMPILE)),
    ("-I*", Action::Remove(COMPILE)),
    ("-D*", Action::Remove(COMPILE)),
    ("-std=*", Action::Remove(COMPILE)),
    ("-pipe", Action::Remove(COMPILE)),
    ("-w", Action::Remove(COMPILE)),
    // `-Wl,` is split before this table is read.
    ("-W*", Action::Remove(COMPILE)),
    ("-fPIC", Action::Remove(COMPILE)),
    ("-fpic", Action::Remove(COMPILE)),
    ("-fPIE", Action::Remove(COMPILE)),
    ("-fpie", Action::Remove(COMPILE)),
    ("-fplt", Action::Remove(COMPILE)),
    ("-fno-*", Action::Remove(COMPILE)),
    ("-fexceptions", Action::Remove(COMPILE)),
    ("-ffunction-sections", Action::Remove(COMPILE)),
    ("-fdata-sections", Action::Remove(COMPILE)),
    ("-fvisibility*", Action::Remove(COMPILE)),
    ("-fomit-frame-pointer", Action::Remove(COMPILE)),
    ("-fcommon", Action::Remove(COMPILE)),
    (
        "-flto*",
        Action::Remove("lld reads the format of each object itself"),
    ),
    ("-fsanitize=*", Action::Refuse(RUNTIME)),
    ("-fprofile*", Action::Refuse(RUNTIME)),
    ("-fopenmp*", Action::Refuse(RUNTIME)),
    ("-fcoverage*", Action::Refuse(RUNTIME)),
    ("-ftest-coverage", Action::Refuse(RUNTIME)),
    ("-f*", Action::Refuse("only a compiler understands it")),
    ("--coverage", Action::Refuse(RUNTIME)),
    ("-pg", Action::Refuse(RUNTIME)),
];

/// Libraries that musl installs as empty archives, because its libc contains what they hold on
/// other systems. Rust's own musl lacks the files.
///
/// Source: `EMPTY_LIB_NAMES` in musl's Makefile.
const EMPTY_LIBRARIES: &[&str] = &[
    "m", "rt", "pthread", "crypt", "util", "xnet", "resolv", "dl",
];

/// Libraries of GCC that Rust's standard library replaces: it contains the functions that compilers
/// call (compiler_builtins), and LLVM's unwinder.
const COMPILER_LIBRARIES: &[&str] = &["gcc", "gcc_eh"];

/// An argument that a bare lld cannot follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The argument.
    pub argument: String,
    /// Clause that says why.
    pub reason: &'static str,
}

/// Arguments of other linkers that lld rejects and that change nothing in the program.
const OTHER_LINKERS: &[(&str, &str)] = &[
    ("--threads", SPEED),
    ("--no-threads", SPEED),
    ("--no-map-whole-files", SPEED),
    ("--reduce-memory-overheads", SPEED),
    ("--no-warn-execstack", MESSAGES),
    ("--no-warn-rwx-segments", MESSAGES),
];

/// Reason: affects the speed of the link only.
const SPEED: &str = "it affects only how fast the link is";

/// Reason: affects the linker's messages only.
const MESSAGES: &str = "it affects the linker's messages only";

/// Translates the arguments of a link by rustc. `has` returns true if a directory of the link has
/// a file of this name.
///
/// # Errors
/// Returns the first argument that lld cannot follow.
pub fn translate(
    args: Vec<String>,
    has: &dyn Fn(&str, &str) -> bool,
) -> Result<Vec<String>, Refused> {
    let mut args = args;
    let rest = args.split_off(flavor_length(&args));
    let mut translated = args;
    let mut static_pie = false;
    for word in words(rest) {
        match word {
            Word::Linker(arg) if OTHER_LINKERS.iter().any(|(other, _)| *other == arg) => {}
            Word::Linker(arg) => translated.push(arg),
            Word::Driver(arg) if arg == "-static-pie" => static_pie = true,
            Word::Driver(arg) => match DRIVER.iter().find(|(word, _)| applies(word, &arg)) {
                None => translated.push(arg),
                Some((_, Action::Remove(_))) => {}
                Some((_, Action::Replace(own))) => translated.push((*own).to_owned()),
                Some((_, Action::Refuse(reason))) => {
                    return Err(Refused {
                        argument: arg,
                        reason,
                    });
                }
            },
        }
    }
    check_pie(&translated, static_pie)?;
    Ok(without_empty_libraries(translated, has))
}

/// Returns the number of arguments at the beginning that choose lld's flavor. rustc passes them
/// first, and lld reads them there only.
pub fn flavor_length(args: &[String]) -> usize {
    match args.first().map(String::as_str) {
        Some("-flavor") => args.len().min(2),
        _ => 0,
    }
}

/// An argument, by its reader.
enum Word {
    /// Given to the driver. rustc's own arguments for lld are among these.
    Driver(String),
    /// Given to the linker through the driver.
    Linker(String),
}

/// Splits `-Wl,a,b` and `-Xlinker x` into the linker's own arguments.
fn words(args: Vec<String>) -> Vec<Word> {
    let mut words = Vec::new();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        if let Some(list) = arg.strip_prefix("-Wl,") {
            let list = list.split(',').filter(|word| !word.is_empty());
            words.extend(list.map(|word| Word::Linker(word.to_owned())));
        } else if arg == "-Xlinker" {
            words.extend(args.next().map(Word::Linker));
        } else {
            words.push(Word::Driver(arg));
        }
    }
    words
}

/// Returns true if a row of the table applies.
fn applies(word: &str, arg: &str) -> bool {
    match word.strip_suffix('*') {
        Some(prefix) => arg.starts_with(prefix),
        None => arg == word,
    }
}

/// Arguments of lld that choose a position-independent program.
const PIE: &[&str] = &["-pie", "--pie", "-pic-executable", "--pic-executable"];

/// Arguments of lld that choose a program at a fixed address.
const NO_PIE: &[&str] = &[
    "-no-pie",
    "--no-pie",
    "-no-pic-executable",
    "--no-pic-executable",
];

/// Arguments of lld whose output is not a program.
const NO_PROGRAM: &[&str] = &["-shared", "--shared", "-Bshareable", "-r", "--relocatable"];

/// Checks that the kind of the program agrees with its start file: lld links either, and the
/// program would crash at start.
fn check_pie(args: &[String], static_pie: bool) -> Result<(), Refused> {
    let given = |words: &'static [&str]| move |arg: &&String| words.contains(&arg.as_str());
    let has_start_file = |name: &str| args.iter().any(|arg| arg.rsplit('/').next() == Some(name));
    let is_program = ["rcrt1.o", "crt1.o", "Scrt1.o"]
        .map(has_start_file)
        .contains(&true);
    if let Some(argument) = args.iter().find(given(NO_PROGRAM)) {
        return if is_program {
            Err(Refused {
                argument: argument.clone(),
                reason: "rustc links a program, and it makes another file of it",
            })
        } else {
            Ok(())
        };
    }
    let last = args
        .iter()
        .rfind(|arg| given(PIE)(arg) || given(NO_PIE)(arg));
    let is_pie = last.as_ref().is_some_and(given(PIE));
    if has_start_file("rcrt1.o") && !is_pie {
        return Err(Refused {
            argument: last.map_or("-no-pie", String::as_str).to_owned(),
            reason: "rustc chose the start file of a static PIE; `-C relocation-model=static` in \
                     the rustflags changes both",
        });
    }
    if has_start_file("crt1.o") && (is_pie || static_pie) {
        return Err(Refused {
            argument: last
                .filter(|_| is_pie)
                .map_or("-static-pie", String::as_str)
                .to_owned(),
            reason: "rustc chose the start file of a program at a fixed address",
        });
    }
    Ok(())
}

/// Removes each library that is empty in musl, or that Rust replaces, and that no directory of the link
/// has.
fn without_empty_libraries(args: Vec<String>, has: &dyn Fn(&str, &str) -> bool) -> Vec<String> {
    let directories: Vec<String> = values(&args, &["-L", "--library-path", "-library-path"])
        .map(|(_, _, value)| value)
        .collect();
    let is_there = |name: &str| {
        directories.iter().any(|directory| {
            has(directory, &format!("lib{name}.a")) || has(directory, &format!("lib{name}.so"))
        })
    };
    let removed: Vec<(usize, usize)> = values(&args, &["-l", "--library", "-library"])
        .filter(|(_, _, value)| {
            let exact = value
                .strip_prefix(":lib")
                .and_then(|file| file.strip_suffix(".a"));
            let name = exact.unwrap_or(value);
            let is_replaced = EMPTY_LIBRARIES.contains(&name) || COMPILER_LIBRARIES.contains(&name);
            is_replaced && !is_there(name)
        })
        .map(|(first, last, _)| (first, last))
        .collect();
    let is_removed = |index: usize| {
        removed
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&index))
    };
    args.into_iter()
        .enumerate()
        .filter(|(index, _)| !is_removed(*index))
        .map(|(_, arg)| arg)
        .collect()
}

/// Returns the values of an option, with the places of its first and last word. `names` begin
/// with the short one, whose value may be joined to it.
fn values<'a>(
    args: &'a [String],
    names: &'a [&'a str],
) -> impl Iterator<Item = (usize, usize, String)> + 'a {
    args.iter().enumerate().filter_map(move |(index, arg)| {
        if names.contains(&arg.as_str()) {
            return Some((index, index + 1, args.get(index + 1)?.clone()));
        }
        let joined = names[1..]
            .iter()
            .find_map(|name| arg.strip_prefix(name)?.strip_prefix('='))
            .or_else(|| arg.strip_prefix(names[0]))?;
        Some((index, index, joined.to_owned()))
    })
}

/// Returns the arguments in a response file, as GNU tools and lld read it: whitespace separates
/// them, quotes group, and a backslash takes the next character as it is.
pub fn response_file(text: &str) -> Vec<String> {
    let mut args = Vec::new();
    let mut current: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (_, '\\') => current.get_or_insert_default().extend(letters.next()),
            (Some(open), letter) if open == letter => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                current.get_or_insert_default();
            }
            (None, letter) if letter.is_whitespace() => args.extend(current.take()),
            _ => current.get_or_insert_default().push(letter),
        }
    }
    args.extend(current);
    args
}

/// Formats arguments as a response file.
pub fn to_response_file(args: &[String]) -> String {
    args.iter()
        .map(|arg| format!("\"{}\"\n", arg.replace('\\', "\\\\").replace('"', "\\\"")))
        .collect()
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[LLD_ARGUMENT];

pub const LLD_ARGUMENT: Code = code(&CodeInfo {
    name: "lld-argument",
    title: "rust-lld cannot follow an argument of the link",
    cause: "A build script (`cargo:rustc-link-arg`), an attribute or the rustflags pass an \
            argument to the linker. It is meant for a compiler that links, such as gcc, or for \
            another linker. xpkg translates those that lld can follow and removes those that \
            change nothing; this one is neither.",
    detection: "xpkg's wrapper of rust-lld reads the arguments before the link, and lld's \
                messages if it fails.",
    fix: "Remove the argument where it is set, or choose another linker for the target.",
    page: "linkers",
    sources: &["rust-lang/cargo#16880", "rust-lang/rust#155240"],
    waivable: false,
});

#[cfg(test)]
mod tests {
    use super::*;

    /// Translates arguments in a link whose directory `/has` holds `libdl.a`.
    fn check(args: &str, expected: &str) {
        let args = args.split(' ').map(str::to_owned).collect();
        let has = |directory: &str, file: &str| directory == "/has" && file == "libdl.a";
        let found = match translate(args, &has) {
            Ok(args) => args.join(" "),
            Err(Refused { argument, reason }) => format!("{argument}: {reason}"),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn what_a_driver_takes_apart_reaches_lld_in_parts() {
        check(
            "a.o -Wl,-export-dynamic -Wl,-z,now,--version-script=x -Xlinker --build-id -lc",
            "a.o -export-dynamic -z now --version-script=x --build-id -lc",
        );
        check("a.o -Wl,-fini=end -Wl,,-O1 -Xlinker", "a.o -fini=end -O1");
    }

    #[test]
    fn a_drivers_words_are_translated_removed_or_refused() {
        check(
            "-flavor gnu a.o -rdynamic -pthread -nostartfiles -fuse-ld=lld -m64 -Wall -Os -O1 -o b",
            "-flavor gnu a.o --export-dynamic -O1 -o b",
        );
        check(
            "a.o -fuse-ld=mold",
            "-fuse-ld=mold: it names another linker",
        );
        check(
            "a.o -fsanitize=address",
            "-fsanitize=address: it needs a library that only a compiler adds to a link",
        );
        check("a.o -fnew", "-fnew: only a compiler understands it");
        check(
            "a.o -Wl,--threads -Wl,--threads=2 b.o",
            "a.o --threads=2 b.o",
        );
    }

    #[test]
    fn each_row_of_the_table_is_reached() {
        for (index, (word, _)) in DRIVER.iter().enumerate() {
            let arg = word.replace('*', "");
            let first = DRIVER.iter().position(|(word, _)| applies(word, &arg));
            assert_eq!(first, Some(index), "{word}");
        }
    }

    #[test]
    fn a_program_agrees_with_its_start_file() {
        let pie = "/s/rcrt1.o a.o -static -pie";
        let fixed = "/s/crt1.o a.o -static";
        check(&format!("{pie} -static-pie"), pie);
        check(&format!("{fixed} -no-pie"), &format!("{fixed} -no-pie"));
        check(
            &format!("{pie} -no-pie"),
            "-no-pie: rustc chose the start file of a static PIE; `-C relocation-model=static` in \
             the rustflags changes both",
        );
        for argument in ["-static-pie", "-pie"] {
            check(
                &format!("{fixed} {argument}"),
                &format!("{argument}: rustc chose the start file of a program at a fixed address"),
            );
        }
        for start in ["crt1.o", "rcrt1.o"] {
            check(
                &format!("/s/{start} a.o -shared"),
                "-shared: rustc links a program, and it makes another file of it",
            );
        }
        check("a.o -shared -pie", "a.o -shared -pie");
    }

    #[test]
    fn libraries_that_are_empty_in_musl_are_left_out_unless_they_are_there() {
        check(
            "a.o -ldl -l pthread -l:libm.a -Wl,-lrt --library=util --library resolv -lz -lc",
            "a.o -lz -lc",
        );
        check("a.o -L/has -ldl -lm", "a.o -L/has -ldl");
        check("a.o -lgcc -l gcc_eh -lgcc_s", "a.o -lgcc_s");
        check("a.o -L /has -l dl", "a.o -L /has -l dl");
        check(
            "a.o --library-path=/has -ldl",
            "a.o --library-path=/has -ldl",
        );
    }

    #[test]
    fn response_files_come_back() {
        assert_eq!(
            response_file("-o 'a b'\n/my\\ work/x.o \"c d\"e \\\\ ''"),
            ["-o", "a b", "/my work/x.o", "c de", "\\", ""]
        );
        let args = ["-o", "/my work/a\\b", "\"q\"", ""].map(str::to_owned);
        assert_eq!(response_file(&to_response_file(&args)), args);
    }
}
