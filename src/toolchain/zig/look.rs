//! Finds zig, asks what it is, and has its wrappers written: through cargo-zigbuild's library, in a
//! child of ours, so that our own environment stays as it is.
//!
//! Answers are kept by the identity of the file that gave them: python alone takes longer to start
//! than all other questions together.

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
use crate::toolchain::facts::{Zig, ZigTools};
use crate::toolchain::probe::run::LIMIT;

/// Looks for `zig` on PATH, then for the one of Python's package `ziglang`. The error: what is
/// wrong with one that is there.
pub fn find(host: &Host) -> Result<Option<Zig>, String> {
    let mut trouble = None;
    // Python is not asked where the first serves.
    let places: [fn(&Host) -> Option<Utf8PathBuf>; 2] = [|host| host.find("zig"), of_python];
    for path in places.into_iter().filter_map(|place| place(host)) {
        match ask(host, path) {
            Ok(zig) => return Ok(Some(zig)),
            Err(why) => trouble = trouble.or(Some(why)),
        }
    }
    trouble.map_or(Ok(None), Err)
}

fn ask(host: &Host, path: Utf8PathBuf) -> Result<Zig, String> {
    let variables = [
        "ZIG_GLOBAL_CACHE_DIR",
        "ZIG_LIB_DIR",
        "XDG_CACHE_HOME",
        "HOME",
    ]
    .map(|name| host.var(name));
    // What stands for one of several versions says another thing tomorrow.
    let itself = host
        .real_name(&path)
        .is_some_and(|name| name.starts_with("zig"))
        && !host.is_script(&path);
    let key = host
        .identity(&path)
        .filter(|_| itself)
        .map(|identity| format!("{identity}\n{variables:?}"));
    let kept = key.and_then(|key| cache::place(host, "zig", &key));
    if let Some(zig) = cache::read(host, kept.as_deref()) {
        return Ok(zig);
    }
    let ask = |word: &str| {
        let ended = host
            .capture_bounded(&Invocation::new(path.as_str(), host.cwd()).arg(word), LIMIT)
            .map_err(|problem| problem.message)?;
        match ended.code {
            _ if ended.timed_out => Err(format!(
                "`{path} {word}` did not end within {} s",
                LIMIT.as_secs()
            )),
            Some(0) => Ok(ended.stdout),
            _ => {
                let said = ended
                    .stderr
                    .lines()
                    .map(str::trim)
                    .find(|line| !line.is_empty())
                    .unwrap_or("it says nothing");
                Err(format!("`{path} {word}` failed: {said}"))
            }
        }
    };
    let unread = || format!("`{path} env` does not say what it is");
    let (environment, targets) = (ask("env")?, ask("targets")?);
    // A shell script in front of the real one would hide its changes.
    let real = text_of(&environment, "zig_exe").map_or_else(|| path.clone(), Utf8PathBuf::from);
    let zig = Zig {
        path: if host.is_file(&real) {
            real
        } else {
            path.clone()
        },
        version: text_of(&environment, "version").ok_or_else(unread)?,
        cache: text_of(&environment, "global_cache_dir")
            .ok_or_else(unread)?
            .into(),
        glibc: list_of(&targets, "glibc"),
    };
    cache::keep(host, kept.as_deref(), &zig);
    Ok(zig)
}

/// A text of what zig prints: `.name = "text"` since 0.15, `"name": "text"` before.
fn text_of(printed: &str, name: &str) -> Option<String> {
    let line = printed.lines().find_map(|line| {
        let line = line.trim();
        line.strip_prefix(&format!(".{name} = "))
            .or_else(|| line.strip_prefix(&format!("\"{name}\": ")))
    })?;
    line.split('"').nth(1).map(str::to_owned)
}

/// The texts of a list of the same.
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

/// What Python said, and the directories by which that may change.
#[derive(Serialize, Deserialize)]
struct Answer {
    zig: Option<Utf8PathBuf>,
    path: Vec<(Utf8PathBuf, Option<String>)>,
}

