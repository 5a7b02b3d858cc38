//! What other implementations compare with: vectors of whole values, in JSON.

use serde_json::Value;

/// The file in `tests/vectors` has this value. `NARTHEX_BLESS=1` writes it anew, to be looked at.
#[track_caller]
pub fn holds(name: &str, found: &Value) {
    let path = format!("{}/tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("NARTHEX_BLESS").is_some() {
        let text = serde_json::to_string_pretty(found).unwrap() + "\n";
        std::fs::write(&path, text).unwrap();
    }
    let stored: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(*found, stored, "{name}");
}
