//! Sealed results: what opens them, what the sample shows of them, and what each kind of garbage is called.

use std::collections::BTreeSet;

use crate::commitment_support::{open as opened, perform, secrets};

use narthex_base::codec::Message as _;
use narthex_game_model::commitment::{
    BookError, BoxError, Boxed, Commitment, Domain, KeyError, KeyPolynomial, KeyShare, NoFault,
    OpenError, Opening, OpeningBook, OpeningFault, PolynomialSeed, ProofError, ResultSecret,
    SealError, SealFault, SealedCheck, SealedShape, Sealer, Sealing, TreeBuilder, Unsealer,
    WorkerSecrets, box_hash, box_leaf, open, open_with, prove_box, state_digest, work_leaf,
};
use narthex_game_model::computation::{Computation, Job};
use narthex_game_model::params::JobBounds;
use narthex_game_model::play::{
    BlindDigests, Evidence, EvidenceError, OpeningError, Strategy, Verdict, VerdictReport, Work,
    judge,
};
use narthex_game_model::simulation::IndexHash;
use narthex_game_model::tagged::tagged_hash;
use narthex_game_model::workload::Records;
use narthex_game_model::{Ratio, Ruling, sample};

const STEPS: u64 = 40;

fn job() -> Job<IndexHash> {
    let bytes = (0..STEPS).flat_map(u64::to_be_bytes).collect();
    Job::new(IndexHash, Records::from_bytes(8, bytes).unwrap()).unwrap()
}

fn garbage(share: &str) -> Strategy {
    Strategy::Garbage {
        fraction: share.parse().unwrap(),
        seed: 5,
    }
}

fn drawn(commitment: &Commitment, nonce: u64, count: u32) -> Vec<u64> {
    let nonce = tagged_hash("test/nonce", &nonce.to_be_bytes());
    let seed = sample::seed(&commitment.id(), &nonce, &[4; 32]);
    sample::draw(&seed, commitment.steps, count).unwrap()
}

/// What was sealed of three outputs of three bytes, with two openings.
struct Small {
    secrets: WorkerSecrets,
    what: Sealing,
    polynomial: KeyPolynomial,
    commitment: Commitment,
    sealed: Vec<u8>,
}

const OUTPUTS: &[u8] = b"onetwosix";

fn small_sealing(outputs: &[u8]) -> Sealing {
    let secrets = secrets(1);
    let mut tree = TreeBuilder::new(Domain::Work);
    for (index, output) in (0..).zip(outputs.chunks(3)) {
        tree.push(work_leaf(
            index,
            &secrets.salts.salt(index),
            &state_digest(output),
        ));
    }
    let (root, _) = tree.finish().unwrap();
    let shape = SealedShape::new(outputs.len() as u64 / 3, 3, 2).unwrap();
    Sealing {
        job: [9; 32],
        root,
        shape,
    }
}

/// Sealed with the outputs in `boxed` in the boxes.
fn small(boxed: &[u8]) -> Small {
    let (secrets, what) = (secrets(1), small_sealing(OUTPUTS));
    let mut sealer = Sealer::new(&what, &secrets).unwrap();
    let mut sealed = sealer.coefficients().to_vec();
    for (output, boxed) in OUTPUTS.chunks(3).zip(boxed.chunks(3)) {
        sealed.append(&mut sealer.push_other(output, boxed).unwrap());
    }
    Small {
        polynomial: what.polynomial(&secrets).unwrap(),
        commitment: sealer.finish().unwrap(),
        secrets,
        what,
        sealed,
    }
}

impl Small {
    fn records(&self) -> std::slice::Chunks<'_, u8> {
        let shape = self.what.shape;
        self.sealed[shape.coefficient_bytes()..].chunks(shape.record_bytes())
    }

    fn open(&self) -> Result<Vec<u8>, OpenError> {
        open(&self.commitment, 3, &self.sealed, &self.secrets.result)
    }

    /// With another coefficient box, committed to as it is.
    fn with_coefficients(mut self, change: impl Fn(&mut [u8])) -> Self {
        let bytes = self.what.shape.coefficient_bytes();
        change(&mut self.sealed[..bytes]);
        let hash = tagged_hash("narthex/coefficients", &self.sealed[..bytes]);
        self.commitment.coefficients = hash;
        self
    }
}

