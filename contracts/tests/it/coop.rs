//! Endings that the three agree on: each attempt is one, and too late is too late.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{Amount, secp256k1::rand::thread_rng};
use narthex_contracts::{
    binding::{BindError, MemoryBindings},
    coop::{COOP, CoopError, Ending, MAX_OPEN_BLOCKS, Proposal},
    fixtures::Fixtures,
    graph::{NodeId, NodeName, TxGraph},
    setup::{Agreement, ContractSignatures, Party, SetupError, SignaturesError, ceremony},
    template,
    template::stage,
    terms::{Role, Terms},
};
use narthex_game_model::Template;

const EXPIRES: u32 = 600;

struct Three {
    fixtures: Fixtures,
    terms: Arc<Terms>,
    contract: TxGraph,
    records: BTreeMap<Role, MemoryBindings>,
}

fn proposal(attempt: u32) -> Proposal {
    Proposal {
        spends: NodeName::plain("Tx0"),
        payouts: vec![
            (Role::Worker, Amount::from_sat(280_000)),
            (Role::Verifier, Amount::from_sat(239_000)),
        ],
        reveals_result: true,
        attempt,
        expires_height: EXPIRES,
    }
}

/// Client, worker and verifier about to sign an ending.
pub fn three_parties() -> Vec<Party<Ending>> {
    Three::new().parties(&proposal(0))
}

impl Three {
    fn new() -> Three {
        let fixtures = Fixtures::example(Template::Hardened, 3, 2, 500, [7; 32]).unwrap();
        let terms = Arc::new(fixtures.terms().unwrap());
        Three {
            contract: template::derive(&terms).unwrap(),
            fixtures,
            terms,
            records: Role::PRINCIPALS
                .map(|role| (role, MemoryBindings::default()))
                .into(),
        }
    }

    fn party(
        &mut self,
        proposal: &Proposal,
        role: Role,
        tip: u32,
    ) -> Result<Party<Ending>, CoopError> {
        let key = self.fixtures.key(role);
        let record = self.records.get_mut(&role).unwrap();
        proposal.party(&self.terms, &self.contract, (role, &key), tip, record)
    }

    fn parties(&mut self, proposal: &Proposal) -> Vec<Party<Ending>> {
        Role::PRINCIPALS
            .map(|role| self.party(proposal, role, EXPIRES - 1).unwrap())
            .into()
    }

    /// Client and worker after a ceremony, and the transaction.
    fn held(
        &mut self,
        attempt: u32,
    ) -> (
        ContractSignatures<Ending>,
        ContractSignatures<Ending>,
        NodeId,
    ) {
        let parties = self.parties(&proposal(attempt));
        let mut held = ceremony::run(parties, &mut thread_rng(), |_| ()).unwrap();
        let node = held[0].graph().find(COOP).unwrap();
        let worker = held.remove(1);
        (held.remove(0), worker, node)
    }
}

#[test]
fn the_client_gets_the_secret_for_its_share() {
    let mut three = Three::new();
    let (client, mut worker, node) = three.held(0);
    assert_eq!(client.terms().proposal(), &proposal(0));
    let secrets = three.fixtures.worker_secrets();
    assert!(matches!(
        worker.complete(node, &secrets),
        Err(SignaturesError::Waiting { signer, .. }) if signer == Role::Client
    ));
    for release in client.release(node, EXPIRES - 1).unwrap() {
        worker.accept(&release).unwrap();
    }
    let tx = worker.complete(node, &secrets).unwrap();
    assert_eq!(
        client.extract_result(node, &tx).unwrap(),
        three.fixtures.result()
    );
}

#[test]
fn too_late_a_start_is_refused_and_binds_nothing() {
    let mut three = Three::new();
    for tip in [EXPIRES, EXPIRES + 1, u32::MAX] {
        let error = three.party(&proposal(0), Role::Client, tip).unwrap_err();
        assert_eq!(
            error,
            CoopError::Expired {
                tip,
                expires_height: EXPIRES
            }
        );
    }
    // The attempt is still there for whoever comes in time.
    three
        .party(&proposal(0), Role::Client, EXPIRES - 1)
        .unwrap();
}

#[test]
fn too_long_an_agreement_is_refused_and_binds_nothing() {
    let mut three = Three::new();
    let until = |expires_height| Proposal {
        expires_height,
        ..proposal(0)
    };
    for (tip, expires_height) in [(500, 2_517), (0, 2_017), (0, u32::MAX), (500, u32::MAX)] {
        let error = three.party(&until(expires_height), Role::Client, tip);
        let error = error.unwrap_err();
        assert_eq!(
            error,
            CoopError::Distant {
                tip,
                expires_height
            }
        );
        assert!(error.to_string().contains("at most 2016"), "{error}");
    }
    // The attempt is still there, and the longest that is agreed to is.
    three.party(&until(2_516), Role::Client, 500).unwrap();
    let highest = u32::MAX - MAX_OPEN_BLOCKS;
    let next = Proposal {
        attempt: 1,
        ..until(u32::MAX)
    };
    three.party(&next, Role::Client, highest).unwrap();
}

