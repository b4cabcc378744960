#include "agent/stack/connection.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/stack/port.hpp"

namespace culvert::stack {
namespace {

constexpr std::size_t kChunkSize = 64U << 10U;  // small writes of one turn share a chunk
constexpr std::size_t kLeastMss = 536;          // RFC 9293 §3.7.1
constexpr std::size_t kMaxStep = 0xFFFF;        // lwIP's calls take 16-bit sizes
constexpr std::size_t kGather = 64U << 10U;     // a pbuf chain is smaller

class ConnectionStream final : public runtime::ByteStream {
 public:
  explicit ConnectionStream(std::shared_ptr<Connection> connection)
      : connection_(std::move(connection)) {}
  ~ConnectionStream() override { connection_->detach(); }

  void start(runtime::StreamEvents events) override { connection_->start(std::move(events)); }
  void write(ByteView bytes) override { connection_->write(bytes); }
  std::size_t unsent() const override { return connection_->unsent(); }
  void finish() override { connection_->finish(); }
  void close() override { connection_->detach(); }
  void pause() override { connection_->pause(); }
  void resume() override { connection_->resume(); }

 private:
  std::shared_ptr<Connection> connection_;
};

Error reason(err_t error, bool established) {
  if (error == ERR_RST) {
    return {ErrorCode::kUnavailable,
            established ? "the other side reset the connection" : "the connection was refused"};
  }
  return {ErrorCode::kTimeout, "the other side does not answer"};
}

}  // namespace

Connection::Connection(tcp_pcb* pcb, const Endpoint& local, const Endpoint& remote,
                       bool established, Instant deadline, ClosedStreams& closed, Wake wake,
                       Opened opened)
    : pcb_(pcb),
      local_(local),
      remote_(remote),
      wake_(std::move(wake)),
      opened_(std::move(opened)),
      deadline_(deadline),
      closed_(closed),
      established_(established) {
  tcp_nagle_disable(pcb_);  // not needed: pump() joins all writes of a turn
  tcp_arg(pcb_, this);
  tcp_recv(pcb_, &on_received);
  tcp_sent(pcb_, &on_sent);
  tcp_err(pcb_, &on_error);
}

Connection::~Connection() {
  if (pcb_ != nullptr) abort();
  drop_unread();
}

err_t Connection::on_connected(void* self, tcp_pcb* /*pcb*/, err_t /*error*/) {
  auto& connection = *static_cast<Connection*>(self);
  connection.established_ = true;
  connection.wake();
  return ERR_OK;
}

Status Connection::connect() {
  const auto to = to_lwip(remote_.address);
  if (tcp_connect(pcb_, &to, remote_.port, &on_connected) == ERR_OK) return {};
  return fail(ErrorCode::kExhausted, "the network stack cannot open a connection now");
}

err_t Connection::on_received(void* self, tcp_pcb* /*pcb*/, pbuf* buffer, err_t /*error*/) {
  auto& connection = *static_cast<Connection*>(self);
  if (buffer == nullptr) {
    connection.peer_finished_ = true;
  } else if (connection.attached_ || connection.opened_) {
    connection.unread_.push_back(buffer);
  } else {
    pbuf_free(buffer);
    connection.unwanted_data_ = true;
  }
  connection.settle();
  connection.wake();
  return ERR_OK;
}

err_t Connection::on_sent(void* self, tcp_pcb* /*pcb*/, u16_t size) {
  auto& connection = *static_cast<Connection*>(self);
  connection.acked_ += size;
  auto& chunks = connection.chunks_;
  while (!chunks.empty() && connection.acked_ >= chunks.front().size()) {
    if (connection.next_chunk_ == 0) break;  // lwIP does not have all of the chunk yet
    const std::size_t done = chunks.front().size();
    connection.acked_ -= done;
    connection.written_ -= done;
    if (connection.place_.bytes > 0) {
      connection.closed_.acknowledged(connection, connection.place_, done);
    }
    chunks.erase(chunks.begin());
    --connection.next_chunk_;
  }
  connection.settle();
  connection.wake();
  return ERR_OK;
}

void Connection::on_error(void* self, err_t error) {
  auto& connection = *static_cast<Connection*>(self);
  connection.pcb_ = nullptr;             // lwIP frees the control block
  const bool clean = error == ERR_CLSD;  // both sides have finished
  if (!clean && !connection.error_) connection.error_ = reason(error, connection.established_);
  connection.wake();
}

void Connection::handle_turn(Instant now) {
  const auto self = shared_from_this();  // events may drop every other reference
  awake_ = false;
  if (pcb_ != nullptr) pcb_->output_later = 0;
  if (pcb_ == nullptr) drop_written();
  if (opened_) open();
  if (!attached_ && !opened_ && pcb_ != nullptr) {
    if (unwanted_data_) return abort();
    if (deadline_ == Instant::never()) deadline_ = now + kDetachedTime;
  }
  // deliver_data() comes first: it opens the receive window, and its event may write. pump() then
  // sends both at once.
  deliver_data();
  pump();
  deliver();
}

void Connection::wake() {
  if (pcb_ != nullptr) pcb_->output_later = 1;  // pump() will call tcp_output()
  if (wake_ && !std::exchange(awake_, true)) wake_(*this);
}

void Connection::handle_tick(Instant now) {
  if (pcb_ != nullptr && now >= deadline_) {
    cut({ErrorCode::kTimeout, "the other side does not answer"});
  } else if (pcb_ != nullptr && (unsent_ > 0 || (finish_ && !finished_))) {
    wake();
  }
}

void Connection::open() {
  if (!error_ && !established_) return;
  auto opened = std::exchange(opened_, nullptr);
  if (error_) return opened(fail_with(*error_));
  attached_ = true;
  deadline_ = Instant::never();
  opened(std::make_unique<ConnectionStream>(shared_from_this()));
}

void Connection::pump() {
  if (pcb_ == nullptr || !established_) return;
  while (unsent_ > 0 && may_write()) {
    const auto& chunk = chunks_[next_chunk_];
    const std::size_t room = std::min<std::size_t>(tcp_sndbuf(pcb_), kMaxStep);
    std::size_t size = std::min(chunk.size() - next_offset_, room);
    if (!hand_over(chunk.data() + next_offset_, size)) {
      // lwIP refuses a write when the peer has used its share of the memory. One segment may still
      // fit.
      size = std::min<std::size_t>(size, pcb_->mss);
      if (!hand_over(chunk.data() + next_offset_, size)) break;
      // The remaining bytes follow when bytes are acknowledged, or at the next tick.
    }
    unsent_ -= size;
    next_offset_ += size;
    if (next_offset_ == chunk.size()) {
      ++next_chunk_;
      next_offset_ = 0;
    }
  }
  if (finish_ && !finished_ && unsent_ == 0) finished_ = tcp_shutdown(pcb_, 0, 1) == ERR_OK;
  tcp_output(pcb_);
  settle();
}

bool Connection::hand_over(const std::uint8_t* bytes, std::size_t size) {
  const u8_t more = size < unsent_ ? TCP_WRITE_FLAG_MORE : 0;
  return size > 0 && tcp_write(pcb_, bytes, static_cast<u16_t>(size), more) == ERR_OK;
}

void Connection::lower_mss(std::size_t size) { mss_ = std::min(mss_, std::max(size, kLeastMss)); }

// Applies a smaller MSS once no segments are queued or in flight, and refuses writes until then:
// after a timeout lwIP's window is one MSS, and a segment longer than that would never be sent.
bool Connection::may_write() {
  if (pcb_->mss <= mss_) return true;
  if (pcb_->unsent != nullptr || pcb_->unacked != nullptr) return false;
  pcb_->mss = static_cast<u16_t>(mss_);
  return true;
}

void Connection::deliver() {
  if (!events_.is_set()) return;
  if (error_) {
    drop_unread();
    attached_ = false;
    return events_.closed(error_);
  }
  if (peer_finished_ && unread_.empty() && !paused_ && !end_raised_) {
    end_raised_ = true;
    events_.end();
  }
  if (above_low_water_ && unsent_ <= runtime::kLowWater) {
    above_low_water_ = false;
    events_.drained();
  }
  const bool clean = end_raised_ && ((finished_ && chunks_.empty()) || pcb_ == nullptr);
  if (attached_ && clean) {
    attached_ = false;
    events_.closed({});
  }
}

// Up to kGather unread bytes as one piece, since each `data` event costs the reader a system call
// or a TLS record.
ByteView Connection::gather() {
  thread_local std::array<std::uint8_t, kGather> memory;
  std::size_t size = 0;
  std::size_t used = 0;
  for (; used < unread_.size() && size + unread_[used]->tot_len <= kGather; ++used) {
    size += pbuf_copy_partial(unread_[used], memory.data() + size, unread_[used]->tot_len, 0);
    pbuf_free(unread_[used]);
  }
  unread_.erase(unread_.begin(), unread_.begin() + static_cast<std::ptrdiff_t>(used));
  return {memory.data(), size};
}

void Connection::deliver_data() {
  if (error_) return;
  std::size_t taken = 0;
  while (!unread_.empty() && !paused_ && events_.is_set()) {
    const ByteView bytes = gather();
    taken += bytes.size();
    events_.data(bytes);
  }
  for (; taken > 0 && pcb_ != nullptr; taken -= std::min(taken, kMaxStep)) {
    tcp_recved(pcb_, static_cast<u16_t>(std::min(taken, kMaxStep)));
  }
}

void Connection::start(runtime::StreamEvents events) {
  if (!attached_) return;
  events_.set(std::move(events));
  wake();
}

void Connection::write(ByteView bytes) {
  if (!attached_ || error_ || finish_ || bytes.empty()) return;
  const bool fresh = !chunks_.empty() && (next_chunk_ + 1 < chunks_.size() ||
                                          (next_chunk_ + 1 == chunks_.size() && next_offset_ == 0));
  if (fresh && chunks_.back().size() + bytes.size() <= kChunkSize) {
    append(chunks_.back(), bytes);
  } else {
    chunks_.push_back(to_bytes(bytes));
  }
  unsent_ += bytes.size();
  written_ += bytes.size();
  if (unsent_ > runtime::kLowWater) above_low_water_ = true;
  if (unsent_ > runtime::kMaxUnsent) {
    return cut({ErrorCode::kExhausted, "too much was written to a connection that does not drain"});
  }
  wake();
}

void Connection::finish() {
  if (!attached_) return;
  finish_ = true;
  wake();
}

// The owner has closed the stream. Ends with FIN if no received byte is unread, and the stream has
// finished or the peer has acknowledged everything. Otherwise resets.
void Connection::detach() {
  if (!std::exchange(attached_, false)) return events_.clear();
  events_.clear();
  if (pcb_ == nullptr || !unread_.empty() || (!finish_ && !chunks_.empty())) {
    abort();
    drop_unread();
  } else {
    finish_ = true;
    if (written_ > 0 && !closed_.enter(*this, place_, written_)) abort();
  }
  wake();
}

void Connection::resume() {
  if (!attached_) return;
  paused_ = false;
  wake();
}

void Connection::cut(Error why) {
  if (!error_) error_ = std::move(why);
  abort();
  wake();
}

void Connection::orphan() {
  wake_ = nullptr;
  opened_ = nullptr;
  attached_ = false;
  events_.clear();
  abort();
  drop_unread();
}

// When both sides have finished and everything is acknowledged, lwIP ends the connection alone. It
// then frees the control block without a callback, so settle() releases it at once, also inside
// lwIP's callbacks.
void Connection::settle() {
  if (finished_ && peer_finished_ && chunks_.empty()) release();
}

void Connection::release() {
  if (pcb_ == nullptr) return;
  tcp_arg(pcb_, nullptr);
  tcp_recv(pcb_, nullptr);
  tcp_sent(pcb_, nullptr);
  tcp_err(pcb_, nullptr);
  pcb_->output_later = 0;
  pcb_ = nullptr;
}

void Connection::abort() {
  auto* pcb = pcb_;
  if (pcb == nullptr) return;
  release();
  tcp_abort(pcb);
  drop_written();
}

void Connection::drop_written() {
  closed_.leave(*this, place_);
  chunks_.clear();
  next_chunk_ = next_offset_ = acked_ = unsent_ = written_ = 0;
}

void Connection::drop_unread() {
  for (auto* buffer : unread_) pbuf_free(buffer);
  unread_.clear();
}

}  // namespace culvert::stack
