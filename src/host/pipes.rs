//! Reading of a child process's streams: until the child has ended, not until all its descendants
//! have closed them.

use std::io::{self, Read};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// Time limit of a program.
#[derive(Clone, Copy)]
pub enum Bound {
    /// No limit.
    None,
    /// Maximum running time.
    Whole(Duration),
    /// Maximum time without output.
    Silence(Duration),
}

/// Maximum length of a line that is passed on in one piece, in bytes: memory stays bounded.
const LINE_LIMIT: usize = 64 * 1024;

/// Maximum size in bytes that is read from a stream after the child has ended. What the child
/// itself wrote fits into the pipe; a descendant may go on writing for ever.
#[cfg(unix)]
const AFTERWARDS: usize = 1 << 20;

/// First pause between two looks at the child; each is twice as long as the last.
#[cfg(unix)]
const FIRST_PAUSE: Duration = Duration::from_micros(250);

/// Pause between two looks at the child, at most.
const PAUSE: Duration = Duration::from_millis(20);

#[cfg(unix)]
type Pipe = std::os::fd::OwnedFd;
#[cfg(not(unix))]
type Pipe = std::os::windows::io::OwnedHandle;

/// Function that is called with each piece of a stream.
type OnPiece<'a> = dyn FnMut(&[u8]) + Send + 'a;

/// Stream of a child process that is read while it runs.
pub struct Reader<'a> {
    /// Our end of the pipe; `None` at its end.
    stream: Option<std::fs::File>,
    /// Maximum size of `kept`, in bytes.
    limit: usize,
    kept: Vec<u8>,
    /// True if the stream was longer than `limit`.
    pub is_cut: bool,
    on_piece: Box<OnPiece<'a>>,
}

impl<'a> Reader<'a> {
    /// Creates a reader that keeps at most `limit` bytes and passes everything to `on_piece`.
    pub fn new(
        stream: impl Into<Pipe>,
        limit: usize,
        on_piece: impl FnMut(&[u8]) + Send + 'a,
    ) -> Self {
        Self {
            stream: Some(stream.into().into()),
            limit,
            kept: Vec::new(),
            is_cut: false,
            on_piece: Box::new(on_piece),
        }
    }

    /// Returns what was kept, invalid UTF-8 replaced.
    pub fn into_text(self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }

    /// Reads one piece. Returns its size in bytes; 0 at the end and if nothing is there yet.
    fn read(&mut self) -> usize {
        let mut piece = [0; 16 * 1024];
        let Some(stream) = &mut self.stream else {
            return 0;
        };
        match stream.read(&mut piece) {
            Ok(size @ 1..) => {
                let room = self.limit.saturating_sub(self.kept.len()).min(size);
                self.kept.extend_from_slice(&piece[..room]);
                self.is_cut |= room < size;
                (self.on_piece)(&piece[..size]);
                size
            }
            Err(error)
                if [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted]
                    .contains(&error.kind()) =>
            {
                0
            }
            Ok(_) | Err(_) => {
                self.stream = None;
                0
            }
        }
    }
}

/// Reads the streams of a child until it has ended; then what it wrote is complete. Returns its
/// status; `None` if its time limit is exceeded.
#[cfg(unix)]
pub fn read(
    child: &mut Child,
    bound: Bound,
    readers: &mut [Reader],
) -> io::Result<Option<ExitStatus>> {
    for stream in readers.iter().filter_map(|reader| reader.stream.as_ref()) {
        rustix::fs::fcntl_setfl(stream, rustix::fs::OFlags::NONBLOCK)?;
    }
    let mut since = Instant::now();
    let open = |readers: &[Reader]| {
        let open = readers.iter().filter(|reader| reader.stream.is_some());
        open.count()
    };
    let mut pause = FIRST_PAUSE;
    loop {
        // Asked before the streams are read: what a child that has ended wrote is in the pipes.
        let ended = child.try_wait()?;
        let is_over = match bound {
            Bound::None => false,
            Bound::Whole(limit) | Bound::Silence(limit) => since.elapsed() > limit,
        };
        if ended.is_some() || is_over {
            for reader in readers {
                let mut read = 0;
                while read < AFTERWARDS {
                    match reader.read() {
                        0 => break,
                        size => read += size,
                    }
                }
            }
            return Ok(ended);
        }
        let before = open(readers);
        let read: usize = readers.iter_mut().map(Reader::read).sum();
        // A process that ends closes its streams a moment before it can be waited for.
        if read > 0 || open(readers) < before {
            pause = FIRST_PAUSE;
        }
        if read > 0 {
            if matches!(bound, Bound::Silence(_)) {
                since = Instant::now();
            }
            continue;
        }
        wait(readers, pause);
        pause = (pause * 2).min(PAUSE);
    }
}

