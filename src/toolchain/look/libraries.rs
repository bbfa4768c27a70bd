//! Asks pkg-config for the libraries that a target's packages look for, as their build scripts will.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::project::look::graph::Scope;
use crate::project::system_libraries::NeededLibrary;
use crate::target::Target;
use crate::target::system::Os;
use crate::toolchain::candidate::{Candidate, SetBy};
use crate::toolchain::image::facts::ImageFacts;
use crate::toolchain::image::look::store::ImageStore;
use crate::toolchain::pkg_config::{self, Answers, Question};
use crate::toolchain::probe::look::subject::LIMIT;
use crate::toolchain::system_library::{LibraryAnswer, SystemLibrary};

/// The environment of a target's build scripts.
pub struct BuildEnvironment<'a, 's> {
    host: &'a Host,
    /// Variables on top of those that the place has.
    set: BTreeMap<String, String>,
    /// Image in which they run, and the store that asks it; else they run on this machine.
    image: Option<(&'a ImageFacts, &'a ImageStore<'s>)>,
}

impl<'a, 's> BuildEnvironment<'a, 's> {
    /// Puts a candidate's variables and cargo's `[env]` on top of the environment. `configured` is
    /// the part of `[env]` that has precedence over it.
    pub fn new(
        host: &'a Host,
        candidate: &Candidate,
        configured: Vec<(String, String)>,
        image: Option<(&'a ImageFacts, &'a ImageStore<'s>)>,
    ) -> Self {
        let ours = candidate
            .variables
            .iter()
            .filter(|variable| variable.set_by == SetBy::Xpkg)
            .map(|variable| (variable.name.clone(), variable.value.clone()));
        Self {
            host,
            set: configured.into_iter().chain(ours).collect(),
            image,
        }
    }

    /// Returns a variable, also an empty one.
    fn get(&self, name: &str) -> Option<&str> {
        let inherited = || match self.image {
            Some((image, _)) => image.environment.get(name).map(String::as_str),
            None => {
                let value = self.host.environment().get(std::ffi::OsStr::new(name))?;
                value.to_str()
            }
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

/// Looks for each library. Libraries of other systems than Linux have no common place.
pub fn answers(
    environment: &BuildEnvironment,
    root: &Utf8Path,
    scope: &Scope,
    target: &Target,
    host_triple: &str,
    needed: Vec<NeededLibrary>,
) -> Vec<SystemLibrary> {
    let known: Vec<(NeededLibrary, bool, Option<LibraryAnswer>)> = needed
        .into_iter()
        .map(|needed| {
            let forced = environment.is_forced(&needed.forced_by, target);
            let answer = unasked(environment, scope, target, &needed, forced);
            (needed, forced, answer)
        })
        .collect();
    let open = || {
        let open = known.iter().filter(|(_, _, answer)| answer.is_none());
        open.map(|(needed, ..)| needed)
    };
    let refused = (!may_ask(environment, target, host_triple)).then_some(REFUSED);
    let libraries = open().flat_map(|needed| needed.libraries.iter().cloned());
    let question = Question {
        programs: programs(environment, target, host_triple),
        variables: variables(environment, target, host_triple),
        libraries: if refused.is_none() {
            libraries.collect()
        } else {
            BTreeSet::new()
        },
        others: open().filter_map(|needed| needed.program.clone()).collect(),
    };
    let answers = match environment.image {
        _ if open().next().is_none() => Ok(Answers::default()),
        Some((image, store)) => store.libraries(image, &question),
        None => Ok(machine(environment.host, root, &question)),
    };
    known
        .into_iter()
        .map(|(needed, forced, answer)| SystemLibrary {
            answer: answer.unwrap_or_else(|| match &answers {
                Ok(answers) => answered(&needed, &question, answers, refused),
                Err(why) => LibraryAnswer::NotChecked { why: why.clone() },
            }),
            needed,
            forced,
        })
        .collect()
}

/// Returns the answer to what needs no question.
fn unasked(
    environment: &BuildEnvironment,
    scope: &Scope,
    target: &Target,
    needed: &NeededLibrary,
    is_forced: bool,
) -> Option<LibraryAnswer> {
    let is_replaced = |links: &String| {
        let key = (target.triple().to_owned(), links.clone());
        scope.replaced_scripts.contains(&key)
    };
    let not_checked = |why: &str| {
        Some(LibraryAnswer::NotChecked {
            why: why.to_owned(),
        })
    };
    if needed.links.as_ref().is_some_and(is_replaced) {
        return Some(LibraryAnswer::Replaced);
    }
    if let Some(feature) = needed.switched_off_by.clone().filter(|_| !is_forced) {
        return Some(LibraryAnswer::SwitchedOff { feature });
    }
    if needed.libraries.is_empty() {
        return not_checked("what it links is not known");
    }
    if target.system.os != Os::Linux {
        return not_checked("libraries are looked up for Linux only");
    }
    let named = environment.named(&needed.variables, target);
    let variable = named.or_else(|| switched_off(environment, needed))?;
    Some(LibraryAnswer::Named { variable })
}

/// Returns what the answers say of one package's library.
fn answered(
    needed: &NeededLibrary,
    question: &Question,
    answers: &Answers,
    refused: Option<&str>,
) -> LibraryAnswer {
    let each = || {
        let libraries = needed.libraries.iter();
        libraries.filter_map(|library| answers.libraries.get(library))
    };
    if let Some(library) = each().find_map(|answer| answer.as_ref().ok()) {
        return LibraryAnswer::Found {
            library: library.clone(),
        };
    }
    let without_tool = answers.program.is_none();
    let first = each().find_map(|answer| answer.as_ref().err());
    let absent = || format!("`{}` is not on PATH", question.programs[0]);
    LibraryAnswer::Missing {
        why: match (refused, first) {
            (Some(refused), _) => refused.to_owned(),
            (None, Some(reason)) => reason.clone(),
            (None, None) => absent(),
        },
        program: needed
            .program
            .clone()
            .filter(|name| answers.others.contains(name)),
        without_tool,
    }
}

/// Returns the variable that keeps the pkg-config crate from looking for a library.
fn switched_off(environment: &BuildEnvironment, needed: &NeededLibrary) -> Option<String> {
    let variable = |library: &String| {
        let name = pkg_config::name(library);
        let name = format!("{}_NO_PKG_CONFIG", name.to_uppercase().replace('-', "_"));
        environment.get(&name).is_some().then_some(name)
    };
    needed.libraries.iter().find_map(variable)
}

/// Reason: the crate refuses to ask.
const REFUSED: &str = "the pkg-config crate does not look for libraries of another target without \
                       a sysroot (`PKG_CONFIG_SYSROOT_DIR`)";

/// Returns true if the pkg-config crate asks for libraries of the target.
fn may_ask(environment: &BuildEnvironment, target: &Target, host_triple: &str) -> bool {
    let variable = |role: &str| environment.targeted(role, target, host_triple);
    target.triple() == host_triple
        || match variable("PKG_CONFIG_ALLOW_CROSS") {
            Some(value) => value != "0",
            None => {
                variable("PKG_CONFIG").is_some() || variable("PKG_CONFIG_SYSROOT_DIR").is_some()
            }
        }
}

/// Returns the programs of which the pkg-config crate runs the first that exists.
fn programs(environment: &BuildEnvironment, target: &Target, host_triple: &str) -> Vec<String> {
    match environment.targeted("PKG_CONFIG", target, host_triple) {
        Some(program) => vec![program.to_owned()],
        None => ["pkg-config", "pkgconf"].map(str::to_owned).to_vec(),
    }
}

/// Returns the variables with which the pkg-config crate runs it.
fn variables(
    environment: &BuildEnvironment,
    target: &Target,
    host_triple: &str,
) -> Vec<(String, String)> {
    [
        "PKG_CONFIG_PATH",
        "PKG_CONFIG_LIBDIR",
        "PKG_CONFIG_SYSROOT_DIR",
    ]
    .into_iter()
    .filter_map(|name| {
        let value = environment.targeted(name, target, host_triple)?;
        Some((name.to_owned(), value.to_owned()))
    })
    .collect()
}

/// Asks this machine's pkg-config, as the pkg-config crate does.
fn machine(host: &Host, root: &Utf8Path, question: &Question) -> Answers {
    let exists = |name: &&String| host.find(name).is_some();
    let program = question.programs.iter().find(exists);
    let one = |program: &String, library: &String| -> Result<String, String> {
        let variables = question.variables.iter();
        let asked = variables.fold(Invocation::new(program, root), |asked, (name, value)| {
            asked.env(name, value)
        });
        let answer = |question: &Invocation| {
            host.capture_untrusted(question, LIMIT)
                .map_err(|problem| problem.message)
        };
        let output = answer(&asked.clone().args(pkg_config::arguments(library)))?;
        if !output.success() {
            return Err(pkg_config::reason(&output.stderr));
        }
        let name = pkg_config::name(library);
        let version = answer(&asked.args(["--modversion", name]))?.stdout;
        Ok(pkg_config::found(library, &version))
    };
    let libraries = question.libraries.iter();
    let asked = |program: &String| {
        libraries
            .map(|library| (library.clone(), one(program, library)))
            .collect()
    };
    Answers {
        libraries: program.map(asked).unwrap_or_default(),
        program: program.cloned(),
        others: question.others.iter().filter(exists).cloned().collect(),
    }
}
