//! `install.sh`, run by the shells that `/bin/sh` may be, against a server and against mistakes.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use snapbox::str;

use crate::support::{HOST, Project, X86_MUSL, repository, skipped, skipped_in_part, tool};

/// Shells that users have as `/bin/sh`, with their arguments.
const SHELLS: &[&[&str]] = &[
    &["dash"],
    &["busybox", "sh"],
    &["bash"],
    &["bash", "--posix"],
    &["mksh"],
    &["ksh93"],
    &["yash"],
    &["zsh"],
];

const SYSTEM: &str = "/usr/local/bin:/usr/bin:/bin";

/// A release of `hello` for this machine's glibc and for musl, and a home to install it in.
struct Installer {
    project: Project,
    home: PathBuf,
    path: String,
}

impl Installer {
    fn new() -> Self {
        let project = Project::of("hello");
        let command = format!("release -q --target {X86_MUSL},{HOST} --release-dir out");
        project.xpkg(&command).ok();
        let home = project.path("home of a user");
        std::fs::create_dir(&home).unwrap();
        Self {
            home,
            path: SYSTEM.to_owned(),
            project,
        }
    }

    /// Limits PATH to these tools of the system.
    fn with_only(mut self, tools: &[&str]) -> Self {
        let bin = self.project.path("only");
        std::fs::create_dir(&bin).unwrap();
        for name in tools {
            symlink(tool(name), bin.join(name)).unwrap();
        }
        bin.to_str().unwrap().clone_into(&mut self.path);
        self
    }

    fn script(&self) -> PathBuf {
        self.project.path("out/install.sh")
    }

    /// Writes another script: the release's with one text replaced.
    fn changed(&self, from: &str, to: &str) -> PathBuf {
        let text = std::fs::read_to_string(self.script()).unwrap();
        assert!(text.contains(from), "{from}");
        let path = self.project.path("changed.sh");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        path
    }

    fn command(&self, shell: &[&str], script: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(tool(shell[0]));
        command
            .args(&shell[1..])
            .arg(script)
            .args(args)
            .env_clear()
            .env("HOME", &self.home)
            .env("PATH", &self.path)
            .current_dir(&self.home)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, script: &Path, args: &[&str]) -> Output {
        self.command(&["dash"], script, args).output().unwrap()
    }

    /// Installs from the directory of the release. It must end well. Returns what it said.
    #[track_caller]
    fn install(&self, shell: &[&str], script: &Path, args: &[&str]) -> String {
        let from = self.project.path("out");
        let args: Vec<&str> = ["--from", from.to_str().unwrap()]
            .iter()
            .chain(args)
            .copied()
            .collect();
        let output = self.command(shell, script, &args).output().unwrap();
        let stderr = text(&output.stderr);
        assert!(output.status.success(), "{shell:?}: {stderr}");
        stderr
    }

