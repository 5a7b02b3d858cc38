//! Both sides of a bank are held to the laws of machines.

use std::marker::PhantomData;

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Transaction, Txid, WPubkeyHash, Witness,
    hashes::{Hash, sha256},
    secp256k1::{
        PublicKey, Secp256k1, SecretKey,
        rand::{Rng, SeedableRng, rngs::StdRng},
    },
};
use narthex_channel::bank::{Payer, PayerRecord};
use narthex_channel::{
    Machine,
    bank::{
        BankEffect, BankInput, BankMachine, CoinAt, Leaving, Lineage, PayerMachine, Paying,
        ProviderMachine, Receiving, Side, SideError,
    },
    laws::{Effort, Subject, check},
};
use narthex_contracts::{
    bank::{
        BankError, BankFunding, BankRecord, ChainSeed, FreshChain, PayerOpening, ProviderOpening,
    },
    binding::MemoryBindings,
    graph::{NodeId, TxGraph},
    terms::{Coin, Contribution, FeeRate},
};

const T: u32 = 1_000;
const D: u16 = 20;

fn secret(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).unwrap()
}

fn script(byte: u8) -> ScriptBuf {
    ScriptBuf::new_p2wpkh(&WPubkeyHash::from_byte_array([byte; 20]))
}

/// A bank with both signatures on its freeze, and the seed of its chain.
pub struct Signed {
    lineage: Lineage,
    freeze: [u8; 64],
    seed: ChainSeed,
}

pub fn signed() -> Signed {
    let public = |byte| PublicKey::from_secret_key(&Secp256k1::new(), &secret(byte));
    let mut rng = StdRng::seed_from_u64(8);
    let fresh = FreshChain::draw(&mut rng);
    let seed = fresh.seed().clone();
    let capacity = Amount::from_sat(10_000);
    let coin = Coin {
        outpoint: OutPoint::new(Txid::from_byte_array([3; 32]), 1),
        value_sat: capacity + Amount::from_sat(500),
        script: script(3),
    };
    let model = BankRecord {
        payer: public(1),
        provider: public(2),
        salt: fresh.salt(),
        pennies: 2_000,
        value_sat: Amount::ONE_SAT,
        capacity_sat: capacity,
        tip: sha256::Hash::all_zeros(),
        refund_height: T,
        claim_blocks: D,
        step: 500,
        shift: 4,
        promises: 0,
        payer_script: script(1),
        provider_script: script(2),
        funding: BankFunding::Wallet {
            contribution: Contribution {
                coins: vec![coin],
                change: None,
            },
            rate_sat_per_kwu: FeeRate::from_sat_per_kwu(250),
        },
    };
    let terms = fresh.name(model).unwrap().check().unwrap();
    let lineage = Lineage::new(vec![terms]).unwrap();
    let (mut one, mut two) = (MemoryBindings::default(), MemoryBindings::default());
    let (ours, theirs) = (lineage.derive().unwrap(), lineage.derive().unwrap());
    let (payer, nonce) = PayerOpening::new(ours, secret(1), fresh, &mut one, &mut rng).unwrap();
    let (_, answer, share) =
        ProviderOpening::new(theirs, secret(2), nonce, &mut two, &mut rng).unwrap();
    let freeze = payer.finish(answer, share).unwrap().0.freeze;
    Signed {
        lineage,
        freeze,
        seed,
    }
}

impl Signed {
    /// The payer's signer after so many pennies.
    fn payer(&self, revealed: u32) -> Payer {
        let record = PayerRecord {
            revealed,
            phase: narthex_contracts::bank::Phase::Open,
            freeze: self.freeze,
            ptlcs: Vec::new(),
            framed: 0,
            given: Vec::new(),
        };
        Payer::restore(
            self.lineage.derive().unwrap(),
            secret(1),
            &self.seed,
            record,
        )
        .unwrap()
    }

