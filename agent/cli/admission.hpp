// The ledger beside an admission key: for each device the text that was last signed, how long it
// may be renewed, and whether it has ended. What a device was is read from here, never from what a
// coordinator says. One file for each device, in the folder `ledger` beside the key:
//
//   culvert/admission/v1
//   until: <time>                    renewals end
//   ended: yes|no                    revoked: never signed again
//   (an empty line, then the text of the device's node statement)
//
// and `persons`, with a line for each person who has ended.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/trust/statements/node.hpp"

namespace culvert::cli {

constexpr std::chrono::seconds kDefaultAdmission{90 * 24 * 3600};  // `device admit --until`
constexpr std::chrono::seconds kMaxAdmission{400 * 24 * 3600};
constexpr std::chrono::seconds kRenewGrace{7 * 24 * 3600};  // after the last statement's end

struct Admitted {
  trust::Node last;
  WallTime until;
  bool ended = false;

  std::string render() const;
  static Result<Admitted> parse(std::string_view text);
};

class AdmissionLedger {
 public:
  // Of the folder in which the key lies. Fails when any of its files is damaged: a device must not
  // be forgotten.
  static Result<AdmissionLedger> open(const std::filesystem::path& key_folder);

  const Admitted* find(const trust::IdentityKey& identity) const;  // null: never signed
  const std::map<trust::IdentityKey, Admitted>& devices() const { return devices_; }
  bool has_ended(const trust::Person& person) const { return persons_.count(person) != 0; }

  // Durable when they return.
  Status record(const Admitted& admitted);
  Status end(const trust::IdentityKey& identity);
  Status end(const trust::Person& person);

 private:
  std::filesystem::path folder_;
  std::map<trust::IdentityKey, Admitted> devices_;
  std::set<trust::Person> persons_;
};

// What a waiting text changes against the one that was last signed, one line each; none: nothing.
std::vector<std::string> differences(const AdmissionLedger& ledger, const trust::Node& waiting);

// Whether a person may sign the waiting text: it is in its time, newer than what was signed last,
// and neither the device nor its person has ended.
Status may_admit(const AdmissionLedger& ledger, const trust::Node& waiting, WallTime now);
// Whether it may be signed without being read again: all that matters is as it was last signed.
Status may_renew(const AdmissionLedger& ledger, const trust::Node& waiting, WallTime now);

}  // namespace culvert::cli
