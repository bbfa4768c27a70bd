//! The file that was inspected is the file that was built: runs on one target directory, cargo
//! beside them, and output that passes for a message of cargo.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use snapbox::str;

use crate::check;
use crate::support::{HOST, Project, said_until};

/// A package whose program prints which of two features it was built with. Both are compiled, so
/// that changing between them only links again.
fn two_features() -> Project {
    let project = Project::empty();
    project.write(
        "Cargo.toml",
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[features]\na = \
         []\nb = []\n",
    );
    project.write(
        "src/main.rs",
        "fn main() {\n    println!(\"{}{}\", if cfg!(feature = \"a\") { \"a\" } else { \"\" }, if \
         cfg!(feature = \"b\") { \"b\" } else { \"\" });\n}\n",
    );
    for feature in ["a", "b"] {
        project.xpkg(&build(feature)).ok();
    }
    project
}

fn build(feature: &str) -> String {
    format!("build -q --profile dev --features {feature} --out-dir out-{feature}")
}

/// Features by the tree's program and by its manifest.
fn staged(project: &Project, feature: &str) -> String {
    let tree = format!("out-{feature}");
    let program = project.path(&format!("{tree}/{HOST}/app/app"));
    let printed = Command::new(program).output().unwrap().stdout;
    let manifest = project.json(&format!("{tree}/manifest.json"));
    let features = &manifest["artifacts"][0]["features"];
    format!("{}{features}", String::from_utf8(printed).unwrap())
}

fn rounds() -> usize {
    let wanted = std::env::var("XPKG_RACES").ok();
    wanted.and_then(|value| value.parse().ok()).unwrap_or(6)
}

