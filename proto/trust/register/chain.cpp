#include "proto/trust/register/chain.hpp"

#include <algorithm>

namespace culvert::trust {

RootChain::RootChain(RootKind kind, Hash pin, ChainFloor floor)
    : kind_(kind), pin_(pin), floor_(floor) {}

Result<ChainMove> RootChain::offer(const note::Note& note, const Suspensions& suspensions) {
  const auto parsed = Root::parse(note.text);
  if (!parsed) return fail_with(parsed.error());
  if (parsed->kind != kind_) return fail(ErrorCode::kUnverified, "root: of the other kind");
  if (parsed->epoch <= roots_.size()) {
    return known_epoch(note, *parsed, suspensions.until);
  }
  if (roots_.size() == kMaxEpochs) return fail(ErrorCode::kExhausted, "root: too many epochs");
  auto root = roots_.empty() ? verify_genesis(note, pin_)
                             : verify_step(roots_.back(), hashes_.back(), note, suspensions.until);
  if (root) return walk(note, std::move(*root));
  if (!suspensions.named.empty() && !roots_.empty()) {
    auto moved = wait(note, *parsed, suspensions);
    if (moved) return moved;
  }
  return fail_with(root.error());
}

// Adds a verified next epoch.
Result<ChainMove> RootChain::walk(const note::Note& note, Root root) {
  const auto hash = note::hash(note);
  auto kept = note::keep_known(note, keys_of(roots_.size(), root));
  if (!kept) return fail_with(kept.error());
  if (root.epoch == floor_.epoch && hash != floor_.hash) return rival(*kept, root.epoch);
  notes_.push_back(std::move(*kept));
  roots_.push_back(std::move(root));
  hashes_.push_back(hash);
  if (roots_.size() > floor_.epoch) floor_ = {roots_.size(), hash, Fork::kNone};
  return ChainMove::kEpoch;
}

// Keeps a root whose step is valid only if no key is suspended. The root waits until the chain
// knows the root that a suspension names.
Result<ChainMove> RootChain::wait(const note::Note& note, const Root& root,
                                  const Suspensions& suspensions) {
  const Root* before = root.previous == hashes_.back() ? &roots_.back() : nullptr;
  for (const auto& ahead : ahead_) {
    if (ahead.hash == root.previous) before = &ahead.root;
  }
  if (before == nullptr) return fail(ErrorCode::kUnverified, "root: an epoch is missing");
  const auto verified = verify_step(*before, *root.previous, note);
  if (!verified) return fail_with(verified.error());
  const auto hash = note::hash(note);
  const bool held = std::any_of(ahead_.begin(), ahead_.end(),
                                [&](const Ahead& ahead) { return ahead.hash == hash; });
  if (!held) ahead_.push_back({note, *verified, hash});
  if (suspensions.named.count(hash) != 0) return adopt(hash);
  if (ahead_.size() > kMaxWaiting) ahead_.pop_front();
  return fail(ErrorCode::kUnverified, "root: waits for the root that a suspension names");
}

// Walks from the current root to a waiting root.
Result<ChainMove> RootChain::adopt(const Hash& last) {
  std::vector<Ahead> path;
  for (auto hash = last; hash != hashes_.back();) {
    const auto found = std::find_if(ahead_.begin(), ahead_.end(),
                                    [&](const Ahead& ahead) { return ahead.hash == hash; });
    if (found == ahead_.end()) return fail(ErrorCode::kUnverified, "root: an epoch is missing");
    path.push_back(*found);
    hash = *found->root.previous;
  }
  ahead_.clear();
  for (auto step = path.rbegin(); step != path.rend(); ++step) {
    if (auto moved = walk(step->note, step->root); !moved) return moved;
  }
  return ChainMove::kEpoch;
}

// The root keys that may sign the epoch at `index`, whose text is `root`.
std::vector<note::KnownKey> RootChain::keys_of(std::size_t index, const Root& root) const {
  auto out = root.known_keys(Group::kRoot);
  if (index == 0) return out;
  for (auto& key : roots_[index - 1].known_keys(Group::kRoot)) {
    if (root.find(key.key, Group::kRoot) == nullptr) out.push_back(std::move(key));
  }
  return out;
}

// A text for an epoch that is held already: the same text, junk, or a rival. A suspended key makes
// no rival of any epoch.
Result<ChainMove> RootChain::known_epoch(const note::Note& note, const Root& root,
                                         Suspended suspended) {
  const std::size_t index = root.epoch - 1;
  if (note::hash(note) == hashes_[index]) {
    const auto kept = note::keep_known(note, keys_of(index, root));
    if (!kept) return fail_with(kept.error());
    auto merged = note::merge(notes_[index], *kept);
    if (merged) merged = note::keep_known(*merged, keys_of(index, root));
    if (!merged) return fail_with(merged.error());
    if (merged->signatures == notes_[index].signatures) return ChainMove::kNone;
    notes_[index] = std::move(*merged);
    return ChainMove::kLines;
  }
  for (auto& [key, epoch] : suspended) epoch = 0;
  const auto verified = index == 0
                            ? verify_genesis(note, pin_)
                            : verify_step(roots_[index - 1], hashes_[index - 1], note, suspended);
  if (!verified) return fail_with(verified.error());
  const auto kept = note::keep_known(note, keys_of(index, root));
  if (!kept) return fail_with(kept.error());
  return rival(*kept, root.epoch);
}

tl::unexpected<Error> RootChain::rival(const note::Note& note, std::uint64_t epoch) {
  const bool held = std::any_of(rivals_.begin(), rivals_.end(),
                                [&](const note::Note& other) { return other.text == note.text; });
  if (!held) rivals_.push_back(note);
  if (rivals_.size() > kMaxRivals) rivals_.pop_front();
  if (epoch == floor_.epoch && floor_.fork == Fork::kNone) floor_.fork = Fork::kStopped;
  return fail(ErrorCode::kConflict,
              "root: epoch " + std::to_string(epoch) + " was signed with two texts");
}

std::optional<RootFork> RootChain::fork() const {
  if (!forked()) return std::nullopt;
  RootFork out;
  if (roots_.size() == floor_.epoch) {
    out.root = roots_.back();
    out.texts.push_back({notes_.back(), true});
  }
  for (const note::Note& note : rivals_) {
    const auto root = Root::parse(note.text);
    if (!root || root->epoch != floor_.epoch) continue;
    if (out.texts.empty()) out.root = *root;
    out.texts.push_back({note, false});
  }
  if (out.texts.empty()) return std::nullopt;
  return out;
}

Status RootChain::choose(const Hash& hash) {
  if (hash == floor_.hash) {
    floor_.fork = Fork::kChosen;
    return {};
  }
  const auto found = std::find_if(rivals_.begin(), rivals_.end(), [&](const note::Note& note) {
    const auto root = Root::parse(note.text);
    return root && root->epoch == floor_.epoch && note::hash(note) == hash;
  });
  if (found == rivals_.end()) {
    return fail(ErrorCode::kNotFound, "root: no text of the newest epoch has that hash");
  }
  const auto chosen = *found;
  rivals_.erase(found);
  if (roots_.size() == floor_.epoch) {
    rivals_.push_back(notes_.back());
    notes_.pop_back();
    roots_.pop_back();
    hashes_.pop_back();
  }
  floor_.hash = hash;
  floor_.fork = Fork::kChosen;
  auto root = Root::parse(chosen.text);
  if (!root) return fail_with(root.error());
  if (auto moved = walk(chosen, std::move(*root)); !moved) return fail_with(moved.error());
  return {};
}

const Root* RootChain::current() const {
  return roots_.empty() || roots_.size() < floor_.epoch ? nullptr : &roots_.back();
}

void RootChain::suppose(Root root) {
  hashes_.push_back(note::hash(root.render()));
  roots_.push_back(std::move(root));
}

std::uint64_t RootChain::epoch_of(const Hash& hash) const {
  const auto found = std::find(hashes_.begin(), hashes_.end(), hash);
  return found == hashes_.end() ? 0 : static_cast<std::uint64_t>(found - hashes_.begin()) + 1;
}

bool RootChain::ever_listed(const crypto::PublicKey& key) const {
  return std::any_of(roots_.begin(), roots_.end(),
                     [&](const Root& root) { return root.lists(key); });
}

}  // namespace culvert::trust
