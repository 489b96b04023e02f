//! A kernel without some of its calls.

/// For `python3 -c`, with an error's number, the calls' numbers with commas between, and a
/// program with its arguments: for what is exec'd, and what that starts, those calls end
/// with that error.
pub(crate) const WITHOUT_CALLS: &str = r#"
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
errno, calls = int(sys.argv[1]), [int(call) for call in sys.argv[2].split(",")]
# load the number; is it one of them? then over the rest to the errno, else allow
code = [(0x20, 0, 0, 0)] + [(0x15, len(calls) - n, 0, call) for n, call in enumerate(calls)]
code += [(0x06, 0, 0, 0x7fff0000), (0x06, 0, 0, 0x00050000 | errno)]
filter = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
program = struct.pack("HxxxxxxQ", len(code), ctypes.addressof(filter))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.create_string_buffer(program), 0, 0) == 0
os.execv(sys.argv[3], sys.argv[3:])
"#;
/// ENOSYS, as a kernel has it that never had the call.
pub(crate) const NO_SUCH_CALL: &str = "38";
/// memfd_secret's number, on every machine.
pub(crate) const MEMFD_SECRET: &str = "447";
