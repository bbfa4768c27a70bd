//! The build context of a `dockerfile`, as an engine gets it.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use camino::Utf8Path;
use cargo_xpkg::host::machine::Host;
use cargo_xpkg::host::shell::Shell;
use cargo_xpkg::toolchain::image::look::context;

use crate::support::Project;

fn utf8(path: &Path) -> &Utf8Path {
    Utf8Path::from_path(path).unwrap()
}

/// Copies the context `image` of a project to `copy`, and returns its inputs.
fn copied(project: &Project) -> String {
    let host = Host::new(Shell::default()).unwrap();
    let outputs = [utf8(&project.path("image/target")).to_owned()];
    let context = context::read(&host, utf8(&project.path("image/.")), &outputs).unwrap();
    let to = project.path("copy");
    let _ = std::fs::remove_dir_all(&to);
    std::fs::create_dir(&to).unwrap();
    context.copy(&host, utf8(&to)).unwrap();
    context.inputs()
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn links_are_copied_as_they_are_written() {
    let project = Project::empty();
    project.write("outside/secret", "this machine's");
    project.write("image/sysroot/lib/libm.a", "the context's");
    let sysroot = project.path("image/sysroot");
    let links = [
        ("shadow", project.path("outside/secret")),
        ("directory", project.path("outside")),
        ("libm.so.6", "/lib/x86_64-linux-gnu/libm.so.6".into()),
        ("usr", "lib".into()),
        ("up", "../../outside/secret".into()),
        ("nowhere", "/no/such/file".into()),
    ];
    for (name, text) in &links {
        symlink(text, sysroot.join(name)).unwrap();
    }
    copied(&project);
    for (name, text) in &links {
        let link = project.path("copy/sysroot").join(name);
        assert_eq!(&std::fs::read_link(link).unwrap(), text, "{name}");
    }
    assert_eq!(
        project.files("copy"),
        [
            "sysroot/directory",
            "sysroot/lib/libm.a",
            "sysroot/libm.so.6",
            "sysroot/nowhere",
            "sysroot/shadow",
            "sysroot/up",
            "sysroot/usr",
        ]
    );
}

#[test]
fn empty_directories_and_modes_are_kept_whatever_the_umask() {
    let project = Project::empty();
    std::fs::create_dir_all(project.path("image/var/empty")).unwrap();
    project.write("image/bin/tool", "");
    project.write("image/bin/data", "");
    for (path, mode) in [("bin/tool", 0o744), ("bin/data", 0o600), ("bin", 0o700)] {
        set_mode(&project.path("image").join(path), mode);
    }
    copied(&project);
    let modes = ["var/empty", "bin", "bin/tool", "bin/data"]
        .map(|path| mode(&project.path("copy").join(path)));
    assert_eq!(modes, [0o755, 0o755, 0o755, 0o644]);
}

#[test]
fn outputs_of_builds_are_no_inputs() {
    let project = Project::empty();
    project.write("image/Dockerfile", "FROM x\nCOPY . /\n");
    let before = copied(&project);
    for path in [
        "image/target/release/app",
        "image/build/out/manifest.json",
        "image/build/out/MANIFEST.txt",
        "image/build/out/t/app",
        "image/build/.out.lock",
        "image/.git/HEAD",
    ] {
        project.write(path, "an output");
    }
    assert_eq!(copied(&project), before);
    assert_eq!(project.files("copy"), ["Dockerfile"]);
}

#[test]
fn everything_that_an_image_gets_is_an_input() {
    let project = Project::empty();
    project.write("image/tool", "one");
    symlink("tool", project.path("image/link")).unwrap();
    let mut seen = vec![copied(&project)];
    project.write("image/tool", "other");
    seen.push(copied(&project));
    set_mode(&project.path("image/tool"), 0o755);
    seen.push(copied(&project));
    std::fs::remove_file(project.path("image/link")).unwrap();
    symlink("/tool", project.path("image/link")).unwrap();
    seen.push(copied(&project));
    std::fs::create_dir(project.path("image/empty")).unwrap();
    seen.push(copied(&project));
    let mut different = seen.clone();
    different.dedup();
    assert_eq!(different, seen);
    // A name cannot pass for several entries.
    assert_eq!(
        seen[4],
        "directory \"empty\"\nlink \"link\" \"/tool\"\nprogram \"tool\" \
         d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa\n"
    );
}

#[test]
fn what_cannot_be_copied_as_it_is_is_named() {
    let project = Project::empty();
    project.write("image/file", "");
    let pipe = project.path("image/pipe");
    let made = std::process::Command::new(crate::support::tool("mkfifo"))
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    let host = Host::new(Shell::default()).unwrap();
    let problem = context::read(&host, utf8(&project.path("image")), &[]).unwrap_err();
    assert_eq!(
        problem.message,
        format!(
            "`{}` cannot be sent to the build of an image: it is a pipe",
            pipe.display()
        )
    );
}
