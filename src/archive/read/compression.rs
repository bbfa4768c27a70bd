//! Decoders of compressed streams: all concatenated streams, with their checksums verified and their
//! memory bounded.

use std::io::{self, BufRead, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::archive::packing::Compression;
use crate::archive::read::budget::{Pool, Share, WINDOW};

/// Memory in KiB that a decoder of xz may have: its dictionary, and what the decoder adds.
const XZ_MEMORY: u32 = (WINDOW / 1024) as u32 + 1024;

impl Compression {
    /// Returns a decoder of a compressed stream.
    pub fn decoder<'a>(self, from: impl BufRead + 'a) -> Box<dyn Read + 'a> {
        match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(from)),
            Self::Zstd => Box::new(ZstdFrames::new(from)),
            Self::Xz => Box::new(XzReader::new_mem_limit(from, true, XZ_MEMORY)),
            Self::Bzip2 => Box::new(MultiBzDecoder::new(from)),
        }
    }

    /// Waits until the decoder's window may be held.
    pub fn window(self, pool: &Pool) -> Share<'_> {
        pool.windows.take(match self {
            Self::Gzip => 0,
            Self::Bzip2 => WINDOW / 16,
            Self::Zstd | Self::Xz => WINDOW,
        })
    }
}

/// Reader of all concatenated frames of a Zstandard stream, which verifies their checksums.
pub struct ZstdFrames<R> {
    from: R,
    decoder: FrameDecoder,
    /// A frame is being read.
    open: bool,
    /// Bytes returned of the current frame.
    given: u64,
}

impl<R: BufRead> ZstdFrames<R> {
    /// Creates a reader of a compressed stream.
    pub fn new(from: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW);
        Self {
            from,
            decoder,
            open: false,
            given: 0,
        }
    }

    /// Opens the next frame, ignoring skippable ones. Returns false at the end of the stream.
    fn open_next(&mut self) -> io::Result<bool> {
        while !self.from.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.from) {
                Ok(()) => {
                    self.given = 0;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    if io::copy(
                        &mut Read::by_ref(&mut self.from).take(length),
                        &mut io::sink(),
                    )? < length
                    {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }

    /// Checks the frame's checksum and content size against the decompressed data.
    fn close(&self) -> io::Result<()> {
        if let Some(checksum) = self.decoder.get_checksum_from_data()
            && self.decoder.get_calculated_checksum() != Some(checksum)
        {
            return Err(io::Error::other("a Zstandard checksum does not match"));
        }
        // 0: the frame's header has no content size.
        let declared = self.decoder.content_size();
        if declared != 0 && declared != self.given {
            return Err(io::Error::other(
                "a Zstandard frame has another size than its header declares",
            ));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        if piece.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.open {
                self.open = self.open_next()?;
                if !self.open {
                    return Ok(0);
                }
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.from, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(io::Error::other)?;
            }
            let read = self.decoder.read(piece)?;
            self.given += read as u64;
            if read > 0 {
                return Ok(read);
            }
            self.close()?;
            self.open = false;
        }
    }
}
