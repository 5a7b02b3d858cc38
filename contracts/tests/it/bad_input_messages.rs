//! Messages of a ceremony that must be refused: by an error that names who sent them, with nothing lost.

use narthex_base::codec::Message as _;
use std::sync::Arc;

use bitcoin::secp256k1::{Secp256k1, rand::thread_rng};
use narthex_contracts::{
    attest::Attestation,
    fixtures::{Fixtures, attest_without_record},
    musig::{PartialSignature, PublicNonce},
    setup::{
        Announced, NoncesMessage, Party, Release, SetupError, SharesMessage, Signing, ceremony,
    },
    template::{Exit, stage},
    terms::{Role, Terms},
};
use narthex_game_model::{Ruling, Template};

/// The order of the group, which no scalar reaches.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
    0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];

fn parties() -> Vec<Party<Terms>> {
    let fixtures = Fixtures::example(Template::Hardened, 3, 2, 500, [7; 32]).unwrap();
    let terms = Arc::new(fixtures.terms().unwrap());
    fixtures.parties(&terms).unwrap()
}

/// The token of these parties' terms.
fn token() -> bitcoin::secp256k1::SecretKey {
    let fixtures = Fixtures::example(Template::Hardened, 3, 2, 500, [7; 32]);
    fixtures.unwrap().token()
}

fn announced() -> (Vec<Announced<Terms>>, Vec<NoncesMessage>) {
    parties()
        .into_iter()
        .map(|party| party.announce(&mut thread_rng()).unwrap())
        .unzip()
}

/// The client signs after `spoil` has been at the messages of all.
fn sign(spoil: impl FnOnce(&mut Vec<NoncesMessage>)) -> Result<Signing<Terms>, SetupError> {
    let (announced, mut nonces) = announced();
    spoil(&mut nonces);
    announced.into_iter().next().unwrap().sign_with(nonces)
}

fn signing() -> Vec<Signing<Terms>> {
    let (announced, nonces) = announced();
    announced
        .into_iter()
        .map(|party| party.sign_with(nonces.clone()).unwrap())
        .collect()
}

#[test]
fn nonces_that_are_no_points() {
    let halves: [(&str, [u8; 33]); 4] = [
        ("infinity", [0; 33]),
        ("not a point", [5; 33]),
        ("uncompressed", {
            let mut b = [1; 33];
            b[0] = 4;
            b
        }),
        ("beyond the field", {
            let mut b = [0xff; 33];
            b[0] = 2;
            b
        }),
    ];
    for (name, half) in halves {
        for offset in [0, 33] {
            let error = sign(|nonces| {
                let mut bytes = nonces[2].nonces[0].0;
                bytes[offset..offset + 33].copy_from_slice(&half);
                nonces[2].nonces[0] = PublicNonce(bytes);
            })
            .map(drop)
            .unwrap_err();
            let text = error.to_string();
            assert!(text.contains("public nonce of verifier"), "{name}: {text}");
        }
    }
}

#[test]
fn too_few_or_too_many_nonces() {
    let error = sign(|nonces| nonces[1].nonces.truncate(1))
        .map(drop)
        .unwrap_err();
    assert!(
        matches!(error, SetupError::Count { from, given, wanted } if from == Role::Worker && given == 1 && wanted > 1)
    );
    let error = sign(|nonces| nonces[5].nonces.clear())
        .map(drop)
        .unwrap_err();
    assert!(matches!(
        error,
        SetupError::Count { from, given: 0, .. } if from == Role::Arbiter(2)
    ));
    let error = sign(|nonces| drop(nonces.remove(4))).map(drop).unwrap_err();
    assert_eq!(
        error,
        SetupError::Missing {
            from: Role::Arbiter(1).into()
        }
    );
    let error = sign(|nonces| nonces[3].from = Role::Arbiter(14).into())
        .map(drop)
        .unwrap_err();
    assert_eq!(
        error,
        SetupError::Stranger {
            party: Role::Arbiter(14).into()
        }
    );
    let error = sign(|nonces| nonces[3].session_id[0] ^= 1)
        .map(drop)
        .unwrap_err();
    assert_eq!(
        error,
        SetupError::ForeignContract {
            from: Role::Arbiter(0).into()
        }
    );
    // A second message that says something else, under the same name or under one's own.
    let error = sign(|nonces| {
        let mut second = nonces[2].clone();
        second.nonces.swap(0, 1);
        nonces.push(second);
    });
    assert_eq!(
        error.map(drop).unwrap_err(),
        SetupError::Contradiction {
            from: Role::Verifier.into()
        }
    );
    let error = sign(|nonces| nonces[1].from = Role::Client.into())
        .map(drop)
        .unwrap_err();
    assert!(error.to_string().contains("client"), "{error}");
}

