//! Numbers and texts at an offset of a file; `None` beyond its end.

/// Reads an unsigned number of at most eight bytes, the least significant byte first.
pub fn little(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let part = bytes.get(at..at.checked_add(size)?)?;
    let digit = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    Some(part.iter().rev().fold(0, digit))
}

/// Reads an unsigned number of at most eight bytes, the most significant byte first.
pub fn big(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let part = bytes.get(at..at.checked_add(size)?)?;
    let digit = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    Some(part.iter().fold(0, digit))
}

/// Reads a text up to its NUL, or up to `most` bytes.
pub fn text(bytes: &[u8], at: usize, most: usize) -> Option<String> {
    let rest = bytes.get(at..)?;
    let text = rest[..rest.len().min(most)]
        .split(|byte| *byte == 0)
        .next()
        .unwrap_or_default();
    Some(String::from_utf8_lossy(text).into_owned())
}

/// Returns bytes as lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
