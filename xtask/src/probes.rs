//! Every probe against real compilers, assemblers and linkers of four Debian releases, and each
//! mistake itself: seen to fail, then avoided as the guide says.
//!
//! The table is kept in fixtures/probes/table.md, which the guide shows. A verdict that is not
//! expected is an error.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::command::{Go as _, cargo, root, step};
use crate::{compilers, debian};

/// Releases of Debian whose programs are unpacked as systems of their own.
const ROOTS: &[(&str, &[&str])] = &[
    ("bullseye", &["gcc", "lld", "binutils", "libc6-dev"]),
    (
        "trixie",
        &[
            "gcc-13",
            "gcc-14",
            "gcc",
            "lld",
            "mold",
            "clang",
            "binutils-gold",
            "libc6-dev",
            "gcc-14-arm-linux-gnueabihf",
            "libc6-dev-armhf-cross",
        ],
    ),
    (
        "sid",
        &[
            "gcc-15",
            "gcc-16",
            "gcc",
            "binutils",
            "binutils-gold",
            "lld",
            "mold",
            "clang",
            "libc6-dev",
        ],
    ),
];

/// A program on PATH of the check: its name, what it starts, and the probes that must find
/// something. `SID` and the like stand for the beginning of a command in that release.
type Row = (&'static str, &'static str, &'static [&'static str]);

const ROWS: &[Row] = &[
    ("bookworm-gcc", "/usr/bin/gcc", &[]),
    ("bookworm-clang", "/usr/bin/clang", &[]),
    ("bookworm-musl-gcc", "/usr/bin/x86_64-linux-musl-gcc", &[]),
    (
        "bookworm-aarch64-gcc",
        "/usr/bin/aarch64-linux-gnu-gcc",
        &[],
    ),
    (
        "bookworm-armhf-gcc",
        "/usr/bin/arm-linux-gnueabihf-gcc",
        &[],
    ),
    ("bookworm-i686-gcc", "/usr/bin/i686-linux-gnu-gcc", &[]),
    ("bookworm-gold-gcc", "/usr/bin/gcc -fuse-ld=gold", &["gold"]),
    ("bookworm-lld-gcc", "/usr/bin/gcc -fuse-ld=lld", &[]),
    (
        "bookworm-absent-gcc",
        "/usr/bin/gcc -fuse-ld=mold",
        &["linker-absent"],
    ),
    (
        "bookworm-as-aarch64-gcc",
        "/usr/bin/aarch64-linux-gnu-gcc -BWRONG/",
        &["assembler-wrong", "gcc-95189", "lto-objects"],
    ),
    (
        "bookworm-oldas-gcc",
        "/usr/bin/gcc -BOLD/",
        &["assembler-old"],
    ),
    (
        "bullseye-9-gcc",
        "GCC9/x86_64-linux-gnu-gcc-9",
        &["gcc-95189"],
    ),
    (
        "bullseye-9-aarch64-gcc",
        "GCC9/aarch64-linux-gnu-gcc-9",
        &["gcc-95189"],
    ),
    ("bullseye-10-gcc", "BULLSEYE /usr/bin/gcc-10", &[]),
    (
        "bullseye-gold-gcc",
        "BULLSEYE /usr/bin/gcc-10 -fuse-ld=gold",
        &["gold"],
    ),
    (
        "bullseye-lld-gcc",
        "BULLSEYE /usr/bin/gcc-10 -fuse-ld=lld",
        &[],
    ),
    (
        "bullseye-sid-libc-gcc",
        "BULLSEYE /usr/bin/gcc-10 -BSIDLIB/",
        &["relr-unread"],
    ),
    (
        "trixie-13-gcc",
        "TRIXIE /usr/bin/x86_64-linux-gnu-gcc-13",
        &[],
    ),
    (
        "trixie-14-gcc",
        "TRIXIE /usr/bin/x86_64-linux-gnu-gcc-14",
        &[],
    ),
    (
        "trixie-armhf-gcc",
        "TRIXIE /usr/bin/arm-linux-gnueabihf-gcc-14",
        &["time64"],
    ),
    (
        "trixie-gold-gcc",
        "TRIXIE /usr/bin/x86_64-linux-gnu-gcc-14 -fuse-ld=gold",
        &["gold"],
    ),
    (
        "trixie-lld-gcc",
        "TRIXIE /usr/bin/x86_64-linux-gnu-gcc-14 -fuse-ld=lld",
        &[],
    ),
    (
        "trixie-mold-gcc",
        "TRIXIE /usr/bin/x86_64-linux-gnu-gcc-14 -fuse-ld=mold",
        &[],
    ),
    ("trixie-clang", "TRIXIE /usr/bin/clang", &[]),
    ("sid-15-gcc", "SID /usr/bin/x86_64-linux-gnu-gcc-15", &[]),
    ("sid-16-gcc", "SID /usr/bin/x86_64-linux-gnu-gcc-16", &[]),
    (
        "sid-gold-gcc",
        "SID /usr/bin/x86_64-linux-gnu-gcc-16 -fuse-ld=gold",
        &["gold"],
    ),
    (
        "sid-lld-gcc",
        "SID /usr/bin/x86_64-linux-gnu-gcc-16 -fuse-ld=lld",
        &[],
    ),
    (
        "sid-mold-gcc",
        "SID /usr/bin/x86_64-linux-gnu-gcc-16 -fuse-ld=mold",
        &[],
    ),
    ("sid-clang", "SID /usr/bin/clang", &[]),
];

