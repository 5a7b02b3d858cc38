//! All vectors of BIP46, from the BIP's own file.

use std::collections::BTreeMap;

use bitcoin::{
    Address, Network, PrivateKey,
    bip32::{Xpriv, Xpub},
    hashes::{Hash, HashEngine, Hmac, HmacEngine, sha512},
    secp256k1::Secp256k1,
    sign_message::MessageSignature,
};
use narthex_contracts::bond::{
    BondError, BondFault, BondScript, Lock,
    bip46::{KeyCertificate, MONTHS, Month, is_signed, sign_message},
};

/// The file as sections between comments, each with its `name = value` lines; the sections' titles first.
fn sections() -> Vec<(String, BTreeMap<String, String>)> {
    let mut sections = vec![(String::from("root"), BTreeMap::new())];
    let mut in_title = false;
    for line in include_str!("../vectors/bip-0046.txt").lines() {
        if let Some(title) = line.strip_prefix("// ") {
            if in_title {
                sections.last_mut().unwrap().0 += title;
            } else {
                sections.push((title.to_owned(), BTreeMap::new()));
            }
            in_title = true;
        } else if let Some((name, value)) = line.split_once('=') {
            let map = &mut sections.last_mut().unwrap().1;
            map.insert(name.trim().to_owned(), value.trim().to_owned());
            in_title = false;
        }
    }
    sections
}

fn section<'a>(
    all: &'a [(String, BTreeMap<String, String>)],
    title: &str,
) -> &'a BTreeMap<String, String> {
    let found = all.iter().find(|(name, _)| name.contains(title));
    &found.unwrap_or_else(|| panic!("no section {title:?}")).1
}

/// BIP39's seed of a mnemonic without passphrase: PBKDF2 with HMAC-SHA512, 2048 rounds, one block.
fn bip39_seed(mnemonic: &str) -> [u8; 64] {
    let hmac = |data: &[&[u8]]| {
        let mut engine = HmacEngine::<sha512::Hash>::new(mnemonic.as_bytes());
        data.iter().for_each(|part| engine.input(part));
        Hmac::<sha512::Hash>::from_engine(engine).to_byte_array()
    };
    let mut round = hmac(&[b"mnemonic", &1u32.to_be_bytes()]);
    let mut seed = round;
    for _ in 1..2_048 {
        round = hmac(&[&round]);
        seed.iter_mut().zip(round).for_each(|(s, r)| *s ^= r);
    }
    seed
}

#[test]
fn keys_scripts_and_addresses() {
    let secp = Secp256k1::new();
    let all = sections();
    let root = section(&all, "root");
    let seed = bip39_seed(&root["mnemonic"]);
    let master = Xpriv::new_master(Network::Bitcoin, &seed).unwrap();
    assert_eq!(master.to_string(), root["rootpriv"]);
    assert_eq!(Xpub::from_priv(&secp, &master).to_string(), root["rootpub"]);
    let account = master
        .derive_priv(
            &secp,
            &"m/84'/0'/0'"
                .parse::<bitcoin::bip32::DerivationPath>()
                .unwrap(),
        )
        .unwrap();
    let account = Xpub::from_priv(&secp, &account);
    let mut seen = 0;
    for (title, fields) in &all {
        let Some(path) = title
            .split("= ")
            .nth(1)
            .filter(|_| fields.contains_key("redeemscript"))
        else {
            continue;
        };
        seen += 1;
        let index: u16 = path.rsplit('/').next().unwrap().parse().unwrap();
        let month = Month::new(index).unwrap();
        assert_eq!(format!("m/{}", month.path(false)), path);
        let key = master.derive_priv(&secp, &month.path(false)).unwrap();
        let key = PrivateKey::new(key.private_key, Network::Bitcoin);
        assert_eq!(key.to_wif(), fields["derived private_key"]);
        let bond = month.bond(&secp, &account).unwrap();
        let BondScript::Bip46 { key, lock } = bond else {
            panic!("{bond:?}")
        };
        assert_eq!(key.to_string(), fields["derived public_key"]);
        assert_eq!(lock.to_consensus().to_string(), fields["unix locktime"]);
        assert_eq!(format!("{month}-01 00:00:00"), fields["string locktime"]);
        assert_eq!(
            bond.inner().unwrap().to_hex_string(),
            fields["redeemscript"]
        );
        let script = bond.script_pubkey().unwrap();
        assert_eq!(script.to_hex_string(), fields["scriptPubKey"]);
        let address = Address::from_script(&script, Network::Bitcoin).unwrap();
        assert_eq!(address.to_string(), fields["address"]);
    }
    assert_eq!(seen, 4, "the BIP has four addresses");
}

