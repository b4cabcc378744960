#include "agent/terminator/handler.hpp"

#include "proto/core/overloaded.hpp"

namespace culvert::terminator {

Handler make_handler(Handling h, HandlerEvents e) {
  return std::visit(
      overloaded{
          [&](const Pipe& p) -> Handler { return std::make_shared<PipeHandler>(h, p, e); },
          [&](const HttpRoutes& r) -> Handler { return std::make_shared<HttpHandler>(h, r, e); },
      },
      h.service->protocol);
}

}  // namespace culvert::terminator
