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
  Bytes queue;           // not yet given to libuv
  bool writing = false;  // one uv_write at a time; what it holds counts as unsent
  std::size_t low_water = kLowWater;
  std::size_t max_unsent = kMaxUnsent;
  std::shared_ptr<void> place;  // in the room of strangers
  bool above_low = false;       // `drained` is owed
  bool paused = false;
  bool read_ended = false;  // the peer's FIN
  bool finish_wanted = false;
  bool finished = false;         // our FIN is out
  bool failing = false;          // a failure is on its way to `closed`
  std::optional<Error> failure;  // … and came before start()
  Endpoint local, peer;

  void learn_endpoints();
  void set_reading();
  void on_read(ssize_t count, const uv_buf_t* buffer);
  void flush();
  void on_written(int status);
  void send_fin();
  void maybe_done();
  void fail(Error why);        // from the loop
  void fail_later(Error why);  // from a call
  int descriptor() const;
  std::size_t unsent() const;
  void close();
};

}  // namespace culvert::runtime
