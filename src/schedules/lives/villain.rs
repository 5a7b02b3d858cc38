//! An adversary in a contract's life: the honest machine, with hands that cheat, letters that it takes back, and a hand of its own
//! on the chain.

use bitcoin::secp256k1::rand::{Rng, rngs::StdRng};
use narthex_channel::contract::Piece;
use narthex_contracts::terms::Role;
use narthex_game_model::{Ratio, play::Strategy, ruling::ProvenRecord};

use crate::{life::Letter, play::cheat::Cheat};

/// Chances of a thing are in so many.
const OF: u8 = 32;

/// How often it does not do what its machine says, in 32.
#[derive(Clone, Copy, Debug, Default)]
struct Filter {
    /// A letter is not sent.
    skip: u8,
    /// A letter is sent a block later.
    delay: u8,
    /// A letter is sent twice.
    repeat: u8,
    /// A letter is sent with a bit turned.
    garble: u8,
    /// A letter is sent to somebody else too.
    stray: u8,
    /// What is due is not published.
    idle: u8,
    /// Something that it holds is published.
    grab: u8,
    /// Its child takes the place of another's.
    pin: u8,
    /// What it publishes goes to the miner, past the mempool.
    bribe: u8,
}

/// An adversary.
#[derive(Clone, Debug)]
pub(super) struct Villain {
    pub(super) role: Role,
    pub(super) cheat: Option<Cheat>,
    pub(super) works: Strategy,
    pub(super) admits: bool,
    filter: Filter,
    /// What it sends to one party only is sent to this one otherwise.
    victim: Option<Role>,
    /// What it does besides, which is drawn apart: seeds that are older go on as they did.
    whims: Whims,
    /// With whom it has one owner: what one knows the other knows.
    pub(super) partner: Option<Role>,
    has_begun_anew: bool,
}

/// What an adversary does rarely.
#[derive(Clone, Debug, Default)]
struct Whims {
    /// A piece of its evidence is left out, in 32.
    halves: u8,
    /// It brings the panel the input of another step than the one in dispute.
    misnames: bool,
    /// Where its machine stands when it begins anew, and how it works then.
    anew: Option<(&'static str, Strategy)>,
    /// Height from which it says and publishes nothing.
    quits: Option<u32>,
}

/// What becomes of a letter.
pub(super) enum Fate {
    Now(Letter),
    Later(Letter),
}

fn chance(rng: &mut StdRng, of: u8) -> bool {
    rng.gen_range(0..OF) < of
}

impl Villain {
    pub(super) fn draw(role: Role, roles: &[Role], rng: &mut StdRng) -> Villain {
        let cheats = Cheat::of(role);
        let cheat = match rng.gen_range(0..3u8) {
            0 => None,
            _ => Some(cheats[rng.gen_range(0..cheats.len())]),
        };
        // Each habit in a third of them, and then rarely or often.
        let mut often = || match rng.gen_range(0..9u8) {
            0 => 2,
            1 => 10,
            2 => 28,
            _ => 0,
        };
        let filter = Filter {
            skip: often(),
            delay: often(),
            repeat: often(),
            garble: often(),
            stray: often(),
            idle: often(),
            grab: often(),
            pin: often(),
            bribe: often(),
        };
        let works = match role {
            Role::Worker => Self::works(rng),
            _ => Strategy::Honest,
        };
        let victim = rng.gen_range(0..2 * roles.len());
        Villain {
            role,
            cheat,
            works,
            admits: rng.gen_range(0..2u8) == 0,
            filter,
            victim: roles.get(victim).copied().filter(|victim| *victim != role),
            whims: Whims::default(),
            partner: None,
            has_begun_anew: false,
        }
    }

    /// Gives it whims; contracts begin at this height.
    pub(super) fn with_whims(mut self, funded: u32, whims: &mut StdRng) -> Villain {
        let mut has = |of: u8| whims.gen_range(0..of) == 0;
        let (halves, misnames, anew, quits) = (has(6), has(6), has(5), has(12));
        let is_worker = self.role == Role::Worker;
        let at = ["committed", "sampled", "sealed", "answered", "contested"];
        let at = at[whims.gen_range(0..5usize)];
        let works = Self::works(whims);
        let more = whims.gen_range(0..60u32);
        self.whims = Whims {
            halves: u8::from(halves) * 12,
            misnames: misnames && is_worker,
            anew: (anew && is_worker).then_some((at, works)),
            quits: quits.then(|| funded.saturating_add(more)),
        };
        self
    }

    /// Two with one owner. They stop at once, and a verifier is told the token.
    pub(super) fn ally(pair: [&mut Villain; 2], whims: &mut StdRng) {
        let [one, other] = pair;
        (one.partner, other.partner) = (Some(other.role), Some(one.role));
        other.whims.quits = one.whims.quits;
        other.victim = one.victim.filter(|victim| *victim != other.role);
        let is_told = whims.gen_range(0..2u8) == 0;
        let told = match (one.role, other.role) {
            (Role::Verifier, Role::Worker) => Some(one),
            (Role::Worker, Role::Verifier) => Some(other),
            _ => None,
        };
        if let Some(verifier) = told.filter(|_| is_told) {
            verifier.cheat = Some(Cheat::League);
        }
    }

    /// Whether it begins anew where its machine stands: how it works from then on.
    pub(super) fn begins_anew(&mut self, standing: &str) -> bool {
        let anew = self.whims.anew.take_if(|(at, _)| *at == standing);
        let is_anew = anew.is_some();
        self.has_begun_anew |= is_anew;
        if let Some((_, works)) = anew {
            self.works = works;
        }
        is_anew
    }

