//! `publish`: puts a release at a store that others download from.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use crate::build::look::options::{cargo_options, manifest_path};
use crate::build::look::request::{is_no_workspace, xpkg_config};
use crate::commands::args::MessageFormat;
use crate::host::machine::Host;
use crate::host::shell::{self, Verbosity};
use crate::invocation;
use crate::problem::code::Code;
use crate::problem::text::list;
use crate::problem::{Failure, Problem, Result, nearest};
use crate::project::config::Config;
use crate::project::look::context::{self, ProjectContext};
use crate::ship::publish::address::{Address, check_channel};
use crate::ship::publish::codes::{
    HOOK_FAILED, PUBLISH_INVALID, PUBLISH_URL, STORE_HIDES_MISSING, STORE_UNCONDITIONAL,
};
use crate::ship::publish::directory::run::Directory;
use crate::ship::publish::hook::{self, Input};
use crate::ship::publish::look::{
    branch, check_addresses, check_public, read_document, release_directory,
};
use crate::ship::publish::probe::run::probe;
use crate::ship::publish::receipt::Receipt;
use crate::ship::publish::run::{self, Publication};
use crate::ship::publish::session::run::Session;
use crate::ship::publish::store::Store;
use crate::ship::trees::look::{Demand, Origin, verified};
use crate::ui;
use crate::verify::rules::chosen;

/// Examples of the command line.
pub const EXAMPLES: &[&str] = &[
    "cargo xpkg publish --to file:///srv/site --channel main",
    "cargo xpkg publish --to s3://BUCKET/PREFIX --dry-run",
    "cargo xpkg publish --to s3://BUCKET --endpoint http://127.0.0.1:9000 --check",
];

/// Findings that can be accepted.
const ACCEPTABLE: &[Code] = &[PUBLISH_URL, STORE_HIDES_MISSING, STORE_UNCONDITIONAL];

/// Arguments that locate a channel at a store.
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// Store to publish to: `s3://BUCKET/PREFIX` or `file:///DIR`
    #[arg(long, value_name = "URL")]
    pub to: Option<String>,

    /// Channel at the store [default: the name of the branch]
    #[arg(long, value_name = "NAME")]
    pub channel: Option<String>,

    /// Server that speaks S3's protocol [default: Amazon's of the region]
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,

    /// Show what would be written, and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// `--manifest-path`.
    #[command(flatten)]
    pub manifest: clap_cargo::Manifest,

    /// Directory for all generated artifacts
    #[arg(long, value_name = "DIR")]
    pub target_dir: Option<Utf8PathBuf>,

    /// Print text, or a single JSON document on stdout
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "human")]
    pub message_format: MessageFormat,
}

/// Arguments of `publish`.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// Directory of the release [default: the only one in `<cargo target directory>/xpkg-release`]
    #[arg(value_name = "DIR")]
    pub directory: Option<Utf8PathBuf>,

    /// Location of the channel.
    #[command(flatten)]
    pub store: StoreArgs,

    /// Check what the store can do, and publish nothing
    #[arg(long, conflicts_with_all = ["dry_run", "move_latest"])]
    pub check: bool,

    /// Make this version the latest, even if it is older than that
    #[arg(long)]
    pub move_latest: bool,

    /// Go on in spite of a finding; repeatable
    #[arg(long, value_name = "CODE")]
    pub accept: Vec<String>,
}

/// Runs `publish`.
pub fn run(host: &Host, args: PublishArgs) -> Result<(), Failure> {
    let PublishArgs {
        directory,
        store,
        check,
        move_latest,
        accept,
    } = args;
    let accepted = accepted(&accept, ACCEPTABLE)?;
    let place = Place::find(host, &store)?;
    if check {
        return check_store(
            host,
            &place,
            directory.as_deref(),
            &accepted,
            store.message_format,
        );
    }
    let directory = release_directory(host, place.project.as_ref(), directory.as_deref())?;
    place.check_apart(host, &directory)?;
    let document = read_document(host, &directory)?;
    let policy = chosen::policy(None, place.config.policy.clone())?;
    let demand = Demand {
        policy,
        consequence: "it is not published",
        taken: None,
    };
    verified(host, &directory, Origin::Here, &demand)?;
    check_addresses(host, &place.channel, &directory, &document, &accepted)?;
    let opened = place.open(host, store.dry_run)?;
    let session = place.session(host, opened.as_ref(), store.dry_run);
    let absent_status = if store.dry_run {
        None
    } else {
        check_public(host, &directory, &accepted)?
    };
    let publication = Publication {
        directory: &directory,
        document: &document,
        accepted: &accepted,
        moves_latest: move_latest,
    };
    let mut receipt = run::publish(&session, &publication)?;
    if let Some(probe) = &mut receipt.probe {
        probe.absent_status = absent_status;
    }
    place.finish(host, "Published", receipt, store.message_format)
}

/// Returns the codes of `--accept`, each of which must be one of `acceptable`.
///
/// # Errors
/// `publish-invalid`.
pub fn accepted(names: &[String], acceptable: &[Code]) -> Result<Vec<Code>> {
    let names = names.iter();
    names.map(|name| accept(name, acceptable)).collect()
}

