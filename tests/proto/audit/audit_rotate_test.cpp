// An audit log of many files: one tree, proofs over deleted files, a bound on the disk space, and a
// crash between any two steps of closing a file.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "proto/runtime/disk/audit_file.hpp"

using namespace culvert;
using namespace culvert::audit;
using culvert::runtime::AuditFile;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kReserve = 64U << 10U;
constexpr std::uint64_t kFile = 4U << 10U;
constexpr std::uint64_t kTotal = 20U << 10U;

struct Folder {
  Folder() {
    std::string form = (fs::temp_directory_path() / "culvert-rotate-XXXXXX").string();
    REQUIRE(::mkdtemp(form.data()) != nullptr);
    path = form;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path); }
  fs::path log() const { return path / "audit.log"; }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(path), {}));
  }
  std::uint64_t bytes() const {
    std::uint64_t total = 0;
    for (const auto& each : fs::directory_iterator(path)) total += each.file_size();
    return total;
  }
  fs::path path;
};

Entry entry(std::uint64_t i) {
  Entry e;
  e.at = *parse_time("2026-11-21T15:00:00Z") + std::chrono::seconds(static_cast<int>(i));
  e.kind = Kind::kFlowOpen;
  e.who = "alice@vendor.example";
  e.detail = std::to_string(i);
  return e;
}
crypto::Hash leaf(std::uint64_t i) { return leaf_hash(view(render(entry(i)))); }

std::unique_ptr<AuditFile> open_log(const Folder& folder, std::uint64_t total = kTotal) {
  auto file = AuditFile::open(folder.log(), kReserve, kFile, total);
  if (!file) FAIL(file.error().message);
  return std::move(*file);
}

// Appends entries, starting at the log's size, one at a time.
std::vector<TreeHead> fill(AuditFile& file, std::uint64_t until) {
  std::vector<TreeHead> heads;
  while (file.head().size < until) {
    REQUIRE(file.append(entry(file.head().size), Purpose::kOpening));
    heads.push_back(file.head());
  }
  return heads;
}

TreeHead expected(std::uint64_t size) {
  MerkleTree tree;
  for (std::uint64_t i = 0; i < size; ++i) tree.append(leaf(i));
  return tree.head();
}

}  // namespace

