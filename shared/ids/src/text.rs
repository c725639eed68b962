//! The text of an id, after the TypeID specification 0.3: prefix, underscore, and the 128 bits as 26 digits of
//! Crockford's base 32 in lower case.

use std::fmt;

use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const DIGITS: usize = 26;
const BITS_PER_DIGIT: usize = 5;

/// The value of each byte as a digit, or `NO_DIGIT`.
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        values[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    values
};
const NO_DIGIT: u8 = 0xff;

/// A text is not an id of the kind expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected \"{expected}_\" followed by 26 letters and digits, but {problem}")]
pub struct ParseIdError {
    /// The prefix of the kind of id that was expected, without the underscore.
    pub expected: &'static str,
    /// What was wrong.
    pub problem: Problem,
}

/// What is wrong with a text that should be an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It does not begin with the prefix and its underscore; perhaps it is an id of another kind.
    #[error("it does not begin with \"{0}_\"")]
    Prefix(&'static str),
    /// What follows the underscore has this many bytes instead of 26.
    #[error("{0} bytes follow the underscore")]
    Length(usize),
    /// The byte at this position of the whole text is not a digit of Crockford's base 32 in lower case.
    #[error("the character at byte {0} is none of 0-9 and a-z without i, l, o and u")]
    Character(usize),
    /// The first digit is greater than 7: the number does not fit 128 bits.
    #[error("the part after the underscore begins with a character greater than 7")]
    Overflow,
}

pub(crate) fn write(f: &mut fmt::Formatter<'_>, prefix: &str, uuid: Uuid) -> fmt::Result {
    let digits = encode(uuid);
    f.write_str(prefix)?;
    f.write_str("_")?;
    // All digits are ASCII, so this never fails; if it could, an unprintable id would be the formatter's error.
    f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
}

pub(crate) fn parse(expected: &'static str, text: &str) -> Result<Uuid, ParseIdError> {
    let refuse = |problem| ParseIdError { expected, problem };
    let digits = text
        .strip_prefix(expected)
        .and_then(|rest| rest.strip_prefix('_'))
        .ok_or_else(|| refuse(Problem::Prefix(expected)))?;
    decode(digits.as_bytes()).map_err(|problem| match problem {
        Problem::Character(at) => refuse(Problem::Character(expected.len() + 1 + at)),
        other => refuse(other),
    })
}

fn encode(uuid: Uuid) -> [u8; DIGITS] {
    let number = uuid.as_u128();
    std::array::from_fn(|at| {
        let shift = BITS_PER_DIGIT * (DIGITS - 1 - at);
        ALPHABET[(number >> shift) as usize & 0b1_1111]
    })
}

