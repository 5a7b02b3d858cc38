//! Sealed deliveries between three processes: sender, agent and recipient, killed, silent or gone.

use narthex::bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    small::{balance, last_outputs, order, over, path, see, show, standing, tip, try_order, wait},
    support::{house::House, seed},
};

const SENDER: usize = 0;
const AGENT: usize = 1;
const RECIPIENT: usize = 2;
const ALL: [usize; 3] = [SENDER, AGENT, RECIPIENT];

const AMOUNT: u64 = 20_000;
const MESSAGE: &[u8] = b"Meet me in the narthex at noon.";

/// Three that have seen all their coins.
fn three() -> House {
    let mut house = House::of_pair();
    assert_eq!(house.hire("recipient", &[]), RECIPIENT);
    see(&house, &ALL);
    house
}

fn place(house: &House, at: usize) -> String {
    format!("{}@{}", house.nodes[at].id, house.nodes[at].address)
}

/// The sender asks these agents, and the ask comes to them.
fn ask(house: &House, agents: &[usize], words: &[&str]) -> String {
    let status = house.ask(RECIPIENT, &["status"]);
    let key = status["node"]["delivery_key"].as_str().unwrap().to_owned();
    let file = house.nodes[SENDER].dir.join("message");
    std::fs::write(&file, MESSAGE).unwrap();
    let file = file.to_str().unwrap().to_owned();
    let places: Vec<_> = agents.iter().map(|at| place(house, *at)).collect();
    let mut all = vec!["deliver", "--to", &key, "--message", &file, "--depth", "2"];
    for place in &places {
        all.extend(["--with", place]);
    }
    all.extend(words);
    let id = order(house, SENDER, &all)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for at in agents {
        wait(house, "the ask comes", |house| {
            show(house, *at, &id)["state"] == "asked"
        });
    }
    id
}

fn take(house: &House, agents: &[usize], id: &str) {
    for at in agents {
        order(house, *at, &["take", id, "--depth", "2"]);
    }
}

/// The funding waits for a block: its id.
fn funding(house: &House) -> String {
    wait(house, "the funding is published", |house| {
        house.waiting().len() == 1
    });
    house.waiting()[0].to_string()
}

