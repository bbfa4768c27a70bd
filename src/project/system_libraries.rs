//! The libraries of the system that packages of the graph link: which package looks for which
//! library, what makes it build its own instead, and what it does without the library.
//!
//! Pure. The rules are those of the packages' build scripts, read in the version that each row
//! names; packages of the `system-deps` crate name their libraries in their metadata.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Effect of a library that is not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Otherwise {
    /// The build script fails.
    Fails,
    /// The build script lets the linker look for it.
    Links,
    /// The package compiles its own copy.
    Builds,
}

/// A crate that looks for a library of the system.
#[derive(Debug)]
pub struct KnownCrate {
    /// Crate name.
    pub name: &'static str,
    /// Names for pkg-config, of which one suffices.
    pub libraries: &'static [&'static str],
    /// Features of which one must be on, or there is nothing to look for; none: always.
    pub only_with: &'static [&'static str],
    /// Features with which it looks for nothing: it compiles a copy, or loads at run time.
    pub without: &'static [&'static str],
    /// Variables by which it looks for the library in spite of those features, and fails without.
    pub forced_by: &'static [&'static str],
    /// Variables that name the library, with or without the target.
    pub variables: &'static [&'static str],
    /// Program of the host that it asks where pkg-config finds nothing.
    pub program: Option<&'static str>,
    /// Effect of a library that is not found.
    pub otherwise: Otherwise,
    /// Package of Debian.
    pub debian: &'static str,
    /// Version whose build script was read.
    pub read: &'static str,
}

/// Defaults of a row.
const ROW: KnownCrate = KnownCrate {
    name: "",
    libraries: &[],
    only_with: &[],
    without: &[],
    forced_by: &[],
    variables: &[],
    program: None,
    otherwise: Otherwise::Fails,
    debian: "",
    read: "",
};

