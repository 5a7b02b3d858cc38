//! The ceremony itself, timed party by party.

use narthex_base::codec::Message as _;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bitcoin::secp256k1::rand::thread_rng;
use narthex_contracts::{
    fixtures::Fixtures,
    graph::{StageName, TxGraph},
    setup::{NoncesMessage, Party, Plan, SharesMessage, Signing},
    template::stage,
    terms::{Role, Terms},
};

use super::{Phase, Seconds, Work};

/// What a ceremony signs.
pub(super) struct Planned {
    graph: Arc<TxGraph>,
    plan: Arc<Plan>,
}

impl Planned {
    /// The bare operations that a party cannot do without, one entry per signature that it takes part in.
    pub(super) fn work(&self, role: Role) -> Vec<Work> {
        self.plan
            .items()
            .iter()
            .map(|item| Work {
                signers: self
                    .graph
                    .key_set(item.keys)
                    .map_or(0, |keys| keys.signers().len()),
                signs: item.signers.contains(role),
                verifies: item.collects(role) && item.withheld.is_none_or(|a| a.holder != role),
            })
            .filter(|work| work.signs || work.verifies)
            .collect()
    }
}

/// Clock of one party.
struct Clock {
    role: Role,
    spent: [Duration; 4],
}

impl Clock {
    fn time<T>(&mut self, phase: Phase, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.spent[phase as usize] += start.elapsed();
        result
    }
}

/// Runs a ceremony between all parties of the terms, one party after the other, each on all cores and each doing
/// what it would do alone: reading messages from bytes is part of it. `signed` is called in the middle of each
/// party's work, between two measurements.
pub(super) fn ceremony(
    fixtures: &Fixtures,
    terms: &Terms,
    mut signed: impl FnMut(Role, &Planned),
) -> anyhow::Result<Vec<Seconds>> {
    let mut clocks = terms
        .roles()
        .map(|role| Clock {
            role,
            spent: [Duration::ZERO; 4],
        })
        .collect::<Vec<_>>();
    let mut rng = thread_rng();
    // Whether honest play pays is a matter of the parameters, not of the set-up.
    let policy = Fixtures::policy(terms);
    let mut planned = None;
    let (mut announced, mut nonces) = (Vec::new(), Vec::new());
    for clock in &mut clocks {
        let (role, key) = (clock.role, fixtures.key(clock.role));
        let bound = fixtures.bound(role, terms)?;
        let party = clock.time(Phase::Derive, || Party::new(bound, &key, &policy))?;
        planned.get_or_insert_with(|| Planned {
            graph: party.graph().clone(),
            plan: party.plan().clone(),
        });
        let (next, bytes) = clock.time(Phase::Nonces, || {
            let (next, message) = party.announce(&mut rng)?;
            anyhow::Ok((next, message.to_bytes()))
        })?;
        announced.push(next);
        nonces.push(bytes);
    }
    let mut signing = Vec::new();
    for (clock, party) in clocks.iter_mut().zip(announced) {
        signing.push(clock.time(Phase::Sign, || {
            let peers = nonces.iter().map(|bytes| NoncesMessage::from_bytes(bytes));
            anyhow::Ok(party.sign_with(peers.collect::<Result<Vec<_>, _>>()?)?)
        })?);
        if let Some(planned) = &planned {
            signed(clock.role, planned);
        }
    }
    for stage in stage::ALL {
        close(&mut clocks, &mut signing, stage)?;
    }
    for (clock, party) in clocks.iter_mut().zip(signing) {
        drop(clock.time(Phase::Verify, || party.finish())?);
    }
    Ok(clocks
        .into_iter()
        .map(|clock| clock.spent.map(|spent| spent.as_secs_f64()))
        .collect())
}

/// Everybody hands out its shares of a stage, takes the others' and checks the sums.
fn close(
    clocks: &mut [Clock],
    signing: &mut [Signing<Terms>],
    stage: StageName,
) -> anyhow::Result<()> {
    for to in 0..signing.len() {
        let addressee = signing[to].role();
        for from in (0..signing.len()).filter(|from| *from != to) {
            let message = clocks[from].time(Phase::Verify, || {
                let message = signing[from].shares_for(stage, addressee)?;
                anyhow::Ok((!message.shares.is_empty()).then(|| message.to_bytes()))
            })?;
            let Some(message) = message else { continue };
            clocks[to].time(Phase::Verify, || {
                anyhow::Ok(signing[to].accept(SharesMessage::from_bytes(&message)?)?)
            })?;
        }
        clocks[to].time(Phase::Verify, || signing[to].close(stage))?;
    }
    Ok(())
}
