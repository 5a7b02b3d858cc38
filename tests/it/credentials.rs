//! What opens a node is told to that node alone, and nothing secret is told to the user's terminal.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
    sync::mpsc,
};

const SECRET: &str = "hunter2";

/// A listener that answers everything so; what it hears comes out of the channel.
fn listener(answer: String) -> (u16, mpsc::Receiver<String>) {
    let socket = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    let (tell, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in socket.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 4096];
            let mut text = String::new();
            while !text.contains('}') {
                match stream.read(&mut buffer).unwrap_or(0) {
                    0 => break,
                    read => text += &String::from_utf8_lossy(&buffer[..read]),
                }
            }
            tell.send(text).ok();
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    (port, heard)
}

fn snapshot(folder: &std::path::Path, node: &str) -> Output {
    fs::write(folder.join("none"), "").unwrap();
    let cookie = folder.join("cookie");
    if !cookie.exists() {
        fs::write(&cookie, format!("__cookie__:{SECRET}")).unwrap();
        fs::set_permissions(&cookie, fs::Permissions::from_mode(0o600)).unwrap();
    }
    Command::new(env!("CARGO_BIN_EXE_narthex"))
        .args([
            "bond", "snapshot", "none", "--node", node, "--cookie", "cookie",
        ])
        .current_dir(folder)
        .output()
        .unwrap()
}

#[test]
fn the_cookie_goes_to_no_other_address() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = "HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n";
    let (other, others) = listener(nothing.into());
    for status in ["301 x", "302 x", "303 x", "307 x", "308 x"] {
        let place = format!("Location: http://127.0.0.1:{other}/");
        let answer = format!("HTTP/1.1 {status}\r\n{place}\r\nContent-Length: 0\r\n\r\n");
        let (first, heard) = listener(answer);
        let done = snapshot(folder.path(), &format!("http://127.0.0.1:{first}"));
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(!done.status.success());
        assert!(
            said.contains("sends the request on") && !said.contains(SECRET),
            "{said}"
        );
        // Names of headers have no case.
        let asked = heard.recv().unwrap().to_lowercase();
        assert!(asked.contains("authorization: basic"), "{asked}");
    }
    assert!(
        others.try_recv().is_err(),
        "nobody came to the other address"
    );
}

#[test]
fn a_password_in_an_address_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let (port, heard) = listener(String::new());
    for node in [
        format!("http://me:{SECRET}@127.0.0.1:{port}"),
        format!("http://{SECRET}@127.0.0.1:{port}/wallet/x"),
        format!("me:{SECRET}@127.0.0.1:{port}"),
        format!("https://me:{SECRET}@127.0.0.1:{port}"),
        format!("http://me:{SECRET}@ :x"),
    ] {
        let done = snapshot(folder.path(), &node);
        let said =
            String::from_utf8(done.stderr).unwrap() + &String::from_utf8(done.stdout).unwrap();
        assert!(
            !done.status.success() && said.contains("--cookie"),
            "{said}"
        );
        assert!(
            !said.contains(SECRET) && !said.contains("panicked"),
            "{said}"
        );
    }
    assert!(heard.try_recv().is_err(), "nothing was asked");
}

#[test]
fn keys_and_cookies_that_others_can_read_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let warns = |done: Output, name: &str, shown: bool| {
        let said = String::from_utf8(done.stderr).unwrap();
        let warning = format!("others can read the secrets in {name} (mode 644)");
        assert_eq!(said.contains(&warning), shown, "{said}");
        assert!(
            !said.contains(SECRET) && !said.contains(&"01".repeat(32)),
            "{said}"
        );
    };
    let (port, _heard) = listener("HTTP/1.1 401 no\r\nContent-Length: 0\r\n\r\n".into());
    let node = format!("http://127.0.0.1:{port}");
    warns(snapshot(folder.path(), &node), "cookie", false);
    for (mode, shown) in [(0o644, true), (0o600, false)] {
        let cookie = folder.path().join("cookie");
        fs::set_permissions(&cookie, fs::Permissions::from_mode(mode)).unwrap();
        warns(snapshot(folder.path(), &node), "cookie", shown);
        let key = folder.path().join("key");
        fs::write(&key, "01".repeat(32)).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let scan = Command::new(env!("CARGO_BIN_EXE_narthex"))
            .args(["deliver", "scan", "--key", "key", "none"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        warns(scan, "key", shown);
    }
}
