//! Who may write: one replica at a time, by a row that every commit checks.
//!
//! A lock of a session would end with its connection, and whoever held it would not hear of that before it writes. The row outlives both: a
//! replica that was paused or cut off, and wakes up when another has taken over, finds another epoch in it and commits nothing more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    time::Duration,
};

use ::postgres::{Client, GenericClient, error::SqlState};

use super::{
    PgAddress, PgError, PgShelf, migrate,
    reach::{check_settings, failed},
};
use crate::log::{Identity, LogError};

/// How often a writer says that it is there. One that has not for five times as long may be overtaken: `QUIET` of the query.
pub(super) const BEAT: Duration = Duration::from_secs(2);

/// Who writes, and whether nobody does any more: the session is gone, or has said nothing for 10 s by the server's clock.
const STANDING: &str = "
    SELECT epoch, token, commits, coalesce(holder, ''),
        greatest(0, extract(epoch FROM clock_timestamp() - renewed))::bigint,
        holder IS NULL OR renewed < clock_timestamp() - interval '10 s' OR NOT EXISTS (
            SELECT FROM pg_stat_activity a
            WHERE a.pid = lease.pid AND (a.backend_start IS NULL OR a.backend_start = lease.started))
    FROM lease";

const TAKE: &str = "
    UPDATE lease SET epoch = epoch + 1, token = $1, holder = $2, pid = pg_backend_pid(), renewed = clock_timestamp(),
        started = (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())
    RETURNING epoch";

pub(super) const RENEW: &str =
    "UPDATE lease SET renewed = clock_timestamp() WHERE epoch = $1 AND token = $2";

/// How far a database has come, and by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PgMark {
    /// How often the right to write was taken; 0 before the first time.
    pub epoch: u64,
    /// What whoever took it last has drawn. Empty before.
    pub token: Vec<u8>,
    /// Commits since the database was made.
    pub commits: u64,
}

/// Who writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgHolder {
    /// What it calls itself.
    pub name: String,
    /// Seconds since it was heard of.
    pub silent_s: u64,
}

/// A database whose writer another replica may be.
#[derive(Debug)]
pub struct PgDoor {
    address: PgAddress,
    client: Held,
    warned: Arc<AtomicBool>,
}

/// A session that shows nothing of itself.
pub(super) struct Held(pub(super) Client);

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

/// What became of an attempt to write.
#[derive(Debug)]
pub enum PgEntered {
    /// This replica is the one, and how far the database had come before. Nobody else commits anything from now on.
    Writes(PgShelf, PgMark),
    /// Another one is.
    Waits(Box<PgDoor>, PgHolder),
}

impl PgDoor {
    /// Reaches a database, sees that its settings are fit for so many replicas and whose it is, and makes its tables where there are none.
    ///
    /// # Errors
    /// [`PgError`].
    pub fn open(address: PgAddress, whose: &Identity, replicas: u16) -> Result<PgDoor, PgError> {
        let warned = Arc::new(AtomicBool::new(false));
        let mut client = address.connect(&warned)?;
        check_settings(&mut client, address.name(), replicas)?;
        migrate::to_newest(&mut client, address.name(), whose)?;
        Ok(PgDoor {
            address,
            client: Held(client),
            warned,
        })
    }

    /// Takes the right to write, if nobody has it who was heard of lately. `name` tells others who it is, and `token` is drawn for this.
    ///
    /// # Errors
    /// [`LogError`]; [`LogError::Foreign`] where the database has become another party's.
    pub fn enter(mut self, name: &str, token: [u8; 32]) -> Result<PgEntered, LogError> {
        let shown = self.address.name().to_owned();
        let (_, holder, is_free) =
            standing(&mut self.client.0, "").map_err(|e| failed(&shown, e))?;
        let wait = |door, holder| Ok(PgEntered::Waits(Box::new(door), holder));
        if !is_free {
            return wait(self, holder);
        }
        match take(&mut self.client.0, (name, &token)).map_err(|e| failed(&shown, e)) {
            Ok(Some((before, epoch))) => {
                let mark = PgMark {
                    epoch,
                    token: token.to_vec(),
                    commits: before.commits,
                };
                let beat = Beat::start(&self.address, &mark)?;
                let shelf = PgShelf::read((shown, self.client.0), (mark, beat), self.warned)?;
                Ok(PgEntered::Writes(shelf, before))
            }
            // Somebody was faster, or a session that stands still has the row for a while.
            Ok(None) => wait(self, holder),
            Err(error) => Err(error),
        }
    }

