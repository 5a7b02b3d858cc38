//! Whatever bytes come in, decoders answer with a value or a clear error; they never panic, and what they accept
//! has one encoding.

use crate::arbitration_support;
use narthex_base::codec::Message as _;

use std::sync::{Arc, LazyLock};

use arbitration_support::{attest, setup};
use narthex_contracts::{
    attest::Attestation,
    musig::{PartialSignature, PublicNonce},
    party::PartyId,
    setup::{ContractSignatures, NoncesMessage, Release, RestoreError, SharesMessage},
    template::{Exit, stage},
    terms::{Role, Terms},
};
use narthex_game_model::{Ruling, Template};
use proptest::prelude::*;
use serde_json::{Value, json};

struct Stored {
    terms: Arc<Terms>,
    json: String,
    holdings: Vec<(Role, Vec<u8>)>,
    release: Release,
    attestation: Attestation,
}

static STORED: LazyLock<Stored> = LazyLock::new(|| {
    let (fixtures, holdings) = setup(Template::Hardened, 3, 2);
    let verifier = &holdings[&Role::Verifier];
    let terms = verifier.terms().clone();
    let normal = verifier.graph().find(Exit::NORMAL).unwrap();
    Stored {
        json: terms.to_json().unwrap(),
        release: verifier
            .release(normal, Some(&fixtures.token()))
            .unwrap()
            .remove(0),
        attestation: attest(&fixtures, terms.contract_id(), 1, Ruling::WorkerAtFault),
        holdings: holdings.iter().map(|(r, h)| (*r, h.to_bytes())).collect(),
        terms,
    }
});

/// Calls every decoder of small messages; `None` if one accepts what it would encode otherwise.
fn decode_all(bytes: &[u8]) -> Option<usize> {
    let mut accepted = 0;
    let mut check = |encoded: Option<Vec<u8>>| {
        accepted += usize::from(encoded.is_some());
        encoded.is_none_or(|e| e == bytes)
    };
    let canonical = check(Attestation::from_bytes(bytes).ok().map(|m| m.to_bytes()))
        & check(NoncesMessage::from_bytes(bytes).ok().map(|m| m.to_bytes()))
        & check(SharesMessage::from_bytes(bytes).ok().map(|m| m.to_bytes()))
        & check(Release::from_bytes(bytes).ok().map(|m| m.to_bytes()));
    canonical.then_some(accepted)
}

