//! `image`: the cross images of a workspace, locked by digest in `xpkg.lock`.

use camino::Utf8PathBuf;

use crate::cli::{ImageArgs, ImageCommand, ImageRunArgs, MessageFormat};
use crate::config::Config;
use crate::container::inside;
use crate::engine;
use crate::facts::{Facts, ImageFacts, TargetFacts};
use crate::host::Host;
use crate::lock::{self, Lockfile, Pin, PinStatus, Seen};
use crate::look::images::{self, HostMounts, ImageStore, ProbeOptions, PullPolicy};
use crate::look::{self, CargoOptions, ProjectContext};
use crate::plan::tools_dir;
use crate::probe::{Report, Verdict};
use crate::problem::{Code, Failure, Problem, Result};
use crate::settings;
use crate::target::{Libc, Target};
use crate::toolchain::image::WantedImage;
use crate::toolchain::{self, CUsage, TargetRequest};
use crate::ui::{self, Shell};

/// A target and the image that the configuration names for it.
struct ImageTarget {
    request: TargetRequest,
    wanted: WantedImage,
}

pub fn run(host: &Host, shell: Shell, args: ImageArgs) -> Result<(), Failure> {
    let ImageArgs { command } = args;
    let (again, dry) = match &command {
        ImageCommand::Update(update) => (true, update.dry_run),
        ImageCommand::Pin(_) | ImageCommand::List(_) | ImageCommand::Pull(_) => (false, false),
    };
    let ImageRunArgs {
        target,
        manifest,
        locked,
        offline,
        output,
    } = command.run();
    let (locked, offline) = (*locked, *offline);
    let asking = CargoOptions {
        program: super::cargo_program(host),
        locked: false,
        offline: false,
        frozen: false,
        config: Vec::new(),
        target_dir: super::target_directory(host, None),
    };
    let found = look::workspace(
        host,
        &asking,
        super::manifest_path(host, manifest.manifest_path.clone())?.as_deref(),
    )?;
    let config = super::own_config(&found)?;
    let config = super::with_cross(host, shell, &found, config, target, false)?;
    let rows = rows(&config, &found, target)?;
    if rows.is_empty() {
        return Err(Problem::new(
            Code::ImageNotPinned,
            "no target of this workspace has an image",
        )
        .help(
            "name one in xpkg's configuration: `[workspace.metadata.xpkg.target.TRIPLE]` \
                   with `image = \"registry/name:tag\"`",
        )
        .into());
    }
    let hear = move |verb: &str, line: &str| match verb {
        "" => shell.pass_on(line),
        verb => shell.status(verb, line),
    };
    let lock = images::read_lock(host, &found)?;
    // Who only looks leaves what is built upon images as it is.
    let having = if again && !dry {
        PullPolicy::Renew
    } else {
        PullPolicy::Resolve
    };
    let work = PinSession {
        host,
        shell,
        found: &found,
        lock: &lock,
        having,
        hear: &hear,
    };
    match command {
        ImageCommand::List(_) => {
            let standings: Vec<PinStatus> =
                rows.iter().map(|row| work.standing(row, offline)).collect();
            ui::data(&match output.message_format {
                MessageFormat::Human => ui::images(&standings),
                MessageFormat::Json => ui::json(&standings),
            })?;
            return Ok(());
        }
        ImageCommand::Pull(_) => {
            let looking = ImageStore::new(
                host,
                &found,
                if offline {
                    PullPolicy::Leave
                } else {
                    PullPolicy::Fetch
                },
                &hear,
            );
            let problems: Vec<Problem> = rows
                .iter()
                .filter_map(|row| work.pull(&looking, row).err())
                .collect();
            return if problems.is_empty() {
                Ok(())
            } else {
                Err(problems.into())
            };
        }
        ImageCommand::Pin(_) | ImageCommand::Update(_) => {}
    }
    let mut problems = Vec::new();
    let mut pins = Vec::new();
    for row in &rows {
        match work.pin(row, again) {
            Ok(pin) => pins.extend(pin),
            Err(problem) => problems.push(problem),
        }
    }
    // A lock without a target's filter holds just what the configuration names. What could be
    // pinned is, though others could not.
    let all = self::rows(&config, &found, &[])?;
    let names: Vec<&str> = all
        .iter()
        .filter(|row| work.is_locked(row))
        .map(|row| row.request.target.triple())
        .collect();
    let new = lock.with(pins, &names);
    work.write(&new, locked, dry)?;
    if !problems.is_empty() {
        return Err(problems.into());
    }
    if output.message_format == MessageFormat::Json {
        ui::data(&ui::json(&new))?;
    }
    Ok(())
}

