//! Container engines for the tests: podman, dockerd and a registry on loopback, of Debian's
//! packages alone.
//!
//! What is written lies in `target/engine`, but for what the engines themselves store. The
//! machine's own configuration, its services and a dockerd that was there before are left as they
//! are. Two files are for the tests, read at run time, since digests follow Debian's updates:
//! `images.json` (reference to digest) and `engines.json` (version, environment, or why not).

mod apart;
mod images;
mod state;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use self::apart::Apart;
use self::images::REGISTRY;
use self::state::{file, podman_environment, running, write};
use crate::command::{self, Go as _, ask, soon, step};
use crate::debian::{self, Set};
use crate::setup;

const PACKAGES: &[(&str, &str)] = &[
    ("podman", "podman"),
    ("runc", "runc"),
    // For podman of a user who is not root.
    ("newuidmap", "uidmap"),
    ("/usr/sbin/dockerd", "docker.io"),
    ("docker-registry", "docker-registry"),
    ("mmdebstrap", "mmdebstrap"),
    ("ip", "iproute2"),
    // Reads and pushes the layouts that `docker --oci` writes.
    ("skopeo", "skopeo"),
];

/// An engine of the tests. Each dockerd has a socket and storage of its own, beside those of
/// another which the machine may have at another time.
struct Engine {
    name: &'static str,
    /// The suite whose dockerd, containerd and buildx are unpacked for it: these keep images in
    /// containerd's store, build with BuildKit and make images of several platforms. Or the suite
    /// that podman runs in, apart from this machine's. Without one it is what the machine has
    /// installed.
    suite: Option<&'static str>,
    /// What its containers have for a network: nothing, or a bridge of this address, which leads
    /// nowhere. BuildKit's `RUN` has no other to fall back on.
    bridge: Option<&'static str>,
    /// Started by `up --all` only.
    more: bool,
}

const ENGINES: &[Engine] = &[
    Engine {
        name: "podman",
        suite: None,
        bridge: None,
        more: false,
    },
    Engine {
        name: "docker",
        suite: None,
        bridge: None,
        more: false,
    },
    Engine {
        name: "docker-trixie",
        suite: Some("trixie"),
        bridge: Some("198.18.26.1/24"),
        more: false,
    },
    Engine {
        name: "docker-sid",
        suite: Some("sid"),
        bridge: Some("198.18.28.1/24"),
        more: true,
    },
    Engine {
        name: "podman-trixie",
        suite: Some("trixie"),
        bridge: None,
        more: true,
    },
];

pub fn run(args: &[String]) -> Result<(), String> {
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["up"] => up(false),
        ["up", "--all"] => up(true),
        ["test"] => test(),
        ["down"] => down(),
        _ => Err("`engine up`, `engine up --all`, `engine test` or `engine down`".to_owned()),
    }
}

impl Engine {
    fn is_docker(&self) -> bool {
        self.name.starts_with("docker")
    }

    fn apart(&self) -> Option<Apart> {
        self.suite.filter(|_| !self.is_docker()).map(|suite| Apart {
            name: self.name,
            suite,
        })
    }

