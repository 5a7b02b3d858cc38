//! A real bitcoind on regtest, one process per [`Bitcoind`].

mod build;
mod http;
mod locate;
mod node;
mod policy;
mod process;
mod recent;
mod rpc;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bitcoin::block::Header;
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Block, BlockHash, OutPoint, Script, Transaction, TxOut, Txid};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub use build::ensure_bitcoind;
pub use locate::find_bitcoind;
pub use node::Node;

use crate::block::{BLOCK_INTERVAL_SECONDS, Template, check_reward, subsidy, total_fees};
use crate::{Broadcaster, ChainSource, Error, Miner, NodePolicy};
use node::{HeaderInfo, REFUSALS};
use process::Process;

/// Time of the regtest genesis block, in Unix seconds.
pub(crate) const GENESIS_TIME: u32 = 1_296_688_602;
/// How long two connected nodes may take to agree.
const SYNC_TIMEOUT: Duration = Duration::from_secs(30);

/// A bitcoind in its own directory on its own ports; dropping it ends the process and removes the directory.
///
/// Time is simulated: the daemon's clock stands at the tip's time and jumps by [`BLOCK_INTERVAL_SECONDS`] with each
/// block that is mined here.
///
/// ```no_run
/// use narthex_regtest::{Bitcoind, ChainSource};
///
/// let mut chain = Bitcoind::start()?;
/// assert_eq!(chain.height()?, 0);
/// # Ok::<(), narthex_regtest::Error>(())
/// ```
pub struct Bitcoind {
    // Before the process: nothing may be sent to a daemon that is gone.
    node: Node,
    process: Process,
    /// Disconnections so far. Each shifts later block times by a second: a block that is mined again at the same
    /// height would otherwise be the very block that was declared invalid.
    forks: u32,
}

impl Bitcoind {
    /// Starts a daemon, after building one into the user's cache where none is found ([`ensure_bitcoind`]).
    pub fn start() -> Result<Self, Error> {
        Self::start_with(&[])
    }

    /// Starts a daemon with further command-line arguments, such as `-minrelaytxfee=0.00001`.
    pub fn start_with(extra_args: &[String]) -> Result<Self, Error> {
        let executable = ensure_bitcoind()?;
        let (process, rpc) = Process::start(&executable, extra_args)?;
        Ok(Self {
            node: Node::new(rpc),
            process,
            forks: 0,
        })
    }

    /// Process id of the daemon.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Address of its JSON-RPC and the cookie file that opens it, for other programs and [`Node::connect`].
    pub fn rpc(&self) -> (String, PathBuf) {
        let url = format!("http://127.0.0.1:{}", self.process.rpc_port);
        (url, self.process.cookie())
    }

    /// Any call of the daemon's JSON-RPC, for what [`Chain`](crate::Chain) does not offer.
    pub fn call<T: DeserializeOwned>(&self, method: &str, params: &[Value]) -> Result<T, Error> {
        self.node.call(method, params)
    }

    /// Connects this node to `other`: blocks and transactions of either reach both. See [`Bitcoind::sync`].
    pub fn connect(&self, other: &Self) -> Result<(), Error> {
        let address = format!("127.0.0.1:{}", other.process.p2p_port);
        let peers_before: u32 = other.call("getconnectioncount", &[])?;
        self.call::<()>("addnode", &[json!(address), json!("onetry")])?;
        wait_until("two nodes to connect", || {
            Ok(other.call::<u32>("getconnectioncount", &[])? > peers_before)
        })
    }

    /// Waits until this node and `other`, which are connected, have the same tip and the same mempool.
    pub fn sync(&self, other: &Self) -> Result<(), Error> {
        wait_until("two nodes to agree", || {
            let view = |node: &Self| -> Result<_, Error> {
                let mut mempool: Vec<Txid> = node.call("getrawmempool", &[])?;
                mempool.sort_unstable();
                Ok((node.call::<BlockHash>("getbestblockhash", &[])?, mempool))
            };
            Ok(view(self)? == view(other)?)
        })
    }

    fn best(&self) -> Result<(BlockHash, HeaderInfo), Error> {
        let hash: BlockHash = self.call("getbestblockhash", &[])?;
        Ok((hash, self.node.header_info(hash)?))
    }

    /// Time of the block to be mined on `tip`.
    fn next_time(&self, tip: &HeaderInfo) -> u32 {
        tip.time
            .saturating_add(BLOCK_INTERVAL_SECONDS)
            .saturating_add(self.forks)
    }

    /// Height of the tip, checked to be at least `depth`.
    fn height_above(&mut self, depth: u32) -> Result<u32, Error> {
        let height = self.height()?;
        if depth > height {
            Err(Error::TooDeep { depth, height })
        } else {
            Ok(height)
        }
    }
}

