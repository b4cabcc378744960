// Finds the user whose process is at the other end of a loopback connection, or sent a datagram.
// Asks the kernel for that one socket (socket_diag.hpp). Where the kernel refuses such questions,
// reads the kernel's tables instead (proc(5), /proc/net/{tcp,udp} and {tcp,udp}6).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/proxy/socket_diag.hpp"

namespace culvert::proxy {

// One uid for each question. Nothing: no such socket, or its process has closed it.
using Uids = std::vector<std::optional<std::uint32_t>>;

// Fills in, in one pass over `table`, the uids of those `questions` that are for `transport` and
// have no uid yet. `uids` is as long as `questions`. Pure.
void find_in_table(std::string_view table, Transport transport,
                   std::span<const SocketQuestion> questions, Uids& uids);

struct OwnerSources {
  bool ask_kernel = true;            // false: use the tables only
  std::string tables = "/proc/net";  // the folder of the tables
};

// Blocks while it reads tables, which takes milliseconds when there are many sockets. So use it on
// another thread than the loop's (owners.hpp).
class OwnerFinder {
 public:
  explicit OwnerFinder(OwnerSources sources = {});
  // Reads each table at most once for all questions together.
  Uids find(std::span<const SocketQuestion> questions);

  struct Counters {
    std::uint64_t asked = 0;   // questions to the kernel
    std::uint64_t tables = 0;  // files read
  };
  const Counters& counters() const { return counters_; }

 private:
  bool ask_kernel(const SocketQuestion& question, std::optional<std::uint32_t>& uid);
  void read_tables(Transport transport, std::span<const SocketQuestion> questions, Uids& uids);

  OwnerSources sources_;
  std::optional<SocketDiag> diag_;
  Counters counters_;
  // A kernel without the module for these questions also answers "no such socket". So that answer
  // counts only after the kernel has once named an owner. One flag for each transport.
  bool proven_[2] = {false, false};
};

// True when `uid` is `owner` or root. In a user namespace the uid that stands for every user
// outside of it (overflowuid, user_namespaces(7)) is nobody's, even if the owner's number is the
// same.
class OwnerRule {
 public:
  explicit OwnerRule(std::uint32_t owner);
  OwnerRule(std::uint32_t owner, std::optional<std::uint32_t> nobody)
      : owner_(owner), nobody_(nobody) {}
  bool serves(std::optional<std::uint32_t> uid) const {
    return uid && uid != nobody_ && (*uid == 0 || *uid == owner_);
  }

 private:
  std::uint32_t owner_;
  std::optional<std::uint32_t> nobody_;
};

}  // namespace culvert::proxy
