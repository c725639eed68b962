//! `quartermaster dead-letters`.

use std::process::ExitCode;

use qm_proto::operations::v1::{
    ListDeadLettersRequest, ReplayDeadLettersRequest, operations_service_client::OperationsServiceClient,
};
use qm_runtime::BuildError;

use super::services::Services;

pub(super) async fn list(services: &Services, limit: i32) -> Result<ExitCode, BuildError> {
    let mut count = 0;
    for (service, channel) in &services.channels {
        let mut client = OperationsServiceClient::new(channel.clone());
        let response = client.list_dead_letters(ListDeadLettersRequest { limit }).await?.into_inner();
        for letter in response.dead_letters {
            count += 1;
            println!(
                "{}  {service}/{}  {}  {}  {}\n    {}",
                letter.dead_at,
                letter.consumer,
                letter.event_id,
                letter.event_type,
                letter.tenant_id,
                letter.error
            );
        }
    }
    println!("{count} dead letters");
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn replay(services: &Services, events: Vec<String>) -> Result<ExitCode, BuildError> {
    let (mut replayed, mut failed) = (0, 0);
    for channel in services.channels.values() {
        let mut client = OperationsServiceClient::new(channel.clone());
        let request = ReplayDeadLettersRequest { event_ids: events.clone() };
        let response = client.replay_dead_letters(request).await?.into_inner();
        replayed += response.replayed;
        failed += response.failed;
    }
    println!("{replayed} replayed, {failed} failed again");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
