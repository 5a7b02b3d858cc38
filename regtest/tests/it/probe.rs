//! A node is asked whether it takes what contracts end with, before anything is funded; the asking changes nothing.

use bitcoin::{FeeRate, OutPoint, ScriptBuf, TxOut};
use narthex_regtest::{
    Bitcoind, Chain, ChainSource, Embedded, Node, PolicyGap, ProbeError, mine_coins, probe,
    suite::Signer,
};

const RATE: FeeRate = FeeRate::from_sat_per_kwu(500);

fn anyone() -> ScriptBuf {
    ScriptBuf::new_p2a()
}

fn coin(chain: &mut dyn Chain) -> (OutPoint, TxOut) {
    let key = Signer::new(7).unwrap();
    mine_coins(chain, 1, &key.script(), &anyone()).unwrap()[0].clone()
}

/// What asking must not change.
fn state(chain: &mut dyn Chain, coin: OutPoint) -> impl PartialEq + std::fmt::Debug + use<> {
    let height = chain.height().unwrap();
    (
        chain.block_hash(height).unwrap(),
        chain.mempool().unwrap(),
        chain.utxo(coin).unwrap(),
    )
}

fn refused(chain: &mut dyn Chain, rate: FeeRate) -> (PolicyGap, String) {
    let own = coin(chain);
    let before = state(chain, own.0);
    let error = probe(chain, rate, Some(own.clone())).unwrap_err();
    assert_eq!(state(chain, own.0), before);
    let said = error.to_string();
    match error {
        ProbeError::Refused { gap, .. } => (gap, said),
        other => panic!("{other}"),
    }
}

fn takes_what_contracts_end_with(chain: &mut dyn Chain) {
    // Nothing to ask with: nobody knows, so nothing is funded.
    let nothing = probe(chain, RATE, None).unwrap_err();
    assert!(matches!(nothing, ProbeError::NoCoin { .. }), "{nothing}");
    // A coin that anybody could spend does not serve, since the node might take the pair.
    let open = mine_coins(chain, 1, &anyone(), &anyone()).unwrap()[0].clone();
    let nothing = probe(chain, RATE, Some(open)).unwrap_err();
    assert!(matches!(nothing, ProbeError::NoCoin { .. }), "{nothing}");
    let own = coin(chain);
    let before = state(chain, own.0);
    let with_own = probe(chain, RATE, Some(own.clone())).unwrap();
    let with_any = probe(chain, RATE, None).unwrap();
    assert_eq!(with_own, with_any);
    assert_eq!(with_own.rate(), RATE);
    assert_eq!(state(chain, own.0), before, "asking changes nothing");
    // A rate below the node's least.
    let (gap, said) = refused(chain, FeeRate::from_sat_per_kwu(5));
    let expected = PolicyGap::FeeRate {
        least_sat_kvb: 100,
        paid_sat_kvb: 20,
    };
    assert_eq!(gap, expected, "{said}");
    assert!(said.contains("-minrelaytxfee"), "{said}");
}

#[test]
fn embedded() {
    takes_what_contracts_end_with(&mut Embedded::new());
}

#[test]
fn bitcoind() {
    takes_what_contracts_end_with(&mut Bitcoind::start().unwrap());
}

#[test]
fn a_node_that_only_answers_is_asked_too() {
    let mut chain = Bitcoind::start().unwrap();
    coin(&mut chain);
    let (url, cookie) = chain.rpc();
    let mut node = Node::connect(&url, &cookie).unwrap();
    let accepted = probe(&mut node, RATE, None).unwrap();
    assert!(accepted.node().agent.contains("Satoshi"), "{accepted:?}");
    assert!(accepted.node().major() >= 29 && !accepted.node().is_knots());
    assert_eq!(node.mempool().unwrap(), []);
}

/// Bitcoin Core, started with a policy that refuses.
#[test]
fn core_set_to_refuse() {
    let start = |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).into()).collect();
        Bitcoind::start_with(&arguments).unwrap()
    };
    let (gap, said) = refused(&mut start(&["-limitclustercount=1"]), RATE);
    let setting = "-limitclustercount";
    assert_eq!(gap, PolicyGap::Chains { setting }, "{said}");
    assert!(said.contains(setting) && said.contains("Nothing is funded"));

    let (gap, said) = refused(&mut start(&["-minrelaytxfee=0.0001"]), RATE);
    let expected = PolicyGap::FeeRate {
        least_sat_kvb: 10_000,
        paid_sat_kvb: 2_000,
    };
    assert_eq!(gap, expected, "{said}");
    assert!(said.contains("-minrelaytxfee"), "{said}");
}
