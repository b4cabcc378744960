#include "proto/runtime/disk/directory_store.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace culvert;
using runtime::DirectoryStore;
namespace fs = std::filesystem;

namespace {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (fs::temp_directory_path() / "culvert-store-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    fs::permissions(path_, fs::perms::owner_all, ignored);
    fs::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  std::string at(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

DirectoryStore opened(const std::string& path) {
  auto store = DirectoryStore::open(path);
  if (!store) FAIL(store.error().message);
  return std::move(*store);
}

// Limits files of this process to `bytes`: a write fails half-way, as on a full disk.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit small{bytes, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  }
  ~SmallDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

unsigned mode_of(const std::string& path) {
  struct stat facts {};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  return facts.st_mode & 0777U;
}

}  // namespace

TEST_CASE("directory store: values survive, with versions and rights") {
  const TemporaryDirectory directory;
  const auto path = directory.at("a/state");
  std::uint64_t version = 0;
  {
    auto store = opened(path);
    CHECK_FALSE(store.load("floors").value());
    version = store.replace("floors", view("one\ntwo"), 0).value();
    CHECK(version != 0);
    CHECK(store.put("identity.key", Bytes(3000, 7)));
    CHECK(store.put("empty", {}));
  }
  auto again = opened(path);
  CHECK(again.load("floors").value()->version == version);
  CHECK(again.get("floors").value() == to_bytes("one\ntwo"));
  CHECK(again.get("identity.key").value() == Bytes(3000, 7));
  CHECK(again.get("empty").value() == Bytes{});
  CHECK(mode_of(path) == 0700);
  CHECK(mode_of(path + "/floors") == 0600);
  CHECK(mode_of(path + "/.lock") == 0600);
  CHECK(again.remove("floors"));
  CHECK(again.remove("floors"));
  CHECK_FALSE(again.get("floors").value());
}

TEST_CASE("directory store: two writers, one wins") {
  const TemporaryDirectory directory;
  auto a = opened(directory.at("state"));
  auto b = opened(directory.at("state"));
  const auto first = a.replace("floors", view("a"), 0).value();
  CHECK(b.replace("floors", view("b"), 0).error().code == ErrorCode::kConflict);
  const auto second = b.replace("floors", view("b"), first).value();
  CHECK(second != first);
  CHECK(a.replace("floors", view("a"), first).error().code == ErrorCode::kConflict);
  CHECK(a.get("floors").value() == to_bytes("b"));
  // The version of a removed value is never used again.
  CHECK(a.remove("floors"));
  CHECK(b.replace("floors", view("b"), second).error().code == ErrorCode::kConflict);
}

TEST_CASE("directory store: rights of others are taken away") {
  const TemporaryDirectory directory;
  fs::create_directory(directory.at("state"));
  fs::permissions(directory.at("state"), fs::perms::all);
  opened(directory.at("state"));
  CHECK(mode_of(directory.at("state")) == 0700);
}

TEST_CASE("directory store: errors name the fault, and no value is lost") {
  const TemporaryDirectory directory;
  const auto path = directory.at("state");
  SECTION("a file where the directory should be") {
    std::ofstream(path) << "x";
    const auto store = DirectoryStore::open(path);
    REQUIRE_FALSE(store);
    CHECK(store.error().message.find(path) != std::string::npos);
  }
  SECTION("a damaged value") {
    auto store = opened(path);
    for (const char* damage : {"", "culvert store v1 7", "culvert store v2 7\nx",
                               "culvert store v1 0\nx", "culvert store v1 x\nx"}) {
      std::ofstream(path + "/floors") << damage;
      const auto loaded = store.load("floors");
      REQUIRE_FALSE(loaded);
      CHECK(loaded.error().code == ErrorCode::kInvalid);
      CHECK(loaded.error().message.find("floors") != std::string::npos);
      CHECK_FALSE(store.replace("floors", view("new"), 0));  // not overwritten silently
    }
  }
  SECTION("a bad name stays inside the directory") {
    auto store = opened(path);
    for (const char* bad : {"../x", ".lock", "", "a/b"}) {
      CHECK(store.put(bad, {}).error().code == ErrorCode::kInvalid);
    }
  }
  SECTION("a value that is too large") {
    auto store = opened(path);
    CHECK(store.put("floors", view("kept")));
    CHECK(store.put("huge", Bytes(trust::kMaxStoreValue + 1)).error().code ==
          ErrorCode::kExhausted);
    CHECK(store.get("floors").value() == to_bytes("kept"));
    for (const auto& entry : fs::directory_iterator(path)) {
      CHECK(entry.path().filename().string().find("huge") == std::string::npos);
    }
  }
  SECTION("a disk that fills up half-way") {
    auto store = opened(path);
    const auto version = store.replace("floors", Bytes(1000, 1), 0).value();
    {
      const SmallDisk disk(4096);
      CHECK_FALSE(store.replace("floors", Bytes(9000, 2), version));
    }
    CHECK(store.get("floors").value() == Bytes(1000, 1));
    CHECK(store.replace("floors", Bytes(9000, 2), version));
    // No partly written file is left behind.
    for (const auto& entry : fs::directory_iterator(path)) {
      const auto name = entry.path().filename().string();
      CHECK((name == "floors" || name == ".lock"));
    }
  }
  SECTION("a directory that went away, or cannot be written to") {
    auto store = opened(path);
    if (::geteuid() != 0) {
      fs::permissions(path, fs::perms::owner_read | fs::perms::owner_exec);
      CHECK_FALSE(store.put("floors", view("x")));
      CHECK_FALSE(DirectoryStore::open(path));
      fs::permissions(path, fs::perms::owner_all);
    }
    fs::remove_all(path);
    const auto put = store.put("floors", view("x"));
    REQUIRE_FALSE(put);
    CHECK(put.error().message.find(path) != std::string::npos);
  }
}
