#![allow(clippy::unwrap_used)]

use narthex_game_model::Template;

use super::{Options, Sample, median, run, summarise};

#[test]
fn medians() {
    assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    assert_eq!(median(Vec::new()), 0.0);
}

#[test]
fn one_party_and_the_sum_of_all() {
    let sample = |x: f64| Sample {
        figure: [x, 2.0 * x, 3.0 * x, 4.0 * x],
        safe: [0.0, x, x, x],
        raw: None,
    };
    let lines = summarise("p", &[vec![sample(1.0), sample(2.0)]]);
    let names = lines.iter().map(|l| l.name.as_str()).collect::<Vec<_>>();
    assert_eq!(names[0], "p, one party, total");
    assert_eq!(names[9], "p, all parties, verify");
    assert_eq!((lines[0].figure, lines[0].floor_safe), (10.0, Some(3.0)));
    assert_eq!((lines[5].figure, lines[5].floor_safe), (30.0, Some(9.0)));
    assert_eq!(lines[1].ratio, None, "deriving has no floor");
    assert_eq!(lines[9].ratio, Some(4.0));
    assert!(lines.iter().all(|line| line.floor_raw.is_none()));
}

#[test]
fn the_least_of_each_party_and_phase_counts() {
    let sample = |figure, floor| Sample {
        figure,
        safe: floor,
        raw: None,
    };
    let first = vec![
        sample([1.0, 9.0, 1.0, 1.0], [0.0, 1.0, 5.0, 1.0]),
        sample([7.0, 1.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0]),
    ];
    let second = vec![
        sample([4.0, 2.0, 1.0, 1.0], [0.0, 3.0, 2.0, 1.0]),
        sample([5.0, 2.0, 1.0, 1.0], [0.0, 1.0, 1.0, 6.0]),
    ];
    let lines = summarise("p", &[first, second]);
    assert_eq!((lines[0].figure, lines[0].floor_safe), (5.0, Some(4.0)));
    assert_eq!((lines[5].figure, lines[5].floor_safe), (13.0, Some(7.0)));
    assert_eq!(lines[5].ratio, Some(13.0 / 7.0));
}

#[test]
fn a_small_panel_can_be_measured() {
    let options = Options {
        template: Template::Hardened,
        panels: vec![(3, 2)],
        rounds: 1,
    };
    let mut steps = 0;
    let lines = run(&options, |_| steps += 1).unwrap();
    assert_eq!((lines.len(), steps), (10, 1));
    assert!(lines.iter().all(|line| line.figure > 0.0));
    let with_floor = lines.iter().filter(|line| line.ratio.is_some()).count();
    assert_eq!(with_floor, 8);
    assert!(serde_json::to_string(&lines).unwrap().contains("2-of-3"));
}
