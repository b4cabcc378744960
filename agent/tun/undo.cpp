#include "agent/tun/undo.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <vector>

#include "agent/dns/resolv_conf.hpp"
#include "proto/core/bytes.hpp"
#include "proto/core/mesh_prefix.hpp"
#include "proto/core/prefix.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/runtime/loop/log.hpp"
#include "proto/runtime/packet/interface.hpp"

namespace culvert::tun {
namespace {

constexpr std::uint32_t kPriority = 5207;  // before the rules of the tables main and default

// Names the present boot and network namespace. Rules exist only in one boot and one namespace, so
// a record from another boot or namespace is void.
std::string where() {
  std::string boot = "?";
  if (const auto id = runtime::read_file("/proc/sys/kernel/random/boot_id")) {
    boot = std::string(text(*id)).substr(0, 36);
  }
  struct stat facts {};
  ::stat("/proc/self/ns/net", &facts);
  return boot + " " + std::to_string(facts.st_ino);
}

std::vector<runtime::Rule> kernel_rules(const MeshRules& rules) {
  runtime::Rule owner;
  owner.priority = kPriority;
  owner.to = mesh_prefix();
  owner.from = "lo";
  owner.table = rules.table;
  owner.users = {{rules.owner, rules.owner}};
  runtime::Rule root = owner;
  root.users = {{0, 0}};
  runtime::Rule wall = owner;
  wall.priority = kPriority + 1;
  wall.from.clear();
  wall.users.reset();
  wall.action = runtime::Rule::Action::kUnreachable;
  if (rules.owner == 0) return {wall, owner};
  return {wall, root, owner};  // the wall is added first, so that no other user gets through
}

// Writes the file in place: a rename would fail on a bind mount, and programs that watch the file
// would miss the change.
int write_in_place(const std::string& path, const std::string& content) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) return errno;
  int error = 0;
  if (::ftruncate(descriptor, 0) != 0) error = errno;
  const ssize_t written = error == 0 ? ::write(descriptor, content.data(), content.size()) : 0;
  if (error == 0 && written != static_cast<ssize_t>(content.size())) {
    error = written < 0 ? errno : ENOSPC;
  }
  if (error == 0 && ::fsync(descriptor) != 0 && errno != EINVAL) error = errno;
  ::close(descriptor);
  return error;
}

std::optional<std::string> content_of(const std::string& path) {
  auto bytes = runtime::read_file_if_there(path);
  if (!bytes || !*bytes) return std::nullopt;
  return std::string(text(**bytes));
}

void strike_out(const std::string& path) {
  if (const auto done = runtime::remove_file(path); !done) {
    runtime::log::warn("an undo record stays", {{"why", done.error()}});
  }
}

}  // namespace

Undo::Undo(std::string folder, std::string resolv_conf)
    : folder_(std::move(folder)), resolv_conf_(std::move(resolv_conf)) {}

Status Undo::add_rules(const MeshRules& rules) {
  if (auto made = runtime::make_private_folder(folder_); !made) return made;
  const std::string record =
      std::to_string(rules.table) + " " + std::to_string(rules.owner) + " " + where() + "\n";
  auto recorded = runtime::write_file_atomic(file("rules"), view(record), 0600);
  if (!recorded) return recorded;
  for (const auto& rule : kernel_rules(rules)) {
    if (auto added = runtime::add_rule(rule); !added) return added;
  }
  return {};
}

void Undo::remove_rules() {
  const auto record = content_of(file("rules"));
  if (!record) return;
  std::istringstream words(*record);
  MeshRules rules;
  std::string boot, place;
  words >> rules.table >> rules.owner >> boot >> place;
  if (words && boot + " " + place == where()) {
    auto undo = kernel_rules(rules);
    std::reverse(undo.begin(), undo.end());  // the wall is removed last
    for (const auto& rule : undo) {
      const auto removed = runtime::remove_rule(rule);
      if (removed || removed.error().code == ErrorCode::kNotFound) continue;
      runtime::log::warn("a routing rule stays", {{"why", removed.error()}});
      return;  // keeps the record, so that the next start tries again
    }
  }
  strike_out(file("rules"));
}

Status Undo::rewrite_resolver(const std::string& before, const std::string& ours) {
  if (auto made = runtime::make_private_folder(folder_); !made) return made;
  auto recorded = runtime::write_file_atomic(file("resolv.conf.ours"), view(ours), 0600);
  if (recorded) recorded = runtime::write_file_atomic(file("resolv.conf"), view(before), 0600);
  if (!recorded) return recorded;
  const int error = write_in_place(resolv_conf_, ours);
  if (error == 0) return {};
  restore_resolver();
  return fail(error == EPERM || error == EACCES || error == EROFS ? ErrorCode::kDenied
                                                                  : ErrorCode::kUnavailable,
              "cannot write " + resolv_conf_ + ": " + std::strerror(error) +
                  " (make it writable, chattr -i where it is immutable; or start with --no-dns)");
}

bool Undo::resolver_is_ours() const {
  return content_of(resolv_conf_) == content_of(file("resolv.conf.ours"));
}

void Undo::restore_resolver() {
  const auto before = content_of(file("resolv.conf"));
  if (before) {
    const auto ours = content_of(file("resolv.conf.ours")).value_or("");
    const auto current = content_of(resolv_conf_);
    const auto found = current ? dns::compare(*current, *before, ours) : dns::Found::kForeign;
    if (found == dns::Found::kForeign) {
      runtime::log::warn("another program has changed resolv.conf: the file stays as it is",
                         {{"file", resolv_conf_}});
    } else if (found == dns::Found::kOurs) {
      if (const int error = write_in_place(resolv_conf_, *before); error != 0) {
        runtime::log::error("cannot put resolv.conf back: the next start tries again",
                            {{"why", std::strerror(error)}, {"text", file("resolv.conf")}});
        return;
      }
    }
    strike_out(file("resolv.conf"));
  }
  if (content_of(file("resolv.conf.ours"))) strike_out(file("resolv.conf.ours"));
}

bool Undo::everything() {
  struct stat facts {};
  if (::stat(folder_.c_str(), &facts) != 0) return false;
  restore_resolver();
  remove_rules();
  ::rmdir(folder_.c_str());  // fails while the folder has a record
  return true;
}

}  // namespace culvert::tun
