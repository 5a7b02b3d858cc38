//! One function per decoder; each panics if its property does not hold.

use narthex_base::codec::Message as _;
use std::sync::{Arc, OnceLock};

use bitcoin::{Amount, OutPoint, Psbt, ScriptBuf, Transaction, hashes::Hash};
use narthex_contracts::{
    attest::Attestation,
    enrolment::{Enrolment, Scope},
    fixtures::Fixtures,
    funding::FundingWitnesses,
    panel::{AnswerSet, Offer, OfferPayload, OfferTerms, Willingness},
    setup::{
        ContractSignatures, NoncesMessage, Release, Secrets, SharesMessage, Signing, ceremony,
    },
    shared_secret::{Dealing, RevealedShare, Share},
    template,
    template::{RootRecord, TowerBundle, root_coin},
    terms::{Contribution, FeeRate, Role, Terms},
};
use narthex_game_model::{Params, Template};

/// A contract to read messages of.
pub struct World {
    /// Its secrets.
    pub fixtures: Fixtures,
    /// Its terms.
    pub terms: Arc<Terms>,
    /// What each party holds.
    pub holdings: Vec<ContractSignatures<Terms>>,
    /// The parties' nonce messages of a ceremony.
    pub nonces: Vec<Vec<u8>>,
    /// Terms of that ceremony.
    pub earlier: Arc<Terms>,
    /// That ceremony as each stored it after signing.
    pub signing: Vec<Vec<u8>>,
}

/// The one contract that all properties share.
pub fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let mut rng = bitcoin::secp256k1::rand::thread_rng();
        let mut fixtures =
            Fixtures::example(Template::Hardened, 3, 2, 500, [7; 32]).expect("valid parameters");
        let earlier = Arc::new(fixtures.terms().expect("valid terms"));
        let parties = fixtures.parties(&earlier).expect("parties").into_iter();
        let announced = parties.map(|party| party.announce(&mut rng).expect("nonces"));
        let (announced, nonces): (Vec<_>, Vec<_>) = announced.unzip();
        let signing = announced
            .into_iter()
            .map(|party| party.sign_with(nonces.clone()).expect("signs").to_bytes())
            .collect();
        let nonces = nonces.iter().map(NoncesMessage::to_bytes).collect();
        // Terms are signed once.
        fixtures.next_attempt();
        let terms = Arc::new(fixtures.terms().expect("valid terms"));
        let parties = fixtures.parties(&terms).expect("parties");
        let holdings = ceremony::run(parties, &mut rng, |_| ()).expect("ceremony");
        World {
            fixtures,
            terms,
            holdings,
            nonces,
            earlier,
            signing,
        }
    })
}

/// The deposit and placeholder that contributions are read with.
pub fn deposit() -> (ScriptBuf, Amount) {
    (
        ScriptBuf::new_p2wsh(&bitcoin::WScriptHash::all_zeros()),
        Amount::from_sat(200_000),
    )
}

