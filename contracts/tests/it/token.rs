//! What an approval pays the verifier waits for a token: where it is paid, who can bring the settlement about, and when.

use crate::golden_json;
use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{
    hashes::{Hash, sha256},
    hex::DisplayHex,
    secp256k1::{PublicKey, Secp256k1, SecretKey, rand::thread_rng},
};
use narthex_base::{codec::Message as _, secret::Secret};
use narthex_contracts::{
    binding::{Bindings, MemoryBindings},
    derive::reply_secret,
    fixtures::Fixtures,
    graph::{NodeId, Purpose},
    party::PartyId,
    setup::{ContractSignatures, HandedOver, Secrets, SignaturesError, ceremony},
    template::{ContractSecret, Exit},
    terms::{
        Role, SecretPoint, Terms, TermsDraft, TermsError, TermsRecord, token_key, token_secret,
        word_pair,
    },
};
use narthex_game_model::{
    Template,
    ruling::{Answer, Item, KeptError, SignedItem},
    token::{Token, TokenBox},
};

use Role::{Client, Verifier, Worker};

type Parties = BTreeMap<Role, ContractSignatures<Terms>>;

fn fixtures(template: Template) -> Fixtures {
    Fixtures::example(template, 3, 2, 500, [7; 32]).unwrap()
}

fn setup() -> (Fixtures, Parties, NodeId) {
    let fixtures = fixtures(Template::Hardened);
    let terms = Arc::new(fixtures.terms().unwrap());
    let parties = fixtures.parties(&terms).unwrap();
    let held = ceremony::run(parties, &mut thread_rng(), |_| ()).unwrap();
    let held: Parties = held.into_iter().map(|h| (h.role(), h)).collect();
    let s3 = held[&Client].graph().find(Exit::NORMAL).unwrap();
    (fixtures, held, s3)
}

fn record() -> (Fixtures, TermsRecord) {
    let fixtures = fixtures(Template::Hardened);
    let record = fixtures.terms().unwrap().record().clone();
    (fixtures, record)
}

/// Approves: the verifier's share goes to the client.
fn approve(held: &mut Parties, s3: NodeId, token: &SecretKey) {
    for release in held[&Verifier].release(s3, Some(token)).unwrap() {
        held.get_mut(&Client).unwrap().accept(&release).unwrap();
    }
}

#[test]
fn an_approval_pays_the_verifier_to_its_key_and_the_token_and_nothing_else_does() {
    let (fixtures, held, _) = setup();
    let (terms, graph) = (held[&Client].terms(), held[&Client].graph());
    let key = terms.key(Verifier).unwrap();
    let sum = token_key(&key, &terms.token_point().unwrap()).unwrap();
    let secret = token_secret(&fixtures.key(Verifier), &fixtures.token()).unwrap();
    let secp = Secp256k1::new();
    assert_eq!(PublicKey::from_secret_key(&secp, &secret), sum);
    // BIP386: an output key without script path, as `tr(KEY)` makes it.
    let wallets = bitcoin::ScriptBuf::new_p2tr(&secp, sum.x_only_public_key().0, None);
    let (mut approvals, mut others) = (0, 0);
    for (_, node) in graph.nodes() {
        for output in &node.outputs {
            if output.purpose != Purpose::Payout(PartyId::from(Verifier)) {
                continue;
            }
            let script = graph.script(output.script).unwrap();
            if [Exit::NORMAL, Exit::NORMAL_LONG].contains(&node.name) {
                assert_eq!(script.script, wallets, "{}", node.name);
                assert_eq!(script.script.len(), 34, "as any other Taproot output");
                approvals += 1;
            } else {
                assert_eq!(
                    &script.script,
                    terms.payout(Verifier).unwrap(),
                    "{}",
                    node.name
                );
                others += 1;
            }
        }
    }
    assert!(approvals == 2 && others > 10, "{approvals} {others}");
}

