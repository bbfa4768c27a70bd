//! What a plan said, held against what the build then did.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::cells;

/// Libraries that belong to the toolchain: a package that links one looks for nothing.
///
/// Source: the libraries of glibc, GCC and LLVM.
const TOOLCHAIN_LIBRARIES: &[&str] = &[
    "atomic", "c", "c++", "c++abi", "dl", "gcc", "gcc_s", "m", "pthread", "rt", "stdc++", "util",
];

/// A plan of one target.
pub struct Plan {
    /// Code of the first problem that refuses the build.
    refusal: Option<String>,
    kind: Option<String>,
    c_packages: BTreeSet<String>,
    libraries: Vec<Library>,
}

/// A library of the system that a package may look for.
struct Library {
    package: String,
    /// `found`, `missing`, `not-checked` and others.
    answer: String,
}

impl Plan {
    /// Asks for the plan that belongs to a build command: the same words, with `plan` for `build`.
    pub fn asked(mut plan: Command) -> Result<Self, String> {
        let output = plan
            .output()
            .map_err(|error| format!("cannot start {plan:?}: {error}"))?;
        let plan: Value =
            serde_json::from_slice(&output.stdout).map_err(|error| format!("{plan:?}: {error}"))?;
        Ok(Self::read(&plan))
    }

    fn read(plan: &Value) -> Self {
        let target = &plan["targets"][0];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let each = |value: &Value| value.as_array().cloned().unwrap_or_default();
        Self {
            refusal: text(&plan["problems"][0]["code"]),
            kind: text(&target["toolchain"]["kind"]),
            c_packages: each(&target["c"]["packages"])
                .iter()
                .filter_map(|package| text(&package["package"]))
                .collect(),
            libraries: each(&target["libraries"])
                .iter()
                .map(|library| Library {
                    package: text(&library["package"]).unwrap_or_default(),
                    answer: text(&library["answer"]).unwrap_or_default(),
                })
                .collect(),
        }
    }

    /// Returns where the plan was wrong, one clause each. `work` has the target directory of the
    /// build and its tree.
    pub fn misses(&self, is_built: bool, triple: &str, work: &Path) -> Result<Vec<String>, String> {
        let mut misses = Vec::new();
        if let Some(refusal) = &self.refusal {
            if is_built {
                misses.push(format!("refuses ({refusal}) what is built"));
            }
            return Ok(misses);
        }
        if !is_built {
            let is_told = self.libraries.iter().any(|one| one.answer == "missing");
            if is_told {
                return Ok(misses);
            }
            misses.push("does not tell that the build fails".to_owned());
            return Ok(misses);
        }
        let manifest = cells::read(&work.join("tree/manifest.json"))?;
        let manifest: Value =
            serde_json::from_str(&manifest).map_err(|error| format!("manifest.json: {error}"))?;
        let used = manifest["targets"][0]["toolchain"]["kind"].as_str();
        if used != self.kind.as_deref() {
            misses.push(format!("takes {:?}, the build {used:?}", self.kind));
        }
        let scripts = Script::all(&work.join("target").join(triple).join("release/build"))?;
        misses.extend(self.against(&scripts));
        Ok(misses)
    }

    fn against(&self, scripts: &[Script]) -> Vec<String> {
        let compiled: BTreeSet<String> = scripts
            .iter()
            .filter(|script| script.has_objects)
            .map(|script| script.package.clone())
            .collect();
        let none = self.c_packages.difference(&compiled);
        let none = none.map(|package| format!("C in {package}, which compiles none"));
        let untold = compiled.difference(&self.c_packages);
        let untold = untold.map(|package| format!("no C in {package}, which compiles some"));
        let mut misses: Vec<String> = none.chain(untold).collect();
        for script in scripts {
            let told = |library: &&Library| library.package == script.package;
            let answer = self.libraries.iter().find(told).map(|told| &*told.answer);
            let libraries = script.libraries.join(" ");
            match (answer, libraries.is_empty()) {
                (Some("found"), true) => misses.push(format!(
                    "a library for {}, which links none of the system's",
                    script.package
                )),
                (None | Some("missing" | "switched-off" | "replaced"), false) => misses.push(
                    format!("no library for {}, which links {libraries}", script.package),
                ),
                _ => {}
            }
        }
        misses.sort();
        misses.dedup();
        misses
    }
}

