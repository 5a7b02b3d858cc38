//! Whatever bytes come, decoders answer with an error or with what encodes to the same bytes.

use crate::deliver_support;
use narthex_base::codec::Message as _;

use deliver_support::{FUNDED, RECIPIENT, TIP, agreed, recipient, secret, serve};
use narthex_contracts::deliver::{
    Agent, Announcement, Assignment, Consent, Evidence, Handover, Request, Served, Shared,
};
use proptest::{prelude::*, sample::Index};

/// A decoder: the bytes that its result encodes to, if it takes them.
type Decode = fn(&[u8]) -> Option<Vec<u8>>;

/// One message of each kind, with its decoder.
fn messages() -> Vec<(Vec<u8>, Decode)> {
    let (sender, agents) = agreed(3);
    let assignment = sender.assignment(1).unwrap();
    let served = serve(&sender, &agents[1]);
    let key = assignment.key.clone();
    let (_, consent) = Agent::new(
        assignment.clone(),
        deliver_support::agent_key(1),
        &deliver_support::conditions(1),
        890,
    )
    .unwrap();
    let mut recipient = recipient(&sender, &agents);
    let handover = recipient
        .hand_over(1, (TIP, FUNDED), &mut deliver_support::rng())
        .unwrap();
    let terms = &served.terms;
    let evidence = Evidence {
        terms: served.terms.clone(),
        agent: 1,
        branch: served.branch.clone(),
        copy: served.copy.clone(),
        key,
        opening: Some(Shared::of_recipient(&secret(RECIPIENT), &terms.ephemeral).envelope_key()),
    };
    vec![
        (terms.announcement().to_bytes(), |b| {
            Announcement::from_bytes(b).ok().map(|m| m.to_bytes())
        }),
        (assignment.to_bytes(), |b| {
            Some(Assignment::from_bytes(b).ok()?.to_bytes())
        }),
        (served.to_bytes(), |b| {
            Some(Served::from_bytes(b).ok()?.to_bytes())
        }),
        (consent.to_bytes(), |b| {
            Some(Consent::from_bytes(b).ok()?.to_bytes())
        }),
        (recipient.request().unwrap().to_bytes(), |b| {
            Some(Request::from_bytes(b).ok()?.to_bytes())
        }),
        (handover.to_bytes(), |b| {
            Some(Handover::from_bytes(b).ok()?.to_bytes())
        }),
        (evidence.to_bytes(), |b| {
            Some(Evidence::from_bytes(b).ok()?.to_bytes())
        }),
    ]
}

#[test]
fn every_message_survives_its_encoding_and_no_other_decoder() {
    let all = messages();
    for (i, (bytes, _)) in all.iter().enumerate() {
        for (j, (_, decode)) in all.iter().enumerate() {
            assert_eq!(decode(bytes).as_ref(), (i == j).then_some(bytes));
        }
    }
}

#[test]
fn every_truncation_and_extension_is_refused() {
    for (bytes, decode) in messages() {
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_none());
        }
        assert!(decode(&[&bytes[..], &[0]].concat()).is_none());
    }
}

/// A length that a stranger names is checked before anything is allocated.
#[test]
fn lengths_beyond_the_message_are_refused() {
    for (bytes, decode) in messages() {
        for at in 4..bytes.len().saturating_sub(4) {
            let mut long = bytes.clone();
            long[at..at + 4].copy_from_slice(&[0xff; 4]);
            if let Some(again) = decode(&long) {
                // Hashes, keys and copies take any bytes.
                assert_eq!(again, long);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn altered_messages_are_refused_or_canonical(
        which in any::<Index>(),
        changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..6),
    ) {
        let all = messages();
        let (bytes, decode) = which.get(&all);
        let mut bytes = bytes.clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(again) = decode(&bytes) {
            // JSON has more than one spelling; what it says does not.
            let stable = decode(&again);
            prop_assert_eq!(stable, Some(again));
        }
    }
}
