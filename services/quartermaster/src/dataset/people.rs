//! Names and e-mail addresses for households that have none: invented, and always the same for the same household.

const GIVEN: [&str; 32] = [
    "Ada", "Amir", "Beatriz", "Caleb", "Chidi", "Dana", "Elena", "Farid", "Grace", "Hana", "Ines", "Jonah",
    "Kai", "Lena", "Marcus", "Mei", "Nadia", "Noah", "Olga", "Omar", "Priya", "Quinn", "Rosa", "Samir",
    "Tara", "Tomas", "Uma", "Victor", "Wendy", "Xavier", "Yusuf", "Zoe",
];

const FAMILY: [&str; 32] = [
    "Abbott", "Almeida", "Bauer", "Castillo", "Chen", "Dalton", "Eriksen", "Farrow", "Garner", "Haddad",
    "Iyer", "Jansen", "Kowalski", "Larkin", "Mbeki", "Mercer", "Nakamura", "Norwood", "Okafor", "Ortega",
    "Pryce", "Quigley", "Rahman", "Rowe", "Sato", "Thorne", "Ueda", "Vance", "Whitlock", "Xu", "Yates",
    "Zeller",
];

/// A name for a household.
pub(super) fn name(customer: &str) -> String {
    let mixed = stable_hash(&[customer]);
    format!("{} {}", chosen(&GIVEN, mixed), chosen(&FAMILY, mixed >> 32))
}

/// A mail address for a household, at the domain that RFC 2606 keeps for examples.
pub(super) fn email(customer: &str) -> String {
    format!("{}@example.com", customer.to_ascii_lowercase())
}

/// Whether the id can stand before the `@`.
pub(super) fn is_customer_id(customer: &str) -> bool {
    (1..=64).contains(&customer.len())
        && customer.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn chosen(names: &[&'static str; 32], mixed: u64) -> &'static str {
    usize::try_from(mixed % 32).ok().and_then(|index| names.get(index)).copied().unwrap_or(names[0])
}

/// FNV-1a over the parts, each closed by a zero: the same on every machine and in every release, unlike the standard
/// library's hasher, which promises neither.
pub(super) fn stable_hash(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    let folded = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // FNV's low bits depend on few of the input's; one xor-shift multiply (from MurmurHash3) spreads them.
    (folded ^ (folded >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd) ^ (folded >> 29)
}
