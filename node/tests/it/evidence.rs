//! What there is of a contract to judge by, for whoever was not there.

use narthex::{
    arbiter::{Anchor, Bundle},
    bitcoin::hex::{DisplayHex as _, FromHex as _},
    contracts::{
        attest::Attestation,
        derive::{OwnSalt, Salted, contract_key},
        terms::{Terms, TermsRecord},
    },
    game_model::{
        Ruling,
        ruling::{Rerun, rule},
        token::SealCost,
    },
    judging::{JudgeBox, judge_here},
    regtest::ChainSource as _,
    ruling::CaseFile,
};
use narthex_base::codec::Message as _;
use narthex_node::party::{Command, EvidenceText, Policy, Reply, TowerCommand};

use crate::{
    life::{is_over, lived, path},
    support::town::{Town, everything, secret},
};

/// Blocks within which a case is ruled on.
const MOST_BLOCKS: u32 = 300;

/// All pieces that a node has.
fn evidence(town: &mut Town, at: usize, id: &[u8; 32]) -> Vec<EvidenceText> {
    let id = id.to_lower_hex_string();
    let list = match town.ask(at, Command::Evidence { id: id.clone() }) {
        Ok(Reply::Evidence(all)) => all,
        other => panic!("{other:?}"),
    };
    let mut all = Vec::new();
    for piece in list {
        let (id, item) = (id.clone(), piece.id.clone());
        match town.ask(at, Command::EvidenceText { id, item }) {
            Ok(Reply::EvidenceText(found)) => {
                assert_eq!(found.evidence, piece);
                all.push(*found);
            }
            other => panic!("{other:?}"),
        }
    }
    all
}

fn of_kind<'a>(all: &'a [EvidenceText], kind: &str) -> Vec<&'a str> {
    let of = all.iter().filter(|piece| piece.evidence.kind == kind);
    of.map(|piece| piece.text.as_str()).collect()
}

/// Secrets of a party that may be in nothing that it shows, in hex.
fn secrets(at: usize, id: &[u8; 32], terms: &TermsRecord) -> Vec<String> {
    let byte = at as u8 + 1;
    let (seed, salts) = (
        secret(byte + 100),
        [terms.client.salt, terms.worker.salt, terms.verifier.salt],
    );
    let mut all = vec![
        seed.expose().to_lower_hex_string(),
        secret(byte).expose().to_lower_hex_string(),
        contract_key(&seed, id)
            .unwrap()
            .secret_bytes()
            .to_lower_hex_string(),
    ];
    if let Some(salt) = salts.get(at) {
        let salted = Salted::new(&seed, OwnSalt::from_bytes(*salt.as_ref()));
        let own = [
            *salted.result().unwrap().expose(),
            *salted.token().unwrap().expose(),
            *salted.polynomial().expose(),
            *salted.leaf_salts().expose(),
        ];
        all.extend(own.map(|bytes| bytes.to_lower_hex_string()));
    }
    all
}

/// An arbiter's bundle is ruled on again from itself alone, on the chain that it is of; others have none.
fn replayed(town: &mut Town, (at, all): (usize, &[EvidenceText]), case: &CaseFile, id: &[u8; 32]) {
    let bundles = of_kind(all, "bundle");
    if at < 3 {
        assert_eq!(bundles, [""; 0]);
        return;
    }
    let bytes = Vec::<u8>::from_hex(bundles[0]).unwrap();
    let bundle = Bundle::from_bytes(&bytes).unwrap();
    assert_eq!(usize::from(bundle.seat()), at - 3);
    let height = bundle.body().headers.last();
    let hash = town.chain.block_hash(height).unwrap();
    let question = bundle.open(Some(&Anchor { height, hash })).unwrap();
    let known = case.case().unwrap();
    assert_eq!(question.case().unwrap().terms, known.terms, "{id:?}");
    let (mut read, mut proven) = (known.chain, question.facts.clone());
    // A party has read more blocks than a ruling asks for.
    read.blocks.clear();
    proven.blocks.clear();
    assert_eq!(read, proven);
    let report = judge_here(&question, None).unwrap();
    assert_eq!(report, *bundle.report());
    println!("{at}: {} bytes, judged {}", bytes.len(), report.judged);
}

