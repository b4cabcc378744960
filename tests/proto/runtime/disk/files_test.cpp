#include "proto/runtime/disk/files.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <filesystem>

using namespace culvert;
using namespace culvert::runtime;

namespace {

// A temporary folder, removed by the destructor.
struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "culvert-files-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file(const char* name) const { return path + "/" + name; }
  std::string path;
};

unsigned mode_of(const std::string& path) {
  struct stat facts {};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  return facts.st_mode & 07777U;
}

}  // namespace

TEST_CASE("files are written whole, with their mode, and replaced", "[runtime][files]") {
  const Folder folder;
  const auto path = folder.file("note");
  REQUIRE(write_file_atomic(path, view("one")));
  REQUIRE(write_secret_file(path, view("two")));
  CHECK(mode_of(path) == 0600);
  CHECK(text(*read_file(path)) == "two");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
  REQUIRE(remove_file(path));
  REQUIRE(remove_file(path));
  const auto gone = read_file_if_there(path);
  REQUIRE(gone);
  CHECK_FALSE(gone->has_value());
}

TEST_CASE("reading is bounded and its errors name the path", "[runtime][files]") {
  const Folder folder;
  const auto path = folder.file("big");
  REQUIRE(write_file_atomic(path, Bytes(100)));
  CHECK(read_file(path, 100));
  CHECK(read_file(path, 99).error().code == ErrorCode::kExhausted);
  const auto missing = read_file(folder.file("none"));
  CHECK(missing.error().code == ErrorCode::kNotFound);
  CHECK(missing.error().message ==
        "cannot read " + folder.file("none") + ": no such file or folder");
  CHECK_FALSE(read_file(folder.path));
}

TEST_CASE("each way a write can fail has one clear line", "[runtime][files]") {
  CHECK(file_error("write", "/x", ENOSPC).message ==
        "cannot write /x: the disk is full (free some space)");
  CHECK(file_error("write", "/x", EROFS).message ==
        "cannot write /x: the file system is read-only (use a writable folder, --state DIR)");
  CHECK(file_error("write", "/x", EACCES).message ==
        "cannot write /x: permission denied (run as its owner, or use --state DIR)");
  const Folder folder;
  CHECK(write_file_atomic(folder.file("no/where"), {}).error().code == ErrorCode::kNotFound);
  // RLIMIT_FSIZE with SIGXFSZ ignored gives EFBIG, like a full disk (/dev/full is no target for a
  // rename). No file may be left behind, and the old file stays.
  const auto path = folder.file("kept");
  REQUIRE(write_file_atomic(path, view("old")));
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{10, 10};
    ::setrlimit(RLIMIT_FSIZE, &small);
    ::_exit(write_file_atomic(path, Bytes(4096)) ? 1 : 0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(text(*read_file(path)) == "old");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
}

TEST_CASE("private folders are made with their parents, foreign ones refused", "[runtime][files]") {
  const Folder folder;
  const auto path = folder.file("a/b/c");
  REQUIRE(make_private_folder(path));
  REQUIRE(make_private_folder(path));
  CHECK(mode_of(path) == 0700);
  REQUIRE(write_file_atomic(folder.file("f"), {}));
  CHECK_FALSE(make_private_folder(folder.file("f")));
  CHECK_FALSE(make_private_folder(folder.file("f/g")));
  if (::geteuid() != 0) CHECK_FALSE(make_private_folder("/"));
}

TEST_CASE("a lock has one holder at a time", "[runtime][files]") {
  const Folder folder;
  const auto path = folder.file("lock");
  {
    auto first = FileLock::take(path);
    REQUIRE(first);
    const auto second = FileLock::take(path);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == ErrorCode::kConflict);
    const FileLock moved = std::move(*first);
    CHECK_FALSE(FileLock::take(path));
  }
  CHECK(FileLock::take(path));
}

TEST_CASE("a hardened process dumps no core", "[runtime][files]") {
  const pid_t child = ::fork();
  if (child == 0) {
    harden_process();
    rlimit core{};
    ::getrlimit(RLIMIT_CORE, &core);
    const bool hard =
        ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 && core.rlim_max == 0 && ::umask(0) == 0077;
    ::_exit(hard ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}
