// Alarms for people: new nodes of a site, and claims and statements that contradict known ones.
// Each party has its own list, in memory only. Each site (and, for devices, the vendor) has one
// share for each kind of alarm; in a full share the oldest alarm is dropped.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

constexpr std::size_t kMaxAlarms = 16;  // of one kind, at one site

enum class AlarmKind {
  kNewNode,    // an identity of a site that was not known to this party
  kName,       // a second identity with the name of a known node
  kKey,        // a second identity with a key of a known node
  kEnrolment,  // more identities than an enrolment or a site may have
  kConflict,   // a validly signed statement that contradicts a known one
};

struct Alarm {
  std::uint64_t number = 0;  // rises by one with each alarm; 1 is the first
  AlarmKind kind = AlarmKind::kNewNode;
  SiteId site;  // zero: the alarm is about a device
  IdentityKey identity;
  std::string what;  // the text for people, one line
  WallTime at;
};

class Alarms {
 public:
  // Does nothing while the same alarm is in the list.
  void raise(AlarmKind kind, const SiteId& site, const IdentityKey& identity, std::string what,
             WallTime at);
  std::vector<Alarm> all() const;                   // by number
  std::uint64_t raised() const { return raised_; }  // the number of the latest alarm

 private:
  std::map<std::pair<SiteId, AlarmKind>, std::deque<Alarm>> shares_;
  std::uint64_t raised_ = 0;
};

}  // namespace culvert::trust