#[test]
fn the_right_secret_opens_the_result_and_no_other() {
    let good = small(OUTPUTS);
    assert_eq!(good.open().unwrap(), OUTPUTS);
    assert!(!good.sealed.windows(3).any(|w| w == b"two"));
    let other = open(&good.commitment, 3, &good.sealed, &secrets(2).result);
    assert_eq!(other, Err(OpenError::OtherSecret));
    // Whoever brings another secret, other bytes or less of them convicts nobody.
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut sealed = good.sealed.clone();
        change(&mut sealed);
        let found = open(&good.commitment, 3, &sealed, &good.secrets.result).unwrap_err();
        assert!(!found.convicts_worker(), "{found}");
        found
    };
    let expected = good.what.shape.total_bytes();
    let found = expected - 1;
    assert_eq!(
        with(&|s| {
            s.pop();
        }),
        OpenError::Length { found, expected }
    );
    assert_eq!(with(&|s| s[0] ^= 1), OpenError::OtherCoefficients);
    assert_eq!(
        with(&|s| *s.last_mut().unwrap() ^= 1),
        OpenError::NotTheBoxes
    );
    let records = good.what.shape.coefficient_bytes();
    assert_eq!(with(&|s| s[records] ^= 1), OpenError::NotTheBoxes);
}

#[test]
fn every_way_to_seal_garbage_is_told_apart() {
    // Another output in one box; the others still open.
    let garbage = small(b"onetwosiz");
    let error = garbage.open().unwrap_err();
    let why = BoxError::NotTheLeaf;
    assert_eq!(error, OpenError::Box { index: 2, why });
    assert!(error.convicts_worker());
    let mut unsealer = Unsealer::new(&garbage.commitment, 3, &garbage.polynomial).unwrap();
    let outputs: Vec<_> = garbage.records().map(|r| unsealer.push(r).ok()).collect();
    assert_eq!(
        outputs,
        [Some(b"one".to_vec()), Some(b"two".to_vec()), None]
    );
    unsealer.finish().unwrap();

    // Boxes for other steps than the tree's: whoever gets the data sees it without a key.
    let good = small(OUTPUTS);
    let lie = Commitment {
        root: small_sealing(b"onetwoten").root,
        ..good.commitment
    };
    let mut check =
        SealedCheck::new(&lie, 3, &good.sealed[..good.what.shape.coefficient_bytes()]).unwrap();
    good.records()
        .for_each(|record| check.push(record).unwrap());
    assert_eq!(check.finish(), Err(OpenError::NotTheWork));
    assert!(OpenError::NotTheWork.convicts_worker());

    // A coefficient box of noise, and one of another polynomial under the right key.
    for bent in [
        small(OUTPUTS).with_coefficients(|sealed| sealed.fill(7)),
        small(OUTPUTS).with_coefficients(|sealed| sealed[40] ^= 1),
    ] {
        let error = bent.open().unwrap_err();
        assert_eq!(error, OpenError::Coefficients);
        assert!(error.convicts_worker());
    }
    // Sizes that no result has.
    let error = open(&good.commitment, 0, &good.sealed, &good.secrets.result);
    assert_eq!(error, Err(OpenError::Shape));
    // A result can't be passed off as that of another job: its keys are others.
    let moved = Commitment {
        job: [8; 32],
        ..good.commitment
    };
    let error = open(&moved, 3, &good.sealed, &good.secrets.result).unwrap_err();
    assert_eq!(error, OpenError::Coefficients);
}

