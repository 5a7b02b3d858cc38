//! Any wallet can take part: the worker's is a SegWit v0 wallet (BIP84) that knows nothing but PSBTs.

use crate::common;

use std::collections::BTreeMap;

use bdk_wallet::{KeychainKind, Wallet, template::Bip84};
use bitcoin::{Amount, FeeRate, Network, Psbt, ScriptBuf, bip32::Xpriv, secp256k1::rand};
use common::company::Company;
use narthex::{
    contracts::{
        fixtures::MadeUpNode,
        funding::{combine_witnesses, funding_witnesses, merge_wallet_data},
        setup::Secrets,
        template::Exit,
        terms::{Contribution, Role},
    },
    regtest::{Chain, mine_coins},
};

on_both_chains!(bip84);

fn sync(wallet: &mut Wallet, chain: &mut dyn Chain) {
    let known = wallet.latest_checkpoint().height();
    for height in known + 1..=chain.height().unwrap() {
        wallet
            .apply_block(&chain.block(height).unwrap(), height)
            .unwrap();
    }
}

fn bip84(chain: &mut dyn Chain) {
    let root = Xpriv::new_master(Network::Regtest, &rand::random::<[u8; 32]>()).unwrap();
    let mut wallet = Wallet::create(
        Bip84(root, KeychainKind::External),
        Bip84(root, KeychainKind::Internal),
    )
    .network(Network::Regtest)
    .create_wallet_no_persist()
    .unwrap();
    let own = wallet
        .reveal_next_address(KeychainKind::External)
        .script_pubkey();
    mine_coins(chain, 1, &own, &common::miner()).unwrap();
    let mut company = Company::gather(chain, 60);
    sync(&mut wallet, chain);

    // The wallet pays the deposit to a script that stands for the contract's; nothing is signed.
    let deposit = company.deposit(Role::Worker);
    let placeholder = ScriptBuf::new_p2wsh(&bitcoin::WScriptHash::from_raw_hash(
        bitcoin::hashes::Hash::hash(b"stand-in"),
    ));
    let mut builder = wallet.build_tx();
    builder
        .add_recipient(placeholder.clone(), deposit)
        .fee_rate(FeeRate::from_sat_per_vb(2).unwrap());
    let psbt = Psbt::deserialize(&builder.finish().unwrap().serialize()).unwrap();
    let contribution = Contribution::from_psbt(&psbt, &placeholder, deposit).unwrap();
    assert!(contribution.coins[0].script.is_p2wpkh());
    assert!(contribution.change.as_ref().unwrap().script.is_p2wpkh());

    let funding = company.contributions(BTreeMap::from([(Role::Worker, contribution)]));
    let terms = company.propose(funding).unwrap();
    let held = company.ceremony(&terms);
    let mut signed = Vec::new();
    for (role, holdings) in &held {
        if *role != Role::Worker {
            signed.push(company.witnesses(holdings));
            continue;
        }
        let mut own = holdings.funding_psbt(&MadeUpNode).unwrap();
        merge_wallet_data(&mut own, &psbt);
        // As another program would get it.
        let mut own = Psbt::deserialize(&own.serialize()).unwrap();
        // Others' inputs have no key of this wallet.
        let _ = own.sign(&root, wallet.secp_ctx());
        let signatures = own.inputs.iter().map(|i| i.partial_sigs.len());
        assert_eq!(signatures.sum::<usize>(), 1, "of its one coin");
        signed.push(funding_witnesses(holdings, &own).unwrap());
    }
    let tx = combine_witnesses(&held[&Role::Verifier], signed).unwrap();
    let before = wallet.balance().total();
    chain.submit(&tx).unwrap();
    chain.mine(1, &common::miner()).unwrap();
    sync(&mut wallet, chain);
    let fee = before - wallet.balance().total() - deposit;
    assert!(fee > Amount::ZERO && fee < Amount::from_sat(1_000), "{fee}");

    // The contract is in force: the worker can admit a fault from it.
    let worker = &held[&Role::Worker];
    let s4 = worker
        .complete(
            worker.graph().find(Exit::ADMITTED).unwrap(),
            &Secrets::default(),
        )
        .unwrap();
    chain.mine_exactly(&[s4], &common::miner()).unwrap();
}
