//! Each gate once open and once shut, their order, and the table of access.

use super::*;
use crate::{
    config::{Config, ProfileKey},
    daemon::answer::{Claimed, Requester, event},
};

#[derive(Debug)]
struct Profiles;

impl ActivityOf for Profiles {
    fn activity(&self, profile: &str) -> Activity {
        match profile {
            "work" => Activity::Active,
            "asleep" => Activity::Inactive,
            _ => Activity::Unknown,
        }
    }
}

fn wish<'r>(operation: Operation, profile: &'r str, key: Option<&'r str>) -> Wish<'r> {
    Wish { operation, profiles: vec![profile], key }
}

fn access(rules: &str) -> Access {
    Config::from_bytes(rules.as_bytes(), "c".as_ref()).unwrap().acl
}

struct Case {
    any_unlocked: bool,
    peer: Peer,
    access: Access,
    limits: RateLimits,
    buckets: Buckets,
}

impl Case {
    fn launcher() -> Self {
        Self {
            any_unlocked: true,
            peer: Peer::Registered("launcher".into()),
            access: Access::new(),
            limits: RateLimits::default(),
            buckets: Buckets::default(),
        }
    }

    fn decide(&mut self, wishes: &[Wish<'_>]) -> Result<String, Vec<Reason>> {
        self.judge(wishes)
            .map_err(|problems| problems.iter().map(|problem| problem.reason).collect())
    }

    fn judge(&mut self, wishes: &[Wish<'_>]) -> Result<String, Vec<Problem>> {
        let facts = Facts {
            any_unlocked: self.any_unlocked,
            activity: &Profiles,
            peer: self.peer.clone(),
            rules: Rules { access: &self.access, enrolled: None },
            limits: &self.limits,
            now: Duration::from_secs(1),
        };
        admit(wishes, &facts, &mut self.buckets).map(|grant| grant.requester().to_owned())
    }
}

#[test]
fn with_every_gate_open_the_grant_names_the_registered_requester() {
    let wishes = [wish(Operation::Get, "work", Some("db/password"))];
    assert_eq!(Case::launcher().decide(&wishes), Ok("launcher".into()));
}

#[test]
fn gate_1_refuses_while_nothing_is_unlocked() {
    let mut case = Case { any_unlocked: false, ..Case::launcher() };
    let wishes = [wish(Operation::Get, "work", Some("k"))];
    assert_eq!(case.decide(&wishes), Err(vec![Reason::Locked]));
}

#[test]
fn gate_2_tells_a_locked_profile_from_an_unknown_one() {
    let wishes = [
        wish(Operation::Get, "work", Some("k")),
        wish(Operation::Get, "asleep", Some("k")),
        wish(Operation::Get, "nowhere", Some("k")),
    ];
    let refused = Err(vec![Reason::ProfileInactive, Reason::ProfileUnknown]);
    assert_eq!(Case::launcher().decide(&wishes), refused);
}

#[test]
fn gate_2_refuses_an_entry_of_which_one_profile_is_locked_or_none_is_named() {
    let both = Wish { operation: Operation::Get, profiles: vec!["work", "asleep"], key: Some("k") };
    assert_eq!(Case::launcher().decide(&[both]), Err(vec![Reason::ProfileInactive]));
    let none = Wish { operation: Operation::Get, profiles: vec![], key: Some("k") };
    assert_eq!(Case::launcher().decide(&[none]), Err(vec![Reason::ProfileUnknown]));
}

#[test]
fn gate_3_refuses_a_stranger_and_whoever_was_revoked() {
    let wishes = [wish(Operation::Get, "work", Some("k"))];
    let mut stranger = Case { peer: Peer::Unknown, ..Case::launcher() };
    assert_eq!(stranger.decide(&wishes), Err(vec![Reason::IdentityUnknown]));
    let mut revoked = Case { peer: Peer::Revoked, ..Case::launcher() };
    assert_eq!(revoked.decide(&wishes), Err(vec![Reason::IdentityRevoked]));
}

#[test]
fn gate_4_refuses_an_empty_bucket_and_says_when_to_try_again() {
    let limits =
        Config::from_bytes("[rate.launcher]\nburst = 1\nper_second = 1".as_bytes(), "c".as_ref())
            .unwrap()
            .rate;
    let mut case = Case { limits: RateLimits::new(limits), ..Case::launcher() };
    let wishes = [wish(Operation::Get, "work", Some("k"))];
    assert!(case.decide(&wishes).is_ok());
    assert_eq!(case.decide(&wishes), Err(vec![Reason::RateLimited]));
}

#[test]
fn gate_5_refuses_what_no_rule_grants() {
    let rules = access("[acl.work.ci]\nget = [\"db/*\"]");
    let peer = Peer::Registered("ci".into());
    let mut case = Case { access: rules, peer, ..Case::launcher() };
    assert!(case.decide(&[wish(Operation::Get, "work", Some("db/a"))]).is_ok());
    let beyond = [wish(Operation::Get, "work", Some("web/a"))];
    assert_eq!(case.decide(&beyond), Err(vec![Reason::AccessDenied]));
    let other_operation = [wish(Operation::Set, "work", Some("db/a"))];
    assert_eq!(case.decide(&other_operation), Err(vec![Reason::AccessDenied]));
}

#[test]
fn gate_5_5_refuses_a_name_that_no_key_has() {
    let wishes = [wish(Operation::Get, "work", Some("../etc"))];
    assert_eq!(Case::launcher().decide(&wishes), Err(vec![Reason::InvalidKey]));
}

#[test]
fn a_batch_reports_every_entry_that_a_gate_refuses() {
    let wishes = [
        wish(Operation::Get, "work", Some("good")),
        wish(Operation::Get, "work", Some("bad key")),
        wish(Operation::Get, "work", Some("")),
    ];
    let refused = Err(vec![Reason::InvalidKey, Reason::InvalidKey]);
    assert_eq!(Case::launcher().decide(&wishes), refused);
}

#[test]
fn a_batch_spends_one_token_however_many_keys_it_has() {
    let limits =
        Config::from_bytes("[rate.launcher]\nburst = 2\nper_second = 1".as_bytes(), "c".as_ref())
            .unwrap()
            .rate;
    let mut case = Case { limits: RateLimits::new(limits), ..Case::launcher() };
    let keys: Vec<String> = (0..1000).map(|n| format!("key/{n}")).collect();
    let wishes: Vec<_> = keys.iter().map(|key| wish(Operation::Get, "work", Some(key))).collect();
    assert!(case.decide(&wishes).is_ok());
    assert!(case.decide(&wishes).is_ok());
    assert_eq!(case.decide(&wishes), Err(vec![Reason::RateLimited]));
}

#[test]
fn an_earlier_gate_hides_what_a_later_one_would_say() {
    // Everything is wrong with this request; the gates show in their order.
    let bad = [wish(Operation::Get, "asleep", Some(".."))];
    let none = Config::from_bytes("[rate.ci]\nburst = 0\nper_second = 0".as_bytes(), "c".as_ref())
        .unwrap()
        .rate;
    let mut case = Case {
        any_unlocked: false,
        peer: Peer::Unknown,
        limits: RateLimits::new(none),
        ..Case::launcher()
    };
    assert_eq!(case.decide(&bad), Err(vec![Reason::Locked]));
    case.any_unlocked = true;
    assert_eq!(case.decide(&bad), Err(vec![Reason::ProfileInactive]));
    let bad = [wish(Operation::Get, "work", Some(".."))];
    assert_eq!(case.decide(&bad), Err(vec![Reason::IdentityUnknown]));
    case.peer = Peer::Registered("ci".into());
    assert_eq!(case.decide(&bad), Err(vec![Reason::RateLimited]));
    case.limits = RateLimits::default();
    case.buckets = Buckets::default();
    assert_eq!(case.decide(&bad), Err(vec![Reason::AccessDenied]));
    case.peer = Peer::Registered("launcher".into());
    assert_eq!(case.decide(&bad), Err(vec![Reason::InvalidKey]));
}

#[test]
fn locking_and_asking_for_the_state_pass_while_everything_is_locked() {
    let mut case = Case { any_unlocked: false, ..Case::launcher() };
    let everything = Wish { operation: Operation::Lock, profiles: vec![], key: None };
    assert!(case.decide(std::slice::from_ref(&everything)).is_ok());
    let status = Wish { operation: Operation::Status, profiles: vec![], key: None };
    assert!(case.decide(&[status]).is_ok());
    assert!(case.decide(&[wish(Operation::Unlock, "asleep", None)]).is_ok());
    case.peer = Peer::Registered("ci".into());
    assert_eq!(case.decide(&[everything]), Err(vec![Reason::AccessDenied]));
}

#[test]
fn the_launcher_may_do_everything_until_a_rule_names_it() {
    let mut case = Case::launcher();
    let set = [wish(Operation::Set, "work", Some("k"))];
    assert!(case.decide(&set).is_ok());
    case.access = access("[acl.work.ci]\nget = [\"**\"]");
    assert!(case.decide(&set).is_ok(), "a rule for another changes nothing");
    case.access = access("[acl.work.launcher]\nget = [\"**\"]\nset = []");
    assert_eq!(case.decide(&set), Err(vec![Reason::AccessDenied]));
    assert!(case.decide(&[wish(Operation::Get, "work", Some("k"))]).is_ok());
}

/// The table of access, with what each line of it says; comments left out.
fn table() -> Vec<Vec<&'static str>> {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/access.txt"));
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_whitespace().collect()).collect()
}

