//! What a chain refuses changes nothing.

use bitcoin::ScriptBuf;
use narthex_regtest::{Bitcoind, Chain, Embedded, Error};

fn nothing_is_disconnected(chain: &mut dyn Chain) {
    let miner = ScriptBuf::new_p2a();
    chain.mine(3, &miner).unwrap();
    let tip = chain.block_hash(3).unwrap();
    let empty = ScriptBuf::new();
    // The blocks that should follow cannot be mined, so none may go.
    assert!(matches!(
        chain.reorg(2, &empty),
        Err(Error::EmptyRewardScript)
    ));
    assert!(matches!(chain.reorg(4, &miner), Err(Error::TooDeep { .. })));
    assert!(matches!(chain.disconnect(4), Err(Error::TooDeep { .. })));
    assert!(chain.mine(2, &empty).is_err());
    assert!(chain.mine_exactly(&[], &empty).is_err());
    let mut twice = chain.block(3).unwrap();
    twice.header.prev_blockhash = tip;
    assert!(chain.submit_block(&twice).is_err());
    assert_eq!(
        (chain.height().unwrap(), chain.block_hash(3).unwrap()),
        (3, tip)
    );
    // And it goes on as if nothing had been asked.
    chain.mine(1, &miner).unwrap();
    let times = [3, 4].map(|height| chain.header(height).unwrap().time);
    assert_eq!(times[1] - times[0], 600);
}

#[test]
fn embedded() {
    nothing_is_disconnected(&mut Embedded::new());
}

#[test]
fn bitcoind() {
    nothing_is_disconnected(&mut Bitcoind::start().unwrap());
}
