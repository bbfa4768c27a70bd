//! Lists of other people, as tables: what is read, what is a finding.

use super::*;

#[test]
fn listed_files_pass() {
    check(&[LISTED, "x86_64/a x86"], &[]);
    check(
        &["SHA256SUMS text:# 2024|x86_64/a  SUM|", "x86_64/a x86"],
        &[],
    );
    let report = report(
        ArtifactsKind::Directory,
        &["x86_64/a x86"],
        PolicyName::Default,
        &[],
        &[],
    );
    assert!(report.findings.is_empty());
    assert_eq!(report.skipped[0].what, "digests");
}

#[test]
fn files_that_are_not_as_listed_are_reported() {
    check(
        &[LISTED, "x86_64/a x86 sum=0"],
        &["x86_64/a digest-mismatch: digest 000000000000… / ba7816bf8f01…"],
    );
    check(
        &[LISTED],
        &["x86_64/a file-missing: nothing / the listed file"],
    );
    check(
        &[LISTED, "x86_64/a link:b"],
        &["x86_64/a file-missing: a link to `b` / the listed file"],
    );
    check(
        &[LISTED, "x86_64/a x86", "x86_64/b.txt sum=1"],
        &["x86_64/b.txt file-unlisted: a file that is not listed / only what `SHA256SUMS` lists"],
    );
    check(
        &["SHA256SUMS text:SUM  ../a|SUM  x86_64/a|", "x86_64/a x86"],
        &["SHA256SUMS path-unsafe: `../a`, which has a `..` component / a path below the tree"],
    );
    check(
        &["SHA256SUMS text:SUM|", "x86_64/a x86"],
        &[
            "SHA256SUMS list-unreadable: line 1 has a digest, but no path / a line `<digest>  <path>` for each file",
        ],
    );
}

/// Lists by the names and in the forms that projects publish: what is added to a directory with
/// `x86_64/a`, and a changed file is found by each.
#[rustfmt::skip]
const PUBLISHED: &[&str] = &[
    "SHA256SUMS text:SUM  x86_64/a|",
    "sha256.sum text:SUM *x86_64/a|",
    "app_1.0.0_checksums.txt text:SUM  x86_64/a|",
    "app-1.0.0-SHA256SUMS text:SUM  x86_64/a|",
    "SHASUMS256.txt text:SUM  x86_64/a|",
    "CHECKSUM text:SHA256 (x86_64/a) = SUM|",
    "checksums text:SHA2-256(x86_64/a)= SUM|",
    "hashes.dat text:SUM  x86_64/a|",
    "x86_64/SHA256SUMS text:SUM  a|",
    "x86_64/a.sha256 text:SUM  a|",
    "x86_64/a.sha256 text:SUM",
    "x86_64/a.sha256 text:SUM  -|",
    "x86_64/a.SHA256 text:SHA2-256(stdin)= SUM|",
    "x86_64/a.sha256sum text:SUM *a|",
    "x86_64/a.sha256.txt text:SUM  a|",
    "MANIFEST.txt text:SUM  x86_64/a|",
    "SHA256SUMS text:SUM  x86_64\\a|",
    "SHA256SUMS text:\u{feff}SUM  ./x86_64/a\r|",
    "SHA256SUMS.asc text:-----BEGIN PGP SIGNED MESSAGE-----|Hash: SHA512||SUM  x86_64/a|-----BEGIN PGP SIGNATURE-----||iQ|-----END PGP SIGNATURE-----|",
];

#[test]
fn a_changed_file_is_found_by_every_published_list() {
    for list in PUBLISHED {
        let name = list.split(' ').next().unwrap();
        check(&[list, "x86_64/a x86"], &[]);
        check(
            &[list, "x86_64/a x86 sum=0"],
            &["x86_64/a digest-mismatch: digest 000000000000… / ba7816bf8f01…"],
        );
        let (_, counts) = unchecked(&[list, "x86_64/a x86"]);
        assert_eq!(counts, (1, 1), "{name}");
    }
    // In an archive's own directory, and beside an archive of another target.
    check(
        &[
            "app-1.0/sha256.sum text:SUM  x86_64/a|",
            "app-1.0/x86_64/a x86 sum=0",
        ],
        &["app-1.0/x86_64/a digest-mismatch: digest 000000000000… / ba7816bf8f01…"],
    );
    check(
        &[
            "app.tar.gz.sha256 text:SUM",
            "app.tar.gz sum=0",
            "x86_64/a x86",
            "SHA256SUMS text:SUM  x86_64/a|",
        ],
        &["app.tar.gz digest-mismatch: digest 000000000000… / ba7816bf8f01…"],
    );
}

