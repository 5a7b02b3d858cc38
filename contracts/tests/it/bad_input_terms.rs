//! Terms that must be refused: each by an error that says what is wrong with whose part, with the values.

use bitcoin::{
    Amount, OutPoint, ScriptBuf,
    secp256k1::{Secp256k1, SecretKey},
};
use narthex_contracts::{
    attest::Announcement,
    fixtures::Fixtures,
    template,
    terms::{
        Coin, ContributionError, FeeRate, MAX_COINS, MAX_TERMS_BYTES, Role, SecretPoint, Terms,
        TermsDraft, TermsError, TermsRecord,
    },
};
use narthex_game_model::{Params, ParamsRecord, Template, params::Bound};

fn record(template: Template) -> TermsRecord {
    let fixtures = Fixtures::example(template, 3, 2, 500, [7; 32]).unwrap();
    fixtures.terms().unwrap().record().clone()
}

/// The terms after `spoil`, which must be refused.
fn refused(template: Template, spoil: impl FnOnce(&mut TermsRecord)) -> TermsError {
    let mut record = record(template);
    spoil(&mut record);
    TermsDraft::new(record).expect_err("spoiled terms were taken")
}

fn hardened(spoil: impl FnOnce(&mut TermsRecord)) -> TermsError {
    refused(Template::Hardened, spoil)
}

/// The error's text must name all of these.
fn says(error: &TermsError, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{text:?} does not say {part:?}");
    }
}

fn contribution(error: TermsError) -> (Role, ContributionError) {
    match error {
        TermsError::Contribution { role, error } => (role, error),
        other => panic!("no fault of a contribution: {other}"),
    }
}

const SAT: fn(u64) -> Amount = Amount::from_sat;

#[test]
fn json_that_is_none() {
    for json in [
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"params\":1}",
        "\u{feff}{}",
        "\"\"",
        "1e999",
    ] {
        assert!(
            matches!(Terms::from_json(json.as_bytes()), Err(TermsError::Json(_))),
            "{json}"
        );
    }
    assert!(matches!(
        Terms::from_json(&[0xff; 64]),
        Err(TermsError::Json(_))
    ));
    // Nesting that would overflow the stack of a careless parser.
    let deep = "[".repeat(200_000);
    assert!(matches!(
        Terms::from_json(deep.as_bytes()),
        Err(TermsError::Json(_))
    ));
}

#[test]
fn json_of_absurd_size() {
    let json = vec![b' '; MAX_TERMS_BYTES + 1];
    let error = Terms::from_json(&json).unwrap_err();
    assert_eq!(
        error,
        TermsError::TooLarge {
            bytes: MAX_TERMS_BYTES + 1,
            limit: MAX_TERMS_BYTES
        }
    );
    says(&error, &["1048577", "1048576"]);
    // What the parser quotes does not make the message long.
    let long = format!("{{\"{}\":1}}", "x".repeat(MAX_TERMS_BYTES - 100));
    let error = Terms::from_json(long.as_bytes()).unwrap_err().to_string();
    assert!(
        error.len() < 400 && error.contains("unknown field") && error.contains("line 1"),
        "{error}"
    );
}

#[test]
fn a_million_coins() {
    // More than fit into terms as JSON, and refused before anything is done with each of them.
    let error = hardened(|r| {
        let coin = r.client.funding.coins[0].clone();
        r.client.funding.coins = (0..1_000_000)
            .map(|vout| Coin {
                outpoint: OutPoint {
                    vout,
                    ..coin.outpoint
                },
                ..coin.clone()
            })
            .collect();
    });
    let (role, error) = contribution(error);
    assert_eq!(
        (role, error),
        (Role::Client, ContributionError::Count { given: 1_000_000 })
    );
}

#[test]
fn panels_of_impossible_sizes() {
    for (n, bound) in [
        (0, Bound::PanelAtLeastThree),
        (2, Bound::PanelAtLeastThree),
        (16, Bound::PanelAtMostFifteen),
    ] {
        let error = hardened(|r| r.params.arbiters = n);
        match &error {
            TermsError::Params(params) => assert!(params.breaks(bound), "{params}"),
            other => panic!("{other}"),
        }
    }
    // As many arbiters as the parameters do not say.
    let error = hardened(|r| drop(r.arbiters.pop()));
    assert_eq!(
        error,
        TermsError::PanelSize {
            given: 2,
            wanted: 3
        }
    );
    let error = hardened(|r| r.arbiters.extend(r.arbiters.clone()));
    assert_eq!(
        error,
        TermsError::PanelSize {
            given: 6,
            wanted: 3
        }
    );
    let error = hardened(|r| r.arbiters.resize(100_000, r.arbiters[0].clone()));
    says(&error, &["100000", "3"]);
}

