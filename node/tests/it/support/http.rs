//! A client of HTTP/1.1 that says exactly what a test has it say.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use narthex_node::api::document;
use serde_json::Value;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        let read = serde_json::from_str(&self.body);
        read.unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim())
    }
}

/// Sends these bytes and reads to the end; `None` if nothing comes.
pub fn raw(at: &str, bytes: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(at).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(120)))
        .unwrap();
    // A server that has seen enough may close before it has everything.
    let _ = stream.write_all(bytes);
    let mut read = Vec::new();
    let _ = stream.read_to_end(&mut read);
    // A result has bytes of any kind; tests compare those by curl.
    let text = String::from_utf8_lossy(&read).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

/// A node's API.
#[derive(Clone, Debug)]
pub struct Client {
    pub at: String,
    pub token: String,
}

impl Client {
    /// Asks with the token and these further headers; no answer comes of a node that is killed meanwhile.
    fn try_ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<Answer> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        let own = [
            ("Host", self.at.as_str()),
            ("Authorization", &format!("Bearer {}", self.token)),
        ];
        for (name, value) in own {
            if !headers
                .iter()
                .any(|(given, _)| given.eq_ignore_ascii_case(name))
            {
                request += &format!("{name}: {value}\r\n");
            }
        }
        // An empty value stands for no such header.
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request += &format!("{name}: {value}\r\n");
        }
        if method != "GET" {
            request += &format!("Content-Length: {}\r\n", body.len());
        }
        request += &format!("\r\n{body}");
        raw(&self.at, request.as_bytes())
    }

    /// Asks a node that answers.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let answer = self.try_ask(method, path, headers, body);
        answer.unwrap_or_else(|| panic!("no answer: {method} {path}"))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    /// Gives an order under a key.
    pub fn order(&self, path: &str, key: &str, body: &str) -> Answer {
        let answer = self.try_order(path, key, body);
        answer.unwrap_or_else(|| panic!("no answer: {path}"))
    }

    /// Gives an order under a key to a node that may be killed over it.
    pub fn try_order(&self, path: &str, key: &str, body: &str) -> Option<Answer> {
        let mut headers = vec![("Idempotency-Key", key)];
        if !body.is_empty() {
            headers.push(("Content-Type", "application/json"));
        }
        self.try_ask("POST", path, &headers, body)
    }
}

/// Paths with a method each, as the description has them, with ids of nothing: all that want a token. (What wants none is tested in drains.rs.)
pub fn described() -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(&document()).unwrap();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path
            .replace("{id}", &"0".repeat(64))
            .replace("{item}", &"0".repeat(64))
            .replace("{name}", "anne")
            .replace("{node}", &format!("02{}", "11".repeat(32)));
        for (method, route) in methods.as_object().unwrap() {
            let is_open = route["security"] == serde_json::json!([{}]);
            assert_eq!(
                is_open,
                ["/healthz", "/readyz", "/v1/identity"].contains(&path.as_str())
            );
            if !is_open {
                all.push((method.to_uppercase(), path.clone()));
            }
        }
    }
    assert!(all.len() > 10, "{all:?}");
    all
}
