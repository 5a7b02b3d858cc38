//! Who is paid: only for equal roots, whoever copies, colludes, stalls, lies or crashes.

use crate::slice_support;
use narthex_base::codec::Message as _;

use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey, rand::RngCore};
use narthex_contracts::depth::Shallow;
use narthex_contracts::seal::Sealed;
use narthex_contracts::shared_secret::RevealedShare;
use narthex_contracts::slice::{
    Bundle, Client, ClientDuty, Coin, Evidence, MAX_RESULT_BYTES, Opened, Post, Provider,
    ProviderDuty, SliceError, Taken, Work,
};
use slice_support::{
    BURIED, FUNDED, Slice, depth, fresh_seed, is_share, key, right, rng, secret, slice_of, tagged,
    work,
};

/// All roots equal: all are paid, and every claim opens the result.
#[test]
fn everybody_with_the_root_is_paid() {
    let mut slice = slice_of(2, 3, 1);
    slice.commit_all(&[Some(right()), Some(right()), Some(right())]);
    slice.release(&[0, 1, 2]);
    slice.hand_out();
    assert_eq!(slice.paid(), [0, 1, 2]);
    for i in 0..3 {
        let claim = slice.provider(i).claim(BURIED).unwrap();
        match slice.client.open(i, &claim).unwrap() {
            Opened::Result { work, root } => {
                assert_eq!(work, right());
                assert_eq!(root, right().root(&slice.terms));
            }
            Opened::False(e) => panic!("{e:?}"),
        }
        // The claim of one provider opens nothing of another's.
        assert!(slice.client.open((i + 1) % 3, &claim).is_err());
    }
}

/// One byte of the result flipped: paid nothing, and the others are.
#[test]
fn a_flipped_byte_earns_nothing() {
    let mut slice = slice_of(2, 3, 1);
    let mut wrong = right();
    wrong.result[0] ^= 1;
    slice.commit_all(&[Some(right()), Some(wrong), Some(right())]);
    slice.release(&[0, 1, 2]);
    slice.hand_out();
    assert_eq!(slice.paid(), [0, 2]);
    assert_eq!(slice.provider(1).received(), 0);
    // The same result out of another computation is another root.
    let mut other = right();
    other.commitment[0] ^= 1;
    assert_ne!(other.root(&slice.terms), right().root(&slice.terms));
}

/// The model: a provider is paid if it posted and m − 1 others of its root released.
#[test]
fn paid_for_equal_roots_and_nothing_else() {
    let mut rng = rng(fresh_seed());
    for round in 0..12 {
        let n = 2 + (rng.next_u32() % 5) as u8;
        let m = 2 + (rng.next_u32() % u32::from(n - 1)) as u8;
        let mut slice = slice_of(m, n, round);
        let roots = (0..n)
            .map(|_| rng.next_u32() % 4)
            .map(|root| (root < 3).then_some(root))
            .collect::<Vec<_>>();
        let works = roots.iter().map(|root| root.map(|r| work(&[r as u8])));
        slice.commit_all(&works.collect::<Vec<_>>());
        let posted = (0..n).filter(|i| roots[usize::from(*i)].is_some());
        let released = posted
            .filter(|_| !rng.next_u32().is_multiple_of(4))
            .collect::<Vec<_>>();
        slice.release(&released);
        // Everybody sees every bundle: the most that anybody can get.
        let bundles = released.iter().map(|i| {
            let bundle = slice.providers[usize::from(*i)].bundle().unwrap();
            Bundle::from_bytes(&bundle.to_bytes()).unwrap()
        });
        for bundle in bundles.collect::<Vec<_>>() {
            for provider in &mut slice.providers {
                provider.take_bundle(&bundle).unwrap();
            }
        }
        let equal = |i: u8| {
            let root = roots[usize::from(i)];
            let others = released.iter().filter(|j| **j != i);
            others.filter(|j| roots[usize::from(**j)] == root).count()
        };
        let expected = (0..n)
            .filter(|i| roots[usize::from(*i)].is_some() && equal(*i) + 1 >= usize::from(m))
            .collect::<Vec<_>>();
        println!("{m} of {n}: roots {roots:?}, released {released:?}, paid {expected:?}");
        assert_eq!(slice.paid(), expected);
    }
}

