// Documents in files, and leases by the customer, reach a site's agent while the coordinator
// withholds them. Also the agent's warnings about documents that expire soon.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/agent/core/world_support.hpp"

namespace culvert::agent::test {
namespace {

using std::chrono::hours;

DocumentFile file(const std::string& name, const std::vector<note::Note>& notes) {
  return {name, note::render_bundle(notes)};
}

struct Withheld : World {
  Withheld() { set_up(); }
  std::string approved(const std::string& service) {
    auto grant = request(service);
    approve(grant);
    return grant;
  }
  bool site_serves() { return !site.core->services(now).empty(); }
  bool serves_within(Duration limit) {
    return run_until([&] { return site_serves(); }, limit);
  }
  bool dark_within(Duration limit) {
    return run_until([&] { return !site_serves(); }, limit);
  }
  std::size_t logged(const std::string& event, const std::string& part = {}) const {
    return static_cast<std::size_t>(
        std::count_if(site.log.begin(), site.log.end(), [&](const LogLine& line) {
          return line.event == event && line.detail.find(part) != std::string::npos;
        }));
  }
  void leases_by(trust::LeaseBy by) {
    site.core->learn_documents(
        now, {file("policy.note", {next_policy([&](auto& p) { p.lease_by = by; })})});
  }
};

TEST_CASE("documents: a policy that the coordinator withholds takes effect by a file") {
  Withheld w;
  w.approved(kApi);
  REQUIRE(w.serves_within(5s));
  const auto next = w.next_policy([](trust::Policy& p) {
    std::erase_if(p.allows, [](const auto& line) { return line.service.str() == kApi; });
  });
  w.site.core->learn_documents(w.now, {file("policy.note", {next})});
  CHECK(w.site.core->status(w.now).policy_serial == 2);
  CHECK(w.dark_within(1s));
  CHECK_FALSE(w.flow_opens(kApi, 40000));
  const auto shown = w.site.core->status(w.now).documents;
  REQUIRE(shown);
  CHECK(shown->files == 1);
  CHECK(shown->notes == 1);
  CHECK(shown->bad.empty());
  // A vanished file takes no document back, and the agent still knows the document after a restart.
  w.site.core->learn_documents(w.now, {});
  CHECK(w.site.core->status(w.now).policy_serial == 2);
  REQUIRE(w.start(w.site));
  CHECK(w.site.core->status(w.now).policy_serial == 2);
}

TEST_CASE("documents: two texts of one epoch of a root stop new grants until somebody chooses") {
  Withheld w;
  w.approved(kApi);
  REQUIRE(w.serves_within(5s));
  const auto first =
      w.second_site_root([](trust::Root& root) { root.expires = root.expires + 1h; });
  const auto second =
      w.second_site_root([](trust::Root& root) { root.expires = root.expires + 2h; });
  w.site.core->learn_documents(w.now, {file("root.note", {first})});
  CHECK_FALSE(w.site.core->status(w.now).forked);
  w.site.core->learn_documents(w.now, {file("root.note", {first}), file("other.note", {second})});
  CHECK(w.site.core->status(w.now).forked);
  w.run(1ms);
  CHECK(w.logged("a root has two texts for its newest epoch: no new grants") == 1);
  CHECK(w.site_serves());  // running grants go on
  w.approved(kDb);
  w.run(5s);
  CHECK(w.site.core->services(w.now).size() == 1);
  const auto forks = w.site.core->forks();
  REQUIRE(forks.size() == 1);
  CHECK(forks[0].kind == trust::RootKind::kSite);
  CHECK(forks[0].epoch == 2);
  REQUIRE(forks[0].texts.size() == 2);
  CHECK(forks[0].texts[0].kept);
  CHECK(forks[0].texts[0].hash == trust::format_hash(note::hash(first).view()));
  CHECK(forks[0].texts[1].text == second.text);
  CHECK(forks[0].texts[1].signers.size() == 1);
  std::optional<Status> chosen;
  const auto choose = [&](const std::string& text) {
    w.site.core->choose_fork(w.now, text, [&](Status done) { chosen = std::move(done); });
  };
  choose("the first");
  CHECK(chosen->error().code == ErrorCode::kInvalid);
  choose(trust::format_hash(trust::to_hash(w.site_ref.id).view()));
  CHECK(chosen->error().code == ErrorCode::kNotFound);
  choose(forks[0].texts[1].hash);
  CHECK(chosen->has_value());
  CHECK(w.site.core->forks().empty());
  CHECK_FALSE(w.site.core->status(w.now).forked);
  CHECK(w.run_until([&] { return w.site.core->services(w.now).size() == 2; }, 5s));
  REQUIRE(w.start(w.site));  // the choice is stored
  w.site.core->learn_documents(w.now, {file("root.note", {first}), file("other.note", {second})});
  CHECK_FALSE(w.site.core->status(w.now).forked);
}

TEST_CASE("documents: a revocation that the coordinator withholds ends its grant by a file") {
  Withheld w;
  const auto grant = w.approved(kApi);
  REQUIRE(w.serves_within(5s));
  w.site.core->learn_documents(w.now, {file("end.note", {w.revocation_of(grant)})});
  CHECK(w.dark_within(1s));
}

TEST_CASE("documents: a fresh note in a file is what new grants need, and nothing else helps") {
  Withheld w;
  const auto policy = w.next_policy([](trust::Policy& p) { p.fresh = hours{1}; });
  w.site.core->learn_documents(w.now, {file("policy.note", {policy})});
  w.approved(kApi);
  CHECK_FALSE(w.serves_within(10s));  // the coordinator's leases go on meanwhile
  // The fresh note is listed before the policy that it names: the agent reads all files by kind.
  w.site.core->learn_documents(w.now,
                               {file("a.note", {w.fresh_note()}), file("policy.note", {policy})});
  CHECK(w.serves_within(5s));
}

TEST_CASE("documents: each fault of a file is one log line, and the good files count") {
  Withheld w;
  const auto policy = w.next_policy([](trust::Policy& p) { p.lease = 9s; });
  auto forged = w.next_policy([](trust::Policy& p) { p.lease = 8s; });
  forged.signatures.front().signature.back() ^= 1U;
  const std::vector<DocumentFile> files = {
      {"binary.note", std::string("\x7f"
                                  "ELF")},
      {"gone.note", fail(ErrorCode::kDenied, "the link leads out of the folder")},
      file("forged.note", {forged}),
      file("good.note", {policy}),
      {"lease.note", w.customers_answer(w.customers_evidence(),
                                        trust::LeaseQuestion{w.site_ref, {}, {}, {}, {}}.render())},
  };
  for (int again = 0; again < 3; ++again) w.site.core->learn_documents(w.now, files);
  w.run(150s);  // files that do not verify are tried again
  CHECK(w.site.core->status(w.now).policy_serial == 2);
  INFO(w.story());
  CHECK(w.logged("a document is not taken") == 4);
  const auto shown = w.site.core->status(w.now).documents;
  REQUIRE(shown);
  CHECK(shown->files == 5);
  CHECK(shown->bad.size() == 4);
}

TEST_CASE("documents: a full folder is verified in slices, and what is good is found in it") {
  Withheld w;
  std::vector<DocumentFile> files;
  const auto first = w.next_policy([](trust::Policy& p) { p.lease = 9s; });
  const auto second = w.next_policy([](trust::Policy& p) { p.lease = 8s; });
  auto forged = second;
  forged.signatures.front().signature.back() ^= 1U;
  for (int i = 0; i < 200; ++i) files.push_back(file("a" + std::to_string(i) + ".note", {forged}));
  files.push_back(file("z.note", {second}));
  w.site.core->learn_documents(w.now, files);
  // One slice, with forged notes only, so far.
  CHECK(w.site.core->status(w.now).policy_serial == 1);
  CHECK(w.site.core->next_deadline() <= w.now.steady);
  w.run(1s);
  CHECK(w.site.core->status(w.now).policy_serial == 3);
  CHECK(w.site.core->status(w.now).documents->bad.size() == 200);
  // A refused note is no longer reported when it is known from elsewhere, or when the file is gone.
  w.site.core->learn_documents(w.now, {files.back()});
  CHECK(w.site.core->status(w.now).documents->bad.empty());
}

TEST_CASE("customer's lease: without the lease server nothing begins, whatever the vendor signs") {
  Withheld w;
  w.site.options.lease_url = "http://leases.acme.example:7447/";
  REQUIRE(w.start(w.site));
  w.leases_by(trust::LeaseBy::kCustomer);
  w.approved(kApi);
  CHECK_FALSE(w.serves_within(20s));
  CHECK(w.site.core->status(w.now).lease_error.value_or("").find("refused") != std::string::npos);
  CHECK(w.logged("no lease from the customer's lease server, trying again") == 1);

  // The vendor's lease key does not count in the customer's place.
  auto known = w.customers_evidence();
  w.lease_server = [&](const AskLease& ask) { return w.customers_answer(known, ask.body, true); };
  CHECK_FALSE(w.serves_within(20s));

  std::string url;
  std::string last;
  w.lease_server = [&](const AskLease& ask) {
    url = ask.url;
    auto answer = w.customers_answer(known, ask.body);
    if (answer) last = *answer;
    return answer;
  };
  CHECK(w.serves_within(5s));
  CHECK(url == "http://leases.acme.example:7447/lease/v1");
  CHECK(w.flow_opens(kApi, 40000));
  CHECK_FALSE(w.site.core->status(w.now).lease_error);

  // An old answer, sent repeatedly, keeps no grant open: the lease server is gone.
  w.lease_server = [&](const AskLease&) { return Result<std::string>(last); };
  CHECK(w.dark_within(w.policy.lease));
  CHECK_FALSE(w.flow_opens(kApi, 40001));
}

TEST_CASE("customer's lease: access goes on without the vendor's coordinator") {
  Withheld w;
  w.site.options.lease_url = "http://leases.acme.example:7447";
  REQUIRE(w.start(w.site));
  auto known = w.customers_evidence();
  w.lease_server = [&](const AskLease& ask) { return w.customers_answer(known, ask.body); };
  w.leases_by(trust::LeaseBy::kCustomer);
  w.approved(kApi);
  REQUIRE(w.serves_within(5s));
  w.stop_coordinator();
  w.run(30s);
  CHECK(w.site_serves());
}

TEST_CASE("customer's lease: by=both needs both, and either one's absence ends access") {
  Withheld w;
  w.site.options.lease_url = "http://leases.acme.example:7447";
  REQUIRE(w.start(w.site));
  w.leases_by(trust::LeaseBy::kBoth);
  w.approved(kApi);
  CHECK_FALSE(w.serves_within(20s));
  auto known = w.customers_evidence();
  const auto serves = [&](const AskLease& ask) { return w.customers_answer(known, ask.body); };
  w.lease_server = serves;
  CHECK(w.serves_within(5s));
  w.lease_server = nullptr;
  CHECK(w.dark_within(w.policy.lease));
  w.lease_server = serves;
  CHECK(w.serves_within(5s));
  w.stop_coordinator();
  CHECK(w.dark_within(w.policy.lease));
}

TEST_CASE("customer's lease: a revocation that was put to the lease server cuts with its answer") {
  Withheld w;
  w.site.options.lease_url = "http://leases.acme.example:7447";
  REQUIRE(w.start(w.site));
  auto known = w.customers_evidence();
  w.lease_server = [&](const AskLease& ask) { return w.customers_answer(known, ask.body); };
  w.leases_by(trust::LeaseBy::kCustomer);
  const auto grant = w.approved(kApi);
  REQUIRE(w.serves_within(5s));
  REQUIRE(known.offer(w.now, w.revocation_of(grant)));
  CHECK(w.dark_within(w.policy.lease));
  // The agent remembers the revocation; a lease without the grant is not needed.
  w.lease_server = nullptr;
  w.run(1s);
  const auto requests = w.site.core->requests(w.now);
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].phase == trust::RequestPhase::kRevoked);
}

