#include "proto/trust/store.hpp"

#include <algorithm>

namespace culvert::trust {

bool valid_store_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                  c == '.';
         });
}

Result<std::optional<Bytes>> StateStore::get(std::string_view name) {
  auto loaded = load(name);
  if (!loaded) return fail_with(loaded.error());
  if (!*loaded) return std::optional<Bytes>{};
  return std::optional<Bytes>(std::move((*loaded)->bytes));
}

Status StateStore::put(std::string_view name, ByteView value) {
  constexpr int kAttempts =
      8;  // lost races; another writer wins each time, so someone makes progress
  Result<std::uint64_t> done = fail(ErrorCode::kConflict, "store: lost every race");
  for (int i = 0; i < kAttempts; ++i) {
    const auto held = load(name);
    if (!held) return fail_with(held.error());
    done = replace(name, value, *held ? (*held)->version : 0);
    if (done || done.error().code != ErrorCode::kConflict) break;
  }
  if (!done) return fail_with(done.error());
  return {};
}

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
