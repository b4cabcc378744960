// Commands of day two, after the ceremony: change a policy or a root; end a node, a token or a key;
// carry statements between files, folders and the coordinator.
#pragma once

#include <string>
#include <vector>

#include "agent/cli/show/common.hpp"
#include "proto/core/result.hpp"
#include "proto/trust/statements/groups.hpp"

namespace culvert::cli {

// The options that every command of this file has.
struct Work {
  std::string folder;       // with the bundles; empty: the key's, else the draft's, else .
  std::string file;         // the draft; empty: the usual name in the folder
  std::string key;          // key file of the person who acts; may be empty
  std::string coordinator;  // URL: where complete statements go; empty: nowhere
  bool publish = false;     // complete statements go to the vendor's first coordinator
  bool anew = false;        // move an old draft aside
};

// policy.cpp
struct PolicyWork : Work {
  std::string life;                 // length of validity; empty: 90d or 365d
  std::vector<std::string> groups;  // check: groups that the vendor gives to persons
  bool sort = false;                // check: sort the lines of the file first
};
Status policy_show(const Common& common, const PolicyWork& work);
Status policy_edit(const Common& common, const PolicyWork& work);
Status policy_renew(const Common& common, const PolicyWork& work);
Status policy_check(const Common& common, const PolicyWork& work);
Status policy_diff(const Common& common, const PolicyWork& work);

// roots.cpp
struct RootWork : Work {
  trust::RootKind kind = trust::RootKind::kSite;
  std::string subject;        // add-key, remove-key: a public key, its file, or a person
  std::string group, person;  // of the key to add
  std::string what;           // threshold: root, approvers or vendor; policy-by: root or
                              // approvers; pre-approvals: yes or no
  int count = 1;
  std::string life;  // length of the next epoch's validity
  bool cut = false;  // agree that statements end with the next epoch
};
Status root_show(const Common& common, const RootWork& work);
Status root_add_key(const Common& common, const RootWork& work);
Status root_remove_key(const Common& common, const RootWork& work);
Status root_threshold(const Common& common, const RootWork& work);
Status root_policy_by(const Common& common, const RootWork& work);
Status root_pre_approvals(const Common& common, const RootWork& work);
Status root_renew(const Common& common, const RootWork& work);

// signing.cpp: adds one more signature to a draft of any kind. A complete draft goes into the
// folder's bundles, and to the coordinator if the options ask for it.
Status sign_file(const Common& common, const Work& work);
Status take_files(const Common& common, const Work& work, const std::vector<std::string>& files);
Status publish_files(const Common& common, const Work& work, const std::vector<std::string>& files);

// endings.cpp
struct Ending : Work {
  std::string subject;  // a node's name or identity; an enrolment's hash, token or note
  std::string reason;
  bool freeze = false;   // key suspend: even if nobody can sign the next root
  bool cut = false;      // key suspend: even if too few approvers are left
  bool unknown = false;  // revoke: even a node or token that is not known
};
Status revoke_node(const Common& common, const Ending& ending);
Status revoke_token(const Common& common, const Ending& ending);
Status suspend_own_key(const Common& common, const Ending& ending);

}  // namespace culvert::cli
