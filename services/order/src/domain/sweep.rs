//! Asking again what was not answered. Events are never lost, but a service may have been restored from a backup, or an
//! answer set aside as a dead letter: whoever is asked again gives the same answer.

use qm_ids::FulfilmentId;

use super::{event::Event, order::AttemptState, step::Step, work::FulfilmentState};

/// Asks again whatever is overdue. Returns how many questions that was.
pub fn sweep(step: &mut Step) -> usize {
    let now = step.now();
    let attempts: Vec<(i32, i32)> = step
        .order()
        .attempts
        .iter()
        .filter_map(|attempt| match attempt.state {
            AttemptState::Pending { asks, due_at } if due_at <= now => Some((attempt.number, asks)),
            _ => None,
        })
        .collect();
    let fulfilments: Vec<(FulfilmentId, FulfilmentState)> = step
        .order()
        .fulfilments
        .iter()
        .filter(|fulfilment| match fulfilment.state {
            FulfilmentState::Requested { due_at, .. } | FulfilmentState::Recalling { due_at, .. } => {
                due_at <= now
            }
            _ => false,
        })
        .map(|fulfilment| (fulfilment.id, fulfilment.state))
        .collect();
    let count = attempts.len() + fulfilments.len();
    for (attempt, asks) in attempts {
        let due_at = step.ask_again_after(asks);
        step.emit(Event::SourcingRepeated { attempt, due_at });
    }
    for (fulfilment, state) in fulfilments {
        match state {
            FulfilmentState::Requested { asks, .. } => {
                let due_at = step.ask_again_after(asks);
                step.emit(Event::FulfilmentRepeated { fulfilment, due_at });
            }
            FulfilmentState::Recalling { asks, .. } => {
                let due_at = step.ask_again_after(asks);
                step.emit(Event::RecallRepeated { fulfilment, due_at });
            }
            FulfilmentState::Planned
            | FulfilmentState::Opened
            | FulfilmentState::RecallRefused { .. }
            | FulfilmentState::Ended
            | FulfilmentState::Dropped => {}
        }
    }
    count
}
