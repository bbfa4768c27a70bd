//! The cells of a matrix: one program for one target by one tool, built, run and recorded.
//!
//! A cell starts from an empty target directory; zig's own cache stays, as on a real machine. Its
//! record goes to a file as soon as it ends, so that a run that is stopped can go on.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::command::{Go as _, cargo, root, step, without_package};
use crate::{pypi, setup};

/// What runs the bins of a target, and where the libraries are that they load.
pub type Runner<'a> = Option<(&'a str, &'a str)>;

/// A target with its floor, and its runner.
pub type Target = (&'static str, Runner<'static>);

pub const AARCH64: Runner<'static> = Some(("qemu-aarch64-static", "/usr/aarch64-linux-gnu"));
pub const ARM: Runner<'static> = Some(("qemu-arm-static", "/usr/arm-linux-gnueabihf"));
pub const RISCV64: Runner<'static> = Some(("qemu-riscv64-static", "/usr/riscv64-linux-gnu"));

/// The tools that are compared.
pub const WAYS: &[&str] = &["xpkg", "zigbuild"];
const ZIGBUILD: &str = "0.24.0";

/// What running takes beyond what the tests need. No headers: those would be one more toolchain to
/// find.
const PACKAGES: &[(&str, &str)] = &[
    (
        "/usr/arm-linux-gnueabihf/lib/libc.so.6",
        "libc6-armhf-cross",
    ),
    (
        "/usr/arm-linux-gnueabihf/lib/libgcc_s.so.1",
        "libgcc-s1-armhf-cross",
    ),
    (
        "/usr/riscv64-linux-gnu/lib/libc.so.6",
        "libc6-riscv64-cross",
    ),
    (
        "/usr/riscv64-linux-gnu/lib/libgcc_s.so.1",
        "libgcc-s1-riscv64-cross",
    ),
];

/// Seconds until a build or a bin counts as one that does not end.
const BUILD_LIMIT: &str = "3600";
const RUN_LIMIT: &str = "60";

/// The triple and the glibc floor of a target.
pub fn split(target: &str) -> (&str, Option<&str>) {
    target
        .split_once('.')
        .map_or((target, None), |(triple, floor)| (triple, Some(floor)))
}

/// What came of a cell.
pub struct Record {
    /// `ok`, or where it ended: `build`, `run`, `floor`.
    pub outcome: String,
    /// Seconds of processors that the build took.
    pub seconds: f64,
    /// The glibc needed, or the first line that tells why not.
    pub note: String,
}

/// The file that keeps the records of a matrix.
pub struct Results(pub PathBuf);

impl Results {
    /// The file in this directory. At first it has the records that are kept in fixtures: what takes
    /// hours goes on where another machine stopped.
    pub fn resumed(scratch: &Path, kept: &str) -> Result<Self, String> {
        let (file, kept) = (scratch.join("results.tsv"), root().join(kept));
        if !file.exists() && kept.exists() {
            std::fs::create_dir_all(scratch)
                .map_err(|error| format!("{}: {error}", scratch.display()))?;
            write(&file, &read(&kept)?)?;
        }
        Ok(Self(file))
    }

    /// The latest record of each cell: `program/target/way`.
    pub fn all(&self) -> Result<BTreeMap<String, Record>, String> {
        let record = |line: &str| {
            let [program, target, way, outcome, seconds, note] =
                line.splitn(6, '\t').collect::<Vec<_>>().try_into().ok()?;
            let record = Record {
                outcome: str::to_owned(outcome),
                seconds: str::parse(seconds).ok()?,
                note: str::to_owned(note),
            };
            Some((format!("{program}/{target}/{way}"), record))
        };
        if !self.0.exists() {
            return Ok(BTreeMap::new());
        }
        Ok(read(&self.0)?.lines().filter_map(record).collect())
    }

