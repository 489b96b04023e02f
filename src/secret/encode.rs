//! Plaintext as hexadecimal digits, base64 or JSON, from secret memory into secret memory.

use super::{
    buffer::SecureBuffer,
    bytes::{OutOfSecretMemory, SecureBytes},
};

const HEX: &[u8; 16] = b"0123456789abcdef";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Two lower-case digits a byte.
///
/// # Errors
/// [`OutOfSecretMemory`].
pub fn hex(bytes: &[u8]) -> Result<SecureBytes, OutOfSecretMemory> {
    let mut written = SecureBytes::zeroed(bytes.len() * 2)?;
    for (pair, byte) in written.expose_mut().chunks_exact_mut(2).zip(bytes) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    Ok(written)
}

/// RFC 4648, section 4, with padding.
///
/// # Errors
/// [`OutOfSecretMemory`].
pub fn base64(bytes: &[u8]) -> Result<SecureBytes, OutOfSecretMemory> {
    let mut written = SecureBytes::zeroed(bytes.len().div_ceil(3) * 4)?;
    for (four, three) in written.expose_mut().chunks_exact_mut(4).zip(bytes.chunks(3)) {
        let digits = digits(three, BASE64);
        let padded = |n: usize| if n <= three.len() { digits[n] } else { b'=' };
        four.copy_from_slice(&[padded(0), padded(1), padded(2), padded(3)]);
    }
    Ok(written)
}

/// RFC 4648, section 5, without padding.
///
/// # Errors
/// [`OutOfSecretMemory`].
pub fn base64_url(bytes: &[u8]) -> Result<SecureBytes, OutOfSecretMemory> {
    let mut written = SecureBytes::zeroed((bytes.len() * 4).div_ceil(3))?;
    for (four, three) in written.expose_mut().chunks_mut(4).zip(bytes.chunks(3)) {
        four.copy_from_slice(&digits(three, BASE64_URL)[..four.len()]);
    }
    Ok(written)
}

/// A byte of UTF-8 as it stands in a JSON string, in the first so many of these. By hand,
/// because a JSON library would put the value on the ordinary heap.
#[must_use]
pub fn json(byte: u8) -> ([u8; 6], usize) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0..0x20 | 0x7f => {
            let [high, low] = [byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]);
            return ([b'\\', b'u', b'0', b'0', high, low], 6);
        }
        _ => return ([byte, 0, 0, 0, 0, 0], 1),
    };
    ([b'\\', short, 0, 0, 0, 0], 2)
}

/// Appends UTF-8 as it stands in a JSON string, without the quotes.
///
/// # Errors
/// [`OutOfSecretMemory`].
pub fn json_into(text: &[u8], out: &mut SecureBuffer) -> Result<(), OutOfSecretMemory> {
    text.iter().try_for_each(|&byte| {
        let (written, len) = json(byte);
        out.extend(&written[..len])
    })
}

fn digits(three: &[u8], alphabet: &[u8; 64]) -> [u8; 4] {
    let byte = |n: usize| usize::from(three.get(n).copied().unwrap_or(0));
    let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    [18, 12, 6, 0].map(|shift| alphabet[bits >> shift & 63])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_within_quotes_is_json_that_reads_back() {
        let all: String = (0u8..128).map(char::from).chain("é日".chars()).collect();
        let mut out = SecureBuffer::new().unwrap();
        out.extend(b"\"").unwrap();
        json_into(all.as_bytes(), &mut out).unwrap();
        out.extend(b"\"").unwrap();
        assert!(!out.as_slice().iter().any(u8::is_ascii_control));
        assert_eq!(serde_json::from_slice::<String>(out.as_slice()).unwrap(), all);
    }

    #[test]
    fn the_vectors_of_rfc_4648_come_out() {
        for (plain, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert!(base64(plain.as_bytes()).unwrap().ct_eq(expected.as_bytes()), "{plain}");
            let unpadded = expected.trim_end_matches('=');
            assert!(base64_url(plain.as_bytes()).unwrap().ct_eq(unpadded.as_bytes()), "{plain}");
        }
        assert!(base64_url(&[0xFB, 0xFF]).unwrap().ct_eq(b"-_8"));
        assert!(hex(&[0x00, 0xAF]).unwrap().ct_eq(b"00af"));
    }
}
