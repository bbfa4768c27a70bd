//! Finds zig, queries its version, and has its wrappers written by cargo-zigbuild's library. That
//! runs in a child process of ours, so that our own environment does not change.
//!
//! Answers are cached by the identity of the file that gave them: starting python alone takes
//! longer than all other queries together.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::host::cache;
use crate::host::machine::Host;
use crate::host::process::Output;
use crate::invocation::Invocation;
use crate::problem::Problem;
use crate::project::look::context::ProjectContext;
use crate::project::workspace::cache_dir;
use crate::target::Target;
use crate::target::system::Os;
use crate::toolchain::environment::DEPLOYMENT_TARGET;
use crate::toolchain::facts::{TargetFacts, Zig, ZigTools};
use crate::toolchain::look::programs;
use crate::toolchain::probe::look::subject::LIMIT;

/// Searches for `zig` on PATH, then in Python's package `ziglang`, then for the package's program
/// `python-zig`, which pipx and uv put on PATH.
///
/// # Errors
///
/// Returns the problem of a zig that exists and does not work, if no other works.
pub fn find(host: &Host) -> Result<Option<Zig>, String> {
    let mut problem = None;
    // Python is not started if the first one works.
    let places: [fn(&Host) -> Option<Utf8PathBuf>; 3] = [
        |host| host.find("zig"),
        |host| of_python(host, &python(host)?),
        |host| of_python(host, &python_of_pipx(host)?),
    ];
    for path in places.into_iter().filter_map(|place| place(host)) {
        match query(host, path) {
            Ok(zig) => return Ok(Some(zig)),
            Err(why) => problem = problem.or(Some(why)),
        }
    }
    problem.map_or(Ok(None), Err)
}

/// Queries a zig for its version, its cache and its glibc versions.
fn query(host: &Host, path: Utf8PathBuf) -> Result<Zig, String> {
    let variables = [
        "ZIG_GLOBAL_CACHE_DIR",
        "ZIG_LIB_DIR",
        "XDG_CACHE_HOME",
        "HOME",
    ]
    .map(|name| host.var(name));
    // A relative one means another directory elsewhere.
    let is_relative = |directory: &str| Utf8Path::new(directory).is_relative();
    let cwd = match host.var("ZIG_LIB_DIR").is_some_and(is_relative) {
        true => host.cwd().as_str(),
        false => "",
    };
    // A launcher of several versions may choose another one tomorrow, so it is not cached.
    let itself = host
        .real_name(&path)
        .is_some_and(|name| name.starts_with("zig"))
        && !host.is_script(&path);
    let key = host
        .identity(&path)
        .filter(|_| itself)
        .map(|identity| format!("{identity}\n{variables:?}\n{cwd}"));
    let cache_file = key.and_then(|key| cache::place(host, "zig", &key));
    if let Some(zig) = cache::read(host, cache_file.as_deref()) {
        return Ok(zig);
    }
    let run = |argument: &str| {
        let ended = host
            .capture_untrusted(
                &Invocation::new(path.as_str(), host.cwd()).arg(argument),
                LIMIT,
            )
            .map_err(|problem| problem.message)?;
        match ended.code {
            _ if ended.timed_out => Err(format!(
                "`{path} {argument}` did not finish within {} s",
                LIMIT.as_secs()
            )),
            Some(0) => Ok(ended.stdout),
            _ => {
                let message = ended
                    .stderr
                    .lines()
                    .map(str::trim)
                    .find(|line| !line.is_empty())
                    .unwrap_or("it printed no error");
                Err(format!("`{path} {argument}` failed: {message}"))
            }
        }
    };
    let incomplete = || format!("the output of `{path} env` has no version, library or cache");
    let (environment, targets) = (run("env")?, run("targets")?);
    // A shell script in front of the real program would hide its changes.
    let real = text_of(&environment, "zig_exe").map_or_else(|| path.clone(), Utf8PathBuf::from);
    let program = if host.is_file(&real) {
        real
    } else {
        path.clone()
    };
    let digest = programs::digest(host, &program);
    let zig = Zig {
        digest: digest.ok_or_else(|| format!("`{program}` cannot be read"))?,
        path: program,
        version: text_of(&environment, "version").ok_or_else(incomplete)?,
        library: host.absolute(Utf8Path::new(
            &text_of(&environment, "lib_dir").ok_or_else(incomplete)?,
        )),
        cache: text_of(&environment, "global_cache_dir")
            .ok_or_else(incomplete)?
            .into(),
        glibc: list_of(&targets, "glibc"),
        libc: list_of(&targets, "libc"),
    };
    cache::keep(host, cache_file.as_deref(), &zig);
    Ok(zig)
}

