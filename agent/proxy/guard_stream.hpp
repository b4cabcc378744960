// A local client's stream with a RequestGuard for the client's bytes. The service's bytes pass
// unchanged and at once, so protocols in which the service sends first work.
//
// A refused client gets an HTTP answer through the listener's Farewells, and the stream's owner
// gets `closed`. If earlier requests of the connection were passed on, their answers are sent
// first: the service sees a half-close, and the refusal follows the service's last byte, or comes
// after kLingerTime.
#pragma once

#include <functional>
#include <memory>

#include "agent/proxy/farewell.hpp"
#include "agent/proxy/request_guard.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/stream/stream.hpp"

namespace culvert::proxy {

class GuardStream final : public runtime::ByteStream {
 public:
  // `client` is not started. `refused` is called once, from the loop, when a request is refused.
  GuardStream(runtime::Loop& loop, std::unique_ptr<runtime::ByteStream> client, OwnNames names,
              std::shared_ptr<Farewells> farewells, std::function<void(const Refusal&)> refused);
  ~GuardStream() override;

  void start(runtime::StreamEvents events) override;
  void write(ByteView bytes) override;
  std::size_t unsent() const override;
  void finish() override;
  void close() override;
  void pause() override;
  void resume() override;
  std::size_t hold_little() override;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::proxy
