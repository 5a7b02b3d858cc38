//! Points chosen to cancel other points: refused, and shown to work if they were not.

use crate::arbitration_support;

use arbitration_support::{point, tagged};
use bitcoin::{
    key::XOnlyPublicKey,
    secp256k1::{Message, Parity, PublicKey, Scalar, Secp256k1, SecretKey},
};
use narthex_contracts::{
    attest::{AnnounceError, Announcement, attestation_point},
    fixtures::Fixtures,
    musig::{AdaptorError, AdaptorPoint, AdaptorSignature},
    terms::{Role, SecretPoint, Terms, TermsDraft, TermsError},
};
use narthex_game_model::{Ruling, Template};

fn fixtures() -> Fixtures {
    Fixtures::example(Template::Hardened, 3, 2, 500, [7; 32]).unwrap()
}

fn secret(n: u8) -> SecretKey {
    SecretKey::from_slice(&[n; 32]).unwrap()
}

fn sum(points: &[PublicKey]) -> PublicKey {
    PublicKey::combine_keys(&points.iter().collect::<Vec<_>>()).unwrap()
}

fn minus(point: &PublicKey) -> PublicKey {
    point.negate(&Secp256k1::new())
}

/// An adaptor signature of `message` under `point`, made by hand with one key: (R, k + e·a), R = k·G + point.
fn adaptor_signature(key: &SecretKey, point: &PublicKey, message: &[u8; 32]) -> AdaptorSignature {
    let (public, parity) = key.x_only_public_key(&Secp256k1::new());
    let key = if parity == Parity::Odd {
        key.negate()
    } else {
        *key
    };
    let (r, k) = (1..)
        .map(secret)
        .map(|k| (sum(&[arbitration_support::point(&k), *point]), k))
        .find(|(r, _)| r.x_only_public_key().1 == Parity::Even)
        .unwrap();
    let r = r.x_only_public_key().0.serialize();
    let e = tagged("BIP0340/challenge", &[&r, &public.serialize(), message]);
    let s = key
        .mul_tweak(&Scalar::from_be_bytes(e).unwrap())
        .unwrap()
        .add_tweak(&Scalar::from(k))
        .unwrap();
    AdaptorSignature([r, s.secret_bytes()].concat().try_into().unwrap())
}

/// Whether `secret` alone completes a settlement that was signed under `point`.
fn opens(secret: &SecretKey, point: PublicKey) -> bool {
    let (key, message) = (self::secret(0x77), [0x55; 32]);
    let public = key.x_only_public_key(&Secp256k1::new()).0;
    let signature = adaptor_signature(&key, &point, &message);
    let point = AdaptorPoint::try_from(point).unwrap();
    signature.verify(&public, &message, Some(&point)).unwrap();
    let secp = Secp256k1::verification_only();
    match signature.complete(&secp, &public, &message, secret) {
        Ok(_) => true,
        Err(AdaptorError::WrongSecret) => false,
        Err(other) => panic!("{other}"),
    }
}

/// T = t'·G − Σ Pᵢ,₇ over a majority: with these points t' alone would open scheme 7. The worker cannot prove that
/// it knows the secret of that T.
#[test]
fn a_worker_cannot_cancel_the_panel() {
    let (fixtures, secp) = (fixtures(), Secp256k1::new());
    let terms = fixtures.terms().unwrap();
    let points = terms.ruling_points(Ruling::VerifierAtFault).unwrap();
    let majority = points[..2]
        .iter()
        .map(|p| p.to_public_key().unwrap())
        .collect::<Vec<_>>();
    let (known, panel) = (secret(0x21), sum(&majority));
    let rogue = sum(&[point(&known), minus(&panel)]);

    // The attack, were T taken as it is and the panel's points fixed.
    assert!(opens(&known, sum(&[rogue, panel])));
    // Against an honest T it does not work.
    assert!(!opens(&known, sum(&[terms.result_point(), panel])));

    let worker = terms.key(Role::Worker).unwrap();
    let hash = terms.params().hash();
    let other = SecretPoint::result(&secp, &known, &worker, &hash);
    let replayed = terms.record().result.proof;
    for proof in [replayed, other.proof] {
        let mut record = terms.record().clone();
        record.result = SecretPoint {
            point: rogue,
            proof,
        };
        assert_eq!(
            TermsDraft::new(record),
            Err(TermsError::PointProof { what: "result" })
        );
    }
    // Nor does a proof by another key's owner count, that is, one copied out of another worker's terms.
    let mut record = terms.record().clone();
    record.result = SecretPoint::result(&secp, &known, &terms.key(Role::Client).unwrap(), &hash);
    assert_eq!(
        TermsDraft::new(record),
        Err(TermsError::PointProof { what: "result" })
    );
    // Second line of defence: rulings sign the contract, T included, so that another T makes other points.
    let mut record = terms.record().clone();
    record.result = other;
    let moved = fixtures
        .announced(record)
        .unwrap()
        .ruling_points(Ruling::VerifierAtFault)
        .unwrap();
    assert!(moved.iter().zip(&points).all(|(a, b)| a != b));
}

