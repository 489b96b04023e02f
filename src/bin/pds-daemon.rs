//! The daemon's program: `pds daemon`, and every command that needs one, starts it
//! from the folder that `pds` itself is in.
//!
//! It is a file of its own because SQLCipher and OpenSSL in the launcher's would
//! cost each `pds run` half of its time, in relocations and page faults, and
//! because what is not in the launcher can't go wrong there.
#![no_main]
#![allow(unsafe_code, reason = "the exported entry symbol, which the macro writes")]

pds::entry!(pds::daemon_main);