    pub fn append(&self, name: &str, record: &Record) -> Result<(), String> {
        let Record {
            outcome,
            seconds,
            note,
        } = record;
        // The records are kept in fixtures: where the checkout lies says nothing.
        let checkout = format!("{}/", root().display());
        let line = format!(
            "{}\t{outcome}\t{seconds:.1}\t{}\n",
            name.replace('/', "\t"),
            without_registry(&note.replace(&checkout, "")).replace('\t', " ")
        );
        let mut file = std::fs::File::options()
            .append(true)
            .create(true)
            .open(&self.0)
            .map_err(|error| format!("{}: {error}", self.0.display()))?;
        file.write_all(line.as_bytes())
            .map_err(|error| format!("{}: {error}", self.0.display()))
    }
}

/// A text without the directories of a registry's packages, which differ on each machine:
/// `/home/me/.cargo/registry/src/INDEX/ring-0.17.14/build.rs` is `ring-0.17.14/build.rs`.
fn without_registry(text: &str) -> String {
    let word = |word: &str| match word.split_once("/registry/src/") {
        Some((_, below)) => below.split_once('/').unwrap_or_default().1.to_owned(),
        None => word.to_owned(),
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_note_does_not_tell_where_packages_lie() {
    assert_eq!(
        without_registry("at /home/me/.cargo/registry/src/index-1949cf/ring-0.17.14/build.rs:3:"),
        "at ring-0.17.14/build.rs:3:"
    );
    assert_eq!(without_registry("at src/main.rs"), "at src/main.rs");
}

/// What the arguments of a matrix ask for.
pub struct Wanted<'a> {
    pub flags: Vec<&'a str>,
    /// Parts that a cell's name has to contain.
    pub filters: Vec<&'a str>,
}

impl<'a> Wanted<'a> {
    /// Reads `[FILTER] [--again] [--table]`, and the flags of this task alone.
    pub fn new(task: &str, own: &[&str], args: &'a [String]) -> Result<Self, String> {
        let (flags, filters): (Vec<&str>, Vec<&str>) = args
            .iter()
            .map(String::as_str)
            .partition(|arg| arg.starts_with('-'));
        let known = [own, &["--again", "--table"]].concat();
        match flags.iter().find(|flag| !known.contains(flag)) {
            None => Ok(Self { flags, filters }),
            Some(unknown) => Err(format!(
                "{task} takes [FILTER] {}, not {unknown}",
                known
                    .iter()
                    .map(|flag| format!("[{flag}]"))
                    .collect::<Vec<_>>()
                    .join(" ")
            )),
        }
    }

    pub fn has(&self, flag: &str) -> bool {
        self.flags.contains(&flag)
    }

    /// True for a cell that is chosen and has no record yet, or is to be tried again.
    pub fn is_due(&self, name: &str, results: &BTreeMap<String, Record>) -> bool {
        self.filters.iter().all(|filter| name.contains(filter))
            && (self.has("--again") || !results.contains_key(name))
    }
}

/// Fills the cells one after the other; each has its record in the file as soon as it ends.
pub fn sweep<C>(
    cells: &[C],
    name: impl Fn(&C) -> String,
    fill: impl Fn(&C) -> Result<Record, String>,
    store: &Results,
    results: &mut BTreeMap<String, Record>,
) -> Result<(), String> {
    for (at, cell) in cells.iter().enumerate() {
        let (name, record) = (name(cell), fill(cell)?);
        store.append(&name, &record)?;
        let Record {
            outcome,
            seconds,
            note,
        } = &record;
        step(&format!(
            "{}/{} {name} {outcome} {seconds:.1} s {note}",
            at + 1,
            cells.len()
        ));
        results.insert(name, record);
    }
    Ok(())
}

/// Installs what the cells need, and builds both tools.
pub fn prepare(targets: &[Target], ways: &[&str]) -> Result<(), String> {
    setup::run()?;
    setup::packages(PACKAGES)?;
    let triples: Vec<&str> = targets.iter().map(|(target, _)| split(target).0).collect();
    setup::targets(&triples)?;
    if ways.contains(&"xpkg") {
        cargo(&["build", "--release", "--bin", "cargo-xpkg"]).go()?;
    }
    if ways.contains(&"zigbuild") {
        install_zigbuild()?;
    }
    Ok(())
}

/// Builds cargo-zigbuild, unless it is there.
pub fn install_zigbuild() -> Result<(), String> {
    if zigbuild().exists() {
        return Ok(());
    }
    cargo(&[
        "install",
        "cargo-zigbuild",
        "--version",
        ZIGBUILD,
        "--locked",
        "--root",
    ])
    .arg(root().join("target/toolchains/zigbuild"))
    .go()
}

/// A build by a tool: `selection` is what chooses the bins. What it makes goes below `work`.
pub fn build(way: &str, target: &str, selection: &[&str], at: &Path, work: &Path) -> Command {
    let mut command = limited(BUILD_LIMIT);
    match way {
        "xpkg" => command
            .arg(root().join("target/release/cargo-xpkg"))
            .arg("build")
            .arg("--out-dir")
            .arg(work.join("tree")),
        _ => command.arg(zigbuild()).args(["zigbuild", "--release"]),
    };
    completed(command, target, selection, at, work)
}

/// The plan of a build by xpkg.
pub fn plan(target: &str, selection: &[&str], at: &Path, work: &Path) -> Command {
    let mut command = limited(BUILD_LIMIT);
    command.arg(root().join("target/release/cargo-xpkg")).args([
        "plan",
        "--message-format",
        "json",
    ]);
    completed(command, target, selection, at, work)
}

/// The command with what every tool is told.
fn completed(
    mut command: Command,
    target: &str,
    selection: &[&str],
    at: &Path,
    work: &Path,
) -> Command {
    command
        .args(selection)
        .args(["--target", target, "--locked", "--target-dir"])
        .arg(work.join("target"))
        .current_dir(at);
    without_cargo(&mut command);
    command
}

/// Gives a command the environment of a user's shell, with zig on PATH: what the cargo that runs
/// `cargo xtask` tells its children is not for it.
pub fn without_cargo(command: &mut Command) {
    without_package(command);
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(pypi::zig()).chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(path).unwrap_or_default());
}

