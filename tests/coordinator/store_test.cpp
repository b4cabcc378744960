// Both stores behave the same; the store on disk survives a kill.
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "coordinator/store/sqlite.hpp"
#include "proto/core/rng.hpp"
#include "proto/crypto/hash.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/seeded_rng.hpp"

namespace culvert::coordinator {
namespace {

class TempFolder {
 public:
  TempFolder() {
    std::string name = "/tmp/culvert-store-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::string file() const { return path_ + "/coordinator.db"; }

 private:
  std::string path_;
};

crypto::Hash hash_of(std::uint64_t number) {
  return crypto::sha256(view("note " + std::to_string(number)));
}
NoteRow row(std::uint64_t number, std::string_view more = "") {
  return {hash_of(number), "note " + std::to_string(number) + std::string(more), WallTime{5}};
}

Batch random_batch(SeededRng& rng) {
  Batch batch;
  for (std::uint64_t i = rng.below(4); i > 0; --i) {
    batch.put.push_back(row(rng.below(30), "/" + std::to_string(rng.below(3))));
  }
  for (std::uint64_t i = rng.below(3); i > 0; --i) batch.erase.push_back(hash_of(rng.below(30)));
  for (std::uint64_t i = rng.below(4); i > 0; --i) {
    const auto number = rng.below(40);
    batch.audit.push_back({"source " + std::to_string(rng.below(3)), number,
                           "site " + std::to_string(rng.below(3)), WallTime{7},
                           "line with 'quotes' and\nline feed " + std::to_string(number)});
  }
  return batch;
}

void check_equal(Store& a, Store& b) {
  CHECK(a.notes().value() == b.notes().value());
  for (std::uint64_t source = 0; source < 4; ++source) {
    const auto name = "source " + std::to_string(source);
    CHECK(a.next_index(name).value() == b.next_index(name).value());
  }
  // Numbers may have gaps on disk: the test compares order and content.
  for (const std::string site : {"", "site 0", "site 1", "site 9"}) {
    AuditFilter filter;
    if (!site.empty()) filter.site = site;
    const auto left = a.audit(filter).value();
    const auto right = b.audit(filter).value();
    REQUIRE(left.size() == right.size());
    for (std::size_t i = 0; i < left.size(); ++i) CHECK(left[i].row == right[i].row);
    if (left.empty()) continue;
    filter.after = right[right.size() / 2].number;
    filter.limit = 2;
    const auto page = b.audit(filter).value();
    for (const auto& stored : page) CHECK(stored.number > filter.after);
    filter.limit = kMaxAuditPage;
    filter.before = 0;  // the same rows in reverse
    const auto backwards = b.audit(filter).value();
    REQUIRE(backwards.size() == right.size());
    for (std::size_t i = 0; i < right.size(); ++i) {
      CHECK(backwards[i] == right[right.size() - 1 - i]);
    }
    filter.before = right.back().number;
    CHECK(b.audit(filter).value().size() == right.size() - 1);
    CHECK(a.audit({filter.site, 0, left.back().number}).value().size() == left.size() - 1);
  }
}

TEST_CASE("store: memory and SQLite agree under random operations and reopening") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    INFO("seed " << seed);
    SeededRng rng(seed);
    const TempFolder folder;
    const std::uint64_t share = seed % 2 == 0 ? kMaxSiteAudit : 700;  // 700: four lines
    auto disk = SqliteStore::open(folder.file(), share).value();
    MemoryStore memory(share);
    for (int step = 0; step < 60; ++step) {
      const auto batch = random_batch(rng);
      REQUIRE(disk->commit(batch).has_value());
      REQUIRE(memory.commit(batch).has_value());
      if (rng.below(10) == 0) {
        disk.reset();
        disk = SqliteStore::open(folder.file(), share).value();
      }
      if (step % 10 == 9) check_equal(*disk, memory);
    }
  }
}

TEST_CASE("store: pages of the audit log are bounded and go on") {
  const TempFolder folder;
  auto disk = SqliteStore::open(folder.file()).value();
  Batch batch;
  for (std::uint64_t i = 0; i < kMaxAuditPage + 10; ++i) {
    batch.audit.push_back({"s", i, "", WallTime{1}, std::to_string(i)});
  }
  REQUIRE(disk->commit(batch).has_value());
  AuditFilter filter;
  filter.limit = 10'000;
  const auto first = disk->audit(filter).value();
  CHECK(first.size() == kMaxAuditPage);
  filter.after = first.back().number;
  CHECK(disk->audit(filter).value().size() == 10);
}

TEST_CASE("store: a source that floods the audit log pushes out its own lines alone") {
  constexpr std::uint64_t kShare = 64U << 10U;
  const TempFolder folder;
  auto disk = SqliteStore::open(folder.file(), kShare).value();
  const auto put = [&](const std::string& source, std::uint64_t index, const std::string& site,
                       std::size_t size) {
    Batch batch;
    batch.audit.push_back({source, index, site, WallTime{1}, std::string(size, 'x')});
    REQUIRE(disk->commit(batch).has_value());
  };
  const auto count = [&](const std::string& source, const std::string& site) {
    std::size_t found = 0;
    AuditFilter filter{site, 0, {}};
    for (;;) {
      const auto rows = disk->audit(filter).value();
      for (const auto& stored : rows) found += stored.row.source == source ? 1U : 0U;
      if (rows.size() < kMaxAuditPage) return found;
      filter.after = rows.back().number;
    }
  };
  for (std::uint64_t i = 0; i < 20; ++i) put("coordinator", i, "a", 200);
  for (std::uint64_t i = 0; i < 20; ++i) put("quiet", i, "a", 200);
  for (std::uint64_t i = 0; i < 20; ++i) put("quiet elsewhere", i, "b", 200);
  for (std::uint64_t i = 0; i < 500; ++i) put("flood", i, "a", 3900);
  CHECK(count("coordinator", "a") == 20);
  CHECK(count("quiet", "a") == 20);
  CHECK(count("quiet elsewhere", "b") == 20);
  const auto kept = count("flood", "a");
  CHECK(kept > 5);
  CHECK(kept * (3900 + kAuditRowOverhead) <= kShare);
  CHECK(disk->next_index("flood").value() == 500);  // a reporter's newest line is never dropped
  const auto newest = disk->audit({"a", 0, 0}).value();
  CHECK(newest.front().row.index == 499);
}

TEST_CASE("store: a killed process's commits are there") {
  const TempFolder folder;
  int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {  // commits until killed; prints each number after its commit
    auto disk = SqliteStore::open(folder.file());
    for (std::uint8_t number = 0; disk && number < 250; ++number) {
      Batch batch;
      batch.put.push_back(row(number));
      if (!(*disk)->commit(batch) || write(pipe_ends[1], &number, 1) != 1) break;
    }
    pause();
    _exit(0);
  }
  std::uint8_t number = 0;
  while (number < 40 && read(pipe_ends[0], &number, 1) == 1) {
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  CHECK(number == 40);
  const auto rows = SqliteStore::open(folder.file()).value()->notes().value();
  REQUIRE(rows.size() > number);
  for (std::uint64_t i = 0; i <= number; ++i) CHECK(rows[i] == row(i));
}

TEST_CASE("store: another process's commit changes the version, one's own does not") {
  const TempFolder folder;
  auto mine = SqliteStore::open(folder.file()).value();
  auto other = SqliteStore::open(folder.file()).value();
  Batch batch;
  batch.put.push_back(row(1));
  const auto before = mine->version().value();
  REQUIRE(mine->commit(batch).has_value());
  CHECK(mine->version().value() == before);
  REQUIRE(other->commit(batch).has_value());
  CHECK(mine->version().value() != before);
}

TEST_CASE("store: a newer schema, a foreign file, a path that is no folder: one clear line each") {
  const TempFolder folder;
  { auto made = SqliteStore::open(folder.file()).value(); }
  struct stat info {};
  REQUIRE(stat(folder.file().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777U) == 0600U);
  sqlite3* raw = nullptr;
  REQUIRE(sqlite3_open(folder.file().c_str(), &raw) == SQLITE_OK);
  REQUIRE(sqlite3_exec(raw, "PRAGMA user_version = 99", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(raw);
  const auto newer = SqliteStore::open(folder.file());
  REQUIRE_FALSE(newer.has_value());
  CHECK(newer.error().message.find("schema version 99") != std::string::npos);

  const TempFolder rubbish;
  const int descriptor = open(rubbish.file().c_str(), O_WRONLY | O_CREAT, 0600);
  REQUIRE(write(descriptor, std::string(8192, 'x').c_str(), 8192) == 8192);
  close(descriptor);
  const auto damaged = SqliteStore::open(rubbish.file());
  REQUIRE_FALSE(damaged.has_value());
  CHECK(damaged.error().message.find(rubbish.file()) != std::string::npos);

  CHECK(SqliteStore::open("/nonexistent/x.db").error().code == ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace culvert::coordinator
