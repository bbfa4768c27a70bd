//! A page as blocks and spans: what the terminal and man pages can show of Markdown.

use std::iter::Peekable;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// Block of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Heading; level 1 is the title.
    Heading {
        /// Level, from 1.
        level: u8,
        /// Text.
        text: Vec<Span>,
    },
    /// Paragraph.
    Paragraph(Vec<Span>),
    /// Lines to be shown as they are, each with a line feed.
    Code(String),
    /// List; each item is a sequence of blocks.
    List {
        /// Number of the first item, or `None` for bullets.
        first: Option<u64>,
        /// Items.
        items: Vec<Vec<Self>>,
    },
    /// Table; each cell is a sequence of spans.
    Table {
        /// Names of the columns.
        head: Vec<Vec<Span>>,
        /// Rows.
        rows: Vec<Vec<Vec<Span>>>,
    },
}

/// Piece of text of one style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Text; the line breaks of the source are spaces.
    pub text: String,
    /// Style.
    pub style: SpanStyle,
}

/// Style of a span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SpanStyle {
    /// Plain text.
    #[default]
    Plain,
    /// Code.
    Code,
    /// Strong or emphasized text.
    Strong,
}

/// Reads a page. Comments are left out. Images and quotes are not supported: their text is shown.
pub fn blocks(text: &str) -> Vec<Block> {
    let mut events = Parser::new_ext(text, Options::ENABLE_TABLES).peekable();
    read_blocks(&mut events)
}

/// Returns the targets of a page's links to other pages and sections: `zig.md#…`, `#…`; also those
/// of links to other sites.
pub fn links(text: &str) -> Vec<String> {
    Parser::new_ext(text, Options::ENABLE_TABLES)
        .filter_map(|event| match event {
            Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url.into_string()),
            _ => None,
        })
        .collect()
}

/// Returns the plain text of spans.
pub fn plain(spans: &[Span]) -> String {
    spans.iter().map(|span| span.text.as_str()).collect()
}

/// Returns the anchor of a heading, as code hosts and rustdoc make it: `a-glibc-floor`.
pub fn anchor(heading: &str) -> String {
    heading
        .chars()
        .filter_map(|c| match c {
            ' ' | '-' => Some('-'),
            '_' => Some('_'),
            _ if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

/// Returns the anchors of a page's headings.
pub fn anchors(text: &str) -> Vec<String> {
    let headings = blocks(text).into_iter().filter_map(|block| match block {
        Block::Heading { text, .. } => Some(anchor(&plain(&text))),
        _ => None,
    });
    headings.collect()
}

/// Reads blocks up to the end of the enclosing one, which is consumed.
fn read_blocks<'a>(events: &mut Peekable<impl Iterator<Item = Event<'a>>>) -> Vec<Block> {
    let mut blocks = Vec::new();
    while let Some(event) = events.peek() {
        // The items of a list without blank lines hold text without a paragraph.
        if is_inline(event) {
            blocks.push(Block::Paragraph(read_spans(events, |_| false)));
            continue;
        }
        match events.next().expect("it was peeked at") {
            Event::End(_) => return blocks,
            Event::Start(Tag::Heading { level, .. }) => blocks.push(Block::Heading {
                level: number(level),
                text: read_spans(events, |end| matches!(end, TagEnd::Heading(_))),
            }),
            Event::Start(Tag::Paragraph) => {
                let spans = read_spans(events, |end| *end == TagEnd::Paragraph);
                blocks.push(Block::Paragraph(spans));
            }
            Event::Start(Tag::CodeBlock(_)) => blocks
                .push(Block::Code(plain(&read_spans(events, |end| {
                    *end == TagEnd::CodeBlock
                })))),
            Event::Start(Tag::List(first)) => {
                let mut items = Vec::new();
                while let Some(Event::Start(Tag::Item)) = events.next() {
                    items.push(read_blocks(events));
                }
                blocks.push(Block::List { first, items });
            }
            Event::Start(Tag::Table(_)) => blocks.push(read_table(events)),
            Event::Start(_) => blocks.extend(read_blocks(events)),
            _ => {}
        }
    }
    blocks
}

/// Reads a table up to its end.
fn read_table<'a>(events: &mut Peekable<impl Iterator<Item = Event<'a>>>) -> Block {
    let (mut rows, mut row) = (Vec::new(), Vec::new());
    while let Some(event) = events.next() {
        match event {
            Event::Start(Tag::TableCell) => {
                row.push(read_spans(events, |end| *end == TagEnd::TableCell));
            }
            Event::End(TagEnd::TableHead | TagEnd::TableRow) => rows.push(std::mem::take(&mut row)),
            Event::End(TagEnd::Table) => break,
            _ => {}
        }
    }
    let mut rows = rows.into_iter();
    Block::Table {
        head: rows.next().unwrap_or_default(),
        rows: rows.collect(),
    }
}

/// Reads spans up to an end, which is consumed, or up to what is no inline event, which is not.
fn read_spans<'a>(
    events: &mut Peekable<impl Iterator<Item = Event<'a>>>,
    is_end: impl Fn(&TagEnd) -> bool,
) -> Vec<Span> {
    let (mut spans, mut strong) = (Vec::new(), 0_u32);
    let mut links = Vec::new();
    while let Some(event) = events.peek() {
        if let Event::End(end) = event
            && is_end(end)
        {
            events.next();
            break;
        }
        if !is_inline(event) {
            break;
        }
        let style = if strong > 0 {
            SpanStyle::Strong
        } else {
            SpanStyle::Plain
        };
        let span = |text: String, style| Span { text, style };
        match events.next().expect("it was peeked at") {
            Event::Text(text) => spans.push(span(text.into_string(), style)),
            Event::Code(text) => spans.push(span(text.into_string(), SpanStyle::Code)),
            Event::SoftBreak | Event::HardBreak => spans.push(span(" ".to_owned(), style)),
            // Where to go is said behind the text: the name of a page, or an address.
            Event::Start(Tag::Link { dest_url, .. }) => {
                links.push((spans.len(), dest_url.into_string()));
            }
            Event::End(TagEnd::Link) => {
                let Some((begin, url)) = links.pop() else {
                    continue;
                };
                let text = plain(spans.get(begin..).unwrap_or_default());
                if let Some(text) = told(&text, &url) {
                    spans.push(span(text, SpanStyle::Plain));
                }
            }
            Event::Start(Tag::Strong | Tag::Emphasis) => strong += 1,
            Event::End(TagEnd::Strong | TagEnd::Emphasis) => strong -= 1,
            _ => {}
        }
    }
    spans
}

