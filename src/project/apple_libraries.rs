//! Libraries of Apple's SDK that packages link: frameworks, and dylibs that no other linker brings.
//!
//! Pure. A source tells them in `#[link(name = "…", kind = "framework")]`. The `cfg` of attributes,
//! modules and macros is evaluated for the target; one that a build script sets is taken as true.
//!
//! What a build script may link is not known before it runs: libsqlite3-sys names two frameworks,
//! and links them for SQLCipher only. Such a link fails, and its message is read.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use cargo_platform::{Cfg, CfgExpr};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use serde::{Deserialize, Serialize};

/// Dylibs that only Apple's SDK has, and that no crate compiles itself.
const DYLIBS: &[&str] = &[
    "objc",
    "resolv",
    "sandbox",
    "network",
    "compression",
    "bsm",
    "xar",
];

/// Returns true for a dylib that only Apple's SDK has.
pub fn is_of_sdk(name: &str) -> bool {
    DYLIBS.contains(&name)
}

/// A library of Apple's SDK that a package links.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppleLibrary {
    /// Name: `CoreFoundation`, `objc`.
    pub name: String,
    /// Package that links it.
    pub package: String,
    /// Version of the package.
    pub version: String,
}

/// Formats the libraries, each with the first package that links it.
pub fn listed(libraries: &[AppleLibrary]) -> String {
    let mut names = BTreeSet::new();
    let first = libraries
        .iter()
        .filter(|library| names.insert(library.name.as_str()));
    let named =
        first.map(|library| format!("{} ({} {})", library.name, library.package, library.version));
    named.collect::<Vec<_>>().join(", ")
}

/// What one source file tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SourceFacts {
    /// Names of libraries.
    pub libraries: BTreeSet<String>,
    /// Modules in other files.
    pub modules: Vec<Module>,
}

/// A module in another file.
#[derive(Debug, PartialEq, Eq)]
pub struct Module {
    /// Directories of the modules in this file that it is in, and its name.
    pub path: Vec<String>,
    /// `#[path = "…"]`.
    pub file: Option<String>,
}

/// Returns true if a source may link such a library, as far as its words tell.
pub fn may_link(text: &str) -> bool {
    let names = || {
        DYLIBS
            .iter()
            .any(|name| text.contains(&format!("\"{name}\"")))
    };
    text.contains("link") && (text.contains("framework") || names())
}

/// Reads a source file. `cfg` are the values that rustc sets for the target, and the features of the
/// package. Returns `None` if it cannot be split into tokens.
pub fn of_source(text: &str, cfg: &[Cfg]) -> Option<SourceFacts> {
    let stream = TokenStream::from_str(text).ok()?;
    let mut found = SourceFacts::default();
    Reader { cfg }.read(stream, &[], &mut found);
    Some(found)
}

/// Reads the items of a file for one target.
struct Reader<'a> {
    cfg: &'a [Cfg],
}

/// What the attributes of an item say.
#[derive(Default)]
struct Attributes {
    is_off: bool,
    libraries: Vec<String>,
    path: Option<String>,
}

