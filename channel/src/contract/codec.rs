//! What is written down of a contract, as bytes.

use bitcoin::{Txid, hashes::Hash};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_contracts::{graph::NodeId, party::PartyId};
use narthex_game_model::{
    Accusation, Ruling,
    ruling::{Litigant, RootOfRecord},
};

use super::{
    Audited, Blob, BroughtPart, ContractChange, EndingChange, Facts, Finding, RulingDigest, Thing,
    message::{read_item, read_receipt, write_item},
};

/// A path from a funding to a settlement has at most Tx0, TxD, a verdict, an appeal or challenge, and the settlement.
const MAX_PATH: usize = 8;
/// Most shares or signatures of one settlement.
const MAX_SIGNATURES: usize = 16;

impl Message for ContractChange {
    const KIND: Kind = kinds::CONTRACT_CHANGE;

    /// A byte that says which, then its fields.
    fn write(&self, w: &mut Writer) {
        match self {
            ContractChange::Seen(facts) => write_facts(w.u8(0), facts),
            ContractChange::Filed(signed) => write_item(w.u8(1), signed),
            ContractChange::Shown(commitment) => w.u8(2).message(commitment.as_ref()),
            ContractChange::Kept { by, blob } => match blob {
                Blob::Boxes { hash } => w.u8(3).u8(by.0).fixed(hash),
                Blob::Opening { id, hash } => w.u8(4).u8(by.0).fixed(id).fixed(hash),
            },
            ContractChange::Brought(part) => {
                let w = w.u8(5).u8(accusation_byte(part.case));
                let w = w.u8(litigant_byte(part.by)).u32(part.bytes);
                w.fixed(&part.brought.to_bytes())
            }
            ContractChange::Receipt(receipt) => w.u8(6).fixed(&receipt.to_bytes()),
            ContractChange::Acknowledged { thing, receipt } => {
                write_thing(w.u8(7), *thing).fixed(&receipt.to_bytes())
            }
            ContractChange::NotReceived(thing) => write_thing(w.u8(8), *thing),
            ContractChange::Deep { height } => w.u8(9).u32(*height),
            ContractChange::Found(finding) => w.u8(10).u8(match finding {
                Finding::Equal => 0,
                Finding::Wrong => 1,
                Finding::OwnFault => 2,
            }),
            ContractChange::Released(release) => w.u8(11).message(release),
            ContractChange::HandedOver(handed) => w.u8(12).message(handed),
            ContractChange::Approved(releases) => w.u8(13).list(releases, |w, release| {
                w.message(release);
            }),
            ContractChange::Passed(handed) => w.u8(14).list(handed, |w, handed| {
                w.message(handed);
            }),
            ContractChange::False => w.u8(15),
            ContractChange::Decided(node) => w.u8(16).u32(node.0),
            ContractChange::Appealing => w.u8(17),
            ContractChange::Pleaded(brought) => w.u8(18).fixed(&brought.to_bytes()),
            ContractChange::Closed => w.u8(19),
            ContractChange::Ruled(ruling) => w.u8(20).flag(*ruling == Ruling::VerifierAtFault),
            ContractChange::Attested(attestation) => w.u8(21).message(attestation),
            ContractChange::Decrypted { by, result } => {
                w.u8(22).fixed(&by.to_byte_array());
                w.optional(result.as_ref(), |w, hash| {
                    w.fixed(hash);
                })
            }
            ContractChange::Over => w.u8(23),
            ContractChange::Summoned { tip } => w.u8(24).u32(*tip),
            ContractChange::Showing(node) => w.u8(25).u32(node.0),
            ContractChange::AuditDeep { height } => w.u8(26).u32(*height),
            ContractChange::Audited(audited) => match audited {
                Audited::Right => w.u8(27).u8(0),
                Audited::Wrong { step } => w.u8(27).u8(1).u64(*step),
                Audited::Unopened => w.u8(27).u8(2),
            },
            ContractChange::Recalled(receipt) => w.u8(28).fixed(&receipt.to_bytes()),
            ContractChange::Ending(change) => change.write(w.u8(29)),
            ContractChange::Rejected(releases) => w.u8(30).list(releases, |w, release| {
                w.message(release);
            }),
            ContractChange::Revealed(share) => w.u8(31).message(share),
            ContractChange::RulingFixed { mine, other } => mine.write_to(w.u8(32)).fixed(other),
            ContractChange::DigestSeen { by, digest } => digest.write_to(w.u8(33).u8(by.0)),
            ContractChange::Asked { tip } => w.u8(34).u32(*tip),
            ContractChange::MayAttest => w.u8(35),
            ContractChange::PutBack(is_put_back) => w.u8(36).flag(*is_put_back),
            ContractChange::DigestHeard(digest) => digest.write_to(w.u8(37)),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<ContractChange, DecodeError> {
        Ok(match r.u8("change")? {
            0 => ContractChange::Seen(read_facts(r)?),
            1 => ContractChange::Filed(read_item(r)?),
            2 => ContractChange::Shown(Box::new(r.message("commitment")?)),
            3 => ContractChange::Kept {
                by: read_party(r)?,
                blob: Blob::Boxes {
                    hash: r.array("boxes")?,
                },
            },
            4 => ContractChange::Kept {
                by: read_party(r)?,
                blob: Blob::Opening {
                    id: r.array("opening")?,
                    hash: r.array("bytes")?,
                },
            },
            5 => ContractChange::Brought(BroughtPart {
                case: read_accusation(r)?,
                by: read_litigant(r)?,
                bytes: r.u32("bytes")?,
                brought: read_receipt(r)?,
            }),
            6 => ContractChange::Receipt(read_receipt(r)?),
            7 => ContractChange::Acknowledged {
                thing: read_thing(r)?,
                receipt: read_receipt(r)?,
            },
            8 => ContractChange::NotReceived(read_thing(r)?),
            9 => ContractChange::Deep {
                height: r.u32("height")?,
            },
            10 => ContractChange::Found(match r.u8("finding")? {
                0 => Finding::Equal,
                1 => Finding::Wrong,
                2 => Finding::OwnFault,
                other => return Err(DecodeError::invalid("finding", other)),
            }),
            11 => ContractChange::Released(r.message("share")?),
            12 => ContractChange::HandedOver(r.message("signature")?),
            13 => ContractChange::Approved(
                r.list_up_to("shares", 77, MAX_SIGNATURES, |r| r.message("share"))?,
            ),
            14 => ContractChange::Passed(r.list_up_to("signatures", 105, MAX_SIGNATURES, |r| {
                r.message("signature")
            })?),
            15 => ContractChange::False,
            16 => ContractChange::Decided(NodeId(r.u32("transaction")?)),
            17 => ContractChange::Appealing,
            18 => ContractChange::Pleaded(read_receipt(r)?),
            19 => ContractChange::Closed,
            20 => ContractChange::Ruled(match r.flag("ruling")? {
                false => Ruling::WorkerAtFault,
                true => Ruling::VerifierAtFault,
            }),
            21 => ContractChange::Attested(r.message("attestation")?),
            22 => ContractChange::Decrypted {
                by: Txid::from_byte_array(r.array("settlement")?),
                result: r.optional("result", |r| r.array("result"))?,
            },
            23 => ContractChange::Over,
            24 => ContractChange::Summoned { tip: r.u32("tip")? },
            25 => ContractChange::Showing(NodeId(r.u32("transaction")?)),
            26 => ContractChange::AuditDeep {
                height: r.u32("height")?,
            },
            27 => ContractChange::Audited(match r.u8("audit")? {
                0 => Audited::Right,
                1 => Audited::Wrong {
                    step: r.u64("step")?,
                },
                2 => Audited::Unopened,
                other => return Err(DecodeError::invalid("audit", other)),
            }),
            28 => ContractChange::Recalled(read_receipt(r)?),
            29 => ContractChange::Ending(Box::new(EndingChange::read(r)?)),
            30 => ContractChange::Rejected(
                r.list_up_to("shares", 77, MAX_SIGNATURES, |r| r.message("share"))?,
            ),
            31 => ContractChange::Revealed(r.message("share of the panel's secret")?),
            32 => ContractChange::RulingFixed {
                mine: RulingDigest::read_from(r)?,
                other: r.array("digest of the other ruling")?,
            },
            33 => ContractChange::DigestSeen {
                by: read_party(r)?,
                digest: RulingDigest::read_from(r)?,
            },
            34 => ContractChange::Asked { tip: r.u32("tip")? },
            35 => ContractChange::MayAttest,
            36 => ContractChange::PutBack(r.flag("put back")?),
            37 => ContractChange::DigestHeard(RulingDigest::read_from(r)?),
            other => return Err(DecodeError::invalid("change", other)),
        })
    }
}

/// Number of transactions, of each number (4) and height (4); whether there is a root, height (4) and root; whether its coin was
/// spent otherwise, and its height (4).
fn write_facts<'w>(w: &'w mut Writer, facts: &Facts) -> &'w mut Writer {
    w.list(&facts.path, |w, (node, height)| {
        w.u32(node.0).u32(*height);
    });
    w.optional(facts.root.as_ref(), |w, record| {
        w.u32(record.height).fixed(&record.root);
    });
    w.optional(facts.agreed.as_ref(), |w, height| {
        w.u32(*height);
    })
}

