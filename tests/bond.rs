//! Fidelity bonds on both chains: early, on time, late, replaced, reorganised away; and what counts nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxOut,
    absolute::LockTime,
    hashes::{Hash, sha256},
    key::XOnlyPublicKey,
    secp256k1::{Keypair, Secp256k1, SecretKey},
};
use common::{is_bad_script, is_spent, is_too_early, miner};
use narthex::{
    bond::{BondForm, LifeOptions, SightError, live, moment, register, sight, verify},
    contracts::{
        bond::{BondFault, BondScript, Certificate, Claim, Lock, Moment, Sighting, Valuation},
        panel::{Offer, OfferDraft, OfferTerms, Pool, SnapshotRules},
        terms::FeeRate,
    },
    game_model::{Layout, Ratio},
    regtest::{Chain, Error, mine_coins},
    wallet::PartyWallet,
};

on_both_chains!(
    whole_lives,
    early_on_time_and_late,
    a_withdrawal_is_replaced_by_a_roll_over,
    reorganised_under_the_confirmation,
    reorganised_under_the_withdrawal,
    what_counts_nothing,
    an_offer_is_a_bond,
);

const FORMS: [BondForm; 3] = [BondForm::Bip46, BondForm::Taproot, BondForm::TaprootTime];
const VALUE: Amount = Amount::from_sat(1_000_000);
const RATE: FeeRate = FeeRate(500);

fn secret(name: &str) -> SecretKey {
    SecretKey::from_slice(&sha256::Hash::hash(name.as_bytes()).to_byte_array()).unwrap()
}

fn x(name: &str) -> XOnlyPublicKey {
    secret(name).x_only_public_key(&Secp256k1::new()).0
}

fn tip(chain: &mut dyn Chain) -> Moment {
    let height = chain.height().unwrap();
    moment(chain, height).unwrap()
}

fn funded(chain: &mut dyn Chain) -> PartyWallet {
    let mut wallet = PartyWallet::new("owner", &[7; 32]).unwrap();
    let own = wallet.fresh_script();
    mine_coins(chain, 6, &own, &miner()).unwrap();
    wallet.sync(chain).unwrap();
    wallet
}

/// A bond script that opens after so many blocks.
fn script(chain: &mut dyn Chain, form: BondForm, blocks: u32) -> BondScript {
    let now = tip(chain);
    let time = Lock::time(now.median_time + blocks * 600).unwrap();
    match form {
        BondForm::Bip46 => {
            BondScript::bip46(secret("bond").public_key(&Secp256k1::new()), time).unwrap()
        }
        BondForm::Taproot => {
            BondScript::taproot(x("bond"), Lock::height(now.height + blocks).unwrap())
        }
        BondForm::TaprootTime => BondScript::taproot(x("bond"), time),
    }
}

/// Pays to a bond without mining.
fn pay(chain: &mut dyn Chain, wallet: &mut PartyWallet, script: &BondScript) -> OutPoint {
    let wanted = script.script_pubkey().unwrap();
    let tx = wallet.pay(&[(wanted.clone(), VALUE)], RATE).unwrap();
    chain.submit(&tx).unwrap();
    let vout = tx
        .output
        .iter()
        .position(|o| o.script_pubkey == wanted)
        .unwrap() as u32;
    OutPoint {
        txid: tx.compute_txid(),
        vout,
    }
}

fn confirmed(chain: &mut dyn Chain, wallet: &mut PartyWallet, script: &BondScript) -> Claim {
    let outpoint = pay(chain, wallet, script);
    chain.mine(1, &miner()).unwrap();
    wallet.sync(chain).unwrap();
    claim(chain, script, outpoint)
}

/// As the bond would be if the tip had confirmed it.
fn claim(chain: &mut dyn Chain, script: &BondScript, outpoint: OutPoint) -> Claim {
    Claim {
        script: *script,
        outpoint,
        value: VALUE,
        confirmed_height: chain.height().unwrap(),
        identity: x("identity"),
    }
}

