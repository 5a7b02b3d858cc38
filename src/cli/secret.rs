//! Files with secrets that a command reads.

use std::{os::unix::fs::PermissionsExt, path::Path};

use anyhow::Context;
use bitcoin::{PrivateKey, secp256k1::SecretKey};

/// Longest key file, in bytes.
const MAX_KEY_FILE_BYTES: u64 = 256;

/// A secret key from a file, in hex or as wallets export it (WIF); `-` for standard input. Not from an option, where
/// every user of the machine could read it.
pub(super) fn read_key(path: &Path) -> anyhow::Result<SecretKey> {
    let shown = path.display();
    if path.as_os_str() != "-" {
        warn_if_others_read(path);
    }
    let text = super::input::text(path, MAX_KEY_FILE_BYTES)
        .with_context(|| format!("cannot read a key from {shown}"))?;
    let text = text.trim();
    if let Ok(key) = text.parse::<SecretKey>() {
        return Ok(key);
    }
    // Never shown: it may be a key with one letter wrong.
    let wif = PrivateKey::from_wif(text).ok();
    Ok(wif
        .with_context(|| format!("{shown} holds no secret key, in hex or WIF"))?
        .inner)
}

/// Says so if others than its owner can read a file with a secret. It is read all the same: not to go on may cost more
/// than what has happened already.
pub(super) fn warn_if_others_read(path: &Path) {
    let Ok(found) = std::fs::metadata(path) else {
        return;
    };
    let mode = found.permissions().mode() & 0o777;
    if found.is_file() && mode & 0o077 != 0 {
        super::output::note(format_args!(
            "others can read the secrets in {} (mode {mode:o}); `chmod 600` keeps them to yourself",
            path.display()
        ));
    }
}
