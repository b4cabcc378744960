// Seals and opens transport packets in batches, for a Device and its Lanes. Counters are reserved,
// and the replay window is locked, once for each batch and session.
#pragma once

#include <vector>

#include "proto/core/roomy_packet.hpp"
#include "proto/crypto/aead.hpp"
#include "proto/wireguard/device_types.hpp"
#include "proto/wireguard/keypairs.hpp"
#include "proto/wireguard/output.hpp"

namespace culvert::wireguard {

class SealBatch {
 public:
  // Lays out the datagram for `packet` (empty: a keepalive), padded as far as `mtu` allows. The
  // datagram lies around the packet if `place` is not null and has the room, else in `out`. It is
  // plain text until seal(); the keypair must live until then.
  MutableByteView add(Keypair& keypair, ByteView packet, const RoomyPacket* place, std::size_t mtu,
                      Output& out);
  void seal();  // seals the added datagrams, in the order of add()

 private:
  std::vector<crypto::AeadJob> jobs_;
  std::vector<Keypair*> keypairs_;  // the keypair of each job
};

class OpenBatch {
 public:
  // Adds a transport message; the keypair must live until clear(). False, and counted: the keys or
  // the message's counter are past REJECT_AFTER.
  bool add(Instant now, Keypair& keypair, MutableByteView datagram, Counters& counters);
  // Opens the added messages, in the order of add(); counts forged and replayed ones.
  void open(Counters& counters);
  std::size_t size() const { return jobs_.size(); }
  bool ok(std::size_t at) const { return jobs_[at].ok; }  // genuine and new
  MutableByteView plain(std::size_t at) const {
    return jobs_[at].buffer.first(jobs_[at].buffer.size() - crypto::kAeadTagSize);
  }
  void clear();

 private:
  std::vector<crypto::AeadJob> jobs_;
  std::vector<Keypair*> keypairs_;  // the keypair of each job
};

}  // namespace culvert::wireguard
