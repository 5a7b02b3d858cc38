//! Whether the box holds in which a node judges as an arbiter.

use std::net::{Ipv4Addr, TcpListener};

use narthex::judging::JudgeBox;

/// What gets out of the box in which this node judges as an arbiter, in words, and whether nothing does: it is tried at each start.
pub(super) fn probed(judge: &JudgeBox) -> (String, bool) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listener = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
    let address = listener.as_ref().ok().map(|(address, _)| *address);
    match judge.probe(address) {
        Err(why) => {
            let words = format!(
                "arbiters' questions cannot be judged in a box here, and are not judged: {why}"
            );
            (words, false)
        }
        Ok(probed) => {
            let out = probed.probes.iter().filter(|probe| !probe.held);
            let out: Vec<_> = out.map(|probe| probe.tried.as_str()).collect();
            let words = match out.is_empty() {
                true => format!(
                    "arbiters' questions are judged in a box: {}",
                    probed.network
                ),
                false => format!(
                    "THE BOX IN WHICH ARBITERS JUDGE DOES NOT HOLD against {}; {}",
                    out.join(", "),
                    probed.network
                ),
            };
            (words, out.is_empty())
        }
    }
}
