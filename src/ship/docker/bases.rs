//! Whether a bin can start on a base: what it needs, what is known of the base, and the one
//! judgement of both.

use crate::problem::Problem;
use crate::ship::docker::image::{BASE_UNFIT, DeclaredBase, RuntimeDeps};
use crate::ship::rootfs::Rootfs;
use crate::ship::rootfs::loader::Program;
use crate::target::Target;
use crate::target::glibc::Glibc;

/// What is known of a base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BaseContents {
    /// It is empty.
    Empty,
    /// Nobody looked, nobody said.
    Nothing,
    /// It is said to have this glibc.
    Declared(Glibc),
    /// What stands in it, for one bin.
    Read {
        /// The path of the C library that the bin gets, and its version where its bytes tell one.
        glibc: Option<(String, Option<Glibc>)>,
        /// It has the loader that the bin asks for.
        loader: bool,
        /// musl's loader.
        musl: Option<String>,
        /// Libraries that the loader will not find, and the directories where it looks.
        missing: Vec<String>,
        searched: Vec<String>,
    },
}

impl BaseContents {
    /// What a root file system has for a bin at `place`, in an image with this LD_LIBRARY_PATH.
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
            multiarch: &multiarch(target),
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

/// Debian's name of the directories of a target: `x86_64-linux-gnu`.
fn multiarch(target: &str) -> String {
    let gnu = Target::of_triple(target)
        .map(|target| target.arch.gnu)
        .unwrap_or_default();
    let libc = target.rsplit('-').next().unwrap_or_default();
    format!("{}-linux-{libc}", if gnu == "i686" { "i386" } else { gnu })
}

const STATIC_WAY: &str = "build it for musl (`--target x86_64-unknown-linux-musl` and its like)";

/// The base that a bin without a loader wants.
fn other_base(needs: &RuntimeDeps) -> String {
    if needs.is_musl() {
        return "take a base with musl: `--base docker.io/library/alpine@sha256:…`, or leave out `-C target-feature=-crt-static`, \
                and it is static"
            .to_owned();
    }
    format!(
        "take a base with glibc: `--base gcr.io/distroless/cc-debian12@sha256:…`, or {STATIC_WAY}"
    )
}

/// What stands against a bin on its base; what is only told goes to `told`. The one judgement of
/// it, whoever looked at the base. What was read counts; the user's word only where nothing could
/// be read.
pub fn judge(
    image: &str,
    staged: &str,
    needs: &RuntimeDeps,
    mut known: BaseContents,
    said: DeclaredBase,
    told: &mut Vec<String>,
) -> Option<Problem> {
    if let (
        BaseContents::Read {
            glibc: Some((path, read)),
            ..
        },
        Some(floor),
    ) = (&mut known, needs.glibc)
    {
        match (*read, said.glibc) {
            (Some(read), Some(said)) if read != said => {
                told.push(format!("`base-glibc` of `{image}` says {said}, and its base has \
                                   {read}, which counts"));
            }
            (None, Some(_)) => *read = said.glibc,
            (None, None) => told.push(format!(
                "whether the base of `{image}` has glibc {floor}, which `{staged}` needs, is not known, since its `{path}` does not tell: \
                 say `base-glibc`"
            )),
            _ => {}
        }
    }
    let problem = unfit(image, staged, needs, &known)?;
    if said.accepted {
        told.push(format!(
            "{}, and that is accepted (base-unfit)",
            problem.message
        ));
        return None;
    }
    Some(problem)
}

/// What a bin needs that its base does not have.
fn unfit(image: &str, staged: &str, needs: &RuntimeDeps, known: &BaseContents) -> Option<Problem> {
    let loader = needs.loader.as_deref().unwrap_or("its loader");
    let has = match known {
        BaseContents::Empty => {
            let problem = Problem::new(
                BASE_UNFIT,
                format!("`{staged}` cannot start on `scratch`: it asks for `{loader}`"),
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
                    "`{staged}` cannot start on the base of `{image}`: it asks for `{loader}`, \
                     which is not there"
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
        let floors = Target::of_triple(&needs.target)
            .and_then(|target| target.first_glibc())
            .is_none_or(|first| has >= first);
        let help = match floors {
            true => format!(
                "build it with a floor: `--target {}.{has}`, take a newer base, or {STATIC_WAY}",
                needs.target
            ),
            false => format!("take a newer base, or {STATIC_WAY}"),
        };
        Problem::new(
            BASE_UNFIT,
            format!("`{staged}` needs glibc {floor}, and the base of `{image}` has {has}"),
        )
        .help(help)
    })
}

/// A bin some of whose libraries are not there.
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
             where its loader looks"
        ),
    );
    let problem = problem.note("looked in", searched.iter().cloned());
    // What distroless/cc has over distroless/base, and Debian's slimmest images have, too.
    let usual = missing.iter().all(|name| {
        matches!(
            name.as_str(),
            "libc.so.6" | "libm.so.6" | "libgcc_s.so.1" | "libstdc++.so.6"
        )
    });
    problem.help(match (needs.is_musl(), usual) {
        (true, _) => "add them to the base (Alpine: `apk add libgcc`), or leave out `-C \
             target-feature=-crt-static`, and it is static"
            .to_owned(),
        (false, true) => {
            format!(
                "take a base that has them: `--base gcr.io/distroless/cc-debian12@sha256:…` \
                 (`distroless/base` has not), or {STATIC_WAY}"
            )
        }
        (false, false) => "take a base that has them, or link them statically".to_owned(),
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

    /// A base of these files; expected is what is told and what stands against the bin, with its
    /// help.
    #[track_caller]
    fn check(target: &str, files: &[(&str, &str)], said: DeclaredBase, expected: &str) {
        let mut rootfs = Rootfs::default();
        files
            .iter()
            .for_each(|(path, bytes)| rootfs.put_file(path, Some(bytes.as_bytes())));
        let (needs, mut told) = (needs(target), Vec::new());
        let known = BaseContents::read(&rootfs, &needs, "/usr/local/bin/a", "");
        let problem = judge("i", "a", &needs, known, said, &mut told);
        told.extend(
            problem.map(|problem| format!("{} ({})", problem.message, problem.help.join("; "))),
        );
        assert_eq!(told.join("; "), expected);
    }

    const LOADER: (&str, &str) = ("lib64/ld-linux-x86-64.so.2", "");
    const OF_MUSL: (&str, &str) = ("lib/ld-musl-x86_64.so.1", "");
    const GCC: (&str, &str) = ("lib/x86_64-linux-gnu/libgcc_s.so.1", "");
    const LIBC: (&str, &str) = (
        "lib/x86_64-linux-gnu/libc.so.6",
        "GNU C Library (Debian) stable release version 2.36.",
    );

    #[test]
    fn a_base_is_judged_by_what_is_there() {
        let nothing = DeclaredBase::default();
        check(GNU, &[LOADER, GCC, LIBC], nothing, "");
        check(
            GNU,
            &[LOADER, LIBC],
            nothing,
            "`a` cannot start on the base of `i`: it needs `libgcc_s.so.1`, which is not where \
             its loader looks (take a base that has them: `--base \
             gcr.io/distroless/cc-debian12@sha256:…` (`distroless/base` has not), or build it for \
             musl (`--target x86_64-unknown-linux-musl` and its like))",
        );
        let silent = (LIBC.0, "");
        check(
            GNU,
            &[LOADER, GCC, silent],
            nothing,
            "whether the base of `i` has glibc 2.34, which `a` needs, is not known, since its \
             `/lib/x86_64-linux-gnu/libc.so.6` does not tell: say `base-glibc`",
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
            "`a` needs glibc 2.34, and the base of `i` has 2.31, and that is accepted (base-unfit)",
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
            "`a` cannot start on the base of `i`: it needs `libgcc_s.so.1`, which is not where \
             its loader looks (add them to the base (Alpine: `apk add libgcc`), or leave out `-C \
             target-feature=-crt-static`, and it is static)",
        );
        check(
            MUSL,
            &[LOADER, GCC, LIBC],
            nothing,
            "`a` cannot start on the base of `i`: it asks for `/lib/ld-musl-x86_64.so.1`, which \
             is not there (take a base with musl: `--base docker.io/library/alpine@sha256:…`, or \
             leave out `-C target-feature=-crt-static`, and it is static)",
        );
    }

    #[test]
    fn directories_are_named_as_debian_names_them() {
        let check = |target: &str, expected: &str| assert_eq!(multiarch(target), expected);
        check(GNU, "x86_64-linux-gnu");
        check("i686-unknown-linux-gnu", "i386-linux-gnu");
        check("armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf");
        check("riscv64gc-unknown-linux-gnu", "riscv64-linux-gnu");
    }
}
