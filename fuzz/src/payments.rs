//! Messages and records of point-locked payments through penny banks. One property: what is read is written back as it
//! was.

use narthex_base::codec::Message;
use std::sync::OnceLock;

use bitcoin::secp256k1::{
    PublicKey, Secp256k1, SecretKey,
    rand::{SeedableRng, rngs::StdRng},
    schnorr,
};
use narthex_channel::{
    bank::{BankerRecord, PayerRecord, PennyClaims, ProviderRecord, Settled},
    bounty, channel, delivery,
    ptlc::{
        Expiry, Forward, ForwardChange, Leg, Notice, Offer, Ptlc, PtlcId, Receipt, RevealedSecret,
        Route,
    },
    slice,
};
use narthex_contracts::bank::Penny;
use serde::{Serialize, de::DeserializeOwned};

use super::table::{Decoder, Law, Read};

/// Every message and record of them. Of these inputs and [`seeds`], each has those that it reads.
pub fn decoders(more: &[Vec<u8>]) -> Vec<Decoder> {
    Decoder::seeded(laws(), &[&seeds()[..], more].concat())
}

fn canonical(name: &'static str, read: Read) -> Decoder {
    Decoder::new(name, Law::Canonical, read, Vec::new())
}

fn message<T: Message>(data: &[u8]) -> Option<Vec<u8>> {
    Some(T::from_bytes(data).ok()?.to_bytes())
}

fn json<T: Serialize + DeserializeOwned>(data: &[u8]) -> Option<Vec<u8>> {
    let value = serde_json::from_slice::<T>(data).ok()?;
    Some(serde_json::to_vec(&value).expect("what was read can be written"))
}

fn stable(name: &'static str, read: Read) -> Decoder {
    Decoder::new(name, Law::Stable, read, Vec::new())
}

fn laws() -> Vec<Decoder> {
    vec![
        canonical("claims of a bank", message::<PennyClaims>),
        canonical("forward", message::<Forward>),
        canonical("change of a forwarded payment", message::<ForwardChange>),
        canonical("message of a channel", message::<channel::ChannelMessage>),
        canonical("change of a channel", message::<channel::ChannelChange>),
        canonical("notice", message::<Notice>),
        canonical("receipt", message::<Receipt>),
        canonical("revealed secret", message::<RevealedSecret>),
        canonical("settled", message::<Settled>),
        canonical(
            "change of a slice's provider",
            message::<slice::ProviderChange>,
        ),
        canonical("change of a slice's client", message::<slice::ClientChange>),
        canonical(
            "change of a bounty's requester",
            message::<bounty::RequesterChange>,
        ),
        canonical(
            "change of a bounty's recomputer",
            message::<bounty::RecomputerChange>,
        ),
        canonical(
            "change of a delivery's agent",
            message::<delivery::AgentChange>,
        ),
        canonical(
            "change of a delivery's sender",
            message::<delivery::SenderChange>,
        ),
        canonical(
            "change of a delivery's recipient",
            message::<delivery::RecipientChange>,
        ),
        stable("route in JSON", json::<Route>),
        stable("payer of a bank in JSON", json::<PayerRecord>),
        stable("provider of a bank in JSON", json::<ProviderRecord>),
        stable("banker in JSON", json::<BankerRecord>),
    ]
}

/// Every one of them.
pub fn messages(data: &[u8]) {
    let _ = is_read(data);
}

/// Whether any decoder takes it; each that does keeps its law.
pub fn is_read(data: &[u8]) -> bool {
    static LAWS: OnceLock<Vec<Decoder>> = OnceLock::new();
    let laws = LAWS.get_or_init(laws);
    laws.iter()
        .fold(false, |read, decoder| decoder.check(data) | read)
}

