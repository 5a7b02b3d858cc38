//! "Do not summon me": an arbiter's word, under its key.

use narthex::bitcoin::{hex::FromHex as _, secp256k1::schnorr::Signature};
use narthex_node::party::{Burned, Command as Order, IdentityStatus, Reply};

use crate::{
    arbiter::{AT, offered},
    life::lived,
    support::town::Town,
};

/// What a node shows of its word that it is not to be summoned; it is its own.
fn burned(identity: &IdentityStatus) -> Option<Burned> {
    let said = identity.burned.as_ref()?;
    let signature = Vec::<u8>::from_hex(&said.signature).unwrap();
    let said = Burned {
        node: identity.node,
        unix_s: said.unix_s,
        reason: said.reason.clone(),
        signature: Signature::from_slice(&signature).unwrap(),
    };
    said.verify().unwrap();
    let other = Burned {
        reason: "none".to_owned(),
        ..said.clone()
    };
    other.verify().unwrap_err();
    Some(said)
}

fn identity(town: &mut Town, order: Order) -> IdentityStatus {
    match town.ask(AT, order) {
        Ok(Reply::Identity(identity)) => *identity,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_that_is_burned_takes_no_new_case_and_keeps_its_old_ones() {
    let mut town = Town::new();
    assert_eq!(burned(&identity(&mut town, Order::Identity)), None);
    let id = town.offer();
    town.pump();
    assert!(town.all(&id, "committed"), "{}", town.notes());
    let long = Order::Burn {
        reason: "x".repeat(201),
    };
    assert!(town.ask(AT, long).is_err());
    let reason = "my disk was copied".to_owned();
    let said = burned(&identity(&mut town, Order::Burn { reason }));
    // A second word changes nothing.
    let reason = "it was nothing".to_owned();
    let again = burned(&identity(&mut town, Order::Burn { reason }));
    assert_eq!(again, said);
    for _ in 0..2 {
        let next = town.order();
        let next = offered(&mut town, next);
        town.pump();
        assert_eq!(town.state(AT, &next), "unknown", "{}", town.notes());
        let notes = &town.nodes[AT].notes;
        let why = notes
            .iter()
            .any(|note| note.contains("turned away") && note.contains("my disk was copied"));
        assert!(why, "{notes:?}");
        let status = town.nodes[AT].core.as_ref().unwrap().arbiter_status();
        assert_eq!(status.burned, identity(&mut town, Order::Identity).burned);
        // After a start it is the same.
        town.restart(AT);
        town.pump();
        assert_eq!(burned(&identity(&mut town, Order::Identity)), said);
    }
    town.mine(1);
    lived(&mut town, &id);
}
