//! A panel's shared secret: any k make it, fewer do not, and whoever deals or reveals falsely is named.

use bitcoin::secp256k1::{
    PublicKey, Secp256k1, SecretKey,
    rand::{SeedableRng, rngs::StdRng, thread_rng},
};
use narthex_base::codec::Message as _;
use narthex_contracts::{
    fixtures::Fixtures,
    setup::ceremony,
    shared_secret::{
        Collector, Dealer, Dealing, RevealedShare, Share, SharedPoint, Sharing, SharingError,
    },
    template::ContractSecret,
    terms::Role,
};
use narthex_game_model::Template;
use proptest::prelude::*;

/// A whole sharing: the point, everybody's revealed share, and the dealings.
fn share(n: u8, k: u8, seed: u64) -> (SharedPoint, Vec<RevealedShare>, Vec<Dealing>) {
    let (secp, mut rng) = (Secp256k1::new(), StdRng::seed_from_u64(seed));
    let sharing = Sharing::new([7; 32], n, k).unwrap();
    let dealers = (0..n)
        .map(|i| Dealer::new(sharing, i, &mut rng).unwrap())
        .collect::<Vec<_>>();
    let dealings = dealers
        .iter()
        .map(|d| Dealing::from_bytes(&d.dealing(&secp).unwrap().to_bytes()).unwrap())
        .collect::<Vec<_>>();
    let mut points = Vec::new();
    let mut shares = Vec::new();
    for member in 0..n {
        let mut collector = Collector::new(sharing, member).unwrap();
        for (dealer, dealing) in dealers.iter().zip(&dealings) {
            collector.accept_dealing(&secp, dealing.clone()).unwrap();
            let share = Share::from_bytes(&dealer.share(member).unwrap().to_bytes()).unwrap();
            collector.accept_share(&secp, share).unwrap();
        }
        let (point, share) = collector.finish().unwrap();
        points.push(point);
        shares.push(RevealedShare::from_bytes(&share.reveal().to_bytes()).unwrap());
    }
    assert!(points.windows(2).all(|w| w[0] == w[1]));
    (points.remove(0), shares, dealings)
}

fn subsets(shares: &[RevealedShare], size: u32) -> Vec<Vec<RevealedShare>> {
    (0u32..1 << shares.len())
        .filter(|mask| mask.count_ones() == size)
        .map(|mask| {
            let chosen = shares.iter().enumerate();
            chosen
                .filter(|(i, _)| mask >> i & 1 == 1)
                .map(|(_, s)| *s)
                .collect()
        })
        .collect()
}

#[test]
fn any_k_reconstruct_and_fewer_do_not() {
    let secp = Secp256k1::new();
    for (n, k) in [(1, 1), (3, 1), (3, 2), (3, 3), (5, 3), (7, 4), (15, 14)] {
        let (point, shares, dealings) = share(n, k, 5);
        let constants = dealings
            .iter()
            .map(|d| &d.commitments[0])
            .collect::<Vec<_>>();
        let sum = PublicKey::combine_keys(&constants).unwrap();
        assert_eq!(
            point.point(),
            Some(sum),
            "the point is the sum of the dealers' points"
        );
        let mut secrets = Vec::new();
        for subset in subsets(&shares, k.into()) {
            secrets.push(point.reconstruct(&secp, &subset).unwrap());
        }
        assert!(secrets.windows(2).all(|w| w[0] == w[1]));
        assert_eq!(PublicKey::from_secret_key(&secp, &secrets[0]), sum);
        for subset in subsets(&shares, u32::from(k) - 1) {
            let given = subset.len();
            assert_eq!(
                point.reconstruct(&secp, &subset),
                Err(SharingError::TooFew { given, wanted: k })
            );
            // One share shown often stays one.
            let repeated = subset.repeat(k.into());
            assert!(point.reconstruct(&secp, &repeated).is_err());
        }
    }
}

