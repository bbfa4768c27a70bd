//! Reads records of stages, and what stages are made from.

use camino::{Utf8Path, Utf8PathBuf};

use crate::build::cache;
use crate::build::cache::key::Part;
use crate::build::look::request::RunRequest;
use crate::build::look::session::Session;
use crate::build::look::source::contents;
use crate::build::plan::Plan;
use crate::digest;
use crate::host::entries::PathKind;
use crate::host::lock::lock_path;
use crate::host::machine::Host;
use crate::problem::Result;
use crate::project::look::local;
use crate::project::path_template::{JSON_NAME, TEXT_NAME};
use crate::project::selection_flags::Selection;
use crate::project::settings::Settings;
use crate::project::workspace::{Workspace, cache_dir};
use crate::ship::docker::context::DEFAULT;
use crate::ship::pipeline::decide::{Status, UNKNOWN, places, state, took};
use crate::ship::pipeline::record::{Output, Record, Records};
use crate::ship::pipeline::stage::Stage;
use crate::target::Target;
use crate::tree::manifest::{Artifact, Manifest};
use crate::tree::{self, release};

/// Name of the file of the records in xpkg's cache.
pub const RECORDS: &str = "stages.json";

/// Largest size of that file in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// What the stages of a run are made from.
pub struct Scene<'a> {
    host: &'a Host,
    session: &'a Session,
    plan: &'a Plan,
    /// Commit, and a digest of what was changed since.
    source: String,
    /// Digest of xpkg's configuration.
    configuration: String,
    /// Flags of the stages after the build.
    asked: Asked,
}

/// What the flags of `release` and `publish` ask for.
#[derive(Debug, Default)]
pub struct Asked {
    /// Tag of the release.
    pub tag: String,
    /// Keys that sign it.
    pub sign: Vec<String>,
    /// Store, channel and server of `publish`; `None` if unknown. Only its digest is recorded.
    pub destination: Option<String>,
}

/// Returns the records in xpkg's cache; what is no record counts as none.
pub fn records(host: &Host, cache: &Utf8Path) -> Result<Records> {
    let file = cache.join(RECORDS);
    if !host.is_file(&file) {
        return Ok(Records::default());
    }
    let text = String::from_utf8(host.read_small(&file, LARGEST)?);
    Ok(text
        .ok()
        .and_then(|text| Records::parse(&text))
        .unwrap_or_default())
}

impl<'a> Scene<'a> {
    /// Looks at the sources of a run.
    pub fn look(host: &'a Host, session: &'a Session, plan: &'a Plan, asked: Asked) -> Self {
        Self {
            host,
            session,
            plan,
            source: source_digest(host, session, plan),
            configuration: configuration(host, &session.request.project.workspace),
            asked,
        }
    }

