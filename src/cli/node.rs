//! Options of commands that ask a node of the user's.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use narthex::regtest::Node;

/// Which node.
#[derive(Args)]
pub(super) struct NodeArgs {
    /// JSON-RPC of an own Bitcoin node, such as http://127.0.0.1:8332.
    #[arg(long, requires = "cookie")]
    node: Option<String>,
    /// The file that opens it: the node's .cookie, or one with user:password.
    #[arg(long, requires = "node")]
    cookie: Option<PathBuf>,
}

impl NodeArgs {
    /// A connection, if a node was named.
    pub(super) fn connect(&self) -> anyhow::Result<Option<Node>> {
        let (Some(url), Some(cookie)) = (&self.node, &self.cookie) else {
            return Ok(None);
        };
        super::secret::warn_if_others_read(cookie);
        // The error names the node, and says nothing of an address with a password in it.
        let node = Node::connect(url, cookie).context(
            "cannot ask the node; is it running, with -server, and is this its cookie file?",
        )?;
        Ok(Some(node))
    }

    /// A connection, for commands that can do nothing without.
    pub(super) fn needed(&self) -> anyhow::Result<Node> {
        self.connect()?
            .context("this asks the chain: name a node with --node URL --cookie FILE")
    }
}
