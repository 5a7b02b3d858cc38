//! The floor from outside: kinds, the codec on damaged bytes, statements, secrets.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    hex,
    kinds::{self, Kind},
    set::SmallSet,
    statement,
    tagged::tagged_hash,
};
use proptest::prelude::*;
use secp256k1::{Keypair, PublicKey, Secp256k1, SecretKey, schnorr};
use serde::{Deserialize, Serialize};

#[test]
fn no_kind_is_used_twice_or_begins_another() {
    for (i, (name, kind)) in kinds::TABLE.iter().enumerate() {
        assert!(kind.as_str().starts_with("NX"), "{name}");
        assert!(
            kind.as_str().ends_with(|c: char| c.is_ascii_digit()),
            "{name}"
        );
        for (other, another) in &kinds::TABLE[i + 1..] {
            let (a, b) = (kind.as_str(), another.as_str());
            assert!(!a.starts_with(b) && !b.starts_with(a), "{name} and {other}");
        }
    }
}

/// One of each field.
#[derive(Debug, Clone, PartialEq, Eq)]
struct All {
    small: (u8, u16, u32, u64),
    point: PublicKey,
    scalar: SecretKey,
    signature: schnorr::Signature,
    bytes: Vec<u8>,
    list: Vec<u32>,
}

impl Message for All {
    const KIND: Kind = kinds::PENNY;

