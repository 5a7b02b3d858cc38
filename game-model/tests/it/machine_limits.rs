//! A limit of the machine is a third outcome beside right and wrong: whoever's machine it is, nobody is blamed.

use crate::commitment_support as support;

use crate::dispute_support;
use crate::retrieval_cases;

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};

use dispute_support::programs::Chain;
use dispute_support::small::{INDEX, chain, records, right};
use dispute_support::{OPENED_AT, World, keypair};
use narthex_game_model::Ruling;
use narthex_game_model::computation::{
    Job, MachineLimit, RunTwice, StepError, StepProgram, UnitProgram,
};
use narthex_game_model::dispute::{
    ContestError, HonestPlayer, LyingPlayer, MoveError, ReplayError, Side, WalkError, contest,
};
use narthex_game_model::params::JobBounds;
use narthex_game_model::play::{
    BlindDigests, Evidence, EvidenceError, Strategy, WorkError, WorkerSecrets, judge,
};
use narthex_game_model::retrieval::{StoreError, prove, survey};
use retrieval_cases::{silent, stored};

/// A program on a machine that lacks something at its `poor`-th call, and from then on if it is to stay so.
struct Poor<P> {
    inner: P,
    poor: u64,
    stays: bool,
    calls: Cell<u64>,
}

impl<P> Poor<P> {
    fn new(inner: P, poor: u64, stays: bool) -> Self {
        let calls = Cell::new(0);
        Self {
            inner,
            poor,
            stays,
            calls,
        }
    }

    fn call<T>(&self, call: impl FnOnce(&P) -> Result<T, StepError>) -> Result<T, StepError> {
        let number = self.calls.get();
        self.calls.set(number + 1);
        match number == self.poor || (self.stays && number > self.poor) {
            true => Err(lack()),
            false => call(&self.inner),
        }
    }
}

fn lack() -> StepError {
    StepError::Machine(MachineLimit::Memory {
        what: "a test",
        needed: 1,
    })
}

impl<P: StepProgram> StepProgram for Poor<P> {
    fn id(&self) -> [u8; 32] {
        self.inner.id()
    }

    fn output_bytes(&self) -> usize {
        self.inner.output_bytes()
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        self.call(|program| program.run(record))
    }
}

impl<P: UnitProgram> UnitProgram for Poor<P> {
    fn max_units(&self) -> u64 {
        self.inner.max_units()
    }

    fn start(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        self.call(|program| program.start(record))
    }

    fn advance(&self, state: &[u8]) -> Result<Vec<u8>, StepError> {
        self.call(|program| program.advance(state))
    }

    fn output(&self, state: &[u8]) -> Result<Vec<u8>, StepError> {
        self.call(|program| program.output(state))
    }
}

fn secrets() -> WorkerSecrets {
    support::secrets(1)
}

#[test]
fn neither_worker_nor_verifier_nor_arbiter_decides_by_what_its_machine_lacks() {
    let job = Job::new(chain(), records()).unwrap();
    let work = support::perform(&job, &Strategy::Honest, &secrets()).unwrap();
    let opening = support::open(&work, &[1]);
    let evidence = Evidence::gather(&job, 1, opening).unwrap();
    let poor_job = |poor| Job::new(Poor::new(chain(), poor, false), records()).unwrap();

    let error = support::perform(&poor_job(2), &Strategy::Honest, &secrets()).unwrap_err();
    let index = 2;
    assert_eq!(
        error,
        WorkError::Step {
            index,
            error: lack()
        }
    );
    let error = BlindDigests::recompute(&poor_job(1), &[0, 1], [0; 32]).unwrap_err();
    assert_eq!(error, lack());
    let accepted = JobBounds::MOST.accepts_job(&job).unwrap();
    let rule = |program: &dyn Fn() -> Result<Ruling, EvidenceError>| program();
    let index = 1;
    let defect = EvidenceError::Defect {
        index,
        error: lack(),
    };
    for poor in 0..2 {
        // Twice or once: the machine is named, not a step that differs.
        let twice = RunTwice(Poor::new(chain(), poor, false));
        let ruled = rule(&|| {
            judge(&twice, &accepted, work.commitment(), &evidence).map(|finding| finding.ruling)
        });
        assert_eq!(ruled, Err(defect.clone()));
    }
    let ruled = judge(
        &Poor::new(chain(), 0, true),
        &accepted,
        work.commitment(),
        &evidence,
    );
    assert_eq!(ruled, Err(defect));
    let able = judge(
        &Poor::new(chain(), 9, true),
        &accepted,
        work.commitment(),
        &evidence,
    );
    assert_eq!(able.unwrap().ruling, Ruling::VerifierAtFault);
}

