//! Fidelity bonds on both chains: early, on time, late, replaced, reorganised away.

use crate::common;

use bitcoin::{
    NetworkKind, OutPoint, ScriptBuf, Sequence, TxOut,
    absolute::LockTime,
    bip32::{ChildNumber, DerivationPath, Xpriv, Xpub},
    secp256k1::Secp256k1,
};
use common::{
    bonds::{FORMS, RATE, VALUE, certify, confirmed, fault, funded, refused, script, spend, tip},
    is_bad_script, is_spent, is_too_early, miner,
};
use narthex::{
    bond::{LifeOptions, live, register, status, verify},
    contracts::{
        bond::{BondFault, Claim, Sighting, Valuation, bip46::Month},
        terms::FeeRate,
    },
    harness::HarnessOptions,
    regtest::{Chain, Error, leap_to},
};

on_both_chains!(
    whole_lives,
    early_on_time_and_late,
    a_withdrawal_is_replaced_by_a_roll_over,
    reorganised_under_the_confirmation,
    reorganised_under_the_withdrawal,
    a_month_of_bip46,
);

fn whole_lives(chain: &mut dyn Chain) {
    for (i, form) in (1u8..).zip(FORMS) {
        let mut options = LifeOptions::default();
        options.form = form;
        options.value = VALUE;
        options.lock_blocks = 12;
        options.common = HarnessOptions::seeded([i; 32]).at(RATE);
        let mut steps = Vec::new();
        let life = live(chain, &options, &mut |step| steps.push(step)).unwrap();
        for step in &steps {
            println!("{} {} {:?} vB", step.height, step.what, step.vbytes);
        }
        assert_eq!(life.before_sat - life.fees_sat, life.after_sat);
        assert!(life.weight > 0 && life.early_refusals >= 2, "{life:?}");
        assert_eq!(steps.iter().filter(|s| s.txid.is_some()).count(), 3);
    }
}

fn early_on_time_and_late(chain: &mut dyn Chain) {
    let mut wallet = funded(chain);
    for late in [0, 40] {
        for form in FORMS {
            let script = script(chain, form, 8);
            let claim = confirmed(chain, &mut wallet, &script);
            let tx = spend(&claim, wallet.fresh_script(), RATE);
            while !script.lock().is_open(tip(chain)) {
                assert!(is_too_early(&refused(chain, &tx)), "{form:?}");
                let Err(Error::Rejected { reason, .. }) = chain.submit(&tx) else {
                    panic!("{form:?}")
                };
                assert!(reason.contains("non-final"), "{reason}");
                // Nor by a lock time of its own choice, or by switching locks off.
                let mut forged = tx.clone();
                forged.lock_time = LockTime::ZERO;
                assert!(is_bad_script(&refused(chain, &forged)), "{form:?}");
                let mut forged = tx.clone();
                forged.input[0].sequence = Sequence::MAX;
                assert!(is_bad_script(&refused(chain, &forged)), "{form:?}");
                verify(chain, &claim, 1).unwrap();
                chain.mine(1, &miner()).unwrap();
            }
            assert!(matches!(fault(chain, &claim), BondFault::Expired { .. }));
            chain.mine(late, &miner()).unwrap();
            // Open to its owner, not to who redirects it.
            let mut stolen = tx.clone();
            stolen.output[0].script_pubkey = ScriptBuf::new_p2a();
            assert!(is_bad_script(&refused(chain, &stolen)), "{form:?}");
            chain.submit(&tx).unwrap();
            chain.mine(1, &miner()).unwrap();
            assert!(
                chain
                    .transaction(tx.compute_txid())
                    .unwrap()
                    .unwrap()
                    .1
                    .is_some()
            );
            let outpoint = claim.outpoint;
            assert_eq!(fault(chain, &claim), BondFault::Spent { outpoint });
            wallet.sync(chain).unwrap();
        }
    }
}

fn a_withdrawal_is_replaced_by_a_roll_over(chain: &mut dyn Chain) {
    let mut wallet = funded(chain);
    for form in FORMS {
        let old = script(chain, form, 3);
        let claim = confirmed(chain, &mut wallet, &old);
        while !old.lock().is_open(tip(chain)) {
            chain.mine(1, &miner()).unwrap();
        }
        let next = script(chain, form, 30);
        let cheap = spend(&claim, wallet.fresh_script(), RATE);
        let dear = spend(
            &claim,
            next.script_pubkey().unwrap(),
            FeeRate::from_sat_per_kwu(2_000),
        );
        chain.submit(&cheap).unwrap();
        chain.submit(&dear).unwrap();
        assert_eq!(chain.mempool().unwrap(), [dear.compute_txid()]);
        assert!(chain.submit(&cheap).is_err());
        chain.mine(1, &miner()).unwrap();
        assert!(is_spent(&refused(chain, &cheap)));
        // The new bond counts at once, the old one not any more.
        let rolled = Claim {
            script: next,
            outpoint: OutPoint {
                txid: dear.compute_txid(),
                vout: 0,
            },
            value: dear.output[0].value,
            confirmed_height: chain.height().unwrap(),
            ..claim
        };
        let locked = verify(chain, &rolled, 1).unwrap();
        assert!(Valuation::default().weight(&locked, tip(chain)) > 0);
        let outpoint = claim.outpoint;
        assert_eq!(fault(chain, &claim), BondFault::Spent { outpoint });
    }
}