#[test]
fn other_digests_are_compared_too() {
    let sum = |digit: &str, digits: usize| digit.repeat(digits);
    let long = format!("SHA512SUMS text:{}  x86_64/a|", sum("1", 128));
    check(&[&long, "x86_64/a x86 sha512=1"], &[]);
    check(
        &[&long, "x86_64/a x86 sha512=2"],
        &["x86_64/a digest-mismatch: SHA-512 digest 222222222222… / 111111111111…"],
    );
    // Not asked for, as the list was not there before.
    check(
        &[&long, "x86_64/a x86"],
        &["x86_64/a digest-mismatch: SHA-512 digest unknown… / 111111111111…"],
    );
    let sha1 = format!("x86_64/a.sha1 text:{}", sum("1", 40));
    check(&[&sha1, "x86_64/a x86 sha1=1"], &[]);
    check(
        &[LISTED, &sha1, "x86_64/a x86 sha1=2"],
        &["x86_64/a digest-mismatch: SHA-1 digest 222222222222… / 111111111111…"],
    );
    // Each list alone is right or wrong.
    check(
        &[LISTED, &long, "x86_64/a x86 sum=0 sha512=1"],
        &["x86_64/a digest-mismatch: digest 000000000000… / ba7816bf8f01…"],
    );
    // CRLF, BSD's and openssl's lines of both.
    let mixed = format!(
        "CHECKSUMS text:SHA256 (x86_64/a) = SUM|SHA512(x86_64/a)= {}|",
        sum("1", 128)
    );
    check(&[&mixed, "x86_64/a x86 sha512=1"], &[]);
}

#[test]
fn digests_that_prove_nothing_are_named() {
    let md5 = format!("MD5SUMS text:{}  x86_64/a|", "0".repeat(32));
    check(
        &[&md5, "x86_64/a x86"],
        &[
            "MD5SUMS list-weak: MD5 as the only digest of `x86_64/a` / SHA-256, or another digest that \
             cannot be made for a changed file",
        ],
    );
    assert_eq!(
        unchecked(&[&md5, LISTED, "x86_64/a x86"]),
        (
            vec![
                "MD5SUMS digests of MD5: they are too weak; another list has the same files"
                    .to_owned()
            ],
            (1, 1)
        )
    );
    check(
        &["a.b3 text:SUM", "a sum=1", "x86_64/p x86 sum=2"],
        &[
            "a.b3 list-unreadable: its digests are BLAKE3, which is not supported / a line `<digest>  <path>` for each file",
        ],
    );
}

#[test]
fn a_line_that_is_not_understood_drops_no_list() {
    check(
        &[
            "SHA256SUMS text:SHA256 sums|SUM  x86_64/a|",
            "x86_64/a x86 sum=0",
        ],
        &[
            "SHA256SUMS list-unreadable: line 1 has no digest and path: `SHA256 sums` / a line `<digest>  <path>` for each file",
            "x86_64/a digest-mismatch: digest 000000000000… / ba7816bf8f01…",
        ],
    );
    let many = format!("SHA256SUMS text:{}SUM  x86_64/a|", "x|".repeat(7));
    let each = |number: usize| {
        format!(
            "SHA256SUMS list-unreadable: line {number} has no digest and path: `x` / a line `<digest>  <path>` for each file"
        )
    };
    let mut expected: Vec<String> = vec![
        "SHA256SUMS list-unreadable: 2 lines more like these / a line `<digest>  <path>` for each file".to_owned(),
    ];
    expected.extend((1..=5).map(each));
    check(
        &[&many, "x86_64/a x86"],
        &expected.iter().map(String::as_str).collect::<Vec<_>>(),
    );
}

#[test]
fn what_looks_like_a_list_and_is_none_is_a_finding() {
    let rest = "/ a line `<digest>  <path>` for each file";
    for (list, why) in [
        (
            "sha256.sum text:Not Found",
            "none of its lines has a digest; line 1 has no digest and path: `Not Found`",
        ),
        (
            "checksums.json text:{}",
            "none of its lines has a digest; line 1 has no digest and path: `{}`",
        ),
        ("x86_64/a.sha256 text:|", "none of its lines has a digest"),
        (
            "SHA256SUMS text:SUM  a\0",
            "it is not a text: it has NUL bytes",
        ),
        ("SHA256SUMS size=0", "it is empty"),
        (
            "SHA256SUMS size=9",
            "it is longer than lists may be (8388608 bytes each, and eight times as much together)",
        ),
    ] {
        let name = list.split(' ').next().unwrap();
        check(
            &[list, "x86_64/a x86"],
            &[&format!("{name} list-unreadable: {why} {rest}")],
        );
    }
    // Programs and their pages have such names, too.
    check(
        &[
            "x86_64/sha256sum x86",
            "man/sha256sum.1",
            "x86_64/checksum script",
        ],
        &[],
    );
    // What another list vouches for may be data that looks like a list.
    assert_eq!(
        unchecked(&[
            "SHA256SUMS text:SUM  data/checksums.txt|SUM  x86_64/a|",
            "data/checksums.txt text:SUM  gone|",
            "x86_64/a x86"
        ]),
        (vec![], (2, 2))
    );
    check(
        &["data/checksums.txt text:SUM  gone|", "x86_64/a x86"],
        &[
            "data/gone file-missing: nothing / the listed file",
            "x86_64/a file-unlisted: a file that is not listed / a digest in a list, as `data/checksums.txt` has others",
        ],
    );
}