fn of_python(host: &Host) -> Option<Utf8PathBuf> {
    // An environment of Python's is told by where its python3 stands, not by what that links to.
    let python = host.find("python3").or_else(|| host.find("python"))?;
    // What chooses among several Pythons, where that is the work of a script.
    let chooses = ["PYTHON", "PYENV", "ASDF", "MISE", "VIRTUAL_ENV"];
    let variables: Vec<_> = host
        .vars()
        .filter(|(name, _)| chooses.iter().any(|beginning| name.starts_with(beginning)))
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
        host.identity(&python)?
    );
    let kept = cache::place(host, "python", &key);
    let fresh = |answer: &Answer| {
        answer
            .path
            .iter()
            .all(|(path, stamp)| host.stamp(path) == *stamp)
    };
    if let Some(answer) = cache::read::<Answer>(host, kept.as_deref()).filter(fresh) {
        return answer.zig.filter(|zig| host.is_file(zig));
    }
    let question = Invocation::new(python.as_str(), host.cwd()).arg("-c").arg(
        "import importlib.util, site, sys\n\
         found = importlib.util.find_spec('ziglang')\n\
         print(found.submodule_search_locations[0] if found else '')\n\
         print('\\n'.join(sys.path[1:] + [site.getusersitepackages()]))",
    );
    let output = host
        .capture_bounded(&question, LIMIT)
        .ok()
        .filter(Output::success)?;
    let mut lines = output.stdout.lines();
    let program = format!("zig{}", std::env::consts::EXE_SUFFIX);
    let zig = lines
        .next()
        .filter(|line| !line.is_empty())
        .map(|line| Utf8Path::new(line).join(program))
        .filter(|path| host.is_file(path));
    let path = lines
        .map(Utf8PathBuf::from)
        .map(|path| (path.clone(), host.stamp(&path)))
        .collect();
    let answer = Answer { zig, path };
    cache::keep(host, kept.as_deref(), &answer);
    answer.zig
}

/// The programs by which zig serves a target: written once, for this program, this zig and these
/// rustflags.
pub fn tools(
    host: &Host,
    found: &ProjectContext,
    zig: &Zig,
    target: &Target,
    rustflags: &[String],
) -> Result<ZigTools, String> {
    let own = host
        .own_program()
        .ok_or("cannot be wrapped: the path of this program is not known")?;
    let cache = cache_dir(&found.workspace);
    // A directory for each zig: the library names its wrappers by what it calls zig with, not by
    // which zig it is.
    let identity = host.identity(&zig.path).unwrap_or_default();
    let place = cache.join(format!(
        "zig-{}",
        cache::digest(&format!("{identity}\n{}", zig.version))
    ));
    let key = format!(
        "{own}\n{identity}\n{zig:?}\n{target}\n{rustflags:?}\n{}",
        found.rustc.release
    );
    let kept = cache.join(format!("zig-{}.json", cache::digest(&key)));
    let standing = |tools: &ZigTools| {
        [&tools.cc, &tools.cxx, &tools.ranlib]
            .into_iter()
            .all(|path| host.is_file(path))
    };
    if let Some(tools) = cache::read(host, Some(&kept)).filter(standing) {
        return Ok(tools);
    }
    let unwritten = |problem: Problem| format!("cannot be wrapped: {}", problem.message);
    host.create_target_dir(&found.workspace.target_dir)
        .and_then(|()| host.create_dir_all(&cache))
        .map_err(unwritten)?;
    // Another run may be at it.
    let _lock = host
        .lock(&cache.join("zig.lock"), &format!("in `{cache}`"))
        .map_err(unwritten)?;
    let question = Invocation::new(own.as_str(), &found.workspace.root)
        .args(["__zig-tools", &target.to_string()])
        .env("CARGO_ZIGBUILD_ZIG_COMMAND", zig.path.as_str())
        .env("CARGO_ZIGBUILD_ZIG_VERSION", &zig.version)
        .env("CARGO_ZIGBUILD_CACHE_DIR", place.as_str())
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags.join("\u{1f}"))
        .env("RUSTC", &found.rustc_program);
    let output = host.capture_bounded(&question, LIMIT).map_err(unwritten)?;
    if !output.success() {
        let words = output
            .stderr
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty())
            .unwrap_or("it says nothing");
        return Err(format!(
            "cannot be wrapped: {}",
            words.trim_start_matches("error[process-failed]: ")
        ));
    }
    let tools = serde_json::from_str(&output.stdout)
        .map_err(|error| format!("cannot be wrapped: {error}"))?;
    cache::keep(host, Some(&kept), &tools);
    Ok(tools)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_zig_prints_is_read_in_both_of_its_spellings() {
        let zon = ".{\n    .zig_exe = \"/z/zig\",\n    .version = \"0.17.0\",\n    .glibc = \
                   .{\n        \"2.0.0\",\n        \"2.44.0\",\n    },\n}";
        let json = "{\n \"zig_exe\": \"/z/zig\",\n \"version\": \"0.14.1\",\n \"glibc\": [\n  \
                    \"2.0.0\",\n  \"2.44.0\"\n ],\n}";
        for (printed, version) in [(zon, "0.17.0"), (json, "0.14.1")] {
            assert_eq!(text_of(printed, "zig_exe").as_deref(), Some("/z/zig"));
            assert_eq!(text_of(printed, "version").as_deref(), Some(version));
            assert_eq!(list_of(printed, "glibc"), ["2.0.0", "2.44.0"]);
        }
    }
}