    /// What a client needs in its environment to reach it.
    fn environment(&self) -> BTreeMap<&'static str, String> {
        match self.suite {
            _ if !self.is_docker() => podman_environment().into(),
            // Which builder an old client takes, and a new one, would be the client's choice.
            None => [("DOCKER_BUILDKIT", "0".to_owned())].into(),
            Some(_) => [
                ("DOCKER_HOST", self.socket()),
                ("DOCKER_CONFIG", self.file("client")),
                ("DOCKER_BUILDKIT", "1".to_owned()),
            ]
            .into(),
        }
    }

    /// Something of its own below `target/engine`.
    fn file(&self, name: &str) -> String {
        file(&format!("{}/{name}", self.name))
    }

    /// Where docker's own client looks, for the one that is installed.
    fn socket(&self) -> String {
        self.suite
            .map_or("unix:///var/run/docker.sock".to_owned(), |_| {
                format!("unix://{}/docker.sock", self.place("/run"))
            })
    }

    fn place(&self, below: &str) -> String {
        format!("{below}/{}", self.name.replacen("docker", "docker-xpkg", 1))
    }

    /// What a user would type, where it is not on PATH under its name.
    fn program(&self) -> String {
        let own = if self.is_docker() { "docker" } else { "podman" };
        self.apart()
            .map_or_else(|| own.to_owned(), |apart| apart.program())
    }

    fn client(&self) -> Command {
        let mut client = Command::new(self.program());
        client.envs(self.environment());
        if self.is_docker() {
            client.args(["--host", &self.socket()]);
        }
        client
    }

    /// What has to run for it: nothing for podman of this machine.
    fn server(&self) -> Option<Vec<String>> {
        if !self.is_docker() {
            return self.apart().map(|apart| apart.hold());
        }
        let program = self.suite.map_or("/usr/sbin/dockerd".to_owned(), |_| {
            self.file("root/usr/sbin/dockerd")
        });
        Some(vec![
            program,
            "--config-file".to_owned(),
            self.file("dockerd.json"),
        ])
    }

    /// The name of its bridge, which is made where it is not there.
    fn bridge(&self) -> Result<String, String> {
        let Some(address) = self.bridge else {
            return Ok("none".to_owned());
        };
        let name = self.name.replacen("docker", "xpkg", 1);
        if !Path::new("/sys/class/net").join(&name).exists() {
            ask(Command::new("ip").args(["link", "add", &name, "type", "bridge"]))?;
        }
        ask(Command::new("ip").args(["address", "replace", address, "dev", &name]))?;
        ask(Command::new("ip").args(["link", "set", &name, "up"]))?;
        Ok(name)
    }

    /// Unpacks it, where it is not installed, and writes what it is configured with.
    fn configure(&self) -> Result<(), String> {
        if !self.is_docker() {
            return configure_podman()
                .and_then(|()| self.apart().map_or(Ok(()), |apart| apart.make()));
        }
        let mut configuration = json!({
            "hosts": [self.socket()], "pidfile": self.file("dockerd.pid"), "data-root": self.place("/var/lib"),
            "exec-root": self.place("/run"), "bridge": self.bridge()?, "iptables": false, "ip6tables": false,
            "exec-opts": ["native.cgroupdriver=cgroupfs"], "log-level": "warn",
        });
        let Some(suite) = self.suite else {
            configuration["storage-driver"] = json!("overlay2");
            return write(
                &format!("{}/dockerd.json", self.name),
                &configuration.to_string(),
            );
        };
        configuration["features"] = json!({ "containerd-snapshotter": true });
        // What a test has just built is to be there for its next build, however full the disk is.
        configuration["builder"] = json!({ "gc": { "enabled": false } });
        write(
            &format!("{}/dockerd.json", self.name),
            &configuration.to_string(),
        )?;
        let packages = vec!["docker.io", "containerd", "docker-buildx", "docker-compose"];
        debian::unpack(
            &Set {
                place: format!("engine/{}/root", self.name),
                suite,
                arch: "amd64",
                packages,
            },
            |_| Ok(()),
        )?;
        let plugins = PathBuf::from(self.file("client/cli-plugins"));
        let failed = |error: std::io::Error| format!("{}: {error}", plugins.display());
        std::fs::create_dir_all(&plugins).map_err(failed)?;
        for plugin in ["docker-buildx", "docker-compose"] {
            let _ = std::fs::remove_file(plugins.join(plugin));
            let program = self.file(&format!("root/usr/libexec/docker/cli-plugins/{plugin}"));
            std::os::unix::fs::symlink(program, plugins.join(plugin)).map_err(failed)?;
        }
        Ok(())
    }

    fn serve(&self) -> Result<(), String> {
        let Some(server) = self.server() else {
            return Ok(());
        };
        let asked = if self.is_docker() {
            "{{.Server.Version}}"
        } else {
            "{{.Client.Version}}"
        };
        let answers = || {
            let there = self.apart().is_none_or(|apart| apart.reach().is_ok());
            there && ask(self.client().args(["version", "--format", asked])).is_ok()
        };
        // Of a dockerd that was killed: by now they may name some other process, and dockerd would
        // wait for that, or end it.
        let stale = [
            self.file("dockerd.pid"),
            format!("{}/containerd/containerd.pid", self.place("/run")),
        ];
        serve(
            &server,
            &format!("{}/server.log", self.name),
            &stale,
            answers,
        )
    }

    /// Takes away the images that tests have made, and what BuildKit keeps beyond that from which
    /// the next run starts.
    fn tidy(&self) -> Result<(), String> {
        let listed =
            ask(self
                .client()
                .args(["images", "--format", "{{.Repository}} {{.Tag}} {{.ID}}"]))?;
        let of_tests = |line: &str| {
            let [repository, tag, id] = line.split(' ').collect::<Vec<_>>()[..] else {
                return None;
            };
            let name = if tag == "<none>" {
                id.to_owned()
            } else {
                format!("{repository}:{tag}")
            };
            repository.contains("/xpkg-tests").then_some(name)
        };
        let names: Vec<String> = listed.lines().filter_map(of_tests).collect();
        if !names.is_empty() {
            ask(self.client().args(["rmi", "--force"]).args(names))?;
        }
        if self.is_docker() && self.suite.is_some() {
            ask(self.client().args([
                "builder",
                "prune",
                "--all",
                "--force",
                "--keep-storage",
                "4gb",
            ]))?;
        }
        Ok(())
    }

    /// Version, and whether it is rootless.
    fn about(&self) -> Result<(String, bool), String> {
        let form = if self.is_docker() {
            "{{.ServerVersion}} {{.SecurityOptions}}"
        } else {
            "{{.Version.Version}} {{.Host.Security.Rootless}}"
        };
        let answer = ask(self.client().args(["info", "--format", form]))?;
        let (version, rest) = answer.split_once(' ').unwrap_or((&answer, ""));
        Ok((
            version.to_owned(),
            rest.contains("true") || rest.contains("name=rootless"),
        ))
    }
}