    /// Runs a script that must fail, and returns its last line.
    #[track_caller]
    fn refused(&self, script: &Path, args: &[&str]) -> String {
        let output = self.run(script, args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        let line = stderr.lines().last().unwrap_or_default().to_owned();
        line.replace(self.project.root.to_str().unwrap(), "[ROOT]")
    }

    /// Names of all files below the home directory, sorted.
    fn files(&self) -> Vec<String> {
        self.project.files("home of a user")
    }

    fn bin(&self) -> PathBuf {
        self.home.join(".local/bin/hello")
    }

    fn profile(&self) -> String {
        std::fs::read_to_string(self.home.join(".profile")).unwrap()
    }

    fn is_dynamic(&self) -> bool {
        let bytes = std::fs::read(self.bin()).unwrap();
        bytes.windows(11).any(|window| window == b"ld-linux-x8")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn text_of(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

fn has(shell: &str) -> bool {
    let directories = ["/usr/bin", "/bin"];
    directories
        .iter()
        .any(|directory| Path::new(directory).join(shell).exists())
}

#[test]
fn every_shell_installs_replaces_and_removes() {
    const NAME: &str = "every_shell_installs_replaces_and_removes";
    let installer = Installer::new();
    let script = installer.script();
    let all = std::fs::read_to_string(&script).unwrap();
    let row = all
        .lines()
        .find(|line| line.starts_with(&format!("hello {HOST}")));
    let floor = row.unwrap().split(' ').nth(4).unwrap();
    let newer = installer.changed(&format!(" {floor} "), " 2.99 ");
    for shell in SHELLS {
        if !has(shell[0]) {
            skipped_in_part(NAME, &format!("`{}` is not installed", shell[0]));
            continue;
        }
        std::fs::write(installer.home.join(".profile"), "alias ll=ls").unwrap();
        // glibc is here, and new enough for what was built here.
        installer.install(shell, &script, &[]);
        assert!(installer.is_dynamic(), "{shell:?}");
        let all = [".local/bin/.hello-receipt", ".local/bin/hello", ".profile"];
        assert_eq!(installer.files(), all, "{shell:?}");
        assert!(
            Command::new(installer.bin())
                .output()
                .unwrap()
                .status
                .success()
        );
        // A newer floor than this machine has: musl instead.
        let stderr = installer.install(shell, &newer, &[]);
        assert!(
            stderr.contains("needs glibc 2.99, here is 2."),
            "{shell:?}: {stderr}"
        );
        assert!(!installer.is_dynamic(), "{shell:?}");
        assert!(
            Command::new(installer.bin())
                .output()
                .unwrap()
                .status
                .success()
        );
        // The line in the start-up file is written once, and removed with the rest.
        let bin = installer.home.join(".local/bin").display().to_string();
        let line = format!("alias ll=ls\nexport PATH=\"{bin}:$PATH\" # hello\n");
        assert_eq!(installer.profile(), line, "{shell:?}");
        let output = installer
            .command(shell, &script, &["--uninstall"])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{shell:?}: {}",
            text(&output.stderr)
        );
        assert_eq!(installer.files(), [".profile"], "{shell:?}");
        assert_eq!(installer.profile(), "alias ll=ls\n", "{shell:?}");
    }
}

#[test]
fn it_is_a_plain_posix_script() {
    if !has("shellcheck") {
        return skipped(
            "it_is_a_plain_posix_script",
            "`shellcheck` is not installed",
        );
    }
    let installer = Installer::new();
    let output = Command::new(tool("shellcheck"))
        .args(["--shell=sh", "--severity=style"])
        .arg(installer.script())
        .output()
        .unwrap();
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn its_options_are_those_of_its_help() {
    let installer = Installer::new();
    let help = installer.run(&installer.script(), &["--help"]);
    snapbox::assert_data_eq!(
        text(&help.stdout),
        str![[r#"
Installs hello 0.1.0.

Usage: install.sh [OPTIONS] [PACKAGE]...

Packages: hello [default: all]

Options:
  --dir DIR         directory of the programs [default: $HOME/.local/bin] [env: HELLO_INSTALL_DIR]
  --target TRIPLE   do not detect the system
  --url URL         directory to download from [env: HELLO_INSTALL_URL]
  --from DIR        directory on this machine that has the archives; nothing is downloaded
  --force           replace programs that no earlier run has installed
  --no-modify-path  leave the start-up files of the shells alone [env: HELLO_NO_MODIFY_PATH=1]
  --print           show what would be installed, and stop
  --uninstall       remove what an earlier run has installed, unless it was changed
  -q, --quiet       print errors only
  -V, --version     print the version
  -h, --help        print this help

"#]]
    );
    let version = installer.run(&installer.script(), &["--version"]);
    assert_eq!(text(&version.stdout), "hello 0.1.0\n");
    let shown = installer.run(
        &installer.script(),
        &[
            "--print",
            "--url",
            "http://x/",
            "--target",
            X86_MUSL,
            "--dir",
            "/opt/bin/",
        ],
    );
    let archive = format!("hello-0.1.0-{X86_MUSL}.tar.gz");
    let sums = installer.project.read("out/SHA256SUMS");
    let sum = sums.lines().find(|line| line.ends_with(&archive)).unwrap();
    let sum = sum.split(' ').next().unwrap();
    assert_eq!(
        text(&shown.stdout),
        format!("hello {X86_MUSL} http://x/{archive} {sum}\n  /opt/bin/hello\n")
    );
    assert_eq!(installer.files(), [""; 0]);
}

#[test]
fn mistakes_are_errors_of_one_line_and_install_nothing() {
    let installer = Installer::new();
    let script = installer.script();
    let refused = |args: &[&str]| installer.refused(&script, args);
    assert_eq!(
        refused(&["--frm", "x"]),
        "hello: error: unknown option --frm (--help)"
    );
    assert_eq!(
        refused(&["--dir"]),
        "hello: error: --dir needs a value (--help)"
    );
    assert_eq!(
        refused(&["chat"]),
        "hello: error: there is no package chat in hello 0.1.0; it has hello "
    );
    assert_eq!(
        refused(&["--target", "riscv64gc-unknown-linux-gnu", "--from", "."]),
        "hello: error: hello 0.1.0 has no build for riscv64gc-unknown-linux-gnu"
    );
    assert_eq!(
        refused(&[]),
        "hello: error: nothing says where the archives are: --url URL or --from DIR"
    );
    assert_eq!(
        refused(&["--uninstall"]),
        "hello: error: nothing to remove: there is no [ROOT]/home of a \
         user/.local/bin/.hello-receipt"
    );
    let homeless = installer
        .command(&["dash"], &script, &[])
        .env_remove("HOME")
        .output()
        .unwrap();
    assert_eq!(
        text(&homeless.stderr),
        "hello: error: HOME is not set: choose a directory with --dir DIR\n"
    );
    assert_eq!(installer.files(), [""; 0]);
    // A file where the directory should be.
    std::fs::write(installer.home.join(".local"), "").unwrap();
    let line = refused(&["--from", "."]);
    assert_eq!(
        line,
        "hello: error: cannot create [ROOT]/home of a user/.local/bin"
    );
}

#[test]
fn without_a_tool_for_digests_nothing_is_installed() {
    let tools = [
        "tar", "gzip", "mktemp", "mkdir", "chmod", "mv", "rm", "cp", "cat", "uname",
    ];
    let installer = Installer::new().with_only(&tools);
    let from = installer.project.path("out");
    assert_eq!(
        installer.refused(&installer.script(), &["--from", from.to_str().unwrap()]),
        "hello: error: sha256sum, shasum or openssl is needed to check the archives"
    );
    assert_eq!(installer.files(), [""; 0]);
}

/// Answers every GET below a directory until the test ends. Returns its address.
pub fn served(directory: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = answer(stream, &directory);
        }
    });
    address
}

fn answer(mut stream: TcpStream, directory: &Path) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        request.extend_from_slice(&piece[..read]);
    }
    let request = text(&request);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match std::fs::read(directory.join(path.trim_start_matches('/'))) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.0 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(&body)
}

#[test]
fn a_download_is_checked_before_anything_is_moved() {
    const TOOLS: &[&str] = &[
        "tar",
        "gzip",
        "mktemp",
        "mkdir",
        "chmod",
        "mv",
        "rm",
        "cp",
        "cat",
        "uname",
        "sha256sum",
        "getconf",
        "tail",
    ];
    for program in ["curl", "wget"] {
        let tools: Vec<&str> = TOOLS.iter().chain(&[program]).copied().collect();
        let installer = Installer::new().with_only(&tools);
        let url = served(installer.project.path("out"));
        let archive = installer
            .project
            .path(&format!("out/hello-0.1.0-{HOST}.tar.gz"));
        let script = installer.script();
        let run = |url: &str| installer.run(&script, &["--url", url, "--quiet"]);
        let output = run(&format!("{url}/"));
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stderr), "");
        let installed = std::fs::read(installer.bin()).unwrap();
        let files = installer.files();
        // One byte of the archive.
        let good = std::fs::read(&archive).unwrap();
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 1;
        std::fs::write(&archive, &bad).unwrap();
        let output = run(&url);
        assert_eq!(output.status.code(), Some(1));
        let name = archive.file_name().unwrap().to_str().unwrap();
        let stderr = text(&output.stderr);
        let start = format!("hello: error: {name} is not the file that was released: SHA-256 ");
        assert!(stderr.starts_with(&start), "{stderr}");
        // Half of it, none of it, and no server.
        std::fs::write(&archive, &good[..good.len() / 2]).unwrap();
        assert_eq!(run(&url).status.code(), Some(1));
        std::fs::remove_file(&archive).unwrap();
        let output = run(&url);
        let line = text(&output.stderr).lines().last().unwrap().to_owned();
        assert_eq!(line, format!("hello: error: cannot download {url}/{name}"));
        assert_eq!(run("http://127.0.0.1:1").status.code(), Some(1));
        assert_eq!(std::fs::read(installer.bin()).unwrap(), installed);
        assert_eq!(installer.files(), files);
    }
}