/// k − 1 shares fit every secret: for any other secret there is a last share that leads to it. Shown for 2 of 3 by
/// interpolation with a share that is made up: what comes out is another secret, and the check names the share.
#[test]
fn a_share_less_says_nothing() {
    let secp = Secp256k1::new();
    let (point, shares, _) = share(3, 2, 6);
    let secret = point.reconstruct(&secp, &shares[..2]).unwrap();
    for n in 1..20u8 {
        let made_up = RevealedShare {
            member: 1,
            value: SecretKey::from_slice(&[n; 32]).unwrap(),
        };
        // Line through (1, s₀) and (2, y): at 0 it is 2·s₀ − y.
        let two = bitcoin::secp256k1::Scalar::from_be_bytes({
            let mut b = [0; 32];
            b[31] = 2;
            b
        })
        .unwrap();
        let minus_y = bitcoin::secp256k1::Scalar::from(made_up.value.negate());
        let fits = shares[0].value.mul_tweak(&two).unwrap();
        let fits = fits.add_tweak(&minus_y).unwrap();
        assert_ne!(fits, secret);
        assert_eq!(
            point.reconstruct(&secp, &[shares[0], made_up]),
            Err(SharingError::FalseReveal { member: 1 })
        );
    }
}

#[test]
fn bad_dealings_and_shares_are_named() {
    let (secp, mut rng) = (Secp256k1::new(), thread_rng());
    let sharing = Sharing::new([7; 32], 3, 2).unwrap();
    let dealer = Dealer::new(sharing, 1, &mut rng).unwrap();
    let other = Dealer::new(sharing, 1, &mut rng).unwrap();
    let dealing = dealer.dealing(&secp).unwrap();
    let mut collector = Collector::new(sharing, 0).unwrap();
    let own_share = || dealer.share(0).unwrap();
    assert_eq!(
        collector.accept_share(&secp, own_share()),
        Err(SharingError::Missing { dealer: 1 }),
        "a share cannot be checked before its dealing"
    );
    collector.accept_dealing(&secp, dealing.clone()).unwrap();
    collector.accept_dealing(&secp, dealing.clone()).unwrap();
    assert_eq!(
        collector.accept_dealing(&secp, other.dealing(&secp).unwrap()),
        Err(SharingError::Contradiction { dealer: 1 })
    );
    assert_eq!(
        collector.accept_share(&secp, other.share(0).unwrap()),
        Err(SharingError::BadShare { dealer: 1, to: 0 })
    );
    assert_eq!(
        collector.accept_share(&secp, dealer.share(2).unwrap()),
        Err(SharingError::Misdirected {
            dealer: 1,
            to: 2,
            own: 0
        })
    );
    // Anybody can check a complaint: the share that was shown does not fit, the right one would.
    assert!(
        dealing
            .verify_share(&secp, &other.share(0).unwrap())
            .is_err()
    );
    assert!(dealing.verify_share(&secp, &own_share()).is_ok());
    collector.accept_share(&secp, own_share()).unwrap();
    assert_eq!(
        collector.finish().unwrap_err(),
        SharingError::Missing { dealer: 0 }
    );

    // A dealing of another degree, of another panel, or whose constant cancels that of another dealer.
    let mut collector = Collector::new(sharing, 0).unwrap();
    let steep = Dealer::new(Sharing::new([7; 32], 3, 3).unwrap(), 1, &mut rng).unwrap();
    assert_eq!(
        collector.accept_dealing(&secp, steep.dealing(&secp).unwrap()),
        Err(SharingError::Degree {
            dealer: 1,
            given: 3,
            wanted: 2
        })
    );
    let elsewhere = Dealer::new(Sharing::new([8; 32], 3, 2).unwrap(), 1, &mut rng).unwrap();
    let mut rogue = dealing.clone();
    let victim = Dealer::new(sharing, 0, &mut rng).unwrap();
    let victim = victim.dealing(&secp).unwrap().commitments[0].negate(&secp);
    rogue.commitments[0] = rogue.commitments[0].combine(&victim).unwrap();
    let mut renamed = dealing.clone();
    renamed.dealer = 2;
    for (bad, by) in [
        (elsewhere.dealing(&secp).unwrap(), 1),
        (rogue, 1),
        (renamed, 2),
    ] {
        assert_eq!(
            collector.accept_dealing(&secp, bad),
            Err(SharingError::Proof { dealer: by })
        );
    }
    for (n, k) in [(3, 0), (3, 4), (16, 2), (0, 0)] {
        assert!(Sharing::new([7; 32], n, k).is_err());
    }
    assert!(Dealer::new(sharing, 3, &mut rng).is_err());
    assert_eq!(
        format!("{dealer:?} {:?}", own_share()),
        "Dealer(1) Share(1 to 0)"
    );
}

