// The store on disk: SQLite in WAL mode with synchronous=FULL, so that a commit that has returned
// survives a power cut. `PRAGMA user_version` is the schema's version (schema.cpp): an older schema
// is copied to FILE.vN and then migrated in one transaction, a newer schema is refused. Other
// processes may read and write the same file meanwhile.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "coordinator/store/reserve.hpp"
#include "coordinator/store/store.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace culvert::coordinator {

inline constexpr std::uint64_t kSchemaVersion = 3;
inline constexpr int kBusyMilliseconds = 5000;  // a commit waits for another process

class SqliteStore final : public Store {
 public:
  // Makes the file (0600) if there is none. Errors name the path and what to do.
  static Result<std::unique_ptr<SqliteStore>> open(const std::string& path,
                                                   std::uint64_t max_site_audit = kMaxSiteAudit);
  ~SqliteStore() override;

  Status commit(const Batch& batch) override;
  Result<std::vector<NoteRow>> notes() override;
  Result<std::vector<StoredAudit>> audit(const AuditFilter& filter) override;
  Result<std::uint64_t> next_index(const std::string& source) override;
  Result<std::uint64_t> version() override;
  Result<std::optional<std::string>> clock() override;
  Result<std::uint64_t> position() override;
  Status probe() override;
  bool can_revoke() const override;

  // Sets room for revocations aside in FILE-reserve, or takes over an existing FILE-reserve. Only
  // the running coordinator calls this. On a full disk the room may be missing; probe() makes it
  // later.
  Status use_reserve();
  std::size_t reserve_left() const { return reserve_ ? reserve_->left() : 0; }

 private:
  class Statement;
  struct Close {
    void operator()(sqlite3* database) const;
  };

  SqliteStore(std::string path, std::unique_ptr<sqlite3, Close> database);
  Status run(std::string_view sql);
  Status commit_here(const Batch& batch);
  Status empty_reserve();
  Status migrate();
  Status check_ours();
  Status back_up(std::uint64_t version);
  Result<std::uint64_t> number(std::string_view sql);
  Status write(const Batch& batch);
  Status write_audit(const std::vector<AuditRow>& rows);
  Status keep_share(const std::string& site);
  tl::unexpected<Error> trouble(std::string_view doing) const;

  std::string path_;
  std::uint64_t max_site_audit_ = kMaxSiteAudit;
  std::unique_ptr<sqlite3, Close> database_;
  std::unique_ptr<Reserve> reserve_;
  bool writable_ = true;  // result of the last commit or probe
};

}  // namespace culvert::coordinator
