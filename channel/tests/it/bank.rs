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
    laws::{Effort, Subject, check, check_summary},
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

/// A bank with both signatures on its force close, and the seed of its chain.
pub struct Signed {
    lineage: Lineage,
    force_close: [u8; 64],
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
        chain_root: sha256::Hash::all_zeros(),
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
    let force_close = payer.finish(answer, share).unwrap().0.force_close;
    Signed {
        lineage,
        force_close,
        seed,
    }
}

impl Signed {
    /// The payer's signer after so many pennies.
    fn payer(&self, revealed: u32) -> Payer {
        let record = PayerRecord {
            revealed,
            phase: narthex_contracts::bank::Phase::Open,
            force_close: self.force_close,
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
                force_closed,
            } => of(
                &bank
                    .close(*paid, Amount::from_sat(*fee_sat), *force_closed)
                    .unwrap(),
                NodeId(0),
            ),
            Leaving::Claim { commitment } => of(&bank.claim(*commitment).unwrap(), NodeId(0)),
            Leaving::Refund => of(bank.graph(), narthex_contracts::bank::REFUND),
            Leaving::TimeoutRefund => of(bank.graph(), narthex_contracts::bank::TIMEOUT_REFUND),
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
            .map(|book| (book.paid(), book.enforceable(), book.commitments_held()));
        format!("{machine:?} {book:?}")
    }

