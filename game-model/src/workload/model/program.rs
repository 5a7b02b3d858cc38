//! A model as a program: a record is what the model looks at, a unit one neuron.

use super::{Layer, Model};
use crate::computation::{
    PortableProgram, ProgramData, StepError, StepNeeds, StepProgram, UnitProgram,
};
use crate::tagged::TaggedHasher;

/// Size of each output: class (one byte), by how much its score exceeds that of every other class
/// (32 bits, little-endian; 0 if there is no other).
pub const OUTPUT_BYTES: usize = 5;

/// Inference of one model.
///
/// A state of a step that is cut into units: number of neurons done (32 bits), then the values
/// that the layer in work reads, then what it has given so far (one byte each, in the last layer
/// 32 bits); numbers are little-endian.
#[derive(Clone, Debug)]
pub struct ModelProgram(Model);

/// An output, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prediction {
    /// The class with the largest score, the first of several.
    pub class: u8,
    /// By how much its score exceeds the next.
    pub margin: u32,
}

impl Prediction {
    /// Reads an output.
    pub fn from_bytes(output: &[u8; OUTPUT_BYTES]) -> Self {
        let [class, margin @ ..] = *output;
        Self {
            class,
            margin: u32::from_le_bytes(margin),
        }
    }
}

/// Where a step stands.
struct State<'a> {
    done: usize,
    layer: usize,
    /// Neurons of this layer that are done.
    neuron: usize,
    inputs: &'a [u8],
    given: &'a [u8],
}

impl ModelProgram {
    /// The program that runs this model.
    pub const fn new(model: Model) -> Self {
        Self(model)
    }

    /// The model.
    pub const fn model(&self) -> &Model {
        &self.0
    }

    fn check_record(&self, record: &[u8]) -> Result<(), StepError> {
        if record.len() != self.0.inputs() {
            return Err(StepError::BadRecord {
                why: "it has not as many values as the model reads",
            });
        }
        if record.iter().any(|value| *value > self.0.max_input()) {
            return Err(StepError::BadRecord {
                why: "a value is larger than the model's largest input",
            });
        }
        Ok(())
    }

    fn neurons(&self) -> usize {
        self.0.layers().iter().map(Layer::outputs).sum()
    }

    fn parse<'a>(&self, bytes: &'a [u8]) -> Result<State<'a>, StepError> {
        let not = |why| StepError::NotAState {
            bytes: bytes.len(),
            why,
        };
        let (done, rest) = bytes
            .split_first_chunk()
            .ok_or(not("the number of neurons is missing"))?;
        let done = u32::from_le_bytes(*done) as usize;
        if done > self.neurons() {
            return Err(not("more neurons are done than there are"));
        }
        let layers = self.0.layers();
        let (mut layer, mut neuron) = (0, done);
        // The last layer, once done, stays the layer in work.
        while layer + 1 < layers.len() && neuron >= layers[layer].outputs() {
            neuron -= layers[layer].outputs();
            layer += 1;
        }
        let last = layer + 1 == layers.len();
        let inputs = layers[layer].inputs;
        let given = neuron * if last { 4 } else { 1 };
        if rest.len() != inputs + given {
            return Err(not("its size does not fit its number of neurons"));
        }
        let (inputs, given) = rest.split_at(inputs);
        let largest = if layer == 0 {
            self.0.max_input()
        } else {
            super::MAX_HIDDEN as u8
        };
        let limits = [(inputs, largest), (given, super::MAX_HIDDEN as u8)];
        let checked = if last { &limits[..1] } else { &limits[..] };
        let beyond = |(values, most): &(&[u8], u8)| values.iter().any(|value| value > most);
        if checked.iter().any(beyond) {
            return Err(not("a value is larger than any that a layer gives"));
        }
        Ok(State {
            done,
            layer,
            neuron,
            inputs,
            given,
        })
    }

    fn judge(scores: impl Iterator<Item = i32>) -> Option<Vec<u8>> {
        let mut best: Option<(usize, i32)> = None;
        let mut second: Option<i32> = None;
        for (class, score) in scores.enumerate() {
            match best {
                Some((_, top)) if score <= top => second = second.max(Some(score)),
                _ => {
                    second = best.map(|(_, top)| top);
                    best = Some((class, score));
                }
            }
        }
        let (class, top) = best?;
        let margin = second.map_or(0, |next| top.abs_diff(next));
        let mut output = vec![u8::try_from(class).ok()?];
        output.extend_from_slice(&margin.to_le_bytes());
        Some(output)
    }
}

