//! Where a database is, and how it is reached: on this machine, unless somebody says that it may be elsewhere.

use std::{
    net::IpAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ::postgres::{
    Client, Config, NoTls,
    config::{Host, TargetSessionAttrs},
    error::{DbError, Severity, SqlState},
};

use crate::log::LogError;

/// Time for a connection to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// Time after which a server that does not answer over TCP is given up.
const SILENT: Duration = Duration::from_secs(30);

/// Why logs in PostgreSQL do not serve. The operator's fault, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PgError {
    /// The address is none. It is not repeated: there may be a password in it.
    #[error(
        "the database's address does not read; name a host, a user and a database, such as postgres://narthex@/narthex?host=/run/postgresql"
    )]
    Address,
    /// It has a password in it, which everybody on the machine can read.
    #[error(
        "the database's address has a password in it, which `ps` and files of options show; put it into a file of its own"
    )]
    Password,
    /// The database is on another machine, and nobody has said that this may be.
    #[error(
        "the database is at {host}, and nothing encrypts what is said to it: use a socket or a tunnel on this machine, or allow it where the network between is yours alone"
    )]
    Elsewhere {
        /// Where.
        host: String,
    },
    /// A setting with which a commit may be lost.
    #[error("PostgreSQL's {name} is {value:?}, and must be {must}")]
    Setting {
        /// Which one.
        name: &'static str,
        /// What it is.
        value: String,
        /// What it has to be, and how that is said.
        must: &'static str,
    },
    /// The database, or what is in it.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Where a database is.
#[derive(Clone)]
pub struct PgAddress {
    config: Config,
    name: String,
}

impl std::fmt::Debug for PgAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PgAddress({})", self.name)
    }
}

impl PgAddress {
    /// An address as libpq has them, `postgres://USER@HOST/NAME` or `host=… dbname=…`, with a password that does not stand in it.
    /// `may_be_elsewhere` allows other hosts than this one, to which nothing is encrypted.
    ///
    /// # Errors
    /// [`PgError::Address`], [`PgError::Password`], [`PgError::Elsewhere`].
    pub fn new(
        text: &str,
        password: Option<&[u8]>,
        may_be_elsewhere: bool,
    ) -> Result<PgAddress, PgError> {
        let mut config: Config = text.parse().map_err(|_| PgError::Address)?;
        if config.get_password().is_some() {
            return Err(PgError::Password);
        }
        let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
        if (hosts.is_empty() && addresses.is_empty()) || config.get_user().is_none() {
            return Err(PgError::Address);
        }
        // Where an address is given, the host is a name for it alone.
        let elsewhere = match addresses.is_empty() {
            true => hosts.iter().find_map(elsewhere),
            false => addresses
                .iter()
                .find(|at| !at.is_loopback())
                .map(IpAddr::to_string),
        };
        if let Some(host) = elsewhere.filter(|_| !may_be_elsewhere) {
            return Err(PgError::Elsewhere { host });
        }
        let database = config.get_dbname().or(config.get_user());
        let name = format!("the database {}", database.unwrap_or_default());
        if let Some(password) = password {
            config.password(password);
        }
        config
            .application_name("narthex")
            .connect_timeout(CONNECT)
            .tcp_user_timeout(SILENT)
            .keepalives_idle(CONNECT)
            // A server that only follows another takes no lease.
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(PgAddress { config, name })
    }

    /// What it is called in errors.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A session. `warned` becomes true whenever the server warns of something.
    pub(super) fn connect(&self, warned: &Arc<AtomicBool>) -> Result<Client, LogError> {
        let (mut config, warned) = (self.config.clone(), Arc::clone(warned));
        config.notice_callback(move |notice: DbError| {
            if notice.parsed_severity() == Some(Severity::Warning) {
                warned.store(true, Ordering::SeqCst);
            }
        });
        config
            .connect(NoTls)
            .map_err(|error| failed(&self.name, error))
    }
}

/// The host, unless it is this machine.
fn elsewhere(host: &Host) -> Option<String> {
    match host {
        Host::Unix(_) => None,
        Host::Tcp(name) if name == "localhost" || Path::new(name).is_absolute() => None,
        Host::Tcp(name) => {
            let is_here = name.parse::<IpAddr>().is_ok_and(|at| at.is_loopback());
            (!is_here).then(|| name.clone())
        }
    }
}

/// What the server, or the way to it, says.
pub(super) fn failed(name: &str, error: ::postgres::Error) -> LogError {
    let name = name.to_owned();
    let torn = [
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_COLUMN,
        SqlState::DATA_CORRUPTED,
        SqlState::INDEX_CORRUPTED,
    ];
    match error.as_db_error() {
        Some(found) if torn.contains(found.code()) => {
            let problem = found.message().to_owned();
            LogError::Torn { name, problem }
        }
        Some(found) => {
            let words = format!(
                "PostgreSQL says {:?} ({})",
                found.message(),
                found.code().code()
            );
            LogError::Store {
                name,
                error: words.into(),
            }
        }
        None => {
            let error = error.into();
            LogError::Store { name, error }
        }
    }
}

/// Holds the server's settings to what makes a commit last: on this server's disk, and on another's where there are several replicas.
pub(super) fn check_settings(
    client: &mut Client,
    name: &str,
    replicas: u16,
) -> Result<(), PgError> {
    let mut setting = |what: &str| -> Result<String, LogError> {
        let row = client.query_one("SELECT current_setting($1)", &[&what]);
        let row = row.map_err(|error| failed(name, error))?;
        row.try_get(0).map_err(|error| failed(name, error))
    };
    let refused = |name, value, must| Err(PgError::Setting { name, value, must });
    let fsync = setting("fsync")?;
    if fsync != "on" {
        return refused(
            "fsync",
            fsync,
            "on: else a loss of power takes what was committed",
        );
    }
    let commit = setting("synchronous_commit")?;
    if replicas > 1 && !["remote_write", "on", "remote_apply"].contains(&commit.as_str()) {
        let must = "remote_write, on or remote_apply with several replicas: else the server that is promoted may lack what was committed. Set it in postgresql.conf or with ALTER ROLE, or run one replica";
        return refused("synchronous_commit", commit, must);
    }
    if commit == "off" {
        let must = "anything but off: else what was committed may be lost. Set it in postgresql.conf or with ALTER ROLE";
        return refused("synchronous_commit", commit, must);
    }
    let standbys = setting("synchronous_standby_names")?;
    if replicas > 1 && standbys.trim().is_empty() {
        let must = "the names of standby servers with several replicas, such as 'ANY 1 (b, c)': else no other server has to have what was committed. Set it in postgresql.conf, or run one replica";
        return refused("synchronous_standby_names", standbys, must);
    }
    // As it was found, whatever is loaded later. A statement that is given up while the standby is waited for would count as committed.
    let session = format!(
        "SET synchronous_commit = '{commit}'; SET statement_timeout = 0; SET lock_timeout = '30s';
         SET idle_in_transaction_session_timeout = '10s'; SET default_transaction_isolation = 'read committed'"
    );
    let set = client.batch_execute(&session);
    Ok(set.map_err(|error| failed(name, error))?)
}
