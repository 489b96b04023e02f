//! A file's text with everything blanked that could be a secret.
//!
//! A newcomer's first mistake is the secret itself where its key belongs, often without
//! quotes, and an error shows the line to whoever looks over the shoulder or reads the
//! log of a build. So what is kept is what is known to be harmless, not the reverse.

/// `text` with the contents of strings, comments and bare values replaced by `*` (a
/// comment by spaces), byte for byte, so that positions stay valid.
///
/// Kept: names before `=`, headers, `true`, `false`, punctuation and the quotes, and bare
/// values of at most two bytes. Works on any text, parsable or not.
pub(super) fn blank(text: &str) -> String {
    let mut scan = Scan { text: text.as_bytes(), at: 0, out: Vec::with_capacity(text.len()) };
    let mut place = Place::LineStart;
    let mut inline_tables = 0_usize;
    while let Some(&byte) = scan.text.get(scan.at) {
        place = match byte {
            b'\n' => scan.keep(Place::LineStart),
            b' ' | b'\t' | b'\r' => scan.keep(place),
            b'#' => scan.comment(place),
            b'"' | b'\'' => scan.string(byte),
            b'[' if place == Place::LineStart => scan.keep(Place::Header),
            b'{' => {
                inline_tables += 1;
                scan.keep(Place::Name)
            }
            b'}' => {
                inline_tables = inline_tables.saturating_sub(1);
                scan.keep(Place::Value)
            }
            b',' if inline_tables > 0 => scan.keep(Place::Name),
            b'[' if place == Place::Header => scan.keep(Place::Header),
            b'=' | b'[' | b']' | b',' => scan.keep(Place::Value),
            _ => scan.word(place),
        };
    }
    String::from_utf8(scan.out).unwrap_or_default()
}

/// What a word would be here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    LineStart,
    Header,
    Name,
    Value,
}

struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    out: Vec<u8>,
}

impl Scan<'_> {
    fn keep(&mut self, next: Place) -> Place {
        self.copy(1);
        next
    }

    fn copy(&mut self, len: usize) {
        self.out.extend_from_slice(&self.text[self.at..self.at + len]);
        self.at += len;
    }

    fn fill(&mut self, len: usize, with: u8) {
        for &byte in &self.text[self.at..self.at + len] {
            self.out.push(if byte == b'\n' { byte } else { with });
        }
        self.at += len;
    }

    fn rest(&self) -> &[u8] {
        &self.text[self.at..]
    }

    fn until_line_end(&self) -> usize {
        self.rest().iter().position(|&b| b == b'\n').unwrap_or(self.rest().len())
    }

    fn comment(&mut self, place: Place) -> Place {
        self.fill(self.until_line_end(), b' ');
        place
    }

    /// A string ends at its quotes, or, if it has but one, at the end of the line.
    fn string(&mut self, quote: u8) -> Place {
        let long = self.rest().starts_with(&[quote; 3]);
        let delimiter = if long { 3 } else { 1 };
        self.copy(delimiter);
        let mut len = 0;
        let mut closed = false;
        while let Some(&byte) = self.rest().get(len) {
            closed = self.rest()[len..].starts_with(&[quote; 3][..delimiter]);
            if closed || (byte == b'\n' && !long) {
                break;
            }
            let escaped =
                byte == b'\\' && quote == b'"' && self.rest().get(len + 1) != Some(&b'\n');
            len = (len + 1 + usize::from(escaped)).min(self.rest().len());
        }
        self.fill(len, b'*');
        self.copy(if closed { delimiter } else { 0 });
        Place::Value
    }

    fn word(&mut self, place: Place) -> Place {
        let is_word = |b: &u8| !b" \t\r\n#\"'[]{},=".contains(b);
        let len = self.rest().iter().position(|b| !is_word(b)).unwrap_or(self.rest().len());
        let word = &self.rest()[..len];
        let is_plain = word.iter().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(b));
        let named = match place {
            Place::Header => true,
            Place::LineStart | Place::Name => {
                let after = &self.rest()[len..];
                after.iter().find(|b| !b" \t".contains(b)) == Some(&b'=')
            }
            Place::Value => word.len() <= 2 || word == b"true" || word == b"false",
        };
        if named && is_plain {
            self.copy(len)
        } else {
            self.fill(len, b'*')
        }
        if place == Place::Header { Place::Header } else { Place::Value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_and_structure_stay_and_contents_go() {
        for (text, blanked) in [
            ("pds = 1", "pds = 1"),
            ("[run] # why", "[run]      "),
            ("[secrets.A]\nb='xyz'", "[secrets.A]\nb='***'"),
            ("A = \"sk\\\"1\" # x", "A = \"*****\"    "),
            ("A = sk_live_1", "A = *********"),
            ("sk_live_1", "*********"),
            ("A = { key = \"x/y\", required = false }", "A = { key = \"***\", required = false }"),
            ("A = abc=def==", "A = ***=***=="),
            ("A = 'it's secret'", "A = '**'s ******'"),
            ("A = \"\"\"x\ny\"\"\"\nb = 1", "A = \"\"\"*\n*\"\"\"\nb = 1"),
            ("A = \"open\nB = \"x\"", "A = \"****\nB = \"*\""),
            ("A = \"x\\\nhunter2\"", "A = \"**\n*******\""),
            ("A = ключ", "A = ********"),
            ("\"hunter2\" = 1", "\"*******\" = 1"),
        ] {
            assert_eq!(blank(text), blanked, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_byte_stays_where_it_is(text in "(?s)[a\"'\\\\\n\\[{=,}#\\] é.0]{0,60}") {
            let blanked = blank(&text);
            prop_assert_eq!(blanked.len(), text.len());
            let line_ends = |t: &str| t.bytes().map(|b| b == b'\n').collect::<Vec<_>>();
            prop_assert_eq!(line_ends(&blanked), line_ends(&text));
        }
    }
}
