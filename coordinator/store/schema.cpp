// The schema of the store on disk, version by version, and the migration from an older version. See
// docs/operations/coordinator.md, Upgrades.
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "coordinator/store/sqlite.hpp"

namespace culvert::coordinator {
namespace {

// Version 1. `number` keeps the order of first arrival. AUTOINCREMENT never reuses a number.
constexpr std::string_view kSchema1 = R"(
CREATE TABLE notes(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id BLOB NOT NULL UNIQUE CHECK(length(id) = 32),
  note TEXT NOT NULL,
  arrived INTEGER NOT NULL);
CREATE TABLE audit(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  source TEXT NOT NULL,
  position INTEGER NOT NULL,
  site TEXT NOT NULL,
  at INTEGER NOT NULL,
  line TEXT NOT NULL);
CREATE INDEX audit_by_site ON audit(site, number);
CREATE UNIQUE INDEX audit_by_source ON audit(source, position);
)";

// Version 2 marks the file as Culvert's ("CLVT"), so that the coordinator never writes to another
// program's SQLite file and notices a lost or changed mark.
constexpr std::uint64_t kApplicationId = 0x434C5654;
//
// Version 2 also counts the bytes of each source's audit lines at each site, with kAuditRowOverhead
// for each line.
constexpr std::string_view kSchema2 = R"(
PRAGMA application_id = 1129076308;
CREATE TABLE audit_share(
  site TEXT NOT NULL,
  source TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY(site, source)) WITHOUT ROWID;
CREATE INDEX audit_share_by_bytes ON audit_share(site, bytes);
CREATE INDEX audit_by_share ON audit(site, source, number);
INSERT INTO audit_share SELECT site, source, sum(length(CAST(line AS BLOB)) + 128) FROM audit
  GROUP BY site, source;
)";
static_assert(kAuditRowOverhead == 128);

// Version 3 keeps the store's clock (trust::StoreClock), by which revocations are forgotten.
constexpr std::string_view kSchema3 = R"(
CREATE TABLE clock(one INTEGER PRIMARY KEY CHECK(one = 1), text TEXT NOT NULL);
)";

// The n-th migration leads from version n to n + 1. A released migration never changes. A new
// migration comes with a fixture of the version before it (tests/coordinator/stores).
constexpr std::array kMigrations = {kSchema1, kSchema2, kSchema3};
static_assert(kMigrations.size() == kSchemaVersion);
static_assert(kApplicationId == 1129076308);

Status sync(const std::string& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
  const bool good = descriptor >= 0 && ::fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (good) return {};
  return fail(ErrorCode::kUnavailable, path + ": " + std::strerror(error));
}

}  // namespace

// Migrates in one transaction, so an error leaves the store as it was. A second process waits for
// the transaction's lock and then finds nothing to do.
Status SqliteStore::migrate() {
  if (auto begun = run("BEGIN IMMEDIATE"); !begun) return begun;
  auto migrated = [&]() -> Status {
    const auto version = number("PRAGMA user_version");
    if (!version) return fail_with(version.error());
    if (auto ours = check_ours(); !ours) return ours;
    if (*version == kSchemaVersion) return {};
    if (*version > 0) {
      if (auto copied = back_up(*version); !copied) return copied;
    }
    for (auto next = *version; next < kSchemaVersion; ++next) {
      if (auto done = run(kMigrations.at(next)); !done) return done;
    }
    return run("PRAGMA user_version = " + std::to_string(kSchemaVersion));
  }();
  if (migrated) migrated = run("COMMIT");
  if (!migrated && sqlite3_get_autocommit(database_.get()) == 0) (void)run("ROLLBACK");
  return migrated;
}

Status SqliteStore::check_ours() {
  const auto found = number("PRAGMA user_version");
  if (!found) return fail_with(found.error());
  const auto version = *found;
  if (version > kSchemaVersion) {
    return fail(ErrorCode::kConflict, "the store " + path_ + " has schema version " +
                                          std::to_string(version) + ", newer than this program's " +
                                          std::to_string(kSchemaVersion) +
                                          ": run the newer program, or put back the copy " + path_ +
                                          ".v" + std::to_string(kSchemaVersion) + " that it made");
  }
  const auto tables = number("SELECT count(*) FROM sqlite_schema WHERE type = 'table'");
  const auto known = number(
      "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('notes', 'audit')");
  const auto mark = number("PRAGMA application_id");
  if (!tables || !known || !mark) return trouble("cannot read the store");
  const bool ours = version == 0   ? *tables == 0
                    : version == 1 ? *known == 2
                                   : *known == 2 && *mark == kApplicationId;
  if (ours) return {};
  return fail(ErrorCode::kConflict, "the SQLite file " + path_ +
                                        " is not a coordinator's store; name another folder, or "
                                        "restore the store from a backup");
}

// Writes a whole copy of the old version beside the store, durable before anything changes. The
// caller holds the write lock; a second connection reads the committed state.
Status SqliteStore::back_up(std::uint64_t version) {
  const auto copy = path_ + ".v" + std::to_string(version);
  const auto unfinished = copy + ".tmp";
  const auto failed = [&](const std::string& why) {
    ::unlink(unfinished.c_str());
    return fail(ErrorCode::kUnavailable,
                "cannot copy the store to " + copy + " before it is migrated: " + why +
                    " (the folder needs as much free space as the store has)");
  };
  ::unlink(unfinished.c_str());
  const int made = ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (made < 0) return failed(std::strerror(errno));
  ::close(made);
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open_v2(path_.c_str(), &raw, SQLITE_OPEN_READONLY, nullptr);
  const std::unique_ptr<sqlite3, Close> reader(raw);
  sqlite3_stmt* vacuum = nullptr;
  bool good = opened == SQLITE_OK &&
              sqlite3_prepare_v2(raw, "VACUUM INTO ?", -1, &vacuum, nullptr) == SQLITE_OK &&
              sqlite3_bind_text(vacuum, 1, unfinished.c_str(), -1, SQLITE_STATIC) == SQLITE_OK;
  good = good && sqlite3_step(vacuum) == SQLITE_DONE;
  const std::string why = good ? "" : sqlite3_errmsg(raw);
  sqlite3_finalize(vacuum);
  if (!good) return failed(why);
  if (auto synced = sync(unfinished, O_RDWR); !synced) return failed(synced.error().message);
  if (std::rename(unfinished.c_str(), copy.c_str()) != 0) return failed(std::strerror(errno));
  auto folder = std::filesystem::path(path_).parent_path();
  if (folder.empty()) folder = ".";
  if (auto synced = sync(folder, O_RDONLY | O_DIRECTORY); !synced) {
    return failed(synced.error().message);
  }
  return {};
}

}  // namespace culvert::coordinator
