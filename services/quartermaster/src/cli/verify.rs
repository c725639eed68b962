//! `quartermaster verify`.

use std::process::ExitCode;

use qm_runtime::BuildError;

use super::services::Services;

pub(super) async fn verify(services: &Services) -> Result<ExitCode, BuildError> {
    let report = services.verifier().verify().await?;
    println!("{report}");
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
