//! What a table of decoders is made of, and how a valid input is damaged. No dependency and no randomness of its own,
//! so that every crate's tests can use it.

/// What has to hold of what a decoder takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// There is one spelling: it is written back as it was.
    Canonical,
    /// There are many spellings (JSON, text): what is written back is read and written back as it is.
    Stable,
    /// There is nothing to write back; it must not panic, and say the same twice.
    Bears,
}

/// Reads bytes and writes back what was read; `None` if they are refused.
pub type Read = fn(&[u8]) -> Option<Vec<u8>>;

/// Puts the checksum of damaged bytes right.
pub type Reseal = fn(&[u8]) -> Vec<u8>;

/// A decoder.
pub struct Decoder {
    /// What it reads.
    pub name: &'static str,
    /// What has to hold.
    pub law: Law,
    /// The decoder.
    pub read: Read,
    /// Valid inputs.
    pub seeds: Vec<Vec<u8>>,
    /// Puts the checksum of damaged bytes right, so that what lies behind it is tried too.
    pub reseal: Option<Reseal>,
}

impl Decoder {
    /// A decoder of inputs like `seeds`.
    pub fn new(name: &'static str, law: Law, read: Read, seeds: Vec<Vec<u8>>) -> Self {
        Self {
            name,
            law,
            read,
            seeds,
            reseal: None,
        }
    }

    /// These, each with those of the seeds that it reads.
    pub fn seeded(mut all: Vec<Self>, seeds: &[Vec<u8>]) -> Vec<Self> {
        for decoder in &mut all {
            let read = |bytes: &&Vec<u8>| (decoder.read)(bytes).is_some();
            decoder.seeds = seeds.iter().filter(read).cloned().collect();
        }
        all
    }

    /// Checks the law on some bytes; whether they are read. Panics if it does not hold.
    pub fn check(&self, data: &[u8]) -> bool {
        let Some(written) = (self.read)(data) else {
            return false;
        };
        let name = self.name;
        match self.law {
            Law::Canonical => assert_eq!(written, data, "{name}: written back otherwise"),
            Law::Stable => {
                let again = (self.read)(&written);
                assert_eq!(again.as_ref(), Some(&written), "{name}: not stable");
            }
            Law::Bears => assert_eq!((self.read)(data), Some(written), "{name}: says two things"),
        }
        true
    }
}

/// Numbers that follow from a seed (SplitMix64).
pub struct Numbers(pub u64);

impl Numbers {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 for 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// What happens to a message on its way.
#[derive(Debug, Clone)]
pub enum Damage {
    /// Bits of a byte change.
    Flip(usize, u8),
    /// It ends early.
    Cut(usize),
    /// It goes on.
    Append(Vec<u8>),
    /// A byte more.
    Insert(usize, u8),
    /// Bytes less.
    Remove(usize, usize),
    /// A length or count of 4 bytes.
    Count(usize, [u8; 4]),
    /// A length or count of 8 bytes.
    LongCount(usize, [u8; 8]),
    /// It goes on as another message does.
    Splice(usize, Vec<u8>, usize),
    /// A number in a text.
    Number(usize, &'static str),
}

const NUMBERS: [&str; 9] = [
    "0",
    "-1",
    "4294967296",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e300",
    "0.5",
    "null",
];

impl Damage {
    /// Some damage; `other` is another valid message.
    pub fn drawn(numbers: &mut Numbers, other: &[u8]) -> Self {
        let at = numbers.next() as usize;
        match numbers.below(10) {
            0 | 1 => Self::Flip(at, 1 << numbers.below(8)),
            2 => Self::Cut(at),
            3 => Self::Append(vec![numbers.next() as u8; 1 + numbers.below(40)]),
            4 => Self::Insert(at, numbers.next() as u8),
            5 => Self::Remove(at, 1 + numbers.below(8)),
            6 => {
                let count = [0, 1, u32::MAX, 1 << 31, 1 << 24, numbers.next() as u32];
                let count = count[numbers.below(count.len())];
                let big_endian = numbers.below(2) == 0;
                Self::Count(
                    at,
                    match big_endian {
                        true => count.to_be_bytes(),
                        false => count.to_le_bytes(),
                    },
                )
            }
            7 => {
                let count = [0, 1, u64::MAX, 1 << 61, 1 << 48, 1 << 32, numbers.next()];
                Self::LongCount(at, count[numbers.below(count.len())].to_be_bytes())
            }
            8 => Self::Splice(at, other.to_vec(), numbers.next() as usize),
            _ => Self::Number(at, NUMBERS[numbers.below(NUMBERS.len())]),
        }
    }

