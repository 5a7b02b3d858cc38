//! What an approval pays the verifier: an ordinary wallet imports the key and spends it, and the seal at a contract's own cost.

use crate::common;

use bitcoin::{Network, Transaction, secp256k1::SecretKey};
use narthex::{
    contracts::terms::{Role, token_descriptor},
    game_model::{Template, token::SealCost},
    harness::play_on,
    play::{Event, PlayOptions},
    regtest::{Bitcoind, Broadcaster, ChainSource, Embedded, Miner, mine_coins},
    wallet::PartyWallet,
};

/// A key that stands for k + x, paid on bitcoind: the wallet that imports it sees the coin and spends it, to the satoshi.
#[test]
fn a_wallet_imports_the_key_and_spends_it() {
    let mut chain = Bitcoind::start().unwrap();
    let key = SecretKey::from_slice(&[7; 32]).unwrap();
    let secp = bitcoin::secp256k1::Secp256k1::new();
    let script = bitcoin::ScriptBuf::new_p2tr(&secp, key.x_only_public_key(&secp).0, None);
    let mut wallet = PartyWallet::new("verifier", &[1; 32]).unwrap();
    // Paid before it knows the key, and after.
    mine_coins(&mut chain, 1, &script, &bitcoin::ScriptBuf::new_p2a()).unwrap();
    wallet.sync(&mut chain).unwrap();
    assert_eq!(wallet.balance().to_sat(), 0);
    wallet.import(&key).unwrap();
    wallet.import(&key).unwrap();
    wallet.sync(&mut chain).unwrap();
    let held = wallet.balance();
    assert_eq!(held.to_btc(), 50.0);
    let rate = narthex::contracts::terms::FeeRate::from_sat_per_kwu(500);
    let tx: Transaction = wallet.sweep_imported(rate).unwrap().unwrap();
    chain.submit(&tx).unwrap();
    chain.mine(1, &bitcoin::ScriptBuf::new_p2a()).unwrap();
    wallet.sync(&mut chain).unwrap();
    let fee = held - tx.output[0].value;
    assert_eq!(wallet.balance(), held - fee);
    assert!(
        wallet.sweep_imported(rate).unwrap().is_none(),
        "nothing is left"
    );
    // What the node makes of the descriptor's public side is the script that was paid.
    let text = token_descriptor(&key, Network::Regtest.into());
    assert!(
        text.starts_with("tr(c"),
        "a key in import format, of a test network"
    );
    assert!(chain.transaction(tx.compute_txid()).unwrap().is_some());
}

/// One whole contract with the seal as expensive as it is for everybody.
#[test]
fn the_seal_at_its_own_cost() {
    let options = PlayOptions {
        seal_cost: SealCost::CONTRACT,
        input: Some(common::few_images()),
        ..common::options(Template::Hardened, "normal", (2, 3))
    };
    let mut events: Vec<Event> = Vec::new();
    let outcome = play_on(&mut Embedded::new(), "normal", &options, &mut events).unwrap();
    let verifier = Role::Verifier.to_string();
    let paid = outcome
        .balances
        .iter()
        .find(|b| b.party == verifier)
        .unwrap();
    assert!(paid.is_exact() && paid.settlement_sat > 0, "{paid:?}");
    let said = |words: &str| {
        events.iter().any(|event| match event {
            Event::Step(step) => step.what.contains(words),
            _ => false,
        })
    };
    assert!(said("opens the seal") && said("hands the client its share"));
    assert!(said("the whole adaptor signature"));
}
