//! Before the funding: sharing, terms and ceremony with somebody who cheats; and every message malformed.

use crate::slice_support;
use narthex_base::codec::Message as _;

use bitcoin::secp256k1::{Keypair, Message, Secp256k1, SecretKey, rand::rngs::StdRng};
use narthex_contracts::{
    binding::MemoryBindings,
    builder::STAGE,
    depth::Depth,
    graph::Stage,
    musig::PartialSignature,
    seal::Sealed,
    setup::{NoncesMessage, SetupError, Signing},
    shared_secret::SharingError,
    slice::{
        BoundShares, Bundle, CLIENT, Client, Evidence, Participants, Points, Post, Provider,
        Shares, SliceDealer, SliceDealing, SliceError, SliceTerms, provider,
    },
};
use slice_support::{
    BURIED, dealers, dealt, depth, drawn_salt, key, participants, public, record, right, rng,
    secret, shared, slice_of, tagged,
};

/// The same message after a change, signed by its dealer.
fn resigned(mut dealt: SliceDealing, change: impl FnOnce(&mut SliceDealing)) -> SliceDealing {
    change(&mut dealt);
    let bytes = dealt.to_bytes();
    let body = &bytes[..bytes.len() - 64];
    let digest = Message::from_digest(tagged("narthex/slice-dealt", &[body]));
    let secp = Secp256k1::new();
    let pair = Keypair::from_secret_key(&secp, &key(dealt.from));
    let signature = secp.sign_schnorr_no_aux_rand(&digest, &pair);
    SliceDealing::from_bytes(&[body, &signature.serialize()].concat()).unwrap()
}

fn refused(participants: &Participants, dealer: SliceDealer, all: &[SliceDealing]) -> SliceError {
    // Everybody who sees the public part comes to the same.
    let own = dealer.finish(all).map(drop).unwrap_err();
    if !matches!(own, SliceError::FalseDeal { .. }) {
        assert_eq!(Points::gather(participants, all).unwrap_err(), own);
    }
    own
}

fn cheated(change: impl Fn(&Participants, &mut Vec<SliceDealing>, &mut StdRng)) -> SliceError {
    let mut rng = rng(1);
    let participants = participants(3, 4, 1);
    let dealers = dealers(&participants, &mut rng);
    let mut all = dealt(&dealers);
    change(&participants, &mut all, &mut rng);
    refused(&participants, dealers.into_iter().next().unwrap(), &all)
}

#[test]
fn bad_dealers_are_named() {
    let dealer = 2;
    // A share that does not lie on the polynomial, or none at all, for provider 0.
    for length in [78, 39, 0] {
        let found = cheated(|participants, all, rng| {
            let bound = tagged("narthex/slice-deal-to", &[&participants.id(), &[dealer, 0]]);
            let mut plain = b"NXPS1\x02\x00".to_vec();
            plain.extend([7; 32]);
            plain = plain.repeat(2);
            plain.truncate(length);
            let sealed = Sealed::new(&public(2), &bound, &plain, rng).unwrap();
            all[2] = resigned(all[2].clone(), |dealt| dealt.shares[0] = sealed);
        });
        assert_eq!(found, SliceError::FalseDeal { dealer, of: 1 });
    }
    // Shares that cannot be read.
    let found = cheated(|_, all, _| {
        let shares = all[1].shares[0].clone();
        all[2] = resigned(all[2].clone(), |dealt| dealt.shares[0] = shares);
    });
    assert_eq!(found, SliceError::FalseDeal { dealer, of: 1 });
    // A polynomial of lower degree: fewer could open.
    let found = cheated(|_, all, _| {
        all[2] = resigned(all[2].clone(), |dealt| {
            dealt.dealings[0].commitments.truncate(1);
        });
    });
    let degree = SharingError::Degree {
        dealer: 1,
        given: 1,
        wanted: 2,
    };
    let error = degree;
    assert_eq!(found, SliceError::Sharing { of: 0, error });
    // A secret whose knowledge is not proved: another dealer's, copied.
    let found = cheated(|_, all, _| {
        let stolen = all[1].dealings[0].clone();
        all[2] = resigned(all[2].clone(), |dealt| {
            dealt.dealings[0].commitments = stolen.commitments;
            dealt.dealings[0].proof = stolen.proof;
        });
    });
    let error = SharingError::Proof { dealer: 1 };
    assert_eq!(found, SliceError::Sharing { of: 0, error });
    // An own part that cancels what the others share, so that it would know the sum: it cannot be proved.
    let found = cheated(|participants, all, _| {
        let points = Points::gather(participants, all).unwrap();
        let shared = points.commitments()[2][0].negate(&Secp256k1::new());
        all[2] = resigned(all[2].clone(), |dealt| {
            dealt.own_point = public(99).combine(&shared).unwrap();
        });
    });
    assert_eq!(found, SliceError::Unproven { from: 2 });
    // Another's part, with its proof.
    let found = cheated(|_, all, _| {
        let (point, proof) = (all[1].own_point, all[1].own_proof);
        all[2] = resigned(all[2].clone(), |dealt| {
            (dealt.own_point, dealt.own_proof) = (point, proof);
        });
    });
    assert_eq!(found, SliceError::Unproven { from: 2 });
    // Too few dealings or bundles, another's name, no signature, twice, not at all, of another participants.
    let missing = SliceError::Missing { from: 2 };
    type Change = fn(&mut SliceDealing);
    for change in [
        (|d| drop(d.dealings.pop())) as Change,
        |d| drop(d.shares.pop()),
        |d| d.dealings.clear(),
    ] {
        let found = cheated(|_, all, _| all[2] = resigned(all[2].clone(), change));
        assert_eq!(found, missing);
    }
    let found = cheated(|_, all, _| all[2].dealings.swap(0, 1));
    assert_eq!(found, SliceError::NotSigned { from: 2 });
    let found = cheated(|_, all, _| all[2].from = 9);
    assert!(matches!(found, SliceError::Stranger { index: 9, .. }));
    let found = cheated(|_, all, _| drop(all.remove(2)));
    assert_eq!(found, missing);
    let found = cheated(|_, all, _| all.push(all[2].clone()));
    assert_eq!(found, missing);
    let found = cheated(|_, all, rng| {
        let other = self::participants(3, 4, 2);
        all[2] = dealt(&dealers(&other, rng))[2].clone();
    });
    assert_eq!(found, SliceError::Foreign);
}

