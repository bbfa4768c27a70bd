//! The menu of this repository: `cargo xtask` lists it. CI runs `cargo xtask ci` and nothing else.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a menu for developers, not the program"
)]

mod archives;
mod bench;
mod cells;
mod command;
mod compilers;
mod corpus;
mod debian;
mod engine;
mod figures;
mod fresh;
mod fuzz;
mod installs;
mod legs;
mod matrix;
mod npm;
mod others;
mod probes;
mod pypi;
mod reproduce;
mod setup;
mod stores;
mod suite;
mod targets;
mod wasm;
mod wild;
mod windows;
mod wine;

use crate::command::{Go as _, alone, cargo, threads};
use std::process::ExitCode;

type Task = fn(&[String]) -> Result<(), String>;

/// One task a row: its name, what it does, how.
const TASKS: &[(&str, &str, Task)] = &[
    (
        "setup",
        "install what the tests need: Debian packages (root, apt), Rust targets, old compilers \
         and zig beside the system",
        |_| set_up(),
    ),
    ("test", "set up, then run all fast tests", test),
    (
        "bless",
        "rewrite the snapshots from what the program prints now; `git diff` is the review",
        bless,
    ),
    (
        "bench",
        "xpkg against plain cargo in turn: medians, spread, bounds [cold|archives|publish|probes] [--cold N] \
         [--warm N] [--gigabytes N]; `--peers [CASE…]`, the same beside cargo-zigbuild, sha256sum, tar and skopeo; \
         `--growth [--rounds N] [--largest BINS]`, generated workspaces of up to 4,800 bins",
        bench::run,
    ),
    (
        "matrix",
        "fixtures/native for every target, by xpkg and by cargo-zigbuild, built and run; with \
         `--targets` fixtures/reach for every Linux target by every linker, with `--others` for macOS, \
         Windows, WebAssembly and BSD, or `--others chat` fixtures/chat for ten targets and released \
         [FILTER] [--again] [--table]",
        matrix::run,
    ),
    (
        "probes",
        "every probe against real compilers and linkers of four Debian releases, and each mistake \
         itself: seen, and avoided [--verdicts]",
        probes::run,
    ),
    (
        "wild",
        "published programs for four targets, by xpkg and by cargo-zigbuild, built and run; hours \
         [FILTER] [--again] [--table]",
        wild::run,
    ),
    (
        "reproduce",
        "fixtures and published programs, built again in another checkout with another home, toolchain, locale,          umask and number of jobs: equal, or what differs; an hour [FILTER] [--again] [--table]",
        reproduce::run,
    ),
    (
        "corpus",
        "what inspect says of hundreds of real programs against readelf and LLVM, field by field, and \
         what verify finds in published archives [ARCH…|wheels|systems|archives]",
        corpus::run,
    ),
    (
        "fuzz",
        "change bytes of programs, archives, manifests, lists, configuration and cargo's messages at \
         random and read them [SECONDS, 120] [NAME…]",
        fuzz::run,
    ),
    (
        "figures",
        "print figures about the sources of a checkout: sizes, comments, circles of imports [DIR] \
         [--list]",
        figures::run,
    ),
    (
        "fresh",
        "README's two commands in a bare Debian (debootstrap; as root), as root and as a user \
         without rights",
        |_| fresh::run(),
    ),
    (
        "installs",
        "a release of fixtures/chat for four targets, made twice, and what users do with it: install.sh \
         and dpkg in roots of BusyBox and Debian (arm64, too), cargo-binstall, cargo install, a byte \
         changed; as root; an hour the first time [FILTER…]",
        installs::run,
    ),
    (
        "kills",
        "kill `build` at random moments [N, 500], fail each of its file operations, and look for a half \
         tree",
        kills,
    ),
    (
        "stores",
        "lose every single request of `publish` and its answer, and kill it at every one; minutes",
        stores::run,
    ),
    (
        "legs",
        "many machines on this one: four legs of fixtures/chat by GNU parallel with sccache and redis, two \
         killed and run again, joined and released, twice; a quarter of an hour",
        legs::run,
    ),
    (
        "races",
        "run `build` against another `build` and against cargo on one target directory [ROUNDS, \
         1000] and look for a wrong tree",
        races,
    ),
    (
        "engine",
        "container engines for the tests: podman, dockerds, buildx, a registry on loopback, \
         images of Debian's packages; `test` runs on all [up [--all]|test|down]",
        engine::run,
    ),
    (
        "wine",
        "wine 10 of Debian trixie in /var/lib/xpkg-wine, for the tests of Windows programs; as root",
        |_| wine::run(),
    ),
    (
        "windows",
        "the unit tests, compiled for Windows and run under wine; minutes [FILTER]",
        windows::run,
    ),
    (
        "wasm",
        "compile wasm-bindgen for the tests that make packages for JavaScript; minutes",
        |_| wasm::run(),
    ),
    (
        "ci",
        "what CI runs: fmt, clippy, test, check for other hosts",
        |_| ci(),
    ),
];