impl Reader<'_> {
    /// Reads what is in a file, a module or any other block. An item ends with its first block, or at
    /// `;` or `,`.
    fn read(&self, stream: TokenStream, inside: &[String], found: &mut SourceFacts) {
        let mut tokens = stream.into_iter().peekable();
        let mut attributes = Attributes::default();
        let mut item: Vec<TokenTree> = Vec::new();
        while let Some(token) = tokens.next() {
            if is_punct(&token, '#') {
                let is_inner = tokens.next_if(|next| is_punct(next, '!')).is_some();
                if let Some(TokenTree::Group(group)) = tokens.next_if(is_bracket) {
                    // In `if #[cfg(…)] { … }` of `cfg_if!` it is about what follows.
                    if !item.is_empty() {
                        let before = std::mem::take(&mut attributes);
                        self.item(std::mem::take(&mut item), before, inside, found);
                    }
                    let mut own = Attributes::default();
                    self.attribute(group.stream(), &mut own);
                    if is_inner && own.is_off {
                        return;
                    }
                    if !is_inner {
                        attributes.is_off |= own.is_off;
                        attributes.libraries.extend(own.libraries);
                        attributes.path = own.path.or(attributes.path);
                    }
                    continue;
                }
            }
            let ends = is_punct(&token, ';') || is_punct(&token, ',') || is_brace(&token);
            item.push(token);
            if ends {
                let before = std::mem::take(&mut attributes);
                self.item(std::mem::take(&mut item), before, inside, found);
            }
        }
        self.item(item, attributes, inside, found);
    }

    /// Reads an item, unless its attributes leave it out.
    fn item(
        &self,
        item: Vec<TokenTree>,
        attributes: Attributes,
        inside: &[String],
        found: &mut SourceFacts,
    ) {
        if attributes.is_off {
            return;
        }
        found.libraries.extend(attributes.libraries);
        let module = item.windows(3).find_map(|tokens| match tokens {
            [TokenTree::Ident(word), TokenTree::Ident(name), end] if word == "mod" => {
                Some((name.to_string(), is_punct(end, ';')))
            }
            _ => None,
        });
        let inner: Vec<String> = match module {
            Some((name, is_file)) => {
                let path = inside.iter().cloned().chain([name]).collect();
                if is_file {
                    let file = attributes.path;
                    found.modules.push(Module { path, file });
                    return;
                }
                path
            }
            None => inside.to_vec(),
        };
        for token in item {
            if let TokenTree::Group(group) = token {
                self.read(group.stream(), &inner, found);
            }
        }
    }

    /// Reads the inside of `#[…]`, or an attribute in a `cfg_attr`.
    fn attribute(&self, stream: TokenStream, found: &mut Attributes) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let Some(TokenTree::Ident(name)) = tokens.first() else {
            return;
        };
        let arguments = tokens.get(1).and_then(|token| match token {
            TokenTree::Group(group) => Some(group),
            _ => None,
        });
        match (name.to_string().as_str(), arguments) {
            ("cfg", Some(arguments)) => found.is_off |= !self.may_be(&arguments.stream()),
            ("cfg_attr", Some(arguments)) => {
                let mut parts = split(arguments).into_iter();
                if parts
                    .next()
                    .is_some_and(|predicate| self.may_be(&predicate))
                {
                    parts.for_each(|attribute| self.attribute(attribute, found));
                }
            }
            ("link", Some(arguments)) => found.libraries.extend(linked(arguments)),
            ("path", None) => found.path = tokens.last().and_then(text),
            // `unsafe(…)`
            ("unsafe", Some(arguments)) => self.attribute(arguments.stream(), found),
            _ => {}
        }
    }

    /// Returns true if a predicate is true for the target, or depends on what a build script sets.
    fn may_be(&self, predicate: &TokenStream) -> bool {
        let expression = CfgExpr::from_str(&predicate.to_string());
        expression.map_or(true, |expression| self.value(&expression) != Some(false))
    }

    /// Returns the value of an expression; `None` if it is not known.
    fn value(&self, expression: &CfgExpr) -> Option<bool> {
        match expression {
            CfgExpr::Not(inner) => self.value(inner).map(|value| !value),
            CfgExpr::All(all) => {
                let values: Vec<_> = all.iter().map(|inner| self.value(inner)).collect();
                let is_known = values.iter().all(Option::is_some);
                match values.contains(&Some(false)) {
                    true => Some(false),
                    false => is_known.then_some(true),
                }
            }
            CfgExpr::Any(any) => {
                let values: Vec<_> = any.iter().map(|inner| self.value(inner)).collect();
                let is_known = values.iter().all(Option::is_some);
                match values.contains(&Some(true)) {
                    true => Some(true),
                    false => is_known.then_some(false),
                }
            }
            CfgExpr::Value(cfg) => is_rustcs(cfg).then(|| self.cfg.contains(cfg)),
            CfgExpr::True => Some(true),
            CfgExpr::False => Some(false),
        }
    }
}

/// Returns true for what rustc and cargo set, or leave out in the build of a dependency; build
/// scripts set the others.
fn is_rustcs(cfg: &Cfg) -> bool {
    match cfg {
        Cfg::Name(name) => [
            "unix", "windows", "test", "doc", "doctest", "docsrs", "miri",
        ]
        .iter()
        .any(|known| name.name == *known),
        Cfg::KeyPair(key, _) => key.name == "feature" || key.name.starts_with("target_"),
    }
}

/// Returns the library of a `link(…)`.
fn linked(arguments: &Group) -> Option<String> {
    let value = |key: &str| {
        split(arguments).into_iter().find_map(|argument| {
            let tokens: Vec<TokenTree> = argument.into_iter().collect();
            match tokens.as_slice() {
                [TokenTree::Ident(name), _, value] if name == key => text(value),
                _ => None,
            }
        })
    };
    let name = value("name")?;
    let kind = value("kind");
    match kind.as_deref() {
        Some("framework") => Some(name),
        None | Some("dylib") => Some(name).filter(|name| DYLIBS.contains(&name.as_str())),
        Some(_) => None,
    }
}