/// The tree of boxes has another length than that of the leaves: with fewer or more records nothing fits.
#[test]
fn boxes_are_as_many_as_steps() {
    let good = small(OUTPUTS);
    let coefficients = &good.sealed[..good.what.shape.coefficient_bytes()];
    let records: Vec<_> = good.records().collect();
    let check = |commitment: &Commitment, records: &[&[u8]]| {
        let mut check = SealedCheck::new(commitment, 3, coefficients)?;
        records.iter().try_for_each(|record| check.push(record))?;
        check.finish()
    };
    let whole = check(&good.commitment, &records).unwrap();
    assert_eq!(whole.root(), &good.commitment.id());
    let index = 2;
    assert_eq!(
        check(&good.commitment, &records[..2]),
        Err(OpenError::Record { index })
    );
    let more = [&records[..], &records[..1]].concat();
    let index = 3;
    assert_eq!(
        check(&good.commitment, &more),
        Err(OpenError::Record { index })
    );
    let index = 0;
    assert_eq!(
        check(&good.commitment, &[&records[0][1..]]),
        Err(OpenError::Record { index })
    );
    let swapped = [records[1], records[0], records[2]];
    assert_eq!(
        check(&good.commitment, &swapped),
        Err(OpenError::NotTheBoxes)
    );
    // A worker that commits to a tree of fewer boxes commits to what nobody can hand over.
    let mut few = TreeBuilder::new(Domain::Sealed);
    for (index, record) in (0..).zip(&records[..2]) {
        let (leaf, sealed) = record.split_first_chunk().unwrap();
        few.push(box_leaf(index, leaf, &box_hash(sealed)));
    }
    let boxes = few.finish().unwrap().0;
    let short = Commitment {
        boxes,
        ..good.commitment
    };
    assert_eq!(check(&short, &records), Err(OpenError::NotTheBoxes));
}

/// Sealing and opening stopped at every step, with all that they hold written down and read back.
#[test]
fn what_is_stopped_anywhere_goes_on_to_the_same_bytes() {
    let good = small(OUTPUTS);
    for stop in 0..=3 {
        let mut sealer = Sealer::new(&good.what, &good.secrets).unwrap();
        let mut sealed = sealer.coefficients().to_vec();
        let mut unsealer = Unsealer::new(&good.commitment, 3, &good.polynomial).unwrap();
        let mut outputs = Vec::new();
        for (index, (output, record)) in OUTPUTS.chunks(3).zip(good.records()).enumerate() {
            if index == stop {
                sealer = Sealer::resume(&good.what, &good.secrets, &sealer.save()).unwrap();
                let saved = unsealer.save();
                let (commitment, f) = (&good.commitment, &good.polynomial);
                unsealer = Unsealer::resume(commitment, 3, f, &saved).unwrap();
            }
            sealed.append(&mut sealer.push(output).unwrap());
            outputs.append(&mut unsealer.push(record).unwrap());
        }
        assert_eq!((&sealed, &outputs[..]), (&good.sealed, OUTPUTS));
        assert_eq!(sealer.finish().unwrap(), good.commitment);
        unsealer.finish().unwrap();
    }
    // What is saved is read whole, unaltered, and by the one that it is of.
    let mut sealer = Sealer::new(&good.what, &good.secrets).unwrap();
    sealer.push(b"one").unwrap();
    let saved = sealer.save();
    for end in 0..saved.len() {
        assert!(Sealer::resume(&good.what, &good.secrets, &saved[..end]).is_err());
        let mut bent = saved.clone();
        bent[end] ^= 1;
        let refused = Sealer::resume(&good.what, &good.secrets, &bent);
        assert!(matches!(refused, Err(SealError::Saved(_))), "{end}");
    }
    let (commitment, f) = (&good.commitment, &good.polynomial);
    let refused = Unsealer::resume(commitment, 3, f, &saved);
    assert!(matches!(refused, Err(OpenError::Saved(_))));
    let hidden = secrets(1);
    for secret in [
        hidden.result.expose(),
        hidden.salts.expose(),
        hidden.polynomial.expose(),
    ] {
        assert!(!saved.windows(32).any(|window| window == secret));
    }
    // Outputs that changed between the passes have the keys of others.
    let mut sealer = Sealer::new(&good.what, &good.secrets).unwrap();
    for output in [b"one", b"two", b"ten"] {
        sealer.push(output).unwrap();
    }
    assert_eq!(sealer.finish(), Err(SealError::OtherRoot));
    let mut sealer = Sealer::new(&good.what, &good.secrets).unwrap();
    assert_eq!(
        sealer.push(b"four"),
        Err(SealError::Output { index: 0, found: 4 })
    );
}