/// Hosts that the program must compile for, besides the one that runs the tests.
const OTHER_HOSTS: &[&str] = &["x86_64-pc-windows-gnu", "aarch64-apple-darwin"];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let task = args
        .first()
        .and_then(|name| TASKS.iter().find(|(task, ..)| task == name));
    let Some((_, _, run)) = task else {
        for (name, what, _) in TASKS {
            println!("cargo xtask {name:<8} {what}");
        }
        return if args.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(2)
        };
    };
    match run(&args[1..]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn set_up() -> Result<(), String> {
    setup::run()?;
    // Without it, tests of Windows programs are skipped by name.
    if let Err(problem) = wine::run() {
        eprintln!("xtask: {problem}");
    }
    Ok(())
}

fn test(args: &[String]) -> Result<(), String> {
    set_up()?;
    let _alone = alone();
    suite::run(
        cargo(&["test", "--workspace"])
            .args(args)
            .env("RUST_TEST_THREADS", threads()),
    )
}

fn bless(args: &[String]) -> Result<(), String> {
    set_up()?;
    let mut command = cargo(&["test", "--workspace"]);
    command.args(args).env("SNAPSHOTS", "overwrite");
    command.go()
}

fn kills(args: &[String]) -> Result<(), String> {
    let number = args.first().map_or("500", String::as_str);
    let mut command = cargo(&[
        "test",
        "--test",
        "it",
        "--",
        "--nocapture",
        "killed_at_any_moment",
        "a_fault_at_every_file_operation_leaves_the_old_tree",
    ]);
    command.env("XPKG_KILLS", number);
    command.go()
}

fn races(args: &[String]) -> Result<(), String> {
    let rounds = args.first().map_or("1000", String::as_str);
    let mut command = cargo(&["test", "--test", "it", "raced_", "--", "--nocapture"]);
    command.env("XPKG_RACES", rounds);
    command.go()
}

fn ci() -> Result<(), String> {
    cargo(&["fmt", "--all", "--check"]).go()?;
    // Before the set-up adds others: two rustups at once would spoil the toolchain.
    setup::targets(OTHER_HOSTS)?;
    // The set-up and the engines wait for downloads most of the time, while these compute.
    std::thread::scope(|scope| {
        let ready = scope.spawn(|| {
            took("set-up", set_up)?;
            // Where no engine can run, the tests of images are skipped by name.
            if let Err(problem) = took("engines", || engine::up(false)) {
                eprintln!("xtask: {problem}");
            }
            Ok(())
        });
        let compiled = took("lints and compilation", compile);
        let ready = ready.join().map_err(|_| "the set-up ended")?;
        if let (Err(problem), Err(_)) = (&ready, &compiled) {
            eprintln!("xtask: {problem}");
        }
        compiled.and(ready)
    })?;
    let _alone = alone();
    // A test that this machine cannot run is skipped by name; in CI that is a failure.
    let tested = took("tests", || {
        suite::run(
            cargo(&["test", "--workspace", "--locked"])
                .env("XPKG_SKIP", "never")
                .env("RUST_TEST_THREADS", threads()),
        )
    });
    if let Err(problem) = engine::down() {
        eprintln!("xtask: {problem}");
    }
    tested
}

/// Says how long a step took.
fn took<T>(name: &str, step: impl FnOnce() -> T) -> T {
    let start = std::time::Instant::now();
    let done = step();
    eprintln!("xtask: {name} took {} s", start.elapsed().as_secs());
    done
}

/// Lints, compiles the tests, and checks for the other hosts.
fn compile() -> Result<(), String> {
    let lints = ["--workspace", "--all-targets", "--locked"];
    cargo(&["clippy"])
        .args(lints)
        .args(["--", "-D", "warnings"])
        .go()?;
    cargo(&["test", "--workspace", "--locked", "--no-run"]).go()?;
    // TLS is compiled by the target's C compiler, which is not here.
    let mut check = cargo(&["check", "--locked", "--no-default-features"]);
    for host in OTHER_HOSTS {
        check.args(["--target", host]);
    }
    check.go()
}
