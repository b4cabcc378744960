#include "tests/support/memory_state.hpp"

#include <algorithm>

namespace culvert::trust {

Status MemoryStore::check(std::string_view name) const {
  if (error_) return fail_with(*error_);
  if (!valid_store_name(name)) return fail(ErrorCode::kInvalid, "store: bad name");
  return {};
}

Result<std::optional<StoredValue>> MemoryStore::load(std::string_view name) {
  if (auto status = check(name); !status) return fail_with(status.error());
  const auto found = values_.find(name);
  if (found == values_.end()) return std::optional<StoredValue>{};
  return std::optional<StoredValue>(found->second);
}

Result<std::uint64_t> MemoryStore::replace(std::string_view name, ByteView value,
                                           std::uint64_t expected) {
  if (auto status = check(name); !status) return fail_with(status.error());
  if (value.size() > kMaxStoreValue) return fail(ErrorCode::kExhausted, "store: value too large");
  const auto found = values_.find(name);
  const std::uint64_t held = found == values_.end() ? 0 : found->second.version;
  if (held != expected) return fail(ErrorCode::kConflict, "store: someone else changed it");
  values_[std::string(name)] = {to_bytes(value), ++last_version_};
  return last_version_;
}

Status MemoryStore::remove(std::string_view name) {
  if (auto status = check(name); !status) return status;
  if (const auto found = values_.find(name); found != values_.end()) values_.erase(found);
  return {};
}

void MemoryStore::restore(Values values) {
  for (const auto& [name, value] : values) last_version_ = std::max(last_version_, value.version);
  values_ = std::move(values);
}

}  // namespace culvert::trust
