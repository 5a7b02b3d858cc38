//! The shipped model reads digits it was not trained on; malformed models are named.

use narthex_base::codec::DecodeError;
use narthex_game_model::computation::{Computation, Job, StepError, StepProgram, UnitProgram};
use narthex_game_model::workload::digits::{self, Labelled};
use narthex_game_model::workload::model::{
    MAX_BIAS, MAX_MODEL_BYTES, Model, ModelError, ModelProgram, OUTPUT_BYTES, Prediction,
};
use proptest::prelude::*;

fn shipped() -> ModelProgram {
    ModelProgram::new(Model::shipped().unwrap())
}

/// Bytes of a model with these layers: outputs, shift, biases, weights.
fn bytes(inputs: u16, max_input: u8, layers: &[(u16, u8, Vec<i32>, Vec<i8>)]) -> Vec<u8> {
    let mut out = b"NXMODEL1".to_vec();
    out.push(layers.len() as u8);
    out.extend(inputs.to_le_bytes());
    out.push(max_input);
    for (outputs, shift, biases, weights) in layers {
        out.extend(outputs.to_le_bytes());
        out.push(*shift);
        out.extend(biases.iter().flat_map(|bias| bias.to_le_bytes()));
        out.extend(weights.iter().map(|weight| *weight as u8));
    }
    out
}

fn in_units(program: &ModelProgram, record: &[u8]) -> Result<Vec<u8>, StepError> {
    let mut state = program.start(record)?;
    for _ in 0..program.max_units() {
        state = program.advance(&state)?;
    }
    assert_eq!(program.advance(&state)?, state, "the last state stays");
    program.output(&state)
}

#[test]
fn held_out_digits_are_read_well() {
    let program = shipped();
    let (seen, unseen) = Labelled::shipped().unwrap().split(digits::REFERENCE_ROWS);
    let job = Job::new(program, unseen.images().unwrap()).unwrap();
    let mut right = 0;
    for (index, label) in (0..).zip(unseen.labels()) {
        let output: [u8; OUTPUT_BYTES] = job.step(index).unwrap().try_into().unwrap();
        right += usize::from(Prediction::from_bytes(&output).class == label);
    }
    println!("{right} of {} held-out digits right", unseen.len());
    assert!(right * 100 >= 93 * unseen.len());
    assert_eq!((seen.len(), unseen.len()), (900, 897));
}

#[test]
fn units_give_what_the_step_gives() {
    let program = shipped();
    let images = Labelled::shipped().unwrap().images().unwrap();
    for record in images.iter().step_by(60) {
        assert_eq!(in_units(&program, record), program.run(record));
    }
    assert_eq!(program.max_units(), 58);
}

/// Every number in the arithmetic at its limit: the sums must stay below 2^31.
#[test]
fn extreme_models_do_not_overflow() {
    let (wide, bias) = (4_096u16, MAX_BIAS as i32);
    for (weight, bias) in [(127, bias), (-128, -bias), (-128, bias), (127, -bias)] {
        let layers = [
            (512, 0, vec![bias; 512], vec![weight; 512 * 4_096]),
            (wide, 31, vec![bias; 4_096], vec![weight; 512 * 4_096]),
            (2, 0, vec![bias, -bias], vec![weight; 2 * 4_096]),
        ];
        let model = Model::from_bytes(&bytes(wide, 255, &layers)).unwrap();
        let output = ModelProgram::new(model).run(&[255; 4_096]).unwrap();
        let expected = if bias > 0 { 0 } else { 1 };
        let prediction = Prediction::from_bytes(&output.try_into().unwrap());
        assert_eq!(prediction.class, expected);
        assert_eq!(prediction.margin, 2 * MAX_BIAS);
    }
}

#[test]
fn each_malformed_model_is_named() {
    let good = bytes(2, 9, &[(2, 0, vec![1, 2], vec![1, 2, 3, 4])]);
    assert!(Model::from_bytes(&good).is_ok());
    // Where each field ends.
    let fields = [
        ("kind", 8),
        ("layers", 9),
        ("width", 11),
        ("largest input", 12),
        ("width", 14),
        ("shift", 15),
        ("biases", 23),
        ("weights", 27),
    ];
    assert_eq!(good.len(), 27);
    for end in 0..good.len() {
        let error = Model::from_bytes(&good[..end]).unwrap_err();
        let cut = fields.iter().find(|(_, ends)| end < *ends).unwrap();
        let (field, missing) = (cut.0, cut.1 - end);
        let expected = ModelError::Truncated(DecodeError::Truncated { field, missing });
        assert_eq!(error, expected, "{end} bytes");
    }
    let error = |bytes: &[u8]| Model::from_bytes(bytes).unwrap_err();
    let longer = [&good[..], &[0]].concat();
    assert_eq!(error(&longer), ModelError::LeftOver { bytes: 1 });
    let mut other = good.clone();
    other[7] = b'2';
    assert_eq!(error(&other), ModelError::NoModel);
    let one = |layer| error(&bytes(2, 9, &[layer]));
    assert_eq!(error(&bytes(2, 9, &[])), ModelError::Layers { found: 0 });
    let many = vec![(2, 0, vec![1, 2], vec![1, 2, 3, 4]); 9];
    assert_eq!(error(&bytes(2, 9, &many)), ModelError::Layers { found: 9 });
    assert_eq!(
        one((0, 0, vec![], vec![])),
        ModelError::Width { found: 0 },
        "outputs"
    );
    // Refused before anything of the size is looked for.
    assert_eq!(
        one((u16::MAX, 0, vec![], vec![])),
        ModelError::Width { found: 65_535 }
    );
    let shifting = ModelError::Shift { layer: 1, shift: 1 };
    assert_eq!(one((2, 1, vec![1, 2], vec![1, 2, 3, 4])), shifting);
    for bias in [i32::MIN, i32::MAX, MAX_BIAS as i32 + 1] {
        let refused = one((2, 0, vec![0, bias], vec![1, 2, 3, 4]));
        assert_eq!(refused, ModelError::Bias { layer: 1, bias });
    }
    let classes = one((257, 0, vec![0; 257], vec![0; 514]));
    assert_eq!(classes, ModelError::Classes { found: 257 });
    let huge = vec![0; MAX_MODEL_BYTES + 1];
    let bytes = huge.len();
    assert_eq!(error(&huge), ModelError::TooLarge { bytes });
}

