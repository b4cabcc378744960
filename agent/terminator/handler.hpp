// The handlers of the terminator: one class for each protocol that a service can have. Every
// handler has these functions:
//
//   connect()      reaches what must be there before the client's bytes; then HandlerEvents::ready
//   begin(client)  takes over the client's stream, whose TLS handshake is done; once, after ready
//   close(reason)  ends both sides now, without HandlerEvents::ended
//   traffic()      bytes so far
//
// To add a protocol: one class with these functions, one alternative in Handler, one line in
// make_handler(). The configuration of the protocol is an alternative of Protocol (service.hpp).
#pragma once

#include <memory>
#include <variant>

#include "agent/terminator/handling.hpp"
#include "agent/terminator/http_handler.hpp"
#include "agent/terminator/pipe_handler.hpp"

namespace culvert::terminator {

using Handler = std::variant<std::shared_ptr<PipeHandler>, std::shared_ptr<HttpHandler>>;

Handler make_handler(Handling handling, HandlerEvents events);

}  // namespace culvert::terminator
