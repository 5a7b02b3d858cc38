//! A contract of other parties than those of a computation: a seller is paid exactly when the buyer learns a secret.
//!
//! `cargo run --example contract`. CONTRIBUTING.md walks through it.

mod sale;

use std::{error::Error, sync::Arc};

use narthex::{
    bitcoin::{
        Amount, OutPoint, ScriptBuf,
        secp256k1::{PublicKey, Secp256k1, SecretKey, rand::thread_rng},
    },
    contracts::{
        binding::{FreshSalt, MemoryBindings},
        setup::{Party, Secrets, SetupError, ceremony},
    },
    regtest::{ChainSource, Embedded, Miner},
};
use sale::{BUYER, GOODS, PAY, SELLER, Sale};

fn main() -> Result<(), Box<dyn Error>> {
    let (secp, mut rng, mut chain) = (Secp256k1::new(), thread_rng(), Embedded::new());
    let [buyer, seller, goods] = [(); 3].map(|()| SecretKey::new(&mut rng));
    let public = |key: &SecretKey| PublicKey::from_secret_key(&secp, key);
    let plain = |key: &SecretKey| ScriptBuf::new_p2tr(&secp, public(key).into(), None);
    // Both bring something fresh, so that no two sales are the same one.
    let salts = [(); 2].map(|()| FreshSalt::draw(&mut rng));
    let sale = Arc::new(Sale::new(
        salts.each_ref().map(|salt| salt.value()),
        [&buyer, &seller].map(public),
        [&buyer, &seller].map(plain),
        public(&goods),
        200,
    ));
    // For the example the coin is mined to the sale; otherwise nobody funds before the ceremony is over.
    chain.mine(1, &sale.vault()?.script())?;
    let coinbase = chain.block(1)?.txdata[0].clone();
    let coin = OutPoint::new(coinbase.compute_txid(), 0);
    chain.mine(100, &plain(&buyer))?;
    // Each derives the graph alone, and binds itself to these terms once.
    let mut parties = Vec::new();
    for ((who, key), salt) in [(BUYER, &buyer), (SELLER, &seller)].into_iter().zip(salts) {
        let graph = sale.graph(coin, coinbase.output[0].clone())?;
        let (terms, mut store) = (&sale, MemoryBindings::default());
        let bind = || salt.mark("example/sale").bind(terms.id, &mut store);
        let party = Party::for_bound::<SetupError>(terms.clone(), graph, who, key, bind)?;
        parties.push(party);
    }
    let held = ceremony::run(parties, &mut rng, |_| ())?;
    let graph = held[0].graph();
    for (node, what) in graph.nodes() {
        let plan = graph.spend_plan(node).ok_or("no such node")?;
        println!(
            "{}: {}, {}, from height {}",
            what.name, what.meaning, plan.weight, plan.locks.height
        );
    }
    // The seller completes its signature with the secret; the buyer takes the secret out of it.
    let pay = graph.find(PAY).ok_or("no such node")?;
    let lacking = held[1].complete(pay, &Secrets::default());
    println!(
        "without the secret: {}",
        lacking.err().ok_or("it needs none")?
    );
    let tx = held[1].complete(pay, &Secrets::default().with(GOODS, goods))?;
    chain.mine_exactly(std::slice::from_ref(&tx), &plain(&buyer))?;
    let bought = held[0].extract_secret(pay, &tx, GOODS, &Secrets::default())?;
    assert_eq!(bought, goods);
    let paid: Amount = tx.output.iter().map(|output| output.value).sum();
    println!(
        "{} confirmed: the seller has {paid}, the buyer the secret",
        tx.compute_txid()
    );
    Ok(())
}

#[test]
fn runs() -> Result<(), Box<dyn Error>> {
    main()
}
