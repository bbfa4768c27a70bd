//! Tests of the parsers, as tables.

use super::*;

fn advisory(front: &str) -> String {
    format!(
        "```toml\n[advisory]\nid = \"RUSTSEC-2024-0001\"\npackage = \"memchr\"\ndate = \
         \"2024-05-06\"\n{front}```\n\n# Reads beyond the end\n\nDescription.\n"
    )
}

#[test]
fn an_advisory_has_the_name_and_the_place_of_its_file() {
    let text = advisory("[versions]\npatched = [\">= 2.7.5, < 3.0.0\", \">= 3.1\"]\n");
    let parsed = parse(&text, "memchr", "RUSTSEC-2024-0001.md").unwrap();
    let is_vulnerable = |version: &str| {
        let version = Version::parse(version).unwrap();
        parsed.versions.is_vulnerable(&version)
    };
    let rows = [
        ("2.7.4", true),
        ("2.7.5", false),
        ("3.0.0", true),
        ("3.1.0", false),
        ("3.1.0-rc.1", true),
    ];
    for (version, expected) in rows {
        assert_eq!(is_vulnerable(version), expected, "{version}");
    }
    let faults = [
        (
            text.as_str(),
            "memchr",
            "RUSTSEC-2024-0002.md",
            "it has the identifier `RUSTSEC-2024-0001`",
        ),
        (
            &text,
            "aho",
            "RUSTSEC-2024-0001.md",
            "it is of the package `memchr`",
        ),
    ];
    for (text, package, name, expected) in faults {
        assert_eq!(parse(text, package, name).unwrap_err(), expected);
    }
    for text in ["", "# title", &advisory("[versions]\npatched = [\"!\"]\n")] {
        assert!(
            parse(text, "memchr", "RUSTSEC-2024-0001.md").is_err(),
            "{text}"
        );
    }
}

#[test]
fn an_advisory_for_other_systems_does_not_concern_a_program() {
    let of = |systems: &str| {
        let text = advisory(&format!(
            "[affected]\nos = [{systems}]\n[versions]\npatched = []\n"
        ));
        parse(&text, "memchr", "RUSTSEC-2024-0001.md").unwrap()
    };
    for (systems, os, expected) in [
        ("\"windows\"", Some(Os::Windows), true),
        ("\"windows\"", Some(Os::Linux), false),
        ("\"macos\"", Some(Os::Darwin), true),
        ("\"windows\"", None, true),
        ("", Some(Os::Linux), true),
    ] {
        assert_eq!(concerns(&of(systems), os), expected, "{systems} {os:?}");
    }
}

#[test]
fn packages_of_an_sbom_are_those_with_addresses_of_cargo() {
    let text = r#"{"bomFormat":"CycloneDX","metadata":{"component":{"purl":"pkg:cargo/app@1.0.0",
        "properties":[{"name":"cargo-xpkg:source","value":"local"},
                      {"name":"cargo-xpkg:target","value":"x86_64-pc-windows-gnu"}],
        "components":[{"hashes":[{"alg":"SHA-256","content":"AA"}]}]}},
        "components":[{"purl":"pkg:cargo/a%2Bb@1.0.0%2Bx","scope":"excluded"},
                      {"purl":"pkg:cargo/b@2.0.0?vcs_url=git%2Bhttps"},{"purl":"pkg:npm/c@1"}]}"#;
    let bom = Bom::parse(Some(text.as_bytes())).unwrap();
    let listed = |name: &str, version: &str, flags: [bool; 3]| Listed {
        name: name.to_owned(),
        version: version.to_owned(),
        is_public: flags[0],
        is_local: flags[1],
        is_of_build: flags[2],
    };
    assert_eq!(
        bom.packages,
        [
            listed("a+b", "1.0.0+x", [true, false, true]),
            listed("app", "1.0.0", [false, true, false]),
            listed("b", "2.0.0", [false, false, false]),
        ]
    );
    assert_eq!(bom.os, Some(Os::Windows));
    assert!(bom.digests.contains("aa"));
    let deep = "{\"components\":[".repeat(20) + &"]}".repeat(20);
    let deep = format!(r#"{{"bomFormat":"CycloneDX","components":[{deep}]}}"#);
    for (text, expected) in [
        (r#"{"bomFormat":"CycloneDX"}"#, "no package of cargo"),
        (r#"{"bomFormat":"SPDX"}"#, "a document of another format"),
        (
            r#"{"bomFormat":"CycloneDX","components":[{"purl":"pkg:cargo/a"}]}"#,
            "the package `a` without a version",
        ),
        (&deep, "components in components that are too deep"),
    ] {
        assert_eq!(Bom::parse(Some(text.as_bytes())), Err(expected.to_owned()));
    }
    assert!(Bom::parse(None).is_err());
}
