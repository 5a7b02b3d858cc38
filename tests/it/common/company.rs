//! Parties with real coins that set a contract up by hand, message by message.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{Amount, Psbt, ScriptBuf, Transaction, secp256k1::rand};
use narthex::{
    contracts::{
        fixtures::Fixtures,
        funding::{FundingWitnesses, combine_witnesses, funding_witnesses, merge_wallet_data},
        setup::{ContractSignatures, Party, ceremony},
        terms::{Contribution, FeeRate, Role, Terms, TermsError, deposit},
    },
    game_model::{Params, ParamsRecord},
    regtest::{AcceptedPolicy, Chain, mine_coins},
    wallet::PartyWallet,
};

pub const RATE: FeeRate = FeeRate::from_sat_per_kwu(500);
const COINS: [Amount; 2] = [Amount::from_sat(800_000), Amount::from_sat(200_000)];

/// Parties of a 2-of-3 contract, each with coins and nothing agreed on yet.
pub struct Company {
    pub seed: [u8; 32],
    pub fixtures: Fixtures,
    pub wallets: BTreeMap<Role, PartyWallet>,
    pub contributed: BTreeMap<Role, Psbt>,
    /// That the chain takes what the contract ends with.
    pub policy: AcceptedPolicy,
}

fn wallet(seed: &[u8; 32], role: Role) -> PartyWallet {
    let mut own = *seed;
    own[0] ^= role.index() as u8 + 1;
    PartyWallet::new(&role.to_string(), &own).unwrap()
}

impl Company {
    /// Hands out coins; the deadline for delivery is `deliver_in` blocks away.
    pub fn gather(chain: &mut dyn Chain, deliver_in: u32) -> Company {
        let seed: [u8; 32] = rand::random();
        println!("company of seed {seed:02x?}");
        let mut miner = PartyWallet::new("miner", &seed).unwrap();
        let script = miner.fresh_script();
        mine_coins(chain, 1, &script, &super::miner()).unwrap();
        miner.sync(chain).unwrap();
        let policy = miner.probe(chain, RATE).unwrap();
        let mut wallets: BTreeMap<_, _> = Role::all(3)
            .map(|role| (role, wallet(&seed, role)))
            .collect();
        let payments: Vec<_> = wallets
            .values_mut()
            .flat_map(|w| COINS.map(|amount| (w.fresh_script(), amount)))
            .collect();
        chain.submit(&miner.pay(&payments, RATE).unwrap()).unwrap();
        chain.mine(1, &super::miner()).unwrap();
        let params = Params::new(ParamsRecord::example(
            3,
            2,
            chain.height().unwrap() + deliver_in,
        ))
        .unwrap();
        let mut company = Company {
            seed,
            fixtures: Fixtures::new(params, rand::random()),
            wallets,
            contributed: BTreeMap::new(),
            policy,
        };
        company.sync(chain);
        company
    }

    pub fn sync(&mut self, chain: &mut dyn Chain) {
        self.wallets
            .values_mut()
            .for_each(|w| w.sync(chain).unwrap());
    }

    pub fn deposit(&self, role: Role) -> Amount {
        deposit(self.fixtures.params(), role)
    }

    /// Everybody's coins, but for those that `brought` names.
    pub fn contributions(
        &mut self,
        mut brought: BTreeMap<Role, Contribution>,
    ) -> BTreeMap<Role, Contribution> {
        for role in Role::all(3) {
            if brought.contains_key(&role) {
                continue;
            }
            let deposit = self.deposit(role);
            let (contribution, psbt) = self
                .wallets
                .get_mut(&role)
                .unwrap()
                .contribute(deposit, RATE, &self.policy)
                .unwrap();
            self.contributed.insert(role, psbt);
            brought.insert(role, contribution);
        }
        brought
    }

    pub fn propose(
        &mut self,
        funding: BTreeMap<Role, Contribution>,
    ) -> Result<Arc<Terms>, TermsError> {
        let payouts = self
            .wallets
            .iter_mut()
            .map(|(role, w)| (*role, w.fresh_script()))
            .collect();
        self.fixtures
            .terms_with(funding, payouts, RATE)
            .map(Arc::new)
    }

    pub fn terms(&mut self) -> Arc<Terms> {
        let funding = self.contributions(BTreeMap::new());
        self.propose(funding).unwrap()
    }

    pub fn parties(&self, terms: &Arc<Terms>) -> Vec<Party<Terms>> {
        self.fixtures.parties(terms).unwrap()
    }

    /// An honest ceremony to its end.
    pub fn ceremony(&self, terms: &Arc<Terms>) -> BTreeMap<Role, ContractSignatures<Terms>> {
        let held = ceremony::run(self.parties(terms), &mut rand::thread_rng(), |_| ()).unwrap();
        held.into_iter().map(|h| (h.role(), h)).collect()
    }

    /// The funding as this party's wallet signs it.
    pub fn sign(&self, holdings: &ContractSignatures<Terms>) -> Psbt {
        let mut psbt = holdings.funding_psbt(&self.policy).unwrap();
        let role = holdings.role();
        merge_wallet_data(&mut psbt, &self.contributed[&role]);
        self.wallets[&role].sign(&mut psbt).unwrap();
        psbt
    }

    /// What this party gives the others of it.
    pub fn witnesses(&self, holdings: &ContractSignatures<Terms>) -> FundingWitnesses {
        funding_witnesses(holdings, &self.sign(holdings)).unwrap()
    }

    pub fn fund(&self, held: &BTreeMap<Role, ContractSignatures<Terms>>) -> Transaction {
        let given = held.values().map(|h| self.witnesses(h));
        combine_witnesses(&held[&Role::Client], given).unwrap()
    }

    /// A wallet of the same seed that has been started anew.
    pub fn restarted(&self, chain: &mut dyn Chain, role: Role) -> PartyWallet {
        let mut wallet = wallet(&self.seed, role);
        // Scripts that it has handed out are found by looking ahead.
        (0..4).for_each(|_| drop(wallet.fresh_script()));
        wallet.sync(chain).unwrap();
        wallet
    }

    /// Nobody's coins are locked: each party can spend all of them, and does.
    pub fn all_coins_are_free(&self, chain: &mut dyn Chain) {
        for role in Role::all(3) {
            let mut wallet = self.restarted(chain, role);
            let total: Amount = COINS.iter().copied().sum();
            assert_eq!(wallet.balance(), total, "{role}");
            let to = ScriptBuf::new_p2a();
            let most = total - Amount::from_sat(1_000);
            let tx = wallet
                .pay(&[(to, most)], FeeRate::from_sat_per_kwu(250))
                .unwrap();
            assert_eq!(tx.input.len(), COINS.len());
            chain.submit(&tx).unwrap();
        }
        chain.mine(1, &super::miner()).unwrap();
        assert_eq!(chain.mempool().unwrap(), []);
    }
}
