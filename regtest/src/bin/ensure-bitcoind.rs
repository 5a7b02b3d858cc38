//! Prints the path of a usable bitcoind, building one into the user's cache when there is none; with `--find` it
//! never builds.

use std::process::ExitCode;

fn main() -> ExitCode {
    let found = match std::env::args().nth(1).as_deref() {
        None => narthex_regtest::ensure_bitcoind(),
        Some("--find") => narthex_regtest::find_bitcoind(),
        Some(other) => {
            eprintln!("unknown argument {other}: give --find, or nothing");
            return ExitCode::from(2);
        }
    };
    match found {
        Ok(path) => {
            println!("{}", path.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
