//! What is kept of a bank, as bytes.

use bitcoin::{Transaction, consensus};
use narthex_contracts::{
    bank::{BankTerms, GoodPenny, Penny, Rungs},
    wire::{Reader, Writer},
};

use super::{BankChange, CoinAt, Leaving, Lineage, MAX_RESUMED};
use crate::{Record, RecordError};

impl Record for BankChange {
    const KIND: &'static str = "NXB1";

    fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::default();
        match self {
            Self::Proposed(lineage) => {
                w.u8(0).u32(lineage.terms().len() as u32);
                for terms in lineage.terms() {
                    w.bytes(&terms.to_json());
                }
            }
            Self::Abandoned => {
                w.u8(1);
            }
            Self::Signed { freeze } => {
                w.u8(2).fixed(freeze);
            }
            Self::Funded(tx) => {
                w.u8(3).bytes(&consensus::serialize(tx));
            }
            Self::Coin(coin) => {
                w.u8(4);
                write_coin(&mut w, coin);
            }
            Self::Paid { to } => {
                w.u8(5).u32(*to);
            }
            Self::Rungs(rungs) => {
                let (bank, rungs) = ([0; 32], rungs.clone());
                w.u8(6).bytes(&Rungs { bank, rungs }.to_bytes());
            }
            Self::Taken(GoodPenny { penny, false_rungs }) => {
                w.u8(7)
                    .fixed(&penny.to_bytes())
                    .u32(false_rungs.len() as u32);
                for rung in false_rungs {
                    w.u32(*rung);
                }
            }
            Self::Freezing => {
                w.u8(8);
            }
            Self::Leaving(how) => {
                w.u8(9);
                write_leaving(&mut w, how);
            }
            Self::Left(tx) => {
                w.u8(10).bytes(&consensus::serialize(tx));
            }
        }
        w.finish()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut r = Reader::new("", bytes)?;
        let change = match r.u8("change")? {
            0 => Self::Proposed(read_lineage(&mut r)?),
            1 => Self::Abandoned,
            2 => Self::Signed {
                freeze: r.array("freeze")?,
            },
            3 => Self::Funded(read_transaction(&mut r)?),
            4 => Self::Coin(read_coin(&mut r)?),
            5 => Self::Paid { to: r.u32("to")? },
            6 => {
                let length = r.count("rungs", 1)?;
                Self::Rungs(Rungs::from_bytes(r.slice("rungs", length)?)?.rungs)
            }
            7 => {
                let penny = r.slice("penny", narthex_contracts::bank::PENNY_BYTES)?;
                let penny = Penny::from_bytes(penny)?;
                let count = r.count("false rungs", 4)?;
                let false_rungs: Result<_, _> = (0..count).map(|_| r.u32("false rung")).collect();
                let false_rungs = false_rungs?;
                Self::Taken(GoodPenny { penny, false_rungs })
            }
            8 => Self::Freezing,
            9 => Self::Leaving(read_leaving(&mut r)?),
            10 => Self::Left(read_transaction(&mut r)?),
            kind => return Err(unknown("change", kind)),
        };
        r.finish()?;
        Ok(change)
    }
}

fn unknown(what: &str, kind: u8) -> RecordError {
    RecordError::invalid(format_args!("no {what} of a bank is of kind {kind}"))
}

fn read_lineage(r: &mut Reader<'_>) -> Result<Lineage, RecordError> {
    let count = r.count("banks", 4)?;
    if count > MAX_RESUMED {
        return Err(RecordError::invalid(format_args!(
            "{count} banks behind each other"
        )));
    }
    let mut terms = Vec::with_capacity(count);
    for _ in 0..count {
        let length = r.count("terms", 1)?;
        let json = r.slice("terms", length)?;
        terms.push(BankTerms::from_json(json).map_err(RecordError::invalid)?);
    }
    Lineage::new(terms).map_err(RecordError::invalid)
}

fn read_transaction(r: &mut Reader<'_>) -> Result<Transaction, RecordError> {
    let length = r.count("transaction", 1)?;
    let bytes = r.slice("transaction", length)?;
    consensus::deserialize(bytes).map_err(RecordError::invalid)
}

fn write_coin(w: &mut Writer, coin: &CoinAt) {
    match coin {
        CoinAt::Nowhere => w.u8(0),
        CoinAt::Banked => w.u8(1),
        CoinAt::Frozen { height } => w.u8(2).u32(*height),
        CoinAt::Spent { is_deep } => w.u8(3).u8((*is_deep).into()),
    };
}

fn read_coin(r: &mut Reader<'_>) -> Result<CoinAt, RecordError> {
    Ok(match r.u8("coin")? {
        0 => CoinAt::Nowhere,
        1 => CoinAt::Banked,
        2 => CoinAt::Frozen {
            height: r.u32("height")?,
        },
        3 => CoinAt::Spent {
            is_deep: read_bool(r, "deep")?,
        },
        kind => return Err(unknown("coin", kind)),
    })
}

fn read_bool(r: &mut Reader<'_>, field: &'static str) -> Result<bool, RecordError> {
    match r.u8(field)? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(unknown(field, other)),
    }
}

fn write_leaving(w: &mut Writer, how: &Leaving) {
    match how {
        Leaving::Close {
            paid,
            fee_sat,
            frozen,
        } => w.u8(0).u32(*paid).u64(*fee_sat).u8((*frozen).into()),
        Leaving::Resume { paid, txid } => w.u8(1).u32(*paid).fixed(txid),
        Leaving::Claim { rung } => w.u8(2).u32(*rung),
        Leaving::Refund => w.u8(3),
        Leaving::Thaw => w.u8(4),
    };
}

fn read_leaving(r: &mut Reader<'_>) -> Result<Leaving, RecordError> {
    Ok(match r.u8("end")? {
        0 => Leaving::Close {
            paid: r.u32("paid")?,
            fee_sat: r.u64("fee")?,
            frozen: read_bool(r, "frozen")?,
        },
        1 => Leaving::Resume {
            paid: r.u32("paid")?,
            txid: r.array("txid")?,
        },
        2 => Leaving::Claim {
            rung: r.u32("rung")?,
        },
        3 => Leaving::Refund,
        4 => Leaving::Thaw,
        kind => return Err(unknown("end", kind)),
    })
}
