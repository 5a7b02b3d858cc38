//! A setup that somebody leaves, or spoils, at any step: nobody's coins are locked, and whoever is at fault is named.

use crate::common;
use narthex_base::codec::Message as _;

use std::collections::BTreeMap;

use bitcoin::{Amount, Psbt, Witness, secp256k1::rand::thread_rng};
use common::company::Company;
use narthex::{
    contracts::{
        funding::{FundingError, combine_witnesses, funding_witnesses},
        graph::StageName,
        setup::{NoncesMessage, Party, SetupError, Signing},
        template::stage,
        terms::{ContributionError, Role, Terms, TermsError},
    },
    regtest::Chain,
};

on_both_chains!(
    leaving_at_each_step,
    spoiling_each_message,
    spoiling_the_funding,
    coins_that_are_not_there
);

/// What somebody does to the setup.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    NoNonces,
    NoShares(StageName),
    FalseNonce,
    FalseShare(StageName),
    FewerNonces,
    FewerShares(StageName),
    OtherSession,
    SharesOfAnother,
}

/// Runs the ceremony of `company` with `culprit` at fault; the others' complaints.
fn ceremony(parties: Vec<Party<Terms>>, culprit: Role, fault: Fault) -> Vec<(Role, SetupError)> {
    let mut announced = Vec::new();
    let mut nonces = Vec::new();
    for party in parties {
        let (next, mut message) = party.announce(&mut thread_rng()).unwrap();
        if message.from == culprit {
            match fault {
                // A valid point, but of another nonce.
                Fault::FalseNonce => message.nonces.swap(0, 1),
                Fault::FewerNonces => drop(message.nonces.pop()),
                Fault::OtherSession => message.session_id[0] ^= 1,
                _ => {}
            }
        }
        let role = Role::from(message.from);
        if !(role == culprit && fault == Fault::NoNonces) {
            nonces.push(message.to_bytes());
        }
        announced.push((role, next));
    }
    let mut complaints = Vec::new();
    let mut signing: BTreeMap<Role, Signing<Terms>> = BTreeMap::new();
    for (role, party) in announced {
        let mut peers: Vec<_> = nonces
            .iter()
            .map(|b| NoncesMessage::from_bytes(b).unwrap())
            .collect();
        // Nobody is told its own nonces; the culprit believes its true ones.
        peers.retain(|message| message.from != role);
        match party.sign_with(peers) {
            Ok(next) => drop(signing.insert(role, next)),
            Err(e) => complaints.push((role, e)),
        }
    }
    if !complaints.is_empty() {
        return complaints;
    }
    for stage in stage::ALL {
        exchange(&mut signing, stage, culprit, fault, &mut complaints);
        for (role, party) in &mut signing {
            if let Err(e) = party.close(stage) {
                complaints.push((*role, e));
            }
        }
        if !complaints.is_empty() {
            break;
        }
    }
    // Only who has closed everything gets anything that could fund.
    for (role, party) in signing {
        let closed = party.finish().is_ok();
        assert!(!closed || role == culprit || complaints.iter().all(|(r, _)| *r != role));
    }
    complaints
}

fn exchange(
    signing: &mut BTreeMap<Role, Signing<Terms>>,
    stage: StageName,
    culprit: Role,
    fault: Fault,
    complaints: &mut Vec<(Role, SetupError)>,
) {
    let roles: Vec<_> = signing.keys().copied().collect();
    for from in &roles {
        for to in roles.iter().filter(|to| *to != from) {
            let mut message = signing[from].shares_for(stage, *to).unwrap();
            if message.shares.is_empty() {
                continue;
            }
            if *from == culprit {
                match fault {
                    Fault::NoShares(s) if s == stage => continue,
                    Fault::FalseShare(s) if s == stage => message.shares[0].0[31] ^= 1,
                    Fault::FewerShares(s) if s == stage => drop(message.shares.pop()),
                    Fault::SharesOfAnother if message.shares.len() > 1 => message.shares.reverse(),
                    _ => {}
                }
            }
            if let Err(e) = signing.get_mut(to).unwrap().accept(message) {
                complaints.push((*to, e));
            }
        }
    }
}