    /// A transaction of both, with something in place of its signatures.
    fn transaction(&self, how: &Leaving) -> Transaction {
        let bank = self.lineage.bank();
        let of = |graph: &TxGraph, node| graph.assemble(node).unwrap();
        let mut tx = match how {
            Leaving::Close {
                paid,
                fee_sat,
                frozen,
            } => of(
                &bank
                    .close(*paid, Amount::from_sat(*fee_sat), *frozen)
                    .unwrap(),
                NodeId(0),
            ),
            Leaving::Claim { rung } => of(&bank.claim(*rung).unwrap(), NodeId(0)),
            Leaving::Refund => of(bank.graph(), narthex_contracts::bank::REFUND),
            Leaving::Thaw => of(bank.graph(), narthex_contracts::bank::THAW),
            Leaving::Resume { .. } => of(bank.graph(), TxGraph::FUNDING),
        };
        for input in &mut tx.input {
            input.witness = Witness::from_slice(&[[7; 64]]);
        }
        tx
    }
}

struct Banks<'a, S>(&'a Signed, PhantomData<S>);

impl<S: Side> Subject for Banks<'_, S> {
    type Machine = BankMachine<S>;
    type State = String;

    fn fresh(&self) -> BankMachine<S> {
        BankMachine::default()
    }

    fn state(&self, machine: &BankMachine<S>) -> String {
        // What the book holds is not in its own picture.
        let book = machine
            .book()
            .map(|book| (book.paid(), book.enforceable(), book.rungs_held()));
        format!("{machine:?} {book:?}")
    }

    #[allow(
        overlapping_range_endpoints,
        reason = "what a state draws comes before what every state draws"
    )]
    fn input(&mut self, machine: &BankMachine<S>, rng: &mut StdRng) -> BankInput {
        let signed = self.0;
        let freeze = signed.freeze;
        let pennies = machine.pennies();
        let to = pennies + rng.gen_range(0..400);
        let coins = [
            CoinAt::Nowhere,
            CoinAt::Banked { is_deep: true },
            CoinAt::Banked { is_deep: true },
            CoinAt::Banked { is_deep: false },
            CoinAt::Frozen { height: 900 },
            CoinAt::Frozen { height: 900 },
            CoinAt::Frozen { height: 901 },
            CoinAt::Spent { is_deep: false },
            CoinAt::Spent { is_deep: true },
        ];
        let frozen = matches!(machine.coin(), CoinAt::Frozen { .. });
        let tip = [990, T - 1, T, 918, 919, 1_500][rng.gen_range(0..6)];
        match (machine.standing(), rng.gen_range(0..24u8)) {
            ("new", 2..) => BankInput::Propose(signed.lineage.clone()),
            ("proposed", 4..) => BankInput::Signed { freeze },
            ("signed", 13..) => BankInput::Coin(CoinAt::Banked {
                is_deep: rng.gen_bool(0.8),
            }),
            // What seldom comes by chance: a freeze beside an end that is not signed, and a spend that a reorganisation takes back.
            ("leaving", 9 | 10) => BankInput::Freeze,
            ("leaving", 11) => BankInput::Coin(CoinAt::Spent { is_deep: false }),
            ("spent", 8..) => BankInput::Coin(coins[rng.gen_range(0..coins.len())]),
            ("leaving", 12..=15) => BankInput::Coin(coins[rng.gen_range(0..coins.len())]),
            ("leaving", 18..) => match machine.leaving() {
                Some(how) => BankInput::Left(signed.transaction(how)),
                None => BankInput::Freeze,
            },
            (_, 0) => BankInput::Propose(signed.lineage.clone()),
            (_, 1) => BankInput::Abandon,
            (_, 2) => BankInput::Signed { freeze: [1; 64] },
            (_, 3) => BankInput::Signed { freeze },
            (_, 4) => {
                let how = Leaving::Resume {
                    paid: 0,
                    txid: [0; 32],
                };
                BankInput::Funded(signed.transaction(&how))
            }
            (_, 5) => BankInput::Funded(signed.transaction(&Leaving::Refund)),
            (_, 6) => BankInput::Freeze,
            (_, 7..=9) => {
                let how = match rng.gen_range(0..6u8) {
                    0 | 1 => Leaving::Close {
                        paid: pennies.max(500),
                        fee_sat: 300,
                        frozen,
                    },
                    2 => Leaving::Resume {
                        paid: pennies,
                        txid: signed
                            .transaction(&Leaving::Resume {
                                paid: 0,
                                txid: [0; 32],
                            })
                            .compute_txid()
                            .to_byte_array(),
                    },
                    3 => Leaving::Claim {
                        rung: machine.book().map_or(500, |book| book.enforceable()),
                    },
                    4 => Leaving::Refund,
                    _ => Leaving::Thaw,
                };
                BankInput::Leave { tip, how }
            }
            (_, 10..=12) => BankInput::Coin(coins[rng.gen_range(0..coins.len())]),
            (_, 13) => BankInput::Left(signed.transaction(&Leaving::Thaw)),
            (_, 14..=18) if S::PAYS => BankInput::Pay { to },
            (_, 14..=16) => {
                let from = pennies.min(1_999);
                BankInput::Rungs(signed.payer(from).rungs(2, rng).unwrap())
            }
            (_, 17) => {
                // Forged.
                let mut penny = signed.payer(10).last_penny().unwrap();
                penny.index += 1;
                BankInput::Penny(penny)
            }
            (_, _) => BankInput::Penny(signed.payer(to.clamp(1, 2_000)).last_penny().unwrap()),
        }
    }
}

