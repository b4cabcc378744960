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

}  // namespace culvert::trust
