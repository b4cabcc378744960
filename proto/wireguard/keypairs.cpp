#include "proto/wireguard/keypairs.hpp"

#include <cstdlib>
#include <utility>

namespace culvert::wireguard {
namespace {

void retire(std::shared_ptr<Keypair>& slot, Retired& retired) {
  if (slot) retired.push_back(std::move(slot));
}

}  // namespace

std::uint64_t SendCounter::reserve(std::uint64_t count) {
  const auto first = next_.fetch_add(count, std::memory_order_relaxed);
  if (first >= kRejectAfterMessages || count > kRejectAfterMessages - first) std::abort();
  return first;
}

void Keypairs::install_initiator(std::shared_ptr<Keypair> fresh, bool keep_next, Retired& retired) {
  if (next_ && !keep_next) {
    retire(aside_, retired);
    aside_ = std::move(next_);
  }
  retire(previous_, retired);
  previous_ = std::move(current_);
  current_ = std::move(fresh);
}

void Keypairs::install_responder(std::shared_ptr<Keypair> fresh, Retired& retired) {
  retire(next_, retired);
  next_ = std::move(fresh);
}

bool Keypairs::confirm(const Keypair* used, Retired& retired) {
  if (!next_ || used != next_.get()) return false;
  retire(previous_, retired);
  previous_ = std::move(current_);
  current_ = std::move(next_);
  return true;
}

std::vector<std::shared_ptr<Keypair>> Keypairs::all() const {
  std::vector<std::shared_ptr<Keypair>> out;
  for (const auto& each : {previous_, current_, next_, aside_}) {
    if (each) out.push_back(each);
  }
  return out;
}

void Keypairs::clear(Retired& retired) {
  retire(previous_, retired);
  retire(current_, retired);
  retire(next_, retired);
  retire(aside_, retired);
}

}  // namespace culvert::wireguard
