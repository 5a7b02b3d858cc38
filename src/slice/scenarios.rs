//! Whole slices.

use narthex_contracts::slice::{Coin, ProviderDuty, SliceError, Work};

use narthex_regtest::Chain;

use super::{SliceOptions, SlicePlay};
use crate::harness::{
    HarnessOptions, Playable, Reporter, Scenario, ScenarioError, expect, on_harness,
};

impl Playable for SliceOptions {
    const COMMAND: &'static str = "slice play";
    /// All scenarios. The cheat, where there is one, is the last provider.
    const SCENARIOS: &'static [Scenario<Self>] = &[
        Scenario::<Self>::new("paid", "all roots are equal, all are paid", paid),
        Scenario::<Self>::new(
            "stream",
            "slice after slice; then the providers vanish, one slice's prices locked",
            stream,
        ),
        Scenario::<Self>::new("crash", "everybody goes down at every step", crash),
        Scenario::<Self>::new(
            "silent",
            "one never works; the others release when the time for posts is over",
            silent,
        ),
        Scenario::<Self>::new(
            "flipped",
            "ATTACK: one byte of a result is wrong; its provider earns nothing",
            flipped,
        ),
        Scenario::<Self>::new(
            "copier",
            "ATTACK: a provider copies another's commitment; it can open nothing",
            copier,
        ),
        Scenario::<Self>::new(
            "too-few",
            "ATTACK: m − 1 agree on nonsense; they earn nothing",
            too_few,
        ),
        Scenario::<Self>::new(
            "bought",
            "ATTACK that works: m agree on nonsense, and are paid",
            bought,
        ),
        Scenario::<Self>::new(
            "staller",
            "ATTACK: one takes part and does not release; it earns nothing",
            staller,
        ),
        Scenario::<Self>::new(
            "false-share",
            "ATTACK: one releases shares that are none; those it lied to prove it",
            false_share,
        ),
        Scenario::<Self>::new(
            "false-seal",
            "ATTACK: one seals rubbish; it is paid, and convicted by its claim",
            false_seal,
        ),
        Scenario::<Self>::new(
            "withheld",
            "ATTACK: the client hands out nothing; the providers do without it",
            withheld,
        ),
        Scenario::<Self>::new(
            "late",
            "a provider that sleeps past d blocks has worked for nothing",
            late,
        ),
    ];

    type Needs = ();
    on_harness!(SlicePlay);

    fn common(&self) -> &HarnessOptions {
        &self.common
    }

    fn check(&self, _: &Scenario<Self>) -> Result<(), ScenarioError> {
        self.check_figures()
    }

    fn prepare<'c>(
        &self,
        _: &Scenario<Self>,
        chain: &'c mut dyn Chain,
        reporter: &'c mut dyn Reporter,
    ) -> Result<SlicePlay<'c>, ScenarioError> {
        SlicePlay::prepare(chain, self, reporter)
    }
}

fn everybody(play: &SlicePlay<'_>) -> Vec<u8> {
    (0..play.options.providers).collect()
}

/// All but the last provider, and the last.
fn but_one(play: &SlicePlay<'_>) -> (Vec<u8>, u8) {
    let last = play.options.providers.saturating_sub(1);
    ((0..last).collect(), last)
}

/// These with the same root are paid if they are m at least.
fn if_enough(play: &SlicePlay<'_>, same: &[u8]) -> Vec<u8> {
    match same.len() >= usize::from(play.options.quorum) {
        true => same.to_vec(),
        false => Vec::new(),
    }
}

fn work(play: &mut SlicePlay<'_>, who: &[u8]) -> Result<(), ScenarioError> {
    who.iter().try_for_each(|i| play.work(*i, |_| {}).map(drop))
}

fn release(play: &mut SlicePlay<'_>, who: &[u8]) -> Result<(), ScenarioError> {
    play.bury()?;
    for i in who {
        expect(play.release(*i)?, "the release is not due")?;
    }
    Ok(())
}

fn settle(play: &mut SlicePlay<'_>, expected: &[u8]) -> Result<(), ScenarioError> {
    let paid = play.settle()?;
    expect(
        paid == expected,
        format!("{paid:?} were paid, not {expected:?}"),
    )
}

fn nonsense(work: &mut Work) {
    work.result = b"the 0\n".to_vec();
}

fn paid(play: &mut SlicePlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    let all = everybody(play);
    work(play, &all)?;
    release(play, &all)?;
    play.hand_out()?;
    settle(play, &all)
}

fn stream(play: &mut SlicePlay<'_>) -> Result<(), ScenarioError> {
    paid(play)?;
    let last = play.options.slices.saturating_sub(1);
    while play.number < last {
        // No slice is funded before the one before it is over: nobody has more than one at stake.
        for index in everybody(play) {
            if play.coin(index)? != Coin::Spent {
                return Err(ScenarioError::broken("the last slice is not over"));
            }
        }
        play.next_slice()?;
        if play.number == last {
            play.fund()?;
            let what = "vanish with the slice funded".into();
            play.harness
                .step("providers", what, "a crash, or a better offer")?;
            play.take_back()?;
        } else {
            paid(play)?;
        }
    }
    Ok(())
}

