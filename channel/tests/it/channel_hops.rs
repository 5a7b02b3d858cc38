//! A payment over two channels: the middle is never out of what it paid, whichever of the two ends on chain; and what a channel says, as data.

use bitcoin::{
    Amount,
    hex::DisplayHex,
    secp256k1::{Secp256k1, SecretKey},
};
use narthex_base::codec::Message as _;
use narthex_channel::{
    Machine,
    channel::{ChannelMessage, Order, Outcome, UPSTREAM_MARGIN},
    ptlc::{Forward, ForwardBody, ForwardEffect, ForwardInput, ForwardMachine, Offer, Policy},
};
use narthex_contracts::{
    channel::{Lock, PaymentId, Proof, Side},
    depth::Depth,
    funding::FeeRate,
};
use serde_json::json;

use crate::channel_support::{CAPACITY, PUSH, Sides, fulfil, point, secret};

const A: Side = Side::Opener;
const B: Side = Side::Accepter;

fn lock(of: &SecretKey) -> Lock {
    Lock::Point(of.public_key(&Secp256k1::new()))
}

/// The middle: accepter of the first channel, opener of the second.
struct Middle {
    upstream: Sides,
    downstream: Sides,
    forward: ForwardMachine,
    incoming: PaymentId,
    outgoing: PaymentId,
}

fn take(machine: &mut ForwardMachine, input: ForwardInput) -> Vec<ForwardEffect> {
    let step = machine.step(&input).unwrap();
    step.changes.iter().for_each(|change| machine.apply(change));
    step.effects
}

/// The payer knows x; the payee learns that of the outgoing point, the middle the difference.
fn order(upstream: &Sides, downstream: &Sides) -> Forward {
    let place = |sides: &Sides| *sides.machine(A).channel().unwrap().id();
    let body = ForwardBody {
        in_place: place(upstream),
        in_units: 10_100,
        tweak: secret(6),
        // Both were made with the same keys: told apart by hand.
        out_place: place(downstream).map(|byte| !byte),
        out_units: 10_000,
    };
    body.sign(&secret(5))
}

impl Middle {
    /// The payment is locked on both sides of the middle.
    fn new() -> Middle {
        let (mut upstream, mut downstream) = (Sides::opened(31), Sides::opened(32));
        let order = order(&upstream, &downstream);
        let start = upstream.height();
        let (late, soon) = (start + 60 + UPSTREAM_MARGIN, start + 60);
        let incoming = upstream.pay(A, 10_100, Lock::Point(order.point), late);
        upstream.settle();
        let policy = Policy {
            margin: UPSTREAM_MARGIN as u16,
            depth: Depth::LEAST,
            fee_sat: Amount::from_sat(100),
            fee_ppm: 0,
        };
        let mut forward = ForwardMachine::new(policy);
        let out_point = order.out_point().unwrap();
        let offer = |expiry| {
            let ptlc = upstream.machine(B).ptlc(incoming).unwrap();
            let mut outgoing = ptlc;
            outgoing.id.0[0] ^= 1;
            outgoing.point = out_point;
            outgoing.amount = Amount::from_sat(10_000);
            outgoing.expiry.height = expiry;
            let (order, incoming) = (order.clone(), ptlc);
            ForwardInput::Offer(
                Box::new(Offer {
                    order,
                    incoming,
                    outgoing,
                }),
                start,
            )
        };
        assert!(
            forward.step(&offer(soon + 1)).is_err(),
            "a block less is no margin"
        );
        let due = take(&mut forward, offer(soon));
        assert!(matches!(due[..], [ForwardEffect::Offer(_)]));
        let outgoing = downstream.pay(A, 10_000, Lock::Point(out_point), soon);
        downstream.settle();
        take(&mut forward, ForwardInput::Sent);
        let (payee, own) = (order.out_secret(&secret(5)).unwrap(), lock(&secret(5)));
        assert_eq!(lock(&payee), Lock::Point(out_point));
        assert_ne!(own, Lock::Point(out_point));
        Middle {
            upstream,
            downstream,
            forward,
            incoming,
            outgoing,
        }
    }

    fn payee_secret(&self) -> SecretKey {
        order(&self.upstream, &self.downstream)
            .out_secret(&secret(5))
            .unwrap()
    }

    /// The middle knows the outgoing secret, from wherever: it claims the incoming payment by it.
    fn passes_on(&mut self) {
        let proof = self.downstream.machine(A).proof(self.outgoing).cloned();
        let Some(Proof::Secret(shown)) = proof else {
            panic!("no secret")
        };
        let due = take(&mut self.forward, ForwardInput::Revealed(shown));
        let claim = due.into_iter().find_map(|effect| match effect {
            ForwardEffect::Claim(_, revealed) => Some(revealed.secret),
            _ => None,
        });
        assert_eq!(claim, Some(secret(5)));
        self.upstream.order(
            B,
            Order::Settle(self.incoming, Proof::Secret(claim.unwrap())),
        );
    }
}