#[test]
fn certificates_and_endpoints() {
    let secp = Secp256k1::new();
    let all = sections();
    let first = section(&all, "First timelocked");
    let bond = PrivateKey::from_wif(&first["derived private_key"]).unwrap();
    let bond_key = bond.public_key(&secp);
    let (plain, handed) = (
        section(&all, "Test certificate using"),
        section(&all, "Test certificate and endpoint"),
    );
    assert_eq!(plain["address"], first["address"]);
    let certified = PrivateKey::from_wif(&handed["certificate private_key"]).unwrap();
    assert_eq!(
        certified.public_key(&secp).to_string(),
        handed["certificate public_key"]
    );
    assert_eq!(handed["bond private_key"], bond.to_wif());
    let endpoint = section(&all, "example endpoint");
    // Text, its signature, the signing key and that key's P2PKH address.
    let signed = [
        (
            &plain["message"],
            &plain["signature"],
            bond,
            &plain["p2pkh address"],
        ),
        (
            &handed["certificate message"],
            &handed["certificate signature"],
            bond,
            &handed["bond p2pkh address"],
        ),
        (
            &endpoint["endpoint message"],
            &endpoint["endpoint signature"],
            certified,
            &handed["certificate p2pkh address"],
        ),
    ];
    for (text, signature, key, address) in signed {
        let public = key.public_key(&secp);
        assert_eq!(
            &Address::p2pkh(public, Network::Bitcoin).to_string(),
            address
        );
        let theirs: MessageSignature = signature.parse().unwrap();
        assert!(is_signed(&secp, &public.inner, text, &theirs), "{text}");
        assert!(!is_signed(
            &secp,
            &public.inner,
            &format!("{text} "),
            &theirs
        ));
        let ours = sign_message(&secp, &key.inner, text);
        assert!(is_signed(&secp, &public.inner, text, &ours));
    }
    for (fields, name) in [(plain, ""), (handed, "certificate ")] {
        let text = &fields[&format!("{name}message")];
        let mut parts = text.split('|').skip(1);
        let certificate = KeyCertificate {
            key: parts.next().unwrap().parse().unwrap(),
            end_period: parts.next().unwrap().parse().unwrap(),
        };
        assert_eq!(&certificate.message(), text);
        let signature = fields[&format!("{name}signature")].parse().unwrap();
        let verify = |key, tip| certificate.verify(&secp, key, &signature, tip);
        assert_eq!(verify(&bond_key.inner, 755_999), Ok(()));
        assert_eq!(
            verify(&bond_key.inner, 756_000),
            Err(BondFault::CertificateExpired {
                valid_below: 756_000,
                tip_height: 756_000
            })
        );
        let foreign = certified.public_key(&secp).inner;
        assert!(matches!(
            verify(&foreign, 1),
            Err(BondFault::ForeignSignature { .. })
        ));
    }
}

#[test]
fn months_are_firsts_of_months() {
    // Against the calendar by counting days one by one.
    let (mut year, mut month, mut day) = (2020u32, 1u32, 1u32);
    let (mut time, mut index) = (1_577_836_800u32, 0);
    while index < MONTHS {
        if day == 1 {
            let found = Month::new(index).unwrap();
            assert_eq!(found.lock(), Lock::time(time), "{year}-{month}");
            let text = format!("{year}-{month:02}");
            assert_eq!((found.to_string(), text.parse()), (text.clone(), Ok(found)));
            index += 1;
        }
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 => 28 + u32::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        day = day % days + 1;
        if day == 1 {
            month = month % 12 + 1;
            year += u32::from(month == 1);
        }
        time = time.saturating_add(86_400);
    }
    assert!(matches!(Month::new(960), Err(BondError::Derivation(_))));
    for text in [
        "2019-12", "2100-01", "2030-13", "2030-00", "2030", "2030-1", "+030-01", "2030-+1", "",
    ] {
        assert!(text.parse::<Month>().is_err(), "{text}");
    }
}

#[test]
fn an_account_of_another_depth_is_refused() {
    let secp = Secp256k1::new();
    let master = Xpriv::new_master(Network::Bitcoin, &[1; 32]).unwrap();
    let month = Month::new(3).unwrap();
    let refused = month.bond(&secp, &Xpub::from_priv(&secp, &master));
    assert!(
        matches!(refused, Err(BondError::Derivation(_))),
        "{refused:?}"
    );
}
