//! What was typed. No file, no environment, no decision: that is `commands`.

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::{RunOptions, TreeOptions};
use crate::config::LinkerChoice;
use crate::workspace::Selection;

/// Build every bin of a workspace for every target, inspected and with a manifest.
#[derive(Debug, Parser)]
#[command(name = "cargo xpkg", bin_name = "cargo xpkg", version, arg_required_else_help = true, styles = clap_cargo::style::CLAP_STYLING)]
pub struct Cli {
    /// Explain a code: cause, detection, fix and source
    #[arg(long, value_name = "CODE", exclusive = true)]
    pub explain: Option<String>,

    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compile every selected bin for every target, inspect it, and stage the tree with its
    /// manifest
    Build(BuildArgs),
    /// Show what `build` would do and why; compiles and installs nothing
    Plan(PlanArgs),
    /// Hold machine and project against each other: what each target lacks, and the fix
    Doctor(DoctorArgs),
    /// Hold a tree, an archive or a file against what it lists and what its targets promise
    Verify(VerifyArgs),
    /// Print one target's environment for other tools: `eval "$(cargo xpkg env --target T)"`
    Env(EnvArgs),
    /// Make a Docker context of the staged tree: bins by platform, Dockerfiles, a bake file
    Docker(DockerArgs),
    /// Cross images, locked by digest in `xpkg.lock`
    Image(ImageArgs),
    /// Show the staged tree: bins, sizes, linkage, digests
    Show(TreeArgs),
    /// Remove what xpkg made, never cargo's own output
    Clean(TreeArgs),
    /// Say what a build script would compile C with (xpkg asks itself)
    #[command(name = "__compiler", hide = true)]
    Compiler(CompilerArgs),
    /// Stand in for zig (xpkg's wrappers call it)
    #[command(name = "zig", hide = true)]
    Zig(ZigArgs),
    /// Hand on to zig (`zig` calls it)
    #[command(name = "__zig", hide = true)]
    ZigInner(ZigArgs),
    /// Write the wrappers of zig for one target (xpkg asks itself)
    #[command(name = "__zig-tools", hide = true)]
    ZigTools(ZigToolsArgs),
}

#[derive(Debug, Args)]
pub struct ZigArgs {
    #[command(subcommand)]
    pub tool: cargo_zigbuild::Zig,
}

#[derive(Debug, Args)]
pub struct ZigToolsArgs {
    pub target: String,
}

#[derive(Debug, Args)]
pub struct CompilerArgs {
    pub target: String,
    pub host: String,
    pub opt_level: String,
    pub out_dir: std::path::PathBuf,
}

#[derive(Debug, Args)]
pub struct BuildArgs {
    #[command(flatten)]
    pub run: RunArgs,

    /// Build the other targets, too, where one fails; what succeeded is staged, what failed keeps
    /// what it had
    #[arg(long)]
    pub keep_going: bool,
}

#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub run: RunArgs,
}

#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub run: RunArgs,

    /// Do what is safe: install missing standard libraries by rustup
    #[arg(long)]
    pub fix: bool,
}

#[derive(Debug, Args)]
pub struct EnvArgs {
    #[command(flatten)]
    pub run: RunArgs,
}

/// What says how or which bins are built: without a build it would say nothing.
const OF_A_BUILD: &[&str] = &[
    "package",
    "workspace",
    "all",
    "exclude",
    "bin",
    "features",
    "all_features",
    "no_default_features",
    "profile",
    "release",
    "linker",
];

#[derive(Debug, Args)]
pub struct DockerArgs {
    #[command(flatten)]
    pub run: RunArgs,

    /// Where the context stands [default: `<cargo target directory>/xpkg-docker`]
    #[arg(long, value_name = "DIR")]
    pub context: Option<Utf8PathBuf>,

    /// What images are made upon whose tables name no base: `scratch`, `NAME@sha256:…`,
    /// `oci:PATH[:TAG]`
    #[arg(long, value_name = "IMAGE")]
    pub base: Option<String>,

    /// Take the tree as it stands
    #[arg(long, conflicts_with_all = OF_A_BUILD)]
    pub no_build: bool,

    /// Take trees that were made elsewhere, each with its manifest: directories or tars; repeatable
    #[arg(long, value_name = "PATH", conflicts_with = "no_build", conflicts_with_all = OF_A_BUILD)]
    pub from: Vec<Utf8PathBuf>,

