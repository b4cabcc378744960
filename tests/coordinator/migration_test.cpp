// Stores of every earlier schema version are migrated to the newest version, or stay unchanged.
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "coordinator/store/sqlite.hpp"

namespace culvert::coordinator {
namespace {

// A folder with a store of an earlier version, read without the product's code.
class OldStore {
 public:
  explicit OldStore(std::uint64_t version) {
    std::string name = "/tmp/culvert-migration-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder_ = name;
    if (version == 0) {
      std::ofstream(file()).flush();  // as after a program that was killed while creating the store
      return;
    }
    std::ifstream dump(STORES + ("/v" + std::to_string(version) + ".sql"));
    std::stringstream sql;
    sql << dump.rdbuf();
    INFO("every released schema needs its fixture");
    REQUIRE_FALSE(sql.str().empty());
    run(sql.str());
  }
  ~OldStore() { std::filesystem::remove_all(folder_); }
  OldStore(const OldStore&) = delete;
  OldStore& operator=(const OldStore&) = delete;

  std::string file() const { return folder_ + "/coordinator.db"; }
  void run(const std::string& sql) const {
    sqlite3* raw = nullptr;
    REQUIRE(sqlite3_open(file().c_str(), &raw) == SQLITE_OK);
    char* why = nullptr;
    const int done = sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, &why);
    INFO((why != nullptr ? why : ""));
    sqlite3_close(raw);
    REQUIRE(done == SQLITE_OK);
  }
  // All rows of the answer as one text. Read-only, so that reading repairs nothing.
  static std::string ask(const std::string& path, const std::string& sql) {
    sqlite3* raw = nullptr;
    std::string out;
    const auto add = [](void* to, int columns, char** values, char**) {
      for (int i = 0; i < columns; ++i) {
        *static_cast<std::string*>(to) += std::string(values[i] ? values[i] : "null") + "|";
      }
      return 0;
    };
    const bool good =
        sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK &&
        sqlite3_exec(raw, sql.c_str(), add, &out, nullptr) == SQLITE_OK;
    sqlite3_close(raw);
    return good ? out : "cannot be read";
  }
  static std::string content(const std::string& path) {
    return ask(path,
               "PRAGMA integrity_check; SELECT number, hex(id), note, arrived FROM notes; "
               "SELECT * FROM audit; SELECT * FROM sqlite_sequence ORDER BY name");
  }
  static std::string version(const std::string& path) { return ask(path, "PRAGMA user_version"); }
  static std::string schema(const std::string& path) {
    return ask(path,
               "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name; "
               "PRAGMA user_version; PRAGMA application_id");
  }
  std::vector<std::string> files() const {
    std::vector<std::string> out;
    for (const auto& each : std::filesystem::directory_iterator(folder_)) {
      out.push_back(each.path().filename());
    }
    std::sort(out.begin(), out.end());
    return out;
  }

