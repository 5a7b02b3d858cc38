//! What peers, carriers, clocks and restored disks try against one party's machine.

use std::collections::BTreeMap;

use narthex_channel::{
    Machine,
    log::{Identity, MemoryDisk},
    setup::{
        Body, Bound, Cause, ChainView, Errand, Lengths, Negotiation, Parcel, Phase, Seat,
        SeatError, SetupEffect, SetupInput, SetupMachine, SetupMessage, SetupRefusal, SetupSigner,
        Timing,
    },
    toy::{ToyLedger, ToySigner},
};
use narthex_contracts::party::{PartyId, PartyName};

const CLIENT: PartyId = PartyId(0);
const WORKER: PartyId = PartyId(1);
const VERIFIER: PartyId = PartyId(2);
const ARBITER: PartyId = PartyId(3);
const PATIENCE_S: u64 = 60;

fn about(me: PartyId) -> Negotiation {
    timed(
        me,
        Timing {
            patience_s: PATIENCE_S as u32,
            funding_deadline: 100,
            margin: 2,
            burial: 3,
        },
    )
}

fn timed(me: PartyId, timing: Timing) -> Negotiation {
    let names = [
        PartyName::new(CLIENT, "client"),
        PartyName::new(WORKER, "worker"),
        PartyName::new(VERIFIER, "verifier"),
        PartyName::numbered(ARBITER, "arbiter", 0),
    ];
    let own = names[usize::from(me.0)];
    Negotiation::new([9; 32], names, (own, names[0]), timing).unwrap()
}

/// A machine that is told things.
struct One(SetupMachine);

impl One {
    fn new(me: PartyId) -> One {
        One(SetupMachine::new(about(me)))
    }

    fn take(&mut self, input: &SetupInput) -> Result<Vec<SetupEffect>, SetupRefusal> {
        let step = self.0.step(input)?;
        step.changes.iter().for_each(|change| self.0.apply(change));
        Ok(step.effects)
    }

    fn hear(
        &mut self,
        from: PartyId,
        attempt: u8,
        body: Body,
    ) -> Result<Vec<SetupEffect>, SetupRefusal> {
        let message = SetupMessage { attempt, body };
        self.take(&SetupInput::Message { from, message })
    }

    fn propose(&mut self) {
        let attempt = self.0.attempt();
        let proposal = vec![attempt];
        self.take(&SetupInput::Proposed { attempt, proposal })
            .unwrap();
    }

    fn view(&mut self, tip: u32, funded_at: Option<u32>) {
        let spent_at = None;
        let view = ChainView {
            tip,
            funded_at,
            spent_at,
        };
        self.take(&SetupInput::Chain(view)).unwrap();
    }

    fn tick(&mut self, unix_s: u64) {
        self.take(&SetupInput::Tick { unix_s }).unwrap();
    }

    fn others(&self) -> Vec<PartyId> {
        self.0.about().others().map(|name| name.id).collect()
    }

    fn bind(&mut self) {
        let me = self.0.about().me().id;
        let lengths = Lengths {
            nonces: BTreeMap::from([(CLIENT, 4), (WORKER, 4), (VERIFIER, 4)]),
            // The arbiter owes no nonces and no shares; nobody owes the second stage any but the client.
            shares: vec![
                BTreeMap::from([(CLIENT, 4), (WORKER, 4)]),
                BTreeMap::from([(CLIENT, 4)]),
            ],
        };
        let without = |mut of: BTreeMap<PartyId, u32>| {
            of.remove(&me);
            of
        };
        let bound = Bound {
            agreement: [1; 32],
            announcement: Vec::new(),
            lengths: Lengths {
                nonces: without(lengths.nonces),
                shares: lengths.shares.into_iter().map(without).collect(),
            },
        };
        self.take(&SetupInput::Bound { attempt: 0, bound }).unwrap();
    }

