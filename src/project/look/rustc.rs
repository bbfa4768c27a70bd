//! Asks rustc for its version, sysroot and targets, and keeps the answers as long as the same question
//! starts the same compiler.

use std::thread;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::host::cache;
use crate::host::codes::PROCESS_FAILED;
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};
use crate::project::graph::PlatformFacts;
use crate::project::rustc::Rustc;

/// Returns the problem if rustup reports that the pinned toolchain is not installed.
pub fn toolchain_problem(stderr: &str) -> Option<Problem> {
    // A component may be missing as well: `'cargo' is not installed for the custom toolchain 'mine'`.
    let name = stderr.lines().find_map(|line| {
        let (name, rest) = line.split_once("toolchain '")?.1.split_once('\'')?;
        rest.starts_with(" is not installed").then_some(name)
    })?;
    Some(
        Problem::new(
            TOOLCHAIN_NOT_INSTALLED,
            format!("the workspace pins the toolchain `{name}`, which is not installed"),
        )
        .help(format!(
            "run `rustup toolchain install {name}`, or change the pin in its `rust-toolchain.toml`"
        )),
    )
}

/// Answers of a compiler.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answers {
    /// Output of `-vV`.
    version: String,
    /// Output of `--print` for the sysroot, the triples and the host's `cfg`.
    lists: String,
    /// Identity of the toolchain that answered: see [`toolchain`].
    toolchain: String,
}

impl Answers {
    /// Returns the root of the toolchain.
    fn sysroot(&self) -> &Utf8Path {
        Utf8Path::new(self.lists.lines().next().unwrap_or_default())
    }
}

/// Returns the answers that are kept in a place, if the same compiler would answer.
fn kept(host: &Host, place: Option<&Utf8Path>) -> Option<Answers> {
    let is_current =
        |kept: &Answers| toolchain(host, kept.sysroot()).as_ref() == Some(&kept.toolchain);
    cache::read(host, place).filter(is_current)
}

/// Returns the place of the answers of what a [`choice`] starts.
fn place(host: &Host, choice: &str) -> Option<Utf8PathBuf> {
    cache::place(host, "toolchains", choice)
}

/// Returns the answers of the compiler that a directory uses. rustc takes longer to start than all
/// else that a run without work does, so they are kept.
fn answers(host: &Host, program: &str, directory: &Utf8Path) -> Result<Answers> {
    let path = host.find(program);
    let choice = path
        .as_ref()
        .and_then(|path| choice(host, program, path, directory));
    let place = choice.and_then(|choice| place(host, &choice));
    if let Some(answers) = kept(host, place.as_deref()) {
        return Ok(answers);
    }
    let answers = ask(host, program, directory)?;
    let sysroot = answers.sysroot();
    if let Some(toolchain) = toolchain(host, sysroot)
        && path.is_some_and(|path| starts_only(host, &path, sysroot))
    {
        let answers = Answers {
            toolchain,
            ..answers
        };
        cache::keep(host, place.as_deref(), &answers);
        return Ok(answers);
    }
    Ok(answers)
}

/// Returns a call of `cargo` as rustup's proxy would start it: the cargo of the toolchain, with the
/// variables by which it and rustc are told the toolchain. The proxy alone takes half as long as cargo
/// takes to answer. `None` unless an earlier run has learnt which toolchain it is, and it is still there.
///
/// Source: the variables that a subcommand of cargo sees behind the proxy of rustup 1.29, measured.
pub fn past_proxy(host: &Host, call: &Invocation) -> Option<Invocation> {
    if call.program != "cargo" {
        return None;
    }
    let (compiler, proxy) = (host.find("rustc")?, host.find("cargo")?);
    let choice = choice(host, "rustc", &compiler, &call.cwd)?;
    // rustup may install what a pin asks for besides the toolchain.
    if ["components", "targets"]
        .iter()
        .any(|key| choice.contains(key))
    {
        return None;
    }
    let answers = kept(host, place(host, &choice).as_deref())?;
    let sysroot = answers.sysroot();
    let toolchains = sysroot.parent()?;
    let home = toolchains
        .parent()
        .filter(|_| toolchains.file_name() == Some("toolchains"))?;
    if !is_proxy(host, &compiler) || !is_proxy(host, &proxy) {
        return None;
    }
    let cargo = format!("cargo{}", std::env::consts::EXE_SUFFIX);
    let cargo = sysroot.join("bin").join(cargo);
    host.is_file(&cargo).then(|| Invocation {
        program: cargo.into_string(),
        ..call
            .clone()
            .env("RUSTUP_TOOLCHAIN", sysroot.file_name().unwrap_or_default())
            .env("RUSTUP_HOME", home.as_str())
    })
}