    fn write(&self, w: &mut Writer) {
        let (a, b, c, d) = self.small;
        w.u8(a).u16(b).u32(c).u64(d).point(&self.point);
        w.fixed(&self.scalar.secret_bytes())
            .signature(&self.signature);
        w.bytes(&self.bytes).list(&self.list, |w, v| {
            w.u32(*v);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(All {
            small: (r.u8("a")?, r.u16("b")?, r.u32("c")?, r.u64("d")?),
            point: r.point("point")?,
            scalar: r.scalar("scalar")?,
            signature: r.signature("signature")?,
            bytes: r.bytes("bytes")?.to_vec(),
            list: r.list("list", 4, |r| r.u32("item"))?,
        })
    }
}

fn all(bytes: Vec<u8>, list: Vec<u32>) -> All {
    let secp = Secp256k1::new();
    let scalar = SecretKey::from_slice(&[7; 32]).unwrap();
    All {
        small: (1, 2, 3, 4),
        point: scalar.public_key(&secp),
        scalar,
        signature: statement::sign(&[5; 32], &scalar.keypair(&secp)),
        bytes,
        list,
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_and_nothing_else(
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
        list in proptest::collection::vec(any::<u32>(), 0..9),
        extra in 1_usize..5,
    ) {
        let message = all(bytes, list);
        let written = message.to_bytes();
        prop_assert_eq!(All::from_bytes(&written), Ok(message));
        for length in 0..written.len() {
            let cut = All::from_bytes(&written[..length]);
            let early = matches!(cut, Err(DecodeError::Truncated { .. } | DecodeError::Kind { .. }));
            prop_assert!(early, "{} of {} bytes: {:?}", length, written.len(), cut);
        }
        let long = [&written[..], &vec![0; extra]].concat();
        prop_assert_eq!(All::from_bytes(&long), Err(DecodeError::Trailing { extra }));
    }

    #[test]
    fn damaged_bytes_are_refused_or_read_as_they_stand(
        at in any::<prop::sample::Index>(), bit in 0_u8..8,
    ) {
        let mut written = all(vec![9; 5], vec![1, 2]).to_bytes();
        let at = at.index(written.len());
        written[at] ^= 1 << bit;
        if let Ok(read) = All::from_bytes(&written) {
            prop_assert_eq!(read.to_bytes(), written);
        }
    }
}

#[test]
fn a_length_asks_for_no_memory() {
    let mut r = Reader::plain(&[0xff; 8]);
    let refused = r.list("list", 4, |r| r.u32("item"));
    let missing = 4 * 0xffff_ffff - 4;
    assert_eq!(
        refused,
        Err(DecodeError::Truncated {
            field: "list",
            missing
        })
    );
}

#[test]
fn zero_is_no_scalar_and_is_not_said() {
    let refused = Reader::plain(&[0; 32]).scalar("key").unwrap_err();
    assert!(matches!(
        &refused,
        DecodeError::Invalid { field: "key", .. }
    ));
    assert!(!refused.to_string().contains("00"), "{refused}");
}

/// What is signed of some words.
fn words(said: &str) -> [u8; 32] {
    tagged_hash("test/words", said.as_bytes())
}

#[test]
fn a_statement_is_its_signers_and_of_its_words() {
    let secp = Secp256k1::new();
    let key = |n| Keypair::from_secret_key(&secp, &SecretKey::from_slice(&[n; 32]).unwrap());
    let (ours, theirs) = (key(1), key(2));
    let signature = statement::sign(&words("yes"), &ours);
    let owner = ours.x_only_public_key().0;
    assert!(statement::verify(&words("yes"), &signature, &owner).is_ok());
    let signer = theirs.x_only_public_key().0;
    let foreign = statement::verify(&words("yes"), &signature, &signer);
    assert_eq!(foreign.err().map(|e| e.signer), Some(signer));
    assert!(statement::verify(&words("no"), &signature, &owner).is_err());
}

mod salt {
    narthex_base::secret! {
        serde
        /// A salt.
        Salt
    }
}

#[derive(Serialize, Deserialize)]
struct Record {
    salt: salt::Salt,
    #[serde(with = "hex")]
    bytes: Vec<u8>,
    #[serde(with = "hex::array")]
    four: [u8; 4],
    #[serde(with = "hex::list")]
    list: Vec<[u8; 32]>,
}

#[test]
fn secrets_show_in_records_alone() {
    let salt = salt::Salt::from_bytes([0xab; 32]);
    assert_eq!(format!("{salt:?}"), "Salt(..)");
    let record = Record {
        salt,
        bytes: vec![1, 2],
        four: [3; 4],
        list: vec![[4; 32]],
    };
    let text = serde_json::to_string(&record).unwrap();
    let expected = format!(
        r#"{{"salt":"{}","bytes":"0102","four":"03030303","list":["{}"]}}"#,
        "ab".repeat(32),
        "04".repeat(32)
    );
    assert_eq!(text, expected);
    let back: Record = serde_json::from_str(&text).unwrap();
    assert_eq!(back.salt.expose(), &[0xab; 32]);
    let short = text.replace("03030303", "0303");
    let refused = serde_json::from_str::<Record>(&short)
        .err()
        .unwrap()
        .to_string();
    assert!(refused.contains("2 bytes, expected 4"), "{refused}");
}

#[test]
fn bounds_of_a_field_are_checked_behind_its_length() {
    let long = Writer::default().bytes(&[7; 9]).finish();
    let refused = Reader::plain(&long).bytes_up_to("text", 8);
    assert_eq!(refused, Err(DecodeError::invalid("text", "9 bytes")));
    let read = Reader::plain(&long).bytes_up_to("text", 9);
    assert_eq!(read, Ok(&[7; 9][..]));
    let cut = Reader::plain(&long[..12]).bytes_up_to("text", 8);
    let (field, missing) = ("text", 1);
    assert_eq!(cut, Err(DecodeError::Truncated { field, missing }));

    let mut w = Writer::default();
    w.list(&[1_u8, 2, 3], |w, v| {
        w.u8(*v);
    });
    let list = w.finish();
    let read = |most| Reader::plain(&list).list_up_to("list", 1, most, |r| r.u8("item"));
    assert_eq!(read(3), Ok(vec![1, 2, 3]));
    assert_eq!(read(2), Err(DecodeError::invalid("list", 3)));

    let arrays = |count| Reader::plain(&[5; 64]).arrays::<32>("hashes", count);
    assert_eq!(arrays(2), Ok(vec![[5; 32]; 2]));
    let (field, missing) = ("hashes", usize::MAX - 64);
    assert_eq!(
        arrays(u64::MAX),
        Err(DecodeError::Truncated { field, missing })
    );

    for (byte, said) in [(0, Some(false)), (1, Some(true)), (2, None)] {
        assert_eq!(Reader::plain(&[byte]).flag("so").ok(), said);
    }

    for (value, bytes) in [(None, &[0][..]), (Some(7), &[1, 7])] {
        let written = Writer::default()
            .optional(value.as_ref(), |w, v| {
                w.u8(*v);
            })
            .finish();
        assert_eq!(written, bytes);
        let read = Reader::plain(bytes).optional("perhaps", |r| r.u8("value"));
        assert_eq!(read, Ok(value));
    }
    let read = Reader::plain(&[2, 7]).optional("perhaps", |r| r.u8("value"));
    assert_eq!(read, Err(DecodeError::invalid("perhaps", 2)));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Kept {
    #[serde(with = "hex::message")]
    one: All,
    #[serde(default, with = "hex::optional_message")]
    perhaps: Option<All>,
    #[serde(with = "hex::messages")]
    many: Vec<All>,
}

#[test]
fn messages_in_records_are_the_hex_of_their_bytes() {
    let message = all(vec![1], vec![2]);
    let kept = Kept {
        one: message.clone(),
        perhaps: Some(message.clone()),
        many: vec![message.clone(), message.clone()],
    };
    let json = serde_json::to_value(&kept).unwrap();
    let text = json["one"].as_str().unwrap();
    assert!(text.starts_with("4e585031"), "{text}");
    assert_eq!(json["perhaps"], json["one"]);
    assert_eq!(json["many"][1], json["one"]);
    assert_eq!(serde_json::from_value::<Kept>(json.clone()).unwrap(), kept);

    let mut without = json.clone();
    without.as_object_mut().unwrap().remove("perhaps");
    assert_eq!(
        serde_json::from_value::<Kept>(without).unwrap().perhaps,
        None
    );
    let mut other = json;
    other["many"][1] = "4e58503200".into();
    let refused = serde_json::from_value::<Kept>(other)
        .unwrap_err()
        .to_string();
    assert!(refused.contains("NXP1"), "{refused}");
}

#[test]
fn an_inner_message_is_read_with_its_kind() {
    let message = all(vec![], vec![]);
    let bytes = Writer::default().message(&message).flag(true).finish();
    let mut r = Reader::plain(&bytes);
    assert_eq!(r.message::<All>("inner"), Ok(message.clone()));
    assert_eq!(r.flag("so"), Ok(true));
    assert_eq!(r.finish(), Ok(()));
    assert_eq!(*message.to_secret_bytes(), message.to_bytes());
}

/// Sets of the whole width of their masks, of one member, and of none.
#[test]
fn sets_hold_what_they_may_and_nothing_else() {
    type Wide = SmallSet<u32, 32>;
    let all = Wide::full(32);
    assert_eq!((all.mask(), all.len()), (u32::MAX, 32));
    assert_eq!(Wide::full(200), all);
    assert_eq!(Wide::new(u32::MAX), Some(all));
    assert_eq!(all.iter().next_back(), Some(31));
    assert!(all.contains(31) && !all.contains(32) && !all.contains(usize::MAX));
    let mut last = Wide::empty();
    assert!(last.insert(31) && !last.insert(31) && !last.insert(32));
    assert_eq!(all.without(last), last.complement(32));
    assert_eq!(last.union(last.complement(32)), all);

    type One = SmallSet<u8, 1>;
    assert_eq!(One::new(2), None);
    assert_eq!(One::subsets(9).map(One::mask).collect::<Vec<_>>(), [0, 1]);

    type Eight = SmallSet<u8, 8>;
    assert_eq!(Eight::new(255).map(Eight::len), Some(8));
    assert_eq!(Eight::subsets(8).count(), 256);
    let pairs: Vec<_> = Eight::majorities(3, 2).map(|set| set.to_string()).collect();
    assert_eq!(pairs, ["{0,1,2}", "{0,1}", "{0,2}", "{1,2}"]);
    // Of the masks of a type, those that name nobody else.
    type Six = SmallSet<u8, 6>;
    assert_eq!((0..=255).filter_map(Six::new).count(), 64);
    assert!(serde_json::from_str::<Six>("64").is_err());
    assert!(serde_json::from_str::<Six>("256").is_err());
    assert_eq!(serde_json::from_str::<Six>("63").ok(), Some(Six::full(6)));
    let indices = [5, 1, 6, 1].into_iter().collect::<Six>();
    assert_eq!(
        (indices.to_string(), indices.mask()),
        ("{1,5}".into(), 0b10_0010)
    );
}
