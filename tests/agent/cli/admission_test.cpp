// Which texts the admission ledger allows to sign again, whatever a coordinator claims.
#include "agent/cli/approvals/admission.hpp"

#include <catch2/catch.hpp>

#include "proto/core/rng.hpp"
#include "proto/runtime/disk/files.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::cli;
using std::chrono::hours;

namespace {

constexpr WallTime kNow{1'795'273'200};
constexpr hours kDay{24};

trust::Label label(const char* text) { return trust::Label::parse(text).value(); }

trust::Node laptop(std::uint64_t seed = 1) {
  SeededRng rng(seed);
  trust::Node node;
  node.vendor_id.bytes = rng.array<32>();
  node.name = label("alice-laptop");
  node.serial = 1;
  node.identity = crypto::SigningKey::generate(rng).public_key();
  node.wireguard.bytes = rng.array<32>();
  node.control.bytes = rng.array<32>();
  node.relay.bytes = rng.array<32>();
  node.disco.bytes = rng.array<32>();
  node.person = trust::Person::parse("alice@vendor.example").value();
  node.groups = {label("oncall")};
  node.issued = kNow;
  node.expires = kNow + trust::kDefaultDeviceLife;
  return node;
}

trust::Node next_of(trust::Node node, WallTime now) {
  ++node.serial;
  node.issued = now;
  node.expires = now + trust::kDefaultDeviceLife;
  return node;
}

// A temporary folder, removed by the destructor.
struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string made = (std::filesystem::temp_directory_path() / "ledger-XXXXXX").string();
    REQUIRE(mkdtemp(made.data()) != nullptr);
    path = made;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }
  AdmissionLedger open() const {
    auto ledger = AdmissionLedger::open(path);
    REQUIRE(ledger);
    return std::move(*ledger);
  }
};

ErrorCode renewal(const AdmissionLedger& ledger, const trust::Node& node, WallTime now) {
  const auto may = may_renew(ledger, node, now);
  return may ? ErrorCode{} : may.error().code;
}

}  // namespace

TEST_CASE("admission ledger: one strict text, durable, read back") {
  const Folder folder;
  auto ledger = folder.open();
  const Admitted admitted{laptop(), kNow + kDefaultAdmission, false};
  REQUIRE(ledger.record(admitted));
  REQUIRE(ledger.end(trust::Person::parse("mallory@vendor.example").value()));
  const auto again = folder.open();
  REQUIRE(again.find(admitted.last.identity) != nullptr);
  CHECK(again.find(admitted.last.identity)->render() == admitted.render());
  CHECK(again.has_ended(trust::Person::parse("mallory@vendor.example").value()));
  CHECK_FALSE(again.has_ended(admitted.last.person));
  const auto text = admitted.render();
  for (std::size_t i = 0; i < text.size(); i += 7) {
    auto bad = text;
    bad.erase(i, 1);
    const auto parsed = Admitted::parse(bad);
    CHECK((!parsed || parsed->render() == bad));
  }
  // A damaged file is an error: the revocation in the file must not be forgotten.
  const auto file = folder.path / "ledger" / admitted.last.identity.hex();
  REQUIRE(runtime::write_secret_file(file.string(), view("until: never\n")));
  CHECK_FALSE(AdmissionLedger::open(folder.path));
}

TEST_CASE("device renew: what is as it was last signed, and nothing else") {
  const Folder folder;
  auto ledger = folder.open();
  const auto first = laptop();
  const auto later = kNow + hours{12};
  CHECK_FALSE(may_renew(ledger, first, kNow));  // no person has admitted this node
  CHECK(may_admit(ledger, first, kNow));
  REQUIRE(ledger.record({first, kNow + kDefaultAdmission, false}));
  const auto next = next_of(first, later);
  CHECK(may_renew(ledger, next, later));
  CHECK(differences(ledger, next).empty());

  using Edit = void (*)(trust::Node&);
  const std::pair<const char*, Edit> edits[] = {
      {"name", [](trust::Node& n) { n.name = label("other"); }},
      {"person",
       [](trust::Node& n) { n.person = trust::Person::parse("eve@vendor.example").value(); }},
      {"one group more", [](trust::Node& n) { n.groups.push_back(label("root")); }},
      {"one group less", [](trust::Node& n) { n.groups.clear(); }},
      {"WireGuard key", [](trust::Node& n) { n.wireguard.bytes[0] ^= 1U; }},
      {"control key", [](trust::Node& n) { n.control.bytes[0] ^= 1U; }},
      {"relay key", [](trust::Node& n) { n.relay.bytes[0] ^= 1U; }},
      {"disco key", [](trust::Node& n) { n.disco.bytes[0] ^= 1U; }},
      {"longer life", [](trust::Node& n) { n.expires = n.expires + std::chrono::seconds{1}; }}};
  for (const auto& [what, edit] : edits) {
    auto node = next;
    edit(node);
    INFO(what);
    CHECK(renewal(ledger, node, later) == ErrorCode::kDenied);
    CHECK_FALSE(differences(ledger, node).empty());
    CHECK(may_admit(ledger, node, later));  // a person who has read the differences may sign
  }
  auto other = laptop(2);
  CHECK(renewal(ledger, other, later) == ErrorCode::kDenied);
}

