//! Forwarded payments are held to the laws of machines, and orders to the rules of all places.

use bitcoin::{
    Amount,
    secp256k1::{
        SecretKey,
        rand::{Rng, rngs::StdRng},
    },
};
use narthex_channel::{
    Machine,
    laws::{Effort, Subject, check},
    ptlc::{
        Expiry, Forward, ForwardBody, ForwardChange, ForwardInput, ForwardMachine, Offer, Policy,
        Ptlc, PtlcError, PtlcId, Upstream, point_of,
    },
};
use narthex_contracts::depth::Depth;

pub const TIP: u32 = 100;

pub fn secret(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).unwrap()
}

pub fn policy(margin: u16) -> Policy {
    Policy {
        margin,
        depth: Depth::LEAST,
        fee_sat: Amount::from_sat(10),
        fee_ppm: 1_000,
    }
}

/// As a penny bank ends: at T, or D blocks after a close by force.
pub fn bank(height: u32, window: u16) -> Expiry {
    let window = Some(window);
    Expiry { height, window }
}

/// As a payment channel ends.
pub fn channel(height: u32) -> Expiry {
    let window = None;
    Expiry { height, window }
}

/// An order for 710 sat under the first secret, of which 700 go on.
pub fn offer((x, y): (SecretKey, SecretKey), from: Expiry, to: Expiry) -> Offer {
    let body = ForwardBody {
        in_place: [1; 32],
        in_units: 710,
        tweak: y,
        out_place: [2; 32],
        out_units: 700,
    };
    let order = body.sign(&x);
    let ptlc = |place: [u8; 32], sat, point, expiry| Ptlc {
        id: PtlcId::by_point(&place, &point),
        amount: Amount::from_sat(sat),
        point,
        expiry,
    };
    let out = order.out_point().unwrap();
    Offer {
        incoming: ptlc([1; 32], 710, order.point, from),
        outgoing: ptlc([2; 32], 700, out, to),
        order,
    }
}

fn usual() -> Offer {
    offer((secret(5), secret(6)), bank(1_000, 26), bank(900, 20))
}

fn ask(offer: Offer) -> ForwardInput {
    ForwardInput::Offer(Box::new(offer), TIP)
}

struct Forwarded;

impl Subject for Forwarded {
    type Machine = ForwardMachine;
    type State = String;

    fn fresh(&self) -> ForwardMachine {
        ForwardMachine::new(policy(6))
    }

    fn state(&self, machine: &ForwardMachine) -> String {
        let secret = machine.secret().map(SecretKey::secret_bytes);
        format!("{machine:?} {secret:?}")
    }

    fn input(&mut self, machine: &ForwardMachine, rng: &mut StdRng) -> ForwardInput {
        let order = usual().order;
        let out = order.out_secret(&secret(5)).unwrap();
        match (machine.standing(), rng.gen_range(0..16u8)) {
            ("new", 4..) => ask(usual()),
            (_, 0) => ask(usual()),
            (_, 1) => ask(offer((secret(7), secret(6)), bank(1_000, 26), channel(120))),
            (_, 2) => ForwardInput::Revealed(secret(9)),
            (_, 3) => ForwardInput::Collected(out),
            (_, 4 | 5) => ForwardInput::Sent,
            (_, 6) => ForwardInput::Revealed(out),
            (_, 7) => ForwardInput::Collected(secret(5)),
            (_, 8 | 9) => ForwardInput::Paid,
            (_, 10) => ForwardInput::Upstream(Upstream::Open),
            (_, 11 | 12) => ForwardInput::Upstream(Upstream::Closing),
            (_, 13) => ForwardInput::Upstream(Upstream::Gone),
            (_, 14) => ForwardInput::Ended,
            (_, _) => ForwardInput::Failed,
        }
    }
}

#[test]
fn a_forwarded_payment_keeps_the_laws() {
    check(&mut Forwarded, Effort::new(31, 600, 24)).unwrap_or_else(|e| panic!("{e}"));
}

fn refused(offer: Offer) -> PtlcError {
    let machine = ForwardMachine::new(policy(6));
    machine.step(&ask(offer)).unwrap_err()
}