/// A mistake itself: a shell line that fails, what it says, and one that avoids it.
type Seen = (&'static str, &'static str, &'static str, &'static str);

const SEEN: &[Seen] = &[
    (
        "gcc-95189",
        "bullseye-9-gcc -O2 -static PROBES/gcc_95189/run.c -o run && ./run",
        "",
        "bullseye-9-gcc -O2 --param=builtin-string-cmp-inline-length=0 -static PROBES/gcc_95189/run.c -o run && ./run",
    ),
    (
        "assembler-wrong",
        "bookworm-as-aarch64-gcc -c main.c",
        "unrecognized option '-EL'",
        "bookworm-aarch64-gcc -c main.c",
    ),
    (
        "time64",
        "trixie-armhf-gcc -c times.c",
        "static assertion failed",
        "trixie-armhf-gcc -U_TIME_BITS -c times.c",
    ),
    (
        "isoc23",
        "sid-16-gcc -c number.c -o number.o && bookworm-gcc number.o",
        "undefined reference to `__isoc23_strtol'",
        "bookworm-gcc -c number.c -o number.o && bookworm-gcc number.o",
    ),
    (
        "lto-objects",
        "bookworm-gcc -flto -c answer.c && bookworm-gcc -c call.c && bookworm-lld-gcc call.o answer.o",
        "undefined symbol: answer",
        "bookworm-gcc -flto -fno-lto -c answer.c && bookworm-gcc -c call.c && bookworm-lld-gcc call.o answer.o",
    ),
    (
        "relr-unread",
        "BULLSEYE /usr/bin/ld -shared -o out SIDLIB/libc.so.6",
        ".relr.dyn",
        "TRIXIE /usr/bin/ld -shared -o out SIDLIB/libc.so.6",
    ),
    (
        "gold",
        // As rustc links.
        "bookworm-gold-gcc -Wl,-z,nostart-stop-gc main.c",
        "unknown -z option",
        "bookworm-lld-gcc -Wl,-z,nostart-stop-gc main.c",
    ),
    (
        "linker-absent",
        "bookworm-absent-gcc main.c",
        "cannot find",
        "bookworm-gcc main.c",
    ),
    (
        "old-c",
        "CC=sid-16-gcc CARGO_TARGET_DIR=c23 cargo build --manifest-path onig/Cargo.toml",
        "incompatible pointer type",
        "CFLAGS=-std=gnu17 CC=sid-16-gcc CARGO_TARGET_DIR=c17 cargo build --manifest-path onig/Cargo.toml",
    ),
    (
        "aws-lc-test",
        "LDFLAGS=-nostartfiles CC=bookworm-gcc CARGO_TARGET_DIR=aws cargo build --manifest-path aws-lc/Cargo.toml",
        "COMPILER BUG DETECTED",
        "CC=bookworm-gcc CARGO_TARGET_DIR=aws cargo build --manifest-path aws-lc/Cargo.toml",
    ),
    (
        "symbol-missing",
        "CARGO_TARGET_DIR=libc cargo build --target x86_64-unknown-linux-musl --manifest-path old/Cargo.toml",
        "open64",
        "cargo update --manifest-path new/Cargo.toml -p libc && CARGO_TARGET_DIR=libc cargo build --target x86_64-unknown-linux-musl --manifest-path new/Cargo.toml",
    ),
];