/// At whichever call an honest player's or the record's machine fails, no dispute ends with a ruling against it.
#[test]
fn no_dispute_is_lost_by_a_machine() {
    for (claimed, honest) in [(right(), Side::Worker), ([9; 32], Side::Challenger)] {
        let world = World::new(chain(), records(), INDEX, claimed, 4);
        let (record, proof) = world.job.prove_record(INDEX).unwrap();
        let against_honest = match honest {
            Side::Worker => Ruling::WorkerAtFault,
            Side::Challenger => Ruling::VerifierAtFault,
        };
        let play = |own: &Poor<Chain>, judges: &Poor<Chain>| {
            let liars = chain();
            let mut truthful = HonestPlayer::new(own, record.clone(), proof.clone());
            let truth = HonestPlayer::new(&liars, record.clone(), proof.clone());
            let mut liar = LyingPlayer::new(truth, 11);
            let keys = [keypair(Side::Worker), keypair(Side::Challenger)];
            match honest {
                Side::Worker => contest(
                    judges,
                    &world.terms,
                    OPENED_AT,
                    [(&mut truthful, &keys[0]), (&mut liar, &keys[1])],
                    1,
                ),
                Side::Challenger => contest(
                    judges,
                    &world.terms,
                    OPENED_AT,
                    [(&mut liar, &keys[0]), (&mut truthful, &keys[1])],
                    1,
                ),
            }
        };
        let rich = || Poor::new(chain(), u64::MAX, false);
        let (own, judges) = (rich(), rich());
        let undisturbed = play(&own, &judges).unwrap();
        let calls = [own.calls.get(), judges.calls.get()];
        assert!(calls[0] > 20 && calls[1] > 0, "{calls:?}");
        for call in 0..calls[0] {
            let poor = play(&Poor::new(chain(), call, true), &rich());
            assert_eq!(
                poor,
                Err(ContestError::Defect(lack())),
                "{honest:?}, call {call}"
            );
        }
        for call in 0..calls[1] {
            let poor = play(&rich(), &Poor::new(chain(), call, false));
            assert_eq!(poor, Err(ContestError::Defect(lack())), "{honest:?}");
            let judge = Poor::new(chain(), call, false);
            let replayed = undisturbed.replay(&world.terms, &judge).unwrap_err();
            assert!(
                matches!(
                    replayed,
                    ReplayError::Entry {
                        error: MoveError::Defect(_),
                        ..
                    }
                ),
                "{replayed}"
            );
        }
        let ruled = undisturbed.replay(&world.terms, &rich()).unwrap();
        assert!(
            !format!("{ruled:?}").contains(&format!("{against_honest:?}")),
            "{ruled:?}"
        );
    }
}

#[test]
fn a_player_says_that_its_machine_could_not_go_on() {
    let program = Poor::new(chain(), 3, true);
    let world = World::new(chain(), records(), INDEX, right(), 4);
    let (record, proof) = world.job.prove_record(INDEX).unwrap();
    let mut player = HonestPlayer::new(&program, record, proof);
    assert!(player.digest_at(2).is_ok());
    assert_eq!(player.digest_at(9), Err(WalkError::Defect(lack())));
}

/// A disk that refuses to be read from one place on.
struct Refusing<S> {
    inner: S,
    from: u64,
    kind: io::ErrorKind,
}

impl<S: Read + Seek> Read for Refusing<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.stream_position()? >= self.from {
            true => Err(self.kind.into()),
            false => self.inner.read(buffer),
        }
    }
}

impl<S: Seek> Seek for Refusing<S> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

#[test]
fn what_cannot_be_read_at_the_moment_is_not_lost() {
    let mut stored = stored(10_000, 256, 20);
    let challenge = stored.challenge(1, 60);
    let (archive, hashes) = (stored.archive, stored.hashes.clone());
    let mut refusing = |kind| {
        let store = &mut stored.store;
        let from = 50 * 256;
        let mut store = Refusing {
            inner: store,
            from,
            kind,
        };
        let proof = prove(&archive, &hashes, &challenge, &mut store, &mut Vec::new());
        let found = survey(&archive, &hashes, &mut store, &mut silent);
        (proof.unwrap_err(), found)
    };
    for kind in [
        io::ErrorKind::OutOfMemory,
        io::ErrorKind::PermissionDenied,
        io::ErrorKind::TimedOut,
    ] {
        let (proof, found) = refusing(kind);
        assert!(matches!(proof, StoreError::Io { .. }), "{proof}");
        assert!(matches!(found, Err(StoreError::Io { .. })), "{found:?}");
    }
    // A disk that says that it cannot give these bytes any more has lost them.
    let (proof, found) = refusing(io::ErrorKind::Other);
    assert!(matches!(proof, StoreError::Damaged { index: 50 }));
    assert_eq!(found.unwrap().lost().count(), 10);
}
