//! What a word is: the only place that says so, for counting and for cutting.

/// Bytes of a word that count.
pub const MAX_WORD_BYTES: usize = 64;

/// A byte that makes a word.
const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte > 127
}

/// A byte that ends every word.
pub(super) const fn separates(byte: u8) -> bool {
    !is_letter(byte) && byte != b'\''
}

/// Length of what comes before the first letter of a run without separators.
pub(super) fn before_letters(run: &[u8]) -> usize {
    let first = run.iter().position(|byte| is_letter(*byte));
    first.unwrap_or(run.len())
}

/// The words of a text.
pub(super) fn words(text: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    text.split(|byte| separates(*byte))
        .map(counting)
        .filter(|word| !word.is_empty())
        .map(<[u8]>::to_ascii_lowercase)
}

/// What counts of a run. It depends on its first letter and the bytes up to [`MAX_WORD_BYTES`] from
/// there, never on how it goes on: a partition that holds these need not know.
fn counting(run: &[u8]) -> &[u8] {
    let word = run.get(before_letters(run)..).unwrap_or_default();
    let word = word.get(..MAX_WORD_BYTES).unwrap_or(word);
    let last = word.iter().rposition(|byte| is_letter(*byte));
    last.and_then(|last| word.get(..=last)).unwrap_or_default()
}

/// What follows the run that a text begins in the middle of.
pub(super) fn after_run(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| separates(*byte));
    end.and_then(|end| text.get(end..)).unwrap_or_default()
}
