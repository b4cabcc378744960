// Commands of approvers and of persons with a device-admission key. Each command speaks with the
// coordinator over the control channel.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/cli/people/by_key.hpp"
#include "agent/cli/show/common.hpp"
#include "proto/core/result.hpp"

namespace culvert::cli {

Status list_requests(const Common& common, const ByKey& by);
Status approve(const Common& common, const ByKey& by, const std::string& grant);
// Options of the end of a grant. `lease` and `out` are further places for the revocation; empty:
// only the coordinator.
struct EndGrant {
  std::string grant, reason;
  bool deny = false;
  std::string lease;  // URL of the customer's lease server
  std::string out;    // file for a folder of documents
  std::string note;   // file with the grant's note, if not in the coordinator's list
};
Status end_grant(const Common& common, const ByKey& by, const EndGrant& ending);
struct AuditPage {
  std::string site;          // empty: every site
  std::uint64_t before = 0;  // 0: from the newest; else from the previous page
  std::size_t limit = 1000;
};
Status coordinator_audit(const Common& common, const ByKey& by, const AuditPage& wanted);

// Admission of laptops, with a device-admission key (devices.cpp).
struct DeviceAdmit {
  std::string text;  // sha256:… of the waiting text; or `device` with the rest:
  std::string device, person;
  std::vector<std::string> groups;
  std::string until;  // how long the device may be renewed
};
struct DeviceRevoke {
  std::string device, person, reason;
  bool unknown = false;  // also if neither ledger nor list names it
};
Status list_devices(const Common& common, const ByKey& by);
Status admit_device(const Common& common, const ByKey& by, const DeviceAdmit& options);
Status renew_devices(const Common& common, const ByKey& by);
Status revoke_device(const Common& common, const ByKey& by, const DeviceRevoke& options);

}  // namespace culvert::cli