/// Replays another's commitment, shifts it, or learns the root when all is posted: opens nothing.
#[test]
fn copiers_get_nothing() {
    let secp = Secp256k1::new();
    let mut slice = slice_of(2, 4, 2);
    let honest = [slice.commit(0, &right()), slice.commit(1, &right())];
    let y = secret(77);
    let shifted = honest[0]
        .commitment
        .combine(&PublicKey::from_secret_key(&secp, &y))
        .unwrap();
    let copies = [
        (2, honest[0].commitment, honest[0].sealed.clone()),
        (3, shifted, honest[1].sealed.clone()),
    ];
    // As it is, another's post names that other.
    let mut stolen = honest[0].clone();
    stolen.from = 2;
    assert_eq!(
        slice.client.take_post(&stolen),
        Err(SliceError::NotSigned { from: 2 })
    );
    let mut posts = honest.to_vec();
    for (from, commitment, sealed) in copies {
        let said = (commitment, sealed);
        let post = Post::sign(&slice.terms, (from, &key(from)), said, &mut slice.rng).unwrap();
        posts.push(post);
    }
    for provider in slice.providers.iter_mut().take(2) {
        let own = provider.index();
        for post in posts.iter().filter(|post| post.from != own) {
            provider.take_post(post).unwrap();
        }
    }
    for post in &posts {
        slice.client.take_post(post).unwrap();
    }
    slice.release(&[0, 1]);
    slice.hand_out();
    assert_eq!(slice.paid(), [0, 1]);
    // Whatever a copier tries on what it was given, its own secrets or what it made the copy with, stays closed; the
    // one that was copied reads its own, and nothing that was released to the copy.
    let opening = |slice: &mut Slice, i| slice.provider(i).record().opening.unwrap().x;
    let xs = [opening(&mut slice, 0), opening(&mut slice, 1)];
    let bundles = [0, 1].map(|i: usize| slice.providers[i].bundle().unwrap().clone());
    for bundle in &bundles {
        for (to, sealed) in &bundle.shares {
            let post = &posts[usize::from(*to)];
            let bound = share_bound(&slice, bundle.from, post);
            let opens = |x: &SecretKey| sealed.open(x, &bound).is_some();
            for guess in [y, key(2), key(3), secret(1), xs[1]] {
                assert_eq!(opens(&guess), *to == 1 && guess == xs[1]);
            }
            // Who let itself be copied could read for the copier: that is collusion of two, who could as well
            // have shared the work.
            assert_eq!(opens(&xs[0]), *to == 0 || *to == 2);
        }
    }
}

/// What a released share is bound to.
fn share_bound(slice: &Slice, from: u8, to: &Post) -> [u8; 32] {
    let commitment = to.commitment.serialize();
    let parts: [&[u8]; 3] = [&slice.terms.id(), &[from, to.from], &commitment];
    tagged("narthex/slice-share", &parts)
}

/// With m = 2 each other provider knows all that is shared of a secret, with any m the m − 1 others together. They open
/// no seal with it, which a lazy one would copy: the own part is missing until the claim, and the client sees it then.
#[test]
fn the_others_cannot_open_a_seal() {
    for (m, n) in [(2, 3), (3, 3)] {
        let mut slice = slice_of(m, n, 4);
        let post = slice.commit(0, &right());
        let commitment = post.commitment.serialize();
        let bound = tagged(
            "narthex/slice-result",
            &[&slice.terms.id(), &[0], &commitment],
        );
        // All that the others have together of provider 0's secret.
        let records = [1, 2].map(|i: u8| slice.provider(i).record());
        let mut member = 0u8;
        let shares = records.each_ref().map(|record| {
            let value = record.shares[0];
            member += 1;
            RevealedShare {
                member: member - 1,
                value,
            }
        });
        let point = slice.terms.point(0).unwrap().clone();
        let shared = point.reconstruct(&Secp256k1::new(), &shares).unwrap();
        assert!(post.sealed.open(&shared, &bound).is_none());
        for record in &records {
            assert!(post.sealed.open(&record.part, &bound).is_none());
        }
        // Nor does its own provider without them.
        let part = slice.provider(0).record().part;
        assert!(post.sealed.open(&part, &bound).is_none());
        let whole = shared.add_tweak(&part.into()).unwrap();
        assert!(post.sealed.open(&whole, &bound).is_some());
    }
}

/// Commits to rubbish, learns the root from a friend, and cannot change its mind.
#[test]
fn a_root_learned_late_is_of_no_use() {
    let mut slice = slice_of(2, 3, 3);
    slice.commit_all(&[Some(right()), Some(right()), Some(work(b"?"))]);
    let again = slice.providers[2].commit(&right(), &mut slice.rng);
    assert!(matches!(again, Err(SliceError::Order { .. })));
    slice.release(&[0, 1]);
    let (own, mut rng) = (key(2), rng(9));
    let x = secret(55);
    let commitment = slice
        .terms
        .commitment(&right().root(&slice.terms), &x)
        .unwrap();
    let sealed = Sealed::new(&commitment, &[0; 32], b"late", &mut rng).unwrap();
    let late = Post::sign(&slice.terms, (2, &own), (commitment, sealed), &mut rng).unwrap();
    // Two posts, which convict it, and nobody releases to the second.
    for provider in slice.providers.iter_mut().take(2) {
        assert_eq!(
            provider.take_post(&late),
            Err(SliceError::TwoPosts { from: 2 })
        );
    }
    let first = slice.client.posts().find(|p| p.from == 2).unwrap().clone();
    let evidence = Evidence::TwoPosts {
        first: first.clone(),
        second: late.clone(),
    };
    assert_eq!(evidence.verify(&slice.terms).unwrap(), 2);
    let same = Evidence::TwoPosts {
        first: first.clone(),
        second: first,
    };
    assert!(same.verify(&slice.terms).is_err());
    slice.hand_out();
    assert_eq!(slice.paid(), [0, 1]);
}

