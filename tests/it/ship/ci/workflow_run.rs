//! The shell lines of GitHub's workflow, run in the order of its jobs: what the service itself does
//! (checkout, artifacts, expressions) is played by this file, and nothing of the lines is changed.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use snapbox::{IntoData as _, str};

use crate::support::{ARM_MUSL, Project, X86_MUSL, repository, skipped, tool};

/// Values of expressions in a job, by their text.
type Context = BTreeMap<String, String>;

/// A workflow, and what its run has kept.
struct Run {
    project: Project,
    jobs: Value,
    artifacts: PathBuf,
    /// Where the runners are, a directory each.
    runners: PathBuf,
}

/// The workflow as JSON, by the YAML reader of the validators.
fn parsed(path: &Path) -> Option<Value> {
    let validators = repository().join("target/toolchains/ci");
    if !validators.is_dir() {
        return None;
    }
    let script = "import json, sys\nfrom ruamel.yaml import YAML\n\
                  print(json.dumps(YAML(typ='safe').load(open(sys.argv[1]))))";
    let output = Command::new(tool("python3"))
        .args(["-c", script])
        .arg(path)
        .env("PYTHONPATH", validators)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

impl Run {
    /// Runs the jobs of a tag up to the last one; `None` without the reader.
    fn new(config: &str) -> Option<Self> {
        let project = Project::of("hello").with("sh").with("bash").with("tar");
        let project = ["sha256sum", "tee", "mkdir", "cat", "basename"]
            .into_iter()
            .fold(project, Project::with);
        std::os::unix::fs::symlink(
            env!("CARGO_BIN_EXE_cargo-xpkg"),
            project.bin.join("cargo-xpkg"),
        )
        .unwrap();
        project.write("xpkg.toml", config);
        project.write(".gitignore", "/target\n");
        project.xpkg("ci init --for github -q").ok();
        project.commit();
        project.shell("git tag v0.1.0").ok();
        let base = project.root.parent().unwrap().to_owned();
        let jobs = parsed(&project.path(".github/workflows/xpkg.yml"))?["jobs"].clone();
        Some(Self {
            project,
            jobs,
            artifacts: base.join("artifacts"),
            runners: base.join("runners"),
        })
    }

    /// Runs a job on a fresh runner; returns its outputs, or what it printed if it failed.
    fn job(&self, name: &str, runner: &str, more: &Context) -> Result<Context, String> {
        let place = self.runners.join(runner);
        let (temp, checkout) = (place.join("temp"), place.join("checkout"));
        std::fs::create_dir_all(&temp).unwrap();
        let clone = format!(
            "git clone -q --branch v0.1.0 -c advice.detachedHead=false . '{}'",
            checkout.display()
        );
        self.project.shell(&clone).ok();
        let output = place.join("output");
        std::fs::write(&output, "").unwrap();
        let mut context = more.clone();
        let temp_text = temp.to_str().unwrap();
        context.insert("runner.temp".to_owned(), temp_text.to_owned());
        let is_tag = "startsWith(github.ref, 'refs/tags/')";
        context.insert(is_tag.to_owned(), "true".to_owned());
        context.insert("github.event_name".to_owned(), "push".to_owned());
        for step in self.jobs[name]["steps"].as_array().unwrap() {
            let input = |name: &str| {
                let value = step["with"][name].as_str()?;
                Some(filled(value, &context))
            };
            let action = step["uses"].as_str().unwrap_or_default();
            let action = action.split('@').next().unwrap();
            match action {
                "" => {}
                "actions/checkout" | "actions/cache/restore" | "actions/cache/save" => continue,
                "actions/upload-artifact" => {
                    let (name, file) = (input("name").unwrap(), input("path").unwrap());
                    let directory = self.artifacts.join(name);
                    std::fs::create_dir_all(&directory).unwrap();
                    let file = PathBuf::from(file);
                    std::fs::copy(&file, directory.join(file.file_name().unwrap())).unwrap();
                    continue;
                }
                "actions/download-artifact" => {
                    let to = PathBuf::from(input("path").unwrap());
                    if let Some(name) = input("name") {
                        super::legs::copy(&self.artifacts.join(name), &to);
                    } else {
                        assert_eq!(input("pattern").unwrap(), "xpkg-*");
                        for entry in std::fs::read_dir(&self.artifacts).unwrap() {
                            let entry = entry.unwrap();
                            let name = entry.file_name().into_string().unwrap();
                            if name.starts_with("xpkg-") {
                                super::legs::copy(&entry.path(), &to.join(name));
                            }
                        }
                    }
                    continue;
                }
                action => panic!("{action}"),
            }
            let run = step["run"].as_str().unwrap();
            // No expression is in shell text.
            assert!(!run.contains("${{"), "{run}");
            let mut command = Command::new(self.project.bin.join("bash"));
            let shell = ["--noprofile", "--norc", "-eo", "pipefail", "-c", run];
            command
                .args(shell)
                .current_dir(&checkout)
                .env_clear()
                .env("GITHUB_OUTPUT", &output)
                .env("GITHUB_STEP_SUMMARY", place.join("summary"))
                .env("GITHUB_PATH", place.join("path"))
                .env("GITHUB_REF_NAME", "v0.1.0")
                .env("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567")
                .env("RUNNER_TEMP", &temp);
            for (name, value) in step["env"].as_object().into_iter().flatten() {
                command.env(name, filled(value.as_str().unwrap(), &context));
            }
            for (name, value) in self.project.environment() {
                command.env(name, value);
            }
            let ran = command.output().unwrap();
            if !ran.status.success() {
                let said = String::from_utf8_lossy(&ran.stdout).into_owned();
                return Err(said + &String::from_utf8_lossy(&ran.stderr));
            }
        }
        let outputs = std::fs::read_to_string(output).unwrap();
        // Outputs of several lines are those of the cache, which is not here.
        let outputs = outputs.lines().filter_map(|line| line.split_once('='));
        Ok(outputs.map(|(a, b)| (a.to_owned(), b.to_owned())).collect())
    }

    /// Runs the plan and all legs; returns the context of what comes after.
    fn legs(&self) -> Context {
        let plan = self.job("plan", "plan", &Context::new()).unwrap();
        let matrix: Value = serde_json::from_str(&plan["matrix"]).unwrap();
        for leg in matrix["include"].as_array().unwrap() {
            let keys = leg.as_object().unwrap().iter();
            let context: Context = keys
                .map(|(key, value)| {
                    let text = value.as_str().unwrap().to_owned();
                    (format!("matrix.{key}"), text)
                })
                .collect();
            self.job("leg", leg["leg"].as_str().unwrap(), &context)
                .unwrap();
        }
        [(
            "needs.plan.outputs.expected".to_owned(),
            plan["expected"].clone(),
        )]
        .into()
    }
}

/// A text with the values of its expressions, each of which must be known.
fn filled(text: &str, context: &Context) -> String {
    let mut parts = text.split("${{");
    let mut filled = parts.next().unwrap().to_owned();
    for part in parts {
        let (expression, rest) = part.split_once("}}").unwrap();
        let value = context.get(expression.trim());
        filled += value.unwrap_or_else(|| panic!("{expression}"));
        filled += rest;
    }
    filled
}

/// Two legs, released and published in a directory.
fn config(store: &str) -> String {
    format!(
        "targets = [\"{X86_MUSL}\", \"{ARM_MUSL}\"]\n\
         [publish]\nto = \"file://{store}\"\nchannel = \"stable\"\n\
         [ci]\nregistry = \"registry.example/acme/\"\n[ci.tool]\ninstalled = true\n"
    )
}

#[test]
fn the_lines_of_githubs_workflow_build_two_legs_and_publish_their_release() {
    let test = "the_lines_of_githubs_workflow_build_two_legs_and_publish_their_release";
    let store = tempfile::tempdir().unwrap();
    let store = store.path().canonicalize().unwrap();
    let Some(run) = Run::new(&config(store.to_str().unwrap())) else {
        skipped(test, "no validators of CI systems: run `cargo xtask setup`");
        return;
    };
    let mut planned = run.legs();
    for (name, value) in [("USER", "robot"), ("PASSWORD", "secret")] {
        planned.insert(format!("secrets.REGISTRY_{name}"), value.to_owned());
    }
    // No engine here starts a builder of its own: what it is asked for is written down.
    let log = run.runners.join("docker.log");
    let docker = run.project.bin.join("docker");
    let script = format!(
        "#!/bin/sh\necho \"$(basename \"$PWD\"): $REGISTRY $TAG $* \" >> {0}\ncase $1 in login) cat >> {0};; \
         esac\ntest \"$2\" != bake || test -f docker-bake.json\n",
        log.display()
    );
    std::fs::write(&docker, script).unwrap();
    std::fs::set_permissions(&docker, PermissionsExt::from_mode(0o755)).unwrap();
    for job in ["merge", "verify", "docker", "release", "push", "publish"] {
        run.job(job, job, &planned).unwrap();
    }
    snapbox::assert_data_eq!(
        std::fs::read_to_string(log).unwrap(),
        str![[r#"
context:   buildx create --use 
context:   buildx bake --set *.output=type=cacheonly 
checkout: registry.example/acme/  login --username robot --password-stdin registry.example 
secret
context: registry.example/acme/  buildx create --use 
context: registry.example/acme/ sha-0123456789abcdef0123456789abcdef01234567 buildx bake --push 

"#]]
        .raw()
    );
    let release = std::fs::read_dir(store.join("stable/0.1.0")).unwrap();
    let mut files: Vec<String> = release
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".cdx.json"))
        .collect();
    files.sort();
    // The legs of a tag have the lists of their packages.
    assert_eq!(
        files,
        [ARM_MUSL, X86_MUSL].map(|target| format!("hello-0.1.0-{target}.cdx.json"))
    );
    // Someone who can write artifacts removes a leg and exchanges the list of what is expected.
    let list = run.artifacts.join("expected/legs.json");
    let text = std::fs::read_to_string(&list).unwrap();
    std::fs::write(&list, text.replace("hello", "hallo")).unwrap();
    let said = run.job("merge", "exchanged", &planned).unwrap_err();
    assert!(said.contains("legs.json: FAILED"), "{said}");
    std::fs::write(&list, text).unwrap();
    std::fs::remove_dir_all(run.artifacts.join(format!("xpkg-{ARM_MUSL}"))).unwrap();
    let said = run.job("merge", "removed", &planned).unwrap_err();
    assert!(said.contains("error[leg-missing]"), "{said}");
}

#[test]
fn a_job_that_was_skipped_is_no_success() {
    let test = "a_job_that_was_skipped_is_no_success";
    let Some(run) = Run::new("[ci.tool]\ninstalled = true\n") else {
        skipped(test, "no validators of CI systems: run `cargo xtask setup`");
        return;
    };
    let done = |runner: &str, failed: Option<(&str, &str)>| {
        let jobs = ["plan", "leg", "merge", "verify", "release"];
        let result = |job: &&str| match failed {
            Some((name, result)) if name == *job => result.to_owned(),
            _ => "success".to_owned(),
        };
        let context = jobs
            .iter()
            .map(|job| (format!("needs.{job}.result"), result(job)))
            .collect();
        run.job("done", runner, &context)
    };
    done("all", None).unwrap();
    for (number, failed) in [
        ("leg", "skipped"),
        ("merge", "cancelled"),
        ("release", "skipped"),
    ]
    .into_iter()
    .enumerate()
    {
        let said = done(&number.to_string(), Some(failed)).unwrap_err();
        let (job, result) = failed;
        assert_eq!(said, format!("not successful: {job}={result}\n"));
    }
}
