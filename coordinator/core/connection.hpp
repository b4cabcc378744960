// One control connection as the core knows it, and who is at its other end.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "proto/control/channel.hpp"
#include "proto/core/time.hpp"
#include "proto/trust/node.hpp"

namespace culvert::coordinator {

struct Connection {
  control::Channel channel;
  std::string from;
  Instant opened;
  Instant heard;
  bool greeted = false;
  std::optional<trust::Node> node;  // whose connection it is; absent: a person's
  std::vector<crypto::VerifyKey> proven;
};

// What the keys that a person has proven may see.
struct Sight {
  bool vendor = false;     // every site
  bool admission = false;  // devices that wait
  std::set<trust::SiteId> sites;

  bool sees(const trust::SiteId& site) const { return vendor || sites.contains(site); }
  bool any() const { return vendor || admission || !sites.empty(); }
};

struct Waiting {  // a device that nobody has admitted
  note::Note note;
  trust::Node node;
  std::uint64_t order = 0;
};

}  // namespace culvert::coordinator
