// One TCP connection: lwIP's control block, what waits to be read and what waits to be sent.
//
// lwIP's callbacks only note what happened and wake the connection; handle_turn(), called by the
// stack with lwIP off the call stack, delivers events and hands bytes over. What was written stays
// in `chunks_` until it is acknowledged: lwIP refers to it and copies nothing.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "agent/stack/closed_streams.hpp"
#include "lwip/tcp.h"
#include "proto/core/endpoint.hpp"
#include "proto/core/time.hpp"
#include "proto/runtime/stream/stream.hpp"

namespace culvert::stack {

constexpr Duration kDetachedTime = 30s;  // closed by its owner: to send what was written

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Opened = std::function<void(Result<std::unique_ptr<runtime::ByteStream>>)>;
  using Wake = std::function<void(Connection&)>;

  // `opened` is called once, in a turn: for an accepted connection in the first one, else when the
  // handshake is done, refused or later than `deadline`.
  // `closed` outlives the connection's last byte, and is not used after orphan().
  Connection(tcp_pcb* pcb, const Endpoint& local, const Endpoint& remote, bool established,
             Instant deadline, ClosedStreams& closed, Wake wake, Opened opened);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Sends the SYN; for connections that were not established at construction.
  Status connect();

  const Endpoint& local() const { return local_; }
  const Endpoint& remote() const { return remote_; }
  bool established() const { return established_; }

  void handle_turn(Instant now);
  void lower_mss(std::size_t size);  // segments from now on; those that lwIP has leave as they are
  void handle_tick(Instant now);     // deadlines, and another try where lwIP had no memory
  bool wants_tick() const {
    return pcb_ != nullptr &&
           (deadline_ != Instant::never() || unsent_ > 0 || (finish_ && !finished_));
  }
  bool over() const { return pcb_ == nullptr && !attached_ && !opened_; }

  void cut(Error why);                      // RST now, `closed` in the next turn
  void orphan();                            // the stack goes: no event, no packet any more
  void forget_stack() { wake_ = nullptr; }  // once over(): its stream may outlive the stack

  // The stream's side; see runtime::ByteStream.
  void start(runtime::StreamEvents events);
  void write(ByteView bytes);
  std::size_t unsent() const { return unsent_; }
  void finish();
  void detach();
  void pause() { paused_ = true; }
  void resume();

 private:
  static err_t on_connected(void* self, tcp_pcb* pcb, err_t error);
  static err_t on_received(void* self, tcp_pcb* pcb, pbuf* buffer, err_t error);
  static err_t on_sent(void* self, tcp_pcb* pcb, u16_t size);
  static void on_error(void* self, err_t error);

  void open();
  void pump();
  void deliver();
  void deliver_data();
  bool may_write();
  bool hand_over(const std::uint8_t* bytes, std::size_t size);
  ByteView gather();
  void settle();
  void release();  // no callback any more
  void abort();    // RST
  void drop_unread();
  void drop_written();
  void wake();

  tcp_pcb* pcb_;  // null once lwIP has freed it or we let it go
  Endpoint local_, remote_;
  Wake wake_;
  Opened opened_;  // until called
  Instant deadline_;

  runtime::EventPort events_;
  std::vector<pbuf*> unread_;    // oldest first
  std::vector<Bytes> chunks_;    // written and not yet acknowledged, oldest first
  std::size_t acked_ = 0;        // bytes of the first chunk
  std::size_t next_chunk_ = 0;   // the first with bytes that lwIP does not have yet …
  std::size_t next_offset_ = 0;  // … and where they begin
  std::size_t unsent_ = 0;       // bytes that lwIP does not have yet
  std::size_t written_ = 0;      // bytes in `chunks_`
  ClosedStreams& closed_;
  ClosedStreams::Place place_;  // in it, once the stream is closed
  std::optional<Error> error_;  // why it ended; empty message: cleanly
  std::size_t mss_ = 0xFFFF;    // no larger segments
  bool established_;
  bool awake_ = false;     // a turn is due
  bool attached_ = false;  // a stream exists
  bool paused_ = false;
  bool above_low_water_ = false;  // `drained` is due
  bool finish_ = false;           // asked for
  bool finished_ = false;         // FIN handed to lwIP
  bool peer_finished_ = false;
  bool end_raised_ = false;
  bool unwanted_data_ = false;  // came after detach()
};

}  // namespace culvert::stack