/// The crates, each with the rules of its build script on Linux. A crate may have several rows.
#[rustfmt::skip]
pub const KNOWN_CRATES: &[KnownCrate] = &[
    KnownCrate { name: "openssl-sys", libraries: &["openssl"],
        without: &["vendored", "unstable_boringssl", "aws-lc", "aws-lc-fips"],
        forced_by: &["OPENSSL_NO_VENDOR"], variables: &["OPENSSL_DIR", "OPENSSL_LIB_DIR"],
        debian: "libssl-dev", read: "0.9.118", ..ROW },
    KnownCrate { name: "libdbus-sys", libraries: &["dbus-1"], without: &["vendored"],
        debian: "libdbus-1-dev", read: "0.2.7", ..ROW },
    KnownCrate { name: "alsa-sys", libraries: &["alsa"],
        debian: "libasound2-dev", read: "0.6.1", ..ROW },
    KnownCrate { name: "libudev-sys", libraries: &["libudev"],
        debian: "libudev-dev", read: "0.1.4", ..ROW },
    KnownCrate { name: "libxml", libraries: &["libxml-2.0"], variables: &["LIBXML2"],
        debian: "libxml2-dev", read: "0.3.23", ..ROW },
    KnownCrate { name: "freetype-sys", libraries: &["freetype2"], without: &["bundled"],
        debian: "libfreetype-dev", read: "0.23.0", ..ROW },
    KnownCrate { name: "yeslogic-fontconfig-sys", libraries: &["fontconfig"], without: &["dlopen"],
        variables: &["RUST_FONTCONFIG_DLOPEN"],
        debian: "libfontconfig-dev", read: "6.0.1", ..ROW },
    KnownCrate { name: "jack-sys", libraries: &["jack"],
        debian: "libjack-dev", read: "0.6.0", ..ROW },
    KnownCrate { name: "libsystemd-sys", libraries: &["libsystemd"],
        variables: &["SYSTEMD_LIB_DIR", "SYSTEMD_PKG_NAME"],
        debian: "libsystemd-dev", read: "0.10.0", ..ROW },
    KnownCrate { name: "wayland-sys", libraries: &["wayland-client"],
        only_with: &["client"], without: &["dlopen"],
        debian: "libwayland-dev", read: "0.31.11", ..ROW },
    KnownCrate { name: "wayland-sys", libraries: &["wayland-cursor"],
        only_with: &["cursor"], without: &["dlopen"],
        debian: "libwayland-dev", read: "0.31.11", ..ROW },
    KnownCrate { name: "wayland-sys", libraries: &["wayland-egl"],
        only_with: &["egl"], without: &["dlopen"],
        debian: "libwayland-dev", read: "0.31.11", ..ROW },
    KnownCrate { name: "wayland-sys", libraries: &["wayland-server"],
        only_with: &["server"], without: &["dlopen"],
        debian: "libwayland-dev", read: "0.31.11", ..ROW },
    KnownCrate { name: "hidapi", libraries: &["libudev"], only_with: &["linux-static-hidraw"],
        debian: "libudev-dev", read: "2.6.7", ..ROW },
    KnownCrate { name: "hidapi", libraries: &["libusb-1.0"],
        only_with: &["linux-static-libusb", "linux-shared-libusb"],
        debian: "libusb-1.0-0-dev", read: "2.6.7", ..ROW },
    KnownCrate { name: "hidapi", libraries: &["hidapi-hidraw"], only_with: &["linux-shared-hidraw"],
        debian: "libhidapi-dev", read: "2.6.7", ..ROW },
    KnownCrate { name: "hidapi", libraries: &["hidapi-libusb"], only_with: &["linux-shared-libusb"],
        debian: "libhidapi-dev", read: "2.6.7", ..ROW },
    KnownCrate { name: "rdkafka-sys", libraries: &["rdkafka"],
        only_with: &["dynamic-linking", "dynamic_linking"],
        debian: "librdkafka-dev", read: "4.10.0", ..ROW },
    KnownCrate { name: "sdl2-sys", libraries: &["sdl2"], only_with: &["use-pkgconfig"],
        debian: "libsdl2-dev", read: "0.38.0", ..ROW },
    KnownCrate { name: "sdl2-sys", libraries: &["sdl2"], without: &["use-pkgconfig", "bundled"],
        otherwise: Otherwise::Links, debian: "libsdl2-dev", read: "0.38.0", ..ROW },
    KnownCrate { name: "mysqlclient-sys", libraries: &["mysqlclient", "libmariadb"],
        without: &["bundled"], variables: &["MYSQLCLIENT_LIB_DIR"], program: Some("mysql_config"),
        debian: "libmariadb-dev", read: "0.5.2", ..ROW },
    KnownCrate { name: "pq-sys", libraries: &["libpq"],
        without: &["bundled", "bundled_without_openssl"], variables: &["PQ_LIB_DIR"],
        program: Some("pg_config"), otherwise: Otherwise::Links,
        debian: "libpq-dev", read: "0.7.8", ..ROW },
    KnownCrate { name: "libsqlite3-sys", libraries: &["sqlite3"],
        without: &["bundled", "bundled-sqlcipher", "sqlcipher", "in_gecko", "loadable_extension"],
        forced_by: &["LIBSQLITE3_SYS_USE_PKG_CONFIG"], variables: &["SQLITE3_LIB_DIR"],
        otherwise: Otherwise::Links, debian: "libsqlite3-dev", read: "0.40.0", ..ROW },
    KnownCrate { name: "libsqlite3-sys", libraries: &["sqlcipher"],
        only_with: &["sqlcipher"], without: &["bundled-sqlcipher"],
        variables: &["SQLCIPHER_LIB_DIR"],
        otherwise: Otherwise::Links, debian: "libsqlcipher-dev", read: "0.40.0", ..ROW },
    KnownCrate { name: "pcap", libraries: &["libpcap"], variables: &["LIBPCAP_LIBDIR"],
        otherwise: Otherwise::Links, debian: "libpcap-dev", read: "2", ..ROW },
    KnownCrate { name: "libseccomp-sys", libraries: &["libseccomp"],
        variables: &["LIBSECCOMP_LIB_PATH"],
        otherwise: Otherwise::Links, debian: "libseccomp-dev", read: "0.3.0", ..ROW },
    KnownCrate { name: "libpulse-sys", libraries: &["libpulse"],
        otherwise: Otherwise::Links, debian: "libpulse-dev", read: "1.23.0", ..ROW },
    KnownCrate { name: "libgssapi-sys", libraries: &["mit-krb5-gssapi", "heimdal-gssapi"],
        variables: &["LIBGSSAPI_PREFIX"],
        otherwise: Otherwise::Links, debian: "libkrb5-dev", read: "0.3.4", ..ROW },
    // These compile their own copy, unless they are told not to.
    KnownCrate { name: "libgit2-sys", libraries: &["libgit2"], forced_by: &["LIBGIT2_NO_VENDOR"],
        otherwise: Otherwise::Builds, debian: "libgit2-dev", read: "0.18.8", ..ROW },
    KnownCrate { name: "zstd-sys", libraries: &["libzstd"], without: &["vendored"],
        only_with: &["pkg-config"], forced_by: &["ZSTD_SYS_USE_PKG_CONFIG"],
        debian: "libzstd-dev", read: "2.1.3", ..ROW },
    KnownCrate { name: "libsodium-sys-stable", libraries: &["libsodium"],
        only_with: &["use-pkg-config"], forced_by: &["SODIUM_USE_PKG_CONFIG"],
        debian: "libsodium-dev", read: "1.24.3", ..ROW },
    KnownCrate { name: "onig_sys", libraries: &["oniguruma"],
        forced_by: &["RUSTONIG_SYSTEM_LIBONIG"],
        otherwise: Otherwise::Builds, debian: "libonig-dev", read: "69.9.3", ..ROW },
    KnownCrate { name: "libz-sys", otherwise: Otherwise::Builds, read: "1.1.33", ..ROW },
    KnownCrate { name: "curl-sys", otherwise: Otherwise::Builds, read: "0.4.91", ..ROW },
    KnownCrate { name: "libssh2-sys", otherwise: Otherwise::Builds, read: "0.3.4", ..ROW },
    KnownCrate { name: "bzip2-sys", otherwise: Otherwise::Builds, read: "0.1.13", ..ROW },
    KnownCrate { name: "lzma-sys", otherwise: Otherwise::Builds, read: "0.1.20", ..ROW },
    KnownCrate { name: "libusb1-sys", otherwise: Otherwise::Builds, read: "0.7.0", ..ROW },
    KnownCrate { name: "aws-lc-sys", otherwise: Otherwise::Builds, read: "0.47.0", ..ROW },
    KnownCrate { name: "pcre2-sys", otherwise: Otherwise::Builds, read: "0.2.10", ..ROW },
];

