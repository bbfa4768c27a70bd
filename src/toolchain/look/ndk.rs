//! Finds Android's NDK.

use camino::Utf8Path;

use crate::host::machine::Host;
use crate::target::Target;
use crate::target::system::Os;
use crate::toolchain::clang::ndk::{self, VARIABLES};
use crate::toolchain::facts::Ndk;

/// Returns the NDK that a variable names, for a target of Android; `None` if none is set.
///
/// # Errors
/// What is set is no NDK, or has no compiler for the target, with the reason as a clause.
pub fn find(host: &Host, target: &Target) -> Option<Result<Ndk, String>> {
    if target.system.os != Os::Android {
        return None;
    }
    let mut set = VARIABLES.iter();
    let (name, value) = set.find_map(|name| Some((name, host.var(name)?)))?;
    Some(
        read(host, target, &host.absolute(Utf8Path::new(value)))
            .map_err(|reason| format!("`{name}={value}` {reason}")),
    )
}

fn read(host: &Host, target: &Target, root: &Utf8Path) -> Result<Ndk, String> {
    const PREBUILT: &str = "toolchains/llvm/prebuilt";
    // There is one directory, named after the host: `linux-x86_64`.
    let hosts = host.names(&root.join(PREBUILT));
    let Some(own) = hosts.into_iter().next() else {
        return Err(format!("is no NDK: it has no `{PREBUILT}`"));
    };
    let programs = root.join(PREBUILT).join(own).join("bin");
    let names = host.names(&programs);
    let prefix = ndk::compiler_prefix(target.triple());
    let names = names.iter().map(|name| name.as_str());
    let Some((level, compiler)) = ndk::oldest(&prefix, names) else {
        return Err(format!(
            "has no compiler `{prefix}21-clang`, nor for a later API"
        ));
    };
    let properties = host.read_text(&root.join("source.properties"));
    let version = properties.ok().and_then(|text| {
        let mut lines = text.lines();
        lines.find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == "Pkg.Revision").then(|| value.trim().to_owned())
        })
    });
    Ok(Ndk {
        compiler: compiler.to_owned(),
        level,
        version: version.unwrap_or_else(|| "of unknown version".to_owned()),
        programs,
    })
}
