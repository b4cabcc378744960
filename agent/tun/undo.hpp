// What TUN mode changes on the machine and would outlive the process: policy rules and resolv.conf.
// Each change is recorded in a folder of the state directory before it is made and struck out after
// it is undone, so that the next start can undo what a crash has left.
//
//   rules              table, owner's uid, boot and network namespace of the policy rules
//   resolv.conf        the text before
//   resolv.conf.ours   the text that we wrote
#pragma once

#include <cstdint>
#include <string>

#include "proto/core/result.hpp"

namespace culvert::tun {

// fd63:756c:7665::/48 leads into `table` for the owner's programs and for root (who may become the
// owner, and in whose name the kernel itself answers); everybody else's packets, and those that the
// machine would pass on for others, are unreachable.
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
  bool resolver_is_ours() const;  // the text is still what we wrote
  void restore_resolver();

  // What is recorded, by this process or by one before; false: nothing was.
  bool everything();

 private:
  std::string file(const char* name) const { return folder_ + "/" + name; }
  std::string folder_;
  std::string resolv_conf_;
};

}  // namespace culvert::tun
