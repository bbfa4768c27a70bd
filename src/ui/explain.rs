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
        source,
        waivable: _,
    } = info;
    format!(
        "{name}: {title}\n\ncause:     {cause}\ndetection: {detection}\nfix:       \
         {fix}\nsource:    {source}\n"
    )
}
