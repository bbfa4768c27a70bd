//! Tests of the decision on a release, as tables.

use std::collections::{BTreeMap, BTreeSet};

use crate::project::artifact_kind::ArtifactKind;
use crate::project::config::Config;
use crate::project::config::parse::{ConfigFile, ConfigFiles};
use crate::ship::release::decide::{Input, decide};
use crate::ship::release::installer;
use crate::ship::release::managers;
use crate::ship::release::model::{Build, Included, IncludedFile, Release};
use crate::target::Target;
use crate::tree::manifest::{Artifact, Manifest, TargetRecord};
use crate::tree::release::{FileKind, FileRecord};

/// Parses a tree: `triple package/bin`, separated by commas; `@COMMIT` and `!` (dirty) may follow.
fn tree(text: &str) -> Manifest {
    let mut records = Vec::new();
    let mut artifacts = Vec::new();
    for word in text.split(", ") {
        let dirty = word.ends_with('!');
        let (word, commit) = match word.trim_end_matches('!').split_once('@') {
            Some((word, commit)) => (word, Some(commit.to_owned())),
            None => (word.trim_end_matches('!'), None),
        };
        let (triple, rest) = word.split_once(' ').unwrap();
        let (package, bin) = rest.split_once('/').unwrap();
        let mut record = TargetRecord::expected(&Target::of_triple(triple).unwrap());
        record.source.commit = commit;
        record.source.dirty = Some(dirty);
        records.push(record);
        let suffix = if triple.contains("windows") {
            ".exe"
        } else {
            ""
        };
        artifacts.push(Artifact {
            path: format!("{triple}/{package}/{bin}{suffix}"),
            target: triple.to_owned(),
            package: package.to_owned(),
            version: if package == "old" { "0.9.0" } else { "1.2.3" }.to_owned(),
            bin: bin.to_owned(),
            kind: ArtifactKind::Bin,
            profile: "release".to_owned(),
            features: Vec::new(),
            built_by: triple.to_owned(),
            size: 1,
            mode: "0755".to_owned(),
            sha256: format!("{triple}{package}{bin}"),
            binary: None,
            waivers: Vec::new(),
        });
    }
    Manifest::new(records, artifacts)
}

fn config(text: &str) -> Config {
    let file = ConfigFile {
        path: "xpkg.toml".into(),
        text: text.to_owned(),
    };
    Config::parse(&ConfigFiles {
        xpkg_toml: Some(file),
        ..ConfigFiles::default()
    })
    .unwrap()
}

fn released(trees: &[&str], settings: &str, tag: Option<&str>) -> Result<Release, Vec<String>> {
    let trees: Vec<Manifest> = trees.iter().map(|text| tree(text)).collect();
    let readme = IncludedFile {
        to: "README.md".to_owned(),
        from: "/w/README.md".into(),
        executable: false,
    };
    let chat = Included {
        files: vec![readme],
        deb: None,
    };
    let included = BTreeMap::from([("chat".to_owned(), chat)]);
    let input = Input {
        config: &config(settings),
        members: &[],
        included: &included,
        targets: &[],
        bins: None,
        tag,
        allow_dirty: false,
        auditable: false,
    };
    let problems = |problems: Vec<crate::problem::Problem>| {
        problems
            .into_iter()
            .map(|problem| format!("{}: {}", problem.code.name(), problem.message))
            .collect()
    };
    decide(&trees, &input).map_err(problems)
}

/// Returns the archives, each with its bins and files.
fn archives(trees: &[&str], settings: &str) -> Vec<String> {
    let release = released(trees, settings, None).unwrap();
    let build = |build: &Build| {
        let bins = build.bins.iter().map(|bin| bin.name.clone());
        let files = build.files.iter().map(|file| file.to.clone());
        let names: Vec<String> = bins.chain(files).collect();
        let archives = build.archives();
        let line = |(name, _)| format!("{name}: {}", names.join(" "));
        archives.map(line).collect::<Vec<_>>()
    };
    release.builds.iter().flat_map(build).collect()
}

fn problems(trees: &[&str], settings: &str, tag: Option<&str>) -> Vec<String> {
    released(trees, settings, tag).unwrap_err()
}

const MUSL: &str = "x86_64-unknown-linux-musl";
const WINDOWS: &str = "x86_64-pc-windows-gnu";

