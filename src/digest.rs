//! Digests of bytes: SHA-256, which everything here is named by, and those of other people's lists.

use std::io;

use sha2::digest::DynDigest;
use sha2::{Digest, Sha256};

/// Returns the SHA-256 of bytes as 64 lower-case hex digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Returns bytes as lower-case hex digits.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a string cannot fail");
            text
        })
}

/// SHA-256 hasher that implements [`io::Write`].
#[derive(Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Returns the digest as 64 lower-case hex digits.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Digest::update(&mut self.0, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Digest algorithm of a checksum list that is strong enough to be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// Two different files with one digest can be made, but none with the digest of a given file.
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    /// SHA-512 with its own initial value, cut to 256 bits.
    Sha512Of256,
    /// BLAKE2b with 512 bits, as `b2sum` writes it.
    Blake2b,
}

impl Algorithm {
    /// Name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha224 => "SHA-224",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
            Self::Sha512Of256 => "SHA-512/256",
            Self::Blake2b => "BLAKE2b",
        }
    }

    /// Number of the digest's hex digits.
    pub fn digits(self) -> usize {
        match self {
            Self::Sha1 => 40,
            Self::Sha224 => 56,
            Self::Sha256 | Self::Sha512Of256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 | Self::Blake2b => 128,
        }
    }

    /// Returns a hasher.
    fn hasher(self) -> Box<dyn DynDigest> {
        match self {
            Self::Sha1 => Box::new(sha1::Sha1::default()),
            Self::Sha224 => Box::new(sha2::Sha224::default()),
            Self::Sha256 => Box::new(Sha256::default()),
            Self::Sha384 => Box::new(sha2::Sha384::default()),
            Self::Sha512 => Box::new(sha2::Sha512::default()),
            Self::Sha512Of256 => Box::new(sha2::Sha512_256::default()),
            Self::Blake2b => Box::new(blake2::Blake2b512::default()),
        }
    }
}

/// Hasher of several algorithms at once.
pub struct Hashers(Vec<(Algorithm, Box<dyn DynDigest>)>);

impl Hashers {
    /// Creates the hashers of these algorithms.
    pub fn new(algorithms: &[Algorithm]) -> Self {
        let hasher = |algorithm: &Algorithm| (*algorithm, algorithm.hasher());
        Self(algorithms.iter().map(hasher).collect())
    }

    /// Adds bytes to each.
    pub fn update(&mut self, bytes: &[u8]) {
        for (_, hasher) in &mut self.0 {
            hasher.update(bytes);
        }
    }

    /// Returns the digests as lower-case hex digits, in the order of the algorithms.
    pub fn finish(self) -> Vec<(Algorithm, String)> {
        let finish = |(algorithm, hasher): (Algorithm, Box<dyn DynDigest>)| {
            (algorithm, hex(&hasher.finalize()))
        };
        self.0.into_iter().map(finish).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_has_the_digest_of_its_own_tool() {
        use Algorithm::*;
        let all = [Sha1, Sha224, Sha256, Sha384, Sha512, Sha512Of256, Blake2b];
        let mut hashers = Hashers::new(&all);
        hashers.update(b"a");
        hashers.update(b"bc");
        let digests = hashers.finish();
        for (algorithm, digest) in &digests {
            assert_eq!(digest.len(), algorithm.digits(), "{}", algorithm.name());
        }
        let heads: Vec<&str> = digests.iter().map(|(_, digest)| &digest[..12]).collect();
        // `printf abc | sha1sum` and its kin; `openssl dgst -sha512-256`.
        let expected = [
            "a9993e364706",
            "23097d223405",
            "ba7816bf8f01",
            "cb00753f45a3",
            "ddaf35a19361",
            "53048e2681941",
            "ba80a53f981c",
        ];
        assert_eq!(heads, expected.map(|digest| &digest[..12]));
    }
}
