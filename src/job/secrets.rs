//! The secrets of one stage in one contract.

use bitcoin::hex::{DisplayHex, FromHex};
use bitcoin::secp256k1::rand::{RngCore, rngs::OsRng};
use narthex_game_model::{
    commitment::{PolynomialSeed, ResultSecret, SaltSeed},
    play::WorkerSecrets,
};
use serde::{Deserialize, Serialize};

use super::{ContractDir, JobError};

/// Secrets as a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretsFile {
    /// Which contract they are of, if it has a name: a copy of the file is no secret of another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contract: Option<String>,
    result: String,
    salts: String,
    polynomial: String,
}

impl SecretsFile {
    /// Fresh ones from the system.
    pub(super) fn draw(contract: &ContractDir<'_>) -> Result<Self, JobError> {
        let fresh = || {
            let mut bytes = [0; 32];
            OsRng.try_fill_bytes(&mut bytes).map_err(|error| {
                let source = std::io::Error::other(error.to_string());
                JobError::Random { source }
            })?;
            Ok::<_, JobError>(bytes.to_lower_hex_string())
        };
        Ok(Self {
            contract: contract.name().map(ToString::to_string),
            result: fresh()?,
            salts: fresh()?,
            polynomial: fresh()?,
        })
    }

    /// Those of a stage, if there are any.
    pub(super) fn read(contract: &ContractDir<'_>, stage: u32) -> Result<Option<Self>, JobError> {
        let name = file_name(stage);
        let Some(file) = contract.read_json::<Self>(&name)? else {
            return Ok(None);
        };
        if file.contract != contract.name().map(ToString::to_string) {
            return Err(JobError::OthersSecrets {
                path: contract.path(&name),
                of: file.contract.unwrap_or_else(|| "without a name".into()),
            });
        }
        Ok(Some(file))
    }

    pub(super) fn secrets(
        &self,
        contract: &ContractDir<'_>,
        stage: u32,
    ) -> Result<WorkerSecrets, JobError> {
        let bytes = |hex: &str| {
            <[u8; 32]>::from_hex(hex).map_err(|error| JobError::Json {
                path: contract.path(&file_name(stage)),
                source: <serde_json::Error as serde::de::Error>::custom(error),
                hint: "the secrets are damaged: restore them from a copy",
            })
        };
        Ok(WorkerSecrets {
            result: ResultSecret::from_bytes(bytes(&self.result)?),
            salts: SaltSeed::from_bytes(bytes(&self.salts)?),
            polynomial: PolynomialSeed::from_bytes(bytes(&self.polynomial)?),
        })
    }
}

/// The secrets that a commitment was made with.
pub(super) fn read_secrets(
    contract: &ContractDir<'_>,
    stage: u32,
) -> Result<WorkerSecrets, JobError> {
    match SecretsFile::read(contract, stage)? {
        Some(file) => file.secrets(contract, stage),
        None => Err(JobError::NoSecrets {
            path: contract.path(&file_name(stage)),
        }),
    }
}

pub(super) fn file_name(stage: u32) -> String {
    format!("secrets-{stage}.json")
}