#[test]
fn packages_are_downloaded_one_after_the_other() {
    let project = Project::of("corners");
    project.write("xpkg.toml", "[release]\nname = \"corners\"\n");
    let command = format!("release -q --target {X86_MUSL} --release-dir out");
    project.xpkg(&command).ok();
    let url = served(project.path("out"));
    for shell in [&["dash"][..], &["busybox", "sh"]] {
        let home = project.path("home");
        std::fs::create_dir(&home).unwrap();
        let output = Command::new(tool(shell[0]))
            .args(&shell[1..])
            .arg(project.path("out/install.sh"))
            .args(["--url", &url, "--no-modify-path", "--quiet"])
            .env_clear()
            .env("HOME", &home)
            .env("PATH", SYSTEM)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let installed = project.files("home/.local/bin");
        assert_eq!(
            installed,
            [".corners-receipt", "always", "nice-name", "plain"]
        );
        std::fs::remove_dir_all(&home).unwrap();
    }
}

/// POSIX shells have no variables of a function alone: what the options say must outlive all calls.
#[test]
fn no_function_of_the_script_takes_a_variable_of_an_option() {
    const OWNERS: &[&str] = &["", "main", "install", "uninstall"];
    let script = include_str!("../../../../src/ship/release/installer/install.sh");
    let mut function = "";
    let mut options = std::collections::BTreeSet::new();
    let mut others = Vec::new();
    for line in script.lines() {
        if let Some((name, _)) = line.split_once("() {") {
            function = name;
        }
        let words = line.split([' ', ';', '(', '{']);
        let names = words
            .filter_map(|word| word.split_once('='))
            .map(|(name, _)| name);
        let is_name = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        for name in names.filter(|name| !name.is_empty()).filter(is_name) {
            if function == "main" {
                options.insert(name);
            } else if !OWNERS.contains(&function) {
                others.push((function, name));
            }
        }
    }
    assert!(options.contains("from") && options.contains("wanted"));
    others.retain(|(_, name)| options.contains(name));
    assert_eq!(others, [("", ""); 0]);
}

