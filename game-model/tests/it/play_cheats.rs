//! Copying and signing without work, move by move: what exactly stops them.

use crate::commitment_support::{open, perform, secrets};

use narthex_game_model::commitment::{
    Boxed, Commitment, CommitmentFault, KeyShare, LeafOpening, OpenError, Opening, OpeningFault,
    ProofError, open as unseal, state_digest,
};
use narthex_game_model::computation::{Computation, Job};
use narthex_game_model::play::{
    BlindDigests, OpeningError, Strategy, Verdict, VerdictError, VerdictReport, Work,
};
use narthex_game_model::sample;
use narthex_game_model::simulation::IndexHash;
use narthex_game_model::workload::Records;
use proptest::prelude::*;

const STEPS: u64 = 24;

fn job() -> Job<IndexHash> {
    let bytes = (0..STEPS).flat_map(u64::to_be_bytes).collect();
    Job::new(IndexHash, Records::from_bytes(8, bytes).unwrap()).unwrap()
}

fn honest(byte: u8) -> Work {
    perform(&job(), &Strategy::Honest, &secrets(byte)).unwrap()
}

fn drawn(commitment: &Commitment, nonce: u8, count: u32) -> Vec<u64> {
    let seed = sample::seed(&commitment.id(), &[nonce; 32], &[4; 32]);
    sample::draw(&seed, STEPS, count).unwrap()
}

fn blind(sample: &[u64]) -> BlindDigests {
    BlindDigests::recompute(&job(), sample, [5; 32]).unwrap()
}

#[test]
fn a_copied_commitment_can_not_be_opened_by_whoever_lacks_the_salts() {
    let victim = honest(1);
    let sample = drawn(victim.commitment(), 1, 5);
    // The copier even knows every output, having done the work; its own salts are others.
    let copier = honest(2);
    let answer = |opening: &Opening| blind(&sample).verdict(victim.commitment(), opening);
    let own = open(&copier, &sample);
    assert_eq!(
        answer(&own),
        Err(OpeningError::Opening(OpeningFault::Leaves(
            ProofError::OtherRoot
        )))
    );
    // The victim's openings of other steps, in its own contract with another nonce.
    let others = drawn(victim.commitment(), 2, 5);
    assert_ne!(sample, others);
    let seen = open(&victim, &others);
    assert_eq!(answer(&seen), Err(OpeningError::OtherSteps));
    // With those of its leaves that it has seen, salts made up for the rest, and any siblings.
    let leaf = |index: &u64| {
        let known = seen.leaves.iter().find(|leaf| leaf.index == *index);
        known.cloned().unwrap_or(LeafOpening {
            index: *index,
            salt: [9; 32],
            digest: state_digest(&job().step(*index).unwrap()),
            share: KeyShare::from_bytes([7; 32]),
            sealed: Boxed::Whole(vec![0; 80]),
        })
    };
    for proof in [own.proof.clone(), seen.proof.clone()] {
        let patched = Opening {
            leaves: sample.iter().map(leaf).collect(),
            proof,
            ..own.clone()
        };
        assert!(matches!(answer(&patched), Err(OpeningError::Opening(_))));
    }
    assert_eq!(answer(&open(&victim, &sample)), Ok(Verdict::Equal));
}

#[test]
fn opened_leaves_come_too_late_to_commit_to() {
    // Digests that became public in the victim's contract are worth something to a worker that has
    // not committed yet: it saves exactly those steps. Its sample follows from its own commitment.
    let victim = honest(1);
    let seen = open(&victim, &drawn(victim.commitment(), 1, 5));
    let known: Vec<u64> = seen.leaves.iter().map(|leaf| leaf.index).collect();
    let missing = (0..STEPS).filter(|i| !known.contains(i)).collect();
    let copier = perform(&job(), &Strategy::Target { steps: missing }, &secrets(2)).unwrap();
    let sample = drawn(copier.commitment(), 3, 5);
    assert!(sample.iter().any(|index| !known.contains(index)));
    let opening = open(&copier, &sample);
    let verdict = blind(&sample)
        .verdict(copier.commitment(), &opening)
        .unwrap();
    assert!(!verdict.approves());
    // Once it has committed, another contract's leaves cannot replace its own.
    let swapped = Opening {
        leaves: seen.leaves.clone(),
        ..open(&copier, &known)
    };
    let verdict = blind(&known).verdict(copier.commitment(), &swapped);
    assert_eq!(
        verdict,
        Err(OpeningError::Opening(OpeningFault::Leaves(
            ProofError::OtherRoot
        )))
    );
}

