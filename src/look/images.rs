//! Cross images: whether they are here, fetched or built where that may be, and what a shell inside says of them.
//!
//! What an image's digest has answered once is kept: its content cannot change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};

use super::compilers::{self, Apart, Asked};
use super::configuration::cargo_home;
use super::{Found, kept};
use crate::cargo_config;
use crate::config::PreBuild;
use crate::container::{Container, ENGINES, Engine, Inspected, Mount, Passed, Reference, inside, recipe};
use crate::engine::{self, Session};
use crate::facts::{ImageFacts, InsideFacts, Program};
use crate::host::{self, Host};
use crate::lock::{Derived, Lock};
use crate::manifest;
use crate::probe::Report;
use crate::problem::{Code, Problem, Result};
use crate::target::Target;
use crate::toolchain::environment::{self, ToolFile};
use crate::toolchain::image::{self, Wanted};
use crate::toolchain::{Candidate, Request};

/// What may be done to have an image here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Having {
    /// Nothing: it is asked for.
    Leave,
    /// Fetch it by its digest, build what is derived from it.
    Fetch,
    /// Fetch whatever its tag means now.
    Resolve,
    /// The same, and build anew what is derived from it: the network has moved on.
    Renew,
}

/// How images are looked for in one run.
pub struct Looking<'a> {
    host: &'a Host,
    found: &'a Found,
    having: Having,
    talk: &'a (dyn Fn(&str, &str) + Sync),
    engine: OnceLock<Result<Engine>>,
    lock: OnceLock<Result<Lock>>,
    /// Containers that were started to be asked, by the image they run.
    sessions: std::sync::Mutex<BTreeMap<String, std::sync::Arc<Session<'a>>>>,
    stand_ins: std::sync::atomic::AtomicUsize,
}

/// The file with the digests.
pub fn lock_path(found: &Found) -> Utf8PathBuf {
    found.workspace.root.join(crate::lock::NAME)
}

/// What stands in `xpkg.lock`; an empty one where there is none.
pub fn read_lock(host: &Host, found: &Found) -> Result<Lock> {
    let path = lock_path(found);
    if host.exists(&path) { Lock::parse(&path, &host.read_text(&path)?) } else { Ok(Lock::default()) }
}

/// All that goes into an image that is built upon another.
struct Recipe {
    /// `sha256:…` of it all.
    inputs: String,
    /// The text of the Dockerfile, the user's or ours, with what the `pre-build` runs at its end.
    dockerfile: String,
    /// `None`: nothing is copied from it.
    context: Option<Utf8PathBuf>,
    /// What of it goes in, by its path there.
    files: Vec<String>,
    arguments: Vec<(String, String)>,
}

impl<'a> Looking<'a> {
    /// `talk` hears a verb and what is said, for what takes long.
    pub fn new(host: &'a Host, found: &'a Found, having: Having, talk: &'a (dyn Fn(&str, &str) + Sync)) -> Self {
        Self {
            host,
            found,
            having,
            talk,
            engine: OnceLock::new(),
            lock: OnceLock::new(),
            sessions: std::sync::Mutex::default(),
            stand_ins: std::sync::atomic::AtomicUsize::new(0),
        }
    }

    pub fn engine(&self) -> Result<&Engine> {
        self.engine.get_or_init(|| self.find_engine()).as_ref().map_err(Clone::clone)
    }

    /// The engine, by what it has said of itself as long as client, environment and socket are the same: podman takes a
    /// third of a second to say it. Whether it still answers is seen by the next question.
    fn find_engine(&self) -> Result<Engine> {
        let programs = ENGINES.iter().copied().chain(self.host.var("XPKG_CONTAINER_ENGINE"));
        let clients: Vec<_> = programs.filter_map(|program| self.host.identity(&self.host.find(program)?)).collect();
        let telling = ["DOCKER_", "CONTAINER", "PODMAN", "XDG_", "XPKG_CONTAINER_ENGINE", "HOME"];
        let variables: Vec<_> = self.host.vars().filter(|(name, _)| telling.iter().any(|beginning| name.starts_with(beginning))).collect();
        let socket = self.host.stamp(Utf8Path::new("/var/run/docker.sock"));
        let key = format!("{clients:?}\n{variables:?}\n{socket:?}\n{:?}", self.host.ordinary_user());
        let place = kept::place(self.host, "engines", &key);
        if let Some(engine) = kept::read::<Engine>(self.host, place.as_deref()).filter(|engine| engine::answers(self.host, engine)) {
            return Ok(engine);
        }
        let engine = engine::detect(self.host)?;
        kept::keep(self.host, place.as_deref(), &engine);
        Ok(engine)
    }

