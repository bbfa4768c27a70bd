//! Checks that a bin can start on a base: the loader, the libraries and the glibc that it needs,
//! and the contents of the base as far as they are known.

use crate::problem::Problem;
use crate::ship::docker::image::{BASE_UNFIT, DeclaredBase, RuntimeDeps};
use crate::ship::rootfs::Rootfs;
use crate::ship::rootfs::loader::Program;
use crate::target::Target;
use crate::target::glibc::Glibc;

/// The known contents of a base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BaseContents {
    /// None: `scratch`.
    Empty,
    /// Unknown: not read, and nothing declared.
    Nothing,
    /// The glibc that `base-glibc` declares.
    Declared(Glibc),
    /// Contents that were read, as one bin sees them.
    Read {
        /// Path of the glibc that the bin loads, and its version if the file contains one.
        glibc: Option<(String, Option<Glibc>)>,
        /// True if the base has the bin's loader, or the bin has none.
        loader: bool,
        /// Path of musl's loader.
        musl: Option<String>,
        /// Libraries that the loader does not find.
        missing: Vec<String>,
        /// Directories that the loader searches.
        searched: Vec<String>,
    },
}

impl BaseContents {
    /// Returns the contents of a root file system for a bin at the path `place`; `library_path` is
    /// the image's LD_LIBRARY_PATH.
    pub fn read(rootfs: &Rootfs, needs: &RuntimeDeps, place: &str, library_path: &str) -> Self {
        let RuntimeDeps {
            target,
            loader,
            glibc: _,
            libraries,
            rpath,
            runpath,
        } = needs;
        let program = Program {
            place,
            loader: loader.as_deref().unwrap_or_default(),
            needed: libraries,
            rpath,
            runpath,
            library_path,
            multiarch: &Target::of_triple(target)
                .map(|target| target.multiarch())
                .unwrap_or_default(),
        };
        Self::Read {
            glibc: rootfs.glibc(&program),
            loader: loader
                .as_deref()
                .is_none_or(|loader| rootfs.has_file(loader)),
            musl: rootfs.musl(),
            missing: rootfs.missing(&program),
            searched: rootfs.searched(&program),
        }
    }
}

/// Help: the workaround that needs no base.
const STATIC_WORKAROUND: &str =
    "build it for musl (for example `--target x86_64-unknown-linux-musl`)";

/// Returns the help for a bin whose loader is missing: another base, or static linking.
fn other_base(needs: &RuntimeDeps) -> String {
    if needs.is_musl() {
        return "use a base with musl: `--base docker.io/library/alpine@sha256:…`, or leave out \
                `-C target-feature=-crt-static` to link it statically"
            .to_owned();
    }
    format!(
        "use a base with glibc: `--base gcr.io/distroless/cc-debian12@sha256:…`, or \
         {STATIC_WORKAROUND}"
    )
}

/// Returns the problem of a bin on its base, if any. Adds to `notes` a declaration that differs
/// from the base, a check that is not possible, and a problem that the user accepted. A version
/// that was read from the base takes precedence over the declared one.
pub fn check_base(
    image: &str,
    staged: &str,
    needs: &RuntimeDeps,
    mut known: BaseContents,
    declared: DeclaredBase,
    notes: &mut Vec<String>,
) -> Option<Problem> {
    if let (
        BaseContents::Read {
            glibc: Some((path, read)),
            ..
        },
        Some(floor),
    ) = (&mut known, needs.glibc)
    {
        match (*read, declared.glibc) {
            (Some(read), Some(declared)) if read != declared => {
                notes.push(format!(
                    "`base-glibc` of `{image}` is {declared}, but its base has {read}, which is \
                     used"
                ));
            }
            (None, Some(_)) => *read = declared.glibc,
            (None, None) => notes.push(format!(
                "cannot check that the base of `{image}` has glibc {floor}, which `{staged}` \
                 needs: its `{path}` contains no version; set `base-glibc`"
            )),
            _ => {}
        }
    }
    let problem = unfit(image, staged, needs, &known)?;
    if declared.accepted {
        notes.push(format!("{}; accepted (base-unfit)", problem.message));
        return None;
    }
    Some(problem)
}

