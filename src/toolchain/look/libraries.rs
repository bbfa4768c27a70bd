//! Asks pkg-config for the libraries that a target's packages look for, as their build scripts will.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::project::look::graph::Scope;
use crate::project::system_libraries::NeededLibrary;
use crate::target::Target;
use crate::target::system::Os;
use crate::toolchain::candidate::{Candidate, SetBy};
use crate::toolchain::probe::look::subject::LIMIT;
use crate::toolchain::system_library::{LibraryAnswer, SystemLibrary};

/// The environment of a target's build scripts.
pub struct BuildEnvironment<'a> {
    host: &'a Host,
    /// Variables on top of this process's own.
    set: BTreeMap<String, String>,
}

impl<'a> BuildEnvironment<'a> {
    /// Puts a candidate's variables and cargo's `[env]` on top of the environment. `configured` is
    /// the part of `[env]` that has precedence over it.
    pub fn new(host: &'a Host, candidate: &Candidate, configured: Vec<(String, String)>) -> Self {
        let ours = candidate
            .variables
            .iter()
            .filter(|variable| variable.set_by == SetBy::Xpkg)
            .map(|variable| (variable.name.clone(), variable.value.clone()));
        Self {
            host,
            set: configured.into_iter().chain(ours).collect(),
        }
    }

    /// Returns a variable, also an empty one.
    fn get(&self, name: &str) -> Option<&str> {
        let inherited = || {
            let value = self.host.environment().get(std::ffi::OsStr::new(name))?;
            value.to_str()
        };
        self.set.get(name).map(String::as_str).or_else(inherited)
    }

    /// Returns a variable of pkg-config's for the target.
    ///
    /// Source: `Config::targeted_env_var` of the pkg-config crate 0.3.34.
    fn targeted(&self, role: &str, target: &Target, host: &str) -> Option<&str> {
        let kind = if target.triple() == host {
            "HOST"
        } else {
            "TARGET"
        };
        [
            format!("{role}_{}", target.triple()),
            format!("{role}_{}", target.lower()),
            format!("{kind}_{role}"),
            role.to_owned(),
        ]
        .iter()
        .find_map(|name| self.get(name))
    }

    /// Returns the name of the first of these variables that is set, with or without the target.
    fn named(&self, names: &[String], target: &Target) -> Option<String> {
        let spelled = names.iter().flat_map(|name| {
            [
                format!("{}_{name}", target.upper()),
                format!("{name}_{}", target.upper()),
                name.clone(),
            ]
        });
        spelled
            .into_iter()
            .find(|name| self.get(name).is_some_and(|value| !value.is_empty()))
    }

    /// Returns true if one of these variables is set, and not to a word for "no".
    fn is_forced(&self, names: &[String], target: &Target) -> bool {
        let value = self.named(names, target).and_then(|name| self.get(&name));
        value.is_some_and(|value| !["0", "no", "false"].contains(&value))
    }
}

/// Asks for each library. Libraries of other systems than Linux have no common place.
pub fn answers(
    environment: &BuildEnvironment,
    root: &Utf8Path,
    scope: &Scope,
    target: &Target,
    host_triple: &str,
    candidate: &Candidate,
    needed: Vec<NeededLibrary>,
) -> Vec<SystemLibrary> {
    let mut known: BTreeMap<String, Result<String, String>> = BTreeMap::new();
    let mut ask = |library: &String| {
        let question = || pkg_config(environment, root, target, host_triple, library);
        known
            .entry(library.clone())
            .or_insert_with(question)
            .clone()
    };
    let mut answer = |needed: NeededLibrary| {
        let is_forced = environment.is_forced(&needed.forced_by, target);
        let is_replaced = |links: &String| {
            let key = (target.triple().to_owned(), links.clone());
            scope.replaced_scripts.contains(&key)
        };
        let not_checked = |why: &str| LibraryAnswer::NotChecked {
            why: why.to_owned(),
        };
        let answer = if needed.links.as_ref().is_some_and(is_replaced) {
            LibraryAnswer::Replaced
        } else if let Some(feature) = needed.switched_off_by.clone().filter(|_| !is_forced) {
            LibraryAnswer::SwitchedOff { feature }
        } else if needed.libraries.is_empty() {
            not_checked("what it links is not known")
        } else if candidate.image.is_some() {
            not_checked("libraries inside an image are not looked up")
        } else if target.system.os != Os::Linux {
            not_checked("libraries are looked up for Linux only")
        } else if let Some(variable) = environment.named(&needed.variables, target) {
            LibraryAnswer::Named { variable }
        } else if let Some(variable) = switched_off(environment, &needed) {
            LibraryAnswer::Named { variable }
        } else {
            let mut why = None;
            let mut found = None;
            for library in &needed.libraries {
                match ask(library) {
                    Ok(library) => found = found.or(Some(library)),
                    Err(reason) => why = why.or(Some(reason)),
                }
            }
            match (found, why) {
                (Some(library), _) => LibraryAnswer::Found { library },
                (None, why) => LibraryAnswer::Missing {
                    without_tool: pkg_config_program(environment, target, host_triple).is_err(),
                    why: why.unwrap_or_default(),
                    program: needed
                        .program
                        .clone()
                        .filter(|name| environment.host.find(name).is_some()),
                },
            }
        };
        SystemLibrary {
            needed,
            answer,
            forced: is_forced,
        }
    };
    needed.into_iter().map(&mut answer).collect()
}