/// A post after the release, of somebody who had not posted, is late.
#[test]
fn posts_close_with_the_release() {
    let mut slice = slice_of(2, 3, 3);
    let early = (105, FUNDED);
    slice.commit_all(&[Some(right()), Some(right())]);
    let soon = slice.providers[0].release(early, &mut slice.rng);
    assert_eq!(
        soon,
        Err(SliceError::TooSoon {
            missing: 1,
            height: 106
        })
    );
    slice.release(&[0, 1]);
    let post = slice.commit(2, &right());
    for provider in slice.providers.iter_mut().take(2) {
        assert_eq!(provider.take_post(&post), Err(SliceError::Late { from: 2 }));
    }
    for i in [0, 1] {
        let bundle = slice.providers[i].bundle().unwrap().clone();
        let taken = slice.providers[2].take_bundle(&bundle).unwrap();
        assert_eq!(taken, Taken::Passed);
    }
    // All posts in: nobody waits.
    let mut whole = slice_of(2, 2, 4);
    whole.commit_all(&[Some(right()), Some(right())]);
    assert!(whole.providers[0].release(early, &mut whole.rng).is_ok());
    // Not before the price is locked, nor without own work.
    let mut unfunded = slice_of(2, 2, 4);
    let nothing = unfunded.providers[0].release((106, FUNDED), &mut unfunded.rng);
    assert!(matches!(nothing, Err(SliceError::Order { .. })));
    unfunded.commit_all(&[Some(right()), Some(right())]);
    for coin in [Coin::Unfunded, Coin::Spent] {
        let early = unfunded.providers[0].release((106, coin), &mut unfunded.rng);
        assert!(matches!(early, Err(SliceError::Order { .. })));
    }
}

/// Puts all that colluders have together: can they make the secret of one of them?
fn pooled(slice: &mut Slice, colluders: &[u8]) -> bool {
    colluders.iter().any(|target| {
        for other in colluders.iter().filter(|other| *other != target) {
            let record = slice.providers[usize::from(*other)].record();
            let at = usize::from(target - u8::from(target > other));
            let share = record.shares[at];
            let mut own = slice.providers[usize::from(*target)].record();
            own.received.insert(*other, share);
            let terms = slice.terms.clone().into();
            slice.providers[usize::from(*target)] =
                Provider::restore(terms, (*target, key(*target)), &own).unwrap();
        }
        slice.providers[usize::from(*target)].claim(BURIED).is_ok()
    })
}

#[test]
fn fewer_than_m_colluders_gain_nothing() {
    for (m, n, colluders) in [
        (3, 5, vec![1, 3]),
        (2, 3, vec![2]),
        // All but one: the honest one is needed.
        (3, 3, vec![0, 2]),
        (4, 4, vec![0, 1, 3]),
    ] {
        let mut slice = slice_of(m, n, 5);
        let works = (0..n).map(|i| match colluders.contains(&i) {
            true => Some(work(b"nonsense that they agree on")),
            false => Some(right()),
        });
        slice.commit_all(&works.collect::<Vec<_>>());
        slice.release(&(0..n).collect::<Vec<_>>());
        slice.hand_out();
        let honest = n as usize - colluders.len();
        let paid = slice.paid();
        assert!(paid.iter().all(|i| !colluders.contains(i)), "{paid:?}");
        assert_eq!(paid.len(), if honest >= m.into() { honest } else { 0 });
        assert!(!pooled(&mut slice, &colluders), "{m} of {n}");
    }
}

/// The assumption of the game: m that agree on nonsense are paid for it. The client sees two results, if the honest
/// ones are as many.
#[test]
fn m_colluders_are_paid() {
    let mut slice = slice_of(2, 4, 6);
    let wrong = work(b"nonsense that they agree on");
    slice.commit_all(&[
        Some(wrong.clone()),
        Some(wrong.clone()),
        Some(right()),
        Some(right()),
    ]);
    slice.release(&[0, 1, 2, 3]);
    slice.hand_out();
    assert_eq!(slice.paid(), [0, 1, 2, 3]);
    let mut results = Vec::new();
    for i in 0..4 {
        let claim = slice.provider(i).claim(BURIED).unwrap();
        match slice.client.open(i, &claim).unwrap() {
            Opened::Result { work, .. } => results.push(work),
            Opened::False(e) => panic!("{e:?}"),
        }
    }
    assert_eq!(results, [wrong.clone(), wrong, right(), right()]);
    // They need no honest provider, and no round, for it.
    let mut alone = slice_of(2, 4, 6);
    assert!(pooled(&mut alone, &[0, 1]));
}

