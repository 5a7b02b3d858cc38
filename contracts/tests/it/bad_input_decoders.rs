//! Every decoder on random bytes, and on valid messages with a few bytes changed, cut or added: the properties of
//! `fuzz/`, in every test run. A failing input is printed with its seed.

#[path = "../../../fuzz/src/properties.rs"]
mod properties;
#[path = "../../../fuzz/src/seeds.rs"]
mod seeds;
#[path = "../../../fuzz/src/small.rs"]
#[allow(dead_code)]
mod small;
#[path = "../../../fuzz/src/table.rs"]
#[allow(dead_code)]
mod table;

use narthex_base::codec::Message as _;
use std::sync::OnceLock;

use proptest::prelude::*;
use table::Damage;

/// Name and property.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 16] = [
    ("terms_json", properties::terms_json),
    ("params_bytes", properties::params_bytes),
    ("nonces", properties::nonces),
    ("shares", properties::shares),
    ("release", properties::release),
    ("holdings", properties::holdings),
    ("bundle", properties::bundle),
    ("signing", properties::signing),
    ("witnesses", properties::witnesses),
    ("attestation", properties::attestation),
    ("enrolment", properties::enrolment),
    ("panel", properties::panel),
    ("offer_transaction", properties::offer_transaction),
    ("contribution", properties::contribution),
    ("root_record", properties::root_record),
    ("small_contracts", small::messages),
];

fn seeds() -> &'static [(&'static str, Vec<u8>)] {
    static SEEDS: OnceLock<Vec<(&'static str, Vec<u8>)>> = OnceLock::new();
    SEEDS.get_or_init(seeds::all)
}

/// A length or count is big-endian, as all of them are.
fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (any::<usize>(), 1u8..).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        any::<usize>().prop_map(Damage::Cut),
        prop::collection::vec(any::<u8>(), 1..40).prop_map(Damage::Append),
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        (any::<usize>(), any::<u32>())
            .prop_map(|(at, count)| Damage::Count(at, count.to_be_bytes())),
    ]
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn random_bytes(kind in 0usize..38, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        // Behind the kind of a message, or there would be few that get past it.
        let kinds: [&[u8]; 38] = [
            b"", b"{", b"NXN1", b"NXS1", b"NXV1", b"NXH1", b"NXA1", b"NXO1", b"NXPD1", b"NXPS1", b"psbt\xff", b"\x01\x00", b"NXBC1", b"NXP1", b"NXR1", b"NXF1", b"NXKO1", b"NXKN1", b"NXKR1", b"NXKS1", b"NXKD1", b"NXYE1", b"NXYQ1", b"NXYO1", b"NXYC1", b"NXYD1", b"NXYG1", b"NXYK1", b"NXGB1", b"NXGC1", b"NXGD1", b"NXGE1", b"NXD1", b"NXD3", b"NXD4", b"NXD6", b"NXSG1", b"NXFW1",
        ];
        let bytes = [kinds[kind], &bytes].concat();
        for (_, property) in TARGETS {
            property(&bytes);
        }
    }

    #[test]
    fn damaged_messages(seed in any::<prop::sample::Index>(), damages in prop::collection::vec(damage(), 1..4)) {
        let (target, bytes) = seed.get(seeds());
        let mut bytes = bytes.clone();
        for damage in &damages {
            damage.apply(&mut bytes);
        }
        let (_, property) = TARGETS.iter().find(|(name, _)| name == target).unwrap();
        property(&bytes);
    }
}

/// The properties are not kept for want of valid input.
#[test]
fn every_seed_is_accepted_and_keeps_its_property() {
    use narthex_contracts::{attest::Attestation, setup, terms::Terms};
    let world = properties::world();
    for (target, bytes) in seeds() {
        TARGETS.iter().find(|(name, _)| name == target).unwrap().1(bytes);
        let accepted = match *target {
            "terms_json" => Terms::from_json(bytes).is_ok(),
            "params_bytes" => narthex_game_model::Params::from_bytes(bytes).is_ok(),
            "nonces" => setup::NoncesMessage::from_bytes(bytes).is_ok(),
            "shares" => setup::SharesMessage::from_bytes(bytes).is_ok(),
            "release" => setup::Release::from_bytes(bytes).is_ok(),
            "holdings" => setup::ContractSignatures::from_bytes(world.terms.clone(), bytes).is_ok(),
            "bundle" => {
                use narthex_base::codec::Message as _;
                let read = narthex_contracts::template::TowerBundle::from_bytes(bytes);
                read.is_ok_and(|bundle| bundle.open().is_ok())
            }
            "signing" => setup::Signing::<Terms>::from_bytes(world.earlier.clone(), bytes).is_ok(),
            "witnesses" => narthex_contracts::funding::FundingWitnesses::from_bytes(bytes).is_ok(),
            "enrolment" => narthex_contracts::enrolment::Enrolment::from_bytes(bytes).is_ok(),
            "attestation" => Attestation::from_bytes(bytes).is_ok(),
            "contribution" => {
                let (placeholder, amount) = properties::deposit();
                let psbt = bitcoin::Psbt::deserialize(bytes).unwrap();
                narthex_contracts::terms::Contribution::from_psbt(&psbt, &placeholder, amount)
                    .is_ok()
            }
            "root_record" => {
                let tx = bitcoin::consensus::deserialize(bytes).unwrap();
                narthex_contracts::template::RootRecord::find(&tx, properties::root_place())
                    .is_some()
            }
            "small_contracts" => small::is_read(bytes),
            other => panic!("no check for {other}"),
        };
        assert!(accepted, "{target}");
    }
}
