//! An ask that is declined before anybody decides about it.

use narthex_base::codec::{DecodeError, Reader, Writer};

use crate::offer::{Decline, MAX_DECLINE};

/// Why an ask is declined, for programs. Which fault it is follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AskFault {
    /// It does not read, or is under another id than its own.
    Malformed,
    /// There is no small contract of these figures: of no family that is known, or with an amount, a date or a number that cannot be.
    Figures,
    /// It is open for too long, or for no time.
    Expiry,
    /// It is about a contract that is not known here, or not yet.
    Unknown,
    /// It is about one in which nobody is served any more.
    Late,
    /// As many asks as may wait are waiting.
    Full,
    /// The node that is asked has not seen its chain yet.
    Unready,
    /// One that only newer programs know, by its number.
    Other(u8),
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtFault {
    /// Of whoever asks.
    Asker,
    /// Of the node that is asked.
    Asked,
    /// Of nobody: it is another moment than was thought.
    Nobody,
}

impl AtFault {
    /// In a word: `asker`, `asked` or `nobody`.
    pub const fn as_str(self) -> &'static str {
        match self {
            AtFault::Asker => "asker",
            AtFault::Asked => "asked",
            AtFault::Nobody => "nobody",
        }
    }
}

impl AskFault {
    /// All that this program knows.
    pub const ALL: [AskFault; 7] = [
        AskFault::Malformed,
        AskFault::Figures,
        AskFault::Expiry,
        AskFault::Unknown,
        AskFault::Late,
        AskFault::Full,
        AskFault::Unready,
    ];

    /// Its number on the wire.
    pub const fn code(self) -> u8 {
        match self {
            AskFault::Malformed => 1,
            AskFault::Figures => 2,
            AskFault::Expiry => 3,
            AskFault::Unknown => 4,
            AskFault::Late => 5,
            AskFault::Full => 6,
            AskFault::Unready => 7,
            AskFault::Other(code) => code,
        }
    }

    /// The one of a number.
    pub fn of(code: u8) -> AskFault {
        let mut known = Self::ALL.into_iter();
        let known = known.find(|fault| fault.code() == code);
        known.unwrap_or(AskFault::Other(code))
    }

    /// Whose fault it is.
    pub const fn at_fault(self) -> AtFault {
        match self {
            AskFault::Malformed | AskFault::Figures | AskFault::Expiry => AtFault::Asker,
            AskFault::Full | AskFault::Unready => AtFault::Asked,
            AskFault::Unknown | AskFault::Late | AskFault::Other(_) => AtFault::Nobody,
        }
    }
}

/// Why an ask is declined without anybody's decision. Whoever says it keeps nothing of the ask: another one is heard as if this had not
/// been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declined {
    /// For programs.
    pub fault: AskFault,
    /// For people.
    pub decline: Decline,
}

impl Declined {
    /// For this reason, in as many words as there is room for.
    pub fn new(fault: AskFault, words: impl std::fmt::Display) -> Declined {
        let decline = Decline::new(&words.to_string());
        Declined { fault, decline }
    }

    pub(crate) fn write(&self, w: &mut Writer) {
        w.u8(self.fault.code());
        w.bytes(self.decline.reason.as_bytes());
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Declined, DecodeError> {
        let fault = AskFault::of(r.u8("fault")?);
        let decline = read_decline(r)?;
        Ok(Declined { fault, decline })
    }
}

pub(crate) fn read_decline(r: &mut Reader<'_>) -> Result<Decline, DecodeError> {
    let words = std::str::from_utf8(r.bytes_up_to("reason", MAX_DECLINE)?);
    let words = words.map_err(|error| DecodeError::invalid("reason", error))?;
    Ok(Decline::new(words))
}
