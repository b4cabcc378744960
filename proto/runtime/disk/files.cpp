#include "proto/runtime/disk/files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace culvert::runtime {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
};

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool write_all(int descriptor, ByteView bytes) {
  while (!bytes.empty()) {
    const auto count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

bool sync_folder(const std::string& folder) {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return opened.get() >= 0 && ::fsync(opened.get()) == 0;
}

Result<Bytes> read_all(int descriptor, const std::string& name, std::size_t limit) {
  Bytes out;
  std::array<std::uint8_t, 16384> chunk{};
  for (;;) {
    const auto count = ::read(descriptor, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_with(file_error("read", name, errno));
    if (count == 0) return out;
    append(out, ByteView(chunk).first(static_cast<std::size_t>(count)));
    if (out.size() > limit) {
      return fail(ErrorCode::kExhausted, "cannot read " + name + ": it is larger than " +
                                             std::to_string(limit) + " bytes");
    }
  }
}

Result<Bytes> read_opened(const Descriptor& file, const std::string& path, std::size_t limit) {
  struct stat facts {};
  if (::fstat(file.get(), &facts) == 0 && S_ISDIR(facts.st_mode)) {
    return fail_with(file_error("read", path, EISDIR));
  }
  return read_all(file.get(), path, limit);
}

}  // namespace

Error file_error(std::string_view doing, std::string_view path, int error_number) {
  ErrorCode code = ErrorCode::kUnavailable;
  std::string why = std::strerror(error_number);
  switch (error_number) {
    case ENOENT:
      code = ErrorCode::kNotFound;
      why = "no such file or folder";
      break;
    case ENOSPC:
    case EDQUOT:
      code = ErrorCode::kExhausted;
      why = "the disk is full (free some space)";
      break;
    case EROFS:
      why = "the file system is read-only (use a writable folder, --state DIR)";
      break;
    case EACCES:
    case EPERM:
      why = "permission denied (run as its owner, or use --state DIR)";
      break;
    case EMFILE:
    case ENFILE:
      code = ErrorCode::kExhausted;
      why = "too many open files (raise the limit, ulimit -n)";
      break;
    default:
      break;
  }
  return {code, "cannot " + std::string(doing) + " " + std::string(path) + ": " + why};
}

Result<Bytes> read_file(const std::string& path, std::size_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return fail_with(file_error("read", path, errno));
  return read_opened(file, path, limit);
}

Result<std::optional<Bytes>> read_file_if_there(const std::string& path, std::size_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 && errno == ENOENT) return std::optional<Bytes>();
  if (file.get() < 0) return fail_with(file_error("read", path, errno));
  auto bytes = read_opened(file, path, limit);
  if (!bytes) return fail_with(bytes.error());
  return std::optional<Bytes>(std::move(*bytes));
}

Result<Bytes> read_standard_input(std::size_t limit) {
  return read_all(STDIN_FILENO, "standard input", limit);
}

Status write_file_atomic(const std::string& path, ByteView bytes, unsigned mode) {
  const std::string folder = folder_of(path);
  std::string temporary = path + ".XXXXXX";
  const Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));  // made with mode 0600
  if (file.get() < 0) return fail_with(file_error("write", path, errno));
  const bool written = write_all(file.get(), bytes) && ::fchmod(file.get(), mode) == 0 &&
                       ::fsync(file.get()) == 0 && ::rename(temporary.c_str(), path.c_str()) == 0;
  if (!written) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return fail_with(file_error("write", path, error));
  }
  if (!sync_folder(folder)) return fail_with(file_error("write", path, errno));
  return {};
}

Status remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return {};
    return fail_with(file_error("remove", path, errno));
  }
  if (!sync_folder(folder_of(path))) return fail_with(file_error("remove", path, errno));
  return {};
}

Status make_private_folder(const std::string& path) {
  if (const auto parent = folder_of(path); path.find('/') != std::string::npos && parent != "/") {
    struct stat facts {};
    if (::stat(parent.c_str(), &facts) != 0) {
      if (auto made = make_private_folder(parent); !made) return made;
    }
  }
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail_with(file_error("make", path, errno));
  }
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return fail_with(file_error("use", path, errno));
  if (!S_ISDIR(facts.st_mode)) return fail_with(file_error("use", path, ENOTDIR));
  if (facts.st_uid != ::geteuid()) return fail_with(file_error("use", path, EACCES));
  if (::access(path.c_str(), W_OK | X_OK) != 0) {
    return fail_with(file_error("write to", path, errno));
  }
  return {};
}

Result<FileLock> FileLock::take(const std::string& path) {
  FileLock lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.descriptor_ < 0) return fail_with(file_error("lock", path, errno));
  if (::flock(lock.descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_with(file_error("lock", path, errno));
    return fail(ErrorCode::kConflict,
                "another process uses " + folder_of(path) + " (" + path + " is locked)");
  }
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}
FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void harden_process() {
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::umask(0077);
  ::signal(SIGPIPE, SIG_IGN);
}

}  // namespace culvert::runtime