#[test]
fn each_package_and_target_gets_an_archive_of_its_bins() {
    let tree = format!("{MUSL} chat/server, {MUSL} chat/client, {WINDOWS} chat/client");
    assert_eq!(
        archives(&[&tree], ""),
        [
            "chat-1.2.3-x86_64-pc-windows-gnu.zip: client.exe README.md",
            "chat-1.2.3-x86_64-unknown-linux-musl.tar.gz: client server README.md",
        ]
    );
    assert_eq!(
        archives(
            &[&tree],
            "[release]\narchives = [\"zip\", \"tar.xz\", \"tar.xz\"]\nwindows-archives = []"
        ),
        [
            "chat-1.2.3-x86_64-unknown-linux-musl.tar.xz: client server README.md",
            "chat-1.2.3-x86_64-unknown-linux-musl.zip: client server README.md",
        ]
    );
}

#[test]
fn trees_from_several_machines_are_one_release() {
    let (one, other) = (format!("{MUSL} chat/server"), format!("{WINDOWS} bot/bot"));
    assert_eq!(
        archives(&[&one, &other, &one], ""),
        [
            "bot-1.2.3-x86_64-pc-windows-gnu.zip: bot.exe",
            "chat-1.2.3-x86_64-unknown-linux-musl.tar.gz: server README.md",
        ]
    );
}

#[test]
fn a_file_and_a_directory_cannot_share_a_place() {
    let file = |to: &str| IncludedFile {
        to: to.to_owned(),
        from: "/w/x".into(),
        executable: false,
    };
    let found = |places: &[&str]| {
        let chat = Included {
            files: places.iter().map(|to| file(to)).collect(),
            deb: None,
        };
        let included = BTreeMap::from([("chat".to_owned(), chat)]);
        let input = Input {
            config: &Config::default(),
            members: &[],
            included: &included,
            targets: &[],
            bins: None,
            tag: None,
            allow_dirty: false,
            auditable: false,
        };
        let decided = decide(&[tree(&format!("{MUSL} chat/server"))], &input);
        let problems = decided.err().unwrap_or_default();
        let messages = problems.into_iter().map(|problem| problem.message);
        messages.collect::<Vec<_>>()
    };
    assert_eq!(found(&["x", "y/x"]), [""; 0]);
    assert_eq!(
        found(&["x", "x/y"]),
        ["`include` puts `x/y` of `chat` into `x`, which is a file"]
    );
    assert_eq!(
        found(&["server/y"]),
        ["`include` puts `server/y` of `chat` into `server`, which is a file"]
    );
    assert_eq!(
        found(&["server"]),
        ["`include` puts `server` where a bin of `chat` is"]
    );
}

#[test]
fn what_nobody_could_repeat_is_not_released() {
    let dirty = format!("{MUSL} chat/server@aaaa!");
    assert_eq!(
        problems(&[&dirty], "", None),
        [
            "release-dirty: the trees were built with uncommitted changes, so nobody can build \
             them again"
        ]
    );
    let (one, other) = (
        format!("{MUSL} chat/server@aaaa"),
        format!("{WINDOWS} chat/server@bbbb"),
    );
    assert_eq!(
        problems(&[&one, &other], "", None),
        ["release-invalid: the trees were built from different commits"]
    );
}

#[test]
fn versions_and_tags_must_agree() {
    let tree = format!("{MUSL} chat/server, {MUSL} old/old");
    assert_eq!(
        problems(&[&tree], "", None),
        ["release-invalid: the packages of the release have different versions"]
    );
    let settings = "[release]\nversion-of = \"chat\"";
    let release = released(&[&tree], settings, Some("v1.2.3")).unwrap();
    assert_eq!(release.version, "1.2.3");
    let stems: Vec<String> = release.builds.into_iter().map(|build| build.stem).collect();
    assert_eq!(
        stems,
        [
            "chat-1.2.3-x86_64-unknown-linux-musl",
            "old-0.9.0-x86_64-unknown-linux-musl"
        ]
    );
    assert_eq!(
        problems(&[&tree], settings, Some("v0.9.0")),
        ["tag-mismatch: the tag `v0.9.0` does not name the version 1.2.3 of the release"]
    );
}

