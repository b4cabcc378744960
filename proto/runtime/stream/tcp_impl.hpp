// TcpStream's inside, shared by the stream, the connector and the listener.
#pragma once

#include <optional>

#include "proto/runtime/loop/handle.hpp"
#include "proto/runtime/stream/tcp.hpp"

namespace culvert::runtime {

struct TcpStream::Impl : std::enable_shared_from_this<Impl> {
  explicit Impl(Loop& l) : loop(l), handle(make_handle(uv_tcp_init, l.raw(), this)) {}

  Loop& loop;
  HandlePtr<uv_tcp_t> handle;  // null: closed
  EventPort events;
  Bytes queue;           // bytes not yet given to libuv
  bool writing = false;  // one uv_write at a time; its bytes count as unsent
  std::size_t low_water = kLowWater;
  std::size_t max_unsent = kMaxUnsent;
  std::shared_ptr<void> place;  // the place in the WaitingRoom
  bool above_low = false;       // was above the low water mark: `drained` must follow
  bool paused = false;
  bool read_ended = false;  // the peer's FIN has come
  bool finish_wanted = false;
  bool finished = false;  // our FIN is sent
  bool failing = false;   // `closed` will follow, with an error
  Closing failure;        // an error before start(), which delivers it
  Endpoint local, peer;

  void learn_endpoints();
  void set_reading();
  void on_read(ssize_t count, const uv_buf_t* buffer);
  void leave_turn();  // reads on in the next turn of the loop
  void flush();
  void on_written(int status);
  void send_fin();
  void maybe_done();
  void close_with(Closing why);  // call it from the loop: `closed` comes at once
  void fail_later(Error why);    // call it inside a call of the owner: `closed` is deferred
  int descriptor() const;
  std::size_t unsent() const;
  void close();
};

}  // namespace culvert::runtime
