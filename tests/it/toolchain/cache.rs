//! Cached answers: believed only if this user's xpkg has written them.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::Value;
use snapbox::str;

use crate::check;
use crate::support::{ARM_GNU, HOST, Project, Run, X86_MUSL, tool};

/// The cache of a project.
fn cache(project: &Project) -> PathBuf {
    project.root.parent().unwrap().join(".cache/cargo-xpkg")
}

/// Entries in a directory whose names begin so.
fn entries(directory: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with(prefix)
        })
        .collect();
    found.sort();
    found
}

/// Changes the value of an entry, as one who knows the format but not the secret would.
fn forge(entry: &Path, change: impl FnOnce(&mut Value)) {
    let text = std::fs::read_to_string(entry).unwrap();
    let (seal, value) = text.split_once('\n').unwrap();
    let mut value: Value = serde_json::from_str(value).unwrap();
    let before = value.clone();
    change(&mut value);
    assert_ne!(before, value);
    std::fs::write(entry, format!("{seal}\n{value}")).unwrap();
}

fn with_c() -> Project {
    Project::of("with-c")
        .with("x86_64-linux-musl-gcc")
        .with("x86_64-linux-gnu-gcc")
        .with("ar")
}

fn plan(project: &Project) -> Run {
    project.xpkg(&format!("plan --target {X86_MUSL}"))
}

#[test]
fn a_forged_report_of_a_probe_is_asked_again() {
    let project = with_c();
    let first = plan(&project).ok().stdout;
    let entry = entries(&cache(&project).join("probes"), "")[0].clone();
    let inode = || std::fs::metadata(&entry).unwrap().ino();
    let written = inode();
    plan(&project).ok();
    assert_eq!(inode(), written, "it is read, not written again");
    let changes: [fn(&mut Value); 3] = [
        |report| report["answers"] = serde_json::json!([]),
        |report| report["facts"]["machine"] = serde_json::json!("other"),
        |report| report["compiler"] = serde_json::json!("other"),
    ];
    for change in changes {
        forge(&entry, change);
        let forged = inode();
        assert_eq!(plan(&project).ok().stdout, first);
        assert_ne!(inode(), forged);
    }
}

#[test]
fn an_entry_of_another_place_is_not_believed() {
    let project = with_c();
    let first = plan(&project).ok().stdout;
    let flags = [("CFLAGS", "-DOTHER")];
    project
        .xpkg_with(&flags, &format!("plan --target {X86_MUSL}"))
        .ok();
    let probes = entries(&cache(&project).join("probes"), "");
    let [one, other] = probes.as_slice() else {
        panic!("{probes:?}")
    };
    // Both are whole, and each is the other's.
    let text = std::fs::read(one).unwrap();
    std::fs::copy(other, one).unwrap();
    std::fs::write(other, text).unwrap();
    assert_eq!(plan(&project).ok().stdout, first);
}

#[test]
fn a_graph_that_a_checkout_brings_does_not_turn_the_gate_off() {
    let project = with_c();
    let first = plan(&project).ok().stdout;
    let graphs = entries(&project.path("target/xpkg-cache"), "graph-");
    forge(&graphs[0], |graph| {
        graph["c_packages"][X86_MUSL] = serde_json::json!([]);
    });
    assert_eq!(plan(&project).ok().stdout, first);
    // What was kept before entries had seals is none, either.
    let text = std::fs::read_to_string(&graphs[0]).unwrap();
    let value = text.split_once('\n').unwrap().1;
    std::fs::write(&graphs[0], value).unwrap();
    assert_eq!(plan(&project).ok().stdout, first);
}

#[test]
fn a_program_of_a_forged_entry_is_not_started() {
    let project = Project::of("hello")
        .fake(
            "docker",
            "on info out {\"ServerVersion\":\"26.1\"}\non info exit 0\nerr Error: No such image: \
             x\nexit 1\n",
        )
        .fake("evil", "");
    let started = project.path("started");
    std::fs::write(
        project.bin.join("evil.script"),
        format!("touch {}\nerr No such image\nexit 1\n", started.display()),
    )
    .unwrap();
    project.write(
        "xpkg.toml",
        &format!(
            "targets = [\"{ARM_GNU}\"]\n[target.{ARM_GNU}]\nlinker = \"image\"\nimage = \
             \"localhost/x@sha256:{}\"\n",
            "0".repeat(64)
        ),
    );
    let absent = |run: &Run| {
        assert!(
            run.stderr.starts_with("error[image-absent]: docker "),
            "{}",
            run.stderr
        );
    };
    absent(&project.xpkg("plan"));
    let entry = entries(&cache(&project).join("engines"), "")[0].clone();
    let evil = project.bin.join("evil");
    for program in ["evil", evil.to_str().unwrap()] {
        forge(&entry, |engine| {
            engine["program"] = serde_json::json!(program)
        });
        absent(&project.xpkg("plan"));
        assert!(!started.exists(), "{program}");
    }
}

