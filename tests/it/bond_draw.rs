//! `narthex bond draw`: who took no part in a draw draws again, and holds a contract to it.

use crate::common::cli::command;
use serde_json::{Value, json};

struct Folder(tempfile::TempDir);

impl Folder {
    fn example(&self, role: &str) -> Value {
        let (fine, text, err) = command("bond", &["draw", "--example", role]);
        assert!(fine, "{err}");
        serde_json::from_str(&text).unwrap()
    }

    fn draw(&self, file: &Value, more: &[&str]) -> (bool, String, String) {
        let path = self.0.path().join("draw.json");
        std::fs::write(&path, file.to_string()).unwrap();
        let args = [&["draw", path.to_str().unwrap()][..], more].concat();
        command("bond", &args)
    }

    fn redrawn(&self, file: &Value) -> Value {
        let (fine, out, err) = self.draw(file, &["--json"]);
        assert!(fine, "{err}");
        serde_json::from_str(&out).unwrap()
    }

    fn refused(&self, file: &Value, why: &str) {
        let (fine, out, err) = self.draw(file, &["--json"]);
        assert!(!fine && out.is_empty(), "{out}");
        assert!(
            err.contains(why) && !err.contains("panicked"),
            "{why}: {err}"
        );
    }
}

fn folder() -> Folder {
    Folder(tempfile::tempdir().unwrap())
}

#[test]
fn a_draw_is_repeated_by_who_took_no_part_in_it() {
    let folder = folder();
    for (role, drawn, seats) in [("arbiter", 3, 3), ("verifier", 6, 1)] {
        let file = folder.example(role);
        let found = folder.redrawn(&file);
        assert_eq!(found["role"], role);
        assert_eq!(found["order"].as_array().unwrap().len(), drawn);
        let seated = found["seated"]["seats"].as_array().unwrap();
        assert_eq!(seated.len(), seats);
        assert_eq!(seated[0], found["order"][0]["identity"]);
        assert_eq!(found["contract_is_of_the_draw"], true);
        assert_eq!(found["seated"]["concealed"], json!([]));
        let (fine, said, err) = folder.draw(&file, &[]);
        assert!(fine, "{err}");
        assert!(said.ends_with("the contract is of this draw\n"), "{said}");
        // One of those who draw hides the answer of the first.
        let mut hidden = file.clone();
        let shown = hidden["answers"][1]["willing"].as_array_mut().unwrap();
        let first = seated[0].as_str().unwrap();
        shown.retain(|answer| !answer.as_str().unwrap().contains(first));
        let found = folder.redrawn(&hidden);
        let concealed = json!([{ "by": "worker", "answer_of": first }]);
        assert_eq!(found["seated"]["concealed"], concealed);
        // Without answers it is an order, and no contract is held to that.
        let mut bare = file.clone();
        bare.as_object_mut().unwrap().remove("answers");
        folder.refused(&bare, "the answers are missing");
        bare.as_object_mut().unwrap().remove("contract");
        let found = folder.redrawn(&bare);
        assert_eq!(found["seated"], Value::Null);
        assert_eq!(found["contract_is_of_the_draw"], Value::Null);
    }
}

#[test]
fn another_draw_is_refused() {
    let folder = folder();
    let verifier = folder.example("verifier");
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut file = verifier.clone();
        change(&mut file);
        file
    };
    // Another nonce or block draws another order, which nobody has answered.
    let nonce = changed(&|file| file["nonces"][0] = "07".repeat(32).into());
    folder.refused(&nonce, "0 of those drawn are willing");
    let block = changed(&|file| file["seed_block_hash"] = "07".repeat(32).into());
    folder.refused(&block, "0 of those drawn are willing");
    // An arbiter's offer is no verifier's.
    let role = changed(&|file| file["terms"][0]["role"] = "arbiter".into());
    folder.refused(
        &role,
        "for the role of arbiter, the draw is for that of verifier",
    );
    // Another verifier than the one drawn: its enrolment is missing, or of somebody else's key.
    let alone = changed(&|file| drop(file.as_object_mut().unwrap().remove("enrolment")));
    folder.refused(&alone, "enrolment, which is missing");
    let key = changed(&|file| {
        let client = file["contract"]["client"]["key"].clone();
        file["contract"]["verifier"]["key"] = client;
    });
    let (fine, _, err) = folder.draw(&key, &[]);
    assert!(!fine, "{err}");
    // Figures of the offer that the contract breaks.
    let fuel = changed(&|file| file["terms"][0]["max_step_fuel"] = 5.into());
    folder.refused(
        &fuel,
        "100000000 units of fuel for a step, the offer takes 5",
    );
    let three = changed(&|file| {
        let client = file["principals"][0].clone();
        file["principals"].as_array_mut().unwrap().push(client);
    });
    folder.refused(
        &three,
        "3 keys are given; in a draw for the role of verifier there are 2",
    );
    let left_out = changed(&|file| file["without"] = file["offers"][0]["identity"].clone());
    folder.refused(&left_out, "`without`");
    let unknown = changed(&|file| file["colour"] = 1.into());
    folder.refused(&unknown, "unknown field `colour`");

    // A panel with the verifier left out has other arbiters, and seats no owner of that identity.
    let panel = folder.example("arbiter");
    let mut without = panel.clone();
    without["without"] = panel["offers"][0]["identity"].clone();
    folder.refused(&without, "0 of those drawn are willing, 3 are needed");
}