/// Returns the problem of a bin that needs something its base does not have.
fn unfit(image: &str, staged: &str, needs: &RuntimeDeps, known: &BaseContents) -> Option<Problem> {
    let loader = needs.loader.as_deref().unwrap_or("its loader");
    let has = match known {
        BaseContents::Empty => {
            let problem = Problem::new(
                BASE_UNFIT,
                format!("`{staged}` cannot start on `scratch`: it needs `{loader}`"),
            );
            return Some(problem.help(other_base(needs)));
        }
        BaseContents::Read {
            loader: false,
            musl,
            ..
        } => {
            let problem = Problem::new(
                BASE_UNFIT,
                format!(
                    "`{staged}` cannot start on the base of `{image}`: it needs `{loader}`, \
                     which the base does not have"
                ),
            );
            let problem = match musl {
                Some(musl) => problem.note("cause", [format!("the base has musl (`{musl}`)")]),
                None => problem,
            };
            return Some(problem.help(other_base(needs)));
        }
        BaseContents::Read {
            missing, searched, ..
        } if !missing.is_empty() => return Some(without(image, staged, needs, missing, searched)),
        BaseContents::Nothing => return None,
        BaseContents::Declared(glibc) => Some(*glibc),
        BaseContents::Read { glibc, .. } => glibc.as_ref().and_then(|(_, version)| *version),
    };
    let (floor, has) = (needs.glibc?, has?);
    (floor > has).then(|| {
        let can_lower = Target::of_triple(&needs.target)
            .and_then(|target| target.first_glibc())
            .is_none_or(|first| has >= first);
        let help = match can_lower {
            true => format!(
                "build it with a lower floor: `--target {}.{has}`, use a newer base, or \
                 {STATIC_WORKAROUND}",
                needs.target
            ),
            false => format!("use a newer base, or {STATIC_WORKAROUND}"),
        };
        Problem::new(
            BASE_UNFIT,
            format!("`{staged}` needs glibc {floor}, and the base of `{image}` has {has}"),
        )
        .help(help)
    })
}