    fn lock(&self) -> Result<&Lock> {
        self.lock.get_or_init(|| read_lock(self.host, self.found)).as_ref().map_err(Clone::clone)
    }

    /// A target's image, here and looked into.
    pub fn facts(&self, target: &Target, wanted: &Wanted, mounted: Mounted) -> Result<ImageFacts> {
        let reference = &wanted.reference;
        let pinned = match self.having {
            Having::Resolve | Having::Renew => None,
            Having::Leave | Having::Fetch => Some(self.digest(target, wanted)?),
        };
        let engine = self.engine()?;
        let (base, inspected) = match &pinned {
            Some(digest) => {
                let base = reference.by_digest(digest);
                let inspected = self.have(engine, target, &base)?;
                // An engine that fetches by digest checks it; this is for what was put there by other ways.
                if !inspected.has_digest(digest) && !inspected.digests.is_empty() {
                    return Err(Problem::new(
                        Code::ImageUnavailable,
                        format!("the image that the engine has as `{base}` has another digest"),
                    )
                    .note("it has", inspected.digests)
                    .help(format!("remove it and fetch it anew: `{} image rm {base}`, then `cargo xpkg image pull`", engine.program)));
                }
                (base, inspected)
            }
            None => self.resolve(engine, wanted)?,
        };
        let digest = base.rsplit_once('@').map(|(_, digest)| digest.to_owned()).unwrap_or_default();
        let recipe = self.recipe(target, wanted, &base)?;
        // Of the base: what is built upon it is as old as this machine's build.
        let created = inspected.created.clone();
        let (run, derived, inspected) = match recipe {
            None => (base, None, inspected),
            Some(recipe) => {
                let (id, inspected) = self.derive(engine, target, wanted, &recipe)?;
                let pinned = pinned.and_then(|_| self.lock().ok()?.pin(target.triple())?.derived.clone());
                if let Some(pinned) = pinned.filter(|pinned| pinned.id != id) {
                    let what = format!("the image of {target} was built here: it is {id}, and {} where it was pinned", pinned.id);
                    (self.talk)("Noting", &what);
                }
                (id.clone(), Some(Derived { inputs: recipe.inputs, id }), inspected)
            }
        };
        let own = Target::of_triple(&self.found.rustc.host);
        if own.is_some_and(|own| !inspected.runs_on(&own)) {
            return Err(Problem::new(
                Code::ImagePlatform,
                format!(
                    "the image `{}` is for {}, and the toolchain here is `{}`",
                    reference.written,
                    inspected.platform(),
                    self.found.rustc.host
                ),
            )
            .help("name an image for this machine's platform: what it is to build for is the target's matter"));
        }
        let Mounted { mut mounts, mut hidden } = mounted;
        let passed = passed(self.host, &self.found.workspace.root, target, wanted)?;
        let linker = format!("CARGO_TARGET_{}_LINKER", target.upper());
        if self.host.var(&linker).is_some() && !passed.iter().any(|passed| passed.name == linker) {
            hidden.push(format!("`{linker}` of the environment"));
        }
        let sysroot = &self.found.rustc.sysroot;
        if ["/", "/usr", "/usr/local"].contains(&sysroot.as_str()) {
            return Err(Problem::new(Code::ImageUnfit, format!("the Rust toolchain stands in `{sysroot}`, among the rest of this system"))
                .note("cause", ["it is shown to the image as it stands here, and that would hide the image's own programs".to_owned()])
                .help("use a toolchain that stands by itself: rustup's do"));
        }
        mounts.push(Mount::reading(sysroot));
        let mut facts = ImageFacts {
            engine: engine.clone(),
            label: engine::enforces(self.host, engine),
            user: self.host.ordinary_user().filter(|_| !engine.rootless).unwrap_or_else(|| "0:0".to_owned()),
            reference: reference.written.clone(),
            digest,
            run,
            derived,
            platform: inspected.platform(),
            created,
            environment: environment(self.host, &inspected.variables, &passed),
            variables: inspected.variables,
            inside: InsideFacts::default(),
            host_report: None,
            passed,
            mounts,
            cargo_home: cargo_home(self.host).and_then(|home| Utf8PathBuf::from_path_buf(home).ok()).unwrap_or_else(|| "/cargo".into()),
            hidden,
        };
        facts.inside = self.inside(target, &facts)?;
        Ok(facts)
    }