    /// Up to a phase, as everybody means it; not the client's machine.
    fn up_to(me: PartyId, phase: Phase) -> One {
        let mut one = One::new(me);
        if phase == Phase::Proposing {
            return one;
        }
        one.propose();
        one.hear(CLIENT, 0, Body::Terms(vec![1])).unwrap();
        if phase == Phase::Agreed {
            return one;
        }
        one.bind();
        for from in one.others() {
            let bind = Body::Bind {
                agreement: [1; 32],
                announcement: Vec::new(),
            };
            one.hear(from, 0, bind).unwrap();
        }
        let nonces = vec![0; 4];
        one.take(&SetupInput::Announced { attempt: 0, nonces })
            .unwrap();
        if phase == Phase::Announcing {
            return one;
        }
        for from in [CLIENT, WORKER, VERIFIER] {
            if from != me {
                one.hear(from, 0, Body::Nonces(vec![0; 4])).unwrap();
            }
        }
        let signing = vec![5];
        one.take(&SetupInput::Signed {
            attempt: 0,
            signing,
        })
        .unwrap();
        if phase == Phase::Exchanging {
            return one;
        }
        for (stage, from) in [(0, CLIENT), (0, WORKER), (1, CLIENT)] {
            if from != me {
                let shares = vec![0; 4];
                one.hear(from, 0, Body::Shares { stage, shares }).unwrap();
            }
        }
        for stage in 0..2 {
            let signatures = (stage == 1).then(|| vec![6]);
            one.take(&SetupInput::Closed {
                attempt: 0,
                stage,
                signatures,
            })
            .unwrap();
        }
        assert_eq!(one.0.phase(), Phase::Holding);
        one
    }
}

#[test]
fn who_speaks_of_a_far_attempt_costs_one() {
    let mut victim = One::new(WORKER);
    victim.propose();
    victim.hear(VERIFIER, 8, Body::Held).unwrap();
    assert_eq!(victim.0.attempt(), 8);
    assert_eq!(victim.0.voided(), Some(&Cause::Ahead(VERIFIER)));
    // What follows is as good as ever: the worker hands it on, and the client goes there.
    let handed_on = victim.0.message(7, Parcel::Abort).unwrap();
    let mut client = One::new(CLIENT);
    client
        .hear(WORKER, handed_on.attempt, handed_on.body)
        .unwrap();
    assert_eq!((client.0.attempt(), client.0.dropped()), (8, None));
    client.propose();
    // It costs each of them an attempt, and nobody its seat.
    for lost in 0..3 {
        let attempt = client.0.attempt();
        client
            .hear(ARBITER, attempt, Body::Abort(Cause::Split(VERIFIER)))
            .unwrap();
        let wanted = (lost == 2).then_some(&Cause::Discord);
        assert_eq!(client.0.dropped(), wanted);
    }
    // Farther than anybody gets: nothing comes of it.
    let mut other = One::new(WORKER);
    let refused = other.hear(VERIFIER, 9, Body::Held).unwrap_err();
    assert!(
        matches!(refused, SetupRefusal::NoAttempt { .. }),
        "{refused}"
    );
}

#[test]
fn each_of_many_may_lose_its_memory_once_and_be_heard_of_from_others() {
    let arbiters =
        (0u8..6).map(|at| PartyName::numbered(PartyId(3 + at), "arbiter", u16::from(at)));
    let names: Vec<_> = about(CLIENT).parties()[..3]
        .iter()
        .copied()
        .chain(arbiters)
        .collect();
    let timing = Timing {
        patience_s: PATIENCE_S as u32,
        funding_deadline: 100,
        margin: 2,
        burial: 3,
    };
    for parties in [4usize, 6, 8] {
        let client = (names[0], names[0]);
        let about = Negotiation::new([9; 32], names[..parties].to_vec(), client, timing).unwrap();
        let mut client = One(SetupMachine::new(about));
        for attempt in 0..parties {
            assert_eq!(client.0.dropped(), None, "{parties}");
            // Each tells of the next one.
            let (by, of) = (1 + attempt % 3, 1 + (attempt + 1) % 3);
            let accused = Some(names[of].id);
            let cause = Cause::Told {
                by: names[of].id,
                accused,
            };
            let attempt = u8::try_from(attempt).unwrap();
            client
                .hear(names[by].id, attempt, Body::Abort(cause))
                .unwrap();
        }
        assert_eq!(client.0.dropped(), Some(&Cause::Discord), "{parties}");
    }
}

