//! JSON-RPC to one daemon: every call by name, errors with the call's name in them.

use std::time::Duration;

use jsonrpc::bitreq_http::Builder;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Error;

/// Connection to the JSON-RPC server of one daemon.
pub(crate) struct Rpc {
    client: jsonrpc::Client,
}

impl Rpc {
    /// `cookie` is the content of the daemon's cookie file, `user:password`.
    pub(crate) fn new(url: &str, cookie: &str) -> Result<Self, Error> {
        let transport = Builder::new()
            .url(url)
            .map_err(|source| Error::Transport {
                method: "(setup)".into(),
                source: Box::new(source),
            })?
            // A block full of scripts takes seconds on a busy machine, nothing takes a minute.
            .timeout(Duration::from_secs(60))
            .cookie_auth(cookie)
            .build();
        Ok(Self {
            client: jsonrpc::Client::with_transport(transport),
        })
    }

    pub(crate) fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        params: &[Value],
    ) -> Result<T, Error> {
        let transport = |source: jsonrpc::Error| match source {
            jsonrpc::Error::Rpc(refusal) => Error::Rpc {
                method: method.into(),
                code: refusal.code,
                message: refusal.message,
            },
            other => Error::Transport {
                method: method.into(),
                source: Box::new(other),
            },
        };
        let params =
            serde_json::value::to_raw_value(params).map_err(|source| Error::Transport {
                method: method.into(),
                source: Box::new(source),
            })?;
        let request = self.client.build_request(method, Some(&params));
        self.client
            .send_request(request)
            .and_then(|response| response.result())
            .map_err(transport)
    }
}
