//! Derived images: their inputs, the search for one that is built already, and the build.

use camino::Utf8Path;

use crate::digest;
use crate::host::machine::Host;
use crate::problem::{Problem, Result};
use crate::project::config::parse::CONFIG_INVALID;
use crate::project::config::{Dockerfile, PreBuild};
use crate::project::look::access;
use crate::project::request::WantedImage;
use crate::project::workspace::cache_dir;
use crate::target::Target;
use crate::toolchain::image::engine::Engine;
use crate::toolchain::image::inspected::Inspected;
use crate::toolchain::image::lockfile::IMAGE_NOT_PINNED;
use crate::toolchain::image::look::build;
use crate::toolchain::image::look::context::{self, BuildContext};
use crate::toolchain::image::look::engine::{self, DERIVED};
use crate::toolchain::image::look::store::{ImageStore, PullPolicy, absent, lock_path};
use crate::toolchain::image::recipe::{self, DockerfileBase};

/// Returns the image that a Dockerfile of the configuration builds upon.
///
/// # Errors
/// `outside-workspace`, or the file cannot be read.
pub fn dockerfile_base(
    host: &Host,
    root: &Utf8Path,
    dockerfile: &Dockerfile,
) -> Result<DockerfileBase> {
    let file = root.join(dockerfile.table().file);
    access::check(host, root, &file, "`dockerfile`")?;
    Ok(recipe::base(&host.read_text(&file)?))
}

/// Removes the derived images that this workspace has built, by the record in its cache. Returns
/// their tags. An image that is in use, or whose engine does not answer, stays.
pub fn remove(host: &Host, cache: &Utf8Path) -> Vec<String> {
    const LONGEST: u64 = 1024 * 1024;
    let record = cache.join(RECORD);
    if !host.has_file(&record) {
        return Vec::new();
    }
    let text = host.read_small_text(&record, LONGEST).unwrap_or_default();
    let images = text.lines().filter_map(|line| line.rsplit_once(' '));
    // A checkout may bring a record of its own.
    let is_ours = |(program, tag): &(&str, &str)| {
        let digits = tag
            .strip_prefix(DERIVED)
            .and_then(|tag| tag.strip_prefix(':'));
        digits.is_some_and(|digits| {
            digits.len() == DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        }) && engine::is_searched(host, program)
    };
    let removed = images
        .filter(is_ours)
        .filter(|(program, tag)| engine::remove(host, program, tag));
    removed.map(|(_, tag)| tag.to_owned()).collect()
}

/// Name of the record of derived images in a workspace's cache.
const RECORD: &str = "derived-images";

/// Number of digits of a derived image's tag.
const DIGITS: usize = 32;

/// The inputs of a derived image.
pub struct Recipe {
    /// Digest of all inputs, `sha256:…`.
    pub(super) inputs: String,
    /// Text of the Dockerfile, the user's or ours, followed by the commands of `pre-build`.
    dockerfile: String,
    /// Build context; `None` if the Dockerfile copies nothing from it.
    context: Option<BuildContext>,
    /// Build arguments, name and value.
    arguments: Vec<(String, String)>,
}

