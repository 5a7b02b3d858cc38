//! What a long log of a link is replaced by.

use super::{LinksChange, LinksMachine};
use crate::Summary;

impl Summary for LinksMachine {
    fn summary(&self) -> Vec<LinksChange> {
        let state = &self.state;
        let mut changes = vec![LinksChange::Booted { boot: state.boot }];
        if state.is_resumed() {
            changes.push(LinksChange::Resumed);
        }
        let ended = state.ended.iter().copied();
        changes.extend(ended.map(|contract| LinksChange::Ended { contract }));
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
                let (to, last) = (*to, way.kept.last_key_value());
                if way.next > last.map_or(0, |(seq, _)| seq.saturating_add(1)) {
                    let next = way.next;
                    changes.push(LinksChange::Skipped { contract, to, next });
                }
                changes.extend(way.claim.map(LinksChange::Claimed));
                let next = way.acked;
                after.push(LinksChange::Marked { contract, to, next });
            }
            after.extend(talk.contradiction.map(LinksChange::Contradicted));
            if talk.is_noted {
                after.push(LinksChange::Noted { contract });
            }
        }
        changes.extend(after);
        changes.extend(state.forked.map(LinksChange::Forked));
        changes
    }
}