/// The worker keeps the result and seals rubbish under a right tree: it is rejected before anybody is paid, the panel
/// finds against it, and everybody can check that.
#[test]
fn a_right_tree_of_garbage_is_rejected_and_convicted() {
    let job = job();
    let work = Work::perform(&job, &garbage("1"), &secrets(7), 9).unwrap();
    let honest = Work::perform(&job, &Strategy::Honest, &secrets(7), 9).unwrap();
    assert_eq!(work.commitment().root, honest.commitment().root);
    let indices = drawn(work.commitment(), 1, 9);
    let blind = BlindDigests::recompute(&job, &indices, [5; 32]).unwrap();
    let opening = opened(&work, &indices);
    let verdict = blind.verdict(work.commitment(), &opening).unwrap();
    let index = indices[0];
    assert_eq!(verdict, Verdict::BadBox { index });
    assert!(!verdict.approves());
    assert_eq!(verdict.disputed(), Some(index));
    let published = blind.commitment();
    let report = |verdict| VerdictReport {
        digests: blind.clone(),
        verdict,
    };
    let check = |verdict| report(verdict).check(&published, &indices, work.commitment(), &opening);
    check(verdict).unwrap();
    check(Verdict::Equal).unwrap_err();

    let accepted = JobBounds::MOST.accepts_job(&job).unwrap();
    for index in &indices {
        let evidence = Evidence::gather(&job, *index, opening.clone()).unwrap();
        // It has the one box, and is an opening with the same id.
        let whole = |leaf: &&_| matches!(leaf_of(leaf), Boxed::Whole(_));
        assert_eq!(evidence.opening.leaves.iter().filter(whole).count(), 1);
        assert_eq!(evidence.opening.id(), opening.id());
        let rule = |evidence| judge(job.program(), &accepted, work.commitment(), evidence);
        let finding = rule(&evidence).unwrap();
        assert_eq!(finding.ruling, Ruling::WorkerAtFault);
        assert!(
            finding.reason.contains(&format!("box of step {index}")),
            "{}",
            finding.reason
        );
        // Without the box there is nothing to rule on.
        let mut without = evidence.clone();
        without.opening = opening.clone().about(STEPS);
        let index = *index;
        assert_eq!(rule(&without), Err(EvidenceError::NoBox { index }));
    }
    let missing = blind.verdict(work.commitment(), &opening.clone().about(index));
    let index = indices[1];
    assert_eq!(missing, Err(OpeningError::NoBox { index }));
}

fn leaf_of(leaf: &narthex_game_model::commitment::LeafOpening) -> &Boxed {
    &leaf.sealed
}

/// What the verifier of a whole sample approves opens with t, whatever the worker sealed.
#[test]
fn what_is_approved_and_paid_can_be_opened() {
    let job = job();
    let all: Vec<u64> = (0..STEPS).collect();
    let blind = BlindDigests::recompute(&job, &all, [5; 32]).unwrap();
    let width = job.output_bytes();
    let (mut approved, mut rejected) = (0, 0);
    for byte in 1..9 {
        let strategy = match byte % 2 {
            0 => Strategy::Honest,
            _ => garbage("1/40"),
        };
        let keys = secrets(byte);
        let work = perform(&job, &strategy, &keys).unwrap();
        let opening = opened(&work, &all);
        let verdict = blind.verdict(work.commitment(), &opening).unwrap();
        let result = open(work.commitment(), width, work.sealed(), &keys.result);
        match verdict.approves() {
            true => approved += 1,
            false => rejected += 1,
        }
        assert_eq!(verdict.approves(), result.is_ok(), "{result:?}");
    }
    assert_eq!((approved, rejected), (4, 4));
}

