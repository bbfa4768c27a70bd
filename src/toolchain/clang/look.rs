//! Asks clang what it finds for a target.

use camino::Utf8Path;

use crate::host::cache;
use crate::host::machine::Host;
use crate::invocation::Invocation;
use crate::toolchain::facts::ClangFinds;

/// What clang finds with these arguments, kept as long as what it found is there: asking takes it
/// longer than most.
pub fn clang_finds(host: &Host, root: &Utf8Path, arguments: &[String]) -> Option<ClangFinds> {
    let path = host.find("clang")?;
    let kept = host
        .identity(&path)
        .and_then(|identity| cache::place(host, "programs", &format!("{arguments:?}\n{identity}")));
    let there = |finds: &ClangFinds| {
        host.is_file(Utf8Path::new(&finds.start_file)) && host.is_file(Utf8Path::new(&finds.linker))
    };
    if let Some(finds) = cache::read(host, kept.as_deref()).filter(there) {
        return Some(finds);
    }
    let ask = |what: &str| {
        let output = host
            .capture(
                &Invocation::new("clang", root)
                    .args(arguments.iter().cloned())
                    .arg(what),
            )
            .ok()?;
        output.success().then(|| output.stdout.trim().to_owned())
    };
    let start_file = ask("-print-file-name=crt1.o")?;
    // A name that it cannot find comes back as it is; then nothing else matters.
    if !start_file.starts_with('/') {
        return Some(ClangFinds {
            start_file,
            linker: String::new(),
            lld: false,
        });
    }
    let finds = ClangFinds {
        start_file,
        linker: ask("-print-prog-name=ld")?,
        lld: ask("-print-prog-name=ld.lld")?.starts_with('/'),
    };
    cache::keep(host, kept.as_deref(), &finds);
    Some(finds)
}
