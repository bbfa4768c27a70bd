//! README's two commands on a fresh machine: a bare Debian with Rust and a C compiler, which is what
//! README asks for, as root and as a user without rights.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{Go as _, ask, root, step};
use crate::debian;
use crate::setup::packages;

/// What README asks for, besides Rust.
const ASKED: &str = "gcc,libc6-dev,ca-certificates";

/// What decides here how packages and crates are reached.
const REACH: &[&str] = &[
    "etc/apt/sources.list",
    "etc/apt/sources.list.d",
    "etc/apt/apt.conf.d",
    "etc/apt/auth.conf.d",
    "etc/apt/keyrings",
    "usr/share/keyrings",
    "usr/local/share/ca-certificates",
    "etc/ssl/certs",
    "etc/pip.conf",
    "etc/hosts",
    "etc/resolv.conf",
];

const USER: &str = "visitor";

/// Runs both commands as a user without rights, as root, and as the user once more. Every run is
/// from a fresh clone of the last commit.
pub fn run() -> Result<(), String> {
    packages(&[
        ("debootstrap", "debootstrap"),
        ("unshare", "util-linux"),
        ("git", "git"),
        ("chroot", "coreutils"),
    ])?;
    let machine = Machine::new()?;
    let [build, test] = commands(
        &std::fs::read_to_string(root().join("README.md"))
            .map_err(|error| format!("README.md: {error}"))?,
    )?;
    step("as a user without rights, on a machine that lacks what the tests need");
    machine.run(USER, &build)?;
    let said = match machine.run(USER, &test) {
        Ok(()) => return Err("the tests ran on a machine that lacks what they need".to_owned()),
        Err(said) => said,
    };
    step(&format!("it ended, as it should: {said}"));
    step("as root");
    machine.run("root", &build)?;
    machine.run("root", &test)?;
    step("as a user without rights, on a machine that has what the tests need");
    machine.run(USER, &test)
}

/// The first two commands that README shows.
fn commands(readme: &str) -> Result<[String; 2], String> {
    let shown: Vec<String> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("$ "))
        .take(2)
        .map(str::to_owned)
        .collect();
    shown
        .try_into()
        .map_err(|_| "README shows no two commands".to_owned())
}

struct Machine {
    root: PathBuf,
}

impl Machine {
    fn new() -> Result<Self, String> {
        let machine = Self {
            root: root().join("target/fresh/root"),
        };
        let archive = debian::archive().ok_or("no Debian archive is configured here")?;
        let _ = std::fs::remove_dir_all(&machine.root);
        std::fs::create_dir_all(&machine.root).map_err(|error| error.to_string())?;
        Command::new("debootstrap")
            .args([
                "--variant=minbase",
                &format!("--include={ASKED}"),
                "bookworm",
            ])
            .arg(&machine.root)
            .arg(archive)
            .go()?;
        for path in REACH {
            let (from, to) = (Path::new("/").join(path), machine.root.join(path));
            if from.exists() {
                let _ = std::fs::remove_dir_all(&to);
                machine.copy(&from, &to)?;
            }
        }
        machine.chroot("root", "useradd --create-home --shell /bin/sh visitor")?;
        let toolchain = PathBuf::from(ask(Command::new("rustc").args(["--print", "sysroot"]))?);
        let home = PathBuf::from(std::env::var_os("HOME").ok_or("HOME is not set")?);
        for (user, place) in [("root", "root"), (USER, "home/visitor")] {
            let place = machine.root.join(place);
            let name = toolchain.file_name().ok_or("the toolchain has no name")?;
            machine.copy(&toolchain, &place.join(".rustup/toolchains").join(name))?;
            machine.copy(
                &home.join(".rustup/settings.toml"),
                &place.join(".rustup/settings.toml"),
            )?;
            machine.copy(&home.join(".cargo/bin"), &place.join(".cargo/bin"))?;
            for file in [".cargo/config.toml", ".config/pip"] {
                if home.join(file).exists() {
                    machine.copy(&home.join(file), &place.join(file))?;
                }
            }
            // The programs of the toolchain that no fresh one has.
            let _ = std::fs::remove_dir_all(place.join(".cargo/registry"));
            Command::new("git")
                .args(["clone", "--quiet"])
                .arg(root())
                .arg(place.join("cargo-xpkg"))
                .go()?;
            machine.chroot("root", &format!("chown -R {user}: ~{user}"))?;
        }
        Ok(machine)
    }

    fn copy(&self, from: &Path, to: &Path) -> Result<(), String> {
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).map_err(|error| error.to_string())?;
        }
        // Links as what they lead to: certificates are links out of their directory.
        Command::new("cp")
            .args(["--recursive", "--dereference", "--preserve=mode,timestamps"])
            .arg(from)
            .arg(to)
            .go()
    }

    /// Runs a command of README in a user's clone.
    fn run(&self, user: &str, command: &str) -> Result<(), String> {
        self.chroot(user, &format!("cd ~/cargo-xpkg && {command}"))
    }

    /// Runs a shell's line as a user, with processes, mounts and an environment of its own.
    fn chroot(&self, user: &str, line: &str) -> Result<(), String> {
        let home = if user == "root" {
            "/root".to_owned()
        } else {
            format!("/home/{user}")
        };
        let inside = format!(
            "mount --bind \"$0\" \"$0\" && cd \"$0\" && mount -t proc proc proc && mount --rbind /dev \
             dev && mount --rbind /sys sys && exec chroot \"$0\" setpriv --reuid={user} --regid={user} --init-groups \
             sh -c \"$1\""
        );
        Command::new("unshare")
            .args([
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "sh",
                "-c",
                &inside,
            ])
            .arg(&self.root)
            .arg(line)
            .env_clear()
            .envs(reach())
            .env("HOME", &home)
            .env("USER", user)
            .env("LANG", "C.UTF-8")
            .env(
                "PATH",
                format!(
                    "{home}/.cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
                ),
            )
            .go()
    }
}

/// The variables that decide here how packages and crates are reached.
fn reach() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        name.to_lowercase().ends_with("_proxy")
            || ["PIP_", "CARGO_HTTP_", "CARGO_REGISTRIES_", "CARGO_SOURCE_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
            || name == "SSL_CERT_FILE"
            || name == "RUSTUP_AUTO_INSTALL"
    })
}

#[test]
fn the_commands_are_readmes_first_two() {
    let readme =
        "# x\n```console\n$ cargo run a\nout\n```\n\n```console\n$ cargo xtask test\n```\n";
    assert_eq!(
        commands(readme),
        Ok(["cargo run a".to_owned(), "cargo xtask test".to_owned()])
    );
    assert!(commands("# x\n").is_err());
}