#[test]
fn a_staller() {
    // It posts and never releases; it gets nothing from the client, and the others do without it.
    let mut slice = slice_of(2, 3, 7);
    slice.commit_all(&[Some(right()), Some(right()), Some(right())]);
    slice.release(&[0, 1]);
    assert_eq!(slice.client.hand_out(2).count(), 0);
    slice.hand_out();
    assert_eq!(slice.paid(), [0, 1]);
    // With m = n nobody is paid, and the client takes all back.
    let mut slice = slice_of(3, 3, 7);
    slice.commit_all(&[Some(right()), Some(right()), Some(right())]);
    slice.release(&[0, 1]);
    slice.hand_out();
    assert_eq!(slice.paid(), [0u8; 0]);
    let unpaid = slice.provider(0).claim(BURIED).unwrap_err();
    assert_eq!(unpaid, SliceError::Unpaid { have: 1, need: 2 });
    assert_eq!(slice.client.duty(116, FUNDED), ClientDuty::None);
    assert_eq!(slice.client.duty(117, FUNDED), ClientDuty::Refund);
    for i in 0..3 {
        slice.client.refund(i, &mut slice.rng).unwrap();
    }
    assert!(slice.client.refund(3, &mut slice.rng).is_err());
}

/// Readable and false: made for the right root, so its sender lied. Anybody can see it afterwards.
#[test]
fn a_false_share_convicts_its_sender() {
    let mut slice = slice_of(2, 3, 8);
    slice.commit_all(&[Some(right()), Some(right()), Some(right())]);
    let root = right().root(&slice.terms);
    let posts = slice.client.posts().cloned().collect::<Vec<_>>();
    let lies = posts
        .iter()
        .filter(|p| p.from != 1)
        .map(|p| (p, secret(99)));
    let bundle = Bundle::sign(&slice.terms, (1, &key(1)), &root, lies, &mut slice.rng).unwrap();
    for i in [0, 2] {
        let Taken::False(evidence) = slice.provider(i).take_bundle(&bundle).unwrap() else {
            panic!("the lie was not found");
        };
        let evidence = Evidence::from_bytes(&evidence.to_bytes()).unwrap();
        assert_eq!(evidence.verify(&slice.terms).unwrap(), 1);
        assert_eq!(slice.provider(i).received(), 0);
        // It is no evidence in another slice, nor with another opening.
        let other = slice_of(2, 3, 9).terms;
        assert_eq!(evidence.verify(&other), Err(SliceError::Foreign));
        let Evidence::FalseShare { post, bundle, .. } = evidence else {
            panic!("other evidence");
        };
        let bent = Evidence::FalseShare {
            post,
            bundle,
            opening: secret(3),
            root,
        };
        assert!(bent.verify(&slice.terms).is_err());
    }
    // The others are paid by each other.
    slice.release(&[0, 2]);
    slice.hand_out();
    assert_eq!(slice.paid(), [0, 2]);
    // Nobody can make such evidence of an honest bundle.
    let record = slice.provider(0).record();
    let honest = slice.providers[2].bundle().unwrap().clone();
    let framed = Evidence::FalseShare {
        post: posts[0].clone(),
        bundle: honest,
        opening: record.opening.unwrap().x,
        root,
    };
    assert_eq!(
        framed.verify(&slice.terms),
        Err(SliceError::NoEvidence("the share is true"))
    );
}

/// Right root, rubbish under the seal: paid, and convicted by its own claim.
#[test]
fn a_false_seal_convicts_its_sender() {
    let mut slice = slice_of(2, 3, 10);
    let honest = [slice.commit(0, &right()), slice.commit(1, &right())];
    let root = right().root(&slice.terms);
    // The cheat commits as it should and takes the place of its seal by rubbish.
    let true_post = slice.commit(2, &right());
    let record = slice.provider(2).record();
    let to = slice.terms.claim_point(2).unwrap();
    let sealed = Sealed::new(&to, &[0; 32], b"rubbish", &mut slice.rng).unwrap();
    let said = (true_post.commitment, sealed);
    let post = Post::sign(&slice.terms, (2, &key(2)), said, &mut slice.rng).unwrap();
    for i in 0..2u8 {
        let provider = &mut slice.providers[usize::from(i)];
        provider.take_post(&post).unwrap();
        provider.take_post(&honest[usize::from(1 - i)]).unwrap();
        slice.providers[2]
            .take_post(&honest[usize::from(i)])
            .unwrap();
    }
    for post in honest.iter().chain([&post]) {
        slice.client.take_post(post).unwrap();
    }
    assert_eq!(record.opening.unwrap().root.as_ref() as &[u8], root);
    slice.release(&[0, 1, 2]);
    slice.hand_out();
    assert_eq!(slice.paid(), [0, 1, 2]);
    let claim = slice.provider(2).claim(BURIED).unwrap();
    let Opened::False(evidence) = slice.client.open(2, &claim).unwrap() else {
        panic!("rubbish was opened");
    };
    let evidence = Evidence::from_bytes(&evidence.to_bytes()).unwrap();
    assert_eq!(evidence.verify(&slice.terms).unwrap(), 2);
    // The client has the result from the others, and nothing to say against them.
    let claim = slice.provider(0).claim(BURIED).unwrap();
    assert!(matches!(
        slice.client.open(0, &claim).unwrap(),
        Opened::Result { .. }
    ));
    let Evidence::FalseSeal { secret: of_two, .. } = evidence else {
        panic!("other evidence");
    };
    for (post, secret) in [(honest[0].clone(), of_two), (post, secret(4))] {
        let refused = Evidence::FalseSeal { post, secret }.verify(&slice.terms);
        assert_eq!(
            refused,
            Err(SliceError::NoEvidence("another secret than the provider's"))
        );
    }
    let of_zero = slice.client.record().secrets[&0];
    let honest = Evidence::FalseSeal {
        post: honest[0].clone(),
        secret: of_zero,
    };
    assert_eq!(
        honest.verify(&slice.terms),
        Err(SliceError::NoEvidence("the seal is true"))
    );
}