    /// What it brings a panel in place of its evidence. `input` is the input of a step.
    pub(super) fn brings(
        &self,
        pieces: &mut Vec<Piece>,
        input: impl Fn(u64) -> Option<ProvenRecord>,
        whims: &mut StdRng,
    ) {
        if self.whims.misnames {
            let steps = pieces.iter().find_map(|piece| match piece {
                Piece::Opening(opening) => {
                    let leaves = opening.leaves.iter();
                    Some(leaves.map(|leaf| leaf.index).collect::<Vec<_>>())
                }
                _ => None,
            });
            let steps = steps.filter(|steps| !steps.is_empty());
            let other = steps.and_then(|steps| input(steps[whims.gen_range(0..steps.len())]));
            if let Some(other) = other {
                pieces.retain(|piece| !matches!(piece, Piece::Record(_)));
                pieces.push(Piece::Record(other));
            }
        }
        if self.whims.halves > 0 {
            pieces.retain(|_| !chance(whims, self.whims.halves));
        }
    }

    /// Whether it changes what it brings a panel.
    pub(super) const fn spoils(&self) -> bool {
        self.whims.misnames || self.whims.halves > 0
    }

    /// Whether it does nothing any more.
    pub(super) fn has_quit(&self, tip: u32) -> bool {
        self.whims.quits.is_some_and(|height| tip >= height)
    }

    fn works(rng: &mut StdRng) -> Strategy {
        let seed = rng.gen_range(0..u64::MAX);
        let half = Ratio::new(1, 2).unwrap_or(Ratio::ONE);
        match rng.gen_range(0..10u8) {
            0 => Strategy::Skip {
                fraction: Ratio::ONE,
                seed,
            },
            1 => Strategy::Falsify {
                fraction: Ratio::ONE,
                seed,
            },
            2 => Strategy::Garbage {
                fraction: Ratio::ONE,
                seed,
            },
            3 => Strategy::Falsify {
                fraction: half,
                seed,
            },
            4 => Strategy::Garbage {
                fraction: half,
                seed,
            },
            _ => Strategy::Honest,
        }
    }

    /// Whether whoever looks into any step finds it out.
    pub(super) fn is_all_wrong(&self) -> bool {
        match &self.works {
            Strategy::Honest | Strategy::Target { .. } => false,
            Strategy::Skip { fraction, .. }
            | Strategy::Falsify { fraction, .. }
            | Strategy::Garbage { fraction, .. } => *fraction == Ratio::ONE,
        }
    }

    /// What it sends in place of a letter.
    pub(super) fn send(&self, (to, bytes): Letter, roles: &[Role], rng: &mut StdRng) -> Vec<Fate> {
        let habits = self.filter;
        if self.victim == Some(to) || chance(rng, habits.skip) {
            return Vec::new();
        }
        let mut bytes = bytes;
        if chance(rng, habits.garble)
            && let at = rng.gen_range(0..bytes.len().max(1))
            && let Some(byte) = bytes.get_mut(at)
        {
            *byte ^= 1 << rng.gen_range(0..8u8);
        }
        let mut sent = Vec::new();
        if chance(rng, habits.repeat) {
            sent.push(Fate::Now((to, bytes.clone())));
        }
        if chance(rng, habits.stray) {
            let other = roles[rng.gen_range(0..roles.len())];
            if other != self.role {
                sent.push(Fate::Now((other, bytes.clone())));
            }
        }
        sent.push(match chance(rng, habits.delay) {
            true => Fate::Later((to, bytes)),
            false => Fate::Now((to, bytes)),
        });
        sent
    }

    pub(super) fn is_idle(&self, rng: &mut StdRng) -> bool {
        chance(rng, self.filter.idle)
    }

    pub(super) fn grabs(&self, rng: &mut StdRng) -> bool {
        chance(rng, self.filter.grab)
    }

    pub(super) fn pins(&self, rng: &mut StdRng) -> bool {
        chance(rng, self.filter.pin)
    }

    pub(super) fn bribes(&self, rng: &mut StdRng) -> bool {
        chance(rng, self.filter.bribe)
    }

    /// What it does, in a few words.
    pub(super) fn habits(&self) -> Vec<String> {
        let name = match self.role {
            Role::Arbiter(_) => "arbiter".to_owned(),
            role => role.to_string(),
        };
        let works = match &self.works {
            Strategy::Honest => None,
            Strategy::Skip { .. } => Some("skips"),
            Strategy::Falsify { .. } => Some("falsifies"),
            Strategy::Target { .. } => Some("targets"),
            Strategy::Garbage { .. } => Some("seals garbage"),
        };
        let mut habits = vec![format!("{name} is an adversary")];
        habits.extend(works.map(|works| format!("{name} {works}")));
        habits.extend(self.cheat.map(|cheat| format!("{name}: {cheat:?}")));
        let other = [
            (self.filter.grab, "publishes unasked"),
            (self.filter.pin, "pins"),
            (self.filter.idle, "leaves duties undone"),
            (self.filter.bribe, "bribes the miner"),
            (u8::from(self.victim.is_some()), "ignores one"),
            (self.whims.halves, "brings half of its evidence"),
            (u8::from(self.whims.misnames), "names another step"),
            (u8::from(self.has_begun_anew), "begins anew"),
            (u8::from(self.whims.quits.is_some()), "stops"),
            (u8::from(self.partner.is_some()), "has an ally"),
        ];
        let other = other.into_iter().filter(|(how, _)| *how > 0);
        habits.extend(other.map(|(_, what)| format!("{name} {what}")));
        habits
    }
}
