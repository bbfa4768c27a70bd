//! Options as they were typed, and the environment variables that complete them.

use std::path::PathBuf;

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::machine::Host;
use crate::problem::code::{Code, NO_SUCH_CODE};
use crate::problem::text::list;
use crate::problem::{Problem, Result, nearest};
use crate::project::asked::Asked;
use crate::project::compiler_cache::CompilerCache;
use crate::project::linker::LinkerChoice;
use crate::project::look::context::{CargoOptions, WORKSPACE_UNREADABLE};
use crate::project::selection_flags::Selection;
use crate::project::settings::Variables;
use crate::verify::rules::table;

/// Options of the commands that plan or build.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Values of `--target`.
    pub targets: Vec<String>,
    /// `--linker`.
    pub linker: Option<LinkerChoice>,
    /// `--out-dir`.
    pub out_dir: Option<Utf8PathBuf>,
    /// `--manifest-path`.
    pub manifest_path: Option<PathBuf>,
    /// Selected packages, bins and features.
    pub selection: Selection,
    /// `--profile`.
    pub profile: String,
    /// `--jobs`.
    pub jobs: Option<String>,
    /// `--locked`.
    pub locked: bool,
    /// `--offline`.
    pub offline: bool,
    /// `--frozen`.
    pub frozen: bool,
    /// `--target-dir`.
    pub target_dir: Option<Utf8PathBuf>,
    /// Values of `--config`.
    pub config: Vec<String>,
    /// Values of `--accept`.
    pub accept: Vec<String>,
    /// Who asks for the lists of packages in programs.
    pub auditable: Asked,
    /// Who asks for the same programs on every machine.
    pub reproducible: Asked,
    /// `--compiler-cache`.
    pub compiler_cache: Option<CompilerCache>,
}

/// Options that locate a staged tree.
#[derive(Debug, Clone, Default)]
pub struct TreeOptions {
    /// `--manifest-path`.
    pub manifest_path: Option<PathBuf>,
    /// `--out-dir`.
    pub out_dir: Option<Utf8PathBuf>,
    /// `--target-dir`.
    pub target_dir: Option<Utf8PathBuf>,
}

/// Returns the options of a query to cargo without flags. `target_dir` is the value of
/// `--target-dir`.
pub fn cargo_options(host: &Host, target_dir: Option<Utf8PathBuf>) -> CargoOptions {
    CargoOptions {
        program: cargo_program(host),
        locked: false,
        offline: false,
        frozen: false,
        config: Vec::new(),
        target_dir: target_dir.map(|dir| host.absolute(&dir)),
    }
}

/// Returns `cargo`, so that rustup's proxy reads the workspace's pin; without rustup, the path of
/// the cargo that started xpkg.
fn cargo_program(host: &Host) -> String {
    match host.var("CARGO") {
        Some(program) if host.var("RUSTUP_TOOLCHAIN").is_none() => program.to_owned(),
        _ => "cargo".to_owned(),
    }
}

/// Returns the absolute path of `--manifest-path`.
///
/// # Errors
/// `workspace-unreadable`: the path is not UTF-8.
pub fn manifest_path(host: &Host, path: Option<PathBuf>) -> Result<Option<Utf8PathBuf>> {
    let Some(path) = path else {
        return Ok(None);
    };
    let path = Utf8PathBuf::from_path_buf(path).map_err(|path| {
        Problem::new(
            WORKSPACE_UNREADABLE,
            format!("the path `{}` is not UTF-8", path.display()),
        )
    })?;
    Ok(Some(host.absolute(&path)))
}

/// Reads xpkg's own environment variables.
pub fn variables(host: &Host) -> Variables {
    let variable = |name: &str| host.var(name).map(str::to_owned);
    Variables {
        targets: variable("XPKG_TARGETS"),
        linker: variable("XPKG_LINKER"),
        out_dir: variable("XPKG_OUT_DIR").map(|dir| host.absolute(Utf8Path::new(&dir))),
    }
}

/// The one finding about images, which `docker` alone accepts.
const DOCKER_ONLY: &str = "base-unfit";

/// Returns the code of a finding that `--accept` names.
///
/// # Errors
/// `no-such-code`: the name is not that of a finding, or the finding cannot be accepted.
pub fn acceptable(name: &str) -> Result<Code> {
    let names = || table::acceptable().map(Code::name);
    match table::acceptable().find(|code| code.name() == name) {
        Some(code) => Ok(code),
        None => {
            let problem = Problem::new(
                NO_SUCH_CODE,
                format!("`--accept {name}`: no such finding can be accepted"),
            );
            Err(match nearest(name, names()) {
                _ if name == DOCKER_ONLY => problem
                    .help("it is a finding about images: `cargo xpkg docker --accept base-unfit`"),
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("findings that can be accepted: {}", list(names()))),
            })
        }
    }
}
