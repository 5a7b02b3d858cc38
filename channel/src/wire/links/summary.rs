//! What a long log of a link is replaced by.

use super::{LinksChange, LinksMachine, state::Way};
use crate::Summary;

impl Way {
    /// The operator has given up what was missing behind the last that is kept.
    fn is_cleared(&self) -> bool {
        let kept = self.kept.last_key_value();
        self.next > kept.map_or(0, |(seq, _)| seq.saturating_add(1))
    }
}

impl Summary for LinksMachine {
    fn summary(&self) -> Vec<LinksChange> {
        let state = &self.state;
        let mut changes = vec![LinksChange::Booted { boot: state.boot }];
        if state.is_resumed() {
            changes.push(LinksChange::Resumed);
        }
        let ended = state.ended.iter().copied();
        changes.extend(ended.map(|contract| LinksChange::Ended { contract }));
        let mut claims = Vec::new();
        let mut after = Vec::new();
        for (contract, talk) in &state.talks {
            let (contract, of) = (*contract, talk.of);
            changes.push(LinksChange::Opened { contract, of });
            if talk.is_settled {
                changes.push(LinksChange::Settled { contract });
            }
            let theirs = talk.theirs.values().flat_map(|way| way.kept.values());
            changes.extend(theirs.cloned().map(LinksChange::Taken));
            for (to, way) in &talk.own {
                changes.extend(way.kept.values().cloned().map(LinksChange::Posted));
                let claim = way.claim.map(LinksChange::Claimed);
                match way.is_cleared() {
                    true => changes.extend(claim),
                    false => claims.extend(claim),
                }
                let (to, next) = (*to, way.acked);
                after.push(LinksChange::Marked { contract, to, next });
            }
            after.extend(talk.contradiction.map(LinksChange::Contradicted));
            if talk.is_noted {
                after.push(LinksChange::Noted { contract });
            }
        }
        let mut ways = state.talks.values().flat_map(|talk| talk.own.values());
        if ways.any(Way::is_cleared) {
            changes.push(LinksChange::Cleared);
        }
        changes.extend(claims);
        changes.extend(after);
        changes.extend(state.forked.map(LinksChange::Forked));
        changes
    }
}
