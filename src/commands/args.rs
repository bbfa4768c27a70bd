//! Arguments that several commands take.

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

use crate::build::look::session::{RunOptions, TreeOptions};
use crate::host::shell::{Shell, Verbosity};
use crate::project::linker::LinkerChoice;
use crate::project::selection::Selection;

/// What says how or which bins are built: without a build it would say nothing.
pub const OF_A_BUILD: &[&str] = &[
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

    /// Print for people, or one JSON document on stdout and nothing else there
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "human")]
    pub message_format: MessageFormat,
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

    /// Print for people, or one JSON document on stdout and nothing else there
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "human")]
    pub message_format: MessageFormat,
}

/// Flags of every command, before or after its name.
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
        }
    }
}

impl OutputArgs {
    /// Returns the shell that these flags ask for.
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
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}
