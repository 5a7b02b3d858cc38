//! A worker that takes its point out of the sum in one attempt, and what it has of it in the next.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bitcoin::secp256k1::{
    PublicKey, Secp256k1,
    rand::{SeedableRng, rngs::StdRng},
};
use narthex_game_model::Template;

use super::{
    NoncesMessage, Party, SetupError, SharesMessage, Signing,
    announced::check,
    ceremony,
    plan::{Item, context},
};
use crate::{
    binding::BindError,
    fixtures::Fixtures,
    musig::{AdaptorSignature, PublicNonce, Session},
    template::{Exit, PartyError, stage},
    terms::{Role, Terms, TermsError},
};

/// What the worker has after the attempt.
struct Attempt {
    item: Item,
    plain: AdaptorSignature,
    nonces: Vec<NoncesMessage>,
    shares: Vec<SharesMessage>,
}

/// The worker subtracts T from its nonce of S3', gets everybody's shares of it, sends none, and "crashes".
fn cancelled(parties: Vec<Party<Terms>>, t_point: &PublicKey, rng: &mut StdRng) -> Attempt {
    let (graph, plan) = (parties[0].graph().clone(), parties[0].plan().clone());
    let node = graph.find(Exit::NORMAL_LONG).unwrap();
    let mut items = plan.items().iter().enumerate();
    let (index, item) = items.find(|(_, item)| item.node == node).unwrap();
    let column = |role| plan.signed_by(role).position(|(i, _)| i == index).unwrap();
    let (mut announced, mut nonces) = (Vec::new(), Vec::new());
    for party in parties {
        let role = party.role();
        let (mut next, mut message) = party.announce(rng).unwrap();
        if role == Role::Worker {
            let mut bytes = message.nonces[column(role)].0;
            let first = PublicKey::from_slice(&bytes[..33]).unwrap();
            let less = first.combine(&t_point.negate(&Secp256k1::new())).unwrap();
            bytes[..33].copy_from_slice(&less.serialize());
            message.nonces[column(role)] = PublicNonce(bytes);
            let own = check(next.me(), &message.nonces).unwrap();
            next.nonces.insert(message.from, own);
        }
        nonces.push(message);
        announced.push((role, next));
    }
    let mut signing: Vec<Signing<Terms>> = announced
        .into_iter()
        .map(|(role, party)| {
            let peers = nonces.iter().filter(|m| m.from != role).cloned();
            party.sign_with(peers).unwrap()
        })
        .collect();
    let roles: Vec<Role> = signing.iter().map(Signing::role).collect();
    let mut shares = Vec::new();
    for from in 0..roles.len() {
        for to in (0..roles.len()).filter(|to| *to != from) {
            let message = signing[from]
                .shares_for(stage::ARBITRATION, roles[to])
                .unwrap();
            if !message.shares.is_empty() {
                shares.push(message.clone());
                signing[to].accept(message).unwrap();
            }
        }
    }
    for party in &mut signing {
        party.close(stage::ARBITRATION).unwrap();
    }
    let (keys, point) = context(&graph, item).unwrap();
    let of = |role: Role| nonces.iter().find(|m| m.from == role).unwrap().nonces[column(role)];
    let session = Session::new(
        keys,
        &keys.signers().map(|id| of(id.into())).collect::<Vec<_>>(),
        point,
        &item.message,
    )
    .unwrap();
    let share = |role: Role| {
        // Its own from its own memory, the others' as they send them.
        let to = match role {
            Role::Worker => Role::Client,
            _ => Role::Worker,
        };
        let party = signing.iter().find(|s| s.role() == role).unwrap();
        let message = party.shares_for(stage::DELIVERY, to).unwrap();
        let mut sent = plan.sent(stage::DELIVERY, role, to);
        message.shares[sent.position(|(i, _)| i == index).unwrap()]
    };
    let plain = session
        .aggregate(
            keys,
            &keys
                .signers()
                .map(|id| share(id.into()))
                .collect::<Vec<_>>(),
        )
        .unwrap();
    plain
        .verify(&keys.output_key(), &item.message, None)
        .expect("a plain signature, without t: why terms are signed once");
    Attempt {
        item: *item,
        plain,
        nonces,
        shares,
    }
}

#[test]
fn what_a_worker_keeps_of_a_failed_attempt_fits_nothing_of_the_next() {
    let mut rng = StdRng::seed_from_u64(1);
    let mut fixtures = Fixtures::example(Template::Hardened, 3, 2, 800_000, [7; 32]).unwrap();
    let terms = fixtures.terms().unwrap();
    let parties = fixtures.parties(&terms).unwrap();
    let first = cancelled(parties, &terms.result_point(), &mut rng);

    // The same terms again: refused by the record, and by the type, which takes none but bound ones.
    let error = fixtures.parties(&terms).unwrap_err();
    assert!(
        matches!(
            &error,
            PartyError::Terms(TermsError::Bind(BindError::Used { bound_to, .. })) if bound_to == terms.contract_id()
        ),
        "{error}"
    );

    // New salts: other terms, of the same parties with the same coins.
    fixtures.next_attempt();
    let again = fixtures.terms().unwrap();
    assert_ne!(again.contract_id(), terms.contract_id());
    let parties = fixtures.parties(&again).unwrap();
    let (graph, plan) = (parties[0].graph().clone(), parties[0].plan().clone());
    for item in plan.items() {
        assert_ne!(item.message, first.item.message);
        let (keys, point) = context(&graph, item).unwrap();
        let key = keys.output_key();
        assert!(first.plain.verify(&key, &item.message, None).is_err());
        assert!(first.plain.verify(&key, &item.message, point).is_err());
    }

    // Nor does any message of the first attempt count in the second.
    let (announced, nonces): (Vec<_>, Vec<_>) = parties
        .into_iter()
        .map(|party| party.announce(&mut rng).unwrap())
        .unzip();
    let mut announced = announced.into_iter();
    let client = announced.next().unwrap();
    let worker = announced.next().unwrap();
    let mut replayed = nonces.clone();
    replayed[1] = first.nonces[1].clone();
    let error = client.sign_with(replayed).map(drop).unwrap_err();
    assert_eq!(
        error,
        SetupError::ForeignContract {
            from: Role::Worker.into()
        }
    );
    let mut worker = worker.sign_with(nonces).unwrap();
    for share in first.shares.iter().filter(|m| m.to == Role::Worker) {
        let from = Role::from(share.from).into();
        assert_eq!(
            worker.accept(share.clone()),
            Err(SetupError::ForeignContract { from })
        );
    }

    // Whoever gave up the second attempt signs in a third; there the worker is paid for its secret.
    fixtures.next_attempt();
    let third = fixtures.terms().unwrap();
    let held = ceremony::run(fixtures.parties(&third).unwrap(), &mut rng, |_| ()).unwrap();
    held.iter().for_each(|h| h.verify().unwrap());
}
