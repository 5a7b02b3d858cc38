//! Scenarios of the paper's template: its seven schemes, and attacks that it does not withstand.

use narthex_contracts::{template::PaperExit, terms::Role};
use narthex_game_model::{ArbiterSet, Outcome, Ratio, Ruling, play::Strategy};

use super::{cheating, hardened::lives};
use crate::{
    harness::ScenarioError,
    play::{
        ContractPlay, Ending,
        cheat::Cheat,
        conduct::{Conduct, FUNDING, Fails, Unasked},
    },
};

use Role::{Client, Verifier, Worker};

type Scenario = Result<Ending, ScenarioError>;

/// A worker that falsifies, and appeals all the same.
fn falsifies() -> Conduct {
    Conduct {
        works: (cheating(), super::FALSIFIES),
        admits: false,
        ..Conduct::default()
    }
}

pub(super) fn normal(play: &mut ContractPlay<'_>) -> Scenario {
    lives(play, &Conduct::default(), PaperExit::NORMAL)?;
    Ok(Outcome::Normal.into())
}

pub(super) fn timeout(play: &mut ContractPlay<'_>) -> Scenario {
    let conduct = Conduct {
        silent: vec![(Worker, FUNDING)],
        ..Conduct::default()
    };
    lives(play, &conduct, PaperExit::TIMEOUT_BY_CLIENT)?;
    Ok(Outcome::WorkerTimedOut.into())
}

/// Its machine would give the client a block; this verifier knows that the client is away.
pub(super) fn timeout_verifier(play: &mut ContractPlay<'_>) -> Scenario {
    let conduct = Conduct {
        silent: vec![(Worker, FUNDING), (Client, FUNDING)],
        unasked: Some(Unasked {
            by: Verifier,
            what: PaperExit::TIMEOUT_BY_VERIFIER,
            at: None,
            bribes: false,
        }),
        ..Conduct::default()
    };
    lives(play, &conduct, PaperExit::TIMEOUT_BY_VERIFIER)?;
    Ok(Outcome::WorkerTimedOut.into())
}

pub(super) fn silent_verifier(play: &mut ContractPlay<'_>) -> Scenario {
    let conduct = Conduct {
        silent: vec![(Verifier, FUNDING)],
        ..Conduct::default()
    };
    lives(play, &conduct, PaperExit::SILENT_VERIFIER)?;
    Ok(Outcome::VerifierTimedOut.into())
}

pub(super) fn admit(play: &mut ContractPlay<'_>) -> Scenario {
    let conduct = Conduct {
        admits: true,
        ..falsifies()
    };
    lives(play, &conduct, PaperExit::UNAPPEALED)?;
    Ok(Outcome::FaultyUnappealed.into())
}

pub(super) fn failed(play: &mut ContractPlay<'_>) -> Scenario {
    let arbiters = (0..play.terms().panel_size()).map(Role::Arbiter);
    let conduct = Conduct {
        silent: arbiters.map(|arbiter| (arbiter, FUNDING)).collect(),
        ..falsifies()
    };
    lives(play, &conduct, PaperExit::FAILED)?;
    Ok(Outcome::ArbitrationFailed {
        ruled: ArbiterSet::empty(),
    }
    .into())
}

pub(super) fn worker_at_fault(play: &mut ContractPlay<'_>) -> Scenario {
    let majority = whole(play);
    let exit = PaperExit::ruled(Ruling::WorkerAtFault, majority);
    lives(play, &falsifies(), exit)?;
    Ok(Outcome::WorkerAtFault { majority }.into())
}

pub(super) fn verifier_at_fault(play: &mut ContractPlay<'_>) -> Scenario {
    let conduct = Conduct {
        cheats: [(Verifier, Cheat::Spites)].into(),
        ..Conduct::default()
    };
    cleared(play, &conduct)
}

/// t1 comes before any deadline for delivery, and nothing on chain says whether there was one.
pub(super) fn idle_worker(play: &mut ContractPlay<'_>) -> Scenario {
    let all = Strategy::Skip {
        fraction: Ratio::ONE,
        seed: 1,
    };
    let why = "ATTACK: delivered nothing, and claims that the verifier was silent";
    let conduct = Conduct {
        works: (all, "does nothing"),
        cheats: [(Worker, Cheat::Mute)].into(),
        why: vec![(PaperExit::SILENT_VERIFIER, why)],
        ..Conduct::default()
    };
    lives(play, &conduct, PaperExit::SILENT_VERIFIER)?;
    Ok(Outcome::VerifierTimedOut.into())
}

/// The verifier's half of the appeal is its own signature, which it keeps.
pub(super) fn mute_verifier(play: &mut ContractPlay<'_>) -> Scenario {
    let why = "ATTACK: says the sample was wrong, and keeps its half of the appeal";
    let conduct = Conduct {
        cheats: [(Verifier, Cheat::KeepsAppeal)].into(),
        // It could still take Tx3 after t1; it must be away then, or lose the race.
        leaves: Some((Worker, (Verifier, "rejecting"))),
        fails: Some((Worker, PaperExit::APPEALED, Fails::Incomplete)),
        why: vec![(PaperExit::UNAPPEALED, why)],
        ..Conduct::default()
    };
    lives(play, &conduct, PaperExit::UNAPPEALED)?;
    Ok(Outcome::FaultyUnappealed.into())
}

/// Nothing keeps an arbiter's coin for the appeal.
pub(super) fn sideways(play: &mut ContractPlay<'_>) -> Scenario {
    play.sideways.push(0);
    play.take_stake_back(0, "ATTACK: spends its stake before the appeal")?;
    let why = "the appeal cannot be made any more";
    let conduct = Conduct {
        fails: Some((Worker, PaperExit::APPEALED, Fails::Refused)),
        why: vec![(PaperExit::UNAPPEALED, why)],
        ..falsifies()
    };
    lives(play, &conduct, PaperExit::UNAPPEALED)?;
    Ok(Outcome::FaultyUnappealed.into())
}

/// The arbiters reveal their secret to convict, and the worker uses it to be cleared: a miner takes that before what convicts it.
pub(super) fn one_secret(play: &mut ContractPlay<'_>) -> Scenario {
    let exit = PaperExit::ruled(Ruling::VerifierAtFault, whole(play));
    let why = "ATTACK: the secret that was revealed to convict it opens #7 as well";
    let conduct = Conduct {
        unasked: Some(Unasked {
            by: Worker,
            what: exit,
            at: Some("accused"),
            bribes: true,
        }),
        why: vec![(exit, why)],
        ..falsifies()
    };
    cleared(play, &conduct)
}

fn cleared(play: &mut ContractPlay<'_>, conduct: &Conduct) -> Scenario {
    let majority = whole(play);
    let exit = PaperExit::ruled(Ruling::VerifierAtFault, majority);
    lives(play, conduct, exit)?;
    Ok(Outcome::VerifierAtFault { majority }.into())
}

fn whole(play: &ContractPlay<'_>) -> ArbiterSet {
    ArbiterSet::full(play.terms().panel_size())
}
