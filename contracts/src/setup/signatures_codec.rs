//! ContractSignatures and releases as bytes, so that they are durable before anything is funded.

use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use std::{collections::BTreeMap, sync::Arc};

use super::{
    Agreement, ContractSignatures, Plan, Release, RestoreError,
    signatures::{Held, Pending},
    stored::{begin, end, open},
};
use crate::{
    graph::TxGraph,
    musig::{AdaptorSignature, PartialSignature, PublicNonce},
    party::{PartyId, read_party, write_party},
};

const HOLDINGS: Kind = kinds::HOLDINGS;
const CHECKSUM: &str = "narthex/holdings";

impl<T: Agreement> ContractSignatures<T> {
    /// As bytes: 64 per signature held, and a hash of all behind them. Withheld shares cannot be verified without
    /// the others' nonces; one that a disk changed would make its owner look like a cheat when it is released.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = begin(HOLDINGS, &**self.terms());
        write_party(&mut w, self.me().id);
        w.u32(self.held.len() as u32);
        for (i, held) in &self.held {
            w.u32(*i as u32);
            match held {
                Held::Complete(sig) => w.u8(0).fixed(&sig.0),
                Held::CompleteAndWithheld(sig, share) => w.u8(1).fixed(&sig.0).fixed(&share.0),
                Held::Withheld(share) => w.u8(2).fixed(&share.0),
                Held::Pending(pending) => {
                    w.u8(3);
                    write_party(&mut w, pending.withheld);
                    w.u32(pending.nonces.len() as u32);
                    for (nonce, share) in pending.nonces.iter().zip(&pending.shares) {
                        w.fixed(&nonce.0).u8(share.is_some().into());
                        w.fixed(&share.map_or([0; 32], |s| s.0));
                    }
                    &mut w
                }
            };
        }
        end(w, CHECKSUM)
    }

    /// From bytes, with the graph that this party has derived anew from the terms: verifies every signature.
    pub(crate) fn restore(
        terms: Arc<T>,
        graph: impl FnOnce(&T) -> Result<TxGraph, RestoreError>,
        bytes: &[u8],
    ) -> Result<ContractSignatures<T>, RestoreError> {
        let mut r = open(HOLDINGS, CHECKSUM, &*terms, bytes)?;
        let me = terms.name(read_party(&mut r, "role")?);
        let mut held = BTreeMap::new();
        for _ in 0..r.count("entries", 37)? {
            let index = r.u32("entry")? as usize;
            held.insert(index, read_entry(&mut r)?);
        }
        r.finish()?;
        let graph = graph(&terms)?;
        let plan = Plan::new(&graph)?;
        let holdings = ContractSignatures::new(terms, Arc::new(graph), Arc::new(plan), me, held);
        if !holdings.is_whole() {
            return Err(RestoreError::Damaged);
        }
        holdings.verify().map_err(|_| RestoreError::Damaged)?;
        Ok(holdings)
    }
}

fn read_entry(r: &mut Reader<'_>) -> Result<Held, DecodeError> {
    Ok(match r.u8("entry kind")? {
        0 => Held::Complete(AdaptorSignature(r.array("signature")?)),
        1 => Held::CompleteAndWithheld(
            AdaptorSignature(r.array("signature")?),
            PartialSignature(r.array("share")?),
        ),
        2 => Held::Withheld(PartialSignature(r.array("share")?)),
        3 => {
            let withheld: PartyId = read_party(r, "signer")?;
            let (mut nonces, mut shares) = (Vec::new(), Vec::new());
            for _ in 0..r.count("signers", 99)? {
                nonces.push(PublicNonce(r.array("nonce")?));
                let known = r.u8("share known")? != 0;
                let share = PartialSignature(r.array("share")?);
                shares.push(known.then_some(share));
            }
            Held::Pending(Pending {
                nonces,
                shares,
                withheld,
            })
        }
        other => return Err(DecodeError::invalid("entry kind", other)),
    })
}

impl Message for Release {
    const KIND: Kind = kinds::WITHHELD;

    /// Agreement (32), signer, item, share; 73 bytes in all.
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.agreement_id);
        write_party(w, self.from);
        w.u32(self.item).fixed(&self.share.0);
    }

    /// [`ContractSignatures::accept`] checks what it says.
    fn read(r: &mut Reader<'_>) -> Result<Release, DecodeError> {
        Ok(Release {
            agreement_id: r.array("agreement id")?,
            from: read_party(r, "signer")?,
            item: r.u32("item")?,
            share: PartialSignature(r.array("share")?),
        })
    }
}
