//! Queries clang for what it finds for a target.

use camino::Utf8Path;

use crate::host::cache;
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::toolchain::facts::ClangFinds;
use crate::toolchain::look::programs;

/// Returns the files that clang finds with these arguments. The answer is cached as long as those
/// files exist: clang is slow to start.
pub fn clang_finds(host: &Host, root: &Utf8Path, arguments: &[String]) -> Option<ClangFinds> {
    let path = host.find("clang")?;
    let cache_file = host
        .identity(&path)
        .and_then(|identity| cache::place(host, "programs", &format!("{arguments:?}\n{identity}")));
    let exist = |finds: &ClangFinds| {
        host.is_file(Utf8Path::new(&finds.start_file)) && host.is_file(Utf8Path::new(&finds.linker))
    };
    if let Some(finds) = cache::read(host, cache_file.as_deref()).filter(exist) {
        return Some(finds);
    }
    let query = |what: &str| {
        let output = host
            .capture(
                &Invocation::new("clang", root)
                    .args(arguments.iter().cloned())
                    .arg(what),
            )
            .ok()?;
        output.success().then(|| output.stdout.trim().to_owned())
    };
    let start_file = query("-print-file-name=crt1.o")?;
    // clang prints a name that it cannot find unchanged; the other answers do not matter then.
    if !start_file.starts_with('/') {
        return Some(ClangFinds {
            start_file,
            level: None,
            linker: String::new(),
            lld: false,
        });
    }
    let finds = ClangFinds {
        level: programs::level_of(host, Utf8Path::new(&start_file)),
        start_file,
        linker: query("-print-prog-name=ld")?,
        lld: query("-print-prog-name=ld.lld")?.starts_with('/'),
    };
    cache::keep(host, cache_file.as_deref(), &finds);
    Some(finds)
}
