//! The settlement table for the example's figures, written down a second time: in plain integers, from the document
//! and not from the code.

use narthex::game_model::{Template, workload::digits::Labelled};

/// Images of the shipped job.
pub const IMAGES: usize = 897;

/// c, w, v, a of the example.
const REWARD: i64 = 100_000;
const WORKER_STAKE: i64 = 200_000;
const VERIFIER_STAKE: i64 = 220_000;
const STAKE: i64 = 250_000;

/// When the last transaction confirms.
pub enum Timing {
    /// As soon as it is wanted.
    Free,
    /// In the first block above the delivery deadline moved by so many blocks.
    Deadline(i32),
    /// So many blocks after this transaction.
    After(&'static str, u32),
}

/// What a scenario must come to.
pub struct Expected {
    pub scheme: Option<u8>,
    pub transactions: usize,
    pub timing: Timing,
    pub client: i64,
    pub worker: i64,
    pub verifier: i64,
    pub arbiters: Vec<i64>,
    pub reveals: bool,
    /// Whether the work was done.
    pub honest: bool,
    /// What is paid to a key that nobody has.
    pub nobody: i64,
    /// Row of the ruling table.
    pub row: Option<&'static str>,
}

impl Expected {
    pub fn change_of(&self, party: &str) -> i64 {
        let arbiters: i64 = self.arbiters.iter().sum();
        match party {
            "client" => self.client,
            "worker" => self.worker,
            "verifier" => self.verifier,
            // Whatever nobody else gets.
            "common fund" => -(self.client + self.worker + self.verifier + arbiters + self.nobody),
            "nobody" => self.nobody,
            arbiter => {
                self.arbiters[arbiter
                    .strip_prefix("arbiter")
                    .unwrap()
                    .parse::<usize>()
                    .unwrap()]
            }
        }
    }
}

pub fn expected(template: Template, scenario: &str, (k, n): (u8, u8)) -> Expected {
    match template {
        Template::Hardened => hardened(scenario, k.into(), n.into()),
        Template::Paper => paper(scenario, k.into(), n.into()),
        Template::Audited => audited(scenario, k.into(), n.into()),
    }
}

fn row(
    scheme: u8,
    transactions: usize,
    timing: Timing,
    [client, worker, verifier]: [i64; 3],
    n: i64,
) -> Expected {
    Expected {
        scheme: Some(scheme),
        transactions,
        timing,
        client,
        worker,
        verifier,
        arbiters: vec![0; n as usize],
        reveals: false,
        honest: false,
        nobody: 0,
        row: None,
    }
}

/// Each of a majority of `j` gains its share of the pot, the others lose their stakes.
fn panel(pot: i64, j: i64, n: i64) -> Vec<i64> {
    (0..n)
        .map(|i| if i < j { pot / j } else { -STAKE })
        .collect()
}

enum Fault {
    Worker,
    Verifier,
}

/// The scenarios that are there for a row of the table, as `docs/rulings.md` has it.
fn ruled(scenario: &str) -> Option<(&'static str, Fault)> {
    use Fault::{Verifier, Worker};
    Some(match scenario {
        "two-roots" => ("0", Worker),
        "two-samples" => ("0", Verifier),
        "redraw" => ("1", Worker),
        "withheld-boxes" | "empty-boxes" => ("2", Worker),
        "withheld-nonce" => ("3", Verifier),
        "withheld-token" => ("4", Worker),
        "withheld-reply" | "false-hash" => ("5", Verifier),
        "denied-seal" => ("6", Verifier),
        "false-token" => ("7", Worker),
        "made-up-digests" => ("8", Verifier),
        "withheld-opening" | "hollow-opening" => ("9", Worker),
        "false-seal" => ("9a", Worker),
        "garbage-boxes" => ("10", Worker),
        "outside-sample" => ("11", Verifier),
        _ => return None,
    })
}

/// Whether a scenario tells of a row, or of what the token is for: beside the endings themselves.
pub fn is_of_rulings(scenario: &str) -> bool {
    ruled(scenario).is_some() || ["unearned-approval", "withheld-settlement"].contains(&scenario)
}

fn hardened(scenario: &str, k: i64, n: i64) -> Expected {
    use Timing::{After, Deadline, Free};
    // φ = c/5, b = 30,000, α = 9/10, β = 1/4, γ = 1/10, δ = 3/4, ε = 1/2; windows of 6 blocks; Δ_Q = 2.
    let (fee, pot) = (20_000, WORKER_STAKE - 20_000 - 30_000);
    let decide = (10 + 2 * (n - k)) as u32;
    let normal = [-REWARD, REWARD - fee, fee];
    let faulty = [0, -150_000, fee + 30_000];
    let revealed = |e: Expected| Expected {
        reveals: true,
        honest: true,
        ..e
    };
    let convicted = |j: i64| {
        let rest = pot - pot / j * j;
        let waits = After("TxA", 2 * (n - j) as u32);
        let row = row(6, 5, waits, [rest, -WORKER_STAKE, fee + 30_000], n);
        Expected {
            arbiters: panel(pot, j, n),
            ..row
        }
    };
    let cleared = |j: i64| {
        let rest = pot - pot / j * j;
        let waits = After("TxA", 2 * (n - j) as u32);
        // The client has no output that the rounding could go to.
        let row = row(7, 5, waits, [-REWARD, REWARD + rest, -VERIFIER_STAKE], n);
        revealed(Expected {
            arbiters: panel(pot, j, n),
            ..row
        })
    };
    let failed = |ruled: i64, windows: u32| {
        let blocks = windows * decide + 2 * (n - ruled) as u32;
        let row = row(5, 5, After("TxA", blocks), [20_000, -100_000, -110_000], n);
        let arbiters = (0..n)
            .map(|i| if i < ruled { 0 } else { -STAKE / 2 })
            .collect();
        Expected { arbiters, ..row }
    };
    let by = |number: &'static str, e: Expected| Expected {
        row: Some(number),
        ..e
    };
    // A row tells who was at fault, and the whole panel says so.
    if let Some((number, fault)) = ruled(scenario) {
        return match fault {
            Fault::Worker => by(number, convicted(n)),
            Fault::Verifier => by(number, cleared(n)),
        };
    }
    match scenario {
        "normal" | "lost-token" => revealed(row(3, 2, Free, normal, n)),
        // v and φ are in an output of a key that nobody has.
        "unearned-approval" => revealed(Expected {
            nobody: VERIFIER_STAKE + fee,
            ..row(3, 4, Free, [-REWARD, REWARD - fee, -VERIFIER_STAKE], n)
        }),
        "withheld-settlement" => revealed(row(3, 4, Free, normal, n)),
        "coop" => revealed(Expected {
            scheme: None,
            ..row(3, 2, Free, normal, n)
        }),
        "normal-long" => revealed(row(3, 4, Free, normal, n)),
        // The root is recorded by a transaction of its own.
        "outbid-root" => revealed(row(3, 5, Free, normal, n)),
        "timeout" => row(1, 2, Deadline(0), [0, -180_000, 0], n),
        "timeout-long" => row(1, 4, After("TxV1", 6), [0, -180_000, fee], n),
        "abandoned" => row(1, 3, After("TxD", 6 + 2 * decide), [0, -180_000, 0], n),
        "silent-verifier" => revealed(row(2, 3, After("TxD", 6), [-25_000, 80_000, -55_000], n)),
        "admit" => row(4, 2, Free, faulty, n),
        "admit-long" | "idle-worker" => row(4, 4, After("TxV0", 6), faulty, n),
        // k − 1 are right, and as many as can be without a quorum are wrong.
        "failed" => by(
            "8",
            failed((k - 1) + (k - 1).min(n - k + 1).min((n - k).max(1)), 1),
        ),
        "failed-long" => failed(0, 2),
        "worker-at-fault" => by("8", convicted(n)),
        "worker-at-fault-long" => by("8", convicted(k)),
        "verifier-at-fault" => by("11", cleared(n)),
        "verifier-at-fault-long" => by("11", cleared(k)),
        other => panic!("the test does not know the hardened scenario {other}"),
    }
}

