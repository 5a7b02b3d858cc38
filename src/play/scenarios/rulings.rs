//! One scenario for each row of the table of rulings that a play can reach.

use narthex_contracts::{template::Exit, terms::Role};
use narthex_game_model::{Outcome, Ruling, play::Strategy, ruling::Row};

use super::{
    cheating,
    hardened::{lives, on_chain, rejected_on_chain, ruled},
};
use crate::{
    harness::ScenarioError,
    play::{
        ContractPlay, Ending,
        cheat::Cheat,
        conduct::{Anew, Conduct, FUNDING, Unasked},
    },
};

use Role::{Client, Verifier, Worker};

type Scenario = Result<Ending, ScenarioError>;

const W: Ruling = Ruling::WorkerAtFault;
const V: Ruling = Ruling::VerifierAtFault;

/// Delivered on chain, rejected for this reason, appealed, and ruled on by this row.
fn disputed(
    play: &mut ContractPlay<'_>,
    conduct: Conduct,
    why: &'static str,
    by: (Row, Ruling),
) -> Scenario {
    let why = vec![(Exit::REJECTED, why)];
    ruled(play, &Conduct { why, ..conduct }, &[], by)
}

/// Honest work, and one that cheats in what it says.
fn cheats(role: Role, cheat: Cheat) -> Conduct {
    Conduct {
        cheats: [(role, cheat)].into(),
        ..on_chain()
    }
}

pub(super) fn two_roots(play: &mut ContractPlay<'_>) -> Scenario {
    let conduct = Conduct {
        works: (cheating(), "falsifies a tenth of the steps"),
        anew: Some(Anew {
            who: Worker,
            when: (Worker, "committed"),
            works: Some((Strategy::Honest, "ATTACK: has right work beside it")),
            cheat: Some(Cheat::ForPanelOnly),
            is_told: false,
            told: &[],
        }),
        ..rejected_on_chain()
    };
    let why = "the root of record is not the one that it was shown";
    disputed(play, conduct, why, (Row::Contradiction, W))
}

pub(super) fn two_samples(play: &mut ContractPlay<'_>) -> Scenario {
    let why = "ATTACK: the worker opened the one sample that it sealed for, and is to be asked for the other";
    let conduct = cheats(Verifier, Cheat::TwoSamples);
    disputed(play, conduct, why, (Row::Contradiction, V))
}

pub(super) fn redraw(play: &mut ContractPlay<'_>) -> Scenario {
    let conduct = Conduct {
        anew: Some(Anew {
            who: Worker,
            when: (Worker, "contested"),
            works: Some((
                Strategy::Honest,
                "ATTACK: caught off chain, it does the work after all",
            )),
            cheat: Some(Cheat::Unsigned),
            is_told: false,
            told: &[],
        }),
        ..rejected_on_chain()
    };
    let why = "the worker signed another root, and one root has one sample";
    disputed(play, conduct, why, (Row::Record, W))
}

pub(super) fn withheld_boxes(play: &mut ContractPlay<'_>) -> Scenario {
    // What it opens off chain is right: a verifier that has that and no boxes must not wait for them for ever.
    let conduct = Conduct {
        delivers: false,
        ..cheats(Worker, Cheat::NoBoxes)
    };
    disputed(play, conduct, "there are no boxes", (Row::Boxes, W))
}

pub(super) fn empty_boxes(play: &mut ContractPlay<'_>) -> Scenario {
    let why = "what it was handed is not what was committed to, and it has not acknowledged it";
    let conduct = cheats(Worker, Cheat::ZeroBoxes);
    disputed(play, conduct, why, (Row::Boxes, W))
}

pub(super) fn withheld_nonce(play: &mut ContractPlay<'_>) -> Scenario {
    let conduct = Conduct {
        unasked: Some(Unasked {
            by: Verifier,
            what: Exit::REJECTED,
            at: None,
            bribes: false,
        }),
        ..on_chain()
    };
    let why = "ATTACK: rejects what it has not sampled";
    disputed(play, conduct, why, (Row::Sample, V))
}

pub(super) fn withheld_token(play: &mut ContractPlay<'_>) -> Scenario {
    let conduct = cheats(Worker, Cheat::NoToken);
    disputed(play, conduct, "there is no token", (Row::Token, W))
}