/// The client hands out nothing: providers show each other their bundles and are paid without it.
#[test]
fn a_withholding_client_is_passed_by() {
    let mut slice = slice_of(2, 3, 11);
    slice.commit_all(&[Some(right()), Some(right()), Some(right())]);
    for i in 0..3 {
        let provider = &mut slice.providers[i];
        assert_eq!(provider.duties(102, FUNDED), [ProviderDuty::Release]);
        provider.release((102, FUNDED), &mut slice.rng).unwrap();
        assert_eq!(provider.duties(102, FUNDED), [ProviderDuty::Ask]);
    }
    let asked = slice.providers[0].bundle().unwrap().clone();
    for i in [1, 2] {
        let (taken, answer) = slice.providers[i].exchange(&asked).unwrap();
        assert!(is_share(&taken));
        let taken = slice.providers[0].take_bundle(&answer.unwrap()).unwrap();
        assert!(is_share(&taken));
    }
    assert_eq!(slice.paid(), [0, 1, 2]);
    assert_eq!(
        slice.provider(0).duties(102, FUNDED),
        [ProviderDuty::Ask, ProviderDuty::Claim]
    );
    // Whoever did not release takes and gives nothing.
    let mut slice = slice_of(3, 3, 11);
    slice.commit_all(&[Some(right()), Some(right()), Some(right())]);
    slice.release(&[0]);
    let asked = slice.providers[0].bundle().unwrap().clone();
    let (_, answer) = slice.providers[1].exchange(&asked).unwrap();
    assert!(answer.is_none());
}

/// A provider that keeps its post from the client: those who paid it have it.
#[test]
fn a_hidden_post_reaches_the_client() {
    let mut slice = slice_of(2, 2, 12);
    let posts = [slice.commit(0, &right()), slice.commit(1, &right())];
    slice.providers[0].take_post(&posts[1]).unwrap();
    slice.providers[1].take_post(&posts[0]).unwrap();
    slice.client.take_post(&posts[1]).unwrap();
    slice.release(&[0, 1]);
    slice.hand_out();
    let claim = slice.provider(0).claim(BURIED).unwrap();
    assert_eq!(
        slice.client.open(0, &claim),
        Err(SliceError::Missing { from: 0 })
    );
    let shown = slice.providers[1].posts().cloned().collect::<Vec<_>>();
    for post in &shown {
        slice.client.take_post(post).unwrap();
    }
    let opened = slice.client.opened(0).unwrap();
    assert!(matches!(opened, Opened::Result { work, .. } if work == right()));
}

/// What belongs to one slice is worth nothing in the next, of the same providers and the same work.
#[test]
fn replays_of_another_slice() {
    let mut old = slice_of(2, 3, 13);
    old.commit_all(&[Some(right()), Some(right()), Some(right())]);
    old.release(&[0, 1, 2]);
    old.hand_out();
    let claim = old.provider(0).claim(BURIED).unwrap();
    let mut new = slice_of(2, 3, 14);
    let post = old.client.posts().next().unwrap().clone();
    let bundle = old.providers[0].bundle().unwrap().clone();
    assert_eq!(new.client.take_post(&post), Err(SliceError::Foreign));
    assert_eq!(new.client.take_bundle(&bundle), Err(SliceError::Foreign));
    assert_eq!(new.provider(1).take_post(&post), Err(SliceError::Foreign));
    assert_eq!(
        new.provider(1).take_bundle(&bundle),
        Err(SliceError::Foreign)
    );
    assert!(new.client.open(0, &claim).is_err());
    // Relabelled, its signature does not fit.
    let mut relabelled = bundle.clone();
    relabelled.terms = new.terms.id();
    assert_eq!(
        new.provider(1).take_bundle(&relabelled),
        Err(SliceError::NotSigned { from: 0 })
    );
    // A commitment and its seal, signed anew by its own provider: the root part is another's.
    let said = (post.commitment, post.sealed.clone());
    let again = Post::sign(&new.terms, (0, &key(0)), said, &mut new.rng).unwrap();
    new.provider(1).commit(&right(), &mut rng(1)).unwrap();
    new.provider(1).take_post(&again).unwrap();
    let x = old.provider(0).record().opening.unwrap().x;
    let root = right().root(&old.terms);
    assert_ne!(new.terms.commitment(&root, &x).unwrap(), post.commitment);
}

