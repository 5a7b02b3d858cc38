//! What is kept of a bank, as bytes.

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_contracts::bank::{AdaptorCommitments, BankTerms, Penny};

use super::{BankChange, CoinAt, GoodPenny, Leaving, Lineage, MAX_RESUMED};
use crate::fields::{read_transaction, unknown, write_transaction};

impl Message for BankChange {
    const KIND: Kind = kinds::BANK_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Proposed(lineage) => {
                w.u8(0).list(lineage.terms(), |w, terms| {
                    w.bytes(&terms.to_json());
                });
            }
            Self::Abandoned => {
                w.u8(1);
            }
            Self::Signed { force_close } => {
                w.u8(2).fixed(force_close);
            }
            Self::Funded(tx) => {
                w.u8(3);
                write_transaction(w, tx);
            }
            Self::Coin(coin) => {
                w.u8(4);
                write_coin(w, coin);
            }
            Self::Paid { to } => {
                w.u8(5).u32(*to);
            }
            Self::AdaptorCommitments(commitments) => {
                let (bank, commitments) = ([0; 32], commitments.clone());
                w.u8(6).message(&AdaptorCommitments { bank, commitments });
            }
            Self::Taken(GoodPenny {
                penny,
                false_commitments,
            }) => {
                w.u8(7)
                    .fixed(&penny.to_bytes())
                    .list(false_commitments, |w, commitment| {
                        w.u32(*commitment);
                    });
            }
            Self::ForceClosing => {
                w.u8(8);
            }
            Self::Leaving(how) => {
                w.u8(9);
                write_leaving(w, how);
            }
            Self::Left(tx) => {
                w.u8(10);
                write_transaction(w, tx);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let change = match r.u8("change")? {
            0 => Self::Proposed(read_lineage(r)?),
            1 => Self::Abandoned,
            2 => Self::Signed {
                force_close: r.array("force-close")?,
            },
            3 => Self::Funded(read_transaction(r)?),
            4 => Self::Coin(read_coin(r)?),
            5 => Self::Paid { to: r.u32("to")? },
            6 => Self::AdaptorCommitments(
                r.message::<AdaptorCommitments>("commitments")?.commitments,
            ),
            7 => {
                let penny = r.slice("penny", narthex_contracts::bank::PENNY_BYTES)?;
                let penny = Penny::from_bytes(penny)?;
                let false_commitments =
                    r.list("false commitments", 4, |r| r.u32("false commitment"))?;
                Self::Taken(GoodPenny {
                    penny,
                    false_commitments,
                })
            }
            8 => Self::ForceClosing,
            9 => Self::Leaving(read_leaving(r)?),
            10 => Self::Left(read_transaction(r)?),
            kind => return Err(unknown("change", kind)),
        };
        Ok(change)
    }
}

fn read_lineage(r: &mut Reader<'_>) -> Result<Lineage, DecodeError> {
    let terms = r.list_up_to("banks", 4, MAX_RESUMED, |r| {
        let read = BankTerms::from_json(r.bytes("terms")?);
        read.map_err(|e| DecodeError::invalid("terms", e))
    })?;
    Lineage::new(terms).map_err(|e| DecodeError::invalid("terms", e))
}

fn write_coin(w: &mut Writer, coin: &CoinAt) {
    match coin {
        CoinAt::Nowhere => w.u8(0),
        CoinAt::Banked { is_deep } => w.u8(1).flag(*is_deep),
        CoinAt::ForceClosed { height } => w.u8(2).u32(*height),
        CoinAt::Spent { is_deep } => w.u8(3).flag(*is_deep),
    };
}

fn read_coin(r: &mut Reader<'_>) -> Result<CoinAt, DecodeError> {
    Ok(match r.u8("coin")? {
        0 => CoinAt::Nowhere,
        1 => CoinAt::Banked {
            is_deep: r.flag("deep")?,
        },
        2 => CoinAt::ForceClosed {
            height: r.u32("height")?,
        },
        3 => CoinAt::Spent {
            is_deep: r.flag("deep")?,
        },
        kind => return Err(unknown("coin", kind)),
    })
}

fn write_leaving(w: &mut Writer, how: &Leaving) {
    match how {
        Leaving::Close {
            paid,
            fee_sat,
            force_closed,
        } => w.u8(0).u32(*paid).u64(*fee_sat).flag(*force_closed),
        Leaving::Resume { paid, txid } => w.u8(1).u32(*paid).fixed(txid),
        Leaving::Claim { commitment } => w.u8(2).u32(*commitment),
        Leaving::Refund => w.u8(3),
        Leaving::TimeoutRefund => w.u8(4),
    };
}

fn read_leaving(r: &mut Reader<'_>) -> Result<Leaving, DecodeError> {
    Ok(match r.u8("end")? {
        0 => Leaving::Close {
            paid: r.u32("paid")?,
            fee_sat: r.u64("fee")?,
            force_closed: r.flag("force-closed")?,
        },
        1 => Leaving::Resume {
            paid: r.u32("paid")?,
            txid: r.array("txid")?,
        },
        2 => Leaving::Claim {
            commitment: r.u32("commitment")?,
        },
        3 => Leaving::Refund,
        4 => Leaving::TimeoutRefund,
        kind => return Err(unknown("end", kind)),
    })
}
