//! Single courses of play, for tables.

use super::{Course, Past, Work};
use crate::arbiters::ArbiterSet;
use crate::game::economics::{Economics, EconomicsError};
use crate::game::tree::Player;
use crate::params::settlement::Outcome;
use crate::params::{Params, Template};
use crate::rational::{Rational, exact, sat};

/// How a contract ends after one step off honest play, the others going on as it pays them.
pub(in crate::game) struct Ending {
    pub(in crate::game) step: &'static str,
    /// Any arbiter stands for the panel.
    pub(in crate::game) by: Player,
    pub(in crate::game) outcome: Outcome,
    pub(in crate::game) on_chain: bool,
    pub(in crate::game) payoffs: Vec<Rational>,
    /// What all arbiters lose together.
    pub(in crate::game) panel_loses: Rational,
}

/// The payoffs of honest play, and the courses in which one party does harm. Nothing for the paper's template.
pub(in crate::game) fn endings(
    params: &Params,
    economics: &Economics,
) -> Result<(Vec<Rational>, Vec<Ending>), EconomicsError> {
    economics.check(params)?;
    if params.template() == Template::Paper {
        return Ok((Vec::new(), Vec::new()));
    }
    let course = Course::new(params, economics);
    let seen = Past {
        verified: true,
        token: true,
        ..Past::new(Work::Honest)
    };
    let delivered = |past: Past| Past {
        delivered: true,
        ..past
    };
    let rejected = |past: Past| Past {
        rejected: true,
        ..delivered(past)
    };
    let appealed = |past: Past| Past {
        appealed: true,
        ..rejected(past)
    };
    let approved = Past {
        approved: true,
        ..delivered(seen)
    };
    let unseen = Past::new(Work::Honest);
    let caught = Past {
        hit: true,
        work: Work::Target,
        ..seen
    };
    let all = ArbiterSet::full(params.arbiters());
    let majority = all;
    let hung = Outcome::ArbitrationFailed { ruled: all };
    let mute = Outcome::ArbitrationFailed {
        ruled: ArbiterSet::empty(),
    };
    let convicted = Outcome::WorkerAtFault { majority };
    let acquitted = Outcome::VerifierAtFault { majority };
    let (worker, verifier) = (Player::Worker, Player::Verifier);
    let (client, panel) = (Player::Client, Player::Arbiter(0));
    let idle = Past::new(Work::Idle);
    let nothing = Past::new(Work::Withhold);
    let mut list = vec![
        ("deliver nothing", worker, Outcome::WorkerTimedOut, idle),
        (
            "keep an approved result back",
            worker,
            Outcome::WorkerTimedOut,
            seen,
        ),
        (
            "keep a result back that was approved on chain",
            worker,
            Outcome::WorkerWithheld,
            approved,
        ),
        (
            "hand nothing over",
            worker,
            Outcome::FaultyUnappealed,
            rejected(nothing),
        ),
        (
            "hand nothing over and appeal",
            worker,
            convicted,
            appealed(nothing),
        ),
        (
            "cheat, and admit when found out",
            worker,
            Outcome::FaultyUnappealed,
            caught,
        ),
        (
            "cheat, and leave it when rejected on chain",
            worker,
            Outcome::FaultyUnappealed,
            rejected(caught),
        ),
        (
            "cheat, and do nothing when found out",
            worker,
            Outcome::WorkerTimedOut,
            caught,
        ),
        ("cheat, and appeal", worker, convicted, appealed(caught)),
        (
            "keep the last share of S3 back",
            client,
            Outcome::Normal,
            approved,
        ),
        ("approve on chain only", verifier, Outcome::Normal, approved),
        (
            "approve unseen",
            verifier,
            Outcome::Normal,
            Past::new(Work::Honest),
        ),
        (
            "give no verdict",
            verifier,
            Outcome::VerifierTimedOut,
            delivered(unseen),
        ),
        ("reject unseen", verifier, acquitted, appealed(unseen)),
        (
            "reject unseen, and the panel errs",
            verifier,
            convicted,
            appealed(unseen),
        ),
        (
            "rule without a majority (a rejection unseen)",
            panel,
            hung,
            appealed(unseen),
        ),
        (
            "be silent (a rejection unseen)",
            panel,
            mute,
            appealed(unseen),
        ),
    ];
    if params.template() == Template::Audited {
        let missed = Past {
            work: Work::Target,
            ..approved
        };
        let upheld = Outcome::ChallengeUpheld { majority };
        list.extend([
            (
                "serve the client nothing after an approval",
                worker,
                upheld,
                approved,
            ),
            (
                "cheat where the sample misses it, and be found out by the client",
                worker,
                upheld,
                missed,
            ),
            (
                "challenge what is right",
                client,
                Outcome::ChallengeDismissed { majority },
                approved,
            ),
            (
                "challenge what is right, and the panel hangs",
                client,
                Outcome::ChallengeUndecided { ruled: all },
                approved,
            ),
        ]);
    }
    let honest = course.payoffs(Outcome::Normal, &seen)?;
    let silence = sat(params.epsilon().floor_of(params.arbiter_stake()));
    let each = list.into_iter().map(|(step, by, outcome, past)| {
        Ok(Ending {
            step,
            by,
            outcome,
            on_chain: past.delivered,
            payoffs: course.payoffs(outcome, &past)?,
            panel_loses: if outcome == mute {
                &silence * exact(params.arbiters())
            } else {
                exact(0)
            },
        })
    });
    let others = each.collect::<Result<Vec<_>, EconomicsError>>();
    Ok((honest, others?))
}