/// A dealer that says two things: the two come to different points, and neither signs the other's terms.
#[test]
fn two_tongues_do_not_meet() {
    let mut rng = rng(2);
    let participants = participants(2, 3, 1);
    let honest = dealers(&participants, &mut rng);
    let all = dealt(&honest);
    let mut other = all.clone();
    let again = SliceDealer::new(participants.clone(), 2, key(2), &mut rng).unwrap();
    other[2] = again.dealt().clone();
    let mut honest = honest.into_iter();
    let (first, one) = honest.next().unwrap().finish(&all).unwrap();
    let (second, two) = honest.next().unwrap().finish(&other).unwrap();
    assert_ne!(first.fingerprint(), second.fingerprint());
    let terms = record(&participants, &first).check().unwrap();
    assert!(provide(&terms, &key(0), &first, one).is_ok());
    let refused = provide(&terms, &key(1), &second, two).unwrap_err();
    assert_eq!(refused, SliceError::OtherPoints);
    // Nor has anybody shares for what it did not see.
    let mine = honest.next().unwrap();
    assert!(mine.finish(&other).is_err());
}

/// A client that knows a provider's secret itself, and never pays: providers sign for shared points only.
#[test]
fn points_of_the_clients_own_are_refused() {
    let mut rng = rng(3);
    let participants = participants(2, 3, 1);
    let (points, shares) = shared(&participants, &mut rng);
    let mut own = record(&participants, &points);
    own.points[1] = vec![public(99)];
    let terms = own.check().unwrap();
    for shares in shares {
        let key = key(shares.own());
        let refused = provide(&terms, &key, &points, shares).unwrap_err();
        assert_eq!(refused, SliceError::OtherPoints);
    }
    let (points, mut shares) = shared(&participants, &mut rng);
    let mut own = record(&participants, &points);
    own.own_points[1] = public(99);
    let terms = own.check().unwrap();
    let refused = provide(&terms, &key(1), &points, shares.remove(1)).unwrap_err();
    assert_eq!(refused, SliceError::OtherPoints);
    // Nor for points of another participants.
    let other = self::participants(2, 3, 2);
    let (foreign, _) = shared(&other, &mut rng);
    let terms = record(&participants, &points).check().unwrap();
    let mut bindings = MemoryBindings::default();
    let mut sign = |key: &SecretKey, points: &Points, salt| {
        terms
            .client_party(key, points, salt, &mut bindings)
            .map(drop)
    };
    let salt = || drawn_salt(&terms);
    assert_eq!(
        sign(&secret(1), &foreign, salt()),
        Err(SliceError::OtherPoints)
    );
    // Nor with another's key, another's shares, or another salt.
    assert!(sign(&secret(2), &points, salt()).is_err());
    let other_salt = slice_support::given::salt([99; 32]);
    assert_eq!(
        sign(&secret(1), &points, other_salt),
        Err(SliceError::OtherSalt)
    );
    assert!(provide(&terms, &key(1), &points, shares.remove(0)).is_err());
    let (_, mut strange) = shared(&participants, &mut rng);
    assert!(matches!(
        provide(&terms, &key(0), &points, strange.remove(0)),
        Err(SliceError::OtherPoints)
    ));
    // None of these refusals used the salt up.
    sign(&secret(1), &points, salt()).unwrap();
}