/// The recipient is told of the funding, and asks agents.
fn collect(house: &House, agents: &[usize], funding: &str, since: u64) -> String {
    let since = since.to_string();
    let places: Vec<_> = agents.iter().map(|at| place(house, *at)).collect();
    let mut all = vec![
        "collect",
        "--funding",
        funding,
        "--since",
        &since,
        "--depth",
        "2",
    ];
    for place in &places {
        all.extend(["--with", place]);
    }
    order(house, RECIPIENT, &all)["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// What the recipient has read; nothing so far.
fn read(house: &House, id: &str) -> Option<Vec<u8>> {
    use narthex::bitcoin::hex::FromHex as _;
    let reply = try_order(house, RECIPIENT, &["read", id]).ok()?;
    let delivered = &reply["small-delivered"];
    assert_eq!(delivered["what"], "message");
    Some(Vec::from_hex(delivered["hex"].as_str().unwrap()).unwrap())
}

/// The claim is in a block: it is read, and over for all three.
fn delivered(house: &mut House, (id, own): (&str, &str)) {
    wait(house, "it is read", |house| read(house, own).is_some());
    assert_eq!(read(house, own).unwrap(), MESSAGE);
    house.mine(2);
    for (at, id) in [(SENDER, id), (AGENT, id), (RECIPIENT, own)] {
        over(house, at, id);
        assert_eq!(path(house, at, id), ["Delivery", "Claim"]);
    }
}

#[test]
fn a_message_is_delivered_and_its_agent_paid() {
    let mut house = three();
    let before = balance(&house, AGENT);
    let id = ask(&house, &[AGENT], &[]);
    // Before it is taken nothing is locked.
    assert!(house.waiting().is_empty());
    take(&house, &[AGENT], &id);
    let funding = funding(&house);
    let since = tip(&house, SENDER);
    // A guest that comes before the coin is deep waits; nobody is accepted, and nothing is shown.
    let own = collect(&house, &[AGENT], &funding, since);
    assert!(try_order(&house, RECIPIENT, &["read", &own]).is_err());
    house.mine(1);
    see(&house, &ALL);
    assert_eq!(show(&house, RECIPIENT, &own)["state"], "waiting");
    assert_eq!(standing(&house, AGENT, &id), "waiting");
    house.mine(1);
    wait(&house, "the claim is published", |house| {
        house.waiting().len() == 1
    });
    assert_eq!(read(&house, &own), None, "it is in no block");
    house.mine(1);
    delivered(&mut house, (&id, &own));
    let paid = last_outputs(&house, AGENT, &id)[0];
    assert!(paid < AMOUNT && paid + 1_000 > AMOUNT, "{paid}");
    assert_eq!(balance(&house, AGENT), before + paid);
    // It is there after a start, too.
    house.nodes[RECIPIENT].kill();
    house.again(RECIPIENT);
    wait(&house, "it is read", |house| read(house, &own).is_some());
}

/// Kills one of them, a moment after whatever is under way began, and starts it again.
fn kill(house: &mut House, rng: &mut StdRng, at: usize) {
    std::thread::park_timeout(std::time::Duration::from_millis(rng.gen_range(0..250)));
    println!("{} is killed", ["sender", "agent", "recipient"][at]);
    house.nodes[at].kill();
    house.again(at);
}

#[test]
fn whoever_is_killed_whenever_it_is_delivered() {
    let seed = seed();
    println!("NARTHEX_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut house = three();
    let id = ask(&house, &[AGENT], &[]);
    kill(&mut house, &mut rng, SENDER);
    kill(&mut house, &mut rng, AGENT);
    wait(&house, "the ask is known again", |house| {
        show(house, AGENT, &id)["state"] == "asked"
    });
    take(&house, &[AGENT], &id);
    for at in [SENDER, AGENT] {
        kill(&mut house, &mut rng, at);
    }
    let funding = funding(&house);
    let since = tip(&house, SENDER);
    house.mine(1);
    let own = collect(&house, &[AGENT], &funding, since);
    for at in [RECIPIENT, AGENT] {
        kill(&mut house, &mut rng, at);
    }
    house.mine(1);
    for at in [AGENT, RECIPIENT, SENDER] {
        kill(&mut house, &mut rng, at);
    }
    wait(&house, "the claim is published", |house| {
        house.waiting().len() == 1
    });
    kill(&mut house, &mut rng, AGENT);
    house.mine(1);
    kill(&mut house, &mut rng, RECIPIENT);
    delivered(&mut house, (&id, &own));
}

#[test]
fn an_agent_and_a_recipient_need_no_sender_once_it_is_funded() {
    let mut house = three();
    let before = balance(&house, AGENT);
    let id = ask(&house, &[AGENT], &[]);
    take(&house, &[AGENT], &id);
    let funding = funding(&house);
    let since = tip(&house, SENDER);
    house.nodes[SENDER].kill();
    house.mine(2);
    let own = collect(&house, &[AGENT], &funding, since);
    wait(&house, "the claim is published", |house| {
        house.waiting().len() == 1
    });
    house.mine(1);
    wait(&house, "it is read", |house| read(house, &own).is_some());
    house.mine(2);
    over(&house, AGENT, &id);
    assert!(balance(&house, AGENT) > before + AMOUNT - 1_000);
    // The sender comes back to an end that it had no part in.
    house.again(SENDER);
    over(&house, SENDER, &id);
    assert_eq!(path(&house, SENDER, &id), ["Delivery", "Claim"]);
}

#[test]
fn a_sender_whose_recipient_is_silent_has_its_coin_back() {
    let mut house = three();
    let before = (balance(&house, SENDER), balance(&house, AGENT));
    let id = ask(
        &house,
        &[AGENT],
        &["--refund-blocks", "20", "--claim-blocks", "6"],
    );
    take(&house, &[AGENT], &id);
    let funding = funding(&house);
    let since = tip(&house, SENDER);
    house.mine(2);
    wait(&house, "it is served to who asks", |house| {
        standing(house, AGENT, &id) == "serving"
    });
    wait(&house, "its sender sees it, too", |house| {
        show(house, SENDER, &id)["acts_at"].is_u64()
    });
    let acts_at = show(&house, SENDER, &id)["acts_at"].as_u64().unwrap();
    // Its agent is gone, which keeps the sender from nothing.
    house.nodes[AGENT].kill();
    // By the chain: a node may not have seen its last block.
    house.mine((acts_at - house.height() - 2) as u32);
    see(&house, &[SENDER]);
    let left = acts_at - 1 - tip(&house, SENDER);
    assert!(left > 0, "not a block early");
    assert!(house.waiting().is_empty());
    house.nodes[SENDER].kill();
    house.again(SENDER);
    house.mine(left as u32);
    wait(&house, "it is taken back", |house| {
        house.waiting().len() == 1
    });
    house.mine(2);
    over(&house, SENDER, &id);
    assert_eq!(path(&house, SENDER, &id), ["Delivery", "Refund"]);
    let cost = before.0 - balance(&house, SENDER);
    assert!(cost < 2_000, "{cost}");
    // The agent comes back, and serves nobody any more.
    house.again(AGENT);
    over(&house, AGENT, &id);
    assert_eq!(balance(&house, AGENT), before.1);
    let own = collect(&house, &[AGENT], &funding, since);
    wait(
        &house,
        "the recipient's node knows the last block",
        |house| tip(house, RECIPIENT) == tip(house, SENDER),
    );
    wait(&house, "it is told that nobody is served", |house| {
        show(house, RECIPIENT, &own)["state"] == "declined"
    });
    let told = show(&house, RECIPIENT, &own);
    assert!(told["next"].as_str().unwrap().contains("another agent"));
    assert_eq!(read(&house, &own), None);
}

/// A recipient that asks for what its agent does not know, as too early or with a wrong funding, reads what to do, and is served when it
/// asks rightly; the agent keeps nothing of the first ask, and goes on through a start.
#[test]
fn a_wrong_collection_is_declined_and_the_right_one_is_served() {
    let mut house = three();
    let wrong = "77".repeat(32);
    let declined = collect(&house, &[AGENT], &wrong, 0);
    wait(&house, "it is declined", |house| {
        show(house, RECIPIENT, &declined)["state"] == "declined"
    });
    let told = show(&house, RECIPIENT, &declined);
    assert_eq!(told["at_fault"], "nobody");
    assert!(told["next"].as_str().unwrap().contains("collect it again"));
    let kept = try_order(&house, AGENT, &["list"]).unwrap();
    assert_eq!(kept["smalls"], serde_json::json!([]));
    let id = ask(&house, &[AGENT], &[]);
    take(&house, &[AGENT], &id);
    let funding = funding(&house);
    let since = tip(&house, SENDER);
    house.mine(2);
    // On the connection that the first ask was made on.
    let own = collect(&house, &[AGENT], &funding, since);
    wait(&house, "the claim is published", |house| {
        house.waiting().len() == 1
    });
    house.mine(1);
    delivered(&mut house, (&id, &own));
    house.nodes[AGENT].kill();
    house.again(AGENT);
    let kept = try_order(&house, AGENT, &["list"]).unwrap();
    let kept: Vec<_> = kept["smalls"].as_array().unwrap().clone();
    let ids: Vec<_> = kept.iter().map(|small| small["id"].as_str()).collect();
    assert!(!ids.contains(&Some(&declined)), "{ids:?}");
}