/// Each place may end as a bank does or as a channel: the tightest that is in time, and one block less.
#[test]
fn every_pair_of_ends_leaves_the_margin() {
    let cases = [
        // The bank is closed in the next block: 20 blocks until the other's end, and the margin.
        (bank(926, 26), bank(900, 20), None),
        (bank(925, 26), bank(900, 20), Some("T")),
        (bank(926, 25), bank(900, 20), Some("D")),
        (channel(926), bank(900, 20), None),
        (channel(925), bank(900, 20), Some("T")),
        (channel(906), channel(900), None),
        (channel(905), channel(900), Some("T")),
        // A channel's PTLC does not end because the bank before it does.
        (bank(906, 806), channel(900), None),
        (bank(906, 805), channel(900), Some("D")),
        (bank(905, 806), channel(900), Some("T")),
        // Nothing wraps.
        (bank(u32::MAX, u16::MAX), bank(u32::MAX - 5, 20), None),
        (channel(7), channel(u32::MAX), Some("T")),
        (bank(u32::MAX, 26), channel(u32::MAX), Some("D")),
    ];
    for (from, to, problem) in cases {
        let found = policy(6).check_expiry(&from, &to, TIP);
        let found = match found {
            Ok(()) => None,
            Err(PtlcError::Timing { what, .. }) => Some(what),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(found, problem, "{from:?} {to:?}");
    }
    let late = offer((secret(5), secret(6)), channel(905), channel(900));
    assert!(matches!(refused(late), PtlcError::Timing { what: "T", .. }));
}

#[test]
fn orders_that_do_not_fit_their_ptlcs() {
    let change = |change: fn(&mut Offer)| {
        let mut offer = usual();
        change(&mut offer);
        refused(offer)
    };
    assert_eq!(change(|o| o.order.out_units += 1), PtlcError::Proof);
    let other = change(|o| o.incoming.point = point_of(&secret(9)));
    assert_eq!(other, PtlcError::OtherOrder("incoming PTLC"));
    let other = change(|o| o.outgoing.point = o.incoming.point);
    assert_eq!(other, PtlcError::OtherOrder("outgoing PTLC"));
    let fee = |given, due| PtlcError::Fee {
        given: Amount::from_sat(given),
        due: Amount::from_sat(due),
    };
    let less = change(|o| o.incoming.amount = Amount::from_sat(709));
    assert_eq!(less, fee(9, 10));
    // Amounts that no coin has: a fee above them, and none that wraps.
    let most = change(|o| o.outgoing.amount = Amount::MAX);
    assert!(matches!(most, PtlcError::Fee { given, .. } if given == Amount::ZERO));
    let loops = {
        let order = usual().order;
        let body = ForwardBody {
            in_place: [1; 32],
            in_units: 710,
            tweak: order.tweak,
            out_place: [1; 32],
            out_units: 700,
        };
        let order = body.sign(&secret(5));
        Offer { order, ..usual() }
    };
    assert!(matches!(refused(loops), PtlcError::Way(_)));
    // −x takes x away.
    let body = ForwardBody {
        in_place: [1; 32],
        in_units: 710,
        tweak: secret(5).negate(),
        out_place: [2; 32],
        out_units: 700,
    };
    let order: Forward = body.sign(&secret(5));
    assert_eq!(order.out_point(), Err(PtlcError::Infinity));
    assert_eq!(refused(Offer { order, ..usual() }), PtlcError::Infinity);
}

/// What a place counts tells two PTLCs of one amount and point apart, on both sides alike, and by who offers.
#[test]
fn ids_tell_ptlcs_of_one_point_apart() {
    let place = [4; 32];
    let (one, other) = (point_of(&secret(1)), point_of(&secret(2)));
    let mut ids: Vec<_> = (0..10)
        .flat_map(|number| [one, other].map(|who| PtlcId::by_number(&place, &who, number)))
        .chain([
            PtlcId::by_point(&place, &one),
            PtlcId::by_point(&[5; 32], &one),
        ])
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 22);
}

/// A log that no machine wrote is not taken for one.
#[test]
fn a_log_is_checked_when_it_is_read() {
    let offered = ForwardChange::Offered(Box::new(usual()));
    let out = usual().order.out_secret(&secret(5)).unwrap();
    let replay = |changes: &[ForwardChange]| ForwardMachine::replay(policy(6), changes);
    let good = [offered.clone(), ForwardChange::Revealed(out)];
    assert_eq!(replay(&good).unwrap().standing(), "revealed");
    let mut forged = usual();
    forged.order.out_units += 1;
    let bad = [
        vec![ForwardChange::Sent],
        vec![offered.clone(), offered.clone()],
        vec![offered.clone(), ForwardChange::Revealed(secret(9))],
        vec![ForwardChange::Offered(Box::new(forged))],
        vec![offered.clone(), ForwardChange::Paid],
        vec![offered.clone(), ForwardChange::Collected],
        vec![offered.clone(), ForwardChange::Failed],
        vec![offered.clone(), ForwardChange::Sent, ForwardChange::Sent],
        vec![offered, ForwardChange::Revealed(out), ForwardChange::Ended],
    ];
    for changes in bad {
        assert!(replay(&changes).is_err(), "{changes:?}");
    }
    let shown = format!("{good:?} {:?}", replay(&good).unwrap());
    assert!(
        !shown.contains(&out.display_secret().to_string()),
        "{shown}"
    );
}
