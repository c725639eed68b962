//! An object is an object. Left to itself, serde reads an array where a struct is expected, its entries as the fields in the
//! sequence of their declaration: a caller's mistake would be taken for an order.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};

/// Wraps whatever a value is read from, and all that is read from inside it, and refuses arrays in place of objects.
#[derive(Debug)]
pub(super) struct Objects<T>(pub(super) T);

/// Wraps what a value is read into.
struct Target<V> {
    visitor: V,
    is_struct: bool,
}

impl<V> Target<V> {
    fn any(visitor: V) -> Self {
        Self { visitor, is_struct: false }
    }

    fn fields(visitor: V) -> Self {
        Self { visitor, is_struct: true }
    }
}

macro_rules! read_any {
    ($($method:ident($($name:ident: $kind:ty),*))+) => {$(
        fn $method<V: Visitor<'de>>(self, $($name: $kind,)* visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method($($name,)* Target::any(visitor))
        }
    )+};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Objects<D> {
    type Error = D::Error;

    read_any! {
        deserialize_any() deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64()
        deserialize_i128() deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_char() deserialize_str() deserialize_string() deserialize_bytes()
        deserialize_byte_buf() deserialize_option() deserialize_unit() deserialize_seq() deserialize_map()
        deserialize_identifier() deserialize_ignored_any()
        deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str)
        deserialize_tuple(length: usize)
        deserialize_tuple_struct(name: &'static str, length: usize)
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_struct(name, fields, Target::fields(visitor))
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! take_scalar {
    ($($method:ident($kind:ty))+) => {$(
        fn $method<E: Error>(self, value: $kind) -> Result<V::Value, E> {
            self.visitor.$method(value)
        }
    )+};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Target<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_struct { formatter.write_str("an object") } else { self.visitor.expecting(formatter) }
    }

    take_scalar! {
        visit_bool(bool) visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128) visit_u8(u8)
        visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128) visit_f32(f32) visit_f64(f64) visit_char(char)
        visit_str(&str) visit_borrowed_str(&'de str) visit_string(String) visit_bytes(&[u8])
        visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Objects(from))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Objects(from))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        if self.is_struct {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        }
        self.visitor.visit_seq(Objects(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Objects(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_enum(Objects(variant))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Objects<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Objects(from))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Objects<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Objects(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Objects<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(Objects(seed))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Objects(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Objects<A> {
    type Error = A::Error;
    type Variant = Objects<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (value, variant) = self.0.variant_seed(Objects(seed))?;
        Ok((value, Objects(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Objects<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(Objects(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(length, Target::any(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.struct_variant(fields, Target::fields(visitor))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Point {
        x: i32,
        #[serde(default)]
        y: Option<f64>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Shape {
        Nothing,
        Dot(Point),
        Line { from: Point },
        Pair(i32, Point),
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wrapped(Point);

    fn read<'t, T: Deserialize<'t>>(json: &'t str) -> Result<T, String> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        T::deserialize(Objects(&mut deserializer)).map_err(|error| error.to_string())
    }

    #[test]
    fn an_array_is_no_object_however_deep_it_stands() {
        let refused = |outcome: Result<(), String>| {
            let message = outcome.unwrap_err();
            assert!(message.starts_with("invalid type: sequence, expected an object"), "{message}");
        };
        refused(read::<Point>("[1, 2]").map(drop));
        refused(read::<Option<Point>>("[1]").map(drop));
        refused(read::<Vec<Point>>("[{\"x\": 1}, [1, 2]]").map(drop));
        refused(read::<BTreeMap<String, Vec<Point>>>("{\"a\": [[1, 2]]}").map(drop));
        refused(read::<Box<(i32, Point)>>("[1, [1, 2]]").map(drop));
        refused(read::<Wrapped>("[1, 2]").map(drop));
        refused(read::<Shape>("{\"dot\": [1, 2]}").map(drop));
        refused(read::<Shape>("{\"line\": [{\"x\": 1}]}").map(drop));
        refused(read::<Shape>("{\"line\": {\"from\": [1]}}").map(drop));
        refused(read::<Shape>("{\"pair\": [1, [1]]}").map(drop));
    }

    #[test]
    fn everything_else_reads_as_ever() {
        let point = |x| Point { x, y: None };
        assert_eq!(read("{\"x\": 1, \"y\": 2.5, \"z\": [[]]}"), Ok(Point { x: 1, y: Some(2.5) }));
        assert_eq!(read("{\"x\": 1, \"y\": null}"), Ok(point(1)));
        assert_eq!(read("{\"x\": 1}"), Ok(Wrapped(point(1))));
        assert_eq!(
            read("[\"nothing\", {\"dot\": {\"x\": 1}}]"),
            Ok(vec![Shape::Nothing, Shape::Dot(point(1))])
        );
        assert_eq!(read("{\"pair\": [1, {\"x\": 2}]}"), Ok(Shape::Pair(1, point(2))));
        assert_eq!(read("{\"line\": {\"from\": {\"x\": 1}}}"), Ok(Shape::Line { from: point(1) }));
        assert_eq!(
            read::<(bool, char, String, u8)>("[true, \"a\", \"b\", 1]"),
            Ok((true, 'a', "b".to_owned(), 1))
        );
        assert_eq!(read::<&str>("\"borrowed\""), Ok("borrowed"));
        let value: serde_json::Value = read("{\"a\": [1, -2, 2.5, \"b\", null, true]}").unwrap();
        assert_eq!(value.to_string(), "{\"a\":[1,-2,2.5,\"b\",null,true]}");
    }
}