fn reorganised_under_the_confirmation(chain: &mut dyn Chain) {
    let mut wallet = funded(chain);
    for form in FORMS {
        let script = script(chain, form, 200);
        let claim = confirmed(chain, &mut wallet, &script);
        let certificate = certify(claim, 100_000);
        let count = |chain: &mut dyn Chain, certificate| {
            let (register, faults) =
                register(chain, &Valuation::default(), &[certificate], &[], 1).unwrap();
            (
                register.entries().len(),
                faults.into_iter().next().map(|(_, fault)| fault),
            )
        };
        assert_eq!(count(chain, certificate), (1, None));
        chain.reorg(1, &miner()).unwrap();
        assert_eq!(status(chain, claim.outpoint).unwrap(), Sighting::Waiting);
        let lost = BondFault::Unconfirmed {
            depth: 0,
            wanted: 1,
        };
        assert_eq!(count(chain, certificate), (0, Some(lost)));
        // It comes back in a later block: the certificate is for another height, a new one is wanted.
        chain.mine(1, &miner()).unwrap();
        let found = chain.height().unwrap();
        let moved = BondFault::WrongHeight {
            claimed: claim.confirmed_height,
            found,
        };
        assert_eq!(count(chain, certificate), (0, Some(moved)));
        let renewed = certify(
            Claim {
                confirmed_height: found,
                ..claim
            },
            100_000,
        );
        assert_eq!(count(chain, renewed), (1, None));
        wallet.sync(chain).unwrap();
    }
}

fn reorganised_under_the_withdrawal(chain: &mut dyn Chain) {
    let mut wallet = funded(chain);
    for form in FORMS {
        let script = script(chain, form, 5);
        let claim = confirmed(chain, &mut wallet, &script);
        let tx = spend(&claim, wallet.fresh_script(), RATE);
        while !script.lock().is_open(tip(chain)) {
            chain.mine(1, &miner()).unwrap();
        }
        chain.submit(&tx).unwrap();
        chain.mine(1, &miner()).unwrap();
        let outpoint = claim.outpoint;
        assert_eq!(fault(chain, &claim), BondFault::Spent { outpoint });
        // Back before its lock: the coin is there again, and locked again.
        chain.disconnect(2).unwrap();
        assert!(is_too_early(&refused(chain, &tx)), "{form:?}");
        verify(chain, &claim, 1).unwrap();
        while !script.lock().is_open(tip(chain)) {
            chain.mine_exactly(&[], &miner()).unwrap();
        }
        assert!(matches!(fault(chain, &claim), BondFault::Expired { .. }));
        chain.mine_exactly(&[tx], &miner()).unwrap();
        assert_eq!(fault(chain, &claim), BondFault::Spent { outpoint });
        wallet.sync(chain).unwrap();
    }
}

/// The wallet's own derivation for a month, on a chain whose time leaps to the last second before it.
fn a_month_of_bip46(chain: &mut dyn Chain) {
    let secp = Secp256k1::new();
    let mut wallet = funded(chain);
    let month: Month = "2030-02".parse().unwrap();
    let root = Xpriv::new_master(NetworkKind::Test, &[46; 32]).unwrap();
    let account = root
        .derive_priv(&secp, &"m/84'/1'/0'".parse::<DerivationPath>().unwrap())
        .unwrap();
    let script = month
        .bond(&secp, &Xpub::from_priv(&secp, &account))
        .unwrap();
    let path = [ChildNumber::from_normal_idx(2).unwrap(), {
        // Months are counted from January 2020.
        ChildNumber::from_normal_idx(10 * 12 + 1).unwrap()
    }];
    let key = account.derive_priv(&secp, &path).unwrap().private_key;
    let first_second = script.lock().to_consensus();
    assert_eq!(first_second, 1_896_134_400);
    let claim = confirmed(chain, &mut wallet, &script);
    let prevout = TxOut {
        value: VALUE,
        script_pubkey: script.script_pubkey().unwrap(),
    };
    let to = wallet.fresh_script();
    let sweep = script
        .sweep(claim.outpoint, prevout, vec![], to, RATE)
        .unwrap();
    let tx = sweep.sign(&key).unwrap();
    assert!(is_too_early(&refused(chain, &tx)), "years before");
    // A lock is over when the median time is above it (BIP113).
    leap_to(chain, first_second, &miner()).unwrap();
    assert!(is_too_early(&refused(chain, &tx)), "in its very second");
    assert!(verify(chain, &claim, 1).is_ok());
    leap_to(chain, first_second + 1, &miner()).unwrap();
    assert!(matches!(fault(chain, &claim), BondFault::Expired { .. }));
    chain.submit(&tx).unwrap();
    chain.mine(1, &miner()).unwrap();
    let outpoint = claim.outpoint;
    assert_eq!(fault(chain, &claim), BondFault::Spent { outpoint });
}
