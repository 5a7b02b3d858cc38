//! The real command.

use std::process::Command;

/// Whether it succeeds, what it prints, and what it says on standard error.
pub fn command(name: &str, args: &[&str]) -> (bool, String, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_narthex"))
        .arg(name)
        .args(args)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (run.status.success(), text(run.stdout), text(run.stderr))
}

/// The same, with arguments between spaces.
pub fn words(name: &str, args: &str) -> (bool, String, String) {
    command(name, &args.split_whitespace().collect::<Vec<_>>())
}

/// Each prints so many lines, and every line is a JSON object.
pub fn prints_objects(name: &str, cases: &[(&str, usize)]) {
    for (args, lines) in cases {
        let (fine, out, err) = words(name, args);
        assert!(fine, "{args}: {err}");
        assert_eq!(out.lines().count(), *lines, "{args}: {out}");
        for line in out.lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(value.is_object());
        }
    }
}

/// Each is refused with these words, and without a panic; what it says comes back.
pub fn refuses(name: &str, cases: &[(&str, &str)]) -> Vec<String> {
    let mut said = Vec::new();
    for (args, part) in cases {
        let (fine, out, err) = words(name, args);
        assert!(!fine, "{args}: {out}");
        assert!(
            err.contains(part) && !err.contains("panicked"),
            "{args}: {err}"
        );
        said.push(err);
    }
    said
}
