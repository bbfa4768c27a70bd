//! Arguments that several commands share.

use camino::Utf8PathBuf;
use clap::builder::{NonEmptyStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};

use crate::build::look::options::{RunOptions, TreeOptions};
use crate::host::shell::{Shell, Verbosity};
use crate::project::asked::Asked;
use crate::project::compiler_cache::CompilerCache;
use crate::project::linker::LinkerChoice;
use crate::project::selection_flags::Selection;

/// Returns the parser of a path, which must not be empty: the empty one would mean the current
/// directory.
pub fn path() -> impl TypedValueParser<Value = Utf8PathBuf> {
    NonEmptyStringValueParser::new().map(Utf8PathBuf::from)
}

/// IDs of the arguments that select bins or configure their build: they conflict with flags that
/// build nothing.
pub const BUILD_ARGS: &[&str] = &[
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
    "auditable",
    "reproducible",
    "compiler_cache",
];

/// Arguments that locate the staged tree.
#[derive(Debug, Args)]
pub struct PlaceArgs {
    /// Directory of the staged tree [default: `<cargo target directory>/xpkg`]
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub out_dir: Option<Utf8PathBuf>,

    /// `--manifest-path`.
    #[command(flatten)]
    pub manifest: clap_cargo::Manifest,

    /// Directory for all generated artifacts
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub target_dir: Option<Utf8PathBuf>,
}

/// Arguments of `show` and `clean`.
#[derive(Debug, Args)]
pub struct TreeArgs {
    /// Location of the tree.
    #[command(flatten)]
    pub place: PlaceArgs,

    /// Print text, or a single JSON document on stdout
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "human")]
    pub message_format: MessageFormat,
}

/// Arguments that choose what is built and how, shared by all commands that plan or build, so that
/// these cannot disagree.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// `--package`, `--workspace` and `--exclude`.
    #[command(flatten)]
    pub workspace: clap_cargo::Workspace,

    /// Build only the specified binary; repeatable
    #[arg(long, value_name = "NAME")]
    pub bin: Vec<String>,

    /// `--features`, `--all-features` and `--no-default-features`.
    #[command(flatten)]
    pub features: clap_cargo::Features,

    /// Build for the target; repeatable or comma-separated; a gnu triple may have a glibc floor
    /// (`….2.17`)
    #[arg(long, value_name = "TRIPLE[.GLIBC]", value_delimiter = ',')]
    pub target: Vec<String>,

    /// Linker for all targets; the run fails if it cannot be used
    #[arg(long, value_name = "KIND")]
    pub linker: Option<LinkerChoice>,

    /// Accept a finding that would stop the run; the manifest records it
    #[arg(long, value_name = "CODE")]
    pub accept: Vec<String>,

    /// Let the configuration name this path outside the workspace, or paths below it, in `volumes`,
    /// `pre-build`, `dockerfile` and `files`; repeatable
    #[arg(long, value_name = "PATH", value_parser = path())]
    pub allow_outside: Vec<Utf8PathBuf>,

    /// Add the list of its packages to each ELF program, where cargo-audit and scanners of images
    /// find it
    #[arg(long)]
    pub auditable: bool,

    /// Build the same bytes on every machine: names for its directories, the commit's date
    #[arg(long)]
    pub reproducible: bool,

    /// Take compiled code from a cache, and store it there
    #[arg(long, value_name = "CACHE")]
    pub compiler_cache: Option<CompilerCache>,

    /// Directory of the staged tree [default: `<cargo target directory>/xpkg`]
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub out_dir: Option<Utf8PathBuf>,

    /// Print text, or a single JSON document on stdout
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "human")]
    pub message_format: MessageFormat,

    /// Build artifacts with the specified profile
    #[arg(long, value_name = "PROFILE", default_value = "release")]
    pub profile: String,

    /// Build artifacts in release mode, with optimizations (the default)
    #[arg(short, long, conflicts_with = "profile")]
    pub release: bool,

    /// Number of parallel jobs, defaults to # of CPUs
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<String>,

    /// Assert that `Cargo.lock` will remain unchanged
    #[arg(long)]
    pub locked: bool,

    /// Run without accessing the network
    #[arg(long)]
    pub offline: bool,

    /// Equivalent to specifying both --locked and --offline
    #[arg(long)]
    pub frozen: bool,

    /// `--manifest-path`.
    #[command(flatten)]
    pub manifest: clap_cargo::Manifest,

    /// Directory for all generated artifacts
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub target_dir: Option<Utf8PathBuf>,

    /// Override a configuration value
    #[arg(long, value_name = "KEY=VALUE|PATH")]
    pub config: Vec<String>,
}

/// Global flags, accepted before or after the name of a command.
#[derive(Debug, Clone, Copy, Args)]
pub struct OutputArgs {
    /// Do not print cargo xpkg log messages
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Use verbose output: print the commands that are run (-vv: cargo's verbose output, too)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Coloring
    #[arg(long, global = true, value_name = "WHEN", value_enum)]
    pub color: Option<Color>,
}

/// Values of `--message-format`. Docs of the variants would turn up in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MessageFormat {
    Human,
    Json,
}

/// Values of `--color`. Docs of the variants would turn up in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

impl PlaceArgs {
    /// Returns the options without clap's types.
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
    /// Returns the options without clap's types.
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
            auditable,
            reproducible,
            compiler_cache,
            // Of the host: see `Command::allowed_outside`.
            allow_outside: _,
            message_format: _,
            release: _,
        } = self;
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
            auditable: Asked::by_flag(auditable),
            reproducible: Asked::by_flag(reproducible),
            compiler_cache,
        }
    }
}

impl OutputArgs {
    /// Returns the shell that the flags configure.
    pub fn shell(self) -> Shell {
        let Self {
            quiet,
            verbose,
            color,
        } = self;
        Shell {
            verbosity: match (quiet, verbose) {
                (true, _) => Verbosity::Quiet,
                (false, 0) => Verbosity::Normal,
                (false, verbose) => Verbosity::Verbose { cargo: verbose - 1 },
            },
            color: color.map(Color::name),
        }
    }
}

impl Color {
    /// Returns the value as it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}
