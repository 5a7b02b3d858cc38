//! Which bonds count, on both chains; arbitration offers are bonds.

use crate::common;
use narthex_base::codec::Message as _;

use bitcoin::{Amount, OutPoint, hashes::Hash, secp256k1::Secp256k1};
use common::{
    bonds::{RATE, VALUE, certify, claim, fault, funded, pay, script, secret, spend, tip, x},
    miner,
};
use narthex::{
    bond::{BondForm, StatusError, register, verify},
    contracts::{
        bond::{BondFault, BondScript, Certificate, Claim, Lock, Valuation},
        panel::{Offer, OfferDraft, OfferRole, OfferTerms, Pool, SnapshotRules},
    },
    game_model::Template,
    regtest::Chain,
};

on_both_chains!(what_counts_nothing, an_offer_is_a_bond);

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
                txid: bitcoin::Txid::from_byte_array([1; 32]),
                vout: 0,
            },
            ..good
        },
    ];
    let mut certificates = bad.map(|claim| certify(claim, 100_000)).to_vec();
    certificates.push(certify(good, height + 1));
    chain.mine(1, &miner()).unwrap();
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
    let (_, shallow) = count(chain, &[own], 3);
    assert_eq!(
        shallow,
        [(
            0,
            BondFault::Unconfirmed {
                depth: 2,
                wanted: 3
            }
        )]
    );
    chain.mine(1, &miner()).unwrap();
    assert!(count(chain, &[own], 3).1.is_empty());
}

/// The pool that draws arbiters and the check of a bond on chain say the same of an offer, all its life.
fn an_offer_is_a_bond(chain: &mut dyn Chain) {
    let mut wallet = funded(chain);
    let stake = Amount::from_sat(250_000);
    let terms = OfferTerms::undemanding(OfferRole::Arbiter, Template::Hardened, stake);
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
        Err(StatusError::Fault(BondFault::Expired { .. }))
    ));
    chain.submit(&withdrawal).unwrap();
    chain.mine(1, &miner()).unwrap();
    assert!(matches!(
        seen(chain),
        Err(StatusError::Fault(BondFault::Spent { .. }))
    ));
    assert_eq!(open, 8);
}