/// Waits until a stream has something to read, or for the pause.
#[cfg(unix)]
fn wait(readers: &[Reader], pause: Duration) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut streams: Vec<PollFd> = readers
        .iter()
        .filter_map(|reader| reader.stream.as_ref())
        .map(|stream| PollFd::new(stream, PollFlags::IN))
        .collect();
    if streams.is_empty() {
        std::thread::sleep(pause);
        return;
    }
    let pause = Timespec {
        tv_sec: 0,
        tv_nsec: i64::from(pause.subsec_nanos()),
    };
    // An error is a signal that came: the caller looks at everything again.
    let _ = poll(&mut streams, Some(&pause));
}

/// Reads the streams of a child to their ends. Returns its status; `None` if its time limit is
/// exceeded.
#[cfg(not(unix))]
pub fn read(
    child: &mut Child,
    bound: Bound,
    readers: &mut [Reader],
) -> io::Result<Option<ExitStatus>> {
    use std::sync::{Mutex, PoisonError};
    let since = Mutex::new(Instant::now());
    std::thread::scope(|scope| {
        for reader in readers {
            let since = &since;
            scope.spawn(move || {
                while reader.read() > 0 {
                    if matches!(bound, Bound::Silence(_)) {
                        *since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                    }
                }
            });
        }
        loop {
            let elapsed = since
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .elapsed();
            match (child.try_wait()?, bound) {
                (Some(status), _) => return Ok(Some(status)),
                (None, Bound::Whole(limit) | Bound::Silence(limit)) if elapsed > limit => {
                    let _ = child.kill();
                    return Ok(None);
                }
                _ => std::thread::sleep(PAUSE),
            }
        }
    })
}

/// Lines of a stream that is read in pieces. A very long line is passed on in pieces.
#[derive(Default)]
pub struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// Adds a piece, and passes each line that it completes to `on_line`, without its line feed.
    pub fn push(&mut self, piece: &[u8], on_line: &mut impl FnMut(&str)) {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(part);
            if part.ends_with(b"\n") || self.begun.len() >= LINE_LIMIT {
                self.finish(on_line);
            }
        }
    }

    /// Passes on a last line without a line feed.
    pub fn finish(&mut self, on_line: &mut impl FnMut(&str)) {
        if !self.begun.is_empty() {
            on_line(String::from_utf8_lossy(&self.begun).trim_end_matches('\n'));
            self.begun.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_joined_to_lines() {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        let mut on_line = |line: &str| found.push(line.to_owned());
        for piece in ["a", "b\n\nc", "\nd"] {
            lines.push(piece.as_bytes(), &mut on_line);
        }
        lines.finish(&mut on_line);
        lines.finish(&mut on_line);
        assert_eq!(found, ["ab", "", "c", "d"]);
    }

    #[test]
    fn a_line_without_end_takes_bounded_memory() {
        let mut lines = Lines::default();
        let (mut longest, mut whole) = (0, 0);
        let mut on_line = |line: &str| {
            longest = longest.max(line.len());
            whole += line.len();
        };
        for _ in 0..100 {
            lines.push(&[b'x'; 16 * 1024], &mut on_line);
        }
        lines.finish(&mut on_line);
        assert_eq!((longest, whole), (LINE_LIMIT, 100 * 16 * 1024));
    }
}
