//! Whole lives of bounties.

use narthex_channel::bounty::{RecomputerInput, RequesterEffect};
use narthex_contracts::bounty::{BountyError, Closing, Coin, Requester};
use narthex_game_model::market::LayerSet;

use narthex_regtest::Chain;

use super::{
    BountyOptions, BountyPlay, Conduct, hiring,
    moves::{names, seats},
    play::CLIENT,
};
use crate::harness::{
    HarnessOptions, Playable, Reporter, Scenario, ScenarioError, expect, is_refused, on_harness,
};

impl Playable for BountyOptions {
    const COMMAND: &'static str = "bounty play";
    const SCENARIOS: &'static [Scenario<Self>] = &[
        Scenario::<Self>::needing(
            0,
            "agree",
            "all agree and are paid; everybody crashes between any two moves",
            agree,
        ),
        Scenario::<Self>::needing(
            1,
            "wrong",
            "the last recomputer's result is wrong: it is not paid",
            wrong,
        ),
        Scenario::<Self>::needing(
            1,
            "absent",
            "the first recomputer never comes: the next signs that it is passed over",
            absent,
        ),
        Scenario::<Self>::needing(
            0,
            "nobody",
            "no two agree: nobody is paid, all give everything back at once",
            nobody,
        ),
        Scenario::<Self>::needing(
            0,
            "unanswered",
            "no recomputer comes; the requester waits for T",
            unanswered,
        ),
        Scenario::<Self>::needing(
            1,
            "unopened",
            "the last recomputer signs and never opens: it counts as absent",
            unopened,
        ),
        Scenario::<Self>::needing(
            1,
            "withheld",
            "ATTACK: the last recomputer withholds its secret; it is left out in the next round",
            withheld,
        ),
        Scenario::<Self>::needing(
            1,
            "undelivered",
            "ATTACK: the last recomputer delivers nothing; it is left out in the next round",
            undelivered,
        ),
        Scenario::<Self>::needing(
            0,
            "stripped",
            "ATTACK: the requester takes the outermost layer off; nobody opens",
            stripped,
        ),
        Scenario::<Self>::needing(
            0,
            "silent",
            "ATTACK: the requester never grants; no recomputer is paid and it reads no result",
            silent,
        ),
        Scenario::<Self>::needing(
            1,
            "hiring",
            "four bounties; a recomputer that turns bad is audited, priced and not hired any more",
            hiring::hiring,
        ),
    ];

    type Needs = u8;
    on_harness!(BountyPlay);

    fn common(&self) -> &HarnessOptions {
        &self.common
    }

    fn check(&self, scenario: &Scenario<Self>) -> Result<(), ScenarioError> {
        let spare = self.recomputers.saturating_sub(self.quorum);
        match spare < scenario.needs {
            true => Err(ScenarioError::Figures("more recomputers than the quorum")),
            false => Ok(()),
        }
    }

    fn prepare<'c>(
        &self,
        _: &Scenario<Self>,
        chain: &'c mut dyn Chain,
        reporter: &'c mut dyn Reporter,
    ) -> Result<BountyPlay<'c>, ScenarioError> {
        let play = BountyPlay::prepare(chain, self, reporter)?;
        // Nothing is funded yet; what no terms take they have said.
        self.check_figures()?;
        Ok(play)
    }
}

/// So many recomputers that do what they should, and the others as said.
fn all_but(play: &BountyPlay<'_>, odd: &[(u8, Conduct)]) -> Vec<Conduct> {
    let conduct = (0..play.terms().recomputers()).map(|seat| {
        let said = odd.iter().find(|(odd, _)| *odd == seat);
        said.map_or(Conduct::Honest, |(_, conduct)| *conduct)
    });
    conduct.collect()
}

fn last(play: &BountyPlay<'_>) -> u8 {
    play.terms().recomputers().saturating_sub(1)
}

/// From a closing to the end that it leads to.
pub(super) fn conclude(play: &mut BountyPlay<'_>, closing: &Closing) -> Result<(), ScenarioError> {
    let paid = play.answer(closing, None)?;
    match seats(paid).next() {
        // Whoever never came does not give back either.
        None if play.requester.book()?.cancel()?.is_none() => play.refund().map(drop)?,
        None => play.cancel().map(drop)?,
        Some(first) => {
            play.grant(paid, None)?;
            play.settle(first)?;
        }
    }
    play.audit()
}

