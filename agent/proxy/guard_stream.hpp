// A local client's stream with a RequestGuard before its reader. What the service sends passes
// unchanged and at once, so a client that waits for the service to speak first waits for nothing.
//
// A refused client gets an HTTP answer through the listener's Farewells, and the stream's owner
// gets `closed`. If earlier requests of the connection have gone on, the service's answers to them
// are sent first: the service sees the end of the requests, and the refusal follows its last byte,
// or comes after kLingerTime.
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
