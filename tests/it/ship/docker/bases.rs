//! Whether a bin can start on a base: libraries, loaders, layers over layers, the user's word;
//! verdicts held against containers.

use std::process::Command;

use snapbox::str;

use crate::check;
use crate::ship::oci::bases::{How, Line, base, glibc};
use crate::ship::oci::hello;
use crate::support::{HOST, Project, Run, skipped, tool};
use crate::toolchain::image::engines::on_each_engine;

const LOADER: Line = ("usr/lib64/ld-linux-x86-64.so.2", b"");
const LINKS: &[Line] = &[
    ("usr/", b""),
    ("lib64 -> usr/lib64", b""),
    ("lib -> usr/lib", b""),
    LOADER,
];
const GCC: Line = ("usr/lib/x86_64-linux-gnu/libgcc_s.so.1", b"");

/// A project whose bin is for glibc, and what becomes of it on a base of these layers.
struct Upon {
    project: Project,
    /// The bin's floor, which follows the machine that builds it.
    floor: String,
}

impl Upon {
    fn new() -> Self {
        let project = hello(HOST);
        let manifest = project.json("target/xpkg/manifest.json");
        let floor = manifest["artifacts"][0]["binary"]["glibc_floor"]["version"]
            .as_str()
            .unwrap()
            .to_owned();
        Self { project, floor }
    }

    fn base(&self, layers: &[&[Line]]) {
        let _ = std::fs::remove_dir_all(self.project.path("base"));
        base(&self.project.path("base"), How::Gzip, &["amd64"], layers);
    }

    fn run(&self, layers: &[&[Line]], more: &str) -> Text {
        self.base(layers);
        self.say(&format!(
            "docker --no-build --base oci:base --oci layout {more}"
        ))
    }

    /// With a table of the image.
    fn table(&self, more: &str) {
        self.project.write(
            "xpkg.toml",
            &format!("[[docker]]\nname = \"hello\"\nbins = [\"hello\"]\n{more}\n"),
        );
    }

    fn say(&self, line: &str) -> Text {
        Text(self.project.xpkg(line), self.floor.clone())
    }
}

struct Text(Run, String);

impl Text {
    fn text(&self) -> String {
        self.0
            .text()
            .replace(&self.1, "[FLOOR]")
            .replace("Unchanged 1 image", "Wrote 1 image")
    }
}

#[test]
fn a_bin_does_not_start_without_its_libraries() {
    let upon = Upon::new();
    let new = glibc("2.99");
    let libc: Line = ("usr/lib/x86_64-linux-gnu/libc.so.6", &new);
    // As distroless/base, which has glibc and no more.
    check!(
        upon.run(&[LINKS, &[libc]], ""),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: `x86_64-unknown-linux-gnu/hello/hello` cannot start on the base of `hello`: it needs `libgcc_s.so.1`, which is not in a directory that its loader searches
  searched: /lib/x86_64-linux-gnu
            /usr/lib/x86_64-linux-gnu
            /lib64
            /usr/lib64
            /lib
            /usr/lib
  help: use a base that has them: `--base gcr.io/distroless/cc-debian12@sha256:…` (`distroless/base` does not), or build it for musl (for example `--target x86_64-unknown-linux-musl`)

"#]]
    );
    // A loader, and nothing that it could load.
    check!(
        upon.run(&[LINKS], ""),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: `x86_64-unknown-linux-gnu/hello/hello` cannot start on the base of `hello`: it needs `libgcc_s.so.1`, `libc.so.6`, which are not in a directory that its loader searches
  searched: /lib/x86_64-linux-gnu
            /usr/lib/x86_64-linux-gnu
            /lib64
            /usr/lib64
            /lib
            /usr/lib
  help: use a base that has them: `--base gcr.io/distroless/cc-debian12@sha256:…` (`distroless/base` does not), or build it for musl (for example `--target x86_64-unknown-linux-musl`)

"#]]
    );
    for path in [
        "usr/lib/x86_64-linux-gnu/libgcc_s.so.1",
        "usr/lib/libgcc_s.so.1",
        "usr/lib64/libgcc_s.so.1",
    ] {
        assert_eq!(
            upon.run(&[LINKS, &[libc, (path, b"")]], "").0.code,
            Some(0),
            "{path}"
        );
    }
    // Beside the way of the loader.
    for path in [
        "opt/conda/lib/libgcc_s.so.1",
        "usr/lib/aarch64-linux-gnu/libgcc_s.so.1",
    ] {
        assert!(
            upon.run(&[LINKS, &[libc, (path, b"")]], "")
                .text()
                .contains("it needs `libgcc_s.so.1`"),
            "{path}"
        );
    }
}

