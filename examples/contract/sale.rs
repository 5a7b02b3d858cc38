//! The contract: parties, terms, and one pure function from the terms to every transaction that may come.

use std::error::Error;

use narthex::{
    bitcoin::{OutPoint, ScriptBuf, TxOut, hashes::sha256, secp256k1::PublicKey},
    contracts::{
        builder::{Draft, LeafPlan, PresignedTransaction, UNLOCKED, Vault, by, place_key},
        graph::{Adaptor, NodeInput, NodeName, SecretId, SecretName, SigningPlan, Source, TxGraph},
        musig::AdaptorPoint,
        party::{PartyId, PartyName},
        setup::Agreement,
    },
};
use narthex_base::tagged::TaggedHasher;

pub(crate) const BUYER: PartyName = PartyName::new(PartyId(0), "buyer");
pub(crate) const SELLER: PartyName = PartyName::new(PartyId(1), "seller");
pub(crate) const GOODS: SecretName = SecretName::new(SecretId(0), "the secret for sale");
pub(crate) const PAY: NodeName = NodeName::plain("Pay");
const REFUND: NodeName = NodeName::plain("Refund");

/// What both agree on; everything else follows from it.
#[derive(Debug)]
pub(crate) struct Sale {
    pub(crate) id: [u8; 32],
    /// Of the buyer and of the seller: who signs, and where each is paid.
    keys: [PublicKey; 2],
    payouts: [ScriptBuf; 2],
    /// Point of the secret.
    goods: PublicKey,
    /// Height from which the buyer has the coin back.
    expiry: u32,
}

impl Agreement for Sale {
    fn id(&self) -> &[u8; 32] {
        &self.id
    }

    fn signer(&self, party: PartyId) -> Option<PublicKey> {
        self.keys.get(usize::from(party.0)).copied()
    }

    fn everyone(&self) -> Vec<PartyName> {
        vec![BUYER, SELLER]
    }
}

impl Sale {
    /// Terms under an id that covers all of them, and what is fresh of both.
    pub(crate) fn new(
        salts: [sha256::Hash; 2],
        keys: [PublicKey; 2],
        payouts: [ScriptBuf; 2],
        goods: PublicKey,
        expiry: u32,
    ) -> Sale {
        let mut hash = TaggedHasher::new("example/sale");
        for ((salt, key), payout) in salts.iter().zip(&keys).zip(&payouts) {
            let key = key.serialize();
            hash = hash.fixed(&salt[..]).fixed(&key).sized(payout.as_bytes());
        }
        let hash = hash.fixed(&goods.serialize()).number(expiry.into());
        Sale {
            id: hash.finish(),
            keys,
            payouts,
            goods,
            expiry,
        }
    }

    fn owners(&self) -> [(PartyName, PublicKey); 2] {
        [(BUYER, self.keys[0]), (SELLER, self.keys[1])]
    }

    /// The coin of the sale: both sign, or the buyer alone once it has expired.
    pub(crate) fn vault(&self) -> Result<Vault, Box<dyn Error>> {
        let back = place_key(&self.id, "refund", self.owners()[0])?;
        let script = format!("and_v(v:pk({}),after({}))", back.output_key(), self.expiry);
        let refund = LeafPlan {
            script,
            signers: vec![back],
            releasers: Vec::new(),
            hashes: Vec::new(),
        };
        Ok(Vault::new(&self.owners(), vec![refund])?)
    }

    /// Every way in which the sale of this coin can end.
    pub(crate) fn graph(
        &self,
        outpoint: OutPoint,
        prevout: TxOut,
    ) -> Result<TxGraph, Box<dyn Error>> {
        let mut draft = Draft::new([BUYER, SELLER]);
        let vault = draft.vault(&self.vault()?);
        let [to_buyer, to_seller] = [(BUYER, 0), (SELLER, 1)]
            .map(|(who, i): (_, usize)| draft.payout(who, &self.payouts[i], prevout.value));
        draft.graph.secret(GOODS);
        let adaptor = draft.graph.adaptor(Adaptor {
            point: AdaptorPoint::try_from(self.goods)?,
            needs: vec![GOODS.id],
        });
        let pay = SigningPlan {
            // The buyer reads the secret out of what the seller publishes, so both hold the signature.
            signature_holders: [BUYER, SELLER].into(),
            adaptor: Some(adaptor),
            ..by(&[SELLER])
        };
        let ends = [
            (PAY, vault.key_path()?, 0, pay, to_seller),
            (REFUND, vault.leaf(0)?, self.expiry, by(&[BUYER]), to_buyer),
        ];
        for (name, spend, lock_height, plan, output) in ends {
            let (outpoint, prevout) = (outpoint, prevout.clone());
            draft.step(PresignedTransaction {
                name,
                meaning: if name == PAY {
                    "the secret is sold"
                } else {
                    "nobody came"
                },
                inputs: vec![NodeInput {
                    source: Source::External { outpoint, prevout },
                    sequence: UNLOCKED,
                    spend,
                }],
                lock_height,
                plan,
                outputs: vec![output],
            })?;
        }
        Ok(draft.graph.finish())
    }
}