    /// Write over what was changed by hand in what xpkg wrote
    #[arg(long)]
    pub force: bool,

    /// Write `xpkg.Dockerfile` into the workspace instead: a Dockerfile that builds all of it, with
    /// the compiler on the builder's own platform
    #[arg(long, requires = "builder", conflicts_with_all = ["context", "no_build", "from", "old_builder", "cache", "out_dir"])]
    pub build_in_docker: bool,

    /// The image with Rust and a C compiler that it builds in, by digest
    #[arg(long, value_name = "IMAGE@sha256:…", requires = "build_in_docker")]
    pub builder: Option<String>,

    /// Write Dockerfiles that Docker's builder before BuildKit takes, too: called with `--build-arg
    /// TARGETPLATFORM=linux/amd64`
    #[arg(long)]
    pub old_builder: bool,

    /// Write an OCI image layout instead, as a directory or a tar, without a daemon
    #[arg(long, value_name = "DIR|FILE.tar", conflicts_with_all = ["context", "force", "build_in_docker", "old_builder", "cache"])]
    pub oci: Option<Utf8PathBuf>,

    /// Let bake keep a cache for each architecture in the registry: its group `per-architecture`
    /// writes them
    #[arg(long)]
    pub cache: bool,
}

#[derive(Debug, Args)]
pub struct ImageArgs {
    #[command(subcommand)]
    pub command: ImageCommand,
}

#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// Write the digests of images that have none yet, with what is found in them
    Pin(ImageRunArgs),
    /// Ask what the tags mean now, show old against new, and write it
    Update(ImageUpdateArgs),
    /// Show each image, what is found in it, and whether its tag has moved
    List(ImageRunArgs),
    /// Fetch the pinned images, and build what is built upon them
    Pull(ImageRunArgs),
}

#[derive(Debug, Args)]
pub struct ImageUpdateArgs {
    /// Show the difference and leave xpkg.lock as it is
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub run: ImageRunArgs,
}

/// What all of `image` take.
#[derive(Debug, Args)]
pub struct ImageRunArgs {
    /// Only these targets' images; repeatable or comma-separated [default: all that the
    /// configuration names]
    #[arg(long, value_name = "TRIPLE", value_delimiter = ',')]
    pub target: Vec<String>,

    #[command(flatten)]
    pub manifest: clap_cargo::Manifest,

    /// Require that xpkg.lock stays as it is
    #[arg(long)]
    pub locked: bool,

    /// Do without the network
    #[arg(long)]
    pub offline: bool,

    #[command(flatten)]
    pub output: OutputArgs,
}

impl ImageCommand {
    pub fn run(&self) -> &ImageRunArgs {
        match self {
            Self::Pin(run) | Self::List(run) | Self::Pull(run) => run,
            Self::Update(update) => &update.run,
        }
    }
}

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

    #[command(flatten)]
    pub talk: TalkArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    Human,
    Json,
    /// SARIF 2.1, for code scanning
    Sarif,
}

/// Where the staged tree stands.
#[derive(Debug, Args)]
pub struct PlaceArgs {
    #[command(flatten)]
    pub manifest: clap_cargo::Manifest,

    /// The staged tree [default: `<cargo target directory>/xpkg`]
    #[arg(long, value_name = "DIR")]
    pub out_dir: Option<Utf8PathBuf>,

    /// cargo's directory for all that it generates
    #[arg(long, value_name = "DIR")]
    pub target_dir: Option<Utf8PathBuf>,
}

#[derive(Debug, Args)]
pub struct TreeArgs {
    #[command(flatten)]
    pub place: PlaceArgs,

    #[command(flatten)]
    pub output: OutputArgs,
}

