//! What a credential may do.

use std::{collections::BTreeSet, fmt, str::FromStr};

macro_rules! scopes {
    ($($variant:ident $word:literal $about:literal;)+) => {
        /// One permission of a credential.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Scope {
            $(#[doc = $about] $variant,)+
        }

        impl Scope {
            /// Every scope.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The scope as it is written.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }
    };
}

scopes! {
    OrdersRead "orders:read" "Read orders, their plans, the summary and the live stream.";
    OrdersWrite "orders:write" "Place, cancel, hold and release orders.";
    InventoryRead "inventory:read" "Read items, locations, stock and availability.";
    InventoryWrite "inventory:write" "Write items and locations, record stock movements.";
    RoutingRead "routing:read" "Read the carrier tariff.";
    RoutingWrite "routing:write" "Replace the carrier tariff.";
    FulfilmentsRead "fulfilments:read" "Read fulfilments and shipments.";
    FulfilmentsWrite "fulfilments:write" "Do what a warehouse does.";
    NotificationsRead "notifications:read" "Read webhook endpoints, deliveries and messages.";
    NotificationsWrite "notifications:write" "Manage webhook endpoints and templates.";
    KeysManage "keys:manage" "Create, list and revoke API keys.";
}

/// No such scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such scope")]
pub struct UnknownScope;

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(word: &str) -> Result<Self, UnknownScope> {
        Self::ALL.iter().copied().find(|scope| scope.word() == word).ok_or(UnknownScope)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Scope {
    /// Scopes as they are stored: words joined by spaces.
    pub fn join(scopes: &BTreeSet<Self>) -> String {
        scopes.iter().map(|scope| scope.word()).collect::<Vec<_>>().join(" ")
    }

    /// Reads what [`join`](Self::join) wrote. A word that this version does not know allows nothing.
    pub fn split(words: &str) -> BTreeSet<Self> {
        words.split(' ').filter_map(|word| word.parse().ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_read_back_as_they_were_written_and_unknown_ones_allow_nothing() {
        let all: BTreeSet<Scope> = Scope::ALL.iter().copied().collect();
        assert_eq!(Scope::split(&Scope::join(&all)), all);
        assert_eq!(Scope::split("orders:read moon:write"), BTreeSet::from([Scope::OrdersRead]));
        assert!(Scope::split("").is_empty());
    }
}