/// Every test that needs an engine, on all of them. The fast suite has podman and one docker of
/// each kind.
fn test() -> Result<(), String> {
    let _alone = command::alone();
    up(true)?;
    let parts = ["build::chat::", "ship::", "toolchain::image::"];
    command::cargo(&["test", "--locked", "--test", "it", "--"])
        .args(parts)
        .env("XPKG_ENGINES", "all")
        .env("XPKG_SKIP", "never")
        .go()
}

/// What runs, is installed or is made already stays as it is. On stdout stands what podman needs in
/// its environment.
pub fn up(all: bool) -> Result<(), String> {
    let _alone = lock()?;
    let installed = install();
    configure_podman()?;
    for (name, value) in podman_environment() {
        println!("export {name}='{value}'");
    }
    let why = |problem: String| installed.clone().err().unwrap_or(problem);
    let made = serve_images().and_then(|()| images::make()).map_err(why);
    let images = images::digests();
    write("images.json", &format!("{:#}\n", json!(images)))?;
    for (reference, digest) in &images {
        step(&format!("{reference} {digest}"));
    }
    let mut engines = BTreeMap::new();
    for engine in ENGINES.iter().filter(|engine| all || !engine.more) {
        let name = engine.name;
        let answer = engine
            .configure()
            .and_then(|()| engine.serve())
            .and_then(|()| pull_and_run(engine, &images, &made));
        let answer = match answer.and_then(|()| engine.about()) {
            Ok((version, rootless)) => {
                step(&format!(
                    "{name} {version}, {}",
                    if rootless { "rootless" } else { "as root" }
                ));
                let environment = engine.environment();
                json!({ "answers": true, "program": engine.program(), "version": version, "rootless": rootless, "environment": environment })
            }
            Err(problem) => {
                let why = why(problem);
                step(&format!("{name} runs no containers here: {why}"));
                json!({ "answers": false, "why": why })
            }
        };
        engines.insert(name, answer);
    }
    write("engines.json", &format!("{:#}\n", json!(engines)))?;
    made?;
    engines
        .values()
        .any(|engine| engine["answers"] == true)
        .then_some(())
        .ok_or_else(|| "no container engine runs here".to_owned())
}

/// Ends what `up` started; packages and the images of `up` stay, and those of the tests go.
pub fn down() -> Result<(), String> {
    let _alone = lock()?;
    for engine in ENGINES.iter().filter(|engine| {
        engine
            .server()
            .is_none_or(|server| running(&server).is_some())
    }) {
        if let Err(problem) = engine.tidy() {
            step(&format!(
                "images of the tests are left in {}: {problem}",
                engine.name
            ));
        }
    }
    let servers = ENGINES.iter().filter_map(Engine::server);
    for command in servers.chain([registry()]) {
        let Some(pid) = running(&command) else {
            continue;
        };
        step(&format!("ending {} ({pid})", command.join(" ")));
        ask(Command::new("sh").args(["-c", &format!("kill {pid}")]))?;
        if !soon(|| running(&command).is_none()) {
            return Err(format!("process {pid} does not end: {}", command.join(" ")));
        }
    }
    tidy_registry()
}

/// Takes away what tests have pushed, once nobody serves it.
fn tidy_registry() -> Result<(), String> {
    let pushed = file("registry/docker/registry/v2/repositories/xpkg-tests");
    if !Path::new(&pushed).exists() {
        return Ok(());
    }
    std::fs::remove_dir_all(&pushed).map_err(|error| format!("{pushed}: {error}"))?;
    ask(Command::new("docker-registry").args(["garbage-collect", &file("registry.yml")])).map(drop)
}

/// The port, the socket and docker's storage are the machine's: so is the lock. It goes with the
/// process.
fn lock() -> Result<File, String> {
    let path = Path::new("/run/lock/xpkg-engine");
    let lock = File::create(path)
        .or_else(|_| File::open(path))
        .map_err(|error| format!("{}: {error}", path.display()))?;
    lock.lock()
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(lock)
}

/// Debian's packages would start their services, the registry on every address: what exits with 101
/// here forbids it.
fn install() -> Result<(), String> {
    let policy = Path::new("/usr/sbin/policy-rc.d");
    let ours = !policy.exists() && std::fs::write(policy, "#!/bin/sh\nexit 101\n").is_ok();
    if ours {
        ask(Command::new("chmod").arg("755").arg(policy))?;
    }
    let installed = setup::packages(PACKAGES);
    if ours {
        let _ = std::fs::remove_file(policy);
    }
    installed
}

