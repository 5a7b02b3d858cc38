//! What parties give each other of Tx0: the witnesses of their own inputs. Everything else of it each has derived alone, so
//! that nothing else is sent, read or believed; PSBTs stay between a party and its own wallet.

use std::collections::BTreeMap;

use bitcoin::{
    Psbt, Transaction, Witness,
    secp256k1::{Secp256k1, VerifyOnly},
};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};

use super::{
    FundingError, MAX_COINS, funding_psbt,
    psbt::{extract, finish_input, verify_witness},
};
use crate::{
    graph::{Spend, TxGraph},
    party::{PartyId, read_party, write_party},
    setup::{Agreement, ContractSignatures},
};

/// Most elements of a witness: a signature and a key. Both kinds of coin that terms take need no more.
const MAX_ELEMENTS: usize = 2;

/// Longest element of a witness: an ECDSA signature in DER with its sighash byte.
const MAX_ELEMENT_BYTES: usize = 73;

/// The witnesses of one party's inputs of Tx0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FundingWitnesses {
    /// What was signed about.
    pub agreement_id: [u8; 32],
    /// Whose inputs they are.
    pub from: PartyId,
    /// Number of the input and its witness, each of its inputs once, in order.
    pub inputs: Vec<(u32, Witness)>,
}

impl Message for FundingWitnesses {
    const KIND: Kind = kinds::FUNDING_WITNESSES;

    /// Agreement (32), party, and for each input its number and the elements of its witness; 3,102 bytes at most.
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.agreement_id);
        write_party(w, self.from);
        w.list(&self.inputs, |w, (input, witness)| {
            w.u32(*input)
                .u8(u8::try_from(witness.len()).unwrap_or(u8::MAX));
            for element in witness {
                w.u8(u8::try_from(element.len()).unwrap_or(u8::MAX))
                    .fixed(element);
            }
        });
    }

    /// [`combine_witnesses`] checks what it says.
    fn read(r: &mut Reader<'_>) -> Result<FundingWitnesses, DecodeError> {
        let agreement_id = r.array("agreement id")?;
        let from = read_party(r, "party")?;
        let inputs = r.list_up_to("inputs", 5, MAX_COINS, |r| {
            Ok((r.u32("input")?, read_witness(r)?))
        })?;
        Ok(FundingWitnesses {
            agreement_id,
            from,
            inputs,
        })
    }
}

fn read_witness(r: &mut Reader<'_>) -> Result<Witness, DecodeError> {
    let elements = usize::from(r.u8("elements")?);
    if elements > MAX_ELEMENTS {
        return Err(DecodeError::invalid("elements", elements));
    }
    let mut witness = Witness::new();
    for _ in 0..elements {
        let len = usize::from(r.u8("element length")?);
        if len > MAX_ELEMENT_BYTES {
            return Err(DecodeError::invalid("element length", len));
        }
        witness.push(r.slice("element", len)?);
    }
    Ok(witness)
}

/// The witnesses of own inputs, out of the PSBT of Tx0 as the own wallet gave it back. What it says of other inputs is
/// left out.
///
/// # Errors
/// [`FundingError::OtherTransaction`] if the wallet signed another; [`FundingError::Unsigned`] if an own input is not
/// signed, or wrongly.
pub fn funding_witnesses<T: Agreement>(
    holdings: &ContractSignatures<T>,
    signed: &Psbt,
) -> Result<FundingWitnesses, FundingError> {
    let mut funding = funding_psbt(holdings.graph())?;
    if signed.unsigned_tx != funding.unsigned_tx {
        return Err(FundingError::OtherTransaction {
            found: signed.unsigned_tx.compute_txid(),
            expected: funding.unsigned_tx.compute_txid(),
        });
    }
    let me = holdings.me();
    let secp = narthex_base::context::verifying();
    let mut inputs = Vec::new();
    for index in inputs_of(holdings.graph(), me.id) {
        let unsigned = |reason| FundingError::Unsigned {
            missing: vec![me],
            reason,
        };
        let witness = signed
            .inputs
            .get(index as usize)
            .ok_or(FundingError::NoFunding)
            .and_then(|own| finish_input(secp, &mut funding, index, own).map_err(unsigned))?;
        inputs.push((index, witness));
    }
    Ok(FundingWitnesses {
        agreement_id: *holdings.terms().id(),
        from: me.id,
        inputs,
    })
}

