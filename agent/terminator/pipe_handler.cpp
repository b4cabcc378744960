#include "agent/terminator/pipe_handler.hpp"

namespace culvert::terminator {
using namespace runtime;

PipeHandler::PipeHandler(const Handling& handling, const Pipe& pipe, HandlerEvents events)
    : loop_(handling.loop),
      target_(handling.targets->front()),
      idle_(pipe.idle),
      events_(std::move(events)),
      begun_(loop_.now().steady) {
  at_end_.last_byte = begun_;
}

void PipeHandler::connect() {
  connect_ = terminator::connect(
      loop_, target_, [weak = weak_from_this()](Result<std::unique_ptr<ByteStream>> stream) {
        const auto self = weak.lock();
        if (!self) return;
        self->connect_.reset();
        if (!stream) {
          const auto ended = self->events_.ended;
          return ended(HandlerEnd::kUpstreamFailed, "upstream: " + stream.error().message);
        }
        self->upstream_ = std::move(*stream);
        const auto ready = self->events_.ready;
        ready();
      });
}

void PipeHandler::begin(std::unique_ptr<ReplayStream> client) {
  SpliceOptions options;
  options.idle = idle_;
  options.done = [weak = weak_from_this()](const SpliceReport& report) {
    if (const auto self = weak.lock()) self->end(report);
  };
  splice_ = splice(loop_, std::move(client), std::move(upstream_), std::move(options));
}

void PipeHandler::end(const SpliceReport& report) {
  const auto ended = events_.ended;
  switch (report.end) {
    case SpliceEnd::kFinished:
      return ended(HandlerEnd::kFinished, "finished");
    case SpliceEnd::kIdle:
      return ended(HandlerEnd::kOther, "idle");
    case SpliceEnd::kBroken:
      return ended(HandlerEnd::kOther, "broken: " + report.error.message);
    case SpliceEnd::kCut:
      return;  // not reached: a PipeHandler never calls Splice::cut()
  }
}

void PipeHandler::close(const std::string&) {
  at_end_ = traffic();
  connect_.reset();
  splice_.reset();
  upstream_.reset();
}

Traffic PipeHandler::traffic() const {
  if (!splice_) return at_end_;
  return {splice_->a_to_b(), splice_->b_to_a(), splice_->last_byte()};
}

}  // namespace culvert::terminator
