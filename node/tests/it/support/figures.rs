//! Figures in Prometheus' text format, read strictly: what a scraper might bear is an error here.

use std::collections::{BTreeMap, BTreeSet};

/// Labels by name and value, in their order.
pub type Labels = Vec<(String, String)>;

/// What a family is, and its samples by name and labels, as they are written.
#[derive(Debug, Default)]
pub struct Family {
    pub kind: String,
    pub samples: BTreeMap<String, f64>,
}

/// Labels of a sample, in their order: `name="value"`, where a value escapes what would end it, and nothing else.
pub fn labels(text: &str) -> Labels {
    let (mut all, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (name, behind) = rest.split_once("=\"").expect(text);
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        assert!(!name.is_empty() && name.bytes().all(is_name), "{text}");
        let (mut value, mut chars) = (String::new(), behind.char_indices());
        let end = loop {
            match chars.next().expect(text) {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next().expect(text).1 {
                    '\\' => '\\',
                    '"' => '"',
                    'n' => '\n',
                    other => panic!("\\{other}: {text}"),
                }),
                (_, other) => value.push(other),
            }
        };
        all.push((name.to_owned(), value));
        rest = match &behind[end + 1..] {
            "" => "",
            more => more
                .strip_prefix(',')
                .filter(|more| !more.is_empty())
                .expect(text),
        };
    }
    let names: BTreeSet<_> = all.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), all.len(), "a label twice: {text}");
    all
}

/// The name of a sample, and its labels.
fn parts(sample: &str) -> (&str, Labels) {
    match sample.split_once('{') {
        None => (sample, Vec::new()),
        Some((name, rest)) => (name, labels(rest.strip_suffix('}').expect(sample))),
    }
}

/// Families by name. Each is described before its samples, stands in one place, and has no sample twice.
pub fn read(text: &str) -> BTreeMap<String, Family> {
    assert!(text.ends_with('\n') && !text.contains("\n\n"), "{text}");
    let mut all: BTreeMap<String, Family> = BTreeMap::new();
    let (mut described, mut current): (Option<&str>, Option<&str>) = (None, None);
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect(line);
            assert!(!help.is_empty() && described.is_none(), "{line}");
            described = Some(name);
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect(line);
            assert_eq!(described.take(), Some(name), "HELP stands before: {line}");
            assert!(["gauge", "counter", "histogram"].contains(&kind), "{line}");
            let (kind, samples) = (kind.to_owned(), BTreeMap::new());
            let before = all.insert(name.to_owned(), Family { kind, samples });
            assert!(before.is_none(), "{name} twice");
            current = Some(name);
            continue;
        }
        assert!(!line.starts_with('#') && described.is_none(), "{line}");
        let (sample, value) = line.rsplit_once(' ').expect(line);
        let (name, of) = parts(sample);
        let family = current.expect(line);
        let found = all.get_mut(family).unwrap();
        match (found.kind.as_str(), name.strip_prefix(family)) {
            ("histogram", Some("_bucket")) => assert!(of.iter().any(|(name, _)| name == "le")),
            ("histogram", Some("_sum" | "_count")) | ("gauge" | "counter", Some("")) => {
                assert!(of.iter().all(|(name, _)| name != "le"), "{line}");
            }
            _ => panic!("not of {family}: {line}"),
        }
        let value: f64 = value.parse().expect(line);
        assert!(
            value.is_finite() && (found.kind == "gauge" || value >= 0.0),
            "{line}"
        );
        let before = found.samples.insert(sample.to_owned(), value);
        assert!(before.is_none(), "twice: {line}");
    }
    for (name, family) in all.iter().filter(|(_, family)| family.kind == "histogram") {
        histogram(name, family);
    }
    all
}

/// Buckets rise with their bounds, and the last of each is all there are.
fn histogram(name: &str, family: &Family) {
    let mut buckets: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for (sample, count) in &family.samples {
        let (found, mut of) = parts(sample);
        if found == format!("{name}_bucket") {
            let at = of.iter().position(|(label, _)| label == "le").unwrap();
            let bound = of.remove(at).1.replace('+', "").parse().unwrap();
            buckets.entry(of).or_default().push((bound, *count));
        }
    }
    let all = family.samples.iter();
    let counts = all.filter(|(sample, _)| parts(sample).0 == format!("{name}_count"));
    let counts: BTreeMap<_, _> = counts
        .map(|(sample, count)| (parts(sample).1, *count))
        .collect();
    assert_eq!(counts.len(), buckets.len(), "{name}");
    for (of, mut counted) in buckets {
        counted.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert!(
            counted.is_sorted_by(|a, b| a.1 <= b.1),
            "{name}: {counted:?}"
        );
        let (last, all) = counted.last().unwrap();
        assert!(
            last.is_infinite() && *all == counts[&of],
            "{name}: {counted:?}"
        );
        assert!(family.samples.keys().any(|sample| {
            let (found, labels) = parts(sample);
            found == format!("{name}_sum") && labels == of
        }));
    }
}

/// Labels are read as they are written, and what is wrong is found.
#[test]
fn the_reader_is_strict() {
    let fine = "# HELP a_b x\n# TYPE a_b gauge\na_b{c=\"x\\\"} 1\\ny\\\\\",d=\"\"} 7\n";
    assert_eq!(read(fine)["a_b"].samples.len(), 1);
    assert_eq!(labels("c=\"x\\\"} 1\\ny\\\\\"")[0].1, "x\"} 1\ny\\");
    for bad in [
        "a_b 1\n",
        "# TYPE a_b gauge\n# HELP a_b x\na_b 1\n",
        "# HELP a_b x\n# TYPE a_b gauge\na_b 1\na_b 1\n",
        "# HELP a_b x\n# TYPE a_b gauge\na_c 1\n",
        "# HELP a_b x\n# TYPE a_b gauge\na_b{c=\"\\x\"} 1\n",
        "# HELP a_b x\n# TYPE a_b gauge\na_b{c=\"\",} 1\n",
        "# HELP a_b x\n# TYPE a_b gauge\na_b{c=\"\",c=\"\"} 1\n",
        "# HELP a_b x\n# TYPE a_b gauge\na_b 1",
        "# HELP a_b x\n# TYPE a_b counter\na_b -1\n",
        "# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
        "# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n",
    ] {
        let read = std::panic::catch_unwind(|| read(bad));
        assert!(read.is_err(), "{bad}");
    }
}
