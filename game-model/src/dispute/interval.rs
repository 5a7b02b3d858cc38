//! Points of a step, their digests, and how an interval between two of them is cut.

use serde::{Deserialize, Serialize};

use crate::tagged::{TaggedHasher, tagged_hash};

/// Digest of a live state, as parties post it.
pub fn unit_digest(state: &[u8]) -> [u8; 32] {
    TaggedHasher::new("narthex/unit-state")
        .sized(state)
        .finish()
}

/// Digest of the state of a step that has failed; it stays failed.
pub fn failed_digest() -> [u8; 32] {
    tagged_hash("narthex/unit-failed", b"")
}

/// What is left to search: the parties agree on the first point and differ on the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The agreed point.
    pub agreed: u64,
    /// Its digest. Point 0 is the input record: there it is the root of the input tree.
    #[serde(with = "narthex_base::hex::array")]
    pub agreed_digest: [u8; 32],
    /// The disputed point, above the agreed one.
    pub disputed: u64,
    /// The digest that the worker claims for it. The last point is the output: there it is the
    /// digest in the worker's leaf.
    #[serde(with = "narthex_base::hex::array")]
    pub disputed_digest: [u8; 32],
}

impl Interval {
    /// Number of transitions.
    pub const fn transitions(&self) -> u64 {
        self.disputed.saturating_sub(self.agreed)
    }

    /// Number of parts into which `fan_out` cuts it: never more than there are transitions.
    pub fn parts(&self, fan_out: u32) -> u32 {
        let transitions = u32::try_from(self.transitions()).unwrap_or(u32::MAX);
        fan_out.min(transitions)
    }

    /// The points between the parts, ascending: those whose digests the worker has to post.
    pub fn cuts(&self, fan_out: u32) -> impl ExactSizeIterator<Item = u64> + use<> {
        let (agreed, length) = (self.agreed, u128::from(self.transitions()));
        let parts = self.parts(fan_out).max(1);
        (1..parts).map(move |part| {
            // Below `length`, so it fits 64 bits.
            let offset = length * u128::from(part) / u128::from(parts);
            agreed.saturating_add(offset as u64)
        })
    }

    /// The part with this number, given the digests posted for [`Self::cuts`]; `None` if there is
    /// no such part.
    pub fn part(&self, fan_out: u32, posted: &[[u8; 32]], part: u32) -> Option<Self> {
        let part = usize::try_from(part).ok()?;
        let first = [(self.agreed, self.agreed_digest)];
        let last = [(self.disputed, self.disputed_digest)];
        let posted = self.cuts(fan_out).zip(posted.iter().copied());
        let mut ends = first.into_iter().chain(posted).chain(last).skip(part);
        let (agreed, agreed_digest) = ends.next()?;
        let (disputed, disputed_digest) = ends.next()?;
        Some(Self {
            agreed,
            agreed_digest,
            disputed,
            disputed_digest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(agreed: u64, disputed: u64) -> Interval {
        Interval {
            agreed,
            agreed_digest: [1; 32],
            disputed,
            disputed_digest: [2; 32],
        }
    }

    #[test]
    fn parts_are_as_equal_as_can_be_and_cover_everything() {
        for (agreed, disputed) in [
            (0, 2),
            (5, 6),
            (3, 103),
            (0, u64::MAX),
            (u64::MAX - 7, u64::MAX),
        ] {
            for fan_out in [2, 3, 7, 100, 1024] {
                let whole = interval(agreed, disputed);
                let parts = whole.parts(fan_out);
                let posted = vec![[7; 32]; whole.cuts(fan_out).len()];
                let all: Vec<_> = (0..parts)
                    .map(|part| whole.part(fan_out, &posted, part).unwrap())
                    .collect();
                assert!(whole.part(fan_out, &posted, parts).is_none());
                assert_eq!(all[0].agreed, agreed);
                assert_eq!(all.last().unwrap().disputed, disputed);
                assert_eq!(all.last().unwrap().disputed_digest, [2; 32]);
                assert!(all.windows(2).all(|w| w[0].disputed == w[1].agreed));
                let sizes = all.iter().map(Interval::transitions);
                let (least, most) = (sizes.clone().min().unwrap(), sizes.max().unwrap());
                assert!(least >= 1 && most - least <= 1, "{least} to {most}");
            }
        }
    }
}
