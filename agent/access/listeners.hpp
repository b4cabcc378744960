// On a site's agent: a service has an address and a listener here while somebody may use it.
//
// In order: rights → AddAddress and ListenService to the shell → the TCP stack accepts connections
// → the terminator asks Access for each flow (Access::authorize_flow()).
#pragma once

#include <map>
#include <string>

#include "agent/access/basis.hpp"
#include "agent/access/rights.hpp"

namespace culvert::agent {

class Listeners {
 public:
  explicit Listeners(Basis& basis) : basis_(basis) {}

  void sync(const Rights& rights);

 private:
  Basis& basis_;
  std::map<Endpoint, std::string> listening_;  // the service's name by its address and port
};

}  // namespace culvert::agent
