#include "proto/trust/register/roots.hpp"

#include <algorithm>

#include "proto/trust/register/limits.hpp"

namespace culvert::trust {
namespace {

DocumentMark mark_of(const RootChain* chain) {
  const auto* root = chain == nullptr ? nullptr : chain->current();
  return root == nullptr ? DocumentMark{} : DocumentMark{root->epoch, chain->current_hash()};
}

}  // namespace

Roots::Roots(const Pins& pins, const RegisterFloors& floors)
    : pins_(pins),
      vendor_floors_(floors.vendors),
      suspended_(floors.suspended, floors.suspended_at) {
  for (const auto& [id, floor] : floors.sites) site_floors_[id] = {floor.name, floor.root};
  if (pins.site_root) add_site(to_site_id(*pins.site_root));
  adopt_vendor();
}

VendorId Roots::vendor_id() const { return vendor_ ? to_vendor_id(vendor_->pin()) : VendorId{}; }

const RootChain* Roots::site_chain(const SiteId& id) const {
  const auto found = sites_.find(id);
  return found == sites_.end() ? nullptr : &found->second;
}

const Root* Roots::site(const SiteId& id) const {
  const auto* chain = site_chain(id);
  return chain == nullptr ? nullptr : chain->current();
}

DocumentMark Roots::vendor_mark() const { return mark_of(vendor_chain()); }
DocumentMark Roots::site_mark(const SiteId& id) const { return mark_of(site_chain(id)); }

bool Roots::lists(const crypto::PublicKey& key) const {
  if (vendor() != nullptr && vendor()->lists(key)) return true;
  return std::any_of(sites_.begin(), sites_.end(), [&](const auto& entry) {
    const auto* root = entry.second.current();
    return root != nullptr && root->lists(key);
  });
}

bool Roots::ever_listed(const crypto::PublicKey& key) const {
  return (vendor_ && vendor_->ever_listed(key)) ||
         std::any_of(sites_.begin(), sites_.end(),
                     [&](const auto& entry) { return entry.second.ever_listed(key); });
}

void Roots::each(const std::function<void(const RootChain&)>& visit) const {
  if (vendor_) visit(*vendor_);
  for (const auto& [id, chain] : sites_) visit(chain);
}

void Roots::add_site(const SiteId& id) {
  if (sites_.contains(id)) return;
  const auto floor = site_floors_.find(id);
  sites_.emplace(id, RootChain(RootKind::kSite, to_hash(id),
                               floor == site_floors_.end() ? ChainFloor{} : floor->second.root));
}

void Roots::adopt_vendor() {
  if (vendor_) return;
  auto genesis = pins_.vendor_genesis;
  if (!genesis && pins_.site_root) {
    // Every epoch names the same vendor, so the first epoch is enough, even below the floor.
    const auto* root = site_chain(to_site_id(*pins_.site_root))->first();
    if (root != nullptr) genesis = to_hash(root->vendor_id);
  }
  if (!genesis) return;
  const auto floor = vendor_floors_.find(to_vendor_id(*genesis));
  vendor_.emplace(RootKind::kVendor, *genesis,
                  floor == vendor_floors_.end() ? ChainFloor{} : floor->second);
}

RootChain* Roots::chain_of(const Hash& genesis) {
  if (vendor_ && vendor_->pin() == genesis) return &*vendor_;
  const auto site = sites_.find(to_site_id(genesis));
  return site == sites_.end() ? nullptr : &site->second;
}

void Roots::keep_floor(const RootChain& chain) {
  if (chain.floor().epoch == 0) return;
  if (vendor_ && vendor_->pin() == chain.pin()) {
    vendor_floors_[to_vendor_id(chain.pin())] = chain.floor();
    return;
  }
  auto& floor = site_floors_[to_site_id(chain.pin())];
  if (chain.current() != nullptr) floor.name = chain.current()->name;
  floor.root = chain.floor();
}

Result<ChainMove> Roots::offer(const note::Note& note, const Hash& genesis) {
  auto* chain = chain_of(genesis);
  if (chain == nullptr) return fail(ErrorCode::kUnverified, "root: its chain is not known here");
  const auto before = chain->floor();
  const auto moved = chain->offer(note, suspended_.in_chain(genesis));
  if (chain->floor() != before) ++revision_;
  keep_floor(*chain);
  if (moved && *moved == ChainMove::kEpoch) {
    if (suspended_.settle(*chain)) ++revision_;
    adopt_vendor();
  }
  return moved;
}

bool Roots::choose(RootChain& chain, const Hash& text) {
  const bool forked_here = chain.floor().hash == text ? chain.forked() : !chain.rivals().empty();
  if (!forked_here || !chain.choose(text)) return false;
  keep_floor(chain);
  suspended_.settle(chain);
  ++revision_;
  return true;
}

Status Roots::choose_fork(const Hash& text) {
  if (vendor_ && choose(*vendor_, text)) return {};
  for (auto& [id, chain] : sites_) {
    if (choose(chain, text)) return {};
  }
  return fail(ErrorCode::kNotFound,
              "root: no root known here has that text among two of its newest epoch");
}

bool Roots::suppose(const Root& next) {
  auto* chain = next.genesis ? chain_of(*next.genesis) : nullptr;
  if (chain == nullptr) return false;
  chain->suppose(next);
  return true;
}

Status Roots::room_to_suspend(const crypto::PublicKey& key) const {
  bool room = false;
  each([&](const RootChain& chain) {
    room = room || (chain.ever_listed(key) && suspended_.has_room(chain.pin()));
  });
  if (room) return {};
  return fail(ErrorCode::kExhausted, "revocation: the chain of this key has ended " +
                                         std::to_string(kMaxSuspendedKeys) +
                                         " of its keys already");
}

void Roots::suspend(const crypto::PublicKey& key, std::span<const Hash> named) {
  each([&](const RootChain& chain) {
    if (chain.first() != nullptr && chain.ever_listed(key)) {
      suspended_.mark(key, chain.pin(), chain.notes().size());
    }
  });
  for (const auto& root : named) {
    bool known = false;
    each([&](const RootChain& chain) { known = known || chain.knows(root); });
    if (!known) suspended_.await(key, root);
  }
  ++revision_;
}

}  // namespace culvert::trust