/// Asks the compiler that a directory uses both questions at the same time.
fn ask(host: &Host, program: &str, directory: &Utf8Path) -> Result<Answers> {
    let version = Invocation::new(program, directory).arg("-vV");
    let lists = Invocation::new(program, directory).args([
        "--print",
        "sysroot",
        "--print",
        "target-list",
        "--print",
        "cfg",
    ]);
    let (version, lists) = thread::scope(|scope| {
        let lists = scope.spawn(|| answer(host, &lists));
        (
            answer(host, &version),
            lists.join().expect("the query does not panic"),
        )
    });
    Ok(Answers {
        version: version?,
        lists: lists?,
        toolchain: String::new(),
    })
}

/// Largest size of a file that chooses a toolchain, in bytes.
const LARGEST_CHOICE: u64 = 1024 * 1024;

/// rustup's settings for users without a default toolchain of their own.
const FALLBACK_SETTINGS: &str = "/etc/rustup/settings.toml";

/// Returns a text of everything that decides which compiler a call in a directory starts: the program,
/// and what rustup's proxy reads. `None` if it cannot be told: a script may start any.
///
/// Source: <https://rust-lang.github.io/rustup/overrides.html>
fn choice(host: &Host, program: &str, path: &Utf8Path, directory: &Utf8Path) -> Option<String> {
    if host.is_script(path) {
        return None;
    }
    let identity = host.identity(path)?;
    let variables: Vec<(&str, &str)> = host
        .vars()
        .filter(|(name, _)| {
            name.starts_with("RUSTUP_") || ["CARGO_HOME", "HOME", "RUSTC_BOOTSTRAP"].contains(name)
        })
        .collect();
    let directory = host.real_path(directory)?;
    let home = host.var("RUSTUP_HOME").map(Utf8PathBuf::from);
    let home = home.or_else(|| Some(Utf8Path::new(host.var("HOME")?).join(".rustup")));
    let settings = home.map(|home| host.absolute(&home).join("settings.toml"));
    let settings = settings
        .into_iter()
        .chain([Utf8PathBuf::from(FALLBACK_SETTINGS)]);
    let pins = directory
        .ancestors()
        .flat_map(|above| ["rust-toolchain", "rust-toolchain.toml"].map(|name| above.join(name)));
    let mut text = format!("{program}\n{path}\n{identity}\n{directory}\n{variables:?}\n");
    for file in settings.chain(pins) {
        if host.exists(&file) {
            let content = host.read_small_text(&file, LARGEST_CHOICE).ok()?;
            text.push_str(&format!("{file}\n{}\n{content}\n", content.len()));
        }
    }
    Some(text)
}

/// Returns what changes when another toolchain is at a place: the identities of its rustc and of the
/// library that it is made of. `None` if no rustc is there.
fn toolchain(host: &Host, sysroot: &Utf8Path) -> Option<String> {
    let own = host.identity(&own_rustc(sysroot))?;
    let lib = sysroot.join("lib");
    let mut drivers: Vec<String> = host.names(&lib);
    drivers.retain(|name| name.starts_with("librustc_driver"));
    drivers.sort();
    let drivers = drivers
        .into_iter()
        .map(|name| Some(format!("{name} {}", host.stamp(&lib.join(&name))?)));
    let drivers: Vec<String> = drivers.collect::<Option<_>>()?;
    Some(format!("{own} {}", drivers.join(" ")))
}

