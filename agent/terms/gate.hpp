// What Mesh asks Access while packets pass. Every flow that begins has passed the filter's permits
// before; the gate decides the one flow and writes its audit entry.
#pragma once

#include "proto/core/endpoint.hpp"
#include "proto/core/time.hpp"

namespace culvert::agent {

class Gate {
 public:
  virtual ~Gate() = default;

  // A flow of the host's own stack (TUN mode) is about to begin. True: it may, and its audit entry
  // is durable. Mesh asks once for each flow.
  virtual bool may_open(Now now, const Endpoint& service) = 0;
  // On a laptop, while Permits::unclaimed: a connection from `client` to `service` begins.
  virtual void opening(const Endpoint& client, const Endpoint& service) = 0;
  // On a laptop, while Permits::unclaimed: the service has sent data on the connection of `client`,
  // so the site's agent has accepted the connection.
  virtual void answered(Now now, const Endpoint& client) = 0;
};

}  // namespace culvert::agent
