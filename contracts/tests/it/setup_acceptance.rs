//! A party signs only what pays to be played honestly, or says that it is research.

use std::sync::Arc;

use bitcoin::Amount;
use narthex_contracts::{
    fixtures::Fixtures,
    setup::Party,
    template::PartyError,
    terms::{AcceptancePolicy, Role, Terms},
};
use narthex_game_model::{
    Template,
    game::{Economics, Unprofitable},
};

fn terms(template: Template, n: u8, k: u8) -> (Fixtures, Arc<Terms>) {
    let fixtures = Fixtures::example(template, n, k, 800_000, [3; 32]).unwrap();
    let terms = Arc::new(fixtures.terms().unwrap());
    (fixtures, terms)
}

#[test]
fn the_hardened_example_pays_with_every_panel() {
    for (n, k) in [(3, 2), (5, 3), (7, 4), (15, 8)] {
        let (_, terms) = terms(Template::Hardened, n, k);
        let policy = AcceptancePolicy::of(&terms, &Economics::example()).unwrap();
        assert!(matches!(policy, AcceptancePolicy::Pays(_)));
    }
}

#[test]
fn what_does_not_pay_is_refused_with_the_reason() {
    let greedy = Economics {
        outside_gain: Amount::from_sat(900_000),
        bad_steps: 1,
        ..Economics::example()
    };
    let (_, hardened) = terms(Template::Hardened, 3, 2);
    let error = AcceptancePolicy::of(&hardened, &greedy).unwrap_err();
    let said = error.to_string();
    let Unprofitable::NotUnique { broken, .. } = &error else {
        panic!("{error}");
    };
    let names = broken.iter().map(|i| i.name).collect::<Vec<_>>();
    assert_eq!(
        names,
        [
            "target",
            "honest appeals rather than target",
            "bribe",
            "bribe after a delivery",
            "honest appeals rather than bribe",
            "league by silence",
            "league by a ruling",
        ]
    );
    assert!(said.contains("worker: at work → target"), "{said}");
    assert!(
        said.contains("p(ρc − fee of S3 + δw + f) > (1−p)B"),
        "{said}"
    );

    let (_, paper) = terms(Template::Paper, 3, 2);
    let said = AcceptancePolicy::of(&paper, &Economics::example())
        .unwrap_err()
        .to_string();
    assert!(said.contains("open the other verdict"), "{said}");
}

#[test]
fn a_policy_is_for_one_record() {
    let (mut fixtures, three) = terms(Template::Hardened, 3, 2);
    let (_, five) = terms(Template::Hardened, 5, 3);
    let of_five = AcceptancePolicy::of(&five, &Economics::example()).unwrap();
    let key = fixtures.key(Role::Client);
    let bound = fixtures.bound(Role::Client, &three).unwrap();
    let error = Party::new(bound, &key, &of_five).unwrap_err();
    assert_eq!(error, PartyError::OtherPolicy);
    let own = AcceptancePolicy::of(&three, &Economics::example()).unwrap();
    for policy in [own, AcceptancePolicy::Research] {
        fixtures.next_attempt();
        let bound = fixtures
            .bound(Role::Client, &fixtures.terms().unwrap())
            .unwrap();
        assert!(Party::new(bound, &key, &policy).is_ok());
    }
}
