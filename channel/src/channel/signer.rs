//! Who has the key of one side: answers what the machine asks, looking at it for what is to be signed.

use std::sync::Mutex;

use bitcoin::{
    Amount, FeeRate, OutPoint, ScriptBuf, Transaction, TxOut,
    secp256k1::rand::{CryptoRng, RngCore},
};
use narthex_contracts::{
    channel::{
        Channel, ChannelError, ChannelKeys, CloseNonce, Commitment, Lock, PaymentId, Proof,
        SecondKind, Side, State,
    },
    funding::Fees,
    musig::AdaptorSignature,
};

use super::{
    Ask, ChannelClaim, ChannelFault, ChannelInput, ChannelMachine, ChannelMessage, ChannelOffer,
    Revocation,
};

/// Why the signer does not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// Something cannot be signed.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// The machine does not stand where this could be asked. The caller's fault.
    #[error("the channel does not stand where this is signed")]
    NotAsked,
    /// The same, as the machine says it.
    #[error(transparent)]
    Fault(#[from] ChannelFault),
}

/// The keys of one side, and the nonce of an attempt to close, which lives in memory alone.
#[derive(Debug)]
pub struct ChannelSigner {
    keys: ChannelKeys,
    closing: Mutex<Option<CloseNonce>>,
}

type Answers = Result<Vec<ChannelInput>, SignerError>;

impl ChannelSigner {
    /// With these keys.
    pub const fn new(keys: ChannelKeys) -> ChannelSigner {
        ChannelSigner {
            keys,
            closing: Mutex::new(None),
        }
    }

    /// The keys.
    pub const fn keys(&self) -> &ChannelKeys {
        &self.keys
    }

    fn points(&self) -> [bitcoin::secp256k1::PublicKey; 2] {
        [self.keys.point(0), self.keys.point(1)]
    }

    /// What an opener proposes first, with the usual figures.
    pub fn offer(&self, capacity: Amount, push: Amount) -> ChannelInput {
        let keys = self.keys.basepoints();
        let usual = narthex_contracts::channel::ChannelTerms::usual(capacity, [keys; 2]);
        ChannelInput::Signed(ChannelMessage::Offer(Box::new(ChannelOffer {
            capacity,
            push,
            delay: usual.delay,
            trim: usual.trim,
            in_flight: usual.in_flight,
            keys,
            points: self.points(),
        })))
    }

