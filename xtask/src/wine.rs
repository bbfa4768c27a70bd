//! wine of another suite, beside the system: this one's may be too old for programs in Rust.
//!
//! Debian's wine has the paths of its files in its programs. So three links below /usr lead to the
//! tree, where nothing is there already; and its loader is the tree's, because its C library is newer
//! than this machine's.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{ask, step};
use crate::debian::{self, Set};
use crate::setup;

/// Root of the tree. Not below `target`: what is in /tmp is hidden behind the fence of `verify`.
const TREE: &str = "/var/lib/xpkg-wine";

/// The script that starts it.
pub const PROGRAM: &str = "/var/lib/xpkg-wine/wine";

const SUITE: &str = "trixie";

const PACKAGES: &[&str] = &[
    "wine64",
    "libwine",
    "libz-mingw-w64",
    "libc6",
    "libgcc-s1",
    "libunwind8",
    "liblzma5",
];

/// What wine finds by its path.
const LINKED: &[&str] = &["lib/wine", "share/wine", "lib/x86_64-linux-gnu/wine"];

/// The loader that its programs name, and one of the same length that is a link in the tree.
const LOADER: (&str, &str) = ("/lib64/ld-linux-x86-64.so.2", "/usr/lib/wine/ld-linux.so.2");

/// Unpacks wine, where that has not been done.
pub fn run() -> Result<(), String> {
    let tree = Path::new(TREE);
    let (complete, wanted) = (
        tree.join("complete"),
        format!("{SUITE} {}\n", PACKAGES.join(" ")),
    );
    if std::fs::read_to_string(&complete).is_ok_and(|had| had == wanted) {
        return Ok(());
    }
    setup::packages(&[("x86_64-w64-mingw32-strip", "binutils-mingw-w64-x86-64")])?;
    if !setup::is_root() {
        return Err(format!("wine is unpacked into {TREE}, as root only"));
    }
    let usr = tree.join("usr");
    for link in LINKED {
        let place = Path::new("/usr").join(link);
        let is_ours = std::fs::read_link(&place).is_ok_and(|to| to == usr.join(link));
        if place.exists() && !is_ours {
            return Err(format!(
                "{} is there: this machine has a wine of its own",
                place.display()
            ));
        }
    }
    step(&format!("wine: unpacking it from {SUITE}"));
    let set = Set {
        place: String::new(),
        suite: SUITE,
        arch: "amd64",
        packages: PACKAGES.to_vec(),
    };
    let packages = debian::download(&set, &tree.with_extension("work"))?;
    let _ = std::fs::remove_dir_all(tree);
    debian::extract(&packages, tree)?;
    finish(&usr).map_err(|error| format!("{TREE}: {error}"))?;
    strip(&usr.join("lib/x86_64-linux-gnu/wine/x86_64-windows"))?;
    let _ = std::fs::remove_dir_all(tree.with_extension("work"));
    std::fs::write(&complete, wanted).map_err(|error| format!("{TREE}: {error}"))
}

fn finish(usr: &Path) -> std::io::Result<()> {
    let libraries = usr.join("lib/x86_64-linux-gnu");
    let programs = usr.join("lib/wine");
    symlink(
        "../x86_64-linux-gnu/ld-linux-x86-64.so.2",
        programs.join("ld-linux.so.2"),
    )?;
    // A script, whose shell would be this machine's with the libraries of the tree.
    std::fs::remove_file(programs.join("wineserver"))?;
    symlink("wineserver64", programs.join("wineserver"))?;
    for name in ["wine64", "wineserver64"] {
        let path = programs.join(name);
        let bytes = std::fs::read(&path)?;
        std::fs::write(&path, with_loader(bytes))?;
    }
    for link in LINKED {
        let place = PathBuf::from("/usr").join(link);
        let _ = std::fs::remove_file(&place);
        symlink(usr.join(link), place)?;
    }
    // Another package's DLL, which user32 needs: it is where the cross compilers look.
    let script = format!(
        "#!/bin/sh\nLD_LIBRARY_PATH={} WINESYSTEMDLLPATH={} exec /usr/lib/wine/wine64 \"$@\"\n",
        libraries.display(),
        usr.join("x86_64-w64-mingw32/lib").display()
    );
    std::fs::write(PROGRAM, script)?;
    std::fs::set_permissions(PROGRAM, std::fs::Permissions::from_mode(0o755))
}

/// Removes two thirds of what wine copies into each prefix: debug information.
fn strip(dlls: &Path) -> Result<(), String> {
    let files = std::fs::read_dir(dlls).map_err(|error| format!("{}: {error}", dlls.display()))?;
    let names = files.flatten().map(|file| file.file_name());
    ask(Command::new("x86_64-w64-mingw32-strip")
        .arg("--strip-debug")
        .args(names)
        .current_dir(dlls))
    .map(drop)
}

fn with_loader(mut bytes: Vec<u8>) -> Vec<u8> {
    let (from, to) = (LOADER.0.as_bytes(), LOADER.1.as_bytes());
    let at = bytes.windows(from.len()).position(|part| part == from);
    if let Some(at) = at {
        bytes[at..at + from.len()].copy_from_slice(to);
    }
    bytes
}
