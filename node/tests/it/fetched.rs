//! A large job between processes: in bounded memory, and on from where it stood after `kill -9` of either side.

use crate::support::house::House;

/// Bytes of the job's records.
const BYTES: u64 = 256 << 20;

/// What may lie between two syncs, and be lost with a process.
const UNSYNCED: u64 = 4 << 20;

/// Most memory that the fetch may take beside what the node has without it: buffers of its transport (some 5 MiB), of a batch
/// of messages, and of the system's allocator. It does not grow with the job.
const ROOM: u64 = 48 << 20;

/// Records of 1 MiB, for a program that nobody runs here.
fn manifest() -> String {
    let example = narthex::job::Manifest::example("wasm", &[]).unwrap();
    let mut json = serde_json::to_value(example).unwrap();
    json["work"]["input"] =
        serde_json::json!({ "format": "bytes", "file": "records", "width": 1 << 20 });
    json["entropy_bits"] = serde_json::json!(32);
    json.to_string()
}

fn here(house: &House, id: &str) -> u64 {
    let job = &house.show(1, id)["job"];
    job["here_bytes"].as_u64().unwrap_or_default()
}

#[test]
fn a_large_job_is_fetched_in_bounded_memory_whoever_is_killed() {
    let mut house = House::of_two(&manifest(), ("records", BYTES), &["--believe-entropy"]);
    let id = house.offer();
    house.wait("the offer comes", |house| house.state(1, &id) == "asked");
    house.ask(1, &["accept", &id]);
    house.wait("a quarter of it", |house| here(house, &id) >= BYTES / 4);
    let before = here(&house, &id);
    house.nodes[1].kill();
    house.again(1);
    house.wait("the worker is there again", |house| {
        house.state(1, &id) == "asked"
    });
    let after = here(&house, &id);
    assert!(after + UNSYNCED >= before, "{after} of {before}");
    let memory = house.nodes[1].most_memory();
    house.wait("a half of it", |house| here(house, &id) >= BYTES / 2);
    house.nodes[0].kill();
    let before = here(&house, &id);
    house.again(0);
    house.wait("nine tenths of it", |house| {
        here(house, &id) >= BYTES / 10 * 9
    });
    assert!(here(&house, &id) > before);
    assert_eq!(house.show(1, &id)["job"]["state"], "fetching");
    let most = house.nodes[1].most_memory();
    println!("{memory} bytes of memory at its start, {most} at most");
    assert!(most < memory + ROOM, "{most} bytes, {memory} before");
    // Its records are in memory from now on, as those of every job.
    house.wait("the worker takes part", |house| {
        house.state(1, &id) == "waiting"
    });
}
