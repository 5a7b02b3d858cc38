//! A real bitcoind on regtest, one process per [`Bitcoind`].

mod build;
mod locate;
mod process;
mod rpc;

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::{
    Amount, Block, BlockHash, OutPoint, Script, ScriptBuf, Transaction, TxOut, Txid, Wtxid,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub use build::ensure_bitcoind;
pub use locate::find_bitcoind;

use crate::block::{BLOCK_INTERVAL_SECONDS, Template, subsidy, total_fees};
use crate::package::{MAX_PACKAGE_COUNT, explain};
use crate::{Chain, Error};
use process::Process;
use rpc::Rpc;

/// Time of the regtest genesis block, in Unix seconds.
pub(crate) const GENESIS_TIME: u32 = 1_296_688_602;
/// Core's `RPC_INVALID_ADDRESS_OR_KEY`: also "no such transaction".
const NOT_FOUND: i32 = -5;
/// Core's codes for a transaction that can't be decoded, fails, is refused, or is confirmed already.
const REFUSALS: [i32; 4] = [-22, -25, -26, -27];
/// How long two connected nodes may take to agree.
const SYNC_TIMEOUT: Duration = Duration::from_secs(30);

/// A bitcoind in its own directory on its own ports; dropping it ends the process and removes the directory.
///
/// Time is simulated: the daemon's clock stands at the tip's time and jumps by [`BLOCK_INTERVAL_SECONDS`] with each
/// block that is mined here.
///
/// ```no_run
/// use narthex_regtest::{Bitcoind, Chain};
///
/// let mut chain = Bitcoind::start()?;
/// assert_eq!(chain.height()?, 0);
/// # Ok::<(), narthex_regtest::Error>(())
/// ```
pub struct Bitcoind {
    // Before the process: nothing may be sent to a daemon that is gone.
    rpc: Rpc,
    process: Process,
    /// Disconnections so far. Each shifts later block times by a second: a block that is mined again at the same
    /// height would otherwise be the very block that was declared invalid.
    forks: u32,
    /// Heights by hash, which never change.
    heights: HashMap<BlockHash, u32>,
}

#[derive(Deserialize)]
struct RawTransaction {
    hex: String,
    blockhash: Option<BlockHash>,
    #[serde(default)]
    confirmations: u32,
}

#[derive(Deserialize)]
struct HeaderInfo {
    height: u32,
    time: u32,
}

#[derive(Deserialize)]
struct TxOutInfo {
    bestblock: BlockHash,
    confirmations: u32,
    /// In whole bitcoins, as the daemon writes amounts.
    value: f64,
    #[serde(rename = "scriptPubKey")]
    script_pubkey: ScriptInfo,
}

#[derive(Deserialize)]
struct ScriptInfo {
    hex: ScriptBuf,
}

#[derive(Deserialize)]
struct PackageAnswer {
    package_msg: String,
    #[serde(rename = "tx-results", default)]
    results: BTreeMap<Wtxid, PackageResult>,
}

#[derive(Deserialize)]
struct PackageResult {
    error: Option<String>,
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
            rpc,
            process,
            forks: 0,
            heights: HashMap::new(),
        })
    }

    /// Process id of the daemon.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Any call of the daemon's JSON-RPC, for what [`Chain`] does not offer.
    pub fn call<T: DeserializeOwned>(&self, method: &str, params: &[Value]) -> Result<T, Error> {
        self.rpc.call(method, params)
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

    fn header(&self, hash: BlockHash) -> Result<HeaderInfo, Error> {
        self.call("getblockheader", &[json!(hash)])
    }

    fn height_of(&mut self, hash: BlockHash) -> Result<u32, Error> {
        if let Some(height) = self.heights.get(&hash) {
            return Ok(*height);
        }
        let height = self.header(hash)?.height;
        self.heights.insert(hash, height);
        Ok(height)
    }

    fn tip(&self) -> Result<(BlockHash, HeaderInfo), Error> {
        let hash: BlockHash = self.call("getbestblockhash", &[])?;
        Ok((hash, self.header(hash)?))
    }

    /// Sets the daemon's clock to the time of the block to be mined on `tip` and returns it.
    fn advance_clock(&self, tip: &HeaderInfo) -> Result<u32, Error> {
        let time = tip
            .time
            .saturating_add(BLOCK_INTERVAL_SECONDS)
            .saturating_add(self.forks);
        self.call::<()>("setmocktime", &[json!(time)])?;
        Ok(time)
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

/// Turns the daemon's verdict on a transaction into a refusal; other failures stay what they are.
fn refusal(txid: Txid) -> impl FnOnce(Error) -> Error {
    move |error| match error {
        Error::Rpc { code, message, .. } if REFUSALS.contains(&code) => Error::Rejected {
            txid,
            reason: message,
        },
        other => other,
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

/// `maxfeerate` 0 and `maxburnamount` 21 million: the guards of a wallet owner are off, policy alone decides.
fn without_guards(what: Value) -> [Value; 3] {
    [what, json!(0), json!(21_000_000)]
}

impl Chain for Bitcoind {
    fn name(&self) -> &'static str {
        "bitcoind"
    }

    fn height(&mut self) -> Result<u32, Error> {
        self.call("getblockcount", &[])
    }

    fn block_hash(&mut self, height: u32) -> Result<BlockHash, Error> {
        let tip = self.height()?;
        if height > tip {
            return Err(Error::NoSuchHeight { height, tip });
        }
        self.call("getblockhash", &[json!(height)])
    }

    fn block(&mut self, height: u32) -> Result<Block, Error> {
        let hash = self.block_hash(height)?;
        let hex: String = self.call("getblock", &[json!(hash), json!(0)])?;
        deserialize_hex(&hex).map_err(|source| Error::Transport {
            method: "getblock".into(),
            source: Box::new(source),
        })
    }

    fn mine(&mut self, count: u32, reward_script: &Script) -> Result<Vec<BlockHash>, Error> {
        if reward_script.is_empty() {
            return Err(Error::EmptyRewardScript);
        }
        let descriptor = json!(format!("raw({})", reward_script.to_hex_string()));
        let mut mined = Vec::new();
        for _ in 0..count {
            let (_, tip) = self.tip()?;
            self.advance_clock(&tip)?;
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
        let (previous, tip) = self.tip()?;
        let time = self.advance_clock(&tip)?;
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
        let (_, tip) = self.tip()?;
        // A block from the future of the simulated clock would be refused as such.
        self.call::<()>("setmocktime", &[json!(block.header.time.max(tip.time))])?;
        let verdict = self.call::<Option<String>>("submitblock", &[json!(serialize_hex(block))]);
        match verdict {
            Ok(None) => Ok(block.block_hash()),
            Ok(Some(reason)) => Err(Error::BlockRejected { reason }),
            Err(Error::Rpc { code, message, .. }) if REFUSALS.contains(&code) => {
                Err(Error::BlockRejected { reason: message })
            }
            Err(other) => Err(other),
        }
    }

    fn submit(&mut self, tx: &Transaction) -> Result<Txid, Error> {
        let params = without_guards(json!(serialize_hex(tx)));
        self.call("sendrawtransaction", &params)
            .map_err(refusal(tx.compute_txid()))
    }

    fn submit_package(&mut self, txs: &[Transaction]) -> Result<(), Error> {
        let Some(child) = txs.last().filter(|_| txs.len() <= MAX_PACKAGE_COUNT) else {
            return Err(Error::PackageSize { count: txs.len() });
        };
        let hexes: Vec<_> = txs.iter().map(serialize_hex).collect();
        let params = without_guards(json!(hexes));
        let answer: PackageAnswer = self
            .call("submitpackage", &params)
            .map_err(refusal(child.compute_txid()))?;
        if answer.package_msg == "success" {
            return Ok(());
        }
        let error = |tx: &Transaction| {
            answer
                .results
                .get(&tx.compute_wtxid())
                .and_then(|result| result.error.clone())
        };
        let results: Vec<_> = txs
            .iter()
            .map(|tx| (tx.compute_txid(), error(tx)))
            .collect();
        explain(&answer.package_msg, &results).map_or(Ok(()), Err)
    }

    fn mempool(&mut self) -> Result<Vec<Txid>, Error> {
        self.call("getrawmempool", &[])
    }

    fn transaction(&mut self, txid: Txid) -> Result<Option<(Transaction, Option<u32>)>, Error> {
        let raw: RawTransaction = match self.call("getrawtransaction", &[json!(txid), json!(true)])
        {
            Err(Error::Rpc {
                code: NOT_FOUND, ..
            }) => return Ok(None),
            answer => answer?,
        };
        let height = match raw.blockhash {
            // The transaction index keeps what was in a block that is no longer on the active chain.
            Some(_) if raw.confirmations == 0 => return Ok(None),
            Some(hash) => Some(self.height_of(hash)?),
            None => None,
        };
        let tx = deserialize_hex(&raw.hex).map_err(|source| Error::Transport {
            method: "getrawtransaction".into(),
            source: Box::new(source),
        })?;
        Ok(Some((tx, height)))
    }

    fn utxo(&mut self, outpoint: OutPoint) -> Result<Option<(TxOut, u32)>, Error> {
        let params = [json!(outpoint.txid), json!(outpoint.vout), json!(false)];
        let Some(info) = self.call::<Option<TxOutInfo>>("gettxout", &params)? else {
            return Ok(None);
        };
        let value = Amount::from_btc(info.value).map_err(|source| Error::Transport {
            method: "gettxout".into(),
            source: Box::new(source),
        })?;
        let best = self.height_of(info.bestblock)?;
        let height = best.saturating_add(1).saturating_sub(info.confirmations);
        Ok(Some((
            TxOut {
                value,
                script_pubkey: info.script_pubkey.hex,
            },
            height,
        )))
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
        self.disconnect(depth)?;
        for _ in 0..=depth {
            self.mine_exactly(&[], reward_script)?;
        }
        Ok(())
    }
}
