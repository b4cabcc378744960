#include "agent/api/api.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "agent/api/api_server.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/runtime/stream/tcp.hpp"

namespace culvert::api {
namespace {

constexpr std::size_t kMaxSocketPath = 107;  // sockaddr_un, less the final zero
constexpr std::string_view kPrefix = "/v1/";

// The command in "/v1/<command>"; empty when the path is another.
std::string_view command_of(std::string_view path) {
  if (!path.starts_with(kPrefix)) return {};
  path.remove_prefix(kPrefix.size());
  const bool ok = std::all_of(path.begin(), path.end(),
                              [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
  return ok ? path : std::string_view();
}

// A bound Unix stream socket at `path`, for the owner alone.
Result<int> bind_socket(const std::string& path) {
  const int made = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (made < 0) return fail_with(runtime::file_error("open the socket", path, errno));
  sockaddr_un raw{};
  raw.sun_family = AF_UNIX;
  std::memcpy(raw.sun_path, path.data(), path.size());
  ::unlink(path.c_str());  // left by an agent that has ended, since this one holds the lock
  if (::bind(made, reinterpret_cast<const sockaddr*>(&raw), sizeof raw) != 0 ||
      ::chmod(path.c_str(), 0600) != 0) {
    const int error = errno;
    ::close(made);
    return fail_with(runtime::file_error("open the socket", path, error));
  }
  return made;
}

}  // namespace

class LocalApi::Impl {
 public:
  Impl(runtime::Loop& loop, runtime::FileLock lock, std::filesystem::path socket, Handler handler)
      : lock_(std::move(lock)),
        socket_(std::move(socket)),
        handler_(std::move(handler)),
        server_(loop, [this](const std::string& path, const std::string& body, Answer answer) {
          asked(path, body, std::move(answer));
        }) {}

  Status listen(runtime::Loop& loop) {
    if (socket_.string().size() > kMaxSocketPath) {
      return fail(ErrorCode::kInvalid,
                  "the state directory's path is too long for a socket in it (" +
                      std::to_string(kMaxSocketPath) + " characters): " + socket_.string());
    }
    const auto bound = bind_socket(socket_.string());
    if (!bound) return fail_with(bound.error());
    auto listener = runtime::TcpListener::adopt(
        loop, *bound, [this](std::unique_ptr<runtime::TcpStream> stream, const Endpoint&) {
          server_.serve(std::move(stream));
        });
    if (!listener) return fail_with(listener.error());
    listener_ = std::move(*listener);
    return {};
  }

  ~Impl() {
    if (listener_) ::unlink(socket_.c_str());
  }

 private:
  void asked(const std::string& path, const std::string& body, Answer answer) {
    const std::string command(command_of(path));
    if (command.empty()) {
      return answer(Reply::failed({ErrorCode::kNotFound, "commands are POST /v1/COMMAND"}));
    }
    const auto arguments = nlohmann::json::parse(body.empty() ? "{}" : body, nullptr, false);
    if (!arguments.is_object()) {
      return answer(Reply::failed({ErrorCode::kInvalid, "the body is not a JSON object"}));
    }
    handler_(command, arguments, std::move(answer));
  }

  runtime::FileLock lock_;
  std::filesystem::path socket_;
  Handler handler_;
  ApiServer server_;
  std::unique_ptr<runtime::TcpListener> listener_;
};

std::filesystem::path socket_path(const std::filesystem::path& state_directory) {
  return state_directory / "agent.sock";
}

std::filesystem::path lock_path(const std::filesystem::path& state_directory) {
  return state_directory / "agent.lock";
}

Result<std::unique_ptr<LocalApi>> LocalApi::open(runtime::Loop& loop,
                                                 const std::filesystem::path& state_directory,
                                                 Handler handler) {
  if (const auto made = runtime::make_private_folder(state_directory.string()); !made) {
    return fail_with(made.error());
  }
  auto lock = runtime::FileLock::take(lock_path(state_directory).string());
  if (!lock && lock.error().code == ErrorCode::kConflict) {
    return fail(ErrorCode::kConflict, "an agent already runs with its state in " +
                                          state_directory.string() +
                                          ": stop it with `culvert down`, or use --state");
  }
  if (!lock) return fail_with(lock.error());
  auto impl = std::make_unique<Impl>(loop, std::move(*lock), socket_path(state_directory),
                                     std::move(handler));
  if (const auto listening = impl->listen(loop); !listening) return fail_with(listening.error());
  return std::unique_ptr<LocalApi>(new LocalApi(std::move(impl)));
}

LocalApi::LocalApi(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LocalApi::~LocalApi() = default;

}  // namespace culvert::api
