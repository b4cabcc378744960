// Who reported an audit line: the coordinator itself, or a node. A node is shown by its identity
// key and, if its statement is held, by its name. The key decides, since a node may choose any
// name, such as another node's name or "coordinator". Both ends of a connection often report the
// same event.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "coordinator/store/store.hpp"

namespace culvert::coordinator {

class Reporters {
 public:
  // `notes`: verified node statements. Other notes are ignored.
  explicit Reporters(const std::vector<std::string>& notes);

  std::string name(const AuditRow& row) const;  // empty: no statement of that node is held
  // The line with " reporter=KEY name=NAME" added at its end, or " reporter=coordinator" for a line
  // of the coordinator's own. No entry can contain these words.
  std::string shown(const AuditRow& row) const;

 private:
  std::map<std::string, std::string> names_;  // by identity
};

}  // namespace culvert::coordinator