    /// Whether it has the digest that a build needs; what is wrong with the lock as a whole is an error.
    pub fn is_pinned(&self, target: &Target, wanted: &Wanted) -> Result<bool> {
        match self.digest(target, wanted) {
            Ok(_) => Ok(true),
            Err(problem) if problem.code == Code::ImageNotPinned => Ok(false),
            Err(problem) => Err(problem),
        }
    }

    /// The digest that counts: the reference's own, or that in the lock for this very reference and what is built upon it.
    pub fn digest(&self, target: &Target, wanted: &Wanted) -> Result<String> {
        let reference = &wanted.reference;
        if let Some(digest) = reference.digest.as_ref().filter(|_| !wanted.is_derived()) {
            return Ok(digest.clone());
        }
        let missing = |why: String| {
            Problem::new(Code::ImageNotPinned, why).help(format!(
                "pin it, and commit `{}`: `cargo xpkg image pin --target {}`",
                crate::lock::NAME,
                target.triple()
            ))
        };
        let pin = self.lock()?.pin(target.triple()).ok_or_else(|| {
            missing(format!("the image `{}` of `{}` has no digest in `{}`", reference.written, target.triple(), crate::lock::NAME))
        })?;
        if pin.reference != reference.written {
            return Err(missing(format!(
                "`{}` has a digest of `{}` for `{}`, and the configuration names `{}`",
                crate::lock::NAME,
                pin.reference,
                target.triple(),
                reference.written
            )));
        }
        let inputs = self.recipe(target, wanted, &reference.by_digest(&pin.digest))?.map(|recipe| recipe.inputs);
        if inputs != pin.derived.as_ref().map(|derived| derived.inputs.clone()) {
            return Err(missing(format!("what is built upon the image of `{}` has changed since it was pinned", target.triple())));
        }
        Ok(pin.digest.clone())
    }

    /// An image by its digest, fetched where it is not here and that may be.
    fn have(&self, engine: &Engine, target: &Target, image: &str) -> Result<Inspected> {
        if let Some(inspected) = engine::inspect(self.host, engine, image)? {
            return Ok(inspected);
        }
        if self.having == Having::Leave {
            return Err(absent(engine, image, target));
        }
        (self.talk)("Pulling", image);
        engine::pull(self.host, engine, image, |line| (self.talk)("", line))?;
        engine::inspect(self.host, engine, image)?.ok_or_else(|| absent(engine, image, target))
    }

    /// What the reference means now, fetched, by digest.
    fn resolve(&self, engine: &Engine, wanted: &Wanted) -> Result<(String, Inspected)> {
        let reference = &wanted.reference;
        let by_tag = reference.by_tag();
        (self.talk)("Pulling", &by_tag);
        let said = engine::pull(self.host, engine, &by_tag, |line| (self.talk)("", line))?;
        let inspected = engine::inspect(self.host, engine, &by_tag)?;
        let digest = reference.digest.clone().or(said).or_else(|| self.meant(engine, reference, inspected.as_ref()?));
        match (inspected, digest) {
            (Some(inspected), Some(digest)) => Ok((reference.by_digest(&digest), inspected)),
            _ => Err(Problem::new(Code::ImageUnavailable, format!("{} does not say the digest of `{by_tag}`", engine.words()))
                .help("an image that was only built here has none: push it to a registry")),
        }
    }

