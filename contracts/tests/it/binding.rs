//! One salt, one contract, once; one contract, one nonce of an arbiter.

use bitcoin::{
    Amount,
    secp256k1::{Keypair, Secp256k1, rand::thread_rng},
};
use narthex_contracts::{
    attest::{Announcement, AttestError, AttestationNonce, extract_identity_key},
    binding::{BindError, Bindings, FreshSalt, Mark, MemoryBindings},
    fixtures::{self, Fixtures, attest_without_record},
    setup::{Party, SetupError},
    template,
    terms::{AcceptancePolicy, Proposal, Role, Terms, TermsDraft, TermsError},
};
use narthex_game_model::{JobBounds, JobMisfit, Ruling, Template, computation::JobSpec};

const ARBITER: Role = Role::Arbiter(0);

fn fixtures() -> Fixtures {
    Fixtures::example(Template::Hardened, 3, 2, 900_000, [7; 32]).unwrap()
}

/// Two drafts that differ in the client's coin alone, by one satoshi more of fee.
fn two(fixtures: &Fixtures) -> [TermsDraft; 2] {
    let one = fixtures.terms().unwrap().draft().clone();
    let mut record = one.record().clone();
    record.client.funding.coins[0].value_sat += Amount::from_sat(1);
    let other = TermsDraft::new(record).unwrap();
    assert_ne!(one.contract_id(), other.contract_id());
    [one, other]
}

/// A proposal of `role` as the drafts have it: the same one again, as a party has it that was restored from a copy.
fn again(fixtures: &Fixtures, role: Role, draft: &TermsDraft) -> Proposal {
    fixtures.proposal(role, draft).unwrap()
}

fn used(error: TermsError) -> [u8; 32] {
    match error {
        TermsError::Bind(BindError::Used { bound_to, .. }) => bound_to,
        other => panic!("{other}"),
    }
}

#[test]
fn terms_that_differ_in_anothers_coin_do_not_share_a_salt() {
    let fixtures = fixtures();
    let [one, other] = two(&fixtures);
    for role in one.roles() {
        let mut store = MemoryBindings::default();
        // Both drafts say of everybody but the client what it proposed.
        let passes = other.check_proposal(&again(&fixtures, role, &one)).is_ok();
        assert_eq!(passes, role != Role::Client);
        one.clone()
            .bind(again(&fixtures, role, &one), &mut store)
            .unwrap();
        let error = other
            .clone()
            .bind(again(&fixtures, role, &other), &mut store)
            .unwrap_err();
        assert_eq!(used(error), *one.contract_id(), "{role}");
    }
}

#[test]
fn the_same_terms_are_not_bound_twice() {
    let fixtures = fixtures();
    let [one, _] = two(&fixtures);
    for role in one.roles() {
        let mut store = MemoryBindings::default();
        one.clone()
            .bind(again(&fixtures, role, &one), &mut store)
            .unwrap();
        let error = one
            .clone()
            .bind(again(&fixtures, role, &one), &mut store)
            .unwrap_err();
        assert_eq!(used(error), *one.contract_id(), "{role}");
    }
}

/// Effect after check: terms that are not the party's own leave its salt unused.
#[test]
fn terms_of_others_bind_nothing() {
    let fixtures = fixtures();
    let [one, other] = two(&fixtures);
    let mut store = MemoryBindings::default();
    let error = other
        .bind(again(&fixtures, Role::Client, &one), &mut store)
        .unwrap_err();
    assert_eq!(
        error,
        TermsError::NotAsProposed {
            role: Role::Client,
            field: "funding"
        }
    );
    let foreign = Proposal {
        salt: FreshSalt::draw(&mut thread_rng()),
        ..again(&fixtures, Role::Client, &one)
    };
    let error = one.clone().bind(foreign, &mut store).unwrap_err();
    assert_eq!(
        error,
        TermsError::NotAsProposed {
            role: Role::Client,
            field: "salt"
        }
    );
    one.clone()
        .bind(again(&fixtures, Role::Client, &one), &mut store)
        .unwrap();
}

/// A record that cannot be written.
struct Full;

impl Bindings for Full {
    fn bind(&mut self, _: Mark, _: [u8; 32]) -> Result<(), BindError> {
        Err(BindError::Store("no space left".into()))
    }

