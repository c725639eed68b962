//! What is kept of an error for people.

/// Most characters of it.
const MAX: usize = 300;

/// The text of an error, fit to be stored: other machines' words may be long, and hold what no database takes.
pub fn for_people(error: &str) -> String {
    error.chars().map(|it| if it.is_control() { ' ' } else { it }).take(MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_machines_words_fit_into_a_row() {
        assert_eq!(for_people("550 no\0such\r\nbox"), "550 no such  box");
        assert_eq!(for_people(&"ä".repeat(1_000)).chars().count(), MAX);
    }
}
