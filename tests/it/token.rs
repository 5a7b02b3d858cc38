//! What an approval pays the verifier: an ordinary wallet imports the key and spends it, and the seal at a contract's own cost.

use crate::common;

use bdk_wallet::{SignOptions, Wallet};
use bitcoin::{
    Network, ScriptBuf, Transaction,
    secp256k1::{Secp256k1, SecretKey},
};
use narthex::{
    contracts::terms::{FeeRate, Role, token_descriptor},
    game_model::{Template, token::SealCost},
    harness::play_on,
    play::Event,
    regtest::{Bitcoind, Broadcaster, ChainSource, Embedded, Miner, mine_coins},
    wallet::PartyWallet,
};

/// A key that stands for k + x, paid on bitcoind. The party's own wallet sees the coin, whenever it learns the key; an ordinary
/// one imports the descriptor and spends it by its own means, to the satoshi.
#[test]
fn a_wallet_imports_the_key_and_spends_it() {
    let mut chain = Bitcoind::start().unwrap();
    let key = SecretKey::from_slice(&[7; 32]).unwrap();
    let secp = Secp256k1::new();
    let script = ScriptBuf::new_p2tr(&secp, key.x_only_public_key(&secp).0, None);
    let mut own = PartyWallet::new("verifier", &[1; 32]).unwrap();
    // Paid before it knows the key.
    mine_coins(&mut chain, 1, &script, &ScriptBuf::new_p2a()).unwrap();
    own.sync(&mut chain).unwrap();
    assert_eq!(own.balance().to_sat(), 0);
    own.import(&key).unwrap();
    own.import(&key).unwrap();
    own.sync(&mut chain).unwrap();
    let held = own.balance();
    assert_eq!(held.to_btc(), 50.0);

    let descriptor = token_descriptor(&key, Network::Regtest.into());
    assert!(
        descriptor.starts_with("tr(c"),
        "a key in import format, of a test network"
    );
    let mut wallet = Wallet::create_single(descriptor.to_string())
        .network(Network::Regtest)
        .create_wallet_no_persist()
        .unwrap();
    for height in 1..=chain.height().unwrap() {
        let block = chain.block(height).unwrap();
        wallet.apply_block(&block, height).unwrap();
    }
    assert_eq!(wallet.balance().confirmed, held);
    let mut builder = wallet.build_tx();
    builder
        .drain_wallet()
        .drain_to(own.fresh_script())
        .fee_rate(FeeRate::from_sat_per_kwu(500));
    let mut psbt = builder.finish().unwrap();
    #[expect(deprecated, reason = "as wallets sign that were made before")]
    let is_final = wallet.sign(&mut psbt, SignOptions::default());
    assert!(is_final.unwrap());
    let tx: Transaction = psbt.extract_tx().unwrap();
    chain.submit(&tx).unwrap();
    chain.mine(1, &ScriptBuf::new_p2a()).unwrap();
    own.sync(&mut chain).unwrap();
    let fee = held - tx.output[0].value;
    assert_eq!(
        own.balance(),
        held - fee,
        "the imported coin is gone, and its rest is here"
    );
    assert!(chain.transaction(tx.compute_txid()).unwrap().is_some());
}

/// One whole contract with the seal as expensive as it is for everybody.
#[test]
fn the_seal_at_its_own_cost() {
    let mut options = common::options(Template::Hardened, "normal", (2, 3));
    options.seal_cost = SealCost::CONTRACT;
    options.input = Some(common::few_images());
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