    fn bound(&self, _: &Mark) -> Option<[u8; 32]> {
        None
    }
}

#[test]
fn without_a_record_nothing_is_signed_and_nobody_is_blamed() {
    let fixtures = fixtures();
    let [one, _] = two(&fixtures);
    let proposal = again(&fixtures, ARBITER, &one);
    let error = one.bind(proposal, &mut Full).unwrap_err();
    assert_eq!(
        error,
        TermsError::Bind(BindError::Store("no space left".into()))
    );
    let said = error.to_string();
    assert!(
        said.contains("no space left") && !said.contains("arbiter"),
        "{said}"
    );
}

/// A job that was looked at under other parameters is none to bind to under these, whatever its id.
#[test]
fn nobody_binds_to_a_job_that_these_parameters_did_not_accept() {
    let fixtures = fixtures();
    let [one, _] = two(&fixtures);
    let mut store = MemoryBindings::default();
    let with = |job| Proposal {
        job,
        ..again(&fixtures, ARBITER, &one)
    };
    let job = fixtures.job().unwrap();
    let described = |spec: &JobSpec, bounds: JobBounds| {
        let program = fixtures::MadeUpProgram;
        bounds.accepts(spec, &program, 0).unwrap()
    };
    let usual = *job.bounds();
    let wider = described(job.spec(), JobBounds::MOST);
    assert_eq!(wider.id(), job.id());
    let refused = one.clone().bind(with(wider), &mut store).unwrap_err();
    assert_eq!(refused, TermsError::Job(JobMisfit::OtherBounds));
    let mut other = *job.spec();
    other.input_root = [0; 32];
    let other = described(&other, usual);
    let refused = one.clone().bind(with(other), &mut store).unwrap_err();
    let (role, field) = (ARBITER, "job");
    assert_eq!(refused, TermsError::NotAsProposed { role, field });
    // Nothing was written: the right one still binds.
    assert_eq!(described(job.spec(), usual), job);
    one.clone().bind(with(job), &mut store).unwrap();
}

/// What cost an arbiter its key and bond: one salt in two contracts, and the same ruling in both.
#[test]
fn an_arbiter_has_another_nonce_for_each_contract() {
    let fixtures = fixtures();
    let (secp, identity) = (Secp256k1::new(), fixtures.identity(0));
    let [one, other] =
        two(&fixtures).map(|draft| fixtures.announced(draft.record().clone()).unwrap());
    let ruling = Ruling::WorkerAtFault;
    let [a, b] = [&one, &other].map(|terms| {
        let nonce = AttestationNonce::derive(&identity, terms.contract_id()).unwrap();
        let id = terms.contract_id();
        let attestation = attest_without_record(nonce, id, &identity, 0, ruling).unwrap();
        attestation.check(terms).unwrap();
        attestation
    });
    assert_ne!(a.signature.serialize()[..32], b.signature.serialize()[..32]);
    assert_ne!(
        one.announcement(0).unwrap().nonce,
        other.announcement(0).unwrap().nonce
    );
    // Neither counts in the other contract, and no key comes of the two.
    for (attestation, terms) in [(&a, &other), (&b, &one)] {
        assert_eq!(
            attestation.check(terms),
            Err(AttestError::Invalid { arbiter: 0 })
        );
        let public = identity.x_only_public_key(&secp).0;
        assert_eq!(
            extract_identity_key(&secp, &public, terms.contract_id(), &a, &b),
            Err(AttestError::NoContradiction)
        );
    }
}