TEST_CASE("customer's lease: what somebody on the way puts into answers counts for nothing") {
  Withheld w;
  w.site.options.lease_url = "http://leases.acme.example:7447";
  REQUIRE(w.start(w.site));
  auto known = w.customers_evidence();
  w.leases_by(trust::LeaseBy::kCustomer);
  const auto grant = w.approved(kApi);
  auto forged = w.revocation_of(grant);
  forged.signatures.front().signature.back() ^= 1U;
  const auto policy = w.next_policy([](trust::Policy& p) { p.lease = 1s; });
  int answers = 0;
  w.lease_server = [&](const AskLease& ask) -> Result<std::string> {
    ++answers;
    const auto lease = *note::parse_bundle(*w.customers_answer(known, ask.body));
    std::vector<note::Note> all{lease.front()};
    for (int i = 0; i < 100; ++i) all.push_back(forged);
    all.push_back(policy);  // signed, but no part of an answer
    return note::render_bundle(all);
  };
  REQUIRE(w.serves_within(5s));
  w.run(30s);
  CHECK(answers > 10);
  CHECK(w.site_serves());
  CHECK(w.site.core->status(w.now).policy_serial == 2);
}

TEST_CASE("ends: a policy that ends soon is logged once for each threshold, and shown") {
  Withheld w;
  const auto next = w.next_policy([&](trust::Policy& p) {
    p.issued = w.now.wall - hours(24 * 20);
    p.expires = w.now.wall + hours(12);
  });
  w.site.core->learn_documents(w.now, {file("policy.note", {next})});
  REQUIRE(w.site.core->status(w.now).policy_serial == 2);
  w.run(hours(3));
  CHECK(w.logged("ends soon", "the site's policy") == 1);
  auto ends = w.site.core->status(w.now).ends;
  REQUIRE_FALSE(ends.empty());
  CHECK(ends.front().what == trust::Ending::kPolicy);
  CHECK(ends.front().warning == 1);
  w.run(hours(10));
  CHECK(w.logged("ends soon", "the site's policy") == 2);
  CHECK(w.logged("ends soon", "has expired") == 1);
  ends = w.site.core->status(w.now).ends;
  CHECK(ends.front().warning == 0);
  // The agent warns and alarms, but ends nothing while break-glass does not exist.
  CHECK(w.site.has(audit::Kind::kAlarm));
}

