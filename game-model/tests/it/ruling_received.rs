//! What is acknowledged is what was looked into; and what a verifier says of steps that have no output.

use narthex_game_model::commitment::{
    OpenError, Opening, ReceiptKind, ReceiptSigner, SealedShape, check_sealed,
};
use narthex_game_model::play::{BlindDigests, Strategy};
use narthex_game_model::ruling::{Item, Litigant, NotReceived, Received, Row, SignedItem, data_id};
use narthex_game_model::{Ratio, Ruling};

use crate::ruling_support::*;

/// An item as its receiver takes it, with these openings at hand.
fn taken<'a>(
    signed: &SignedItem,
    held: impl IntoIterator<Item = &'a Opening>,
) -> Result<Received, NotReceived> {
    let author = key_of(signed.item.author()).x_only_public_key().0;
    Received::item(&CONTRACT, &author, signed, held)
}

/// The item of an opening is small, and names by a hash what its receiver must have.
#[test]
fn an_opening_is_acknowledged_with_what_it_names() {
    let scene = Scene::new(3, 2, &Strategy::Honest);
    let sample = scene.sample();
    let indices = scene.indices(&sample);
    let token = scene.token(&sample, &scene.claimed(&indices));
    let (reply, opening) = (shown(&token), scene.open(&indices));
    let signed = sign(&opens(&reply, &opening));
    let received = |held: &[_]| taken(&signed, held);
    assert_eq!(received(&[]), Err(NotReceived::NoOpening));
    let other = scene.open(&scene.substitute());
    assert_eq!(
        received(std::slice::from_ref(&other)),
        Err(NotReceived::NoOpening)
    );
    // One box of it, under the same name.
    for index in &indices {
        let missing = indices.iter().find(|other| *other != index).copied();
        let about = opening.clone().about(*index);
        let index = missing.unwrap();
        assert_eq!(received(&[about]), Err(NotReceived::NoBox { index }));
    }
    let half = opening.clone().about(indices[0]);
    let whole = received(&[other, half, opening.clone()]).unwrap();
    assert_eq!(
        (whole.kind(), whole.id()),
        (ReceiptKind::Opening, &id(&signed.item))
    );
    // A bad one is received all the same: it convicts who signed it.
    let mut bad = opening.clone();
    bad.leaves[0].digest = [7; 32];
    let signed = sign(&opens(&reply, &bad));
    assert!(taken(&signed, [&bad]).is_ok());

    // Other items are all that they say; but somebody must have said them, and of a verdict nothing comes.
    for item in [&sample, &token, &reply] {
        let none = taken(&sign(item), []).unwrap();
        assert_eq!(Some(none.kind()), item.receipt());
    }
    let forged = sample.clone().signed(&CONTRACT, &key_of(Litigant::Worker));
    let by = Litigant::Verifier;
    let unsigned = taken(&forged, []);
    assert_eq!(unsigned, Err(NotReceived::Unsigned { by }));
    let verdict = Item::Verdict {
        opening: [1; 32],
        bad_box: 0,
    };
    let nothing = taken(&sign(&verdict), []);
    assert_eq!(nothing, Err(NotReceived::NothingFollows));

    // What is signed counts at the table, under the kind of who signs.
    let [verifier, keeper] = [key_of(Litigant::Verifier), arbiter(1)];
    let own = whole.acknowledge([5; 32], 7, &verifier).unwrap();
    assert_eq!(own, {
        let mut same = receipt(ReceiptKind::Opening, *whole.id(), &verifier, 7);
        same.receipt.holder = [5; 32];
        same.signature = verifier.sign(&same.receipt.id()).unwrap();
        same
    });
    let kept_by = whole.keep([0; 32], 7, &keeper).unwrap();
    assert_eq!(kept_by, kept(*whole.id(), 1, 7));
}