    /// Whether there is any log.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn has_logs(&mut self) -> Result<bool, LogError> {
        let fail = |error| failed(self.address.name(), error);
        let row = self
            .client
            .0
            .query_one("SELECT EXISTS (SELECT FROM log)", &[]);
        row.map_err(fail)?.try_get(0).map_err(fail)
    }
}

fn standing(
    client: &mut impl GenericClient,
    lock: &str,
) -> Result<(PgMark, PgHolder, bool), ::postgres::Error> {
    let row = client.query_one(&format!("{STANDING}{lock}"), &[])?;
    let mark = PgMark {
        epoch: row.try_get::<_, i64>(0)?.cast_unsigned(),
        token: row.try_get(1)?,
        commits: row.try_get::<_, i64>(2)?.cast_unsigned(),
    };
    let silent: Option<i64> = row.try_get(4)?;
    let holder = PgHolder {
        name: row.try_get(3)?,
        silent_s: silent.unwrap_or_default().cast_unsigned(),
    };
    Ok((mark, holder, row.try_get(5)?))
}

/// How it stood before and the new epoch, if nobody else was there once the row was locked.
fn take(
    client: &mut Client,
    (name, token): (&str, &[u8]),
) -> Result<Option<(PgMark, u64)>, ::postgres::Error> {
    let mut transaction = client.transaction()?;
    transaction.batch_execute("SET LOCAL lock_timeout = '1s'")?;
    let (before, _, is_free) = match standing(&mut transaction, " FOR UPDATE OF lease") {
        Ok(standing) => standing,
        // A writer that was paused in the middle of a commit; the server ends its session soon.
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => return Ok(None),
        Err(error) => return Err(error),
    };
    if !is_free {
        return Ok(None);
    }
    let epoch: i64 = transaction.query_one(TAKE, &[&token, &name])?.try_get(0)?;
    transaction.commit()?;
    Ok(Some((before, epoch.cast_unsigned())))
}

/// A thread that says that the writer is there, as long as this lives, and hears when it is not the writer any more.
pub(super) struct Beat {
    is_lost: Arc<AtomicBool>,
    /// The thread ends when this is gone.
    _ends: Sender<()>,
}

impl Beat {
    fn start(address: &PgAddress, mark: &PgMark) -> Result<Beat, LogError> {
        let (ends, end) = mpsc::channel();
        let is_lost = Arc::new(AtomicBool::new(false));
        let (address, mark, lost) = (address.clone(), mark.clone(), Arc::clone(&is_lost));
        let name = address.name().to_owned();
        let started = std::thread::Builder::new()
            .name("beats".into())
            .spawn(move || beat(&address, &mark, (&lost, &end)));
        started.map_err(|error| LogError::Store {
            name,
            error: error.into(),
        })?;
        Ok(Beat {
            is_lost,
            _ends: ends,
        })
    }

    /// Whether another has taken over, as far as was heard.
    pub(super) fn is_lost(&self) -> &Arc<AtomicBool> {
        &self.is_lost
    }
}

fn beat(address: &PgAddress, mark: &PgMark, (is_lost, end): (&AtomicBool, &Receiver<()>)) {
    let mut session = None;
    loop {
        if !matches!(end.recv_timeout(BEAT), Err(RecvTimeoutError::Timeout)) {
            return;
        }
        // What is wrong with the way to the server the writer finds when it writes; others wait meanwhile.
        session = session.or_else(|| renewing(address));
        let Some(client) = &mut session else {
            continue;
        };
        match client.execute(RENEW, &[&mark.epoch.cast_signed(), &mark.token]) {
            Ok(1) => {}
            Ok(_) => return is_lost.store(true, Ordering::SeqCst),
            Err(_) => session = None,
        }
    }
}

/// A session for what need not outlast the server, nor wait for another.
fn renewing(address: &PgAddress) -> Option<Client> {
    let mut client = address.connect(&Arc::default()).ok()?;
    let session =
        "SET synchronous_commit = local; SET lock_timeout = '2s'; SET statement_timeout = '5s'";
    client.batch_execute(session).ok()?;
    Some(client)
}
