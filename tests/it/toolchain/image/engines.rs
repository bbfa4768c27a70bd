//! Real container engines: each test of a cross image runs on every one that `cargo xtask engine
//! up` started here.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use regex::Regex;
use serde_json::Value;

use crate::support::{ARM_GNU, Project, Run, repository, skipped, skipped_in_part, tool};

/// An engine that answers, and what the registry beside it holds.
pub struct Engine {
    pub name: String,
    /// What a user types.
    pub program: &'static str,
    /// What stands behind that: a path, where it is not the one on PATH.
    pub path: PathBuf,
    version: String,
    environment: BTreeMap<String, String>,
    /// Reference to digest. They follow Debian's updates, so no test knows one before it runs.
    digests: BTreeMap<String, String>,
}

thread_local! {
    static HELD: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

/// What [`Engine::alone`] holds, unless this thread held it before.
pub struct Alone(Option<(String, MutexGuard<'static, ()>)>);

impl Drop for Alone {
    fn drop(&mut self) {
        if let Some((engine, _)) = &self.0 {
            HELD.with_borrow_mut(|held| held.remove(engine));
        }
    }
}

/// Runs a test on each engine; on one that does not answer it is skipped, by name.
pub fn on_each_engine<F: Fn(&Engine)>(test: F) {
    on(
        &["podman", "docker"],
        if all() {
            &["docker-trixie", "docker-sid", "podman-trixie"]
        } else {
            &[]
        },
        test,
    );
}

/// The same on those that build with BuildKit, have buildx, and make images of several platforms.
pub fn on_each_buildkit<F: Fn(&Engine)>(test: F) {
    on(
        &["docker-trixie"],
        if all() { &["docker-sid"] } else { &[] },
        test,
    );
}

/// Every test on every engine costs twice the time: `cargo xtask engine test` asks for it.
pub fn all() -> bool {
    std::env::var("XPKG_ENGINES").as_deref() == Ok("all")
}

fn on<F: Fn(&Engine)>(engines: &[&str], more: &[&str], test: F) {
    let whole = std::any::type_name_of_val(&test);
    let name = whole
        .rsplit("::")
        .find(|part| !part.starts_with('{'))
        .unwrap_or(whole);
    let (mut ran, mut skips) = (false, Vec::new());
    for (number, engine) in [engines, more].concat().into_iter().enumerate() {
        match Engine::of(engine) {
            // All must say the same: what the first says is written, the next run holds the others
            // to it.
            Ok(_) if std::env::var("SNAPSHOTS").as_deref() == Ok("overwrite") && number > 0 => {}
            Ok(engine) => {
                ran = true;
                test(&engine);
            }
            Err(why) => {
                // Where no engine can run, there is nothing to demand; one that was never tried is.
                let tried = !why.contains("cargo xtask engine up");
                assert!(
                    tried || std::env::var("XPKG_SKIP").as_deref() != Ok("never"),
                    "{engine}: {why}"
                );
                skips.push(format!("{engine}: {why}"));
            }
        }
    }
    let skip = if ran { skipped_in_part } else { skipped };
    for why in skips {
        skip(name, &why);
    }
}

impl Engine {
    fn of(name: &str) -> Result<Self, String> {
        let read = |file: &str| {
            let text = std::fs::read_to_string(repository().join("target/engine").join(file))
                .map_err(|error| error.to_string());
            text.and_then(|text| {
                serde_json::from_str::<Value>(&text).map_err(|error| error.to_string())
            })
            .map_err(|error| {
                format!("target/engine/{file}: {error}; `cargo xtask engine up` writes it")
            })
        };
        let engine = &read("engines.json")?[name];
        if engine["answers"] != true {
            return Err(engine["why"]
                .as_str()
                .unwrap_or("`cargo xtask engine up` did not try it")
                .to_owned());
        }
        let strings = |value: &Value| serde_json::from_value(value.clone()).unwrap();
        let (version, environment) = (
            engine["version"].as_str().unwrap().to_owned(),
            strings(&engine["environment"]),
        );
        let program = if name.starts_with("docker") {
            "docker"
        } else {
            "podman"
        };
        let path = match Path::new(engine["program"].as_str().unwrap()) {
            path if path.is_absolute() => path.to_owned(),
            _ => tool(program),
        };
        let found = Self {
            name: name.to_owned(),
            program,
            path,
            version,
            environment,
            digests: strings(&read("images.json")?),
        };
        // They answered when they were started, and that may be long ago.
        let registry = std::net::TcpStream::connect("127.0.0.1:5055");
        registry.map_err(|error| {
            format!("the registry on 127.0.0.1:5055: {error}; `cargo xtask engine up` starts it")
        })?;
        let info = found
            .command()
            .arg("info")
            .output()
            .map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&info.stderr);
        if info.status.success() {
            Ok(found)
        } else {
            Err(said
                .lines()
                .last()
                .unwrap_or("it does not answer")
                .to_owned())
        }
    }

    /// The engine itself, for what a user or a stranger does with it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.envs(&self.environment);
        command
    }

    /// What it says to a line that must end well.
    #[track_caller]
    pub fn says(&self, line: &str) -> String {
        let touches_layers = ["build ", "load ", "rmi "]
            .iter()
            .any(|word| line.starts_with(word));
        let _alone = touches_layers.then(|| self.alone());
        let output = self
            .command()
            .args(shlex::split(line).unwrap())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{} {line}: {}",
            self.name,
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Held by a test over what it builds and takes away itself: builds share layers, and podman's
    /// break where another's are taken away meanwhile ("layer not known", "identifier is not a
    /// container"), while BuildKit runs a step once more whose first time two builds have shared.
    /// One test may take it twice.
    pub fn alone(&self) -> Alone {
        static OF_ENGINES: Mutex<BTreeMap<String, &Mutex<()>>> = Mutex::new(BTreeMap::new());
        if !HELD.with_borrow_mut(|held| held.insert(self.name.clone())) {
            return Alone(None);
        }
        let mut all = OF_ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
        let of_this: &'static Mutex<()> = all
            .entry(self.name.clone())
            .or_insert_with(|| Box::leak(Box::default()));
        drop(all);
        Alone(Some((
            self.name.clone(),
            of_this.lock().unwrap_or_else(PoisonError::into_inner),
        )))
    }

    /// Whether it has docker's store of containerd's, which keeps images of several platforms as
    /// such.
    pub fn keeps_platforms(&self) -> bool {
        self.program == "docker"
            && self
                .says("info --format '{{.DriverStatus}}'")
                .contains("io.containerd.snapshotter")
    }

    /// `127.0.0.1:5055/xpkg/gcc12:1` for `gcc12:1`.
    pub fn tag(&self, image: &str) -> String {
        format!("127.0.0.1:5055/xpkg/{image}")
    }

    pub fn digest(&self, image: &str) -> &str {
        self.digests
            .get(&self.tag(image))
            .unwrap_or_else(|| panic!("the registry has no {image}: `cargo xtask engine up`"))
    }

    pub fn by_digest(&self, image: &str) -> String {
        format!(
            "{}@{}",
            self.tag(image).rsplit_once(':').unwrap().0,
            self.digest(image)
        )
    }

    /// A name for an image that no other test, engine or run of the suite has.
    pub fn own_tag(&self, test: &str) -> String {
        format!(
            "127.0.0.1:5055/xpkg-tests/{test}-{}-{}:1",
            self.name,
            std::process::id()
        )
    }

    /// Makes a tag mean an image of the registry's from now on.
    pub fn push(&self, image: &str, tag: &str) {
        let from = self.by_digest(image);
        self.says(&format!("pull --quiet {from}"));
        self.says(&format!("tag {from} {tag}"));
        self.says(&format!("push {tag}"));
        self.says(&format!("rmi {tag}"));
    }

    /// Makes a tag mean an image that was never anywhere before: one of the registry's with a label
    /// of its own. It stays in the registry alone.
    pub fn push_new(&self, image: &str, tag: &str) {
        let context = tempfile::tempdir().unwrap();
        let recipe = format!("FROM {}\nLABEL xpkg.tests={tag}\n", self.by_digest(image));
        std::fs::write(context.path().join("Dockerfile"), recipe).unwrap();
        self.says(&format!(
            "build --quiet --tag {tag} {}",
            context.path().display()
        ));
        self.says(&format!("push {tag}"));
        self.says(&format!("rmi {tag}"));
    }

    /// Takes the names of such a tag off this machine; what others call the image by stays.
    pub fn forget(&self, tag: &str) {
        let repository = tag.trim_end_matches(":1");
        let _alone = self.alone();
        let listed = self.says("images --digests --format '{{.Repository}}@{{.Digest}}'");
        // podman would take an image of this digest by whatever name.
        let by_digest = listed
            .lines()
            .filter(|line| self.program == "docker" && line.starts_with(&format!("{repository}@")));
        for name in std::iter::once(tag).chain(by_digest) {
            let _ = self.command().args(["rmi", name]).output().unwrap();
        }
    }

    /// A project that is built by this engine, and by nothing else.
    pub fn project(&self, fixture: &str) -> Project {
        self.with_engine(Project::of(fixture))
    }

    pub fn with_engine(&self, project: Project) -> Project {
        let temporary = project.root.parent().unwrap().join("tmp");
        std::fs::create_dir_all(&temporary).unwrap();
        // What an image's digest has answered is kept from test to test.
        let cache = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("image-answers");
        // Its containers are told by what they mount.
        let project = project
            .with_tool(self.program, &self.path)
            .env("XPKG_CONTAINER_ENGINE", self.program)
            .env("TMPDIR", temporary.to_str().unwrap());
        let project = project.env("XDG_CACHE_HOME", cache.to_str().unwrap());
        // podman looks for these on PATH when it builds an image.
        let helpers = ["iptables", "ip6tables"]
            .iter()
            .map(|name| (name, std::path::Path::new("/usr/sbin").join(name)));
        let project = helpers
            .filter(|(_, path)| path.exists())
            .fold(project, |project, (name, path)| {
                project.with_tool(name, &path)
            });
        self.environment
            .iter()
            .fold(project, |project, (name, value)| project.env(name, value))
    }

    /// The same, with an image for aarch64-unknown-linux-gnu; `more` is what else its table says.
    pub fn configured(&self, fixture: &str, image: &str, more: &str) -> Project {
        let project = self.project(fixture);
        project.append("Cargo.toml", &table(image, more));
        project
    }

    /// Containers that show a project's files, running or not.
    pub fn containers(&self, project: &Project) -> Vec<String> {
        let base = project.root.parent().unwrap().to_str().unwrap();
        let ids = self.says("ps --all --quiet --no-trunc");
        let of = |id: &str| {
            let output = self
                .command()
                .args(["inspect", "--format", "{{.Name}} {{json .Mounts}}", id])
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        // One may end while it is looked at.
        ids.lines()
            .map(of)
            .filter(|about| about.contains(base))
            .collect()
    }

    /// A run's text without what differs from engine to engine: for a snapshot that holds on all.
    pub fn text(&self, run: &Run) -> Told {
        self.told(&run.text())
    }

    /// The same of any text.
    pub fn told(&self, text: &str) -> Told {
        let home = std::env::var("HOME").unwrap();
        let place = |name: &str, below: &str| {
            std::env::var(name).unwrap_or_else(|_| format!("{home}/{below}"))
        };
        let text = text.replace(&format!("{} {}", self.program, self.version), "[ENGINE]");
        let text = text
            .replace(&place("CARGO_HOME", ".cargo"), "[CARGO_HOME]")
            .replace(&place("RUSTUP_HOME", ".rustup"), "[RUSTUP_HOME]");
        let text = text.replace(
            &format!("-{}-{}", self.name, std::process::id()),
            "-[ENGINE]-[PID]",
        );
        let rules = [
            // podman's way of telling that an image comes.
            (
                r"(?m)^(Trying to pull|Getting image source|Copying (blob|config)|Writing manifest|Storing signatures|Resolving|WARN).*\n",
                "",
            ),
            // Each keeps this machine's proxies out in its own way.
            (
                r"( '?--http-proxy=false'?|( --env '\w+_(proxy|PROXY)=')+)",
                " [NO PROXIES]",
            ),
            (
                r"\b(podman|docker) (run|rm|pull|info|login|image|build|exec)\b",
                "[ENGINE] $2",
            ),
            (
                r"gcc version [0-9][^\n'\x22)]*\([^)]*\)",
                "gcc version [VERSION]",
            ),
            (r"toolchains/[^/,]+", "toolchains/[TOOLCHAIN]"),
            (
                r"xpkg-cache/images/[0-9a-f]{16}\b",
                "xpkg-cache/images/[KEY]",
            ),
            (r"\bxpkg-[0-9a-f]{16}\b", "xpkg-[NAME]"),
            (r"\bxpkg-look-[0-9a-f]{16}-\d+", "xpkg-look-[NAME]"),
            (r"\bcargo-xpkg-\w{6}\b", "cargo-xpkg-[TEMP]"),
            (r"derived:[0-9a-f]{32}\b", "derived:[INPUTS]"),
            (r"\b20\d\d-\d\d-\d\dT[0-9:.]+Z", "[CREATED]"),
        ];
        let text = rules.iter().fold(text, |text, (pattern, to)| {
            Regex::new(pattern)
                .unwrap()
                .replace_all(&text, *to)
                .into_owned()
        });
        Told(text)
    }
}

/// A text as a run has one, for `check!`.
pub struct Told(String);

impl Told {
    pub fn text(&self) -> String {
        self.0.clone()
    }
}

/// xpkg's configuration: one target, in an image.
pub fn table(image: &str, more: &str) -> String {
    format!(
        "\n[workspace.metadata.xpkg]\ntargets = [\"{ARM_GNU}\"]\n{}",
        target_table(image, more)
    )
}

/// The target's own table.
pub fn target_table(image: &str, more: &str) -> String {
    format!("\n[workspace.metadata.xpkg.target.{ARM_GNU}]\nimage = \"{image}\"\n{more}")
}
