// The reserve: disk space that is kept free for revocations.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "coordinator/store/reserve.hpp"
#include "coordinator/store/sqlite.hpp"
#include "proto/crypto/hash.hpp"

namespace culvert::coordinator {
namespace {

class TempFile {
 public:
  TempFile() {
    std::string name = "/tmp/culvert-reserve-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder_ = name;
  }
  ~TempFile() { std::filesystem::remove_all(folder_); }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  std::string path() const { return folder_ + "/reserve"; }

 private:
  std::string folder_;
};

Batch revocation(std::uint64_t number, std::size_t length = 300) {
  const auto text = std::to_string(number) + std::string(length, 'x');
  Batch batch;
  batch.revokes = true;
  batch.put.push_back({crypto::sha256(view(text)), text, WallTime{7}});
  batch.audit.push_back({"coordinator", number, "site", WallTime{8}, "line\n\"" + text});
  return batch;
}

TEST_CASE("reserve: appended records are there after a restart, and none after a clear") {
  const TempFile file;
  {
    auto reserve = Reserve::open(file.path()).value();
    CHECK(std::filesystem::file_size(file.path()) == kReserveBytes);
    for (std::uint64_t i = 0; i < 20; ++i) REQUIRE(reserve->append(revocation(i)));
  }
  auto again = Reserve::open(file.path()).value();
  REQUIRE(again->held().size() == 20);
  for (std::uint64_t i = 0; i < 20; ++i) {
    CHECK(again->held()[i].put == revocation(i).put);
    CHECK(again->held()[i].audit == revocation(i).audit);
  }
  REQUIRE(again->clear());
  CHECK(again->held().empty());
  REQUIRE(again->append(revocation(99)));  // shorter than the old record behind
  again = Reserve::open(file.path()).value();
  REQUIRE(again->held().size() == 1);
  CHECK(again->held()[0].put == revocation(99).put);
  CHECK(std::filesystem::file_size(file.path()) == kReserveBytes);
}

TEST_CASE("reserve: a file that is cut or changed keeps the records before the damage") {
  const TempFile file;
  std::size_t first = 0;
  {
    auto reserve = Reserve::open(file.path()).value();
    const auto before = reserve->left();
    REQUIRE(reserve->append(revocation(1)));
    first = before - reserve->left();
    REQUIRE(reserve->append(revocation(2)));
  }
  for (const std::size_t at : {std::size_t{0}, std::size_t{3}, std::size_t{10}, first - 1}) {
    INFO(at);
    const auto place = static_cast<std::streamoff>(16 + first + at);  // inside the second record
    std::fstream raw(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    raw.seekg(place);
    const char was = static_cast<char>(raw.get());
    raw.seekp(place);
    raw.put(static_cast<char>(was ^ 1));
    raw.flush();
    CHECK(Reserve::open(file.path()).value()->held().size() == 1);
    raw.seekp(place);
    raw.put(was);
    raw.flush();
    CHECK(Reserve::open(file.path()).value()->held().size() == 2);
  }
}

TEST_CASE("reserve: a full reserve refuses records and does not grow") {
  const TempFile file;
  auto reserve = Reserve::open(file.path()).value();
  std::size_t taken = 0;
  while (reserve->append(revocation(taken, 60'000))) ++taken;
  CHECK(taken > 30);
  CHECK(reserve->left() < 2 * 60'000 + 400);
  CHECK(reserve->append(revocation(taken, 60'000)).error().code == ErrorCode::kExhausted);
  CHECK(Reserve::open(file.path()).value()->held().size() == taken);
  CHECK(std::filesystem::file_size(file.path()) == kReserveBytes);
}

// Runs `play` in a child process, in a folder that is a small disk of the child's own. Returns the
// text of `play` ("" for success); nothing where the system allows no mount.
std::optional<std::string> on_small_disk(const std::string& folder,
                                         const std::function<std::string()>& play) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::string said = "no mount";
    const bool apart = unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
    if (apart && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
        mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=16m") == 0) {
      said = play();
    }
    said.resize(std::min<std::size_t>(said.size(), 4000));
    _exit(write(ends[1], said.data(), said.size()) == static_cast<ssize_t>(said.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string said(4096, '\0');
  const auto got = read(ends[0], said.data(), said.size());
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || got < 0) return "the child ended badly";
  said.resize(static_cast<std::size_t>(got));
  if (said == "no mount") return std::nullopt;
  return said;
}

void fill(const std::string& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  for (const std::size_t size : {std::size_t{65'536}, std::size_t{4096}, std::size_t{1}}) {
    const std::string piece(size, 'f');
    while (write(file, piece.data(), piece.size()) > 0) {
    }
  }
  close(file);
}

bool holds(Store& store, std::uint64_t number) {
  const auto notes = store.notes();
  if (!notes) return false;
  const auto wanted = revocation(number).put.front();
  return std::find(notes->begin(), notes->end(), wanted) != notes->end();
}

std::string play_full_disk(const std::string& folder) {
  const auto path = folder + "/coordinator.db";
  auto store = SqliteStore::open(path).value();
  if (!store->use_reserve()) return "no reserve";
  Batch plain = revocation(1000, 200'000);
  plain.revokes = false;
  if (!store->commit(plain) || !store->probe()) return "not writable while there is room";
  const auto whole = store->reserve_left();
  fill(folder + "/fill");
  if (store->probe()) return "the probe does not see the full disk";
  if (!store->can_revoke()) return "cannot revoke, though the reserve is whole";
  plain = revocation(1001, 2'000'000);
  plain.revokes = false;
  if (store->commit(plain)) return "a plain batch was taken on a full disk";
  for (std::uint64_t i = 0; i < 200; ++i) {
    const auto done = store->commit(revocation(i));
    if (!done) return "revocation " + std::to_string(i) + ": " + done.error().message;
  }
  if (!holds(*store, 199)) return "a revocation is not there";
  const auto next = store->next_index("coordinator").value();
  store.reset();  // as if killed: nothing is moved out of the reserve

  auto opened = SqliteStore::open(path);
  if (!opened) return "cannot start on a full disk: " + opened.error().message;
  store = *std::move(opened);
  if (auto taken = store->use_reserve(); !taken) return taken.error().message;
  for (std::uint64_t i = 0; i < 200; ++i) {
    if (!holds(*store, i)) return "a revocation is gone after the restart";
  }
  if (store->next_index("coordinator").value() != next) return "another next index";
  while (store->commit(revocation(next, 50'000))) {
  }
  if (store->can_revoke()) return "it says that it can revoke, with the reserve used up";

  unlink((folder + "/fill").c_str());
  if (auto probed = store->probe(); !probed) return "not writable again: " + probed.error().message;
  if (!store->can_revoke() || store->reserve_left() < whole)
    return "the reserve is not whole again";
  store.reset();
  store = SqliteStore::open(path).value();  // without the reserve: the store has all
  for (std::uint64_t i = 0; i < 200; ++i) {
    if (!holds(*store, i)) return "a revocation is gone at the end";
  }
  return {};
}

TEST_CASE("store: on a full disk revocations are durable, a restart works, and the probe says so") {
  const TempFile file;
  const auto folder = std::filesystem::path(file.path()).parent_path().string();
  const auto said = on_small_disk(folder, [&] { return play_full_disk(folder); });
  if (!said) {
    WARN("this system lets nobody mount a small disk: not played");
    return;
  }
  CHECK(*said == "");
}

}  // namespace
}  // namespace culvert::coordinator