#[test]
fn another_glibc_beside_the_way_of_the_loader_is_nobodys() {
    let upon = Upon::new();
    let (new, old) = (glibc("2.99"), glibc("2.17"));
    let libc: Line = ("usr/lib/x86_64-linux-gnu/libc.so.6", &new);
    let sysroot: Line = (
        "opt/conda/x86_64-conda-linux-gnu/sysroot/lib64/libc.so.6",
        &old,
    );
    assert_eq!(
        upon.run(&[LINKS, &[libc, GCC, sysroot]], "").0.code,
        Some(0)
    );
}

#[test]
fn what_is_gone_is_gone_by_every_name() {
    let upon = Upon::new();
    let new = glibc("2.99");
    let full: &[Line] = &[
        ("usr/", b""),
        ("lib -> usr/lib", b""),
        ("lib64 -> usr/lib64", b""),
        (
            "usr/lib64/ld-linux-x86-64.so.2 -> /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
            b"",
        ),
        ("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", b""),
        ("usr/lib/x86_64-linux-gnu/libc.so.6", &new),
        GCC,
    ];
    assert_eq!(upon.run(&[full], "").0.code, Some(0));
    let over = |name: &str| upon.run(&[full, &[(name, b"")]], "").text();
    for gone in [
        "usr/lib/x86_64-linux-gnu/.wh.ld-linux-x86-64.so.2",
        "/usr/lib/x86_64-linux-gnu/.wh.ld-linux-x86-64.so.2",
        "lib/x86_64-linux-gnu/.wh.ld-linux-x86-64.so.2",
        "usr/lib/x86_64-linux-gnu/.wh..wh..opq",
        // Extracted by itself, a layer makes `lib` a directory, and the link below is no more.
        "lib/x86_64-linux-gnu/.wh.other",
        "lib/x86_64-linux-gnu/other",
        "lib/",
    ] {
        assert!(
            over(gone)
                .contains("it needs `/lib64/ld-linux-x86-64.so.2`, which the base does not have"),
            "{gone}: {}",
            over(gone)
        );
    }
    assert!(
        over("usr/lib/x86_64-linux-gnu/.wh.libgcc_s.so.1").contains("it needs `libgcc_s.so.1`")
    );
    for stays in [
        "usr/lib/x86_64-linux-gnu/.wh.other",
        "usr/lib/x86_64-linux-gnu/other",
        "usr/lib/",
    ] {
        assert!(over(stays).starts_with("exit 0\n"), "{stays}");
    }
}