/// What the client's challenge changes: x = 60,000, κ = 100,000, Δ_C = 12.
fn audited(scenario: &str, k: i64, n: i64) -> Expected {
    use Timing::{After, Free};
    let (fee, bond, compensation) = (20_000, 60_000, 100_000);
    let decide = (10 + 2 * (n - k)) as u32;
    let normal = [-REWARD, REWARD - fee, fee];
    let revealed = |e: Expected| Expected {
        reveals: true,
        honest: true,
        ..e
    };
    let upheld = |number: &'static str, j: i64| {
        let rest = bond - bond / j * j;
        let waits = After("TxC", 2 * (n - j) as u32);
        let both = [compensation + rest, -WORKER_STAKE, -VERIFIER_STAKE];
        Expected {
            arbiters: panel(bond, j, n),
            row: Some(number),
            ..row(6, 5, waits, both, n)
        }
    };
    // The client keeps nothing that the rounding could go to.
    let dismissed = |lost: i64| {
        let rest = bond - bond / n * n;
        let changes = [-REWARD - bond, REWARD - fee + rest, fee - lost];
        revealed(Expected {
            arbiters: panel(bond, n, n),
            row: Some("c5"),
            nobody: lost,
            ..row(7, 5, After("TxC", 0), changes, n)
        })
    };
    match scenario {
        "normal" => revealed(row(3, 2, Free, normal, n)),
        "normal-long" => revealed(row(3, 4, After("TxV1", 12), normal, n)),
        "unearned-approval" => revealed(Expected {
            nobody: VERIFIER_STAKE + fee,
            ..row(
                3,
                4,
                After("TxV1", 12),
                [-REWARD, REWARD - fee, -VERIFIER_STAKE],
                n,
            )
        }),
        "timeout-long" => row(1, 4, After("TxV1", 12 + 6), [0, -180_000, fee], n),
        "worker-at-fault" | "verifier-at-fault" => hardened(scenario, k, n),
        "challenge-upheld" => upheld("c4", n),
        "challenge-upheld-long" => upheld("c4", k),
        "challenge-unserved" => upheld("c2", n),
        "challenge-garbage" | "challenge-dodged" => upheld("c3", n),
        "challenge-dismissed" => dismissed(0),
        "challenge-bluff" => dismissed(VERIFIER_STAKE + fee),
        "challenge-undecided" => {
            let blocks = decide + 2 * (n - 1) as u32;
            let changes = [-bond / 2, -100_000, -110_000];
            Expected {
                arbiters: (0..n).map(|i| if i < 1 { 0 } else { -STAKE / 2 }).collect(),
                row: Some("c4"),
                ..row(5, 5, After("TxC", blocks), changes, n)
            }
        }
        other => panic!("the test does not know the audited scenario {other}"),
    }
}

