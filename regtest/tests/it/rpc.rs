//! What a node may answer, and what it gets to see: the cookie goes to the address that was named and nowhere else.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use narthex_regtest::{ChainSource, Error, Node};
use tempfile::TempDir;

const SECRET: &str = "hunter2";

/// Somebody who listens, says what it was told to, and remembers what it heard.
struct Listener {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    fn new(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Self {
        let socket = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let notes = heard.clone();
        std::thread::spawn(move || {
            for stream in socket.incoming() {
                let mut stream = stream.unwrap();
                let request = request(&mut stream);
                let answer = answer(&request);
                notes.lock().unwrap().push(request);
                // Who asked may have gone away before all was said.
                let _ = stream.write_all(&answer);
            }
        });
        Self { port, heard }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

/// Head and body of a request; empty if nothing was said.
fn request(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).unwrap_or(0);
        text += &String::from_utf8_lossy(&buffer[..read]);
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().unwrap())
        });
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body.len());
        if read == 0 || body.is_some_and(|body| body >= length.unwrap_or(0)) {
            return text;
        }
    }
}

fn reply(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    // One answer a connection: said, so that nobody keeps it.
    let close = "Connection: close\r\n";
    let head = format!("HTTP/1.1 {status}\r\n{headers}{close}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// The JSON of a right answer to a request.
fn result(request: &str, result: &str) -> String {
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    let call: serde_json::Value = serde_json::from_str(body).unwrap();
    let id = &call["id"];
    format!("{{\"jsonrpc\":\"2.0\",\"result\":{result},\"error\":null,\"id\":{id}}}")
}

fn cookie() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".cookie");
    std::fs::write(&path, format!("__cookie__:{SECRET}\n")).unwrap();
    (folder, path)
}

/// What connecting fails with, in words and for debugging.
fn fails(url: &str) -> String {
    let (_folder, cookie) = cookie();
    let error = Node::connect(url, &cookie).err().expect("no connection");
    let said = format!("{error}\n{error:?}");
    assert!(!said.contains(SECRET), "{said}");
    said
}

#[test]
fn no_redirect_is_followed() {
    let other = Listener::new(|request| reply("200 OK", "", result(request, "7").as_bytes()));
    let port = other.port;
    for status in [
        "300 Multiple Choices",
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "305 Use Proxy",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let places = [
            format!("Location: http://127.0.0.1:{port}/\r\n"),
            format!("Location: //127.0.0.1:{port}/\r\n"),
            format!("Location: http://me:{SECRET}@127.0.0.1:{port}/\r\n"),
            "Location: /elsewhere\r\n".into(),
            "Location: https://127.0.0.1/\r\n".into(),
            format!("Location: @127.0.0.1:{port}/\r\n"),
            format!("Refresh: 0; url=http://127.0.0.1:{port}/\r\n"),
            String::new(),
        ];
        for place in places {
            let headers = place.clone();
            let first = Listener::new(move |request| {
                // Even with a right answer behind it.
                reply(status, &headers, result(request, "7").as_bytes())
            });
            let error = fails(&first.url());
            assert!(error.contains(&first.url()), "{status} {place}: {error}");
            assert_eq!(first.heard().len(), 1, "{status} {place}: asked once");
        }
    }
    assert_eq!(other.heard(), [""; 0], "nobody came");
    // The other does hear who is sent there on purpose.
    let (_folder, cookie) = cookie();
    assert_eq!(
        Node::connect(&other.url(), &cookie)
            .unwrap()
            .height()
            .unwrap(),
        7
    );
    assert!(
        other.heard()[0].contains("authorization: Basic"),
        "{:?}",
        other.heard()
    );
}

#[test]
fn an_address_with_a_password_is_refused_and_not_repeated() {
    let node = Listener::new(|request| reply("200 OK", "", result(request, "7").as_bytes()));
    for url in [
        format!("http://me:{SECRET}@127.0.0.1:{}", node.port),
        format!("http://{SECRET}@127.0.0.1:{}", node.port),
        format!("https://me:{SECRET}@127.0.0.1:{}", node.port),
        format!("me:{SECRET}@127.0.0.1:{}", node.port),
    ] {
        assert!(fails(&url).contains("--cookie"), "{url}");
    }
    for url in [
        "",
        "http://",
        "https://127.0.0.1",
        "127.0.0.1:8332",
        "http://a b/",
        "unix:/x",
    ] {
        assert!(fails(url).contains("the node's address"), "{url}");
    }
    assert_eq!(node.heard(), [""; 0]);
}

