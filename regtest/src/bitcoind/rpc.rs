//! JSON-RPC to one daemon: every call by name, errors with the call's name in them.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::http::{Http, NodeUrl};
use crate::Error;

/// Connection to the JSON-RPC server of one daemon.
pub(crate) struct Rpc {
    client: jsonrpc::Client,
}

impl Rpc {
    /// `cookie` is a file that holds `user:password`.
    pub(crate) fn new(url: &str, cookie: &Path) -> Result<Self, Error> {
        let node = NodeUrl::new(url).map_err(|error| Error::BadNodeUrl {
            why: error.to_string(),
        })?;
        let transport = Http::new(node, cookie.to_owned());
        Ok(Self {
            client: jsonrpc::Client::with_transport(transport),
        })
    }

    pub(crate) fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        params: &[Value],
    ) -> Result<T, Error> {
        let failed = |source| Error::Transport {
            method: method.into(),
            source,
        };
        let refused = |source: jsonrpc::Error| match source {
            jsonrpc::Error::Rpc(refusal) => Error::Rpc {
                method: method.into(),
                code: refusal.code,
                message: shown(&refusal.message),
            },
            jsonrpc::Error::Transport(source) => failed(source),
            other => failed(Box::new(other)),
        };
        let params =
            serde_json::value::to_raw_value(params).map_err(|source| failed(Box::new(source)))?;
        // Looks whether the answer is to this very request.
        self.client.call(method, Some(&params)).map_err(refused)
    }
}

/// What a node says, without characters that a terminal would obey.
fn shown(message: &str) -> String {
    message
        .chars()
        .flat_map(|c| match c.is_control() {
            true => c.escape_default().collect::<Vec<_>>(),
            false => vec![c],
        })
        .collect()
}