fn paper(scenario: &str, k: i64, n: i64) -> Expected {
    use Timing::{Deadline, Free};
    let fee = 20_000;
    let _ = k;
    let revealed = |e: Expected| Expected {
        reveals: true,
        honest: true,
        ..e
    };
    let silent = [-25_000, 80_000, -55_000];
    // δw goes to the fund, φ to the verifier on top of it.
    let faulty = [0, -150_000 - fee, fee];
    let rest = WORKER_STAKE - WORKER_STAKE / n * n;
    let cleared = || {
        let row = row(7, 3, Free, [-REWARD, REWARD + rest, -VERIFIER_STAKE], n);
        revealed(Expected {
            arbiters: panel(WORKER_STAKE, n, n),
            ..row
        })
    };
    match scenario {
        "normal" => revealed(row(3, 2, Free, [-REWARD, REWARD - fee, fee], n)),
        "timeout" | "timeout-verifier" => row(1, 2, Deadline(0), [0, -100_000, 0], n),
        "silent-verifier" => revealed(row(2, 2, Deadline(-24), silent, n)),
        // The secret is out, but there is nothing to decrypt.
        "idle-worker" => row(2, 2, Deadline(-24), silent, n),
        "admit" | "mute-verifier" => row(4, 2, Deadline(-12), faulty, n),
        // An arbiter took its stake back in between.
        "sideways" => row(4, 3, Deadline(-12), faulty, n),
        "failed" => {
            // γw on top of εw, and nothing for arbiters.
            let row = row(5, 3, Deadline(12), [20_000, -120_000, -110_000], n);
            Expected {
                arbiters: vec![-STAKE; n as usize],
                ..row
            }
        }
        "worker-at-fault" => {
            let row = row(6, 3, Free, [rest, -WORKER_STAKE, 0], n);
            Expected {
                arbiters: panel(WORKER_STAKE, n, n),
                ..row
            }
        }
        "verifier-at-fault" => cleared(),
        // The work was not done, and the worker is paid.
        "one-secret" => Expected {
            honest: false,
            ..cleared()
        },
        other => panic!("the test does not know the paper's scenario {other}"),
    }
}

/// The first digits of the job, by another way than the program's: all distances, sorted.
pub fn digits(count: usize) -> Vec<u8> {
    let (reference, rest) = Labelled::shipped().unwrap().split(900);
    let images = |set: &Labelled| {
        set.images()
            .unwrap()
            .iter()
            .map(<[u8]>::to_vec)
            .collect::<Vec<_>>()
    };
    let labels: Vec<u8> = reference.labels().collect();
    let known = images(&reference);
    let classify = |image: &Vec<u8>| {
        let distance = |other: &Vec<u8>| -> i32 {
            image
                .iter()
                .zip(other)
                .map(|(a, b)| (i32::from(*a) - i32::from(*b)).pow(2))
                .sum()
        };
        let mut nearest: Vec<_> = known.iter().map(distance).zip(&labels).collect();
        nearest.sort_by_key(|(distance, _)| *distance);
        let [a, b, c] = [0, 1, 2].map(|i| *nearest[i].1);
        if b == c { b } else { a }
    };
    images(&rest).iter().take(count).map(classify).collect()
}
