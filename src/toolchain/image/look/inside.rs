//! Facts from inside an image: a shell's answers, and probes of its compilers through wrapper
//! scripts that call into a running container.

use camino::{Utf8Path, Utf8PathBuf};

use crate::digest;
use crate::host::cache;
use crate::problem::Result;
use crate::target::Target;
use crate::toolchain::candidate::Candidate;
use crate::toolchain::environment::ENV_VARS;
use crate::toolchain::image::container::{Container, Mount};
use crate::toolchain::image::facts::{ImageFacts, InsideFacts};
use crate::toolchain::image::look::engine::{self, Session};
use crate::toolchain::image::look::probing::ProbeOptions;
use crate::toolchain::image::look::store::ImageStore;
use crate::toolchain::image::{candidates, inside};
use crate::toolchain::probe;
use crate::toolchain::probe::look::subject::{ContainerCompiler, ProbeTarget};
use crate::toolchain::probe::report::Report;
use crate::toolchain::program::Program;
use crate::toolchain::words::{CUSTOM_LAUNCHER, ToolWords};

impl<'a> ImageStore<'a> {
    /// Returns the answers of a shell in the image, cached by the image's digest and the script.
    pub(super) fn inside(&self, target: &Target, facts: &ImageFacts) -> Result<InsideFacts> {
        let mut names = candidates::search_names(target, &self.found.rustc.host);
        let roles = ENV_VARS
            .iter()
            .filter(|row| ["LINKER", "CC", "CXX", "AR", "RANLIB"].contains(&row.role));
        let named = roles.flat_map(|row| row.accepted(target, &self.found.rustc.host));
        let values = named.filter_map(|name| facts.environment.get(&name).cloned());
        // A launcher and the compiler that it starts, or a name with spaces.
        names.extend(values.flat_map(|value| {
            let words: Vec<String> = value
                .split_whitespace()
                .take(2)
                .map(str::to_owned)
                .collect();
            words.into_iter().chain([value])
        }));
        let script = inside::script(&names);
        let place = cache::place(self.host, "images", &format!("{}\n{script}", facts.run));
        if let Some(inside) = cache::read(self.host, place.as_deref()) {
            return Ok(inside);
        }
        let session = self.session(facts)?;
        let nonce = digest::sha256(session.directory().as_str().as_bytes());
        // The image's programs write to this directory, too: no link of theirs is followed.
        let shared = self.host.below(session.directory())?;
        shared.remove_file("seen")?;
        shared.write("seen", nonce.as_bytes(), None)?;
        let sysroot = self.found.rustc.sysroot.as_str();
        let output = session.ask(
            "/bin/sh",
            ["-c", &script, "sh", session.directory().as_str(), sysroot].map(str::to_owned),
        )?;
        let Some((seen, inside)) = inside::read(&output.stdout) else {
            return Err(engine::cut_short(&facts.engine, &facts.run, &output.stderr));
        };
        if seen != format!("{nonce} rustc") {
            return Err(engine::blind(
                &facts.engine,
                "a file written for the container is missing in it, or the toolchain is",
            ));
        }
        cache::keep(self.host, place.as_deref(), &inside);
        Ok(inside)
    }