/// Packages of Debian for libraries that the metadata of `system-deps` names.
const DEBIAN: &[(&str, &str)] = &[
    ("atk", "libatk1.0-dev"),
    ("cairo", "libcairo2-dev"),
    ("cairo-gobject", "libcairo2-dev"),
    ("gdk-3.0", "libgtk-3-dev"),
    ("gdk-pixbuf-2.0", "libgdk-pixbuf-2.0-dev"),
    ("gio-2.0", "libglib2.0-dev"),
    ("glib-2.0", "libglib2.0-dev"),
    ("gobject-2.0", "libglib2.0-dev"),
    ("gstreamer-1.0", "libgstreamer1.0-dev"),
    ("gtk+-3.0", "libgtk-3-dev"),
    ("gtk4", "libgtk-4-dev"),
    ("libsoup-3.0", "libsoup-3.0-dev"),
    ("pango", "libpango1.0-dev"),
    ("webkit2gtk-4.1", "libwebkit2gtk-4.1-dev"),
];

/// Features by which crates compile their own copy, in the order in which they are suggested.
const BUILDING_FEATURES: &[&str] = &["vendored", "bundled"];

/// A package that is compiled for a target and may link a library of the system.
#[derive(Debug, Clone, Default)]
pub struct LinkingPackage {
    /// Package name.
    pub name: String,
    /// Package version.
    pub version: String,
    /// `links` of its manifest.
    pub links: Option<String>,
    /// Features that are on.
    pub features: BTreeSet<String>,
    /// All features that it has.
    pub known_features: BTreeSet<String>,
    /// `package.metadata.system-deps`.
    pub system_deps: Option<serde_json::Map<String, serde_json::Value>>,
    /// Names of its build-dependencies.
    pub build_dependencies: BTreeSet<String>,
}

