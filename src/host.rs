//! The one door to the machine: environment, processes, files, locks, the exchange of two directories.
//!
//! It decides nothing. Each error carries the path or the command line by construction. The lints of
//! `clippy.toml` keep every other room from going around it.
#![expect(clippy::disallowed_methods, reason = "this is the room that the fence leads to")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest, Sha256};

use crate::invocation::Invocation;
use crate::problem::{Code, Problem, Result};
use crate::tree::Entry;

/// What rustup's proxy leaves in the environment of `cargo xpkg`. Handed on, it would silence the pin of a
/// workspace that lies elsewhere; a choice that the user made (`+nightly`, RUSTUP_TOOLCHAIN) stays.
const PROXY_VARIABLES: &[&str] = &["RUSTUP_TOOLCHAIN", "RUSTUP_TOOLCHAIN_SOURCE", "RUST_RECURSION_COUNT", "CARGO"];

/// The machine as one run sees it.
pub struct Host {
    env: BTreeMap<OsString, OsString>,
    cwd: Utf8PathBuf,
}

/// What a program said and how it ended.
pub struct Output {
    /// `None`: ended by a signal.
    pub code: Option<i32>,
    /// It was ended because its time was up.
    pub timed_out: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }
}

/// Holds the lock of a tree until it is dropped.
pub struct Lock {
    _file: File,
}

impl Host {
    /// Reads environment and directory, once.
    pub fn new() -> Result<Self> {
        let mut env: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        let source = env.get(std::ffi::OsStr::new("RUSTUP_TOOLCHAIN_SOURCE")).cloned();
        if source.is_some_and(|source| source != "cli" && source != "env") {
            env.retain(|name, _| !PROXY_VARIABLES.iter().any(|variable| name == variable));
        }
        let cwd = std::env::current_dir()
            .map_err(|error| Problem::new(Code::FileAccess, format!("cannot read the current directory: {error}")))?;
        let cwd = Utf8PathBuf::from_path_buf(cwd).map_err(|path| not_utf8(&path))?;
        Ok(Self { env, cwd })
    }

    pub fn cwd(&self) -> &Utf8Path {
        &self.cwd
    }