#[test]
fn the_address_is_filled_in_and_checked() {
    let tree = format!("{MUSL} chat/server");
    let url = |url: &str, tag: Option<&str>| {
        let settings = format!("[release]\nurl = \"{url}\"");
        released(&[&tree], &settings, tag).map(|release| release.url.unwrap())
    };
    assert_eq!(
        url("https://get.example/stable/{version}/", None).unwrap(),
        "https://get.example/stable/1.2.3"
    );
    assert_eq!(
        url(
            "https://forge.example/a/b/releases/download/{tag}",
            Some("v1.2.3")
        )
        .unwrap(),
        "https://forge.example/a/b/releases/download/v1.2.3"
    );
    for (text, expected) in [
        (
            "https://x/{tag}",
            "it has `{tag}`, and `--tag` is not given",
        ),
        (
            "get.example",
            "it is no address with `https://` or `http://`",
        ),
        (
            "https://x/$(id)",
            "it is no address with `https://` or `http://`",
        ),
        (
            "https://x/'",
            "it is no address with `https://` or `http://`",
        ),
    ] {
        let message = format!("release-invalid: `url` is `{text}`: {expected}");
        assert_eq!(url(text, None), Err(vec![message]));
    }
}

#[test]
fn a_value_is_never_a_placeholder() {
    let tree = format!("{MUSL} chat/server, {WINDOWS} chat/server");
    let settings = "[release]\nurl = \"https://get.example/@TABLE@/@VERSION@\"";
    let release = released(&[&tree], settings, None).unwrap();
    let files = records(&release);
    let url = "https://get.example/@TABLE@/@VERSION@";
    for script in [
        installer::sh(&release, &files).unwrap(),
        installer::ps1(&release, &files).unwrap(),
    ] {
        assert_eq!(script.matches(url).count(), 1, "{script}");
    }
}

/// Records of the archives of a release.
fn records(release: &Release) -> Vec<FileRecord> {
    let archives = release.builds.iter().flat_map(Build::archives);
    let record = |(path, format): (String, _)| FileRecord {
        sha256: format!("digest of {path}"),
        kind: FileKind::Archive,
        package: None,
        target: None,
        format: Some(format),
        size: 1,
        path,
    };
    archives.map(record).collect()
}

#[test]
fn two_files_for_one_place_are_rejected() {
    let (one, mut other) = (
        tree(&format!("{MUSL} chat/server")),
        tree(&format!("{MUSL} chat/server")),
    );
    other.artifacts[0].sha256 = "other".to_owned();
    let included = BTreeMap::new();
    let bins: Option<&BTreeSet<(String, String)>> = None;
    let input = Input {
        config: &Config::default(),
        members: &[],
        included: &included,
        targets: &["aarch64-unknown-linux-musl".to_owned()],
        bins,
        tag: None,
        allow_dirty: false,
        auditable: false,
    };
    let all = Input {
        targets: &[],
        ..input
    };
    let messages = |input: &Input| {
        let problems = decide(&[one.clone(), other.clone()], input).unwrap_err();
        let message = |problem: crate::problem::Problem| problem.message;
        problems.into_iter().map(message).collect::<Vec<_>>()
    };
    assert_eq!(
        messages(&all),
        ["two bins of `chat` for `x86_64-unknown-linux-musl` are named `server`"]
    );
    let wanted = ["aarch64-unknown-linux-musl".to_owned()];
    assert_eq!(
        messages(&Input {
            targets: &wanted,
            ..all
        }),
        ["the trees have no bin for the requested target `aarch64-unknown-linux-musl`"]
    );
}

