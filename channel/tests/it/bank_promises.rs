//! Promises in one bank: what a provider takes, what a claim pays and shows, and what nobody can do.

use crate::bank_support;
use narthex_base::codec::Message as _;

use bank_support::promised::{claim, pays, promise, reframe, terms};
use bank_support::{SEED, kept, open, public, record, retip, rng, secret};
use bitcoin::Amount;
use narthex_channel::bank::{
    Coin, Payer, PennyClaims, Provider, ProviderDuty, ProviderRecord, Settled,
};
use narthex_contracts::{
    bank::{Bank, BankError, MAX_PROMISES, MIN_CLAIM_BLOCKS},
    builder::BuilderError,
};

/// Makes a promise and gives the frame to the provider, as bytes.
fn promised(payer: &mut Payer, provider: &mut Provider, byte: u8, count: u32) {
    payer.offer(promise(byte, count)).unwrap();
    reframe(payer, provider).unwrap();
}

#[test]
fn a_secret_enforces_its_promise_and_the_claim_shows_it() {
    let (mut payer, mut provider) = open(&terms(10_000));
    promised(&mut payer, &mut provider, 21, 700);
    assert_eq!((provider.enforceable(), provider.owed()), (0, 0));
    assert!(provider.awaits());
    // Neither a false secret nor one of a promise that is not there.
    let lie = provider.learn(&public(21), secret(22));
    assert!(matches!(lie, Err(BankError::Promise { .. })), "{lie:?}");
    assert!(provider.learn(&public(22), secret(22)).is_err());
    provider.learn(&public(21), secret(21)).unwrap();
    assert_eq!((provider.enforceable(), provider.owed()), (700, 700));
    let tx = claim(&provider);
    assert_eq!(pays(&tx), 700);
    assert_eq!(payer.extract(&tx).unwrap(), [(public(21), secret(21))]);
    // Other transactions of the bank show nothing.
    for other in [
        payer.force_close().unwrap(),
        payer.timeout_refund(&mut rng()).unwrap(),
    ] {
        assert_eq!(payer.extract(&other).unwrap(), []);
    }
}

/// One signature under a sum would show the sum; here each secret comes out by itself, whoever made the promises.
#[test]
fn a_claim_of_three_shows_three_secrets() {
    let (mut payer, mut provider) = open(&terms(10_000));
    for (byte, count) in [(21, 700), (22, 700), (23, 900)] {
        promised(&mut payer, &mut provider, byte, count);
    }
    for choice in 1..8u8 {
        let record = provider.record();
        let bank = Bank::new(terms(10_000)).unwrap();
        let mut provider = Provider::restore(bank, secret(2), record).unwrap();
        let chosen = (0..3).filter(|i| choice >> i & 1 == 1).map(|i| 21 + i);
        let chosen = chosen.collect::<Vec<_>>();
        for byte in &chosen {
            provider.learn(&public(*byte), secret(*byte)).unwrap();
        }
        let tx = claim(&provider);
        let sum = chosen.iter().map(|b| [700, 700, 900][usize::from(b - 21)]);
        assert_eq!(pays(&tx), sum.sum::<u64>());
        let mut found = payer.extract(&tx).unwrap();
        found.sort_by_key(|(_, secret)| secret.secret_bytes());
        let expected = chosen.iter().map(|b| (public(*b), secret(*b)));
        assert_eq!(found, expected.collect::<Vec<_>>());
    }
}

#[test]
fn a_settled_promise_goes_on_with_pennies() {
    let (mut payer, mut provider) = open(&terms(10_000));
    promised(&mut payer, &mut provider, 21, 700);
    promised(&mut payer, &mut provider, 22, 800);
    assert!(payer.settle(&public(21), secret(22)).is_err(), "false");
    let settled = payer.settle(&public(21), secret(21)).unwrap();
    let settled = Settled::from_bytes(&settled.to_bytes()).unwrap();
    let taken = provider.settle(&settled).unwrap();
    assert_eq!((taken.fresh, taken.enforceable), (700, 700));
    assert!(provider.settle(&settled).is_err(), "once");
    assert!(payer.settle(&public(21), secret(21)).is_err(), "once");
    // The other is enforced on top of it, by the same frame.
    provider.learn(&public(22), secret(22)).unwrap();
    assert_eq!(provider.enforceable(), 1_500);
    let tx = claim(&provider);
    assert_eq!(pays(&tx), 1_500);
    assert_eq!(payer.extract(&tx).unwrap(), [(public(22), secret(22))]);
}

#[test]
fn promises_never_exceed_the_balance() {
    let (mut payer, mut provider) = open(&terms(2_000));
    let spent = payer.offer(promise(21, 2_001)).unwrap_err();
    assert!(matches!(spent, BankError::Spent { left: 2_000, .. }));
    promised(&mut payer, &mut provider, 21, 1_500);
    assert_eq!(payer.left(), 500);
    assert!(matches!(
        payer.offer(promise(22, 501)),
        Err(BankError::Spent { .. })
    ));
    assert!(matches!(payer.pay(501), Err(BankError::Spent { .. })));
    assert!(payer.purse(100, &mut rng()).is_err());
    // Worth no output, or nothing.
    for count in [0, 293] {
        let refused = payer.offer(promise(22, count)).unwrap_err();
        assert!(matches!(refused, BankError::Promise { .. }), "{refused}");
    }
    let twice = payer.offer(promise(21, 400)).unwrap_err();
    assert!(matches!(twice, BankError::Promise { .. }), "{twice}");
    assert_eq!(payer.ptlcs().len(), 1);
}

