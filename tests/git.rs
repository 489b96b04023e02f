//! A real git gets its password from a vault, through a real HTTP server that wants one.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use crate::support::{Sandbox, program};

/// Serves the folder of bare repositories to whoever knows the password; prints its port.
const SERVER: &str = r#"
import base64, http.server, os, subprocess, sys
root, user, password = sys.argv[1:4]
expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.headers.get("Authorization") != expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
            self.end_headers()
            return
        path = os.path.join(root, self.path.split("?")[0].lstrip("/"))
        if not os.path.isfile(path):
            self.send_error(404)
            return
        self.send_response(200)
        self.end_headers()
        with open(path, "rb") as file:
            self.wfile.write(file.read())
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"#;
const PASSWORD: &str = "tok-CANARY-4711";

struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A sandbox with a vault, a folder with the helper by git's name for it, and a server.
struct Place {
    sandbox: Sandbox,
    server: Server,
}

impl Place {
    fn new() -> Option<Self> {
        if Command::new("git").arg("--version").output().is_err() {
            eprintln!("skipped: there is no git");
            return None;
        }
        let sandbox = Sandbox::new().vault("default");
        let bin = sandbox.path("bin");
        fs::create_dir(&bin).unwrap();
        symlink(program(), bin.join("git-credential-pds")).unwrap();
        let served = sandbox.path("served");
        let work = sandbox.path("work");
        let git = |folder: &PathBuf, words: &[&str]| {
            let mut git = sandbox.command("git");
            git.args(["-c", "user.name=n", "-c", "user.email=e", "-c", "init.defaultBranch=main"]);
            let done = git.args(words).current_dir(folder).output().unwrap();
            assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
        };
        fs::create_dir(&work).unwrap();
        git(&work, &["init", "-q"]);
        git(&work, &["commit", "-q", "--allow-empty", "-m", "one"]);
        git(&work, &["clone", "-q", "--bare", ".", served.join("repo.git").to_str().unwrap()]);
        git(&served.join("repo.git"), &["update-server-info"]);
        let mut child = Command::new("python3")
            .args(["-c", SERVER, served.to_str().unwrap(), "alice", PASSWORD])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let server = Server { port: line.trim().parse().unwrap(), child };
        Some(Self { sandbox, server })
    }

    /// The key of the server's credential.
    fn key(&self) -> String {
        format!("git/http/127.0.0.1/{}", self.server.port)
    }

    /// `git ls-remote` with the helper, and whether it was let in.
    fn git_is_let_in(&self) -> bool {
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.sandbox.path("bin").display());
        let url = format!("http://127.0.0.1:{}/repo.git", self.server.port);
        let mut git = self.sandbox.command("git");
        git.env("PATH", path).env("GIT_TERMINAL_PROMPT", "0").env("PDS_NO_PROMPT", "1");
        git.args(["-c", "credential.helper=pds", "ls-remote", &url]);
        let done = git.output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(!said.contains(PASSWORD), "{said}");
        done.status.success()
    }

    /// Calls the helper as git would.
    fn helper(&self, action: &str, lines: &str) -> (String, Option<i32>) {
        let mut helper = self.sandbox.command(self.sandbox.path("bin/git-credential-pds"));
        helper.arg(action).env("PDS_NO_PROMPT", "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = helper.stderr(Stdio::null()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), lines.as_bytes()).unwrap();
        let done = child.wait_with_output().unwrap();
        (String::from_utf8(done.stdout).unwrap(), done.status.code())
    }

    fn server_lines(&self) -> String {
        format!("protocol=http\nhost=127.0.0.1:{}\n", self.server.port)
    }

    fn set(&self, value: &str) {
        let file = self.sandbox.path("value");
        fs::write(&file, value).unwrap();
        self.sandbox.pds(["set", &self.key(), "--from-file", file.to_str().unwrap()]).ok();
    }
}

#[test]
fn git_is_let_in_with_what_was_set_and_with_nothing_else() {
    let Some(place) = Place::new() else { return };
    assert!(!place.git_is_let_in(), "without a password");
    place.set(&format!("username=alice\npassword={PASSWORD}\n"));
    assert!(place.git_is_let_in());
    let versions = || place.sandbox.pds(["history", &place.key(), "--json"]).ok();
    let before = versions();
    assert!(place.git_is_let_in());
    assert_eq!(versions(), before, "what git stores again is no new version");
    place.sandbox.pds(["lock"]).ok();
    assert!(!place.git_is_let_in(), "while locked");
}

#[test]
fn git_stores_what_it_was_given_and_erases_what_was_refused() {
    let Some(place) = Place::new() else { return };
    let wrong = format!("{}username=alice\npassword=wrong\n", place.server_lines());
    assert_eq!(place.helper("store", &wrong), (String::new(), Some(0)));
    assert!(!place.git_is_let_in(), "a wrong password");
    let gone = place.helper("get", &place.server_lines());
    assert_eq!(gone, (String::new(), Some(0)), "the refused one is erased");
    let right = format!("{}username=alice\npassword={PASSWORD}\n", place.server_lines());
    place.helper("store", &right);
    assert!(place.git_is_let_in());
    let other = format!("{}username=alice\npassword=other\n", place.server_lines());
    place.helper("erase", &other);
    assert!(place.git_is_let_in(), "what was refused was another one");
}

#[test]
fn a_password_is_bound_to_its_protocol_host_port_and_user() {
    let Some(place) = Place::new() else { return };
    place.set(&format!("username=alice\npassword={PASSWORD}\n"));
    let port = place.server.port;
    for lines in [
        format!("protocol=https\nhost=127.0.0.1:{port}\n"),
        format!("protocol=http\nhost=127.0.0.1:{}\n", port ^ 1),
        format!("protocol=http\nhost=localhost:{port}\n"),
        "protocol=http\nhost=127.0.0.1\n".to_owned(),
        format!("protocol=http\nhost=127.0.0.1:{port}\nusername=bob\n"),
        format!("protocol=http\nhost=evil\n\nhost=127.0.0.1:{port}\n"),
    ] {
        assert_eq!(place.helper("get", &lines), (String::new(), Some(0)), "{lines:?}");
    }
    let (_, status) = place.helper("get", &format!("protocol=http\rhost=127.0.0.1:{port}\n"));
    assert_eq!(status, Some(1), "a smuggled line");
    let (given, _) = place.helper("get", &place.server_lines());
    assert_eq!(given, format!("username=alice\npassword={PASSWORD}\n"));
    place.set(&format!("{PASSWORD}\n"));
    let (given, _) = place.helper("get", &place.server_lines());
    assert_eq!(given, format!("username=git\npassword={PASSWORD}\n"), "a bare token");
    place.set("two\nlines\n");
    let (given, _) = place.helper("get", &place.server_lines());
    assert_eq!(given, "", "what git's lines can't carry is not cut to what they can");
}
