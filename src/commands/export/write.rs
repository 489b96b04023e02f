//! A value as each reader wants it quoted, from secret memory into secret memory.

use super::Named;
use crate::secret::{OutOfSecretMemory, SecureBuffer, SecureBytes, encode};

type Written = Result<(), OutOfSecretMemory>;

/// `'…'` for a POSIX shell, in which nothing means anything but the quote.
pub(super) fn single_quoted(value: &[u8], out: &mut SecureBuffer) -> Written {
    out.extend(b"'")?;
    for (n, part) in value.split(|&b| b == b'\'').enumerate() {
        if n > 0 {
            out.extend(b"'\\''")?;
        }
        out.extend(part)?;
    }
    out.extend(b"'")
}

/// As the readers of `.env` files agree: bare where it is plain, in single quotes where it
/// has none, and only else with the escapes that shells and `import` know.
pub(super) fn dotenv(value: &[u8], out: &mut SecureBuffer) -> Written {
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b"_./:@%+,-".contains(b);
    if !value.is_empty() && value.iter().all(is_plain) {
        return out.extend(value);
    }
    if !value.contains(&b'\'') {
        return single_quoted(value, out);
    }
    escaped(value, b"\"\\$`", b'"', out)
}

/// `'…'` for fish, which knows two escapes in it.
pub(super) fn fish(value: &[u8], out: &mut SecureBuffer) -> Written {
    escaped(value, b"'\\", b'\'', out)
}

fn escaped(value: &[u8], special: &[u8], quote: u8, out: &mut SecureBuffer) -> Written {
    out.extend(&[quote])?;
    for byte in value {
        if special.contains(byte) {
            out.extend(b"\\")?;
        }
        out.extend(&[*byte])?;
    }
    out.extend(&[quote])
}

/// One object of strings.
pub(super) fn json(named: &[Named<'_>], out: &mut SecureBuffer) -> Written {
    out.extend(b"{")?;
    for (n, Named { name, value, .. }) in named.iter().enumerate() {
        // Neither a key nor a variable's name has a character that JSON escapes.
        for text in [if n > 0 { ",\n  \"" } else { "\n  \"" }, name, "\": \""] {
            out.extend(text.as_bytes())?;
        }
        encode::json_into(value, out)?;
        out.extend(b"\"")?;
    }
    out.extend(if named.is_empty() { b"}\n" } else { b"\n}\n" })
}

/// A double-quoted scalar. What YAML calls a break or doesn't take as it is is escaped.
pub(super) fn yaml(value: &[u8], out: &mut SecureBuffer) -> Written {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.extend(b"\"")?;
    for character in std::str::from_utf8(value).unwrap_or_default().chars() {
        match character {
            '"' => out.extend(b"\\\"")?,
            '\\' => out.extend(b"\\\\")?,
            '\n' => out.extend(b"\\n")?,
            '\0'..' ' | '\x7f'..='\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{e000}'..='\u{ffff}' => {
                let code = u32::from(character);
                out.extend(b"\\u")?;
                for shift in [12, 8, 4, 0] {
                    out.extend(&[HEX[(code >> shift & 15) as usize]])?;
                }
            }
            _ => out.extend(character.encode_utf8(&mut [0; 4]).as_bytes())?,
        }
    }
    out.extend(b"\"")
}

/// `NAME<<WORD`, the value, and the word: one that no value can foresee.
pub(super) fn heredoc(name: &str, value: &[u8], out: &mut SecureBuffer) -> Written {
    const WORD_RANDOM_BYTES: usize = 16;
    let word = encode::hex(SecureBytes::random(WORD_RANDOM_BYTES)?.expose())?;
    for text in [name.as_bytes(), b"<<pds_", word.expose(), b"\n"] {
        out.extend(text)?;
    }
    for text in [value, b"\npds_", word.expose(), b"\n"] {
        out.extend(text)?;
    }
    Ok(())
}

/// `::add-mask::` for each line of each secret: the runner searches its log line by line.
pub(super) fn masks(named: &[Named<'_>]) -> Result<SecureBuffer, OutOfSecretMemory> {
    let mut out = SecureBuffer::new()?;
    for line in named.iter().filter(|n| n.is_secret).flat_map(|n| n.value.split(|&b| b == b'\n')) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.trim_ascii().is_empty() {
            continue;
        }
        out.extend(b"::add-mask::")?;
        for byte in line {
            match byte {
                b'%' => out.extend(b"%25")?,
                b'\r' => out.extend(b"%0D")?,
                _ => out.extend(&[*byte])?,
            }
        }
        out.extend(b"\n")?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::commands::import::{dotenv, json as import_json};

    fn written(value: &[u8], write: fn(&[u8], &mut SecureBuffer) -> Written) -> Vec<u8> {
        let mut out = SecureBuffer::new().unwrap();
        write(value, &mut out).unwrap();
        out.as_slice().to_vec()
    }

    #[test]
    fn each_reader_gets_its_own_quotes() {
        assert_eq!(written(b"a'b", single_quoted), b"'a'\\''b'");
        assert_eq!(written(b"a'\\$", fish), b"'a\\'\\\\$'");
        assert_eq!(written(b"a/b", dotenv), b"a/b");
        assert_eq!(written(b"", dotenv), b"''");
        assert_eq!(written(b"$a \n", dotenv), b"'$a \n'");
        assert_eq!(written(b"'$`\"\\", dotenv), b"\"'\\$\\`\\\"\\\\\"");
        assert_eq!(written("\u{85}é\0\n".as_bytes(), yaml), "\"\\u0085é\\u0000\\n\"".as_bytes());
    }

    #[test]
    fn each_line_is_masked_as_the_runner_reads_it() {
        let named = |value, is_secret| Named { name: "A", value, is_secret };
        let masks = masks(&[named(b"a%\r\n\n b\rc", true), named(b"plain", false)]).unwrap();
        assert_eq!(masks.as_slice(), b"::add-mask::a%25\n::add-mask:: b%0Dc\n");
    }

    #[test]
    fn a_heredoc_ends_with_a_word_of_its_own() {
        let mut out = SecureBuffer::new().unwrap();
        heredoc("A", b"x\n", &mut out).unwrap();
        heredoc("A", b"x\n", &mut out).unwrap();
        let text = String::from_utf8(out.as_slice().to_vec()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 8);
        assert_eq!(lines[0].strip_prefix("A<<"), Some(lines[3]));
        assert_ne!(lines[0], lines[4]);
    }

    proptest! {
        #[test]
        fn what_goes_out_as_env_comes_in_the_same(
            value in prop::collection::vec(1_u8.., 0..40),
            odd in "[ '\"\\\\$`#\n\r=a]{0,12}",
        ) {
            for value in [value.as_slice(), odd.as_bytes()] {
                let text = [b"A=", written(value, super::dotenv).as_slice(), b"\n"].concat();
                let read = dotenv::parse(&text).unwrap();
                prop_assert_eq!(read[0].value.expose(), value);
            }
        }

        #[test]
        fn what_goes_out_as_json_comes_in_the_same(value in any::<String>()) {
            let mut out = SecureBuffer::new().unwrap();
            json(&[Named { name: "a/b", value: value.as_bytes(), is_secret: true }], &mut out).unwrap();
            let read = import_json::parse(out.as_slice()).unwrap();
            prop_assert_eq!(read[0].name.as_str(), "a/b");
            prop_assert_eq!(read[0].value.expose(), value.as_bytes());
        }
    }
}
