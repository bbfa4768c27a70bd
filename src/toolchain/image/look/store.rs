//! Cross images of one run: resolves, pulls and builds them as the pull policy allows, and collects
//! their facts.
//!
//! Facts are cached by the image's digest: its content cannot change.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use camino::Utf8PathBuf;

use crate::host::cache;
use crate::host::machine::Host;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};
use crate::project::look::cargo_config::cargo_home;
use crate::project::look::context::ProjectContext;
use crate::project::reference::Reference;
use crate::project::request::{TargetRequest, WantedImage};
use crate::target::Target;
use crate::toolchain::image::container::{IMAGE_UNFIT, Mount};
use crate::toolchain::image::engine::{ENGINES, Engine, IMAGE_UNAVAILABLE};
use crate::toolchain::image::facts::{ImageFacts, InsideFacts};
use crate::toolchain::image::inspected::Inspected;
use crate::toolchain::image::lockfile::{Derived, IMAGE_NOT_PINNED, Lockfile, NAME};
use crate::toolchain::image::look::engine::{self, Session};
use crate::toolchain::image::look::exposed::{
    HostMounts, environment, overridden, passed, volumes,
};
use crate::toolchain::image::look::probing::ProbeOptions;

/// Policy of pulling images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullPolicy {
    /// Pulls and builds nothing: an image that is not here is an error.
    Never,
    /// Pulls by the digest of `xpkg.lock`, and builds derived images that are missing.
    Pinned,
    /// Pulls what the tag means now.
    Latest,
    /// Like [`Self::Latest`], and builds derived images again: what they download may have changed.
    Rebuild,
}

/// Resolves and caches the images of one run.
pub struct ImageStore<'a> {
    /// This machine.
    pub host: &'a Host,
    /// The project.
    pub found: &'a ProjectContext,
    /// Policy of pulling images.
    pub pull_policy: PullPolicy,
    engine: OnceLock<Result<Engine>>,
    lock: OnceLock<Result<Lockfile>>,
    /// Running containers for queries, by image.
    pub sessions: std::sync::Mutex<BTreeMap<String, std::sync::Arc<Session<'a>>>>,
    /// Number of wrapper scripts written: each has a directory of its own.
    pub wrappers: std::sync::atomic::AtomicUsize,
}

/// Returns the path of `xpkg.lock`.
pub fn lock_path(found: &ProjectContext) -> Utf8PathBuf {
    found.workspace.root.join(NAME)
}

/// Returns the path of the file that is written as `xpkg.lock`: what it leads to, if it is a link.
pub fn lock_target(host: &Host, found: &ProjectContext) -> Utf8PathBuf {
    host.resolve(&lock_path(found))
}

/// Reads `xpkg.lock`; without the file, the lock is empty.
pub fn read_lock(host: &Host, found: &ProjectContext) -> Result<Lockfile> {
    let path = lock_path(found);
    if host.exists(&path) {
        Lockfile::parse(&path, &host.read_text(&path)?)
    } else {
        Ok(Lockfile::default())
    }
}

impl<'a> ImageStore<'a> {
    /// Creates a store that has asked nothing yet.
    pub fn new(host: &'a Host, found: &'a ProjectContext, pull_policy: PullPolicy) -> Self {
        Self {
            host,
            found,
            pull_policy,
            engine: OnceLock::new(),
            lock: OnceLock::new(),
            sessions: std::sync::Mutex::default(),
            wrappers: std::sync::atomic::AtomicUsize::new(0),
        }
    }

    /// Returns the container engine; it is searched for once.
    pub fn engine(&self) -> Result<&Engine> {
        self.engine
            .get_or_init(|| self.find_engine())
            .as_ref()
            .map_err(Clone::clone)
    }

