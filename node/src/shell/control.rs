//! Orders of the operator, over a socket in the node's folder: a line of JSON in, a line of JSON out.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::Folder;
use crate::party::{Command, CommandError, Reply};

/// Longest order or answer, in bytes.
const MAX_LINE: u64 = 16 << 20;

/// Time for one side to say a whole line.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// No node runs on this folder.
    #[error("no node runs on {}; start it with `narthex-node run --dir {}`", dir.display(), dir.display())]
    NotRunning {
        /// The folder.
        dir: PathBuf,
    },
    /// The socket broke.
    #[error("the node on {} does not answer: {error}", dir.display())]
    Socket {
        /// The folder.
        dir: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// The node refuses.
    #[error(transparent)]
    Refused(#[from] CommandError),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Ok(Reply),
    Error(CommandError),
}

/// Asks the node that runs on a folder.
///
/// # Errors
/// [`ControlError`].
pub fn ask(dir: &Path, command: &Command) -> Result<Reply, ControlError> {
    let socket = |error: io::Error| ControlError::Socket {
        dir: dir.to_owned(),
        error,
    };
    let stream = UnixStream::connect(Folder::control(dir));
    let stream = stream.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ControlError::NotRunning {
            dir: dir.to_owned(),
        },
        _ => socket(error),
    })?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(socket)?;
    let line = serde_json::to_string(command).map_err(|error| socket(error.into()))?;
    let mut writer = &stream;
    writeln!(writer, "{line}").map_err(socket)?;
    let line = read_line(&stream).map_err(socket)?;
    let line = serde_json::from_str::<Line>(&line).map_err(|error| socket(error.into()))?;
    match line {
        Line::Ok(reply) => Ok(reply),
        Line::Error(error) => Err(error.into()),
    }
}

fn read_line(stream: &UnixStream) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(stream.take(MAX_LINE)).read_line(&mut line)?;
    match line.ends_with('\n') {
        true => Ok(line),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Longest time that a node which ends waits for its last answers to be written.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How many orders are being answered.
#[derive(Clone, Default)]
pub(super) struct Answering(Arc<(Mutex<u32>, Condvar)>);

impl Answering {
    fn begin(&self) -> Being {
        let mut count = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        *count = count.saturating_add(1);
        Being(self.clone())
    }

    /// Waits until everybody who was told something has it: a process that ends before would have whoever told it to stop read nothing.
    pub(super) fn end(&self) {
        let count = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_any = |count: &mut u32| *count > 0;
        drop(self.0.1.wait_timeout_while(count, LAST_WORDS, is_any));
    }
}

/// An order that is being answered.
struct Being(Answering);

impl Drop for Being {
    fn drop(&mut self) {
        let (count, over) = &*self.0.0;
        let mut count = count.lock().unwrap_or_else(PoisonError::into_inner);
        *count = count.saturating_sub(1);
        over.notify_all();
    }
}

/// Takes orders, each in a thread of its own, and gives them to `obey`. Whoever holds the folder's lock calls it: a socket that a process before left is
/// replaced.
pub(super) fn listen(
    dir: &Path,
    obey: impl Fn(Command) -> Option<Result<Reply, CommandError>> + Clone + Send + 'static,
) -> io::Result<Answering> {
    let listener = narthex_disk::listen(&Folder::control(dir))?;
    let answering = Answering::default();
    let given = answering.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (obey, answering) = (obey.clone(), answering.clone());
            std::thread::spawn(move || {
                // Whoever has gone needs no answer.
                let _ = answer(&stream, &answering, &obey);
            });
        }
    });
    Ok(given)
}

fn answer(
    stream: &UnixStream,
    answering: &Answering,
    obey: &dyn Fn(Command) -> Option<Result<Reply, CommandError>>,
) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let line = read_line(stream)?;
    let _being = answering.begin();
    let answer = match serde_json::from_str::<Command>(&line) {
        Ok(command) => match obey(command) {
            Some(Ok(reply)) => Line::Ok(reply),
            Some(Err(error)) => Line::Error(error),
            // The node has ended.
            None => return Ok(()),
        },
        Err(error) => Line::Error(CommandError {
            code: "bad-command".to_owned(),
            message: error.to_string(),
            values: Default::default(),
        }),
    };
    let line = serde_json::to_string(&answer)?;
    let mut writer = stream;
    writeln!(writer, "{line}")
}
