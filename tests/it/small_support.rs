//! One side of a small contract as a process hosts it, with all that outlives the process.

use bitcoin::{OutPoint, Transaction, secp256k1::SecretKey};
use narthex::{
    channel::log::{Identity, Log, MemoryDisk, MemoryLog},
    contracts::{binding::MemoryBindings, template::Reserve, terms::FeeRate},
    life::Reader,
    regtest::{AcceptedPolicy, ChainSource as _, Embedded, mine_coins},
    small::{SmallSide, Surroundings},
    wallet::PartyWallet,
};
use narthex_base::secret::Secret;

use crate::common::miner;

pub const RATE: FeeRate = FeeRate::from_sat_per_kwu(500);
pub const MOST: FeeRate = FeeRate::from_sat_per_kwu(25_000);

pub struct Host {
    disk: MemoryDisk,
    side: Option<Box<dyn SmallSide>>,
    pub reader: Option<Reader<'static>>,
    pub wallet: PartyWallet,
    pub bindings: MemoryBindings,
    pub seed: Secret,
    pub key: SecretKey,
    pub identity: SecretKey,
}

/// A chain on which each of these has coins, and what its node takes.
pub fn funded(hosts: &mut [&mut Host]) -> (Embedded, AcceptedPolicy) {
    let mut chain = Embedded::new();
    for host in &mut *hosts {
        let script = host.wallet.fresh_script();
        mine_coins(&mut chain, 3, &script, &miner()).unwrap();
    }
    for host in &mut *hosts {
        host.wallet.sync(&mut chain).unwrap();
    }
    let node = hosts[0].wallet.probe(&mut chain, RATE).unwrap();
    (chain, node)
}

impl Host {
    /// With secrets of this byte.
    pub fn new(owner: &str, byte: u8) -> Host {
        Host {
            disk: MemoryDisk::default(),
            side: None,
            reader: None,
            wallet: PartyWallet::new(owner, &[byte; 32]).unwrap(),
            bindings: MemoryBindings::default(),
            seed: Secret::from_bytes([byte; 32]),
            key: SecretKey::from_slice(&[byte; 32]).unwrap(),
            identity: SecretKey::from_slice(&[100 + byte; 32]).unwrap(),
        }
    }

    pub fn log(&self, name: &'static str) -> Box<dyn Log> {
        Box::new(self.disk.open(&Identity::new(name, [7; 32])).unwrap())
    }

    /// Its disk is as it was before the contract.
    pub fn forget(&mut self) {
        (self.side, self.reader) = (None, None);
        self.disk = MemoryDisk::default();
    }

    /// What its logs have; its process has ended.
    pub fn snapshot(&mut self) -> Vec<(&'static str, Vec<Vec<u8>>)> {
        (self.side, self.reader) = (None, None);
        let read = |name| {
            let mut all = Vec::new();
            let mut each = |_, entry: &[u8]| all.push(entry.to_vec());
            self.log(name).read(&mut each).unwrap();
            (name, all)
        };
        ["side", "apart"].map(read).into()
    }

    /// Its disk is as it was then.
    pub fn put_back(&mut self, snapshot: Vec<(&'static str, Vec<Vec<u8>>)>) {
        self.forget();
        for (name, all) in snapshot {
            self.log(name).append(0, &all).unwrap();
        }
    }

    /// A process begins, after the last one: its logs are closed first.
    pub fn start(&mut self, open: impl FnOnce(&Host) -> Box<dyn SmallSide>) {
        (self.side, self.reader) = (None, None);
        self.side = Some(open(self));
    }

    pub fn runs(&self) -> bool {
        self.side.is_some()
    }

    pub fn side(&self) -> &dyn SmallSide {
        &**self.side.as_ref().unwrap()
    }

    pub fn side_mut(&mut self) -> &mut dyn SmallSide {
        &mut **self.side.as_mut().unwrap()
    }

    pub fn with<T>(
        &mut self,
        (node, tip): (&AcceptedPolicy, u32),
        act: impl FnOnce(&mut dyn SmallSide, &mut Surroundings<'_>) -> T,
    ) -> T {
        let mut with = Surroundings {
            seed: &self.seed,
            key: self.key,
            identity: self.identity,
            wallet: &mut self.wallet,
            bindings: &mut self.bindings,
            node: Some(node),
            rate: RATE,
            max_rate: MOST,
            reserve: Reserve::NONE,
            tip,
            may_sign: true,
        };
        act(&mut **self.side.as_mut().unwrap(), &mut with)
    }

    /// Reads the chain, for its wallet and its side.
    pub fn look(&mut self, chain: &mut Embedded) {
        self.wallet.sync(chain).unwrap();
        let side = self.side.as_mut().unwrap();
        let tip = chain.height().unwrap();
        let watched: Vec<OutPoint> = side.watched();
        if watched.is_empty() {
            return side.seen(&[], tip).unwrap();
        }
        let log = Box::new(MemoryLog::forgetful());
        let reader = self
            .reader
            .get_or_insert_with(|| Reader::open(log, 1).unwrap());
        let blocks = reader.unread(chain, watched).unwrap();
        let mut next = |tx: &Transaction, _: u32| side.watches(tx);
        reader.connect(chain, &blocks, &mut next).unwrap();
        let found: Vec<_> = reader.follower().found().collect();
        side.seen(&found, tip).unwrap();
    }
}
