//! What is beside a tree: leftovers of killed runs, and what only looks like one.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use cargo_xpkg::host::codes::FILE_ACCESS;
use cargo_xpkg::host::machine::Host;
use cargo_xpkg::host::replacement;
use cargo_xpkg::host::shell::Shell;
use cargo_xpkg::problem::Problem;

use crate::support::{HOST, Project, X86_MUSL};

/// Paths beside `dist` with the name of a new tree, sorted: directory and marker.
fn beside(project: &Project) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(&project.root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with(".dist.new-")
        })
        .collect();
    found.sort();
    found
}

/// Runs `build --out-dir dist` with this fault at each file operation, until `is_hit` says that it
/// was the one; `before` prepares each run.
fn until_hit(
    project: &Project,
    kind: &str,
    before: impl Fn(),
    is_hit: impl Fn(&crate::support::Run) -> bool,
) {
    let hit = (1..200).find(|at| {
        before();
        let run = project.xpkg_with(
            &[("XPKG_FAULT", &format!("{kind}:{at}"))],
            "build --out-dir dist",
        );
        is_hit(&run)
    });
    assert!(hit.is_some(), "no fault was the one");
}

#[test]
fn a_file_in_the_old_directory_of_a_killed_run_is_not_lost() {
    let project = Project::of("hello");
    // Killed when the new tree is in the place of an empty directory.
    let again = || {
        let _ = std::fs::remove_dir_all(project.path("dist"));
        for path in beside(&project) {
            let _ = std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path));
        }
        std::fs::create_dir(project.path("dist")).unwrap();
    };
    until_hit(&project, "kill", again, |_| {
        project.path("dist/manifest.json").exists() && beside(&project).len() == 2
    });
    let leftover = beside(&project)[0].clone();
    std::fs::write(leftover.join("notes.txt"), "the user's").unwrap();
    let run = project.xpkg("build --out-dir dist").ok();
    let name = leftover.file_name().unwrap().to_str().unwrap();
    let warning = format!(
        "warning[tree-foreign]: `{0}/{name}` of an earlier tree is kept: `{0}/{name}` contains \
         files that xpkg did not create (notes.txt); remove it by hand\n",
        project.root.display()
    );
    assert!(run.stderr.contains(&warning), "{}", run.stderr);
    assert_eq!(
        std::fs::read_to_string(leftover.join("notes.txt")).unwrap(),
        "the user's"
    );
    // As the warning says.
    std::fs::remove_dir_all(&leftover).unwrap();
    let run = project.xpkg("build --out-dir dist").ok();
    assert!(!run.stderr.contains("is kept"), "{}", run.stderr);
    assert_eq!(beside(&project), [""; 0].map(PathBuf::from));
}

#[test]
fn a_directory_is_not_removed_for_its_name() {
    let project = Project::of("hello");
    project.write("target/.xpkg.new-mine/notes.txt", "the user's");
    project.write("target/.xpkg.new-other.json", "{\"the\": \"user's\"}");
    project.xpkg("build -q").ok();
    project.xpkg("build -q --profile dev").ok();
    assert_eq!(
        project.read("target/.xpkg.new-mine/notes.txt"),
        "the user's"
    );
    assert_eq!(
        project.read("target/.xpkg.new-other.json"),
        "{\"the\": \"user's\"}"
    );
}

#[test]
fn a_marker_removes_nothing_but_the_directory_that_it_was_made_for() {
    let project = Project::of("hello");
    project.write("victim/file", "the user's");
    project.write("target/.xpkg.new-dir/file", "the user's");
    // A tree of the user's elsewhere, which would pass every check.
    project.xpkg("build -q --out-dir other").ok();
    for name in ["link", "tree"] {
        let to = if name == "link" { "victim" } else { "other" };
        symlink(
            format!("../{to}"),
            project.path(&format!("target/.xpkg.new-{name}")),
        )
        .unwrap();
    }
    let exchange = |path: &str, removing: &str| {
        format!(
            "\"directory\":\"1:1\",\"exchange\":{{\"path\":\"{path}\",\"new\":\"1:1\",\
             \"removing\":{removing}}}"
        )
    };
    let removing = "[\"1:1\",[\"file\"]]";
    for (name, text) in [
        // Of another directory's inode.
        ("dir", "\"directory\":\"1:1\",\"exchange\":null".to_owned()),
        ("link", exchange("", removing)),
        ("tree", exchange("", "null")),
        ("dir", exchange("../../victim", removing)),
        ("dir", exchange("", removing)),
    ] {
        project.write(
            &format!("target/.xpkg.new-{name}.json"),
            &format!("{{\"schema_version\":1,{text}}}\n"),
        );
        project.xpkg("build -q").ok();
    }
    assert!(project.path("other/manifest.json").exists());
    assert!(
        project
            .path("other")
            .join(HOST)
            .join("hello/hello")
            .exists()
    );
    assert_eq!(project.read("victim/file"), "the user's");
    assert_eq!(project.read("target/.xpkg.new-dir/file"), "the user's");
}

#[test]
fn an_old_tree_that_cannot_be_removed_is_a_warning_and_stops_no_run() {
    let project = Project::of("hello");
    let again = || {
        project.xpkg("build -q --profile dev --out-dir dist").ok();
    };
    until_hit(&project, "fail", again, |run| {
        run.code == Some(0) && run.stderr.contains("of an earlier tree is kept")
    });
    assert!(project.path("dist").join(HOST).join("hello/hello").exists());
    assert_eq!(beside(&project).len(), 2);
    // What can be removed the next time is.
    project.xpkg("build -q --out-dir dist").ok();
    assert_eq!(beside(&project), [""; 0].map(PathBuf::from));
}