TEST_CASE("device renew: a replayed older text, the last one over too long, the end") {
  const Folder folder;
  auto ledger = folder.open();
  const auto first = laptop();
  auto second = next_of(first, kNow + hours{12});
  REQUIRE(ledger.record({second, kNow + kDefaultAdmission, false}));
  CHECK(renewal(ledger, first, kNow + hours{13}) == ErrorCode::kStale);
  CHECK_FALSE(may_admit(ledger, first, kNow + hours{13}));
  CHECK(may_renew(ledger, second, kNow + hours{13}));  // the answer was lost: once more

  const auto weekend = second.expires + kDay * 3;
  CHECK(may_renew(ledger, next_of(second, weekend), weekend));
  const auto holiday = second.expires + kRenewGrace + std::chrono::seconds{1};
  CHECK(renewal(ledger, next_of(second, holiday), holiday) == ErrorCode::kDenied);
  CHECK(may_admit(ledger, next_of(second, holiday), holiday));

  REQUIRE(ledger.record({second, kNow + kDay, false}));
  const auto after = kNow + kDay;
  CHECK(renewal(ledger, next_of(second, after), after) == ErrorCode::kDenied);
  auto ahead = next_of(second, kNow + hours{13} + std::chrono::seconds{301});
  CHECK(renewal(ledger, ahead, kNow + hours{13}) == ErrorCode::kStale);
  CHECK_FALSE(may_admit(ledger, ahead, kNow + hours{13}));
}

TEST_CASE("renewal after a revocation was pruned: the ledger still knows it") {
  const Folder folder;
  {
    auto ledger = folder.open();
    REQUIRE(ledger.record({laptop(), kNow + kMaxAdmission, false}));
    REQUIRE(ledger.end(laptop().identity));
  }
  const auto ledger = folder.open();  // a year later, no coordinator and no site remembers
  for (const auto at : {kNow + hours{1}, kNow + kDay * 365}) {
    const auto next = next_of(laptop(), at);
    CHECK(renewal(ledger, next, at) == ErrorCode::kDenied);
    CHECK_FALSE(may_admit(ledger, next, at));
  }
  CHECK_FALSE(may_admit(ledger, laptop(), kNow));  // not even the text that was signed
}

TEST_CASE("a person who has ended gets no laptop admitted, not even a new one") {
  const Folder folder;
  auto ledger = folder.open();
  REQUIRE(ledger.record({laptop(), kNow + kDefaultAdmission, false}));
  REQUIRE(ledger.end(laptop().person));
  CHECK_FALSE(may_renew(ledger, next_of(laptop(), kNow), kNow));
  CHECK_FALSE(may_admit(ledger, laptop(3), kNow));
}

TEST_CASE("an office of 200 laptops: one run renews them, and no other") {
  const Folder folder;
  auto ledger = folder.open();
  for (std::uint64_t i = 0; i < 200; ++i) {
    REQUIRE(ledger.record({laptop(100 + i), kNow + kDefaultAdmission, false}));
  }
  const auto again = folder.open();
  CHECK(again.devices().size() == 200);
  const auto later = kNow + hours{20};
  for (std::uint64_t i = 0; i < 200; ++i) {
    CHECK(may_renew(again, next_of(laptop(100 + i), later), later));
  }
  CHECK_FALSE(may_renew(again, next_of(laptop(99), later), later));
}
