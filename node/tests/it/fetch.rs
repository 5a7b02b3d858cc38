//! Jobs that travel between nodes, without sockets: from the client to everybody, killed, lied about, and asked for by others.

use narthex::{
    bitcoin::{
        Amount, FeeRate,
        secp256k1::{
            Secp256k1, SecretKey,
            rand::{SeedableRng, rngs::StdRng},
        },
    },
    channel::{
        offer::{Invited, Offer, Offering},
        setup::Timing,
        wire::{Chunk, Frame, OFFER, Want},
    },
    contracts::{
        enrolment::{Enrolment, Scope},
        party::{PartyId, PartySet},
        terms::Role,
    },
    game_model::{Params, bundle::CHUNK_BYTES, commitment::Multiproof, computation::JobSpec},
    job::{BundleServer, HeldBundle, pack},
};
use narthex_base::codec::Message as _;
use narthex_node::party::{Action, Command, Core, Event, Policy, job_of};
use tempfile::TempDir;

use crate::support::{
    evil::Evil,
    town::{DIGITS, Town, everything},
};

/// The digits job over images of an own file, of some chunks.
const IMAGES: &str =
    r#"{"narthex_job": 1, "work": {"kind": "digits-wasm", "images": "images.csv"}}"#;

fn images(rows: usize) -> Vec<u8> {
    let row = |at: usize| {
        let values = (0..64).map(|column| ((at * 7 + column * 3) % 17).to_string());
        values.collect::<Vec<_>>().join(",") + "\n"
    };
    (0..rows).map(row).collect::<String>().into_bytes()
}

fn large_town() -> Town {
    let images = images(1_500);
    assert!(images.len() > 7 * CHUNK_BYTES, "{}", images.len());
    Town::with_job(IMAGES, &[("images.csv", &images)])
}

fn job(town: &Town, at: usize, id: &[u8; 32]) -> (String, u64, u64) {
    let job = town.show(at, id).unwrap().job;
    (job.state, job.here_bytes, job.bytes)
}

#[test]
fn everybody_fetches_the_job_from_the_client_before_it_takes_part() {
    let mut town = large_town();
    let id = town.offer();
    town.pump();
    assert!(town.all(&id, "committed"), "{}", town.notes());
    for at in 0..6 {
        let (state, here, bytes) = job(&town, at, &id);
        assert_eq!((state.as_str(), here), ("here", bytes), "{at}");
    }
    // It is there after a start, though the client's file is gone.
    std::fs::remove_file(&town.job).unwrap();
    for at in 0..6 {
        town.restart(at);
        town.pump();
        assert_eq!(job(&town, at, &id).0, "here", "{at}");
    }
    assert!(town.all(&id, "committed"), "{}", town.notes());
}