#[test]
fn a_secret_passes_off_chain() {
    let mut middle = Middle::new();
    let settle = Order::Settle(middle.outgoing, Proof::Secret(middle.payee_secret()));
    middle.downstream.order(B, settle);
    middle.downstream.settle();
    middle.passes_on();
    middle.upstream.settle();
    let (up, down) = (middle.upstream.balances(B), middle.downstream.balances(B));
    assert_eq!(up, [CAPACITY - PUSH - 10_100, PUSH + 10_100]);
    assert_eq!(down, [CAPACITY - PUSH - 10_000, PUSH + 10_000]);
    assert_eq!(
        middle.upstream.machine(A).outcome(middle.incoming),
        Some(&Outcome::Paid)
    );
}

/// The payee claims on chain; the middle reads the secret there and settles off chain.
#[test]
fn a_secret_passes_from_the_chain() {
    let mut middle = Middle::new();
    let (sides, outgoing) = (&mut middle.downstream, middle.outgoing);
    sides.is_up = [false; 2];
    let payee = order(&middle.upstream, sides)
        .out_secret(&secret(5))
        .unwrap();
    sides.order(B, Order::Settle(outgoing, Proof::Secret(payee)));
    sides.order(B, Order::ForceClose);
    sides.is_up = [true; 2];
    sides.mine(4);
    assert!(sides.machine(A).proof(outgoing).is_some());
    middle.passes_on();
    middle.upstream.settle();
    assert_eq!(middle.upstream.balances(A)[1], PUSH + 10_100);
}

/// The payee settles off chain and the payer is silent; the middle claims on chain, in time.
#[test]
fn a_secret_passes_to_the_chain() {
    let mut middle = Middle::new();
    let settle = Order::Settle(middle.outgoing, Proof::Secret(middle.payee_secret()));
    middle.downstream.order(B, settle);
    middle.downstream.settle();
    middle.upstream.is_up[0] = false;
    middle.passes_on();
    let sides = &mut middle.upstream;
    let end = sides.height() + 60 + UPSTREAM_MARGIN;
    sides.mine_to(end - 4);
    sides.is_up[0] = true;
    sides.mine(1);
    assert_eq!(sides.words(), ["their_close", "own_close"]);
    assert_eq!(
        sides.machine(A).proof(middle.incoming),
        Some(&Proof::Secret(secret(5)))
    );
}

/// `NARTHEX_BLESS=1` writes the file anew: every message of a channel, in the order in which two sides said them.
#[test]
fn messages_are_the_same_bytes_everywhere() {
    let mut sides = Sides::new(33);
    sides.offer();
    sides.settle();
    sides.mine(6);
    let first = sides.pay(A, 10_000, point(1), 900);
    sides.pay(B, 20_000, point(2), 900);
    sides.settle();
    sides.order(B, fulfil(first, 1));
    sides.order(A, Order::GiveBack(crate::channel_support::id(B, 0)));
    sides.settle();
    sides.order(
        B,
        Order::Shutdown(sides.payout(B), FeeRate::from_sat_per_kwu(500)),
    );
    sides.settle();
    let mut said = sides.said.clone();
    said.push((A, sides.machine(A).reestablish().unwrap()));
    let names = |message: &ChannelMessage| {
        let text = format!("{message:?}");
        text.split(|c: char| !c.is_alphanumeric())
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let mut kinds: Vec<_> = said.iter().map(|(_, message)| names(message)).collect();
    let found = said.iter().map(|(side, message)| {
        json!({
            "from": side.to_string(),
            "name": names(message),
            "bytes": message.to_bytes().to_lower_hex_string(),
        })
    });
    let found = json!({
        "about": "a channel by keys of the seeds 11..11 and 22..22; nonces that are drawn come of the test's own random source",
        "messages": found.collect::<Vec<_>>(),
    });
    kinds.sort();
    kinds.dedup();
    assert_eq!(kinds.len(), 14, "every message: {kinds:?}");
    for (_, message) in &said {
        assert_eq!(
            ChannelMessage::from_bytes(&message.to_bytes()).as_ref(),
            Ok(message)
        );
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/channel.json");
    if std::env::var_os("NARTHEX_BLESS").is_some() {
        std::fs::write(path, serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
    }
    let stored = std::fs::read_to_string(path).unwrap();
    let stored: serde_json::Value = serde_json::from_str(&stored).unwrap();
    assert_eq!(found, stored);
}