/// Everybody goes down and comes back from its record.
fn crash(slice: &mut Slice) {
    let terms = std::sync::Arc::new(slice.terms.clone());
    for i in 0..slice.providers.len() {
        let json = serde_json::to_string(&slice.providers[i].record()).unwrap();
        let record = serde_json::from_str(&json).unwrap();
        let own = (i as u8, key(i as u8));
        slice.providers[i] = Provider::restore(terms.clone(), own, &record).unwrap();
        assert_eq!(slice.providers[i].record(), record);
    }
    let json = serde_json::to_string(&slice.client.record()).unwrap();
    let record = serde_json::from_str(&json).unwrap();
    slice.client = Client::restore(terms, secret(1), &record).unwrap();
    assert_eq!(slice.client.record(), record);
}

#[test]
fn crashes_at_every_step() {
    let mut slice = slice_of(2, 3, 15);
    crash(&mut slice);
    assert_eq!(slice.provider(0).duties(100, FUNDED), [ProviderDuty::Work]);
    let posts = [0, 1, 2].map(|i| slice.commit(i, &right()));
    crash(&mut slice);
    // What was sent is sent again, not made anew.
    assert_eq!(slice.commit(0, &right()), posts[0]);
    for post in &posts {
        slice.show(post);
    }
    crash(&mut slice);
    slice.release(&[0, 1, 2]);
    let bundle = slice.providers[0].bundle().unwrap().clone();
    crash(&mut slice);
    let again = slice.providers[0].release((100, FUNDED), &mut slice.rng);
    assert_eq!(again.unwrap(), bundle);
    slice.hand_out();
    crash(&mut slice);
    assert_eq!(slice.paid(), [0, 1, 2]);
    let claim = slice.provider(1).claim(BURIED).unwrap();
    slice.client.open(1, &claim).unwrap();
    crash(&mut slice);
    assert!(matches!(
        slice.client.opened(1).unwrap(),
        Opened::Result { .. }
    ));
}

/// A record that was changed is not taken up.
#[test]
fn changed_records_are_refused() {
    let mut slice = slice_of(2, 3, 16);
    slice.commit_all(&[Some(right()), Some(right()), Some(right())]);
    slice.release(&[0, 1, 2]);
    slice.hand_out();
    let terms = std::sync::Arc::new(slice.terms.clone());
    let good = slice.provider(0).record();
    let restore = |record| Provider::restore(terms.clone(), (0, key(0)), &record);
    assert!(restore(good.clone()).is_ok());
    let mut bad = vec![good.clone(); 9];
    bad[0].holdings[50] ^= 1;
    bad[1].shares[0] = secret(9);
    bad[2].shares.pop();
    bad[3].opening = None;
    // In the signature, and in what is encrypted: both can be read still.
    let mut post = good.posts[1].to_bytes();
    *post.last_mut().unwrap() ^= 1;
    bad[4].posts[1] = Post::from_bytes(&post).unwrap();
    bad[5].received.insert(1, secret(9));
    bad[7].part = secret(9);
    bad[8].opening.as_mut().unwrap().x = secret(9);
    let mut bundle = good.bundle.as_ref().unwrap().to_bytes();
    bundle[80] ^= 1;
    bad[6].bundle = Some(Bundle::from_bytes(&bundle).unwrap());
    for (i, bad) in bad.into_iter().enumerate() {
        assert!(restore(bad).is_err(), "{i}");
    }
    assert!(Provider::restore(terms.clone(), (1, key(1)), &good).is_err());
    assert!(Provider::restore(terms.clone(), (0, key(1)), &good).is_err());
    let record = slice.client.record();
    assert!(Client::restore(terms.clone(), secret(2), &record).is_err());
    let mut bad = record;
    bad.secrets.insert(0, secret(9));
    assert!(Client::restore(terms, secret(1), &bad).is_err());
    // Neither logs its secrets.
    let x = good
        .opening
        .as_ref()
        .unwrap()
        .x
        .display_secret()
        .to_string();
    let shown = format!("{:?} {good:?} {:?}", slice.providers[0], slice.client);
    assert!(!shown.contains(&x) && shown.len() < 1_000, "{shown}");
}

