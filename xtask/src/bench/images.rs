//! Builds in cross images.

use std::process::{Command, Stdio};
use std::time::Instant;

use crate::bench::measure::{Pair, quiet};
use crate::bench::place::Bench;
use crate::command::root;

const IMAGE_TARGET: &str = "aarch64-unknown-linux-gnu";

impl Bench {
    /// Nothing to do in an image, by each engine that answers: against the very calls that `plan`
    /// prints, and against the same workspace built with what is on this machine.
    pub fn images(&self, rounds: usize) -> Result<Vec<Pair>, String> {
        let read = |name: &str| {
            std::fs::read_to_string(root().join("target/engine").join(name)).unwrap_or_default()
        };
        let json =
            |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap_or_default();
        let (engines, images) = (json(read("engines.json")), json(read("images.json")));
        let image = "127.0.0.1:5055/xpkg/gcc12:1";
        let mut pairs = Vec::new();
        for name in ["docker", "podman"]
            .into_iter()
            .filter(|name| engines[name]["answers"] == true)
        {
            let project = self.scratch.join(format!("in-{name}"));
            let _ = std::fs::remove_dir_all(&project);
            quiet(
                Command::new("cp")
                    .arg("-r")
                    .arg(root().join("fixtures/with-c"))
                    .arg(&project),
            )?;
            let digest = images[image]
                .as_str()
                .ok_or("run `cargo xtask engine up`")?;
            let config = format!(
                "[target.{IMAGE_TARGET}]\nimage = \"{}@{digest}\"\n",
                image.trim_end_matches(":1")
            );
            std::fs::write(project.join("xpkg.toml"), config).map_err(|error| error.to_string())?;
            let prepared = |command: &mut Command| {
                let environment = engines[name]["environment"]
                    .as_object()
                    .into_iter()
                    .flatten();
                command
                    .envs(environment.filter_map(|(name, value)| Some((name, value.as_str()?))))
                    .env("XPKG_CONTAINER_ENGINE", name);
                command.env_remove("RUSTUP_TOOLCHAIN").current_dir(&project);
            };
            let xpkg = |word: &str, linker: &str| {
                let mut command = Command::new(&self.xpkg);
                command.args([
                    word,
                    "--quiet",
                    "--target",
                    IMAGE_TARGET,
                    "--linker",
                    linker,
                ]);
                prepared(&mut command);
                command
            };
            quiet(&mut xpkg("build", "image"))?;
            let plan = xpkg("plan", "image")
                .output()
                .map_err(|error| error.to_string())?
                .stdout;
            let line = |line: &str| {
                ["  fetches     ", "  runs        "]
                    .iter()
                    .find_map(|label| line.strip_prefix(label))
                    .map(str::to_owned)
            };
            let lines: Vec<String> = String::from_utf8_lossy(&plan)
                .lines()
                .filter_map(line)
                .collect();
            quiet(&mut xpkg("build", "gcc"))?;
            let (mut calls, mut builds, mut here) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..rounds {
                let began = Instant::now();
                for line in &lines {
                    let mut call = Command::new("sh");
                    prepared(call.arg("-c").arg(line).stderr(Stdio::null()));
                    quiet(&mut call)?;
                }
                calls.push(began.elapsed());
                for (linker, times) in [("image", &mut builds), ("gcc", &mut here)] {
                    let began = Instant::now();
                    quiet(&mut xpkg("build", linker))?;
                    times.push(began.elapsed());
                }
            }
            pairs.push(Pair::of(
                &format!("nothing to do, in an image by {name}, against with gcc here"),
                here,
                builds.clone(),
            ));
            pairs.push(Pair::of(
                &format!("nothing to do, in an image by {name}, against plan's own lines"),
                calls,
                builds,
            ));
        }
        Ok(pairs)
    }
}
