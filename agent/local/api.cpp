#include "agent/local/api.hpp"

#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "proto/runtime/files.hpp"

namespace culvert::local {
namespace {

constexpr std::size_t kMaxSocketPath = 107;  // sockaddr_un, less the final zero
constexpr std::chrono::seconds kApiReadTimeout{2};
constexpr int kApiBacklog = 128;

// httplib's own pool queues without a bound; here the accepting thread waits when the queue is
// full, so that further connections stay in the kernel's backlog.
class BoundedPool final : public httplib::TaskQueue {
 public:
  BoundedPool() {
    for (std::size_t i = 0; i < kApiWorkers; ++i) threads_.emplace_back([this] { work(); });
  }

  void enqueue(std::function<void()> job) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return jobs_.size() < kApiQueue; });
    jobs_.push_back(std::move(job));
    changed_.notify_all();
  }

  void shutdown() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    for (auto& thread : threads_) thread.join();
  }

 private:
  void work() {
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !jobs_.empty() || stopping_; });
      if (jobs_.empty()) return;
      const auto job = std::move(jobs_.front());
      jobs_.pop_front();
      changed_.notify_all();
      lock.unlock();
      job();
    }
  }

  std::mutex mutex_;  // guards what follows, but for threads_
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// Between the pool's threads and the loop's. `handler` is the loop's alone; the mutex guards
// `stopping` and the replies of all exchanges.
struct Desk {
  Handler handler;
  std::mutex mutex;
  std::condition_variable changed;
  bool stopping = false;
};
struct Exchange {
  std::optional<Reply> reply;
};

Reply ask(runtime::Loop& loop, const std::shared_ptr<Desk>& desk, const std::string& command,
          nlohmann::json arguments) {
  auto exchange = std::make_shared<Exchange>();
  std::unique_lock lock(desk->mutex);
  if (!desk->stopping) {
    loop.post([desk, exchange, command, arguments = std::move(arguments)] {
      if (!desk->handler) return;
      desk->handler(command, arguments, [desk, exchange](Reply reply) {
        const std::lock_guard held(desk->mutex);
        exchange->reply = std::move(reply);
        desk->changed.notify_all();
      });
    });
  }
  const bool in_time = desk->changed.wait_for(lock, kApiAnswerTimeout,
                                              [&] { return exchange->reply || desk->stopping; });
  if (exchange->reply) return *exchange->reply;
  if (in_time) return Reply::failed({ErrorCode::kUnavailable, "the agent is stopping"});
  return Reply::failed({ErrorCode::kTimeout, "the agent did not finish this in time"});
}

}  // namespace

class LocalApi::Impl {
 public:
  Impl(runtime::Loop& loop, runtime::FileLock lock, std::filesystem::path socket, Handler handler)
      : loop_(loop), lock_(std::move(lock)), socket_(std::move(socket)) {
    desk_->handler = std::move(handler);
    server_.set_address_family(AF_UNIX);
    server_.set_socket_options([this](socket_t opened) { listening_ = opened; });
    server_.set_payload_max_length(kMaxApiBody);
    server_.set_keep_alive_max_count(1);
    server_.set_read_timeout(kApiReadTimeout);
    server_.set_write_timeout(kApiReadTimeout);
    server_.new_task_queue = [] { return new BoundedPool; };
    server_.Post(
        R"(/v1/([a-z-]+))", [this](const httplib::Request& request, httplib::Response& response) {
          auto arguments =
              nlohmann::json::parse(request.body.empty() ? "{}" : request.body, nullptr, false);
          const auto reply =
              arguments.is_object()
                  ? ask(loop_, desk_, request.matches[1].str(), std::move(arguments))
                  : Reply::failed({ErrorCode::kInvalid, "the body is not a JSON object"});
          response.status = reply.http_status;
          response.set_content(reply.body, "application/json");
        });
  }

  Status listen() {
    ::unlink(socket_.c_str());  // of an agent that is gone: we hold the lock
    if (socket_.string().size() > kMaxSocketPath) {
      return fail(ErrorCode::kInvalid,
                  "the state directory's path is too long for a socket in it (" +
                      std::to_string(kMaxSocketPath) + " characters): " + socket_.string());
    }
    if (!server_.bind_to_port(socket_.string(), 80)) {
      return fail_with(runtime::file_error("open the socket", socket_.string(), errno));
    }
    ::chmod(socket_.c_str(), 0600);
    // The library asks for a backlog of 5: one more caller at once would find "no agent".
    ::listen(listening_, kApiBacklog);
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    // stop() has no effect on a server that is about to start.
    while (!server_.is_running()) std::this_thread::yield();
    return {};
  }

  ~Impl() {
    if (!thread_.joinable()) return;
    desk_->handler = nullptr;
    {
      const std::lock_guard lock(desk_->mutex);
      desk_->stopping = true;
      desk_->changed.notify_all();
    }
    server_.stop();
    thread_.join();
    ::unlink(socket_.c_str());
  }

 private:
  runtime::Loop& loop_;
  runtime::FileLock lock_;
  std::filesystem::path socket_;
  std::shared_ptr<Desk> desk_ = std::make_shared<Desk>();
  int listening_ = -1;  // server_'s
  httplib::Server server_;
  std::thread thread_;
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
  if (const auto listening = impl->listen(); !listening) return fail_with(listening.error());
  return std::unique_ptr<LocalApi>(new LocalApi(std::move(impl)));
}

LocalApi::LocalApi(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LocalApi::~LocalApi() = default;

}  // namespace culvert::local