/// Looks at what one party sent, as it comes: all of its inputs and no others, each with a witness that its coin's script
/// takes.
///
/// # Errors
/// By the sender's fault: [`FundingError::OtherAgreement`], [`FundingError::Stranger`], [`FundingError::ForeignInput`],
/// [`FundingError::MissingInput`], [`FundingError::FalseWitness`].
pub fn check_witnesses<T: Agreement>(
    holdings: &ContractSignatures<T>,
    given: &FundingWitnesses,
) -> Result<(), FundingError> {
    let secp = narthex_base::context::verifying();
    let funding = funding_psbt(holdings.graph())?;
    check_one(secp, holdings, &funding, given)
}

fn check_one<T: Agreement>(
    secp: &Secp256k1<VerifyOnly>,
    holdings: &ContractSignatures<T>,
    funding: &Psbt,
    given: &FundingWitnesses,
) -> Result<(), FundingError> {
    let from = holdings.terms().name(given.from);
    if given.agreement_id != *holdings.terms().id() {
        return Err(FundingError::OtherAgreement { from });
    }
    if holdings.terms().signer(given.from).is_none() {
        return Err(FundingError::Stranger { party: from });
    }
    let mut wanted = inputs_of(holdings.graph(), given.from);
    for (input, witness) in &given.inputs {
        match wanted.next() {
            Some(own) if own == *input => {}
            // Numbers rise: one that is passed over will not come.
            Some(own) if own < *input => {
                return Err(FundingError::MissingInput { from, input: own });
            }
            _ => {
                return Err(FundingError::ForeignInput {
                    from,
                    input: *input,
                });
            }
        }
        verify_witness(secp, funding, *input, witness).map_err(|reason| {
            FundingError::FalseWitness {
                from,
                input: *input,
                reason,
            }
        })?;
    }
    match wanted.next() {
        Some(input) => Err(FundingError::MissingInput { from, input }),
        None => Ok(()),
    }
}

/// Tx0 with everybody's witnesses. Of several messages of one party the first that is right counts; a false one, whoever
/// sent it, neither counts nor hides it.
///
/// # Errors
/// [`FundingError::Unsigned`] names all of whom nothing came; where something false came and nothing right, the error is
/// that of [`check_witnesses`].
pub fn combine_witnesses<T: Agreement>(
    holdings: &ContractSignatures<T>,
    given: impl IntoIterator<Item = FundingWitnesses>,
) -> Result<Transaction, FundingError> {
    let mut funding = funding_psbt(holdings.graph())?;
    let secp = narthex_base::context::verifying();
    let mut right: BTreeMap<PartyId, FundingWitnesses> = BTreeMap::new();
    let mut wrong: BTreeMap<PartyId, FundingError> = BTreeMap::new();
    for message in given {
        match check_one(secp, holdings, &funding, &message) {
            Ok(()) => drop(right.entry(message.from).or_insert(message)),
            Err(error) => drop(wrong.entry(message.from).or_insert(error)),
        }
    }
    let everyone = holdings.terms().everyone().into_iter();
    let missing = everyone
        .filter(|name| inputs_of(holdings.graph(), name.id).next().is_some())
        .filter(|name| !right.contains_key(&name.id))
        .collect::<Vec<_>>();
    if let Some(error) = missing.iter().find_map(|name| wrong.remove(&name.id)) {
        return Err(error);
    }
    if !missing.is_empty() {
        let reason = "no signature came".into();
        return Err(FundingError::Unsigned { missing, reason });
    }
    for (input, witness) in right.into_values().flat_map(|message| message.inputs) {
        let at = funding.inputs.get_mut(input as usize);
        at.ok_or(FundingError::NoFunding)?.final_script_witness = Some(witness);
    }
    extract(funding)
}

/// Numbers of the inputs of Tx0 that a party brings, rising.
fn inputs_of(graph: &TxGraph, party: PartyId) -> impl Iterator<Item = u32> + '_ {
    let node = graph.node(TxGraph::FUNDING).into_iter();
    let inputs = node.flat_map(|node| (0u32..).zip(&node.inputs));
    inputs
        .filter(move |(_, input)| matches!(input.spend, Spend::Wallet(of) if of == party))
        .map(|(at, _)| at)
}
