// The audit log on disk: its state after a crash, on a full disk and on a read-only disk.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>

#include "proto/runtime/disk/audit_file.hpp"

using namespace culvert;
using namespace culvert::audit;
using culvert::runtime::AuditFile;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kSmallReserve = 256U << 10U;

struct Folder {
  Folder() {
    std::string form = (fs::temp_directory_path() / "culvert-audit-XXXXXX").string();
    REQUIRE(::mkdtemp(form.data()) != nullptr);
    path = form;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path); }
  fs::path log() const { return path / "audit.log"; }
  fs::path path;
};

Entry entry(int i) {
  Entry e;
  e.at = *parse_time("2026-11-21T15:00:00Z") + std::chrono::seconds(i);
  e.kind = Kind::kFlowOpen;
  e.who = i % 2 == 0 ? "alice@vendor.example" : "bob@vendor.example";
  e.grant = "sha256:" + std::to_string(i);
  return e;
}

std::unique_ptr<AuditFile> open_log(const fs::path& path) {
  auto file = AuditFile::open(path, kSmallReserve);
  if (!file) FAIL(file.error().message);
  return std::move(*file);
}

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Runs `check` in a child that has its own file system (1 MiB) at `folder`. Returns the text from
// `check`, empty for success; "skip" where such a file system is not permitted.
std::string on_small_disk(const fs::path& folder, const std::function<std::string()>& check) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::string result = "skip";
    const bool own = ::unshare(CLONE_NEWNS) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
    if (own && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
        ::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=1m") == 0) {
      result = check();
    }
    const auto wrote = ::write(ends[1], result.data(), result.size());
    ::_exit(wrote == static_cast<ssize_t>(result.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::string result;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    result.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  return result;
}

}  // namespace

TEST_CASE("audit file: what was appended is there after opening again, with the same root") {
  const Folder folder;
  TreeHead head;
  {
    const auto file = open_log(folder.log());
    CHECK(file->head().size == 0);
    const std::vector<Entry> batch = {entry(0), entry(1), entry(2)};
    REQUIRE(file->append(batch, Purpose::kOpening));
    REQUIRE(file->append(entry(3), Purpose::kEnding));
    head = file->head();
    CHECK(AuditFile::read_file(folder.log(), {})->size() == 4);  // while the log is open
    CHECK(AuditFile::open(folder.log()).error().code == ErrorCode::kConflict);
  }
  const auto file = open_log(folder.log());
  CHECK(file->head() == head);
  CHECK(file->torn_bytes() == 0);
  CHECK(file->read({.who = "bob@vendor.example"})->size() == 2);
  CHECK(file->read({.limit = 1})->front() == entry(3));
  CHECK(file->read({.limit = 0})->empty());
  struct stat info {};
  REQUIRE(::stat(folder.log().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777U) == 0600);
}

TEST_CASE("audit file: a tail torn at any byte is cut off, what was whole stays") {
  const Folder folder;
  {
    const auto file = open_log(folder.log());
    for (int i = 0; i < 3; ++i) REQUIRE(file->append(entry(i), Purpose::kOpening));
  }
  const auto whole = content(folder.log());
  const auto second_end = whole.rfind('\n', whole.size() - 2) + 1;
  for (auto size = second_end; size < whole.size(); ++size) {
    std::ofstream(folder.log(), std::ios::binary | std::ios::trunc) << whole.substr(0, size);
    const auto file = open_log(folder.log());
    CHECK(file->head().size == 2);
    CHECK(file->torn_bytes() == size - second_end);
    REQUIRE(file->append(entry(9), Purpose::kOpening));
    CHECK(file->read({})->size() == 3);
  }
  std::ofstream(folder.log(), std::ios::binary | std::ios::trunc)
      << whole << std::string(100, '\0') << "\n\n";  // blocks that were never written
  CHECK(open_log(folder.log())->head().size == 3);
  CHECK(content(folder.log()) == whole);
}

TEST_CASE("audit file: damage before good lines is reported, not repaired") {
  const Folder folder;
  {
    const auto file = open_log(folder.log());
    for (int i = 0; i < 3; ++i) REQUIRE(file->append(entry(i), Purpose::kOpening));
  }
  auto bytes = content(folder.log());
  bytes[5] = 'x';
  std::ofstream(folder.log(), std::ios::binary | std::ios::trunc) << bytes;
  const auto file = AuditFile::open(folder.log());
  REQUIRE_FALSE(file);
  CHECK(file.error().message.find("line 1") != std::string::npos);
  CHECK(content(folder.log()) == bytes);
}

TEST_CASE("audit file: a folder that is not there, a link in its place") {
  const Folder folder;
  CHECK(AuditFile::open(folder.path / "no" / "audit.log").error().code == ErrorCode::kNotFound);
  fs::create_symlink("/dev/null", folder.log());
  CHECK_FALSE(AuditFile::open(folder.log()));
}

TEST_CASE("audit file: a long log is read in pieces") {
  const Folder folder;
  const auto file = open_log(folder.log());
  std::vector<Entry> batch;
  for (int i = 0; i < 20000; ++i) batch.push_back(entry(i));
  REQUIRE(file->append(batch, Purpose::kOpening));
  CHECK(content(folder.log()).size() > (1U << 20U));
  CHECK(file->read({.limit = 100'000})->size() == 20000);
  CHECK(file->read({.grant = "sha256:19999"})->size() == 1);
}

TEST_CASE("audit file: on a full disk openings are refused and endings are still written") {
  const Folder folder;
  const auto result = on_small_disk(folder.path, [&]() -> std::string {
    auto opened = AuditFile::open(folder.log(), kSmallReserve);
    if (!opened) return "open: " + opened.error().message;
    auto& file = **opened;
    const std::vector<Entry> batch(100, entry(1));  // about 8 KiB
    std::uint64_t batches = 0;
    Status status;
    while ((status = file.append(batch, Purpose::kOpening))) {
      if (++batches > 1000) return "never full";
    }
    if (batches < 10) return "full too early";
    if (status.error().code != ErrorCode::kExhausted) return status.error().message;
    if (status.error().message.find("disk is full") == std::string::npos) return "unclear";
    for (int i = 0; i < 20; ++i) {
      if (!file.append(batch, Purpose::kEnding)) return "ending " + std::to_string(i) + " refused";
    }
    while (file.append(batch, Purpose::kEnding)) {
      if (++batches > 2000) return "endings without end";
    }
    const auto head = file.head();
    opened->reset();
    auto again = AuditFile::open(folder.log(), kSmallReserve);
    if (!again) return "reopen: " + again.error().message;
    if ((*again)->head() != head || (*again)->torn_bytes() != 0) return "not as before";
    return {};
  });
  if (result == "skip") {
    WARN("no mount namespace here: not tested");
  } else {
    CHECK(result == "");
  }
}

TEST_CASE("audit file: a read-only disk is named") {
  const Folder folder;
  const auto result = on_small_disk(folder.path, [&]() -> std::string {
    if (::mount(nullptr, folder.path.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) {
      return "skip";
    }
    const auto opened = AuditFile::open(folder.log());
    if (opened) return "opened";
    return opened.error().message.find("read-only") == std::string::npos ? opened.error().message
                                                                         : std::string();
  });
  if (result == "skip") {
    WARN("no mount namespace here: not tested");
  } else {
    CHECK(result == "");
  }
}