/// Returns the path of a toolchain's own compiler.
pub fn own_rustc(sysroot: &Utf8Path) -> Utf8PathBuf {
    let name = format!("rustc{}", std::env::consts::EXE_SUFFIX);
    sysroot.join("bin").join(name)
}

/// Returns true if a program is the compiler of this toolchain, or rustup's proxy, and not another
/// one that may choose among compilers by rules of its own.
pub fn starts_only(host: &Host, program: &Utf8Path, sysroot: &Utf8Path) -> bool {
    let real = host.real_path(program);
    is_proxy(host, program) || real.is_some() && host.real_path(&own_rustc(sysroot)) == real
}

/// Returns true for a proxy of rustup: a link to it, a hard one before 1.28.
fn is_proxy(host: &Host, program: &Utf8Path) -> bool {
    let Some(real) = host.real_path(program) else {
        return false;
    };
    let rustup = real.with_file_name(format!("rustup{}", std::env::consts::EXE_SUFFIX));
    real == rustup
        || host.file_id(&rustup).is_some() && host.file_id(&rustup) == host.file_id(&real)
}

/// Asks the compiler that a directory uses. Returns its version, the triples that it knows, and the
/// host's platform.
pub fn rustc(
    host: &Host,
    program: &str,
    directory: &Utf8Path,
) -> Result<(Rustc, Vec<String>, PlatformFacts)> {
    let Answers { version, lists, .. } = answers(host, program, directory)?;
    let field = |name: &str| {
        version
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .map(|value| value.trim().to_owned())
    };
    let mut lines = lists.lines();
    let sysroot = Utf8PathBuf::from(lines.next().unwrap_or_default());
    // rustc prints the triples before the `cfg` lines. Every triple has a dash and no `=`; no `cfg`
    // line has a dash without `=`.
    let (triples, cfg): (Vec<&str>, Vec<&str>) =
        lines.partition(|line| line.contains('-') && !line.contains('='));
    let triples = triples.into_iter().map(str::to_owned).collect();
    let triple = field("host:").unwrap_or_default();
    let managed = sysroot.parent().and_then(Utf8Path::file_name) == Some("toolchains")
        && host.find("rustup").is_some();
    let rustc = Rustc {
        release: field("release:").unwrap_or_default(),
        commit_hash: field("commit-hash:").filter(|hash| hash != "unknown"),
        sysroot: sysroot.clone(),
        rustup: sysroot.file_name().filter(|_| managed).map(str::to_owned),
        lld: host.is_file(
            &sysroot
                .join("lib/rustlib")
                .join(&triple)
                .join("bin")
                .join(format!("rust-lld{}", std::env::consts::EXE_SUFFIX)),
        ),
        host: triple,
    };
    let host_platform = PlatformFacts::new(&rustc.host, cfg);
    Ok((rustc, triples, host_platform))
}

/// Runs a program and returns its stdout; a failure is a problem.
pub fn answer(host: &Host, question: &Invocation) -> Result<String> {
    let output = host.capture(question)?;
    if output.success() {
        return Ok(output.stdout);
    }
    Err(toolchain_problem(&output.stderr).unwrap_or_else(|| {
        Problem::new(
            PROCESS_FAILED,
            format!("`{}` did not answer", question.program),
        )
        .note("command", [question.to_string()])
        .cause(&output.stderr)
    }))
}

/// The codes that this file declares.
pub const CODES: &[Code] = &[TOOLCHAIN_NOT_INSTALLED];

pub const TOOLCHAIN_NOT_INSTALLED: Code = code(&CodeInfo {
    name: "toolchain-not-installed",
    title: "the toolchain that the workspace pins is not installed",
    cause: "A `rust-toolchain.toml` (or an override) names a toolchain that rustup does not \
            have, and automatic installs are off.",
    detection: "cargo and rustc run in the workspace's directory, so its pin applies; \
                rustup reports that the toolchain is not installed.",
    fix: "Run the `rustup toolchain install` command of the message, or change the pin.",
    page: "doctor",
    sources: &["rustup's book, Overrides"],
    waivable: false,
});