#[test]
fn the_record_of_a_wheel_is_its_list() {
    // The digest of each file that `entry` makes, in base64.
    let sum = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";
    let record = |lines: &str| {
        let lines = lines.replace("SUM", &format!("sha256={sum}"));
        format!("a-1.dist-info/RECORD text:{lines}")
    };
    let check = |kind, lines: &[&str], expected: &[&str]| {
        let report = report(kind, lines, PolicyName::Default, &[], &[]);
        assert_eq!(rendered(&report), expected, "{lines:?}");
        report
    };
    let good = record("a/x86_64.so,SUM,|a-1.dist-info/RECORD,,|a-1.dist-info/RECORD.jws,,|");
    let lines = [good.as_str(), "a/x86_64.so x86", "a-1.dist-info/RECORD.jws"];
    let report = check(ArtifactsKind::Archive, &lines, &[]);
    assert_eq!(report.lists, ["a-1.dist-info/RECORD"]);
    assert_eq!((report.digests.compared, report.digests.files), (1, 1));
    check(
        ArtifactsKind::Archive,
        &[&good, "a/x86_64.so x86 sum=0", "a/more.py"],
        &[
            "a/more.py file-unlisted: a file that is not listed / only what `a-1.dist-info/RECORD` lists",
            "a/x86_64.so digest-mismatch: digest 000000000000… / ba7816bf8f01…",
        ],
    );
    let bad = record("a/x86_64.so,,|../b,SUM,|c|");
    check(
        ArtifactsKind::Archive,
        &[&bad],
        &[
            "a-1.dist-info/RECORD list-unreadable: line 1 has no digest / a line `<digest>  <path>` for each file",
            "a-1.dist-info/RECORD list-unreadable: line 3 does not have a path, a digest and a size / a line `<digest>  <path>` for each file",
            "a-1.dist-info/RECORD path-unsafe: `../b`, which has a `..` component / a path below the tree",
        ],
    );
    // Of an installed wheel, which is one of many in its directory.
    check(ArtifactsKind::Directory, &[&bad, "x86_64/b x86"], &[]);
}

#[test]
fn a_list_beside_one_file_says_nothing_of_others() {
    let beside = "x86_64/a.tar.gz.sha256 text:SUM  a.tar.gz|";
    let (skipped, counts) =
        unchecked(&[beside, "x86_64/a.tar.gz", "README.md", "x86_64/install.txt"]);
    assert_eq!(
        skipped,
        [
            "README.md digest: no list has it",
            "x86_64/install.txt digest: no list has it",
            "x86_64/a.tar.gz contents: archives of its format are not looked into",
        ]
    );
    assert_eq!(counts, (1, 3));
    let many: Vec<String> = (0..11)
        .map(|number| format!("share/{number}.txt"))
        .collect();
    let many = many.iter().map(String::as_str);
    let lines: Vec<&str> = [beside, "x86_64/a.tar.gz"]
        .into_iter()
        .chain(many)
        .collect();
    assert_eq!(
        unchecked(&lines).0[0],
        "tree digest: no list has 11 of the files"
    );
    check(
        &[beside, "x86_64/a.tar.gz", "x86_64/b.tar.gz"],
        &[
            "x86_64/b.tar.gz file-unlisted: a file that is not listed / a digest in a list, as `x86_64/a.tar.gz.sha256` has others",
        ],
    );
    check(
        &["a.tar.gz.sha256 text:SUM  dist/a.tar.gz|", "a.tar.gz sum=0"],
        &[
            "a.tar.gz digest-mismatch: digest 000000000000… / ba7816bf8f01…",
            "a.tar.gz.sha256 list-unreadable: line 1 lists `dist/a.tar.gz`, but `a.tar.gz` is beside it / a line `<digest>  <path>` for each file",
        ],
    );
    check(&["a.sha256 text:SUM", "a.tar.gz"], &[]);
    check(
        &["a.sha256 text:SUM", "b.tar.gz", "x86_64/p x86"],
        &[
            "a file-missing: nothing / the listed file",
            "b.tar.gz file-unlisted: a file that is not listed / a digest in a list, as `a.sha256` has others",
            "x86_64/p file-unlisted: a file that is not listed / a digest in a list, as `a.sha256` has others",
        ],
    );
}

