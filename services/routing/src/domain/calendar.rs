//! When a location can hand over: its cut-off and lead time in its own zone, then the first days with capacity left.

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::capacity::CapacityClaims;
use super::location::Location;

/// The first local date on which a location could hand over work that reaches it at `at`, capacity apart.
///
/// Work that arrives at the cut-off or later counts as the next day's; then come the location's lead days. Every day
/// is a working day.
pub fn first_ship_date(location: &Location, at: DateTime<Utc>) -> NaiveDate {
    let local = at.with_timezone(&location.zone).naive_local();
    let missed = u64::from(local.time() >= location.cutoff);
    days_after(local.date(), missed + u64::from(location.lead_days))
}

/// The dates of a location's next `wanted` free shipments, ascending, one entry per shipment.
///
/// Looks no further than `lookahead_days` past the first possible date, so fewer may come back, or none.
pub fn free_slots(
    location: &Location,
    at: DateTime<Utc>,
    claims: &CapacityClaims,
    lookahead_days: u16,
    wanted: usize,
) -> Vec<NaiveDate> {
    let first = first_ship_date(location, at);
    let mut slots = Vec::with_capacity(wanted);
    for ahead in 0..=u64::from(lookahead_days) {
        let date = days_after(first, ahead);
        let open = wanted - slots.len();
        let free = claims.left(location, date).map_or(open, |left| open.min(left as usize));
        slots.extend(std::iter::repeat_n(date, free));
        if slots.len() == wanted {
            break;
        }
    }
    slots
}

/// A date so many days later, or the last one there is.
pub(super) fn days_after(date: NaiveDate, days: u64) -> NaiveDate {
    date.checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{at, date, location};
    use super::*;

    #[test]
    fn work_at_the_cutoff_is_the_next_days_in_the_locations_own_zone() {
        let mut chicago = location(1);
        chicago.zone = chrono_tz::America::Chicago;
        chicago.cutoff = chrono::NaiveTime::from_hms_opt(15, 0, 0).unwrap();
        // 15:00 in Chicago is 20:00 UTC in summer and 21:00 in winter.
        assert_eq!(first_ship_date(&chicago, at("2017-07-10T19:59:59Z")), date("2017-07-10"));
        assert_eq!(first_ship_date(&chicago, at("2017-07-10T20:00:00Z")), date("2017-07-11"));
        assert_eq!(first_ship_date(&chicago, at("2017-12-10T20:59:59Z")), date("2017-12-10"));
        // Past midnight in UTC it is still the evening before in Chicago, and past the cut-off.
        assert_eq!(first_ship_date(&chicago, at("2017-07-11T01:00:00Z")), date("2017-07-11"));
        chicago.lead_days = 2;
        assert_eq!(first_ship_date(&chicago, at("2017-07-10T12:00:00Z")), date("2017-07-12"));
    }

    #[test]
    fn slots_fill_a_day_before_they_spill_into_the_next() {
        let mut small = location(1);
        small.daily_capacity = Some(2);
        let mut claims = CapacityClaims::default();
        claims.claim(small.id, date("2017-07-10"));
        let slots = |claims: &CapacityClaims, ahead, wanted| {
            free_slots(&small, at("2017-07-10T08:00:00Z"), claims, ahead, wanted)
        };
        assert_eq!(slots(&claims, 5, 3), [date("2017-07-10"), date("2017-07-11"), date("2017-07-11")]);
        assert_eq!(slots(&claims, 0, 3), [date("2017-07-10")]);
        claims.claim(small.id, date("2017-07-10"));
        assert!(slots(&claims, 0, 3).is_empty());
    }

    #[test]
    fn the_end_of_the_calendar_is_not_a_panic() {
        assert_eq!(days_after(NaiveDate::MAX, 400), NaiveDate::MAX);
    }
}