fn accept(name: &str, acceptable: &[Code]) -> Result<Code> {
    let names = || acceptable.iter().map(|code| code.name());
    match acceptable.iter().find(|code| code.name() == name) {
        Some(code) => Ok(*code),
        None => {
            let message = format!("`--accept {name}`: no such finding is accepted here");
            let problem = Problem::new(PUBLISH_INVALID, message);
            Err(match nearest(name, names()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("findings that can be accepted: {}", list(names()))),
            })
        }
    }
}

/// A channel at a store, as it is chosen.
pub struct Place {
    /// Workspace, if there is one.
    pub project: Option<ProjectContext>,
    /// Its configuration.
    pub config: Config,
    address: Address,
    /// Address without a final slash.
    to: String,
    /// Channel.
    pub channel: String,
    endpoint: Option<String>,
}

impl Place {
    /// Chooses the store and the channel: by flags, else by the configuration.
    ///
    /// # Errors
    /// `publish-invalid`.
    pub fn find(host: &Host, args: &StoreArgs) -> Result<Self, Failure> {
        let manifest = manifest_path(host, args.manifest.manifest_path.clone())?;
        let options = cargo_options(host, args.target_dir.clone());
        let project = match context::workspace(host, &options, manifest.as_deref()) {
            Err(Failure::Problems(problems)) if is_no_workspace(&problems) => None,
            found => Some(found?),
        };
        let config = project
            .as_ref()
            .map(xpkg_config)
            .transpose()?
            .unwrap_or_default();
        let configured = &config.publish;
        let Some(to) = args.to.clone().or_else(|| configured.to.clone()) else {
            let message = "there is no store to publish to";
            return Err(Problem::new(PUBLISH_INVALID, message)
                .help("pass it: `--to s3://BUCKET/PREFIX` or `--to file:///srv/site`")
                .help("or set `to` in `[workspace.metadata.xpkg.publish]`")
                .into());
        };
        let address = Address::parse(&to)?;
        let channel = match args.channel.clone().or_else(|| configured.channel.clone()) {
            Some(channel) => channel,
            None => branch(host, project.as_ref())?,
        };
        check_channel(&channel)?;
        if let Some(template) = &configured.after {
            hook::check(template)?;
        }
        let variable = |name: &str| host.var(name).map(str::to_owned);
        let endpoint = args
            .endpoint
            .clone()
            .or_else(|| variable("AWS_ENDPOINT_URL_S3"))
            .or_else(|| variable("AWS_ENDPOINT_URL"))
            .or_else(|| configured.endpoint.clone());
        if args.endpoint.is_some() && matches!(address, Address::Directory(_)) {
            let message = "`--endpoint` is for a bucket, and `--to` names a directory";
            return Err(Problem::new(PUBLISH_INVALID, message)
                .help("leave out `--endpoint`")
                .into());
        }
        let endpoint = match address {
            Address::S3 { .. } => endpoint,
            Address::Directory(_) => None,
        };
        Ok(Self {
            project,
            address,
            to: to.trim_end_matches('/').to_owned(),
            channel,
            endpoint,
            config,
        })
    }

    /// Returns the store, its server and the channel.
    pub fn destination(&self) -> String {
        let endpoint = self.endpoint.as_deref().unwrap_or_default();
        format!("{} {} {endpoint}", self.to, self.channel)
    }

    /// Fails if the store is in the directory of the release, which would then have other files.
    ///
    /// # Errors
    /// `publish-invalid`.
    fn check_apart(&self, host: &Host, release: &Utf8Path) -> Result<()> {
        let Address::Directory(path) = &self.address else {
            return Ok(());
        };
        let root = host.resolve(path);
        if !root.starts_with(release) {
            return Ok(());
        }
        let message = format!("the store `{root}` is in the release");
        Err(Problem::new(PUBLISH_INVALID, message)
            .help("pass a directory outside of it: `--to file:///srv/site`"))
    }