/// What a build script left.
struct Script {
    package: String,
    /// True if it left objects or an archive: it compiled C.
    has_objects: bool,
    /// Libraries of the system that it tells cargo to link.
    libraries: Vec<String>,
}

impl Script {
    /// Reads what the build scripts of a target left: `ring-0123456789abcdef/{out,output}`.
    fn all(directory: &Path) -> Result<Vec<Self>, String> {
        let mut scripts = Vec::new();
        for place in entries(directory)? {
            let name = place.file_name().unwrap_or_default().to_string_lossy();
            let Some((package, _)) = name.rsplit_once('-') else {
                continue;
            };
            let said = place.join("output");
            let said = if said.exists() {
                String::from_utf8_lossy(&std::fs::read(&said).unwrap_or_default()).into_owned()
            } else {
                String::new()
            };
            scripts.push(Self {
                package: package.to_owned(),
                has_objects: has_objects(&place.join("out"))?,
                libraries: system_libraries(&said),
            });
        }
        Ok(scripts)
    }
}

/// Returns the shared libraries that a build script tells cargo to link, but the toolchain's own.
///
/// Source: The Cargo Book, `cargo::rustc-link-lib=[KIND[:MODIFIERS]=]NAME[:RENAME]`.
fn system_libraries(said: &str) -> Vec<String> {
    let library = |line: &str| {
        let value = line
            .strip_prefix("cargo::")
            .or_else(|| line.strip_prefix("cargo:"))?
            .strip_prefix("rustc-link-lib=")?;
        let name = match value.split_once('=') {
            None => value,
            Some((kind, name)) if kind.starts_with("dylib") => name,
            Some(_) => return None,
        };
        (!TOOLCHAIN_LIBRARIES.contains(&name)).then(|| name.to_owned())
    };
    said.lines().filter_map(library).collect()
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, String> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(directory)
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

fn has_objects(directory: &Path) -> Result<bool, String> {
    for entry in entries(directory)? {
        let is_object = entry
            .extension()
            .is_some_and(|end| end == "o" || end == "a");
        if is_object || (entry.is_dir() && !entry.is_symlink() && has_objects(&entry)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[test]
fn a_plan_is_held_against_what_build_scripts_left() {
    let plan = Plan::read(&serde_json::json!({"targets": [{
        "c": {"packages": [{"package": "ring"}, {"package": "psm"}]},
        "libraries": [
            {"package": "openssl-sys", "answer": "switched-off"},
            {"package": "libz-sys", "answer": "found"},
            {"package": "curl-sys", "answer": "not-checked"},
        ],
        "toolchain": {"kind": "gcc"},
    }]}));
    let script = |package: &str, has_objects: bool, said: &str| Script {
        package: package.to_owned(),
        has_objects,
        libraries: system_libraries(said),
    };
    let left = [
        script("ring", true, "cargo:rustc-link-lib=static=ring\n"),
        script("psm", false, ""),
        script("onig_sys", true, "cargo:rustc-link-lib=static=onig\n"),
        script("openssl-sys", false, "cargo:rustc-link-lib=ssl\n"),
        script("libz-sys", false, "cargo:rustc-link-lib=static=z\n"),
        script("curl-sys", false, "cargo::rustc-link-lib=dylib=curl\n"),
        script("cxx", false, "cargo:rustc-link-lib=stdc++\n"),
        script("x11", false, "cargo:rustc-link-lib=X11\n"),
    ];
    assert_eq!(
        plan.against(&left),
        [
            "C in psm, which compiles none",
            "a library for libz-sys, which links none of the system's",
            "no C in onig_sys, which compiles some",
            "no library for openssl-sys, which links ssl",
            "no library for x11, which links X11",
        ]
    );
    assert_eq!(plan.kind.as_deref(), Some("gcc"));
}