    /// Returns the running container of the image, and starts it if there is none.
    pub(super) fn session(&self, facts: &ImageFacts) -> Result<std::sync::Arc<Session<'a>>> {
        let mut sessions = self
            .sessions
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(session) = sessions.get(&facts.run) {
            return Ok(session.clone());
        }
        let digits = digest::sha256(facts.run.as_bytes());
        let container = Container {
            engine: facts.engine.clone(),
            label: facts.label,
            image: facts.run.clone(),
            name: format!("xpkg-look-{}", &digits[..16]),
            user: facts.user.clone(),
            mounts: vec![Mount::reading(&self.found.rustc.sysroot)],
            variables: Vec::new(),
            cwd: Utf8PathBuf::from("/"),
        };
        let session = std::sync::Arc::new(Session::start(self.host, container)?);
        sessions.insert(facts.run.clone(), session.clone());
        Ok(session)
    }

    /// Probes a candidate's C compiler in the image, as build scripts will call it.
    pub fn report(
        &self,
        facts: &ImageFacts,
        target: &Target,
        candidate: &Candidate,
        levels: &[String],
        probing: &ProbeOptions,
    ) -> Report {
        let compiler = candidate.c_compiler.as_ref();
        let mut variables = compiler_variables(facts);
        variables.extend(
            candidate
                .variables
                .iter()
                .map(|variable| (variable.name.clone(), variable.value.clone())),
        );
        self.probed(facts, target, compiler, variables, levels, probing)
    }

    /// Probes the compiler of build scripts in the image; `None` if the host is an unknown target.
    pub fn host_report(
        &self,
        facts: &ImageFacts,
        levels: &[String],
        probing: &ProbeOptions,
    ) -> Option<Report> {
        let host_target = Target::of_triple(&self.found.rustc.host)?;
        let row = ENV_VARS.iter().find(|row| row.role == "CC")?;
        let named = row
            .accepted(&host_target, host_target.triple())
            .into_iter()
            .find_map(|name| facts.environment.get(&name));
        let name = named.map_or("cc", String::as_str);
        let words = |value| {
            let custom = facts.environment.get(CUSTOM_LAUNCHER).map(String::as_str);
            let programs = &facts.inside.programs;
            ToolWords::parse(value, custom, |program| programs.contains_key(program))
        };
        let compiler = facts
            .inside
            .programs
            .get(name)
            .or_else(|| facts.inside.programs.get(&words(name).program));
        Some(self.probed(
            facts,
            &host_target,
            compiler,
            compiler_variables(facts),
            levels,
            &ProbeOptions {
                runner: Some(Vec::new()),
                ..*probing
            },
        ))
    }

    /// Probes a compiler of the image; its variable is set to a wrapper script.
    fn probed(
        &self,
        facts: &ImageFacts,
        target: &Target,
        compiler: Option<&Program>,
        mut variables: Vec<(String, String)>,
        levels: &[String],
        probing: &ProbeOptions,
    ) -> Report {
        let root = &self.found.workspace.root;
        let real = compiler.map_or("cc", |compiler| compiler.program.as_str());
        // Variables that name the compiler are replaced by one that names the wrapper: the name
        // with the highest precedence.
        let wrapper = |session: &Session| {
            let number = self
                .wrappers
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            session
                .wrapper(number, real)
                .map_err(|problem| problem.message)
        };
        let row = ENV_VARS.iter().find(|row| row.role == "CC");
        let names = row
            .map(|row| row.accepted(target, &self.found.rustc.host))
            .unwrap_or_default();
        variables.retain(|(name, _)| !names.contains(name));
        variables.extend(
            probing
                .configured
                .iter()
                .filter(|(name, _)| !names.contains(name))
                .cloned(),
        );
        let variable = names.into_iter().next().unwrap_or_default();
        let identity = format!("{}\n{real}", facts.run);
        let start = || -> Result<(Utf8PathBuf, Utf8PathBuf), String> {
            let session = self.session(facts).map_err(|problem| problem.message)?;
            Ok((session.directory().to_owned(), wrapper(&session)?))
        };
        let run = |program: &Utf8Path| {
            let session = self.session(facts).ok()?;
            session.ask(program.as_str(), []).ok()
        };
        // It is copied to the shared directory, from which no link of the image's is followed.
        let read = |file: &Utf8Path| {
            const COPY: &str = "library";
            let session = self.session(facts).ok()?;
            let shared = session.directory();
            self.host.below(shared).ok()?.remove_file(COPY).ok()?;
            let script = "cat \"$1\" >\"$2\"";
            let copy = shared.join(COPY);
            let arguments = ["-c", script, "sh", file.as_str(), copy.as_str()];
            session.ask("/bin/sh", arguments.map(str::to_owned)).ok()?;
            let opened = self.host.open_below(shared, COPY.into()).ok()?;
            opened.read(self.host).ok()?
        };
        let asked = ProbeTarget {
            root,
            sysroot: None,
            target: target.triple(),
            host: &self.found.rustc.host,
            variables,
            levels: levels.to_vec(),
            rustflags: probing.rustflags,
            version: compiler.and_then(|compiler| compiler.version.clone()),
            path: None,
            runner: probing.runner.clone(),
            path_first: None,
            apart: Some(ContainerCompiler {
                identity,
                variable,
                program: real.to_owned(),
                start: &start,
                run: &run,
                read: &read,
            }),
        };
        probe::run::report(self.host, &asked)
    }
}

/// Returns the variables of the image that change how a build script compiles.
fn compiler_variables(facts: &ImageFacts) -> Vec<(String, String)> {
    let variables = facts
        .environment
        .iter()
        .filter(|(name, _)| probe::look::subject::tells(name));
    variables
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
