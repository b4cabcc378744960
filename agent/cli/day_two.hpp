// Day two: what the commands are told that change a policy or a root, end a node, a token or a key,
// and carry statements between files, folders and the coordinator.
#pragma once

#include <string>
#include <vector>

#include "agent/cli/options.hpp"
#include "proto/core/result.hpp"
#include "proto/trust/statements/groups.hpp"

namespace culvert::cli {

// The options that every command of this file has.
struct Work {
  std::string folder;       // with the bundles; empty: that of the key, else of the draft, else .
  std::string file;         // the draft; empty: the usual name in the folder
  std::string key;          // key file of the person who acts; may be empty
  std::string coordinator;  // URL; not empty: what is complete is handed in there
  bool publish = false;     // … or to the first coordinator that the vendor lists
  bool anew = false;        // an old draft is moved aside
};

// policy.cpp
struct PolicyWork : Work {
  std::string life;                 // until it expires; empty: 90d or 365d
  std::vector<std::string> groups;  // check: those that the vendor gives to persons
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
  std::string group, person;  // of that key
  std::string what;           // threshold: root, approvers or vendor; policy-by: root or
                              // approvers; pre-approvals: yes or no
  int count = 1;
  std::string life;  // of the next epoch
  bool cut = false;  // what ends with the next epoch may end
};
Status root_show(const Common& common, const RootWork& work);
Status root_add_key(const Common& common, const RootWork& work);
Status root_remove_key(const Common& common, const RootWork& work);
Status root_threshold(const Common& common, const RootWork& work);
Status root_policy_by(const Common& common, const RootWork& work);
Status root_pre_approvals(const Common& common, const RootWork& work);
Status root_renew(const Common& common, const RootWork& work);

// signing.cpp: one more signature on a draft of any kind. When it is complete, it goes into the
// bundles of the folder, and to the coordinator where that was asked for.
Status sign_file(const Common& common, const Work& work);
Status take_files(const Common& common, const Work& work, const std::vector<std::string>& files);
Status publish_files(const Common& common, const Work& work, const std::vector<std::string>& files);

// endings.cpp
struct Ending : Work {
  std::string subject;  // a node's name or identity; an enrolment's hash, token or note
  std::string reason;
  bool freeze = false;   // key suspend: also where nobody is left to sign the next root
  bool cut = false;      // key suspend: also where too few approvers are left
  bool unknown = false;  // revoke: also a node or token that nobody here knows
};
Status revoke_node(const Common& common, const Ending& ending);
Status revoke_token(const Common& common, const Ending& ending);
Status suspend_own_key(const Common& common, const Ending& ending);

// new_key.cpp
struct NewKey {
  std::string out, bundle, root_hash, group, person;
};
Status new_key(const Common& common, const NewKey& options);
Status show_public_key(const Common& common, const std::string& key_file);

}  // namespace culvert::cli