/// Files of the working directory.
const FILES: &[(&str, &str)] = &[
    ("main.c", "int main(void) { return 0; }\n"),
    ("answer.c", "int answer(void) { return 0; }\n"),
    (
        "call.c",
        "int answer(void);\nint main(void) { return answer(); }\n",
    ),
    (
        "times.c",
        "#include <time.h>\n_Static_assert(sizeof(struct timespec) == 8, \"as Rust's libc crate has it\");\n",
    ),
    (
        "number.c",
        "#define _GNU_SOURCE\n#include <stdlib.h>\nint main(int count, char **words) { return count + (int)strtol(words[0], 0, 10); }\n",
    ),
    (
        "onig/Cargo.toml",
        "[package]\nname = \"t\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\nonig_sys = \"=69.8.1\"\n",
    ),
    ("onig/src/lib.rs", ""),
    (
        "aws-lc/Cargo.toml",
        "[package]\nname = \"t\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\naws-lc-sys = \"=0.42.0\"\n",
    ),
    ("aws-lc/src/lib.rs", ""),
    (
        "old/Cargo.toml",
        "[package]\nname = \"t\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\nlibc = \"=0.2.144\"\n",
    ),
    (
        "old/src/main.rs",
        "fn main() {\n    unsafe { libc::open64(c\"/dev/null\".as_ptr(), 0) };\n}\n",
    ),
    (
        "new/Cargo.toml",
        "[package]\nname = \"t\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\nlibc = \"0.2.144\"\n",
    ),
    (
        "new/src/main.rs",
        "fn main() {\n    unsafe { libc::open64(c\"/dev/null\".as_ptr(), 0) };\n}\n",
    ),
];

/// An assembler that rejects what binutils 2.26 rejects, in its words: no archive of Debian that can
/// be reached has one that old.
const OLD_ASSEMBLER: &str = "#!/bin/sh
for file; do :; done
if grep -q vpclmulqdq \"$file\" 2>/dev/null; then
    echo \"$file:8: Error: operand type mismatch for \\`vpclmulqdq'\" >&2
    exit 1
fi
exec /usr/bin/as \"$@\"
";

