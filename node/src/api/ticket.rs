//! Tickets: by which a watchtower knows those whom it serves. A ticket is 64 hex digits that its holder has drawn; the node has its hash.
//! It opens the routes of the watchtower, for what that holder has given.

use std::collections::BTreeMap;

use axum::http::Method;
use bitcoin::hashes::{Hash as _, sha256};
use tokio::sync::watch;

/// Whom the node serves, by the hash of the ticket of each; nothing as long as the node has not read it.
#[derive(Default)]
pub(crate) struct Tickets(watch::Sender<Option<BTreeMap<[u8; 32], String>>>);

impl Tickets {
    /// As the node has it from now on.
    pub(crate) fn set(&self, all: BTreeMap<[u8; 32], String>) {
        self.0.send_if_modified(|kept| {
            let is_new = kept.as_ref() != Some(&all);
            if is_new {
                *kept = Some(all);
            }
            is_new
        });
    }

    /// Whose ticket it is. It is found by its hash, so that no time says how much was right.
    async fn name(&self, offered: &str) -> Option<String> {
        let hash = sha256::Hash::hash(offered.as_bytes()).to_byte_array();
        let mut kept = self.0.subscribe();
        // A node that starts has not read them yet.
        let known = kept.wait_for(Option::is_some).await.ok()?;
        known.as_ref()?.get(&hash).cloned()
    }

    /// Who asks, if by a ticket that opens this route.
    pub(super) async fn caller(
        &self,
        offered: &str,
        (method, path): (Method, String),
    ) -> Option<Caller> {
        match opens(&method, &path) {
            true => self.name(offered).await.map(|name| Caller(Some(name))),
            false => None,
        }
    }
}

/// What a ticket opens.
fn opens(method: &Method, path: &str) -> bool {
    let is_one = path.strip_prefix("/v1/tower/bundles/").is_some_and(|id| {
        // Whatever else stands there is another route.
        !id.is_empty() && !id.contains('/')
    });
    match path {
        "/v1/tower/bundles" => [Method::GET, Method::POST].contains(method),
        "/v1/tower/rulings" => method == Method::POST,
        _ => is_one && [Method::GET, Method::DELETE].contains(method),
    }
}

/// Who asks: the operator, or a client of the watchtower by its name.
#[derive(Clone, Debug)]
pub(super) struct Caller(pub(super) Option<String>);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_opens_what_its_holder_has_given_and_nothing_else() {
        let tickets = Tickets::default();
        let hash = sha256::Hash::hash(b"ab").to_byte_array();
        tickets.set(BTreeMap::from([(hash, "anne".to_owned())]));
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.unwrap();
        let caller = |ticket: &str, method: Method, path: &str| {
            let found = runtime.block_on(tickets.caller(ticket, (method, path.to_owned())));
            found.and_then(|Caller(name)| name)
        };
        for (method, path) in [
            (Method::GET, "/v1/tower/bundles"),
            (Method::POST, "/v1/tower/bundles"),
            (Method::POST, "/v1/tower/rulings"),
            (Method::GET, "/v1/tower/bundles/00"),
            (Method::DELETE, "/v1/tower/bundles/00"),
        ] {
            assert_eq!(caller("ab", method.clone(), path).as_deref(), Some("anne"));
            for other in ["", "a", "AB", "ab ", "abc"] {
                assert_eq!(caller(other, method.clone(), path), None, "{other}");
            }
        }
        for (method, path) in [
            (Method::GET, "/v1/node"),
            (Method::POST, "/v1/stop"),
            (Method::GET, "/v1/tower/clients"),
            (Method::POST, "/v1/tower/clients"),
            (Method::DELETE, "/v1/tower/clients/anne"),
            (Method::DELETE, "/v1/tower/bundles"),
            (Method::GET, "/v1/tower/bundles/../clients"),
            (Method::GET, "/v1/tower/bundlesx"),
            (Method::GET, "/v1/tower/bundles/"),
            (Method::GET, "//v1/tower/bundles"),
        ] {
            assert_eq!(caller("ab", method, path), None, "{path}");
        }
    }
}
