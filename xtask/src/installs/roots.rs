//! Root file systems of real systems, made of Debian's packages, and processes in them.
//!
//! A process gets namespaces of its own and a layer over the root, so that what it writes goes with
//! it. The kernel runs programs of another processor by an emulator that only these namespaces know:
//! the machine's own settings are not touched.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::cells;
use crate::command::{Go as _, soon};
use crate::debian::{self, Set};
use crate::installs::chat::{ARM_GNU, ARM_MUSL, X86_GNU, X86_MUSL};
use crate::installs::place::place;

/// What a root is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// One static program: no loader, no `getconf`, no `ldd`, no curl.
    BusyBox,
    /// A minimal Debian.
    Debian,
}

pub struct Root {
    pub name: &'static str,
    pub system: System,
    suite: &'static str,
    /// Debian's name for the processor.
    pub arch: &'static str,
    /// A command that prints what an address has.
    pub get: &'static str,
    /// Targets whose programs start here; the first is what install.sh is to choose.
    pub targets: &'static [&'static str],
}

pub const ROOTS: &[Root] = &[
    Root {
        name: "busybox",
        system: System::BusyBox,
        suite: "bookworm",
        arch: "amd64",
        get: "wget -q -O -",
        targets: &[X86_MUSL],
    },
    Root {
        name: "bullseye",
        system: System::Debian,
        suite: "bullseye",
        arch: "amd64",
        get: "wget -q -O -",
        targets: &[X86_GNU, X86_MUSL],
    },
    Root {
        name: "bookworm",
        system: System::Debian,
        suite: "bookworm",
        arch: "amd64",
        get: "curl -fsSL",
        targets: &[X86_GNU, X86_MUSL],
    },
    Root {
        name: "busybox-arm64",
        system: System::BusyBox,
        suite: "bookworm",
        arch: "arm64",
        get: "wget -q -O -",
        targets: &[ARM_MUSL],
    },
    Root {
        name: "bookworm-arm64",
        system: System::Debian,
        suite: "bookworm",
        arch: "arm64",
        get: "curl -fsSL",
        targets: &[ARM_GNU, ARM_MUSL],
    },
];

/// Seconds until what runs in a root counts as something that does not end.
const LIMIT: &str = "3600";

/// The processor of the machine, by Debian's name.
const NATIVE: &str = "amd64";

/// How the kernel knows a program for aarch64 and what runs it, as Debian registers it.
const EMULATOR: &str = "/usr/lib/binfmt.d/qemu-aarch64.conf";

/// Runs in the new namespaces: the root, the emulator, `layer` or `bare`, where to mount, the rest is
/// the command.
const ENTER: &str = r#"
set -e
# The map of users is written from outside.
read -r _
emulator=$1 kind=$2 mounts=$3
shift 3
if [ -n "$emulator" ]; then
  mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
  printf '%s' "$emulator" >/proc/sys/fs/binfmt_misc/register
fi
mount -t tmpfs tmpfs "$mounts"
mkdir "$mounts/upper" "$mounts/work" "$mounts/root"
if [ "$kind" = layer ]; then
  mount -t overlay -o "lowerdir=$0,upperdir=$mounts/upper,workdir=$mounts/work,userxattr" overlay "$mounts/root"
else
  mount --bind "$0" "$mounts/root"
fi
cd "$mounts/root"
mount -t proc proc proc
mount --rbind /dev dev
exec chroot . "$@"
"#;

impl Root {
    fn is_foreign(&self) -> bool {
        self.arch != NATIVE
    }

    fn directory(&self) -> PathBuf {
        place("roots").join(self.name)
    }

    /// Makes the root, where that has not been done.
    pub fn make(&self) -> Result<String, String> {
        match self.system {
            System::BusyBox => {
                let set = Set {
                    place: format!("installs/roots/{}", self.name),
                    suite: self.suite,
                    arch: self.arch,
                    packages: vec!["busybox-static"],
                };
                debian::unpack(&set, |directory| {
                    for name in [
                        "dev",
                        "etc",
                        "proc",
                        "root",
                        "tmp",
                        "usr/bin",
                        "usr/share/doc",
                    ] {
                        std::fs::create_dir_all(directory.join(name))
                            .map_err(|error| format!("{name}: {error}"))?;
                    }
                    let install = ["/bin/busybox", "--install", "-s", "/bin"];
                    ended(&self.enter(directory, "bare", &install)?).map(drop)
                })?;
            }
            System::Debian => self.bootstrap()?,
        }
        let said =
            self.run("cat /etc/debian_version 2>/dev/null || busybox | head -n 1; uname -m")?;
        Ok(said.trim().replace('\n', ", "))
    }

