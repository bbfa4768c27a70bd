//! Every code of a problem: one row a code, with what `--explain` says of it and where that comes
//! from.

use serde::Serialize;

/// Every code, with what `--explain` says of it. One row a code; the order is that of the README's
/// table.
macro_rules! codes {
    ($($variant:ident $name:literal $title:literal { cause: $cause:literal, detection: $detection:literal, fix: $fix:literal, source: $source:literal })*) => {
        /// A stable name for one kind of problem. What a user greps for and what `--accept` takes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $($variant),* }

        /// The table behind [`Code`].
        pub const CODES: &[CodeInfo] = &[$(CodeInfo {
            code: Code::$variant, name: $name, title: $title, cause: $cause, detection: $detection, fix: $fix, source: $source,
        }),*];
    };
}

/// One code and its explanation.
#[derive(Debug)]
pub struct CodeInfo {
    pub code: Code,
    /// kebab-case, never changed once released.
    pub name: &'static str,
    /// One line, as the README's table has it.
    pub title: &'static str,
    pub cause: &'static str,
    pub detection: &'static str,
    pub fix: &'static str,
    pub source: &'static str,
}

codes! {
    NoToolchain "no-toolchain" "cargo or rustc cannot be started" {
        cause: "xpkg asks `cargo` and `rustc` for everything it knows of a workspace, and one of \
                them is not on PATH or does not start.",
        detection: "`cargo metadata` and `rustc -vV` are started in the workspace's directory.",
        fix: "Install Rust with rustup, and see that its `bin` directory is on PATH.",
        source: "README, In a hurry" }
    ToolchainNotInstalled "toolchain-not-installed" "the toolchain that the workspace pins is not \
        installed" {
        cause: "A `rust-toolchain.toml` (or an override) names a toolchain that rustup does not \
                have, and automatic installs are off.",
        detection: "cargo and rustc are asked in the workspace's own directory, so its pin \
                    counts; rustup says that the toolchain is not installed.",
        fix: "Run the `rustup toolchain install` line of the message, or change the pin.",
        source: "rustup's book, Overrides" }
    WorkspaceUnreadable "workspace-unreadable" "cargo cannot read the workspace" {
        cause: "There is no Cargo.toml here, or cargo refuses it: its own words stand under the \
                message.",
        detection: "`cargo metadata` ended with an error.",
        fix: "Run xpkg inside a workspace or pass `--manifest-path`; mend what cargo names.",
        source: "README, Tasks" }
    ConfigInvalid "config-invalid" "xpkg's configuration has an unknown key or a wrong value" {
        cause: "`[workspace.metadata.xpkg]`, `[package.metadata.xpkg]` or `xpkg.toml` holds \
                something xpkg does not know. A misspelt key that is passed over would be a \
                silent fallback.",
        detection: "The tables are read strictly; file, line and column are those of the value.",
        fix: "Correct the key: the nearest known one is named.",
        source: "README, Configuration" }
    ConfigTwice "config-twice" "xpkg is configured in two places" {
        cause: "Both `xpkg.toml` and the workspace's Cargo.toml configure xpkg; neither could win \
                without surprise.",
        detection: "Both are there.",
        fix: "Keep one, delete the other.",
        source: "README, Configuration" }
    CargoConfig "cargo-config" "cargo's configuration decides what xpkg decides, from a place \
                                xpkg cannot honour" {
        cause: "A `--config` argument or an `include`d configuration file sets a linker, the \
                build target or a C compiler. xpkg would choose without having seen it.",
        detection: "Each `--config` value and each included file is read for the keys that xpkg \
                    decides.",
        fix: "Say it where xpkg reads it: `--linker`, `--target`, `CARGO_TARGET_<T>_LINKER`, or \
              `.cargo/config.toml` itself.",
        source: "README, How a linker is chosen" }
    UnknownTarget "unknown-target" "rustc does not know the target" {
        cause: "The triple is misspelt, or names a target of another compiler version.",
        detection: "`rustc --print target-list` does not hold it.",
        fix: "Use the nearest known triple, which the message names, or see `rustc --print \
              target-list`.",
        source: "README, Tasks" }
    UnsupportedTarget "unsupported-target" "xpkg has no row for the target" {
        cause: "rustc knows the target, but xpkg does not know what a correct file for it looks \
                like, so it could not inspect what it stages.",
        detection: "The triple's processor or system has no row in xpkg's tables.",
        fix: "Build it with cargo directly, and ask for a row.",
        source: "README, What it does not do" }
    TargetTwice "target-twice" "the same triple is asked for twice" {
        cause: "Two targets of one triple (with different glibc floors, say) would be staged in \
                one place.",
        detection: "The list of targets holds the triple twice.",
        fix: "Name each triple once; run twice with two `--out-dir` for two floors.",
        source: "README, Tasks" }
    StdMissing "std-missing" "the target's standard library is not installed" {
        cause: "The toolchain has no `core` and `std` for the target, and xpkg may not or cannot \
                install it: `--offline` or `--frozen` was given, or rustup does not manage the \
                toolchain.",
        detection: "`rustc --print target-libdir` names a directory that is not there.",
        fix: "Run the command of the message.",
        source: "README, How a linker is chosen" }
    NoLinker "no-linker" "nothing here can link for the target" {
        cause: "Every candidate fell; each one's reason stands in the message.",
        detection: "The candidates native, gcc and clang, rust-lld were tried in this order.",
        fix: "Install what the help line names.",
        source: "README, How a linker is chosen" }
    LinkerUnfit "linker-unfit" "the linker that was chosen cannot serve the target" {
        cause: "A flag, a variable or a configuration chose a linker. Such a choice binds: xpkg \
                takes no other in its place.",
        detection: "The chosen candidate fell; the reason is in the message.",
        fix: "Install what the reason names, or choose another (`--linker auto` lets xpkg choose).",
        source: "README, How a linker is chosen" }
    Gcc95189 "gcc-95189" "the C compiler compares bytes wrongly (GCC bug 95189)" {
        cause: "GCC 9, and 10.0 to 10.2 unless patched, expand `memcmp` against a constant as if \
                it were `strcmp`: it stops at the constant's first NUL, and unequal bytes compare \
                equal. A MAC or signature check then passes that must fail. aws-lc-sys tests for \
                it on some hosts only, and never when it is cross-compiled.",
        detection: "A small file is compiled at -O2, and with the flags that build scripts will \
                    use; a correct compiler cannot drop the call that the bug drops. Where its \
                    output can be started here, a run seconds it. It stops the run where C that \
                    checks secrets (aws-lc-sys, ring, openssl-src, …) is compiled with -O2 or \
                    more, and is told for other C.",
        fix: "Use a compiler without the bug: GCC 10.3 or later, clang. Or set \
              `--param=builtin-string-cmp-inline-length=0` in `CFLAGS_<target>`: the manifest \
              records it. Not `-fno-builtin-memcmp`: it leaves explicit `__builtin_memcmp` calls \
              wrong. Or go on with `--accept gcc-95189`, recorded, too.",
        source: "gcc.gnu.org PR 95189; aws/aws-lc#177; cross-rs/cross#1725" }
    NoEngine "no-engine" "no container engine answers" {
        cause: "A target is to be built in an image, and neither docker nor podman is here, runs, \
                and lets you use it.",
        detection: "`docker info`, then `podman info`, or only the one that \
                    `XPKG_CONTAINER_ENGINE` names. Missing, not running and forbidden are told \
                    apart.",
        fix: "Follow the line of the message for the engine that you want. xpkg takes no linker \
              of this machine instead.",
        source: "README, Cross images" }
    EngineFailed "engine-failed" "the container engine failed" {
        cause: "The engine could not start the container, or died while it ran: its own words \
                stand above the message.",
        detection: "Its client ended with 125, or with words of its own where an answer was asked.",
        fix: "See what `docker info` or `podman info` says, and run the printed line by hand.",
        source: "README, Cross images" }
    EngineBlind "engine-blind" "the container engine does not see this machine's files" {
        cause: "xpkg hands sources and toolchain to the container as mounts. An engine on another \
                machine, or outside of the container that xpkg runs in, mounts its own \
                directories of those names.",
        detection: "A file with a random name is written here and looked for inside; so is the \
                    toolchain's `rustc`.",
        fix: "Use an engine of this machine (unset `DOCKER_HOST`, or podman), or share the \
              directories that the message names with it under the same paths.",
        source: "README, Cross images; cross-rs/cross#273" }
    ImageInvalid "image-invalid" "what is configured is no reference to an image" {
        cause: "`image` has upper-case letters, spaces, or a digest that is not `sha256:` and 64 \
                hex digits.",
        detection: "It is read by the grammar of the OCI's distribution specification.",
        fix: "Write `registry/name:tag`, or `registry/name@sha256:…`.",
        source: "README, Cross images" }
    ImageNotPinned "image-not-pinned" "the target's image has no digest" {
        cause: "The configuration names an image by its tag, and `xpkg.lock` has no digest for \
                it, or one of another reference or other inputs. A tag moves, so xpkg builds by \
                digest only.",
        detection: "Reference and inputs of the configuration are compared with those in \
                    `xpkg.lock`.",
        fix: "Run `cargo xpkg image pin`, and commit `xpkg.lock`.",
        source: "README, Cross images" }
    ImageAbsent "image-absent" "the pinned image is not on this machine" {
        cause: "The image is not here, and this command does not fetch: `plan`, `doctor` and \
                `env` never do, `build` not with `--offline` or `--frozen`.",
        detection: "The engine is asked for the image by its digest.",
        fix: "Run `cargo xpkg image pull`.",
        source: "README, Cross images" }
    ImageUnavailable "image-unavailable" "the image cannot be had from its registry" {
        cause: "The registry does not answer, does not have the image or the digest, or does not \
                let you have it: the engine's own words stand under the message.",
        detection: "`docker pull` or `podman pull` failed.",
        fix: "Log in (`docker login`), mend the reference, or pin another: `cargo xpkg image \
              update`.",
        source: "README, Cross images" }
    ImagePlatform "image-platform" "the image is for another platform" {
        cause: "The toolchain of this machine is to run inside, and the image's programs are for \
                another processor.",
        detection: "`image inspect` is compared with rustc's host triple.",
        fix: "Name an image for this machine's platform: it cross-compiles for the target from \
              there.",
        source: "README, Cross images; cross-rs/cross#1288" }
    ImageUnfit "image-unfit" "the image lacks what a build needs" {
        cause: "There is no `/bin/sh` in the image, no C compiler that links for the target, no \
                `cc` to link build scripts, or Rust's own programs do not start in it.",
        detection: "A shell inside is asked for the compilers that the image's own environment \
                    names, and for the known names.",
        fix: "Add what is missing by `pre-build`, or name another image.",
        source: "README, Cross images" }
    ImageBuild "image-build" "a derived image cannot be built" {
        cause: "A command of `pre-build` or of the `dockerfile` failed: its own words stand above \
                the message.",
        detection: "`docker build` or `podman build` ended with an error.",
        fix: "Mend the command that failed.",
        source: "README, Cross images" }
    ImageEnvironment "image-environment" "the target's environment is inside an image" {
        cause: "`env` prints variables for tools of this machine, and the target is built in an \
                image: its compilers and their variables are there.",
        detection: "The choice for the target is an image.",
        fix: "See `cargo xpkg plan`, or choose a linker of this machine with `--linker`.",
        source: "README, Cross images" }
    ContainerKilled "container-killed" "the container was killed from outside" {
        cause: "Somebody, or a lack of memory, killed the container in which cargo ran.",
        detection: "It ended with 137 or 143, which cargo never does by itself.",
        fix: "Build again; with fewer jobs (`-j 1`) where memory ran out.",
        source: "README, Cross images" }
    LockUnreadable "lock-unreadable" "`xpkg.lock` cannot be read" {
        cause: "The file is no TOML, has keys or digests that xpkg does not write, or was written \
                by a newer xpkg.",
        detection: "It is read strictly.",
        fix: "Take it from version control again, or remove it and pin anew: `cargo xpkg image \
              pin`.",
        source: "README, Cross images" }
    LockChanged "lock-changed" "`xpkg.lock` would change" {
        cause: "`--locked` was given, and the configuration or the registry says something else \
                than the file.",
        detection: "The new text is compared with the file's.",
        fix: "Run the command without `--locked`, look at the difference, and commit it.",
        source: "README, Cross images" }
    DockerInvalid "docker-invalid" "an image of the tree cannot be made as it is configured" {
        cause: "A table of `docker` wants a bin that the tree does not have, or not for every \
                platform of the image, or two images have one name. Or a build in Docker would \
                lack what the workspace is built from: a package outside of it, or Cargo.lock.",
        detection: "Each table is held against the tree's manifest; every package that comes by a \
                    path against the workspace's root.",
        fix: "Correct the table, or build what is missing; for a build in Docker follow the \
              message's help.",
        source: "README, Docker" }
    DockerChoice "docker-choice" "the tree has several targets for one platform of an image" {
        cause: "glibc and musl of one processor are the same platform to Docker, and an image \
                takes one of them.",
        detection: "The manifest's targets are grouped by platform.",
        fix: "Name the targets that count: `--target`, or `targets` in the image's table.",
        source: "README, Docker" }
    DockerClash "docker-clash" "two things would stand in one place of an image" {
        cause: "Two packages have a bin of one name and stand in one image, or two trees bring \
                different files for one bin; or a file of `files` stands where a bin, the \
                certificates, the time zones or a directory of a layout's base is.",
        detection: "The places of all that an image gets are compared, in all its layers.",
        fix: "Rename one, make two images, leave one tree out, or name another place in `files`.",
        source: "README, Docker" }
    BaseUnfit "base-unfit" "a base cannot carry its image" {
        cause: "A dynamic bin has no loader on `scratch`; it needs a library that is not where \
                its loader looks, or a newer glibc than the base has; the base is named by a tag, \
                which moves; or a layout that is the base is damaged, or has nothing for the \
                platform.",
        detection: "What inspection says of each bin is held against the base: the loader, the \
                    libraries and the glibc that a layout holds with the image's files over it, \
                    or the glibc that `base-glibc` declares.",
        fix: "Take another base, by digest, bring what it lacks by `files`, or build for musl or \
              with a glibc floor; `--accept base-unfit` lets a bin pass.",
        source: "README, Docker" }
    ContextForeign "context-foreign" "the Docker context or layout holds what xpkg did not make" {
        cause: "Files stand in the context's (or the layout's) directory that xpkg did not write, \
                or some that it wrote were changed; or a file that a layout is to replace is no \
                layout of xpkg's.",
        detection: "Each file's digest is compared with the record in the context; a layout, or a \
                    tar of one, is xpkg's by an annotation in its index.",
        fix: "Move them away, choose another `--context`, or write over changes with `--force`.",
        source: "README, Docker" }
    ZigArgument "zig-argument" "zig does not know a linker argument" {
        cause: "zig links with lld, but takes only the linker arguments that it knows itself, and \
                refuses all others. Arguments that change nothing in the program are taken out \
                before; this one does.",
        detection: "xpkg's wrapper of zig reads what zig says when a link fails.",
        fix: "Take the argument out where it is set (`-C link-arg`, a build script's \
              `cargo:rustc-link-arg`), or link the target with something else.",
        source: "rust-cross/cargo-zigbuild#96; README, zig" }
    FlagsLeak "flags-leak" "flags for the host's processor reach the target's C" {
        cause: "cc-rs adds `CFLAGS` to `CFLAGS_<target>`, so `-march=native` there reaches the C \
                of every target: the compiler refuses it, or makes code that the target's \
                processor cannot run.",
        detection: "The words of `CFLAGS` and `CXXFLAGS` are looked at where a foreign target's \
                    graph holds C.",
        fix: "Say it for the host alone: `CFLAGS_<host>`. Or go on with `--accept flags-leak`.",
        source: "rust-lang/cc-rs#1469; prefix-dev/pixi#6942" }
    PkgConfigLeak "pkg-config-leak" "the host's libraries would be found for a foreign target" {
        cause: "A variable of pkg-config's for this target names directories of the host: what is \
                found there is for the host's processor and glibc.",
        detection: "The directories in `PKG_CONFIG_LIBDIR_<target>` and \
                    `PKG_CONFIG_PATH_<target>` are looked at. Without such a variable xpkg names \
                    the target's own.",
        fix: "Unset the variable, or name the target's own directories. Or go on with `--accept \
              pkg-config-leak`.",
        source: "rust-cross/rust-musl-cross#44; rust-openssl/rust-openssl#1405" }
    ArchiveFormat "archive-format" "the archiver writes archives that the linker cannot read" {
        cause: "Linkers for ELF want an index in the format of System V and GNU; an `ar` of BSD's \
                or macOS's making writes another.",
        detection: "The archiver that the target's environment names is given a file with a long \
                    name; what it writes is read.",
        fix: "Name another archiver in `AR_<target>`, such as llvm-ar. Or go on with `--accept \
              archive-format`.",
        source: "cross-rs/cross#137" }
    JitterEntropy "jitter-entropy" "flags would optimise what must not be optimised" {
        cause: "aws-lc-sys 0.32 to 0.38 compiles its jitter entropy source with `-O0`; a `-O` in \
                `CFLAGS` comes after it, and the source refuses to be compiled so.",
        detection: "The version of aws-lc-sys in the graph, and `-O` in `CFLAGS` or \
                    `CFLAGS_<target>`.",
        fix: "Set `AWS_LC_SYS_NO_JITTER_ENTROPY=1`, or take a later aws-lc-sys. Or go on with \
              `--accept jitter-entropy`.",
        source: "aws/aws-lc-rs#1097; aws/aws-lc-rs#1154" }
    ToolMissing "tool-missing" "a tool that build scripts of the graph call is not here" {
        cause: "A package of the graph calls a program or loads a library when it is built \
                (prost-build calls protoc), and it is not there, or is for another machine.",
        detection: "The packages of the resolved graph are looked up in a table; the tool is \
                    looked for where the package would look.",
        fix: "Run the line of the message.",
        source: "README, Is this machine ready" }
    NoHostCc "no-host-cc" "the host has no C compiler" {
        cause: "Build scripts and proc macros are programs of the host, and rustc links them with \
                `cc`, whatever the target.",
        detection: "`cc` is looked for on PATH.",
        fix: "Install one: `apt-get install gcc libc6-dev`.",
        source: "README, Is this machine ready" }
    Emulated "emulated" "rustc runs under emulation" {
        cause: "The processor that the kernel tells of is not the one that rustc was built for: a \
                container of another platform under qemu. Builds take hours there, and rustc \
                crashes (a SIGSEGV in regex-syntax is typical).",
        detection: "/proc/cpuinfo is compared with rustc's host triple.",
        fix: "Run xpkg in an image of the machine's own platform, and let it cross-compile.",
        source: "rust-lang/rust#96479, docker/buildx#328" }
    UnknownPackage "unknown-package" "no such package in the workspace" {
        cause: "`-p` or `--exclude` names a package that is not a member.",
        detection: "The members are those of `cargo metadata`.",
        fix: "Use the nearest member, which the message names.",
        source: "README, Tasks" }
    UnknownBin "unknown-bin" "no such bin in the selected packages" {
        cause: "`--bin` names a bin that none of the selected packages has, or that they leave out.",
        detection: "The bins are those of `cargo metadata`.",
        fix: "Use the nearest bin, which the message names, or select its package with `-p`.",
        source: "README, Tasks" }
    NoBins "no-bins" "nothing is selected" {
        cause: "The selected packages have no bin, or all of theirs are left out.",
        detection: "The bins of the selected packages, less those left out, are none.",
        fix: "Select others with `--workspace` or `-p`; the notes say what was left out and why.",
        source: "README, Tasks" }
    LayoutInvalid "layout-invalid" "the layout is not a path below the tree" {
        cause: "`layout` or a rename has an unknown field, an empty part, `..`, or begins at the \
                root.",
        detection: "The layout is parsed before anything is compiled.",
        fix: "Use the fields that the message lists.",
        source: "README, What stands in the tree" }
    PathClash "path-clash" "two outputs would stand on one path" {
        cause: "The layout gives two bins (or a bin of this run and one kept from an earlier run) \
                the same path, or makes one's file the other's directory.",
        detection: "All paths of the run are compared before anything is compiled.",
        fix: "Add `{triple}` or `{package}` to the layout, or `rename` one of the two.",
        source: "README, What stands in the tree" }
    ArtifactMissing "artifact-missing" "cargo did not report a bin that was asked for" {
        cause: "cargo ended well, but told of no executable for the bin.",
        detection: "cargo's JSON messages are compared with the plan.",
        fix: "Run the command that the message names by hand; a `forced-target` or an unusual \
              crate type is the likely cause.",
        source: "rust-lang/cargo#6313" }
    UnreadableBinary "unreadable-binary" "the file cannot be read as a program" {
        cause: "The linker wrote a file that is none of ELF, Mach-O, PE or wasm, or one whose \
                headers contradict each other.",
        detection: "goblin refuses it.",
        fix: "Look at the linker: `cargo xpkg plan` shows which one was used and why.",
        source: "README, What stands in the tree" }
    WrongMachine "wrong-machine" "the file is for another machine than the target" {
        cause: "Format, processor, word size, byte order or float ABI of the file are not those \
                of the triple. The usual cause is a linker or an object of the host.",
        detection: "The file's header is compared with the target's row.",
        fix: "Look at the linker: `cargo xpkg plan` shows which one was used and why.",
        source: "System V gABI, ELF header" }
    NotExecutable "not-executable" "the file is not a program" {
        cause: "The file is an object, a library or a core, not an executable.",
        detection: "The type in the file's header.",
        fix: "Look for linker arguments such as `-r` or `-shared` in RUSTFLAGS and build scripts.",
        source: "README, What stands in the tree" }
    NotStatic "not-static" "a musl bin is not static" {
        cause: "The file asks for an interpreter or for shared libraries, so it does not run on a \
                machine without musl. `musl-gcc` as linker does this, and the result crashes \
                (rust-lang/rust#95926); so does `-C target-feature=-crt-static`, where it may be \
                meant.",
        detection: "PT_INTERP or DT_NEEDED in a file for a musl target.",
        fix: "Let xpkg choose the linker, or pass `--accept not-static` when a dynamic musl bin \
              is what you want.",
        source: "rust-lang/rust#95926" }
    AboveFloor "above-glibc-floor" "the bin needs a newer glibc than was asked for" {
        cause: "A symbol that the file imports first appeared in a later glibc than the floor.",
        detection: "The highest `GLIBC_x.y` in `.gnu.version_r` that is not weak.",
        fix: "Link against an older glibc, or raise the floor.",
        source: "LSB core specification, Symbol Versioning" }
    PrivateGlibc "private-glibc" "the bin uses glibc's private symbols" {
        cause: "The file imports from `GLIBC_PRIVATE`, which holds for exactly one build of glibc.",
        detection: "`.gnu.version_r` names it.",
        fix: "Find the library that does so; it was linked statically from glibc's own parts.",
        source: "LSB core specification, Symbol Versioning" }
    OutDirUnfit "out-dir-unfit" "the out-dir cannot be a tree of its own" {
        cause: "The out-dir is exchanged as a whole with each run; the one that was named holds \
                the workspace, cargo's target directory, or stands among a package's sources.",
        detection: "Its path is compared with theirs before anything is compiled.",
        fix: "Name a directory that holds nothing else.",
        source: "README, What stands in the tree" }
    TreeForeign "tree-foreign" "the out-dir holds files that xpkg did not make" {
        cause: "The tree is exchanged as a whole; files that are in no manifest would be lost.",
        detection: "The out-dir is compared with its manifest before anything is compiled.",
        fix: "Move the files away, or choose another `--out-dir`.",
        source: "README, What stands in the tree" }
    TreeChanged "tree-changed" "a staged file is not what its manifest says" {
        cause: "A file that this run would keep was changed or removed after it was staged.",
        detection: "Kept files are hashed and compared with manifest.json.",
        fix: "Build its target again, or remove the tree with `cargo xpkg clean`.",
        source: "README, What stands in the tree" }
    TreeUnreadable "tree-unreadable" "the tree's manifest cannot be read" {
        cause: "manifest.json is damaged, or a later xpkg wrote it.",
        detection: "It does not parse as schema version 1, or MANIFEST.txt does not say the same.",
        fix: "Use the xpkg that wrote it, or remove the directory by hand.",
        source: "README, What stands in the tree" }
    NoTree "no-tree" "there is no staged tree here" {
        cause: "Nothing was built into this out-dir yet.",
        detection: "The out-dir has no manifest.json.",
        fix: "Run `cargo xpkg build`, or name the tree with `--out-dir`.",
        source: "README, In a hurry" }
    OneTarget "one-target" "an environment is one target's" {
        cause: "`env` was asked for several targets, or the configuration names several; their \
                variables differ.",
        detection: "The targets of the run are counted.",
        fix: "Name one with `--target`.",
        source: "README, Tasks" }
    NoSuchName "no-such-code" "there is no such code, or it cannot be accepted" {
        cause: "`--explain` was given a code that does not exist, or `--accept` one that is not a \
                finding about a finished file: other problems leave nothing to go on with.",
        detection: "The table of codes.",
        fix: "Use one of the codes that the message lists.",
        source: "README, Tasks" }
    CannotExchange "cannot-exchange" "the file system cannot exchange the tree in one step" {
        cause: "The new tree is built beside the old one and exchanged with it. That fails when \
                the out-dir is a mount point, or lies in the lower layer of an overlay.",
        detection: "Before compiling, the kernel is asked by an exchange and a rename that change \
                    nothing.",
        fix: "Name an out-dir one level deeper: `--out-dir DIR/xpkg`.",
        source: "renameat2(2), RENAME_EXCHANGE" }
    Interrupted "interrupted" "the run was interrupted" {
        cause: "Ctrl-C, or a signal that asks to end. Children were ended, temporary files are \
                gone, the previous tree stands.",
        detection: "SIGINT, SIGTERM or SIGHUP; the exit code is 128 and the signal's number (130, \
                    143).",
        fix: "Run it again.",
        source: "README, Tasks" }
    FileAccess "file-access" "a file or directory cannot be read or written" {
        cause: "The operating system refused; its words stand in the message.",
        detection: "Every file operation.",
        fix: "Mend permissions or space at the path of the message.",
        source: "README, Codes" }
    CargoFailed "cargo-failed" "cargo could not build, and has said why" {
        cause: "The code does not compile, a dependency cannot be had, or a flag is not cargo's.",
        detection: "cargo's exit code, which is passed on; only the JSON document carries this \
                    code.",
        fix: "Read cargo's own messages on stderr.",
        source: "README, Tasks" }
    ProcessFailed "process-failed" "a program that xpkg asked did not answer" {
        cause: "rustc, rustup or another tool could not be started or ended with an error.",
        detection: "Its exit code.",
        fix: "Run the line of the message by hand.",
        source: "README, Codes" }
    NoReason "no-reason" "something is to be let pass without a reason" {
        cause: "A waiver without a reason tells nothing to whoever reads the report.",
        detection: "`--accept` of `verify` wants a `--reason`.",
        fix: "Say why: `--reason TEXT`.",
        source: "README, verify" }
    DigestMismatch "digest-mismatch" "a file is not the one that is listed" {
        cause: "It was changed, or cut short, after it was listed: a flipped bit is enough.",
        detection: "Its SHA-256 and size are held against the list beside it.",
        fix: "Build or fetch it again; never list it anew without knowing why.",
        source: "GNU coreutils, sha256sum" }
    FileMissing "file-missing" "a listed file is not there" {
        cause: "It was removed or renamed, or an upload left it out.",
        detection: "Every path of the list is looked for.",
        fix: "Put it back, or build the tree again.",
        source: "README, verify" }
    FileUnlisted "file-unlisted" "a file is there that is not listed" {
        cause: "Somebody added it after the list was written, or a build left it behind. \
                `sha256sum -c` says nothing of it.",
        detection: "Every file is looked for in the list.",
        fix: "Remove it, or build the tree again.",
        source: "README, verify" }
    ListUnreadable "list-unreadable" "a list of files cannot be read" {
        cause: "It is cut short, has lines of no known form, or its parts contradict each other.",
        detection: "manifest.json is read strictly; of the other lists each line has a digest and \
                    a path, in either order.",
        fix: "Write it again: `sha256sum FILE… > SHA256SUMS`.",
        source: "README, verify" }
    PathUnsafe "path-unsafe" "a path leads out of the tree" {
        cause: "It is absolute, has a part `..`, or ends in one: unpacked, it would write where \
                nobody expects it.",
        detection: "Every path in lists and archives is taken apart.",
        fix: "Pack or list it again by a path below the tree.",
        source: "Snyk, Zip Slip" }
    PathTwice "path-twice" "two entries are on one path" {
        cause: "Two entries have one name, or names that differ by case alone, which are one file \
                on macOS and Windows.",
        detection: "The paths of lists and archives are compared, once as they are and once \
                    without case.",
        fix: "Rename one of them.",
        source: "README, verify" }
    LinkOutside "link-outside" "a link leads out of the tree" {
        cause: "A symbolic link points to what is not in the tree: it breaks elsewhere, or shows \
                what should not be shown.",
        detection: "The target of each link is followed by its text alone.",
        fix: "Replace it by the file, or by a link inside the tree.",
        source: "README, verify" }
    SpecialFile "special-file" "something is no file" {
        cause: "A device, a socket or a pipe is no part of a release.",
        detection: "The kind of every entry is looked at.",
        fix: "Remove it.",
        source: "README, verify" }
    ArchiveUnfit "archive-unfit" "an archive cannot be read in bounds" {
        cause: "It is damaged, unpacks to more than it may, or its headers say what is not so.",
        detection: "Archives are read as a stream within limits of size, count and ratio, and \
                    nothing is unpacked.",
        fix: "Pack it again; name the unpacked directory if it is really that large.",
        source: "README, verify" }
    ModeUnfit "mode-unfit" "a file has other permissions than it should" {
        cause: "A program that may not be started, or a file that everyone may write.",
        detection: "Permission bits, where the manifest lists them and where there are any.",
        fix: "`chmod 0755` the file.",
        source: "README, verify" }
    TargetUnknown "target-unknown" "nothing says what a program is for" {
        cause: "No list, no part of its path and no flag names its target, so nothing can be \
                promised of it.",
        detection: "Triples, `x86_64`, `linux-arm64`, `linux/amd64` and their like are read off \
                    the path.",
        fix: "Name it: `--target TRIPLE`.",
        source: "README, verify" }
    InterpreterUnfit "interpreter-unfit" "a program asks for another loader than its target has" {
        cause: "PT_INTERP names a file that is not there on the systems it is for (a path of Nix, \
                of another libc).",
        detection: "PT_INTERP is held against the table of the target.",
        fix: "Link it with the target's own toolchain.",
        source: "facts of the psABIs; glibc, sysdeps" }
    LibraryUnfit "library-unfit" "a program needs a library that its target may not have" {
        cause: "DT_NEEDED names a library that is not among those which every system of the kind \
                has.",
        detection: "DT_NEEDED is held against the policy's list.",
        fix: "Link it statically (a `vendored` feature), or allow it in the policy.",
        source: "auditwheel, manylinux policies" }
    RpathSet "rpath-set" "a program looks for libraries where it was built" {
        cause: "RPATH or RUNPATH names a directory that is not relative to the program.",
        detection: "DT_RPATH and DT_RUNPATH are read; `$ORIGIN` is fine.",
        fix: "Link without `-rpath`.",
        source: "ld(1)" }
    NotPie "not-pie" "a program is not position-independent" {
        cause: "Its addresses are the same at every start, which helps an attacker.",
        detection: "ET_DYN with DF_1_PIE, or static-pie. Targets and linkers that cannot make one \
                    (aarch64-musl, zig for x86_64-musl) are not held to it.",
        fix: "Build it with `-C relocation-model=pie`, rustc's default.",
        source: "README, verify" }
    RelroPartial "relro-partial" "tables of addresses stay writable" {
        cause: "Without full RELRO the tables through which functions are called can be \
                overwritten.",
        detection: "PT_GNU_RELRO and DT_BIND_NOW.",
        fix: "Link with `-z relro -z now`, rustc's default.",
        source: "rust-lang/rust, hardening" }
    ExecutableStack "executable-stack" "the stack is executable" {
        cause: "An object of assembler without `.note.GNU-stack` makes the whole program's stack \
                executable.",
        detection: "PT_GNU_STACK.",
        fix: "Find the object, or link with `-z noexecstack`.",
        source: "ld(1)" }
    TextRelocations "text-relocations" "the loader has to write into code" {
        cause: "Code that was not compiled to be position-independent was linked in.",
        detection: "DT_TEXTREL and DF_TEXTREL.",
        fix: "Compile it with `-fPIC`.",
        source: "ld(1)" }
    NotStripped "not-stripped" "a program carries debug information or symbols" {
        cause: "They make it larger, and tell of its sources.",
        detection: "Sections of debug information, and under `strict` the symbol table.",
        fix: "`strip = \"symbols\"` in the profile or in xpkg's configuration.",
        source: "cargo, Profiles" }
    HomeLeak "home-leak" "a program names its builder's home" {
        cause: "Paths of sources and of the registry stand in panics and in debug information.",
        detection: "The bytes are searched for directories below `/home`, `/root` and `/Users`.",
        fix: "`--remap-path-prefix`, or build below a neutral directory.",
        source: "RFC 3127; rust-lang/rust#97955" }
    BuildIdTwice "build-id-twice" "two targets' programs have one build-id" {
        cause: "The same file stands under two targets, or one was copied over another.",
        detection: "Build-ids are compared across targets.",
        fix: "Build both again.",
        source: "README, verify" }
    SameFileTwice "same-file-twice" "two programs are one file" {
        cause: "Two packages with one bin name, of which cargo hands out one \
                (rust-lang/cargo#6313), or a copy by mistake.",
        detection: "Digests are compared within a target.",
        fix: "Build them apart; xpkg does.",
        source: "rust-lang/cargo#6313" }
    CommitsDiffer "commits-differ" "the tree holds files of different commits" {
        cause: "A run that was narrowed to some bins leaves the others as they were.",
        detection: "The records of manifest.json are compared.",
        fix: "Build all of it at one commit.",
        source: "README, What stands in the tree" }
    RunFailed "run-failed" "a program does not start" {
        cause: "It crashed, did not end in time, or ended with another code than 0.",
        detection: "`--run` starts it, natively or under qemu.",
        fix: "Start it by hand with the line of the message.",
        source: "README, verify" }
    VersionUnexpected "version-unexpected" "a program says another version" {
        cause: "What it prints does not hold the text of `--expect-version`.",
        detection: "`--run` reads what it prints.",
        fix: "Build it at the right commit.",
        source: "README, verify" }
}

impl Code {
    pub fn row(self) -> &'static CodeInfo {
        &CODES[self as usize]
    }

    pub fn name(self) -> &'static str {
        self.row().name
    }

    pub fn from_name(name: &str) -> Option<Self> {
        CODES
            .iter()
            .find(|row| row.name == name)
            .map(|row| row.code)
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
