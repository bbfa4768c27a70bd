//! Package managers of systems, and the packages that hold what xpkg misses.
//!
//! Pure: [`crate::toolchain::look::tools`] reads os-release.

use serde::Serialize;

/// A system's package manager.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Installer {
    /// `apt-get`: Debian, Ubuntu, and the default for a Linux that is not known.
    #[default]
    Apt,
    /// `dnf`: Fedora, RHEL, CentOS.
    Dnf,
    /// `apk`: Alpine.
    Apk,
    /// `pacman`: Arch.
    Pacman,
    /// `zypper`: openSUSE, SLES.
    Zypper,
    /// Homebrew.
    Brew,
}

/// Packages for apt, dnf, apk, pacman, zypper and brew; empty if there is none.
pub type Packages = [&'static str; 6];

/// Words of os-release's `ID` and `ID_LIKE`, by package manager.
const SYSTEMS: &[(Installer, &[&str])] = &[
    (Installer::Dnf, &["fedora", "rhel", "centos"]),
    (Installer::Apk, &["alpine"]),
    (Installer::Pacman, &["arch"]),
    (Installer::Zypper, &["suse", "opensuse", "sles"]),
];

impl Installer {
    /// Chooses by the `ID` and `ID_LIKE` lines of os-release; Homebrew without such a file.
    pub fn from_os_release(os_release: Option<&str>) -> Self {
        let Some(text) = os_release else {
            return Self::Brew;
        };
        let words: Vec<&str> = text
            .lines()
            .filter_map(|line| {
                line.strip_prefix("ID=")
                    .or_else(|| line.strip_prefix("ID_LIKE="))
            })
            .flat_map(|value| value.trim_matches('"').split(' '))
            .collect();
        SYSTEMS
            .iter()
            .find(|(_, names)| words.iter().any(|word| names.contains(word)))
            .map_or(Self::Apt, |(installer, _)| *installer)
    }

    /// Returns the command that installs packages of this system.
    pub fn command(self, packages: &str) -> String {
        let install = match self {
            Self::Apt => "apt-get install",
            Self::Dnf => "dnf install",
            Self::Apk => "apk add",
            Self::Pacman => "pacman -S",
            Self::Zypper => "zypper install",
            Self::Brew => "brew install",
        };
        format!("{install} {packages}")
    }

    /// Returns the command that installs this system's package of a row; `None` if it has none.
    pub fn line(self, packages: Packages) -> Option<String> {
        let [apt, dnf, apk, pacman, zypper, brew] = packages;
        let packages = match self {
            Self::Apt => apt,
            Self::Dnf => dnf,
            Self::Apk => apk,
            Self::Pacman => pacman,
            Self::Zypper => zypper,
            Self::Brew => brew,
        };
        (!packages.is_empty()).then(|| self.command(packages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_has_its_install_command() {
        let packages = ["a", "b", "c", "d", "e", "f"];
        for (os_release, expected) in [
            (Some("ID=debian\n"), "apt-get install a"),
            (Some("ID=unheard\n"), "apt-get install a"),
            (
                Some("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"),
                "dnf install b",
            ),
            (Some("ID=alpine\n"), "apk add c"),
            (Some("ID=manjaro\nID_LIKE=arch\n"), "pacman -S d"),
            (
                Some("ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"\n"),
                "zypper install e",
            ),
            (None, "brew install f"),
        ] {
            let installer = Installer::from_os_release(os_release);
            assert_eq!(installer.line(packages).as_deref(), Some(expected));
        }
        assert_eq!(Installer::Apk.line(["a", "b", "", "d", "e", "f"]), None);
    }
}
