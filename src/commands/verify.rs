//! `verify`: the gate before a release. Looks at a tree, an archive or a file, judges it, and
//! starts nothing unless it is told to.

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, ValueEnum};

use crate::archive;
use crate::archive::limits::Limits;
use crate::build::look::session::TreeOptions;
use crate::build::look::tree;
use crate::commands::args::{MessageFormat, PlaceArgs};
use crate::commands::codes;
use crate::host::machine::Host;
use crate::host::shell;
use crate::problem::code::NO_SUCH_CODE;
use crate::problem::text::list;
use crate::problem::{Failure, Problem, Result};
use crate::project::config::PolicyConfig;
use crate::project::config::parse::CONFIG_INVALID;
use crate::target::Target;
use crate::target::glibc::Glibc;
use crate::tree::look::NO_TREE;
use crate::ui::verify;
use crate::verify::judge::{self, VerifyOptions};
use crate::verify::rules::policy::{Policy, PolicyName};
use crate::verify::rules::table::rule_names;
use crate::verify::run::start_all;
use crate::verify::waiver::{AcceptRule, NO_REASON};
use crate::verify::{markdown, sarif};

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A tree, a directory of binaries, an archive (.tar, .tar.gz, .tar.zst, .zip) or one file
    /// [default: the staged tree]
    pub path: Option<Utf8PathBuf>,

    /// What programs are for whose paths do not say it; repeatable or comma-separated
    #[arg(long, value_name = "TRIPLE[.GLIBC]", value_delimiter = ',')]
    pub target: Vec<String>,

    /// `default`, `strict` or `portable-linux`
    #[arg(long, value_name = "NAME")]
    pub policy: Option<String>,

    /// Let one finding pass, everywhere or at one path; the report lists it with the reason
    #[arg(long, value_name = "CODE[=PATH]")]
    pub accept: Vec<String>,

    /// Why
    #[arg(long, value_name = "TEXT", requires = "accept")]
    pub reason: Option<String>,

    /// Start each program, natively or under qemu, and hold it to exit code 0
    #[arg(long)]
    pub run: bool,

    /// With `--run`: what each program's output has to hold
    #[arg(long, value_name = "TEXT", requires = "run")]
    pub expect_version: Option<String>,

    /// With `--run`: arguments for each program [default: --version]
    #[arg(last = true, value_name = "ARGS", requires = "run")]
    pub args: Vec<String>,

    /// `json` and `sarif`: one document on stdout, and nothing else there
    #[arg(
        long = "message-format",
        value_name = "FORMAT",
        value_enum,
        default_value = "human"
    )]
    pub format: ReportFormat,

    #[command(flatten)]
    pub place: PlaceArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    Human,
    Json,
    /// SARIF 2.1, for code scanning
    Sarif,
}

impl ReportFormat {
    /// Returns the format in which a failure to verify is reported: as a document only where the
    /// report is xpkg's own.
    pub fn of_problems(self) -> MessageFormat {
        match self {
            Self::Json => MessageFormat::Json,
            Self::Human | Self::Sarif => MessageFormat::Human,
        }
    }
}

pub fn run(host: &Host, args: VerifyArgs) -> Result<(), Failure> {
    let VerifyArgs {
        path,
        target,
        policy,
        accept,
        reason,
        run,
        expect_version,
        args,
        format,
        place,
    } = args;
    let (path, config) = subject(host, path, &place.options())?;
    // Everything that is wrong, at once.
    let (targets, policy, accept) = (
        targets(&target),
        chosen(policy, config),
        waives(&accept, reason),
    );
    let options = match (targets, policy, accept) {
        (Ok(targets), Ok(policy), Ok(accept)) => VerifyOptions {
            targets,
            policy,
            accept,
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
    let bar = host.shell.bar("Verifying");
    let subject = archive::look::read(host, &path, &Limits::default(), &bar)?;
    drop(bar);
    let mut report = judge::judge(&subject, &options);
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

/// What to verify, and the policy of the workspace where that was asked for what.
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
            let help =
                |problem: Problem| problem.help("or name what to verify: `cargo xpkg verify PATH`");
            Failure::Problems(problems.into_iter().map(help).collect())
        }
        other => other,
    })?;
    if !host.exists(&found.out_dir) {
        return Err(Problem::new(
            NO_TREE,
            format!("there is no staged tree at `{}`", found.out_dir),
        )
        .help("run `cargo xpkg build`, or name what to verify: `cargo xpkg verify PATH`")
        .into());
    }
    Ok((found.out_dir, found.policy))
}

fn chosen(flag: Option<String>, config: PolicyConfig) -> Result<Policy, Vec<Problem>> {
    let mut problems = Vec::new();
    let name = flag
        .as_deref()
        .or(config.base.as_deref())
        .unwrap_or("default");
    let name = PolicyName::parse(name).unwrap_or_else(|problem| {
        problems.push(problem);
        PolicyName::Default
    });
    for rule in config
        .rules
        .keys()
        .filter(|rule| !rule_names().any(|name| name == rule.as_str()))
    {
        problems.push(
            Problem::new(
                NO_SUCH_CODE,
                format!("the configuration's policy has a rule `{rule}`, which there is not"),
            )
            .help(format!("the rules: {}", list(rule_names()))),
        );
    }
    if let Some(glibc) = config
        .glibc
        .as_ref()
        .filter(|text| Glibc::parse(text).is_none())
    {
        problems.push(
            Problem::new(
                CONFIG_INVALID,
                format!("`{glibc}`, the glibc of the configuration's policy, is no version"),
            )
            .help("write it as `2.31`"),
        );
    }
    if problems.is_empty() {
        Ok(Policy { name, config })
    } else {
        Err(problems)
    }
}

fn targets(names: &[String]) -> Result<Vec<Target>> {
    let parse = |name: &String| {
        // There may be no rustc here: what a file of a target looks like is all that has to be
        // known.
        let known: Vec<String> = Target::of_triple(Target::split(name).0)
            .map(|target| target.triple().to_owned())
            .into_iter()
            .collect();
        Target::parse(name, &known)
    };
    names.iter().map(parse).collect()
}

fn waives(accept: &[String], reason: Option<String>) -> Result<Vec<AcceptRule>> {
    let waive = |text: &String| {
        let (name, path) = text
            .split_once('=')
            .map_or((text.as_str(), None), |(name, path)| {
                (name, Some(path.to_owned()))
            });
        let code = codes::find(name).ok_or_else(|| {
            let problem = Problem::new(
                NO_SUCH_CODE,
                format!("`--accept {text}`: there is no code `{name}`"),
            );
            problem.help("each finding begins with its code; `--explain CODE` tells what it means")
        })?;
        let path = path.map(|path| path.trim_start_matches("./").to_owned());
        let reason = reason
            .clone()
            .filter(|reason| !reason.trim().is_empty())
            .ok_or_else(|| {
                Problem::new(NO_REASON, format!("`--accept {text}` without a reason"))
                    .help("say why, for whoever reads the report: `--reason TEXT`")
            })?;
        Ok(AcceptRule { code, path, reason })
    };
    accept.iter().map(waive).collect()
}
