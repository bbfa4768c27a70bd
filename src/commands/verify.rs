//! `verify`: checks a tree, an archive or a file before its release. Runs the programs only with
//! `--run`.

use camino::{Utf8Path, Utf8PathBuf};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, ValueEnum};

use crate::build::look::options::TreeOptions;
use crate::build::look::tree;
use crate::commands::args::{MessageFormat, PlaceArgs, path};
use crate::commands::codes;
use crate::commands::release::{Output, ReleaseArgs, make};
use crate::host::machine::Host;
use crate::host::shell;
use crate::problem::code::NO_SUCH_CODE;
use crate::problem::{Failure, Problem, Result};
use crate::project::config::PolicyConfig;
use crate::ship::reproduce;
use crate::ship::reproduce::released::run::Again;
use crate::target::Target;
use crate::tree::look::NO_TREE;
use crate::tree::release;
use crate::ui::verify;
use crate::verify::judge::{self, VerifyOptions};
use crate::verify::rules::chosen;
use crate::verify::run::start_all;
use crate::verify::waiver::{self, AcceptRule, Accepts, NO_REASON};
use crate::verify::{audit, look, markdown, sarif, signed};

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "cargo xpkg verify",
    "cargo xpkg verify dist --policy strict --run",
    "cargo xpkg verify app-1.0-x86_64-unknown-linux-musl.tar.gz --message-format sarif",
];

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Tree, directory of binaries or archives, archive, package (.deb, .rpm, .whl) or file to verify
    /// [default: the staged tree]
    #[arg(value_parser = path())]
    pub path: Option<Utf8PathBuf>,

    /// Target of programs whose paths do not name one; repeatable or comma-separated
    #[arg(long, value_name = "TRIPLE[.GLIBC]", value_delimiter = ',')]
    pub target: Vec<String>,

    /// Policy: `default`, `strict` or `portable-linux`
    #[arg(long, value_name = "NAME")]
    pub policy: Option<String>,

    /// Accept a finding or an advisory, everywhere or at one path; the report lists it with the reason
    #[arg(long, value_name = "CODE|ID[=PATH]")]
    pub accept: Vec<String>,

    /// Why the finding is accepted (recorded in the report)
    #[arg(long, value_name = "TEXT", requires = "accept")]
    pub reason: Option<String>,

    /// Fail if no manifest or checksum list is found
    #[arg(long)]
    pub require_list: bool,

    /// Require signatures of the lists by a public key of minisign or SSH, or its file
    #[arg(long, value_name = "KEY", value_parser = NonEmptyStringValueParser::new())]
    pub signed_by: Option<String>,

    /// Require `release.json` to be of this version: an older release may be signed as well
    #[arg(long, value_name = "VERSION", value_parser = NonEmptyStringValueParser::new())]
    pub release_version: Option<String>,

    /// Look up the packages of programs and SBOMs in a directory of RustSec's advisories, offline
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub audit: Option<Utf8PathBuf>,

    /// Build the recorded commits of a tree or a release again, elsewhere, and require the same bytes
    #[arg(long)]
    pub reproduce: bool,

    /// Run each program, natively, under qemu or wine, or by wasmtime, and require exit code 0
    #[arg(long)]
    pub run: bool,

    /// With `--run`: text that each program's output must contain
    #[arg(long, value_name = "TEXT", requires = "run")]
    pub expect_version: Option<String>,

    /// With `--run`: arguments for each program [default: --version]
    #[arg(last = true, value_name = "ARGS", requires = "run")]
    pub args: Vec<String>,

    /// Print text, or a single JSON or SARIF document on stdout
    #[arg(
        long = "message-format",
        value_name = "FORMAT",
        value_enum,
        default_value = "human"
    )]
    pub format: ReportFormat,

    /// Location of the staged tree.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Values of `--message-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    Human,
    Json,
    /// SARIF 2.1 for code scanning
    Sarif,
}

impl ReportFormat {
    /// Returns the format of problems that prevent a verification. They are not SARIF results, so
    /// with `--message-format sarif` they are printed as text.
    pub fn of_problems(self) -> MessageFormat {
        match self {
            Self::Json => MessageFormat::Json,
            Self::Human | Self::Sarif => MessageFormat::Human,
        }
    }
}