    /// Which of the digests that an engine knows of an image the tag means: the one under which the registry has the very
    /// manifest of the tag. podman knows an image under every digest that ever led to it, in whatever repository.
    fn meant(&self, engine: &Engine, reference: &Reference, inspected: &Inspected) -> Option<String> {
        let manifest = |image: &str| engine::manifest(self.host, engine, reference, image).ok();
        let known = inspected.digests_in(&reference.name);
        match manifest(&reference.by_tag()) {
            Some(wanted) => known.into_iter().find(|digest| manifest(&reference.by_digest(digest)).as_ref() == Some(&wanted)),
            // An engine that cannot say it, and knows one only.
            None => Some(known).filter(|known| known.len() == 1).and_then(|known| known.first().copied()),
        }
        .map(str::to_owned)
    }

    /// What is to be built upon the base.
    fn recipe(&self, target: &Target, wanted: &Wanted, base: &str) -> Result<Option<Recipe>> {
        if !wanted.is_derived() {
            return Ok(None);
        }
        let arch = target.debian_arch();
        let mut arguments = vec![("CROSS_DEB_ARCH".to_owned(), arch.to_owned()), ("CROSS_TARGET".to_owned(), target.triple().to_owned())];
        let script = match &wanted.pre_build {
            PreBuild::Lines(lines) if lines.is_empty() => None,
            PreBuild::Lines(lines) => Some(format!("#!/bin/sh\nset -e\n{}\n", lines.join("\n"))),
            PreBuild::Script(script) => Some(self.host.read_text(script)?),
        };
        let (mut dockerfile, context) = match &wanted.dockerfile {
            Some(table) => {
                let text = self.host.read_text(&table.file)?;
                arguments.extend(["XPKG_BASE_IMAGE", "CROSS_BASE_IMAGE"].map(|name| (name.to_owned(), base.to_owned())));
                arguments.extend(table.build_args.iter().map(|(name, value)| (name.clone(), value.clone())));
                let moving = recipe::moving(&text);
                if !moving.is_empty() {
                    return Err(Problem::new(
                        Code::ImageNotPinned,
                        format!("`{}` begins with what may be another image tomorrow", table.file),
                    )
                    .note("from", moving)
                    .help("begin with the pinned image, `ARG XPKG_BASE_IMAGE` and `FROM $XPKG_BASE_IMAGE`, or with `name@sha256:…`"));
                }
                let beside = table.file.parent().unwrap_or(Utf8Path::new("/")).to_owned();
                let context = table.context.clone().or(Some(beside)).filter(|_| recipe::copies(&text));
                (text, context)
            }
            None => (format!("FROM {base}\n"), None),
        };
        if let Some(script) = &script {
            dockerfile.push_str(&recipe::run(script, &arguments[..2], target.triple()));
        }
        let mut text = format!("{base}\n{arguments:?}\n{dockerfile}\n");
        let mut files = Vec::new();
        if let Some(context) = &context {
            files = self.context_files(context)?;
            for name in &files {
                text.push_str(&format!("{name} {}\n", self.host.hash(&context.join(name))?.0));
            }
        }
        let inputs = format!("sha256:{}", host::sha256(text.as_bytes()));
        Ok(Some(Recipe { inputs, dockerfile, context, files, arguments }))
    }

