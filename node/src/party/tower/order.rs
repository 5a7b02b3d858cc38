//! What is asked of a tower: by its operator, and by those whom it serves.

use narthex::{
    bitcoin::hex::{DisplayHex, FromHex},
    channel::{Logged, StepError},
    contracts::{
        attest::Attestation,
        template::{BundleError, TowerBundle},
    },
    life::TowerError,
};
use narthex_base::codec::Message as _;
use serde::{Deserialize, Serialize};

use super::{
    Charge, TowerClientStatus, charge_id, charge_log,
    kept::{ChargeChange, ChargeRecord, ClientChange, MAX_NAME, Taken},
    name,
    purse::beside,
};
use crate::party::{
    Core, Fatal, Reply,
    command::{Answer, CommandError, id_of, refused},
};

/// Most blocks that a party may wait for before an end is an end to it: a tower does not watch for ever.
const MOST_DEEP: u32 = 2_016;

/// What is asked of a tower. Where there is a client, it is asked on its behalf, and it has to do with what it has given alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum TowerCommand {
    /// Watches a contract for one of its parties: [`Reply::Tower`]. It is durable before it is answered.
    Take {
        /// What `bundle` gave at the party, in hex.
        bundle: String,
        /// Whose it is; the operator's own, if nobody's.
        #[serde(default)]
        client: Option<String>,
    },
    /// A ruling has become known: [`Reply::Towers`], those that it is of.
    Ruling {
        /// An arbiter's attestation, in hex.
        attestation: String,
        /// Who brings it.
        #[serde(default)]
        client: Option<String>,
    },
    /// One contract that is watched: [`Reply::Tower`].
    Show {
        /// Its id in hex.
        id: String,
        /// Who asks.
        #[serde(default)]
        client: Option<String>,
    },
    /// All of them: [`Reply::Towers`].
    List {
        /// Who asks.
        #[serde(default)]
        client: Option<String>,
    },
    /// Watches a contract no more: [`Reply::Done`].
    Forget {
        /// Its id in hex.
        id: String,
        /// Who asks.
        #[serde(default)]
        client: Option<String>,
    },
    /// Serves a client from now on, or by another ticket: [`Reply::TowerClients`].
    Admit {
        /// Its name.
        name: String,
        /// SHA-256 of the 64 hex digits of its ticket, in hex.
        ticket_sha256: String,
    },
    /// Serves a client no more. What it has given is watched to its end: [`Reply::TowerClients`].
    Dismiss {
        /// Its name.
        name: String,
    },
    /// Whom it serves: [`Reply::TowerClients`].
    Clients,
}

impl TowerCommand {
    /// Its name, for logs.
    pub const fn name(&self) -> &'static str {
        match self {
            TowerCommand::Take { .. } => "tower take",
            TowerCommand::Ruling { .. } => "tower ruling",
            TowerCommand::Show { .. } => "tower show",
            TowerCommand::List { .. } => "tower list",
            TowerCommand::Forget { .. } => "tower forget",
            TowerCommand::Admit { .. } => "tower admit",
            TowerCommand::Dismiss { .. } => "tower dismiss",
            TowerCommand::Clients => "tower clients",
        }
    }

    /// Whether it changes nothing.
    pub const fn only_asks(&self) -> bool {
        matches!(
            self,
            TowerCommand::Show { .. } | TowerCommand::List { .. } | TowerCommand::Clients
        )
    }
}

/// What a client may be called: it stands in paths and lists.
fn check_name(name: &str) -> Result<(), CommandError> {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    match (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_fit) {
        true => Ok(()),
        false => {
            let why = format_args!("a name has 1 to {MAX_NAME} letters, digits and of -_.@");
            Err(refused("bad-name", why).with("name", name))
        }
    }
}

/// What is wrong with a bundle, for programs too.
fn no_bundle(error: &TowerError) -> CommandError {
    let why = refused("bad-bundle", error);
    match error {
        TowerError::Bundle(BundleError::NotForTowers {
            transaction,
            role,
            why: reason,
        }) => why
            .with("transaction", transaction)
            .with("role", role)
            .with("reason", reason),
        _ => why,
    }
}

