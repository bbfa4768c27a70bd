//! The search of a program's libraries in a root file system, as its loader does it: RPATH and
//! RUNPATH, the environment, the cache, and the default directories.
//!
//! Pure. Sources: ld.so(8), ldconfig(8) and glibc's elf/dl-load.c; musl's ldso/dynlink.c.

use crate::ship::rootfs::loader::{CACHE, MUSL, OF_MUSL, Program, last};
use crate::ship::rootfs::path::plain;
use crate::ship::rootfs::{Node, Rootfs};

impl Rootfs {
    /// Returns the path at which the loader finds a library, with all links resolved.
    pub fn library(&self, name: &str, program: &Program) -> Option<String> {
        if name.contains('/') {
            return self.leads_to(name);
        }
        let found = |directories: &[String]| {
            directories
                .iter()
                .find_map(|directory| self.leads_to(&format!("{directory}/{name}")))
        };
        found(&self.requested(program))
            .or_else(|| {
                if program.is_musl() {
                    None
                } else {
                    self.cached(name)
                }
            })
            .or_else(|| found(&self.defaults(program)))
    }

    /// Returns the libraries that the loader does not find, in the program's order.
    pub fn missing(&self, program: &Program) -> Vec<String> {
        let required = program
            .needed
            .iter()
            .filter(|name| !program.is_loader(name));
        required
            .filter(|name| self.library(name, program).is_none())
            .cloned()
            .collect()
    }