/// Garbage in a share of the boxes is found exactly when the sample has one, so by the closed form of a bad step.
#[test]
fn garbage_is_found_like_a_bad_step() {
    const GAMES: u32 = 1_500;
    let seed: u64 = match std::env::var("NARTHEX_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => 20_261_127,
    };
    println!("NARTHEX_SEED={seed}");
    let job = job();
    let (strategy, k) = (garbage("1/10"), 6);
    let bad = strategy.bad_steps(STEPS);
    assert_eq!(bad.len(), 4);
    let work = Work::perform(&job, &strategy, &secrets(3), k).unwrap();
    let all: Vec<u64> = (0..STEPS).collect();
    let digests: Vec<_> = all
        .iter()
        .map(|i| state_digest(&job.step(*i).unwrap()))
        .collect();
    let mut found = 0;
    for game in 0..u64::from(GAMES) {
        let indices = drawn(work.commitment(), seed.wrapping_add(game), k);
        let own = indices.iter().map(|i| digests[*i as usize]).collect();
        let blind = BlindDigests::claim([1; 32], indices.clone(), own);
        // Each game is one of its own: a new book.
        let verdict = blind
            .verdict(work.commitment(), &opened(&work, &indices))
            .unwrap();
        let hit = indices.iter().copied().find(|index| bad.contains(index));
        assert_eq!(verdict.disputed(), hit);
        found += u32::from(hit.is_some());
    }
    // 1 − C(36, 6)/C(40, 6), which is near 1 − (1 − 1/10)^6.
    let missed: f64 = (0..6)
        .map(|i| f64::from(36 - i) / f64::from(40 - i))
        .product();
    let (p, games) = (1.0 - missed, f64::from(GAMES));
    let off = (f64::from(found) - games * p).abs();
    assert!(
        off < 5.0 * (games * p * missed).sqrt(),
        "{found} of {GAMES}, p = {p}"
    );
    assert!((p - (1.0 - 0.9f64.powi(6))).abs() < 0.05);
}

#[test]
fn an_opening_shows_exactly_the_keys_committed_to() {
    let job = job();
    let work = Work::perform(&job, &Strategy::Honest, &secrets(3), 5).unwrap();
    let commitment = work.commitment();
    let good = opened(&work, &[2, 3, 17, 30, 31]);
    let verify = |change: &dyn Fn(&mut Opening)| {
        let mut bent = good.clone();
        change(&mut bent);
        bent.verify(commitment)
    };
    assert_eq!(verify(&|_| ()), Ok(()));
    // The share of another step, one that is no number, equal ones, one bit off.
    for at in 0..5 {
        let index = good.leaves[at].index;
        let other = good.leaves[(at + 1) % 5].share.clone();
        let mut bits = *good.leaves[at].share.expose();
        bits[31] ^= 4;
        for share in [
            other,
            KeyShare::from_bytes([0xff; 32]),
            KeyShare::from_bytes(bits),
        ] {
            let found = verify(&|o| o.leaves[at].share = share.clone());
            assert_eq!(found, Err(OpeningFault::Share { index }));
        }
    }
    // Another step's box, or another box.
    let boxes = Err(OpeningFault::Boxes(ProofError::OtherRoot));
    assert_eq!(
        verify(&|o| o.leaves[0].sealed = o.leaves[1].sealed.clone()),
        boxes
    );
    assert_eq!(
        verify(&|o| o.leaves[0].sealed = Boxed::Hash([0; 32])),
        boxes
    );
    // The same step twice, another order, a step beyond the last.
    let indices = Err(OpeningFault::Leaves(ProofError::Indices { count: STEPS }));
    assert_eq!(verify(&|o| o.leaves[1] = o.leaves[0].clone()), indices);
    assert_eq!(verify(&|o| o.leaves.swap(0, 1)), indices);
    assert_eq!(verify(&|o| o.leaves[4].index = STEPS), indices);
    assert_eq!(verify(&|o| o.leaves[4].index = u64::MAX), indices);
    // Points of other keys, fewer or more of them.
    let theirs = Work::perform(&job, &Strategy::Honest, &secrets(4), 5).unwrap();
    let points = opened(&theirs, &[2]).points;
    assert_eq!(
        verify(&|o| o.points = points.clone()),
        Err(OpeningFault::Points)
    );
    let degree = Commitment {
        openings: 4,
        ..*commitment
    };
    assert_eq!(good.verify(&degree), Err(OpeningFault::Points));
    // The worker says another T than the one its polynomial has.
    let result = secrets(4).result.point().unwrap();
    let moved = Commitment {
        result,
        ..*commitment
    };
    assert_eq!(good.verify(&moved), Err(OpeningFault::Share { index: 2 }));
    // More than are ever opened, each of them right.
    let more = Commitment {
        openings: 5,
        ..*commitment
    };
    let wide = Work::perform(&job, &Strategy::Honest, &secrets(3), 6).unwrap();
    let six = opened(&wide, &[1, 2, 3, 4, 5, 6]);
    assert_eq!(six.verify(wide.commitment()), Ok(()));
    assert!(six.verify(&more).is_err());
    let json = serde_json::to_string(&good).unwrap();
    assert_eq!(serde_json::from_str::<Opening>(&json).unwrap(), good);
    assert_eq!(Opening::from_bytes(&good.to_bytes()), Ok(good));
}

