//! The graph of a channel of alice and bob: a state of dozens of outputs, and everything that follows from it.

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, TxOut,
    hashes::{Hash, sha256},
    secp256k1::{PublicKey, Secp256k1, SecretKey},
};
use narthex::contracts::{
    builder::{
        Draft, LeafPlan, Placed, PresignedTransaction, UNLOCKED, Vault, by, place_key, spend,
    },
    graph::{
        Adaptor, NodeInput, NodeName, SecretId, SecretName, SigningPlan, Source, Spend, TxGraph,
        Variant,
    },
    musig::{AdaptorPoint, KeySet},
    party::{PartyId, PartyName},
    setup::Agreement,
};

pub const ALICE: PartyName = PartyName::new(PartyId(0), "alice");
pub const BOB: PartyName = PartyName::new(PartyId(1), "bob");
/// Payments of each kind.
pub const PAYMENTS: u8 = 24;
const EACH: Amount = Amount::from_sat(1_000_000);
/// Blocks that alice waits for her part of a state that she publishes.
pub const DELAY: u16 = 144;
/// Takes the state back.
pub const REVOCATION: SecretName = SecretName::new(SecretId(0), "alice's revocation secret");

pub const COMMIT: NodeName = NodeName::plain("Commit");
pub const PUNISH: NodeName = NodeName::plain("Punish");
/// Leaves of a payment: whom it is for, and back to alice.
const FORTH: usize = 0;
const BACK: usize = 1;

pub fn one_of(base: &'static str, payment: u8) -> NodeName {
    NodeName::with(base, Variant::of(1 << payment))
}

pub fn payment_secret(payment: u8) -> SecretName {
    let id = SecretId(1 + u16::from(payment));
    SecretName::numbered(id, "the secret of payment ", payment.into())
}

pub fn key(who: PartyName) -> SecretKey {
    SecretKey::from_slice(&[1 + who.id.0; 32]).unwrap()
}

/// What opens payment `n` by a point, and for 0 what revokes.
pub fn secret(n: u16) -> SecretKey {
    SecretKey::from_slice(&[0x40 + u8::try_from(n).unwrap(); 32]).unwrap()
}

pub fn preimage(payment: u8) -> [u8; 32] {
    [0x80 + payment; 32]
}

pub fn public(key: &SecretKey) -> PublicKey {
    PublicKey::from_secret_key(&Secp256k1::new(), key)
}

fn script(byte: u8) -> ScriptBuf {
    let key = public(&SecretKey::from_slice(&[byte; 32]).unwrap());
    ScriptBuf::new_p2wpkh(&bitcoin::key::PublicKey::new(key).wpubkey_hash().unwrap())
}

/// The channel, as far as signing goes.
#[derive(Debug)]
pub struct Channel {
    pub id: [u8; 32],
    /// Height from which payments go back.
    pub expiry: u32,
}

impl Agreement for Channel {
    fn id(&self) -> &[u8; 32] {
        &self.id
    }

    fn signer(&self, party: PartyId) -> Option<PublicKey> {
        let known = self.everyone().into_iter().find(|name| name.id == party);
        known.map(|name| public(&key(name)))
    }

    fn everyone(&self) -> Vec<PartyName> {
        vec![ALICE, BOB]
    }
}

pub fn owners() -> [(PartyName, PublicKey); 2] {
    [ALICE, BOB].map(|who| (who, public(&key(who))))
}

/// A leaf that wants both signatures, and what `rest` says.
fn of_both(
    channel: &Channel,
    place: &str,
    rest: Option<String>,
    hashes: Vec<sha256::Hash>,
) -> LeafPlan {
    let lone = |owner| place_key(&channel.id, place, owner).unwrap();
    let signers: Vec<KeySet> = owners().map(lone).into();
    let keys: Vec<_> = signers.iter().map(|k| k.output_key().to_string()).collect();
    let both = format!("multi_a(2,{})", keys.join(","));
    LeafPlan {
        script: match rest {
            Some(rest) => format!("and_v(v:{both},{rest})"),
            None => both,
        },
        signers,
        releasers: Vec::new(),
        hashes,
    }
}

fn alone(channel: &Channel, place: &str, lock: String) -> LeafPlan {
    let keys = place_key(&channel.id, place, owners()[0]).unwrap();
    LeafPlan {
        script: format!("and_v(v:pk({}),{lock})", keys.output_key()),
        signers: vec![keys],
        releasers: Vec::new(),
        hashes: Vec::new(),
    }
}

/// By a hash: bob shows the preimage; from the expiry on it is alice's.
fn by_hash(channel: &Channel, payment: u8) -> Vault {
    let hash = sha256::Hash::hash(&preimage(payment));
    let forth = format!("forth/hash/{payment}");
    let back = format!("back/hash/{payment}");
    let leaves = vec![
        of_both(channel, &forth, Some(format!("sha256({hash})")), vec![hash]),
        of_both(
            channel,
            &back,
            Some(format!("after({})", channel.expiry)),
            Vec::new(),
        ),
    ];
    Vault::new(&owners(), leaves).unwrap()
}

