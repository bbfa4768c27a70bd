//! Summary of a run as one self-contained page: no script, no other file. Pure.

use std::fmt::Write as _;

use crate::problem::text::{count, size};
use crate::ship::pipeline::record::End;
use crate::ship::pipeline::summary::{Bin, Ran, Summary, seconds};
use crate::ship::release::page::text;

/// Style, for light and dark.
const STYLE: &str = include_str!("page.css");

/// Share of the width in percent below which a stage has no room for its name.
const NARROW: f64 = 6.0;

/// Returns the page.
pub fn page(summary: &Summary) -> String {
    let Summary {
        name,
        commit: _,
        is_dirty: _,
        stages,
        bins,
        gone,
        moved,
        compiler_cache,
        findings,
    } = summary;
    let verdict = summary.verdict();
    let class = if summary.failed().is_some() {
        "failed"
    } else {
        "passed"
    };
    let mut body = format!(
        "<header><h1>{}</h1><p class=\"{class}\">{}</p><p>{} · <code>{}</code></p></header>\n",
        text(name),
        text(&verdict),
        count(bins.len(), "bin"),
        text(&summary.commit_text())
    );
    body += &sizes(bins);
    if !gone.is_empty() {
        let names: Vec<String> = gone
            .iter()
            .map(|path| format!("<code>{}</code>", text(path)))
            .collect();
        let _ = writeln!(body, "<p>No longer built: {}</p>", names.join(", "));
    }
    body += &timeline(stages);
    if !findings.is_empty() {
        body.push_str("<h2>Findings</h2>\n<table>\n");
        for finding in findings {
            let _ = writeln!(
                body,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                text(&finding.code),
                text(finding.of.as_deref().unwrap_or_default()),
                text(&finding.text)
            );
        }
        body.push_str("</table>\n");
    }
    if !moved.is_empty() || compiler_cache.is_some() {
        body.push_str("<h2>Cache</h2>\n<ul>\n");
        if let Some(hits) = compiler_cache {
            let _ = writeln!(body, "<li>{}</li>", text(hits));
        }
        for (target, parts) in moved {
            let _ = writeln!(
                body,
                "<li><code>{}</code>: restored with another key: {}</li>",
                text(target),
                text(&parts.join(", "))
            );
        }
        body.push_str("</ul>\n");
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" \
         content=\"light dark\">\n<title>{}: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         {body}</body>\n</html>\n",
        text(name),
        text(&verdict)
    )
}

/// Returns the bins, each with a bar of its size and a mark where the base's ended.
fn sizes(bins: &[Bin]) -> String {
    if bins.is_empty() {
        return String::new();
    }
    let of_both = |bin: &Bin| bin.size.max(bin.before.unwrap_or_default());
    let largest = bins.iter().map(of_both).max().unwrap_or_default().max(1);
    let share = |bytes: u64| bytes as f64 * 100.0 / largest as f64;
    let mut html = "<h2>Sizes</h2>\n<table class=\"sizes\">\n<tr><th>bin</th><th class=\"n\">size</th>\
                    <th class=\"n\">change</th><th class=\"wide\"></th><th>linkage</th><th>glibc</th>\
                    <th>SHA-256</th></tr>\n"
        .to_owned();
    for bin in bins {
        let change = match bin.before {
            Some(before) if before < bin.size => "grown",
            Some(before) if before > bin.size => "shrunk",
            _ => "",
        };
        let mark = bin.before.map_or_else(String::new, |before| {
            format!("<i style=\"left:{:.2}%\"></i>", share(before))
        });
        let _ = writeln!(
            html,
            "<tr><td><code>{}</code></td><td class=\"n\">{}</td><td class=\"n {change}\">{}</td><td \
             class=\"wide\"><div class=\"bar\"><b style=\"width:{:.2}%\"></b>{mark}</div></td>\
             <td>{}</td><td>{}</td><td><code class=\"copy\">{}</code></td></tr>",
            text(&bin.path),
            text(&size(bin.size)),
            text(&bin.change()),
            share(bin.size),
            text(&bin.linkage),
            text(bin.floor.as_deref().unwrap_or("-")),
            bin.sha256
        );
    }
    html.push_str("</table>\n");
    html
}