#[test]
fn the_same_key_or_arbiter_twice() {
    let error = hardened(|r| r.verifier.key = r.client.key);
    says(
        &error,
        &[
            "client and verifier",
            &record(Template::Hardened).client.key.to_string(),
        ],
    );
    let error = hardened(|r| r.arbiters[2].key = r.arbiters[0].key);
    says(&error, &["arbiter0 and arbiter2"]);
    // Contract keys are fresh, the identity is not: one arbiter on two seats.
    let error = hardened(|r| r.arbiters[1].identity = r.arbiters[0].identity);
    assert_eq!(
        error,
        TermsError::SameArbiter {
            first: 0,
            second: 1
        }
    );
}

#[test]
fn announcements_of_others() {
    let fixtures = Fixtures::example(Template::Hardened, 3, 2, 500, [7; 32]).unwrap();
    let terms = fixtures.terms().unwrap();
    let refused = |spoil: &dyn Fn(&mut Vec<Announcement>)| {
        let mut announcements = terms.announcements().to_vec();
        spoil(&mut announcements);
        Terms::new(terms.record().clone(), announcements)
            .expect_err("spoiled announcements were taken")
    };
    let identity = terms.identity(1).unwrap().to_string();
    let error = refused(&|a| a[1].nonce = a[0].nonce);
    says(&error, &["arbiter1", "proof of knowledge"]);
    let error = refused(&|a| a[1].signature = a[0].signature);
    says(&error, &["arbiter1", &identity]);
    // An announcement of another case: the same arbiter, other parameters.
    let other = Fixtures::example(Template::Hardened, 3, 2, 501, [7; 32]).unwrap();
    let stale = *other.terms().unwrap().announcement(1).unwrap();
    let error = refused(&|a| a[1] = stale);
    says(&error, &["arbiter1"]);
    // One too few, one too many, none at all.
    for given in [0, 2, 4] {
        let error = refused(&|a| a.resize(given, a[0]));
        assert_eq!(error, TermsError::Announcements { given, wanted: 3 });
        says(&error, &[&given.to_string(), "3"]);
    }
}

#[test]
fn secrets_that_nobody_proves_to_know() {
    let secp = Secp256k1::new();
    let secret = SecretKey::from_slice(&[9; 32]).unwrap();
    let hash = Params::new(record(Template::Paper).params).unwrap().hash();
    // Somebody else's point, a proof for another use, a proof for another worker.
    let error = hardened(|r| r.result.point = r.client.key);
    assert_eq!(error, TermsError::PointProof { what: "result" });
    let error = refused(Template::Paper, |r| {
        r.result = SecretPoint::appeal(&secp, &secret, &r.worker.key, &hash)
    });
    assert_eq!(error, TermsError::PointProof { what: "result" });
    let error = refused(Template::Paper, |r| {
        r.result = SecretPoint::result(&secp, &secret, &r.client.key, &hash)
    });
    assert_eq!(error, TermsError::PointProof { what: "result" });
    let error = refused(Template::Paper, |r| {
        r.paper.as_mut().unwrap().appeal = r.result
    });
    assert_eq!(error, TermsError::PointProof { what: "appeal" });
}

#[test]
fn fields_of_the_other_layout() {
    let error = hardened(|r| r.paper = record(Template::Paper).paper);
    says(&error, &["paper record", "not allowed", "hardened"]);
    let error = refused(Template::Paper, |r| r.paper = None);
    says(&error, &["paper record", "missing"]);
    let error = hardened(|r| r.params.paper_locks = record(Template::Paper).params.paper_locks);
    says(&error, &["paper_locks"]);
    let error = refused(Template::Paper, |r| r.params.retainer = SAT(1));
    says(&error, &["retainer"]);
}