#[test]
fn an_arbiter_goes_on_with_its_own_announcement_only() {
    let fixtures = fixtures();
    let terms = fixtures.terms().unwrap();
    let secp = Secp256k1::new();
    let key = |i| Keypair::from_secret_key(&secp, &fixtures.identity(i));
    let bound = |role| {
        let draft = terms.draft().clone();
        draft
            .bind(
                again(&fixtures, role, &terms),
                &mut MemoryBindings::default(),
            )
            .unwrap()
    };
    let all = || terms.announcements().to_vec();
    let not_mine = |role, field| Some(TermsError::NotAsProposed { role, field });
    // With somebody else's key, as somebody else, without one of its own, or with another than it made.
    assert_eq!(
        bound(ARBITER).announce(&secp, &key(1)).err(),
        not_mine(ARBITER, "identity key")
    );
    assert_eq!(
        bound(Role::Worker).announce(&secp, &key(0)).err(),
        not_mine(Role::Worker, "identity key")
    );
    assert_eq!(
        bound(ARBITER).complete(all()).map(drop).err(),
        not_mine(ARBITER, "announcement")
    );
    let mut own = bound(ARBITER);
    let made = own.announce(&secp, &key(0)).unwrap();
    assert_eq!(own.announce(&secp, &key(0)).unwrap(), made);
    let mut others = all();
    others[0] = with_nonce_of(&fixtures, 1, &terms);
    assert_eq!(
        own.complete(others).map(drop).err(),
        not_mine(ARBITER, "announcement")
    );
    let mut own = bound(ARBITER);
    own.announce(&secp, &key(0)).unwrap();
    assert_eq!(own.complete(all()).unwrap().terms().as_ref(), &terms);
    // A bad one of another's is told apart before it is taken.
    let draft = terms.draft();
    for i in 0..3 {
        draft
            .check_announcement(i, terms.announcement(i).unwrap())
            .unwrap();
        assert!(
            draft
                .check_announcement(i, terms.announcement((i + 1) % 3).unwrap())
                .is_err()
        );
    }
}

/// Arbiter 0 with a nonce that it did not derive from its own key: valid, and another than it would announce.
fn with_nonce_of(fixtures: &Fixtures, other: u8, terms: &Terms) -> Announcement {
    let secp = Secp256k1::new();
    let nonce = fixtures.nonce(other, terms.contract_id()).unwrap();
    let identity = Keypair::from_secret_key(&secp, &fixtures.identity(0));
    Announcement::new(&secp, &identity, &nonce)
}

/// An arbiter that announces two nonces for one contract splits the others: those who heard another nonce are in
/// another ceremony. The points of the honest arbiters are the same in both, so that they sign nothing twice.
#[test]
fn ceremonies_with_different_nonces_never_mix() {
    let fixtures = fixtures();
    let one = fixtures.terms().unwrap();
    let mut announced = one.announcements().to_vec();
    announced[0] = with_nonce_of(&fixtures, 1, &one);
    let other = Terms::new(one.record().clone(), announced).unwrap();
    assert_eq!(one.contract_id(), other.contract_id());
    assert_ne!(one.agreement_id(), other.agreement_id());
    for ruling in Ruling::ALL {
        let [a, b] = [&one, &other].map(|terms| terms.ruling_points(ruling).unwrap());
        assert_ne!(a[0], b[0]);
        assert_eq!(a[1..], b[1..]);
    }
    let mut rng = thread_rng();
    let mut announce = |role, terms: &Terms| {
        let bound = fixtures.bound(role, terms).unwrap();
        let party = Party::new(bound, &fixtures.key(role), &AcceptancePolicy::Research).unwrap();
        party.announce(&mut rng).unwrap()
    };
    let (client, _) = announce(Role::Client, &one);
    let (_, worker) = announce(Role::Worker, &other);
    assert_eq!(
        client.sign_with([worker]).map(drop).unwrap_err(),
        SetupError::ForeignContract {
            from: Role::Worker.into()
        }
    );
    // Whoever carries the messages can write another session into them. It helps nothing: the two sign no transaction
    // in common, so that no share of one is worth anything in the other.
    let [a, b] = [&one, &other].map(|terms| {
        let graph = template::derive(terms).unwrap();
        let ids = graph.nodes().map(|(id, _)| graph.txid(id).unwrap());
        ids.collect::<std::collections::BTreeSet<_>>()
    });
    assert!(a.len() > 20, "{}", a.len());
    assert!(a.is_disjoint(&b));
}

#[test]
fn marks_say_what_and_hide_the_value() {
    let mut rng = thread_rng();
    let salt = FreshSalt::draw(&mut rng);
    assert_ne!(salt.mark("terms"), salt.mark("ending"));
    assert_ne!(salt.mark("terms"), FreshSalt::draw(&mut rng).mark("terms"));
    assert_ne!(salt.mark("terms").to_string(), salt.value().to_string());
}