/// Splits a list at its commas.
fn split(group: &Group) -> Vec<TokenStream> {
    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
    let parts = tokens.split(|token| is_punct(token, ','));
    parts
        .map(|part| part.iter().cloned().collect::<TokenStream>())
        .filter(|part| !part.is_empty())
        .collect()
}

/// Returns the text of a string without escapes.
fn text(token: &TokenTree) -> Option<String> {
    let literal = token.to_string();
    let text = literal.strip_prefix('"')?.strip_suffix('"')?;
    Some(text.to_owned())
}

fn is_punct(token: &TokenTree, letter: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == letter)
}

fn is_brace(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

fn is_bracket(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac() -> Vec<Cfg> {
        [
            "unix",
            "target_os=\"macos\"",
            "target_vendor=\"apple\"",
            "feature=\"link\"",
        ]
        .iter()
        .map(|cfg| Cfg::from_str(cfg).unwrap())
        .collect()
    }

    fn check(source: &str, libraries: &str, modules: &str) {
        let SourceFacts {
            libraries: found,
            modules: files,
        } = of_source(source, &mac()).unwrap();
        let files = files.into_iter().map(|module| {
            let file = module.file.map(|file| format!("={file}"));
            module.path.join("/") + &file.unwrap_or_default()
        });
        let found: Vec<String> = found.into_iter().collect();
        assert_eq!(
            (found.join(" "), files.collect::<Vec<_>>().join(" ")),
            (libraries.to_owned(), modules.to_owned()),
            "{source}"
        );
    }

    #[test]
    fn attributes_of_blocks_name_frameworks() {
        let link = "#[link(name = \"CoreFoundation\", kind = \"framework\")] extern \"C\" {}";
        check(link, "CoreFoundation", "");
        check(
            &format!("#[cfg(target_os = \"macos\")] {link}"),
            "CoreFoundation",
            "",
        );
        check(
            &format!("{link}\n#[cfg(target_os = \"ios\")]\n{link}"),
            "CoreFoundation",
            "",
        );
        check(&format!("#[cfg(target_os = \"ios\")] {link}"), "", "");
        check(
            &format!("// {link}\n/* {link} */ const X: &str = r#\"{link}\"#;"),
            "",
            "",
        );
        check(
            "#[cfg_attr(target_vendor = \"apple\", link(name = \"IOKit\", kind = \"framework\"))]\n\
             #[cfg_attr(feature = \"link\", link(name = \"Security\", kind = \"framework\"))]\n\
             #[cfg_attr(feature = \"more\", link(name = \"AppKit\", kind = \"framework\"))]\n\
             extern {}",
            "IOKit Security",
            "",
        );
        check(
            "#[link(name = \"objc\", kind = \"dylib\")] extern \"C\" {}",
            "objc",
            "",
        );
        check(
            "#[link(name = \"c\")] #[link(name = \"sqlite3\")] extern {}",
            "",
            "",
        );
        check(
            "#[link(name = \"objc\", kind = \"static\")] extern {}",
            "",
            "",
        );
    }

    #[test]
    fn cfg_of_files_modules_and_macros_decides() {
        let link = "#[link(name = \"A\", kind = \"framework\")] extern {}";
        check(&format!("#![cfg(windows)] {link}"), "", "");
        check(&format!("#![cfg(unix)] {link}"), "A", "");
        check(&format!("#[cfg(windows)] mod x {{ {link} }}"), "", "");
        check(
            &format!("cfg_if! {{ if #[cfg(target_os = \"linux\")] {{ {link} }} }}"),
            "",
            "",
        );
        check(
            &format!("cfg_if! {{ if #[cfg(target_os = \"macos\")] {{ {link} mod y; }} }}"),
            "A",
            "y",
        );
        check(
            "mod a; #[cfg(windows)] mod b; pub mod c { pub(crate) mod d; } \
             #[path = \"x/e.rs\"] mod e; #[cfg_attr(unix, path = \"f.rs\")] mod f;",
            "",
            "a c/d e=x/e.rs f=f.rs",
        );
        // What a build script sets is not known.
        check(&format!("#[cfg(not(has_it))] {link}"), "A", "");
        check(&format!("#[cfg(has_it)] {link}"), "A", "");
        check(&format!("#[cfg(all(has_it, windows))] {link}"), "", "");
    }

    #[test]
    fn a_list_names_each_library_once() {
        let library = |name: &str, package: &str| AppleLibrary {
            name: name.to_owned(),
            package: package.to_owned(),
            version: "1.0.0".to_owned(),
        };
        let all = [library("A", "x"), library("A", "y"), library("B", "y")];
        assert_eq!(listed(&all), "A (x 1.0.0), B (y 1.0.0)");
    }
}