fn crash(play: &mut SlicePlay<'_>) -> Result<(), ScenarioError> {
    play.restart()?;
    play.fund()?;
    play.restart()?;
    let all = everybody(play);
    work(play, &all)?;
    play.restart()?;
    release(play, &all)?;
    play.restart()?;
    play.hand_out()?;
    play.restart()?;
    settle(play, &all)?;
    play.restart()
}

fn silent(play: &mut SlicePlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    let (others, _) = but_one(play);
    work(play, &others)?;
    for i in &others {
        if play.release(*i)? {
            return Err(ScenarioError::broken("released while posts may come"));
        }
    }
    play.close_posts()?;
    release(play, &others)?;
    play.hand_out()?;
    let expected = if_enough(play, &others);
    settle(play, &expected)
}

fn flipped(play: &mut SlicePlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    let (others, last) = but_one(play);
    work(play, &others)?;
    play.work(last, |work| {
        if let Some(byte) = work.result.first_mut() {
            *byte ^= 1;
        }
    })?;
    let all = everybody(play);
    release(play, &all)?;
    play.hand_out()?;
    let expected = if_enough(play, &others);
    settle(play, &expected)
}

fn copier(play: &mut SlicePlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    let (others, last) = but_one(play);
    let mut first = None;
    for i in &others {
        let post = play.work(*i, |_| {})?;
        first.get_or_insert(post);
    }
    let first = first.ok_or_else(|| ScenarioError::broken("nobody worked"))?;
    let copy = play.copied(last, &first)?;
    play.send_post(&copy)?;
    release(play, &others)?;
    play.hand_out()?;
    // It sees all that was released as well.
    play.exchange()?;
    if play.provider(last)?.received() > 0 {
        return Err(ScenarioError::broken("the copier could read a share"));
    }
    let expected = if_enough(play, &others);
    settle(play, &expected)
}

/// `count` agree on nonsense.
fn collude(play: &mut SlicePlay<'_>, count: u8) -> Result<(), ScenarioError> {
    play.fund()?;
    let honest = play.options.providers.saturating_sub(count);
    let (same, colluders): (Vec<u8>, Vec<u8>) =
        everybody(play).into_iter().partition(|i| *i < honest);
    work(play, &same)?;
    for i in &colluders {
        play.work(*i, nonsense)?;
    }
    let all = everybody(play);
    release(play, &all)?;
    play.hand_out()?;
    let mut expected = if_enough(play, &same);
    expected.extend(if_enough(play, &colluders));
    settle(play, &expected)
}

fn too_few(play: &mut SlicePlay<'_>) -> Result<(), ScenarioError> {
    collude(play, play.options.quorum.saturating_sub(1))
}

fn bought(play: &mut SlicePlay<'_>) -> Result<(), ScenarioError> {
    collude(play, play.options.quorum)
}

fn staller(play: &mut SlicePlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    let all = everybody(play);
    let (others, last) = but_one(play);
    work(play, &all)?;
    release(play, &others)?;
    play.hand_out()?;
    if play.provider(last)?.received() > 0 {
        return Err(ScenarioError::broken("the staller was given shares"));
    }
    let expected = if_enough(play, &others);
    settle(play, &expected)
}

fn false_share(play: &mut SlicePlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    let all = everybody(play);
    let (others, last) = but_one(play);
    work(play, &all)?;
    release(play, &others)?;
    let lies = play.false_shares(last)?;
    play.send_bundle(&lies)?;
    play.hand_out()?;
    // The liar has done the work: its own shares are true, and it is paid. What it loses is its name.
    let mut expected = if_enough(play, &others);
    expected.push(last);
    settle(play, &expected)?;
    match play.convicted.len() {
        1 => Ok(()),
        _ => Err(ScenarioError::broken("the liar is not convicted")),
    }
}

fn false_seal(play: &mut SlicePlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    let (others, last) = but_one(play);
    work(play, &others)?;
    let post = play.badly_sealed(last)?;
    play.send_post(&post)?;
    let all = everybody(play);
    release(play, &all)?;
    play.hand_out()?;
    settle(play, &all)?;
    match (play.convicted.len(), play.roots.len()) {
        (1, 1) => Ok(()),
        _ => Err(ScenarioError::broken("convicted one, opened one result")),
    }
}

fn withheld(play: &mut SlicePlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    let all = everybody(play);
    work(play, &all)?;
    release(play, &all)?;
    for i in &all {
        let (tip, coin) = (play.harness.chain().height()?, play.coin(*i)?);
        if play.provider(*i)?.duties(tip, coin) != [ProviderDuty::Ask] {
            return Err(ScenarioError::broken(
                "a provider that waits for the client",
            ));
        }
    }
    play.exchange()?;
    settle(play, &all)
}

fn late(play: &mut SlicePlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    let all = everybody(play);
    work(play, &all)?;
    release(play, &all)?;
    play.hand_out()?;
    for i in all.iter().filter(|i| **i > 0) {
        play.claim(*i)?;
    }
    let tx = play.claim_tx(0)?;
    play.take_back()?;
    match play.harness.publish(1, ("Claim1", "too late"), &tx) {
        Err(_) => {}
        Ok(()) => return Err(ScenarioError::broken("claimed what was refunded")),
    }
    match play.client()?.opened(0) {
        Err(SliceError::Missing { .. }) => Ok(()),
        other => Err(ScenarioError::broken(format!("opened unpaid: {other:?}"))),
    }
}