#[test]
fn a_script_that_is_cut_off_does_nothing() {
    let installer = Installer::new();
    let whole = std::fs::read(installer.script()).unwrap();
    let from = installer.project.path("out");
    let cut = installer.project.path("cut.sh");
    let last = whole.len() - 300;
    let ends = (1..last).step_by(97).chain(last..whole.len() - 1);
    for end in ends {
        std::fs::write(&cut, &whole[..end]).unwrap();
        installer.run(&cut, &["--from", from.to_str().unwrap()]);
        assert_eq!(
            installer.files(),
            [""; 0],
            "cut at {end} of {}",
            whole.len()
        );
    }
}

#[test]
fn a_running_program_is_replaced_and_a_changed_one_is_kept() {
    let installer = Installer::new();
    let script = installer.script();
    std::fs::create_dir_all(installer.bin().parent().unwrap()).unwrap();
    std::fs::copy("/bin/sleep", installer.bin()).unwrap();
    let receipt = installer.home.join(".local/bin/.hello-receipt");
    std::fs::write(&receipt, "00  hello\n").unwrap();
    let mut running = Command::new(installer.bin()).arg("600").spawn().unwrap();
    installer.install(&["dash"], &script, &["--no-modify-path"]);
    assert!(running.try_wait().unwrap().is_none());
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(
        Command::new(installer.bin())
            .output()
            .unwrap()
            .status
            .success()
    );
    // A program of an earlier version goes, unless it was changed.
    let old = installer.home.join(".local/bin/old");
    let own = installer.home.join(".local/bin/own");
    let sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    std::fs::write(&old, "").unwrap();
    std::fs::write(&own, "mine").unwrap();
    let listed = std::fs::read_to_string(&receipt).unwrap();
    std::fs::write(&receipt, format!("{sum}  old\n{sum}  own\n{listed}")).unwrap();
    let said = installer.install(&["dash"], &script, &["--no-modify-path"]);
    assert!(
        said.contains(&format!("kept {}: it was changed", own.display())),
        "{said}"
    );
    assert_eq!(std::fs::read_to_string(&receipt).unwrap(), listed);
    assert!(!old.exists() && own.exists());
    std::fs::write(installer.bin(), "mine").unwrap();
    installer.run(&script, &["--uninstall"]);
    assert_eq!(installer.files(), [".local/bin/hello", ".local/bin/own"]);
}

/// The file of a user, or of another installer.
#[test]
fn a_file_of_others_is_neither_overwritten_nor_removed() {
    let installer = Installer::new();
    let script = installer.script();
    let from = installer.project.path("out");
    let from = from.to_str().unwrap();
    let bin = installer.bin().parent().unwrap().to_owned();
    std::fs::create_dir_all(&bin).unwrap();
    let own = "not installed by an earlier run, and not overwritten: [ROOT]/home of a \
               user/.local/bin/hello; remove it, choose another directory (--dir DIR), or replace it \
               (--force)";
    for shell in SHELLS.iter().filter(|shell| has(shell[0])) {
        std::fs::write(installer.bin(), "mine").unwrap();
        let args = ["--from", from, "--no-modify-path"];
        let output = installer.command(shell, &script, &args).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{shell:?}");
        let said = text(&output.stderr).replace(installer.project.root.to_str().unwrap(), "[ROOT]");
        assert_eq!(said, format!("hello: error: {own}\n"), "{shell:?}");
        assert_eq!(installer.files(), [".local/bin/hello"], "{shell:?}");
        assert_eq!(std::fs::read_to_string(installer.bin()).unwrap(), "mine");
        // A link is no more ours, wherever it leads.
        std::fs::remove_file(installer.bin()).unwrap();
        symlink("nowhere", installer.bin()).unwrap();
        let refused = installer.refused(&script, &args);
        assert_eq!(refused, format!("hello: error: {own}"), "{shell:?}");
        // What is replaced on purpose is ours from then on.
        installer.install(shell, &script, &["--no-modify-path", "--force"]);
        assert!(!installer.bin().is_symlink(), "{shell:?}");
        installer.install(shell, &script, &["--no-modify-path"]);
        let output = installer.command(shell, &script, &["--uninstall"]);
        assert!({ output }.output().unwrap().status.success(), "{shell:?}");
        assert_eq!(installer.files(), [""; 0], "{shell:?}");
    }
    // The receipt of another program does not count.
    std::fs::write(installer.bin(), "mine").unwrap();
    std::fs::write(bin.join(".other-receipt"), "00  hello\n").unwrap();
    let refused = installer.refused(&script, &["--from", from]);
    assert_eq!(refused, format!("hello: error: {own}"));
}

