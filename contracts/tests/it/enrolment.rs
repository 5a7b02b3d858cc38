//! A node key and a contract key sign each other, for one role in one negotiation or contract, and for nothing else.

use crate::golden_json;
use bitcoin::secp256k1::{Keypair, PublicKey, Secp256k1, SecretKey};
use narthex_base::codec::{DecodeError, Message};
use narthex_contracts::{
    enrolment::{EnrolledKey, Enrolment, EnrolmentFault, Scope},
    fixtures::Fixtures,
    terms::Role,
};
use narthex_game_model::Template;
use proptest::prelude::*;

fn pair(byte: u8) -> Keypair {
    let secret = SecretKey::from_slice(&[byte; 32]).unwrap();
    secret.keypair(&Secp256k1::new())
}

fn role(byte: u8) -> Role {
    Role::all(15).nth(usize::from(byte % 18)).unwrap()
}

fn scope(contract: bool, byte: u8) -> Scope {
    match contract {
        true => Scope::Contract([byte; 32]),
        false => Scope::Negotiation([byte; 32]),
    }
}

fn hex(bytes: &[u8]) -> String {
    bitcoin::hex::DisplayHex::to_lower_hex_string(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// It holds for what it was signed for, and is refused for any other scope, role or key: with one of the two keys alone
    /// nobody enrols the other.
    #[test]
    fn nothing_but_the_right_pair_verifies(
        (node, key) in (1u8..=60, 61u8..=120), (other_node, other_key) in (121u8..=180, 181u8..=240),
        (contract, id, place) in (any::<bool>(), any::<u8>(), 0u8..18),
        (other_contract, other_id, other_place) in (any::<bool>(), any::<u8>(), 0u8..18),
    ) {
        let (own, as_role) = (scope(contract, id), role(place));
        let good = Enrolment::sign(own, as_role, &pair(node), &pair(key)).unwrap();
        prop_assert_eq!(good.check(&own, as_role), Ok(()));
        let read = Enrolment::from_bytes(&good.to_bytes());
        prop_assert_eq!(read.as_ref(), Ok(&good));

        // Shown again elsewhere.
        let (elsewhere, other_role) = (scope(other_contract, other_id), role(other_place));
        if elsewhere != own {
            prop_assert_eq!(good.check(&elsewhere, as_role), Err(EnrolmentFault::OtherScope { found: own }));
            let moved = Enrolment { scope: elsewhere, ..good };
            prop_assert_eq!(moved.check(&elsewhere, as_role), unsigned(EnrolledKey::Node, good.node));
        }
        if other_role != as_role {
            let wanted = other_role;
            prop_assert_eq!(good.check(&own, other_role), Err(EnrolmentFault::OtherRole { found: as_role, wanted }));
            let moved = Enrolment { role: other_role, ..good };
            prop_assert_eq!(moved.check(&own, other_role), unsigned(EnrolledKey::Node, good.node));
        }
        // Another's key beside one's own, with whatever one can sign.
        let (stolen_node, stolen_key) = (pair(other_node).public_key(), pair(other_key).public_key());
        let claims_node = Enrolment { node: stolen_node, ..good };
        prop_assert_eq!(claims_node.check(&own, as_role), unsigned(EnrolledKey::Node, stolen_node));
        let claims_key = Enrolment { key: stolen_key, ..good };
        prop_assert!(claims_key.check(&own, as_role).is_err());
        let theirs = Enrolment::sign(own, as_role, &pair(other_node), &pair(other_key)).unwrap();
        for mixed in [
            Enrolment { node: theirs.node, by_node: theirs.by_node, ..good },
            Enrolment { key: theirs.key, by_key: theirs.by_key, ..good },
            Enrolment { by_key: theirs.by_key, ..good },
            Enrolment { by_node: good.by_key, by_key: good.by_node, ..good },
            Enrolment { node: good.key, key: good.node, by_node: good.by_key, by_key: good.by_node, ..good },
            // The other point with the same x.
            Enrolment { node: good.node.negate(&Secp256k1::new()), ..good },
            Enrolment { key: good.key.negate(&Secp256k1::new()), ..good },
        ] {
            prop_assert!(mixed.check(&own, as_role).is_err(), "{:?}", mixed);
        }
    }

    /// What is read is written as it was, and holds only if it is what was signed.
    #[test]
    fn damaged_bytes_are_refused_or_do_not_hold(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let own = Scope::Contract([5; 32]);
        let good = Enrolment::sign(own, Role::Arbiter(3), &pair(1), &pair(2)).unwrap();
        let mut bytes = good.to_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(read) = Enrolment::from_bytes(&bytes) {
            prop_assert_eq!(read.to_bytes(), bytes);
            prop_assert!(read.check(&own, Role::Arbiter(3)).is_err());
        }
    }
}

fn unsigned(whose: EnrolledKey, key: PublicKey) -> Result<(), EnrolmentFault> {
    Err(EnrolmentFault::Unsigned { whose, key })
}

#[test]
fn one_key_is_no_pair_and_the_message_says_whose_fault_it_is() {
    let own = Scope::Negotiation([1; 32]);
    let key = pair(1).x_only_public_key().0;
    let same = Enrolment::sign(own, Role::Worker, &pair(1), &pair(1));
    assert_eq!(same, Err(EnrolmentFault::OneKey { key }));
    let mut good = Enrolment::sign(own, Role::Worker, &pair(1), &pair(2)).unwrap();
    good.key = good.node;
    assert_eq!(
        good.check(&own, Role::Worker),
        Err(EnrolmentFault::OneKey { key })
    );
    let fault = EnrolmentFault::Unsigned {
        whose: EnrolledKey::Contract,
        key: pair(2).public_key(),
    };
    let said = fault.to_string();
    let shown = pair(2).public_key().to_string();
    assert!(
        said.contains("contract key") && said.contains(&shown),
        "{said}"
    );
    assert!(said.contains("whoever sent it"), "{said}");
}

#[test]
fn bytes_of_other_lengths_roles_and_scopes_are_refused() {
    let good = Enrolment::sign(Scope::Contract([5; 32]), Role::Client, &pair(1), &pair(2));
    let bytes = good.unwrap().to_bytes();
    assert_eq!(bytes.len(), 5 + 1 + 32 + 1 + 33 + 33 + 64 + 64);
    for cut in 0..bytes.len() {
        assert!(Enrolment::from_bytes(&bytes[..cut]).is_err(), "{cut}");
    }
    let longer = Enrolment::from_bytes(&[&bytes[..], &[0]].concat());
    assert_eq!(longer, Err(DecodeError::Trailing { extra: 1 }));
    for (at, value) in [(5, 2), (38, 18), (38, 255), (39, 5)] {
        let mut wrong = bytes.clone();
        wrong[at] = value;
        assert!(Enrolment::from_bytes(&wrong).is_err(), "{at}: {value}");
    }
}

/// The same for terms: they name the key that was enrolled, in its role.
#[test]
fn terms_are_held_to_who_enrolled() {
    let fixtures = Fixtures::example(Template::Hardened, 3, 2, 500, [7; 32]).unwrap();
    let terms = fixtures.terms().unwrap();
    let own = Scope::Contract(*terms.contract_id());
    let secp = Secp256k1::new();
    for role in Role::all(3) {
        let key = Keypair::from_secret_key(&secp, &fixtures.key(role));
        let enrolment = Enrolment::sign(own, role, &pair(9), &key).unwrap();
        assert_eq!(enrolment.check(&own, role), Ok(()));
        assert_eq!(enrolment.check_terms(&terms), Ok(()));
        let other = Enrolment::sign(own, role, &pair(9), &pair(8)).unwrap();
        assert_eq!(
            other.check_terms(&terms),
            Err(EnrolmentFault::OtherContractKey {
                role,
                enrolled: pair(8).public_key()
            })
        );
    }
    let nobody = Enrolment::sign(own, Role::Arbiter(3), &pair(9), &pair(8)).unwrap();
    assert!(nobody.check_terms(&terms).is_err());
}

#[test]
fn a_golden_enrolment() {
    let vector = |scope, role, node: u8, key: u8| {
        let enrolment = Enrolment::sign(scope, role, &pair(node), &pair(key)).unwrap();
        serde_json::json!({
            "scope": match scope { Scope::Negotiation(_) => "negotiation", Scope::Contract(_) => "contract" },
            "id": hex(scope.id()),
            "role": role,
            "node_secret": hex(&[node; 32]),
            "contract_secret": hex(&[key; 32]),
            "bytes": hex(&enrolment.to_bytes()),
        })
    };
    let found = serde_json::json!([
        vector(Scope::Negotiation([0x11; 32]), Role::Client, 1, 2),
        vector(Scope::Contract([0x22; 32]), Role::Worker, 3, 4),
        vector(Scope::Contract([0x22; 32]), Role::Verifier, 5, 6),
        vector(Scope::Contract([0x22; 32]), Role::Arbiter(14), 7, 8),
    ]);
    golden_json::holds("enrolment.json", &found);
}