/// The client's view after `spoil` has been at what the verifier sends it in the first stage.
fn close(spoil: impl FnOnce(&mut SharesMessage)) -> Result<(), SetupError> {
    let mut parties = signing();
    let stage = stage::ARBITRATION;
    let mut spoil = Some(spoil);
    for from in 1..parties.len() {
        let mut message = parties[from].shares_for(stage, Role::Client).unwrap();
        if from == 2 {
            spoil.take().unwrap()(&mut message);
        }
        parties[0].accept(message)?;
    }
    parties[0].close(stage)
}

#[test]
fn shares_that_are_no_scalars_or_false() {
    close(|_| ()).unwrap();
    for bytes in [ORDER, [0xff; 32], [0; 32], [1; 32]] {
        let error = close(|message| message.shares[0] = PartialSignature(bytes)).unwrap_err();
        assert!(error.to_string().contains("verifier"), "{error}");
    }
    // The right shares in the wrong order are false shares too.
    let error = close(|message| message.shares.swap(0, 1)).unwrap_err();
    assert!(
        matches!(
            error,
            SetupError::FaultyShare { signer, .. } if signer == Role::Verifier
        ),
        "{error}"
    );
    let error = close(|message| message.shares.truncate(1)).unwrap_err();
    assert!(matches!(
        error,
        SetupError::Count { from, .. } if from == Role::Verifier
    ));
    let error = close(|message| message.to = Role::Worker.into()).unwrap_err();
    assert_eq!(
        error,
        SetupError::Misdirected {
            from: Role::Verifier.into(),
            to: Role::Worker.into()
        }
    );
    let error = close(|message| message.session_id = [0; 32]).unwrap_err();
    assert_eq!(
        error,
        SetupError::ForeignContract {
            from: Role::Verifier.into()
        }
    );
}

/// A false share is no end: what was accepted stays, and nothing of a later stage has left the party.
#[test]
fn no_share_of_a_later_stage_leaves_before_the_first_is_good() {
    let parties = signing();
    for stage in [stage::DELIVERY, stage::SETTLEMENT] {
        let error = parties[0]
            .shares_for(stage, Role::Worker)
            .map(drop)
            .unwrap_err();
        assert_eq!(
            error,
            SetupError::StageClosed {
                asked: stage,
                open: stage::ARBITRATION
            }
        );
    }
}

#[test]
fn counts_that_promise_more_than_there_is() {
    // Four thousand million items in a message of a few bytes: refused before anything is allocated.
    let mut nonces = b"NXN1".to_vec();
    nonces.extend([0; 33]);
    nonces.extend(u32::MAX.to_be_bytes());
    let error = NoncesMessage::from_bytes(&nonces).unwrap_err().to_string();
    assert!(error.contains("283467841470"), "{error}");
    let mut shares = b"NXS1".to_vec();
    shares.extend([0; 67]);
    shares.extend(u32::MAX.to_be_bytes());
    assert!(
        SharesMessage::from_bytes(&shares)
            .unwrap_err()
            .to_string()
            .contains("137438953440")
    );
}

#[test]
fn releases_that_are_false() {
    let mut rng = thread_rng();
    let mut holdings = ceremony::run(parties(), &mut rng, |_| ()).unwrap();
    let s3 = holdings[0].graph().find(Exit::NORMAL).unwrap();
    let release = holdings[2].release(s3, Some(&token())).unwrap().remove(0);
    let before = holdings[0].to_bytes();
    for bytes in [ORDER, [0; 32], [1; 32], [0xff; 32]] {
        let mut false_one = release.clone();
        false_one.share = PartialSignature(bytes);
        let error = holdings[0].accept(&false_one).unwrap_err().to_string();
        assert!(error.contains("verifier"), "{error}");
    }
    let spoils: [fn(&mut Release); 4] = [
        |r| r.item = u32::MAX,
        |r| r.agreement_id[3] ^= 1,
        |r| r.from = Role::Worker.into(),
        |r| r.item += 1,
    ];
    for spoil in spoils {
        let mut other = release.clone();
        spoil(&mut other);
        assert!(holdings[0].accept(&other).is_err());
    }
    // Nothing is lost: the true one still counts.
    assert_eq!(holdings[0].to_bytes(), before);
    holdings[0].accept(&release).unwrap();
}

