//! What holds for every record of bindings, as checks that each implementation passes.

use super::{BindError, Bindings, Mark};

/// A record that can be closed and opened again, as if its process had been killed.
pub trait Reopen {
    /// The record.
    type Store: Bindings + ?Sized;

    /// The record as it is open now.
    ///
    /// # Errors
    /// What the implementation says.
    fn store(&mut self) -> Result<&mut Self::Store, String>;

    /// Drops what is in memory and opens the record anew.
    ///
    /// # Errors
    /// What the implementation says.
    fn reopen(&mut self) -> Result<(), String>;
}

/// Checks an empty record.
///
/// # Errors
/// The first expectation that it breaks, in words.
pub fn check(record: &mut impl Reopen) -> Result<(), String> {
    let marks = (0u8..5)
        .map(|n| Mark::of("conformance", &[n; 32]))
        .collect::<Vec<_>>();
    for (mark, id) in marks.iter().zip(1u8..) {
        if let Some(id) = record.store()?.bound(mark) {
            return Err(format!("nothing was bound, and {id:?} is known of it"));
        }
        let bound = record.store()?.bind(*mark, [id; 32]);
        expect("an unused mark is bound", &bound, &Ok(()))?;
        refuses_all(record, &marks[..usize::from(id)])?;
        record.reopen()?;
        refuses_all(record, &marks[..usize::from(id)])?;
    }
    // One value for two purposes has two marks, and an id may have several marks.
    let other = Mark::of("conformance of another kind", &[0; 32]);
    let bound = record.store()?.bind(other, [1; 32]);
    expect("a value has a mark for each purpose", &bound, &Ok(()))
}

/// Each mark is bound to its position, from 1: no id is taken for it, and what it is bound to does not change.
fn refuses_all(record: &mut impl Reopen, marks: &[Mark]) -> Result<(), String> {
    for (mark, bound_to) in marks.iter().zip(1u8..) {
        let used = Err(BindError::Used {
            mark: *mark,
            bound_to: [bound_to; 32],
        });
        for id in [[bound_to; 32], [99; 32]] {
            let again = record.store()?.bind(*mark, id);
            expect("a mark serves once, whatever the id", &again, &used)?;
        }
        let known = record.store()?.bound(mark);
        if known != Some([bound_to; 32]) {
            return Err(format!("what is bound is known: found {known:?}"));
        }
    }
    Ok(())
}

fn expect(
    what: &str,
    found: &Result<(), BindError>,
    wanted: &Result<(), BindError>,
) -> Result<(), String> {
    match found == wanted {
        true => Ok(()),
        false => Err(format!("{what}: expected {wanted:?}, found {found:?}")),
    }
}
