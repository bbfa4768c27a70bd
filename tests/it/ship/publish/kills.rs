//! Publishers that are killed at any moment, and many at once.

use std::process::Stdio;

use super::directory::{objects, run};
use super::{Objects, machine, readable};
use crate::support::Project;

fn fill(project: &Project, objects: &Objects) {
    let site = project.path("site");
    let _ = std::fs::remove_dir_all(&site);
    for (path, bytes) in objects {
        let path = site.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

#[test]
fn killed_at_any_moment_the_site_is_readable_and_the_next_run_ends_it() {
    let project = machine();
    run(&project, "publish releases/1.0.0").ok();
    let before = objects(&project);
    run(&project, "publish releases/1.1.0").ok();
    let after = objects(&project);
    let mut kills = 0;
    for at in (1..).step_by(3) {
        fill(&project, &before);
        let to = format!(
            "--to file://{} --channel main",
            project.path("site").display()
        );
        let fault = [("XPKG_FAULT", format!("kill:{at}"))];
        let fault = fault
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let killed = project.xpkg_with(&fault, &format!("publish -q releases/1.1.0 {to}"));
        readable(&objects(&project));
        if killed.code.is_some() {
            assert_eq!(killed.code, Some(0), "{}", killed.stderr);
            break;
        }
        kills += 1;
        run(&project, "publish -q releases/1.1.0").ok();
        assert_eq!(objects(&project), after, "killed at {at}");
        assert!(!project.path("site/.xpkg").exists(), "killed at {at}");
    }
    assert!(kills > 20, "{kills}");
}

#[test]
fn sixteen_publishers_at_once_leave_all_versions_and_the_highest_as_the_latest() {
    let project = machine();
    let to = format!(
        "--to file://{} --channel main",
        project.path("site").display()
    );
    let versions = ["1.0.0", "1.1.0", "2.0.0-rc.1", "1.1.0"];
    let children: Vec<_> = (0..16)
        .map(|at| {
            let version = versions[at % versions.len()];
            let mut command = project.command(&format!("publish -q releases/{version} {to}"));
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    readable(&objects(&project));
    let latest = project.json("site/main/latest.json");
    assert_eq!(latest["version"], "1.1.0");
    assert_eq!(latest["versions"].as_array().unwrap().len(), 3);
    assert_eq!(
        project.read("site/main/latest/install.sh"),
        project.read("releases/1.1.0/install.sh")
    );
    assert!(!project.path("site/.xpkg").exists());
}

#[test]
fn of_two_publishers_of_one_version_one_is_refused() {
    let project = machine();
    let to = format!(
        "--to file://{} --channel main",
        project.path("site").display()
    );
    let children: Vec<_> = ["1.0.0", "other"]
        .iter()
        .map(|name| {
            let mut command = project.command(&format!("publish -q releases/{name} {to}"));
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let outputs = children
        .into_iter()
        .map(|child| child.wait_with_output().unwrap());
    let refused: Vec<String> = outputs
        .filter(|output| !output.status.success())
        .map(|output| String::from_utf8_lossy(&output.stderr).into_owned())
        .collect();
    // Each may have written a file that the other one has otherwise: then no reader is led there.
    assert!(!refused.is_empty());
    assert!(
        refused
            .iter()
            .all(|text| text.contains("error[version-immutable]")),
        "{refused:?}"
    );
    readable(&objects(&project));
}
