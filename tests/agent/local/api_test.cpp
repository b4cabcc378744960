// The local API over its real socket: the caller's side blocks in a thread of its own.
#include "agent/local/api.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "agent/local/client.hpp"
#include "tests/agent/local/local_support.hpp"

using namespace culvert;
using namespace culvert::local;
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

// The call from another thread while the loop runs here.
Called call_while_running(runtime::Loop& loop, const fs::path& state, const std::string& command,
                          const json& arguments) {
  std::optional<Called> result;
  std::atomic<bool> done = false;
  std::thread caller([&] {
    result.emplace(call(state, command, arguments));
    done = true;
    loop.post([] {});  // so that it looks
  });
  const bool in_time = loop.run_until([&] { return done.load(); }, kPatience);
  caller.join();
  REQUIRE(in_time);
  return std::move(*result);
}

Handler echo() {
  return [](const std::string& command, const json& arguments, const Answer& answer) {
    if (command == "fail") return answer(Reply::failed({ErrorCode::kDenied, "not today"}));
    answer(Reply::ok({{"command", command}, {"given", arguments}}));
  };
}

// Many calls at once, each caller in a thread of its own. Under ThreadSanitizer one call must have
// been answered before: the library makes its tables then, under a guard that the tool cannot see.
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
        loop.post([] {});  // so that it looks
      });
    }
  }
  ~Crowd() {
    for (auto& thread : threads_) thread.join();
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  bool done() const { return ended_ == threads_.size(); }
  std::size_t right() const { return right_; }  // calls that got their own answer

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
  CHECK(call_while_running(loop, folder.state(), "status", json::object()));  // the first goes on
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
  World world;
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
  CHECK(curl({"http://x/v1/status"}) == "404");  // GET
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
  const bool in_time = loop.run_until([&] { return asked; }, kPatience);
  api->reset();
  caller.join();
  REQUIRE(in_time);
  REQUIRE_FALSE(*result);
  CHECK(result->error().error.code == ErrorCode::kUnavailable);
}

TEST_CASE("api: with every worker busy each caller gets its own answers") {
  Folder folder;
  runtime::Loop loop;
  const auto api = LocalApi::open(loop, folder.state(), echo());
  REQUIRE(api);
  REQUIRE(call_while_running(loop, folder.state(), "first", json::object()));
  Crowd crowd(loop, folder.state(), kApiWorkers + kApiQueue + 8, 1);
  REQUIRE(loop.run_until([&] { return crowd.done(); }, kPatience));
  CHECK(crowd.right() == kApiWorkers + kApiQueue + 8);
}

TEST_CASE("api: stopping with the pool and its queue full leaves no caller behind") {
  Folder folder;
  runtime::Loop loop;
  std::vector<Answer> kept;
  auto api = LocalApi::open(loop, folder.state(),
                            [&](const std::string& command, const json&, Answer answer) {
                              if (command == "first") return answer(Reply::ok(json::object()));
                              kept.push_back(std::move(answer));
                            });
  REQUIRE(api);
  REQUIRE(call_while_running(loop, folder.state(), "first", json::object()));
  Crowd crowd(loop, folder.state(), kApiWorkers + kApiQueue + 8, 1);
  const bool in_time = loop.run_until([&] { return kept.size() == kApiWorkers; }, kPatience);
  api->reset();
  CHECK(loop.run_until([&] { return crowd.done(); }, kPatience));
  for (const auto& answer : kept) answer(Reply::ok(json::object()));  // too late: nobody listens
  REQUIRE(in_time);
  CHECK(crowd.right() == 0);
}