    /// Returns the root of the workspace.
    fn root(&self) -> &'a Utf8Path {
        &self.session.request.project.workspace.root
    }

    /// Returns xpkg's cache.
    pub fn cache(&self) -> Utf8PathBuf {
        cache_dir(&self.session.request.project.workspace)
    }

    /// Returns the directory of the Docker context.
    pub fn context(&self) -> Utf8PathBuf {
        self.session
            .request
            .project
            .workspace
            .target_dir
            .join(DEFAULT)
    }

    /// Returns the manifest of the staged tree, and its digest; `None` if there is no tree.
    pub fn manifest(&self) -> Result<Option<(Manifest, String)>> {
        let found = tree::look::read(self.host, &self.plan.out_dir)?;
        Ok(found.map(|(manifest, (json, _))| (manifest, digest::sha256(json.as_bytes()))))
    }

    /// Returns the names of the targets.
    pub fn targets(&self) -> Vec<String> {
        let targets = self.plan.targets.iter();
        targets.map(|target| target.target.to_string()).collect()
    }

    /// Returns the inputs of a stage as they are now.
    pub fn inputs(&self, stage: Stage, target: Option<&str>) -> Result<Vec<Part>> {
        let part = |name: &str, value: String| Part {
            name: name.to_owned(),
            value,
        };
        let version = part("xpkg", env!("CARGO_PKG_VERSION").to_owned());
        let tree = || -> Result<Part> {
            let digest = self.manifest()?.map(|(_, digest)| digest);
            Ok(part("tree", digest.unwrap_or_else(|| UNKNOWN.to_owned())))
        };
        let configuration = || part("configuration", self.configuration.clone());
        let targets = || part("targets", self.targets().join(" "));
        let source = || part("source", self.source.clone());
        let tag = || part("tag", self.asked.tag.clone());
        let sign = || part("sign", short(&self.asked.sign.join("\n")));
        Ok(match stage {
            Stage::Fetch => vec![part("lock", self.lock()), targets()],
            Stage::Gate | Stage::Compile => {
                let mut parts = self.parts(target)?;
                if stage == Stage::Compile {
                    parts.push(source());
                    parts.push(part("options", self.options()));
                }
                parts.push(version);
                parts
            }
            Stage::Inspect => {
                let artifacts = self.artifacts(target)?;
                let lines = artifacts.iter().map(|artifact| artifact.sha256.as_str());
                let text = lines.collect::<Vec<_>>().join("\n");
                vec![
                    part("bins", digest::sha256(text.as_bytes())),
                    configuration(),
                    version,
                ]
            }
            Stage::Stage => vec![
                source(),
                targets(),
                part("options", self.options()),
                configuration(),
                version,
            ],
            Stage::Verify => vec![tree()?, configuration(), version],
            // Licenses and other files of the workspace are in images and archives.
            Stage::Docker => vec![tree()?, source(), targets(), configuration(), version],
            Stage::Release => vec![
                tree()?,
                source(),
                targets(),
                configuration(),
                tag(),
                sign(),
                version,
            ],
            Stage::Publish => {
                let destination = self.asked.destination.as_deref().map(short);
                vec![
                    tree()?,
                    source(),
                    targets(),
                    configuration(),
                    tag(),
                    sign(),
                    part(
                        "destination",
                        destination.unwrap_or_else(|| UNKNOWN.to_owned()),
                    ),
                ]
            }
        })
    }

    /// Returns the files that a stage wrote. `directory` is that of a release.
    pub fn outputs(
        &self,
        stage: Stage,
        target: Option<&str>,
        directory: Option<&Utf8Path>,
    ) -> Result<Vec<Output>> {
        let paths: Vec<Utf8PathBuf> = match stage {
            Stage::Compile => {
                let out_dir = &self.plan.out_dir;
                let artifacts = self.artifacts(target)?;
                let outputs = artifacts.into_iter().map(|artifact| Output {
                    path: self.shown(&out_dir.join(&artifact.path)),
                    sha256: artifact.sha256,
                });
                return Ok(outputs.collect());
            }
            Stage::Stage => [JSON_NAME, TEXT_NAME]
                .map(|name| self.plan.out_dir.join(name))
                .into(),
            Stage::Docker => self.files(&self.context())?,
            Stage::Release => match directory {
                Some(directory) => self.files(directory)?,
                None => Vec::new(),
            },
            Stage::Fetch | Stage::Gate | Stage::Inspect | Stage::Verify | Stage::Publish => {
                Vec::new()
            }
        };
        let output = |path: Utf8PathBuf| -> Result<Output> {
            let (sha256, _) = self.host.hash(&path)?;
            Ok(Output {
                path: self.shown(&path),
                sha256,
            })
        };
        paths.into_iter().map(output).collect()
    }

    /// Returns the files below a directory.
    fn files(&self, directory: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
        let found = self.host.walk(directory)?.into_iter();
        let files = found.filter(|(_, kind)| *kind == PathKind::File);
        Ok(files.map(|(path, _)| directory.join(path)).collect())
    }

    /// Returns a path as it is recorded.
    fn shown(&self, path: &Utf8Path) -> String {
        let below = path.strip_prefix(self.root());
        below.unwrap_or(path).to_string()
    }

    /// Returns the first output of a stage that is not as it was recorded.
    fn changed(&self, record: &Record) -> Option<String> {
        let mut outputs = record.outputs.iter();
        let changed = outputs.find(|output| {
            let path = self.root().join(&output.path);
            let now = self.host.hash(&path).ok();
            now.is_none_or(|(digest, _)| digest != output.sha256)
        });
        changed.map(|output| output.path.clone())
    }

    /// Returns the directory of the release that is recorded.
    pub fn release(&self, records: &Records) -> Option<Utf8PathBuf> {
        let record = records.find(Stage::Release, None)?;
        let mut paths = record
            .outputs
            .iter()
            .map(|output| self.root().join(&output.path));
        let document = paths.find(|path| path.file_name() == Some(release::NAME))?;
        document.parent().map(Utf8Path::to_owned)
    }

    /// Returns the status of each stage.
    pub fn statuses(&self, records: &Records) -> Result<Vec<Status>> {
        let targets = self.targets();
        let status = |(stage, target): (Stage, Option<&str>)| -> Result<Status> {
            let record = records.find(stage, target);
            let inputs = self.inputs(stage, target)?;
            let changed = record.and_then(|record| self.changed(record));
            Ok(Status {
                stage,
                target: target.map(str::to_owned),
                state: state(record, &inputs, changed.as_deref()),
                took: took(records, stage, target),
            })
        };
        places(&targets).into_iter().map(status).collect()
    }

    /// Returns the parts of the cache's key of a target.
    pub fn parts(&self, target: Option<&str>) -> Result<Vec<Part>> {
        let mut plans = self.plan.targets.iter();
        match plans.find(|plan| Some(plan.target.to_string().as_str()) == target) {
            Some(plan) => cache::look::parts(self.host, self.session, plan),
            None => Ok(Vec::new()),
        }
    }

    /// Returns the bins of a target in the staged tree.
    fn artifacts(&self, target: Option<&str>) -> Result<Vec<Artifact>> {
        let triple = target.map(|target| Target::split(target).0);
        let manifest = self.manifest()?.map(|(manifest, _)| manifest);
        let artifacts = manifest.into_iter().flat_map(|manifest| manifest.artifacts);
        let of_target = artifacts.filter(|artifact| Some(artifact.target.as_str()) == triple);
        Ok(of_target.collect())
    }

    /// Returns a digest of the lockfile.
    fn lock(&self) -> String {
        let found = self.host.hash(&self.root().join("Cargo.lock")).ok();
        found.map_or_else(|| UNKNOWN.to_owned(), |(digest, _)| digest)
    }

    /// Returns a digest of the flags that choose what is staged, beside those in the cache's key.
    fn options(&self) -> String {
        let RunRequest {
            settings, selected, ..
        } = &self.session.request;
        let Settings {
            cargo,
            selection,
            requests: _,
            universal,
            out_dir,
            layout: _,
            accept,
            auditable,
            reproducible,
            compiler_cache: _,
        } = settings;
        let bins = selected.bins.iter();
        let bins: Vec<String> = bins
            .map(|bin| format!("{}/{}", bin.package, bin.bin))
            .collect();
        let accept: Vec<&str> = accept.iter().map(|code| code.name()).collect();
        let Selection {
            packages: _,
            workspace: _,
            exclude: _,
            bins: _,
            features,
            all_features,
            no_default_features,
        } = selection;
        short(&format!(
            "{}\n{bins:?}\n{features:?} {all_features} {no_default_features}\n{accept:?}\n\
             {auditable} {reproducible} {universal}\n{}",
            cargo.profile,
            self.shown(out_dir)
        ))
    }
}

