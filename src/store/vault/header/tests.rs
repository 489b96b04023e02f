#![allow(clippy::unwrap_used)]
use super::*;

fn key() -> SecureBytes {
    SecureBytes::copy_from(&[5; 32]).unwrap()
}

fn header(audit: Option<[u8; 32]>) -> Header {
    let salt: [u8; 16] = std::array::from_fn(|i| i as u8);
    Header::new(VaultId([0xab; 16]), KdfParams::DEFAULT, salt, audit, &key()).unwrap()
}

fn resummed(body: &str) -> String {
    format!("{body}sum {}\n", blake3::hash(body.as_bytes()))
}

fn body(header: &Header) -> String {
    let text = header.text();
    text[..text.find("sum ").unwrap()].to_owned()
}

#[test]
fn what_is_written_is_read() {
    for audit in [None, Some([7; 32])] {
        let header = header(audit);
        let read = Header::parse(header.text().as_bytes()).unwrap();
        assert_eq!(read, header);
        assert!(read.is_authentic(&key()).unwrap());
        assert!(!read.is_authentic(&SecureBytes::copy_from(&[6; 32]).unwrap()).unwrap());
        assert!((header.text().len() as u64) < HEADER_MAX_BYTES);
    }
}

#[test]
fn the_salt_is_written_as_phc_strings_have_it() {
    assert!(
        header(None)
            .text()
            .contains("\nkdf $argon2id$v=19$m=65536,t=3,p=1$AAECAwQFBgcICQoLDA0ODw\n")
    );
}

#[test]
fn every_flipped_bit_and_every_cut_is_damage() {
    let text = header(Some([7; 32])).text().into_bytes();
    for bit in 0..text.len() * 8 {
        let mut bent = text.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(Header::parse(&bent), Err(VaultError::Damaged { .. })), "bit {bit}");
    }
    for length in 0..text.len() {
        assert!(matches!(Header::parse(&text[..length]), Err(VaultError::Damaged { .. })));
    }
    assert!(matches!(Header::parse(&[&text[..], b"\n"].concat()), Err(VaultError::Damaged { .. })));
}

#[test]
fn absurd_parameters_under_a_good_checksum_are_refused() {
    for costs in
        ["m=4294967295,t=3,p=1", "m=65536,t=4000000000,p=1", "m=8,t=1,p=1", "m=65536,t=3,p=255"]
    {
        let bent = body(&header(None)).replace("m=65536,t=3,p=1", costs);
        assert_eq!(Header::parse(resummed(&bent).as_bytes()), Err(VaultError::Absurd), "{costs}");
    }
}

#[test]
fn other_spellings_under_a_good_checksum_are_damage() {
    let whole = body(&header(None));
    for (from, to) in [
        ("m=65536", "m=065536"),
        ("m=65536", "m=+65536"),
        ("id ab", "id AB"),
        ("DA0ODw", "DA0ODx"),
        ("argon2id", "argon2i"),
        ("v=19", "v=16"),
        ("mac ", "more of it\nmac "),
        ("pds-vault 1", "pds-vault 0"),
        ("kdf ", ""),
    ] {
        let bent = resummed(&whole.replacen(from, to, 1));
        assert!(matches!(Header::parse(bent.as_bytes()), Err(VaultError::Damaged { .. })), "{to}");
    }
}

#[test]
fn a_later_format_is_told_by_its_number_even_if_all_else_is_other() {
    let later = resummed("pds-vault 7\nwhatever comes\n");
    assert_eq!(Header::parse(later.as_bytes()), Err(VaultError::Newer { version: 7 }));
}
