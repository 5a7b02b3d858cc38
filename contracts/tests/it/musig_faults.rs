//! A party that sends one false share during the ceremony is named, with the transaction that it concerns.

use std::sync::Arc;

use bitcoin::secp256k1::rand::{SeedableRng, rngs::StdRng};
use narthex_contracts::{
    fixtures::Fixtures,
    musig::{PartialSignature, SessionError},
    setup::{NoncesMessage, Party, SetupError, Signing},
    template::stage,
    terms::{Role, Terms},
};
use narthex_game_model::Template;

fn parties() -> Vec<Party<Terms>> {
    let fixtures = Fixtures::example(Template::Hardened, 3, 2, 500, [9; 32]).unwrap();
    fixtures
        .parties(&Arc::new(fixtures.terms().unwrap()))
        .unwrap()
}

fn signing(spoil: impl Fn(&mut NoncesMessage)) -> Result<Vec<Signing<Terms>>, SetupError> {
    let mut rng = StdRng::seed_from_u64(5);
    let (announced, mut nonces): (Vec<_>, Vec<_>) = parties()
        .into_iter()
        .map(|party| party.announce(&mut rng).unwrap())
        .unzip();
    let honest = nonces.clone();
    nonces.iter_mut().for_each(spoil);
    announced
        .into_iter()
        .zip(honest)
        .map(|(party, own)| {
            let from = own.from;
            let peers = nonces.iter().filter(|m| m.from != from).cloned();
            party.sign_with(peers)
        })
        .collect()
}

/// Sends everybody's shares of the first stage to `to`, one of them spoiled, and closes the stage.
fn close(
    signing: &mut [Signing<Terms>],
    to: Role,
    cheat: Role,
    at: usize,
    spoil: impl Fn(&mut PartialSignature),
) -> Result<(), SetupError> {
    let at_to = signing.iter().position(|s| s.role() == to).unwrap();
    for i in (0..signing.len()).filter(|i| *i != at_to) {
        let mut message = signing[i].shares_for(stage::ARBITRATION, to)?;
        if message.from == cheat {
            let count = message.shares.len();
            spoil(&mut message.shares[at % count]);
        }
        signing[at_to].accept(message)?;
    }
    signing[at_to].close(stage::ARBITRATION)
}

#[test]
fn honest_shares_close_the_stage() {
    let mut signing = signing(|_| ()).unwrap();
    assert_eq!(
        close(&mut signing, Role::Client, Role::Worker, 0, |_| ()),
        Ok(())
    );
}

#[test]
fn a_false_share_names_the_cheat_whoever_it_is() {
    for cheat in Role::all(3).filter(|role| *role != Role::Client) {
        for at in [0, 7, 20, 33] {
            let mut signing = signing(|_| ()).unwrap();
            let result = close(&mut signing, Role::Client, cheat, at, |s| s.0[31] ^= 1);
            match result {
                Err(SetupError::FaultyShare { signer, .. }) => assert_eq!(signer, cheat),
                other => panic!("{cheat} at {at}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_share_that_is_no_scalar_names_the_cheat() {
    let mut signing = signing(|_| ()).unwrap();
    let signer = Role::Arbiter(2);
    let result = close(&mut signing, Role::Worker, signer, 3, |s| s.0 = [0xff; 32]);
    assert_eq!(
        result,
        Err(SessionError::BadShare {
            signer: signer.into()
        }
        .into())
    );
}

#[test]
fn a_nonce_that_is_no_point_names_the_cheat() {
    let signer = Role::Verifier;
    let result = signing(|message| {
        if message.from == signer {
            message.nonces[4].0[0] = 5;
        }
    });
    assert_eq!(
        result.err(),
        Some(
            SessionError::BadNonce {
                signer: signer.into()
            }
            .into()
        )
    );
}
