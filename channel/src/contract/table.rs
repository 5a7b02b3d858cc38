//! The transitions of the four sides. Where the talk stands is no state of theirs: what the chain says is, and the talk goes on in
//! each of them. A party that was away sees another place at once, so that each place may follow each other.

use crate::{Transition, transitions};

pub(super) const CLIENT: &[&[Transition]] = &[transitions! {
    open | verdict | accused | settled + chain => _ [] "it stands where it stood: nothing new is to be done";
    open | verdict | accused | settled + chain => _ [act] "it stands where it stood: something is to be said, worked on or published";
    verdict | accused | settled + chain => open [] "neither TxV1 nor TxV0 is in the chain any more: nothing new is to be done";
    verdict | accused | settled + chain => open [act] "neither TxV1 nor TxV0 is in the chain any more: something is to be said, worked on or published";
    open | accused | settled + chain => verdict [] "TxV1 or TxV0 is the last in the chain: nothing new is to be done";
    open | accused | settled + chain => verdict [act] "TxV1 or TxV0 is the last in the chain: something is to be said, worked on or published";
    open | verdict | settled + chain => accused [] "TxA or TxC is the last in the chain: nothing new is to be done";
    open | verdict | settled + chain => accused [act] "TxA or TxC is the last in the chain: something is to be said, worked on or published";
    open | verdict | accused + chain => settled [] "its coin is spent for good: nothing new is to be done";
    open | verdict | accused + chain => settled [act] "its coin is spent for good: something is to be said, worked on or published";
    open | verdict | accused | settled + chain => over [] "the settlement is buried: nothing new is to be done";
    open | verdict + order => _ [act] "its owner agrees to an end: something is to be said, worked on or published";
    open | verdict | accused | settled + said => _ [] "another party says what was not here: nothing new is to be done";
    open | verdict | accused | settled + said => _ [act] "another party says what was not here: something is to be said, worked on or published";
    open | verdict | accused | settled + done => _ [] "own work is done: nothing new is to be done";
    open | verdict | accused | settled + done => _ [act] "own work is done: something is to be said, worked on or published";
}];

pub(super) const WORKER: &[&[Transition]] = &[transitions! {
    open | verdict | accused | settled + chain => _ [] "it stands where it stood: nothing new is to be done";
    open | verdict | accused + chain => _ [act] "it stands where it stood: something is to be said, worked on or published";
    verdict | accused | settled + chain => open [] "neither TxV1 nor TxV0 is in the chain any more: nothing new is to be done";
    verdict | accused | settled + chain => open [act] "neither TxV1 nor TxV0 is in the chain any more: something is to be said, worked on or published";
    open | accused | settled + chain => verdict [] "TxV1 or TxV0 is the last in the chain: nothing new is to be done";
    open | accused | settled + chain => verdict [act] "TxV1 or TxV0 is the last in the chain: something is to be said, worked on or published";
    open | verdict | settled + chain => accused [act] "TxA or TxC is the last in the chain: something is to be said, worked on or published";
    open | verdict | accused + chain => settled [] "its coin is spent for good: nothing new is to be done";
    open | verdict | accused | settled + chain => over [] "the settlement is buried: nothing new is to be done";
    open + order => _ [] "its owner wants it: nothing new is to be done";
    open | verdict + order => _ [act] "its owner wants it: something is to be said, worked on or published";
    open | verdict | accused | settled + said => _ [] "another party says what was not here: nothing new is to be done";
    open | verdict | accused + said => _ [act] "another party says what was not here: something is to be said, worked on or published";
    open | verdict | accused + done => _ [] "own work is done: nothing new is to be done";
    open | verdict | accused + done => _ [act] "own work is done: something is to be said, worked on or published";
}];

pub(super) const VERIFIER: &[&[Transition]] = &[transitions! {
    open | verdict | accused | settled + chain => _ [] "it stands where it stood: nothing new is to be done";
    open | verdict | accused | settled + chain => _ [act] "it stands where it stood: something is to be said, worked on or published";
    verdict | accused | settled + chain => open [] "neither TxV1 nor TxV0 is in the chain any more: nothing new is to be done";
    verdict | accused | settled + chain => open [act] "neither TxV1 nor TxV0 is in the chain any more: something is to be said, worked on or published";
    open | accused | settled + chain => verdict [] "TxV1 or TxV0 is the last in the chain: nothing new is to be done";
    open | accused | settled + chain => verdict [act] "TxV1 or TxV0 is the last in the chain: something is to be said, worked on or published";
    open | verdict | settled + chain => accused [] "TxC is the last in the chain, and it is no side of that case: nothing new is to be done";
    open | verdict | settled + chain => accused [act] "TxA or TxC is the last in the chain: something is to be said, worked on or published";
    open | verdict | accused + chain => settled [] "its coin is spent for good: nothing new is to be done";
    open | verdict | accused + chain => settled [act] "its coin is spent for good: something is to be said, worked on or published";
    open | verdict | accused | settled + chain => over [] "the settlement is buried: nothing new is to be done";
    open | verdict + order => _ [act] "its owner agrees to an end: something is to be said, worked on or published";
    open | verdict | accused | settled + said => _ [] "another party says what was not here: nothing new is to be done";
    open | verdict | accused + said => _ [act] "another party says what was not here: something is to be said, worked on or published";
    open | verdict | accused + done => _ [] "own work is done: nothing new is to be done";
    open | verdict | accused + done => _ [act] "own work is done: something is to be said, worked on or published";
}];

pub(super) const ARBITER: &[&[Transition]] = &[transitions! {
    keeping | hearing | attested | settled + chain => _ [] "it stands where it stood: nothing new is to be done";
    keeping | hearing | attested | settled + chain => _ [act] "it stands where it stood: something is to be said, worked on or published";
    hearing | attested | settled + chain => keeping [] "neither TxA nor TxC is in the chain any more: nothing new is to be done";
    hearing | attested | settled + chain => keeping [act] "neither TxA nor TxC is in the chain any more: something is to be said, worked on or published";
    keeping | settled + chain => hearing [] "TxA or TxC is the last in the chain, and it has not attested: nothing new is to be done";
    keeping | settled + chain => hearing [act] "TxA or TxC is the last in the chain, and it has not attested: something is to be said, worked on or published";
    keeping | settled + chain => attested [act] "TxA or TxC is the last in the chain, and it has attested before: something is to be said, worked on or published";
    keeping | hearing | attested + chain => settled [] "its coin is spent for good: nothing new is to be done";
    keeping | hearing | attested + chain => settled [act] "its coin is spent for good: something is to be said, worked on or published";
    keeping | hearing | attested | settled + chain => over [] "the settlement is buried: nothing new is to be done";
    keeping | hearing | attested | settled + said => _ [] "another party says what was not here: nothing new is to be done";
    keeping | hearing | attested + said => _ [act] "another party says what was not here: something is to be said, worked on or published";
    hearing + said => attested [act] "its own ruling comes back from another party: something is to be said, worked on or published";
    keeping | hearing | attested + done => _ [] "own work is done: nothing new is to be done";
    keeping | hearing | attested + done => _ [act] "own work is done: something is to be said, worked on or published";
    hearing + done => attested [act] "its ruling is attested: something is to be said, worked on or published";
}];
