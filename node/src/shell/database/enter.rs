//! How a replica comes to be the node.

use std::{
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use bitcoin::secp256k1::{
    PublicKey,
    rand::{RngCore as _, rngs::OsRng},
};
use narthex::channel::log::{LogError, PgAddress, PgDoor, PgEntered, PgError};

use super::{
    DatabaseError, DatabaseOptions, Entered,
    seen::{Past, Seen},
    store::PgStore,
};
use crate::{party::go_by_peers, shell::Folder};

/// Longest password file, in bytes.
const MAX_PASSWORD: u64 = 4096;

impl From<PgError> for DatabaseError {
    fn from(error: PgError) -> DatabaseError {
        DatabaseError::Refused(error.into())
    }
}

impl From<LogError> for DatabaseError {
    fn from(error: LogError) -> DatabaseError {
        DatabaseError::Refused(error.into())
    }
}

/// The logs of a node in its database, once no other replica writes to it. `wait` is told who does, each time, and waits a little; `None` if it
/// says that there is no more waiting.
pub(in crate::shell) fn enter(
    folder: &Folder,
    node: &PublicKey,
    options: &DatabaseOptions,
    wait: &mut dyn FnMut(&str) -> bool,
) -> Result<Option<Entered>, DatabaseError> {
    let password = options.password.as_deref().map(password).transpose()?;
    let address = PgAddress::new(
        &options.address,
        password.as_deref(),
        options.may_be_elsewhere,
    )?;
    let path = folder.seen();
    let file = |error| DatabaseError::File {
        path: path.clone(),
        error,
    };
    if let Some(path) = folder.logs().map_err(file)? {
        return Err(DatabaseError::Logs { path });
    }
    let seen = Seen::open(&path).map_err(file)?;
    let mut door = PgDoor::open(address, &Folder::whose(node), options.replicas)?;
    // With another seed it would be nobody.
    let is_new = folder
        .is_new()
        .map_err(|error| file(io::Error::other(error)))?;
    if is_new && door.has_logs()? {
        let path = folder.path().to_owned();
        return Err(DatabaseError::Keys { path });
    }
    let (shelf, before) = loop {
        let mut token = [0; 32];
        OsRng.fill_bytes(&mut token);
        match door.enter(seen.name(), token)? {
            PgEntered::Writes(shelf, before) => break (shelf, before),
            PgEntered::Waits(again, holder) => {
                door = *again;
                let words = format!(
                    "replica {} is the node, and was heard of {} s ago; this one ({}) waits for its turn",
                    holder.name,
                    holder.silent_s,
                    seen.name()
                );
                if !wait(&words) {
                    return Ok(None);
                }
            }
        }
    };
    let past = seen.past(&before);
    let is_superseded = shelf.is_superseded();
    let mut store = PgStore::new(shelf, folder.blobs(), seen);
    if past != Past::Own {
        go_by_peers(&mut store)?;
    }
    // Last: whoever is killed before does not know the database for its own.
    store.note(true)?;
    Ok(Some(Entered {
        store: Box::new(store),
        is_superseded,
        note: words(past),
    }))
}

/// What an operator should know of it.
fn words(past: Past) -> Option<String> {
    let (what, missing) = match past {
        Past::Own => return None,
        Past::Others => (
            "others have written to the database since this replica did",
            None,
        ),
        Past::Older(missing) => (
            "the database is an older copy than this replica has seen",
            Some(missing),
        ),
        Past::Another => (
            "the database is an older copy than this replica has seen, and others have written to it",
            None,
        ),
    };
    let missing = missing.map_or_else(String::new, |missing| {
        format!(": at least {missing} commits are missing")
    });
    Some(format!(
        "{what}{missing}; what was ruled is asked of the others"
    ))
}

/// The line in a file that nobody else may read.
fn password(path: &Path) -> Result<Vec<u8>, DatabaseError> {
    let read = || -> io::Result<Vec<u8>> {
        let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
        let mode = std::fs::metadata(path)?.permissions().mode();
        if mode & 0o077 != 0 {
            let why =
                "others may read the database's password in it; take their rights away (chmod 600)";
            return Err(invalid(why));
        }
        let text = narthex_disk::read_bounded(path, MAX_PASSWORD)?;
        let mut text = text.ok_or_else(|| invalid("it is too long for a password"))?;
        while text
            .last()
            .is_some_and(|byte| matches!(byte, b'\n' | b'\r'))
        {
            text.pop();
        }
        match text.is_empty() || text.contains(&b'\n') {
            true => Err(invalid("it is not one line with the database's password")),
            false => Ok(text),
        }
    };
    read().map_err(|error| DatabaseError::File {
        path: PathBuf::from(path),
        error,
    })
}
