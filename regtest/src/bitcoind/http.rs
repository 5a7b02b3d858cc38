//! How calls travel to a node: HTTP without TLS to one address, never to another, with the cookie of the moment.

use std::{fmt, io, path::PathBuf, time::Duration};

use bitcoin::base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Serialize, de::DeserializeOwned};
use ureq::{Agent, http::Uri};

/// A block full of scripts takes seconds on a busy machine, nothing takes a minute.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Longest answer, in bytes: a block in hex has 8 million, a full mempool's list some 20 million.
const MAX_ANSWER_BYTES: u64 = 64 << 20;
/// Largest cookie file, in bytes.
const MAX_COOKIE_BYTES: u64 = 4096;
/// Of an answer that is no JSON, so many characters are shown.
const SHOWN_CHARACTERS: usize = 120;

/// Address of a node: `http://HOST:PORT`, perhaps with a path. There is nothing secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeUrl(String);

/// Why an address is none. What may hold a password is not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UrlError {
    #[error(
        "the node's address has a user or password in it, where others can read them; write user:password into a file \
         and name it with --cookie"
    )]
    Credentials,
    #[error(
        "the node's address does not begin with http://; Bitcoin nodes speak plain HTTP: ask one on this machine, or \
         through a tunnel"
    )]
    NotHttp,
    #[error("the node's address is none ({0}); write it like http://127.0.0.1:8332")]
    Malformed(String),
}

impl NodeUrl {
    pub(super) fn new(text: &str) -> Result<Self, UrlError> {
        if text.contains('@') {
            return Err(UrlError::Credentials);
        }
        let plain = |scheme: &str| text.get(..scheme.len()) == Some(scheme);
        if !plain("http://") {
            return Err(UrlError::NotHttp);
        }
        if !text.chars().all(|c| c.is_ascii_graphic()) {
            return Err(UrlError::Malformed(
                "a character that no address has".into(),
            ));
        }
        let uri: Uri = text
            .parse()
            .map_err(|error| UrlError::Malformed(format!("{error}")))?;
        let malformed = |what: &str| Err(UrlError::Malformed(what.into()));
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        match (uri.host(), uri.port_u16()) {
            (None | Some(""), _) => malformed("no host in it"),
            // What follows the host is a port, or nothing.
            (Some(host), None) if authority != host => malformed("a port that there is not"),
            (Some(_), _) => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a call got no usable answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("cannot read the cookie file {}: {source}", path.display())]
    Cookie { path: PathBuf, source: io::Error },
    #[error("the cookie file {} is no UTF-8; if it is UTF-16, save it as UTF-8", .0.display())]
    NoText(PathBuf),
    #[error("{} holds no user:password; name the node's .cookie", .0.display())]
    NoCookie(PathBuf),
    #[error("the request cannot be written: {0}")]
    Request(serde_json::Error),
    #[error(
        "{0} sends the request on to another address; it was not followed, and the cookie went nowhere else"
    )]
    Redirect(NodeUrl),
    #[error("{0} does not accept the cookie; is this its cookie file?")]
    Unauthorised(NodeUrl),
    #[error("{node} answers with status {status}: {said:?}")]
    Status {
        node: NodeUrl,
        status: u16,
        said: String,
    },
    #[error("{node} answers, but not as a Bitcoin node ({source}): {said:?}")]
    NotJson {
        node: NodeUrl,
        source: serde_json::Error,
        said: String,
    },
    #[error("{node} answers with more than {MAX_ANSWER_BYTES} bytes")]
    TooLong { node: NodeUrl },
    #[error("{node}: {source}")]
    Connection { node: NodeUrl, source: ureq::Error },
}

/// The way to one node. Connections are kept between calls: whoever follows a chain makes thousands.
pub(super) struct Http {
    node: NodeUrl,
    cookie: PathBuf,
    agent: Agent,
}

