//! A ruling, made again.

use narthex_game_model::ruling::CaseFinding;
use serde::Serialize;

use crate::Report;

/// Something that two findings say differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What.
    pub field: &'static str,
    /// What the arbiter has signed.
    pub said: String,
    /// What was found when it was ruled again.
    pub found: String,
}

/// What came of ruling again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// What the arbiter has signed.
    pub said: Report,
    /// What was found now.
    pub found: Report,
    /// In what the two differ; empty if the finding is the same.
    pub differences: Vec<Difference>,
}

impl Replay {
    /// Of what was said and what is found.
    pub fn of(said: Report, found: Report) -> Replay {
        let differences = differences(&said.finding, &found.finding);
        Replay {
            said,
            found,
            differences,
        }
    }
}

/// In what two findings differ. By which engines they were made is no part of them.
pub fn differences(said: &CaseFinding, found: &CaseFinding) -> Vec<Difference> {
    let mut all = Vec::new();
    let mut compare = |field, said: String, found: String| {
        if said != found {
            all.push(Difference { field, said, found });
        }
    };
    compare("ruling", said.ruling.to_string(), found.ruling.to_string());
    compare("row", said.row.to_string(), found.row.to_string());
    compare("reason", said.reason.clone(), found.reason.clone());
    let unpaid = |of: &CaseFinding| of.unpaid.clone().unwrap_or_default();
    compare("unpaid", unpaid(said), unpaid(found));
    let refused = |of: &CaseFinding| {
        let all = of.refused.iter();
        let all: Vec<_> = all
            .map(|refused| format!("{}: {}: {}", refused.by, refused.what, refused.why))
            .collect();
        all.join("; ")
    };
    compare("refused", refused(said), refused(found));
    all
}
