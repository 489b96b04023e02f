//! The `pds` program: see the library for what it does.
#![no_main]
#![allow(unsafe_code, reason = "the exported entry symbol, which the macro writes")]

pds::entry!(pds::main);