#[test]
fn results_have_a_bound() {
    let mut slice = slice_of(2, 2, 17);
    let large = Work {
        commitment: [0; 32],
        result: vec![7; MAX_RESULT_BYTES + 1],
    };
    let refused = slice.providers[0].commit(&large, &mut slice.rng);
    assert!(matches!(refused, Err(SliceError::TooLarge { .. })));
    let largest = Work {
        commitment: [0; 32],
        result: vec![7; MAX_RESULT_BYTES],
    };
    slice.commit_all(&[Some(largest.clone()), Some(largest)]);
    slice.release(&[0, 1]);
    slice.hand_out();
    assert_eq!(slice.paid(), [0, 1]);
}

/// The client carries no posts, to save a price: providers compare theirs and nobody is left out.
#[test]
fn a_client_that_holds_posts_back_is_passed_by() {
    let mut slice = slice_of(2, 3, 19);
    for i in 0..3 {
        let Slice { providers, rng, .. } = &mut slice;
        providers[i].commit(&right(), rng).unwrap();
        assert_eq!(providers[i].duties(101, FUNDED), [ProviderDuty::Show]);
    }
    let own = |slice: &Slice, i: usize| slice.providers[i].posts().cloned().collect::<Vec<_>>();
    for (i, j) in [(0, 1), (1, 2), (2, 0)] {
        let mine = own(&slice, i);
        let theirs = slice.providers[j].compare_posts(&mine).unwrap();
        slice.providers[i].compare_posts(&theirs).unwrap();
    }
    // Two have met both others; the third learns from either.
    let all = own(&slice, 2);
    slice.providers[1].compare_posts(&all).unwrap();
    for i in 0..3 {
        let provider = &mut slice.providers[i];
        assert_eq!(provider.duties(102, FUNDED), [ProviderDuty::Release]);
        provider.release((102, FUNDED), &mut slice.rng).unwrap();
    }
    let bundles = [0, 1, 2].map(|i: usize| slice.providers[i].bundle().unwrap().clone());
    for i in 0..3 {
        for bundle in &bundles {
            slice.providers[i].take_bundle(bundle).unwrap();
        }
    }
    assert_eq!(slice.paid(), [0, 1, 2]);
    // A post of one's own that somebody else made is named.
    let mut slice = slice_of(2, 3, 20);
    let Slice { providers, rng, .. } = &mut slice;
    providers[0].commit(&right(), rng).unwrap();
    let mut forged = providers[1].commit(&right(), rng).unwrap();
    forged.from = 0;
    let refused = providers[0].compare_posts(&[forged]);
    assert!(refused.is_err(), "{refused:?}");
}

/// Duties follow the chain.
#[test]
fn duties() {
    let mut slice = slice_of(2, 2, 18);
    let provider = slice.provider(0);
    assert_eq!(provider.duties(100, Coin::Unfunded), []);
    assert_eq!(provider.duties(105, FUNDED), [ProviderDuty::Work]);
    // Too late to begin: others may have released.
    assert_eq!(provider.duties(106, FUNDED), []);
    slice.commit(0, &right());
    let provider = slice.provider(0);
    assert_eq!(provider.duties(105, FUNDED), [ProviderDuty::Show]);
    assert_eq!(provider.duties(106, FUNDED), [ProviderDuty::Release]);
    assert_eq!(provider.duties(106, Coin::Spent), []);
    let client = &slice.client;
    assert_eq!(client.duty(500, Coin::Unfunded), ClientDuty::None);
    assert_eq!(client.duty(500, Coin::Spent), ClientDuty::None);
}

/// A share for nobody, of nobody, twice: bundles that are signed and still nonsense.
#[test]
fn odd_bundles() {
    let mut slice = slice_of(2, 3, 19);
    slice.commit_all(&[Some(right()), Some(right()), Some(right())]);
    let root = right().root(&slice.terms);
    let posts = slice.client.posts().cloned().collect::<Vec<_>>();
    let sign = |from: u8, shares: Vec<(&Post, SecretKey)>, rng: &mut _| {
        Bundle::sign(&slice.terms, (from, &key(from)), &root, shares, rng).unwrap()
    };
    let empty = sign(1, vec![], &mut slice.rng);
    let own = sign(0, vec![(&posts[0], secret(9))], &mut slice.rng);
    let share = slice.providers[1].record().shares[0];
    let twice = vec![(&posts[0], share), (&posts[0], share)];
    let twice = sign(1, twice, &mut slice.rng);
    let provider = &mut slice.providers[0];
    assert_eq!(provider.take_bundle(&empty).unwrap(), Taken::Passed);
    // Whoever gives nothing is given nothing, neither by the client nor by the one it gave nothing to.
    provider.release((106, FUNDED), &mut slice.rng).unwrap();
    assert_eq!(provider.exchange(&empty).unwrap(), (Taken::Passed, None));
    let released = provider.bundle().unwrap().clone();
    slice.client.take_bundle(&released).unwrap();
    slice.client.take_bundle(&empty).unwrap();
    assert_eq!(slice.client.hand_out(1).count(), 0);
    assert_eq!(slice.client.hand_out(0).count(), 1);
    assert_eq!(provider.take_bundle(&own).unwrap(), Taken::Passed);
    assert!(is_share(&provider.take_bundle(&twice).unwrap()));
    assert!(is_share(&provider.take_bundle(&twice).unwrap()));
    assert_eq!(provider.received(), 1);
}

