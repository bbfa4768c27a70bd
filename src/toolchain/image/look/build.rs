//! Builds derived images. An interruption leaves nothing: docker's daemon ends a build whose client
//! is gone, and what podman leaves is ended here.

use camino::{Utf8Path, Utf8PathBuf};

use crate::digest;
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::problem::code::{Code, CodeInfo, code};
use crate::problem::{Problem, Result};
use crate::toolchain::image::engine::{Engine, EngineKind};
use crate::toolchain::image::look::engine::{LIMIT, free_space};

/// Builds an image, with a network. The engine's output goes to stderr. `arguments` follow `build`;
/// `directory` is the build's own.
///
/// # Errors
/// [`IMAGE_BUILD`] if the build fails.
pub fn build(
    host: &Host,
    engine: &Engine,
    directory: &Utf8Path,
    arguments: impl Fn(Invocation) -> Invocation,
) -> Result<()> {
    let build = || engine.call(directory).arg("build");
    let mark = Mark::new(host, engine, directory);
    let call = match &mark {
        Some(mark) => build().args(["--add-host", &format!("{}:127.0.0.1", mark.name)]),
        None => build(),
    };
    let code = host.stream(&arguments(call), None, |line, _| host.shell.pass_on(line));
    if let (Err(_) | Ok(None), Some(mark)) = (&code, &mark) {
        mark.end(host, engine);
    }
    match code? {
        Some(0) => Ok(()),
        _ => Err(Problem::new(
            IMAGE_BUILD,
            format!(
                "{} cannot build the image; its output is above",
                engine.label()
            ),
        )
        .note("command", [arguments(build()).to_string()])
        .help("fix the command that failed, in `pre-build` or the `dockerfile`")
        .help(free_space(engine))),
    }
}

/// Mark of a build by podman. When its client is killed, podman leaves the command that runs, and
/// the working containers, which only their own file tells from those of other builds.
///
/// The mark is the name of a host: it is in `/etc/hosts` of the command's container, and in the
/// description of each working container, but not in the image.
struct Mark {
    name: String,
    /// Directory of podman's containers.
    containers: Utf8PathBuf,
}

/// File in a working container's directory that describes its build.
const DESCRIPTION: &str = "userdata/buildah.json";

impl Mark {
    /// Returns a mark for a build in `directory`; `None` if the engine needs none, or is elsewhere.
    fn new(host: &Host, engine: &Engine, directory: &Utf8Path) -> Option<Self> {
        if engine.kind != EngineKind::Podman || engine.by.is_some() {
            return None;
        }
        let place = "{{.Store.GraphRoot}}/{{.Store.GraphDriverName}}-containers";
        let question = engine.call(host.cwd()).args(["info", "--format", place]);
        let answer = host.capture_bounded(&question, LIMIT).ok()?;
        let digits = digest::sha256(directory.as_str().as_bytes());
        Some(Self {
            name: format!("xpkg-build-{}", &digits[..16]),
            containers: answer.stdout.trim().into(),
        })
    }

    /// Ends the command that runs, and removes the working containers.
    fn end(&self, host: &Host, engine: &Engine) {
        host.end_with_known_host(&self.name);
        let names = host.names(&self.containers);
        let ours = names.into_iter().filter(|id| {
            let file = self.containers.join(id).join(DESCRIPTION);
            host.has_text(&file, &self.name)
        });
        let ours: Vec<String> = ours.collect();
        if !ours.is_empty() {
            let remove = engine.call(Utf8Path::new("/")).args(["rm", "--force"]);
            host.end(&remove.args(ours));
        }
    }
}

/// Codes that this file declares.
pub const CODES: &[Code] = &[IMAGE_BUILD];

pub const IMAGE_BUILD: Code = code(&CodeInfo {
    name: "image-build",
    title: "a derived image cannot be built",
    cause: "A command of `pre-build` or of the `dockerfile` failed: its output is above the \
            message.",
    detection: "`docker build` or `podman build` ended with an error.",
    fix: "Fix the command that failed.",
    page: "cross-images",
    sources: &[],
    waivable: false,
});
