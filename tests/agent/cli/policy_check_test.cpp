// `culvert policy check`: each wrong line with its number and cause, and the lines that give no
// access.
#include <catch2/catch.hpp>

#include "agent/cli/day_two/policy_check.hpp"
#include "agent/cli/people/draft.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/statements/root.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::cli;

namespace {

const WallTime kNow = *parse_time("2026-11-22T09:00:00Z");
const std::string kHash = "sha256:" + std::string(64, 'a');
const std::string kKey = "ed25519:" + std::string(64, 'b');

// The tests below use these line numbers.
const std::vector<std::string> kLines = {
    "culvert/policy/v1",                                                                 // 1
    "site: acme.example",                                                                // 2
    "site-id: " + kHash,                                                                 // 3
    "serial: 1",                                                                         // 4
    "previous: none",                                                                    // 5
    "issued: 2026-11-22T08:00:00Z",                                                      // 6
    "expires: 2027-02-20T08:00:00Z",                                                     // 7
    "lease: 30s by=vendor",                                                              // 8
    "service: api.acme.example tls 443 api",                                             // 9
    "service: db.acme.example tcp 5432 db",                                              // 10
    "allow: api.acme.example group=oncall max=3600s vendor=1 customer=1 scope=connect",  // 11
    "allow: db.acme.example group=oncall max=3600s vendor=1 customer=1 scope=connect"};  // 12

std::string text_of(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += line + "\n";
  return out;
}
std::string with(std::size_t line, const std::string& text) {
  auto lines = kLines;
  lines[line - 1] = text;
  return text_of(lines);
}
std::string inserted(std::size_t before, const std::string& text) {
  auto lines = kLines;
  lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(before) - 1, text);
  return text_of(lines);
}
std::string all_of(const std::vector<Finding>& findings) {
  std::string out;
  for (const auto& finding : findings) out += format(finding) + "\n";
  return out;
}

trust::Person person(const std::string& text) { return trust::Person::parse(text).value(); }

trust::Root root(trust::RootKind kind, const std::vector<std::string>& approvers) {
  SeededRng rng(7);
  trust::Root out;
  out.kind = kind;
  out.name = trust::Fqdn::parse("acme.example").value();
  out.expires = kNow + std::chrono::hours{24};
  for (const auto& one : approvers) {
    out.keys.push_back(
        {trust::Group::kApprovers, person(one), crypto::SigningKey::generate(rng).public_key()});
  }
  return out;
}

struct Surroundings {
  trust::Root site = root(trust::RootKind::kSite, {"bob@acme.example", "erin@acme.example"});
  trust::Root vendor =
      root(trust::RootKind::kVendor, {"carol@vendor.example", "dave@vendor.example"});
  PolicyContext context;
  Surroundings() {
    context.site = &site;
    context.ref = {site.name, trust::to_site_id(trust::parse_hash(kHash).value())};
    context.vendor = &vendor;
    context.now = kNow;
  }
};

}  // namespace

TEST_CASE("policy check: a good policy has neither errors nor warnings") {
  const Surroundings around;
  const auto found = check_policy(text_of(kLines), around.context);
  CHECK(all_of(found.errors).empty());
  CHECK(all_of(found.warnings).empty());
}

TEST_CASE("policy check: --sort puts a line among those of its field") {
  const Surroundings around;
  auto lines = kLines;
  lines.push_back("fresh: 24h");
  lines.push_back("private: 10.0.0.0/8");
  const auto text = text_of(lines);
  const auto said = all_of(check_policy(text, around.context).errors);
  CHECK(said.find("line 13: fresh: must stand before the lines of private, after those of lease; "
                  "culvert policy check --sort puts it there") != std::string::npos);
  const auto sorted = sort_policy_lines(text);
  CHECK(all_of(check_policy(sorted, around.context).errors).empty());
  CHECK(sorted.find("lease: 30s by=vendor\nfresh: 24h\nprivate: 10.0.0.0/8\nservice: ") !=
        std::string::npos);
  const auto unknown = text + "nonsense: 1\n";
  CHECK(sort_policy_lines(unknown) == unknown);
}

