//! Prints the path of a usable bitcoind, building one into the user's cache when there is none; with `--find` it
//! never builds.

use std::{
    io::{Write, stderr, stdout},
    process::ExitCode,
};

fn main() -> ExitCode {
    let found = match std::env::args().nth(1).as_deref() {
        None => narthex_regtest::ensure_bitcoind(),
        Some("--find") => narthex_regtest::find_bitcoind(),
        Some(other) => {
            let _ = writeln!(
                stderr(),
                "unknown argument {other}: give --find, or nothing"
            );
            return ExitCode::from(2);
        }
    };
    match found {
        Ok(path) => {
            match writeln!(stdout(), "{}", path.display()).and_then(|()| stdout().flush()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => failed(&error),
            }
        }
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    let _ = writeln!(stderr(), "{error}");
    ExitCode::FAILURE
}
