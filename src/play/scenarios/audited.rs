//! Scenarios of the audited template: what differs from the hardened one's.

use narthex_contracts::{
    template::{Exit, Rulings},
    terms::Role,
};
use narthex_game_model::{
    Accusation, ArbiterSet, Outcome, Ruling, ruling::Row, settlement::MAX_PANEL_WITH_NAMED_SILENCE,
};

use super::{
    cheating, garbage_boxes,
    hardened::{self, gone, lives, missing, on_chain, rejected_on_chain, ruled_on},
};
use crate::{
    harness::{ScenarioError, expect},
    play::{
        ContractPlay, Ending,
        cheat::Cheat,
        conduct::{Conduct, FUNDING, Unasked},
    },
};

use Role::{Client, Verifier, Worker};

type Scenario = Result<Ending, ScenarioError>;

pub(super) fn normal(play: &mut ContractPlay<'_>) -> Scenario {
    lives(play, &Conduct::default(), Exit::NORMAL)?;
    Ok(Outcome::Normal.into())
}

pub(super) fn normal_long(play: &mut ContractPlay<'_>) -> Scenario {
    lives(play, &on_chain(), Exit::NORMAL_LONG)?;
    Ok(Outcome::Normal.into())
}

pub(super) fn timeout_long(play: &mut ContractPlay<'_>) -> Scenario {
    hardened::timeout_long(play)
}

pub(super) fn worker_at_fault(play: &mut ContractPlay<'_>) -> Scenario {
    hardened::worker_at_fault(play)
}

pub(super) fn verifier_at_fault(play: &mut ContractPlay<'_>) -> Scenario {
    hardened::verifier_at_fault(play)
}

/// The client challenges, and everybody who is not silent rules by this row.
fn challenged(
    play: &mut ContractPlay<'_>,
    conduct: Conduct,
    silent: &[u8],
    by: (Row, Ruling),
) -> Scenario {
    let conduct = Conduct {
        silent: gone(silent).into_iter().chain(conduct.silent).collect(),
        ..conduct
    };
    ruled_on(play, &conduct, silent, (Accusation::Challenge, by))
}

fn upheld_by(play: &mut ContractPlay<'_>, conduct: Conduct, row: Row) -> Scenario {
    challenged(play, conduct, &[], (row, Ruling::WorkerAtFault))
}

fn dismissed_by(play: &mut ContractPlay<'_>, conduct: Conduct) -> Scenario {
    challenged(play, conduct, &[], (Row::NoGround, Ruling::VerifierAtFault))
}

/// One owner of worker and verifier delivers wrong work and approves it on chain.
fn league() -> Conduct {
    Conduct {
        cheats: [(Verifier, Cheat::League)].into(),
        why: vec![(Exit::APPROVED, "ATTACK: approves what it knows to be wrong")],
        ..rejected_on_chain()
    }
}

/// The verifier approves on chain without asking for anything.
fn approved_unasked(why: &'static str) -> Conduct {
    Conduct {
        silent: vec![(Verifier, FUNDING)],
        unasked: Some(Unasked {
            by: Verifier,
            what: Exit::APPROVED,
            at: None,
            bribes: false,
        }),
        why: vec![(Exit::APPROVED, why)],
        ..on_chain()
    }
}

pub(super) fn upheld(play: &mut ContractPlay<'_>) -> Scenario {
    upheld_by(play, league(), Row::ChallengedStep)
}

pub(super) fn upheld_long(play: &mut ContractPlay<'_>) -> Scenario {
    let silent = missing(play);
    let by = (Row::ChallengedStep, Ruling::WorkerAtFault);
    challenged(play, league(), &silent, by)
}

pub(super) fn unserved(play: &mut ContractPlay<'_>) -> Scenario {
    let why = "ATTACK: approves at once; nobody has shown the client anything";
    let conduct = Conduct {
        works: (cheating(), super::FALSIFIES),
        admits: false,
        cheats: [(Worker, Cheat::ServesNobody)].into(),
        ..approved_unasked(why)
    };
    upheld_by(play, conduct, Row::Unserved)
}

pub(super) fn garbage(play: &mut ContractPlay<'_>) -> Scenario {
    let conduct = Conduct {
        works: (garbage_boxes(), super::SEALS_GARBAGE),
        ..league()
    };
    upheld_by(play, conduct, Row::Unopened)
}

pub(super) fn dodged(play: &mut ContractPlay<'_>) -> Scenario {
    let conduct = Conduct {
        cheats: [(Verifier, Cheat::League), (Worker, Cheat::Dodges)].into(),
        ..league()
    };
    upheld_by(play, conduct, Row::Unopened)
}

pub(super) fn dismissed(play: &mut ContractPlay<'_>) -> Scenario {
    let conduct = Conduct {
        cheats: [(Client, Cheat::NamesRight)].into(),
        ..on_chain()
    };
    dismissed_by(play, conduct)
}

pub(super) fn bluff(play: &mut ContractPlay<'_>) -> Scenario {
    let why = "ATTACK: approves without looking; what it is paid is nobody's";
    let conduct = Conduct {
        cheats: [(Client, Cheat::Bluffs)].into(),
        ..approved_unasked(why)
    };
    dismissed_by(play, conduct)
}

pub(super) fn unearned_approval(play: &mut ContractPlay<'_>) -> Scenario {
    let why = "ATTACK: approves without looking; what it is paid is nobody's";
    lives(play, &approved_unasked(why), Exit::NORMAL_LONG)?;
    Ok(Outcome::Normal.into())
}

pub(super) fn undecided(play: &mut ContractPlay<'_>) -> Scenario {
    // One arbiter rules, which is no majority.
    let n = play.terms().panel_size();
    let (ruling, one) = (Ruling::WorkerAtFault, ArbiterSet::full(1));
    let rulings = (n <= MAX_PANEL_WITH_NAMED_SILENCE).then_some(Rulings::of(ruling, one));
    let silent: Vec<u8> = (1..n).collect();
    let conduct = Conduct {
        silent: gone(&silent),
        ..league()
    };
    let exit = Exit::failed_on(Accusation::Challenge, rulings, false);
    lives(play, &conduct, exit)?;
    let row = play.row();
    let what = format!("one arbiter ruled by row {row:?}");
    expect(row == Some(Row::ChallengedStep), what)?;
    Ok(Outcome::ChallengeUndecided {
        ruled: rulings.map_or(ArbiterSet::empty(), Rulings::ruled),
    }
    .into())
}
