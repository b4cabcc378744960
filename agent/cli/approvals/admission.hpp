// The ledger beside an admission key. For each device it holds the text that the key has last
// signed, how long the device may be renewed, and whether the device has ended. Commands read a
// device's past from the ledger, never from the coordinator. One file for each device, in the
// folder `ledger` beside the key:
//
//   culvert/admission/v1
//   until: <time>                    renewals end
//   ended: yes|no                    revoked: never signed again
//   (an empty line, then the text of the device's node statement)
//
// The file `persons` has a line for each person who is admitted no more.
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
  // Opens the ledger beside the key. Fails when one of its files is damaged, so that no device is
  // forgotten.
  static Result<AdmissionLedger> open(const std::filesystem::path& key_folder);

  const Admitted* find(const trust::IdentityKey& identity) const;  // null: never signed
  const std::map<trust::IdentityKey, Admitted>& devices() const { return devices_; }
  bool has_ended(const trust::Person& person) const { return persons_.count(person) != 0; }

  // The changes are durable when these functions return.
  Status record(const Admitted& admitted);
  Status end(const trust::IdentityKey& identity);
  Status end(const trust::Person& person);

 private:
  std::filesystem::path folder_;
  std::map<trust::IdentityKey, Admitted> devices_;
  std::set<trust::Person> persons_;
};

// The differences between a waiting text and the device's last signed text, one line each; empty:
// none.
std::vector<std::string> differences(const AdmissionLedger& ledger, const trust::Node& waiting);

// Whether a person may sign the waiting text. Errors: the text is out of its time or not newer than
// the device's last signed text, or the device or its person has ended.
Status may_admit(const AdmissionLedger& ledger, const trust::Node& waiting, WallTime now);
// Whether the waiting text may be signed without a person who reads it: the admission still lasts,
// and only serial and times differ from the device's last signed text.
Status may_renew(const AdmissionLedger& ledger, const trust::Node& waiting, WallTime now);

}  // namespace culvert::cli