impl Http {
    pub(super) fn new(node: NodeUrl, cookie: PathBuf) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            // An address that a node sends us on to is not the one that the cookie is for.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // Refused calls come with status 500 or 404 and say why.
            .http_status_as_error(false)
            // A proxy of the environment would see the cookie.
            .proxy(None)
            .build();
        Self {
            node,
            cookie,
            agent: config.into(),
        }
    }

    /// A node writes another cookie each time it starts, so the file is read for each call.
    fn authorization(&self) -> Result<String, HttpError> {
        let read = narthex_disk::read_bounded(&self.cookie, MAX_COOKIE_BYTES);
        let bytes = read.map_err(|source| HttpError::Cookie {
            path: self.cookie.clone(),
            source,
        })?;
        // Nothing so long is one.
        let bytes = bytes.ok_or_else(|| HttpError::NoCookie(self.cookie.clone()))?;
        let text = String::from_utf8(bytes).map_err(|_| HttpError::NoText(self.cookie.clone()))?;
        // An editor may have put a mark in front of it.
        let text = text.trim_start_matches('\u{feff}').trim();
        if !text.contains(':') {
            return Err(HttpError::NoCookie(self.cookie.clone()));
        }
        Ok(format!("Basic {}", STANDARD.encode(text)))
    }

    fn post<R: DeserializeOwned>(&self, request: &impl Serialize) -> Result<R, HttpError> {
        let node = || self.node.clone();
        let body = serde_json::to_vec(request).map_err(HttpError::Request)?;
        let broken = |source| match source {
            ureq::Error::BodyExceedsLimit(_) => HttpError::TooLong { node: node() },
            source => HttpError::Connection {
                node: node(),
                source,
            },
        };
        let mut answer = self
            .agent
            .post(&self.node.0)
            .header("Authorization", self.authorization()?)
            .header("Content-Type", "application/json")
            .send(&body)
            .map_err(broken)?;
        let status = answer.status().as_u16();
        match status {
            300..=399 => return Err(HttpError::Redirect(node())),
            401 => return Err(HttpError::Unauthorised(node())),
            _ => {}
        }
        // Read whole before it is looked at: only then does the connection serve again.
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES);
        let bytes = body.read_to_vec().map_err(broken)?;
        // Refused calls come as JSON too, with status 500 or 404.
        serde_json::from_slice(&bytes).map_err(|source| {
            let said = String::from_utf8_lossy(&bytes);
            let said = said.chars().take(SHOWN_CHARACTERS).collect();
            match status {
                200 => HttpError::NotJson {
                    node: node(),
                    source,
                    said,
                },
                _ => HttpError::Status {
                    node: node(),
                    status,
                    said,
                },
            }
        })
    }
}

impl jsonrpc::client::Transport for Http {
    fn send_request(
        &self,
        request: jsonrpc::Request<'_>,
    ) -> Result<jsonrpc::Response, jsonrpc::Error> {
        self.post(&request)
            .map_err(|error| jsonrpc::Error::Transport(Box::new(error)))
    }

    fn send_batch(
        &self,
        requests: &[jsonrpc::Request<'_>],
    ) -> Result<Vec<jsonrpc::Response>, jsonrpc::Error> {
        self.post(&requests)
            .map_err(|error| jsonrpc::Error::Transport(Box::new(error)))
    }

    fn fmt_target(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.node)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_no_secret_in_it() {
        for (text, error) in [
            ("http://me:hunter2@127.0.0.1:8332", UrlError::Credentials),
            ("http://hunter2@localhost", UrlError::Credentials),
            ("https://hunter2@localhost", UrlError::Credentials),
            ("me:hunter2@localhost:8332", UrlError::Credentials),
            ("https://hunter2.example", UrlError::NotHttp),
            ("ftp://hunter2", UrlError::NotHttp),
            ("hunter2", UrlError::NotHttp),
            ("", UrlError::NotHttp),
        ] {
            let found = NodeUrl::new(text).unwrap_err();
            assert_eq!(found, error, "{text}");
            assert!(!format!("{found} {found:?}").contains("hunter2"), "{found}");
        }
        for text in [
            "http://",
            "http://a b",
            "http://h\r\nX: y",
            "http://h:99999",
        ] {
            let found = NodeUrl::new(text).unwrap_err();
            assert!(matches!(found, UrlError::Malformed(_)), "{text:?}: {found}");
        }
        for text in [
            "http://127.0.0.1:8332",
            "http://[::1]:8332/",
            "http://node/wallet/one",
        ] {
            assert_eq!(NodeUrl::new(text).unwrap().to_string(), text);
        }
    }
}