/// One line of it, computed.
fn computed(profile: &str, requester: &str, rule: &str, key: &str, op: Operation) -> String {
    let name = match profile {
        "known" => "work",
        "inactive" => "asleep",
        _ => "nowhere",
    };
    let (peer, called) = match requester {
        "launcher" => (Peer::Registered("launcher".into()), "launcher"),
        "client" => (Peer::Registered("ci".into()), "ci"),
        "revoked" => (Peer::Revoked, "old"),
        _ => (Peer::Unknown, "-"),
    };
    let globs = if rule == "list" { "[\"db/*\"]" } else { "[]" };
    let lists: String = OPERATIONS.map(|op| format!("{} = {globs}\n", op.word())).concat();
    let rules = match rule {
        "absent" => Access::new(),
        _ => access(&format!("[acl.{name}.{}]\n{lists}", if called == "-" { "x" } else { called })),
    };
    let keyed = matches!(op, Operation::Get | Operation::Set | Operation::Delete);
    let key_name = if key == "in" { "db/a" } else { "web/a" };
    let wishes = [wish(op, name, keyed.then_some(key_name))];
    let mut case = Case { peer, access: rules, ..Case::launcher() };
    let facts_denial = case.judge(&wishes).err().unwrap_or_default();
    let outcome = if facts_denial.is_empty() { "granted" } else { "denied" };
    let who = Requester { name: called, pid: 1 };
    let event = event(who, op.word(), &wishes, Claimed::default(), outcome, &facts_denial);
    let reason = event.reasons.first().copied().unwrap_or("-");
    let keys = if event.keys.is_empty() { "-".to_owned() } else { event.keys.join(",") };
    let (who, what, profiles) = (event.requester, event.operation, event.profiles.join(","));
    let mut record = format!("{who} {what} {profiles} {keys} {}", event.outcome);
    if !event.reasons.is_empty() {
        record = format!("{record}: {}", event.reasons.join(","));
    }
    format!("{profile} {requester} {rule} {key} {} {outcome} {reason} {record}", op.word())
}