/// Returns a text from zig's output: `.name = "text"` since 0.15, `"name": "text"` before.
fn text_of(printed: &str, name: &str) -> Option<String> {
    let line = printed.lines().find_map(|line| {
        let line = line.trim();
        line.strip_prefix(&format!(".{name} = "))
            .or_else(|| line.strip_prefix(&format!("\"{name}\": ")))
    })?;
    line.split('"').nth(1).map(str::to_owned)
}

/// Returns the texts of a list from the same output.
fn list_of(printed: &str, name: &str) -> Vec<String> {
    let begins = [format!(".{name} = .{{"), format!("\"{name}\": [")];
    let lines = printed
        .lines()
        .map(str::trim)
        .skip_while(|line| !begins.iter().any(|begin| line.starts_with(begin)));
    lines
        .skip(1)
        .take_while(|line| line.starts_with('"'))
        .filter_map(|line| line.split('"').nth(1).map(str::to_owned))
        .collect()
}

/// Python's answer, with the directories on which it depends.
#[derive(Serialize, Deserialize)]
struct Answer {
    /// Program of the package `ziglang`; `None` if it is not installed.
    zig: Option<Utf8PathBuf>,
    /// Directories of `sys.path`, each with its timestamp.
    path: Vec<(Utf8PathBuf, Option<String>)>,
    /// True if the system's package manager owns this Python, and pip refuses to install (PEP 668).
    managed: bool,
}

/// Returns true if pip refuses to install a package for the Python on PATH.
pub fn pip_refuses(host: &Host) -> bool {
    python(host)
        .and_then(|python| ask(host, &python))
        .is_some_and(|answer| answer.managed)
}

/// Returns the Python on PATH.
fn python(host: &Host) -> Option<Utf8PathBuf> {
    host.find("python3").or_else(|| host.find("python"))
}

/// Returns the Python beside `python-zig`, in the environment that pipx or uv made for it.
fn python_of_pipx(host: &Host) -> Option<Utf8PathBuf> {
    let beside = host.real_path(&host.find("python-zig")?)?;
    ["python3", "python", "python.exe"]
        .map(|name| beside.with_file_name(name))
        .into_iter()
        .find(|path| host.is_file(path))
}

/// Returns the zig of Python's package `ziglang`.
fn of_python(host: &Host, python: &Utf8Path) -> Option<Utf8PathBuf> {
    ask(host, python)?.zig.filter(|zig| host.is_file(zig))
}