 private:
  std::string folder_;
};

TEST_CASE("migration: every earlier version becomes the newest and keeps its rows") {
  const OldStore fresh(0);
  { REQUIRE(SqliteStore::open(fresh.file())); }
  CHECK(fresh.files() == std::vector<std::string>{"coordinator.db"});  // nothing to copy
  for (std::uint64_t version = 1; version < kSchemaVersion; ++version) {
    INFO("from version " << version);
    const OldStore old(version);
    const auto before = OldStore::content(old.file());
    for (int again = 0; again < 2; ++again) {  // the second time nothing changes
      auto store = SqliteStore::open(old.file());
      if (!store) FAIL(store.error().message);
      CHECK_FALSE((*store)->notes()->empty());
      CHECK((*store)->next_index("ed25519:ab").value() == 10);
    }
    CHECK(OldStore::content(old.file()) == before);
    CHECK(OldStore::schema(old.file()) == OldStore::schema(fresh.file()));
    const auto copy = old.file() + ".v" + std::to_string(version);
    CHECK(OldStore::content(copy) == before);
    CHECK(OldStore::version(copy) == std::to_string(version) + "|");
    struct stat info {};
    REQUIRE(stat(copy.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777U) == 0600U);
    CHECK(old.files().size() == 2);
  }
}

// Opens the store in a child whose files may not grow beyond `limit` bytes. A larger write is
// refused (a full disk) or kills the child (a crash during the write). Returns whether the store
// opened.
bool open_within(const std::string& file, rlim_t limit, bool crash) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    signal(SIGXFSZ, crash ? SIG_DFL : SIG_IGN);
    const rlimit none{0, 0}, files{limit, limit};
    setrlimit(RLIMIT_CORE, &none);
    setrlimit(RLIMIT_FSIZE, &files);
    const auto store = SqliteStore::open(file);
    _exit(store ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (crash && WIFSIGNALED(status)) CHECK(WTERMSIG(status) == SIGXFSZ);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_CASE("migration: a full disk or a crash at any write leaves the old store usable") {
  const bool crash = GENERATE(false, true);
  int failed = 0;
  bool succeeded = false;
  for (rlim_t limit = 0; !succeeded; limit += 1024) {
    INFO((crash ? "crash" : "full") << " at " << limit);
    const OldStore old(1);
    const auto before = OldStore::content(old.file());
    REQUIRE(limit < 1'000'000);
    succeeded = open_within(old.file(), limit, crash);
    if (!succeeded) {
      ++failed;
      CHECK(OldStore::version(old.file()) == "1|");
      if (!crash) CHECK_FALSE(std::filesystem::exists(old.file() + ".v1.tmp"));
    }
    CHECK(OldStore::content(old.file()) == before);
    const auto copy = old.file() + ".v1";
    if (std::filesystem::exists(copy)) CHECK(OldStore::content(copy) == before);
    const auto store = SqliteStore::open(old.file());  // now with room
    if (!store) FAIL(store.error().message);
    CHECK(OldStore::content(old.file()) == before);
    CHECK(OldStore::content(copy) == before);
    CHECK_FALSE(std::filesystem::exists(old.file() + ".v1.tmp"));
  }
  CHECK(failed > 10);
}

TEST_CASE("migration: two processes at the same time migrate a store once") {
  const OldStore old(1);
  const auto before = OldStore::content(old.file());
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) _exit(SqliteStore::open(old.file()) ? 0 : 1);
    children.push_back(child);
  }
  for (const auto child : children) {
    int status = 1;
    waitpid(child, &status, 0);
    CHECK(status == 0);
  }
  CHECK(OldStore::content(old.file()) == before);
  CHECK(OldStore::content(old.file() + ".v1") == before);
}

TEST_CASE("migration: a newer or foreign store is refused in one line and not changed") {
  struct Case {
    const char* what;
    std::uint64_t version;
    const char* sql;
    const char* says;
  };
  for (const auto& [what, version, sql, says] : std::vector<Case>{
           {"newer", 1, "PRAGMA user_version = 99", "newer than this program's"},
           {"another program's", 0, "CREATE TABLE bookmarks(url)", "not a coordinator's store"},
           {"another program's, numbered", 0, "CREATE TABLE b(u); PRAGMA user_version = 1",
            "not a coordinator's store"},
           {"another mark", 1, "PRAGMA user_version = 2; PRAGMA application_id = 7",
            "not a coordinator's store"}}) {
    INFO(what);
    const OldStore old(version);
    old.run(sql);
    const auto before = OldStore::schema(old.file());
    const auto mode = OldStore::ask(old.file(), "PRAGMA journal_mode");
    const auto store = SqliteStore::open(old.file());
    REQUIRE_FALSE(store);
    INFO(store.error().message);
    CHECK(store.error().message.find(says) != std::string::npos);
    CHECK(store.error().message.find(old.file()) != std::string::npos);
    CHECK(OldStore::schema(old.file()) == before);
    CHECK(OldStore::ask(old.file(), "PRAGMA journal_mode") == mode);
    CHECK(old.files() == std::vector<std::string>{"coordinator.db"});
  }
}

}  // namespace
}  // namespace culvert::coordinator