/// The client with t and the opened shares has every key, whatever the coefficient box holds; with one share less it has
/// none.
#[test]
fn t_and_the_opened_shares_open_everything() {
    let good = small(OUTPUTS);
    let shares: Vec<_> = [0, 2]
        .map(|i| (i, good.polynomial.share(i).unwrap()))
        .into();
    let lent: Vec<_> = shares.iter().map(|(i, share)| (*i, share)).collect();
    let bent = small(OUTPUTS).with_coefficients(|sealed| sealed.fill(1));
    assert_eq!(bent.open(), Err(OpenError::Coefficients));
    let result = &bent.secrets.result;
    let polynomial = KeyPolynomial::from_shares(&bent.commitment, result, &lent).unwrap();
    let outputs = open_with(&bent.commitment, 3, &bent.sealed, &polynomial);
    assert_eq!(outputs.unwrap(), OUTPUTS);

    let from = |result: &ResultSecret, shares: &[(u64, &KeyShare)]| {
        KeyPolynomial::from_shares(&bent.commitment, result, shares).map(drop)
    };
    let (found, needed) = (1, 2);
    assert_eq!(
        from(result, &lent[..1]),
        Err(OpenError::Shares { found, needed })
    );
    assert_eq!(from(&secrets(2).result, &lent), Err(OpenError::OtherSecret));
    // Shares that nobody checked: of other steps, or one twice.
    let moved = [(0, lent[0].1), (1, lent[1].1)];
    assert_eq!(from(result, &moved), Err(OpenError::OtherShares));
    let index = 0;
    let twice = from(result, &[lent[0], lent[0]]);
    assert_eq!(twice, Err(OpenError::Key(KeyError::Index { index })));
    // What another contract's keys say of these boxes counts for nothing.
    let what = Sealing {
        job: [1; 32],
        ..bent.what
    };
    let others = what.polynomial(&bent.secrets).unwrap();
    assert_eq!(
        Unsealer::new(&bent.commitment, 3, &others).map(drop),
        Err(OpenError::OtherShares)
    );
}

