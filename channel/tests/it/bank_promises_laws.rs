//! However promises, pennies and secrets alternate: what each side of a bank may rely on.

use crate::bank_support;

use bank_support::promised::{claim, pays, promise, reframe, terms};
use bank_support::{open, public, rng, secret};
use bitcoin::secp256k1::SecretKey;
use narthex_channel::bank::PennyPtlc;
use narthex_contracts::bank::BankError;
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
enum Move {
    Pay(u32),
    Promise(u8, u32),
    Frame,
    Show(u8),
    Settle(u8),
    Lose(u32),
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        (1u32..600).prop_map(Move::Pay),
        (0u8..6, 1u32..900).prop_map(|(b, k)| Move::Promise(b, k)),
        Just(Move::Frame),
        (0u8..6).prop_map(Move::Show),
        (0u8..6).prop_map(Move::Settle),
        (1u32..200).prop_map(Move::Lose),
    ]
}

fn of(byte: u8) -> (SecretKey, u8) {
    (secret(21 + byte), 21 + byte)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// However pennies, promises, frames and secrets alternate: the payer never signed more than it gave and promised
    /// and was shown the secret of; what the provider cannot enforce of what it is owed stays below the allowance.
    #[test]
    fn both_bounds_hold(moves in prop::collection::vec(moves(), 1..24)) {
        let terms = terms(12_000);
        let (mut payer, mut provider) = open(&terms);
        let mut shown = 0;
        for step in moves {
            match step {
                Move::Pay(count) => if let Ok(penny) = payer.pay(count)
                    && let Err(BankError::Unenforceable { .. }) = provider.accept(&penny)
                {
                    let _ = reframe(&mut payer, &mut provider);
                    provider.take_commitments(&payer.commitments(2, &mut rng()).unwrap()).unwrap();
                    let _ = provider.accept(&penny);
                },
                Move::Promise(byte, count) => drop(payer.offer(promise(of(byte).1, count))),
                Move::Frame => drop(reframe(&mut payer, &mut provider)),
                Move::Show(byte) => {
                    let (secret, byte) = of(byte);
                    let known = provider.secret(&public(byte)).is_some();
                    if !known && provider.learn(&public(byte), secret).is_ok() {
                        shown += 1;
                    }
                }
                Move::Settle(byte) => {
                    let (secret, byte) = of(byte);
                    if provider.secret(&public(byte)).is_some()
                        && let Ok(settled) = payer.settle(&public(byte), secret)
                    {
                        let taken = provider.settle(&settled);
                        prop_assert!(taken.is_ok(), "{taken:?}");
                    }
                }
                // A penny that never arrives.
                Move::Lose(count) => drop(payer.pay(count)),
            }
            let known = |p: &&PennyPtlc| provider.secret(&p.point).is_some();
            let due: u32 = payer.ptlcs().iter().filter(known).map(|p| p.count).sum();
            let best = provider.enforceable();
            prop_assert!(best <= payer.record().revealed + due, "the payer pays more than it owes");
            let owed = provider.owed();
            prop_assert!(owed - owed.min(best) < terms.allowance(best), "{owed} {best}");
            if best > 0 {
                prop_assert_eq!(pays(&claim(&provider)), u64::from(best));
            }
        }
        prop_assert!(shown <= 24);
    }
}