/// All that chooses what is built and how. One set for `build`, `plan` and `env`, so that they
/// cannot disagree.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Build for the target; repeatable or comma-separated; a gnu triple may have a glibc floor
    /// (`….2.17`)
    #[arg(long, value_name = "TRIPLE[.GLIBC]", value_delimiter = ',')]
    pub target: Vec<String>,

    /// What links, for all targets; binds or fails
    #[arg(long, value_name = "KIND")]
    pub linker: Option<LinkerChoice>,

    /// Where the staged tree stands [default: `<cargo target directory>/xpkg`]
    #[arg(long, value_name = "DIR")]
    pub out_dir: Option<Utf8PathBuf>,

    #[command(flatten)]
    pub manifest: clap_cargo::Manifest,

    #[command(flatten)]
    pub workspace: clap_cargo::Workspace,

    /// Build only the bin; repeatable
    #[arg(long, value_name = "NAME")]
    pub bin: Vec<String>,

    #[command(flatten)]
    pub features: clap_cargo::Features,

    /// Build with the profile
    #[arg(long, value_name = "PROFILE", default_value = "release")]
    pub profile: String,

    /// The default here: `--profile release`
    #[arg(short, long, conflicts_with = "profile")]
    pub release: bool,

    /// Number of parallel jobs, as cargo takes it
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<String>,

    /// Require that Cargo.lock stays as it is
    #[arg(long)]
    pub locked: bool,

    /// Do without the network
    #[arg(long)]
    pub offline: bool,

    /// `--locked` and `--offline`
    #[arg(long)]
    pub frozen: bool,

    /// cargo's directory for all that it generates
    #[arg(long, value_name = "DIR")]
    pub target_dir: Option<Utf8PathBuf>,

    /// Override a value of cargo's configuration
    #[arg(long, value_name = "KEY=VALUE|PATH")]
    pub config: Vec<String>,

    /// Go on in spite of one finding; the manifest records it
    #[arg(long, value_name = "CODE")]
    pub accept: Vec<String>,

    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Clone, Copy, Args)]
pub struct OutputArgs {
    /// `json`: one document on stdout, and nothing else there
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "human")]
    pub message_format: MessageFormat,

    #[command(flatten)]
    pub talk: TalkArgs,
}

#[derive(Debug, Clone, Copy, Args)]
pub struct TalkArgs {
    /// Say nothing but what goes wrong
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Show the command lines (`-vv`: cargo's, too)
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Colour the talk on stderr
    #[arg(long, value_name = "WHEN", value_enum)]
    pub color: Option<Color>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MessageFormat {
    Human,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

impl PlaceArgs {
    /// Where the staged tree is, as typed.
    pub fn options(self) -> TreeOptions {
        let Self {
            manifest,
            out_dir,
            target_dir,
        } = self;
        TreeOptions {
            manifest_path: manifest.manifest_path,
            out_dir,
            target_dir,
        }
    }
}

impl RunArgs {
    /// What was typed, without clap's own types.
    pub fn options(self) -> RunOptions {
        let Self {
            target,
            linker,
            out_dir,
            manifest,
            workspace: packages,
            bin,
            features,
            profile,
            jobs,
            locked,
            offline,
            frozen,
            target_dir,
            config,
            accept,
            output,
            release: _,
        } = self;
        let (_, talk) = output.split();
        let TalkArgs {
            quiet,
            verbose,
            color,
        } = talk;
        let named = features
            .features
            .iter()
            .flat_map(|list| list.split([',', ' ']))
            .filter(|name| !name.is_empty())
            .map(str::to_owned);
        let selection = Selection {
            packages: packages.package,
            workspace: packages.workspace || packages.all,
            exclude: packages.exclude,
            bins: bin,
            features: named.collect(),
            all_features: features.all_features,
            no_default_features: features.no_default_features,
        };
        RunOptions {
            targets: target,
            linker,
            out_dir,
            manifest_path: manifest.manifest_path,
            selection,
            profile,
            jobs,
            locked,
            offline,
            frozen,
            target_dir,
            config,
            accept,
            quiet,
            verbose,
            color: color.map(|color| color.name().to_owned()),
        }
    }
}

impl OutputArgs {
    pub fn split(self) -> (MessageFormat, TalkArgs) {
        let Self {
            message_format,
            talk,
        } = self;
        (message_format, talk)
    }
}

impl Color {
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

impl Cli {
    /// From the process's arguments: `cargo xpkg build` starts `cargo-xpkg xpkg build`, where the
    /// word `xpkg` is optional.
    pub fn parse_from_process(
        args: impl IntoIterator<Item = std::ffi::OsString>,
    ) -> Result<Self, clap::Error> {
        let mut args: Vec<_> = args.into_iter().collect();
        if args.get(1).is_some_and(|word| word == "xpkg") {
            args.remove(1);
        }
        Self::try_parse_from(args)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
