// An agent that serves a service, with both of its statements.
#pragma once

#include "proto/trust/statements/node.hpp"
#include "proto/trust/statements/service.hpp"

namespace culvert::trust {

struct Publisher {
  Node node;
  Service service;
};

}  // namespace culvert::trust