fn wait_until(what: &str, mut done: impl FnMut() -> Result<bool, Error>) -> Result<(), Error> {
    let started = Instant::now();
    while !done()? {
        if started.elapsed() > SYNC_TIMEOUT {
            return Err(Error::Daemon {
                what: format!("waited {} s for {what}", SYNC_TIMEOUT.as_secs()),
            });
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

impl ChainSource for Bitcoind {
    fn name(&self) -> &'static str {
        self.node.name()
    }

    fn height(&mut self) -> Result<u32, Error> {
        self.node.height()
    }

    fn block_hash(&mut self, height: u32) -> Result<BlockHash, Error> {
        self.node.block_hash(height)
    }

    fn tip(&mut self) -> Result<(u32, BlockHash), Error> {
        ChainSource::tip(&mut self.node)
    }

    fn block_of(&mut self, hash: BlockHash) -> Result<Arc<Block>, Error> {
        self.node.block_of(hash)
    }

    fn header_of(&mut self, hash: BlockHash) -> Result<Header, Error> {
        self.node.header_of(hash)
    }

    fn mempool(&mut self) -> Result<Vec<Txid>, Error> {
        self.node.mempool()
    }

    fn waiting(&mut self, txid: Txid) -> Result<Option<Transaction>, Error> {
        self.node.waiting(txid)
    }

    fn utxo(&mut self, outpoint: OutPoint) -> Result<Option<(TxOut, u32)>, Error> {
        self.node.utxo(outpoint)
    }

    fn waiting_spender(&mut self, outpoint: OutPoint) -> Result<Option<Txid>, Error> {
        self.node.waiting_spender(outpoint)
    }
}

impl Broadcaster for Bitcoind {
    fn submit(&mut self, tx: &Transaction) -> Result<Txid, Error> {
        self.node.submit(tx)
    }

    fn submit_package(&mut self, txs: &[Transaction]) -> Result<(), Error> {
        self.node.submit_package(txs)
    }

    fn node_policy(&mut self) -> Result<NodePolicy, Error> {
        self.node.node_policy()
    }
}

impl Miner for Bitcoind {
    fn mine(&mut self, count: u32, reward_script: &Script) -> Result<Vec<BlockHash>, Error> {
        check_reward(reward_script)?;
        let descriptor = json!(format!("raw({})", reward_script.to_hex_string()));
        let mut mined = Vec::new();
        for _ in 0..count {
            let (_, tip) = self.best()?;
            self.call::<()>("setmocktime", &[json!(self.next_time(&tip))])?;
            mined.extend(
                self.call::<Vec<BlockHash>>(
                    "generatetodescriptor",
                    &[json!(1), descriptor.clone()],
                )?,
            );
        }
        Ok(mined)
    }

    fn mine_exactly(
        &mut self,
        txs: &[Transaction],
        reward_script: &Script,
    ) -> Result<BlockHash, Error> {
        check_reward(reward_script)?;
        let (previous, tip) = self.best()?;
        let time = self.next_time(&tip);
        let height = tip.height.saturating_add(1);
        let fees = total_fees(txs, |outpoint| {
            Ok(self.utxo(*outpoint)?.map(|(output, _)| output.value))
        })?;
        let reward = subsidy(height).checked_add(fees).unwrap_or(fees);
        let block = Template {
            previous,
            height,
            time,
            reward,
            reward_script,
            transactions: txs.to_vec(),
        }
        .assemble()?;
        self.submit_block(&block)
    }

    fn submit_block(&mut self, block: &Block) -> Result<BlockHash, Error> {
        let (_, tip) = self.best()?;
        // A block from the future of the simulated clock would be refused as such.
        self.call::<()>("setmocktime", &[json!(block.header.time.max(tip.time))])?;
        let verdict = self.call::<Option<String>>("submitblock", &[json!(serialize_hex(block))]);
        let refused = match verdict {
            Ok(None) => return Ok(block.block_hash()),
            Ok(Some(reason)) => Error::BlockRejected { reason },
            Err(Error::Rpc { code, message, .. }) if REFUSALS.contains(&code) => {
                Error::BlockRejected { reason: message }
            }
            Err(other) => other,
        };
        // The clock stands at the tip's time again: a refused block changes nothing.
        self.call::<()>("setmocktime", &[json!(tip.time)])?;
        Err(refused)
    }

    fn disconnect(&mut self, depth: u32) -> Result<(), Error> {
        let height = self.height_above(depth)?;
        if depth == 0 {
            return Ok(());
        }
        let first = self.block_hash(height - depth + 1)?;
        self.call::<()>("invalidateblock", &[json!(first)])?;
        self.forks = self.forks.saturating_add(1);
        Ok(())
    }

    fn reorg(&mut self, depth: u32, reward_script: &Script) -> Result<(), Error> {
        check_reward(reward_script)?;
        self.disconnect(depth)?;
        for _ in 0..=depth {
            self.mine_exactly(&[], reward_script)?;
        }
        Ok(())
    }
}
