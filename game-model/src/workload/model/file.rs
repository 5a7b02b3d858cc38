//! Models as bytes: the format that `data/train_digits.py` writes.

use std::sync::Arc;

use narthex_base::codec::{DecodeError, Reader};
use narthex_base::kinds;

use super::Layer;
use crate::tagged::tagged_hash;

/// Largest model in bytes.
pub const MAX_MODEL_BYTES: usize = 1 << 24;
/// Most layers.
pub const MAX_LAYERS: usize = 8;
/// Most values that a layer takes or gives.
pub const MAX_WIDTH: usize = 1 << 12;
/// Largest size of a bias.
pub const MAX_BIAS: u32 = 1 << 30;

const MAX_SHIFT: u8 = 31;
/// A class is one byte of the output.
const MAX_CLASSES: usize = 256;
const SHIPPED: &[u8] = include_bytes!("../../../data/digits.model");

/// A network, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    hash: [u8; 32],
    file: Arc<[u8]>,
    max_input: u8,
    layers: Vec<Layer>,
}

impl Model {
    /// The shipped model for the digits of [`crate::workload::digits`], trained on their first 900
    /// rows (`data/train_digits.py`).
    ///
    /// # Errors
    /// None for the file as shipped; it is read like any other.
    pub fn shipped() -> Result<Self, ModelError> {
        Self::from_bytes(SHIPPED)
    }

    /// Reads a model. All numbers are little-endian: magic `NXMODEL1`, layers (u8), inputs (u16),
    /// largest input (u8); per layer: outputs (u16), shift (u8), biases (i32 each), weights (i8
    /// each, output by output). The shift of the last layer is 0.
    ///
    /// # Errors
    /// [`ModelError`]: the file is not a model, or one whose sums could overflow.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        if bytes.len() > MAX_MODEL_BYTES {
            return Err(ModelError::TooLarge { bytes: bytes.len() });
        }
        let least = kinds::MODEL.as_bytes().len();
        if bytes.len() < least {
            let (field, missing) = ("kind", least - bytes.len());
            return Err(DecodeError::Truncated { field, missing }.into());
        }
        let mut r = Reader::new(kinds::MODEL, bytes).map_err(|_| ModelError::NoModel)?;
        let count = usize::from(r.u8("layers")?);
        if !(1..=MAX_LAYERS).contains(&count) {
            return Err(ModelError::Layers { found: count });
        }
        let mut width = read_width(&mut r)?;
        let max_input = r.u8("largest input")?;
        let mut layers = Vec::with_capacity(count);
        for number in 1..=count {
            let layer = read_layer(&mut r, number, width, number == count)?;
            width = layer.outputs();
            layers.push(layer);
        }
        if width > MAX_CLASSES {
            return Err(ModelError::Classes { found: width });
        }
        r.finish()?;
        Ok(Self {
            hash: tagged_hash("narthex/model", bytes),
            file: bytes.into(),
            max_input,
            layers,
        })
    }

    /// The file, as it was read.
    pub fn file(&self) -> &[u8] {
        &self.file
    }

    /// Tagged hash of the file.
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Values per record.
    pub fn inputs(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.inputs)
    }

    /// Largest of these values.
    pub const fn max_input(&self) -> u8 {
        self.max_input
    }

    /// Number of classes that it tells apart.
    pub fn classes(&self) -> usize {
        self.layers.last().map_or(0, Layer::outputs)
    }

    pub(super) fn layers(&self) -> &[Layer] {
        &self.layers
    }
}

/// Numbers of two bytes that lie the other way round than in messages.
fn read_width(r: &mut Reader<'_>) -> Result<usize, ModelError> {
    match usize::from(u16::from_le_bytes(r.array("width")?)) {
        found @ 1..=MAX_WIDTH => Ok(found),
        found => Err(ModelError::Width { found }),
    }
}

fn read_layer(
    r: &mut Reader<'_>,
    number: usize,
    inputs: usize,
    last: bool,
) -> Result<Layer, ModelError> {
    let outputs = read_width(r)?;
    let shift = r.u8("shift")?;
    if shift > MAX_SHIFT || (last && shift != 0) {
        return Err(ModelError::Shift {
            layer: number,
            shift,
        });
    }
    // The slices are taken before anything of that size is allocated.
    let biases: Vec<i32> = r
        .slice("biases", 4 * outputs)?
        .as_chunks()
        .0
        .iter()
        .map(|bytes| i32::from_le_bytes(*bytes))
        .collect();
    if let Some(bias) = biases.iter().find(|bias| bias.unsigned_abs() > MAX_BIAS) {
        return Err(ModelError::Bias {
            layer: number,
            bias: *bias,
        });
    }
    let weights = r.slice("weights", inputs * outputs)?;
    Ok(Layer {
        inputs,
        shift: u32::from(shift),
        biases,
        weights: weights.iter().map(|byte| byte.cast_signed()).collect(),
    })
}

impl From<DecodeError> for ModelError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Trailing { extra } => Self::LeftOver { bytes: extra },
            // Fields of a fixed size are there or not.
            error => Self::Truncated(error),
        }
    }
}

/// Why bytes are no model. Whoever gave the file is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Above [`MAX_MODEL_BYTES`].
    #[error("model of {bytes} bytes, at most {MAX_MODEL_BYTES} allowed")]
    TooLarge {
        /// Size found.
        bytes: usize,
    },
    /// It does not begin as models do.
    #[error("the file does not begin with NXMODEL1: it is no model")]
    NoModel,
    /// It ends before it is complete.
    #[error("the model ends before it is complete: {0}")]
    Truncated(DecodeError),
    /// It goes on after its last layer.
    #[error("{bytes} bytes are left over after the last layer")]
    LeftOver {
        /// Number of these bytes.
        bytes: usize,
    },
    /// No layer or too many.
    #[error("{found} layers; a model has 1 to {MAX_LAYERS}")]
    Layers {
        /// Number found.
        found: usize,
    },
    /// A layer that takes or gives nothing, or too much.
    #[error("a layer of {found} values; allowed are 1 to {MAX_WIDTH}")]
    Width {
        /// Number found.
        found: usize,
    },
    /// A shift above 31, or any in the last layer.
    #[error("layer {layer} shifts by {shift}; allowed are 0 to {MAX_SHIFT}, and 0 in the last")]
    Shift {
        /// Number of the layer, from 1.
        layer: usize,
        /// Shift found.
        shift: u8,
    },
    /// A bias with which sums could overflow.
    #[error("layer {layer} has a bias of {bias}, beyond {MAX_BIAS} in size")]
    Bias {
        /// Number of the layer, from 1.
        layer: usize,
        /// Bias found.
        bias: i32,
    },
    /// More classes than an output can name.
    #[error("{found} classes; at most {MAX_CLASSES} fit the output")]
    Classes {
        /// Number found.
        found: usize,
    },
}
