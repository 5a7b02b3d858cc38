//! The one way out: whatever a command prints goes through here, so that one rule holds for all.
//!
//! A reader that left is no error: the rest is not written, and the command ends as it would have. Anything else that
//! keeps a line from being written fails the command, even where the line came from a place that cannot fail.
//!
//! What a file or a peer wrote may stand in any line. So nothing that a terminal acts on gets through: control characters
//! and those that turn the direction of writing are written as JSON escapes them, which is right in JSON as well.

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
        STDOUT.attempt(|| write_safely(&mut self.0, bytes))?;
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
        STDERR.attempt(|| write_safely(&mut self.0, bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        STDERR.attempt(|| self.0.flush())
    }
}

/// Says something beside the output, on standard error. If it cannot be said, the command fails in the end.
pub(super) fn note(what: impl Display) {
    // Kept in mind by the stream, and found by `finish`.
    let _ = writeln!(
        Aside(io::stderr().lock()),
        "narthex: {}",
        told(&what.to_string())
    );
}

/// What clap has to say: help and version on standard output, what is wrong with the arguments on standard error.
pub(super) fn usage(said: &clap::Error) -> io::Result<()> {
    match said.use_stderr() {
        // With the arguments as they were given: plain, and through the same filter.
        true => write!(Aside(io::stderr().lock()), "{}", said.render()),
        false => STDOUT.attempt(|| said.print()),
    }
}

/// Writes text without what a terminal acts on.
fn write_safely(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let text = String::from_utf8_lossy(bytes);
    match text.contains(is_acted_on) {
        false => to.write_all(bytes),
        true => to.write_all(safe(&text).as_bytes()),
    }
}

/// Characters that change what else is seen: controls but for line ends and tabs, and what turns or hides writing.
fn is_acted_on(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => {
            true
        }
        '\u{feff}' | '\u{e0000}'..='\u{e007f}' => true,
        _ => c.is_control(),
    }
}

/// The text with such characters as JSON escapes them.
fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match is_acted_on(c) {
            false => out.push(c),
            true => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out += &format!("\\u{unit:04x}");
                }
            }
        }
    }
    out
}

/// Most characters of a message: what a file holds may be in it.
const MAX_TOLD: usize = 4_000;

/// A message that cannot pass for several: further lines are indented, and the middle of a long one is left out.
fn told(text: &str) -> String {
    let count = text.chars().count();
    let text = match count > MAX_TOLD {
        false => text.to_owned(),
        true => {
            let (head, tail) = (MAX_TOLD - 500, 400);
            let first = text.chars().take(head).collect::<String>();
            let last = text.chars().skip(count - tail).collect::<String>();
            format!(
                "{first} … ({} characters left out) … {last}",
                count - head - tail
            )
        }
    };
    text.replace('\n', "\n  ")
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_acts_on_nothing() {
        let text = "a\u{1b}[31m\r\u{202e}b\u{9b}c\u{7f}\u{e0041}\tü\n";
        assert_eq!(
            safe(text),
            "a\\u001b[31m\\u000d\\u202eb\\u009bc\\u007f\\udb40\\udc41\tü\n"
        );
        let mut written = Vec::new();
        write_safely(&mut written, text.as_bytes()).unwrap();
        assert_eq!(written, safe(text).as_bytes());
        // In JSON it still is what it was.
        let json = serde_json::to_string("\u{202e}\u{e0041}\u{9b}").unwrap();
        let back: String = serde_json::from_str(&safe(&json)).unwrap();
        assert_eq!(back, "\u{202e}\u{e0041}\u{9b}");
    }

    #[test]
    fn a_message_is_one_message() {
        assert_eq!(told("a\nnarthex: fine"), "a\n  narthex: fine");
        let long = told(&"x".repeat(1_000_000));
        assert!(long.chars().count() < MAX_TOLD && long.contains("996100 characters left out"));
    }
}
