//! `verify` against the tools that read and hash the same files.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::bench::measure::{Pair, quiet};
use crate::bench::place::{Bench, FILE, files};
use crate::command::ask;
use crate::setup::packages;

impl Bench {
    /// A tree of so many gigabytes, in files of 32 MiB: `openssl` on all cores against `verify`,
    /// from the page cache where it fits. The peak of memory is told by `/usr/bin/time`, where that
    /// is there.
    pub fn verify(&self, gigabytes: usize) -> Result<Pair, String> {
        let tree = self.scratch.join("verify").join(std::env::consts::ARCH);
        files(&tree, gigabytes, &self.xpkg)?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let (mut openssl, mut xpkg) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let began = Instant::now();
            quiet(
                Command::new("sh")
                    .args([
                        "-c",
                        &format!("ls | xargs -n 8 -P {cores} openssl dgst -sha256"),
                    ])
                    .current_dir(&tree),
            )?;
            openssl.push(began.elapsed());
            let began = Instant::now();
            quiet(
                Command::new(&self.xpkg)
                    .arg("verify")
                    .arg(tree.parent().unwrap_or(&tree)),
            )?;
            xpkg.push(began.elapsed());
        }
        let peak = Command::new("/usr/bin/time")
            .args(["-f", "%M"])
            .arg(&self.xpkg)
            .arg("verify")
            .arg(&tree)
            .output();
        if let Some(kilobytes) = peak.ok().and_then(|output| {
            String::from_utf8_lossy(&output.stderr)
                .lines()
                .last()?
                .parse::<u64>()
                .ok()
        }) {
            eprintln!(
                "xtask: verify took {} MiB at its peak, on {cores} cores, files of {} MiB",
                kilobytes / 1024,
                FILE / 1024 / 1024
            );
        }
        let _ = std::fs::remove_dir_all(self.scratch.join("verify"));
        Ok(Pair::of(
            &format!("verify, {gigabytes} GiB, against openssl on {cores} cores"),
            openssl,
            xpkg,
        ))
    }

    /// A package of Debian (xz) and a zip with one large library of this toolchain: the tool that
    /// unpacks it, with one thread, and `sha256sum` against `verify`. dpkg-deb with more threads is
    /// faster where the package was compressed in blocks, and `verify` reads one archive on one core.
    pub fn archives(&self, rounds: usize) -> Result<Vec<Pair>, String> {
        packages(&[("dpkg-deb", "dpkg"), ("unzip", "unzip")])?;
        let place = self.scratch.join("archives");
        let _ = std::fs::remove_dir_all(&place);
        let failed = |error: std::io::Error| format!("{}: {error}", place.display());
        let (control, libraries) = (place.join("deb/DEBIAN"), place.join("deb/usr/lib"));
        for directory in [&control, &libraries] {
            std::fs::create_dir_all(directory).map_err(failed)?;
        }
        let sysroot = ask(Command::new("rustc").args(["--print", "sysroot"]))?;
        let listed = std::fs::read_dir(Path::new(&sysroot).join("lib")).map_err(failed)?;
        let library = listed
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|end| end == "so"))
            .max_by_key(|path| path.metadata().map_or(0, |known| known.len()))
            .ok_or("the toolchain has no shared library")?;
        std::fs::copy(library, libraries.join("libapp.so")).map_err(failed)?;
        let arch = ask(Command::new("dpkg").arg("--print-architecture"))?;
        let text = format!(
            "Package: app\nVersion: 1\nArchitecture: {arch}\nMaintainer: a <a@example.org>\nDescription: a\n"
        );
        std::fs::write(control.join("control"), text).map_err(failed)?;
        let (deb, zip) = (
            place.join(format!("app_1_{arch}.deb")),
            place.join(format!("app-linux-{arch}.zip")),
        );
        quiet(
            Command::new("dpkg-deb")
                .args(["--root-owner-group", "-Zxz", "-b"])
                .args([&place.join("deb"), &deb]),
        )?;
        quiet(
            Command::new("python3")
                .args(["-m", "zipfile", "-c"])
                .args([&zip, &libraries.join("libapp.so")]),
        )?;
        let mut pairs = Vec::new();
        for (case, archive, tool) in [
            (
                "verify of a .deb (xz), against dpkg-deb with one thread",
                &deb,
                "dpkg-deb --threads-max=1 --fsys-tarfile",
            ),
            ("verify of a .zip, against unzip", &zip, "unzip -p"),
        ] {
            let (mut own, mut xpkg) = (Vec::new(), Vec::new());
            for _ in 0..rounds {
                let began = Instant::now();
                let line = format!("{tool} \"$0\" | sha256sum");
                quiet(Command::new("sh").args(["-c", &line]).arg(archive))?;
                own.push(began.elapsed());
                let began = Instant::now();
                quiet(Command::new(&self.xpkg).arg("verify").arg(archive))?;
                xpkg.push(began.elapsed());
            }
            pairs.push(Pair::of(case, own, xpkg));
        }
        let _ = std::fs::remove_dir_all(&place);
        Ok(pairs)
    }
}