/// Neither shares nor a claim are shown while fewer blocks than the policy's lie on the price; what is refused changes
/// nothing, and on time it passes.
#[test]
fn nothing_is_shown_for_a_shallow_price() {
    let mut slice = slice_of(2, 2, 15);
    slice.commit_all(&[Some(right()), Some(right())]);
    let shallow = |of, height, tip| SliceError::Shallow {
        of,
        error: Shallow {
            height,
            tip,
            depth: depth(),
        },
    };
    // FUNDED is at height 100: three deep at 102.
    for tip in [100, 101] {
        assert_eq!(slice.providers[0].duties(tip, FUNDED), [ProviderDuty::Show]);
        let early = slice.providers[0].release((tip, FUNDED), &mut slice.rng);
        assert_eq!(early, Err(shallow(0, 100, tip)));
        assert!(slice.providers[0].bundle().is_none());
    }
    assert_eq!(
        slice.providers[0].duties(102, FUNDED),
        [ProviderDuty::Release]
    );
    for i in [0, 1] {
        let bundle = slice.providers[i].release((102, FUNDED), &mut slice.rng);
        slice.client.take_bundle(&bundle.unwrap()).unwrap();
    }
    slice.hand_out();
    // The funding is reorganised and confirmed again at 104: the claim, which opens the result, waits once more.
    let again = Coin::Locked { height: 104 };
    assert_eq!(slice.providers[1].duties(105, again), [ProviderDuty::Ask]);
    let early = slice.providers[1].claim((105, again));
    assert_eq!(early, Err(shallow(1, 104, 105)));
    for gone in [Coin::Unfunded, Coin::Spent] {
        let early = slice.providers[1].claim((200, gone));
        assert!(matches!(early, Err(SliceError::Order { .. })));
    }
    assert_eq!(
        slice.providers[1].duties(106, again),
        [ProviderDuty::Ask, ProviderDuty::Claim]
    );
    slice.providers[1].claim((106, again)).unwrap();
}

/// A staller pays one provider, to leave another unpaid: what that one owes the others is due all the same, claimed or not,
/// until the client may have taken everything back.
#[test]
fn a_provider_that_is_paid_owes_its_release() {
    let mut slice = slice_of(2, 3, 21);
    let posts = [0, 1, 2].map(|i| slice.commit(i, &right()));
    // The staller shows its post to provider 0 alone, and so does it with its share.
    slice.providers[0].take_post(&posts[2]).unwrap();
    slice.providers[1].take_post(&posts[0]).unwrap();
    let share = slice.providers[2].record().shares[0];
    let (root, mut rng) = (right().root(&slice.terms), rng(3));
    let shares = vec![(&posts[0], share)];
    let bribe = Bundle::sign(&slice.terms, (2, &key(2)), &root, shares, &mut rng).unwrap();
    let provider = &mut slice.providers[0];
    assert!(is_share(&provider.take_bundle(&bribe).unwrap()));
    // Shallow; deep, a post missing still; their time over.
    let (show, release) = (ProviderDuty::Show, ProviderDuty::Release);
    assert_eq!(provider.duties(101, FUNDED), [show]);
    assert_eq!(provider.duties(105, FUNDED), [show, ProviderDuty::Claim]);
    assert_eq!(provider.duties(106, FUNDED), [release, ProviderDuty::Claim]);
    provider.claim((105, FUNDED)).unwrap();
    let claimed = Coin::Claimed { height: 100 };
    assert_eq!(provider.duties(105, claimed), [show]);
    let early = provider.release((105, claimed), &mut rng);
    let soon = SliceError::TooSoon {
        missing: 1,
        height: 106,
    };
    assert_eq!(early, Err(soon));
    // It takes the other's post after its claim, and gives it its share.
    provider.take_post(&posts[1]).unwrap();
    assert_eq!(provider.duties(105, claimed), [release]);
    let released = provider.release((105, claimed), &mut rng).unwrap();
    assert!(is_share(
        &slice.providers[1].take_bundle(&released).unwrap()
    ));
    slice.providers[1].claim(BURIED).unwrap();
    // Refunds are valid from 118 on, and that is three deep at 120.
    let provider = slice.provider(0);
    assert_eq!(provider.duties(119, claimed), [ProviderDuty::Ask]);
    assert_eq!(provider.duties(120, claimed), []);
    assert!(provider.claim((119, claimed)).is_err());
}