/// A model's own tables cannot disagree; were they to, the step would fail and not panic.
const BROKEN: StepError = StepError::BadRecord {
    why: "it does not fit the model's layers",
};

impl StepProgram for ModelProgram {
    fn id(&self) -> [u8; 32] {
        TaggedHasher::new("narthex/model-program")
            .fixed(self.0.hash())
            .finish()
    }

    fn output_bytes(&self) -> usize {
        OUTPUT_BYTES
    }

    /// A unit multiplies once for each input of its layer; what goes on around it is less than as much again
    /// and 1,000 operations.
    fn needs(&self) -> StepNeeds {
        let layers = self.0.layers();
        let widest = layers.iter().map(|layer| layer.inputs.max(layer.outputs()));
        let widest = widest.max().unwrap_or(0) as u64;
        let weights: usize = layers.iter().map(|l| l.inputs * l.outputs()).sum();
        let bytes = (weights + 16 * self.neurons() + 64) as u64;
        StepNeeds {
            fuel: 2 * widest + 1_000,
            units: self.max_units(),
            memory_bytes: bytes + 16 * widest,
            program_bytes: bytes,
        }
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        self.check_record(record)?;
        let (last, hidden) = self.0.layers().split_last().ok_or(BROKEN)?;
        let mut values = record.to_vec();
        for layer in hidden {
            let sums = (0..layer.outputs()).map(|neuron| layer.sum(neuron, &values));
            let next: Option<Vec<u8>> = sums.map(|sum| sum.map(|s| layer.activated(s))).collect();
            values = next.ok_or(BROKEN)?;
        }
        let scores = (0..last.outputs()).filter_map(|neuron| last.sum(neuron, &values));
        Self::judge(scores).ok_or(BROKEN)
    }

    fn units(&self) -> Option<&dyn UnitProgram> {
        Some(self)
    }

    fn portable(&self) -> Option<PortableProgram> {
        let file = self.0.file().into();
        Some(PortableProgram::of(ProgramData::Model(file)))
    }
}

impl UnitProgram for ModelProgram {
    fn max_units(&self) -> u64 {
        self.neurons() as u64
    }

    fn start(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        self.check_record(record)?;
        let mut state = vec![0; 4];
        state.extend_from_slice(record);
        Ok(state)
    }

    fn advance(&self, state: &[u8]) -> Result<Vec<u8>, StepError> {
        let at = self.parse(state)?;
        if at.done == self.neurons() {
            return Ok(state.to_vec());
        }
        let layers = self.0.layers();
        let layer = layers.get(at.layer).ok_or(BROKEN)?;
        let last = at.layer + 1 == layers.len();
        let sum = layer.sum(at.neuron, at.inputs).ok_or(BROKEN)?;
        // At most 8 layers of 4,096 neurons.
        let mut next = (at.done as u32 + 1).to_le_bytes().to_vec();
        let mut given = at.given.to_vec();
        if last {
            given.extend_from_slice(&sum.to_le_bytes());
        } else {
            given.push(layer.activated(sum));
        }
        // What a finished layer gave is what the next one reads.
        if last || given.len() < layer.outputs() {
            next.extend_from_slice(at.inputs);
        }
        next.extend(given);
        Ok(next)
    }

    fn output(&self, state: &[u8]) -> Result<Vec<u8>, StepError> {
        let at = self.parse(state)?;
        if at.done != self.neurons() {
            return Err(StepError::NotAState {
                bytes: state.len(),
                why: "neurons are left to do",
            });
        }
        let scores = at.given.as_chunks().0.iter();
        Self::judge(scores.map(|bytes| i32::from_le_bytes(*bytes))).ok_or(BROKEN)
    }
}