impl Core {
    pub(in crate::party) fn tower_ordered(&mut self, order: TowerCommand) -> Result<Answer, Fatal> {
        match order {
            TowerCommand::Take { bundle, client } => self.tower_take(&bundle, client),
            TowerCommand::Ruling {
                attestation,
                client,
            } => self.tower_ruling(&attestation, client.as_deref()),
            TowerCommand::Show { id, client } => Ok(self
                .found(&id, client.as_deref())
                .map(|id| Reply::Tower(Box::new(self.tower_status(&id))))),
            TowerCommand::List { client } => {
                let all = self.towers.charges.iter();
                let all = all.filter(|(_, charge)| charge.is_of(client.as_deref()));
                let all = all.map(|(id, _)| self.tower_status(id));
                Ok(Ok(Reply::Towers(all.collect())))
            }
            TowerCommand::Forget { id, client } => {
                let id = match self.found(&id, client.as_deref()) {
                    Ok(id) => id,
                    Err(why) => return Ok(Err(why)),
                };
                self.forget_charge(id)?;
                Ok(Ok(Reply::Done))
            }
            TowerCommand::Admit {
                name,
                ticket_sha256,
            } => {
                let ticket = <[u8; 32]>::from_hex(&ticket_sha256);
                let ticket = ticket.map_err(|_| {
                    let why = "a ticket is said by its SHA-256: 64 hex digits";
                    refused("bad-ticket", why)
                });
                match check_name(&name).and(ticket) {
                    Ok(ticket) => self.admit(name, Some(ticket)),
                    Err(why) => Ok(Err(why)),
                }
            }
            TowerCommand::Dismiss { name } => match self.serves(&name) {
                true => self.admit(name, None),
                false => Ok(Err(refused("unknown", "there is no such client"))),
            },
            TowerCommand::Clients => Ok(Ok(self.clients())),
        }
    }

    fn serves(&self, client: &str) -> bool {
        self.served().any(|(name, _)| name == client)
    }

    fn admit(&mut self, name: String, ticket: Option<[u8; 32]>) -> Result<Answer, Fatal> {
        let stepped = self.tower_clients()?.step(&ClientChange { name, ticket });
        match stepped {
            Ok(_) => Ok(Ok(self.clients())),
            Err(StepError::Refused(taken @ Taken { .. })) => Ok(Err(refused("bad-ticket", taken))),
            Err(error) => Err(Fatal::step(error)),
        }
    }

    fn clients(&self) -> Reply {
        let tickets: std::collections::BTreeMap<_, _> = self.served().collect();
        let charges = self.towers.charges.values();
        let named = charges.filter_map(Charge::client);
        let names = named.map(str::to_owned);
        let names = names.chain(tickets.keys().map(|name| (*name).clone()));
        let names: std::collections::BTreeSet<_> = names.collect();
        let all = names.into_iter().map(|name| {
            let (bundles, bytes) = self.used(Some(&name), None);
            TowerClientStatus {
                ticket_sha256: tickets.get(&name).map(|t| t.to_lower_hex_string()),
                bundles,
                bytes: bytes as u64,
                name,
            }
        });
        Reply::TowerClients(all.collect())
    }

    /// Bundles and bytes of a client, or of all, but for one.
    fn used(&self, client: Option<&str>, but: Option<&[u8; 32]>) -> (usize, usize) {
        let charges = self.towers.charges.iter();
        let counted = charges.filter(|(id, charge)| Some(*id) != but && charge.is_of(client));
        counted.fold((0, 0), |(count, bytes), (_, charge)| {
            (count + 1, bytes + charge.kept.machine().bundle.len())
        })
    }

    /// What is watched under this id, if it is the asking client's.
    fn found(&self, id: &str, client: Option<&str>) -> Result<[u8; 32], CommandError> {
        let id = id_of(id)?;
        let charge = self.towers.charges.get(&id);
        let charge = charge.filter(|charge| charge.is_of(client));
        charge
            .map(|_| id)
            .ok_or_else(|| refused("unknown", "nothing is watched under this id"))
    }

    /// Everything that is wrong with a bundle, or with its time and place, is found before anything is written down.
    fn tower_take(&mut self, hex: &str, client: Option<String>) -> Result<Answer, Fatal> {
        let limits = self.policy.tower.clone();
        if hex.len() / 2 > limits.bundle_bytes {
            let most = limits.bundle_bytes;
            let why = format_args!(
                "a bundle of {} bytes; {most} at most are taken",
                hex.len() / 2
            );
            return Ok(Err(refused("too-large", why)));
        }
        let bad = |error: &dyn std::fmt::Display| Ok(Err(refused("bad-bundle", error)));
        let Ok(bytes) = Vec::<u8>::from_hex(hex) else {
            return bad(&"it is not written in hexadecimal");
        };
        let bundle = match TowerBundle::from_bytes(&bytes) {
            Ok(bundle) => bundle,
            Err(error) => return bad(&error),
        };
        let whose = client.clone().unwrap_or_default();
        let id = charge_id(&bundle, &whose);
        let before = self.towers.charges.get(&id);
        if before.is_some_and(|charge| charge.kept.machine().bundle == bytes) {
            return Ok(Ok(Reply::Tower(Box::new(self.tower_status(&id)))));
        }
        if let (None, Err(why)) = (before, self.takes_more()) {
            return Ok(Err(refused("draining", why)));
        }
        if let Err(why) = self.has_place(&id, &bundle, (client.as_deref(), bytes.len())) {
            return Ok(Err(why));
        }
        if client.is_some() && !self.serves(&whose) {
            return Ok(Err(refused("unknown", "there is no such client")));
        }
        let mut tower = match self.checked(id, &bundle)? {
            Ok(tower) => tower,
            Err(error) => return Ok(Err(no_bundle(&error))),
        };
        let given = ChargeChange::Given {
            client: whose,
            bundle: bytes,
        };
        if let Some(mut charge) = self.towers.charges.remove(&id) {
            // It begins anew with what it has now, and knows what it knew.
            charge.tower.rest();
            for ruling in &charge.kept.machine().rulings {
                let _ = tower.attest(ruling);
            }
            self.towers
                .charges
                .insert(id, Charge::new(charge.kept, tower));
        } else {
            let log = self.store.open(&charge_log(id))?;
            let kept = Logged::open(ChargeRecord::default(), log)?;
            self.towers.charges.insert(id, Charge::new(kept, tower));
        }
        self.charge_step(id, &given)?;
        let status = self.tower_status(&id);
        let of = status.client.as_deref().unwrap_or("the operator");
        let role = &status.role;
        self.note_of(
            id,
            format_args!("{}: watched for the {role}, by {of}", name(&id)),
        );
        Ok(Ok(Reply::Tower(Box::new(status))))
    }

