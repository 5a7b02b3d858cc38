//! Inference of small neural networks in integer arithmetic.
//!
//! # The arithmetic
//! A layer with weights w (8 bits, signed) and biases b (32 bits, signed) turns values x into the
//! sums s_j = b_j + Σ w_ji·x_i. Between layers, a sum becomes the value min(max(s >> shift, 0), 127);
//! in the last layer the sums are scores, and the answer is the first index with the largest.
//!
//! No sum overflows 32 bits: a layer has at most [`MAX_WIDTH`] = 2^12 inputs of at most 2^8, weights
//! are at most 2^7 in size and biases at most [`MAX_BIAS`] = 2^30, so |s| ≤ 2^30 + 2^12·2^8·2^7 =
//! 2^30 + 2^27 < 2^31. Every order of summation gives the same, and so does every machine.

mod file;
mod program;

pub use file::{MAX_BIAS, MAX_LAYERS, MAX_MODEL_BYTES, MAX_WIDTH, Model, ModelError};
pub use program::{ModelProgram, OUTPUT_BYTES, Prediction};

/// Largest value between layers.
const MAX_HIDDEN: i32 = 127;

/// One layer; bounds are those of [`Model::from_bytes`].
#[derive(Clone, Debug, PartialEq, Eq)]
struct Layer {
    inputs: usize,
    shift: u32,
    biases: Vec<i32>,
    /// Output by output.
    weights: Vec<i8>,
}

impl Layer {
    fn outputs(&self) -> usize {
        self.biases.len()
    }

    /// Sum of output `neuron` over these inputs; `None` if there is no such output.
    fn sum(&self, neuron: usize, inputs: &[u8]) -> Option<i32> {
        let start = neuron.checked_mul(self.inputs)?;
        let weights = self.weights.get(start..start.checked_add(self.inputs)?)?;
        let bias = *self.biases.get(neuron)?;
        let products = weights
            .iter()
            .zip(inputs)
            .map(|(weight, input)| i32::from(*weight) * i32::from(*input));
        Some(bias + products.sum::<i32>())
    }

    /// The value that goes to the next layer.
    fn activated(&self, sum: i32) -> u8 {
        // 0 to 127 fits a byte.
        (sum >> self.shift).clamp(0, MAX_HIDDEN) as u8
    }
}
