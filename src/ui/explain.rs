//! Formats the explanation of a code.

use crate::problem::code::CodeInfo;

/// Formats the output of `--explain CODE`.
pub fn explanation(info: &CodeInfo) -> String {
    let CodeInfo {
        name,
        title,
        cause,
        detection,
        fix,
        page,
        sources,
        waivable: _,
    } = info;
    let sources = if sources.is_empty() {
        String::new()
    } else {
        format!("source:    {}\n", sources.join("; "))
    };
    format!(
        "{name}: {title}\n\ncause:     {cause}\ndetection: {detection}\nfix:       \
         {fix}\n{sources}page:      cargo xpkg help {page}\n"
    )
}
