//! A node that runs already and is somebody's own: it is asked, and given transactions; it mines nothing here.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use bitcoin::block::Header;
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::{Amount, Block, BlockHash, OutPoint, ScriptBuf, Transaction, TxOut, Txid, Wtxid};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{policy, recent::RecentBlocks, rpc::Rpc};
use crate::package::{MAX_PACKAGE_COUNT, explain};
use crate::{Broadcaster, ChainSource, Error, NodePolicy};

/// Core's `RPC_INVALID_ADDRESS_OR_KEY`: also "no such transaction".
const NOT_FOUND: i32 = -5;
/// Core's codes for a transaction that can't be decoded, fails, is refused, or is confirmed already.
pub(super) const REFUSALS: [i32; 4] = [-22, -25, -26, -27];

/// A connection to a node, on whatever network it is: to read and to send.
///
/// It mines nothing, and no code asks it to:
///
/// ```compile_fail,E0277
/// fn mines<M: narthex_regtest::Miner>() {}
/// mines::<narthex_regtest::Node>();
/// ```
///
/// The node needs no index of transactions: confirmed ones are found in their blocks.
pub struct Node {
    rpc: Rpc,
    /// Heights and headers by hash, which never change.
    heights: HashMap<BlockHash, u32>,
    headers: HashMap<BlockHash, Header>,
    /// Several parties of a process follow the chain through one connection.
    blocks: RecentBlocks,
}

#[derive(Deserialize)]
struct RawTransaction {
    hex: String,
    /// Where the node has an index, and it has confirmed.
    blockhash: Option<BlockHash>,
}

/// Most headers that are kept, some ten megabytes of them: those of a year. Then they are asked for again.
const MOST_HEADERS: usize = 1 << 16;

#[derive(Deserialize)]
pub(super) struct HeaderInfo {
    pub(super) height: u32,
    pub(super) time: u32,
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
struct SpendingInfo {
    spendingtxid: Option<Txid>,
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

impl Node {
    pub(super) fn new(rpc: Rpc) -> Self {
        Self {
            rpc,
            heights: HashMap::new(),
            headers: HashMap::new(),
            blocks: RecentBlocks::default(),
        }
    }

    /// Connects to `url`, such as `http://127.0.0.1:8332`, with what stands in the `cookie` file: the one that the
    /// node writes into its directory, or any file with `user:password`. The file is read again for each call: a node
    /// that is started anew writes another. The node is asked for its height at once. It is asked at this address and
    /// no other: an answer that points elsewhere is an error.
    ///
    /// # Errors
    /// [`Error::BadNodeUrl`]: another scheme, or `user:password@` in it; [`Error::Transport`] with what is wrong.
    pub fn connect(url: &str, cookie: &Path) -> Result<Self, Error> {
        let mut node = Self::new(Rpc::new(url, cookie)?);
        node.height()?;
        Ok(node)
    }

    /// Any call of the node's JSON-RPC, for what [`ChainSource`] and [`Broadcaster`] do not offer.
    pub fn call<T: DeserializeOwned>(&self, method: &str, params: &[Value]) -> Result<T, Error> {
        self.rpc.call(method, params)
    }

    pub(super) fn header_info(&self, hash: BlockHash) -> Result<HeaderInfo, Error> {
        self.call("getblockheader", &[json!(hash)])
    }

    fn height_of(&mut self, hash: BlockHash) -> Result<u32, Error> {
        if let Some(height) = self.heights.get(&hash) {
            return Ok(*height);
        }
        let height = self.header_info(hash)?.height;
        keep(&mut self.heights, hash, height);
        Ok(height)
    }
}

/// The node does not know this block, or has only its header.
fn no_such_block(hash: BlockHash) -> impl FnOnce(Error) -> Error {
    move |error| match error {
        Error::Rpc {
            code: NOT_FOUND, ..
        } => Error::NoSuchBlock { hash },
        other => other,
    }
}

/// Keeps what was asked for, among as many as there may be.
fn keep<T>(kept: &mut HashMap<BlockHash, T>, hash: BlockHash, what: T) {
    if kept.len() >= MOST_HEADERS {
        kept.clear();
    }
    kept.insert(hash, what);
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

/// `maxfeerate` 0 and `maxburnamount` 21 million: the guards of a wallet owner are off, policy alone decides.
fn without_guards(what: Value) -> [Value; 3] {
    [what, json!(0), json!(21_000_000)]
}

impl ChainSource for Node {
    fn name(&self) -> &'static str {
        "bitcoind"
    }

    fn height(&mut self) -> Result<u32, Error> {
        self.call("getblockcount", &[])
    }

    fn block_hash(&mut self, height: u32) -> Result<BlockHash, Error> {
        match self.call("getblockhash", &[json!(height)]) {
            // Asked only now: whoever follows a chain reads thousands of heights that are there.
            Err(refused @ Error::Rpc { .. }) => match self.height()? {
                tip if height > tip => Err(Error::NoSuchHeight { height, tip }),
                _ => Err(refused),
            },
            answer => answer,
        }
    }

    fn tip(&mut self) -> Result<(u32, BlockHash), Error> {
        let hash = self.call("getbestblockhash", &[])?;
        Ok((self.height_of(hash)?, hash))
    }

    fn block_of(&mut self, hash: BlockHash) -> Result<Arc<Block>, Error> {
        if let Some(block) = self.blocks.get(hash) {
            return Ok(block);
        }
        let hex: String = self
            .call("getblock", &[json!(hash), json!(0)])
            .map_err(no_such_block(hash))?;
        let block: Block = deserialize_hex(&hex).map_err(|source| Error::Transport {
            method: "getblock".into(),
            source: Box::new(source),
        })?;
        let block = Arc::new(block);
        self.blocks.keep(hash, &block);
        keep(&mut self.headers, hash, block.header);
        Ok(block)
    }

    fn header_of(&mut self, hash: BlockHash) -> Result<Header, Error> {
        if let Some(header) = self.headers.get(&hash) {
            return Ok(*header);
        }
        let hex: String = self
            .call("getblockheader", &[json!(hash), json!(false)])
            .map_err(no_such_block(hash))?;
        let header = deserialize_hex(&hex).map_err(|source| Error::Transport {
            method: "getblockheader".into(),
            source: Box::new(source),
        })?;
        keep(&mut self.headers, hash, header);
        Ok(header)
    }

    fn mempool(&mut self) -> Result<Vec<Txid>, Error> {
        self.call("getrawmempool", &[])
    }

    fn waiting(&mut self, txid: Txid) -> Result<Option<Transaction>, Error> {
        let raw: RawTransaction = match self.call("getrawtransaction", &[json!(txid), json!(true)])
        {
            Err(Error::Rpc {
                code: NOT_FOUND, ..
            }) => return Ok(None),
            answer => answer?,
        };
        if raw.blockhash.is_some() {
            return Ok(None);
        }
        let tx = deserialize_hex(&raw.hex).map_err(|source| Error::Transport {
            method: "getrawtransaction".into(),
            source: Box::new(source),
        })?;
        Ok(Some(tx))
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

    fn waiting_spender(&mut self, outpoint: OutPoint) -> Result<Option<Txid>, Error> {
        let asked = json!([{"txid": outpoint.txid, "vout": outpoint.vout}]);
        let answer: Vec<SpendingInfo> = self.call("gettxspendingprevout", &[asked])?;
        Ok(answer.into_iter().find_map(|spent| spent.spendingtxid))
    }
}

impl Broadcaster for Node {
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

    fn node_policy(&mut self) -> Result<NodePolicy, Error> {
        policy::ask(self)
    }
}
