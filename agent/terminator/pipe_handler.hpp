// The handler of a service without a protocol of its own: connects to the upstream, then passes
// bytes both ways (proto/runtime/stream/splice.hpp) until either side, or the idle time, ends it.
// The flow owns the handler; the handler's events have weak pointers to it.
#pragma once

#include <memory>
#include <string>

#include "agent/terminator/handling.hpp"
#include "proto/runtime/stream/connect.hpp"
#include "proto/runtime/stream/replay_stream.hpp"
#include "proto/runtime/stream/splice.hpp"

namespace culvert::terminator {

class PipeHandler : public std::enable_shared_from_this<PipeHandler> {
 public:
  PipeHandler(const Handling& handling, const Pipe& pipe, HandlerEvents events);

  void connect();
  void begin(std::unique_ptr<runtime::ReplayStream> client);
  void close(const std::string& reason);
  Traffic traffic() const;

 private:
  void end(const runtime::SpliceReport& report);

  runtime::Loop& loop_;
  Target target_;
  Duration idle_;
  HandlerEvents events_;
  Instant begun_;
  std::unique_ptr<runtime::StreamConnect> connect_;
  std::unique_ptr<runtime::ByteStream> upstream_;  // until begin()
  std::unique_ptr<runtime::Splice> splice_;        // from begin() on
  Traffic at_end_;                                 // once splice_ is gone
};

}  // namespace culvert::terminator
