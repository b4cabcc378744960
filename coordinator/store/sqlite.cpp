#include "coordinator/store/sqlite.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <set>

namespace culvert::coordinator {
namespace {

std::string_view column_text(sqlite3_stmt* statement, int column) {
  const auto* raw = sqlite3_column_blob(statement, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
  return {static_cast<const char*>(raw), size};
}

}  // namespace

// A prepared statement. The constructor's caller binds the parameters in order.
class SqliteStore::Statement {
 public:
  Statement(sqlite3* database, std::string_view sql) {
    ok_ = sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &raw_, nullptr) ==
          SQLITE_OK;
  }
  ~Statement() { sqlite3_finalize(raw_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& text(std::string_view value) {
    return check(sqlite3_bind_text(raw_, ++bound_, value.data(), static_cast<int>(value.size()),
                                   SQLITE_TRANSIENT));
  }
  Statement& blob(ByteView value) {
    return check(sqlite3_bind_blob(raw_, ++bound_, value.data(), static_cast<int>(value.size()),
                                   SQLITE_TRANSIENT));
  }
  Statement& number(std::int64_t value) { return check(sqlite3_bind_int64(raw_, ++bound_, value)); }

  bool row() {  // false: no more rows, or an error
    if (!ok_) return false;
    const int status = sqlite3_step(raw_);
    ok_ = status == SQLITE_ROW || status == SQLITE_DONE;
    return status == SQLITE_ROW;
  }
  bool done() {  // runs a statement without rows, then resets it
    while (row()) {
    }
    bound_ = 0;
    if (ok_) sqlite3_reset(raw_);
    return ok_;
  }
  bool ok() const { return ok_; }

  std::string text_at(int column) const { return std::string(column_text(raw_, column)); }
  std::int64_t number_at(int column) const { return sqlite3_column_int64(raw_, column); }
  std::uint64_t unsigned_at(int column) const {
    return static_cast<std::uint64_t>(number_at(column));
  }

 private:
  Statement& check(int status) {
    ok_ = ok_ && status == SQLITE_OK;
    return *this;
  }

  sqlite3_stmt* raw_ = nullptr;
  int bound_ = 0;
  bool ok_ = false;
};

void SqliteStore::Close::operator()(sqlite3* database) const { sqlite3_close(database); }

SqliteStore::SqliteStore(std::string path, std::unique_ptr<sqlite3, Close> database)
    : path_(std::move(path)), database_(std::move(database)) {}
SqliteStore::~SqliteStore() = default;

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path,
                                                       std::uint64_t max_site_audit) {
  // Creates the file before SQLite does, so that it is private from its first byte. SQLite's side
  // files copy the mode.
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return fail(ErrorCode::kUnavailable, "cannot open the store " + path + ": " +
                                             std::strerror(errno) + " (check the state folder)");
  }
  ::close(descriptor);
  sqlite3* raw = nullptr;
  const int status = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr);
  std::unique_ptr<SqliteStore> store(new SqliteStore(path, std::unique_ptr<sqlite3, Close>(raw)));
  store->max_site_audit_ = max_site_audit;
  if (status != SQLITE_OK) return store->trouble("cannot open the store");
  sqlite3_busy_timeout(raw, kBusyMilliseconds);
  // Before the first write.
  if (auto ours = store->check_ours(); !ours) return fail_with(ours.error());
  for (const std::string_view setting :
       {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA trusted_schema = OFF"}) {
    if (auto ok = store->run(setting); !ok) return fail_with(ok.error());
  }
  if (auto ok = store->migrate(); !ok) return fail_with(ok.error());
  return store;
}

Status SqliteStore::commit(const Batch& batch) {
  if (batch.empty()) return {};
  auto done = empty_reserve();  // first, since its batches are older
  if (done) done = commit_here(batch);
  writable_ = done.has_value();
  if (done || !batch.revokes || !reserve_) return done;
  return reserve_->append(batch);
}

Status SqliteStore::use_reserve() {
  auto reserve = Reserve::open(path_ + "-reserve");
  if (!reserve) return fail_with(reserve.error());
  reserve_ = *std::move(reserve);
  writable_ = empty_reserve().has_value();
  return {};
}

// Moves the reserve's batches into the store. If the coordinator ends in between, a batch is moved
// twice, which adds nothing.
Status SqliteStore::empty_reserve() {
  if (!reserve_ || reserve_->held().empty()) return {};
  Batch all;
  for (const auto& batch : reserve_->held()) {
    all.put.insert(all.put.end(), batch.put.begin(), batch.put.end());
    all.audit.insert(all.audit.end(), batch.audit.begin(), batch.audit.end());
  }
  if (auto moved = commit_here(all); !moved) return moved;
  return reserve_->clear();
}

Status SqliteStore::probe() {
  auto done = empty_reserve();
  // The probe: sets a value that does not change. SQLite writes and syncs its first page all the
  // same.
  if (done) done = run("PRAGMA user_version = " + std::to_string(kSchemaVersion));
  // SQLite may write into room that its log has already, so only new room shows that the disk is
  // full.
  if (done && reserve_) done = reserve_->try_room();
  writable_ = done.has_value();
  return done;
}

bool SqliteStore::can_revoke() const {
  return writable_ || (reserve_ && reserve_->left() >= kLeastReserve);
}

Result<std::uint64_t> SqliteStore::position() {
  return number("SELECT coalesce(sum(seq), 0) FROM sqlite_sequence");
}

Result<std::optional<std::string>> SqliteStore::clock() {
  Statement read(database_.get(), "SELECT text FROM clock");
  std::optional<std::string> out;
  if (read.row()) out = read.text_at(0);
  if (!read.ok()) return trouble("cannot read the store");
  return out;
}

Status SqliteStore::commit_here(const Batch& batch) {
  if (auto begun = run("BEGIN IMMEDIATE"); !begun) return begun;
  auto written = write(batch);
  if (written) written = run("COMMIT");
  if (!written && sqlite3_get_autocommit(database_.get()) == 0) (void)run("ROLLBACK");
  return written;
}

Status SqliteStore::write(const Batch& batch) {
  Statement put(database_.get(),
                "INSERT INTO notes(id, note, arrived) VALUES(?, ?, ?) "
                "ON CONFLICT(id) DO UPDATE SET note = excluded.note");
  for (const auto& row : batch.put) {
    put.blob(row.id.view()).text(row.note).number(row.arrived.seconds);
    if (!put.done()) return trouble("cannot write to the store");
  }
  Statement erase(database_.get(), "DELETE FROM notes WHERE id = ?");
  for (const auto& id : batch.erase) {
    erase.blob(id.view());
    if (!erase.done()) return trouble("cannot write to the store");
  }
  if (batch.clock) {
    Statement clock(database_.get(), "INSERT OR REPLACE INTO clock(one, text) VALUES(1, ?)");
    if (!clock.text(*batch.clock).done()) return trouble("cannot write to the store");
  }
  return write_audit(batch.audit);
}

Status SqliteStore::write_audit(const std::vector<AuditRow>& rows) {
  Statement add(database_.get(),
                "INSERT INTO audit(source, position, site, at, line) SELECT ?1, ?2, ?3, ?4, ?5 "
                "WHERE ?2 > coalesce((SELECT max(position) FROM audit WHERE source = ?1), -1)");
  Statement count(database_.get(),
                  "INSERT INTO audit_share(site, source, bytes) VALUES(?1, ?2, ?3) "
                  "ON CONFLICT(site, source) DO UPDATE SET bytes = bytes + excluded.bytes");
  std::set<std::string> touched;
  for (const auto& row : rows) {
    add.text(row.source).number(static_cast<std::int64_t>(row.index)).text(row.site);
    add.number(row.at.seconds).text(row.line);
    if (!add.done()) return trouble("cannot write to the store");
    if (sqlite3_changes(database_.get()) == 0) continue;  // the row was stored before
    count.text(row.site).text(row.source).number(static_cast<std::int64_t>(size_of(row)));
    if (!count.done()) return trouble("cannot write to the store");
    touched.insert(row.site);
  }
  for (const auto& site : touched) {
    if (auto kept = keep_share(site); !kept) return kept;
  }
  return {};
}

// Until the site is within its share, erases the oldest lines of the source with the most bytes.
Status SqliteStore::keep_share(const std::string& site) {
  Statement sum(database_.get(), "SELECT sum(bytes) FROM audit_share WHERE site = ?");
  sum.text(site);
  auto total = sum.row() ? sum.unsigned_at(0) : 0;
  while (total > max_site_audit_) {
    Statement oldest(database_.get(),
                     "SELECT number, source, length(CAST(line AS BLOB)) FROM audit WHERE site = ?1 "
                     "AND source = (SELECT source FROM audit_share WHERE site = ?1 "
                     "ORDER BY bytes DESC, source LIMIT 1) AND position < (SELECT max(position) "
                     "FROM audit AS newer WHERE newer.source = audit.source) "
                     "ORDER BY number LIMIT 1");
    oldest.text(site);
    if (!oldest.row()) return oldest.ok() ? Status{} : trouble("cannot read the store");
    const auto bytes = oldest.unsigned_at(2) + kAuditRowOverhead;
    Statement less(database_.get(),
                   "UPDATE audit_share SET bytes = bytes - ?3 WHERE site = ?1 AND source = ?2");
    less.text(site).text(oldest.text_at(1)).number(static_cast<std::int64_t>(bytes));
    Statement erase(database_.get(), "DELETE FROM audit WHERE number = ?");
    erase.number(oldest.number_at(0));
    if (!less.done() || !erase.done()) return trouble("cannot write to the store");
    total -= bytes;
  }
  return {};
}

Result<std::vector<NoteRow>> SqliteStore::notes() {
  Statement read(database_.get(), "SELECT id, note, arrived FROM notes ORDER BY number");
  std::vector<NoteRow> out;
  while (read.row()) {
    const auto id = crypto::Hash::from(view(read.text_at(0)));
    if (!id) return fail(ErrorCode::kInvalid, "the store " + path_ + " is damaged");
    out.push_back({*id, read.text_at(1), WallTime{read.number_at(2)}});
  }
  if (!read.ok()) return trouble("cannot read the store");
  if (!reserve_) return out;
  for (const auto& batch : reserve_->held()) {
    out.insert(out.end(), batch.put.begin(), batch.put.end());
  }
  return out;
}

Result<std::vector<StoredAudit>> SqliteStore::audit(const AuditFilter& filter) {
  const auto limit = static_cast<std::int64_t>(std::min(filter.limit, kMaxAuditPage));
  const std::string sql =
      std::string("SELECT number, source, position, site, at, line FROM audit ") +
      (filter.before ? "WHERE number < ?1 " : "WHERE number > ?1 ") +
      (filter.site ? "AND site = ?3 " : "") + "ORDER BY number " + (filter.before ? "DESC " : "") +
      "LIMIT ?2";
  const auto newest = std::numeric_limits<std::int64_t>::max();
  const auto edge = static_cast<std::int64_t>(filter.before.value_or(filter.after));
  Statement read(database_.get(), sql);
  read.number(filter.before && edge <= 0 ? newest : edge).number(limit);
  if (filter.site) read.text(*filter.site);
  std::vector<StoredAudit> out;
  while (read.row()) {
    out.push_back({read.unsigned_at(0),
                   {read.text_at(1), read.unsigned_at(2), read.text_at(3),
                    WallTime{read.number_at(4)}, read.text_at(5)}});
  }
  if (!read.ok()) return trouble("cannot read the store");
  return out;
}

Result<std::uint64_t> SqliteStore::next_index(const std::string& source) {
  Statement read(database_.get(),
                 "SELECT coalesce(max(position) + 1, 0) FROM audit WHERE source = ?");
  read.text(source);
  if (!read.row()) return trouble("cannot read the store");
  auto next = read.unsigned_at(0);
  if (!reserve_) return next;
  for (const auto& batch : reserve_->held()) {
    for (const auto& row : batch.audit) {
      if (row.source == source) next = std::max(next, row.index + 1);
    }
  }
  return next;
}

Result<std::uint64_t> SqliteStore::version() { return number("PRAGMA data_version"); }

Result<std::uint64_t> SqliteStore::number(std::string_view sql) {
  Statement read(database_.get(), sql);
  if (!read.row()) return trouble("cannot read the store");
  return read.unsigned_at(0);
}

Status SqliteStore::run(std::string_view sql) {
  if (sqlite3_exec(database_.get(), std::string(sql).c_str(), nullptr, nullptr, nullptr) ==
      SQLITE_OK) {
    return {};
  }
  return trouble("cannot use the store");
}

tl::unexpected<Error> SqliteStore::trouble(std::string_view doing) const {
  const int code = sqlite3_errcode(database_.get()) & 0xFF;
  std::string hint;
  if (code == SQLITE_FULL) hint = " (free some space on the disk)";
  if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) hint = " (restore it from a backup)";
  if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN) {
    hint = " (the state folder must be writable)";
  }
  return fail(ErrorCode::kUnavailable,
              std::string(doing) + " " + path_ + ": " + sqlite3_errmsg(database_.get()) + hint);
}

}  // namespace culvert::coordinator