#[test]
fn nobody_is_struck_for_what_it_hands_on() {
    // The verifier accuses others to the worker alone, and then sends nonsense; each time the worker hands it on.
    let (mut worker, mut client) = (One::new(WORKER), One::new(CLIENT));
    let whispers = [
        Cause::Silent(CLIENT),
        Cause::Silent(ARBITER),
        Cause::Split(CLIENT),
        Cause::Silent(ARBITER),
    ];
    for cause in whispers {
        let attempt = worker.0.attempt();
        worker.propose();
        worker.hear(VERIFIER, attempt, Body::Abort(cause)).unwrap();
        let handed_on = worker.0.message(attempt, Parcel::Abort).unwrap();
        client
            .hear(WORKER, handed_on.attempt, handed_on.body)
            .unwrap();
    }
    for machine in [&worker.0, &client.0] {
        let is_blamed = |cause: &Cause| matches!(cause, Cause::Struck(_));
        assert!(!machine.dropped().is_some_and(is_blamed), "{machine:?}");
        assert_eq!(machine.phase(), Phase::Dropped);
    }
    // Who hands on that a third accuses it does not own up to it.
    let mut client = One::new(CLIENT);
    let accused = Cause::Told {
        by: ARBITER,
        accused: Some(WORKER),
    };
    for attempt in 0..4 {
        assert_eq!(client.0.dropped(), None);
        let abort = Body::Abort(accused.clone());
        client.hear(WORKER, attempt, abort).unwrap();
    }
    assert_eq!(client.0.dropped(), Some(&Cause::Discord));
    // Who calls itself the one that told owns up all the same.
    let mut client = One::new(CLIENT);
    let owned = Cause::Told {
        by: VERIFIER,
        accused: None,
    };
    for attempt in 0..2 {
        client
            .hear(VERIFIER, attempt, Body::Abort(owned.clone()))
            .unwrap();
    }
    assert_eq!(client.0.dropped(), Some(&Cause::Struck(VERIFIER)));
}

#[test]
fn who_has_left_is_not_waited_for() {
    // The worker leaves while others are at another attempt already.
    let mut client = One::new(CLIENT);
    client.hear(ARBITER, 0, Body::Abort(Cause::Lost)).unwrap();
    assert_eq!(client.0.attempt(), 1);
    let reason = "not for me".to_owned();
    client
        .hear(WORKER, 0, Body::Over(Cause::Declined { reason }))
        .unwrap();
    assert_eq!(client.0.phase(), Phase::Dropped);
    // What it says to a third is that it is over, too, whatever it heard first.
    let handed_on = client.0.message(1, Parcel::Abort).unwrap();
    let mut verifier = One::up_to(VERIFIER, Phase::Holding);
    verifier
        .hear(CLIENT, handed_on.attempt, handed_on.body)
        .unwrap();
    assert_eq!(verifier.0.phase(), Phase::Dropped);
}

#[test]
fn what_nobody_owes_is_not_kept() {
    let mut worker = One::up_to(WORKER, Phase::Exchanging);
    let before = format!("{:?}", worker.0);
    let none = Vec::new;
    let nothing = [
        (ARBITER, Body::Nonces(none())),
        (
            ARBITER,
            Body::Shares {
                stage: 0,
                shares: none(),
            },
        ),
        (
            VERIFIER,
            Body::Shares {
                stage: 1,
                shares: none(),
            },
        ),
        (
            CLIENT,
            Body::Shares {
                stage: 200,
                shares: none(),
            },
        ),
        (
            CLIENT,
            Body::Shares {
                stage: 2,
                shares: vec![0; 1 << 20],
            },
        ),
    ];
    for (from, body) in nothing {
        let refused = worker.hear(from, 0, body).unwrap_err();
        assert!(
            matches!(refused, SetupRefusal::NotItsPart { .. }),
            "{refused}"
        );
    }
    // Before anything is bound no ceremony is kept at all.
    let mut early = One::up_to(WORKER, Phase::Agreed);
    for body in [
        Body::Nonces(vec![0; 1 << 20]),
        Body::Shares {
            stage: 0,
            shares: vec![0; 1 << 20],
        },
    ] {
        let refused = early.hear(CLIENT, 0, body).unwrap_err();
        assert!(matches!(refused, SetupRefusal::Early { .. }), "{refused}");
    }
    assert_eq!(format!("{:?}", worker.0), before);
}

#[test]
fn who_holds_all_before_this_party_has_signed_is_heard() {
    // The arbiter is owed nothing by the worker, so it is ready while the verifier's nonces are on their way.
    let mut worker = One::up_to(WORKER, Phase::Announcing);
    worker.hear(ARBITER, 0, Body::Held).unwrap();
    // Without the worker's nonces it could not be.
    let mut early = One::up_to(WORKER, Phase::Agreed);
    let refused = early.hear(ARBITER, 0, Body::Held).unwrap_err();
    assert!(matches!(refused, SetupRefusal::Early { .. }), "{refused}");
}

