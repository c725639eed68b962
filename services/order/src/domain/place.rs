//! Placing an order: every unit is open, and the first attempt to find sources is minted in the same decision.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use qm_ids::{ItemId, OrderId, TenantId, derive};
use qm_money::{Currency, Minor, UnitPrice};
use qm_refusal::Refusal;

use super::{
    arrival::SKEW,
    event::{Event, SourcingReason},
    money,
    order::{Address, Customer, Fee, Kind, Line, Order},
    piece::{Bucket, Piece, UnitRange},
    step::Step,
};

const MAX_LINES: usize = 1_000;
const MAX_QUANTITY: i64 = 1_000_000;

/// An order as a sales channel gives it, parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct NewOrder {
    pub channel: String,
    pub external_id: String,
    pub currency: Currency,
    pub customer: Customer,
    pub ship_to: Option<Address>,
    pub kind: Kind,
    pub service_level: String,
    pub promise_by: Option<NaiveDate>,
    pub priority: i32,
    pub lines: Vec<NewLine>,
    pub shipping: Minor,
    pub fees: Vec<Fee>,
    pub discount: Minor,
    pub total: Minor,
    pub placed_at: DateTime<Utc>,
}

/// A line as a sales channel gives it, parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct NewLine {
    pub sku: String,
    pub title: String,
    pub quantity: i64,
    pub unit_price: UnitPrice,
    pub discount: Minor,
    pub tax: Minor,
    pub tax_inclusive: bool,
}

/// An item that may be ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Names it.
    pub id: ItemId,
    /// Name for people.
    pub name: String,
}

/// Places an order under the id and number given. `items` has, for each line in order, the item of its sku if it is
/// known. Line ids derive from the order's.
pub fn place(
    (tenant, id, number): (TenantId, OrderId, i64),
    new: &NewOrder,
    items: &[Option<Item>],
    (now, patience): (DateTime<Utc>, TimeDelta),
) -> Result<Step, Refusal> {
    if new.lines.is_empty() || new.lines.len() > MAX_LINES {
        return Err(Refusal::invalid("lines", "out_of_range", format!("must have 1 to {MAX_LINES} lines")));
    }
    let mut lines = Vec::with_capacity(new.lines.len());
    for (index, (line, item)) in new.lines.iter().zip(items).enumerate() {
        let placed = place_line(id, index, line, item.as_ref(), new.currency);
        lines.push(placed.map_err(|refusal| refusal.within(&format!("lines[{index}]")))?);
    }
    let nets: Vec<_> = lines.iter().map(|line| line.net).zip(&new.lines).collect();
    money::check_total(&nets, new.shipping, &new.fees, new.discount, new.total)?;
    let order = Order {
        tenant,
        id,
        number,
        revision: 0,
        channel: new.channel.clone(),
        external_id: new.external_id.clone(),
        currency: new.currency,
        customer: new.customer.clone(),
        ship_to: new.ship_to.clone(),
        kind: new.kind,
        service_level: new.service_level.clone(),
        promise_by: new.promise_by,
        current_promise: None,
        priority: new.priority,
        lines,
        shipping: new.shipping,
        fees: new.fees.clone(),
        discount: new.discount,
        total: new.total,
        holds: Vec::new(),
        attempts: Vec::new(),
        fulfilments: Vec::new(),
        told_allocated: false,
        told_end: false,
        placed_at: new.placed_at,
        created_at: now,
        updated_at: now,
        timeline_length: 0,
    };
    let units: Vec<UnitRange> = order.ranges(|_, _| true);
    let mut step = Step::new(order.clone(), now, patience);
    step.emit(Event::Placed(Box::new(order)));
    let due_at = step.ask_again_at();
    step.emit(Event::SourcingRequested {
        attempt: 1,
        reason: SourcingReason::Placed,
        rejections: 0,
        exclusions: Vec::new(),
        units,
        sees_until: now - SKEW,
        due_at,
    });
    Ok(step)
}

fn place_line(
    order: OrderId,
    index: usize,
    line: &NewLine,
    item: Option<&Item>,
    currency: Currency,
) -> Result<Line, Refusal> {
    if !(1..=MAX_QUANTITY).contains(&line.quantity) {
        return Err(Refusal::invalid("quantity", "out_of_range", format!("must be 1 to {MAX_QUANTITY}")));
    }
    let Some(item) = item else {
        return Err(Refusal::invalid("sku", "unknown_item", format!("no item has the sku {:?}", line.sku)));
    };
    let net = money::net(line, currency)?;
    let whole =
        Piece { first_unit: 0, quantity: line.quantity, bucket: Bucket::Open, attempt: 0, source: None };
    Ok(Line {
        id: derive(order.as_uuid(), "line", index as u64),
        // A thousand lines at most.
        position: i32::try_from(index + 1).unwrap_or(i32::MAX),
        item: item.id,
        sku: line.sku.clone(),
        title: if line.title.is_empty() { item.name.clone() } else { line.title.clone() },
        quantity: line.quantity,
        unit_price: line.unit_price,
        discount: line.discount,
        net,
        tax: line.tax,
        tax_inclusive: line.tax_inclusive,
        pieces: vec![whole],
    })
}
