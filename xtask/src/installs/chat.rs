//! fixtures/chat as a user's workspace that is released, and two releases of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cells::{self, read, write};
use crate::command::{ask, root};
use crate::installs::place::place;

pub const VERSION: &str = "0.1.0";

/// Packages with their programs.
pub const PACKAGES: &[(&str, &[&str])] = &[
    ("analytics-server", &["analytics-server"]),
    ("bot-server", &["bot", "indexer"]),
    ("chat-gateway", &["chat-gateway"]),
    ("chat-server", &["chat-server"]),
    ("notify-server", &["notify-server"]),
];

pub const X86_MUSL: &str = "x86_64-unknown-linux-musl";
pub const X86_GNU: &str = "x86_64-unknown-linux-gnu";
pub const ARM_MUSL: &str = "aarch64-unknown-linux-musl";
pub const ARM_GNU: &str = "aarch64-unknown-linux-gnu";
pub const TARGETS: &[&str] = &[X86_MUSL, X86_GNU, ARM_MUSL, ARM_GNU];

/// Oldest glibc that the builds for glibc are to start on.
const FLOOR: &str = "2.17";

/// Seconds until a release counts as one that does not end.
const LIMIT: &str = "5400";

/// The addresses that a release is made for.
pub struct Addresses {
    /// Of the server without TLS: `http://127.0.0.1:PORT`.
    pub plain: String,
    /// Of the repository, on the server with TLS.
    pub repository: String,
}

/// A copy of the workspace.
pub struct Workspace(PathBuf);

impl Workspace {
    /// Lays a copy at a place below that of the task, with a commit that is the same everywhere.
    /// Files that are as they should be are not touched: what cargo has built of them stays.
    pub fn new(name: &str, addresses: &Addresses) -> Result<Self, String> {
        let workspace = Self(place(name));
        let fixture = root().join("fixtures/chat");
        let mut files = BTreeMap::new();
        collect(&fixture, &fixture, &mut files)?;
        for (name, text) in &mut files {
            settings(name, text, addresses)?;
        }
        files.insert(".gitignore".to_owned(), "/target\n".to_owned());
        files.insert("README.md".to_owned(), "# chat\n".to_owned());
        files.insert("LICENSE".to_owned(), "MIT\n".to_owned());
        for (name, text) in &files {
            let path = workspace.0.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)
                    .map_err(|error| format!("{}: {error}", parent.display()))?;
            }
            if !std::fs::read_to_string(&path).is_ok_and(|had| had == *text) {
                write(&path, text)?;
            }
        }
        workspace.commit()?;
        Ok(workspace)
    }

    fn commit(&self) -> Result<(), String> {
        let _ = std::fs::remove_dir_all(self.0.join(".git"));
        const DATE: &str = "2026-01-01T00:00:00Z";
        for line in [
            "init --quiet --initial-branch main",
            "add --all",
            "-c user.name=chat -c user.email=chat@chat.example commit --quiet --no-gpg-sign \
             --message chat",
        ] {
            let mut git = Command::new("git");
            git.args(line.split_whitespace())
                .current_dir(&self.0)
                .env("GIT_AUTHOR_DATE", DATE)
                .env("GIT_COMMITTER_DATE", DATE);
            ask(&mut git)?;
        }
        Ok(())
    }

    /// The directory of the release.
    pub fn release(&self) -> PathBuf {
        self.0.join("target/xpkg-release").join(VERSION)
    }

    /// Builds and releases. Returns what was printed last.
    pub fn make(&self) -> Result<String, String> {
        let with_floor = |target: &&str| match target.ends_with("-gnu") {
            true => format!("{target}.{FLOOR}"),
            false => (*target).to_owned(),
        };
        let targets: Vec<String> = TARGETS.iter().map(with_floor).collect();
        let mut command = xpkg(LIMIT);
        command
            .args(["release", "--locked", "--target", &targets.join(",")])
            .current_dir(&self.0);
        let log = self.0.with_extension("log");
        let (made, _) = cells::timed(command, &log)?;
        let said = String::from_utf8_lossy(&made.stderr);
        if !made.status.success() {
            return Err(format!(
                "{}; all of it: {}",
                cells::ended(&made, &said),
                log.display()
            ));
        }
        Ok(said.lines().last().unwrap_or_default().trim().to_owned())
    }
}

/// The program itself, as it is without the cargo that started this task.
pub fn xpkg(seconds: &str) -> Command {
    let mut command = cells::limited(seconds);
    command.arg(root().join("target/release/cargo-xpkg"));
    cells::without_cargo(&mut command);
    command
}

/// What `verify` says of a release.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Clean,
    Findings,
}

/// Runs `verify` on a release that has to be clean. Returns the last line that it prints.
pub fn verify(directory: &Path) -> Result<String, String> {
    let (verdict, last) = verified(directory)?;
    match verdict {
        Verdict::Clean => Ok(last),
        Verdict::Findings => Err(last),
    }
}

