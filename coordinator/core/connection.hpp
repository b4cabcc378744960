// One control connection: its Noise channel, and the node or person at the other end.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "proto/control/channel.hpp"
#include "proto/core/time.hpp"
#include "proto/trust/statements/node.hpp"

namespace culvert::coordinator {

struct Connection {
  control::Channel channel;
  std::string from;
  std::string source;  // the owner of the connection's costs before its login
  Instant opened;
  Instant heard;
  bool greeted = false;
  std::deque<Bytes> backlog = {};        // records that wait for a turn before the greeting
  std::optional<trust::Node> node = {};  // the node at the other end; absent: a person
  std::vector<crypto::VerifyKey> proven = {};
  std::size_t proofs = 0;  // proofs that came in, good and bad; kMaxProofs at most
  // Index of the first audit line that was missing at the welcome, until the first upload.
  std::optional<std::uint64_t> audit_next = {};
};

// What the keys that a person has proven may see.
struct Sight {
  bool vendor = false;     // every site
  bool admission = false;  // devices that wait for admission
  std::set<trust::SiteId> sites;

  bool sees(const trust::SiteId& site) const { return vendor || sites.contains(site); }
  bool any() const { return vendor || admission || !sites.empty(); }
};

struct Waiting {  // a device that waits for admission
  note::Note note;
  trust::Node node;
};

}  // namespace culvert::coordinator
