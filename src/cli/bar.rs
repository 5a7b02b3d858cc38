//! Bars of long work.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of so many parts that looks like this, drawn on standard error if that is a terminal and the bar is to be shown.
pub(super) fn bar(parts: u64, template: &str, is_shown: bool) -> ProgressBar {
    let bar = match is_shown {
        true => ProgressBar::new(parts),
        false => ProgressBar::hidden(),
    };
    // Templates are literals; if one were wrong, the default bar would do.
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
