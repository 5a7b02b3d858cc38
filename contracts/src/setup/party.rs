//! The first round: deriving the graph, drawing nonces.

use narthex_base::tagged::tagged_hash_parts;
use std::sync::Arc;

use crate::parallel::*;
use bitcoin::secp256k1::{
    PublicKey, Secp256k1, SecretKey,
    rand::{CryptoRng, RngCore},
};
use zeroize::Zeroizing;

use super::{Agreement, Announced, NoncesMessage, Plan, SetupError, plan::context};
use crate::{
    binding::{BindError, Binding},
    graph::TxGraph,
    musig::{CheckedNonce, MusigKeypair, PublicNonce, SecretNonce},
    party::{PartyId, PartyName},
};

/// What a party derives alone of a ceremony, and keeps through all of its rounds: nothing in it is secret.
#[derive(Debug)]
pub(super) struct Seat<T> {
    /// Oneself.
    pub(super) me: PartyName,
    pub(super) terms: Arc<T>,
    pub(super) graph: Arc<TxGraph>,
    pub(super) plan: Arc<Plan>,
    pub(super) session_id: [u8; 32],
}

impl<T: Agreement> Seat<T> {
    pub(super) fn new(terms: Arc<T>, graph: TxGraph, me: PartyName) -> Result<Seat<T>, SetupError> {
        let plan = Plan::new(&graph)?;
        let session_id = session_id(&*terms, &graph);
        Ok(Seat {
            me,
            terms,
            graph: Arc::new(graph),
            plan: Arc::new(plan),
            session_id,
        })
    }

    /// Bytes of a message of a known length, which is looked at before anything else of it.
    pub(super) fn check_length(
        &self,
        from: PartyId,
        bytes: &[u8],
        wanted: usize,
    ) -> Result<(), SetupError> {
        let (given, from) = (bytes.len(), self.terms.name(from));
        match given == wanted {
            true => Ok(()),
            false => Err(SetupError::Length {
                from,
                given,
                wanted,
            }),
        }
    }

    /// Who in a message says that it is from somebody else than who sent it.
    pub(super) fn check_sender(&self, from: PartyId, said: PartyId) -> Result<(), SetupError> {
        match from == said {
            true => Ok(()),
            false => Err(SetupError::OtherSender {
                from: self.terms.name(from),
                said: self.terms.name(said),
            }),
        }
    }
}

/// One party at the start of the ceremony.
#[derive(Debug)]
pub struct Party<T> {
    pub(super) seat: Seat<T>,
    pub(super) keypair: MusigKeypair,
}

impl<T: Agreement> Party<T> {
    /// A ceremony over a graph of these parties, which this party has derived itself. `bind` makes sure that it is the
    /// only one about these terms, durably; it is asked last, so that nothing is bound by what fails.
    ///
    /// # Errors
    /// [`SetupError::WrongKey`] if `key` is not that of `me` in the terms, [`SetupError::Graph`] if the graph is
    /// inconsistent; those of `bind`.
    pub fn for_bound<E: From<SetupError> + From<BindError>>(
        terms: Arc<T>,
        graph: TxGraph,
        me: impl Into<PartyName>,
        key: &SecretKey,
        bind: impl FnOnce() -> Result<Binding, BindError>,
    ) -> Result<Party<T>, E> {
        let party = Party::for_graph(terms, graph, me.into(), key)?;
        let _used: Binding = bind()?;
        Ok(party)
    }

    fn for_graph(
        terms: Arc<T>,
        graph: TxGraph,
        me: PartyName,
        key: &SecretKey,
    ) -> Result<Party<T>, SetupError> {
        let wrong = SetupError::WrongKey { party: me };
        if terms.signer(me.id) != Some(PublicKey::from_secret_key(&Secp256k1::signing_only(), key))
        {
            return Err(wrong);
        }
        let keypair = MusigKeypair::new(key).ok_or(wrong)?;
        let seat = Seat::new(terms, graph, me)?;
        Ok(Party { seat, keypair })
    }

    /// Oneself.
    pub fn me(&self) -> PartyName {
        self.seat.me
    }

    /// The graph as this party derived it.
    pub fn graph(&self) -> &Arc<TxGraph> {
        &self.seat.graph
    }

    /// The signatures that the graph needs.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.seat.plan
    }

    /// Draws a nonce pair for everything that the party signs. `rng` gives 32 bytes for each.
    pub fn announce<R: RngCore + CryptoRng>(
        self,
        rng: &mut R,
    ) -> Result<(Announced<T>, NoncesMessage), SetupError> {
        let items = self
            .seat
            .plan
            .signed_by(self.seat.me)
            .map(|(_, item)| *item)
            .collect::<Vec<_>>();
        // Seeds are drawn one after the other, so that the source need not be shared between threads.
        let mut seeds = Zeroizing::new(vec![[0u8; 32]; items.len()]);
        for seed in seeds.iter_mut() {
            rng.fill_bytes(seed);
        }
        let pairs = items
            .par_iter()
            .zip(seeds.par_iter())
            .map(|(item, seed)| {
                let (keys, _) = context(&self.seat.graph, item)?;
                PublicNonce::generate(seed, &self.keypair, keys, &item.message)
                    .ok_or(SetupError::Graph("randomness: the source yields zeros"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let (secrets, nonces): (Vec<SecretNonce>, Vec<CheckedNonce>) = pairs.into_iter().unzip();
        let own = NoncesMessage {
            session_id: self.seat.session_id,
            from: self.seat.me.id,
            nonces: nonces.iter().map(CheckedNonce::to_public).collect(),
        };
        Ok((Announced::new(self, secrets, nonces), own))
    }
}

/// Identifies a ceremony by what is signed about and by the graph, so that no message of one counts in another.
fn session_id(terms: &impl Agreement, graph: &TxGraph) -> [u8; 32] {
    use bitcoin::hashes::Hash;
    let last = graph.nodes().last().and_then(|(id, _)| graph.txid(id));
    let last = last.map(|txid| txid.to_byte_array()).unwrap_or_default();
    tagged_hash_parts("narthex/ceremony", &[terms.id(), &last])
}