#[test]
fn a_cache_that_others_may_write_to_is_not_used() {
    let project = with_c();
    let first = plan(&project).ok();
    assert_eq!(first.stderr, "");
    let cache = cache(&project);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&cache), mode(&cache.join("secret"))), (0o700, 0o600));
    let set_mode = |mode: u32| {
        std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    // Read by others is no harm.
    set_mode(0o755);
    assert_eq!(plan(&project).ok().stderr, "");
    assert_eq!(mode(&cache), 0o700);
    let inode = |kind: &str| {
        let entry = entries(&cache.join(kind), "")[0].clone();
        std::fs::metadata(entry).unwrap().ino()
    };
    let written = inode("probes");
    for others in [0o770, 0o702] {
        set_mode(others);
        let run = plan(&project).ok();
        assert_eq!(
            run.stderr,
            format!(
                "warning[cache-unsafe]: other users may write to the cache `{0}`, so it is not \
                 used; remove it: `rm -r {0}`\n",
                cache.display()
            )
        );
        assert_eq!(run.stdout, first.stdout);
        assert_eq!((mode(&cache), inode("probes")), (others, written));
    }
    // As the warning says.
    std::fs::remove_dir_all(&cache).unwrap();
    assert_eq!(plan(&project).ok().stderr, "");
    // Another user's, where this one may make it so.
    if std::os::unix::fs::chown(&cache, Some(65534), None).is_ok() {
        let run = plan(&project).ok();
        assert_eq!(
            run.stderr,
            format!(
                "warning[cache-unsafe]: the cache `{}` belongs to another user, so it is not \
                 used; choose another: `export XDG_CACHE_HOME=DIR`\n",
                cache.display()
            )
        );
    }
}

#[test]
fn a_damaged_secret_is_made_anew() {
    let project = with_c();
    let first = plan(&project).ok().stdout;
    let secret = cache(&project).join("secret");
    for damage in ["", "short", &"x".repeat(65)] {
        std::fs::write(&secret, damage).unwrap();
        assert_eq!(plan(&project).ok().stdout, first);
        assert_eq!(std::fs::read_to_string(&secret).unwrap().len(), 64);
    }
}

/// Returns the number of calls in a log with arguments that begin so.
fn calls(log: &Path, arguments: &str) -> usize {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines()
        .filter(|line| line.starts_with(arguments))
        .count()
}