TEST_CASE("documents: contradictions flood neither the audit log nor the agent's own") {
  Withheld w;
  std::vector<trust::Revocation> wrong;
  for (int i = 0; i < 40; ++i) {
    const auto grant = w.approved(kApi);
    auto end = *trust::Revocation::parse(w.revocation_of(grant).text);
    end.not_after = end.not_after + std::chrono::seconds(60);
    wrong.push_back(end);
    w.run(6s);  // within the coordinator's rate of requests
  }
  const auto alarms = [&] {
    std::size_t out = 0;
    for (const auto& entry : w.site.audit.entries()) out += entry.kind == audit::Kind::kAlarm;
    return out;
  };
  const auto before = alarms();
  std::vector<note::Note> unsigned_texts, signed_texts;
  for (auto& end : wrong) unsigned_texts.push_back({end.render(), {}});
  w.site.core->learn_documents(w.now, {file("a.note", unsigned_texts)});
  w.run(1s);
  CHECK(alarms() == before);
  for (int again = 0; again < 20; ++again) {
    signed_texts.clear();
    for (auto& end : wrong) {
      end.reason = "lie " + std::to_string(again);
      signed_texts.push_back(w.signed_by_carol(end));
    }
    w.site.core->learn_documents(w.now, {file("b.note", signed_texts)});
    w.run(1s);
  }
  CHECK(alarms() > before);
  CHECK(alarms() <= before + trust::kMaxAlarms);
  CHECK(w.logged("alarm") <= before + trust::kMaxAlarms);
  w.run(std::chrono::hours(1));
  w.site.core->learn_documents(w.now, {});
  w.site.core->learn_documents(w.now, {file("c.note", signed_texts)});
  CHECK(alarms() <= before + 2 * trust::kMaxAlarms);
}