#[test]
fn what_is_read_counts_and_what_is_said_fills_in() {
    let upon = Upon::new();
    let new = glibc("2.99");
    let fits: &[Line] = &[GCC, ("usr/lib/x86_64-linux-gnu/libc.so.6", &new)];
    let silent: &[Line] = &[GCC, ("usr/lib/x86_64-linux-gnu/libc.so.6", b"stripped")];
    // A version that cannot be read is told, never passed over.
    check!(
        upon.run(&[LINKS, silent], ""),
        str![[r#"
exit 0
--- stdout
image  platforms    bins                  base                           size
hello  linux/amd64  /usr/local/bin/hello  oci:[ROOT]/base [SIZE]
--- stderr
      Noting cannot check that the base of `hello` has glibc [FLOOR], which `x86_64-unknown-linux-gnu/hello/hello` needs: its `/usr/lib/x86_64-linux-gnu/libc.so.6` contains no version; set `base-glibc`
       Wrote 1 image in [ROOT]/layout

"#]]
    );
    upon.table("base-glibc = \"2.17\"");
    check!(
        upon.run(&[LINKS, silent], ""),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: `x86_64-unknown-linux-gnu/hello/hello` needs glibc [FLOOR], and the base of `hello` has 2.17
  help: build it with a lower floor: `--target x86_64-unknown-linux-gnu.2.17`, use a newer base, or build it for musl (for example `--target x86_64-unknown-linux-musl`)

"#]]
    );
    check!(
        upon.run(&[LINKS, fits], ""),
        str![[r#"
exit 0
--- stdout
image  platforms    bins                  base                           size
hello  linux/amd64  /usr/local/bin/hello  oci:[ROOT]/base [SIZE]
--- stderr
      Noting `base-glibc` of `hello` is 2.17, but its base has 2.99, which is used
       Wrote 1 image in [ROOT]/layout

"#]]
    );
    check!(
        upon.run(&[LINKS, silent], "--accept base-unfit"),
        str![[r#"
exit 0
--- stdout
image  platforms    bins                  base                           size
hello  linux/amd64  /usr/local/bin/hello  oci:[ROOT]/base [SIZE]
--- stderr
      Noting `x86_64-unknown-linux-gnu/hello/hello` needs glibc [FLOOR], and the base of `hello` has 2.17; accepted (base-unfit)
       Wrote 1 image in [ROOT]/layout

"#]]
    );
    upon.table("base-glibc = \"2.98\"");
    assert!(!upon.run(&[LINKS, silent], "").text().contains("Noting"));
    // The same for what Docker builds.
    assert!(
        upon.say("docker --no-build --base oci:base")
            .text()
            .starts_with("exit 0")
    );
    upon.base(&[LINKS, &[GCC]]);
    assert!(
        upon.say("docker --no-build --base oci:base")
            .text()
            .contains("it needs `libc.so.6`")
    );
    check!(
        upon.say("docker --no-build --base oci:base --accept base-unfit"),
        str![[r#"
exit 0
--- stdout
image  platforms    bins                  base                           size
hello  linux/amd64  /usr/local/bin/hello  oci:[ROOT]/base [SIZE]
--- stderr
      Noting `x86_64-unknown-linux-gnu/hello/hello` cannot start on the base of `hello`: it needs `libc.so.6`, which is not in a directory that its loader searches; accepted (base-unfit)
       Wrote 1 image in [ROOT]/target/xpkg-docker

"#]]
    );
    check!(
        upon.say("docker --no-build --base oci:base --accept base-unfi"),
        str![[r#"
exit 1
--- stderr
error[no-such-code]: `--accept base-unfi`: no such finding can be accepted
  help: findings that can be accepted: `gcc-95189`, `assembler-wrong`, `assembler-old`, `lto-objects`, `isoc23`, `time64`, `old-c`, `linker-absent`, `relr-unread`, `gold`, `rust-release`, `flags-leak`, `native-cpu`, `pkg-config-leak`, `archive-format`, `jitter-entropy`, `aws-lc-test`, `system-library-missing`, `sdk-missing`, `unreadable-binary`, `wrong-machine`, `not-executable`, `not-library`, `not-static`, `cpu-level`, `above-glibc-floor`, `private-glibc`, `signature-invalid`, `above-macos-floor`, `library-twice` and `import-unfit`

"#]]
    );
}

#[test]
fn files_are_laid_over_a_base_before_it_is_judged() {
    let upon = Upon::new();
    let new = glibc("2.99");
    let libc: Line = ("usr/lib/x86_64-linux-gnu/libc.so.6", &new);
    upon.project.write("libs/libgcc_s.so.1", "");
    upon.project
        .write("old/libc.so.6", &String::from_utf8(glibc("2.17")).unwrap());
    let run = |files: &str, line: &str| {
        upon.table(&format!("base = \"oci:base\"\nfiles = {{ {files} }}"));
        upon.base(&[LINKS, &[libc]]);
        upon.say(&format!("docker --no-build {line}")).text()
    };
    for line in ["--oci layout", "--context dist"] {
        assert!(
            run("libs = \"/usr/lib/x86_64-linux-gnu\"", line).starts_with("exit 0"),
            "{line}"
        );
        assert!(
            run("libs = \"/opt\"", line).contains("it needs `libgcc_s.so.1`"),
            "{line}"
        );
        let older = run(
            "libs = \"/usr/lib\", \"old/libc.so.6\" = \"/usr/lib/x86_64-linux-gnu/\"",
            line,
        );
        assert!(
            older.contains("needs glibc [FLOOR], and the base of `hello` has 2.17"),
            "{line}: {older}"
        );
    }
}

/// A base of this machine's own glibc, whole and without its parts: what is refused does not start,
/// what is not refused does.
#[test]
fn verdicts_are_true_in_containers() {
    let read = |path: &str| std::fs::read(path);
    let own = ["ld-linux-x86-64.so.2", "libc.so.6", "libgcc_s.so.1"]
        .map(|name| read(&format!("/lib/x86_64-linux-gnu/{name}")));
    let [Ok(loader), Ok(libc), Ok(gcc)] = &own else {
        return skipped(
            "bases::verdicts_are_true_in_containers",
            "this machine has no glibc where Debian has it",
        );
    };
    let upon = Upon::new();
    let links: &[Line] = &[
        ("usr/", b""),
        ("usr/lib64/", b""),
        ("lib -> usr/lib", b""),
        ("lib64 -> usr/lib64", b""),
    ];
    let loader: &[Line] = &[("usr/lib64/ld-linux-x86-64.so.2", loader)];
    let libc: &[Line] = &[("usr/lib/x86_64-linux-gnu/libc.so.6", libc)];
    let (gcc, beside): (&[Line], &[Line]) = (
        &[("usr/lib/libgcc_s.so.1", gcc)],
        &[("usr/lib64/libgcc_s.so.1", gcc)],
    );
    on_each_engine(|engine| {
        let name = format!("xpkg-bases-{}-{}", engine.name, std::process::id());
        upon.project.write(
            "xpkg.toml",
            &format!("[[docker]]\nname = \"{name}\"\nbins = [\"hello\"]\nbase = \"oci:base\"\n"),
        );
        let cases: &[(&[&[Line]], bool)] = &[
            (&[links, loader, libc, gcc], true),
            (&[links, loader, libc], false),
            (&[links, loader, gcc], false),
            (&[links, libc, gcc], false),
            // Debian's loader does not look there, and says so.
            (&[links, loader, libc, beside], false),
            (
                &[
                    links,
                    loader,
                    libc,
                    gcc,
                    &[("/usr/lib64/.wh.ld-linux-x86-64.so.2", b"")],
                ],
                false,
            ),
            (
                &[links, loader, libc, gcc, &[("lib/.wh.libgcc_s.so.1", b"")]],
                true,
            ),
        ];
        for (number, (layers, starts)) in cases.iter().enumerate() {
            upon.base(layers);
            upon.say("docker -q --no-build --oci image.tar --accept base-unfit")
                .0
                .ok();
            assert_eq!(
                upon.say("docker -q --no-build --oci image.tar").0.code,
                Some(i32::from(!starts)),
                "{number}"
            );
            engine.says(&format!(
                "load -i {}",
                upon.project.path("image.tar").display()
            ));
            let started = engine
                .command()
                .args([
                    "run",
                    "--rm",
                    "--user",
                    "0",
                    "--network",
                    "none",
                    &format!("{name}:0.1.0"),
                ])
                .output()
                .unwrap();
            assert_eq!(
                started.status.success(),
                *starts,
                "{}, {number}: {}",
                engine.name,
                String::from_utf8_lossy(&started.stderr)
            );
            engine.says(&format!("rmi {name}:0.1.0"));
        }
    });
}

#[test]
fn what_is_no_layout_becomes_one_by_skopeo() {
    let upon = Upon::new();
    let new = glibc("2.99");
    upon.base(&[LINKS, &[GCC, ("usr/lib/x86_64-linux-gnu/libc.so.6", &new)]]);
    let skopeo = |line: &str| {
        let output = Command::new(tool("skopeo"))
            .args(shlex::split(line).unwrap())
            .current_dir(&upon.project.root)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "skopeo {line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    skopeo("copy --all oci:base oci-archive:oci.tar");
    skopeo("copy oci:base docker-archive:docker.tar");
    upon.project.write("other.tar", "no tar");
    let run = |base: &str| upon.say(&format!("docker -q --no-build --base {base} --oci layout"));
    check!(
        run("oci:oci.tar"),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: the base `oci:[ROOT]/oci.tar` is a tar of an OCI image layout
  help: copy it into a layout: `skopeo copy --all oci-archive:[ROOT]/oci.tar oci:base`, then `base = "oci:base"`

"#]]
    );
    check!(
        run("oci:docker.tar"),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: the base `oci:[ROOT]/docker.tar` is a tar of `docker save`
  help: copy it into a layout: `skopeo copy docker-archive:[ROOT]/docker.tar oci:base`, then `base = "oci:base"`

"#]]
    );
    check!(
        run("oci:other.tar"),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: the base `oci:[ROOT]/other.tar` is a file, not an OCI image layout
  help: create one: `skopeo copy --all docker://IMAGE oci:DIR`

"#]]
    );
    check!(
        run("docker-archive:docker.tar"),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: the base `docker-archive:docker.tar` is of a kind that is not supported
  help: copy it into a layout: `skopeo copy docker-archive:docker.tar oci:base`, then `base = "oci:base"`

"#]]
    );
    // What the help says is what helps.
    for base in [
        "oci:oci.tar",
        "oci:docker.tar",
        "docker-archive:docker.tar",
        "oci-archive:oci.tar",
    ] {
        let said = run(base).0.stderr;
        let line = said
            .split("`skopeo ")
            .nth(1)
            .and_then(|rest| rest.split('`').next())
            .unwrap()
            .to_owned();
        std::fs::remove_dir_all(upon.project.path("base")).unwrap();
        skopeo(&line);
        run("oci:base").0.ok();
    }
}

#[test]
fn one_image_of_several_in_a_layout_is_named_as_skopeo_names_it() {
    let upon = Upon::new();
    let (new, old) = (glibc("2.99"), glibc("2.5"));
    for (libc, name) in [(&new, "1.0"), (&old, "registry.example/old:2")] {
        upon.base(&[LINKS, &[GCC, ("usr/lib/x86_64-linux-gnu/libc.so.6", libc)]]);
        let line = ["copy", "--all", "oci:base", &format!("oci:several:{name}")];
        assert!(
            Command::new(tool("skopeo"))
                .args(line)
                .current_dir(&upon.project.root)
                .output()
                .unwrap()
                .status
                .success()
        );
    }
    let run = |base: &str| upon.say(&format!("docker -q --no-build --base {base} --oci layout"));
    run("oci:several:1.0").0.ok();
    check!(
        run("oci:several:registry.example/old:2"),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: `x86_64-unknown-linux-gnu/hello/hello` needs glibc [FLOOR], and the base of `hello` has 2.5
  help: use a newer base, or build it for musl (for example `--target x86_64-unknown-linux-musl`)

"#]]
    );
    check!(
        run("oci:several"),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: the base `oci:[ROOT]/several` has 2 images for linux/amd64
  names: 1.0
         registry.example/old:2
  help: select one, `oci:DIR:TAG`, or copy it into a layout of its own: `skopeo copy --all oci:DIR:TAG oci:OTHER`

"#]]
    );
    check!(
        run("oci:several:3"),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: the base `oci:[ROOT]/several:3` is not in its layout
  available: 1.0
             registry.example/old:2
  help: use one that it has: `oci:DIR:TAG`

"#]]
    );
    // skopeo gives no name where none is typed, and neither does the maker of this base.
    check!(
        run("oci:base:latest"),
        str![[r#"
exit 1
--- stderr
error[base-unfit]: the base `oci:[ROOT]/base:latest` is not in its layout
  help: no image of the layout has a name: write `oci:DIR`

"#]]
    );
}