/// The point stands in a contract of the `paper` template, and k arbiters open its verdicts: both of them, which is
/// what is wrong with that template.
#[test]
fn k_of_the_panel_open_either_verdict_of_the_paper_layout() {
    let secp = Secp256k1::new();
    let fixtures = Fixtures::example(Template::Paper, 3, 2, 500, [7; 32]).unwrap();
    let (point, shares, _) = share(3, 2, 9);
    let mut record = fixtures.terms().unwrap().record().clone();
    record.paper.as_mut().unwrap().panel = point.point().unwrap();
    let terms = fixtures.announced(record).unwrap();
    let parties = fixtures.parties(&terms).unwrap();
    let holdings = ceremony::run(parties, &mut thread_rng(), |_| ()).unwrap();
    let worker = holdings.iter().find(|h| h.role() == Role::Worker).unwrap();
    let secrets = |panel: Option<SecretKey>| match panel {
        None => fixtures.worker_secrets(),
        Some(panel) => fixtures.worker_secrets().with(ContractSecret::Panel, panel),
    };
    let reconstructed = point.reconstruct(&secp, &shares[1..]).unwrap();
    let mut opened = [0, 0];
    for (id, node) in worker.graph().nodes() {
        let Some(which) = ["Tx7", "Tx8"].iter().position(|b| *b == node.name.base) else {
            continue;
        };
        assert!(worker.complete(id, &secrets(None)).is_err());
        assert!(
            worker
                .complete(id, &secrets(Some(shares[0].value)))
                .is_err()
        );
        worker.complete(id, &secrets(Some(reconstructed))).unwrap();
        opened[which] += 1;
    }
    assert_eq!(opened, [4, 4]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_panels_and_subsets(seed in any::<u64>(), n in 1u8..=9, k in 1u8..=9, pick in any::<u16>(), liar in 0u8..9) {
        prop_assume!(k <= n);
        let secp = Secp256k1::new();
        let (point, shares, _) = share(n, k, seed);
        let secret = point.reconstruct(&secp, &shares).unwrap();
        prop_assert_eq!(Some(PublicKey::from_secret_key(&secp, &secret)), point.point());
        let chosen = shares.iter().filter(|s| pick >> s.member & 1 == 1).copied().collect::<Vec<_>>();
        match point.reconstruct(&secp, &chosen) {
            Ok(found) => prop_assert!(chosen.len() >= k.into() && found == secret),
            Err(error) => prop_assert_eq!(error, SharingError::TooFew { given: chosen.len(), wanted: k }),
        }
        let mut lied = shares.clone();
        let liar = liar % n;
        lied[usize::from(liar)].value = lied[usize::from(liar)].value.negate();
        prop_assert_eq!(point.reconstruct(&secp, &lied), Err(SharingError::FalseReveal { member: liar }));
        lied[0].member = n;
        prop_assert!(point.reconstruct(&secp, &lied).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(tail in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Dealing::from_bytes(&[b"NXPD1", &tail[..]].concat());
        let _ = Share::from_bytes(&[b"NXPS1", &tail[..]].concat());
        let _ = RevealedShare::from_bytes(&[b"NXPR1", &tail[..]].concat());
        prop_assert!(Dealing::from_bytes(&tail).is_err());
    }
}