/// Runs `verify`.
///
/// # Errors
/// The subject cannot be read, an option is invalid, or there are findings.
pub fn run(host: &Host, args: VerifyArgs) -> Result<(), Failure> {
    let VerifyArgs {
        path,
        target,
        policy,
        accept,
        reason,
        require_list,
        signed_by,
        release_version,
        audit,
        reproduce,
        run,
        expect_version,
        args,
        format,
        place,
    } = args;
    let place = place.options();
    let (path, config) = subject(host, path, &place)?;
    // All invalid options are reported at once.
    let (targets, policy, accept) = (
        targets(&target),
        chosen::policy(policy.as_deref(), config),
        accept_rules(&accept, reason),
    );
    let options = match (targets, policy, accept) {
        (Ok(targets), Ok(policy), Ok(accept)) => VerifyOptions {
            targets,
            policy,
            accept,
            require_list,
            version: release_version,
            taken: None,
        },
        (targets, policy, accept) => {
            let problems = targets
                .err()
                .into_iter()
                .chain(policy.err().into_iter().flatten())
                .chain(accept.err());
            return Err(problems.collect::<Vec<_>>().into());
        }
    };
    let signer = signed_by
        .map(|text| signed::look::signer(host, &text, &path))
        .transpose()?;
    // Before anything is read that takes long.
    let database = audit.map(|directory| audit::look::read(host, &directory));
    let database = database.transpose()?;
    let bar = host.shell.bar("Verifying");
    let subject = look::read(host, &path, &bar)?;
    drop(bar);
    judge::reject_list(&subject)?;
    let mut report = judge::check_artifacts(&subject, &options);
    if let Some(signer) = &signer {
        signed::look::check(host, &subject, signer, &mut report)?;
    }
    if let Some(database) = &database {
        audit::check(&subject, database, &options, &mut report);
    }
    if reproduce {
        let findings = if host.is_file(&host.absolute(&path).join(release::NAME)) {
            let again = |again: &Again| release_again(host, again);
            reproduce::released::run::reproduce(host, &path, place.manifest_path, again)?
        } else {
            reproduce::run::reproduce(host, &path, place.manifest_path)?
        };
        let (accepted, findings) = waiver::split_accepted(findings, options.accept.iter());
        report.accepted.extend(accepted);
        report.findings.extend(findings);
    }
    if run {
        start_all(
            host,
            &path,
            &options,
            &args,
            expect_version.as_deref(),
            &mut report,
        )?;
    }
    waiver::report_unused(&options.accept, &mut report);
    shell::data(&match format {
        ReportFormat::Human => verify::verification(&report),
        ReportFormat::Json => shell::json(&report),
        ReportFormat::Sarif => sarif::sarif(&report),
    })?;
    if let Some(summary) = host.var("GITHUB_STEP_SUMMARY")
        && let Err(problem) = host.append(
            &host.absolute(Utf8Path::new(summary)),
            markdown::summary(&report).as_bytes(),
        )
    {
        host.shell.warning(problem.code.name(), &problem.message);
    }
    if report.findings.is_empty() {
        Ok(())
    } else {
        Err(Failure::AlreadyReported)
    }
}

/// Command line of a second release.
#[derive(Debug, Parser)]
struct SecondRelease {
    /// Arguments of `release`.
    #[command(flatten)]
    args: ReleaseArgs,
}

/// Makes a second release of programs that were built again.
fn release_again(host: &Host, again: &Again) -> Result<(), Failure> {
    let Again {
        trees,
        manifest,
        place,
        tag,
    } = again;
    let mut words = vec!["release", "--manifest-path", manifest.as_str()];
    words.extend(["--release-dir", place.as_str()]);
    words.extend(trees.iter().flat_map(|tree| ["--from", tree.as_str()]));
    words.extend(tag.iter().flat_map(|tag| ["--tag", *tag]));
    let parsed = SecondRelease::try_parse_from(words);
    let SecondRelease { args } = parsed.expect("the flags are those of `release`");
    make(host, args, Output::Nothing).map(drop)
}

/// Returns the path to verify, and the configured policy if that is the workspace's staged tree.
fn subject(
    host: &Host,
    path: Option<Utf8PathBuf>,
    place: &TreeOptions,
) -> Result<(Utf8PathBuf, PolicyConfig), Failure> {
    if let Some(path) = path {
        return Ok((path, PolicyConfig::default()));
    }
    let found = tree::find_tree(host, place).map_err(|failure| match failure {
        Failure::Problems(problems) => {
            let help = |problem: Problem| {
                problem.help("or name the path to verify: `cargo xpkg verify PATH`")
            };
            Failure::Problems(problems.into_iter().map(help).collect())
        }
        other => other,
    })?;
    if !host.exists(&found.out_dir) {
        return Err(Problem::new(
            NO_TREE,
            format!("there is no staged tree at `{}`", found.out_dir),
        )
        .help("run `cargo xpkg build`, or name the path to verify: `cargo xpkg verify PATH`")
        .into());
    }
    Ok((found.out_dir, found.policy))
}

/// Parses the values of `--target`.
fn targets(names: &[String]) -> Result<Vec<Target>> {
    let parse = |name: &String| {
        // This machine may have no rustc to list its triples. Verification needs only those whose
        // binaries xpkg knows.
        let known: Vec<String> = Target::of_triple(Target::split(name).0)
            .map(|target| target.triple().to_owned())
            .into_iter()
            .collect();
        Target::parse(name, &known)
    };
    names.iter().map(parse).collect()
}

/// Parses the values of `--accept`, which need a reason.
fn accept_rules(accept: &[String], reason: Option<String>) -> Result<Vec<AcceptRule>> {
    let parse = |text: &String| {
        let (name, path) = text
            .split_once('=')
            .map_or((text.as_str(), None), |(name, path)| {
                (name, Some(path.to_owned()))
            });
        let accepts = Accepts::parse(name, codes::find).ok_or_else(|| {
            let problem = Problem::new(
                NO_SUCH_CODE,
                format!("`--accept {text}`: there is no code `{name}`"),
            );
            problem.help("each finding starts with its code; `--explain CODE` explains it")
        })?;
        let path = path.map(|path| path.trim_start_matches("./").to_owned());
        let reason = reason
            .clone()
            .filter(|reason| !reason.trim().is_empty())
            .ok_or_else(|| {
                Problem::new(NO_REASON, format!("`--accept {text}` needs `--reason`"))
                    .help("say why the finding is accepted: `--reason TEXT`")
            })?;
        Ok(AcceptRule {
            accepts,
            path,
            reason,
        })
    };
    accept.iter().map(parse).collect()
}
