//! Random choices that follow from a seed, a game and what they are for.

use crate::ratio::Ratio;
use crate::tagged::TaggedHasher;

/// The random choices of one game. Each is a hash of what it is for, so the order in which they
/// are asked for does not matter.
#[derive(Clone, Copy, Debug)]
pub struct Dice {
    seed: [u8; 32],
    game: u64,
}

impl Dice {
    /// The choices of game `game` of a run.
    pub const fn new(seed: [u8; 32], game: u64) -> Self {
        Self { seed, game }
    }

    /// 32 bytes for `purpose`; `number` tells several of a kind apart.
    pub fn bytes(&self, purpose: &str, number: u64) -> [u8; 32] {
        TaggedHasher::new("narthex/simulation")
            .fixed(&self.seed)
            .number(self.game)
            .sized(purpose.as_bytes())
            .number(number)
            .finish()
    }

    /// A number below 2⁶⁴.
    pub fn number(&self, purpose: &str, number: u64) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.bytes(purpose, number);
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// How many of the limits that a uniform number in [0, 1) reaches: with limits 1/10 and 3/10 it
    /// is 0, 1, 2 with probability 1/10, 2/10, 7/10 (to 2⁻⁶⁴). Limits ascend.
    pub fn pick(&self, purpose: &str, number: u64, limits: &[Ratio]) -> usize {
        let roll = u128::from(self.number(purpose, number));
        let reached = |limit: &&Ratio| {
            roll * u128::from(limit.denominator()) >= u128::from(limit.numerator()) << 64
        };
        limits.iter().take_while(reached).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_follow_their_limits() {
        let ratio = |num, den| Ratio::new(num, den).unwrap();
        let limits = [ratio(1, 10), ratio(1, 10), ratio(4, 10)];
        let mut counts = [0; 4];
        for game in 0..10_000 {
            counts[Dice::new([3; 32], game).pick("x", 0, &limits)] += 1;
        }
        // 1000, 0, 3000, 6000 within five standard deviations (30, 0, 46, 49).
        assert_eq!(counts[1], 0);
        assert!((850..1_150).contains(&counts[0]), "{counts:?}");
        assert!((2_770..3_230).contains(&counts[2]), "{counts:?}");
        let never = Dice::new([3; 32], 0).pick("x", 0, &[Ratio::ZERO]);
        let always = Dice::new([3; 32], 0).pick("x", 0, &[Ratio::ONE]);
        assert_eq!((never, always), (1, 0));
    }
}