/// Podman without systemd and crun, which refuses mixed cgroups; in all engines no network but a
/// container's own loopback.
fn configure_podman() -> Result<(), String> {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    // Podman asks for more than a process without CAP_SYS_RESOURCE may have.
    let hard = |name: &str, most: u64| {
        let words = limits
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .map(str::split_whitespace);
        words
            .and_then(|mut words| words.nth(1)?.parse().ok())
            .map_or(most, |hard: u64| hard.min(most))
    };
    let pids = std::fs::read_to_string("/proc/sys/kernel/pid_max")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(32768);
    let (files, processes) = (hard("Max open files", 1 << 20), hard("Max processes", pids));
    let podman = format!(
        "[containers]\ndefault_ulimits = [\"nofile={files}:{files}\", \"nproc={processes}:{processes}\"]\nnetns = \"none\"\n\
         [engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n"
    );
    let storage = format!(
        "storage:\n  filesystem: {{rootdirectory: '{}'}}\n  delete: {{enabled: true}}\n",
        file("registry")
    );
    write("containers.conf", &podman)?;
    write(
        "registries.conf",
        &format!("[[registry]]\nlocation = \"{REGISTRY}\"\ninsecure = true\n"),
    )?;
    write(
        "registry.yml",
        &format!("version: 0.1\nlog: {{level: warn}}\nhttp: {{addr: '{REGISTRY}'}}\n{storage}"),
    )
}

fn registry() -> Vec<String> {
    vec![
        "docker-registry".to_owned(),
        "serve".to_owned(),
        file("registry.yml"),
    ]
}

fn serve_images() -> Result<(), String> {
    let answers = || images::http("/v2/").is_some_and(|head| head.contains("registry/2.0"));
    if TcpStream::connect(REGISTRY).is_ok() && !answers() {
        return Err(format!(
            "something that is no registry answers on {REGISTRY}; `ss -ltnp` names it"
        ));
    }
    serve(&registry(), "registry.log", &[], answers)
}

/// Starts a server that outlives us, in a session of its own, where none answers, and waits until
/// it does.
fn serve(
    command: &[String],
    log: &str,
    stale: &[String],
    answers: impl Fn() -> bool,
) -> Result<(), String> {
    if answers() {
        return Ok(());
    }
    let failed = |error: std::io::Error| format!("{}: {error}", command[0]);
    let mut started = None;
    if running(command).is_none() {
        step(&format!("starting {}", command.join(" ")));
        for stale in stale {
            let _ = std::fs::remove_file(stale);
        }
        let log = File::create(file(log)).map_err(failed)?;
        // containerd of the same suite first, where the server was unpacked with one.
        let path = Path::new(&command[0]).parent().map(|own| {
            format!(
                "{0}/../bin:{0}:/usr/sbin:/usr/bin:/sbin:/bin",
                own.display()
            )
        });
        let path = path.unwrap_or_default();
        let mut server = Command::new("setsid");
        server
            .args(command)
            .current_dir("/")
            .env_clear()
            .env("PATH", path)
            .stdin(Stdio::null());
        let server = server.stdout(log.try_clone().map_err(failed)?).stderr(log);
        started = Some(server.spawn().map_err(failed)?);
    }
    // On a busy machine it takes a while until the process has the name of the server.
    let started = RefCell::new(started);
    let has_ended = || match &mut *started.borrow_mut() {
        Some(server) => !matches!(server.try_wait(), Ok(None)),
        None => running(command).is_none(),
    };
    if soon(|| answers() || has_ended()) && answers() {
        return Ok(());
    }
    let said = std::fs::read_to_string(file(log)).unwrap_or_default();
    Err(format!(
        "{} does not answer: {}",
        command[0],
        said.lines().last().unwrap_or("it said nothing")
    ))
}

/// The large images: while podman unpacks one, whoever asks it for another waits.
fn pull_and_run(
    engine: &Engine,
    images: &BTreeMap<String, String>,
    made: &Result<(), String>,
) -> Result<(), String> {
    for image in ["gcc12:1", "gcc9:1"].map(images::reference) {
        let Some(digest) = images.get(&image) else {
            return made
                .clone()
                .and(Err(format!("the registry has no {image}")));
        };
        let (pinned, name) = (
            format!("{}@{digest}", image.trim_end_matches(":1")),
            format!("xpkg-engine-{}", std::process::id()),
        );
        ask(engine.client().args([
            "run",
            "--rm",
            "--network",
            "none",
            "--name",
            &name,
            &pinned,
            "cc",
            "--version",
        ]))?;
    }
    Ok(())
}