#[test]
fn records_and_states_of_strangers_are_refused() {
    let program = shipped();
    for record in [&[0; 63][..], &[0; 65], &[17; 64], &[]] {
        let refused = program.run(record).unwrap_err();
        assert!(matches!(refused, StepError::BadRecord { .. }), "{refused}");
        assert_eq!(program.start(record), Err(refused));
    }
    let start = program.start(&[3; 64]).unwrap();
    let not = |state: &[u8]| {
        let (next, end) = (program.advance(state), program.output(state));
        assert!(matches!(next, Err(StepError::NotAState { .. })), "{next:?}");
        assert!(matches!(end, Err(StepError::NotAState { .. })), "{end:?}");
    };
    not(&[]);
    not(&start[..start.len() - 1]);
    not(&[&start[..], &[0]].concat());
    let mut foreign = start.clone();
    foreign[..4].copy_from_slice(&u32::MAX.to_le_bytes());
    not(&foreign);
    foreign[..4].copy_from_slice(&59u32.to_le_bytes());
    not(&foreign);
    let mut large = start.clone();
    large[10] = 17;
    not(&large);
    let early = program.output(&start).unwrap_err();
    assert!(matches!(early, StepError::NotAState { .. }));
    // Values between layers have a limit of their own.
    let mut state = start;
    for _ in 0..50 {
        state = program.advance(&state).unwrap();
    }
    state[4] = 128;
    not(&state);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Against the definition, in 64 bits; and units against the step.
    #[test]
    fn any_model_computes_its_definition(
        widths in prop::collection::vec(1usize..12, 2..6),
        shift in 0u8..12,
        seed in any::<[u8; 32]>(),
    ) {
        let mut stream = (0u64..).flat_map(|i| {
            narthex_game_model::tagged::tagged_hash("test", &[&seed[..], &i.to_be_bytes()].concat())
        });
        let mut next = || stream.next().unwrap();
        let last = widths.len() - 2;
        let layers: Vec<_> = widths.windows(2).enumerate().map(|(i, pair)| {
            let biases: Vec<i32> = (0..pair[1]).map(|_| i32::from(next() as i8) << 6).collect();
            let weights: Vec<i8> = (0..pair[0] * pair[1]).map(|_| next() as i8).collect();
            (pair[1] as u16, if i == last { 0 } else { shift }, biases, weights)
        }).collect();
        let record: Vec<u8> = (0..widths[0]).map(|_| next()).collect();
        let model = Model::from_bytes(&bytes(widths[0] as u16, 255, &layers)).unwrap();
        let program = ModelProgram::new(model);

        let mut values: Vec<i64> = record.iter().map(|v| i64::from(*v)).collect();
        for (i, (outputs, shift, biases, weights)) in layers.iter().enumerate() {
            values = (0..usize::from(*outputs)).map(|j| {
                let row = weights[j * values.len()..].iter();
                let sum = i64::from(biases[j])
                    + row.zip(&values).map(|(w, v)| i64::from(*w) * v).sum::<i64>();
                if i == last { sum } else { (sum >> shift).clamp(0, 127) }
            }).collect();
        }
        let top = *values.iter().max().unwrap();
        let class = values.iter().position(|v| *v == top).unwrap();
        let others = values.iter().enumerate().filter(|(i, _)| *i != class).map(|(_, v)| *v);
        let margin = others.max().map_or(0, |second| top - second);

        let output = program.run(&record).unwrap();
        let found = Prediction::from_bytes(&output.clone().try_into().unwrap());
        prop_assert_eq!(usize::from(found.class), class);
        prop_assert_eq!(i64::from(found.margin), margin);
        prop_assert_eq!(in_units(&program, &record).unwrap(), output);
    }

    #[test]
    fn no_state_of_a_stranger_panics(state in prop::collection::vec(any::<u8>(), 0..300), done in 0u32..70) {
        let program = shipped();
        let state = [&done.to_le_bytes()[..], &state].concat();
        let _ = (program.advance(&state), program.output(&state));
    }
}