#[test]
fn scripts_that_are_not_relayed() {
    let anchor = narthex_contracts::graph::anchor_script();
    let data = ScriptBuf::new_op_return([1; 4]);
    let bare = ScriptBuf::from_bytes(vec![0x51; 40]);
    for script in [
        ScriptBuf::new(),
        anchor,
        data,
        bare.clone(),
        ScriptBuf::from_bytes(vec![0x51; 600_000]),
    ] {
        let error = hardened(|r| r.arbiters[0].payout = script.clone());
        assert!(
            matches!(
                error,
                TermsError::NonStandard {
                    role: Role::Arbiter(0),
                    ..
                }
            ),
            "{error}"
        );
        assert!(error.to_string().len() < 400);
    }
    // Old script types need more than the dust limit agreed on.
    let error = hardened(|r| {
        r.worker.payout = ScriptBuf::new_p2pkh(&bitcoin::PubkeyHash::from_raw_hash(
            bitcoin::hashes::Hash::all_zeros(),
        ))
    });
    says(&error, &["worker", "546", "330"]);
}

#[test]
fn funds_that_are_not_relayed() {
    // Data outputs may only push.
    for fund in [
        vec![0x6a, 0x61],
        vec![0x6a, 0x4c],
        vec![0x51],
        vec![0xff; 30],
    ] {
        let error = hardened(|r| r.params.fund = fund.clone());
        // The record is another one, and so are its proofs; the fund is named if they are made for it.
        assert!(matches!(error, TermsError::PointProof { .. }));
        let params = Params::new(ParamsRecord {
            fund,
            ..record(Template::Hardened).params
        })
        .unwrap();
        let error = Fixtures::new(params, [7; 32]).terms().unwrap_err();
        assert!(matches!(error, TermsError::FundScript { .. }), "{error}");
        says(&error, &["common fund"]);
    }
}

#[test]
fn coins_that_do_not_fit() {
    let (role, error) = contribution(hardened(|r| r.verifier.funding.coins.clear()));
    assert_eq!(
        (role, error),
        (Role::Verifier, ContributionError::Count { given: 0 })
    );
    let (role, error) = contribution(hardened(|r| {
        r.client.funding.coins[0].script = ScriptBuf::new_p2sh(&bitcoin::ScriptHash::from_raw_hash(
            bitcoin::hashes::Hash::all_zeros(),
        ))
    }));
    assert!(matches!(
        (role, error),
        (Role::Client, ContributionError::CoinType { .. })
    ));
    let (role, error) = contribution(hardened(|r| {
        let coin = r.worker.funding.coins[0].clone();
        r.worker.funding.coins.push(coin);
    }));
    assert!(matches!(
        (role, error),
        (Role::Worker, ContributionError::Repeated { .. })
    ));
    let error =
        hardened(|r| r.arbiters[1].funding.coins[0].outpoint = r.client.funding.coins[0].outpoint);
    says(
        &error,
        &[
            "client and arbiter1",
            &record(Template::Hardened).client.funding.coins[0]
                .outpoint
                .to_string(),
        ],
    );
    let error = hardened(|r| r.client.funding.coins[0].value_sat = SAT(120_000));
    says(
        &error,
        &[
            "client",
            "0.00120000 BTC",
            "0.00100000 BTC",
            "0.00050000 BTC",
        ],
    );
    let error = hardened(|r| r.client.funding.coins[0].value_sat = SAT(10_000_000));
    says(&error, &["client", "a fee of 0.09850000 BTC"]);
    for value in [Amount::MAX, Amount::MAX_MONEY + SAT(1)] {
        let (role, error) = contribution(hardened(|r| r.client.funding.coins[0].value_sat = value));
        assert!(matches!(
            (role, error),
            (Role::Client, ContributionError::Overflow { .. })
        ));
    }
    let (_, error) = contribution(hardened(|r| {
        let coin = r.client.funding.coins[0].clone();
        let of = |vout| Coin {
            outpoint: OutPoint {
                vout,
                ..coin.outpoint
            },
            ..coin.clone()
        };
        r.client.funding.coins = (0..=MAX_COINS as u32).map(of).collect();
    }));
    assert_eq!(
        error,
        ContributionError::Count {
            given: MAX_COINS + 1
        }
    );
}