/// A provider's side, by a record of its own.
fn provide(
    terms: &SliceTerms,
    key: &SecretKey,
    points: &Points,
    shares: Shares,
) -> Result<BoundShares, SliceError> {
    let mut bindings = MemoryBindings::default();
    let signed = terms.provider_party(key, points, (shares, depth()), &mut bindings);
    signed.map(|(_, shares)| shares)
}

/// A refund after 18 blocks, of which 3 are for claims: a provider that waits for 16 signs nothing, and its shares still
/// serve.
#[test]
fn a_depth_leaves_time_for_claims() {
    let mut rng = rng(7);
    let participants = participants(2, 2, 7);
    let (points, mut shares) = shared(&participants, &mut rng);
    let terms = record(&participants, &points).check().unwrap();
    let depth = |blocks| Depth::new(blocks).unwrap();
    let mut bindings = MemoryBindings::default();
    let mut sign = |shares, depth| {
        let signed = terms.provider_party(&key(0), &points, (shares, depth), &mut bindings);
        signed.map(drop)
    };
    let own = shares.remove(0);
    let copy = || shared(&participants, &mut self::rng(7)).1.remove(0);
    let impatient = SliceError::Impatient {
        refund_blocks: 18,
        depth: depth(16),
    };
    assert_eq!(sign(copy(), depth(16)), Err(impatient));
    assert_eq!(sign(own, depth(15)), Ok(()));
    assert!(matches!(sign(copy(), depth(15)), Err(SliceError::Bind(_))));
}

/// Client and providers after the second round.
fn signing(
    terms: &SliceTerms,
    points: &Points,
    shares: Vec<Shares>,
    rng: &mut StdRng,
) -> Vec<Signing<SliceTerms>> {
    let parties = slice_support::parties(terms, points, shares).0.into_iter();
    let announced = parties.map(|party| party.announce(rng).unwrap());
    let (announced, nonces): (Vec<_>, Vec<NoncesMessage>) = announced.unzip();
    let signing = announced.into_iter();
    signing
        .map(|party| party.sign_with(nonces.clone()).unwrap())
        .collect()
}

/// A false share of a claim names its signer, and the client is not to fund.
#[test]
fn a_false_share_of_a_claim() {
    let mut rng = rng(4);
    let participants = participants(2, 3, 1);
    let (points, shares) = shared(&participants, &mut rng);
    let terms = record(&participants, &points).check().unwrap();
    let mut all = signing(&terms, &points, shares, &mut rng);
    let mut messages = Vec::new();
    for stage in [Stage(0), Stage(1), STAGE] {
        for party in &all[1..] {
            messages.push(party.shares_for(stage, CLIENT).unwrap());
        }
        let client = &mut all[0];
        for mut message in messages.drain(..).filter(|m| !m.shares.is_empty()) {
            if message.from == provider(1) {
                message.shares[0] = PartialSignature([3; 32]);
            }
            client.accept(message).unwrap();
        }
        match (stage, client.close(stage)) {
            (STAGE, closed) => assert_eq!(
                closed,
                Err(SetupError::FaultyShare {
                    signer: provider(1),
                    transaction: "Claim2".into(),
                    input: 0
                })
            ),
            (_, closed) => closed.unwrap(),
        }
        all[1..].iter_mut().for_each(|p| {
            // Providers wait for the client's shares in the last stage.
            let _ = p.close(stage);
        });
    }
    assert!(all.remove(0).finish().is_err());
}

/// Sides are not mixed up.
#[test]
fn holdings_of_another_role() {
    let mut rng = rng(5);
    let slice = slice_of(2, 2, 1);
    let holdings = slice.client.holdings().clone();
    assert!(Client::new(slice.providers[0].holdings().clone(), secret(1)).is_err());
    assert!(Client::new(holdings.clone(), secret(2)).is_err());
    let other = participants(2, 2, 1);
    let (points, shares) = shared(&other, &mut rng);
    let terms = record(&other, &points).check().unwrap();
    let (_, mut shares) = slice_support::parties(&terms, &points, shares);
    // Shares of a sharing that these terms are not about.
    let own = slice.providers[0].holdings().clone();
    assert!(Provider::new(own, key(0), shares.remove(0).1).is_err());
    assert!(Provider::new(holdings, key(1), shares.remove(0).1).is_err());
}

