//! Undefined symbols that give away their cause: another C library, a sanitizer, other atomics.
//!
//! Pure.

/// A cause, and the symbols that give it away.
pub struct UndefinedRow {
    /// Returns true for such a symbol.
    pub is_meant: fn(&str) -> bool,
    /// Cause, as a clause.
    pub cause: &'static str,
    /// What the user can do.
    pub help: &'static str,
}

/// All causes.
pub const ROWS: &[UndefinedRow] = &[
    UndefinedRow {
        is_meant: |name| LFS64.contains(&name),
        cause: "musl has no names with `64` since 1.2.4, and Rust's own musl is 1.2.5 since Rust \
                1.93; the libc crate before 0.2.146 asks for them",
        help: "use a later libc crate: `cargo update -p libc`",
    },
    UndefinedRow {
        is_meant: |name| name.starts_with("__isoc23_"),
        cause: "C of the graph, or a library that was compiled elsewhere, was compiled with the \
                headers of glibc 2.38 or later",
        help: "compile it with the target's own headers: unset `CC_<target>`, and rebuild the \
               library",
    },
    UndefinedRow {
        is_meant: |name| name.starts_with("__") && name.ends_with("_chk"),
        cause: "C of the graph, or a library that was compiled elsewhere, was compiled with glibc's \
                headers and `_FORTIFY_SOURCE`",
        help: "compile it with the target's own headers: unset `CC_<target>`, and rebuild the \
               library",
    },
    UndefinedRow {
        is_meant: |name| {
            ["__ubsan_", "__asan_", "__tsan_", "__msan_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        },
        cause: "C of the graph was compiled with `-fsanitize`, which needs a runtime that this \
                link does not have",
        help: "remove `-fsanitize` from `CFLAGS` and `CFLAGS_<target>`, or add \
               `-fno-sanitize=all` after it",
    },
    UndefinedRow {
        is_meant: |name| {
            ["__aarch64_cas", "__aarch64_ld", "__aarch64_swp"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        },
        cause: "gcc 10 and later call helpers for atomics, and this Rust brings none",
        help: "add `-mno-outline-atomics` to `CFLAGS_<target>`, or use a later Rust",
    },
    UndefinedRow {
        is_meant: |name| ["__cpu_features2", "__cpu_indicator_init", "__cpu_model"].contains(&name),
        cause: "C of the graph asks for extensions of the processor at run time \
                (`__builtin_cpu_supports`, `target_clones`), which gcc's run-time library answers; \
                zig and Rust have none",
        help: "link gcc's: `rustflags = [\"-Clink-arg=FILE\"]` for the target, where FILE is what \
               `gcc -print-libgcc-file-name` prints",
    },
];

/// Names that musl 1.2.4 has removed.
const LFS64: &[&str] = &[
    "creat64",
    "fallocate64",
    "fgetpos64",
    "fopen64",
    "freopen64",
    "fseeko64",
    "fsetpos64",
    "fstat64",
    "fstatat64",
    "fstatfs64",
    "fstatvfs64",
    "ftello64",
    "ftruncate64",
    "getdents64",
    "getrlimit64",
    "lockf64",
    "lseek64",
    "lstat64",
    "mkostemp64",
    "mkstemp64",
    "mmap64",
    "open64",
    "openat64",
    "posix_fadvise64",
    "posix_fallocate64",
    "pread64",
    "preadv64",
    "prlimit64",
    "pwrite64",
    "pwritev64",
    "readdir64",
    "readdir64_r",
    "sendfile64",
    "setrlimit64",
    "stat64",
    "statfs64",
    "statvfs64",
    "tmpfile64",
    "truncate64",
];

/// Returns the cause that a symbol gives away, if there is one.
pub fn find(name: &str) -> Option<&'static UndefinedRow> {
    ROWS.iter().find(|row| (row.is_meant)(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_give_away_their_cause() {
        let check = |name: &str, part: &str| match find(name) {
            Some(row) => assert!(row.help.contains(part) && !part.is_empty(), "{name}"),
            None => assert_eq!(part, "", "{name}"),
        };
        check("open64", "libc");
        check("__isoc23_strtol", "headers");
        check("__memcpy_chk", "headers");
        check("__ubsan_handle_add_overflow", "-fsanitize");
        check("__aarch64_ldadd4_relax", "-mno-outline-atomics");
        check("__cpu_model", "-print-libgcc-file-name");
        check("main", "");
        check("uuid_generate", "");
        check("base64", "");
    }
}