/// Neither the client with the worker, who know everything but the approval, nor the verifier with the worker, who would be
/// paid without the client's learning the result.
#[test]
fn nobody_holds_the_settlement_whole_after_setup() {
    let (fixtures, held, s3) = setup();
    let secrets = fixtures.worker_secrets();
    for role in [Client, Worker, Verifier] {
        assert!(held[&role].complete(s3, &secrets).is_err(), "{role}");
        assert!(held[&role].hand_over(s3).is_err(), "{role}");
    }
    // All shares that two of them have between them: nothing of the third's.
    let plan_of = |role: Role| held[&role].release(s3, Some(&fixtures.token()));
    assert!(plan_of(Client).is_err() && plan_of(Worker).is_err());
    assert_eq!(plan_of(Verifier).unwrap().len(), 1);
}

#[test]
fn the_client_has_the_whole_first_and_learns_the_result_from_what_the_worker_publishes() {
    let (fixtures, mut held, s3) = setup();
    approve(&mut held, s3, &fixtures.token());
    let secrets = fixtures.worker_secrets();
    // The worker has nothing of it yet: it takes the long way if the client withholds.
    assert!(held[&Worker].complete(s3, &secrets).is_err());
    let long = held[&Worker].graph().find(Exit::NORMAL_LONG).unwrap();
    assert!(held[&Worker].complete(long, &secrets).is_ok());
    let whole = held[&Client].hand_over(s3).unwrap();
    let bytes = whole[0].to_bytes();
    assert_eq!(bytes.len(), 105);
    let read = HandedOver::from_bytes(&bytes).unwrap();
    let worker = held.get_mut(&Worker).unwrap();
    worker.take(&read).unwrap();
    let once = worker.to_bytes();
    worker.take(&read).unwrap();
    assert_eq!(worker.to_bytes(), once, "the same again changes nothing");
    let tx = worker.complete(s3, &secrets).unwrap();
    let t = held[&Client]
        .extract_result(s3, &tx, &Secrets::default())
        .unwrap();
    assert_eq!(t, fixtures.result());
    // What was handed over survives a restart, on both sides.
    for role in [Client, Worker] {
        let (terms, bytes) = (held[&role].terms().clone(), held[&role].to_bytes());
        let restored = ContractSignatures::<Terms>::from_bytes(terms, &bytes).unwrap();
        assert!(restored.complete(s3, &secrets).is_ok(), "{role}");
    }
}

#[test]
fn an_approval_needs_the_token() {
    let (fixtures, held, s3) = setup();
    let verifier = &held[&Verifier];
    for wrong in [None, Some(fixtures.result()), Some(fixtures.key(Verifier))] {
        let refused = verifier.release(s3, wrong.as_ref()).unwrap_err();
        assert_eq!(refused, SignaturesError::Token);
    }
    // The token's negative has the same x coordinate, and pays nobody.
    let negative = fixtures.token().negate();
    assert!(verifier.release(s3, Some(&negative)).is_err());
    assert!(verifier.release(s3, Some(&fixtures.token())).is_ok());
}

#[test]
fn false_signatures_are_not_taken_and_change_nothing() {
    let (fixtures, mut held, s3) = setup();
    approve(&mut held, s3, &fixtures.token());
    let whole = held[&Client].hand_over(s3).unwrap().remove(0);
    let worker = held.get_mut(&Worker).unwrap();
    let before = worker.to_bytes();
    let spoils: [fn(&mut HandedOver); 4] = [
        |h| h.agreement_id[0] ^= 1,
        |h| h.item = u32::MAX,
        |h| h.item += 1,
        |h| h.signature.0[63] ^= 1,
    ];
    for spoil in spoils {
        let mut other = whole.clone();
        spoil(&mut other);
        assert!(worker.take(&other).is_err());
        assert_eq!(worker.to_bytes(), before);
    }
    worker.take(&whole).unwrap();
}