    /// The files of a context that may matter: not what cargo and xpkg write, nor what git keeps.
    fn context_files(&self, context: &Utf8Path) -> Result<Vec<String>> {
        let there = self.host.walk(context)?;
        // A staged tree, wherever it stands.
        let roots = there.keys().filter_map(|name| name.strip_suffix(manifest::TEXT_NAME));
        let trees: Vec<&str> = roots.filter(|root| there.contains_key(&format!("{root}{}", manifest::JSON_NAME))).collect();
        let own = [self.found.workspace.target_dir.clone(), lock_path(self.found)];
        let ours = |name: &str| {
            let path = context.join(name);
            let beside = trees.iter().filter_map(|tree| tree.trim_end_matches('/').rsplit('/').next());
            name.split('/').any(|part| part == ".git")
                || own.iter().any(|own| path.starts_with(own))
                || trees.iter().any(|tree| !tree.is_empty() && name.starts_with(tree))
                || beside.into_iter().any(|tree| path.file_name() == Some(format!(".{tree}.lock").as_str()))
        };
        let names = there.keys().filter(|name| !ours(name) && self.host.is_file(&context.join(name)));
        Ok(names.cloned().collect())
    }

    /// The image that was built from these inputs here, or is now: its ID, and what it is.
    fn derive(&self, engine: &Engine, target: &Target, wanted: &Wanted, recipe: &Recipe) -> Result<(String, Inspected)> {
        let digits: String = recipe.inputs.trim_start_matches("sha256:").chars().take(32).collect();
        let tag = format!("{}:{digits}", engine::DERIVED);
        if let Some(inspected) = engine::inspect(self.host, engine, &tag)?.filter(|_| self.having != Having::Renew) {
            return Ok((inspected.id.clone(), inspected));
        }
        if self.having == Having::Leave {
            let what = format!("the image that is built upon `{}`", wanted.reference.written);
            return Err(absent(engine, &what, target));
        }
        (self.talk)("Building", &format!("the image of {target} upon {}", wanted.reference.written));
        let scratch = self.host.scratch()?;
        let directory = Utf8Path::from_path(scratch.path()).unwrap_or(Utf8Path::new("/tmp"));
        let file = directory.join("Dockerfile");
        self.host.write(&file, recipe.dockerfile.as_bytes())?;
        // Just what the inputs' digest was made of, and nothing else of that directory.
        let context = directory.join("context");
        self.host.create_dir_all(&context)?;
        for (name, from) in recipe.files.iter().zip(std::iter::repeat(recipe.context.as_deref().unwrap_or(directory))) {
            let to = context.join(name);
            self.host.create_dir_all(to.parent().unwrap_or(&context))?;
            self.host.copy(&from.join(name), &to)?;
        }
        let arguments: Vec<String> = recipe.arguments.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let call = engine
            .call(directory)
            // Without the flag docker's old builder leaves the container of a command that failed.
            .args(["build", "--force-rm", "--tag", &tag, "--file", file.as_str()])
            .options("--build-arg", &arguments)
            .flag("--no-cache", self.having == Having::Renew)
            .arg(context.as_str());
        engine::build(self.host, engine, &call, |line| (self.talk)("", line))?;
        let inspected = engine::inspect(self.host, engine, &tag)?.ok_or_else(|| absent(engine, &tag, target))?;
        Ok((inspected.id.clone(), inspected))
    }

    /// What a shell inside says; kept by the image's digest and the question.
    fn inside(&self, target: &Target, facts: &ImageFacts) -> Result<InsideFacts> {
        let mut names = image::wanted(target, &self.found.rustc.host);
        let roles = environment::ROWS.iter().filter(|row| ["LINKER", "CC", "CXX", "AR", "RANLIB"].contains(&row.role));
        let named = roles.flat_map(|row| row.accepted(target, &self.found.rustc.host));
        let values = named.filter_map(|name| facts.environment.get(&name).cloned());
        names.extend(values.flat_map(|value| [super::first_word(&value), value]));
        let script = inside::script(&names);
        let place = kept::place(self.host, "images", &format!("{}\n{script}", facts.run));
        if let Some(inside) = kept::read(self.host, place.as_deref()) {
            return Ok(inside);
        }
        let session = self.session(facts)?;
        let nonce = host::sha256(session.directory().as_str().as_bytes());
        self.host.write(&session.directory().join("seen"), nonce.as_bytes())?;
        let sysroot = self.found.rustc.sysroot.as_str();
        let said = session.ask("/bin/sh", ["-c", &script, "sh", session.directory().as_str(), sysroot].map(str::to_owned))?;
        let Some((seen, inside)) = inside::read(&said.stdout) else {
            return Err(engine::cut_short(&facts.engine, &facts.run, &said.stderr));
        };
        if seen != format!("{nonce} rustc") {
            return Err(engine::blind(&facts.engine, "a file that was written for it is not there inside, or the toolchain is not"));
        }
        kept::keep(self.host, place.as_deref(), &inside);
        Ok(inside)
    }