#[test]
fn answers_that_are_none_are_named() {
    let answers: [(&str, Vec<u8>); 12] = [
        (
            "not as a Bitcoin node",
            reply("200 OK", "", b"<html>hello</html>"),
        ),
        ("not as a Bitcoin node", reply("200 OK", "", b"")),
        ("not as a Bitcoin node", reply("200 OK", "", b"\xff\xfe")),
        (
            "not as a Bitcoin node",
            reply("200 OK", "", &b"[".repeat(100_000)),
        ),
        ("not accept the cookie", reply("401 Unauthorized", "", b"")),
        ("status 403", reply("403 Forbidden", "", b"")),
        (
            "status 503",
            reply("503 Busy", "", b"Work queue depth exceeded\x1b[31m"),
        ),
        ("status 500", reply("500 Oh", "", b"<b>")),
        ("127.0.0.1", b"SSH-2.0-OpenSSH\r\n".to_vec()),
        ("127.0.0.1", Vec::new()),
        ("more than 67108864 bytes", {
            let mut endless = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
            endless.resize((64 << 20) + 100, b' ');
            endless
        }),
        ("127.0.0.1", {
            let mut endless = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
            endless.resize(1 << 20, b'x');
            endless
        }),
    ];
    for (words, answer) in answers {
        let node = Listener::new(move |_| answer.clone());
        let error = fails(&node.url());
        let (said, _) = error.split_once('\n').unwrap();
        assert!(said.contains(words) && said.contains(&node.url()), "{said}");
        assert!(!said.contains('\x1b') && said.len() < 600, "{said}");
        assert!(said.contains("getblockcount"), "{said}");
    }
    // Nobody there at all.
    let closed = TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap();
    assert!(fails(&format!("http://{closed}")).contains(&closed.to_string()));
    // An answer to another question.
    let node = Listener::new(|_| {
        let body = br#"{"jsonrpc":"2.0","result":7,"error":null,"id":"other"}"#;
        reply("200 OK", "", body)
    });
    assert!(fails(&node.url()).contains("nonce"));
}

#[test]
fn answers_in_pieces_are_put_together() {
    let node = Listener::new(|request| {
        let json = result(request, "1234");
        let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for byte in json.bytes() {
            answer.extend(format!("1\r\n{}\r\n", char::from(byte)).bytes());
        }
        answer.extend(b"0\r\n\r\n");
        answer
    });
    let (_folder, cookie) = cookie();
    assert_eq!(
        Node::connect(&node.url(), &cookie)
            .unwrap()
            .height()
            .unwrap(),
        1234
    );
}