#[test]
fn raced_runs_stage_their_own_programs() {
    let project = two_features();
    let start = |feature: &str| -> Child {
        let mut command = project.command(&build(feature));
        command.stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut wrong = Vec::new();
    for round in 0..rounds() {
        let running = ["a", "b"].map(|feature| (feature, start(feature)));
        for (feature, run) in running {
            let output = run.wait_with_output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "round {round}: {stderr}");
            let found = staged(&project, feature);
            if found != format!("{feature}\n[\"{feature}\"]") {
                wrong.push(format!("round {round}: {feature} is {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    eprintln!("{} rounds of two runs, no wrong tree", rounds());
}

#[test]
fn raced_by_plain_cargo_a_run_stages_its_own_program() {
    let project = two_features();
    let goes_on = AtomicBool::new(true);
    let (mut wrong, mut stopped) = (Vec::new(), 0);
    let times = std::thread::scope(|scope| {
        let cargo = scope.spawn(|| {
            let line = format!("cargo build -q --target {HOST} --features b");
            let mut times = 0;
            while goes_on.load(Ordering::SeqCst) {
                project.shell(&line).ok();
                times += 1;
            }
            times
        });
        for round in 0..rounds() {
            let run = project.xpkg(&build("a"));
            let found = staged(&project, "a");
            // On a busy machine a cargo that starts again at once may win each time.
            let is_named = run
                .stderr
                .contains("error[target-dir-busy]: another cargo replaced");
            stopped += usize::from(is_named);
            if run.code != Some(0) && !is_named || found != "a\n[\"a\"]" {
                wrong.push(format!("round {round}: {found}{}", run.stderr));
            }
        }
        goes_on.store(false, Ordering::SeqCst);
        cargo.join().unwrap()
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(stopped < rounds(), "each of {stopped} runs was stopped");
    eprintln!(
        "{} rounds beside {times} runs of cargo, {stopped} stopped by name, no wrong tree",
        rounds()
    );
}

#[test]
fn a_run_waits_for_another_in_the_same_directory_and_says_so() {
    let project = two_features();
    let place = project.path(&format!("target/{HOST}/debug"));
    let lock = std::fs::File::create(place.join(".xpkg-lock")).unwrap();
    lock.lock().unwrap();
    let mut run = project
        .command("build --profile dev --features a --out-dir out-a")
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut stderr = std::io::BufReader::new(run.stderr.take().unwrap());
    said_until(
        &format!("Blocking waiting for another run in `{}`", place.display()),
        &mut stderr,
    );
    drop(lock);
    said_until("Unchanged 1 bin", &mut stderr);
    assert!(run.wait().unwrap().success());
    // Another profile is another directory.
    let lock = std::fs::File::open(place.join(".xpkg-lock")).unwrap();
    lock.lock().unwrap();
    project.xpkg("build -q --features a --out-dir out-r").ok();
}

/// A package with a proc macro that does this when it is expanded.
fn with_macro(body: &str) -> Project {
    let project = Project::empty();
    project.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"app\", \"evil\"]\nresolver = \"3\"\n",
    );
    project.write(
        "app/Cargo.toml",
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \
         \"2024\"\n\n[dependencies]\nevil = { path = \"../evil\" }\n",
    );
    project.write(
        "app/src/main.rs",
        "evil::evil!();\nfn main() {\n    println!(\"app\");\n}\n",
    );
    project.write(
        "evil/Cargo.toml",
        "[package]\nname = \"evil\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[lib]\nproc-macro \
         = true\n",
    );
    project.write(
        "evil/src/lib.rs",
        &format!(
            "use proc_macro::TokenStream;\n#[proc_macro]\npub fn evil(_: TokenStream) -> \
             TokenStream {{\n{body}\nTokenStream::new()\n}}\n"
        ),
    );
    project
}

/// What a proc macro prints to pass for cargo's message about `app`.
fn forged(project: &Project, file: &Path, features: &str) -> String {
    let root = project.root.display();
    format!(
        "{{\"reason\":\"compiler-artifact\",\"package_id\":\"path+file://{root}/app#0.1.0\",\
         \"manifest_path\":\"{root}/app/Cargo.toml\",\"target\":{{\"kind\":[\"bin\"],\
         \"crate_types\":[\"bin\"],\"name\":\"app\",\"src_path\":\"{root}/app/src/main.rs\",\
         \"edition\":\"2024\",\"doc\":true,\"doctest\":false,\"test\":true}},\
         \"profile\":{{\"opt_level\":\"0\",\"debuginfo\":2,\"debug_assertions\":true,\
         \"overflow_checks\":true,\"test\":false}},\"features\":[{features}],\
         \"filenames\":[\"{file}\"],\"executable\":\"{file}\",\"fresh\":false}}",
        file = file.display()
    )
}

#[test]
fn a_forged_message_of_cargo_is_not_believed() {
    let project = with_macro("println!(\"{}\", include_str!(\"message.json\"));");
    let foreign = project.root.parent().unwrap().join("foreign");
    std::fs::copy("/bin/true", &foreign).unwrap();
    project.write("evil/src/message.json", &forged(&project, &foreign, ""));
    check!(
        project.xpkg("build -q --profile dev"),
        str![[r#"
exit 1
--- stderr
error[artifact-foreign]: bin `app` of package `app`: cargo's messages contradict each other
  cargo's messages: `[BASE]/foreign` with features []
                    `[ROOT]/target/x86_64-unknown-linux-gnu/debug/app` with features []
  command: cd [ROOT] && cargo build --message-format json-render-diagnostics --target x86_64-unknown-linux-gnu --profile dev --quiet --package app --package evil --bins
  help: look for a proc macro that prints to stdout: cargo passes it on as its own

"#]]
    );
    let right = project.path(&format!("target/{HOST}/debug/app"));
    project.write(
        "evil/src/message.json",
        &forged(&project, &right, "\"secure\""),
    );
    let run = project.xpkg("build -q --profile dev");
    assert!(
        run.stderr.contains(
            "error[artifact-foreign]: bin `app` of package `app`: cargo's messages contradict \
             each other"
        ),
        "{}",
        run.stderr
    );
    assert_eq!(project.files("target/xpkg"), [""; 0]);
}

#[test]
fn a_link_below_the_target_directory_is_not_followed() {
    let project = two_features();
    let (link, outside) = (
        project.path(&format!("target/{HOST}")),
        project.path("elsewhere"),
    );
    std::fs::rename(&link, &outside).unwrap();
    std::os::unix::fs::symlink(&outside, &link).unwrap();
    check!(
        project.xpkg(&build("a")),
        str![[r#"
exit 1
--- stderr
error[artifact-foreign]: `[ROOT]/target/x86_64-unknown-linux-gnu`, in cargo's target directory, is a link
  help: replace it by what it leads to; `[ROOT]/target` itself may be a link

"#]]
    );
    // The target directory itself may be a link.
    std::fs::remove_file(&link).unwrap();
    std::fs::rename(&outside, &link).unwrap();
    std::fs::rename(project.path("target"), project.path("fast-disk")).unwrap();
    std::os::unix::fs::symlink(project.path("fast-disk"), project.path("target")).unwrap();
    project.xpkg(&build("a")).ok();
    assert_eq!(staged(&project, "a"), "a\n[\"a\"]");
}

#[test]
fn the_directory_of_each_profile_is_cargos() {
    let project = two_features();
    project.append(
        "Cargo.toml",
        "\n[profile.tiny]\ninherits = \"release\"\nopt-level = \"s\"\n",
    );
    for (profile, directory) in [
        ("dev", "debug"),
        ("test", "debug"),
        ("release", "release"),
        ("bench", "release"),
        ("tiny", "tiny"),
    ] {
        project
            .xpkg(&format!(
                "build -q --profile {profile} --target-dir {profile} --out-dir out-{profile}"
            ))
            .ok();
        assert!(
            project
                .path(&format!("{profile}/{HOST}/{directory}/app"))
                .is_file(),
            "{profile}"
        );
    }
    // Intermediate files elsewhere: the finished ones stay in the target directory.
    project
        .xpkg_with(
            &[("CARGO_BUILD_BUILD_DIR", "intermediate")],
            "build -q --profile tiny --target-dir split --out-dir out-split",
        )
        .ok();
    assert!(project.path(&format!("split/{HOST}/tiny/app")).is_file());
}