/// The targets of the configuration that have an image; those that were named, where some were.
fn rows(
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
                    Code::ImageNotPinned,
                    format!(
                        "the configuration names no image for \
                    `{name}`"
                    ),
                )
                .help(format!(
                    "name one: `[workspace.metadata.xpkg.target.{name}]` with \
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

struct PinSession<'a> {
    host: &'a Host,
    shell: Shell,
    found: &'a ProjectContext,
    lock: &'a Lockfile,
    having: PullPolicy,
    hear: &'a (dyn Fn(&str, &str) + Sync),
}

impl PinSession<'_> {
    /// Its digest lives in the lock: it does not stand in the configuration, or something is built
    /// upon it.
    fn is_locked(&self, row: &ImageTarget) -> bool {
        row.wanted.reference.digest.is_none() || row.wanted.is_derived()
    }

    /// The pin of a row; `None`: it needs none, or has the right one.
    fn pin(&self, row: &ImageTarget, again: bool) -> Result<Option<Pin>> {
        let ImageTarget { request, wanted } = row;
        let target = &request.target;
        if !self.is_locked(row) {
            self.shell.status(
                "Unchanged",
                &format!(
                    "{target}: the configuration has the digest of {}",
                    wanted.reference.written
                ),
            );
            return Ok(None);
        }
        let looking = ImageStore::new(self.host, self.found, self.having, self.hear);
        if !again && looking.is_pinned(target, wanted)? {
            self.shell.status(
                "Unchanged",
                &format!("{target}: {}", wanted.reference.written),
            );
            return Ok(None);
        }
        let facts = looking.facts(target, wanted, HostMounts::default())?;
        let seen = self.seen(&looking, request, &facts)?;
        let pin = Pin {
            target: target.triple().to_owned(),
            reference: wanted.reference.written.clone(),
            digest: facts.digest,
            derived: facts.derived,
            seen,
        };
        if self.lock.pin(&pin.target) == Some(&pin) {
            self.shell.status(
                "Unchanged",
                &format!("{target}: {}", wanted.reference.written),
            );
        }
        Ok(Some(pin))
    }

    /// What is found in an image: its compilers are asked as a build asks them.
    fn seen(
        &self,
        looking: &ImageStore,
        request: &TargetRequest,
        facts: &ImageFacts,
    ) -> Result<Seen> {
        let target = &request.target;
        let here = TargetFacts {
            image: Some(Ok(facts.clone())),
            self_contained: target.system.libc == Libc::Musl,
            ..TargetFacts::default()
        };
        let known = Facts {
            rustc: self.found.rustc.clone(),
            targets: [(target.triple().to_owned(), here)].into(),
            ..Facts::default()
        };
        // With C, where it has a compiler for that; a graph without needs none.
        let tools = tools_dir(&self.found.workspace);
        let candidate = |holds: bool| {
            let c = CUsage {
                holds,
                configured: true,
                packages: Vec::new(),
            };
            toolchain::image_candidate(request, &known, &c, &tools)
        };
        let candidate = candidate(true)
            .or_else(|why| candidate(false).map_err(|_| why))
            .map_err(|why| {
                Problem::new(
                    Code::ImageUnfit,
                    format!(
                        "the image `{}` cannot build for `{target}`",
                        facts.reference
                    ),
                )
                .note("cause", [why])
                .help("add what is missing by `pre-build`, or name another image")
            })?;
        let levels = ["3".to_owned()];
        let starter = look::starter(self.host, target, &self.found.rustc.host);
        let probing = ProbeOptions {
            rustflags: &[],
            configured: &[],
            starter,
        };
        let report = candidate
            .c_compiler
            .as_ref()
            .map(|_| looking.report(facts, target, &candidate, &levels, &probing));
        let host_report = looking.host_report(facts, &levels, &probing);
        // What was broken off tells nothing of the compilers.
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
        let compiler = candidate.c_compiler.as_ref().unwrap_or(&candidate.linker);
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
            host_compiler: facts
                .inside
                .programs
                .get("cc")
                .and_then(|cc| cc.version.clone()),
            probes: probes.into_iter().collect(),
        })
    }

    /// The verdicts of a report, told where they are not good.
    fn verdicts(&self, target: &Target, prefix: &str, report: &Report) -> Vec<(String, String)> {
        for answer in &report.answers {
            let what = match &answer.clean {
                Verdict::Ok => continue,
                Verdict::Affected { evidence } => format!("is affected ({evidence})"),
                Verdict::Inconclusive { why } => format!("could not be probed: {why}"),
            };
            self.shell.warning(
                &answer.probe,
                &format!("`{}` in the image of `{target}` {what}", report.compiler),
            );
        }
        report
            .answers
            .iter()
            .map(|answer| {
                (
                    format!("{prefix}{}", answer.probe),
                    answer.clean.name().to_owned(),
                )
            })
            .collect()
    }

    /// Shows what changes, then writes it, unless that is forbidden.
    fn write(&self, new: &Lockfile, locked: bool, dry: bool) -> Result<()> {
        let path: Utf8PathBuf = images::lock_path(self.found);
        if new == self.lock && (self.host.exists(&path) || new.images.is_empty()) {
            return Ok(());
        }
        let mut changes = Vec::new();
        for pin in &new.images {
            match self.lock.pin(&pin.target) {
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
        for gone in self
            .lock
            .images
            .iter()
            .filter(|old| new.pin(&old.target).is_none())
        {
            changes.push((
                format!("{}, which has no image any more", gone.target),
                "Dropping",
                Vec::new(),
            ));
        }
        for (what, verb, lines) in &changes {
            self.shell.status(verb, what);
            for line in lines {
                self.shell.pass_on(&format!("{:>12} {line}", ""));
            }
        }
        if locked {
            let names = changes
                .iter()
                .map(|(what, verb, _)| format!("{verb} {what}"));
            return Err(Problem::new(
                Code::LockChanged,
                format!("`{}` would change, and `--locked` was given", lock::NAME),
            )
            .note("changes", names)
            .help("run it without `--locked`, look at the difference, and commit it"));
        }
        if dry {
            self.shell
                .status("Leaving", &format!("{} as it is (`--dry-run`)", lock::NAME));
            return Ok(());
        }
        self.host.replace(&path, new.text().as_bytes())?;
        self.shell.status("Writing", path.as_str());
        Ok(())
    }

    fn pull(&self, looking: &ImageStore, row: &ImageTarget) -> Result<()> {
        let facts = looking.facts(&row.request.target, &row.wanted, HostMounts::default())?;
        self.shell
            .status("Ready", &format!("{}: {}", row.request.target, facts.run));
        Ok(())
    }

    /// Where a row stands; asks the registry unless that is forbidden.
    fn standing(&self, row: &ImageTarget, offline: bool) -> PinStatus {
        let ImageTarget { request, wanted } = row;
        let triple = request.target.triple();
        let pin = self.lock.pin(triple).filter(|_| self.is_locked(row));
        let looking = ImageStore::new(self.host, self.found, PullPolicy::Leave, self.hear);
        let digest = looking.digest(&request.target, wanted);
        let (state, why) = match &digest {
            Err(problem) => ("not pinned", Some(problem.message.clone())),
            Ok(_) if wanted.reference.digest.is_some() => ("pinned", None),
            Ok(_) if offline => ("pinned", Some("the registry was not asked".to_owned())),
            Ok(digest) => match self.moved(&looking, wanted, digest) {
                Ok(false) => ("pinned", None),
                Ok(true) => (
                    "moved",
                    Some(
                        "the tag means another image now: `cargo xpkg image update` shows which"
                            .to_owned(),
                    ),
                ),
                Err(why) => (
                    "pinned",
                    Some(format!("whether the tag has moved cannot be told: {why}")),
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

    /// Whether the tag means another image than the digest.
    fn moved(
        &self,
        looking: &ImageStore,
        wanted: &WantedImage,
        digest: &str,
    ) -> Result<bool, String> {
        let engine = looking.engine().map_err(|problem| problem.message)?;
        let reference = &wanted.reference;
        let ask = |image: &str| engine::manifest(self.host, engine, reference, image);
        Ok(ask(&reference.by_tag())? != ask(&reference.by_digest(digest))?)
    }
}
