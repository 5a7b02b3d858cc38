//! What is due of an arbiter's offers and bonds at a height: a function of what there is, and of what its operator wants.

use narthex::bitcoin::Amount;

/// Where an offer and its bond are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    /// In no block yet.
    Waits,
    /// In a block; nothing that is planned spends its bond.
    Posted,
    /// Its bond goes into the next one, or back to the wallet.
    Leaves,
}

/// An offer that is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Height at which it ends, and from which its bond can be spent.
    pub(super) end: u32,
    /// What was to be locked for it.
    pub(super) asked: Amount,
    /// Where it is.
    pub(super) stands: Stands,
}

/// What is wanted from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Always an offer with so much locked for so many blocks, the next one being made so many before the last one ends.
    Offers {
        /// What is locked.
        amount: Amount,
        /// Blocks.
        blocks: u32,
        /// Blocks before the end.
        margin: u32,
    },
    /// None: what is free goes back to the wallet.
    Nothing,
    /// Whatever it will be, not now.
    Later,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// An offer that ends there, with a bond from the wallet.
    Post {
        /// Its end.
        end: u32,
    },
    /// The same with a bond whose lock is over.
    Roll {
        /// Where the offer of that bond has ended.
        old: u32,
        /// The end of the next.
        end: u32,
    },
    /// A bond whose lock is over goes to the wallet.
    Withdraw {
        /// Where its offer has ended.
        old: u32,
    },
}

/// Height at which what follows an offer is made.
pub(super) const fn renewal(end: u32, margin: u32) -> u32 {
    end.saturating_sub(margin)
}

