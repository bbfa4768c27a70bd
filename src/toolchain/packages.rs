//! Packages of compilers and C libraries, by package manager: what a help line names.
//!
//! Pure. A system without a fit package gets no command: Fedora's and openSUSE's cross compilers
//! have no C library.

use crate::project::installer::{Installer, Packages};
use crate::target::Target;
use crate::target::system::{Libc, Os};

/// The host's C compiler with its C library.
const C: Packages = [
    "gcc libc6-dev",
    "gcc",
    "gcc musl-dev",
    "gcc",
    "gcc glibc-devel",
    "gcc",
];

/// The host's C++ compiler.
const CXX: Packages = ["g++", "gcc-c++", "g++", "gcc", "gcc-c++", "gcc"];

/// The wrapper of the host's compiler for musl. On Alpine the host's compiler is one for musl.
const MUSL: Packages = ["musl-tools", "musl-gcc", "", "musl", "", ""];

/// The host's C library for its C compiler.
const LIBC: Packages = [
    "libc6-dev",
    "glibc-devel",
    "musl-dev",
    "glibc",
    "glibc-devel",
    "",
];

/// Returns the command for the host's C compiler.
pub fn c_compiler(installer: Installer) -> String {
    installer.line(C).unwrap_or_default()
}

/// Returns the command for the host's C++ compiler.
pub fn cxx_compiler(installer: Installer) -> String {
    installer.line(CXX).unwrap_or_default()
}

/// Returns the command for a compiler of C for musl and the host's processor.
pub fn musl_compiler(target: &Target, installer: Installer) -> Option<String> {
    match installer {
        Installer::Brew => cross_compiler(target, "gcc", installer),
        _ => installer.line(MUSL),
    }
}

/// Processors whose cross compilers Arch has, with their C library.
const ARCH_LINUX: &[&str] = &["aarch64", "riscv64"];

/// Returns the command for a cross compiler, `gcc` or `g++`, with its C library.
pub fn cross_compiler(target: &Target, compiler: &str, installer: Installer) -> Option<String> {
    let packages = match (installer, target.system.os, target.system.libc) {
        (Installer::Apt, Os::Linux, Libc::Gnu) | (Installer::Apt, Os::Windows, _) => {
            format!("{compiler}-{}", debian_name(target)?)
        }
        (Installer::Pacman, Os::Linux, Libc::Gnu) if ARCH_LINUX.contains(&target.arch.gnu) => {
            format!("{}-gcc", target.gnu_name())
        }
        (Installer::Pacman | Installer::Brew, Os::Windows, _) if is_mingw(target) => {
            let package = match installer {
                Installer::Brew => "mingw-w64",
                _ => "mingw-w64-gcc",
            };
            package.to_owned()
        }
        (Installer::Dnf, Os::Windows, _) if is_mingw(target) => {
            let bits = if target.arch.name == "x86" { 32 } else { 64 };
            let suffix = if compiler == "g++" { "-c++" } else { "" };
            format!("mingw{bits}-gcc{suffix}")
        }
        (Installer::Brew, Os::Linux, Libc::Musl) => "filosottile/musl-cross/musl-cross".to_owned(),
        (Installer::Brew, Os::Linux, Libc::Gnu) => {
            format!("messense/macos-cross-toolchains/{}", target.triple())
        }
        _ => return None,
    };
    Some(installer.command(&packages))
}

/// Returns true for Windows by GNU's compiler, not by clang's.
fn is_mingw(target: &Target) -> bool {
    target.system.suffix == "pc-windows-gnu"
}

/// Returns the end of the name of Debian's cross compiler; `None` if it has none that fits. armhf is
/// ARMv7 there, so nothing fits ARMv6.
fn debian_name(target: &Target) -> Option<String> {
    let gnu = match target.arch.prefix {
        "arm" if target.system.gnu.ends_with("hf") => return None,
        _ if target.system.os == Os::Windows && !is_mingw(target) => return None,
        "x86_64" if target.system.os == Os::Windows => "mingw-w64-x86-64".to_owned(),
        "i686" if target.system.os == Os::Windows => "mingw-w64-i686".to_owned(),
        _ => target.debian_prefix(),
    };
    Some(gnu.replace('_', "-"))
}

/// Returns the command for the C library of a compiler that has none.
pub fn libc(target: &Target, host: &str, installer: Installer) -> Option<String> {
    if target.triple() == host {
        return installer.line(LIBC);
    }
    (installer == Installer::Apt && target.system.libc == Libc::Gnu)
        .then(|| installer.command(&format!("libc6-dev-{}-cross", target.debian_arch())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_has_its_own_packages() {
        use Installer::{Apk, Apt, Brew, Dnf, Pacman, Zypper};
        for (triple, installer, expected) in [
            (
                "aarch64-unknown-linux-gnu",
                Apt,
                "apt-get install gcc-aarch64-linux-gnu",
            ),
            (
                "x86_64-unknown-linux-gnu",
                Apt,
                "apt-get install gcc-x86-64-linux-gnu",
            ),
            (
                "i586-unknown-linux-gnu",
                Apt,
                "apt-get install gcc-i686-linux-gnu",
            ),
            ("arm-unknown-linux-gnueabihf", Apt, ""),
            (
                "arm-unknown-linux-gnueabi",
                Apt,
                "apt-get install gcc-arm-linux-gnueabi",
            ),
            (
                "x86_64-pc-windows-gnu",
                Apt,
                "apt-get install gcc-mingw-w64-x86-64",
            ),
            ("x86_64-pc-windows-gnullvm", Apt, ""),
            ("i686-pc-windows-gnu", Dnf, "dnf install mingw32-gcc"),
            ("aarch64-unknown-linux-gnu", Dnf, ""),
            ("aarch64-unknown-linux-gnu", Zypper, ""),
            ("aarch64-unknown-linux-gnu", Apk, ""),
            (
                "aarch64-unknown-linux-gnu",
                Pacman,
                "pacman -S aarch64-linux-gnu-gcc",
            ),
            ("s390x-unknown-linux-gnu", Pacman, ""),
            (
                "aarch64-unknown-linux-gnu",
                Brew,
                "brew install messense/macos-cross-toolchains/aarch64-unknown-linux-gnu",
            ),
            (
                "aarch64-unknown-linux-musl",
                Brew,
                "brew install filosottile/musl-cross/musl-cross",
            ),
            ("aarch64-unknown-linux-musl", Apt, ""),
        ] {
            let target = Target::of_triple(triple).unwrap();
            let found = cross_compiler(&target, "gcc", installer);
            assert_eq!(
                found.as_deref().unwrap_or_default(),
                expected,
                "{triple} {installer:?}"
            );
        }
    }
}