    /// A variable's value; empty or not UTF-8 is as good as unset.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.env.get(std::ffi::OsStr::new(name)).and_then(|value| value.to_str()).filter(|value| !value.is_empty())
    }

    /// Every variable that is UTF-8.
    pub fn vars(&self) -> impl Iterator<Item = (&str, &str)> {
        self.env.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
    }

    /// The whole environment, for libraries that take one.
    pub fn environment(&self) -> &BTreeMap<OsString, OsString> {
        &self.env
    }

    /// `path` as seen from the current directory.
    pub fn absolute(&self, path: &Utf8Path) -> Utf8PathBuf {
        let joined = self.cwd.join(path);
        let mut whole = Utf8PathBuf::new();
        for part in joined.components() {
            match part {
                camino::Utf8Component::CurDir => {}
                camino::Utf8Component::ParentDir => {
                    whole.pop();
                }
                part => whole.push(part),
            }
        }
        whole
    }

    /// Where on PATH `program` is.
    pub fn find(&self, program: &str) -> Option<Utf8PathBuf> {
        let path = self.env.get(std::ffi::OsStr::new("PATH"));
        which::which_in(program, path, &self.cwd).ok().and_then(|path| Utf8PathBuf::from_path_buf(path).ok())
    }

    /// Names of everything on PATH, each with the first place it stands in.
    pub fn on_path(&self) -> BTreeMap<String, Utf8PathBuf> {
        let path = self.env.get(std::ffi::OsStr::new("PATH")).cloned().unwrap_or_default();
        let mut found = BTreeMap::new();
        for directory in std::env::split_paths(&path).filter_map(|path| Utf8PathBuf::from_path_buf(path).ok()) {
            for entry in directory.read_dir_utf8().into_iter().flatten().flatten() {
                found.entry(entry.file_name().to_owned()).or_insert_with(|| entry.path().to_owned());
            }
        }
        found
    }

    /// Names in a directory, or nothing where it is none.
    pub fn names(&self, directory: &Utf8Path) -> Vec<String> {
        directory.read_dir_utf8().into_iter().flatten().flatten().map(|entry| entry.file_name().to_owned()).collect()
    }

    fn command(&self, invocation: &Invocation) -> Command {
        // The program is looked up in *our* PATH; `Command` alone would do the same only where PATH is not changed.
        let program = self.find(&invocation.program).map_or_else(|| invocation.program.clone(), Utf8PathBuf::into_string);
        let mut command = Command::new(program);
        command.env_clear().envs(&self.env).envs(invocation.env.iter().map(|(name, value)| (name, value)));
        command.args(&invocation.args).current_dir(&invocation.cwd);
        command
    }

    /// Runs a program that is asked for facts: nothing on its stdin, its words caught.
    pub fn capture(&self, invocation: &Invocation) -> Result<Output> {
        let output = self.command(invocation).stdin(Stdio::null()).output().map_err(|error| cannot_start(invocation, &error))?;
        Ok(Output {
            timed_out: false,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// The same for a program that nobody vouches for: it has `limit` to answer, what it prints is kept up to
    /// [`KEPT`] bytes a stream, and all it started ends with it.
    pub fn capture_bounded(&self, invocation: &Invocation, limit: Duration) -> Result<Output> {
        let failed = |error: io::Error| cannot_start(invocation, &error);
        let mut command = self.command(invocation);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
        let streams = (child.stdout.take().expect("it was asked for"), child.stderr.take().expect("it was asked for"));
        std::thread::scope(|scope| {
            let stdout = scope.spawn(move || read_capped(streams.0));
            let stderr = scope.spawn(move || read_capped(streams.1));
            let began = Instant::now();
            let mut pause = Duration::from_millis(1);
            let status = loop {
                match child.try_wait().map_err(failed)? {
                    Some(status) => break Some(status),
                    None if began.elapsed() > limit => break None,
                    None => std::thread::sleep(pause),
                }
                pause = (pause * 2).min(Duration::from_millis(20));
            };
            // Children that it left behind would keep the streams open, and us waiting.
            end_group(&mut child);
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            Ok(Output {
                code: status.and_then(|status| status.code()),
                timed_out: status.is_none(),
                stdout: text(stdout.join().expect("reading does not panic")),
                stderr: text(stderr.join().expect("reading does not panic")),
            })
        })
    }

    /// The same for a program that may take long: `talk` hears its stderr line by line while it runs.
    pub fn capture_talking(&self, invocation: &Invocation, mut talk: impl FnMut(&str)) -> Result<Output> {
        let failed = |error: io::Error| cannot_start(invocation, &error);
        let mut command = self.command(invocation);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
        let (mut stdout, stderr) = (child.stdout.take().expect("it was asked for"), child.stderr.take().expect("it was asked for"));
        let mut said = String::new();
        let mut answer = Vec::new();
        let read = std::thread::scope(|scope| {
            let reader = scope.spawn(|| io::Read::read_to_end(&mut stdout, &mut answer));
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line);
                talk(&line);
                said.push_str(&line);
                said.push('\n');
            }
            reader.join().expect("reading does not panic")
        });
        read.map_err(failed)?;
        let status = child.wait().map_err(failed)?;
        Ok(Output { code: status.code(), timed_out: false, stdout: String::from_utf8_lossy(&answer).into_owned(), stderr: said })
    }

    /// Runs a program that talks to the user on stderr and to us on stdout, line by line. Returns its exit code.
    pub fn stream(&self, invocation: &Invocation, mut line: impl FnMut(&str)) -> Result<Option<i32>> {
        let mut child = self.command(invocation).stdout(Stdio::piped()).spawn().map_err(|error| cannot_start(invocation, &error))?;
        let stdout = child.stdout.take().expect("stdout was asked for");
        for text in BufReader::new(stdout).split(b'\n') {
            let text = text.map_err(|error| cannot_start(invocation, &error))?;
            line(&String::from_utf8_lossy(&text));
        }
        let status = child.wait().map_err(|error| cannot_start(invocation, &error))?;
        Ok(status.code())
    }

    /// What tells a file from another that came in its place: links resolved, size in bytes, time of change in ns.
    pub fn identity(&self, path: &Utf8Path) -> Option<String> {
        let path = path.canonicalize_utf8().ok()?;
        let metadata = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        let time = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        Some(format!("{path} {} {time}", metadata.len()))
    }

    /// xpkg's own cache for what is about the machine, not about a workspace. `None` where there is no home.
    pub fn cache_dir(&self) -> Option<Utf8PathBuf> {
        let base = self.var("XDG_CACHE_HOME").map(Utf8PathBuf::from).filter(|path| path.is_absolute());
        let base = base.or_else(|| self.var("HOME").map(|home| Utf8Path::new(home).join(".cache")));
        base.map(|base| base.join(env!("CARGO_PKG_NAME")))
    }

    /// The path of this very program.
    pub fn own_program(&self) -> Option<Utf8PathBuf> {
        std::env::current_exe().ok().and_then(|path| Utf8PathBuf::from_path_buf(path).ok())
    }

    /// A directory of its own in the system's place for such, removed when it is dropped.
    pub fn scratch(&self) -> Result<tempfile::TempDir> {
        tempfile::Builder::new()
            .prefix("cargo-xpkg-")
            .tempdir()
            .map_err(|error| cannot("create a directory in", Utf8Path::new("the temporary directory"), &error))
    }

    pub fn exists(&self, path: &Utf8Path) -> bool {
        fs::symlink_metadata(path).is_ok()
    }

    pub fn is_file(&self, path: &Utf8Path) -> bool {
        fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
    }

    pub fn is_dir(&self, path: &Utf8Path) -> bool {
        fs::metadata(path).is_ok_and(|metadata| metadata.is_dir())
    }

    pub fn read(&self, path: &Utf8Path) -> Result<Vec<u8>> {
        fs::read(path).map_err(|error| cannot("read", path, &error))
    }

    pub fn read_text(&self, path: &Utf8Path) -> Result<String> {
        fs::read_to_string(path).map_err(|error| cannot("read", path, &error))
    }

    pub fn write(&self, path: &Utf8Path, bytes: &[u8]) -> Result<()> {
        fs::write(path, bytes).map_err(|error| cannot("write", path, &error))
    }

    /// Writes a file so that a reader sees the old one or the new one, never a part.
    pub fn replace(&self, path: &Utf8Path, bytes: &[u8]) -> Result<()> {
        let parent = path.parent().unwrap_or(Utf8Path::new("."));
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(parent)?;
            io::Write::write_all(&mut file, bytes)?;
            file.persist(path).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(|error| cannot("write", path, &error))
    }

    /// Writes a program: mode 0755 whatever the umask.
    pub fn write_program(&self, path: &Utf8Path, bytes: &[u8]) -> Result<()> {
        self.write(path, bytes)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(|error| cannot("write", path, &error))?;
        }
        Ok(())
    }

    /// Digest (64 lower-case hex digits) and size of a file, in bounded memory.
    pub fn hash(&self, path: &Utf8Path) -> Result<(String, u64)> {
        let mut file = File::open(path).map_err(|error| cannot("read", path, &error))?;
        let mut hasher = Hashing(Sha256::new());
        let size = io::copy(&mut file, &mut hasher).map_err(|error| cannot("read", path, &error))?;
        Ok((hex(&hasher.0.finalize()), size))
    }

    /// Whether a file holds just these bytes.
    pub fn holds(&self, path: &Utf8Path, bytes: &[u8]) -> bool {
        fs::metadata(path).is_ok_and(|metadata| metadata.len() == bytes.len() as u64) && fs::read(path).is_ok_and(|found| found == bytes)
    }

    pub fn hard_link(&self, from: &Utf8Path, to: &Utf8Path) -> Result<()> {
        fs::hard_link(from, to).map_err(|error| cannot("link", to, &error))
    }

    /// Makes `link` point at `target`; nothing is done where it does already.
    pub fn symlink(&self, target: &Utf8Path, link: &Utf8Path) -> Result<()> {
        if fs::read_link(link).is_ok_and(|found| found == target.as_std_path()) {
            return Ok(());
        }
        let _ = fs::remove_file(link);
        #[cfg(unix)]
        return std::os::unix::fs::symlink(target, link).map_err(|error| cannot("link", link, &error));
        #[cfg(not(unix))]
        return fs::copy(target, link).map(|_| ()).map_err(|error| cannot("write", link, &error));
    }

    pub fn create_dir_all(&self, path: &Utf8Path) -> Result<()> {
        fs::create_dir_all(path).map_err(|error| cannot("create", path, &error))
    }

    /// A directory beside others in `parent` that removes itself when it is dropped.
    pub fn temp_dir(&self, parent: &Utf8Path, prefix: &str) -> Result<tempfile::TempDir> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(prefix);
        // A tree that is to be exchanged in is no secret: the umask alone decides, as for any directory.
        #[cfg(unix)]
        builder.permissions(<fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o777));
        builder.tempdir_in(parent).map_err(|error| cannot("create a directory in", parent, &error))
    }

    pub fn remove_file(&self, path: &Utf8Path) -> Result<()> {
        fs::remove_file(path).map_err(|error| cannot("remove", path, &error))
    }

    pub fn remove_dir_all(&self, path: &Utf8Path) -> Result<()> {
        fs::remove_dir_all(path).map_err(|error| cannot("remove", path, &error))
    }

    /// Removes a directory if nothing is left in it.
    pub fn remove_empty_dir(&self, path: &Utf8Path) {
        let _ = fs::remove_dir(path);
    }

    /// Everything below `root`, by relative path with `/`, parents before their children, sorted.
    pub fn walk(&self, root: &Utf8Path) -> Result<BTreeMap<String, Entry>> {
        let mut found = BTreeMap::new();
        let mut open = vec![String::new()];
        while let Some(below) = open.pop() {
            let directory = root.join(&below);
            let entries = directory.read_dir_utf8().map_err(|error| cannot("read", &directory, &error))?;
            for entry in entries {
                let entry = entry.map_err(|error| cannot("read", &directory, &error))?;
                let name = if below.is_empty() { entry.file_name().to_owned() } else { format!("{below}/{}", entry.file_name()) };
                let kind = entry.file_type().map_err(|error| cannot("read", entry.path(), &error))?;
                if kind.is_dir() {
                    open.push(name.clone());
                    found.insert(name, Entry::Directory);
                } else {
                    found.insert(name, if kind.is_file() { Entry::File } else { Entry::Other });
                }
            }
        }
        Ok(found)
    }

    /// Takes the lock at `path`, calling `blocked` first if another run has it. The kernel frees it when its holder dies.
    pub fn lock(&self, path: &Utf8Path, blocked: impl FnOnce()) -> Result<Lock> {
        let mut blocked = Some(blocked);
        loop {
            let file = File::options().create(true).truncate(false).write(true).open(path).map_err(|error| cannot("open", path, &error))?;
            if file.try_lock().is_err() {
                if let Some(blocked) = blocked.take() {
                    blocked();
                }
                file.lock().map_err(|error| cannot("lock", path, &error))?;
            }
            // Its holder may have removed the file while we waited; what others lock then is another file.
            if same_file(&file, path) {
                return Ok(Lock { _file: file });
            }
        }
    }

    /// Whether a file can be started by everyone: mode 0755, as [`Self::write_program`] leaves it.
    pub fn is_program(&self, path: &Utf8Path) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o777 == 0o755)
        }
        #[cfg(not(unix))]
        self.is_file(path)
    }

    /// `path` with the links in that part of it resolved that exists.
    pub fn resolve(&self, path: &Utf8Path) -> Utf8PathBuf {
        let mut rest = Vec::new();
        for ancestor in path.ancestors() {
            if let Ok(real) = ancestor.canonicalize_utf8() {
                return rest.iter().rev().fold(real, |real: Utf8PathBuf, name: &&str| real.join(name));
            }
            rest.extend(ancestor.file_name());
        }
        path.to_owned()
    }

    /// Makes cargo's target directory as cargo makes it: marked, so that backups pass it over.
    pub fn create_target_dir(&self, path: &Utf8Path) -> Result<()> {
        if self.exists(path) {
            return Ok(());
        }
        self.create_dir_all(path)?;
        let tag = "Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory tag created by cargo xpkg.\n# For information about cache directory tags see https://bford.info/cachedir/\n";
        self.write(&path.join("CACHEDIR.TAG"), tag.as_bytes())
    }

    /// Puts the directory `new` in the place of `old` in one step; what was there, if anything, is then at `new`.
    pub fn exchange(&self, new: &Utf8Path, old: &Utf8Path) -> Result<()> {
        if !self.exists(old) {
            return fs::rename(new, old).map_err(|error| cannot("create", old, &error));
        }
        swap(new, old).map_err(|error| {
            Problem::new(Code::CannotExchange, format!("cannot exchange `{old}` with the new tree: {error}"))
                .help(format!("name an out-dir one level deeper: `--out-dir {}`", old.join("xpkg")))
        })
    }
}

