//! Digests as S3 writes them. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Returns the 64 hex digits of a SHA-256 as base64; `None` if they are not.
pub fn base64(hex: &str) -> Option<String> {
    let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..64).step_by(2).map(byte).collect();
    bytes.map(|bytes| STANDARD.encode(bytes))
}

/// Returns bytes as base64.
pub fn base64_of(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Returns a SHA-256 in base64 as hex digits; `None` if it is not one of a whole object: that of an
/// object in parts ends with their number.
pub fn hex(base64: &str) -> Option<String> {
    let bytes = STANDARD
        .decode(base64)
        .ok()
        .filter(|bytes| bytes.len() == 32)?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_go_there_and_back() {
        let empty = crate::digest::sha256(b"");
        let text = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(base64(&empty).as_deref(), Some(text));
        assert_eq!(hex(text), Some(empty));
        assert_eq!(hex("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=-2"), None);
    }
}
