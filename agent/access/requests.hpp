// A laptop's own requests for access, from the question to the grant's end; on a site's agent, the
// views of all grants that the agent knows.
//
// In order: `culvert request` → the coordinator names the site and its policy → build() signs the
// grant's text → the coordinator takes the note → remember() → approvers sign → the evidence takes
// the grant → Granted.
#pragma once

#include <map>
#include <vector>

#include "agent/access/own_node.hpp"
#include "agent/access/views.hpp"

namespace culvert::agent {

class Requests {
 public:
  static constexpr std::size_t kMaxOwn = 256;  // requests that are remembered; the oldest go

  Requests(Basis& basis, const OwnNode& own_node) : basis_(basis), own_node_(own_node) {}

  // Signs the text of a grant for `name`. `policy`: hash of the site's policy, as the coordinator
  // says. kNotFound: no such site; kDenied: this device or its clock forbids requests now.
  Result<note::Note> build(Now now, const RequestOptions& wish, const trust::Fqdn& name,
                           const crypto::Hash& policy);
  void remember(const note::Note& note);  // no effect for a note that this device has not signed
  // Signs the end of an own request. kNotFound: this device has made no such request.
  Result<note::Note> revoke(Now now, const trust::GrantId& id) const;
  // Into the audit log: the coordinator has taken a request, or the requester has ended it.
  void record_request(Now now, const note::Note& note);
  void record_withdrawal(Now now, const trust::GrantId& id);
  std::vector<RequestView> views(Now now) const;
  RequestView view(Now now, const trust::GrantId& id, const note::Note& note) const;

 private:
  std::optional<trust::Grant> own(const trust::GrantId& id) const;

  Basis& basis_;
  const OwnNode& own_node_;
  std::map<trust::GrantId, note::Note> own_;
};

}  // namespace culvert::agent
