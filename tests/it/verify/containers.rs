//! Releases of packages and archives, made by the tools that make them everywhere.

use crate::archive::mutants::elf;
use crate::archive::read::made;
use crate::support::{Project, Run, tool};
use crate::verify::shell;

/// Returns findings, paths of programs, what was not checked, and the numbers of compared files.
fn said(run: &Run) -> (Vec<String>, Vec<String>, Vec<String>, String) {
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let rows = |list: &str, keys: &[&str]| -> Vec<String> {
        let items = report[list].as_array().unwrap().iter();
        let row = |item: &serde_json::Value| {
            let words = keys.iter().map(|key| item[key].as_str().unwrap_or("-"));
            words.collect::<Vec<_>>().join(": ")
        };
        items.map(row).collect()
    };
    (
        rows("findings", &["path", "code", "found"]),
        rows("files", &["path"]),
        rows("skipped", &["path", "what", "why"]),
        report["digests"].to_string(),
    )
}

#[test]
fn a_release_of_packages_and_archives_is_looked_into() {
    if std::env::consts::ARCH != "x86_64" {
        crate::support::skipped("verify::containers", "it needs programs of x86_64");
        return;
    }
    let project = Project::empty();
    let program = elf(&["-s", "-Wl,-z,now"]);
    project.write("deb/DEBIAN/control", "Package: app\nVersion: 1.0\nArchitecture: amd64\nMaintainer: a <a@example.org>\nDescription: a\n");
    for path in ["deb/usr/bin/app", "deb/usr/bin/app-helper-amd64", "bin/app"] {
        std::fs::create_dir_all(project.path(path).parent().unwrap()).unwrap();
        std::fs::write(project.path(path), &program).unwrap();
    }
    // Two programs, so that the same file is not in one package twice.
    std::fs::write(project.path("deb/usr/bin/app-helper-amd64"), elf(&["-s"])).unwrap();
    let make = format!(
        "chmod 755 bin/app deb deb/DEBIAN deb/usr/bin/* && mkdir rel && {} -b deb rel/app_1.0_amd64.deb >&2 && tar -cJf \
         rel/app-linux-amd64.tar.xz bin && cp rel/app-linux-amd64.tar.xz rel/app-linux-arm64.tar.xz && xz -c bin/app \
         >rel/app-darwin-arm64.xz && bzip2 -c bin/app >rel/app-linux-x86_64.bz2 && cd rel && sha256sum * >../list && \
         mv ../list SHA256SUMS",
        tool("dpkg-deb").display()
    );
    let (is_made, text) = shell(&project.root, &make);
    assert!(is_made, "{text}");
    let run = project.xpkg("verify rel --message-format json");
    let machine = "elf for EM_X86_64 (64 bit, little endian)";
    let expected = (
        vec![
            format!("app-darwin-arm64.xz!/app-darwin-arm64: wrong-machine: {machine}"),
            format!("app-linux-arm64.tar.xz!/bin/app: wrong-machine: {machine}"),
        ],
        vec![
            "app-darwin-arm64.xz!/app-darwin-arm64".to_owned(),
            "app-linux-amd64.tar.xz!/bin/app".to_owned(),
            "app-linux-arm64.tar.xz!/bin/app".to_owned(),
            "app-linux-x86_64.bz2!/app-linux-x86_64".to_owned(),
            "app_1.0_amd64.deb!/usr/bin/app".to_owned(),
            "app_1.0_amd64.deb!/usr/bin/app-helper-amd64".to_owned(),
        ],
        vec![],
        r#"{"compared":5,"files":5}"#.to_owned(),
    );
    let (findings, files, skipped, digests) = said(&run);
    assert_eq!((findings, files, skipped, digests), expected);
    // The path of a finding is the one to accept it by.
    let accept = "--accept wrong-machine=app-linux-arm64.tar.xz!/bin/app --reason test";
    let run = project.xpkg(&format!("verify rel --message-format json {accept}"));
    assert_eq!(said(&run).0, expected.0[..1]);
    // Nothing in an archive is started.
    let run = project.xpkg("verify rel --run --message-format json");
    let why = "`--run`: it is in an archive; unpack the archive first";
    let started: Vec<String> = expected
        .1
        .iter()
        .map(|path| format!("{path}: {why}"))
        .collect();
    assert_eq!(said(&run).2, started);
}

#[test]
fn a_wheel_is_checked_against_its_record() {
    let project = Project::empty();
    let sum = "sha256=LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ";
    let record =
        format!("a/b.py,{sum},5\r\na-1.dist-info/METADATA,{sum},5\r\na-1.dist-info/RECORD,,\r\n");
    let wheel = |text: &[u8]| {
        made::zip(&[
            made::zipped("a/b.py", text, true),
            made::zipped("a-1.dist-info/METADATA", b"hello", true),
            made::zipped("a-1.dist-info/RECORD", record.as_bytes(), true),
        ])
    };
    for (text, code, findings) in [
        (&b"hello"[..], 0, vec![]),
        (
            b"jello",
            1,
            vec!["a/b.py: digest-mismatch: digest 187c9bceeb91…".to_owned()],
        ),
    ] {
        std::fs::write(project.path("a-1-py3-none-any.whl"), wheel(text)).unwrap();
        let run = project.xpkg("verify a-1-py3-none-any.whl --message-format json");
        let compared = r#"{"compared":2,"files":2}"#.to_owned();
        assert_eq!(said(&run), (findings, vec![], vec![], compared));
        assert_eq!(run.code, Some(code));
    }
}
