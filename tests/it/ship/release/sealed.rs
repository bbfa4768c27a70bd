//! A release that was changed, and whose lists were written anew after it: lists that agree are not
//! believed where the files of the release say something else.

use crate::ship::release::registry::workspace;
use crate::ship::release::{hello, on_a_system};
use crate::support::{HOST, Project, X86_MUSL, tool};

/// A release with a copy of it.
struct Sealed {
    project: Project,
}

impl Sealed {
    /// Releases a project for these targets.
    fn of(project: Project, targets: &str) -> Self {
        project
            .xpkg(&format!("release -q --target {targets} --release-dir out"))
            .ok();
        on_a_system(&project, "cp -a out whole");
        Self { project }
    }

    /// Returns the findings of [`Sealed::all_found`] but those of the provenance, which has digests
    /// of its own.
    fn found(&self, change: impl FnOnce(&Project)) -> Vec<String> {
        let mut found = self.all_found(change);
        let codes = ["provenance-mismatch ", "attestation-mismatch "];
        found.retain(|line| !codes.iter().any(|code| line.starts_with(code)));
        found
    }

    /// Changes the release, writes its lists anew, and returns the findings of `verify`: code, path,
    /// what was found, what was expected. The release is whole again after it.
    fn all_found(&self, change: impl FnOnce(&Project)) -> Vec<String> {
        change(&self.project);
        self.seal();
        let run = self.project.xpkg("verify out --message-format json");
        on_a_system(&self.project, "rm -r out && cp -a whole out");
        let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let line = |finding: &serde_json::Value| {
            let [code, path, found, expected] =
                ["code", "path", "found", "expected"].map(|key| text(&finding[key]));
            format!("{code} {path}: {found}, expected {expected}")
        };
        let findings = report["findings"].as_array().unwrap();
        findings.iter().map(line).collect()
    }

    /// Writes digests and sizes of all files into `release.json` and `SHA256SUMS`.
    fn seal(&self) {
        let Self { project } = self;
        let listed = on_a_system(
            project,
            "cd out && find . -type f ! -name SHA256SUMS ! -name release.json -printf '%P\\n' | sort",
        );
        let digest = |path: &str| {
            let line = format!("sha256sum out/{path}");
            let sum = on_a_system(project, &line).stdout;
            sum.split(' ').next().unwrap().to_owned()
        };
        let mut document = project.json("out/release.json");
        let mut sums = String::new();
        for path in listed.stdout.lines() {
            let sha256 = digest(path);
            let size = std::fs::metadata(project.path("out").join(path)).unwrap();
            sums += &format!("{sha256}  {path}\n");
            for file in document["files"].as_array_mut().unwrap() {
                if file["path"] == path {
                    file["sha256"] = sha256.as_str().into();
                    file["size"] = size.len().into();
                }
            }
        }
        let text = serde_json::to_string_pretty(&document).unwrap();
        project.write("out/release.json", &text);
        sums += &format!("{}  release.json\n", digest("release.json"));
        project.write("out/SHA256SUMS", &sums);
    }
}

/// Replaces a text of a file, which must be there.
#[track_caller]
fn replace(project: &Project, path: &str, from: &str, to: &str) {
    let text = project.read(path);
    assert!(text.contains(from), "{from} in {text}");
    project.write(path, &text.replacen(from, to, 1));
}