    /// Answers an ask: inputs for the machine, in order. `funding` makes the transaction that pays to this output and says where its coin is;
    /// nobody signs it before the machine says [`ChannelEffect::Fund`](super::ChannelEffect::Fund).
    ///
    /// # Errors
    /// [`SignerError`].
    pub fn answer<R: RngCore + CryptoRng>(
        &self,
        machine: &ChannelMachine,
        ask: &Ask,
        rng: &mut R,
        funding: impl FnOnce(TxOut) -> Option<OutPoint>,
    ) -> Answers {
        let me = machine.side();
        let signed = |message| Ok(vec![ChannelInput::Signed(message)]);
        match ask {
            Ask::Consent => {
                let consent = (self.keys.basepoints(), self.points());
                signed(ChannelMessage::Consent(Box::new(consent)))
            }
            Ask::Funded => {
                let terms = machine.terms().ok_or(SignerError::NotAsked)?;
                let unplaced = Channel::new(terms.clone(), OutPoint::null())?;
                let coin = funding(unplaced.funding_output()).ok_or(SignerError::NotAsked)?;
                let channel = Channel::new(terms, coin)?;
                let nonces = Box::new(self.first_nonces(&channel)?);
                signed(ChannelMessage::Funded(coin, nonces))
            }
            Ask::First => {
                let (channel, commitment) = self.first(machine, Side::Opener)?;
                let (_, nonces) = machine.opening.funding.ok_or(SignerError::NotAsked)?;
                let share = self.keys.share(channel, &commitment, &nonces[0], rng)?;
                let own = self.first_nonces(channel)?;
                signed(ChannelMessage::First(Box::new((own, share))))
            }
            Ask::Second => {
                let (channel, commitment) = self.first(machine, Side::Accepter)?;
                let nonces = machine.opening.first.ok_or(SignerError::NotAsked)?;
                let share = self.keys.share(channel, &commitment, &nonces[0], rng)?;
                signed(ChannelMessage::Second(Box::new(share)))
            }
            Ask::Propose(cut) => {
                let (channel, locked) = (machine.channel(), machine.locked());
                let (channel, locked) = channel.zip(locked).ok_or(SignerError::NotAsked)?;
                let next = locked.next(channel, &machine.updates(*cut));
                let next = next.map_err(|(_, error)| ChannelFault::from(error))?;
                signed(ChannelMessage::Propose {
                    number: next.number,
                    cut: *cut,
                    claims: self.ahead(machine, me, &next, &[SecondKind::Claim])?,
                })
            }
            Ask::Accept(number) => {
                let (channel, next) = round(machine, *number)?;
                signed(ChannelMessage::Accept {
                    number: *number,
                    claims: self.ahead(machine, me, next, &[SecondKind::Claim])?,
                    share: self.share(machine, channel, next, rng)?,
                    second: self.ahead(machine, me.other(), next, &SECOND)?,
                })
            }
            Ask::Commit(number) => {
                let (channel, next) = round(machine, *number)?;
                signed(ChannelMessage::Commit {
                    number: *number,
                    share: self.share(machine, channel, next, rng)?,
                    second: self.ahead(machine, me.other(), next, &SECOND)?,
                    revocation: self.revocation(channel, *number)?,
                })
            }
            Ask::Revoke(number) => {
                let (channel, _) = round(machine, *number)?;
                signed(ChannelMessage::Revoke {
                    number: *number,
                    revocation: self.revocation(channel, *number)?,
                    // Who has nothing to say leaves the turn where it is.
                    keep: machine.staged[me.index()].updates.is_empty(),
                })
            }
            Ask::Judge(number) => {
                let shown = machine.doubt.filter(|(shown, _)| shown == number);
                let (_, secret) = shown.ok_or(SignerError::NotAsked)?;
                let is_own = self.keys.is_own_secret(*number, &secret);
                let number = *number;
                Ok(vec![ChannelInput::Judged { number, is_own }])
            }
            Ask::CloseNonce => self.begin_close(machine, rng),
            Ask::CloseShare => {
                let (channel, close) = self.close(machine)?;
                let attempt = machine.closing.attempt.ok_or(SignerError::NotAsked)?;
                let share = self.keys.close_share(channel, &close, &attempt.1, rng)?;
                signed(ChannelMessage::CloseShare(Box::new((attempt.1, share))))
            }
            Ask::Close => {
                let (channel, close) = self.close(machine)?;
                let closing = &machine.closing;
                let (attempt, share) = closing
                    .attempt
                    .zip(closing.share)
                    .ok_or(SignerError::NotAsked)?;
                let nonce = self.closing.lock().ok().and_then(|mut nonce| nonce.take());
                // One that is gone, or a false share: another attempt.
                match nonce.filter(|nonce| nonce.public() == attempt.1) {
                    None => self.begin_close(machine, rng),
                    Some(nonce) => match self.keys.close_whole(channel, &close, nonce, &share) {
                        Ok(tx) => Ok(vec![ChannelInput::Closed(tx)]),
                        Err(_) => self.begin_close(machine, rng),
                    },
                }
            }
            Ask::Read(tx) => Ok(self.read(machine, tx)?),
        }
    }

    fn first_nonces(
        &self,
        channel: &Channel,
    ) -> Result<[narthex_contracts::musig::PublicNonce; 2], ChannelError> {
        let nonce = |number| self.keys.verification_nonce(channel, number);
        Ok([nonce(0)?, nonce(1)?])
    }

