// The coordinator's own audit lines: what nodes and approvers did through it. Each line goes to the
// ledger, which writes it into the store in the same batch as the statement that caused it; later
// questions.cpp gives it to those who may read it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "coordinator/ledger/ledger.hpp"
#include "proto/audit/entry.hpp"
#include "proto/trust/statements/node.hpp"

namespace culvert::coordinator {

class Journal {
 public:
  explicit Journal(Ledger& ledger) : ledger_(ledger) {}  // the ledger outlives the journal

  void enrolled(Now now, const trust::Node& node);
  // At most one line a node in kQuietConnect. `from`: the address of the connection.
  void connected(Now now, const trust::Node& node, const std::string& from);
  void alarm(Now now, const trust::Node& node, std::string detail);  // concerns the node's site
  void leased(Now now, const trust::Node& agent, const trust::Grant& grant);
  // A statement that the ledger has taken. `by`: the node that handed it in; absent: a person.
  // `before`: the state of the grant that it concerns, before it was taken.
  void change(Now now, const std::optional<trust::Node>& by, const trust::Change& change,
              const trust::RequestState& before);

 private:
  void write(Now now, audit::Kind kind, std::string who, const trust::Grant* grant,
             std::string_view outcome, std::string_view detail, std::string site = {});
  std::string site_of(const trust::Revocation& revocation) const;
  std::string signer_of(const note::Note& note, const trust::Change& change,
                        const trust::Grant* grant) const;

  Ledger& ledger_;
  std::map<trust::IdentityKey, WallTime> connected_;  // the time of each node's last line
};

}  // namespace culvert::coordinator