#[test]
fn an_installer_has_exactly_the_rows_of_the_document() {
    let release = Sealed::of(hello(), &format!("{X86_MUSL},{HOST}"));
    let script = release.project.read("out/install.sh");
    let row = |target: &str| {
        let start = format!("hello {target} ");
        let line = script.lines().find(|line| line.starts_with(&start));
        line.unwrap().to_owned()
    };
    let (gnu, musl) = (row(HOST), row(X86_MUSL));
    let cells: Vec<&str> = gnu.split(' ').collect();
    let (digest, floor, loader) = (cells[3], cells[4], cells[5]);
    let zeros = "0".repeat(64);
    let found = |from: &str, to: &str| {
        release.found(|project| replace(project, "out/install.sh", from, to))
    };
    let column = |name: &str, value: &str, right: &str| {
        vec![format!(
            "installer-unfit install.sh: row 1 of its table has the {name} `{value}`, expected \
             `{right}`, by `release.json`"
        )]
    };
    assert_eq!(found("# Installer", "# Installer"), [""; 0]);
    assert_eq!(found(digest, &zeros), column("digest", &zeros, digest));
    assert_eq!(
        found(&format!(" {floor} "), " 2.3 "),
        column("floor", "2.3", floor)
    );
    assert_eq!(
        found(&format!(" {loader} "), " - "),
        column("loader", "-", loader)
    );
    assert_eq!(
        found(&format!("{loader} hello"), &format!("{loader} hello,su")),
        column("programs", "hello,su", "hello")
    );
    let line = |row: usize, found: &str, expected: &str| {
        vec![format!(
            "installer-unfit install.sh: row {row} of its table is {found}, expected {expected}, by \
             `release.json`"
        )]
    };
    assert_eq!(
        found(&format!("{gnu}\n"), &format!("{gnu}\r\n")),
        column("programs", "hello\\r", "hello")
    );
    // A second digest on the line does not hide behind the right one.
    let two = format!("{gnu} {zeros}");
    assert_eq!(
        found(&gnu, &two),
        line(1, &format!("`{two}`"), &format!("`{gnu}`"))
    );
    assert_eq!(
        found(&format!("{musl}\n"), ""),
        line(2, "missing", &format!("`{musl}`"))
    );
    assert_eq!(
        found(&format!("{musl}\n"), &format!("{musl}\n{two}\n")),
        line(3, &format!("`{two}`"), "no more rows")
    );
    assert_eq!(
        found("\ntable='", "\ntable=''\ntable='"),
        [
            "installer-unfit install.sh: no table of builds, expected one, with the archives and their digests"
        ]
    );
}

#[test]
fn an_installer_takes_the_programs_that_were_compared() {
    let release = Sealed::of(hello(), X86_MUSL);
    let stem = format!("hello-0.1.0-{X86_MUSL}");
    // Packs a changed directory again, and writes its digest into the script.
    let pack = |project: &Project, change: &str| {
        let line = format!(
            "rm -rf new && mkdir new && tar -xzf out/{stem}.tar.gz -C new && cd new && {change} && \
             tar -czf ../out/{stem}.tar.gz *"
        );
        on_a_system(project, &line);
        let line = format!("sha256sum whole/{stem}.tar.gz out/{stem}.tar.gz");
        let sums = on_a_system(project, &line).stdout;
        let sums: Vec<&str> = sums.lines().map(|line| &line[..64]).collect();
        replace(project, "out/install.sh", sums[0], sums[1]);
    };
    // The compared program is in a directory that the script does not read.
    let found = release.found(|project| {
        pack(
            project,
            &format!("cp -a {stem} other && printf x >> {stem}/hello"),
        );
        let directory = format!("\"directory\": \"{stem}\"");
        replace(
            project,
            "out/release.json",
            &directory,
            "\"directory\": \"other\"",
        );
        on_a_system(project, &format!("rm out/{stem}.cdx.json"));
        let mut document = project.json("out/release.json");
        let files = document["files"].as_array_mut().unwrap();
        files.retain(|file| file["kind"] != "sbom");
        project.write("out/release.json", &document.to_string());
    });
    assert_eq!(
        found,
        [format!(
            "list-unreadable release.json: cannot read `release.json`: `archives` of the build of \
             `hello` is `{stem}.tar.gz`, not a listed archive with the name of the directory, expected \
             the document that xpkg wrote"
        )]
    );
    // One name in the document is two in the script.
    let found = release.found(|project| {
        pack(
            project,
            &format!("cp {stem}/hello {stem}/hello,su && printf x > {stem}/su"),
        );
        let name = "\"name\": \"hello\",\n          \"s";
        replace(
            project,
            "out/release.json",
            name,
            "\"name\": \"hello,su\",\n          \"s",
        );
        replace(project, "out/install.sh", " - - hello\n", " - - hello,su\n");
    });
    let line = "installer-unfit install.sh: row 1 of its table is `hello ";
    assert!(
        found.iter().any(|found| found.starts_with(line)),
        "{found:?}"
    );
}

