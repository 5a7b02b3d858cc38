//! How a node is run, and why it ends.

use std::{io, path::PathBuf, time::Duration};

use bitcoin::Network;
use narthex::regtest;

use super::{DatabaseError, DatabaseOptions, FolderError};
use crate::{
    api::ApiOptions,
    party::{Fatal, Policy},
    transport::Limits,
};

/// How a node is run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Its folder.
    pub dir: PathBuf,
    /// The database that has its logs, if its folder has not.
    pub database: Option<DatabaseOptions>,
    /// Where it listens, `HOST:PORT`; not at all without.
    pub listen: Option<String>,
    /// Where others reach it, if that is elsewhere than where it listens.
    pub address: Option<String>,
    /// JSON-RPC of its Bitcoin node.
    pub node: String,
    /// The file that opens it.
    pub cookie: PathBuf,
    /// The network that its Bitcoin node is to be on.
    pub network: Network,
    /// Job files that it has.
    pub jobs: Vec<PathBuf>,
    /// Whether the chain is read again from before each contract's funding, whatever was read of it.
    pub follow_anew: bool,
    /// What its operator has said.
    pub policy: Policy,
    /// Between two looks at the clock and the chain.
    pub tick: Duration,
    /// Bounds of its transport.
    pub limits: Limits,
    /// How it is asked over HTTP; not at all without.
    pub api: Option<ApiOptions>,
}

/// Why a node ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Its folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The database that has its logs.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Its Bitcoin node, when it starts. Later it is waited for.
    #[error("the Bitcoin node: {0}")]
    Chain(#[from] regtest::Error),
    /// A socket or the runtime.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// What it knows may not be durable, or is not ours.
    #[error("the node ends: {0}; it goes on from what is durable when it is started again")]
    Fatal(#[from] Fatal),
}
