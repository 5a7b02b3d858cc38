//! The pages of machines are made from their tables: `NARTHEX_BLESS=1` writes them.

use std::{collections::HashSet, fs, path::Path};

use narthex_channel::{
    bank::{PayerMachine, ProviderMachine},
    bounty::{RecomputerMachine, RequesterMachine},
    channel::ChannelMachine,
    contract::{ArbiterMachine, ClientMachine as ContractClient, VerifierMachine, WorkerMachine},
    delivery::{AgentMachine, RecipientMachine, SenderMachine},
    dispute::DisputeMachine,
    fetch::FetchMachine,
    follow::Follower,
    offer::OfferMachine,
    ptlc::ForwardMachine,
    render,
    setup::SetupMachine,
    slice::{ClientMachine, ProviderMachine as SliceProvider},
    small::SmallMachine,
    stream::{StreamPayer, StreamProvider},
    wire::links::LinksMachine,
};

use crate::world::Chain;

#[test]
fn pages_are_those_of_the_tables() {
    let pages = [
        ("bank-payer", render::<PayerMachine>()),
        ("bank-provider", render::<ProviderMachine>()),
        ("channel", render::<ChannelMachine>()),
        ("forward", render::<ForwardMachine>()),
        ("links", render::<LinksMachine>()),
        ("offer", render::<OfferMachine>()),
        ("fetch", render::<FetchMachine>()),
        ("small", render::<SmallMachine>()),
        ("stream-payer", render::<StreamPayer>()),
        ("stream-provider", render::<StreamProvider>()),
        ("setup", render::<SetupMachine>()),
        ("bounty-requester", render::<RequesterMachine>()),
        ("bounty-recomputer", render::<RecomputerMachine>()),
        ("delivery-agent", render::<AgentMachine>()),
        ("delivery-sender", render::<SenderMachine>()),
        ("delivery-recipient", render::<RecipientMachine>()),
        ("slice-client", render::<ClientMachine>()),
        ("slice-provider", render::<SliceProvider>()),
        ("contract-client", render::<ContractClient>()),
        ("contract-worker", render::<WorkerMachine>()),
        ("contract-verifier", render::<VerifierMachine>()),
        ("contract-arbiter", render::<ArbiterMachine>()),
        ("follower", render::<Follower>()),
        ("dispute", render::<DisputeMachine<'_, Chain>>()),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/machines");
    for (name, page) in &pages {
        let path = folder.join(name).with_extension("md");
        if std::env::var_os("NARTHEX_BLESS").is_some() {
            fs::write(&path, page).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(found, *page, "{name}: NARTHEX_BLESS=1 writes the page anew");
        let mut rows = HashSet::new();
        let twice = page
            .lines()
            .find(|row| row.starts_with("| ") && !rows.insert(*row));
        assert_eq!(twice, None, "{name}: a row is there twice");
    }
    // No page of a machine that there is not.
    let found = fs::read_dir(folder).unwrap().count();
    assert_eq!(found, pages.len(), "pages in docs/machines");
}