#[test]
fn a_receipt_leads_to_nothing_outside_the_directory() {
    let installer = Installer::new();
    let script = installer.script();
    let bin = installer.home.join(".local/bin");
    // The digest of nothing, which the files have.
    let sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let victim = installer.home.join("victim");
    std::fs::write(&victim, "").unwrap();
    for shell in SHELLS.iter().filter(|shell| has(shell[0])) {
        for args in [
            &["--no-modify-path"][..],
            &["--uninstall", "--no-modify-path"],
        ] {
            installer.install(shell, &script, &["--no-modify-path"]);
            let receipt = bin.join(".hello-receipt");
            let lines = format!(
                "{sum}  ../../victim\n{sum}  {}\n{sum}  ..\n\n{}{sum}  last",
                victim.display(),
                std::fs::read_to_string(&receipt).unwrap()
            );
            std::fs::write(&receipt, lines).unwrap();
            std::fs::write(bin.join("last"), "").unwrap();
            installer.install(shell, &script, args);
            assert!(victim.exists(), "{shell:?} {args:?}");
            // A last line without an end is one.
            assert!(!bin.join("last").exists(), "{shell:?} {args:?}");
        }
    }
    assert_eq!(installer.files(), ["victim"]);
}

#[test]
fn an_interrupted_installation_can_be_removed() {
    let installer = Installer::new();
    let script = installer.script();
    let bin = installer.home.join(".local/bin");
    installer.install(&["dash"], &script, &["--no-modify-path"]);
    std::fs::write(installer.bin(), "of another version").unwrap();
    let receipt = bin.join(".hello-receipt");
    let old = "4d4f1e1f";
    std::fs::write(&receipt, format!("{old}  hello\n")).unwrap();
    // `mv` that ends the script after the first program.
    let fakes = installer.project.path("fakes");
    std::fs::create_dir(&fakes).unwrap();
    let fake = fakes.join("mv");
    let text = "#!/bin/sh\n/bin/mv \"$@\"\ncase $3 in */hello) kill $PPID ;; esac\n";
    std::fs::write(&fake, text).unwrap();
    std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o755)).unwrap();
    let from = installer.project.path("out");
    let output = installer
        .command(&["dash"], &script, &["--from", from.to_str().unwrap()])
        .env("PATH", format!("{}:{SYSTEM}", fakes.display()))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", text_of(&output));
    let lines = std::fs::read_to_string(&receipt).unwrap();
    assert!(
        lines.contains(&format!("{old}  hello\n")) && lines.lines().count() >= 2,
        "{lines}"
    );
    let output = installer.run(&script, &["--uninstall"]);
    assert!(output.status.success(), "{}", text_of(&output));
    assert_eq!(installer.files(), [""; 0]);
}

#[test]
fn each_directory_has_its_own_line_for_fish() {
    let installer = Installer::new();
    let script = installer.script();
    let fish = installer.home.join(".config/fish");
    std::fs::create_dir_all(&fish).unwrap();
    let file = fish.join("conf.d/hello.fish");
    let lines = || std::fs::read_to_string(&file).unwrap();
    let line = |directory: &str| format!("fish_add_path \"{directory}\" # hello\n");
    for shell in SHELLS.iter().filter(|shell| has(shell[0])) {
        for directory in ["/a", "/b", "/a"] {
            let place = installer.home.join(&directory[1..]);
            installer.install(shell, &script, &["--dir", place.to_str().unwrap()]);
        }
        let [a, b] = ["a", "b"].map(|name| installer.home.join(name).display().to_string());
        assert_eq!(lines(), line(&a) + &line(&b), "{shell:?}");
        let uninstall = |directory: &str| {
            let args = ["--uninstall", "--dir", directory];
            let output = installer.command(shell, &script, &args).output().unwrap();
            assert!(output.status.success(), "{shell:?}: {}", text_of(&output));
        };
        uninstall(&a);
        assert_eq!(lines(), line(&b), "{shell:?}");
        uninstall(&b);
        assert!(!file.exists(), "{shell:?}");
        // What the user has added stays.
        installer.install(shell, &script, &["--dir", &a]);
        std::fs::write(&file, lines() + "set -x A 1\n").unwrap();
        uninstall(&a);
        assert_eq!(lines(), "set -x A 1\n", "{shell:?}");
        std::fs::remove_file(&file).unwrap();
    }
}

