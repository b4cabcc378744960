#include "proto/runtime/stream/unix_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <list>

#include "proto/crypto/keys.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/runtime/loop/handle.hpp"

namespace culvert::runtime {
namespace {

constexpr std::size_t kReceiveSize = 64U << 10U;
constexpr int kBacklog = 64;

struct Address {
  sockaddr_un raw{};
  explicit Address(const std::string& path) {
    raw.sun_family = AF_UNIX;
    path.copy(raw.sun_path, sizeof raw.sun_path - 1);
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&raw); }
};

int unix_socket() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

bool answers(const std::string& path) {
  const int probe = unix_socket();
  const Address address(path);
  const bool there = ::connect(probe, address.get(), sizeof address.raw) == 0 || errno == EAGAIN;
  ::close(probe);
  return there;
}

Status make_folder_of(const std::string& path) {
  const auto folder = path.substr(0, path.rfind('/'));
  if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return fail_with(file_error("make", folder, errno));
}

// The umask makes sure that the socket has mode 0600 from its first moment.
int bind_private(int descriptor, const std::string& path) {
  const Address address(path);
  const auto before = ::umask(0177);
  const int status = ::bind(descriptor, address.get(), sizeof address.raw) == 0 ? 0 : errno;
  ::umask(before);
  return status;
}

HandlePtr<uv_poll_t> make_poll(Loop& loop, int descriptor, void* owner) {
  HandlePtr<uv_poll_t> poll(new uv_poll_t{});
  if (uv_poll_init(loop.raw(), poll.get(), descriptor) != 0) {
    delete poll.release();
    return nullptr;
  }
  poll->data = owner;
  return poll;
}

}  // namespace

struct UnixSocket::Impl : std::enable_shared_from_this<Impl> {
  struct Client;

  Impl(Loop& l, std::string p, UnixSocketEvents e)
      : loop(l), path(std::move(p)), events(std::move(e)) {}
  ~Impl() { close(); }

  Status open();
  Status bind();
  Status listen_as(const std::string& unnamed);
  void watch_file();
  bool is_ours() const;
  void accept();
  void set_accepting();
  void close();

  Loop& loop;
  std::string path;
  UnixSocketEvents events;
  int descriptor = -1;
  ino_t inode = 0;  // inode of our socket file; 0: not bound
  HandlePtr<uv_poll_t> poll;
  HandlePtr<uv_fs_event_t> file_watch;
  std::list<Client> clients;
};