#[test]
fn a_lock_does_not_follow_a_link() {
    let project = Project::of("hello");
    std::fs::create_dir(project.path("target")).unwrap();
    symlink("../victim", project.path("target/.xpkg.lock")).unwrap();
    let run = project.xpkg("build");
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains(&format!(
            "error[file-access]: cannot open `{}/target/.xpkg.lock`: it is a link, not a regular \
             file",
            project.root.display()
        )),
        "{}",
        run.stderr
    );
    assert!(!project.path("victim").exists());
}

#[test]
fn an_out_dir_in_the_checkout_does_not_make_it_dirty() {
    let project = Project::of("hello");
    let commit = project.commit();
    project.xpkg("build -q --out-dir dist").ok();
    let source = &project.json("dist/manifest.json")["targets"][0]["source"];
    assert_eq!(source["commit"], commit);
    assert_eq!(source["dirty"], false);
}

/// What xpkg writes among the sources is no change of them; what anybody else writes there is one.
#[test]
fn trees_and_releases_in_the_checkout_do_not_make_it_dirty() {
    let project = Project::of("hello");
    project.write(".gitignore", "/target\n");
    project.commit();
    let dirty = |out_dir: &str| {
        project
            .xpkg(&format!("build -q --target {X86_MUSL} --out-dir {out_dir}"))
            .ok();
        let manifest = project.json(&format!("{out_dir}/manifest.json"));
        manifest["targets"][0]["source"]["dirty"].clone()
    };
    assert_eq!(dirty("one"), false);
    assert_eq!(dirty("trees/two"), false);
    let release = format!("release -q --target {X86_MUSL} --out-dir one --release-dir dist");
    project.xpkg(&release).ok();
    project.xpkg(&release).ok();
    // Of a run that was killed.
    project.write("trees/.two.lock", "");
    assert_eq!(dirty("trees/three"), false);
    for (file, text) in [
        ("one/more.rs", ""),
        ("dist/notes.txt", ""),
        ("trees/two.lock", ""),
        ("trees/.other.lock", "the user's"),
    ] {
        project.write(file, text);
        assert_eq!(dirty("trees/three"), true, "{file}");
        std::fs::remove_file(project.path(file)).unwrap();
    }
    let staged = project.path(&format!("trees/two/{X86_MUSL}/hello/hello"));
    std::fs::write(&staged, "other").unwrap();
    assert_eq!(dirty("trees/three"), true, "a staged file is another one");
    // A run that is refused leaves nothing beside a directory of the user.
    project.write("docs/notes.md", "");
    let run = project.xpkg("build -q --out-dir docs");
    assert!(run.stderr.contains("error[tree-foreign]"), "{}", run.stderr);
    assert!(!project.path(".docs.lock").exists());
    assert!(!project.path(".one.lock").exists());
}

/// A place that is replaced, in a test.
const PLACE: replacement::Kind = replacement::Kind {
    name: "a place",
    flag: "--place",
};

#[test]
fn a_file_that_comes_after_the_check_is_not_lost() {
    let project = Project::empty();
    project.write("dist/old", "");
    let host = Host::new(Shell::default()).unwrap();
    let place = camino::Utf8PathBuf::from_path_buf(project.path("dist")).unwrap();
    let place = replacement::lock(&host, &place, &PLACE).unwrap();
    let new = place.begin().unwrap();
    let root = new.root().to_owned();
    std::fs::write(root.join("new"), "").unwrap();
    // It is in the directory that the exchange moves, as a program that stands in it would write.
    let late = |old: &camino::Utf8Path| {
        std::fs::write(old.join("late"), "the user's").unwrap();
        Ok(())
    };
    new.finish(&root, late).unwrap();
    assert_eq!(project.files("dist"), ["new"]);
    let leftover = beside(&project)[0].clone();
    let kept: Vec<_> = std::fs::read_dir(&leftover).unwrap().flatten().collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(
        std::fs::read_to_string(leftover.join("late")).unwrap(),
        "the user's"
    );
}

#[test]
fn a_file_that_comes_into_the_new_one_before_it_is_put_back_is_not_lost() {
    let project = Project::empty();
    project.write("dist/old", "");
    let host = Host::new(Shell::default()).unwrap();
    let path = camino::Utf8PathBuf::from_path_buf(project.path("dist")).unwrap();
    let place = replacement::lock(&host, &path, &PLACE).unwrap();
    let new = place.begin().unwrap();
    let root = new.root().to_owned();
    std::fs::write(root.join("new"), "").unwrap();
    let refuse = |_: &camino::Utf8Path| {
        std::fs::write(path.join("late"), "the user's").unwrap();
        Err(Problem::new(FILE_ACCESS, "no"))
    };
    assert_eq!(new.finish(&root, refuse).unwrap_err().message, "no");
    assert_eq!(project.files("dist"), ["old"]);
    let leftover = beside(&project)[0].clone();
    assert_eq!(
        std::fs::read_to_string(leftover.join("late")).unwrap(),
        "the user's"
    );
    assert!(!leftover.join("new").exists());
}

#[test]
fn clean_keeps_what_is_not_xpkgs_in_the_cache() {
    let project = Project::of("hello");
    project
        .xpkg("build -q --target x86_64-unknown-linux-musl")
        .ok();
    project.write("target/xpkg-cache/mynotes.txt", "mine");
    let run = project.xpkg("clean").ok();
    assert!(
        run.stderr
            .contains("mynotes.txt` is not xpkg's: it was not removed"),
        "{}",
        run.stderr
    );
    let left: Vec<String> = std::fs::read_dir(project.path("target/xpkg-cache"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, ["mynotes.txt"]);
}