/// A leaf of a JSON document, by its number in document order.
fn leaf(value: &mut Value, n: &mut usize, put: &Value) -> bool {
    match value {
        Value::Object(map) => map.values_mut().any(|v| leaf(v, n, put)),
        Value::Array(list) if !list.is_empty() => list.iter_mut().any(|v| leaf(v, n, put)),
        other if *n == 0 => {
            *other = put.clone();
            true
        }
        _ => {
            *n -= 1;
            false
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn arbitrary_bytes(kind in 0usize..6, tail in prop::collection::vec(any::<u8>(), 0..240)) {
        let kind = ["", "NXA1", "NXN1", "NXS1", "NXR1", "NXH1"][kind];
        let bytes = [kind.as_bytes(), &tail].concat();
        prop_assert!(decode_all(&bytes).is_some());
    }

    #[test]
    fn messages_survive_their_encoding_and_nothing_shorter_or_longer_does(
        id in any::<[u8; 32]>(), from in 0usize..18, to in 0usize..18, stage in 0usize..3,
        items in prop::collection::vec(any::<[u8; 32]>(), 0..5), cut in any::<prop::sample::Index>(),
    ) {
        let (from, to) = (PartyId::from_index(from).unwrap(), PartyId::from_index(to).unwrap());
        let nonces = items.iter().map(|i| PublicNonce([&i[..], i, &[1, 2]].concat().try_into().unwrap()));
        let nonces = NoncesMessage { session_id: id, from, nonces: nonces.collect() };
        let shares = items.iter().map(|i| PartialSignature(*i)).collect();
        let shares = SharesMessage { session_id: id, transcript: id, from, to, stage: stage::ALL[stage].id, shares };
        prop_assert_eq!(NoncesMessage::from_bytes(&nonces.to_bytes()), Ok(nonces.clone()));
        prop_assert_eq!(SharesMessage::from_bytes(&shares.to_bytes()), Ok(shares.clone()));
        let small = [STORED.attestation.to_bytes(), STORED.release.to_bytes()];
        for whole in [nonces.to_bytes(), shares.to_bytes()].into_iter().chain(small) {
            prop_assert_eq!(decode_all(&whole), Some(1));
            prop_assert_eq!(decode_all(&whole[..cut.index(whole.len())]), Some(0));
            prop_assert_eq!(decode_all(&[&whole[..], &[0]].concat()), Some(0));
        }
    }

    #[test]
    fn a_claimed_length_allocates_nothing(count in 1_000u32.., kind in 0usize..2) {
        let head = [&b"NXN1"[..], b"NXS1"][kind];
        let roles: &[u8] = [&[1u8][..], &[1, 2, 0]][kind];
        let bytes = [head, &[9; 32], roles, &count.to_be_bytes(), &[0; 64]].concat();
        prop_assert_eq!(decode_all(&bytes), Some(0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn terms_with_a_changed_value_are_read_or_refused(n in 0usize..200, what in 0usize..12) {
        let put = [
            json!(null), json!(-1), json!(0), json!(u64::MAX), json!(u64::from(u32::MAX)), json!(1e300), json!(""),
            json!("zz"), json!("4294967295/1"), json!("00".repeat(20_000)), json!([]), json!({}),
        ][what].clone();
        let mut value: Value = serde_json::from_str(&STORED.json).unwrap();
        let mut n = n;
        leaf(&mut value, &mut n, &put);
        let json = serde_json::to_vec(&value).unwrap();
        match Terms::from_json(&json) {
            Ok(terms) => prop_assert_eq!(Terms::from_json(terms.to_json().unwrap().as_bytes()), Ok(terms)),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn terms_with_changed_bytes_are_read_or_refused(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut json = STORED.json.clone().into_bytes();
        let at = at.index(json.len());
        if cut { json.truncate(at) } else { json[at] = byte }
        if let Err(error) = Terms::from_json(&json) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A disk that changes or loses bytes of the holdings is found out, whatever they are: signatures, withheld
    /// shares, or the list of entries.
    #[test]
    fn damaged_holdings_are_refused(
        who in 0usize..6, at in any::<prop::sample::Index>(), flip in 1u8.., cut in any::<bool>(),
    ) {
        let (role, good) = &STORED.holdings[who];
        let at = at.index(good.len());
        let mut bytes = good.clone();
        if cut { bytes.truncate(at) } else { bytes[at] ^= flip }
        match ContractSignatures::from_bytes(STORED.terms.clone(), &bytes) {
            Ok(_) => prop_assert!(false, "{role}: changed at {at} and accepted"),
            Err(RestoreError::OtherContract) => prop_assert!((4..36).contains(&at)),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn arbitrary_holdings_are_refused(tail in prop::collection::vec(any::<u8>(), 0..200)) {
        let id = STORED.terms.agreement_id();
        for bytes in [tail.clone(), [b"NXH1", &tail[..]].concat(), [&b"NXH1"[..], id, &tail].concat()] {
            prop_assert!(ContractSignatures::from_bytes(STORED.terms.clone(), &bytes).is_err());
        }
    }
}

#[test]
fn holdings_survive_their_encoding() {
    for (role, bytes) in &STORED.holdings {
        let read = ContractSignatures::from_bytes(STORED.terms.clone(), bytes).unwrap();
        assert_eq!(read.role(), *role);
        assert_eq!(&read.to_bytes(), bytes);
    }
    let other =
        narthex_contracts::fixtures::Fixtures::example(Template::Hardened, 3, 2, 501, [7; 32]);
    let other = Arc::new(other.unwrap().terms().unwrap());
    assert_eq!(
        ContractSignatures::from_bytes(other, &STORED.holdings[0].1).err(),
        Some(RestoreError::OtherContract)
    );
}

#[test]
fn terms_beyond_their_size_or_depth_are_refused() {
    let large = vec![b' '; (1 << 20) + 1];
    assert!(
        Terms::from_json(&large)
            .unwrap_err()
            .to_string()
            .contains("1048577")
    );
    let deep = "[".repeat(100_000);
    assert!(Terms::from_json(deep.as_bytes()).is_err());
}
