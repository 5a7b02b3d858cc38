//! Whose fault a failure is: the transaction's, the caller's, or the machine's.

use std::path::PathBuf;

use bitcoin::{BlockHash, Txid};

/// Why a chain did not do what it was asked to.
///
/// Three kinds: a *refusal* ([`Error::Rejected`], [`Error::BlockRejected`]) is the fault of what was offered and
/// will happen again with the same bytes on the same chain; a *caller error* asks for something that does not
/// exist; everything else is the machine around the chain (daemon, files, network).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Consensus or policy refuses this transaction, or the package that it came in.
    #[error("transaction {txid} refused: {reason}")]
    Rejected {
        /// The transaction that the refusal is about; the child where a package as a whole is refused.
        txid: Txid,
        /// Bitcoin Core's words, a short code first: `bad-txns-in-belowout, value in (...)`.
        reason: String,
    },
    /// Consensus refuses this block; no block was added.
    #[error("block refused: {reason}")]
    BlockRejected {
        /// Bitcoin Core's words, a short code first.
        reason: String,
    },

    /// Caller: there is no block at this height.
    #[error("no block at height {height}, the tip is at {tip}: mine {} more", height.saturating_sub(*tip))]
    NoSuchHeight {
        /// Height that was asked for, in blocks.
        height: u32,
        /// Height of the tip, in blocks.
        tip: u32,
    },
    /// There is no such block on the active chain: a reorganisation has taken it away. Look at the tip again.
    #[error("no block {hash} on the chain: its tip has changed, look at it again")]
    NoSuchBlock {
        /// Its hash.
        hash: BlockHash,
    },
    /// Caller: a reorganisation would go below the genesis block.
    #[error(
        "cannot disconnect {depth} blocks of a chain of height {height}: ask for at most {height}"
    )]
    TooDeep {
        /// Blocks to disconnect.
        depth: u32,
        /// Height of the tip, in blocks.
        height: u32,
    },
    /// Caller: a package holds 1 to 25 transactions.
    #[error("a package of {count} transactions: give 1 to 25, the child last")]
    PackageSize {
        /// Transactions given.
        count: usize,
    },
    /// Caller: blocks need a script to pay to.
    #[error("the reward script is empty: give a script that somebody can spend")]
    EmptyRewardScript,

    /// Caller: what was named is no address of a node that can be asked. It is not repeated: there may be a password
    /// in it.
    #[error("{why}")]
    BadNodeUrl {
        /// What is wrong with it.
        why: String,
    },

    /// No bitcoind was found, and it was not to be built.
    #[error(
        "no bitcoind found (looked at {looked_at}): set BITCOIND_EXE, put bitcoind 29 or later on PATH, or run \
         `cargo run -p narthex-regtest --bin ensure-bitcoind` to build it"
    )]
    NoDaemon {
        /// Where it was looked for.
        looked_at: String,
    },
    /// The daemon is too old for TRUC packages with ephemeral dust.
    #[error(
        "{} is bitcoind {found}, at least {needed} is needed (TRUC packages with ephemeral dust): \
         set BITCOIND_EXE to a newer one or unset it to have one built", path.display()
    )]
    DaemonTooOld {
        /// The executable.
        path: PathBuf,
        /// Its major version.
        found: u32,
        /// The lowest major version that works here.
        needed: u32,
    },
    /// The daemon could not be started or ended by itself.
    #[error("bitcoind does not run: {what}")]
    Daemon {
        /// What happened, with the end of its log.
        what: String,
    },
    /// Building the daemon failed.
    #[error("building bitcoind failed at `{step}`: {hint}")]
    Build {
        /// The command that failed.
        step: String,
        /// What to look at or to install.
        hint: String,
    },
    /// The daemon refuses a call for a reason that is no verdict on a transaction.
    #[error("bitcoind refuses {method}: {message} (code {code})")]
    Rpc {
        /// Name of the call.
        method: String,
        /// Bitcoin Core's error code.
        code: i32,
        /// Bitcoin Core's message.
        message: String,
    },
    /// The daemon could not be reached, or its answer not be read.
    #[error("no usable answer from bitcoind to {method}: {source}")]
    Transport {
        /// Name of the call.
        method: String,
        /// What the transport or the decoder says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file or process operation failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the operating system says.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Whether what was offered is at fault, and not the caller or the machine.
    pub fn is_refusal(&self) -> bool {
        self.code().is_some()
    }

    /// The short code of a refusal, such as `min relay fee not met`, without the details behind it.
    ///
    /// Core writes `code (script error), details`; only the code is the same for every transaction.
    pub fn code(&self) -> Option<&str> {
        let (Self::Rejected { reason, .. } | Self::BlockRejected { reason }) = self else {
            return None;
        };
        let end = reason
            .find(", ")
            .unwrap_or(reason.len())
            .min(reason.find(" (").unwrap_or(reason.len()));
        reason.get(..end)
    }
}