/// A library of the system that a package looks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeededLibrary {
    /// Package that looks for it.
    pub package: String,
    /// Version of the package.
    pub version: String,
    /// `links` of its manifest, by which cargo's configuration replaces the build script.
    pub links: Option<String>,
    /// Arguments for pkg-config, of which one suffices: `glib-2.0 >= 2.56`. None: the table does
    /// not know the package.
    pub libraries: Vec<String>,
    /// Effect of a library that is not found.
    pub otherwise: Otherwise,
    /// Feature that is on and makes it look for nothing.
    pub switched_off_by: Option<String>,
    /// Variables by which it looks all the same.
    pub forced_by: Vec<String>,
    /// Variables that name the library.
    pub variables: Vec<String>,
    /// Program of the host that it asks last.
    pub program: Option<String>,
    /// Feature that makes it compile its own copy.
    pub feature: Option<String>,
    /// Package of Debian.
    pub debian: Option<String>,
}

impl LinkingPackage {
    /// Returns true if the package may link a library of the system, as far as its name and its
    /// manifest tell.
    pub fn is_worth(&self) -> bool {
        let known = KNOWN_CRATES.iter().any(|row| row.name == self.name);
        known || self.asks_pkg_config() || self.links_blindly()
    }

    /// Returns true if its build script can ask pkg-config.
    fn asks_pkg_config(&self) -> bool {
        ["pkg-config", "system-deps", "metadeps"]
            .iter()
            .any(|name| self.build_dependencies.contains(*name))
    }

    /// Returns true if it links a library and compiles none: `links` alone is also a means to be
    /// in a graph only once (rayon-core, prettyplease).
    fn links_blindly(&self) -> bool {
        const BUILDERS: &[&str] = &["autotools", "cc", "cmake"];
        let builds = self
            .build_dependencies
            .iter()
            .any(|name| BUILDERS.contains(&name.as_str()) || name.ends_with("-src"));
        self.links.is_some() && self.name.ends_with("-sys") && !builds
    }

    /// Returns the libraries that it looks for; one without names for a package that is not known.
    pub fn libraries(&self) -> Vec<NeededLibrary> {
        let mut rows = KNOWN_CRATES
            .iter()
            .filter(|row| row.name == self.name)
            .peekable();
        if rows.peek().is_some() {
            return rows.filter_map(|row| self.known(row)).collect();
        }
        // It compiles a copy, by all signs.
        if self
            .build_dependencies
            .iter()
            .any(|name| name.ends_with("-src"))
        {
            return Vec::new();
        }
        match &self.system_deps {
            Some(table) if self.build_dependencies.contains("system-deps") => {
                self.of_metadata(table)
            }
            _ if self.asks_pkg_config() || self.links_blindly() => vec![self.needed(Vec::new())],
            _ => Vec::new(),
        }
    }