/// Returns the variable that keeps the pkg-config crate from looking for a library.
fn switched_off(environment: &BuildEnvironment, needed: &NeededLibrary) -> Option<String> {
    let variable = |library: &String| {
        let name = library.split(' ').next().unwrap_or_default();
        let name = format!("{}_NO_PKG_CONFIG", name.to_uppercase().replace('-', "_"));
        environment.get(&name).is_some().then_some(name)
    };
    needed.libraries.iter().find_map(variable)
}

/// Returns the program that the pkg-config crate runs.
fn pkg_config_program<'a>(
    environment: &'a BuildEnvironment,
    target: &Target,
    host_triple: &str,
) -> Result<&'a str, String> {
    let programs = match environment.targeted("PKG_CONFIG", target, host_triple) {
        Some(program) => vec![program],
        None => vec!["pkg-config", "pkgconf"],
    };
    let found = programs
        .iter()
        .find(|name| environment.host.find(name).is_some());
    found
        .copied()
        .ok_or_else(|| format!("`{}` is not on PATH", programs[0]))
}

/// Asks pkg-config for one library, as the pkg-config crate does. Returns its name and version, or
/// the reason.
fn pkg_config(
    environment: &BuildEnvironment,
    root: &Utf8Path,
    target: &Target,
    host_triple: &str,
    library: &str,
) -> Result<String, String> {
    let variable = |role: &str| environment.targeted(role, target, host_triple);
    let named = variable("PKG_CONFIG");
    let may_ask = target.triple() == host_triple
        || match variable("PKG_CONFIG_ALLOW_CROSS") {
            Some(value) => value != "0",
            None => named.is_some() || variable("PKG_CONFIG_SYSROOT_DIR").is_some(),
        };
    if !may_ask {
        return Err(
            "the pkg-config crate does not look for libraries of another target without a sysroot \
             (`PKG_CONFIG_SYSROOT_DIR`)"
                .to_owned(),
        );
    }
    let host = environment.host;
    let program = pkg_config_program(environment, target, host_triple)?;
    let mut question = Invocation::new(program, root).args(["--libs", "--cflags"]);
    for name in [
        "PKG_CONFIG_PATH",
        "PKG_CONFIG_LIBDIR",
        "PKG_CONFIG_SYSROOT_DIR",
    ] {
        if let Some(value) = variable(name) {
            question = question.env(name, value);
        }
    }
    let (name, requirement) = library.split_once(' ').unwrap_or((library, ""));
    let exists = question.clone().arg(name);
    let exists = if requirement.is_empty() {
        exists
    } else {
        exists.arg(library)
    };
    let answer = |question: &Invocation| {
        host.capture_untrusted(question, LIMIT)
            .map_err(|problem| problem.message)
    };
    let output = answer(&exists)?;
    if !output.success() {
        let line = output.stderr.lines().find(|line| !line.trim().is_empty());
        return Err(line.unwrap_or("it says nothing").trim().to_owned());
    }
    let version = Invocation {
        args: vec!["--modversion".to_owned(), name.to_owned()],
        ..question
    };
    let version = answer(&version)?.stdout;
    Ok(format!("{name} {}", version.trim()).trim().to_owned())
}
