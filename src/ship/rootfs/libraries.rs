//! Where the loader of a root file system looks for the libraries of a program, and what the
//! loader's own files tell of that.
//!
//! Pure. Sources: ld.so(8), ldconfig(8) and glibc's elf/dl-load.c; musl's ldso/dynlink.c.

use crate::ship::rootfs::loader::{CACHE, MUSL, OF_MUSL, Program, last};
use crate::ship::rootfs::path::plain;
use crate::ship::rootfs::{Node, Rootfs};

impl Rootfs {
    /// Where the loader finds a library: a path with all links followed.
    pub fn library(&self, name: &str, program: &Program) -> Option<String> {
        if name.contains('/') {
            return self.leads_to(name);
        }
        let found = |directories: &[String]| {
            directories
                .iter()
                .find_map(|directory| self.leads_to(&format!("{directory}/{name}")))
        };
        found(&self.asked(program))
            .or_else(|| {
                if program.is_musl() {
                    None
                } else {
                    self.cached(name)
                }
            })
            .or_else(|| found(&self.usual(program)))
    }

    /// The libraries that are not there, in the program's order.
    pub fn missing(&self, program: &Program) -> Vec<String> {
        let wanted = program
            .needed
            .iter()
            .filter(|name| !program.is_loader(name));
        wanted
            .filter(|name| self.library(name, program).is_none())
            .cloned()
            .collect()
    }

    /// All directories where the loader looks for what a program asks for.
    pub fn searched(&self, program: &Program) -> Vec<String> {
        let mut all = self.asked(program);
        all.extend(self.usual(program));
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|directory| seen.insert(directory.clone()));
        all
    }

    /// Directories that the program itself or the image's environment names. A RUNPATH puts the
    /// RPATH out of force.
    fn asked(&self, program: &Program) -> Vec<String> {
        let own = if program.runpath.is_empty() {
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
        let own = own
            .iter()
            .flat_map(|path| path.split(':'))
            .filter(|directory| !directory.is_empty());
        let own = own.map(|directory| {
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
            environment.chain(own).collect()
        } else {
            own.chain(environment).collect()
        }
    }

    /// What glibc's cache says of a library, where that is still there.
    fn cached(&self, name: &str) -> Option<String> {
        self.told(CACHE)
            .iter()
            .filter(|path| last(path) == name)
            .find_map(|path| self.leads_to(path))
    }

    /// The directories where a loader always looks: as itself or its file tells, else as it is
    /// usual.
    fn usual(&self, program: &Program) -> Vec<String> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        if program.is_musl() {
            let architecture = last(program.loader)
                .trim_start_matches(MUSL)
                .split('.')
                .next()
                .unwrap_or_default();
            let told = self.told(&format!("etc/{MUSL}{architecture}.path"));
            return if told.is_empty() {
                owned(OF_MUSL)
            } else {
                told.to_vec()
            };
        }
        let told = self.told(program.loader);
        if !told.is_empty() {
            return told.to_vec();
        }
        let multiarch = program.multiarch;
        let (lib, usr) = (format!("/lib/{multiarch}"), format!("/usr/lib/{multiarch}"));
        owned(&[&lib, &usr, "/lib64", "/usr/lib64", "/lib", "/usr/lib"])
    }

    /// The file that a path leads to.
    fn leads_to(&self, path: &str) -> Option<String> {
        self.follow(path)
            .filter(|path| matches!(self.nodes.get(path), Some(Node::File(_) | Node::Other)))
    }

    fn told(&self, path: &str) -> &[String] {
        match self.follow(path).and_then(|path| self.nodes.get(&path)) {
            Some(Node::File(tells)) => &tells.paths,
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NEW, rootfs};
    use super::*;
    use crate::ship::rootfs::loader::built_in;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// A program is `loader needed… [rpath=…] [runpath=…] [env=…]`; expected is where the last it
    /// needs is found.
    #[track_caller]
    fn check(layers: &[&[&str]], program: &str, expected: Option<&str>) {
        let value = |key: &str| {
            words(program)
                .into_iter()
                .find_map(|word| word.strip_prefix(key).map(str::to_owned))
        };
        let plain: Vec<String> = words(program)
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
        let own = needed.iter().filter(|name| program.is_loader(name)).count();
        assert_eq!(
            rootfs.missing(&program).len() + own,
            usize::from(expected.is_none()).max(own),
            "{layers:?}"
        );
    }

    const GLIBC: &str = "/lib64/ld-linux-x86-64.so.2";
    const ALPINE: &str = "/lib/ld-musl-x86_64.so.1";

    #[test]
    fn a_library_is_where_the_loader_looks() {
        let ask = |rest: &str| format!("{GLIBC} libgcc_s.so.1 {rest}");
        let gcc = &ask("");
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
        // Links are followed, through all layers; what leads nowhere is not there.
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
        // As the program says.
        let (opt, own) = (
            &["opt/lib/libgcc_s.so.1"][..],
            &["usr/local/lib/libgcc_s.so.1"][..],
        );
        check(
            &[opt],
            &ask("rpath=/opt/lib"),
            Some("opt/lib/libgcc_s.so.1"),
        );
        check(
            &[opt],
            &ask("runpath=/nowhere:/opt/lib"),
            Some("opt/lib/libgcc_s.so.1"),
        );
        check(&[opt], &ask("rpath=/opt/lib runpath=/nowhere"), None);
        check(
            &[own],
            &ask("runpath=$ORIGIN/../lib"),
            Some("usr/local/lib/libgcc_s.so.1"),
        );
        check(
            &[own],
            &ask("rpath=${ORIGIN}/../lib"),
            Some("usr/local/lib/libgcc_s.so.1"),
        );
        check(
            &[
                &["usr/local/bin -> ../bin", "usr/lib/a"],
                &["usr/bin/libgcc_s.so.1"],
            ],
            &ask("rpath=$ORIGIN"),
            Some("usr/bin/libgcc_s.so.1"),
        );
        check(
            &[opt],
            &ask("env=/a:/opt/lib"),
            Some("opt/lib/libgcc_s.so.1"),
        );
        check(
            &[&["opt/lib/libgcc_s.so.1", "lib/libgcc_s.so.1"]],
            &ask("runpath=/opt/lib"),
            Some("opt/lib/libgcc_s.so.1"),
        );
        // As the base's own cache says, as long as it is so.
        let cache = "etc/ld.so.cache: \
                     glibc-ld.so.cache1.1\0\0libgcc_s.so.1\0/usr/local/lib/libgcc_s.so.1\0/lib/libgcc_s.so.1.2\0";
        check(&[own, &[cache]], gcc, Some("usr/local/lib/libgcc_s.so.1"));
        check(&[&[cache]], gcc, None);
        check(&[&["etc/ld.so.conf: /usr/local/lib"], own], gcc, None);
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
        for own in [
            "libc.so",
            "libc.musl-x86_64.so.1",
            "libm.so.6",
            "libpthread.so.0",
        ] {
            check(&[&[]], &format!("{ALPINE} {own}"), None);
        }
        check(&[&[NEW]], &format!("{GLIBC} ld-linux-x86-64.so.2"), None);
    }
}