#[test]
fn a_fetch_goes_on_whoever_is_killed_when() {
    let seed = std::env::var("NARTHEX_SEED").ok();
    let seed = seed.map_or(7, |seed| seed.parse().unwrap());
    println!("NARTHEX_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let images = images(6_000);
    let mut town = Town::with_job(IMAGES, &[("images.csv", &images)]);
    let id = town.offer();
    let (mut rounds, mut kills, mut partly) = (0, 0, 0);
    while !town.all(&id, "committed") {
        rounds += 1;
        assert!(rounds < 400, "{}", town.notes());
        let all = town.show(0, &id).unwrap().job.bytes;
        let here = town.show(1, &id).map_or(0, |status| status.job.here_bytes);
        // Client and worker, turn by turn, as long as it is fetched.
        if here < all && kills < 20 {
            town.some(3, &mut rng);
            let victim = kills % 2;
            kills += 1;
            partly += usize::from(here > 0);
            town.restart(victim);
        } else {
            town.pass(1);
        }
    }
    assert!(partly > 0, "nobody was killed in the midst of it");
}

#[test]
fn an_operator_accepts_first_and_the_job_comes_then() {
    let mut town = large_town();
    town.kill(1);
    town.nodes[1].decide_by_hand();
    town.start(1);
    town.connect_all(1);
    let id = town.offer();
    town.pump();
    assert_eq!(town.state(1, &id), "asked");
    // Nothing is fetched of what nobody wants.
    let (state, here, _) = job(&town, 1, &id);
    assert_eq!((state.as_str(), here), ("offered", 0));
    town.ask(1, Command::Accept { id: hex(&id) }).unwrap();
    assert_eq!(job(&town, 1, &id).0, "fetching");
    assert_eq!(town.state(1, &id), "asked", "it is not bound yet");
    // That it is wanted is durable.
    town.act(1);
    town.restart(1);
    town.pump();
    assert!(town.all(&id, "committed"), "{}", town.notes());
}

#[test]
fn what_is_larger_than_the_bounds_is_not_fetched() {
    let mut town = large_town();
    let policy = Policy {
        max_peer_job_bytes: 100_000,
        ..everything()
    };
    town.kill(1);
    town.nodes[1].decide_by(policy);
    town.start(1);
    town.connect_all(1);
    let id = town.offer();
    town.pump();
    assert_eq!(town.state(1, &id), "asked");
    assert_eq!(job(&town, 1, &id).0, "offered");
    let error = town.ask(1, Command::Accept { id: hex(&id) }).unwrap_err();
    assert!(error.contains("100000 are left"), "{error}");
    assert!(!town.bundles(1).exists());
}

#[test]
fn what_the_client_states_of_its_entropy_is_its_word_alone() {
    // A program of which nothing is known by itself.
    let example = narthex::job::Manifest::example("wasm", &[]).unwrap();
    let mut manifest = serde_json::to_value(example).unwrap();
    manifest["work"]["input"]["records"] = serde_json::json!(200);
    manifest["entropy_bits"] = serde_json::json!(32);
    let mut town = Town::with_job(&manifest.to_string(), &[]);
    let policy = Policy {
        believes_entropy: true,
        ..everything()
    };
    town.kill(1);
    town.nodes[1].decide_by(policy);
    town.start(1);
    town.connect_all(1);
    let id = town.offer();
    town.pump();
    assert_eq!(town.state(1, &id), "waiting", "{}", town.notes());
    assert_eq!(town.state(2, &id), "asked", "{}", town.notes());
    let trouble = town.show(2, &id).unwrap().trouble.unwrap();
    assert!(
        trouble.contains("hard its outputs are to guess"),
        "{trouble}"
    );
}

/// A client that keeps no rule, and what it offers to the worker of a town.
struct Liar {
    evil: Evil,
    id: [u8; 32],
    server: BundleServer,
    chunks: u32,
    _folder: TempDir,
}

/// Node of the town that is asked.
const AT: usize = 1;

impl Liar {
    /// It offers one job, and serves the bundle of another, or the same.
    fn new(town: &mut Town, byte: u8, spec: JobSpec, manifest: &str) -> Liar {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("own.json");
        std::fs::write(&path, manifest).unwrap();
        std::fs::write(folder.path().join("images.csv"), images(1_500)).unwrap();
        let packed = folder.path().join("packed");
        std::fs::create_dir(&packed).unwrap();
        let bundle = pack(&path, &packed).unwrap();
        let held = HeldBundle::new(bundle.clone(), packed);
        let server = BundleServer::open(held).unwrap();
        let evil = Evil::new(byte);
        let params = Params::new(*town.order().params).unwrap();
        let node = |id| Invited {
            node: id,
            address: String::new(),
        };
        let own = [node(evil.id()), node(town.nodes[AT].id)];
        let others = (200..204).map(|byte| node(Evil::new(byte).id()));
        let chunks = bundle.chunks();
        let offer = Offer {
            chain: town.genesis(),
            salt: [byte; 32],
            job: spec,
            bundle,
            rate: FeeRate::from_sat_per_kwu(500),
            parties: own.into_iter().chain(others).collect(),
            timing: Timing {
                patience_s: 60,
                funding_deadline: params.deliver_height() - 50,
                margin: 1,
                burial: 1,
            },
            params,
            expires_s: town.now.unix_s + 1000,
            bond: Amount::ZERO,
        };
        let id = offer.id();
        let key = SecretKey::from_slice(&[99; 32]).unwrap();
        let key = key.keypair(&Secp256k1::new());
        let scope = Scope::Negotiation(id);
        let enrolment = Enrolment::sign(scope, Role::Client, &evil.pair, &key).unwrap();
        let offering = Offering { offer, enrolment };
        evil.connect(town, AT);
        let all: PartySet = (1..6).map(PartyId).collect();
        let offer = evil.envelope((id, all), (0, 0, OFFER), offering.to_bytes());
        evil.send(town, AT, offer);
        town.pump();
        Liar {
            evil,
            id,
            server,
            chunks,
            _folder: folder,
        }
    }

    /// What it is asked for.
    fn wants(&self, town: &mut Town) -> Vec<u32> {
        town.pump();
        let frames = self.evil.got(town).into_iter();
        let wants = frames.filter_map(|frame| match frame {
            Frame::Want(want) if want.contract == self.id => Some(want.index),
            _ => None,
        });
        wants.collect()
    }

    fn right(&mut self, index: u32) -> Chunk {
        let (bytes, proof) = self.server.chunk(index).unwrap();
        Chunk {
            contract: self.id,
            index,
            proof,
            bytes,
        }
    }

    fn serve(&mut self, town: &mut Town, index: u32) {
        let chunk = self.right(index);
        self.evil.send(town, AT, Frame::Chunk(chunk).to_bytes());
    }

    /// Serves whatever it is asked for, to the end.
    fn serve_all(&mut self, town: &mut Town) {
        for _ in 0..100 {
            let wants = self.wants(town);
            if wants.is_empty() {
                return;
            }
            for index in wants {
                self.serve(town, index);
            }
        }
        panic!("it asks without end");
    }
}

fn hex(id: &[u8; 32]) -> String {
    use narthex::bitcoin::hex::DisplayHex as _;
    id.to_lower_hex_string()
}

#[test]
fn a_bad_chunk_changes_nothing_and_names_its_sender() {
    let mut town = large_town();
    let spec = job_of(&town.job).unwrap();
    let mut liar = Liar::new(&mut town, 100, spec, IMAGES);
    let wants = liar.wants(&mut town);
    assert_eq!(wants, (0..8).collect::<Vec<u32>>(), "one window of them");
    // What was not asked for is nothing: another contract, another number, one that is none.
    let right = liar.right(0);
    for chunk in [
        Chunk {
            contract: [9; 32],
            ..right.clone()
        },
        liar.right(3),
        Chunk {
            index: liar.chunks,
            ..right.clone()
        },
    ] {
        liar.evil
            .send(&mut town, AT, Frame::Chunk(chunk).to_bytes());
    }
    town.pump();
    assert_eq!(job(&town, AT, &liar.id).1, 0);
    assert!(town.nodes[AT].closed.is_empty());
    // The right one, and then one with a bit changed, of another length, without its proof, and with that of another.
    liar.serve(&mut town, 0);
    let first = job(&town, AT, &liar.id).1;
    assert!(first > 0);
    let next = liar.right(1);
    let mut flipped = next.clone();
    flipped.bytes[100] ^= 1;
    let mut short = next.clone();
    short.bytes.pop();
    let mut bare = next.clone();
    bare.proof = Multiproof::default();
    let mut other = next;
    other.proof = liar.right(2).proof;
    for (at, bad) in [flipped, short, bare, other].into_iter().enumerate() {
        liar.evil.send(&mut town, AT, Frame::Chunk(bad).to_bytes());
        town.pump();
        assert_eq!(town.nodes[AT].closed.len(), at + 1, "{}", town.notes());
        assert_eq!(job(&town, AT, &liar.id).1, first);
        let note = format!("{} is at fault: chunk 1", liar.evil.id());
        let notes = town.nodes[AT].notes.iter();
        assert_eq!(notes.filter(|said| said.contains(&note)).count(), at + 1);
        // It comes again; it is asked after a while, from where it stood.
        let core = town.nodes[AT].core.as_mut().unwrap();
        core.take(Event::Disconnected(liar.evil.id()), town.now)
            .unwrap();
        liar.evil.got(&mut town);
        liar.evil.connect(&mut town, AT);
        assert!(liar.wants(&mut town).is_empty());
        town.pass(11);
        assert!(liar.wants(&mut town).starts_with(&[1, 2, 3]));
    }
    liar.serve(&mut town, 1);
    for index in 2..9 {
        liar.serve(&mut town, index);
    }
    liar.serve_all(&mut town);
    // What is right in the end is taken.
    assert_eq!(town.state(AT, &liar.id), "waiting", "{}", town.notes());
    assert_eq!(job(&town, AT, &liar.id).0, "here");
}

#[test]
fn another_job_than_was_offered_is_not_taken() {
    let mut town = large_town();
    let spec = job_of(&town.job).unwrap();
    let mut liar = Liar::new(&mut town, 100, spec, DIGITS);
    liar.serve_all(&mut town);
    assert_eq!(town.state(AT, &liar.id), "asked", "{}", town.notes());
    let trouble = town.show(AT, &liar.id).unwrap().trouble.unwrap();
    assert!(
        trouble.contains("the client is at fault: another job"),
        "{trouble}"
    );
    // Nothing of it stays once nobody wants it.
    town.pass(1);
    assert_eq!(std::fs::read_dir(town.bundles(AT)).unwrap().count(), 0);
    assert!(town.ask(AT, Command::Accept { id: hex(&liar.id) }).is_ok());
    liar.serve_all(&mut town);
    assert_eq!(town.state(AT, &liar.id), "asked");
}

#[test]
fn what_is_no_job_is_fetched_once() {
    let mut town = large_town();
    let spec = job_of(&town.job).unwrap();
    // Images are no model.
    let manifest = r#"{"narthex_job": 1, "work": {"kind": "digits-model", "model": "images.csv"}}"#;
    let mut liar = Liar::new(&mut town, 100, spec, manifest);
    liar.serve_all(&mut town);
    assert_eq!(town.state(AT, &liar.id), "asked");
    let trouble = town.show(AT, &liar.id).unwrap().trouble.unwrap();
    assert!(
        trouble.contains("the client is at fault: what it offers is no job"),
        "{trouble}"
    );
    assert_eq!(job(&town, AT, &liar.id).0, "useless");
    // Also after a start, and as long as it is offered.
    for _ in 0..2 {
        let error = town
            .ask(AT, Command::Accept { id: hex(&liar.id) })
            .unwrap_err();
        assert!(error.contains("is no job"), "{error}");
        town.act(AT);
        town.kill(AT);
        town.start(AT);
        town.pass(1);
        assert!(liar.wants(&mut town).is_empty());
    }
    town.pass(2_000);
    town.pass(1);
    assert_eq!(std::fs::read_dir(town.bundles(AT)).unwrap().count(), 0);
}

#[test]
fn a_silent_client_keeps_nobody_elses_job_back() {
    let mut town = large_town();
    let spec = job_of(&town.job).unwrap();
    // Two offer the same; the one that is asked says nothing.
    let mut first = Liar::new(&mut town, 100, spec, IMAGES);
    let mut second = Liar::new(&mut town, 101, spec, IMAGES);
    let (a, b) = (first.wants(&mut town), second.wants(&mut town));
    assert_ne!(a.is_empty(), b.is_empty(), "of one at a time: {a:?} {b:?}");
    let other = if a.is_empty() {
        &mut first
    } else {
        &mut second
    };
    town.pass(21);
    other.serve_all(&mut town);
    for liar in [&first, &second] {
        assert_eq!(town.state(AT, &liar.id), "waiting", "{}", town.notes());
    }
}

/// What a node sends to somebody, of whatever kind.
fn chunks(core: &mut Core) -> usize {
    let actions = core.actions().unwrap().into_iter();
    let served = actions.filter(|action| matches!(action, Action::Serve { .. }));
    served.count()
}

#[test]
fn a_client_serves_nobody_else() {
    let mut town = large_town();
    let id = town.offer();
    town.pump();
    let stranger = Evil::new(100);
    stranger.connect(&mut town, 0);
    town.pump();
    let want = |contract, index| Frame::Want(Want { contract, index }).to_bytes();
    for contract in [id, [7; 32]] {
        stranger.send(&mut town, 0, want(contract, 0));
        let core = town.nodes[0].core.as_mut().unwrap();
        let actions = core.actions().unwrap();
        let closes = |action: &Action| matches!(action, Action::Close { node, .. } if *node == stranger.id());
        assert!(actions.iter().any(closes), "{actions:?}");
        assert!(!actions.iter().any(|a| matches!(a, Action::Serve { .. })));
    }
    // Nor a party of it by another one than the client, nor beyond its end.
    let (now, worker) = (town.now, town.nodes[1].id);
    let ask = |town: &mut Town, at: usize, index| {
        let core = town.nodes[at].core.as_mut().unwrap();
        let bytes = want(id, index);
        let from = worker;
        core.take(Event::Frame { from, bytes }, now).unwrap();
        chunks(core)
    };
    assert_eq!(ask(&mut town, 0, 0), 1);
    assert_eq!(ask(&mut town, 2, 0), 0);
    assert_eq!(ask(&mut town, 0, u32::MAX), 0);
    // And not without end: so much at once, as of everything else.
    let mut served = 0;
    for _ in 0..2_000 {
        served += ask(&mut town, 0, 1);
    }
    assert!(
        served > 100 && served <= (16 << 20) / CHUNK_BYTES,
        "{served}"
    );
}

#[test]
fn jobs_of_offers_that_are_over_are_forgotten() {
    let mut town = large_town();
    town.kill(2);
    let id = town.offer();
    town.pump();
    assert_eq!(town.state(1, &id), "waiting");
    let kept = |town: &Town, at: usize| std::fs::read_dir(town.bundles(at)).unwrap().count();
    assert_eq!((kept(&town, 0), kept(&town, 1)), (1, 1));
    town.pass(4_000);
    town.pass(1);
    assert_eq!((kept(&town, 0), kept(&town, 1)), (0, 0), "{}", town.notes());
}
