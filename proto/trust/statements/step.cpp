#include "proto/trust/statements/step.hpp"

#include <algorithm>
#include <vector>

namespace culvert::trust {
namespace {

Status check_threshold(const Root& root, std::span<const note::KnownKey> signers) {
  const auto count = persons(root, Group::kRoot, signers).size();
  if (count >= root.root_threshold) return {};
  return fail(ErrorCode::kUnverified, "root: epoch " + std::to_string(root.epoch) + " needs " +
                                          std::to_string(root.root_threshold) +
                                          " root signatures, has " + std::to_string(count));
}

// The verified signers of a step that count under the suspensions.
std::vector<note::KnownKey> counting(const Root& current, const Root& next,
                                     const std::vector<note::KnownKey>& signers,
                                     const Suspended& suspended) {
  const auto is_suspended = [&](const crypto::PublicKey& key) {
    const auto found = suspended.find(key);
    return found != suspended.end() && next.epoch > found->second;
  };
  std::vector<note::KnownKey> clean;
  std::copy_if(signers.begin(), signers.end(), std::back_inserter(clean),
               [&](const note::KnownKey& signer) { return !is_suspended(signer.key); });
  const bool lists_one = std::any_of(next.keys.begin(), next.keys.end(),
                                     [&](const RootKey& key) { return is_suspended(key.key); });
  const bool vouched = !persons(current, Group::kRoot, clean).empty();
  return !lists_one && vouched ? signers : clean;
}

}  // namespace

Result<Root> verify_genesis(const note::Note& note, const Hash& pin) {
  auto root = Root::parse(note.text);
  if (!root) return root;
  if (root->epoch != 1) return fail(ErrorCode::kUnverified, "root: epoch 1 is missing");
  if (note::hash(note) != pin) {
    return fail(ErrorCode::kUnverified, "root: not the pinned root " + format_hash(pin.view()));
  }
  const auto signers = note::verify(note, root->known_keys(Group::kRoot));
  if (!signers) return fail_with(signers.error());
  if (auto status = check_threshold(*root, *signers); !status) return fail_with(status.error());
  return root;
}

Result<Root> verify_step(const Root& current, const Hash& current_hash, const note::Note& next,
                         const Suspended& suspended) {
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
  auto known = current.known_keys(Group::kRoot);
  for (auto& key : root->known_keys(Group::kRoot)) {
    if (current.find(key.key, Group::kRoot) == nullptr) known.push_back(std::move(key));
  }
  const auto signers = note::verify(next, known);
  if (!signers) return fail_with(signers.error());
  const auto by = counting(current, *root, *signers, suspended);
  if (auto status = check_threshold(current, by); !status) return fail_with(status.error());
  if (auto status = check_threshold(*root, by); !status) return fail_with(status.error());
  return root;
}

}  // namespace culvert::trust