#[test]
fn what_cannot_be_installed_is_found_before_the_first_move() {
    let installer = Installer::new();
    let script = installer.script();
    let from = installer.project.path("out");
    let from = from.to_str().unwrap();
    std::fs::create_dir_all(installer.bin()).unwrap();
    assert_eq!(
        installer.refused(&script, &["--from", from]),
        "hello: error: [ROOT]/home of a user/.local/bin/hello is a directory"
    );
    assert_eq!(installer.files(), [""; 0]);
    assert_eq!(
        installer.refused(&script, &["--from", from, "--dir", "a\nb"]),
        "hello: error: a directory with a line break in its name cannot be used"
    );
    assert_eq!(
        installer.refused(&script, &["--uninstall", "hello"]),
        "hello: error: --uninstall removes all packages, and takes none"
    );
    std::fs::remove_dir(installer.bin()).unwrap();
    std::fs::create_dir(installer.home.join(".local/bin/.hello-receipt")).unwrap();
    assert_eq!(
        installer.refused(&script, &["--from", from]),
        "hello: error: [ROOT]/home of a user/.local/bin/.hello-receipt is a directory"
    );
    // A colon would divide the line for PATH.
    let said = installer.install(&["dash"], &script, &["--dir", "a:b"]);
    assert!(
        said.contains("its name cannot be written into the start-up files"),
        "{said}"
    );
}

/// Every target that the script knows, as packages of a release.
const TARGETS: &[&str] = &[
    "x86_64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "i686-unknown-linux-gnu",
    "i586-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "thumbv7neon-unknown-linux-gnueabihf",
    "armv7-unknown-linux-gnueabihf",
    "arm-unknown-linux-gnueabihf",
    "armv5te-unknown-linux-gnueabi",
    "riscv64gc-unknown-linux-gnu",
    "powerpc64le-unknown-linux-gnu",
    "s390x-unknown-linux-gnu",
    "loongarch64-unknown-linux-gnu",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "x86_64-unknown-freebsd",
];

