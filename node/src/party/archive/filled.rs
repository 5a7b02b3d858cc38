//! A store with many contracts that are over, for measuring how it is started.

use narthex::bitcoin::hex::DisplayHex as _;
use narthex_base::{codec::Message as _, tagged::tagged_hash};

use super::{Counts, ROW, counts_log, last, logs, row_log, row_of, torn};
use crate::party::{Fatal, Store};

/// Bytes that stand in a log of a copy: no start reads them.
const STAND_IN: usize = 512;

/// Copies after which what was written is made durable.
const BATCH: u64 = 2_000;

/// Copies the contract that was put away last, under other ids: for each a row as it is, and stand-ins of its logs. Counts are those of all of them.
/// For who measures a store; nobody can go on with such a contract.
///
/// # Errors
/// [`Fatal`]; this computer's fault.
pub fn fill_archive(store: &mut dyn Store, copies: u64) -> Result<(), Fatal> {
    let found = store.away(ROW, None, 1)?.pop();
    let Some((_, whose)) = found else {
        return Ok(());
    };
    let Some(mut row) = row_of(store, whose.id)? else {
        return Ok(());
    };
    let mut stand_ins = Vec::new();
    for whose in &logs(whose.id) {
        let mut first = Vec::new();
        store.open(whose)?.read(&mut |number, bytes| {
            if number == 0 {
                first = bytes.iter().take(STAND_IN).copied().collect();
            }
        })?;
        stand_ins.push(first);
    }
    let whose = counts_log();
    let mut log = store.open(&whose)?;
    let (next, found) = last(&mut log)?;
    let counts = found.as_deref().map(Counts::from_bytes).transpose();
    let mut counts = counts
        .map_err(|error| torn(&whose, error))?
        .unwrap_or_default();
    for copy in 0..copies {
        let id = tagged_hash("narthex/archive-copy", &copy.to_be_bytes());
        row.contract.id = id.to_lower_hex_string();
        if let Some(case) = &mut row.case {
            case.id.clone_from(&row.contract.id);
        }
        let all = logs(id).into_iter().zip(stand_ins.iter().cloned());
        for (whose, entry) in all.chain([(row_log(id), row.to_bytes())]) {
            store.open(&whose)?.append(0, &[entry])?;
            store.put_away(&whose, true)?;
        }
        counts = counts.and(&row);
        if copy % BATCH == 0 {
            store.commit()?;
        }
    }
    log.replace(next, &[counts.to_bytes()])?;
    Ok(store.commit()?)
}