// One connection. `received` has the bytes that the handler has not used yet.
struct UnixSocket::Impl::Client {
  Client(Impl& o, int fd, UnixClient h) : owner(o), descriptor(fd), handler(std::move(h)) {}
  ~Client() {
    poll.reset();
    ::close(descriptor);
    crypto::wipe(received);
    crypto::wipe(answer);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool start() {
    poll = make_poll(owner.loop, descriptor, this);
    return poll && watch();
  }
  bool watch() {
    const int wanted = answer.empty() ? UV_READABLE : UV_WRITABLE;
    return uv_poll_start(poll.get(), wanted, [](uv_poll_t* handle, int, int) {
             if (handle->data != nullptr) static_cast<Client*>(handle->data)->on_event();
           }) == 0;
  }
  void on_event() {
    const bool alive = (answer.empty() ? read() : write()) && work();
    if (alive && watch()) return;
    auto& all = owner;
    all.clients.remove_if([this](const Client& each) { return &each == this; });
    all.set_accepting();
  }
  bool read() {
    const auto size = ::recv(descriptor, received.data() + filled, received.size() - filled, 0);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    filled += static_cast<std::size_t>(size);
    return size > 0;
  }
  // Handles requests until an answer cannot be sent at once. False: close the connection.
  bool work() {
    while (answer.empty() && !hang_up && filled > 0) {
      auto result = handler(ByteView(received).first(filled));
      std::copy(received.begin() + static_cast<std::ptrdiff_t>(result.used),
                received.begin() + static_cast<std::ptrdiff_t>(filled), received.begin());
      filled -= result.used;
      crypto::wipe(MutableByteView(received).subspan(filled, result.used));
      answer = std::move(result.answer);
      hang_up = result.hang_up;
      if (!write()) return false;
    }
    return !hang_up || !answer.empty();
  }
  bool write() {
    while (sent < answer.size()) {
      const auto size =
          ::send(descriptor, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
      if (size < 0) return errno == EAGAIN || errno == EINTR;
      sent += static_cast<std::size_t>(size);
    }
    crypto::wipe(answer);
    answer.clear();
    sent = 0;
    return true;
  }

  Impl& owner;
  int descriptor;
  UnixClient handler;
  HandlePtr<uv_poll_t> poll;
  Bytes received = Bytes(kReceiveSize);
  std::size_t filled = 0;
  Bytes answer;
  std::size_t sent = 0;
  bool hang_up = false;
};

// The socket listens under a temporary name before it gets its own name: wg(8), like us, removes a
// socket that does not answer.
Status UnixSocket::Impl::bind() {
  const std::string unnamed = path + "." + std::to_string(::getpid());
  if (unnamed.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(ErrorCode::kInvalid, "too long a name for a Unix socket: " + path);
  }
  descriptor = unix_socket();
  if (descriptor < 0) return fail_with(uv_error("cannot open a Unix socket", -errno));
  ::unlink(unnamed.c_str());  // left by a dead process with our process id
  if (const int error = bind_private(descriptor, unnamed); error != 0) {
    return fail_with(uv_error("cannot make " + path, -error));
  }
  Status named = listen_as(unnamed);
  ::unlink(unnamed.c_str());
  return named;
}

Status UnixSocket::Impl::listen_as(const std::string& unnamed) {
  if (::listen(descriptor, kBacklog) != 0) {
    return fail_with(uv_error("cannot listen at " + path, -errno));
  }
  int error = ::link(unnamed.c_str(), path.c_str()) == 0 ? 0 : errno;
  if (error == EEXIST) {
    if (answers(path)) {
      return fail(ErrorCode::kConflict, path + " is in use: another process answers there");
    }
    ::unlink(path.c_str());  // left by a dead process
    error = ::link(unnamed.c_str(), path.c_str()) == 0 ? 0 : errno;
  }
  if (error != 0) return fail_with(uv_error("cannot make " + path, -error));
  struct stat file {};
  if (::lstat(unnamed.c_str(), &file) == 0) inode = file.st_ino;
  return {};
}

Status UnixSocket::Impl::open() {
  if (auto made = make_folder_of(path); !made) return made;
  if (auto bound = bind(); !bound) return bound;
  poll = make_poll(loop, descriptor, this);
  if (!poll) return fail(ErrorCode::kInternal, "cannot watch " + path);
  set_accepting();
  watch_file();
  return {};
}

void UnixSocket::Impl::watch_file() {
  file_watch = make_handle(uv_fs_event_init, loop.raw(), this);
  uv_fs_event_start(
      file_watch.get(),
      [](uv_fs_event_t* handle, const char*, int, int) {
        auto* self = static_cast<Impl*>(handle->data);
        if (self == nullptr || self->is_ours()) return;
        const auto held = self->shared_from_this();
        if (held->events.removed) held->events.removed();
      },
      path.c_str(), 0);
}

bool UnixSocket::Impl::is_ours() const {
  struct stat file {};
  return inode != 0 && ::lstat(path.c_str(), &file) == 0 && file.st_ino == inode;
}

void UnixSocket::Impl::set_accepting() {
  if (clients.size() >= kMaxClients) {
    uv_poll_stop(poll.get());
    return;
  }
  uv_poll_start(poll.get(), UV_READABLE, [](uv_poll_t* handle, int, int) {
    if (handle->data != nullptr) static_cast<Impl*>(handle->data)->accept();
  });
}

void UnixSocket::Impl::accept() {
  const int client = ::accept4(descriptor, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (client < 0) return;
  clients.emplace_back(*this, client, events.connected());
  if (!clients.back().start()) clients.pop_back();
  set_accepting();
}

void UnixSocket::Impl::close() {
  poll.reset();
  file_watch.reset();
  clients.clear();
  if (is_ours()) ::unlink(path.c_str());
  inode = 0;
  if (descriptor >= 0) ::close(descriptor);
  descriptor = -1;
}

Result<std::unique_ptr<UnixSocket>> UnixSocket::listen(Loop& loop, const std::string& path,
                                                       UnixSocketEvents events) {
  auto impl = std::make_shared<Impl>(loop, path, std::move(events));
  if (auto opened = impl->open(); !opened) return fail_with(opened.error());
  return std::unique_ptr<UnixSocket>(new UnixSocket(std::move(impl)));
}

UnixSocket::UnixSocket(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
UnixSocket::~UnixSocket() { impl_->close(); }

}  // namespace culvert::runtime
