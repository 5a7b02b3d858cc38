//! A replica whose turn has not come: it says so to whoever asks, and ends when it is told to.

use std::time::{Duration, Instant};

use tokio::{runtime::Handle, sync::mpsc::Receiver, time::timeout};

use super::run::Input;
use crate::party::{Command, CommandError, ReadyStatus, Reply};

/// Between two looks at whether another replica is still the node.
const LOOK: Duration = Duration::from_secs(1);

/// Waits for a look, answering what comes meanwhile; false if it is told to stop. `says` is told who is the node, and whether that is another
/// one than before.
pub(super) fn stands_by<'a>(
    handle: &'a Handle,
    inputs: &'a mut Receiver<Input>,
    says: &'a dyn Fn(&str, bool),
) -> impl FnMut(&str) -> bool + 'a {
    let mut is_new = true;
    move |words: &str| {
        says(words, std::mem::take(&mut is_new));
        let until = Instant::now() + LOOK;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match handle.block_on(async { timeout(left, inputs.recv()).await }) {
                Err(_) => return true,
                Ok(None) => return false,
                Ok(Some(Input::Order(_, command, answer))) => {
                    let is_stop = matches!(command, Command::Stop);
                    // Whoever asked may be gone.
                    let _ = answer.send(answered(&command, words));
                    if is_stop {
                        return false;
                    }
                }
                // Nobody is connected, and no chain is looked at.
                Ok(Some(_)) => {}
            }
        }
    }
}

/// What a replica answers whose turn has not come.
fn answered(command: &Command, words: &str) -> Result<Reply, CommandError> {
    match command {
        Command::Ready => Ok(Reply::Ready(ReadyStatus::ready().but("standby", words))),
        Command::Stop => Ok(Reply::Done),
        _ => Err(CommandError {
            code: "standby".into(),
            message: words.to_owned(),
            values: std::collections::BTreeMap::new(),
        }),
    }
}
