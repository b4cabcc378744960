#include "agent/store/own_store.hpp"

namespace culvert::agent {

Result<std::optional<trust::StoredValue>> OwnStore::load(std::string_view name) {
  auto stored = store_->load(name);
  if (stored) seen_[std::string(name)] = {*stored ? (*stored)->version : 0, std::nullopt};
  return stored;
}

Result<OwnStore::Seen*> OwnStore::seen(std::string_view name) {
  auto found = seen_.find(name);
  if (found == seen_.end()) {
    if (const auto stored = load(name); !stored) return fail_with(stored.error());
    found = seen_.find(name);
  }
  return &found->second;
}

Result<std::optional<Bytes>> OwnStore::get(std::string_view name) {
  auto stored = load(name);
  if (!stored) return fail_with(stored.error());
  if (!*stored) return std::optional<Bytes>();
  return std::optional<Bytes>(std::move((*stored)->bytes));
}

Status OwnStore::put(std::string_view name, ByteView value) {
  const auto last = seen(name);
  if (!last) return fail_with(last.error());
  Seen& known = **last;
  auto written = store_->replace(name, value, known.version);
  if (!written && written.error().code == ErrorCode::kConflict && known.attempted) {
    const auto stored = store_->load(name);
    if (!stored) return fail_with(stored.error());
    if (*stored && crypto::sha256((*stored)->bytes) == *known.attempted) {
      written = store_->replace(name, value, (*stored)->version);
    }
  }
  if (written) {
    known = {*written, std::nullopt};
    return {};
  }
  if (written.error().code != ErrorCode::kConflict) {
    known.attempted = crypto::sha256(value);
    return fail_with(written.error());
  }
  return fail(ErrorCode::kConflict,
              "\"" + std::string(name) +
                  "\" was changed by somebody else: two agents run on one state folder; stop one "
                  "of them and start the other one again");
}

Status OwnStore::remove(std::string_view name) {
  if (auto removed = store_->remove(name); !removed) return removed;
  seen_[std::string(name)] = {};
  return {};
}

}  // namespace culvert::agent