/// Where a tool leaves a bin.
pub fn made(way: &str, target: &str, package: &str, bin: &str, work: &Path) -> PathBuf {
    let (triple, _) = split(target);
    match way {
        "xpkg" => work.join("tree").join(triple).join(package).join(bin),
        _ => work.join("target").join(triple).join("release").join(bin),
    }
}

/// Runs a build, keeps what it says in `log`, and returns its output and the seconds of processors
/// that it took: they are the same on a machine that does something else as well.
pub fn timed(mut command: Command, log: &Path) -> Result<(Output, f64), String> {
    let before = ended_children()?;
    let built = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let seconds = ended_children()? - before;
    write(log, &String::from_utf8_lossy(&built.stderr))?;
    Ok((built, seconds))
}

/// Returns the processor time of all processes that this one started and that have ended, in seconds.
///
/// Source: proc(5), `cutime` and `cstime` of /proc/self/stat, in hundredths of a second.
fn ended_children() -> Result<f64, String> {
    let text = read(Path::new("/proc/self/stat"))?;
    // The name of the program, in brackets, may have spaces.
    let fields = text.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let mut times = fields.split(' ').skip(13).map(str::parse::<f64>);
    match (times.next(), times.next()) {
        (Some(Ok(user)), Some(Ok(system))) => Ok((user + system) / 100.0),
        _ => Err("/proc/self/stat has no times of ended processes".to_owned()),
    }
}

/// Runs a bin and reads the glibc that it needs. Returns the outcome and its note; `is_right` judges
/// what it prints to stdout.
pub fn examined(
    bin: &Path,
    (target, runner): (&str, Runner),
    args: &[&str],
    is_right: impl Fn(&str) -> bool,
) -> Result<(&'static str, String), String> {
    let needed = glibc(bin)?;
    let shown = needed.map_or(String::new(), |(major, minor)| {
        format!("GLIBC_{major}.{minor}")
    });
    let mut command = limited(RUN_LIMIT);
    if let Some((qemu, libraries)) = runner {
        command.args([qemu, "-L", libraries]);
    }
    let ran = command
        .arg(bin)
        .args(args)
        .output()
        .map_err(|error| format!("{}: {error}", bin.display()))?;
    let (printed, said) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    if !ran.status.success() {
        return Ok(("run", ended(&ran, &said)));
    }
    if !is_right(&printed) {
        return Ok(("run", format!("printed {printed:?}")));
    }
    Ok(match split(target).1.and_then(version) {
        Some(floor) if needed.is_none_or(|needed| needed > floor) => {
            ("floor", format!("needs {shown:?}"))
        }
        _ => ("ok", shown),
    })
}

