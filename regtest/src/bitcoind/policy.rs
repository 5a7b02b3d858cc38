//! What a node says of its version and its mempool.

use bitcoin::{Amount, FeeRate};
use serde::Deserialize;

use super::Node;
use crate::{Error, NodePolicy};

#[derive(Deserialize)]
struct NetworkInfo {
    version: u32,
    subversion: String,
}

/// Rates in whole bitcoins per 1,000 virtual bytes, as nodes write them.
#[derive(Deserialize)]
struct MempoolInfo {
    #[serde(rename = "minrelaytxfee")]
    least_relay: f64,
    #[serde(rename = "mempoolminfee")]
    least_now: f64,
    /// Bitcoin Knots.
    truc_policy: Option<String>,
}

pub(super) fn ask(node: &Node) -> Result<NodePolicy, Error> {
    let network: NetworkInfo = node.call("getnetworkinfo", &[])?;
    let mempool: MempoolInfo = node.call("getmempoolinfo", &[])?;
    Ok(NodePolicy {
        agent: printable(&network.subversion),
        version: network.version,
        truc: mempool.truc_policy.as_deref().map(printable),
        least_relay: rate(mempool.least_relay)?,
        least_now: rate(mempool.least_now)?,
    })
}

/// Rounded up: what is not enough must not look as if it were.
fn rate(btc_per_kvb: f64) -> Result<FeeRate, Error> {
    let per_kvb = Amount::from_btc(btc_per_kvb).map_err(|source| Error::Transport {
        method: "getmempoolinfo".into(),
        source: Box::new(source),
    })?;
    Ok(FeeRate::from_sat_per_kwu(per_kvb.to_sat().div_ceil(4)))
}

/// A short name without characters that a terminal would obey.
fn printable(said: &str) -> String {
    const SHOWN_CHARACTERS: usize = 100;
    said.chars()
        .filter(|c| !c.is_control())
        .take(SHOWN_CHARACTERS)
        .collect()
}