/// Asks a Python for the package `ziglang` and for who manages its packages.
fn ask(host: &Host, python: &Utf8Path) -> Option<Answer> {
    // Variables and files by which version managers (pyenv, asdf, mise) choose a Python.
    let prefixes = ["PYTHON", "PYENV", "ASDF", "MISE", "VIRTUAL_ENV"];
    let variables: Vec<_> = host
        .vars()
        .filter(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    let home = host.var("HOME").map(Utf8PathBuf::from).unwrap_or_default();
    let above = host
        .cwd()
        .ancestors()
        .map(Utf8Path::to_owned)
        .chain([home.clone(), home.join(".pyenv")]);
    let files = above.flat_map(|directory| {
        [".python-version", ".tool-versions", "mise.toml", "version"]
            .map(|name| directory.join(name))
    });
    let chosen: Vec<_> = files
        .filter_map(|file| Some((host.stamp(&file)?, file)))
        .collect();
    let key = format!(
        "{python}\n{}\n{variables:?}\n{home}\n{chosen:?}",
        host.identity(python)?
    );
    // A virtual environment is identified by the path of its python3, not by the target of that
    // link.
    let cache_file = cache::place(host, "python", &key);
    let fresh = |answer: &Answer| {
        answer
            .path
            .iter()
            .all(|(path, stamp)| host.stamp(path) == *stamp)
    };
    if let Some(answer) = cache::read::<Answer>(host, cache_file.as_deref()).filter(fresh) {
        return Some(answer);
    }
    let question = Invocation::new(python.as_str(), host.cwd()).arg("-c").arg(
        "import importlib.util, os, site, sys, sysconfig\n\
         found = importlib.util.find_spec('ziglang')\n\
         print(found.submodule_search_locations[0] if found else '')\n\
         stdlib = sysconfig.get_path('stdlib')\n\
         marker = os.path.join(stdlib, 'EXTERNALLY-MANAGED')\n\
         print(sys.prefix == sys.base_prefix and os.path.isfile(marker))\n\
         print(stdlib)\n\
         print('\\n'.join(sys.path[1:] + [site.getusersitepackages()]))",
    );
    let output = host
        .capture_untrusted(&question, LIMIT)
        .ok()
        .filter(Output::success)?;
    let mut lines = output.stdout.lines();
    let program = format!("zig{}", std::env::consts::EXE_SUFFIX);
    let zig = lines
        .next()
        .filter(|line| !line.is_empty())
        .map(|line| Utf8Path::new(line).join(program))
        .filter(|path| host.is_file(path));
    let managed = lines.next() == Some("True");
    let path = lines
        .map(Utf8PathBuf::from)
        .map(|path| (path.clone(), host.stamp(&path)))
        .collect();
    let answer = Answer { zig, path, managed };
    cache::keep(host, cache_file.as_deref(), &answer);
    Some(answer)
}

/// Returns how zig is called for a target. The library is asked once for this program, this zig,
/// these rustflags and this oldest macOS.
///
/// # Errors
///
/// Fails with a clause if it cannot be called.
pub fn tools(
    host: &Host,
    found: &ProjectContext,
    zig: &Zig,
    target: &Target,
    facts: &TargetFacts,
) -> Result<ZigTools, String> {
    let rustflags = &facts.rustflags;
    // Without it zig takes a default of its own, which is newer than rustc's.
    let macos = facts.deployment_target.as_ref();
    if target.system.os == Os::Darwin && macos.is_none() {
        return Err(format!(
            "links for the oldest macOS in `{DEPLOYMENT_TARGET}`, which is not set, and rustc {} \
             does not tell its own",
            found.rustc.release
        ));
    }
    let own_program = host
        .own_program()
        .ok_or("cannot be wrapped: the path of this program is not known")?;
    let cache = cache_dir(&found.workspace);
    // For old versions of zig and rustc, the arguments name files that the library writes there.
    let identity = host.identity(&zig.path).unwrap_or_default();
    let directory = cache.join(format!(
        "zig-{}",
        cache::digest(&format!("{identity}\n{}", zig.version))
    ));
    let key = format!(
        "{own_program}\n{identity}\n{zig:?}\n{target}\n{rustflags:?}\n{}\n{macos:?}",
        found.rustc.release
    );
    let cache_file = cache.join(format!("zig-{}.json", cache::digest(&key)));
    if let Some(tools) = cache::read(host, Some(&cache_file)).filter(|_| host.is_dir(&directory)) {
        return Ok(tools);
    }
    let unwritten = |problem: Problem| format!("cannot be wrapped: {}", problem.message);
    host.create_target_dir(&found.workspace.target_dir)
        .and_then(|()| host.create_dir_all(&cache))
        .map_err(unwritten)?;
    // Another run may be writing them.
    let _lock = host
        .lock(&cache.join("zig.lock"), &format!("in `{cache}`"))
        .map_err(unwritten)?;
    let question = Invocation::new(own_program.as_str(), &found.workspace.root)
        .args(["__zig-tools", &target.to_string()])
        .env("CARGO_ZIGBUILD_ZIG_COMMAND", zig.path.as_str())
        .env("CARGO_ZIGBUILD_ZIG_VERSION", &zig.version)
        .env("CARGO_ZIGBUILD_CACHE_DIR", directory.as_str())
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags.join("\u{1f}"))
        .env("RUSTC", &found.rustc_program);
    let question = macos.iter().fold(question, |question, macos| {
        question.env(DEPLOYMENT_TARGET, &macos.version)
    });
    let output = host.capture_bounded(&question, LIMIT).map_err(unwritten)?;
    if !output.success() {
        let message = output
            .stderr
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty())
            .unwrap_or("it printed no error");
        return Err(format!(
            "cannot be wrapped: {}",
            message.trim_start_matches("error[process-failed]: ")
        ));
    }
    let tools = serde_json::from_str(&output.stdout)
        .map_err(|error| format!("cannot be wrapped: {error}"))?;
    cache::keep(host, Some(&cache_file), &tools);
    Ok(tools)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_zig_prints_is_read_in_both_of_its_spellings() {
        let zon = ".{\n    .zig_exe = \"/z/zig\",\n    .version = \"0.17.0\",\n    .glibc = \
                   .{\n        \"2.0.0\",\n        \"2.44.0\",\n    },\n    .libc = .{\n        \
                   \"arc-linux-gnu\",\n    },\n}";
        let json = "{\n \"zig_exe\": \"/z/zig\",\n \"version\": \"0.14.1\",\n \"glibc\": [\n  \
                    \"2.0.0\",\n  \"2.44.0\"\n ],\n \"libc\": [\n  \"arc-linux-gnu\"\n ],\n}";
        for (printed, version) in [(zon, "0.17.0"), (json, "0.14.1")] {
            assert_eq!(text_of(printed, "zig_exe").as_deref(), Some("/z/zig"));
            assert_eq!(text_of(printed, "version").as_deref(), Some(version));
            assert_eq!(list_of(printed, "glibc"), ["2.0.0", "2.44.0"]);
            assert_eq!(list_of(printed, "libc"), ["arc-linux-gnu"]);
        }
    }
}
