//! A tree and a release of several systems: layout, archives, installers, and what Docker says of it.

use serde_json::Value;
use snapbox::str;

use crate::ship::docker::check_text;
use crate::support::{Project, X86_MUSL, cross};
use crate::toolchain::zig;

const DIRECTORY: &str = "target/xpkg-release/0.1.0";

/// The names of the files in a release's directory.
fn files(project: &Project) -> String {
    let files = project.files(DIRECTORY).into_iter();
    let files = files.filter(|name| !name.ends_with(".cdx.json"));
    files.collect::<Vec<_>>().join("\n")
}

#[test]
fn one_release_holds_every_system() {
    let test = "one_release_holds_every_system";
    let Some(project) = zig::project("hello", test) else {
        return;
    };
    let Some(_) = cross("x86_64-w64-mingw32-gcc", test) else {
        return;
    };
    let project = project.with("x86_64-w64-mingw32-gcc");
    let targets = format!("{X86_MUSL},universal2-apple-darwin,x86_64-pc-windows-gnu,wasm32-wasip1");
    project.write(
        "xpkg.toml",
        "layout = \"{os}-{arch}/{bin}\"\n[release]\nurl = \"https://get.example/{version}\"\n\
         homebrew = true\n",
    );
    project.write(".gitignore", "/target\n");
    project.commit();
    project.xpkg(&format!("build -q --target {targets}")).ok();
    check_text(
        &project
            .read("target/xpkg/MANIFEST.txt")
            .lines()
            .map(|line| &line[66..])
            .collect::<Vec<_>>()
            .join("\n"),
        str![[r#"
darwin-aarch64/hello
darwin-universal2/hello
darwin-x86_64/hello
linux-x86_64/hello
wasip1-wasm32/hello.wasm
windows-x86_64/hello.exe
"#]],
    );
    let verified = project.xpkg("verify target/xpkg").ok();
    check_text(
        verified.stdout.lines().last().unwrap_or_default(),
        str![
            "passed: `target/xpkg`, policy `default`, listed by `manifest.json`: 6 programs, 6 of 6 files compared, 0 findings, 0 accepted, 0 not checked"
        ],
    );
    // The tree of a leg for both processors of Macs has three targets.
    let list = project.xpkg(&format!("matrix --for json --target {targets}"));
    project.write("target/legs.json", &list.ok().stdout);
    project
        .xpkg("merge -q target/xpkg --expect target/legs.json --out-dir target/merged")
        .ok();
    assert_eq!(
        project.read("target/merged/manifest.json"),
        project.read("target/xpkg/manifest.json")
    );
    // One directory, and an archive that each system's users can unpack.
    project.xpkg("release -q --from target/xpkg").ok();
    check_text(
        &files(&project),
        str![[r#"
SHA256SUMS
hello-0.1.0-aarch64-apple-darwin.tar.gz
hello-0.1.0-universal2-apple-darwin.tar.gz
hello-0.1.0-wasm32-wasip1.tar.gz
hello-0.1.0-x86_64-apple-darwin.tar.gz
hello-0.1.0-x86_64-pc-windows-gnu.zip
hello-0.1.0-x86_64-unknown-linux-musl.tar.gz
hello.rb
index.html
install.ps1
install.sh
provenance.intoto.json
release.json
"#]],
    );
    let rows = |name: &str| -> String {
        let script = project.read(&format!("{DIRECTORY}/{name}"));
        let rows = script.lines().filter(|line| {
            line.contains("hello-0.1.0-") && line.contains(" hello") || line.contains("'hello'")
        });
        let short = |line: &str| {
            line.split(' ')
                .filter(|word| word.len() < 60)
                .collect::<Vec<_>>()
                .join(" ")
        };
        rows.map(short).collect::<Vec<_>>().join("\n")
    };
    check_text(
        &rows("install.sh"),
        str![[r#"
hello aarch64-apple-darwin hello-0.1.0-aarch64-apple-darwin.tar.gz 11.0 - hello
hello universal2-apple-darwin hello-0.1.0-universal2-apple-darwin.tar.gz 10.12 - hello
hello x86_64-apple-darwin hello-0.1.0-x86_64-apple-darwin.tar.gz 10.12 - hello
hello x86_64-unknown-linux-musl hello-0.1.0-x86_64-unknown-linux-musl.tar.gz - - hello
"#]],
    );
    check_text(
        &rows("install.ps1"),
        str![[r#"
$script:Name = 'hello'
    , @('hello', 'x86_64-pc-windows-gnu', 'hello-0.1.0-x86_64-pc-windows-gnu.zip', 'hello.exe')
"#]],
    );
    let formula = project.read(&format!("{DIRECTORY}/hello.rb"));
    check_text(
        &formula
            .lines()
            .filter(|line| !line.contains("sha256"))
            .collect::<Vec<_>>()
            .join("\n"),
        str![[r##"
# Written by cargo xpkg.
class Hello < Formula
  version "0.1.0"

  on_macos do
    on_arm do
      url "https://get.example/0.1.0/hello-0.1.0-aarch64-apple-darwin.tar.gz"
    end
    on_intel do
      url "https://get.example/0.1.0/hello-0.1.0-x86_64-apple-darwin.tar.gz"
    end
  end

  on_linux do
    on_intel do
      url "https://get.example/0.1.0/hello-0.1.0-x86_64-unknown-linux-musl.tar.gz"
    end
  end

  def install
    bin.install "hello"
  end

  test do
    assert_predicate bin/"hello", :executable?
  end
end
"##]],
    );
    let document: Value = project.json(&format!("{DIRECTORY}/release.json"));
    super::the_schema_holds(&document);
    let verified = project.xpkg(&format!("verify {DIRECTORY}")).ok();
    check_text(
        verified.stdout.lines().last().unwrap_or_default(),
        str![
            "passed: `target/xpkg-release/0.1.0`, policy `default`, listed by `release.json` and 1 more: 6 programs, 11 of 11 files compared, 0 findings, 0 accepted, 0 not checked"
        ],
    );
    // The universal file alone.
    project
        .xpkg("release -q --from target/xpkg --target universal2-apple-darwin --release-dir alone")
        .ok();
    check_text(
        &project.files("alone").join("\n"),
        str![[r#"
SHA256SUMS
hello-0.1.0-universal2-apple-darwin.tar.gz
hello.rb
index.html
install.sh
provenance.intoto.json
release.json
"#]],
    );
    // A container has Linux programs.
    let docker = project
        .xpkg("docker --from target/xpkg --target universal2-apple-darwin --context context");
    check_text(
        &docker.stderr,
        str![[r#"
error[docker-invalid]: images hold programs for Linux, and `universal2-apple-darwin` is another system
  help: name Linux targets alone: `--target x86_64-unknown-linux-musl`

"#]],
    );
    project
        .xpkg("docker -q --from target/xpkg --target x86_64-unknown-linux-musl --context context")
        .ok();
    // What is built beside it is left out.
    project
        .xpkg(&format!(
            "docker -q --target {X86_MUSL},aarch64-apple-darwin --context both"
        ))
        .ok();
    check_text(
        &project.files("both").join("\n"),
        str![[r#"
.dockerignore
.xpkg-context.json
docker-bake.json
files/scratch/etc/group
files/scratch/etc/passwd
hello.Dockerfile
linux/amd64/hello/hello
"#]],
    );
}