/// Terms.
pub fn terms_json(data: &[u8]) {
    let Ok(terms) = Terms::from_json(data) else {
        return;
    };
    let json = terms.to_json().expect("what was read can be written");
    let again = Terms::from_json(json.as_bytes()).expect("what was written can be read");
    assert_eq!(again, terms);
    assert_eq!(again.contract_id(), terms.contract_id());
    // Larger panels take seconds, and their graphs are made by the same code.
    if terms.panel_size() > 4 {
        return;
    }
    let ids = |terms: &Terms| {
        template::derive(terms).map(|g| {
            g.nodes()
                .filter_map(|(id, _)| g.txid(id))
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(ids(&terms), ids(&again));
}

/// Parameters.
pub fn params_bytes(data: &[u8]) {
    if let Ok(params) = Params::from_bytes(data) {
        assert_eq!(params.to_bytes(), data);
    }
}

/// Nonces.
pub fn nonces(data: &[u8]) {
    if let Ok(message) = NoncesMessage::from_bytes(data) {
        assert_eq!(message.to_bytes(), data);
    }
}

/// Shares.
pub fn shares(data: &[u8]) {
    if let Ok(message) = SharesMessage::from_bytes(data) {
        assert_eq!(message.to_bytes(), data);
    }
}

/// Releases.
pub fn release(data: &[u8]) {
    let Ok(release) = Release::from_bytes(data) else {
        return;
    };
    assert_eq!(release.to_bytes(), data);
    for holdings in &world().holdings {
        let mut holdings = holdings.clone();
        let before = holdings.to_bytes();
        match holdings.accept(&release) {
            Ok(()) => holdings.verify().expect("what was accepted verifies"),
            Err(_) => assert_eq!(holdings.to_bytes(), before),
        }
    }
}

/// ContractSignatures.
pub fn holdings(data: &[u8]) {
    let Ok(holdings) = ContractSignatures::from_bytes(world().terms.clone(), data) else {
        return;
    };
    holdings.verify().expect("what was accepted verifies");
    let bytes = holdings.to_bytes();
    let again = ContractSignatures::from_bytes(world().terms.clone(), &bytes)
        .expect("what was written can be read");
    assert_eq!(again.to_bytes(), bytes);
}

/// What a watchtower is given: it is written back as it was, and what is opened can publish each of its transactions but for what rulings
/// give.
pub fn bundle(data: &[u8]) {
    let Ok(bundle) = TowerBundle::from_bytes(data) else {
        return;
    };
    assert_eq!(bundle.to_bytes(), data);
    let Ok(tower) = bundle.open() else {
        return;
    };
    for node in bundle.transactions() {
        if tower.graph().needs(node).is_empty() {
            tower
                .complete(node, &Secrets::default())
                .expect("what a tower is given is whole");
        }
    }
}

/// A ceremony under way, stored.
pub fn signing(data: &[u8]) {
    if let Ok(signing) = Signing::<Terms>::from_bytes(world().earlier.clone(), data) {
        assert_eq!(signing.to_bytes(), data);
    }
}

/// Witnesses of the funding transaction.
pub fn witnesses(data: &[u8]) {
    if let Ok(message) = FundingWitnesses::from_bytes(data) {
        assert_eq!(message.to_bytes(), data);
    }
}

/// Attestations.
pub fn attestation(data: &[u8]) {
    let Ok(attestation) = Attestation::from_bytes(data) else {
        return;
    };
    assert_eq!(attestation.to_bytes(), data);
    let world = world();
    let id = world.terms.contract_id();
    let valid = attestation.check(&world.terms).is_ok();
    // The nonce fixes the signature: the arbiter makes one per ruling, and nobody makes another.
    let i = attestation.arbiter;
    if i >= world.terms.panel_size() {
        assert!(!valid);
        return;
    }
    let genuine = world.fixtures.attestation(i, id, attestation.ruling);
    assert_eq!(valid, genuine == Ok(attestation));
}

/// Enrolments: canonical bytes, of which none holds but what both keys signed.
pub fn enrolment(data: &[u8]) {
    let Ok(enrolment) = Enrolment::from_bytes(data) else {
        return;
    };
    assert_eq!(enrolment.to_bytes(), data);
    let own = enrolment.check(&enrolment.scope, enrolment.role).is_ok();
    // Whatever it is, it counts for nothing else.
    let elsewhere = match enrolment.scope {
        Scope::Negotiation(id) => Scope::Contract(id),
        Scope::Contract(id) => Scope::Negotiation(id),
    };
    assert!(enrolment.check(&elsewhere, enrolment.role).is_err());
    let moved = Enrolment {
        scope: elsewhere,
        ..enrolment
    };
    assert!(!own || moved.check(&elsewhere, moved.role).is_err());
}

/// Everything of the panel that is canonical bytes.
pub fn panel(data: &[u8]) {
    fn check<T, E>(data: &[u8], decoded: Result<T, E>, encode: impl Fn(&T) -> Vec<u8>) {
        if let Ok(value) = decoded {
            assert_eq!(encode(&value), data);
        }
    }
    check(data, OfferPayload::from_bytes(data), OfferPayload::to_bytes);
    check(data, OfferTerms::from_bytes(data), OfferTerms::to_bytes);
    check(data, Willingness::from_bytes(data), Willingness::to_bytes);
    check(data, AnswerSet::from_bytes(data), AnswerSet::to_bytes);
    check(data, Dealing::from_bytes(data), Dealing::to_bytes);
    check(
        data,
        RevealedShare::from_bytes(data),
        RevealedShare::to_bytes,
    );
    check(data, Share::from_bytes(data), |share| {
        share.to_bytes().to_vec()
    });
    let script = bitcoin::Script::from_bytes(data);
    if let Some(Ok(payload)) = OfferPayload::from_script(script) {
        assert_eq!(payload.script().as_script(), script);
    }
}

/// Offers in transactions.
pub fn offer_transaction(data: &[u8]) {
    let Ok(tx) = bitcoin::consensus::deserialize::<Transaction>(data) else {
        return;
    };
    let Ok(Some(offer)) = Offer::from_transaction(&tx, 100) else {
        return;
    };
    assert_eq!(offer.outpoint.txid, tx.compute_txid());
    assert_eq!(
        tx.output[offer.outpoint.vout as usize].value,
        offer.value_sat
    );
}

/// Contributions.
pub fn contribution(data: &[u8]) {
    let Ok(psbt) = Psbt::deserialize(data) else {
        return;
    };
    let (placeholder, amount) = deposit();
    let Ok(contribution) = Contribution::from_psbt(&psbt, &placeholder, amount) else {
        return;
    };
    let named = contribution
        .coins
        .iter()
        .map(|c| c.outpoint)
        .collect::<Vec<_>>();
    let spent = psbt
        .unsigned_tx
        .input
        .iter()
        .map(|i| i.previous_output)
        .collect::<Vec<OutPoint>>();
    assert_eq!(named, spent);
    let outputs = 1 + usize::from(contribution.change.is_some());
    assert_eq!(psbt.unsigned_tx.output.len(), outputs);
    assert!(
        contribution
            .change
            .as_ref()
            .is_none_or(|c| c.script != placeholder)
    );
    for rate in [0, 500, u64::MAX] {
        // Refusing is fine, whatever it holds.
        let _ = contribution.check(amount, FeeRate::from_sat_per_kwu(rate));
    }
}

/// Root records.
pub fn root_record(data: &[u8]) {
    let Ok(child) = bitcoin::consensus::deserialize::<Transaction>(data) else {
        return;
    };
    let coin = root_place();
    let Some(record) = RootRecord::find(&child, coin) else {
        return;
    };
    let script = record.script();
    assert_eq!(
        child
            .output
            .iter()
            .filter(|o| o.script_pubkey == script)
            .count(),
        1
    );
    assert!(child.input.iter().any(|i| i.previous_output == coin));
}

/// The root coin of [`world`].
pub fn root_place() -> OutPoint {
    let holdings = &world().holdings[Role::Worker.index()];
    root_coin(holdings.terms(), holdings.graph()).expect("the worker has change")
}