fn decode(digits: &[u8]) -> Result<Uuid, Problem> {
    if digits.len() != DIGITS {
        return Err(Problem::Length(digits.len()));
    }
    let mut number: u128 = 0;
    for (at, byte) in digits.iter().enumerate() {
        let value = VALUES[usize::from(*byte)];
        if value == NO_DIGIT {
            return Err(Problem::Character(at));
        }
        // 26 digits hold 130 bits, so the first may use only three of its five.
        if at == 0 && value > 7 {
            return Err(Problem::Overflow);
        }
        number = number << BITS_PER_DIGIT | u128::from(value);
    }
    Ok(Uuid::from_u128(number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{Id, LineId, OrderId, PREFIXES, TenantId};

    #[test]
    fn texts_are_those_of_the_specification() {
        // From the specification's table of valid examples.
        for (digits, uuid) in [
            ("00000000000000000000000000", "00000000-0000-0000-0000-000000000000"),
            ("00000000000000000000000001", "00000000-0000-0000-0000-000000000001"),
            ("0000000000000000000000000a", "00000000-0000-0000-0000-00000000000a"),
            ("0000000000000000000000000g", "00000000-0000-0000-0000-000000000010"),
            ("00000000000000000000000010", "00000000-0000-0000-0000-000000000020"),
            ("7zzzzzzzzzzzzzzzzzzzzzzzzz", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
            ("0123456789abcdefghjkmnpqrs", "0110c853-1d09-52d8-d73e-1194e95b5f19"),
            ("01h455vb4pex5vsknk084sn02q", "01890a5d-ac96-774b-bcce-b302099a8057"),
        ] {
            let id = OrderId::from_uuid(uuid.parse().unwrap());
            assert_eq!(id.to_string(), format!("order_{digits}"));
            assert_eq!(format!("order_{digits}").parse(), Ok(id));
        }
    }

    #[test]
    fn a_text_that_is_no_id_is_refused_with_its_reason() {
        let refused = |text: &str| text.parse::<OrderId>().unwrap_err().problem;
        let good = "01h455vb4pex5vsknk084sn02q";
        assert_eq!(refused(""), Problem::Prefix("order"));
        assert_eq!(refused(good), Problem::Prefix("order"));
        assert_eq!(refused(&format!("Order_{good}")), Problem::Prefix("order"));
        assert_eq!(refused(&format!("order-{good}")), Problem::Prefix("order"));
        assert_eq!(refused(&format!("reorder_{good}")), Problem::Prefix("order"));
        assert_eq!(refused("order_"), Problem::Length(0));
        assert_eq!(refused(&format!("order_{good}0")), Problem::Length(27));
        assert_eq!(refused("order_8zzzzzzzzzzzzzzzzzzzzzzzzz"), Problem::Overflow);
        for foreign in ["i", "l", "o", "u", "A", "-", "_", " ", "\0"] {
            let text = format!("order_01h{foreign}{}", &good[4..]);
            assert_eq!(refused(&text), Problem::Character(9), "{text:?}");
        }
        assert_eq!(
            "line_01".parse::<OrderId>().unwrap_err().to_string(),
            "expected \"order_\" followed by 26 letters and digits, but it does not begin with \"order_\""
        );
    }

    #[test]
    fn prefixes_are_fit_for_typeids_and_none_stands_twice() {
        let mut seen = std::collections::HashSet::new();
        for prefix in PREFIXES {
            assert!(prefix.len() <= 63 && prefix.bytes().all(|byte| byte.is_ascii_lowercase()), "{prefix}");
            assert!(seen.insert(prefix), "{prefix} stands twice");
        }
    }

    #[test]
    fn json_is_the_text_and_a_wrong_kind_is_named() {
        let id = TenantId::from_uuid(Uuid::from_u128(1));
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, "\"tenant_00000000000000000000000001\"");
        assert_eq!(serde_json::from_str::<TenantId>(&json).unwrap(), id);
        // Also from readers that cannot lend their text.
        assert_eq!(serde_json::from_value::<TenantId>(serde_json::from_str(&json).unwrap()).unwrap(), id);
        let refused = serde_json::from_str::<OrderId>(&json).unwrap_err().to_string();
        assert!(refused.contains("\"order_\""), "{refused}");
        assert!(serde_json::from_str::<OrderId>("7").is_err());
    }

    proptest! {
        #[test]
        fn every_id_reads_back_from_its_text(bits: u128) {
            let id = OrderId::from_uuid(Uuid::from_u128(bits));
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_eq!(id.as_uuid().as_u128(), bits);
            prop_assert_eq!(format!("{id:?}"), id.to_string());
        }

        #[test]
        fn texts_sort_as_the_ids_do(one: u128, other: u128) {
            let (one, other) = (OrderId::from_uuid(Uuid::from_u128(one)), OrderId::from_uuid(Uuid::from_u128(other)));
            prop_assert_eq!(one.to_string().cmp(&other.to_string()), one.cmp(&other));
        }

        #[test]
        fn an_id_of_another_kind_is_refused(bits: u128) {
            let text = OrderId::from_uuid(Uuid::from_u128(bits)).to_string();
            let refused = text.parse::<LineId>().unwrap_err();
            prop_assert_eq!(refused, ParseIdError { expected: LineId::PREFIX, problem: Problem::Prefix("line") });
        }

        #[test]
        fn a_text_is_either_refused_or_the_one_text_of_its_id(text in "order_[0-9a-z]{26}|\\PC{0,40}") {
            if let Ok(id) = text.parse::<OrderId>() {
                prop_assert_eq!(Id::as_uuid(&id), id.as_uuid());
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
