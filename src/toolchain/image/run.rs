//! Pins, updates and pulls the images of a workspace.

use camino::Utf8PathBuf;

use crate::host::lock;
use crate::host::machine::Host;
use crate::problem::{Failure, Problem, Result};
use crate::project::config::Config;
use crate::project::look::context::ProjectContext;
use crate::project::request::{TargetRequest, WantedImage};
use crate::project::settings;
use crate::project::workspace::tools_dir;
use crate::target::Target;
use crate::target::system::Libc;
use crate::toolchain::c_usage::CUsage;
use crate::toolchain::choose;
use crate::toolchain::facts::{Facts, TargetFacts};
use crate::toolchain::image::container::IMAGE_UNFIT;
use crate::toolchain::image::facts::ImageFacts;
use crate::toolchain::image::inside;
use crate::toolchain::image::lockfile::{
    IMAGE_NOT_PINNED, LOCK_CHANGED, Lockfile, NAME, Pin, PinState, PinStatus, Seen,
};
use crate::toolchain::image::look::engine;
use crate::toolchain::image::look::exposed::HostMounts;
use crate::toolchain::image::look::probing::ProbeOptions;
use crate::toolchain::image::look::store::{self, ImageStore, PullPolicy};
use crate::toolchain::look::programs;
use crate::toolchain::probe::definition::Probe;
use crate::toolchain::probe::report::{Answer, Report, Verdict};
use crate::toolchain::probe::table;
use crate::toolchain::program::Program;

/// A target and the image that the configuration names for it.
pub struct ImageTarget {
    /// The target's settings.
    pub request: TargetRequest,
    /// Image of the target, as configured.
    wanted: WantedImage,
}

/// Returns the named targets with their images, or all targets of the configuration that have an
/// image if none is named. A named target without an image is an error.
pub fn rows(
    config: &Config,
    found: &ProjectContext,
    named: &[String],
) -> Result<Vec<ImageTarget>, Failure> {
    let names: Vec<String> = if named.is_empty() {
        config.target.keys().cloned().collect()
    } else {
        named.to_vec()
    };
    let mut problems = Vec::new();
    let mut rows = Vec::new();
    for name in names {
        match settings::image_request(config, &found.workspace.root, &name, &found.triples) {
            Ok(Some((request, wanted))) => rows.push(ImageTarget { request, wanted }),
            Ok(None) if named.is_empty() => {}
            Ok(None) => problems.push(
                Problem::new(
                    IMAGE_NOT_PINNED,
                    format!(
                        "the configuration names no image for \
                    `{name}`"
                    ),
                )
                .help(format!(
                    "configure one: `[workspace.metadata.xpkg.target.{name}]` with \
                                   `image = \"registry/name:tag\"`"
                )),
            ),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(rows)
    } else {
        Err(problems.into())
    }
}

/// The compilers of an image, and what the probes say of them.
pub struct ImageProbes {
    /// The image.
    pub facts: ImageFacts,
    /// C compiler for the target, if the image has one.
    pub compiler: Option<Program>,
    /// Linker for the target.
    pub linker: Program,
    /// C compiler of build scripts.
    pub host_compiler: Option<Program>,
    /// Report on the target's C compiler.
    pub report: Option<Report>,
    /// Report on the C compiler of build scripts.
    pub host_report: Option<Report>,
}

/// One run of `cargo xpkg image`.
pub struct PinSession<'a> {
    /// This machine.
    pub host: &'a Host,
    /// The project.
    pub found: &'a ProjectContext,
    /// `xpkg.lock` before the run.
    pub lock: &'a Lockfile,
    /// Policy of pulling images.
    pub pull_policy: PullPolicy,
}

