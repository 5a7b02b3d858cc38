//! What a tower has written down: whom it serves, and of each contract what it was given.

use std::collections::BTreeMap;

use narthex::{
    channel::{Machine, Step, Summary},
    contracts::{attest::Attestation, template::MAX_BUNDLE_BYTES},
};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};

/// Longest name of a client, in bytes.
pub(super) const MAX_NAME: usize = 64;

/// A change in what a tower has for one party of one contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChargeChange {
    /// A bundle was given, in the place of what was before.
    Given {
        /// By which client; empty if by the operator.
        client: String,
        /// Its bytes.
        bundle: Vec<u8>,
    },
    /// A ruling has become known.
    Ruled(Attestation),
}

/// Reads a name: what is shown and written, and stands in a path.
fn read_name(r: &mut Reader<'_>) -> Result<String, DecodeError> {
    let bytes = r.bytes_up_to("name", MAX_NAME)?;
    let name = String::from_utf8(bytes.to_vec());
    name.map_err(|_| DecodeError::invalid("name", "no text"))
}

impl Message for ChargeChange {
    const KIND: Kind = kinds::CHARGE_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            ChargeChange::Given { client, bundle } => {
                w.u8(0).bytes(client.as_bytes()).bytes(bundle);
            }
            ChargeChange::Ruled(attestation) => {
                w.u8(1).message(attestation);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("change")? {
            0 => ChargeChange::Given {
                client: read_name(r)?,
                bundle: r.bytes_up_to("bundle", MAX_BUNDLE_BYTES)?.to_vec(),
            },
            1 => ChargeChange::Ruled(r.message("attestation")?),
            other => return Err(DecodeError::invalid("change", other)),
        })
    }
}

/// Nothing is refused that was checked before.
#[derive(Debug, thiserror::Error)]
#[error("it takes all that was checked")]
pub(super) struct Never;

/// What a tower has for one party of one contract.
#[derive(Clone, Debug, Default)]
pub(super) struct ChargeRecord {
    pub(super) client: String,
    pub(super) bundle: Vec<u8>,
    pub(super) rulings: Vec<Attestation>,
}

impl Machine for ChargeRecord {
    type Input = ChargeChange;
    type Change = ChargeChange;
    type Effect = ();
    type Error = Never;

    fn step(&self, input: &ChargeChange) -> Result<Step<ChargeChange, ()>, Never> {
        let is_known = match input {
            ChargeChange::Given { bundle, .. } => *bundle == self.bundle,
            ChargeChange::Ruled(attestation) => self.rulings.contains(attestation),
        };
        Ok(match is_known {
            true => Step::seen(Vec::new()),
            false => Step::new(vec![input.clone()], Vec::new()),
        })
    }

    fn apply(&mut self, change: &ChargeChange) {
        match change {
            ChargeChange::Given { client, bundle } => {
                self.client.clone_from(client);
                self.bundle.clone_from(bundle);
            }
            ChargeChange::Ruled(attestation) => self.rulings.push(*attestation),
        }
    }

    fn pending(&self) -> Vec<()> {
        Vec::new()
    }
}

impl Summary for ChargeRecord {
    fn summary(&self) -> Vec<ChargeChange> {
        let (client, bundle) = (self.client.clone(), self.bundle.clone());
        let given = ChargeChange::Given { client, bundle };
        let rulings = self
            .rulings
            .iter()
            .map(|ruling| ChargeChange::Ruled(*ruling));
        std::iter::once(given).chain(rulings).collect()
    }
}

/// A change in whom a tower serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClientChange {
    pub(super) name: String,
    /// SHA-256 of the ticket that it shows; none if it is not served any more.
    pub(super) ticket: Option<[u8; 32]>,
}

impl Message for ClientChange {
    const KIND: Kind = kinds::TOWER_CLIENT_CHANGE;

    fn write(&self, w: &mut Writer) {
        w.bytes(self.name.as_bytes());
        match &self.ticket {
            None => w.u8(0),
            Some(ticket) => w.u8(1).fixed(ticket),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(ClientChange {
            name: read_name(r)?,
            ticket: match r.u8("ticket")? {
                0 => None,
                1 => Some(r.array("ticket")?),
                other => return Err(DecodeError::invalid("ticket", other)),
            },
        })
    }
}

/// A ticket that another client has: two could not be told apart. The caller's fault.
#[derive(Debug, thiserror::Error)]
#[error("the same ticket is {other}'s")]
pub(super) struct Taken {
    other: String,
}

/// Whom a tower serves: names, and the hash of the ticket of each.
#[derive(Clone, Debug, Default)]
pub(super) struct ClientRecord {
    pub(super) tickets: BTreeMap<String, [u8; 32]>,
}

impl Machine for ClientRecord {
    type Input = ClientChange;
    type Change = ClientChange;
    type Effect = ();
    type Error = Taken;

    fn step(&self, input: &ClientChange) -> Result<Step<ClientChange, ()>, Taken> {
        let mut known = self.tickets.iter();
        let same = |(name, ticket): &(&String, &[u8; 32])| {
            Some(**ticket) == input.ticket && **name != input.name
        };
        if let Some((other, _)) = known.find(same) {
            let other = other.clone();
            return Err(Taken { other });
        }
        Ok(
            match self.tickets.get(&input.name).copied() == input.ticket {
                true => Step::seen(Vec::new()),
                false => Step::new(vec![input.clone()], Vec::new()),
            },
        )
    }

    fn apply(&mut self, change: &ClientChange) {
        match change.ticket {
            Some(ticket) => self.tickets.insert(change.name.clone(), ticket),
            None => self.tickets.remove(&change.name),
        };
    }

    fn pending(&self) -> Vec<()> {
        Vec::new()
    }
}

impl Summary for ClientRecord {
    fn summary(&self) -> Vec<ClientChange> {
        let all = self.tickets.iter();
        let all = all.map(|(name, ticket)| ClientChange {
            name: name.clone(),
            ticket: Some(*ticket),
        });
        all.collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use narthex::channel::{
        Logged,
        log::{Identity, MemoryDisk},
    };

    use super::*;

    /// Whatever is written is read, and a log gives the record back, also from its summary.
    #[test]
    fn a_log_gives_clients_back() {
        let change = |name: &str, ticket: Option<u8>| ClientChange {
            name: name.to_owned(),
            ticket: ticket.map(|byte| [byte; 32]),
        };
        let log = MemoryDisk::default().open(&Identity::new("tower-clients", [0; 32]));
        let mut clients = Logged::open(ClientRecord::default(), log.unwrap()).unwrap();
        for change in [
            change("a", Some(1)),
            change("b", Some(2)),
            change("a", Some(3)),
            change("b", None),
            change("b", None),
        ] {
            assert_eq!(
                ClientChange::from_bytes(&change.to_bytes()).unwrap(),
                change
            );
            clients.step(&change).unwrap();
        }
        let tickets = BTreeMap::from([("a".to_owned(), [3; 32])]);
        assert_eq!(clients.machine().tickets, tickets);
        // One ticket is one client's.
        assert!(clients.step(&change("c", Some(3))).is_err());
        let mut again = ClientRecord::default();
        for change in clients.machine().summary() {
            again.apply(&change);
        }
        assert_eq!(again.tickets, tickets);
    }
}
