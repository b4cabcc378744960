#include "proto/trust/chain.hpp"

#include <algorithm>

namespace culvert::trust {
namespace {

Status check_root_threshold(const Root& root, const note::Note& note) {
  const auto known = root.known_keys();
  const auto signers = note::verify(note, known);
  if (!signers) return fail_with(signers.error());
  const auto count = persons(root, Group::kRoot, *signers).size();
  if (count >= root.root_threshold) return {};
  return fail(ErrorCode::kUnverified, "root: epoch " + std::to_string(root.epoch) + " needs " +
                                          std::to_string(root.root_threshold) +
                                          " root signatures, has " + std::to_string(count));
}

}  // namespace

Result<Root> verify_genesis(const note::Note& note, const Hash& pin) {
  auto root = Root::parse(note.text);
  if (!root) return root;
  if (root->epoch != 1) return fail(ErrorCode::kUnverified, "root: epoch 1 is missing");
  if (note::hash(note) != pin) {
    return fail(ErrorCode::kUnverified, "root: not the pinned root " + format_hash(pin.view()));
  }
  if (auto status = check_root_threshold(*root, note); !status) return fail_with(status.error());
  return root;
}

Result<Root> verify_step(const Root& current, const Hash& current_hash, const note::Note& next) {
  auto root = Root::parse(next.text);
  if (!root) return root;
  if (root->kind != current.kind || root->name != current.name ||
      root->genesis != current.genesis_hash(current_hash) || root->vendor_id != current.vendor_id) {
    return fail(ErrorCode::kUnverified, "root: of another site or vendor");
  }
  if (root->epoch != current.epoch + 1) {
    return fail(ErrorCode::kUnverified,
                "root: epoch " + std::to_string(current.epoch + 1) + " is missing");
  }
  if (root->previous != current_hash) {
    return fail(ErrorCode::kUnverified, "root: does not follow the one that is known");
  }
  if (auto status = check_root_threshold(current, next); !status) return fail_with(status.error());
  if (auto status = check_root_threshold(*root, next); !status) return fail_with(status.error());
  return root;
}

RootChain::RootChain(RootKind kind, Hash pin, ChainFloor floor)
    : kind_(kind), pin_(pin), floor_(floor) {}

Result<bool> RootChain::offer(const note::Note& note) {
  const auto parsed = Root::parse(note.text);
  if (!parsed) return fail_with(parsed.error());
  if (parsed->kind != kind_) return fail(ErrorCode::kUnverified, "root: of the other kind");
  if (parsed->epoch <= roots_.size()) return known_epoch(note, *parsed);
  if (roots_.size() == kMaxEpochs) return fail(ErrorCode::kExhausted, "root: too many epochs");
  auto root = roots_.empty() ? verify_genesis(note, pin_)
                             : verify_step(roots_.back(), hashes_.back(), note);
  if (!root) return fail_with(root.error());
  const auto hash = note::hash(note);
  if (root->epoch == floor_.epoch && hash != floor_.hash) {
    floor_.forked = true;
    return fail(ErrorCode::kConflict, "root: epoch " + std::to_string(root->epoch) +
                                          " was seen with another text before");
  }
  notes_.push_back(note);
  roots_.push_back(std::move(*root));
  hashes_.push_back(hash);
  if (roots_.size() > floor_.epoch) {
    floor_.epoch = roots_.size();
    floor_.hash = hash;
  }
  return true;
}

// A text for an epoch that is held already: the same, junk, or the fork that must raise an alarm.
Result<bool> RootChain::known_epoch(const note::Note& note, const Root& root) {
  const std::size_t index = root.epoch - 1;
  if (note::hash(note) == hashes_[index]) return false;
  auto rival = index == 0 ? verify_genesis(note, pin_)
                          : verify_step(roots_[index - 1], hashes_[index - 1], note);
  if (!rival) return fail_with(rival.error());
  floor_.forked = true;
  return fail(ErrorCode::kConflict,
              "root: epoch " + std::to_string(root.epoch) + " was signed with two texts");
}

const Root* RootChain::current() const {
  return roots_.empty() || roots_.size() < floor_.epoch ? nullptr : &roots_.back();
}

bool RootChain::knows(const Hash& hash) const {
  return std::find(hashes_.begin(), hashes_.end(), hash) != hashes_.end();
}

Result<RootChain> walk_chain(RootKind kind, const Hash& pin, std::span<const note::Note> notes) {
  RootChain out(kind, pin, {});
  for (const auto& note : notes) {
    if (const auto moved = out.offer(note); !moved) return fail_with(moved.error());
  }
  if (out.current() == nullptr) return fail(ErrorCode::kUnverified, "root: the chain is empty");
  return out;
}

}  // namespace culvert::trust