/// What is due at this tip. `last` is the highest end that ever was: ends rise, so that no identity comes twice; `is_asked`: the
/// operator wants the next offer now.
pub(super) fn due(
    tip: u32,
    held: &[Held],
    (wanted, last): (Wanted, Option<u32>),
    is_asked: bool,
) -> Option<Step> {
    let mut free: Vec<_> = held
        .iter()
        .filter(|one| one.stands == Stands::Posted && one.end <= tip)
        .collect();
    free.sort_by_key(|one| one.end);
    let (amount, blocks, margin) = match wanted {
        Wanted::Later => return None,
        Wanted::Nothing => return free.first().map(|one| Step::Withdraw { old: one.end }),
        Wanted::Offers {
            amount,
            blocks,
            margin,
        } => (amount, blocks, margin),
    };
    // One goes into the next bond, if it is as large as that is to be.
    let next = free.iter().rposition(|one| one.asked == amount);
    let next = next.map(|at| free.remove(at).end);
    if let Some(other) = free.first() {
        return Some(Step::Withdraw { old: other.end });
    }
    if held.iter().any(|one| one.stands == Stands::Waits) {
        return None;
    }
    let standing = held.iter().map(|one| one.end).max();
    let is_due = standing.is_none_or(|end| tip >= renewal(end, margin));
    if !is_due && !is_asked {
        return None;
    }
    let above = last.map_or(0, |last| last.saturating_add(1));
    let end = tip.saturating_add(blocks).max(above);
    Some(match next {
        Some(old) => Step::Roll { old, end },
        None => Step::Post { end },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AMOUNT: Amount = Amount::from_sat(50_000);
    const WANTED: Wanted = Wanted::Offers {
        amount: AMOUNT,
        blocks: 100,
        margin: 20,
    };

    fn held(end: u32, stands: Stands) -> Held {
        let asked = AMOUNT;
        Held { end, asked, stands }
    }

    fn of(tip: u32, held: &[Held]) -> Option<Step> {
        let last = held.iter().map(|one| one.end).max();
        due(tip, held, (WANTED, last), false)
    }

    #[test]
    fn the_next_is_due_at_its_height_and_not_a_block_before() {
        assert_eq!(of(7, &[]), Some(Step::Post { end: 107 }));
        let first = held(107, Stands::Posted);
        assert_eq!(of(86, &[first]), None);
        assert_eq!(of(87, &[first]), Some(Step::Post { end: 187 }));
        assert_eq!(
            due(8, &[first], (WANTED, Some(107)), true),
            Some(Step::Post { end: 108 })
        );
        // Nothing is made beside one that waits, however late.
        assert_eq!(of(87, &[held(107, Stands::Waits)]), None);
        assert_eq!(of(300, &[held(107, Stands::Waits)]), None);
        let next = held(187, Stands::Posted);
        assert_eq!(of(106, &[first, next]), None);
        assert_eq!(of(166, &[first, next]), None);
        // The first is free long since, and goes into the third.
        let rolled = Some(Step::Roll { old: 107, end: 267 });
        assert_eq!(of(167, &[first, next]), rolled);
        // Of one that stands alone the bond serves again as soon as it is free.
        assert_eq!(of(106, &[first]), Some(Step::Post { end: 206 }));
        assert_eq!(of(107, &[first]), Some(Step::Roll { old: 107, end: 207 }));
    }

    #[test]
    fn what_is_not_needed_goes_back() {
        let first = held(107, Stands::Posted);
        let with = |wanted, tip| due(tip, &[first], (wanted, Some(107)), false);
        assert_eq!(with(Wanted::Nothing, 106), None);
        assert_eq!(
            with(Wanted::Nothing, 107),
            Some(Step::Withdraw { old: 107 })
        );
        assert_eq!(with(Wanted::Later, 500), None);
        // Of another amount it does not go into the next.
        let (blocks, margin) = (100, 20);
        let amount = AMOUNT + Amount::ONE_SAT;
        let more = Wanted::Offers {
            amount,
            blocks,
            margin,
        };
        assert_eq!(with(more, 107), Some(Step::Withdraw { old: 107 }));
        // Of two that are free one waits for the next.
        let both = [first, held(150, Stands::Posted), held(240, Stands::Posted)];
        assert_eq!(of(160, &both), Some(Step::Withdraw { old: 107 }));
        assert_eq!(of(160, &both[1..]), None);
    }

    proptest! {
        /// A chain on which each step confirms some blocks later: there is always an offer that ends far enough ahead, ends rise, no bond is
        /// spent before its lock, and never are more than two locked.
        #[test]
        fn there_is_always_one(
            margin in 3_u32..40, more in 0_u32..60, delays in prop::collection::vec(0_u32..3, 400),
        ) {
            let blocks = 2 * margin + more;
            let wanted = Wanted::Offers { amount: AMOUNT, blocks, margin };
            let (mut all, mut last) = (Vec::<Held>::new(), None::<u32>);
            let mut until = Vec::<(u32, u32, Option<u32>)>::new();
            for (tip, delay) in (1..).zip(&delays) {
                for (at, end, old) in until.extract_if(.., |(at, ..)| *at <= tip).collect::<Vec<_>>() {
                    prop_assert!(at <= tip);
                    all.iter_mut().filter(|one| one.end == end).for_each(|one| one.stands = Stands::Posted);
                    all.retain(|one| Some(one.end) != old);
                }
                if let Some(step) = due(tip, &all, (wanted, last), false) {
                    let (end, old) = match step {
                        Step::Post { end } => (end, None),
                        Step::Roll { old, end } => (end, Some(old)),
                        Step::Withdraw { .. } => return Err(TestCaseError::fail("nothing is left over")),
                    };
                    prop_assert!(last.is_none_or(|last| end > last));
                    prop_assert!(old.is_none_or(|old| old <= tip));
                    all.iter_mut().filter(|one| Some(one.end) == old).for_each(|one| one.stands = Stands::Leaves);
                    all.push(held(end, Stands::Waits));
                    until.push((tip + delay, end, old));
                    last = Some(end);
                }
                let posted = all.iter().filter(|one| one.stands == Stands::Posted && one.end > tip);
                let ahead = posted.clone().map(|one| one.end - tip).max();
                // Three blocks to get into one at most; what was made before the first is in one does not count.
                if tip > 4 {
                    prop_assert!(ahead.is_some_and(|ahead| ahead + 3 >= margin), "{ahead:?} at {tip}");
                }
                prop_assert!(posted.count() <= 2);
            }
        }
    }
}