    fn first<'m>(
        &self,
        machine: &'m ChannelMachine,
        owner: Side,
    ) -> Result<(&'m Channel, Commitment), SignerError> {
        let channel = machine.channel().ok_or(SignerError::NotAsked)?;
        let offer = machine
            .opening
            .offer
            .as_ref()
            .ok_or(SignerError::NotAsked)?;
        let state = State::first(channel, offer.push)?;
        let point = machine.first_point(owner).ok_or(SignerError::NotAsked)?;
        Ok((channel, channel.commitment(owner, &state, &point)?))
    }

    fn ahead(
        &self,
        machine: &ChannelMachine,
        owner: Side,
        state: &State,
        kinds: &[SecondKind],
    ) -> Result<Vec<AdaptorSignature>, SignerError> {
        let seconds = machine.seconds(owner, state, kinds)?;
        let signed = seconds.iter().map(|second| self.keys.sign_ahead(second));
        Ok(signed.collect::<Result<_, _>>()?)
    }

    fn share<R: RngCore + CryptoRng>(
        &self,
        machine: &ChannelMachine,
        channel: &Channel,
        next: &State,
        rng: &mut R,
    ) -> Result<narthex_contracts::channel::CommitmentShare, SignerError> {
        let peer = machine.side().other();
        let commitment = machine.commitment_to(peer, next)?;
        let ends = machine.ends.as_ref().ok_or(SignerError::NotAsked)?;
        let nonce = &ends[peer.index()].nonce;
        Ok(self.keys.share(channel, &commitment, nonce, rng)?)
    }

    /// With the new state `number`: the old commitment's secret, and what the one after the new takes.
    fn revocation(&self, channel: &Channel, number: u64) -> Result<Revocation, SignerError> {
        let old = number.checked_sub(1).ok_or(SignerError::NotAsked)?;
        Ok(Revocation {
            secret: self.keys.commitment_secret(old),
            point: self.keys.point(number + 1),
            nonce: self.keys.verification_nonce(channel, number + 1)?,
        })
    }

    fn close<'m>(
        &self,
        machine: &'m ChannelMachine,
    ) -> Result<(&'m Channel, narthex_contracts::channel::Close), SignerError> {
        let (channel, state) = machine
            .channel()
            .zip(machine.locked())
            .ok_or(SignerError::NotAsked)?;
        let [Some(opener), Some(accepter)] = &machine.closing.scripts else {
            return Err(SignerError::NotAsked);
        };
        let attempt = machine.closing.attempt.map(|(rate, _)| rate);
        let rate = attempt.or(machine.closing.rate).unwrap_or(LEAST_RATE);
        let scripts = [opener.clone(), accepter.clone()];
        Ok((channel, channel.close(state, &scripts, rate.into())?))
    }

    fn begin_close<R: RngCore + CryptoRng>(
        &self,
        machine: &ChannelMachine,
        rng: &mut R,
    ) -> Answers {
        let channel = machine.channel().ok_or(SignerError::NotAsked)?;
        let nonce = self.keys.close_nonce(channel, rng)?;
        let rate = machine.closing.rate.unwrap_or(LEAST_RATE);
        let message = ChannelMessage::CloseNonce(rate, Box::new(nonce.public()));
        if let Ok(mut kept) = self.closing.lock() {
            *kept = Some(nonce);
        }
        Ok(vec![ChannelInput::Signed(message)])
    }

    /// Every secret that a transaction shows, of payments of this side. What was signed ahead is made again: it is the same bytes.
    fn read(
        &self,
        machine: &ChannelMachine,
        tx: &Transaction,
    ) -> Result<Vec<ChannelInput>, SignerError> {
        let mut found = Vec::new();
        let channel = machine.channel().ok_or(SignerError::NotAsked)?;
        if let Some(commitment) = machine.ended_commitment() {
            let kinds = [SecondKind::Claim, SecondKind::Success];
            let seconds = channel.second_levels(commitment, &kinds)?;
            let theirs = seconds
                .iter()
                .filter(|second| second.signer() == machine.side());
            for second in theirs {
                let ahead = self.keys.sign_ahead(second)?;
                found.extend(
                    second
                        .secret(&ahead, tx)
                        .map(|proof| (second.payment().id, proof)),
                );
            }
            found.extend(preimages(commitment, tx));
        }
        let learned = found
            .into_iter()
            .map(|(id, proof)| ChannelInput::Learned(id, proof));
        Ok(learned.chain([ChannelInput::Read(tx.clone())]).collect())
    }

    /// This side's commitment of a number, complete. It is one transaction for each number: what the counterparty gave for it is durable, and
    /// the nonce follows from the number.
    ///
    /// # Errors
    /// [`SignerError::NotAsked`] for any other than [`ChannelEffect::PublishOwn`](super::ChannelEffect::PublishOwn) says.
    pub fn own_commitment(
        &self,
        machine: &ChannelMachine,
        number: u64,
    ) -> Result<Transaction, SignerError> {
        let channel = machine.channel().ok_or(SignerError::NotAsked)?;
        let own = machine.own.as_ref().filter(|own| own.number == number);
        let own = own.ok_or(SignerError::NotAsked)?;
        let commitment = machine.commitment(machine.side(), number)?;
        Ok(self.keys.whole(channel, &commitment, &own.share)?)
    }

    /// Makes what a claim is taken by. `coin` is a confirmed coin for the fee of what pays none itself, with its change; its owner signs
    /// that input afterwards.
    ///
    /// # Errors
    /// [`SignerError`].
    pub fn claim(
        &self,
        claim: &ChannelClaim,
        to: ScriptBuf,
        fees: Fees,
        coin: Option<(OutPoint, TxOut, TxOut)>,
    ) -> Result<Transaction, SignerError> {
        match claim {
            ChannelClaim::Spend(spend) => Ok(self.keys.spend(spend, to, fees)?),
            ChannelClaim::Second {
                second,
                ahead,
                proof,
            } => {
                let (at, output, change) = coin.ok_or(SignerError::NotAsked)?;
                let tx = second.with_fee(&[at], Some(change));
                Ok(self
                    .keys
                    .complete(second, (tx, &[output]), ahead, proof.as_ref())?)
            }
        }
    }
}

