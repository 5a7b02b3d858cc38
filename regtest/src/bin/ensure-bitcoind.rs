//! Prints the path of a usable bitcoind, building one into the user's cache when there is none.

use std::process::ExitCode;

fn main() -> ExitCode {
    match narthex_regtest::ensure_bitcoind() {
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
