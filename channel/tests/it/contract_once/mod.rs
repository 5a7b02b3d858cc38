//! An arbiter attests one ruling, wherever it is killed and whichever copy of its disk is put back, as long as those who have heard of the
//! first one say so; and it attests, also where others are silent.
//!
//! The arbiter's disk is its log, and nothing else: its record of rulings is taken to be as old as that. Whoever it asks runs its real machine.

mod process;

use bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use narthex_channel::contract::{ContractChange, ContractInput, Facts, Said};
use narthex_contracts::{graph::TxGraph, template::Exit, terms::Role};
use narthex_game_model::Ruling;

use self::process::{Around, Process};
use super::contract_support::{CLIENT, FUNDED, PANEL, VERIFIER, WORKER, world};

const ACCUSED: u32 = FUNDED + 60;
/// The arbiter that is killed.
const ME: u8 = 1;
/// What it finds first.
const FOUND: Ruling = Ruling::WorkerAtFault;
/// Tips that a process lives through: beyond the end of the case.
const LAST: u32 = ACCUSED + 16;

fn facts(tip: u32) -> Facts {
    let path = [
        (Exit::DELIVERED, ACCUSED - 30),
        (Exit::REJECTED, ACCUSED - 5),
        (Exit::APPEALED, ACCUSED),
    ];
    let path = path.map(|(name, height)| (world().node(name), height));
    let all = [(TxGraph::FUNDING, FUNDED)].into_iter().chain(path);
    Facts {
        path: all.filter(|(_, height)| *height <= tip).collect(),
        ..Facts::default()
    }
}

fn other(ruling: Ruling) -> Ruling {
    let mut all = Ruling::ALL.into_iter();
    all.find(|other| *other != ruling).unwrap()
}

/// An answer comes to the process that has asked, whichever is next.
fn answered(processes: &mut [Process], around: &mut Around) -> bool {
    if around.answers.is_empty() {
        return false;
    }
    let next = around.rng.gen_range(0..around.answers.len());
    let (process, from, digest) = around.answers.swap_remove(next);
    if let Some(process) = processes.iter_mut().find(|one| one.number == process) {
        let what = Said::DigestSeen(digest);
        process.take(&ContractInput::Said { from, what }, around);
    }
    true
}

/// Everything that is on its way comes, in any order.
fn talk(processes: &mut [Process], around: &mut Around) {
    loop {
        let is_ask = around.rng.r#gen();
        let one = match is_ask {
            true => around.deliver() || answered(processes, around),
            false => answered(processes, around) || around.deliver(),
        };
        if !one || processes.iter().any(|process| process.is_dead) {
            return;
        }
    }
}

/// A process lives from this tip on, until it is killed: the tip then.
fn live(mut process: Process, tip: u32, around: &mut Around) -> (Process, u32) {
    process.wake(around);
    for tip in tip..=LAST {
        process.look(tip, around);
        if tip > ACCUSED {
            process.brings(around);
        }
        if tip > ACCUSED + 5 {
            let company = around.company;
            process.joined(company, around);
        }
        let processes = std::slice::from_mut(&mut process);
        talk(processes, around);
        if process.is_dead {
            return (process, tip);
        }
    }
    (process, LAST)
}

/// The first process, from before the accusation.
fn first(finds: Ruling) -> Process {
    Process::start(1, &[], FUNDED + 6, finds)
}

const SILENT: [&[Role]; 5] = [
    &[],
    &[WORKER],
    &[CLIENT, WORKER],
    &[CLIENT, WORKER, PANEL[0]],
    &[CLIENT, VERIFIER, PANEL[2]],
];

/// One case of the matrix.
#[derive(Debug)]
struct Disturbed {
    silent: &'static [Role],
    kill: (usize, bool),
    /// How many writes of the disk are left.
    copy: usize,
    /// Of the evidence: it would rule otherwise now.
    is_other: bool,
    /// Own words come back.
    is_recalled: bool,
    /// What was on its way is lost.
    is_lost: bool,
}

impl Disturbed {
    fn all() -> Vec<Disturbed> {
        let mut all = Vec::new();
        for silent in SILENT {
            let mut around = Around::new(silent, None, 1);
            let writes = live(first(FOUND), ACCUSED - 2, &mut around).0.writes;
            let kills = (1..=writes).flat_map(|at| [(at, false), (at, true)]);
            for kill in kills {
                let copies = (0..=kill.0).flat_map(|copy| (0..8u8).map(move |which| (copy, which)));
                all.extend(copies.map(|(copy, which)| Disturbed {
                    silent,
                    kill,
                    copy,
                    is_other: which & 1 > 0,
                    is_recalled: which & 2 > 0,
                    is_lost: which & 4 > 0,
                }));
            }
        }
        all
    }

