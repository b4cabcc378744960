// Audit: RFC 6962's tree against the known roots of certificate transparency, and the entry form.
#include <catch2/catch.hpp>
#include <functional>

#include "proto/audit/proof.hpp"
#include "proto/audit/sink.hpp"
#include "proto/core/rng.hpp"
#include "tests/support/memory_sink.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::audit;
using namespace std::string_literals;

namespace {

// The leaves and roots in the tests of the certificate transparency code
// (google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc).
const std::vector<std::string> kLeaves = {"",
                                          "00",
                                          "10",
                                          "2021",
                                          "3031",
                                          "40414243",
                                          "5051525354555657",
                                          "606162636465666768696a6b6c6d6e6f"};
const std::vector<std::string> kRoots = {
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

Entry sample() {
  Entry entry;
  entry.at = *parse_time("2026-11-21T15:00:00Z");
  entry.kind = Kind::kFlowClose;
  entry.who = "alice@vendor.example";
  entry.device = "ed25519:9f86";
  entry.site = "acme.example.com";
  entry.grant = "sha256:5d41";
  entry.service = "api.acme.example.com";
  entry.outcome = "ok";
  entry.detail = "closed by client, 100% fine = good";
  entry.bytes_in = 12;
  entry.bytes_out = 3456;
  return entry;
}

}  // namespace

TEST_CASE("audit: the empty tree, and growing it leaf by leaf") {
  MerkleTree tree;
  CHECK(tree.root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (std::size_t i = 0; i < kLeaves.size(); ++i) {
    tree.append(leaf_hash(*from_hex(kLeaves[i])));
    CHECK(tree.size() == i + 1);
    CHECK(tree.root().hex() == kRoots[i]);
  }
}

TEST_CASE("audit: the tree agrees with the recursive definition of RFC 6962") {
  std::vector<crypto::Hash> leaves;
  MerkleTree tree;
  const std::function<crypto::Hash(std::size_t, std::size_t)> root = [&](std::size_t from,
                                                                         std::size_t to) {
    if (to - from == 1) return leaves[from];
    std::size_t split = 1;
    while (split * 2 < to - from) split *= 2;
    return node_hash(root(from, from + split), root(from + split, to));
  };
  for (std::uint8_t i = 0; i < 130; ++i) {
    leaves.push_back(leaf_hash(Bytes{i}));
    tree.append(leaves.back());
    CHECK(tree.root() == root(0, leaves.size()));
  }
}

TEST_CASE("audit: every proof of every small tree holds, and no other") {
  constexpr std::uint64_t kMost = 40;
  std::vector<crypto::Hash> leaves;
  std::vector<TreeHead> heads(1);
  MerkleTree tree;
  heads[0] = tree.head();
  for (std::uint64_t i = 0; i < kMost; ++i) {
    leaves.push_back(leaf_hash(Bytes{static_cast<std::uint8_t>(i)}));
    tree.append(leaves.back());
    heads.push_back(tree.head());
  }
  const auto prove = [&](const std::vector<Span>& spans, std::uint64_t size) {
    ProofMaker maker(spans);
    for (std::uint64_t i = 0; i < size; ++i) maker.add({i, 1, leaves[i]});
    return maker.take().value();
  };
  for (std::uint64_t size = 1; size <= kMost; ++size) {
    for (std::uint64_t index = 0; index < size; ++index) {
      const auto proof = prove(inclusion_spans(index, size), size);
      CHECK(verify_inclusion(leaves[index], index, proof, heads[size]));
      CHECK_FALSE(verify_inclusion(leaf_hash(Bytes{0xEE}), index, proof, heads[size]));
      CHECK_FALSE(verify_inclusion(leaves[index], index + 1, proof, heads[size]));
      auto longer = proof;
      longer.push_back(leaves[0]);
      CHECK_FALSE(verify_inclusion(leaves[index], index, longer, heads[size]));
    }
    for (std::uint64_t old_size = 0; old_size <= size; ++old_size) {
      const auto proof = prove(consistency_spans(old_size, size), size);
      CHECK(verify_consistency(heads[old_size], heads[size], proof));
      if (old_size == 0) continue;
      auto rewritten = heads[old_size];
      rewritten.root = leaf_hash(Bytes{0xEE});
      CHECK_FALSE(verify_consistency(rewritten, heads[size], proof));
      if (old_size == size) continue;
      CHECK_FALSE(verify_consistency(heads[size], heads[old_size], proof));
      auto longer = proof;
      longer.push_back(leaves[0]);
      CHECK_FALSE(verify_consistency(heads[old_size], heads[size], longer));
      longer = proof;
      longer.pop_back();
      CHECK_FALSE(verify_consistency(heads[old_size], heads[size], longer));
    }
  }
}

TEST_CASE("audit: subtrees of pieces give the whole tree's root, wherever it is cut") {
  SeededRng rng(3);
  for (int round = 0; round < 50; ++round) {
    MerkleTree whole;
    MerkleTree joined;
    std::uint64_t next = 0;
    for (auto pieces = 1 + rng.below(6); pieces > 0; --pieces) {
      Subtrees piece(next);
      for (auto count = 1 + rng.below(70); count > 0; --count, ++next) {
        const auto leaf = leaf_hash(view(std::to_string(next)));
        whole.append(leaf);
        piece.append(leaf);
      }
      CHECK(piece.list().size() <= 14);
      REQUIRE(joined.add(piece));
      CHECK_FALSE(joined.add(piece));
    }
    CHECK(joined.head() == whole.head());
  }
  Subtrees bad;
  CHECK_FALSE(bad.add({0, 3, {}}));
  CHECK_FALSE(bad.add({0, 0, {}}));
  CHECK_FALSE(bad.add({1, 1, {}}));
}

TEST_CASE("audit: bytes that are not UTF-8 are seen and made good, cuts leave whole characters") {
  auto entry = sample();
  CHECK(is_utf8(entry));
  entry.detail = "a\xFF\xC0\xAE\u00e9";
  CHECK_FALSE(is_utf8(entry));
  make_utf8(entry);
  CHECK(is_utf8(entry));
  CHECK(entry.detail == "a\uFFFD\uFFFD\uFFFD\u00e9");
  entry.detail.clear();
  for (int i = 0; i < 3000; ++i) entry.detail += "\u65e5";
  const auto cut = parse_entry(render(entry));
  REQUIRE(cut);
  CHECK(is_utf8(*cut));
}

TEST_CASE("audit: an entry and its line") {
  const auto line = render(sample());
  CHECK(line ==
        "2026-11-21T15:00:00Z flow-close who=alice@vendor.example device=ed25519:9f86 "
        "site=acme.example.com grant=sha256:5d41 service=api.acme.example.com outcome=ok "
        "detail=closed%20by%20client,%20100%25%20fine%20%3D%20good bytes-in=12 bytes-out=3456");
  const auto parsed = parse_entry(line);
  REQUIRE(parsed);
  CHECK(*parsed == sample());
}

TEST_CASE("audit: every kind has its name, every byte its spelling") {
  for (int k = 0; k <= static_cast<int>(Kind::kAlarm); ++k) {
    Entry entry;
    entry.kind = static_cast<Kind>(k);
    for (int c = 0; c < 256; ++c) entry.detail += static_cast<char>(c);
    const auto line = render(entry);
    CHECK(line.find('\n') == std::string::npos);
    const auto parsed = parse_entry(line);
    REQUIRE(parsed);
    CHECK(*parsed == entry);
  }
}

TEST_CASE("audit: lines that are not entries") {
  const std::string head = "2026-11-21T15:00:00Z flow-open";
  CHECK(parse_entry(head));
  for (const std::string& bad : {std::string(),
                                 std::string("2026-11-21T15:00:00Z"),
                                 "2026-11-21 15:00:00 flow-open"s,
                                 "2026-11-21T15:00:00Z flow-opened"s,
                                 head + " ",
                                 head + " who",
                                 head + " who=",
                                 head + " who=a b",
                                 head + " who=a who=a",
                                 head + " outcome=ok who=a",
                                 head + " whom=a",
                                 head + " who=%4",
                                 head + " who=%41",
                                 head + " who=%2f",
                                 head + " who=%0a",
                                 head + " bytes-in=0",
                                 head + " bytes-in=01",
                                 head + " bytes-in=-1",
                                 head + " bytes-in=18446744073709551616",
                                 head + "  who=a",
                                 " " + head,
                                 head + "\n",
                                 head + " who=\x7f"s,
                                 head + " detail=" + std::string(5000, 'a')}) {
    INFO(bad);
    CHECK_FALSE(parse_entry(bad));
  }
}

TEST_CASE("audit: an entry too long is cut, not refused") {
  auto entry = sample();
  entry.detail = std::string(100'000, ' ');
  const auto line = render(entry);
  CHECK(line.size() <= kMaxEntryLine);
  const auto parsed = parse_entry(line);
  REQUIRE(parsed);
  CHECK(parsed->who == entry.who);
  CHECK(parsed->grant == entry.grant);
}

TEST_CASE("audit: the sink in memory filters and fails as told") {
  MemorySink sink;
  for (int i = 0; i < 10; ++i) {
    auto entry = sample();
    entry.at = entry.at + std::chrono::seconds(i);
    entry.who = i % 2 == 0 ? "alice@vendor.example" : "bob@vendor.example";
    REQUIRE(sink.append(entry, Purpose::kOpening));
  }
  CHECK(sink.head().size == 10);
  CHECK(sink.read({})->size() == 10);
  CHECK(sink.read({.who = "bob@vendor.example"})->size() == 5);
  CHECK(sink.read({.since = sample().at + std::chrono::seconds(8)})->size() == 2);
  CHECK(sink.read({.until = sample().at})->size() == 1);
  CHECK(sink.read({.grant = "sha256:0000"})->empty());
  const auto newest = sink.read({.limit = 3});
  REQUIRE(newest->size() == 3);
  CHECK(newest->back().at == sample().at + std::chrono::seconds(9));
  sink.set_failing(true);
  CHECK(sink.append(sample(), Purpose::kOpening).error().code == ErrorCode::kExhausted);
  CHECK(sink.append(sample(), Purpose::kEnding));
}