/// Cuts, appends and flips every message; what still decodes must not verify.
fn torture(bytes: &[u8], verifies: impl Fn(&[u8]) -> bool) {
    assert!(verifies(bytes));
    for len in 0..bytes.len() {
        assert!(!verifies(&bytes[..len]), "cut at {len}");
    }
    assert!(!verifies(&[bytes, &[0]].concat()));
    for at in 0..bytes.len() {
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 0x11;
        assert!(!verifies(&flipped), "flipped at {at}");
    }
}

#[test]
fn malformed_messages() {
    let mut slice = slice_of(2, 3, 20);
    slice.commit_all(&[Some(right()), Some(right()), Some(right())]);
    slice.release(&[0, 1, 2]);
    let terms = slice.terms.clone();
    let post = slice.client.posts().next().unwrap().clone();
    torture(&post.to_bytes(), |bytes| {
        Post::from_bytes(bytes).is_ok_and(|post| post.verify(&terms).is_ok())
    });
    let bundle = slice.providers[0].bundle().unwrap().clone();
    torture(&bundle.to_bytes(), |bytes| {
        Bundle::from_bytes(bytes).is_ok_and(|bundle| bundle.verify(&terms).is_ok())
    });
    let participants = participants(2, 3, 21);
    let one = dealt(&dealers(&participants, &mut rng(6)))[0].clone();
    torture(&one.to_bytes(), |bytes| {
        SliceDealing::from_bytes(bytes).is_ok_and(|dealt| dealt.verify(&participants).is_ok())
    });
    let evidence = Evidence::FalseSeal {
        post: Post::sign(
            &terms,
            (0, &key(0)),
            (post.commitment, one.shares[0].clone()),
            &mut rng(7),
        )
        .unwrap(),
        secret: {
            slice.hand_out();
            let claim = slice.provider(0).claim(BURIED).unwrap();
            slice.client.open(0, &claim).unwrap();
            slice.client.record().secrets[&0]
        },
    };
    torture(&evidence.to_bytes(), |bytes| {
        Evidence::from_bytes(bytes).is_ok_and(|evidence| evidence.verify(&terms).is_ok())
    });
}

/// Lengths that would cost memory are refused before anything is taken.
#[test]
fn oversized_messages() {
    let slice = slice_of(2, 2, 22);
    let point = public(1).serialize();
    let head = [b"NXGC1".as_slice(), &slice.terms.id(), &[0], &point, &point].concat();
    let long = [&head[..], &u32::MAX.to_be_bytes(), &[0; 80]].concat();
    assert!(Post::from_bytes(&long).is_err());
    let large = vec![0; 17 * 1024];
    let length = (large.len() as u32).to_be_bytes();
    let whole = [&head[..], &length, &large, &[0; 64]].concat();
    assert!(Post::from_bytes(&whole).is_err());
    let head = [b"NXGB1".as_slice(), &slice.terms.id(), &[0]].concat();
    for count in [11u32, u32::MAX] {
        let bytes = [&head[..], &count.to_be_bytes(), &[0; 4_000]].concat();
        assert!(Bundle::from_bytes(&bytes).is_err());
    }
    let huge = [b"NXGE1".as_slice(), &[0], &(1u32 << 20).to_be_bytes()].concat();
    assert!(Evidence::from_bytes(&[huge, vec![0; 1 << 20]].concat()).is_err());
}

/// Keys that show one x coordinate are one.
#[test]
fn circles_are_checked() {
    let negated = public(2).negate(&Secp256k1::new());
    type Defect = (&'static str, fn(&mut Participants));
    let defects: [Defect; 6] = [
        ("providers", |c| c.providers.truncate(1)),
        ("providers", |c| {
            c.providers = (0..11).map(|i| public(2 + i)).collect()
        }),
        ("providers", |c| c.providers[1] = c.providers[0]),
        ("providers", |c| c.providers[2] = c.client),
        ("quorum", |c| c.quorum = 1),
        ("quorum", |c| c.quorum = 4),
    ];
    for (field, change) in defects {
        let mut bad = participants(2, 3, 1);
        change(&mut bad);
        match SliceDealer::new(bad, 0, key(0), &mut rng(8)) {
            Err(SliceError::Terms { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{other:?}"),
        }
    }
    let mut bad = participants(2, 3, 1);
    bad.providers[1] = negated;
    assert!(bad.check().is_err());
    let mine: SecretKey = key(1);
    assert!(SliceDealer::new(participants(2, 3, 1), 0, mine, &mut rng(8)).is_err());
    assert!(SliceDealer::new(participants(2, 3, 1), 3, mine, &mut rng(8)).is_err());
}
