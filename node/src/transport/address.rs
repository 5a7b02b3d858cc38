//! Where a node is, and who it must be: `NODE_ID@HOST:PORT`.

use std::{fmt, str::FromStr};

use bitcoin::secp256k1::PublicKey;

/// Longest name of a host, as the domain name system has it.
const MAX_HOST: usize = 253;

/// A node's id and where it listens. Written as Lightning nodes write theirs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PeerAddress {
    /// The key that whoever answers there must have.
    pub node: PublicKey,
    /// A name or an IP address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// Why a text is no address of a node. The fault of who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// There is no `@`.
    #[error("{text:?} is no NODE_ID@HOST:PORT")]
    Shape {
        /// What was read, at most 100 characters of it.
        text: String,
    },
    /// Before the `@` stands no compressed public key in hex.
    #[error("{text:?} is no node id: 66 hex digits of a public key")]
    NodeId {
        /// What stands there, at most 100 characters of it.
        text: String,
    },
    /// After the `@` stands no host, or none that a name can be.
    #[error("{text:?} is no host: a name, an address, or an IPv6 address in brackets")]
    Host {
        /// What stands there, at most 100 characters of it.
        text: String,
    },
    /// The port is not from 1 to 65,535.
    #[error("{text:?} is no port: 1 to 65535")]
    Port {
        /// What stands there, at most 100 characters of it.
        text: String,
    },
}

impl FromStr for PeerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let brief = |text: &str| text.chars().take(100).collect::<String>();
        let shape = || AddressError::Shape { text: brief(text) };
        let (id, place) = text.split_once('@').ok_or_else(shape)?;
        let node = match id.len() {
            66 => PublicKey::from_str(id).ok(),
            _ => None,
        };
        let node = node.ok_or_else(|| AddressError::NodeId { text: brief(id) })?;
        let (host, port) = place.rsplit_once(':').ok_or_else(shape)?;
        let bare = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
            Some(inside) => inside.filter(|inside| inside.parse::<std::net::Ipv6Addr>().is_ok()),
            None => Some(host).filter(|host| {
                let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
                !host.is_empty() && host.len() <= MAX_HOST && host.chars().all(allowed)
            }),
        };
        let host = bare.ok_or_else(|| AddressError::Host { text: brief(host) })?;
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let number = port.parse().ok().filter(|port| *port != 0 && digits);
        Ok(PeerAddress {
            node,
            host: host.to_owned(),
            port: number.ok_or_else(|| AddressError::Port { text: brief(port) })?,
        })
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PeerAddress { node, host, port } = self;
        match host.contains(':') {
            true => write!(f, "{node}@[{host}]:{port}"),
            false => write!(f, "{node}@{host}:{port}"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ID: &str = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

    #[test]
    fn what_is_written_is_read() {
        for place in ["127.0.0.1:1", "[::1]:9735", "a-node.example:65535"] {
            let text = format!("{ID}@{place}");
            let address: PeerAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_by_its_part() {
        let read = |text: String| text.parse::<PeerAddress>().unwrap_err();
        let of = |place: &str| read(format!("{ID}@{place}"));
        assert!(matches!(read(String::new()), AddressError::Shape { .. }));
        assert!(matches!(read(ID.into()), AddressError::Shape { .. }));
        assert!(matches!(of("host"), AddressError::Shape { .. }));
        for id in ["", "02", &format!("{ID}00"), &ID.replace("0279", "0579")] {
            let error = read(format!("{id}@host:1"));
            assert!(matches!(error, AddressError::NodeId { .. }), "{id}");
        }
        for host in [
            "",
            "[]",
            "[1.2.3.4]",
            "::1",
            "a b",
            "a@b",
            "ä",
            &"a".repeat(254),
        ] {
            let error = of(&format!("{host}:1"));
            assert!(
                matches!(error, AddressError::Host { .. }),
                "{host}: {error}"
            );
        }
        for port in ["", "0", "65536", "+1", "x"] {
            let error = of(&format!("host:{port}"));
            assert!(matches!(error, AddressError::Port { .. }), "{port}");
        }
    }
}