#[test]
fn so_many_and_no_more() {
    for most in 0..=MAX_PROMISES as u8 {
        let mut record = record(10_000);
        record.promises = most;
        let (mut payer, mut provider) = open(&record.check().unwrap());
        for byte in 0..most {
            promised(&mut payer, &mut provider, 21 + byte, 500);
        }
        let refused = payer.offer(promise(99, 500)).unwrap_err();
        assert!(matches!(refused, BankError::Promises { .. }), "{refused}");
    }
    let mut record = record(10_000);
    record.promises = MAX_PROMISES as u8 + 1;
    assert!(matches!(record.check(), Err(BankError::Terms { .. })));
}

/// A payer that leaves a promise out, moves its point, or signs under another.
#[test]
fn false_frames_are_refused_and_change_nothing() {
    let (mut payer, mut provider) = open(&terms(10_000));
    promised(&mut payer, &mut provider, 21, 700);
    let before = provider.record();
    let mut other = {
        let (mut cheat, _) = open(&terms(10_000));
        cheat.offer(promise(22, 700)).unwrap();
        cheat.claims(&mut rng()).unwrap()
    };
    assert!(matches!(
        provider.take_claims(&other),
        Err(BankError::Promise { .. })
    ));
    other.ptlcs[0].point = public(21);
    assert!(matches!(
        provider.take_claims(&other),
        Err(BankError::Pact(BuilderError::Signature { .. }))
    ));
    let good = payer.claims(&mut rng()).unwrap();
    let mut less = good.clone();
    less.ptlcs[0].count -= 1;
    let mut foreign = good.clone();
    foreign.bank[3] ^= 1;
    let mut higher = good.clone();
    higher.base = 600;
    for bad in [less, foreign, higher] {
        assert!(provider.take_claims(&bad).is_err());
    }
    // Of another bank of the same two, under this bank's name.
    let mut record = record(10_000);
    record.promises = 3;
    record.salt = bitcoin::hashes::Hash::from_byte_array([8; 32]);
    retip(&mut record);
    let (mut stranger, _) = open(&record.check().unwrap());
    stranger.offer(promise(21, 700)).unwrap();
    let mut replayed = stranger.claims(&mut rng()).unwrap();
    assert_eq!(provider.take_claims(&replayed), Err(BankError::Foreign));
    replayed.bank = good.bank;
    assert!(provider.take_claims(&replayed).is_err());
    assert_eq!(provider.record(), before);
    provider.take_claims(&good).unwrap();
    // Cut anywhere, longer, or with an absurd count: no message.
    let bytes = good.to_bytes();
    for cut in 0..bytes.len() {
        assert!(PennyClaims::from_bytes(&bytes[..cut]).is_err());
    }
    assert!(PennyClaims::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    let mut count = bytes.clone();
    count[40..44].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(PennyClaims::from_bytes(&count).is_err());
}

/// Direct pennies beside a promise: within the allowance of the frame, then a new frame.
#[test]
fn pennies_beside_a_promise() {
    let (mut payer, mut provider) = open(&terms(10_000));
    let commitments = payer.commitments(6, &mut rng()).unwrap();
    provider.take_commitments(&commitments).unwrap();
    promised(&mut payer, &mut provider, 21, 700);
    provider.accept(&payer.pay(499).unwrap()).unwrap();
    let left_behind = payer.pay(1).unwrap_err();
    assert!(matches!(left_behind, BankError::Unframed { .. }));
    // A payer that goes on all the same is not served: the promise would lose what was paid beside it.
    let links = narthex_contracts::bank::Links::new(&payer.bank().terms().bank());
    let penny = narthex_contracts::bank::Penny {
        bank: payer.bank().terms().bank(),
        index: 500,
        secret: links.down(10_000, SEED, 500),
    };
    assert!(matches!(
        provider.accept(&penny),
        Err(BankError::Unenforceable { .. })
    ));
    reframe(&mut payer, &mut provider).unwrap();
    provider.accept(&payer.pay(1).unwrap()).unwrap();
    provider.learn(&public(21), secret(21)).unwrap();
    assert_eq!((provider.enforceable(), provider.owed()), (1_199, 1_200));
    // Pennies that are promised are not taken as direct ones.
    let all = narthex_contracts::bank::Penny {
        index: 10_000,
        secret: SEED,
        ..penny
    };
    assert!(provider.accept(&all).is_err());
}

#[test]
fn a_provider_waits_for_a_secret_as_long_as_it_can() {
    let (mut payer, mut provider) = open(&terms(10_000));
    let record = terms(10_000).record().clone();
    let late = record.refund_height - u32::from(record.claim_blocks) - 1;
    assert_eq!(
        provider.duty(late, Coin::Banked { is_deep: true }),
        ProviderDuty::None
    );
    promised(&mut payer, &mut provider, 21, 700);
    assert_eq!(
        provider.duty(late - 1, Coin::Banked { is_deep: true }),
        ProviderDuty::Serve
    );
    assert_eq!(
        provider.duty(late, Coin::Banked { is_deep: true }),
        ProviderDuty::ForceClose
    );
    let force_closed = Coin::ForceClosed { height: 100 };
    let last = 100 + u32::from(record.claim_blocks - MIN_CLAIM_BLOCKS / 2);
    assert_eq!(provider.duty(last - 2, force_closed), ProviderDuty::None);
    // Without a secret there is nothing to claim at the end either.
    assert_eq!(provider.duty(last - 1, force_closed), ProviderDuty::None);
    provider.learn(&public(21), secret(21)).unwrap();
    let claim = ProviderDuty::Claim { commitment: 700 };
    assert_eq!(provider.duty(101, force_closed), claim);
}

#[test]
fn no_end_is_agreed_to_while_a_promise_may_come_due() {
    let (mut payer, mut provider) = open(&terms(10_000));
    promised(&mut payer, &mut provider, 21, 700);
    let fee = Amount::from_sat(300);
    let close =
        |provider: &mut Provider, paid| provider.close(paid, fee, false, &mut rng()).map(drop);
    let pending = close(&mut provider, 0).unwrap_err();
    assert!(matches!(pending, BankError::Ending { .. }), "{pending}");
    let mut knows = provider.record();
    provider.give_up(&public(21));
    assert!(!provider.expects(&promise(21, 700)));
    close(&mut provider, 0).unwrap();
    // One whose secret is known is owed.
    let bank = Bank::new(terms(10_000)).unwrap();
    knows = ProviderRecord { ..knows };
    let mut provider = Provider::restore(bank, secret(2), knows).unwrap();
    provider.learn(&public(21), secret(21)).unwrap();
    assert!(close(&mut provider, 699).is_err());
    close(&mut provider, 700).unwrap();
}

#[test]
fn records_with_promises_survive() {
    let (mut payer, mut provider) = open(&terms(10_000));
    promised(&mut payer, &mut provider, 21, 700);
    promised(&mut payer, &mut provider, 22, 800);
    provider.learn(&public(22), secret(22)).unwrap();
    let json = serde_json::to_string(&provider.record()).unwrap();
    let bank = || Bank::new(terms(10_000)).unwrap();
    let back: ProviderRecord = serde_json::from_str(&json).unwrap();
    let restored = Provider::restore(bank(), secret(2), back.clone()).unwrap();
    assert_eq!(restored.record(), provider.record());
    assert_eq!(pays(&claim(&restored)), 800);
    let debug = format!("{back:?} {:?}", provider.record());
    let hex = format!("{}", secret(22).display_secret());
    assert!(!debug.contains(&hex), "secrets stay out of logs");
    let mut lie = back;
    lie.held.as_mut().unwrap().known[0].secret = secret(21);
    assert!(Provider::restore(bank(), secret(2), lie).is_err());
    // The payer keeps no signature and makes the same again.
    let json = serde_json::to_string(&payer.record()).unwrap();
    let record = serde_json::from_str(&json).unwrap();
    let mut again = Payer::restore(bank(), secret(1), &kept(SEED), record).unwrap();
    assert_eq!(
        again.claims(&mut rng()).unwrap(),
        payer.claims(&mut rng()).unwrap()
    );
    let mut lie = payer.record();
    lie.ptlcs.push(promise(21, 1));
    assert!(Payer::restore(bank(), secret(1), &kept(SEED), lie).is_err());
}

/// The figures of `docs/contracts/bankers.md`.
#[test]
fn weights_and_sizes_are_those_of_the_page() {
    let page = include_str!("../../../docs/contracts/bankers.md");
    let mut record = record(10_000);
    record.promises = 3;
    let p2tr = |byte: u8| bitcoin::ScriptBuf::from_bytes([&[0x51, 0x20][..], &[byte; 32]].concat());
    (record.payer_script, record.provider_script) = (p2tr(1), p2tr(2));
    retip(&mut record);
    let (mut payer, mut provider) = open(&record.check().unwrap());
    for n in 1..=3u8 {
        promised(&mut payer, &mut provider, 20 + n, 700);
        provider.learn(&public(20 + n), secret(20 + n)).unwrap();
        let weight = claim(&provider).weight();
        let row = format!("| {n} | {} | {} |", weight.to_wu(), weight.to_vbytes_ceil());
        assert!(page.contains(&row), "{row}");
        let n = usize::from(n);
        let len = payer.claims(&mut rng()).unwrap().to_bytes().len();
        assert_eq!(
            len,
            45 + 37 * n + 64 * n * (1 << (n - 1)),
            "no commitment at 0"
        );
    }
    payer.pay(499).unwrap();
    let len = payer.claims(&mut rng()).unwrap().to_bytes().len();
    assert_eq!(len, 45 + 37 * 3 + 64 * 12 + 97);
}