/// Whom an error names.
fn named(error: &SetupError) -> Option<Role> {
    match error {
        SetupError::Missing { from }
        | SetupError::Count { from, .. }
        | SetupError::ForeignContract { from }
        | SetupError::Misdirected { from, .. }
        | SetupError::Contradiction { from }
        // Only that messages differ; the nonce messages themselves show who sent what.
        | SetupError::Transcript { from }
        | SetupError::FaultyShare { signer: from, .. } => Some(from.id.into()),
        _ => None,
    }
}

fn try_each(chain: &mut dyn Chain, faults: &[Fault]) {
    let mut company = Company::gather(chain, 60);
    let funding = company.contributions(BTreeMap::new());
    let mut tried = 0;
    for fault in faults {
        for culprit in Role::all(3) {
            // The arbiters sign the dispute only.
            let later = matches!(
                fault,
                Fault::NoShares(s) | Fault::FalseShare(s) | Fault::FewerShares(s) if *s != stage::ARBITRATION
            );
            if later && matches!(culprit, Role::Arbiter(_)) {
                continue;
            }
            // Terms are signed once: each attempt has new salts, for the same coins.
            company.fixtures.next_attempt();
            let terms = company.propose(funding.clone()).unwrap();
            let complaints = ceremony(company.parties(&terms), culprit, *fault);
            assert!(
                !complaints.is_empty(),
                "{culprit} {fault:?}: nobody noticed"
            );
            for (role, error) in &complaints {
                let blamed = named(error);
                // Who was cheated by its own nonces cannot know better than to doubt others.
                assert!(
                    *role == culprit || blamed == Some(culprit),
                    "{role} blames {blamed:?} for {culprit}'s {fault:?}: {error}"
                );
            }
            tried += 1;
        }
    }
    println!("{tried} spoilt ceremonies");
    company.all_coins_are_free(chain);
}

fn leaving_at_each_step(chain: &mut dyn Chain) {
    let [a, d, s] = stage::ALL.map(Fault::NoShares);
    try_each(chain, &[Fault::NoNonces, a, d, s]);
}

fn spoiling_each_message(chain: &mut dyn Chain) {
    let [a, d, s] = stage::ALL.map(Fault::FalseShare);
    let [fa, fd, fs] = stage::ALL.map(Fault::FewerShares);
    let rest = [
        Fault::FalseNonce,
        Fault::FewerNonces,
        Fault::OtherSession,
        Fault::SharesOfAnother,
    ];
    try_each(chain, &[&[a, d, s, fa, fd, fs][..], &rest].concat());
}

