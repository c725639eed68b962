//! What all ids have in common, and the macro that makes a kind of id.

use std::{
    fmt::{self, Debug, Display},
    hash::Hash,
    marker::PhantomData,
    str::FromStr,
};

use serde::de::{self, Visitor};
use uuid::Uuid;

use crate::ParseIdError;

/// Any kind of id, for code that works with all of them.
pub trait Id:
    Copy + Ord + Hash + Debug + Display + FromStr<Err = ParseIdError> + Send + Sync + 'static
{
    /// What its text begins with, before the underscore.
    const PREFIX: &'static str;

    /// The id with this UUID inside. Any UUID is accepted: ids may come from systems that mint them otherwise.
    fn from_uuid(uuid: Uuid) -> Self;

    /// The UUID inside.
    fn as_uuid(&self) -> Uuid;
}

/// Reads an id from its text, for all kinds alike.
pub(crate) struct TextVisitor<T>(pub(crate) PhantomData<T>);

impl<T: Id> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an id that begins with \"{}_\"", T::PREFIX)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

macro_rules! id_kinds {
    ($($name:ident $prefix:literal $doc:literal;)*) => {
        /// The prefix of each kind of id.
        pub const PREFIXES: &[&str] = &[$($prefix),*];

        $(
            #[doc = $doc]
            #[doc = concat!("\n\nIts text begins with `", $prefix, "_`.")]
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ::sea_orm::DeriveValueType)]
            pub struct $name(::uuid::Uuid);

            impl $name {
                /// What its text begins with, before the underscore.
                pub const PREFIX: &'static str = $prefix;

                /// The id with this UUID inside. Any UUID is accepted: ids may come from systems that mint them otherwise.
                pub const fn from_uuid(uuid: ::uuid::Uuid) -> Self {
                    Self(uuid)
                }

                /// The UUID inside.
                pub const fn as_uuid(&self) -> ::uuid::Uuid {
                    self.0
                }
            }

            impl $crate::Id for $name {
                const PREFIX: &'static str = $prefix;

                fn from_uuid(uuid: ::uuid::Uuid) -> Self {
                    Self(uuid)
                }

                fn as_uuid(&self) -> ::uuid::Uuid {
                    self.0
                }
            }

            impl ::std::fmt::Display for $name {
                fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    $crate::text::write(f, $prefix, self.0)
                }
            }

            impl ::std::fmt::Debug for $name {
                fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    $crate::text::write(f, $prefix, self.0)
                }
            }

            impl ::std::str::FromStr for $name {
                type Err = $crate::ParseIdError;

                fn from_str(text: &str) -> Result<Self, Self::Err> {
                    $crate::text::parse($prefix, text).map(Self)
                }
            }

            impl ::serde::Serialize for $name {
                fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }

            impl<'de> ::serde::Deserialize<'de> for $name {
                fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    deserializer.deserialize_str($crate::id::TextVisitor(::std::marker::PhantomData))
                }
            }

            // sea-orm asks this of every primary key, for databases that number rows themselves. Ours are never
            // numbered by the database.
            impl ::sea_orm::TryFromU64 for $name {
                fn try_from_u64(_: u64) -> Result<Self, ::sea_orm::DbErr> {
                    Err(::sea_orm::DbErr::ConvertFromU64(stringify!($name)))
                }
            }
        )*
    };
}
pub(crate) use id_kinds;