/// A receipt for the data comes out of the check of the data, which nothing but the data passes.
#[test]
fn data_is_acknowledged_after_it_was_checked() {
    let scene = Scene::new(3, 2, &Strategy::Honest);
    let (commitment, sealed) = (scene.commitment(), scene.work.sealed());
    let width = usize::try_from(scene.case.terms.job.output_bytes).unwrap();
    let whole = check_sealed(&commitment, width, sealed).unwrap();
    let received = Received::data(&CONTRACT, &whole);
    let named = data_id(&CONTRACT, &commitment.id());
    assert_eq!(
        (received.kind(), received.id()),
        (ReceiptKind::Data, &named)
    );
    let shape = SealedShape::of(&commitment, width).unwrap();
    let zeros = vec![0; sealed.len()];
    assert!(check_sealed(&commitment, width, &zeros).is_err());
    assert!(check_sealed(&commitment, width, &[]).is_err());
    assert!(check_sealed(&commitment, width, &sealed[1..]).is_err());
    // One bit, in the coefficient box, in a leaf and in a box.
    let first = shape.coefficient_bytes();
    for (at, why) in [
        (0, OpenError::OtherCoefficients),
        (first, OpenError::NotTheBoxes),
        (sealed.len() - 1, OpenError::NotTheBoxes),
    ] {
        let mut bad = sealed.to_vec();
        bad[at] ^= 1;
        assert_eq!(check_sealed(&commitment, width, &bad), Err(why));
    }
    // Boxes of another root.
    let other = Scene::new(3, 2, &Strategy::Target { steps: [3].into() });
    assert!(check_sealed(&other.commitment(), width, sealed).is_err());
}

/// A worker claims zeros for steps that nobody can run. An honest verifier has no digest of theirs, and must answer.
#[test]
fn a_step_without_output_convicts_who_commits_to_one() {
    let all: Vec<u64> = (0..STEPS).collect();
    let skip = Strategy::Skip {
        fraction: Ratio::ONE,
        seed: 1,
    };
    for fails in [&all[..], &all[..STEPS as usize / 2], &[5]] {
        let scene = Scene::failing(3, 2, &skip, fails);
        let sample = scene.sample();
        let indices = scene.indices(&sample);
        let salt = [0xa5; 32];
        let own = BlindDigests::recompute(&scene.job, &indices, salt).unwrap();
        let first = indices[0];
        // What anybody can derive: with it under the seal, the verifier's honest answer would open it, and convict it.
        let guessed = BlindDigests::recompute(&scene.job, &indices, [0; 32]).unwrap();
        let s = scene.schedule();
        let ruled = |sealed: &BlindDigests, answered: &BlindDigests| {
            let token = scene.token(&sample, sealed.digests());
            let reply = digests(&token, answered.digests().to_vec());
            let worker = Pile::of(Litigant::Worker, &scene).data(&scene, RECORDED);
            let worker = worker.said(&token, s.token);
            let worker = shows(worker, scene.open(&indices));
            let worker = worker.with(|b| b.record = Some(scene.record(first)));
            let verifier = Pile::of(Litigant::Verifier, &scene).said(&sample, s.nonce);
            let verifier = verifier.said(&reply, s.reply);
            let found = scene.rule(&[worker.0, verifier.0]).unwrap();
            (found.row, found.ruling)
        };
        assert_eq!(ruled(&guessed, &own).1, Ruling::WorkerAtFault);
        let failing = indices.iter().any(|index| fails.contains(index));
        if failing {
            assert_ne!(own, guessed);
            assert_eq!(ruled(&guessed, &own).0, Row::Rerun);
            assert_eq!(
                ruled(&guessed, &guessed),
                (Row::OpenSeal, Ruling::VerifierAtFault)
            );
        }
        // Neither step nor salt is interchangeable, and a step that the job has not has none.
        let twice = BlindDigests::recompute(&scene.job, &indices, salt).unwrap();
        assert_eq!(own, twice);
        assert!(BlindDigests::recompute(&scene.job, &[STEPS], salt).is_err());
        if fails.len() == all.len() {
            let mut digests = own.digests().to_vec();
            digests.extend(guessed.digests());
            digests.sort_unstable();
            digests.dedup();
            assert_eq!(digests.len(), 2 * indices.len());
        }
    }
}
