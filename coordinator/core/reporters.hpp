// Who reported an audit line: the coordinator itself, or a node by its name where its statement is
// held, else by its identity key. The same event is often reported from both ends.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "coordinator/store/store.hpp"

namespace culvert::coordinator {

class Reporters {
 public:
  explicit Reporters(const std::vector<std::string>& notes);  // other statements are passed over

  std::string name(const AuditRow& row) const;
  // The line as it is shown: " reporter=NAME" at its end.
  std::string shown(const AuditRow& row) const { return row.line + " reporter=" + name(row); }

 private:
  std::map<std::string, std::string> names_;  // by identity
};

}  // namespace culvert::coordinator
