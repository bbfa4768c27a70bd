//! Asks archivers and compilers what they write and where they look.

use camino::Utf8Path;

use crate::digest;
use crate::host::cache;
use crate::host::machine::Host;
use crate::host::process::Output;
use crate::invocation::Invocation;
use crate::toolchain::probe::archiver::{self, ArchiveFormat};
use crate::toolchain::probe::headers::{self, Includes};
use crate::toolchain::probe::run::{LARGEST, LIMIT, last_line};

/// What an archiver writes, kept by the identity of its file. `None`: it is not there, which is
/// told elsewhere.
pub fn archive(host: &Host, archiver: &str) -> Option<ArchiveFormat> {
    let path = host.find(archiver)?;
    let kept = host
        .identity(&path)
        .and_then(|identity| cache::place(host, "archives", &identity));
    if let Some(archive) = cache::read(host, kept.as_deref()) {
        return Some(archive);
    }
    let scratch = host.scratch().ok()?;
    let directory = Utf8Path::from_path(scratch.path())?;
    // A name that does not fit into a header is where the formats part.
    let member = "a-member-with-a-long-name.txt";
    host.write(&directory.join(member), b"text").ok()?;
    let question = Invocation::new(path.as_str(), directory).args(["cq", "archive.a", member]);
    let answer = match host.capture_bounded(&question, LIMIT) {
        Ok(ended) if ended.timed_out => {
            ArchiveFormat::Broken(format!("it did not end within {} s", LIMIT.as_secs()))
        }
        Ok(ended) if !ended.success() => ArchiveFormat::Broken(
            last_line(&ended.stderr)
                .unwrap_or("it says nothing")
                .to_owned(),
        ),
        Err(problem) => ArchiveFormat::Broken(problem.message),
        Ok(_) => match host.read_small(&directory.join("archive.a"), LARGEST) {
            Ok(bytes) => archiver::archive_format(&bytes),
            Err(_) => ArchiveFormat::Broken("it ended well but wrote nothing".to_owned()),
        },
    };
    // What went wrong once may go well the next time.
    if !matches!(answer, ArchiveFormat::Broken(_)) {
        cache::keep(host, kept.as_deref(), &answer);
    }
    Some(answer)
}

/// Where a compiler looks for headers, by its `-E -v`; kept by the identity of the file that is
/// called and of what it is a wrapper of, as far as its text says.
pub fn includes(host: &Host, root: &Utf8Path, compiler: &str) -> Option<Includes> {
    let path = host.find(compiler)?;
    let identity = host.identity(&path)?;
    let text = host
        .read_small(&path, 64 * 1024)
        .ok()
        .filter(|bytes| bytes.starts_with(b"#!"));
    let kept = cache::place(
        host,
        "includes",
        &format!("{identity}\n{}", digest::sha256(&text.unwrap_or_default())),
    );
    let standing = |includes: &Includes| includes.c.iter().all(|directory| host.is_dir(directory));
    if let Some(includes) = cache::read(host, kept.as_deref()).filter(standing) {
        return Some(includes);
    }
    let ask = |language: &str| {
        let question = Invocation::new(compiler, root)
            .args(["-E", "-v", "-x", language, "/dev/null"])
            .env("LC_ALL", "C");
        host.capture_bounded(&question, LIMIT)
            .ok()
            .filter(Output::success)
            .map(|output| output.stderr)
    };
    let (c, cxx) = (ask("c")?, ask("c++"));
    // A C++ compiler may be installed tomorrow.
    let whole = cxx.is_some();
    let cxx = cxx.unwrap_or_default();
    let includes = Includes {
        c: headers::search_list(&c),
        cxx: headers::search_list(&cxx),
        defines: headers::header_macros(&format!("{c}\n{cxx}")),
    };
    if whole {
        cache::keep(host, kept.as_deref(), &includes);
    }
    Some(includes)
}