/// The verifier hears nobody, and rejects; the worker appeals, and the panel rules for it. Whoever has the arbiter's evidence comes to the same
/// ruling, and a watchtower takes what it has attested.
#[test]
fn a_case_can_be_judged_by_who_was_not_there() {
    let mut town = Town::new();
    let id = town.offer();
    town.pump();
    town.mine(1);
    assert!(town.all(&id, "live"), "{}", town.notes());
    town.isolate(2);
    for _ in 0..MOST_BLOCKS {
        if (0..6).all(|at| is_over(&town.standing(at, &id))) {
            break;
        }
        town.mine(1);
    }
    let way = path(&town, &id);
    println!("{way:?}");
    assert_eq!(way[..4], ["Tx0", "TxD", "TxV0", "TxA"], "{}", town.notes());

    let arbiter = evidence(&mut town, 3, &id);
    let rulings: Vec<_> = of_kind(&arbiter, "attestation")
        .into_iter()
        .map(|hex| Attestation::from_bytes(&Vec::<u8>::from_hex(hex).unwrap()).unwrap())
        .collect();
    assert!(!rulings.is_empty(), "{arbiter:?}");
    for at in [1, 3, 4, 5] {
        let all = evidence(&mut town, at, &id);
        let terms = Terms::from_json(of_kind(&all, "terms")[0].as_bytes());
        for hidden in secrets(at, &id, terms.unwrap().record()) {
            let found = all.iter().find(|piece| piece.text.contains(&hidden));
            assert!(
                found.is_none(),
                "{at}: {:?}",
                found.map(|piece| &piece.evidence)
            );
        }
        let case = of_kind(&all, "case");
        let case: CaseFile = serde_json::from_str(case[0]).unwrap();
        let known = case.case().unwrap();
        let judge = |file: &CaseFile| {
            rule(&known, &file.evidence, Rerun::None, SealCost::CONTRACT).unwrap()
        };
        let found = judge(&case);
        println!("{at}: {:?}, {}", found.row, found.reason);
        if at > 2 {
            // The panel was brought all that there is.
            assert!(
                rulings.iter().all(|one| one.ruling == found.ruling),
                "{found:?}"
            );
            assert_eq!(found.ruling, Ruling::VerifierAtFault, "{found:?}");
            // It is the evidence that it follows from.
            let nothing = CaseFile {
                evidence: Vec::new(),
                ..case.clone()
            };
            assert_ne!(judge(&nothing).ruling, found.ruling);
        }
        replayed(&mut town, (at, &all), &case, &id);
    }
    // A tower learns rulings by these bytes.
    let given = crate::tower::bundle(&mut town, 0, &id);
    let tower = town.settle(9, everything());
    let now = town.now;
    let core = town.nodes[tower].core.as_mut().unwrap();
    let mut ask = |order| core.command(Command::Tower { order }, now).unwrap();
    let bundle = TowerCommand::Take {
        bundle: given,
        client: None,
    };
    ask(bundle).unwrap();
    for hex in of_kind(&arbiter, "attestation") {
        let order = TowerCommand::Ruling {
            attestation: hex.to_owned(),
            client: None,
        };
        match ask(order) {
            Ok(Reply::Towers(all)) => assert_eq!(all.len(), 1),
            other => panic!("{other:?}"),
        }
    }
    let mut forged = rulings[0];
    forged.ruling = Ruling::WorkerAtFault;
    let order = TowerCommand::Ruling {
        attestation: forged.to_bytes().to_lower_hex_string(),
        client: None,
    };
    assert_eq!(ask(order).unwrap_err().code, "unknown");
}