    /// Finds the engine. Its answer about itself is cached as long as client, environment and
    /// socket are the same, since podman needs a third of a second for it; a cheaper query then
    /// checks that the engine still answers.
    fn find_engine(&self) -> Result<Engine> {
        let programs = ENGINES
            .iter()
            .copied()
            .chain(engine::named(self.host).map(|(_, program)| program));
        let clients: Vec<_> = programs
            .filter_map(|program| self.host.identity(&self.host.find(program)?))
            .collect();
        let prefixes = ["DOCKER_", "CONTAINER", "PODMAN", "XDG_", "HOME"];
        let prefixes: Vec<&str> = prefixes.iter().chain(engine::NAMING).copied().collect();
        let variables: Vec<_> = self
            .host
            .vars()
            .filter(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix)))
            .collect();
        // A client's configuration selects the engine, too: docker's context, podman's
        // connection.
        let home = Utf8PathBuf::from(self.host.var("HOME").unwrap_or_default());
        let docker = self
            .host
            .var("DOCKER_CONFIG")
            .map_or_else(|| home.join(".docker"), Utf8PathBuf::from);
        let containers = self
            .host
            .var("XDG_CONFIG_HOME")
            .map_or_else(|| home.join(".config"), Utf8PathBuf::from)
            .join("containers");
        let files =
            ["containers.conf", "podman-connections.json"].map(|name| containers.join(name));
        let files = files
            .into_iter()
            .chain(["/var/run/docker.sock".into(), docker.join("config.json")]);
        let stamps: Vec<_> = files.map(|file| self.host.stamp(&file)).collect();
        let key = format!(
            "{clients:?}\n{variables:?}\n{stamps:?}\n{:?}",
            self.host.ordinary_user()
        );
        let place = cache::place(self.host, "engines", &key);
        if let Some(engine) = cache::read::<Engine>(self.host, place.as_deref())
            .filter(|engine| engine::is_searched(self.host, &engine.program))
            .filter(|engine| engine::answers(self.host, engine))
        {
            return Ok(engine);
        }
        let engine = engine::detect(self.host)?;
        cache::keep(self.host, place.as_deref(), &engine);
        Ok(engine)
    }

    /// Returns `xpkg.lock`; it is read once.
    fn lock(&self) -> Result<&Lockfile> {
        self.lock
            .get_or_init(|| read_lock(self.host, self.found))
            .as_ref()
            .map_err(Clone::clone)
    }

    /// Returns the facts of a target's image, which is pulled and built as the policy allows.
    pub fn facts(
        &self,
        target: &Target,
        wanted: &WantedImage,
        mounted: HostMounts,
    ) -> Result<ImageFacts> {
        let reference = &wanted.reference;
        let passed = passed(self.host, &self.found.workspace.root, target, wanted)?;
        let pinned = match self.pull_policy {
            PullPolicy::Latest | PullPolicy::Rebuild => None,
            PullPolicy::Never | PullPolicy::Pinned => Some(self.digest(target, wanted)?),
        };
        let engine = self.engine()?;
        let (base, inspected) = match &pinned {
            Some(digest) => {
                let base = reference.by_digest(digest);
                let inspected = self.pull_missing(engine, target, &base)?;
                // An engine that pulls by digest checks it. This check is for images that came by
                // other means, such as `docker load`.
                if !inspected.has_digest(digest) && !inspected.digests.is_empty() {
                    return Err(Problem::new(
                        IMAGE_UNAVAILABLE,
                        format!("the image that the engine has as `{base}` has another digest"),
                    )
                    .note("it has", inspected.digests)
                    .help(format!(
                        "remove it and pull it again: `{} image rm {base}`, then `cargo \
                                   xpkg image pull`",
                        engine.program
                    )));
                }
                (base, inspected)
            }
            None => self.resolve(engine, wanted)?,
        };
        let digest = base
            .rsplit_once('@')
            .map(|(_, digest)| digest.to_owned())
            .unwrap_or_default();
        let recipe = self.recipe(target, wanted, &base)?;
        // Of the base: the date of a derived image is that of this machine's build.
        let created = inspected.created.clone();
        let (run, derived, inspected) = match recipe {
            None => (base, None, inspected),
            Some(recipe) => {
                let (id, inspected) = self.derive(engine, target, wanted, &recipe)?;
                let pinned =
                    pinned.and_then(|_| self.lock().ok()?.pin(target.triple())?.derived.clone());
                if let Some(pinned) = pinned.filter(|pinned| pinned.id != id) {
                    let what = format!(
                        "the image of {target} was built here: it is {id}, and {} where it was \
                         pinned",
                        pinned.id
                    );
                    self.host.shell.status("Noting", &what);
                }
                (
                    id.clone(),
                    Some(Derived {
                        inputs: recipe.inputs,
                        id,
                    }),
                    inspected,
                )
            }
        };
        let host_target = Target::of_triple(&self.found.rustc.host);
        if host_target.is_some_and(|target| !inspected.runs_on(&target)) {
            return Err(Problem::new(
                IMAGE_PLATFORM,
                format!(
                    "the image `{}` is for {}, and the toolchain here is `{}`",
                    reference.written,
                    inspected.platform(),
                    self.found.rustc.host
                ),
            )
            .help(
                "name an image for this machine's platform: it cross-compiles for the target \
                   from there",
            ));
        }
        let HostMounts {
            mut mounts,
            mut hidden,
        } = mounted;
        hidden.extend(overridden(wanted));
        let linker = format!("CARGO_TARGET_{}_LINKER", target.upper());
        if self.host.var(&linker).is_some() && !passed.iter().any(|passed| passed.name == linker) {
            hidden.push(format!("`{linker}` of the environment"));
        }
        let sysroot = &self.found.rustc.sysroot;
        if ["/", "/usr", "/usr/local"].contains(&sysroot.as_str()) {
            return Err(Problem::new(
                IMAGE_UNFIT,
                format!(
                    "the Rust toolchain is in `{sysroot}`, \
                     together with the rest of this system"
                ),
            )
            .note(
                "cause",
                [
                    "it is mounted in the image at its path here, which would hide \
                                 the image's own programs"
                        .to_owned(),
                ],
            )
            .help("use a toolchain in a directory of its own, as rustup installs them"));
        }
        mounts.push(Mount::reading(sysroot));
        let mut facts = ImageFacts {
            engine: engine.clone(),
            label: engine::enforces(self.host, engine),
            user: self
                .host
                .ordinary_user()
                .filter(|_| !engine.rootless)
                .unwrap_or_else(|| "0:0".to_owned()),
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
            cargo_home: cargo_home(self.host)
                .and_then(|home| Utf8PathBuf::from_path_buf(home).ok())
                .map_or_else(|| "/cargo".into(), |home| self.host.absolute(&home)),
            hidden,
        };
        facts.inside = self.inside(target, &facts)?;
        Ok(facts)
    }

    /// Returns true if the image has the digest that a build needs.
    ///
    /// # Errors
    /// An unreadable lock is an error.
    pub fn is_pinned(&self, target: &Target, wanted: &WantedImage) -> Result<bool> {
        match self.digest(target, wanted) {
            Ok(_) => Ok(true),
            Err(problem) if problem.code == IMAGE_NOT_PINNED => Ok(false),
            Err(problem) => Err(problem),
        }
    }

    /// Returns the digest that a build uses: the reference's own, or the lock's if it is for the
    /// same reference and the same inputs of a derived image.
    ///
    /// # Errors
    /// [`IMAGE_NOT_PINNED`] if there is none.
    pub fn digest(&self, target: &Target, wanted: &WantedImage) -> Result<String> {
        let reference = &wanted.reference;
        if let Some(digest) = reference.digest.as_ref().filter(|_| !wanted.is_derived()) {
            return Ok(digest.clone());
        }
        let missing = |why: String| {
            Problem::new(IMAGE_NOT_PINNED, why).help(format!(
                "pin it, and commit `{}`: `cargo xpkg image pin --target {}`",
                NAME,
                target.triple()
            ))
        };
        let pin = self.lock()?.pin(target.triple()).ok_or_else(|| {
            missing(format!(
                "the image `{}` of `{}` has no digest in `{}`",
                reference.written,
                target.triple(),
                NAME
            ))
        })?;
        if pin.reference != reference.written {
            return Err(missing(format!(
                "`{}` has a digest of `{}` for `{}`, and the configuration names `{}`",
                NAME,
                pin.reference,
                target.triple(),
                reference.written
            )));
        }
        let inputs = self
            .recipe(target, wanted, &reference.by_digest(&pin.digest))?
            .map(|recipe| recipe.inputs);
        if inputs != pin.derived.as_ref().map(|derived| derived.inputs.clone()) {
            return Err(missing(format!(
                "the derived image of `{}` has other inputs than when it was pinned",
                target.triple()
            )));
        }
        Ok(pin.digest.clone())
    }

    /// Inspects an image by its digest, and pulls it first if it is missing and the policy allows
    /// it.
    fn pull_missing(&self, engine: &Engine, target: &Target, image: &str) -> Result<Inspected> {
        if let Some(inspected) = engine::inspect(self.host, engine, image)? {
            return Ok(inspected);
        }
        if self.pull_policy == PullPolicy::Never {
            return Err(absent(engine, image, target));
        }
        self.host.shell.status("Pulling", image);
        engine::pull(self.host, engine, image)?;
        engine::inspect(self.host, engine, image)?.ok_or_else(|| absent(engine, image, target))
    }

    /// Pulls the image that the reference means now. Returns its name by digest, and its facts.
    fn resolve(&self, engine: &Engine, wanted: &WantedImage) -> Result<(String, Inspected)> {
        let reference = &wanted.reference;
        let by_tag = reference.by_tag();
        self.host.shell.status("Pulling", &by_tag);
        let printed = engine::pull(self.host, engine, &by_tag)
            .map_err(|problem| engine::built_here(self.host, engine, &by_tag, problem))?;
        let inspected = engine::inspect(self.host, engine, &by_tag)?;
        let digest = reference
            .digest
            .clone()
            .or(printed)
            .or_else(|| self.digest_of_tag(engine, reference, inspected.as_ref()?));
        match (inspected, digest) {
            (Some(inspected), Some(digest)) => Ok((reference.by_digest(&digest), inspected)),
            _ => Err(Problem::new(
                IMAGE_UNAVAILABLE,
                format!("{} does not say the digest of `{by_tag}`", engine.label()),
            )
            .help("an image that was only built here has none: push it to a registry")),
        }
    }

    /// Returns the digest of a tag, of all that an engine lists for the image: the one whose
    /// manifest in the registry is that of the tag. podman lists every digest that an image was
    /// ever pulled by, in any repository.
    fn digest_of_tag(
        &self,
        engine: &Engine,
        reference: &Reference,
        inspected: &Inspected,
    ) -> Option<String> {
        let manifest = |image: &str| engine::manifest(self.host, engine, reference, image).ok();
        let known = inspected.digests_in(&reference.name);
        match manifest(&reference.by_tag()) {
            Some(wanted) => known
                .into_iter()
                .find(|digest| manifest(&reference.by_digest(digest)).as_ref() == Some(&wanted)),
            // The engine cannot print the manifest; a single digest is unambiguous.
            None => Some(known)
                .filter(|known| known.len() == 1)
                .and_then(|known| known.first().copied()),
        }
        .map(str::to_owned)
    }
}

