//! The version of protoc that a `.proto` file needs, by its text.

use serde::Serialize;

/// What a `.proto` file needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ProtoNeed {
    /// First version of protoc that compiles it: major, minor.
    pub protoc: (u32, u32),
    /// What in the file needs that version.
    pub what: &'static str,
}

/// Statements at the beginning of a file, with the first protoc that knows them.
///
/// Source: release notes of Protocol Buffers 27.0 and 32.0.
const EDITIONS: &[(&str, ProtoNeed)] = &[
    (
        "edition=\"2023\"",
        ProtoNeed {
            protoc: (27, 0),
            what: "edition 2023",
        },
    ),
    (
        "edition=\"2024\"",
        ProtoNeed {
            protoc: (32, 0),
            what: "edition 2024",
        },
    ),
];

/// `optional` in proto3. protoc 3.12 to 3.14 take it with `--experimental_allow_proto3_optional` only.
///
/// Source: release notes of Protocol Buffers 3.15.0.
const OPTIONAL: ProtoNeed = ProtoNeed {
    protoc: (3, 15),
    what: "`optional` in proto3",
};

/// Source: release notes of Protocol Buffers 3.0.0.
const PROTO3: ProtoNeed = ProtoNeed {
    protoc: (3, 0),
    what: "syntax proto3",
};

/// Returns what a `.proto` file needs, if it needs more than any protoc.
pub fn need(text: &str) -> Option<ProtoNeed> {
    let code = without_comments(text);
    let statements: Vec<String> = code
        .split([';', '{', '}'])
        .map(|statement| statement.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let is = |expected: &str| {
        statements
            .iter()
            .any(|statement| statement.replace([' ', '\''], "") == expected)
    };
    let quoted = |expected: &str| is(expected) || is(&expected.replace('"', ""));
    let edition = EDITIONS.iter().find(|(edition, _)| quoted(edition));
    let has_optional = || {
        statements
            .iter()
            .any(|statement| statement.starts_with("optional "))
    };
    match edition {
        Some((_, need)) => Some(*need),
        None if !quoted("syntax=\"proto3\"") => None,
        None if has_optional() => Some(OPTIONAL),
        None => Some(PROTO3),
    }
}

/// Returns the text without what `//` and `/* */` hide.
fn without_comments(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("/*") {
        code.push_str(&rest[..at]);
        rest = rest[at..].split_once("*/").map_or("", |(_, after)| after);
    }
    code.push_str(rest);
    code.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns major and minor of what `protoc --version` prints: `libprotoc 3.21.12`, which the
/// release notes call 21.12, or `libprotoc 27.1`.
pub fn version(line: &str) -> Option<(u32, u32)> {
    let numbers = line.trim().strip_prefix("libprotoc ")?;
    let mut numbers = numbers.split(['.', '-']).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Returns the paths that a build script names: the literals that end with `.proto`, else all that
/// may be directories.
pub fn named_files(script: &str) -> Vec<&str> {
    let code = script
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let literals: Vec<&str> = code
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter(|literal| !literal.is_empty() && !literal.contains(['{', ' ', ':']))
        .collect();
    let is_file = |literal: &&str| literal.ends_with(".proto");
    if literals.iter().any(is_file) {
        return literals.into_iter().filter(is_file).collect();
    }
    literals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_needs_what_its_statements_need() {
        let check = |text: &str, expected: Option<(u32, u32)>| {
            assert_eq!(need(text).map(|need| need.protoc), expected, "{text}");
        };
        check(
            "syntax = \"proto3\";\nmessage A { int32 a = 1; }",
            Some((3, 0)),
        );
        check(
            "syntax = \"proto3\";\nmessage A {\n  optional int32 a = 1;\n}",
            Some((3, 15)),
        );
        check("syntax='proto3'; message A{optional A a=1;}", Some((3, 15)));
        // proto2 has always had it.
        check(
            "syntax = \"proto2\";\nmessage A { optional int32 a = 1; }",
            None,
        );
        check("message A { optional int32 a = 1; }", None);
        check("// x\nedition = \"2023\";\nmessage A {}", Some((27, 0)));
        check("edition = '2024';", Some((32, 0)));
        check(
            "syntax = \"proto3\";\n// optional int32 a = 1;\n/* { optional A b = 1; } */",
            Some((3, 0)),
        );
        check(
            "syntax = \"proto3\";\nmessage A { string optional_name = 1; }",
            Some((3, 0)),
        );
    }

    #[test]
    fn protoc_tells_its_version_in_two_ways() {
        assert_eq!(version("libprotoc 3.12.4"), Some((3, 12)));
        assert_eq!(version("libprotoc 27.1"), Some((27, 1)));
        assert_eq!(version("libprotoc 28.0-rc1\n"), Some((28, 0)));
        assert_eq!(version("protoc-gen-go v1"), None);
    }

    #[test]
    fn a_build_script_names_files_or_directories() {
        assert_eq!(
            named_files("compile_protos(&[\"proto/a.proto\", \"b.proto\"], &[\"proto\"])"),
            ["proto/a.proto", "b.proto"]
        );
        assert_eq!(
            named_files("println!(\"cargo::rerun-if-changed=p\");\nread_dir(\"../proto\")"),
            ["../proto"]
        );
        assert_eq!(named_files("// \"old.proto\"\nx(\"dir\")"), ["dir"]);
    }
}
