// One TCP connection: lwIP's control block, received bytes not yet read, and written bytes.
//
// lwIP's callbacks only record what happened and wake the connection. The stack calls handle_turn()
// when no lwIP function is on the call stack; handle_turn() delivers events and hands bytes over.
// Written bytes stay in `chunks_` until they are acknowledged: lwIP points to them and copies
// nothing.
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

constexpr Duration kDetachedTime = 30s;  // for a closed stream, to send its written bytes

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Opened = std::function<void(Result<std::unique_ptr<runtime::ByteStream>>)>;
  using Wake = std::function<void(Connection&)>;

  // `opened` is called once, in a turn: for an accepted connection in its first turn, else when the
  // handshake is done or refused, or after `deadline`.
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
  void lower_mss(std::size_t size);  // for later segments; lwIP's present segments do not change
  void handle_tick(Instant now);     // deadlines, and a retry after lwIP had no memory
  bool wants_tick() const {
    return pcb_ != nullptr &&
           (deadline_ != Instant::never() || unsent_ > 0 || (finish_ && !finished_));
  }
  bool over() const { return pcb_ == nullptr && !attached_ && !opened_; }

  void cut(Error why);                      // sends RST now; `closed` comes in the next turn
  void orphan();                            // the stack is being destroyed: no more events
  void forget_stack() { wake_ = nullptr; }  // once over(): the stream may outlive the stack

  // The functions that the ConnectionStream calls; see runtime::ByteStream.
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
  void release();  // gives the control block up to lwIP: no callback comes any more
  void abort();    // sends RST
  void drop_unread();
  void drop_written();
  void wake();

  tcp_pcb* pcb_;  // null once lwIP has freed it or release() gave it up
  Endpoint local_, remote_;
  Wake wake_;
  Opened opened_;  // empty once called
  Instant deadline_;

  runtime::EventPort events_;
  std::vector<pbuf*> unread_;    // oldest first
  std::vector<Bytes> chunks_;    // written and not yet acknowledged, oldest first
  std::size_t acked_ = 0;        // acknowledged bytes of the first chunk
  std::size_t next_chunk_ = 0;   // the first chunk with bytes that lwIP does not have yet
  std::size_t next_offset_ = 0;  // offset of the first such byte in that chunk
  std::size_t unsent_ = 0;       // bytes that lwIP does not have yet
  std::size_t written_ = 0;      // bytes in `chunks_`
  ClosedStreams& closed_;
  ClosedStreams::Place place_;  // used once the stream is closed
  std::optional<Error> error_;  // why the connection broke
  std::size_t mss_ = 0xFFFF;    // the largest allowed segment
  bool established_;
  bool awake_ = false;     // a turn is due
  bool attached_ = false;  // a stream exists
  bool paused_ = false;
  bool above_low_water_ = false;  // `drained` is due
  bool finish_ = false;           // the owner has called finish()
  bool finished_ = false;         // FIN was handed to lwIP
  bool peer_finished_ = false;
  bool end_raised_ = false;
  bool unwanted_data_ = false;  // data came after detach()
};

}  // namespace culvert::stack
