//! Bundles of cases, and the questions that judges are asked: what whoever was not there rules on. A bundle that reads is signed anew, so that what
//! lies behind its signature is tried too.

use std::sync::OnceLock;

use bitcoin::{
    hex::FromHex,
    key::{Keypair, Secp256k1},
    secp256k1::SecretKey,
};
use narthex_arbiter::{Bundle, Question};
use narthex_base::{codec::Message, statement};

use super::table::{Decoder, Law, Read};

/// A real one, with the word key that its arbiter signed it with.
const VECTOR: &str = include_str!("../../arbiter/tests/vectors/bundle.json");

struct Real {
    bundle: Vec<u8>,
    pair: Keypair,
}

fn real() -> &'static Real {
    static REAL: OnceLock<Real> = OnceLock::new();
    REAL.get_or_init(|| {
        let vector: serde_json::Value = serde_json::from_str(VECTOR).unwrap();
        let hex = |name: &str| Vec::from_hex(vector[name].as_str().unwrap()).unwrap();
        let key = SecretKey::from_slice(&hex("word_secret")).unwrap();
        Real {
            bundle: hex("bundle"),
            pair: Keypair::from_secret_key(&Secp256k1::new(), &key),
        }
    })
}

/// The same, signed by the arbiter of the vector, whatever it says.
fn signed(bundle: &Bundle) -> Bundle {
    let body = bundle.body().clone();
    let signature = statement::sign(&body.digest(), &real().pair);
    body.signed(bundle.seat(), signature)
}

fn message<T: Message>(data: &[u8]) -> Option<Vec<u8>> {
    Some(T::from_bytes(data).ok()?.to_bytes())
}

/// What is answered to a bundle once its arbiter has signed it: the question, or whose fault it is that there is none.
fn opened(data: &[u8]) -> Option<Vec<u8>> {
    let bundle = signed(&Bundle::from_bytes(data).ok()?);
    Some(match bundle.open(None) {
        Ok(question) => question.to_bytes(),
        Err(fault) => format!("{fault}, {:?}", fault.at_fault()).into_bytes(),
    })
}

fn laws() -> Vec<Decoder> {
    let decoder = |name, law, read: Read| Decoder::new(name, law, read, Vec::new());
    vec![
        decoder("bundle of a case", Law::Canonical, message::<Bundle>),
        decoder("bundle that its arbiter signed", Law::Bears, opened),
        decoder("question to a judge", Law::Canonical, message::<Question>),
    ]
}

/// Each has the seeds that it reads.
pub fn decoders() -> Vec<Decoder> {
    Decoder::seeded(laws(), &seeds())
}

/// Every one of them.
pub fn cases(data: &[u8]) {
    for decoder in laws() {
        decoder.check(data);
    }
}

/// Valid inputs: the vector, and the question that it answers.
pub fn seeds() -> Vec<Vec<u8>> {
    let bundle = Bundle::from_bytes(&real().bundle).unwrap();
    let question = bundle.open(None).unwrap();
    vec![bundle.to_bytes(), question.to_bytes()]
}