/// Returns the problem of a bin whose loader does not find some of its libraries.
fn without(
    image: &str,
    staged: &str,
    needs: &RuntimeDeps,
    missing: &[String],
    searched: &[String],
) -> Problem {
    let names: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
    let (names, are) = (
        names.join(", "),
        if missing.len() == 1 { "is" } else { "are" },
    );
    let problem = Problem::new(
        BASE_UNFIT,
        format!(
            "`{staged}` cannot start on the base of `{image}`: it needs {names}, which {are} not \
             in a directory that its loader searches"
        ),
    );
    let problem = problem.note("searched", searched.iter().cloned());
    // The libraries of distroless/cc that distroless/base lacks; Debian's slim images have them,
    // too.
    let usual = missing.iter().all(|name| {
        matches!(
            name.as_str(),
            "libc.so.6" | "libm.so.6" | "libgcc_s.so.1" | "libstdc++.so.6"
        )
    });
    problem.help(match (needs.is_musl(), usual) {
        (true, _) => "add them to the base (Alpine: `apk add libgcc`), or leave out `-C \
             target-feature=-crt-static` to link it statically"
            .to_owned(),
        (false, true) => {
            format!(
                "use a base that has them: `--base gcr.io/distroless/cc-debian12@sha256:…` \
                 (`distroless/base` does not), or {STATIC_WORKAROUND}"
            )
        }
        (false, false) => "use a base that has them, or link them statically".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GNU: &str = "x86_64-unknown-linux-gnu";
    const MUSL: &str = "x86_64-unknown-linux-musl";

    fn needs(target: &str) -> RuntimeDeps {
        let (loader, floor) = if target == GNU {
            ("/lib64/ld-linux-x86-64.so.2", "2.34")
        } else {
            ("/lib/ld-musl-x86_64.so.1", "")
        };
        let libraries = if target == GNU {
            ["libgcc_s.so.1", "libc.so.6"]
        } else {
            ["libgcc_s.so.1", "libc.so"]
        };
        RuntimeDeps {
            target: target.to_owned(),
            loader: Some(loader.to_owned()),
            glibc: Glibc::parse(floor),
            libraries: libraries.map(str::to_owned).to_vec(),
            rpath: Vec::new(),
            runpath: Vec::new(),
        }
    }

    /// Checks a bin against a base of these files; expected are the notes and the problem with its
    /// help.
    #[track_caller]
    fn check(target: &str, files: &[(&str, &str)], declared: DeclaredBase, expected: &str) {
        let mut rootfs = Rootfs::default();
        files
            .iter()
            .for_each(|(path, bytes)| rootfs.put_file(path, Some(bytes.as_bytes())));
        let (needs, mut notes) = (needs(target), Vec::new());
        let known = BaseContents::read(&rootfs, &needs, "/usr/local/bin/a", "");
        let problem = check_base("i", "a", &needs, known, declared, &mut notes);
        notes.extend(
            problem.map(|problem| format!("{} ({})", problem.message, problem.help.join("; "))),
        );
        assert_eq!(notes.join("; "), expected);
    }

    const LOADER: (&str, &str) = ("lib64/ld-linux-x86-64.so.2", "");
    const OF_MUSL: (&str, &str) = ("lib/ld-musl-x86_64.so.1", "");
    const GCC: (&str, &str) = ("lib/x86_64-linux-gnu/libgcc_s.so.1", "");
    const LIBC: (&str, &str) = (
        "lib/x86_64-linux-gnu/libc.so.6",
        "GNU C Library (Debian) stable release version 2.36.",
    );

    #[test]
    fn a_base_is_checked_by_its_contents() {
        let nothing = DeclaredBase::default();
        check(GNU, &[LOADER, GCC, LIBC], nothing, "");
        check(
            GNU,
            &[LOADER, LIBC],
            nothing,
            "`a` cannot start on the base of `i`: it needs `libgcc_s.so.1`, which is not in a \
             directory that its loader searches (use a base that has them: `--base \
             gcr.io/distroless/cc-debian12@sha256:…` (`distroless/base` does not), or build it \
             for musl (for example `--target x86_64-unknown-linux-musl`))",
        );
        let silent = (LIBC.0, "");
        check(
            GNU,
            &[LOADER, GCC, silent],
            nothing,
            "cannot check that the base of `i` has glibc 2.34, which `a` needs: its \
             `/lib/x86_64-linux-gnu/libc.so.6` contains no version; set `base-glibc`",
        );
        check(
            GNU,
            &[LOADER, GCC, silent],
            DeclaredBase {
                glibc: Glibc::parse("2.35"),
                accepted: false,
            },
            "",
        );
        check(
            GNU,
            &[LOADER, GCC, silent],
            DeclaredBase {
                glibc: Glibc::parse("2.31"),
                accepted: true,
            },
            "`a` needs glibc 2.34, and the base of `i` has 2.31; accepted (base-unfit)",
        );
    }

    #[test]
    fn a_bin_for_musl_wants_a_base_with_musl() {
        let (nothing, gcc) = (DeclaredBase::default(), ("usr/lib/libgcc_s.so.1", ""));
        check(MUSL, &[OF_MUSL, gcc], nothing, "");
        check(
            MUSL,
            &[OF_MUSL],
            nothing,
            "`a` cannot start on the base of `i`: it needs `libgcc_s.so.1`, which is not in a \
             directory that its loader searches (add them to the base (Alpine: `apk add libgcc`), \
             or leave out `-C target-feature=-crt-static` to link it statically)",
        );
        check(
            MUSL,
            &[LOADER, GCC, LIBC],
            nothing,
            "`a` cannot start on the base of `i`: it needs `/lib/ld-musl-x86_64.so.1`, which the \
             base does not have (use a base with musl: `--base \
             docker.io/library/alpine@sha256:…`, or leave out `-C target-feature=-crt-static` to \
             link it statically)",
        );
    }
}
