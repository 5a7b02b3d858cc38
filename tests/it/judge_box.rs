//! The box that arbiters judge in: what gets out of it, and what becomes of a child that does not do what it is for.

use crate::common;

use std::{net::TcpListener, path::Path, time::Duration};

use bitcoin::hex::{DisplayHex, FromHex};
use narthex::{
    arbiter::{Answer, Bundle, Question, Silence},
    game_model::Template,
    harness::play_on,
    judging::{CellLimits, JudgeBox, Network, judge_here},
    play::Event,
    regtest::Embedded,
};
use narthex_base::codec::Message as _;
use serde_json::Value;

const ROOM: CellLimits = CellLimits {
    memory_bytes: 2 << 30,
    cpu_seconds: 300,
};
const LONG: Duration = Duration::from_secs(600);

/// The command's own, as arbiters use it.
fn own() -> JudgeBox {
    JudgeBox::new(env!("CARGO_BIN_EXE_narthex"), &["arbiter", "judge"])
}

/// Of a case that was lived, with a step that is run again.
fn question() -> Question {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("arbiter/tests/vectors/bundle.json");
    let kept: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let bytes = Vec::<u8>::from_hex(kept["bundle"].as_str().unwrap()).unwrap();
    Bundle::from_bytes(&bytes).unwrap().open(None).unwrap()
}

#[test]
fn a_judge_in_its_box_finds_what_is_found_outside() {
    let question = question();
    let inside = own().judge(&question).unwrap();
    assert_eq!(inside, judge_here(&question, None).unwrap());
    println!("{}", inside.judged);
}

#[test]
fn nothing_gets_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let probed = own().probe(Some(listener.local_addr().unwrap())).unwrap();
    println!("{}", probed.network);
    for probe in &probed.probes {
        println!("{}: {}", probe.tried, probe.said);
        assert!(probe.held, "{probe:?}");
    }
    assert!(probed.holds());
    // Where the system permits a namespace, that holds by itself, too.
    let alone = probed.probes.iter().filter(|p| p.tried.ends_with("left"));
    let alone = alone.filter(|p| p.tried.contains("socket")).count();
    assert_eq!(alone == 2, probed.network == Network::Own);
}

/// Nobody is ruled on: this machine is at fault.
fn is_silent(judge: &JudgeBox, question: &Question, words: &str) {
    let silent = judge.judge(question).unwrap_err();
    assert_eq!(silent.why, Silence::Machine, "{silent}");
    assert!(silent.words.contains(words), "{silent}");
}

fn shell(script: &str) -> JudgeBox {
    JudgeBox::new("/bin/sh", &["-c", script]).within(ROOM, LONG)
}

#[test]
fn a_child_that_does_not_judge_is_no_verdict() {
    let question = question();
    is_silent(
        &JudgeBox::new("/no/such/judge", &[]),
        &question,
        "does not start",
    );
    is_silent(&shell("exit 1"), &question, "said nothing");
    is_silent(&shell("kill -9 $$"), &question, "signal: 9");
    is_silent(&shell("echo guilty"), &question, "hex");
    is_silent(&shell("echo 6775696c7479"), &question, "kind");
    // It says back what it was asked.
    is_silent(&shell("exec cat"), &question, "in its box");
    is_silent(&shell("exec cat /dev/zero"), &question, "more than");
    let hangs = shell("exec sleep 3600").within(ROOM, Duration::from_millis(300));
    is_silent(&hangs, &question, "did not answer");
    // It closes its output and stays: it has said nothing, and is killed.
    is_silent(
        &shell("exec >&-; exec sleep 3600"),
        &question,
        "said nothing",
    );
}

/// A right answer, to another question; and one with a byte more.
#[test]
fn an_answer_to_another_question_is_none() {
    let question = question();
    let found = judge_here(&question, None);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answer");
    let answers = shell(&format!("exec cat {}", file.display()));
    let right = Answer {
        question: question.id(),
        found,
    };
    let write = |bytes: &[u8]| std::fs::write(&file, bytes.to_lower_hex_string()).unwrap();
    write(&right.to_bytes());
    assert!(answers.judge(&question).is_ok());
    let other = Answer {
        question: [7; 32],
        ..right.clone()
    };
    write(&other.to_bytes());
    is_silent(&answers, &question, "another question");
    write(&[right.to_bytes(), vec![0]].concat());
    is_silent(&answers, &question, "follow the end");
}

#[test]
fn what_needs_too_much_is_no_verdict() {
    let mut question = question();
    let little = CellLimits {
        memory_bytes: 64 << 20,
        ..ROOM
    };
    let silent = own().within(little, LONG).judge(&question).unwrap_err();
    assert_eq!(silent.why, Silence::Machine, "{silent}");
    println!("{silent}");
    // A seal that takes minutes, and one second for it.
    question.cost.passes = 20_000;
    let short = CellLimits {
        cpu_seconds: 1,
        ..ROOM
    };
    let silent = own().within(short, LONG).judge(&question).unwrap_err();
    assert_eq!(silent.why, Silence::Machine, "{silent}");
    println!("{silent}");
}

fn options(scenario: &str, judge: JudgeBox) -> narthex::play::PlayOptions {
    let mut options = common::options(Template::Hardened, scenario, (2, 3));
    options.input = Some(common::few_images());
    options.judge = Some(judge);
    options
}

/// Arbiters of a contract that is lived judge in the box.
#[test]
fn a_panel_rules_out_of_its_boxes() {
    let mut events: Vec<Event> = Vec::new();
    let options = options("worker-at-fault", own());
    let outcome = play_on(
        &mut Embedded::new(),
        "worker-at-fault",
        &options,
        &mut events,
    )
    .unwrap();
    assert_eq!(outcome.figures.ruling_row.as_deref(), Some("8"));
}

/// Where all of them die, nobody is convicted: the contract ends without a ruling.
#[test]
fn a_panel_whose_judges_die_rules_on_nothing() {
    let mut events: Vec<Event> = Vec::new();
    let options = options("worker-at-fault", shell("kill -9 $$"));
    let ended = play_on(
        &mut Embedded::new(),
        "worker-at-fault",
        &options,
        &mut events,
    );
    let why = ended.unwrap_err().to_string();
    println!("{why}");
    assert!(why.contains("ruled by row None"), "{why}");
}