pub fn run(args: &[String]) -> Result<(), String> {
    let only_verdicts = args.iter().any(|arg| arg == "--verdicts");
    compilers::run()?;
    for (suite, packages) in ROOTS {
        debian::system(suite, packages)?;
    }
    let work = root().join("target/probes");
    let bench = Bench::new(&work)?;
    cargo(&["build", "--quiet"]).go()?;
    let check = bench.check()?;
    let (table, mut wrong) = table(&check);
    if !only_verdicts {
        for seen in SEEN {
            step(&format!("{} itself", seen.0));
            wrong.extend(bench.seen(seen).err());
        }
    }
    print!("{table}");
    if wrong.is_empty() {
        let kept = root().join("fixtures/probes/table.md");
        write(&kept, &table)?;
        step(&format!(
            "{} programs, {} mistakes seen; kept in {}",
            ROWS.len(),
            if only_verdicts { 0 } else { SEEN.len() },
            kept.display()
        ));
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}

/// Directories of the check.
struct Bench {
    work: PathBuf,
    bin: PathBuf,
}

impl Bench {
    /// Writes the programs and files.
    fn new(work: &Path) -> Result<Self, String> {
        let bench = Self {
            work: work.to_owned(),
            bin: work.join("bin"),
        };
        let _ = std::fs::remove_dir_all(&bench.bin);
        program(&work.join("old/as"), OLD_ASSEMBLER)?;
        program(
            &work.join("wrong/as"),
            "#!/bin/sh\nexec /usr/bin/as \"$@\"\n",
        )?;
        for (name, command, _) in ROWS {
            let text = format!(
                "#!/bin/sh\nPATH=\"$PATH:/usr/bin\"\nexec {} \"$@\"\n",
                bench.filled(command)
            );
            program(&bench.bin.join(name), &text)?;
        }
        for (name, text) in FILES {
            write(&work.join(name), text)?;
        }
        Ok(bench)
    }

    /// Replaces the names of places in a command.
    fn filled(&self, command: &str) -> String {
        let toolchains = root().join("target/toolchains");
        // Where the sources of crates are.
        let cargo_home = std::env::var_os("CARGO_HOME").map_or_else(
            || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo"),
            PathBuf::from,
        );
        let system = |suite: &str| {
            let place = root().join("target/roots").join(suite);
            let place = place.display();
            format!(
                "bwrap --ro-bind {place}/usr /usr --ro-bind {place}/etc /etc --symlink usr/lib \
                 /lib --symlink usr/lib64 /lib64 --symlink usr/bin /bin --dev /dev --proc /proc \
                 --bind /tmp /tmp --bind {0} {0} --ro-bind-try {1} {1} --chdir \"$PWD\" --",
                root()
                    .join("target")
                    .canonicalize()
                    .unwrap_or_default()
                    .display(),
                cargo_home.display()
            )
        };
        let at = |path: PathBuf| path.display().to_string();
        [
            (
                "SIDLIB",
                at(root().join("target/roots/sid/usr/lib/x86_64-linux-gnu")),
            ),
            ("BULLSEYE ", system("bullseye") + " "),
            ("TRIXIE ", system("trixie") + " "),
            ("SID ", system("sid") + " "),
            ("GCC9", at(toolchains.join("bullseye/usr/bin"))),
            ("WRONG", at(self.work.join("wrong"))),
            ("OLD", at(self.work.join("old"))),
            ("PROBES", at(root().join("src/toolchain/probe"))),
        ]
        .iter()
        .fold(command.to_owned(), |text, (name, value)| {
            text.replace(name, value)
        })
    }

    /// Asks `doctor --compilers` about the programs.
    fn check(&self) -> Result<Value, String> {
        let program = root().join("target/debug/cargo-xpkg");
        let output = Command::new(&program)
            .args(["xpkg", "doctor", "--compilers", "--message-format", "json"])
            .env("PATH", self.path(false))
            .current_dir(&self.work)
            .output()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        serde_json::from_slice(&output.stdout).map_err(|error| {
            let said = String::from_utf8_lossy(&output.stderr);
            format!("doctor printed no document: {error}: {said}")
        })
    }

    /// A PATH with the programs; with `system`, also this machine's. Without it there are only
    /// cargo, rustc and what scripts need.
    fn path(&self, system: bool) -> String {
        let inherited = std::env::var("PATH").unwrap_or_default();
        let others = if system {
            inherited
        } else {
            let tools = self.work.join("tools");
            let _ = std::fs::create_dir_all(&tools);
            let found = ["cargo", "rustc", "rustup", "sh", "bwrap", "grep"].map(|name| {
                std::env::split_paths(&inherited)
                    .map(|directory| directory.join(name))
                    .find(|path| path.is_file())
                    .map(|path| (path, tools.join(name)))
            });
            for (path, link) in found.into_iter().flatten() {
                let _ = std::os::unix::fs::symlink(path, link);
            }
            tools.display().to_string()
        };
        format!("{}:{others}", self.bin.display())
    }

    /// Runs a line that must fail, and the one that avoids it.
    fn seen(&self, (probe, fails, says, avoids): &Seen) -> Result<(), String> {
        let shell = |line: &str| {
            Command::new("sh")
                .args(["-c", &self.filled(line)])
                .env("PATH", self.path(true))
                .env("LC_ALL", "C")
                .current_dir(&self.work)
                .output()
                .map_err(|error| format!("sh: {error}"))
        };
        let failed = shell(fails)?;
        let said = String::from_utf8_lossy(&failed.stderr).into_owned();
        if failed.status.success() || !said.contains(says) {
            return Err(format!(
                "{probe}: `{fails}` ended with {} and did not say `{says}`: {said}",
                failed.status
            ));
        }
        let avoided = shell(avoids)?;
        if avoided.status.success() {
            Ok(())
        } else {
            let said = String::from_utf8_lossy(&avoided.stderr);
            Err(format!(
                "{probe}: `{avoids}` ended with {}: {said}",
                avoided.status
            ))
        }
    }
}

/// Makes the table, and the list of verdicts that are not expected.
fn table(check: &Value) -> (String, Vec<String>) {
    let compilers = check["compilers"].as_array().cloned().unwrap_or_default();
    let mut wrong = Vec::new();
    let mut cells: BTreeMap<(&str, String), String> = BTreeMap::new();
    let mut versions: BTreeMap<&str, String> = BTreeMap::new();
    let mut probes: Vec<String> = Vec::new();
    for (name, _, expected) in ROWS {
        let Some(found) = compilers
            .iter()
            .find(|found| found["compiler"]["program"] == **name)
        else {
            wrong.push(format!("{name}: not found"));
            continue;
        };
        let version = found["compiler"]["version"].as_str().unwrap_or("?");
        let linker = found["report"]["linker"]["message"].as_str().unwrap_or("-");
        versions.insert(name, format!("{version} | {linker}"));
        for answer in found["report"]["answers"].as_array().into_iter().flatten() {
            let probe = answer["probe"].as_str().unwrap_or_default().to_owned();
            let verdicts = [
                &answer["baseline"]["verdict"],
                &answer["at_runtime"]["verdict"],
            ];
            let verdict = ["affected", "inconclusive", "ok"]
                .into_iter()
                .find(|verdict| verdicts.iter().any(|found| *found == verdict))
                .unwrap_or("?");
            if (verdict == "ok") == expected.contains(&probe.as_str()) {
                wrong.push(format!("{name}: {probe} is {verdict}: {answer}"));
            }
            if !probes.contains(&probe) {
                probes.push(probe.clone());
            }
            cells.insert((name, probe), verdict.to_owned());
        }
    }
    let mut text = "| program | compiler | linker |".to_owned();
    for probe in &probes {
        let _ = write!(text, " {probe} |");
    }
    let _ = writeln!(text, "\n|---|---|---|{}", "---|".repeat(probes.len()));
    for (name, ..) in ROWS {
        let _ = write!(
            text,
            "| {name} | {} |",
            versions.get(name).map_or("- | -", String::as_str)
        );
        for probe in &probes {
            let cell = cells.get(&(*name, probe.clone()));
            let cell = match cell.map(String::as_str) {
                None => "-".to_owned(),
                Some("ok") => "ok".to_owned(),
                Some(verdict) => format!("**{verdict}**"),
            };
            let _ = write!(text, " {cell} |");
        }
        text.push('\n');
    }
    (text, wrong)
}

fn program(path: &Path, text: &str) -> Result<(), String> {
    write(path, text)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
        .map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)
            .map_err(|error| format!("{}: {error}", parent.display()))?;
    }
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

#[test]
fn the_guide_shows_the_table_that_is_kept() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).expect("the file is there");
    assert!(
        read("src/guide/compiler-bugs.md").contains(&read("fixtures/probes/table.md")),
        "cargo xtask probes writes the table that the guide should show"
    );
}
