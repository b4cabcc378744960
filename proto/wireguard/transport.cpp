#include "proto/wireguard/transport.hpp"

#include <algorithm>
#include <cstring>

namespace culvert::wireguard {
namespace {

// The size rounded up to a multiple of 16, but not beyond the MTU (paper, section 5.4.6; the
// kernel's send.c).
std::size_t padded_size(std::size_t size, std::size_t mtu) {
  const std::size_t rounded = (size + kPaddingMultiple - 1) / kPaddingMultiple * kPaddingMultiple;
  return std::min(rounded, std::max(size, mtu));
}

// Calls `act(keypair, first, count)` for each run of jobs of one keypair.
template <class Act>
void for_runs(const std::vector<Keypair*>& keypairs, Act act) {
  for (std::size_t first = 0; first < keypairs.size();) {
    std::size_t end = first + 1;
    while (end < keypairs.size() && keypairs[end] == keypairs[first]) ++end;
    act(*keypairs[first], first, end - first);
    first = end;
  }
}

}  // namespace

MutableByteView SealBatch::add(Keypair& keypair, ByteView packet, const RoomyPacket* place,
                               std::size_t mtu, Output& out) {
  const std::size_t padded = padded_size(packet.size(), mtu);
  const bool in_place = place != nullptr && place->before >= kTransportHeaderSize &&
                        place->behind() >= kTransportTail;
  const auto datagram = in_place ? place->memory.subspan(place->before - kTransportHeaderSize,
                                                         padded + kTransportOverhead)
                                 : out.allocate(padded + kTransportOverhead);
  const auto body = datagram.subspan(kTransportHeaderSize);
  if (!packet.empty()) {
    if (!in_place) std::memcpy(body.data(), packet.data(), packet.size());
    std::memset(body.data() + packet.size(), 0, padded - packet.size());
  }
  jobs_.push_back({&keypair.keys.send, 0, body, false});
  keypairs_.push_back(&keypair);
  return datagram;
}

void SealBatch::seal() {
  for_runs(keypairs_, [this](Keypair& keypair, std::size_t first, std::size_t count) {
    std::uint64_t counter = keypair.sent.reserve(count);
    for (auto& job : std::span(jobs_).subspan(first, count)) {
      job.counter = counter++;
      encode(TransportHeader{keypair.remote, job.counter},
             {job.buffer.data() - kTransportHeaderSize, kTransportHeaderSize});
    }
  });
  crypto::seal_batch(jobs_);
  jobs_.clear();
  keypairs_.clear();
}

bool OpenBatch::add(Instant now, Keypair& keypair, MutableByteView datagram, Counters& counters) {
  const auto counter = decode_transport(datagram).counter;
  if (keypair.expired(now) || counter >= kRejectAfterMessages) {
    ++counters.transport_expired;
    return false;
  }
  jobs_.push_back({&keypair.keys.receive, counter, datagram.subspan(kTransportHeaderSize), false});
  keypairs_.push_back(&keypair);
  return true;
}

void OpenBatch::open(Counters& counters) {
  crypto::open_batch(jobs_);
  counters.transport_forged += static_cast<std::uint64_t>(
      std::count_if(jobs_.begin(), jobs_.end(), [](const auto& job) { return !job.ok; }));
  for_runs(keypairs_, [&](Keypair& keypair, std::size_t first, std::size_t count) {
    counters.transport_replayed += keypair.replay.accept(std::span(jobs_).subspan(first, count));
  });
}

void OpenBatch::clear() {
  jobs_.clear();
  keypairs_.clear();
}

}  // namespace culvert::wireguard
