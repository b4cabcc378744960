// The customer's lease server over real sockets, and strangers who hold its connections.
#include "agent/shell/lease_server.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "agent/shell/lease_link.hpp"
#include "tests/proto/trust/trust_support.hpp"

using namespace culvert;
using namespace culvert::agent;
using namespace culvert::trust::testing;
namespace fs = std::filesystem;

namespace {

struct Served : World {
  Served() {
    char path[] = "/tmp/leases-XXXXXX";
    folder = mkdtemp(path);
    open();
  }
  ~Served() {
    server.reset();
    fs::remove_all(folder);
  }
  void open() {
    server.reset();
    server = must(LeaseServer::open(
        loop, rng,
        {*parse_endpoint("127.0.0.1:0"), folder.string(), "lease@acme.example",
         crypto::SigningKey::from_seed(own.seed().clone()), site.id, [this] { return now; }},
        agent_evidence()));
  }
  std::string url(std::string_view path) const {
    return "http://" + format(server->local_endpoint()) + std::string(path);
  }
  Result<std::string> post(std::string_view path, const std::string& body) {
    std::optional<Result<std::string>> got;
    LeaseLink link(loop, [&](const Result<std::string>& answer) { got = answer; });
    link.ask({url(path), body});
    REQUIRE(loop.run_until([&] { return got.has_value(); }, 30s));
    return *got;
  }
  Result<std::vector<note::Note>> ask(std::vector<trust::GrantId> grants) {
    trust::LeaseQuestion question{site, agent.identity, trust::LeaseNonce{rng.array<32>()}, {}, {}};
    std::sort(grants.begin(), grants.end());
    question.grants = std::move(grants);
    const auto answer = post(trust::kLeasePath, question.render());
    if (!answer) return fail_with(answer.error());
    return note::parse_bundle(*answer);
  }
  note::Note end_of(const note::Note& grant) {
    return must(trust::revoke_grant(must(trust::Grant::parse(grant.text)), vendor_id, "over",
                                    now.wall, {"bob@acme.example", bob}));
  }

  fs::path folder;
  runtime::Loop loop;
  crypto::SigningKey own = crypto::SigningKey::generate(rng);
  std::unique_ptr<LeaseServer> server;
};

}  // namespace

TEST_CASE("lease server: what was put to it counts at once, and after a restart") {
  Served w;
  const auto one = w.approved(), other = w.approved();
  const std::vector<trust::GrantId> both{id_of(one), id_of(other)};
  auto notes = must(w.ask(both));
  CHECK(must(trust::Lease::parse(notes.at(0).text)).grants.size() == 2);
  REQUIRE(w.post(trust::kRevocationPath, note::render(w.end_of(one))));
  const auto left = [&] {
    const auto grants = must(trust::Lease::parse(must(w.ask(both)).at(0).text)).grants;
    return grants == std::vector{id_of(other)};
  };
  CHECK(left());
  w.open();
  CHECK(left());
  CHECK(must(w.ask(both)).size() == 2);  // the revocation comes with the lease
}

TEST_CASE("lease server: only signed revocations, only questions of its own site") {
  Served w;
  const auto grant = w.approved();
  auto forged = w.end_of(grant);
  forged.signatures.front().signature.back() ^= 1U;
  CHECK_FALSE(w.post(trust::kRevocationPath, note::render(forged)));
  CHECK_FALSE(w.post(trust::kRevocationPath, note::render(grant)));
  CHECK_FALSE(w.post(trust::kRevocationPath, ""));
  CHECK_FALSE(w.post(trust::kLeasePath, "culvert/lease-question/v1\n"));
  CHECK_FALSE(w.post("/other", ""));
  CHECK_FALSE(w.post(trust::kLeasePath, std::string(kMaxLeaseBody + 1, 'x')));
  CHECK(fs::is_empty(w.folder));
}

TEST_CASE("lease server: a folder that cannot be written refuses aloud, and tries again") {
  Served w;
  const auto note = note::render(w.end_of(w.approved()));
  const auto gone = w.folder.string() + "-away";
  fs::rename(w.folder, gone);
  const auto refused = w.post(trust::kRevocationPath, note);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("503") != std::string::npos);
  CHECK_FALSE(w.post(trust::kRevocationPath, note));  // known by now, and still not kept
  fs::rename(gone, w.folder);
  CHECK(w.post(trust::kRevocationPath, note));
  CHECK_FALSE(fs::is_empty(w.folder));
}

TEST_CASE("lease server: strangers who hold every connection do not keep an agent out") {
  Served w;
  std::vector<std::unique_ptr<runtime::TcpConnect>> connecting;
  std::vector<std::unique_ptr<runtime::TcpStream>> held;
  for (std::size_t i = 0; i < kMaxLeaseCalls + 50; ++i) {
    connecting.push_back(std::make_unique<runtime::TcpConnect>(
        w.loop, w.server->local_endpoint(), runtime::ConnectOptions{},
        [&](Result<std::unique_ptr<runtime::TcpStream>> stream) {
          if (!stream) return;
          (*stream)->write(view("POST /lease/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"));
          held.push_back(std::move(*stream));
        }));
  }
  REQUIRE(w.loop.run_until([&] { return held.size() == connecting.size(); }, 30s));
  CHECK(w.ask({}));
}
