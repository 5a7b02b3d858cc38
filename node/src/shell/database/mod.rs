//! A node's logs in a database that several replicas of it reach: one of them is the node, and the others wait for their turn.

#[cfg(feature = "postgres")]
mod enter;
#[cfg(feature = "postgres")]
mod seen;
#[cfg(feature = "postgres")]
mod store;

use std::{
    io,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

#[cfg(feature = "postgres")]
pub(super) use enter::enter;

use crate::party::Store;

/// Where a node has its logs, if not in its folder.
#[derive(Clone, Debug)]
pub struct DatabaseOptions {
    /// Its address as PostgreSQL's programs take it, without a password: `postgres://narthex@/narthex?host=/run/postgresql`.
    pub address: String,
    /// The file that has the password, if it asks for one.
    pub password: Option<PathBuf>,
    /// Replicas that are run, this one among them. With more than one the server has to replicate synchronously.
    pub replicas: u16,
    /// Whether it may be on another machine, though nothing is encrypted on the way.
    pub may_be_elsewhere: bool,
}

/// Why a node does not have its logs in a database. Its operator's fault, or of whoever runs the database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The program cannot.
    #[error(
        "this program was built without PostgreSQL; build it with `--features postgres`, or leave --database out"
    )]
    Missing,
    /// A file, of the password or of what this replica has seen.
    #[error("{}: {error}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: io::Error,
    },
    /// The folder has logs of its own: they are another past of the same keys.
    #[error("{} has the logs of this node: they go into no database. Leave --database out, or name a folder that has node.key, seed and network alone", path.display())]
    Logs {
        /// The logs.
        path: PathBuf,
    },
    /// The folder has no seed, and the node that the logs are of has one.
    #[error("{} has no seed, and the logs in the database are of a node that has one; copy node.key, seed and network of another replica into it", path.display())]
    Keys {
        /// The folder.
        path: PathBuf,
    },
    /// Another replica is the node, and this was not to wait.
    #[error("the database is in use: {words}")]
    Busy {
        /// Which one.
        words: String,
    },
    /// The database is not reached, does not keep what is committed, or is another's.
    #[error(transparent)]
    Refused(Box<dyn std::error::Error + Send + Sync>),
}

/// The logs of the replica that is the node.
pub(super) struct Entered {
    pub(super) store: Box<dyn Store>,
    /// Becomes true when another replica has taken over.
    pub(super) is_superseded: Arc<AtomicBool>,
    /// For the operator: what this replica cannot know by its own files.
    pub(super) note: Option<String>,
}

/// In a program without PostgreSQL.
#[cfg(not(feature = "postgres"))]
pub(super) fn enter(
    _: &super::Folder,
    _: &bitcoin::secp256k1::PublicKey,
    _: &DatabaseOptions,
    _: &mut dyn FnMut(&str) -> bool,
) -> Result<Option<Entered>, DatabaseError> {
    Err(DatabaseError::Missing)
}