/// Of a contract that nobody takes before a panel there is what was said, and no case; nothing before it lives.
#[test]
fn evidence_has_no_secret_and_no_case_without_an_accusation() {
    let mut town = Town::new();
    let id = town.offer();
    let order = Command::Evidence {
        id: id.to_lower_hex_string(),
    };
    assert!(town.ask(0, order).is_err(), "not funded yet");
    town.pump();
    town.mine(1);
    // At every moment of its life.
    for _ in 0..12 {
        for at in 0..6 {
            let all = evidence(&mut town, at, &id);
            assert_eq!(of_kind(&all, "case"), [""; 0]);
            let terms = Terms::from_json(of_kind(&all, "terms")[0].as_bytes());
            for hidden in secrets(at, &id, terms.unwrap().record()) {
                assert!(
                    all.iter().all(|piece| !piece.text.contains(&hidden)),
                    "{at}"
                );
            }
        }
        town.mine(1);
    }
    lived(&mut town, &id);
    let all = evidence(&mut town, 2, &id);
    println!(
        "{} items, {} receipts",
        of_kind(&all, "item").len(),
        of_kind(&all, "receipt").len()
    );
    assert!(of_kind(&all, "item").len() >= 4);
}

/// The case of the first test, whose arbiters judge by this.
fn judged_by(judge: JudgeBox) -> (Town, [u8; 32]) {
    let mut town = Town::new();
    for at in 3..6 {
        town.kill(at);
        town.nodes[at].decide_by(Policy {
            judge: Some(judge.clone()),
            ..everything()
        });
        town.start(at);
        town.connect_all(at);
    }
    let id = town.offer();
    town.pump();
    town.mine(1);
    assert!(town.all(&id, "live"), "{}", town.notes());
    town.isolate(2);
    (town, id)
}

/// The very program that nodes are, as its judge.
fn own_judge() -> JudgeBox {
    JudgeBox::new(env!("CARGO_BIN_EXE_narthex-node"), &["judge"])
}

#[test]
fn a_node_judges_in_a_box_and_nothing_gets_out() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let probed = own_judge().probe(Some(listener.local_addr().unwrap()));
    let probed = probed.unwrap();
    println!("{}", probed.network);
    assert!(probed.holds(), "{probed:?}");

    let (mut town, id) = judged_by(own_judge());
    for _ in 0..MOST_BLOCKS {
        if (0..6).all(|at| is_over(&town.standing(at, &id))) {
            break;
        }
        town.mine(1);
    }
    let all = evidence(&mut town, 3, &id);
    assert!(!of_kind(&all, "attestation").is_empty(), "{}", town.notes());
    let bundle = Vec::<u8>::from_hex(of_kind(&all, "bundle")[0]).unwrap();
    let bundle = Bundle::from_bytes(&bundle).unwrap();
    let question = bundle.open(None).unwrap();
    assert_eq!(judge_here(&question, None).unwrap(), *bundle.report());
}

/// Judges that die have ruled on nothing: their operators hear of it, block by block, and nobody is convicted.
#[test]
fn judges_that_die_are_a_trouble_and_no_ruling() {
    let (mut town, id) = judged_by(JudgeBox::new("/bin/false", &[]));
    let mut silent = 0;
    for _ in 0..MOST_BLOCKS {
        if (0..6).all(|at| is_over(&town.standing(at, &id))) {
            break;
        }
        town.mine(1);
        let status = town.show(3, &id).unwrap();
        let trouble = status.trouble.unwrap_or_default();
        silent += usize::from(trouble.contains("nothing is ruled"));
    }
    assert!(silent > 0, "{}", town.notes());
    for at in [0, 1, 3, 4, 5] {
        let all = evidence(&mut town, at, &id);
        assert_eq!(of_kind(&all, "attestation"), [""; 0], "{at}");
        assert_eq!(of_kind(&all, "bundle"), [""; 0], "{at}");
    }
    println!("{:?}", path(&town, &id));
}
