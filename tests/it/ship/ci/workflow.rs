//! `ci`: the workflow as a user gets it, and what `ci check` says of it.

use snapbox::str;

use crate::check;
use crate::support::Project;

/// Everything that can be configured, for a workflow with all jobs.
pub const WHOLE: &str = r#"
targets = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-gnu.2.17"]

[publish]
to = "s3://bucket/cli"
channel = "stable"

[ci]
setup = ["sudo apt-get update", "sudo apt-get install --yes gcc-aarch64-linux-gnu"]
registry = "ghcr.io/acme/"
timeout-minutes = 90

[ci.sets]
pr = ["x86_64-unknown-linux-musl"]
main = "all"

[ci.tool.archives."linux/amd64"]
url = "https://get.example/cargo-xpkg-x86_64-unknown-linux-musl.tar.gz"
sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

[ci.runners.forgejo]
default = "docker"

[ci.gitlab]
image = "docker.io/library/rust@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
services = ["docker.io/library/docker@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]
"#;

/// Prefix of paths of a fresh project with this configuration.
pub fn configured(text: &str) -> Project {
    let project = Project::of("hello");
    project.write("xpkg.toml", text);
    project
}

#[test]
fn init_writes_once_and_check_tells_what_drifted() {
    let project = configured("[ci.tool]\ninstalled = true\n");
    check!(
        project.xpkg("ci check"),
        str![[r#"
exit 1
--- stderr
error[ci-missing]: there is no workflow of `ci init`
  help: write one: `cargo xpkg ci init --for github`

"#]]
    );
    check!(
        project.xpkg("ci init --for github"),
        str![[r#"
exit 0
--- stderr
       Wrote .github/workflows/xpkg.yml
       Wrote .github/xpkg-tool.sh

"#]]
    );
    check!(
        project.xpkg("ci init --for github"),
        str![[r#"
exit 0
--- stderr
   Unchanged .github/workflows/xpkg.yml
   Unchanged .github/xpkg-tool.sh

"#]]
    );
    check!(
        project.xpkg("ci check"),
        str![[r#"
exit 0
--- stderr
     Checked 2 files: as the configuration says

"#]]
    );
    // As git checks it out on Windows.
    let path = ".github/workflows/xpkg.yml";
    let text = project.read(path);
    project.write(path, &text.replace('\n', "\r\n"));
    project.xpkg("ci check").ok();
    project.write(path, &text);
    // The configuration moves on.
    project.write(
        "xpkg.toml",
        "[ci]\nbranches = [\"main\", \"release/*\"]\n[ci.tool]\ninstalled = true\n",
    );
    check!(
        project.xpkg("ci check --for github"),
        str![[r#"
exit 1
--- stderr
error[ci-stale]: `.github/workflows/xpkg.yml` is not what the configuration says now
  diff: …
          on:
            push:
        -     branches: ["main"]
        +     branches: ["main", "release/*"]
              tags: ["v*"]
            pull_request:
        …
  help: write it again: `cargo xpkg ci init --for github`

"#]]
    );
    project.xpkg("ci init --for github").ok();
    // An edit.
    let text = project.read(path);
    project.write(
        path,
        &text.replace("timeout-minutes: 60", "timeout-minutes: 360"),
    );
    check!(
        project.xpkg("ci check --message-format json"),
        str![[r#"
exit 1
--- stdout
{
  "problems": [
    {
      "code": "ci-edited",
      "message": "`.github/workflows/xpkg.yml` was edited after xpkg had written it",
      "notes": [
        {
          "label": "diff",
          "lines": [
            "…",
            "      needs: [plan]",
            "      runs-on: ${{ matrix.runner }}",
            "-     timeout-minutes: 360",
            "+     timeout-minutes: 60",
            "      permissions:",
            "        contents: read",
            "…"
          ]
        }
      ],
      "help": [
        "keep a copy, and overwrite it: `cargo xpkg ci init --for github --force`"
      ]
    }
  ]
}
--- stderr
error[ci-edited]: `.github/workflows/xpkg.yml` was edited after xpkg had written it
  diff: …
              needs: [plan]
              runs-on: ${{ matrix.runner }}
        -     timeout-minutes: 360
        +     timeout-minutes: 60
              permissions:
                contents: read
        …
  help: keep a copy, and overwrite it: `cargo xpkg ci init --for github --force`

"#]]
    );
    check!(
        project.xpkg("ci init --for github"),
        str![[r#"
exit 1
--- stderr
error[ci-edited]: `.github/workflows/xpkg.yml` was edited after xpkg had written it
  diff: …
              needs: [plan]
              runs-on: ${{ matrix.runner }}
        -     timeout-minutes: 360
        +     timeout-minutes: 60
              permissions:
                contents: read
        …
  help: keep a copy, and overwrite it: `cargo xpkg ci init --for github --force`

"#]]
    );
    project.xpkg("ci init --for github --force").ok();
    assert_eq!(project.read(path), text);
    // A line below the last one is an edit, too.
    project.write(path, &(text.clone() + "# more\n"));
    assert_eq!(project.xpkg("ci check").code, Some(1));
    // Of somebody else, and gone.
    project.write(path, "name: mine\n");
    std::fs::remove_file(project.path(".github/xpkg-tool.sh")).unwrap();
    check!(
        project.xpkg("ci check --for github"),
        str![[r#"
exit 1
--- stderr
error[ci-foreign]: `.github/workflows/xpkg.yml` is there, and xpkg did not write it
  help: choose another path: `[workspace.metadata.xpkg.ci.files]`, `github = ".github/workflows/xpkg-build.yml"`
  help: or overwrite it: `cargo xpkg ci init --for github --force`
error[ci-missing]: `.github/xpkg-tool.sh` is missing
  help: write it: `cargo xpkg ci init --for github`

"#]]
    );
    check!(
        project.xpkg("ci init --for github"),
        str![[r#"
exit 1
--- stderr
error[ci-foreign]: `.github/workflows/xpkg.yml` is there, and xpkg did not write it
  help: choose another path: `[workspace.metadata.xpkg.ci.files]`, `github = ".github/workflows/xpkg-build.yml"`
  help: or overwrite it: `cargo xpkg ci init --for github --force`

"#]]
    );
    // Nothing was written.
    assert!(!project.path(".github/xpkg-tool.sh").exists());
    project.write(
        "xpkg.toml",
        "[ci.files]\ngithub = \".github/workflows/build.yml\"\n[ci.tool]\ninstalled = true\n",
    );
    check!(
        project.xpkg("ci init --for github"),
        str![[r#"
exit 0
--- stderr
       Wrote .github/workflows/build.yml
       Wrote .github/xpkg-tool.sh

"#]]
    );
    project.xpkg("ci check").ok();
}

#[test]
fn what_no_workflow_can_be_made_of_is_rejected() {
    let rejected = |text: &str, system: &str| {
        configured(text).xpkg(&format!("ci init --print --for {system}"))
    };
    check!(
        rejected("", "gitlab"),
        str![[r#"
exit 1
--- stderr
error[ci-incomplete]: GitLab's runners start jobs in an image, and none is configured
  help: name one with Rust and the linkers of the targets: `[workspace.metadata.xpkg.ci.gitlab]`, `image = "NAME@sha256:…"`; for runners that start no image, `image = false`

"#]]
    );
    check!(
        rejected("", "forgejo"),
        str![[r#"
exit 1
--- stderr
error[runner-unfit]: Forgejo has no runners of its own, and no default label is configured
  help: name the label of your runners in Cargo.toml: `[workspace.metadata.xpkg.ci.runners.forgejo]`, `default = "docker"`

"#]]
    );
    check!(
        rejected(
            r#"
[publish]
to = "s3://bucket"
[ci]
branches = ["a b"]
setup = ["echo ${{ github.head_ref }}"]
timeout-minutes = 0
registry = "ghcr.io/acme"
role = "arn:aws:iam::1:role/$(id)"
[ci.runners.github]
default = []
[ci.files]
github = "ci/xpkg.yml"
[ci.tool.archives."linux/amd46"]
url = "http://get.example/a.tar.gz"
sha256 = "0"
"#,
            "github"
        ),
        str![[r#"
exit 1
--- stderr
error[ci-incomplete]: `ci.branches` has `a b`, which not every CI system reads alike
  help: use letters, digits and `-_./@`, with `*` for any characters but `/`, and `**` for all
error[ci-incomplete]: `ci.setup` has the line "echo ${{ github.head_ref }}", which the CI system would change before a shell reads it
  help: put it into a script of the repository, and name that: `setup = ["sh ci/setup.sh"]`
error[ci-incomplete]: `ci.timeout-minutes` is 0, which no leg can keep
  help: give it at least 1
error[ci-incomplete]: `ci.registry` is `ghcr.io/acme`, which is no beginning of images' names
  help: name the registry with a slash at the end: `registry = "ghcr.io/acme/"`
error[ci-incomplete]: `ci.role` is `arn:aws:iam::1:role/$(id)`, which is no role of AWS
  help: name it as AWS does: `role = "arn:aws:iam::123456789012:role/release"`
error[ci-place]: `ci.files.github` is `ci/xpkg.yml`: GitHub Actions reads workflows in `.github/workflows` only
  help: use a path such as `.github/workflows/xpkg.yml`
error[ci-incomplete]: `ci.runners.github` has a default without a label
  help: name one: `default = "docker"`
error[ci-incomplete]: `ci.tool.archives` has a key `linux/amd46`, which is none of them
  help: did you mean `linux/amd64`?
error[ci-incomplete]: `publish.to` is set without a channel, and a tag has no branch to name one
  help: name it: `[workspace.metadata.xpkg.publish]`, `channel = "stable"`

"#]]
    );
    check!(
        rejected(
            r#"
[ci.gitlab]
image = "rust:1.95"
services = ["docker:dind"]
[ci.tool]
installed = true
[ci.tool.archives."linux/amd64"]
url = "http://get.example/$(id).tar.gz"
sha256 = "0"
"#,
            "gitlab"
        ),
        str![[r#"
exit 1
--- stderr
error[ci-incomplete]: `ci.tool` has `installed` and `archives`
  help: keep one of the two
error[ci-incomplete]: `rust:1.95` of `ci.gitlab` has no digest, and a tag may move
  help: name it by digest: `NAME@sha256:…`
error[ci-incomplete]: `docker:dind` of `ci.gitlab` has no digest, and a tag may move
  help: name it by digest: `NAME@sha256:…`

"#]]
    );
    // Below the root of a repository, where no system reads it.
    let project = Project::of("chat");
    std::fs::create_dir(project.path("../.git")).unwrap();
    check!(
        project.xpkg("ci init --for github"),
        str![[r#"
exit 1
--- stderr
error[ci-place]: the workspace `[ROOT]` is below the root of its repository, `[BASE]`
  help: print the files, and adapt them: `cargo xpkg ci init --for github --print`

"#]]
    );
    check!(
        project.xpkg("ci check"),
        str![[r#"
exit 1
--- stderr
error[ci-place]: the workspace `[ROOT]` is below the root of its repository, `[BASE]`
  help: print the files, and adapt them: `cargo xpkg ci init --for github --print`

"#]]
    );
    project.xpkg("ci init --for github --print").ok();
}

#[cfg(unix)]
/// The first run of the workflow would say so.
#[test]
fn targets_that_no_run_can_build_are_rejected() {
    let tool = "[ci.tool]\ninstalled = true\n";
    let project = configured(tool);
    project.xpkg("ci init -q --for github").ok();
    let refused = |sets: &str| {
        project.write("xpkg.toml", &format!("{sets}{tool}"));
        let [check, init] = ["ci check", "ci init --for github"].map(|line| project.xpkg(line));
        assert_eq!(check.code, Some(1), "{sets}");
        assert_eq!(check.stderr, init.stderr);
        check.stderr
    };
    assert_eq!(
        refused("[ci.sets]\npr = [\"x86_64-linux-musl\"]\n"),
        "error[unknown-target]: rustc does not know the target `x86_64-linux-musl`\n  help: did you \
         mean `x86_64-unknown-linux-musl`?\n"
    );
    assert_eq!(
        refused("[ci.sets]\nmain = []\n"),
        "error[matrix-empty]: the set `main` has no target, so there is no leg to run\n  help: name a \
         target in the set, or do not start the run\n"
    );
    let stderr = refused("[ci.sets]\nmain = \"all\"\n");
    assert!(stderr.starts_with("error[set-unknown]"), "{stderr}");
    let stderr = refused("targets = [\"nowhere\"]\n");
    assert!(stderr.starts_with("error[unknown-target]"), "{stderr}");
    // Sets that no workflow runs may be empty, and the host has a name of its own.
    let sets = "targets = [\"host-tuple\"]\n[ci.sets]\nnone = []\nmain = \"all\"\n";
    project.write("xpkg.toml", &format!("{sets}{tool}"));
    project.xpkg("ci init -q --for github").ok();
    project.xpkg("ci check").ok();
}

#[test]
fn nothing_is_written_behind_a_link() {
    let project = Project::of("chat");
    let place = project.path("../elsewhere");
    std::fs::create_dir(&place).unwrap();
    std::os::unix::fs::symlink(&place, project.path(".github")).unwrap();
    check!(
        project.xpkg("ci init --for github --force"),
        str![[r#"
exit 1
--- stderr
error[ci-place]: `[ROOT]/.github` is a link, and the workflow would be where it leads
  help: remove the link: `rm [ROOT]/.github`

"#]]
    );
    assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0);
}

/// The workflow with all jobs, to be read as a whole.
#[test]
fn the_workflow_of_github_has_every_job() {
    let project = configured(WHOLE);
    project.xpkg("ci init --for github -q").ok();
    snapbox::assert_data_eq!(
        project.read(".github/workflows/xpkg.yml"),
        snapbox::file!["workflow_github.yml": Text].raw()
    );
    snapbox::assert_data_eq!(
        project.read(".github/xpkg-tool.sh"),
        snapbox::file!["workflow_tool.sh": Text].raw()
    );
}

#[test]
fn the_pipelines_of_gitlab_have_every_job() {
    let project = configured(&WHOLE.replace(
        "timeout-minutes = 90",
        "role = \"arn:aws:iam::123456789012:role/release\"",
    ));
    project.xpkg("ci init --for gitlab -q").ok();
    snapbox::assert_data_eq!(
        project.read(".gitlab-ci.yml") + "---\n" + &project.read(".gitlab/xpkg-legs.yml"),
        snapbox::file!["workflow_gitlab.yml": Text].raw()
    );
}

#[test]
fn a_release_is_attested_where_that_is_configured() {
    let settings = "[ci]\nattest = true\n[ci.tool]\ninstalled = true\n";
    let project = configured(settings);
    let printed = project.xpkg("ci init --for github --print").ok().stdout;
    let start = printed.find("  attest:\n").unwrap();
    let job = &printed[start..];
    let end = job.find("  done:\n").unwrap();
    snapbox::assert_data_eq!(
        &job[..end],
        str![[r#"
  attest:
    needs: [release]
    if: startsWith(github.ref, 'refs/tags/')
    runs-on: "ubuntu-24.04"
    timeout-minutes: 20
    permissions:
      contents: read
      id-token: write
      attestations: write
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with:
          persist-credentials: false
      - run: bash .github/xpkg-tool.sh
      - uses: actions/download-artifact@634f93cb2916e3fdff6788551b99b062d0335ce0 # v5.0.0
        with:
          name: release
          path: ${{ runner.temp }}
      - run: |
          mkdir "$RUNNER_TEMP/release"
          tar -xf "$RUNNER_TEMP/release.tar" -C "$RUNNER_TEMP/release"
          cargo xpkg verify "$RUNNER_TEMP/release" --require-list
      - uses: actions/attest-build-provenance@977bb373ede98d70efdf65b84cb5f73e068dcc2a # v3.0.0
        with:
          subject-checksums: ${{ runner.temp }}/release/SHA256SUMS

"#]]
    );
    assert!(job[end..].contains("release, attest]"), "{}", &job[end..]);
    // Nothing is published that is not attested.
    let publish = "[publish]\nto = \"s3://bucket\"\nchannel = \"stable\"\n";
    let project = configured(&format!("{publish}{settings}"));
    let printed = project.xpkg("ci init --for github --print").ok().stdout;
    let start = printed.find("  publish:\n").unwrap();
    let needs = printed[start..].lines().nth(1).unwrap();
    assert_eq!(needs, "    needs: [release, attest]");
    check!(
        project.xpkg("ci init --for forgejo --print"),
        str![[r#"
exit 1
--- stderr
error[ci-incomplete]: `ci.attest` is set, and Forgejo has no action that attests
  help: remove it, and sign the release: `release --sign KIND:FILE`
error[runner-unfit]: Forgejo has no runners of its own, and no default label is configured
  help: name the label of your runners in Cargo.toml: `[workspace.metadata.xpkg.ci.runners.forgejo]`, `default = "docker"`

"#]]
    );
}
