// Transport packets in batches: what a Device and its Lanes do alike. Counters are taken and the
// replay window is locked once a batch and session.
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
  // Lays out the datagram for `packet` (empty: a keepalive), padded as far as `mtu` allows: around
  // the packet where its `place` (or null) has the room, else in `out`. It is plain text until
  // seal(); the keypair lives until then.
  ByteView add(Keypair& keypair, ByteView packet, const RoomyPacket* place, std::size_t mtu,
               Output& out);
  void seal();  // all that were added, in that order

 private:
  std::vector<crypto::AeadJob> jobs_;
  std::vector<Keypair*> keypairs_;  // of the jobs
};

class OpenBatch {
 public:
  // Takes a transport message; the keypair lives until clear(). False: its keys or its counter are
  // past REJECT_AFTER, counted.
  bool add(Keypair& keypair, Instant now, MutableByteView datagram, Counters& counters);
  // Opens all that were added, in that order; forged and replayed ones are counted.
  void open(Counters& counters);
  std::size_t size() const { return jobs_.size(); }
  bool ok(std::size_t at) const { return jobs_[at].ok; }  // genuine and new
  MutableByteView plain(std::size_t at) const {
    return jobs_[at].buffer.first(jobs_[at].buffer.size() - crypto::kAeadTagSize);
  }
  void clear();

 private:
  std::vector<crypto::AeadJob> jobs_;
  std::vector<Keypair*> keypairs_;  // of the jobs
};

}  // namespace culvert::wireguard