#[test]
fn a_commitment_copied_whole_can_not_be_completed() {
    // The limit: where the victim has opened the very steps that are sampled, the copy passes.
    let victim = honest(1);
    let all: Vec<u64> = (0..STEPS).collect();
    let seen = open(&victim, &all);
    let verdict = blind(&all).verdict(victim.commitment(), &seen);
    assert_eq!(verdict, Ok(Verdict::Equal));
    // But it is a commitment to the victim's secret, not to the one whose point is in the copier's contract: nobody
    // checks a step of it, and the settlement that would pay the copier opens nothing.
    let copiers = secrets(2).result.point().unwrap();
    let refused = victim.commitment().check_terms(&copiers, STEPS as u32);
    assert_eq!(refused, Err(CommitmentFault::OtherSecret));
    let (commitment, sealed) = (victim.commitment(), victim.sealed());
    let size = job().output_bytes();
    let opened = unseal(commitment, size, sealed, &secrets(2).result);
    assert_eq!(opened, Err(OpenError::OtherSecret));
    let own = secrets(1).result.point().unwrap();
    assert_eq!(commitment.check_terms(&own, STEPS as u32), Ok(()));
    assert!(unseal(commitment, size, sealed, &secrets(1).result).is_ok());
}

#[test]
fn an_approval_without_work_can_not_be_backed() {
    let work = perform(&job(), &Strategy::Target { steps: [3].into() }, &secrets(1)).unwrap();
    let sample: Vec<u64> = (0..STEPS).step_by(3).collect();
    let opening = open(&work, &sample);
    let claimed: Vec<_> = opening.leaves.iter().map(|leaf| leaf.digest).collect();
    let noise = BlindDigests::claim([1; 32], sample.clone(), vec![[7; 32]; sample.len()]);
    let published = noise.commitment();
    let check = |digests: &BlindDigests, verdict, published: &[u8; 32]| {
        let digests = digests.clone();
        VerdictReport { digests, verdict }.check(published, &sample, work.commitment(), &opening)
    };
    // It reveals the noise that it committed to, and approves.
    let stamped = check(&noise, Verdict::Equal, &published);
    assert_eq!(stamped, Err(VerdictError::DoesNotFollow));
    // It reveals what the worker opened meanwhile, under any salt.
    for salt in [[1; 32], [2; 32]] {
        let copied = BlindDigests::claim(salt, sample.clone(), claimed.clone());
        let stamped = check(&copied, Verdict::Equal, &published);
        assert_eq!(stamped, Err(VerdictError::NotCommitted));
    }
    // Who recomputed other steps has not recomputed these.
    let other = blind(&[0, 3]);
    let stamped = check(&other, Verdict::Equal, &other.commitment());
    assert_eq!(stamped, Err(VerdictError::OtherSample));
    // Who did the work reports what follows from it, and only that.
    let own = blind(&sample);
    let honest = own.verdict(work.commitment(), &opening).unwrap();
    assert!(!honest.approves());
    assert_eq!(check(&own, honest, &own.commitment()), Ok(()));
    let bribed = check(&own, Verdict::Equal, &own.commitment());
    assert_eq!(bribed, Err(VerdictError::DoesNotFollow));
    // Noise does back a rejection: that one is for the panel.
    let accused = noise.verdict(work.commitment(), &opening).unwrap();
    assert_eq!(check(&noise, accused, &published), Ok(()));
    // An opening of something else is the worker's fault, not the verifier's.
    let elsewhere = honest_opening(&sample);
    let digests = own.clone();
    let report = VerdictReport {
        digests,
        verdict: honest,
    };
    let found = report.check(&own.commitment(), &sample, work.commitment(), &elsewhere);
    assert!(matches!(found, Err(VerdictError::Opening(_))));
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(
        serde_json::from_str::<VerdictReport>(&json).unwrap(),
        report
    );
}

fn honest_opening(sample: &[u64]) -> Opening {
    open(&honest(7), sample)
}

#[test]
fn fresh_secrets_make_another_tree_of_the_same_outputs() {
    let work = honest(1);
    let before = *work.commitment();
    let again = work.resealed(&secrets(2)).unwrap();
    assert_eq!(again.commitment(), honest(2).commitment());
    assert_ne!(again.commitment().root, before.root);
    assert_eq!(again.commitment().steps, STEPS);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever a copier pieces together from a victim's openings, it answers no sample that the
    /// victim has not answered itself.
    #[test]
    fn no_patchwork_of_seen_leaves_opens_another_sample(
        nonces in (any::<u8>(), any::<u8>()),
        counts in (1u32..12, 1u32..12),
        salt in any::<[u8; 32]>(),
        keep in 0usize..80,
    ) {
        let victim = honest(1);
        let theirs = drawn(victim.commitment(), nonces.0, counts.0);
        let asked = drawn(victim.commitment(), nonces.1, counts.1);
        let seen = open(&victim, &theirs);
        let made_up = open(&honest(3), &asked);
        let leaf = |leaf: &LeafOpening| {
            let known = seen.leaves.iter().find(|known| known.index == leaf.index);
            known.cloned().unwrap_or(LeafOpening { salt, ..leaf.clone() })
        };
        let mut siblings = seen.proof.siblings.clone();
        siblings.extend(&made_up.proof.siblings);
        siblings.truncate(keep);
        let leaves = made_up.leaves.iter().map(leaf).collect();
        let mut patched = Opening { leaves, ..made_up.clone() };
        let is_new = asked.iter().any(|index| !theirs.contains(index));
        for with_seen in [false, true] {
            if with_seen {
                patched.proof.siblings.clone_from(&siblings);
            }
            let verdict = blind(&asked).verdict(victim.commitment(), &patched);
            prop_assert!(!is_new || verdict.is_err());
        }
    }
}
