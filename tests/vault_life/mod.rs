//! A vault loses nothing that was acknowledged, and never lies about what it lost: through
//! kills, full and read-only disks, damage, another password, backups and large imports.
//!
//! `PDS_TEST_ROUNDS=1000` kills that often instead of 100 times; `PDS_TEST_ROUNDS=all` also
//! kills at every system call instead of at a sample of them.

mod damage;
mod disk;
mod kill;
mod life;
mod support;
mod vector;
