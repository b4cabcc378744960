// The customer's lease server over real sockets, and strangers who occupy its connections.
#include "agent/shell/lease_server.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "agent/shell/lease_link.hpp"
#include "tests/support/trust_world.hpp"

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
    server = must(
        LeaseServer::open(loop, rng,
                          {*parse_endpoint("127.0.0.1:0"), folder.string(), "lease@acme.example",
                           crypto::SigningKey::from_seed(own.seed().clone()), site.id,
                           [this] { return now; }, put_share},
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
    for (const auto& id : grants) question.grants.push_back({id, laptop.identity});
    const auto answer = post(trust::kLeasePath, question.render());
    if (!answer) return fail_with(answer.error());
    return note::parse_bundle(*answer);
  }
  note::Note end_of(const note::Note& grant) {
    return must(trust::revoke_grant(must(trust::Grant::parse(grant.text)), vendor_id, "over",
                                    now.wall, {"bob@acme.example", bob}));
  }

  fs::path folder;
  std::size_t put_share = kPutShare;
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
  CHECK_FALSE(w.post(trust::kRevocationPath, note));  // known by now, but still not kept
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

namespace {

// A made-up revocation by the vendor's approver, with the junk that strangers may add.
note::Note made_up(Served& w, std::size_t junk = 0, std::size_t bytes = 5900) {
  trust::Revocation out;
  out.vendor_id = w.vendor_id;
  out.site = w.site;
  out.grant = trust::GrantId::generate(w.now.wall, w.rng);
  out.not_after = w.now.wall + 10h;
  out.reason = "x";
  out.issued = w.now.wall;
  auto note = must(trust::sign_statement(out, {"carol@example.com", w.carol}));
  for (std::size_t i = 0; i < junk; ++i) {
    Bytes line(bytes, static_cast<std::uint8_t>(i + 1));
    note.signatures.push_back({"junk" + std::to_string(i), {9, 9, 9, 9}, std::move(line)});
  }
  return note;
}

std::size_t bytes_in(const fs::path& folder) {
  std::size_t out = 0;
  for (const auto& file : fs::directory_iterator(folder)) out += file.file_size();
  return out;
}

}  // namespace

TEST_CASE("lease server: strangers' signature lines fill no file, and no restart fails on them") {
  Served w;
  const auto one = w.approved();
  for (int i = 0; i < 20; ++i) {
    REQUIRE(w.post(trust::kRevocationPath, note::render(made_up(w, 7))));
  }
  REQUIRE(w.post(trust::kRevocationPath, note::render(w.end_of(one))));
  CHECK(bytes_in(w.folder) < 21 * 1024);  // with the junk lines 1.2 MB
  w.open();
  CHECK(must(trust::Lease::parse(must(w.ask({id_of(one)})).front().text)).grants.empty());
}

TEST_CASE("lease server: one bad file of put revocations does not end the server") {
  Served w;
  const auto one = w.approved(), other = w.approved();
  REQUIRE(w.post(trust::kRevocationPath, note::render(w.end_of(one))));
  const auto bad = w.folder / "put-revocations-3.note";
  const std::string junk(runtime::kMaxNotesFile + 1, 'x');
  std::ofstream(bad) << junk;
  w.open();
  REQUIRE(w.post(trust::kRevocationPath, note::render(w.end_of(other))));
  CHECK(fs::file_size(bad) == junk.size());  // left as it is, for a person to repair
  CHECK(fs::exists(w.folder / "put-revocations-4.note"));
  w.open();
  CHECK(must(trust::Lease::parse(must(w.ask({id_of(one), id_of(other)})).front().text))
            .grants.empty());
  fs::remove(bad);
  fs::rename(w.folder, w.folder.string() + "-away");  // missing folder: no server
  CHECK_THROWS(w.open());
  fs::rename(w.folder.string() + "-away", w.folder);
}

TEST_CASE("lease server: a signer with a full share of the folder keeps no other one out") {
  Served w;
  w.put_share = 4096;
  w.open();
  std::size_t kept = 0;
  while (kept < 50 && w.post(trust::kRevocationPath, note::render(made_up(w)))) ++kept;
  CHECK(kept > 4);
  CHECK(kept < 50);
  const auto one = w.approved();
  REQUIRE(w.post(trust::kRevocationPath, note::render(w.end_of(one))));
  w.pass(std::chrono::hours(36));  // the revocations that fill the share are over now
  CHECK(w.post(trust::kRevocationPath, note::render(made_up(w))));
  CHECK(bytes_in(w.folder) < 1024);
}

TEST_CASE("put files: closed by bytes, by number, and never more than the folder's reader takes") {
  char path[] = "/tmp/puts-XXXXXX";
  const fs::path folder = mkdtemp(path);
  PutFiles files(folder.string(), kMaxPutBytes);
  const auto whose = [](const note::Note& note) { return note.text.substr(0, 1); };
  std::size_t kept = 0;
  for (; kept < 2000; ++kept) {
    const note::Note note{std::string(1, static_cast<char>('a' + kept % 9)) + std::to_string(kept) +
                              std::string(12'000, '.') + "\n",
                          {}};
    if (!files.keep(note, whose(note))) break;
  }
  CHECK(kept > kMaxPutBytes / 12'100);
  CHECK(bytes_in(folder) <= kMaxPutBytes);
  for (const auto& file : fs::directory_iterator(folder)) {
    CHECK(file.file_size() <= kPutFileBytes);
  }
  CHECK(runtime::read_notes_folder(folder.string()).size() > 8);
  fs::remove_all(folder);
}