/// Returns the stages as a timeline: a line for all targets, then one for each target.
fn timeline(stages: &[Ran]) -> String {
    let ran = |ran: &&Ran| ran.end.is_some();
    let end = stages.iter().filter(ran).map(|ran| ran.began + ran.took);
    let whole = end.max().unwrap_or_default().max(1);
    let share = |milliseconds: u64| milliseconds as f64 * 100.0 / whole as f64;
    let mut lines: Vec<Option<&str>> = vec![None];
    for ran in stages {
        if !lines.contains(&ran.target.as_deref()) {
            lines.push(ran.target.as_deref());
        }
    }
    let mut html = format!("<h2>Stages <small>{}</small></h2>\n", seconds(whole));
    html.push_str("<div class=\"timeline\">\n");
    for line in lines {
        let of_line = stages.iter().filter(|ran| ran.target.as_deref() == line);
        let mut boxes = String::new();
        for ran in of_line.clone().filter(ran) {
            let class = match &ran.end {
                Some(End::Failed(_)) => "failed",
                _ => ran.stage.name(),
            };
            let title = format!(
                "{}: {}, {}",
                ran.stage.name(),
                ran.end_text(),
                seconds(ran.took)
            );
            let _ = write!(
                boxes,
                "<span class=\"{class}\" style=\"left:{:.2}%;width:{:.2}%\" title=\"{}\">{}</span>",
                share(ran.began),
                share(ran.took).max(0.2),
                text(&title),
                if share(ran.took) < NARROW {
                    ""
                } else {
                    ran.stage.name()
                }
            );
        }
        let _ = writeln!(
            html,
            "<div class=\"line\"><label>{}</label><div>{boxes}</div></div>",
            text(line.unwrap_or("all targets"))
        );
    }
    html.push_str(
        "</div>\n<table>\n<tr><th>stage</th><th>target</th><th>end</th><th class=\"n\">time</th></tr>\n",
    );
    for ran in stages {
        let time = match ran.end {
            Some(_) => seconds(ran.took),
            None => String::new(),
        };
        let class = match ran.end {
            Some(End::Failed(_)) => "failed",
            Some(End::Done) => "",
            None => "quiet",
        };
        let _ = writeln!(
            html,
            "<tr class=\"{class}\"><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{time}</td></tr>",
            ran.stage.name(),
            text(ran.target.as_deref().unwrap_or_default()),
            text(&ran.end_text())
        );
    }
    html.push_str("</table>\n");
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ship::pipeline::stage::Stage;

    #[test]
    fn names_are_text_and_bars_are_shares() {
        let summary = Summary {
            name: "a<b>".to_owned(),
            commit: None,
            is_dirty: true,
            stages: vec![
                Ran {
                    stage: Stage::Compile,
                    target: Some("x".to_owned()),
                    end: Some(End::Failed("<i>".to_owned())),
                    began: 100,
                    took: 300,
                },
                Ran {
                    stage: Stage::Verify,
                    target: None,
                    end: None,
                    began: 0,
                    took: 0,
                },
            ],
            bins: vec![Bin {
                path: "x/\"app\"".to_owned(),
                target: "x".to_owned(),
                size: 50,
                before: Some(100),
                linkage: "static".to_owned(),
                floor: None,
                sha256: "0".repeat(64),
            }],
            gone: vec!["<gone>".to_owned()],
            moved: vec![("x".to_owned(), vec!["lock".to_owned()])],
            compiler_cache: Some("15 of 18 Rust crates".to_owned()),
            findings: Vec::new(),
        };
        let page = page(&summary);
        for part in [
            "<title>a&lt;b&gt;: failed in compile</title>",
            "unknown commit, with uncommitted changes",
            "<b style=\"width:50.00%\"></b><i style=\"left:100.00%\"></i>",
            "<td class=\"n shrunk\">-50 B</td>",
            "style=\"left:25.00%;width:75.00%\" title=\"compile: failed: &lt;i&gt;, 0.3 s\"",
            "<td>verify</td><td></td><td>not run</td>",
            "x/&quot;app&quot;",
            "No longer built: <code>&lt;gone&gt;</code>",
            "<li>15 of 18 Rust crates</li>",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
        assert!(!page.contains("<script"));
    }
}