#[test]
fn garbage_is_proven_in_a_few_bytes_and_nothing_else_is() {
    let garbage = small(b"onetwosiz");
    let (commitment, f) = (&garbage.commitment, &garbage.polynomial);
    let fault = prove_box(commitment, 3, &garbage.sealed, f, 2).unwrap();
    let read = SealFault::from_bytes(&fault.to_bytes()).unwrap();
    assert_eq!(read, fault);
    assert_eq!(read.verify(commitment), Ok(()));
    assert!(fault.to_bytes().len() < 400);
    // A box that is right, of this worker or another.
    let right = prove_box(commitment, 3, &garbage.sealed, f, 1).unwrap();
    assert_eq!(right.verify(commitment), Err(NoFault::Right));
    let good = small(OUTPUTS);
    assert_eq!(
        fault.verify(&good.commitment),
        Err(NoFault::Proof(ProofError::OtherRoot))
    );
    // With another key, box, leaf, step or points nobody is convicted.
    let bend = |change: &dyn Fn(&mut SealFault)| {
        let mut bent = right.clone();
        change(&mut bent);
        bent.verify(commitment).unwrap_err()
    };
    type Bend<'a> = (&'a dyn Fn(&mut SealFault), NoFault);
    let bends: [Bend<'_>; 6] = [
        (
            &|fault| {
                if let SealFault::Box { share, .. } = fault {
                    *share = f.share(0).unwrap();
                }
            },
            NoFault::Share { index: 1 },
        ),
        (
            &|fault| {
                if let SealFault::Box { sealed, .. } = fault {
                    sealed[3] ^= 1;
                }
            },
            NoFault::Proof(ProofError::OtherRoot),
        ),
        (
            &|fault| {
                if let SealFault::Box { leaf, .. } = fault {
                    leaf[3] ^= 1;
                }
            },
            NoFault::Proof(ProofError::OtherRoot),
        ),
        (
            &|fault| {
                if let SealFault::Box { index, .. } = fault {
                    *index = 0;
                }
            },
            NoFault::Proof(ProofError::OtherRoot),
        ),
        (
            &|fault| {
                if let SealFault::Box { index, .. } = fault {
                    *index = u64::MAX;
                }
            },
            NoFault::Proof(ProofError::Indices { count: 3 }),
        ),
        (
            &|fault| {
                if let SealFault::Box { points, .. } = fault {
                    let what = Sealing {
                        job: [0; 32],
                        ..garbage.what
                    };
                    *points = what.polynomial(&garbage.secrets).unwrap().points().unwrap();
                }
            },
            NoFault::Other,
        ),
    ];
    for (number, (change, expected)) in bends.iter().enumerate() {
        assert_eq!(bend(change), *expected, "{number}");
    }
    prove_box(commitment, 3, &garbage.sealed, f, 3).unwrap_err();

    // The coefficient box, with the secret that the payment has shown.
    let bent = small(OUTPUTS).with_coefficients(|sealed| sealed[9] ^= 1);
    let about = |case: &Small, result: &ResultSecret| SealFault::Coefficients {
        result: result.clone(),
        sealed: case.sealed[..case.what.shape.coefficient_bytes()].to_vec(),
    };
    let fault = about(&bent, &bent.secrets.result);
    let read = SealFault::from_bytes(&fault.to_bytes()).unwrap();
    assert_eq!(read.verify(&bent.commitment), Ok(()));
    assert_eq!(fault.verify(&good.commitment), Err(NoFault::Other));
    let other = about(&bent, &secrets(2).result);
    assert_eq!(other.verify(&bent.commitment), Err(NoFault::Other));
    let right = about(&good, &good.secrets.result);
    assert_eq!(right.verify(&good.commitment), Err(NoFault::Right));
    assert!(!format!("{fault:?}").contains("0101"), "{fault:?}");
}

/// A worker never shows more shares than keep its secret, whatever it is asked for, however often it starts again, and
/// none before they are written down.
#[test]
fn a_worker_never_opens_more_than_it_may() {
    let job = job();
    let work = Work::perform(&job, &Strategy::Honest, &secrets(3), 4).unwrap();
    let commitment = work.commitment();
    let mut disk: BTreeSet<u64> = BTreeSet::new();
    let mut book = OpeningBook::new(commitment);
    let allowed = book.allow(&[7, 3, 3], |all| {
        disk.clone_from(all);
        Ok(())
    });
    assert_eq!(allowed.unwrap().indices(), [3, 7]);
    // A disk that fails: nothing leaves, and the book has room for it later.
    let failed = book.allow(&[8, 9], |_| Err("full".into()));
    assert_eq!(failed, Err(BookError::NotKept("full".into())));
    assert_eq!(book.opened(), &disk);
    // Killed, and asked for the sample of another branch of the chain.
    let mut book = OpeningBook::restore(commitment, disk.clone()).unwrap();
    let (opened_before, wanted, most) = (2, 3, 4);
    let more = book.allow(&[3, 10, 11, 12], |_| panic!("nothing is written"));
    let opened = opened_before;
    assert_eq!(
        more,
        Err(BookError::TooMany {
            opened,
            wanted,
            most
        })
    );
    assert_eq!(book.opened(), &disk);
    // What it showed before it may show again; nothing new is written for it.
    let again = book.allow(&[3, 7], |_| panic!("it is there")).unwrap();
    work.open(&again).unwrap().verify(commitment).unwrap();
    let rest = book.allow(&[7, 10, 11], |_| Ok(())).unwrap();
    assert_eq!(rest.indices(), [7, 10, 11]);
    assert_eq!(book.opened().len(), 4);
    assert!(matches!(
        book.allow(&[12], |_| Ok(())),
        Err(BookError::TooMany { .. })
    ));
    // A damaged book opens nothing.
    let many = OpeningBook::restore(commitment, 0..5);
    assert!(matches!(many, Err(BookError::TooMany { .. })));
    let (index, steps) = (40, 40);
    assert_eq!(
        OpeningBook::restore(commitment, [index]),
        Err(BookError::NoStep { index, steps })
    );
    // Steps of one book open no other work.
    let other = Work::perform(&job, &Strategy::Honest, &secrets(4), 4).unwrap();
    assert!(other.open(&again).is_err());
}