#[test]
fn a_program_of_another_release_is_found_in_its_archive() {
    let release = Sealed::of(hello(), X86_MUSL);
    let archive = format!("hello-0.1.0-{X86_MUSL}.tar.gz");
    let program = format!("hello-0.1.0-{X86_MUSL}/hello");
    let found = release.found(|project| {
        let line = format!(
            "mkdir new && tar -xzf out/{archive} -C new && printf x >> new/{program} && \
             tar -czf out/{archive} -C new hello-0.1.0-{X86_MUSL}"
        );
        on_a_system(project, &line);
        let sum = on_a_system(project, &format!("sha256sum whole/{archive} out/{archive}"));
        let sums: Vec<&str> = sum.stdout.lines().map(|line| &line[..64]).collect();
        replace(project, "out/install.sh", sums[0], sums[1]);
    });
    let codes: Vec<&str> = found
        .iter()
        .map(|line| line.split(':').next().unwrap())
        .collect();
    assert_eq!(
        codes,
        [
            format!("sbom-mismatch hello-0.1.0-{X86_MUSL}.cdx.json"),
            format!("digest-mismatch {archive}!/{program}"),
        ]
    );
}

#[test]
fn a_program_of_another_release_is_found_in_a_package_of_debian() {
    let project = hello();
    let manifest = project.read("Cargo.toml");
    let described = "[package]\ndescription = \"greets\"\n";
    let manifest = manifest.replacen("[package]\n", described, 1);
    project.write("Cargo.toml", &manifest);
    project.write(
        "xpkg.toml",
        "[release.deb]\nmaintainer = \"A <a@b.example>\"\n",
    );
    let release = Sealed::of(project, X86_MUSL);
    let deb = "hello_0.1.0-1_amd64.deb";
    let found = release.found(|project| {
        let line = format!(
            "dpkg-deb -R out/{deb} new && printf x >> new/usr/bin/hello && dpkg-deb -b \
             --root-owner-group new out/{deb}"
        );
        on_a_system(project, &line);
    });
    let start = format!("digest-mismatch {deb}!/usr/bin/hello: digest ");
    assert!(
        found.len() == 1 && found[0].starts_with(&start),
        "{found:?}"
    );
    let found = release.found(|project| {
        let line = format!(
            "dpkg-deb -R out/{deb} other && mv other/usr/bin/hello other/usr/bin/hi && dpkg-deb -b \
             --root-owner-group other out/{deb}"
        );
        on_a_system(project, &line);
    });
    let start = format!("digest-mismatch {deb}!/usr/bin/hello: no such program");
    assert!(
        found.len() == 1 && found[0].starts_with(&start),
        "{found:?}"
    );
}

#[test]
fn what_programs_need_is_read_from_them_again() {
    let release = Sealed::of(hello(), &format!("{X86_MUSL},{HOST}"));
    let document = release.project.json("out/release.json");
    let floor = document["builds"][0]["requires"]["glibc"].as_str().unwrap();
    let found = release.found(|project| {
        let old = format!("\"glibc\": \"{floor}\"");
        replace(project, "out/release.json", &old, "\"glibc\": \"2.3\"");
        replace(project, "out/install.sh", &format!(" {floor} "), " 2.3 ");
    });
    assert_eq!(
        found,
        [format!(
            "release-mismatch release.json: requires.glibc of `hello` for `{HOST}` is `2.3`, \
             expected `{floor}`, as in `hello-0.1.0-{HOST}.tar.gz`"
        )]
    );
    let size = document["builds"][1]["bins"][0]["size"].to_string();
    let found = release.found(|project| {
        let old = format!("\"size\": {size}");
        replace(project, "out/release.json", &old, "\"size\": 1");
    });
    assert_eq!(
        found,
        [format!(
            "release-mismatch release.json: size of `hello` of `hello` for `{X86_MUSL}` is `1`, \
             expected `{size}`, as in `hello-0.1.0-{X86_MUSL}.tar.gz`"
        )]
    );
}