fn certify(claim: Claim, valid_below: u32) -> Certificate {
    let key = Keypair::from_secret_key(&Secp256k1::new(), &secret("bond"));
    Certificate::sign(&Secp256k1::new(), claim, valid_below, &key).unwrap()
}

fn spend(claim: &Claim, to: ScriptBuf, rate: FeeRate) -> Transaction {
    let prevout = TxOut {
        value: VALUE,
        script_pubkey: claim.script.script_pubkey().unwrap(),
    };
    let sweep = claim
        .script
        .sweep(claim.outpoint, prevout, vec![], to, rate)
        .unwrap();
    sweep.sign(&secret("bond")).unwrap()
}

fn fault(chain: &mut dyn Chain, claim: &Claim) -> BondFault {
    match verify(chain, claim, 1) {
        Err(SightError::Fault(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

/// What the consensus rules say against a block with this transaction.
fn refused(chain: &mut dyn Chain, tx: &Transaction) -> String {
    match chain.mine_exactly(std::slice::from_ref(tx), &miner()) {
        Err(Error::BlockRejected { reason }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

fn whole_lives(chain: &mut dyn Chain) {
    for (i, form) in (1u8..).zip(FORMS) {
        let options = LifeOptions {
            form,
            value: VALUE,
            lock_blocks: 12,
            rate: RATE,
            seed: [i; 32],
            valuation: Valuation::default(),
        };
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
        let dear = spend(&claim, next.script_pubkey().unwrap(), FeeRate(2_000));
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
        assert_eq!(sight(chain, claim.outpoint).unwrap(), Sighting::Waiting);
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

fn what_counts_nothing(chain: &mut dyn Chain) {
    let mut wallet = funded(chain);
    let script = script(chain, BondForm::Bip46, 300);
    let outpoint = pay(chain, &mut wallet, &script);
    let waiting = claim(chain, &script, outpoint);
    assert_eq!(
        fault(chain, &waiting),
        BondFault::Unconfirmed {
            depth: 0,
            wanted: 1
        }
    );
    chain.mine(1, &miner()).unwrap();
    let height = chain.height().unwrap();
    let good = claim(chain, &script, outpoint);
    let longer = BondScript::bip46(
        secret("bond").public_key(&Secp256k1::new()),
        Lock::time(4_000_000_000).unwrap(),
    );
    let nowhere = OutPoint {
        vout: 9,
        ..outpoint
    };
    let bad = [
        Claim {
            value: VALUE * 2,
            ..good
        },
        Claim {
            script: longer.unwrap(),
            ..good
        },
        Claim {
            outpoint: nowhere,
            ..good
        },
        Claim {
            confirmed_height: height - 1,
            ..good
        },
        Claim {
            outpoint: OutPoint {
                txid: bitcoin::Txid::all_zeros(),
                vout: 0,
            },
            ..good
        },
    ];
    let mut certificates = bad.map(|claim| certify(claim, 100_000)).to_vec();
    certificates.push(certify(good, height));
    // A foreign signature: another bond's certificate, with this bond's place written in.
    let mut bytes = certify(good, 100_000).to_bytes();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    certificates.push(Certificate::from_bytes(&bytes).unwrap());
    let count = |chain: &mut dyn Chain, certificates: &[Certificate], depth| {
        register(
            chain,
            &Valuation::default(),
            certificates,
            &[x("bondless")],
            depth,
        )
        .unwrap()
    };
    let (empty, faults) = count(chain, &certificates, 1);
    assert_eq!((empty.entries().len(), empty.entries()[0].weight), (1, 0));
    let faults = faults
        .into_iter()
        .map(|(_, fault)| fault)
        .collect::<Vec<_>>();
    println!("{faults:#?}");
    assert!(matches!(
        faults.as_slice(),
        [
            BondFault::WrongAmount { .. },
            BondFault::WrongScript { .. },
            BondFault::Missing { .. },
            BondFault::WrongHeight { .. },
            BondFault::Missing { .. },
            BondFault::CertificateExpired { .. },
            BondFault::ForeignSignature { .. },
        ]
    ));
    // Rented out: the same bond for two identities, both properly signed.
    let own = certify(good, 100_000);
    let rented = certify(
        Claim {
            identity: x("tenant"),
            ..good
        },
        100_000,
    );
    let (both, faults) = count(chain, &[own, rented], 1);
    assert!(faults.is_empty() && both.entries().iter().all(|e| e.weight == 0));
    assert_eq!((both.entries().len(), both.reused().len()), (3, 1));
    let (one, _) = count(chain, &[own, own], 1);
    assert_eq!(one.entries().iter().filter(|e| e.weight > 0).count(), 1);
    // Not deep enough for who asks for more.
    let (_, shallow) = count(chain, &[own], 2);
    assert_eq!(
        shallow,
        [(
            0,
            BondFault::Unconfirmed {
                depth: 1,
                wanted: 2
            }
        )]
    );
    chain.mine(1, &miner()).unwrap();
    assert!(count(chain, &[own], 2).1.is_empty());
}

/// The pool that draws arbiters and the check of a bond on chain say the same of an offer, all its life.
fn an_offer_is_a_bond(chain: &mut dyn Chain) {
    let mut wallet = funded(chain);
    let terms = OfferTerms {
        layout: Layout::Hardened,
        stake_sat: Amount::from_sat(250_000),
        min_retainer_sat: Amount::ZERO,
        min_fee_sat: Amount::ZERO,
        max_epsilon: Ratio::ONE,
        min_mu: Ratio::HALF,
        min_panel: 3,
        max_panel: 15,
        min_decide_blocks: 1,
        max_dispute_blocks: 1_000,
    };
    let expiry = chain.height().unwrap() + 9;
    let draft = OfferDraft::new(x("bond"), expiry, VALUE, &terms).unwrap();
    let outputs = draft.outputs().unwrap().map(|o| (o.script_pubkey, o.value));
    let tx = wallet.pay(&outputs, RATE).unwrap();
    chain.submit(&tx).unwrap();
    chain.mine(1, &miner()).unwrap();
    let offer = Offer::from_transaction(&tx, chain.height().unwrap())
        .unwrap()
        .unwrap();
    let claim = offer.claim().unwrap();
    let withdrawal = spend(&claim, wallet.fresh_script(), RATE);
    let mut pool = Pool::default();
    let mut open = 0;
    let mut seen = |chain: &mut dyn Chain| {
        let now = tip(chain);
        let first = pool.tip().map_or(0, |(height, _)| height + 1);
        for height in first..=now.height {
            let changes = pool.connect(height, &chain.block(height).unwrap()).unwrap();
            pool.apply(&changes);
        }
        let rules = SnapshotRules {
            height: now.height,
            min_expiry_height: 0,
            min_bond_sat: Amount::ZERO,
            terms_hashes: [terms.hash()].into(),
        };
        let seats = pool.snapshot(&rules).unwrap();
        let counts = verify(chain, &claim, 1);
        assert_eq!(
            seats.entries().len(),
            usize::from(counts.is_ok()),
            "{counts:?}"
        );
        if let Ok(locked) = &counts {
            assert_eq!(
                seats.entries()[0].weight(now.height),
                Valuation::Linear.weight(locked, now)
            );
            open += 1;
        }
        counts
    };
    for _ in 0..8 {
        seen(chain).unwrap();
        chain.mine(1, &miner()).unwrap();
    }
    assert!(matches!(
        seen(chain),
        Err(SightError::Fault(BondFault::Expired { .. }))
    ));
    chain.submit(&withdrawal).unwrap();
    chain.mine(1, &miner()).unwrap();
    assert!(matches!(
        seen(chain),
        Err(SightError::Fault(BondFault::Spent { .. }))
    ));
    assert_eq!(open, 8);
}
