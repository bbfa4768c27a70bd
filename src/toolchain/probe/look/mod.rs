//! Probes archivers for the format they write, and compilers for their header directories.

pub mod subject;

use camino::Utf8Path;

use crate::digest;
use crate::host::cache;
use crate::host::machine::Host;
use crate::host::process::Output;
use crate::invocation::Invocation;
use crate::toolchain::probe::archiver::{self, ArchiveFormat};
use crate::toolchain::probe::headers::{self, Includes};
use crate::toolchain::probe::look::subject::{LARGEST, LIMIT, last_line};
use crate::toolchain::words::ToolWords;

/// Returns the format that an archiver writes, cached by the identity of its file. `None` if it
/// does not exist, which is reported elsewhere.
pub fn archive(host: &Host, archiver: &ToolWords) -> Option<ArchiveFormat> {
    let ToolWords { program, args, .. } = archiver;
    let path = host.find(program)?;
    let cache_file = host
        .identity(&path)
        .and_then(|identity| cache::place(host, "archives", &format!("{identity}\n{args:?}")));
    if let Some(archive) = cache::read(host, cache_file.as_deref()) {
        return Some(archive);
    }
    let scratch = host.scratch().ok()?;
    let directory = Utf8Path::from_path(scratch.path())?;
    // The formats differ in names that do not fit into a header.
    let member = "a-member-with-a-long-name.txt";
    host.write(&directory.join(member), b"text").ok()?;
    let call = Invocation::new(path.as_str(), directory)
        .args(args.iter().cloned())
        .args(["cq", "archive.a", member]);
    let answer = match host.capture_untrusted(&call, LIMIT) {
        Ok(ended) if ended.timed_out => {
            ArchiveFormat::Broken(format!("it did not finish within {} s", LIMIT.as_secs()))
        }
        Ok(ended) if !ended.success() => ArchiveFormat::Broken(
            last_line(&ended.stderr)
                .unwrap_or("it printed no error")
                .to_owned(),
        ),
        Err(problem) => ArchiveFormat::Broken(problem.message),
        Ok(_) => match host.read_small(&directory.join("archive.a"), LARGEST) {
            Ok(bytes) => archiver::archive_format(&bytes),
            Err(_) => ArchiveFormat::Broken("it succeeded but did not write a file".to_owned()),
        },
    };
    // A failure is not cached: it may be temporary.
    if !matches!(answer, ArchiveFormat::Broken(_)) {
        cache::keep(host, cache_file.as_deref(), &answer);
    }
    Some(answer)
}

/// Returns a compiler's header directories, by its `-E -v`. The answer is cached by the identity of
/// the called file and, for a script, by its text, which names the compiler that it wraps.
pub fn includes(host: &Host, root: &Utf8Path, compiler: &ToolWords) -> Option<Includes> {
    let ToolWords { program, args, .. } = compiler;
    let path = host.find(program)?;
    let identity = host.identity(&path)?;
    let text = host
        .read_small(&path, 64 * 1024)
        .ok()
        .filter(|bytes| bytes.starts_with(b"#!"));
    let cache_file = cache::place(
        host,
        "includes",
        &format!(
            "{identity}\n{args:?}\n{}",
            digest::sha256(&text.unwrap_or_default())
        ),
    );
    let exist = |includes: &Includes| includes.c.iter().all(|directory| host.is_dir(directory));
    if let Some(includes) = cache::read(host, cache_file.as_deref()).filter(exist) {
        return Some(includes);
    }
    let query = |language: &str| {
        let call = Invocation::new(program, root)
            .args(args.iter().cloned())
            .args(["-E", "-v", "-x", language, "/dev/null"])
            .env("LC_ALL", "C");
        host.capture_untrusted(&call, LIMIT)
            .ok()
            .filter(Output::success)
            .map(|output| output.stderr)
    };
    let (c, cxx) = (query("c")?, query("c++"));
    // Without an answer for C++, nothing is cached: a C++ compiler may be installed later.
    let complete = cxx.is_some();
    let cxx = cxx.unwrap_or_default();
    let includes = Includes {
        c: headers::search_list(&c),
        cxx: headers::search_list(&cxx),
        defines: headers::header_macros(&format!("{c}\n{cxx}")),
    };
    if complete {
        cache::keep(host, cache_file.as_deref(), &includes);
    }
    Some(includes)
}