/// Returns the first digits of the digest of a text.
fn short(text: &str) -> String {
    digest::sha256(text.as_bytes())[..16].to_owned()
}

/// Returns a digest of the files that configure xpkg.
fn configuration(host: &Host, workspace: &Workspace) -> String {
    let members = workspace.members.iter();
    let mut files: Vec<Utf8PathBuf> = members
        .map(|member| member.manifest.clone())
        .chain(["Cargo.toml", "xpkg.toml", "Cross.toml"].map(|name| workspace.root.join(name)))
        .collect();
    files.sort();
    files.dedup();
    let digests = files.iter().map(|file| {
        let found = host.hash(file).ok();
        found.map_or_else(String::new, |(digest, _)| digest)
    });
    short(&digests.collect::<Vec<_>>().join("\n"))
}

/// Returns the state of the sources. Without git, or if not all of it can be known, it is unknown.
fn source_digest(host: &Host, session: &Session, plan: &Plan) -> String {
    let RunRequest {
        project,
        cargo_options,
        ..
    } = &session.request;
    let workspace = &project.workspace;
    let lock = lock_path(&plan.out_dir);
    let generated: [&Utf8Path; 3] = [&plan.out_dir, &lock, &workspace.target_dir];
    let Ok(packages) = local::ask(host, project, cargo_options) else {
        return UNKNOWN.to_owned();
    };
    let manifests: Vec<&Utf8Path> = packages
        .iter()
        .map(|package| package.manifest.as_path())
        .collect();
    contents(host, &manifests, &generated).unwrap_or_else(|| UNKNOWN.to_owned())
}
