//! Small programs that run in units.

use narthex_game_model::commitment::state_digest;
use narthex_game_model::computation::{StepError, StepNeeds, StepProgram, UnitProgram};
use narthex_game_model::tagged::TaggedHasher;

fn run_units<P: UnitProgram + ?Sized>(program: &P, record: &[u8]) -> Result<Vec<u8>, StepError> {
    let mut state = program.start(record)?;
    for _ in 0..program.max_units() {
        let next = program.advance(&state)?;
        if next == state {
            break;
        }
        state = next;
    }
    program.output(&state)
}

fn needs(units: u64, state: usize) -> StepNeeds {
    StepNeeds {
        fuel: 1_000,
        // As of programs that may run for any time: what they need is bounded all the same.
        units: units.saturating_add(2).min(1_000),
        memory_bytes: state as u64,
        program_bytes: 1_000,
    }
}

/// Hashes its record `units` times. The state is a count and a hash.
#[derive(Clone, Debug)]
pub struct Chain {
    pub units: u64,
}

impl Chain {
    fn read(state: &[u8]) -> Result<(u64, [u8; 32]), StepError> {
        let why = StepError::NotAState {
            bytes: state.len(),
            why: "not a count and a hash",
        };
        let (count, hash) = state.split_first_chunk::<8>().ok_or(why.clone())?;
        let hash = hash.try_into().map_err(|_| why)?;
        Ok((u64::from_be_bytes(*count), hash))
    }
}

impl StepProgram for Chain {
    fn id(&self) -> [u8; 32] {
        TaggedHasher::new("test/chain").number(self.units).finish()
    }

    fn output_bytes(&self) -> usize {
        8
    }

    fn needs(&self) -> StepNeeds {
        needs(self.units, 40)
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        run_units(self, record)
    }
}

impl UnitProgram for Chain {
    fn max_units(&self) -> u64 {
        self.units
    }

    fn start(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        Ok([&[0; 8][..], &state_digest(record)].concat())
    }

    fn advance(&self, state: &[u8]) -> Result<Vec<u8>, StepError> {
        let (count, hash) = Self::read(state)?;
        if count >= self.units {
            return Ok(state.to_vec());
        }
        let next = TaggedHasher::new("test/chain-unit").fixed(&hash).finish();
        Ok([&(count + 1).to_be_bytes()[..], &next].concat())
    }

    fn output(&self, state: &[u8]) -> Result<Vec<u8>, StepError> {
        let (_, hash) = Self::read(state)?;
        Ok(hash[..8].to_vec())
    }
}

/// A machine with four registers that runs the code in its record. It ends at `END`, fails at an
/// unknown instruction or when it has not ended after all units.
#[derive(Clone, Debug)]
pub struct Machine {
    pub units: u64,
}

/// The state of a [`Machine`]: place, whether it has ended, registers, code.
const HEAD: usize = 2 + 4;

impl Machine {
    /// Records of this many bytes are code.
    pub const CODE_BYTES: usize = 12;

    fn check(state: &[u8]) -> Result<(), StepError> {
        if state.len() != HEAD + Self::CODE_BYTES || state[1] > 1 {
            let bytes = state.len();
            return Err(StepError::NotAState {
                bytes,
                why: "not a machine",
            });
        }
        Ok(())
    }
}

impl StepProgram for Machine {
    fn id(&self) -> [u8; 32] {
        TaggedHasher::new("test/machine")
            .number(self.units)
            .finish()
    }

    fn output_bytes(&self) -> usize {
        4
    }

    fn needs(&self) -> StepNeeds {
        needs(self.units, HEAD + Self::CODE_BYTES)
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        run_units(self, record)
    }
}

impl UnitProgram for Machine {
    fn max_units(&self) -> u64 {
        self.units
    }

    fn start(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        if record.len() != Self::CODE_BYTES || record[0] == 255 {
            let bytes = record.len();
            return Err(StepError::RecordDoesNotFit { bytes });
        }
        Ok([&[0; HEAD], record].concat())
    }

    fn advance(&self, state: &[u8]) -> Result<Vec<u8>, StepError> {
        Self::check(state)?;
        let mut next = state.to_vec();
        if state[1] == 1 {
            return Ok(next);
        }
        let place = usize::from(state[0]) % Self::CODE_BYTES;
        let code = state[HEAD + place];
        let (a, b) = (2 + usize::from(code & 3), 2 + usize::from(code >> 2 & 3));
        next[0] = (place + 1) as u8;
        match code >> 4 {
            0 => next[1] = 1,
            1..=5 => next[a] = state[a].wrapping_add(state[b]).wrapping_add(1),
            6..=8 => next[a] = state[a].wrapping_mul(3) ^ state[b],
            9..=11 => next[0] = state[a] ^ state[b],
            12 => next[HEAD + place] = state[a],
            13 | 14 => next[0] = (place + 2) as u8,
            _ => return Err(StepError::Trap(format!("instruction {code} at {place}"))),
        }
        Ok(next)
    }

    fn output(&self, state: &[u8]) -> Result<Vec<u8>, StepError> {
        Self::check(state)?;
        match state[1] {
            1 => Ok(state[2..HEAD].to_vec()),
            _ => Err(StepError::OutOfFuel { limit: self.units }),
        }
    }
}

/// The same program, but for some units that go wrong in a way of their own: a liar's consistent
/// story.
#[derive(Clone, Debug)]
pub struct Diverging<P> {
    pub inner: P,
    /// A unit goes wrong where the hash of its state is 0 modulo this; 0: none does.
    pub one_in: u16,
    pub start_too: bool,
    /// Which byte goes wrong, modulo the size of the state.
    pub byte: usize,
}

impl<P> Diverging<P> {
    fn twist(&self, from: &[u8], mut to: Vec<u8>) -> Vec<u8> {
        let [a, b, ..] = TaggedHasher::new("test/twist").fixed(from).finish();
        let hit = self.one_in > 0 && u16::from_be_bytes([a, b]).is_multiple_of(self.one_in);
        if hit && !to.is_empty() {
            let byte = self.byte % to.len();
            to[byte] ^= 1;
        }
        to
    }
}

impl<P: StepProgram> StepProgram for Diverging<P> {
    fn id(&self) -> [u8; 32] {
        self.inner.id()
    }

    fn output_bytes(&self) -> usize {
        self.inner.output_bytes()
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        self.inner.run(record)
    }
}

impl<P: UnitProgram> UnitProgram for Diverging<P> {
    fn max_units(&self) -> u64 {
        self.inner.max_units()
    }

    fn start(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        let state = self.inner.start(record)?;
        Ok(match self.start_too {
            true => self.twist(record, state),
            false => state,
        })
    }

    fn advance(&self, state: &[u8]) -> Result<Vec<u8>, StepError> {
        let next = self.inner.advance(state)?;
        // A machine that has ended stays where it is, in a lie too.
        Ok(match next == state {
            true => next,
            false => self.twist(state, next),
        })
    }

    fn output(&self, state: &[u8]) -> Result<Vec<u8>, StepError> {
        self.inner.output(state)
    }
}
