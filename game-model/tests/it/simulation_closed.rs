//! The closed forms have their known values, and refuse what has none.

use narthex_game_model::Ratio;
use narthex_game_model::simulation::closed::{
    ClosedFormError, detection, detection_limit, grinding_tries, grinding_tries_limit, majority,
    miss,
};
use num_rational::BigRational;

fn ratio(text: &str) -> Ratio {
    text.parse().unwrap()
}

fn fraction(above: i64, below: i64) -> BigRational {
    BigRational::new(above.into(), below.into())
}

#[test]
fn closed_forms_have_their_known_values() {
    // C(7,4)/C(10,4) = 35/210.
    assert_eq!(miss(10, 3, 4), Ok(fraction(1, 6)));
    assert_eq!(miss(10, 4, 3), Ok(fraction(1, 6)));
    assert_eq!(miss(10, 0, 4), Ok(fraction(1, 1)));
    assert_eq!(miss(10, 7, 4), Ok(fraction(0, 1)));
    assert_eq!(miss(10, 5, 6), Ok(fraction(0, 1)));
    assert_eq!(miss(10, 10, 0), Ok(fraction(1, 1)));
    assert_eq!(grinding_tries(10, 3, 4), Ok(fraction(6, 1)));
    assert_eq!(
        grinding_tries_limit(ratio("1/2"), 10),
        Ok(fraction(1_024, 1))
    );
    // One arbiter decides alone; two of three at 2/3: 3·4/9·1/3 + 8/27.
    assert_eq!(majority(1, 1, ratio("2/3")), Ok(fraction(2, 3)));
    assert_eq!(majority(3, 2, ratio("2/3")), Ok(fraction(20, 27)));
    assert_eq!(majority(15, 0, ratio("2/3")), Ok(fraction(1, 1)));
    assert_eq!(majority(3, 4, ratio("2/3")), Ok(fraction(0, 1)));

    // One bad step of a hundred: 63 %, 95 %, 99 % at 100, 300, 460 samples, whatever the job's size.
    for (sample, percent) in [(100, 63), (300, 95), (460, 99)] {
        let limit = detection_limit(ratio("1/100"), sample).unwrap();
        let least = fraction(percent, 100);
        assert!(limit >= least && limit < &least + fraction(1, 100));
        for steps in [10_000, 1_000_000, 10_000_000_000] {
            let exact = detection(steps, steps / 100, sample).unwrap();
            // The limit may be promised: a finite job is checked at least as well.
            assert!(
                exact >= limit && exact < &least + fraction(1, 50),
                "{steps}"
            );
        }
    }
    // 50 bad steps at a tenth sampled: about 200 trees.
    let tries = grinding_tries_limit(ratio("1/10"), 50).unwrap();
    assert!(tries > fraction(190, 1) && tries < fraction(200, 1));
    let exact = grinding_tries(10_000, 50, 1_000).unwrap();
    assert!(exact > tries && exact < fraction(200, 1));
}

#[test]
fn closed_forms_refuse_what_has_no_value() {
    let none = ClosedFormError::NoSuchSteps {
        steps: 10,
        bad: 11,
        sample: 1,
    };
    assert_eq!(miss(10, 11, 1), Err(none));
    assert!(matches!(
        detection(10, 1, 11),
        Err(ClosedFormError::NoSuchSteps { .. })
    ));
    assert_eq!(grinding_tries(10, 5, 6), Err(ClosedFormError::Never));
    assert_eq!(
        grinding_tries_limit(Ratio::ONE, 1),
        Err(ClosedFormError::Never)
    );
    let above = ratio("3/2");
    assert_eq!(
        detection_limit(above, 1),
        Err(ClosedFormError::AboveOne(above))
    );
    assert_eq!(majority(3, 2, above), Err(ClosedFormError::AboveOne(above)));
    let factors = 10_001;
    let large = ClosedFormError::TooLarge { factors };
    assert_eq!(miss(u64::MAX, factors, factors), Err(large.clone()));
    assert_eq!(detection_limit(ratio("1/100"), factors), Err(large));
    assert!(miss(u64::MAX, 10_000, u64::MAX / 2).is_ok());
}
