//! Where a node has its logs.

use std::path::PathBuf;

use anyhow::Context as _;
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
    /// Lines of a file of options, with what they are for.
    pub(super) fn text(&self, quoted: impl Fn(&str) -> String) -> anyhow::Result<String> {
        let Some(address) = &self.database else {
            return Ok(String::new());
        };
        let mut text = format!(
            "\n# Its logs, for several replicas: copies of node.key, seed, network and this file make another one.\ndatabase = {}\nreplicas = {}\n",
            quoted(address),
            self.replicas
        );
        if let Some(path) = &self.database_password {
            let path = std::path::absolute(path)?;
            let path = path.to_str().context("the password's file is no UTF-8")?;
            text += &format!("database-password = {}\n", quoted(path));
        }
        if self.database_elsewhere {
            text += "database-elsewhere = true\n";
        }
        Ok(text)
    }

    pub(super) fn options(&self) -> Option<DatabaseOptions> {
        Some(DatabaseOptions {
            address: self.database.clone()?,
            password: self.database_password.clone(),
            replicas: self.replicas,
            may_be_elsewhere: self.database_elsewhere,
        })
    }
}