TEST_CASE("customer's lease: a stolen device is told of among hundreds that an approver made up") {
  Withheld w;
  w.site.options.lease_url = "http://leases.acme.example:7447";
  REQUIRE(w.start(w.site));
  auto known = w.customers_evidence();
  std::size_t questions = 0;
  w.lease_server = [&](const AskLease& ask) {
    ++questions;
    return w.customers_answer(known, ask.body);
  };
  w.leases_by(trust::LeaseBy::kCustomer);
  w.approved(kApi);
  REQUIRE(w.serves_within(5s));
  w.stop_coordinator();
  trust::Revocation end;
  end.vendor_id = w.vendor_id;
  end.what = trust::Revokes::kDevice;
  end.reason = "lost";
  end.issued = w.now.wall;
  const auto asked = questions;
  for (int i = 0; i < 600; ++i) {
    end.key = crypto::SigningKey::generate(w.rng).public_key();
    REQUIRE(known.offer(w.now, w.signed_by_carol(end)));
  }
  w.run(w.policy.lease + 1s);
  CHECK(w.site_serves());             // made-up revocations end nothing
  CHECK(questions <= asked + 4 + 4);  // three pages once, then one question per third
  end.key = *crypto::parse_ed25519(w.laptop.core->status(w.now).identity);
  end.site = w.site_ref;
  REQUIRE(known.offer(w.now, w.signed_by_bob(end)));
  CHECK(w.dark_within(w.policy.lease / 3 + 1s));
  w.run(1s);
  CHECK_FALSE(w.site.core->status(w.now).lease_error);
}

TEST_CASE("customer's lease: another lease server, or one begun anew, tells from the beginning") {
  Withheld w;
  w.site.options.lease_url = "http://leases.acme.example:7447";
  REQUIRE(w.start(w.site));
  auto known = w.customers_evidence();
  w.lease_server = [&](const AskLease& ask) { return w.customers_answer(known, ask.body); };
  w.leases_by(trust::LeaseBy::kCustomer);
  w.approved(kApi);
  REQUIRE(w.serves_within(5s));
  trust::Revocation end;
  end.vendor_id = w.vendor_id;
  end.what = trust::Revokes::kDevice;
  end.reason = "lost";
  end.issued = w.now.wall;
  for (int i = 0; i < 3; ++i) {
    end.key = crypto::SigningKey::generate(w.rng).public_key();
    REQUIRE(known.offer(w.now, w.signed_by_carol(end)));
    w.run(w.policy.lease);
    w.revocation_log = {};
    end.issued = end.issued + std::chrono::seconds(1);
  }
  w.run(w.policy.lease * 2);
  CHECK(w.site_serves());
  CHECK_FALSE(w.site.core->status(w.now).lease_error);
}

}  // namespace
}  // namespace culvert::agent::test
