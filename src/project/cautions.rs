//! Cautions about build scripts that were read: those that do something else where they
//! cross-compile, that ask the host about the target, that download, or that leave a directory of the
//! build in programs.
//!
//! Pure.

use serde::{Deserialize, Serialize};

use crate::project::system_libraries::LinkingPackage;

/// A build script that does something else where it believes that it cross-compiles, that asks the
/// host about the target, that downloads, or that leaves a directory of the build in programs.
#[derive(Debug)]
pub struct Caution {
    /// Crate name.
    pub name: &'static str,
    /// Features of which one must be on; none: always.
    pub only_with: &'static [&'static str],
    /// Features with which it does not.
    pub without: &'static [&'static str],
    /// True if it matters only for a foreign target.
    pub foreign: bool,
    /// True if directories of the build are in the programs, whatever flags compilers have.
    pub leaves_paths: bool,
    /// Clause that says what the build script does.
    pub what: &'static str,
    /// Place in the crate where that was read.
    pub source: &'static str,
}

/// Build scripts that were read, each with what it does.
pub const CAUTIONS: &[Caution] = &[
    Caution {
        name: "libsqlite3-sys",
        only_with: &["buildtime_bindgen"],
        without: &[],
        foreign: true,
        leaves_paths: false,
        what: "leaves out `sqlite3_vmprintf` and the other functions with a `va_list` when it \
               cross-compiles",
        source: "libsqlite3-sys 0.40.0, build.rs, `is_cross_compiling`",
    },
    Caution {
        name: "libgssapi-sys",
        only_with: &[],
        without: &[],
        foreign: true,
        leaves_paths: false,
        what: "does not ask pkg-config when it cross-compiles: it chooses between MIT and Heimdal \
               by the host's libraries, unless `LIBGSSAPI_IMPL` is set",
        source: "libgssapi-sys 0.3.4, build.rs, `cross_compile`",
    },
    Caution {
        name: "pcap",
        only_with: &[],
        without: &[],
        foreign: true,
        leaves_paths: false,
        what: "takes the version of the host's libpcap for the target's where pkg-config finds \
               none, unless `LIBPCAP_VER` is set",
        source: "pcap 2, build.rs, `get_libpcap_version`",
    },
    Caution {
        name: "openblas-src",
        only_with: &[],
        without: &["system"],
        foreign: false,
        leaves_paths: false,
        what: "downloads the source of OpenBLAS and compiles it; its feature `system` does not",
        source: "openblas-src 0.10.16, build.rs, `openblas_build::download`",
    },
    Caution {
        name: "ort-sys",
        only_with: &["download-binaries"],
        without: &["disable-linking"],
        foreign: false,
        leaves_paths: false,
        what: "downloads binaries of ONNX Runtime",
        source: "ort-sys 2.0.0-rc.15, build/download/mod.rs",
    },
    Caution {
        name: "libsodium-sys-stable",
        only_with: &["fetch-latest"],
        without: &["use-pkg-config"],
        foreign: false,
        leaves_paths: false,
        what: "downloads the latest source of libsodium",
        source: "libsodium-sys-stable 1.24.3, build.rs, `retrieve_and_verify_archive`",
    },
    Caution {
        name: "openssl-sys",
        only_with: &["vendored"],
        without: &[],
        foreign: false,
        leaves_paths: true,
        what: "compiles OpenSSL, which keeps the directory that it is installed to in programs \
               (`ENGINESDIR`, `MODULESDIR`)",
        source: "openssl-src 300.6.1, src/lib.rs, `--prefix`; measured",
    },
];

/// A caution about a package of the graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CautionFound {
    /// Package name.
    pub package: String,
    /// Package version.
    pub version: String,
    /// True if it matters only for a foreign target.
    pub foreign: bool,
    /// True if directories of the build are in the programs.
    #[serde(default)]
    pub leaves_paths: bool,
    /// Clause that says what its build script does.
    pub what: String,
}

impl std::fmt::Display for CautionFound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            package,
            version,
            what,
            ..
        } = self;
        write!(f, "the build script of {package} {version} {what}")
    }
}

/// Returns the cautions about a package's build script.
pub fn of(package: &LinkingPackage) -> Vec<CautionFound> {
    let on = |features: &[&str]| features.iter().any(|name| package.features.contains(*name));
    let applies = |caution: &&Caution| {
        caution.name == package.name
            && (caution.only_with.is_empty() || on(caution.only_with))
            && !on(caution.without)
    };
    CAUTIONS
        .iter()
        .filter(applies)
        .map(|caution| CautionFound {
            package: package.name.clone(),
            version: package.version.clone(),
            foreign: caution.foreign,
            leaves_paths: caution.leaves_paths,
            what: caution.what.to_owned(),
        })
        .collect()
}

#[test]
fn a_build_script_that_downloads_or_asks_the_host_is_known() {
    let check = |name: &str, features: &[&str], expected: &[&str]| {
        let package = LinkingPackage {
            name: name.to_owned(),
            features: features.iter().copied().map(str::to_owned).collect(),
            ..LinkingPackage::default()
        };
        let found = of(&package);
        let what: Vec<&str> = found.iter().map(|caution| caution.what.as_str()).collect();
        assert_eq!(what, expected);
    };
    check("ort-sys", &[], &[]);
    check(
        "ort-sys",
        &["download-binaries"],
        &["downloads binaries of ONNX Runtime"],
    );
    check("openblas-src", &["system"], &[]);
    check("openssl-sys", &[], &[]);
}