    /// How many rulings were attested.
    fn lived(&self, seed: u64) -> usize {
        // Where answers are short nobody can lie and have the rest stand for what a contract promises.
        let liar = (self.silent.len() < 2 && self.is_other).then_some(PANEL[0]);
        let mut around = Around::new(self.silent, liar, seed);
        let mut process = first(FOUND);
        process.kill = Some(self.kill);
        let (dead, tip) = live(process, ACCUSED - 2, &mut around);
        match self.is_lost {
            true => around.asks.clear(),
            false => while around.deliver() {},
        }
        around.answers.clear();
        let disk = &dead.disk[..self.copy.min(dead.disk.len())];
        let finds = if self.is_other { other(FOUND) } else { FOUND };
        let mut again = Process::start(2, disk, tip, finds);
        if self.is_recalled {
            again.recall(&mut around);
        }
        around.given_again(2);
        let (again, _) = live(again, tip, &mut around);
        // The disk that there was, and the same evidence: it attests what it found.
        if disk.len() == dead.disk.len() && !self.is_other {
            assert_eq!(again.machine.standing(), "attested", "{self:?}");
        }
        around.signed.len()
    }
}

#[test]
fn a_ruling_is_attested_once_wherever_the_arbiter_is_killed_and_whatever_disk_is_put_back() {
    let (mut lives, mut attested) = (0, 0);
    for (case, seed) in Disturbed::all().iter().zip(0..) {
        let signed = case.lived(seed);
        assert!(signed <= 1, "{case:?}, seed {seed}");
        lives += 1;
        attested += signed;
    }
    assert!(
        lives > 2_000 && attested * 2 > lives,
        "{attested} of {lives}"
    );
}