impl ImageStore<'_> {
    /// Returns the inputs of the derived image, or `None` if the configuration derives none.
    ///
    /// # Errors
    /// [`IMAGE_NOT_PINNED`] if the Dockerfile starts from an image without a digest.
    pub(super) fn recipe(
        &self,
        target: &Target,
        wanted: &WantedImage,
        base: &str,
    ) -> Result<Option<Recipe>> {
        if !wanted.is_derived() {
            return Ok(None);
        }
        let arch = target.debian_arch();
        let mut arguments = vec![
            ("CROSS_DEB_ARCH".to_owned(), arch.to_owned()),
            ("CROSS_TARGET".to_owned(), target.triple().to_owned()),
        ];
        let script = match &wanted.pre_build {
            PreBuild::Lines(lines) if lines.is_empty() => None,
            PreBuild::Lines(lines) => Some(format!("#!/bin/sh\nset -e\n{}\n", lines.join("\n"))),
            PreBuild::Script(script) => {
                self.check_inside(script, "`pre-build`")?;
                Some(self.host.read_text(script)?)
            }
        };
        let (mut dockerfile, context) = match &wanted.dockerfile {
            Some(table) => {
                self.check_inside(&table.file, "`dockerfile`")?;
                let text = self.host.read_text(&table.file)?;
                // The image that the lock pins is used wherever a stage begins with it.
                let text = recipe::pinned(&text, &wanted.reference.written, base);
                if let Some(line) = recipe::too_long(&text) {
                    return Err(Problem::new(
                        CONFIG_INVALID,
                        format!(
                            "line {line} of `{}` has 64 KiB or more, which builders do not read",
                            table.file
                        ),
                    )
                    .help("break it by `\\` at the end of a line, or copy a script and run it"));
                }
                arguments.extend(
                    ["XPKG_BASE_IMAGE", "CROSS_BASE_IMAGE"]
                        .map(|name| (name.to_owned(), base.to_owned())),
                );
                arguments.extend(
                    table
                        .build_args
                        .iter()
                        .map(|(name, value)| (name.clone(), value.clone())),
                );
                let moving = recipe::moving(&text);
                if !moving.is_empty() {
                    return Err(Problem::new(
                        IMAGE_NOT_PINNED,
                        format!("`{}` starts from an image that is not pinned", table.file),
                    )
                    .note("from", moving)
                    .help(
                        "start from the pinned image, `ARG XPKG_BASE_IMAGE` and `FROM \
                           $XPKG_BASE_IMAGE`, or with `name@sha256:…`",
                    ));
                }
                let beside = table.file.parent().unwrap_or(Utf8Path::new("/")).to_owned();
                let context = table
                    .context
                    .clone()
                    .or(Some(beside))
                    .filter(|_| recipe::copies(&text));
                (text, context)
            }
            None => (format!("FROM {base}\n"), None),
        };
        if let Some(script) = &script {
            dockerfile.push_str(&recipe::run(script, &arguments[..2], target.triple()));
        }
        let mut text = format!("{base}\n{arguments:?}\n{dockerfile}\n");
        let outputs = [
            self.found.workspace.target_dir.clone(),
            lock_path(self.found),
        ];
        if let Some(context) = &context {
            self.check_inside(context, "the context of `dockerfile`")?;
        }
        let context = context
            .map(|root| context::read(self.host, &root, &outputs))
            .transpose()?;
        text.extend(context.iter().map(BuildContext::inputs));
        let inputs = format!("sha256:{}", digest::sha256(text.as_bytes()));
        Ok(Some(Recipe {
            inputs,
            dockerfile,
            context,
            arguments,
        }))
    }

    /// Records an image that this workspace builds, for `clean`. Without the record the image only
    /// stays.
    fn remember(&self, engine: &Engine, tag: &str) {
        let cache = cache_dir(&self.found.workspace);
        let line = format!("{} {tag}\n", engine.program);
        let record = cache.join(RECORD);
        let known = self.host.read_text(&record).unwrap_or_default();
        if !known.contains(&line) {
            let target_dir = &self.found.workspace.target_dir;
            let made = self.host.create_target_dir(target_dir);
            let made = made.and_then(|()| self.host.create_dir_all(&cache));
            let _ = made.and_then(|()| self.host.append(&record, line.as_bytes()));
        }
    }

    /// Checks that a path of the configuration is in the workspace.
    fn check_inside(&self, path: &Utf8Path, setting: &str) -> Result<()> {
        access::check(self.host, &self.found.workspace.root, path, setting)
    }

    /// Returns the derived image of these inputs, its ID and facts; builds it if it is not on this
    /// machine and the pull policy allows it.
    pub(super) fn derive(
        &self,
        engine: &Engine,
        target: &Target,
        wanted: &WantedImage,
        recipe: &Recipe,
    ) -> Result<(String, Inspected)> {
        let digits: String = recipe
            .inputs
            .trim_start_matches("sha256:")
            .chars()
            .take(DIGITS)
            .collect();
        let tag = format!("{}:{digits}", DERIVED);
        if let Some(inspected) = engine::inspect(self.host, engine, &tag)?
            .filter(|_| self.pull_policy != PullPolicy::Rebuild)
        {
            return Ok((inspected.id.clone(), inspected));
        }
        if self.pull_policy == PullPolicy::Never {
            let what = format!("the image derived from `{}`", wanted.reference.written);
            return Err(absent(engine, &what, target));
        }
        self.host.shell.status(
            "Building",
            &format!("the image of {target} from {}", wanted.reference.written),
        );
        let scratch = self.host.scratch()?;
        let directory = Utf8Path::from_path(scratch.path()).unwrap_or(Utf8Path::new("/tmp"));
        let file = directory.join("Dockerfile");
        self.host.write(&file, recipe.dockerfile.as_bytes())?;
        // Only what the digest covers: the build must not see others.
        let context = directory.join("context");
        self.host.create_dir_all(&context)?;
        if let Some(entries) = &recipe.context {
            entries.copy(self.host, &context)?;
        }
        let arguments: Vec<String> = recipe
            .arguments
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        // Before the build: one that is killed may leave the image.
        self.remember(engine, &tag);
        build::build(self.host, engine, directory, |call| {
            // Without `--force-rm`, docker's old builder keeps the container of a command that
            // failed.
            call.args(["--force-rm", "--tag", &tag, "--file", file.as_str()])
                .options("--build-arg", &arguments)
                .flag("--no-cache", self.pull_policy == PullPolicy::Rebuild)
                .arg(context.as_str())
        })?;
        let inspected = engine::inspect(self.host, engine, &tag)?
            .ok_or_else(|| absent(engine, &tag, target))?;
        Ok((inspected.id.clone(), inspected))
    }
}
