//! Whole slices.

use narthex_contracts::slice::{Coin, ProviderDuty, SliceError, Work};

use super::{Gate, GateError};

/// A slice's life.
pub struct SliceStory {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens, in a line.
    pub summary: &'static str,
    /// The moves.
    pub play: fn(&mut Gate<'_>) -> Result<(), GateError>,
}

/// All stories. The cheat, where there is one, is the last provider.
pub const SLICE_STORIES: [SliceStory; 13] = [
    story("paid", "all roots are equal, all are paid", paid),
    story(
        "stream",
        "slice after slice; then the providers vanish, one slice's prices locked",
        stream,
    ),
    story("crash", "everybody goes down at every step", crash),
    story(
        "silent",
        "one never works; the others release when the time for posts is over",
        silent,
    ),
    story(
        "flipped",
        "ATTACK: one byte of a result is wrong; its provider earns nothing",
        flipped,
    ),
    story(
        "copier",
        "ATTACK: a provider copies another's commitment; it can open nothing",
        copier,
    ),
    story(
        "too-few",
        "ATTACK: m − 1 agree on nonsense; they earn nothing",
        too_few,
    ),
    story(
        "bought",
        "ATTACK that works: m agree on nonsense, and are paid",
        bought,
    ),
    story(
        "staller",
        "ATTACK: one takes part and does not release; it earns nothing",
        staller,
    ),
    story(
        "false-share",
        "ATTACK: one releases shares that are none; those it lied to prove it",
        false_share,
    ),
    story(
        "false-seal",
        "ATTACK: one seals rubbish; it is paid, and convicted by its claim",
        false_seal,
    ),
    story(
        "withheld",
        "ATTACK: the client hands out nothing; the providers do without it",
        withheld,
    ),
    story(
        "late",
        "a provider that sleeps past d blocks has worked for nothing",
        late,
    ),
];

const fn story(
    name: &'static str,
    summary: &'static str,
    play: fn(&mut Gate<'_>) -> Result<(), GateError>,
) -> SliceStory {
    SliceStory {
        name,
        summary,
        play,
    }
}

fn everybody(gate: &Gate<'_>) -> Vec<u8> {
    (0..gate.options.providers).collect()
}

/// All but the last provider, and the last.
fn but_one(gate: &Gate<'_>) -> (Vec<u8>, u8) {
    let last = gate.options.providers.saturating_sub(1);
    ((0..last).collect(), last)
}

/// These with the same root are paid if they are m at least.
fn if_enough(gate: &Gate<'_>, same: &[u8]) -> Vec<u8> {
    match same.len() >= usize::from(gate.options.quorum) {
        true => same.to_vec(),
        false => Vec::new(),
    }
}

fn work(gate: &mut Gate<'_>, who: &[u8]) -> Result<(), GateError> {
    who.iter().try_for_each(|i| gate.work(*i, |_| {}).map(drop))
}

fn release(gate: &mut Gate<'_>, who: &[u8]) -> Result<(), GateError> {
    gate.bury()?;
    for i in who {
        if !gate.release(*i)? {
            return Err(GateError::broken("the release is not due"));
        }
    }
    Ok(())
}

fn settle(gate: &mut Gate<'_>, expected: &[u8]) -> Result<(), GateError> {
    let paid = gate.settle()?;
    match paid == expected {
        true => Ok(()),
        false => Err(GateError::broken(format!(
            "{paid:?} were paid, not {expected:?}"
        ))),
    }
}

fn nonsense(work: &mut Work) {
    work.result = b"the 0\n".to_vec();
}

fn paid(gate: &mut Gate<'_>) -> Result<(), GateError> {
    gate.fund()?;
    let all = everybody(gate);
    work(gate, &all)?;
    release(gate, &all)?;
    gate.hand_out()?;
    settle(gate, &all)
}

fn stream(gate: &mut Gate<'_>) -> Result<(), GateError> {
    paid(gate)?;
    let last = gate.options.slices.saturating_sub(1);
    while gate.number < last {
        // No slice is funded before the one before it is over: nobody has more than one at stake.
        for index in everybody(gate) {
            if gate.coin(index)? != Coin::Spent {
                return Err(GateError::broken("the last slice is not over"));
            }
        }
        gate.next_slice()?;
        if gate.number == last {
            gate.fund()?;
            let what = "vanish with the slice funded".into();
            gate.table
                .step("providers", what, "a crash, or a better offer")?;
            gate.take_back()?;
        } else {
            paid(gate)?;
        }
    }
    Ok(())
}

fn crash(gate: &mut Gate<'_>) -> Result<(), GateError> {
    gate.restart()?;
    gate.fund()?;
    gate.restart()?;
    let all = everybody(gate);
    work(gate, &all)?;
    gate.restart()?;
    release(gate, &all)?;
    gate.restart()?;
    gate.hand_out()?;
    gate.restart()?;
    settle(gate, &all)?;
    gate.restart()
}

fn silent(gate: &mut Gate<'_>) -> Result<(), GateError> {
    gate.fund()?;
    let (others, _) = but_one(gate);
    work(gate, &others)?;
    for i in &others {
        if gate.release(*i)? {
            return Err(GateError::broken("released while posts may come"));
        }
    }
    gate.close_posts()?;
    release(gate, &others)?;
    gate.hand_out()?;
    let expected = if_enough(gate, &others);
    settle(gate, &expected)
}

fn flipped(gate: &mut Gate<'_>) -> Result<(), GateError> {
    gate.fund()?;
    let (others, last) = but_one(gate);
    work(gate, &others)?;
    gate.work(last, |work| {
        if let Some(byte) = work.result.first_mut() {
            *byte ^= 1;
        }
    })?;
    let all = everybody(gate);
    release(gate, &all)?;
    gate.hand_out()?;
    let expected = if_enough(gate, &others);
    settle(gate, &expected)
}

fn copier(gate: &mut Gate<'_>) -> Result<(), GateError> {
    gate.fund()?;
    let (others, last) = but_one(gate);
    let mut first = None;
    for i in &others {
        let post = gate.work(*i, |_| {})?;
        first.get_or_insert(post);
    }
    let first = first.ok_or_else(|| GateError::broken("nobody worked"))?;
    let copy = gate.copied(last, &first)?;
    gate.send_post(&copy)?;
    release(gate, &others)?;
    gate.hand_out()?;
    // It sees all that was released as well.
    gate.exchange()?;
    if gate.provider(last)?.received() > 0 {
        return Err(GateError::broken("the copier could read a share"));
    }
    let expected = if_enough(gate, &others);
    settle(gate, &expected)
}

/// `count` agree on nonsense.
fn collude(gate: &mut Gate<'_>, count: u8) -> Result<(), GateError> {
    gate.fund()?;
    let honest = gate.options.providers.saturating_sub(count);
    let (same, colluders): (Vec<u8>, Vec<u8>) =
        everybody(gate).into_iter().partition(|i| *i < honest);
    work(gate, &same)?;
    for i in &colluders {
        gate.work(*i, nonsense)?;
    }
    let all = everybody(gate);
    release(gate, &all)?;
    gate.hand_out()?;
    let mut expected = if_enough(gate, &same);
    expected.extend(if_enough(gate, &colluders));
    settle(gate, &expected)
}

fn too_few(gate: &mut Gate<'_>) -> Result<(), GateError> {
    collude(gate, gate.options.quorum.saturating_sub(1))
}

fn bought(gate: &mut Gate<'_>) -> Result<(), GateError> {
    collude(gate, gate.options.quorum)
}

fn staller(gate: &mut Gate<'_>) -> Result<(), GateError> {
    gate.fund()?;
    let all = everybody(gate);
    let (others, last) = but_one(gate);
    work(gate, &all)?;
    release(gate, &others)?;
    gate.hand_out()?;
    if gate.provider(last)?.received() > 0 {
        return Err(GateError::broken("the staller was given shares"));
    }
    let expected = if_enough(gate, &others);
    settle(gate, &expected)
}

fn false_share(gate: &mut Gate<'_>) -> Result<(), GateError> {
    gate.fund()?;
    let all = everybody(gate);
    let (others, last) = but_one(gate);
    work(gate, &all)?;
    release(gate, &others)?;
    let lies = gate.false_shares(last)?;
    gate.send_bundle(&lies)?;
    gate.hand_out()?;
    // The liar has done the work: its own shares are true, and it is paid. What it loses is its name.
    let mut expected = if_enough(gate, &others);
    expected.push(last);
    settle(gate, &expected)?;
    match gate.convicted.len() {
        1 => Ok(()),
        _ => Err(GateError::broken("the liar is not convicted")),
    }
}

fn false_seal(gate: &mut Gate<'_>) -> Result<(), GateError> {
    gate.fund()?;
    let (others, last) = but_one(gate);
    work(gate, &others)?;
    let post = gate.badly_sealed(last)?;
    gate.send_post(&post)?;
    let all = everybody(gate);
    release(gate, &all)?;
    gate.hand_out()?;
    settle(gate, &all)?;
    match (gate.convicted.len(), gate.roots.len()) {
        (1, 1) => Ok(()),
        _ => Err(GateError::broken("convicted one, opened one result")),
    }
}

fn withheld(gate: &mut Gate<'_>) -> Result<(), GateError> {
    gate.fund()?;
    let all = everybody(gate);
    work(gate, &all)?;
    release(gate, &all)?;
    for i in &all {
        let (tip, coin) = (gate.table.chain().height()?, gate.coin(*i)?);
        if gate.provider(*i)?.duty(tip, coin) != ProviderDuty::Ask {
            return Err(GateError::broken("a provider that waits for the client"));
        }
    }
    gate.exchange()?;
    settle(gate, &all)
}

fn late(gate: &mut Gate<'_>) -> Result<(), GateError> {
    gate.fund()?;
    let all = everybody(gate);
    work(gate, &all)?;
    release(gate, &all)?;
    gate.hand_out()?;
    for i in all.iter().filter(|i| **i > 0) {
        gate.claim(*i)?;
    }
    let tx = gate.claim_tx(0)?;
    gate.take_back()?;
    match gate.table.publish(1, ("Claim1", "too late"), &tx) {
        Err(_) => {}
        Ok(()) => return Err(GateError::broken("claimed what was refunded")),
    }
    match gate.client.opened(0) {
        Err(SliceError::Missing { .. }) => Ok(()),
        other => Err(GateError::broken(format!("opened unpaid: {other:?}"))),
    }
}