#[test]
fn what_starts_is_asked_again_when_a_call_would_start_another() {
    let temp = tempfile::tempdir().unwrap();
    let home = temp.path().canonicalize().unwrap();
    let real = std::process::Command::new(tool("rustc"))
        .args(["--print", "sysroot"])
        .output()
        .unwrap();
    let real = PathBuf::from(String::from_utf8(real.stdout).unwrap().trim()).join("bin");
    let log = |name: &str| home.join(format!("{name}.log"));
    for name in ["one", "two"] {
        let sysroot = home.join("toolchains").join(name);
        let bin = sysroot.join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        let script = format!(
            "#!/bin/sh\necho \"{name} ${{RUST_RECURSION_COUNT-direct}} $RUSTUP_TOOLCHAIN $1\" \
             >>{}\nexec {} \"$@\"\n",
            log("cargo").display(),
            real.join("cargo").display()
        );
        std::fs::write(bin.join("cargo"), script).unwrap();
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(bin.join("cargo"), mode).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_fake-tool"), bin.join("rustc")).unwrap();
        let script = format!(
            "log {}\non target-list out {}\non target-list out {HOST}\non target-list out unix\non \
             target-list exit 0\nexec {}\n",
            log(name).display(),
            sysroot.display(),
            real.join("rustc").display()
        );
        std::fs::write(bin.join("rustc.script"), script).unwrap();
    }
    let choose = |name: &str| {
        let text = format!("version = \"12\"\ndefault_toolchain = \"{name}\"\n[overrides]\n");
        std::fs::write(home.join("settings.toml"), text).unwrap();
    };
    choose("one");
    let project = Project::of("hello").env("RUSTUP_HOME", home.to_str().unwrap());
    let asked = |name: &str| calls(&log(name), "--print sysroot --print target-list");
    // The last call for the workspace: whose cargo it was, and how it was started. rustup's proxy counts
    // its calls of itself.
    let metadata = || {
        let text = std::fs::read_to_string(log("cargo")).unwrap();
        let mut lines = text.lines().filter(|line| line.ends_with(" metadata"));
        lines.next_back().unwrap().to_owned()
    };
    let asked_again = |what: &str, one: usize, two: usize, cargo: &str| {
        project.xpkg("plan").ok();
        assert_eq!((asked("one"), asked("two")), (one, two), "{what}");
        assert_eq!(metadata(), format!("{cargo} metadata"), "{what}");
    };
    asked_again("at first", 1, 0, "one 1 one");
    asked_again("as before", 1, 0, "one direct one");
    project.write("rust-toolchain.toml", "[toolchain]\nchannel = \"two\"\n");
    asked_again("the workspace pins another", 1, 1, "two 1 two");
    asked_again("which is kept, too", 1, 1, "two direct two");
    std::fs::remove_file(project.path("rust-toolchain.toml")).unwrap();
    asked_again("without the pin", 1, 1, "one direct one");
    choose("two");
    asked_again("another default", 1, 2, "two 1 two");
    let variables = [("RUSTUP_TOOLCHAIN", "one")];
    project.xpkg_with(&variables, "plan").ok();
    assert_eq!((asked("one"), asked("two")), (2, 2), "the variable");
    let compiler = home.join("toolchains/two/bin/rustc");
    let old = std::fs::File::options().write(true).open(compiler).unwrap();
    old.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    drop(old);
    asked_again("another compiler at its place", 2, 3, "two 1 two");
    let lib = home.join("toolchains/two/lib");
    std::fs::create_dir(&lib).unwrap();
    std::fs::write(lib.join("librustc_driver-0.so"), "").unwrap();
    asked_again("another library of the compiler", 2, 4, "two 1 two");
    asked_again("as before", 2, 4, "two direct two");
    // rustup may bring what such a pin asks for.
    let pin = "[toolchain]\nchannel = \"two\"\ncomponents = []\n";
    project.write("rust-toolchain.toml", pin);
    asked_again("a pin with components", 2, 5, "two 1 two");
    asked_again("each time", 2, 5, "two 1 two");
    std::fs::remove_file(project.path("rust-toolchain.toml")).unwrap();
    // A toolchain without a cargo: the proxy says so.
    std::fs::remove_file(home.join("toolchains/two/bin/cargo")).unwrap();
    check!(
        project.xpkg("plan"),
        str![[r#"
exit 1
--- stderr
error[workspace-unreadable]: cargo cannot read the workspace
  cause: 'cargo' is not installed for the custom toolchain 'two'.
         note: this is a custom toolchain, which cannot use `rustup component add`
         help: if you built this toolchain from source, and used `rustup toolchain link`, then you may be able to build the component with `x.py`
  help: cargo reports the same error: `cd [ROOT] && cargo metadata --format-version 1 --no-deps`

"#]]
    );
}

#[test]
fn a_script_that_starts_a_compiler_is_asked_again_when_it_starts_another() {
    let project = Project::of("with-c").with("ar");
    let real = tool("x86_64-linux-gnu-gcc");
    let (log, specs) = (project.path("../log"), project.path("../musl-gcc.specs"));
    let compiler = |project: Project, name: &str| {
        let script = format!("log {}\nexec {}\n", log.display(), real.display());
        project.fake(name, &script)
    };
    let project = compiler(project, "x86_64-linux-gnu-gcc");
    let project = compiler(project, "other-gcc");
    let write = |line: &str| {
        let path = project.bin.join("x86_64-linux-musl-gcc");
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, format!("#!/bin/sh\n{line}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let starter = format!(
        "exec \"${{REALGCC:-x86_64-linux-gnu-gcc}}\" \"$@\" -specs \"{}\"",
        specs.display()
    );
    let mut asked = 0;
    let mut check = |what: &str, variables: &[(&str, &str)], more: usize| {
        project
            .xpkg_with(variables, &format!("plan --target {X86_MUSL}"))
            .ok();
        asked += more;
        assert_eq!(calls(&log, "-v "), asked, "{what}");
    };
    let text = std::fs::read_to_string("/usr/lib/x86_64-linux-musl/musl-gcc.specs");
    let text = text.unwrap_or_default();
    std::fs::write(&specs, &text).unwrap();
    write(&starter);
    check("at first", &[], 1);
    check("as before", &[], 0);
    check(
        "another compiler by its variable",
        &[("REALGCC", "other-gcc")],
        1,
    );
    check("as before", &[("REALGCC", "other-gcc")], 0);
    std::fs::write(&specs, format!("*unused:\nx\n\n{text}")).unwrap();
    check("other specs", &[], 1);
    check("as before", &[], 0);
    write(&format!("{starter} -pipe"));
    check("more arguments", &[], 1);
    check("as before", &[], 0);
    // What it starts is known only by running it, so it is run each time.
    write(&format!("true && {starter}"));
    check("another script", &[], 1);
    check("as before", &[], 1);
    // So is one whose specs name others.
    write(&starter);
    std::fs::write(&specs, format!("%include_noerr <absent>\n\n{text}")).unwrap();
    check("specs of specs", &[], 1);
    check("as before", &[], 1);
}