TEST_CASE("audit rotation: one tree over all files, the same after opening again") {
  const Folder folder;
  constexpr std::uint64_t kEntries = 400;
  {
    const auto file = open_log(folder, 1U << 20U);
    fill(*file, kEntries);
    CHECK(file->closed().size() > 5);
    CHECK(file->head() == expected(kEntries));
  }
  const auto file = open_log(folder, 1U << 20U);
  CHECK(file->head() == expected(kEntries));
  const auto all = file->read({.limit = 10'000});
  REQUIRE(all);
  REQUIRE(all->size() == kEntries);
  for (std::uint64_t i = 0; i < kEntries; ++i) CHECK((*all)[i] == entry(i));
  const auto newest = file->read({.limit = 150});
  REQUIRE(newest);
  REQUIRE(newest->size() == 150);
  CHECK(newest->front() == entry(kEntries - 150));
  fill(*file, kEntries + 100);
  CHECK(file->head() == expected(kEntries + 100));
}

TEST_CASE("audit rotation: the log is bounded, and what is left can be proved") {
  const Folder folder;
  const auto file = open_log(folder);
  const auto heads = fill(*file, 2000);
  CHECK(folder.bytes() < kTotal + 2 * kFile + (64U << 10U));  // 64 KiB: the list of hashes
  CHECK(folder.files() < 12);
  std::uint64_t oldest = 0;
  for (const auto& segment : file->closed()) {
    if (segment.gone) oldest = segment.entries.end();
  }
  REQUIRE(oldest > 500);
  const auto left = file->read({.limit = 10'000});
  REQUIRE(left);
  CHECK(left->front() == entry(oldest));
  CHECK(left->back() == entry(1999));
  for (std::uint64_t i = oldest; i < 2000; i += 7) {
    const auto proof = file->prove_inclusion(i);
    REQUIRE(proof);
    CHECK(verify_inclusion(leaf(i), i, *proof, file->head()));
  }
  CHECK(file->prove_inclusion(2000).error().code == ErrorCode::kNotFound);
  // Proofs from each head at which a file was closed (also deleted files), and from each later
  // head.
  for (const auto& segment : file->closed()) {
    const auto size = segment.entries.end();
    const auto proof = file->prove_consistency(size);
    REQUIRE(proof);
    CHECK(verify_consistency(heads[size - 1], file->head(), *proof));
  }
  for (std::uint64_t size = oldest; size <= 2000; size += 11) {
    const auto proof = file->prove_consistency(size);
    REQUIRE(proof);
    CHECK(verify_consistency(heads[size - 1], file->head(), *proof));
  }
  CHECK(file->prove_consistency(2001).error().code == ErrorCode::kNotFound);
}

TEST_CASE("audit rotation: a crash between any two steps loses nothing") {
  const Folder folder;
  std::uint64_t before = 0;
  {
    const auto file = open_log(folder);
    fill(*file, 10);
    while (file->closed().empty()) fill(*file, file->head().size + 1);
    before = file->head().size;
  }
  const auto log = folder.log().string();
  const auto closed = log + ".0";
  const auto next = log + ".next";
  SECTION("after the next file was made") { std::ofstream(next) << ""; }
  SECTION("after the list was written") {
    fs::remove(log);
    fs::rename(closed, log);
    std::ofstream(next) << "";
    before = open_log(folder)->closed().front().entries.end();
  }
  SECTION("after the full file was renamed") {
    fs::rename(log, next);  // before its entries were written
    before = 0;
    const auto file = open_log(folder);
    before = file->closed().front().entries.end();
  }
  const auto file = open_log(folder);
  CHECK(file->head() == expected(before));
  CHECK(fs::exists(closed));
  CHECK_FALSE(fs::exists(next));
  fill(*file, before + 100);
  CHECK(file->head() == expected(before + 100));
  // The log is still locked.
  CHECK(AuditFile::open(folder.log()).error().code == ErrorCode::kConflict);
}

TEST_CASE(
    "audit rotation: a closed file that somebody removed is gone, one that was changed is told") {
  const Folder folder;
  {
    const auto file = open_log(folder, 1U << 20U);
    fill(*file, 300);
  }
  const auto first = folder.log().string() + ".0";
  SECTION("removed") {
    fs::remove(first);
    const auto file = open_log(folder, 1U << 20U);
    CHECK(file->head() == expected(300));
    CHECK(file->closed().front().gone);
    CHECK(file->prove_inclusion(1).error().code == ErrorCode::kNotFound);
    CHECK(file->prove_inclusion(250));
  }
  SECTION("changed") {
    std::string text;
    {
      std::ifstream in(first);
      text.assign(std::istreambuf_iterator<char>(in), {});
    }
    text[text.find("alice")] = 'm';
    std::ofstream(first, std::ios::trunc) << text;
    const auto file = open_log(folder, 1U << 20U);
    CHECK(file->prove_inclusion(1).error().code == ErrorCode::kInvalid);
    CHECK(file->prove_inclusion(250));
  }
  SECTION("the list damaged") {
    std::ofstream(folder.log().string() + ".tree", std::ios::app) << "x";
    const auto file = AuditFile::open(folder.log(), kReserve, kFile, kTotal);
    REQUIRE_FALSE(file);
    CHECK(file.error().message.find(".tree") != std::string::npos);
  }
}

TEST_CASE("audit rotation: the list of closed files has one spelling") {
  runtime::AuditSegment first{Subtrees(), 100, true};
  for (std::uint64_t i = 0; i < 13; ++i) first.entries.append(leaf(i));
  runtime::AuditSegment second{Subtrees(13), 50, false};
  for (std::uint64_t i = 13; i < 20; ++i) second.entries.append(leaf(i));
  const std::vector<runtime::AuditSegment> list = {first, second};
  const auto text = runtime::render(list);
  const auto parsed = runtime::parse_segments(text);
  REQUIRE(parsed);
  CHECK(*parsed == list);
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto bad = text;
    bad[i] = bad[i] == 'f' ? 'e' : 'f';
    const auto again = runtime::parse_segments(bad);
    if (again) CHECK(*again != list);
    CHECK((!again || runtime::render(*again) == bad));
  }
}

TEST_CASE("audit rotation: too many records are joined, the oldest first") {
  std::vector<runtime::AuditSegment> list;
  std::uint64_t next = 0;
  for (std::size_t i = 0; i < runtime::kMaxAuditSegments + 10; ++i, ++next) {
    runtime::AuditSegment one{Subtrees(next), 10, false};
    one.entries.append(leaf(next));
    list.push_back(std::move(one));
  }
  const auto removed = runtime::retain(list, 100, "/x/audit.log");
  CHECK(removed.size() == runtime::kMaxAuditSegments);
  CHECK(removed.front() == "/x/audit.log.0");
  CHECK(list.size() == runtime::kMaxAuditSegments);
  MerkleTree tree;
  for (const auto& one : list) REQUIRE(tree.add(one.entries));
  CHECK(tree.size() == next);
}
