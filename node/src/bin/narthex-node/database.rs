//! Where a node has its logs.

use std::path::PathBuf;

use clap::{Args, value_parser};
use narthex_node::shell::DatabaseOptions;

/// A database in the place of node.db.
#[derive(Args)]
pub(super) struct DatabaseArgs {
    /// Keeps the logs in this PostgreSQL database in the place of node.db, so that several replicas of one node can run, of which one is
    /// the node and the others wait: postgres://USER@HOST/NAME, or postgres://USER@/NAME?host=/run/postgresql. No password stands in it.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// The file with the database's password, a line that nobody but its owner may read.
    #[arg(long, value_name = "FILE", requires = "database")]
    database_password: Option<PathBuf>,
    /// Replicas of this node, itself among them. With more than one it starts only where PostgreSQL replicates synchronously.
    #[arg(long, value_name = "COUNT", default_value_t = 1, requires = "database", value_parser = value_parser!(u16).range(1..=16))]
    replicas: u16,
    /// Takes a database on another machine, though nothing is encrypted on the way: for a network that is yours alone.
    #[arg(long, requires = "database")]
    database_elsewhere: bool,
}

impl DatabaseArgs {
    pub(super) fn options(self) -> Option<DatabaseOptions> {
        Some(DatabaseOptions {
            address: self.database?,
            password: self.database_password,
            replicas: self.replicas,
            may_be_elsewhere: self.database_elsewhere,
        })
    }
}