#[test]
fn change_that_does_not_fit() {
    let change = |script: ScriptBuf, value: u64| {
        hardened(move |r| {
            let change = r.client.funding.change.as_mut().unwrap();
            (change.script, change.value_sat) = (script, SAT(value));
        })
    };
    let taproot = record(Template::Hardened).client.payout;
    let error = change(taproot.clone(), 329);
    says(&error, &["client", "0.00000329 BTC", "0.00000330 BTC"]);
    for script in [
        ScriptBuf::new(),
        ScriptBuf::new_op_return([2; 8]),
        ScriptBuf::from_bytes(vec![0x6a; 500_000]),
    ] {
        let error = change(script, 50_000);
        let short = error.to_string().len();
        assert!(
            matches!(
                contribution(error),
                (Role::Client, ContributionError::ChangeScript { .. })
            ) && short < 400
        );
    }
    let (_, error) = contribution(change(taproot, u64::MAX));
    assert!(matches!(error, ContributionError::Short { .. }));
}

#[test]
fn a_worker_without_root_coin() {
    let error = hardened(|r| r.worker.funding.change = None);
    says(&error, &["worker", "0.00002000 BTC", "not none"]);
    let error = hardened(|r| r.worker.funding.change.as_mut().unwrap().value_sat = SAT(1_999));
    says(&error, &["worker", "0.00001999 BTC"]);
    // A coin whose spending the child that carries the root cannot plan for, or that nobody can spend.
    for script in [
        ScriptBuf::new_p2sh(&bitcoin::ScriptHash::from_raw_hash(
            bitcoin::hashes::Hash::all_zeros(),
        )),
        ScriptBuf::new_op_return([1; 4]),
    ] {
        let error = hardened(|r| r.worker.funding.change.as_mut().unwrap().script = script.clone());
        assert!(matches!(error, TermsError::NoRootCoin { .. }));
        says(&error, &["funding of worker"]);
    }
}

#[test]
fn stake_coins_of_the_paper_layout() {
    let stake = record(Template::Paper).params.arbiter_stake;
    let spoils: [fn(&mut TermsRecord); 4] = [
        |r| r.arbiters[1].funding.coins[0].value_sat = Amount::from_sat(249_999),
        |r| r.arbiters[1].funding.coins.clear(),
        |r| r.arbiters[1].funding.coins[0].script = r.arbiters[0].funding.coins[0].script.clone(),
        |r| r.arbiters[1].funding.change = r.client.funding.change.clone(),
    ];
    for spoil in spoils {
        let role = Role::Arbiter(1);
        let error = refused(Template::Paper, spoil);
        assert_eq!(error, TermsError::StakeCoin { role, stake });
        says(&error, &["funding of arbiter1"]);
    }
}

#[test]
fn fee_rates_that_are_mistakes() {
    for rate in [0, 1, 24, 2_500_001, 6_250_001, u64::MAX] {
        let error = hardened(|r| r.funding_rate_sat_per_kwu = FeeRate::from_sat_per_kwu(rate));
        says(&error, &[&rate.to_string(), "25", "2500000"]);
    }
}

#[test]
fn stakes_that_would_unlock_at_once() {
    // Locktimes from 500,000,000 on are seconds since 1970: the stake's leaf would be open from the start.
    let example = ParamsRecord::example(3, 2, 499_999_990);
    let params = Params::new(example).unwrap();
    let height = template::stake_unlock_height(&params);
    let error = Fixtures::new(params, [7; 32]).terms().unwrap_err();
    says(&error, &[&height.to_string(), "500000000"]);
}

/// Dust that only the transaction shows: the parameters allow for less than a stake's script needs.
#[test]
fn dust_that_only_the_graph_shows() {
    let mut example = ParamsRecord::example(3, 2, 500);
    for amount in [
        &mut example.worker_stake,
        &mut example.verifier_stake,
        &mut example.arbiter_stake,
    ] {
        *amount = SAT(320);
    }
    (example.reward, example.bounty) = (SAT(500), SAT(0));
    (example.dust_limit, example.retainer) = (SAT(0), SAT(0));
    example.fund = b"\x6a\x01n".to_vec();
    let fixtures = Fixtures::new(Params::new(example).unwrap(), [7; 32]);
    match fixtures.terms().map(|terms| template::derive(&terms)) {
        Ok(Err(error)) => assert!(error.to_string().contains("dust limit"), "{error}"),
        Err(error) => says(&error, &["dust limit"]),
        Ok(Ok(_)) => panic!("dust was taken"),
    }
}
