//! Strategies by name.

use narthex::game_model::{
    Ratio,
    play::{Appeal, ArbiterStrategy, Strategy, VerifierStrategy, WorkerStrategy},
};

use super::games::USUAL_ROOTS;
use crate::cli::value;

pub(super) fn worker(text: &str) -> Result<WorkerStrategy, String> {
    let (name, rest) = text.split_once(':').unwrap_or((text, ""));
    let fraction = || value::share(rest);
    Ok(match (name, rest) {
        ("honest", "") => WorkerStrategy::Deliver(Strategy::Honest),
        ("time-out", "") => WorkerStrategy::TimeOut,
        ("copy", "") => WorkerStrategy::Copy,
        ("skip", _) => WorkerStrategy::Deliver(Strategy::Skip {
            fraction: fraction()?,
            seed: 0,
        }),
        ("falsify", _) => WorkerStrategy::Deliver(Strategy::Falsify {
            fraction: fraction()?,
            seed: 0,
        }),
        ("garbage", _) => WorkerStrategy::Deliver(Strategy::Garbage {
            fraction: fraction()?,
            seed: 0,
        }),
        ("target", _) => WorkerStrategy::Deliver(Strategy::Target {
            steps: rest
                .split(',')
                .map(|step| step.parse().map_err(|_| format!("{step:?} is no step")))
                .collect::<Result<_, _>>()?,
        }),
        ("grind", _) => WorkerStrategy::Grind {
            work: Strategy::Falsify {
                fraction: fraction()?,
                seed: 0,
            },
            most_tries: 1,
        },
        ("redraw", _) => WorkerStrategy::Redraw {
            work: Strategy::Falsify {
                fraction: fraction()?,
                seed: 0,
            },
            most_roots: USUAL_ROOTS,
        },
        _ => {
            return Err(format!(
                "{text:?}: a worker is honest, skip:SHARE, falsify:SHARE, garbage:SHARE, target:STEPS, time-out, copy, grind:SHARE or redraw:SHARE"
            ));
        }
    })
}

pub(super) fn verifier(text: &str) -> Result<VerifierStrategy, String> {
    Ok(match text {
        "honest" => VerifierStrategy::Honest,
        "rubber-stamp" => VerifierStrategy::RubberStamp,
        "blind-accuse" => VerifierStrategy::BlindAccuse,
        "silent" => VerifierStrategy::Silent,
        _ => {
            return Err(format!(
                "{text:?}: a verifier is honest, rubber-stamp, blind-accuse or silent"
            ));
        }
    })
}

pub(super) fn appeal(text: &str) -> Result<Appeal, String> {
    Ok(match text {
        "when-right" => Appeal::WhenRight,
        "always" => Appeal::Always,
        "never" => Appeal::Never,
        "idle" => Appeal::Idle,
        _ => return Err(format!("{text:?}: when-right, always, never or idle")),
    })
}

pub(super) fn arbiter(text: &str) -> Result<ArbiterStrategy, String> {
    Ok(match text {
        "honest" => ArbiterStrategy::Honest,
        "guess" => ArbiterStrategy::Guess,
        "silent" => ArbiterStrategy::Silent,
        "equivocate" => ArbiterStrategy::Equivocate,
        _ => {
            let rates = text.strip_prefix("erring:").map(|rates| {
                let rates = rates
                    .split(',')
                    .map(value::share)
                    .collect::<Result<Vec<_>, _>>();
                rates.map(|rates| <[Ratio; 3]>::try_from(rates).ok())
            });
            match rates {
                Some(Ok(Some([convicts_innocent, acquits_guilty, undecided]))) => {
                    ArbiterStrategy::Erring {
                        convicts_innocent,
                        acquits_guilty,
                        undecided,
                    }
                }
                _ => {
                    return Err(format!(
                        "{text:?}: an arbiter is honest, guess, silent, equivocate or erring:E1,E2,E5"
                    ));
                }
            }
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn strategies_by_name() {
        let skip = WorkerStrategy::Deliver(Strategy::Skip {
            fraction: Ratio::new(1, 200).unwrap(),
            seed: 0,
        });
        for text in ["skip:0.5%", "skip:1/200", "skip:00.50%"] {
            assert_eq!(worker(text).as_ref(), Ok(&skip), "{text}");
        }
        for text in [
            "",
            "skip",
            "skip:",
            "skip:101%",
            "skip:-1%",
            "skip:x%",
            "skip:1.%%",
            "honest:1%",
            "target:",
            "skip:1.00000000000000000000000000000000000%",
            "target:1,x",
        ] {
            assert!(worker(text).is_err(), "{text}");
        }
        assert!(arbiter("erring:1%,1/50,0").is_ok());
        for text in [
            "erring:1%,1%",
            "erring:1%,1%,1%,1%",
            "erring",
            "erring:2,0,0",
        ] {
            assert!(arbiter(text).is_err(), "{text}");
        }
        assert!(verifier("Honest").is_err() && appeal("maybe").is_err());
    }
}
