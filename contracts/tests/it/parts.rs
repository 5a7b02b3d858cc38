//! What parties send each other before they sign, as bytes: their parts of terms, all of them put together, announcements,
//! and endings to agree on.

use crate::{golden_json, laws_support::TEMPLATES};

use bitcoin::{Amount, hex::DisplayHex};
use narthex_base::codec::{DecodeError, Message};
use narthex_contracts::{
    attest, coop,
    fixtures::Fixtures,
    graph::NodeName,
    terms::{Assembly, AssemblyError, Part, Role, TermsDraft},
};
use narthex_game_model::Template;

fn fixtures(template: Template) -> Fixtures {
    Fixtures::example(template, 3, 2, 500, [7; 32]).unwrap()
}

fn assembly(fixtures: &Fixtures) -> Assembly {
    fixtures.assembly(&fixtures.terms().unwrap()).unwrap()
}

/// Read and written back as it was; cut or continued it is refused.
fn whole<M: Message + PartialEq + std::fmt::Debug>(message: &M) -> M {
    let bytes = message.to_bytes();
    for end in 0..bytes.len() {
        assert!(M::from_bytes(&bytes[..end]).is_err());
    }
    assert!(M::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    let read = M::from_bytes(&bytes).unwrap();
    assert_eq!((&read, read.to_bytes()), (message, bytes));
    read
}

#[test]
fn terms_are_put_together_out_of_what_was_sent() {
    for template in TEMPLATES {
        let fixtures = fixtures(template);
        let terms = fixtures.terms().unwrap();
        let mut sent = whole(&assembly(&fixtures));
        sent.parts.iter().for_each(|part| drop(whole(part)));
        // In whatever order they come.
        sent.parts.reverse();
        let record = sent.record(fixtures.params()).unwrap();
        assert_eq!(&record, terms.record());
        let draft = TermsDraft::new(record).unwrap();
        assert_eq!(draft.contract_id(), terms.contract_id());
        for announced in terms.announcements() {
            let read: attest::Announcement = whole(announced);
            assert_eq!(&read, announced);
        }
    }
}

#[test]
fn an_assembly_that_is_none_is_refused() {
    let fixtures = fixtures(Template::Hardened);
    let put = |change: &dyn Fn(&mut Assembly)| {
        let mut sent = assembly(&fixtures);
        change(&mut sent);
        sent.record(fixtures.params()).unwrap_err()
    };
    let lacks = |role, what| AssemblyError::Lacks { role, what };
    for role in Role::all(3) {
        let missing = put(&|sent| drop(sent.parts.remove(role.index())));
        assert_eq!(missing, AssemblyError::NoPart { role });
        let twice = put(&|sent| sent.parts.push(sent.parts[role.index()].clone()));
        assert_eq!(twice, AssemblyError::Surplus { role });
    }
    let role = Role::Arbiter(3);
    let fourth = put(&|sent| {
        let part = sent.parts[3].clone();
        sent.parts.push(Part { role, ..part });
    });
    assert_eq!(fourth, AssemblyError::Surplus { role });
    let (worker, verifier, second) = (Role::Worker, Role::Verifier, Role::Arbiter(1));
    assert_eq!(put(&|s| s.params_hash[0] ^= 1), AssemblyError::OtherParams);
    assert_eq!(
        put(&|s| s.parts[1].result = None),
        lacks(worker, "result point")
    );
    assert_eq!(
        put(&|s| s.parts[2].sample_nonce = None),
        lacks(verifier, "sample nonce")
    );
    assert_eq!(
        put(&|s| s.parts[4].identity = None),
        lacks(second, "identity key")
    );
}

#[test]
fn what_is_no_part_is_refused() {
    let bytes = assembly(&fixtures(Template::Hardened)).parts[1].to_bytes();
    let kind = 5;
    // A seat beyond the largest panel.
    for seat in [18, 31, 255] {
        let mut other = bytes.clone();
        other[kind] = seat;
        assert!(Part::from_bytes(&other).is_err());
    }
    // A payout script that is longer than any that is paid to.
    let length = kind + 1 + 33 + 32;
    let mut other = bytes;
    other[length..length + 4].copy_from_slice(&257u32.to_be_bytes());
    assert!(Part::from_bytes(&other).is_err());
}

fn ending() -> coop::Proposal {
    coop::Proposal {
        spends: NodeName::plain("TxD"),
        payouts: vec![
            (Role::Worker, Amount::from_sat(280_000)),
            (Role::Verifier, Amount::from_sat(239_000)),
        ],
        reveals_result: true,
        attempt: 7,
        expires_height: 600,
    }
}

#[test]
fn endings_are_proposed_as_bytes() {
    let kind = 5;
    for spends in ["Tx0", "TxD", "TxV1", "TxV0"] {
        let proposal = coop::Proposal {
            spends: NodeName::plain(spends),
            ..ending()
        };
        let bytes = proposal.to_bytes();
        assert!(bytes.len() <= kind + 46);
        assert_eq!(coop::Proposal::from_bytes(&bytes), Ok(proposal));
    }
    // What the three cannot spend together nobody can propose.
    let unknown = coop::Proposal {
        spends: NodeName::plain("TxA"),
        ..ending()
    };
    let refused = coop::Proposal::from_bytes(&unknown.to_bytes());
    assert_eq!(
        refused,
        Err(DecodeError::invalid("output to be spent", 255))
    );
    let arbiter = coop::Proposal {
        payouts: vec![(Role::Arbiter(0), Amount::from_sat(1_000))],
        ..ending()
    };
    let refused = coop::Proposal::from_bytes(&arbiter.to_bytes());
    assert_eq!(refused, Err(DecodeError::invalid("payee", 3)));
    let four = coop::Proposal {
        payouts: vec![(Role::Worker, Amount::from_sat(1_000)); 4],
        ..ending()
    };
    assert!(coop::Proposal::from_bytes(&four.to_bytes()).is_err());
}

/// The bytes of each, for other implementations.
#[test]
fn golden_parts() {
    let hex = |bytes: Vec<u8>| bytes.to_lower_hex_string();
    let of = |template| {
        let fixtures = fixtures(template);
        let sent = assembly(&fixtures);
        let parts = sent.parts.iter();
        let parts = parts.map(|part| (part.role.to_string(), hex(part.to_bytes()).into()));
        let announced = fixtures.terms().unwrap();
        let announced = announced.announcements().iter();
        serde_json::json!({
            "parts": parts.collect::<serde_json::Map<_, _>>(),
            "assembly": hex(sent.to_bytes()),
            "announcements": announced.map(|a| hex(a.to_bytes())).collect::<Vec<_>>(),
        })
    };
    let found = serde_json::json!({
        "hardened": of(Template::Hardened),
        "paper": of(Template::Paper),
        "ending": hex(ending().to_bytes()),
    });
    golden_json::holds("parts.json", &found);
}
