//! The ceremony from terms to holdings, for both templates.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::secp256k1::rand::thread_rng;
use narthex_contracts::{
    fixtures::Fixtures,
    graph::TxGraph,
    setup::{ContractSignatures, Secrets, ceremony},
    template::{ContractSecret, Exit},
    terms::{Role, Terms},
};
use narthex_game_model::{Ruling, Template};

fn setup(
    template: Template,
    n: u8,
    k: u8,
) -> (Fixtures, BTreeMap<Role, ContractSignatures<Terms>>) {
    let fixtures = Fixtures::example(template, n, k, 500, [7; 32]).unwrap();
    let terms = Arc::new(fixtures.terms().unwrap());
    let parties = fixtures.parties(&terms).unwrap();
    let holdings = ceremony::run(parties, &mut thread_rng(), |_| ()).unwrap();
    (
        fixtures,
        holdings.into_iter().map(|h| (h.role(), h)).collect(),
    )
}

/// All secrets of a story in which these arbiters rule.
fn all_secrets(fixtures: &Fixtures, holdings: &ContractSignatures<Terms>) -> Secrets {
    let mut secrets = fixtures.worker_secrets();
    secrets.insert(ContractSecret::Panel, fixtures.panel());
    for i in 0..holdings.terms().panel_size() {
        for ruling in Ruling::ALL {
            let id = holdings.terms().contract_id();
            let attestation = fixtures.attestation(i, id, ruling).unwrap();
            secrets.attest(&attestation);
        }
    }
    secrets
}

#[test]
fn with_every_secret_every_transaction_can_be_completed_by_its_holders() {
    for (template, n, k) in [
        (Template::Hardened, 3, 2),
        (Template::Hardened, 4, 3),
        (Template::Paper, 3, 2),
    ] {
        let (fixtures, mut holdings) = setup(template, n, k);
        let secrets = all_secrets(&fixtures, &holdings[&Role::Client]);
        let graph = holdings[&Role::Client].graph().clone();
        // The verifier approves or rejects: its withheld shares go to the worker.
        for (id, node) in graph.nodes() {
            let Some(withheld) = node.signing.and_then(|s| s.withheld) else {
                continue;
            };
            assert!(
                holdings[&withheld.holder.into()]
                    .complete(id, &secrets)
                    .is_err(),
                "{} before release",
                node.name
            );
            for release in holdings[&withheld.signer.into()]
                .release(id, Some(&fixtures.token()))
                .unwrap()
            {
                holdings
                    .get_mut(&withheld.holder.into())
                    .unwrap()
                    .accept(&release)
                    .unwrap();
            }
        }
        // The client has verified the whole, and hands it to the worker.
        if let Some(s3) = graph.find(Exit::NORMAL) {
            assert!(holdings[&Role::Worker].complete(s3, &secrets).is_err());
            for whole in holdings[&Role::Client].hand_over(s3).unwrap() {
                holdings
                    .get_mut(&Role::Worker)
                    .unwrap()
                    .take(&whole)
                    .unwrap();
            }
        }
        for (id, node) in graph.nodes().filter(|(id, _)| *id != TxGraph::FUNDING) {
            let plan = node.signing.unwrap();
            for role in Role::all(n) {
                let complete = holdings[&role].complete(id, &secrets);
                let may = plan.signature_holders.contains(role)
                    || plan.withheld.is_some_and(|a| a.holder == role)
                    || (role == Role::Worker && graph.find(Exit::NORMAL) == Some(id));
                assert_eq!(
                    complete.is_ok(),
                    may,
                    "{template:?} {role} {}: {complete:?}",
                    node.name
                );
                if let Ok(tx) = complete {
                    assert_eq!(Some(tx.compute_txid()), graph.txid(id));
                    assert_eq!(Some(tx.weight()), graph.weight(id), "{}", node.name);
                }
            }
        }
    }
}