#[test]
fn each_machine_gets_the_build_that_starts_there() {
    let installer = Installer::new();
    let script = std::fs::read_to_string(installer.script()).unwrap();
    let floor = |target: &&str| match *target {
        target if target.ends_with("gnu") || target.contains("-gnuea") => "2.17",
        target if target.contains("apple") => "11.0",
        _ => "-",
    };
    let rows: String = TARGETS
        .iter()
        .map(|target| {
            format!(
                "hello {target} {target}.tar.gz 00 {} - hello\n",
                floor(target)
            )
        })
        .collect();
    let (before, rest) = script.split_once("table='\n").unwrap();
    let (_, after) = rest.split_once("\n'").unwrap();
    let script = installer.project.path("all.sh");
    std::fs::write(&script, format!("{before}table='\n{rows}'{after}")).unwrap();
    let glibc = "glibc 2.36";
    // Kernel, processor, word size, C library, flags of the processor, target.
    for (kernel, cpu, bits, libc, flags, expected) in [
        (
            "Linux",
            "x86_64",
            "64",
            glibc,
            "sse2",
            "x86_64-unknown-linux-gnu",
        ),
        (
            "Linux",
            "x86_64",
            "64",
            "glibc 2.12",
            "sse2",
            "x86_64-unknown-linux-musl",
        ),
        (
            "Linux",
            "x86_64",
            "64",
            "musl",
            "sse2",
            "x86_64-unknown-linux-musl",
        ),
        (
            "Linux",
            "x86_64",
            "32",
            glibc,
            "sse2",
            "i686-unknown-linux-gnu",
        ),
        (
            "Linux",
            "i686",
            "32",
            glibc,
            "fpu",
            "i586-unknown-linux-gnu",
        ),
        (
            "Linux",
            "i686",
            "32",
            glibc,
            "fpu sse2",
            "i686-unknown-linux-gnu",
        ),
        (
            "Linux",
            "aarch64",
            "64",
            glibc,
            "asimd",
            "aarch64-unknown-linux-gnu",
        ),
        (
            "Linux",
            "aarch64",
            "32",
            glibc,
            "asimd",
            "thumbv7neon-unknown-linux-gnueabihf",
        ),
        (
            "Linux",
            "armv7l",
            "32",
            glibc,
            "vfpv3 neon",
            "thumbv7neon-unknown-linux-gnueabihf",
        ),
        (
            "Linux",
            "armv7l",
            "32",
            glibc,
            "vfpv3d16",
            "armv7-unknown-linux-gnueabihf",
        ),
        (
            "Linux",
            "armv7l",
            "32",
            glibc,
            "vfp",
            "arm-unknown-linux-gnueabihf",
        ),
        (
            "Linux",
            "armv6l",
            "32",
            glibc,
            "vfp",
            "arm-unknown-linux-gnueabihf",
        ),
        (
            "Linux",
            "armv5tel",
            "32",
            glibc,
            "swp",
            "armv5te-unknown-linux-gnueabi",
        ),
        (
            "Linux",
            "riscv64",
            "64",
            glibc,
            "",
            "riscv64gc-unknown-linux-gnu",
        ),
        (
            "Linux",
            "ppc64le",
            "64",
            glibc,
            "",
            "powerpc64le-unknown-linux-gnu",
        ),
        ("Linux", "s390x", "64", glibc, "", "s390x-unknown-linux-gnu"),
        (
            "Linux",
            "loongarch64",
            "64",
            glibc,
            "",
            "loongarch64-unknown-linux-gnu",
        ),
        ("Darwin", "arm64", "64", "", "", "aarch64-apple-darwin"),
        (
            "Darwin",
            "x86_64",
            "64",
            "rosetta",
            "",
            "aarch64-apple-darwin",
        ),
        ("Darwin", "x86_64", "64", "", "", "x86_64-apple-darwin"),
        ("FreeBSD", "amd64", "64", "", "", "x86_64-unknown-freebsd"),
        (
            "Linux",
            "mips64",
            "64",
            glibc,
            "",
            "has no build for this machine",
        ),
        (
            "MINGW64_NT-10.0",
            "x86_64",
            "64",
            "",
            "",
            "on Windows, run install.ps1",
        ),
    ] {
        let fakes = installer.project.path("fakes");
        let _ = std::fs::remove_dir_all(&fakes);
        std::fs::create_dir(&fakes).unwrap();
        let fake = |name: &str, body: &str| {
            let path = fakes.join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        fake(
            "uname",
            &format!("case $1 in -s) echo {kernel} ;; -m) echo {cpu} ;; esac"),
        );
        let version = if libc.starts_with("glibc") {
            format!("echo {libc}")
        } else {
            "exit 1".to_owned()
        };
        fake(
            "getconf",
            &format!("case $1 in LONG_BIT) echo {bits} ;; GNU_LIBC_VERSION) {version} ;; esac"),
        );
        fake("ldd", "echo 'musl libc (x86_64)' >&2; exit 1");
        fake("cat", &format!("echo 'flags : {flags}'"));
        fake(
            "sysctl",
            if libc == "rosetta" {
                "echo 1"
            } else {
                "exit 1"
            },
        );
        fake("sw_vers", "echo 14.5");
        let output = installer
            .command(&["dash"], &script, &["--print"])
            .env("PATH", format!("{}:{SYSTEM}", fakes.display()))
            .output()
            .unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(
            said.contains(expected),
            "{kernel} {cpu} {bits} {libc} {flags}: {said}"
        );
        let is_target = TARGETS.contains(&expected);
        let first = text(&output.stdout).split(' ').nth(1).map(str::to_owned);
        assert_eq!(first.as_deref().unwrap_or_default() == expected, is_target);
    }
}

/// A system with nothing but BusyBox, as in small containers: neither bash nor curl, getconf or ldd.
#[test]
fn a_system_of_busybox_alone_gets_musl() {
    const NAME: &str = "a_system_of_busybox_alone_gets_musl";
    let installer = Installer::new();
    let root = installer.project.path("root");
    for directory in ["bin", "dev", "root", "out", "proc"] {
        std::fs::create_dir_all(root.join(directory)).unwrap();
    }
    let busybox = root.join("bin/busybox");
    std::fs::copy(tool("busybox"), &busybox).unwrap();
    std::fs::write(root.join("dev/null"), "").unwrap();
    // What it is linked with: not enough for a program of glibc to be chosen, and rightly so.
    let libraries = Command::new(tool("ldd")).arg(&busybox).output().unwrap();
    let libraries = text(&libraries.stdout);
    for path in libraries
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
    {
        let place = root.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::copy(path, place).unwrap();
    }
    let list = Command::new(&busybox).arg("--list").output().unwrap();
    for applet in text(&list.stdout).lines() {
        let _ = symlink("busybox", root.join("bin").join(applet));
    }
    for file in installer.project.files("out") {
        std::fs::copy(
            installer.project.path("out").join(&file),
            root.join("out").join(&file),
        )
        .unwrap();
    }
    let run = |line: &str| {
        Command::new("/usr/sbin/chroot")
            .arg(&root)
            .args(["/bin/sh", "-c", line])
            .env_clear()
            .env("PATH", "/bin")
            .env("HOME", "/root")
            .output()
    };
    match run("true") {
        Ok(output) if output.status.success() => {}
        _ => return skipped(NAME, "chroot is not permitted"),
    }
    let output = run("sh /out/install.sh --from /out && $HOME/.local/bin/hello").unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stderr);
    assert!(
        said.contains(&format!("hello 0.1.0 for {X86_MUSL}")),
        "{said}"
    );
}

/// No PowerShell can be had from the registries; its grammar can.
#[test]
fn the_installer_for_windows_parses() {
    const NAME: &str = "the_installer_for_windows_parses";
    let grammar = repository().join("target/toolchains/powershell-grammar");
    if !grammar.exists() {
        return skipped(NAME, "the grammar of PowerShell is not installed");
    }
    let template = include_str!("../../../../src/ship/release/installer/install.ps1");
    let row = "    , @('hello', 'x86_64-pc-windows-gnu', 'hello.zip', '00', 'hello.exe')\n";
    let script = template
        .replace("@TABLE@", row)
        .replace("@PREFIX@", "HELLO");
    let project = Project::empty();
    project.write("install.ps1", &script);
    let parse = "import sys, tree_sitter, tree_sitter_powershell as p\n\
                 parser = tree_sitter.Parser(tree_sitter.Language(p.language()))\n\
                 def faults(node):\n\
                 \x20   if node.is_error or node.is_missing: yield node.start_point\n\
                 \x20   for child in node.children: yield from faults(child)\n\
                 tree = parser.parse(open(sys.argv[1], 'rb').read())\n\
                 print(list(faults(tree.root_node)))\n";
    let output = Command::new(tool("python3"))
        .args(["-c", parse])
        .arg(project.path("install.ps1"))
        .env("PYTHONPATH", grammar)
        .output()
        .unwrap();
    assert_eq!(text(&output.stdout), "[]\n", "{}", text(&output.stderr));
}