#[test]
fn a_registry_is_not_what_its_index_alone_says() {
    let project = workspace("https://get.example/stable/registry");
    project.write(
        "greeting/Cargo.toml",
        "[package]\nname = \"greeting\"\nversion.workspace = true\nedition.workspace = true\n\
         [features]\ndefault = [\"loud\"]\nloud = [\"dep:louder\"]\n\
         [target.'cfg( unix )'.dependencies]\n\
         louder = { path = \"../other\", package = \"other\", version = \"1\", optional = true, default-features = false }\n\
         [dev-dependencies]\nlouder = { path = \"../other\", version = \"1.2\", package = \"other\" }\n",
    );
    project.write(
        "xpkg.toml",
        "[release.registry]\nurl = \"https://get.example/stable/registry\"\nverify = false\n",
    );
    project.shell("cargo update --workspace --offline --quiet && git add -A && git -c user.name=t -c user.email=t@t.invalid commit -qm two --no-gpg-sign").ok();
    let release = Sealed::of(project, X86_MUSL);
    let index = "out/registry/index";
    let found = |path: &str, from: &str, to: &str| {
        release.found(|project| replace(project, &format!("{index}/{path}"), from, to))
    };
    assert_eq!(found("config.json", "https", "https"), [""; 0]);
    assert_eq!(
        found("config.json", "https://get.example/stable/", ""),
        [
            "index-unfit registry/index/config.json: `dl` is `registry/crates/{crate}-{version}.crate`, \
          not `https://…/crates/{crate}-{version}.crate`, expected the address of the packages, as \
          `release` writes it"
        ]
    );
    let line = |name: &str, why: &str| {
        vec![format!(
            "index-unfit registry/index/gr/ee/{name}: line 1: {why}, expected a line that every \
             cargo understands, of a package in `registry/crates`"
        )]
    };
    for (from, to) in [
        ("\"^1.2.3\"", "\"*\""),
        ("\"optional\":false", "\"optional\":true"),
        ("\"kind\":\"normal\"", "\"kind\":\"dev\""),
    ] {
        assert_eq!(
            found("gr/ee/greeter", from, to),
            line("greeter", "`greeting` is not as in its package")
        );
    }
    // The address of the registry is in the packages, too.
    let moved = "is of another registry in its package";
    assert_eq!(
        found(
            "gr/ee/greeter",
            "\"registry\":null",
            "\"registry\":\"https://evil.example\""
        ),
        line("greeter", &format!("`greeting` {moved}"))
    );
    assert_eq!(
        found("config.json", "get.example", "evil.example"),
        [
            line("greeter", &format!("`greeting` {moved}")),
            line("greeting", &format!("`louder` {moved}")),
        ]
        .concat()
    );
    // A dependency of another registry, where anybody may have that name.
    let elsewhere = release.found(|project| {
        let path = format!("{index}/gr/ee/greeter");
        replace(project, &path, "\"name\":\"greeting\"", "\"name\":\"evil\"");
        replace(
            project,
            &path,
            "\"registry\":null",
            "\"registry\":\"https://evil.example\"",
        );
    });
    assert_eq!(
        elsewhere,
        line("greeter", "`evil` is not as in its package")
    );
    assert_eq!(
        found("gr/ee/greeting", "\"default\":[\"loud\"]", "\"default\":[]"),
        line("greeting", "`features` are not those of its package")
    );
}

