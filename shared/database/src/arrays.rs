//! PostgreSQL arrays of values.

use sea_orm::sea_query::{ArrayType, Value};

/// The values as one array of the type of the first. None of them may be NULL: the driver's arrays cannot hold it.
pub(crate) fn array(values: Vec<Value>) -> Value {
    let kind = values.first().map_or(ArrayType::String, Value::array_type);
    Value::Array(kind, Some(Box::new(values)))
}

/// The type of an array in SQL.
pub(crate) fn type_name(array: &Value) -> &'static str {
    let Value::Array(kind, _) = array else { return "text[]" };
    match kind {
        ArrayType::Bool => "bool[]",
        ArrayType::SmallInt | ArrayType::TinyInt | ArrayType::TinyUnsigned => "int2[]",
        ArrayType::Int | ArrayType::SmallUnsigned => "int4[]",
        ArrayType::BigInt | ArrayType::Unsigned | ArrayType::BigUnsigned => "int8[]",
        ArrayType::Float => "float4[]",
        ArrayType::Double => "float8[]",
        ArrayType::Bytes => "bytea[]",
        ArrayType::Uuid => "uuid[]",
        ArrayType::Json => "json[]",
        ArrayType::ChronoDate => "date[]",
        ArrayType::ChronoTime => "time[]",
        ArrayType::ChronoDateTime => "timestamp[]",
        ArrayType::ChronoDateTimeUtc
        | ArrayType::ChronoDateTimeLocal
        | ArrayType::ChronoDateTimeWithTimeZone => "timestamptz[]",
        _ => "text[]",
    }
}

/// Whether it is NULL.
pub(crate) fn is_null(value: &Value) -> bool {
    *value == value.as_null()
}