pub(super) fn withheld_reply(play: &mut ContractPlay<'_>) -> Scenario {
    let conduct = Conduct {
        unasked: Some(Unasked {
            by: Verifier,
            what: Exit::REJECTED,
            at: Some("answered"),
            bribes: false,
        }),
        ..cheats(Verifier, Cheat::NoReply)
    };
    let why = "ATTACK: rejects, and answers nothing to the token";
    disputed(play, conduct, why, (Row::Reply, V))
}

pub(super) fn false_hash(play: &mut ContractPlay<'_>) -> Scenario {
    let why = "ATTACK: was shown nothing, and rejects";
    let conduct = cheats(Verifier, Cheat::Guesses);
    disputed(play, conduct, why, (Row::Reply, V))
}

pub(super) fn denied_seal(play: &mut ContractPlay<'_>) -> Scenario {
    let why = "ATTACK: rejects what it has found right";
    let conduct = cheats(Verifier, Cheat::Denies);
    disputed(play, conduct, why, (Row::OpenSeal, V))
}

pub(super) fn false_token(play: &mut ContractPlay<'_>) -> Scenario {
    let conduct = cheats(Worker, Cheat::SealsUnderNothing);
    disputed(play, conduct, "the seal is shut", (Row::Leaves, W))
}

pub(super) fn made_up_digests(play: &mut ContractPlay<'_>) -> Scenario {
    let why = "ATTACK: who answers with digests can only reject";
    let conduct = cheats(Verifier, Cheat::Invents);
    disputed(play, conduct, why, (Row::Rerun, V))
}

pub(super) fn withheld_opening(play: &mut ContractPlay<'_>) -> Scenario {
    let conduct = cheats(Worker, Cheat::NoOpening);
    disputed(play, conduct, "nothing is opened", (Row::Opening, W))
}

pub(super) fn hollow_opening(play: &mut ContractPlay<'_>) -> Scenario {
    let why = "what was signed was not opened";
    let conduct = cheats(Worker, Cheat::HollowOpening);
    disputed(play, conduct, why, (Row::Opening, W))
}

pub(super) fn false_seal(play: &mut ContractPlay<'_>) -> Scenario {
    let why = "the seal opens, and a leaf says something else";
    let conduct = Conduct {
        cheats: [(Worker, Cheat::SealsUnderSteps)].into(),
        ..rejected_on_chain()
    };
    disputed(play, conduct, why, (Row::FalseSeal, W))
}

pub(super) fn garbage_boxes(play: &mut ContractPlay<'_>) -> Scenario {
    let conduct = Conduct {
        works: (super::garbage_boxes(), super::SEALS_GARBAGE),
        ..on_chain()
    };
    let why = "the key opens no result";
    disputed(play, conduct, why, (Row::BadBox, W))
}

pub(super) fn outside_sample(play: &mut ContractPlay<'_>) -> Scenario {
    let why = "ATTACK: disputes a step that nobody sampled";
    let conduct = cheats(Verifier, Cheat::NamesBoxOutside);
    disputed(play, conduct, why, (Row::Else, V))
}

pub(super) fn unearned_approval(play: &mut ContractPlay<'_>) -> Scenario {
    let why = "ATTACK: the verifier approves without looking; what it is paid is nobody's";
    let conduct = Conduct {
        silent: vec![(Verifier, FUNDING)],
        unasked: Some(Unasked {
            by: Verifier,
            what: Exit::APPROVED,
            at: None,
            bribes: false,
        }),
        why: vec![(Exit::APPROVED, why)],
        ..on_chain()
    };
    lives(play, &conduct, Exit::NORMAL_LONG)?;
    Ok(Outcome::Normal.into())
}

/// Nobody else has the whole settlement; what the client does not acknowledge the arbiters keep.
pub(super) fn withheld_settlement(play: &mut ContractPlay<'_>) -> Scenario {
    let why = "ATTACK: the client keeps the settlement; sample and token stand on chain too";
    let conduct = Conduct {
        cheats: [(Client, Cheat::Mute)].into(),
        why: vec![(Exit::APPROVED, why)],
        ..Conduct::default()
    };
    lives(play, &conduct, Exit::NORMAL_LONG)?;
    Ok(Outcome::Normal.into())
}