/// A program that is as its waiver says.
#[test]
fn a_provenance_has_the_waivers_that_its_programs_need() {
    let script = format!("exec {}\n", tool("x86_64-linux-musl-gcc").display());
    let project = hello()
        .with("x86_64-linux-gnu-gcc")
        .fake("odd-cc", &script)
        .env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER", "odd-cc");
    project.write("xpkg.toml", "[policy]\nrules = { not-static = false }\n");
    let command = format!("release -q --accept not-static --target {X86_MUSL} --release-dir out");
    project.xpkg(&command).ok();
    let statement = project.json("out/provenance.intoto.json");
    let chosen = &statement["predicate"]["buildDefinition"]["internalParameters"];
    let codes = |list: &serde_json::Value| {
        let codes = list
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["code"].clone());
        codes.collect::<Vec<_>>()
    };
    assert_eq!(codes(&chosen["waivers"]), ["not-static"]);
    let report = project.xpkg("verify out --message-format json").stdout;
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(codes(&report["findings"]), ["not-static"]);
}

#[test]
fn a_provenance_is_that_of_its_release() {
    const NAME: &str = "out/provenance.intoto.json";
    let release = Sealed::of(hello(), X86_MUSL);
    let whole = release.project.read(NAME);
    let statement: serde_json::Value = serde_json::from_str(&whole).unwrap();
    let found = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut changed = statement.clone();
        change(&mut changed);
        release.all_found(|project| project.write(NAME, &changed.to_string()))
    };
    assert_eq!(found(&|_| ()), [""; 0]);
    let first = statement["subject"][0]["digest"]["sha256"]
        .as_str()
        .unwrap();
    let name = statement["subject"][0]["name"].as_str().unwrap();
    let zeros = "0".repeat(64);
    assert_eq!(
        found(&|changed| changed["subject"][0]["digest"]["sha256"] = zeros.as_str().into()),
        [format!(
            "provenance-mismatch provenance.intoto.json: the subject `{name}`: digest {zeros}, \
             expected digest {first}, by `release.json`"
        )]
    );
    assert_eq!(
        found(&|changed| {
            let definition = &mut changed["predicate"]["buildDefinition"];
            definition["externalParameters"]["version"] = "0.2.0".into();
        }),
        [
            "provenance-mismatch provenance.intoto.json: `version`: 0.2.0, expected 0.1.0, by \
          `release.json`"
        ]
    );
    assert_eq!(
        found(&|changed| {
            changed["predicate"]["runDetails"]["builder"]["id"] = "https://ci.example".into();
        }),
        [
            "provenance-unreadable provenance.intoto.json: `builder.id` is `https://ci.example`, not \
             urn:cargo-xpkg:builder:self-asserted, expected the provenance that xpkg wrote"
        ]
    );
    // Waivers that nothing stands behind.
    let program = format!("hello-0.1.0-{X86_MUSL}/hello");
    let waived = |code: &str, subjects: &[&str]| {
        found(&|changed| {
            let definition = &mut changed["predicate"]["buildDefinition"];
            definition["internalParameters"]["waivers"] = serde_json::json!([
                { "code": code, "message": "x", "subjects": subjects }
            ]);
        })
    };
    let unfounded = |waiver: &str| {
        let expected = "waivers of its records, and of what its programs have";
        [format!(
            "provenance-mismatch provenance.intoto.json: the waiver {waiver}, expected {expected}"
        )]
    };
    assert_eq!(waived("zzz", &[]), unfounded("`zzz` of no program"));
    for code in ["zzz", "not-static", "gcc-95189", "unreadable-binary"] {
        assert_eq!(
            waived(code, &[&program]),
            unfounded(&format!("`{code}` of `{program}`"))
        );
    }
    assert_eq!(
        waived("not-static", &["install.sh"]),
        unfounded("`not-static` of `install.sh`")
    );
    // An archive of another build beside it.
    let codes = |found: Vec<String>| {
        let code = |line: String| line.split(':').next().unwrap_or_default().to_owned();
        found.into_iter().map(code).collect::<Vec<String>>()
    };
    let found = release.all_found(|project| project.append("out/install.sh", "# changed\n"));
    assert_eq!(codes(found), ["provenance-mismatch provenance.intoto.json"]);
    // It is in the lists, and gone.
    let found = release.all_found(|project| {
        on_a_system(project, &format!("rm {NAME}"));
    });
    assert_eq!(codes(found), ["file-missing provenance.intoto.json"]);
}