/// Everybody holds its exits, and then: each party leaves in turn without having signed; a PSBT is not of the
/// agreed transaction; a signature is missing or false. No transaction comes of it.
fn spoiling_the_funding(chain: &mut dyn Chain) {
    let mut company = Company::gather(chain, 60);
    let terms = company.terms();
    let held = company.ceremony(&terms);
    let signed: BTreeMap<Role, Psbt> = held
        .iter()
        .map(|(role, h)| (*role, company.sign(h)))
        .collect();
    let all = |changed: &dyn Fn(Role, Psbt) -> Option<Psbt>| {
        let psbts = signed
            .iter()
            .filter_map(|(role, psbt)| Some((role, changed(*role, psbt.clone())?)));
        let given = psbts.map(|(role, psbt)| funding_witnesses(&held[role], &psbt));
        combine_witnesses(&held[&Role::Worker], given.collect::<Result<Vec<_>, _>>()?)
    };
    for culprit in Role::all(3) {
        let only = |f: &dyn Fn(&mut Psbt)| {
            all(&|role, mut psbt| {
                if role == culprit {
                    f(&mut psbt);
                }
                Some(psbt)
            })
        };
        let left = all(&|role, psbt| (role != culprit).then_some(psbt));
        assert!(
            matches!(&left, Err(FundingError::Unsigned { missing, .. }) if missing[..] == [culprit]),
            "{culprit} left: {left:?}"
        );
        let other = |result: Result<_, FundingError>| {
            assert!(
                matches!(result, Err(FundingError::OtherTransaction { .. })),
                "{culprit}: {result:?}"
            );
        };
        other(only(&|p| {
            p.unsigned_tx.output[0].value -= Amount::from_sat(1_000)
        }));
        other(only(&|p| {
            p.unsigned_tx.output[0].script_pubkey = common::miner()
        }));
        other(only(&|p| p.unsigned_tx.input[0].previous_output.vout ^= 1));
        other(only(&|p| {
            p.unsigned_tx.lock_time = bitcoin::absolute::LockTime::from_height(9).unwrap()
        }));
        // A final witness that is none: its own side does not send it, and nobody takes it.
        let own = signed[&culprit]
            .inputs
            .iter()
            .position(|i| i.final_script_witness.is_some())
            .unwrap();
        let nonsense = Witness::from_slice(&[[7u8; 64]]);
        let spoilt = only(&|p| p.inputs[own].final_script_witness = Some(nonsense.clone()));
        assert!(
            matches!(&spoilt, Err(FundingError::Unsigned { missing, .. }) if missing[..] == [culprit]),
            "{culprit}: {spoilt:?}"
        );
        let sent = held.iter().map(|(role, held)| {
            let mut message = funding_witnesses(held, &signed[role]).unwrap();
            if *role == culprit {
                message.inputs[0].1 = nonsense.clone();
            }
            message
        });
        let spoilt = combine_witnesses(&held[&Role::Worker], sent);
        assert!(
            matches!(&spoilt, Err(FundingError::FalseWitness { from, .. }) if *from == culprit),
            "{culprit}: {spoilt:?}"
        );
    }
    // Five of six signatures are known by now; the sixth party still spends its coins elsewhere.
    company.all_coins_are_free(chain);
    let sent = held.iter();
    let sent = sent.map(|(role, held)| funding_witnesses(held, &signed[role]).unwrap());
    let late = combine_witnesses(&held[&Role::Client], sent).unwrap();
    assert!(
        chain.submit(&late).is_err(),
        "the coins are gone; the funding can never be"
    );
}

/// Terms that name coins which are not there, not one's own, or not worth what is said.
fn coins_that_are_not_there(chain: &mut dyn Chain) {
    let mut company = Company::gather(chain, 60);
    let honest = company.contributions(BTreeMap::new());
    // The worker names the client's coin: noticed before anything is signed.
    let mut stolen = honest.clone();
    stolen.get_mut(&Role::Worker).unwrap().coins = honest[&Role::Client].coins.clone();
    assert!(matches!(
        company.propose(stolen),
        Err(TermsError::SharedCoin { .. })
    ));
    // It claims more than its coin holds: consistent on paper, so that setup succeeds, but no chain takes it.
    let mut inflated = honest.clone();
    let worker = inflated.get_mut(&Role::Worker).unwrap();
    let extra = Amount::from_sat(100_000);
    worker.coins[0].value_sat += extra;
    worker.change.as_mut().unwrap().value_sat += extra;
    let terms = company.propose(inflated).unwrap();
    let held = company.ceremony(&terms);
    let tx = company.fund(&held);
    let refusal = chain.mine_exactly(&[tx], &common::miner()).unwrap_err();
    assert!(refusal.is_refusal(), "{refusal}");
    // Or keeps the difference as a fee that nobody agreed on.
    let mut generous = honest.clone();
    generous.get_mut(&Role::Verifier).unwrap().change = None;
    let refused = company.propose(generous);
    assert!(
        matches!(
            refused,
            Err(TermsError::Contribution {
                role: Role::Verifier,
                error: ContributionError::ExcessiveFee { .. }
            })
        ),
        "{refused:?}"
    );
    company.all_coins_are_free(chain);
}