    /// Returns the library of a row; `None` if there is nothing that the row could look for.
    fn known(&self, row: &KnownCrate) -> Option<NeededLibrary> {
        let on = |features: &[&str]| {
            let mut on = features
                .iter()
                .filter(|name| self.features.contains(**name));
            on.next().map(|name| (*name).to_owned())
        };
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let is_asked = row.only_with.is_empty() || on(row.only_with).is_some();
        if row.libraries.is_empty() || !is_asked && row.forced_by.is_empty() {
            return None;
        }
        let has = |feature: &&&str| {
            row.without.contains(*feature) && self.known_features.contains(**feature)
        };
        Some(NeededLibrary {
            otherwise: if is_asked {
                row.otherwise
            } else {
                Otherwise::Builds
            },
            switched_off_by: on(row.without),
            forced_by: owned(row.forced_by),
            variables: owned(row.variables),
            program: row.program.map(str::to_owned),
            feature: BUILDING_FEATURES
                .iter()
                .find(has)
                .map(|name| (*name).to_owned()),
            debian: Some(row.debian.to_owned()),
            ..self.needed(owned(row.libraries))
        })
    }

    /// Reads the metadata of the `system-deps` crate. What it does not know is ignored, as there.
    ///
    /// Source: <https://docs.rs/system-deps>
    fn of_metadata(
        &self,
        table: &serde_json::Map<String, serde_json::Value>,
    ) -> Vec<NeededLibrary> {
        let mut found = Vec::new();
        for (key, value) in table {
            // `cfg(…)` is a table of libraries for some targets: what is not certain is left out.
            if key.starts_with("cfg(") {
                continue;
            }
            let text = |name: &str| value.get(name).and_then(serde_json::Value::as_str);
            let mut version = value.as_str().or_else(|| text("version"));
            if value.get("optional").and_then(serde_json::Value::as_bool) == Some(true)
                || text("feature").is_some_and(|feature| !self.features.contains(feature))
            {
                continue;
            }
            // A table of a feature that is on has another version, the last of which counts.
            let overrides = value.as_object().into_iter().flatten();
            let names: Vec<_> = overrides
                .filter(|(feature, own)| own.is_object() && self.features.contains(*feature))
                .collect();
            let mut name = text("name").unwrap_or(key);
            for (_, own) in names {
                version = own
                    .get("version")
                    .and_then(serde_json::Value::as_str)
                    .or(version);
                name = own
                    .get("name")
                    .and_then(serde_json::Value::as_str)
                    .unwrap_or(name);
            }
            let fallbacks = value
                .get("fallback-names")
                .and_then(serde_json::Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(serde_json::Value::as_str);
            let libraries = std::iter::once(name)
                .chain(fallbacks)
                .map(|name| match version.and_then(at_least) {
                    Some(version) => format!("{name} >= {version}"),
                    None => name.to_owned(),
                })
                .collect();
            let upper = key.to_uppercase().replace(['-', '.', '+'], "_");
            found.push(NeededLibrary {
                variables: ["LIB", "NO_PKG_CONFIG", "BUILD_INTERNAL"]
                    .map(|what| format!("SYSTEM_DEPS_{upper}_{what}"))
                    .into(),
                debian: DEBIAN
                    .iter()
                    .find(|(library, _)| *library == name)
                    .map(|(_, package)| (*package).to_owned()),
                ..self.needed(libraries)
            });
        }
        found
    }

    /// Returns a library with these names and nothing else known.
    fn needed(&self, libraries: Vec<String>) -> NeededLibrary {
        NeededLibrary {
            package: self.name.clone(),
            version: self.version.clone(),
            links: self.links.clone(),
            libraries,
            otherwise: Otherwise::Fails,
            switched_off_by: None,
            forced_by: Vec::new(),
            variables: Vec::new(),
            program: None,
            feature: None,
            debian: None,
        }
    }
}

/// Returns the version of a requirement that is a plain one: `4.1`, `>= 4.1`.
fn at_least(requirement: &str) -> Option<&str> {
    let version = requirement.trim_start_matches(">=").trim();
    version
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || letter == '.')
        .then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `package` is `name feature…`, with `+` before build-dependencies.
    fn package(text: &str) -> LinkingPackage {
        let mut words = text.split(' ');
        let name = words.next().unwrap().to_owned();
        let (builds, features): (Vec<&str>, Vec<&str>) =
            words.partition(|word| word.starts_with('+'));
        LinkingPackage {
            links: Some("x".to_owned()),
            features: features.iter().map(|name| (*name).to_owned()).collect(),
            known_features: ["vendored".to_owned(), "bundled".to_owned()].into(),
            build_dependencies: builds.iter().map(|name| name[1..].to_owned()).collect(),
            name,
            version: "1.0.0".to_owned(),
            system_deps: None,
        }
    }