#[test]
fn too_late_a_release_is_refused() {
    let mut three = Three::new();
    let (client, _, node) = three.held(0);
    for tip in [EXPIRES, u32::MAX] {
        assert_eq!(
            client.release(node, tip).map(drop),
            Err(CoopError::Expired {
                tip,
                expires_height: EXPIRES
            })
        );
    }
    assert_eq!(client.release(node, EXPIRES - 1).unwrap().len(), 1);
}

/// An attempt serves one run, whatever is agreed on in it.
#[test]
fn an_attempt_is_signed_once() {
    let mut three = Three::new();
    let id = *three.held(3).0.terms().id();
    let richer = Proposal {
        payouts: vec![(Role::Worker, Amount::from_sat(519_000))],
        ..proposal(3)
    };
    let later = Proposal {
        expires_height: EXPIRES + 1,
        ..proposal(3)
    };
    for role in Role::PRINCIPALS {
        for second in [&proposal(3), &richer, &later] {
            let error = three.party(second, role, 0).unwrap_err();
            assert!(
                matches!(
                    error,
                    CoopError::Setup(SetupError::Bind(BindError::Used { bound_to, .. })) if bound_to == id
                ),
                "{error}"
            );
        }
    }
    // Another attempt is another; so is one at another coin of the contract, which has its own numbers.
    three.held(4);
    let delivered = Proposal {
        spends: NodeName::plain("TxD"),
        ..proposal(3)
    };
    three.parties(&delivered);
}

/// What fails before the record is asked leaves the attempt unused: the wrong key, a role that does not sign, a coin
/// that is not theirs.
#[test]
fn what_is_refused_binds_nothing() {
    let mut three = Three::new();
    let (terms, contract) = (three.terms.clone(), template::derive(&three.terms).unwrap());
    let client = three.fixtures.key(Role::Client);
    let record = three.records.get_mut(&Role::Worker).unwrap();
    for role in [Role::Worker, Role::Arbiter(0)] {
        let error = proposal(0).party(&terms, &contract, (role, &client), 0, record);
        assert_eq!(
            error.map(drop),
            Err(CoopError::Setup(SetupError::WrongKey {
                party: role.into()
            }))
        );
    }
    let nowhere = Proposal {
        spends: NodeName::plain("TxA"),
        ..proposal(0)
    };
    assert!(three.party(&nowhere, Role::Worker, 0).is_err());
    three.parties(&proposal(0));
}

/// Messages of a run that crashed, replayed in the next attempt: none is taken, and nobody is called a cheat for them.
#[test]
fn messages_of_one_attempt_are_foreign_to_the_next() {
    let mut three = Three::new();
    let mut rng = thread_rng();
    let mut announce = |parties: Vec<Party<Ending>>| {
        parties
            .into_iter()
            .map(|party| party.announce(&mut rng).unwrap())
            .unzip::<_, _, Vec<_>, Vec<_>>()
    };
    let (first, old) = announce(three.parties(&proposal(0)));
    let first: Vec<_> = first
        .into_iter()
        .map(|party| party.sign_with(old.clone()).unwrap())
        .collect();
    let shares = first[2].shares_for(stage::ALL[0], Role::Client);
    let shares = shares.unwrap();

    let (second, new) = announce(three.parties(&proposal(1)));
    let mut second = second.into_iter();
    let (client, worker) = (second.next().unwrap(), second.next().unwrap());
    let mixed = [new[1].clone(), old[2].clone()];
    assert_eq!(
        client.sign_with(mixed).map(drop).unwrap_err(),
        SetupError::ForeignContract {
            from: Role::Verifier.into()
        }
    );
    let mut worker = worker.sign_with(new).unwrap();
    let mut replayed = shares;
    replayed.to = Role::Worker.into();
    assert_eq!(
        worker.accept(replayed),
        Err(SetupError::ForeignContract {
            from: Role::Verifier.into()
        })
    );

    let (client, _, node) = three.held(2);
    let (_, mut worker, _) = three.held(3);
    let stale = client.release(node, 0).unwrap().remove(0);
    assert_eq!(
        worker.accept(&stale),
        Err(SignaturesError::ForeignRelease {
            signer: Role::Client.into()
        })
    );
}

/// Whoever agreed on another expiry, or on an ending that does not show the secret, is in another ceremony.
#[test]
fn what_is_agreed_on_is_in_every_message() {
    let others = [
        Proposal {
            expires_height: EXPIRES + 1,
            ..proposal(0)
        },
        Proposal {
            reveals_result: false,
            ..proposal(0)
        },
        Proposal {
            payouts: vec![(Role::Worker, Amount::from_sat(519_000))],
            ..proposal(0)
        },
    ];
    for other in others {
        let mut three = Three::new();
        let mut rng = thread_rng();
        let client = three.party(&proposal(0), Role::Client, 0).unwrap();
        let worker = three.party(&other, Role::Worker, 0).unwrap();
        let (client, _) = client.announce(&mut rng).unwrap();
        let (_, nonces) = worker.announce(&mut rng).unwrap();
        assert_eq!(
            client.sign_with([nonces]).map(drop).unwrap_err(),
            SetupError::ForeignContract {
                from: Role::Worker.into()
            }
        );
    }
}
