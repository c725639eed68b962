//! Errors as people read them.

/// An error and what caused it, in one line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some libraries repeat the cause in their own text.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Caused {
        text: &'static str,
        source: Option<Box<Caused>>,
    }

    impl std::fmt::Display for Caused {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.text)
        }
    }

    impl std::error::Error for Caused {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            self.source.as_deref().map(|source| source as _)
        }
    }

    #[test]
    fn causes_follow_and_are_said_once() {
        let cause = Caused { text: "the disk is full", source: None };
        let middle = Caused { text: "not written: the disk is full", source: Some(Box::new(cause)) };
        let error = Caused { text: "not placed", source: Some(Box::new(middle)) };
        assert_eq!(with_causes(&error), "not placed: not written: the disk is full");
    }
}