/// R₂ = x·G − Σ Pᵢ over its colleagues: with these points x and the rogue's own key open the verdict of all.
#[test]
fn an_arbiter_cannot_cancel_its_colleagues() {
    let (fixtures, secp) = (fixtures(), Secp256k1::new());
    let terms = fixtures.terms().unwrap();
    let (id, ruling) = (terms.contract_id(), Ruling::WorkerAtFault);
    let points = terms.ruling_points(ruling).unwrap();
    let colleagues = points[..2]
        .iter()
        .map(|p| p.to_public_key().unwrap())
        .collect::<Vec<_>>();
    let key = fixtures.identity(2);
    let (identity, parity) = key.x_only_public_key(&secp);
    let (x, nonce): (SecretKey, XOnlyPublicKey) = (1..)
        .map(|n| {
            let nonce = sum(&[point(&secret(n)), minus(&sum(&colleagues))]);
            (secret(n), nonce.x_only_public_key())
        })
        .find_map(|(x, (nonce, parity))| (parity == Parity::Even).then_some((x, nonce)))
        .unwrap();

    // The attack, were the announcement taken as it is: P₀ + P₁ + P₂ = (x + e·a)·G.
    let own = attestation_point(&secp, &identity, &nonce, id, ruling).unwrap();
    let everyone = sum(&[colleagues[0], colleagues[1], own]);
    let message = tagged("narthex/ruling", &[id, &[6]]);
    let e = tagged(
        "BIP0340/challenge",
        &[&nonce.serialize(), &identity.serialize(), &message],
    );
    let even = if parity == Parity::Odd {
        key.negate()
    } else {
        key
    };
    let alone = even
        .mul_tweak(&Scalar::from_be_bytes(e).unwrap())
        .unwrap()
        .add_tweak(&Scalar::from(x))
        .unwrap();
    assert!(opens(&alone, everyone));
    let honest = points[2].to_public_key().unwrap();
    assert!(!opens(&alone, sum(&[colleagues[0], colleagues[1], honest])));

    // It can sign the announcement with its identity, but not with a nonce whose secret it does not know.
    let signed = |tag: &str, signer: &SecretKey| {
        let parts: [&[u8]; 3] = [id, &identity.serialize(), &nonce.serialize()];
        let message = Message::from_digest(tagged(tag, &parts));
        secp.sign_schnorr_no_aux_rand(&message, &signer.keypair(&secp))
    };
    let honest = *terms.announcement(2).unwrap();
    for nonce_proof in [
        honest.nonce_proof,
        signed("narthex/announce/nonce", &x),
        signed("narthex/announce/nonce", &key),
    ] {
        let rogue = Announcement {
            nonce,
            nonce_proof,
            signature: signed("narthex/announce/identity", &key),
        };
        let announced = [terms.announcements()[..2].to_vec(), vec![rogue]].concat();
        assert_eq!(
            Terms::new(terms.record().clone(), announced),
            Err(TermsError::Announcement {
                arbiter: 2,
                error: AnnounceError::NonceProof { nonce }
            })
        );
    }
    // The messages above are the real ones: with an honest nonce the same signature is accepted.
    let own_nonce = fixtures.nonce(2, id).unwrap();
    let again = Announcement::new(&secp, &key.keypair(&secp), &own_nonce);
    assert_eq!(again, honest);
    let mut announced = terms.announcements().to_vec();
    announced[2].signature = honest.nonce_proof;
    assert_eq!(
        Terms::new(terms.record().clone(), announced),
        Err(TermsError::Announcement {
            arbiter: 2,
            error: AnnounceError::Signature { identity }
        })
    );
}

/// An announcement for one contract is none for another: not with other parameters, parties, or another seat.
#[test]
fn announcements_are_bound_to_their_case() {
    let terms = fixtures().terms().unwrap();
    let elsewhere = Fixtures::example(Template::Hardened, 3, 2, 501, [7; 32])
        .unwrap()
        .terms()
        .unwrap();
    let of = |terms: &Terms, i| *terms.announcement(i).unwrap();
    let [zero, one, two] = [0, 1, 2].map(|i| of(&terms, i));
    for (record, announced, arbiter) in [
        (
            elsewhere.record(),
            vec![zero, of(&elsewhere, 1), of(&elsewhere, 2)],
            0,
        ),
        (terms.record(), vec![one, zero, two], 0),
        (terms.record(), vec![zero, zero, two], 1),
    ] {
        let error = Terms::new(record.clone(), announced).unwrap_err();
        assert!(
            matches!(error, TermsError::Announcement { arbiter: named, .. } if named == arbiter),
            "{error}"
        );
    }
    let mut twice = terms.record().clone();
    twice.arbiters[1].identity = twice.arbiters[0].identity;
    assert_eq!(
        TermsDraft::new(twice),
        Err(TermsError::SameArbiter {
            first: 0,
            second: 1
        })
    );
}
