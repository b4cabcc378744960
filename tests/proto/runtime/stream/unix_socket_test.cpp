#include "proto/runtime/stream/unix_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <list>

#include "proto/runtime/packet/link_watch.hpp"
#include "tests/proto/runtime/runtime_support.hpp"

using namespace culvert;
using namespace culvert::runtime;
using namespace culvert::test;

namespace {

// A temporary folder, removed by the destructor.
struct Folder {
  std::string path;
  Folder() {
    char name[] = "/tmp/culvert-unix-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
};

struct Client {
  int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  std::string got;
  bool ended = false;

  explicit Client(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
            0);
  }
  ~Client() { ::close(descriptor); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void write(std::string_view what) const {
    REQUIRE(::send(descriptor, what.data(), what.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(what.size()));
  }
  void read() {
    char chunk[65'536];
    for (;;) {
      const auto size = ::recv(descriptor, chunk, sizeof chunk, 0);
      if (size > 0) got.append(chunk, static_cast<std::size_t>(size));
      if (size == 0) ended = true;
      if (size <= 0) return;
    }
  }
  // The condition for RUN_UNTIL.
  bool has(std::size_t size) {
    read();
    return got.size() >= size;
  }
  bool at_end() {
    read();
    return ended;
  }
};

// Each line is a request: "big" has a large answer, "bye" ends the connection, others are echoed.
UnixAnswer echo(ByteView received) {
  const auto end = std::find(received.begin(), received.end(), '\n');
  if (end == received.end()) return {received.size(), {}, false};  // an incomplete line is dropped
  const auto size = static_cast<std::size_t>(end - received.begin()) + 1;
  const auto line = text(received.first(size));
  if (line == "big\n") return {size, Bytes(3'000'000, 'b'), false};
  return {size, to_bytes(line), line == "bye\n"};
}

std::unique_ptr<UnixSocket> listen(Loop& loop, const std::string& path, int* removed = nullptr) {
  auto socket = UnixSocket::listen(loop, path,
                                   {[] { return echo; },
                                    [removed] {
                                      if (removed != nullptr) ++*removed;
                                    }});
  REQUIRE(socket);
  return std::move(*socket);
}

}  // namespace

TEST_CASE("Unix socket: requests are answered in order, a large answer first", "[runtime]") {
  const Folder folder;
  Loop loop;
  const auto path = folder.path + "/sub/test.sock";
  const auto socket = listen(loop, path);
  struct stat file {};
  REQUIRE(::stat(path.c_str(), &file) == 0);
  CHECK((file.st_mode & 0777U) == 0600U);
  Client client(path);
  client.write("big\none\ntwo\nbye\nnever\n");
  RUN_UNTIL(loop, client.at_end());
  CHECK(client.got.size() == 3'000'000 + 12);
  CHECK(client.got.ends_with("bone\ntwo\nbye\n"));
}

TEST_CASE("Unix socket: more clients than places, the rest wait their turn", "[runtime]") {
  const Folder folder;
  Loop loop;
  const auto path = folder.path + "/test.sock";
  const auto socket = listen(loop, path);
  std::list<Client> first;
  for (std::size_t i = 0; i < UnixSocket::kMaxClients; ++i) first.emplace_back(path).write("a\n");
  for (auto& each : first) RUN_UNTIL(loop, each.has(2));
  Client later(path);
  later.write("b\n");
  first.back().write("c\n");
  RUN_UNTIL(loop, first.back().has(4));
  CHECK_FALSE(later.has(1));
  first.pop_front();
  RUN_UNTIL(loop, later.has(2));
}

TEST_CASE("Unix socket: a dead process's socket is replaced, a live process's socket is not",
          "[runtime]") {
  const Folder folder;
  Loop loop;
  const auto path = folder.path + "/test.sock";
  {
    const int left = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(left, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    ::close(left);
  }
  auto socket = listen(loop, path);
  const std::filesystem::directory_iterator files(folder.path);
  CHECK(std::distance(begin(files), end(files)) == 1);  // no file with the socket's temporary name
  const auto second = UnixSocket::listen(loop, path, {[] { return echo; }, {}});
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::kConflict);
  socket.reset();
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("Unix socket: a removed socket file is reported, and a successor's file is left alone",
          "[runtime]") {
  const Folder folder;
  Loop loop;
  const auto path = folder.path + "/test.sock";
  int removed = 0;
  auto socket = listen(loop, path, &removed);
  std::filesystem::remove(path);
  RUN_UNTIL(loop, removed > 0);
  const auto next = listen(loop, path);
  socket.reset();
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("link watch: the present state comes first", "[runtime]") {
  Loop loop;
  std::optional<LinkState> state;
  const auto watch = LinkWatch::open(loop, "lo", [&](const LinkState& now) { state = now; });
  REQUIRE(watch);
  RUN_UNTIL(loop, state.has_value());
  CHECK(state->mtu > 0);
  const auto none = LinkWatch::open(loop, "culvert-none", {});
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::kNotFound);
}
