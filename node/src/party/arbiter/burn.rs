//! "Do not summon me": what an arbiter says once and for ever when its key is not its own any more, or is to serve no longer.

use narthex::{
    bitcoin::{
        hex::DisplayHex,
        key::Keypair,
        secp256k1::{PublicKey, schnorr},
    },
    channel::{Logged, Machine, Step, Summary, log::Identity},
};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
    statement::{self, ForeignSignature},
    tagged::tagged_hash_parts,
};
use serde::{Deserialize, Serialize};

use super::OfferStatus;
use crate::party::{
    Core, Fatal, Reply,
    command::{Answer, refused},
};

/// Longest reason, in characters: of at most four bytes each.
const MAX_REASON: usize = 200;

/// An arbiter's word that it takes no new case, under its node key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burned {
    /// Whose key.
    pub node: PublicKey,
    /// When it was said, in seconds since 1970.
    pub unix_s: u64,
    /// Why, for people; up to 200 characters.
    pub reason: String,
    /// BIP340 signature of that.
    pub signature: schnorr::Signature,
}

impl Burned {
    fn sign(pair: &Keypair, unix_s: u64, reason: &str) -> Burned {
        let node = pair.public_key();
        Burned {
            node,
            unix_s,
            reason: reason.to_owned(),
            signature: statement::sign(&digest(&node, unix_s, reason), pair),
        }
    }

    /// Whether the node has said so.
    ///
    /// # Errors
    /// [`ForeignSignature`]; whoever brought it is at fault.
    pub fn verify(&self) -> Result<(), ForeignSignature> {
        let digest = digest(&self.node, self.unix_s, &self.reason);
        statement::verify(&digest, &self.signature, &self.node.x_only_public_key().0)
    }
}

fn digest(node: &PublicKey, unix_s: u64, reason: &str) -> [u8; 32] {
    let (node, when) = (node.serialize(), unix_s.to_be_bytes());
    tagged_hash_parts("narthex/arbiter-burned", &[&node, &when, reason.as_bytes()])
}

impl Message for Burned {
    const KIND: Kind = kinds::ARBITER_BURNED;

    /// Node (33), seconds (8), reason, signature (64).
    fn write(&self, w: &mut Writer) {
        w.point(&self.node)
            .u64(self.unix_s)
            .bytes(self.reason.as_bytes())
            .signature(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let node = r.point("node")?;
        let unix_s = r.u64("when")?;
        let reason = r.bytes_up_to("reason", 4 * MAX_REASON)?.to_vec();
        Ok(Burned {
            node,
            unix_s,
            reason: String::from_utf8(reason)
                .map_err(|error| DecodeError::invalid("reason", error))?,
            signature: r.signature("signature")?,
        })
    }
}

/// Whether it was said.
#[derive(Clone, Debug, Default)]
pub(in crate::party) struct Burn(Option<Burned>);

/// It was said before: there is one word of it.
#[derive(Debug, thiserror::Error)]
#[error("it was said before")]
pub(in crate::party) struct Said;

impl Machine for Burn {
    type Input = Burned;
    type Change = Burned;
    type Effect = ();
    type Error = Said;

    fn step(&self, input: &Burned) -> Result<Step<Burned, ()>, Said> {
        match self.0 {
            Some(_) => Err(Said),
            None => Ok(Step::new(vec![input.clone()], Vec::new())),
        }
    }

    fn apply(&mut self, change: &Burned) {
        self.0 = Some(change.clone());
    }

    fn pending(&self) -> Vec<()> {
        Vec::new()
    }
}

impl Summary for Burn {
    fn summary(&self) -> Vec<Burned> {
        self.0.iter().cloned().collect()
    }
}

/// Who a node is, as anybody may know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IdentityStatus {
    /// Its id.
    #[schema(value_type = String, pattern = "^0[23][0-9a-f]{64}$")]
    pub node: PublicKey,
    /// Where others reach it; empty if they do not.
    pub address: String,
    /// That it is not to be summoned as an arbiter, if it has said so.
    pub burned: Option<BurnedStatus>,
    /// Its offer on chain, as an arbiter: the one of those in blocks that ends last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<OfferStatus>,
}

/// An arbiter's word that it is not to be summoned. Signed is the tagged hash `narthex/arbiter-burned` of node, seconds (8 bytes, big end first)
/// and reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BurnedStatus {
    /// When it was said, in seconds since 1970.
    pub unix_s: u64,
    /// Why, for people.
    pub reason: String,
    /// BIP340 signature by the node's key.
    #[schema(pattern = "^[0-9a-f]{128}$")]
    pub signature: String,
}

impl Core {
    /// Who it is.
    pub fn identity(&self) -> IdentityStatus {
        IdentityStatus {
            node: self.me,
            address: self.address.clone(),
            burned: self.burned().map(|said| BurnedStatus {
                unix_s: said.unix_s,
                reason: said.reason.clone(),
                signature: said.signature.serialize().to_lower_hex_string(),
            }),
            offer: self.posted_offer(),
        }
    }

    /// Its word that it takes no new case, if it has given it.
    pub(in crate::party) fn burned(&self) -> Option<&Burned> {
        self.sitting.burn.as_ref()?.machine().0.as_ref()
    }

    /// What was said before this start.
    pub(in crate::party) fn recover_burn(&mut self) -> Result<(), Fatal> {
        let log = self.store.open(&burn_log())?;
        self.sitting.burn = Some(Logged::open(Burn::default(), log)?);
        Ok(())
    }

    /// Says that it takes no new case, for ever. It is durable before it is answered.
    pub(in crate::party) fn burn(&mut self, reason: &str) -> Result<Answer, Fatal> {
        let count = reason.chars().count();
        if count > MAX_REASON {
            let most = format_args!("the reason has {count} characters; at most {MAX_REASON}");
            return Ok(Err(refused("bad-body", most)));
        }
        if self.sitting.burn.is_none() {
            self.recover_burn()?;
        }
        if self.burned().is_none() {
            let pair = self.own.borrow().node_pair().ok_or(Fatal::Key)?;
            let said = Burned::sign(&pair, self.now.unix_s, reason);
            let burn = self.sitting.burn.as_mut().ok_or(Fatal::Key)?;
            burn.step(&said).map_err(Fatal::step)?;
            self.note(format_args!("takes no new case as an arbiter: {reason}"));
        }
        Ok(Ok(Reply::Identity(Box::new(self.identity()))))
    }
}

/// Where it is kept.
pub(in crate::party) fn burn_log() -> Identity {
    Identity::new("burned", [0; 32])
}