/// The program of cargo-zigbuild.
pub fn zigbuild() -> PathBuf {
    root().join("target/toolchains/zigbuild/bin/cargo-zigbuild")
}

/// A command that ends with its time, and with this task: `timeout` has a process group of its own,
/// which Ctrl-C does not reach.
pub fn limited(seconds: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "timeout", "--kill-after=10", seconds]);
    command
}

/// The highest version of glibc that a bin asks for.
fn glibc(bin: &Path) -> Result<Option<(u32, u32)>, String> {
    let output = Command::new("readelf")
        .args(["--version-info", "--wide"])
        .arg(bin)
        .output()
        .map_err(|error| format!("readelf: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text
        .split_whitespace()
        .filter_map(|word| version(word.strip_prefix("GLIBC_")?))
        .max())
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Why a process did not do what it should.
pub fn ended(output: &Output, said: &str) -> String {
    match output.status.code() {
        Some(124 | 137) => "did not end".to_owned(),
        _ => telling(said).map_or_else(|| output.status.to_string(), str::to_owned),
    }
}

/// Runs a command, and returns what it prints to stdout; if it fails, what tells why.
pub fn told(command: &mut Command) -> Result<String, String> {
    let output = command
        .output()
        .map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(ended(&output, &String::from_utf8_lossy(&output.stderr)))
}

/// The first line that says what is wrong, rather than that something is.
fn telling(said: &str) -> Option<&str> {
    let lines = || said.lines().map(str::trim);
    let empty = [
        "error: failed to run custom build command",
        "error: could not compile",
        "error: linking with",
    ];
    let wrong = [
        "error:",
        "error[",
        "error occurred",
        "CMake Error",
        "undefined symbol",
        "undefined reference",
        "not found",
        "panicked at",
    ];
    let noise = ["cargo:", "Compiling ", "warning:", "-- "];
    let tells = |line: &&str| {
        wrong.iter().any(|word| line.contains(word))
            && ![&noise[..], &empty[..]]
                .concat()
                .iter()
                .any(|start| line.starts_with(start))
    };
    lines()
        .find(tells)
        .or_else(|| {
            let is_noise = |line: &str| noise.iter().any(|start| line.starts_with(start));
            lines().find(|line| line.contains("error") && !is_noise(line))
        })
        .or_else(|| lines().rfind(|line| !line.is_empty()))
}

pub fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

pub fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

#[test]
fn the_telling_line_is_the_cause_and_not_its_echo() {
    let said = "   Compiling thiserror v2.0.0\nerror: failed to run custom build command for `ring`\n  --- stderr\n  \
                error occurred in cc-rs: failed to find tool \"x\"\nerror: could not compile `ring`\n";
    assert_eq!(
        telling(said),
        Some("error occurred in cc-rs: failed to find tool \"x\"")
    );
    let said = "error: linking with `zigcc` failed: exit status: 1\n  = note: ld.lld: error: \
                undefined symbol: open64\n";
    assert_eq!(
        telling(said),
        Some("= note: ld.lld: error: undefined symbol: open64")
    );
    let failed = "error: failed to run custom build command for `openssl-sys`";
    let said = format!("   Compiling gix-error v0.5.2\n{failed}\n");
    assert_eq!(telling(&said), Some(failed));
}

#[test]
fn versions_compare_as_numbers() {
    assert!(version("2.9") < version("2.17"));
    assert_eq!(version("PRIVATE"), None);
    assert_eq!(version("2.3.4"), Some((2, 3)));
}