#[test]
fn the_payers_side_keeps_the_laws() {
    let signed = signed();
    let mut subject = Banks::<Paying>(&signed, PhantomData);
    check(&mut subject, Effort::new(21, 1_000, 40)).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn the_providers_side_keeps_the_laws() {
    let signed = signed();
    let mut subject = Banks::<Receiving>(&signed, PhantomData);
    check(&mut subject, Effort::new(22, 1_000, 40)).unwrap_or_else(|e| panic!("{e}"));
}

/// What is written for a payment does not grow with the bank, nor with what was paid before.
#[test]
fn a_payment_is_one_small_entry_on_each_side() {
    use narthex_base::codec::Message;
    let signed = signed();
    let (mut payer, mut provider) = (PayerMachine::default(), ProviderMachine::default());
    let freeze = signed.freeze;
    for input in [
        BankInput::Propose(signed.lineage.clone()),
        BankInput::Signed { freeze },
        BankInput::Coin(CoinAt::Banked { is_deep: true }),
    ] {
        for change in payer.step(&input).unwrap().changes {
            payer.apply(&change);
        }
        for change in provider.step(&input).unwrap().changes {
            provider.apply(&change);
        }
    }
    let mut rng = StdRng::seed_from_u64(2);
    let mut signer = signed.payer(0);
    for to in (100..=1_900).step_by(100) {
        let changes = payer.step(&BankInput::Pay { to }).unwrap().changes;
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].to_bytes().len(), 10);
        payer.apply(&changes[0]);
        let penny = signer.pay(100).unwrap();
        let step = provider.step(&BankInput::Penny(penny));
        let step = match step {
            Err(SideError::Bank(BankError::Unenforceable { .. })) => {
                let rungs = BankInput::Rungs(signer.rungs(8, &mut rng).unwrap());
                for change in provider.step(&rungs).unwrap().changes {
                    provider.apply(&change);
                }
                provider.step(&BankInput::Penny(penny)).unwrap()
            }
            step => step.unwrap(),
        };
        assert_eq!(step.changes.len(), 1);
        assert_eq!(step.changes[0].to_bytes().len(), 82);
        provider.apply(&step.changes[0]);
        assert_eq!((payer.pennies(), provider.pennies()), (to, to));
    }
}

/// A side of an open bank, whose coin is deep.
fn opened<S: Side>(signed: &Signed) -> BankMachine<S> {
    let mut machine = BankMachine::default();
    let freeze = signed.freeze;
    for input in [
        BankInput::Propose(signed.lineage.clone()),
        BankInput::Signed { freeze },
        BankInput::Coin(CoinAt::Banked { is_deep: true }),
    ] {
        take(&mut machine, &input);
    }
    machine
}

fn take<S: Side>(machine: &mut BankMachine<S>, input: &BankInput) {
    for change in machine.step(input).unwrap().changes {
        machine.apply(&change);
    }
}

