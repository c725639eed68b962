//! The money law: sum of line nets + fees + shipping + exclusive tax − order discounts = total.

use qm_money::{Currency, Minor};
use qm_refusal::Refusal;

use super::{order::Fee, place::NewLine};

/// What a line is sold for: quantity × price, rounded half away from zero, less its discount.
pub(super) fn net(line: &NewLine, currency: Currency) -> Result<Minor, Refusal> {
    let overflow =
        || Refusal::invalid("unit_price", "out_of_range", "quantity × unit_price is beyond any amount");
    let gross = line.unit_price.times(line.quantity, currency).map_err(|_| overflow())?;
    not_negative("discount_minor", line.discount)?;
    not_negative("tax_minor", line.tax)?;
    if line.discount > gross {
        let message = format!("must be at most the line's {} of quantity × unit_price", gross.get());
        return Err(Refusal::invalid("discount_minor", "discount_too_large", message));
    }
    gross.checked_sub(line.discount).map_err(|_| overflow())
}

/// Refuses a total that is not the sum of its parts.
pub(super) fn check_total(
    nets: &[(Minor, &NewLine)],
    shipping: Minor,
    fees: &[Fee],
    discount: Minor,
    total: Minor,
) -> Result<(), Refusal> {
    not_negative("shipping_minor", shipping)?;
    not_negative("discount_minor", discount)?;
    for (index, fee) in fees.iter().enumerate() {
        not_negative("amount_minor", fee.amount)
            .map_err(|refusal| refusal.within(&format!("fees[{index}]")))?;
    }
    let sum = nets
        .iter()
        .map(|(net, _)| *net)
        .chain(nets.iter().filter(|(_, line)| !line.tax_inclusive).map(|(_, line)| line.tax))
        .chain(fees.iter().map(|fee| fee.amount))
        .chain([shipping]);
    let expected = Minor::sum(sum)
        .and_then(|sum| sum.checked_sub(discount))
        .map_err(|_| Refusal::invalid("total_minor", "out_of_range", "the sum is beyond any amount"))?;
    if expected.get() < 0 {
        return Err(Refusal::invalid(
            "discount_minor",
            "discount_too_large",
            "is more than the rest of the order",
        ));
    }
    if expected == total {
        return Ok(());
    }
    let message = format!(
        "is {}, but lines + fees + shipping + exclusive tax − discount is {}",
        total.get(),
        expected.get()
    );
    Err(Refusal::invalid("total_minor", "total_mismatch", message))
}

fn not_negative(field: &str, amount: Minor) -> Result<(), Refusal> {
    if amount.get() < 0 {
        Err(Refusal::invalid(field, "out_of_range", "must not be negative"))
    } else {
        Ok(())
    }
}