#[test]
fn a_signature_is_verified_where_a_tool_is_here() {
    let project = Project::of("hello").with("minisign").with("ssh-keygen");
    let line = "minisign -G -W -p key.pub -s key.min >/dev/null && ssh-keygen -q -t ed25519 -N '' -C \
                a@b -f key.ssh && minisign -G -W -p key2.pub -s key2.min >/dev/null";
    project.shell(line).ok();
    let minisign = |file: &str| project.read(file).lines().nth(1).unwrap().to_owned();
    let configure = |key: &str| {
        let ssh = project.read("key.ssh.pub");
        let keys = format!("[release]\npublic-keys = [\"{key}\", \"{}\"]\n", ssh.trim());
        project.write("xpkg.toml", &keys);
    };
    let release = |flags: &str| {
        project.xpkg(&format!(
            "release -q --target {X86_MUSL} --release-dir out {flags}"
        ))
    };
    // The key of the configuration must be the one that signs.
    configure(&minisign("key2.pub"));
    let other = release("--sign minisign:key.min");
    assert!(
        other
            .stderr
            .starts_with("error[signing-failed]: `SHA256SUMS` has another key"),
        "{}",
        other.stderr
    );
    configure(&minisign("key.pub"));
    release("--sign minisign:key.min --sign ssh:key.ssh").ok();
    let script = project.read("out/install.sh");
    assert!(!script.contains("a@b"));
    let home = project.path("home of a user");
    std::fs::create_dir(&home).unwrap();
    let bin = project.path("only");
    std::fs::create_dir(&bin).unwrap();
    let tools = [
        "dash",
        "tar",
        "gzip",
        "mktemp",
        "sha256sum",
        "uname",
        "getconf",
        "cat",
        "cp",
        "mv",
        "mkdir",
        "rm",
        "chmod",
    ];
    for name in tools {
        symlink(tool(name), bin.join(name)).unwrap();
    }
    let installer = Installer {
        home,
        path: bin.to_str().unwrap().to_owned(),
        project,
    };
    let out = installer.project.path("out");
    let run = || {
        let arguments = ["--from", out.to_str().unwrap(), "--no-modify-path"];
        let run = installer.run(&installer.script(), &arguments);
        let text = String::from_utf8(run.stderr).unwrap();
        (run.status.code(), text.lines().next().unwrap().to_owned())
    };
    let says = |by: &str| format!("SHA256SUMS is signed by the key in this script, says {by}");
    assert_eq!(
        run(),
        (
            Some(0),
            "the signature was not verified, for which minisign or ssh-keygen is needed; the archives \
             are compared with the digests in this script"
                .to_owned()
        )
    );
    symlink(tool("ssh-keygen"), bin.join("ssh-keygen")).unwrap();
    assert_eq!(run(), (Some(0), says("ssh-keygen")));
    symlink(tool("minisign"), bin.join("minisign")).unwrap();
    assert_eq!(run(), (Some(0), says("minisign")));
    // What is signed decides, not what the script says of it.
    let sums = installer.project.read("out/SHA256SUMS");
    installer
        .project
        .write("out/SHA256SUMS", &sums.replacen('a', "b", 1));
    for by in ["minisign", "ssh-keygen"] {
        let error =
            format!("hello: error: SHA256SUMS is not signed by the key in this script, says {by}");
        assert_eq!(run(), (Some(1), error));
        std::fs::remove_file(bin.join(by)).unwrap();
    }
    installer.project.write("out/SHA256SUMS", &sums);
    symlink(tool("minisign"), bin.join("minisign")).unwrap();
    let archive = format!("hello-0.1.0-{X86_MUSL}.tar.gz");
    let line = format!(
        "o=$(sha256sum <out/{archive}) && printf x >>out/{archive} && n=$(sha256sum <out/{archive}) && \
         sed -i \"s/${{o%% *}}/${{n%% *}}/\" out/install.sh"
    );
    installer
        .project
        .shell(&format!("PATH=/usr/bin:/bin; {line}"))
        .ok();
    let arguments = ["--from", out.to_str().unwrap(), "--no-modify-path", "-q"];
    let run = installer.run(&installer.script(), &arguments);
    assert_eq!(
        (run.status.code(), String::from_utf8(run.stderr).unwrap()),
        (
            Some(1),
            format!("hello: error: {archive} is not in the signed SHA256SUMS\n")
        )
    );
}