    fn check(text: &str, expected: &str) {
        let package = package(text);
        let libraries = if package.is_worth() {
            package.libraries()
        } else {
            Vec::new()
        };
        let lines: Vec<String> = libraries
            .iter()
            .map(|needed| {
                let off = needed.switched_off_by.as_deref().unwrap_or("-");
                let feature = needed.feature.as_deref().unwrap_or("-");
                let names = needed.libraries.join("|");
                format!("{names} {:?} {off} {feature}", needed.otherwise)
            })
            .collect();
        assert_eq!(lines.join(", "), expected, "{text}");
    }

    #[test]
    fn each_crate_looks_for_what_its_build_script_does() {
        check("openssl-sys", "openssl Fails - vendored");
        check("openssl-sys vendored", "openssl Fails vendored vendored");
        check("alsa-sys", "alsa Fails - -");
        check("mysqlclient-sys", "mysqlclient|libmariadb Fails - bundled");
        check("pq-sys", "libpq Links - bundled");
        check("libsqlite3-sys bundled", "sqlite3 Links bundled bundled");
        check(
            "libsqlite3-sys sqlcipher",
            "sqlite3 Links sqlcipher bundled, sqlcipher Links - -",
        );
        check(
            "wayland-sys client egl",
            "wayland-client Fails - -, wayland-egl Fails - -",
        );
        check("wayland-sys client dlopen", "wayland-client Fails dlopen -");
        check("hidapi linux-native", "");
        check("libz-sys", "");
        check("libgit2-sys", "libgit2 Builds - -");
        check("zstd-sys", "libzstd Builds - vendored");
        check("zstd-sys pkg-config", "libzstd Fails - vendored");
    }

    #[test]
    fn a_crate_that_the_table_does_not_know_is_not_checked() {
        check("strange-sys", " Fails - -");
        check("strange +pkg-config", " Fails - -");
        check("strange-sys +cc", "");
        check("strange-sys +strange-src +pkg-config", "");
        check("rayon-core", "");
        check("ring +cc", "");
    }

    #[test]
    fn system_deps_names_its_libraries_in_the_metadata() {
        let check = |table: &str, features: &str, expected: &str| {
            let table: toml::Table = table.parse().unwrap();
            let Ok(serde_json::Value::Object(table)) = serde_json::to_value(table) else {
                panic!("a table");
            };
            let package = LinkingPackage {
                system_deps: Some(table),
                ..package(&format!("glib-sys {features} +system-deps"))
            };
            let lines: Vec<String> = package
                .libraries()
                .iter()
                .map(|needed| {
                    let debian = needed.debian.as_deref().unwrap_or("-");
                    format!("{} ({debian})", needed.libraries.join("|"))
                })
                .collect();
            assert_eq!(lines.join(", "), expected);
        };
        let glib = "[glib_2_0]\nname = \"glib-2.0\"\nversion = \"2.56\"\n\
                    [glib_2_0.v2_58]\nversion = \"2.58\"\n";
        check(glib, "", "glib-2.0 >= 2.56 (libglib2.0-dev)");
        check(glib, "v2_58", "glib-2.0 >= 2.58 (libglib2.0-dev)");
        check("libzmq = \"4.1\"", "", "libzmq >= 4.1 (-)");
        check("x = { version = \"1\", feature = \"y\" }", "", "");
        check("x = { version = \"1\", optional = true }", "", "");
        check(
            "x = { version = \"1\", fallback-names = [\"x-1\"] }",
            "",
            "x >= 1|x-1 >= 1 (-)",
        );
        check("[\"cfg(windows)\"]\nx = \"1\"", "", "");
    }
}