impl PinSession<'_> {
    /// Returns true if the lock holds the image's digest: the configuration has none, or the image
    /// is derived.
    pub fn is_locked(&self, row: &ImageTarget) -> bool {
        row.wanted.reference.digest.is_none() || row.wanted.is_derived()
    }

    /// Returns a target's new pin, or `None` if it needs none or already has the right one. With
    /// `again`, the tag is resolved even if it is pinned.
    pub fn pin(&self, row: &ImageTarget, again: bool) -> Result<Option<Pin>> {
        let ImageTarget { request, wanted } = row;
        let target = &request.target;
        if !self.is_locked(row) {
            self.host.shell.status(
                "Unchanged",
                &format!(
                    "{target}: the configuration has the digest of {}",
                    wanted.reference.written
                ),
            );
            return Ok(None);
        }
        let images = ImageStore::new(self.host, self.found, self.pull_policy);
        if !again && images.is_pinned(target, wanted)? {
            self.host.shell.status(
                "Unchanged",
                &format!("{target}: {}", wanted.reference.written),
            );
            return Ok(None);
        }
        let facts = images.facts(target, wanted, HostMounts::default())?;
        let seen = self.seen(&images, request, &facts)?;
        let pin = Pin {
            target: target.triple().to_owned(),
            reference: wanted.reference.written.clone(),
            digest: facts.digest,
            derived: facts.derived,
            seen,
        };
        if self.lock.pin(&pin.target) == Some(&pin) {
            self.host.shell.status(
                "Unchanged",
                &format!("{target}: {}", wanted.reference.written),
            );
        }
        Ok(Some(pin))
    }

    /// Probes the compilers of a target's image, pinned or not.
    pub fn probes(&self, row: &ImageTarget) -> Result<ImageProbes> {
        let ImageTarget { request, wanted } = row;
        let images = ImageStore::new(self.host, self.found, self.pull_policy);
        let facts = images.facts(&request.target, wanted, HostMounts::default())?;
        self.probed(&images, request, facts)
    }

    /// Probes an image's compilers with the arguments that a build uses.
    fn probed(
        &self,
        images: &ImageStore,
        request: &TargetRequest,
        facts: ImageFacts,
    ) -> Result<ImageProbes> {
        let target = &request.target;
        let here = TargetFacts {
            triple: target.triple().to_owned(),
            image: Some(Ok(facts.clone())),
            self_contained: target.system.libc == Libc::Musl,
            crt_static: target.system.libc == Libc::Musl,
            ..TargetFacts::default()
        };
        let known = Facts {
            rustc: self.found.rustc.clone(),
            targets: vec![here],
            ..Facts::default()
        };
        // With a C compiler if the image has one; a graph without C needs none.
        let tools = tools_dir(&self.found.workspace);
        let candidate = |has_c: bool| {
            let c = CUsage {
                present: has_c,
                configured: true,
                packages: Vec::new(),
            };
            choose::image_candidate(request, &known, &c, &tools)
        };
        let candidate = candidate(true)
            .or_else(|why| candidate(false).map_err(|_| why))
            .map_err(|why| {
                Problem::new(
                    IMAGE_UNFIT,
                    format!(
                        "the image `{}` cannot build for `{target}`",
                        facts.reference
                    ),
                )
                .note("cause", [why])
                .help("add what is missing by `pre-build`, or name another image")
            })?;
        let levels = ["3".to_owned()];
        let runner = programs::runner(self.host, target, &self.found.rustc.host);
        let probing = ProbeOptions {
            rustflags: &[],
            configured: &[],
            runner,
        };
        let report = candidate
            .c_compiler
            .as_ref()
            .map(|_| images.report(&facts, target, &candidate, &levels, &probing));
        let host_report = images.host_report(&facts, &levels, &probing);
        Ok(ImageProbes {
            compiler: candidate.c_compiler.clone(),
            linker: candidate.linker,
            host_compiler: facts.inside.programs.get("cc").cloned(),
            report,
            host_report,
            facts,
        })
    }

    /// Collects facts of an image, and the verdicts of the probes of its compilers.
    fn seen(
        &self,
        images: &ImageStore,
        request: &TargetRequest,
        facts: &ImageFacts,
    ) -> Result<Seen> {
        let target = &request.target;
        let ImageProbes {
            compiler,
            linker,
            host_compiler,
            report,
            host_report,
            facts,
        } = self.probed(images, request, facts.clone())?;
        // Probes that were interrupted say nothing about the compilers.
        self.host.check_interrupted()?;
        let same = host_report
            .as_ref()
            .zip(report.as_ref())
            .is_some_and(|(host, report)| host.compiler == report.compiler);
        let mut probes = report
            .iter()
            .flat_map(|report| self.verdicts(target, "", report))
            .collect::<Vec<_>>();
        probes.extend(
            host_report
                .iter()
                .filter(|_| !same)
                .flat_map(|report| self.verdicts(target, "host-", report)),
        );
        let glibc = report
            .as_ref()
            .and_then(|report| report.facts.as_ref())
            .and_then(|facts| facts.glibc)
            .map(|[major, minor]| format!("glibc {major}.{minor}"));
        let compiler = compiler.unwrap_or(linker);
        Ok(Seen {
            platform: facts.platform.clone(),
            created: facts.created.clone(),
            os: facts
                .inside
                .os_release
                .as_deref()
                .and_then(inside::pretty_name),
            compiler: compiler
                .version
                .clone()
                .or_else(|| Some(compiler.program.clone())),
            libc: glibc.or_else(|| (target.system.libc == Libc::Musl).then(|| "musl".to_owned())),
            host_compiler: host_compiler.and_then(|cc| cc.version),
            probes: probes.into_iter().collect(),
        })
    }

    /// Returns the verdicts of a report, and warns of those that are not good. Names of probes get
    /// `prefix`.
    fn verdicts(&self, target: &Target, prefix: &str, report: &Report) -> Vec<(String, String)> {
        for answer in report.answers.iter().filter(|answer| is_kept(answer)) {
            let problem = match &answer.baseline {
                Verdict::Ok => continue,
                Verdict::Affected { evidence } => format!("is affected ({evidence})"),
                Verdict::Inconclusive { why } => format!("could not be probed: {why}"),
            };
            self.host.shell.warning(
                &answer.probe,
                &format!("`{}` in the image of `{target}` {problem}", report.compiler),
            );
        }
        report
            .answers
            .iter()
            .filter(|answer| is_kept(answer))
            .map(|answer| {
                (
                    format!("{prefix}{}", answer.probe),
                    answer.baseline.name().to_owned(),
                )
            })
            .collect()
    }

    /// Prints the changes of the lock, then writes it. `targets` are all that have an image. Returns
    /// the new lock.
    ///
    /// # Errors
    /// [`LOCK_CHANGED`] if `locked` forbids the changes.
    pub fn write(
        &self,
        pins: Vec<Pin>,
        targets: &[&str],
        locked: bool,
        dry: bool,
    ) -> Result<Lockfile> {
        let path: Utf8PathBuf = store::lock_target(self.host, self.found);
        let is_unchanged = |old: &Lockfile, new: &Lockfile| {
            new == old && (self.host.exists(&path) || new.images.is_empty())
        };
        let new = self.lock.with(pins.clone(), targets);
        if is_unchanged(self.lock, &new) {
            return Ok(new);
        }
        // Another run may have pinned other images since this one has read the file: both stay.
        let writing = !locked && !dry;
        let _held = writing
            .then(|| {
                let place = lock::lock_path(&path);
                self.host.temporary_lock(&place, &format!("on `{path}`"))
            })
            .transpose()?;
        let current = store::read_lock(self.host, self.found)?;
        let new = current.with(pins, targets);
        if is_unchanged(&current, &new) {
            return Ok(new);
        }
        let mut changes = Vec::new();
        for pin in &new.images {
            match current.pin(&pin.target) {
                None => changes.push((
                    format!("{} to {}", pin.target, pin.reference),
                    "Pinning",
                    pin.rows(),
                )),
                Some(old) if old != pin => {
                    changes.push((pin.target.clone(), "Updating", old.differences(pin)))
                }
                Some(_) => {}
            }
        }
        for gone in current
            .images
            .iter()
            .filter(|old| new.pin(&old.target).is_none())
        {
            changes.push((
                format!("{}, which no longer has an image", gone.target),
                "Dropping",
                Vec::new(),
            ));
        }
        for (what, verb, lines) in &changes {
            self.host.shell.status(verb, what);
            for line in lines {
                self.host.shell.pass_on(&format!("{:>12} {line}", ""));
            }
        }
        if locked {
            let names = changes
                .iter()
                .map(|(what, verb, _)| format!("{verb} {what}"));
            return Err(Problem::new(
                LOCK_CHANGED,
                format!("`{}` would change, and `--locked` was given", NAME),
            )
            .note("changes", names)
            .help("run it without `--locked`, look at the difference, and commit it"));
        }
        if dry {
            self.host
                .shell
                .status("Unchanged", &format!("{} (`--dry-run`)", NAME));
            return Ok(new);
        }
        self.host.replace_durably(&path, new.text().as_bytes())?;
        self.host.shell.status("Writing", path.as_str());
        Ok(new)
    }

    /// Pulls a target's image, or builds it if it is derived.
    pub fn pull(&self, images: &ImageStore, row: &ImageTarget) -> Result<()> {
        let facts = images.facts(&row.request.target, &row.wanted, HostMounts::default())?;
        self.host
            .shell
            .status("Ready", &format!("{}: {}", row.request.target, facts.run));
        Ok(())
    }

    /// Returns the status of a target's image. Without `offline` it asks the registry whether the
    /// tag has moved.
    pub fn pin_status(&self, row: &ImageTarget, offline: bool) -> PinStatus {
        let ImageTarget { request, wanted } = row;
        let triple = request.target.triple();
        let pin = self.lock.pin(triple).filter(|_| self.is_locked(row));
        let images = ImageStore::new(self.host, self.found, PullPolicy::Never);
        let digest = images.digest(&request.target, wanted);
        let (state, why) = match &digest {
            Err(problem) => (PinState::NotPinned, Some(problem.message.clone())),
            Ok(_) if wanted.reference.digest.is_some() => (PinState::Pinned, None),
            Ok(_) if offline => (PinState::Pinned, Some("the registry was not asked".to_owned())),
            Ok(digest) => match self.moved(&images, wanted, digest) {
                Ok(false) => (PinState::Pinned, None),
                Ok(true) => (
                    PinState::Moved,
                    Some(
                        "the tag refers to another image now: `cargo xpkg image update` shows which"
                            .to_owned(),
                    ),
                ),
                Err(why) => (
                    PinState::Pinned,
                    Some(format!("cannot determine whether the tag has moved: {why}")),
                ),
            },
        };
        PinStatus {
            target: triple.to_owned(),
            reference: wanted.reference.written.clone(),
            digest: digest.ok().or_else(|| pin.map(|pin| pin.digest.clone())),
            state,
            why,
            seen: pin.map(|pin| pin.seen.clone()),
        }
    }

    /// Returns true if the registry's manifest of the tag is not that of the digest.
    fn moved(
        &self,
        images: &ImageStore,
        wanted: &WantedImage,
        digest: &str,
    ) -> Result<bool, String> {
        let engine = images.engine().map_err(|problem| problem.message)?;
        let reference = &wanted.reference;
        let ask = |image: &str| engine::manifest(self.host, engine, reference, image);
        Ok(ask(&reference.by_tag())? != ask(&reference.by_digest(digest))?)
    }
}

/// Returns true if the lock keeps an answer: a bug of the compiler itself, or any that is not ok.
/// The others depend on the target and its graph.
fn is_kept(answer: &Answer) -> bool {
    let probe = table::find(&answer.probe);
    answer.baseline != Verdict::Ok || probe.is_some_and(Probe::is_of_compiler)
}
