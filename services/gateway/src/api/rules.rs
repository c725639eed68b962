//! Rules that texts in requests must keep, for the API's description. The services that own the fields hold callers to them;
//! that description and services agree is what `scripts/hostile` tests.

use qm_ids::{
    ApiKeyId, DeliveryId, EndpointId, FulfilmentId, HoldId, ItemId, LineId, LocationId, OrderId, ShipmentId,
};
use utoipa::{
    Modify, PartialSchema, ToSchema,
    openapi::{
        Object, ObjectBuilder, OpenApi, RefOr, Schema, Type,
        path::{Operation, PathItem},
        schema::{AdditionalProperties, ArrayItems, SchemaType},
    },
};

use crate::domain::Scope;

/// Text that may be empty: no control characters.
const TEXT: &str = r"^[^\x00-\x1f\x7f-\x9f]*$";
/// Text that may not: something in it is to be seen.
const SOME_TEXT: &str = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$";

macro_rules! texts {
    ($($about:literal $name:ident $pattern:expr;)+) => {$(
        #[doc = $about]
        #[derive(Debug)]
        pub enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let text = ObjectBuilder::new().schema_type(Type::String).description(Some($about));
                text.pattern(Some($pattern)).build().into()
            }
        }

        impl ToSchema for $name {}
    )+};
}

texts! {
    "A region after ISO 3166-2." Region "^[A-Za-z]{2}-[A-Za-z0-9]{1,3}$";
    "A type of event, or all of a kind." EventPattern r"^[a-z_]+\.(\*|[a-z_]+)$";
    "What a key allows." ScopeWord one_of(Scope::ALL.iter().map(|scope| scope.word()));
}

fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    format!("^({})$", words.into_iter().collect::<Vec<_>>().join("|"))
}

/// Writes the rules into everything that callers send, so that no field has to repeat them.
#[derive(Debug)]
pub struct Rules;

impl Modify for Rules {
    fn modify(&self, api: &mut OpenApi) {
        for schema in api.components.iter_mut().flat_map(|it| it.schemas.values_mut()) {
            // What callers send has no fields that are not described.
            if let RefOr::T(Schema::Object(sent)) = schema
                && matches!(
                    sent.additional_properties.as_deref(),
                    Some(AdditionalProperties::FreeForm(false))
                )
            {
                sent.properties.iter_mut().for_each(|(name, field)| rule(name, field));
            }
        }
        let parameters =
            api.paths.paths.values_mut().flat_map(operations).filter_map(|it| it.parameters.as_mut());
        for parameter in parameters.flatten() {
            if let RefOr::T(parameter) = parameter
                && let Some(schema) = parameter.schema.as_mut()
            {
                // What a parameter does not say is left out; there is no writing null.
                if let RefOr::T(Schema::Object(value)) = schema
                    && let SchemaType::Array(kinds) = &value.schema_type
                    && let Some(kind) = kinds.iter().find(|kind| **kind != Type::Null)
                {
                    value.schema_type = SchemaType::Type(kind.clone());
                }
                rule(&parameter.name, schema);
                if let RefOr::T(Schema::Object(text)) = schema
                    && text.pattern.as_deref() == Some(TEXT)
                {
                    text.pattern = Some(SOME_TEXT.to_owned());
                }
            }
        }
    }
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut path.get, &mut path.post, &mut path.put, &mut path.patch, &mut path.delete].into_iter().flatten()
}

fn rule(name: &str, field: &mut RefOr<Schema>) {
    match field {
        RefOr::T(Schema::Object(text)) if is_text(text) => {
            let pattern = id(name).unwrap_or_else(|| {
                let is_required = text.min_length.is_some_and(|length| length > 0);
                if is_required { SOME_TEXT.to_owned() } else { TEXT.to_owned() }
            });
            text.pattern = Some(pattern);
        }
        RefOr::T(Schema::Array(list)) => {
            if let ArrayItems::RefOrSchema(entry) = &mut list.items
                && let RefOr::T(Schema::Object(text)) = &mut **entry
                && is_text(text)
            {
                text.pattern = Some(SOME_TEXT.to_owned());
            }
        }
        _ => {}
    }
}

/// True for a text of which nothing more particular is said.
fn is_text(it: &Object) -> bool {
    let is_string = match &it.schema_type {
        SchemaType::Type(kind) => *kind == Type::String,
        SchemaType::Array(kinds) => kinds.contains(&Type::String),
        SchemaType::AnyValue => false,
    };
    is_string && it.pattern.is_none() && it.format.is_none() && it.enum_values.is_none()
}

/// What an id that is sent under this name looks like.
fn id(name: &str) -> Option<String> {
    let prefix = match name {
        "order_id" => OrderId::PREFIX,
        "line_id" => LineId::PREFIX,
        "hold_id" => HoldId::PREFIX,
        "item_id" => ItemId::PREFIX,
        "location_id" => LocationId::PREFIX,
        "fulfilment_id" => FulfilmentId::PREFIX,
        "shipment_id" => ShipmentId::PREFIX,
        "endpoint_id" => EndpointId::PREFIX,
        "delivery_id" => DeliveryId::PREFIX,
        "key_id" => ApiKeyId::PREFIX,
        _ => return None,
    };
    Some(format!("^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"))
}
