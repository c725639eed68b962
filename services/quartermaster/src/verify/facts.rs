//! A service's fact set as a stream in key order, a page at a time.

use std::collections::VecDeque;

use qm_proto::operations::v1::{Fact, ListFactsRequest, operations_service_client::OperationsServiceClient};
use qm_runtime::grpc::GrpcChannel;
use tonic::Status;

const PAGE: i32 = 2_000;

pub(super) struct Facts {
    client: OperationsServiceClient<GrpcChannel>,
    set: String,
    page: VecDeque<Fact>,
    last_key: String,
    done: bool,
}

impl Facts {
    pub(super) fn new(client: OperationsServiceClient<GrpcChannel>, set: &str) -> Self {
        Self { client, set: set.to_owned(), page: VecDeque::new(), last_key: String::new(), done: false }
    }

    /// The next fact; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Fact>, Status> {
        while self.page.is_empty() && !self.done {
            let request =
                ListFactsRequest { set: self.set.clone(), after_key: self.last_key.clone(), limit: PAGE };
            let response = self.client.list_facts(request).await?.into_inner();
            // A service that gives neither a fact nor the end would be asked for ever.
            self.done = response.done || response.facts.is_empty();
            for fact in response.facts {
                if fact.key <= self.last_key {
                    return Err(Status::data_loss(format!("{}: facts are not in key order", self.set)));
                }
                self.last_key.clone_from(&fact.key);
                self.page.push_back(fact);
            }
        }
        Ok(self.page.pop_front())
    }
}
