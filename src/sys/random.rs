//! The kernel's randomness.

use std::io;

/// Fills `bytes` with random ones (getrandom(2), which blocks until the kernel
/// has been seeded and never after).
///
/// Called directly because the crate of that name looks the function up at run
/// time, which a static binary can't, and then reads `/dev/urandom`.
///
/// # Errors
/// What the kernel says; no caller can go on without randomness.
pub fn fill(mut bytes: &mut [u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        // SAFETY: pointer and length are those of a live, writable slice.
        let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
        match usize::try_from(got) {
            Ok(got) => bytes = &mut bytes[got..],
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(error),
            },
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_fills_differ_and_reach_the_last_byte() {
        let (mut a, mut b) = ([0; 1000], [0; 1000]);
        super::fill(&mut a).unwrap();
        super::fill(&mut b).unwrap();
        assert_ne!(a, b);
        assert!(a[984..].iter().any(|&byte| byte != 0));
    }
}