/// Funding, work, envelope, openings, closing.
fn closed(play: &mut BountyPlay<'_>, conduct: &[Conduct]) -> Result<Closing, ScenarioError> {
    play.fund()?;
    play.layers(conduct)?;
    play.open(None)?;
    play.close()
}

/// Whether the requester has this pending, of all that is to be done next.
fn is_due(
    play: &mut BountyPlay<'_>,
    expected: impl Fn(&RequesterEffect) -> bool,
) -> Result<(), ScenarioError> {
    play.look()?;
    let due = play.requester.side.pending();
    let is_due = due.iter().any(expected);
    expect(is_due, format!("the requester has {due:?}"))
}

/// Whether the requester is to send something at most, but nothing else.
fn nothing_is_due(play: &mut BountyPlay<'_>) -> Result<(), ScenarioError> {
    play.look()?;
    let due = play.requester.side.pending();
    let sent = |effect: &RequesterEffect| {
        use RequesterEffect as Effect;
        matches!(effect, Effect::Seal(_) | Effect::Close(_) | Effect::Read(_))
    };
    expect(due.iter().all(sent), format!("the requester has {due:?}"))
}

fn agree(play: &mut BountyPlay<'_>) -> Result<(), ScenarioError> {
    let honest = all_but(play, &[]);
    is_due(play, |effect| *effect == RequesterEffect::Fund)?;
    play.fund()?;
    nothing_is_due(play)?;
    play.restart()?;
    play.layers(&honest)?;
    is_due(play, |effect| {
        matches!(effect, RequesterEffect::SignSeal(_))
    })?;
    play.restart()?;
    play.open(None)?;
    is_due(play, |effect| {
        matches!(effect, RequesterEffect::SignClosing(_))
    })?;
    play.restart()?;
    let closing = play.close()?;
    play.restart()?;
    let paid = play.answer(&closing, None)?;
    is_due(
        play,
        |effect| matches!(effect, RequesterEffect::Grant(grant) if grant.set == paid),
    )?;
    play.restart()?;
    play.grant(paid, None)?;
    play.restart()?;
    let what = "come back from their records after every move".into();
    play.harness.step("all", what, "they went down")?;
    play.settle(0)?;
    nothing_is_due(play)?;
    play.audit()
}

fn wrong(play: &mut BountyPlay<'_>) -> Result<(), ScenarioError> {
    let conduct = all_but(play, &[(last(play), Conduct::Lazy(1_000))]);
    let closing = closed(play, &conduct)?;
    conclude(play, &closing)
}

fn absent(play: &mut BountyPlay<'_>) -> Result<(), ScenarioError> {
    let conduct = all_but(play, &[(0, Conduct::Absent)]);
    let closing = closed(play, &conduct)?;
    conclude(play, &closing)
}

fn nobody(play: &mut BountyPlay<'_>) -> Result<(), ScenarioError> {
    let recomputers = play.terms().recomputers();
    if recomputers < 2 {
        return Err(ScenarioError::Figures("two recomputers or more"));
    }
    let lazy = |seat: u8| Conduct::Lazy(500 * usize::from(seat));
    let conduct: Vec<Conduct> = (0..recomputers).map(lazy).collect();
    let closing = closed(play, &conduct)?;
    conclude(play, &closing)
}

fn unanswered(play: &mut BountyPlay<'_>) -> Result<(), ScenarioError> {
    let conduct = vec![Conduct::Absent; usize::from(play.terms().recomputers())];
    let closing = closed(play, &conduct)?;
    play.answer(&closing, None)?;
    let due = play.terms().record().refund_height;
    play.wait_until(due.saturating_sub(1))?;
    nothing_is_due(play)?;
    play.wait_until(due)?;
    is_due(play, |effect| *effect == RequesterEffect::Refund)?;
    play.refund()?;
    play.audit()
}