/// Process behind process, each on some copy of the disk that there was by then, and finding anything.
#[test]
fn many_lives_attest_once() {
    for seed in 0..400u64 {
        let mut rng = StdRng::seed_from_u64(seed);
        let silent = *SILENT.choose(&mut rng).unwrap();
        let mut around = Around::new(silent, None, seed);
        let mut copies: Vec<Vec<Vec<ContractChange>>> = vec![Vec::new()];
        let mut tip = ACCUSED - 2;
        for number in 1..=rng.gen_range(2..7usize) {
            let disk = copies.choose(&mut rng).unwrap();
            let disk = &disk[..rng.gen_range(0..=disk.len())];
            let finds = *Ruling::ALL.choose(&mut rng).unwrap();
            let mut process = Process::start(number, disk, tip, finds);
            process.kill = rng
                .gen_ratio(3, 4)
                .then(|| (rng.gen_range(1..9), rng.r#gen()));
            if rng.r#gen() {
                process.recall(&mut around);
            }
            around.given_again(number);
            let (process, then) = live(process, tip, &mut around);
            while around.deliver() {}
            tip = then;
            copies.push(process.disk);
        }
        assert!(around.signed.len() <= 1, "seed {seed}");
    }
}

/// Two processes at once, of which one lags, and each finds what it is brought.
#[test]
fn a_second_replica_that_lags_attests_nothing_else() {
    let mut both = 0;
    for seed in 0..600u64 {
        let mut rng = StdRng::seed_from_u64(seed);
        let liar = rng.r#gen::<bool>().then_some(VERIFIER);
        let mut around = Around::new(&[], liar, seed);
        let (found, lag) = (Ruling::WorkerAtFault, rng.gen_range(0..5u32));
        // It has the leader's log up to some write.
        let leads = live(first(found), ACCUSED - 2, &mut Around::new(&[], None, seed)).0;
        let copied = rng.gen_range(0..leads.disk.len().min(5));
        let lags = Process::start(2, &leads.disk[..copied], FUNDED + 6, other(found));
        let mut processes = [first(found), lags];
        for tip in ACCUSED - 2..=LAST {
            for (process, behind) in processes.iter_mut().zip([0, lag]) {
                process.look(tip - behind, &mut around);
                if tip - behind > ACCUSED {
                    process.brings(&mut around);
                }
                // Some of what is said comes before the other has looked.
                for _ in 0..around.rng.gen_range(0..4u8) {
                    around.deliver();
                }
            }
            talk(&mut processes, &mut around);
        }
        assert!(around.signed.len() <= 1, "seed {seed}");
        both += usize::from(
            processes
                .iter()
                .all(|one| one.machine.book().once().fixed().is_some()),
        );
    }
    assert!(both > 100, "{both}");
}

#[test]
fn silence_keeps_nobody_from_attesting_but_one_whose_disk_was_put_back() {
    let found = Ruling::VerifierAtFault;
    let all = [CLIENT, WORKER, VERIFIER, PANEL[0], PANEL[2]];
    // Everybody is silent: who was there before the accusation need not ask.
    let mut around = Around::new(&all, None, 7);
    let (process, _) = live(first(found), ACCUSED - 2, &mut around);
    assert_eq!(
        (around.signed.len(), process.machine.standing()),
        (1, "attested")
    );
    // Who came later needs a majority of the panel, itself left out, or as many others.
    for (silent, attests) in [(&all[..3], true), (&all[..4], false)] {
        let mut around = Around::new(silent, None, 7);
        let later = Process::start(1, &[], ACCUSED + 1, found);
        let (process, _) = live(later, ACCUSED + 1, &mut around);
        assert_eq!(around.signed.len(), usize::from(attests));
        let standing = if attests { "attested" } else { "asking" };
        assert_eq!(process.machine.standing(), standing);
    }
    // Whose disk was put back since needs as many as anybody who does not wait, and no time passes for it.
    let item = Said::Item(world().sample(1, ACCUSED - 20));
    let known_by = [ContractInput::Recalled(item), ContractInput::PutBack];
    for ((silent, attests), input) in [(&all[..1], true), (&all[..2], false)]
        .into_iter()
        .flat_map(|case| known_by.iter().map(move |input| (case, input)))
    {
        let mut around = Around::new(silent, None, 7);
        let mut late = Process::start(1, &[], ACCUSED + 1, found);
        late.look(ACCUSED + 1, &mut around);
        late.take(input, &mut around);
        assert!(late.machine.book().once().is_put_back());
        live(late, ACCUSED + 1, &mut around);
        assert_eq!(around.signed.len(), usize::from(attests));
    }
}

/// An older disk may lack what came once: its arbiter attests only beside so many that have ruled by the same evidence as make a majority
/// with it.
#[test]
fn whoever_was_put_back_attests_in_company() {
    let found = Ruling::VerifierAtFault;
    for (is_put_back, company) in [
        (true, &[][..]),
        (true, &[0]),
        (true, &[2]),
        (true, &[0, 2]),
        (false, &[]),
    ] {
        // One says that it has heard something else, and another thing later.
        for differs in [None, Some(0), Some(2)] {
            let mut around = Around::new(&[], None, 7);
            around.company = company;
            let mut late = Process::start(1, &[], ACCUSED + 1, found);
            late.look(ACCUSED + 1, &mut around);
            if is_put_back {
                late.take(&ContractInput::PutBack, &mut around);
            }
            if let Some(arbiter) = differs {
                let mut digest = world().digest(arbiter, found);
                digest.evidence = [1; 32];
                let (from, what) = (PANEL[usize::from(arbiter)], Said::Digest(digest));
                late.take(&ContractInput::Said { from, what }, &mut around);
            }
            let others = company.iter().filter(|arbiter| Some(**arbiter) != differs);
            let is_alone = is_put_back && others.count() == 0;
            live(late, ACCUSED + 1, &mut around);
            let case = format!("{is_put_back}, {company:?}, {differs:?}");
            assert_eq!(around.signed.len(), usize::from(!is_alone), "{case}");
        }
    }
}

/// A digest that comes back decides, whatever would be found now; two that contradict each other silence.
#[test]
fn a_digest_that_comes_back_is_the_ruling() {
    let found = Ruling::WorkerAtFault;
    let mut around = Around::new(&[], None, 7);
    let mut process = Process::start(1, &[], ACCUSED + 1, other(found));
    let said = |ruling| ContractInput::Recalled(Said::Digest(world().digest(ME, ruling)));
    process.take(&said(found), &mut around);
    let (process, _) = live(process, ACCUSED + 1, &mut around);
    assert_eq!(process.machine.book().ruling(), Some(found));
    assert_eq!(process.machine.standing(), "attested");
    let mut around = Around::new(&[], None, 7);
    let mut process = Process::start(1, &[], ACCUSED + 1, found);
    process.take(&said(found), &mut around);
    process.take(&said(other(found)), &mut around);
    let (process, _) = live(process, ACCUSED + 1, &mut around);
    assert_eq!(process.machine.standing(), "silent");
    assert_eq!(around.signed.len(), 0);
}