/// What an agreed close pays where nobody said.
const LEAST_RATE: FeeRate = FeeRate::from_sat_per_kwu(250);
const SECOND: [SecondKind; 2] = [SecondKind::Timeout, SecondKind::Success];

fn round(machine: &ChannelMachine, number: u64) -> Result<(&Channel, &State), SignerError> {
    let round = machine
        .round
        .as_ref()
        .filter(|round| round.next.number == number);
    let both = machine.channel().zip(round.map(|round| &round.next));
    both.ok_or(SignerError::NotAsked)
}

/// Preimages that are shown alone, by a claim of whom a hash was offered on its offerer's commitment.
fn preimages(commitment: &Commitment, tx: &Transaction) -> Vec<(PaymentId, Proof)> {
    let mut found = Vec::new();
    for input in &tx.input {
        let mut placed = commitment.placed();
        let output = placed.find(|(at, _)| *at == input.previous_output);
        let Some((_, output)) = output else { continue };
        let narthex_contracts::channel::Purpose::Payment(payment) = &output.purpose else {
            continue;
        };
        let item = input
            .witness
            .nth(1)
            .and_then(|item| <[u8; 32]>::try_from(item).ok());
        let proof = item.map(Proof::Preimage);
        let is_hash = matches!(payment.lock, Lock::Hash(_));
        found.extend(
            proof
                .filter(|proof| is_hash && payment.lock.opens(proof))
                .map(|p| (payment.id, p)),
        );
    }
    found
}