TEST_CASE("policy check: what has expired is said with the next command") {
  Surroundings around;
  around.context.now = kNow + std::chrono::hours{100 * 24};
  around.context.current_text = text_of(kLines);  // the policy in force, not a draft
  const auto found = check_policy(text_of(kLines), around.context);
  CHECK(all_of(found.errors).empty());
  const auto said = all_of(found.warnings);
  CHECK(said.find("line 7: expires: this policy has expired; next: culvert policy renew --key") !=
        std::string::npos);
  CHECK(said.find("the root of the site has expired") != std::string::npos);
  CHECK(said.find("culvert site root renew --key FILE --publish") != std::string::npos);
  CHECK(said.find("the root of the vendor has expired") != std::string::npos);
}

TEST_CASE("policy check: each error names its line and its cause") {
  struct Case {
    const char* what;
    std::string text;
    const char* said;
  };
  const std::vector<Case> cases = {
      {"another type", with(1, "culvert/policy/v2"), "line 1: the first line must be"},
      {"nothing", "", "line 1: the first line must be"},
      {"an empty line", inserted(9, ""), "line 9: is empty"},
      {"a comment", inserted(9, "# databases"), "line 9: a policy holds no comments"},
      {"CR LF", with(9, kLines[8] + "\r"), "line 9: ends in CR LF"},
      {"no colon", with(9, "service api"), "line 9: expected FIELD: VALUE"},
      {"an unknown field", inserted(11, "alow: x"), "line 11: there is no field 'alow'"},
      {"a letter that is no ASCII", with(9, "service: \xc3\xa4pi.acme.example tls 443 api"),
       "line 9: service: holds a character"},
      {"bytes that are no UTF-8", with(9, "service: \xff tls 443 api"),
       "line 9: service: holds a character"},
      {"a missing field", with(8, kLines[8]), "the line lease:"},
      {"serial of letters", with(4, "serial: one"), "line 4: serial: 'one' is not a number from 1"},
      {"a lease too long", with(8, "lease: 31s by=vendor"),
       "line 8: lease: '31s' is not 1s to 30s"},
      {"a lease by nobody", with(8, "lease: 30s by=us"),
       "line 8: lease: by='us' is not vendor, customer or both"},
      {"too few words", with(9, "service: api.acme.example tls 443"),
       "line 9: service: too few words"},
      {"no port", with(9, "service: api.acme.example tls 0 api"),
       "line 9: service: '0' is not one port"},
      {"a tag in capitals", with(9, "service: api.acme.example tls 443 API"),
       "line 9: service: 'API' is not a tag"},
      {"words in another order",
       with(11, "allow: api.acme.example max=3600s group=oncall vendor=1 customer=1 scope=connect"),
       "line 11: allow: 'max=3600s' stands where group=… is expected"},
      {"a day and a second",
       with(11,
            "allow: api.acme.example group=oncall max=86401s vendor=1 customer=1 scope=connect"),
       "line 11: allow: max='86401s' is not 1s to 86400s"},
      {"hours",
       with(11, "allow: api.acme.example group=oncall max=1h vendor=1 customer=1 scope=connect"),
       "line 11: allow: max='1h' is not 1s"},
      {"nobody approves",
       with(11, "allow: api.acme.example group=oncall max=60s vendor=0 customer=0 scope=connect"),
       "line 11: allow:"},
      {"a scope with two spaces",
       with(11, "allow: api.acme.example group=oncall max=60s vendor=1 customer=1 scope=get  ns=a"),
       "line 11: allow: scope='get  ns=a' is not a scope"},
      {"an unlisted service",
       with(11, "allow: apj.acme.example group=oncall max=60s vendor=1 customer=1 scope=connect"),
       "line 11: allow: no service line lists 'apj.acme.example'"},
      {"another site's service", with(9, "service: api.other.example tls 443 api"),
       "line 9: service: 'api.other.example' is not LABEL.acme.example"},
      {"a service twice", inserted(10, "service: api.acme.example tls 444 api"),
       "line 10: service: 'api.acme.example' has line 9 already"},
      {"lines that are not sorted", inserted(9, kLines[9]), "has line 9 already"},
      {"the same line twice", inserted(11, kLines[10]), "line 12: allow: the same as line 11"},
      {"not sorted",
       inserted(12,
                "allow: api.acme.example group=dba max=60s vendor=1 customer=1 "
                "scope=connect"),
       "line 12: allow: must stand before line 11"},
      {"fields in another order", inserted(8, kLines[8]),
       "line 9: lease: must stand before the lines of service, after those of expires"},
      {"a field twice", inserted(9, kLines[7]), "line 9: lease: stands more than 1 time"},
      {"standing with *",
       inserted(13, "standing: db.acme.example " + kKey +
                        " until=2027-01-01T00:00:00Z lease=waived scope=get ns=*"),
       "line 13: standing: scope='get ns=*' is not a scope without *"},
      {"pre-approved for five hours",
       inserted(13,
                "pre-approved: db.acme.example group=oncall max=18000s "
                "until=2027-01-01T00:00:00Z scope=connect"),
       "line 13: pre-approved: max='18000s' is not 1s to 14400s"},
      {"longer than 400 days", with(7, "expires: 2028-02-20T08:00:00Z"), "expires"},
      {"of another site", with(3, "site-id: sha256:" + std::string(64, 'c')),
       "line 2: site: this policy is of another site"},
      {"over already", with(7, "expires: 2026-11-22T08:30:00Z"),
       "line 7: expires: is over already"},
      {"issued tomorrow", with(6, "issued: 2026-11-23T08:00:00Z"),
       "line 6: issued: lies in the future"},
      {"leases by the customer, without a lease key", with(8, "lease: 30s by=customer"),
       "line 8: lease: the site's root lists no lease key"},
      {"leases by both, without a lease key", with(8, "lease: 30s by=both"),
       "line 8: lease: the site's root lists no lease key"}};
  const Surroundings around;
  for (const auto& one : cases) {
    INFO(one.what);
    const auto found = check_policy(one.text, around.context);
    REQUIRE_FALSE(found.errors.empty());
    INFO(all_of(found.errors));
    CHECK(all_of(found.errors).find(one.said) != std::string::npos);
  }
}

