//! The first two rounds: deriving the graph, drawing nonces.

use narthex_base::tagged::tagged_hash_parts;
use std::{collections::BTreeMap, sync::Arc};

use crate::parallel::*;
use bitcoin::secp256k1::{
    PublicKey, Secp256k1, SecretKey,
    rand::{CryptoRng, RngCore},
};
use zeroize::Zeroizing;

use super::{Agreement, NoncesMessage, Plan, SetupError, Signing, plan::context};
use crate::{
    binding::{BindError, Binding},
    graph::TxGraph,
    musig::{MusigKeypair, PartialSignature, PublicNonce, SecretNonce, Session},
    party::{PartyId, PartyName},
};

/// One party at the start of the ceremony.
#[derive(Debug)]
pub struct Party<T> {
    /// Oneself.
    pub(super) me: PartyName,
    pub(super) keypair: MusigKeypair,
    pub(super) terms: Arc<T>,
    pub(super) graph: Arc<TxGraph>,
    pub(super) plan: Arc<Plan>,
    pub(super) session_id: [u8; 32],
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
        let plan = Plan::new(&graph)?;
        let session_id = session_id(&*terms, &graph);
        let keypair = MusigKeypair::new(key).ok_or(wrong)?;
        Ok(Party {
            me,
            keypair,
            terms,
            graph: Arc::new(graph),
            plan: Arc::new(plan),
            session_id,
        })
    }

    /// Oneself.
    pub fn me(&self) -> PartyName {
        self.me
    }

    /// The graph as this party derived it.
    pub fn graph(&self) -> &Arc<TxGraph> {
        &self.graph
    }

    /// The signatures that the graph needs.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Draws a nonce pair for everything that the party signs. `rng` gives 32 bytes for each.
    pub fn announce<R: RngCore + CryptoRng>(
        self,
        rng: &mut R,
    ) -> Result<(Announced<T>, NoncesMessage), SetupError> {
        let items = self
            .plan
            .signed_by(self.me)
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
                let (keys, _) = context(&self.graph, item)?;
                PublicNonce::generate(seed, &self.keypair, keys, &item.message)
                    .ok_or(SetupError::Graph("randomness: the source yields zeros"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let (secrets, nonces): (Vec<SecretNonce>, Vec<PublicNonce>) = pairs.into_iter().unzip();
        let own = NoncesMessage {
            session_id: self.session_id,
            from: self.me.id,
            nonces,
        };
        Ok((
            Announced {
                party: self,
                secrets,
                own: own.clone(),
            },
            own,
        ))
    }
}

/// A party that has announced its nonces and waits for the others'.
#[derive(Debug)]
pub struct Announced<T> {
    party: Party<T>,
    secrets: Vec<SecretNonce>,
    pub(super) own: NoncesMessage,
}

impl<T: Agreement> Announced<T> {
    /// Signs everything with everybody's nonces. The secret nonces are gone afterwards, also if it fails.
    ///
    /// A ceremony that fails is not run again: a party that cancelled an adaptor point with its nonce may hold plain
    /// signatures on the transactions of these terms (ADR 0002). The terms were used up when it began; everybody proposes
    /// anew, and the new salts make other messages of them all.
    pub fn sign(
        self,
        peers: impl IntoIterator<Item = NoncesMessage>,
    ) -> Result<Signing<T>, SetupError> {
        let Announced {
            party,
            secrets,
            own,
        } = self;
        let nonces = gather(&party, own, peers)?;
        let columns = columns(&party, &nonces);
        let mut secrets = secrets.into_iter();
        let jobs = party
            .plan
            .items()
            .iter()
            .enumerate()
            .map(|(i, item)| {
                let secret = if item.signers.contains(party.me) {
                    secrets.next()
                } else {
                    None
                };
                (i, item, secret)
            })
            .filter(|(_, item, secret)| secret.is_some() || item.collects(party.me))
            .collect::<Vec<_>>();
        let signed = jobs
            .into_par_iter()
            .map(|(i, item, secret)| {
                let (keys, point) = context(&party.graph, item)?;
                let nonces = keys
                    .names()
                    .map(|from| {
                        nonce_at(&nonces, &columns, from.id, i).ok_or(SetupError::Missing { from })
                    })
                    .collect::<Result<Vec<_>, _>>()?;
                let session = Session::new(keys, &nonces, point, &item.message)?;
                let share = match secret {
                    None => None,
                    Some(secret) => Some(session.sign(keys, party.me, &party.keypair, secret)?),
                };
                // Only what is aggregated later needs its session kept.
                Ok((i, item.collects(party.me).then_some(session), share))
            })
            .collect::<Result<Vec<_>, SetupError>>()?;
        let count = party.plan.items().len();
        let mut sessions: Vec<Option<Session>> = (0..count).map(|_| None).collect();
        let mut shares: Vec<Option<PartialSignature>> = vec![None; count];
        for (i, session, share) in signed {
            sessions[i] = session;
            shares[i] = share;
        }
        Ok(Signing::new(party, nonces, columns, sessions, shares))
    }
}

/// Identifies a ceremony by what is signed about and by the graph, so that no message of one counts in another.
fn session_id(terms: &impl Agreement, graph: &TxGraph) -> [u8; 32] {
    use bitcoin::hashes::Hash;
    let last = graph.nodes().last().and_then(|(id, _)| graph.txid(id));
    let last = last.map(|txid| txid.to_byte_array()).unwrap_or_default();
    tagged_hash_parts("narthex/ceremony", &[terms.id(), &last])
}

/// Every party's nonces.
pub(super) type Nonces = BTreeMap<PartyId, Vec<PublicNonce>>;

/// For each party, which of its nonces belongs to which item of the plan; `u32::MAX` if none.
pub(super) type Columns = BTreeMap<PartyId, Vec<u32>>;

fn gather<T: Agreement>(
    party: &Party<T>,
    own: NoncesMessage,
    peers: impl IntoIterator<Item = NoncesMessage>,
) -> Result<Nonces, SetupError> {
    let mut nonces = Nonces::new();
    nonces.insert(own.from, own.nonces);
    for message in peers {
        let id = message.from;
        let from = party.terms.name(id);
        if message.session_id != party.session_id {
            return Err(SetupError::ForeignContract { from });
        }
        if party.terms.signer(id).is_none() {
            return Err(SetupError::Stranger { party: from });
        }
        let wanted = party.plan.signed_by(id).count();
        if message.nonces.len() != wanted {
            return Err(SetupError::Count {
                from,
                given: message.nonces.len(),
                wanted,
            });
        }
        match nonces.get(&id) {
            Some(known) if *known == message.nonces => {}
            Some(_) => return Err(SetupError::Contradiction { from }),
            None => drop(nonces.insert(id, message.nonces)),
        }
    }
    let signs = |name: &PartyName| party.plan.signed_by(*name).next().is_some();
    match party
        .terms
        .everyone()
        .into_iter()
        .filter(signs)
        .find(|name| !nonces.contains_key(&name.id))
    {
        Some(from) => Err(SetupError::Missing { from }),
        None => Ok(nonces),
    }
}

fn columns<T>(party: &Party<T>, nonces: &Nonces) -> Columns {
    nonces
        .keys()
        .map(|id| {
            let mut column = vec![u32::MAX; party.plan.items().len()];
            for ((i, _), n) in party.plan.signed_by(*id).zip(0u32..) {
                column[i] = n;
            }
            (*id, column)
        })
        .collect()
}

pub(super) fn nonce_at(
    nonces: &Nonces,
    columns: &Columns,
    party: PartyId,
    item: usize,
) -> Option<PublicNonce> {
    let at = *columns.get(&party)?.get(item)?;
    nonces.get(&party)?.get(at as usize).copied()
}
