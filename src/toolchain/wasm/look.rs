//! Looks for WASI's C library: what the user has set, and the distribution's.

use camino::{Utf8Path, Utf8PathBuf};

use crate::host::machine::Host;
use crate::project::request::TargetRequest;
use crate::target::Target;
use crate::toolchain::facts::WasiSysroot;
use crate::toolchain::look::programs;
use crate::toolchain::program::Program;
use crate::toolchain::wasm::{OLD_NAME, PACKAGE, SDK_VARIABLE, is_wasi};

/// Directory below which that package is installed.
const PACKAGED: &str = "/usr";

/// Directory of the C library in a wasi-sdk.
const IN_SDK: &str = "share/wasi-sysroot";

/// Returns the sysroots for a target: of the configuration, else of a wasi-sdk, and the
/// distribution's. One that was set is returned even if it is of no use.
pub fn find(host: &Host, root: &Utf8Path, request: &TargetRequest) -> Vec<WasiSysroot> {
    let target = &request.target;
    if !is_wasi(target) {
        return Vec::new();
    }
    let of = |origin: String, path: Utf8PathBuf| WasiSysroot {
        origin,
        headers: headers(host, &path, target),
        path,
        ..WasiSysroot::default()
    };
    let configured = request
        .sysroot
        .as_ref()
        .map(|path| of(format!("`sysroot = \"{path}\"`"), path.clone()));
    let sdk = || {
        let sdk = Utf8PathBuf::from(host.var(SDK_VARIABLE)?);
        let own = |name: &str| {
            let path = sdk.join("bin").join(name);
            host.is_file(&path).then_some(path)
        };
        let compiler = |name: &str| -> Option<Program> {
            let path = own(name)?;
            let (_, program) = programs::program(host, root, path.clone(), path.into_string());
            Some(program)
        };
        Some(WasiSysroot {
            clang: compiler("clang"),
            cxx: compiler("clang++"),
            ar: own("llvm-ar"),
            ..of(format!("`{SDK_VARIABLE}={sdk}`"), sdk.join(IN_SDK))
        })
    };
    let packaged = of(PACKAGE.to_owned(), PACKAGED.into());
    configured
        .or_else(sdk)
        .into_iter()
        .chain(packaged.headers.is_some().then_some(packaged))
        .collect()
}

/// Returns the directory of the headers for a target, and the name in it. Before WASI had versions,
/// its C library had one name for all but threads, and older ones have none in the path.
fn headers(host: &Host, sysroot: &Utf8Path, target: &Target) -> Option<(Utf8PathBuf, String)> {
    let has_threads = target.system.suffix.contains("threads");
    let old = if has_threads {
        "wasm32-wasi-threads"
    } else {
        OLD_NAME
    };
    let include = sysroot.join("include");
    [target.triple(), old]
        .map(|name| (include.join(name), name.to_owned()))
        .into_iter()
        .find(|(directory, _)| host.is_file(&directory.join("stdio.h")))
}
