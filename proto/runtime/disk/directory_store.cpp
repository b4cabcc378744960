#include "proto/runtime/disk/directory_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "proto/crypto/keys.hpp"
#include "proto/runtime/disk/files.hpp"

namespace culvert::runtime {
namespace {

constexpr std::string_view kHeader = "culvert store v1 ";
constexpr std::size_t kMaxHeader = 64;

// Waits for the lock. The wait is short: a holder writes one small file and releases the lock.
class DirectoryLock {
 public:
  explicit DirectoryLock(const std::string& directory)
      : path_(directory + "/.lock"),
        descriptor_(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    while (descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX) != 0) {
      if (errno == EINTR) continue;
      error_ = errno;
      return;
    }
    if (descriptor_ < 0) error_ = errno;
  }
  ~DirectoryLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

  Status status() const {
    if (error_ != 0) return fail_with(file_error("lock", path_, error_));
    return {};
  }

 private:
  std::string path_;
  int descriptor_;
  int error_ = 0;
};

std::optional<trust::StoredValue> parse_file(ByteView raw) {
  const auto all = text(raw);
  const auto line = all.substr(0, all.find('\n'));
  if (line.size() == all.size() || !line.starts_with(kHeader)) return std::nullopt;
  trust::StoredValue out;
  const auto digits = line.substr(kHeader.size());
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), out.version);
  if (error != std::errc{} || end != digits.data() + digits.size() || out.version == 0) {
    return std::nullopt;
  }
  out.bytes = to_bytes(raw.subspan(line.size() + 1));
  return out;
}

std::uint64_t new_version() {
  crypto::SystemRng rng;
  return rng.next() | 1U;  // never 0
}

}  // namespace

Result<DirectoryStore> DirectoryStore::open(const std::string& path) {
  if (auto made = make_private_folder(path); !made) return fail_with(made.error());
  if (::chmod(path.c_str(), 0700) != 0) return fail_with(file_error("protect", path, errno));
  const DirectoryLock lock(path);  // fails here already when the directory is not writable
  if (auto status = lock.status(); !status) return fail_with(status.error());
  return DirectoryStore(path);
}

Result<std::string> DirectoryStore::file_of(std::string_view name) const {
  if (!trust::valid_store_name(name)) {
    return fail(ErrorCode::kInvalid, "store: bad name '" + std::string(name) + "'");
  }
  return path_ + "/" + std::string(name);
}

Result<std::optional<trust::StoredValue>> DirectoryStore::load_locked(
    const std::string& file) const {
  const auto raw = read_file_if_there(file, trust::kMaxStoreValue + kMaxHeader);
  if (!raw) return fail_with(raw.error());
  if (!*raw) return std::optional<trust::StoredValue>{};
  auto value = parse_file(**raw);
  if (!value) {
    return fail(ErrorCode::kInvalid,
                "cannot use " + file + ": it is damaged (restore it from a backup, or remove it)");
  }
  return value;
}

Result<std::optional<trust::StoredValue>> DirectoryStore::load(std::string_view name) {
  const auto file = file_of(name);
  if (!file) return fail_with(file.error());
  const DirectoryLock lock(path_);
  if (auto status = lock.status(); !status) return fail_with(status.error());
  return load_locked(*file);
}

Result<std::uint64_t> DirectoryStore::replace(std::string_view name, ByteView value,
                                              std::uint64_t expected) {
  const auto file = file_of(name);
  if (!file) return fail_with(file.error());
  if (value.size() > trust::kMaxStoreValue) {
    return fail(ErrorCode::kExhausted, "store: the value for " + *file + " is too large");
  }
  const DirectoryLock lock(path_);
  if (auto status = lock.status(); !status) return fail_with(status.error());
  const auto held = load_locked(*file);
  if (!held) return fail_with(held.error());
  if ((*held ? (*held)->version : 0) != expected) {
    return fail(ErrorCode::kConflict, "store: " + *file + " was changed by someone else");
  }
  const auto version = new_version();
  auto bytes = to_bytes(std::string(kHeader) + std::to_string(version) + "\n");
  append(bytes, value);
  const auto written = write_secret_file(*file, bytes);
  crypto::wipe(bytes);
  if (!written) return fail_with(written.error());
  return version;
}

Status DirectoryStore::remove(std::string_view name) {
  const auto file = file_of(name);
  if (!file) return fail_with(file.error());
  const DirectoryLock lock(path_);
  if (auto status = lock.status(); !status) return status;
  return remove_file(*file);
}

}  // namespace culvert::runtime
