// Undoes the changes of TUN mode that would outlive the process: policy rules and resolv.conf. Each
// change is recorded in a folder of the state directory before it is made, and the record is
// removed after the undo. So the next start can undo changes that a crash has left. The records:
//
//   rules              table, owner's uid, boot and network namespace of the policy rules
//   resolv.conf        the text before the change
//   resolv.conf.ours   the text that we wrote
#pragma once

#include <cstdint>
#include <string>

#include "proto/core/result.hpp"

namespace culvert::tun {

// Policy rules for fd63:756c:7665::/48. Packets of the owner's programs and of root use `table`
// (root may become the owner, and the kernel itself answers as root). Packets of other users, and
// forwarded packets of other machines, are unreachable.
struct MeshRules {
  std::uint32_t table = 0;
  std::uint32_t owner = 0;
};

class Undo {
 public:
  Undo(std::string folder, std::string resolv_conf = "/etc/resolv.conf");

  Status add_rules(const MeshRules& rules);
  void remove_rules();

  Status rewrite_resolver(const std::string& before, const std::string& ours);
  bool resolver_is_ours() const;  // resolv.conf still has the text that we wrote
  void restore_resolver();

  // Undoes all recorded changes, of this process or an earlier one. False: there was no record.
  bool everything();

 private:
  std::string file(const char* name) const { return folder_ + "/" + name; }
  std::string folder_;
  std::string resolv_conf_;
};

}  // namespace culvert::tun