/// The provider answers a refund with its freeze, which confirms first: the payer has the thaw left, and nothing is
/// published that cannot confirm any more.
#[test]
fn a_freeze_before_the_refund_leaves_the_thaw() {
    let signed = signed();
    let mut payer = opened::<Paying>(&signed);
    let leave = |tip, how| BankInput::Leave { tip, how };
    take(&mut payer, &leave(T, Leaving::Refund));
    take(
        &mut payer,
        &BankInput::Left(signed.transaction(&Leaving::Refund)),
    );
    assert_eq!(payer.pending().len(), 1);
    let height = T + 1;
    take(&mut payer, &BankInput::Coin(CoinAt::Frozen { height }));
    assert_eq!(payer.pending(), [], "the refund spends nothing any more");
    let thaw = leave(height + u32::from(D), Leaving::Thaw);
    take(&mut payer, &thaw);
    assert_eq!(payer.pending(), [BankEffect::Sign(Leaving::Thaw)]);
    // A reorganisation takes the freeze away: the refund is signed once more.
    take(
        &mut payer,
        &BankInput::Coin(CoinAt::Banked { is_deep: true }),
    );
    assert_eq!(payer.pending(), []);
    take(&mut payer, &leave(T, Leaving::Refund));
    assert_eq!(payer.pending(), [BankEffect::Sign(Leaving::Refund)]);
}

/// A reorganisation takes the payer's freeze away from under the claim: the provider freezes, and its claim is there.
#[test]
fn a_claim_outlives_its_freeze() {
    let signed = signed();
    let mut provider = opened::<Receiving>(&signed);
    let mut signer = signed.payer(0);
    let rungs = signer.rungs(2, &mut StdRng::seed_from_u64(3)).unwrap();
    take(&mut provider, &BankInput::Rungs(rungs));
    take(&mut provider, &BankInput::Penny(signer.pay(500).unwrap()));
    let frozen = BankInput::Coin(CoinAt::Frozen { height: 900 });
    take(&mut provider, &frozen);
    let how = Leaving::Claim { rung: 500 };
    take(&mut provider, &BankInput::Leave { tip: 900, how });
    let claim = signed.transaction(&how);
    take(&mut provider, &BankInput::Left(claim.clone()));
    assert_eq!(
        provider.pending(),
        [BankEffect::PublishWithChild(claim.clone())]
    );
    take(
        &mut provider,
        &BankInput::Coin(CoinAt::Banked { is_deep: false }),
    );
    assert_eq!(provider.pending(), [], "there is nothing to claim from");
    take(&mut provider, &BankInput::Freeze);
    assert_eq!(provider.pending().len(), 1, "the freeze");
    take(&mut provider, &frozen);
    assert_eq!(provider.pending(), [BankEffect::PublishWithChild(claim)]);
}

/// A close that both signed for the bank's coin does not confirm, and a freeze does: they may close from the frozen coin.
#[test]
fn a_close_that_a_freeze_outran_is_agreed_anew() {
    fn of<S: Side>(signed: &Signed) {
        let mut machine = opened::<S>(signed);
        let close = |frozen| Leaving::Close {
            paid: 0,
            fee_sat: 300,
            frozen,
        };
        let (before, after) = (close(false), close(true));
        let leave = |how| BankInput::Leave { tip: 900, how };
        take(&mut machine, &leave(before));
        take(&mut machine, &BankInput::Left(signed.transaction(&before)));
        take(
            &mut machine,
            &BankInput::Coin(CoinAt::Frozen { height: 900 }),
        );
        assert_eq!(machine.pending(), []);
        take(&mut machine, &leave(after));
        assert_eq!(machine.pending(), [BankEffect::Sign(after)]);
        // A second one of the same coin is refused, as ever.
        let second = Leaving::Close {
            paid: 0,
            fee_sat: 301,
            frozen: true,
        };
        assert!(machine.step(&leave(second)).is_err());
    }
    let signed = signed();
    of::<Paying>(&signed);
    of::<Receiving>(&signed);
}