    #[allow(
        overlapping_range_endpoints,
        reason = "what a state draws comes before what every state draws"
    )]
    fn input(&mut self, machine: &BankMachine<S>, rng: &mut StdRng) -> BankInput {
        let signed = self.0;
        let force_close = signed.force_close;
        let pennies = machine.pennies();
        let to = pennies + rng.gen_range(0..400);
        let coins = [
            CoinAt::Nowhere,
            CoinAt::Banked { is_deep: true },
            CoinAt::Banked { is_deep: true },
            CoinAt::Banked { is_deep: false },
            CoinAt::ForceClosed { height: 900 },
            CoinAt::ForceClosed { height: 900 },
            CoinAt::ForceClosed { height: 901 },
            CoinAt::Spent { is_deep: false },
            CoinAt::Spent { is_deep: true },
        ];
        let force_closed = matches!(machine.coin(), CoinAt::ForceClosed { .. });
        let tip = [990, T - 1, T, 918, 919, 1_500][rng.gen_range(0..6)];
        match (machine.standing(), rng.gen_range(0..24u8)) {
            ("new", 2..) => BankInput::Propose(signed.lineage.clone()),
            ("proposed", 4..) => BankInput::Signed { force_close },
            ("signed", 13..) => BankInput::Coin(CoinAt::Banked {
                is_deep: rng.gen_bool(0.8),
            }),
            // What seldom comes by chance: a force close beside an end that is not signed, and a spend that a reorganisation takes back.
            ("leaving", 9 | 10) => BankInput::ForceClose,
            ("leaving", 11) => BankInput::Coin(CoinAt::Spent { is_deep: false }),
            ("spent", 8..) => BankInput::Coin(coins[rng.gen_range(0..coins.len())]),
            ("leaving", 12..=15) => BankInput::Coin(coins[rng.gen_range(0..coins.len())]),
            ("leaving", 18..) => match machine.leaving() {
                Some(how) => BankInput::Left(signed.transaction(how)),
                None => BankInput::ForceClose,
            },
            (_, 0) => BankInput::Propose(signed.lineage.clone()),
            (_, 1) => BankInput::Abandon,
            (_, 2) => BankInput::Signed {
                force_close: [1; 64],
            },
            (_, 3) => BankInput::Signed { force_close },
            (_, 4) => {
                let how = Leaving::Resume {
                    paid: 0,
                    txid: [0; 32],
                };
                BankInput::Funded(signed.transaction(&how))
            }
            (_, 5) => BankInput::Funded(signed.transaction(&Leaving::Refund)),
            (_, 6) => BankInput::ForceClose,
            (_, 7..=9) => {
                let how = match rng.gen_range(0..6u8) {
                    0 | 1 => Leaving::Close {
                        paid: pennies.max(500),
                        fee_sat: 300,
                        force_closed,
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
                        commitment: machine.book().map_or(500, |book| book.enforceable()),
                    },
                    4 => Leaving::Refund,
                    _ => Leaving::TimeoutRefund,
                };
                BankInput::Leave { tip, how }
            }
            (_, 10..=12) => BankInput::Coin(coins[rng.gen_range(0..coins.len())]),
            (_, 13) => BankInput::Left(signed.transaction(&Leaving::TimeoutRefund)),
            (_, 14..=18) if S::PAYS => BankInput::Pay { to },
            (_, 14..=16) => {
                let from = pennies.min(1_999);
                BankInput::AdaptorCommitments(signed.payer(from).commitments(2, rng).unwrap())
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
    check_summary(&mut subject, Effort::new(23, 60, 40)).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn the_providers_side_keeps_the_laws() {
    let signed = signed();
    let mut subject = Banks::<Receiving>(&signed, PhantomData);
    check(&mut subject, Effort::new(22, 1_000, 40)).unwrap_or_else(|e| panic!("{e}"));
    check_summary(&mut subject, Effort::new(24, 60, 40)).unwrap_or_else(|e| panic!("{e}"));
}

/// What is written for a payment does not grow with the bank, nor with what was paid before.
#[test]
fn a_payment_is_one_small_entry_on_each_side() {
    use narthex_base::codec::Message;
    let signed = signed();
    let (mut payer, mut provider) = (PayerMachine::default(), ProviderMachine::default());
    let force_close = signed.force_close;
    for input in [
        BankInput::Propose(signed.lineage.clone()),
        BankInput::Signed { force_close },
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
                let commitments =
                    BankInput::AdaptorCommitments(signer.commitments(8, &mut rng).unwrap());
                for change in provider.step(&commitments).unwrap().changes {
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
    let force_close = signed.force_close;
    for input in [
        BankInput::Propose(signed.lineage.clone()),
        BankInput::Signed { force_close },
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

/// The provider answers a refund with its force close, which confirms first: the payer has the timeout refund left, and nothing is
/// published that cannot confirm any more.
#[test]
fn a_force_close_before_the_refund_leaves_the_timeout_refund() {
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
    take(&mut payer, &BankInput::Coin(CoinAt::ForceClosed { height }));
    assert_eq!(payer.pending(), [], "the refund spends nothing any more");
    let timeout_refund = leave(height + u32::from(D), Leaving::TimeoutRefund);
    take(&mut payer, &timeout_refund);
    assert_eq!(payer.pending(), [BankEffect::Sign(Leaving::TimeoutRefund)]);
    // A reorganisation takes the force close away: the refund is signed once more.
    take(
        &mut payer,
        &BankInput::Coin(CoinAt::Banked { is_deep: true }),
    );
    assert_eq!(payer.pending(), []);
    take(&mut payer, &leave(T, Leaving::Refund));
    assert_eq!(payer.pending(), [BankEffect::Sign(Leaving::Refund)]);
}

/// A reorganisation takes the payer's force close away from under the claim: the provider force-closes, and its claim is there.
#[test]
fn a_claim_outlives_its_force_close() {
    let signed = signed();
    let mut provider = opened::<Receiving>(&signed);
    let mut signer = signed.payer(0);
    let commitments = signer
        .commitments(2, &mut StdRng::seed_from_u64(3))
        .unwrap();
    take(&mut provider, &BankInput::AdaptorCommitments(commitments));
    take(&mut provider, &BankInput::Penny(signer.pay(500).unwrap()));
    let force_closed = BankInput::Coin(CoinAt::ForceClosed { height: 900 });
    take(&mut provider, &force_closed);
    let how = Leaving::Claim { commitment: 500 };
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
    take(&mut provider, &BankInput::ForceClose);
    assert_eq!(provider.pending().len(), 1, "the force close");
    take(&mut provider, &force_closed);
    assert_eq!(provider.pending(), [BankEffect::PublishWithChild(claim)]);
}

/// A close that both signed for the bank's coin does not confirm, and a force close does: they may close from the force-closed coin.
#[test]
fn a_close_that_a_force_close_outran_is_agreed_anew() {
    fn of<S: Side>(signed: &Signed) {
        let mut machine = opened::<S>(signed);
        let close = |force_closed| Leaving::Close {
            paid: 0,
            fee_sat: 300,
            force_closed,
        };
        let (before, after) = (close(false), close(true));
        let leave = |how| BankInput::Leave { tip: 900, how };
        take(&mut machine, &leave(before));
        take(&mut machine, &BankInput::Left(signed.transaction(&before)));
        take(
            &mut machine,
            &BankInput::Coin(CoinAt::ForceClosed { height: 900 }),
        );
        assert_eq!(machine.pending(), []);
        take(&mut machine, &leave(after));
        assert_eq!(machine.pending(), [BankEffect::Sign(after)]);
        // A second one of the same coin is refused, as ever.
        let second = Leaving::Close {
            paid: 0,
            fee_sat: 301,
            force_closed: true,
        };
        assert!(machine.step(&leave(second)).is_err());
    }
    let signed = signed();
    of::<Paying>(&signed);
    of::<Receiving>(&signed);
}
