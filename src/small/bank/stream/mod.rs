//! Both sides of a stream over a bank between two nodes: beside the bank's machine, with a log of its own that is durable together with the
//! bank's.

mod paying;
mod serving;
mod work;

use narthex_base::{codec::Message as _, kinds};
use narthex_channel::{
    StepError,
    bank::{BankMachine, CoinAt, Side},
    offer::Decline,
    stream::{StreamError, StreamOrder, StreamTalk},
};

pub(super) use paying::{Doing, Paying};
pub(super) use serving::Serving;

use crate::small::{SmallError, SmallHeard};

impl From<StepError<StreamError>> for SmallError {
    fn from(error: StepError<StreamError>) -> SmallError {
        SmallError::of_step(error)
    }
}

/// What a step did to a stream of what the other side says.
fn heard<T>(stepped: Result<T, StepError<StreamError>>) -> Result<SmallHeard, SmallError> {
    match stepped {
        Ok(_) => Ok(SmallHeard::Taken),
        Err(error) => SmallHeard::of_step(error),
    }
}

/// What the other side says of this stream; what becomes of it where it is none of it. `None` if it is of no stream.
fn talk(body: &[u8], stream: &[u8; 32]) -> Option<Result<StreamTalk, SmallHeard>> {
    body.starts_with(kinds::STREAM_TALK.as_bytes()).then(|| {
        let refused = |why: String| Err(SmallHeard::Refused(why));
        match StreamTalk::from_bytes(body) {
            Ok(talk) if talk.stream() != stream => refused("it is of another stream".into()),
            Ok(talk) => Ok(talk),
            Err(error) => refused(error.to_string()),
        }
    })
}

/// Whether pennies of a bank are given and taken as it stands.
fn is_open<S: Side>(bank: &BankMachine<S>) -> bool {
    bank.standing() == "open" && matches!(bank.coin(), CoinAt::Banked { is_deep: true })
}

/// Whether a bank can pay for this stream: each slice by a commitment of its own.
fn check_bank<S: Side>(bank: &BankMachine<S>, order: &StreamOrder) -> Result<(), SmallError> {
    let terms = bank.lineage().map(|lineage| lineage.bank().terms());
    let terms = terms.ok_or(SmallError::Order("terms of a bank"))?;
    if order.bank != terms.bank() {
        return Err(SmallError::refused("the stream is of another bank"));
    }
    let (last, pennies) = (order.penny(order.slices), terms.record().pennies);
    if last > pennies {
        return Err(SmallError::refused(format_args!(
            "the stream takes {last} pennies of a bank of {pennies}"
        )));
    }
    match terms.has_commitment(order.penny(1)) {
        true => Ok(()),
        false => Err(SmallError::refused(format_args!(
            "{} pennies, the first slice's among them, are worth no output: a slice is to cost more",
            order.penny(1)
        ))),
    }
}

/// Why a side goes no further, in as many words as there is room for.
fn because(words: impl std::fmt::Display) -> Decline {
    Decline::new(&words.to_string())
}

/// Figures of a stream, beside the bank's.
fn shown(order: &StreamOrder, reached: &[(&str, u32)]) -> Vec<(String, u64)> {
    let all = [
        ("slices", order.slices),
        ("slice_pennies", order.price),
        ("slice_steps", order.steps),
    ];
    let all = all.iter().chain(reached);
    all.map(|(name, figure)| (format!("stream_{name}"), u64::from(*figure)))
        .collect()
}