/// The one that is nearer to the culprit gives up first, and says on whom it waits, at each boundary of two phases.
#[test]
fn who_is_kept_waiting_is_not_called_silent() {
    let pairs = [
        (Phase::Proposing, Phase::Agreed),
        (Phase::Agreed, Phase::Announcing),
        (Phase::Announcing, Phase::Exchanging),
        (Phase::Exchanging, Phase::Holding),
    ];
    for (kept, ahead) in pairs {
        let (mut worker, mut arbiter) = (One::up_to(WORKER, kept), One::up_to(ARBITER, ahead));
        match kept {
            Phase::Proposing => worker.propose(),
            Phase::Agreed => worker.bind(),
            _ => {}
        }
        // The kept one came to its phase a tick later than the other to the next.
        arbiter.tick(0);
        let mut now_s = 30;
        while worker.0.attempt() == 0 && arbiter.0.attempt() == 0 {
            assert!(now_s < 10_000, "{kept:?}");
            worker.tick(now_s);
            arbiter.tick(now_s);
            now_s += 30;
        }
        assert_eq!(
            (worker.0.attempt(), arbiter.0.attempt()),
            (1, 0),
            "{kept:?}"
        );
    }
}

#[test]
fn own_absence_is_nobodys_silence() {
    for phase in [Phase::Exchanging, Phase::Holding] {
        let mut worker = One::up_to(WORKER, phase);
        worker.tick(0);
        // A day later the process starts again.
        worker.take(&SetupInput::Lost { attempt: 0 }).unwrap();
        worker.tick(86_400);
        assert_eq!((worker.0.attempt(), worker.0.phase()), (0, phase));
    }
}

#[test]
fn the_chain_knows_more_than_an_old_disk() {
    // Everything was held, and by this log own witnesses never left; the chain says that they did.
    let mut worker = One::up_to(WORKER, Phase::Holding);
    worker.view(99, Some(99));
    assert_eq!(worker.0.phase(), Phase::Committed);
    // Nobody's word ends it any more, nor the clock.
    worker.hear(CLIENT, 0, Body::Abort(Cause::Lost)).unwrap();
    worker.hear(CLIENT, 0, Body::Over(Cause::Late)).unwrap();
    worker.tick(0);
    worker.tick(1_000_000);
    worker.take(&SetupInput::Lost { attempt: 0 }).unwrap();
    worker.view(101, Some(99));
    assert_eq!(worker.0.live(), Some(99));
    // A reorganisation leaves it to the chain.
    worker.view(101, None);
    assert_eq!(worker.0.phase(), Phase::Withdrawing);

    // It counted as too late before the chain was seen.
    let mut late = One::up_to(WORKER, Phase::Holding);
    late.view(98, None);
    assert_eq!(late.0.dropped(), Some(&Cause::Late));
    late.view(99, Some(97));
    assert_eq!(late.0.live(), Some(97));
    // And in a state where nothing is held yet, what the chain has is not forgotten.
    let mut early = One::up_to(WORKER, Phase::Agreed);
    early.view(98, Some(98));
    early.take(&SetupInput::Lost { attempt: 0 }).unwrap();
    assert_eq!((early.0.phase(), early.0.attempt()), (Phase::Committed, 0));
}

#[test]
fn a_view_that_contradicts_itself_ends_nothing() {
    let mut worker = One::up_to(WORKER, Phase::Holding);
    worker.view(99, Some(97));
    let both = ChainView {
        tip: 120,
        funded_at: Some(97),
        spent_at: Some(97),
    };
    let refused = worker.take(&SetupInput::Chain(both)).unwrap_err();
    assert!(matches!(refused, SetupRefusal::View { .. }), "{refused}");
    assert_eq!(worker.0.live(), Some(97));
}

#[test]
fn heights_at_the_end_of_their_range_do_not_wrap() {
    let last = u32::MAX;
    let timing = Timing {
        patience_s: u32::MAX,
        funding_deadline: last,
        margin: 2,
        burial: last,
    };
    let about = timed(WORKER, timing);
    assert!(!about.is_late(last - 3) && about.is_late(last - 2) && about.is_late(last));
    assert!(!about.is_buried(last, last) && !about.is_buried(last, 2));
    assert!(about.is_buried(last, 1));
    let mut machine = SetupMachine::new(about);
    for unix_s in [u64::MAX - 1, u64::MAX] {
        let step = machine.step(&SetupInput::Tick { unix_s }).unwrap();
        step.changes.iter().for_each(|change| machine.apply(change));
    }
}