/// Valid inputs: what travels for a payment through a banker, and what the banker keeps of it.
pub fn seeds() -> Vec<Vec<u8>> {
    let leg = |byte| Leg {
        place: [byte; 32],
        units: 700,
    };
    let mut rng = StdRng::seed_from_u64(1);
    let route = Route::new(vec![leg(1), leg(2)], public(4), [5; 32], &mut rng);
    let route = route.expect("a way");
    let notice = route.notice().expect("a payee");
    let signature = schnorr::Signature::from_slice(&[6; 64]).expect("64 bytes");
    let revealed = RevealedSecret {
        place: [2; 32],
        point: public(5),
        secret: secret(5),
    };
    let settled = Settled {
        penny: Penny {
            bank: [1; 32],
            index: 7,
            secret: [2; 32],
        },
        point: public(5),
        secret: secret(5),
    };
    let order = route.orders().remove(0);
    let ptlc = |window| Ptlc {
        id: PtlcId([7; 32]),
        amount: bitcoin::Amount::from_sat(700),
        point: public(5),
        expiry: Expiry {
            height: 900,
            window,
        },
    };
    let offer = Offer {
        order: order.clone(),
        incoming: ptlc(Some(26)),
        outgoing: ptlc(None),
    };
    // One PTLC, no commitment at the base, one signature.
    let claims = [
        &b"NXF1"[..],
        &[1; 32],
        &[0, 0, 0, 9],
        &[0, 0, 0, 1],
        &public(5).serialize(),
        &[0, 0, 2, 188],
        &[0],
        &[3; 64],
    ];
    let mut all = vec![
        order.to_bytes(),
        ForwardChange::Offered(Box::new(offer)).to_bytes(),
        ForwardChange::Revealed(secret(5)).to_bytes(),
        slice::ProviderChange::Price(slice::ProviderPrice::Locked {
            height: 900,
            is_deep: true,
            is_over: false,
        })
        .to_bytes(),
        slice::ProviderChange::Share((2, secret(6))).to_bytes(),
        slice::ClientChange::Price {
            index: 1,
            price: slice::ClientPrice::Spent {
                is_deep: false,
                is_claimed: true,
            },
        }
        .to_bytes(),
        slice::ClientChange::Revealed {
            index: 1,
            secret: secret(7),
        }
        .to_bytes(),
        bounty::RequesterChange::Coin(bounty::RequesterCoin::Locked { mark: 806 }).to_bytes(),
        bounty::RecomputerChange::Coin(bounty::RecomputerCoin::Locked {
            height: 800,
            is_deep: true,
            is_late: false,
        })
        .to_bytes(),
        delivery::AgentChange::Accepted(signature).to_bytes(),
        delivery::SenderChange::Consented {
            agent: 2,
            signature,
        }
        .to_bytes(),
        delivery::RecipientChange::Handed {
            agent: 2,
            signature,
        }
        .to_bytes(),
        notice.to_bytes(),
        Receipt { notice, signature }.to_bytes(),
        revealed.to_bytes(),
        settled.to_bytes(),
        claims.concat(),
        serde_json::to_vec(&route).expect("JSON"),
    ];
    all.extend(of_channels());
    all
}

/// What the sides of a channel say and keep.
fn of_channels() -> Vec<Vec<u8>> {
    use channel::{ChannelChange, ChannelMessage, Order, Revocation};
    use narthex_contracts::{
        channel::{CommitmentShare, Lock, Payment, PaymentId, Proof, Side, Update},
        musig::{AdaptorSignature, PartialSignature, PublicNonce},
    };
    let (nonce, id) = (
        PublicNonce([2; 66]),
        PaymentId {
            offerer: Side::Accepter,
            number: 3,
        },
    );
    let share = CommitmentShare {
        nonce,
        share: PartialSignature([3; 32]),
    };
    let signatures = |count| vec![AdaptorSignature([4; 64]); count];
    let revocation = Revocation {
        secret: secret(5),
        point: public(6),
        nonce,
    };
    let payment = Payment {
        id,
        amount: bitcoin::Amount::from_sat(700),
        lock: Lock::Point(public(7)),
        expiry: 900,
    };
    let script = bitcoin::ScriptBuf::from_bytes(vec![0x51; 34]);
    let messages = [
        ChannelMessage::Stage {
            number: 1,
            update: Update::Add(payment),
        },
        ChannelMessage::Stage {
            number: 2,
            update: Update::Fulfil(id, Proof::Preimage([8; 32])),
        },
        ChannelMessage::Propose {
            number: 4,
            cut: [1, 2],
            claims: signatures(2),
        },
        ChannelMessage::Accept {
            number: 4,
            claims: signatures(1),
            share,
            second: signatures(3),
        },
        ChannelMessage::Commit {
            number: 4,
            share,
            second: signatures(2),
            revocation,
        },
        ChannelMessage::Revoke {
            number: 4,
            revocation,
            keep: true,
        },
        ChannelMessage::Reestablish {
            number: 4,
            shown: Some((3, secret(9))),
        },
        ChannelMessage::Shutdown(script),
        ChannelMessage::CloseShare(Box::new((nonce, share))),
    ];
    let changes = [
        ChannelChange::Ordered(Order::Pay {
            number: 1,
            amount: payment.amount,
            lock: payment.lock,
            expiry: 900,
        }),
        ChannelChange::Ordered(Order::GiveBack(id)),
        ChannelChange::Learned(id, Proof::Secret(secret(9))),
        ChannelChange::Tip(800),
        ChannelChange::Behind,
    ];
    let said = messages.iter().cloned().map(ChannelChange::Heard);
    let changes = changes.into_iter().chain(said);
    let changes = changes.map(|change| change.to_bytes());
    messages
        .iter()
        .map(Message::to_bytes)
        .chain(changes)
        .collect()
}

fn secret(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).expect("a key")
}

fn public(byte: u8) -> PublicKey {
    PublicKey::from_secret_key(&Secp256k1::new(), &secret(byte))
}