fn unopened(play: &mut BountyPlay<'_>) -> Result<(), ScenarioError> {
    let (honest, silent) = (all_but(play, &[]), Some(last(play)));
    play.fund()?;
    play.layers(&honest)?;
    play.open(silent)?;
    let closing = play.close()?;
    conclude(play, &closing)
}

fn withheld(play: &mut BountyPlay<'_>) -> Result<(), ScenarioError> {
    let (honest, silent) = (all_but(play, &[]), last(play));
    let closing = closed(play, &honest)?;
    let paid = play.answer(&closing, None)?;
    play.grant(paid, Some(silent))?;
    let lacking = play.recomputer(0)?.missing(paid);
    let what = format!("lack the secret of {}", names(lacking));
    play.harness
        .step("the others", what, "ATTACK: it keeps it to itself")?;
    let closing = play.close_again(lacking)?;
    conclude(play, &closing)
}

fn undelivered(play: &mut BountyPlay<'_>) -> Result<(), ScenarioError> {
    let (honest, silent) = (all_but(play, &[]), last(play));
    let closing = closed(play, &honest)?;
    play.answer(&closing, Some(silent))?;
    match play.requester()?.grant() {
        Err(BountyError::Phase { .. }) => {}
        other => {
            return Err(ScenarioError::broken(format!(
                "granted for nothing: {other:?}"
            )));
        }
    }
    let due = play.terms().round_height(1);
    play.wait_until(due)?;
    let undelivered = LayerSet::new(1 << silent).unwrap_or_default();
    is_due(play, |effect| {
        *effect == RequesterEffect::Ask { undelivered }
    })?;
    let closing = play.close_again(undelivered)?;
    conclude(play, &closing)
}

fn stripped(play: &mut BountyPlay<'_>) -> Result<(), ScenarioError> {
    let honest = all_but(play, &[]);
    play.fund()?;
    let mut envelope = play.layers(&honest)?;
    envelope.layers.pop();
    let due = play.terms().record().layer_height;
    play.wait_until(due)?;
    play.look()?;
    let tip = play.chain().height()?;
    let mut cheat = forgetful(play)?;
    cheat.take_envelope(&envelope)?;
    let seal = cheat.seal(tip)?;
    let lost = last(play);
    for seat in 0..=lost {
        let seal = RecomputerInput::Seal {
            tip,
            seal: Box::new(seal.clone()),
        };
        let taken = play.side(seat)?.side.step(&seal);
        let finds = |error: &BountyError| *error == BountyError::LeftOut { seat: lost };
        let is_found = is_refused(&taken, finds);
        expect(is_found, format!("opened a stripped one: {taken:?}"))?;
    }
    let what = format!(
        "find the layer of {} missing and open nothing",
        names(one(lost))
    );
    play.harness
        .step("recomputers", what, "ATTACK: all had seen it in time")?;
    play.refund().map(drop)
}

/// The requester as if it had heard nothing.
fn forgetful(play: &BountyPlay<'_>) -> Result<Requester, ScenarioError> {
    let held = play.requester.book()?.holdings().clone();
    let (identity, key) = play.own_keys()?;
    Ok(Requester::new(held, identity, key)?)
}

fn one(seat: u8) -> LayerSet {
    LayerSet::new(1u8.checked_shl(seat.into()).unwrap_or(0)).unwrap_or_default()
}

fn silent(play: &mut BountyPlay<'_>) -> Result<(), ScenarioError> {
    let honest = all_but(play, &[]);
    let closing = closed(play, &honest)?;
    let paid = play.answer(&closing, None)?;
    // Whatever it does with what it was sent, without the secrets nothing is read.
    for delivery in play.requester.book()?.record().deliveries.clone() {
        let guess = play.harness.key(CLIENT, 0)?;
        if delivery.open(play.terms(), &guess).is_ok() {
            return Err(ScenarioError::broken(
                "a result is read without the settlement",
            ));
        }
    }
    let what = format!("does not grant the settlement of {}", names(paid));
    play.harness
        .step("requester", what, "ATTACK: it wants the result for nothing")?;
    play.refund()?;
    match play.coin()? {
        Coin::Spent => Ok(()),
        coin => Err(ScenarioError::broken(format!("the coin is {coin:?}"))),
    }
}
