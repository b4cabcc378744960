// What a flow and its handler tell each other (flow.hpp, handler.hpp).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/http/access.hpp"
#include "agent/terminator/service.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/time.hpp"

namespace culvert::terminator {

// What a handler must know of its flow. The loop outlives the handler.
struct Handling {
  runtime::Loop& loop;
  std::shared_ptr<const Service> service;
  std::shared_ptr<const Targets> targets;  // the service's upstreams, with TLS contexts
  http::Identity who;
  IpAddress peer;
  std::string tls_name;  // the client's TLS server name; empty without TLS
};

enum class HandlerEnd {
  kFinished,        // both sides are done
  kUpstreamFailed,  // the only upstream cannot be reached
  kOther,           // idle, refused, broken: the text says which
};

struct HandlerEvents {
  std::function<void()> ready;  // after connect(): the handler can take the client
  std::function<void(HandlerEnd, const std::string& reason)> ended;  // once
};

struct Traffic {
  std::uint64_t from_client = 0;  // bytes
  std::uint64_t to_client = 0;
  Instant last_byte;  // either way
};

}  // namespace culvert::terminator