/// By a point: bob's signature takes the secret; from the expiry on it is alice's, by her own key alone.
fn by_point(channel: &Channel, payment: u8) -> Vault {
    let leaves = vec![
        of_both(channel, &format!("forth/point/{payment}"), None, Vec::new()),
        alone(
            channel,
            &format!("back/point/{payment}"),
            format!("after({})", channel.expiry),
        ),
    ];
    Vault::new(&owners(), leaves).unwrap()
}

fn under(draft: &mut Draft, name: SecretName, secret: &SecretKey) -> SigningPlan {
    draft.graph.secret(name);
    let adaptor = draft.graph.adaptor(Adaptor {
        point: AdaptorPoint::try_from(public(secret)).unwrap(),
        needs: vec![name.id],
    });
    SigningPlan {
        // Alice reads the secret out of what bob publishes.
        signature_holders: [ALICE, BOB].into(),
        adaptor: Some(adaptor),
        ..by(&[BOB])
    }
}

/// The state that alice may publish, and everything that follows from it.
pub fn graph(channel: &Channel, (coin, prevout): (OutPoint, TxOut)) -> TxGraph {
    let mut draft = Draft::new([ALICE, BOB]);
    let funding = draft.vault(&Vault::new(&owners(), Vec::new()).unwrap());
    let own = alone(channel, "own", format!("older({DELAY})"));
    let own = draft.vault(&Vault::new(&owners(), vec![own]).unwrap());
    let all = 0..PAYMENTS;
    let hashed: Vec<Placed> = all
        .clone()
        .map(|i| draft.vault(&by_hash(channel, i)))
        .collect();
    let pointed: Vec<Placed> = all
        .clone()
        .map(|i| draft.vault(&by_point(channel, i)))
        .collect();
    let paid = EACH * 2 * u64::from(PAYMENTS);
    let half = (prevout.value - paid) / 2;
    let mut outputs = vec![
        own.output(half),
        draft.payout(BOB, &script(9), prevout.value - paid - half),
    ];
    outputs.extend(
        hashed
            .iter()
            .chain(&pointed)
            .map(|vault| vault.output(EACH)),
    );
    let external = Source::External {
        outpoint: coin,
        prevout,
    };
    let commit = draft
        .step(PresignedTransaction {
            name: COMMIT,
            meaning: "alice publishes her state",
            inputs: vec![NodeInput {
                source: external,
                sequence: UNLOCKED,
                spend: funding.key_path().unwrap(),
            }],
            lock_height: 0,
            plan: by(&[ALICE]),
            outputs,
        })
        .unwrap();
    let input = |vout: usize, how: Spend| spend(commit, vout as u32, how, UNLOCKED);
    // All that a revoked state leaves to alice, in one transaction of bob's.
    let revocation = SigningPlan {
        signature_holders: [BOB].into(),
        ..under(&mut draft, REVOCATION, &secret(0))
    };
    let contested = std::iter::once((0, &own)).chain((2..).zip(hashed.iter().chain(&pointed)));
    let contested = contested.map(|(vout, vault)| input(vout, vault.key_path().unwrap()));
    let all_of_it = draft.payout(BOB, &script(8), half + paid);
    let step = |name, meaning, inputs, plan, outputs| PresignedTransaction {
        name,
        meaning,
        inputs,
        lock_height: 0,
        plan,
        outputs,
    };
    let punish = step(
        PUNISH,
        "revoked",
        contested.collect(),
        revocation,
        vec![all_of_it],
    );
    draft.step(punish).unwrap();
    let late = NodeInput {
        sequence: Sequence::from_height(DELAY),
        ..input(0, own.leaf(0).unwrap())
    };
    let back = draft.payout(ALICE, &script(7), half);
    let take = step(
        NodeName::plain("Own"),
        "her own part",
        vec![late],
        by(&[ALICE]),
        vec![back],
    );
    draft.step(take).unwrap();
    for i in all {
        let (hash_at, point_at) = (2 + usize::from(i), 2 + usize::from(PAYMENTS + i));
        let (hashed, pointed) = (&hashed[usize::from(i)], &pointed[usize::from(i)]);
        let to_bob = draft.payout(BOB, &script(6), EACH);
        let to_alice = draft.payout(ALICE, &script(5), EACH);
        let forth = vec![input(hash_at, hashed.leaf(FORTH).unwrap())];
        let forth = step(
            one_of("Claim", i),
            "by preimage",
            forth,
            by(&[BOB]),
            vec![to_bob.clone()],
        );
        draft.step(forth).unwrap();
        let plan = under(&mut draft, payment_secret(i), &secret(1 + u16::from(i)));
        let forth = vec![input(point_at, pointed.leaf(FORTH).unwrap())];
        draft
            .step(step(
                one_of("Pay", i),
                "by secret",
                forth,
                plan,
                vec![to_bob],
            ))
            .unwrap();
        for (base, at, vault) in [("Expire", hash_at, hashed), ("Return", point_at, pointed)] {
            let back = vec![input(at, vault.leaf(BACK).unwrap())];
            let outputs = vec![to_alice.clone()];
            let back = step(one_of(base, i), "expired", back, by(&[ALICE]), outputs);
            draft
                .step(PresignedTransaction {
                    lock_height: channel.expiry,
                    ..back
                })
                .unwrap();
        }
    }
    draft.graph.finish()
}