    /// Returns all directories in which the loader searches, each once, in its order.
    pub fn searched(&self, program: &Program) -> Vec<String> {
        let mut all = self.requested(program);
        all.extend(self.defaults(program));
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|directory| seen.insert(directory.clone()));
        all
    }

    /// Returns the directories that the program or the image's environment names, in the loader's
    /// order: RPATH, LD_LIBRARY_PATH, RUNPATH. RPATH is ignored if there is a RUNPATH.
    fn requested(&self, program: &Program) -> Vec<String> {
        let embedded = if program.runpath.is_empty() {
            program.rpath
        } else {
            program.runpath
        };
        let place = self.place(plain(program.place));
        let origin = format!(
            "/{}",
            place
                .rsplit_once('/')
                .map_or("", |(directory, _)| directory)
        );
        let embedded = embedded
            .iter()
            .flat_map(|path| path.split(':'))
            .filter(|directory| !directory.is_empty());
        let embedded = embedded.map(|directory| {
            directory
                .replace("${ORIGIN}", &origin)
                .replace("$ORIGIN", &origin)
        });
        let environment = program
            .library_path
            .split([':', ';'])
            .filter(|directory| !directory.is_empty())
            .map(str::to_owned);
        if program.rpath.is_empty() || !program.runpath.is_empty() {
            environment.chain(embedded).collect()
        } else {
            embedded.chain(environment).collect()
        }
    }

    /// Returns the path of a library by glibc's cache, if that file still exists.
    fn cached(&self, name: &str) -> Option<String> {
        self.listed_paths(CACHE)
            .iter()
            .filter(|path| last(path) == name)
            .find_map(|path| self.leads_to(path))
    }

    /// Returns the directories that a loader always searches: those that it or its file lists, else
    /// the usual ones.
    fn defaults(&self, program: &Program) -> Vec<String> {
        let to_owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        if program.is_musl() {
            let architecture = last(program.loader)
                .trim_start_matches(MUSL)
                .split('.')
                .next()
                .unwrap_or_default();
            let listed = self.listed_paths(&format!("etc/{MUSL}{architecture}.path"));
            return if listed.is_empty() {
                to_owned(OF_MUSL)
            } else {
                listed.to_vec()
            };
        }
        let listed = self.listed_paths(program.loader);
        if !listed.is_empty() {
            return listed.to_vec();
        }
        let multiarch = program.multiarch;
        let (lib, usr) = (format!("/lib/{multiarch}"), format!("/usr/lib/{multiarch}"));
        to_owned(&[&lib, &usr, "/lib64", "/usr/lib64", "/lib", "/usr/lib"])
    }

    /// Returns the file that a path leads to, with links resolved.
    fn leads_to(&self, path: &str) -> Option<String> {
        self.follow(path)
            .filter(|path| matches!(self.nodes.get(path), Some(Node::File(_) | Node::Other)))
    }

    /// Returns the paths that a file of a loader lists; empty if it is missing.
    fn listed_paths(&self, path: &str) -> &[String] {
        match self.follow(path).and_then(|path| self.nodes.get(&path)) {
            Some(Node::File(facts)) => &facts.paths,
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NEW, rootfs};
    use super::*;
    use crate::ship::rootfs::loader::built_in;

    fn split(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// Checks the path at which the first library of a program is found. The program is
    /// `loader needed… [rpath=…] [runpath=…] [env=…]`.
    #[track_caller]
    fn check(layers: &[&[&str]], program: &str, expected: Option<&str>) {
        let value = |key: &str| {
            split(program)
                .into_iter()
                .find_map(|word| word.strip_prefix(key).map(str::to_owned))
        };
        let plain: Vec<String> = split(program)
            .into_iter()
            .filter(|word| !word.contains('='))
            .collect();
        let list = |key: &str| value(key).into_iter().collect::<Vec<_>>();
        let (rpath, runpath, library_path) = (
            list("rpath="),
            list("runpath="),
            value("env=").unwrap_or_default(),
        );
        let (loader, needed) = (&plain[0], &plain[1..]);
        let (place, multiarch) = ("/usr/local/bin/app", "x86_64-linux-gnu");
        let program = Program {
            place,
            loader,
            needed,
            rpath: &rpath,
            runpath: &runpath,
            library_path: &library_path,
            multiarch,
        };
        let rootfs = rootfs(layers);
        assert_eq!(
            rootfs.library(&needed[0], &program).as_deref(),
            expected,
            "{layers:?}"
        );
        let loaders = needed.iter().filter(|name| program.is_loader(name)).count();
        assert_eq!(
            rootfs.missing(&program).len() + loaders,
            usize::from(expected.is_none()).max(loaders),
            "{layers:?}"
        );
    }

    const GLIBC: &str = "/lib64/ld-linux-x86-64.so.2";
    const ALPINE: &str = "/lib/ld-musl-x86_64.so.1";

    #[test]
    fn a_library_is_where_the_loader_looks() {
        let program = |rest: &str| format!("{GLIBC} libgcc_s.so.1 {rest}");
        let gcc = &program("");
        for directory in [
            "lib",
            "usr/lib",
            "lib64",
            "usr/lib64",
            "lib/x86_64-linux-gnu",
            "usr/lib/x86_64-linux-gnu",
        ] {
            let path = format!("{directory}/libgcc_s.so.1");
            check(&[&[&path]], gcc, Some(&path));
        }
        for directory in [
            "opt/conda/lib",
            "usr/local/lib",
            "usr/lib/gcc/x86_64-linux-gnu/12",
            "lib/aarch64-linux-gnu",
            "lib32",
        ] {
            check(&[&[&format!("{directory}/libgcc_s.so.1")]], gcc, None);
        }
        // Links are followed, through all layers; a dangling one is a missing library.
        check(
            &[
                &["lib -> usr/lib"],
                &["usr/lib/libgcc_s.so.1 -> gcc/libgcc.so"],
                &["usr/lib/gcc/libgcc.so"],
            ],
            gcc,
            Some("usr/lib/gcc/libgcc.so"),
        );
        check(&[&["lib/libgcc_s.so.1 -> gone"]], gcc, None);
        check(&[&["lib/libgcc_s.so.1/"]], gcc, None);
        // RPATH and RUNPATH.
        let (opt, local) = (
            &["opt/lib/libgcc_s.so.1"][..],
            &["usr/local/lib/libgcc_s.so.1"][..],
        );
        check(
            &[opt],
            &program("rpath=/opt/lib"),
            Some("opt/lib/libgcc_s.so.1"),
        );
        check(
            &[opt],
            &program("runpath=/nowhere:/opt/lib"),
            Some("opt/lib/libgcc_s.so.1"),
        );
        check(&[opt], &program("rpath=/opt/lib runpath=/nowhere"), None);
        check(
            &[local],
            &program("runpath=$ORIGIN/../lib"),
            Some("usr/local/lib/libgcc_s.so.1"),
        );
        check(
            &[local],
            &program("rpath=${ORIGIN}/../lib"),
            Some("usr/local/lib/libgcc_s.so.1"),
        );
        check(
            &[
                &["usr/local/bin -> ../bin", "usr/lib/a"],
                &["usr/bin/libgcc_s.so.1"],
            ],
            &program("rpath=$ORIGIN"),
            Some("usr/bin/libgcc_s.so.1"),
        );
        check(
            &[opt],
            &program("env=/a:/opt/lib"),
            Some("opt/lib/libgcc_s.so.1"),
        );
        check(
            &[&["opt/lib/libgcc_s.so.1", "lib/libgcc_s.so.1"]],
            &program("runpath=/opt/lib"),
            Some("opt/lib/libgcc_s.so.1"),
        );
        // The base's cache, if the file that it lists exists.
        let cache = "etc/ld.so.cache: \
                     glibc-ld.so.cache1.1\0\0libgcc_s.so.1\0/usr/local/lib/libgcc_s.so.1\0/lib/libgcc_s.so.1.2\0";
        check(&[local, &[cache]], gcc, Some("usr/local/lib/libgcc_s.so.1"));
        check(&[&[cache]], gcc, None);
        check(&[&["etc/ld.so.conf: /usr/local/lib"], local], gcc, None);
    }

    #[test]
    fn a_loader_tells_where_it_looks() {
        let gcc = &format!("{GLIBC} libgcc_s.so.1");
        let debian = "lib64/ld-linux-x86-64.so.2: \
                      \x7fELF\0/x/\0/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0\0";
        let fedora = "lib64/ld-linux-x86-64.so.2: \
                      \x7fELF\0/etc/ld.so.cache\0/lib64/\0/usr/lib64/\0\0/lib/\0x";
        check(&[&[debian, "lib64/libgcc_s.so.1"]], gcc, None);
        check(
            &[&[debian, "lib/libgcc_s.so.1"]],
            gcc,
            Some("lib/libgcc_s.so.1"),
        );
        check(&[&[fedora, "lib/libgcc_s.so.1"]], gcc, None);
        check(
            &[&[fedora, "usr/lib64/libgcc_s.so.1"]],
            gcc,
            Some("usr/lib64/libgcc_s.so.1"),
        );
        check(
            &[&[
                "lib64/ld-linux-x86-64.so.2 -> ../usr/lib/ld-2.31.so",
                &debian.replace("lib64/ld-linux-x86-64.so.2", "usr/lib/ld-2.31.so"),
                "lib64/libgcc_s.so.1",
            ]],
            gcc,
            None,
        );
        assert_eq!(
            built_in(b"/lib/\0/other/\0\0/lib64/\0/usr/lib64/\0"),
            ["/lib64", "/usr/lib64"]
        );
        assert!(built_in(b"/lib/\0").is_empty() && built_in(b"").is_empty());
    }

    #[test]
    fn musl_has_its_own_ways() {
        let gcc = &format!("{ALPINE} libgcc_s.so.1");
        check(
            &[&["usr/lib/libgcc_s.so.1"]],
            gcc,
            Some("usr/lib/libgcc_s.so.1"),
        );
        check(
            &[&["usr/local/lib/libgcc_s.so.1"]],
            gcc,
            Some("usr/local/lib/libgcc_s.so.1"),
        );
        check(&[&["lib64/libgcc_s.so.1"]], gcc, None);
        check(
            &[&["etc/ld.so.cache: \0/x/libgcc_s.so.1\0", "x/libgcc_s.so.1"]],
            gcc,
            None,
        );
        check(
            &[&["etc/ld-musl-x86_64.path: /x\n/y:/z", "z/libgcc_s.so.1"]],
            gcc,
            Some("z/libgcc_s.so.1"),
        );
        check(
            &[&["etc/ld-musl-x86_64.path: /x", "lib/libgcc_s.so.1"]],
            gcc,
            None,
        );
        // libc is the loader.
        for library in [
            "libc.so",
            "libc.musl-x86_64.so.1",
            "libm.so.6",
            "libpthread.so.0",
        ] {
            check(&[&[]], &format!("{ALPINE} {library}"), None);
        }
        check(&[&[NEW]], &format!("{GLIBC} ld-linux-x86-64.so.2"), None);
    }
}