/// A signer that fails at one piece of work, once.
struct Failing(ToySigner, Option<&'static str>);

impl SetupSigner for Failing {
    type Error = String;

    fn resume(&mut self, machine: &SetupMachine) -> Result<(), String> {
        self.0.resume(machine).map_err(|error| error.to_string())
    }

    fn is_funding(&mut self, whole: &[u8], machine: &SetupMachine) -> Result<bool, String> {
        self.0.is_funding(whole, machine).map_err(|e| e.to_string())
    }

    fn work(
        &mut self,
        effect: SetupEffect,
        machine: &SetupMachine,
    ) -> Result<Option<SetupInput>, String> {
        match self.1.take_if(|at| format!("{effect:?}").starts_with(*at)) {
            Some(at) => Err(format!("no {at} today")),
            None => self.0.work(effect, machine).map_err(|e| e.to_string()),
        }
    }

    fn shares(
        &mut self,
        stage: u8,
        to: PartyId,
        machine: &SetupMachine,
    ) -> Result<Option<Vec<u8>>, String> {
        self.0.shares(stage, to, machine).map_err(|e| e.to_string())
    }
}

type Letters = Vec<(PartyId, PartyId, SetupMessage)>;

/// Everybody by toy signers; the worker's fails once at `at`, and is opened again. What was sent, and what was published.
fn room(at: Option<&'static str>, spoil: impl Fn(&mut SetupMessage)) -> (Vec<Phase>, Vec<Vec<u8>>) {
    let ledger = std::rc::Rc::new(std::cell::RefCell::new(ToyLedger::default()));
    let disk = MemoryDisk::default();
    let mut seed = 0;
    let mut open = |me: PartyId, at| {
        seed += 1;
        let whose = Identity::new(
            if me == WORKER { "worker" } else { "other" },
            [seed * u8::from(me != WORKER); 32],
        );
        let log = match me {
            WORKER => disk.open(&whose).unwrap(),
            _ => MemoryDisk::default().open(&whose).unwrap(),
        };
        let signer = ToySigner::new(me, [seed; 32], (ledger.clone(), 50));
        Seat::open(about(me), log, Failing(signer, at), &mut |_| ())
    };
    let (mut seats, mut letters, mut published) = (BTreeMap::new(), Letters::new(), Vec::new());
    let mut post = |from: PartyId, errands: Vec<Errand>, letters: &mut Letters| {
        for errand in errands {
            match errand {
                Errand::Send { to, mut message } => {
                    spoil(&mut message);
                    letters.push((from, to, message));
                }
                Errand::Broadcast(whole) => published.push(whole),
                Errand::Withdraw => {}
            }
        }
    };
    for me in [CLIENT, WORKER, VERIFIER, ARBITER] {
        let opened = open(me, at.filter(|at| me == WORKER && *at != "Propose"));
        let (seat, errands) = opened.map_err(|error| error.to_string()).unwrap();
        post(me, errands, &mut letters);
        seats.insert(me, seat);
    }
    while !letters.is_empty() {
        let (from, to, message) = letters.remove(0);
        let seat = seats.get_mut(&to).unwrap();
        let input = SetupInput::Message { from, message };
        match seat.take(&input, &mut |_| ()) {
            Ok(errands) => post(to, errands, &mut letters),
            Err(SeatError::Refused(_)) => {}
            Err(SeatError::Signer(_)) => {
                // It takes nothing more, so that nothing that it would have to send is lost.
                let again = seat.take(&input, &mut |_| ());
                assert!(
                    matches!(again, Err(SeatError::Broken)),
                    "{:?}",
                    again.is_ok()
                );
                drop(seats.remove(&to));
                let (seat, errands) = open(to, None).map_err(|e| e.to_string()).unwrap();
                post(to, errands, &mut letters);
                seats.insert(to, seat);
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(ledger.borrow().violations(), []);
    let phases = seats.values().map(Seat::phase).collect();
    (phases, published)
}

#[test]
fn a_signer_that_fails_goes_on_from_its_log() {
    for at in [
        None,
        Some("Bind"),
        Some("Announce"),
        Some("Sign"),
        Some("Close"),
        Some("Fund"),
    ] {
        let (phases, published) = room(at, |_| ());
        assert_eq!(phases, [Phase::Committed; 4], "{at:?}");
        assert_eq!(published.len(), 4, "{at:?}");
    }
}

#[test]
fn what_is_no_funding_is_not_published() {
    let (phases, published) = room(None, |message| {
        if let Body::Whole(bytes) = &mut message.body {
            bytes[0] ^= 1;
        }
    });
    assert_eq!(phases, [Phase::Committed; 4]);
    // The client's own, and nobody else's.
    assert_eq!(published.len(), 1);
}