    /// The container in which this image is asked.
    fn session(&self, facts: &ImageFacts) -> Result<std::sync::Arc<Session<'a>>> {
        let mut sessions = self.sessions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(session) = sessions.get(&facts.run) {
            return Ok(session.clone());
        }
        let digits = host::sha256(facts.run.as_bytes());
        let container = Container {
            engine: facts.engine.clone(),
            label: facts.label,
            image: facts.run.clone(),
            name: format!("xpkg-look-{}", &digits[..16]),
            user: facts.user.clone(),
            mounts: vec![Mount::reading(&self.found.rustc.sysroot)],
            variables: Vec::new(),
            cwd: Utf8PathBuf::from("/"),
        };
        let session = std::sync::Arc::new(Session::start(self.host, container)?);
        sessions.insert(facts.run.clone(), session.clone());
        Ok(session)
    }

    /// Probes a candidate's C compiler inside, as build scripts there will call it.
    pub fn report(&self, facts: &ImageFacts, target: &Target, candidate: &Candidate, levels: &[String], probing: &Probing) -> Report {
        let compiler = candidate.c_compiler.as_ref();
        let mut variables = telling(facts);
        variables.extend(candidate.variables.iter().map(|variable| (variable.name.clone(), variable.value.clone())));
        self.probed(facts, target, compiler, variables, levels, probing)
    }

    /// Probes the compiler of build scripts inside.
    pub fn host_report(&self, facts: &ImageFacts, levels: &[String], probing: &Probing) -> Option<Report> {
        let own = Target::of_triple(&self.found.rustc.host)?;
        let row = environment::ROWS.iter().find(|row| row.role == "CC")?;
        let named = row.accepted(&own, own.triple()).into_iter().find_map(|name| facts.environment.get(&name));
        let name = named.map_or("cc", String::as_str);
        let compiler = facts.inside.programs.get(name).or_else(|| facts.inside.programs.get(&super::first_word(name)));
        Some(self.probed(facts, &own, compiler, telling(facts), levels, &Probing { starter: Some(Vec::new()), ..*probing }))
    }

    fn probed(
        &self,
        facts: &ImageFacts,
        target: &Target,
        compiler: Option<&Program>,
        mut variables: Vec<(String, String)>,
        levels: &[String],
        probing: &Probing,
    ) -> Report {
        let root = &self.found.workspace.root;
        let real = compiler.map_or("cc", |compiler| compiler.program.as_str());
        // What names the compiler names its stand-in, under the one name that comes first.
        let stand_in = |session: &Session| {
            let number = self.stand_ins.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            session.stand_in(number, real).map_err(|problem| problem.message)
        };
        let row = environment::ROWS.iter().find(|row| row.role == "CC");
        let names = row.map(|row| row.accepted(target, &self.found.rustc.host)).unwrap_or_default();
        variables.retain(|(name, _)| !names.contains(name));
        variables.extend(probing.configured.iter().filter(|(name, _)| !names.contains(name)).cloned());
        let first = names.into_iter().next().unwrap_or_default();
        let identity = format!("{}\n{real}", facts.run);
        let start = || -> Result<(Utf8PathBuf, Utf8PathBuf), String> {
            let session = self.session(facts).map_err(|problem| problem.message)?;
            Ok((session.directory().to_owned(), stand_in(&session)?))
        };
        let asked = Asked {
            root,
            sysroot: None,
            target: target.triple(),
            host: &self.found.rustc.host,
            variables,
            levels: levels.to_vec(),
            rustflags: probing.rustflags,
            version: compiler.and_then(|compiler| compiler.version.clone()),
            path: None,
            starter: probing.starter.clone(),
            apart: Some(Apart { identity, variable: first, program: real.to_owned(), start: &start }),
        };
        compilers::report(self.host, &asked)
    }
}

