//! What keeps a template small. The template language counts instructions, not memory: `{% set x = x ~ x %}` forty times over
//! is a terabyte, for a few hundred instructions. So whatever could make values larger than the template itself is refused,
//! and what is written out is bounded.

use std::io;

use minijinja::machinery::{Token, WhitespaceConfig, tokenize};

/// Longest message, in bytes.
pub(super) const MAX_RENDERED: usize = 200_000;
/// The statements there are. The others of the language keep what they rendered, so that it could be doubled.
const STATEMENTS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];

/// Says what a template must not hold, if it does. What is no template at all is told by rendering it.
pub(super) fn refuse(source: &str) -> Option<String> {
    let mut begins_statement = false;
    for token in tokenize(source, false, Default::default(), WhitespaceConfig::default()) {
        let (token, _) = token.ok()?;
        match token {
            Token::Plus => return Some("must not use +".to_owned()),
            Token::Mul | Token::Pow => return Some("must not use *".to_owned()),
            Token::Tilde => return Some("must not use ~".to_owned()),
            Token::Ident("recursive") => return Some("must not use recursive loops".to_owned()),
            Token::Ident(word) if begins_statement && !STATEMENTS.contains(&word) => {
                return Some(format!("must not use {word}: there are {}", STATEMENTS.join(", ")));
            }
            _ => begins_statement = matches!(token, Token::BlockStart),
        }
    }
    None
}

/// Takes text until it is too long.
#[derive(Debug, Default)]
pub(super) struct Page(Vec<u8>);

impl Page {
    /// What was written.
    pub(super) fn into_text(self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

impl io::Write for Page {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if self.0.len() + text.len() > MAX_RENDERED {
            return Err(io::Error::other("too long"));
        }
        self.0.extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