TEST_CASE("policy check: whatever Policy::parse refuses has an error, whatever it takes has none") {
  // Changes each byte of every line of a good policy in turn.
  const auto good = text_of(kLines);
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const char to : {'0', 'z', ' ', '\n', '=', '\x01'}) {
      auto text = good;
      text[at] = to;
      INFO(at << " " << int{to});
      CHECK(line_errors(text).empty() == trust::Policy::parse(text).has_value());
    }
  }
}

TEST_CASE("policy check: the serial and the hash of the policy in force") {
  Surroundings around;
  const auto current_text = text_of(kLines);
  const auto current = trust::Policy::parse(current_text).value();
  around.context.current = &current;
  around.context.current_text = current_text;
  // The current text has no error.
  CHECK(check_policy(current_text, around.context).errors.empty());
  auto next = current;
  next.serial = 2;
  next.previous = note::hash(current_text);
  CHECK(check_policy(next.render(), around.context).errors.empty());
  next.previous = trust::parse_hash(kHash);
  CHECK(all_of(check_policy(next.render(), around.context).errors)
            .find("line 5: previous: must be") == 0);
  next.serial = 3;
  CHECK(all_of(check_policy(next.render(), around.context).errors)
            .find("line 4: serial: must be 2") == 0);
}

TEST_CASE("policy check: scopes that lead to the agent or past every rule are refused") {
  const Surroundings around;
  for (const std::string scope : {"kubernetes ns=culvert", "kubernetes resources=nodes/proxy",
                                  "kubernetes verbs=get,impersonate",
                                  "kubernetes ns=default resources=pods,serviceaccounts/token",
                                  "kubernetes resources=roles"}) {
    auto lines = kLines;
    lines.insert(lines.begin() + 10, "service: k8s.acme.example kubernetes 6443 k8s");
    lines.push_back("allow: k8s.acme.example group=oncall max=60s vendor=1 customer=1 scope=" +
                    scope);
    INFO(scope);
    const auto found = check_policy(text_of(lines), around.context);
    CHECK(all_of(found.errors).find("line 14: allow: the scope names") == 0);
  }
}