    /// Whether there is room for a bundle, and coins, and whether it can be in time.
    fn has_place(
        &self,
        id: &[u8; 32],
        bundle: &TowerBundle,
        (client, length): (Option<&str>, usize),
    ) -> Result<(), CommandError> {
        let limits = &self.policy.tower;
        let full = |(count, bytes): (usize, usize), most: (usize, usize), whose: &str| {
            let is_full = count + 1 > most.0 || bytes + length > most.1;
            let why = format_args!(
                "{count} bundles of {bytes} bytes {whose}, and this one has {length}; {} of {} bytes at most are taken",
                most.0, most.1
            );
            is_full.then(|| refused("full", why))
        };
        let most = (limits.client_bundles, limits.client_bytes);
        if let Some(why) = client.and_then(|_| full(self.used(client, Some(id)), most, "of yours"))
        {
            return Err(why);
        }
        let most = (limits.bundles, limits.bytes);
        if let Some(why) = full(self.used(None, Some(id)), most, "of all") {
            return Err(why);
        }
        // Who has more already is not to have less.
        if let Some(charge) = self.towers.charges.get(id) {
            let known = TowerBundle::from_bytes(&charge.kept.machine().bundle);
            let known: Vec<_> = known.iter().flat_map(TowerBundle::transactions).collect();
            let given: Vec<_> = bundle.transactions().collect();
            if !known.iter().all(|node| given.contains(node)) {
                let why = "it has not all of the transactions that were given before; have that forgotten first";
                return Err(refused("answered", why));
            }
        }
        let pace = bundle.pace();
        if pace.depth > MOST_DEEP {
            let why = format_args!("a depth of {} blocks; {MOST_DEEP} at most", pace.depth);
            return Err(refused("bad-bundle", why));
        }
        let tip = self.tip.ok_or_else(|| {
            let why = "this node has not seen its chain yet";
            refused("cannot", why)
        })?;
        let behind = tip.saturating_sub(pace.since);
        if behind > limits.behind {
            let most = limits.behind;
            let why = format_args!(
                "its funding is looked for {behind} blocks back; {most} at most are read for a bundle"
            );
            return Err(refused("late", why));
        }
        let reserve = self.reserved(None);
        let reserve = reserve.map_err(|error| refused("cannot", error))?;
        let coins = self.own.borrow().wallet.spare_coins();
        match beside(coins, &reserve).is_empty() {
            false => Ok(()),
            true => {
                let why = "the tower has no confirmed coin to pay fees with, beside what is kept back for its own contracts";
                Err(refused("funds", why))
            }
        }
    }

    fn tower_ruling(&mut self, hex: &str, client: Option<&str>) -> Result<Answer, Fatal> {
        let bytes = Vec::<u8>::from_hex(hex).unwrap_or_default();
        let attestation = match Attestation::from_bytes(&bytes) {
            Ok(attestation) => attestation,
            Err(error) => return Ok(Err(refused("bad-ruling", error))),
        };
        let mut of = Vec::new();
        for (id, charge) in &mut self.towers.charges {
            // That it is none of this contract's says nothing of it.
            if charge.tower.attest(&attestation).is_ok() {
                of.push(*id);
            }
        }
        if of.is_empty() {
            let why = "it is no ruling of a contract that is watched here";
            return Ok(Err(refused("unknown", why)));
        }
        for id in &of {
            self.charge_step(*id, &ChargeChange::Ruled(attestation))?;
        }
        let shown = of.iter().filter(|id| {
            let charge = self.towers.charges.get(*id);
            charge.is_some_and(|charge| charge.is_of(client))
        });
        Ok(Ok(Reply::Towers(
            shown.map(|id| self.tower_status(id)).collect(),
        )))
    }
}
