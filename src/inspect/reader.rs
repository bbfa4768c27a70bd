//! Bytes of a section, read from front to back within their bounds.

/// Maximum bytes of a text in a section.
const LONGEST_TEXT: usize = 4096;

/// Bytes that are read from front to back.
pub struct Reader<'a> {
    /// Bytes that are left.
    pub rest: &'a [u8],
    /// True if numbers have their lowest byte first.
    pub little: bool,
}

impl<'a> Reader<'a> {
    /// Reads this number of bytes.
    pub fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(size)?;
        self.rest = rest;
        Some(taken)
    }

    /// Reads a number of 32 bits.
    pub fn word(&mut self) -> Option<u32> {
        let word: [u8; 4] = self.take(4)?.try_into().ok()?;
        Some(if self.little {
            u32::from_le_bytes(word)
        } else {
            u32::from_be_bytes(word)
        })
    }

    /// Reads a number of seven bits a byte, the lowest first.
    pub fn uleb(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = *self.take(1)?.first()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// Reads a text up to its NUL.
    pub fn text(&mut self) -> Option<&'a [u8]> {
        let size = self.rest.iter().position(|byte| *byte == 0)?;
        let text = self.take(size)?;
        self.take(1)?;
        (size <= LONGEST_TEXT).then_some(text)
    }

    /// Returns a reader of the next `size` bytes.
    pub fn part(&mut self, size: usize) -> Option<Self> {
        Some(Self {
            rest: self.take(size)?,
            little: self.little,
        })
    }

    /// Skips what is left of `size` bytes, rounded up.
    pub fn skip_to(&mut self, size: usize, align: usize) -> Option<()> {
        let padding = size.next_multiple_of(align) - size;
        // The last entry need not be padded.
        self.take(padding.min(self.rest.len())).map(|_| ())
    }
}
