//! The example of a market, as real processes on bitcoind: one of them is killed, and the buyer has its result all the same.

use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use narthex::{
    bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng},
    regtest::Bitcoind,
};
use tempfile::TempDir;

use crate::support::{house::PATIENCE, result_of, seed, town::DIGITS};

#[path = "../../examples/marketplace.rs"]
#[allow(dead_code)]
mod example;

/// Set in the processes of the example: their words.
const WORDS: &str = "NARTHEX_TEST_MARKET";

/// A process of the example.
#[test]
fn process() {
    if let Ok(words) = env::var(WORDS) {
        let words: Vec<String> = serde_json::from_str(&words).unwrap();
        example::run(&words).unwrap();
    }
}

/// One that runs; killed when dropped.
struct Running {
    child: Child,
    words: Vec<String>,
    said: Arc<Mutex<Vec<String>>>,
}

impl Running {
    fn start(words: Vec<String>) -> Running {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "marketplace::process", "--nocapture"])
            .env(WORDS, serde_json::to_string(&words).unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = Arc::new(Mutex::new(Vec::new()));
        let saying = said.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                saying.lock().unwrap().push(line);
            }
        });
        Running { child, words, said }
    }

    fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// Whether it has ended, which only one that has done what it was for does.
    fn is_over(&mut self) -> bool {
        let ended = self.child.try_wait().unwrap();
        let is_well = ended.is_none_or(|status| status.success());
        assert!(is_well, "{:?}: {ended:?}\n{:#?}", self.words, self.said());
        ended.is_some()
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait(what: &str, all: &mut [&mut Running], mut is_so: impl FnMut(&mut [&mut Running]) -> bool) {
    let start = Instant::now();
    while !is_so(all) {
        if start.elapsed() > PATIENCE {
            let said: Vec<_> = all.iter().map(|one| (&one.words[0], one.said())).collect();
            panic!("in vain: {what}: {said:#?}");
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// The market's processes, of which one is killed once, after it has said some lines.
fn traded(seed: u64) {
    println!("NARTHEX_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let folder = TempDir::new().unwrap();
    let (job, result) = (folder.path().join("job.json"), folder.path().join("result"));
    std::fs::write(&job, DIGITS).unwrap();
    let chain = Bitcoind::start().unwrap();
    let (url, cookie) = chain.rpc();
    let word = |path: &Path| path.to_str().unwrap().to_owned();
    let market = folder.path().join("market");
    std::fs::create_dir(&market).unwrap();
    let start = |who: &str, files: &[&Path]| {
        let mut words = vec![who.to_owned(), word(&market), url.clone(), word(&cookie)];
        words.extend(files.iter().map(|path| word(path)));
        Running::start(words)
    };
    let mut others = start("market", &[]);
    let (mut seller, mut buyer) = (start("seller", &[]), start("buyer", &[&job, &result]));
    // Up to where the work is done, and before.
    let (is_seller, lines) = (rng.gen_bool(0.5), rng.gen_range(4..24));
    let all = &mut [&mut others, &mut seller, &mut buyer];
    wait("it says enough to be killed", all, |all| {
        let victim = if is_seller { &mut all[1] } else { &mut all[2] };
        victim.is_over() || victim.said().len() >= lines
    });
    let victim = if is_seller { &mut seller } else { &mut buyer };
    assert!(
        !victim.is_over(),
        "it is not over so soon: {:#?}",
        victim.said()
    );
    println!("{} is killed after {:#?}", victim.words[0], victim.said());
    victim.kill();
    *victim = Running::start(victim.words.clone());
    let all = &mut [&mut others, &mut seller, &mut buyer];
    wait("both are content", all, |all| {
        assert!(
            !all[0].is_over(),
            "the market has ended: {:#?}",
            all[0].said()
        );
        all[1].is_over() & all[2].is_over()
    });
    assert_eq!(std::fs::read(&result).unwrap(), result_of(&job));
    let said = seller.said();
    println!("{said:#?}");
    let is_paid = said.iter().any(|line| line.contains("published: S3"));
    assert!(is_paid, "it was paid by showing the key: {said:#?}");
}

#[test]
fn whoever_is_killed_the_buyer_has_its_result_and_the_seller_its_money() {
    traded(seed());
}

/// A market's own code is what is a market's own.
#[test]
fn it_is_short() {
    let lines = include_str!("../../examples/marketplace.rs")
        .lines()
        .count();
    assert!(lines < 150, "{lines} lines");
}
