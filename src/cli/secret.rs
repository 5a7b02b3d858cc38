//! Files with secrets that a command reads.

use std::{os::unix::fs::PermissionsExt, path::Path};

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
