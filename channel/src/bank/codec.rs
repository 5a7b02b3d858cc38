//! What is kept of a bank, as bytes.

use bitcoin::{Transaction, consensus};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_contracts::bank::{BankTerms, GoodPenny, Penny, Rungs};

use super::{BankChange, CoinAt, Leaving, Lineage, MAX_RESUMED};

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
            Self::Signed { freeze } => {
                w.u8(2).fixed(freeze);
            }
            Self::Funded(tx) => {
                w.u8(3).bytes(&consensus::serialize(tx));
            }
            Self::Coin(coin) => {
                w.u8(4);
                write_coin(w, coin);
            }
            Self::Paid { to } => {
                w.u8(5).u32(*to);
            }
            Self::Rungs(rungs) => {
                let (bank, rungs) = ([0; 32], rungs.clone());
                w.u8(6).message(&Rungs { bank, rungs });
            }
            Self::Taken(GoodPenny { penny, false_rungs }) => {
                w.u8(7)
                    .fixed(&penny.to_bytes())
                    .list(false_rungs, |w, rung| {
                        w.u32(*rung);
                    });
            }
            Self::Freezing => {
                w.u8(8);
            }
            Self::Leaving(how) => {
                w.u8(9);
                write_leaving(w, how);
            }
            Self::Left(tx) => {
                w.u8(10).bytes(&consensus::serialize(tx));
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let change = match r.u8("change")? {
            0 => Self::Proposed(read_lineage(r)?),
            1 => Self::Abandoned,
            2 => Self::Signed {
                freeze: r.array("freeze")?,
            },
            3 => Self::Funded(read_transaction(r)?),
            4 => Self::Coin(read_coin(r)?),
            5 => Self::Paid { to: r.u32("to")? },
            6 => Self::Rungs(r.message::<Rungs>("rungs")?.rungs),
            7 => {
                let penny = r.slice("penny", narthex_contracts::bank::PENNY_BYTES)?;
                let penny = Penny::from_bytes(penny)?;
                let false_rungs = r.list("false rungs", 4, |r| r.u32("false rung"))?;
                Self::Taken(GoodPenny { penny, false_rungs })
            }
            8 => Self::Freezing,
            9 => Self::Leaving(read_leaving(r)?),
            10 => Self::Left(read_transaction(r)?),
            kind => return Err(unknown("change", kind)),
        };
        Ok(change)
    }
}

fn unknown(field: &'static str, kind: u8) -> DecodeError {
    DecodeError::invalid(field, kind)
}

fn read_lineage(r: &mut Reader<'_>) -> Result<Lineage, DecodeError> {
    let terms = r.list_up_to("banks", 4, MAX_RESUMED, |r| {
        let read = BankTerms::from_json(r.bytes("terms")?);
        read.map_err(|e| DecodeError::invalid("terms", e))
    })?;
    Lineage::new(terms).map_err(|e| DecodeError::invalid("terms", e))
}

fn read_transaction(r: &mut Reader<'_>) -> Result<Transaction, DecodeError> {
    let read = consensus::deserialize(r.bytes("transaction")?);
    read.map_err(|e| DecodeError::invalid("transaction", e))
}

fn write_coin(w: &mut Writer, coin: &CoinAt) {
    match coin {
        CoinAt::Nowhere => w.u8(0),
        CoinAt::Banked { is_deep } => w.u8(1).flag(*is_deep),
        CoinAt::Frozen { height } => w.u8(2).u32(*height),
        CoinAt::Spent { is_deep } => w.u8(3).flag(*is_deep),
    };
}

fn read_coin(r: &mut Reader<'_>) -> Result<CoinAt, DecodeError> {
    Ok(match r.u8("coin")? {
        0 => CoinAt::Nowhere,
        1 => CoinAt::Banked {
            is_deep: r.flag("deep")?,
        },
        2 => CoinAt::Frozen {
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
            frozen,
        } => w.u8(0).u32(*paid).u64(*fee_sat).flag(*frozen),
        Leaving::Resume { paid, txid } => w.u8(1).u32(*paid).fixed(txid),
        Leaving::Claim { rung } => w.u8(2).u32(*rung),
        Leaving::Refund => w.u8(3),
        Leaving::Thaw => w.u8(4),
    };
}

fn read_leaving(r: &mut Reader<'_>) -> Result<Leaving, DecodeError> {
    Ok(match r.u8("end")? {
        0 => Leaving::Close {
            paid: r.u32("paid")?,
            fee_sat: r.u64("fee")?,
            frozen: r.flag("frozen")?,
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
