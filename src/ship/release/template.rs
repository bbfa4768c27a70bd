//! Templates with placeholders: `@NAME@`. Pure.

/// Fills in the placeholders of a template, each by its name without the `@`. It is one pass: a value
/// that looks like a placeholder is none.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find('@') {
        filled.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let name = rest.split_once('@').map(|(name, _)| name);
        let known = values.iter().find(|(known, _)| Some(*known) == name);
        if let Some((name, value)) = known {
            filled.push_str(value);
            rest = &rest[name.len() + 1..];
        } else {
            filled.push('@');
        }
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_searched() {
        let values = [("A", "@B@"), ("B", "@A@")];
        for (template, expected) in [
            ("", ""),
            ("@A@@B@", "@B@@A@"),
            ("\"$@\" @A@ @C@ @", "\"$@\" @B@ @C@ @"),
            ("@@A@", "@@B@"),
        ] {
            assert_eq!(fill(template, &values), expected);
        }
    }
}