    /// Does it.
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        let len = bytes.len().max(1);
        match self {
            Self::Flip(at, bits) => {
                if let Some(byte) = bytes.get_mut(at % len) {
                    *byte ^= bits;
                }
            }
            Self::Cut(at) => bytes.truncate(at % len),
            Self::Append(more) => bytes.extend(more),
            Self::Insert(at, byte) => bytes.insert(at % len, *byte),
            Self::Remove(at, count) => {
                let from = (at % len).min(bytes.len());
                let to = from.saturating_add(*count).min(bytes.len());
                bytes.drain(from..to);
            }
            Self::Count(at, count) => overwrite(bytes, at % len, count),
            Self::LongCount(at, count) => overwrite(bytes, at % len, count),
            Self::Splice(at, other, from) => {
                bytes.truncate(at % len);
                bytes.extend(&other[from % other.len().max(1)..]);
            }
            Self::Number(at, number) => {
                let digit = |byte: &u8| byte.is_ascii_digit();
                let from = (at % len).min(bytes.len());
                let Some(start) = bytes[from..].iter().position(digit) else {
                    return;
                };
                let start = from + start;
                let end = bytes[start..].iter().position(|byte| !digit(byte));
                let end = end.map_or(bytes.len(), |length| start + length);
                bytes.splice(start..end, number.bytes());
            }
        }
    }
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    if let Some(field) = bytes.get_mut(at..at + with.len()) {
        field.copy_from_slice(with);
    }
}

/// Every seed is read; then `rounds` damaged inputs for each decoder, which are read or refused, without a panic and by
/// the decoder's law. Gives how many damaged inputs were read. A failure names decoder, seed and round.
pub fn damage_all(decoders: &[Decoder], seed: u64, rounds: u64) -> u64 {
    let mut read = 0;
    for (number, decoder) in decoders.iter().enumerate() {
        let name = decoder.name;
        assert!(!decoder.seeds.is_empty(), "{name}: nothing to start from");
        for valid in &decoder.seeds {
            assert!(decoder.check(valid), "{name}: a valid input is refused");
        }
        for round in 0..rounds {
            let mut numbers = Numbers(seed ^ (number as u64) << 32 ^ round);
            let mut bytes = decoder.seeds[numbers.below(decoder.seeds.len())].clone();
            for _ in 0..=numbers.below(3) {
                let other = &decoders[numbers.below(decoders.len())].seeds;
                let own = &decoder.seeds;
                let of = if numbers.below(2) == 0 { own } else { other };
                let other = &of[numbers.below(of.len())];
                Damage::drawn(&mut numbers, other).apply(&mut bytes);
            }
            let resealed = decoder.reseal.map(|reseal| reseal(&bytes));
            for bytes in [Some(bytes), resealed].into_iter().flatten() {
                let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    decoder.check(&bytes)
                }));
                match held {
                    Ok(was_read) => read += u64::from(was_read),
                    Err(_) => panic!("{name}: seed {seed}, round {round}, input {bytes:02x?}"),
                }
            }
        }
    }
    read
}

/// The most memory that this process ever asked for, in bytes; `None` where the system does not say.
pub fn most_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmPeak:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kilobytes.checked_mul(1024)
}