fn read_facts(r: &mut Reader<'_>) -> Result<Facts, DecodeError> {
    Ok(Facts {
        path: r.list_up_to("path", 8, MAX_PATH, |r| {
            Ok((NodeId(r.u32("transaction")?), r.u32("height")?))
        })?,
        root: r.optional("root", |r| {
            Ok(RootOfRecord {
                height: r.u32("height")?,
                root: r.array("root")?,
            })
        })?,
        agreed: r.optional("other spend", |r| r.u32("height"))?,
    })
}

fn write_thing(w: &mut Writer, thing: Thing) -> &mut Writer {
    match thing {
        Thing::Item(id) => w.u8(0).fixed(&id),
        Thing::Data => w.u8(1),
        Thing::Part(hash) => w.u8(2).fixed(&hash),
    }
}

fn read_thing(r: &mut Reader<'_>) -> Result<Thing, DecodeError> {
    Ok(match r.u8("thing")? {
        0 => Thing::Item(r.array("item")?),
        1 => Thing::Data,
        2 => Thing::Part(r.array("part")?),
        other => return Err(DecodeError::invalid("thing", other)),
    })
}

fn read_party(r: &mut Reader<'_>) -> Result<PartyId, DecodeError> {
    let index = r.u8("party")?;
    PartyId::from_index(index.into()).ok_or_else(|| DecodeError::invalid("party", index))
}

pub(super) const fn accusation_byte(case: Accusation) -> u8 {
    match case {
        Accusation::Appeal => 0,
        Accusation::Challenge => 1,
    }
}

pub(super) fn read_accusation(r: &mut Reader<'_>) -> Result<Accusation, DecodeError> {
    Ok(match r.u8("case")? {
        0 => Accusation::Appeal,
        1 => Accusation::Challenge,
        other => return Err(DecodeError::invalid("case", other)),
    })
}

pub(super) const fn litigant_byte(by: Litigant) -> u8 {
    match by {
        Litigant::Client => 0,
        Litigant::Worker => 1,
        Litigant::Verifier => 2,
    }
}

pub(super) fn read_litigant(r: &mut Reader<'_>) -> Result<Litigant, DecodeError> {
    Ok(match r.u8("party")? {
        0 => Litigant::Client,
        1 => Litigant::Worker,
        2 => Litigant::Verifier,
        other => return Err(DecodeError::invalid("party", other)),
    })
}
