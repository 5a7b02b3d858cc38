//! Whole lives of bounties.

use narthex_contracts::bounty::{BountyError, Closing, Coin, Requester, RequesterDuty, restore};
use narthex_game_model::market::LayerSet;

use super::{
    Board, BoardError, Conduct,
    board::CLIENT,
    hiring,
    moves::{names, seats},
};

/// A bounty's life.
pub struct BountyStory {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens, in a line.
    pub summary: &'static str,
    /// How many recomputers more than the quorum it takes.
    pub(super) spare: u8,
    /// The moves.
    pub play: fn(&mut Board<'_>) -> Result<(), BoardError>,
}

/// All stories.
pub const BOUNTY_STORIES: [BountyStory; 11] = [
    story(
        "agree",
        "all agree and are paid; everybody crashes between any two moves",
        0,
        agree,
    ),
    story(
        "wrong",
        "the last recomputer's result is wrong: it is not paid",
        1,
        wrong,
    ),
    story(
        "absent",
        "the first recomputer never comes: the next signs that it is passed over",
        1,
        absent,
    ),
    story(
        "nobody",
        "no two agree: nobody is paid, all give everything back at once",
        0,
        nobody,
    ),
    story(
        "unanswered",
        "no recomputer comes; the requester waits for T",
        0,
        unanswered,
    ),
    story(
        "unopened",
        "the last recomputer signs and never opens: it counts as absent",
        1,
        unopened,
    ),
    story(
        "withheld",
        "ATTACK: the last recomputer withholds its secret; it is left out in the next round",
        1,
        withheld,
    ),
    story(
        "undelivered",
        "ATTACK: the last recomputer delivers nothing; it is left out in the next round",
        1,
        undelivered,
    ),
    story(
        "stripped",
        "ATTACK: the requester takes the outermost layer off; nobody opens",
        0,
        stripped,
    ),
    story(
        "silent",
        "ATTACK: the requester never grants; no recomputer is paid and it reads no result",
        0,
        silent,
    ),
    story(
        "hiring",
        "four bounties; a recomputer that turns bad is audited, priced and not hired any more",
        1,
        hiring::hiring,
    ),
];

const fn story(
    name: &'static str,
    summary: &'static str,
    spare: u8,
    play: fn(&mut Board<'_>) -> Result<(), BoardError>,
) -> BountyStory {
    BountyStory {
        name,
        summary,
        spare,
        play,
    }
}

/// So many recomputers that do what they should, and the others as said.
fn all_but(board: &Board<'_>, odd: &[(u8, Conduct)]) -> Vec<Conduct> {
    let conduct = (0..board.terms().recomputers()).map(|seat| {
        let said = odd.iter().find(|(odd, _)| *odd == seat);
        said.map_or(Conduct::Honest, |(_, conduct)| *conduct)
    });
    conduct.collect()
}

fn last(board: &Board<'_>) -> u8 {
    board.terms().recomputers().saturating_sub(1)
}

/// From a closing to the end that it leads to.
pub(super) fn conclude(board: &mut Board<'_>, closing: &Closing) -> Result<(), BoardError> {
    let paid = board.answer(closing, None)?;
    match seats(paid).next() {
        // Whoever never came does not give back either.
        None if board.requester.cancel()?.is_none() => board.refund().map(drop)?,
        None => board.cancel().map(drop)?,
        Some(first) => {
            board.grant(paid, None)?;
            board.settle(first)?;
        }
    }
    board.audit()
}

/// Funding, work, envelope, openings, closing.
fn closed(board: &mut Board<'_>, conduct: &[Conduct]) -> Result<Closing, BoardError> {
    board.fund()?;
    board.layers(conduct)?;
    board.open(None)?;
    board.close()
}

fn expect(board: &mut Board<'_>, expected: RequesterDuty) -> Result<(), BoardError> {
    let (height, coin) = (board.chain().height()?, board.coin()?);
    let duty = board.requester.duty(height, coin);
    match duty == expected {
        true => Ok(()),
        false => Err(BoardError::broken(format!("the requester is to {duty:?}"))),
    }
}

fn agree(board: &mut Board<'_>) -> Result<(), BoardError> {
    let honest = all_but(board, &[]);
    expect(board, RequesterDuty::None)?;
    board.fund()?;
    board.restart()?;
    board.layers(&honest)?;
    expect(board, RequesterDuty::Seal)?;
    board.restart()?;
    board.open(None)?;
    expect(board, RequesterDuty::Close)?;
    board.restart()?;
    let closing = board.close()?;
    board.restart()?;
    let paid = board.answer(&closing, None)?;
    expect(board, RequesterDuty::Grant(paid))?;
    board.restart()?;
    board.grant(paid, None)?;
    board.restart()?;
    let what = "come back from their records after every move".into();
    board.table.step("all", what, "they went down")?;
    board.settle(0)?;
    expect(board, RequesterDuty::None)?;
    board.audit()
}

fn wrong(board: &mut Board<'_>) -> Result<(), BoardError> {
    let conduct = all_but(board, &[(last(board), Conduct::Lazy(1_000))]);
    let closing = closed(board, &conduct)?;
    conclude(board, &closing)
}

fn absent(board: &mut Board<'_>) -> Result<(), BoardError> {
    let conduct = all_but(board, &[(0, Conduct::Absent)]);
    let closing = closed(board, &conduct)?;
    conclude(board, &closing)
}

fn nobody(board: &mut Board<'_>) -> Result<(), BoardError> {
    let recomputers = board.terms().recomputers();
    if recomputers < 2 {
        return Err(BoardError::Figures("two recomputers or more"));
    }
    let lazy = |seat: u8| Conduct::Lazy(500 * usize::from(seat));
    let conduct: Vec<Conduct> = (0..recomputers).map(lazy).collect();
    let closing = closed(board, &conduct)?;
    conclude(board, &closing)
}

fn unanswered(board: &mut Board<'_>) -> Result<(), BoardError> {
    let conduct = vec![Conduct::Absent; usize::from(board.terms().recomputers())];
    let closing = closed(board, &conduct)?;
    board.answer(&closing, None)?;
    let due = board.terms().record().refund_height;
    board.wait_until(due.saturating_sub(1))?;
    expect(board, RequesterDuty::None)?;
    board.wait_until(due)?;
    expect(board, RequesterDuty::Refund)?;
    board.refund()?;
    board.audit()
}

fn unopened(board: &mut Board<'_>) -> Result<(), BoardError> {
    let (honest, silent) = (all_but(board, &[]), Some(last(board)));
    board.fund()?;
    board.layers(&honest)?;
    board.open(silent)?;
    let closing = board.close()?;
    conclude(board, &closing)
}

fn withheld(board: &mut Board<'_>) -> Result<(), BoardError> {
    let (honest, silent) = (all_but(board, &[]), last(board));
    let closing = closed(board, &honest)?;
    let paid = board.answer(&closing, None)?;
    board.grant(paid, Some(silent))?;
    let lacking = board.recomputer(0)?.missing(paid);
    let what = format!("lack the secret of {}", names(lacking));
    board
        .table
        .step("the others", what, "ATTACK: it keeps it to itself")?;
    let closing = board.close_again(lacking)?;
    conclude(board, &closing)
}

fn undelivered(board: &mut Board<'_>) -> Result<(), BoardError> {
    let (honest, silent) = (all_but(board, &[]), last(board));
    let closing = closed(board, &honest)?;
    board.answer(&closing, Some(silent))?;
    match board.requester.grant() {
        Err(BountyError::Phase { .. }) => {}
        other => {
            return Err(BoardError::broken(format!(
                "granted for nothing: {other:?}"
            )));
        }
    }
    let due = board.terms().round_height(1);
    board.wait_until(due)?;
    let undelivered = LayerSet::new(1 << silent).unwrap_or_default();
    expect(board, RequesterDuty::CloseAgain { undelivered })?;
    let closing = board.close_again(undelivered)?;
    conclude(board, &closing)
}

fn stripped(board: &mut Board<'_>) -> Result<(), BoardError> {
    let honest = all_but(board, &[]);
    board.fund()?;
    let mut envelope = board.layers(&honest)?;
    envelope.layers.pop();
    let due = board.terms().record().layer_height;
    board.wait_until(due)?;
    let (height, coin) = board.status()?;
    let mut cheat = forgetful(board)?;
    cheat.take_envelope(&envelope)?;
    let seal = cheat.seal(height)?;
    let lost = last(board);
    for seat in 0..=lost {
        match board.recomputer(seat)?.open((height, coin), &seal) {
            Err(BountyError::LeftOut { seat }) if seat == lost => {}
            other => {
                return Err(BoardError::broken(format!(
                    "opened a stripped one: {other:?}"
                )));
            }
        }
    }
    let what = format!(
        "find the layer of {} missing and open nothing",
        names(one(lost))
    );
    board
        .table
        .step("recomputers", what, "ATTACK: all had seen it in time")?;
    board.refund().map(drop)
}

/// The requester as if it had heard nothing.
fn forgetful(board: &Board<'_>) -> Result<Requester, BoardError> {
    let terms = std::sync::Arc::new(board.terms().clone());
    let held = restore(&terms, &board.requester.holdings().to_bytes())?;
    let (identity, key) = board.own_keys()?;
    Ok(Requester::new(held, identity, key)?)
}

fn one(seat: u8) -> LayerSet {
    LayerSet::new(1u8.checked_shl(seat.into()).unwrap_or(0)).unwrap_or_default()
}

fn silent(board: &mut Board<'_>) -> Result<(), BoardError> {
    let honest = all_but(board, &[]);
    let closing = closed(board, &honest)?;
    let paid = board.answer(&closing, None)?;
    // Whatever it does with what it was sent, without the secrets nothing is read.
    for delivery in board.requester.record().deliveries.clone() {
        let guess = board.table.key(CLIENT, 0)?;
        if delivery.open(board.terms(), &guess).is_ok() {
            return Err(BoardError::broken(
                "a result is read without the settlement",
            ));
        }
    }
    let what = format!("does not grant the settlement of {}", names(paid));
    board
        .table
        .step("requester", what, "ATTACK: it wants the result for nothing")?;
    board.refund()?;
    match board.coin()? {
        Coin::Spent => Ok(()),
        coin => Err(BoardError::broken(format!("the coin is {coin:?}"))),
    }
}
