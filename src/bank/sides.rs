//! Both sides of a bank as machines with logs.

use bitcoin::secp256k1::SecretKey;
use narthex_channel::{
    Logged, Machine, StepError,
    bank::{
        BankEffect, BankInput, BankMachine, Coin, CoinAt, Lineage, Payer, PayerMachine,
        PayerRecord, Provider, ProviderMachine, Side,
    },
    log::{Log, MemoryLog},
};
use narthex_contracts::{
    bank::{ChainSeed, Phase},
    depth::Depth,
};
use narthex_regtest::ChainSource;

use super::{
    KeptError,
    coin::{coin_of, ending_of},
};

/// By how many entries a summary must be shorter than a log before it takes its place: a payment is one on each side.
const MUCH_SHORTER: u64 = 32;

/// Whose side it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Payer,
    Provider,
}

/// Both machines of one bank.
pub(super) struct Sides<L> {
    pub(super) payer: Logged<PayerMachine, L>,
    pub(super) provider: Logged<ProviderMachine, L>,
}

impl<L: Log> Sides<L> {
    /// Both machines, as their logs left them.
    pub(super) fn open([payer, provider]: [L; 2]) -> Result<Self, KeptError> {
        Ok(Sides {
            payer: Logged::open(PayerMachine::default(), payer)?,
            provider: Logged::open(ProviderMachine::default(), provider)?,
        })
    }

    pub(super) fn payer(&mut self, input: &BankInput) -> Result<(), KeptError> {
        let who = "payer";
        let stepped = self.payer.step(input);
        stepped
            .map(drop)
            .map_err(|error| KeptError::Side { who, error })
    }

    pub(super) fn provider(&mut self, input: &BankInput) -> Result<(), KeptError> {
        let who = "provider";
        let stepped = self.provider.step(input);
        stepped
            .map(drop)
            .map_err(|error| KeptError::Side { who, error })
    }

    pub(super) fn side(&mut self, who: Who, input: &BankInput) -> Result<(), KeptError> {
        match who {
            Who::Payer => self.payer(input),
            Who::Provider => self.provider(input),
        }
    }

    /// Both take it, or neither: what the provider refuses, the payer is not to have in its log alone.
    pub(super) fn both(&mut self, input: &BankInput) -> Result<(), KeptError> {
        let who = "provider";
        if let Err(error) = self.provider.machine().step(input) {
            let error = StepError::Refused(error);
            return Err(KeptError::Side { who, error });
        }
        self.payer(input)?;
        self.provider(input)
    }

    pub(super) fn pending(&self, who: Who) -> Vec<BankEffect> {
        match who {
            Who::Payer => self.payer.pending(),
            Who::Provider => self.provider.pending(),
        }
    }

    /// Terms and bank, once they are proposed.
    pub(super) fn lineage(&self) -> Result<Lineage, KeptError> {
        let lineage = self.payer.machine().lineage().cloned();
        lineage.ok_or_else(|| KeptError::State("no bank was opened here".into()))
    }

    /// Where the coin is, as both know it.
    pub(super) fn coin(&self) -> CoinAt {
        self.payer.machine().coin()
    }

    /// The payer's signer, as its machine stands: key and chain.
    pub(super) fn payer_signer(
        &self,
        key: SecretKey,
        seed: &ChainSeed,
    ) -> Result<Payer, KeptError> {
        let machine = self.payer.machine();
        let missing = || KeptError::State("the bank is not open".into());
        let force_close = *machine.force_close_signature().ok_or_else(missing)?;
        let record = PayerRecord {
            revealed: machine.pennies(),
            phase: Phase::Open,
            force_close,
            ptlcs: Vec::new(),
            framed: 0,
            given: Vec::new(),
        };
        let bank = self.lineage()?.derive()?;
        Ok(Payer::restore(bank, key, seed, record)?)
    }

    /// The provider's signer, as its machine stands.
    pub(super) fn provider_signer(&self, key: SecretKey) -> Result<Provider, KeptError> {
        let book = self.provider.machine().book().cloned();
        let book = book.ok_or_else(|| KeptError::State("the bank is not open".into()))?;
        Ok(Provider::with_key(book, key)?)
    }

    /// A side that has no signed force close, killed before it or put back from an older copy, gets terms and force-close
    /// of the other side: with its own signature in it, so that it needs to believe nobody.
    pub(super) fn share(&mut self) -> Result<(), KeptError> {
        fn of<S: Side>(machine: &BankMachine<S>) -> Option<(Lineage, [u8; 64])> {
            Some((
                machine.lineage()?.clone(),
                *machine.force_close_signature()?,
            ))
        }
        let (payers, providers) = (of(self.payer.machine()), of(self.provider.machine()));
        let inputs = |own: Option<&Lineage>, (lineage, force_close): (Lineage, [u8; 64])| {
            let other = own.is_some_and(|own| *own != lineage);
            let abandon = other.then_some(BankInput::Abandon);
            let force_close = BankInput::Signed { force_close };
            abandon
                .into_iter()
                .chain([BankInput::Propose(lineage), force_close])
        };
        match (payers, providers) {
            (Some(known), None) => {
                let own = self.provider.machine().lineage();
                for input in inputs(own, known).collect::<Vec<_>>() {
                    self.provider(&input)?;
                }
            }
            (None, Some(known)) => {
                let own = self.payer.machine().lineage();
                for input in inputs(own, known).collect::<Vec<_>>() {
                    self.payer(&input)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Logs that have grown are replaced by summaries.
    pub(super) fn compact(&mut self) -> Result<(), KeptError> {
        self.payer.compact(MUCH_SHORTER)?;
        self.provider.compact(MUCH_SHORTER)?;
        Ok(())
    }

    /// Where the chain has the coin goes into both machines.
    pub(super) fn look(
        &mut self,
        chain: &mut dyn ChainSource,
        depth: Depth,
    ) -> Result<(), KeptError> {
        let machine = self.payer.machine();
        let (Some(lineage), Some(_)) = (machine.lineage(), machine.force_close_signature()) else {
            return Ok(());
        };
        let lineage = lineage.clone();
        let coin = match coin_of(lineage.bank(), chain, depth)? {
            Coin::Unfunded => CoinAt::Nowhere,
            Coin::Banked { is_deep } => CoinAt::Banked { is_deep },
            Coin::ForceClosed { height } => CoinAt::ForceClosed { height },
            Coin::Spent => {
                let tip = chain.height()?;
                // Whichever end it was: it need not be one that a side has signed last.
                let ending = ending_of(lineage.bank(), chain)?;
                let height = ending.and_then(|spender| spender.height);
                let is_deep = height.is_some_and(|height| depth.is_reached(height, tip));
                CoinAt::Spent { is_deep }
            }
        };
        let coin = BankInput::Coin(coin);
        self.payer(&coin)?;
        if self.provider.machine().force_close_signature().is_some() {
            self.provider(&coin)?;
        }
        Ok(())
    }

    /// Whether the coin of the bank before came to this one.
    pub(super) fn has_coin(&self, chain: &mut dyn ChainSource) -> Result<bool, KeptError> {
        match self.payer.machine().lineage() {
            None => Ok(false),
            Some(lineage) => Ok(coin_of(lineage.bank(), chain, Depth::LEAST)? != Coin::Unfunded),
        }
    }
}

impl Sides<MemoryLog> {
    /// New machines, whose logs nobody opens again.
    pub(super) fn forgetful() -> Result<Self, KeptError> {
        Sides::open([MemoryLog::forgetful(), MemoryLog::forgetful()])
    }
}