#[test]
fn tokens_that_do_not_do_their_work_are_refused() {
    let (fixtures, record) = record();
    let secp = Secp256k1::new();
    let hash = fixtures.params().hash();
    let by = |secret: &SecretKey| {
        let mut record = record.clone();
        record.token = Some(SecretPoint::token(&secp, secret, &record.worker.key, &hash));
        TermsDraft::new(record)
    };
    assert!(by(&SecretKey::from_slice(&[9; 32]).unwrap()).is_ok());
    // The result's publication would give it away.
    for same in [fixtures.result(), fixtures.result().negate()] {
        assert!(matches!(by(&same), Err(TermsError::TokenPoint { .. })));
    }
    let cancels = fixtures.key(Verifier).negate();
    assert!(matches!(by(&cancels), Err(TermsError::TokenPoint { .. })));
    // Y − K, of whose secret nobody can show that it knows it: the worker would be paid in the verifier's place.
    let mut rogue = record.clone();
    let y = SecretKey::from_slice(&[8; 32]).unwrap();
    let point = PublicKey::from_secret_key(&secp, &y);
    let point = point.combine(&record.verifier.key.negate(&secp)).unwrap();
    let paid = token_key(&record.verifier.key, &point).unwrap();
    assert_eq!(paid, PublicKey::from_secret_key(&secp, &y));
    let mut proof = SecretPoint::token(&secp, &y, &record.worker.key, &hash);
    proof.point = point;
    rogue.token = Some(proof);
    let refused = TermsDraft::new(rogue);
    assert!(matches!(
        refused,
        Err(TermsError::PointProof { what: "token" })
    ));
    // Neither missing, nor a proof for another use, worker or contract.
    let mut none = record.clone();
    none.token = None;
    assert!(matches!(
        TermsDraft::new(none),
        Err(TermsError::Template { .. })
    ));
    let foreign = [
        SecretPoint::result(&secp, &fixtures.token(), &record.worker.key, &hash),
        SecretPoint::token(&secp, &fixtures.token(), &record.client.key, &hash),
        SecretPoint::token(&secp, &fixtures.token(), &record.worker.key, &[0; 32]),
    ];
    for token in foreign {
        let mut other = record.clone();
        other.token = Some(token);
        assert!(matches!(
            TermsDraft::new(other),
            Err(TermsError::PointProof { .. })
        ));
    }
    let mut paper = self::fixtures(Template::Paper)
        .terms()
        .unwrap()
        .record()
        .clone();
    paper.token = record.token;
    assert!(matches!(
        TermsDraft::new(paper),
        Err(TermsError::Template { .. })
    ));
}

/// Whoever puts the terms together brings a token of its own: the worker does not bind itself to them.
#[test]
fn the_worker_binds_itself_to_its_own_token_alone() {
    let (fixtures, mut record) = record();
    let secp = Secp256k1::new();
    let own = fixtures.proposal(Worker, &TermsDraft::new(record.clone()).unwrap());
    let own = own.unwrap();
    let other = SecretKey::from_slice(&[9; 32]).unwrap();
    let hash = fixtures.params().hash();
    record.token = Some(SecretPoint::token(&secp, &other, &record.worker.key, &hash));
    let changed = TermsDraft::new(record).unwrap();
    let refused = changed.check_proposal(&own).unwrap_err();
    assert!(
        matches!(
            refused,
            TermsError::NotAsProposed {
                role: Worker,
                field: "token point"
            }
        ),
        "{refused}"
    );
    let mut bindings = MemoryBindings::default();
    assert!(
        changed
            .bind(own, &mut bindings as &mut dyn Bindings)
            .is_err()
    );
    assert_eq!(
        sha256::Hash::hash(b"made-up nonce"),
        fixtures.terms().unwrap().record().sample_nonce
    );
    assert!(ContractSecret::all(15).any(|secret| secret == ContractSecret::Token));
}

