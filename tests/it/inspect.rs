//! Inspection by the loader's road: what can be stripped off a file does not change what it asks for.

use cargo_xpkg::inspect::{Binary, inspect};

fn host_program() -> Vec<u8> {
    std::fs::read(env!("CARGO_BIN_EXE_cargo-xpkg")).unwrap()
}

#[test]
fn the_floor_is_read_without_section_headers() {
    let mut bytes = host_program();
    let whole = inspect(&bytes).unwrap();
    // e_shoff, e_shnum and e_shstrndx of a 64-bit header.
    bytes[0x28..0x30].fill(0);
    bytes[0x3c..0x40].fill(0);
    let bare = inspect(&bytes).unwrap();
    assert!(whole.glibc_floor.is_some());
    let facts = |binary: &Binary| (binary.glibc_floor.clone(), binary.needed.clone(), binary.interpreter.clone(), binary.pie);
    assert_eq!(facts(&bare), facts(&whole));
}

#[test]
fn what_is_no_program_is_refused_in_words() {
    let check = |bytes: &[u8], expected: &str| {
        let why = inspect(bytes).unwrap_err();
        assert!(why.starts_with(expected), "{why}");
    };
    check(b"", "it is empty");
    check(b"#!/bin/sh\n", "it is a script");
    check(b"!<arch>\n", "it is a static library");
    check(b"hello", "it begins with [68, 65, 6c, 6c]");
    check(&host_program()[..100], "its ELF headers cannot be read");
    check(b"\0asm\x02\0\0\0", "it is wasm of a version");
    assert_eq!(inspect(b"\0asm\x01\0\0\0").unwrap().machine, "wasm32");
}

#[test]
fn every_cut_of_a_file_ends_without_a_panic() {
    let bytes = host_program();
    for length in (0..4096).chain((4096..bytes.len()).step_by(bytes.len() / 50)) {
        let _ = inspect(&bytes[..length]);
    }
}