#[test]
fn rulings_of_strangers() {
    let fixtures = Fixtures::example(Template::Hardened, 3, 2, 500, [7; 32]).unwrap();
    let terms = fixtures.terms().unwrap();
    let secp = Secp256k1::new();
    let good = |ruling| {
        fixtures
            .attestation(1, terms.contract_id(), ruling)
            .unwrap()
    };
    let (identity, announced) = (terms.identity(1).unwrap(), terms.announcement(1).unwrap());
    let verify = |a: &Attestation| a.verify(&secp, identity, &announced.nonce, terms.contract_id());
    let ruling = good(Ruling::WorkerAtFault);
    verify(&ruling).unwrap();
    // The other ruling under the same signature, the right one by somebody else's key.
    let turned = Attestation {
        ruling: Ruling::VerifierAtFault,
        ..ruling
    };
    let error = verify(&turned).unwrap_err().to_string();
    assert!(error.contains("arbiter 1"), "{error}");
    let foreign = fixtures.nonce(1, terms.contract_id()).unwrap();
    let (id, key) = (terms.contract_id(), fixtures.identity(2));
    let foreign = attest_without_record(foreign, id, &key, 1, Ruling::WorkerAtFault).unwrap();
    assert!(verify(&foreign).is_err());
}

/// One bad message is refused when it comes and costs nobody's nonces: whoever sent it sends the right one, and all sign.
#[test]
fn a_bad_message_is_refused_when_it_comes_and_costs_nothing() {
    let (announced, nonces) = announced();
    let mut client = announced.into_iter().next().unwrap();
    let worker = Role::Worker;
    let bytes = nonces[1].to_bytes();
    assert_eq!(bytes.len(), client.plan().nonce_bytes(worker));
    let said = |client: &mut Announced<Terms>, bytes: &[u8]| client.accept_bytes(worker, bytes);
    for len in [0, 1, bytes.len() - 1] {
        let length = SetupError::Length {
            from: worker.into(),
            given: len,
            wanted: bytes.len(),
        };
        assert_eq!(said(&mut client, &bytes[..len]), Err(length));
    }
    let mut kind = bytes.clone();
    kind[0] ^= 1;
    assert!(matches!(
        said(&mut client, &kind),
        Err(SetupError::Wire { from, .. }) if from == worker
    ));
    // Somebody else's name in it, and a nonce that is no point.
    let mut named = bytes.clone();
    named[36] = Role::Verifier.index() as u8;
    let other = SetupError::OtherSender {
        from: worker.into(),
        said: Role::Verifier.into(),
    };
    assert_eq!(said(&mut client, &named), Err(other));
    let mut point = bytes.clone();
    point[41..74].fill(5);
    let error = said(&mut client, &point).unwrap_err().to_string();
    assert!(error.contains("public nonce of worker"), "{error}");
    assert_eq!(client.missing().len(), nonces.len() - 1);
    for message in &nonces[1..] {
        let next = client.missing()[0];
        assert_eq!(next.id, message.from);
        client.accept_bytes(next, &message.to_bytes()).unwrap();
        // The same again is nothing new.
        client.accept(message.clone()).unwrap();
    }
    assert!(client.missing().is_empty());
    assert!(said(&mut client, &point).is_err());
    let mut client = client.sign().unwrap();
    // Shares are as long as the plan has them, and refused before they are read if they are not.
    let other = signing().remove(1);
    let message = other.shares_for(stage::ARBITRATION, Role::Client).unwrap();
    let bytes = message.to_bytes();
    let wanted = parties()[0]
        .plan()
        .share_bytes(stage::ARBITRATION, worker, Role::Client);
    assert_eq!(bytes.len(), wanted);
    let error = client.accept_bytes(worker, stage::ARBITRATION, &bytes[1..]);
    let length = SetupError::Length {
        from: worker.into(),
        given: wanted - 1,
        wanted,
    };
    assert_eq!(error, Err(length));
}