/// A verifier that has lost everything but its seed has the token back from what it said itself: from that, by its seed, and
/// by nothing else.
#[test]
fn a_reply_gives_its_verifier_the_token_back() {
    let fixtures = fixtures(Template::Hardened);
    let terms = fixtures.terms().unwrap();
    let contract = *terms.contract_id();
    let seed = Secret::from_bytes([5; 32]);
    let token = Token::from_bytes(fixtures.token().secret_bytes()).unwrap();
    let kept = TokenBox::seal(&token, &contract, &reply_secret(&seed, &contract)).unwrap();
    let answer = |kept| Answer::Shown {
        hash: token.shown(&contract),
        kept,
    };
    let reply = |answer| Item::Reply {
        token: [1; 32],
        answer,
    };
    let pair = word_pair(&contract, &fixtures.key(Verifier));
    let said = reply(answer(kept)).signed(&contract, &pair);
    // As it went over the wire.
    let item = Item::from_bytes(&said.item.to_bytes()).unwrap();
    let returned = SignedItem {
        item,
        signature: said.signature,
    };
    let back = terms.kept_token(&returned, &seed).unwrap();
    assert_eq!(back.expose(), token.expose());
    assert_eq!(back.point(), terms.token_point());

    let refused = |signed: &SignedItem, seed: &Secret| match terms.kept_token(signed, seed) {
        Ok(_) => panic!("a token"),
        Err(error) => error,
    };
    let other = Secret::from_bytes([6; 32]);
    assert_eq!(refused(&returned, &other), KeptError::Shut);
    // Whatever is altered, the signature is of something else.
    let mut altered = kept;
    altered.ciphertext[31] ^= 1;
    let mut forged = returned.clone();
    forged.item = reply(answer(altered));
    assert_eq!(refused(&forged, &seed), KeptError::NotOwn);
    let mut tag = kept;
    tag.tag[0] ^= 1;
    // Signed all the same, as by a verifier that was mad: no token comes of it.
    for kept in [altered, tag] {
        let signed = reply(answer(kept)).signed(&contract, &pair);
        assert_eq!(refused(&signed, &seed), KeptError::Shut);
    }
    let by_worker = word_pair(&contract, &fixtures.key(Worker));
    let forged = returned.item.clone().signed(&contract, &by_worker);
    assert_eq!(refused(&forged, &seed), KeptError::NotOwn);
    let digests = reply(Answer::Digests(vec![[2; 32]])).signed(&contract, &pair);
    assert_eq!(refused(&digests, &seed), KeptError::NoToken);

    // In another attempt it is another contract, another signature and another key.
    let mut next = Fixtures::example(Template::Hardened, 3, 2, 500, [7; 32]).unwrap();
    next.next_attempt();
    let later = next.terms().unwrap();
    assert!(matches!(
        later.kept_token(&returned, &seed),
        Err(KeptError::NotOwn)
    ));
    let again = returned.item.clone();
    let pair = word_pair(later.contract_id(), &fixtures.key(Verifier));
    let again = again.signed(later.contract_id(), &pair);
    assert!(matches!(
        later.kept_token(&again, &seed),
        Err(KeptError::Shut)
    ));
    let paper = Fixtures::example(Template::Paper, 3, 2, 500, [7; 32]).unwrap();
    let paper = paper.terms().unwrap();
    assert!(matches!(
        paper.kept_token(&returned, &seed),
        Err(KeptError::NoToken)
    ));
}

/// The bytes of what is kept, for other implementations.
#[test]
fn golden_reply() {
    let hex = |bytes: &[u8]| bytes.to_lower_hex_string();
    let (seed, contract) = (Secret::from_bytes([0x11; 32]), [0x44; 32]);
    let token = Token::from_bytes([0x55; 32]).unwrap();
    let own = reply_secret(&seed, &contract);
    let kept = TokenBox::seal(&token, &contract, &own).unwrap();
    assert_eq!(TokenBox::from_bytes(&kept.to_bytes()), Ok(kept));
    let item = Item::Reply {
        token: [0x66; 32],
        answer: Answer::Shown {
            hash: token.shown(&contract),
            kept,
        },
    };
    let found = serde_json::json!({
        "seed": hex(seed.expose()),
        "contract": hex(&contract),
        "token": hex(token.expose()),
        "point": hex(&token.point().unwrap().serialize()),
        "reply_key": hex(own.expose()),
        "token_box": hex(&kept.to_bytes()),
        "reply": hex(&item.to_bytes()),
        "item_id": hex(&item.id(&contract)),
    });
    golden_json::holds("reply.json", &found);
}
