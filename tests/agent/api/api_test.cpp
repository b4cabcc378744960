// The local API over its real socket. The caller blocks in its own thread.
#include "agent/api/api.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "agent/api/api_server.hpp"
#include "agent/api/client.hpp"
#include "tests/agent/proxy/local_support.hpp"

using namespace culvert;
using namespace culvert::api;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

class Folder {
 public:
  Folder() {
    std::string form = (fs::temp_directory_path() / "culvert-api-XXXXXX").string();
    REQUIRE(::mkdtemp(form.data()) != nullptr);
    path_ = form;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path state() const { return path_ / "state"; }

 private:
  fs::path path_;
};

using Called = Result<json, CallError>;

// Makes the call in another thread while the loop runs in this thread.
Called call_while_running(runtime::Loop& loop, const fs::path& state, const std::string& command,
                          const json& arguments) {
  std::optional<Called> result;
  std::atomic<bool> done = false;
  std::thread caller([&] {
    result.emplace(call(state, command, arguments));
    done = true;
    loop.post([] {});  // wakes the loop
  });
  const bool in_time = loop.run_until([&] { return done.load(); }, proxy::kPatience);
  caller.join();
  REQUIRE(in_time);
  return std::move(*result);
}

// A caller with a plain socket, which sends the given bytes and reads only when the test asks.
class Caller {
 public:
  Caller(const fs::path& socket, const std::string& request)
      : descriptor_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    const auto path = socket.string();
    REQUIRE(path.size() < sizeof to.sun_path);
    std::memcpy(to.sun_path, path.data(), path.size());
    REQUIRE(::connect(descriptor_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    REQUIRE(::send(descriptor_, request.data(), request.size(), 0) ==
            static_cast<ssize_t>(request.size()));
  }
  ~Caller() { ::close(descriptor_); }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  std::string answer() const {  // the bytes received until now
    std::string out(4096, 0);
    const auto size = ::recv(descriptor_, out.data(), out.size(), MSG_DONTWAIT);
    out.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return out;
  }

 private:
  int descriptor_;
};

Handler echo() {
  return [](const std::string& command, const json& arguments, const Answer& answer) {
    if (command == "fail") return answer(Reply::failed({ErrorCode::kDenied, "not today"}));
    answer(Reply::ok({{"command", command}, {"given", arguments}}));
  };
}

// Many calls at once, each caller in its own thread.
class Crowd {
 public:
  Crowd(runtime::Loop& loop, const fs::path& state, std::size_t callers, int calls) {
    for (std::size_t i = 0; i < callers; ++i) {
      threads_.emplace_back([this, i, calls, &loop, state] {
        for (int j = 0; j < calls; ++j) {
          const json given = {{"caller", i}, {"call", j}};
          const auto answer = call(state, "status", given);
          if (answer && (*answer)["given"] == given) ++right_;
        }
        ++ended_;
        loop.post([] {});  // wakes the loop
      });
    }
  }
  ~Crowd() {
    for (auto& thread : threads_) thread.join();
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  bool done() const { return ended_ == threads_.size(); }
  std::size_t right() const { return right_; }  // calls with the right answer

 private:
  std::atomic<std::size_t> right_ = 0;
  std::atomic<std::size_t> ended_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace

TEST_CASE("api: a command and its answer") {
  Folder folder;
  runtime::Loop loop;
  const auto api = LocalApi::open(loop, folder.state(), echo());
  REQUIRE(api);
  const auto answer = call_while_running(loop, folder.state(), "status", {{"a", 1}});
  REQUIRE(answer);
  CHECK(*answer == json{{"command", "status"}, {"given", {{"a", 1}}}});
}

TEST_CASE("api: the agent's error arrives with its code and message") {
  Folder folder;
  runtime::Loop loop;
  const auto api = LocalApi::open(loop, folder.state(), echo());
  REQUIRE(api);
  const auto answer = call_while_running(loop, folder.state(), "fail", json::object());
  REQUIRE_FALSE(answer);
  CHECK_FALSE(answer.error().no_agent);
  CHECK(answer.error().error == Error{ErrorCode::kDenied, "not today"});
}

TEST_CASE("api: an answer may come later, from the loop") {
  Folder folder;
  runtime::Loop loop;
  Answer waiting;
  const auto api =
      LocalApi::open(loop, folder.state(), [&](const std::string&, const json&, Answer answer) {
        waiting = std::move(answer);
        loop.post([&] { waiting(Reply::ok({{"late", true}})); });
      });
  REQUIRE(api);
  const auto answer = call_while_running(loop, folder.state(), "ping", json::object());
  REQUIRE(answer);
  CHECK((*answer)["late"] == true);
}

TEST_CASE("api: without an agent there is one clear line") {
  Folder folder;
  const auto answer = call(folder.state(), "status", json::object());
  REQUIRE_FALSE(answer);
  CHECK(answer.error().no_agent);
  CHECK(answer.error().error.message.find("culvert up") != std::string::npos);
}

TEST_CASE("api: one agent a state directory") {
  Folder folder;
  runtime::Loop loop;
  auto first = LocalApi::open(loop, folder.state(), echo());
  REQUIRE(first);
  const auto second = LocalApi::open(loop, folder.state(), echo());
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::kConflict);
  CHECK(second.error().message.find(folder.state().string()) != std::string::npos);
  // The first API still works.
  CHECK(call_while_running(loop, folder.state(), "status", json::object()));
  CHECK(is_in_use(folder.state()));
  first->reset();
  CHECK_FALSE(is_in_use(folder.state()));
  CHECK_FALSE(fs::exists(socket_path(folder.state())));
  CHECK(LocalApi::open(loop, folder.state(), echo()));
}

TEST_CASE("api: a socket left behind by a crash is replaced") {
  Folder folder;
  runtime::Loop loop;
  fs::create_directory(folder.state());
  fs::permissions(folder.state(), fs::perms::owner_all);
  REQUIRE(::mknod(socket_path(folder.state()).c_str(), S_IFSOCK | 0600, 0) == 0);
  const auto api = LocalApi::open(loop, folder.state(), echo());
  REQUIRE(api);
  CHECK(call_while_running(loop, folder.state(), "status", json::object()));
}

TEST_CASE("api: the directory and the socket are the owner's alone") {
  Folder folder;
  runtime::Loop loop;
  const auto api = LocalApi::open(loop, folder.state(), echo());
  REQUIRE(api);
  CHECK(fs::status(folder.state()).permissions() == fs::perms::owner_all);
  const auto socket = fs::status(socket_path(folder.state())).permissions();
  CHECK(socket == (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("api: a path too long for a socket says so") {
  Folder folder;
  runtime::Loop loop;
  const auto api = LocalApi::open(loop, folder.state() / std::string(120, 'x'), echo());
  REQUIRE_FALSE(api);
  CHECK(api.error().message.find("too long") != std::string::npos);
}

TEST_CASE("api: what is not a command gets an error, and the server goes on") {
  Folder folder;
  proxy::World world;
  const auto api = LocalApi::open(world.loop, folder.state(), echo());
  REQUIRE(api);
  const auto socket = socket_path(folder.state()).string();
  const auto curl = [&](std::vector<std::string> more) {
    std::vector<std::string> all = {"curl",         "-sS",        "-o", "/dev/null",     "-w",
                                    "%{http_code}", "--max-time", "20", "--unix-socket", socket};
    all.insert(all.end(), more.begin(), more.end());
    return world.run(all).text;
  };
  CHECK(curl({"-d", "{}", "http://x/v1/status"}) == "200");
  CHECK(curl({"-d", "", "http://x/v1/status"}) == "200");
  CHECK(curl({"-d", "[]", "http://x/v1/status"}) == "400");
  CHECK(curl({"-d", "{", "http://x/v1/status"}) == "400");
  CHECK(curl({"-d", "{\"a\":\"\xFF\"}", "http://x/v1/status"}) == "400");
  CHECK(curl({"http://x/v1/status"}) == "404");  // GET, not POST
  CHECK(curl({"-d", "{}", "http://x/v2/status"}) == "404");
  CHECK(curl({"-d", "{}", "http://x/v1/STATUS"}) == "404");
  const std::string json_type = "Content-Type: application/json";
  CHECK(curl({"-H", json_type, "-d", std::string(100'000, ' ') + "{}", "http://x/v1/status"}) ==
        "200");
  CHECK(curl({"-H", json_type, "-d", std::string(100'000, '['), "http://x/v1/status"}) == "400");
}

TEST_CASE("api: stopping answers whoever still waits") {
  Folder folder;
  runtime::Loop loop;
  bool asked = false;
  auto api = LocalApi::open(loop, folder.state(),
                            [&](const std::string&, const json&, const Answer&) { asked = true; });
  REQUIRE(api);
  std::optional<Called> result;
  std::thread caller([&] { result.emplace(call(folder.state(), "ping", json::object())); });
  const bool in_time = loop.run_until([&] { return asked; }, proxy::kPatience);
  api->reset();
  caller.join();
  REQUIRE(in_time);
  REQUIRE_FALSE(*result);
  CHECK(result->error().error.code == ErrorCode::kUnavailable);
}

TEST_CASE("api: many callers at once each get their own answers") {
  Folder folder;
  runtime::Loop loop;
  const auto api = LocalApi::open(loop, folder.state(), echo());
  REQUIRE(api);
  constexpr std::size_t kCallers = 28;
  Crowd crowd(loop, folder.state(), kCallers, 3);
  REQUIRE(loop.run_until([&] { return crowd.done(); }, proxy::kPatience));
  CHECK(crowd.right() == kCallers * 3);
}

TEST_CASE("api attack: commands that wait, silent callers and slow heads do not delay status") {
  Folder folder;
  runtime::Loop loop;
  std::vector<Answer> kept;
  const auto api = LocalApi::open(loop, folder.state(),
                                  [&](const std::string& command, const json&, Answer answer) {
                                    if (command == "status")
                                      return answer(Reply::ok({{"up", true}}));
                                    kept.push_back(std::move(answer));
                                  });
  REQUIRE(api);
  std::vector<std::unique_ptr<Caller>> callers;
  const std::string ping = "POST /v1/ping HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
  for (std::size_t i = 0; i < 2 * kMaxApiCallers; ++i) {
    callers.push_back(std::make_unique<Caller>(socket_path(folder.state()), ping));
  }
  REQUIRE(loop.run_until([&] { return kept.size() == callers.size(); }, proxy::kPatience));
  CHECK(call_while_running(loop, folder.state(), "status", json::object()));
  // The oldest caller had to make room for the status call.
  CHECK(callers.front()->answer().starts_with("HTTP/1.1 429 "));
  for (std::size_t i = 0; i < 2 * kMaxApiCallers; ++i) {
    const std::string begin = i % 2 == 0 ? "" : "POST /v1/status HTTP/1.1\r\nConte";
    callers.push_back(std::make_unique<Caller>(socket_path(folder.state()), begin));
  }
  CHECK(call_while_running(loop, folder.state(), "status", json::object()));
  for (const auto& answer : kept) answer(Reply::ok(json::object()));  // some callers are gone
}

TEST_CASE("api: a long answer to a caller that reads late is whole, and holds up nobody") {
  Folder folder;
  runtime::Loop loop;
  const std::string text(8U << 20U, 'x');  // more than a stream takes in one write
  const auto api = LocalApi::open(
      loop, folder.state(), [&](const std::string& command, const json&, const Answer& answer) {
        answer(Reply::ok({{"text", command == "audit" ? text : "short"}}));
      });
  REQUIRE(api);
  const Caller late(socket_path(folder.state()),
                    "POST /v1/audit HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}");
  CHECK(call_while_running(loop, folder.state(), "status", json::object()));
  const auto whole = call_while_running(loop, folder.state(), "audit", json::object());
  REQUIRE(whole);
  CHECK((*whole)["text"] == text);
}

TEST_CASE("api: stopping leaves no caller behind") {
  Folder folder;
  runtime::Loop loop;
  std::vector<Answer> kept;
  auto api = LocalApi::open(
      loop, folder.state(),
      [&](const std::string&, const json&, Answer answer) { kept.push_back(std::move(answer)); });
  REQUIRE(api);
  constexpr std::size_t kCallers = 28;
  Crowd crowd(loop, folder.state(), kCallers, 1);
  const bool in_time = loop.run_until([&] { return kept.size() == kCallers; }, proxy::kPatience);
  api->reset();
  CHECK(loop.run_until([&] { return crowd.done(); }, proxy::kPatience));
  // No caller is left to hear the answer.
  for (const auto& answer : kept) answer(Reply::ok(json::object()));
  REQUIRE(in_time);
  CHECK(crowd.right() == 0);
}
