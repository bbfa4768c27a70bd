//! The manual: one page a topic, as Markdown.
//!
//! `cargo xpkg help TOPIC` shows a page in the terminal, `cargo xpkg man DIR` writes it as a man
//! page, and docs.rs shows it as a module of this one.

pub mod page;

use crate::problem::code::{Code, CodeInfo, code};

/// One page of the manual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topic {
    /// Name, as it is typed: `cross-images`.
    pub name: &'static str,
    /// Text in Markdown: a title, one paragraph that sums the page up, and sections.
    pub text: &'static str,
}

impl Topic {
    /// Returns the title of the page.
    pub fn title(&self) -> &'static str {
        let first = self.text.lines().next().unwrap_or_default();
        first.trim_start_matches('#').trim()
    }

    /// Returns the paragraph below the title, as one line.
    pub fn summary(&self) -> String {
        let below = self.text.split("\n\n").nth(1).unwrap_or_default();
        below.lines().collect::<Vec<_>>().join(" ")
    }
}

/// Returns the page of a topic.
pub fn find(name: &str) -> Option<&'static Topic> {
    TOPICS.iter().find(|topic| topic.name == name)
}

/// Declares the pages, and a module for each of them for docs.rs. `links.md` comes first there: of
/// two definitions of a link, Markdown takes the first, so links lead to modules instead of files.
macro_rules! pages {
    ($($module:ident $name:literal,)*) => {
        /// Pages, in the order in which `cargo xpkg help` lists them.
        pub const TOPICS: &[Topic] = &[
            $(Topic { name: $name, text: include_str!(concat!($name, ".md")) },)*
        ];
        $(
            #[doc = include_str!("links.md")]
            #[doc = include_str!(concat!($name, ".md"))]
            pub mod $module {}
        )*
    };
}

pages! {
    tutorial "tutorial",
    configuration "configuration",
    linkers "linkers",
    targets "targets",
    webassembly "webassembly",
    glibc "glibc",
    levels "levels",
    zig "zig",
    macos "macos",
    windows "windows",
    environment "environment",
    cross_images "cross-images",
    from_cross "from-cross",
    doctor "doctor",
    compiler_bugs "compiler-bugs",
    tree "tree",
    manifest "manifest",
    reproducibility "reproducibility",
    verify "verify",
    policies "policies",
    docker "docker",
    oci "oci",
    build_in_docker "build-in-docker",
    release "release",
    publish "publish",
    many_machines "many-machines",
    caches "caches",
    pipeline "pipeline",
    ci "ci",
    compiler_cache "compiler-cache",
    codes "codes",
    benchmarks "benchmarks",
    limits "limits",
    contributing "contributing",
}

/// Codes declared in this file.
pub const CODES: &[Code] = &[NO_SUCH_TOPIC];

/// A word given to `help` that is neither a topic nor a command.
pub const NO_SUCH_TOPIC: Code = code(&CodeInfo {
    name: "no-such-topic",
    title: "unknown topic or command",
    cause: "`help` was given the name of no page of the guide and of no command.",
    detection: "The name is looked up in the list of topics, then among the commands.",
    fix: "Run `cargo xpkg help` to see both lists.",
    page: "tutorial",
    sources: &[],
    waivable: false,
});
