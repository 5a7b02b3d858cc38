//! What a provider owes the others, whether or not it has claimed: a staller pays one of three to be rid of it.

use bitcoin::{Transaction, secp256k1::rand::rngs::StdRng};
use narthex_channel::{
    CoinSeen, Machine,
    slice::{ProviderEffect, ProviderInput, ProviderMachine, ProviderStart},
};
use narthex_contracts::slice::{Bundle, Post};

use crate::{
    begun::take,
    slice_support::{BURIED, Slice, depth, key, right, slice_of},
};

const LOCKED: CoinSeen = CoinSeen::Locked { height: 100 };

fn price(machine: &mut ProviderMachine, tip: u32, price: CoinSeen) -> Vec<ProviderEffect> {
    take(machine, &ProviderInput::Price { tip, price })
}

fn post(machine: &mut ProviderMachine, post: &Post) -> Vec<ProviderEffect> {
    take(machine, &ProviderInput::Post(Box::new(post.clone())))
}

/// A provider's machine with its price locked, after its own commitment.
fn posted(slice: &Slice, index: u8) -> ProviderMachine {
    let provider = &slice.providers[usize::from(index)];
    let mut machine = ProviderMachine::default();
    let start = ProviderStart {
        holdings: provider.holdings().clone(),
        own: index,
        depth: depth(),
    };
    take(&mut machine, &ProviderInput::Held(Box::new(start)));
    price(&mut machine, 100, LOCKED);
    let own = provider.book().post().unwrap().clone();
    let opening = provider.book().opening().unwrap().clone();
    let post = Box::new(own);
    take(&mut machine, &ProviderInput::Committed { post, opening });
    machine
}

/// Providers 0 and 1 work; 2 posts to 0 alone, and releases to it alone as soon as it may.
struct Stalled {
    slice: Slice,
    posts: [Post; 3],
    /// The staller's, with a share for provider 0.
    bribe: Bundle,
}

impl Stalled {
    fn new() -> Stalled {
        let mut slice = slice_of(2, 3, 31);
        let posts = [0, 1, 2].map(|i| slice.commit(i, &right()));
        let share = slice.providers[2].record().shares[0];
        let root = right().root(&slice.terms);
        let Slice { terms, rng, .. } = &mut slice;
        let shares = vec![(&posts[0], share)];
        let bribe = Bundle::sign(terms, (2, &key(2)), &root, shares, rng).unwrap();
        Stalled {
            slice,
            posts,
            bribe,
        }
    }

    /// Provider 0 as it is paid by the staller: its claim is in block 103.
    fn paid(&mut self, first: &[u8]) -> (ProviderMachine, Transaction) {
        let mut machine = posted(&self.slice, 0);
        for from in first {
            let theirs = &self.posts[usize::from(*from)];
            post(&mut machine, theirs);
            self.slice.providers[0].take_post(theirs).unwrap();
        }
        price(&mut machine, 102, LOCKED);
        self.slice.providers[0].take_bundle(&self.bribe).unwrap();
        let due = take(&mut machine, &ProviderInput::Bundle(self.bribe.clone()));
        assert!(due.contains(&ProviderEffect::Claim));
        let claim = self.slice.providers[0].claim(BURIED).unwrap();
        let due = take(&mut machine, &ProviderInput::Claimed(claim.clone()));
        assert!(due.contains(&ProviderEffect::Publish(claim.clone())));
        let by = claim.compute_txid();
        price(&mut machine, 103, CoinSeen::Spent { height: 103, by });
        (machine, claim)
    }

    /// What provider 0 has its signer release, and asks for from then on.
    fn release(&mut self, machine: &mut ProviderMachine) -> Bundle {
        assert!(machine.pending().contains(&ProviderEffect::Release));
        let Slice { providers, rng, .. } = &mut self.slice;
        let bundle = providers[0].release(BURIED, rng as &mut StdRng).unwrap();
        let due = take(machine, &ProviderInput::Released(bundle.clone()));
        assert!(due.contains(&ProviderEffect::Ask(bundle.clone())));
        bundle
    }

    /// Provider 1, to whom the staller showed nothing, with what provider 0 released: it is paid.
    fn other_is_paid(&mut self, bundle: &Bundle) {
        let mut other = posted(&self.slice, 1);
        post(&mut other, &self.posts[0]);
        price(&mut other, 106, LOCKED);
        assert!(other.pending().contains(&ProviderEffect::Release));
        let due = take(&mut other, &ProviderInput::Bundle(bundle.clone()));
        assert!(due.contains(&ProviderEffect::Claim));
    }
}

/// All posts are in when the staller pays: the claim is due, and so is the release.
#[test]
fn who_is_paid_before_it_released_releases_all_the_same() {
    let mut stalled = Stalled::new();
    let (mut machine, _) = stalled.paid(&[1, 2]);
    let bundle = stalled.release(&mut machine);
    stalled.other_is_paid(&bundle);
}

/// The staller is quicker than the other's post: posts are still taken, and their time ends by the funding's block.
#[test]
fn who_is_paid_before_the_posts_are_in_takes_them() {
    let mut stalled = Stalled::new();
    let (mut machine, claim) = stalled.paid(&[2]);
    assert!(
        machine
            .pending()
            .contains(&ProviderEffect::Show(Box::new(stalled.posts[0].clone())))
    );
    post(&mut machine, &stalled.posts[1]);
    stalled.slice.providers[0]
        .take_post(&stalled.posts[1])
        .unwrap();
    let by = claim.compute_txid();
    price(&mut machine, 106, CoinSeen::Spent { height: 103, by });
    let bundle = stalled.release(&mut machine);
    stalled.other_is_paid(&bundle);
}
