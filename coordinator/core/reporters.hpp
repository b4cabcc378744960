// Who reported an audit line: the coordinator itself, or a node by its identity key, with the name
// of its statement where one is held. The key decides: a node may bear any name, that of another
// node or the word coordinator too. The same event is often reported from both ends.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "coordinator/store/store.hpp"

namespace culvert::coordinator {

class Reporters {
 public:
  // Node statements that were verified; other notes are passed over.
  explicit Reporters(const std::vector<std::string>& notes);

  std::string name(const AuditRow& row) const;  // empty: no statement of that node is held
  // The line as it is shown: " reporter=KEY name=NAME" at its end, " reporter=coordinator" for the
  // coordinator's own. Neither can stand inside an entry.
  std::string shown(const AuditRow& row) const;

 private:
  std::map<std::string, std::string> names_;  // by identity
};

}  // namespace culvert::coordinator