/// Returns the problem of an image that is missing on this machine; `image` is a reference, or a
/// description with spaces.
pub fn absent(engine: &Engine, image: &str, target: &Target) -> Problem {
    Problem::new(
        IMAGE_ABSENT,
        format!(
            "{} does not have {} of `{target}`",
            engine.label(),
            if image.contains(' ') {
                image.to_owned()
            } else {
                format!("the image `{image}`")
            }
        ),
    )
    .help(format!(
        "pull it: `cargo xpkg image pull --target {}`",
        target.triple()
    ))
}

/// Returns the facts of a request's image, with the configured volumes mounted and, if
/// `host_levels` has any, a report on the compiler of build scripts.
pub fn of_request(
    images: &ImageStore,
    request: &TargetRequest,
    wanted: &WantedImage,
    mounted: &HostMounts,
    host_levels: &[String],
    probing: &ProbeOptions,
) -> Result<ImageFacts> {
    let mut mounted = mounted.clone();
    mounted
        .mounts
        .extend(volumes(images.host, &images.found.workspace.root, wanted)?);
    let mut facts = images.facts(&request.target, wanted, mounted)?;
    if !host_levels.is_empty() {
        facts.host_report = images.host_report(&facts, host_levels, probing);
    }
    Ok(facts)
}

/// The codes that this file declares.
pub const CODES: &[Code] = &[IMAGE_ABSENT, IMAGE_PLATFORM];

pub const IMAGE_ABSENT: Code = code(&CodeInfo {
    name: "image-absent",
    title: "the pinned image is not on this machine",
    cause: "The image is not here, and this command does not pull: `plan`, `doctor` and `env` \
            never do, `build` not with `--offline` or `--frozen`.",
    detection: "The engine is asked for the image by its digest.",
    fix: "Run `cargo xpkg image pull`.",
    page: "cross-images",
    sources: &[],
    waivable: false,
});

pub const IMAGE_PLATFORM: Code = code(&CodeInfo {
    name: "image-platform",
    title: "the image is for another platform",
    cause: "The toolchain of this machine runs in the image, and the image's programs are for \
            another processor.",
    detection: "`image inspect` is compared with rustc's host triple.",
    fix: "Name an image for this machine's platform: it cross-compiles for the target from there.",
    page: "cross-images",
    sources: &["cross-rs/cross#1288"],
    waivable: false,
});