TEST_CASE("policy check: what opens nothing is a warning") {
  struct Case {
    const char* what;
    std::string text;
    const char* said;
  };
  const auto more = [](const std::string& line) { return inserted(13, line); };
  const std::vector<Case> cases = {
      {"a protocol of later", with(9, "service: api.acme.example ssh 22 api"),
       "line 9: service: the protocol ssh is not carried yet"},
      {"a service that nobody may ask for", inserted(11, "service: x.acme.example tls 443 api"),
       "line 11: service: no allow, pre-approved or standing line names it"},
      {"a scope that tls does not have",
       with(11, "allow: api.acme.example group=oncall max=60s vendor=1 customer=1 scope=get ns=a"),
       "line 11: allow: never matches: a tls service has the scope connect alone"},
      {"a group of nobody",
       with(11, "allow: api.acme.example group=dba max=60s vendor=1 customer=1 scope=connect"),
       "line 11: allow: never matches: nobody is in the group dba"},
      {"three approvers of two",
       with(11, "allow: api.acme.example group=oncall max=60s vendor=1 customer=3 scope=connect"),
       "line 11: allow: never matches: it needs 3 approvers of the customer, whose root lists 2"},
      {"three vendor approvers of two",
       with(11, "allow: api.acme.example group=oncall max=60s vendor=3 customer=1 scope=connect"),
       "3 approvers of the vendor, whose root lists 2"},
      {"a rule under another",
       inserted(11,
                "allow: api.acme.example group=oncall max=60s vendor=1 customer=1 scope=connect"),
       "line 11: allow: has no effect"},
      {"standing access that is over",
       more("standing: db.acme.example " + kKey +
            " until=2026-11-21T00:00:00Z lease=waived scope=connect"),
       "line 13: standing: is over"},
      {"a pre-approval that the root does not want",
       more("pre-approved: db.acme.example group=oncall max=60s until=2027-01-01T00:00:00Z "
            "scope=connect"),
       "line 13: pre-approved: opens nothing: the site's root says pre-approvals: no"},
      {"an export", more("export: x db.acme.example rate=1 cap=1"),
       "line 13: export: exports are not"},
      {"an end in ten days", with(7, "expires: 2026-12-02T09:00:00Z"),
       "line 7: expires: in less than 30 days"}};
  Surroundings around;
  around.context.groups.insert(trust::Label::parse("oncall").value());
  for (const auto& one : cases) {
    INFO(one.what);
    const auto found = check_policy(one.text, around.context);
    INFO(all_of(found.errors) + all_of(found.warnings));
    CHECK(found.errors.empty());
    CHECK(all_of(found.warnings).find(one.said) != std::string::npos);
  }
}

TEST_CASE("policy check: one approver a side is a warning for that side") {
  Surroundings around;
  around.site.keys.pop_back();
  CHECK(all_of(check_policy(text_of(kLines), around.context).warnings)
            .find("one person alone approves for the customer") == 0);
  around.vendor.keys.pop_back();
  CHECK(all_of(check_policy(text_of(kLines), around.context).warnings)
            .find("one person alone approves for the vendor") != std::string::npos);
}

TEST_CASE("policy check: 120 services of one tag are well, 121 are too many for one agent") {
  const Surroundings around;
  for (const std::size_t count : {std::size_t{120}, std::size_t{121}}) {
    auto policy = trust::Policy::parse(text_of(kLines)).value();
    policy.services.clear();
    policy.allows.clear();
    for (std::size_t i = 0; i < count; ++i) {
      const auto name = trust::Fqdn::parse("s" + std::to_string(i) + ".acme.example").value();
      policy.services.push_back(trust::PolicyService::of(name, trust::Protocol::kTls, 443,
                                                         trust::Label::parse("all").value()));
      policy.allows.push_back(
          {name, trust::Label::parse("oncall").value(), std::chrono::seconds{60}, 1, 1, "connect"});
    }
    policy.sort();
    const auto found = check_policy(policy.render(), around.context);
    CHECK(found.errors.empty());
    CHECK(found.warnings.size() == (count > 120 ? 1 : 0));
  }
}

TEST_CASE("policy check --sort: lines of each field, and nothing else") {
  auto lines = kLines;
  std::swap(lines[8], lines[9]);
  std::swap(lines[10], lines[11]);
  CHECK_FALSE(line_errors(text_of(lines)).empty());
  CHECK(sort_policy_lines(text_of(lines)) == text_of(kLines));
}

TEST_CASE("policy diff: lines that went and came, each with its number") {
  CHECK(text_changes("a\nb\nc\n", "a\nb\nc\n").empty());
  CHECK(text_changes("a\nb\nc\n", "a\nx\nc\nd\n") ==
        std::vector<TextChange>{{'-', 2, "b"}, {'+', 2, "x"}, {'+', 4, "d"}});
  CHECK(text_changes("", "a\n") == std::vector<TextChange>{{'+', 1, "a"}});
  CHECK(text_changes("a\n", "") == std::vector<TextChange>{{'-', 1, "a"}});
}