/// Returns what is said of a link's target behind its text; nothing if the text says it, or if the
/// target is on the same page.
fn told(text: &str, url: &str) -> Option<String> {
    if url.starts_with('#') {
        return None;
    }
    let page = url
        .split('#')
        .next()
        .and_then(|file| file.strip_suffix(".md"));
    let said = match page {
        Some(page) => page,
        None => url,
    };
    (text != said).then(|| match page {
        Some(page) => format!(" (help {page})"),
        None => format!(" <{url}>"),
    })
}

/// Returns true for what is part of a paragraph.
fn is_inline(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::Text(_)
            | Event::Code(_)
            | Event::InlineHtml(_)
            | Event::SoftBreak
            | Event::HardBreak
            | Event::Start(Tag::Strong | Tag::Emphasis | Tag::Link { .. } | Tag::Image { .. })
            | Event::End(TagEnd::Strong | TagEnd::Emphasis | TagEnd::Link | TagEnd::Image)
    )
}

fn number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str, style: SpanStyle) -> Span {
        Span {
            text: text.to_owned(),
            style,
        }
    }

    #[test]
    fn a_page_is_read_as_blocks() {
        let text = "# Title\n\nA [link][zig] and\n**two `lines`**.\n\n<!-- generated: codes -->\n\n\
                    | a | b |\n|---|---|\n| `x` | y |\n\n<!-- end -->\n\n- one\n- two\n\n  more\n\n\
                    ```sh\ncargo xpkg\n```\n\n3. third\n\n[zig]: zig.md\n";
        let plain = |text| vec![span(text, SpanStyle::Plain)];
        assert_eq!(
            blocks(text),
            [
                Block::Heading {
                    level: 1,
                    text: plain("Title")
                },
                Block::Paragraph(vec![
                    span("A ", SpanStyle::Plain),
                    span("link", SpanStyle::Plain),
                    span(" (help zig)", SpanStyle::Plain),
                    span(" and", SpanStyle::Plain),
                    span(" ", SpanStyle::Plain),
                    span("two ", SpanStyle::Strong),
                    span("lines", SpanStyle::Code),
                    span(".", SpanStyle::Plain),
                ]),
                Block::Table {
                    head: vec![plain("a"), plain("b")],
                    rows: vec![vec![vec![span("x", SpanStyle::Code)], plain("y")]],
                },
                Block::List {
                    first: None,
                    items: vec![
                        vec![Block::Paragraph(plain("one"))],
                        vec![
                            Block::Paragraph(plain("two")),
                            Block::Paragraph(plain("more"))
                        ],
                    ],
                },
                Block::Code("cargo xpkg\n".to_owned()),
                Block::List {
                    first: Some(3),
                    items: vec![vec![Block::Paragraph(plain("third"))]],
                },
            ]
        );
        assert_eq!(links(text), ["zig.md"]);
    }

    #[test]
    fn anchors_are_those_of_code_hosts() {
        for (heading, expected) in [
            ("A glibc floor", "a-glibc-floor"),
            (
                "`xpkg.lock`, and what is in it",
                "xpkglock-and-what-is-in-it",
            ),
            ("Use sccache/ccache", "use-sccacheccache"),
        ] {
            assert_eq!(anchors(&format!("## {heading}\n")), [expected]);
        }
    }
}
