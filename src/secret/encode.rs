//! Plaintext as hexadecimal digits or base64, from secret memory into secret memory.

use super::bytes::{OutOfSecretMemory, SecureBytes};

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

fn digits(three: &[u8], alphabet: &[u8; 64]) -> [u8; 4] {
    let byte = |n: usize| usize::from(three.get(n).copied().unwrap_or(0));
    let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    [18, 12, 6, 0].map(|shift| alphabet[bits >> shift & 63])
}

#[cfg(test)]
mod tests {
    use super::*;

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