#[test]
fn what_a_node_refuses_comes_as_its_words() {
    let node = Listener::new(|request| {
        let right = result(request, "null");
        let error = r#""error":{"code":-32601,"message":"Method\u001b[2Jnot found"}"#;
        let body = right.replace("\"error\":null", error);
        reply("404 Not Found", "", body.as_bytes())
    });
    let (_folder, cookie) = cookie();
    let error = Node::connect(&node.url(), &cookie).err().unwrap();
    assert!(
        matches!(error, Error::Rpc { code: -32601, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("not found"), "{error}");
    assert!(!error.to_string().contains('\x1b'), "{error:?}");
}

#[test]
fn the_cookie_of_the_moment_is_sent() {
    use bitcoin::base64::{Engine, engine::general_purpose::STANDARD};
    let node = Listener::new(|request| reply("200 OK", "", result(request, "7").as_bytes()));
    let (_folder, cookie) = cookie();
    let mut connection = Node::connect(&node.url(), &cookie).unwrap();
    // As a node that was started anew writes it.
    std::fs::write(&cookie, "__cookie__:second").unwrap();
    connection.height().unwrap();
    let heard = node.heard();
    for (request, cookie) in heard
        .iter()
        .zip([&*format!("__cookie__:{SECRET}"), "__cookie__:second"])
    {
        let sent = format!("authorization: Basic {}", STANDARD.encode(cookie));
        assert!(request.contains(&sent), "{request}");
    }
    std::fs::write(&cookie, "no colon").unwrap();
    let error = connection.height().unwrap_err().to_string();
    assert!(
        error.contains("holds no user:password") && !error.contains("no colon"),
        "{error}"
    );
    std::fs::remove_file(&cookie).unwrap();
    let error = connection.height().unwrap_err().to_string();
    assert!(error.contains("cannot read the cookie file"), "{error}");
    assert_eq!(node.heard().len(), 2, "nothing is sent without");
}

/// A stand-in for nodes that are not to be had here: it answers as Bitcoin Knots 29, or a Bitcoin Core before 29, does
/// to a package whose parent pays nothing. `refusal` is what it says of the parent; `None`: it knows no packages.
fn stand_in(
    (version, agent): (u32, &'static str),
    truc: Option<&'static str>,
    refusal: Option<&'static str>,
) -> Listener {
    use bitcoin::{Transaction, consensus::encode::deserialize_hex};
    use serde_json::{Value, json};
    Listener::new(move |request| {
        let (_, body) = request.split_once("\r\n\r\n").unwrap();
        let call: Value = serde_json::from_str(body).unwrap();
        let answer = match call["method"].as_str().unwrap() {
            "getblockcount" => json!(200),
            "getnetworkinfo" => json!({"version": version, "subversion": agent}),
            "getmempoolinfo" => json!({
                "minrelaytxfee": 0.00001, "mempoolminfee": 0.00001, "truc_policy": truc,
            }),
            "gettxout" => json!({
                "bestblock": "00".repeat(32), "confirmations": 150, "value": 50.0,
                "scriptPubKey": {"hex": coin().1.script_pubkey.to_hex_string()},
            }),
            "getblockheader" => json!({"height": 200, "time": 0}),
            "gettxspendingprevout" => json!([{"txid": coin().0.txid, "vout": 0}]),
            "getrawtransaction" => {
                let hex = bitcoin::consensus::encode::serialize_hex(&funding());
                json!({"hex": hex, "blockhash": "00".repeat(32), "confirmations": 150})
            }
            "submitpackage" => match refusal {
                None => {
                    let error = r#""error":{"code":-32601,"message":"Method not found"}"#;
                    let body = result(request, "null").replace("\"error\":null", error);
                    return reply("404 Not Found", "", body.as_bytes());
                }
                Some(refusal) => {
                    let ids = call["params"][0].as_array().unwrap().iter().map(|hex| {
                        let tx: Transaction = deserialize_hex(hex.as_str().unwrap()).unwrap();
                        assert!(tx.input.iter().all(|input| input.witness.is_empty()));
                        tx.compute_wtxid().to_string()
                    });
                    let [parent, child] = ids.collect::<Vec<_>>().try_into().unwrap();
                    json!({"package_msg": "transaction failed", "tx-results": {
                        parent: {"error": refusal},
                        child: {"error": "bad-txns-inputs-missingorspent"},
                    }})
                }
            },
            other => panic!("{other} is not asked for"),
        };
        reply(
            "200 OK",
            "",
            result(request, &answer.to_string()).as_bytes(),
        )
    })
}

/// The transaction of the coin that a stand-in is asked with.
fn funding() -> bitcoin::Transaction {
    use narthex_regtest::suite::{Signer, pay, spend};
    let other = bitcoin::OutPoint {
        vout: 1,
        ..Default::default()
    };
    let script = Signer::new(7).unwrap().script();
    spend(&[other], vec![pay(5_000_000_000, &script)])
}

fn coin() -> (bitcoin::OutPoint, bitcoin::TxOut) {
    let tx = funding();
    let txid = tx.compute_txid();
    (bitcoin::OutPoint { txid, vout: 0 }, tx.output[0].clone())
}

#[test]
fn nodes_that_do_not_take_what_contracts_end_with_are_told_what_is_missing() {
    use narthex_regtest::{PolicyGap, ProbeError, probe};
    let knots = (290_100, "/Satoshi:29.1.0/Knots:20250903/");
    let low = Some("min relay fee not met, 0 < 133");
    let truc = |found: &str| PolicyGap::Truc {
        found: found.into(),
    };
    let old = |found| PolicyGap::Version { found, needed: 29 };
    let rate = bitcoin::FeeRate::from_sat_per_kwu(500);
    for (node, setting, refusal, gap, words) in [
        (
            knots,
            Some("accept"),
            low,
            truc("accept"),
            "-mempooltruc=enforce",
        ),
        (
            knots,
            Some("reject"),
            Some("version"),
            truc("reject"),
            "-mempooltruc=enforce",
        ),
        (
            knots,
            Some("enforce"),
            Some("dust"),
            PolicyGap::Ephemeral,
            "-permitephemeral",
        ),
        (
            (280_100, "/Satoshi:28.1.0/"),
            None,
            Some("dust"),
            old(28),
            "version 28",
        ),
        (
            (270_000, "/Satoshi:27.0.0/"),
            None,
            Some("version"),
            old(27),
            "version 27",
        ),
        (
            (230_000, "/Satoshi:23.0.0/"),
            None,
            None,
            old(23),
            "version 23",
        ),
    ] {
        let listener = stand_in(node, setting, refusal);
        let (_folder, cookie) = cookie();
        let mut node = Node::connect(&listener.url(), &cookie).unwrap();
        let error = probe(&mut node, rate, Some(coin())).unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains(words) && said.contains("Nothing is funded"),
            "{said}"
        );
        match error {
            ProbeError::Refused { gap: found, .. } => assert_eq!(found, gap, "{said}"),
            other => panic!("{other}"),
        }
        let sends = |request: &&String| request.contains("sendrawtransaction");
        assert_eq!(listener.heard().iter().filter(sends).count(), 0);
    }
    // One that complains of the script takes all else.
    let failed =
        "mandatory-script-verify-flag-failed (Witness program was passed an empty witness)";
    let listener = stand_in(knots, Some("enforce"), Some(failed));
    let (_folder, cookie) = cookie();
    let mut node = Node::connect(&listener.url(), &cookie).unwrap();
    assert!(probe(&mut node, rate, Some(coin())).is_ok());
}