#[test]
fn secrets_are_not_printed_and_the_id_binds_every_field() {
    let good = small(OUTPUTS);
    let secrets = format!("{:?}", good.secrets);
    assert_eq!(
        secrets,
        "WorkerSecrets { result: ResultSecret(..), salts: SaltSeed(..), polynomial: PolynomialSeed(..) }"
    );
    assert_eq!(format!("{:?}", good.polynomial), "KeyPolynomial(..)");
    assert_eq!(
        format!("{:?}", good.polynomial.share(1).unwrap()),
        "KeyShare(..)"
    );
    let base = good.commitment;
    let bytes = [1; 32];
    let changed = [
        Commitment { job: bytes, ..base },
        Commitment { steps: 4, ..base },
        Commitment {
            root: bytes,
            ..base
        },
        Commitment {
            result: crate::commitment_support::secrets(2)
                .result
                .point()
                .unwrap(),
            ..base
        },
        Commitment {
            openings: 3,
            ..base
        },
        Commitment {
            points: bytes,
            ..base
        },
        Commitment {
            boxes: bytes,
            ..base
        },
        Commitment {
            coefficients: bytes,
            ..base
        },
    ];
    let ids: BTreeSet<_> = changed.iter().chain([&base]).map(Commitment::id).collect();
    assert_eq!(ids.len(), 9);
    let json = serde_json::to_string(&base).unwrap();
    assert_eq!(serde_json::from_str::<Commitment>(&json).unwrap(), base);
    assert_eq!(Commitment::from_bytes(&base.to_bytes()), Ok(base));
    // 210 bytes, of this version alone.
    assert_eq!(base.to_bytes().len(), 210);
    let first: Vec<u8> = [&base.job[..], &3u64.to_be_bytes(), &[0; 96]].concat();
    assert!(Commitment::from_bytes(&first).is_err());
}

/// Secrets that are none, and numbers of openings that no polynomial has.
#[test]
fn what_cannot_be_sealed_is_refused() {
    let job = job();
    let with = |result: [u8; 32], openings| {
        let secrets = WorkerSecrets {
            result: ResultSecret::from_bytes(result),
            polynomial: PolynomialSeed::from_bytes([1; 32]),
            ..secrets(1)
        };
        Work::perform(&job, &Strategy::Honest, &secrets, openings)
            .map(drop)
            .unwrap_err()
            .to_string()
    };
    assert!(with([0; 32], 3).contains("result secret"));
    assert!(with([0xff; 32], 3).contains("result secret"));
    assert!(with([1; 32], 0).contains("0 openings"));
    assert!(with([1; 32], 41).contains("at most 40"));
    assert_eq!(SealedShape::new(1 << 62, 1 << 20, 3), None);
    assert_eq!(SealedShape::new(1, (1 << 20) + 1, 1), None);
    let tenth = Ratio::new(1, 10).unwrap();
    let same = Strategy::Falsify {
        fraction: tenth,
        seed: 5,
    };
    assert_eq!(garbage("1/10").bad_steps(STEPS), same.bad_steps(STEPS));
}