#[test]
fn subjects_of_an_attestation_are_compared() {
    let attestation = |name: &str, digest: &str| {
        format!(
            r#"x.intoto.jsonl text:{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"{name}","digest":{{"sha256":"{digest}"}}}}]}}"#
        )
    };
    let of = |name: &str, digest: &str| {
        let file = attestation(name, digest);
        let lines = [LISTED, "x86_64/a x86", &file];
        let kind = ArtifactsKind::Directory;
        let report = report(kind, &lines, PolicyName::Default, &[], &[]);
        let findings = report.findings.iter();
        let findings = findings.map(|one| format!("{} {}", one.code.name(), one.found));
        let skipped = report
            .skipped
            .iter()
            .map(|one| format!("{} {}", one.what, one.why));
        findings.chain(skipped).collect::<Vec<String>>()
    };
    let said = |here: &str| {
        format!(
            "signature it is an attestation of {here} of the files here (1 in all), whose digests were \
             compared; its signature, certificate and log entry were not checked"
        )
    };
    let zeros = "0".repeat(64);
    assert_eq!(of("x86_64/a", "SUM"), [said("1")]);
    assert_eq!(of("other", "SUM"), [said("0")]);
    assert_eq!(
        of("x86_64/a", &zeros),
        [
            "attestation-mismatch `x86_64/a` with digest 000000000000…".to_owned(),
            said("0")
        ]
    );
}

#[test]
fn what_belongs_to_a_list_is_known_by_its_contents() {
    let asc = format!("SHA256SUMS.asc {PGP}");
    assert_eq!(
        unchecked(&[
            LISTED,
            "x86_64/a x86",
            &asc,
            r#"metadata.json text:{"project_name":"app","tag":"v1","version":"1"}"#,
            r#"multiple.intoto.jsonl text:{"payloadType":"x","payload":"","signatures":[]}"#,
        ]),
        (
            vec![
                "SHA256SUMS.asc contents: it is a PGP signature, which is not checked".to_owned(),
                "metadata.json contents: it is a document of a release tool, which is not checked"
                    .to_owned(),
                "multiple.intoto.jsonl contents: it is an attestation, which is not checked"
                    .to_owned(),
            ],
            (1, 1)
        )
    );
    let unlisted = |path: &str| {
        format!("{path} file-unlisted: a file that is not listed / only what `SHA256SUMS` lists")
    };
    for file in [
        "x86_64/a.sig x86 sum=1",
        "x86_64/a.asc",
        "x86_64/a.pem text:-----BEGIN PRIVATE KEY-----|x|-----END PRIVATE KEY-----",
        "artifacts.json text:[]",
        "x.intoto.jsonl text:{}",
        &format!("other.asc {PGP}"),
    ] {
        let path = file.split(' ').next().unwrap();
        let report = report(
            ArtifactsKind::Directory,
            &[LISTED, "x86_64/a x86", file],
            PolicyName::Default,
            &[],
            &[],
        );
        assert_eq!(rendered(&report), [unlisted(path)], "{file}");
    }
    // Other digests of the same files, and a signature of one of the lists.
    let long = format!("SHA512SUMS text:{}  x86_64/a|", "1".repeat(128));
    check(
        &[
            LISTED,
            &long,
            "x86_64/a x86 sha512=1",
            &format!("SHA512SUMS.gpg {PGP}"),
        ],
        &[],
    );
}

#[test]
fn a_manifest_of_another_program_is_a_file() {
    let foreign = r#"manifest.json text:{"schema_version":2,"layers":[]}"#;
    check(&[foreign, "x86_64/a x86"], &[]);
    check(
        &[foreign, LISTED, "x86_64/a x86"],
        &["manifest.json file-unlisted: a file that is not listed / only what `SHA256SUMS` lists"],
    );
    check(
        &[
            r#"manifest.json text:{"$schema":"urn:cargo-xpkg:manifest:1","schema_version":7}"#,
            "x86_64/a x86",
        ],
        &[
            "manifest.json list-unreadable: cannot read `manifest.json`: it has schema version 7, this xpkg reads 1 / a line `<digest>  <path>` for each file",
        ],
    );
    check(
        &["MANIFEST.txt text:these are the files|", "x86_64/a x86"],
        &[],
    );
    check(&["share/manifest.json text:x", "x86_64/a x86"], &[]);
}
