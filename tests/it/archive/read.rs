//! EntryKind `verify` reads of directories, files and archives, and how it stands archives that lie.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use camino::Utf8Path;
use cargo_xpkg::archive::entry::{Artifacts, ArtifactsKind, Entry, EntryKind};
use cargo_xpkg::archive::limits::Limits;
use cargo_xpkg::archive::look::read;
use cargo_xpkg::archive::packing::ARCHIVE_UNFIT;
use cargo_xpkg::digest::{Algorithm, sha256};
use cargo_xpkg::host::codes::FILE_ACCESS;
use cargo_xpkg::host::machine::Host;
use cargo_xpkg::host::shell::Shell;

use crate::archive::mutants::elf;
use crate::support::tool;

/// Archives made by hand, so that they can lie.
pub mod made {
    use std::io::Write as _;

    pub fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    pub fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    pub fn xz(bytes: &[u8]) -> Vec<u8> {
        xz_with(bytes, 1 << 20)
    }

    /// An xz with a dictionary of this size.
    pub fn xz_with(bytes: &[u8], dictionary: u32) -> Vec<u8> {
        let mut options = lzma_rust2::XzOptions::with_preset(1);
        options.lzma_options.dict_size = dictionary;
        let mut packed = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    pub fn bzip2(bytes: &[u8]) -> Vec<u8> {
        let mut packed = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    /// An `ar` of these members.
    pub fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut file = b"!<arch>\n".to_vec();
        for (name, bytes) in members {
            let size = bytes.len();
            file.extend(format!("{name:<16}0           0     0     100644  {size:<10}`\n").bytes());
            file.extend(*bytes);
            file.resize(file.len().next_multiple_of(2), b'\n');
        }
        file
    }

    /// A package of Debian with one control file and these files.
    pub fn deb(files: &[(&str, &[u8])]) -> Vec<u8> {
        ar(&[
            ("debian-binary", b"2.0\n"),
            (
                "control.tar.gz",
                &gzip(&tar(&[("./control", b"Package: a\n")])),
            ),
            ("data.tar.xz", &xz(&tar(files))),
        ])
    }

    /// A cpio of SVR4: path, mode, inode, number of names, contents.
    pub fn cpio(files: &[(&str, u32, u32, u32, &[u8])]) -> Vec<u8> {
        let mut file = Vec::new();
        let pad = |file: &mut Vec<u8>| file.resize(file.len().next_multiple_of(4), 0);
        for (path, mode, inode, names, bytes) in
            files.iter().chain([&("TRAILER!!!", 0, 0, 1, &b""[..])])
        {
            let (size, length) = (bytes.len() as u32, path.len() as u32 + 1);
            let numbers = [*inode, *mode, 0, 0, *names, 0, size, 0, 0, 0, 0, length, 0];
            file.extend(b"070701");
            file.extend(
                numbers
                    .iter()
                    .flat_map(|number| format!("{number:08x}").into_bytes()),
            );
            file.extend(path.as_bytes());
            file.push(0);
            pad(&mut file);
            file.extend(*bytes);
            pad(&mut file);
        }
        file
    }

    /// A package of RPM without compression and digests.
    pub fn rpm(payload: &[u8]) -> Vec<u8> {
        let magic = [0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
        let words = |words: &[u32]| -> Vec<u8> {
            words.iter().flat_map(|word| word.to_be_bytes()).collect()
        };
        [
            &[0xed, 0xab, 0xee, 0xdb, 3, 0][..],
            &[0; 90],
            &magic,
            &words(&[0, 0]),
            &magic,
            &words(&[1, 5, 1125, 6, 0, 1]),
            b"none\0",
            payload,
        ]
        .concat()
    }

    /// A tar of plain files, mode 0644.
    pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let blocks = files
            .iter()
            .flat_map(|(path, bytes)| block(path, b'0', bytes, bytes.len() as u64));
        blocks.chain([0; 1024]).collect()
    }

    /// One entry of a tar, which may say any size.
    pub fn block(path: &str, kind: u8, bytes: &[u8], size: u64) -> Vec<u8> {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(size);
        header.set_cksum();
        let mut block = header.as_bytes().to_vec();
        block.extend(bytes);
        block.resize(block.len().next_multiple_of(512), 0);
        block
    }

    /// One record of a pax header.
    pub fn pax(key: &str, value: &str) -> Vec<u8> {
        let rest = key.len() + value.len() + 3;
        let length = (rest..)
            .find(|length| *length == rest + length.to_string().len())
            .unwrap();
        format!("{length} {key}={value}\n").into_bytes()
    }

    /// Values that one zip entry has in its two headers.
    #[derive(Clone)]
    pub struct Zipped {
        pub name: &'static str,
        pub local_name: &'static str,
        pub bytes: Vec<u8>,
        pub method: u16,
        pub flags: u16,
        pub crc: u32,
        pub size: u32,
        pub packed: u32,
        pub mode: u32,
        /// Starts where this entry's contents start, instead of after them.
        pub at: Option<u32>,
        /// Extra fields of the central directory and of the local header.
        pub extra: [Vec<u8>; 2],
    }

    pub fn zipped(name: &'static str, bytes: &[u8], deflate: bool) -> Zipped {
        let mut packed =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(bytes).unwrap();
        let packed = if deflate {
            packed.finish().unwrap()
        } else {
            bytes.to_vec()
        };
        Zipped {
            name,
            local_name: name,
            method: if deflate { 8 } else { 0 },
            flags: 0,
            crc: rawzip::crc32(bytes),
            size: bytes.len() as u32,
            packed: packed.len() as u32,
            bytes: packed,
            mode: 0o100_644,
            at: None,
            extra: [Vec::new(), Vec::new()],
        }
    }

    pub fn zip(entries: &[Zipped]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut directory = Vec::new();
        let fields = |numbers: &[(u32, usize)]| -> Vec<u8> {
            numbers
                .iter()
                .flat_map(|(number, width)| number.to_le_bytes()[..*width].to_vec())
                .collect()
        };
        for entry in entries {
            let at = entry.at.unwrap_or(file.len() as u32);
            let common = |name: &str, extra: &[u8]| {
                let start = [
                    (20, 2),
                    (entry.flags.into(), 2),
                    (entry.method.into(), 2),
                    (0, 4),
                    (entry.crc, 4),
                ];
                fields(
                    &[
                        &start[..],
                        &[
                            (entry.packed, 4),
                            (entry.size, 4),
                            (name.len() as u32, 2),
                            (extra.len() as u32, 2),
                        ],
                    ]
                    .concat(),
                )
            };
            directory.extend(
                [
                    b"PK\x01\x02",
                    &[20, 3][..],
                    &common(entry.name, &entry.extra[0]),
                ]
                .concat(),
            );
            directory.extend(fields(&[
                (0, 2),
                (0, 2),
                (0, 2),
                (entry.mode << 16, 4),
                (at, 4),
            ]));
            directory.extend(entry.name.as_bytes());
            directory.extend(&entry.extra[0]);
            if entry.at.is_none() {
                file.extend(
                    [
                        b"PK\x03\x04",
                        &common(entry.local_name, &entry.extra[1])[..],
                        entry.local_name.as_bytes(),
                        &entry.extra[1],
                        &entry.bytes,
                    ]
                    .concat(),
                );
            }
        }
        let (at, length, count) = (
            file.len() as u32,
            directory.len() as u32,
            entries.len() as u32,
        );
        file.extend(directory);
        file.extend(b"PK\x05\x06");
        file.extend(fields(&[
            (0, 2),
            (0, 2),
            (count, 2),
            (count, 2),
            (length, 4),
            (at, 4),
            (0, 2),
        ]));
        file
    }
}

struct Place {
    _temp: tempfile::TempDir,
    root: PathBuf,
}

fn place() -> Place {
    let temp = tempfile::tempdir().unwrap();
    Place {
        root: temp.path().canonicalize().unwrap(),
        _temp: temp,
    }
}

impl Place {
    fn put(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn run(&self, program: &str, args: &[&str]) {
        let status = Command::new(tool(program))
            .args(args)
            .current_dir(&self.root)
            .status()
            .unwrap();
        assert!(status.success(), "{program} {args:?}");
    }
}

fn seen(path: &Path, limits: &Limits) -> Artifacts {
    read(
        &Host::new(Shell::default()).unwrap(),
        Utf8Path::from_path(path).unwrap(),
        limits,
        &Shell::default().bar("Reading"),
    )
    .unwrap()
}

/// Each entry on one line.
fn lines(subject: &Artifacts) -> Vec<String> {
    let line = |entry: &Entry| {
        let what = match &entry.what {
            EntryKind::File(file) => {
                let mode = file
                    .mode
                    .map_or_else(|| "-".to_owned(), |mode| format!("{mode:o}"));
                let list = if file.list.is_some() { " list" } else { "" };
                format!(
                    "file {} {mode} {}{list}",
                    file.size,
                    if file.binary.is_ok() {
                        "program"
                    } else {
                        "data"
                    }
                )
            }
            EntryKind::Link(target) => format!("-> {target}"),
            EntryKind::HardLink(target) => format!("= {target}"),
            EntryKind::Directory => "directory".to_owned(),
            EntryKind::Special(kind) => (*kind).to_owned(),
            EntryKind::Unread { code, why } => format!("{}: {why}", code.name()),
        };
        format!("{}: {what}", entry.path)
    };
    subject.entries.iter().map(line).collect()
}

#[track_caller]
fn check(name: &str, bytes: &[u8], expected: &[&str]) {
    let place = place();
    let subject = seen(&place.put(name, bytes), &small());
    assert_eq!(lines(&subject), expected);
    assert_eq!(subject.kind, ArtifactsKind::Archive);
}

/// Limits that a test reaches in no time.
pub fn small() -> Limits {
    Limits {
        unpacked: 4 << 20,
        ratio_from: 1 << 20,
        entries: 1000,
        program: 1 << 20,
        lists: 1 << 16,
        ..Limits::default()
    }
}

fn program() -> Vec<u8> {
    elf(&[])
}

#[cfg(unix)]
#[test]
fn a_directory_is_walked_and_its_links_are_not() {
    let place = place();
    let elf = program();
    place.put("tree/bin/tool", &elf);
    place.put("tree/MANIFEST.txt", b"0  bin/tool\n");
    place.put("tree/deep/a/b/c/text", b"hello");
    place.put("outside", b"no");
    place.run(
        "sh",
        &[
            "-c",
            "cd tree && chmod 0755 bin/tool && ln -s ../outside out && ln -s bin \
                             up && mkfifo pipe && mkdir empty",
        ],
    );
    std::os::unix::fs::symlink("deep", place.root.join("through")).unwrap();
    let bar = Shell::default().bar("Reading");
    let root = Utf8Path::from_path(&place.root).unwrap();
    let subject = read(
        &Host::new(Shell::default()).unwrap(),
        &root.join("tree"),
        &Limits::default(),
        &bar,
    )
    .unwrap();
    let size = elf.len();
    assert_eq!(
        lines(&subject),
        [
            "MANIFEST.txt: file 12 644 data list",
            "bin: directory",
            &format!("bin/tool: file {size} 755 program"),
            "deep: directory",
            "deep/a: directory",
            "deep/a/b: directory",
            "deep/a/b/c: directory",
            "deep/a/b/c/text: file 5 644 data",
            "empty: directory",
            "out: -> ../outside",
            "pipe: a pipe",
            "up: -> bin",
        ]
    );
    assert_eq!(bar.bytes(), elf.len() as u64 + 17);
    let EntryKind::File(file) = &subject.entries[2].what else {
        panic!()
    };
    assert_eq!(file.sha256, sha256(&elf));
    assert_eq!(subject.kind, ArtifactsKind::Directory);
    // One file alone; a pipe that would wait for its writer forever; and nothing at all.
    assert_eq!(
        lines(&seen(&place.root.join("tree/bin/tool"), &Limits::default())),
        [format!("tool: file {size} 755 program")]
    );
    assert_eq!(
        lines(&seen(&place.root.join("tree/pipe"), &Limits::default())),
        ["pipe: a pipe"]
    );
    let missing = read(
        &Host::new(Shell::default()).unwrap(),
        &root.join("none"),
        &Limits::default(),
        &Shell::default().bar("Reading"),
    )
    .unwrap_err();
    assert_eq!(missing.code, FILE_ACCESS);
}

#[cfg(unix)]
#[test]
fn what_cannot_be_named_or_opened_is_told() {
    use std::os::unix::ffi::OsStrExt as _;
    let place = place();
    place.put("tree/a", b"x");
    std::fs::write(
        place
            .root
            .join("tree")
            .join(std::ffi::OsStr::from_bytes(b"b\xff")),
        b"x",
    )
    .unwrap();
    let subject = seen(&place.root.join("tree"), &Limits::default());
    assert_eq!(
        lines(&subject),
        [
            "a: file 1 644 data",
            "b\u{fffd}: file-access: its name is not UTF-8, so no list can name it"
        ]
    );
}

#[test]
fn archives_of_real_tools_are_read_alike() {
    let place = place();
    let elf = program();
    let long = format!("{0}/{0}/file", "long".repeat(20));
    place.put("tree/bin/tool", &elf);
    place.put("tree/manifest.json", b"{}");
    place.put(&format!("tree/{long}"), b"12345");
    place.run(
        "sh",
        &[
            "-c",
            "cd tree && chmod 0755 bin/tool && ln -s bin/tool link",
        ],
    );
    let commands = [
        "tar -cf gnu.tar -C tree .",
        "tar --format=pax -cf pax.tar -C tree .",
        "tar --format=ustar -czf ustar.tar.gz -C tree .",
        "tar -czf gnu.tgz -C tree bin manifest.json link $(ls tree | grep long)",
        "zstd -q gnu.tar -o gnu.tar.zst",
        "cat gnu.tar.zst > two.tar.zst && printf '\\120\\052\\115\\030\\003\\000\\000\\000abc' >> \
         two.tar.zst",
        "head -c 5000 pax.tar | gzip > members.tgz && tail -c +5001 pax.tar | gzip >> members.tgz",
        "head -c 5000 pax.tar | zstd -q > frames.tar.zst && tail -c +5001 pax.tar | zstd -q \
         --ultra -22 >> frames.tar.zst",
        "cd tree && zip -qry ../deflated.zip .",
        "cd tree && zip -qry0 ../stored.zip .",
        // Without a place to go back to, sizes follow the contents; zip cannot stream a link.
        "cd tree && zip -qr - . -x link | cat > ../streamed.zip",
        // The first bytes tell, not the name.
        "cp gnu.tgz gnu.zip && cp gnu.tgz plain",
        "xz -k gnu.tar && bzip2 -k gnu.tar",
        "head -c 5000 pax.tar | xz -9 -C sha256 > streams.txz && head -c 8 /dev/zero >> streams.txz && tail -c +5001 \
         pax.tar | xz -C none >> streams.txz",
        "xz -k --block-size=3000 --x86 --lzma2=preset=1 < pax.tar > blocks.tar.xz",
        "head -c 5000 pax.tar | bzip2 > streams.tbz2 && tail -c +5001 pax.tar | bzip2 >> streams.tbz2",
    ];
    for command in commands {
        place.run("sh", &["-c", command]);
    }
    let size = elf.len();
    let expected = [
        "bin: directory".to_owned(),
        format!("bin/tool: file {size} 755 program"),
        "link: -> bin/tool".to_owned(),
        format!("{}: directory", "long".repeat(20)),
        format!("{0}/{0}: directory", "long".repeat(20)),
        format!("{long}: file 5 644 data"),
        "manifest.json: file 2 644 data list".to_owned(),
    ];
    let names = "gnu.tar pax.tar gnu.tgz gnu.tar.zst two.tar.zst members.tgz frames.tar.zst \
                 deflated.zip stored.zip streamed.zip gnu.zip plain gnu.tar.xz gnu.tar.bz2 streams.txz \
                 blocks.tar.xz streams.tbz2";
    for name in names.split_whitespace().chain(["ustar.tar.gz"]) {
        let subject = seen(&place.root.join(name), &Limits::default());
        let expected: Vec<_> = expected
            .iter()
            .filter(|line| name != "streamed.zip" || !line.contains("->"))
            .collect();
        assert_eq!(
            lines(&subject).iter().collect::<Vec<_>>(),
            expected,
            "{name}"
        );
        let EntryKind::File(file) = &subject.entries[1].what else {
            panic!()
        };
        assert_eq!(file.sha256, sha256(&elf), "{name}");
        assert_eq!(subject.kind, ArtifactsKind::Archive);
    }
}

#[test]
fn entries_are_kept_as_the_archive_has_them() {
    let tar = [
        made::block("./b", b'0', b"1", 1),
        made::block("../up", b'0', b"", 0),
        made::block("/etc/x", b'0', b"", 0),
        made::block(".//abs", b'0', b"", 0),
        made::block("b", b'0', b"22", 2),
        made::block("hard", b'1', b"", 0),
        made::block("null", b'3', b"", 0),
        made::block("disk", b'4', b"", 0),
        made::block("pipe", b'6', b"", 0),
        made::block("what", b'V', b"", 0),
        made::block("old/", b'0', b"", 0),
        made::block("full/", b'0', b"x", 1),
        vec![0; 1024],
    ];
    check(
        "a.tar",
        &tar.concat(),
        &[
            "../up: file 0 644 data",
            ".//abs: file 0 644 data",
            "/etc/x: file 0 644 data",
            "b: file 1 644 data",
            "b: file 2 644 data",
            "disk: a block device",
            "full: archive-unfit: its path ends with a slash like a directory's, but it has contents",
            "hard: = ",
            "null: a character device",
            "old: directory",
            "pipe: a pipe",
            "what: archive-unfit: its entry type is unknown ('V')",
        ],
    );
    let twice = [
        made::zipped("b", b"1", false),
        made::zipped("../x", b"", false),
        made::zipped("b", b"22", true),
    ];
    check(
        "a.zip",
        &made::zip(&twice),
        &[
            "../x: file 0 644 data",
            "b: file 1 644 data",
            "b: file 2 644 data",
        ],
    );
}

#[test]
fn what_cannot_be_an_archive_says_so() {
    check(
        "a.tar.gz",
        b"",
        &[": archive-unfit: its name is an archive's, but its first bytes are not"],
    );
    for name in ["a.deb", "a.rpm", "a.whl", "a.crate", "a.xz", "a.BZ2"] {
        check(
            name,
            b"Not Found",
            &[": archive-unfit: its name is an archive's, but its first bytes are not"],
        );
    }
    for (first, what) in [
        (&b"7z\xbc\xaf\x27\x1c"[..], "a 7z archive"),
        (b"Rar!\x1a\x07\x01", "a RAR archive"),
        (b"LZIP\x01", "compressed with lzip"),
        (b"MSCF\0\0\0\0", "a cabinet"),
    ] {
        let why = format!(": archive-unfit: it is {what}, which is not supported");
        check("a", first, &[&why]);
    }
    check(
        "a.txz",
        b"\xfd7zXZ\0",
        &[": archive-unfit: failed to fill whole buffer"],
    );
    check(
        "a.tar",
        b"",
        &[": archive-unfit: it is truncated: it has no end-of-archive marker"],
    );
    check("a.tar", &[0; 1024], &[]);
    check(
        "text.tar.gz",
        &made::gzip(&[b'a'; 600]),
        &[&format!(
            ": archive-unfit: it does not contain a tar: numeric field was not a number: aaaaaaaa when \
             getting cksum for {}",
            "a".repeat(100)
        )],
    );
}

#[test]
fn one_compressed_file_has_the_name_of_its_archive() {
    let elf = program();
    let size = elf.len();
    let expected = format!("app-linux-amd64: file {size} - program");
    for (name, bytes) in [
        ("app-linux-amd64.gz", made::gzip(&elf)),
        ("app-linux-amd64.xz", made::xz(&elf)),
        ("app-linux-amd64.bz2", made::bzip2(&elf)),
        ("app-linux-amd64.zst", made::zstd(&elf)),
        ("app-linux-amd64", made::gzip(&elf)),
    ] {
        check(name, &bytes, &[&expected]);
    }
    // gzip's own name leads elsewhere.
    let mut named = flate2::GzBuilder::new()
        .filename("../../etc/passwd")
        .write(Vec::new(), flate2::Compression::fast());
    named.write_all(b"hello").unwrap();
    check("a.gz", &named.finish().unwrap(), &["a: file 5 - data"]);
    check("a.gz", &made::gzip(b""), &["a: file 0 - data"]);
    let mut cut = made::gzip(&elf);
    cut.truncate(cut.len() - 1);
    check("a.gz", &cut, &["a: archive-unfit: unexpected end of file"]);
    check(
        "a.gz",
        &made::gzip(&vec![0; 6 << 20]),
        &["a: archive-unfit: it unpacks to more than the allowed 4194304 bytes"],
    );
}

#[test]
fn a_dictionary_of_xz_has_a_bound() {
    let tar = made::tar(&[("a", b"x")]);
    check(
        "a.tar.xz",
        &made::xz_with(&tar, 128 << 20),
        &["a: file 1 644 data"],
    );
    let mut large = made::xz(&tar);
    // The dictionary's size in the header of the first block (40: 4 GiB), and the header's CRC-32.
    assert_eq!(large[14..16], [0x21, 1]);
    large[16] = 40;
    let sum = rawzip::crc32(&large[12..20]).to_le_bytes();
    large[20..24].copy_from_slice(&sum);
    check(
        "a.tar.xz",
        &large,
        &[": archive-unfit: needed memory too big for mem_limit_kb"],
    );
}

#[test]
fn packages_of_dpkg_deb_are_read() {
    let place = place();
    let elf = program();
    place.put("tree/DEBIAN/control", b"Package: a\nVersion: 1\nArchitecture: amd64\nMaintainer: a <a@example.org>\nDescription: a\n");
    place.put("tree/usr/bin/tool", &elf);
    place.run(
        "sh",
        &[
            "-c",
            "chmod 755 tree tree/DEBIAN tree/usr/bin/tool && ln -s /usr/bin/tool tree/usr/bin/link",
        ],
    );
    let size = elf.len();
    for how in ["xz", "gzip", "zstd", "none"] {
        let help = Command::new(tool("dpkg-deb"))
            .arg("--help")
            .output()
            .unwrap();
        if !String::from_utf8_lossy(&help.stdout).contains(how) {
            crate::support::skipped_in_part("archive::read", &format!("dpkg-deb has no {how}"));
            continue;
        }
        place.run("dpkg-deb", &["-b", &format!("-Z{how}"), "tree", "a.deb"]);
        let subject = seen(&place.root.join("a.deb"), &Limits::default());
        assert_eq!(
            lines(&subject),
            [
                "DEBIAN/control: file 87 644 data".to_owned(),
                "usr: directory".to_owned(),
                "usr/bin: directory".to_owned(),
                "usr/bin/link: -> /usr/bin/tool".to_owned(),
                format!("usr/bin/tool: file {size} 755 program"),
            ],
            "{how}"
        );
        assert_eq!(subject.kind, ArtifactsKind::Package);
    }
}

#[track_caller]
fn check_package(name: &str, bytes: &[u8], expected: &[&str]) {
    let place = place();
    let subject = seen(&place.put(name, bytes), &small());
    assert_eq!(lines(&subject), expected);
    assert_eq!(subject.kind, ArtifactsKind::Package);
}

#[test]
fn a_package_of_alpine_is_one_tar_of_several_members() {
    // Only the last of its tars has an end.
    let cut = made::block(".PKGINFO", b'0', b"hello", 5);
    let data = made::tar(&[("usr/a", b"hello")]);
    let bytes = [made::gzip(&cut), made::gzip(&data)].concat();
    let expected = [".PKGINFO: file 5 644 data", "usr/a: file 5 644 data"];
    check_package("a-1.0-r0.apk", &bytes, &expected);
    let android = made::zip(&[made::zipped("lib/arm64-v8a/liba.so", b"hello", true)]);
    check(
        "a.apk",
        &android,
        &["lib/arm64-v8a/liba.so: file 5 644 data"],
    );
}

#[test]
fn a_deb_that_lies_is_told() {
    let control = made::gzip(&made::tar(&[("./control", b"Package: a\n")]));
    let data = made::tar(&[("./usr/a", b"hello")]);
    let version = ("debian-binary", &b"2.0\n"[..]);
    let entries = ["DEBIAN/control: file 11 644 data", "usr/a: file 5 644 data"];
    let good = [version, ("control.tar.gz", &control), ("data.tar", &data)];
    check_package("a.deb", &made::ar(&good), &entries);
    let named = ["debian-binary/", "control.tar.gz/", "data.tar/"];
    let bsd: Vec<_> = good
        .iter()
        .zip(named)
        .map(|((_, bytes), name)| (name, *bytes))
        .collect();
    check_package("a.deb", &made::ar(&bsd), &entries);
    let signed = [&good[..], &[("_gpgorigin", &b"x"[..])]].concat();
    check_package(
        "a.deb",
        &made::ar(&signed),
        &[entries[0], "_gpgorigin: file 1 - data", entries[1]],
    );
    let check = |members: &[(&str, &[u8])], expected: &[&str], why: &str| {
        let why = format!(": archive-unfit: {why}");
        let expected: Vec<&str> = [why.as_str()]
            .into_iter()
            .chain(expected.iter().copied())
            .collect();
        check_package("a.deb", &made::ar(members), &expected);
    };
    let both = &entries[..];
    check(
        &[&good[..], &[("data.tar.gz", &control[..])]].concat(),
        both,
        "its member `data.tar.gz` is not one that dpkg looks for there",
    );
    check(
        &[version, good[2], good[1]],
        &[],
        "its member `data.tar` is not one that dpkg looks for there",
    );
    check(&good[..1], &[], "it is truncated: it has no control.tar");
    check(
        &good[..2],
        &entries[..1],
        "it is truncated: it has no data.tar",
    );
    check(
        &[("debian-binary", b"3.0\n")],
        &[],
        "it is a package of a format other than 2",
    );
    for name in ["//", "#1/20", "/12", "a b", ""] {
        let members = [version, (name, &b"x"[..])];
        let why = "it has a member with a name that no package has";
        check(&members, &[], why);
    }
    check(
        &[version, ("control.tar.lzma", b"x")],
        &[],
        "the compression of its member `control.tar.lzma` is not supported",
    );
    check(
        &[version, ("control.tar.xz", &control)],
        &[],
        "it does not contain a tar: invalid XZ magic bytes",
    );
    // A path that leads out is not hidden by the directory of control files.
    let out = made::tar(&[("/etc/x", b""), ("../y", b"")]);
    check_package(
        "a.deb",
        &made::ar(&[version, ("control.tar", &out), good[2]]),
        &[
            "/etc/x: file 0 644 data",
            "DEBIAN/../y: file 0 644 data",
            entries[1],
        ],
    );
    let mut sized = made::ar(&good);
    sized[8 + 48..8 + 58].copy_from_slice(b"-1        ");
    check_package(
        "a.deb",
        &sized,
        &[": archive-unfit: it has a member with a size that is not a number"],
    );
    // Control and data share one limit.
    let zeros = made::gzip(&made::tar(&[("z", &vec![0; 3 << 20])]));
    let bomb = made::ar(&[version, ("control.tar.gz", &zeros), ("data.tar.gz", &zeros)]);
    let subject = seen(&place().put("a.deb", &bomb), &small());
    assert!(
        lines(&subject)[0].starts_with(": archive-unfit: it unpacks to more than the allowed"),
        "{:?}",
        lines(&subject)
    );
}

#[test]
fn packages_of_rpmbuild_are_read() {
    let expected = [
        "usr/bin/app: file 14392 755 program",
        "usr/bin/link: -> /usr/share/app/text",
        "usr/lib/.build-id: directory",
        "usr/lib/.build-id/52: directory",
        "usr/lib/.build-id/52/a414c0615633607a5514d6544b39fe58419d4f: -> ../../../../usr/bin/app",
        "usr/share/app: directory",
        "usr/share/app/second: = usr/share/app/text",
        "usr/share/app/text: file 6 644 data",
    ];
    let gzip: &[u8] = include_bytes!("gzip.rpm");
    for bytes in [gzip, include_bytes!("zstd.rpm")] {
        check_package("a.rpm", bytes, &expected);
    }
    let changed = |at: usize| {
        let mut bytes = gzip.to_vec();
        bytes[at] ^= 1;
        let place = place();
        lines(&seen(&place.put("a.rpm", &bytes), &small())).remove(0)
    };
    let header = gzip
        .windows(6)
        .rposition(|bytes| bytes == b"An app")
        .unwrap();
    assert_eq!(
        changed(header),
        ": archive-unfit: its header does not have the digest in its signature"
    );
    // A field of gzip's header (its time) that no checksum of gzip covers.
    let payload = gzip
        .windows(3)
        .rposition(|bytes| bytes == b"\x1f\x8b\x08")
        .unwrap();
    assert_eq!(
        changed(payload + 4),
        ": archive-unfit: its payload does not have the digest in its header"
    );
}

#[test]
fn a_cpio_in_an_rpm_is_read_as_it_is() {
    let file = 0o100_644;
    let cpio = made::cpio(&[
        ("./d", 0o040_755, 1, 2, b""),
        ("./one", file, 2, 3, b""),
        ("./two", file, 2, 3, b""),
        ("./three", file, 2, 3, b"hello"),
        ("./four", file, 2, 3, b""),
        ("./empty", file, 3, 2, b""),
        ("./twin", file, 3, 2, b""),
        ("./link", 0o120_777, 4, 1, b"d/x"),
        ("./null", 0o020_644, 5, 1, b""),
        ("/abs", file, 6, 1, b"x"),
        ("../up", file, 7, 1, b"x"),
        ("./wrong", 0o040_755, 8, 1, b"x"),
    ]);
    check_package(
        "a.rpm",
        &made::rpm(&cpio),
        &[
            "../up: file 1 644 data",
            "/abs: file 1 644 data",
            "d: directory",
            "empty: file 0 644 data",
            "four: = three",
            "link: -> d/x",
            "null: a character device",
            "one: = three",
            "three: file 5 644 data",
            "twin: = empty",
            "two: = three",
            "wrong: archive-unfit: it is not a regular file, but has contents",
        ],
    );
    let check = |cpio: &[u8], why: &str| {
        let place = place();
        let subject = seen(&place.put("a.rpm", &made::rpm(cpio)), &small());
        assert_eq!(lines(&subject)[0], format!(": archive-unfit: {why}"));
    };
    let good = made::cpio(&[("a", file, 1, 1, b"hello")]);
    let with = |at: usize, bytes: &[u8]| {
        let mut cpio = good.clone();
        cpio[at..at + bytes.len()].copy_from_slice(bytes);
        cpio
    };
    check(
        &with(0, b"07070X"),
        "it is RPM's cpio for files above 4 GiB, which is not supported",
    );
    check(
        &with(0, b"070702"),
        "it is a cpio with checksums, which is not supported",
    );
    check(
        &with(0, b"070707"),
        "it does not contain a cpio of SVR4, or a damaged one",
    );
    check(
        &with(54, b"+0000005"),
        "it has a damaged header of an entry",
    );
    check(&with(54, b"ffffffff"), "it is truncated within an entry");
    check(
        &with(94, b"ffffffff"),
        "it has a path that is longer than any system allows",
    );
    check(&with(94, b"00000000"), "it has a damaged path");
    check(&[&good[..], b"more"].concat(), "data follows its end");
    let mut large = made::rpm(&good);
    large[120..124].copy_from_slice(&[0xff; 4]);
    let place = place();
    let subject = seen(&place.put("a.rpm", &large), &small());
    assert_eq!(
        lines(&subject),
        [": archive-unfit: it has a header of 68719476725 bytes"]
    );
}

#[test]
fn archives_in_a_directory_are_looked_into_once() {
    let place = place();
    let inner = made::gzip(&made::tar(&[("deep", b"x")]));
    let outer = made::zip(&[made::zipped("in.tgz", &inner, false)]);
    for (path, bytes) in [
        ("a/app.deb", made::deb(&[("./usr/a", b"hello")])),
        ("a/app.zip", outer),
        ("app.gz", made::gzip(b"hello")),
        ("bad.tar.xz", b"Not Found".to_vec()),
        ("liba.a", made::ar(&[("a.o", b"x")])),
        ("rest.7z", b"7z\xbc\xaf\x27\x1c".to_vec()),
        ("text", b"hello".to_vec()),
    ] {
        place.put(&format!("tree/{path}"), &bytes);
    }
    let subject = seen(&place.root.join("tree"), &small());
    assert_eq!(subject.entries.len(), 8);
    let inside: Vec<_> = subject
        .inside
        .iter()
        .flat_map(|inside| {
            let kind = inside.contents.kind;
            lines(&inside.contents)
                .into_iter()
                .map(move |line| format!("{} {kind:?} {line}", inside.path))
        })
        .collect();
    assert_eq!(
        inside,
        [
            "a/app.deb Package DEBIAN/control: file 11 644 data",
            "a/app.deb Package usr/a: file 5 644 data",
            &format!("a/app.zip Archive in.tgz: file {} 644 data", inner.len()),
            "app.gz Archive app: file 5 - data",
            "bad.tar.xz Archive : archive-unfit: its name is an archive's, but its first bytes are not",
        ]
    );
    let digest = |path: &str| {
        let of = subject.entries.iter().find(|entry| entry.path == path);
        of.unwrap().file().unwrap().1.sha256.clone()
    };
    assert_eq!(digest("app.gz"), sha256(&made::gzip(b"hello")));
    assert!(subject.inside[0].contents.name.ends_with("tree/a/app.deb"));
}

#[test]
fn archives_of_a_directory_share_their_bounds() {
    let place = place();
    let tar = made::tar(&[("a", &[b'x'; 200_000]), ("b", b""), ("c", b"")]);
    for number in 0..8 {
        place.put(&format!("tree/{number}.tgz"), &made::gzip(&tar));
    }
    let said = |limits: &Limits| -> Vec<String> {
        let subject = seen(&place.root.join("tree"), limits);
        let all = subject
            .inside
            .iter()
            .flat_map(|inside| lines(&inside.contents));
        all.filter(|line| line.contains("together")).collect()
    };
    assert_eq!(said(&small()), [""; 0]);
    let few = Limits {
        unpacked: 1 << 20,
        ..small()
    };
    let unpacked = "archive-unfit: the archives unpack to more than is allowed together";
    let found = said(&few);
    assert!(found.contains(&format!(": {unpacked}")), "{found:?}");
    let few = Limits {
        entries: 10,
        ..small()
    };
    let found = said(&few);
    assert!(
        found.contains(
            &": archive-unfit: the archives have more than 10 entries together".to_owned()
        ),
        "{found:?}"
    );
}

#[test]
fn an_archive_in_an_archive_is_a_file() {
    let inner = made::gzip(&made::tar(&[("deep", b"x")]));
    let size = inner.len();
    check(
        "a.tgz",
        &made::gzip(&made::tar(&[("in.tgz", &inner)])),
        &[&format!("in.tgz: file {size} 644 data")],
    );
}

#[test]
fn a_cut_archive_is_told_wherever_it_is_cut() {
    let place = place();
    let tar = made::tar(&[("one", &[b'a'; 700]), ("two", b"b")]);
    let zip = made::zip(&[
        made::zipped("one", &[b'a'; 700], true),
        made::zipped("two", b"b", false),
    ]);
    for (name, bytes) in [
        ("a.tar", tar.clone()),
        ("a.tgz", made::gzip(&tar)),
        ("a.tar.zst", made::zstd(&tar)),
        ("a.tar.xz", made::xz(&tar)),
        ("a.tar.bz2", made::bzip2(&tar)),
        ("a.gz", made::gzip(&[b'a'; 700])),
        ("a.xz", made::xz(&[b'a'; 700])),
        ("a.bz2", made::bzip2(&[b'a'; 700])),
        ("a.deb", made::deb(&[("one", &[b'a'; 700])])),
        (
            "a.rpm",
            made::rpm(&made::cpio(&[("one", 0o100_644, 1, 1, &[b'a'; 700])])),
        ),
        ("a.zip", zip),
    ] {
        // Of a plain tar, half an end mark is enough.
        let last = if name == "a.tar" {
            bytes.len() - 1024
        } else {
            bytes.len() - 1
        };
        // A plain tar is longer than the others, and one byte of a block is like another.
        for length in (0..=last).step_by(if name == "a.tar" { 61 } else { 1 }) {
            let subject = seen(&place.put(name, &bytes[..length]), &small());
            let told = subject.entries.iter().any(|entry| {
                matches!(
                    entry.what,
                    EntryKind::Unread {
                        code: ARCHIVE_UNFIT,
                        ..
                    }
                )
            });
            assert!(told, "{name} cut to {length}: {:?}", lines(&subject));
        }
    }
}

#[test]
fn a_damaged_archive_is_told() {
    let tar = made::tar(&[("one", &(0..=255).cycle().take(3000).collect::<Vec<u8>>())]);
    let place = place();
    for (name, bytes, from_end) in [
        ("a.tgz", made::gzip(&tar), 6),
        ("a.tar.zst", made::zstd(&tar), 1),
        // In the check of the block, before the index (8 bytes) and the footer (12).
        ("a.tar.xz", made::xz(&tar), 22),
        // In the check of all blocks, whose last bits share a byte.
        ("a.tar.bz2", made::bzip2(&tar), 3),
    ] {
        let mut bytes = bytes;
        let at = bytes.len() - from_end;
        bytes[at] ^= 1;
        let subject = seen(&place.put(name, &bytes), &small());
        assert!(
            lines(&subject)[0].starts_with(": archive-unfit"),
            "{name}: {:?}",
            lines(&subject)
        );
    }
}

#[test]
fn a_bomb_is_stopped() {
    let zeros = vec![0; 6 << 20];
    let tar = made::tar(&[("first", b"x"), ("zeros", &zeros)]);
    let place = place();
    let allowed = |bytes: &[u8]| (bytes.len() as u64 * small().ratio).clamp(1 << 20, 4 << 20);
    for (name, bytes) in [
        ("a.tgz", made::gzip(&tar)),
        ("a.tar.zst", made::zstd(&tar)),
        ("a.tar.xz", made::xz(&tar)),
        ("a.tar.bz2", made::bzip2(&tar)),
    ] {
        let expected = format!(
            "it unpacks to more than the allowed {} bytes",
            allowed(&bytes)
        );
        let subject = seen(&place.put(name, &bytes), &small());
        let unfit = |path| format!("{path}: archive-unfit: {expected}");
        assert_eq!(
            lines(&subject),
            [
                unfit(""),
                "first: file 1 644 data".to_owned(),
                unfit("zeros")
            ]
        );
    }
    let bytes = made::zip(&[
        made::zipped("first", b"x", false),
        made::zipped("zeros", &zeros, true),
        made::zipped("more", b"x", true),
    ]);
    let expected = format!(
        "it unpacks to more than the allowed {} bytes",
        allowed(&bytes)
    );
    let subject = seen(&place.put("a.zip", &bytes), &small());
    assert_eq!(
        lines(&subject),
        [
            format!(": archive-unfit: {expected}"),
            "first: file 1 644 data".to_owned(),
            format!("zeros: archive-unfit: {expected}")
        ]
    );
}

#[test]
fn a_zip_that_says_two_things_is_told() {
    let good = || made::zipped("good", b"hello", true);
    let lying = |change: fn(&mut made::Zipped)| {
        let mut entry = made::zipped("liar", b"hello", true);
        change(&mut entry);
        made::zip(&[good(), entry])
    };
    let check = |bytes: &[u8], why: &str| {
        check(
            "a.zip",
            bytes,
            &[
                "good: file 5 644 data",
                &format!("liar: archive-unfit: {why}"),
            ],
        )
    };
    check(
        &lying(|entry| entry.size = 4),
        "Invalid size: expected 4, got 5",
    );
    check(
        &lying(|entry| entry.size = 6),
        "Invalid size: expected 6, got 5",
    );
    check(
        &lying(|entry| entry.crc ^= 1),
        "Invalid checksum: expected 0x3610a687, got 0x3610a686",
    );
    check(
        &lying(|entry| entry.local_name = "lier"),
        "its two headers give different names",
    );
    check(&lying(|entry| entry.flags = 1), "it is encrypted");
    check(
        &lying(|entry| entry.method = 12),
        "its compression method is not supported (12 (BZIP2))",
    );
    check(
        &lying(|entry| entry.packed = 1000),
        "its contents overlap the archive's central directory",
    );
    check(
        &lying(|entry| entry.bytes = vec![0xff; entry.bytes.len()]),
        "corrupt deflate stream",
    );
    let unicode_path = |at: usize, name: &str| {
        let mut entry = made::zipped("liar", b"hello", true);
        let length = u16::try_from(5 + name.len()).unwrap().to_le_bytes();
        entry.extra[at] = [b"up", &length[..], &[1, 0, 0, 0, 0], name.as_bytes()].concat();
        made::zip(&[good(), entry])
    };
    for at in [0, 1] {
        check(
            &unicode_path(at, "evil"),
            "its Unicode Path field gives another name, which some programs unpack",
        );
        let same = ["good: file 5 644 data", "liar: file 5 644 data"];
        self::check("a.zip", &unicode_path(at, "liar"), &same);
    }
    let pipe = lying(|entry| entry.mode = 0o010_644);
    self::check("a.zip", &pipe, &["good: file 5 644 data", "liar: a pipe"]);
}

#[test]
fn a_zip_as_a_whole_is_told() {
    let mut twice = made::zipped("twin", b"hello", true);
    let good = made::zipped("good", b"hello", true);
    twice.at = Some(0);
    twice.local_name = "good";
    twice.name = "good";
    let files = ["good: file 5 644 data"; 2];
    check(
        "a.zip",
        &made::zip(&[good.clone(), twice]),
        &[
            ": archive-unfit: two of its entries overlap",
            files[0],
            files[1],
        ],
    );
    let after = [made::zip(std::slice::from_ref(&good)), b"PK".to_vec()].concat();
    check(
        "a.zip",
        &after,
        &[": archive-unfit: data follows its end, so two readers may see different archives"],
    );
    let mut counted = made::zip(std::slice::from_ref(&good));
    let end = counted.len() - 12;
    counted[end] = 2;
    check(
        "a.zip",
        &counted,
        &[
            ": archive-unfit: its end record declares 2 entries, but it has 1",
            files[0],
        ],
    );
}

#[test]
fn a_tar_that_says_two_things_is_told() {
    let end = vec![0; 1024];
    let pax = |records: &[(&str, &str)]| {
        let records: Vec<u8> = records
            .iter()
            .flat_map(|(key, value)| made::pax(key, value))
            .collect();
        made::block("pax", b'x', &records, records.len() as u64)
    };
    let file = || made::block("file", b'0', b"hello", 5);
    let check = |parts: &[Vec<u8>], expected: &[&str]| {
        check("a.tar", &[parts.concat(), end.clone()].concat(), expected)
    };
    check(
        &[pax(&[("size", "5"), ("path", "name")]), file()],
        &["name: file 5 644 data"],
    );
    check(
        &[pax(&[("size", "6")]), file()],
        &[": archive-unfit: two headers of `file` give different sizes"],
    );
    check(
        &[pax(&[("size", "x")]), file()],
        &[": archive-unfit: a pax header gives a size that is not a number"],
    );
    check(
        &[pax(&[("path", "a"), ("path", "b")]), file()],
        &[": archive-unfit: two headers give the same value of one entry"],
    );
    check(
        &[
            pax(&[("path", "a")]),
            made::block("L", b'L', b"b\0", 2),
            file(),
        ],
        &[": archive-unfit: two headers give the same value of one entry"],
    );
    check(
        &[pax(&[("path", "a\0b")]), file()],
        &["a\0b: archive-unfit: its path contains a NUL byte"],
    );
    check(
        &[pax(&[("path", "a")])],
        &[": archive-unfit: it ends after a header of an entry that is missing"],
    );
    check(
        &[pax(&[("GNU.sparse.major", "1")]), file()],
        &["file: archive-unfit: it is a sparse file, which is not supported"],
    );
    check(
        &[made::block("g", b'g', b"", 0), file()],
        &["file: file 5 644 data"],
    );
    check(
        &[made::block("L", b'L', &[b'a'; 5000], 5000), file()],
        &[&format!(
            "{}: archive-unfit: its path is longer than any system allows",
            "a".repeat(4096)
        )],
    );
    check(
        &[made::block("link", b'2', b"hello", 5), file()],
        &[
            "file: file 5 644 data",
            "link: archive-unfit: it is not a regular file, but has contents",
        ],
    );
    check(
        &[made::block("liar", b'0', b"hello", 1 << 40)],
        &[
            ": archive-unfit: unexpected EOF during skip",
            "liar: archive-unfit: it ends after 1536 of 1099511627776 bytes",
        ],
    );
    check(
        &[file(), end.clone(), file()],
        &[
            ": archive-unfit: data follows its end-of-archive marker",
            "file: file 5 644 data",
        ],
    );
    let mut damaged = file();
    damaged[0] ^= 1;
    check(
        &[file(), damaged],
        &[
            ": archive-unfit: archive header checksum mismatch",
            "file: file 5 644 data",
        ],
    );
}

#[test]
fn entries_and_paths_are_counted() {
    let place = place();
    let many: Vec<u8> = (0..100_000)
        .flat_map(|number| made::block(&format!("f{number:06}"), b'0', b"", 0))
        .chain([0; 1024])
        .collect();
    let path = place.put("a.tgz", &made::gzip(&many));
    // Each is a header of 512 bytes and no more: it packs better than programs do.
    let generous = Limits {
        ratio: 1000,
        ..Limits::default()
    };
    assert_eq!(seen(&path, &generous).entries.len(), 100_000);
    let few = seen(
        &path,
        &Limits {
            entries: 500,
            ..generous.clone()
        },
    );
    assert_eq!(few.entries.len(), 501);
    assert_eq!(
        lines(&few)[0],
        ": archive-unfit: it has more than 500 entries"
    );
    let short = seen(
        &path,
        &Limits {
            paths: 700,
            ..generous
        },
    );
    assert_eq!(short.entries.len(), 101);
    assert_eq!(
        lines(&short)[0],
        ": archive-unfit: its paths have more than 700 bytes"
    );
}

/// Entries that other programs unpack differently, or not at all.
#[test]
fn a_tar_that_others_read_otherwise_is_told() {
    let end = vec![0; 1024];
    let file = |path: &str| made::block(path, b'0', b"hello", 5);
    let check = |parts: &[Vec<u8>], expected: &[&str]| {
        check("a.tar", &[parts.concat(), end.clone()].concat(), expected)
    };
    check(
        &[made::block("a", b'7', b"hello", 5)],
        &[
            "a: archive-unfit: its entry type is `7`, a contiguous file, which not every program unpacks",
        ],
    );
    let nameless = ": archive-unfit: its path is empty";
    check(&[made::block("", b'5', b"", 0)], &[nameless]);
    check(&[made::block("", b'0', b"hello", 5)], &[nameless]);
    check(
        &[made::block("./", b'5', b"", 0), file("a")],
        &["a: file 5 644 data"],
    );
    let capability = |key: &str| {
        let record = made::pax(key, "\u{1}\0\0\u{2}");
        made::block("pax", b'x', &record, record.len() as u64)
    };
    for key in [
        "SCHILY.xattr.security.capability",
        "LIBARCHIVE.xattr.security.capability",
    ] {
        let why =
            "it has file capabilities, which run it with rights of root where they are unpacked";
        check(
            &[capability(key), file("a")],
            &[&format!("a: archive-unfit: {why}")],
        );
    }
    check(
        &[capability("SCHILY.xattr.user.note"), file("a")],
        &["a: file 5 644 data"],
    );
    let mode = |mode: u32| {
        let mut block = made::block("d/", b'5', b"", 0);
        let mut header = tar::Header::from_byte_slice(&block[..512]).clone();
        header.set_mode(mode);
        header.set_cksum();
        block[..512].copy_from_slice(header.as_bytes());
        block
    };
    check(
        &[mode(0o4755)],
        &["d: archive-unfit: it is a directory with the setuid bit"],
    );
    check(&[mode(0o2755)], &["d: directory"]);
    let link = || {
        let mut block = made::block("l", b'1', b"", 0);
        let mut header = tar::Header::from_byte_slice(&block[..512]).clone();
        header.set_link_name("a").unwrap();
        header.set_cksum();
        block[..512].copy_from_slice(header.as_bytes());
        block
    };
    let data = "a: file 5 644 data";
    check(&[file("a"), link()], &[data, "l: = a"]);
    check(
        &[link(), file("a")],
        &[
            data,
            "l: archive-unfit: it is a hard link to `a`, which comes after it",
        ],
    );
    // A file of this path comes before it, but the last one counts.
    check(
        &[file("a"), link(), file("a")],
        &[
            data,
            data,
            "l: archive-unfit: it is a hard link to `a`, which comes after it",
        ],
    );
    check(&[link()], &["l: = a"]);
}

#[test]
fn a_file_that_begins_like_a_list_is_kept_whatever_its_name_is() {
    let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let text = format!("{sum}  a\n");
    let files = [
        ("data.bin", text.as_bytes()),
        ("README.md", &b"# A program\n"[..]),
    ];
    let expected = [
        "README.md: file 12 644 data",
        "data.bin: file 68 644 data list",
    ];
    check("a.tar", &made::tar(&files), &expected);
    let place = place();
    for (path, bytes) in files {
        place.put(&format!("tree/{path}"), bytes);
    }
    assert_eq!(lines(&seen(&place.root.join("tree"), &small())), expected);
}

#[test]
fn digests_that_were_asked_for_are_computed() {
    let limits = Limits {
        digests: vec![Algorithm::Sha1, Algorithm::Sha512],
        ..small()
    };
    let place = place();
    let files = [("a", &b"abc"[..])];
    place.put("tree/a", b"abc");
    for path in [
        place.root.join("tree"),
        place.root.join("tree/a"),
        place.put("a.tar", &made::tar(&files)),
    ] {
        let subject = seen(&path, &limits);
        let (_, file) = subject.entries[0].file().unwrap();
        let heads: Vec<&str> = file
            .digests
            .iter()
            .map(|(_, digest)| &digest[..8])
            .collect();
        assert_eq!(heads, ["a9993e36", "ddaf35a1"], "{}", path.display());
    }
}

#[cfg(unix)]
#[test]
fn names_of_one_file_are_known_as_such() {
    let place = place();
    let first = place.put("tree/a", b"hello");
    std::fs::hard_link(&first, place.root.join("tree/b")).unwrap();
    place.put("tree/c", b"hello");
    let subject = seen(&place.root.join("tree"), &small());
    let inode = |at: usize| subject.entries[at].file().unwrap().1.inode;
    assert!(inode(0).is_some());
    assert_eq!(inode(0), inode(1));
    assert_eq!(inode(2), None);
}

#[test]
fn deep_paths_are_paths() {
    let place = place();
    let deep = "d/".repeat(1000) + "file";
    let tar = [
        made::block("L", b'L', deep.as_bytes(), deep.len() as u64),
        made::block("x", b'0', b"hello", 5),
        vec![0; 1024],
    ]
    .concat();
    assert_eq!(
        lines(&seen(&place.put("a.tar", &tar), &small())),
        [format!("{deep}: file 5 644 data")]
    );
    place.put(&format!("tree/{deep}"), b"hello");
    let subject = seen(&place.root.join("tree"), &small());
    assert_eq!(subject.entries.len(), 1001);
    assert_eq!(lines(&subject)[1000], format!("{deep}: file 5 644 data"));
}

#[test]
fn lists_are_kept_as_far_as_they_may_be() {
    let place = place();
    let list = vec![b'a'; 40_000];
    let files = [
        ("a/SHA256SUMS", &list[..]),
        ("b/SHA256SUMS", &list),
        ("c/SHA256SUMS", b"x"),
    ];
    let expected = [
        "a/SHA256SUMS: file 40000 644 data list",
        "b/SHA256SUMS: file 40000 644 data",
        "c/SHA256SUMS: file 1 644 data list",
    ];
    for (path, bytes) in files {
        place.put(&format!("tree/{path}"), bytes);
    }
    let subject = seen(&place.root.join("tree"), &small());
    assert_eq!(
        lines(&subject)
            .into_iter()
            .filter(|line| line.contains("file"))
            .collect::<Vec<_>>(),
        expected
    );
    check("a.tar", &made::tar(&files), &expected);
}

#[test]
fn a_program_that_is_too_large_is_hashed_and_not_looked_into() {
    let place = place();
    let mut file = std::fs::File::create(place.root.join("big")).unwrap();
    file.write_all(b"\x7fELF").unwrap();
    file.set_len(3 << 20).unwrap();
    let subject = seen(&place.root.join("big"), &small());
    let EntryKind::File(file) = &subject.entries[0].what else {
        panic!()
    };
    assert_eq!(
        file.binary.as_ref().unwrap_err().to_string(),
        "it is a program of 3145728 bytes, too large to inspect"
    );
    assert_eq!(
        file.sha256,
        sha256(&std::fs::read(place.root.join("big")).unwrap())
    );
}

#[test]
fn a_home_in_a_program_is_found_and_in_a_text_is_not_looked_for() {
    let place = place();
    let elf = [program(), b"\0/home/nobody-here/src/main.rs\0".to_vec()].concat();
    let text = b"/home/nobody-here/src".to_vec();
    let files = [("elf", &elf[..]), ("text", &text[..])];
    let subject = seen(
        &place.put("a.tgz", &made::gzip(&made::tar(&files))),
        &Limits::default(),
    );
    let homes = |entry: &Entry| matches!(&entry.what, EntryKind::File(file) if file.homes.iter().any(|home| home == "/home/nobody-here"));
    assert_eq!(
        subject.entries.iter().map(homes).collect::<Vec<_>>(),
        [true, false]
    );
}
