//! Bounds, interruptions, and what does not reach a container.

use crate::support::{ARM_GNU, Project};
use crate::toolchain::image::engines::on_each_engine;

/// Adds a build script.
fn build_script(project: &Project, body: &str) {
    let manifest = project.read("Cargo.toml").replace(
        "publish = false\n",
        "publish = false\nbuild = \"build.rs\"\n",
    );
    project.write("Cargo.toml", &manifest);
    project.write("build.rs", &format!("fn main() {{\n{body}\n}}\n"));
}

#[test]
fn a_dockerfile_without_an_image_is_built_upon_its_own() {
    on_each_engine(|engine| {
        let _alone = engine.alone();
        let project = engine.project("hello");
        project.write(
            "Cross.toml",
            &format!("[target.{ARM_GNU}]\ndockerfile = \"ci/Dockerfile\"\n"),
        );
        project.write(
            "ci/Dockerfile",
            &format!("FROM {}\nRUN echo own >/own\n", engine.tag("gcc12:1")),
        );
        build_script(
            &project,
            "    println!(\"cargo::warning=own: {:?}\", std::fs::read_to_string(\"/own\"));",
        );
        project.xpkg(&format!("image pin --target {ARM_GNU}")).ok();
        let lock = project.read("xpkg.lock");
        assert!(
            lock.contains(&format!("reference = \"{}\"", engine.tag("gcc12:1")))
                && lock.contains(engine.digest("gcc12:1")),
            "{lock}"
        );
        let run = project.xpkg(&format!("build --target {ARM_GNU}")).ok();
        assert!(run.stderr.contains("own: Ok(\"own\\n\")"), "{}", run.stderr);
        project.xpkg("clean").ok();
    });
}