/// Variables inside that change what a build script compiles with.
fn telling(facts: &ImageFacts) -> Vec<(String, String)> {
    let telling = facts.environment.iter().filter(|(name, _)| compilers::tells(name));
    telling.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// An image's environment with what it sees of this machine's over it.
fn environment(host: &Host, own: &BTreeMap<String, String>, passed: &[Passed]) -> BTreeMap<String, String> {
    let value = |passed: &Passed| passed.value.clone().or_else(|| host.var(&passed.name).map(str::to_owned));
    let passed = passed.iter().filter_map(|passed| Some((passed.name.clone(), value(passed)?)));
    own.clone().into_iter().chain(passed).collect()
}

/// What a probe inside needs besides the compiler.
#[derive(Clone)]
pub struct Probing<'a> {
    pub rustflags: &'a [String],
    /// cargo's `[env]`.
    pub configured: &'a [(String, String)],
    /// What starts the target's programs here.
    pub starter: Option<Vec<String>>,
}

fn absent(engine: &Engine, image: &str, target: &Target) -> Problem {
    Problem::new(
        Code::ImageAbsent,
        format!(
            "{} does not have {} of `{target}`",
            engine.words(),
            if image.contains(' ') { image.to_owned() } else { format!("the image `{image}`") }
        ),
    )
    .help(format!("fetch it: `cargo xpkg image pull --target {}`", target.triple()))
}

/// Variables that an image sees of this machine: those that mean something to cargo and build scripts, and those that
/// the configuration lets through. Their values stand in no line, unless the configuration itself gives them.
fn passed(host: &Host, root: &Utf8Path, target: &Target, wanted: &Wanted) -> Result<Vec<Passed>> {
    let ours = host.vars().filter(|(name, _)| image::passes(target, name)).map(|(name, _)| Passed { name: name.to_owned(), value: None });
    let mut passed: Vec<Passed> = ours.collect();
    for entry in &wanted.passthrough {
        let (name, value) = entry.split_once('=').map_or((entry.as_str(), None), |(name, value)| (name, Some(value.to_owned())));
        if value.is_none() && host.var(name).is_none() {
            continue;
        }
        passed.retain(|passed| passed.name != name);
        passed.push(Passed { name: name.to_owned(), value });
    }
    // A volume that has a name is known by it inside.
    for entry in &wanted.volumes {
        let (name, value) = entry.split_once('=').map_or((entry.as_str(), None), |(name, value)| (name, Some(value)));
        if let Some(path) = value.or_else(|| host.var(name)).filter(|_| !passed.iter().any(|passed| passed.name == name)) {
            passed.push(Passed { name: name.to_owned(), value: Some(root.join(path).into_string()) });
        }
    }
    passed.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(passed)
}

/// What a container sees of this machine besides toolchain and target directory.
#[derive(Debug, Clone, Default)]
pub struct Mounted {
    pub mounts: Vec<Mount>,
    /// Keys of cargo's configuration that are hidden from it.
    pub hidden: Vec<String>,
}