#[test]
fn each_system_gets_the_installer_with_its_archives() {
    let tree = format!("{MUSL} chat/server, {WINDOWS} chat/client, {WINDOWS} chat/server");
    let settings = "[release]\nname = \"chat-suite\"\nurl = \"https://get.example/{version}\"\n\
                    install-dir = \".chat/bin\"\nwindows-archives = [\"tar.gz\", \"zip\"]";
    let release = released(&[&tree], settings, None).unwrap();
    let files = records(&release);
    let sh = installer::sh(&release, &files).unwrap();
    let table = format!(
        "table='\nchat {MUSL} chat-1.2.3-{MUSL}.tar.gz digest of chat-1.2.3-{MUSL}.tar.gz - - server\n'\n"
    );
    assert!(sh.contains(&table), "{sh}");
    let ps1 = installer::ps1(&release, &files).unwrap();
    let table = format!(
        "$script:Table = @(\n    , @('chat', '{WINDOWS}', 'chat-1.2.3-{WINDOWS}.zip', 'digest of \
         chat-1.2.3-{WINDOWS}.zip', \
         'client.exe,server.exe')\n)\n"
    );
    assert!(ps1.contains(&table), "{ps1}");
    for (script, lines) in [
        (
            &sh,
            [
                "name=chat-suite\n",
                "url_default=https://get.example/1.2.3\n",
                "dir_default=.chat/bin\n",
                "CHAT_SUITE_INSTALL_DIR",
            ],
        ),
        (
            &ps1,
            [
                "$script:Name = 'chat-suite'\n",
                "$script:DefaultUrl = 'https://get.example/1.2.3'\n",
                "$script:DefaultDir = '.chat\\bin'\n",
                "CHAT_SUITE_INSTALL_DIR",
            ],
        ),
    ] {
        for line in lines {
            assert!(script.contains(line), "{line}: {script}");
        }
        for mark in ["@NAME", "@VERSION", "@URL", "@DIR", "@PREFIX", "@TABLE"] {
            assert!(!script.contains(mark), "{mark}");
        }
    }
    let windows = format!("{WINDOWS} chat/server");
    let release = released(&[&windows], "", None).unwrap();
    assert_eq!(installer::sh(&release, &files), None);
}

#[test]
fn words_that_a_script_cannot_hold_are_rejected() {
    let tree = format!("{MUSL} chat/a b");
    assert_eq!(
        problems(&[&tree], "", None),
        [
            "release-invalid: `a b` cannot be installed by a script, which takes letters, digits, \
             `.`, `_`, `+` and `-`"
        ]
    );
    released(&[&tree], "[release]\ninstallers = false", None).unwrap();
    let tree = format!("{MUSL} chat/a");
    for (setting, expected) in [
        ("name = \"a b\"", "`name` of the release is `a b`"),
        (
            "install-dir = \"/usr/bin\"",
            "`install-dir` of the release is `/usr/bin`",
        ),
        (
            "install-dir = \"../x\"",
            "`install-dir` of the release is `../x`",
        ),
    ] {
        assert_eq!(
            problems(&[&tree], &format!("[release]\n{setting}"), None),
            [format!("release-invalid: {expected}")]
        );
    }
}

#[test]
fn package_managers_get_the_addresses_and_digests_of_the_archives() {
    const MAC: &str = "aarch64-apple-darwin";
    let tree = format!(
        "{MUSL} chat-server/server, x86_64-unknown-linux-gnu chat-server/server, {MAC} \
         chat-server/server, {WINDOWS} chat-server/server"
    );
    let settings =
        "[release]\nurl = \"https://get.example/{version}\"\nhomebrew = true\nscoop = true";
    let release = released(&[&tree], settings, None).unwrap();
    let files = records(&release);
    let expected = r#"# Written by cargo xpkg.
class ChatServer < Formula
  version "1.2.3"

  on_macos do
    on_arm do
      url "https://get.example/1.2.3/chat-server-1.2.3-aarch64-apple-darwin.tar.gz"
      sha256 "digest of chat-server-1.2.3-aarch64-apple-darwin.tar.gz"
    end
  end

  on_linux do
    on_intel do
      url "https://get.example/1.2.3/chat-server-1.2.3-x86_64-unknown-linux-musl.tar.gz"
      sha256 "digest of chat-server-1.2.3-x86_64-unknown-linux-musl.tar.gz"
    end
  end

  def install
    bin.install "server"
  end

  test do
    assert_predicate bin/"server", :executable?
  end
end
"#;
    assert_eq!(
        managers::formulas(&release, &files),
        [("chat-server.rb".to_owned(), expected.to_owned())]
    );
    let (name, manifest) = managers::scoop_manifests(&release, &files).remove(0);
    assert_eq!(name, "chat-server.scoop.json");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let archive = "chat-server-1.2.3-x86_64-pc-windows-gnu.zip";
    assert_eq!(
        manifest,
        serde_json::json!({
            "version": "1.2.3",
            "architecture": { "64bit": {
                "url": format!("https://get.example/1.2.3/{archive}"),
                "hash": format!("digest of {archive}"),
                "extract_dir": "chat-server-1.2.3-x86_64-pc-windows-gnu",
            } },
            "bin": ["server.exe"],
        })
    );
    assert_eq!(
        problems(&[&tree], "[release]\nscoop = true", None),
        ["release-invalid: `homebrew` and `scoop` need the address of the release"]
    );
}