#[test]
fn every_decision_is_the_one_in_the_table_with_its_reason_and_its_line_on_record() {
    let mut expected = table().into_iter().map(|words| words.join(" "));
    for profile in ["known", "unknown", "inactive"] {
        for requester in ["launcher", "client", "unknown", "revoked"] {
            for rule in ["absent", "empty", "list"] {
                for key in ["in", "out"] {
                    for operation in OPERATIONS {
                        let line = computed(profile, requester, rule, key, operation);
                        assert_eq!(Some(line), expected.next());
                    }
                }
            }
        }
    }
    assert_eq!(expected.next(), None, "the table has more than the product");
}

#[test]
fn an_enrolments_grants_decide_as_a_rule_of_the_config_does() {
    let config = access("[acl.work.ci]\nget = [\"db/*\"]");
    let enrolled = &config["work"]["ci"];
    let enrolled = Enrolled::from([("work".parse().map(ProfileKey).unwrap(), enrolled.clone())]);
    let none = Access::new();
    for (access, enrolled) in [(&config, None), (&none, Some(&enrolled))] {
        let rules = Rules { access, enrolled };
        let may = |profile, operation, key| permits(rules, "ci", profile, operation, Some(key));
        assert!(may("work", Operation::Get, "db/a"));
        assert!(!may("work", Operation::Get, "web/a"));
        assert!(!may("work", Operation::Set, "db/a"));
        assert!(!may("asleep", Operation::Get, "db/a"));
        let other = Rules { access, enrolled: None };
        assert!(!permits(other, "agent", "work", Operation::Get, Some("db/a")));
    }
}