#[cfg(unix)]
fn same_file(file: &File, path: &Utf8Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let (Ok(open), Ok(there)) = (file.metadata(), fs::metadata(path)) else { return false };
    (open.dev(), open.ino()) == (there.dev(), there.ino())
}

/// Where an open file cannot be removed, it is the one that stands there.
#[cfg(not(unix))]
fn same_file(_: &File, _: &Utf8Path) -> bool {
    true
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn swap(new: &Utf8Path, old: &Utf8Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, new.as_std_path(), CWD, old.as_std_path(), RenameFlags::EXCHANGE)?)
}

/// Where the system has no exchange: two renames, with a moment between them in which there is no tree.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn swap(new: &Utf8Path, old: &Utf8Path) -> io::Result<()> {
    let aside = Utf8PathBuf::from(format!("{new}.old"));
    fs::rename(old, &aside)?;
    fs::rename(new, old)?;
    fs::rename(&aside, new)
}

/// Bytes of a stream that [`Host::capture_bounded`] keeps; the rest is read and dropped.
const KEPT: usize = 64 * 1024;

fn read_capped(mut stream: impl io::Read) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut buffer = [0; 8192];
    while let Ok(read) = stream.read(&mut buffer) {
        if read == 0 {
            break;
        }
        let room = KEPT.saturating_sub(kept.len()).min(read);
        kept.extend_from_slice(&buffer[..room]);
    }
    kept
}

fn end_group(child: &mut std::process::Child) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // The group is gone when nothing of it is left: that is no error.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// SHA-256 of bytes, as 64 lower-case hex digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}

/// A hasher that can be written to.
struct Hashing(Sha256);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn cannot(verb: &str, path: &Utf8Path, error: &io::Error) -> Problem {
    Problem::new(Code::FileAccess, format!("cannot {verb} `{path}`: {error}"))
}

fn cannot_start(invocation: &Invocation, error: &io::Error) -> Problem {
    let code = if ["cargo", "rustc"].contains(&invocation.program.as_str()) && error.kind() == io::ErrorKind::NotFound {
        Code::NoToolchain
    } else {
        Code::ProcessFailed
    };
    let problem = Problem::new(code, format!("cannot start `{}`: {error}", invocation.program));
    match code {
        Code::NoToolchain => problem.help("install Rust with rustup, and see that `~/.cargo/bin` is on PATH"),
        _ => problem.note("command", [invocation.to_string()]),
    }
}

fn not_utf8(path: &std::path::Path) -> Problem {
    Problem::new(Code::FileAccess, format!("the path `{}` is not UTF-8", path.display())).help("rename it: manifests and tables are UTF-8")
}