    fn bootstrap(&self) -> Result<(), String> {
        let directory = self.directory();
        if directory.join("complete").exists() {
            return Ok(());
        }
        let archive = debian::archive().ok_or("no Debian archive is configured here")?;
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
        let tool = self.get.split(' ').next().unwrap_or_default();
        let mut bootstrap = Command::new("timeout");
        bootstrap
            .args(["1800", "debootstrap", "--variant=minbase"])
            .args([format!("--arch={}", self.arch), format!("--include={tool}")]);
        if self.is_foreign() {
            bootstrap.arg("--foreign");
        }
        bootstrap
            .arg(self.suite)
            .arg(&directory)
            .arg(archive)
            .stdout(std::io::stderr())
            .go()?;
        if self.is_foreign() {
            // It would make devices, which no user namespace may; those of the machine are there.
            let second = "container=lxc /debootstrap/debootstrap --second-stage >&2";
            ended(&self.enter(&directory, "bare", &["/bin/sh", "-c", second])?)?;
        }
        cells::write(&directory.join("complete"), "")
    }

    /// Runs lines of a shell in the root, and returns what they print. They end at the first one that
    /// fails.
    pub fn run(&self, lines: &str) -> Result<String, String> {
        ended(&self.enter(&self.directory(), "layer", &["/bin/sh", "-euc", lines])?)
    }

    fn enter(&self, directory: &Path, kind: &str, argv: &[&str]) -> Result<Output, String> {
        let mounts = place("mounts");
        std::fs::create_dir_all(&mounts).map_err(|error| format!("mounts: {error}"))?;
        let emulator = if self.is_foreign() {
            cells::read(Path::new(EMULATOR))?.trim().to_owned()
        } else {
            String::new()
        };
        let mut command = Command::new("setpriv");
        command
            .args([
                "--pdeathsig",
                "TERM",
                "unshare",
                "--user",
                "--mount",
                "--pid",
                "--fork",
            ])
            .args([
                "--kill-child",
                "timeout",
                "--foreground",
                LIMIT,
                "sh",
                "-c",
                ENTER,
            ])
            .arg(directory)
            .arg(emulator)
            .arg(kind)
            .arg(mounts)
            .args(argv)
            .env_clear()
            .envs([
                ("HOME", "/root"),
                (
                    "PATH",
                    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                ),
                ("LC_ALL", "C.UTF-8"),
                ("DEBIAN_FRONTEND", "noninteractive"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let said = |error: std::io::Error| format!("unshare: {error}");
        let mut child = command.spawn().map_err(said)?;
        if let Err(problem) = map_users(child.id()) {
            let _ = child.kill();
            let _ = child.wait();
            return Err(problem);
        }
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(b"\n").map_err(said)?;
        }
        child.wait_with_output().map_err(said)
    }
}

/// Gives a process, as soon as it has a namespace of users of its own, the same users as here.
fn map_users(process: u32) -> Result<(), String> {
    let namespace = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/user")).ok();
    let process = process.to_string();
    let ours = namespace("self");
    if !soon(|| namespace(&process).is_some_and(|its| Some(its) != ours)) {
        return Err("no namespace of users can be had here".to_owned());
    }
    for map in ["uid_map", "gid_map"] {
        let path = format!("/proc/{process}/{map}");
        std::fs::write(&path, "0 0 65536\n").map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(())
}

/// What a command printed, or the last lines of why it failed.
fn ended(output: &Output) -> Result<String, String> {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let last = |text: &str| {
        text.lines()
            .rfind(|line| !line.trim().is_empty())
            .map(str::to_owned)
    };
    let said: Vec<String> = [last(&stderr), last(&stdout)]
        .into_iter()
        .flatten()
        .collect();
    Err(format!("{}: {}", output.status, said.join(" / ")))
}
