//! Claims about the program: the real binary, real vaults, a real daemon, a real
//! terminal, each test in a sandbox of its own.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that can't go on should say where")]
#![allow(clippy::print_stderr, reason = "a test that is skipped should say so")]

/// Who may do what: each line of the table of access.
mod access;
/// What a manifest may ask for, and who says so.
mod approval;
/// What is on record, and what shows that it was altered.
mod audit;
/// Planted values, looked for in everything that is written.
mod canaries;
/// Others than the owner, with keys and rights of their own.
mod clients;
/// What pressing Tab gives in the shells themselves.
mod completions;
/// One daemon, however many start it, and when it ends.
mod daemon;
/// What the manual says is what the program does.
mod docs;
/// What `doctor` says of each state that is not as it should be.
mod doctor;
/// What the command finds in its environment.
mod environment;
/// What could act on a terminal does not reach one.
mod escapes;
/// What goes out, read back by those that it is for.
mod export;
/// Values that are sealed once more on their way.
mod field;
/// The files that there are, and those that the manual names.
mod files;
/// From nothing to a running command.
mod first_use;
/// What a fuzzer starts from, and what it found.
mod fuzz;
/// Each gate once open and once shut.
mod gates;
/// A real git and its credential helper.
mod git;
/// What other processes get from ours: nothing.
mod hardening;
/// What comes out of files.
mod import;
/// Requests under way when a lock comes.
mod in_flight;
/// A daemon that a command has started, when nothing needs it.
mod leaving;
/// How locked memory is spent, and what is said when it runs out.
mod limits;
/// Many at once, slow ones, and none left.
mod load;
/// What is left after locking: nothing.
mod lock;
/// What is told before anything happens: `check`, `explain`, the dry run.
mod look;
/// What a manifest can say.
mod manifest;
/// What stays in memory: nothing.
mod memory;
/// Every message in full, and the streams that messages and data go to.
mod messages;
/// Everything that is wrong with what was asked for, at once.
mod mistakes;
/// The pages in `examples/`, tried.
mod neighbours;
/// Peers that mean ill.
mod peers;
/// Questions at a terminal.
mod prompt;
/// What is spoken on the socket, by a client of other making.
mod protocol;
/// How often, and what one's flood costs another.
mod rates;
/// The command, and everything that it inherits.
mod run;
/// How long a command has its secrets, on record to its end.
mod runs;
/// What scripts can rely on: exit statuses, JSON, `check`.
mod said;
/// What the schema says is what the parser does.
mod schema;
/// A daemon that is there and says nothing.
mod silence;
/// Who imports whom, and how long a file gets.
mod structure;
/// Sandboxes, outcomes and terminals.
mod support;
/// A `.env` file, and what becomes of it.
mod takeover;
/// What systemd's units say, and what they start.
mod units;
/// What is in the vault, and what is said when it is not whole.
mod vault;
/// What a vault goes through in its life, and what it never loses.
mod vault_life;
/// What the daemon does with what it can't read.
mod wire;
/// Every text of every request, with what no text should have.
mod words;
