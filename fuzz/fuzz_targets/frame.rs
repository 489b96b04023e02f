#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pds::fuzz::frame(bytes));
