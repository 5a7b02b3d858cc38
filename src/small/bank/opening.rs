//! How the payer of a bank opens it: terms with its coins, and the session in which the force close is signed.

use bitcoin::secp256k1::rand::rngs::OsRng;
use narthex_channel::bank::{BankInput, BankTalk, Lineage};
use narthex_contracts::{
    bank::{FreshChain, PayerOpening},
    musig::{PartialSignature, PublicNonce},
};

use super::{BankPayer, payer::chain_seed};
use crate::small::{SmallError, SmallHeard, Surroundings};

/// Times that an opening is begun anew before this process gives up: a provider that is there needs two.
const MOST_ATTEMPTS: u32 = 8;

impl BankPayer {
    /// Terms with the wallet's coins, and the nonce for their force close. The terms are in the log before the nonce leaves.
    pub(super) fn begin(&mut self, with: &mut Surroundings<'_>) -> Result<(), SmallError> {
        let Some(node) = with.node.filter(|_| self.attempts < MOST_ATTEMPTS) else {
            return Ok(());
        };
        // Of a session that died nothing is left but its coins, which are free again.
        with.wallet.free(self.own.funding_coins());
        self.own.step(&BankInput::Abandon)?;
        let figures = self.own.figures.clone();
        let contributed =
            with.wallet
                .contribute_keeping(figures.capacity, figures.rate, node, &with.reserve);
        let (contribution, _) = contributed?;
        let coins: Vec<_> = contribution
            .coins
            .iter()
            .map(|coin| coin.outpoint)
            .collect();
        let begun = self.begin_with(figures.record(&self.own.consent, contribution), with);
        if begun.is_err() {
            with.wallet.free(coins);
        }
        begun
    }

    fn begin_with(
        &mut self,
        record: narthex_contracts::bank::BankRecord,
        with: &mut Surroundings<'_>,
    ) -> Result<(), SmallError> {
        self.attempts += 1;
        let fresh = FreshChain::derived(&mut OsRng, |salt| chain_seed(with, salt.as_ref()));
        let terms = fresh.name(record)?.check()?;
        let (id, json) = (terms.id(), terms.to_json());
        let lineage = Lineage::new(vec![terms])?;
        let bank = lineage.derive()?;
        self.own.step(&BankInput::Propose(lineage))?;
        let (opening, nonce) =
            PayerOpening::new(bank, with.key, fresh, &mut *with.bindings, &mut OsRng)?;
        self.opening = Some((id, opening));
        self.own.say(&BankTalk::Terms { json, nonce });
        Ok(())
    }

    /// The provider's nonce and share: with these the force close is signed.
    pub(super) fn answered(
        &mut self,
        terms: [u8; 32],
        (nonce, share): (PublicNonce, PartialSignature),
    ) -> Result<SmallHeard, SmallError> {
        let opening = self.opening.take_if(|(id, _)| *id == terms);
        let Some((_, opening)) = opening else {
            return Ok(SmallHeard::Taken);
        };
        match opening.finish(nonce, share) {
            Ok((signed, _)) => self.own.hear(&BankInput::Signed {
                force_close: signed.force_close,
            }),
            // It is begun anew.
            Err(error) => Ok(SmallHeard::Refused(error.to_string())),
        }
    }
}