/// Runs `verify` on a release.
///
/// # Errors
/// It ended otherwise than with a verdict.
pub fn judge(directory: &Path) -> Result<Verdict, String> {
    verified(directory).map(|(verdict, _)| verdict)
}

fn verified(directory: &Path) -> Result<(Verdict, String), String> {
    let output = xpkg("120")
        .arg("verify")
        .arg(directory)
        .output()
        .map_err(|error| format!("xpkg: {error}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let last = stdout.lines().last().unwrap_or_default().trim().to_owned();
    match output.status.code() {
        Some(0) => Ok((Verdict::Clean, last)),
        Some(1) => Ok((Verdict::Findings, last)),
        _ => Err(cells::ended(
            &output,
            &String::from_utf8_lossy(&output.stderr),
        )),
    }
}

/// All files of a directory, with `/`-separated names, sorted.
pub fn files(directory: &Path) -> Result<Vec<String>, String> {
    let output = ask(Command::new("find")
        .args([".", "-type", "f", "-printf", "%P\n"])
        .current_dir(directory))?;
    let mut files: Vec<String> = output.lines().map(str::to_owned).collect();
    files.sort();
    Ok(files)
}

/// Compares two releases, file by file and byte by byte.
pub fn compare(one: &Path, other: &Path) -> Result<String, String> {
    let (ours, theirs) = (files(one)?, files(other)?);
    if ours != theirs {
        return Err(format!("{ours:?} is not {theirs:?}"));
    }
    let bytes = |directory: &Path, name: &str| std::fs::read(directory.join(name));
    let mut size = 0;
    let mut different = Vec::new();
    for name in &ours {
        match (bytes(one, name), bytes(other, name)) {
            (Ok(one), Ok(other)) if one == other => size += one.len(),
            _ => different.push(name.as_str()),
        }
    }
    if different.is_empty() {
        Ok(format!("{} files, {size} bytes", ours.len()))
    } else {
        Err(format!("different: {}", different.join(", ")))
    }
}

/// The text files below a directory, without what was built in it.
fn collect(
    base: &Path,
    directory: &Path,
    files: &mut BTreeMap<String, String>,
) -> Result<(), String> {
    let said = |error: std::io::Error| format!("{}: {error}", directory.display());
    for entry in std::fs::read_dir(directory).map_err(said)? {
        let path = entry.map_err(said)?.path();
        let name = path.strip_prefix(base).unwrap_or(&path);
        let name = name.to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" {
                collect(base, &path, files)?;
            }
        } else {
            files.insert(name, read(&path)?);
        }
    }
    Ok(())
}

/// Adds what a release asks for to a manifest.
fn settings(name: &str, text: &mut String, addresses: &Addresses) -> Result<(), String> {
    let Addresses { plain, repository } = addresses;
    let (after, more) = match name.strip_suffix("Cargo.toml") {
        None => return Ok(()),
        Some("") => (
            "\npublish = false\n",
            format!("license = \"MIT OR Apache-2.0\"\nrepository = \"{repository}\"\n"),
        ),
        Some(member) => (
            "\npublish.workspace = true\n",
            format!(
                "license.workspace = true\nrepository.workspace = true\ndescription = \"Service of a \
                 chat: {}\"\n",
                member.trim_end_matches('/')
            ),
        ),
    };
    if !text.contains(after) {
        return Err(format!(
            "fixtures/chat/{name} is not as this task expects it"
        ));
    }
    *text = text.replacen(after, &format!("{after}{more}"), 1);
    if name == "Cargo.toml" {
        *text += &format!(
            "strip = \"symbols\"\n\n[workspace.metadata.xpkg.release]\nname = \"chat\"\nurl = \
             \"{plain}/{{version}}\"\n\n[workspace.metadata.xpkg.release.deb]\nmaintainer = \"Chat \
             <chat@chat.example>\"\n\n[workspace.metadata.xpkg.release.registry]\nurl = \
             \"{plain}/registry\"\n"
        );
    }
    Ok(())
}

#[test]
fn the_manifests_of_the_fixture_take_what_a_release_asks_for() {
    let addresses = Addresses {
        plain: "http://127.0.0.1:1".to_owned(),
        repository: "https://github.localhost:2/acme/chat".to_owned(),
    };
    let fixture = root().join("fixtures/chat");
    let mut files = BTreeMap::new();
    collect(&fixture, &fixture, &mut files).expect("the fixture is there");
    for (name, text) in &mut files {
        settings(name, text, &addresses).expect("the line is there");
    }
    assert!(files["Cargo.toml"].ends_with(
        "[workspace.metadata.xpkg.release.registry]\nurl = \"http://127.0.0.1:1/registry\"\n"
    ));
    assert!(
        files["bot-server/Cargo.toml"]
            .contains("description = \"Service of a chat: bot-server\"\n")
    );
}