/// Sources, cargo's caches without its credentials, and its configuration without what means this machine. `arguments` are
/// those of `--config`.
pub fn mounted(host: &Host, found: &Found, arguments: &[String]) -> Result<Mounted> {
    let (root, tools) = (&found.workspace.root, crate::plan::tools_dir(&found.workspace));
    let mut roots = vec![root.clone()];
    roots.extend(super::outside::directories(host, found)?.into_iter().filter(|path| !path.starts_with(root)));
    let mut mounts: Vec<Mount> = roots.iter().map(|path| Mount::reading(path)).collect();
    let home = cargo_home(host).and_then(|home| Utf8PathBuf::from_path_buf(home).ok()).map(|home| host.absolute(&home));
    if let Some(home) = &home {
        for name in ["registry", "git"] {
            // What is fetched comes later, and an engine mounts only what is there.
            host.create_dir_all(&home.join(name))?;
            mounts.push(Mount::reading(&home.join(name)));
        }
    }
    // Wherever cargo looks for configuration and secrets, by every name that a mount may show them under.
    let places: Vec<Utf8PathBuf> =
        root.ancestors().chain(roots.iter().map(|root| root.as_path())).map(|place| place.join(".cargo")).chain(home).collect();
    let shows = |path: &Utf8Path, mounts: &[Mount]| {
        mounts.iter().any(|mount| path.starts_with(&mount.from) || path.starts_with(host.resolve(&mount.from)))
    };
    let both = |path: Utf8PathBuf| [host.resolve(&path), path].into_iter().collect::<BTreeSet<_>>();
    let nothing = ToolFile::at(&tools, "nothing", String::new(), false);
    for path in
        places.iter().flat_map(|place| ["credentials.toml", "credentials"].map(|name| place.join(name))).filter(|path| host.is_file(path))
    {
        for at in both(path).into_iter().filter(|path| shows(path, &mounts)).collect::<Vec<_>>() {
            super::write_tools(host, &found.workspace, [&nothing])?;
            mounts.push(Mount { from: nothing.path.clone(), at, writable: false });
        }
    }
    let files = places.iter().flat_map(|place| ["config.toml", "config"].map(|name| place.join(name)));
    let named = arguments.iter().map(Utf8PathBuf::from).filter(|path| path.is_absolute());
    let read = super::configuration::with_included(host, files.chain(named).filter(|path| host.is_file(path)).collect())?;
    let mut hidden = Vec::new();
    for (path, table) in read {
        let (shown, keys) = cargo_config::inside(&table);
        hidden.extend(keys.into_iter().map(|key| format!("{key} of `{path}`")));
        for at in both(path.clone()) {
            // What a mount shows already, where nothing is to be hidden of it; and what none shows under this name.
            let there = shows(&at, &mounts);
            if there && shown == table || !there && at != path {
                continue;
            }
            let file = ToolFile::at(&tools, "config.toml", shown.to_string(), false);
            super::write_tools(host, &found.workspace, [&file])?;
            mounts.push(Mount { from: file.path, at, writable: false });
        }
    }
    hidden.dedup();
    Ok(Mounted { mounts, hidden })
}

/// Directories that the configuration shows to the image: `NAME`, a variable that holds one, or `NAME=/path`.
pub fn volumes(host: &Host, root: &Utf8Path, wanted: &Wanted) -> Result<Vec<Mount>> {
    let mut mounts = Vec::new();
    for entry in &wanted.volumes {
        let (name, value) = entry.split_once('=').map_or((entry.as_str(), None), |(name, value)| (name, Some(value)));
        let Some(path) = value.or_else(|| host.var(name)) else { continue };
        let path = root.join(path);
        if !host.exists(&path) {
            return Err(Problem::new(Code::ConfigInvalid, format!("the volume `{entry}` is `{path}`, which is not there"))
                .help("create it, or take it out of `volumes`"));
        }
        mounts.push(Mount::writing(&path));
    }
    Ok(mounts)
}

/// The candidates' image facts with the report on the host's compiler inside, for one request.
pub fn of_request(
    looking: &Looking,
    request: &Request,
    wanted: &Wanted,
    mounted: &Mounted,
    host_levels: &[String],
    probing: &Probing,
) -> Result<ImageFacts> {
    let mut mounted = mounted.clone();
    mounted.mounts.extend(volumes(looking.host, &looking.found.workspace.root, wanted)?);
    let mut facts = looking.facts(&request.target, wanted, mounted)?;
    if !host_levels.is_empty() {
        facts.host_report = looking.host_report(&facts, host_levels, probing);
    }
    Ok(facts)
}