    /// Opens the store.
    ///
    /// # Errors
    /// `file-access`, or the store cannot be asked.
    pub fn open<'a>(&self, host: &'a Host, only_read: bool) -> Result<Box<dyn Store + 'a>> {
        match &self.address {
            Address::Directory(path) if only_read => {
                Ok(Box::new(Directory::read_only(host, &host.resolve(path))))
            }
            Address::Directory(path) => Ok(Box::new(Directory::open(host, &host.resolve(path))?)),
            #[cfg(feature = "s3")]
            Address::S3 { bucket, prefix } => {
                use crate::ship::publish::s3::client::run::S3;
                use crate::ship::publish::s3::{credentials, look, settings};
                let source = credentials::source(|name| host.var(name))?;
                let region = host
                    .var("AWS_REGION")
                    .or_else(|| host.var("AWS_DEFAULT_REGION"))
                    .map(str::to_owned)
                    .or_else(|| self.config.publish.region.clone());
                let region = match source {
                    credentials::Source::AwsCli => region.or_else(|| look::cli_region(host)),
                    _ => region,
                };
                let place = settings::place(bucket, self.endpoint.as_deref(), region.as_deref())?;
                Ok(Box::new(S3::new(host, bucket, prefix, place, source)?))
            }
            #[cfg(not(feature = "s3"))]
            Address::S3 { .. } => {
                let message = "this xpkg was installed without S3";
                Err(Problem::new(PUBLISH_INVALID, message)
                    .help("install it with S3: `cargo install cargo-xpkg --features s3`"))
            }
        }
    }

    /// Returns the session of an open store.
    pub fn session<'a>(
        &'a self,
        host: &'a Host,
        store: &'a dyn Store,
        dry_run: bool,
    ) -> Session<'a> {
        Session {
            host,
            store,
            to: &self.to,
            channel: &self.channel,
            dry_run,
        }
    }

    /// Reports a receipt, whose status line begins with `verb`, and runs the hook.
    ///
    /// # Errors
    /// [`Failure::HookFailed`].
    pub fn finish(
        &self,
        host: &Host,
        verb: &str,
        mut receipt: Receipt,
        format: MessageFormat,
    ) -> Result<(), Failure> {
        receipt.endpoint = self.endpoint.clone();
        let verb = if receipt.dry_run { "Planned" } else { verb };
        host.shell.status(verb, &ui::publish::summary(&receipt));
        let ran = match &self.config.publish.after {
            Some(template) if !receipt.dry_run => self.run_hook(host, template, &mut receipt),
            _ => Ok(()),
        };
        shell::data(&match format {
            MessageFormat::Human if host.shell.verbosity == Verbosity::Quiet => String::new(),
            MessageFormat::Human => ui::publish::receipt(&receipt),
            MessageFormat::Json => shell::json(&receipt),
        })?;
        ran
    }

    /// Runs the command that is to follow. It gets every pointer, also those that were there: the
    /// run that exchanged them may have ended before its own hook.
    fn run_hook(
        &self,
        host: &Host,
        template: &[String],
        receipt: &mut Receipt,
    ) -> Result<(), Failure> {
        let prefix = match &self.address {
            Address::S3 { prefix, .. } => prefix.trim_end_matches('/'),
            Address::Directory(_) => "",
        };
        let version = receipt.version.clone().unwrap_or_default();
        let once = [
            format!("{}/{version}/", self.channel),
            format!("{}/registry/crates/", self.channel),
        ];
        let pointers = receipt
            .objects
            .iter()
            .filter(|line| !once.iter().any(|start| line.key.starts_with(start)));
        let paths: Vec<String> = pointers.map(|line| format!("/{}", line.key)).collect();
        let input = Input {
            prefix,
            channel: &self.channel,
            version: &version,
            paths: &paths,
        };
        let root = self
            .project
            .as_ref()
            .map(|project| project.workspace.root.as_path());
        let command = hook::command(template, &input, root.unwrap_or(host.cwd()))?;
        let shown = invocation::quote(&command.program);
        host.shell.status("Running", &shown);
        let mut words = vec![command.program.clone()];
        words.extend(command.args.iter().cloned());
        receipt.hook = Some(words);
        let ended = host.stream_fed(&command, input.json().as_bytes(), |line| {
            host.shell.pass_on(line)
        });
        let why = match ended {
            Ok(Some(0)) => return Ok(()),
            Ok(Some(code)) => format!("`{shown}` exited with {code}"),
            Ok(None) => format!("`{shown}` was ended by a signal"),
            Err(problem) => problem.message,
        };
        let message = format!("{version} is published, and the command that follows failed");
        let problem = Problem::new(HOOK_FAILED, message)
            .note("cause", [why])
            .help("publish again: the command runs each time");
        Err(Failure::HookFailed(Box::new(problem)))
    }
}

/// Checks the store, and publishes nothing.
fn check_store(
    host: &Host,
    place: &Place,
    directory: Option<&Utf8Path>,
    accepted: &[Code],
    format: MessageFormat,
) -> Result<(), Failure> {
    let opened = place.open(host, false)?;
    let session = place.session(host, opened.as_ref(), false);
    let mut probed = probe(&session, accepted)?;
    let latest = session.read_channel()?.and_then(|channel| channel.version);
    let found = release_directory(host, place.project.as_ref(), directory);
    let found = match (found, directory) {
        (Err(problem), Some(_)) => return Err(problem.into()),
        // Without a release, only the store itself is asked.
        (found, _) => found.ok(),
    };
    if let (Some(directory), Some(probed)) = (found, &mut probed) {
        probed.absent_status = check_public(host, &directory, accepted)?;
    }
    let receipt = Receipt {
        to: place.to.clone(),
        endpoint: place.endpoint.clone(),
        channel: place.channel.clone(),
        version: None,
        dry_run: false,
        accepted: accepted.iter().map(|code| code.name().to_owned()).collect(),
        probe: probed,
        latest_before: latest.clone(),
        latest,
        objects: Vec::new(),
        hook: None,
    };
    shell::data(&match format {
        MessageFormat::Human => ui::publish::probed(&receipt),
        MessageFormat::Json => shell::json(&receipt),
    })?;
    Ok(())
}
