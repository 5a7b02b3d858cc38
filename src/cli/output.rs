//! The one way out: whatever a command prints goes through here, so that one rule holds for all.
//!
//! A reader that left is no error: the rest is not written, and the command ends as it would have. Anything else that
//! keeps a line from being written fails the command, even where the line came from a place that cannot fail.

use std::{
    fmt::{self, Display},
    io::{self, ErrorKind, StderrLock, StdoutLock, Write},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

/// A stream of this process, and what has become of it.
struct Stream {
    name: &'static str,
    reader_left: AtomicBool,
    lost: OnceLock<(ErrorKind, Loss)>,
}

/// Why a line is lost.
#[derive(Debug, Clone)]
struct Loss(String);

impl Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Loss {}

static STDOUT: Stream = Stream::new("standard output");
static STDERR: Stream = Stream::new("standard error");

impl Stream {
    const fn new(name: &'static str) -> Stream {
        Stream {
            name,
            reader_left: AtomicBool::new(false),
            lost: OnceLock::new(),
        }
    }

    /// Does something with the stream, unless nobody reads it any more.
    fn attempt(&self, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if self.reader_left.load(Ordering::Relaxed) {
            return Ok(());
        }
        match act() {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.reader_left.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                let loss = Loss(format!("cannot write to {}: {error}", self.name));
                let (kind, loss) = self.lost.get_or_init(|| (error.kind(), loss));
                Err(io::Error::new(*kind, loss.clone()))
            }
        }
    }
}

/// Standard output, locked.
pub(super) struct Out(StdoutLock<'static>);

/// Standard output.
pub(super) fn out() -> Out {
    Out(io::stdout().lock())
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        STDOUT.attempt(|| self.0.write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        STDOUT.attempt(|| self.0.flush())
    }
}

/// Standard error, locked.
struct Aside(StderrLock<'static>);

impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        STDERR.attempt(|| self.0.write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        STDERR.attempt(|| self.0.flush())
    }
}

/// Says something beside the output, on standard error. If it cannot be said, the command fails in the end.
pub(super) fn note(what: impl Display) {
    // Kept in mind by the stream, and found by `finish`.
    let _ = writeln!(Aside(io::stderr().lock()), "narthex: {what}");
}

/// What clap has to say: help and version on standard output, what is wrong with the arguments on standard error.
pub(super) fn usage(said: &clap::Error) -> io::Result<()> {
    let stream = match said.use_stderr() {
        true => &STDERR,
        false => &STDOUT,
    };
    stream.attempt(|| said.print())
}

/// Brings everything out; fails if a line was lost.
pub(super) fn finish() -> io::Result<()> {
    out().flush()?;
    Aside(io::stderr().lock()).flush()?;
    for stream in [&STDOUT, &STDERR] {
        if let Some((kind, loss)) = stream.lost.get() {
            return Err(io::Error::new(*kind, loss.clone()));
        }
    }
    Ok(())
}

/// Whether this is a line that was lost, as [`finish`] reports it.
pub(super) fn is_loss(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let inner = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        inner.is_some_and(|inner| inner.is::<Loss>())
    })
}
