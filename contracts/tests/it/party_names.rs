//! Errors call a party what its contract calls it, and nothing else.

use std::sync::Arc;

use bitcoin::secp256k1::rand::thread_rng;
use narthex_contracts::{
    bank::{Bank, FORCE_CLOSE, PAYER, PROVIDER},
    bounty::{REQUESTER, recomputer_name},
    builder::{Cosigner, STAGE},
    deliver::Agent,
    graph::Stage,
    musig::PartialSignature,
    party::{PartyId, PartyName},
    setup::{Agreement, NoncesMessage, Party, SetupError, Signing},
    slice::{CLIENT, provider},
    terms::Role,
};

use crate::{bank_support, bounty_support, coop, deliver_support, slice_support};

/// The text of an error says `name`, and no word of another contract.
#[track_caller]
fn says(error: &impl ToString, name: &str) {
    let text = error.to_string();
    assert!(text.contains(name), "{text:?} does not say {name:?}");
    let foreign = ["arbiter", "verifier", "worker", "party"];
    let mut foreign = foreign.iter().filter(|word| **word != name);
    let said = foreign.find(|word| text.contains(**word));
    assert_eq!(said, None, "{text:?}");
}

/// All errors that a ceremony can name one party with, made by spoiling what it sends to the first.
fn named_as<T: Agreement>(make: impl Fn() -> Vec<Party<T>>, culprit: PartyName, called: &str) {
    assert_eq!(culprit.to_string(), called);
    let announced = || -> (Vec<_>, Vec<NoncesMessage>) {
        let parties = make().into_iter();
        let announced = parties.map(|party| party.announce(&mut thread_rng()).unwrap());
        announced.unzip()
    };
    let spoilt = |spoil: &dyn Fn(&mut Vec<NoncesMessage>)| {
        let (mut parties, mut nonces) = announced();
        spoil(&mut nonces);
        parties.remove(0).sign_with(nonces).map(drop).unwrap_err()
    };
    let at = |nonces: &[NoncesMessage]| nonces.iter().position(|m| m.from == culprit).unwrap();
    says(&spoilt(&|n| drop(n.remove(at(n)))), called);
    says(
        &spoilt(&|n| {
            let at = at(n);
            n[at].nonces[0].0 = [9; 66];
        }),
        called,
    );
    says(
        &spoilt(&|n| {
            let at = at(n);
            let _ = n[at].nonces.pop();
        }),
        called,
    );
    says(
        &spoilt(&|n| {
            let at = at(n);
            n[at].session_id[0] ^= 1;
        }),
        called,
    );
    let (parties, nonces) = announced();
    let signing = parties.into_iter();
    let signing = signing.map(|party| party.sign_with(nonces.clone()).unwrap());
    let mut signing = signing.collect::<Vec<Signing<T>>>();
    let me = signing[0].me();
    for stage in [Stage(0), Stage(1)] {
        signing.iter_mut().for_each(|p| p.close(stage).unwrap());
    }
    let nothing = signing[0].close(STAGE).unwrap_err();
    assert!(matches!(nothing, SetupError::Missing { .. }), "{nothing}");
    let shares = |signing: &[Signing<T>], from: PartyName| {
        let from = signing.iter().find(|p| p.me() == from).unwrap();
        from.shares_for(STAGE, me).unwrap()
    };
    let others = signing[1..].iter().map(Signing::me).collect::<Vec<_>>();
    for other in others {
        let mut message = shares(&signing, other);
        if other == culprit {
            let mut wrong = message.clone();
            wrong.to = other.id;
            says(&signing[0].accept(wrong).unwrap_err(), called);
            let mut wrong = message.clone();
            wrong.stage = Stage(3);
            says(&signing[0].accept(wrong).unwrap_err(), called);
            message.shares[0] = PartialSignature([3; 32]);
        }
        signing[0].accept(message).unwrap();
    }
    let error = signing[0].close(STAGE).unwrap_err();
    assert!(matches!(error, SetupError::FaultyShare { signer, .. } if signer == culprit));
    says(&error, called);
}

#[test]
fn a_bounty_names_requester_and_recomputers() {
    let terms = bounty_support::record(3, 2, 1).check().unwrap();
    let terms = Arc::new(terms);
    let parties = || bounty_support::parties(&terms).0;
    named_as(parties, recomputer_name(1), "recomputer 2");
    // The requester's share is nobody's first.
    let reversed = || {
        let mut all = parties();
        all.reverse();
        all
    };
    named_as(reversed, REQUESTER, "requester");
}

#[test]
fn a_slice_names_client_and_providers() {
    let participants = slice_support::participants(2, 3, 1);
    let made = |seed| {
        let mut rng = slice_support::rng(seed);
        let (points, shares) = slice_support::shared(&participants, &mut rng);
        let terms = slice_support::record(&participants, &points)
            .check()
            .unwrap();
        slice_support::parties(&terms, &points, shares).0
    };
    let parties = || made(4);
    named_as(parties, provider(2), "provider 3");
    assert_eq!(CLIENT.to_string(), "client");
}

#[test]
fn an_agreed_ending_names_the_principals() {
    named_as(coop::three_parties, Role::Verifier.into(), "verifier");
    named_as(coop::three_parties, Role::Worker.into(), "worker");
}

#[test]
fn a_delivery_names_its_agents() {
    let (_, agents) = deliver_support::agreed(3);
    let (record, copy) = (agents[1].record(), agents[1].copy().to_vec());
    let error = Agent::restore(record.clone(), copy, deliver_support::agent_key(2));
    says(&error.map(drop).unwrap_err(), "agent 2");
}

#[test]
fn a_bank_names_payer_and_provider() {
    let bank = Bank::new(bank_support::terms(1_000)).unwrap();
    let mut rng = bank_support::rng();
    let keys = [
        (PAYER, bank_support::secret(1)),
        (PROVIDER, bank_support::secret(2)),
    ];
    let draw = |rng: &mut _, (who, key): &(PartyName, _)| {
        Cosigner::new(bank.graph(), FORCE_CLOSE, (*who, key), rng).unwrap()
    };
    for (own, peer, called) in [(0, 1, "provider"), (1, 0, "payer")] {
        let ((one, _), (_, theirs)) = (draw(&mut rng, &keys[own]), draw(&mut rng, &keys[peer]));
        let (one, _) = one.sign(theirs).unwrap();
        let error = one.finish(PartialSignature([3; 32])).map(drop);
        says(&error.unwrap_err(), called);
    }
}

/// Whoever is in no table is told by number, in any contract.
#[test]
fn a_stranger_is_a_number() {
    let terms = bounty_support::record(3, 2, 1).check().unwrap();
    assert_eq!(terms.name(PartyId(31)).to_string(), "party 31");
    assert_eq!(terms.name(recomputer_name(2).id), recomputer_name(2));
}
